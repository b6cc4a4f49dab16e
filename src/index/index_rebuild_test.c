#include "index/index_rebuild.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "batch/column_builder.h"
#include "iceberg/metrics.h"
#include "iceberg/position_delete.h"
#include "iceberg/snapshot_producer.h"
#include "iceberg/table_metadata_read.h"
#include "index/key_codec.h"
#include "parquet/file_writer.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)

static const data_type    long_type = {.kind = TYPE_LONG}, text_type = {.kind = TYPE_STRING};
static const schema_field fields[] = {{.id = 1, .name = "ID", .required = true, .type = &long_type},
                                      {.id = 2, .name = "NOTE", .type = &text_type}};
static const int32_t      key_id = 1;

typedef struct world {
    char                   folder[120], location[140], index_folder[140];
    storage               *files;
    table_schema          *schema;
    table_metadata        *table;
    index_rebuild_settings settings;
    key_index             *index;
    firn_arena             arena;
    firn_error             err;
    unsigned               reads;
} world;

static void
count_read(void *state, uint64_t rows_done, uint64_t rows_all)
{
    world *w = state;

    (void) rows_done;
    (void) rows_all;
    w->reads++;
}

static int
set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    char   made[40] = "index_rebuild_test.XXXXXX";
    char  *here;

    assert_non_null(mkdtemp(made));
    here = realpath(made, NULL);
    snprintf(w->folder, sizeof w->folder, "%s", here);
    snprintf(w->location, sizeof w->location, "file://%s/t", here);
    snprintf(w->index_folder, sizeof w->index_folder, "%s/index", here);
    free(here);
    OK(storage_local_new(&w->files, &w->err));
    OK(schema_new(0, fields, 2, NULL, 0, false, &w->schema, &w->err));
    w->settings = (index_rebuild_settings){.index = {.folder = w->index_folder}, .files = w->files, .key_ids = &key_id,
                                           .key_count = 1, .memory_bytes_max = (size_t) 64 << 20,
                                           .progress = count_read, .progress_state = w};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    key_index_free(w->index);
    table_metadata_unref(w->table);
    schema_unref(w->schema);
    OK(w->files->ops->remove_tree(w->files, w->folder, &err));
    storage_free(w->files);
    firn_arena_done(&w->arena);
    free(w);
    return 0;
}

static void
step(world *w, table_change change)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    table_metadata *made = NULL;

    firn_buffer_init(&text, TABLE_METADATA_SIZE_MAX);
    OK(snapshot_produce(&change, w->table, w->location, w->files, &text, &w->err));
    OK(table_metadata_read(firn_buffer_slice(&text), NULL, &made, &w->err));
    table_metadata_unref(w->table);
    w->table = made;
    w->settings.table = made;
}

/* A data file with the keys first … first + count - 1 in rows 0 …, all with the note (NULL: null). */
static data_file
write_rows(world *w, const char *name, int64_t first, int64_t count, const char *note)
{
    FIRN_AUTO(parquet_writer_freep) parquet_writer *writer = NULL;
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    FIRN_AUTO(batch_done) batch rows = {0};
    const char     *path = firn_arena_printf(&w->arena, "%s/data/%s", w->location, name);
    column_builder *columns[2];
    firn_sink      *sink;
    data_file       file;

    OK(column_builder_new(&long_type, 1 << 20, &columns[0], &w->err));
    OK(column_builder_new(&text_type, 1 << 20, &columns[1], &w->err));
    for (int64_t i = 0; i < count; i++) {
        OK(column_add_i64(columns[0], first + i, &w->err));
        OK(column_add_text(columns[1], note, &w->err));
    }
    OK(batch_from_builders(w->schema, columns, &rows, &w->err));
    OK(w->files->ops->open_sink(w->files, path, &sink, &w->err));
    OK(parquet_writer_open(w->schema, &parquet_options_default, sink, &writer, &w->err));
    OK(parquet_writer_add(writer, &rows.array, &w->err));
    OK(parquet_writer_close(writer, &info, &w->err));
    OK(metrics_of_parquet(&info, w->schema, path, &w->arena, &file, &w->err));
    column_builder_free(columns[0]);
    column_builder_free(columns[1]);
    return file;
}

/* Files a (0 … 99) and b (100 … 199). */
static void
create(world *w)
{
    const data_file two[] = {write_rows(w, "a", 0, 100, "x"), write_rows(w, "b", 100, 100, "y")};

    step(w, (table_change){.schema = w->schema, .operation = "append", .added = two, .added_count = 2});
}

static void
expect(world *w, int64_t key, const char *file, uint64_t row)
{
    FIRN_AUTO(key_codec_freep) key_codec *codec = NULL;
    FIRN_AUTO(batch_done) batch rows = {0};
    column_builder *columns[2];
    key_hash        hash;
    uint64_t        place;

    OK(column_builder_new(&long_type, 100000, &columns[0], &w->err));
    OK(column_builder_new(&text_type, 100000, &columns[1], &w->err));
    OK(column_add_i64(columns[0], key, &w->err));
    OK(column_add_null(columns[1], &w->err));
    OK(batch_from_builders(w->schema, columns, &rows, &w->err));
    OK(key_codec_new(w->schema, &key_id, 1, &codec, &w->err));
    OK(key_codec_hash(codec, key_index_seed(w->index), &rows.array, &hash, &w->err));
    key_index_find(w->index, &hash, 1, &place);
    if (!file) {
        assert_int_equal(place, KEY_PLACE_NONE);
    } else {
        const char *path;

        assert_int_not_equal(place, KEY_PLACE_NONE);
        path = file_registry_path(key_index_files(w->index), key_place_file(place));
        assert_string_equal(strrchr(path, '/') + 1, file);
        assert_int_equal(key_place_row(place), row);
    }
    column_builder_free(columns[0]);
    column_builder_free(columns[1]);
}

static void
expect_current(world *w)
{
    const index_state *state = key_index_state(w->index);

    assert_int_equal(state->snapshot_id, w->table->current_snapshot->snapshot_id);
    assert_string_equal(state->position, "0/99");
}

static void
live_rows_are_indexed(void **state)
{
    world         *w = *state;
    table_property position = {"firn.position", "0/99"};
    roaring64     *rows = roaring64_new();
    data_file      file;

    create(w);
    OK(roaring64_add(rows, 7, &w->err));
    OK(position_delete_write(w->files, firn_arena_printf(&w->arena, "%s/data/d", w->location),
                             (position_delete[]){{firn_arena_printf(&w->arena, "%s/data/a", w->location), rows}}, 1,
                             &w->arena, &file, &w->err));
    roaring64_free(rows);
    step(w, (table_change){.operation = "delete", .added = &file, .added_count = 1,
                            .properties = &position, .property_count = 1});
    OK(index_rebuild(&w->settings, &w->index, &w->err));
    expect_current(w);
    expect(w, 0, "a", 0);
    expect(w, 7, NULL, 0);
    expect(w, 99, "a", 99);
    expect(w, 100, "b", 0);
    expect(w, 200, NULL, 0);
    assert_int_equal(w->reads, 2);
}

static void
other_writers_commits_are_taken_in(void **state)
{
    world            *w = *state;
    table_property    position = {"firn.position", "0/99"};
    const char *const a = "/data/a";
    data_file         file;
    bool              done, rebuilt;
    int64_t           first_snapshot;

    create(w);
    first_snapshot = w->table->current_snapshot->snapshot_id;
    OK(index_rebuild(&w->settings, &w->index, &w->err));
    w->reads = 0;

    // An append with some keys anew, and a compaction that has moved what was in a.
    file = write_rows(w, "c", 150, 100, "c");
    step(w, (table_change){.operation = "append", .added = &file, .added_count = 1,
                            .properties = &position, .property_count = 1});
    file = write_rows(w, "e", -10, 100, "e");
    const char *const gone = firn_arena_printf(&w->arena, "%s%s", w->location, a);
    step(w, (table_change){.operation = "replace", .added = &file, .added_count = 1,
                            .removed_paths = &gone, .removed_path_count = 1});
    OK(index_catch_up(&w->settings, w->index, &done, &w->err));
    assert_true(done);
    assert_int_equal(w->reads, 2); // only what is new
    for (int round = 0; round < 2; round++) {
        expect_current(w);
        expect(w, 0, "e", 10);
        expect(w, 95, NULL, 0);
        expect(w, 120, "b", 20);
        expect(w, 150, "c", 0);
        expect(w, 249, "c", 99);
        key_index_free(FIRN_STEAL(w->index));
        OK(index_open_current(&w->settings, &w->index, &rebuilt, &w->err));
        assert_false(rebuilt);
    }
    assert_int_equal(w->reads, 2);
    assert_int_equal(file_registry_count(key_index_files(w->index)), 3);

    // Rolled back to the first snapshot.
    for (unsigned i = 0; i < w->table->snapshot_count; i++) {
        if (w->table->snapshots[i].snapshot_id == first_snapshot) w->table->current_snapshot = &w->table->snapshots[i];
    }
    // Rows that are back may lie in files that the index knows without them: that cannot be caught up with.
    OK(index_catch_up(&w->settings, w->index, &done, &w->err));
    assert_false(done);
    key_index_free(FIRN_STEAL(w->index));
    OK(index_open_current(&w->settings, &w->index, &rebuilt, &w->err));
    assert_true(rebuilt);
    expect_current(w);
    expect(w, 0, "a", 0);
    expect(w, -10, NULL, 0);
    expect(w, 95, "a", 95);
    expect(w, 249, NULL, 0);
}

static void
another_table_or_damage_means_anew(void **state)
{
    world *w = *state;
    char   base[200];
    bool   done, rebuilt;
    int    fd;

    create(w);
    OK(index_open_current(&w->settings, &w->index, &rebuilt, &w->err)); // there was none
    assert_true(rebuilt);
    table_metadata_unref(FIRN_STEAL(w->table)); // of this name, but another one
    OK(w->files->ops->remove_tree(w->files, w->location, &w->err));
    create(w);
    OK(index_catch_up(&w->settings, w->index, &done, &w->err));
    assert_false(done);
    key_index_free(FIRN_STEAL(w->index));
    OK(index_open_current(&w->settings, &w->index, &rebuilt, &w->err));
    assert_true(rebuilt);
    expect(w, 120, "b", 20);

    key_index_free(FIRN_STEAL(w->index));
    snprintf(base, sizeof base, "%s/base-2", w->index_folder);
    fd = open(base, O_RDWR);
    assert_int_equal(pwrite(fd, "damage", 6, 5000), 6);
    close(fd);
    OK(index_open_current(&w->settings, &w->index, &rebuilt, &w->err));
    assert_true(rebuilt);
    expect(w, 120, "b", 20);
}

static void
without_a_key_every_row_has_its_place(void **state)
{
    world *w = *state;
    FIRN_AUTO(key_codec_freep) key_codec *codec = NULL;
    FIRN_AUTO(batch_done) batch rows = {0};
    column_builder *columns[2];
    key_hash        hashes[2];
    uint64_t        places[10];
    data_file       more;
    bool            done;

    w->settings.key_count = 0;
    create(w);
    more = write_rows(w, "c", 50, 10, "x"); // as in a
    step(w, (table_change){.operation = "append", .added = &more, .added_count = 1});
    more = write_rows(w, "d", 50, 10, NULL); // not the same
    step(w, (table_change){.operation = "append", .added = &more, .added_count = 1});
    OK(index_rebuild(&w->settings, &w->index, &w->err));

    OK(column_builder_new(&long_type, 100000, &columns[0], &w->err));
    OK(column_builder_new(&text_type, 100000, &columns[1], &w->err));
    for (int i = 0; i < 2; i++) {
        OK(column_add_i64(columns[0], 55, &w->err));
        OK(column_add_text(columns[1], i ? NULL : "x", &w->err));
    }
    OK(batch_from_builders(w->schema, columns, &rows, &w->err));
    OK(key_codec_new(w->schema, NULL, 0, &codec, &w->err));
    OK(key_codec_hash(codec, key_index_seed(w->index), &rows.array, hashes, &w->err));
    assert_int_equal(key_index_find_copies(w->index, hashes[0], 10, places), 2);
    assert_int_equal(key_index_find_copies(w->index, hashes[1], 10, places), 1);
    assert_int_equal(key_place_row(places[0]), 5);
    column_builder_free(columns[0]);
    column_builder_free(columns[1]);

    more = write_rows(w, "f", 0, 10, "x");
    step(w, (table_change){.operation = "append", .added = &more, .added_count = 1});
    OK(index_catch_up(&w->settings, w->index, &done, &w->err));
    assert_false(done);
}

static void
no_memory_is_an_error(void **state)
{
    world *w = *state;

    create(w);
    for (uint64_t nth = 1;; nth += 1 + nth / 50) {
        bool        rebuilt;
        firn_status status;

        firn_alloc_fail_at(nth, 0);
        status = index_rebuild(&w->settings, &w->index, &w->err);
        if (status == FIRN_OK) key_index_free(FIRN_STEAL(w->index));
        if (status == FIRN_OK) status = index_open_current(&w->settings, &w->index, &rebuilt, &w->err);
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&w->err);
        key_index_free(FIRN_STEAL(w->index));
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(live_rows_are_indexed),
        TEST(other_writers_commits_are_taken_in),
        TEST(another_table_or_damage_means_anew),
        TEST(without_a_key_every_row_has_its_place),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
