#include "postgres/replication_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "base/calendar.h"
#include "base/clock.h"

#define BLOCK_SIZE ((size_t) 1 << 20)
#define RECEIVE_SIZE_MIN ((size_t) 64 << 10) /* a block with less room is left */
#define MESSAGE_SIZE_MAX (((size_t) 1 << 30) + ((size_t) 1 << 20))
#define STATEMENT_SIZE_MAX ((size_t) 1 << 16)
#define NAP_US 8000
#define SOCKET_BYTES (64 << 10) /* the kernel doubles it */
#define NEAR_US 500u
#define DRAINED_SIZE ((size_t) 8 << 10) /* less at once: there is no more */
#define EMPTY_NAPS_MAX 8
#define WHAT "reading the stream of changes"

/* Bodies of CopyData: 'w' XLogData, 'k' keepalive. */
#define XLOG_HEADER_SIZE 25
#define KEEPALIVE_SIZE 18
#define STATUS_SIZE 34

/* ---- starting ---- */

static firn_status
add_option(firn_buffer *sql, const char *name, const char *value, firn_error *err)
{
    return firn_buffer_printf(sql, err, "%s\"%s\" '%s'", sql->data[sql->size - 1] == '(' ? "" : ", ", name, value);
}

/* A list of one quoted name, in a literal of the replication grammar, which has no escapes but the doubled quote. */
static firn_status
add_publication(firn_buffer *sql, const char *name, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(sql, ", \"publication_names\" '\"", err));
    for (; *name; name++) {
        if (*name == '"' || *name == '\'') FIRN_TRY(firn_buffer_add_byte(sql, (uint8_t) *name, err));
        FIRN_TRY(firn_buffer_add_byte(sql, (uint8_t) *name, err));
    }
    return firn_buffer_add_text(sql, "\"'", err);
}

static firn_status
add_start(firn_buffer *sql, const postgres_feed_settings *settings, int version, uint64_t position,
          const replication_state *state, bool is_binary, firn_error *err)
{
    char at[CHANGE_POSITION_TEXT_MAX];
    change_position_format(position, at);
    FIRN_TRY(firn_buffer_add_text(sql, "START_REPLICATION SLOT ", err));
    FIRN_TRY(postgres_add_identifier(sql, settings->server->slot_name, err));
    FIRN_TRY(firn_buffer_printf(sql, err, " LOGICAL %s (", at));
    FIRN_TRY(add_option(sql, "proto_version", version >= 160000 ? "4" : version >= 150000 ? "3" : version >= 140000 ? "2" : "1",
                        err));
    FIRN_TRY(add_publication(sql, settings->server->publication_name, err));
    if (version >= 140000) {
        FIRN_TRY(add_option(sql, "messages", "true", err));
        if (is_binary) FIRN_TRY(add_option(sql, "binary", "true", err));
        if (!settings->no_streaming) FIRN_TRY(add_option(sql, "streaming", "on", err));
    }
    if (version >= 150000 && state->two_phase) FIRN_TRY(add_option(sql, "two_phase", "on", err));
    if (version >= 160000) FIRN_TRY(add_option(sql, "origin", "any", err));
    FIRN_TRY(firn_buffer_add_text(sql, ")", err));
    return firn_buffer_add_byte(sql, 0, err);
}

static firn_status
start_through_libpq(replication_link *link, const char *sql, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *result = NULL;
    PGconn *pg = link->connection->pg;
    if (!PQsendQuery(pg, sql)) return postgres_fail_lost(err, link->connection, WHAT);
    while (PQisBusy(pg)) {
        FIRN_TRY(postgres_wait(link->connection, PQflush(pg) > 0, 0, err));
        if (!PQconsumeInput(pg)) return postgres_fail_lost(err, link->connection, WHAT);
    }
    result = PQgetResult(pg);
    if (PQresultStatus(result) == PGRES_COPY_BOTH) return FIRN_OK;
    return postgres_fail(err, WHAT, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}

static firn_status
start(replication_link *link, const char *sql, firn_error *err)
{
    uint8_t header[LINK_HEADER_SIZE] = {'Q'};
    size_t  size = strlen(sql) + 1;
    link->through_libpq = !postgres_socket_take(link->connection, &link->socket);
    if (link->through_libpq) return start_through_libpq(link, sql, err);
    store_be32(header + 1, (uint32_t) (size + 4));
    FIRN_TRY(postgres_socket_send_all(&link->socket, link->connection, header, sizeof header, WHAT, err));
    return postgres_socket_send_all(&link->socket, link->connection, sql, size, WHAT, err);
}

/* The checks have a connection of their own: the catalog cannot be asked on one that replicates. */
static firn_status
check(replication_link *link, const postgres_feed_settings *settings, task_cancel *const cancels[2],
      replication_state *ret_state, firn_error *err)
{
    FIRN_AUTO(postgres_connection_freep) postgres_connection *catalog = NULL;
    FIRN_TRY(postgres_connection_new(settings->server, cancels, false, &catalog, err));
    return replication_check(settings, catalog, link->connection, ret_state, err);
}

/*
 * PostgreSQL sends each message by itself, and each is a packet on its way while the receiver has room: more work than all of the decoding.
 * With little room, most of them are added to what waits in the server's socket already. A server that is far away needs the room.
 */
static void
limit_window(const postgres_connection *c)
{
    int             size = SOCKET_BYTES;
    struct tcp_info info = {0};
    socklen_t       info_size = sizeof info;

    if (getsockopt(PQsocket(c->pg), IPPROTO_TCP, TCP_INFO, &info, &info_size) < 0 || info.tcpi_rtt >= NEAR_US) return;
    (void) !setsockopt(PQsocket(c->pg), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

firn_status
replication_link_open(replication_link *link, const postgres_feed_settings *settings, task_cancel *const cancels[2],
                      uint64_t position, replication_state *ret_state, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    *link = (replication_link){0};
    FIRN_TRY(postgres_connection_new(settings->server, cancels, true, &link->connection, err));
    FIRN_TRY(check(link, settings, cancels, ret_state, err));
    FIRN_TRY(postgres_set_formats(link->connection, err));
    link->is_binary = ret_state->native_types;
    firn_buffer_init(&sql, STATEMENT_SIZE_MAX);
    FIRN_TRY(add_start(&sql, settings, link->connection->server_version, position, ret_state, link->is_binary, err));
    limit_window(link->connection);
    FIRN_TRY(start(link, (const char *) sql.data, err));
    link->server_position = ret_state->written_position;
    return FIRN_OK;
}

void
replication_link_done(replication_link *link)
{
    change_block_unref(link->block);
    postgres_connection_free(link->connection);
    *link = (replication_link){0};
}

/* ---- receiving ---- */

static firn_status
fail_protocol(const replication_link *link, const char *problem, firn_error *err)
{
    link->connection->broken = true;
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, WHAT ": %s", problem);
}

/* Room for `wanted` bytes behind those that are there; what is no whole message moves to a new block. */
static firn_status
make_room(replication_link *link, size_t wanted, firn_error *err)
{
    change_block *old = link->block;
    if (old && old->capacity - old->size >= wanted) return FIRN_OK;
    size_t        rest = old ? old->size - link->whole : 0;
    size_t        capacity = rest + wanted > BLOCK_SIZE ? rest + wanted : BLOCK_SIZE;
    change_block *block = change_block_new(capacity);
    if (!block) return firn_fail_memory(err, "received changes");
    if (rest) memcpy(block->data, old->data + link->whole, rest);
    block->size = rest;
    change_block_unref(old);
    link->block = block;
    link->whole = 0;
    return FIRN_OK;
}

static firn_status
look_at_copy_data(replication_link *link, const uint8_t *body, size_t size, firn_error *err)
{
    if (size > XLOG_HEADER_SIZE && body[0] == 'w') {
        link->received_position = load_be64(body + 1);
        link->message_count++;
        uint64_t end = load_be64(body + 9);
        if (end > link->server_position) link->server_position = end;
        return FIRN_OK;
    }
    if (size >= KEEPALIVE_SIZE && body[0] == 'k') {
        uint64_t end = load_be64(body + 1);
        if (end > link->server_position) link->server_position = end;
        if (end > link->received_position) link->received_position = end;
        link->server_time_us = (int64_t) load_be64(body + 9) + CALENDAR_PG_EPOCH_US;
        if (body[17]) link->reply_wanted = true;
        return FIRN_OK;
    }
    return fail_protocol(link, "a message of an unknown kind", err);
}

/* Moves `whole` over the messages that are complete. `ret_missing`: bytes that the next one needs at least. */
static firn_status
look_at_messages(replication_link *link, size_t *ret_missing, firn_error *err)
{
    const change_block *block = link->block;
    size_t              at = link->whole;
    *ret_missing = 0;
    while (block->size - at >= LINK_HEADER_SIZE) {
        const uint8_t *header = block->data + at;
        size_t         size = load_be32(header + 1);
        if (FIRN_UNLIKELY(size < 4 || size > MESSAGE_SIZE_MAX)) return fail_protocol(link, "a message has an impossible size", err);
        if (block->size - at < size + 1) {
            *ret_missing = size + 1 - (block->size - at);
            break;
        }
        const uint8_t *body = header + LINK_HEADER_SIZE;
        if (FIRN_LIKELY(header[0] == 'd')) {
            FIRN_TRY(look_at_copy_data(link, body, size - 4, err));
        } else if (header[0] == 'E') {
            link->connection->broken = true;
            return postgres_fail_response(WHAT, firn_slice_of(body, size - 4), err);
        } else if (header[0] == 'Z' || (!link->is_ending && (header[0] == 'c' || header[0] == 'C'))) {
            return postgres_socket_fail_lost(link->connection, WHAT, err); /* the server ends the stream: it shuts down */
        } else if (header[0] != 'W' && header[0] != 'N' && header[0] != 'S' && header[0] != 'A') {
            return fail_protocol(link, "a message of an unknown type", err);
        }
        at += size + 1;
    }
    link->whole = at;
    return FIRN_OK;
}

/* As it would have come: type and size before the content. */
static firn_status
receive_through_libpq(replication_link *link, size_t *ret_size, firn_error *err)
{
    PGconn *pg = link->connection->pg;
    char   *copied = NULL;
    *ret_size = 0;
    for (bool is_fresh = false;;) {
        int size = PQgetCopyData(pg, &copied, 1);
        if (size > 0) {
            firn_status status = make_room(link, (size_t) size + LINK_HEADER_SIZE, err);
            if (!status) {
                uint8_t *at = link->block->data + link->block->size;
                at[0] = 'd';
                store_be32(at + 1, (uint32_t) size + 4);
                memcpy(at + LINK_HEADER_SIZE, copied, (size_t) size);
                link->block->size += (size_t) size + LINK_HEADER_SIZE;
                *ret_size += (size_t) size + LINK_HEADER_SIZE;
            }
            PQfreemem(copied);
            if (status || *ret_size >= RECEIVE_SIZE_MIN) return status;
            continue;
        }
        if (size < 0) {
            if (link->is_ending) return postgres_socket_fail_lost(link->connection, WHAT, err); /* the result would be waited for */
            FIRN_AUTO(postgres_result_freep) PGresult *result = PQgetResult(pg);
            link->connection->broken = true;
            const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
            if (!state) return postgres_socket_fail_lost(link->connection, WHAT, err);
            return postgres_fail(err, WHAT, state, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                                 PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                                 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
        }
        if (is_fresh) return FIRN_OK;
        if (!PQconsumeInput(pg)) return postgres_fail_lost(err, link->connection, WHAT);
        is_fresh = true;
    }
}

static firn_status
receive_some(replication_link *link, size_t *ret_size, firn_error *err)
{
    change_block *block = link->block;
    *ret_size = 0;
    switch (postgres_socket_receive(&link->socket, block->data + block->size, block->capacity - block->size, ret_size)) {
    case SOCKET_MOVED:
        block->size += *ret_size;
        return FIRN_OK;
    case SOCKET_WAIT_READ:
    case SOCKET_WAIT_WRITE:
        return FIRN_OK;
    case SOCKET_LOST:
        break;
    }
    return postgres_socket_fail_lost(link->connection, WHAT, err);
}

firn_status
replication_link_receive(replication_link *link, link_segment *ret_segment, firn_error *err)
{
    size_t size, missing;
    *ret_segment = (link_segment){0};
    FIRN_TRY(make_room(link, RECEIVE_SIZE_MIN, err));
    FIRN_TRY(link->through_libpq ? receive_through_libpq(link, &size, err) : receive_some(link, &size, err));
    link->is_drained = size < DRAINED_SIZE;
    if (!size) return FIRN_OK;
    link->empty_naps = 0;
    link->byte_count += size;
    size_t from = link->whole;
    FIRN_TRY(look_at_messages(link, &missing, err));
    if (link->whole > from) *ret_segment = (link_segment){change_block_ref(link->block), from, link->whole};
    /* A message that is larger than what is left: it lies whole in one block. */
    if (missing > link->block->capacity - link->block->size) FIRN_TRY(make_room(link, missing + RECEIVE_SIZE_MIN, err));
    return FIRN_OK;
}

/* ---- waiting ---- */

firn_status
replication_link_wait(replication_link *link, int wake_fd, uint64_t timeout_ms, firn_error *err)
{
    bool          naps = link->empty_naps < EMPTY_NAPS_MAX;
    struct pollfd fds[4] = {{.fd = wake_fd, .events = POLLIN}};
    nfds_t        count = 1;
    for (size_t i = 0; i < FIRN_COUNT(link->connection->cancels); i++)
        if (link->connection->cancels[i])
            fds[count++] = (struct pollfd){.fd = task_cancel_fd(link->connection->cancels[i]), .events = POLLIN};
    if (!naps) fds[count++] = (struct pollfd){.fd = PQsocket(link->connection->pg), .events = POLLIN};
    struct timespec limit = {0, NAP_US * 1000};
    if (!naps) limit = (struct timespec){(time_t) (timeout_ms / 1000), (long) (timeout_ms % 1000) * 1000000};
    link->empty_naps++;
    if (ppoll(fds, count, &limit, NULL) < 0 && errno != EINTR)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot wait for PostgreSQL");
    /* The first byte of a burst: let more come. */
    if (!naps && fds[count - 1].revents) link->empty_naps = 0;
    return postgres_check_cancel(link->connection, err);
}

/* ---- status ---- */

firn_status
replication_link_send_status(replication_link *link, uint64_t received, uint64_t flushed, bool wants_reply, firn_error *err)
{
    uint8_t  message[LINK_HEADER_SIZE + STATUS_SIZE] = {'d'};
    uint8_t *body = message + LINK_HEADER_SIZE;
    store_be32(message + 1, STATUS_SIZE + 4);
    body[0] = 'r';
    store_be64(body + 1, received);
    store_be64(body + 9, flushed);
    store_be64(body + 17, flushed);
    store_be64(body + 25, (uint64_t) (firn_clock_now_us() - CALENDAR_PG_EPOCH_US));
    body[33] = wants_reply;
    link->reply_wanted = false;
    if (!link->through_libpq)
        return postgres_socket_send_all(&link->socket, link->connection, message, sizeof message, WHAT, err);
    if (PQputCopyData(link->connection->pg, (const char *) body, STATUS_SIZE) < 0 || PQflush(link->connection->pg) < 0)
        return postgres_fail_lost(err, link->connection, WHAT);
    return FIRN_OK;
}

/* ---- the end ---- */

static firn_status
send_copy_done(replication_link *link, firn_error *err)
{
    static const uint8_t message[LINK_HEADER_SIZE] = {'c', 0, 0, 0, 4};
    PGconn              *pg = link->connection->pg;

    if (!link->through_libpq)
        return postgres_socket_send_all(&link->socket, link->connection, message, sizeof message, WHAT, err);
    if (PQputCopyEnd(pg, NULL) < 0 || PQflush(pg) < 0) return postgres_fail_lost(err, link->connection, WHAT);
    return FIRN_OK;
}

void
replication_link_end(replication_link *link, uint64_t timeout_ms)
{
    const uint64_t until_us = firn_clock_monotonic_us() + timeout_ms * 1000;
    firn_error     ignored = {0};
    link_segment   segment;

    link->is_ending = true;
    if (send_copy_done(link, &ignored)) return;
    while (!replication_link_receive(link, &segment, &ignored)) {
        uint64_t now_us = firn_clock_monotonic_us();

        change_block_unref(segment.block);
        if (now_us >= until_us) return;
        if (link->is_drained) {
            struct pollfd socket = {.fd = PQsocket(link->connection->pg), .events = POLLIN};
            (void) poll(&socket, 1, (int) ((until_us - now_us) / 1000) + 1);
        }
    }
}
