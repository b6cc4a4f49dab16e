/*
 * Windows that are in the table already although its position says otherwise: somebody has set it back by hand (`firn state
 * set`). Each commit of a window says in its snapshot's summary where the window ended, and a hash of its changes: a window that
 * begins and ends alike and has the same hash is not applied again.
 *
 * Limits: REPLAYED_WINDOWS_MAX snapshots of the table's current line are looked at, newest first, as far as they are kept
 */
#ifndef FIRN_FOLLOW_REPLAYED_WINDOW_H
#define FIRN_FOLLOW_REPLAYED_WINDOW_H

#include "iceberg/table_metadata.h"

#define REPLAYED_WINDOWS_MAX 1000u
#define SUMMARY_WINDOW_HASH "firn.window-hash"

typedef struct replayed_window {
    uint64_t position, hash; /* its end; of its changes */
} replayed_window;

/* The windows that end behind `position`, the first one first; in the arena. */
FIRN_MUST_USE firn_status replayed_windows_find(const table_metadata *table, uint64_t position, firn_arena *arena,
                                                replayed_window **ret_windows, unsigned *ret_count, firn_error *err);

#endif
