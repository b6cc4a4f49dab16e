/*
 * Threads, queues, cancelling and budgets: the only place with threads.
 *
 * A thread owns everything it touches; what is shared are queues, the cancel flag, the byte budget,
 * atomic counters and immutable referenced objects.
 */
#ifndef FIRN_TASK_TASK_H
#define FIRN_TASK_TASK_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* ---- cancel: one flag that wakes waiters ---- */
typedef struct task_cancel task_cancel;
FIRN_MUST_USE task_cancel *task_cancel_new(void);
void task_cancel_free(task_cancel *cancel);
void task_cancel_request(task_cancel *cancel); /* any thread; not from a signal handler */
bool task_cancel_requested(const task_cancel *cancel);
/* Readable when cancelled: for poll() beside a socket. */
int task_cancel_fd(const task_cancel *cancel);
/* Sleeps; true = cancelled meanwhile. */
bool task_cancel_wait(task_cancel *cancel, uint64_t timeout_ms);

/* ---- queue: bounded, blocking, closable; moves ownership of fixed-size items ---- */
typedef struct task_queue task_queue;
/* `drop` releases an undelivered item (also those left at free). */
FIRN_MUST_USE task_queue *task_queue_new(size_t item_size, size_t capacity, void (*drop)(void *item));
void task_queue_free(task_queue *queue);
/* Takes *item in every case: false = closed, the item was dropped. */
bool task_queue_push(task_queue *queue, void *item);
/* False = closed and drained. */
bool task_queue_pop(task_queue *queue, void *ret_item);
void task_queue_close(task_queue *queue);

/* ---- group: workers, first error wins, join ---- */
typedef struct task_group task_group;
/* `cancel` is requested when a worker fails; borrowed; may be NULL. */
FIRN_MUST_USE task_group *task_group_new(task_cancel *cancel);
/* Runs work(state, err) in a thread named `name` (at most 15 bytes). */
FIRN_MUST_USE firn_status task_group_spawn(task_group *group, const char *name,
                                           firn_status (*work)(void *state, firn_error *err), void *state,
                                           firn_error *err);
/* Waits for all; the first error that is not FIRN_CANCELLED, else FIRN_CANCELLED, else FIRN_OK. */
FIRN_MUST_USE firn_status task_group_join(task_group *group, firn_error *err);
void task_group_free(task_group *group); /* joins */

/* ---- mutex and condition, for state shared by a few named fields ---- */
typedef struct task_lock task_lock;
FIRN_MUST_USE task_lock *task_lock_new(void);
void task_lock_free(task_lock *lock);
void task_lock_hold(task_lock *lock);
void task_lock_release(task_lock *lock);
void task_lock_wake_all(task_lock *lock);
/* Waits for a wake; the lock is held before and after. False = timed out (timeout_ms 0: no limit). */
bool task_lock_wait(task_lock *lock, uint64_t timeout_ms);

/* ---- budget: bytes in flight ---- */
typedef struct task_budget task_budget;
FIRN_MUST_USE task_budget *task_budget_new(uint64_t limit_bytes);
void task_budget_free(task_budget *budget);
/* Waits until the bytes are free (more than the limit waits for an empty budget). False = cancelled. */
bool     task_budget_take(task_budget *budget, uint64_t bytes, task_cancel *cancel);
void     task_budget_give(task_budget *budget, uint64_t bytes);
uint64_t task_budget_used(const task_budget *budget);

/* ---- retry: backoff with full jitter ---- */
typedef struct task_retry {
    unsigned attempt, attempt_max; /* attempt_max retries after the first try */
    uint64_t backoff_ms, backoff_max_ms;
} task_retry;
/* Whether this status may be retried and attempts are left; then sleeps and returns true. False also
 * when cancelled. ret_delay_ms (may be NULL) is set before sleeping. */
bool task_retry_again(task_retry *retry, firn_status status, task_cancel *cancel, uint64_t *ret_delay_ms);

unsigned task_cpu_count(void);

FIRN_DEFINE_FREEP(task_cancel, task_cancel_free)
FIRN_DEFINE_FREEP(task_queue, task_queue_free)
FIRN_DEFINE_FREEP(task_group, task_group_free)
FIRN_DEFINE_FREEP(task_lock, task_lock_free)
FIRN_DEFINE_FREEP(task_budget, task_budget_free)

#endif
