/*
 * From the thread that receives to the one that asks for items: segments in order, restarts between them, the end.
 * Bounded by bytes: the receiver asks for room, and may wait for it only for a time, since it has keepalives to answer.
 */
#ifndef FIRN_POSTGRES_FEED_QUEUE_H
#define FIRN_POSTGRES_FEED_QUEUE_H

#include "postgres/replication_link.h"

typedef struct feed_queue feed_queue;

/* Wakes and ends with FIRN_CANCELLED when a cancel (each may be NULL) is requested. */
FIRN_MUST_USE feed_queue *feed_queue_new(size_t bytes_max, task_cancel *const cancels[2]);
void                      feed_queue_free(feed_queue *queue);

/* Whether less than the limit waits; waits for that at most timeout_ms. */
bool feed_queue_wait_room(feed_queue *queue, uint64_t timeout_ms);
/* Takes the segment's reference in every case. A segment without block is a restart. */
FIRN_MUST_USE firn_status feed_queue_push(feed_queue *queue, link_segment take_segment, firn_error *err);
/* Nothing more comes, for this reason. */
void feed_queue_end(feed_queue *queue, const firn_error *reason);

/* The next segment with its reference. `ret_got` false: timeout_ms passed (0: not waited). After the last: the reason. */
FIRN_MUST_USE firn_status feed_queue_pop(feed_queue *queue, uint64_t timeout_ms, link_segment *ret_segment, bool *ret_got,
                                         firn_error *err);
size_t feed_queue_bytes(feed_queue *queue);

#endif
