/*
 * What is to be said and done about the log that a slot holds, look by look: pure.
 *
 * Near:   four fifths of the limit
 * Act:    above the limit for SLOT_LIMIT_LOOKS looks in a row, in none of which the slot held less than ever since it came
 *         there, or what is not confirmed, where that alone is above the limit, was less than ever: what catches up is left to
 *         catch up, and what only goes up and down is not
 * Scarce: the source's own limit (max_slot_wal_keep_size) is near: a fifth of it is left, or wal_status is "unreserved"
 * Said:   when it begins, again whenever the slot holds twice as much as when it was said last, and when it is over
 */
#ifndef FIRN_CLI_SLOT_LIMIT_H
#define FIRN_CLI_SLOT_LIMIT_H

#include "postgres/replication_lag.h"

#define SLOT_LIMIT_LOOKS 6u

typedef enum slot_level {
    SLOT_FINE,
    SLOT_SCARCE,
    SLOT_NEAR,
    SLOT_ABOVE,
} slot_level;

typedef struct slot_limit {
    int64_t    limit_bytes; /* 0: none */
    /* Its own. */
    slot_level level;
    int64_t    told_bytes;
    unsigned   look_count; /* above the limit, and not on the way down */
    int64_t    least_retained_bytes, least_behind_bytes; /* since it is above */
} slot_limit;

typedef struct slot_verdict {
    slot_level level;
    bool       is_said; /* the level, now */
    bool       acts;
} slot_verdict;

slot_verdict slot_limit_judge(slot_limit *limit, const replication_lag *slot);

#endif
