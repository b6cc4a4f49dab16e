#include "postgres/postgres_reselect.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "batch/array.h"
#include "batch/column_builder.h"
#include "batch/column_copy.h"
#include "postgres/copy_decode.h"
#include "postgres/copy_stream.h"
#include "postgres/postgres_describe.h"

#define STATEMENT_SIZE_MAX ((size_t) 256 << 20)
#define COLUMN_BYTES_MAX ((size_t) 1 << 31)
#define BATCH_BYTES ((size_t) 8 << 20)
#define ANSWER_MS 60000u
#define CONNECT_S 10u
#define ATTEMPTS_MAX 3u
#define ATTEMPT_WAIT_MS 1000u
/* How long a database that could not be asked is not asked again. */
#define AWAY_US ((uint64_t) 10000000)
/* How long a commit may take from the log to being seen. */
#define SEEN_US ((uint64_t) 15000000)
#define SEEN_WAIT_MS 20u

struct postgres_reselect {
    postgres_settings     settings;
    task_cancel          *cancels[2];
    postgres_connection  *connection; /* NULL: none */
    postgres_type_catalog types;      /* of the connection */
    uint64_t              away_until_us;
    firn_error            away; /* why */
};

/* One request under way. */
typedef struct asked_table {
    postgres_reselect       *r;
    const reselect_request  *request;
    bool                    *known;
    firn_arena               arena;
    const char              *from; /* "ONLY "shop"."orders"" */
    const char             **key_types;
    source_description      *description;
    const postgres_table    *table;
    int                     *places;   /* per wanted column: the description's; -1: not there, or of another type */
    column_builder         **builders; /* per wanted column */
    int64_t                  row_count;
} asked_table;

static void
asked_done(asked_table *a)
{
    for (unsigned c = 0; a->builders && c < a->request->schema->field_count; c++) column_builder_free(a->builders[c]);
    if (a->description) schema_unref(a->description->schema);
    firn_arena_done(&a->arena);
}

/* ---- the connection ---- */

static void
disconnect(postgres_reselect *r)
{
    if (!r->connection) return;
    postgres_type_catalog_done(&r->types);
    postgres_connection_free(r->connection);
    r->connection = NULL;
}

firn_status
postgres_reselect_new(const postgres_settings *settings, task_cancel *cancel, postgres_reselect **ret_reselect, firn_error *err)
{
    postgres_reselect *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "a reader of rows");
    r->settings = *settings;
    if (!r->settings.schema) r->settings.schema = "public";
    r->settings.answer_timeout_ms = ANSWER_MS;
    r->settings.connect_timeout_s = CONNECT_S;
    r->cancels[0] = cancel;
    *ret_reselect = r;
    return FIRN_OK;
}

void
postgres_reselect_free(postgres_reselect *r)
{
    if (!r) return;
    disconnect(r);
    firn_free(r);
}

static firn_status
connect(postgres_reselect *r, firn_error *err)
{
    if (r->connection && postgres_connection_is_quiet(r->connection) && !r->connection->broken) return FIRN_OK;
    disconnect(r);
    FIRN_TRY(postgres_connection_new(&r->settings, r->cancels, false, &r->connection, err));
    const char *encoding = PQparameterStatus(r->connection->pg, "server_encoding");
    postgres_type_catalog_init(&r->types, r->connection, encoding && strcmp(encoding, "SQL_ASCII") == 0);
    return postgres_execute(r->connection, "SET lock_timeout = '10s'", "setting up the session", err);
}

/* ---- the point in time ---- */

static firn_status
transaction_list(const reselect_request *request, firn_buffer *out, firn_error *err)
{
    firn_buffer_init(out, STATEMENT_SIZE_MAX);
    FIRN_TRY(firn_buffer_add_byte(out, '{', err));
    for (unsigned i = 0; i < request->transaction_count; i++)
        FIRN_TRY(firn_buffer_printf(out, err, "%s%u", i ? "," : "", (unsigned) request->transactions[i]));
    FIRN_TRY(firn_buffer_add_byte(out, '}', err));
    return firn_buffer_add_byte(out, 0, err);
}

static firn_status
fail_standby(const postgres_reselect *r, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_RESELECT, "database '%s' is a standby, which may be behind the changes that rows are to be read for",
                     r->settings.database);
    firn_hint(err, "give the primary as database_connection: of the source");
    return err->status;
}

/* Begins a transaction that sees what the request's changes have made. */
static firn_status
begin(postgres_reselect *r, const reselect_request *request, firn_error *err)
{
    /* Numbers come without their epoch: those nearest to the snapshot's end are meant. */
    static const char sql[] =
        "SELECT pg_is_in_recovery(), (SELECT count(*) FROM unnest($1::bigint[]) x WHERE NOT txid_visible_in_snapshot("
        "m + (x - m % 4294967296 + 6442450944) % 4294967296 - 2147483648, s))"
        " FROM (SELECT txid_current_snapshot() AS s, txid_snapshot_xmax(txid_current_snapshot()) AS m) now";
    FIRN_AUTO(firn_buffer_done) firn_buffer list = {0};
    uint64_t                                until_us = firn_clock_monotonic_us() + SEEN_US;

    FIRN_TRY(transaction_list(request, &list, err));
    const char *parameters[] = {(const char *) list.data};
    for (;;) {
        FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

        FIRN_TRY(postgres_execute(r->connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "reading rows again", err));
        FIRN_TRY(postgres_query(r->connection, sql, parameters, 1, "asking what the database has", &row, err));
        if (postgres_cell_true(row, 0, 0)) return fail_standby(r, err);
        if (postgres_cell_i64(row, 0, 1) == 0) return FIRN_OK;
        FIRN_TRY(postgres_execute(r->connection, "ROLLBACK", "reading rows again", err));
        if (firn_clock_monotonic_us() >= until_us) break;
        if (task_cancel_wait(r->cancels[0], SEEN_WAIT_MS)) return firn_fail(err, FIRN_E_CANCELLED, "stopped");
    }
    (void) firn_fail(err, FIRN_E_RESELECT, "database '%s' does not have the transactions yet that the changes are of", r->settings.database);
    firn_hint(err, "it is another server than the connector's, or it waits for a synchronous standby");
    return err->status;
}

/* ---- the table ---- */

/* Its name, its columns, and the types that keys are compared in. */
static firn_status
look_at_table(asked_table *a, column_rule **ret_rules, unsigned *ret_rule_count, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    postgres_reselect      *r = a->r;
    const reselect_request *request = a->request;
    const char *parameters[] = {r->settings.schema, request->table};

    FIRN_TRY(postgres_query(r->connection,
                            "SELECT a.attname, format_type(a.atttypid, a.atttypmod),"
                            " CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END || quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
                            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
                            parameters, 2, "reading the columns' types", &rows, err));
    unsigned     found = (unsigned) PQntuples(rows), count = request->rules->column_count;
    column_rule *rules = firn_arena_array(&a->arena, count + found + 1u, sizeof *rules);
    if (!rules) return firn_fail_memory(err, "a table's columns");
    if (!found) return firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "table '%s.%s' does not exist any more", r->settings.schema, request->table);
    if (count) memcpy(rules, request->rules->columns, count * sizeof *rules);
    for (int i = 0; i < (int) found; i++) {
        const char *name = firn_arena_strdup(&a->arena, PQgetvalue(rows, i, 0));
        int         wanted = name ? schema_column_index(request->schema, name) : -1;

        if (!name) return firn_fail_memory(err, "a table's columns");
        if (wanted < 0) rules[count++] = (column_rule){.column = name, .excluded = true};
        else if ((unsigned) wanted < request->key_count)
            a->key_types[wanted] = firn_arena_strdup(&a->arena, PQgetvalue(rows, i, 1));
    }
    a->from = firn_arena_strdup(&a->arena, PQgetvalue(rows, 0, 2));
    *ret_rules = rules;
    *ret_rule_count = count;
    return a->from ? FIRN_OK : firn_fail_memory(err, "a table's columns");
}

static firn_status
fail_column(const asked_table *a, const char *column, firn_error *err)
{
    return firn_fail(err, FIRN_E_RESELECT, "column '%s' of '%s.%s' is not what it was any more", column, a->r->settings.schema,
                     a->request->table);
}

static firn_status
describe(asked_table *a, firn_error *err)
{
    const reselect_request *request = a->request;
    const table_schema     *schema = request->schema;
    source_table           *table = firn_arena_alloc(&a->arena, sizeof *table);
    table_rules            *rules = firn_arena_alloc(&a->arena, sizeof *rules);
    column_rule            *columns = NULL;

    a->key_types = firn_arena_array(&a->arena, request->key_count + 1u, sizeof *a->key_types);
    a->places = firn_arena_array(&a->arena, schema->field_count + 1u, sizeof *a->places);
    a->builders = firn_arena_array(&a->arena, schema->field_count + 1u, sizeof(column_builder *));
    if (!table || !rules || !a->key_types || !a->places || !a->builders) return firn_fail_memory(err, "a table's columns");
    *rules = *request->rules;
    FIRN_TRY(look_at_table(a, &columns, &rules->column_count, err));
    rules->columns = columns;
    rules->key_count = 0;
    *table = (source_table){.name = request->table, .kind = TABLE_ORDINARY, .readable = true};
    FIRN_TRY(postgres_describe_table(&a->r->types, a->r->settings.schema, table, rules, &a->arena, &a->description, err));
    a->table = a->description->detail;
    for (unsigned c = 0; c < schema->field_count; c++) {
        const table_schema *now = a->description->schema;
        int                 place = schema_column_index(now, schema->fields[c].name);

        if (place >= 0 && !data_type_equal(now->fields[place].type, schema->fields[c].type)) place = -1;
        a->places[c] = place;
        a->known[c] = place >= 0;
        if (c < request->key_count && (place < 0 || !a->key_types[c])) return fail_column(a, schema->fields[c].name, err);
        FIRN_TRY(column_builder_new(schema->fields[c].type, COLUMN_BYTES_MAX, &a->builders[c], err));
    }
    return FIRN_OK;
}

/* ---- the statement ---- */

static firn_status
add_key_value(const asked_table *a, unsigned k, const char *text, firn_buffer *sql, firn_error *err)
{
    type_kind kind = a->request->schema->fields[k].type->kind;

    if (kind == TYPE_BINARY || kind == TYPE_FIXED) {
        const char *bytes = firn_arena_printf((firn_arena *) (uintptr_t) &a->arena, "\\x%s", text);
        if (!bytes) return firn_fail_memory(err, "a key");
        text = bytes;
    }
    FIRN_TRY(postgres_add_literal(sql, text, err));
    return firn_buffer_printf(sql, err, "::%s", a->key_types[k]);
}

static firn_status
add_statement(const asked_table *a, size_t from, size_t to, firn_buffer *sql, firn_error *err)
{
    const reselect_request *request = a->request;

    FIRN_TRY(firn_buffer_printf(sql, err, "COPY (SELECT %s FROM %s WHERE (", a->table->select_list, a->from));
    for (unsigned k = 0; k < request->key_count; k++) {
        if (k) FIRN_TRY(firn_buffer_add_byte(sql, ',', err));
        FIRN_TRY(postgres_add_identifier(sql, request->schema->fields[k].name, err));
    }
    FIRN_TRY(firn_buffer_add_text(sql, ") IN (VALUES ", err));
    for (size_t i = from; i < to; i++) {
        FIRN_TRY(firn_buffer_add_text(sql, i > from ? ",(" : "(", err));
        for (unsigned k = 0; k < request->key_count; k++) {
            if (k) FIRN_TRY(firn_buffer_add_byte(sql, ',', err));
            FIRN_TRY(add_key_value(a, k, request->keys[i * request->key_count + k], sql, err));
        }
        FIRN_TRY(firn_buffer_add_byte(sql, ')', err));
    }
    FIRN_TRY(firn_buffer_add_text(sql, ")) TO STDOUT (FORMAT binary)", err));
    return firn_buffer_add_byte(sql, 0, err);
}

static firn_status
take_rows(asked_table *a, copy_decoder *decoder, firn_error *err)
{
    FIRN_AUTO(batch_done) batch rows = {0};

    FIRN_TRY(copy_decoder_take(decoder, &rows, err));
    for (int64_t i = 0; i < batch_row_count(&rows); i++, a->row_count++) {
        for (unsigned c = 0; c < a->request->schema->field_count; c++) {
            if (a->places[c] < 0) FIRN_TRY(column_add_null(a->builders[c], err));
            else
                FIRN_TRY(column_add_from(a->builders[c], a->request->schema->fields[c].type, rows.array.children[a->places[c]],
                                         rows.array.offset + i, err));
        }
    }
    return FIRN_OK;
}

static firn_status
read_rows(asked_table *a, copy_stream *stream, size_t from, size_t to, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer    sql = {0};
    FIRN_AUTO(copy_decoder_freep) copy_decoder *decoder = NULL;

    firn_buffer_init(&sql, STATEMENT_SIZE_MAX);
    FIRN_TRY(add_statement(a, from, to, &sql, err));
    FIRN_TRY(copy_decoder_new(&a->table->layout, 0, BATCH_BYTES, &decoder, err));
    FIRN_TRY(copy_stream_start(stream, (const char *) sql.data, err));
    for (;;) {
        firn_slice message;

        if (copy_decoder_full(decoder)) FIRN_TRY(take_rows(a, decoder, err));
        FIRN_TRY(copy_stream_next(stream, &message, err));
        if (!message.data) break;
        FIRN_TRY(copy_decoder_add(decoder, message.data, message.size, err));
    }
    if (!copy_decoder_ended(decoder)) return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "%s: the COPY stream has no end mark", stream->what);
    return take_rows(a, decoder, err);
}

static firn_status
read_all(asked_table *a, firn_error *err)
{
    copy_stream stream;
    char        what[256];
    firn_status status = FIRN_OK;

    (void) snprintf(what, sizeof what, "reading rows of '%.200s' again", a->request->table);
    copy_stream_init(&stream, a->r->connection, what);
    for (size_t from = 0; from < a->request->row_count && !status; from += RESELECT_KEYS_MAX) {
        size_t left = a->request->row_count - from;
        status = read_rows(a, &stream, from, from + (left < RESELECT_KEYS_MAX ? left : RESELECT_KEYS_MAX), err);
    }
    copy_stream_done(&stream);
    return status;
}

/* Nulls of required columns are the caller's matter. */
static firn_status
give_rows(const asked_table *a, batch *ret_rows, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray array = {0};
    unsigned count = a->request->schema->field_count;

    if (!array_init(&array, 1, count)) return firn_fail_memory(err, "a batch");
    array.length = a->row_count;
    for (unsigned c = 0; c < count; c++) FIRN_TRY(column_builder_finish(a->builders[c], array.children[c], err));
    batch_init(ret_rows, a->request->schema, &array);
    return FIRN_OK;
}

static firn_status
read_once(postgres_reselect *r, const reselect_request *request, bool known[], batch *ret_rows, firn_error *err)
{
    FIRN_AUTO(asked_done) asked_table a = {.r = r, .request = request, .known = known};

    firn_arena_init(&a.arena, STATEMENT_SIZE_MAX);
    FIRN_TRY(connect(r, err));
    FIRN_TRY(begin(r, request, err));
    FIRN_TRY(describe(&a, err));
    FIRN_TRY(read_all(&a, err));
    FIRN_TRY(postgres_execute(r->connection, "COMMIT", "reading rows again", err));
    return give_rows(&a, ret_rows, err);
}

firn_status
postgres_reselect_read(void *state, const reselect_request *request, bool known[], batch *ret_rows, firn_error *err)
{
    postgres_reselect *r = state;

    *ret_rows = (batch){0};
    if (firn_clock_monotonic_us() < r->away_until_us) {
        *err = r->away;
        return err->status;
    }
    for (unsigned attempt = 1;; attempt++) {
        firn_status status = read_once(r, request, known, ret_rows, err);

        if (status) disconnect(r); /* in the midst of a transaction */
        if (status != FIRN_UNAVAILABLE || err->code == FIRN_E_RESELECT) return status;
        if (attempt == ATTEMPTS_MAX) break;
        if (task_cancel_wait(r->cancels[0], ATTEMPT_WAIT_MS * attempt)) return status;
        firn_error_reset(err);
    }
    r->away = *err;
    r->away_until_us = firn_clock_monotonic_us() + AWAY_US;
    return err->status;
}
