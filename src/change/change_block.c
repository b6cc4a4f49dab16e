#include "change/change_block.h"

#include "base/alloc.h"
#include "base/checked.h"

change_block *
change_block_new(size_t capacity)
{
    size_t size;
    if (!firn_add_size(sizeof(change_block), capacity, &size)) return NULL;
    change_block *block = firn_alloc(size);
    if (!block) return NULL;
    block->ref_count = 1;
    block->capacity = capacity;
    block->size = 0;
    return block;
}

change_block *
change_block_ref(change_block *block)
{
    __atomic_add_fetch(&block->ref_count, 1, __ATOMIC_RELAXED);
    return block;
}

void
change_block_unref(change_block *block)
{
    if (!block || __atomic_sub_fetch(&block->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    firn_free(block);
}
