#include "task/lock.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/alloc.h"

struct task_lock {
    pthread_mutex_t mutex;
    pthread_cond_t  woken;
};

task_lock *
task_lock_new(void)
{
    task_lock *lock = firn_calloc(1, sizeof *lock);

    if (!lock) return NULL;
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->woken, NULL);
    return lock;
}

void
task_lock_free(task_lock *lock)
{
    if (!lock) return;
    pthread_cond_destroy(&lock->woken);
    pthread_mutex_destroy(&lock->mutex);
    firn_free(lock);
}

void
task_lock_hold(task_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

void
task_lock_release(task_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

void
task_lock_wake_all(task_lock *lock)
{
    pthread_cond_broadcast(&lock->woken);
}

bool
task_lock_wait(task_lock *lock, uint64_t timeout_ms)
{
    struct timespec until;

    if (timeout_ms == 0) {
        pthread_cond_wait(&lock->woken, &lock->mutex);
        return true;
    }
    /* The kernel's own clock, not firn_clock: a replaced one says nothing about when to wake. */
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t) (timeout_ms / 1000);
    until.tv_nsec += (long) (timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return pthread_cond_clockwait(&lock->woken, &lock->mutex, CLOCK_MONOTONIC, &until) != ETIMEDOUT;
}
