/*
 * The bytes of one COPY … TO STDOUT, straight from the socket.
 *
 * libpq hands out one malloc'ed copy per row. While a connection is idle its socket is ours: we send the
 * Query message and read the answers into one large buffer, up to and including ReadyForQuery, so that
 * libpq can go on. With TLS through libpq's own SSL object; a GSS-encrypted connection falls back to
 * PQgetCopyData.
 *
 * Spec:    PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats", version 3.0
 * Limits:  a message of at most 1 GiB and a bit, which is the server's own limit; the buffer shrinks again
 * Errors:  an error of the server leaves the connection `broken`: its transaction is lost anyway
 */
#ifndef FIRN_POSTGRES_COPY_STREAM_H
#define FIRN_POSTGRES_COPY_STREAM_H

#include "base/bytes.h"
#include "base/slice.h"
#include "postgres/copy_silence.h"
#include "postgres/postgres_socket.h"

typedef struct copy_stream {
    postgres_connection *connection; /* borrowed */
    postgres_socket      socket;
    bool                 through_libpq;
    bool                 ended;
    bool                 wakes_late; /* poll reports the socket only from many bytes on */
    copy_silence         silence;
    const char          *what;     /* "reading 'shop.orders'"; borrowed */
    const uint8_t       *at, *end; /* received, not handed out */
    uint8_t             *buffer;
    size_t               capacity;
    char                *libpq_row;
    uint64_t             byte_count, server_count, statement_bytes;
} copy_stream;

/* {0} may be done. */
void copy_stream_init(copy_stream *s, postgres_connection *connection, const char *what);
void copy_stream_done(copy_stream *s);
/* Sends the statement; the connection is idle. May be called again after the end. */
FIRN_MUST_USE firn_status copy_stream_start(copy_stream *s, const char *sql, firn_error *err);
/* The general way of copy_stream_next. */
FIRN_MUST_USE firn_status copy_stream_receive(copy_stream *s, firn_slice *ret_message, firn_error *err);

/* The next CopyData's content, valid until the next call; data == NULL at the end of the stream. */
FIRN_MUST_USE static inline firn_status
copy_stream_next(copy_stream *s, firn_slice *ret_message, firn_error *err)
{
    size_t left = (size_t) (s->end - s->at);
    if (FIRN_LIKELY(left > 5 && s->at[0] == 'd')) {
        size_t size = load_be32(s->at + 1);
        if (FIRN_LIKELY(size > 4 && size < left)) {
            *ret_message = firn_slice_of(s->at + 5, size - 4);
            s->at += size + 1;
            return FIRN_OK;
        }
    }
    return copy_stream_receive(s, ret_message, err);
}

#endif
