/*
 * Keys and places in one immutable file, sorted by hash, with a directory of buckets: the bulk of a key index.
 *
 * File:    header page | entries of 20 bytes (high, low, place), ascending | directory: bucket → its first entry, 32 bits
 *          each, one more at the end | what the owner keeps with it (index_state, file_registry)
 *          Little-endian. 21 bytes a key.
 * Damage:  the header and everything behind it have checksums, verified when the file is opened (with the page cache
 *          warm, a second for 50 million keys): a file that a power cut or a disk has spoilt is not taken, without any fsync
 * Memory:  mapped for reading: who walks through a large one lets go of what lies behind (key_base_release); the
 *          directory of the writer: a quarter of a byte a key
 * Threads: readers share it
 */
#ifndef FIRN_INDEX_KEY_BASE_H
#define FIRN_INDEX_KEY_BASE_H

#include "base/buffer.h"
#include "index/key_hash.h"

#define KEY_BASE_COUNT_MAX UINT32_MAX
#define KEY_BASE_EXTRA_MAX ((size_t) 512 << 20)
/* Of a mapped base, this much at most is to be resident. */
#define KEY_BASE_RESIDENT_MAX ((size_t) 32 << 20)

typedef struct key_base {
    const uint8_t *bytes; /* mapped */
    size_t         size_bytes;
    uint64_t       count;
    const uint8_t *entries, *directory;
    unsigned       bucket_bits;
    firn_slice     extra;
    key_seed       seed;
    uint64_t       id; /* random, of this file only */
    bool           copies, mapped;
} key_base;

/* FIRN_NOT_FOUND where it is missing; FIRN_CORRUPT (INDEX_DAMAGED) where it is not a whole base file. `ours`: this process
 * has just written it, so that the checksum of all of it is passed over. */
FIRN_MUST_USE firn_status key_base_open(const char *path, bool ours, key_base *ret_base, firn_error *err);
void                      key_base_close(key_base *base);
/* Its pages do not count as this process's memory any more, until they are read again (from the page cache). */
void                      key_base_release(const key_base *base);
/* The same as open on bytes that lie in memory, which are borrowed. */
FIRN_MUST_USE bool        key_base_parse(firn_slice bytes, bool ours, key_base *ret_base);

static inline key_hash
key_base_key(const key_base *base, uint64_t index)
{
    return key_entry_key(base->entries + index * KEY_ENTRY_BYTES);
}

static inline uint64_t
key_base_place(const key_base *base, uint64_t index)
{
    return key_entry_place(base->entries + index * KEY_ENTRY_BYTES);
}

/* Where the key's directory entry lies, for prefetching. */
const void *key_base_directory_at(const key_base *base, key_hash key);
/* Where its entry will be looked for first, for prefetching; reads the directory. */
const void *key_base_guess_at(const key_base *base, key_hash key);
/* KEY_PLACE_NONE: not there. */
uint64_t    key_base_find(const key_base *base, key_hash key);

/* ---- writing ---- */

typedef struct key_base_writer key_base_writer;

/* `count_max`: at most so many entries will come. The file gets `path` when it is closed. */
FIRN_MUST_USE firn_status key_base_writer_open(const char *path, uint64_t count_max, const key_seed *seed, bool copies,
                                               key_base_writer **ret_writer, firn_error *err);
/* `count` entries of KEY_ENTRY_BYTES: ascending, each key once (asserted). */
FIRN_MUST_USE firn_status key_base_writer_add(key_base_writer *w, const uint8_t *entries, size_t count, firn_error *err);
FIRN_MUST_USE firn_status key_base_writer_close(key_base_writer *w, firn_slice extra, firn_error *err);
/* Without close: nothing is left behind. */
void                      key_base_writer_free(key_base_writer *w);
FIRN_DEFINE_FREEP(key_base_writer, key_base_writer_free)

#endif
