/*
 * The socket of a connection, taken over from libpq for streams that are too quick for it (one malloc'ed copy a message).
 *
 * While a connection is idle its socket is ours, as long as libpq is left alone until the stream's end is read. With TLS
 * through libpq's own SSL object; a GSS-encrypted connection cannot be taken over.
 */
#ifndef FIRN_POSTGRES_POSTGRES_SOCKET_H
#define FIRN_POSTGRES_POSTGRES_SOCKET_H

#include "base/slice.h"
#include "postgres/postgres_connection.h"

typedef struct postgres_socket {
    int   fd;
    void *tls; /* SSL of libpq, or NULL */
} postgres_socket;

typedef enum socket_result { SOCKET_MOVED, SOCKET_WAIT_READ, SOCKET_WAIT_WRITE, SOCKET_LOST } socket_result;

/* False: not possible, go through libpq. */
FIRN_MUST_USE bool postgres_socket_take(const postgres_connection *connection, postgres_socket *ret_socket);

/* What can be moved without waiting, at least one byte. */
socket_result postgres_socket_receive(const postgres_socket *s, void *to, size_t size, size_t *ret_size);
socket_result postgres_socket_send(const postgres_socket *s, const void *from, size_t size, size_t *ret_size);
/* All of it, waiting as needed; `what`: "reading 'shop.orders'". A lost connection is `broken`. */
FIRN_MUST_USE firn_status postgres_socket_send_all(const postgres_socket *s, postgres_connection *connection, const void *from,
                                                   size_t size, const char *what, firn_error *err);
firn_status postgres_socket_fail_lost(postgres_connection *connection, const char *what, firn_error *err);
/* The body of an ErrorResponse. */
firn_status postgres_fail_response(const char *what, firn_slice body, firn_error *err);

#endif
