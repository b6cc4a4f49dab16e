#include "pgoutput_maker.h"

#include <stdlib.h>

#include "change/recorded_stream.h"

#define SAMPLE_TIME_US 757382400000000 /* 2024-01-01 in PostgreSQL's count */

static void
must(firn_status status)
{
    if (status) abort();
}

void
pgoutput_maker_init(pgoutput_maker *m)
{
    *m = (pgoutput_maker){.position = 0x1000};
    firn_buffer_init(&m->records, (size_t) 1 << 30);
    firn_buffer_init(&m->message, (size_t) 1 << 30);
}

void
pgoutput_maker_done(pgoutput_maker *m)
{
    firn_buffer_done(&m->records);
    firn_buffer_done(&m->message);
}

static void
put(pgoutput_maker *m, const void *bytes, size_t size)
{
    firn_error err = {0};
    must(firn_buffer_add(&m->message, bytes, size, &err));
}

static void
put_number(pgoutput_maker *m, uint64_t value, unsigned size)
{
    uint8_t bytes[8];
    store_be64(bytes, value);
    put(m, bytes + 8 - size, size);
}

static void
put_text(pgoutput_maker *m, const char *text)
{
    put(m, text, strlen(text) + 1);
}

static void
start(pgoutput_maker *m, char kind)
{
    firn_buffer_reset(&m->message);
    put(m, &kind, 1);
}

static void
start_change(pgoutput_maker *m, char kind)
{
    start(m, kind);
    if (m->xid) put_number(m, m->xid, 4);
}

static void
record(pgoutput_maker *m, char kind, uint64_t position, firn_slice message)
{
    firn_error err = {0};
    must(recorded_stream_add(&m->records, kind, position, message, &err));
}

static void
finish(pgoutput_maker *m)
{
    record(m, 'w', m->position++, firn_buffer_slice(&m->message));
}

void
make_relation(pgoutput_maker *m, uint32_t id, const char *schema, const char *name, char identity,
              const make_column columns[], unsigned column_count)
{
    start_change(m, 'R');
    put_number(m, id, 4);
    put_text(m, schema);
    put_text(m, name);
    put(m, &identity, 1);
    put_number(m, column_count, 2);
    for (unsigned i = 0; i < column_count; i++) {
        put_number(m, columns[i].is_key, 1);
        put_text(m, columns[i].name);
        put_number(m, columns[i].type_oid, 4);
        put_number(m, UINT32_MAX, 4);
    }
    finish(m);
}

static void
put_tuple(pgoutput_maker *m, const char *const values[], unsigned column_count)
{
    put_number(m, column_count, 2);
    for (unsigned i = 0; i < column_count; i++) {
        const char *kind = !values[i] ? "n" : values[i][0] == 1 ? "u" : "t";
        put(m, kind, 1);
        if (*kind != 't') continue;
        put_number(m, strlen(values[i]), 4);
        put(m, values[i], strlen(values[i]));
    }
}

void
make_row(pgoutput_maker *m, char kind, uint32_t relation, char old_kind, const char *const old[], const char *const new[],
         unsigned column_count)
{
    start_change(m, kind);
    put_number(m, relation, 4);
    if (old_kind) {
        put(m, &old_kind, 1);
        put_tuple(m, old, column_count);
    }
    if (kind != 'D') {
        put(m, "N", 1);
        put_tuple(m, new, column_count);
    }
    finish(m);
}

void
make_truncate(pgoutput_maker *m, const uint32_t relations[], unsigned count, unsigned flags)
{
    start_change(m, 'T');
    put_number(m, count, 4);
    put_number(m, flags, 1);
    for (unsigned i = 0; i < count; i++) put_number(m, relations[i], 4);
    finish(m);
}

void
make_message(pgoutput_maker *m, bool transactional, const char *prefix, const char *content)
{
    start_change(m, 'M');
    put_number(m, transactional, 1);
    put_number(m, m->position, 8);
    put_text(m, prefix);
    put_number(m, strlen(content), 4);
    put(m, content, strlen(content));
    finish(m);
}

void
make_begin(pgoutput_maker *m, uint64_t commit, uint32_t xid)
{
    start(m, 'B');
    put_number(m, commit, 8);
    put_number(m, SAMPLE_TIME_US, 8);
    put_number(m, xid, 4);
    finish(m);
}

static void
put_end(pgoutput_maker *m, uint64_t position, uint64_t end)
{
    put_number(m, 0, 1);
    put_number(m, position, 8);
    put_number(m, end, 8);
    put_number(m, SAMPLE_TIME_US, 8);
}

void
make_commit(pgoutput_maker *m, uint64_t commit, uint64_t end)
{
    start(m, 'C');
    put_end(m, commit, end);
    finish(m);
}

void
make_stream_start(pgoutput_maker *m, uint32_t xid, bool first)
{
    start(m, 'S');
    put_number(m, xid, 4);
    put_number(m, first, 1);
    m->xid = xid;
    finish(m);
}

void
make_stream_stop(pgoutput_maker *m)
{
    start(m, 'E');
    m->xid = 0;
    finish(m);
}

void
make_stream_commit(pgoutput_maker *m, uint32_t xid, uint64_t commit, uint64_t end)
{
    start(m, 'c');
    put_number(m, xid, 4);
    put_end(m, commit, end);
    finish(m);
}

void
make_stream_abort(pgoutput_maker *m, uint32_t xid, uint32_t subxid)
{
    start(m, 'A');
    put_number(m, xid, 4);
    put_number(m, subxid, 4);
    finish(m);
}

void
make_prepared(pgoutput_maker *m, char kind, uint32_t xid, uint64_t position, uint64_t end, const char *gid)
{
    start(m, kind);
    if (kind != 'b') put_number(m, 0, 1);
    put_number(m, position, 8);
    put_number(m, end, 8);
    put_number(m, SAMPLE_TIME_US, 8);
    if (kind == 'r') put_number(m, SAMPLE_TIME_US, 8);
    put_number(m, xid, 4);
    put_text(m, gid);
    finish(m);
}

void
make_idle(pgoutput_maker *m, uint64_t position)
{
    record(m, 'k', position, (firn_slice){0});
}

void
make_restart(pgoutput_maker *m)
{
    record(m, 'x', m->position, (firn_slice){0});
}
