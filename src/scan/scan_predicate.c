#include "scan/scan_predicate.h"

#include <math.h>

#include "base/alloc.h"
#include "scan/array_value.h"

/* ---- order ---- */

static int
compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b)) return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return (a > b) - (a < b);
}

int
predicate_compare(const data_type *type, const single_value *a, const single_value *b)
{
    if (type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE) return compare_reals(a->real, b->real);
    return single_value_compare(type, a, b);
}

static bool
satisfies(compare_op op, int order)
{
    unsigned bit = order < 0 ? COMPARE_LESS : order > 0 ? COMPARE_GREATER : COMPARE_EQUAL;

    return ((unsigned) op & bit) != 0;
}

/* ---- what is known of many rows ---- */

static bool
is_real(const data_type *type)
{
    return type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;
}

/* Writers do not agree on the order of uuids: their bounds prune nothing. */
static bool
has_order(const data_type *type)
{
    return type->kind != TYPE_UUID;
}

/* Bounds leave NaN out, which is the greatest. */
static bool
upper_holds(const data_type *type, const column_facts *facts)
{
    return facts->has_upper && (!is_real(type) || facts->nan_count == 0);
}

static bool
value_may_match(const data_type *type, compare_op op, const single_value *value, const column_facts *facts)
{
    bool below = facts->has_lower && predicate_compare(type, value, &facts->lower) < 0;
    bool above = upper_holds(type, facts) && predicate_compare(type, value, &facts->upper) > 0;

    switch (op) {
    case COMPARE_EQUAL:
        return !below && !above;
    case COMPARE_LESS:
        return !facts->has_lower || predicate_compare(type, &facts->lower, value) < 0;
    case COMPARE_LESS_EQUAL:
        return !below;
    case COMPARE_GREATER:
        return !upper_holds(type, facts) || predicate_compare(type, &facts->upper, value) > 0;
    case COMPARE_GREATER_EQUAL:
        return !above;
    case COMPARE_NOT_EQUAL:
        break;
    }
    return true;
}

bool
predicate_leaf_may_match(const scan_predicate *leaf, const column_facts *facts)
{
    const data_type *type = leaf->column.field ? leaf->column.field->type : NULL;

    if (leaf->kind == PREDICATE_NEVER) return false;
    if (leaf->kind == PREDICATE_IS_NULL) return facts->null_count != 0;
    if (facts->value_count >= 0 && facts->null_count == facts->value_count) return false; /* nulls, or no rows */
    if (!has_order(type)) return true;
    if (leaf->kind == PREDICATE_COMPARE) return value_may_match(type, leaf->op, &leaf->values[0], facts);
    if (leaf->kind != PREDICATE_IN) return true;
    for (unsigned i = 0; i < leaf->value_count; i++) {
        if (value_may_match(type, COMPARE_EQUAL, &leaf->values[i], facts)) return true;
    }
    return false;
}

bool
scan_predicate_may_match(const scan_predicate *predicate, column_facts_find find, void *state)
{
    bool is_and = predicate->kind == PREDICATE_AND;

    if (is_and || predicate->kind == PREDICATE_OR) {
        for (unsigned i = 0; i < predicate->child_count; i++) {
            if (scan_predicate_may_match(predicate->children[i], find, state) != is_and) return !is_and;
        }
        return is_and;
    }

    column_facts facts = {.value_count = -1, .null_count = -1, .nan_count = -1};

    if (predicate->column.field) find(state, predicate->column.field, &facts);
    return predicate_leaf_may_match(predicate, &facts);
}

/* ---- rows ---- */

static bool
is_among(const scan_predicate *leaf, const single_value *value)
{
    unsigned low = 0, high = leaf->value_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int      order = predicate_compare(leaf->column.field->type, value, &leaf->values[middle]);
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool
value_matches(const scan_predicate *leaf, const single_value *value)
{
    if (leaf->kind == PREDICATE_COMPARE)
        return satisfies(leaf->op, predicate_compare(leaf->column.field->type, value, &leaf->values[0]));
    return is_among(leaf, value) == (leaf->kind == PREDICATE_IN);
}

static void
leaf_keep(const scan_predicate *leaf, const table_schema *schema, const struct ArrowArray *rows, uint8_t keep[])
{
    column_rows at;

    if (leaf->kind == PREDICATE_NEVER) {
        memset(keep, 0, (size_t) rows->length);
        return;
    }
    column_rows_find(&leaf->column, schema, rows, &at);
    for (int64_t i = 0; i < rows->length; i++) {
        bool is_null = column_rows_null(&at, i);
        if (is_null || leaf->kind == PREDICATE_IS_NULL || leaf->kind == PREDICATE_NOT_NULL) {
            keep[i] = is_null == (leaf->kind == PREDICATE_IS_NULL);
            continue;
        }
        single_value value = array_value(leaf->column.field->type, at.array, i);
        keep[i] = value_matches(leaf, &value);
    }
}

firn_status
scan_predicate_rows(const scan_predicate *predicate, const table_schema *schema, const struct ArrowArray *rows,
                    uint8_t keep[], firn_error *err)
{
    size_t                       count = (size_t) rows->length;
    bool                         is_and = predicate->kind == PREDICATE_AND;
    FIRN_AUTO(firn_freep) uint8_t *next = NULL;

    if (!is_and && predicate->kind != PREDICATE_OR) {
        leaf_keep(predicate, schema, rows, keep);
        return FIRN_OK;
    }
    next = firn_alloc(count ? count : 1);
    if (!next) return firn_fail_memory(err, "a condition");
    memset(keep, is_and, count);
    for (unsigned i = 0; i < predicate->child_count; i++) {
        FIRN_TRY(scan_predicate_rows(predicate->children[i], schema, rows, next, err));
        for (size_t row = 0; row < count; row++) keep[row] = is_and ? keep[row] & next[row] : keep[row] | next[row];
    }
    return FIRN_OK;
}

firn_status
scan_predicate_columns(const scan_predicate *predicate, predicate_visit visit, void *state, firn_error *err)
{
    for (unsigned i = 0; i < predicate->child_count; i++)
        FIRN_TRY(scan_predicate_columns(predicate->children[i], visit, state, err));
    return predicate->column.field ? visit(state, &predicate->column, err) : FIRN_OK;
}
