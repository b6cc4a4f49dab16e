#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "change/change_stream.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "cli/status_view.h"
#include "follow/follow_job.h"
#include "postgres/replication_lag.h"
#include "state/table_properties.h"

static bool
is_wanted(const session *s, const char *table)
{
    const setting *filter = &s->values.values[OPTION_TABLE_FILTER];

    for (unsigned i = 0; i < filter->item_count; i++) {
        if (text_like(table, filter->items[i])) return true;
    }
    return filter->item_count == 0;
}

typedef struct lake_namespace {
    catalog           *lake; /* borrowed, as the levels */
    const char *const *levels;
    unsigned           level_count;
} lake_namespace;

/* A table that cannot be read hides no other's status. */
static firn_status
look_at_table(session *s, const lake_namespace *place, status_entry *entry, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {.namespace_levels = place->levels, .level_count = place->level_count, .name = entry->row.table_name};
    firn_error  failed = {0};
    firn_status status = place->lake->ops->load(place->lake, &ident, &table, &failed);

    if (status == FIRN_NOT_FOUND) return FIRN_OK;
    if (status != FIRN_OK) {
        log_warning("what '%s' says of itself is not shown: %s", entry->row.table_name, failed.cause);
        return FIRN_OK;
    }
    return status_entry_take_table(entry, table, firn_clock_now_us(), &s->arena, err);
}

/* ---- the source ---- */

/* Of what is being followed, the confirmation's age is the lag, or that of the newest change of any table; of what is
 * not, the time since the last that is known. */
static void
set_lag(status_entry *e, const replication_lag *lag, uint64_t position, int64_t newest_event_us, int64_t now_us)
{
    bool    is_running = lag->is_followed && strcmp(e->follow_state, FOLLOW_STATE_FOLLOWING) == 0;
    int64_t last_us = e->row.last_event_at_us;

    e->lag_bytes = lag->server_position > position ? (int64_t) (lag->server_position - position) : 0;
    if (e->row.last_commit_at_us > last_us) last_us = e->row.last_commit_at_us;
    if (e->row.updated_at_us > last_us) last_us = e->row.updated_at_us;
    if (!e->lag_bytes) e->lag_seconds = 0;
    else if (is_running && lag->confirmed_us > 0)
        e->lag_seconds = (double) lag->confirmed_us / 1e6;
    else if (is_running) {
        int64_t age_us = now_us > newest_event_us ? now_us - newest_event_us : 0;

        /* The source hides its own figure from roles without pg_read_all_stats. Little log after a long time may be
         * nothing of these tables: that cannot be told. */
        if (newest_event_us && (e->lag_bytes >= (int64_t) FOLLOW_IDLE_BYTES || age_us < (int64_t) (2 * FOLLOW_IDLE_US))) e->lag_seconds = (double) age_us / 1e6;
    } else if (last_us && now_us > last_us)
        e->lag_seconds = (double) (now_us - last_us) / 1e6;
}

static firn_status
ask_source(session *s, const yaml_node *entry, slot_progress *slot, replication_lag *ret_lag, firn_error *err)
{
    postgres_settings server = {0};

    FIRN_TRY(session_reveal(s, entry, OPTION_PASSWORD, err));
    FIRN_TRY(connect_postgres_settings(s, &server, err));
    FIRN_TRY(replication_lag_ask(&server, s->cancel, ret_lag, err));
    *slot = (slot_progress){.name = server.slot_name,
                            .exists = ret_lag->slot_exists,
                            .is_active = ret_lag->is_followed,
                            .retained_bytes = ret_lag->retained_bytes,
                            .safe_bytes = ret_lag->safe_bytes,
                            .limit_bytes = (int64_t) settings_size(&s->values, OPTION_FOLLOW_SLOT_LIMIT)};
    memcpy(slot->status, ret_lag->status, sizeof slot->status);
    return FIRN_OK;
}

/* A source that does not answer hides nothing else. */
static void
add_lags(session *s, const yaml_node *entry, status_view *view)
{
    replication_lag lag = {0};
    firn_error      failed = {0};
    uint64_t        position;
    unsigned        followed = 0;
    int64_t         newest_event_us = 0;

    for (unsigned i = 0; i < view->count; i++) {
        const status_entry *e = &view->entries[i];

        followed += e->follow_state != NULL;
        if (e->row.last_event_at_us > newest_event_us) newest_event_us = e->row.last_event_at_us;
    }
    if (!followed) return;
    if (ask_source(s, entry, &view->slot, &lag, &failed)) {
        log_info("how far the source is ahead is not known: %s", failed.cause);
        return;
    }
    for (unsigned i = 0; i < view->count; i++) {
        status_entry *e = &view->entries[i];
        if (e->follow_state && e->row.cdc_position && change_position_parse(e->row.cdc_position, &position))
            set_lag(e, &lag, position, newest_event_us, firn_clock_now_us());
    }
}

/* ---- the command ---- */

static firn_status
fill_view(session *s, const lake_namespace *place, const status_rows *rows, status_view *view, firn_error *err)
{
    view->entries = firn_arena_array(&s->arena, rows->count + 1, sizeof *view->entries);
    if (!view->entries) return firn_fail_memory(err, "the status of the tables");
    for (unsigned i = 0; i < rows->count; i++) {
        status_entry *entry = &view->entries[view->count];

        if (!is_wanted(s, rows->rows[i].table_name)) continue;
        *entry = (status_entry){.row = rows->rows[i], .lag_bytes = -1, .lag_seconds = -1, .changes_per_second = -1, .small_file_ratio = -1,
                                  .totals = {-1, -1, -1, -1}};
        FIRN_TRY(look_at_table(s, place, entry, err));
        view->count++;
    }
    return FIRN_OK;
}

static firn_status
fail_not_loaded(const session *s, const lake_connection *lake, firn_error *err)
{
    const char *name = settings_text(&s->values, OPTION_SOURCE);

    firn_error_reset(err);
    (void) firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "'%s' has not been loaded yet: there is no '%s.%s' in '%s'", name,
                     settings_text(&s->values, OPTION_ICEBERG_NAMESPACE), STATUS_TABLE_NAME, lake->warehouse);
    firn_hint(err, "firn load --source %s", name);
    firn_state(err, "nothing was changed");
    return err->status;
}

firn_status
cmd_status_run(session *s, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    const yaml_node                                *entry = NULL;
    lake_namespace                                  place = {0};
    status_rows                                     rows = {0};

    FIRN_TRY(session_open_source(s, false, &entry, err));
    FIRN_TRY(connect_namespace(s, &place.levels, &place.level_count, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    firn_status status = status_table_read(lake.lake, place.levels, place.level_count, &s->arena, &rows, err);
    if (status == FIRN_NOT_FOUND) return fail_not_loaded(s, &lake, err);
    FIRN_TRY(status);
    status_view view = {.source = settings_text(&s->values, OPTION_SOURCE),
                        .namespace_name = settings_text(&s->values, OPTION_ICEBERG_NAMESPACE)};
    place.lake = lake.lake;
    FIRN_TRY(fill_view(s, &place, &rows, &view, err));
    add_lags(s, entry, &view);
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) return status_view_write_json(&view, &s->result, err);
    return status_view_write_table(&view, &s->arena, &s->result, err);
}
