/*
 * Which rows are wanted: comparisons of columns with values, joined by AND and OR. NOT is gone: whoever makes a
 * predicate turns it into the opposite comparison, which keeps SQL's meaning of null (a row is wanted where the whole
 * is true; unknown is not true).
 *
 * Order:   of the column's type; NaN equals NaN and is greater than all numbers, -0.0 equals 0.0 (as PostgreSQL and
 *          Spark have it); texts, binaries and uuids by unsigned bytes
 * Pruning: may_match answers for many rows by what is known of them (bounds, counts). It says no only where no row can
 *          match; what is not known never prunes.
 * Threads: immutable once made; everything lives in the arena of whoever made it
 */
#ifndef FIRN_SCAN_SCAN_PREDICATE_H
#define FIRN_SCAN_SCAN_PREDICATE_H

#include "iceberg/single_value.h"
#include "scan/column_path.h"

/* Of AND, OR and parentheses. */
#define PREDICATE_DEPTH_MAX 64

typedef enum predicate_kind {
    PREDICATE_NEVER, /* a comparison with null */
    PREDICATE_AND,
    PREDICATE_OR,
    PREDICATE_COMPARE, /* column op values[0] */
    PREDICATE_IN,      /* values ascend, each once */
    PREDICATE_NOT_IN,
    PREDICATE_IS_NULL,
    PREDICATE_NOT_NULL,
} predicate_kind;

/* The bits: which of less, equal, greater satisfies it. */
typedef enum compare_op {
    COMPARE_LESS = 1,
    COMPARE_EQUAL = 2,
    COMPARE_LESS_EQUAL = 3,
    COMPARE_GREATER = 4,
    COMPARE_NOT_EQUAL = 5,
    COMPARE_GREATER_EQUAL = 6,
} compare_op;

typedef struct scan_predicate scan_predicate;
struct scan_predicate {
    predicate_kind       kind;
    compare_op           op;
    unsigned             child_count; /* AND, OR */
    scan_predicate     **children;
    column_path          column;     /* a primitive; field NULL: none (AND, OR, NEVER) */
    unsigned             value_count;
    const single_value  *values; /* not null */
};

/* What is known of some rows' values of a column; counts are -1 where they are not known. */
typedef struct column_facts {
    int64_t      value_count, null_count, nan_count; /* value_count: nulls included */
    bool         has_lower, has_upper;               /* no value lies below, or above; NaN is not counted in */
    single_value lower, upper;
} column_facts;

/* Fills ret_facts (initialised to "nothing known") with what is known of `column`. */
typedef void (*column_facts_find)(void *state, const schema_field *column, column_facts *ret_facts);

/* Whether rows with such facts can match a comparison (any kind but AND and OR). */
bool predicate_leaf_may_match(const scan_predicate *leaf, const column_facts *facts);
bool scan_predicate_may_match(const scan_predicate *predicate, column_facts_find find, void *state);

/* As the order above has it; neither is null. */
int predicate_compare(const data_type *type, const single_value *a, const single_value *b);

/* keep[i] = whether row i matches. `rows` is a struct array with the columns of `schema`, which holds all columns of
 * the predicate at the top level (or their structs). */
FIRN_MUST_USE firn_status scan_predicate_rows(const scan_predicate *predicate, const table_schema *schema,
                                              const struct ArrowArray *rows, uint8_t keep[], firn_error *err);

/* Calls visit for each column that the predicate reads; repeats are possible. */
typedef firn_status (*predicate_visit)(void *state, const column_path *column, firn_error *err);
FIRN_MUST_USE firn_status scan_predicate_columns(const scan_predicate *predicate, predicate_visit visit, void *state,
                                                 firn_error *err);

#endif
