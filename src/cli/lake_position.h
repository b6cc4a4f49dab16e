/*
 * Up to where the lake has the changes of a source, as its tables say (docs/FOLLOW.md, "Where it stands").
 */
#ifndef FIRN_CLI_LAKE_POSITION_H
#define FIRN_CLI_LAKE_POSITION_H

#include "catalog/catalog.h"

typedef struct lake_position {
    unsigned table_count; /* loaded from the source's schema, and not stopped */
    bool     is_unclear;  /* a table's position is none of PostgreSQL's log: Kafka's offsets */
    uint64_t position;    /* every one of them has all changes up to here */
    char     table[256];  /* the one that is behind the others */
} lake_position;

/* A namespace that is not there has no tables. */
FIRN_MUST_USE firn_status lake_position_find(catalog *lake, const char *const namespace_levels[], unsigned level_count,
                                             const char *schema, lake_position *ret_position, firn_error *err);

#endif
