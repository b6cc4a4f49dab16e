#include "cli/table_print.h"

#include <string.h>

#include "base/text.h"

void
table_print_init(table_print *table, firn_arena *arena, const char *headers[], unsigned column_count)
{
    assert(column_count <= TABLE_PRINT_COLUMNS_MAX);
    *table = (table_print){.column_count = column_count, .headers = headers, .arena = arena};
}

const char *
table_print_count(firn_arena *arena, uint64_t number)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    firn_buffer_init(&text, 64);
    if (text_add_grouped(&text, number, &ignored) != FIRN_OK) return NULL;
    return firn_arena_text(arena, firn_buffer_slice(&text));
}

firn_status
table_print_add(table_print *table, const char *const cells[], firn_error *err)
{
    if (table->row_count == table->row_capacity) {
        unsigned     capacity = table->row_capacity ? table->row_capacity * 2 : 16;
        const char **grown = firn_arena_array(table->arena, (size_t) capacity * table->column_count, sizeof *grown);
        if (!grown) return firn_fail_memory(err, "a table to print");
        if (table->row_count)
            memcpy(grown, table->cells, (size_t) table->row_count * table->column_count * sizeof *grown);
        table->cells = grown;
        table->row_capacity = capacity;
    }
    memcpy(table->cells + (size_t) table->row_count * table->column_count, cells,
           table->column_count * sizeof *table->cells);
    table->row_count++;
    return FIRN_OK;
}

/* Code points; continuation bytes do not count. */
static size_t
width_of(const char *text)
{
    size_t width = 0;

    for (; text && *text; text++) {
        width += ((unsigned char) *text & 0xc0) != 0x80;
    }
    return width;
}

static firn_status
add_spaces(firn_buffer *out, size_t count, firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        FIRN_TRY(firn_buffer_add_byte(out, ' ', err));
    }
    return FIRN_OK;
}

static firn_status
add_cell(firn_buffer *out, const char *text, size_t width, bool right, bool last, firn_error *err)
{
    size_t pad = width - width_of(text);

    if (right) FIRN_TRY(add_spaces(out, pad, err));
    for (; text && *text; text++) {
        unsigned char byte = (unsigned char) *text;
        FIRN_TRY(firn_buffer_add_byte(out, byte < 0x20 || byte == 0x7f ? '?' : byte, err));
    }
    if (last) return firn_buffer_add_byte(out, '\n', err);
    return add_spaces(out, (right ? 0 : pad) + 2, err);
}

firn_status
table_print_write(const table_print *table, firn_buffer *out, firn_error *err)
{
    size_t widths[TABLE_PRINT_COLUMNS_MAX];

    for (unsigned c = 0; c < table->column_count; c++) {
        widths[c] = width_of(table->headers[c]);
        for (unsigned r = 0; r < table->row_count; r++) {
            size_t width = width_of(table->cells[(size_t) r * table->column_count + c]);
            if (width > widths[c]) widths[c] = width;
        }
    }
    for (unsigned r = 0; r <= table->row_count; r++) {
        const char *const *cells = r ? table->cells + (size_t) (r - 1) * table->column_count : table->headers;
        for (unsigned c = 0; c < table->column_count; c++) {
            FIRN_TRY(add_cell(out, cells[c], widths[c], table->right[c], c + 1 == table->column_count, err));
        }
    }
    return FIRN_OK;
}
