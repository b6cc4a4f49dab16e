/*
 * Types, fields and schemas: Iceberg's own (spec, "Schemas and Data Types"), used by every folder,
 * so that nothing is translated between two vocabularies.
 *
 * Arrow layout of each type in a batch (format string; physical values):
 *   boolean      b            bits
 *   int          i            int32
 *   long         l            int64
 *   float        f            float32
 *   double       g            float64
 *   decimal(p,s) d:p,s,32 for p <= 9 (int32), d:p,s,64 for p <= 18 (int64), else d:p,s (int128)
 *   date         tdD          int32 days since 1970-01-01
 *   time         ttu          int64 microseconds since midnight
 *   timestamp    tsu:         int64 microseconds since 1970-01-01 00:00
 *   timestamptz  tsu:UTC      the same, UTC
 *   string       u            int32 offsets + UTF-8
 *   binary       z            int32 offsets + bytes
 *   uuid         w:16         16 bytes, network order
 *   fixed(L)     w:L          L bytes
 *   list         +l           int32 offsets + child; child named "element"
 *   struct       +s           children
 *   map          +m           int32 offsets + struct child "key_value" of "key", "value"
 * A column has a validity bitmap (buffers[0]) only where it has nulls. Array offset is always 0
 * in what firn makes; consumers of foreign batches must honour it.
 */
#ifndef FIRN_BATCH_SCHEMA_H
#define FIRN_BATCH_SCHEMA_H

#include "base/arena.h"
#include "base/buffer.h"
#include "batch/arrow_abi.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum type_kind {
    TYPE_BOOLEAN,
    TYPE_INT,
    TYPE_LONG,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_STRING,
    TYPE_UUID,
    TYPE_FIXED,
    TYPE_BINARY,
    TYPE_STRUCT,
    TYPE_LIST,
    TYPE_MAP,
} type_kind;

typedef struct data_type    data_type;
typedef struct schema_field schema_field;
typedef struct table_schema table_schema;

struct schema_field {
    int32_t          id; /* Iceberg field id; 0 = not assigned yet */
    bool             required;
    const char      *name;
    const char      *doc;             /* NULL: none */
    const char      *initial_default; /* JSON single value (v3), or NULL */
    const char      *write_default;   /* the same */
    const data_type *type;
};

struct data_type {
    type_kind           kind;
    unsigned            precision, scale; /* decimal */
    unsigned            size_bytes;       /* fixed */
    unsigned            field_count;      /* struct: n, list: 1 (element), map: 2 (key, value) */
    const schema_field *fields;
};

/* Immutable and referenced; all its parts live in its own arena. */
struct table_schema {
    int32_t             schema_id;
    unsigned            field_count;
    const schema_field *fields;
    unsigned            key_count; /* identifier-field-ids */
    const int32_t      *key_ids;
    int32_t             last_field_id; /* the highest in use */
    uint32_t            ref_count;     /* atomic */
    firn_arena          arena;
};

/* Copies everything below `fields`. With `assign_ids`, ids are given anew as Iceberg does for a new
 * table: the fields of a level first, then what is below each of them, in order; key_ids then are 0-based
 * column indexes. */
FIRN_MUST_USE firn_status
schema_new(int32_t schema_id, const schema_field fields[], unsigned field_count, const int32_t key_ids[],
           unsigned key_count, bool assign_ids, table_schema **ret_schema, firn_error *err);
table_schema *schema_ref(table_schema *schema);
void          schema_unref(table_schema *schema);

/* A field of another schema as a new one of this: it and what is below it get the ids above *last_id. The other's texts
 * and leaf types are borrowed, nested types live in `arena`. */
FIRN_MUST_USE firn_status schema_field_renumber(const schema_field *from, int32_t *last_id, firn_arena *arena,
                                                schema_field *ret_field, firn_error *err);

/* Any depth; NULL: not there. */
const schema_field *schema_field_by_id(const table_schema *schema, int32_t id);
/* Top level, exact name; -1: not there. */
int  schema_column_index(const table_schema *schema, const char *name);
bool data_type_equal(const data_type *a, const data_type *b); /* ids, names and docs ignored */

bool type_is_nested(type_kind kind);
/* Iceberg's text of a primitive: "decimal(15, 2)", "timestamptz"; nested ones: "list<int>", for people. */
FIRN_MUST_USE firn_status data_type_format(const data_type *type, firn_buffer *out, firn_error *err);
/* The Arrow format string; out holds 32 bytes. */
void data_type_arrow_format(const data_type *type, char out[32]);
/* Bytes of one value in buffers[1]; 0 for boolean (bits), offsets types (4 per row) and nested. */
unsigned data_type_value_size(const data_type *type);

/* Exports as an ArrowSchema (struct) with PARQUET:field_id metadata. */
FIRN_MUST_USE firn_status schema_export(const table_schema *schema, struct ArrowSchema *ret_schema, firn_error *err);

static inline void
schema_unrefp(table_schema **slot)
{
    schema_unref(*slot);
    *slot = (table_schema *) 0;
}

#endif
