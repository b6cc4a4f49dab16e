#include "kafka/stream_topic.h"

#include <string.h>

#include "base/alloc.h"

#define CAPACITY_FIRST 64u

/* ---- topics ---- */

/* What Debezium leaves of a name in a topic's. */
static bool
is_legal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool
matches(const char *part, size_t part_size, const char *name)
{
    size_t size = strlen(name);

    /* One character outside of ASCII is one '_', or several: firn only has to know whose events may come. */
    for (size_t i = 0, k = 0;; i++, k++) {
        if (i == part_size && k == size) return true;
        if (i == part_size || k == size) return false;
        if (is_legal(name[k]) ? part[i] != name[k] : part[i] != '_') return false;
        if ((unsigned char) name[k] < 0x80) continue;
        while (k + 1 < size && ((unsigned char) name[k + 1] & 0xc0) == 0x80) k++;
        while (i + 1 < part_size && part[i + 1] == '_') i++;
    }
}

static const char *
find_owner(const char *name, const char *prefix, const char *schema)
{
    size_t      prefix_size = strlen(prefix);
    const char *rest = name + prefix_size + 1, *dot;

    if (strncmp(name, prefix, prefix_size) != 0 || name[prefix_size] != '.') return NULL;
    for (dot = strchr(rest, '.'); dot; dot = strchr(dot + 1, '.')) {
        if (matches(rest, (size_t) (dot - rest), schema)) return dot + 1;
    }
    return NULL;
}

/* `<prefix>.message` has what pg_logical_emit_message says, firn's own heartbeats among it. */
static bool
is_for_messages(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(name, prefix, size) == 0 && strcmp(name + size, ".message") == 0;
}

stream_topic *
stream_topic_new(const char *name, const char *prefix, const char *schema)
{
    stream_topic *topic = firn_calloc(1, sizeof *topic);
    size_t        size = strlen(name) + 1;

    if (!topic) return NULL;
    topic->name = firn_alloc(size);
    if (!topic->name) {
        firn_free(topic);
        return NULL;
    }
    memcpy(topic->name, name, size);
    topic->role = dbz_role_of_topic(firn_slice_text(name), firn_slice_text(prefix), NULL);
    topic->owner = find_owner(topic->name, prefix, schema);
    topic->is_aside = topic->role != DBZ_ROLE_ROWS || is_for_messages(topic->name, prefix);
    return topic;
}

void
topic_table_free(topic_table *table)
{
    if (!table) return;
    dbz_table_free(table->rows);
    firn_free(table->places);
    firn_free(table);
}

void
stream_topic_free(stream_topic *topic)
{
    if (!topic) return;
    for (unsigned i = 0; i < topic->partition_count; i++) {
        if (!topic->partitions[i]) continue;
        stream_partition_clear(topic->partitions[i]);
        firn_free(topic->partitions[i]->messages);
        firn_free(topic->partitions[i]);
    }
    while (topic->tables) {
        topic_table *next = topic->tables->next;
        topic_table_free(topic->tables);
        topic->tables = next;
    }
    firn_free(topic->partitions);
    firn_free(topic->name);
    firn_free(topic);
}

bool
stream_topic_may_have(const stream_topic *topic, const stream_table *table)
{
    if (topic->is_aside) return false;
    return !topic->owner || topic->is_shared || stream_topic_is_named_for(topic, table);
}

bool
stream_topic_is_named_for(const stream_topic *topic, const stream_table *table)
{
    return topic->owner && matches(topic->owner, strlen(topic->owner), table->name);
}

stream_partition *
stream_topic_partition(stream_topic *topic, int32_t number)
{
    unsigned index = (unsigned) number;

    if (number < 0 || index >= KAFKA_PLACES_MAX) return NULL;
    if (index >= topic->partition_count) {
        stream_partition **partitions = firn_realloc(topic->partitions, (index + 1u) * sizeof(stream_partition *));
        if (!partitions) return NULL;
        while (topic->partition_count <= index) partitions[topic->partition_count++] = NULL;
        topic->partitions = partitions;
    }
    if (topic->partitions[index]) return topic->partitions[index];
    stream_partition *made = firn_calloc(1, sizeof *made);
    if (!made) return NULL;
    made->topic = topic;
    made->number = number;
    made->eof = made->check_offset = made->target = made->told_offset = -1;
    return topic->partitions[index] = made;
}

table_place *
topic_table_place(topic_table *table, int32_t partition)
{
    unsigned index = (unsigned) partition;

    if (FIRN_LIKELY(index < table->place_count)) return &table->places[index];
    if (partition < 0 || index >= KAFKA_PLACES_MAX) return NULL;
    table_place *places = firn_realloc(table->places, (index + 1u) * sizeof *places);
    if (!places) return NULL;
    while (table->place_count <= index) places[table->place_count++] = (table_place){.has_before = -1};
    table->places = places;
    return &places[index];
}

/* ---- messages ---- */

static uint64_t
bytes_of(const intake_message *message)
{
    return sizeof *message + message->record->len + message->record->key_len;
}

bool
stream_partition_push(stream_partition *p, intake_message *take_message)
{
    if (p->first + p->count == p->capacity && p->first) {
        memmove(p->messages, p->messages + p->first, p->count * sizeof(intake_message *));
        p->first = 0;
    }
    if (p->count == p->capacity) {
        size_t           capacity = p->capacity ? 2 * p->capacity : CAPACITY_FIRST;
        intake_message **messages = firn_realloc(p->messages, capacity * sizeof(intake_message *));
        if (!messages) {
            intake_message_drop(take_message);
            return false;
        }
        p->messages = messages;
        p->capacity = capacity;
    }
    p->messages[p->first + p->count++] = take_message;
    p->waiting_bytes += bytes_of(take_message);
    return true;
}

intake_message *
stream_partition_pop(stream_partition *p)
{
    intake_message *message = p->messages[p->first++];

    p->head = NULL;
    p->waiting_bytes -= bytes_of(message);
    if (!--p->count) p->first = 0;
    return message;
}

void
stream_partition_clear(stream_partition *p)
{
    while (p->count) intake_message_drop(stream_partition_pop(p));
    p->head = NULL;
}
