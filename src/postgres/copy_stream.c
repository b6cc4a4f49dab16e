#include "postgres/copy_stream.h"

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/text.h"

#define STREAM_BUFFER_SIZE ((size_t) 512 << 10)
#define STREAM_MESSAGE_SIZE_MAX (((size_t) 1 << 30) + ((size_t) 1 << 20))
#define STREAM_MESSAGE_HEADER 5
#define STREAM_WAKE_SIZE (192 << 10)
#define STREAM_WAKE_MS 5
#define STREAM_WAKE_AFTER (1 << 20) /* short streams would only wait for the time limit */

void
copy_stream_init(copy_stream *s, postgres_connection *connection, const char *what)
{
    *s = (copy_stream){.connection = connection, .what = what, .ended = true};
}

void
copy_stream_done(copy_stream *s)
{
    if (s->libpq_row) PQfreemem(s->libpq_row);
    firn_free(s->buffer);
    *s = (copy_stream){0};
}

static firn_status
fail_protocol(copy_stream *s, const char *problem, firn_error *err)
{
    s->connection->broken = true;
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "%s: %s", s->what, problem);
}

/* Room behind `end` for the rest of a message of `wanted` bytes that begins at `at`. */
static firn_status
make_room(copy_stream *s, size_t wanted, firn_error *err)
{
    size_t left = (size_t) (s->end - s->at);
    bool   oversized = s->capacity > STREAM_BUFFER_SIZE && wanted <= STREAM_BUFFER_SIZE && left <= STREAM_BUFFER_SIZE / 2;

    if (wanted > s->capacity || oversized || !s->buffer) {
        size_t   capacity = wanted > STREAM_BUFFER_SIZE ? wanted + STREAM_BUFFER_SIZE : STREAM_BUFFER_SIZE;
        uint8_t *grown = firn_alloc_aligned(capacity);
        if (!grown) return firn_fail_memory(err, "a message of PostgreSQL");
        if (left) memcpy(grown, s->at, left);
        firn_free(s->buffer);
        s->buffer = grown;
        s->capacity = capacity;
    } else if (s->at > s->buffer) {
        memmove(s->buffer, s->at, left);
    }
    s->at = s->buffer;
    s->end = s->buffer + left;
    return FIRN_OK;
}

/*
 * Each wake-up costs more than reading a few rows: let the socket collect STREAM_WAKE_SIZE first. The end
 * of the stream is shorter than that, hence the time limit.
 */
static firn_status
wait_for_bytes(copy_stream *s, firn_error *err)
{
    return copy_silence_wait(&s->silence, s->connection, s->wakes_late ? STREAM_WAKE_MS : 0, s->what, err);
}

/* libpq expects to be woken for each byte: only while the socket is ours. */
static void
set_wake_size(copy_stream *s, int size)
{
    s->wakes_late = setsockopt(PQsocket(s->connection->pg), SOL_SOCKET, SO_RCVLOWAT, &size, sizeof size) == 0 && size > 1;
}

/* At least `wanted` bytes from `at` on. */
static firn_status
fill(copy_stream *s, size_t wanted, firn_error *err)
{
    if ((size_t) (s->end - s->at) >= wanted) return FIRN_OK;
    FIRN_TRY(make_room(s, wanted, err));
    while ((size_t) (s->end - s->at) < wanted) {
        size_t   moved = 0;
        uint8_t *free_at = s->buffer + (s->end - s->buffer);
        switch (postgres_socket_receive(&s->socket, free_at, s->capacity - (size_t) (s->end - s->buffer), &moved)) {
        case SOCKET_MOVED:
            copy_silence_end(&s->silence);
            s->end += moved;
            s->byte_count += moved;
            s->statement_bytes += moved;
            break;
        case SOCKET_WAIT_READ:
            if (!s->socket.tls && !s->wakes_late && s->statement_bytes > STREAM_WAKE_AFTER) set_wake_size(s, STREAM_WAKE_SIZE);
            FIRN_TRY(wait_for_bytes(s, err));
            break;
        case SOCKET_WAIT_WRITE:
            FIRN_TRY(postgres_wait(s->connection, true, 0, err));
            break;
        case SOCKET_LOST:
            return postgres_socket_fail_lost(s->connection, s->what, err);
        }
    }
    return FIRN_OK;
}

/* ---- messages ---- */

/* A NUL-terminated text inside `body`, or NULL. */
static const char *
text_in(firn_slice body)
{
    return body.size && memchr(body.data, 0, body.size) ? (const char *) body.data : NULL;
}

static firn_status
read_command_tag(copy_stream *s, firn_slice body, firn_error *err)
{
    const char *tag = text_in(body);
    uint64_t    count;
    if (!tag || !text_starts_with(tag, "COPY ") || !text_parse_u64(firn_slice_text(tag + 5), &count))
        return fail_protocol(s, "PostgreSQL did not say how many rows it sent", err);
    s->server_count += count;
    return FIRN_OK;
}

static firn_status
check_copy_response(copy_stream *s, firn_slice body, firn_error *err)
{
    if (body.size < 3 || body.data[0] != 1) return fail_protocol(s, "PostgreSQL does not send its binary format", err);
    return FIRN_OK;
}

static firn_status
receive_through_libpq(copy_stream *s, firn_slice *ret_message, firn_error *err)
{
    PGconn *pg = s->connection->pg;
    if (s->libpq_row) PQfreemem(FIRN_STEAL(s->libpq_row));
    for (;;) {
        int size = PQgetCopyData(pg, &s->libpq_row, 1);
        if (size > 0) {
            copy_silence_end(&s->silence);
            s->byte_count += (uint64_t) size;
            *ret_message = firn_slice_of(s->libpq_row, (size_t) size);
            return FIRN_OK;
        }
        if (size < 0) break;
        FIRN_TRY(copy_silence_wait(&s->silence, s->connection, 0, s->what, err));
        if (!PQconsumeInput(pg)) return postgres_socket_fail_lost(s->connection, s->what, err);
    }
    for (PGresult *result; (result = PQgetResult(pg)); PQclear(result)) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            s->connection->broken = true;
            postgres_fail(err, s->what, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                          PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                          PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                          PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
            PQclear(result);
            return err->status;
        }
        uint64_t count = 0;
        if (text_parse_u64(firn_slice_text(PQcmdTuples(result)), &count)) s->server_count += count;
    }
    s->ended = true;
    *ret_message = (firn_slice){0};
    return FIRN_OK;
}

firn_status
copy_stream_receive(copy_stream *s, firn_slice *ret_message, firn_error *err)
{
    *ret_message = (firn_slice){0};
    if (s->ended) return FIRN_OK;
    if (s->through_libpq) return receive_through_libpq(s, ret_message, err);
    for (;;) {
        FIRN_TRY(fill(s, STREAM_MESSAGE_HEADER, err));
        uint8_t type = s->at[0];
        size_t  size = load_be32(s->at + 1);
        if (size < 4 || size > STREAM_MESSAGE_SIZE_MAX) return fail_protocol(s, "a message has an impossible size", err);
        FIRN_TRY(fill(s, size + 1, err));
        firn_slice body = firn_slice_of(s->at + STREAM_MESSAGE_HEADER, size - 4);
        s->at += size + 1;

        switch (type) {
        case 'd': /* CopyData */
            if (body.size == 0) break;
            *ret_message = body;
            return FIRN_OK;
        case 'H': /* CopyOutResponse */
            FIRN_TRY(check_copy_response(s, body, err));
            break;
        case 'C': /* CommandComplete */
            FIRN_TRY(read_command_tag(s, body, err));
            break;
        case 'Z': /* ReadyForQuery */
            /* What comes unasked is the end of the connection, or a message for libpq: no more use for it, but all rows
             * are here. */
            if (s->at != s->end) s->connection->broken = true;
            s->ended = true;
            if (s->wakes_late) set_wake_size(s, 1);
            return FIRN_OK;
        case 'E': /* ErrorResponse */
            s->connection->broken = true;
            return postgres_fail_response(s->what, body, err);
        case 'c': /* CopyDone */
        case 'N': /* NoticeResponse */
        case 'S': /* ParameterStatus */
        case 'A': /* NotificationResponse */
            break;
        default:
            return fail_protocol(s, "a message of an unknown type", err);
        }
    }
}

static firn_status
start_through_libpq(copy_stream *s, const char *sql, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *result = NULL;
    if (!PQsendQuery(s->connection->pg, sql)) return postgres_socket_fail_lost(s->connection, s->what, err);
    while (PQisBusy(s->connection->pg)) {
        if (PQflush(s->connection->pg) > 0) FIRN_TRY(postgres_wait(s->connection, true, 0, err));
        else
            FIRN_TRY(copy_silence_wait(&s->silence, s->connection, 0, s->what, err));
        if (!PQconsumeInput(s->connection->pg)) return postgres_socket_fail_lost(s->connection, s->what, err);
    }
    result = PQgetResult(s->connection->pg);
    if (PQresultStatus(result) == PGRES_COPY_OUT) return FIRN_OK;
    s->connection->broken = true;
    return postgres_fail(err, s->what, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}

firn_status
copy_stream_start(copy_stream *s, const char *sql, firn_error *err)
{
    size_t sql_size = strlen(sql) + 1;
    PGconn *pg = s->connection->pg;

    assert(s->ended);
    if (s->connection->broken) return postgres_socket_fail_lost(s->connection, s->what, err);
    /* What the server said meanwhile goes to libpq, where it belongs. */
    if (!PQconsumeInput(pg)) return postgres_socket_fail_lost(s->connection, s->what, err);
    for (PGnotify *note; (note = PQnotifies(pg));) PQfreemem(note);

    s->through_libpq = !postgres_socket_take(s->connection, &s->socket);
    s->ended = false;
    s->statement_bytes = 0;
    copy_silence_end(&s->silence);
    s->at = s->end = s->buffer;
    if (s->through_libpq) return start_through_libpq(s, sql, err);

    if (sql_size > (size_t) INT_MAX - 8) return fail_protocol(s, "the statement is too long", err);
    FIRN_TRY(make_room(s, STREAM_MESSAGE_HEADER + sql_size, err));
    s->buffer[0] = 'Q';
    store_be32(s->buffer + 1, (uint32_t) (sql_size + 4));
    memcpy(s->buffer + STREAM_MESSAGE_HEADER, sql, sql_size);
    return postgres_socket_send_all(&s->socket, s->connection, s->buffer, STREAM_MESSAGE_HEADER + sql_size, s->what, err);
}
