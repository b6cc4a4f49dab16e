#include "postgres/postgres_snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "postgres/publication.h"
#include "postgres/replication_slot.h"

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
export_snapshot(postgres_snapshot *snapshot, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_query(snapshot->holder, "SELECT pg_export_snapshot()", NULL, 0, "exporting the snapshot", &row, err));
    copy_text(snapshot->id, sizeof snapshot->id, postgres_cell(row, 0, 0));
    return FIRN_OK;
}

/* Readers of events that do not tell when a transaction committed judge by it. More transactions than have room: not noted. */
static firn_status
read_visible(const postgres_snapshot *snapshot, source_point *ret_point, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_query(snapshot->holder, "SELECT txid_current_snapshot()", NULL, 0, "looking at the snapshot", &row, err));
    const char *text = postgres_cell(row, 0, 0);
    copy_text(ret_point->visible, sizeof ret_point->visible, text && strlen(text) < sizeof ret_point->visible ? text : "");
    return FIRN_OK;
}

static firn_status
export_plain(postgres_snapshot *snapshot, firn_error *err)
{
    FIRN_TRY(postgres_execute(snapshot->holder, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                              "beginning the snapshot", err));
    return export_snapshot(snapshot, err);
}

/* ---- by a slot ---- */

typedef struct slot_export {
    postgres_snapshot       *snapshot;
    const postgres_settings *settings;
    task_cancel *const      *cancels;
    postgres_connection     *catalog;
    const snapshot_wish     *wish;
} slot_export;

static void
tell(const slot_export *x, bool is_warning, const char *format, ...) FIRN_PRINTF(3, 4);

static void
tell(const slot_export *x, bool is_warning, const char *format, ...)
{
    char    text[2 * FIRN_ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    x->wish->teller->tell(x->wish->teller->state, is_warning, text);
}

/* What is wrong with the slot that an earlier load has made. */
static firn_status
judge_slot(const slot_export *x, const slot_state *slot, firn_error *err)
{
    const char *name = x->settings->slot_name;
    bool        younger = false;

    if (slot->foreign) {
        tell(x, true, "the replication slot '%s' belongs to something else (plugin %s, database '%s'): changes after this load "
                      "cannot be followed by it; rename the source, or drop the slot if nobody needs it",
             name, slot->plugin[0] ? slot->plugin : "none", slot->database);
        return FIRN_OK;
    }
    if (slot->lost) {
        tell(x, true, "PostgreSQL has invalidated the replication slot '%s': changes since then are lost; "
                      "`firn load --fresh-start` drops it and loads all tables again",
             name);
        return FIRN_OK;
    }
    FIRN_TRY(publication_is_younger(x->catalog, x->settings->publication_name, name, &younger, err));
    if (younger)
        tell(x, true, "the publication '%s' is younger than what the slot '%s' has still to decode, which will fail; "
                      "`firn load --fresh-start` drops the slot and loads all tables again",
             x->settings->publication_name, name);
    else
        tell(x, false, "the replication slot '%s' is there already and holds %s of WAL", name,
             slot->retained[0] ? slot->retained : "no");
    return FIRN_OK;
}

static void
tell_cost(const slot_export *x, const char *position)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    firn_error  failed = {0};
    const char *limit = NULL;

    if (postgres_query(x->catalog, "SELECT current_setting('max_slot_wal_keep_size', true)", NULL, 0,
                       "reading a setting", &row, &failed) == FIRN_OK)
        limit = postgres_cell(row, 0, 0);
    tell(x, false, "made the replication slot '%s' at %s: from now on the server keeps its WAL until changes are followed "
                   "(%s%s); SELECT pg_drop_replication_slot('%s') ends that",
         x->settings->slot_name, position,
         !limit || strcmp(limit, "-1") == 0 ? "without limit: until the disk is full" : "at most max_slot_wal_keep_size = ",
         !limit || strcmp(limit, "-1") == 0 ? "" : limit, x->settings->slot_name);
}

static void
drop_made_slot(const slot_export *x)
{
    firn_error failed = {0};

    if (replication_slot_drop(x->catalog, x->settings->slot_name, &failed))
        tell(x, true, "the replication slot '%s' was made and could not be dropped again (%s); SELECT "
                      "pg_drop_replication_slot('%s') does it",
             x->settings->slot_name, failed.cause, x->settings->slot_name);
}

/* The holder's own transaction goes on with the slot's snapshot, and gives it to the readers. */
static firn_status
take_over(const slot_export *x, const slot_snapshot *made, firn_error *err)
{
    postgres_snapshot *snapshot = x->snapshot;

    copy_text(snapshot->id, sizeof snapshot->id, made->id);
    FIRN_TRY(postgres_snapshot_adopt(snapshot, snapshot->holder, err));
    return export_snapshot(snapshot, err);
}

/* FIRN_OK without a snapshot where it cannot be had. `name` NULL: a temporary slot. */
static firn_status
export_by_slot(const slot_export *x, const char *name, source_point *ret_point, firn_error *err)
{
    FIRN_AUTO(slot_snapshot_done) slot_snapshot made = {0};
    firn_error refused = {0};

    if (replication_slot_create(x->settings, x->cancels, x->catalog, name, x->wish->teller, &made, &refused)) {
        if (refused.status == FIRN_CANCELLED) {
            *err = refused;
            return err->status;
        }
        if (name) tell(x, true, "no replication slot: %s; changes after this load cannot be followed without a gap", refused.cause);
        else tell(x, false, "the snapshot's position is not exact: %s", refused.cause);
        return FIRN_OK;
    }
    firn_crash_point("slot.after-create");
    copy_text(ret_point->position, sizeof ret_point->position, made.position);
    firn_status status = take_over(x, &made, err);
    slot_snapshot_done(&made); /* a slot cannot be dropped while its maker is there */
    if (status) {
        if (name) drop_made_slot(x);
        return status;
    }
    ret_point->exact = true;
    ret_point->slot_created = name != NULL;
    if (name) tell_cost(x, ret_point->position);
    return FIRN_OK;
}

static firn_status
export_exact(const slot_export *x, source_point *ret_point, firn_error *err)
{
    char       obstacle[FIRN_ERROR_TEXT_MAX];
    slot_state slot = {0};

    if (x->wish->keep_slot) {
        FIRN_TRY(replication_slot_look(x->catalog, x->settings->slot_name, &slot, err));
        if (slot.exists) FIRN_TRY(judge_slot(x, &slot, err));
    }
    FIRN_TRY(replication_slot_obstacle(x->catalog, obstacle, err));
    if (obstacle[0]) {
        tell(x, x->settings->create_slot, "the snapshot's position is not exact, as no replication slot can be made: %s", obstacle);
        return FIRN_OK;
    }
    if (x->wish->keep_slot && !slot.exists) return export_by_slot(x, x->settings->slot_name, ret_point, err);
    return export_by_slot(x, NULL, ret_point, err);
}

firn_status
postgres_snapshot_init(postgres_snapshot *snapshot, const postgres_settings *settings, task_cancel *const cancels[2],
                       postgres_connection *catalog, const snapshot_wish *wish, source_point *ret_point, firn_error *err)
{
    slot_export x = {snapshot, settings, cancels, catalog, wish};

    *snapshot = (postgres_snapshot){0};
    *ret_point = (source_point){0};
    FIRN_TRY(read_identity(catalog, ret_point, err));
    FIRN_TRY(postgres_connection_new(settings, cancels, false, &snapshot->holder, err));
    if (wish->exact) FIRN_TRY(export_exact(&x, ret_point, err));
    if (!ret_point->exact) {
        FIRN_TRY(read_position(catalog, ret_point, err));
        FIRN_TRY(export_plain(snapshot, err));
    }
    return read_visible(snapshot, ret_point, err);
}

void
postgres_snapshot_done(postgres_snapshot *snapshot)
{
    firn_error ignored = {0}; /* a broken connection has no transaction to end */

    if (snapshot->joined) (void) !postgres_execute(snapshot->joined, "ROLLBACK", "leaving the snapshot", &ignored);
    postgres_connection_free(snapshot->holder);
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

/* The server says so in three ways: the file is gone, it never was, or its process is. */
static bool
says_gone(const firn_error *err)
{
    return err->code == FIRN_E_POSTGRES_QUERY &&
           (strstr(err->cause, "(22023)") || strstr(err->cause, "(42704)") || strstr(err->cause, "(55000)"));
}

/* `c` sees the snapshot that another process holds. */
static firn_status
adopt_foreign(postgres_snapshot *joined, postgres_connection *catalog, postgres_connection *c,
              const source_point *point, firn_error *err)
{
    source_point here = {0};
    firn_error   failed = {0};

    FIRN_TRY(read_identity(catalog, &here, err));
    if (strcmp(here.identity, point->identity) != 0) {
        (void) firn_fail(err, FIRN_E_PLAN_MISMATCH, "the plan was made on another server (%s) than this one (%s)",
                         point->identity, here.identity);
        firn_hint(err, "let the source's database_connection lead to the same server wherever the plan's lines are worked on");
        return err->status;
    }
    if (strspn(point->snapshot, "0123456789ABCDEFabcdef-") != strlen(point->snapshot) || !point->snapshot[0])
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' is no snapshot of PostgreSQL", point->snapshot);
    copy_text(joined->id, sizeof joined->id, point->snapshot);
    if (postgres_snapshot_adopt(joined, c, &failed) == FIRN_OK) return FIRN_OK;
    postgres_snapshot_done(joined);
    if (!says_gone(&failed)) {
        *err = failed;
        return err->status;
    }
    (void) firn_fail(err, FIRN_E_SNAPSHOT_GONE, "the snapshot '%s' of the plan is gone: the `firn plan` that held it has ended",
                     point->snapshot);
    firn_hint(err, "run `firn plan` again, keep it alive until all splits are loaded, and load the new plan's splits");
    firn_state(err, "results that are there already can still be committed, but not together with those of another plan");
    return err->status;
}

firn_status
postgres_snapshot_join(postgres_snapshot *snapshot, postgres_connection *catalog, const source_point *point,
                       firn_error *err)
{
    postgres_snapshot joined = {.joined = catalog};

    FIRN_TRY(adopt_foreign(&joined, catalog, catalog, point, err));
    *snapshot = joined;
    return FIRN_OK;
}

firn_status
postgres_snapshot_take_over(postgres_snapshot *snapshot, const postgres_settings *settings,
                            task_cancel *const cancels[2], postgres_connection *catalog, const source_point *point,
                            source_point *ret_point, firn_error *err)
{
    postgres_snapshot taken = {0};

    FIRN_TRY(postgres_connection_new(settings, cancels, false, &taken.holder, err));
    if (adopt_foreign(&taken, catalog, taken.holder, point, err) || export_snapshot(&taken, err)) {
        postgres_snapshot_done(&taken);
        return err->status;
    }
    *snapshot = taken;
    *ret_point = *point;
    copy_text(ret_point->snapshot, sizeof ret_point->snapshot, taken.id);
    return FIRN_OK;
}

firn_status
postgres_snapshot_check(const postgres_snapshot *snapshot, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

    if (!snapshot->holder) return FIRN_OK;
    return postgres_query(snapshot->holder, "SELECT 1", NULL, 0, "looking after the snapshot", &row, err);
}

static firn_status
fail_rewritten(const char *table, const char *what, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_POSTGRES_REWRITTEN, "table '%s' was %s after the snapshot was taken", table, what);
    firn_hint(err, "run the command again: it takes a new snapshot");
    return err->status;
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
        if (err->code != FIRN_E_POSTGRES_NOT_FOUND) return err->status;
        firn_error_reset(err);
        return fail_rewritten(table, "dropped or renamed", err);
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
    return fail_rewritten(table, "truncated, rewritten or made anew", err);
}
