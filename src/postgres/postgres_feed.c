#include "postgres/postgres_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "change/transaction_scope.h"
#include "postgres/feed_queue.h"
#include "postgres/postgres_describe.h"
#include "postgres/publication.h"
#include "postgres/tuple_decode.h"

#define QUEUE_DEFAULT ((size_t) 16 << 20)
#define RECONNECT_MS_DEFAULT (10 * 60 * 1000)
#define SILENCE_MS_DEFAULT 90000
#define SILENCE_MS_LEAST 1000
#define STATUS_INTERVAL_MS_MAX 10000
#define STATUS_INTERVAL_MS_MIN 100
#define END_MS 1000 /* for the server's own end */
#define BACKOFF_MS 250
#define BACKOFF_MS_MAX 15000
/* A walsender whose client died needs a moment to see it; one that was cut off, its own time limit. */
#define IN_USE_MS_MAX 3000
#define XLOG_HEADER_SIZE 25
#define KEEPALIVE_SIZE 18

/* Questions to the catalog: a network that swallows them holds up neither the stream nor its end. */
#define ANSWER_MS_MAX 20000u

typedef struct postgres_feed {
    change_stream          base;
    postgres_settings      server; /* the caller's, with a limit for answers */
    postgres_feed_settings settings;
    firn_arena             arena;    /* of the settings' texts: connecting again needs them */
    task_cancel           *caller;   /* borrowed; NULL: none */
    task_cancel           *stopped;  /* next is to return */
    task_cancel           *finished; /* the receiver is to end */
    task_group            *threads;
    feed_queue            *queue;
    int                    wake_fd; /* something to tell the server */

    /* Of the receiver. */
    replication_link  link;
    replication_state state;
    uint64_t          sent_position; /* told as durable */
    uint64_t          status_due_us, heard_us;

    /* Of the caller of next. */
    transaction_scope    *scope;
    link_segment          segment; /* at work */
    postgres_connection  *catalog; /* NULL until it is needed */
    postgres_type_catalog types;
    uint64_t              heartbeat_due_us;

    /* Atomic. */
    uint64_t wished_position, acknowledged_position; /* by the caller; after the scope's limit */
    uint64_t received_position, server_position, message_count, byte_count, restart_count, kept_bytes, spilled_bytes;
    int64_t  server_time_us;
    bool     is_limited, is_binary, is_connected;
} postgres_feed;

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

static void
raise_to(uint64_t *position, uint64_t value)
{
    uint64_t seen = __atomic_load_n(position, __ATOMIC_RELAXED);
    while (seen < value && !__atomic_compare_exchange_n(position, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

/* ---- the receiver ---- */

static uint64_t
status_interval_ms(const postgres_feed *feed)
{
    uint64_t interval = feed->state.sender_timeout_ms / 4;
    if (!feed->state.sender_timeout_ms || interval > STATUS_INTERVAL_MS_MAX) interval = STATUS_INTERVAL_MS_MAX;
    return interval < STATUS_INTERVAL_MS_MIN ? STATUS_INTERVAL_MS_MIN : interval;
}

static uint64_t
silence_ms_max(const postgres_feed *feed)
{
    uint64_t limit_ms = feed->state.sender_timeout_ms / 2 * 3; /* the server speaks twice within its own limit */

    if (feed->settings.silence_ms_max) return feed->settings.silence_ms_max;
    if (!limit_ms || limit_ms > SILENCE_MS_DEFAULT) return SILENCE_MS_DEFAULT;
    return limit_ms < SILENCE_MS_LEAST ? SILENCE_MS_LEAST : limit_ms;
}

static firn_status
send_status(postgres_feed *feed, firn_error *err)
{
    uint64_t now_us = firn_clock_monotonic_us(), durable = LOAD(feed->acknowledged_position);
    uint64_t received = feed->link.received_position > durable ? feed->link.received_position : durable;
    bool     is_silent = now_us - feed->heard_us > silence_ms_max(feed) * 1000 / 3;
    FIRN_TRY(replication_link_send_status(&feed->link, received, durable, is_silent, err));
    feed->sent_position = durable;
    feed->status_due_us = now_us + status_interval_ms(feed) * 1000;
    return FIRN_OK;
}

static firn_status
send_status_if_due(postgres_feed *feed, firn_error *err)
{
    if (!feed->link.reply_wanted && LOAD(feed->acknowledged_position) <= feed->sent_position &&
        firn_clock_monotonic_us() < feed->status_due_us)
        return FIRN_OK;
    return send_status(feed, err);
}

static uint64_t
until_status_ms(const postgres_feed *feed)
{
    uint64_t now_us = firn_clock_monotonic_us(), most_ms = silence_ms_max(feed) / 4 + 1;
    uint64_t left_ms = feed->status_due_us > now_us ? (feed->status_due_us - now_us) / 1000 + 1 : 1;
    return left_ms < most_ms ? left_ms : most_ms;
}

static void
publish_counts(postgres_feed *feed)
{
    STORE(feed->received_position, feed->link.received_position);
    raise_to(&feed->server_position, feed->link.server_position);
    STORE(feed->server_time_us, feed->link.server_time_us);
}

/* One round: receive all that is there, then wait. */
static firn_status
receive_round(postgres_feed *feed, firn_error *err)
{
    FIRN_TRY(send_status_if_due(feed, err));
    if (!feed_queue_wait_room(feed->queue, until_status_ms(feed))) {
        feed->heard_us = firn_clock_monotonic_us(); /* the silence is ours */
        return postgres_check_cancel(feed->link.connection, err);
    }
    link_segment segment;
    uint64_t     before = feed->link.byte_count, messages = feed->link.message_count;
    FIRN_TRY(replication_link_receive(&feed->link, &segment, err));
    if (feed->link.byte_count != before) {
        feed->heard_us = firn_clock_monotonic_us();
        __atomic_add_fetch(&feed->byte_count, feed->link.byte_count - before, __ATOMIC_RELAXED);
        __atomic_add_fetch(&feed->message_count, feed->link.message_count - messages, __ATOMIC_RELAXED);
        publish_counts(feed);
        if (segment.block) FIRN_TRY(feed_queue_push(feed->queue, segment, err));
        if (!feed->link.is_drained) return FIRN_OK; /* a reader that runs after each message costs the server as much as itself */
    } else if (firn_clock_monotonic_us() - feed->heard_us > silence_ms_max(feed) * 1000)
        return firn_fail(err, FIRN_E_POSTGRES_UNAVAILABLE, "the server has not said anything for %" PRIu64 " s, also when asked",
                         silence_ms_max(feed) / 1000);
    FIRN_TRY(replication_link_wait(&feed->link, feed->wake_fd, until_status_ms(feed), err));
    uint64_t woken;
    if (read(feed->wake_fd, &woken, sizeof woken) > 0) return send_status_if_due(feed, err);
    return FIRN_OK;
}

static firn_status
open_link(postgres_feed *feed, task_cancel *also, firn_error *err)
{
    task_cancel *const cancels[2] = {feed->finished, also};
    postgres_feed_settings now = feed->settings;
    uint64_t               start = LOAD(feed->acknowledged_position);

    /* What this stream itself has confirmed, the slot may have. */
    if (start > now.acknowledged) now.acknowledged = start;
    if (start < now.position && !LOAD(feed->is_limited)) start = now.position;
    FIRN_TRY(replication_link_open(&feed->link, &now, cancels, start, &feed->state, err));
    feed->link.connection->cancels[1] = NULL; /* from now on the receiver outlives the caller's wish to stop */
    STORE(feed->is_binary, feed->link.is_binary);
    STORE(feed->is_connected, true);
    feed->heard_us = firn_clock_monotonic_us();
    feed->status_due_us = feed->heard_us;
    feed->sent_position = 0;
    publish_counts(feed);
    return FIRN_OK;
}

static void
tell(const postgres_feed *feed, bool is_warning, const char *text)
{
    if (feed->settings.teller) feed->settings.teller->tell(feed->settings.teller->state, is_warning, text);
}

/* Tries again until it works or must not be tried. The first delay is short: most servers are back at once. */
static firn_status
open_again(postgres_feed *feed, uint64_t limit_ms, task_cancel *also, firn_error *err)
{
    task_retry retry = {.attempt_max = UINT32_MAX, .backoff_ms = BACKOFF_MS, .backoff_max_ms = BACKOFF_MS_MAX};
    uint64_t   started_us = firn_clock_monotonic_us();
    for (;;) {
        replication_link_done(&feed->link);
        firn_status status = open_link(feed, also, err);
        if (!status) return FIRN_OK;
        uint64_t passed_ms = (firn_clock_monotonic_us() - started_us) / 1000;
        bool     is_in_use = err->code == FIRN_E_POSTGRES_SLOT_IN_USE && passed_ms < (limit_ms ? limit_ms : IN_USE_MS_MAX);
        if (!is_in_use && (status != FIRN_UNAVAILABLE || passed_ms >= limit_ms)) return status;
        if (!task_retry_again(&retry, status, feed->finished, NULL)) return status;
        firn_error_reset(err);
    }
}

static firn_status
reconnect(postgres_feed *feed, firn_error *err)
{
    char       text[FIRN_ERROR_TEXT_MAX + 64];
    firn_error lost = *err;
    uint64_t   limit_ms = feed->settings.reconnect_ms_max ? feed->settings.reconnect_ms_max : RECONNECT_MS_DEFAULT;

    snprintf(text, sizeof text, "lost the stream of changes, connecting again: %s", lost.cause);
    STORE(feed->is_connected, false);
    tell(feed, true, text);
    firn_error_reset(err);
    if (open_again(feed, limit_ms, NULL, err)) return err->status;
    __atomic_add_fetch(&feed->restart_count, 1, __ATOMIC_RELAXED);
    tell(feed, false, "the stream of changes is there again");
    return feed_queue_push(feed->queue, (link_segment){0}, err);
}

static firn_status
receive(void *state, firn_error *err)
{
    postgres_feed *feed = state;
    for (;;) {
        firn_status status = receive_round(feed, err);
        if (status == FIRN_UNAVAILABLE) status = reconnect(feed, err);
        if (status == FIRN_CANCELLED) break;
        if (status) {
            (void) firn_while(err, "following the changes of '%s' by slot '%s'", feed->settings.server->database,
                              feed->settings.server->slot_name);
            feed_queue_end(feed->queue, err);
            firn_error_reset(err); /* next tells it */
            return FIRN_OK;
        }
    }
    firn_error_reset(err);
    if (!feed->link.connection || feed->link.connection->broken) return FIRN_OK;
    if (LOAD(feed->acknowledged_position) > feed->sent_position && send_status(feed, err)) firn_error_reset(err);
    else replication_link_end(&feed->link, END_MS);
    return FIRN_OK;
}

/* ---- next ---- */

/* The next message of the segment at work into the scope. */
static firn_status
take_message(postgres_feed *feed, firn_error *err)
{
    link_segment  *segment = &feed->segment;
    const uint8_t *header = segment->block->data + segment->from;
    size_t         size = load_be32(header + 1);
    const uint8_t *body = header + LINK_HEADER_SIZE;
    segment->from += size + 1;
    if (header[0] != 'd') return FIRN_OK;
    if (FIRN_LIKELY(body[0] == 'w'))
        return transaction_scope_add(feed->scope, segment->block,
                                     firn_slice_of(body + XLOG_HEADER_SIZE, size - 4 - XLOG_HEADER_SIZE), load_be64(body + 1),
                                     err);
    transaction_scope_add_idle(feed->scope, load_be64(body + 1));
    return FIRN_OK;
}

static void
update_limit(postgres_feed *feed)
{
    if (!LOAD(feed->is_limited) && !transaction_scope_is_limited(feed->scope)) return;
    STORE(feed->is_limited, true);
    raise_to(&feed->acknowledged_position, transaction_scope_limit(feed->scope, LOAD(feed->wished_position)));
    STORE(feed->is_limited, transaction_scope_is_limited(feed->scope));
}

static firn_status
open_catalog(postgres_feed *feed, firn_error *err)
{
    task_cancel *const cancels[2] = {feed->caller, feed->stopped};
    if (feed->catalog && !feed->catalog->broken && postgres_connection_is_quiet(feed->catalog)) return FIRN_OK;
    postgres_connection_free(FIRN_STEAL(feed->catalog));
    return postgres_connection_new(feed->settings.server, cancels, false, &feed->catalog, err);
}

static firn_status
beat(postgres_feed *feed, firn_error *err)
{
    uint64_t now_us = firn_clock_monotonic_us();
    if (!feed->settings.heartbeat_ms || now_us < feed->heartbeat_due_us || !LOAD(feed->is_connected)) return FIRN_OK;
    feed->heartbeat_due_us = now_us + feed->settings.heartbeat_ms * 1000;
    /* A server that is away now is the receiver's matter. */
    if (open_catalog(feed, err) ||
        postgres_execute(feed->catalog, "BEGIN READ WRITE; SELECT pg_logical_emit_message(false, 'firn.heartbeat', ''); COMMIT",
                         "writing a heartbeat", err)) {
        if (err->status != FIRN_UNAVAILABLE) return err->status;
        firn_error_reset(err);
    }
    return FIRN_OK;
}

static firn_status
feed_next(change_stream *stream, uint64_t timeout_ms, change_item *ret_item, firn_error *err)
{
    postgres_feed *feed = (postgres_feed *) stream;
    for (;;) {
        FIRN_TRY(transaction_scope_next(feed->scope, ret_item, err));
        if (ret_item->kind != ITEM_NOTHING) return FIRN_OK;
        if (FIRN_LIKELY(feed->segment.from < feed->segment.to)) {
            FIRN_TRY(take_message(feed, err));
            continue;
        }
        change_block_unref(feed->segment.block);
        feed->segment = (link_segment){0};
        update_limit(feed);
        STORE(feed->kept_bytes, transaction_scope_memory_bytes(feed->scope));
        STORE(feed->spilled_bytes, transaction_scope_spilled_bytes(feed->scope));
        FIRN_TRY(beat(feed, err));
        bool got;
        FIRN_TRY(feed_queue_pop(feed->queue, timeout_ms, &feed->segment, &got, err));
        if (!got) return FIRN_OK;
        if (!feed->segment.block) transaction_scope_restart(feed->scope);
    }
}

/* ---- the rest of the interface ---- */

static void
feed_acknowledge(change_stream *stream, uint64_t position)
{
    postgres_feed *feed = (postgres_feed *) stream;
    uint64_t       one = 1;
    raise_to(&feed->wished_position, position);
    /* Behind a prepared transaction the thread of next decides how far. */
    if (!LOAD(feed->is_limited)) raise_to(&feed->acknowledged_position, position);
    if (write(feed->wake_fd, &one, sizeof one) < 0) return; /* it is full of wishes already */
}

static firn_status
feed_describe(change_stream *stream, change_relation *relation, const table_schema *lake FIRN_UNUSED,
              const table_rules *rules, firn_arena *arena,
              source_description **ret_description, const int **ret_places, firn_error *err)
{
    postgres_feed *feed = (postgres_feed *) stream;
    FIRN_TRY(open_catalog(feed, err));
    /* Types are asked for anew: one may have changed since it was seen last. */
    const char *encoding = PQparameterStatus(feed->catalog->pg, "server_encoding");
    postgres_type_catalog_done(&feed->types);
    postgres_type_catalog_init(&feed->types, feed->catalog, encoding && strcmp(encoding, "SQL_ASCII") == 0);
    FIRN_TRY(postgres_describe_relation(&feed->types, relation, rules, arena, ret_description, err));
    if (ret_places) *ret_places = ((const postgres_table *) (*ret_description)->detail)->places;
    return FIRN_OK;
}

static firn_status
feed_open_decoder(change_stream *stream, change_relation *relation, const source_description *description,
                  row_decoder **ret_decoder, firn_error *err)
{
    postgres_feed        *feed = (postgres_feed *) stream;
    const postgres_table *table = description->detail;
    if (LOAD(feed->is_binary) && table->cast_column)
        return firn_fail(err, FIRN_E_FEED_NEEDS_TEXT, "column '%s' of '%s' needs its text, and the stream is in binary",
                         table->cast_column, table->layout.qualified_name);
    return tuple_decoder_new(&table->layout, relation, ret_decoder, err);
}

static firn_status
feed_look_at_tables(change_stream *stream, firn_arena *arena, table_looks *ret_looks, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    postgres_feed        *feed = (postgres_feed *) stream;
    unsigned              count = feed->settings.table_count;
    source_table         *tables = firn_arena_array(arena, count + 1u, sizeof *tables);
    const source_table  **listed = firn_arena_array(arena, count + 1u, sizeof *listed);
    table_look           *looks = firn_arena_array(arena, count + 1u, sizeof *looks);
    publication_state     state;

    if (!tables || !listed || !looks) return firn_fail_memory(err, "the list of tables");
    for (unsigned i = 0; i < count; i++) {
        tables[i] = (source_table){.name = feed->settings.tables[i], .kind = TABLE_ORDINARY};
        listed[i] = &tables[i];
    }
    FIRN_TRY(open_catalog(feed, err));
    FIRN_TRY(publication_look(feed->catalog, feed->settings.server, listed, count, arena, &state, err));
    FIRN_TRY(postgres_query(feed->catalog,
                            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END",
                            NULL, 0, "asking how far the log is written", &row, err));
    *ret_looks = (table_looks){.tables = looks};
    if (PQntuples(row) != 1 || !change_position_parse(PQgetvalue(row, 0, 0), &ret_looks->position))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the server does not say where its log ends");
    for (unsigned i = 0; i < state.table_count && i < count; i++)
        looks[ret_looks->count++] = (table_look){.name = state.tables[i].name, .relation_id = state.tables[i].oid,
                                                 .is_published = state.tables[i].published, .published_by = state.tables[i].published_by};
    return FIRN_OK;
}

static void
feed_counts(change_stream *stream, change_stream_counts *ret_counts)
{
    postgres_feed *feed = (postgres_feed *) stream;
    *ret_counts = (change_stream_counts){
        .received_bytes = LOAD(feed->byte_count),
        .message_count = LOAD(feed->message_count),
        .restart_count = LOAD(feed->restart_count),
        .spilled_bytes = LOAD(feed->spilled_bytes),
        .received_position = LOAD(feed->received_position),
        .server_position = LOAD(feed->server_position),
        .acknowledged_position = LOAD(feed->acknowledged_position),
        .buffered_bytes = feed_queue_bytes(feed->queue) + LOAD(feed->kept_bytes),
        .server_time_us = LOAD(feed->server_time_us),
        .is_connected = LOAD(feed->is_connected),
    };
}

static void
feed_cancel(change_stream *stream)
{
    task_cancel_request(((postgres_feed *) stream)->stopped);
}

static void
feed_free(change_stream *stream)
{
    postgres_feed *feed = (postgres_feed *) stream;
    if (feed->scope) update_limit(feed);
    if (feed->finished) task_cancel_request(feed->finished);
    task_group_free(feed->threads); /* joins */
    replication_link_done(&feed->link);
    change_block_unref(feed->segment.block);
    transaction_scope_free(feed->scope);
    postgres_type_catalog_done(&feed->types);
    postgres_connection_free(feed->catalog);
    feed_queue_free(feed->queue);
    if (feed->wake_fd >= 0) close(feed->wake_fd);
    task_cancel_free(feed->stopped);
    task_cancel_free(feed->finished);
    firn_arena_done(&feed->arena);
    firn_free(feed);
}

static const change_stream_ops feed_ops = {
    .kind = "postgres",
    .next = feed_next,
    .acknowledge = feed_acknowledge,
    .describe = feed_describe,
    .open_decoder = feed_open_decoder,
    .look_at_tables = feed_look_at_tables,
    .counts = feed_counts,
    .cancel = feed_cancel,
    .free = feed_free,
};

/* The identity and the tables' names are the caller's only during open. */
static firn_status
keep_settings(postgres_feed *feed, const postgres_feed_settings *settings, firn_error *err)
{
    postgres_feed_settings *own = &feed->settings;
    const char            **names = firn_arena_array(&feed->arena, settings->table_count + 1u, sizeof *names);

    *own = *settings;
    feed->server = *settings->server;
    feed->server.answer_timeout_ms = ANSWER_MS_MAX;
    own->server = &feed->server;
    own->tables = names;
    own->identity = settings->identity ? firn_arena_strdup(&feed->arena, settings->identity) : NULL;
    if (!names || (settings->identity && !own->identity)) return firn_fail_memory(err, "a stream of changes");
    for (unsigned i = 0; i < settings->table_count; i++) {
        if (!(names[i] = firn_arena_strdup(&feed->arena, settings->tables[i]))) return firn_fail_memory(err, "a stream of changes");
    }
    return FIRN_OK;
}

static firn_status
start(postgres_feed *feed, firn_error *err)
{
    task_cancel *const         asked[2] = {feed->caller, feed->stopped};
    transaction_scope_settings scope = {.position = feed->settings.position,
                                        .memory_bytes_max = feed->settings.memory_bytes_max,
                                        .spill_folder = feed->settings.spill_folder ? feed->settings.spill_folder : "."};
    feed->queue = feed_queue_new(feed->settings.queue_bytes_max ? feed->settings.queue_bytes_max : QUEUE_DEFAULT, asked);
    feed->threads = task_group_new(NULL);
    feed->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!feed->queue || !feed->threads || feed->wake_fd < 0) return firn_fail_memory(err, "a stream of changes");
    FIRN_TRY(transaction_scope_new(&scope, &feed->scope, err));
    FIRN_TRY(open_again(feed, 0, feed->caller, err));
    feed->base.identity = feed->state.identity;
    return task_group_spawn(feed->threads, "feed", receive, feed, err);
}

firn_status
postgres_feed_open(const postgres_feed_settings *settings, task_cancel *cancel, change_stream **ret_stream, firn_error *err)
{
    postgres_feed *feed = firn_calloc(1, sizeof *feed);
    if (!feed) return firn_fail_memory(err, "a stream of changes");
    feed->base.ops = &feed_ops;
    feed->caller = cancel;
    feed->wake_fd = -1;
    feed->stopped = task_cancel_new();
    feed->finished = task_cancel_new();
    if (!feed->stopped || !feed->finished) (void) firn_fail_memory(err, "a stream of changes");
    if (err->status || keep_settings(feed, settings, err)) {
        feed_free(&feed->base);
        return err->status;
    }
    if (start(feed, err)) {
        feed_free(&feed->base);
        return firn_while(err, "following the changes of '%s' by slot '%s'", settings->server->database,
                          settings->server->slot_name);
    }
    *ret_stream = &feed->base;
    return FIRN_OK;
}

firn_status
postgres_feed_slot_state(change_stream *stream, feed_slot_state *ret_state, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    postgres_feed *feed = (postgres_feed *) stream;
    const char    *parameters[] = {feed->settings.server->slot_name};
    FIRN_TRY(open_catalog(feed, err));
    FIRN_TRY(postgres_query(feed->catalog,
                            "SELECT confirmed_flush_lsn, restart_lsn, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, "
                            "to_jsonb(s) ->> 'safe_wal_size', coalesce(to_jsonb(s) ->> 'wal_status', '') = 'lost' OR "
                            "coalesce(to_jsonb(s) ->> 'invalidation_reason', '') <> '' "
                            "FROM pg_replication_slots s WHERE slot_name = $1",
                            parameters, 1, "looking at the replication slot", &row, err));
    *ret_state = (feed_slot_state){.safe_bytes = -1, .exists = PQntuples(row) == 1};
    if (!ret_state->exists) return FIRN_OK;
    ret_state->is_lost = postgres_cell_true(row, 0, 4);
    ret_state->retained_bytes = postgres_cell_i64(row, 0, 2);
    if (postgres_cell(row, 0, 3)) ret_state->safe_bytes = postgres_cell_i64(row, 0, 3);
    for (int i = 0; i < 2; i++) {
        uint64_t   *position = i ? &ret_state->restart_position : &ret_state->confirmed_position;
        const char *text = postgres_cell(row, 0, i);
        if (text && !change_position_parse(text, position))
            return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the slot's position '%s' is not one", text);
    }
    return FIRN_OK;
}
