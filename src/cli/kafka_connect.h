/*
 * Kafka Connect's REST API, as far as registering a connector needs it.
 *
 * Login:   Basic; over http:// only to this machine
 * Retries: what may succeed later (409 while Connect rebalances, 5xx, a connection that breaks) until retry_until_us: each
 *          of these requests can be sent twice. Without that, once
 * Errors:  CONNECT_FOREIGN (what answers is no Kafka Connect), CONNECT_BUSY (409), HTTP_…; with Connect's own words, in which
 *          secrets are redacted
 * Limits:  16 MiB an answer
 */
#ifndef FIRN_CLI_KAFKA_CONNECT_H
#define FIRN_CLI_KAFKA_CONNECT_H

#include "base/arena.h"
#include "codec/json_reader.h"
#include "net/http.h"

typedef struct kafka_connect {
    const char  *url;     /* borrowed; without a slash at the end */
    const char  *login;   /* "user:password", borrowed; NULL: none */
    const char  *ca_file; /* NULL: the system's */
    task_cancel *cancel;  /* NULL: never */
    uint64_t     retry_until_us; /* monotonic; 0: nothing is retried */
    http_client *client;
    http_response response; /* of the last request */
} kafka_connect;

/* `subject` names where the URL comes from. Nothing is sent. */
FIRN_MUST_USE firn_status kafka_connect_open(kafka_connect *connect, const char *url, const char *login, const char *ca_file,
                                             const char *subject, firn_arena *arena, task_cancel *cancel, firn_error *err);
void                      kafka_connect_done(kafka_connect *connect);

typedef struct connect_worker {
    const char *version, *cluster_id; /* in the arena */
} connect_worker;
/* CONNECT_FOREIGN: no Kafka Connect. */
FIRN_MUST_USE firn_status kafka_connect_look(kafka_connect *connect, firn_arena *arena, connect_worker *ret_worker,
                                             firn_error *err);

/* *ret_version is NULL where the worker has no connector of this class; then `ret_others` names those that it has. */
FIRN_MUST_USE firn_status kafka_connect_plugin(kafka_connect *connect, const char *class_name, firn_arena *arena,
                                               const char **ret_version, const char **ret_others, firn_error *err);

/* The connector's settings; *ret_config is NULL where there is no such connector. */
FIRN_MUST_USE firn_status kafka_connect_config(kafka_connect *connect, const char *name, jdoc **ret_config, firn_error *err);

typedef struct connect_complaint {
    const char *setting, *text;
} connect_complaint;
/* What Connect and the connector have against these settings, which must hold name and class. */
FIRN_MUST_USE firn_status kafka_connect_validate(kafka_connect *connect, const char *class_name, firn_slice config,
                                                 firn_arena *arena, connect_complaint **ret_complaints, unsigned *ret_count,
                                                 firn_error *err);
/* Makes the connector, or changes it. */
FIRN_MUST_USE firn_status kafka_connect_put(kafka_connect *connect, const char *name, firn_slice config, firn_error *err);
/* Starts again what has failed. */
FIRN_MUST_USE firn_status kafka_connect_restart(kafka_connect *connect, const char *name, firn_error *err);

/* Where a Debezium connector for PostgreSQL goes on: the highest position among its stored offsets. *ret_position 0: it has stored
 * none, or Connect does not tell (before 3.6, or there is no such connector). */
FIRN_MUST_USE firn_status kafka_connect_offset(kafka_connect *connect, const char *name, uint64_t *ret_position, firn_error *err);
/* The connector must be STOPPED. */
FIRN_MUST_USE firn_status kafka_connect_forget_offset(kafka_connect *connect, const char *name, firn_error *err);
FIRN_MUST_USE firn_status kafka_connect_stop(kafka_connect *connect, const char *name, firn_error *err);
FIRN_MUST_USE firn_status kafka_connect_resume(kafka_connect *connect, const char *name, firn_error *err);

typedef struct connect_part {
    int64_t     id;    /* of a task; -1: the connector itself */
    const char *state; /* RUNNING, FAILED, UNASSIGNED, PAUSED, STOPPED, RESTARTING, … */
    const char *worker, *trace; /* "" where it has none */
} connect_part;

typedef struct connect_status {
    connect_part  connector; /* state "": there is none yet */
    connect_part *tasks;
    unsigned      task_count;
} connect_status;
FIRN_MUST_USE firn_status kafka_connect_status(kafka_connect *connect, const char *name, firn_arena *arena,
                                               connect_status *ret_status, firn_error *err);
/* The part that failed, or NULL. */
const connect_part *connect_status_failed(const connect_status *status);
bool                connect_status_runs(const connect_status *status); /* the connector, and at least one task, all of them */

/* The lines of a Java stack trace that tell something: the exception, and each "Caused by:". At most `line_max`, in the
 * arena, the last one the innermost cause. */
FIRN_MUST_USE firn_status connect_trace_lines(const char *trace, unsigned line_max, firn_arena *arena, const char ***ret_lines,
                                              unsigned *ret_count, firn_error *err);

#endif
