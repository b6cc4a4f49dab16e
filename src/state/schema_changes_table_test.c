#include "state/schema_changes_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "catalog/hadoop_catalog.h"
#include "state/status_table.h"
#include "storage/faulty.h"
#include "storage/local.h"

/* A warehouse in a folder of its own. */
typedef struct world {
    char           folder[200], warehouse[220], pending_folder[220];
    storage       *local, *files; /* files: the faulty double over local */
    catalog       *lake;
    pending_files *pending;
    firn_arena     arena;
    const char    *levels[2];
    firn_error     err;
} world;

static int
set_up(void **state)
{
    world      *w = calloc(1, sizeof *w);
    const char *temporary = firn_environment("TMPDIR");

    snprintf(w->folder, sizeof w->folder, "%s/firn-changes-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->warehouse, sizeof w->warehouse, "file://%s/lake", w->folder);
    snprintf(w->pending_folder, sizeof w->pending_folder, "%s/pending", w->folder);
    assert_int_equal(storage_local_new(&w->local, &w->err), FIRN_OK);
    assert_int_equal(storage_faulty_new(w->local, &w->files, &w->err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->files, &w->lake, &w->err), FIRN_OK);
    assert_int_equal(pending_files_open(w->pending_folder, "run", &w->pending, &w->err), FIRN_OK);
    w->levels[0] = "bronze";
    w->levels[1] = "shop";
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    pending_files_free(w->pending);
    catalog_free(w->lake);
    assert_int_equal(w->local->ops->remove_tree(w->local, w->folder, &err), FIRN_OK);
    storage_free(w->files);
    storage_free(w->local);
    firn_arena_done(&w->arena);
    free(w);
    return 0;
}

static const schema_change_row changes[] = {
    {.changed_at_us = 2000000, .table_name = "orders", .column_name = "note", .field_id = 4, .kind = "add_column",
     .after = "string", .action = "applied", .position = "0/20", .correlation_id = "run-1"},
    {.changed_at_us = 1000000, .table_name = "orders", .kind = "change_key", .before = "(id)", .after = "(id, no)",
     .action = "reload", .note = "a key of columns that may be null", .position = "0/10"},
};

static size_t
append(world *w, const schema_change_row rows[], size_t count)
{
    size_t added = 99;

    assert_int_equal(schema_changes_table_append(w->lake, w->levels, 2, rows, count, w->pending, NULL, &added, &w->err),
                     FIRN_OK);
    return added;
}

static schema_change_rows
read_back(world *w)
{
    schema_change_rows rows = {0};

    assert_int_equal(schema_changes_table_read(w->lake, w->levels, 2, &w->arena, &rows, &w->err), FIRN_OK);
    return rows;
}

static unsigned
snapshot_count(world *w)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {w->levels, 2, SCHEMA_CHANGES_TABLE_NAME};

    assert_int_equal(w->lake->ops->load(w->lake, &ident, &table, &w->err), FIRN_OK);
    return (unsigned) table->snapshot_count;
}

static void
test_no_table_before_the_first_change(void **state)
{
    world             *w = *state;
    schema_change_rows rows = {0};

    assert_int_equal(append(w, NULL, 0), 0);
    assert_int_equal(schema_changes_table_read(w->lake, w->levels, 2, &w->arena, &rows, &w->err), FIRN_NOT_FOUND);
}

static void
test_what_was_appended_is_read(void **state)
{
    world *w = *state;
    assert_int_equal(append(w, changes, 2), 2);
    schema_change_rows rows = read_back(w);
    assert_int_equal(rows.count, 2);
    const schema_change_row *key = &rows.rows[0], *note = &rows.rows[1]; /* by time */
    assert_string_equal(key->kind, "change_key");
    assert_null(key->column_name);
    assert_int_equal(key->field_id, 0);
    assert_string_equal(key->before, "(id)");
    assert_string_equal(key->note, changes[1].note);
    assert_null(key->correlation_id);
    assert_int_equal(note->changed_at_us, 2000000);
    assert_string_equal(note->column_name, "note");
    assert_int_equal(note->field_id, 4);
    assert_null(note->before);
    assert_string_equal(note->after, "string");
    assert_string_equal(note->action, "applied");
    assert_string_equal(note->position, "0/20");
    assert_string_equal(note->correlation_id, "run-1");
    assert_true(note->recorded_at_us > 1700000000000000);
}

static void
test_a_replay_writes_nothing_twice(void **state)
{
    world            *w = *state;
    schema_change_row more[3] = {changes[0], changes[1], changes[0]};

    assert_int_equal(append(w, changes, 1), 1);
    assert_int_equal(append(w, changes, 1), 0);
    assert_int_equal(snapshot_count(w), 1);
    assert_int_equal(append(w, more, 3), 1); /* one is there, one comes twice */
    assert_int_equal(append(w, more, 3), 0);
    assert_int_equal(snapshot_count(w), 2);
    more[0].position = "0/30"; /* the same change again later is another one */
    more[1].action = "applied"; /* and so is what is done at last about one that was refused */
    assert_int_equal(append(w, more, 3), 2);
    assert_int_equal(read_back(w).count, 4);
}

static void
test_rows_of_the_same_time_stay_in_order(void **state)
{
    world            *w = *state;
    schema_change_row row = changes[0];

    for (int i = 0; i < 5; i++) {
        char position[8];
        snprintf(position, sizeof position, "0/%d", 9 - i);
        row.position = position;
        assert_int_equal(append(w, &row, 1), 1);
    }
    schema_change_rows rows = read_back(w);
    assert_int_equal(rows.count, 5);
    for (int i = 0; i < 5; i++) assert_int_equal(rows.rows[i].position[2], '9' - i);
}

static void
test_a_row_without_a_time_gets_that_of_recording(void **state)
{
    world            *w = *state;
    schema_change_row row = changes[0];

    row.changed_at_us = 0;
    assert_int_equal(append(w, &row, 1), 1);
    schema_change_rows rows = read_back(w);
    assert_true(rows.rows[0].changed_at_us > 0 && rows.rows[0].changed_at_us == rows.rows[0].recorded_at_us);
    assert_int_equal(append(w, &row, 1), 0);
}

/* Whatever call of the storage fails: the next attempt leaves each change once. */
static void
test_after_a_failed_commit(void **state)
{
    world   *w = *state;
    unsigned failed = 0, row_count = 1;

    assert_int_equal(append(w, changes, 1), 1);
    for (unsigned n = 1;; n += 5) {
        schema_change_row row = changes[1];
        char              position[16];

        snprintf(position, sizeof position, "1/%X", n);
        row.position = position;
        storage_faulty_arm(w->files, n, n % 2 ? FAULTY_BEFORE : FAULTY_AFTER, FIRN_E_STORAGE_IO, false);
        firn_status status = schema_changes_table_append(w->lake, w->levels, 2, &row, 1, w->pending, NULL, NULL, &w->err);
        storage_faulty_arm(w->files, 0, FAULTY_NEVER, FIRN_E_STORAGE_IO, false);
        firn_error_reset(&w->err);
        failed += status != FIRN_OK;
        assert_true(append(w, &row, 1) <= (status != FIRN_OK));
        assert_int_equal(read_back(w).count, ++row_count);
        if (status == FIRN_OK && n > 20) break;
        assert_true(n < 1000);
    }
    assert_true(failed > 3);
}

/* The status table shares the reading. */
static void
test_the_status_table_is_read_as_before(void **state)
{
    world            *w = *state;
    const char       *keys[] = {"id", "no"};
    const status_row  row = {.table_name = "orders", .load_status = "completed", .record_count = 7,
                             .primary_keys = keys, .primary_key_count = 2, .load_position = "0/1"};
    status_row        other = {.table_name = "lines", .load_status = "failed", .error_message = "x"};
    status_rows       rows = {0};

    assert_int_equal(status_table_update(w->lake, w->levels, 2, &row, 1, w->pending, NULL, &w->err), FIRN_OK);
    assert_int_equal(status_table_update(w->lake, w->levels, 2, &other, 1, w->pending, NULL, &w->err), FIRN_OK);
    assert_int_equal(status_table_read(w->lake, w->levels, 2, &w->arena, &rows, &w->err), FIRN_OK);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.rows[0].table_name, "lines");
    assert_string_equal(rows.rows[0].error_message, "x");
    assert_int_equal(rows.rows[1].record_count, 7);
    assert_int_equal(rows.rows[1].primary_key_count, 2);
    assert_string_equal(rows.rows[1].primary_keys[1], "no");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_table_before_the_first_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_appended_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_replay_writes_nothing_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_of_the_same_time_stay_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_row_without_a_time_gets_that_of_recording, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_failed_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_status_table_is_read_as_before, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
