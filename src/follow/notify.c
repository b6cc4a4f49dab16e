#include "follow/notify.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/secret.h"
#include "codec/json_writer.h"
#include "task/child_process.h"
#include "task/group.h"
#include "task/lock.h"
#include "task/retry.h"

#define COMMAND_TIMEOUT_MS_DEFAULT UINT64_C(30000)
#define EVENT_BYTES_MAX ((size_t) 1 << 20)
#define POST_TIMEOUT_MS UINT64_C(15000)
#define BACKOFF_MS_MAX UINT64_C(30000)

static const char *const kind_names[NOTIFY_KIND_COUNT] = {
    [NOTIFY_SCHEMA_CHANGE] = "schema_change", [NOTIFY_TABLE_FAILED] = "table_failed",
    [NOTIFY_SLOT_RETENTION] = "slot_retention", [NOTIFY_SLOT_LOST] = "slot_lost",
    [NOTIFY_FOLLOW_FAILED] = "follow_failed",
};

/* An event in the queue. */
typedef struct waiting_event {
    notify_kind kind;
    char       *table; /* "" for none */
    firn_buffer json;
} waiting_event;

struct notifier {
    notify_settings settings;
    http_client    *client; /* of the worker */
    task_group     *worker;
    task_cancel    *stop; /* what is being sent is given up */
    task_lock      *lock; /* for what follows */
    waiting_event   queue[NOTIFY_QUEUE_MAX];
    unsigned        first, count; /* the one at work is counted */
    bool            closed;
};

const char *
notify_kind_name(notify_kind kind)
{
    assert(kind < NOTIFY_KIND_COUNT);
    return kind_names[kind];
}

bool
notify_kind_parse(const char *name, notify_kind *ret_kind)
{
    for (notify_kind kind = 0; kind < NOTIFY_KIND_COUNT; kind++) {
        if (strcmp(kind_names[kind], name) != 0) continue;
        *ret_kind = kind;
        return true;
    }
    return false;
}

static void
waiting_event_done(waiting_event *event)
{
    firn_free(event->table);
    firn_buffer_done(&event->json);
    *event = (waiting_event){0};
}

/* ---- the event's text ---- */

static void
write_time(jwriter *w, const char *key, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    calendar_format_timestamp(us, true, text);
    jwrite_member_text(w, key, us ? text : NULL);
}

static void
write_change(jwriter *w, const schema_change_row *row)
{
    jwrite_object(w);
    write_time(w, "changed_at", row->changed_at_us);
    schema_change_write_members(row, w);
    jwrite_object_end(w);
}

static firn_status
write_event(const notify_settings *settings, const notify_event *event, firn_buffer *out, firn_error *err)
{
    jwriter w;

    firn_buffer_init(out, EVENT_BYTES_MAX);
    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "event", kind_names[event->kind]);
    write_time(&w, "time", firn_clock_now_us());
    jwrite_member_text(&w, "source", settings->source);
    jwrite_member_text(&w, "namespace", settings->namespace_name);
    jwrite_member_text(&w, "table", event->table);
    jwrite_member_text(&w, "text", event->text);
    jwrite_member_text(&w, "error", event->error_code);
    jwrite_member_text(&w, "position", event->position);
    jwrite_member_text(&w, "correlation_id", settings->correlation_id);
    jwrite_key(&w, "changes");
    jwrite_array(&w);
    for (size_t i = 0; i < event->change_count; i++) write_change(&w, &event->changes[i]);
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    FIRN_TRY(firn_buffer_add_byte(out, '\0', err)); /* for the redactor, which keeps the size */
    firn_secret_redact((char *) out->data);
    out->size = strlen((const char *) out->data);
    return FIRN_OK;
}

/* ---- sending ---- */

static firn_status
run_command(notifier *n, const waiting_event *event, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const notify_settings *s = &n->settings;
    const char            *environment[] = {
        firn_arena_printf(&arena, "FIRN_EVENT=%s", kind_names[event->kind]),
        firn_arena_printf(&arena, "FIRN_SOURCE=%s", s->source ? s->source : ""),
        firn_arena_printf(&arena, "FIRN_TABLE=%s", event->table),
        NULL,
    };
    const child_process child = {
        .argv = s->command,
        .environment = environment,
        .input = firn_buffer_slice(&event->json),
        .timeout_ms = s->command_timeout_ms ? s->command_timeout_ms : COMMAND_TIMEOUT_MS_DEFAULT,
    };

    if (!environment[0] || !environment[1] || !environment[2]) return firn_fail_memory(err, "a command's environment");
    return child_process_run(&child, n->stop, NULL, err);
}

static firn_status
post_once(notifier *n, const waiting_event *event, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(http_response_done) http_response response = {0};
    const notify_settings *s = &n->settings;
    http_header           *headers = firn_arena_array(&arena, s->header_count + 2, sizeof *headers);
    unsigned               count = 0;

    if (!headers) return firn_fail_memory(err, "a request");
    headers[count++] = (http_header){"Content-Type", "application/json"};
    if (s->token) {
        char *value = firn_arena_printf(&arena, "Bearer %s", s->token);
        if (!value) return firn_fail_memory(err, "a request");
        headers[count++] = (http_header){"Authorization", value};
    }
    for (unsigned i = 0; i < s->header_count; i++) headers[count++] = s->headers[i];
    const http_request request = {
        .method = "POST",
        .url = s->url,
        .headers = headers,
        .header_count = count,
        .body = firn_buffer_slice(&event->json),
        .timeout_ms = POST_TIMEOUT_MS,
        .response_bytes_max = 64 << 10,
        .plain_allowed = s->plain_allowed,
        .fresh_connection = true, /* events are rare: a kept one would have been closed by then */
    };

    firn_status status = http_send(n->client, &request, n->stop, &response, err);
    if (s->token) explicit_bzero((char *) (uintptr_t) headers[1].value, strlen(headers[1].value));
    FIRN_TRY(status);
    return http_response_check(&response, s->url, err);
}

static firn_status
post(notifier *n, const waiting_event *event, firn_error *err)
{
    task_retry retry = {.attempt_max = n->settings.attempt_max,
                        .backoff_ms = n->settings.backoff_ms ? n->settings.backoff_ms : 500,
                        .backoff_max_ms = BACKOFF_MS_MAX};

    for (;;) {
        firn_status status = post_once(n, event, err);
        if (status == FIRN_OK || !task_retry_again(&retry, status, n->stop, NULL)) return status;
        firn_error_reset(err);
    }
}

static void
tell_failure(notifier *n, const waiting_event *event, const char *way, firn_error *err)
{
    (void) firn_while(err, "telling of '%s'%s%s by %s", kind_names[event->kind], *event->table ? " of " : "",
                      event->table, way);
    n->settings.failed(n->settings.state, err);
}

static void
deliver(notifier *n, const waiting_event *event)
{
    firn_error command_error = {0}, post_error = {0};

    if (n->settings.command && run_command(n, event, &command_error))
        tell_failure(n, event, "the command", &command_error);
    if (n->settings.url && post(n, event, &post_error)) tell_failure(n, event, "the webhook", &post_error);
}

static firn_status
work(void *state, firn_error *err FIRN_UNUSED)
{
    notifier *n = state;

    for (;;) {
        task_lock_hold(n->lock);
        while (!n->count && !n->closed) (void) task_lock_wait(n->lock, 0);
        bool over = n->count == 0;
        waiting_event *event = &n->queue[n->first]; /* stays where it is until it is counted off */
        task_lock_release(n->lock);
        if (over) return FIRN_OK;
        if (!task_cancel_requested(n->stop)) deliver(n, event);
        task_lock_hold(n->lock);
        waiting_event_done(event);
        n->first = (n->first + 1) % NOTIFY_QUEUE_MAX;
        n->count--;
        task_lock_wake_all(n->lock);
        task_lock_release(n->lock);
    }
}

/* ---- the notifier ---- */

firn_status
notifier_new(const notify_settings *settings, notifier **ret_notifier, firn_error *err)
{
    FIRN_AUTO(notifier_freep) notifier *n = NULL;

    if (settings->url) FIRN_TRY(http_url_check(settings->url, settings->plain_allowed, "notify: webhook: url", err));
    n = firn_calloc(1, sizeof *n);
    if (!n) return firn_fail_memory(err, "notifications");
    n->settings = *settings;
    n->lock = task_lock_new();
    n->stop = task_cancel_new();
    n->worker = task_group_new(NULL);
    if (!n->lock || !n->stop || !n->worker) return firn_fail_memory(err, "notifications");
    if (settings->url) FIRN_TRY(http_client_new(&n->client, err));
    FIRN_TRY(task_group_spawn(n->worker, "notify", work, n, err));
    *ret_notifier = FIRN_STEAL(n);
    return FIRN_OK;
}

static bool
enqueue(notifier *n, waiting_event *take_event)
{
    bool room;

    task_lock_hold(n->lock);
    room = n->count < NOTIFY_QUEUE_MAX && !n->closed;
    if (room) {
        n->queue[(n->first + n->count++) % NOTIFY_QUEUE_MAX] = *take_event;
        *take_event = (waiting_event){0};
        task_lock_wake_all(n->lock);
    }
    task_lock_release(n->lock);
    return room;
}

void
notifier_send(notifier *n, const notify_event *event)
{
    FIRN_AUTO(waiting_event_done) waiting_event waiting = {0};
    firn_error  err = {0};
    const char *table = event->table ? event->table : "";

    if (!n || (n->settings.kinds && !(n->settings.kinds & (1u << event->kind)))) return;
    waiting.kind = event->kind;
    waiting.table = firn_alloc(strlen(table) + 1);
    if (!waiting.table) {
        (void) firn_fail_memory(&err, "a notification");
        n->settings.failed(n->settings.state, &err);
        return;
    }
    memcpy(waiting.table, table, strlen(table) + 1);
    if (write_event(&n->settings, event, &waiting.json, &err)) {
        tell_failure(n, &waiting, "any way", &err);
    } else if (!enqueue(n, &waiting)) {
        (void) firn_fail(&err, FIRN_E_NOTIFY_DROPPED, "%d notifications are waiting already", NOTIFY_QUEUE_MAX);
        tell_failure(n, &waiting, "any way", &err);
    }
}

void
notifier_close(notifier *n, uint64_t grace_ms)
{
    uint64_t deadline_us = firn_clock_monotonic_us() + grace_ms * 1000;

    if (!n) return;
    task_lock_hold(n->lock);
    n->closed = true;
    task_lock_wake_all(n->lock);
    for (uint64_t now_us; n->count && (now_us = firn_clock_monotonic_us()) < deadline_us;) {
        (void) task_lock_wait(n->lock, (deadline_us - now_us) / 1000 + 1);
    }
    task_lock_release(n->lock);
    notifier_free(n);
}

void
notifier_free(notifier *n)
{
    if (!n) return;
    if (n->lock) {
        task_lock_hold(n->lock);
        n->closed = true;
        task_lock_wake_all(n->lock);
        task_lock_release(n->lock);
    }
    if (n->stop) task_cancel_request(n->stop);
    task_group_free(n->worker);
    for (unsigned i = 0; i < NOTIFY_QUEUE_MAX; i++) waiting_event_done(&n->queue[i]);
    http_client_free(n->client);
    task_cancel_free(n->stop);
    task_lock_free(n->lock);
    firn_free(n);
}
