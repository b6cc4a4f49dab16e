/*
 * Loads splits of a plan that another process has made and still holds: rows → durable data files that no catalog
 * knows. Whoever runs a split twice gets two sets of files: names are new with each try.
 *
 * What could make this worker's files differ from another's is checked before a row is read: source and server,
 * warehouse, the table's settings, its place and schema in the lake.
 */
#ifndef FIRN_LOAD_SPLIT_WORKER_H
#define FIRN_LOAD_SPLIT_WORKER_H

#include "load/split_result.h"

typedef struct split_worker {
    load_context  ctx;                  /* settings, src, lake, events, cancel: set by the caller, borrowed */
    char          plan[UUID_TEXT_SIZE]; /* whose point the source has joined; "": none */
    firn_arena    arena;
    source_tables tables; /* as of that point */
} split_worker;
void split_worker_done(split_worker *worker);

/* The line's texts must outlive the result, which takes over its schema. A failure leaves no file behind. */
FIRN_MUST_USE firn_status split_worker_load(split_worker *worker, split_line *line, split_result *ret_result,
                                            firn_error *err);
/* Whether another try of the split would fail alike, while others may do well. */
bool                      split_failure_is_final(const firn_error *failure);

#endif
