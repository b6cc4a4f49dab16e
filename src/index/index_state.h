/*
 * What a key index stands for: a table at one of its snapshots, and the place in the feed that it reflects.
 */
#ifndef FIRN_INDEX_INDEX_STATE_H
#define FIRN_INDEX_INDEX_STATE_H

#include "base/buffer.h"
#include "base/reader.h"
#include "base/uuid.h"

#define INDEX_POSITION_MAX 1024

typedef struct index_state {
    firn_uuid table_uuid, commit_id; /* the latter of the commit that made the snapshot, where it was ours */
    int64_t   snapshot_id;           /* -1: a table without snapshots */
    uint64_t  key_shape;             /* key_codec_shape: the columns that the keys are made of */
    char      position[INDEX_POSITION_MAX]; /* as the table's property says it; "" where there is none */
} index_state;

FIRN_MUST_USE firn_status index_state_add(const index_state *state, firn_buffer *out, firn_error *err);
/* False: not a state. */
FIRN_MUST_USE bool index_state_read(firn_reader *in, index_state *ret_state);

#endif
