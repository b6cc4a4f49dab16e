/*
 * The splits that a load has finished and not committed yet, so that after a crash the next run reads only the others.
 * Worth something only while the load's point is still held: rows of two points are never mixed in one table.
 *
 * File:    <folder>/splits.jsonl, append-only, a line each:
 *            {"type":"ledger","v":1,"plan":<uuid>}          the point's name; another one makes the file worthless
 *            {"type":"table",…,"pieces":[{"text":…,"rows":…,"bytes":…},…]}   members of split_line.h: a table is begun
 *            {"type":"group","commit":<uuid>,"splits":[i,…],…,"files":[…]}   members of split_result.h: these are done
 *            {"type":"drop","commit":<uuid>}                 it failed, or began anew: nothing of it counts
 *          A last line without its end was being written, and does not count. A bad line elsewhere: nothing counts.
 * Disk:    nothing is synced. The file helps only a process that finds the holder of the point, so on a machine that
 *          has not been started again: what was written is there.
 * Trust:   a group counts only where each of its files is there with its size.
 * Failure: a line that cannot be written costs only what it would have saved; from then on nothing is noted.
 * Threads: all, but for open and close
 */
#ifndef FIRN_LOAD_SPLIT_LEDGER_H
#define FIRN_LOAD_SPLIT_LEDGER_H

#include "load/load_flow.h"
#include "load/split_line.h"

typedef struct split_ledger split_ledger;

/* What an earlier run has done of a table. */
typedef struct ledger_table {
    split_line           line; /* as it was begun */
    char                 commit[UUID_TEXT_SIZE];
    unsigned             piece_count;
    source_split        *pieces; /* all splits of the table, without their description */
    bool                *done;   /* of each */
    unsigned             done_count;
    data_file_list       files;    /* of those that are done, and of no other */
    split_outcome        outcome;  /* of the same */
    row_checksum         checksum; /* of the same */
    bool                 dropped;
    struct ledger_table *next;
} ledger_table;

/* Begins anew; whatever was in the folder goes. `plan`: the text of a UUID. */
FIRN_MUST_USE firn_status split_ledger_new(const char *folder, const char *plan, split_ledger **ret_ledger,
                                           firn_error *err);
/* Goes on with what an earlier run has noted under the same plan; its files become the storage's own to sync.
 * FIRN_NOT_FOUND, FIRN_CORRUPT: there is nothing that counts. */
FIRN_MUST_USE firn_status split_ledger_resume(const char *folder, const char *plan, storage *files,
                                              split_ledger **ret_ledger, firn_error *err);
/* The file goes. */
void split_ledger_remove(const char *folder);
/* The file stays, as after a crash. */
void split_ledger_free(split_ledger *ledger);
FIRN_DEFINE_FREEP(split_ledger, split_ledger_free)

/* What was done before this run; NULL: nothing. Belongs to the ledger, and to the one thread that loads the table. */
ledger_table       *split_ledger_find(split_ledger *ledger, const char *table);
ledger_table       *split_ledger_find_commit(split_ledger *ledger, const char *commit); /* dropped ones not */
const ledger_table *split_ledger_first(const split_ledger *ledger);
/* Whether a file of the commit is among what was done. */
bool                split_ledger_has_file(const split_ledger *ledger, const char *commit, const char *path);

/* `line` with index 0 and count = split_count. */
void split_ledger_begin(split_ledger *ledger, const split_line *line, const source_split splits[]);
void split_ledger_note(split_ledger *ledger, const char *commit, const load_group *group);
void split_ledger_drop(split_ledger *ledger, const char *commit);
/* Whether a line could not be written; `ret_failure` may be NULL. */
bool split_ledger_failed(split_ledger *ledger, firn_error *ret_failure);

#endif
