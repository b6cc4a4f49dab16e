#include "cli/connect_feed.h"

#include <string.h>

#include "base/file.h"
#include "postgres/postgres_feed.h"

/* Share of the memory for bytes that wait between the receiving thread and the job: what the source sends while a window is
 * applied. */
#define QUEUE_SHARE 8
#define HEARTBEAT_MS 10000u

static void
tell(void *state, bool is_warning, const char *message)
{
    (void) state;
    log_line(is_warning ? LOG_WARNING : LOG_INFO, NULL, 0, "%s", message);
}

firn_status
connect_feed(session *s, const load_settings *load, const follow_settings *settings, feed_connection *ret_connection, firn_error *err)
{

    *ret_connection = (feed_connection){
        .spill_folder = settings->state_folder, .memory_bytes = settings->memory_bytes, .teller = {.tell = tell}};
    if (connect_is_kafka(s)) {
        ret_connection->is_kafka = true;
        return connect_kafka(s, load, &ret_connection->teller, &ret_connection->kafka, err);
    }
    return connect_postgres_settings(s, &ret_connection->server, err);
}

void
feed_connection_done(feed_connection *connection)
{
    kafka_connection_done(&connection->kafka);
}

static firn_status
open_feed(void *state, const follow_start *start, task_cancel *cancel, change_stream **ret_stream, firn_error *err)
{
    feed_connection       *c = state;
    if (c->is_kafka) return connect_kafka_open(&c->kafka, start, cancel, ret_stream, err);
    postgres_feed_settings settings = {.server = &c->server,
                                       .identity = start->identity,
                                       .position = start->position,
                                       .acknowledged = start->acknowledged,
                                       .tables = start->tables,
                                       .table_count = start->table_count,
                                       .tables_may_miss = true,
                                       .format = start->as_text ? FEED_TEXT : FEED_BINARY,
                                       .queue_bytes_max = c->memory_bytes / QUEUE_SHARE,
                                       .memory_bytes_max = c->memory_bytes / 8,
                                       .spill_folder = c->spill_folder,
                                       .heartbeat_ms = HEARTBEAT_MS,
                                       .teller = &c->teller};

    return postgres_feed_open(&settings, cancel, ret_stream, err);
}

follow_feed
connect_feed_of(feed_connection *connection)
{
    return (follow_feed){.open = open_feed, .state = connection, .by_ordinals = connection->is_kafka};
}

/* ---- the job ---- */

static schema_policy
policy_of(const char *text)
{
    if (strcmp(text, "additive") == 0) return SCHEMA_ADDITIVE;
    return strcmp(text, "stop") == 0 ? SCHEMA_STOP : SCHEMA_APPLY;
}

static follow_table_config
follow_config(const load_table_config *table)
{
    return (follow_table_config){.name = table->name,
                                 .rules = table->rules,
                                 .format_version = table->format_version,
                                 .partition_by = table->partition_by,
                                 .partition_by_count = table->partition_by_count,
                                 .sort_by = table->sort_by,
                                 .sort_by_count = table->sort_by_count};
}

firn_status
connect_follow_settings(session *s, const load_settings *load, follow_settings *ret_settings, firn_error *err)
{
    const settings      *v = &s->values;
    follow_table_config *tables = firn_arena_array(&s->arena, load->table_config_count + 1, sizeof *tables);

    if (!tables) return firn_fail_memory(err, "the tables' settings");
    for (unsigned i = 0; i < load->table_config_count; i++)
        tables[i] = follow_config(&load->tables[i]);
    *ret_settings = (follow_settings){
        .source_name = load->source_name,
        .schema_name = load->schema_name,
        .namespace_levels = load->namespace_levels,
        .namespace_level_count = load->namespace_level_count,
        .commit_interval_ms = settings_duration_ms(v, OPTION_FOLLOW_COMMIT_INTERVAL),
        .batch_changes = (uint64_t) settings_number(v, OPTION_FOLLOW_BATCH_SIZE),
        .memory_bytes = settings_size(v, OPTION_MEMORY),
        .until_caught_up = settings_flag(v, OPTION_UNTIL_CAUGHT_UP) || settings_flag(v, OPTION_ONCE),
        .reselect = settings_flag(v, OPTION_FOLLOW_RESELECT),
        .schema_changes = policy_of(settings_text(v, OPTION_FOLLOW_SCHEMA_CHANGES)),
        .defaults = follow_config(&load->defaults),
        .tables = tables,
        .table_config_count = load->table_config_count,
        .correlation_id = s->correlation_id,
        .state_folder = load->state_folder,
        .run_id = s->run_id,
    };
    return file_make_folders(load->state_folder, 0700, err);
}
