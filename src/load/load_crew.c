#include "load/load_crew.h"

#include "base/alloc.h"
#include "task/task.h"

#include <stdio.h>

struct load_crew {
    task_lock *guard; /* of all below, and of what the works keep for it */
    crew_work *first;
    unsigned   busy_count; /* workers that may still put up work */
};

load_crew *
load_crew_new(unsigned worker_count)
{
    FIRN_AUTO(load_crew_freep) load_crew *crew = firn_calloc(1, sizeof *crew);

    if (!crew) return NULL;
    crew->busy_count = worker_count;
    crew->guard = task_lock_new();
    return crew->guard ? FIRN_STEAL(crew) : NULL;
}

void
load_crew_free(load_crew *crew)
{
    if (!crew) return;
    task_lock_free(crew->guard);
    firn_free(crew);
}

void
load_crew_put_up(load_crew *crew, crew_work *work)
{
    crew_work **end;

    if (!crew) return;
    task_lock_hold(crew->guard);
    for (end = &crew->first; *end; end = &(*end)->next) {
    }
    work->next = NULL;
    work->helper_count = 0;
    *end = work;
    task_lock_wake_all(crew->guard);
    task_lock_release(crew->guard);
}

void
load_crew_take_down(load_crew *crew, crew_work *work)
{
    if (!crew) return;
    task_lock_hold(crew->guard);
    for (crew_work **slot = &crew->first; *slot; slot = &(*slot)->next) {
        if (*slot != work) continue;
        *slot = work->next;
        break;
    }
    while (work->helper_count) (void) task_lock_wait(crew->guard, 0);
    task_lock_release(crew->guard);
}

/* The guard is held. */
static crew_work *
join_any(load_crew *crew)
{
    for (crew_work *work = crew->first; work; work = work->next) {
        if (work->join(work->state)) return work;
    }
    return NULL;
}

static firn_status
help(void *state, firn_error *err)
{
    load_crew *crew = state;

    (void) err; /* what goes wrong is of the work, which keeps it */
    task_lock_hold(crew->guard);
    while (crew->busy_count) {
        crew_work *work = join_any(crew);

        if (!work) {
            (void) task_lock_wait(crew->guard, 0);
            continue;
        }
        work->helper_count++;
        task_lock_release(crew->guard);
        work->work(work->state);
        task_lock_hold(crew->guard);
        work->helper_count--;
        task_lock_wake_all(crew->guard);
    }
    task_lock_release(crew->guard);
    return FIRN_OK;
}

void
load_crew_help(load_crew *crew, unsigned thread_count)
{
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_error ignored = {0}; /* a thread that cannot be had does not help */

    task_lock_hold(crew->guard);
    crew->busy_count--;
    task_lock_wake_all(crew->guard);
    task_lock_release(crew->guard);
    for (unsigned i = 0; group && i < thread_count; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "firn:help-%u", i % 1000);
        if (task_group_spawn(group, name, help, crew, &ignored)) break;
    }
}
