/*
 * One table that is in both: what validate_job.h says of it.
 */
#ifndef FIRN_VALIDATE_VALIDATE_TABLE_H
#define FIRN_VALIDATE_VALIDATE_TABLE_H

#include "state/table_resync.h"
#include "validate/validate_job.h"

typedef struct validate_context {
    const validate_settings *settings;
    source                  *src;
    catalog                 *lake;
    task_cancel             *cancel;
    size_t                   memory_bytes; /* of one table at work */
    const char              *joint_position; /* the followed tables have been there; NULL: they have not */
    resync_point             resync;         /* settings->resync: where the tables are to be */
} validate_context;

/* Fills `result`, whose arena takes its texts. FIRN_NOT_FOUND: the lake has no such table. */
FIRN_MUST_USE firn_status validate_table(const validate_context *ctx, const source_table *table,
                                         validate_table_result *result, firn_error *err);

#endif
