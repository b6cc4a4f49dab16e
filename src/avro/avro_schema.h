/*
 * A writer's schema, parsed from its JSON: what a container file or a schema registry says about records. Any schema of the
 * specification, with the attributes that Iceberg adds ("field-id", "element-id", "adjust-to-utc") and those that Kafka
 * Connect's converters add to types ("connect.name", "connect.version", "connect.parameters"). Untrusted.
 *
 * Spec:   Avro specification, "Schema Declaration"; Iceberg spec, appendix A, "Avro"
 * Limits: nesting and number of types
 */
#ifndef FIRN_AVRO_SCHEMA_H
#define FIRN_AVRO_SCHEMA_H

#include "base/arena.h"
#include "base/error.h"

typedef enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_FIXED,
    AVRO_UNION,
} avro_kind;

typedef enum avro_logical {
    AVRO_PLAIN,
    AVRO_DECIMAL,
    AVRO_DATE,
    AVRO_TIME_MILLIS,
    AVRO_TIME_MICROS,
    AVRO_TIMESTAMP_MILLIS,
    AVRO_TIMESTAMP_MICROS,
    AVRO_UUID,
    AVRO_KEY_VALUE_ARRAY, /* Iceberg's "map" of keys that are no strings */
} avro_logical;

typedef struct avro_schema avro_schema;

typedef struct avro_field {
    const char        *name;
    int32_t            field_id; /* -1: none */
    const avro_schema *type;
} avro_field;

/* What an Avro converter keeps of a Connect schema: {"name": "org.apache.kafka.connect.data.Decimal", "scale": "2"}. */
typedef struct avro_connect {
    const char        *name;    /* the semantic type; NULL: none */
    int32_t            version; /* 0: none */
    const char        *default_json; /* "connect.default"; NULL: none */
    unsigned           parameter_count;
    const char *const *parameters; /* names and values by turns */
} avro_connect;

struct avro_schema {
    avro_kind          kind;
    avro_logical       logical;
    bool               is_utc;           /* adjust-to-utc */
    unsigned           precision, scale; /* decimal */
    size_t             size_bytes;       /* fixed */
    const char        *name;             /* record, enum, fixed: full name */
    unsigned           field_count;      /* record: fields; union: branches; enum: symbols */
    const avro_field  *fields;           /* record; enum: symbols by name only */
    const avro_schema *const *branches;  /* union */
    const avro_schema *items;            /* array: items, map: values */
    bool               may_be_empty;     /* a value can have no bytes at all: counts of them need a limit */
    const avro_connect *connect;         /* NULL: none of it */
};

/* All parts live in `arena`. `name` is for messages. */
FIRN_MUST_USE firn_status avro_schema_parse(firn_slice json, const char *name, firn_arena *arena,
                                            const avro_schema **ret_schema, firn_error *err);
/* The same behind other schemas, whose named types it may use; each may use those of the ones before it. */
FIRN_MUST_USE firn_status avro_schema_parse_behind(const firn_slice *known, unsigned known_count, firn_slice json,
                                                   const char *name, firn_arena *arena, const avro_schema **ret_schema,
                                                   firn_error *err);

/* The type of a union of null and one other; the schema itself where it is no union; NULL: another union, or null. */
const avro_schema *avro_schema_value(const avro_schema *schema);
/* A "connect.parameters" value; NULL: not there. */
const char *avro_connect_parameter(const avro_schema *schema, const char *name);

#endif
