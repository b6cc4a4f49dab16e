/*
 * Builds pgoutput messages and records of them, for tests: what PostgreSQL would send.
 *
 *   pgoutput_maker m; pgoutput_maker_init(&m);
 *   make_relation(&m, 1, "shop", "orders", 'd', (make_column[]){{"id", 20, true}, {"note", 25, false}}, 2);
 *   make_begin(&m, 0x100, 7); make_row(&m, 'I', 1, 0, NULL, (const char *[]){"1", "one"}, 2); make_commit(&m, 0x100, 0x110);
 *   recorded_stream_new(firn_buffer_slice(&m.records), …)
 *
 * In a transaction of `xid` != 0 (make_stream_start … stop) the changes begin with an id. Texts: NULL is null, "\1" unchanged.
 */
#ifndef FIRN_TESTS_PGOUTPUT_MAKER_H
#define FIRN_TESTS_PGOUTPUT_MAKER_H

#include "base/buffer.h"

typedef struct pgoutput_maker {
    firn_buffer records; /* as in change/recorded_stream.h */
    firn_buffer message; /* the last one */
    uint32_t    xid;     /* of the streamed part at work; may be set to that of a subtransaction */
    uint64_t    position;
} pgoutput_maker;

typedef struct make_column {
    const char *name;
    uint32_t    type_oid;
    bool        is_key;
} make_column;

void pgoutput_maker_init(pgoutput_maker *m);
void pgoutput_maker_done(pgoutput_maker *m);

void make_relation(pgoutput_maker *m, uint32_t id, const char *schema, const char *name, char identity,
                   const make_column columns[], unsigned column_count);
/* kind I, U, D; old_kind 'K', 'O' or 0. */
void make_row(pgoutput_maker *m, char kind, uint32_t relation, char old_kind, const char *const old[], const char *const new[],
              unsigned column_count);
void make_truncate(pgoutput_maker *m, const uint32_t relations[], unsigned count, unsigned flags);
void make_message(pgoutput_maker *m, bool transactional, const char *prefix, const char *content);
void make_begin(pgoutput_maker *m, uint64_t commit, uint32_t xid);
void make_commit(pgoutput_maker *m, uint64_t commit, uint64_t end);
void make_stream_start(pgoutput_maker *m, uint32_t xid, bool first);
void make_stream_stop(pgoutput_maker *m);
void make_stream_commit(pgoutput_maker *m, uint32_t xid, uint64_t commit, uint64_t end);
void make_stream_abort(pgoutput_maker *m, uint32_t xid, uint32_t subxid);
/* kind: b P K p; for r, position and end are those of the prepare's end and of the rollback. */
void make_prepared(pgoutput_maker *m, char kind, uint32_t xid, uint64_t position, uint64_t end, const char *gid);
void make_idle(pgoutput_maker *m, uint64_t position);
void make_restart(pgoutput_maker *m);

#endif
