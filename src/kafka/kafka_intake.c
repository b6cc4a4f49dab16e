#include "kafka/kafka_intake.h"

#include <string.h>

#include "base/alloc.h"
#include "kafka/intake_topic.h"
#include "kafka/record_reader.h"
#include "task/task.h"

#define READ_MS 1000
#define BATCHES_MAX (INTAKE_MESSAGES_MAX / INTAKE_BATCH)
/* Changes that need more room are left to whoever takes them. */
#define CHANGE_ROOM_MAX ((size_t) 16 << 10)
#define ROOM_SIZE_MAX (INTAKE_BATCH * CHANGE_ROOM_MAX)
#define ROOM_SIZE_KEPT ((size_t) 256 << 10)
/* Records that are dropped are destroyed by the thread: as many at a time, and none that is large. */
#define DROPPED_COUNT 256u
#define DROPPED_SIZE_MAX ((size_t) 16 << 10)

struct intake_batch {
    kafka_intake  *intake;
    unsigned       count, left; /* left: not dropped yet. Of whoever takes */
    uint64_t       bytes;
    uint8_t       *room; /* of the changes */
    size_t         room_size;
    intake_batch  *next;
    intake_message messages[INTAKE_BATCH];
};

typedef struct dropped_records {
    unsigned            count;
    rd_kafka_message_t *records[DROPPED_COUNT];
} dropped_records;

struct kafka_intake {
    kafka_consumer *consumer;
    const char     *topic_prefix;
    uint64_t        bytes_max;
    intake_topic   *topics; /* of the thread; the last one first */
    firn_buffer     room;   /* of the thread */
    dropped_records dropping; /* of whoever takes */
    firn_error      ignored; /* of the thread */
    task_group     *thread;

    task_lock      *lock; /* for what follows */
    intake_batch   *first, **last; /* wait to be taken */
    intake_batch   *spare;
    unsigned        spare_count;
    uint64_t        waiting_bytes;
    unsigned        waiting_count; /* batches */
    dropped_records dropped; /* to be destroyed by the thread */
    bool            has_renewed; /* some intake_origin has */
    bool            is_held, is_parked, is_ended, was_interrupted;
    firn_error      failure; /* nothing comes behind it */
};

/* ---- reading ---- */

/* NULL: no memory; the caller reads the record then. Records come in runs of a topic. */
static intake_topic *
find_topic(kafka_intake *in, const char *name)
{
    for (intake_topic **slot = &in->topics; *slot; slot = &(*slot)->next) {
        intake_topic *topic = *slot;
        if (strcmp(topic->name, name) != 0) continue;
        *slot = topic->next;
        topic->next = in->topics;
        return in->topics = topic;
    }
    intake_topic *made = intake_topic_new(name, in->topic_prefix);
    if (!made) return NULL;
    made->next = in->topics;
    return in->topics = made;
}

static void
read_record(kafka_intake *in, intake_message *m)
{
    const rd_kafka_message_t *r = m->record;

    if (r->err || !r->rkt || !r->payload || record_is_framed(record_key(r)) || record_is_framed(record_value(r))) return;
    intake_topic *topic = find_topic(in, rd_kafka_topic_name(r->rkt));
    if (topic) intake_topic_read(topic, m);
}

/* ---- changes ---- */

/* Where the event's change would lie; 0: it is not made here. */
static size_t
room_of(const intake_message *m)
{
    size_t room;

    if (!m->origin || !m->origin->row_shape) return 0;
    room = dbz_row_shape_room(m->origin->row_shape, &m->event);
    return room <= CHANGE_ROOM_MAX ? room : 0;
}

static void
move(change_tuple *tuple, const uint8_t *from, uint8_t *to)
{
    if (tuple->bytes.data) tuple->bytes.data = to + (tuple->bytes.data - from);
}

/* Once all are made: as many bytes as they need. Without memory whoever takes the messages makes them. */
static void
keep_changes(intake_batch *batch, const uint8_t *from, size_t size)
{
    if (size > batch->room_size) {
        firn_free(batch->room);
        batch->room_size = 0;
        if (!(batch->room = firn_alloc(size))) return;
        batch->room_size = size;
    }
    if (size) memcpy(batch->room, from, size);
    for (unsigned i = 0; i < batch->count; i++) {
        intake_message *m = &batch->messages[i];
        if (!m->row_shape_id) continue;
        move(&m->change.old, from, batch->room);
        move(&m->change.new, from, batch->room);
    }
}

static void
forget_changes(intake_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) batch->messages[i].row_shape_id = 0;
}

static void
make_changes(kafka_intake *in, intake_batch *batch)
{
    size_t   size = 0;
    uint8_t *at;

    for (unsigned i = 0; i < batch->count; i++) size += room_of(&batch->messages[i]);
    firn_buffer_reset(&in->room);
    if (!size || firn_buffer_reserve(&in->room, size, &in->ignored)) {
        firn_error_reset(&in->ignored);
        return;
    }
    at = in->room.data;
    for (unsigned i = 0; i < batch->count; i++) {
        intake_message *m = &batch->messages[i];
        if (!room_of(m) || !dbz_row_shape_change(m->origin->row_shape, &m->event, at, &m->change)) continue;
        m->row_shape_id = m->origin->row_shape->id;
        at += m->change.old.bytes.size + m->change.new.bytes.size;
    }
    keep_changes(batch, in->room.data, (size_t) (at - in->room.data));
    if (!batch->room) forget_changes(batch);
}

/* ---- the thread ---- */

static bool
has_room(const kafka_intake *in)
{
    return in->waiting_bytes < in->bytes_max && in->waiting_count < BATCHES_MAX;
}

static void
destroy(dropped_records *dropped)
{
    for (unsigned i = 0; i < dropped->count; i++) rd_kafka_message_destroy(dropped->records[i]);
    dropped->count = 0;
}

static void
batch_free(intake_batch *batch)
{
    if (!batch) return;
    firn_free(batch->room);
    firn_free(batch);
}

/* What others have left here for the thread; the lock is held. */
static void
take_left(kafka_intake *in, dropped_records *ret_dropped)
{
    ret_dropped->count = in->dropped.count;
    if (in->dropped.count) memcpy(ret_dropped->records, in->dropped.records, in->dropped.count * sizeof *in->dropped.records);
    in->dropped.count = 0;
    for (intake_topic *topic = in->has_renewed ? in->topics : NULL; topic; topic = topic->next) intake_topic_take_renewed(topic);
    in->has_renewed = false;
}

/* A batch to fill, once it may be: NULL at the end, or no memory. */
static intake_batch *
await_batch(kafka_intake *in, firn_error *err)
{
    intake_batch   *batch = NULL;
    dropped_records dropped;

    task_lock_hold(in->lock);
    while (!in->is_ended && (in->is_held || !has_room(in))) {
        in->is_parked = true;
        task_lock_wake_all(in->lock);
        (void) task_lock_wait(in->lock, 0);
    }
    in->is_parked = false;
    bool is_ended = in->is_ended;
    if (!is_ended && (batch = in->spare) != NULL) {
        in->spare = batch->next;
        in->spare_count--;
    }
    take_left(in, &dropped);
    task_lock_release(in->lock);
    destroy(&dropped);
    if (is_ended || batch) return batch;
    if ((batch = firn_calloc(1, sizeof *batch)) != NULL) batch->intake = in;
    else
        (void) firn_fail_memory(err, "messages of Kafka");
    return batch;
}

static void
keep_spare(kafka_intake *in, intake_batch *batch)
{
    if (batch->room_size > ROOM_SIZE_KEPT) {
        firn_free(batch->room);
        batch->room = NULL;
        batch->room_size = 0;
    }
    task_lock_hold(in->lock);
    if (in->spare_count < BATCHES_MAX) {
        batch->next = in->spare;
        in->spare = batch;
        in->spare_count++;
        batch = NULL;
    }
    task_lock_release(in->lock);
    batch_free(batch);
}

static void
hand_over(kafka_intake *in, intake_batch *batch)
{
    batch->next = NULL;
    task_lock_hold(in->lock);
    *in->last = batch;
    in->last = &batch->next;
    in->waiting_bytes += batch->bytes;
    in->waiting_count++;
    task_lock_wake_all(in->lock);
    task_lock_release(in->lock);
}

static firn_status
fill(kafka_intake *in, intake_batch *batch, firn_error *err)
{
    rd_kafka_message_t *records[INTAKE_BATCH];
    size_t              count = 0;

    batch->count = 0;
    batch->bytes = 0;
    FIRN_TRY(kafka_consumer_read(in->consumer, READ_MS, records, INTAKE_BATCH, &count, err));
    for (size_t i = 0; i < count; i++) {
        intake_message *m = &batch->messages[i];
        m->record = records[i];
        m->batch = batch;
        m->was_read = false;
        m->origin = NULL;
        m->row_shape_id = 0;
        read_record(in, m);
        batch->bytes += records[i]->len + records[i]->key_len;
    }
    batch->count = batch->left = (unsigned) count;
    make_changes(in, batch);
    return FIRN_OK;
}

/* Nothing came: whoever waits looks at the group. */
static void
tell_interrupted(kafka_intake *in)
{
    task_lock_hold(in->lock);
    in->was_interrupted = true;
    task_lock_wake_all(in->lock);
    task_lock_release(in->lock);
}

static void
end(kafka_intake *in, const firn_error *why)
{
    task_lock_hold(in->lock);
    if (why->status) in->failure = *why;
    in->is_ended = in->is_parked = true;
    task_lock_wake_all(in->lock);
    task_lock_release(in->lock);
}

static firn_status
work(void *state, firn_error *err)
{
    kafka_intake *in = state;
    intake_batch *batch;
    firn_error    failed = {0};

    (void) err; /* whoever takes is told */
    while (!failed.status && (batch = await_batch(in, &failed)) != NULL) {
        (void) !fill(in, batch, &failed);
        if (batch->count) {
            hand_over(in, batch);
            continue;
        }
        keep_spare(in, batch);
        tell_interrupted(in);
    }
    end(in, &failed);
    return FIRN_OK;
}

/* ---- taking ---- */

firn_status
kafka_intake_take(kafka_intake *in, uint64_t timeout_ms, intake_message *ret_messages[], unsigned *ret_count, firn_error *err)
{
    *ret_count = 0;
    task_lock_hold(in->lock);
    if (!in->first && !in->failure.status && !in->is_held && !in->was_interrupted && timeout_ms) (void) task_lock_wait(in->lock, timeout_ms);
    in->was_interrupted = false;
    intake_batch *batch = in->first;
    if (batch) {
        if (!(in->first = batch->next)) in->last = &in->first;
        in->waiting_bytes -= batch->bytes;
        in->waiting_count--;
        task_lock_wake_all(in->lock);
    } else if (in->failure.status) {
        *err = in->failure;
    }
    task_lock_release(in->lock);
    if (!batch) return err->status;
    /* Once they are handed out the batch may go with the last one: its count is read before. */
    *ret_count = batch->count;
    for (unsigned i = 0; i < batch->count; i++) ret_messages[i] = &batch->messages[i];
    return FIRN_OK;
}

static void
drop_record(kafka_intake *in, rd_kafka_message_t *record)
{
    if (record->len + record->key_len > DROPPED_SIZE_MAX) {
        rd_kafka_message_destroy(record);
        return;
    }
    in->dropping.records[in->dropping.count++] = record;
    if (in->dropping.count < DROPPED_COUNT) return;
    task_lock_hold(in->lock);
    if (!in->dropped.count) {
        in->dropped = in->dropping;
        in->dropping.count = 0;
    }
    task_lock_release(in->lock);
    destroy(&in->dropping);
}

void
intake_message_drop(intake_message *message)
{
    intake_batch *batch = message->batch;

    drop_record(batch->intake, message->record);
    if (!--batch->left) keep_spare(batch->intake, batch);
}

void
intake_origin_renew(kafka_intake *in, intake_origin *origin, dbz_row_shape *shape)
{
    task_lock_hold(in->lock);
    dbz_row_shape_unref(origin->renewed);
    origin->renewed = dbz_row_shape_ref(shape);
    in->has_renewed = true;
    task_lock_release(in->lock);
}

void
kafka_intake_hold(kafka_intake *in)
{
    task_lock_hold(in->lock);
    in->is_held = true;
    task_lock_wake_all(in->lock);
    while (!in->is_parked) {
        /* What it waits in may have been entered just behind the first one. */
        kafka_consumer_interrupt(in->consumer);
        (void) task_lock_wait(in->lock, 10);
    }
    task_lock_release(in->lock);
}

void
kafka_intake_release(kafka_intake *in)
{
    task_lock_hold(in->lock);
    in->is_held = false;
    task_lock_wake_all(in->lock);
    task_lock_release(in->lock);
}

/* What the thread has in its hands is seen only when it has put it down. */
bool
kafka_intake_is_drained(kafka_intake *in)
{
    bool was_held = in->is_held;

    if (!was_held) kafka_intake_hold(in);
    bool is_drained = !in->first && kafka_consumer_is_drained(in->consumer);
    in->was_interrupted = false; /* it was us */
    if (!was_held) kafka_intake_release(in);
    return is_drained;
}

/* ---- life ---- */

firn_status
kafka_intake_start(kafka_consumer *consumer, const char *topic_prefix, size_t bytes_max, kafka_intake **ret_intake, firn_error *err)
{
    FIRN_AUTO(kafka_intake_freep) kafka_intake *in = firn_calloc(1, sizeof *in);

    if (!in) return firn_fail_memory(err, "what takes messages in");
    *in = (kafka_intake){.consumer = consumer, .topic_prefix = topic_prefix, .bytes_max = bytes_max, .last = &in->first};
    firn_buffer_init(&in->room, ROOM_SIZE_MAX);
    if (!(in->lock = task_lock_new()) || !(in->thread = task_group_new(NULL))) return firn_fail_memory(err, "what takes messages in");
    FIRN_TRY(task_group_spawn(in->thread, "intake", work, in, err));
    *ret_intake = FIRN_STEAL(in);
    return FIRN_OK;
}

static void
batches_free(intake_batch *batch)
{
    while (batch) {
        intake_batch *next = batch->next;
        batch_free(batch);
        batch = next;
    }
}

void
kafka_intake_free(kafka_intake *in)
{
    intake_message *rest[INTAKE_BATCH];
    unsigned        count = 0;
    firn_error      ignored = {0};

    if (!in) return;
    if (in->lock) {
        task_lock_hold(in->lock);
        in->is_ended = true;
        task_lock_wake_all(in->lock);
        task_lock_release(in->lock);
        kafka_consumer_interrupt(in->consumer);
    }
    task_group_free(in->thread); /* joins */
    while (in->first && !kafka_intake_take(in, 0, rest, &count, &ignored)) {
        for (unsigned i = 0; i < count; i++) intake_message_drop(rest[i]);
    }
    batches_free(in->spare);
    destroy(&in->dropping);
    destroy(&in->dropped);
    firn_buffer_done(&in->room);
    while (in->topics) {
        intake_topic *next = in->topics->next;
        intake_topic_free(in->topics);
        in->topics = next;
    }
    firn_error_reset(&in->failure);
    task_lock_free(in->lock);
    firn_free(in);
}
