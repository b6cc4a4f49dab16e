#include "source/unfit_value.h"

#include <string.h>

value_policy
unfit_value_policy(const table_rules *rules, const char *column)
{
    value_policy policy = rules ? rules->policy : POLICY_ERROR;

    for (unsigned i = 0; rules && i < rules->column_count; i++)
        if (rules->columns[i].has_policy && strcmp(rules->columns[i].column, column) == 0) policy = rules->columns[i].policy;
    return policy;
}

unfit_answer
unfit_value_answer(value_policy policy, bool is_required, unfit_remedy possible)
{
    switch (policy) {
    case POLICY_NULL:
        return is_required ? UNFIT_FAILS : UNFIT_NULL;
    case POLICY_CLAMP:
        return possible == REMEDY_NONE ? UNFIT_FAILS : UNFIT_REMEDY;
    case POLICY_ROUND:
        return possible == REMEDY_CLAMP_OR_ROUND ? UNFIT_REMEDY : UNFIT_FAILS;
    case POLICY_ERROR:
    case POLICY_TEXT:
        break;
    }
    return UNFIT_FAILS;
}

firn_status
unfit_value_fail(const unfit_place *place, const char *value, const char *key, const char *problem, unfit_remedy possible,
                 bool is_text, firn_error *err)
{
    firn_fail(err, FIRN_E_VALUE_UNREPRESENTABLE, "value %s in column '%s' of table '%s', row %s: %s", value, place->column,
              place->qualified_name, key, problem);
    firn_hint(err, "in %s: sources.%s.tables.%s.types: {%s: null} (or %s)",
              place->config_file ? place->config_file : "sources.yaml", place->source_name ? place->source_name : "SOURCE",
              place->table_name, place->column,
              possible == REMEDY_CLAMP_OR_ROUND ? "clamp, round, text"
              : is_text                         ? "clamp"
              : possible == REMEDY_CLAMP        ? "clamp, text"
                                                : "text");
    return err->status;
}

firn_status
unfit_null_fail(const unfit_place *place, const char *key, firn_error *err)
{
    firn_fail(err, FIRN_E_VALUE_UNREPRESENTABLE, "null in the required column '%s' of table '%s', row %s", place->column,
              place->qualified_name, key);
    firn_hint(err, "choose key columns that are never null: sources.%s.primary_keys.%s",
              place->source_name ? place->source_name : "SOURCE", place->table_name);
    return err->status;
}
