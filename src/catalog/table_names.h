/*
 * Names of tables as a catalog lists them, copied into an arena.
 */
#ifndef FIRN_CATALOG_TABLE_NAMES_H
#define FIRN_CATALOG_TABLE_NAMES_H

#include "catalog/catalog.h"

typedef struct table_names {
    firn_arena  *arena; /* borrowed */
    const char **names;
    unsigned     count, capacity;
} table_names;

/* `state`: table_names. A catalog_visit by itself, and what one that chooses ends with. */
FIRN_MUST_USE firn_status table_names_add(void *state, const char *table_name, firn_error *err);

#endif
