/*
 * Loads that die and go on: what is read again, what is kept, and that no row comes twice. The keeper of the point is a
 * file; the real one, a process, is in tests/e2e/test_resume.py.
 */
#include "load/load_checkpoint.h"

#include "base/file.h"
#include "catalog/hadoop_catalog.h"
#include "storage/faulty.h"

#include "../../tests/support/load_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a keeper ---- */

static char keeper_path[160];
static int  keeper_ends;

static bool
find(void *state, kept_point *ret_kept)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    const world                            *w = state;
    firn_error                              err = {0};

    firn_buffer_init(&text, UUID_TEXT_SIZE);
    if (file_read(keeper_path, &text, &err)) return false;
    *ret_kept = (kept_point){.point = {.exact = true}};
    (void) snprintf(ret_kept->plan, sizeof ret_kept->plan, "%.*s", (int) text.size, (const char *) text.data);
    (void) snprintf(ret_kept->point.identity, sizeof ret_kept->point.identity, "%s", w->src.identity);
    (void) snprintf(ret_kept->point.position, sizeof ret_kept->point.position, "0/1000");
    (void) snprintf(ret_kept->point.snapshot, sizeof ret_kept->point.snapshot, "00000003-1");
    return true;
}

static firn_status
keep(void *state, const kept_point *kept, firn_error *err)
{
    (void) state;
    return file_write_atomic(keeper_path, firn_slice_text(kept->plan), 0600, err);
}

static void
end(void *state)
{
    (void) state;
    keeper_ends += unlink(keeper_path) == 0;
}

static load_keeper keeper = {.find = find, .keep = keep, .end = end};

static const fake_table two[] = {{"orders", 4000, TABLE_ORDINARY}, {"items", 800, TABLE_ORDINARY}};

static int
set_up(void **state)
{
    world *w = NULL;

    assert_int_equal(world_set_up(state), 0);
    w = *state;
    fake_source_init(&w->src, two, FIRN_COUNT(two));
    w->src.splits_per_table = 8;
    w->src.row_bytes = 512 << 10;
    keeper.state = w;
    keeper_ends = 0;
    (void) snprintf(keeper_path, sizeof keeper_path, "%s/keeper", w->folder);
    w->settings.keeper = &keeper;
    w->settings.checkpoint_batches = 1;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;
    w->settings.parallel_tables = 1;
    return 0;
}

/* Batches that the next run needs at most, where it reads everything: rows by batches, and an empty one a split. */
#define ALL_BATCHES (40 + 8 + 8 + 8)

/* An earlier run had read some splits of `orders`: `most` where the lane had come as far as the reader, but at least `least`. */
static void
assert_kept(int batches, int least, int most)
{
    const int kept = ALL_BATCHES - batches;

    assert_int_equal(kept % 6, 0); /* whole splits: five batches and an empty one */
    assert_in_range(kept / 6, least, most);
}

static int
run_and_count_batches(world *w)
{
    atomic_store(&w->src.batches, 0);
    assert_int_equal(world_run(w), FIRN_OK);
    return atomic_load(&w->src.batches);
}

static void
assert_whole(world *w)
{
    world_assert_has(w, "orders", 4000);
    world_assert_has(w, "items", 800);
    assert_int_equal(world_count_strays(w, "orders"), 0);
    assert_int_equal(world_count_strays(w, "items"), 0);
    assert_false(file_exists(keeper_path));
}

/* ---- what is kept ---- */

static void
finished_splits_are_not_read_again(void **state)
{
    world *w = *state;

    world_run_and_die(w, 20); /* in the fourth split */
    assert_true(file_exists(keeper_path));
    w->src.position = "0/9999"; /* that a new point would have */

    assert_kept(run_and_count_batches(w), 1, 3);

    assert_string_equal(w->result.point.position, "0/1000");
    assert_string_equal(world_result(w, "orders")->position, "0/1000");
    assert_int_equal(world_result(w, "orders")->row_count, 4000);
    assert_int_equal(keeper_ends, 1);
    assert_whole(w);
}

/* At each batch in turn, and again in the run that goes on: the sums and rows are right, and no file is left. */
static void
dying_anywhere_and_again_ends_well(void **state)
{
    world *w = *state;

    for (int at = 1; at <= ALL_BATCHES; at += 3) {
        world_run_and_die(w, at);
        if (at % 2) world_run_and_die(w, at < 24 ? 2 : 1);
        assert_int_equal(world_run(w), FIRN_OK);
        assert_whole(w);
        assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &w->err), FIRN_OK);
    }
}

static void
the_checksum_is_that_of_a_load_in_one_piece(void **state)
{
    world *w = *state;
    char   whole[ROW_CHECKSUM_TEXT_MAX];

    assert_int_equal(world_run(w), FIRN_OK);
    (void) snprintf(whole, sizeof whole, "%s", world_result(w, "orders")->checksum);
    assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &w->err), FIRN_OK);
    world_run_and_die(w, 20);
    assert_int_equal(world_run(w), FIRN_OK);

    assert_string_equal(world_result(w, "orders")->checksum, whole);
}

static void
partitions_and_connections_resume_alike(void **state)
{
    world *w = *state;
    w->settings.parallel_tables = 3;
    w->settings.defaults.partition_by = (const char *const[]){"bucket(3, id)"};
    w->settings.defaults.partition_by_count = 1;

    for (int at = 5; at < 40; at += 7) {
        world_run_and_die(w, at);
        assert_int_equal(world_run(w), FIRN_OK);
        assert_whole(w);
        assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &w->err), FIRN_OK);
    }
}

/* ---- when nothing may be kept ---- */

static void
without_the_keeper_all_is_read_anew(void **state)
{
    world *w = *state;

    world_run_and_die(w, 20);
    assert_int_equal(unlink(keeper_path), 0);
    w->src.position = "0/9999";

    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);

    assert_string_equal(world_result(w, "orders")->position, "0/9999");
    assert_whole(w);
}

static void
a_snapshot_that_is_gone_begins_anew(void **state)
{
    world *w = *state;

    world_run_and_die(w, 20);
    w->src.snapshot = "00000004-1";

    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);

    assert_whole(w);
}

static void
other_settings_begin_the_table_anew(void **state)
{
    world *w = *state;

    world_run_and_die(w, 20);
    w->settings.defaults.partition_by = (const char *const[]){"bucket(2, id)"};
    w->settings.defaults.partition_by_count = 1;

    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);

    assert_whole(w);
}

static void
no_resume_and_a_fresh_start_end_the_keeper(void **state)
{
    world *w = *state;

    world_run_and_die(w, 20);
    w->settings.resume = false;
    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);
    assert_int_equal(keeper_ends, 1);
    w->settings.resume = true;
    assert_int_equal(file_write_atomic(keeper_path, firn_slice_text("x"), 0600, &w->err), FIRN_OK);
    w->settings.fresh_start = true;
    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);
    assert_int_equal(keeper_ends, 2);
    assert_whole(w);
}

/* A file that is not there as it was noted: its splits are read again, the others are not. */
static void
a_group_whose_file_is_gone_is_read_again(void **state)
{
    FIRN_AUTO(split_ledger_freep) split_ledger *ledger = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer     plan = {0};
    world                                      *w = *state;
    kept_point                                  kept = {0};

    world_run_and_die(w, 20);
    assert_true(find(w, &kept));
    assert_int_equal(split_ledger_resume(w->state, kept.plan, w->files, &ledger, &w->err), FIRN_OK);
    const int   done = (int) split_ledger_first(ledger)->done_count;
    const char *victim = split_ledger_first(ledger)->files.files[0].path;
    assert_int_equal(truncate(victim + strlen("file://"), 100), 0);

    assert_kept(run_and_count_batches(w), done - 1, done - 1);

    assert_whole(w);
}

static void
a_torn_line_costs_its_group_only(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    world                                  *w = *state;
    char                                    path[160];

    world_run_and_die(w, 20);
    (void) snprintf(path, sizeof path, "%s/splits.jsonl", w->state);
    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, &w->err), FIRN_OK);
    assert_int_equal(truncate(path, (off_t) text.size - 7), 0);

    assert_kept(run_and_count_batches(w), 0, 2);

    assert_whole(w);
}

static void
a_damaged_list_counts_for_nothing(void **state)
{
    world *w = *state;
    char   path[160];

    world_run_and_die(w, 20);
    (void) snprintf(path, sizeof path, "%s/splits.jsonl", w->state);
    assert_int_equal(file_write_atomic(path, firn_slice_text("{\"type\":\"ledger\",\"v\":1,\"plan\":\"x\"}\n"), 0600, &w->err), FIRN_OK);

    assert_int_equal(run_and_count_batches(w), ALL_BATCHES);

    assert_whole(w);
}

/* ---- around the commit ---- */

static void
die_before_metadata(void *state, uint64_t nth, const char *call, const char *location)
{
    (void) state;
    (void) nth;
    if (strcmp(call, "put_new") == 0 && strstr(location, "/orders/metadata/")) world_die();
}

/* It was offered, and every file of it is known: the same files are offered again under the same id. */
static void
what_was_offered_and_not_applied_is_offered_again(void **state)
{
    world   *w = *state;
    catalog *lake = w->lake, *deadly = NULL;
    storage *faulty = NULL;

    assert_int_equal(storage_faulty_new(w->files, &faulty, &w->err), FIRN_OK);
    storage_faulty_hook(faulty, die_before_metadata, NULL);
    assert_int_equal(hadoop_catalog_new(w->warehouse, faulty, &deadly, &w->err), FIRN_OK);
    w->lake = deadly;
    world_run_and_die(w, -1);
    w->lake = lake;
    catalog_free(deadly);
    storage_free(faulty);
    atomic_store(&w->warnings, 0);

    assert_int_equal(run_and_count_batches(w), 16); /* items only */

    assert_int_equal(atomic_load(&w->warnings), 0);
    assert_whole(w);
}

/* ---- the tail ---- */

typedef struct meeting {
    world     *w;
    task_lock *guard;
    int        inside, most;
} meeting;

/* Nobody goes on with the big table before two are in it. */
static void
wait_for_two(void *state, int number)
{
    meeting *m = state;

    (void) number;
    task_lock_hold(m->guard);
    m->inside++;
    if (m->inside > m->most) m->most = m->inside;
    task_lock_wake_all(m->guard);
    while (m->most < 2 && !task_cancel_requested(m->w->cancel)) (void) task_lock_wait(m->guard, 50);
    m->inside--;
    task_lock_release(m->guard);
}

/* One connection a table and two workers: the second has no table, and reads splits of the first's. Without help this
 * would never end. */
static void
whoever_has_no_table_helps_with_another(void **state)
{
    world  *w = *state;
    meeting m = {.w = w, .guard = task_lock_new()};
    w->settings.table_filters = (const char *const[]){"items"};
    w->settings.table_filter_count = 1;
    assert_int_equal(world_run(w), FIRN_OK); /* the other worker has nothing to read */
    w->settings.table_filter_count = 0;
    w->settings.keeper = NULL; /* larger groups: a lane reads one at a time */
    w->settings.parallel_workers = 2;
    w->src.at_batch = wait_for_two;
    w->src.at_batch_state = &m;

    assert_int_equal(world_run(w), FIRN_OK);

    assert_int_equal(m.most, 2); /* and never more than workers × connections */
    world_assert_has(w, "orders", 4000);
    task_lock_free(m.guard);
}

static void
a_helper_that_fails_fails_the_table_only(void **state)
{
    world *w = *state;
    w->settings.parallel_workers = 2;
    w->settings.keeper = NULL;
    w->settings.retry_max = 0;

    for (int at = 1; at < 60; at += 3) {
        atomic_store(&w->src.batches, 0);
        atomic_store(&w->src.break_at_batch, at);
        firn_status status = world_run(w);
        assert_true(status == FIRN_FAILED || status == FIRN_OK);
        atomic_store(&w->src.break_at_batch, 0);
        assert_int_equal(world_run(w), FIRN_OK);
        assert_whole(w);
        assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &w->err), FIRN_OK);
    }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(finished_splits_are_not_read_again),
        CASE(dying_anywhere_and_again_ends_well),
        CASE(the_checksum_is_that_of_a_load_in_one_piece),
        CASE(partitions_and_connections_resume_alike),
        CASE(without_the_keeper_all_is_read_anew),
        CASE(a_snapshot_that_is_gone_begins_anew),
        CASE(other_settings_begin_the_table_anew),
        CASE(no_resume_and_a_fresh_start_end_the_keeper),
        CASE(a_group_whose_file_is_gone_is_read_again),
        CASE(a_torn_line_costs_its_group_only),
        CASE(a_damaged_list_counts_for_nothing),
        CASE(what_was_offered_and_not_applied_is_offered_again),
        CASE(whoever_has_no_table_helps_with_another),
        CASE(a_helper_that_fails_fails_the_table_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
