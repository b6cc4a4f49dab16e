/*
 * The delete files of a snapshot: which of them apply to a data file, and what they delete. Files that several data
 * files share are read once.
 *
 * Spec:    "Scan Planning"
 * Limits:  memory_bytes_max for what is kept: equality keys past it are FIRN_UNSUPPORTED (SCAN_LIMIT); position delete
 *          files past it are read again for each data file
 * Threads: add from one thread; afterwards any thread
 */
#ifndef FIRN_SCAN_SCAN_DELETES_H
#define FIRN_SCAN_SCAN_DELETES_H

#include "iceberg/roaring64.h"
#include "scan/equality_set.h"
#include "scan/scan_task.h"

typedef struct scan_deletes scan_deletes;

/* Borrows storage and table. */
FIRN_MUST_USE firn_status scan_deletes_new(storage *files, const table_metadata *table, size_t memory_bytes_max,
                                           scan_deletes **ret_deletes, firn_error *err);
void                      scan_deletes_free(scan_deletes *deletes);
FIRN_DEFINE_FREEP(scan_deletes, scan_deletes_free)

/* Copies the entry. */
FIRN_MUST_USE firn_status scan_deletes_add(scan_deletes *deletes, const manifest_entry *entry, firn_error *err);
size_t                    scan_deletes_count(const scan_deletes *deletes);

/* Those that apply to the data file, in the arena. */
FIRN_MUST_USE firn_status scan_deletes_find(const scan_deletes *deletes, const manifest_entry *data, firn_arena *arena,
                                            scan_task *ret_task, firn_error *err);

/* The rows that deletion vector and position deletes of the task delete; NULL: none. The caller frees it. */
FIRN_MUST_USE firn_status scan_deletes_positions(scan_deletes *deletes, const scan_task *task, roaring64 **ret_deleted,
                                                 firn_error *err);

/* The sets whose keys delete rows of the task (by sequence number, equality_set_apply), in the arena; they live as
 * long as `deletes`. Reads the delete files where nobody has yet. */
FIRN_MUST_USE firn_status scan_deletes_equality(scan_deletes *deletes, const scan_task *task, firn_arena *arena,
                                                const equality_set *const **ret_sets, unsigned *ret_count,
                                                firn_error *err);

#endif
