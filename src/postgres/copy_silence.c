#include "postgres/copy_silence.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SILENCE_MS_DEFAULT 60000u
#define ANSWER_MS 10000u
#define STUCK_LOOKS 2u
#define UNANSWERED_LOOKS 3u

typedef enum finding { FOUND_THINKING, FOUND_WAITING, FOUND_GONE, FOUND_ANOTHER } finding;

static unsigned
silence_ms(const copy_silence *silence)
{
    return silence->settings->silence_ms_max ? silence->settings->silence_ms_max : SILENCE_MS_DEFAULT;
}

firn_status
copy_silence_watch(copy_silence *silence, const postgres_settings *settings, postgres_connection *c, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

    *silence = (copy_silence){.settings = settings};
    if (c->backend_pid[0]) return FIRN_OK;
    /* Not PQbackendPID: a pooler in between makes that up. */
    FIRN_TRY(postgres_query(c, "SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())", NULL, 0,
                            "asking for the server's process", &row, err));
    if (PQntuples(row) != 1 || !postgres_cell(row, 0, 0) || !postgres_cell(row, 0, 1))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the server does not say which process serves a connection");
    (void) snprintf(c->backend_pid, sizeof c->backend_pid, "%s", postgres_cell(row, 0, 0));
    (void) snprintf(c->backend_server, sizeof c->backend_server, "%s", postgres_cell(row, 0, 1));
    return FIRN_OK;
}

/* ---- a look ---- */

/* state, wait_event; both null where the process is gone, or is another role's by now. */
static finding
judge(const PGresult *row)
{
    const char *state = postgres_cell(row, 0, 1), *event = postgres_cell(row, 0, 2);

    if (!postgres_cell_true(row, 0, 0)) return FOUND_ANOTHER;
    if (!state) return FOUND_GONE;
    if (event && (strcmp(event, "ClientWrite") == 0 || strcmp(event, "ClientRead") == 0)) return FOUND_WAITING;
    return strncmp(state, "idle", 4) == 0 ? FOUND_WAITING : FOUND_THINKING;
}

static firn_status
look(copy_silence *silence, const postgres_connection *c, finding *ret_found, firn_error *err)
{
    FIRN_AUTO(postgres_connection_freep) postgres_connection *other = NULL;
    FIRN_AUTO(postgres_result_freep) PGresult                *row = NULL, *ended = NULL;
    const char       *parameters[] = {c->backend_pid, c->backend_server};
    postgres_settings s = *silence->settings;

    s.answer_timeout_ms = ANSWER_MS;
    FIRN_TRY(postgres_connection_new(&s, c->cancels, false, &other, err));
    FIRN_TRY(postgres_query(other,
                            "SELECT extract(epoch FROM pg_postmaster_start_time())::text = $2, a.state, a.wait_event "
                            "FROM (SELECT $1::int AS pid) x LEFT JOIN pg_stat_activity a USING (pid)",
                            parameters, 2, "asking what the server does", &row, err));
    if (PQntuples(row) != 1) return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the server does not say what it does");
    *ret_found = judge(row);
    if (*ret_found != FOUND_WAITING || silence->stuck_count + 1 < STUCK_LOOKS) return FIRN_OK;
    firn_error ignored = {0};
    if (postgres_query(other, "SELECT pg_terminate_backend($1::int)", parameters, 1, "ending the server's process", &ended, &ignored))
        log_line(LOG_DEBUG, NULL, 0, "%s", ignored.cause);
    firn_error_reset(&ignored);
    return FIRN_OK;
}

static firn_status
fail_lost(copy_silence *silence, postgres_connection *c, const char *what, const char *why, firn_error *err)
{
    uint64_t silent_s = (firn_clock_monotonic_us() - silence->since_us) / 1000000;

    c->broken = silence->is_lost = true;
    (void) firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "%s: nothing has come for %u s, and %s", what, (unsigned) silent_s, why);
    firn_hint(err, "look for a proxy, firewall or address translation between firn and the server that has forgotten the connection");
    return err->status;
}

/* "FATAL": there is a server, and it does not want us now. */
static firn_status
take_failed_look(copy_silence *silence, postgres_connection *c, const char *what, firn_error *err)
{
    if (err->status == FIRN_CANCELLED) return err->status;
    bool is_unanswered = err->status == FIRN_UNAVAILABLE && !strstr(err->cause, "FATAL");
    log_line(LOG_DEBUG, NULL, 0, "%s is silent, and the server was not asked why: %s", what, err->cause);
    firn_error_reset(err);
    silence->stuck_count = 0;
    silence->unanswered_count = is_unanswered ? silence->unanswered_count + 1 : 0;
    silence->pause_ms = is_unanswered ? silence_ms(silence) / 4 : silence_ms(silence);
    if (silence->unanswered_count < UNANSWERED_LOOKS) return FIRN_OK;
    return fail_lost(silence, c, what, "no server answers when asked why", err);
}

static firn_status
take_look(copy_silence *silence, postgres_connection *c, const char *what, firn_error *err)
{
    finding found = FOUND_ANOTHER;

    if (look(silence, c, &found, err)) return take_failed_look(silence, c, what, err);
    silence->unanswered_count = 0;
    silence->pause_ms = silence_ms(silence);
    log_line(LOG_DEBUG, NULL, 0, "%s is silent; the server's process %s %s", what, c->backend_pid,
             found == FOUND_THINKING  ? "is at work"
             : found == FOUND_WAITING ? "waits for firn"
             : found == FOUND_GONE    ? "is gone"
                                      : "is another server's");
    if (found == FOUND_GONE) return fail_lost(silence, c, what, "the server's process is gone", err);
    if (found != FOUND_WAITING) {
        silence->stuck_count = 0;
        return FIRN_OK;
    }
    silence->pause_ms = silence_ms(silence) / 4;
    if (++silence->stuck_count < STUCK_LOOKS) return FIRN_OK;
    return fail_lost(silence, c, what, "the server waits for firn to read: the connection carries nothing", err);
}

/* ---- waiting ---- */

firn_status
copy_silence_wait(copy_silence *silence, postgres_connection *c, unsigned timeout_ms, const char *what, firn_error *err)
{
    uint64_t now_us;

    if (!silence->settings) return postgres_wait(c, false, timeout_ms, err);
    now_us = firn_clock_monotonic_us();
    if (!silence->since_us) {
        *silence = (copy_silence){.settings = silence->settings, .since_us = now_us, .pause_ms = silence_ms(silence)};
        silence->look_us = now_us + (uint64_t) silence->pause_ms * 1000;
    }
    if (now_us >= silence->look_us) {
        FIRN_TRY(take_look(silence, c, what, err));
        now_us = firn_clock_monotonic_us();
        silence->look_us = now_us + (uint64_t) silence->pause_ms * 1000;
    }
    unsigned left_ms = (unsigned) ((silence->look_us - now_us) / 1000) + 1;
    return postgres_wait(c, false, timeout_ms && timeout_ms < left_ms ? timeout_ms : left_ms, err);
}
