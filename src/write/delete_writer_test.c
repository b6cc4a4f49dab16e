#include "write/delete_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/position_delete.h"
#include "iceberg/puffin_reader.h"
#include "storage/faulty.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)
#define NOTHING .content_offset = -1, .content_size_bytes = -1, .first_row_id = -1, .sort_order_id = -1
#define COMMIT "0193f0a0-0000-7000-8000-000000000001"

enum { TARGETS = 3 };

typedef struct world {
    char                   folder[96], data[120];
    storage               *local, *files; /* the latter counts and fails */
    table_metadata         table;
    table_property         property;
    data_file              data_files[TARGETS];
    roaring64             *rows[TARGETS];
    delete_target          targets[TARGETS];
    delete_writer_settings settings;
    firn_error             err;
} world;

/* Three data files of two partitions, each of which loses rows. */
static int
set_up(void **state)
{
    static const firn_slice partitions[] = {{(const uint8_t *) "\1", 1}, {NULL, 0}, {(const uint8_t *) "\1", 1}};
    static const char *const names[] = {"c", "b", "a"};
    world *w = calloc(1, sizeof *w);
    char   made[32] = "delete_writer_test.XXXXXX";
    char  *here;

    assert_non_null(mkdtemp(made));
    here = realpath(made, NULL);
    snprintf(w->folder, sizeof w->folder, "%s", here);
    snprintf(w->data, sizeof w->data, "file://%s/t/data", here);
    free(here);
    OK(storage_local_new(&w->local, &w->err));
    OK(storage_faulty_new(w->local, &w->files, &w->err));
    w->table.format_version = 2;
    for (size_t i = 0; i < TARGETS; i++) {
        w->rows[i] = roaring64_new();
        OK(roaring64_add_range(w->rows[i], 10 * i, 5, &w->err));
        w->data_files[i] = (data_file){.path = names[i], .format = "PARQUET", .record_count = 100, .spec_id = 3,
                                       .partition_count = 1, .partition = &partitions[i], NOTHING};
        w->targets[i] = (delete_target){&w->data_files[i], w->rows[i], 0, NULL};
    }
    w->settings = (delete_writer_settings){.files = w->files, .table = &w->table, .data_location = w->data,
                                           .prefix = COMMIT, .memory_bytes_max = 1 << 20};
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
    for (size_t i = 0; i < TARGETS; i++) roaring64_free(w->rows[i]);
    free(w);
    return 0;
}

static firn_status
count_object(void *state, const storage_object *object, firn_error *err)
{
    (void) object;
    (void) err;
    (*(unsigned *) state)++;
    return FIRN_OK;
}

static unsigned
count_files(world *w)
{
    firn_error err = {0};
    unsigned   count = 0;

    OK(w->local->ops->list(w->local, w->data, count_object, &count, &err));
    return count;
}

static void
version_2_has_a_file_for_each_data_file(void **state)
{
    world *w = *state;
    FIRN_AUTO(delete_files_done) delete_files made = {0};
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(1 << 20);

    OK(delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err));
    assert_int_equal(made.added.count, 3);
    assert_int_equal(made.required_path_count, 3);
    assert_int_equal(made.removed_path_count + made.removed_vector_count, 0);
    assert_int_equal(count_files(w), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(strstr(made.added.files[i].path, "/t/data/" COMMIT "-deletes-0000"));
        assert_int_equal(made.added.files[i].spec_id, 3);
        assert_int_equal(made.added.files[i].record_count, 5);
        assert_non_null(made.added.files[i].referenced_data_file);
        OK(position_delete_set_read(set, w->files, &made.added.files[i], NULL, &w->err));
    }
    assert_string_equal(made.added.files[0].referenced_data_file, "b"); // the partition null comes first
    assert_null(made.added.files[0].partition[0].data);
    for (size_t i = 0; i < TARGETS; i++)
        assert_true(roaring64_equal(position_delete_set_get(set, w->data_files[i].path), w->rows[i]));
}

static void
version_2_by_partition(void **state)
{
    world *w = *state;
    FIRN_AUTO(delete_files_done) delete_files made = {0};
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(1 << 20);

    w->property = (table_property){"write.delete.granularity", "partition"};
    w->table.properties = &w->property;
    w->table.property_count = 1;
    w->settings.first_number = 7;
    OK(delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err));
    assert_int_equal(made.added.count, 2);
    assert_string_equal(made.added.files[0].referenced_data_file, "b");
    assert_null(made.added.files[1].referenced_data_file);
    assert_non_null(strstr(made.added.files[1].path, COMMIT "-deletes-00008.parquet"));
    assert_int_equal(made.added.files[1].record_count, 10);
    OK(position_delete_set_read(set, w->files, &made.added.files[1], NULL, &w->err));
    assert_true(firn_slice_equal(position_delete_set_path(set, 0), firn_slice_text("a")));
    assert_true(firn_slice_equal(position_delete_set_path(set, 1), firn_slice_text("c")));
}

static void
version_3_merges_what_was_deleted_before(void **state)
{
    world *w = *state;
    FIRN_AUTO(delete_files_done) delete_files before = {0};
    FIRN_AUTO(delete_files_done) delete_files shared = {0};
    FIRN_AUTO(delete_files_done) delete_files made = {0};
    FIRN_AUTO(delete_files_done) delete_files again = {0};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    manifest_entry        entries[3] = {0};
    const manifest_entry *deletes[3] = {&entries[0], &entries[1], &entries[2]};
    const puffin_blob    *blobs;
    size_t                blob_count;

    // Version 2 left position deletes of c alone, and of a and c together.
    OK(delete_writer_write(&w->settings, w->targets, 1, &before, &w->err));
    w->property = (table_property){"write.delete.granularity", "partition"};
    w->table.properties = &w->property;
    w->table.property_count = 1;
    w->settings.first_number = 10;
    OK(roaring64_add(w->rows[0], 50, &w->err));
    OK(delete_writer_write(&w->settings, w->targets, TARGETS, &shared, &w->err));
    entries[0].file = before.added.files[0];
    entries[1].file = shared.added.files[1];
    entries[2].file = (data_file){.content = DATA_FILE_EQUALITY_DELETES, .path = "equality", NOTHING};

    w->table.format_version = 3;
    w->settings.first_number = 20;
    roaring64_free(w->rows[0]);
    w->rows[0] = roaring64_new();
    OK(roaring64_add(w->rows[0], 99, &w->err));
    w->targets[0] = (delete_target){&w->data_files[0], w->rows[0], 3, deletes};
    OK(delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err));
    assert_int_equal(made.added.count, 3);
    assert_string_equal(made.added.files[0].path, made.added.files[2].path);
    assert_int_equal(made.removed_path_count, 1); // the other one has rows of a, too
    assert_string_equal(made.removed_paths[0], before.added.files[0].path);
    OK(puffin_read_blobs(w->files, made.added.files[0].path, (uint64_t) made.added.files[0].size_bytes, &arena, &blobs,
                         &blob_count, &w->err));
    assert_int_equal(blob_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        FIRN_AUTO(roaring64_freep) roaring64 *vector = NULL;
        const data_file *file = &made.added.files[i];
        bool             is_c = strcmp(file->referenced_data_file, "c") == 0;

        assert_int_equal(blobs[i].offset, file->content_offset);
        assert_int_equal(blobs[i].size_bytes, file->content_size_bytes);
        assert_string_equal(blobs[i].properties[0].value, file->referenced_data_file);
        assert_string_equal(blobs[i].properties[1].value, is_c ? "7" : "5");
        OK(deletion_vector_read(w->files, file, &vector, &w->err));
        assert_int_equal(roaring64_contains(vector, 99), is_c);
        assert_int_equal(roaring64_contains(vector, 50), is_c);
        if (is_c) entries[0].file = *file;
    }

    // And once more, with a vector.
    w->targets[0].delete_count = 1;
    w->settings.first_number = 30;
    roaring64_free(w->rows[0]);
    w->rows[0] = roaring64_new();
    OK(roaring64_add(w->rows[0], 60, &w->err));
    w->targets[0].rows = w->rows[0];
    OK(delete_writer_write(&w->settings, w->targets, 1, &again, &w->err));
    assert_int_equal(again.added.files[0].record_count, 8);
    assert_int_equal(again.removed_vector_count, 1);
    assert_string_equal(again.removed_vectors[0].path, entries[0].file.path);
    assert_int_equal(again.removed_vectors[0].content_offset, entries[0].file.content_offset);
    assert_int_equal(again.removed_path_count, 0);
}

static void
rows_that_are_not_there_are_a_bug(void **state)
{
    world *w = *state;
    FIRN_AUTO(delete_files_done) delete_files made = {0};

    OK(delete_writer_write(&w->settings, w->targets, 0, &made, &w->err));
    assert_int_equal(made.added.count, 0);
    OK(roaring64_add(w->rows[1], 100, &w->err));
    assert_int_equal(delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err), FIRN_BUG);
    assert_int_equal(count_files(w), 0);
}

static void
a_failure_leaves_no_file(void **state)
{
    world *w = *state;

    for (int version = 2; version <= 3; version++) {
        w->table.format_version = version;
        for (faulty_effect effect = FAULTY_BEFORE; effect <= FAULTY_CUT; effect++) {
            for (uint64_t nth = 1;; nth++) {
                FIRN_AUTO(delete_files_done) delete_files made = {0};
                firn_status status;

                storage_faulty_arm(w->files, nth, effect, FIRN_E_STORAGE_IO, false);
                status = delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err);
                if (status == FIRN_OK) data_file_list_discard(&made.added, w->local);
                assert_int_equal(count_files(w), 0);
                firn_error_reset(&w->err);
                if (status == FIRN_OK) break;
            }
        }
    }
    storage_faulty_arm(w->files, 0, FAULTY_NEVER, FIRN_E_STORAGE_IO, false);
    for (uint64_t nth = 1;; nth++) {
        FIRN_AUTO(delete_files_done) delete_files made = {0};
        firn_status status;

        firn_alloc_fail_at(nth, 0);
        status = delete_writer_write(&w->settings, w->targets, TARGETS, &made, &w->err);
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&w->err);
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(version_2_has_a_file_for_each_data_file), TEST(version_2_by_partition),
        TEST(version_3_merges_what_was_deleted_before), TEST(rows_that_are_not_there_are_a_bug),
        TEST(a_failure_leaves_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
