/*
 * <namespace>._schema_changes: an ordinary Iceberg table with a row for each change of a source table's shape, in the
 * order in which firn met them (DESIGN, "What lies in the lake"). Append-only.
 *
 * Once: a row is written once by table, position, column, kind and action, so that what is replayed after a crash adds
 *       nothing, and a change that stopped a table and was applied later has both rows.
 */
#ifndef FIRN_STATE_SCHEMA_CHANGES_TABLE_H
#define FIRN_STATE_SCHEMA_CHANGES_TABLE_H

#include "catalog/catalog.h"
#include "codec/json_writer.h"
#include "task/task.h"
#include "write/pending_files.h"

#define SCHEMA_CHANGES_TABLE_NAME "_schema_changes"

/* Texts may be NULL but for those noted, times and numbers 0: null in the table. */
typedef struct schema_change_row {
    int64_t     changed_at_us;  /* the source's commit time; 0: the time of recording */
    const char *table_name;     /* as in the lake; never NULL */
    const char *column_name;    /* the name now, of a dropped column the one it had; NULL: the table's key, or the table */
    int32_t     field_id;       /* of the lake's column */
    const char *kind;           /* add_column, drop_column, rename_column, change_type, …; never NULL */
    const char *before, *after; /* types, names, "null", "not null", comments */
    const char *action;         /* what was done: applied, kept, reload, stopped; never NULL */
    const char *note;           /* why it was not simply applied */
    const char *position;       /* in the source's log */
    const char *correlation_id;
    int64_t     recorded_at_us; /* filled in by append */
} schema_change_row;

typedef struct schema_change_rows {
    size_t                   count;
    const schema_change_row *rows; /* by changed_at, then as recorded */
} schema_change_rows;

/* FIRN_NOT_FOUND where the table does not exist: nothing was ever recorded. Texts live in the arena. */
FIRN_MUST_USE firn_status schema_changes_table_read(catalog *lake, const char *const *levels, unsigned level_count,
                                                    firn_arena *arena, schema_change_rows *ret_rows, firn_error *err);

/* Adds the rows that are not there yet in one commit; makes the table where it is missing; commits nothing where all are
 * there. `pending`, `cancel` and ret_added (how many were new) may be NULL. */
FIRN_MUST_USE firn_status schema_changes_table_append(catalog *lake, const char *const *levels, unsigned level_count,
                                                      const schema_change_row rows[], size_t count,
                                                      pending_files *pending, task_cancel *cancel, size_t *ret_added,
                                                      firn_error *err);

/* The members of a JSON object that say what changed: table_name, column_name, field_id, kind, before, after, action, note. */
void schema_change_write_members(const schema_change_row *row, jwriter *w);

#endif
