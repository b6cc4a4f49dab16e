/*
 * How the fields of one COPY stream become columns: a decoder chosen once per column, any nesting.
 * Made by postgres_types from the catalog, immutable, shared by all readers of a table. Pure data.
 */
#ifndef FIRN_POSTGRES_COPY_LAYOUT_H
#define FIRN_POSTGRES_COPY_LAYOUT_H

#include "batch/schema.h"
#include "source/source.h"

/* Binary form on the wire → physical form in the batch. */
typedef enum copy_op {
    COPY_BOOL,
    COPY_INT16, /* → int32 */
    COPY_INT32,
    COPY_INT64,
    COPY_UINT32, /* oid → int64 */
    COPY_FLOAT32,
    COPY_FLOAT64,
    COPY_DECIMAL32, /* numeric → scaled int32, int64, int128 by precision */
    COPY_DECIMAL64,
    COPY_DECIMAL128,
    COPY_NUMERIC_DOUBLE, /* numeric → float64 */
    COPY_DATE,
    COPY_TIME,
    COPY_TIME_TEXT,
    COPY_TIMESTAMP,   /* with and without time zone: both count microseconds from 2000-01-01 UTC */
    COPY_TEXT,        /* bytes that are valid UTF-8 because the server converted them */
    COPY_TEXT_VERIFY, /* a SQL_ASCII database: nobody has looked at them */
    COPY_BYTES,
    COPY_JSONB, /* version byte 1, then text */
    COPY_CHAR,  /* "char": one byte */
    COPY_INET,  /* inet and cidr */
    COPY_UUID,
    COPY_LIST,   /* array_send */
    COPY_STRUCT, /* record_send */
    COPY_HSTORE, /* hstore_send */
} copy_op;

typedef struct copy_field copy_field;
struct copy_field {
    const char       *name; /* for messages */
    copy_op           op;
    bool              required;    /* a null is an error */
    bool              verify_utf8; /* JSONB and HSTORE: as COPY_TEXT_VERIFY */
    char              delimiter;   /* LIST, in the text of an array: 0 is a comma */
    value_policy      policy;
    const data_type  *type;
    unsigned          child_count; /* list: 1, struct: n, map: 2 */
    const copy_field *children;
};

typedef struct copy_layout {
    table_schema     *schema; /* of the batches; referenced by whoever keeps the layout */
    const copy_field *fields;
    unsigned          field_count;
    const unsigned   *key_columns; /* indexes, for messages that name a row */
    unsigned          key_count;
    /* For messages: "shop.orders", "orders", "config/sources.yaml", "dev". */
    const char *qualified_name, *table_name, *config_file, *source_name;
} copy_layout;

#endif
