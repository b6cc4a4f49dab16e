#include "cli/row_print.h"

#include <string.h>

#include "base/file.h"
#include "scan/row_text.h"

#define FLUSH_BYTES ((size_t) 64 << 10)
#define BUFFER_BYTES_MAX ((size_t) 4 << 30)
#define CELL_BYTES_MAX ((size_t) 2 << 30)
#define WIDTH_MAX 64

firn_status
row_print_init(row_print *print, row_format format, int fd, const table_schema *schema, firn_error *err)
{
    *print = (row_print){.format = format, .fd = fd, .schema = schema};
    firn_buffer_init(&print->out, BUFFER_BYTES_MAX);
    firn_buffer_init(&print->cell, CELL_BYTES_MAX);
    print->widths = firn_arena_array(&print->arena, schema->field_count + 1, sizeof *print->widths);
    return print->widths ? FIRN_OK : firn_fail_memory(err, "the columns to print");
}

void
row_print_done(row_print *print)
{
    firn_buffer_done(&print->out);
    firn_buffer_done(&print->cell);
    firn_arena_done(&print->arena);
}

static firn_status
flush(row_print *print, firn_error *err)
{
    if (print->out.size > 0) FIRN_TRY(file_write_all(print->fd, print->out.data, print->out.size, "stdout", err));
    firn_buffer_reset(&print->out);
    return FIRN_OK;
}

/* ---- table ---- */

static unsigned
width_of(firn_slice text)
{
    unsigned width = 0;

    for (size_t i = 0; i < text.size; i++) width += (text.data[i] & 0xc0) != 0x80;
    return width;
}

static bool
is_number(const data_type *type)
{
    return type->kind == TYPE_INT || type->kind == TYPE_LONG || type->kind == TYPE_DECIMAL ||
           type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;
}

static firn_status
add_spaces(firn_buffer *out, unsigned count, firn_error *err)
{
    if (count == 0) return FIRN_OK;
    FIRN_TRY(firn_buffer_reserve(out, count, err));
    memset(out->data + out->size, ' ', count);
    out->size += count;
    return FIRN_OK;
}

static firn_status
add_cell(row_print *print, unsigned column, firn_slice text, firn_error *err)
{
    bool     right = is_number(print->schema->fields[column].type), last = column + 1 == print->schema->field_count;
    unsigned width = width_of(text), pad = print->widths[column] > width ? print->widths[column] - width : 0;

    if (right) FIRN_TRY(add_spaces(&print->out, pad, err));
    FIRN_TRY(firn_buffer_reserve(&print->out, text.size, err));
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        print->out.data[print->out.size++] = byte < 0x20 || byte == 0x7f ? '?' : byte;
    }
    if (!right && !last) FIRN_TRY(add_spaces(&print->out, pad, err));
    return last ? firn_buffer_add_byte(&print->out, '\n', err) : add_spaces(&print->out, 2, err);
}

static firn_status
make_cell(row_print *print, const batch *rows, unsigned column, int64_t row, firn_error *err)
{
    bool is_null = false;

    firn_buffer_reset(&print->cell);
    FIRN_TRY(row_text_add(print->schema->fields[column].type, rows->array.children[column], row, &print->cell, &is_null,
                          err));
    return is_null ? firn_buffer_add_text(&print->cell, "null", err) : FIRN_OK;
}

static firn_status
measure(row_print *print, const batch *rows, int64_t row_count, firn_error *err)
{
    for (unsigned i = 0; i < print->schema->field_count; i++) {
        print->widths[i] = width_of(firn_slice_text(print->schema->fields[i].name));
        for (int64_t row = 0; row < row_count; row++) {
            FIRN_TRY(make_cell(print, rows, i, row, err));
            unsigned width = width_of(firn_buffer_slice(&print->cell));
            if (width > print->widths[i] && width <= WIDTH_MAX) print->widths[i] = width;
        }
    }
    return FIRN_OK;
}

static firn_status
add_table_row(row_print *print, const batch *rows, int64_t row, firn_error *err)
{
    for (unsigned i = 0; i < print->schema->field_count; i++) {
        FIRN_TRY(make_cell(print, rows, i, row, err));
        FIRN_TRY(add_cell(print, i, firn_buffer_slice(&print->cell), err));
    }
    return FIRN_OK;
}

/* ---- CSV ---- */

static firn_status
add_csv_field(firn_buffer *out, firn_slice text, bool is_last, firn_error *err)
{
    bool quoted = text.size == 0;

    for (size_t i = 0; i < text.size && !quoted; i++)
        quoted = text.data[i] == '"' || text.data[i] == ',' || text.data[i] == '\n' || text.data[i] == '\r';
    FIRN_TRY(firn_buffer_reserve(out, text.size * 2 + 3, err));
    if (quoted) out->data[out->size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') out->data[out->size++] = '"';
        out->data[out->size++] = text.data[i];
    }
    if (quoted) out->data[out->size++] = '"';
    out->data[out->size++] = is_last ? '\n' : ',';
    return FIRN_OK;
}

static firn_status
add_csv_row(row_print *print, const batch *rows, int64_t row, firn_error *err)
{
    for (unsigned i = 0; i < print->schema->field_count; i++) {
        bool is_null = false, is_last = i + 1 == print->schema->field_count;

        firn_buffer_reset(&print->cell);
        FIRN_TRY(row_text_add(print->schema->fields[i].type, rows->array.children[i], row, &print->cell, &is_null, err));
        if (is_null)
            FIRN_TRY(firn_buffer_add_byte(&print->out, is_last ? '\n' : ',', err));
        else
            FIRN_TRY(add_csv_field(&print->out, firn_buffer_slice(&print->cell), is_last, err));
    }
    return FIRN_OK;
}

/* ---- JSON ---- */

static firn_status
add_json_row(row_print *print, const batch *rows, int64_t row, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &print->out, false, err);
    jwrite_object(&w);
    for (unsigned i = 0; i < print->schema->field_count; i++) {
        jwrite_key(&w, print->schema->fields[i].name);
        FIRN_TRY(row_json_write(print->schema->fields[i].type, rows->array.children[i], row, &w, &print->cell, err));
    }
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&print->out, '\n', err);
}

/* ---- all ---- */

static firn_status
add_header(row_print *print, const batch *rows, int64_t row_count, firn_error *err)
{
    bool is_table = print->format == ROW_FORMAT_TABLE;

    if (print->has_header) return FIRN_OK;
    print->has_header = true;
    if (!is_table && print->format != ROW_FORMAT_CSV) return FIRN_OK;
    if (is_table) FIRN_TRY(measure(print, rows, row_count, err));
    for (unsigned i = 0; i < print->schema->field_count; i++) {
        firn_slice name = firn_slice_text(print->schema->fields[i].name);
        bool       is_last = i + 1 == print->schema->field_count;
        FIRN_TRY(is_table ? add_cell(print, i, name, err) : add_csv_field(&print->out, name, is_last, err));
    }
    return FIRN_OK;
}

firn_status
row_print_add(row_print *print, const batch *rows, int64_t row_count, firn_error *err)
{
    if (print->format == ROW_FORMAT_NONE) return FIRN_OK;
    FIRN_TRY(add_header(print, rows, row_count, err));
    for (int64_t row = 0; row < row_count; row++) {
        if (print->format == ROW_FORMAT_TABLE)
            FIRN_TRY(add_table_row(print, rows, row, err));
        else if (print->format == ROW_FORMAT_CSV)
            FIRN_TRY(add_csv_row(print, rows, row, err));
        else
            FIRN_TRY(add_json_row(print, rows, row, err));
        if (print->out.size >= FLUSH_BYTES) FIRN_TRY(flush(print, err));
    }
    return flush(print, err); /* who watches sees each batch at once */
}

firn_status
row_print_finish(row_print *print, firn_error *err)
{
    static const batch none = {0};

    FIRN_TRY(add_header(print, &none, 0, err));
    return flush(print, err);
}
