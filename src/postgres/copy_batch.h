/*
 * Columns that were filled row by row → a batch.
 */
#ifndef FIRN_POSTGRES_COPY_BATCH_H
#define FIRN_POSTGRES_COPY_BATCH_H

#include "batch/batch.h"
#include "postgres/copy_column.h"

/* Moves `row_count` rows out and leaves the columns without buffers; an empty batch (release == NULL) for none. */
FIRN_MUST_USE firn_status copy_batch_take(copy_column columns[], unsigned column_count, size_t row_count, table_schema *schema,
                                          batch *ret_batch, firn_error *err);

#endif
