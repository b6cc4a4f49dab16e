/*
 * A table whose changes come, and that nobody has loaded, is made in the lake: empty, in the shape that its events show, followed
 * from the first of them on. Streams of ordinals only.
 */
#ifndef FIRN_FOLLOW_TABLE_CREATE_H
#define FIRN_FOLLOW_TABLE_CREATE_H

#include "follow/followed_table.h"

/* FIRN_CONFLICT (CATALOG_EXISTS): a table of this name is there, of another source. */
FIRN_MUST_USE firn_status table_create(const follow_context *ctx, change_stream *stream, change_relation *relation,
                                       firn_error *err);

#endif
