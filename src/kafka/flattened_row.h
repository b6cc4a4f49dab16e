/*
 * Rows of ExtractNewRecordState: what they have to say so that they are applied exactly, since all else that an envelope tells was
 * taken away. Pure.
 *
 * Needed:    `__op` and `__deleted` (delete.tombstone.handling.mode=rewrite or rewrite-with-tombstone): in the other modes a delete is a
 *            tombstone that has no place in the source's log, or nothing at all; and the place (`__lsn`), to tell it from what the load has
 * Keyless:   the whole place (`__lsn`, `__sequence`, `__txId`, `__source_ts_us`, `__ts_ms`), since what comes again cannot be merged; no updates: the
 *            row before is not in a flattened row
 */
#ifndef FIRN_KAFKA_FLATTENED_ROW_H
#define FIRN_KAFKA_FLATTENED_ROW_H

#include "debezium/event.h"
#include "kafka/kafka_skip.h"

/* What the rows of a partition tell of deletes, as the last one did. */
typedef enum row_form {
    ROW_FORM_UNKNOWN, /* none was read yet */
    ROW_FORM_WHOLE,   /* a tombstone says nothing that the delete before it has not said */
    ROW_FORM_BARE,    /* a tombstone is the delete */
} row_form;

row_form row_form_of(const dbz_event *event);

/* Whether the row can be applied; others than flattened ones always can. `load` NULL: the table was not loaded. KAFKA_MESSAGE. */
FIRN_MUST_USE firn_status flattened_row_check(const dbz_event *event, bool is_keyed, const load_point *load, const char *table, firn_error *err);
/* Whether the tombstone at this offset says nothing of its own. KAFKA_MESSAGE. */
FIRN_MUST_USE firn_status tombstone_check(row_form form, int64_t offset, firn_error *err);

#endif
