#include "postgres/postgres_snapshot.h"

#include <stdio.h>

#include "base/log.h"

#define STATEMENT_SIZE_MAX ((size_t) 1 << 16)

static void
copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static firn_status
read_identity(postgres_connection *c, source_point *ret_point, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    /* The running timeline is in the name of the WAL file; a standby knows that of its last restart point. */
    FIRN_TRY(postgres_query(c,
                            "SELECT s.system_identifier, CASE WHEN pg_is_in_recovery() THEN p.timeline_id::text "
                            "ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int::text END, "
                            "split_part(current_setting('server_version'), ' ', 1) "
                            "FROM pg_control_system() s, pg_control_checkpoint() p",
                            NULL, 0, "reading the server's identity", &row, err));
    snprintf(ret_point->identity, sizeof ret_point->identity, "postgres:%.60s:%.20s", PQgetvalue(row, 0, 0),
             PQgetvalue(row, 0, 1));
    snprintf(ret_point->version, sizeof ret_point->version, "PostgreSQL %.40s", PQgetvalue(row, 0, 2));
    return FIRN_OK;
}

static firn_status
read_position(postgres_connection *c, source_point *ret_point, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_query(c,
                            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
                            "ELSE pg_current_wal_lsn() END",
                            NULL, 0, "reading the WAL position", &row, err));
    copy_text(ret_point->position, sizeof ret_point->position, postgres_cell(row, 0, 0));
    return FIRN_OK;
}

static firn_status
export_plain(postgres_snapshot *snapshot, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_execute(snapshot->holder, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                              "beginning the snapshot", err));
    FIRN_TRY(postgres_query(snapshot->holder, "SELECT pg_export_snapshot()", NULL, 0, "exporting the snapshot", &row, err));
    copy_text(snapshot->id, sizeof snapshot->id, postgres_cell(row, 0, 0));
    return FIRN_OK;
}

static firn_status
slot_exists(postgres_connection *catalog, const char *name, bool *ret_exists, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {name};
    FIRN_TRY(postgres_query(catalog, "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", parameters, 1,
                            "looking for the replication slot", &row, err));
    *ret_exists = PQntuples(row) > 0;
    return FIRN_OK;
}

/* FIRN_OK without a snapshot where the server or the role cannot do it. */
static firn_status
export_by_slot(postgres_snapshot *snapshot, const postgres_settings *settings, task_cancel *const cancels[2],
               postgres_connection *catalog, source_point *ret_point, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    bool exists = false;

    FIRN_TRY(slot_exists(catalog, settings->slot_name, &exists, err));
    if (exists) {
        log_debug("slot '%s' exists already: its consistent point is not that of a new snapshot", settings->slot_name);
        return FIRN_OK;
    }
    firn_buffer_init(&sql, STATEMENT_SIZE_MAX);
    FIRN_TRY(firn_buffer_add_text(&sql, "CREATE_REPLICATION_SLOT ", err));
    FIRN_TRY(postgres_add_identifier(&sql, settings->slot_name, err));
    FIRN_TRY(firn_buffer_add_text(&sql, " LOGICAL pgoutput EXPORT_SNAPSHOT", err));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));

    firn_error  denied = {0};
    firn_status status = postgres_connection_new(settings, cancels, true, &snapshot->slot_creator, &denied);
    if (!status)
        status = postgres_query(snapshot->slot_creator, (const char *) sql.data, NULL, 0, "creating the replication slot",
                                &row, &denied);
    if (status == FIRN_CANCELLED) {
        *err = denied;
        return status;
    }
    if (status) {
        log_debug("no replication slot, a plain snapshot instead: %s", denied.cause);
        postgres_connection_free(FIRN_STEAL(snapshot->slot_creator));
        return FIRN_OK;
    }
    copy_text(ret_point->position, sizeof ret_point->position, postgres_cell(row, 0, 1));
    copy_text(snapshot->id, sizeof snapshot->id, postgres_cell(row, 0, 2));
    ret_point->exact = true;
    return postgres_snapshot_adopt(snapshot, snapshot->holder, err);
}

firn_status
postgres_snapshot_init(postgres_snapshot *snapshot, const postgres_settings *settings, task_cancel *const cancels[2],
                       postgres_connection *catalog, source_point *ret_point, firn_error *err)
{
    *snapshot = (postgres_snapshot){0};
    *ret_point = (source_point){0};
    FIRN_TRY(read_identity(catalog, ret_point, err));
    FIRN_TRY(postgres_connection_new(settings, cancels, false, &snapshot->holder, err));
    if (settings->slot_name) FIRN_TRY(export_by_slot(snapshot, settings, cancels, catalog, ret_point, err));
    if (snapshot->id[0]) return FIRN_OK;
    FIRN_TRY(read_position(catalog, ret_point, err));
    return export_plain(snapshot, err);
}

void
postgres_snapshot_done(postgres_snapshot *snapshot)
{
    postgres_connection_free(snapshot->holder);
    postgres_connection_free(snapshot->slot_creator);
    *snapshot = (postgres_snapshot){0};
}

firn_status
postgres_snapshot_adopt(const postgres_snapshot *snapshot, postgres_connection *c, firn_error *err)
{
    char sql[160];
    FIRN_TRY(postgres_execute(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "beginning a transaction", err));
    snprintf(sql, sizeof sql, "SET TRANSACTION SNAPSHOT '%s'", snapshot->id);
    if (postgres_execute(c, sql, "taking over the snapshot", err)) {
        firn_hint(err, "the connection that held the load's snapshot may be lost; run the load again");
        return err->status;
    }
    return FIRN_OK;
}

firn_status
postgres_snapshot_lock(const postgres_snapshot *snapshot, const char *relation, const char *table, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};

    if (!snapshot->holder) return FIRN_OK;
    firn_buffer_init(&sql, STATEMENT_SIZE_MAX);
    /* A failed statement must not end the transaction that holds the snapshot. */
    FIRN_TRY(postgres_execute(snapshot->holder, "SAVEPOINT firn; SET LOCAL lock_timeout = '60s'", "locking a table", err));
    FIRN_TRY(firn_buffer_printf(&sql, err, "LOCK TABLE %s IN ACCESS SHARE MODE", relation));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    if (postgres_execute(snapshot->holder, (const char *) sql.data, "locking a table", err)) {
        firn_error ignored = {0};
        (void) !postgres_execute(snapshot->holder, "ROLLBACK TO SAVEPOINT firn", "locking a table", &ignored);
        return err->status;
    }
    /* The query sees pg_class as of the snapshot, the function sees it as of now. */
    firn_buffer_reset(&sql);
    FIRN_TRY(firn_buffer_add_text(&sql,
                                  "WITH RECURSIVE parts(oid) AS (SELECT ", err));
    FIRN_TRY(postgres_add_literal(&sql, relation, err));
    FIRN_TRY(firn_buffer_add_text(&sql,
                                  "::regclass::oid UNION ALL SELECT i.inhrelid FROM parts p JOIN pg_inherits i "
                                  "ON i.inhparent = p.oid JOIN pg_class k ON k.oid = i.inhrelid WHERE k.relispartition) "
                                  "SELECT count(*) FROM parts p LEFT JOIN pg_class c ON c.oid = p.oid "
                                  "WHERE c.oid IS NULL OR (c.relkind = 'r' AND "
                                  "c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid))",
                                  err));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    FIRN_TRY(postgres_query(snapshot->holder, (const char *) sql.data, NULL, 0, "checking for a rewritten table", &row, err));
    FIRN_TRY(postgres_execute(snapshot->holder, "RELEASE SAVEPOINT firn", "locking a table", err));
    if (postgres_cell_i64(row, 0, 0) == 0) return FIRN_OK;
    firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "table '%s' was created, truncated or rewritten after the load's snapshot", table);
    firn_hint(err, "run the load again: it takes a new snapshot");
    return err->status;
}
