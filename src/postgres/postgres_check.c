#include "postgres/postgres_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres_describe.h"
#include "postgres/publication.h"
#include "postgres/replication_slot.h"

#define SQL_BYTES_MAX ((size_t) 16 << 20)
/* What a slot without limit may hold before it is warned of. */
#define SLOT_BYTES_MUCH ((int64_t) 1 << 30)

/* ---- findings ---- */

firn_status
finding_add(finding_list *list, finding_level level, const char *subject, const char *text, const char *remedy,
            firn_error *err)
{
    if (!subject || !text) return firn_fail_memory(err, "the findings");
    if (list->count == list->capacity) {
        unsigned        capacity = list->capacity ? list->capacity * 2 : 16;
        source_finding *grown = firn_arena_array(list->arena, capacity, sizeof *grown);
        if (!grown) return firn_fail_memory(err, "the findings");
        if (list->count) memcpy(grown, list->findings, list->count * sizeof *grown);
        list->findings = grown;
        list->capacity = capacity;
    }
    list->findings[list->count++] = (source_finding){level, subject, text, remedy};
    return FIRN_OK;
}

const char *
finding_text(finding_list *list, const char *format, ...)
{
    char    text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return firn_arena_strdup(list->arena, text);
}

firn_status
finding_identifier(finding_list *list, const char *schema, const char *name, const char **ret_text, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, 1024);
    if (schema) {
        FIRN_TRY(postgres_add_identifier(&text, schema, err));
        FIRN_TRY(firn_buffer_add_byte(&text, '.', err));
    }
    FIRN_TRY(postgres_add_identifier(&text, name, err));
    *ret_text = firn_arena_text(list->arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "the findings");
}

/* ---- the server ---- */

/* Everything about server and role in one row. Settings that this version does not have are null. */
static const char server_sql[] =
    "SELECT current_setting('wal_level'),"
    " current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots),"
    " current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication),"
    " current_setting('max_slot_wal_keep_size', true), current_setting('idle_replication_slot_timeout', true),"
    " pg_is_in_recovery(), current_setting('server_encoding'), current_user,"
    " r.rolsuper, r.rolreplication OR EXISTS (SELECT 1 FROM pg_roles m WHERE m.rolname = 'rds_replication'"
    "   AND pg_has_role(r.oid, m.oid, 'MEMBER')),"
    " current_setting('server_version'), current_database(),"
    " coalesce(host(inet_server_addr()), 'a socket'), coalesce(inet_server_port()::text, '')"
    " FROM pg_roles r WHERE r.rolname = current_user";

enum server_column {
    WAL_LEVEL,
    SLOTS_MAX,
    SLOTS_USED,
    SENDERS_MAX,
    SENDERS_USED,
    KEEP_SIZE,
    IDLE_TIMEOUT,
    IN_RECOVERY,
    ENCODING,
    ROLE,
    IS_SUPERUSER,
    CAN_REPLICATE,
    VERSION,
    DATABASE,
    ADDRESS,
    SERVER_PORT,
};

typedef struct server_check {
    postgres_source *s;
    finding_list    *list;
    const PGresult  *row;
    /* What only following needs: an error where changes are followed, else a warning. */
    finding_level    needed;
} server_check;

/* NULL: a setting that this version does not have. */
static const char *
cell_or_null(const server_check *k, enum server_column column)
{
    return postgres_cell(k->row, 0, (int) column);
}

static const char *
cell(const server_check *k, enum server_column column)
{
    return PQgetvalue(k->row, 0, (int) column); /* "" for null */
}

static firn_status
check_connection(server_check *k, firn_error *err)
{
    const char *text =
        finding_text(k->list, "PostgreSQL %s, database '%s' as '%s', at %s%s%s", cell(k, VERSION), cell(k, DATABASE),
                     cell(k, ROLE), cell(k, ADDRESS), *cell(k, SERVER_PORT) ? ":" : "", cell(k, SERVER_PORT));

    FIRN_TRY(finding_add(k->list, FINDING_OK, "connection", text, NULL, err));
    if (postgres_cell_true(k->row, 0, IN_RECOVERY))
        FIRN_TRY(
            finding_add(k->list, FINDING_WARNING, "standby",
                        "this server is a standby: a load cancelled by recovery must be started again, and slots need "
                        "version 16",
                        "set host: to the primary server", err));
    if (strcmp(cell(k, ENCODING), "UTF8") != 0)
        FIRN_TRY(finding_add(
            k->list, FINDING_NOTE, "encoding",
            finding_text(k->list, "the database is %s: the server converts to UTF-8%s", cell(k, ENCODING),
                         strcmp(cell(k, ENCODING), "SQL_ASCII") == 0 ? " nothing, bytes that are no UTF-8 fail" : ""),
            NULL, err));
    return FIRN_OK;
}

static firn_status
check_tls(server_check *k, firn_error *err)
{
    PGconn     *pg = k->s->catalog->pg;
    const char *mode = k->s->settings.sslmode, *host = PQhost(pg);
    bool        socket = host && host[0] == '/';
    bool        near = socket ||
                (host && (strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0));

    if (PQsslInUse(pg)) {
        const char *protocol = PQsslAttribute(pg, "protocol"), *cipher = PQsslAttribute(pg, "cipher");
        bool        checked = mode ? strcmp(mode, "verify-full") == 0 : !near;
        const char *text = finding_text(k->list, "%s with %s%s", protocol ? protocol : "in use", cipher ? cipher : "?",
                                        checked ? ", the server's certificate and name are verified"
                                                : ", but the server's identity is not verified");
        return finding_add(
            k->list, checked || near ? FINDING_OK : FINDING_WARNING, "tls", text,
            checked || near ? NULL : "set sslmode: verify-full, and sslrootcert: where the CA is your own", err);
    }
    if (near) return finding_add(k->list, FINDING_OK, "tls", "not in use; the server is on this machine", NULL, err);
    return finding_add(k->list, FINDING_WARNING, "tls", "not in use: rows and login travel in clear",
                       "set sslmode: verify-full, and ssl = on in postgresql.conf", err);
}

static firn_status
check_wal(server_check *k, firn_error *err)
{
    const char *level = cell(k, WAL_LEVEL), *keep = cell_or_null(k, KEEP_SIZE),
               *timeout = cell_or_null(k, IDLE_TIMEOUT);

    if (strcmp(level, "logical") == 0) {
        FIRN_TRY(finding_add(k->list, FINDING_OK, "wal_level", "logical", NULL, err));
    } else {
        FIRN_TRY(finding_add(
            k->list, k->needed, "wal_level",
            finding_text(k->list, "%s: a load works, following changes needs 'logical'; takes a restart", level),
            "ALTER SYSTEM SET wal_level = 'logical';", err));
    }
    if (keep && strcmp(keep, "-1") == 0)
        FIRN_TRY(finding_add(k->list, FINDING_NOTE, "max_slot_wal_keep_size",
                             "-1: a slot that nobody reads holds WAL until the disk is full",
                             "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB';", err));
    else if (keep)
        FIRN_TRY(finding_add(k->list, FINDING_NOTE, "max_slot_wal_keep_size",
                             finding_text(k->list,
                                          "%s: a slot that is further behind is invalidated, and tables must be "
                                          "loaded again",
                                          keep),
                             NULL, err));
    if (timeout && strcmp(timeout, "0") != 0)
        FIRN_TRY(finding_add(k->list, FINDING_WARNING, "idle_replication_slot_timeout",
                             finding_text(k->list, "%s: a slot that is idle for longer is invalidated", timeout),
                             "ALTER SYSTEM SET idle_replication_slot_timeout = 0;", err));
    return FIRN_OK;
}

static firn_status
check_room(server_check *k, const char *subject, enum server_column limit, enum server_column used, firn_error *err)
{
    int64_t     most = postgres_cell_i64(k->row, 0, (int) limit), now = postgres_cell_i64(k->row, 0, (int) used);
    const char *text = finding_text(k->list, "%lld of %lld in use", (long long) now, (long long) most);

    if (now < most) return finding_add(k->list, FINDING_OK, subject, text, NULL, err);
    return finding_add(k->list, k->needed, subject, finding_text(k->list, "%s: none is free; takes a restart", text),
                       finding_text(k->list, "ALTER SYSTEM SET %s = %lld;", subject, (long long) most + 5), err);
}

static firn_status
check_role(server_check *k, firn_error *err)
{
    const char *role = NULL;

    if (postgres_cell_true(k->row, 0, IS_SUPERUSER))
        return finding_add(
            k->list, FINDING_NOTE, "role",
            finding_text(k->list, "'%s' is a superuser: SELECT and REPLICATION are enough", cell(k, ROLE)), NULL, err);
    if (postgres_cell_true(k->row, 0, CAN_REPLICATE))
        return finding_add(k->list, FINDING_OK, "role", finding_text(k->list, "'%s' has REPLICATION", cell(k, ROLE)),
                           NULL, err);
    FIRN_TRY(finding_identifier(k->list, NULL, cell(k, ROLE), &role, err));
    return finding_add(
        k->list, k->needed, "role",
        finding_text(k->list, "'%s' has no REPLICATION: a load works, following changes does not", cell(k, ROLE)),
        finding_text(k->list, "ALTER ROLE %s REPLICATION;", role), err);
}

/* Tables of the schema that lie in no publication of ours, or cannot. */
static firn_status
look_at_publication(server_check *k, publication_state *ret_state, firn_error *err)
{
    source_tables        all = {0};
    const source_table **tables;

    FIRN_TRY(postgres_list_tables(k->s->catalog, k->s->settings.schema, k->list->arena, &all, err));
    tables = firn_arena_array(k->list->arena, all.count + 1, sizeof *tables);
    if (!tables) return firn_fail_memory(err, "the findings");
    for (unsigned i = 0; i < all.count; i++) tables[i] = &all.tables[i];
    return publication_look(k->s->catalog, &k->s->settings, tables, all.count, k->list->arena, ret_state, err);
}

/* SQL for the tables that can be published. Those without replica identity are named by their own findings. */
static firn_status
publication_sql(server_check *k, const publication_state *state, const char **ret_sql, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};

    firn_buffer_init(&sql, SQL_BYTES_MAX);
    FIRN_TRY(publication_add_sql(state, k->s->catalog->server_version, &sql, err));
    *ret_sql = sql.size ? firn_arena_text(k->list->arena, firn_buffer_slice(&sql)) : NULL;
    return sql.size && !*ret_sql ? firn_fail_memory(err, "the findings") : FIRN_OK;
}

static firn_status
check_publication(server_check *k, bool *ret_exists, firn_error *err)
{
    const char       *name = k->s->settings.publication_name, *sql = NULL, *quoted = NULL;
    publication_state state = {0};
    unsigned          published_count = 0;

    FIRN_TRY(look_at_publication(k, &state, err));
    FIRN_TRY(publication_sql(k, &state, &sql, err));
    *ret_exists = state.exists;
    if (!state.exists)
        return finding_add(k->list, k->needed, "publication",
                           finding_text(k->list, "'%s' does not exist: following changes needs it, and it must be made before "
                                                 "the slot", name),
                           sql, err);
    for (unsigned i = 0; i < state.table_count; i++) published_count += state.tables[i].published;
    FIRN_TRY(finding_add(k->list, sql ? FINDING_WARNING : FINDING_OK, "publication",
                         finding_text(k->list, "'%s' holds %u of %u tables of this schema", name, published_count,
                                      state.table_count),
                         sql, err));
    if (state.complete) return FIRN_OK;
    FIRN_TRY(finding_identifier(k->list, NULL, name, &quoted, err));
    return finding_add(k->list, FINDING_WARNING, "publication",
                       finding_text(k->list, "'%s' leaves out some kind of change, or shows partitions as tables of their own",
                                    name),
                       finding_text(k->list, k->s->catalog->server_version >= 130000
                                                 ? "ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate', "
                                                   "publish_via_partition_root = true);"
                                                 : "ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');",
                                    quoted),
                       err);
}

/* Much is held, or little is left until PostgreSQL gives the slot up. */
static bool
holds_much(const slot_state *slot)
{
    if (strcmp(slot->wal_status, "unreserved") == 0) return true;
    if (slot->safe_bytes >= 0) return slot->safe_bytes < slot->retained_bytes / 4;
    return slot->retained_bytes >= SLOT_BYTES_MUCH;
}

static firn_status
describe_slot(server_check *k, const char *name, const slot_state *slot, firn_error *err)
{
    const char *limit = cell_or_null(k, KEEP_SIZE);
    bool        much = holds_much(slot);
    const char *left = slot->safe_bytes < 0 ? "without limit"
                                            : finding_text(k->list, "%lld bytes until it is invalidated (max_slot_wal_keep_size %s)",
                                                           (long long) slot->safe_bytes, limit ? limit : "?");
    const char *reader = slot->active_pid ? finding_text(k->list, "is being read by process %lld", (long long) slot->active_pid)
                                          : "is not being read";

    if (!left || !reader) return firn_fail_memory(err, "the findings");
    return finding_add(k->list, much ? FINDING_WARNING : FINDING_OK, "slot",
                       finding_text(k->list, "'%s' %s, holds %s of WAL, %s", name, reader,
                                    slot->retained[0] ? slot->retained : "no", left),
                       !much             ? NULL
                       : slot->active_pid ? "see why its reader lags"
                                         : finding_text(k->list, "start its reader; or, if changes are not to be followed: "
                                                                 "SELECT pg_drop_replication_slot('%s')", name),
                       err);
}

/* The slot of this name, which a load or a connector has made. None is right before the first load. */
static firn_status
check_slot(server_check *k, const char *name, bool publication_exists, firn_error *err)
{
    slot_state slot;
    bool       younger = false;

    FIRN_TRY(replication_slot_look(k->s->catalog, name, &slot, err));
    if (!slot.exists) return FIRN_OK;
    if (slot.foreign)
        return finding_add(k->list, k->needed, "slot",
                           finding_text(k->list, "'%s' belongs to something else (plugin %s, database '%s')", name,
                                        slot.plugin[0] ? slot.plugin : "none", slot.database),
                           "rename the source, or drop the slot if nobody needs it", err);
    if (slot.lost)
        return finding_add(k->list, FINDING_ERROR, "slot",
                           finding_text(k->list, "'%s' was invalidated by PostgreSQL: changes since then are lost", name),
                           "load all tables again: firn load --fresh-start drops the slot and makes a new one", err);
    if (publication_exists)
        FIRN_TRY(publication_is_younger(k->s->catalog, k->s->settings.publication_name, name, &younger, err));
    if (!publication_exists || younger)
        return finding_add(k->list, FINDING_ERROR, "slot",
                           finding_text(k->list, "'%s' is older than its publication: changes before that cannot be read",
                                        name),
                           "drop the slot, make the publication, load again: firn load --fresh-start does it", err);
    return describe_slot(k, name, &slot, err);
}

static firn_status
check_server(server_check *k, firn_error *err)
{
    const postgres_settings *settings = &k->s->settings;
    bool                     publication = true;

    FIRN_TRY(check_connection(k, err));
    FIRN_TRY(check_tls(k, err));
    FIRN_TRY(check_wal(k, err));
    FIRN_TRY(check_room(k, "max_replication_slots", SLOTS_MAX, SLOTS_USED, err));
    FIRN_TRY(check_room(k, "max_wal_senders", SENDERS_MAX, SENDERS_USED, err));
    FIRN_TRY(check_role(k, err));
    if (settings->publication_name) FIRN_TRY(check_publication(k, &publication, err));
    if (settings->slot_name) FIRN_TRY(check_slot(k, settings->slot_name, publication, err));
    return FIRN_OK;
}

firn_status
postgres_source_check(source *src, firn_arena *arena, source_findings *ret_findings, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    postgres_source                           *s = (postgres_source *) src; /* base is its first member */
    finding_list                               list = {.arena = arena};
    server_check k = {s, &list, NULL, s->settings.create_slot ? FINDING_ERROR : FINDING_WARNING};

    task_lock_hold(s->catalog_lock);
    firn_status status = postgres_query(s->catalog, server_sql, NULL, 0, "looking at the server", &row, err);
    k.row = row;
    if (status == FIRN_OK && PQntuples(row) != 1)
        status = firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "the current role is not in pg_roles");
    if (status == FIRN_OK) status = check_server(&k, err);
    task_lock_release(s->catalog_lock);
    *ret_findings = (source_findings){list.count, list.findings};
    return status;
}

/* ---- one table ---- */

static firn_status
check_select(postgres_source *s, const source_table *table, const char *subject, finding_list *list, firn_error *err)
{
    const char *name = NULL, *role = NULL;

    if (table->readable) return FIRN_OK;
    FIRN_TRY(finding_identifier(list, s->settings.schema, table->name, &name, err));
    FIRN_TRY(finding_identifier(list, NULL, PQuser(s->catalog->pg), &role, err));
    return finding_add(list, FINDING_ERROR, subject, "no SELECT: the table cannot be read",
                       finding_text(list, "GRANT SELECT ON %s TO %s;", name, role), err);
}

/* Key and replica identity: $1 schema, $2 table. */
static const char identity_sql[] =
    "SELECT c.relreplident, c.relpersistence,"
    " EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),"
    " EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid"
    "   AND i.indpred IS NULL AND i.indexprs IS NULL"
    "   AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])"
    "     AND NOT a.attnotnull)),"
    " EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";

static firn_status
check_identity(postgres_source *s, const source_table *table, const table_rules *rules, const char *subject,
               finding_list *list, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char                                *parameters[] = {s->settings.schema, table->name}, *name = NULL;

    FIRN_TRY(postgres_query(s->catalog, identity_sql, parameters, 2, "looking at the key", &row, err));
    if (PQntuples(row) == 0) return FIRN_OK; /* dropped meanwhile */
    char identity = *PQgetvalue(row, 0, 0);
    bool primary = postgres_cell_true(row, 0, 2), unique = postgres_cell_true(row, 0, 3);
    bool identified =
        identity == 'f' || (identity == 'd' && primary) || (identity == 'i' && postgres_cell_true(row, 0, 4));
    FIRN_TRY(finding_identifier(list, s->settings.schema, table->name, &name, err));
    if (!primary && !rules->key_count)
        FIRN_TRY(finding_add(
            list, unique ? FINDING_NOTE : FINDING_WARNING, subject,
            unique ? "no primary key; a unique index over NOT NULL columns is the key instead"
                   : "no primary key: the table is loaded without one, and equal rows cannot be told apart",
            unique ? NULL
                   : finding_text(list, "set primary_keys: {%s: [COLUMN, …]} if some columns are unique", table->name),
            err));
    if (*PQgetvalue(row, 0, 1) == 'u')
        FIRN_TRY(finding_add(list, FINDING_WARNING, subject,
                             "unlogged: it can be loaded, its changes cannot be followed",
                             finding_text(list, "ALTER TABLE %s SET LOGGED;", name), err));
    if (!identified)
        FIRN_TRY(
            finding_add(list, FINDING_WARNING, subject,
                        "no replica identity: once the publication exists, PostgreSQL refuses its updates and deletes",
                        finding_text(list, "ALTER TABLE %s REPLICA IDENTITY FULL;", name), err));
    return FIRN_OK;
}

static firn_status
check_table(postgres_source *s, const source_table *table, const table_rules *rules, finding_list *list,
            firn_error *err)
{
    const char *subject = finding_text(list, "%s.%s", s->settings.schema, table->name);
    unsigned    before = list->count;

    if (table->kind != TABLE_ORDINARY && table->kind != TABLE_PARTITIONED)
        return finding_add(list, FINDING_NOTE, subject,
                           table->kind == TABLE_VIEW                ? "a view: left out"
                           : table->kind == TABLE_MATERIALIZED_VIEW ? "a materialized view: left out"
                           : table->kind == TABLE_FOREIGN           ? "a foreign table: left out"
                                                                    : "not an ordinary table: left out",
                           NULL, err);
    FIRN_TRY(check_select(s, table, subject, list, err));
    FIRN_TRY(check_identity(s, table, rules, subject, list, err));
    if (table->readable) FIRN_TRY(postgres_check_values(s, table, rules, list, err));
    if (list->count != before) return FIRN_OK;
    return finding_add(list, FINDING_OK, subject, rules->key_count ? "key from primary_keys" : "primary key, readable",
                       NULL, err);
}

firn_status
postgres_source_check_table(source *src, const source_table *table, const table_rules *rules, firn_arena *arena,
                            source_findings *ret_findings, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    finding_list     list = {.arena = arena};

    task_lock_hold(s->catalog_lock);
    firn_status status = check_table(s, table, rules, &list, err);
    task_lock_release(s->catalog_lock);
    *ret_findings = (source_findings){list.count, list.findings};
    if (status != FIRN_OK) return firn_while(err, "checking table '%s'", table->name);
    return FIRN_OK;
}
