#include "postgres/publication.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define SQL_BYTES_MAX ((size_t) 16 << 20)
#define FIRST_NORMAL_TRANSACTION 3u
/* Longer statements are shown by `firn check --sql` only. */
#define SHOWN_BYTES_MAX 1500

/* ---- how it stands ---- */

/* Up to the list of names. $1 schema, $2 publication. */
static const char tables_sql_head[] =
    "WITH RECURSIVE roots AS (SELECT c.oid, c.relname, c.relkind, c.relpersistence FROM pg_class c"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname IN (''";
static const char tables_sql_tail[] =
    ")), tree AS (SELECT oid AS root, oid FROM roots UNION ALL SELECT t.root, i.inhrelid FROM tree t"
    "  JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class k ON k.oid = i.inhrelid WHERE k.relispartition),"
    " published AS (SELECT c.oid FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname"
    "  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE p.pubname = $2),"
    " leaves AS (SELECT t.root, c.relpersistence = 'p' AS logged, c.oid IN (SELECT oid FROM published) AS published,"
    "  c.relreplident = 'f' OR EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = c.oid AND x.indisvalid AND x.indimmediate"
    "   AND (c.relreplident = 'd' AND x.indisprimary OR c.relreplident = 'i' AND x.indisreplident)) AS identified"
    "  FROM tree t JOIN pg_class c ON c.oid = t.oid WHERE c.relkind = 'r')"
    " SELECT r.relname, coalesce(bool_and(l.identified), true), r.relpersistence = 'p' AND coalesce(bool_and(l.logged), true),"
    "  r.oid IN (SELECT oid FROM published) OR coalesce(bool_and(l.published), false), r.oid,"
    "  (SELECT x.xmin FROM pg_publication_rel x JOIN pg_publication p ON p.oid = x.prpubid WHERE p.pubname = $2 AND x.prrelid = r.oid),"
    "  txid_snapshot_xmax(txid_current_snapshot())"
    " FROM roots r LEFT JOIN leaves l ON l.root = r.oid GROUP BY r.oid, r.relname, r.relpersistence ORDER BY r.relname";

/* A row says its transaction without the epoch: the last one before `next`. 0: it does not say it any more. */
static uint64_t
with_epoch(uint32_t xid, uint64_t next)
{
    return xid < FIRST_NORMAL_TRANSACTION || !next ? 0 : next - 1 - (uint32_t) ((uint32_t) (next - 1) - xid);
}

static firn_status
look_at_tables(postgres_connection *catalog, const source_table *const tables[], unsigned table_count, firn_arena *arena,
               publication_state *state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    const char *parameters[] = {state->schema, state->name};

    firn_buffer_init(&sql, SQL_BYTES_MAX);
    FIRN_TRY(firn_buffer_add_text(&sql, tables_sql_head, err));
    for (unsigned i = 0; i < table_count; i++) {
        if (tables[i]->kind != TABLE_ORDINARY && tables[i]->kind != TABLE_PARTITIONED) continue;
        FIRN_TRY(firn_buffer_add_byte(&sql, ',', err));
        FIRN_TRY(postgres_add_literal(&sql, tables[i]->name, err));
    }
    FIRN_TRY(firn_buffer_add_text(&sql, tables_sql_tail, err));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    FIRN_TRY(postgres_query(catalog, (const char *) sql.data, parameters, 2, "looking at the publication's tables", &rows, err));
    unsigned count = (unsigned) PQntuples(rows);
    state->tables = firn_arena_array(arena, count ? count : 1, sizeof *state->tables);
    if (!state->tables) return firn_fail_memory(err, "the publication's tables");
    for (unsigned i = 0; i < count; i++) {
        int row = (int) i;
        state->tables[i] = (publication_table){.name = firn_arena_strdup(arena, PQgetvalue(rows, row, 0)),
                                               .identified = postgres_cell_true(rows, row, 1),
                                               .logged = postgres_cell_true(rows, row, 2),
                                               .published = postgres_cell_true(rows, row, 3),
                                               .oid = postgres_cell_oid(rows, row, 4),
                                               .published_by = with_epoch(postgres_cell_oid(rows, row, 5),
                                                                          (uint64_t) postgres_cell_i64(rows, row, 6))};
        if (!state->tables[i].name) return firn_fail_memory(err, "the publication's tables");
    }
    state->table_count = count;
    return FIRN_OK;
}

firn_status
publication_look(postgres_connection *catalog, const postgres_settings *settings, const source_table *const tables[],
                 unsigned table_count, firn_arena *arena, publication_state *ret_state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    publication_state state = {.name = settings->publication_name, .schema = settings->schema};
    const char       *parameters[] = {state.name};

    /* As JSON: truncate came with version 11, partitions as their root with 13. */
    FIRN_TRY(postgres_query(catalog,
                            "SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND "
                            "coalesce((to_jsonb(p) ->> 'pubtruncate')::bool, true) AND "
                            "coalesce((to_jsonb(p) ->> 'pubviaroot')::bool, true) FROM pg_publication p WHERE p.pubname = $1",
                            parameters, 1, "looking for the publication", &row, err));
    state.exists = PQntuples(row) == 1;
    state.complete = state.exists && postgres_cell_true(row, 0, 0);
    FIRN_TRY(look_at_tables(catalog, tables, table_count, arena, &state, err));
    *ret_state = state;
    return FIRN_OK;
}

firn_status
publication_is_younger(postgres_connection *catalog, const char *publication, const char *slot, bool *ret_younger,
                       firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {publication, slot};

    /* The slot needs the catalog as it was for its oldest transaction; the row that that one cannot see is younger. */
    FIRN_TRY(postgres_query(catalog,
                            "SELECT EXISTS (SELECT 1 FROM pg_publication p, pg_replication_slots s WHERE p.pubname = $1 "
                            "AND s.slot_name = $2 AND age(p.xmin) <= age(s.catalog_xmin))",
                            parameters, 2, "looking for the publication", &row, err));
    *ret_younger = postgres_cell_true(row, 0, 0);
    return FIRN_OK;
}

/* ---- making it ---- */

firn_status
publication_add_sql(const publication_state *state, int server_version, firn_buffer *out, firn_error *err)
{
    unsigned count = 0;

    for (unsigned i = 0; i < state->table_count; i++) {
        const publication_table *table = &state->tables[i];
        if (table->published || !table->identified || !table->logged) continue;
        if (count == 0) {
            FIRN_TRY(firn_buffer_add_text(out, state->exists ? "ALTER PUBLICATION " : "CREATE PUBLICATION ", err));
            FIRN_TRY(postgres_add_identifier(out, state->name, err));
        }
        FIRN_TRY(firn_buffer_add_text(out, count++ ? ", " : state->exists ? " ADD TABLE " : " FOR TABLE ", err));
        FIRN_TRY(postgres_add_identifier(out, state->schema, err));
        FIRN_TRY(firn_buffer_add_byte(out, '.', err));
        FIRN_TRY(postgres_add_identifier(out, table->name, err));
    }
    if (count == 0) return FIRN_OK;
    /* Partitions as their root, as the load has them; version 13. */
    if (!state->exists && server_version >= 130000)
        FIRN_TRY(firn_buffer_add_text(out, " WITH (publish_via_partition_root = true)", err));
    return firn_buffer_add_byte(out, ';', err);
}

/* In a transaction of its own that may write, and that does not queue behind an ALTER TABLE. */
static firn_status
run_sql(postgres_connection *catalog, const char *sql, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error ignored = {0};

    firn_buffer_init(&text, SQL_BYTES_MAX);
    FIRN_TRY(firn_buffer_add_text(&text, "BEGIN READ WRITE; SET LOCAL lock_timeout = '10s'; ", err));
    FIRN_TRY(firn_buffer_add_text(&text, sql, err));
    FIRN_TRY(firn_buffer_add_text(&text, " COMMIT", err));
    FIRN_TRY(firn_buffer_add_byte(&text, 0, err));
    firn_status status = postgres_execute(catalog, (const char *) text.data, "making the publication", err);
    if (status && postgres_execute(catalog, "ROLLBACK", "ending a transaction", &ignored)) firn_error_reset(&ignored);
    return status;
}

static void
tell_refused(const publication_state *state, const char *sql, const firn_error *cause, const source_teller *teller)
{
    char text[SHOWN_BYTES_MAX + 2 * FIRN_ERROR_TEXT_MAX];
    bool shown = strlen(sql) <= SHOWN_BYTES_MAX;

    snprintf(text, sizeof text, "the publication '%s' %s (%s); %s%s", state->name,
             state->exists ? "lacks tables of this load, whose changes will not come: add them, then load them again"
                           : "does not exist, so no replication slot is made: changes after the load cannot be followed",
             cause->cause, shown ? "to be run by who may: " : "`firn check --sql` prints what is to be run", shown ? sql : "");
    teller->tell(teller->state, true, text);
}

static void
tell_unfit(const publication_state *state, const source_teller *teller)
{
    for (unsigned i = 0; i < state->table_count; i++) {
        const publication_table *table = &state->tables[i];
        char                     text[FIRN_ERROR_TEXT_MAX];
        if (table->identified && table->logged) continue;
        snprintf(text, sizeof text,
                 table->logged ? "'%s' has no replica identity (a primary key, or REPLICA IDENTITY FULL): it is loaded, its "
                                 "changes cannot be followed"
                               : "'%s' is unlogged: it is loaded, its changes cannot be followed",
                 table->name);
        teller->tell(teller->state, true, text);
    }
}

firn_status
publication_prepare(postgres_connection *catalog, const postgres_settings *settings, const source_table *const tables[],
                    unsigned table_count, const source_teller *teller, bool *ret_usable, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    publication_state state;
    firn_error        refused = {0};

    firn_arena_init(&arena, SQL_BYTES_MAX);
    firn_buffer_init(&sql, SQL_BYTES_MAX);
    FIRN_TRY(publication_look(catalog, settings, tables, table_count, &arena, &state, err));
    *ret_usable = state.exists;
    tell_unfit(&state, teller);
    if (state.exists && !state.complete)
        teller->tell(teller->state, true,
                     "the publication leaves out some of INSERT, UPDATE, DELETE, TRUNCATE, or shows partitions as tables of "
                     "their own; `firn check --sql` mends it");
    FIRN_TRY(publication_add_sql(&state, catalog->server_version, &sql, err));
    if (sql.size == 0) return FIRN_OK;
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    if (run_sql(catalog, (const char *) sql.data, &refused)) {
        /* What passes must not leave a table loaded whose changes are not sent: later nobody could tell that some are missing. */
        if (refused.status == FIRN_CANCELLED || refused.status == FIRN_UNAVAILABLE || catalog->broken) {
            *err = refused;
            firn_state(err, "nothing was loaded: changes of tables that are not in publication '%s' would be lost", state.name);
            return err->status;
        }
        tell_refused(&state, (const char *) sql.data, &refused, teller);
        return FIRN_OK;
    }
    log_debug("ran: %s", (const char *) sql.data);
    *ret_usable = true;
    return FIRN_OK;
}
