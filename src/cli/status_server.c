#include "cli/status_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/metrics_text.h"
#include "task/task.h"

#define REQUEST_BYTES_MAX ((size_t) 16 << 10)
#define IDLE_TIMEOUT_S 10u
#define CONNECTION_AGE_US (UINT64_C(30) * 1000000)
#define AGE_CHECK_MS 1000
#define BODY_BYTES_DEFAULT ((size_t) 16 << 20)

/* A connection that is open. */
typedef struct open_connection {
    int      fd; /* -1: none */
    uint64_t since_us;
} open_connection;

struct status_server {
    status_server_settings settings;
    firn_secret           *token; /* NULL: none */
    struct MHD_Daemon     *daemon;
    unsigned               port;
    task_group            *watcher;
    task_cancel           *stop;
    task_lock             *lock; /* for `open` */
    open_connection        open[STATUS_SERVER_CONNECTIONS_MAX];
};

typedef struct route_info {
    const char  *path;
    status_route route;
    const char  *content_type;
    bool         open; /* also without the token */
} route_info;

static const route_info routes[] = {
    {"/metrics", STATUS_ROUTE_METRICS, METRICS_CONTENT_TYPE, false},
    {"/healthz", STATUS_ROUTE_HEALTHZ, "text/plain; charset=utf-8", true},
    {"/readyz", STATUS_ROUTE_READYZ, "text/plain; charset=utf-8", true},
    {"/api/status", STATUS_ROUTE_STATUS, "application/json", false},
};

/* ---- the address ---- */

typedef union listen_address {
    struct sockaddr     any;
    struct sockaddr_in  v4;
    struct sockaddr_in6 v6;
} listen_address;

static bool
is_loopback(const listen_address *address)
{
    if (address->any.sa_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

static firn_status
fail_address(const char *text, firn_error *err)
{
    return firn_fail(err, FIRN_E_OPTION_VALUE,
                     "--http cannot be '%s': an address and a port, as 127.0.0.1:9464, [::1]:9464 or :9464", text);
}

static firn_status
parse_address(const char *text, listen_address *ret_address, firn_error *err)
{
    const char *colon = strrchr(text, ':'), *port_text = colon ? colon + 1 : text;
    size_t      host_size = colon ? (size_t) (colon - text) : 0;
    uint64_t    port;
    char        host[64];

    if (!text_parse_u64(firn_slice_of((const uint8_t *) port_text, strlen(port_text)), &port) || port > 65535 ||
        host_size >= sizeof host)
        return fail_address(text, err);
    memcpy(host, text, host_size);
    host[host_size] = '\0';
    memset(ret_address, 0, sizeof *ret_address);
    if (host[0] == '[' && host[host_size - 1] == ']') {
        host[host_size - 1] = '\0';
        ret_address->v6.sin6_family = AF_INET6;
        ret_address->v6.sin6_port = htons((uint16_t) port);
        return inet_pton(AF_INET6, host + 1, &ret_address->v6.sin6_addr) == 1 ? FIRN_OK : fail_address(text, err);
    }
    if (!host[0] || strcasecmp(host, "localhost") == 0) snprintf(host, sizeof host, "127.0.0.1");
    ret_address->v4.sin_family = AF_INET;
    ret_address->v4.sin_port = htons((uint16_t) port);
    return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1 ? FIRN_OK : fail_address(text, err);
}

/* ---- who may ---- */

/* Whether the Host header names this machine by an address or as localhost, whatever the port. */
static bool
host_is_safe(const char *host)
{
    char        name[64];
    const char *end;
    size_t      size;

    if (!host) return false;
    end = *host == '[' ? strchr(host, ']') : strchr(host, ':');
    size = end ? (size_t) (end - host) : strlen(host);
    if (*host == '[') {
        if (!end || (end[1] && end[1] != ':')) return false;
        host++;
        size--;
    }
    if (size == 0 || size >= sizeof name) return false;
    memcpy(name, host, size);
    name[size] = '\0';
    unsigned char address[sizeof(struct in6_addr)];
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* In a time that does not tell how much of it was right. */
static bool
token_is_right(const status_server *s, const char *authorization)
{
    const char   *right = firn_secret_reveal(s->token);
    size_t        size = strlen(right);
    unsigned char differs = 0;

    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0 || strlen(authorization + 7) != size) return false;
    for (size_t i = 0; i < size; i++) {
        differs |= (unsigned char) (right[i] ^ authorization[7 + i]);
    }
    return differs == 0;
}

typedef struct header_count {
    unsigned host, authorization;
    bool     has_body;
} header_count;

static enum MHD_Result
count_header(void *state, enum MHD_ValueKind kind FIRN_UNUSED, const char *name, const char *value)
{
    header_count *count = state;

    count->host += strcasecmp(name, "Host") == 0;
    count->authorization += strcasecmp(name, "Authorization") == 0;
    if (strcasecmp(name, "Transfer-Encoding") == 0 ||
        (strcasecmp(name, "Content-Length") == 0 && value && strspn(value, "0") != strlen(value)))
        count->has_body = true;
    return MHD_YES;
}

/* ---- answering ---- */

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned code, const char *content_type, const void *bytes, size_t size)
{
    static const char *const headers[][2] = {
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
    };
    /* Copied, so that it may be sent when the buffer is gone. The cast: the interface has no const. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *) (uintptr_t) bytes, MHD_RESPMEM_MUST_COPY);
    bool failed = !response;

    for (size_t i = 0; !failed && i < FIRN_COUNT(headers); i++) {
        failed = MHD_add_response_header(response, headers[i][0], headers[i][1]) != MHD_YES;
    }
    failed = failed || MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) != MHD_YES;
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        failed = failed || MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") != MHD_YES;
    if (code == MHD_HTTP_UNAUTHORIZED)
        failed = failed || MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer") != MHD_YES;
    /* What was refused is not to hold a connection. */
    if (code >= 400 && code < 500)
        failed = failed || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES;
    enum MHD_Result result = failed ? MHD_NO : MHD_queue_response(connection, code, response);
    if (response) MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned code, const char *text)
{
    return answer(connection, code, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result
answer_route(status_server *s, struct MHD_Connection *connection, const route_info *route)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer body = {0};
    firn_error err = {0};
    bool       ready = true;

    firn_buffer_init(&body, s->settings.body_bytes_max ? s->settings.body_bytes_max : BODY_BYTES_DEFAULT);
    if (s->settings.render(s->settings.state, route->route, &body, &ready, &err) != FIRN_OK) {
        char text[64];
        log_debug("%s: %s", route->path, err.cause);
        snprintf(text, sizeof text, "FIRN-%04u\n", (unsigned) err.code);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, text);
    }
    return answer(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, route->content_type,
                  body.size ? (const char *) body.data : "", body.size);
}

/* Called with the head first, and again when the body is there: there is none, so at the head all is decided. */
static enum MHD_Result
handle(void *state, struct MHD_Connection *connection, const char *url, const char *method,
       const char *version FIRN_UNUSED, const char *upload FIRN_UNUSED, size_t *upload_size FIRN_UNUSED, void **seen)
{
    static char       head_seen;
    status_server    *s = state;
    header_count      count = {0};
    const route_info *route = NULL;
    const char       *host, *authorization;

    for (size_t i = 0; i < FIRN_COUNT(routes); i++) {
        if (strcmp(routes[i].path, url) == 0) route = &routes[i];
    }
    if (*seen != &head_seen) {
        (void) MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &count);
        host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
        authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
        if (count.host > 1 || count.authorization > 1)
            return answer_text(connection, MHD_HTTP_BAD_REQUEST, "a header comes twice\n");
        if (!s->token && !host_is_safe(host))
            return answer_text(connection, 421, "ask by address or as localhost\n");
        if (s->token && !(route && route->open) && !token_is_right(s, authorization))
            return answer_text(connection, MHD_HTTP_UNAUTHORIZED, "a token is needed\n");
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
            return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        if (count.has_body) return answer_text(connection, 413, "no body is taken\n");
        *seen = &head_seen;
        return MHD_YES;
    }
    if (!route) return answer_text(connection, MHD_HTTP_NOT_FOUND, "nothing here; see /api/status, /metrics\n");
    return answer_route(s, connection, route);
}

/* ---- connections ---- */

static int
descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

/* A connection is forgotten before its descriptor is closed, so that the watcher never meets somebody else's. */
static void
note_connection(void *state, struct MHD_Connection *connection, void **slot, enum MHD_ConnectionNotificationCode what)
{
    status_server *s = state;

    task_lock_hold(s->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        for (unsigned i = 0; i < STATUS_SERVER_CONNECTIONS_MAX && !*slot; i++) {
            if (s->open[i].fd >= 0) continue;
            s->open[i] = (open_connection){.fd = descriptor_of(connection), .since_us = firn_clock_monotonic_us()};
            *slot = &s->open[i];
        }
    } else if (*slot) {
        ((open_connection *) *slot)->fd = -1;
        *slot = NULL;
    }
    task_lock_release(s->lock);
}

/* Ends connections that are too old: who sends or reads a byte now and then is never idle. */
static firn_status
watch_ages(void *state, firn_error *err FIRN_UNUSED)
{
    status_server *s = state;

    while (!task_cancel_wait(s->stop, AGE_CHECK_MS)) {
        uint64_t now_us = firn_clock_monotonic_us();

        task_lock_hold(s->lock);
        for (unsigned i = 0; i < STATUS_SERVER_CONNECTIONS_MAX; i++) {
            if (s->open[i].fd >= 0 && now_us - s->open[i].since_us > CONNECTION_AGE_US)
                (void) shutdown(s->open[i].fd, SHUT_RDWR);
        }
        task_lock_release(s->lock);
    }
    return FIRN_OK;
}

static void
say_nothing(void *state FIRN_UNUSED, const char *format FIRN_UNUSED, va_list arguments FIRN_UNUSED)
{
}

/* ---- start and end ---- */

static firn_status
listen_on(status_server *s, const listen_address *address, firn_error *err)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;

    if (address->any.sa_family == AF_INET6) flags |= MHD_USE_IPv6;
    errno = 0;
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, s,
                                 MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
                                 MHD_OPTION_SOCK_ADDR, &address->any,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned) STATUS_SERVER_CONNECTIONS_MAX,
                                 MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES_MAX,
                                 MHD_OPTION_NOTIFY_CONNECTION, note_connection, s,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_END);
    if (!s->daemon)
        return firn_fail_errno(err, FIRN_E_SERVER_ADDRESS, errno ? errno : EADDRINUSE, "cannot listen on '%s'",
                               s->settings.address);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    s->port = info ? info->port : 0;
    return FIRN_OK;
}

firn_status
status_server_start(const status_server_settings *settings, status_server **ret_server, firn_error *err)
{
    FIRN_AUTO(status_server_freep) status_server *s = NULL;
    listen_address address;
    bool           has_token = settings->token && *settings->token;

    FIRN_TRY(parse_address(settings->address, &address, err));
    if (!is_loopback(&address) && !has_token) {
        (void) firn_fail(err, FIRN_E_OPTION_MISSING, "--http '%s' can be reached from other machines, and there is no token",
                         settings->address);
        firn_hint(err, "set FIRN_HTTP_TOKEN to a random text, or listen on 127.0.0.1");
        return err->status;
    }
    if (has_token && strlen(settings->token) < STATUS_SERVER_TOKEN_MIN)
        return firn_fail(err, FIRN_E_OPTION_VALUE, "the token of --http has fewer than %d characters",
                         STATUS_SERVER_TOKEN_MIN);
    s = firn_calloc(1, sizeof *s);
    if (!s) return firn_fail_memory(err, "the status page");
    for (unsigned i = 0; i < STATUS_SERVER_CONNECTIONS_MAX; i++) s->open[i].fd = -1;
    s->settings = *settings;
    s->token = has_token ? firn_secret_new(settings->token) : NULL;
    s->lock = task_lock_new();
    s->stop = task_cancel_new();
    s->watcher = task_group_new(NULL);
    if (!s->lock || !s->stop || !s->watcher || (has_token && !s->token)) return firn_fail_memory(err, "the status page");
    FIRN_TRY(listen_on(s, &address, err));
    FIRN_TRY(task_group_spawn(s->watcher, "http-ages", watch_ages, s, err));
    *ret_server = FIRN_STEAL(s);
    return FIRN_OK;
}

unsigned
status_server_port(const status_server *server)
{
    return server->port;
}

void
status_server_free(status_server *s)
{
    if (!s) return;
    if (s->stop) task_cancel_request(s->stop);
    task_group_free(s->watcher);
    if (s->daemon) MHD_stop_daemon(s->daemon);
    task_cancel_free(s->stop);
    task_lock_free(s->lock);
    firn_secret_free(s->token);
    firn_free(s);
}
