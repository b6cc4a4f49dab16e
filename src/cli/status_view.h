/*
 * What `firn status` and /api/status show of a source's tables: _cdc_status, the tables' own properties (which count), and how
 * far the source is ahead, where it is known. As a table for people and as JSON (docs/output.schema.json, status).
 */
#ifndef FIRN_CLI_STATUS_VIEW_H
#define FIRN_CLI_STATUS_VIEW_H

#include "base/arena.h"
#include "codec/json_writer.h"
#include "follow/follow_progress.h"
#include "state/status_table.h"

/* A row of _cdc_status and what is known besides. */
typedef struct status_entry {
    status_row  row;
    const char *follow_state;  /* "following", "stopped"; NULL: not followed yet */
    const char *rows_checksum; /* NULL: none */
    int64_t     lag_bytes;     /* -1: not known; so below */
    double      lag_seconds;
    double      changes_per_second;
    double      small_file_ratio; /* of data files; only a job that maintains them knows */
    snapshot_totals totals; /* of the table's current snapshot */
} status_entry;

typedef struct status_view {
    const char   *source, *namespace_name;
    slot_progress slot; /* name NULL: not known */
    unsigned      count;
    status_entry *entries;
    bool              has_lags; /* changes come from topics, and are being read */
    const change_lag *lags;
    unsigned          lag_count;
    uint64_t          reselected; /* rows that were read again from the source */
} status_view;

/* What the table's metadata says, over what the row says; lags are left as they are. Texts are copied to the arena. */
FIRN_MUST_USE firn_status status_entry_take_table(status_entry *entry, const table_metadata *table, int64_t now_us,
                                                  firn_arena *arena, firn_error *err);

FIRN_MUST_USE firn_status status_view_write_table(const status_view *view, firn_arena *arena, firn_buffer *out, firn_error *err);
/* One document and a line's end. */
FIRN_MUST_USE firn_status status_view_write_json(const status_view *view, firn_buffer *out, firn_error *err);

#endif
