#include "catalog/commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/live_files.h"
#include "storage/faulty.h"
#include "storage/local.h"

static const data_type type_long = {.kind = TYPE_LONG};

typedef struct world {
    char          folder[200], warehouse[220];
    storage      *local, *files; /* files: the faulty double over local */
    catalog      *c, *other;     /* other: without faults */
    table_schema *schema;
    const char   *levels[1];
    table_ident   ident;
    firn_error    err;
} world;

static int
set_up(void **state)
{
    const schema_field field = {.id = 1, .name = "ID", .required = true, .type = &type_long};
    world             *w = calloc(1, sizeof *w);
    const char        *temporary = firn_environment("TMPDIR");

    snprintf(w->folder, sizeof w->folder, "%s/firn-commit-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->warehouse, sizeof w->warehouse, "file://%s", w->folder);
    assert_int_equal(storage_local_new(&w->local, &w->err), FIRN_OK);
    assert_int_equal(storage_faulty_new(w->local, &w->files, &w->err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->files, &w->c, &w->err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->local, &w->other, &w->err), FIRN_OK);
    assert_int_equal(schema_new(0, &field, 1, NULL, 0, false, &w->schema, &w->err), FIRN_OK);
    w->levels[0] = "ns";
    w->ident = (table_ident){w->levels, 1, "T"};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    catalog_free(w->c);
    catalog_free(w->other);
    schema_unref(w->schema);
    assert_int_equal(w->local->ops->remove_tree(w->local, w->folder, &err), FIRN_OK);
    storage_free(w->files);
    storage_free(w->local);
    free(w);
    return 0;
}

static data_file
make_file(const char *path)
{
    return (data_file){.path = path, .format = "PARQUET", .record_count = 1, .size_bytes = 10, .content_offset = -1,
                       .content_size_bytes = -1, .first_row_id = -1};
}

static void
create(world *w, table_metadata **ret_metadata)
{
    const table_property patient[] = {{"commit.retry.num-retries", "200"}, {"commit.retry.min-wait-ms", "1"},
                                      {"commit.retry.max-wait-ms", "50"}};
    table_change         change = {.schema = w->schema, .properties = patient, .property_count = 3};

    assert_int_equal(catalog_commit_change(w->other, &w->ident, NULL, &change, NULL, ret_metadata, &w->err), FIRN_OK);
}

static table_metadata *
load(world *w)
{
    table_metadata *m = NULL;

    assert_int_equal(w->other->ops->load(w->other, &w->ident, &m, &w->err), FIRN_OK);
    return m;
}

/* How often a path is in the table as it is now. */
static unsigned
count_path(world *w, const char *path)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live;
    unsigned   count = 0;

    assert_int_equal(live_files_read(m, m->current_snapshot, w->local, &arena, &live, &w->err), FIRN_OK);
    for (size_t i = 0; i < live.data_count; i++) count += strcmp(live.data[i].file.path, path) == 0;
    return count;
}

/* A commit without faults. */
static void
touch(world *w)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = load(w);
    table_property property = {"touched", "yes"};
    table_change   change = {.properties = &property, .property_count = 1};

    assert_int_equal(catalog_commit_change(w->other, &w->ident, base, &change, NULL, NULL, &w->err), FIRN_OK);
}

/* ---- many at once ---- */

#define COMMITTERS 2
#define COMMITS 50

typedef struct committer {
    world   *w;
    unsigned number;
    bool     with_properties; /* every second change has no snapshot */
} committer;

static firn_status
commit_many(void *state, firn_error *err)
{
    committer *me = state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = NULL;

    FIRN_TRY(me->w->other->ops->load(me->w->other, &me->w->ident, &base, err));
    for (unsigned i = 0; i < COMMITS; i++) {
        char            path[40], key[40];
        data_file       file;
        table_property  property = {key, "set"};
        table_change    change = {.added = &file, .added_count = 1, .operation = "append"};
        table_metadata *next = NULL;

        snprintf(path, sizeof path, "/data/%u-%u", me->number, i);
        snprintf(key, sizeof key, "key-%u-%u", me->number, i);
        file = make_file(path);
        change.properties = &property;
        change.property_count = 1;
        // Often on a base that is no longer the newest.
        FIRN_TRY(catalog_commit_change(me->w->other, &me->w->ident, base, &change, NULL, &next, err));
        table_metadata_unref(base);
        base = next;
    }
    return FIRN_OK;
}

static void
concurrent_committers_lose_nothing(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    committer  committers[COMMITTERS];
    live_files live;

    create(w, &made);
    for (unsigned i = 0; i < COMMITTERS; i++) {
        committers[i] = (committer){.w = w, .number = i};
        assert_int_equal(task_group_spawn(group, "committer", commit_many, &committers[i], &w->err), FIRN_OK);
    }
    if (task_group_join(group, &w->err) != FIRN_OK) print_message("%s\n", w->err.cause);
    assert_int_equal(w->err.status, FIRN_OK);
    m = load(w);
    assert_int_equal(m->version, 1 + COMMITTERS * COMMITS);
    assert_int_equal(m->snapshot_count, COMMITTERS * COMMITS);
    assert_int_equal(m->last_sequence_number, COMMITTERS * COMMITS);
    assert_int_equal(live_files_read(m, m->current_snapshot, w->local, &arena, &live, &w->err), FIRN_OK);
    assert_int_equal(live.data_count, COMMITTERS * COMMITS);
    assert_int_equal(table_metadata_record_count(m), COMMITTERS * COMMITS);
    for (unsigned c = 0; c < COMMITTERS; c++) {
        for (unsigned i = 0; i < COMMITS; i++) {
            char text[40];

            snprintf(text, sizeof text, "key-%u-%u", c, i);
            assert_non_null(table_metadata_property(m, text));
        }
    }
    for (unsigned i = 1; i < m->snapshot_count; i++) { // one line of parents
        assert_int_equal(m->snapshots[i].parent_id, m->snapshots[i - 1].snapshot_id);
        assert_true(m->snapshots[i].timestamp_ms > m->snapshots[i - 1].timestamp_ms);
    }
}

static void
of_two_creators_one_wins(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    data_file    file = make_file("/data/late");
    table_change change = {.schema = w->schema, .operation = "append", .added = &file, .added_count = 1};

    create(w, &made);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &change, NULL, NULL, &w->err), FIRN_CONFLICT);
    assert_int_equal(w->err.code, FIRN_E_CATALOG_EXISTS);
    assert_non_null(strstr(w->err.state, "nothing was committed"));
    firn_error_reset(&w->err);
    assert_int_equal(count_path(w, "/data/late"), 0);
}

/* ---- faults ---- */

/*
 * Every storage call of a commit fails once, before or after its effect. Whatever happens, the answer and the table
 * agree: success means the file is there once, failure means that it is not, and the next commit works.
 */
static void
check_faults(world *w, faulty_effect effect, firn_code code)
{
    unsigned applied = 0, refused = 0;

    for (uint64_t nth = 1; nth < 200; nth++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *base = load(w);
        FIRN_AUTO(table_metadata_unrefp) table_metadata *next = NULL;
        char         path[60];
        data_file    file;
        table_change change = {.operation = "append", .added = &file, .added_count = 1};
        firn_status  status;
        bool         reached;

        snprintf(path, sizeof path, "/data/fault-%d-%d-%llu", (int) effect, (int) code, (unsigned long long) nth);
        file = make_file(path);
        storage_faulty_arm(w->files, nth, effect, code, false);
        status = catalog_commit_change(w->c, &w->ident, base, &change, NULL, &next, &w->err);
        reached = storage_faulty_calls(w->files) >= nth;
        storage_faulty_arm(w->files, 1, FAULTY_NEVER, FIRN_E_NONE, false);
        firn_error_reset(&w->err);
        assert_int_equal(count_path(w, path), status == FIRN_OK);
        assert_int_not_equal(status, FIRN_BUG);
        applied += status == FIRN_OK;
        refused += status != FIRN_OK;
        touch(w); // also brings the hint up to date, so that the next commit makes as many calls
        if (!reached) {
            assert_int_equal(status, FIRN_OK);
            assert_true(applied > 0);
            print_message("%llu calls: %u applied, %u refused\n", (unsigned long long) nth - 1, applied, refused);
            return;
        }
    }
    fail_msg("a commit makes more than 200 storage calls");
}

static void
a_failing_call_never_makes_answer_and_table_differ(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;

    create(w, &made);
    check_faults(w, FAULTY_BEFORE, FIRN_E_STORAGE_IO);
    check_faults(w, FAULTY_AFTER, FIRN_E_STORAGE_IO);
    check_faults(w, FAULTY_CUT, FIRN_E_STORAGE_IO);
    check_faults(w, FAULTY_AFTER, FIRN_E_STORAGE_FULL);
    check_faults(w, FAULTY_AFTER, FIRN_E_CATALOG_CONFLICT);
}

static void
a_creation_survives_lost_answers(void **state)
{
    world *w = *state;

    for (uint64_t nth = 1; nth < 100; nth++) {
        char         name[20], path[40];
        table_ident  ident = {w->levels, 1, name};
        data_file    file;
        table_change change = {.schema = w->schema, .operation = "append", .added = &file, .added_count = 1};
        FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
        firn_status status, found;
        bool        reached;

        snprintf(name, sizeof name, "N%llu", (unsigned long long) nth);
        snprintf(path, sizeof path, "/data/%llu", (unsigned long long) nth);
        file = make_file(path);
        storage_faulty_arm(w->files, nth, FAULTY_AFTER, FIRN_E_STORAGE_IO, false);
        status = catalog_commit_change(w->c, &ident, NULL, &change, NULL, NULL, &w->err);
        reached = storage_faulty_calls(w->files) >= nth;
        storage_faulty_arm(w->files, 1, FAULTY_NEVER, FIRN_E_NONE, false);
        firn_error_reset(&w->err);
        found = w->other->ops->load(w->other, &ident, &m, &w->err);
        firn_error_reset(&w->err);
        assert_int_equal(found, status == FIRN_OK ? FIRN_OK : FIRN_NOT_FOUND);
        if (found == FIRN_OK) assert_int_equal(m->snapshot_count, 1);
        if (!reached) return;
    }
    fail();
}

/* A catalog whose commit answers as it is told, over a real one. */
typedef struct liar {
    catalog     base;
    catalog    *inner;
    const char *script; /* a letter an attempt: a = applied, but unknown; u = unknown, not applied; r = real */
    unsigned    commits, loads, failing_loads;
} liar;

static firn_status
lie_load(catalog *c, const table_ident *ident, table_metadata **ret_metadata, firn_error *err)
{
    liar *l = (liar *) c;

    l->loads++;
    if (l->failing_loads > 0) {
        l->failing_loads--;
        return firn_fail(err, FIRN_E_STORAGE_IO, "no answer");
    }
    return l->inner->ops->load(l->inner, ident, ret_metadata, err);
}

static firn_status
lie_commit(catalog *c, const table_ident *ident, const table_metadata *base, const table_change *change,
           table_metadata **ret_metadata, firn_error *err)
{
    liar *l = (liar *) c;
    char  what = l->script[l->commits] ? l->script[l->commits++] : 'r';

    if (what == 'r') return l->inner->ops->commit(l->inner, ident, base, change, ret_metadata, err);
    if (what == 'a') {
        table_metadata *made = NULL;

        FIRN_TRY(l->inner->ops->commit(l->inner, ident, base, change, &made, err));
        table_metadata_unref(made);
    }
    return firn_fail(err, FIRN_E_CATALOG_UNKNOWN, "the answer was lost");
}

static void
check_liar(world *w, const char *script, unsigned failing_loads, const char *path)
{
    static const catalog_ops ops = {.kind = "liar", .load = lie_load, .commit = lie_commit};
    liar         l = {.base = {&ops, w->local}, .inner = w->other, .script = script, .failing_loads = failing_loads};
    data_file    file = make_file(path);
    table_change change = {.operation = "append", .added = &file, .added_count = 1};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = load(w);
    FIRN_AUTO(table_metadata_unrefp) table_metadata *next = NULL;

    assert_int_equal(catalog_commit_change(&l.base, &w->ident, base, &change, NULL, &next, &w->err), FIRN_OK);
    assert_int_equal(count_path(w, path), 1);
    assert_true(next->version > base->version);
}

static void
an_unknown_outcome_is_found_out(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;

    create(w, &made);
    check_liar(w, "a", 0, "/data/applied");
    check_liar(w, "u", 0, "/data/lost");
    check_liar(w, "uua", 0, "/data/at-last");
    check_liar(w, "a", 3, "/data/slow-answer");
    check_liar(w, "u", 3, "/data/slow-and-lost");
}

typedef struct counter {
    world   *w;
    unsigned asked;
    char     value[24];
    table_property property;
} counter;

/* Adds one to what the table says. */
static firn_status
count_up(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    counter *c = state;

    (void) err;
    c->asked++;
    snprintf(c->value, sizeof c->value, "%lld", (long long) (base ? table_metadata_property_i64(base, "n", 0) : 0) + 1);
    c->property = (table_property){"n", c->value};
    *ret_change = (table_change){.schema = base ? NULL : c->w->schema, .properties = &c->property, .property_count = 1};
    return FIRN_OK;
}

static firn_status
count_many(void *state, firn_error *err)
{
    world *w = state;

    for (unsigned i = 0; i < COMMITS; i++) {
        counter c = {.w = w};

        FIRN_TRY(catalog_commit_decided(w->other, &w->ident, count_up, &c, NULL, NULL, err));
    }
    return FIRN_OK;
}

static void
a_decision_is_asked_for_on_each_base(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    counter              first = {.w = w};
    const table_property patient[] = {{"commit.retry.num-retries", "200"}, {"commit.retry.min-wait-ms", "1"},
                                      {"commit.retry.max-wait-ms", "50"}};
    table_change         change = {.properties = patient, .property_count = 3};

    // The first decision makes the table; the retries are set for what follows.
    assert_int_equal(catalog_commit_decided(w->other, &w->ident, count_up, &first, NULL, &m, &w->err), FIRN_OK);
    assert_int_equal(catalog_commit_change(w->other, &w->ident, m, &change, NULL, NULL, &w->err), FIRN_OK);
    for (unsigned i = 0; i < COMMITTERS; i++)
        assert_int_equal(task_group_spawn(group, "counter", count_many, w, &w->err), FIRN_OK);
    assert_int_equal(task_group_join(group, &w->err), FIRN_OK);
    table_metadata_unref(m);
    m = load(w);
    assert_int_equal(table_metadata_property_i64(m, "n", 0), 1 + COMMITTERS * COMMITS);
}

static void
a_cancelled_commit_ends(void **state)
{
    world *w = *state;
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    FIRN_AUTO(table_metadata_unrefp) table_metadata *old = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *next = NULL;
    table_property property = {"k", "v"};
    table_change   change = {.properties = &property, .property_count = 1};

    create(w, &old);
    assert_int_equal(catalog_commit_change(w->other, &w->ident, old, &change, NULL, &next, &w->err), FIRN_OK);
    task_cancel_request(cancel);
    assert_int_equal(catalog_commit_change(w->other, &w->ident, old, &change, cancel, NULL, &w->err), FIRN_CANCELLED);
    firn_error_reset(&w->err);
}

/* The n-th allocation fails: an error, no leak, and the table as before or as asked for. */
static void
exhausted_memory_is_an_error(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = NULL;

    create(w, &base);
    for (uint64_t nth = 1; nth < 20000; nth++) {
        table_property  property = {"k", "v"};
        data_file       file = make_file("/data/memory");
        table_change    change = {.properties = &property, .property_count = 1, .operation = "append", .added = &file,
                                  .added_count = 1};
        table_metadata *next = NULL;
        firn_status     status;

        firn_alloc_fail_at(nth, 0);
        status = w->other->ops->commit(w->other, &w->ident, base, &change, &next, &w->err);
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&w->err);
        if (status == FIRN_OK) {
            table_metadata_unref(base);
            base = next;
            if (nth > 500) return; // beyond the last allocation, or one whose failure does not matter
            continue;
        }
        table_metadata_unref(base);
        base = load(w);
        nth += nth / 20; // all of the first, then in steps
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(concurrent_committers_lose_nothing),
        TEST(of_two_creators_one_wins),
        TEST(a_failing_call_never_makes_answer_and_table_differ),
        TEST(a_creation_survives_lost_answers),
        TEST(an_unknown_outcome_is_found_out),
        TEST(a_decision_is_asked_for_on_each_base),
        TEST(a_cancelled_commit_ends),
        TEST(exhausted_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
