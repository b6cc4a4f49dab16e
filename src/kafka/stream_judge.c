#include "kafka/stream_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kafka/intake_topic.h"

/* ---- whose event ---- */

static firn_status
name_of(kafka_stream *s, const jtoken *token, const char **ret_name, firn_error *err)
{
    FIRN_TRY(dbz_name_add(token, &s->scratch, err));
    FIRN_TRY(firn_buffer_add_byte(&s->scratch, 0, err));
    *ret_name = (const char *) s->scratch.data;
    return FIRN_OK;
}

static firn_status
find_named_table(kafka_stream *s, stream_partition *p, const dbz_event *e, topic_table **ret_table, firn_error *err)
{
    char        schema[256], name[256];
    const char *text;

    firn_buffer_reset(&s->scratch);
    if (jtoken_has_text(&e->source.schema)) FIRN_TRY(name_of(s, &e->source.schema, &text, err));
    else
        text = s->settings.schema;
    (void) snprintf(schema, sizeof schema, "%s", text);
    firn_buffer_reset(&s->scratch);
    if (jtoken_has_text(&e->source.table)) FIRN_TRY(name_of(s, &e->source.table, &text, err));
    else if (p->topic->owner)
        text = p->topic->owner;
    else
        return firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it does not say of which table it is");
    (void) snprintf(name, sizeof name, "%s", text);
    stream_table *table = stream_find_table(s, schema, name);
    if (!table) return firn_fail_memory(err, "a stream of changes");
    return stream_table_in(s, p->topic, table, ret_table, err);
}

firn_status
stream_find_owner(kafka_stream *s, stream_partition *p, const intake_message *m, topic_table **ret_table, firn_error *err)
{
    if (m->origin && m->origin->table) {
        *ret_table = m->origin->table;
        return FIRN_OK;
    }
    FIRN_TRY(find_named_table(s, p, &m->event, ret_table, err));
    if (m->origin) m->origin->table = *ret_table;
    return FIRN_OK;
}

bool
stream_is_of_us(const kafka_stream *s, const intake_message *m)
{
    return m->origin ? m->origin->is_of_prefix : source_is_of_prefix(&m->event.source, s->settings.topic_prefix);
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

firn_status
stream_check_order(const stream_topic *topic, const dbz_event *e, firn_error *err)
{
    bool is_fine = e->kind == DBZ_CREATE || e->kind == DBZ_READ || (e->key.data && e->kind != DBZ_TRUNCATE);

    if (is_fine || topic->partition_count <= 1) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it is %s, and the topic has %u partitions: its place among the table's other changes is not known",
                     e->kind == DBZ_TRUNCATE ? "a TRUNCATE" : "a change of a row without a key", topic->partition_count);
    firn_hint(err, "such a table needs a topic with one partition: make it anew so, and load the table again; or set follow: dead_letter_topic: to keep such messages aside");
    return err->status;
}

firn_status
stream_judge(kafka_stream *s, stream_partition *p, topic_table *t, const intake_message *m, bool *ret_takes, firn_error *err)
{
    const dbz_event *e = &m->event;
    int64_t          offset = p->messages[p->first]->record->offset;
    table_place     *place = topic_table_place(t, p->number);

    *ret_takes = false;
    if (!place) return firn_fail_memory(err, "a stream of changes");
    if (!t->table->is_followed) {
        /* Of another schema, or of a table that nobody follows: the caller is told of the relation. */
        *ret_takes = !t->table->is_stopped && strcmp(t->table->schema, s->settings.schema) == 0;
        return *ret_takes ? flattened_row_check(e, t->table->key_count || e->key.data, NULL, t->table->name, err) : FIRN_OK;
    }
    if (t->table->is_stopped || offset < place->has_before) return FIRN_OK;
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
    FIRN_TRY(flattened_row_check(e, t->table->is_keyed, &t->table->load, t->table->name, err));
    event_novelty novelty = event_order_judge(&place->order, e, m->content_hash, t->table->is_keyed);
    if (novelty == EVENT_REPEATS) return FIRN_OK;
    if (novelty == EVENT_UNCLEAR || (verdict == LOAD_UNCLEAR && !t->table->is_keyed)) return fail_unclear(t, err);
    *ret_takes = true;
    return FIRN_OK;
}

firn_status
stream_begin_again(topic_table *t, int32_t partition, firn_error *err)
{
    table_place *place = topic_table_place(t, partition);

    if (!place) return firn_fail_memory(err, "a stream of changes");
    event_order_begin_again(&place->order);
    return FIRN_OK;
}
