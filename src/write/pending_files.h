/*
 * The data files that a run has begun and that no catalog knows yet, so that after a crash the next run removes
 * exactly those, and nothing that anyone else may need.
 *
 * File:    <folder>/pending-<run id>.jsonl, append-only, a line before each step:
 *            {"table":…,"location":…,"commit":<uuid>,"file":<path>}  before a data file is begun
 *            {"commit":<uuid>,"offered":true}                        before a catalog is asked; on the disk by then
 *            {"commit":<uuid>,"done":true}                           applied, or cleaned up by the run itself
 *          A run that ends by itself, and all its commits with it, removes the file.
 * Reading: a last line without its end is one that was being written: what it announces was not begun. A bad line
 *          elsewhere means that the disk lost something: every commit of that list then counts as offered.
 * Removal: only files whose name begins with the commit's id, below the data location that the line names; whoever
 *          decides must check that this location is the table's.
 * Threads: all, but for open and close
 */
#ifndef FIRN_WRITE_PENDING_FILES_H
#define FIRN_WRITE_PENDING_FILES_H

#include "storage/storage.h"

typedef struct pending_files pending_files;

/* Begins the list of a run; the folder is made. The id names one run only: [A-Za-z0-9._-]. */
FIRN_MUST_USE firn_status pending_files_open(const char *folder, const char *run_id, pending_files **ret_pending,
                                             firn_error *err);
FIRN_MUST_USE firn_status pending_files_add(pending_files *p, const char *table, const char *data_location,
                                            const char *commit_id, const char *path, firn_error *err);
FIRN_MUST_USE firn_status pending_files_offer(pending_files *p, const char *commit_id, firn_error *err);
FIRN_MUST_USE firn_status pending_files_end(pending_files *p, const char *commit_id, firn_error *err);
/* The list goes, unless a commit in it has not ended: the next run then looks after that. */
FIRN_MUST_USE firn_status pending_files_close(pending_files *p, firn_error *err);
/* Without close: the list stays, as after a crash. */
void pending_files_free(pending_files *p);
FIRN_DEFINE_FREEP(pending_files, pending_files_free)

/* ---- what other runs left ---- */

typedef struct pending_commit {
    const char *run_id, *table, *data_location, *commit_id;
    bool        offered; /* a catalog may have it */
    size_t      file_count;
} pending_commit;

typedef enum pending_verdict {
    PENDING_KEEP,   /* the files belong to the table now */
    PENDING_REMOVE, /* no catalog knows them or ever will */
    PENDING_LEAVE,  /* nobody can tell: they stay, and the list stays as unsettled-<run id>.jsonl */
} pending_verdict;

/* Asked once for each commit that did not end, before any of its files is removed. */
typedef firn_status (*pending_decide)(void *state, const pending_commit *commit, pending_verdict *ret_verdict,
                                      firn_error *err);

typedef struct pending_recovery {
    size_t run_count, removed_file_count, kept_commit_count, left_commit_count;
} pending_recovery;

/* Goes through the lists of the folder. No run that writes one of them may be alive. A list that fails stays as it is,
 * the others are gone through, and the first failure is returned. */
FIRN_MUST_USE firn_status pending_files_recover(const char *folder, storage *files, pending_decide decide, void *state,
                                                pending_recovery *ret_recovery, firn_error *err);

/* What this run has taken over from a dead one: it is in its own list, and looked after there. */
typedef struct pending_except {
    const char *run_id; /* the list that is not gone through: one's own */
    bool (*keeps)(void *state, const char *commit_id, const char *path); /* whether this file is not removed */
    void *state;
} pending_except;

/* The same, but for what is excepted. */
FIRN_MUST_USE firn_status pending_files_recover_except(const char *folder, storage *files, pending_decide decide,
                                                       void *state, const pending_except *except,
                                                       pending_recovery *ret_recovery, firn_error *err);

/* ---- what any run has begun ---- */

/* `path` lives for the call. Not FIRN_OK ends it with that status. */
typedef firn_status (*pending_visit)(void *state, const char *path, firn_error *err);

/* Each file of a commit that has not ended, in the lists of the folder and of its subfolders (one source's each), of runs
 * that are alive or dead. Nothing is changed. A folder that is missing has none. FIRN_CORRUPT (PENDING_LIST): a list is
 * damaged, so that nobody knows what it named. */
FIRN_MUST_USE firn_status pending_files_each(const char *folder, pending_visit visit, void *state, firn_error *err);

#endif
