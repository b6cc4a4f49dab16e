/*
 * A key index from what the table holds: built anew from the key columns of all its rows, or brought from the snapshot
 * that it stands for to the table's current one, whoever made the ones between.
 *
 * Catching up: data files that are new are read and indexed, those that are gone take their keys along, whatever the
 *          operations were (append, overwrite, replace, roll-back). Rows that others have deleted stay in the index:
 *          following them deletes what is deleted already, which changes nothing. Without a key that is not so, and
 *          the index is built anew.
 * Memory:  memory_bytes_max for reading and the index's own; while catching up 24 bytes for each row of the largest new
 *          data file
 * Threads: one
 */
#ifndef FIRN_INDEX_INDEX_REBUILD_H
#define FIRN_INDEX_INDEX_REBUILD_H

#include "iceberg/table_metadata.h"
#include "index/key_index.h"
#include "storage/storage.h"
#include "task/cancel.h"

typedef struct index_rebuild_settings {
    key_index_settings    index; /* copies: set by key_count == 0 */
    storage              *files;
    const table_metadata *table; /* at its current snapshot */
    const int32_t        *key_ids;
    unsigned              key_count; /* 0: the table has no key */
    size_t                memory_bytes_max;
    task_cancel          *cancel; /* NULL: never */
    /* Told after each batch of rows that was read; may be NULL. */
    void (*progress)(void *state, uint64_t rows_done, uint64_t rows_all);
    void *progress_state;
    /* index_open_current tells before it builds, and why; may be NULL. */
    void (*building)(void *state, const char *why);
    void *building_state;
} index_rebuild_settings;

/* What an index of the table, as it is, stands for. */
FIRN_MUST_USE firn_status index_state_of_table(const index_rebuild_settings *settings, index_state *ret_state,
                                               firn_error *err);

/* Takes the place of what is in the folder. */
FIRN_MUST_USE firn_status index_rebuild(const index_rebuild_settings *settings, key_index **ret_index, firn_error *err);

/* *ret_done false: it cannot be caught up (another table or other key columns, or rows without a key): build it anew. After
 * a failure the index is only good for free. */
FIRN_MUST_USE firn_status index_catch_up(const index_rebuild_settings *settings, key_index *index, bool *ret_done,
                                         firn_error *err);

/* Opens what is in the folder and catches up, or builds it anew where that is impossible or nothing usable is there;
 * *ret_rebuilt says so. */
FIRN_MUST_USE firn_status index_open_current(const index_rebuild_settings *settings, key_index **ret_index,
                                             bool *ret_rebuilt, firn_error *err);

#endif
