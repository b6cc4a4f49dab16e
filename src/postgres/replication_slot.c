#include "postgres/replication_slot.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define STATEMENT_BYTES_MAX 1024
#define TELL_INTERVAL_MS 60000
#define FIRST_TELL_MS 5000
#define TEMPORARY_WAIT_MS 10000

static void
copy_cell(char *out, size_t size, const PGresult *row, int column)
{
    const char *text = postgres_cell(row, 0, column);
    snprintf(out, size, "%s", text ? text : "");
}

firn_status
replication_slot_look(postgres_connection *catalog, const char *name, slot_state *ret_state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {name};

    /* As JSON: a column that this version does not have is null. */
    FIRN_TRY(postgres_query(catalog,
                            "SELECT coalesce(s.plugin, ''), coalesce(s.database, ''), s.database = current_database() AND "
                            "s.plugin = 'pgoutput', s.active_pid, to_jsonb(s) ->> 'wal_status', b.bytes, "
                            "pg_size_pretty(b.bytes), to_jsonb(s) ->> 'safe_wal_size', "
                            "coalesce(to_jsonb(s) ->> 'invalidation_reason', '') <> '' OR "
                            "coalesce((to_jsonb(s) ->> 'conflicting')::bool, false) FROM pg_replication_slots s, "
                            "LATERAL (SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
                            "ELSE pg_current_wal_lsn() END, s.restart_lsn)::bigint AS bytes) b WHERE s.slot_name = $1",
                            parameters, 1, "looking at the replication slot", &row, err));
    *ret_state = (slot_state){.safe_bytes = -1};
    if (PQntuples(row) == 0) return FIRN_OK;
    ret_state->exists = true;
    copy_cell(ret_state->plugin, sizeof ret_state->plugin, row, 0);
    copy_cell(ret_state->database, sizeof ret_state->database, row, 1);
    ret_state->foreign = !postgres_cell_true(row, 0, 2);
    ret_state->active_pid = postgres_cell_i64(row, 0, 3);
    copy_cell(ret_state->wal_status, sizeof ret_state->wal_status, row, 4);
    ret_state->retained_bytes = postgres_cell_i64(row, 0, 5);
    copy_cell(ret_state->retained, sizeof ret_state->retained, row, 6);
    if (postgres_cell(row, 0, 7)) ret_state->safe_bytes = postgres_cell_i64(row, 0, 7);
    ret_state->lost = strcmp(ret_state->wal_status, "lost") == 0 || postgres_cell_true(row, 0, 8);
    return FIRN_OK;
}

firn_status
replication_slot_obstacle(postgres_connection *catalog, char *out, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

    FIRN_TRY(postgres_query(catalog,
                            "SELECT pg_is_in_recovery(), current_setting('wal_level'), r.rolsuper OR r.rolreplication OR "
                            "EXISTS (SELECT 1 FROM pg_roles m WHERE m.rolname = 'rds_replication' AND "
                            "pg_has_role(r.oid, m.oid, 'MEMBER')), quote_ident(r.rolname), "
                            "(SELECT count(*) FROM pg_replication_slots) >= current_setting('max_replication_slots')::int, "
                            "current_setting('max_replication_slots') FROM pg_roles r WHERE r.rolname = current_user",
                            NULL, 0, "looking whether a replication slot can be made", &row, err));
    *out = 0;
    if (PQntuples(row) != 1) snprintf(out, FIRN_ERROR_TEXT_MAX, "the role is not in pg_roles");
    else if (postgres_cell_true(row, 0, 0))
        snprintf(out, FIRN_ERROR_TEXT_MAX, "the server is a standby");
    else if (strcmp(PQgetvalue(row, 0, 1), "logical") != 0)
        snprintf(out, FIRN_ERROR_TEXT_MAX, "wal_level is '%s'; ALTER SYSTEM SET wal_level = 'logical' and a restart mend it",
                 PQgetvalue(row, 0, 1));
    else if (!postgres_cell_true(row, 0, 2))
        snprintf(out, FIRN_ERROR_TEXT_MAX, "the role has no REPLICATION; ALTER ROLE %s REPLICATION mends it",
                 PQgetvalue(row, 0, 3));
    else if (postgres_cell_true(row, 0, 4))
        snprintf(out, FIRN_ERROR_TEXT_MAX, "all %s of max_replication_slots are in use", PQgetvalue(row, 0, 5));
    return FIRN_OK;
}

/* ---- making one ---- */

static void
tell_blockers(postgres_connection *catalog, const source_teller *teller)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    firn_error failed = {0};
    char       text[512];

    if (postgres_query(catalog,
                       "SELECT pid, coalesce(usename, '?'), coalesce(datname, '?'), now() - xact_start FROM pg_stat_activity "
                       "WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1",
                       NULL, 0, "looking for running transactions", &row, &failed) || PQntuples(row) == 0) {
        teller->tell(teller->state, true, "the replication slot waits for transactions that are still running");
        return;
    }
    snprintf(text, sizeof text,
             "the replication slot waits for transactions that are still running; the oldest is of process %s ('%s' in "
             "database '%s', for %s)",
             PQgetvalue(row, 0, 0), PQgetvalue(row, 0, 1), PQgetvalue(row, 0, 2), PQgetvalue(row, 0, 3));
    teller->tell(teller->state, true, text);
}

/* Until there is something to read. `wait_ms_max` 0: as long as it takes. */
static firn_status
wait_for_slot(postgres_connection *c, postgres_connection *catalog, uint64_t wait_ms_max, const source_teller *teller,
              firn_error *err)
{
    uint64_t started_us = firn_clock_monotonic_us(), next_tell_ms = FIRST_TELL_MS;

    while (PQisBusy(c->pg)) {
        uint64_t waited_ms = (firn_clock_monotonic_us() - started_us) / 1000;
        if (wait_ms_max && waited_ms >= wait_ms_max)
            return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "transactions that run in the server held it up for %llu s",
                             (unsigned long long) wait_ms_max / 1000);
        if (waited_ms >= next_tell_ms) {
            if (!wait_ms_max) tell_blockers(catalog, teller);
            next_tell_ms = waited_ms + TELL_INTERVAL_MS;
        }
        FIRN_TRY(postgres_wait(c, false, 1000, err));
        if (!PQconsumeInput(c->pg)) return postgres_fail_lost(err, c, "making the replication slot");
    }
    return FIRN_OK;
}

static firn_status
take_answer(postgres_connection *c, slot_snapshot *out, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = PQgetResult(c->pg);

    if (!row) return postgres_fail_lost(err, c, "making the replication slot");
    if (PQresultStatus(row) != PGRES_TUPLES_OK)
        return postgres_fail(err, "making the replication slot", PQresultErrorField(row, PG_DIAG_SQLSTATE),
                             PQresultErrorField(row, PG_DIAG_MESSAGE_PRIMARY),
                             PQresultErrorField(row, PG_DIAG_MESSAGE_DETAIL), PQresultErrorField(row, PG_DIAG_MESSAGE_HINT));
    if (PQntuples(row) != 1 || PQnfields(row) < 3)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the answer to CREATE_REPLICATION_SLOT is not one row of four");
    copy_cell(out->position, sizeof out->position, row, 1);
    copy_cell(out->id, sizeof out->id, row, 2);
    return FIRN_OK;
}

static firn_status
send_create(postgres_connection *c, const char *name, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    char own[32];

    firn_buffer_init(&sql, STATEMENT_BYTES_MAX);
    /* The server's number of this connection: no two at the same time have it. */
    snprintf(own, sizeof own, "firn_load_%d", PQbackendPID(c->pg));
    FIRN_TRY(firn_buffer_add_text(&sql, "CREATE_REPLICATION_SLOT ", err));
    FIRN_TRY(postgres_add_identifier(&sql, name ? name : own, err));
    FIRN_TRY(firn_buffer_add_text(&sql, name ? " LOGICAL pgoutput EXPORT_SNAPSHOT"
                                             : " TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT", err));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    if (!PQsendQuery(c->pg, (const char *) sql.data)) return postgres_fail_lost(err, c, "making the replication slot");
    return FIRN_OK;
}

firn_status
replication_slot_create(const postgres_settings *settings, task_cancel *const cancels[2], postgres_connection *catalog,
                        const char *name, const source_teller *teller, slot_snapshot *ret_snapshot, firn_error *err)
{
    FIRN_AUTO(slot_snapshot_done) slot_snapshot made = {0};

    FIRN_TRY(postgres_connection_new(settings, cancels, true, &made.connection, err));
    FIRN_TRY(send_create(made.connection, name, err));
    if (wait_for_slot(made.connection, catalog, name ? 0 : TEMPORARY_WAIT_MS, teller, err)) {
        /* A slot that is not ready goes with its statement. */
        postgres_connection_stop_query(made.connection);
        return err->status;
    }
    FIRN_TRY(take_answer(made.connection, &made, err));
    *ret_snapshot = made;
    made = (slot_snapshot){0};
    return FIRN_OK;
}

void
slot_snapshot_done(slot_snapshot *snapshot)
{
    postgres_connection_free(snapshot->connection);
    *snapshot = (slot_snapshot){0};
}

/* ---- the end of one ---- */

firn_status
replication_slot_fail_active(const char *name, int64_t pid, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_POSTGRES_SLOT_IN_USE, "the replication slot '%s' is being read by process %lld of the server",
                     name, (long long) pid);
    firn_hint(err, "stop the reader first (the connector, or firn follow); pg_stat_replication says who it is");
    return err->status;
}

firn_status
replication_slot_drop(postgres_connection *catalog, const char *name, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {name};
    slot_state  state;

    FIRN_TRY(replication_slot_look(catalog, name, &state, err));
    if (!state.exists) return FIRN_OK;
    if (state.active_pid) return replication_slot_fail_active(name, state.active_pid, err);
    return postgres_query(catalog, "SELECT pg_drop_replication_slot($1)", parameters, 1, "dropping the replication slot", &row,
                          err);
}
