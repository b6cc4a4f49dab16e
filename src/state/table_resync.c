#include "state/table_resync.h"

#include <stdio.h>
#include <string.h>

#include "catalog/commit.h"

#define NO_POSITION "0/0"

bool
table_resync_is_unfinished(const table_metadata *table)
{
    const char *load = table_metadata_property(table, PROPERTY_LOAD_POSITION);
    const char *mark = table_metadata_property(table, PROPERTY_RESYNC);

    return load && mark && strcmp(load, mark) == 0;
}

static firn_status
fail_gone(const table_ident *ident, firn_error *err)
{
    return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "table '%s' is not in the lake any more", ident->name);
}

/* What is decided lives in the state of the decision. */
typedef struct resync_step {
    const table_ident  *ident;
    const resync_point *point;
    const char         *reason;
    table_property      properties[3];
    resync_end          end;
} resync_step;

/* ---- the mark ---- */

static firn_status
decide_mark(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    resync_step *s = state;
    firn_uuid    id = ret_change->commit_id;
    unsigned     count = 0;

    if (!base) return fail_gone(s->ident, err);
    s->properties[count++] = (table_property){PROPERTY_CONSISTENT, NO_POSITION};
    if (!table_follow_is_stopped(table_follow_state_of(base)))
        s->properties[count++] = (table_property){PROPERTY_RESYNC, table_metadata_property(base, PROPERTY_LOAD_POSITION)};
    *ret_change = (table_change){.commit_id = id, .properties = s->properties, .property_count = count};
    return FIRN_OK;
}

firn_status
table_resync_mark(catalog *lake, const table_ident *ident, task_cancel *cancel, firn_error *err)
{
    resync_step s = {.ident = ident};

    return catalog_commit_decided(lake, ident, decide_mark, &s, cancel, NULL, err);
}

/* ---- the end ---- */

void
table_resync_fill(const table_metadata *base, const resync_point *point, resync_end *end, table_change *change)
{
    *end = (resync_end){.properties = {{PROPERTY_POSITION, point->position},
                                       {PROPERTY_SOURCE_IDENTITY, point->identity},
                                       {PROPERTY_FOLLOWED_LOAD, table_metadata_property(base, PROPERTY_LOAD_POSITION)},
                                       {PROPERTY_FOLLOW_STATE, FOLLOW_STATE_FOLLOWING},
                                       {PROPERTY_LOAD_SNAPSHOT, point->visible},
                                       {PROPERTY_POSITION_EXACT, "true"},
                                       {PROPERTY_PUBLISHED_BY, "0"}, /* whoever has by now */
                                       {PROPERTY_APPLIED, NULL}},
                        .removed = {PROPERTY_RESYNC, PROPERTY_SOURCE_RELATION}};
    /* The snapshot is just that of the position. */
    (void) snprintf(end->applied, sizeof end->applied, "%s " NO_POSITION " ", point->position);
    end->properties[FIRN_COUNT(end->properties) - 1].value = end->applied;
    change->properties = end->properties;
    change->property_count = FIRN_COUNT(end->properties);
    change->removed_properties = end->removed;
    /* Whatever table the source has by now, its rows are these. */
    change->removed_property_count = table_metadata_property(base, PROPERTY_SOURCE_RELATION) ? 2 : 1;
}

static firn_status
decide_end(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    resync_step *s = state;
    firn_uuid    id = ret_change->commit_id;

    if (!base) return fail_gone(s->ident, err);
    if (!table_resync_is_unfinished(base))
        return firn_fail(err, FIRN_E_FOLLOW_FENCED, "somebody else has loaded or resynced table '%s' meanwhile", s->ident->name);
    *ret_change = (table_change){.commit_id = id};
    table_resync_fill(base, s->point, &s->end, ret_change);
    return FIRN_OK;
}

firn_status
table_resync_end(catalog *lake, const table_ident *ident, const resync_point *point, task_cancel *cancel, firn_error *err)
{
    resync_step s = {.ident = ident, .point = point};

    return catalog_commit_decided(lake, ident, decide_end, &s, cancel, NULL, err);
}

static firn_status
decide_give_up(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    resync_step *s = state;
    firn_uuid    id = ret_change->commit_id;

    if (!base) return fail_gone(s->ident, err);
    s->end.removed[0] = PROPERTY_RESYNC;
    s->properties[0] = (table_property){PROPERTY_FOLLOWED_LOAD, table_metadata_property(base, PROPERTY_LOAD_POSITION)};
    s->properties[1] = (table_property){PROPERTY_FOLLOW_STATE, FOLLOW_STATE_STOPPED};
    s->properties[2] = (table_property){PROPERTY_FOLLOW_REASON, s->reason};
    *ret_change = (table_change){.commit_id = id,
                                 .properties = s->properties,
                                 .property_count = FIRN_COUNT(s->properties),
                                 .removed_properties = s->end.removed,
                                 .removed_property_count = 1};
    return FIRN_OK;
}

firn_status
table_resync_give_up(catalog *lake, const table_ident *ident, const char *reason, task_cancel *cancel, firn_error *err)
{
    resync_step s = {.ident = ident, .reason = reason};

    return catalog_commit_decided(lake, ident, decide_give_up, &s, cancel, NULL, err);
}
