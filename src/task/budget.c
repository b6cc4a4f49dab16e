#include "task/budget.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"

struct task_budget {
    uint64_t             limit_bytes;
    atomic_uint_fast64_t used_bytes; /* changed under the lock, read without */
    pthread_mutex_t      lock;
    pthread_cond_t       changed;
};

task_budget *
task_budget_new(uint64_t limit_bytes)
{
    task_budget *budget = firn_calloc(1, sizeof *budget);

    if (!budget) return NULL;
    budget->limit_bytes = limit_bytes;
    pthread_mutex_init(&budget->lock, NULL);
    pthread_cond_init(&budget->changed, NULL);
    return budget;
}

void
task_budget_free(task_budget *budget)
{
    if (!budget) return;
    pthread_cond_destroy(&budget->changed);
    pthread_mutex_destroy(&budget->lock);
    firn_free(budget);
}

static void
wake_takers(void *state)
{
    task_budget *budget = state;

    pthread_mutex_lock(&budget->lock);
    pthread_cond_broadcast(&budget->changed);
    pthread_mutex_unlock(&budget->lock);
}

static bool
has_room(const task_budget *budget, uint64_t bytes)
{
    uint64_t used = atomic_load(&budget->used_bytes);
    return used == 0 || (bytes <= budget->limit_bytes && used <= budget->limit_bytes - bytes);
}

/* Who fits goes, without a queue: a taker that already holds bytes could otherwise wait behind one
 * that waits for those very bytes. */
static bool
take(task_budget *budget, uint64_t bytes, task_cancel *cancel)
{
    bool cancelled;

    pthread_mutex_lock(&budget->lock);
    while (!(cancelled = task_cancel_requested(cancel)) && !has_room(budget, bytes)) {
        pthread_cond_wait(&budget->changed, &budget->lock);
    }
    if (!cancelled) {
        atomic_fetch_add(&budget->used_bytes, bytes);
    }
    pthread_mutex_unlock(&budget->lock);
    return !cancelled;
}

bool
task_budget_take(task_budget *budget, uint64_t bytes, task_cancel *cancel)
{
    task_waker waker = {.wake = wake_takers, .state = budget};
    bool       taken;

    if (!cancel) return take(budget, bytes, NULL);
    task_cancel_attach(cancel, &waker);
    taken = take(budget, bytes, cancel);
    task_cancel_detach(cancel, &waker);
    return taken;
}

void
task_budget_give(task_budget *budget, uint64_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    assert(atomic_load(&budget->used_bytes) >= bytes);
    atomic_fetch_sub(&budget->used_bytes, bytes);
    pthread_cond_broadcast(&budget->changed);
    pthread_mutex_unlock(&budget->lock);
}

uint64_t
task_budget_used(const task_budget *budget)
{
    return atomic_load(&budget->used_bytes);
}
