/*
 * What the job that follows says of its tables in <namespace>._cdc_status, for people and `firn status`. Nothing is decided by
 * it: positions that count are the tables' own properties.
 */
#ifndef FIRN_FOLLOW_FOLLOW_STATUS_H
#define FIRN_FOLLOW_FOLLOW_STATUS_H

#include "follow/followed_table.h"

typedef struct follow_status_settings {
    const followed_table *tables;
    unsigned              table_count;
    bool                  by_ordinals; /* a table's position is what its property says */
    uint64_t              consistent; /* all that are followed are complete up to here */
} follow_status_settings;

/* One commit. A failure is told as a warning, and nothing else comes of it. */
void follow_status_write(const follow_status_settings *settings, const follow_context *ctx);

#endif
