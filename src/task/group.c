#include "task/group.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"

enum { NAME_SIZE = 16 }; /* what the kernel keeps, with NUL */

typedef struct group_worker {
    struct group_worker *next;
    task_group          *group;
    pthread_t            thread;
    char                 name[NAME_SIZE];
    firn_status (*work)(void *state, firn_error *err);
    void *state;
} group_worker;

struct task_group {
    task_cancel    *cancel;  /* borrowed, or NULL */
    group_worker   *workers; /* of the owner's thread only */
    pthread_mutex_t first_lock;
    firn_error      first; /* the error that join returns */
};

task_group *
task_group_new(task_cancel *cancel)
{
    task_group *group = firn_calloc(1, sizeof *group);

    if (!group) return NULL;
    group->cancel = cancel;
    pthread_mutex_init(&group->first_lock, NULL);
    return group;
}

/* A real error replaces a mere cancellation, which often is only its echo in another worker. */
static void
keep_error(task_group *group, const firn_error *err)
{
    pthread_mutex_lock(&group->first_lock);
    if (group->first.status == FIRN_OK || (group->first.status == FIRN_CANCELLED && err->status != FIRN_CANCELLED)) {
        group->first = *err;
    }
    pthread_mutex_unlock(&group->first_lock);
}

static void *
run_worker(void *state)
{
    group_worker *worker = state;
    firn_error    err = {0};
    firn_status   status;

    pthread_setname_np(pthread_self(), worker->name);
    status = worker->work(worker->state, &err);
    assert(status == err.status);
    if (status != FIRN_OK) {
        keep_error(worker->group, &err);
        if (worker->group->cancel) {
            task_cancel_request(worker->group->cancel);
        }
    }
    return NULL;
}

/* Signals are for the thread that waits for them, except those that say this thread is broken. */
static void
block_signals(sigset_t *ret_before)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t         others;

    sigfillset(&others);
    for (size_t i = 0; i < FIRN_COUNT(own); i++) {
        sigdelset(&others, own[i]);
    }
    pthread_sigmask(SIG_BLOCK, &others, ret_before);
}

firn_status
task_group_spawn(task_group *group, const char *name, firn_status (*work)(void *state, firn_error *err), void *state,
                 firn_error *err)
{
    group_worker *worker = firn_calloc(1, sizeof *worker);
    sigset_t      before;
    int           failure;

    if (!worker) return firn_fail_memory(err, "a thread");
    worker->group = group;
    worker->work = work;
    worker->state = state;
    memcpy(worker->name, name, strnlen(name, NAME_SIZE - 1));

    block_signals(&before);
    failure = pthread_create(&worker->thread, NULL, run_worker, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        firn_free(worker);
        return firn_fail_errno(err, FIRN_E_SYSTEM, failure, "cannot start the thread '%s'", name);
    }
    worker->next = group->workers;
    group->workers = worker;
    return FIRN_OK;
}

static void
join_all(task_group *group)
{
    while (group->workers) {
        group_worker *worker = group->workers;
        group->workers = worker->next;
        pthread_join(worker->thread, NULL);
        firn_free(worker);
    }
}

firn_status
task_group_join(task_group *group, firn_error *err)
{
    join_all(group);
    if (group->first.status != FIRN_OK) {
        assert(err->status == FIRN_OK); /* an earlier error would be lost */
        *err = group->first;
        firn_error_reset(&group->first);
    }
    return err->status;
}

void
task_group_free(task_group *group)
{
    if (!group) return;
    join_all(group);
    pthread_mutex_destroy(&group->first_lock);
    firn_free(group);
}

unsigned
task_cpu_count(void)
{
    cpu_set_t set;
    int       count = 0;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = CPU_COUNT(&set);
    }
    return count > 0 ? (unsigned) count : 1;
}
