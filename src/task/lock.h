/*
 * Mutex and condition in one, for state shared by a few named fields.
 */
#ifndef FIRN_TASK_LOCK_H
#define FIRN_TASK_LOCK_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct task_lock task_lock;
FIRN_MUST_USE task_lock *task_lock_new(void);
void                     task_lock_free(task_lock *lock);
void                     task_lock_hold(task_lock *lock);
void                     task_lock_release(task_lock *lock);
void                     task_lock_wake_all(task_lock *lock);
/* Waits for a wake; the lock is held before and after. False = timed out (timeout_ms 0: no limit). Can return
 * without a wake: check the condition in a loop. */
bool task_lock_wait(task_lock *lock, uint64_t timeout_ms);

FIRN_DEFINE_FREEP(task_lock, task_lock_free)

#endif
