#include "kafka/kafka_place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "change/change_stream.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

/* ---- order ---- */

static int
compare(const void *x, const void *y)
{
    const kafka_place *a = x, *b = y;
    int                by_topic = strcmp(a->topic, b->topic);

    if (by_topic) return by_topic;
    return a->partition < b->partition ? -1 : a->partition > b->partition;
}

void
kafka_places_sort(kafka_places *places)
{
    if (places->count) qsort(places->places, places->count, sizeof *places->places, compare);
}

/* The first that is not before (topic, partition). */
static unsigned
lower_bound(const kafka_places *places, const char *topic, int32_t partition)
{
    const kafka_place wanted = {.topic = topic, .partition = partition};
    unsigned          from = 0, to = places->count;

    while (from < to) {
        unsigned middle = from + (to - from) / 2;
        if (compare(&places->places[middle], &wanted) < 0) from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const kafka_place *
kafka_places_find(const kafka_places *places, const char *topic, int32_t partition)
{
    unsigned at = lower_bound(places, topic, partition);

    if (at == places->count) return NULL;
    const kafka_place *found = &places->places[at];
    return found->partition == partition && strcmp(found->topic, topic) == 0 ? found : NULL;
}

bool
kafka_places_has_topic(const kafka_places *places, const char *topic)
{
    unsigned at = lower_bound(places, topic, INT32_MIN);

    return at < places->count && strcmp(places->places[at].topic, topic) == 0;
}

/* ---- text ---- */

static void
write_place(jwriter *w, const kafka_place *place)
{
    char text[24];

    jwrite_array(w);
    jwrite_i64(w, place->next_offset);
    (void) snprintf(text, sizeof text, "%016" PRIx64, place->mark);
    jwrite_text(w, text);
    if (place->has_order) {
        jwrite_array(w);
        const dbz_order *order = &place->order;
        jwrite_u64(w, order->major);
        jwrite_u64(w, order->minor);
        if (order->third || order->fourth) {
            jwrite_u64(w, order->third);
            jwrite_u64(w, order->fourth);
        }
        jwrite_array_end(w);
        jwrite_u64(w, place->order_count);
        (void) snprintf(text, sizeof text, "%016" PRIx64, place->order_hash);
        jwrite_text(w, text);
        jwrite_i64(w, place->commit_us);
    }
    jwrite_array_end(w);
}

firn_status
kafka_places_format(const kafka_places *places, firn_buffer *out, firn_error *err)
{
    jwriter     w;
    const char *topic = NULL;
    char        number[16];

    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "kafka", places->cluster_id);
    if (places->since) jwrite_member_text(&w, "since", places->since);
    jwrite_key(&w, "topics");
    jwrite_object(&w);
    for (unsigned i = 0; i < places->count; i++) {
        const kafka_place *place = &places->places[i];

        if (!topic || strcmp(topic, place->topic) != 0) {
            if (topic) jwrite_object_end(&w);
            topic = place->topic;
            jwrite_key(&w, topic);
            jwrite_object(&w);
        }
        (void) snprintf(number, sizeof number, "%" PRId32, place->partition);
        jwrite_key(&w, number);
        write_place(&w, place);
    }
    if (topic) jwrite_object_end(&w);
    jwrite_object_end(&w);
    jwrite_object_end(&w);
    return jwrite_end(&w);
}

/* Numbers over 2^63 come as what jansson makes of them; orders are below that. */
static bool
parse_order(const jvalue *value, kafka_place *place)
{
    int64_t numbers[4] = {0};
    size_t  count = jcount(value);

    if (count != 2 && count != 4) return false;
    for (size_t i = 0; i < count; i++)
        if (!jinteger(jat(value, i), &numbers[i]) || numbers[i] < 0) return false;
    place->order = (dbz_order){.is_known = true, .major = (uint64_t) numbers[0], .minor = (uint64_t) numbers[1], .third = (uint64_t) numbers[2], .fourth = (uint64_t) numbers[3]};
    place->has_order = true;
    return true;
}

static bool
parse_place(const jvalue *value, const char *partition, kafka_place *place)
{
    uint64_t number;
    int64_t  count;

    if (jkind_of(value) != JARRAY || !text_parse_u64(firn_slice_text(partition), &number) || number > INT32_MAX) return false;
    place->partition = (int32_t) number;
    if (!jinteger(jat(value, 0), &place->next_offset) || place->next_offset < 0 || !text_parse_hash(jtext(jat(value, 1)), &place->mark)) return false;
    if (jcount(value) == 2) return true;
    if (jcount(value) != 6 || !jinteger(jat(value, 5), &place->commit_us) || !parse_order(jat(value, 2), place) || !jinteger(jat(value, 3), &count) || count < 0 || count > UINT32_MAX)
        return false;
    place->order_count = (uint32_t) count;
    return text_parse_hash(jtext(jat(value, 4)), &place->order_hash);
}

static bool
parse_topic(const char *topic, const jvalue *partitions, kafka_places *places, unsigned room)
{
    if (jkind_of(partitions) != JOBJECT) return false;
    for (size_t i = 0; i < jcount(partitions); i++) {
        kafka_place place = {.topic = topic};

        if (places->count == room || !parse_place(jvalue_at(partitions, i), jkey_at(partitions, i), &place)) return false;
        places->places[places->count++] = place;
    }
    return true;
}

static firn_status
fail_text(const char *text, const char *name, firn_error *err)
{
    return firn_fail(err, FIRN_E_FOLLOW_POSITION, "the property firn.position of table '%s' in the lake is no position in Kafka: %.200s",
                     name, text);
}

firn_status
kafka_places_parse(const char *text, const char *name, firn_arena *arena, kafka_places *ret_places, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error    ignored = {0};
    const jvalue *topics, *cluster, *since;
    size_t        count = 0;
    uint64_t      number;

    *ret_places = (kafka_places){0};
    if (jdoc_parse(firn_slice_text(text), "firn.position", &doc, &ignored)) return fail_text(text, name, err);
    cluster = jget(jdoc_root(doc), "kafka");
    topics = jget(jdoc_root(doc), "topics");
    since = jget(jdoc_root(doc), "since");
    if (since && (!jtext(since) || !change_position_parse(jtext(since), &number))) return fail_text(text, name, err);
    if (!jtext(cluster) || jkind_of(topics) != JOBJECT) return fail_text(text, name, err);
    for (size_t i = 0; i < jcount(topics); i++) count += jcount(jvalue_at(topics, i));
    if (count > KAFKA_PLACES_MAX) return fail_text(text, name, err);
    ret_places->cluster_id = firn_arena_strdup(arena, jtext(cluster));
    ret_places->places = firn_arena_array(arena, count + 1, sizeof *ret_places->places);
    if (since) ret_places->since = firn_arena_strdup(arena, jtext(since));
    if (!ret_places->cluster_id || !ret_places->places || (since && !ret_places->since)) return firn_fail_memory(err, "a table's position");
    for (size_t i = 0; i < jcount(topics); i++) {
        const char *topic = firn_arena_strdup(arena, jkey_at(topics, i));

        if (!topic) return firn_fail_memory(err, "a table's position");
        if (!parse_topic(topic, jvalue_at(topics, i), ret_places, (unsigned) count)) return fail_text(text, name, err);
    }
    kafka_places_sort(ret_places);
    return FIRN_OK;
}
