#include "follow/follow_status.h"

#include "base/clock.h"
#include "state/status_table.h"

static firn_status
write_rows(const follow_status_settings *settings, const follow_context *ctx, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const follow_settings *s = ctx->settings;
    status_row            *rows = firn_arena_array(&arena, settings->table_count + 1, sizeof *rows);
    char                   text[CHANGE_POSITION_TEXT_MAX];

    if (!rows) return firn_fail_memory(err, "the status of the tables");
    for (unsigned i = 0; i < settings->table_count; i++) {
        const followed_table *t = &settings->tables[i];
        bool                  is_behind = t->is_stopped || t->position > settings->consistent;

        const char *position = text;

        if (settings->by_ordinals) position = table_metadata_property(t->base, PROPERTY_POSITION);
        else
            change_position_format(is_behind ? t->position : settings->consistent, text);
        rows[i] = (status_row){.table_name = t->name,
                               .load_status = "completed",
                               .load_position = table_metadata_property(t->base, PROPERTY_LOAD_POSITION),
                               .cdc_position = firn_arena_strdup(&arena, position ? position : ""),
                               .last_event_at_us = table_metadata_property_i64(t->base, PROPERTY_LAST_EVENT, 0),
                               .last_commit_at_us = t->last_commit_us,
                               .events_applied = table_metadata_property_i64(t->base, PROPERTY_EVENTS_APPLIED, 0),
                               .error_message = t->is_stopped ? t->reason : NULL,
                               .correlation_id = s->correlation_id,
                               .updated_at_us = firn_clock_now_us()};
        if (!rows[i].cdc_position) return firn_fail_memory(err, "the status of the tables");
    }
    return status_table_follow(ctx->lake, s->namespace_levels, s->namespace_level_count, rows, settings->table_count, ctx->pending,
                               err);
}

void
follow_status_write(const follow_status_settings *settings, const follow_context *ctx)
{
    firn_error failed = {0};

    if (write_rows(settings, ctx, &failed))
        follow_tell(ctx, FOLLOW_EVENT_WARNING, NULL, "the status of the tables could not be written", &failed);
}
