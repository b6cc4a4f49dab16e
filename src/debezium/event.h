/*
 * One record of a Debezium topic, read in place: what happened, where in the source's log, and the rows as slices of the
 * message. Nothing is decoded or copied; names and texts are tokens, which may have escapes.
 *
 * Forms:   the envelope (before, after, source, op); flattened rows (ExtractNewRecordState: members with `__` before their
 *          names); both plain and within {"schema": …, "payload": …}. Heartbeats, transaction metadata and schema changes
 *          have topics of their own: the reader is told by the role, since a row may have any members. In topics of other names the
 *          first two are recognised (JSON): HEARTBEAT, TRANSACTION_END, and nothing more is told of them.
 * Memory:  an event points into the record's bytes
 * Errors:  FIRN_CORRUPT (DEBEZIUM_EVENT): not what Debezium writes; says what stands where
 * Threads: no state
 *
 * Spec: Debezium's documentation of each connector, "Data change events", "Transaction metadata"
 */
#ifndef FIRN_DEBEZIUM_EVENT_H
#define FIRN_DEBEZIUM_EVENT_H

#include "codec/json_scan.h"

/* What a topic is for. */
typedef enum dbz_role {
    DBZ_ROLE_ROWS,           /* envelopes or flattened rows, also `<prefix>.message` and signal tables */
    DBZ_ROLE_HEARTBEAT,      /* `__debezium-heartbeat.<prefix>` */
    DBZ_ROLE_TRANSACTION,    /* `<prefix>.transaction` */
    DBZ_ROLE_SCHEMA_CHANGES, /* `<prefix>` (MySQL, Oracle) */
} dbz_role;

typedef enum dbz_event_kind {
    /* Of rows (dbz_kind_is_row): */
    DBZ_CREATE,   /* c */
    DBZ_UPDATE,   /* u; also a flattened row that does not say what it is: merge it by its key */
    DBZ_DELETE,   /* d */
    DBZ_READ,     /* r: snapshots; source.snapshot says which */
    DBZ_TRUNCATE, /* t */
    DBZ_MESSAGE,  /* m: pg_logical_emit_message */
    DBZ_TOMBSTONE, /* no value: says nothing that the delete before it has not said */
    DBZ_HEARTBEAT,
    DBZ_TRANSACTION_BEGIN,
    DBZ_TRANSACTION_END,
    DBZ_SCHEMA_CHANGE,
} dbz_event_kind;

static inline bool
dbz_kind_is_row(dbz_event_kind kind)
{
    return kind <= DBZ_TRUNCATE;
}

typedef enum dbz_connector { DBZ_POSTGRES, DBZ_ORACLE, DBZ_MYSQL /* and MariaDB */, DBZ_OTHER } dbz_connector;

typedef enum dbz_snapshot {
    DBZ_SNAPSHOT_NONE,
    DBZ_SNAPSHOT_INITIAL,     /* true, first, first_in_data_collection, last_in_data_collection */
    DBZ_SNAPSHOT_LAST,        /* the snapshot's last row */
    DBZ_SNAPSHOT_INCREMENTAL, /* rows read while changes go on: they merge by key */
} dbz_snapshot;

/* A place in the source's log; compares part by part. 0 in `major` of PostgreSQL: not known, then only `minor` counts.
 * PostgreSQL: sequence[0] (end of the last commit before), lsn.
 * Oracle:     commit_scn (snapshot: scn), scn, then rs_id's sequence and block, its offset and ssn.
 * MySQL:      number of the binlog file, pos, row.
 * Several rows of one WAL record and the delete and create of a changed key have one order: equal is not the same. */
typedef struct dbz_order {
    bool     is_known;
    uint64_t major, minor, third, fourth;
    bool     is_whole; /* nothing is missing of it: a lower order is an event that came before, not one of a transaction that began before */
} dbz_order;

int dbz_order_compare(const dbz_order *a, const dbz_order *b);

typedef struct dbz_source {
    dbz_connector connector;
    dbz_snapshot  snapshot;
    jtoken        connector_name; /* "postgresql" */
    jtoken        name;           /* the topic prefix */
    jtoken        db, schema, table;
    jtoken        transaction;  /* txId as it stands: number (PostgreSQL), string (Oracle); gtid (MySQL); ABSENT, NULL */
    uint64_t      transaction_number; /* PostgreSQL: the 32-bit xid without its epoch; 0: none */
    uint64_t      lsn;                /* PostgreSQL: of the change; 0: none */
    uint64_t      last_commit_lsn;    /* PostgreSQL: sequence[0]; 0: null */
    uint64_t      scn, commit_scn;    /* Oracle */
    int64_t       time_us;            /* of the commit (PostgreSQL, Oracle: of the change), as exact as it came; 0: none */
} dbz_source;

/* `provide.transaction.metadata`: of a row, and of the BEGIN and END of the metadata topic. */
typedef struct dbz_transaction {
    jtoken   id; /* "12091:4608158456": PostgreSQL's txId and the LSN; ABSENT: not there */
    uint64_t total_order, collection_order; /* rows: from 1 */
    uint64_t event_count;                   /* END: of all collections */
    firn_slice collections;                 /* END: [{"data_collection": "s.t", "event_count": n}, …] */
} dbz_transaction;

typedef struct dbz_avro_plan dbz_avro_plan;

typedef struct dbz_event {
    dbz_event_kind  kind;
    bool            is_flattened;
    bool            says_op, says_deleted; /* flattened: `__op`, `__deleted` */
    dbz_source      source; /* zeroed where the event has none; flattened: what its members tell */
    dbz_order       order;
    int64_t         time_us;       /* when Debezium made it; 0: none */
    firn_slice      key;           /* the key's object; data NULL: none */
    firn_slice      before, after; /* the rows' objects; data NULL: none. With a memo, `after` is checked when it is taken apart. Flattened: the whole row, with its `__` members */
    firn_slice      key_schema, value_schema; /* the text of the schema blocks; data NULL: none */
    dbz_transaction transaction;
    jtoken          message_prefix, message_content; /* MESSAGE: the content is base64 */
    jtoken          ddl;                             /* SCHEMA_CHANGE */
    firn_slice      table_changes;                   /* SCHEMA_CHANGE: [{"type", "id", "table"}, …] */
    const dbz_avro_plan *avro_key, *avro_value;      /* of a record in Avro (debezium/avro_event.h); NULL: JSON, or none */
} dbz_event;

/* What the envelopes of a topic have in common (debezium/event_memo.h). */
typedef struct dbz_event_memo dbz_event_memo;

typedef struct dbz_record {
    dbz_role   role;
    firn_slice key, value; /* data NULL: none */
    /* The schema blocks of the topic's record before: where this record's are the same bytes they are passed over without
     * reading them. data NULL: none. */
    firn_slice known_key_schema, known_value_schema;
    dbz_event_memo *memo; /* of the topic, for speed; NULL: none */
} dbz_record;

FIRN_MUST_USE firn_status dbz_event_read(const dbz_record *record, dbz_event *ret_event, firn_error *err);

/* The role of a topic of the connector with this prefix; `heartbeat_prefix` NULL: Debezium's default. */
dbz_role dbz_role_of_topic(firn_slice topic, firn_slice prefix, const char *heartbeat_prefix);

/* Whether a member of a flattened row is one that ExtractNewRecordState has put there, not a column. */
bool dbz_is_flattened_member(const jtoken *name);

/* Whether a member of a key is the one that ByLogicalTableRouter has put there, by its default name: no column. */
bool dbz_is_routed_member(firn_slice name);

/* Appends a name or text of an event in UTF-8, escapes resolved; what Debezium 3.2 makes of names outside of ASCII (each
 * byte widened to U+FFxx) is mended. */
FIRN_MUST_USE firn_status dbz_name_add(const jtoken *name, firn_buffer *out, firn_error *err);

#endif
