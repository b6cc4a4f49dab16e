/*
 * Interface: a source's committed transactions, one after the other in the order of their commits.
 *
 * Order:     BEGIN, then RELATION, CHANGE and MESSAGE items, then COMMIT. Transactions never interleave: those that the
 *            source sends while they run, or prepares, are kept (in memory, above a limit on disk) until their commit;
 *            what was rolled back, savepoints included, is never seen.
 * Relations: a RELATION item stands before the first change of each relation, and again before the first change of a
 *            shape that differs in name, columns, types or replica identity. DDL without rows behind it is not seen.
 * MESSAGE:   pg_logical_emit_message: inside of a transaction, or between two of them (not transactional)
 * IDLE:      between transactions: nothing of the source that lies before `position` is still to come. What the caller has
 *            to make durable is then all that it has already got: with nothing pending it may acknowledge `position`,
 *            so that a slot moves also while only other tables change.
 * RESTART:   the connection was lost and is there again. Of a transaction that was begun and not committed, everything is
 *            to be forgotten; it comes again as a whole. Transactions that were delivered up to their COMMIT do not come
 *            again (the stream drops them), nor those that the position given at the start contains.
 * Memory:    what an item points to lives until the next call of next, and as long as somebody holds a reference to
 *            `item.block` (change_block_ref) and `item.change.relation` (change_relation_ref) respectively
 * DAMAGED:   something came of a table that cannot be read: nothing more of it comes
 * REASSIGN:  between transactions: others are about to take over, or have had, a part of what this stream reads. The caller makes durable what it has,
 *            then says where its tables are now (ops->resume). So it is before the first part is read, too
 * Ordinals:  positions of a stream with ops->place are numbers of its own, from CHANGE_ORDINAL_FIRST on; what a table keeps is the text
 *            that ops->place makes. Where each table begins is the stream's matter then: what a table has does not come
 * Keepalives are answered by the stream itself, however long the caller does something else.
 * Threads:   next, describe, open_decoder and free from one thread; acknowledge, cancel and counters from any
 */
#ifndef FIRN_CHANGE_CHANGE_STREAM_H
#define FIRN_CHANGE_CHANGE_STREAM_H

#include "base/error.h"
#include "change/change.h"
#include "change/change_block.h"
#include "change/row_decoder.h"
#include "change/row_reselector.h"
#include "source/source.h"

typedef enum change_item_kind {
    ITEM_NOTHING, /* the time limit passed */
    ITEM_BEGIN,
    ITEM_RELATION,
    ITEM_CHANGE,
    ITEM_MESSAGE,
    ITEM_COMMIT,
    ITEM_IDLE,
    ITEM_RESTART,
    ITEM_DAMAGED,
    ITEM_REASSIGN,
    ITEM_END, /* there will be nothing more: recorded streams only */
} change_item_kind;

typedef struct change_transaction {
    uint32_t xid;
    uint64_t commit_position; /* where its commit record begins */
    uint64_t end_position;    /* behind it; at BEGIN of a transaction that is read as it comes: 0, not known yet */
    int64_t  commit_time_us;
} change_transaction;

typedef struct change_message {
    bool       is_transactional;
    uint64_t   position;
    firn_slice prefix, content;
} change_message;

/* Of whose changes one cannot be read, and why; both borrowed. */
typedef struct change_damage {
    const char       *table;
    const firn_error *why;
} change_damage;

typedef struct change_item {
    change_item_kind kind;
    change_block    *block;     /* what the item's bytes lie in; NULL: none */
    uint64_t         position;  /* of the message; IDLE: see above */
    union {
        change_transaction transaction; /* BEGIN, COMMIT */
        change             change;      /* CHANGE */
        change_relation   *relation;    /* RELATION; borrowed */
        change_message     message;     /* MESSAGE */
        change_damage      damaged;     /* DAMAGED */
    };
} change_item;

/* Whose positions these are. */
typedef struct change_identity {
    char system[64];      /* PostgreSQL: the system identifier */
    char text[128];       /* as in source_point.identity: "postgres:7423…:1" */
    int64_t timeline;     /* 0: none */
} change_identity;

#define CHANGE_ORDINAL_FIRST 1u

/* Where a table is, for streams of ordinals: what its properties in the lake say, NULL where they do not. Borrowed. */
typedef struct change_table_start {
    const char *name;
    const char *position;      /* firn.position, where it is followed */
    const char *load_position, *load_snapshot;
    const char *applied;       /* firn.applied-transactions: of a position of the slot */
    bool        load_is_exact; /* the position is just that of the load's snapshot */
    bool        is_keyed;
    const table_schema *schema; /* of the table in the lake */
} change_table_start;

/* What a part of the stream's source has that was not read yet. */
typedef struct change_lag {
    const char *topic;
    int32_t     partition;
    uint64_t    messages;
    int64_t     last_time_us; /* the source's time of the last change that was read; 0: none */
} change_lag;

/* How old the oldest of these messages may be; 0: there is none, or nobody knows. */
static inline int64_t
change_lag_us(const change_lag *lag, int64_t now_us)
{
    return lag->messages && lag->last_time_us && now_us > lag->last_time_us ? now_us - lag->last_time_us : 0;
}

/* Counted since the stream was opened. */
typedef struct change_stream_counts {
    uint64_t received_bytes, message_count, restart_count, spilled_bytes;
    uint64_t received_position, server_position, acknowledged_position;
    uint64_t buffered_bytes; /* received and not yet asked for, and kept of transactions that are not committed */
    int64_t  server_time_us; /* the server's clock at its last word; 0: none yet */
    bool     is_connected;   /* false while a lost connection is being made again */
    uint64_t set_aside;      /* messages that could not be read and are kept elsewhere */
    bool     has_reached_end; /* ordinals: of the parts that it reads, what the source had when they were begun was handed out */
} change_stream_counts;

/* A table of those that the stream was opened for, as the source has it now. */
typedef struct table_look {
    const char *name;
    uint32_t    relation_id;  /* as in change_relation */
    bool        is_published; /* its changes come */
    uint64_t    published_by; /* the transaction since which they do; its epoch is the last that it may be. 0: not known */
} table_look;

typedef struct table_looks {
    unsigned          count; /* those that are there */
    const table_look *tables;
    uint64_t          position; /* everything that made them so lies before it */
} table_looks;

typedef struct change_stream change_stream;

typedef struct change_stream_ops {
    const char *kind; /* "postgres", "recorded" */
    firn_status (*next)(change_stream *stream, uint64_t timeout_ms, change_item *ret_item, firn_error *err);
    /* Everything before `position` is durable in the lake. Never goes back; told to the source with the next status. */
    void (*acknowledge)(change_stream *stream, uint64_t position);
    /* How a relation of this stream would be loaded: columns in the relation's own order with types as of its changes;
     * NOT NULL, comments and keys as the source has them now, where the table is still there. Lives in `arena`.
     * `lake`: the table's schema there, for streams that do not know all types; NULL: it is not there.
     * `ret_places` (may be NULL): per column a number that renaming does not change (pg_attribute.attnum), 0 unknown. */
    firn_status (*describe)(change_stream *stream, change_relation *relation, const table_schema *lake,
                            const table_rules *rules, firn_arena *arena, source_description **ret_description, const int **ret_places,
                            firn_error *err);
    /* A decoder of the relation's tuples into the columns of a description that `describe` made for it; borrows the
     * description. */
    firn_status (*open_decoder)(change_stream *stream, change_relation *relation, const source_description *description,
                                row_decoder **ret_decoder, firn_error *err);
    /* As row_reselector.read; of the request's transactions it adds those that it has handed out. NULL: nothing of this stream is lost
     * on its way. */
    firn_status (*reselect)(change_stream *stream, const reselect_request *request, bool known[], batch *ret_rows, firn_error *err);
    /* NULL: the source cannot be asked. FIRN_UNAVAILABLE: not now. What it gives lives in `arena`. */
    firn_status (*look_at_tables)(change_stream *stream, firn_arena *arena, table_looks *ret_looks, firn_error *err);
    void (*counts)(change_stream *stream, change_stream_counts *ret_counts);
    void (*cancel)(change_stream *stream); /* next returns FIRN_CANCELLED */
    void (*free)(change_stream *stream);   /* tells the source the last acknowledged position first, where it can */

    /* Streams of ordinals only; else NULL. */
    /* A table's position as of the last COMMIT that was handed out. `durable`: what it has now; parts that are somebody else's stay. */
    firn_status (*place)(change_stream *stream, const char *table, const char *durable, firn_arena *arena,
                         const char **ret_text, firn_error *err);
    /* Whether both texts of a table's position say the same of the parts that this stream reads now; either may be NULL. */
    bool (*same_place)(const change_stream *stream, const char *a, const char *b);
    /* How much was passed over for this table that `durable` does not say. */
    uint64_t (*passed)(change_stream *stream, const char *table, const char *durable);
    /* Whether no transaction of the source would be cut in two by ending a window now. Until then next hands out only what the open ones lack. */
    bool (*may_cut)(change_stream *stream);
    /* Behind ITEM_REASSIGN: where the tables are now. */
    firn_status (*resume)(change_stream *stream, const change_table_start tables[], unsigned count, firn_error *err);
    /* Whether what others read has come to where it ended when this was asked first. `tables`: as the lake has them now. May ask the source. */
    firn_status (*others_reached)(change_stream *stream, const change_table_start tables[], unsigned count, bool *ret_reached,
                                  firn_error *err);
    /* Nothing more of this table is wanted. */
    void (*stop_table)(change_stream *stream, const char *table);
    /* Where the last change lies, for people; until the next call of next. */
    const char *(*spot)(change_stream *stream);
    /* The same of an earlier one, by what its change says: "offset 7 of topic 't', partition 0". */
    void (*say_origin)(const change_stream *stream, uint32_t part, uint64_t origin, char *out, size_t size);
    /* The change that was handed out last cannot be applied: its message is kept elsewhere, and told of. *ret_rest: what of it is to be
     * applied all the same, where it was made of several messages; without a relation: nothing. Only where stream->keeps_aside. */
    firn_status (*set_aside)(change_stream *stream, const firn_error *why, change *ret_rest, firn_error *err);
    firn_status (*lags)(change_stream *stream, firn_arena *arena, change_lag **ret_lags, unsigned *ret_count, firn_error *err);
} change_stream_ops;

struct change_stream {
    const change_stream_ops *ops;
    change_identity          identity;
    bool                     keeps_aside; /* messages that cannot be applied: the caller decodes each change as it takes it */
};

/* Waits at most timeout_ms (0: not at all) for the next item. After an error other than a time-out: free only. */
FIRN_MUST_USE static inline firn_status
change_stream_next(change_stream *stream, uint64_t timeout_ms, change_item *ret_item, firn_error *err)
{
    return stream->ops->next(stream, timeout_ms, ret_item, err);
}

/* Whether its positions are ordinals. */
static inline bool
change_stream_has_places(const change_stream *stream)
{
    return stream->ops->place != NULL;
}

static inline void
change_stream_free(change_stream *stream)
{
    if (stream) stream->ops->free(stream);
}
FIRN_DEFINE_FREEP(change_stream, change_stream_free)

/* "3F/9A01C2D8" ⇄ number. */
#define CHANGE_POSITION_TEXT_MAX 24
void change_position_format(uint64_t position, char out[CHANGE_POSITION_TEXT_MAX]);
FIRN_MUST_USE bool change_position_parse(const char *text, uint64_t *ret_position);

#endif
