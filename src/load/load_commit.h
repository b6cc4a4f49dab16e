/*
 * The one commit of a table's load: files that are written → a snapshot, with its position and checksum in the
 * table's properties and the snapshot's summary.
 */
#ifndef FIRN_LOAD_LOAD_COMMIT_H
#define FIRN_LOAD_LOAD_COMMIT_H

#include "load/load_layout.h"
#include "write/roll_writer.h"

#define SUMMARY_ROWS_CHECKSUM "firn.rows-checksum" /* of the snapshot that a load writes */

typedef struct load_commit {
    const load_context   *ctx;
    const load_layout    *layout;  /* base, schema, settings */
    const char           *comment; /* of the table in the source, or NULL */
    firn_uuid             commit_id;
    bool                  with_rows; /* false: the table alone */
    const data_file_list *files;
    split_outcome         total;
    row_checksum          checksum;
    bool                  offered; /* set before a catalog may have the files: from then on they stay */
} load_commit;

/* Commits, and tries again where the storage is full or away. Rows that the table has are replaced. On success the
 * result is filled and told. */
FIRN_MUST_USE firn_status load_commit_run(load_commit *commit, load_table_result *result, firn_error *err);

/* The result of a table that is in the lake already, as it is there. */
FIRN_MUST_USE firn_status load_commit_unchanged(const load_layout *layout, load_table_result *result, firn_error *err);
/* The key's names. */
FIRN_MUST_USE firn_status load_commit_keep_names(load_table_result *result, const table_schema *schema,
                                                 firn_error *err);

#endif
