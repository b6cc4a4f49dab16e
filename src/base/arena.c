#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { BLOCK_SIZE_FIRST = 4096, BLOCK_SIZE_MAX = 1 << 20, ALIGNMENT = 16 };

typedef struct firn_arena_block {
    struct firn_arena_block *previous;
    size_t                   size, used; /* of bytes[] */
    _Alignas(ALIGNMENT) uint8_t bytes[];
} firn_arena_block;

static void
free_blocks(firn_arena_block *block)
{
    while (block) {
        firn_arena_block *previous = block->previous;
        firn_free(block);
        block = previous;
    }
}

void
firn_arena_init(firn_arena *arena, size_t size_bytes_max)
{
    *arena = (firn_arena){.size_bytes_max = size_bytes_max};
}

void
firn_arena_done(firn_arena *arena)
{
    free_blocks(arena->block);
    arena->block = NULL;
    arena->used_bytes = 0;
}

void
firn_arena_reset(firn_arena *arena)
{
    if (!arena->block) return;
    /* The newest block is the largest but for a single huge request; that is worth keeping. */
    free_blocks(arena->block->previous);
    arena->block->previous = NULL;
    arena->block->used = 0;
    arena->used_bytes = 0;
}

static firn_arena_block *
add_block(firn_arena *arena, size_t size)
{
    size_t            wanted = arena->block ? arena->block->size : BLOCK_SIZE_FIRST / 2;
    size_t            total;
    firn_arena_block *block;

    wanted = wanted < BLOCK_SIZE_MAX / 2 ? wanted * 2 : BLOCK_SIZE_MAX;
    if (wanted < size) {
        wanted = size;
    }
    if (!firn_add_size(wanted, sizeof *block, &total)) return NULL;
    block = firn_alloc(total);
    if (!block) return NULL;
    block->previous = arena->block;
    block->size = wanted;
    block->used = 0;
    arena->block = block;
    return block;
}

void *
firn_arena_alloc(firn_arena *arena, size_t size)
{
    size_t limit = arena->size_bytes_max ? arena->size_bytes_max : FIRN_ARENA_SIZE_MAX_DEFAULT;
    size_t padded;
    void  *memory;

    if (!firn_add_size(size ? size : 1, ALIGNMENT - 1, &padded)) return NULL;
    padded -= padded % ALIGNMENT;
    if (padded > limit || arena->used_bytes > limit - padded) return NULL;
    if (!arena->block || arena->block->size - arena->block->used < padded) {
        if (!add_block(arena, padded)) return NULL;
    }
    memory = arena->block->bytes + arena->block->used;
    arena->block->used += padded;
    arena->used_bytes += padded;
    memset(memory, 0, padded);
    return memory;
}

void *
firn_arena_array(firn_arena *arena, size_t count, size_t size)
{
    size_t total;
    return firn_mul_size(count, size, &total) ? firn_arena_alloc(arena, total) : NULL;
}

char *
firn_arena_strdup(firn_arena *arena, const char *text)
{
    return firn_arena_text(arena, firn_slice_text(text));
}

char *
firn_arena_text(firn_arena *arena, firn_slice text)
{
    size_t size;
    char  *copy;

    if (!firn_add_size(text.size, 1, &size)) return NULL;
    copy = firn_arena_alloc(arena, size);
    if (copy && text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}

char *
firn_arena_printf(firn_arena *arena, const char *format, ...)
{
    va_list arguments;
    int     size;
    char   *text;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) return NULL;
    text = firn_arena_alloc(arena, (size_t) size + 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t) size + 1, format, arguments);
    va_end(arguments);
    return text;
}
