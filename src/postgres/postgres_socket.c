#include "postgres/postgres_socket.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

bool
postgres_socket_take(const postgres_connection *connection, postgres_socket *ret_socket)
{
    PGconn *pg = connection->pg;
    ret_socket->fd = PQsocket(pg);
    ret_socket->tls = PQsslInUse(pg) ? PQsslStruct(pg, "OpenSSL") : NULL;
    return !PQgssEncInUse(pg) && (!PQsslInUse(pg) || ret_socket->tls);
}

static socket_result
tls_result(SSL *tls, int moved)
{
    switch (SSL_get_error(tls, moved)) {
    case SSL_ERROR_WANT_READ:
        return SOCKET_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return SOCKET_WAIT_WRITE;
    default:
        return SOCKET_LOST;
    }
}

socket_result
postgres_socket_receive(const postgres_socket *s, void *to, size_t size, size_t *ret_size)
{
    if (s->tls) {
        ERR_clear_error();
        int got = SSL_read(s->tls, to, size > INT_MAX ? INT_MAX : (int) size);
        if (got <= 0) return tls_result(s->tls, got);
        *ret_size = (size_t) got;
        return SOCKET_MOVED;
    }
    ssize_t got;
    do got = recv(s->fd, to, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? SOCKET_WAIT_READ : SOCKET_LOST;
    if (got == 0) return SOCKET_LOST;
    *ret_size = (size_t) got;
    return SOCKET_MOVED;
}

socket_result
postgres_socket_send(const postgres_socket *s, const void *from, size_t size, size_t *ret_size)
{
    if (s->tls) {
        ERR_clear_error();
        int sent = SSL_write(s->tls, from, size > INT_MAX ? INT_MAX : (int) size);
        if (sent <= 0) return tls_result(s->tls, sent);
        *ret_size = (size_t) sent;
        return SOCKET_MOVED;
    }
    ssize_t sent;
    do sent = send(s->fd, from, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return errno == EAGAIN ? SOCKET_WAIT_WRITE : SOCKET_LOST;
    *ret_size = (size_t) sent;
    return SOCKET_MOVED;
}

firn_status
postgres_socket_fail_lost(postgres_connection *connection, const char *what, firn_error *err)
{
    connection->broken = true;
    return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "%s: PostgreSQL closed the connection", what);
}

firn_status
postgres_socket_send_all(const postgres_socket *s, postgres_connection *connection, const void *from, size_t size,
                         const char *what, firn_error *err)
{
    const uint8_t *at = from;
    while (size > 0) {
        size_t moved = 0;
        switch (postgres_socket_send(s, at, size, &moved)) {
        case SOCKET_MOVED:
            at += moved;
            size -= moved;
            break;
        case SOCKET_WAIT_READ:
            FIRN_TRY(postgres_wait(connection, false, 0, err));
            break;
        case SOCKET_WAIT_WRITE:
            FIRN_TRY(postgres_wait(connection, true, 0, err));
            break;
        case SOCKET_LOST:
            return postgres_socket_fail_lost(connection, what, err);
        }
    }
    return FIRN_OK;
}

firn_status
postgres_fail_response(const char *what, firn_slice body, firn_error *err)
{
    const char *state = NULL, *message = NULL, *detail = NULL, *hint = NULL;
    while (body.size > 1 && body.data[0]) {
        char        field = (char) body.data[0];
        const char *text = (const char *) body.data + 1;
        if (!memchr(text, 0, body.size - 1)) break;
        if (field == 'C') state = text;
        if (field == 'M') message = text;
        if (field == 'D') detail = text;
        if (field == 'H') hint = text;
        size_t size = strlen(text) + 2;
        body = firn_slice_of(body.data + size, body.size - size);
    }
    return postgres_fail(err, what, state, message, detail, hint);
}
