/*
 * Rows to a descriptor as they come: a table for people, CSV, or JSON lines.
 *
 * Table:  widths come from the first batch; a longer value later on moves its line, never the text. Control characters
 *         are replaced; a null is `null`.
 * CSV:    RFC 4180 with a header, but lines end as Unix programs expect. A null is empty, an empty text is "".
 * JSON:   an object a line
 * Values: scan/row_text.h
 * Memory: a buffer of some 64 KiB, or the largest row
 */
#ifndef FIRN_CLI_ROW_PRINT_H
#define FIRN_CLI_ROW_PRINT_H

#include "batch/batch.h"

typedef enum row_format { ROW_FORMAT_TABLE, ROW_FORMAT_CSV, ROW_FORMAT_JSON, ROW_FORMAT_NONE } row_format;

typedef struct row_print {
    row_format          format;
    int                 fd;
    const table_schema *schema;
    bool                has_header;
    unsigned           *widths; /* table */
    firn_buffer         out, cell;
    firn_arena          arena;
} row_print;

/* Borrows the schema. */
FIRN_MUST_USE firn_status row_print_init(row_print *print, row_format format, int fd, const table_schema *schema,
                                         firn_error *err);
void                      row_print_done(row_print *print);
/* The first `row_count` rows of the batch. */
FIRN_MUST_USE firn_status row_print_add(row_print *print, const batch *rows, int64_t row_count, firn_error *err);
/* What is still in the buffer; the header, where there was no row. */
FIRN_MUST_USE firn_status row_print_finish(row_print *print, firn_error *err);

#endif
