/*
 * Threads, queues, cancelling and budgets: the only place with threads.
 *
 * A thread owns everything it touches; what is shared are queues, the cancel flag, the byte budget,
 * atomic counters and immutable referenced objects.
 */
#ifndef FIRN_TASK_TASK_H
#define FIRN_TASK_TASK_H

#include "task/budget.h"
#include "task/cancel.h"
#include "task/group.h"
#include "task/lock.h"
#include "task/queue.h"
#include "task/retry.h"

#endif
