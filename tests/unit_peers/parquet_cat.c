/*
 * Prints a Parquet file as JSON lines for a judge that reads it too: a line with the schema, then a line per
 * row, an array of values. Numbers that JSON would round and all bytes are printed as hexadecimal text.
 *
 *     parquet_cat FILE [--batch ROWS] [--memory BYTES] [--rows FIRST:COUNT]... [--columns NAME]... [--back]
 *                      [--count] [--repeat N]
 *
 * --back reads row by row from the last to the first; --count prints only the number of rows and the seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/file.h"
#include "codec/json_writer.h"
#include "parquet/file_reader.h"

enum { RANGES_MAX = 64, COLUMNS_MAX = 64 };

typedef struct cat_options {
    const char          *path;
    parquet_read_options read;
    parquet_row_range    ranges[RANGES_MAX];
    const char          *columns[COLUMNS_MAX];
    unsigned             column_count;
    bool                 back, count;
    unsigned             repeat;
} cat_options;

static void
write_hex(jwriter *w, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char             *text = malloc(size * 2 + 1);
    if (!text) return;
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[size * 2] = '\0';
    jwrite_text(w, text);
    free(text);
}

static void
write_decimal(jwriter *w, const data_type *type, const uint8_t *value)
{
    char   text[DECIMAL_TEXT_MAX + 64];
    int128 number = 0;
    switch (data_type_value_size(type)) {
    case 4:
        number = (int32_t) load_le32(value);
        break;
    case 8:
        number = (int64_t) load_le64(value);
        break;
    default:
        memcpy(&number, value, sizeof number);
    }
    decimal_format(number, (int) type->scale, text);
    jwrite_text(w, text);
}

static void write_value(jwriter *w, const data_type *type, const struct ArrowArray *array, size_t row);

static void
write_nested(jwriter *w, const data_type *type, const struct ArrowArray *array, size_t row)
{
    jwrite_array(w);
    if (type->kind == TYPE_STRUCT) {
        for (unsigned i = 0; i < type->field_count; i++)
            write_value(w, type->fields[i].type, array->children[i], row);
    } else {
        const uint8_t *offsets = array->buffers[1];
        uint32_t       from = load_le32(offsets + 4 * row), to = load_le32(offsets + 4 * row + 4);
        for (uint32_t i = from; i < to; i++) {
            if (type->kind == TYPE_LIST) {
                write_value(w, type->fields[0].type, array->children[0], i);
                continue;
            }
            jwrite_array(w);
            for (unsigned k = 0; k < 2; k++)
                write_value(w, type->fields[k].type, array->children[0]->children[k], i);
            jwrite_array_end(w);
        }
    }
    jwrite_array_end(w);
}

static void
write_value(jwriter *w, const data_type *type, const struct ArrowArray *array, size_t row)
{
    if (array->null_count > 0 && !bitmap_get(array->buffers[0], row)) {
        jwrite_null(w);
        return;
    }
    if (type_is_nested(type->kind)) {
        write_nested(w, type, array, row);
        return;
    }
    const uint8_t *values = array->buffers[1];
    size_t         size = data_type_value_size(type);
    switch (type->kind) {
    case TYPE_BOOLEAN:
        jwrite_bool(w, bitmap_get(values, row));
        break;
    case TYPE_INT:
    case TYPE_DATE:
        jwrite_i64(w, (int32_t) load_le32(values + 4 * row));
        break;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        jwrite_i64(w, (int64_t) load_le64(values + 8 * row));
        break;
    case TYPE_DECIMAL:
        write_decimal(w, type, values + size * row);
        break;
    case TYPE_STRING:
    case TYPE_BINARY: {
        uint32_t from = load_le32(values + 4 * row), to = load_le32(values + 4 * row + 4);
        write_hex(w, (const uint8_t *) array->buffers[2] + from, to - from);
        break;
    }
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_UUID:
    case TYPE_FIXED:
        write_hex(w, values + size * row, size);
        break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break; /* above */
    }
}

static firn_status
print_schema(const table_schema *schema, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    jwriter                                 w;
    firn_buffer_init(&out, 1 << 28);
    jwrite_begin(&w, &out, false, err);
    jwrite_array(&w);
    for (unsigned i = 0; i < schema->field_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer type = {0};
        firn_buffer_init(&type, 1 << 20);
        FIRN_TRY(data_type_format(schema->fields[i].type, &type, err));
        jwrite_array(&w);
        jwrite_text(&w, schema->fields[i].name);
        jwrite_text_slice(&w, firn_buffer_slice(&type));
        jwrite_bool(&w, schema->fields[i].required);
        jwrite_array_end(&w);
    }
    jwrite_array_end(&w);
    FIRN_TRY(jwrite_end(&w));
    printf("%.*s\n", (int) out.size, (const char *) out.data);
    return FIRN_OK;
}

static firn_status
print_rows(const batch *rows, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_buffer_init(&out, (size_t) 1 << 32);
    for (size_t row = 0; row < (size_t) rows->array.length; row++) {
        jwriter w;
        out.size = 0;
        jwrite_begin(&w, &out, false, err);
        jwrite_array(&w);
        for (unsigned i = 0; i < rows->schema->field_count; i++)
            write_value(&w, rows->schema->fields[i].type, rows->array.children[i], row);
        jwrite_array_end(&w);
        FIRN_TRY(jwrite_end(&w));
        fwrite(out.data, 1, out.size, stdout);
        putchar('\n');
    }
    return FIRN_OK;
}

static firn_status
read_source(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    FILE *file = state;
    FIRN_TRY(firn_buffer_reserve(out, size, err));
    if (fseek(file, (long) offset, SEEK_SET) != 0 || fread(out->data + out->size, 1, size, file) != size)
        return firn_fail(err, FIRN_E_STORAGE_IO, "cannot read %zu bytes at %llu", size, (unsigned long long) offset);
    out->size += size;
    return FIRN_OK;
}

static firn_status
project(const table_schema *all, const cat_options *options, table_schema **ret_schema, firn_error *err)
{
    schema_field fields[COLUMNS_MAX];
    for (unsigned i = 0; i < options->column_count; i++) {
        int index = schema_column_index(all, options->columns[i]);
        if (index < 0) return firn_fail(err, FIRN_E_OPTION_VALUE, "no column '%s'", options->columns[i]);
        fields[i] = all->fields[index];
    }
    return schema_new(0, fields, options->column_count, NULL, 0, false, ret_schema, err);
}

static firn_status
read_all(batch_reader *reader, const cat_options *options, uint64_t *ret_rows, firn_error *err)
{
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) return FIRN_OK;
        *ret_rows += (uint64_t) rows.array.length;
        if (!options->count) FIRN_TRY(print_rows(&rows, err));
    }
}

static firn_status
read_back(batch_reader *reader, uint64_t row_count, firn_error *err)
{
    parquet_reader_limit(reader, 1);
    for (uint64_t row = row_count; row-- > 0;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        FIRN_TRY(parquet_reader_seek(reader, row, err));
        FIRN_TRY(batch_reader_next(reader, &rows, err));
        FIRN_TRY(print_rows(&rows, err));
    }
    return FIRN_OK;
}

static firn_status
cat(FILE *file, const cat_options *options, firn_error *err)
{
    FIRN_AUTO(parquet_file_freep) parquet_file *parquet = NULL;
    FIRN_AUTO(schema_unrefp) table_schema      *schema = NULL;
    fseek(file, 0, SEEK_END);
    parquet_source source = {options->path, (uint64_t) ftell(file), read_source, file};

    FIRN_TRY(parquet_file_open(&source, options->read.memory_bytes_max, &parquet, err));
    FIRN_TRY(parquet_file_schema(parquet, &schema, err));
    if (options->column_count > 0) {
        table_schema *wanted = NULL;
        FIRN_TRY(project(schema, options, &wanted, err));
        schema_unref(schema);
        schema = wanted;
    }
    if (!options->count) FIRN_TRY(print_schema(schema, err));
    for (unsigned i = 0; i < options->repeat; i++) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        uint64_t                                    rows = 0, start = firn_clock_monotonic_us();
        int64_t                                     cpu = firn_clock_cpu_us();
        FIRN_TRY(parquet_file_read(parquet, schema, &options->read, &reader, err));
        if (options->back)
            FIRN_TRY(read_back(reader, parquet_file_row_count(parquet), err));
        else
            FIRN_TRY(read_all(reader, options, &rows, err));
        if (options->count)
            printf("%llu rows, %.3f s wall, %.3f s cpu\n", (unsigned long long) rows,
                   (double) (firn_clock_monotonic_us() - start) / 1e6, (double) (firn_clock_cpu_us() - cpu) / 1e6);
    }
    return FIRN_OK;
}

int
main(int argc, char **argv)
{
    static firn_error err;
    cat_options       options = {.repeat = 1, .read = {.truncate_nanos = true}};

    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--batch") == 0) {
            options.read.batch_rows = (size_t) atoll(next), i++;
        } else if (strcmp(argv[i], "--memory") == 0) {
            options.read.memory_bytes_max = (size_t) atoll(next), i++;
        } else if (strcmp(argv[i], "--repeat") == 0) {
            options.repeat = (unsigned) atoi(next), i++;
        } else if (strcmp(argv[i], "--columns") == 0 && options.column_count < COLUMNS_MAX) {
            options.columns[options.column_count++] = next, i++;
        } else if (strcmp(argv[i], "--rows") == 0 && options.read.range_count < RANGES_MAX) {
            unsigned long long first = 0, count = 0;
            sscanf(next, "%llu:%llu", &first, &count), i++;
            options.ranges[options.read.range_count++] = (parquet_row_range){first, count};
            options.read.ranges = options.ranges;
        } else if (strcmp(argv[i], "--back") == 0) {
            options.back = true;
        } else if (strcmp(argv[i], "--count") == 0) {
            options.count = true;
        } else if (strcmp(argv[i], "--no-checksums") == 0) {
            options.read.ignore_checksums = true;
        } else {
            options.path = argv[i];
        }
    }
    FILE *file = options.path ? fopen(options.path, "rb") : NULL;
    if (!file) {
        fprintf(stderr, "parquet_cat: cannot open the file\n");
        return 66;
    }
    firn_status status = cat(file, &options, &err);
    fclose(file);
    if (status == FIRN_OK) return 0;
    fprintf(stderr, "parquet_cat: %s\n", err.cause);
    for (unsigned i = 0; i < err.frame_count; i++)
        fprintf(stderr, "  while %s\n", err.frame[i]);
    return firn_status_exit_code(status);
}
