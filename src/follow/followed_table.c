#include "follow/followed_table.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/commit.h"
#include "follow/index_opening.h"
#include "source/column_places.h"

void
followed_table_end_part(followed_table *table)
{
    table_changes_free(table->changes);
    table->changes = NULL;
}

void
followed_table_end_window(followed_table *table)
{
    followed_table_end_part(table);
    if (table->applied) table->applied->count = table->applied->dropped_until = 0;
    table->window_hash = 0;
    memset(table->window_ops, 0, sizeof table->window_ops);
    table->oldest_event_us = 0;
    table->changed_in_transaction = false;
    table->is_staged = false;
    table->staged_on = table->staged_head = 0;
    table->staged_event_count = 0;
}

void
followed_table_done(followed_table *table)
{
    followed_table_end_window(table);
    firn_free(table->applied);
    table_shape_free(table->shape);
    index_opening_free(table->opening);
    table_index_free(table->index);
    table_metadata_unref(table->base);
    *table = (followed_table){0};
}

void
follow_tell(const follow_context *ctx, follow_event_kind kind, const char *table, const char *message,
            const firn_error *error)
{
    follow_event event = {.kind = kind, .table = table, .message = message, .error = error};

    if (error) follow_progress_error(ctx->settings->progress, error->code);
    if (ctx->events) ctx->events->emit(ctx->events->state, &event);
}

/* ---- what the lake says ---- */

static firn_status
fail_kafka(const followed_table *table, firn_error *err)
{
    if (table->is_stopped) return FIRN_OK; /* nobody goes on from there */
    (void) firn_fail(err, FIRN_E_FOLLOW_FROM_KAFKA, "table '%s' was followed from Kafka: its position is one of offsets, and none of the replication slot",
                     table->name);
    firn_hint(err, "remove the connector from Kafka Connect, then firn follow --resync once: it makes a new slot and brings the tables to it");
    firn_state(err, "nothing was changed");
    return err->status;
}

static firn_status
read_position(const followed_table *table, const char *key, uint64_t *ret_position, firn_error *err)
{
    const char *text = table_metadata_property(table->base, key);

    *ret_position = 0;
    if (!text || change_position_parse(text, ret_position)) return FIRN_OK;
    if (*text == '{') return fail_kafka(table, err);
    return firn_fail(err, FIRN_E_FOLLOW_POSITION, "the property %s of table '%s' in the lake is '%s', which is no position", key,
                     table->name, text);
}

firn_status
followed_table_look(followed_table *table, bool by_ordinals, firn_error *err)
{
    table_follow_state state = table_follow_state_of(table->base);
    const char        *reason = table_metadata_property(table->base, PROPERTY_FOLLOW_REASON);

    table->is_adopted = state != TABLE_NOT_FOLLOWED;
    table->wants_reload = state == TABLE_TO_LOAD_AGAIN;
    table->is_stopped = table_follow_is_stopped(state);
    if (table->is_stopped) (void) snprintf(table->reason, sizeof table->reason, "%s", reason ? reason : "");
    table->published_by = table->is_adopted ? (uint32_t) table_metadata_property_i64(table->base, PROPERTY_PUBLISHED_BY, 0) : 0;
    table->position = CHANGE_ORDINAL_FIRST;
    if (by_ordinals) return FIRN_OK;
    return read_position(table, table->is_adopted ? PROPERTY_POSITION : PROPERTY_LOAD_POSITION, &table->position, err);
}

change_table_start
followed_table_start(const followed_table *table)
{
    const char *exact = table_metadata_property(table->base, PROPERTY_POSITION_EXACT);

    return (change_table_start){
        .name = table->name,
        .position = table->is_adopted ? table_metadata_property(table->base, PROPERTY_POSITION) : NULL,
        .load_position = table_metadata_property(table->base, PROPERTY_LOAD_POSITION),
        .load_snapshot = table_metadata_property(table->base, PROPERTY_LOAD_SNAPSHOT),
        .applied = table_metadata_property(table->base, PROPERTY_APPLIED),
        .load_is_exact = exact && strcmp(exact, "true") == 0,
        .is_keyed = table_metadata_schema(table->base)->key_count > 0,
        .schema = table_metadata_schema(table->base),
    };
}

firn_status
followed_table_position(const followed_table *table, change_stream *stream, uint64_t position, const table_metadata *base,
                        firn_arena *arena, const char **ret_text, firn_error *err)
{
    char text[CHANGE_POSITION_TEXT_MAX];

    if (change_stream_has_places(stream))
        return stream->ops->place(stream, table->name, table->is_adopted ? table_metadata_property(base, PROPERTY_POSITION) : NULL,
                                  arena, ret_text, err);
    change_position_format(position, text);
    *ret_text = firn_arena_strdup(arena, text);
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a table's position");
}

firn_status
followed_table_consistent(const followed_table *table, uint64_t *ret_position, firn_error *err)
{
    return read_position(table, PROPERTY_CONSISTENT, ret_position, err);
}

/* ---- the fence ---- */

static bool
same_property(const table_metadata *a, const table_metadata *b, const char *key)
{
    const char *x = table_metadata_property(a, key), *y = table_metadata_property(b, key);

    return x == y || (x && y && strcmp(x, y) == 0);
}

/* Of a table that several share, somebody else may have stopped it, too. */
static bool
same_place(const followed_table *table, const table_metadata *now)
{
    const change_stream *stream = table->stream;

    if (!stream) return same_property(table->base, now, PROPERTY_POSITION);
    return same_property(table->base, now, PROPERTY_FOLLOW_STATE) &&
           stream->ops->same_place(stream, table_metadata_property(table->base, PROPERTY_POSITION), table_metadata_property(now, PROPERTY_POSITION));
}

firn_status
followed_table_check_fence(const followed_table *table, const table_metadata *now, firn_error *err)
{
    const char *uuid = table_metadata_uuid(now), *ours = table_metadata_uuid(table->base);

    if (uuid && ours && strcmp(uuid, ours) != 0) {
        (void) firn_fail(err, FIRN_E_FOLLOW_FENCED, "table '%s' in the lake was dropped and made anew while it was followed",
                         table->name);
    } else if (!same_place(table, now) || !same_property(table->base, now, PROPERTY_LOAD_POSITION) ||
               !same_property(table->base, now, PROPERTY_FOLLOWED_LOAD)) {
        const char *position = table_metadata_property(now, PROPERTY_POSITION);

        (void) firn_fail(err, FIRN_E_FOLLOW_FENCED, "somebody else has moved the position of table '%s' to %s", table->name,
                         position ? position : "nothing");
        firn_hint(err, "look for another `firn follow` or `firn load` of this source, on another machine too");
    } else {
        return FIRN_OK;
    }
    firn_state(err, "nothing of this window was committed to this table; run the command again when it is the only one");
    return err->status;
}

/* ---- properties alone ---- */

typedef struct property_change {
    const followed_table *table;
    const table_property *properties;
    unsigned              count;
    table_schema         *schema;
    const char          **place; /* the value that is made for each base; NULL: none is */
    firn_arena            arena; /* of that */
} property_change;

/* Another process that shares the table has changed its shape meanwhile: ours was planned for the one before. */
static firn_status
check_shape(const property_change *p, const table_metadata *base, firn_error *err)
{
    if (!p->schema || !p->table->stream) return FIRN_OK;
    if (table_metadata_schema(base)->schema_id == table_metadata_schema(p->table->base)->schema_id) return FIRN_OK;
    return firn_fail(err, FIRN_E_FOLLOW_FENCED, "somebody else has changed the columns of table '%s'", p->table->name);
}

static firn_status
decide_properties(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    property_change *p = state;
    firn_uuid        id = ret_change->commit_id;

    if (!base)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "table '%s' is not in the lake any more", p->table->name);
    FIRN_TRY(followed_table_check_fence(p->table, base, err));
    FIRN_TRY(check_shape(p, base, err));
    if (p->place) FIRN_TRY(followed_table_position(p->table, p->table->stream, 0, base, &p->arena, p->place, err));
    *ret_change = (table_change){.commit_id = id,
                                 .schema = p->schema,
                                 .properties = p->properties,
                                 .property_count = p->count};
    return FIRN_OK;
}

static firn_status
commit_properties(property_change *p, followed_table *table, const follow_context *ctx, firn_error *err)
{
    table_metadata *now = NULL;
    firn_status     status = catalog_commit_decided(ctx->lake, &table->ident, decide_properties, p, NULL, &now, err);

    firn_arena_done(&p->arena);
    if (status) return status;
    table_metadata_unref(table->base);
    table->base = now;
    return FIRN_OK;
}

firn_status
followed_table_set_schema(followed_table *table, const follow_context *ctx, table_schema *schema,
                          const table_property properties[], unsigned count, firn_error *err)
{
    property_change p = {.table = table, .properties = properties, .count = count, .schema = schema};

    return commit_properties(&p, table, ctx, err);
}

firn_status
followed_table_set(followed_table *table, const follow_context *ctx, const table_property properties[], unsigned count,
                   firn_error *err)
{
    return followed_table_set_schema(table, ctx, NULL, properties, count, err);
}

firn_status
followed_table_set_place(followed_table *table, const follow_context *ctx, table_property properties[], unsigned count, firn_error *err)
{
    property_change p = {.table = table, .properties = properties, .count = count, .place = &properties[0].value};

    return commit_properties(&p, table, ctx, err);
}

/* ---- an unfinished window ---- */

const char *
followed_table_shape_text(const followed_table *table, firn_arena *arena)
{
    const char *load = table_metadata_property(table->base, PROPERTY_LOAD_POSITION);
    const char *places = table_metadata_property(table->base, COLUMN_PLACES_PROPERTY);

    return firn_arena_printf(arena, "%d %s %s", (int) table_metadata_schema(table->base)->schema_id, load ? load : "-", places ? places : "");
}

/* What is decided lives here. */
typedef struct stage_drop {
    const followed_table *table;
    table_property        places;
    const char           *removed[2], *ref;
} stage_drop;

/*
 * The schema that main's rows have, where a window had changed it. Not where the table was loaded anew meanwhile, or another
 * writer has written rows in the new one: that stays, then.
 */
static table_schema *
shape_before(const table_metadata *base, const char **ret_places)
{
    const char     *text = table_metadata_property(base, PROPERTY_SHAPE_BEFORE), *load = table_metadata_property(base, PROPERTY_LOAD_POSITION);
    const snapshot *current = table_metadata_current_snapshot(base);
    char            of_load[CHANGE_POSITION_TEXT_MAX];
    int             id = -1, used = 0;

    *ret_places = NULL;
    if (!text || sscanf(text, "%d %23s %n", &id, of_load, &used) != 2 || !used) return NULL;
    if (strcmp(of_load, load ? load : "-") != 0) return NULL;
    if (current && current->schema_id == table_metadata_schema(base)->schema_id && current->schema_id != id) return NULL;
    *ret_places = text + used;
    for (unsigned i = 0; i < base->schema_count; i++) {
        if (base->schemas[i].schema_id == id) return base->schemas[i].schema;
    }
    return NULL;
}

static firn_status
decide_drop(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    stage_drop *d = state;
    firn_uuid   id = ret_change->commit_id;
    const char *places = NULL;
    unsigned    removed = 0;

    if (!base) return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "table '%s' is not in the lake any more", d->table->name);
    FIRN_TRY(followed_table_check_fence(d->table, base, err));
    *ret_change = (table_change){.commit_id = id, .removed_properties = d->removed};
    d->ref = STAGE_BRANCH;
    ret_change->removed_refs = &d->ref;
    ret_change->removed_ref_count = table_metadata_ref_snapshot(base, STAGE_BRANCH) != 0;
    ret_change->schema = shape_before(base, &places);
    if (places && *places) {
        d->places = (table_property){COLUMN_PLACES_PROPERTY, places};
        ret_change->properties = &d->places;
        ret_change->property_count = 1;
    } else if (places && table_metadata_property(base, COLUMN_PLACES_PROPERTY)) {
        d->removed[removed++] = COLUMN_PLACES_PROPERTY;
    }
    if (table_metadata_property(base, PROPERTY_SHAPE_BEFORE)) d->removed[removed++] = PROPERTY_SHAPE_BEFORE;
    ret_change->removed_property_count = removed;
    return FIRN_OK;
}

firn_status
followed_table_drop_stage(followed_table *table, const follow_context *ctx, firn_error *err)
{
    stage_drop      d = {.table = table};
    table_metadata *now = NULL;

    table->is_staged = false;
    if (!table_metadata_ref_snapshot(table->base, STAGE_BRANCH) && !table_metadata_property(table->base, PROPERTY_SHAPE_BEFORE))
        return FIRN_OK;
    if (catalog_commit_decided(ctx->lake, &table->ident, decide_drop, &d, NULL, &now, err))
        return firn_while(err, "dropping the unfinished window of '%s'", table->name);
    table_metadata_unref(table->base);
    table->base = now;
    return FIRN_OK;
}

void
followed_table_say_origin(const change_stream *stream, uint32_t part, uint64_t origin, firn_error *err)
{
    char spot[300], cause[FIRN_ERROR_TEXT_MAX];

    if (!stream || !stream->ops->say_origin || !part) return;
    stream->ops->say_origin(stream, part, origin, spot, sizeof spot);
    memcpy(cause, err->cause, sizeof cause);
    (void) snprintf(err->cause, sizeof err->cause, "%s: %.*s", spot, (int) (sizeof err->cause - sizeof spot - 4), cause);
}
