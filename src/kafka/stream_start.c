#include "kafka/stream_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

#define LEADER_ATTEMPTS 10u
#define LEADER_WAIT_MS 200u

/* ---- tables ---- */

stream_table *
stream_find_table(kafka_stream *s, const char *schema, const char *name)
{
    for (stream_table *t = s->tables; t; t = t->next) {
        if (strcmp(t->name, name) == 0 && strcmp(t->schema, schema) == 0) return t;
    }
    stream_table *made = firn_calloc(1, sizeof *made);
    if (!made) return NULL;
    made->schema = firn_strdup(schema);
    made->name = firn_strdup(name);
    for (unsigned i = 0; i < s->settings.key_count; i++) {
        if (strcmp(s->settings.keys[i].table, name) != 0) continue;
        made->key = s->settings.keys[i].columns;
        made->key_count = s->settings.keys[i].column_count;
    }
    made->next = s->tables;
    s->tables = made;
    return made->schema && made->name ? made : NULL;
}

/* One allocation, as debezium/ makes them: change_relation_unref frees it. */
static firn_status
make_lake_relation(stream_table *table, const table_schema *schema, firn_error *err)
{
    size_t size = sizeof(dbz_relation) + schema->field_count * (sizeof(change_column) + sizeof(dbz_column)) + strlen(table->schema) + strlen(table->name) + 2;

    for (unsigned i = 0; i < schema->field_count; i++) size += strlen(schema->fields[i].name) + 1;
    dbz_relation *made = firn_calloc(1, size);
    if (!made) return firn_fail_memory(err, "a table's description");
    change_column *columns = (change_column *) (void *) (made + 1);
    dbz_column    *members = (dbz_column *) (void *) (columns + schema->field_count);
    char          *text = (char *) (members + schema->field_count);
    const char   **names[] = {&made->base.schema, &made->base.name};
    const char    *texts[] = {table->schema, table->name};
    for (unsigned i = 0; i < 2 + schema->field_count; i++) {
        const char *from = i < 2 ? texts[i] : schema->fields[i - 2].name;
        size_t      length = strlen(from) + 1;
        memcpy(text, from, length);
        if (i < 2) *names[i] = text;
        else
            columns[i - 2] = (change_column){.name = text, .typmod = -1};
        text += length;
    }
    for (unsigned k = 0; k < schema->key_count; k++) {
        int index = schema_column_index(schema, schema_field_by_id(schema, schema->key_ids[k])->name);
        columns[index].is_key = true;
    }
    made->base.ref_count = 1;
    made->base.identity = schema->key_count ? IDENTITY_DEFAULT : IDENTITY_FULL;
    made->base.column_count = schema->field_count;
    made->base.key_count = schema->key_count;
    made->base.columns = columns;
    made->columns = members;
    if (table->in_lake) change_relation_unref(&table->in_lake->base);
    table->in_lake = made;
    return FIRN_OK;
}

static firn_status
check_cluster(const kafka_stream *s, const stream_table *table, firn_error *err)
{
    const char *here = kafka_consumer_cluster_id(s->consumer), *there = table->places.cluster_id;

    if (!there || !*there || strcmp(here, there) == 0) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_IDENTITY, "table '%s' has offsets of Kafka cluster %s, and '%s' is cluster %s", table->name, there,
                     s->settings.cluster->name, here);
    firn_hint(err, "set follow: kafka_cluster: to the cluster that was followed; or load the tables again");
    firn_state(err, "nothing was changed");
    return err->status;
}

/* A topic that a table was read from is there, with all partitions. */
static firn_status
check_topics(const kafka_stream *s, const stream_table *table, firn_error *err)
{
    for (unsigned i = 0; i < table->places.count; i++) {
        const kafka_place *place = &table->places.places[i];

        if (place->partition < kafka_consumer_partitions(s->consumer, place->topic)) continue;
        (void) firn_fail(err, FIRN_E_KAFKA_REWOUND, "table '%s' has read partition %d of topic '%s' up to offset %" PRId64 ", and it is not there any more",
                         table->name, (int) place->partition, place->topic, place->next_offset);
        firn_hint(err, "it was deleted, perhaps to be made anew with the next change: compare with firn validate, and load the table again");
        firn_state(err, "nothing was changed");
        return err->status;
    }
    return FIRN_OK;
}

static firn_status
take_table(kafka_stream *s, const change_table_start *start, firn_error *err)
{
    stream_table *table = stream_find_table(s, s->settings.schema, start->name);
    uint64_t      number;

    if (!table) return firn_fail_memory(err, "a stream of changes");
    firn_arena_done(&table->arena);
    table->is_followed = true;
    table->is_keyed = start->is_keyed;
    table->places = (kafka_places){0};
    /* A position of the direct stream, now or when the table came to Kafka: what it contains is as good as loaded. */
    const char *direct = start->position && change_position_parse(start->position, &number) ? start->position : NULL;
    if (start->position && !direct) {
        FIRN_TRY(kafka_places_parse(start->position, start->name, &table->arena, &table->places, err));
        direct = table->places.since;
    }
    FIRN_TRY(load_point_parse(direct ? direct : start->load_position, start->load_snapshot, direct || start->load_is_exact, start->name,
                              &table->arena, &table->load, err));
    if (direct) FIRN_TRY(load_point_follow(&table->load, start->load_position, start->applied, &table->arena, err));
    if (start->schema) FIRN_TRY(make_lake_relation(table, start->schema, err));
    return check_cluster(s, table, err);
}

/* A position that names a topic of another table's name has seen that it is shared. */
static void
note_shared(const kafka_stream *s, stream_topic *topic)
{
    for (const stream_table *t = s->tables; t && topic->owner && !topic->is_shared; t = t->next)
        topic->is_shared = t->is_followed && !stream_topic_is_named_for(topic, t) && kafka_places_has_topic(&t->places, topic->name);
}

firn_status
stream_take_tables(kafka_stream *s, const change_table_start tables[], unsigned count, firn_error *err)
{
    for (unsigned i = 0; i < count; i++) FIRN_TRY(take_table(s, &tables[i], err));
    for (stream_topic *t = s->topics; t; t = t->next) note_shared(s, t);
    return FIRN_OK;
}

firn_status
stream_check_topics(const kafka_stream *s, firn_error *err)
{
    for (const stream_table *t = s->tables; t; t = t->next) FIRN_TRY(check_topics(s, t, err));
    return FIRN_OK;
}

/* ---- topics ---- */

stream_topic *
stream_find_topic(kafka_stream *s, const char *name)
{
    for (stream_topic *t = s->topics; t; t = t->next) {
        if (strcmp(t->name, name) == 0) return t;
    }
    stream_topic *made = stream_topic_new(name, s->settings.topic_prefix, s->settings.schema);
    if (!made) return NULL;
    made->next = s->topics;
    note_shared(s, made);
    return s->topics = made;
}

static bool
is_named_for_followed(const kafka_stream *s, const stream_topic *topic)
{
    for (const stream_table *t = s->tables; t; t = t->next) {
        if (t->is_followed && stream_topic_is_named_for(topic, t)) return true;
    }
    return false;
}

void
stream_note_owner(const kafka_stream *s, stream_topic *topic, const topic_table *t)
{
    if (!topic->owner || topic->is_shared || t->is_named || strcmp(t->table->schema, s->settings.schema) != 0 || is_named_for_followed(s, topic))
        return;
    topic->is_shared = true;
    /* It was read from where it began, since nobody had a place in it. */
    for (unsigned i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i]) topic->partitions[i]->from_beginning = true;
    }
}

firn_status
stream_check_owner(const stream_topic *topic, const topic_table *t, firn_error *err)
{
    const stream_table *table = t->table;

    if (!topic->owner) return FIRN_OK;
    if (table->is_followed && !topic->is_shared && !t->is_named)
        return firn_fail(err, FIRN_E_KAFKA_ROUTING, "topic '%s' is named for another table, and has changes of '%s'", topic->name, table->name);
    if (!table->is_followed && topic->is_shared && t->is_named)
        return firn_fail(err, FIRN_E_KAFKA_ROUTING, "topic '%s' has changes of several tables, and of one that has its name and that nobody has loaded", topic->name);
    return FIRN_OK;
}

/* What a table has in a partition, from its position in the lake. */
static void
restore_place(const topic_table *t, const stream_topic *topic, int32_t number, table_place *place)
{
    const kafka_place *known = kafka_places_find(&t->table->places, topic->name, number);

    *place = (table_place){.has_before = -1};
    if (!known) return;
    place->has_before = known->next_offset;
    place->order = (event_order){.has_order = known->has_order, .order = known->order, .count = known->order_count, .first_hash = known->order_hash, .commit_us = known->commit_us};
    place->before_run = place->order;
}

firn_status
stream_table_in(kafka_stream *s, stream_topic *topic, stream_table *table, topic_table **ret_table, firn_error *err)
{
    topic_table *t = topic->tables;

    while (t && t->table != table) t = t->next;
    if (!t) {
        dbz_table_settings settings = {.schema = table->schema, .name = table->name, .id = ++s->table_number, .key = table->key, .key_count = table->key_count, .unavailable = s->settings.placeholder};

        if (!(t = firn_calloc(1, sizeof *t))) return firn_fail_memory(err, "a stream of changes");
        t->table = table;
        t->is_named = stream_topic_is_named_for(topic, table);
        if (dbz_table_new(&settings, &t->rows, err)) {
            topic_table_free(t);
            return err->status;
        }
        t->next = topic->tables;
        topic->tables = t;
        for (unsigned i = 0; i < topic->partition_count; i++) {
            table_place *place = topic_table_place(t, (int32_t) i);
            if (!place) return firn_fail_memory(err, "a stream of changes");
            restore_place(t, topic, (int32_t) i, place);
        }
    }
    *ret_table = t;
    return FIRN_OK;
}

/* ---- where a partition begins ---- */

static firn_status
fail_lost(const stream_partition *p, const stream_table *table, int64_t wanted, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_OFFSET_LOST, "topic '%s', partition %d, begins at offset %" PRId64 ": table '%s' needs what was from %" PRId64 " on",
                     p->topic->name, (int) p->number, p->low, table->name, wanted);
    firn_hint(err, "load the table again, and follow it within the topic's retention (retention.ms, retention.bytes)");
    firn_state(err, "nothing was skipped: no table has got any further");
    return err->status;
}

static firn_status
fail_rewound(const stream_partition *p, const stream_table *table, int64_t high, int64_t wanted, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_REWOUND,
                     "topic '%s', partition %d, ends at offset %" PRId64 ", and table '%s' has read it up to %" PRId64
                     ": it was deleted and made anew, or has lost its end",
                     p->topic->name, (int) p->number, high, table->name, wanted);
    firn_hint(err, "compare with firn validate, and load the table again");
    firn_state(err, "nothing was skipped: no table has got any further");
    return err->status;
}

/* The least that a table that may have events here still needs; `ret_place`: what it knows of the message before. */
static firn_status
find_begin(const kafka_stream *s, stream_partition *p, int64_t high, int64_t *ret_offset, const kafka_place **ret_place, firn_error *err)
{
    int64_t least = INT64_MAX;

    for (const stream_table *t = s->tables; t; t = t->next) {
        if (!t->is_followed || t->is_stopped || !stream_topic_may_have(p->topic, t)) continue;
        const kafka_place *known = kafka_places_find(&t->places, p->topic->name, p->number);
        if (!known) {
            p->from_beginning = true;
            continue;
        }
        if (known->next_offset < p->low) return fail_lost(p, t, known->next_offset, err);
        if (known->next_offset > high) return fail_rewound(p, t, high, known->next_offset, err);
        if (known->next_offset >= least) continue;
        least = known->next_offset;
        *ret_place = known;
    }
    *ret_offset = p->from_beginning || least == INT64_MAX ? p->low : least;
    if (*ret_offset != least) *ret_place = NULL;
    return FIRN_OK;
}

/* A topic that was made a moment ago may not have a leader yet. */
static firn_status
find_ends(kafka_stream *s, stream_partition *p, int64_t *ret_high, firn_error *err)
{
    for (unsigned attempt = 0;; attempt++) {
        if (!kafka_consumer_watermarks(s->consumer, p->topic->name, p->number, &p->low, ret_high, err)) return FIRN_OK;
        if (err->code != FIRN_E_KAFKA_TOPIC) return err->status;
        firn_error_reset(err);
        if (attempt == LEADER_ATTEMPTS || task_cancel_wait(s->caller, LEADER_WAIT_MS)) break;
    }
    /* The group has handed out a topic that goes just now: what comes in its place is handed out again. */
    p->low = *ret_high = 0;
    return FIRN_OK;
}

static firn_status
begin_partition(kafka_stream *s, rd_kafka_topic_partition_t *given, firn_error *err)
{
    stream_topic     *topic = stream_find_topic(s, given->topic);
    stream_partition *p = topic ? stream_topic_partition(topic, given->partition) : NULL;
    const kafka_place *place = NULL;
    int64_t           high = 0;

    if (!p) return firn_fail_memory(err, "a stream of changes");
    stream_partition_clear(p);
    p->from_beginning = false;
    p->form = ROW_FORM_UNKNOWN;
    FIRN_TRY(find_ends(s, p, &high, err));
    FIRN_TRY(find_begin(s, p, high, &p->read_offset, &place, err));
    if (s->settings.cluster->from_latest && p->from_beginning) {
        p->from_beginning = false;
        p->read_offset = high;
    }
    if (topic->is_aside) p->read_offset = high; /* nobody needs what is there */
    if (p->target <= 0) p->target = high;
    p->eof = p->check_offset = p->told_offset = -1;
    if (s->held_of == p) s->held_of = NULL;
    p->mark = place ? place->mark : 0;
    given->offset = p->read_offset;
    /* The message before shows whether it is still the same topic. */
    if (place && place->mark && p->read_offset > p->low) {
        p->check_offset = given->offset = p->read_offset - 1;
        p->check_mark = place->mark;
    }
    p->is_open = p->awaits_next = false;
    p->heard_us = firn_clock_monotonic_us();
    if (!p->is_assigned) {
        p->next_assigned = s->assigned;
        s->assigned = p;
    }
    p->is_assigned = true;
    if (!p->origin_part) p->origin_part = ++s->part_count;
    for (topic_table *t = topic->tables; t; t = t->next) {
        table_place *of_table = topic_table_place(t, p->number);
        if (!of_table) return firn_fail_memory(err, "a stream of changes");
        restore_place(t, topic, p->number, of_table);
    }
    return FIRN_OK;
}

firn_status
stream_accept_assigned(kafka_stream *s, const rd_kafka_topic_partition_list_t *partitions, firn_error *err)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_copy(partitions);
    firn_status status = FIRN_OK;

    for (int i = 0; i < offsets->cnt && !status; i++) status = begin_partition(s, &offsets->elems[i], err);
    if (!status) status = kafka_consumer_accept(s->consumer, offsets, err);
    rd_kafka_topic_partition_list_destroy(offsets);
    s->was_assigned = true;
    return status;
}

static void
end_partition(kafka_stream *s, stream_partition *p)
{
    stream_partition **slot = &s->assigned;

    stream_partition_clear(p);
    p->is_assigned = p->is_open = false;
    while (*slot && *slot != p) slot = &(*slot)->next_assigned;
    if (*slot) *slot = p->next_assigned;
    if (s->at == p) s->at = NULL;
}

firn_status
stream_accept_revoked(kafka_stream *s, const rd_kafka_topic_partition_list_t *partitions, firn_error *err)
{
    for (int i = 0; i < partitions->cnt; i++) {
        stream_topic     *topic = stream_find_topic(s, partitions->elems[i].topic);
        stream_partition *p = topic ? stream_topic_partition(topic, partitions->elems[i].partition) : NULL;

        if (!p) return firn_fail_memory(err, "a stream of changes");
        end_partition(s, p);
    }
    return kafka_consumer_accept(s->consumer, NULL, err);
}
