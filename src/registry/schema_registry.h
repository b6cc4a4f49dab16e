/*
 * Writers' schemas by id, from a registry that speaks Confluent's API. An id stands for one schema for ever: it is asked
 * for once, and kept.
 *
 * Who:     net/http.h. A login, or a token
 * Limits:  the schemas that are kept (the one that was not used for longest goes); the size of an answer; references
 * Errors:  REGISTRY_SCHEMA (the registry does not have this id), HTTP_DENIED, HTTP_UNAVAILABLE (after retries: may be asked
 *          again), REGISTRY_ANSWER, REGISTRY_UNSUPPORTED (JSON Schema, Protobuf), AVRO_CORRUPT
 * Threads: one at a time per registry; schemas are immutable and may be shared
 */
#ifndef FIRN_REGISTRY_SCHEMA_REGISTRY_H
#define FIRN_REGISTRY_SCHEMA_REGISTRY_H

#include "avro/avro_schema.h"
#include "base/secret.h"
#include "task/cancel.h"

typedef struct registry_settings {
    const char *url;                 /* "https://registry.example.com": /schemas/ids/1 is behind it */
    const char *username;            /* NULL: no login */
    const firn_secret *password;
    const firn_secret *token;        /* a bearer token; NULL: none */
    const char *ca_file;             /* certificates that are trusted; NULL: the system's */
    bool        plain_allowed;       /* http:// also to other machines */
    unsigned    attempt_max;         /* further tries where it is away; 0: 5 */
    unsigned    schema_count_max;    /* kept; 0: 1000 */
} registry_settings;

typedef struct registry_schema {
    uint32_t           id;
    const avro_schema *type;
    uint32_t           ref_count; /* atomic */
    firn_arena         arena;
} registry_schema;

registry_schema *registry_schema_ref(registry_schema *schema);
void             registry_schema_unref(registry_schema *schema);

typedef struct schema_registry schema_registry;

/* Copies the settings; asks for nothing yet. HTTP_URL. */
FIRN_MUST_USE firn_status schema_registry_new(const registry_settings *settings, schema_registry **ret_registry,
                                              firn_error *err);
void                      schema_registry_free(schema_registry *registry);
FIRN_DEFINE_FREEP(schema_registry, schema_registry_free)

/* The schema with this id; *ret_schema is the caller's to unref. `cancel` may be NULL. */
FIRN_MUST_USE firn_status schema_registry_get(schema_registry *registry, uint32_t id, task_cancel *cancel,
                                              registry_schema **ret_schema, firn_error *err);
/* Whether it answers, and takes the login. */
FIRN_MUST_USE firn_status schema_registry_check(schema_registry *registry, task_cancel *cancel, firn_error *err);
/* Questions that went to the server so far. */
uint64_t schema_registry_requests(const schema_registry *registry);

#endif
