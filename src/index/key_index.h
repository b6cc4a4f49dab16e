/*
 * Key → where its row lies in the lake, on disk: an immutable base sorted by hash (key_base.h), a log of the windows
 * since (key_log.h), and those windows' outcome in memory (key_delta.h). When that has grown to its share, base and delta
 * become the next base.
 *
 * Stands for: one snapshot of a table (key_index_state), never a mixture. A window is in it whole or not at all, whatever
 *             happens: killed, the index is as before or as after; after a power cut, as of some window, or
 *             recognised as damaged (then: index_rebuild.h)
 * Cost:       20.3 bytes a key, and those of the log: half of that, with the default memory 56 MB at most. With 50
 *             million keys a look-up takes 0.2 µs and a change 0.8 µs of CPU, the writing of bases included
 *             (docs/decisions/0003-key-index.md, bench/bench_key_index.c). Writing one takes a second of the window
 * Copies:     a table without a key has rows as often as it has them: the keys of a row's copies are {high, low + 0},
 *             {high, low + 1}, …; the last one is the first to go. The low half has 31 bits then.
 * Memory:     memory_bytes_max for the delta, and the same again while a base is written; the base is mapped
 * Threads:    one thread
 */
#ifndef FIRN_INDEX_KEY_INDEX_H
#define FIRN_INDEX_KEY_INDEX_H

#include "index/file_registry.h"
#include "index/index_state.h"
#include "index/key_hash.h"

typedef struct key_index key_index;

typedef struct key_index_settings {
    const char *folder;           /* of this table's index alone; made where it is missing */
    bool        copies;           /* the table has no key */
    size_t      memory_bytes_max; /* 0: 64 MiB */
} key_index_settings;

/* FIRN_NOT_FOUND (INDEX_MISSING): there is none; FIRN_CORRUPT (INDEX_DAMAGED): it must be built anew. */
FIRN_MUST_USE firn_status key_index_open(const key_index_settings *settings, key_index **ret_index, firn_error *err);
/* What was applied stays; nothing else to do. */
void                      key_index_free(key_index *index);
FIRN_DEFINE_FREEP(key_index, key_index_free)

const index_state   *key_index_state(const key_index *index);
const key_seed      *key_index_seed(const key_index *index);
const file_registry *key_index_files(const key_index *index);
/* Of the files on disk. */
uint64_t             key_index_size_bytes(const key_index *index);
/* Keys in base and delta, those without a row included: never too few. */
uint64_t             key_index_count_max(const key_index *index);

/* ---- looking up ---- */

/* ret_places[i]: where the row of keys[i] lies, or KEY_PLACE_NONE (also where its file is gone). Any order, and several
 * of a key. Not for copies. */
void   key_index_find(const key_index *index, const key_hash keys[], size_t count, uint64_t ret_places[]);
/* Up to `wanted` rows that are equal, the last of them first; returns how many there are. */
size_t key_index_find_copies(const key_index *index, key_hash key, size_t wanted, uint64_t ret_places[]);

/* ---- changing ---- */

typedef struct key_index_window {
    const index_state *state; /* what the index stands for afterwards */
    /* New data files get the numbers file_registry_next(key_index_files) and up, in this order. */
    const char *const *added_files;
    unsigned           added_file_count;
    /* Numbers of files that are in the table no more: keys that point there are keys without a row. With copies only
     * all files together (truncate): else the copies would have gaps, and the index must be built anew. */
    const uint32_t    *removed_files;
    unsigned           removed_file_count;
    /* Of several changes of a key the last one counts. With copies: a place adds a row, KEY_PLACE_NONE takes away the
     * one that key_index_find_copies gives first; of equal rows, what goes stands before what comes. */
    const key_change *changes;
    size_t            change_count;
} key_index_window;

/* After the catalog has accepted. After a failure the index on disk is as before or as after the window (opened again, its
 * state says which), and this object is only good for free. */
FIRN_MUST_USE firn_status key_index_apply(key_index *index, const key_index_window *window, firn_error *err);

/* ---- building ---- */

typedef struct key_index_builder key_index_builder;

FIRN_MUST_USE firn_status key_index_builder_new(const key_index_settings *settings, key_index_builder **ret_builder,
                                                firn_error *err);
void                      key_index_builder_free(key_index_builder *b);
FIRN_DEFINE_FREEP(key_index_builder, key_index_builder_free)
const key_seed           *key_index_builder_seed(const key_index_builder *b);
FIRN_MUST_USE firn_status key_index_builder_add_file(key_index_builder *b, const char *path, uint32_t *ret_number,
                                                     firn_error *err);
/* Of several changes of a key (not copies) the last one counts. */
FIRN_MUST_USE firn_status key_index_builder_add(key_index_builder *b, const key_change changes[], size_t count,
                                                firn_error *err);
/* Takes the place of the index that was in the folder, if any (which must not be open). */
FIRN_MUST_USE firn_status key_index_builder_finish(key_index_builder *b, const index_state *state,
                                                   key_index **ret_index, firn_error *err);

#endif
