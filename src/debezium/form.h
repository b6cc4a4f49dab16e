/*
 * The form of a column in Debezium's records: which value the bytes stand for. From the schema block of the message, from
 * an Avro schema, or, where schemas are off, from the column's type in the source and the connector's modes.
 *
 * Spec: Debezium, "Data type mappings" of each connector; Kafka Connect's logical types
 */
#ifndef FIRN_DEBEZIUM_FORM_H
#define FIRN_DEBEZIUM_FORM_H

#include "base/arena.h"
#include "codec/json_scan.h"

typedef enum dbz_form_kind {
    DBZ_FORM_UNKNOWN,
    /* plain */
    DBZ_FORM_BOOLEAN,
    DBZ_FORM_INTEGER, /* int8 … int64 */
    DBZ_FORM_FLOAT,
    DBZ_FORM_DOUBLE,
    DBZ_FORM_TEXT,
    DBZ_FORM_BYTES, /* JSON: base64 */
    /* numbers */
    DBZ_FORM_DECIMAL,          /* org.apache.kafka.connect.data.Decimal: two's complement, `scale` */
    DBZ_FORM_VARIABLE_DECIMAL, /* io.debezium.data.VariableScaleDecimal: {scale, value} */
    DBZ_FORM_DECIMAL_TEXT,     /* decimal.handling.mode=string: digits, NAN, POSITIVE_INFINITY … */
    DBZ_FORM_DECIMAL_DOUBLE,   /* decimal.handling.mode=double: more than 15 digits are lost */
    /* dates and times; `unit_ns` of numbers */
    DBZ_FORM_DATE,      /* days */
    DBZ_FORM_DATE_TEXT, /* IsoDate */
    DBZ_FORM_TIME,
    DBZ_FORM_TIME_TEXT, /* IsoTime */
    DBZ_FORM_ZONED_TIME,
    DBZ_FORM_TIMESTAMP,
    DBZ_FORM_TIMESTAMP_TEXT, /* IsoTimestamp */
    DBZ_FORM_ZONED_TIMESTAMP,
    DBZ_FORM_INTERVAL_TEXT,   /* io.debezium.time.Interval: ISO 8601 */
    DBZ_FORM_INTERVAL_NUMBER, /* MicroDuration, NanoDuration: months are lost */
    DBZ_FORM_YEAR,
    /* bytes and texts with a meaning */
    DBZ_FORM_BITS,        /* little-endian; `length` */
    DBZ_FORM_BYTES_TEXT,  /* bytes in a string: `encoding` */
    DBZ_FORM_TEXT_BYTES,  /* include.unknown.datatypes: the source's text as bytes */
    DBZ_FORM_UUID,
    DBZ_FORM_POINT,    /* {x, y, wkb, srid} */
    DBZ_FORM_GEOMETRY, /* {wkb, srid} */
    DBZ_FORM_SPARSE_VECTOR, /* {dimensions, vector} */
    /* nested */
    DBZ_FORM_ARRAY, /* children[0] */
    DBZ_FORM_MAP,   /* children[0] keys, children[1] values */
    DBZ_FORM_MAP_TEXT, /* hstore.handling.mode=json: an object as text */
    DBZ_FORM_STRUCT,
} dbz_form_kind;

typedef enum dbz_encoding { DBZ_BASE64, DBZ_BASE64_URL, DBZ_HEX } dbz_encoding;

typedef struct dbz_form dbz_form;
struct dbz_form {
    dbz_form_kind     kind;
    bool              is_optional;
    bool              replaces_null; /* a null arrives as `default_value`: that value may be either */
    dbz_encoding      encoding;
    int32_t           scale;
    uint32_t          length;  /* BITS: how many; INTEGER: of how many bits; 0: not known */
    uint32_t          unit_ns; /* TIME, TIMESTAMP, INTERVAL_NUMBER: 1, 1000, 1000000; 0: not known */
    bool              is_connect; /* a type of Kafka Connect itself: milliseconds, whatever the column has */
    bool              is_declared; /* the type in the source is known */
    bool              is_varying;  /* BITS: the number of bits is lost */
    bool              is_unbounded; /* a numeric without precision */
    bool              is_vector;    /* ARRAY, SPARSE_VECTOR: pgvector's; a string is its text */
    bool              is_lost_null; /* a null may be a value that was lost */
    bool              is_money;
    bool              is_unsigned;    /* MySQL's bigint unsigned: from 2^63 on, numbers come as negative ones */
    bool              is_of_numerics; /* an array whose NaN makes it null */
    bool              has_fraction_digits;
    unsigned          fraction_digits; /* of times as declared */
    firn_slice        semantic; /* "io.debezium.time.MicroTimestamp"; size 0: none */
    firn_slice        default_value; /* JSON token */
    unsigned          child_count;
    const dbz_form   *children;
    const firn_slice *names; /* STRUCT */
};

#endif
