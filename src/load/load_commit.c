#include "load/load_commit.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "catalog/commit.h"
#include "load/load_retry.h"
#include "source/column_places.h"

#include <inttypes.h>
#include <stdio.h>

firn_status
load_commit_keep_names(load_table_result *result, const table_schema *schema, firn_error *err)
{
    const char **names = firn_arena_array(&result->arena, schema->key_count + 1, sizeof *names);

    if (!names) return firn_fail_memory(err, "a key");
    for (unsigned i = 0; i < schema->key_count; i++) {
        names[i] = firn_arena_strdup(&result->arena, schema_field_by_id(schema, schema->key_ids[i])->name);
        if (!names[i]) return firn_fail_memory(err, "a key");
    }
    result->key_names = names;
    result->key_count = schema->key_count;
    return FIRN_OK;
}

firn_status
load_commit_unchanged(const load_layout *layout, load_table_result *result, firn_error *err)
{
    const table_metadata *base = layout->base;
    int64_t               rows = table_metadata_record_count(base);
    const char           *position = table_metadata_property(base, PROPERTY_LOAD_POSITION);
    const snapshot       *current = table_metadata_current_snapshot(base);
    const char           *checksum = current ? snapshot_summary(current, SUMMARY_ROWS_CHECKSUM) : NULL;

    result->state = LOAD_COMPLETED;
    result->unchanged = true;
    result->ended_us = result->started_us = base->last_updated_ms * 1000;
    result->row_count = rows > 0 ? (uint64_t) rows : 0;
    (void) snprintf(result->position, sizeof result->position, "%s", position ? position : "");
    (void) snprintf(result->checksum, sizeof result->checksum, "%s", checksum ? checksum : "");
    return load_commit_keep_names(result, table_metadata_schema(base), err);
}

/* What the source's dictionary says of the table, and an earlier load may have said of another one. `properties` and
 * `removed` have room for two. */
static void
add_origins(const load_layout *layout, firn_arena *arena, table_change *change, table_property *properties, const char **removed)
{
    const struct {
        const char *name, *value;
    } origins[] = {
        /* Which column of the source each field is; without it a rename looks like another column. */
        {COLUMN_PLACES_PROPERTY, layout->places},
        {PROPERTY_SOURCE_RELATION, layout->relation_id ? firn_arena_printf(arena, "%" PRIu32, layout->relation_id) : NULL},
    };

    change->removed_properties = removed;
    for (unsigned i = 0; i < FIRN_COUNT(origins); i++) {
        if (origins[i].value) {
            *properties++ = (table_property){origins[i].name, origins[i].value};
            change->property_count++;
        } else if (layout->base && table_metadata_property(layout->base, origins[i].name)) {
            removed[change->removed_property_count++] = origins[i].name;
        }
    }
}

static firn_status
offer(const load_commit *c, table_metadata **ret_metadata, firn_error *err)
{
    const load_context                   *ctx = c->ctx;
    const load_layout                    *layout = c->layout;
    const source_point                   *point = &ctx->point;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char                                  coerced[24], checksum[ROW_CHECKSUM_TEXT_MAX];
    const char    *origin = firn_arena_printf(&arena, "%s.%s", ctx->settings->schema_name, layout->ident.name);
    table_property properties[11], summary[5];
    const char    *removed[2];
    unsigned       property_count = 0, summary_count = 0;
    bool           replace = c->with_rows && layout->base && table_metadata_current_snapshot(layout->base);
    table_change   change = {.commit_id = c->commit_id,
                             .schema = !layout->base || layout->schema_changes ? layout->schema : NULL,
                             .format_version = layout->config->format_version,
                             .partition_by = layout->config->partition_by,
                             .partition_by_count = layout->config->partition_by_count,
                             .sort_by = layout->config->sort_by,
                             .sort_by_count = layout->config->sort_by_count,
                             .properties = properties,
                             .summary = summary,
                             .operation = !c->with_rows ? NULL
                                          : replace     ? "overwrite"
                                                        : "append",
                             .replace_all = replace,
                             .added = c->files->files,
                             .added_count = c->files->count};

    if (!origin) return firn_fail_memory(err, "a table's name");
    (void) snprintf(coerced, sizeof coerced, "%" PRIu64, c->total.coerced_count);
    row_checksum_format(&c->checksum, checksum);
    properties[property_count++] = (table_property){PROPERTY_SOURCE_TABLE, origin};
    properties[property_count++] = (table_property){PROPERTY_SOURCE_IDENTITY, point->identity};
    if (c->comment) properties[property_count++] = (table_property){"comment", c->comment};
    if (c->with_rows) {
        properties[property_count++] = (table_property){PROPERTY_LOAD_POSITION, point->position};
        properties[property_count++] = (table_property){PROPERTY_POSITION, point->position};
        properties[property_count++] = (table_property){PROPERTY_LOAD_SNAPSHOT, point->visible};
        properties[property_count++] = (table_property){PROPERTY_POSITION_EXACT, point->exact ? "true" : "false"};
        summary[summary_count++] = (table_property){PROPERTY_POSITION, point->position};
        summary[summary_count++] = (table_property){"firn.coerced-values", coerced};
        summary[summary_count++] = (table_property){SUMMARY_ROWS_CHECKSUM, checksum};
        if (ctx->settings->correlation_id)
            summary[summary_count++] = (table_property){"firn.correlation-id", ctx->settings->correlation_id};
    }
    change.property_count = property_count;
    change.summary_count = summary_count;
    add_origins(layout, &arena, &change, &properties[property_count], removed);
    return catalog_commit_change(ctx->lake, &layout->ident, layout->base, &change, ctx->cancel, ret_metadata, err);
}

/* The rows are in files: a commit that finds no room for its metadata is tried again with the same ones. */
static firn_status
offer_surely(load_commit *c, table_metadata **ret_metadata, firn_error *err)
{
    pending_files *pending = c->files->count ? c->ctx->pending : NULL;
    task_retry     retry = load_retry_begin(c->ctx);
    char           id[UUID_TEXT_SIZE];
    firn_status    status;

    uuid_format(c->commit_id, id);
    if (pending) FIRN_TRY(pending_files_offer(pending, id, err));
    c->offered = true;
    firn_crash_point("load.after-offer");
    do {
        status = offer(c, ret_metadata, err);
    } while (status && load_retry_again(&retry, c->ctx, c->layout->ident.name, err));
    firn_crash_point("load.after-commit");
    if (pending && !status) {
        firn_error ignored = {0}; /* the table has its files; the next run finds that out, too */
        (void) !pending_files_end(pending, id, &ignored);
    }
    return status;
}

static void
tell_committed(const load_commit *c, const load_table_result *result, const table_metadata *table)
{
    const snapshot *current = table_metadata_current_snapshot(table);
    load_event      event = {.kind = LOAD_EVENT_TABLE_COMMITTED,
                             .table = c->layout->ident.name,
                             .row_count = result->row_count,
                             .file_bytes = result->file_bytes,
                             .file_count = result->file_count,
                             .snapshot_id = current ? current->snapshot_id : 0,
                             .elapsed_ms = (uint64_t) (firn_clock_now_us() - result->started_us) / 1000};

    if (c->ctx->events) c->ctx->events->emit(c->ctx->events->state, &event);
}

firn_status
load_commit_run(load_commit *commit, load_table_result *result, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *committed = NULL;
    firn_status                                      status = offer_surely(commit, &committed, err);

    if (status == FIRN_UNKNOWN) {
        firn_state(err, "it is not known whether the commit was applied; nothing was removed");
        return status;
    }
    if (status) {
        firn_state(err,
                   "the table in the lake is as it was; files that were written for it stay until they are cleaned up");
        return status;
    }
    result->state = LOAD_COMPLETED;
    result->row_count = commit->total.row_count;
    result->source_bytes = commit->total.byte_count;
    result->coerced_count = commit->total.coerced_count;
    result->file_count = commit->files->count;
    for (unsigned i = 0; i < commit->files->count; i++)
        result->file_bytes += (uint64_t) commit->files->files[i].size_bytes;
    (void) snprintf(result->position, sizeof result->position, "%s",
                    commit->with_rows ? commit->ctx->point.position : "");
    if (commit->with_rows) row_checksum_format(&commit->checksum, result->checksum);
    tell_committed(commit, result, committed);
    return load_commit_keep_names(result, commit->layout->schema, err);
}
