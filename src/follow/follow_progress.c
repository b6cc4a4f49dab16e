#include "follow/follow_progress.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "task/lock.h"

/* Samples of a table's count for its rate: spread over a bit more than RATE_US. */
#define SAMPLE_COUNT 16u
#define SAMPLE_US ((int64_t) 20 * 1000000)
#define RATE_US ((int64_t) 300 * 1000000)

typedef struct rate_sample {
    int64_t  at_us; /* monotonic; 0: none */
    uint64_t changes;
} rate_sample;

typedef struct table_entry {
    table_progress shown;
    rate_sample    samples[SAMPLE_COUNT];
    unsigned       next_sample;
    uint64_t       changes;
} table_entry;

struct follow_progress {
    task_lock      *lock; /* for what follows; the histograms need none */
    stream_progress stream;
    uint64_t        reselected;
    slot_progress   slot;
    error_count     errors[PROGRESS_ERROR_CODES_MAX];
    unsigned        error_count;
    table_entry    *tables;
    unsigned        table_count;
    int64_t         began_us; /* monotonic */
    firn_arena      arena;
    firn_arena      lag_arena;
    change_lag     *lags;
    unsigned        lag_count;
    firn_histogram  latency, duration;
};

firn_status
follow_progress_new(follow_progress **ret_progress, firn_error *err)
{
    FIRN_AUTO(follow_progress_freep) follow_progress *p = firn_calloc(1, sizeof *p);

    if (!p) return firn_fail_memory(err, "the progress");
    p->lock = task_lock_new();
    if (!p->lock) return firn_fail_memory(err, "the progress");
    firn_histogram_init_latency(&p->latency);
    firn_histogram_init_latency(&p->duration);
    *ret_progress = FIRN_STEAL(p);
    return FIRN_OK;
}

void
follow_progress_free(follow_progress *p)
{
    if (!p) return;
    task_lock_free(p->lock);
    firn_arena_done(&p->arena);
    firn_arena_done(&p->lag_arena);
    firn_free(p);
}

/* ---- writing ---- */

static const table_entry *
find_entry(const follow_progress *p, const char *name)
{
    for (unsigned i = 0; i < p->table_count; i++) {
        if (strcmp(p->tables[i].shown.name, name) == 0) return &p->tables[i];
    }
    return NULL;
}

static void
take_beginning(table_progress *shown, const table_progress *beginning)
{
    shown->is_stopped = beginning->is_stopped;
    memcpy(shown->reason, beginning->reason, sizeof shown->reason);
    shown->position = beginning->position;
    shown->totals = beginning->totals;
    shown->last_event_us = beginning->last_event_us;
    shown->oldest_pending_us = 0;
    shown->events_applied = beginning->events_applied;
}

firn_status
follow_progress_begin(follow_progress *p, const table_progress tables[], unsigned count, firn_error *err)
{
    table_entry *entries;
    bool         failed = false;

    if (!p) return FIRN_OK;
    task_lock_hold(p->lock);
    entries = firn_arena_array(&p->arena, count + 1u, sizeof *entries);
    failed = !entries;
    if (entries) memset(entries, 0, (count + 1u) * sizeof *entries);
    for (unsigned i = 0; !failed && i < count; i++) {
        const table_entry *before = find_entry(p, tables[i].name);

        if (before) entries[i] = *before;
        else
            entries[i].shown.small_file_ratio = -1;
        take_beginning(&entries[i].shown, &tables[i]);
        entries[i].shown.name = firn_arena_strdup(&p->arena, tables[i].name);
        failed = !entries[i].shown.name;
    }
    if (!failed) {
        p->tables = entries;
        p->table_count = count;
        if (!p->began_us) p->began_us = (int64_t) firn_clock_monotonic_us();
    }
    task_lock_release(p->lock);
    return failed ? firn_fail_memory(err, "the progress") : FIRN_OK;
}

void
follow_progress_stream(follow_progress *p, const stream_progress *stream)
{
    if (!p) return;
    task_lock_hold(p->lock);
    int64_t heard_us = stream->is_open ? firn_clock_now_us() : p->stream.heard_us;
    p->stream = *stream;
    p->stream.heard_us = heard_us;
    task_lock_release(p->lock);
}

void
follow_progress_reselected(follow_progress *p, uint64_t row_count)
{
    if (!p) return;
    task_lock_hold(p->lock);
    p->reselected += row_count;
    task_lock_release(p->lock);
}

/* No memory for them: none are shown. */
static bool
copy_lags(firn_arena *arena, const change_lag from[], unsigned count, change_lag **ret_lags)
{
    change_lag *lags = firn_arena_array(arena, count + 1u, sizeof *lags);

    *ret_lags = lags;
    for (unsigned i = 0; lags && i < count; i++) {
        lags[i] = from[i];
        lags[i].topic = firn_arena_strdup(arena, from[i].topic);
        if (!lags[i].topic) return false;
    }
    return lags != NULL;
}

void
follow_progress_lags(follow_progress *p, const change_lag lags[], unsigned count)
{
    if (!p) return;
    task_lock_hold(p->lock);
    firn_arena_reset(&p->lag_arena);
    p->lag_count = copy_lags(&p->lag_arena, lags, count, &p->lags) ? count : 0;
    task_lock_release(p->lock);
}

void
follow_progress_lost(follow_progress *p)
{
    if (!p) return;
    task_lock_hold(p->lock);
    p->stream.is_open = false;
    task_lock_release(p->lock);
}

void
follow_progress_slot(follow_progress *p, const slot_progress *slot)
{
    if (!p) return;
    task_lock_hold(p->lock);
    p->slot = *slot;
    task_lock_release(p->lock);
}

void
follow_progress_error(follow_progress *p, firn_code code)
{
    unsigned i = 0;

    if (!p) return;
    task_lock_hold(p->lock);
    while (i < p->error_count && p->errors[i].code != code) i++;
    if (i == p->error_count && i < PROGRESS_ERROR_CODES_MAX) p->errors[p->error_count++] = (error_count){.code = code};
    if (i < PROGRESS_ERROR_CODES_MAX) p->errors[i].count++;
    task_lock_release(p->lock);
}

void
follow_progress_small_files(follow_progress *p, const char *table, int64_t small_count, int64_t count)
{
    if (!p) return;
    task_lock_hold(p->lock);
    for (unsigned i = 0; i < p->table_count; i++) {
        table_progress *shown = &p->tables[i].shown;
        if (strcmp(shown->name, table) == 0) shown->small_file_ratio = count ? (double) small_count / (double) count : 0;
    }
    task_lock_release(p->lock);
}

void
follow_progress_pending(follow_progress *p, unsigned number, int64_t oldest_us)
{
    if (!p) return;
    task_lock_hold(p->lock);
    if (number < p->table_count) p->tables[number].shown.oldest_pending_us = oldest_us;
    task_lock_release(p->lock);
}

static void
add_sample(table_entry *t, int64_t now_us)
{
    const rate_sample *last = &t->samples[(t->next_sample + SAMPLE_COUNT - 1) % SAMPLE_COUNT];

    if (last->at_us && now_us - last->at_us < SAMPLE_US) return;
    t->samples[t->next_sample] = (rate_sample){now_us, t->changes};
    t->next_sample = (t->next_sample + 1) % SAMPLE_COUNT;
}

void
follow_progress_committed(follow_progress *p, unsigned number, const table_commit_progress *c)
{
    int64_t  now_us = firn_clock_now_us();
    uint64_t changes = 0;

    if (!p) return;
    firn_histogram_observe_us(&p->duration, (int64_t) c->elapsed_us);
    if (c->oldest_event_us) firn_histogram_observe_us(&p->latency, now_us - c->oldest_event_us);
    task_lock_hold(p->lock);
    if (number < p->table_count) {
        table_entry    *t = &p->tables[number];
        table_progress *s = &t->shown;

        for (unsigned op = 0; op < PROGRESS_OP_COUNT; op++) {
            s->changes[op] += c->changes[op];
            changes += c->changes[op];
        }
        s->position = c->position;
        s->totals = c->totals;
        if (c->last_event_us) s->last_event_us = c->last_event_us;
        s->last_commit_us = now_us;
        s->oldest_pending_us = 0;
        s->events_applied += (int64_t) changes;
        s->commit_count++;
        s->row_count += c->row_count;
        s->deleted_row_count += c->deleted_row_count;
        s->data_file_count += c->data_file_count;
        s->delete_file_count += c->delete_file_count;
        s->data_bytes += c->data_bytes;
        s->delete_bytes += c->delete_bytes;
        t->changes += changes;
        add_sample(t, (int64_t) firn_clock_monotonic_us());
    }
    task_lock_release(p->lock);
}

void
follow_progress_stopped(follow_progress *p, unsigned number, const char *reason)
{
    if (!p) return;
    task_lock_hold(p->lock);
    if (number < p->table_count) {
        table_progress *s = &p->tables[number].shown;

        s->is_stopped = true;
        s->oldest_pending_us = 0;
        s->failed_count++;
        (void) snprintf(s->reason, sizeof s->reason, "%s", reason);
    }
    task_lock_release(p->lock);
}

/* ---- reading ---- */

/* Since the oldest sample that is not too old; before the first, none were committed. */
static double
rate_of(const follow_progress *p, const table_entry *t, int64_t now_us)
{
    rate_sample from = {0};

    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        const rate_sample *s = &t->samples[(t->next_sample + i) % SAMPLE_COUNT];

        if (s->at_us && now_us - s->at_us >= RATE_US) from = *s;
    }
    if (!from.at_us) from.at_us = p->began_us;
    if (now_us - from.at_us < 1000) return 0;
    return (double) (t->changes - from.changes) * 1e6 / (double) (now_us - from.at_us);
}

firn_status
follow_progress_read(follow_progress *p, firn_arena *arena, follow_view *ret_view, firn_error *err)
{
    int64_t now_us = (int64_t) firn_clock_monotonic_us();
    bool    failed = false;

    task_lock_hold(p->lock);
    *ret_view = (follow_view){.stream = p->stream, .slot = p->slot, .reselected = p->reselected, .table_count = p->table_count, .error_count = p->error_count};
    memcpy(ret_view->errors, p->errors, sizeof ret_view->errors);
    ret_view->tables = firn_arena_array(arena, p->table_count + 1u, sizeof *ret_view->tables);
    failed = !ret_view->tables;
    for (unsigned i = 0; !failed && i < p->table_count; i++) {
        ret_view->tables[i] = p->tables[i].shown;
        ret_view->tables[i].name = firn_arena_strdup(arena, p->tables[i].shown.name);
        ret_view->tables[i].changes_per_second = rate_of(p, &p->tables[i], now_us);
        failed = !ret_view->tables[i].name;
    }
    if (!failed) failed = !copy_lags(arena, p->lags, p->lag_count, &ret_view->lags);
    ret_view->lag_count = p->lag_count;
    task_lock_release(p->lock);
    return failed ? firn_fail_memory(err, "the progress") : FIRN_OK;
}

uint64_t
follow_view_position(const follow_view *view, const table_progress *table)
{
    if (table->is_stopped || table->position > view->stream.consistent) return table->position;
    return view->stream.consistent;
}

uint64_t
follow_view_lag_bytes(const follow_view *view, const table_progress *table)
{
    uint64_t position = follow_view_position(view, table);

    /* What was read has nothing more of a table that waits for nothing. */
    if (!table->is_stopped && !table->oldest_pending_us && view->stream.read_position > position)
        position = view->stream.read_position;
    return view->stream.server_position > position ? view->stream.server_position - position : 0;
}

/* The job speaks several times a second. */
#define SILENCE_US ((int64_t) 30000000)

/* Since when nobody knows what the source does; 0: it is known. */
static int64_t
silent_since_us(const stream_progress *s, int64_t now_us)
{
    return !s->is_open || now_us - s->heard_us > SILENCE_US ? s->heard_us : 0;
}

int64_t
follow_view_lag_us(const follow_view *view, const table_progress *table, int64_t now_us)
{
    int64_t since_us = table->oldest_pending_us;

    if (!since_us && (table->is_stopped || view->stream.server_position > view->stream.read_position)) {
        /* Older than what comes next cannot be waiting. */
        since_us = table->is_stopped ? table->last_event_us : view->stream.transaction_us;
        if (!since_us) since_us = table->last_event_us;
    }
    if (!since_us) since_us = silent_since_us(&view->stream, now_us);
    return since_us && now_us > since_us ? now_us - since_us : 0;
}

const firn_histogram *
follow_progress_latency(const follow_progress *p)
{
    return &p->latency;
}

const firn_histogram *
follow_progress_duration(const follow_progress *p)
{
    return &p->duration;
}
