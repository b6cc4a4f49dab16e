/*
 * One table of a load: describe, plan, rows to files, one commit.
 */
#ifndef FIRN_LOAD_LOAD_TABLE_H
#define FIRN_LOAD_LOAD_TABLE_H

#include "load/load_crew.h"
#include "load/load_job.h"
#include "state/table_properties.h"
#include "write/pending_files.h"

#define LOAD_BATCH_BYTES ((size_t) 1 << 20)
#define LOAD_FILE_SIZE_DEFAULT ((uint64_t) 512 << 20)

/* What all tables of a job share; borrowed, read-only. */
typedef struct load_context {
    const load_settings *settings;
    source              *src;
    catalog             *lake;
    const load_events   *events; /* or NULL */
    task_cancel         *cancel;
    source_point         point;
    pending_files       *pending;            /* or NULL */
    struct load_checkpoint *checkpoint;      /* or NULL */
    load_crew           *crew;               /* or NULL */
    unsigned             table_count;        /* of the run */
    unsigned             table_worker_count; /* that run at the same time: they share the memory */
} load_context;

/* The configuration of a table: its own, or the source's defaults. */
const load_table_config *load_config_of(const load_settings *settings, const char *table_name);

/* Which split count to ask of the source. */
unsigned load_split_count_max(const load_settings *settings, const source_table *table, bool sorted);

/* Whether a table of the lake was made by firn from this source and schema; else FIRN_USAGE (CATALOG_FOREIGN_TABLE). */
FIRN_MUST_USE firn_status load_check_owner(const load_context *ctx, const char *table_name,
                                           const table_metadata *metadata, firn_error *err);


/* How large a row group of one of the table's lanes may get. */
size_t load_row_group_bytes(const load_context *ctx, unsigned reader_count, unsigned lane_count);
/* Tells that the table has no key, or not one that is declared as such. */
void load_warn_about_key(const load_context *ctx, const source_description *description);

/* On success result->state is completed or skipped. On failure the lake has the table as it was. What is only full or
 * away is tried again. */
FIRN_MUST_USE firn_status load_table(const load_context *ctx, const source_table *table,
                                     load_table_progress *progress, load_table_result *result, firn_error *err);

void load_tell(const load_context *ctx, load_event_kind kind, const char *table, const char *message,
               const firn_error *cause);

#endif
