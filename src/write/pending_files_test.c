#include "write/pending_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "storage/faulty.h"
#include "storage/local.h"
#include "task/group.h"
#include "write/pending_list.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), FIRN_OK)
#define COMMIT "0193f0a0-0000-7000-8000-000000000001"
#define OTHER "0193f0a0-0000-7000-8000-000000000002"

typedef struct world {
    char            folder[128], state[160], data[192]; /* data: a location */
    storage        *files;
    firn_error      err;
    pending_verdict verdict;
    unsigned        asked;
    pending_commit  last; /* its texts are gone */
    char            last_commit[64], last_table[64];
} world;

static int
set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    char   made[32] = "pending_files_test.XXXXXX";

    assert_non_null(mkdtemp(made));
    char *here = realpath(made, NULL);
    (void) snprintf(w->folder, sizeof w->folder, "%s", here);
    free(here);
    (void) snprintf(w->state, sizeof w->state, "%s/state", w->folder);
    (void) snprintf(w->data, sizeof w->data, "file://%s/lake/t/data", w->folder);
    OK(storage_local_new(&w->files, &w->err));
    w->verdict = PENDING_REMOVE;
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    OK(w->files->ops->remove_tree(w->files, w->folder, &err));
    storage_free(w->files);
    free(w);
    return 0;
}

static firn_status
decide(void *state, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    world *w = state;

    (void) err;
    w->asked++;
    w->last = *commit;
    (void) snprintf(w->last_commit, sizeof w->last_commit, "%s", commit->commit_id);
    (void) snprintf(w->last_table, sizeof w->last_table, "%s", commit->table);
    *ret_verdict = w->verdict;
    return FIRN_OK;
}

static pending_recovery
recover(world *w)
{
    pending_recovery counts;

    w->asked = 0;
    OK(pending_files_recover(w->state, w->files, decide, w, &counts, &w->err));
    return counts;
}

static const char *
path_of(const world *w, const char *commit, unsigned number)
{
    static char path[4][320];
    static int  next;
    char       *out = path[next++ % 4];

    (void) snprintf(out, sizeof path[0], "%s/%s-000-%05u.parquet", w->data, commit, number);
    return out;
}

static bool
exists(world *w, const char *location)
{
    storage_object object;
    firn_error     err = {0};

    return w->files->ops->stat(w->files, location, &object, &err) == FIRN_OK;
}

/* Noted, and written to the end. */
static void
write_file(world *w, pending_files *p, const char *commit, unsigned number)
{
    firn_sink *sink = NULL;

    OK(pending_files_add(p, "t", w->data, commit, path_of(w, commit, number), &w->err));
    OK(w->files->ops->open_sink(w->files, path_of(w, commit, number), &sink, &w->err));
    OK(firn_sink_write(sink, "x", 1, &w->err));
    OK(firn_sink_finish(sink, &w->err));
    firn_sink_free(sink);
}

static pending_files *
open_list(world *w, const char *run_id)
{
    pending_files *p = NULL;

    OK(pending_files_open(w->state, run_id, &p, &w->err));
    return p;
}

static void
write_list(world *w, const char *run_id, const char *text)
{
    char path[256];

    (void) snprintf(path, sizeof path, "%s/pending-%s.jsonl", w->state, run_id);
    OK(file_make_folders(w->state, 0700, &w->err));
    OK(file_write_atomic(path, firn_slice_text(text), 0600, &w->err));
}

static bool
has_list(const world *w, const char *prefix, const char *run_id)
{
    char path[256];

    (void) snprintf(path, sizeof path, "%s/%s-%s.jsonl", w->state, prefix, run_id);
    return file_exists(path);
}

/* ---- a run that ends by itself ---- */

static void
a_closed_list_leaves_nothing_to_recover(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");

    write_file(w, p, COMMIT, 1);
    OK(pending_files_offer(p, COMMIT, &w->err));
    OK(pending_files_end(p, COMMIT, &w->err));
    assert_true(has_list(w, "pending", "r1"));
    OK(pending_files_close(p, &w->err));
    pending_files_free(p);

    assert_false(has_list(w, "pending", "r1"));
    assert_int_equal(recover(w).run_count, 0);
    assert_true(exists(w, path_of(w, COMMIT, 1)));
}

/* Files of a failed table are removed by the run itself; should that have failed, the next one does it. */
static void
a_list_with_an_open_commit_is_not_closed(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");

    write_file(w, p, OTHER, 1);
    OK(pending_files_offer(p, OTHER, &w->err));
    OK(pending_files_end(p, OTHER, &w->err));
    write_file(w, p, COMMIT, 1);
    OK(pending_files_close(p, &w->err));
    pending_files_free(p);

    assert_true(has_list(w, "pending", "r1"));
    assert_int_equal(recover(w).removed_file_count, 1);
    assert_string_equal(w->last_commit, COMMIT);
    assert_true(exists(w, path_of(w, OTHER, 1)));
}

static void
a_missing_folder_has_nothing_to_recover(void **state)
{
    world *w = *state;

    assert_int_equal(recover(w).run_count, 0);
}

static void
a_run_id_is_used_once_and_stays_in_the_folder(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1"), *again = NULL;

    assert_int_equal(pending_files_open(w->state, "r1", &again, &w->err), FIRN_IO);
    firn_error_reset(&w->err);
    assert_int_equal(pending_files_open(w->state, "../r2", &again, &w->err), FIRN_BUG);
    firn_error_reset(&w->err);
    assert_int_equal(pending_files_open(w->state, "", &again, &w->err), FIRN_BUG);
    firn_error_reset(&w->err);
    assert_null(again);
    pending_files_free(p);
}

static void
lines_have_their_golden_text(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");
    firn_buffer    text = {0};
    char           path[256];

    OK(pending_files_add(p, "a \"t\"\n\xc3\xa9", "file:///lake/t/data", COMMIT, "file:///lake/t/data/" COMMIT "-1", &w->err));
    OK(pending_files_offer(p, COMMIT, &w->err));
    OK(pending_files_end(p, COMMIT, &w->err));
    pending_files_free(p);

    (void) snprintf(path, sizeof path, "%s/pending-r1.jsonl", w->state);
    firn_buffer_init(&text, 4096);
    OK(file_read(path, &text, &w->err));
    OK(firn_buffer_add_byte(&text, 0, &w->err));
    assert_string_equal((const char *) text.data,
                        "{\"table\":\"a \\\"t\\\"\\n\xc3\xa9\",\"location\":\"file:///lake/t/data\",\"commit\":\"" COMMIT
                        "\",\"file\":\"file:///lake/t/data/" COMMIT "-1\"}\n"
                        "{\"commit\":\"" COMMIT "\",\"offered\":true}\n"
                        "{\"commit\":\"" COMMIT "\",\"done\":true}\n");
    assert_int_equal(file_mode(path), 0600);
    firn_buffer_done(&text);
}

/* ---- a run that did not ---- */

static void
files_of_a_commit_that_was_not_offered_are_removed(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");

    write_file(w, p, COMMIT, 1);
    write_file(w, p, COMMIT, 2);
    write_file(w, p, OTHER, 1);
    OK(pending_files_offer(p, OTHER, &w->err));
    OK(pending_files_end(p, OTHER, &w->err));
    pending_files_free(p);

    pending_recovery counts = recover(w);

    assert_int_equal(counts.run_count, 1);
    assert_int_equal(counts.removed_file_count, 2);
    assert_int_equal(w->asked, 1);
    assert_string_equal(w->last_commit, COMMIT);
    assert_string_equal(w->last_table, "t");
    assert_false(w->last.offered);
    assert_int_equal(w->last.file_count, 2);
    assert_false(exists(w, path_of(w, COMMIT, 1)));
    assert_false(exists(w, path_of(w, COMMIT, 2)));
    assert_true(exists(w, path_of(w, OTHER, 1)));
    assert_false(has_list(w, "pending", "r1"));
    assert_int_equal(recover(w).run_count, 0);
}

static void
offered_files_stay_where_nobody_can_tell(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");

    write_file(w, p, COMMIT, 1);
    OK(pending_files_offer(p, COMMIT, &w->err));
    pending_files_free(p);
    w->verdict = PENDING_LEAVE;

    assert_int_equal(recover(w).left_commit_count, 1);

    assert_true(w->last.offered);
    assert_true(exists(w, path_of(w, COMMIT, 1)));
    assert_false(has_list(w, "pending", "r1"));
    assert_true(has_list(w, "unsettled", "r1"));
    assert_int_equal(recover(w).run_count, 0); /* said once */
}

static void
files_that_belong_to_the_table_stay(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");

    write_file(w, p, COMMIT, 1);
    OK(pending_files_offer(p, COMMIT, &w->err));
    pending_files_free(p);
    w->verdict = PENDING_KEEP;

    assert_int_equal(recover(w).kept_commit_count, 1);

    assert_true(exists(w, path_of(w, COMMIT, 1)));
    assert_false(has_list(w, "pending", "r1"));
    assert_false(has_list(w, "unsettled", "r1"));
}

/* A process that dies while a file is half written: what it has on the disk goes, too. */
static void
a_killed_writer_leaves_nothing_after_recovery(void **state)
{
    world *w = *state;
    int    ready[2], status;
    char   byte;
    pid_t  child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pending_files *p = open_list(w, "r1");
        firn_sink     *sink = NULL;
        write_file(w, p, COMMIT, 1);
        OK(pending_files_add(p, "t", w->data, COMMIT, path_of(w, COMMIT, 2), &w->err));
        OK(w->files->ops->open_sink(w->files, path_of(w, COMMIT, 2), &sink, &w->err));
        char *half = calloc(1, 200000);
        OK(firn_sink_write(sink, half, 200000, &w->err));
        (void) !write(ready[1], "r", 1);
        for (;;) (void) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void) close(ready[0]);
    (void) close(ready[1]);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_int_equal(recover(w).removed_file_count, 1); /* the other has no name yet */

    char folder[256];
    (void) snprintf(folder, sizeof folder, "%s/lake/t/data", w->folder);
    assert_int_equal(rmdir(folder), 0); /* it is empty, hidden names included */
}

/* ---- lists that are not as they should be ---- */

#define FILE_LINE(commit, location, path) \
    "{\"table\":\"t\",\"location\":\"" location "\",\"commit\":\"" commit "\",\"file\":\"" path "\"}\n"

static void
a_torn_last_line_is_normal(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");
    char           path[256];

    write_file(w, p, COMMIT, 1);
    pending_files_free(p);
    (void) snprintf(path, sizeof path, "%s/pending-r1.jsonl", w->state);
    FILE *list = fopen(path, "a");
    assert_non_null(list);
    (void) fputs("{\"commit\":\"" COMMIT "\",\"offered\":tr", list);
    (void) fclose(list);

    assert_int_equal(recover(w).removed_file_count, 1);
    assert_false(w->last.offered);
}

/* The line that cannot be read may have said that a commit was offered. */
static void
a_damaged_list_makes_all_its_commits_offered(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");
    char           path[256];

    write_file(w, p, COMMIT, 1);
    (void) snprintf(path, sizeof path, "%s/pending-r1.jsonl", w->state);
    FILE *list = fopen(path, "a");
    assert_non_null(list);
    (void) fwrite("\0\0\0\0\n", 1, 5, list);
    (void) fclose(list);
    write_file(w, p, OTHER, 1);
    pending_files_free(p);
    w->verdict = PENDING_LEAVE;

    assert_int_equal(recover(w).left_commit_count, 2);
    assert_true(w->last.offered);
}

static void
foreign_paths_are_refused(void **state)
{
    static const char *const lines[] = {
        FILE_LINE(COMMIT, "file:///lake/t/data", "file:///lake/u/data/" COMMIT "-1.parquet"),
        FILE_LINE(COMMIT, "file:///lake/t/data", "file:///lake/t/data/../metadata/" COMMIT "-1.parquet"),
        FILE_LINE(COMMIT, "file:///lake/t/data", "file:///lake/t/data2/" COMMIT "-1.parquet"),
        FILE_LINE(COMMIT, "file:///lake/t/data", "file:///lake/t/data"),
        FILE_LINE(COMMIT, "file:///lake/t/data", "file:///lake/t/data/" OTHER "-1.parquet"),
        FILE_LINE(COMMIT, "file:///lake/t/data", "/etc/passwd"),
        FILE_LINE("x", "file:///lake/t/data", "file:///lake/t/data/x-1.parquet"),
        FILE_LINE("", "/", "/etc/passwd"),
        "{\"location\":\"/l\",\"commit\":\"" COMMIT "\",\"file\":\"/l/" COMMIT "\"}\n",
        "{\"table\":\"t\",\"commit\":\"" COMMIT "\",\"file\":\"/l/" COMMIT "\"}\n",
        "{\"commit\":\"" COMMIT "\"}\n",
        "{\"commit\":\"" COMMIT "\",\"offered\":false}\n",
        "[]\n",
        "\n",
    };
    world *w = *state;

    for (size_t i = 0; i < FIRN_COUNT(lines); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        pending_list list;

        OK(pending_list_read(firn_slice_text(lines[i]), "r1", &arena, &list, &w->err));
        assert_true(list.damaged);
        assert_true(!list.entries || !list.entries->paths);
    }
}

/* One commit has one table and one place. */
static void
a_commit_with_two_places_is_damaged(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    world       *w = *state;
    pending_list list;

    OK(pending_list_read(firn_slice_text(FILE_LINE(COMMIT, "/a", "/a/" COMMIT "-1") FILE_LINE(COMMIT, "/b", "/b/" COMMIT "-1")),
                         "r1", &arena, &list, &w->err));
    assert_true(list.damaged);
    assert_int_equal(list.entries->commit.file_count, 1);
    assert_true(list.entries->commit.offered);
}

static void
a_list_that_fails_is_tried_again_and_others_are_not_held_up(void **state)
{
    world           *w = *state;
    storage         *faulty = NULL;
    pending_recovery counts;
    pending_files   *p = open_list(w, "r1");
    pending_files   *q = open_list(w, "r2");

    write_file(w, p, COMMIT, 1);
    write_file(w, q, OTHER, 1);
    pending_files_free(p);
    pending_files_free(q);
    OK(storage_faulty_new(w->files, &faulty, &w->err));
    storage_faulty_arm(faulty, 1, FAULTY_BEFORE, FIRN_E_STORAGE_IO, false);

    assert_int_equal(pending_files_recover(w->state, faulty, decide, w, &counts, &w->err), FIRN_IO);

    assert_int_equal(counts.removed_file_count, 1);
    assert_true(has_list(w, "pending", "r1") != has_list(w, "pending", "r2"));
    firn_error_reset(&w->err);
    assert_int_equal(recover(w).removed_file_count, 1);
    assert_false(exists(w, path_of(w, COMMIT, 1)));
    assert_false(exists(w, path_of(w, OTHER, 1)));
    storage_free(faulty);
}

static void
other_files_in_the_folder_are_left_alone(void **state)
{
    world *w = *state;

    write_list(w, "", "{}\n"); /* "pending-.jsonl": no run has such an id */
    assert_int_equal(recover(w).run_count, 0);
    assert_true(has_list(w, "pending", ""));
}

/* ---- writing under stress ---- */

typedef struct adder {
    world         *w;
    pending_files *p;
    unsigned       index;
    bool           offers;
} adder;

static firn_status
add_many(void *state, firn_error *err)
{
    adder *a = state;
    char   path[320];

    for (unsigned i = 0; i < 200; i++) {
        (void) snprintf(path, sizeof path, "%s/%s-%03u-%05u.parquet", a->w->data, COMMIT, a->index, i);
        FIRN_TRY(pending_files_add(a->p, "t", a->w->data, COMMIT, path, err));
        if (a->offers && i % 20 == 0) FIRN_TRY(pending_files_offer(a->p, COMMIT, err));
    }
    return FIRN_OK;
}

static void
add_from_many_threads(world *w, bool offers)
{
    pending_files *p = open_list(w, "r1");
    task_group    *group = task_group_new(NULL);
    adder          adders[4];

    for (unsigned i = 0; i < 4; i++) {
        adders[i] = (adder){w, p, i, offers};
        OK(task_group_spawn(group, "add", add_many, &adders[i], &w->err));
    }
    OK(task_group_join(group, &w->err));
    task_group_free(group);
    pending_files_free(p);
}

static void
lines_of_many_threads_do_not_mix(void **state)
{
    world *w = *state;

    for (int offers = 0; offers <= 1; offers++) {
        add_from_many_threads(w, offers);
        assert_int_equal(recover(w).removed_file_count, 0);
        assert_int_equal(w->last.file_count, 800);
        assert_int_equal(w->last.offered, offers);
    }
}

/* As on a full disk: half a line is written, and taken back. */
static void
a_line_that_did_not_fit_is_taken_back(void **state)
{
    world         *w = *state;
    pending_files *p = open_list(w, "r1");
    struct rlimit  old, small = {0};

    write_file(w, p, COMMIT, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 450;
    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    firn_status status = FIRN_OK;
    for (unsigned i = 2; i < 10 && !status; i++)
        status = pending_files_add(p, "t", w->data, COMMIT, path_of(w, COMMIT, i), &w->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_not_equal(status, FIRN_OK);
    firn_error_reset(&w->err);
    write_file(w, p, OTHER, 1);
    pending_files_free(p);

    pending_recovery counts = recover(w);

    assert_false(w->last.offered); /* not damaged */
    assert_int_equal(counts.removed_file_count, 2);
    assert_false(exists(w, path_of(w, OTHER, 1)));
}

static void
every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    world      *w = *state;
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;

    while (status == FIRN_NO_MEMORY) {
        pending_files   *p = NULL;
        pending_recovery counts;
        char             run_id[16];

        firn_error_reset(&w->err);
        (void) snprintf(run_id, sizeof run_id, "r%u", nth);
        firn_alloc_fail_at(++nth, 0);
        status = pending_files_open(w->state, run_id, &p, &w->err);
        if (!status) status = pending_files_add(p, "t", w->data, COMMIT, path_of(w, COMMIT, 1), &w->err);
        if (!status) status = pending_files_offer(p, COMMIT, &w->err);
        pending_files_free(p);
        if (!status) status = pending_files_recover(w->state, w->files, decide, w, &counts, &w->err);
    }
    firn_alloc_fail_at(0, 0);
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 20);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_closed_list_leaves_nothing_to_recover),
        CASE(a_list_with_an_open_commit_is_not_closed),
        CASE(a_missing_folder_has_nothing_to_recover),
        CASE(a_run_id_is_used_once_and_stays_in_the_folder),
        CASE(lines_have_their_golden_text),
        CASE(files_of_a_commit_that_was_not_offered_are_removed),
        CASE(offered_files_stay_where_nobody_can_tell),
        CASE(files_that_belong_to_the_table_stay),
        CASE(a_killed_writer_leaves_nothing_after_recovery),
        CASE(a_torn_last_line_is_normal),
        CASE(a_damaged_list_makes_all_its_commits_offered),
        CASE(foreign_paths_are_refused),
        CASE(a_commit_with_two_places_is_damaged),
        CASE(a_list_that_fails_is_tried_again_and_others_are_not_held_up),
        CASE(other_files_in_the_folder_are_left_alone),
        CASE(lines_of_many_threads_do_not_mix),
        CASE(a_line_that_did_not_fit_is_taken_back),
        CASE(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
