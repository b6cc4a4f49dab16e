/*
 * Files that nothing needs any more, and their removal: the only place of firn that removes what a catalog has known.
 * Only below the table's folder; what lies elsewhere is counted.
 */
#ifndef FIRN_MAINTAIN_REMOVAL_LIST_H
#define FIRN_MAINTAIN_REMOVAL_LIST_H

#include "base/map.h"
#include "maintain/maintain_task.h"

typedef struct removal_item {
    const char *location;
    int64_t     size_bytes; /* -1: not known */
} removal_item;

typedef struct removal_list {
    const char   *table_location;
    firn_arena    arena;
    firn_map     *seen;
    removal_item *items;
    size_t        count, capacity;
    int64_t       foreign_count;
} removal_list;

FIRN_MUST_USE firn_status removal_list_init(removal_list *list, const char *table_location, firn_error *err);
void                      removal_list_done(removal_list *list);
/* Once, however often it is said. */
FIRN_MUST_USE firn_status removal_list_add(removal_list *list, const char *location, int64_t size_bytes, firn_error *err);
/* Removes them, or in a dry run only counts them, into result->removed_*. */
FIRN_MUST_USE firn_status removal_list_apply(const removal_list *list, maintain_task *t, firn_error *err);

#endif
