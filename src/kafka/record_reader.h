/*
 * A message of a topic → Debezium's event, in whichever format it came: JSON, or Avro with its schema in a registry. A message
 * says itself what it is: Confluent's framing begins with a zero byte, which no JSON does.
 *
 * Errors:  DEBEZIUM_EVENT, AVRO_CORRUPT, the registry's (schema_registry.h). What is wrong with the message is FIRN_CORRUPT,
 *          FIRN_UNSUPPORTED or FIRN_NOT_FOUND; all other failures say nothing of it, and it can be read again
 * Memory:  an event points into the message; what the reader knows of schemas stays as long as the reader
 * Limits:  RECORD_SCHEMAS_MAX schemas in the life of a reader
 * Threads: one
 */
#ifndef FIRN_KAFKA_RECORD_READER_H
#define FIRN_KAFKA_RECORD_READER_H

#include <librdkafka/rdkafka.h>

#include "debezium/event.h"
#include "registry/schema_registry.h"

#define RECORD_SCHEMAS_MAX 5000

typedef struct record_reader record_reader;

/* `registry` NULL: none is configured. Copied. */
FIRN_MUST_USE firn_status record_reader_new(const registry_settings *registry, record_reader **ret_reader, firn_error *err);
void                      record_reader_free(record_reader *reader);
FIRN_DEFINE_FREEP(record_reader, record_reader_free)

/* `record`: the message's key and value, whole. `cancel` may be NULL. */
FIRN_MUST_USE firn_status record_read(record_reader *reader, const dbz_record *record, task_cancel *cancel, dbz_event *ret_event,
                                      firn_error *err);
/* Of a message; data NULL: none. */
static inline firn_slice
record_key(const rd_kafka_message_t *message)
{
    return firn_slice_of(message->key, message->key ? message->key_len : 0);
}
static inline firn_slice
record_value(const rd_kafka_message_t *message)
{
    return firn_slice_of(message->payload, message->payload ? message->len : 0);
}
/* Whether a key or value is framed as Avro is. */
static inline bool
record_is_framed(firn_slice bytes)
{
    return bytes.size > 0 && bytes.data[0] == 0;
}
/* Whether a failure is one of the message. */
static inline bool
record_is_damaged(firn_status status)
{
    return status == FIRN_CORRUPT || status == FIRN_UNSUPPORTED || status == FIRN_NOT_FOUND;
}

#endif
