/*
 * What a schema registry answers, read. Untrusted.
 *
 * Spec: Confluent, "Schema Registry API Reference": GET /schemas/ids/{id}, GET /subjects/{subject}/versions/{version},
 *       errors; "Formats, Serializers, and Deserializers", "Wire format". Apicurio answers the same under /apis/ccompat/v7
 */
#ifndef FIRN_REGISTRY_REGISTRY_ANSWER_H
#define FIRN_REGISTRY_REGISTRY_ANSWER_H

#include "base/arena.h"
#include "base/error.h"

#define REGISTRY_REFERENCES_MAX 256

/* Another schema whose types are used: by the version of a subject. */
typedef struct registry_reference {
    const char *subject;
    int64_t     version;
} registry_reference;

typedef struct registry_answer {
    firn_slice                schema; /* JSON */
    unsigned                  reference_count;
    const registry_reference *references;
} registry_answer;

/* Texts live in `arena`. `name` says whose answer it is. REGISTRY_ANSWER, REGISTRY_UNSUPPORTED (no Avro), JSON_CORRUPT. */
FIRN_MUST_USE firn_status registry_answer_parse(firn_slice json, const char *name, firn_arena *arena,
                                                registry_answer *ret_answer, firn_error *err);
/* "error_code" of a refusal: 40403, …; 0: there is none, the answer is not a schema registry's. */
int64_t registry_error_code(firn_slice body);

/* A message in Confluent's framing: a zero byte, the schema's id (big-endian), then the Avro bytes. `what`: "key", "value".
 * REGISTRY_FRAMING. */
FIRN_MUST_USE firn_status registry_message_split(firn_slice message, const char *what, uint32_t *ret_id,
                                                 firn_slice *ret_payload, firn_error *err);

#endif
