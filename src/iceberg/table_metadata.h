/*
 * A table as one metadata file describes it (spec, "Table Metadata"): immutable and referenced, all parts
 * in its own arena. A new version is made by snapshot_producer.h, never by changing one.
 *
 * What other writers wrote and firn does not use (statistics, encryption keys, members that are not known)
 * is kept as text and written again as it was.
 */
#ifndef FIRN_ICEBERG_TABLE_METADATA_H
#define FIRN_ICEBERG_TABLE_METADATA_H

#include "iceberg/partition.h"
#include "iceberg/snapshot.h"
#include "iceberg/sort_order.h"
#include "iceberg/table_property.h"

#define TABLE_METADATA_SIZE_MAX ((size_t) 256 << 20)

typedef struct metadata_schema {
    int32_t       schema_id;
    table_schema *schema; /* referenced; NULL: has types that firn does not know (never the current one) */
    const char   *raw;
} metadata_schema;

typedef struct snapshot_log_entry {
    int64_t timestamp_ms, snapshot_id;
} snapshot_log_entry;

typedef struct metadata_log_entry {
    int64_t     timestamp_ms;
    const char *metadata_file;
} metadata_log_entry;

/* A member that is carried through: its JSON text. */
typedef struct metadata_member {
    const char *key, *raw;
} metadata_member;

typedef struct table_metadata {
    int         format_version; /* 1, 2, 3 */
    const char *uuid;           /* NULL: an old v1 table without */
    const char *location;
    int64_t     last_sequence_number, last_updated_ms;
    int32_t     last_column_id, last_partition_id;

    unsigned               schema_count;
    const metadata_schema *schemas;
    table_schema          *schema; /* the current one; referenced by `schemas` */

    unsigned              spec_count;
    const partition_spec *specs;
    const partition_spec *default_spec;

    unsigned          sort_order_count;
    const sort_order *sort_orders;
    const sort_order *default_sort_order;

    unsigned              property_count;
    const table_property *properties;

    unsigned        snapshot_count;
    const snapshot *snapshots;
    const snapshot *current_snapshot; /* NULL: none yet */

    unsigned                  snapshot_log_count;
    const snapshot_log_entry *snapshot_log;
    unsigned                  metadata_log_count;
    const metadata_log_entry *metadata_log;
    unsigned                  ref_count;
    const snapshot_ref       *refs;
    int64_t                   next_row_id; /* v3; else 0 */

    unsigned               member_count;
    const metadata_member *members;

    const char *metadata_location; /* the file it was read from or written to; NULL: only in memory */
    int64_t     version;           /* Hadoop catalog: the N of vN.metadata.json; else 0 */

    struct table_metadata *viewed; /* a view (table_metadata_at_branch): whose parts these are; else NULL */

    uint32_t   reference_count; /* atomic */
    firn_arena arena;
} table_metadata;

table_metadata *table_metadata_ref(table_metadata *m);
void            table_metadata_unref(table_metadata *m);
static inline void
table_metadata_unrefp(table_metadata **slot)
{
    table_metadata_unref(*slot);
    *slot = (table_metadata *) 0;
}

/* All answers are borrowed from `m`. */
int                   table_metadata_format_version(const table_metadata *m);
const char           *table_metadata_uuid(const table_metadata *m); /* NULL: an old v1 table */
const char           *table_metadata_location(const table_metadata *m);
table_schema         *table_metadata_schema(const table_metadata *m); /* schema_ref it to keep it */
table_schema         *table_metadata_schema_by_id(const table_metadata *m, int32_t schema_id); /* NULL */
const partition_spec *table_metadata_default_spec(const table_metadata *m);
const partition_spec *table_metadata_spec_by_id(const table_metadata *m, int32_t spec_id); /* NULL: not there */
const sort_order     *table_metadata_default_sort_order(const table_metadata *m);
const char           *table_metadata_property(const table_metadata *m, const char *key); /* NULL: not set */
/* A whole number from the properties, or `otherwise` where it is missing or is none. */
int64_t         table_metadata_property_i64(const table_metadata *m, const char *key, int64_t otherwise);
const snapshot *table_metadata_current_snapshot(const table_metadata *m); /* NULL: none */
const snapshot *table_metadata_snapshot_by_id(const table_metadata *m, int64_t snapshot_id); /* NULL */
/* The snapshot that was current at this time, by the snapshot log; NULL: none. */
const snapshot *table_metadata_snapshot_as_of(const table_metadata *m, int64_t timestamp_ms);
/* The snapshot that a branch or tag names; NULL: no such ref. */
const snapshot *table_metadata_ref_snapshot(const table_metadata *m, const char *ref_name);
/* Whether `ancestor_id` is the snapshot or one that it descends from, as far as the metadata still says. */
bool table_metadata_descends_from(const table_metadata *m, const snapshot *s, int64_t ancestor_id);
/* The same table with the branch's head as its current snapshot; `m` itself where there is no such branch. For reading
 * and planning: a commit on it is one on `m`. Out of memory: NULL. */
table_metadata *table_metadata_at_branch(table_metadata *m, const char *branch);
/* "total-records" of the current snapshot; 0 without one, -1 where it is not said. */
int64_t table_metadata_record_count(const table_metadata *m);

#endif
