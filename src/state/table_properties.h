/*
 * What a table in the lake says of its load and its following: properties that the commit sets which makes them true
 * (DESIGN, "What lies in the lake"; docs/FOLLOW.md).
 */
#ifndef FIRN_STATE_TABLE_PROPERTIES_H
#define FIRN_STATE_TABLE_PROPERTIES_H

#include "iceberg/table_metadata.h"

#define PROPERTY_SOURCE_TABLE "firn.source-table"
#define PROPERTY_SOURCE_RELATION "firn.source-relation" /* its number at the source: one made anew has another */
#define PROPERTY_SOURCE_IDENTITY "firn.source-identity"
#define PROPERTY_LOAD_POSITION "firn.load-position"
#define PROPERTY_LOAD_SNAPSHOT "firn.load-snapshot" /* which transactions the load, or the last resync, has seen, as pg_current_snapshot() gives it */
#define PROPERTY_APPLIED "firn.applied-transactions" /* of a table without a key: follow/applied_transactions.h */
#define PROPERTY_POSITION_EXACT "firn.position-exact" /* of the load's point: "true", "false" */
#define PROPERTY_PUBLISHED_BY "firn.published-by" /* the transaction (without its epoch) that had put the table into the publication when following began; "0": not known, "1": one behind the load */
#define PROPERTY_POSITION "firn.position" /* in each commit's summary, too */
#define PROPERTY_CONSISTENT "firn.consistent-position"
#define PROPERTY_FOLLOWED_LOAD "firn.followed-load"
#define PROPERTY_FOLLOW_STATE "firn.follow-state"
#define PROPERTY_FOLLOW_REASON "firn.follow-reason"
#define PROPERTY_EVENTS_APPLIED "firn.events-applied"
#define PROPERTY_LAST_EVENT "firn.last-event-us"
#define PROPERTY_RESYNC "firn.resync" /* the load position of a table that table_resync.h has begun with */
/* While a transaction is applied in parts that changed the shape after its first rows: the shape that main's rows have,
 * "SCHEMA-ID LOAD-POSITION COLUMN-PLACES". Gone with the window's commit, or put back where that does not come. */
#define PROPERTY_SHAPE_BEFORE "firn.shape-before"
#define FOLLOW_STATE_FOLLOWING "following"
#define FOLLOW_STATE_STOPPED "stopped"
#define FOLLOW_STATE_RELOAD "reload" /* stopped, until it is loaded again */

typedef enum table_follow_state {
    TABLE_NOT_FOLLOWED, /* never since it was loaded last: what an earlier load's following said counts no more */
    TABLE_FOLLOWING,
    TABLE_STOPPED,
    TABLE_TO_LOAD_AGAIN, /* stopped too */
} table_follow_state;

/* Whether it was followed, and is not any more. */
static inline bool
table_follow_is_stopped(table_follow_state state)
{
    return state == TABLE_STOPPED || state == TABLE_TO_LOAD_AGAIN;
}

table_follow_state table_follow_state_of(const table_metadata *table);
/* Whether both are the same table, and nobody has moved its position in between: by following, loading, resyncing it. */
bool table_position_is_same(const table_metadata *a, const table_metadata *b);
/* Whether the lake's table has the rows of the source's table `schema`.`name`. */
bool table_is_loaded_from(const table_metadata *table, const char *schema, const char *name);

#endif
