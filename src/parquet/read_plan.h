/*
 * Which columns of a file give which parts of a wanted schema: matched by field id as Iceberg does, by a
 * name mapping, or by name where the file has no ids.
 *
 * Spec: Iceberg spec, "Column Projection" and "Schema Evolution"
 */
#ifndef FIRN_PARQUET_READ_PLAN_H
#define FIRN_PARQUET_READ_PLAN_H

#include "parquet/column_reader.h"

typedef enum plan_kind { PLAN_LEAF, PLAN_STRUCT, PLAN_LIST, PLAN_MAP, PLAN_MISSING } plan_kind;

typedef struct plan_node plan_node;
struct plan_node {
    plan_kind           kind;
    const schema_field *field;       /* wanted */
    const parquet_node *file;        /* NULL: missing */
    unsigned            column;      /* index of the leaf's column, or of one whose levels tell what this node is */
    unsigned            child_count; /* struct: wanted fields, list: 1, map: 2 */
    plan_node          *children;
};

typedef struct plan_column {
    const parquet_node *leaf;
    value_conversion    conversion;
    bool                is_flat, levels_only;
} plan_column;

typedef struct read_plan {
    unsigned     node_count; /* top level: the wanted columns in order */
    plan_node   *nodes;
    unsigned     column_count;
    plan_column *columns;
} read_plan;

/* The plan lives in the arena and borrows the schema and the tree. `mapping`: the JSON text of
 * schema.name-mapping.default, or NULL; only used where the file has no ids. */
FIRN_MUST_USE firn_status read_plan_make(const char *name, const parquet_node *root, const table_schema *wanted,
                                         const char *mapping, bool truncate_nanos, firn_arena *arena,
                                         read_plan *ret_plan, firn_error *err);

#endif
