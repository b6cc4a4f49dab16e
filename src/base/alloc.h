/*
 * Allocation in one place, so that tests can fail the n-th one (firn_alloc_fail_at).
 * All return NULL on failure or size overflow; the caller reports it with firn_fail_memory.
 */
#ifndef FIRN_BASE_ALLOC_H
#define FIRN_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

#define FIRN_CACHE_LINE 64

FIRN_MUST_USE void *firn_alloc(size_t size);
FIRN_MUST_USE void *firn_calloc(size_t count, size_t size);
/* As firn_alloc, in huge pages where it is large and the system has them: for tables that are met at random. */
FIRN_MUST_USE void *firn_alloc_table(size_t count, size_t size);
/* The same, zeroed. */
FIRN_MUST_USE void *firn_calloc_table(size_t count, size_t size);
FIRN_MUST_USE void *firn_realloc(void *memory, size_t size);
/* 64-byte aligned, for column buffers; released with firn_free. No realloc on it. */
FIRN_MUST_USE void *firn_alloc_aligned(size_t size);
void                firn_free(void *memory);
FIRN_MUST_USE char *firn_strdup(const char *text);
FIRN_MUST_USE char *firn_strndup(const char *text, size_t size);

/* Tests: the n-th allocation from now fails (1 = the next), once or for ever; 0 = never. */
void     firn_alloc_fail_at(uint64_t nth, int for_ever);
uint64_t firn_alloc_count(void);

static inline void
firn_freep(void *slot)
{
    void **typed = (void **) slot;
    firn_free(*typed);
    *typed = (void *) 0;
}

#endif
