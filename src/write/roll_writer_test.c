#include "write/roll_writer.h"

#include "base/alloc.h"
#include "batch/column_builder.h"
#include "storage/faulty.h"
#include "storage/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), FIRN_OK)
#define COMMIT "0193f0a0-0000-7000-8000-000000000001"

typedef struct world {
    char                 folder[96], data[160];
    storage             *local, *files; /* the latter counts and fails */
    table_schema        *schema;
    firn_arena           arena;
    partition_spec       spec;
    roll_writer_settings settings;
    firn_error           err;
} world;

static int
set_up(void **state)
{
    static const data_type    number = {.kind = TYPE_LONG}, text = {.kind = TYPE_STRING};
    static const schema_field fields[] = {{.name = "id", .required = true, .type = &number}, {.name = "text", .type = &text}};
    world *w = calloc(1, sizeof *w);
    char   made[32] = "roll_writer_test.XXXXXX";

    assert_non_null(mkdtemp(made));
    char *here = realpath(made, NULL);
    (void) snprintf(w->folder, sizeof w->folder, "%s", here);
    (void) snprintf(w->data, sizeof w->data, "file://%s/t/data", here);
    free(here);
    OK(storage_local_new(&w->local, &w->err));
    OK(storage_faulty_new(w->local, &w->files, &w->err));
    OK(schema_new(0, fields, 2, NULL, 0, true, &w->schema, &w->err));
    w->settings = (roll_writer_settings){.files = w->files,
                                         .data_location = w->data,
                                         .prefix = COMMIT,
                                         .lane = 3,
                                         .schema = w->schema,
                                         .spec = &w->spec,
                                         .options = parquet_options_default,
                                         .target_file_size_bytes = (uint64_t) 64 << 20,
                                         .memory_bytes_max = (size_t) 64 << 20};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    OK(w->local->ops->remove_tree(w->local, w->folder, &err));
    storage_free(w->files);
    storage_free(w->local);
    schema_unref(w->schema);
    firn_arena_done(&w->arena);
    free(w);
    return 0;
}

static void
partition_by(world *w, const char *term)
{
    OK(partition_spec_of_settings(&term, 1, w->schema, &w->arena, &w->spec, &w->err));
}

/* Rows [first, first + count): the id and a text of it. */
static void
make_rows(world *w, int64_t first, int64_t count, batch *ret_rows)
{
    column_builder *columns[2];
    char            text[64];

    for (unsigned c = 0; c < 2; c++) OK(column_builder_new(w->schema->fields[c].type, 64 << 20, &columns[c], &w->err));
    for (int64_t i = first; i < first + count; i++) {
        (void) snprintf(text, sizeof text, "%lld is a number and %lld another", (long long) i, (long long) (i * 7919));
        OK(column_add_i64(columns[0], i, &w->err));
        OK(column_add_text(columns[1], text, &w->err));
    }
    OK(batch_from_builders(w->schema, columns, ret_rows, &w->err));
    for (unsigned c = 0; c < 2; c++) column_builder_free(columns[c]);
}

static firn_status
add_rows(world *w, roll_writer *writer, int64_t first, int64_t count)
{
    batch       rows = {0};
    firn_status status;

    make_rows(w, first, count, &rows);
    status = roll_writer_add(writer, &rows.array, &w->err);
    batch_done(&rows);
    return status;
}

static firn_status
count_object(void *state, const storage_object *object, firn_error *err)
{
    (void) object;
    (void) err;
    ++*(unsigned *) state;
    return FIRN_OK;
}

static unsigned
files_on_disk(world *w)
{
    unsigned   count = 0;
    firn_error err = {0};

    OK(w->local->ops->list(w->local, w->data, count_object, &count, &err));
    return count;
}

static int64_t
rows_of(const data_file_list *list)
{
    int64_t rows = 0;

    for (unsigned i = 0; i < list->count; i++) rows += list->files[i].record_count;
    return rows;
}

static roll_writer *
new_writer(world *w)
{
    roll_writer *writer = NULL;

    OK(roll_writer_new(&w->settings, &writer, &w->err));
    return writer;
}

static void
files_are_named_after_commit_lane_and_number(void **state)
{
    world         *w = *state;
    roll_writer   *writer = new_writer(w);
    data_file_list list = {0};
    char           wanted[256];

    OK(add_rows(w, writer, 0, 10));
    OK(roll_writer_roll(writer, &w->err));
    OK(roll_writer_roll(writer, &w->err)); /* nothing open: no file */
    OK(add_rows(w, writer, 10, 5));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    assert_int_equal(list.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        (void) snprintf(wanted, sizeof wanted, "%s/" COMMIT "-003-0000%u.parquet", w->data, i + 1);
        assert_string_equal(list.files[i].path, wanted);
        assert_int_equal(list.files[i].record_count, i ? 5 : 10);
        assert_int_equal(list.files[i].sort_order_id, -1);
    }
    assert_int_equal(files_on_disk(w), 2);
    data_file_list_discard(&list, w->files);
    assert_int_equal(files_on_disk(w), 0);
    data_file_list_done(&list);
}

static void
no_rows_make_no_file(void **state)
{
    world         *w = *state;
    roll_writer   *writer = new_writer(w);
    data_file_list list = {0};

    OK(add_rows(w, writer, 0, 0));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    assert_int_equal(list.count, 0);
    data_file_list_done(&list);
}

static void
a_file_that_is_large_enough_is_closed(void **state)
{
    world         *w = *state;
    data_file_list list = {0};
    w->settings.target_file_size_bytes = 20000;
    w->settings.options.row_group_size_bytes = 50000;
    roll_writer *writer = new_writer(w);

    for (int64_t i = 0; i < 40; i++) OK(add_rows(w, writer, i * 500, 500));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    /* Sizes are estimated while a row group is open, so they are not exact. */
    assert_true(list.count > 3);
    assert_int_equal(rows_of(&list), 20000);
    for (unsigned i = 0; i + 1 < list.count; i++) assert_in_range(list.files[i].size_bytes, 5000, 60000);
    data_file_list_done(&list);
}

static void
each_partition_has_files_of_its_own(void **state)
{
    world         *w = *state;
    data_file_list list = {0};
    int64_t        seen[7] = {0};
    partition_by(w, "truncate(100, id)");
    roll_writer *writer = new_writer(w);

    OK(add_rows(w, writer, 0, 250));
    OK(add_rows(w, writer, 250, 450));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    assert_int_equal(list.count, 7);
    for (unsigned i = 0; i < list.count; i++) {
        int64_t value;
        assert_int_equal(list.files[i].partition_count, 1);
        assert_int_equal(list.files[i].partition[0].size, sizeof value);
        memcpy(&value, list.files[i].partition[0].data, sizeof value);
        assert_in_range(value / 100, 0, 6);
        assert_int_equal(seen[value / 100]++, 0);
        assert_int_equal(list.files[i].record_count, 100);
        assert_non_null(strstr(list.files[i].path, "/data/id_trunc="));
    }
    data_file_list_done(&list);
}

/* More partitions than files may be open: the writer closes some early and opens them again. */
static void
many_partitions_are_written_with_few_open_files(void **state)
{
    world         *w = *state;
    data_file_list list = {0};
    partition_by(w, "id");
    roll_writer *writer = new_writer(w);

    for (int round = 0; round < 2; round++) OK(add_rows(w, writer, 0, 400));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    assert_int_equal(rows_of(&list), 800);
    assert_in_range(list.count, 400 + (400 - 256), 800);
    assert_int_equal(files_on_disk(w), list.count);
    data_file_list_done(&list);
}

static void
memory_of_open_files_is_limited(void **state)
{
    world         *w = *state;
    data_file_list list = {0};
    partition_by(w, "bucket(4, id)");
    w->settings.memory_bytes_max = 1;
    roll_writer *writer = new_writer(w);

    OK(add_rows(w, writer, 0, 1000));
    OK(add_rows(w, writer, 1000, 1000));
    assert_true(roll_writer_file_bytes(writer) > 0);
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);

    assert_int_equal(list.count, 8); /* one open at a time, so each batch begins new ones */
    assert_int_equal(rows_of(&list), 2000);
    data_file_list_done(&list);
}

static void
an_abandoned_writer_leaves_nothing(void **state)
{
    world *w = *state;
    partition_by(w, "bucket(8, id)");
    roll_writer *writer = new_writer(w);

    OK(add_rows(w, writer, 0, 100));
    OK(roll_writer_roll(writer, &w->err));
    OK(add_rows(w, writer, 100, 100));
    assert_int_equal(files_on_disk(w), 8);
    roll_writer_free(writer);

    assert_int_equal(files_on_disk(w), 0);
}

/* ---- what it notes ---- */

typedef struct noted {
    unsigned asked;
    size_t   file_count;
} noted;

static firn_status
remove_all(void *state, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    noted *n = state;

    (void) err;
    n->asked++;
    n->file_count = commit->file_count;
    assert_string_equal(commit->table, "t");
    assert_string_equal(commit->commit_id, COMMIT);
    *ret_verdict = PENDING_REMOVE;
    return FIRN_OK;
}

static void
each_file_is_noted_before_it_is_begun(void **state)
{
    world           *w = *state;
    char             folder[128];
    data_file_list   list = {0};
    noted            n = {0};
    pending_recovery counts;
    (void) snprintf(folder, sizeof folder, "%s/state", w->folder);
    OK(pending_files_open(folder, "r", &w->settings.pending, &w->err));
    w->settings.table = "t";
    partition_by(w, "bucket(4, id)");
    roll_writer *writer = new_writer(w);

    OK(add_rows(w, writer, 0, 100));
    OK(roll_writer_finish(writer, &list, &w->err));
    roll_writer_free(writer);
    pending_files_free(w->settings.pending); /* as if it died here */
    assert_int_equal(files_on_disk(w), 4);
    OK(pending_files_recover(folder, w->local, remove_all, &n, &counts, &w->err));

    assert_int_equal(n.asked, 1);
    assert_int_equal(n.file_count, 4);
    assert_int_equal(counts.removed_file_count, 4);
    assert_int_equal(files_on_disk(w), 0);
    data_file_list_done(&list);
}

/* ---- failures ---- */

static void
a_file_of_another_is_neither_replaced_nor_removed(void **state)
{
    world         *w = *state;
    roll_writer   *writer = new_writer(w);
    data_file_list list = {0};
    firn_buffer    bytes = {0};
    char           path[256];
    (void) snprintf(path, sizeof path, "%s/" COMMIT "-003-00001.parquet", w->data);
    OK(w->local->ops->put_new(w->local, path, firn_slice_text("theirs"), &w->err));

    OK(add_rows(w, writer, 0, 10));
    assert_int_equal(roll_writer_finish(writer, &list, &w->err), FIRN_CONFLICT);
    roll_writer_free(writer);

    firn_buffer_init(&bytes, 100);
    firn_error_reset(&w->err);
    OK(storage_read_all(w->local, path, &bytes, &w->err));
    assert_int_equal(bytes.size, 6);
    firn_buffer_done(&bytes);
}

static firn_status
write_some(world *w, data_file_list *ret_list)
{
    FIRN_AUTO(roll_writer_freep) roll_writer *writer = NULL;
    batch       rows = {0};
    firn_status status;

    make_rows(w, 0, 60, &rows); /* not among what fails */
    status = roll_writer_new(&w->settings, &writer, &w->err);
    if (!status) status = roll_writer_add(writer, &rows.array, &w->err);
    if (!status) status = roll_writer_roll(writer, &w->err);
    if (!status) status = roll_writer_add(writer, &rows.array, &w->err);
    if (!status) status = roll_writer_finish(writer, ret_list, &w->err);
    batch_done(&rows);
    return status;
}

/* Also where it was done and only the answer was lost. */
static void
every_failing_call_of_the_storage_leaves_nothing(void **state)
{
    static const faulty_effect effects[] = {FAULTY_CUT, FAULTY_AFTER};
    world                     *w = *state;
    partition_by(w, "bucket(3, id)");

    for (size_t i = 0; i < FIRN_COUNT(effects); i++) {
        firn_status status = FIRN_IO;
        uint64_t    nth = 0;

        while (status) {
            data_file_list list = {0};
            firn_error_reset(&w->err);
            storage_faulty_arm(w->files, ++nth, effects[i], FIRN_E_STORAGE_FULL, false);
            status = write_some(w, &list);
            storage_faulty_arm(w->files, 0, FAULTY_NEVER, FIRN_E_STORAGE_FULL, false);
            assert_int_equal(files_on_disk(w), status ? 0 : 6);
            if (!status) data_file_list_discard(&list, w->files);
            data_file_list_done(&list);
        }
        assert_true(nth > 12);
    }
}

static void
every_failing_allocation_leaves_nothing(void **state)
{
    world      *w = *state;
    firn_status status = FIRN_NO_MEMORY;
    batch       rows = {0};
    unsigned    nth = 0;
    partition_by(w, "bucket(3, id)");
    make_rows(w, 0, 60, &rows);

    while (status == FIRN_NO_MEMORY) {
        data_file_list list = {0};
        roll_writer   *writer = NULL;
        firn_error_reset(&w->err);
        firn_alloc_fail_at(++nth, 0);
        status = roll_writer_new(&w->settings, &writer, &w->err);
        if (!status) status = roll_writer_add(writer, &rows.array, &w->err);
        if (!status) status = roll_writer_finish(writer, &list, &w->err);
        firn_alloc_fail_at(0, 0);
        roll_writer_free(writer);
        if (status) assert_int_equal(files_on_disk(w), 0);
        data_file_list_done(&list);
    }
    assert_int_equal(status, FIRN_OK);
    assert_int_equal(files_on_disk(w), 3);
    assert_true(nth > 50);
    batch_done(&rows);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(files_are_named_after_commit_lane_and_number),
        CASE(no_rows_make_no_file),
        CASE(a_file_that_is_large_enough_is_closed),
        CASE(each_partition_has_files_of_its_own),
        CASE(many_partitions_are_written_with_few_open_files),
        CASE(memory_of_open_files_is_limited),
        CASE(an_abandoned_writer_leaves_nothing),
        CASE(each_file_is_noted_before_it_is_begun),
        CASE(a_file_of_another_is_neither_replaced_nor_removed),
        CASE(every_failing_call_of_the_storage_leaves_nothing),
        CASE(every_failing_allocation_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
