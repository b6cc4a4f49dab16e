#include "iceberg/position_delete.h"

#include "base/alloc.h"
#include "base/map.h"
#include "batch/column_builder.h"
#include "iceberg/metrics.h"
#include "parquet/file_reader.h"
#include "parquet/file_writer.h"
#include "storage/storage.h"

#define BATCH_ROWS 16384
#define BATCH_BYTES_MAX ((size_t) 256 << 20)
#define PATH_BYTES_MAX ((size_t) 32 << 10)
#define ROW_BYTES 8    /* what a position is reckoned to take; mostly 2 or less */
#define PATH_BYTES 256 /* the same of a data file, without its name */

static const data_type    text_type = {.kind = TYPE_STRING}, long_type = {.kind = TYPE_LONG};
static const schema_field delete_fields[] = {
    {.id = DELETE_PATH_ID, .name = "file_path", .required = true, .type = &text_type},
    {.id = DELETE_POSITION_ID, .name = "pos", .required = true, .type = &long_type},
};

firn_slice
delete_file_target(const data_file *file)
{
    if (file->content != DATA_FILE_POSITION_DELETES) return firn_slice_of(NULL, 0);
    if (file->referenced_data_file) return firn_slice_text(file->referenced_data_file);
    for (unsigned i = 0; i < file->column_count; i++) {
        const data_file_column *column = &file->columns[i];

        if (column->field_id == DELETE_PATH_ID && column->lower.data && column->upper.data &&
            firn_slice_equal(column->lower, column->upper))
            return column->lower;
    }
    return firn_slice_of(NULL, 0);
}

/* ---- writing ---- */

typedef struct delete_writer_state {
    table_schema   *schema;
    parquet_writer *file;
    column_builder *columns[2];
} delete_writer_state;

static void
writer_done(delete_writer_state *w)
{
    parquet_writer_free(w->file);
    column_builder_free(w->columns[0]);
    column_builder_free(w->columns[1]);
    schema_unref(w->schema);
}

static firn_status
flush_rows(delete_writer_state *w, firn_error *err)
{
    FIRN_AUTO(batch_done) batch rows = {0};

    if (column_builder_count(w->columns[0]) == 0) return FIRN_OK;
    FIRN_TRY(batch_from_builders(w->schema, w->columns, &rows, err));
    return parquet_writer_add(w->file, &rows.array, err);
}

static firn_status
write_rows(delete_writer_state *w, const position_delete *deletes, firn_error *err)
{
    firn_slice path = firn_slice_text(deletes->path);
    uint64_t   positions[512], from = 0;

    for (;;) {
        size_t count = roaring64_read(deletes->rows, from, positions, FIRN_COUNT(positions));

        for (size_t i = 0; i < count; i++) {
            FIRN_TRY(column_add_bytes(w->columns[0], path, err));
            FIRN_TRY(column_add_i64(w->columns[1], (int64_t) positions[i], err));
        }
        if (column_builder_count(w->columns[0]) >= BATCH_ROWS) FIRN_TRY(flush_rows(w, err));
        if (count < FIRN_COUNT(positions)) return FIRN_OK;
        from = positions[count - 1] + 1;
    }
}

/* The Parquet writer cuts bounds; here they are told whole. */
static firn_status
set_path_bounds(const char *first, const char *last, firn_arena *arena, data_file *file, firn_error *err)
{
    data_file_column *columns = firn_arena_array(arena, file->column_count + 1, sizeof *columns);
    const char       *lower = firn_arena_strdup(arena, first), *upper = firn_arena_strdup(arena, last);

    if (!columns || !lower || !upper) return firn_fail_memory(err, "a delete file's facts");
    memcpy(columns, file->columns, file->column_count * sizeof *columns);
    for (unsigned i = 0; i < file->column_count; i++) {
        if (columns[i].field_id != DELETE_PATH_ID) continue;
        columns[i].lower = firn_slice_text(lower);
        columns[i].upper = firn_slice_text(upper);
    }
    file->columns = columns;
    return FIRN_OK;
}

static firn_status
write_file(storage *files, const char *location, const position_delete deletes[], size_t count,
           parquet_file_info *ret_info, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(writer_done) delete_writer_state w = {0};
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;

    FIRN_TRY(schema_new(0, delete_fields, FIRN_COUNT(delete_fields), NULL, 0, false, &w.schema, err));
    FIRN_TRY(column_builder_new(&text_type, BATCH_BYTES_MAX, &w.columns[0], err));
    FIRN_TRY(column_builder_new(&long_type, BATCH_BYTES_MAX, &w.columns[1], err));
    FIRN_TRY(files->ops->open_sink(files, location, &sink, err));
    FIRN_TRY(parquet_writer_open(w.schema, &parquet_options_default, FIRN_STEAL(sink), &w.file, err));
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || strcmp(deletes[i - 1].path, deletes[i].path) < 0);
        FIRN_TRY(write_rows(&w, &deletes[i], err));
    }
    FIRN_TRY(flush_rows(&w, err));
    FIRN_TRY(parquet_writer_close(w.file, ret_info, err));
    *ret_schema = FIRN_STEAL(w.schema);
    return FIRN_OK;
}

firn_status
position_delete_write(storage *files, const char *location, const position_delete deletes[], size_t count,
                      firn_arena *arena, data_file *ret_file, firn_error *err)
{
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    data_file file;

    assert(count > 0);
    if (write_file(files, location, deletes, count, &info, &schema, err))
        return firn_while(err, "writing '%s'", location);
    FIRN_TRY(metrics_of_parquet(&info, schema, location, arena, &file, err));
    file.content = DATA_FILE_POSITION_DELETES;
    FIRN_TRY(set_path_bounds(deletes[0].path, deletes[count - 1].path, arena, &file, err));
    if (count == 1) {
        file.referenced_data_file = firn_arena_strdup(arena, deletes[0].path);
        if (!file.referenced_data_file) return firn_fail_memory(err, "a delete file's facts");
    }
    *ret_file = file;
    return FIRN_OK;
}

/* ---- reading ---- */

struct position_delete_set {
    firn_map *rows_by_path; /* → roaring64 */
    size_t    used_bytes, memory_bytes_max;
};

position_delete_set *
position_delete_set_new(size_t memory_bytes_max)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = firn_calloc(1, sizeof *set);

    if (!set) return NULL;
    set->memory_bytes_max = memory_bytes_max;
    set->rows_by_path = firn_map_new();
    return set->rows_by_path ? FIRN_STEAL(set) : NULL;
}

void
position_delete_set_free(position_delete_set *set)
{
    if (!set) return;
    for (size_t i = 0; set->rows_by_path && i < firn_map_count(set->rows_by_path); i++)
        roaring64_free(firn_map_value(set->rows_by_path, i));
    firn_map_free(set->rows_by_path);
    firn_free(set);
}

const roaring64 *
position_delete_set_get(const position_delete_set *set, const char *path)
{
    return firn_map_get(set->rows_by_path, firn_slice_text(path));
}

size_t
position_delete_set_count(const position_delete_set *set)
{
    return firn_map_count(set->rows_by_path);
}

firn_slice
position_delete_set_path(const position_delete_set *set, size_t index)
{
    return firn_map_key(set->rows_by_path, index);
}

static firn_status
charge(position_delete_set *set, size_t bytes, firn_error *err)
{
    set->used_bytes += bytes;
    if (set->used_bytes <= set->memory_bytes_max) return FIRN_OK;
    return firn_fail(err, FIRN_E_PARQUET_LIMIT, "deleted rows take more than the %zu bytes they may have",
                     set->memory_bytes_max);
}

static firn_status
need_rows(position_delete_set *set, firn_slice path, roaring64 **ret_rows, firn_error *err)
{
    FIRN_AUTO(roaring64_freep) roaring64 *rows = NULL;

    *ret_rows = firn_map_get(set->rows_by_path, path);
    if (*ret_rows) return FIRN_OK;
    FIRN_TRY(charge(set, path.size + PATH_BYTES, err));
    rows = roaring64_new();
    if (!rows) return firn_fail_memory(err, "deleted rows");
    FIRN_TRY(firn_map_put(set->rows_by_path, path, rows, err));
    *ret_rows = FIRN_STEAL(rows);
    return FIRN_OK;
}

/* Row by row, but the positions of a data file that follow one another are added together. */
static firn_status
add_batch(position_delete_set *set, const batch *rows, const char *only, firn_error *err)
{
    const struct ArrowArray *paths = rows->array.children[0], *numbers = rows->array.children[1];
    const int32_t           *ends = paths->buffers[1];
    const uint8_t           *bytes = paths->buffers[2];
    const int64_t           *positions = numbers->buffers[1];
    firn_slice               wanted = firn_slice_text(only);

    if (paths->null_count != 0 || numbers->null_count != 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a path or position of a deleted row is null");
    for (int64_t row = 0; row < rows->array.length;) {
        firn_slice path = firn_slice_of(bytes + ends[row], (size_t) (ends[row + 1] - ends[row]));
        int64_t    first = row++;
        uint64_t   run[256];
        size_t     count = 0;
        roaring64 *into;

        while (row < rows->array.length && row - first < (int64_t) FIRN_COUNT(run) &&
               firn_slice_equal(path, firn_slice_of(bytes + ends[row], (size_t) (ends[row + 1] - ends[row]))))
            row++;
        if (only && !firn_slice_equal(path, wanted)) continue;
        if (path.size > PATH_BYTES_MAX)
            return firn_fail(err, FIRN_E_ICEBERG_DELETES, "the path of a deleted row has %zu bytes", path.size);
        FIRN_TRY(need_rows(set, path, &into, err));
        FIRN_TRY(charge(set, (size_t) (row - first) * ROW_BYTES, err));
        // A negative one is too large as an unsigned one, and refused there.
        for (int64_t i = first; i < row; i++) run[count++] = (uint64_t) positions[i];
        FIRN_TRY(roaring64_add_many(into, run, count, err));
    }
    return FIRN_OK;
}

typedef struct stored_file {
    storage    *files;
    const char *location;
} stored_file;

static firn_status
read_stored(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const stored_file *file = state;

    return file->files->ops->read_range(file->files, file->location, offset, size, out, err);
}

firn_status
position_delete_set_parse(position_delete_set *set, const parquet_source *source, const char *only, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;

    FIRN_TRY(schema_new(0, delete_fields, FIRN_COUNT(delete_fields), NULL, 0, false, &schema, err));
    FIRN_TRY(parquet_reader_open(source, schema, BATCH_ROWS, set->memory_bytes_max, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};

        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) return FIRN_OK;
        FIRN_TRY(add_batch(set, &rows, only, err));
    }
}

firn_status
position_delete_set_read(position_delete_set *set, storage *files, const data_file *file, const char *only,
                         firn_error *err)
{
    stored_file    stored = {files, file->path};
    parquet_source source = {file->path, (uint64_t) file->size_bytes, read_stored, &stored};

    if (!file->format || strcmp(file->format, "PARQUET") != 0)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "the position deletes '%s' are in the format %s, which firn does not read",
                         file->path, file->format ? file->format : "(none)");
    if (position_delete_set_parse(set, &source, only, err))
        return firn_while(err, "reading the deletes of '%s'", file->path);
    return FIRN_OK;
}
