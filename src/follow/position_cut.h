/*
 * How another process of this machine gets a running job to commit at an exact position of the source, so that both can be
 * looked at as of it (firn validate). By a file of one line:
 *
 *   "hold"          the other: → the job, between two transactions, answers "held" and reads no further
 *   "held"          the job:   → the other takes its snapshot of the source, which is later than all that the job has read
 *   "cut 3F/9A01"   the other: → the job applies what committed before the position, commits that, and answers "done"
 *   "done 3F/9A01"  the job, which goes on with what came after: → the other removes the file
 *
 * Patience: a job that is held for POSITION_CUT_HOLD_MS removes the file and goes on; so it does when the file is gone
 * Errors:   of the file never end the job
 */
#ifndef FIRN_FOLLOW_POSITION_CUT_H
#define FIRN_FOLLOW_POSITION_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define POSITION_CUT_HOLD_MS 45000u

typedef enum cut_step { CUT_NONE, CUT_HOLD, CUT_HELD, CUT_AT, CUT_DONE } cut_step;

/* The job's side. */
typedef struct position_cut {
    const char *folder; /* the source's state folder */
    bool        is_held; /* nothing is to be read */
    uint64_t    position; /* where to commit; 0: nowhere */
    uint64_t    looked_us, held_us;
} position_cut;

/* Between transactions; looks at the file now and then. `reached`: what was read up to now ends here. */
void position_cut_look(position_cut *cut, uint64_t reached, uint64_t now_us);
/* It has been committed. */
void position_cut_answer(position_cut *cut);

/* Either side. A file that is missing or holds something else is CUT_NONE. */
FIRN_MUST_USE firn_status position_cut_write(const char *folder, cut_step step, uint64_t position, firn_error *err);
cut_step                  position_cut_read(const char *folder, uint64_t *ret_position);
void                      position_cut_remove(const char *folder);

#endif
