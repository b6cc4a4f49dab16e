/*
 * PostgreSQL's catalog → the list of tables, and one table's description: columns, key, relations to read.
 *
 * Tables:     ordinary and partitioned ones; partitions belong to their root. Views, materialized views and
 *             foreign tables are listed with their kind. Tables of extensions are TABLE_OTHER.
 * Inheritance: a child is a table of its own; a parent is read without its children.
 * Key:        configured, else the primary key, else a unique index whose columns are all NOT NULL (the
 *             replica identity first); a key that Iceberg cannot have (floating point, nested) is none
 */
#ifndef FIRN_POSTGRES_POSTGRES_DESCRIBE_H
#define FIRN_POSTGRES_POSTGRES_DESCRIBE_H

#include "change/change.h"
#include "postgres/postgres_types.h"

/* One heap that holds rows of the table. */
typedef struct postgres_relation {
    uint32_t    oid;
    const char *qualified; /* "shop"."orders", quoted */
    uint64_t    block_count;
    uint64_t    row_estimate;
    bool        with_descendants; /* read through its parent: no SELECT on a partition */
} postgres_relation;

/* source_description.detail */
typedef struct postgres_table {
    copy_layout        layout;
    const char        *select_list;
    const char *const *expressions; /* of the columns */
    const char *const *orderable;   /* of the columns: expressions to sort by */
    const int         *places;    /* of the columns: pg_attribute.attnum, which renaming keeps; 0: not there any more */
    const char        *cast_column; /* the first whose binary form is not what is read; NULL: none */
    bool               plain_columns;  /* the select list is names of stored columns only: COPY may name them */
    unsigned           relation_count;
    postgres_relation *relations;
    const char        *range_column; /* quoted integer key column, for servers without TID ranges; NULL: none */
    const char        *order_by;     /* set by set_order; NULL: any order */
    firn_arena        *arena;        /* of the description */
} postgres_table;

FIRN_MUST_USE firn_status postgres_list_tables(postgres_connection *c, const char *schema, firn_arena *arena,
                                               source_tables *ret_tables, firn_error *err);
FIRN_MUST_USE firn_status postgres_describe_table(postgres_type_catalog *types, const char *schema,
                                                  const source_table *table, const table_rules *rules,
                                                  firn_arena *arena, source_description **ret_description,
                                                  firn_error *err);
/* A relation of a change stream: its columns, with types as they were, in its order; the rest as the catalog is now, as
 * far as it is there. The key of a table that was dropped is its replica identity's. */
FIRN_MUST_USE firn_status postgres_describe_relation(postgres_type_catalog *types, const change_relation *relation,
                                                     const table_rules *rules, firn_arena *arena,
                                                     source_description **ret_description, firn_error *err);
/* Sets table->order_by. */
FIRN_MUST_USE firn_status postgres_set_order(source_description *description, const order_term terms[],
                                             unsigned term_count, firn_error *err);

#endif
