/*
 * parquet/file_reader.h: whole files, read in all columns, then backward by position and in ranges. Every
 * array that comes out is walked, so that a sanitizer sees offsets and lengths that lie.
 */
#include "parquet/file_reader.h"

#include <stdlib.h>

#include "base/bytes.h"

enum { MEMORY_MAX = 16 << 20, BATCH_ROWS = 512, BATCHES_MAX = 16, SEEKS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seen; /* keeps the reads from being optimised away */

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const firn_slice *file = state;
    if (offset > file->size || size > file->size - offset) abort();
    return firn_buffer_add(out, file->data + offset, size, err);
}

static void
touch(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        seen += bytes[i];
}

static void
walk_array(const struct ArrowArray *array, const data_type *type, int64_t length)
{
    bool has_offsets =
        type->kind == TYPE_STRING || type->kind == TYPE_BINARY || type->kind == TYPE_LIST || type->kind == TYPE_MAP;
    size_t   count = (size_t) array->length;
    uint32_t last = 0;

    if (array->length != length || array->null_count < 0 || array->null_count > length) abort();
    if (array->null_count > 0) touch(array->buffers[0], (count + 7) / 8);
    if (has_offsets) {
        const uint8_t *offsets = array->buffers[1];
        if (load_le32(offsets) != 0) abort();
        for (size_t i = 0; i <= count; i++) {
            if (load_le32(offsets + 4 * i) < last) abort();
            last = load_le32(offsets + 4 * i);
        }
        if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY) touch(array->buffers[2], last);
    } else if (type->kind != TYPE_STRUCT) {
        touch(array->buffers[1], type->kind == TYPE_BOOLEAN ? (count + 7) / 8 : count * data_type_value_size(type));
    }
    if (type->kind == TYPE_LIST) walk_array(array->children[0], type->fields[0].type, last);
    if (type->kind == TYPE_MAP)
        for (unsigned i = 0; i < 2; i++)
            walk_array(array->children[0]->children[i], type->fields[i].type, last);
    if (type->kind == TYPE_STRUCT)
        for (unsigned i = 0; i < type->field_count; i++)
            walk_array(array->children[i], type->fields[i].type, length);
}

static bool
next(batch_reader *reader, firn_error *err)
{
    batch rows = {0};
    if (batch_reader_next(reader, &rows, err)) return false;
    bool is_there = rows.array.release != NULL;
    for (unsigned i = 0; is_there && i < rows.schema->field_count; i++)
        walk_array(rows.array.children[i], rows.schema->fields[i].type, rows.array.length);
    if (is_there) batch_done(&rows);
    return is_there;
}

static void
read_batches(const parquet_file *file, table_schema *schema, const parquet_read_options *options, bool seeks)
{
    static firn_error err;
    batch_reader     *reader = NULL;
    uint64_t          total = parquet_file_row_count(file);

    firn_error_reset(&err);
    if (parquet_file_read(file, schema, options, &reader, &err)) return;
    for (unsigned i = 0; i < BATCHES_MAX && next(reader, &err); i++)
        seen += parquet_reader_row(reader);
    for (unsigned i = 0; seeks && i < SEEKS_MAX && total > 0; i++) {
        firn_error_reset(&err);
        parquet_reader_limit(reader, i % 3 + 1);
        if (parquet_reader_seek(reader, (total - 1) / (i + 1), &err) == FIRN_OK) (void) next(reader, &err);
    }
    batch_reader_free(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static firn_error    err;
    firn_slice           bytes = firn_slice_of(data, size);
    parquet_source       source = {"fuzz", size, read_bytes, &bytes};
    parquet_file        *file = NULL;
    table_schema        *schema = NULL;
    parquet_row_range    ranges[] = {{1, 2}, {5, 1}, {40, 1000}};
    parquet_read_options all = {.batch_rows = BATCH_ROWS, .memory_bytes_max = MEMORY_MAX, .ignore_checksums = true};
    parquet_read_options some = all;

    some.ranges = ranges;
    some.range_count = 3;
    some.batch_rows = 3;
    some.truncate_nanos = true;
    firn_error_reset(&err);
    if (parquet_file_open(&source, MEMORY_MAX, &file, &err)) return 0;
    if (parquet_file_schema(file, &schema, &err) == FIRN_OK) {
        read_batches(file, schema, &all, true);
        read_batches(file, schema, &some, false);
        for (unsigned i = 0; i < schema->field_count && parquet_file_row_group_count(file) > 0; i++) {
            parquet_page_ranges  pages;
            parquet_column_range range;
            firn_error_reset(&err);
            if (parquet_file_column_range(file, 0, schema->fields[i].id, &range)) touch(range.min.data, range.min.size);
            if (parquet_file_page_ranges(file, 0, schema->fields[i].id, &pages, &err) == FIRN_OK)
                for (unsigned k = 0; k < pages.page_count; k++)
                    touch(pages.pages[k].range.max.data, pages.pages[k].range.max.size);
            parquet_page_ranges_done(&pages);
        }
        schema_unref(schema);
    }
    parquet_file_free(file);
    return 0;
}
