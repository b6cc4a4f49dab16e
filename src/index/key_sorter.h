/*
 * Changes of keys in any order and number → the same by key, the last one of each key. They are kept as runs that are
 * ordered by the highest bits alone; what all runs have of a few of these is sorted together, in the cache. Runs that
 * do not fit into memory go to a file. Hashes are even, so that no range of them has much more than another; where
 * equal keys make one too large, its part of each run is sorted and they are merged.
 *
 * Calls:   new, add*, finish, next*
 * Copies:  a sorter of a table without keys keeps all changes of a key (all of them places, no removals) and gives the
 *          i-th of a hash the key {high, low + i} (key_index.h, "Copies")
 * Memory:  memory_bytes_max, taken as it is needed
 * Threads: one thread
 */
#ifndef FIRN_INDEX_KEY_SORTER_H
#define FIRN_INDEX_KEY_SORTER_H

#include "base/error.h"
#include "index/key_hash.h"

typedef struct key_sorter key_sorter;

/* `spill_path`: made when memory does not do, gone with the sorter; copied. */
FIRN_MUST_USE firn_status key_sorter_new(const char *spill_path, size_t memory_bytes_max, bool copies,
                                         key_sorter **ret_sorter, firn_error *err);
void                      key_sorter_free(key_sorter *sorter);
FIRN_DEFINE_FREEP(key_sorter, key_sorter_free)

FIRN_MUST_USE firn_status key_sorter_add(key_sorter *sorter, const key_change changes[], size_t count,
                                         firn_error *err);
FIRN_MUST_USE firn_status key_sorter_finish(key_sorter *sorter, firn_error *err);
/* How many were added. */
uint64_t                  key_sorter_added(const key_sorter *sorter);
/* The next ones, ascending by key, as entries of KEY_ENTRY_BYTES that stay until the next call; none: there were none left. */
FIRN_MUST_USE firn_status key_sorter_next(key_sorter *sorter, const uint8_t **ret_entries, size_t *ret_count, firn_error *err);

#endif
