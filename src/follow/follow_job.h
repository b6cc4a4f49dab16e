/*
 * The job that keeps tables in the lake equal to their source: changes from a stream, in windows, one commit per table
 * and window with rows, deletes and position.
 *
 *   stream ─▶ window (changes by table and key) ─▶ per table: rows to data files, old rows to delete files ─▶ commit
 *          ◀─ acknowledged when every table of the window has committed
 *
 * Positions: in the tables' properties, nowhere else (docs/FOLLOW.md):
 *   firn.position             this table has all transactions that the position contains; of a stream of ordinals: its text
 *   firn.consistent-position  so has every table that is followed; the highest one in the lake counts
 *   firn.followed-load        the firn.load-position at which following took the table over; another one: loaded anew
 *   firn.follow-state         "stopped": not followed any more, and why; "reload": so until it is loaded again; the others go on
 * Status:   rows of _cdc_status, for people: now and then, and at the end (follow_status.h)
 * Fencing:  a table whose firn.position somebody else has moved stops the job: another firn follows it
 * Failures: of a row or a table's shape: this table is stopped, durably, before any other goes on. Of the stream, the
 *           catalog, the storage: the job ends, and the next run goes on from the positions
 */
#ifndef FIRN_FOLLOW_FOLLOW_JOB_H
#define FIRN_FOLLOW_FOLLOW_JOB_H

#include "catalog/catalog.h"
#include "change/change_stream.h"
#include "follow/follow_progress.h"
#include "follow/schema_evolution.h"
#include "state/schema_changes_table.h"
#include "task/task.h"
#include "write/pending_files.h"

/* An idle source is told to the lake, and acknowledged, when this much of its log has passed, and not more often. */
#define FOLLOW_IDLE_BYTES ((uint64_t) 1 << 20)
#define FOLLOW_IDLE_US ((uint64_t) 30000000)

typedef struct follow_table_config {
    const char *name;
    table_rules rules;
    /* Of a table that is made from its events; as in sources.yaml. */
    int                format_version;
    const char *const *partition_by, *const *sort_by;
    unsigned           partition_by_count, sort_by_count;
} follow_table_config;

/*
 * Tables that the job has not: who loads them is not its matter (cli/ composes it of load/). A load comes between two
 * windows; the source keeps what it has to say meanwhile, and a table's changes count from its load's position on.
 */
typedef struct follow_loader {
    void *state;
    /* Changes of a table of the source's schema are about to come that nobody follows. */
    void (*met)(void *state, const char *table);
    /* Whether there are tables to load; asked often, between transactions. */
    bool (*has_new)(void *state);
    /* Loads those, and the tables `again` anew. Failures are told, the job goes on without; an error ends it. NULL: tables
     * are only loaded by the user. */
    firn_status (*load)(void *state, const char *const again[], unsigned again_count, firn_error *err);
} follow_loader;

/*
 * Somebody who may end the job (cli/ watches the source's slot): asked between transactions; an error is the job's, behind a
 * commit of what is whole.
 */
typedef struct follow_guard {
    firn_status (*check)(void *state, firn_error *err);
    void *state;
} follow_guard;

/* Whether tables are loaded while it runs. */
static inline bool
follow_loader_loads(const follow_loader *loader)
{
    return loader && loader->load;
}

typedef struct follow_settings {
    const char                *source_name, *schema_name;
    const char *const         *namespace_levels;
    unsigned                   namespace_level_count;
    uint64_t                   commit_interval_ms;
    uint64_t                   batch_changes;  /* most changes in a window, as transactions allow; 0: no such limit */
    uint64_t                   memory_bytes;   /* of the window at work and what is made of it */
    bool                       until_caught_up; /* ends at the source's position as the job began */
    uint64_t                   until_position; /* ends here: all that committed before it is applied, nothing else; 0: no such end */
    schema_policy              schema_changes;
    bool                       reselect; /* values that were lost on their way are read again from the source (row_reselect.h) */
    follow_table_config        defaults;
    const follow_table_config *tables;
    unsigned                   table_config_count;
    const char                *correlation_id;
    const char                *state_folder; /* of this source on this machine: indexes, pending files; is there */
    const char                *run_id;
    const follow_loader       *loader;   /* NULL: nobody */
    const follow_guard        *guard;    /* NULL: nobody */
    follow_progress           *progress; /* told of everything; NULL: nobody watches */
} follow_settings;

/* A table's own, else the defaults. */
const follow_table_config *follow_config_of(const follow_settings *settings, const char *name);

/* What the stream is to be opened with. */
typedef struct follow_start {
    const char        *identity; /* whose position; NULL: not known */
    uint64_t           position;     /* every table has what it contains */
    uint64_t           acknowledged; /* nobody but us has moved the source further than this */
    const char *const *tables;
    const change_table_start *starts; /* of the same tables, for streams of ordinals */
    unsigned           table_count;
    bool               as_text; /* values as texts, because an earlier stream had to give up binary ones */
} follow_start;

/* How the job gets its stream: cli/ knows the concrete one. `cancel` ends its waits. */
typedef struct follow_feed {
    firn_status (*open)(void *state, const follow_start *start, task_cancel *cancel, change_stream **ret_stream,
                        firn_error *err);
    void *state;
    bool  by_ordinals; /* its positions are ordinals (change_stream.h) */
} follow_feed;

typedef enum follow_event_kind {
    FOLLOW_EVENT_NOTE,
    FOLLOW_EVENT_WARNING,
    FOLLOW_EVENT_COMMITTED,     /* a table: rows, deletes, files, position */
    FOLLOW_EVENT_TABLE_STOPPED, /* error */
    FOLLOW_EVENT_SCHEMA_CHANGED, /* a table: schema_changes, position; notes and warnings say the same in words */
} follow_event_kind;

typedef struct follow_event {
    follow_event_kind kind;
    const char       *table, *message; /* NULL: none */
    const firn_error *error;
    uint64_t          change_count, row_count, delete_count, elapsed_ms;
    unsigned          file_count;
    int64_t           snapshot_id;
    const char       *position;
    const schema_change_row *schema_changes;
    size_t                   schema_change_count;
} follow_event;

typedef struct follow_events {
    void (*emit)(void *state, const follow_event *event); /* any thread */
    void *state;
} follow_events;

typedef struct follow_table_result {
    const char *name;
    bool        is_stopped;
    const char *reason; /* why */
    uint64_t    change_count, row_count, delete_count, commit_count;
    char        position[CHANGE_POSITION_TEXT_MAX];
} follow_table_result;

typedef struct follow_result {
    unsigned             table_count, stopped_count;
    bool                 by_ordinals; /* positions are ordinals, of use within the run only */
    follow_table_result *tables;
    uint64_t             change_count, commit_count, transaction_count, received_bytes;
    uint64_t             restart_count, skipped[SKIP_REASON_COUNT];
    uint64_t             elapsed_ms;
    char                 position[CHANGE_POSITION_TEXT_MAX]; /* all tables are complete up to here */
    bool                 caught_up;
    firn_arena           arena;
} follow_result;
void follow_result_done(follow_result *result);

/* Until `cancel` is requested, or the position is reached: FIRN_OK both times. FIRN_FAILED (FOLLOW_TABLES_STOPPED): at
 * the end some tables were stopped. FIRN_NOT_FOUND (FOLLOW_NOT_LOADED): nothing of the source is in the lake. `events` may be NULL;
 * `result` is filled as far as it came, also on failure. */
FIRN_MUST_USE firn_status follow_run(const follow_settings *settings, const follow_feed *feed, catalog *lake,
                                     const follow_events *events, task_cancel *cancel, follow_result *ret_result,
                                     firn_error *err);

#endif
