/*
 * A table for people: aligned columns, a header, no frame. Widths count code points; control characters are
 * replaced, so that a name from a database cannot move the cursor.
 */
#ifndef FIRN_CLI_TABLE_PRINT_H
#define FIRN_CLI_TABLE_PRINT_H

#include "base/arena.h"
#include "base/buffer.h"

#define TABLE_PRINT_COLUMNS_MAX 12

typedef struct table_print {
    unsigned     column_count;
    const char **headers;
    bool         right[TABLE_PRINT_COLUMNS_MAX]; /* numbers */
    unsigned     row_count, row_capacity;
    const char **cells; /* row by row */
    firn_arena  *arena; /* borrowed */
} table_print;

/* Headers are borrowed. */
void table_print_init(table_print *table, firn_arena *arena, const char *headers[], unsigned column_count);
/* `cells` has column_count texts, borrowed until printed; NULL: empty. */
FIRN_MUST_USE firn_status table_print_add(table_print *table, const char *const cells[], firn_error *err);
/* A number for a cell, with its digits in groups; NULL: no memory. */
const char *table_print_count(firn_arena *arena, uint64_t number);
FIRN_MUST_USE firn_status table_print_write(const table_print *table, firn_buffer *out, firn_error *err);

#endif
