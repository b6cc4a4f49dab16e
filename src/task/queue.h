/*
 * Bounded, blocking, closable; moves ownership of items of a fixed size between threads.
 */
#ifndef FIRN_TASK_QUEUE_H
#define FIRN_TASK_QUEUE_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct task_queue task_queue;
/* `drop` releases an undelivered item (also those left at free); NULL: nothing to release. */
FIRN_MUST_USE task_queue *task_queue_new(size_t item_size, size_t capacity, void (*drop)(void *item));
void                      task_queue_free(task_queue *queue);
/* Takes *item in every case: false = closed, the item was dropped. */
bool task_queue_push(task_queue *queue, void *item);
/* False = closed and drained. */
bool task_queue_pop(task_queue *queue, void *ret_item);
void task_queue_close(task_queue *queue);

FIRN_DEFINE_FREEP(task_queue, task_queue_free)

#endif
