#include "kafka/kafka_consumer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/group_look.h"
#include "kafka/kafka_trouble.h"
#include "kafka/whole_topics.h"

#define POLL_MS 100
#define GROWTH_US (UINT64_C(30) * 1000000)
/* After joining, and again before a topic counts as nobody's: longer than members need to see a new one. */
#define STRAYS_FIRST_US (UINT64_C(2) * 1000000)
#define STRAYS_AGAIN_US (UINT64_C(7) * 1000000)
#define ASK_MS 10000
#define LOOK_MS 500
#define LOOK_US (UINT64_C(2) * 1000000)
/* Not answered while partitions are being handed out. */
#define TOLD_MS 1000
#define REACH_MS_DEFAULT 15000
#define CLUSTER_ID_SIZE 64
#define PATTERN_SIZE_MAX 1024
#define QUEUE_KBYTES_MIN 1024u
#define EXTRA_COUNT 15
#define QUEUE_MESSAGES 100000 /* each costs some 300 bytes beside its own */
#define LEADER_COUNT_MAX 64u
#define WAKE_MS 50
#define CLOSE_MS 10000
#define CLOSE_STEP_MS 100
/* librdkafka 2.3.0: before, a client that has joined its group and was assigned nothing yet aborts when it is destroyed (pull request 4381). */
#define DESTROYS_UNASSIGNED 0x02030000

struct kafka_consumer {
    kafka_consumer_settings settings;
    kafka_trouble          *trouble;
    task_lock              *lock; /* for what follows up to the empty line */
    group_change_kind       change;
    bool                    is_lost;
    rd_kafka_resp_err_t     failure; /* of the group or a topic: nothing more comes */
    rd_kafka_topic_partition_list_t *changed;

    rd_kafka_topic_partition_list_t *shown; /* of whoever asks: a copy, since another change may come any time */
    rd_kafka_t       *client;
    bool              has_subscribed;
    bool              was_assigned, has_strays, is_closing; /* of the thread that polls */
    rd_kafka_queue_t *messages; /* all partitions' */
    task_cancel      *finished;
    task_group       *threads;
    char              cluster_id[CLUSTER_ID_SIZE];
    const struct rd_kafka_metadata *topics; /* all, when it was opened */
    int               partition_total;

    /* Of whoever reads: librdkafka stops fetching when its queue is full, and looks again a second later. */
    uint64_t          queue_bytes, read_count, read_bytes;
    bool              was_full;
    struct {
        int32_t     leader, partition;
        const char *topic; /* in `topics` */
    } leaders[LEADER_COUNT_MAX]; /* a partition of each */
    unsigned          leader_count;
};

/* ---- the group's thread ---- */

static rd_kafka_topic_partition_list_t *
assignment(rd_kafka_t *client)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    return rd_kafka_assignment(client, &list) ? rd_kafka_topic_partition_list_new(0) : list;
}

/* What the group's `partitions` are for us (whole_topics.h). NULL: brokers do not answer, or no memory. */
static rd_kafka_topic_partition_list_t *
ours(rd_kafka_t *client, bool assigns, const rd_kafka_topic_partition_list_t *partitions)
{
    const struct rd_kafka_metadata  *topics = NULL;
    rd_kafka_topic_partition_list_t *current = assignment(client), *list = NULL;

    if (current && !assigns) list = whole_topics_revoked(partitions, current);
    if (current && assigns && !rd_kafka_metadata(client, 1, NULL, &topics, ASK_MS)) list = whole_topics_assigned(partitions, current, topics);
    if (topics) rd_kafka_metadata_destroy(topics);
    if (current) rd_kafka_topic_partition_list_destroy(current);
    return list;
}

/* Takes `list`. */
static void
set_change(kafka_consumer *c, bool assigns, bool is_lost, rd_kafka_topic_partition_list_t *list)
{
    task_lock_hold(c->lock);
    if (c->changed) rd_kafka_topic_partition_list_destroy(c->changed);
    c->changed = list;
    c->change = assigns ? GROUP_ASSIGNS : GROUP_REVOKES;
    c->is_lost = is_lost;
    task_lock_release(c->lock);
    kafka_consumer_interrupt(c);
}

static void
leave(rd_kafka_t *client, bool assigns)
{
    rd_kafka_topic_partition_list_t *list = assigns ? rd_kafka_topic_partition_list_new(0) : assignment(client);
    rd_kafka_error_t *failed = !list ? NULL : assigns ? rd_kafka_incremental_assign(client, list) : rd_kafka_incremental_unassign(client, list);

    if (failed) rd_kafka_error_destroy(failed);
    if (list) rd_kafka_topic_partition_list_destroy(list);
}

static void
fail_group(kafka_consumer *c, rd_kafka_resp_err_t code)
{
    task_lock_hold(c->lock);
    if (!c->failure) c->failure = code;
    task_lock_release(c->lock);
    kafka_consumer_interrupt(c);
}

/* In the thread that polls; in free's when the group is left. */
static void
on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions, void *state)
{
    kafka_consumer *c = state;
    bool            assigns = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

    c->was_assigned = c->was_assigned || assigns;
    if (c->is_closing) {
        leave(client, assigns);
        return;
    }
    rd_kafka_topic_partition_list_t *list = ours(client, assigns, partitions);
    if (list) set_change(c, assigns, rd_kafka_assignment_lost(client) != 0, list);
    else
        fail_group(c, RD_KAFKA_RESP_ERR__TIMED_OUT);
}

/* A hand-over waits for whoever reads. */
static bool
is_changing(kafka_consumer *c)
{
    task_lock_hold(c->lock);
    bool changes = c->change != GROUP_UNCHANGED;
    task_lock_release(c->lock);
    return changes;
}

/* The group gives a topic's new partitions to anybody; whoever reads the topic looks for them itself. */
static void
look_for_growth(kafka_consumer *c)
{
    rd_kafka_topic_partition_list_t *current, *list;

    if (is_changing(c) || !(current = assignment(c->client))) return;
    list = current->cnt > 0 ? ours(c->client, true, current) : NULL;
    rd_kafka_topic_partition_list_destroy(current);
    if (list && list->cnt > 0) set_change(c, true, false, list);
    else if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

/* ---- topics that the group gives to nobody ---- */

/* librdkafka takes what begins with ^ as an extended regular expression. */
static firn_status
subscribe(kafka_consumer *c, firn_error *err)
{
    char   pattern[PATTERN_SIZE_MAX] = "^";
    size_t at = 1;

    for (const char *p = c->settings.topic_prefix; *p; p++) {
        if (at + 8 >= sizeof pattern) return firn_fail(err, FIRN_E_KAFKA_PROPERTY, "the topic prefix '%s' is too long", c->settings.topic_prefix);
        if (*p == '.') at += (size_t) snprintf(pattern + at, sizeof pattern - at, "[.]");
        else
            pattern[at++] = *p;
    }
    (void) snprintf(pattern + at, sizeof pattern - at, "[.].+");
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, pattern, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(c->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    c->has_subscribed = !code;
    return code ? kafka_fail(err, c->settings.cluster, c->trouble, code, "cannot ask for the topics") : FIRN_OK;
}

static bool
has_all(const rd_kafka_topic_partition_list_t *current, const char *prefix, const struct rd_kafka_metadata *topics)
{
    for (int i = 0; i < topics->topic_cnt; i++) {
        const char *name = topics->topics[i].topic;
        if (kafka_topic_has_prefix(name, prefix) && !rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *) (uintptr_t) current, name, 0)) return false;
    }
    return true;
}

static group_look
look_at_group(const kafka_consumer *c)
{
    const struct rd_kafka_metadata  *topics = NULL;
    rd_kafka_topic_partition_list_t *current = assignment(c->client);
    group_look                       look = GROUP_LOOK_UNCLEAR;

    if (current && !rd_kafka_metadata(c->client, 1, NULL, &topics, ASK_MS))
        look = has_all(current, c->settings.topic_prefix, topics) ? GROUP_LOOK_WHOLE
                                                                  : group_look_at(c->client, c->settings.group_id, c->settings.topic_prefix, topics);
    if (topics) rd_kafka_metadata_destroy(topics);
    if (current) rd_kafka_topic_partition_list_destroy(current);
    return look;
}

/*
 * A member that comes back under its name gets what it had, and nobody works out anew who has what: topics that were made meanwhile would
 * be nobody's until another one is made. It leaves the group and joins it again. Returns when to look again.
 */
static uint64_t
look_for_strays(kafka_consumer *c)
{
    firn_error ignored = {0};

    group_look look = is_changing(c) || !c->was_assigned ? GROUP_LOOK_UNCLEAR : look_at_group(c);
    bool       is_known = c->has_strays && look == GROUP_LOOK_LEAVES_OUT;
    c->has_strays = look == GROUP_LOOK_LEAVES_OUT && !is_known;
    if (is_known) {
        log_debug("kafka: the group gives a topic to nobody: joining it anew");
        (void) rd_kafka_unsubscribe(c->client);
        if (subscribe(c, &ignored)) fail_group(c, RD_KAFKA_RESP_ERR__FAIL);
    }
    return look == GROUP_LOOK_WHOLE ? GROWTH_US : STRAYS_AGAIN_US;
}

static bool
is_final(rd_kafka_resp_err_t code)
{
    switch ((int) code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return true;
    default:
        return false;
    }
}

/* Where all brokers were away, an idle topic does not say that they are back. */
static void
look_for_brokers(kafka_consumer *c)
{
    const struct rd_kafka_metadata *metadata = NULL;

    if (rd_kafka_metadata(c->client, 0, NULL, &metadata, LOOK_MS)) return;
    rd_kafka_metadata_destroy(metadata);
    __atomic_store_n(&c->trouble->silent_since_us, 0, __ATOMIC_RELAXED);
    kafka_trouble_forget(c->trouble);
}

static firn_status
answer_group(void *state, firn_error *err FIRN_UNUSED)
{
    kafka_consumer *c = state;
    uint64_t        growth_us = firn_clock_monotonic_us() + GROWTH_US, strays_us = firn_clock_monotonic_us() + STRAYS_FIRST_US;
    uint64_t        look_us = 0;

    while (!task_cancel_requested(c->finished)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(c->client, POLL_MS);

        if (firn_clock_monotonic_us() >= growth_us) {
            look_for_growth(c);
            growth_us = firn_clock_monotonic_us() + GROWTH_US;
        }
        if (firn_clock_monotonic_us() >= strays_us) strays_us = look_for_strays(c) + firn_clock_monotonic_us();
        if (!kafka_consumer_is_connected(c) && firn_clock_monotonic_us() >= look_us) {
            look_for_brokers(c);
            look_us = firn_clock_monotonic_us() + LOOK_US;
        }
        if (!message) continue;
        if (is_final(message->err)) fail_group(c, message->err);
        rd_kafka_message_destroy(message);
    }
    return FIRN_OK;
}

/* ---- life ---- */

static const char *
printed(char *out, size_t size, uint64_t number)
{
    (void) snprintf(out, size, "%" PRIu64, number);
    return out;
}

static firn_status
make_client(kafka_consumer *c, firn_error *err)
{
    char     kbytes[24], fetch[24], messages[24];
    uint64_t queue_kbytes = c->settings.queue_bytes / 1024;

    if (queue_kbytes < QUEUE_KBYTES_MIN) queue_kbytes = QUEUE_KBYTES_MIN;
    c->queue_bytes = queue_kbytes * 1024;
    const kafka_property extra[EXTRA_COUNT] = {
        {"group.id", c->settings.group_id, NULL},
        {"enable.auto.commit", "false", NULL},
        {"enable.auto.offset.store", "false", NULL},
        {"auto.offset.reset", "error", NULL}, /* never skipped, never read again, but by us */
        {"enable.partition.eof", "true", NULL},
        {"isolation.level", "read_committed", NULL},
        {"partition.assignment.strategy", "cooperative-sticky", NULL},
        {"allow.auto.create.topics", "false", NULL},
        {"topic.metadata.refresh.interval.ms", "5000", NULL}, /* topics that are made later */
        {"queued.max.messages.kbytes", printed(kbytes, sizeof kbytes, queue_kbytes), NULL},
        {"queued.min.messages", printed(messages, sizeof messages, QUEUE_MESSAGES), NULL},
        {"fetch.max.bytes", printed(fetch, sizeof fetch, queue_kbytes * 1024 / 2), NULL},
        {"fetch.wait.max.ms", "100", NULL},
        {"group.instance.id", c->settings.instance_id, NULL},
        {"session.timeout.ms", "30000", NULL},
    };
    return kafka_client_new(c->settings.cluster, RD_KAFKA_CONSUMER, extra, EXTRA_COUNT, on_rebalance, c, c->trouble, &c->client, err);
}

/* ---- a queue that was full ---- */

static void
know_leader(kafka_consumer *c, const char *topic, int32_t partition, int32_t leader)
{
    for (unsigned i = 0; i < c->leader_count; i++) {
        if (c->leaders[i].leader == leader) return;
    }
    if (c->leader_count == LEADER_COUNT_MAX) return;
    c->leaders[c->leader_count].leader = leader;
    c->leaders[c->leader_count].partition = partition;
    c->leaders[c->leader_count++].topic = topic;
}

static void
know_leaders(kafka_consumer *c, const struct rd_kafka_metadata_topic *topic)
{
    for (int i = 0; i < topic->partition_cnt; i++) know_leader(c, topic->topic, topic->partitions[i].id, topic->partitions[i].leader);
}

/* Any question to a broker has its thread look at the queue again. */
static void
wake_brokers(kafka_consumer *c)
{
    for (unsigned i = 0; i < c->leader_count; i++) {
        int64_t low, high;
        (void) rd_kafka_query_watermark_offsets(c->client, c->leaders[i].topic, c->leaders[i].partition, &low, &high, WAKE_MS);
    }
}

/* Before a read. */
static void
look_at_queue(kafka_consumer *c)
{
    uint64_t count = rd_kafka_queue_length(c->messages);
    uint64_t bytes = c->read_count ? count * (c->read_bytes / c->read_count) : 0;

    if (count >= QUEUE_MESSAGES / 10 * 9 || bytes >= c->queue_bytes / 10 * 9) {
        c->was_full = true;
    } else if (c->was_full && count <= QUEUE_MESSAGES / 2 && bytes <= c->queue_bytes / 2) {
        c->was_full = false;
        wake_brokers(c);
    }
}

/* ---- topics ---- */

static firn_status
look_for_topics(kafka_consumer *c, firn_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->client, 1, NULL, &c->topics, ASK_MS);

    if (code) return kafka_fail(err, c->settings.cluster, c->trouble, code, "cannot ask for the topics");
    for (int i = 0; i < c->topics->topic_cnt; i++) {
        if (!kafka_topic_has_prefix(c->topics->topics[i].topic, c->settings.topic_prefix)) continue;
        c->partition_total += c->topics->topics[i].partition_cnt;
        know_leaders(c, &c->topics->topics[i]);
    }
    return FIRN_OK;
}

int
kafka_consumer_partitions(const kafka_consumer *c, const char *topic)
{
    return kafka_topic_partition_count(c->topics, topic);
}

int
kafka_consumer_partition_total(const kafka_consumer *c)
{
    return c->partition_total;
}

const char *
kafka_consumer_topic(const kafka_consumer *c, int index, int *ret_partition_count)
{
    for (int i = 0; i < c->topics->topic_cnt; i++) {
        if (!kafka_topic_has_prefix(c->topics->topics[i].topic, c->settings.topic_prefix) || index-- > 0) continue;
        *ret_partition_count = c->topics->topics[i].partition_cnt;
        return c->topics->topics[i].topic;
    }
    return NULL;
}

static firn_status
start(kafka_consumer *c, task_cancel *cancel, firn_error *err)
{
    uint64_t reach_ms = c->settings.reach_ms ? c->settings.reach_ms : REACH_MS_DEFAULT;

    c->trouble = kafka_trouble_new();
    c->lock = task_lock_new();
    c->finished = task_cancel_new();
    c->threads = task_group_new(NULL);
    if (!c->trouble || !c->lock || !c->finished || !c->threads) return firn_fail_memory(err, "a Kafka consumer");
    FIRN_TRY(make_client(c, err));
    c->messages = rd_kafka_queue_new(c->client);
    FIRN_TRY(kafka_client_wait(c->client, c->settings.cluster, c->trouble, reach_ms, cancel, c->cluster_id, err));
    FIRN_TRY(look_for_topics(c, err));
    (void) rd_kafka_poll_set_consumer(c->client);
    FIRN_TRY(subscribe(c, err));
    return task_group_spawn(c->threads, "kafka", answer_group, c, err);
}

firn_status
kafka_consumer_open(const kafka_consumer_settings *settings, task_cancel *cancel, kafka_consumer **ret_consumer, firn_error *err)
{
    FIRN_AUTO(kafka_consumer_freep) kafka_consumer *c = firn_calloc(1, sizeof *c);

    if (!c) return firn_fail_memory(err, "a Kafka consumer");
    c->settings = *settings;
    FIRN_TRY(start(c, cancel, err));
    *ret_consumer = FIRN_STEAL(c);
    return FIRN_OK;
}

/* Not rd_kafka_consumer_close, which has no limit: until 2.4.0 it may wait for ever for a hand-over that comes meanwhile (librdkafka's pull
 * request 4528). */
static bool
close_client(kafka_consumer *c)
{
    uint64_t until_us = firn_clock_monotonic_us() + CLOSE_MS * 1000;

    c->is_closing = true;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->client);
    rd_kafka_error_t *failed = rd_kafka_consumer_close_queue(c->client, queue);
    while (!failed && !rd_kafka_consumer_closed(c->client) && firn_clock_monotonic_us() < until_us) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, CLOSE_STEP_MS); /* answers the group, too */
        if (message) rd_kafka_message_destroy(message);
    }
    bool is_closed = failed || rd_kafka_consumer_closed(c->client);
    if (failed) rd_kafka_error_destroy(failed);
    rd_kafka_queue_destroy(queue);
    return is_closed;
}

/* False: it stays until the process ends, and whatever its threads use. */
static bool
destroy_client(kafka_consumer *c)
{
    if (c->has_subscribed && !close_client(c)) return false;
    if (c->has_subscribed && !c->was_assigned && rd_kafka_version() < DESTROYS_UNASSIGNED) return false;
    if (c->messages) rd_kafka_queue_destroy(c->messages);
    rd_kafka_destroy(c->client);
    return true;
}

void
kafka_consumer_free(kafka_consumer *c)
{
    if (!c) return;
    if (c->finished) task_cancel_request(c->finished);
    task_group_free(c->threads); /* joins */
    c->threads = NULL;
    if (c->client && !destroy_client(c)) return;
    if (c->changed) rd_kafka_topic_partition_list_destroy(c->changed);
    if (c->shown) rd_kafka_topic_partition_list_destroy(c->shown);
    if (c->topics) rd_kafka_metadata_destroy(c->topics);
    task_cancel_free(c->finished);
    task_lock_free(c->lock);
    kafka_trouble_free(c->trouble);
    firn_free(c);
}

const char *
kafka_consumer_cluster_id(const kafka_consumer *c)
{
    return c->cluster_id;
}

rd_kafka_t *
kafka_consumer_client(kafka_consumer *c)
{
    return c->client;
}

/* ---- the group ---- */

group_change
kafka_consumer_change(kafka_consumer *c)
{
    if (c->shown) rd_kafka_topic_partition_list_destroy(c->shown);
    task_lock_hold(c->lock);
    c->shown = c->changed ? rd_kafka_topic_partition_list_copy(c->changed) : NULL;
    group_change change = {.kind = c->change, .is_lost = c->is_lost, .partitions = c->shown};
    task_lock_release(c->lock);
    return change;
}

/* Messages of the partition come to our queue, not to the one that answers the group. */
static firn_status
redirect(kafka_consumer *c, const rd_kafka_topic_partition_list_t *partitions, firn_error *err)
{
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(c->client, partitions->elems[i].topic, partitions->elems[i].partition);

        if (!queue) return firn_fail(err, FIRN_E_KAFKA_TOPIC, "there is no partition %d of topic '%s'", (int) partitions->elems[i].partition, partitions->elems[i].topic);
        rd_kafka_queue_forward(queue, c->messages);
        rd_kafka_queue_destroy(queue);
    }
    return FIRN_OK;
}

firn_status
kafka_consumer_accept(kafka_consumer *c, const rd_kafka_topic_partition_list_t *offsets, firn_error *err)
{
    rd_kafka_error_t *failed = NULL;
    rd_kafka_topic_partition_list_t *revoked = NULL;

    /* The group may have gone on to another change meanwhile: that one waits. */
    task_lock_hold(c->lock);
    if (c->change == (offsets ? GROUP_ASSIGNS : GROUP_REVOKES)) {
        revoked = FIRN_STEAL(c->changed);
        c->change = GROUP_UNCHANGED;
    }
    task_lock_release(c->lock);
    if (offsets && !redirect(c, offsets, err)) failed = rd_kafka_incremental_assign(c->client, offsets);
    if (!offsets && revoked) failed = rd_kafka_incremental_unassign(c->client, revoked);
    if (revoked) rd_kafka_topic_partition_list_destroy(revoked);
    if (!failed) return err->status;
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    rd_kafka_error_destroy(failed);
    /* Of a group that has gone on meanwhile: the next change says what holds now. */
    if (code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__CONFLICT || code == RD_KAFKA_RESP_ERR__INVALID_ARG) return FIRN_OK;
    return kafka_fail(err, c->settings.cluster, c->trouble, code, "cannot take over partitions");
}

/* ---- offsets ---- */

firn_status
kafka_consumer_watermarks(kafka_consumer *c, const char *topic, int32_t partition, int64_t *ret_low, int64_t *ret_high, firn_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(c->client, topic, partition, ret_low, ret_high, ASK_MS);

    return code ? kafka_fail(err, c->settings.cluster, c->trouble, code, "cannot ask for a topic's offsets") : FIRN_OK;
}

int64_t
kafka_consumer_high(kafka_consumer *c, const char *topic, int32_t partition)
{
    int64_t low = -1, high = -1;

    return rd_kafka_get_watermark_offsets(c->client, topic, partition, &low, &high) || high < 0 ? -1 : high;
}

firn_status
kafka_consumer_told(kafka_consumer *c, rd_kafka_topic_partition_list_t *offsets, firn_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(c->client, offsets, TOLD_MS);

    return code ? kafka_fail(err, c->settings.cluster, c->trouble, code, "cannot ask for the group's offsets") : FIRN_OK;
}

void
kafka_consumer_mirror(kafka_consumer *c, const rd_kafka_topic_partition_list_t *offsets)
{
    (void) rd_kafka_commit(c->client, offsets, 1);
}

/* ---- messages ---- */

uint64_t
kafka_consumer_silent_us(kafka_consumer *c, uint64_t now_us)
{
    uint64_t since_us = __atomic_load_n(&c->trouble->silent_since_us, __ATOMIC_RELAXED);

    return since_us && now_us > since_us ? now_us - since_us : 0;
}

bool
kafka_consumer_is_connected(kafka_consumer *c)
{
    return __atomic_load_n(&c->trouble->silent_since_us, __ATOMIC_RELAXED) == 0;
}

bool
kafka_consumer_is_drained(const kafka_consumer *c)
{
    return rd_kafka_queue_length(c->messages) == 0;
}

void
kafka_consumer_interrupt(kafka_consumer *c)
{
    rd_kafka_queue_yield(c->messages);
}

firn_status
kafka_consumer_read(kafka_consumer *c, uint64_t timeout_ms, rd_kafka_message_t *ret_messages[], size_t most, size_t *ret_count,
                    firn_error *err)
{
    task_lock_hold(c->lock);
    rd_kafka_resp_err_t failure = c->failure;
    task_lock_release(c->lock);
    *ret_count = 0;
    if (failure) return kafka_fail(err, c->settings.cluster, c->trouble, failure, "cannot go on reading the topics");
    look_at_queue(c);
    /* Not rd_kafka_consume_batch_queue: until 2.1.0 a pause within a batch, as every hand-over brings, drops messages that the position is
     * behind already (librdkafka's pull request 4208): they never come. */
    while (*ret_count < most && (ret_messages[*ret_count] = rd_kafka_consume_queue(c->messages, *ret_count ? 0 : (int) timeout_ms)) != NULL) ++*ret_count;
    if (*ret_count) __atomic_store_n(&c->trouble->silent_since_us, 0, __ATOMIC_RELAXED);
    c->read_count += *ret_count;
    for (size_t i = 0; i < *ret_count; i++) c->read_bytes += ret_messages[i]->len + ret_messages[i]->key_len;
    return FIRN_OK;
}
