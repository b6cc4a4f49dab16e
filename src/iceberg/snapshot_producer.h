/*
 * A change on a base → manifests, a manifest list and the text of the next metadata file.
 *
 * The catalog publishes that text; until then nothing that was written is visible, and if it never is, the
 * manifests are orphans for `maintain`. Each call writes manifests of its own; data files are only referred to.
 */
#ifndef FIRN_ICEBERG_SNAPSHOT_PRODUCER_H
#define FIRN_ICEBERG_SNAPSHOT_PRODUCER_H

#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"

struct storage;

/* `base` NULL: a new table at `location` (ignored with a base). Appends to `out`.
 * FIRN_CONFLICT: a file that the change removes is not in the base. FIRN_USAGE: settings that don't fit the schema. */
FIRN_MUST_USE firn_status snapshot_produce(const table_change *change, const table_metadata *base, const char *location,
                                           struct storage *files, firn_buffer *out, firn_error *err);

#endif
