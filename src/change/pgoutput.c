#include "change/pgoutput.h"

#include "base/calendar.h"
#include "base/reader.h"

#define FLAG_KEY 1
#define FLAG_TRANSACTIONAL 1
#define FLAG_CASCADE 1
#define FLAG_RESTART 2
#define COLUMN_SIZE_MIN 10 /* flags, an empty name, type, typmod */

/* Up to and without the zero byte. */
static firn_slice
read_text(firn_reader *r)
{
    const uint8_t *zero = r->failed ? NULL : memchr(r->at, 0, firn_reader_left(r));
    if (!zero) {
        r->failed = true;
        return (firn_slice){0};
    }
    firn_slice text = firn_slice_of(r->at, (size_t) (zero - r->at));
    r->at = zero + 1;
    return text;
}

static int64_t
read_time(firn_reader *r)
{
    int64_t us;
    if (__builtin_add_overflow((int64_t) firn_reader_be64(r), CALENDAR_PG_EPOCH_US, &us)) us = INT64_MAX;
    return us;
}

/* ---- rows ---- */

static bool
read_tuple(firn_reader *r, change_tuple *ret_tuple)
{
    unsigned       column_count = firn_reader_be16(r);
    const uint8_t *start = r->at, *at = start, *end = r->end;

    if (r->failed || column_count > CHANGE_COLUMNS_MAX) return false;
    ret_tuple->has_unchanged = false;
    for (unsigned i = 0; i < column_count; i++) {
        if (FIRN_UNLIKELY(at == end)) return false;
        uint8_t kind = *at++;
        if (kind == TUPLE_TEXT || kind == TUPLE_BINARY) {
            if (FIRN_UNLIKELY(end - at < 4)) return false;
            size_t size = load_be32(at);
            at += 4;
            if (FIRN_UNLIKELY(size > (size_t) (end - at))) return false;
            at += size;
        } else if (kind == TUPLE_UNCHANGED) {
            ret_tuple->has_unchanged = true;
        } else if (FIRN_UNLIKELY(kind != TUPLE_NULL)) {
            return false;
        }
    }
    ret_tuple->bytes = firn_slice_of(start, (size_t) (at - start));
    ret_tuple->column_count = column_count;
    r->at = at;
    return true;
}

static bool
read_row(firn_reader *r, pgoutput_kind kind, pgoutput_row *ret_row)
{
    ret_row->relation_id = firn_reader_be32(r);
    ret_row->old_is_key = false;
    ret_row->old = ret_row->new = (change_tuple){0};
    uint8_t part = firn_reader_u8(r);
    if (kind != PGOUTPUT_INSERT && (part == 'K' || part == 'O')) {
        ret_row->old_is_key = part == 'K';
        if (!read_tuple(r, &ret_row->old)) return false;
        if (kind == PGOUTPUT_DELETE) return true;
        part = firn_reader_u8(r);
    }
    return kind != PGOUTPUT_DELETE && part == 'N' && read_tuple(r, &ret_row->new);
}

static bool
read_truncate(firn_reader *r, pgoutput_truncate *ret_truncate)
{
    ret_truncate->relation_count = firn_reader_be32(r);
    uint8_t flags = firn_reader_u8(r);
    ret_truncate->cascade = flags & FLAG_CASCADE;
    ret_truncate->restart = flags & FLAG_RESTART;
    if (r->failed || ret_truncate->relation_count > firn_reader_left(r) / 4) return false;
    ret_truncate->relation_ids = firn_reader_take(r, 4 * (size_t) ret_truncate->relation_count);
    return true;
}

/* ---- relations ---- */

bool
pgoutput_column_next(firn_slice *columns, pgoutput_column *ret_column)
{
    firn_reader r = firn_reader_of(*columns);
    if (columns->size == 0) return false;
    ret_column->is_key = firn_reader_u8(&r) & FLAG_KEY;
    ret_column->name = read_text(&r);
    ret_column->type_oid = firn_reader_be32(&r);
    ret_column->typmod = (int32_t) firn_reader_be32(&r);
    if (r.failed) return false;
    *columns = firn_slice_of(r.at, firn_reader_left(&r));
    return true;
}

static bool
read_relation(firn_reader *r, pgoutput_relation *ret_relation)
{
    ret_relation->id = firn_reader_be32(r);
    ret_relation->schema = read_text(r);
    ret_relation->name = read_text(r);
    uint8_t identity = firn_reader_u8(r);
    if (identity != IDENTITY_DEFAULT && identity != IDENTITY_NOTHING && identity != IDENTITY_FULL &&
        identity != IDENTITY_INDEX)
        return false;
    ret_relation->identity = (replica_identity) identity;
    ret_relation->column_count = firn_reader_be16(r);
    if (r->failed || ret_relation->column_count > CHANGE_COLUMNS_MAX ||
        ret_relation->column_count > firn_reader_left(r) / COLUMN_SIZE_MIN)
        return false;

    firn_slice      rest = firn_slice_of(r->at, firn_reader_left(r));
    pgoutput_column column;
    for (unsigned i = 0; i < ret_relation->column_count; i++)
        if (!pgoutput_column_next(&rest, &column)) return false;
    ret_relation->columns = firn_slice_of(r->at, firn_reader_left(r) - rest.size);
    r->at = rest.data;
    return true;
}

/* ---- transactions ---- */

static bool
read_gid(firn_reader *r, pgoutput_transaction *transaction)
{
    transaction->gid = read_text(r);
    return transaction->gid.size < PGOUTPUT_GID_SIZE_MAX;
}

static bool
read_transaction(firn_reader *r, pgoutput_message *m)
{
    pgoutput_transaction *t = &m->transaction;
    *t = (pgoutput_transaction){0};
    if (m->kind == PGOUTPUT_BEGIN) {
        t->position = firn_reader_be64(r);
        t->time_us = read_time(r);
        m->xid = firn_reader_be32(r);
        return t->position != 0;
    }
    if (m->kind == PGOUTPUT_STREAM_COMMIT) m->xid = firn_reader_be32(r);
    if (m->kind != PGOUTPUT_BEGIN_PREPARE && firn_reader_u8(r) != 0) return false; /* flags: none is known */
    t->position = firn_reader_be64(r);
    t->end_position = firn_reader_be64(r);
    t->time_us = read_time(r);
    if (m->kind == PGOUTPUT_ROLLBACK_PREPARED) t->time_us = read_time(r); /* behind that of the prepare */
    if (m->kind != PGOUTPUT_COMMIT && m->kind != PGOUTPUT_STREAM_COMMIT) {
        m->xid = firn_reader_be32(r);
        if (!read_gid(r, t)) return false;
    }
    return t->position != 0 && (t->end_position >= t->position || m->kind == PGOUTPUT_ROLLBACK_PREPARED);
}

static bool
read_stream(firn_reader *r, pgoutput_message *m)
{
    m->stream = (pgoutput_stream){0};
    if (m->kind == PGOUTPUT_STREAM_STOP) return true;
    m->xid = firn_reader_be32(r);
    if (m->kind == PGOUTPUT_STREAM_START) {
        m->stream.is_first = firn_reader_u8(r) == 1;
        return true;
    }
    m->stream.subxid = firn_reader_be32(r);
    if (firn_reader_left(r)) {
        m->stream.has_abort = true;
        m->stream.abort_position = firn_reader_be64(r);
        m->stream.abort_time_us = read_time(r);
    }
    return true;
}

/* ---- the rest ---- */

static bool
read_logical_message(firn_reader *r, pgoutput_text *ret_text)
{
    ret_text->is_transactional = firn_reader_u8(r) & FLAG_TRANSACTIONAL;
    ret_text->position = firn_reader_be64(r);
    ret_text->prefix = read_text(r);
    uint32_t size = firn_reader_be32(r);
    ret_text->content = firn_slice_of(firn_reader_take(r, size), size);
    return true;
}

static bool
read_origin(firn_reader *r, pgoutput_text *ret_text)
{
    *ret_text = (pgoutput_text){.position = firn_reader_be64(r)};
    ret_text->prefix = read_text(r);
    return true;
}

/* Only rows need be quick. */
static bool
read_other(firn_reader *r, pgoutput_message *m)
{
    switch (m->kind) {
    case PGOUTPUT_BEGIN:
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_STREAM_COMMIT:
    case PGOUTPUT_BEGIN_PREPARE:
    case PGOUTPUT_PREPARE:
    case PGOUTPUT_COMMIT_PREPARED:
    case PGOUTPUT_ROLLBACK_PREPARED:
    case PGOUTPUT_STREAM_PREPARE:
        return read_transaction(r, m);
    case PGOUTPUT_RELATION:
        return read_relation(r, &m->relation);
    case PGOUTPUT_TYPE:
        firn_reader_take(r, 4);
        read_text(r);
        read_text(r);
        return true;
    case PGOUTPUT_TRUNCATE:
        return read_truncate(r, &m->truncate);
    case PGOUTPUT_MESSAGE:
        return read_logical_message(r, &m->text);
    case PGOUTPUT_ORIGIN:
        return read_origin(r, &m->text);
    case PGOUTPUT_STREAM_START:
    case PGOUTPUT_STREAM_STOP:
    case PGOUTPUT_STREAM_ABORT:
        return read_stream(r, m);
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        break;
    }
    return false;
}

static bool
has_xid_in_stream(pgoutput_kind kind)
{
    return kind == PGOUTPUT_INSERT || kind == PGOUTPUT_UPDATE || kind == PGOUTPUT_DELETE || kind == PGOUTPUT_TRUNCATE ||
           kind == PGOUTPUT_RELATION || kind == PGOUTPUT_TYPE || kind == PGOUTPUT_MESSAGE;
}

static FIRN_NOINLINE firn_status
fail_message(firn_slice bytes, const firn_reader *r, firn_error *err)
{
    uint8_t type = bytes.size ? bytes.data[0] : 0;
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL,
                     "a logical replication message of %zu bytes, type '%c' (0x%02x), is not valid near byte %zu",
                     bytes.size, type > 0x20 && type < 0x7f ? type : '?', type, firn_reader_offset(r));
}

firn_status
pgoutput_decode(firn_slice bytes, bool in_stream, pgoutput_message *ret_message, firn_error *err)
{
    firn_reader r = firn_reader_of(bytes);
    uint8_t     type = firn_reader_u8(&r);
    ret_message->kind = (pgoutput_kind) type;
    ret_message->xid = 0;
    if (in_stream && has_xid_in_stream(ret_message->kind)) ret_message->xid = firn_reader_be32(&r);

    bool is_row = ret_message->kind == PGOUTPUT_INSERT || ret_message->kind == PGOUTPUT_UPDATE ||
                  ret_message->kind == PGOUTPUT_DELETE;
    bool is_valid = is_row ? read_row(&r, ret_message->kind, &ret_message->row) : read_other(&r, ret_message);
    if (FIRN_UNLIKELY(!is_valid || r.failed || firn_reader_left(&r))) return fail_message(bytes, &r, err);
    return FIRN_OK;
}
