/*
 * <namespace>._cdc_status: an ordinary Iceberg table with a row per source table (DESIGN, "What lies in
 * the lake"). Rewritten as a whole at each update; its history is its snapshots.
 */
#ifndef FIRN_STATE_STATUS_TABLE_H
#define FIRN_STATE_STATUS_TABLE_H

#include "catalog/catalog.h"
#include "task/task.h"
#include "write/pending_files.h"

#define STATUS_TABLE_NAME "_cdc_status"

/* Texts may be NULL, times 0: null in the table. */
typedef struct status_row {
    const char        *table_name;
    const char        *load_status; /* pending | in_progress | completed | failed | skipped */
    int64_t            record_count;
    const char *const *primary_keys;
    unsigned           primary_key_count;
    int64_t            initial_load_start_us, initial_load_end_us;
    const char        *load_position, *cdc_position;
    int64_t            last_event_at_us, last_commit_at_us;
    int64_t            events_applied;
    const char        *error_message, *correlation_id;
    int64_t            updated_at_us;
} status_row;

typedef struct status_rows {
    unsigned    count;
    status_row *rows; /* by table_name */
} status_rows;

/* The rows as they are; FIRN_NOT_FOUND where the table does not exist. */
FIRN_MUST_USE firn_status status_table_read(catalog *lake, const char *const *levels, unsigned level_count,
                                            firn_arena *arena, status_rows *ret_rows, firn_error *err);

/* Inserts or replaces the rows given, by table_name, keeps the others; makes the table where it is missing.
 * `pending` and `cancel` may be NULL. */
FIRN_MUST_USE firn_status status_table_update(catalog *lake, const char *const *levels, unsigned level_count,
                                              const status_row rows[], unsigned count, pending_files *pending,
                                              task_cancel *cancel, firn_error *err);

/* The same of what following changes: cdc_position, last_…, events_applied, error_message, correlation_id, updated_at. Of
 * a row that is there, everything else stays, and last_… where 0 is given; the error of a failed load is kept. */
FIRN_MUST_USE firn_status status_table_follow(catalog *lake, const char *const *levels, unsigned level_count,
                                              const status_row rows[], unsigned count, pending_files *pending,
                                              firn_error *err);

#endif
