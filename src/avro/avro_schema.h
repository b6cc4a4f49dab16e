/*
 * A writer's schema, parsed from its JSON: what a container file says about its records. Any schema of the
 * specification, with the attributes that Iceberg adds ("field-id", "element-id", "adjust-to-utc"). Untrusted.
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
    AVRO_TIME_MICROS,
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
};

/* All parts live in `arena`. `name` is for messages. */
FIRN_MUST_USE firn_status avro_schema_parse(firn_slice json, const char *name, firn_arena *arena,
                                            const avro_schema **ret_schema, firn_error *err);

#endif
