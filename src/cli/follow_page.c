#include "cli/follow_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "change/change_stream.h"
#include "cli/metrics_text.h"
#include "cli/status_server.h"
#include "cli/status_view.h"
#include "state/table_properties.h"

struct follow_page {
    follow_page_settings settings;
    status_server       *server;
};

/* ---- /metrics ---- */

typedef struct page_table {
    const table_progress *table;
    int64_t               lag_us;
} page_table;

/* What the families are written from. */
typedef struct page_metrics {
    metrics_text       m;
    const follow_page *page;
    follow_view        view;
    page_table        *tables;
    unsigned           count, omitted;
} page_metrics;

static int
compare_lags(const void *x, const void *y)
{
    int64_t a = ((const page_table *) x)->lag_us, b = ((const page_table *) y)->lag_us;

    return a > b ? -1 : a < b;
}

static firn_status
choose_tables(page_metrics *p, firn_arena *arena, firn_error *err)
{
    int64_t now_us = firn_clock_now_us();

    p->tables = firn_arena_array(arena, p->view.table_count + 1u, sizeof *p->tables);
    if (!p->tables) return firn_fail_memory(err, "the metrics");
    p->count = p->view.table_count;
    for (unsigned i = 0; i < p->count; i++) {
        const table_progress *t = &p->view.tables[i];
        p->tables[i] = (page_table){t, follow_view_lag_us(&p->view, t, now_us)};
    }
    if (p->count <= FOLLOW_PAGE_TABLES_MAX) return FIRN_OK;
    qsort(p->tables, p->count, sizeof *p->tables, compare_lags);
    p->omitted = p->count - FOLLOW_PAGE_TABLES_MAX;
    p->count = FOLLOW_PAGE_TABLES_MAX;
    return FIRN_OK;
}

/* A sample per table, with one more label where its name is given. */
static void
add_u64(page_metrics *p, const page_table *t, const char *label, const char *value, uint64_t number)
{
    const metric_label labels[] = {{"source", p->page->settings.source}, {"table", t->table->name}, {label, value}};

    metrics_u64(&p->m, labels, label ? 3 : 2, number);
}

static void
add_seconds(page_metrics *p, const page_table *t, int64_t us)
{
    const metric_label labels[] = {{"source", p->page->settings.source}, {"table", t->table->name}};

    metrics_seconds(&p->m, labels, 2, us);
}

static void
add_states(page_metrics *p)
{
    metrics_family(&p->m, "firn_table_state", METRIC_GAUGE, "1 for the state that the table is in.");
    for (unsigned i = 0; i < p->count; i++) {
        add_u64(p, &p->tables[i], "state", "following", !p->tables[i].table->is_stopped);
        add_u64(p, &p->tables[i], "state", "stopped", p->tables[i].table->is_stopped);
    }
    metrics_family(&p->m, "firn_lag_seconds", METRIC_GAUGE,
                   "Age of the oldest change that is in no commit yet; 0 where there is none.");
    for (unsigned i = 0; i < p->count; i++) add_seconds(p, &p->tables[i], p->tables[i].lag_us);
    metrics_family(&p->m, "firn_tables_omitted", METRIC_GAUGE, "Tables that are not shown one by one: those with the least lag.");
    metrics_u64(&p->m, NULL, 0, p->omitted);
}

static void
add_counts(page_metrics *p)
{
    static const char *const ops[PROGRESS_OP_COUNT] = {[CHANGE_INSERT] = "insert", [CHANGE_UPDATE] = "update",
                                                       [CHANGE_DELETE] = "delete", [CHANGE_TRUNCATE] = "truncate"};

    metrics_family(&p->m, "firn_changes_total", METRIC_COUNTER, "Changes that are in a commit.");
    for (unsigned i = 0; i < p->count; i++) {
        for (unsigned op = 0; op < PROGRESS_OP_COUNT; op++)
            add_u64(p, &p->tables[i], "op", ops[op], p->tables[i].table->changes[op]);
    }
    metrics_family(&p->m, "firn_commits_total", METRIC_COUNTER, "Commits of changes; failed: the table was stopped.");
    for (unsigned i = 0; i < p->count; i++) {
        add_u64(p, &p->tables[i], "result", "ok", p->tables[i].table->commit_count);
        add_u64(p, &p->tables[i], "result", "failed", p->tables[i].table->failed_count);
    }
    metrics_family(&p->m, "firn_files_written_total", METRIC_COUNTER, "Files that commits of changes have added.");
    for (unsigned i = 0; i < p->count; i++) {
        add_u64(p, &p->tables[i], "kind", "data", p->tables[i].table->data_file_count);
        add_u64(p, &p->tables[i], "kind", "delete", p->tables[i].table->delete_file_count);
    }
    metrics_family(&p->m, "firn_bytes_written_total", METRIC_COUNTER, "Their size.");
    for (unsigned i = 0; i < p->count; i++) {
        add_u64(p, &p->tables[i], "kind", "data", p->tables[i].table->data_bytes);
        add_u64(p, &p->tables[i], "kind", "delete", p->tables[i].table->delete_bytes);
    }
}

/* What readers pay. Left out where the table's own summary does not tell. */
static void
add_shapes(page_metrics *p)
{
    metrics_family(&p->m, "firn_table_files", METRIC_GAUGE, "Files that the table consists of.");
    for (unsigned i = 0; i < p->count; i++) {
        const snapshot_totals *totals = &p->tables[i].table->totals;

        if (totals->data_files >= 0) add_u64(p, &p->tables[i], "kind", "data", (uint64_t) totals->data_files);
        if (totals->delete_files >= 0) add_u64(p, &p->tables[i], "kind", "delete", (uint64_t) totals->delete_files);
    }
    metrics_family(&p->m, "firn_table_deleted_row_ratio", METRIC_GAUGE, "Of the rows in data files, those that are deleted.");
    for (unsigned i = 0; i < p->count; i++) {
        const snapshot_totals *totals = &p->tables[i].table->totals;
        const metric_label     labels[] = {{"source", p->page->settings.source}, {"table", p->tables[i].table->name}};

        if (totals->records < 0 || totals->deleted_rows < 0) continue;
        metrics_double(&p->m, labels, 2, totals->records ? (double) totals->deleted_rows / (double) totals->records : 0);
    }
    metrics_family(&p->m, "firn_table_small_file_ratio", METRIC_GAUGE,
                   "Of the data files, those below three quarters of the target size, when maintenance looked last.");
    for (unsigned i = 0; i < p->count; i++) {
        const table_progress *t = p->tables[i].table;
        const metric_label    labels[] = {{"source", p->page->settings.source}, {"table", t->name}};

        if (t->small_file_ratio >= 0) metrics_double(&p->m, labels, 2, t->small_file_ratio);
    }
}

static void
add_slot(page_metrics *p)
{
    static const char *const statuses[] = {"reserved", "extended", "unreserved", "lost", "missing"};
    const slot_progress     *slot = &p->view.slot;
    const char              *source = p->page->settings.source, *status = slot->exists ? slot->status : "missing";
    const metric_label       labels[] = {{"source", source}, {"slot", slot->name}};

    if (!slot->name) return;
    metrics_family(&p->m, "firn_slot_retained_bytes", METRIC_GAUGE, "What the replication slot holds of the source's log.");
    if (slot->exists) metrics_i64(&p->m, labels, 2, slot->retained_bytes);
    metrics_family(&p->m, "firn_slot_safe_bytes", METRIC_GAUGE, "Log that may be written before the source invalidates the slot; absent without such a limit.");
    if (slot->exists && slot->safe_bytes >= 0) metrics_i64(&p->m, labels, 2, slot->safe_bytes);
    metrics_family(&p->m, "firn_slot_limit_bytes", METRIC_GAUGE, "follow.slot_retention_limit; absent without one.");
    if (slot->limit_bytes) metrics_i64(&p->m, labels, 2, slot->limit_bytes);
    metrics_family(&p->m, "firn_slot_active", METRIC_GAUGE, "1 while somebody reads the slot.");
    metrics_u64(&p->m, labels, 2, slot->is_active);
    metrics_family(&p->m, "firn_slot_status", METRIC_GAUGE, "1 for the source's word about the slot (wal_status).");
    for (unsigned i = 0; i < FIRN_COUNT(statuses); i++) {
        const metric_label with_status[] = {labels[0], labels[1], {"status", statuses[i]}};
        metrics_u64(&p->m, with_status, 3, strcmp(status, statuses[i]) == 0);
    }
}

static void
add_troubles(page_metrics *p)
{
    static const char *const reasons[SKIP_REASON_COUNT] = {[SKIP_BEFORE_POSITION] = "before_position",
                                                           [SKIP_TABLE_STOPPED] = "table_stopped",
                                                           [SKIP_NOT_FOLLOWED] = "not_followed",
                                                           [SKIP_REPLAYED] = "replayed"};
    const char              *source = p->page->settings.source;

    metrics_family(&p->m, "firn_changes_skipped_total", METRIC_COUNTER, "Changes that were read and not applied.");
    for (unsigned i = 0; i < SKIP_REASON_COUNT; i++) {
        const metric_label labels[] = {{"source", source}, {"reason", reasons[i]}};
        metrics_u64(&p->m, labels, 2, p->view.stream.skipped[i]);
    }
    metrics_family(&p->m, "firn_stream_restarts_total", METRIC_COUNTER, "Times that a lost connection was made again.");
    metrics_u64(&p->m, &(metric_label){"source", source}, 1, p->view.stream.restart_count);
    metrics_family(&p->m, "firn_errors_total", METRIC_COUNTER, "Errors that following has met, by their code.");
    for (unsigned i = 0; i < p->view.error_count; i++) {
        char               code[16];
        const metric_label labels[] = {{"source", source}, {"code", code}};

        (void) snprintf(code, sizeof code, "FIRN-%04u", (unsigned) p->view.errors[i].code % 10000);
        metrics_u64(&p->m, labels, 2, p->view.errors[i].count);
    }
}

/* Left out where there was none: an age since 1970 would be an alarm. */
static void
add_times(page_metrics *p)
{
    metrics_family(&p->m, "firn_last_commit_timestamp_seconds", METRIC_GAUGE, "When changes were committed last.");
    for (unsigned i = 0; i < p->count; i++) {
        if (p->tables[i].table->last_commit_us) add_seconds(p, &p->tables[i], p->tables[i].table->last_commit_us);
    }
    metrics_family(&p->m, "firn_last_change_timestamp_seconds", METRIC_GAUGE, "When the source committed the last change applied.");
    for (unsigned i = 0; i < p->count; i++) {
        if (p->tables[i].table->last_event_us) add_seconds(p, &p->tables[i], p->tables[i].table->last_event_us);
    }
}

static void
add_part(page_metrics *p, const change_lag *lag, bool in_seconds, int64_t now_us)
{
    char partition[16];

    (void) snprintf(partition, sizeof partition, "%d", (int) lag->partition);
    const metric_label labels[] = {{"source", p->page->settings.source}, {"topic", lag->topic}, {"partition", partition}};
    if (!in_seconds) metrics_u64(&p->m, labels, 3, lag->messages);
    else
        metrics_seconds(&p->m, labels, 3, change_lag_us(lag, now_us));
}

/* Of a stream that has topics and partitions. */
static void
add_parts(page_metrics *p)
{
    const metric_label source = {"source", p->page->settings.source};
    int64_t            now_us = firn_clock_now_us();

    metrics_family(&p->m, "firn_topic_lag_messages", METRIC_GAUGE, "Messages of a partition that were not read yet.");
    for (unsigned i = 0; i < p->view.lag_count; i++) add_part(p, &p->view.lags[i], false, now_us);
    metrics_family(&p->m, "firn_topic_lag_seconds", METRIC_GAUGE, "Age of the last change that was read of a partition that has more.");
    for (unsigned i = 0; i < p->view.lag_count; i++) add_part(p, &p->view.lags[i], true, now_us);
    metrics_family(&p->m, "firn_messages_set_aside_total", METRIC_COUNTER, "Messages that could not be applied, kept in the dead-letter topic.");
    metrics_u64(&p->m, &source, 1, p->view.stream.set_aside);
    metrics_family(&p->m, "firn_reselected_rows_total", METRIC_COUNTER, "Rows that were read again from the source, for values that Debezium has lost.");
    metrics_u64(&p->m, &source, 1, p->view.reselected);
}

static void
add_source(page_metrics *p)
{
    const follow_page_settings *s = &p->page->settings;
    const stream_progress      *stream = &p->view.stream;
    const metric_label          source = {"source", s->source}, pool = {"pool", "follow"};

    if (stream->by_ordinals) {
        add_parts(p);
    } else {
        metrics_family(&p->m, "firn_lag_bytes", METRIC_GAUGE, "The end of the source's log less the position that all tables have reached.");
        metrics_u64(&p->m, &source, 1,
                    stream->server_position > stream->consistent ? stream->server_position - stream->consistent : 0);
    }
    metrics_family(&p->m, "firn_change_latency_seconds", METRIC_HISTOGRAM,
                   "Per commit: from the source's commit of its oldest change to its end.");
    metrics_histogram(&p->m, &source, 1, follow_progress_latency(s->progress));
    metrics_family(&p->m, "firn_commit_duration_seconds", METRIC_HISTOGRAM, "Per commit: from the window's end to its own.");
    metrics_histogram(&p->m, &source, 1, follow_progress_duration(s->progress));
    metrics_family(&p->m, "firn_received_bytes_total", METRIC_COUNTER, "What the source has sent of its log.");
    metrics_u64(&p->m, &source, 1, stream->received_bytes);
    metrics_family(&p->m, "firn_transactions_total", METRIC_COUNTER, "Transactions that were read.");
    metrics_u64(&p->m, &source, 1, stream->transaction_count);
    metrics_family(&p->m, "firn_spill_bytes_total", METRIC_COUNTER, "What was put on disk of transactions that are not committed.");
    metrics_u64(&p->m, &source, 1, stream->spilled_bytes);
    metrics_family(&p->m, "firn_memory_bytes", METRIC_GAUGE, "Memory of changes that wait for their commit.");
    metrics_u64(&p->m, &pool, 1, stream->memory_bytes);
    metrics_family(&p->m, "firn_memory_limit_bytes", METRIC_GAUGE, "--memory.");
    metrics_u64(&p->m, &pool, 1, s->memory_bytes_max);
}

static firn_status
render_metrics(const follow_page *page, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    page_metrics p = {.page = page};

    FIRN_TRY(follow_progress_read(page->settings.progress, &arena, &p.view, err));
    FIRN_TRY(choose_tables(&p, &arena, err));
    metrics_begin(&p.m, out, err);
    metrics_process(&p.m, page->settings.started_us);
    add_source(&p);
    add_states(&p);
    add_counts(&p);
    add_shapes(&p);
    add_slot(&p);
    add_troubles(&p);
    add_times(&p);
    return metrics_end(&p.m);
}

/* ---- /api/status ---- */

static const status_row *
find_row(const status_rows *rows, const char *table)
{
    for (unsigned i = 0; i < rows->count; i++) {
        if (strcmp(rows->rows[i].table_name, table) == 0) return &rows->rows[i];
    }
    return NULL;
}

static firn_status
fill_entry(const follow_page *page, const follow_view *view, const table_progress *t, int64_t now_us, firn_arena *arena,
           status_entry *ret_entry, firn_error *err)
{
    const status_row *row = find_row(&page->settings.rows, t->name);
    int64_t           lag_us = follow_view_lag_us(view, t, now_us);
    char              position[CHANGE_POSITION_TEXT_MAX];

    *ret_entry = (status_entry){.row = row ? *row : (status_row){.load_status = "completed"},
                                .follow_state = t->is_stopped ? FOLLOW_STATE_STOPPED : FOLLOW_STATE_FOLLOWING,
                                .lag_bytes = (int64_t) follow_view_lag_bytes(view, t),
                                .lag_seconds = (double) lag_us / 1e6,
                                .changes_per_second = t->changes_per_second,
                                .small_file_ratio = t->small_file_ratio,
                                .totals = t->totals};
    ret_entry->row.table_name = t->name;
    if (view->stream.by_ordinals) {
        ret_entry->lag_bytes = -1;
    } else {
        change_position_format(follow_view_position(view, t), position);
        ret_entry->row.cdc_position = firn_arena_strdup(arena, position);
        if (!ret_entry->row.cdc_position) return firn_fail_memory(err, "the status of the tables");
    }
    ret_entry->row.last_event_at_us = t->last_event_us;
    if (t->last_commit_us) ret_entry->row.last_commit_at_us = t->last_commit_us;
    ret_entry->row.events_applied = t->events_applied;
    ret_entry->row.error_message = t->reason[0] ? t->reason : NULL;
    ret_entry->row.correlation_id = page->settings.correlation_id;
    ret_entry->row.updated_at_us = now_us;
    return FIRN_OK;
}

static firn_status
render_status(const follow_page *page, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    follow_view followed;
    status_view view = {.source = page->settings.source, .namespace_name = page->settings.namespace_name};
    int64_t     now_us = firn_clock_now_us();

    FIRN_TRY(follow_progress_read(page->settings.progress, &arena, &followed, err));
    view.slot = followed.slot;
    view.has_lags = followed.stream.by_ordinals;
    view.lags = followed.lags;
    view.lag_count = followed.lag_count;
    view.reselected = followed.reselected;
    view.entries = firn_arena_array(&arena, followed.table_count + 1u, sizeof *view.entries);
    if (!view.entries) return firn_fail_memory(err, "the status of the tables");
    for (unsigned i = 0; i < followed.table_count; i++)
        FIRN_TRY(fill_entry(page, &followed, &followed.tables[i], now_us, &arena, &view.entries[view.count++], err));
    return status_view_write_json(&view, out, err);
}

/* ---- the probes ---- */

static firn_status
render_ready(const follow_page *page, firn_buffer *out, bool *ret_ready, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    follow_view view;
    unsigned    followed = 0;

    FIRN_TRY(follow_progress_read(page->settings.progress, &arena, &view, err));
    for (unsigned i = 0; i < view.table_count; i++) followed += !view.tables[i].is_stopped;
    *ret_ready = view.stream.is_open && followed;
    if (*ret_ready) return firn_buffer_add_text(out, "following\n", err);
    return firn_buffer_add_text(out, view.stream.is_open ? "every table is stopped\n" : "no changes are being read\n", err);
}

static firn_status
render(void *state, status_route route, firn_buffer *out, bool *ret_ready, firn_error *err)
{
    const follow_page *page = state;

    switch (route) {
    case STATUS_ROUTE_METRICS: return render_metrics(page, out, err);
    case STATUS_ROUTE_STATUS: return render_status(page, out, err);
    case STATUS_ROUTE_READYZ: return render_ready(page, out, ret_ready, err);
    case STATUS_ROUTE_HEALTHZ: break;
    }
    return firn_buffer_add_text(out, "alive\n", err);
}

/* ---- the page ---- */

firn_status
follow_page_start(const follow_page_settings *settings, follow_page **ret_page, firn_error *err)
{
    FIRN_AUTO(follow_page_freep) follow_page *page = firn_calloc(1, sizeof *page);
    status_server_settings server = {.address = settings->address, .token = settings->token, .render = render};

    if (!page) return firn_fail_memory(err, "the status page");
    page->settings = *settings;
    server.state = page;
    FIRN_TRY(status_server_start(&server, &page->server, err));
    *ret_page = FIRN_STEAL(page);
    return FIRN_OK;
}

unsigned
follow_page_port(const follow_page *page)
{
    return status_server_port(page->server);
}

void
follow_page_free(follow_page *page)
{
    if (!page) return;
    status_server_free(page->server);
    firn_free(page);
}
