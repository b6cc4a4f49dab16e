#include "kafka/kafka_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "kafka/changed_key.h"
#include "kafka/intake_topic.h"
#include "kafka/stream_state.h"

#define QUEUE_SHARE 8
#define INTAKE_SHARE 32
#define ROOM_BYTES_MAX ((size_t) 2 << 30)
/* How long a window waits for that at most. */
#define SETTLE_US ((uint64_t) 5000000)
/* Brokers that are away for so long end the job. */
#define SILENCE_US ((uint64_t) 600000000)

#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* ---- messages that came ---- */

static firn_status
fail_offset(const rd_kafka_message_t *message, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_OFFSET_LOST, "topic '%s', partition %d, does not have offset %" PRId64 " any more",
                     message->rkt ? rd_kafka_topic_name(message->rkt) : "?", (int) message->partition, message->offset);
    firn_hint(err, "its retention has removed messages that were not read, or it was made anew: load its tables again, and follow them within the retention");
    firn_state(err, "nothing was skipped: no table has got any further");
    return err->status;
}

static firn_status
take_in(kafka_stream *s, intake_message *take_message, uint64_t now_us, firn_error *err)
{
    const rd_kafka_message_t *record = take_message->record;
    const char       *name = record->rkt ? rd_kafka_topic_name(record->rkt) : NULL;
    stream_topic     *topic = !name ? NULL : s->came_last && strcmp(s->came_last->name, name) == 0 ? s->came_last : stream_find_topic(s, name);
    stream_partition *p = topic ? stream_topic_partition(topic, record->partition) : NULL;
    rd_kafka_resp_err_t code = record->err;

    s->came_last = topic;
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) (void) fail_offset(record, err);
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF && p) p->eof = record->offset;
    if (p) {
        p->heard_us = now_us;
        p->awaits_next = false;
    }
    if (code || !p || !p->is_assigned) {
        intake_message_drop(take_message);
        return err->status;
    }
    STORE(s->counts.received_bytes, s->counts.received_bytes + record->len + record->key_len);
    STORE(s->counts.message_count, s->counts.message_count + 1);
    return stream_partition_push(p, take_message) ? FIRN_OK : firn_fail_memory(err, "a stream of changes");
}

static bool
awaits_twin(const kafka_stream *s)
{
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (p->awaits_next) return true;
    }
    return false;
}

static firn_status
receive(kafka_stream *s, uint64_t timeout_ms, bool *ret_got, firn_error *err)
{
    intake_message *messages[INTAKE_BATCH];
    unsigned        count = 0, i = 0;

    FIRN_TRY(kafka_intake_take(s->intake, timeout_ms, messages, &count, err));
    *ret_got = count > 0;
    uint64_t now_us = firn_clock_monotonic_us();
    for (; i < count && !err->status; i++) (void) !take_in(s, messages[i], now_us, err);
    for (; i < count; i++) intake_message_drop(messages[i]);
    if (awaits_twin(s) && kafka_intake_is_drained(s->intake)) s->drained_us = now_us;
    STORE(s->counts.is_connected, kafka_consumer_is_connected(s->consumer));
    return err->status;
}

/* ---- one message ---- */

static uint64_t
mark_of(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    firn_slice key = record_key(m), value = record_value(m);
    uint64_t time = (uint64_t) rd_kafka_message_timestamp(m, &type);
    uint64_t hash = firn_hash_bytes(value.data, value.size) ^ firn_hash_fold(firn_hash_bytes(key.data, key.size), FIRN_HASH_KEY_A);

    hash = firn_hash_fold(hash ^ time, FIRN_HASH_KEY_B);
    return hash ? hash : 1;
}

uint64_t
stream_mark(const kafka_stream *s, const stream_partition *p)
{
    return s->held && s->held_of == p ? mark_of(s->held->record) : p->mark;
}

static void
set_spot(kafka_stream *s, const stream_partition *p, int64_t offset)
{
    s->spot_topic = p->topic;
    s->spot_partition = p->number;
    s->spot_offset = offset;
}

static const char *
tell_spot(kafka_stream *s)
{
    if (s->spot_topic)
        (void) snprintf(s->spot, sizeof s->spot, "%.249s/%d@%" PRId64, s->spot_topic->name, (int) s->spot_partition, s->spot_offset);
    return s->spot;
}

/* Everything of the first message was looked at: the next one is due. Its bytes stay for the item that is handed out. */
static void
step(kafka_stream *s, stream_partition *p)
{
    intake_message *m = stream_partition_pop(p);

    p->read_offset = m->record->offset + 1;
    if (s->held_of && s->held_of != p) s->held_of->mark = mark_of(s->held->record);
    if (s->held) intake_message_drop(s->held);
    s->held = m;
    s->held_of = p;
}

static firn_status
check_mark(const stream_partition *p, const rd_kafka_message_t *m, firn_error *err)
{
    if (m->offset != p->check_offset || mark_of(m) == p->check_mark) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_REWOUND, "topic '%s', partition %d, has another message at offset %" PRId64 " than the one that was read there",
                     p->topic->name, (int) p->number, m->offset);
    firn_hint(err, "the topic was deleted and made anew, or an unclean election has replaced its end: compare with firn validate, and load its tables again");
    firn_state(err, "nothing was skipped: no table has got any further");
    return err->status;
}

static const topic_table *
only_table(const stream_topic *topic)
{
    return topic->tables && !topic->tables->next ? topic->tables : NULL;
}

/* The message goes to the dead-letter topic, and somebody is told. */
static firn_status
keep_aside(kafka_stream *s, const rd_kafka_message_t *m, const char *reason, firn_error *err)
{
    char text[FIRN_ERROR_TEXT_MAX + 512];

    FIRN_TRY(dead_letter_send(&s->dead, s->settings.cluster, s->settings.dead_letter_topic, m, reason, err));
    s->dead_count++;
    if (!s->settings.teller) return FIRN_OK;
    (void) snprintf(text, sizeof text, "the message at %s went to topic '%s': %s", tell_spot(s), s->settings.dead_letter_topic, reason);
    s->settings.teller->tell(s->settings.teller->state, true, text);
    return FIRN_OK;
}

/* Of the first message: *ret_item is ITEM_DAMAGED for the table whose it is. Without one the job cannot go on. */
static firn_status
stop_for(kafka_stream *s, stream_partition *p, const char *table, change_item *ret_item, firn_error *err)
{
    const rd_kafka_message_t *m = p->messages[p->first]->record;
    firn_error why = {0};

    set_spot(s, p, m->offset);
    (void) firn_fail(&why, FIRN_E_KAFKA_MESSAGE, "the message at offset %" PRId64 " of topic '%s', partition %d, cannot be applied: %.280s", m->offset,
                     p->topic->name, (int) p->number, err->cause);
    firn_hint(&why, "%s", err->hint[0] ? err->hint : "load the table again; or set follow: dead_letter_topic: to keep such messages aside");
    if (!table) table = p->topic->owner;
    if (!table && only_table(p->topic)) table = only_table(p->topic)->table->name;
    *err = why;
    if (!table) return err->status;
    (void) snprintf(s->damaged_table, sizeof s->damaged_table, "%s", table);
    s->damage = why;
    firn_error_reset(err);
    stream_table *stopped = stream_find_table(s, s->settings.schema, s->damaged_table);
    if (stopped) stopped->is_stopped = true;
    *ret_item = (change_item){.kind = ITEM_DAMAGED, .position = s->ordinal, .damaged = {s->damaged_table, &s->damage}};
    step(s, p);
    return FIRN_OK;
}

/* Of the first message, which is kept aside where that is configured. */
static firn_status
damage(kafka_stream *s, stream_partition *p, const char *table, change_item *ret_item, firn_error *err)
{
    const rd_kafka_message_t *m = p->messages[p->first]->record;
    firn_error why = {0};

    if (!s->settings.dead_letter_topic) return stop_for(s, p, table, ret_item, err);
    set_spot(s, p, m->offset);
    if (keep_aside(s, m, err->cause, &why)) {
        *err = why;
        return err->status;
    }
    firn_error_reset(err);
    step(s, p);
    return FIRN_OK;
}

/* ---- the change of a message ---- */

/* The next messages of the table come with their changes. */
static firn_status
renew_shape(kafka_stream *s, topic_table *t, intake_origin *origin, firn_error *err)
{
    dbz_row_shape *shape;

    FIRN_TRY(dbz_table_shape(t->rows, &shape, err));
    if (!shape || shape->id == origin->told_id) return FIRN_OK;
    origin->told_id = shape->id;
    intake_origin_renew(s->intake, origin, shape);
    return FIRN_OK;
}

/* Of a message that was not made to one, or by a shape that the table does not have any more. */
static firn_status
make_change(kafka_stream *s, topic_table *t, const intake_message *m, firn_error *err)
{
    const dbz_event *e = &m->event;

    firn_buffer_reset(&s->room);
    FIRN_TRY(firn_buffer_reserve(&s->room, dbz_table_room(t->rows, e), err));
    FIRN_TRY(dbz_table_change(t->rows, e, s->room.data, &s->pending, err));
    return m->origin ? renew_shape(s, t, m->origin, err) : FIRN_OK;
}

static firn_status
take_change(kafka_stream *s, topic_table *t, const intake_message *m, firn_error *err)
{
    if (FIRN_LIKELY(m->row_shape_id && m->row_shape_id == dbz_table_shape_id(t->rows))) s->pending = m->change;
    else
        FIRN_TRY(make_change(s, t, m, err));
    if (!s->pending.relation && t->table->in_lake) s->pending.relation = &t->table->in_lake->base;
    if (!s->pending.relation) return firn_fail(err, FIRN_E_KAFKA_MESSAGE, "no row of the table has shown its columns yet");
    s->pending_table = t;
    s->pending_steps = 1;
    return FIRN_OK;
}

/* ---- what a message says ---- */

firn_status
stream_read_event(kafka_stream *s, const stream_partition *p, intake_message *m, firn_error *err)
{
    if (FIRN_LIKELY(m->was_read)) return FIRN_OK;
    const topic_table *last = p->topic->tables;
    const dbz_record   record = {.role = p->topic->role,
                                 .key = record_key(m->record),
                                 .value = record_value(m->record),
                                 .known_key_schema = last ? dbz_table_key_schema(last->rows) : (firn_slice){0},
                                 .known_value_schema = last ? dbz_table_value_schema(last->rows) : (firn_slice){0}};
    FIRN_TRY(record_read(s->reader, &record, s->caller, &m->event, err));
    intake_message_was_read(m);
    return FIRN_OK;
}

/* ---- runs ---- */

static uint64_t
transaction_of(const dbz_event *e)
{
    const dbz_source *source = &e->source;

    if (source->transaction_number) return source->transaction_number;
    if (jtoken_has_text(&source->transaction)) return firn_hash_bytes(source->transaction.text.data, source->transaction.text.size) | 1;
    return source->commit_scn ? source->commit_scn : source->lsn;
}

static void
begin_run(kafka_stream *s, stream_partition *p, const dbz_event *e, change_item *ret_item)
{
    s->running = p;
    s->run++;
    p->run_offset = p->read_offset;
    p->run_mark = stream_mark(s, p);
    p->is_open = true;
    p->open_transaction = transaction_of(e);
    s->transaction = (change_transaction){.xid = (uint32_t) e->source.transaction_number,
                                          .commit_position = s->ordinal,
                                          .end_position = s->ordinal + 1,
                                          .commit_time_us = e->source.time_us ? e->source.time_us : e->time_us};
    if (s->transaction.xid) s->recent[s->recent_count++ % RECENT_MAX] = s->transaction.xid;
    *ret_item = (change_item){.kind = ITEM_BEGIN, .position = s->ordinal, .transaction = s->transaction};
}

static void
end_run(kafka_stream *s, change_item *ret_item)
{
    *ret_item = (change_item){.kind = ITEM_COMMIT, .position = s->ordinal, .transaction = s->transaction};
    s->running = NULL;
    s->ordinal++;
    STORE(s->counts.received_position, s->ordinal);
}

static bool
continues(const stream_partition *p, const dbz_event *e)
{
    return p->is_open && transaction_of(e) == p->open_transaction;
}

/* From the message before the first one that is read, where there is one: it may be what tells of a tombstone that follows. */
static void
learn_form(kafka_stream *s, stream_partition *p, intake_message *m)
{
    firn_error ignored = {0};

    if (p->topic->role != DBZ_ROLE_ROWS || !m->record->payload) return;
    if (!stream_read_event(s, p, m, &ignored) && dbz_kind_is_row(m->event.kind)) p->form = row_form_of(&m->event);
}

/* Reads the first message, once. *ret_row false: nothing in it for anybody; it is behind us. */
static firn_status
read_head(kafka_stream *s, stream_partition *p, bool *ret_row, change_item *ret_item, firn_error *err)
{
    intake_message *m = p->messages[p->first];

    *ret_row = p->head != NULL;
    if (p->head) return FIRN_OK;
    FIRN_TRY(check_mark(p, m->record, err));
    if (m->record->offset < p->read_offset) {
        learn_form(s, p, m);
        intake_message_drop(stream_partition_pop(p));
        return FIRN_OK;
    }
    if (p->topic->role != DBZ_ROLE_ROWS) {
        step(s, p);
        return FIRN_OK;
    }
    if (!m->record->payload) {
        if (tombstone_check(p->form, m->record->offset, err)) return damage(s, p, NULL, ret_item, err);
        step(s, p);
        return FIRN_OK;
    }
    if (stream_read_event(s, p, m, err)) return record_is_damaged(err->status) ? damage(s, p, NULL, ret_item, err) : err->status;
    if (dbz_kind_is_row(m->event.kind)) p->form = row_form_of(&m->event);
    if (!dbz_kind_is_row(m->event.kind) || !stream_is_of_us(s, m)) {
        step(s, p);
        return FIRN_OK;
    }
    p->last_time_us = m->event.source.time_us ? m->event.source.time_us : m->event.time_us;
    p->head = &m->event;
    *ret_row = true;
    return FIRN_OK;
}

/* The first message's row, in the run at work or a new one. */
static firn_status
take_row(kafka_stream *s, stream_partition *p, change_item *ret_item, firn_error *err)
{
    topic_table *t = NULL;
    bool         takes = false;
    const intake_message *m = p->messages[p->first], *twin = NULL;
    unsigned     twin_steps = 0;
    changed_key  next;

    FIRN_TRY(changed_key_await(s, p, &twin, &twin_steps, &next, err));
    if (p->awaits_next) {
        if (s->running) end_run(s, ret_item);
        return FIRN_OK;
    }
    firn_status status = stream_find_owner(s, p, m, &t, err);
    if (!status) stream_note_owner(s, p->topic, t);
    if (!status) status = next == CHANGED_KEY_AGAIN ? stream_begin_again(t, p->number, err) : stream_judge(s, p, t, m, &takes, err);
    if (!status && takes) FIRN_TRY(stream_check_owner(p->topic, t, err));
    if (!status && takes && t->table->is_followed && next == CHANGED_KEY_LOST) {
        (void) !changed_key_fail_lost(err);
        return stop_for(s, p, t->table->name, ret_item, err);
    }
    if (!status && takes && t->table->is_followed) status = stream_check_order(p->topic, p->head, err);
    if (!status && takes) status = take_change(s, t, m, err);
    if (!status && takes && next == CHANGED_KEY_TWIN) status = changed_key_join(s, p, t, twin, twin_steps, err);
    if (status) {
        bool is_ours = err->code != FIRN_E_KAFKA_OFFSET_LOST && status != FIRN_NO_MEMORY;
        return is_ours ? damage(s, p, t ? t->table->name : NULL, ret_item, err) : status;
    }
    if (!takes) {
        if (p->is_open && !continues(p, p->head)) p->is_open = false;
        step(s, p);
        return FIRN_OK;
    }
    if (!s->running) begin_run(s, p, p->head, ret_item); /* the change comes next: its bytes stay until then */
    return FIRN_OK;
}

/* ---- which partition ---- */

/* Whether what is open there can have more to come that is not here yet. */
static bool
is_unsettled(const stream_partition *p, uint64_t now_us)
{
    bool is_late = now_us - p->heard_us >= STREAM_GRACE_US;

    if (!p->is_open || (p->awaits_next && is_late)) return false;
    return p->count || p->eof < p->read_offset || !is_late;
}

/* While a window is to be cut, only what goes on in an open transaction is read. */
static bool
may_read(const kafka_stream *s, const stream_partition *p)
{
    if (p->awaits_next && !changed_key_has_waited(s, p)) return false;
    return p->count && (!s->is_settling || p->is_open);
}

static stream_partition *
choose(kafka_stream *s)
{
    if (s->at && may_read(s, s->at)) return s->at;
    stream_partition *from = s->at && s->at->is_assigned ? s->at->next_assigned : s->assigned;
    for (stream_partition *p = from; p; p = p->next_assigned) {
        if (may_read(s, p)) return s->at = p;
    }
    for (stream_partition *p = s->assigned; p != from; p = p->next_assigned) {
        if (may_read(s, p)) return s->at = p;
    }
    return NULL;
}

/* ---- what is handed out ---- */

/* The change behind the one that waits, if its message came with it. */
static const change *
following_change(const kafka_stream *s)
{
    const stream_partition *p = s->running;

    for (size_t i = p->first + s->pending_steps; i < p->first + p->count; i++) {
        const intake_message *m = p->messages[i];
        if (!m->record->payload) continue; /* a tombstone */
        return m->row_shape_id && m->change.relation == s->pending.relation ? &m->change : NULL;
    }
    return NULL;
}

static void
hand_out_change(kafka_stream *s, change_item *ret_item)
{
    topic_table *t = s->pending_table;

    if (t->told != s->pending.relation) {
        t->told = s->pending.relation;
        *ret_item = (change_item){.kind = ITEM_RELATION, .position = s->ordinal, .relation = s->pending.relation};
        return;
    }
    assert(s->running && s->running->count);
    set_spot(s, s->running, s->running->messages[s->running->first]->record->offset);
    s->pending.following = following_change(s);
    s->pending.origin_part = s->running->origin_part;
    s->pending.origin = (uint64_t) s->running->messages[s->running->first + s->pending_steps - 1]->record->offset;
    s->last_steps = s->pending_steps;
    *ret_item = (change_item){.kind = ITEM_CHANGE, .position = s->ordinal, .change = s->pending};
    s->last_change = s->pending;
    s->last_change.following = NULL; /* it is another one by then */
    s->pending_table = NULL;
    for (unsigned i = 0; i < s->pending_steps; i++) step(s, s->running);
}

/* From the messages that are here. ITEM_NOTHING: none of them is of use now. */
static firn_status
next_here(kafka_stream *s, change_item *ret_item, firn_error *err)
{
    while (ret_item->kind == ITEM_NOTHING) {
        if (s->pending_table) {
            hand_out_change(s, ret_item);
            return FIRN_OK;
        }
        if (s->running && !s->running->count) {
            end_run(s, ret_item);
            return FIRN_OK;
        }
        stream_partition *p = s->running ? s->running : choose(s);
        bool              is_a_row = false;
        if (!p) return FIRN_OK;
        FIRN_TRY(read_head(s, p, &is_a_row, ret_item, err));
        if (!is_a_row) continue;
        if (s->running && !continues(p, p->head)) {
            end_run(s, ret_item);
            return FIRN_OK;
        }
        if (s->is_settling && !continues(p, p->head)) {
            p->is_open = false;
            continue;
        }
        FIRN_TRY(take_row(s, p, ret_item, err));
    }
    return FIRN_OK;
}

/* ---- the group ---- */

/* What was taken in of the partitions as they were must not be met by what they begin with later. */
static firn_status
hand_over(kafka_stream *s, const group_change *change, firn_error *err)
{
    bool got = true;

    kafka_intake_hold(s->intake);
    while (got && !receive(s, 0, &got, err)) {}
    if (!err->status && change->kind == GROUP_ASSIGNS) (void) !stream_accept_assigned(s, change->partitions, err);
    else if (!err->status)
        (void) !stream_accept_revoked(s, change->partitions, err);
    kafka_intake_release(s->intake);
    return err->status;
}

/* *ret_waits: the caller has to be asked first, or a run to be ended. */
static firn_status
follow_group(kafka_stream *s, change_item *ret_item, firn_error *err)
{
    group_change change = kafka_consumer_change(s->consumer);

    if (change.kind == GROUP_UNCHANGED) return FIRN_OK;
    if (change.partitions->cnt > 0) {
        if (s->running && !s->pending_table) {
            end_run(s, ret_item);
            return FIRN_OK;
        }
        if (s->running) return FIRN_OK; /* the change that waits first */
        if (!s->asked_caller) {
            s->asked_caller = true;
            *ret_item = (change_item){.kind = ITEM_REASSIGN, .position = s->ordinal};
            return FIRN_OK;
        }
    }
    s->asked_caller = false;
    return hand_over(s, &change, err);
}

static firn_status
check_silence(kafka_stream *s, firn_error *err)
{
    uint64_t now_us = firn_clock_monotonic_us();

    if (kafka_consumer_silent_us(s->consumer, now_us) < SILENCE_US) return FIRN_OK;
    return firn_fail(err, FIRN_E_KAFKA_UNAVAILABLE, "the brokers of Kafka cluster '%s' have not answered for 10 minutes", s->settings.cluster->name);
}

/* What comes of other partitions while a transaction is waited for is kept, but not without end. */
static bool
keeps_much(const kafka_stream *s)
{
    uint64_t bytes = 0;

    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) bytes += p->waiting_bytes;
    return bytes >= s->settings.memory_bytes / QUEUE_SHARE;
}

/* Whether what is to be settled is: the caller may cut now. No more is read before that, since all that comes would have to be kept. */
static bool
is_settled(kafka_stream *s)
{
    uint64_t now_us = firn_clock_monotonic_us();

    if (!s->is_settling || s->running || s->pending_table) return false;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (is_unsettled(p, now_us)) return keeps_much(s);
    }
    s->is_settling = false;
    return true;
}

static firn_status
stream_next(change_stream *stream, uint64_t timeout_ms, change_item *ret_item, firn_error *err)
{
    kafka_stream *s = (kafka_stream *) stream;

    *ret_item = (change_item){.kind = ITEM_NOTHING};
    for (;;) {
        if (LOAD(s->is_cancelled) || task_cancel_requested(s->caller)) return firn_fail(err, FIRN_E_CANCELLED, "stopped");
        FIRN_TRY(follow_group(s, ret_item, err));
        if (ret_item->kind == ITEM_NOTHING) FIRN_TRY(next_here(s, ret_item, err));
        if (ret_item->kind != ITEM_NOTHING || is_settled(s)) return FIRN_OK;
        bool got = false;
        FIRN_TRY(receive(s, timeout_ms, &got, err));
        if (got) continue;
        FIRN_TRY(check_silence(s, err));
        return FIRN_OK;
    }
}

/* ---- windows ---- */

static bool
stream_may_cut(change_stream *stream)
{
    kafka_stream *s = (kafka_stream *) stream;
    uint64_t      now_us = firn_clock_monotonic_us();

    if (!s->is_settling) s->settling_us = now_us;
    s->is_settling = now_us - s->settling_us < SETTLE_US && !keeps_much(s);
    for (const stream_partition *p = s->assigned; s->is_settling && p; p = p->next_assigned) {
        if (is_unsettled(p, now_us)) return false;
    }
    s->is_settling = false;
    return true;
}

static void
stream_counts(change_stream *stream, change_stream_counts *ret_counts)
{
    kafka_stream *s = (kafka_stream *) stream;
    uint64_t      behind = 0;

    *ret_counts = s->counts;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        int64_t high = kafka_consumer_high(s->consumer, p->topic->name, p->number);
        if (p->eof < high && high > p->read_offset) behind += (uint64_t) (high - p->read_offset);
    }
    ret_counts->server_position = s->ordinal + behind;
    ret_counts->server_time_us = s->counts.is_connected ? firn_clock_now_us() : 0;
    ret_counts->set_aside = s->dead_count;
    ret_counts->has_reached_end = stream_has_reached_end(s);
}

static firn_status
stream_lags(change_stream *stream, firn_arena *arena, change_lag **ret_lags, unsigned *ret_count, firn_error *err)
{
    kafka_stream *s = (kafka_stream *) stream;
    unsigned      count = 0;

    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) count++;
    change_lag *lags = firn_arena_array(arena, count + 1u, sizeof *lags);
    if (!lags) return firn_fail_memory(err, "a stream's lags");
    count = 0;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        int64_t high = kafka_consumer_high(s->consumer, p->topic->name, p->number);
        lags[count] = (change_lag){.topic = firn_arena_strdup(arena, p->topic->name), .partition = p->number, .last_time_us = p->last_time_us};
        if (!lags[count].topic) return firn_fail_memory(err, "a stream's lags");
        if (p->eof < high && high > p->read_offset) lags[count].messages = (uint64_t) (high - p->read_offset);
        count++;
    }
    *ret_lags = lags;
    *ret_count = count;
    return FIRN_OK;
}

/* ---- the rest ---- */

static firn_status
stream_resume(change_stream *stream, const change_table_start tables[], unsigned count, firn_error *err)
{
    return stream_take_tables((kafka_stream *) stream, tables, count, err);
}

static firn_status
stream_reselect(change_stream *stream, const reselect_request *request, bool known[], batch *ret_rows, firn_error *err)
{
    kafka_stream         *s = (kafka_stream *) stream;
    const row_reselector *source = s->settings.reselector;
    reselect_request      asked = *request;

    if (!source) return firn_fail(err, FIRN_E_RESELECT, "rows can be read again from PostgreSQL only");
    asked.transactions = s->recent;
    asked.transaction_count = (unsigned) (s->recent_count < RECENT_MAX ? s->recent_count : RECENT_MAX);
    return source->read(source->state, &asked, known, ret_rows, err);
}

static const char *
stream_spot(change_stream *stream)
{
    return tell_spot((kafka_stream *) stream);
}

static void
stream_say_origin(const change_stream *stream, uint32_t part, uint64_t origin, char *out, size_t size)
{
    const kafka_stream *s = (const kafka_stream *) stream;

    for (const stream_topic *t = s->topics; t; t = t->next) {
        for (unsigned i = 0; i < t->partition_count; i++) {
            if (!t->partitions[i] || t->partitions[i]->origin_part != part) continue;
            (void) snprintf(out, size, "offset %" PRIu64 " of topic '%.200s', partition %u", origin, t->name, i);
            return;
        }
    }
    (void) snprintf(out, size, "offset %" PRIu64, origin);
}

/* Of a changed key's two messages the create is the one that has values: the delete stands. */
static firn_status
stream_set_aside(change_stream *stream, const firn_error *why, change *ret_rest, firn_error *err)
{
    kafka_stream *s = (kafka_stream *) stream;

    *ret_rest = (change){0};
    assert(s->held != NULL);
    if (s->held_of) set_spot(s, s->held_of, s->held->record->offset);
    FIRN_TRY(keep_aside(s, s->held->record, why->cause, err));
    if (s->last_steps > 1) {
        *ret_rest = s->last_change;
        ret_rest->op = CHANGE_DELETE;
        ret_rest->new = (change_tuple){0};
    }
    return FIRN_OK;
}

static void
stream_stop_table(change_stream *stream, const char *name)
{
    kafka_stream *s = (kafka_stream *) stream;

    for (stream_table *t = s->tables; t; t = t->next) {
        if (t->is_followed && strcmp(t->name, name) == 0) t->is_stopped = true;
    }
}

static void
stream_cancel(change_stream *stream)
{
    STORE(((kafka_stream *) stream)->is_cancelled, true);
}

static void
stream_free(change_stream *stream)
{
    kafka_stream *s = (kafka_stream *) stream;

    if (s->held) intake_message_drop(s->held);
    while (s->topics) {
        stream_topic *next = s->topics->next;
        stream_topic_free(s->topics);
        s->topics = next;
    }
    while (s->tables) {
        stream_table *next = s->tables->next;
        firn_arena_done(&s->tables->arena);
        if (s->tables->in_lake) change_relation_unref(&s->tables->in_lake->base);
        firn_free((void *) (uintptr_t) s->tables->schema);
        firn_free((void *) (uintptr_t) s->tables->name);
        firn_free(s->tables);
        s->tables = next;
    }
    dead_letter_free(s->dead);
    record_reader_free(s->reader);
    kafka_intake_free(s->intake);
    kafka_consumer_free(s->consumer);
    firn_buffer_done(&s->room);
    firn_buffer_done(&s->scratch);
    firn_free(s);
}

static const change_stream_ops kafka_ops = {
    .kind = "kafka",
    .next = stream_next,
    .acknowledge = stream_acknowledge,
    .describe = stream_describe,
    .open_decoder = stream_open_decoder,
    .reselect = stream_reselect,
    .counts = stream_counts,
    .cancel = stream_cancel,
    .free = stream_free,
    .place = stream_place,
    .same_place = stream_same_place,
    .passed = stream_passed,
    .may_cut = stream_may_cut,
    .resume = stream_resume,
    .others_reached = stream_others_reached,
    .stop_table = stream_stop_table,
    .spot = stream_spot,
    .say_origin = stream_say_origin,
    .set_aside = stream_set_aside,
    .lags = stream_lags,
};

static firn_status
start(kafka_stream *s, task_cancel *cancel, firn_error *err)
{
    kafka_consumer_settings consumer = {.cluster = s->settings.cluster,
                                        .group_id = s->settings.group_id,
                                        .instance_id = s->settings.instance_id,
                                        .topic_prefix = s->settings.topic_prefix,
                                        .queue_bytes = s->settings.memory_bytes / QUEUE_SHARE};

    firn_buffer_init(&s->room, ROOM_BYTES_MAX);
    firn_buffer_init(&s->scratch, ROOM_BYTES_MAX);
    s->ordinal = CHANGE_ORDINAL_FIRST;
    s->counts.is_connected = true;
    FIRN_TRY(record_reader_new(s->settings.registry, &s->reader, err));
    FIRN_TRY(kafka_consumer_open(&consumer, cancel, &s->consumer, err));
    (void) snprintf(s->base.identity.system, sizeof s->base.identity.system, "%s", kafka_consumer_cluster_id(s->consumer));
    (void) snprintf(s->base.identity.text, sizeof s->base.identity.text, "kafka:%s", kafka_consumer_cluster_id(s->consumer));
    FIRN_TRY(stream_take_tables(s, s->settings.tables, s->settings.table_count, err));
    FIRN_TRY(stream_check_topics(s, err));
    return kafka_intake_start(s->consumer, s->settings.topic_prefix, s->settings.memory_bytes / INTAKE_SHARE, &s->intake, err);
}

firn_status
kafka_stream_open(const kafka_stream_settings *settings, task_cancel *cancel, change_stream **ret_stream, firn_error *err)
{
    kafka_stream *s = firn_calloc(1, sizeof *s);

    if (!s) return firn_fail_memory(err, "a stream of changes");
    s->base.ops = &kafka_ops;
    s->base.keeps_aside = settings->dead_letter_topic != NULL;
    s->settings = *settings;
    s->caller = cancel;
    if (start(s, cancel, err)) {
        stream_free(&s->base);
        return err->status;
    }
    *ret_stream = &s->base;
    return FIRN_OK;
}
