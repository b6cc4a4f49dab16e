/*
 * One table that is followed: what the lake has of it, its position, and its changes in the window at work.
 */
#ifndef FIRN_FOLLOW_FOLLOWED_TABLE_H
#define FIRN_FOLLOW_FOLLOWED_TABLE_H

#include "follow/applied_transactions.h"
#include "follow/follow_job.h"
#include "follow/replayed_window.h"
#include "follow/table_changes.h"
#include "follow/table_index.h"
#include "follow/table_shape.h"
#include "state/table_properties.h"

/* The branch that has the first parts of a window that is too large for the memory: nobody sees it on main before it is
 * whole. */
#define STAGE_BRANCH "firn-window"

typedef struct index_opening index_opening; /* index_opening.h */

typedef struct followed_table {
    unsigned                   number; /* among the job's tables: that of follow_progress.h */
    const char                *name; /* in the job's arena, as `ident` and `config` */
    table_ident                ident;
    const follow_table_config *config;
    table_metadata            *base;     /* as it was at our last look; referenced */
    uint64_t                   position; /* it has all transactions that this contains */
    replayed_window           *replayed; /* windows behind `position` that the table has already; the next one first */
    unsigned                   replayed_count;
    bool                       is_adopted; /* the lake says that it is followed */
    bool                       is_stopped;
    bool                       wants_reload; /* stopped, and a load would mend it */
    char                       reason[FIRN_ERROR_TEXT_MAX];
    table_index               *index;   /* NULL: not needed yet */
    index_opening             *opening; /* of the index, ahead of its use; NULL: none */
    uint64_t                   lost_at;       /* everything of it lies before: the source has it no more (source_look.h); 0: it has */
    uint32_t                   lost_relation; /* that has its name now; 0: none */
    uint32_t                   published_by;  /* as PROPERTY_PUBLISHED_BY has it, or as it was seen first; 0: not known */
    bool                       lost_between;  /* it is published since after its load: what changed in between did not come */
    table_shape               *shape; /* NULL: no change of it was seen yet */
    change_stream             *stream; /* of ordinals: the parts that it reads are what the fence looks at. Borrowed; NULL: none is open */

    /* The window at work. */
    table_changes *changes; /* NULL: none */
    applied_transactions *applied; /* of a table without a key, from the slot; NULL: none yet */
    uint64_t       window_hash;
    uint64_t       window_ops[PROGRESS_OP_COUNT];
    int64_t        oldest_event_us; /* of the window; 0: none */
    int64_t        last_event_us;
    bool           changed_in_transaction; /* by the one that is being read */
    bool           is_staged;  /* its first parts are on STAGE_BRANCH */
    int64_t        staged_on;  /* main's snapshot where that began; 0: none */
    int64_t        staged_head; /* the branch's last snapshot, which is ours */
    uint64_t       staged_event_count;

    uint64_t change_count, row_count, delete_count, commit_count; /* of this run */
    uint64_t left_out_count; /* rows that the source does not have any more, and whose deletes are still to come */
    int64_t  last_commit_us;                                      /* of this run; 0: none */
} followed_table;

void followed_table_done(followed_table *table);

/* From the lake's table: position, whether it is followed. FIRN_CORRUPT (FOLLOW_POSITION): a position that is none. */
FIRN_MUST_USE firn_status followed_table_look(followed_table *table, bool by_ordinals, firn_error *err);
/* For a stream of ordinals: what `base` says of where the table is. */
change_table_start        followed_table_start(const followed_table *table);
/* What firn.position is to say on `base` once all up to `position` is in the table; in `arena`. */
FIRN_MUST_USE firn_status followed_table_position(const followed_table *table, change_stream *stream, uint64_t position,
                                                  const table_metadata *base, firn_arena *arena, const char **ret_text,
                                                  firn_error *err);
/* The position up to which this table's properties say that every followed table is complete; 0: nothing. */
FIRN_MUST_USE firn_status followed_table_consistent(const followed_table *table, uint64_t *ret_position, firn_error *err);
/* Says in front of an error's cause which message it is of, where the stream knows: `part` and `origin` of a change. */
void followed_table_say_origin(const change_stream *stream, uint32_t part, uint64_t origin, firn_error *err);
/* Forgets the window's changes. */
void followed_table_end_window(followed_table *table);
/* The same of a part of it that is staged now: the window goes on. */
void followed_table_end_part(followed_table *table);

/* What all tables of a job share; borrowed. */
typedef struct follow_context {
    const follow_settings *settings;
    catalog               *lake;
    const follow_events   *events; /* or NULL */
    task_cancel           *cancel; /* of work that may be left undone: rebuilding an index */
    pending_files         *pending;
    const char            *identity; /* of the stream */
    bool                   was_open; /* the stream, in this job */
    unsigned               fenced_count; /* rounds of a stream of ordinals that somebody else has ended, one after the other */
} follow_context;

void follow_tell(const follow_context *ctx, follow_event_kind kind, const char *table, const char *message,
                 const firn_error *error);

/* Metadata-only commit of properties; the fence is checked. On success table->base is the table as it is now. */
FIRN_MUST_USE firn_status followed_table_set(followed_table *table, const follow_context *ctx,
                                             const table_property properties[], unsigned count, firn_error *err);
/* The same, PROPERTY_POSITION first, of a stream of ordinals: its value is made for the table as it is then, so that what others have moved stays. */
FIRN_MUST_USE firn_status followed_table_set_place(followed_table *table, const follow_context *ctx, table_property properties[],
                                                   unsigned count, firn_error *err);
/* With a new schema; NULL: as it is. */
FIRN_MUST_USE firn_status followed_table_set_schema(followed_table *table, const follow_context *ctx, table_schema *schema,
                                                    const table_property properties[], unsigned count, firn_error *err);
/* For PROPERTY_SHAPE_BEFORE; NULL: no memory. */
const char *followed_table_shape_text(const followed_table *table, firn_arena *arena);
/* Removes what an unfinished window left on STAGE_BRANCH, where there is any, and puts back the shape that it changed. */
FIRN_MUST_USE firn_status followed_table_drop_stage(followed_table *table, const follow_context *ctx, firn_error *err);
/* FIRN_FAILED (FOLLOW_FENCED): somebody else has moved firn.position, or the table is another one. Of a position in parts, those count that
 * the stream reads now: processes that share a table's topic each move their own. */
FIRN_MUST_USE firn_status followed_table_check_fence(const followed_table *table, const table_metadata *now, firn_error *err);

#endif
