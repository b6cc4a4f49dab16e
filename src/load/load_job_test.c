/*
 * Whole loads from a fake source into a Hadoop catalog in a temporary folder, read back by firn's own
 * readers. What other programs think of such tables is asked in tests/e2e.
 */
#include "load/load_job.h"

#include "base/alloc.h"
#include "base/file.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/live_files.h"
#include "parquet/file_reader.h"
#include "state/status_table.h"
#include "storage/faulty.h"

#include "../../tests/support/load_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const levels[] = {"bronze", "shop"};

static void
each_table_arrives_whole_and_views_do_not(void **state)
{
    world *w = *state;
    w->src.splits_per_table = 7;

    assert_int_equal(world_run(w), FIRN_OK);

    assert_int_equal(w->result.table_count, 3);
    assert_int_equal(w->result.done_count, 3);
    assert_int_equal(w->result.row_count, 6234);
    world_assert_has(w, "orders", 5000);
    world_assert_has(w, "items", 1234);
    world_assert_has(w, "empty", 0);
}

static void
a_new_table_is_one_version_with_position_and_origin(void **state)
{
    world *w = *state;

    assert_int_equal(world_run(w), FIRN_OK);

    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, "orders");
    assert_int_equal(table->version, 1);
    assert_int_equal(table->snapshot_count, 1);
    assert_string_equal(table_metadata_property(table, "firn.load-position"), "0/1000");
    assert_string_equal(table_metadata_property(table, "firn.source-identity"), "fake:1:1");
    assert_string_equal(table_metadata_property(table, "firn.source-table"), "public.orders");
    assert_string_equal(table_metadata_property(table, "comment"), "a fake");
    assert_non_null(table_metadata_property(table, "firn.commit-id"));
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.position"), "0/1000");
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.coerced-values"), "0");
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.correlation-id"), "test");
    assert_int_equal(table_metadata_schema(table)->key_count, 1);
}

/* Wherever the connection breaks, before the first batch, between any two, or at the end. */
static void
a_broken_connection_leaves_each_row_once(void **state)
{
    world *w = *state;
    w->src.tables = (const fake_table[]){{"orders", 900, TABLE_ORDINARY}};
    w->src.table_count = 1;
    w->settings.resume = false;

    for (int at = 1; at <= 10; at++) {
        atomic_store(&w->src.batches, 0);
        atomic_store(&w->src.opens, 0);
        atomic_store(&w->src.break_at_batch, at);
        assert_int_equal(world_run(w), FIRN_OK);
        assert_int_equal(atomic_load(&w->src.opens), 2);
        world_assert_has(w, "orders", 900);
    }
}

static void
parallel_splits_with_broken_connections_leave_each_row_once(void **state)
{
    world *w = *state;
    w->src.tables = (const fake_table[]){{"orders", 20000, TABLE_ORDINARY}};
    w->src.table_count = 1;
    w->src.splits_per_table = 16;
    w->settings.resume = false;

    for (int at = 5; at <= 200; at += 39) {
        atomic_store(&w->src.batches, 0);
        atomic_store(&w->src.break_at_batch, at);
        assert_int_equal(world_run(w), FIRN_OK);
        world_assert_has(w, "orders", 20000);
    }
}

static void
a_failure_that_is_not_of_the_connection_fails_only_its_table(void **state)
{
    world *w = *state;
    w->settings.parallel_workers = 1;
    w->src.break_code = FIRN_E_VALUE_UNREPRESENTABLE;
    atomic_store(&w->src.break_at_batch, 3); /* of the biggest table, which comes first */

    assert_int_equal(world_run(w), FIRN_FAILED);

    assert_int_equal(w->err.code, FIRN_E_LOAD_TABLES_FAILED);
    assert_int_equal(world_result(w, "orders")->state, LOAD_FAILED);
    assert_int_equal(world_result(w, "orders")->error->code, FIRN_E_VALUE_UNREPRESENTABLE);
    assert_int_equal(w->result.done_count, 2);
    world_assert_has(w, "items", 1234);
    table_metadata *none = NULL;
    table_ident     ident = {.namespace_levels = levels, .level_count = 2, .name = "orders"};
    firn_error      err = {0};
    assert_int_equal(w->lake->ops->load(w->lake, &ident, &none, &err), FIRN_NOT_FOUND);

    /* And the next run mends it, and it alone. */
    assert_int_equal(world_run(w), FIRN_OK);
    assert_int_equal(w->result.unchanged_count, 2);
    world_assert_has(w, "orders", 5000);
}

static void
a_wrong_row_count_of_the_server_commits_nothing(void **state)
{
    world *w = *state;
    w->src.miscount = 1;
    w->settings.table_filters = (const char *const[]){"orders"};
    w->settings.table_filter_count = 1;

    assert_int_equal(world_run(w), FIRN_FAILED);

    assert_int_equal(world_result(w, "orders")->error->code, FIRN_E_LOAD_ROW_COUNT);
}

static void
a_second_run_reads_nothing(void **state)
{
    world *w = *state;
    assert_int_equal(world_run(w), FIRN_OK);
    int opens = atomic_load(&w->src.opens);
    w->src.position = "0/2000";

    assert_int_equal(world_run(w), FIRN_OK);

    assert_int_equal(atomic_load(&w->src.opens), opens);
    assert_int_equal(w->result.unchanged_count, 3);
    assert_string_equal(world_result(w, "orders")->position, "0/1000");
    world_assert_has(w, "orders", 5000);
}

static void
without_resume_the_rows_are_replaced(void **state)
{
    world *w = *state;
    assert_int_equal(world_run(w), FIRN_OK);
    w->settings.resume = false;
    w->src.position = "0/2000";
    w->src.tables = (const fake_table[]){{"orders", 77, TABLE_ORDINARY}};
    w->src.table_count = 1;

    assert_int_equal(world_run(w), FIRN_OK);

    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, "orders");
    assert_int_equal(table->snapshot_count, 2);
    assert_string_equal(table_metadata_property(table, "firn.load-position"), "0/2000");
    world_assert_has(w, "orders", 77);
}

static void
a_table_of_another_schema_or_system_is_refused(void **state)
{
    world *w = *state;
    assert_int_equal(world_run(w), FIRN_OK);

    w->settings.schema_name = "other";
    assert_int_equal(world_run(w), FIRN_FAILED);
    assert_int_equal(world_result(w, "orders")->error->code, FIRN_E_CATALOG_FOREIGN_TABLE);

    w->settings.schema_name = "public";
    w->src.identity = "fake:2:1";
    assert_int_equal(world_run(w), FIRN_FAILED);
    assert_int_equal(world_result(w, "orders")->error->code, FIRN_E_CATALOG_FOREIGN_TABLE);

    w->src.identity = "fake:1:2"; /* promoted: the same system on another timeline */
    assert_int_equal(world_run(w), FIRN_OK);
    world_assert_has(w, "orders", 5000);
}

static void
the_status_table_has_a_row_per_table(void **state)
{
    world      *w = *state;
    firn_arena  arena = {0};
    status_rows rows = {0};
    firn_error  err = {0};
    w->src.break_code = FIRN_E_VALUE_UNREPRESENTABLE;
    w->settings.parallel_workers = 1;
    atomic_store(&w->src.break_at_batch, 1);
    assert_int_equal(world_run(w), FIRN_FAILED);

    assert_int_equal(status_table_read(w->lake, levels, 2, &arena, &rows, &err), FIRN_OK);

    assert_int_equal(rows.count, 3);
    assert_string_equal(rows.rows[0].table_name, "empty");
    assert_string_equal(rows.rows[1].table_name, "items");
    assert_string_equal(rows.rows[1].load_status, "completed");
    assert_int_equal(rows.rows[1].record_count, 1234);
    assert_string_equal(rows.rows[1].load_position, "0/1000");
    assert_int_equal(rows.rows[1].primary_key_count, 1);
    assert_string_equal(rows.rows[1].primary_keys[0], "id");
    assert_string_equal(rows.rows[2].load_status, "failed");
    assert_non_null(strstr(rows.rows[2].error_message, "FIRN-2101"));
    firn_arena_done(&arena);
}

static void
empty_tables_are_left_out_where_asked(void **state)
{
    world *w = *state;
    w->settings.skip_empty_tables = true;

    assert_int_equal(world_run(w), FIRN_OK);

    assert_int_equal(world_result(w, "empty")->state, LOAD_SKIPPED);
    assert_int_equal(w->result.done_count, 2);
}

static void
filters_are_like_patterns_and_say_when_nothing_matches(void **state)
{
    world *w = *state;
    w->settings.table_filters = (const char *const[]){"ord%", "nothing"};
    w->settings.table_filter_count = 2;
    assert_int_equal(world_run(w), FIRN_OK);
    assert_int_equal(w->result.table_count, 1);

    w->settings.table_filters = (const char *const[]){"Orders"};
    w->settings.table_filter_count = 1;
    assert_int_equal(world_run(w), FIRN_NOT_FOUND);
    assert_non_null(strstr(w->err.hint, "orders"));
}

static void
fresh_start_drops_what_firn_made_from_this_schema(void **state)
{
    world      *w = *state;
    firn_buffer names = {0};
    firn_error  err = {0};
    assert_int_equal(world_run(w), FIRN_OK);

    firn_buffer_init(&names, 4096);
    assert_int_equal(load_fresh_start_list(&w->settings, w->lake, &names, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&names, 0, &err), FIRN_OK);
    assert_non_null(strstr((const char *) names.data, "orders\n"));
    assert_non_null(strstr((const char *) names.data, "_cdc_status\n"));
    firn_buffer_done(&names);

    w->settings.fresh_start = true;
    w->src.identity = "fake:9:1";
    assert_int_equal(world_run(w), FIRN_OK);
    assert_int_equal(w->result.unchanged_count, 0);
    world_assert_has(w, "orders", 5000);
}

/* A table whose name has a newline in it is one table, and not two others. */
static void
fresh_start_drops_no_other_table(void **state)
{
    world *w = *state;
    w->settings.schema_name = "other";
    w->src.tables = (const fake_table[]){{"theirs", 7, TABLE_ORDINARY}};
    w->src.table_count = 1;
    assert_int_equal(world_run(w), FIRN_OK);
    w->settings.schema_name = "public";
    w->src.tables = (const fake_table[]){{"mine\ntheirs", 5, TABLE_ORDINARY}};
    w->src.table_count = 1;
    assert_int_equal(world_run(w), FIRN_OK);

    w->settings.fresh_start = true;
    assert_int_equal(world_run(w), FIRN_OK);

    world_assert_has(w, "theirs", 7);
    world_assert_has(w, "mine\ntheirs", 5);
}

static void
a_fresh_start_drops_nothing_where_the_source_takes_no_snapshot(void **state)
{
    world *w = *state;
    assert_int_equal(world_run(w), FIRN_OK);
    w->settings.fresh_start = true;
    w->src.freeze_code = FIRN_E_POSTGRES_UNAVAILABLE;

    assert_int_equal(world_run(w), FIRN_UNAVAILABLE);

    world_assert_has(w, "orders", 5000);
}

static void
partitions_get_files_of_their_own(void **state)
{
    world            *w = *state;
    const char *const by[] = {"bucket(4, id)"};
    w->settings.defaults.partition_by = by;
    w->settings.defaults.partition_by_count = 1;
    w->src.splits_per_table = 3;

    assert_int_equal(world_run(w), FIRN_OK);

    world_assert_has(w, "orders", 5000);
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, "orders");
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live = {0};
    assert_int_equal(live_files_read(table, table->current_snapshot, w->files, &arena, &live, &w->err), FIRN_OK);
    assert_true(live.data_count >= 4);
    for (size_t i = 0; i < live.data_count; i++) {
        assert_int_equal(live.data[i].file.partition_count, 1);
        assert_non_null(strstr(live.data[i].file.path, "id_bucket"));
    }
}

static void
a_cancelled_job_says_so(void **state)
{
    world *w = *state;
    task_cancel_request(w->cancel);

    assert_int_equal(world_run(w), FIRN_CANCELLED);
}

/* ---- checksums ---- */

static void
the_checksum_of_the_rows_is_kept(void **state)
{
    world       *w = *state;
    row_checksum read = {0};
    char         text[ROW_CHECKSUM_TEXT_MAX], first[ROW_CHECKSUM_TEXT_MAX];
    w->src.splits_per_table = 5;

    assert_int_equal(world_run(w), FIRN_OK);

    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, "orders");
    world_assert_has_sum(w, "orders", 5000, &read);
    row_checksum_format(&read, text);
    assert_string_equal(world_result(w, "orders")->checksum, text);
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.rows-checksum"), text);
    assert_string_equal(world_result(w, "empty")->checksum, "1:0:0000000000000000");

    /* Read anew in other splits and files: the same rows, the same sum. */
    (void) snprintf(first, sizeof first, "%s", text);
    w->src.splits_per_table = 1;
    w->settings.resume = false;
    assert_int_equal(world_run(w), FIRN_OK);
    assert_string_equal(world_result(w, "orders")->checksum, first);
    w->settings.resume = true;
    assert_int_equal(world_run(w), FIRN_OK);
    assert_true(world_result(w, "orders")->unchanged);
    assert_string_equal(world_result(w, "orders")->checksum, first);
}

/* ---- runs that die ---- */

static void
what_a_killed_run_left_is_removed_by_the_next(void **state)
{
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;

    world_run_and_die(w, 55); /* the biggest is committed, the next has an open file */
    assert_int_equal(world_count_strays(w, "orders"), 0);
    assert_true(world_count_strays(w, "items") > 0);
    world_assert_has(w, "orders", 5000);

    assert_int_equal(world_run(w), FIRN_OK);

    assert_true(world_result(w, "orders")->unchanged);
    assert_int_equal(world_count_strays(w, "orders"), 0);
    assert_int_equal(world_count_strays(w, "items"), 0);
    world_assert_has(w, "orders", 5000);
    world_assert_has(w, "items", 1234);
}

/* Killed again and again, at every place in turn: nothing is lost, doubled or left. */
static void
a_load_that_is_killed_often_ends_well(void **state)
{
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.resume = false;
    w->src.splits_per_table = 4;
    w->settings.batch_rows = 500;
    w->settings.defaults.partition_by = (const char *const[]){"bucket(3, id)"};
    w->settings.defaults.partition_by_count = 1;

    for (int at = 1; at <= 21; at += 4) world_run_and_die(w, at);
    w->settings.resume = true;
    assert_int_equal(world_run(w), FIRN_OK);

    world_assert_has(w, "orders", 5000);
    world_assert_has(w, "items", 1234);
    for (int i = 0; i < 3; i++) assert_int_equal(world_count_strays(w, world_shop[i].name), 0);
}

typedef struct killer {
    const char *call, *part; /* dies before this call on a location that has this in it */
} killer;

static void
die_at_call(void *state, uint64_t nth, const char *call, const char *location)
{
    const killer *k = state;

    (void) nth;
    if (strcmp(call, k->call) == 0 && strstr(location, k->part)) world_die();
}

/* A run whose storage kills it. */
static void
run_and_die_at_call(world *w, killer k)
{
    catalog *lake = w->lake, *deadly = NULL;
    storage *faulty = NULL;

    assert_int_equal(storage_faulty_new(w->files, &faulty, &w->err), FIRN_OK);
    storage_faulty_hook(faulty, die_at_call, &k);
    assert_int_equal(hadoop_catalog_new(w->warehouse, faulty, &deadly, &w->err), FIRN_OK);
    w->lake = deadly;
    world_run_and_die(w, -1);
    w->lake = lake;
    catalog_free(deadly);
    storage_free(faulty);
}

static void
a_run_killed_before_its_commit_leaves_what_it_offered(void **state)
{
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;
    w->settings.table_filters = (const char *const[]){"orders"};
    w->settings.table_filter_count = 1;

    run_and_die_at_call(w, (killer){"put_new", "/orders/metadata/"});
    assert_int_equal(world_count_strays(w, "orders"), 1);
    atomic_store(&w->warnings, 0);
    assert_int_equal(world_run(w), FIRN_OK);

    /* Whether a catalog got it cannot be told for sure: it stays, and is said once. */
    assert_int_equal(world_count_strays(w, "orders"), 1);
    assert_int_equal(atomic_load(&w->warnings), 1);
    assert_non_null(strstr(w->last_warning, "stay"));
    world_assert_has(w, "orders", 5000);
    assert_int_equal(world_run(w), FIRN_OK);
    assert_int_equal(atomic_load(&w->warnings), 1);
}

static void
a_run_killed_after_its_commit_keeps_its_files(void **state)
{
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;
    w->settings.table_filters = (const char *const[]){"orders"};
    w->settings.table_filter_count = 1;

    run_and_die_at_call(w, (killer){"put", "/orders/metadata/version-hint"});
    world_assert_has(w, "orders", 5000);
    atomic_store(&w->warnings, 0);
    assert_int_equal(world_run(w), FIRN_OK);

    assert_true(world_result(w, "orders")->unchanged);
    assert_int_equal(atomic_load(&w->warnings), 0);
    world_assert_has(w, "orders", 5000);
}

/* A list that names a place which the catalog does not give is not believed. */
static void
files_of_another_place_are_not_touched(void **state)
{
    static const char commit[] = "0193f0a0-0000-7000-8000-000000000001";
    world *w = *state;
    char   path[256], victim[256], line[1024];
    w->settings.state_folder = w->state;

    assert_int_equal(file_make_folders(w->state, 0700, &w->err), FIRN_OK);
    (void) snprintf(victim, sizeof victim, "%s/%s-important", w->state, commit);
    (void) snprintf(path, sizeof path, "%s/pending-x.jsonl", w->state);
    (void) snprintf(line, sizeof line, "{\"table\":\"orders\",\"location\":\"%s\",\"commit\":\"%s\",\"file\":\"%s\"}\n",
                    w->state, commit, victim);
    assert_int_equal(file_write_atomic(victim, firn_slice_text("x"), 0600, &w->err), FIRN_OK);
    assert_int_equal(file_write_atomic(path, firn_slice_text(line), 0600, &w->err), FIRN_OK);

    assert_int_equal(world_run(w), FIRN_OK);

    assert_true(file_exists(victim));
    assert_false(file_exists(path));
}

static void
a_run_that_ends_leaves_no_list(void **state)
{
    world *w = *state;
    char   path[160];
    w->settings.state_folder = w->state;
    w->settings.run_id = "run-1";

    assert_int_equal(world_run(w), FIRN_OK);

    (void) snprintf(path, sizeof path, "%s/pending-run-1.jsonl", w->state);
    assert_false(file_exists(path));
}

/* ---- a disk that is full, a storage that fails ---- */

/* Runs until it ends well, at most three times, with the nth call of the storage failing once. False: it was not reached. */
static bool
run_with_fault(world *w, uint64_t nth, faulty_effect effect, firn_code code)
{
    catalog *lake = w->lake, *shaky = NULL;
    storage *faulty = NULL;
    bool     reached;

    assert_int_equal(storage_faulty_new(w->files, &faulty, &w->err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, faulty, &shaky, &w->err), FIRN_OK);
    storage_faulty_arm(faulty, nth, effect, code, false);
    w->lake = shaky;
    firn_status status = world_run(w);
    for (int i = 0; status && i < 2; i++) status = world_run(w);
    reached = storage_faulty_calls(faulty) >= nth;
    w->lake = lake;
    catalog_free(shaky);
    storage_free(faulty);
    assert_int_equal(status, FIRN_OK);
    return reached;
}

static void
start_anew(world *w)
{
    assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &w->err), FIRN_OK);
}

/* Each call goes wrong in one of the ways. */
static void
whatever_call_of_the_storage_fails_each_row_comes_once(void **state)
{
    static const struct {
        faulty_effect effect;
        firn_code     code;
    } faults[] = {{FAULTY_BEFORE, FIRN_E_STORAGE_FULL}, {FAULTY_CUT, FIRN_E_STORAGE_FULL}, {FAULTY_BEFORE, FIRN_E_STORAGE_IO},
                  {FAULTY_AFTER, FIRN_E_STORAGE_UNKNOWN}};
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;
    w->src.tables = (const fake_table[]){{"orders", 250, TABLE_ORDINARY}};
    w->src.table_count = 1;

    for (size_t i = 0; i < FIRN_COUNT(faults); i++) {
        for (uint64_t nth = 1 + i; run_with_fault(w, nth, faults[i].effect, faults[i].code); nth += FIRN_COUNT(faults)) {
            world_assert_has(w, "orders", 250);
            start_anew(w);
        }
        start_anew(w);
    }
}

/* A disk on which the first `left` writes to a table's data find no room. */
typedef struct full_disk {
    storage *faulty;
    int      left;
} full_disk;

static void
fill_disk(void *state, uint64_t nth, const char *call, const char *location)
{
    full_disk *d = state;
    bool       full = strcmp(call, "write") == 0 && strstr(location, "/orders/data/") && d->left > 0;

    if (full) d->left--;
    /* Looked at after this call back: the very call that is being made. */
    storage_faulty_arm(d->faulty, full ? nth : 0, full ? FAULTY_CUT : FAULTY_NEVER, FIRN_E_STORAGE_FULL, false);
}

static firn_status
run_on_full_disk(world *w, int left)
{
    catalog    *lake = w->lake, *full = NULL;
    full_disk   disk = {.left = left};
    firn_status status;

    assert_int_equal(storage_faulty_new(w->files, &disk.faulty, &w->err), FIRN_OK);
    storage_faulty_hook(disk.faulty, fill_disk, &disk);
    assert_int_equal(hadoop_catalog_new(w->warehouse, disk.faulty, &full, &w->err), FIRN_OK);
    w->lake = full;
    status = world_run(w);
    w->lake = lake;
    catalog_free(full);
    storage_free(disk.faulty);
    return status;
}

static void
a_full_disk_is_waited_for_under_the_same_snapshot(void **state)
{
    world *w = *state;
    w->settings.state_folder = w->state;
    w->settings.parallel_workers = 1;

    assert_int_equal(run_on_full_disk(w, 3), FIRN_OK);

    assert_int_equal(atomic_load(&w->retries), 3);
    world_assert_has(w, "orders", 5000);
    world_assert_has(w, "items", 1234);
    assert_int_equal(world_count_strays(w, "orders"), 0);
    assert_int_equal(world_result(w, "orders")->row_count, 5000);
}

static void
a_disk_that_stays_full_fails_its_table_only(void **state)
{
    world *w = *state;
    w->settings.parallel_workers = 1;

    assert_int_equal(run_on_full_disk(w, 4), FIRN_FAILED);

    assert_int_equal(world_result(w, "orders")->state, LOAD_FAILED);
    assert_int_equal(world_result(w, "orders")->error->code, FIRN_E_STORAGE_FULL);
    assert_true(world_result(w, "orders")->error->retried);
    assert_int_equal(atomic_load(&w->retries), 3);
    assert_int_equal(world_count_strays(w, "orders"), 0);
    world_assert_has(w, "items", 1234);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_table_arrives_whole_and_views_do_not),
        CASE(a_new_table_is_one_version_with_position_and_origin),
        CASE(a_broken_connection_leaves_each_row_once),
        CASE(parallel_splits_with_broken_connections_leave_each_row_once),
        CASE(a_failure_that_is_not_of_the_connection_fails_only_its_table),
        CASE(a_wrong_row_count_of_the_server_commits_nothing),
        CASE(a_second_run_reads_nothing),
        CASE(without_resume_the_rows_are_replaced),
        CASE(a_table_of_another_schema_or_system_is_refused),
        CASE(the_status_table_has_a_row_per_table),
        CASE(empty_tables_are_left_out_where_asked),
        CASE(filters_are_like_patterns_and_say_when_nothing_matches),
        CASE(fresh_start_drops_what_firn_made_from_this_schema),
        CASE(fresh_start_drops_no_other_table),
        CASE(a_fresh_start_drops_nothing_where_the_source_takes_no_snapshot),
        CASE(partitions_get_files_of_their_own),
        CASE(a_cancelled_job_says_so),
        CASE(the_checksum_of_the_rows_is_kept),
        CASE(what_a_killed_run_left_is_removed_by_the_next),
        CASE(a_load_that_is_killed_often_ends_well),
        CASE(a_run_killed_before_its_commit_leaves_what_it_offered),
        CASE(a_run_killed_after_its_commit_keeps_its_files),
        CASE(files_of_another_place_are_not_touched),
        CASE(a_run_that_ends_leaves_no_list),
        CASE(whatever_call_of_the_storage_fails_each_row_comes_once),
        CASE(a_full_disk_is_waited_for_under_the_same_snapshot),
        CASE(a_disk_that_stays_full_fails_its_table_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
