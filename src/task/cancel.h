/*
 * One flag that stops work and wakes whoever waits: a poll() beside a socket, a sleep, a budget.
 */
#ifndef FIRN_TASK_CANCEL_H
#define FIRN_TASK_CANCEL_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct task_cancel task_cancel;
FIRN_MUST_USE task_cancel *task_cancel_new(void); /* NULL: no memory or descriptor */
void                       task_cancel_free(task_cancel *cancel);
void                       task_cancel_request(task_cancel *cancel); /* any thread; not from a signal handler */
/* NULL: never. */
bool task_cancel_requested(const task_cancel *cancel);
/* Readable when cancelled: for poll() beside a socket. Never read from it. */
int task_cancel_fd(const task_cancel *cancel);
/* Sleeps; true = cancelled meanwhile. NULL: an ordinary sleep. */
bool task_cancel_wait(task_cancel *cancel, uint64_t timeout_ms);

/* For objects that wait on a condition of their own: `wake(state)` runs in the thread that cancels, or at
 * once where that has happened. Not to be called with a lock held that `wake` takes. */
typedef struct task_waker {
    void (*wake)(void *state);
    void              *state;
    struct task_waker *next, *previous;
} task_waker;
void task_cancel_attach(task_cancel *cancel, task_waker *waker);
void task_cancel_detach(task_cancel *cancel, task_waker *waker);

FIRN_DEFINE_FREEP(task_cancel, task_cancel_free)

#endif
