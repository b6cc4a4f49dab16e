/*
 * The page behind --http, over libmicrohttpd: what firn is doing, for Prometheus, probes and people. Read-only.
 *
 * Routes:  GET and HEAD of /metrics, /healthz, /readyz, /api/status; else 404, other methods 405. Bodies come from
 *          the caller's render, in the server's thread
 * Access:  on a loopback address anybody on this machine; there the Host header must be an address or localhost, so that no
 *          web page can read it through a name of its own (DNS rebinding). Any other address needs a token: then every
 *          route but /healthz and /readyz wants "Authorization: Bearer TOKEN"
 * Limits:  STATUS_SERVER_CONNECTIONS_MAX connections, 16 KiB of request head, no request body, 10 s without a byte,
 *          30 s a connection, whatever it does
 * TLS:     none; over a network, put a proxy or a tunnel in front
 * Threads: its own, all of render's calls one after another
 */
#ifndef FIRN_CLI_STATUS_SERVER_H
#define FIRN_CLI_STATUS_SERVER_H

#include "base/buffer.h"

#define STATUS_SERVER_CONNECTIONS_MAX 64
#define STATUS_SERVER_TOKEN_MIN 16

typedef enum status_route {
    STATUS_ROUTE_METRICS, /* Prometheus' text format */
    STATUS_ROUTE_HEALTHZ, /* a word: the process lives */
    STATUS_ROUTE_READYZ,  /* a word or line: whether it does its work; false: 503 */
    STATUS_ROUTE_STATUS,  /* JSON: as `firn status --format json` */
} status_route;

/* Fills `out`. *ret_ready (true before) false: 503. An error is a 500 with its code only. */
typedef firn_status (*status_render)(void *state, status_route route, firn_buffer *out, bool *ret_ready,
                                     firn_error *err);

typedef struct status_server_settings {
    const char   *address; /* "127.0.0.1:9464", "[::1]:9464", "localhost:9464", ":9464" (loopback), "0.0.0.0:9464"; port 0:
                              one that is free */
    const char   *token;   /* NULL or "": none */
    status_render render;
    void         *state;
    size_t        body_bytes_max; /* 0: 16 MiB */
} status_server_settings;

typedef struct status_server status_server;

/* Listens when it returns. OPTION_VALUE for an address that is none, OPTION_MISSING for a missing token, SERVER_ADDRESS
 * where the address cannot be had. */
FIRN_MUST_USE firn_status status_server_start(const status_server_settings *settings, status_server **ret_server,
                                              firn_error *err);
unsigned                  status_server_port(const status_server *server);
/* Ends open connections; render is not called any more when it returns. */
void status_server_free(status_server *server);
FIRN_DEFINE_FREEP(status_server, status_server_free)

#endif
