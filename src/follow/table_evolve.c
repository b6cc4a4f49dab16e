#include "follow/table_evolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/text.h"
#include "follow/source_wait.h"
#include "state/schema_changes_table.h"

/* A source that is away for a while is no reason to end. */
static firn_status
describe(followed_table *table, const follow_context *ctx, const table_evolve_settings *settings, table_shape **ret_shape,
         firn_error *err)
{
    source_wait wait = source_wait_of(ctx, table->name);

    do {
        (void) !table_shape_new(settings->stream, settings->relation, &table->config->rules, table->base, ctx->settings->schema_changes, ret_shape, err);
    } while (source_wait_again(&wait, err));
    return err->status;
}

static firn_status
new_shape(followed_table *table, const follow_context *ctx, const table_evolve_settings *settings, table_shape **ret_shape,
          bool *ret_of_table, firn_error *err)
{
    firn_status status = describe(table, ctx, settings, ret_shape, err);

    *ret_of_table = status == FIRN_USAGE || status == FIRN_UNSUPPORTED || status == FIRN_FAILED;
    return status ? firn_while(err, "describing '%s'", table->name) : FIRN_OK;
}

static firn_status
record(const followed_table *table, const follow_context *ctx, change_stream *stream, uint64_t at, int64_t changed_at_us,
       const schema_evolution *evolution, firn_error *err)
{
    const follow_settings *s = ctx->settings;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    schema_change_row *rows = firn_arena_array(&arena, evolution->change_count + 1, sizeof *rows);
    char               number[CHANGE_POSITION_TEXT_MAX];
    const char        *position = number;

    if (!evolution->change_count) return FIRN_OK;
    if (!rows) return firn_fail_memory(err, "schema changes");
    change_position_format(at, number);
    if (stream && stream->ops->spot) position = stream->ops->spot(stream);
    for (unsigned i = 0; i < evolution->change_count; i++) {
        const schema_change *c = &evolution->changes[i];
        rows[i] = (schema_change_row){.changed_at_us = changed_at_us,
                                      .table_name = table->name,
                                      .column_name = c->column && c->column[0] ? c->column : NULL,
                                      .field_id = c->field_id,
                                      .kind = schema_change_kind_name(c->kind),
                                      .before = c->before,
                                      .after = c->after,
                                      .action = schema_change_action_name(c->action),
                                      .note = c->note,
                                      .position = position,
                                      .correlation_id = s->correlation_id};
    }
    FIRN_TRY(schema_changes_table_append(ctx->lake, s->namespace_levels, s->namespace_level_count, rows,
                                         evolution->change_count, ctx->pending, NULL, NULL, err));
    firn_crash_point("schema.after-record");
    const follow_event event = {.kind = FOLLOW_EVENT_SCHEMA_CHANGED,
                                .table = table->name,
                                .position = position,
                                .schema_changes = rows,
                                .schema_change_count = evolution->change_count};
    if (ctx->events) ctx->events->emit(ctx->events->state, &event);
    return FIRN_OK;
}

static void
tell_changes(const followed_table *table, const follow_context *ctx, const schema_evolution *evolution)
{
    char message[FIRN_ERROR_TEXT_MAX];

    for (unsigned i = 0; i < evolution->change_count; i++) {
        const schema_change *c = &evolution->changes[i];

        (void) snprintf(message, sizeof message, "schema: %s %s%s%s → %s: %s%s%s", schema_change_kind_name(c->kind),
                        c->column ? c->column : "", c->column ? " " : "", c->before ? c->before : "-", c->after ? c->after : "-",
                        schema_change_action_name(c->action), c->note ? ", " : "", c->note ? c->note : "");
        follow_tell(ctx, c->action == SCHEMA_APPLIED ? FOLLOW_EVENT_NOTE : FOLLOW_EVENT_WARNING, table->name, message, NULL);
    }
}

static firn_status
fail_verdict(followed_table *table, const follow_context *ctx, const schema_evolution *evolution, firn_error *err)
{
    const schema_change *worst = &evolution->changes[0];

    table->wants_reload = evolution->verdict == SCHEMA_RELOAD;
    for (unsigned i = 0; i < evolution->change_count; i++) {
        if (evolution->changes[i].action == evolution->verdict) worst = &evolution->changes[i];
    }
    (void) firn_fail(err, FIRN_E_FOLLOW_SHAPE, "%s of '%s' (%s → %s) cannot be followed: %s", schema_change_kind_name(worst->kind),
                     worst->column && worst->column[0] ? worst->column : table->name, worst->before ? worst->before : "-",
                     worst->after ? worst->after : "-", worst->note ? worst->note : "it changes rows that are there");
    if (worst->kind == SCHEMA_DROP_TABLE)
        firn_hint(err, "its rows stay in the lake as they are; drop it there, too, where it is not needed");
    else
        firn_hint(err, "load the table again: firn load --source %s --no-resume --table-filter '%s'", ctx->settings->source_name,
                  table->name);
    return err->status;
}

uint32_t
table_evolve_known_relation(const followed_table *table)
{
    const char *text = table_metadata_property(table->base, PROPERTY_SOURCE_RELATION);
    uint64_t    id;

    return text && text_parse_u64(firn_slice_text(text), &id) && id <= UINT32_MAX ? (uint32_t) id : 0;
}

firn_status
table_evolve_lost(followed_table *table, const follow_context *ctx, schema_change_kind kind, uint32_t relation_id, uint64_t position,
                  int64_t changed_at_us, firn_error *err)
{
    bool             is_dropped = kind == SCHEMA_DROP_TABLE, reloads = !is_dropped && ctx->settings->schema_changes != SCHEMA_STOP;
    char             before[24], after[24];
    schema_change    change = {.kind = kind,
                               .action = reloads ? SCHEMA_RELOAD : SCHEMA_STOPPED,
                               .column = "",
                               .before = before,
                               .after = is_dropped ? NULL : after,
                               .note = is_dropped ? "the source does not have the table any more"
                                       : reloads  ? "it was made anew at the source: the lake has the rows of the one before"
                                                  : "schema_changes: stop"};
    schema_evolution evolution = {.change_count = 1, .changes = &change, .verdict = change.action};

    (void) snprintf(before, sizeof before, "oid %" PRIu32, table_evolve_known_relation(table));
    (void) snprintf(after, sizeof after, "oid %" PRIu32, relation_id);
    FIRN_TRY(record(table, ctx, NULL, position, changed_at_us, &evolution, err));
    tell_changes(table, ctx, &evolution);
    (void) !fail_verdict(table, ctx, &evolution, err);
    return err->status;
}

/* The lake's schema, and where its columns come from. */
static firn_status
commit_schema(followed_table *table, const follow_context *ctx, uint32_t relation_id, const schema_evolution *evolution, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_property properties[3];
    unsigned       count = 0;

    if (!evolution->schema && !evolution->places && table_evolve_known_relation(table)) return FIRN_OK;
    if (!table_evolve_known_relation(table)) {
        properties[count] = (table_property){PROPERTY_SOURCE_RELATION, firn_arena_printf(&arena, "%" PRIu32, relation_id)};
        if (!properties[count++].value) return firn_fail_memory(err, "a table's relation");
    }
    if (evolution->places) properties[count++] = (table_property){COLUMN_PLACES_PROPERTY, evolution->places};
    /* The transaction's first rows are on the branch only: read again, they come in the shape that they had. */
    if (table->changed_in_transaction && !table_metadata_property(table->base, PROPERTY_SHAPE_BEFORE)) {
        properties[count] = (table_property){PROPERTY_SHAPE_BEFORE, followed_table_shape_text(table, &arena)};
        if (!properties[count++].value) return firn_fail_memory(err, "a table's shape");
    }
    FIRN_TRY(followed_table_set_schema(table, ctx, evolution->schema, properties, count, err));
    firn_crash_point("schema.after-commit");
    return FIRN_OK;
}

firn_status
table_evolve_look_again(followed_table *table, const follow_context *ctx, const table_evolve_settings *settings, bool *ret_same,
                        bool *ret_of_table, firn_error *err)
{
    FIRN_AUTO(table_shape_freep) table_shape *shape = NULL;

    FIRN_TRY(new_shape(table, ctx, settings, &shape, ret_of_table, err));
    *ret_same = !shape->evolution.change_count && !shape->evolution.schema && !shape->evolution.places;
    if (*ret_same) table->shape->repeat_count = shape->repeat_count;
    return FIRN_OK;
}

firn_status
table_evolve(followed_table *table, const follow_context *ctx, const table_evolve_settings *settings, bool *ret_of_table,
             firn_error *err)
{
    FIRN_AUTO(table_shape_freep) table_shape *shape = NULL;
    uint32_t known = table_evolve_known_relation(table);

    /* Who reads events from topics does not learn the source's numbers. */
    if (known && !change_stream_has_places(settings->stream) && known != settings->relation->id) {
        (void) !table_evolve_lost(table, ctx, SCHEMA_RECREATE_TABLE, settings->relation->id, settings->position, settings->changed_at_us, err);
        *ret_of_table = err->code == FIRN_E_FOLLOW_SHAPE;
        return err->status;
    }
    FIRN_TRY(new_shape(table, ctx, settings, &shape, ret_of_table, err));
    FIRN_TRY(record(table, ctx, settings->stream, settings->position, settings->changed_at_us, &shape->evolution, err));
    tell_changes(table, ctx, &shape->evolution);
    if (shape->evolution.verdict != SCHEMA_APPLIED) {
        *ret_of_table = true;
        return fail_verdict(table, ctx, &shape->evolution, err);
    }
    FIRN_TRY(commit_schema(table, ctx, settings->relation->id, &shape->evolution, err));
    if (shape->evolution.schema) {
        table_shape_free(shape);
        shape = NULL;
        FIRN_TRY(new_shape(table, ctx, settings, &shape, ret_of_table, err));
    }
    /* Another key is another index. */
    if (table->index && !table_index_is_of(table->index, shape->key_field_ids, shape->key_count)) {
        table_index_free(table->index);
        table->index = NULL;
    }
    table_shape_free(table->shape);
    table->shape = FIRN_STEAL(shape);
    return FIRN_OK;
}
