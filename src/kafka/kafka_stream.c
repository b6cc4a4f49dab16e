#include "kafka/kafka_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "kafka/stream_state.h"

#define QUEUE_SHARE 8
#define ROOM_BYTES_MAX ((size_t) 2 << 30)
/* How long more of a transaction may take to come once its partition has no more. */
#define GRACE_US ((uint64_t) 300000)
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
take_in(kafka_stream *s, rd_kafka_message_t *take_message, uint64_t now_us, firn_error *err)
{
    const char       *name = take_message->rkt ? rd_kafka_topic_name(take_message->rkt) : NULL;
    stream_topic     *topic = !name ? NULL : s->came_last && strcmp(s->came_last->name, name) == 0 ? s->came_last : stream_find_topic(s, name);
    stream_partition *p = topic ? stream_topic_partition(topic, take_message->partition) : NULL;
    rd_kafka_resp_err_t code = take_message->err;

    s->came_last = topic;
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) (void) fail_offset(take_message, err);
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF && p) p->eof = take_message->offset;
    if (p && code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        p->heard_us = now_us;
        p->awaits_next = false;
    }
    if (code || !p || !p->is_assigned) {
        rd_kafka_message_destroy(take_message);
        return err->status;
    }
    STORE(s->counts.received_bytes, s->counts.received_bytes + take_message->len + take_message->key_len);
    STORE(s->counts.message_count, s->counts.message_count + 1);
    return stream_partition_push(p, take_message) ? FIRN_OK : firn_fail_memory(err, "a stream of changes");
}

static firn_status
receive(kafka_stream *s, uint64_t timeout_ms, bool *ret_got, firn_error *err)
{
    rd_kafka_message_t *messages[STREAM_BATCH];
    size_t              count = 0, i = 0;

    FIRN_TRY(kafka_consumer_read(s->consumer, timeout_ms, messages, STREAM_BATCH, &count, err));
    *ret_got = count > 0;
    uint64_t now_us = firn_clock_monotonic_us();
    for (; i < count && !err->status; i++) (void) !take_in(s, messages[i], now_us, err);
    for (; i < count; i++) rd_kafka_message_destroy(messages[i]);
    STORE(s->counts.is_connected, kafka_consumer_is_connected(s->consumer));
    return err->status;
}

/* ---- one message ---- */

static uint64_t
mark_of(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    uint64_t time = (uint64_t) rd_kafka_message_timestamp(m, &type);
    uint64_t hash = firn_hash_bytes(m->payload, m->payload ? m->len : 0) ^ firn_hash_fold(firn_hash_bytes(m->key, m->key ? m->key_len : 0), FIRN_HASH_KEY_A);

    hash = firn_hash_fold(hash ^ time, FIRN_HASH_KEY_B);
    return hash ? hash : 1;
}

uint64_t
stream_mark(const kafka_stream *s, const stream_partition *p)
{
    return s->held && s->held_of == p ? mark_of(s->held) : p->mark;
}

/* What the event says, whenever Debezium made it. */
static uint64_t
hash_of(const dbz_event *e)
{
    return firn_hash_bytes(e->after.data, e->after.size) ^ firn_hash_fold(firn_hash_bytes(e->before.data, e->before.size), FIRN_HASH_KEY_A) ^
           firn_hash_fold(firn_hash_bytes(e->key.data, e->key.size) + (uint64_t) e->kind, FIRN_HASH_KEY_C);
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
    rd_kafka_message_t *m = stream_partition_pop(p);

    p->read_offset = m->offset + 1;
    if (s->held_of && s->held_of != p) s->held_of->mark = mark_of(s->held);
    if (s->held) rd_kafka_message_destroy(s->held);
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

/* *ret_item is ITEM_DAMAGED for the table whose message it is. Without one the job cannot go on. */
static firn_status
damage(kafka_stream *s, stream_partition *p, const char *table, change_item *ret_item, firn_error *err)
{
    const rd_kafka_message_t *m = stream_partition_head(p);
    firn_error why = {0};

    assert(m != NULL);
    set_spot(s, p, m->offset);
    if (s->settings.dead_letter_topic) {
        if (keep_aside(s, m, err->cause, &why)) {
            *err = why;
            return err->status;
        }
        firn_error_reset(err);
        step(s, p);
        return FIRN_OK;
    }
    (void) firn_fail(&why, FIRN_E_KAFKA_MESSAGE, "the message at offset %" PRId64 " of topic '%s', partition %d, cannot be applied: %.280s", m->offset,
                     p->topic->name, (int) p->number, err->cause);
    firn_hint(&why, "load the table again; or set follow: dead_letter_topic: to keep such messages aside");
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

/* ---- whose event ---- */

static firn_status
name_of(kafka_stream *s, const jtoken *token, const char **ret_name, firn_error *err)
{
    FIRN_TRY(dbz_name_add(token, &s->scratch, err));
    FIRN_TRY(firn_buffer_add_byte(&s->scratch, 0, err));
    *ret_name = (const char *) s->scratch.data;
    return FIRN_OK;
}

static bool
is_token(const jtoken *token)
{
    return token->kind == JTOKEN_STRING && token->text.size;
}

/* Rows come in runs of one table: its name as it stood last is looked at first. */
static firn_status
find_owner_table(kafka_stream *s, stream_partition *p, const dbz_event *e, topic_table **ret_table, firn_error *err)
{
    char        schema[256], name[256];
    const char *text;

    if (p->topic->tables && !e->source.table.has_escape && jtoken_is(&e->source.table, p->topic->tables->table->name) &&
        (!is_token(&e->source.schema) || jtoken_is(&e->source.schema, p->topic->tables->table->schema))) {
        *ret_table = p->topic->tables;
        return FIRN_OK;
    }
    firn_buffer_reset(&s->scratch);
    if (is_token(&e->source.schema)) FIRN_TRY(name_of(s, &e->source.schema, &text, err));
    else
        text = s->settings.schema;
    (void) snprintf(schema, sizeof schema, "%s", text);
    firn_buffer_reset(&s->scratch);
    if (is_token(&e->source.table)) FIRN_TRY(name_of(s, &e->source.table, &text, err));
    else if (p->topic->owner)
        text = p->topic->owner;
    else
        return firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it does not say of which table it is");
    (void) snprintf(name, sizeof name, "%s", text);
    stream_table *table = stream_find_table(s, schema, name);
    if (!table) return firn_fail_memory(err, "a stream of changes");
    return stream_table_in(s, p->topic, table, ret_table, err);
}

static bool
is_of_us(const kafka_stream *s, const dbz_event *e)
{
    return !is_token(&e->source.name) || jtoken_is(&e->source.name, s->settings.topic_prefix);
}

static bool
is_row(dbz_event_kind kind)
{
    return kind == DBZ_CREATE || kind == DBZ_UPDATE || kind == DBZ_DELETE || kind == DBZ_READ || kind == DBZ_TRUNCATE;
}

/* ---- what a table takes ---- */

/* The beginning of the topic is gone, and this is what comes first: whether nothing between was of the table. */
static firn_status
check_beginning(const kafka_stream *s, const stream_partition *p, const topic_table *t, load_verdict verdict, firn_error *err)
{
    (void) s;
    if (!p->from_beginning || !p->low || verdict == LOAD_HAS || t->places[p->number].has_before >= 0 || t->places[p->number].order.has_order) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_OFFSET_LOST,
                     "topic '%s', partition %d, begins at offset %" PRId64 " with a change that came after the load of '%s': what came before it is not there to be seen",
                     p->topic->name, (int) p->number, p->low, t->table->name);
    firn_hint(err, "load the table again, and follow it within the topic's retention (retention.ms, retention.bytes)");
    firn_state(err, "nothing was skipped: the table has not got any further");
    return err->status;
}

static firn_status
fail_unclear(const topic_table *t, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it cannot be told whether table '%s' has it already, and it has no key to merge by", t->table->name);
    firn_hint(err, "load the table again: a load notes which transactions it has seen");
    return err->status;
}

/* Whether the table is to get the event. */
static firn_status
judge(kafka_stream *s, stream_partition *p, topic_table *t, const dbz_event *e, bool *ret_takes, firn_error *err)
{
    const rd_kafka_message_t *m = stream_partition_head(p);
    table_place *place = topic_table_place(t, p->number);

    *ret_takes = false;
    if (!place) return firn_fail_memory(err, "a stream of changes");
    if (!t->table->is_followed) {
        /* Of another schema, or of a table that nobody follows: the caller is told of the relation. */
        *ret_takes = !t->table->is_stopped && strcmp(t->table->schema, s->settings.schema) == 0;
        return FIRN_OK;
    }
    if (t->table->is_stopped || m->offset < place->has_before) return FIRN_OK;
    if (place->run != s->run || !s->running) {
        place->before_run = place->order;
        place->run = s->running ? s->run : s->run + 1;
    }
    load_verdict verdict = load_point_judge(&t->table->load, e);
    FIRN_TRY(check_beginning(s, p, t, verdict, err));
    if (verdict == LOAD_HAS) {
        p->from_beginning = false; /* older than the load: nothing is missing */
        return FIRN_OK;
    }
    if (event_order_repeats(&place->order, e, hash_of(e))) return FIRN_OK;
    if (verdict == LOAD_UNCLEAR && !t->table->is_keyed) return fail_unclear(t, err);
    *ret_takes = true;
    return FIRN_OK;
}

static firn_status
make_change(kafka_stream *s, topic_table *t, const dbz_event *e, firn_error *err)
{
    firn_buffer_reset(&s->room);
    FIRN_TRY(firn_buffer_reserve(&s->room, dbz_table_room(t->rows, e), err));
    FIRN_TRY(dbz_table_change(t->rows, e, s->room.data, &s->pending, err));
    if (!s->pending.relation && t->table->in_lake) s->pending.relation = &t->table->in_lake->base;
    if (!s->pending.relation) return firn_fail(err, FIRN_E_KAFKA_MESSAGE, "no row of the table has shown its columns yet");
    s->pending_table = t;
    s->pending_steps = 1;
    return FIRN_OK;
}

/* ---- changed keys ---- */

typedef enum next_row { NEXT_ROW_OTHER, NEXT_ROW_TWIN, NEXT_ROW_NOT_YET } next_row;

/* Of an update that changed the key Debezium makes a delete, a tombstone and a create, all of one place in the log. */
static firn_status
find_twin(kafka_stream *s, const stream_partition *p, dbz_event *ret_twin, unsigned *ret_steps, next_row *ret_next, firn_error *err)
{
    *ret_next = NEXT_ROW_OTHER;
    for (size_t i = 1; i < p->count; i++) {
        const rd_kafka_message_t *m = p->messages[p->first + i];
        const dbz_record          record = {.role = p->topic->role, .key = firn_slice_of(m->key, m->key ? m->key_len : 0), .value = firn_slice_of(m->payload, m->payload ? m->len : 0)};

        if (!m->payload) continue;
        *ret_steps = (unsigned) i + 1;
        if (record_read(s->reader, &record, s->caller, ret_twin, err)) {
            /* One that is no event is told of when it is its turn; a registry that is away now says nothing of it. */
            if (!record_is_damaged(err->status)) return err->status;
            firn_error_reset(err);
            return FIRN_OK;
        }
        *ret_next = ret_twin->kind == DBZ_CREATE && ret_twin->order.is_known && dbz_order_compare(&ret_twin->order, &p->head.order) == 0 &&
                       firn_slice_equal(ret_twin->source.table.text, p->head.source.table.text) &&
                       firn_slice_equal(ret_twin->source.schema.text, p->head.source.schema.text)
                        ? NEXT_ROW_TWIN
                        : NEXT_ROW_OTHER;
        return FIRN_OK;
    }
    *ret_next = NEXT_ROW_NOT_YET;
    return FIRN_OK;
}

/* Values that such a create does not have (unchanged TOAST) are those of the row with the old key: both are one update then. The
 * delete is the pending change. */
static firn_status
join_twin(kafka_stream *s, stream_partition *p, topic_table *t, const dbz_event *twin, unsigned steps, firn_error *err)
{
    change removed = s->pending, added = {0};
    bool   takes = false;

    if (!removed.old.bytes.data || !removed.old_is_key) return FIRN_OK;
    size_t used = removed.old.bytes.size, at = (size_t) (removed.old.bytes.data - s->room.data);
    s->room.size = at + used;
    FIRN_TRY(firn_buffer_reserve(&s->room, dbz_table_room(t->rows, twin), err));
    removed.old.bytes.data = s->room.data + at; /* it may have moved */
    FIRN_TRY(dbz_table_change(t->rows, twin, s->room.data + s->room.size, &added, err));
    s->pending.old.bytes.data = removed.old.bytes.data;
    s->pending.relation = removed.relation;
    if (!added.new.has_unchanged || added.relation != removed.relation) return FIRN_OK;
    FIRN_TRY(judge(s, p, t, twin, &takes, err));
    if (!takes) return FIRN_OK;
    s->pending = (change){.op = CHANGE_UPDATE, .old_is_key = true, .relation = added.relation, .old = removed.old, .new = added.new};
    s->pending_steps = steps;
    return FIRN_OK;
}

/* What follows a delete; p->awaits_next: to be waited for. */
static firn_status
await_twin(kafka_stream *s, stream_partition *p, dbz_event *ret_twin, unsigned *ret_steps, next_row *ret_next, firn_error *err)
{
    *ret_next = NEXT_ROW_OTHER;
    p->awaits_next = false;
    if (p->head.kind != DBZ_DELETE || !p->head.key.data) return FIRN_OK;
    FIRN_TRY(find_twin(s, p, ret_twin, ret_steps, ret_next, err));
    p->awaits_next = *ret_next == NEXT_ROW_NOT_YET && firn_clock_monotonic_us() - p->heard_us < GRACE_US;
    return FIRN_OK;
}

/* ---- runs ---- */

static uint64_t
transaction_of(const dbz_event *e)
{
    const dbz_source *source = &e->source;

    if (source->transaction_number) return source->transaction_number;
    if (is_token(&source->transaction)) return firn_hash_bytes(source->transaction.text.data, source->transaction.text.size) | 1;
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

/* Reads the first message, once. *ret_row false: nothing in it for anybody; it is behind us. */
static firn_status
read_head(kafka_stream *s, stream_partition *p, bool *ret_row, change_item *ret_item, firn_error *err)
{
    const rd_kafka_message_t *m = stream_partition_head(p);

    *ret_row = p->has_head;
    if (p->has_head) return FIRN_OK;
    FIRN_TRY(check_mark(p, m, err));
    if (m->offset < p->read_offset || (!m->payload && !m->key) || p->topic->role != DBZ_ROLE_ROWS) {
        if (m->offset < p->read_offset) rd_kafka_message_destroy(stream_partition_pop(p));
        else
            step(s, p);
        return FIRN_OK;
    }
    const topic_table *last = p->topic->tables;
    const dbz_record   record = {.role = p->topic->role,
                                 .key = firn_slice_of(m->key, m->key ? m->key_len : 0),
                                 .value = firn_slice_of(m->payload, m->payload ? m->len : 0),
                                 .known_key_schema = last ? dbz_table_key_schema(last->rows) : (firn_slice){0},
                                 .known_value_schema = last ? dbz_table_value_schema(last->rows) : (firn_slice){0},
                                 .memo = p->topic->memo};
    if (record_read(s->reader, &record, s->caller, &p->head, err)) return record_is_damaged(err->status) ? damage(s, p, NULL, ret_item, err) : err->status;
    if (!is_row(p->head.kind) || !is_of_us(s, &p->head)) {
        step(s, p);
        return FIRN_OK;
    }
    p->last_time_us = p->head.source.time_us ? p->head.source.time_us : p->head.time_us;
    *ret_row = p->has_head = true;
    return FIRN_OK;
}

/* The first message's row, in the run at work or a new one. */
static firn_status
take_row(kafka_stream *s, stream_partition *p, change_item *ret_item, firn_error *err)
{
    topic_table *t = NULL;
    bool         takes = false;
    dbz_event    twin;
    unsigned     twin_steps = 0;
    next_row     next;

    FIRN_TRY(await_twin(s, p, &twin, &twin_steps, &next, err));
    if (p->awaits_next) {
        if (s->running) end_run(s, ret_item);
        return FIRN_OK;
    }
    firn_status status = find_owner_table(s, p, &p->head, &t, err);
    if (!status) status = judge(s, p, t, &p->head, &takes, err);
    if (!status && takes && p->topic->owner && t->table->is_followed && !stream_topic_may_have(p->topic, t->table))
        return firn_fail(err, FIRN_E_KAFKA_ROUTING, "topic '%s' is named for another table, and has changes of '%s'", p->topic->name, t->table->name);
    if (!status && takes) status = make_change(s, t, &p->head, err);
    if (!status && takes && next == NEXT_ROW_TWIN) status = join_twin(s, p, t, &twin, twin_steps, err);
    if (status) {
        bool is_ours = err->code != FIRN_E_KAFKA_OFFSET_LOST && status != FIRN_NO_MEMORY;
        return is_ours ? damage(s, p, t ? t->table->name : NULL, ret_item, err) : status;
    }
    if (!takes) {
        if (p->is_open && !continues(p, &p->head)) p->is_open = false;
        step(s, p);
        return FIRN_OK;
    }
    if (!s->running) begin_run(s, p, &p->head, ret_item); /* the change comes next: its bytes stay until then */
    return FIRN_OK;
}

/* ---- which partition ---- */

/* Whether what is open there can have more to come that is not here yet. */
static bool
is_unsettled(const stream_partition *p, uint64_t now_us)
{
    if (!p->is_open) return false;
    if (p->count) return true;
    return p->eof < p->read_offset || now_us - p->heard_us < GRACE_US;
}

/* While a window is to be cut, only what goes on in an open transaction is read. */
static bool
may_read(const kafka_stream *s, const stream_partition *p)
{
    if (p->awaits_next && firn_clock_monotonic_us() - p->heard_us < GRACE_US) return false;
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
    set_spot(s, s->running, s->running->messages[s->running->first]->offset);
    s->pending.origin_part = s->running->origin_part;
    s->pending.origin = (uint64_t) s->running->messages[s->running->first + s->pending_steps - 1]->offset;
    s->last_steps = s->pending_steps;
    *ret_item = (change_item){.kind = ITEM_CHANGE, .position = s->ordinal, .change = s->pending};
    s->last_change = s->pending;
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
        if (s->running && !continues(p, &p->head)) {
            end_run(s, ret_item);
            return FIRN_OK;
        }
        if (s->is_settling && !continues(p, &p->head)) {
            p->is_open = false;
            continue;
        }
        FIRN_TRY(take_row(s, p, ret_item, err));
    }
    return FIRN_OK;
}

/* ---- the group ---- */

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
    return change.kind == GROUP_ASSIGNS ? stream_accept_assigned(s, change.partitions, err) : stream_accept_revoked(s, change.partitions, err);
}

static firn_status
check_silence(kafka_stream *s, firn_error *err)
{
    uint64_t now_us = firn_clock_monotonic_us();

    if (kafka_consumer_silent_us(s->consumer, now_us) < SILENCE_US) return FIRN_OK;
    return firn_fail(err, FIRN_E_KAFKA_UNAVAILABLE, "the brokers of Kafka cluster '%s' have not answered for 10 minutes", s->settings.cluster->name);
}

/* Whether what is to be settled is: the caller may cut now. No more is read before that, since all that comes would have to be kept. */
static bool
is_settled(kafka_stream *s)
{
    uint64_t now_us = firn_clock_monotonic_us();

    if (!s->is_settling || s->running || s->pending_table) return false;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (is_unsettled(p, now_us)) return false;
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
    s->is_settling = now_us - s->settling_us < SETTLE_US;
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
    if (s->held_of) set_spot(s, s->held_of, s->held->offset);
    FIRN_TRY(keep_aside(s, s->held, why->cause, err));
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

    if (s->held) rd_kafka_message_destroy(s->held);
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
    return stream_check_topics(s, err);
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
