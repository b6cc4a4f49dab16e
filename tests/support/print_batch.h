/*
 * Batches as JSON lines on stdout, for comparing types with the server itself.
 */
#ifndef FIRN_TESTS_PRINT_BATCH_H
#define FIRN_TESTS_PRINT_BATCH_H

#include "batch/batch.h"

void print_json_text(const uint8_t *bytes, size_t size);
/* A line per row: {"column": value, …}. */
void print_batch(const batch *b);

#endif
