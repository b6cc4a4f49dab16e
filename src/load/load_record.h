/*
 * Keeps _cdc_status up with a running load: rows as tables begin and end, one commit for many of them.
 */
#ifndef FIRN_LOAD_LOAD_RECORD_H
#define FIRN_LOAD_LOAD_RECORD_H

#include "load/load_table.h"

typedef struct load_record load_record;

/* Reads what earlier runs have recorded. `results` (in the plan's order) is read until the record is freed; `guard` guards it. */
FIRN_MUST_USE firn_status load_record_new(const load_context *ctx, load_table_result *results, unsigned count,
                                          task_lock *guard, load_record **ret_record, firn_error *err);
/* Whether an earlier run has recorded the table as completed. */
bool load_record_is_complete(const load_record *record, unsigned table_index);
/* The table's row is to be written at the next flush. The guard is held. */
void load_record_mark(load_record *record, unsigned table_index);
/* Writes the marked rows in one commit. The guard is not held. A failure is returned, the rows stay marked. */
FIRN_MUST_USE firn_status load_record_flush(load_record *record, firn_error *err);
void load_record_free(load_record *record);
FIRN_DEFINE_FREEP(load_record, load_record_free)

#endif
