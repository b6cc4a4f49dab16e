/*
 * The position of a followed table, set by hand: what `firn state set` does.
 */
#ifndef FIRN_FOLLOW_FOLLOW_STATE_H
#define FIRN_FOLLOW_FOLLOW_STATE_H

#include "catalog/catalog.h"

typedef struct follow_state_change {
    const char *const *namespace_levels;
    unsigned           namespace_level_count;
    const char        *table;
    uint64_t           position;
} follow_state_change;

/* Sets firn.position. What other tables say of all of them (firn.consistent-position) is lowered to it first, where it is
 * higher. FIRN_NOT_FOUND (FOLLOW_NOT_LOADED) for a table that is not followed. */
FIRN_MUST_USE firn_status follow_state_set(catalog *lake, const follow_state_change *change, firn_error *err);

#endif
