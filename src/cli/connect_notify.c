#include "cli/connect_notify.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* How long the end waits for a command or server that is slow. */
#define GRACE_MS ((uint64_t) 15000)

static void
warn(void *state, const firn_error *err)
{
    (void) state;
    log_warning("%s: %s", err->frame_count ? err->frame[0] : "notify", err->cause);
}

static firn_status
take_kinds(const setting *events, unsigned *ret_kinds, firn_error *err)
{
    for (unsigned i = 0; i < events->item_count; i++) {
        notify_kind kind;

        if (!notify_kind_parse(events->items[i], &kind)) {
            (void) firn_fail(err, FIRN_E_CONFIG_VALUE, "%s: 'events' has '%s', which is no event", events->where, events->items[i]);
            firn_hint(err, "events are schema_change, table_failed, slot_retention, slot_lost and follow_failed");
            return err->status;
        }
        *ret_kinds |= 1u << kind;
    }
    return FIRN_OK;
}

firn_status
connect_notify(session *s, notifier **ret_notifier, firn_error *err)
{
    const setting *command = &s->values.values[OPTION_NOTIFY_COMMAND], *token = &s->values.values[OPTION_NOTIFY_TOKEN];
    const char   **words = NULL;
    notify_settings settings = {.source = settings_text(&s->values, OPTION_SOURCE),
                                .namespace_name = settings_text(&s->values, OPTION_ICEBERG_NAMESPACE),
                                .correlation_id = s->correlation_id,
                                .url = settings_text(&s->values, OPTION_NOTIFY_URL),
                                .token = token->secret ? firn_secret_reveal(token->secret) : NULL,
                                .attempt_max = (unsigned) settings_number(&s->values, OPTION_MAX_RETRIES),
                                .backoff_ms = 1000,
                                .failed = warn};

    if (!command->item_count && !settings.url) return FIRN_OK;
    FIRN_TRY(take_kinds(&s->values.values[OPTION_NOTIFY_EVENTS], &settings.kinds, err));
    if (command->item_count) {
        words = firn_arena_array(&s->arena, command->item_count + 1u, sizeof *words);
        if (!words) return firn_fail_memory(err, "the settings");
        memcpy(words, command->items, command->item_count * sizeof *words);
        words[command->item_count] = NULL;
    }
    settings.command = words;
    return notifier_new(&settings, ret_notifier, err);
}

static void
send_error(notifier *n, notify_kind kind, const char *table, const char *what, const firn_error *err)
{
    char         code[16], text[FIRN_ERROR_TEXT_MAX + 128];
    notify_event event = {.kind = kind, .table = table, .text = text, .error_code = code};

    (void) snprintf(code, sizeof code, "FIRN-%04u", (unsigned) err->code % 10000);
    (void) snprintf(text, sizeof text, "%s%s: %s", table ? table : "", what, err->cause);
    notifier_send(n, &event);
}

void
notify_of_event(notifier *n, const follow_event *event)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (!n) return;
    if (event->kind == FOLLOW_EVENT_TABLE_STOPPED && event->error)
        send_error(n, NOTIFY_TABLE_FAILED, event->table, " is not followed any more", event->error);
    if (event->kind != FOLLOW_EVENT_SCHEMA_CHANGED || !event->schema_change_count) return;
    const schema_change_row *first = &event->schema_changes[0];
    (void) snprintf(text, sizeof text, "%s: %s %s (%s)%s", event->table, first->kind, first->column_name ? first->column_name : "",
                    first->action, event->schema_change_count > 1 ? " and more" : "");
    const notify_event sent = {.kind = NOTIFY_SCHEMA_CHANGE,
                               .table = event->table,
                               .text = text,
                               .position = event->position,
                               .changes = event->schema_changes,
                               .change_count = event->schema_change_count};
    notifier_send(n, &sent);
}

void
notify_of_loss(notifier *n, const firn_error *err)
{
    if (n && (err->code == FIRN_E_POSTGRES_SLOT_LOST || err->code == FIRN_E_FOLLOW_SLOT_LIMIT)) send_error(n, NOTIFY_SLOT_LOST, NULL, "changes are lost", err);
}

void
notify_of_end(notifier *take_notifier, const firn_error *err)
{
    if (!take_notifier) return;
    if (err->status && err->status != FIRN_CANCELLED && err->code != FIRN_E_FOLLOW_TABLES_STOPPED)
        send_error(take_notifier, NOTIFY_FOLLOW_FAILED, NULL, "firn follow has ended", err);
    notifier_close(take_notifier, GRACE_MS);
}
