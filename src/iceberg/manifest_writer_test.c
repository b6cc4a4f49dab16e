#include "iceberg/manifest_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"
#include "iceberg/partition.h"
#include "storage/faulty.h"
#include "storage/local.h"

#define SNAPSHOT 4711
#define BYTES(text) {(const uint8_t *) (text), sizeof(text) - 1}

static const data_type       long_type = {.kind = TYPE_LONG}, double_type = {.kind = TYPE_DOUBLE}, string = {.kind = TYPE_STRING};
static const schema_field    columns[] = {{.id = 1, .name = "id", .type = &long_type},
                                          {.id = 2, .name = "x", .type = &double_type},
                                          {.id = 3, .name = "s", .type = &string}};
static const partition_field fields[] = {{1, 1000, "id", {TRANSFORM_IDENTITY, 0}},
                                         {2, 1001, "x", {TRANSFORM_IDENTITY, 0}},
                                         {3, 1002, "s.t", {TRANSFORM_TRUNCATE, 4}},
                                         {3, 1003, "s_x2Et", {TRANSFORM_IDENTITY, 0}},
                                         {99, 1004, "gone", {TRANSFORM_IDENTITY, 0}}};
static const partition_spec  spec = {.spec_id = 3, .field_count = 5, .fields = fields};
static const partition_spec  no_spec = {.spec_id = 0};

typedef struct fixture {
    storage      *files;
    char          folder[64];
    char          location[128];
    table_schema *schema;
    firn_arena    arena;
    firn_error    err;
} fixture;

static int
set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    snprintf(f->folder, sizeof f->folder, P_tmpdir "/firn-manifest-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(storage_local_new(&f->files, &f->err), FIRN_OK);
    assert_int_equal(schema_new(2, columns, 3, NULL, 0, false, &f->schema, &f->err), FIRN_OK);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture *f = *state;

    assert_int_equal(f->files->ops->remove_tree(f->files, f->folder, &f->err), FIRN_OK);
    storage_free(f->files);
    schema_unref(f->schema);
    firn_arena_done(&f->arena);
    free(f);
    return 0;
}

static const char *
at(fixture *f, const char *name, unsigned number)
{
    snprintf(f->location, sizeof f->location, "%s/%s-%u.avro", f->folder, name, number);
    return f->location;
}

static data_file
make_file(const char *path, const firn_slice *partition, unsigned partition_count)
{
    return (data_file){.path = path, .format = "PARQUET", .partition = partition, .partition_count = partition_count,
                       .record_count = 10, .size_bytes = 100, .sort_order_id = -1, .content_offset = -1,
                       .content_size_bytes = -1, .first_row_id = -1};
}

static void
names_are_made_safe_as_java_does(void **state)
{
    static const char *const names[][2] = {{"ok_1", "ok_1"},       {"1a", "_1a"},          {"a b", "a_x20b"},
                                           {"\xc3\xbc", "_xFC"},   {"-a", "_x2Da"},        {"a.b", "a_x2Eb"},
                                           {"\xf0\x9f\x92\xa7", "_xD83D_xDCA7"}, {"", "_"}, {"a1", "a1"}};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        firn_buffer out;
        firn_error  err = {0};
        firn_buffer_init(&out, 100);
        assert_int_equal(manifest_avro_name(names[i][0], &out, &err), FIRN_OK);
        if (!firn_slice_equal(firn_buffer_slice(&out), firn_slice_text(names[i][1]))) {
            fail_msg("%s became %.*s", names[i][0], (int) out.size, (const char *) out.data);
        }
        firn_buffer_done(&out);
    }
}

static const firn_slice low[] = {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), BYTES("\0\0\0\0\0\0\0\x80"), BYTES("b"), BYTES("bbbb"), BYTES("?")};
static const firn_slice high[] = {BYTES("\x05\0\0\0"), BYTES("\0\0\0\0\0\0\0\0"), BYTES("zz"), BYTES("az"), BYTES("?")};
static const firn_slice nan_row[] = {{NULL, 0}, BYTES("\0\0\0\0\0\0\xf8\x7f"), {NULL, 0}, BYTES(""), {NULL, 0}};

static firn_status
write_manifest(fixture *f, storage *files, unsigned number, int version, manifest_file *ret_manifest)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *w = NULL;
    manifest_options options = {version, MANIFEST_DATA, f->schema, &spec, SNAPSHOT};
    data_file        files_added[] = {make_file("/d/1", low, 5), make_file("/d/2", high, 5), make_file("/d/3", nan_row, 5)};

    FIRN_TRY(manifest_writer_open(files, at(f, "m", number), &options, &w, &f->err));
    for (size_t i = 0; i < 3; i++) FIRN_TRY(manifest_writer_add_new(w, &files_added[i], &f->err));
    return manifest_writer_close(w, &f->arena, ret_manifest, &f->err);
}

static void
summaries_span_all_partition_values(void **state)
{
    fixture      *f = *state;
    manifest_file m;

    assert_int_equal(write_manifest(f, f->files, 1, 2, &m), FIRN_OK);

    assert_int_equal(m.partition_count, 5);
    assert_true(m.partitions[0].contains_null && !m.partitions[0].contains_nan);
    assert_true(firn_slice_equal(m.partitions[0].lower, (firn_slice) BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")));
    assert_true(firn_slice_equal(m.partitions[0].upper, (firn_slice) BYTES("\x05\0\0\0\0\0\0\0"))); // an int once
    assert_true(!m.partitions[1].contains_null && m.partitions[1].contains_nan == 1);
    assert_true(firn_slice_equal(m.partitions[1].lower, (firn_slice) BYTES("\0\0\0\0\0\0\0\x80")));
    assert_true(firn_slice_equal(m.partitions[1].upper, (firn_slice) BYTES("\0\0\0\0\0\0\0\0")));
    assert_true(m.partitions[2].contains_null);
    assert_true(firn_slice_equal(m.partitions[3].lower, (firn_slice) BYTES("")));
    assert_non_null(m.partitions[3].lower.data);
    assert_true(firn_slice_equal(m.partitions[3].upper, (firn_slice) BYTES("bbbb")));
    assert_true(m.partitions[4].contains_null && !m.partitions[4].lower.data); // its column is gone
    assert_int_equal(m.added_file_count, 3);
    assert_int_equal(m.added_row_count, 30);
    assert_int_equal(m.sequence_number, MANIFEST_UNASSIGNED);
    assert_int_equal(m.min_sequence_number, MANIFEST_UNASSIGNED);
    assert_int_equal(m.first_row_id, -1);
}

static void
entries_inherit_what_the_list_says(void **state)
{
    fixture              *f = *state;
    manifest_file         m;
    manifest_list_options options = {3, SNAPSHOT, -1, 6, 50};
    const manifest_file  *listed;
    size_t                count;
    int64_t               next = 0;
    manifest_reader      *r = NULL;
    manifest_entry        e;
    bool                  more;

    assert_int_equal(write_manifest(f, f->files, 1, 3, &m), FIRN_OK);
    assert_int_equal(manifest_list_write(f->files, at(f, "list", 1), &options, &m, 1, &next, &f->err), FIRN_OK);
    assert_int_equal(next, 80);
    assert_int_equal(manifest_list_read(f->files, at(f, "list", 1), &f->arena, &listed, &count, &f->err), FIRN_OK);
    assert_int_equal(count, 1);
    assert_int_equal(listed[0].sequence_number, 6);
    assert_int_equal(listed[0].min_sequence_number, 6);
    assert_int_equal(listed[0].first_row_id, 50);
    assert_int_equal(listed[0].partition_count, 5);

    assert_int_equal(manifest_reader_open(f->files, &listed[0], &spec, &r, &f->err), FIRN_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(manifest_reader_next(r, &f->arena, &e, &more, &f->err), FIRN_OK);
        assert_true(more);
        assert_int_equal(e.status, ENTRY_ADDED);
        assert_int_equal(e.snapshot_id, SNAPSHOT);
        assert_int_equal(e.sequence_number, 6);
        assert_int_equal(e.file_sequence_number, 6);
        assert_int_equal(e.file.first_row_id, 50 + 10 * (int) i);
        assert_int_equal(e.file.spec_id, 3);
        assert_int_equal(e.file.partition_count, 5);
    }
    assert_null(e.file.partition[0].data);
    assert_non_null(e.file.partition[3].data);
    assert_int_equal(e.file.partition[3].size, 0);
    assert_int_equal(manifest_reader_next(r, &f->arena, &e, &more, &f->err), FIRN_OK);
    assert_false(more);
    manifest_reader_free(r);
}

static void
values_follow_the_order_that_is_asked_for(void **state)
{
    fixture              *f = *state;
    const partition_field turned[] = {fields[2], {7, 1077, "new", {TRANSFORM_IDENTITY, 0}}, fields[0]};
    const partition_spec  other = {.spec_id = 3, .field_count = 3, .fields = turned};
    manifest_file         m;
    manifest_reader      *r = NULL;
    manifest_entry        e;
    bool                  more;

    assert_int_equal(write_manifest(f, f->files, 1, 2, &m), FIRN_OK);
    assert_int_equal(manifest_reader_open(f->files, &m, &other, &r, &f->err), FIRN_OK);
    assert_int_equal(manifest_reader_next(r, &f->arena, &e, &more, &f->err), FIRN_OK);
    manifest_reader_free(r);

    assert_int_equal(e.file.partition_count, 3);
    assert_true(firn_slice_equal(e.file.partition[0], low[2]));
    assert_null(e.file.partition[1].data);
    assert_true(firn_slice_equal(e.file.partition[2], low[0]));
}

static void
least_sequence_number_is_of_live_files(void **state)
{
    fixture         *f = *state;
    manifest_writer *w = NULL;
    manifest_options options = {2, MANIFEST_DATA, f->schema, &no_spec, SNAPSHOT};
    data_file        added = make_file("/d/1", NULL, 0);
    manifest_entry   existing = {ENTRY_ADDED, 9, 4, 3, make_file("/d/2", NULL, 0)};
    manifest_entry   deleted = {ENTRY_EXISTING, 9, 1, 1, make_file("/d/3", NULL, 0)};
    manifest_file    m;

    assert_int_equal(manifest_writer_open(f->files, at(f, "m", 1), &options, &w, &f->err), FIRN_OK);
    assert_int_equal(manifest_writer_add_new(w, &added, &f->err), FIRN_OK);
    assert_int_equal(manifest_writer_add_existing(w, &existing, &f->err), FIRN_OK);
    assert_int_equal(manifest_writer_add_deleted(w, &deleted, &f->err), FIRN_OK);
    assert_int_equal(manifest_writer_close(w, &f->arena, &m, &f->err), FIRN_OK);
    manifest_writer_free(w);

    assert_int_equal(m.min_sequence_number, 4);
    assert_int_equal(m.existing_file_count, 1);
    assert_int_equal(m.deleted_file_count, 1);
    assert_int_equal(m.partition_count, 0);
}

static void
row_ids_go_to_data_manifests_without_any(void **state)
{
    fixture              *f = *state;
    manifest_list_options options = {3, SNAPSHOT, 4, 6, 1000};
    manifest_file         m[4];
    const manifest_file  *listed;
    size_t                count;
    int64_t               next;

    for (unsigned i = 0; i < 4; i++) {
        m[i] = (manifest_file){.path = "/m", .size_bytes = 1, .added_snapshot_id = SNAPSHOT, .sequence_number = MANIFEST_UNASSIGNED,
                               .min_sequence_number = MANIFEST_UNASSIGNED, .added_row_count = 100, .existing_row_count = 25,
                               .first_row_id = -1};
    }
    m[0].first_row_id = 925;
    m[2].content = MANIFEST_DELETES;
    assert_int_equal(manifest_list_write(f->files, at(f, "list", 1), &options, m, 4, &next, &f->err), FIRN_OK);
    assert_int_equal(manifest_list_read(f->files, at(f, "list", 1), &f->arena, &listed, &count, &f->err), FIRN_OK);

    assert_int_equal(next, 1250);
    assert_int_equal(listed[0].first_row_id, 925);
    assert_int_equal(listed[1].first_row_id, 1000);
    assert_int_equal(listed[2].first_row_id, -1);
    assert_int_equal(listed[3].first_row_id, 1125);
    assert_null(listed[0].partitions);
}

static void
mistakes_of_a_caller_are_bugs(void **state)
{
    fixture              *f = *state;
    manifest_list_options list_options = {2, SNAPSHOT, -1, 6, -1};
    manifest_writer      *w = NULL;
    manifest_options      options = {2, MANIFEST_DATA, f->schema, &no_spec, SNAPSHOT};
    data_file             file = make_file("/d/1", NULL, 0);
    manifest_file         foreign = {.path = "/m", .added_snapshot_id = 1, .sequence_number = MANIFEST_UNASSIGNED};
    manifest_file         uncounted = {.path = "/m", .added_snapshot_id = 1, .added_file_count = -1};

    assert_int_equal(manifest_writer_open(f->files, at(f, "m", 1), &options, &w, &f->err), FIRN_OK);
    file.content = DATA_FILE_POSITION_DELETES;
    assert_int_equal(manifest_writer_add_new(w, &file, &f->err), FIRN_BUG);
    firn_error_reset(&f->err);
    manifest_writer_free(w);
    assert_int_equal(manifest_list_write(f->files, at(f, "l", 1), &list_options, &foreign, 1, NULL, &f->err), FIRN_BUG);
    firn_error_reset(&f->err);
    assert_int_equal(manifest_list_write(f->files, at(f, "l", 1), &list_options, &uncounted, 1, NULL, &f->err), FIRN_UNSUPPORTED);
    firn_error_reset(&f->err);
}

static firn_status
count_file(void *state, const storage_object *object, firn_error *err)
{
    (void) object;
    (void) err;
    ++*(unsigned *) state;
    return FIRN_OK;
}

/* Write, list, read back: fails at each call of the storage, at each allocation; nothing is left, nothing leaks. */
static firn_status
whole_way(fixture *f, storage *files, unsigned number)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *r = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    manifest_list_options options = {2, SNAPSHOT, -1, 6, -1};
    manifest_file         m;
    const manifest_file  *listed;
    size_t                count;
    manifest_entry        e;
    bool                  more = true;

    FIRN_TRY(write_manifest(f, files, number, 2, &m));
    FIRN_TRY(manifest_list_write(files, at(f, "l", number), &options, &m, 1, NULL, &f->err));
    FIRN_TRY(manifest_list_read(files, at(f, "l", number), &arena, &listed, &count, &f->err));
    FIRN_TRY(manifest_reader_open(files, &listed[0], &spec, &r, &f->err));
    while (more) FIRN_TRY(manifest_reader_next(r, &arena, &e, &more, &f->err));
    return FIRN_OK;
}

static void
each_storage_call_can_fail(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(storage_freep) storage *faulty = NULL;

    assert_int_equal(storage_faulty_new(f->files, &faulty, &f->err), FIRN_OK);
    for (int effect = FAULTY_BEFORE; effect <= FAULTY_CUT; effect++) {
        for (unsigned n = 1;; n++) {
            unsigned    found = 0;
            firn_status status;
            storage_faulty_arm(faulty, n, (faulty_effect) effect, FIRN_E_STORAGE_FULL, false);
            status = whole_way(f, faulty, n);
            if (status == FIRN_OK) break;
            assert_int_equal(f->err.code, FIRN_E_STORAGE_FULL);
            firn_error_reset(&f->err);
            assert_true(n < 100);
            assert_int_equal(f->files->ops->list(f->files, f->folder, count_file, &found, &f->err), FIRN_OK);
            assert_true(found <= 2);
            assert_int_equal(f->files->ops->remove_tree(f->files, f->folder, &f->err), FIRN_OK);
        }
        assert_int_equal(f->files->ops->remove_tree(f->files, f->folder, &f->err), FIRN_OK);
    }
}

static void
each_allocation_can_fail(void **state)
{
    fixture *f = *state;

    for (uint64_t n = 1;; n++) {
        firn_status status;
        firn_alloc_fail_at(n, 0);
        status = whole_way(f, f->files, 1);
        firn_alloc_fail_at(0, 0);
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
        firn_error_reset(&f->err);
        assert_true(n < 2000);
        assert_int_equal(f->files->ops->remove_tree(f->files, f->folder, &f->err), FIRN_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_made_safe_as_java_does),
        TEST(summaries_span_all_partition_values),
        TEST(entries_inherit_what_the_list_says),
        TEST(values_follow_the_order_that_is_asked_for),
        TEST(least_sequence_number_is_of_live_files),
        TEST(row_ids_go_to_data_manifests_without_any),
        TEST(mistakes_of_a_caller_are_bugs),
        TEST(each_storage_call_can_fail),
        TEST(each_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
