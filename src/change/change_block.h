/*
 * Memory that received messages lie in: filled once, then read by any thread, freed with its last reference.
 */
#ifndef FIRN_CHANGE_CHANGE_BLOCK_H
#define FIRN_CHANGE_CHANGE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

typedef struct change_block {
    uint32_t ref_count; /* atomic */
    size_t   capacity, size;
    uint8_t  data[];
} change_block;

/* Empty, with one reference. NULL: no memory. */
FIRN_MUST_USE change_block *change_block_new(size_t capacity);
change_block               *change_block_ref(change_block *block);
void                        change_block_unref(change_block *block); /* NULL is fine */

static inline void
change_block_unrefp(change_block **slot)
{
    change_block_unref(*slot);
    *slot = NULL;
}

#endif
