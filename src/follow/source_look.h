/*
 * Looks now and then at what the source has of the tables that are followed: one that was dropped, made anew under its name, or
 * taken out of the publication sends nothing any more, so that nothing else would tell.
 *
 * What is found lies before a position of the source's log: the table is stopped when everything before that was read.
 */
#ifndef FIRN_FOLLOW_SOURCE_LOOK_H
#define FIRN_FOLLOW_SOURCE_LOOK_H

#include "follow/follow_loop.h"

/* Asks, where it is time; a source that does not answer is asked again later. */
FIRN_MUST_USE firn_status source_look_ask(follow_loop *loop, uint64_t now_us, firn_error *err);
/* Whether a table has come to its end. */
bool source_look_found(const follow_loop *loop);
/* Stops those tables; no window is open. */
FIRN_MUST_USE firn_status source_look_stop(follow_loop *loop, firn_error *err);

#endif
