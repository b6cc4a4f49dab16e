/*
 * A table schema as Parquet sees it: schema elements in depth-first order, and the leaves with their
 * levels. Made once per file.
 *
 * Spec:   parquet-format, LogicalTypes.md ("Nested Types" for lists and maps); Iceberg, "Parquet" in
 *         "Appendix A: Format-specific Requirements" for types and field ids
 * Errors: FIRN_UNSUPPORTED for what Parquet has no form for (a struct without fields)
 */
#ifndef FIRN_PARQUET_PARQUET_SCHEMA_H
#define FIRN_PARQUET_PARQUET_SCHEMA_H

#include "batch/schema.h"
#include "parquet/format.h"

/* Optional, repeated and group levels of one leaf; levels are kept in bytes. */
#define PARQUET_LEVEL_MAX 100

/* How values lie in memory on their way into pages: one kind of loop each. */
typedef enum value_lane {
    LANE_BOOL,  /* a byte per value, 0 or 1 */
    LANE_32,    /* 4 bytes */
    LANE_64,    /* 8 bytes */
    LANE_128,   /* decimals of more than 18 digits: int128, big-endian of type_length in the file */
    LANE_BYTES, /* strings, binaries; also fixed ones (type_length > 0) */
} value_lane;

typedef struct parquet_node {
    const char        *name;
    int32_t            field_id; /* 0: none (root, the repeated groups of lists and maps) */
    bool               is_group;
    parquet_repetition repetition; /* not of the root */
    unsigned           child_count;
    parquet_type       physical;
    unsigned           type_length; /* FIXED_LEN_BYTE_ARRAY, else 0 */
    parquet_converted  converted;
    parquet_logical    logical;
    bool               is_utc;           /* time, timestamp */
    unsigned           precision, scale; /* decimal */
} parquet_node;

typedef struct parquet_leaf {
    const schema_field  *field;
    unsigned             column_index; /* of the top-level column that it is in */
    parquet_type         physical;
    unsigned             type_length;
    value_lane           lane;
    unsigned             definition_max, repetition_max;
    unsigned             path_count;
    const char         **path;  /* names from below the root to the leaf */
    unsigned             depth; /* fields from the top-level column to the leaf, both included */
    const schema_field **fields;
    const unsigned      *child_index; /* fields[i + 1] is child child_index[i] of fields[i] */
} parquet_leaf;

typedef struct parquet_schema {
    firn_arena    arena;
    unsigned      node_count, leaf_count;
    parquet_node *nodes; /* nodes[0] is the root */
    parquet_leaf *leaves;
} parquet_schema;

/* Borrows `table` until done. */
FIRN_MUST_USE firn_status parquet_schema_init(parquet_schema *schema, const table_schema *table, firn_error *err);
void                      parquet_schema_done(parquet_schema *schema);

/* Whether bounds of the leaf's whole column mean something to Iceberg: not below a list or map. */
static inline bool
parquet_leaf_is_repeated(const parquet_leaf *leaf)
{
    return leaf->repetition_max > 0;
}

#endif
