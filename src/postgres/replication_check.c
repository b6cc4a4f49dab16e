#include "postgres/replication_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "postgres/publication.h"
#include "postgres/replication_slot.h"

#define SQL_BYTES_MAX ((size_t) 4 << 20)

/* ---- whose positions ---- */

static firn_status
fail_identity(const char *problem, firn_error *err)
{
    firn_hint(err, "%s; firn follow --resync compares the lake with the source and writes what differs", problem);
    return err->status;
}

bool
replication_history_end(firn_slice history, uint64_t timeline, uint64_t *ret_position)
{
    /* "1\t0/3000148\tno recovery target specified": where each earlier timeline ended. */
    const char *at = (const char *) history.data, *end = at + history.size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t) (end - at));
        if (!line_end) line_end = end;
        unsigned long long number;
        char               position[CHANGE_POSITION_TEXT_MAX] = "", line[128];
        snprintf(line, sizeof line, "%.*s", (int) (line_end - at), at);
        if (sscanf(line, "%llu %23s", &number, position) == 2 && number == timeline)
            return change_position_parse(position, ret_position);
        at = line_end + 1;
    }
    return false;
}

/* The server is on a later timeline (a standby was promoted): fine where it left ours behind the position. */
static firn_status
check_timeline(const postgres_feed_settings *settings, postgres_connection *replication, uint64_t known,
               const replication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    char     sql[64], here[CHANGE_POSITION_TEXT_MAX];
    uint64_t end = 0;

    if ((uint64_t) state->identity.timeline > known) {
        snprintf(sql, sizeof sql, "TIMELINE_HISTORY %" PRId64, state->identity.timeline);
        FIRN_TRY(postgres_query(replication, sql, NULL, 0, "reading the history of the server's timeline", &row, err));
        firn_slice history = PQntuples(row) == 1 && PQnfields(row) == 2
                                 ? firn_slice_of(PQgetvalue(row, 0, 1), (size_t) PQgetlength(row, 0, 1))
                                 : (firn_slice){0};
        if (replication_history_end(history, known, &end) && settings->position <= end) return FIRN_OK;
    }
    change_position_format(settings->position, here);
    firn_fail(err, FIRN_E_POSTGRES_IDENTITY,
              "the server is on timeline %" PRId64 ", and the lake has changes up to %s of timeline %" PRIu64
              " that this server does not have", state->identity.timeline, here, known);
    return fail_identity("a standby was promoted, or a backup restored, that had not received everything", err);
}

static firn_status
check_identity(const postgres_feed_settings *settings, postgres_connection *replication, const replication_state *state,
               firn_error *err)
{
    char     system[64] = "";
    unsigned long long timeline = 0;
    if (!settings->identity || strcmp(settings->identity, state->identity.text) == 0) return FIRN_OK;
    if (sscanf(settings->identity, "postgres:%63[0-9]:%llu", system, &timeline) < 1 ||
        strcmp(system, state->identity.system) != 0) {
        firn_fail(err, FIRN_E_POSTGRES_IDENTITY, "the server is '%s', but the lake's position is one of '%s'",
                  state->identity.text, settings->identity);
        return fail_identity("the source now names another database system", err);
    }
    return check_timeline(settings, replication, timeline, state, err);
}

static firn_status
read_identity(postgres_connection *replication, replication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_query(replication, "IDENTIFY_SYSTEM", NULL, 0, "asking the server who it is", &row, err));
    if (PQntuples(row) != 1 || PQnfields(row) < 3 || !change_position_parse(PQgetvalue(row, 0, 2), &state->end_position))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the answer to IDENTIFY_SYSTEM is not one row of four");
    snprintf(state->identity.system, sizeof state->identity.system, "%.60s", PQgetvalue(row, 0, 0));
    state->identity.timeline = postgres_cell_i64(row, 0, 1);
    snprintf(state->identity.text, sizeof state->identity.text, "postgres:%s:%" PRId64, state->identity.system,
             state->identity.timeline);
    return FIRN_OK;
}

/* What is written and not flushed yet (synchronous_commit: off) counts as there for who wants to catch up. */
static firn_status
read_written(postgres_connection *catalog, replication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_TRY(postgres_query(catalog,
                            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END",
                            NULL, 0, "asking how far the log is written", &row, err));
    if (PQntuples(row) != 1 || !change_position_parse(PQgetvalue(row, 0, 0), &state->written_position) ||
        state->written_position < state->end_position)
        state->written_position = state->end_position;
    return FIRN_OK;
}

static firn_status
check_end(const postgres_feed_settings *settings, const replication_state *state, firn_error *err)
{
    char here[CHANGE_POSITION_TEXT_MAX], there[CHANGE_POSITION_TEXT_MAX];
    if (settings->position <= state->end_position) return FIRN_OK;
    change_position_format(settings->position, here);
    change_position_format(state->end_position, there);
    firn_fail(err, FIRN_E_POSTGRES_POSITION, "the server's log ends at %s, but the lake has changes up to %s", there, here);
    return fail_identity("the server was restored from a backup, or lost what it had written", err);
}

/* ---- the slot ---- */

static firn_status
fail_lost(firn_error *err)
{
    firn_hint(err, "changes since the lake's position cannot be read any more; firn follow --resync makes a new slot, compares the "
                   "lake with the source and writes what differs");
    return err->status;
}

static firn_status
check_slot(const postgres_feed_settings *settings, const slot_state *slot, firn_error *err)
{
    const char *name = settings->server->slot_name;
    if (!slot->exists) {
        firn_fail(err, FIRN_E_POSTGRES_SLOT_LOST, "the replication slot '%s' does not exist", name);
        return fail_lost(err);
    }
    if (slot->foreign) {
        firn_fail(err, FIRN_E_POSTGRES_SLOT_FOREIGN, "the replication slot '%s' is one of plugin '%s' in database '%s', not of "
                  "pgoutput in '%s'", name, slot->plugin, slot->database, settings->server->database);
        firn_hint(err, "two sources must not share a slot: rename the source, or drop the slot if nobody needs it");
        return err->status;
    }
    if (slot->lost) {
        firn_fail(err, FIRN_E_POSTGRES_SLOT_LOST, "PostgreSQL has invalidated the replication slot '%s'%s%s%s", name,
                  slot->wal_status[0] ? " (wal_status " : "", slot->wal_status, slot->wal_status[0] ? ")" : "");
        return fail_lost(err);
    }
    if (slot->active_pid) return replication_slot_fail_active(name, slot->active_pid, err);
    return FIRN_OK;
}

/* The server begins at what was confirmed, whatever is asked for. */
static firn_status
check_confirmed(const postgres_feed_settings *settings, const replication_state *state, firn_error *err)
{
    uint64_t known = settings->position > settings->acknowledged ? settings->position : settings->acknowledged;
    char     here[CHANGE_POSITION_TEXT_MAX], there[CHANGE_POSITION_TEXT_MAX];
    if (settings->trust_slot || known == 0 || state->confirmed_position <= known) return FIRN_OK;
    change_position_format(known, here);
    change_position_format(state->confirmed_position, there);
    firn_fail(err, FIRN_E_POSTGRES_SLOT_LOST,
              "the replication slot '%s' begins at %s, but the lake has changes up to %s only: those between are gone",
              settings->server->slot_name, there, here);
    firn_hint(err, "the slot was made anew (after a failover?) or read by somebody else; firn follow --resync compares the lake with "
                   "the source and writes what differs");
    return err->status;
}

static firn_status
read_details(const postgres_feed_settings *settings, postgres_connection *catalog, replication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {settings->server->slot_name};
    FIRN_TRY(postgres_query(catalog,
                            "SELECT confirmed_flush_lsn, restart_lsn, (to_jsonb(s) ->> 'two_phase')::bool, "
                            "(SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') "
                            "FROM pg_replication_slots s WHERE slot_name = $1",
                            parameters, 1, "looking at the replication slot", &row, err));
    if (PQntuples(row) != 1) return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "the replication slot was dropped just now");
    const char *confirmed = postgres_cell(row, 0, 0), *restart = postgres_cell(row, 0, 1);
    if (confirmed && !change_position_parse(confirmed, &state->confirmed_position))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the slot's position '%s' is not one", confirmed);
    if (restart && !change_position_parse(restart, &state->restart_position))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the slot's position '%s' is not one", restart);
    state->two_phase = postgres_cell_true(row, 0, 2);
    state->sender_timeout_ms = (uint64_t) postgres_cell_i64(row, 0, 3);
    return FIRN_OK;
}

/* ---- the publication ---- */

static firn_status
check_tables(const postgres_feed_settings *settings, postgres_connection *catalog, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const postgres_settings *server = settings->server;
    publication_state        state;
    source_table            *tables = firn_arena_array(&arena, settings->table_count + 1, sizeof *tables);
    const source_table     **listed = firn_arena_array(&arena, settings->table_count + 1, sizeof *listed);
    if (!tables || !listed) return firn_fail_memory(err, "the list of tables");
    for (unsigned i = 0; i < settings->table_count; i++) {
        tables[i] = (source_table){.name = settings->tables[i], .kind = TABLE_ORDINARY};
        listed[i] = &tables[i];
    }
    FIRN_TRY(publication_look(catalog, server, listed, settings->table_count, &arena, &state, err));
    if (!state.exists) {
        firn_fail(err, FIRN_E_POSTGRES_PUBLICATION, "the publication '%s' does not exist", server->publication_name);
        firn_hint(err, "`firn check` prints the SQL that makes it; changes from before it was made cannot be read through it");
        return err->status;
    }
    for (unsigned i = 0; i < state.table_count; i++) {
        if (state.tables[i].published || settings->tables_may_miss) continue;
        firn_fail(err, FIRN_E_POSTGRES_PUBLICATION, "table '%s.%s' is not in the publication '%s'%s", server->schema,
                  state.tables[i].name, server->publication_name,
                  !state.tables[i].identified ? " (and has no replica identity)" : !state.tables[i].logged ? " (it is unlogged)" : "");
        firn_hint(err, "ALTER PUBLICATION … ADD TABLE; changes made before that are not in the stream, so load the table again "
                       "afterwards");
        return err->status;
    }
    return FIRN_OK;
}

/* Types with another text than binary form, by the rules of postgres_types: everything but these and what is made of them. */
static const char foreign_types_sql[] =
    "WITH RECURSIVE used(oid) AS (SELECT a.atttypid FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname"
    " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE p.pubname = $1 AND a.attnum > 0 AND NOT a.attisdropped"
    " UNION SELECT x.oid FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL ("
    "  SELECT t.typbasetype AS oid WHERE t.typtype = 'd'"
    "  UNION ALL SELECT t.typelem WHERE t.typlen = -1 AND t.typelem <> 0 AND t.typoutput = 'pg_catalog.array_out'::regproc"
    "  UNION ALL SELECT f.atttypid FROM pg_attribute f WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0"
    "   AND NOT f.attisdropped) x)"
    " SELECT NOT EXISTS (SELECT FROM used u JOIN pg_type t ON t.oid = u.oid LEFT JOIN pg_depend d"
    "  ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'"
    "  AND d.refclassid = 'pg_catalog.pg_extension'::regclass LEFT JOIN pg_extension e ON e.oid = d.refobjid"
    "  WHERE NOT (t.oid IN (16,17,18,19,20,21,23,25,26,28,29,114,142,650,700,701,869,1042,1043,1082,1083,1114,1184,1700,1790,2950,3802)"
    "   OR t.typtype IN ('d','c','e') OR t.typlen = -1 AND t.typelem <> 0 AND t.typoutput = 'pg_catalog.array_out'::regproc"
    "   OR (e.extname, t.typname) IN (('citext','citext'), ('hstore','hstore'), ('postgis','geometry'), ('postgis','geography'))))";

static firn_status
read_types(const postgres_feed_settings *settings, postgres_connection *catalog, replication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {settings->server->publication_name};
    if (settings->format != FEED_BINARY || catalog->server_version < 140000) return FIRN_OK;
    FIRN_TRY(postgres_query(catalog, foreign_types_sql, parameters, 1, "looking at the published types", &row, err));
    state->native_types = postgres_cell_true(row, 0, 0);
    return FIRN_OK;
}

firn_status
replication_check(const postgres_feed_settings *settings, postgres_connection *catalog, postgres_connection *replication,
                  replication_state *ret_state, firn_error *err)
{
    slot_state slot;
    *ret_state = (replication_state){0};
    FIRN_TRY(read_identity(replication, ret_state, err));
    FIRN_TRY(check_identity(settings, replication, ret_state, err));
    FIRN_TRY(check_end(settings, ret_state, err));
    FIRN_TRY(replication_slot_look(catalog, settings->server->slot_name, &slot, err));
    FIRN_TRY(read_written(catalog, ret_state, err));
    FIRN_TRY(check_slot(settings, &slot, err));
    FIRN_TRY(read_details(settings, catalog, ret_state, err));
    FIRN_TRY(check_confirmed(settings, ret_state, err));
    FIRN_TRY(check_tables(settings, catalog, err));
    return read_types(settings, catalog, ret_state, err);
}
