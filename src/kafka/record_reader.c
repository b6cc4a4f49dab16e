#include "kafka/record_reader.h"

#include "base/alloc.h"
#include "base/map.h"
#include "debezium/avro_event.h"
#include "registry/registry_answer.h"

/* A schema as values of one kind of topic are read by it. */
typedef struct known_schema {
    uint32_t         id;
    dbz_role         role;
    registry_schema *schema;
    dbz_avro_plan   *plan;
} known_schema;

struct record_reader {
    schema_registry *registry; /* NULL: none */
    firn_map        *known;
    known_schema    *last_key, *last_value; /* mostly the next one's, too */
};

firn_status
record_reader_new(const registry_settings *registry, record_reader **ret_reader, firn_error *err)
{
    FIRN_AUTO(record_reader_freep) record_reader *reader = firn_calloc(1, sizeof *reader);

    if (!reader || !(reader->known = firn_map_new())) return firn_fail_memory(err, "a reader of messages");
    if (registry) FIRN_TRY(schema_registry_new(registry, &reader->registry, err));
    *ret_reader = FIRN_STEAL(reader);
    return FIRN_OK;
}

static void
known_free(known_schema *known)
{
    if (!known) return;
    dbz_avro_plan_free(known->plan);
    registry_schema_unref(known->schema);
    firn_free(known);
}
FIRN_DEFINE_FREEP(known_schema, known_free)

void
record_reader_free(record_reader *reader)
{
    if (!reader) return;
    for (size_t i = 0; reader->known && i < firn_map_count(reader->known); i++) known_free(firn_map_value(reader->known, i));
    firn_map_free(reader->known);
    schema_registry_free(reader->registry);
    firn_free(reader);
}

/* ---- schemas ---- */

static firn_status
learn(record_reader *reader, dbz_role role, uint32_t id, firn_slice key, task_cancel *cancel, known_schema **ret_known, firn_error *err)
{
    FIRN_AUTO(known_schema_freep) known_schema *known = firn_calloc(1, sizeof *known);

    if (!known) return firn_fail_memory(err, "a schema");
    if (firn_map_count(reader->known) == RECORD_SCHEMAS_MAX)
        return firn_fail(err, FIRN_E_REGISTRY_LIMIT, "more than %d schemas were met in one run", RECORD_SCHEMAS_MAX);
    known->id = id;
    known->role = role;
    FIRN_TRY(schema_registry_get(reader->registry, id, cancel, &known->schema, err));
    if (dbz_avro_plan_new(role, known->schema->type, &known->plan, err)) return firn_while(err, "reading schema %u of the registry", id);
    FIRN_TRY(firn_map_put(reader->known, key, known, err));
    *ret_known = FIRN_STEAL(known);
    return FIRN_OK;
}

static firn_status
schema_of(record_reader *reader, dbz_role role, firn_slice message, const char *what, task_cancel *cancel, known_schema **last,
          firn_slice *ret_payload, firn_error *err)
{
    uint32_t parts[2] = {(uint32_t) role, 0};

    FIRN_TRY(registry_message_split(message, what, &parts[1], ret_payload, err));
    if (FIRN_LIKELY(*last && (*last)->id == parts[1] && (*last)->role == role)) return FIRN_OK;

    firn_slice    key = firn_slice_of(parts, sizeof parts);
    known_schema *known = firn_map_get(reader->known, key);

    if (!known) FIRN_TRY(learn(reader, role, parts[1], key, cancel, &known, err));
    *last = known;
    return FIRN_OK;
}

/* ---- messages ---- */

static firn_status
read_avro(record_reader *reader, const dbz_record *record, task_cancel *cancel, dbz_event *ret_event, firn_error *err)
{
    dbz_avro_record avro = {.key = record->key};

    if (record_is_framed(record->key)) {
        FIRN_TRY(schema_of(reader, DBZ_ROLE_ROWS, record->key, "key", cancel, &reader->last_key, &avro.key, err));
        avro.key_plan = reader->last_key->plan;
    }
    if (record->value.data) {
        FIRN_TRY(schema_of(reader, record->role, record->value, "value", cancel, &reader->last_value, &avro.value, err));
        avro.plan = reader->last_value->plan;
    }
    return dbz_avro_event_read(&avro, ret_event, err);
}

static firn_status
fail_unreadable(const char *what, const char *hint, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "%s", what);
    firn_hint(err, "%s", hint);
    return err->status;
}

firn_status
record_read(record_reader *reader, const dbz_record *record, task_cancel *cancel, dbz_event *ret_event, firn_error *err)
{
    bool is_avro = record_is_framed(record->value), has_avro_key = record_is_framed(record->key);

    if (!is_avro && !has_avro_key) return dbz_event_read(record, ret_event, err);
    if (!reader->registry)
        return fail_unreadable("a record begins with a zero byte, as Avro does, and no schema registry is configured",
                               "name it in kafka_clusters.yaml, schema_registry: url", err);
    if (!is_avro && record->value.data)
        return fail_unreadable("a record has its key in Avro and its value in JSON",
                               "use one format for both: key.converter and value.converter of the connector", err);
    return read_avro(reader, record, cancel, ret_event, err);
}
