/*
 * Interface: where the pointer to a table's current metadata lives. Hadoop (a directory) now, REST later.
 * Thread-safe.
 */
#ifndef FIRN_CATALOG_CATALOG_H
#define FIRN_CATALOG_CATALOG_H

#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"
#include "storage/storage.h"

typedef struct table_ident {
    const char *const *namespace_levels; /* "bronze", "siebel" */
    unsigned           level_count;
    const char        *name; /* as the source's dictionary gives it */
} table_ident;

typedef struct catalog catalog;

typedef firn_status (*catalog_visit)(void *state, const char *table_name, firn_error *err);

typedef struct catalog_ops {
    const char *kind; /* "hadoop", "rest" */
    /* Where a new table of this name will lie; text in the arena. */
    firn_status (*location)(catalog *c, const table_ident *ident, firn_arena *arena, const char **ret_location, firn_error *err);
    /* FIRN_NOT_FOUND where it does not exist. */
    firn_status (*load)(catalog *c, const table_ident *ident, table_metadata **ret_metadata, firn_error *err);
    /* One atomic commit of `change` on `base` (NULL: creates the table, with all that the change holds, also
     * its first snapshot). On success *ret_metadata is the table as it is now. FIRN_CONFLICT: someone
     * else's version is there (proven); FIRN_UNKNOWN: read the table. Never deletes a file. */
    firn_status (*commit)(catalog *c, const table_ident *ident, const table_metadata *base, const table_change *change,
                          table_metadata **ret_metadata, firn_error *err);
    /* The table and all its files. */
    firn_status (*drop)(catalog *c, const table_ident *ident, firn_error *err);
    firn_status (*list)(catalog *c, const table_ident *namespace_only, catalog_visit visit, void *state, firn_error *err);
    void (*free)(catalog *c);
} catalog_ops;

struct catalog {
    const catalog_ops *ops;
    storage           *files; /* borrowed: where data and metadata of its tables are written */
};

/* Loads, asks `decide` for a change on what is there, commits; on a conflict again, with backoff, at most
 * commit.retry.num-retries times; on FIRN_UNKNOWN reads the table until it answers and looks for the
 * commit id (RELIABILITY B.2). See catalog/commit.h. */

static inline void
catalog_free(catalog *c)
{
    if (c) c->ops->free(c);
}
FIRN_DEFINE_FREEP(catalog, catalog_free)

#endif
