#include "kafka/intake_topic.h"

#include <string.h>

#include "base/alloc.h"
#include "kafka/kafka_skip.h"
#include "kafka/record_reader.h"

#define SCHEMA_BYTES_MAX ((size_t) 1 << 20)
#define NEW_KEY_HEADER "__debezium.newkey"

/* ---- life ---- */

intake_topic *
intake_topic_new(const char *name, const char *prefix)
{
    intake_topic *topic = firn_calloc(1, sizeof *topic);

    if (!topic) return NULL;
    firn_buffer_init(&topic->key_schema, SCHEMA_BYTES_MAX);
    firn_buffer_init(&topic->value_schema, SCHEMA_BYTES_MAX);
    topic->name = firn_strdup(name);
    topic->memo = dbz_event_memo_new();
    if (!topic->name || !topic->memo) {
        intake_topic_free(topic);
        return NULL;
    }
    topic->prefix = prefix;
    topic->role = dbz_role_of_topic(firn_slice_text(name), firn_slice_text(prefix), NULL);
    return topic;
}

void
intake_topic_free(intake_topic *topic)
{
    if (!topic) return;
    while (topic->origins) {
        intake_origin *next = topic->origins->next;
        dbz_row_shape_unref(topic->origins->row_shape);
        dbz_row_shape_unref(topic->origins->renewed);
        firn_free(topic->origins);
        topic->origins = next;
    }
    dbz_event_memo_free(topic->memo);
    firn_buffer_done(&topic->key_schema);
    firn_buffer_done(&topic->value_schema);
    firn_free(topic->name);
    firn_free(topic);
}

/* ---- tables ---- */

static bool
is_named(const origin_name *name, const jtoken *token)
{
    return name->kind == token->kind && firn_slice_equal(name->text, token->text);
}

static origin_name
copy_name(const jtoken *token, uint8_t **at)
{
    uint8_t *start = *at;

    if (token->text.size) memcpy(start, token->text.data, token->text.size);
    *at += token->text.size;
    return (origin_name){token->kind, firn_slice_of(start, token->text.size)};
}

bool
source_is_of_prefix(const dbz_source *source, const char *prefix)
{
    return source->name.kind != JTOKEN_STRING || !source->name.text.size || jtoken_is(&source->name, prefix);
}

/* One allocation. NULL: no memory, or there are too many. */
static intake_origin *
add_origin(intake_topic *topic, const dbz_source *source)
{
    if (topic->origin_count == INTAKE_ORIGINS_MAX) return NULL;
    intake_origin *origin = firn_calloc(1, sizeof *origin + source->name.text.size + source->schema.text.size + source->table.text.size);
    if (!origin) return NULL;
    uint8_t *at = (uint8_t *) (origin + 1);
    origin->name = copy_name(&source->name, &at);
    origin->schema_name = copy_name(&source->schema, &at);
    origin->table_name = copy_name(&source->table, &at);
    origin->is_of_prefix = source_is_of_prefix(source, topic->prefix);
    origin->next = topic->origins;
    topic->origins = origin;
    topic->origin_count++;
    return origin;
}

/* Events come in runs of a table. */
static intake_origin *
find_origin(intake_topic *topic, const dbz_source *source)
{
    for (intake_origin **slot = &topic->origins; *slot; slot = &(*slot)->next) {
        intake_origin *origin = *slot;
        if (!is_named(&origin->table_name, &source->table) || !is_named(&origin->schema_name, &source->schema) || !is_named(&origin->name, &source->name)) continue;
        *slot = origin->next;
        origin->next = topic->origins;
        return topic->origins = origin;
    }
    return add_origin(topic, source);
}

void
intake_topic_take_renewed(intake_topic *topic)
{
    for (intake_origin *origin = topic->origins; origin; origin = origin->next) {
        if (!origin->renewed) continue;
        dbz_row_shape_unref(origin->row_shape);
        origin->row_shape = origin->renewed;
        origin->renewed = NULL;
    }
}

/* ---- reading ---- */

/* A schema that is too large to be kept is read with every record. What was passed over is the same. */
static void
keep_schema(intake_topic *topic, firn_buffer *kept, firn_slice schema)
{
    if (!schema.data || firn_slice_equal(firn_buffer_slice(kept), schema)) return;
    firn_buffer_reset(kept);
    if (firn_buffer_add(kept, schema.data, schema.size, &topic->ignored)) firn_error_reset(&topic->ignored);
}

static bool
has_header(const rd_kafka_message_t *record, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void         *value;
    size_t              size;

    return !rd_kafka_message_headers(record, &headers) && !rd_kafka_header_get_last(headers, name, &value, &size);
}

void
intake_message_was_read(intake_message *m)
{
    m->was_read = true;
    m->has_new_key = m->event.kind == DBZ_DELETE && has_header(m->record, NEW_KEY_HEADER);
    if (dbz_kind_is_row(m->event.kind)) m->content_hash = event_content_hash(&m->event);
}

void
intake_topic_read(intake_topic *topic, intake_message *m)
{
    dbz_record record = {.role = DBZ_ROLE_ROWS,
                         .key = record_key(m->record),
                         .value = record_value(m->record),
                         .known_key_schema = firn_buffer_slice(&topic->key_schema),
                         .known_value_schema = firn_buffer_slice(&topic->value_schema),
                         .memo = topic->memo};

    if (topic->role != DBZ_ROLE_ROWS) return;
    if (dbz_event_read(&record, &m->event, &topic->ignored)) {
        firn_error_reset(&topic->ignored);
        return;
    }
    intake_message_was_read(m);
    keep_schema(topic, &topic->key_schema, m->event.key_schema);
    keep_schema(topic, &topic->value_schema, m->event.value_schema);
    if (dbz_kind_is_row(m->event.kind)) m->origin = find_origin(topic, &m->event.source);
}
