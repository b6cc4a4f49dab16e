/*
 * One message of PostgreSQL's pgoutput plugin → its parts. Pure: nothing is allocated or copied.
 *
 * Spec:    PostgreSQL documentation, "Logical Replication Message Formats" and "Logical Streaming Replication Protocol",
 *          protocol versions 1 to 4; logical/proto.c in the server's source
 * Input:   the content of one XLogData message
 * Hostile: every count is checked against the bytes that are left; tuples are walked once, so that readers of their
 *          framing (change/change.h) need no checks; bytes behind a message are an error
 * Errors:  FIRN_CORRUPT (POSTGRES_PROTOCOL), naming the message's type and the place in it
 */
#ifndef FIRN_CHANGE_PGOUTPUT_H
#define FIRN_CHANGE_PGOUTPUT_H

#include "base/error.h"
#include "change/change.h"

#define PGOUTPUT_GID_SIZE_MAX 200 /* GIDSIZE of the server */

/* The first byte of each message. */
typedef enum pgoutput_kind {
    PGOUTPUT_BEGIN = 'B',
    PGOUTPUT_COMMIT = 'C',
    PGOUTPUT_ORIGIN = 'O',
    PGOUTPUT_RELATION = 'R',
    PGOUTPUT_TYPE = 'Y',
    PGOUTPUT_INSERT = 'I',
    PGOUTPUT_UPDATE = 'U',
    PGOUTPUT_DELETE = 'D',
    PGOUTPUT_TRUNCATE = 'T',
    PGOUTPUT_MESSAGE = 'M',
    /* version 2: transactions that still run */
    PGOUTPUT_STREAM_START = 'S',
    PGOUTPUT_STREAM_STOP = 'E',
    PGOUTPUT_STREAM_COMMIT = 'c',
    PGOUTPUT_STREAM_ABORT = 'A',
    /* version 3: prepared ones */
    PGOUTPUT_BEGIN_PREPARE = 'b',
    PGOUTPUT_PREPARE = 'P',
    PGOUTPUT_COMMIT_PREPARED = 'K',
    PGOUTPUT_ROLLBACK_PREPARED = 'r',
    PGOUTPUT_STREAM_PREPARE = 'p',
} pgoutput_kind;

/* BEGIN, COMMIT, STREAM_COMMIT and those of prepared transactions; what a kind does not have is 0. */
typedef struct pgoutput_transaction {
    uint64_t position;          /* of the commit or prepare record; ROLLBACK_PREPARED: the end of the prepare record */
    uint64_t end_position;      /* behind it; ROLLBACK_PREPARED: behind the rollback */
    int64_t  time_us;           /* since 1970 */
    firn_slice gid;
} pgoutput_transaction;

typedef struct pgoutput_relation {
    uint32_t         id;
    firn_slice       schema, name; /* schema "" is pg_catalog */
    replica_identity identity;
    unsigned         column_count;
    firn_slice       columns; /* for pgoutput_column_next */
} pgoutput_relation;

typedef struct pgoutput_column {
    firn_slice name;
    uint32_t   type_oid;
    int32_t    typmod;
    bool       is_key;
} pgoutput_column;

typedef struct pgoutput_row {
    uint32_t     relation_id;
    bool         old_is_key;
    change_tuple old, new;
} pgoutput_row;

typedef struct pgoutput_truncate {
    bool           cascade, restart;
    uint32_t       relation_count;
    const uint8_t *relation_ids; /* int32 each, big-endian */
} pgoutput_truncate;

typedef struct pgoutput_text {
    bool       is_transactional; /* MESSAGE */
    uint64_t   position;         /* MESSAGE: its own; ORIGIN: that of the commit there */
    firn_slice prefix, content;  /* MESSAGE; ORIGIN: the name in prefix */
} pgoutput_text;

typedef struct pgoutput_stream {
    bool     is_first;       /* STREAM_START */
    uint32_t subxid;         /* STREAM_ABORT: same as xid for the whole transaction */
    bool     has_abort;      /* version 4: position and time are there */
    uint64_t abort_position;
    int64_t  abort_time_us;
} pgoutput_stream;

typedef struct pgoutput_message {
    pgoutput_kind kind;
    uint32_t      xid; /* BEGIN…, STREAM…; of a message inside of a streamed part: the (sub)transaction that made it; else 0 */
    union {
        pgoutput_transaction transaction;
        pgoutput_relation    relation;
        pgoutput_row         row; /* INSERT, UPDATE, DELETE */
        pgoutput_truncate    truncate;
        pgoutput_text        text; /* MESSAGE, ORIGIN */
        pgoutput_stream      stream;
    };
} pgoutput_message;

/* `in_stream`: between STREAM_START and STREAM_STOP, where changes begin with their transaction's id. */
FIRN_MUST_USE firn_status pgoutput_decode(firn_slice bytes, bool in_stream, pgoutput_message *ret_message, firn_error *err);
/* Takes the next of `relation->column_count` columns; false behind the last. */
bool pgoutput_column_next(firn_slice *columns, pgoutput_column *ret_column);

#endif
