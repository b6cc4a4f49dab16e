/*
 * The flattened schema of a file as a tree in which lists and maps are one node each, with the levels that
 * tell their values apart; and the same as a table_schema.
 *
 * Spec:   parquet-format, LogicalTypes.md ("Nested Types", the backward-compatibility rules included) and
 *         README.md ("Nested Encoding")
 * Levels: an entry (definition d, repetition r) of any leaf below a node begins a slot of the node where
 *         r <= repetition and d >= slot_definition; the slot is not null where d >= definition. A list or
 *         map has an element where r <= repetition + 1 and d >= definition + 1.
 * Limits: nesting PARQUET_DEPTH_MAX, so that levels fit a byte
 */
#ifndef FIRN_PARQUET_FILE_SCHEMA_H
#define FIRN_PARQUET_FILE_SCHEMA_H

#include "base/arena.h"
#include "batch/schema.h"
#include "parquet/file_metadata.h"

#define PARQUET_DEPTH_MAX 64

typedef enum parquet_node_kind { NODE_LEAF, NODE_STRUCT, NODE_LIST, NODE_MAP } parquet_node_kind;

typedef struct parquet_node parquet_node;
struct parquet_node {
    parquet_node_kind      kind;
    const char            *name;
    int32_t                field_id; /* -1: none */
    bool                   is_optional;
    uint8_t                repetition, slot_definition, definition;
    const parquet_element *element;     /* leaves: the type; else the group */
    unsigned               child_count; /* struct: its fields, list: 1, map: 2 */
    parquet_node          *children;
    unsigned               leaf_first, leaf_count; /* leaves of the file below (and of) this node */
};

/* The root is a struct that is never null. */
FIRN_MUST_USE firn_status file_schema_read(const char *name, const parquet_metadata *metadata, firn_arena *arena,
                                           const parquet_node **ret_root, firn_error *err);
/* Whether any node has a field id. */
bool                      file_schema_has_ids(const parquet_node *root);
/* What the file holds, in Iceberg's types: the ids of the file, or new ones where it has none.
 * FIRN_UNSUPPORTED where a type has no counterpart. */
FIRN_MUST_USE firn_status file_schema_table(const char *name, const parquet_node *root, table_schema **ret_schema,
                                            firn_error *err);
/* The Iceberg type of one leaf; false: it has none. */
FIRN_MUST_USE bool        file_schema_leaf_type(const parquet_element *element, data_type *ret_type);

#endif
