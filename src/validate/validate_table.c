#include "validate/validate_table.h"

#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "state/table_properties.h"
#include "validate/joint_point.h"
#include "validate/key_check.h"
#include "validate/repair.h"

/* Everything that is open while a table is looked at. */
typedef struct look {
    const validate_context *ctx;
    validate_table_result  *result;
    table_ident             ident;
    firn_arena              arena;
    table_metadata         *metadata;
    const snapshot         *snap; /* that is compared */
    table_pair              pair;
} look;

static void
look_done(look *l)
{
    table_pair_done(&l->pair);
    if (l->pair.described) schema_unref(l->pair.described->schema);
    table_metadata_unref(l->metadata);
    firn_arena_done(&l->arena);
}

static firn_status
keep_text(look *l, const char *text, const char **ret_copy, firn_error *err)
{
    *ret_copy = text ? firn_arena_strdup(&l->result->arena, text) : NULL;
    return text && !*ret_copy ? firn_fail_memory(err, "a table's result") : FIRN_OK;
}

/* A followed table as of the source's position; any other as it is. A repair changes the table as it is. */
static firn_status
choose_snapshot(look *l, firn_error *err)
{
    const char     *position = table_metadata_property(l->metadata, PROPERTY_POSITION), *joint = l->ctx->joint_position;
    const snapshot *current = table_metadata_current_snapshot(l->metadata), *found = NULL;

    l->snap = current;
    if (joint && table_follow_state_of(l->metadata) == TABLE_FOLLOWING && joint_point_find(l->metadata, joint, &found) &&
        (found == current || !l->ctx->settings->repair)) {
        l->snap = found;
        position = joint;
        FIRN_TRY(keep_text(l, joint, &l->result->compared_at, err));
    }
    if (l->snap) l->result->snapshot_id = l->snap->snapshot_id;
    if (!position) position = table_metadata_property(l->metadata, PROPERTY_LOAD_POSITION);
    return keep_text(l, position, &l->result->lake_position, err);
}

static firn_status
open_both(look *l, const source_table *table, firn_error *err)
{
    const validate_context *ctx = l->ctx;
    const table_rules      *rules = ctx->settings->rules_of(ctx->settings->state, table->name);
    source_description     *described = NULL;

    if (ctx->lake->ops->load(ctx->lake, &l->ident, &l->metadata, err)) {
        l->result->state = err->status == FIRN_NOT_FOUND ? VALIDATE_MISSING : VALIDATE_FAILED;
        return err->status;
    }
    FIRN_TRY(choose_snapshot(l, err));
    FIRN_TRY(ctx->src->ops->describe(ctx->src, table, rules, &l->arena, &described, err));
    l->pair = (table_pair){.src = ctx->src,
                           .files = ctx->lake->files,
                           .cancel = ctx->cancel,
                           .table = l->metadata,
                           .snap = l->snap,
                           .described = described,
                           .connection_count = ctx->settings->connection_count,
                           .large_table_rows = ctx->settings->large_table_rows,
                           .memory_bytes = ctx->memory_bytes};
    return table_pair_match(&l->pair, &l->result->arena, err);
}

/* ---- counts and keys ---- */

static firn_status
count_both(look *l, firn_error *err)
{
    const validate_context *ctx = l->ctx;
    scan_settings           scan = {.files = ctx->lake->files,
                                    .table = l->metadata,
                                    .snap = l->snap,
                                    .columns = l->pair.lake_schema,
                                    .memory_bytes_max = ctx->memory_bytes / 2,
                                    .cancel = ctx->cancel};

    FIRN_TRY(scan_table_count(&scan, &l->result->lake_rows, err));
    FIRN_TRY(ctx->src->ops->count(ctx->src, l->pair.described, &l->result->source_rows, err));
    l->result->counted = true;
    return FIRN_OK;
}

static firn_status
check_keys(look *l, firn_error *err)
{
    const table_pair                      *pair = &l->pair;
    FIRN_AUTO(schema_unrefp) table_schema *key = NULL;
    schema_field *fields = firn_arena_array(&l->arena, pair->key_count + 1, sizeof *fields);

    if (!fields) return firn_fail_memory(err, "a key");
    for (unsigned k = 0; k < pair->key_count; k++) fields[k] = pair->lake_schema->fields[pair->lake_key[k]];
    if (!pair->key_count) return FIRN_OK;
    FIRN_TRY(schema_new(0, fields, pair->key_count, NULL, 0, false, &key, err));
    return key_check_run(l->ctx->lake->files, l->metadata, l->snap, key, l->result->lake_rows, l->ctx->memory_bytes,
                         l->ctx->cancel, &l->result->null_keys, &l->result->duplicate_keys, err);
}

/* ---- every value ---- */

static void
count_differences(const look *l, const row_compare *compare)
{
    validate_table_result *result = l->result;

    result->is_partial = compare->is_partial;
    for (size_t i = 0; i < compare->count; i++) {
        const key_difference *d = &compare->differences[i];

        if (d->only_source && d->only_lake) result->changed++;
        else
            result->only_source += d->only_source, result->only_lake += d->only_lake;
    }
}

static firn_status
look_closer(look *l, const row_compare *compare, firn_error *err)
{
    FIRN_AUTO(pair_pass_freep) pair_pass *pass = NULL;
    FIRN_AUTO(repair_freep) repair       *fix = NULL;
    const validate_settings              *settings = l->ctx->settings;

    if (!settings->repair)
        return row_detail_run(&l->pair, compare, NULL, NULL, l->result, &pass, err);
    FIRN_TRY(repair_new(&l->pair, settings, l->ctx->lake, &l->ident, &fix, err));
    FIRN_TRY(row_detail_run(&l->pair, compare, repair_visit, fix, l->result, &pass, err));
    FIRN_TRY(repair_commit(fix, compare->count, settings->resync && !compare->is_partial ? &l->ctx->resync : NULL, err));
    l->result->repaired_keys += compare->count;
    return FIRN_OK;
}

static firn_status
compare_rows(look *l, firn_error *err)
{
    FIRN_AUTO(row_compare_done) row_compare compare = {0};

    FIRN_TRY(row_compare_run(&l->pair, l->ctx->memory_bytes / 4, &compare, err));
    l->result->source_rows = compare.source_rows;
    l->result->lake_rows = compare.lake_rows;
    l->result->counted = l->result->compared = true;
    count_differences(l, &compare);
    if (compare.count) return look_closer(l, &compare, err);
    return l->ctx->settings->resync ? table_resync_end(l->ctx->lake, &l->ident, &l->ctx->resync, l->ctx->cancel, err) : FIRN_OK;
}

static firn_status
fail_shape(const look *l, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_VALIDATE_CANNOT_REPAIR, "'%s' has another shape than in the source: %s", l->ident.name,
                     l->pair.differences[0]);
    firn_hint(err, "load the table again: firn load --no-resume --table-filter '%s'", l->ident.name);
    return err->status;
}

/* ---- all of it ---- */

static validate_state
verdict(const validate_table_result *r)
{
    if (r->repaired_keys && !r->is_partial && !r->type_difference_count) return VALIDATE_REPAIRED;
    return r->source_rows == r->lake_rows && !r->null_keys && !r->duplicate_keys && !r->type_difference_count &&
                   !r->only_source && !r->only_lake && !r->changed
               ? VALIDATE_EQUAL
               : VALIDATE_DIFFERENT;
}

static firn_status
look_once(const validate_context *ctx, const source_table *table, validate_table_result *result, firn_error *err)
{
    const validate_settings *settings = ctx->settings;
    FIRN_AUTO(look_done) look l = {.ctx = ctx,
                                   .result = result,
                                   .ident = {.namespace_levels = settings->namespace_levels,
                                             .level_count = settings->namespace_level_count,
                                             .name = table->name}};

    FIRN_TRY(open_both(&l, table, err));
    result->type_difference_count = l.pair.difference_count;
    result->type_differences = l.pair.differences;
    if (settings->resync && l.pair.difference_count) return fail_shape(&l, err);
    FIRN_TRY(settings->deep || settings->repair ? compare_rows(&l, err) : count_both(&l, err));
    if (!result->repaired_keys && !settings->resync) FIRN_TRY(check_keys(&l, err));
    result->state = verdict(result);
    return FIRN_OK;
}

firn_status
validate_table(const validate_context *ctx, const source_table *table, validate_table_result *result, firn_error *err)
{
    do FIRN_TRY(look_once(ctx, table, result, err));
    while (ctx->settings->resync && result->is_partial); /* each time fewer rows differ */
    if (ctx->settings->resync) firn_crash_point("resync.after-table");
    return FIRN_OK;
}
