#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/connect_feed.h"
#include "cli/connect_notify.h"
#include "cli/follow_load.h"
#include "cli/follow_page.h"
#include "cli/follow_resync.h"
#include "cli/follow_upkeep.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/slot_watch.h"
#include "cli/source_lock.h"

/* ---- what happens, as log lines ---- */

static void
emit(void *state, const follow_event *event)
{
    notify_of_event(state, event);
    if (event->kind == FOLLOW_EVENT_SCHEMA_CHANGED) return;
    if (event->kind == FOLLOW_EVENT_COMMITTED) {
        const log_field fields[] = {{"table", event->table, 0},
                                    {"changes", NULL, (int64_t) event->change_count},
                                    {"rows", NULL, (int64_t) event->row_count},
                                    {"deleted_rows", NULL, (int64_t) event->delete_count},
                                    {"files", NULL, event->file_count},
                                    {"snapshot_id", NULL, event->snapshot_id},
                                    {"elapsed_ms", NULL, (int64_t) event->elapsed_ms},
                                    {"position", event->position, 0}};
        log_line(LOG_INFO, fields, FIRN_COUNT(fields), "committed");
        return;
    }
    log_level       level = event->kind == FOLLOW_EVENT_TABLE_STOPPED ? LOG_ERROR
                            : event->kind == FOLLOW_EVENT_WARNING     ? LOG_WARNING
                                                                      : LOG_INFO;
    const log_field fields[] = {{"table", event->table, 0}};
    const char     *message = event->message ? event->message : "is not followed any more";

    log_line(level, fields, event->table ? 1 : 0, "%s%s%s%s%s", message, event->error ? ": " : "",
             event->error ? event->error->cause : "", event->error && event->error->hint[0] ? "; " : "",
             event->error ? event->error->hint : "");
}

/* ---- the end ---- */

static void
write_record(jwriter *w, const void *state)
{
    const follow_result *result = state;

    jwrite_member_text(w, "position", result->position[0] ? result->position : NULL);
    jwrite_member_bool(w, "caught_up", result->caught_up);
    jwrite_member_i64(w, "changes", (int64_t) result->change_count);
    jwrite_member_i64(w, "transactions", (int64_t) result->transaction_count);
    jwrite_member_i64(w, "commits", (int64_t) result->commit_count);
    jwrite_member_i64(w, "received_bytes", (int64_t) result->received_bytes);
    jwrite_key(w, "tables");
    jwrite_array(w);
    for (unsigned i = 0; i < result->table_count; i++) {
        const follow_table_result *table = &result->tables[i];

        jwrite_object(w);
        jwrite_member_text(w, "table", table->name);
        jwrite_member_text(w, "status", table->is_stopped ? "stopped" : "following");
        jwrite_member_text(w, "reason", table->reason);
        jwrite_member_text(w, "position", table->position);
        jwrite_member_i64(w, "changes", (int64_t) table->change_count);
        jwrite_member_i64(w, "rows", (int64_t) table->row_count);
        jwrite_member_i64(w, "deleted_rows", (int64_t) table->delete_count);
        jwrite_member_i64(w, "commits", (int64_t) table->commit_count);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
}

/* The line of fixed form that ends a run. */
static firn_status
summarize(session *s, const follow_result *result, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer changes = {0};
    char time[32];

    firn_buffer_init(&changes, 64);
    FIRN_TRY(text_add_grouped(&changes, result->change_count, err));
    text_format_duration(result->elapsed_ms, time);
    s->last_line = firn_arena_printf(&s->arena, "firn follow: %u tables, %u stopped; %.*s changes in %" PRIu64 " commits, %s%s%s",
                                     result->table_count, result->stopped_count, (int) changes.size,
                                     (const char *) changes.data, result->commit_count, time,
                                     result->position[0] ? "; position " : "", result->position);
    return s->last_line ? FIRN_OK : firn_fail_memory(err, "the summary");
}

/* ---- the page ---- */

/* What the load said of the tables; nothing where it said nothing. */
static firn_status
read_rows(session *s, const follow_settings *settings, catalog *lake, status_rows *ret_rows, firn_error *err)
{
    firn_status status = status_table_read(lake, settings->namespace_levels, settings->namespace_level_count, &s->arena,
                                           ret_rows, err);

    if (status != FIRN_NOT_FOUND) return status;
    firn_error_reset(err);
    return FIRN_OK;
}

/* Where --http asks for it. */
static firn_status
open_page(session *s, const follow_settings *settings, catalog *lake, follow_page **ret_page, firn_error *err)
{
    bool                 from_file;
    follow_page_settings page = {.source = settings->source_name,
                                 .namespace_name = settings_text(&s->values, OPTION_ICEBERG_NAMESPACE),
                                 .correlation_id = s->correlation_id,
                                 .address = settings_text(&s->values, OPTION_HTTP),
                                 .token = dotenv_get(&s->environment, SESSION_HTTP_TOKEN, &from_file),
                                 .memory_bytes_max = settings->memory_bytes,
                                 .started_us = s->started_us,
                                 .progress = settings->progress};

    if (!page.address) return FIRN_OK;
    FIRN_TRY(read_rows(s, settings, lake, &page.rows, err));
    FIRN_TRY(follow_page_start(&page, ret_page, err));
    log_info("the status page is at port %u of %s: /metrics, /api/status, /healthz, /readyz", follow_page_port(*ret_page),
             page.address);
    return FIRN_OK;
}

/* ---- the job ---- */

/* The slot holds too much: the tables are marked, then it goes. The error stays what it is. */
static firn_status
drop_slot(session *s, const load_settings *load, catalog *lake, firn_error *err)
{
    firn_error why = *err;

    firn_error_reset(err);
    FIRN_TRY(follow_resync_release(s, load, lake, err));
    log_warning("the replication slot was dropped; %s", why.cause);
    *err = why;
    return FIRN_OK;
}

/* Follows; where the changes since the lake's position are lost, and it is wanted, brings the tables back once and goes on. */
static firn_status
follow(session *s, const load_settings *load, const follow_settings *settings, feed_connection *connection, catalog *lake,
       notifier *told, follow_result *result, firn_error *err)
{
    follow_events events = {.emit = emit, .state = told};
    follow_feed   feed = connect_feed_of(connection);

    for (bool resynced = false;; resynced = true) {
        FIRN_AUTO(follow_upkeep_stopp) follow_upkeep *upkeep = NULL; /* not beside a resync */
        FIRN_AUTO(slot_watch_freep) slot_watch       *watch = NULL;  /* likewise */
        follow_settings                               guarded = *settings;

        FIRN_TRY(follow_upkeep_start(s, settings->progress, &upkeep, err));
        /* Who reads the slot then is the connector. */
        if (!connection->is_kafka) FIRN_TRY(slot_watch_start(s, settings->progress, told, NULL, &watch, err));
        if (watch) guarded.guard = slot_watch_guard(watch);
        firn_status status = follow_run(&guarded, &feed, lake, &events, s->cancel, result, err);
        if (result->caught_up && !task_cancel_requested(s->cancel)) follow_upkeep_finish(upkeep, s->cancel);
        bool        is_dropped = err->code == FIRN_E_FOLLOW_SLOT_LIMIT && watch && slot_watch_drops(watch);
        if (is_dropped) FIRN_TRY(drop_slot(s, load, lake, err));
        if (!status || !(is_dropped || follow_resync_helps(err))) return status;
        notify_of_loss(told, err);
        if (resynced || !settings_flag(&s->values, OPTION_RESYNC)) return status;
        log_line(LOG_WARNING, NULL, 0, "%s", err->cause);
        firn_error_reset(err);
        follow_upkeep_stopp(&upkeep);
        slot_watch_freep(&watch);
        watch = NULL;
        FIRN_TRY(follow_resync_run(s, load, lake, err));
        follow_result_done(result);
    }
}

static void
pass_on(void *state)
{
    task_cancel_request(state);
}

/* The load before following, ended by a signal or by what watches the slot: nobody reads that meanwhile, and it only grows. */
static firn_status
load_first(session *s, const load_settings *load, const feed_connection *connection, follow_load *loader, catalog *lake,
           follow_progress *progress, notifier *told, firn_error *ret_failed, firn_error *err)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *ends = NULL;
    FIRN_AUTO(slot_watch_freep) slot_watch   *watch = NULL; /* ends before what it requests */
    task_cancel *signalled = s->cancel;

    if (connection->is_kafka) return follow_load_first(loader, ret_failed, err);
    if (!(ends = task_cancel_new())) return firn_fail_memory(err, "the load");
    FIRN_TRY(slot_watch_start(s, progress, told, ends, &watch, err));
    task_waker waker = {.wake = pass_on, .state = ends};
    task_cancel_attach(signalled, &waker);
    s->cancel = ends;
    firn_status status = follow_load_first(loader, ret_failed, err);
    s->cancel = signalled;
    task_cancel_detach(signalled, &waker);
    if (status != FIRN_CANCELLED || task_cancel_requested(signalled)) return status;
    firn_error_reset(err);
    if (!slot_watch_guard(watch)->check(slot_watch_guard(watch)->state, err)) return FIRN_OK;
    if (slot_watch_drops(watch)) {
        FIRN_TRY(drop_slot(s, load, lake, err));
        notify_of_loss(told, err);
    }
    return err->status;
}

static firn_status
run(session *s, const yaml_node *entry, notifier *told, follow_result *result, firn_error *err)
{
    firn_error failed_load = {0};
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(file_lock_freep) file_lock           *lock = NULL;
    FIRN_AUTO(follow_progress_freep) follow_progress *progress = NULL;
    FIRN_AUTO(follow_page_freep) follow_page         *page = NULL; /* ends before the progress that it shows */
    FIRN_AUTO(follow_load_freep) follow_load       *loader = NULL;
    load_settings   load = {0};
    follow_settings settings = {0};
    FIRN_AUTO(feed_connection_done) feed_connection connection = {0};

    FIRN_TRY(connect_load_settings(s, entry, &load, err));
    FIRN_TRY(connect_follow_settings(s, &load, &settings, err));
    FIRN_TRY(connect_feed(s, &load, &settings, &connection, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(source_lock_take(s, "firn follow", &lock, err));
    FIRN_TRY(follow_progress_new(&progress, err));
    settings.progress = progress;
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(follow_load_new(s, &load, lake.lake, &loader, err));
    if (settings_flag(&s->values, OPTION_LOAD_FIRST))
        FIRN_TRY(load_first(s, &load, &connection, loader, lake.lake, progress, told, &failed_load, err));
    FIRN_TRY(follow_load_watch(loader, err));
    settings.loader = follow_load_ops(loader);
    FIRN_TRY(open_page(s, &settings, lake.lake, &page, err));
    FIRN_TRY(follow(s, &load, &settings, &connection, lake.lake, told, result, err));
    *err = failed_load;
    return failed_load.status;
}

firn_status
cmd_follow_run(session *s, firn_error *err)
{
    FIRN_AUTO(follow_result_done) follow_result result = {0};
    const yaml_node                            *entry = NULL;
    const char                                 *log_path;
    notifier                                   *told = NULL; /* ended behind the job */
    firn_error                                  record_error = {0};

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(session_path(s, "logs/cdc_consumer.log", &log_path, err));
    FIRN_TRY(report_open_log(s->out, log_path, err));
    FIRN_TRY(connect_notify(s, &told, err));
    firn_status status = run(s, entry, told, &result, err);
    notify_of_end(told, err);
    if (run_record_write_job(s, write_record, &result, err, &record_error) != FIRN_OK)
        log_warning("the record of this run could not be written: %s", record_error.cause);
    firn_error_reset(&record_error);
    if (summarize(s, &result, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
