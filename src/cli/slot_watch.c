#include "cli/slot_watch.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/connect.h"
#include "cli/slot_limit.h"
#include "task/task.h"

#define LOOK_MIN_MS 1000u
#define LOOK_MAX_MS 10000u

typedef enum limit_action { LIMIT_WARNS, LIMIT_STOPS, LIMIT_DROPS } limit_action;

struct slot_watch {
    postgres_settings server; /* in the session's arena */
    const char       *source;
    follow_progress  *progress;
    notifier         *told;
    task_cancel      *ends;
    follow_guard      guard;
    limit_action      action;
    uint64_t          look_ms;
    task_cancel      *cancel;
    task_group       *thread;
    /* Of the thread. */
    slot_limit        limit;
    bool              was_there;
    /* Atomic: the job is to end; the text is written before. */
    bool              acts;
    char              held[32];
};

/* ---- what is said ---- */

static bool
is_unreserved(const replication_lag *slot)
{
    return strcmp(slot->status, "unreserved") == 0;
}

/* "12.0 GB of the source's log; limit 10.0 GB; 1.2 GB are left before PostgreSQL invalidates it (extended)" */
static void
describe(const slot_watch *w, const replication_lag *slot, char *out, size_t size)
{
    char held[32], limit[32], left[32];

    text_format_bytes((uint64_t) (slot->retained_bytes > 0 ? slot->retained_bytes : 0), held);
    text_format_bytes((uint64_t) w->limit.limit_bytes, limit);
    text_format_bytes((uint64_t) (slot->safe_bytes > 0 ? slot->safe_bytes : 0), left);
    (void) snprintf(out, size, "the replication slot '%s' holds %s of the source's log%s%s%s%s%s%s%s%s", w->server.slot_name, held,
                    w->limit.limit_bytes ? ", of a limit of " : "", w->limit.limit_bytes ? limit : "",
                    slot->safe_bytes >= 0 ? "; " : "", slot->safe_bytes >= 0 ? left : "",
                    slot->safe_bytes >= 0 ? " more, and PostgreSQL invalidates it" : "",
                    is_unreserved(slot) ? "; PostgreSQL invalidates it at the next checkpoint" : "",
                    slot->status[0] ? "; wal_status " : "", slot->status);
}

static const char *
advice_of(const slot_watch *w, slot_level level)
{
    if (level == SLOT_SCARCE)
        return "look for a transaction that stays open at the source, or raise max_slot_wal_keep_size; an invalidated slot wants --resync";
    switch (w->action) {
    case LIMIT_STOPS: return "if it stays above, the run ends (slot_retention_action: stop)";
    case LIMIT_DROPS: return "if it stays above, the slot is dropped and the tables wait for --resync (slot_retention_action: drop)";
    case LIMIT_WARNS: break;
    }
    return "look for a transaction that stays open at the source, or for what keeps the lake from being written";
}

static void
say(const slot_watch *w, slot_level level, const replication_lag *slot)
{
    char text[FIRN_ERROR_TEXT_MAX], fact[384];

    describe(w, slot, fact, sizeof fact);
    if (level == SLOT_FINE) {
        log_info("%s: that is fine again", fact);
        return;
    }
    (void) snprintf(text, sizeof text, "%s: %s", fact, advice_of(w, level));
    log_warning("%s", text);
    if (w->told) notifier_send(w->told, &(notify_event){.kind = NOTIFY_SLOT_RETENTION, .text = text});
}

/* ---- looking ---- */

static void
take_look(slot_watch *w, const replication_lag *slot)
{
    slot_progress shown = {.name = w->server.slot_name,
                           .exists = slot->slot_exists,
                           .is_active = slot->is_followed,
                           .retained_bytes = slot->retained_bytes,
                           .safe_bytes = slot->safe_bytes,
                           .limit_bytes = w->limit.limit_bytes};

    memcpy(shown.status, slot->status, sizeof shown.status);
    follow_progress_slot(w->progress, &shown);
    slot_verdict verdict = slot_limit_judge(&w->limit, slot);
    if (verdict.is_said && (slot->slot_exists || w->was_there)) say(w, verdict.level, slot);
    w->was_there = slot->slot_exists;
    if (!verdict.acts || w->action == LIMIT_WARNS || __atomic_load_n(&w->acts, __ATOMIC_RELAXED)) return;
    text_format_bytes((uint64_t) slot->retained_bytes, w->held);
    __atomic_store_n(&w->acts, true, __ATOMIC_RELEASE);
    if (w->ends) task_cancel_request(w->ends);
}

static firn_status
work(void *state, firn_error *err)
{
    slot_watch *w = state;

    (void) err;
    do {
        replication_lag slot;
        firn_error      failed = {0};

        if (!replication_lag_ask(&w->server, w->cancel, &slot, &failed)) take_look(w, &slot);
        else
            log_line(LOG_DEBUG, NULL, 0, "the slot was not looked at: %s", failed.cause);
        firn_error_reset(&failed);
    } while (!task_cancel_wait(w->cancel, w->look_ms));
    return FIRN_OK;
}

/* ---- the guard ---- */

static firn_status
check(void *state, firn_error *err)
{
    slot_watch *w = state;
    char        limit[32];

    if (!__atomic_load_n(&w->acts, __ATOMIC_ACQUIRE)) return FIRN_OK;
    text_format_bytes((uint64_t) w->limit.limit_bytes, limit);
    (void) firn_fail(err, FIRN_E_FOLLOW_SLOT_LIMIT, "the replication slot '%s' holds %s of the source's log, and the limit is %s",
                     w->server.slot_name, w->held, limit);
    if (w->action == LIMIT_DROPS) {
        firn_hint(err, "the slot was dropped, as slot_retention_action says: firn follow --source %s --resync makes a new one and "
                       "brings the tables back by comparing", w->source);
        firn_state(err, "what was whole is in the lake; the tables are marked, and are not followed before that");
    } else {
        firn_hint(err, "the slot is still there and holds the log: look for a transaction that stays open at the source, run the "
                       "command again, or drop the slot and use --resync later");
        firn_state(err, "what was whole is in the lake; nothing is lost");
    }
    return err->status;
}

const follow_guard *
slot_watch_guard(const slot_watch *watch)
{
    return &watch->guard;
}

bool
slot_watch_drops(const slot_watch *watch)
{
    return watch->action == LIMIT_DROPS;
}

/* ---- its life ---- */

static limit_action
action_of(const char *text)
{
    if (strcmp(text, "stop") == 0) return LIMIT_STOPS;
    return strcmp(text, "drop") == 0 ? LIMIT_DROPS : LIMIT_WARNS;
}

firn_status
slot_watch_start(session *s, follow_progress *progress, notifier *told, task_cancel *ends, slot_watch **ret_watch, firn_error *err)
{
    FIRN_AUTO(slot_watch_freep) slot_watch *w = firn_calloc(1, sizeof *w);

    if (!w) return firn_fail_memory(err, "what watches the slot");
    *w = (slot_watch){.source = settings_text(&s->values, OPTION_SOURCE),
                      .progress = progress,
                      .told = told,
                      .ends = ends,
                      .guard = {.check = check, .state = w},
                      .action = action_of(settings_text(&s->values, OPTION_FOLLOW_SLOT_ACTION)),
                      .look_ms = 10 * settings_duration_ms(&s->values, OPTION_FOLLOW_COMMIT_INTERVAL),
                      .limit = {.limit_bytes = (int64_t) settings_size(&s->values, OPTION_FOLLOW_SLOT_LIMIT)}};
    if (w->look_ms > LOOK_MAX_MS) w->look_ms = LOOK_MAX_MS;
    if (w->look_ms < LOOK_MIN_MS) w->look_ms = LOOK_MIN_MS;
    FIRN_TRY(connect_postgres_settings(s, &w->server, err));
    if (!(w->cancel = task_cancel_new())) return firn_fail_memory(err, "what watches the slot");
    if (!(w->thread = task_group_new(w->cancel))) return firn_fail_memory(err, "what watches the slot");
    FIRN_TRY(task_group_spawn(w->thread, "slot", work, w, err));
    *ret_watch = FIRN_STEAL(w);
    return FIRN_OK;
}

void
slot_watch_free(slot_watch *watch)
{
    firn_error ignored = {0};

    if (!watch) return;
    if (watch->cancel) task_cancel_request(watch->cancel);
    if (watch->thread) (void) !task_group_join(watch->thread, &ignored);
    task_group_free(watch->thread);
    task_cancel_free(watch->cancel);
    firn_free(watch);
}
