#include "state/own_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "iceberg/file_names.h"
#include "iceberg/live_files.h"
#include "parquet/file_reader.h"

#define OWN_BATCH_ROWS 4096
#define POSITION_DELETE_PATH_ID 2147483546
#define POSITION_DELETE_POS_ID 2147483545

bool
own_is_null(const struct ArrowArray *column, int64_t row)
{
    return column->buffers[0] && !bitmap_get(column->buffers[0], (size_t) (column->offset + row));
}

firn_status
own_text_at(const struct ArrowArray *column, int64_t row, firn_arena *arena, const char **ret_text, firn_error *err)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + column->offset;

    *ret_text = NULL;
    if (own_is_null(column, row)) return FIRN_OK;
    *ret_text = firn_arena_text(arena, firn_slice_of((const uint8_t *) column->buffers[2] + offsets[row],
                                                     (size_t) (offsets[row + 1] - offsets[row])));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a row of a table of firn's own");
}

int64_t
own_long_at(const struct ArrowArray *column, int64_t row)
{
    return own_is_null(column, row) ? 0 : ((const int64_t *) column->buffers[1])[column->offset + row];
}

int32_t
own_int_at(const struct ArrowArray *column, int64_t row)
{
    return own_is_null(column, row) ? 0 : ((const int32_t *) column->buffers[1])[column->offset + row];
}

/* A file read whole: its own and position delete files are small. */
typedef struct open_file {
    firn_buffer    bytes;
    parquet_source source;
    batch_reader  *reader;
} open_file;

static void
open_file_done(open_file *file)
{
    batch_reader_free(file->reader);
    firn_buffer_done(&file->bytes);
}

static firn_status
read_memory(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const firn_buffer *bytes = state;

    if (offset > bytes->size || size > bytes->size - offset)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a read at %llu passes the end of the file",
                         (unsigned long long) offset);
    return firn_buffer_add(out, bytes->data + offset, size, err);
}

static firn_status
open_file_open(open_file *file, storage *files, const data_file *what, table_schema *wanted, firn_error *err)
{
    firn_buffer_init(&file->bytes, OWN_FILE_SIZE_MAX);
    FIRN_TRY(storage_read_all(files, what->path, &file->bytes, err));
    file->source = (parquet_source){
        .name = what->path, .size_bytes = file->bytes.size, .read = read_memory, .state = &file->bytes};
    return parquet_reader_open(&file->source, wanted, OWN_BATCH_ROWS, OWN_FILE_SIZE_MAX, &file->reader, err);
}

/* A row that a position delete file takes away. */
typedef struct deleted_row {
    const char *path;
    int64_t     position, sequence_number;
} deleted_row;

typedef struct deleted_rows {
    deleted_row *rows;
    size_t       count, capacity;
} deleted_rows;

static void
deleted_rows_done(deleted_rows *list)
{
    firn_free(list->rows);
}

static firn_status
deleted_rows_add(deleted_rows *list, const deleted_row *row, firn_error *err)
{
    if (list->count == list->capacity) {
        size_t       capacity = list->capacity ? list->capacity * 2 : 64;
        deleted_row *rows = firn_realloc(list->rows, capacity * sizeof *rows);
        if (!rows) return firn_fail_memory(err, "deleted rows");
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->count++] = *row;
    return FIRN_OK;
}

static firn_status
read_deleted_rows(deleted_rows *list, storage *files, const manifest_entry *entry, firn_arena *arena, firn_error *err)
{
    static const data_type    text = {.kind = TYPE_STRING};
    static const data_type    number = {.kind = TYPE_LONG};
    static const schema_field fields[] = {
        {.id = POSITION_DELETE_PATH_ID, .name = "file_path", .required = true, .type = &text},
        {.id = POSITION_DELETE_POS_ID, .name = "pos", .required = true, .type = &number},
    };
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(open_file_done) open_file file = {0};

    if (entry->file.content != DATA_FILE_POSITION_DELETES || strcmp(entry->file.format, "PARQUET") != 0)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                         "the delete file '%s' is neither a Parquet position delete file nor one firn reads here",
                         entry->file.path);
    FIRN_TRY(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, err));
    FIRN_TRY(open_file_open(&file, files, &entry->file, schema, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch b = {0};

        FIRN_TRY(batch_reader_next(file.reader, &b, err));
        if (!batch_row_count(&b)) return FIRN_OK;
        for (int64_t i = 0; i < b.array.length; i++) {
            deleted_row row = {.position = own_long_at(b.array.children[1], i),
                               .sequence_number = entry->sequence_number};
            FIRN_TRY(own_text_at(b.array.children[0], i, arena, &row.path, err));
            if (row.path) FIRN_TRY(deleted_rows_add(list, &row, err));
        }
    }
}

static bool
row_is_deleted(const deleted_rows *deleted, const manifest_entry *data, int64_t position)
{
    for (size_t i = 0; i < deleted->count; i++) {
        const deleted_row *row = &deleted->rows[i];
        if (row->position == position && row->sequence_number >= data->sequence_number &&
            strcmp(row->path, data->file.path) == 0)
            return true;
    }
    return false;
}

static int
compare_entries(const void *a, const void *b)
{
    const manifest_entry *left = a, *right = b;

    if (left->sequence_number != right->sequence_number)
        return left->sequence_number < right->sequence_number ? -1 : 1;
    return strcmp(left->file.path, right->file.path);
}

firn_status
own_table_read(const table_metadata *table, storage *files, table_schema *wanted, firn_arena *arena,
               own_row_visit visit, void *state, firn_error *err)
{
    FIRN_AUTO(deleted_rows_done) deleted_rows deleted = {0};
    live_files live = {0};

    FIRN_TRY(live_files_read(table, table_metadata_current_snapshot(table), files, arena, &live, err));
    if (live.data_count) qsort(live.data, live.data_count, sizeof *live.data, compare_entries);
    for (size_t i = 0; i < live.delete_count; i++)
        FIRN_TRY(read_deleted_rows(&deleted, files, &live.deletes[i], arena, err));
    for (size_t f = 0; f < live.data_count; f++) {
        FIRN_AUTO(open_file_done) open_file file = {0};
        int64_t position = 0;

        FIRN_TRY(open_file_open(&file, files, &live.data[f].file, wanted, err));
        for (;;) {
            FIRN_AUTO(batch_done) batch b = {0};

            FIRN_TRY(batch_reader_next(file.reader, &b, err));
            if (!batch_row_count(&b)) break;
            for (int64_t i = 0; i < b.array.length; i++, position++) {
                if (!row_is_deleted(&deleted, &live.data[f], position)) FIRN_TRY(visit(state, &b.array, i, err));
            }
        }
    }
    return FIRN_OK;
}

firn_status
own_file_write(const own_file *file, table_schema *schema, const batch *rows, data_file_list *files, firn_error *err)
{
    static const partition_spec unpartitioned = {0};
    FIRN_AUTO(roll_writer_freep) roll_writer *writer = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    roll_writer_settings settings = {.files = file->lake->files,
                                     .prefix = file->commit_id,
                                     .pending = file->pending,
                                     .table = file->table,
                                     .lane = file->attempt,
                                     .schema = schema,
                                     .spec = &unpartitioned,
                                     .options = parquet_options_default,
                                     .target_file_size_bytes = OWN_FILE_SIZE_MAX,
                                     .memory_bytes_max = OWN_FILE_SIZE_MAX};

    settings.data_location = file_name_data_folder(&arena, file->location);
    if (!settings.data_location) return firn_fail_memory(err, "a location");
    FIRN_TRY(roll_writer_new(&settings, &writer, err));
    FIRN_TRY(roll_writer_add(writer, &rows->array, err));
    data_file_list_done(files);
    FIRN_TRY(roll_writer_finish(writer, files, err));
    return file->pending ? pending_files_offer(file->pending, file->commit_id, err) : FIRN_OK;
}
