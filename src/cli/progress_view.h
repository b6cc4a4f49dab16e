/*
 * The progress of a load as text: a block for a terminal, or one line. Pure: counters in, text out.
 *
 * Done and left are weighed by bytes: a table that runs counts with its rows' share of its bytes, because the bytes
 * on the wire are not those of the heap.
 */
#ifndef FIRN_CLI_PROGRESS_VIEW_H
#define FIRN_CLI_PROGRESS_VIEW_H

#include "base/buffer.h"
#include "load/load_job.h"

typedef struct progress_total {
    unsigned table_count, done_count, running_count, failed_count, skipped_count;
    uint64_t row_count, byte_count;
    unsigned percent; /* of the estimated bytes; 100 only when all is done */
    uint64_t elapsed_ms;
    uint64_t left_ms; /* 0: not known yet */
} progress_total;

progress_total            progress_view_total(const load_progress *progress, int64_t now_us);
/* Lines for running tables, then the total; each at most `width` columns, at most `line_max` lines. */
FIRN_MUST_USE firn_status progress_view_add_block(const load_progress *progress, int64_t now_us, unsigned width,
                                                  unsigned line_max, bool color, firn_buffer *out,
                                                  unsigned *ret_line_count, firn_error *err);
/* "12 of 41 tables, 4 running, 1 failed; 1,204,331 rows (98,000/s), 96.3 GB; 34 %, 2m10s left" */
FIRN_MUST_USE firn_status progress_view_add_total(const load_progress *progress, int64_t now_us, firn_buffer *out,
                                                  firn_error *err);
/* One table: "orders: 1,204,331 of about 2,000,000 rows (98,000/s), 96 MB, 34 %" */
FIRN_MUST_USE firn_status progress_view_add_table(const load_table_progress *table, int64_t now_us, firn_buffer *out,
                                                  firn_error *err);

#endif
