/*
 * Opening a followed table's key index: begun when its first change is met, in a thread of its own, so that an index that
 * has to be built is built while the window fills; ended when the window is applied.
 *
 * Memory:  that of one index at work; the caller lets one opening at a time run ahead
 * Threads: begin, end and free from one
 */
#ifndef FIRN_FOLLOW_INDEX_OPENING_H
#define FIRN_FOLLOW_INDEX_OPENING_H

#include "follow/followed_table.h"

/* Of the table as it is (`base`) with its shape's key. A thread that cannot be had is no error: `end` opens then. */
void index_opening_begin(followed_table *table, const follow_context *ctx);
/* `table->index` is there afterwards, for the table as it is now. */
FIRN_MUST_USE firn_status index_opening_end(followed_table *table, const follow_context *ctx, firn_error *err);
/* Whether what was begun goes on: who waits for it, waits long. NULL: none was. */
bool index_opening_is_at_work(const index_opening *opening);
/* Waits for what was begun and forgets it. NULL is fine. */
void index_opening_free(index_opening *opening);
FIRN_DEFINE_FREEP(index_opening, index_opening_free)

#endif
