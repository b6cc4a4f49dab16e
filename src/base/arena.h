/*
 * Bump memory with one lifetime: a job's descriptions, a message's decoded parts. Never columns.
 * Everything is freed at once by firn_arena_done. Not thread-safe. {0} is a valid empty arena with
 * the default limit.
 */
#ifndef FIRN_BASE_ARENA_H
#define FIRN_BASE_ARENA_H

#include <stddef.h>

#include "base/attrs.h"
#include "base/slice.h"

#define FIRN_ARENA_SIZE_MAX_DEFAULT ((size_t) 1 << 30)

typedef struct firn_arena {
    struct firn_arena_block *block;
    size_t                   used_bytes, size_bytes_max; /* 0: the default limit */
} firn_arena;

void firn_arena_init(firn_arena *arena, size_t size_bytes_max);
void firn_arena_done(firn_arena *arena);
void firn_arena_reset(firn_arena *arena);

/* Zeroed, 16-byte aligned; NULL when memory or the limit is exhausted. */
FIRN_MUST_USE void *firn_arena_alloc(firn_arena *arena, size_t size);
FIRN_MUST_USE void *firn_arena_array(firn_arena *arena, size_t count, size_t size);
FIRN_MUST_USE char *firn_arena_strdup(firn_arena *arena, const char *text);
FIRN_MUST_USE char *firn_arena_text(firn_arena *arena, firn_slice text); /* NUL-terminated copy */
FIRN_MUST_USE char *firn_arena_printf(firn_arena *arena, const char *format, ...) FIRN_PRINTF(2, 3);

#endif
