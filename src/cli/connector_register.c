#include "cli/connector_register.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "change/change_stream.h"

#define POLL_MS 500
/* How long what Connect says may still be of before a change; and a slot may change hands. */
#define STALE_MS 10000
#define TRACE_LINES_MAX 8

typedef struct registering {
    const connector_registration *job;
    registration_result          *result;
    uint64_t                      started_us, changed_us; /* settings put, or resumed by us */
    int64_t                       reader_before; /* of the slot */
    const char                   *trace_before;
    bool                          forgets_offset, was_resumed;
} registering;

static uint64_t
elapsed_ms(uint64_t since_us)
{
    return (firn_clock_monotonic_us() - since_us) / 1000;
}

/* ---- the database ---- */

static firn_status
fail_not_ready(const char *remedy, firn_error *err)
{
    firn_hint(err, "%s", remedy);
    firn_state(err, "nothing was changed in Kafka Connect");
    return err->status;
}

static firn_status
check_database(registering *r, firn_error *err)
{
    const connector_registration *job = r->job;
    replication_ready            *ready = &r->result->ready;
    static const char load_first[] = "load first: firn load makes publication and slot, and the connector goes on from the load's point "
                                     "in time; one of its own would leave out what changed between";
    static const char anew[] = "load the tables again: firn load --fresh-start drops the slot and makes a new one";

    FIRN_TRY(replication_ready_look(job->src, job->tables, job->table_count, job->arena, ready, err));
    if (!ready->has_slot) {
        (void) firn_fail(err, FIRN_E_CONNECTOR_NOT_READY, "the replication slot '%s' does not exist", job->slot_name);
        return fail_not_ready(load_first, err);
    }
    if (ready->slot_foreign) {
        (void) firn_fail(err, FIRN_E_POSTGRES_SLOT_FOREIGN, "the replication slot '%s' belongs to something else (%s)", job->slot_name,
                         ready->slot_owner);
        return fail_not_ready("rename the source, or drop the slot if nobody needs it", err);
    }
    if (ready->slot_lost) {
        (void) firn_fail(err, FIRN_E_POSTGRES_SLOT_LOST, "PostgreSQL has invalidated the replication slot '%s'", job->slot_name);
        return fail_not_ready(anew, err);
    }
    if (!ready->has_publication || ready->publication_younger) {
        (void) firn_fail(err, FIRN_E_CONNECTOR_NOT_READY,
                         ready->has_publication ? "the publication '%s' is younger than what the slot has still to decode"
                                                : "the publication '%s' does not exist",
                         job->slot_name);
        return fail_not_ready(anew, err);
    }
    if (ready->unpublished_count)
        log_warning("%u of the source's tables are not in the publication '%s' (as '%s'): the connector cannot see their changes; "
                    "firn check --sql prints what adds them",
                    ready->unpublished_count, job->slot_name, ready->unpublished);
    r->reader_before = ready->slot_pid;
    return FIRN_OK;
}

/* ---- the worker ---- */

static firn_status
check_worker(registering *r, firn_error *err)
{
    kafka_connect *connect = r->job->connect;
    const char    *others = NULL;
    char           origin[HTTP_ORIGIN_MAX];

    FIRN_TRY(kafka_connect_look(connect, r->job->arena, &r->result->worker, err));
    FIRN_TRY(kafka_connect_plugin(connect, CONNECTOR_CLASS, r->job->arena, &r->result->plugin_version, &others, err));
    if (r->result->plugin_version) return FIRN_OK;
    http_url_origin(connect->url, origin);
    (void) firn_fail(err, FIRN_E_CONNECT_PLUGIN, "the Kafka Connect worker at %s has no connector %s", origin, CONNECTOR_CLASS);
    firn_hint(err, "unpack debezium-connector-postgres (3.2 or later) into plugin.path on every worker and restart them; source connectors "
              "there: %s", *others ? others : "none");
    return err->status;
}

/* Somebody reads the slot, but Connect has no connector of ours: `firn follow` itself, or another Connect. */
static firn_status
check_reader(const registering *r, firn_error *err)
{
    if (r->result->plan.exists || !r->reader_before) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_POSTGRES_SLOT_IN_USE, "the replication slot '%s' is being read by process %lld of the server, but this "
                     "Kafka Connect has no connector '%s'", r->job->slot_name, (long long) r->reader_before, r->job->slot_name);
    firn_hint(err, "stop what follows this source: a `firn follow` with from: postgres, or a connector of another Kafka Connect");
    firn_state(err, "nothing was changed in Kafka Connect");
    return err->status;
}

/* ---- the settings ---- */

static firn_status
plan(registering *r, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *wanted = NULL;
    FIRN_AUTO(jdoc_freep) jdoc *existing = NULL;

    FIRN_TRY(jdoc_parse(r->job->json, "the connector", &wanted, err));
    FIRN_TRY(kafka_connect_config(r->job->connect, r->job->slot_name, &existing, err));
    FIRN_TRY(connector_plan_make(r->job->slot_name, jget(jdoc_root(wanted), "config"), existing ? jdoc_root(existing) : NULL,
                                 r->job->arena, &r->result->plan, err));
    return FIRN_OK;
}

static firn_status
check_settings(registering *r, firn_error *err)
{
    registration_result *result = r->result;

    FIRN_TRY(kafka_connect_validate(r->job->connect, CONNECTOR_CLASS, firn_buffer_slice(&result->plan.config), r->job->arena,
                                    &result->complaints, &result->complaint_count, err));
    if (!result->complaint_count) return FIRN_OK;
    for (unsigned i = 1; i < result->complaint_count; i++)
        log_warning("%s: %s", result->complaints[i].setting, result->complaints[i].text);
    (void) firn_fail(err, FIRN_E_CONNECTOR_INVALID, "Kafka Connect refuses the settings of '%s': %s: %s", result->name,
                     result->complaints[0].setting, result->complaints[0].text);
    if (strcmp(result->complaints[0].setting, "database.hostname") == 0)
        firn_hint(err, "the worker connects to the database by itself: host and network as the worker sees them, and the password from the "
                  "worker's own environment or files");
    firn_state(err, "nothing was changed in Kafka Connect");
    return err->status;
}

static bool
is_halted(const connect_status *status)
{
    return strcmp(status->connector.state, "PAUSED") == 0 || strcmp(status->connector.state, "STOPPED") == 0;
}

/* ---- what Connect remembers ---- */

static firn_status
fail_gap(const registering *r, uint64_t stored, const lake_position *lake, firn_error *err)
{
    char from[CHANGE_POSITION_TEXT_MAX], to[CHANGE_POSITION_TEXT_MAX], there[CHANGE_POSITION_TEXT_MAX];

    change_position_format(stored, from);
    change_position_format(r->result->ready.slot_confirmed, to);
    change_position_format(lake->position, there);
    (void) firn_fail(err, FIRN_E_POSTGRES_SLOT_LOST, "changes are lost: the connector '%s' has sent those up to %s, its slot begins at %s, and "
                     "table '%s' in the lake has those up to %s", r->result->name, from, to, lake->table, there);
    firn_hint(err, "the slot was dropped and made anew, or read by somebody else; firn follow --resync (from: postgres), or load again");
    firn_state(err, r->result->was_put ? "the connector is registered" : "nothing was changed in Kafka Connect");
    return err->status;
}

/* Debezium begins at what Connect has stored; what the slot does not have any more is left out, with or without an error. */
static firn_status
check_offset(registering *r, firn_error *err)
{
    const replication_ready *ready = &r->result->ready;
    lake_position            lake = {0};
    uint64_t                 stored = 0;

    FIRN_TRY(kafka_connect_offset(r->job->connect, r->result->name, &stored, err));
    if (!stored || stored >= ready->slot_confirmed) return FIRN_OK;
    FIRN_TRY(r->job->lake_position(r->job->state, &lake, err));
    if (lake.is_unclear || !lake.table_count) return FIRN_OK; /* Debezium itself looks whether the WAL is there */
    if (lake.position < ready->slot_confirmed) return fail_gap(r, stored, &lake, err);
    r->forgets_offset = stored < ready->slot_restart;
    return FIRN_OK;
}

static firn_status
wait_stopped(registering *r, firn_error *err)
{
    const connect_part *failed;

    for (;;) {
        FIRN_TRY(kafka_connect_status(r->job->connect, r->result->name, r->job->arena, &r->result->status, err));
        failed = connect_status_failed(&r->result->status);
        if (failed) r->trace_before = failed->trace; /* of the offset */
        if (strcmp(r->result->status.connector.state, "STOPPED") == 0 && r->result->status.task_count == 0) return FIRN_OK;
        if (elapsed_ms(r->started_us) >= r->job->wait_ms + STALE_MS)
            return firn_fail(err, FIRN_E_CONNECTOR_WAITED, "the connector '%s' does not stop", r->result->name);
        if (task_cancel_wait(r->job->connect->cancel, POLL_MS)) return firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
    }
}

/* Only a stopped connector's offset can be forgotten. One that a person has stopped stays so. */
static firn_status
forget_offset(registering *r, firn_error *err)
{
    bool was_stopped = is_halted(&r->result->status);

    log_info("Kafka Connect remembers a position that the slot '%s' does not have any more; the lake has everything up to the slot's own: "
             "the connector goes on from there", r->job->slot_name);
    FIRN_TRY(kafka_connect_stop(r->job->connect, r->result->name, err));
    FIRN_TRY(wait_stopped(r, err));
    FIRN_TRY(kafka_connect_forget_offset(r->job->connect, r->result->name, err));
    r->result->offset_was_forgotten = true;
    if (was_stopped) return FIRN_OK;
    FIRN_TRY(kafka_connect_resume(r->job->connect, r->result->name, err));
    r->was_resumed = true;
    r->changed_us = firn_clock_monotonic_us();
    return FIRN_OK;
}

/* ---- putting ---- */

static firn_status
put(registering *r, firn_error *err)
{
    registration_result *result = r->result;
    const connect_part  *failed;

    FIRN_TRY(kafka_connect_status(r->job->connect, result->name, r->job->arena, &result->status, err));
    failed = connect_status_failed(&result->status);
    r->trace_before = failed ? failed->trace : NULL;
    if (result->plan.exists && result->plan.form_change && result->plan.change_count)
        log_warning("'%s' changes how values are written: messages that are in the topics already have the old form; let firn follow "
                    "them first, or load again", result->plan.form_change);
    if (result->plan.exists) FIRN_TRY(check_offset(r, err));
    r->changed_us = firn_clock_monotonic_us();
    if (!result->plan.exists || result->plan.change_count) {
        FIRN_TRY(kafka_connect_put(r->job->connect, result->name, firn_buffer_slice(&result->plan.config), err));
        result->was_put = true;
    } else if (failed && !r->forgets_offset) {
        FIRN_TRY(kafka_connect_restart(r->job->connect, result->name, err));
        result->was_restarted = true;
    }
    /* Connect remembers also the offset of a connector that was removed. */
    if (!result->plan.exists) FIRN_TRY(check_offset(r, err));
    return r->forgets_offset ? forget_offset(r, err) : FIRN_OK;
}

/* ---- waiting ---- */

static firn_status
fail_trace(registering *r, const connect_part *failed, firn_error *err)
{
    registration_result *result = r->result;
    const char          *cause;

    FIRN_TRY(connect_trace_lines(failed->trace, TRACE_LINES_MAX, r->job->arena, &result->trace, &result->trace_count, err));
    cause = result->trace_count ? result->trace[result->trace_count - 1] : "Kafka Connect gives no reason";
    for (unsigned i = 0; i + 1 < result->trace_count; i++) log_warning("%s", result->trace[i]);
    if (failed->id >= 0)
        (void) firn_fail(err, FIRN_E_CONNECTOR_FAILED, "task %lld of the connector '%s' has failed on worker %s: %s",
                         (long long) failed->id, result->name, failed->worker, cause);
    else
        (void) firn_fail(err, FIRN_E_CONNECTOR_FAILED, "the connector '%s' has failed on worker %s: %s", result->name, failed->worker, cause);
    if (strstr(failed->trace, "no longer available on the server"))
        firn_hint(err, "Connect remembers a position that the slot does not have any more; where nothing is lost by it, forget it: PUT "
                  "/connectors/%s/stop, DELETE /connectors/%s/offsets, run this again, and PUT /connectors/%s/resume", result->name,
                  result->name, result->name);
    firn_state(err, "the connector is registered, but does not run");
    return err->status;
}

static firn_status
fail_paused(const registering *r, const connect_part *part, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_CONNECTOR_PAUSED, "the connector '%s' is %s", r->result->name, part->state);
    firn_hint(err, "resume it: PUT /connectors/%s/resume", r->result->name);
    firn_state(err, "its settings are up to date");
    return err->status;
}

static firn_status
fail_waited(const registering *r, firn_error *err)
{
    const connect_status *status = &r->result->status;
    const char           *task = status->task_count ? status->tasks[0].state : "not there";

    if (connect_status_runs(status)) {
        (void) firn_fail(err, FIRN_E_CONNECTOR_WAITED, "the connector '%s' says RUNNING, but nobody reads the replication slot '%s'",
                         r->result->name, r->job->slot_name);
        firn_hint(err, "the log of worker %s says what it tries in vain; errors that may pass are no failure to Debezium",
                  status->tasks[0].worker);
    } else {
        (void) firn_fail(err, FIRN_E_CONNECTOR_WAITED, "the connector '%s' is %s, its task %s, after %llu s", r->result->name,
                         *status->connector.state ? status->connector.state : "not there", task,
                         (unsigned long long) (r->job->wait_ms / 1000));
        firn_hint(err, "look at the workers' log, or give more --wait");
    }
    firn_state(err, "the connector is registered");
    return err->status;
}

/* Connect answers a resume before it has come to it: STOPPED is of before. */
static bool
is_resuming(const registering *r)
{
    return r->was_resumed && elapsed_ms(r->changed_us) < STALE_MS;
}

/* Whether what failed is what had failed before the change. */
static bool
is_stale(const registering *r, const connect_part *failed)
{
    return r->trace_before && strcmp(failed->trace, r->trace_before) == 0 && elapsed_ms(r->changed_us) < STALE_MS;
}

/* The slot is read by the connector's new run: a changed one lets go of the slot first. */
static bool
is_read(const registering *r)
{
    int64_t reader = r->result->ready.slot_pid;

    if (!reader) return false;
    return (!r->result->was_put && !r->result->offset_was_forgotten) || reader != r->reader_before || elapsed_ms(r->changed_us) >= STALE_MS;
}

static firn_status
look(registering *r, bool *ret_done, firn_error *err)
{
    registration_result *result = r->result;
    const connect_part  *failed;

    FIRN_TRY(kafka_connect_status(r->job->connect, result->name, r->job->arena, &result->status, err));
    FIRN_TRY(replication_ready_look_slot(r->job->src, &result->ready, err));
    failed = connect_status_failed(&result->status);
    if (failed && !is_stale(r, failed)) return fail_trace(r, failed, err);
    if (is_halted(&result->status) && !is_resuming(r)) return fail_paused(r, &result->status.connector, err);
    *ret_done = connect_status_runs(&result->status) && is_read(r);
    return FIRN_OK;
}

static firn_status
wait_running(registering *r, firn_error *err)
{
    bool done = false;

    for (;;) {
        FIRN_TRY(look(r, &done, err));
        if (done) return FIRN_OK;
        if (elapsed_ms(r->started_us) >= r->job->wait_ms) return fail_waited(r, err);
        if (task_cancel_wait(r->job->connect->cancel, POLL_MS)) {
            (void) firn_fail(err, FIRN_E_CANCELLED, "stopped while waiting for the connector '%s'", r->result->name);
            firn_state(err, "the connector is registered");
            return err->status;
        }
    }
}

firn_status
connector_register(const connector_registration *job, registration_result *result, firn_error *err)
{
    registering r = {.job = job, .result = result, .started_us = firn_clock_monotonic_us()};

    *result = (registration_result){.name = job->slot_name, .status.connector = {-1, "", "", ""}};
    FIRN_TRY(check_worker(&r, err));
    /* From here on it is Kafka Connect: what does not answer now may later. */
    job->connect->retry_until_us = r.started_us + job->wait_ms * 1000;
    FIRN_TRY(check_database(&r, err));
    FIRN_TRY(plan(&r, err));
    FIRN_TRY(check_reader(&r, err));
    FIRN_TRY(check_settings(&r, err));
    if (job->dry_run) return kafka_connect_status(job->connect, result->name, job->arena, &result->status, err);
    firn_status status = put(&r, err);
    if (status == FIRN_OK)
        status = job->wait_ms ? wait_running(&r, err)
                              : kafka_connect_status(job->connect, result->name, job->arena, &result->status, err);
    if (status != FIRN_OK && !err->state[0])
        firn_state(err, result->was_put ? "the connector is registered" : "nothing was changed in Kafka Connect");
    return status;
}

void
registration_result_done(registration_result *result)
{
    connector_plan_done(&result->plan);
}
