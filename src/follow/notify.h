/*
 * Tells somebody of what happens while changes are followed: a command gets each event on stdin, a URL by POST.
 *
 * Event:   a JSON object: event, time (ISO 8601, UTC), source, namespace, table, text (for people; chat services show this
 *          member), error (FIRN-nnnn), position, correlation_id, changes (as rows of _schema_changes); null where
 *          there is none. docs/output.schema.json has it as notification
 * Command: argv, no shell; FIRN_EVENT, FIRN_SOURCE and FIRN_TABLE in an environment without our secrets
 *          (task/child_process.h)
 * URL:     Content-Type application/json; tried again when it may help (HTTP_UNAVAILABLE)
 * Never:   holds up or ends what sends: events wait in a queue of NOTIFY_QUEUE_MAX, past which they are dropped; every
 *          failure goes to `failed` and no further
 * Threads: one of its own, which calls `failed`; send from any
 */
#ifndef FIRN_FOLLOW_NOTIFY_H
#define FIRN_FOLLOW_NOTIFY_H

#include "net/http.h"
#include "state/schema_changes_table.h"

#define NOTIFY_QUEUE_MAX 64

typedef enum notify_kind {
    NOTIFY_SCHEMA_CHANGE,  /* a table's shape changed, whatever was done about it */
    NOTIFY_TABLE_FAILED,   /* a table is not followed any more until somebody acts */
    NOTIFY_SLOT_RETENTION, /* the slot holds more WAL than follow.slot_retention_limit */
    NOTIFY_SLOT_LOST,      /* the slot is gone or invalid: a resync is needed */
    NOTIFY_FOLLOW_FAILED,  /* the whole run ends with an error */
    NOTIFY_KIND_COUNT,
} notify_kind;

/* "schema_change", … */
const char *notify_kind_name(notify_kind kind);
/* False: no such kind. */
FIRN_MUST_USE bool notify_kind_parse(const char *name, notify_kind *ret_kind);

/* Borrowed until the notifier is freed. */
typedef struct notify_settings {
    const char        *source, *namespace_name, *correlation_id;
    unsigned           kinds;              /* set of 1 << notify_kind; 0: all */
    const char *const *command;            /* argv, ends with NULL; NULL: none */
    uint64_t           command_timeout_ms; /* 0: 30 s */
    const char        *url;                /* NULL: none */
    const char        *token;              /* sent as a bearer token; NULL: none */
    const http_header *headers;
    unsigned           header_count;
    bool               plain_allowed;      /* http:// to other machines */
    unsigned           attempt_max;        /* retries of a POST; 0: none */
    uint64_t           backoff_ms;         /* the first wait */
    void (*failed)(void *state, const firn_error *err); /* a warning for the log; never NULL */
    void *state;
} notify_settings;

typedef struct notify_event {
    notify_kind              kind;
    const char              *table; /* NULL: none in particular; so for all texts but `text` */
    const char              *text;
    const char              *error_code;
    const char              *position;
    const schema_change_row *changes;
    size_t                   change_count;
} notify_event;

typedef struct notifier notifier;

/* HTTP_URL for a URL that would not be sent to. */
FIRN_MUST_USE firn_status notifier_new(const notify_settings *settings, notifier **ret_notifier, firn_error *err);
/* Copies; does not wait. NULL, or a kind that is not wanted: nothing. */
void notifier_send(notifier *n, const notify_event *event);
/* Waits for what is in the queue, at most `grace_ms` (0: not at all), then ends. */
void notifier_close(notifier *n, uint64_t grace_ms);
/* Closes without waiting. */
void notifier_free(notifier *n);
FIRN_DEFINE_FREEP(notifier, notifier_free)

#endif
