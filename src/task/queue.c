#include "task/queue.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

struct task_queue {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t  not_full, not_empty;
    size_t          item_size, capacity;
    size_t          first, count; /* a ring */
    bool            closed;
    void (*drop)(void *item);
    uint8_t items[];
};

task_queue *
task_queue_new(size_t item_size, size_t capacity, void (*drop)(void *item))
{
    size_t      size;
    task_queue *queue;

    assert(item_size > 0 && capacity > 0);
    if (!firn_mul_size(item_size, capacity, &size) || !firn_add_size(size, sizeof *queue, &size)) return NULL;
    queue = firn_calloc(1, size);
    if (!queue) return NULL;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    queue->item_size = item_size;
    queue->capacity = capacity;
    queue->drop = drop;
    return queue;
}

static uint8_t *
item_at(task_queue *queue, size_t index)
{
    return queue->items + (queue->first + index) % queue->capacity * queue->item_size;
}

void
task_queue_free(task_queue *queue)
{
    if (!queue) return;
    for (size_t i = 0; queue->drop && i < queue->count; i++) {
        queue->drop(item_at(queue, i));
    }
    pthread_cond_destroy(&queue->not_empty);
    pthread_cond_destroy(&queue->not_full);
    pthread_mutex_destroy(&queue->lock);
    firn_free(queue);
}

bool
task_queue_push(task_queue *queue, void *item)
{
    bool closed;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->closed) {
        pthread_cond_wait(&queue->not_full, &queue->lock);
    }
    closed = queue->closed;
    if (!closed) {
        memcpy(item_at(queue, queue->count), item, queue->item_size);
        queue->count++;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->lock);
    if (closed && queue->drop) {
        queue->drop(item);
    }
    return !closed;
}

bool
task_queue_pop(task_queue *queue, void *ret_item)
{
    bool found;

    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed) {
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    }
    found = queue->count > 0;
    if (found) {
        memcpy(ret_item, item_at(queue, 0), queue->item_size);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->not_full);
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

void
task_queue_close(task_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->lock);
}
