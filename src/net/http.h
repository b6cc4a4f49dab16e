/*
 * HTTP requests, over libcurl (seen only in net/).
 *
 * Who:       http and https; https is verified (certificate and host name, TLS 1.2 or newer). http:// only to this
 *            machine, unless plain_allowed. No redirects: a 3xx is an answer like any other. No .netrc, no proxy
 *            credentials, no cookies; user and password in a URL are refused
 * Limits:    time over all, size of the answer's body and of its header lines
 * Answers:   any status is FIRN_OK here; http_response_check makes errors of those that are none
 * Errors:    HTTP_UNAVAILABLE (no connection, timeout, cut off: may be tried again), HTTP_TLS, HTTP_URL, HTTP_PROTOCOL,
 *            CANCELLED. They name scheme, host and port, never path, query or headers, which may hold secrets
 * Threads:   one thread at a time per client; clients are independent
 */
#ifndef FIRN_NET_HTTP_H
#define FIRN_NET_HTTP_H

#include "base/buffer.h"
#include "task/cancel.h"

typedef struct http_header {
    const char *name, *value; /* without line breaks: refused */
} http_header;

typedef struct http_request {
    const char        *method; /* "GET", "HEAD", "POST", "PUT", "DELETE" */
    const char        *url;
    const http_header *headers;
    unsigned           header_count;
    firn_slice         body;               /* data NULL: none */
    uint64_t           timeout_ms;         /* of all; 0: 30 s */
    size_t             response_bytes_max; /* of the body; 0: 1 MiB */
    bool               plain_allowed;      /* http:// also to other machines */
    const char        *login;              /* "user:password", sent as Basic; NULL: none */
    bool               fresh_connection;   /* no connection of an earlier request is used, none is kept */
    const char        *ca_file;            /* certificates that are trusted; NULL: the system's */
} http_request;

typedef struct http_response {
    unsigned    status; /* 200, … */
    firn_buffer body;
    char        content_type[128]; /* "" where the server did not say, or said more */
    uint64_t    retry_after_ms;    /* of a Retry-After in seconds, at most an hour; else 0 */
} http_response;
void http_response_done(http_response *response);

typedef struct http_client http_client; /* keeps connections for the next request */

FIRN_MUST_USE firn_status http_client_new(http_client **ret_client, firn_error *err);
void                      http_client_free(http_client *client);
FIRN_DEFINE_FREEP(http_client, http_client_free)

/* `response` is {0} or one that was used before: its memory is kept. `cancel` may be NULL. */
FIRN_MUST_USE firn_status http_send(http_client *client, const http_request *request, task_cancel *cancel,
                                    http_response *response, firn_error *err);

/* FIRN_OK for 2xx; else HTTP_DENIED (401, 403, 407), HTTP_UNAVAILABLE (408, 425, 429, 5xx), HTTP_REFUSED, with the
 * first words of a text answer. `url` is for the name. */
FIRN_MUST_USE firn_status http_response_check(const http_response *response, const char *url, firn_error *err);

/* Whether firn would send to it: HTTP_URL otherwise. `subject` names the setting. */
FIRN_MUST_USE firn_status http_url_check(const char *url, bool plain_allowed, const char *subject, firn_error *err);

#define HTTP_ORIGIN_MAX 300
/* "https://host:8443": what may be shown of a URL; "a URL" where it is none. */
void http_url_origin(const char *url, char out[HTTP_ORIGIN_MAX]);

#endif
