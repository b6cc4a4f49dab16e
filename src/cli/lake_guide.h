/*
 * Brings the tables that follow a source to the position of a validation's snapshot: by following up to there, or, where
 * `firn follow` runs, by asking it to (follow/position_cut.h).
 */
#ifndef FIRN_CLI_LAKE_GUIDE_H
#define FIRN_CLI_LAKE_GUIDE_H

#include "base/file_lock.h"
#include "cli/connect.h"
#include "validate/validate_job.h"

typedef struct lake_guide {
    session             *session;
    const load_settings *load;
    catalog             *lake;
    uint64_t             wait_ms; /* for a job that runs, at each step */
    bool                 has_lock; /* the caller has the source's lock */
    file_lock           *lock;
    bool                 asked; /* a job that runs is held, or was told a position */
} lake_guide;

/* Borrows the guide. */
validate_guide lake_guide_of(lake_guide *guide);
/* A job that was asked may go on. */
void           lake_guide_done(lake_guide *guide);

#endif
