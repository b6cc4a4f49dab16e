/*
 * PostgreSQL's types → Iceberg's, with the decoder of their binary form; where that form is not usable, a
 * cast in the SELECT list: to text, which is PostgreSQL's own output, or to numeric for money.
 * docs/TYPES.md has the table for people.
 *
 * Threads: a catalog of types belongs to one connection
 */
#ifndef FIRN_POSTGRES_POSTGRES_TYPES_H
#define FIRN_POSTGRES_POSTGRES_TYPES_H

#include "base/arena.h"
#include "postgres/copy_layout.h"
#include "postgres/postgres_connection.h"

/* What pg_type says, as far as it matters here. */
typedef struct postgres_type postgres_type;

/* Types looked up so far; lives as long as its source. */
typedef struct postgres_type_catalog {
    postgres_connection *connection; /* borrowed */
    firn_arena           arena;
    postgres_type       *first;
    bool                 verify_utf8; /* the database is SQL_ASCII */
} postgres_type_catalog;

void postgres_type_catalog_init(postgres_type_catalog *types, postgres_connection *connection, bool verify_utf8);
void postgres_type_catalog_done(postgres_type_catalog *types);

/* One column as the catalog describes it. */
typedef struct postgres_column {
    const char *name;
    uint32_t    type_oid;
    int32_t     typmod;     /* -1: none */
    int         dimensions; /* as declared; 0 also where it is not known */
} postgres_column;

typedef struct postgres_mapping {
    copy_field  field;         /* name, decoder, type, policy, children; `required` is the caller's */
    const char *expression;    /* for the SELECT list: "a", or "a"::text … */
    bool        is_cast;       /* the expression is more than the column's name */
    bool        may_be_unfit;  /* has values that the Iceberg type cannot hold */
    bool        can_be_key;    /* Iceberg's identifier fields: no floating point, nothing nested */
} postgres_mapping;

/* `rules` gives the policy of this column and the choices for numeric and time. Results live in `arena`. */
FIRN_MUST_USE firn_status postgres_map_column(postgres_type_catalog *types, const postgres_column *column,
                                              const table_rules *rules, firn_arena *arena,
                                              postgres_mapping *ret_mapping, firn_error *err);
/* "numeric(10,2)", "shop.mood[]": PostgreSQL's name of a column's type, for messages; in `arena`. */
FIRN_MUST_USE firn_status postgres_type_name(postgres_connection *c, uint32_t oid, int32_t typmod, firn_arena *arena,
                                             const char **ret_name, firn_error *err);

#endif
