/*
 * Who has nothing left to do helps who has: at the tail of a load the connections of the table workers that found no
 * further table read splits of the tables that are still being read.
 *
 * A flow puts its work up while it runs; a helper joins the oldest that has something for one more. The number of
 * connections stays what it was: a worker helps with as many as its own tables had.
 * Threads: all
 */
#ifndef FIRN_LOAD_LOAD_CREW_H
#define FIRN_LOAD_LOAD_CREW_H

#include "base/error.h"

typedef struct load_crew load_crew;

/* Something to help with. Lives where it is put up from, until it is taken down. */
typedef struct crew_work {
    bool (*join)(void *state); /* whether there is work for one more, who is counted in then; quick */
    void (*work)(void *state); /* of one who has joined: until nothing is left to take */
    void *state;
    /* the crew's */
    unsigned          helper_count;
    struct crew_work *next;
} crew_work;

/* `worker_count`: those who may still put up work; each says once that it will not (load_crew_help). */
FIRN_MUST_USE load_crew *load_crew_new(unsigned worker_count); /* NULL: no memory */
void                     load_crew_free(load_crew *crew);
FIRN_DEFINE_FREEP(load_crew, load_crew_free)

/* NULL for the crew: nobody helps, and these do nothing. */
void load_crew_put_up(load_crew *crew, crew_work *work);
/* Waits for the helpers that are in it; nobody joins any more. */
void load_crew_take_down(load_crew *crew, crew_work *work);

/* A worker that has no work of its own any more helps the others with `thread_count` threads, until none has. */
void load_crew_help(load_crew *crew, unsigned thread_count);

#endif
