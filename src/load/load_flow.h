/*
 * One table's rows: splits → readers (a connection each) → lanes (an open data file each) → data files.
 *
 * Splits go to lanes in groups, and a lane begins a new file with each group: a finished group is its files and
 * its files are that group, nothing more. So what is done can be kept when something else fails. Readers work
 * on whichever lane has splits left; there are fewer lanes than readers, so that files are few and full.
 *
 * Where there is a crew, its idle members read splits too, each with a connection of its own.
 *
 * A reader that loses its connection opens its split again under the same snapshot and passes over the
 * rows that its lane has got already; the order of a split's rows is the same each time. A table that
 * is small enough is read and written in the caller's thread, without any queue.
 */
#ifndef FIRN_LOAD_LOAD_FLOW_H
#define FIRN_LOAD_LOAD_FLOW_H

#include "batch/row_checksum.h"
#include "load/load_crew.h"
#include "load/load_events.h"
#include "source/source.h"
#include "task/task.h"
#include "write/roll_writer.h"

/* A single split below this is read and written in the caller's thread. */
#define LOAD_FLOW_INLINE_BYTES_MAX ((uint64_t) 8 << 20)

/* A group that is done: all rows of these splits are in these files, and no others; the files are closed. */
typedef struct load_group {
    unsigned               split_count;
    const source_split    *splits;
    split_outcome          outcome;
    row_checksum           checksum;
    unsigned               file_count;
    const data_file       *files;
} load_group;

typedef struct load_flow_settings {
    source              *src;
    const source_split  *splits;
    unsigned             split_count;
    unsigned             reader_count, lane_count; /* both at least 1 */
    unsigned             group_split_count;        /* splits in a group; sorted tables: 1, a file is one sorted run */
    size_t               batch_rows, batch_bytes;
    roll_writer_settings writer; /* of each lane; `lane` is set here */
    unsigned             retry_max;
    uint64_t             retry_backoff_ms;
    task_cancel         *cancel;
    const char          *table;
    load_table_progress *progress;
    const load_events   *events; /* or NULL */
    /* Told of each group when it is done, by whichever thread ended it; NULL: nobody wants to know. */
    void (*group_done)(void *state, const load_group *group);
    void      *group_state;
    load_crew *crew; /* who else may read splits; NULL: nobody */
} load_flow_settings;

/* All rows of all splits as data files that no catalog knows yet. On failure nothing is left behind. */
FIRN_MUST_USE firn_status load_flow_run(const load_flow_settings *settings, data_file_list *ret_files,
                                        split_outcome *ret_total, row_checksum *ret_checksum, firn_error *err);

#endif
