#include "postgres/postgres_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define CONNECTION_PARAMETERS_MAX 24
#define CONNECTION_SQL_SIZE_MAX ((size_t) 16 << 20)
/* Where Debian and its relatives keep the certificates that the system trusts. */
#define SYSTEM_CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"

typedef struct connection_parameters {
    unsigned    count;
    const char *names[CONNECTION_PARAMETERS_MAX + 1], *values[CONNECTION_PARAMETERS_MAX + 1];
} connection_parameters;

static void
add_parameter(connection_parameters *p, const char *name, const char *value)
{
    if (!value) return;
    assert(p->count < CONNECTION_PARAMETERS_MAX);
    p->names[p->count] = name;
    p->values[p->count++] = value;
}

/* Sockets and addresses of this machine: nobody can listen in between. */
static bool
host_is_local(const char *host)
{
    struct in_addr  v4;
    struct in6_addr v6;
    if (!host || !*host || host[0] == '/' || host[0] == '@') return true;
    if (text_equal_nocase(host, "localhost")) return true;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return false;
}

static void
add_tls_parameters(connection_parameters *p, const postgres_settings *settings)
{
    const char *mode = settings->sslmode;
    if (!mode) mode = host_is_local(settings->host) ? "prefer" : "verify-full";
    add_parameter(p, "sslmode", mode);

    const char *root = settings->sslrootcert, *home = firn_environment("HOME");
    if (!root && text_starts_with(mode, "verify-")) {
        char own[512];
        snprintf(own, sizeof own, "%s/.postgresql/root.crt", home ? home : "");
        if (!file_exists(own) && file_exists(SYSTEM_CERTIFICATES)) root = SYSTEM_CERTIFICATES;
    }
    add_parameter(p, "sslrootcert", root);
    add_parameter(p, "sslcert", settings->sslcert);
    add_parameter(p, "sslkey", settings->sslkey);
}

static void
fill_parameters(connection_parameters *p, const postgres_settings *settings, bool replication, char port[16])
{
    snprintf(port, 16, "%u", settings->port ? settings->port : POSTGRES_PORT_DEFAULT);
    add_parameter(p, "host", settings->host);
    add_parameter(p, "port", port);
    add_parameter(p, "dbname", settings->database);
    add_parameter(p, "user", settings->username);
    if (settings->password) add_parameter(p, "password", firn_secret_reveal(settings->password));
    add_parameter(p, "application_name", settings->application_name ? settings->application_name : "firn");
    add_parameter(p, "client_encoding", "UTF8");
    /* A dead peer is noticed after about a minute instead of two hours. */
    add_parameter(p, "keepalives", "1");
    add_parameter(p, "keepalives_idle", "30");
    add_parameter(p, "keepalives_interval", "10");
    add_parameter(p, "keepalives_count", "3");
    /* So is one to which something was sent: the system would try for a quarter of an hour. */
    add_parameter(p, "tcp_user_timeout", "60000");
    if (replication) add_parameter(p, "replication", "database");
    add_tls_parameters(p, settings);
}

/* ---- the server's words ---- */

static bool
state_is(const char *sqlstate, const char *prefix)
{
    return sqlstate && text_starts_with(sqlstate, prefix);
}

static firn_code
code_of_state(const char *sqlstate)
{
    if (state_is(sqlstate, "28") || state_is(sqlstate, "42501")) return FIRN_E_POSTGRES_DENIED;
    if (state_is(sqlstate, "3D000") || state_is(sqlstate, "3F000") || state_is(sqlstate, "42P01"))
        return FIRN_E_POSTGRES_NOT_FOUND;
    /* Connection lost, a lock not granted in time, too many connections, shut down, crashed, snapshot gone by recovery conflict. */
    if (state_is(sqlstate, "08") || state_is(sqlstate, "55P03") || state_is(sqlstate, "53") || state_is(sqlstate, "57P") || state_is(sqlstate, "40001") ||
        state_is(sqlstate, "40P01"))
        return FIRN_E_POSTGRES_UNAVAILABLE;
    if (state_is(sqlstate, "0A")) return FIRN_E_POSTGRES_UNSUPPORTED;
    return FIRN_E_POSTGRES_QUERY;
}

static void
hint_for_state(firn_error *err, const char *sqlstate, const char *server_hint)
{
    if (state_is(sqlstate, "28P01"))
        firn_hint(err, "check username and password of the source in sources.yaml and the variable it names");
    else if (state_is(sqlstate, "28000"))
        firn_hint(err, "pg_hba.conf of the server must let this user in from this host, with TLS or without");
    else if (state_is(sqlstate, "3D000"))
        firn_hint(err, "set database: in sources.yaml to one that exists; psql -l lists them");
    else if (state_is(sqlstate, "53300"))
        firn_hint(err, "lower --parallel-workers or --parallel-tables, or raise max_connections");
    else if (state_is(sqlstate, "55P03"))
        firn_hint(err, "another session holds or waits for an exclusive lock (ALTER TABLE, TRUNCATE); let it finish or end "
                       "it, and run the load again");
    else if (strstr(err->cause, "row-level security"))
        firn_hint(err, "a policy hides rows from this user; ALTER ROLE … BYPASSRLS, or load as the table's owner");
    else if (server_hint && *server_hint)
        firn_hint(err, "%s", server_hint);
}

/* One line: line breaks of the server's text become blanks; passwords become ***. */
static void
tidy_text(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; text && *text && used + 1 < size; text++) {
        char c = *text == '\n' || *text == '\t' || *text == '\r' ? ' ' : *text;
        if (c == ' ' && (used == 0 || out[used - 1] == ' ')) continue;
        out[used++] = c;
    }
    while (used > 0 && out[used - 1] == ' ') used--;
    out[used] = 0;
    firn_secret_redact(out);
}

firn_status
postgres_fail(firn_error *err, const char *what, const char *sqlstate, const char *message, const char *detail,
              const char *server_hint)
{
    char text[300], more[160], advice[300];
    tidy_text(message, text, sizeof text);
    tidy_text(detail, more, sizeof more);
    tidy_text(server_hint, advice, sizeof advice);
    firn_fail(err, code_of_state(sqlstate), "%s: %s%s%s%s%s%s", what, *text ? text : "the server gave no reason",
              *more ? "; " : "", more, sqlstate ? " (" : "", sqlstate ? sqlstate : "", sqlstate ? ")" : "");
    hint_for_state(err, sqlstate, advice);
    return err->status;
}

firn_status
postgres_fail_lost(firn_error *err, const postgres_connection *c, const char *what)
{
    char text[300];
    tidy_text(c->pg ? PQerrorMessage(c->pg) : NULL, text, sizeof text);
    return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "%s: %s", what, *text ? text : "the connection to PostgreSQL was lost");
}

/* libpq gives no SQLSTATE for a failed login: its text is what there is. */
static firn_status
fail_connect(firn_error *err, const postgres_settings *settings, PGconn *pg)
{
    char text[400];
    tidy_text(pg ? PQerrorMessage(pg) : "no memory", text, sizeof text);
    static const struct {
        const char *part, *sqlstate;
    } known[] = {
        {"password authentication failed", "28P01"},
        {"no password supplied", "28P01"},
        {"no pg_hba.conf entry", "28000"},
        {"authentication failed", "28000"},
        {"is not permitted to log in", "28000"},
        {"must be superuser or replication role", "42501"},
        {"permission denied for database", "42501"},
        {"too many clients", "53300"},
        {"remaining connection slots", "53300"},
        {"too many connections for", "53300"},
    };
    const char *sqlstate = "08001";
    for (size_t i = 0; i < FIRN_COUNT(known); i++)
        if (strstr(text, known[i].part)) {
            sqlstate = known[i].sqlstate;
            break;
        }
    if (strstr(text, "role \"") && strstr(text, "does not exist")) sqlstate = "28P01";
    if (strstr(text, "database \"") && strstr(text, "does not exist")) sqlstate = "3D000";

    char what[256];
    snprintf(what, sizeof what, "cannot connect to PostgreSQL database '%s' at '%s' port %u as '%s'",
             settings->database, settings->host ? settings->host : "(local socket)",
             settings->port ? settings->port : POSTGRES_PORT_DEFAULT, settings->username);
    firn_fail(err, code_of_state(sqlstate), "%s: %s", what, text);
    if (strstr(text, "certificate") || strstr(text, "SSL"))
        firn_hint(err, "set sslrootcert: to the server's certificate authority, or sslmode: of the source; "
                       "without one, firn verifies any host but loopback (verify-full)");
    else
        hint_for_state(err, sqlstate, "check host, port, firewall and whether the server runs");
    return err->status;
}

/* ---- waiting ---- */

static bool
is_cancelled(const postgres_connection *c)
{
    for (size_t i = 0; i < FIRN_COUNT(c->cancels); i++)
        if (c->cancels[i] && task_cancel_requested(c->cancels[i])) return true;
    return false;
}

static firn_status
fail_cancelled(firn_error *err)
{
    return firn_fail(err, FIRN_E_CANCELLED, "stopped while talking to PostgreSQL");
}

firn_status
postgres_check_cancel(const postgres_connection *c, firn_error *err)
{
    return is_cancelled(c) ? fail_cancelled(err) : FIRN_OK;
}

/* ret_ready: whether the socket is; false when the time passed. */
static firn_status
wait_for_events(postgres_connection *c, int events, unsigned timeout_ms, bool *ret_ready, firn_error *err)
{
    struct pollfd fds[3] = {{.fd = PQsocket(c->pg), .events = (short) events}};
    nfds_t        count = 1;
    for (size_t i = 0; i < FIRN_COUNT(c->cancels); i++)
        if (c->cancels[i]) fds[count++] = (struct pollfd){.fd = task_cancel_fd(c->cancels[i]), .events = POLLIN};

    if (is_cancelled(c)) return fail_cancelled(err);
    while (poll(fds, count, timeout_ms ? (int) timeout_ms : -1) < 0)
        if (errno != EINTR) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot wait for PostgreSQL");
    if (is_cancelled(c)) return fail_cancelled(err);
    *ret_ready = fds[0].revents != 0;
    return FIRN_OK;
}

firn_status
postgres_wait(postgres_connection *c, bool for_write, unsigned timeout_ms, firn_error *err)
{
    bool ready, is_last = !timeout_ms && c->answer_ms_max;
    FIRN_TRY(wait_for_events(c, for_write ? POLLIN | POLLOUT : POLLIN, is_last ? c->answer_ms_max : timeout_ms, &ready, err));
    if (ready || !is_last) return FIRN_OK;
    c->broken = true;
    return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "PostgreSQL has not answered for %u s", c->answer_ms_max / 1000);
}

bool
postgres_connection_is_quiet(const postgres_connection *c)
{
    struct pollfd socket = {.fd = PQsocket(c->pg), .events = POLLIN};
    return !c->broken && PQstatus(c->pg) == CONNECTION_OK && poll(&socket, 1, 0) == 0;
}

/* ---- connecting ---- */

static firn_status
finish_connect(postgres_connection *c, const postgres_settings *settings, firn_error *err)
{
    unsigned limit_s = settings->connect_timeout_s ? settings->connect_timeout_s : POSTGRES_CONNECT_TIMEOUT_S_DEFAULT;
    uint64_t deadline_us = firn_clock_monotonic_us() + (uint64_t) limit_s * 1000000;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    while (next != PGRES_POLLING_OK) {
        uint64_t now_us = firn_clock_monotonic_us();
        if (next == PGRES_POLLING_FAILED) return fail_connect(err, settings, c->pg);
        if (now_us >= deadline_us) {
            firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "PostgreSQL at '%s' port %u did not answer within %u s",
                      settings->host ? settings->host : "(local socket)",
                      settings->port ? settings->port : POSTGRES_PORT_DEFAULT, limit_s);
            firn_hint(err, "check host, port and firewall, or raise connect_timeout");
            return err->status;
        }
        if (PQsocket(c->pg) < 0) return fail_connect(err, settings, c->pg);
        /* PQconnectPoll must not be called before its socket is ready: it would take a pending connect for done. */
        bool     ready;
        unsigned left_ms = (unsigned) ((deadline_us - now_us) / 1000 + 1);
        FIRN_TRY(wait_for_events(c, next == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, left_ms, &ready, err));
        if (ready) next = PQconnectPoll(c->pg);
    }
    return FIRN_OK;
}

firn_status
postgres_set_formats(postgres_connection *c, firn_error *err)
{
    FIRN_TRY(postgres_execute(c,
                              "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC';"
                              "SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content';"
                              "SET search_path = 'pg_catalog'",
                              "setting up the session", err));
    /* Such a database knows no encoding: asked for UTF-8, the server refuses rows that are not, as a whole. We
     * look at the bytes value by value instead. */
    const char *encoding = PQparameterStatus(c->pg, "server_encoding");
    if (encoding && strcmp(encoding, "SQL_ASCII") == 0)
        FIRN_TRY(postgres_execute(c, "SET client_encoding = 'SQL_ASCII'", "setting up the session", err));
    return FIRN_OK;
}

static firn_status
prepare_session(postgres_connection *c, firn_error *err)
{
    /* A snapshot's holder keeps locks on tables: DDL that waits for one of them makes our own catalog queries wait behind it,
     * and the server sees no deadlock in that. Whoever waits so long gives up, and is tried again or fails. */
    FIRN_TRY(postgres_execute(c,
                              "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
                              "SET lock_timeout = '10s'; SET default_transaction_read_only = on; SET row_security = off;"
                              "SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off",
                              "setting up the session", err));
    FIRN_TRY(postgres_set_formats(c, err));
    if (c->server_version >= 110000) FIRN_TRY(postgres_execute(c, "SET jit = off", "setting up the session", err));
    if (c->server_version >= 140000)
        FIRN_TRY(postgres_execute(c, "SET idle_session_timeout = 0", "setting up the session", err));
    if (c->server_version >= 170000)
        FIRN_TRY(postgres_execute(c, "SET transaction_timeout = 0", "setting up the session", err));
    return FIRN_OK;
}

/* The server's notices are for its log; ours goes to one place. */
static void
drop_notice(void *state, const PGresult *notice)
{
    (void) state;
    log_debug("PostgreSQL: %s", PQresultErrorMessage(notice));
}

firn_status
postgres_connection_new(const postgres_settings *settings, task_cancel *const cancels[2], bool replication,
                        postgres_connection **ret_connection, firn_error *err)
{
    FIRN_AUTO(postgres_connection_freep) postgres_connection *c = firn_calloc(1, sizeof *c);
    connection_parameters                                     parameters = {0};
    char                                                      port[16];

    if (!c) return firn_fail_memory(err, "a connection to PostgreSQL");
    c->cancels[0] = cancels[0];
    c->cancels[1] = cancels[1];
    c->answer_ms_max = settings->answer_timeout_ms;
    fill_parameters(&parameters, settings, replication, port);
    c->pg = PQconnectStartParams(parameters.names, parameters.values, 0);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) return fail_connect(err, settings, c->pg);
    PQsetNoticeReceiver(c->pg, drop_notice, NULL);
    FIRN_TRY(finish_connect(c, settings, err));

    c->server_version = PQserverVersion(c->pg);
    if (c->server_version < 100000) {
        return firn_fail(err, FIRN_E_POSTGRES_UNSUPPORTED, "the server is PostgreSQL %d.%d; firn needs 10 or later",
                         c->server_version / 10000, c->server_version / 100 % 100);
    }
    if (!replication) FIRN_TRY(prepare_session(c, err));
    *ret_connection = FIRN_STEAL(c);
    return FIRN_OK;
}

void
postgres_connection_stop_query(postgres_connection *c)
{
    char      text[256];
    PGcancel *cancel = PQgetCancel(c->pg);
    if (!cancel) return;
    if (!PQcancel(cancel, text, sizeof text)) log_debug("PostgreSQL: cannot cancel: %s", text);
    PQfreeCancel(cancel);
}

void
postgres_connection_free(postgres_connection *c)
{
    if (!c) return;
    PQfinish(c->pg);
    firn_free(c);
}

/* ---- statements ---- */

static firn_status
fail_result(postgres_connection *c, const PGresult *result, const char *what, firn_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate || PQstatus(c->pg) == CONNECTION_BAD) {
        c->broken = true;
        if (!sqlstate) return postgres_fail_lost(err, c, what);
    }
    return postgres_fail(err, what, sqlstate, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
}

/* Waits for the next result; NULL at the end of the statement. */
static firn_status
next_result(postgres_connection *c, const char *what, PGresult **ret_result, firn_error *err)
{
    while (PQisBusy(c->pg)) {
        int unsent = PQflush(c->pg);
        if (unsent < 0) {
            c->broken = true;
            return postgres_fail_lost(err, c, what);
        }
        if (postgres_wait(c, unsent > 0, 0, err)) {
            /* Asking for the end of what ends at once anyway would wait for a server that may be out of reach. */
            if (err->status == FIRN_CANCELLED && !c->answer_ms_max) postgres_connection_stop_query(c);
            c->broken = true;
            return err->status;
        }
        if (!PQconsumeInput(c->pg)) {
            c->broken = true;
            return postgres_fail_lost(err, c, what);
        }
    }
    *ret_result = PQgetResult(c->pg);
    return FIRN_OK;
}

/* Reads all results; keeps the last, or the first error. */
static firn_status
collect_results(postgres_connection *c, const char *what, PGresult **ret_result, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *kept = NULL;
    for (;;) {
        PGresult *result = NULL;
        FIRN_TRY(next_result(c, what, &result, err));
        if (!result) break;
        bool kept_is_error = kept && PQresultStatus(kept) == PGRES_FATAL_ERROR;
        PQclear(kept_is_error ? result : kept);
        if (!kept_is_error) kept = result;
    }
    if (!kept) return postgres_fail_lost(err, c, what);
    ExecStatusType status = PQresultStatus(kept);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return fail_result(c, kept, what, err);
    *ret_result = FIRN_STEAL(kept);
    return FIRN_OK;
}

firn_status
postgres_query(postgres_connection *c, const char *sql, const char *const parameters[], int parameter_count,
               const char *what, PGresult **ret_result, firn_error *err)
{
    if (c->broken) return postgres_fail_lost(err, c, what);
    int sent = parameter_count ? PQsendQueryParams(c->pg, sql, parameter_count, NULL, parameters, NULL, NULL, 0)
                               : PQsendQuery(c->pg, sql);
    if (!sent) {
        c->broken = true;
        return postgres_fail_lost(err, c, what);
    }
    return collect_results(c, what, ret_result, err);
}

firn_status
postgres_execute(postgres_connection *c, const char *sql, const char *what, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *result = NULL;
    return postgres_query(c, sql, NULL, 0, what, &result, err);
}

/* ---- SQL text ---- */

static firn_status
add_quoted(firn_buffer *out, const char *text, uint8_t quote, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_byte(out, quote, err));
    for (; *text; text++) {
        if ((uint8_t) *text == quote) FIRN_TRY(firn_buffer_add_byte(out, quote, err));
        FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) *text, err));
    }
    return firn_buffer_add_byte(out, quote, err);
}

firn_status
postgres_add_identifier(firn_buffer *out, const char *name, firn_error *err)
{
    return add_quoted(out, name, '"', err);
}

firn_status
postgres_add_literal(firn_buffer *out, const char *text, firn_error *err)
{
    /* standard_conforming_strings may be off: only the E form means the same everywhere. */
    if (strchr(text, '\\')) {
        FIRN_TRY(firn_buffer_add_text(out, " E'", err));
        for (; *text; text++) {
            if (*text == '\\' || *text == '\'') FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) *text, err));
            FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) *text, err));
        }
        return firn_buffer_add_byte(out, '\'', err);
    }
    return add_quoted(out, text, '\'', err);
}

bool
postgres_cell_true(const PGresult *result, int row, int column)
{
    const char *text = postgres_cell(result, row, column);
    return text && text[0] == 't';
}

int64_t
postgres_cell_i64(const PGresult *result, int row, int column)
{
    const char *text = postgres_cell(result, row, column);
    int64_t     value = 0;
    return text && text_parse_i64(firn_slice_text(text), &value) ? value : 0;
}

uint32_t
postgres_cell_oid(const PGresult *result, int row, int column)
{
    int64_t value = postgres_cell_i64(result, row, column);
    return value >= 0 && value <= UINT32_MAX ? (uint32_t) value : 0;
}
