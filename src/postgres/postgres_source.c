#include "postgres/postgres_source.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "postgres/copy_reader.h"
#include "postgres/postgres_describe.h"
#include "postgres/postgres_plan.h"
#include "postgres/postgres_snapshot.h"
#include "postgres/postgres_source_internal.h"
#include "postgres/postgres_types.h"
#include "postgres/publication.h"
#include "postgres/replication_slot.h"

#define IDLE_CONNECTIONS_MAX 64

static void
give_back(void *state, postgres_connection *take_connection)
{
    postgres_source *s = state;
    if (!take_connection->broken) {
        task_lock_hold(s->idle_lock);
        bool kept = s->idle_count < IDLE_CONNECTIONS_MAX;
        if (kept) s->idle[s->idle_count++] = take_connection;
        task_lock_release(s->idle_lock);
        if (kept) return;
    }
    postgres_connection_free(take_connection);
}

static postgres_connection *
take_idle(postgres_source *s)
{
    postgres_connection *c = NULL;
    task_lock_hold(s->idle_lock);
    if (s->idle_count) c = s->idle[--s->idle_count];
    task_lock_release(s->idle_lock);
    return c;
}

/* One that still sees the snapshot; NULL: none. The server says something to an idle connection when it ends it. */
static postgres_connection *
take_usable(postgres_source *s)
{
    for (postgres_connection *c; (c = take_idle(s)); postgres_connection_free(c))
        if (postgres_connection_is_quiet(c)) return c;
    return NULL;
}

static void
drop_idle(postgres_source *s)
{
    for (postgres_connection *c; (c = take_idle(s));) postgres_connection_free(c);
}

static firn_status
source_prepare(source *src, const source_table *const tables[], unsigned table_count, const source_teller *teller,
               firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    firn_status      status = FIRN_OK;

    s->wish = (snapshot_wish){.exact = true, .teller = teller};
    if (!s->settings.create_slot || !s->settings.slot_name) return FIRN_OK;
    task_lock_hold(s->catalog_lock);
    status = publication_prepare(s->catalog, &s->settings, tables, table_count, teller, &s->wish.keep_slot, err);
    task_lock_release(s->catalog_lock);
    return status ? firn_while(err, "preparing publication '%s'", s->settings.publication_name) : FIRN_OK;
}

static firn_status
source_list_kept(source *src, firn_buffer *out, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    const char      *name = s->settings.slot_name;
    slot_state       slot;

    if (!name) return FIRN_OK;
    task_lock_hold(s->catalog_lock);
    firn_status status = replication_slot_look(s->catalog, name, &slot, err);
    task_lock_release(s->catalog_lock);
    if (status) return status;
    if (!slot.exists || slot.foreign) return FIRN_OK;
    if (slot.active_pid) return replication_slot_fail_active(name, slot.active_pid, err);
    return firn_buffer_printf(out, err, "the replication slot %s\n", name);
}

static firn_status
source_drop_kept(source *src, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer kept = {0};
    postgres_source *s = (postgres_source *) src;

    firn_buffer_init(&kept, FIRN_ERROR_TEXT_MAX);
    FIRN_TRY(source_list_kept(src, &kept, err));
    if (kept.size == 0) return FIRN_OK;
    task_lock_hold(s->catalog_lock);
    firn_status status = replication_slot_drop(s->catalog, s->settings.slot_name, err);
    task_lock_release(s->catalog_lock);
    return status;
}

static firn_status
source_freeze(source *src, source_point *ret_point, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    src->ops->thaw(src);
    firn_status status =
        postgres_snapshot_init(&s->snapshot, &s->settings, s->cancels, s->catalog, &s->wish, ret_point, err);
    s->wish = (snapshot_wish){0};
    if (status) {
        postgres_snapshot_done(&s->snapshot);
        return firn_while(err, "taking a snapshot of database '%s'", s->settings.database);
    }
    (void) snprintf(ret_point->snapshot, sizeof ret_point->snapshot, "%s", s->snapshot.id);
    log_debug("snapshot %s at %s (%s), %s", s->snapshot.id, ret_point->position, ret_point->exact ? "exact" : "plain",
              ret_point->identity);
    return FIRN_OK;
}

static firn_status
source_attach(source *src, const source_point *point, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    src->ops->thaw(src);
    task_lock_hold(s->catalog_lock);
    firn_status status = postgres_snapshot_join(&s->snapshot, s->catalog, point, err);
    task_lock_release(s->catalog_lock);
    return status ? firn_while(err, "joining the snapshot of database '%s'", s->settings.database) : FIRN_OK;
}

static firn_status
source_take_over(source *src, const source_point *point, source_point *ret_point, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    src->ops->thaw(src);
    task_lock_hold(s->catalog_lock);
    firn_status status =
        postgres_snapshot_take_over(&s->snapshot, &s->settings, s->cancels, s->catalog, point, ret_point, err);
    task_lock_release(s->catalog_lock);
    return status ? firn_while(err, "taking over the snapshot of database '%s'", s->settings.database) : FIRN_OK;
}

static firn_status
source_check_held(source *src, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    task_lock_hold(s->catalog_lock);
    firn_status status = postgres_snapshot_check(&s->snapshot, err);
    task_lock_release(s->catalog_lock);
    return status ? firn_while(err, "holding the snapshot of database '%s'", s->settings.database) : FIRN_OK;
}

static void
source_thaw(source *src)
{
    postgres_source *s = (postgres_source *) src;
    drop_idle(s);
    postgres_snapshot_done(&s->snapshot);
}

static firn_status
source_list(source *src, firn_arena *arena, source_tables *ret_tables, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    task_lock_hold(s->catalog_lock);
    firn_status status = postgres_list_tables(s->catalog, s->settings.schema, arena, ret_tables, err);
    task_lock_release(s->catalog_lock);
    return status;
}

/* The table's own name, quoted: what LOCK wants. */
static firn_status
lock_table(postgres_source *s, const source_table *table, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
    firn_buffer_init(&name, 1024);
    FIRN_TRY(postgres_add_identifier(&name, s->settings.schema, err));
    FIRN_TRY(firn_buffer_add_byte(&name, '.', err));
    FIRN_TRY(postgres_add_identifier(&name, table->name, err));
    FIRN_TRY(firn_buffer_add_byte(&name, 0, err));
    return postgres_snapshot_lock(&s->snapshot, (const char *) name.data, table->name, err);
}

static firn_status
source_describe(source *src, const source_table *table, const table_rules *rules, firn_arena *arena,
                source_description **ret_description, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    bool             has_rows = table->kind == TABLE_ORDINARY || table->kind == TABLE_PARTITIONED;
    task_lock_hold(s->catalog_lock);
    firn_status status = has_rows && table->readable ? lock_table(s, table, err) : FIRN_OK;
    if (!status)
        status = postgres_describe_table(&s->types, s->settings.schema, table, rules, arena, ret_description, err);
    task_lock_release(s->catalog_lock);
    return status;
}

static firn_status
source_set_order(source *src, source_description *table, const order_term terms[], unsigned term_count, firn_error *err)
{
    (void) src;
    return postgres_set_order(table, terms, term_count, err);
}

static firn_status
source_plan(source *src, const source_description *table, unsigned split_count_max, uint64_t large_table_rows,
            firn_arena *arena, source_split **ret_splits, unsigned *ret_split_count, firn_error *err)
{
    postgres_source *s = (postgres_source *) src;
    task_lock_hold(s->catalog_lock);
    firn_status status = postgres_plan_splits(s->catalog, table, split_count_max, large_table_rows, arena, ret_splits,
                                              ret_split_count, err);
    task_lock_release(s->catalog_lock);
    return status;
}

/* A connection for rows, which sees the snapshot. */
static firn_status
take_connection(postgres_source *s, postgres_connection **ret_connection, firn_error *err)
{
    postgres_connection *c = take_usable(s);
    if (!c) {
        FIRN_TRY(postgres_connection_new(&s->settings, s->cancels, false, &c, err));
        if (s->snapshot.id[0] && postgres_snapshot_adopt(&s->snapshot, c, err)) {
            postgres_connection_free(c);
            return err->status;
        }
    }
    *ret_connection = c;
    return FIRN_OK;
}

static firn_status
source_open_split(source *src, const source_split *split, size_t batch_rows, size_t batch_bytes,
                  split_outcome *ret_outcome, batch_reader **ret_reader, firn_error *err)
{
    postgres_source     *s = (postgres_source *) src;
    postgres_connection *c = NULL;

    FIRN_TRY(take_connection(s, &c, err));
    connection_return home = {.give_back = give_back, .state = s};
    return copy_reader_new(c, home, &s->settings, split, batch_rows, batch_bytes, ret_outcome, ret_reader, err);
}

static firn_status
count_relation(postgres_connection *c, const postgres_relation *relation, uint64_t *row_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    FIRN_AUTO(postgres_result_freep) PGresult *result = NULL;

    firn_buffer_init(&sql, 1 << 16);
    FIRN_TRY(firn_buffer_printf(&sql, err, "SELECT count(*) FROM %s%s", relation->with_descendants ? "" : "ONLY ",
                                relation->qualified));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    FIRN_TRY(postgres_query(c, (const char *) sql.data, NULL, 0, "counting rows", &result, err));
    *row_count += (uint64_t) postgres_cell_i64(result, 0, 0);
    return FIRN_OK;
}

static firn_status
source_count(source *src, const source_description *table, uint64_t *ret_row_count, firn_error *err)
{
    postgres_source      *s = (postgres_source *) src;
    const postgres_table *detail = table->detail;
    postgres_connection  *c = NULL;
    firn_status           status = FIRN_OK;
    uint64_t              row_count = 0;

    FIRN_TRY(take_connection(s, &c, err));
    for (unsigned i = 0; i < detail->relation_count && !status; i++)
        status = count_relation(c, &detail->relations[i], &row_count, err);
    // A failed statement has ended the transaction that saw the snapshot.
    if (status) postgres_connection_free(c);
    else
        give_back(s, c);
    if (!status) *ret_row_count = row_count;
    return status;
}

static void
source_cancel(source *src)
{
    postgres_source *s = (postgres_source *) src;
    task_cancel_request(s->own_cancel);
}

static void
source_free(source *src)
{
    postgres_source *s = (postgres_source *) src;
    if (!s) return;
    if (s->idle_lock) source_thaw(src);
    postgres_type_catalog_done(&s->types);
    postgres_connection_free(s->catalog);
    task_lock_free(s->idle_lock);
    task_lock_free(s->catalog_lock);
    task_cancel_free(s->own_cancel);
    firn_arena_done(&s->arena);
    firn_free(s);
}

static const source_ops postgres_source_ops = {
    .kind = "postgres",
    .prepare = source_prepare,
    .list_kept = source_list_kept,
    .drop_kept = source_drop_kept,
    .freeze = source_freeze,
    .attach = source_attach,
    .take_over = source_take_over,
    .check_held = source_check_held,
    .thaw = source_thaw,
    .list = source_list,
    .describe = source_describe,
    .set_order = source_set_order,
    .plan = source_plan,
    .open_split = source_open_split,
    .count = source_count,
    .cancel = source_cancel,
    .free = source_free,
};

/* ---- making one ---- */

static bool
keep_text(firn_arena *arena, const char **slot)
{
    if (*slot) *slot = firn_arena_strdup(arena, *slot);
    return *slot != NULL;
}

static firn_status
keep_settings(postgres_source *s, const postgres_settings *settings, firn_error *err)
{
    s->settings = *settings;
    if (!s->settings.schema) s->settings.schema = "public";
    const char **texts[] = {&s->settings.host,      &s->settings.database,  &s->settings.username,
                            &s->settings.schema,    &s->settings.sslmode,   &s->settings.sslrootcert,
                            &s->settings.sslcert,   &s->settings.sslkey,    &s->settings.slot_name,
                            &s->settings.publication_name, &s->settings.application_name};
    for (size_t i = 0; i < FIRN_COUNT(texts); i++)
        if (*texts[i] && !keep_text(&s->arena, texts[i])) return firn_fail_memory(err, "a source");
    if (!s->settings.database || !s->settings.username)
        return firn_fail(err, FIRN_E_OPTION_MISSING, "a PostgreSQL source needs database and username");
    return FIRN_OK;
}

static firn_status
open_source(postgres_source *s, const postgres_settings *settings, task_cancel *cancel, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    firn_arena_init(&s->arena, 1 << 20);
    FIRN_TRY(keep_settings(s, settings, err));
    s->own_cancel = task_cancel_new();
    s->idle_lock = task_lock_new();
    s->catalog_lock = task_lock_new();
    if (!s->own_cancel || !s->idle_lock || !s->catalog_lock) return firn_fail_memory(err, "a source");
    s->cancels[0] = cancel;
    s->cancels[1] = s->own_cancel;
    FIRN_TRY(postgres_connection_new(&s->settings, s->cancels, false, &s->catalog, err));
    FIRN_TRY(postgres_query(s->catalog, "SELECT current_setting('server_encoding') = 'SQL_ASCII'", NULL, 0,
                            "reading the database's encoding", &row, err));
    postgres_type_catalog_init(&s->types, s->catalog, postgres_cell_true(row, 0, 0));
    return FIRN_OK;
}

firn_status
postgres_source_new(const postgres_settings *settings, task_cancel *cancel, source **ret_source, firn_error *err)
{
    postgres_source *s = firn_calloc(1, sizeof *s);
    if (!s) return firn_fail_memory(err, "a source");
    s->base.ops = &postgres_source_ops;
    if (open_source(s, settings, cancel, err)) {
        source_free(&s->base);
        return err->status;
    }
    *ret_source = &s->base;
    return FIRN_OK;
}
