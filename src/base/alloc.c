#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define HUGE_PAGE ((size_t) 2 << 20)
#define TABLE_SIZE_LARGE (2 * HUGE_PAGE)

static atomic_uint_fast64_t alloc_count;
static atomic_uint_fast64_t fail_at; /* 0: never; else the alloc_count that fails */
static atomic_int           fail_for_ever;

static bool
may_allocate(size_t size)
{
    uint64_t count = atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed) + 1;
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);

    if (FIRN_UNLIKELY(at != 0) && (count == at || (count > at && atomic_load(&fail_for_ever)))) {
        return false;
    }
    return size <= PTRDIFF_MAX;
}

void *
firn_alloc(size_t size)
{
    return may_allocate(size) ? malloc(size ? size : 1) : NULL;
}

void *
firn_calloc(size_t count, size_t size)
{
    size_t total;

    if (!firn_mul_size(count, size, &total) || !may_allocate(total)) return NULL;
    return calloc(1, total ? total : 1);
}

static bool
is_large(size_t size)
{
    return size >= TABLE_SIZE_LARGE && size <= PTRDIFF_MAX - HUGE_PAGE;
}

static void *
alloc_large(size_t size)
{
    size += HUGE_PAGE - 1;
    size -= size % HUGE_PAGE;
    void *table = may_allocate(size) ? aligned_alloc(HUGE_PAGE, size) : NULL;
    if (table) (void) madvise(table, size, MADV_HUGEPAGE); /* a wish */
    return table;
}

void *
firn_alloc_table(size_t count, size_t size)
{
    size_t total;

    if (!firn_mul_size(count, size, &total)) return NULL;
    return is_large(total) ? alloc_large(total) : firn_alloc(total);
}

void *
firn_calloc_table(size_t count, size_t size)
{
    size_t total;

    if (!firn_mul_size(count, size, &total) || !is_large(total)) return firn_calloc(count, size);
    void *table = alloc_large(total);
    return table ? memset(table, 0, total) : NULL;
}

void *
firn_realloc(void *memory, size_t size)
{
    return may_allocate(size) ? realloc(memory, size ? size : 1) : NULL;
}

void *
firn_alloc_aligned(size_t size)
{
    size_t padded;

    if (!firn_add_size(size ? size : 1, FIRN_CACHE_LINE - 1, &padded)) return NULL;
    padded -= padded % FIRN_CACHE_LINE;
    return may_allocate(padded) ? aligned_alloc(FIRN_CACHE_LINE, padded) : NULL;
}

void
firn_free(void *memory)
{
    free(memory);
}

char *
firn_strdup(const char *text)
{
    return firn_strndup(text, strlen(text));
}

char *
firn_strndup(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    char  *copy = firn_alloc(length + 1);

    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void
firn_alloc_fail_at(uint64_t nth, int for_ever)
{
    atomic_store(&fail_for_ever, for_ever);
    atomic_store(&fail_at, nth ? atomic_load(&alloc_count) + nth : 0);
}

uint64_t
firn_alloc_count(void)
{
    return atomic_load(&alloc_count);
}
