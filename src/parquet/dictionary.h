/*
 * The distinct values of one leaf in a column chunk, numbered in order of appearance.
 *
 * Shape:   open addressing with linear probing, at most half full; one kind of loop per lane
 * Limits:  entry_count_max entries and size_bytes_max bytes of values: dictionary_add then stops early
 * Memory:  grows before a block of values, never within the loop over it
 * Errors:  FIRN_NO_MEMORY
 * Threads: no shared state
 */
#ifndef FIRN_PARQUET_DICTIONARY_H
#define FIRN_PARQUET_DICTIONARY_H

#include "parquet/parquet_schema.h"
#include "parquet/statistics.h"
#include "parquet/value_view.h"

typedef struct dictionary_slot32 dictionary_slot32;
typedef struct dictionary_text   dictionary_text;

typedef struct dictionary {
    const parquet_leaf *leaf;
    size_t              size_bytes_max, entry_count_max;
    uint32_t            entry_count, entry_capacity;
    unsigned            slot_bits; /* 0: no table yet */
    void               *slots;     /* LANE_32: dictionary_slot32, else uint32_t entry + 1; 0 = free */
    void       *entries; /* LANE_32: uint32_t, LANE_64: uint64_t, LANE_128: int128, LANE_BYTES: dictionary_text */
    firn_buffer bytes;   /* LANE_BYTES: the values end to end */
    uint32_t   *stamps;  /* LANE_BYTES: the last page that each entry was seen in */
    uint32_t    stamp;
} dictionary;

/* Not for LANE_BOOL. */
void dictionary_init(dictionary *d, const parquet_leaf *leaf, size_t size_bytes_max, size_t entry_count_max);
void dictionary_done(dictionary *d);
/* Empty, ready for the next chunk; big memory is given back. */
void dictionary_reset(dictionary *d);
/* Empty, all memory given back. */
void dictionary_release(dictionary *d);

/* Writes the number of each value; *ret_count of them were taken (fewer: the dictionary is full). */
FIRN_MUST_USE firn_status dictionary_add(dictionary *d, const value_view *values, uint32_t *ret_numbers,
                                         size_t *ret_count, firn_error *err);
/* All entries in PLAIN, for the dictionary page. */
FIRN_MUST_USE firn_status dictionary_encode(const dictionary *d, firn_buffer *out, firn_error *err);
/* The values behind numbers in PLAIN: for a page that gives the dictionary up. */
FIRN_MUST_USE firn_status dictionary_decode(const dictionary *d, const uint32_t numbers[], size_t count,
                                            firn_buffer *out, firn_error *err);
/* LANE_BYTES: bounds of the values behind a page's numbers, each entry looked at once. */
void                      dictionary_stats(dictionary *d, const uint32_t numbers[], size_t count, value_stats *stats);
/* Bytes of the PLAIN form, and of memory held. */
size_t                    dictionary_size_bytes(const dictionary *d);
size_t                    dictionary_memory_bytes(const dictionary *d);

#endif
