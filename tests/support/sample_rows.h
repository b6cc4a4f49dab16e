/*
 * Random rows of every type, nested ones too, with nulls; and rows as text, to be compared.
 */
#ifndef FIRN_TESTS_SUPPORT_SAMPLE_ROWS_H
#define FIRN_TESTS_SUPPORT_SAMPLE_ROWS_H

#include "batch/batch.h"

/* A column of each type: primitives, decimals of all three widths, struct, list and map, nested in each other. */
table_schema *sample_schema(void);
/* The same rows for the same seed. Aborts where memory is missing, as all here. */
void sample_rows(table_schema *schema, int64_t row_count, uint64_t seed, batch *ret_batch);
/* All values of a row of a struct array, offsets honoured: "1|null|[a,b]|…". */
void sample_row_text(const table_schema *schema, const struct ArrowArray *rows, int64_t row, firn_buffer *out);

#endif
