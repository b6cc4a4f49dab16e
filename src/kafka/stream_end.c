#include "kafka/stream_state.h"

#include <string.h>

/* Once a second: topics that nobody finds until then are gone. */
#define ENDS_ASKED_MAX 30u

/* ---- our own partitions ---- */

bool
stream_has_reached_end(const kafka_stream *s)
{
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        /* The end may lie behind markers of transactions, which nobody sees. */
        if (p->read_offset < p->target && (p->count || p->eof < p->target)) return false;
    }
    return (s->was_assigned || !kafka_consumer_partition_total(s->consumer)) && !s->running && !s->pending_table;
}

/* ---- those of others, or of nobody yet ---- */

/* Where they end now: what comes later is not waited for. */
static firn_status
note_ends(kafka_stream *s, firn_error *err)
{
    const char *name;
    int         partition_count = 0;
    bool        is_whole = true;

    for (int i = 0; (name = kafka_consumer_topic(s->consumer, i, &partition_count)) != NULL; i++) {
        stream_topic *topic = stream_find_topic(s, name);

        if (!topic) return firn_fail_memory(err, "a stream of changes");
        for (int k = 0; k < partition_count && !topic->is_aside; k++) {
            stream_partition *p = stream_topic_partition(topic, k);

            if (!p) return firn_fail_memory(err, "a stream of changes");
            if (p->target >= 0) continue;
            int64_t high = -1;
            if (!kafka_consumer_watermarks(s->consumer, name, k, &p->low, &high, err)) {
                p->target = high;
                continue;
            }
            if (err->code != FIRN_E_KAFKA_TOPIC) return err->status;
            /* It was deleted just now, or the brokers do not know yet who leads it: the latter is over soon. */
            firn_error_reset(err);
            if (s->ends_asked < ENDS_ASKED_MAX) is_whole = false;
            else
                p->low = p->target = 0;
        }
    }
    s->ends_asked++;
    s->knows_ends = is_whole;
    return FIRN_OK;
}

/* What the lake says: every table that may have events there has it. */
static bool
is_in_lake(const kafka_stream *s, const stream_partition *p, const change_table_start tables[], const kafka_places places[], unsigned count)
{
    bool found = false;

    for (unsigned i = 0; i < count; i++) {
        const stream_table table = {.schema = s->settings.schema, .name = tables[i].name};

        if (!stream_topic_may_have(p->topic, &table)) continue;
        const kafka_place *place = kafka_places_find(&places[i], p->topic->name, p->number);
        if (!place || place->next_offset < p->target) return false;
        found = true;
    }
    return found;
}

/* What is at its end may be nothing for any table (tombstones, events that are older than a load): then whoever reads it says so to the group. */
static firn_status
ask_group(kafka_stream *s, rd_kafka_topic_partition_list_t *open, bool *ret_reached, firn_error *err)
{
    bool reached = true;

    if (open->cnt) FIRN_TRY(kafka_consumer_told(s->consumer, open, err));
    for (int i = 0; i < open->cnt; i++) {
        stream_topic     *topic = stream_find_topic(s, open->elems[i].topic);
        stream_partition *p = topic ? stream_topic_partition(topic, open->elems[i].partition) : NULL;

        if (!p) return firn_fail_memory(err, "a stream of changes");
        if (open->elems[i].err || open->elems[i].offset < p->target) reached = false;
    }
    *ret_reached = reached;
    return FIRN_OK;
}

static firn_status
look(kafka_stream *s, const change_table_start tables[], unsigned count, bool *ret_reached, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    kafka_places *places = firn_arena_array(&arena, count + 1u, sizeof *places);
    rd_kafka_topic_partition_list_t *open = rd_kafka_topic_partition_list_new(8);
    uint64_t    number;
    firn_status status = places ? FIRN_OK : firn_fail_memory(err, "the tables' positions");

    for (unsigned i = 0; i < count && !status; i++) {
        places[i] = (kafka_places){0};
        if (tables[i].position && !change_position_parse(tables[i].position, &number))
            status = kafka_places_parse(tables[i].position, tables[i].name, &arena, &places[i], err);
    }
    for (const stream_topic *t = s->topics; t && !status; t = t->next) {
        for (unsigned i = 0; i < t->partition_count && !t->is_aside; i++) {
            const stream_partition *p = t->partitions[i];

            if (p && !p->is_assigned && p->target > p->low && !is_in_lake(s, p, tables, places, count))
                rd_kafka_topic_partition_list_add(open, t->name, p->number);
        }
    }
    if (!status) status = ask_group(s, open, ret_reached, err);
    rd_kafka_topic_partition_list_destroy(open);
    return status;
}

firn_status
stream_others_reached(change_stream *stream, const change_table_start tables[], unsigned count, bool *ret_reached, firn_error *err)
{
    kafka_stream *s = (kafka_stream *) stream;
    firn_status   status = s->knows_ends ? FIRN_OK : note_ends(s, err);

    *ret_reached = false;
    if (!status && s->knows_ends) status = look(s, tables, count, ret_reached, err);
    if (status != FIRN_UNAVAILABLE) return status;
    firn_error_reset(err); /* asked again later */
    return FIRN_OK;
}
