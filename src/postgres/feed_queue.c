#include "postgres/feed_queue.h"

#include "base/alloc.h"
#include "base/clock.h"

typedef struct queue_place {
    struct queue_place *next;
    link_segment        segment;
} queue_place;

struct feed_queue {
    task_lock   *lock;
    task_cancel *cancels[2];
    task_waker   wakers[2];
    queue_place *first, **last;
    size_t       bytes, bytes_max;
    bool         ended;
    firn_error   reason;
};

static void
wake(void *state)
{
    feed_queue *queue = state;
    task_lock_hold(queue->lock);
    task_lock_wake_all(queue->lock);
    task_lock_release(queue->lock);
}

feed_queue *
feed_queue_new(size_t bytes_max, task_cancel *const cancels[2])
{
    feed_queue *queue = firn_calloc(1, sizeof *queue);
    if (!queue) return NULL;
    queue->lock = task_lock_new();
    if (!queue->lock) {
        firn_free(queue);
        return NULL;
    }
    queue->last = &queue->first;
    queue->bytes_max = bytes_max;
    for (int i = 0; i < 2; i++) {
        queue->cancels[i] = cancels[i];
        queue->wakers[i] = (task_waker){.wake = wake, .state = queue};
        if (cancels[i]) task_cancel_attach(cancels[i], &queue->wakers[i]);
    }
    return queue;
}

void
feed_queue_free(feed_queue *queue)
{
    if (!queue) return;
    for (int i = 0; i < 2; i++)
        if (queue->cancels[i]) task_cancel_detach(queue->cancels[i], &queue->wakers[i]);
    while (queue->first) {
        queue_place *place = queue->first;
        queue->first = place->next;
        change_block_unref(place->segment.block);
        firn_free(place);
    }
    task_lock_free(queue->lock);
    firn_free(queue);
}

static bool
is_cancelled(const feed_queue *queue)
{
    return task_cancel_requested(queue->cancels[0]) || task_cancel_requested(queue->cancels[1]);
}

static uint64_t
left_ms(uint64_t deadline_us)
{
    uint64_t now_us = firn_clock_monotonic_us();
    return now_us >= deadline_us ? 0 : (deadline_us - now_us) / 1000 + 1;
}

bool
feed_queue_wait_room(feed_queue *queue, uint64_t timeout_ms)
{
    task_lock_hold(queue->lock);
    if (queue->bytes >= queue->bytes_max && timeout_ms) {
        uint64_t deadline_us = firn_clock_monotonic_us() + timeout_ms * 1000, left;
        while (queue->bytes >= queue->bytes_max && !is_cancelled(queue) && (left = left_ms(deadline_us)) > 0)
            (void) task_lock_wait(queue->lock, left);
    }
    bool has_room = queue->bytes < queue->bytes_max;
    task_lock_release(queue->lock);
    return has_room;
}

firn_status
feed_queue_push(feed_queue *queue, link_segment take_segment, firn_error *err)
{
    queue_place *place = firn_alloc(sizeof *place);
    if (!place) {
        change_block_unref(take_segment.block);
        return firn_fail_memory(err, "received changes");
    }
    *place = (queue_place){.segment = take_segment};
    task_lock_hold(queue->lock);
    bool was_empty = !queue->first;
    *queue->last = place;
    queue->last = &place->next;
    queue->bytes += take_segment.to - take_segment.from;
    if (was_empty) task_lock_wake_all(queue->lock);
    task_lock_release(queue->lock);
    return FIRN_OK;
}

void
feed_queue_end(feed_queue *queue, const firn_error *reason)
{
    task_lock_hold(queue->lock);
    queue->ended = true;
    queue->reason = *reason;
    task_lock_wake_all(queue->lock);
    task_lock_release(queue->lock);
}

firn_status
feed_queue_pop(feed_queue *queue, uint64_t timeout_ms, link_segment *ret_segment, bool *ret_got, firn_error *err)
{
    firn_status status = FIRN_OK;
    *ret_got = false;
    task_lock_hold(queue->lock);
    if (!queue->first && timeout_ms) {
        uint64_t deadline_us = firn_clock_monotonic_us() + timeout_ms * 1000, left;
        while (!queue->first && !queue->ended && !is_cancelled(queue) && (left = left_ms(deadline_us)) > 0)
            (void) task_lock_wait(queue->lock, left);
    }
    queue_place *place = queue->first;
    if (is_cancelled(queue)) {
        status = firn_fail(err, FIRN_E_CANCELLED, "stopped while following changes");
        place = NULL;
    } else if (place) {
        bool was_full = queue->bytes >= queue->bytes_max;
        queue->first = place->next;
        if (!queue->first) queue->last = &queue->first;
        queue->bytes -= place->segment.to - place->segment.from;
        *ret_segment = place->segment;
        *ret_got = true;
        if (was_full && queue->bytes < queue->bytes_max) task_lock_wake_all(queue->lock);
    } else if (queue->ended) {
        *err = queue->reason;
        status = err->status;
    }
    task_lock_release(queue->lock);
    firn_free(place);
    return status;
}

size_t
feed_queue_bytes(feed_queue *queue)
{
    task_lock_hold(queue->lock);
    size_t bytes = queue->bytes;
    task_lock_release(queue->lock);
    return bytes;
}
