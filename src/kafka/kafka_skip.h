/*
 * Which events a table has already: those of its load, and those that Debezium has sent again. Pure.
 *
 * Load:       PostgreSQL tells of a change its own LSN and the end of the last commit before it (sequence[0]), not its commit's LSN.
 *             Either of them at or behind the load's position: it came after the load. Else the transaction was running
 *             then, and is in the load just when the load's snapshot sees it (firn.load-snapshot, pg_current_snapshot()).
 *             Followed from the slot itself since the load: the position is later than the snapshot. Of a transaction that the
 *             snapshot does not see and that began before the position, firn.applied-transactions says whether the table has it;
 *             tables with a key do not have that, and merge by it
 *             Oracle: a commit SCN up to the load's is in it
 * Duplicates: Debezium delivers at least once: it goes back to its last noted offset and sends again what lies behind. Order
 *             then goes back, too. Several events may have one order; where a repeat begins just there, it begins with the
 *             first of them
 */
#ifndef FIRN_KAFKA_KAFKA_SKIP_H
#define FIRN_KAFKA_KAFKA_SKIP_H

#include "base/arena.h"
#include "debezium/event.h"
#include "source/transaction_snapshot.h"

/* What a table has of the source from its load. */
typedef struct load_point {
    bool            is_known;
    uint64_t        position; /* LSN or SCN */
    bool            is_exact; /* a transaction that committed at or behind it is not in the load */
    bool            has_snapshot;
    bool            was_followed; /* the position is where the slot itself was followed to, later than the snapshot */
    transaction_snapshot snapshot;
    bool            knows_applied; /* of was_followed: what was applied behind `applied_since` (0: behind the snapshot) */
    uint64_t        applied_since;
    const uint64_t *applied; /* ascending */
    unsigned        applied_count;
} load_point;

typedef enum load_verdict { LOAD_HAS, LOAD_LACKS, LOAD_UNCLEAR } load_verdict;

/* `position` as in firn.load-position (a LSN, or a number), `snapshot` as pg_current_snapshot() gives it; each may be NULL. FIRN_CORRUPT
 * (FOLLOW_POSITION): neither. */
FIRN_MUST_USE firn_status load_point_parse(const char *position, const char *snapshot, bool is_exact, const char *table,
                                           firn_arena *arena, load_point *ret_point, firn_error *err);
/* The position is where the slot was followed to since then; `applied` is firn.applied-transactions, NULL: there is none. */
FIRN_MUST_USE firn_status load_point_follow(load_point *point, const char *load_position, const char *applied, firn_arena *arena,
                                            firn_error *err);
load_verdict              load_point_judge(const load_point *point, const dbz_event *event);

/* How far a table has got in the source's log, by what came in one partition. The first transaction that a connector sends after its start
 * does not say which commit was before it: then the times of the commits decide, where the places in the log do not speak against them. */
typedef struct event_order {
    bool      has_order;
    dbz_order order;
    int64_t   commit_us;  /* the source's time of the commit; 0: not known */
    uint32_t  count;      /* events with this order */
    uint64_t  first_hash; /* of the first one */
    /* Not kept: a repeat that is being read. */
    bool      in_repeat;
    uint32_t  repeat_count; /* events at `order` that came again */
    int64_t   first_time_us; /* when Debezium made the first one */
} event_order;

/* Of what the event says, whenever Debezium made it. */
uint64_t event_content_hash(const dbz_event *event);

/* Whether Debezium has begun again: `event`, which comes just behind `last`, is that or older. */
bool event_goes_back(const dbz_event *event, const dbz_event *last);
/* Who saw that says it: the repeat may begin just with the last order that was taken. */
void event_order_begin_again(event_order *seen);

typedef enum event_novelty {
    EVENT_NEW,
    EVENT_REPEATS,
    EVENT_UNCLEAR, /* of a table without a key: it may be either */
} event_novelty;

/* Whether the event came before; takes it in if not. `hash`: event_content_hash. What cannot be told is taken as new for a table with a
 * key, and so is all that follows it: it takes the events again then, in the source's order. */
event_novelty event_order_judge(event_order *seen, const dbz_event *event, uint64_t hash, bool is_keyed);

#endif
