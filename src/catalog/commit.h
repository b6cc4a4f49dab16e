/*
 * A commit to the end: rebases on conflicts, and finds out what became of a commit whose outcome is unknown.
 *
 * Conflict: the table is loaded again and the change is put on the new base, with backoff, at most
 *           commit.retry.num-retries times (table property; 10 where it is not set). Appends rebase freely;
 *           files that shall go are looked for again; a creation that lost the race is CATALOG_EXISTS.
 * Unknown:  the table is read until it answers. Our commit id in its properties or in a snapshot's summary:
 *           applied. Otherwise the same files are offered again under the same id. Nothing is ever deleted.
 */
#ifndef FIRN_CATALOG_COMMIT_H
#define FIRN_CATALOG_COMMIT_H

#include "catalog/catalog.h"
#include "task/task.h"

/* Whether the table has the commit of this id (as text): as its last one, or in a snapshot that it still knows. */
bool catalog_has_commit(const table_metadata *m, const char *commit_id);

/* `base` NULL: creates the table. `cancel` may be NULL. On success *ret_metadata is the table as it is now; may be
 * NULL. */
FIRN_MUST_USE firn_status catalog_commit_change(catalog *c, const table_ident *ident, const table_metadata *base,
                                                const table_change *change, task_cancel *cancel,
                                                table_metadata **ret_metadata, firn_error *err);

/* Asked for the change on what is there (NULL: no table yet, so the change creates it). Asked again on each
 * new base; what *ret_change points to must live until the next call or the end. An all-zero commit_id is
 * filled in, the same for all attempts. */
typedef firn_status (*commit_decide)(void *state, const table_metadata *base, table_change *ret_change,
                                     firn_error *err);

/* Read, decide, commit. */
FIRN_MUST_USE firn_status catalog_commit_decided(catalog *c, const table_ident *ident, commit_decide decide,
                                                 void *state, task_cancel *cancel, table_metadata **ret_metadata,
                                                 firn_error *err);

#endif
