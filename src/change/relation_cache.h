/*
 * The relations of a stream by id: their newest shape, and which shape the reader of the stream was told last.
 * Limits: RELATION_CACHE_COUNT_MAX relations
 */
#ifndef FIRN_CHANGE_RELATION_CACHE_H
#define FIRN_CHANGE_RELATION_CACHE_H

#include "change/pgoutput.h"

#define RELATION_CACHE_COUNT_MAX (1u << 20)

typedef struct relation_entry {
    change_relation *newest;  /* NULL: a free place */
    bool             is_told; /* the reader has seen a RELATION item with it */
} relation_entry;

typedef struct relation_cache {
    relation_entry *entries; /* open addressing by id */
    uint32_t        capacity, count;
    relation_entry *last; /* the one found last: rows come in runs */
} relation_cache;

/* {0} is empty. */
void relation_cache_done(relation_cache *cache);
/* A RELATION message: an equal shape keeps its object, whose repeat_count says so, and what was told. */
FIRN_MUST_USE firn_status relation_cache_put(relation_cache *cache, const pgoutput_relation *relation, firn_error *err);
/* NULL: never described. Valid until the next put. */
relation_entry *relation_cache_search(relation_cache *cache, uint32_t id);

static inline relation_entry *
relation_cache_find(relation_cache *cache, uint32_t id)
{
    if (FIRN_LIKELY(cache->last && cache->last->newest->id == id)) return cache->last;
    return relation_cache_search(cache, id);
}

#endif
