#include "kafka/stream_state.h"

#include <string.h>

#include "base/alloc.h"

/* A partition that the position does not name counts for so many messages: it is worth a commit of its own. */
#define NEW_PARTITION ((uint64_t) 1 << 32)
#define TEXT_BYTES_MAX ((size_t) 64 << 20)

/* ---- where the stream stands in a partition: before the run at work ---- */

static int64_t
offset_of(const kafka_stream *s, const stream_partition *p)
{
    return s->running == p ? p->run_offset : p->read_offset;
}

static uint64_t
mark_of(const kafka_stream *s, const stream_partition *p)
{
    return s->running == p ? p->run_mark : stream_mark(s, p);
}

static const stream_table *
find_followed(const kafka_stream *s, const char *name)
{
    const stream_table *t = s->tables;

    while (t && !(t->is_followed && strcmp(t->name, name) == 0)) t = t->next;
    return t;
}

static void
add_order(const kafka_stream *s, const stream_partition *p, const stream_table *table, kafka_place *place)
{
    const topic_table *t = p->topic->tables;

    while (t && t->table != table) t = t->next;
    if (!t || (unsigned) p->number >= t->place_count) return;
    const table_place *of_table = &t->places[p->number];
    const event_order *order = s->running && of_table->run == s->run ? &of_table->before_run : &of_table->order;
    place->has_order = order->has_order;
    place->order = order->order;
    place->order_count = order->count;
    place->order_hash = order->first_hash;
    place->commit_us = order->commit_us;
}

/* What the table has in a partition of ours; where it was further than the stream is yet: that. */
static kafka_place
place_in(const kafka_stream *s, const stream_partition *p, const stream_table *table, const kafka_place *durable)
{
    kafka_place place = {.topic = p->topic->name, .partition = p->number, .next_offset = offset_of(s, p), .mark = mark_of(s, p)};

    if (durable && durable->next_offset >= place.next_offset) return *durable;
    add_order(s, p, table, &place);
    return place;
}

static unsigned
count_ours(const kafka_stream *s, const stream_table *table)
{
    unsigned count = 0;

    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) count += stream_topic_may_have(p->topic, table);
    return count;
}

static bool
is_ours(const kafka_stream *s, const kafka_place *place)
{
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (p->number == place->partition && strcmp(p->topic->name, place->topic) == 0) return true;
    }
    return false;
}

static firn_status
gather(const kafka_stream *s, const stream_table *table, const kafka_places *durable, firn_arena *arena, kafka_places *ret_places,
       firn_error *err)
{
    kafka_places places = {.cluster_id = kafka_consumer_cluster_id(s->consumer), .since = durable->since};

    places.places = firn_arena_array(arena, durable->count + count_ours(s, table) + 1u, sizeof *places.places);
    if (!places.places) return firn_fail_memory(err, "a table's position");
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (stream_topic_may_have(p->topic, table))
            places.places[places.count++] = place_in(s, p, table, kafka_places_find(durable, p->topic->name, p->number));
    }
    /* Partitions that somebody else reads, or nobody now. */
    for (unsigned i = 0; i < durable->count; i++) {
        if (!is_ours(s, &durable->places[i])) places.places[places.count++] = durable->places[i];
    }
    kafka_places_sort(&places);
    *ret_places = places;
    return FIRN_OK;
}

static firn_status
read_durable(const char *durable, const char *table, firn_arena *arena, kafka_places *ret_places, firn_error *err)
{
    uint64_t number;

    *ret_places = (kafka_places){0};
    if (!durable) return FIRN_OK;
    if (change_position_parse(durable, &number)) {
        ret_places->since = firn_arena_strdup(arena, durable);
        return ret_places->since ? FIRN_OK : firn_fail_memory(err, "a table's position");
    }
    return kafka_places_parse(durable, table, arena, ret_places, err);
}

firn_status
stream_place(change_stream *stream, const char *name, const char *durable, firn_arena *arena, const char **ret_text, firn_error *err)
{
    const kafka_stream *s = (const kafka_stream *) stream;
    const stream_table *table = find_followed(s, name);
    kafka_places        before, now;
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    if (!table) return firn_fail(err, FIRN_E_BUG, "a position of '%s', which is not followed", name);
    FIRN_TRY(read_durable(durable, name, arena, &before, err));
    FIRN_TRY(gather(s, table, &before, arena, &now, err));
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    FIRN_TRY(kafka_places_format(&now, &text, err));
    *ret_text = firn_arena_text(arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a table's position");
}

uint64_t
stream_passed(change_stream *stream, const char *name, const char *durable)
{
    const kafka_stream *s = (const kafka_stream *) stream;
    const stream_table *table = find_followed(s, name);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error   ignored = {0};
    kafka_places before;
    uint64_t     passed = 0;

    if (!table || read_durable(durable, name, &arena, &before, &ignored)) return 0;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (!stream_topic_may_have(p->topic, table)) continue;
        const kafka_place *known = kafka_places_find(&before, p->topic->name, p->number);
        int64_t            from = known ? known->next_offset : 0, to = offset_of(s, p);
        if (!known) passed += NEW_PARTITION;
        else if (to > from) passed += (uint64_t) (to - from);
    }
    return passed;
}

static bool
same_in(const stream_partition *p, const kafka_places *a, const kafka_places *b)
{
    const kafka_place *x = kafka_places_find(a, p->topic->name, p->number), *y = kafka_places_find(b, p->topic->name, p->number);

    return x == y || (x && y && x->next_offset == y->next_offset && x->mark == y->mark);
}

bool
stream_same_place(const change_stream *stream, const char *a, const char *b)
{
    const kafka_stream *s = (const kafka_stream *) stream;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error   ignored = {0};
    kafka_places x, y;
    uint64_t     number;
    bool         is_kafka = a && b && !change_position_parse(a, &number) && !change_position_parse(b, &number);

    if (a == b || (a && b && strcmp(a, b) == 0)) return true;
    if (!is_kafka || read_durable(a, "", &arena, &x, &ignored) || read_durable(b, "", &arena, &y, &ignored)) return false;
    for (const stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (!same_in(p, &x, &y)) return false;
    }
    return true;
}

/* All before it was taken: behind the last message there may be nothing but what nobody sees. */
static int64_t
end_of(const kafka_stream *s, const stream_partition *p)
{
    int64_t offset = offset_of(s, p);

    return s->running != p && !p->count && p->eof > offset ? p->eof : offset;
}

/* The group is told what is durable, for others to see. Nobody goes on from there. */
void
stream_acknowledge(change_stream *stream, uint64_t position)
{
    kafka_stream *s = (kafka_stream *) stream;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(8);

    for (stream_partition *p = s->assigned; p; p = p->next_assigned) {
        if (end_of(s, p) == p->told_offset) continue;
        p->told_offset = end_of(s, p);
        rd_kafka_topic_partition_list_add(offsets, p->topic->name, p->number)->offset = p->told_offset;
    }
    if (offsets->cnt) kafka_consumer_mirror(s->consumer, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
    s->counts.acknowledged_position = position;
}
