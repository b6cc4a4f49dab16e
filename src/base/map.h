/*
 * Open-addressing map from bytes to a pointer; keys are copied. For names and small tables, not
 * for columns. Not thread-safe. Iteration is in insertion order.
 */
#ifndef FIRN_BASE_MAP_H
#define FIRN_BASE_MAP_H

#include "base/error.h"
#include "base/slice.h"

typedef struct firn_map firn_map;

FIRN_MUST_USE firn_map *firn_map_new(void); /* NULL: no memory */
void                    firn_map_free(firn_map *map);
/* Replaces an earlier value. */
FIRN_MUST_USE firn_status firn_map_put(firn_map *map, firn_slice key, void *value, firn_error *err);
void                     *firn_map_get(const firn_map *map, firn_slice key); /* NULL: not there */
size_t                    firn_map_count(const firn_map *map);
/* The index-th pair in insertion order. */
firn_slice firn_map_key(const firn_map *map, size_t index);
void      *firn_map_value(const firn_map *map, size_t index);
FIRN_DEFINE_FREEP(firn_map, firn_map_free)

#endif
