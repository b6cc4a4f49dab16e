/*
 * Snapshots and the refs that name them (spec, "Snapshots", "Snapshot References").
 */
#ifndef FIRN_ICEBERG_SNAPSHOT_H
#define FIRN_ICEBERG_SNAPSHOT_H

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "iceberg/table_property.h"

#include "base/arena.h"

typedef struct snapshot {
    int64_t               snapshot_id, parent_id; /* parent -1: none */
    int64_t               sequence_number, timestamp_ms;
    const char           *manifest_list;  /* NULL: v1's inline manifests */
    unsigned              manifest_count; /* v1 only */
    const char *const    *manifests;
    const char           *operation; /* NULL: not said (v1) */
    unsigned              summary_count; /* without "operation" */
    const table_property *summary;
    int32_t               schema_id;                /* -1: not said */
    int64_t               first_row_id, added_rows; /* v3; -1: none */
    const char           *raw; /* the JSON as another writer wrote it; NULL: made here */
} snapshot;

typedef struct snapshot_ref {
    const char *name;
    int64_t     snapshot_id;
    bool        is_branch;
    int64_t     min_snapshots_to_keep, max_snapshot_age_ms, max_ref_age_ms; /* -1: not said */
} snapshot_ref;

/* A summary entry, or NULL. */
const char *snapshot_summary(const snapshot *s, const char *key);

/* What a reader has to deal with, as the summary tells it ("total-…"). -1: it does not. */
typedef struct snapshot_totals {
    int64_t records, data_files, delete_files, deleted_rows; /* records: of data files, those deleted included */
    int64_t size_bytes;
} snapshot_totals;
/* No snapshot: an empty table. */
snapshot_totals snapshot_totals_of(const snapshot *s);

FIRN_MUST_USE firn_status snapshot_read(const jdoc *doc, const jvalue *value, int format_version, firn_arena *arena,
                                        snapshot *ret_snapshot, firn_error *err);
void snapshot_write(const snapshot *s, int format_version, jwriter *w);
FIRN_MUST_USE firn_status snapshot_ref_read(const jdoc *doc, const char *name, const jvalue *value,
                                            firn_arena *arena, snapshot_ref *ret_ref, firn_error *err);
void snapshot_ref_write(const snapshot_ref *ref, jwriter *w);

#endif
