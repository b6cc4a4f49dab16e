#include "scan/partition_filter.h"

#include <math.h>

/* What is known of the values of one partition field. */
typedef struct field_facts {
    bool         may_be_null, may_be_value, may_be_nan, has_bounds;
    single_value lower, upper;
} field_facts;

bool
stored_value_decode(const data_type *type, firn_slice bytes, single_value *ret_value)
{
    bool       is_timestamp = type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMPTZ;
    firn_error ignored = {0};

    if (!bytes.data || (is_timestamp && bytes.size != 8)) return false; /* a date, of before */
    if (single_value_decode(type, bytes, ret_value, &ignored) != FIRN_OK) return false;
    return !isnan(ret_value->real);
}

static bool
is_real(const data_type *type)
{
    return type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;
}

static bool
is_time_transform(transform t)
{
    return t.kind == TRANSFORM_YEAR || t.kind == TRANSFORM_MONTH || t.kind == TRANSFORM_DAY || t.kind == TRANSFORM_HOUR;
}

/* The values as an interval meet [first, last]. */
static bool
meets(const data_type *type, const field_facts *facts, const single_value *first, const single_value *last)
{
    if (first && predicate_compare(type, &facts->upper, first) < 0) return false;
    return !last || predicate_compare(type, &facts->lower, last) <= 0;
}

/* Whole numbers: the next one down or up, so that `ts < '2024-02-01'` leaves February out. */
static single_value
step_inside(const data_type *source, compare_op op, single_value value)
{
    bool is_whole = source->kind == TYPE_INT || source->kind == TYPE_LONG || source->kind == TYPE_DATE ||
                    source->kind == TYPE_TIMESTAMP || source->kind == TYPE_TIMESTAMPTZ;

    if (is_whole && op == COMPARE_LESS && value.integer > INT64_MIN) value.integer--;
    if (is_whole && op == COMPARE_GREATER && value.integer < INT64_MAX) value.integer++;
    return value;
}

/* Near the least number a truncated one wraps around to the greatest. */
static bool
truncate_wraps(transform t, const data_type *source, const single_value *value, const field_facts *facts)
{
    int64_t least = source->kind == TYPE_INT ? INT32_MIN : INT64_MIN;
    int64_t most = source->kind == TYPE_INT ? INT32_MAX : INT64_MAX;

    if (t.kind != TRANSFORM_TRUNCATE || (source->kind != TYPE_INT && source->kind != TYPE_LONG)) return false;
    return value->integer < least + (int64_t) t.parameter || facts->upper.integer > most - (int64_t) t.parameter;
}

/* Transforms that keep the order of values. */
static bool
ordered_may_match(transform t, const data_type *source, const data_type *result, compare_op op,
                  const single_value *value, const field_facts *facts)
{
    single_value inside = step_inside(source, op, *value), first, last;
    firn_error   ignored = {0};

    if (op == COMPARE_NOT_EQUAL || truncate_wraps(t, source, value, facts)) return true;
    if (transform_apply_decoded(t, source, &inside, &first, &ignored) != FIRN_OK || first.is_null) return true;
    last = first;
    if (is_time_transform(t) && last.integer < 0) last.integer++;
    bool from = op & COMPARE_LESS ? false : true, to = op & COMPARE_GREATER ? false : true;
    return meets(result, facts, from ? &first : NULL, to ? &last : NULL);
}

static bool
bucket_may_match(transform t, const data_type *source, const data_type *result, compare_op op,
                 const single_value *value, const field_facts *facts)
{
    single_value bucket;
    firn_error   ignored = {0};

    if (op != COMPARE_EQUAL) return true;
    if (transform_apply_decoded(t, source, value, &bucket, &ignored) != FIRN_OK) return true;
    return meets(result, facts, &bucket, &bucket);
}

static bool
values_may_match(const scan_predicate *leaf, transform t, const data_type *result, const field_facts *facts)
{
    const data_type *source = leaf->column.field->type;
    compare_op       op = leaf->kind == PREDICATE_COMPARE ? leaf->op : COMPARE_EQUAL;

    if (leaf->kind == PREDICATE_NOT_IN) return true;
    for (unsigned i = 0; i < leaf->value_count; i++) {
        bool may = t.kind == TRANSFORM_BUCKET ? bucket_may_match(t, source, result, op, &leaf->values[i], facts)
                                              : ordered_may_match(t, source, result, op, &leaf->values[i], facts);
        if (may) return true;
    }
    return false;
}

static bool
field_may_match(const scan_predicate *leaf, transform t, const data_type *result, const field_facts *facts)
{
    if (leaf->kind == PREDICATE_IS_NULL) return facts->may_be_null;
    if (!facts->may_be_value) return false;
    if (leaf->kind == PREDICATE_NOT_NULL || !facts->has_bounds) return true;
    if (t.kind != TRANSFORM_IDENTITY) return values_may_match(leaf, t, result, facts);

    column_facts column = {-1, -1, facts->may_be_nan ? -1 : 0, true, true, facts->lower, facts->upper};
    return predicate_leaf_may_match(leaf, &column);
}

/* ---- the two places where partition values are told ---- */

typedef struct filter {
    const partition_spec    *spec;
    const firn_slice        *values;    /* or */
    const partition_summary *summaries;
} filter;

static field_facts
facts_of_value(const data_type *type, firn_slice value)
{
    field_facts facts = {.may_be_null = !value.data, .may_be_value = value.data != NULL};

    facts.has_bounds = stored_value_decode(type, value, &facts.lower);
    facts.upper = facts.lower;
    return facts;
}

static field_facts
facts_of_summary(const data_type *type, const partition_summary *summary)
{
    field_facts facts = {.may_be_null = summary->contains_null, .may_be_value = true,
                         .may_be_nan = is_real(type) && summary->contains_nan != 0};

    /* Without bounds all are null, or NaN. */
    if (!summary->lower.data && !summary->upper.data) facts.may_be_value = is_real(type) || !summary->contains_null;
    facts.has_bounds = stored_value_decode(type, summary->lower, &facts.lower) &&
                       stored_value_decode(type, summary->upper, &facts.upper);
    return facts;
}

static bool
leaf_may_match(const filter *f, const scan_predicate *leaf)
{
    if (leaf->kind == PREDICATE_NEVER) return false;
    for (unsigned i = 0; i < f->spec->field_count; i++) {
        const partition_field *field = &f->spec->fields[i];
        data_type              result;

        if (field->source_id != leaf->column.field->id) continue;
        if (field->transform.kind == TRANSFORM_VOID || field->transform.kind == TRANSFORM_UNKNOWN) continue;
        if (!transform_result_type(field->transform, leaf->column.field->type, &result)) continue;

        field_facts facts =
            f->values ? facts_of_value(&result, f->values[i]) : facts_of_summary(&result, &f->summaries[i]);
        if (!field_may_match(leaf, field->transform, &result, &facts)) return false;
    }
    return true;
}

static bool
may_match(const filter *f, const scan_predicate *where)
{
    bool is_and = where->kind == PREDICATE_AND;

    if (!is_and && where->kind != PREDICATE_OR) return leaf_may_match(f, where);
    for (unsigned i = 0; i < where->child_count; i++) {
        if (may_match(f, where->children[i]) != is_and) return !is_and;
    }
    return is_and;
}

bool
partition_may_match(const scan_predicate *where, const partition_spec *spec, const firn_slice values[])
{
    filter f = {spec, values, NULL};

    return may_match(&f, where);
}

bool
partition_summaries_may_match(const scan_predicate *where, const partition_spec *spec,
                              const partition_summary summaries[])
{
    filter f = {spec, NULL, summaries};

    return !summaries || may_match(&f, where);
}
