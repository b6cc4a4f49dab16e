/*
 * The text of a list of pending files (pending_files.h), read. Nothing in it is an error: what cannot be right
 * makes the list a damaged one.
 */
#ifndef FIRN_WRITE_PENDING_LIST_H
#define FIRN_WRITE_PENDING_LIST_H

#include "base/arena.h"
#include "write/pending_files.h"

typedef struct pending_path {
    const char          *path;
    struct pending_path *next;
} pending_path;

typedef struct pending_entry {
    pending_commit        commit;
    bool                  done;
    pending_path         *paths;
    struct pending_entry *next;
} pending_entry;

typedef struct pending_list {
    pending_entry *entries; /* in the order of their first line */
    bool           damaged; /* a line before the last could not be read: then all commits are set to offered */
} pending_list;

/* FIRN_NO_MEMORY only. Everything lives in the arena; `run_id` is borrowed. */
FIRN_MUST_USE firn_status pending_list_read(firn_slice text, const char *run_id, firn_arena *arena,
                                            pending_list *ret_list, firn_error *err);

#endif
