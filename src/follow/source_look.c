#include "follow/source_look.h"

#include <string.h>

#include "base/clock.h"
#include "follow/table_evolve.h"
#include "source/transaction_snapshot.h"
#include "state/table_properties.h"

#define PUBLISHED_BEHIND_LOAD 1u /* no transaction of a user */
#define LOOK_US_MAX ((uint64_t) 10000000)
#define LOOK_US_MIN ((uint64_t) 1000000)

static uint64_t
interval_us(const follow_loop *loop)
{
    uint64_t us = 10 * loop->ctx->settings->commit_interval_ms * 1000;

    if (us > LOOK_US_MAX) return LOOK_US_MAX;
    return us < LOOK_US_MIN ? LOOK_US_MIN : us;
}

static const table_look *
find_look(const table_looks *looks, const char *name)
{
    for (unsigned i = 0; i < looks->count; i++) {
        if (strcmp(looks->tables[i].name, name) == 0) return &looks->tables[i];
    }
    return NULL;
}

/* Whether the source sends its changes only since after the load's snapshot: it was put into the publication by hand, or was out of it for a while.
 * Known are, of a table that nobody has followed since its load, what the load has seen, else who had published it then. */
static firn_status
is_published_late(followed_table *table, const table_look *look, bool *ret_late, firn_error *err)
{
    const char *load = table->is_adopted ? NULL : table_metadata_property(table->base, PROPERTY_LOAD_SNAPSHOT);

    *ret_late = table->published_by && (uint32_t) look->published_by != table->published_by;
    if (table->published_by) return FIRN_OK;
    FIRN_TRY(transaction_snapshot_lacks(load, look->published_by, ret_late, err));
    table->published_by = *ret_late ? PUBLISHED_BEHIND_LOAD : (uint32_t) look->published_by;
    return FIRN_OK;
}

/* What is wrong stays wrong from the first look that saw it. */
static firn_status
judge(followed_table *table, const table_looks *looks, firn_error *err)
{
    const table_look *look = find_look(looks, table->name);
    uint32_t          known = table_evolve_known_relation(table);
    bool              is_other = look && known && look->relation_id != known;

    table->lost_between = false;
    if (look && !is_other && look->is_published) {
        if (look->published_by) FIRN_TRY(is_published_late(table, look, &table->lost_between, err));
        if (!table->lost_between) {
            table->lost_at = 0;
            return FIRN_OK;
        }
    }
    table->lost_relation = look ? look->relation_id : 0;
    if (!table->lost_at) table->lost_at = looks->position;
    return FIRN_OK;
}

firn_status
source_look_ask(follow_loop *loop, uint64_t now_us, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_looks looks;

    if (!loop->stream->ops->look_at_tables || (loop->looked_us && now_us - loop->looked_us < interval_us(loop))) return FIRN_OK;
    firn_status status = loop->stream->ops->look_at_tables(loop->stream, &arena, &looks, err);
    bool        is_first = !loop->looked_us;
    loop->looked_us = firn_clock_monotonic_us();
    if (status == FIRN_UNAVAILABLE) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];

        if (table->is_stopped) continue;
        FIRN_TRY(judge(table, &looks, err));
        /* A run that is to end stops at its first look what was lost before it began. */
        if (is_first && table->lost_at && loop->target && !loop->ctx->settings->until_position && loop->target < looks.position)
            loop->target = looks.position;
    }
    return FIRN_OK;
}

bool
source_look_found(const follow_loop *loop)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        const followed_table *table = &loop->tables[i];
        if (!table->is_stopped && table->lost_at && loop->window_end >= table->lost_at) return true;
    }
    return false;
}

/* Its changes do not come any more, or did not for a while: a load puts it into the publication again, or is as of later. */
static firn_status
fail_unpublished(followed_table *table, const follow_context *ctx, firn_error *err)
{
    table->wants_reload = ctx->settings->schema_changes != SCHEMA_STOP;
    (void) firn_fail(err, FIRN_E_FOLLOW_SHAPE,
                     table->lost_between ? "table '%s' was put into the publication after it was loaded: what changed in between did not come"
                                         : "table '%s' is not in the publication any more: its changes do not come", table->name);
    firn_hint(err, "load the table again%s: firn load --source %s --no-resume --table-filter '%s'",
              table->lost_between ? "" : ", which puts it into the publication", ctx->settings->source_name, table->name);
    return err->status;
}

static firn_status
why_lost(follow_loop *loop, followed_table *table, firn_error *err)
{
    schema_change_kind kind = table->lost_relation ? SCHEMA_RECREATE_TABLE : SCHEMA_DROP_TABLE;
    uint32_t           known = table_evolve_known_relation(table);

    if (table->lost_between || (table->lost_relation && (!known || table->lost_relation == known))) return fail_unpublished(table, loop->ctx, err);
    return table_evolve_lost(table, loop->ctx, kind, table->lost_relation, table->lost_at, firn_clock_now_us(), err);
}

firn_status
source_look_stop(follow_loop *loop, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];
        firn_error      why = {0};

        if (table->is_stopped || !table->lost_at || loop->window_end < table->lost_at) continue;
        (void) !why_lost(loop, table, &why);
        if (why.code != FIRN_E_FOLLOW_SHAPE) {
            *err = why;
            return err->status;
        }
        FIRN_TRY(follow_loop_stop_table(loop, table, 0, &why, err));
    }
    return FIRN_OK;
}
