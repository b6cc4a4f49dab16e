#include "load/load_plan.h"

#include "base/text.h"
#include "state/schema_changes_table.h"
#include "state/status_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_named(const load_settings *settings, const char *table_name)
{
    for (unsigned i = 0; i < settings->table_name_count; i++) {
        if (strcmp(settings->table_names[i], table_name) == 0) return true;
    }
    return settings->table_name_count == 0;
}

bool
load_filter_matches(const load_settings *settings, const char *table_name)
{
    if (!is_named(settings, table_name)) return false;
    for (unsigned i = 0; i < settings->table_filter_count; i++) {
        if (text_like(table_name, settings->table_filters[i])) return true;
    }
    return settings->table_filter_count == 0;
}

static const char *
kind_text(table_kind kind)
{
    switch (kind) {
    case TABLE_VIEW:
        return "is a view: left out";
    case TABLE_MATERIALIZED_VIEW:
        return "is a materialized view: left out";
    case TABLE_FOREIGN:
        return "is a foreign table: left out";
    case TABLE_WITHOUT_COLUMNS:
        return "has no columns, so there is nothing to load: left out";
    case TABLE_OTHER:
        return "is neither a table nor a partitioned table: left out";
    case TABLE_ORDINARY:
    case TABLE_PARTITIONED:
        break;
    }
    return NULL;
}

/* Whether the job takes the table; tells why not. */
static bool
table_is_wanted(const load_context *ctx, const source_table *table)
{
    const char *why = kind_text(table->kind);

    if (!load_filter_matches(ctx->settings, table->name)) return false;
    if (strcmp(table->name, STATUS_TABLE_NAME) == 0 || strcmp(table->name, SCHEMA_CHANGES_TABLE_NAME) == 0)
        why = "has the name of a table that firn keeps in each namespace: left out";
    if (!why) return true;
    load_tell(ctx, LOAD_EVENT_TABLE_WARNING, table->name, why, NULL);
    return false;
}

static int
bigger_first(const void *a, const void *b)
{
    const source_table *left = *(const source_table *const *) a, *right = *(const source_table *const *) b;

    if (left->size_bytes != right->size_bytes) return left->size_bytes > right->size_bytes ? -1 : 1;
    return strcmp(left->name, right->name);
}

static firn_status
nothing_matches(const load_context *ctx, const source_tables *all, firn_error *err)
{
    const load_settings *s = ctx->settings;
    const char          *nearest = NULL;

    if (!all->count) {
        (void) firn_fail(err, FIRN_E_LOAD_NOTHING_MATCHES, "schema '%s' has no tables that this user can see", s->schema_name);
        firn_hint(err, "check `schema:` of source '%s', and GRANT USAGE ON SCHEMA", s->source_name);
        return err->status;
    }
    (void) firn_fail(err, FIRN_E_LOAD_NOTHING_MATCHES, "none of the %u tables of schema '%s' matches %s%s%s", all->count,
                     s->schema_name, s->table_filter_count == 1 ? "'" : "any ",
                     s->table_filter_count == 1 ? s->table_filters[0] : "filter", s->table_filter_count == 1 ? "'" : "");
    if (s->table_filter_count == 1) {
        for (unsigned i = 0; i < all->count && !nearest; i++)
            nearest = text_nearest(s->table_filters[0], (const char *const[]){all->tables[i].name}, 1);
    }
    if (nearest) firn_hint(err, "--table-filter is an SQL LIKE pattern, case-sensitive; the nearest table is '%s'", nearest);
    else
        firn_hint(err, "--table-filter is an SQL LIKE pattern, case-sensitive: %% is any text, _ any character");
    return err->status;
}

firn_status
load_plan_make(const load_context *ctx, firn_arena *arena, load_plan *ret_plan, firn_error *err)
{
    source_tables        all = {0};
    const source_table **tables;
    unsigned             count = 0;

    FIRN_TRY(ctx->src->ops->list(ctx->src, arena, &all, err));
    tables = firn_arena_array(arena, all.count + 1, sizeof *tables);
    if (!tables) return firn_fail_memory(err, "the list of tables");
    for (unsigned i = 0; i < all.count; i++) {
        if (table_is_wanted(ctx, &all.tables[i])) tables[count++] = &all.tables[i];
    }
    if (!count) return nothing_matches(ctx, &all, err);
    qsort(tables, count, sizeof *tables, bigger_first);
    *ret_plan = (load_plan){.table_count = count, .tables = tables};
    return FIRN_OK;
}
