#include <stdio.h>
#include <string.h>

#include "postgres/postgres_check.h"

#define SQL_BYTES_MAX ((size_t) 4 << 20)
#define SAMPLE_BLOCKS 200 /* pages that are read of one table */
#define BLOCK_BYTES 8192
#define COLUMNS_AT_ONCE 100 /* a SELECT may have 1,664 expressions */
#define EXPRESSIONS 4       /* per column */
#define NUMERIC_DIGITS_MAX 38

/* What is looked for in a column. */
typedef enum value_kind { VALUE_NUMERIC, VALUE_DATE, VALUE_TIMESTAMP, VALUE_ARRAY, VALUE_OTHER } value_kind;

typedef struct checked_column {
    const char  *name, *quoted, *type;
    value_kind   kind;
    bool         bounded; /* numeric: has a precision that Iceberg can hold */
    value_policy policy;
} checked_column;

typedef struct value_check {
    postgres_source    *s;
    const source_table *table;
    const table_rules  *rules;
    finding_list       *list;
    const char         *from;  /* the table and its sample */
    bool                whole; /* every row is read */
    checked_column      columns[COLUMNS_AT_ONCE];
    unsigned            column_count;
} value_check;

/* Columns with their base type (of a domain: the type below it). $1 schema, $2 table. */
static const char columns_sql[] =
    "SELECT a.attname, quote_ident(a.attname), b.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,"
    " b.typcategory, format_type(a.atttypid, a.atttypmod)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid"
    " JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END"
    " WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attndims <= 1"
    " AND (b.oid IN (1700, 1082, 1114, 1184) OR b.typcategory = 'A') ORDER BY a.attnum";

static value_kind
kind_of(uint32_t oid, char category)
{
    switch (oid) {
    case 1700:
        return VALUE_NUMERIC;
    case 1082:
        return VALUE_DATE;
    case 1114:
    case 1184:
        return VALUE_TIMESTAMP;
    default:
        return category == 'A' ? VALUE_ARRAY : VALUE_OTHER;
    }
}

static firn_status
choose_sample(value_check *k, firn_error *err)
{
    const char *name = NULL;
    double      blocks = (double) k->table->size_bytes / BLOCK_BYTES;

    FIRN_TRY(finding_identifier(k->list, k->s->settings.schema, k->table->name, &name, err));
    k->whole = blocks <= SAMPLE_BLOCKS;
    k->from =
        k->whole ? name : finding_text(k->list, "%s TABLESAMPLE SYSTEM (%.6f)", name, 100.0 * SAMPLE_BLOCKS / blocks);
    return k->from ? FIRN_OK : firn_fail_memory(err, "the findings");
}

/* Four expressions for each column: values that are not finite, most decimals, most digits before the point, dates that
 * readers choke on or arrays of several dimensions. */
static firn_status
add_expressions(const checked_column *column, firn_buffer *sql, firn_error *err)
{
    const char *c = column->quoted;

    switch (column->kind) {
    case VALUE_NUMERIC:
        FIRN_TRY(
            firn_buffer_printf(sql, err, ", count(*) FILTER (WHERE %s::text IN ('NaN', 'Infinity', '-Infinity'))", c));
        FIRN_TRY(firn_buffer_printf(sql, err, ", max(scale(%s))", c));
        return firn_buffer_printf(sql, err,
                                  ", max(CASE WHEN %s::text IN ('NaN', 'Infinity', '-Infinity') THEN 0"
                                  " ELSE length(trunc(abs(%s))::text) END), 0",
                                  c, c);
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        FIRN_TRY(firn_buffer_printf(sql, err, ", count(*) FILTER (WHERE NOT isfinite(%s)), 0, 0", c));
        return firn_buffer_printf(
            sql, err, ", count(*) FILTER (WHERE isfinite(%s) AND (%s < '0001-01-01' OR %s >= '10000-01-01'))", c, c, c);
    case VALUE_ARRAY:
        return firn_buffer_printf(sql, err, ", 0, 0, 0, count(*) FILTER (WHERE array_ndims(%s) > 1)", c);
    case VALUE_OTHER:
        break;
    }
    return firn_buffer_add_text(sql, ", 0, 0, 0, 0", err);
}

static const char *
column_subject(const value_check *k, const checked_column *column)
{
    return finding_text(k->list, "%s.%s.%s", k->s->settings.schema, k->table->name, column->name);
}

/* "in all 5,000 rows" or "in a sample of 20,000 rows". */
static const char *
sample_text(const value_check *k, int64_t rows)
{
    return finding_text(k->list, "%s%lld rows", k->whole ? "all " : "a sample of ", (long long) rows);
}

/* The setting for this column alone, with the choices that apply to the value. */
static const char *
column_setting(const value_check *k, const checked_column *column, const char *choices)
{
    return finding_text(k->list, "set tables: {%s: {types: {%s: POLICY}}} with %s, or types: {unrepresentable: POLICY}",
                        k->table->name, column->name, choices);
}

static firn_status
report_digits(const value_check *k, const checked_column *column, int64_t decimals, int64_t digits, const char *sample,
              firn_error *err)
{
    const table_rules *rules = k->rules;
    const char        *type = "string";

    if (column->bounded || rules->unbounded_numeric != UNBOUNDED_DECIMAL) return FIRN_OK;
    if (decimals <= (int64_t) rules->unbounded_scale &&
        digits <= (int64_t) (rules->unbounded_precision - rules->unbounded_scale))
        return FIRN_OK;
    /* No decimal of 38 digits may hold both. */
    if (digits + decimals <= NUMERIC_DIGITS_MAX)
        type = finding_text(k->list, "\"decimal(%d,%lld)\", string", NUMERIC_DIGITS_MAX, (long long) decimals);
    const char *remedy =
        finding_text(k->list,
                     "set types: {unbounded_numeric: %s or double}, or tables: {%s: {types: {%s: POLICY}}} "
                     "with round, null, clamp or text",
                     type, k->table->name, column->name);
    return finding_add(k->list, column->policy == POLICY_ERROR ? FINDING_WARNING : FINDING_NOTE,
                       column_subject(k, column),
                       finding_text(k->list,
                                    "%s has up to %lld decimals and %lld digits before the point in %s; decimal(%u,%u) "
                                    "holds %u and %u",
                                    column->type, (long long) decimals, (long long) digits, sample,
                                    rules->unbounded_precision, rules->unbounded_scale, rules->unbounded_scale,
                                    rules->unbounded_precision - rules->unbounded_scale),
                       remedy, err);
}

static firn_status
report_column(const value_check *k, const checked_column *column, const PGresult *row, int first, const char *sample,
              firn_error *err)
{
    int64_t       unfit = postgres_cell_i64(row, 0, first), odd = postgres_cell_i64(row, 0, first + 3);
    finding_level level = column->policy == POLICY_ERROR ? FINDING_WARNING : FINDING_NOTE;
    bool          as_double =
        column->kind == VALUE_NUMERIC && !column->bounded && k->rules->unbounded_numeric != UNBOUNDED_DECIMAL;

    if (unfit && !as_double)
        FIRN_TRY(finding_add(
            k->list, level, column_subject(k, column),
            finding_text(k->list, "%s holds %s in %lld of %s", column->type,
                         column->kind == VALUE_NUMERIC ? "NaN or infinity" : "infinity", (long long) unfit, sample),
            column_setting(k, column, column->kind == VALUE_NUMERIC ? "null or text" : "null, clamp or text"), err));
    if (column->kind == VALUE_NUMERIC)
        return report_digits(k, column, postgres_cell_i64(row, 0, first + 1), postgres_cell_i64(row, 0, first + 2),
                             sample, err);
    if (!odd) return FIRN_OK;
    if (column->kind == VALUE_ARRAY)
        return finding_add(k->list, level, column_subject(k, column),
                           finding_text(k->list, "%s holds arrays of several dimensions in %lld of %s; a list has one",
                                        column->type, (long long) odd, sample),
                           column_setting(k, column, "null or text"), err);
    return finding_add(k->list, FINDING_NOTE, column_subject(k, column),
                       finding_text(k->list,
                                    "%s holds years outside 1 to 9999 in %lld of %s: loaded exactly, but not every "
                                    "reader can show them",
                                    column->type, (long long) odd, sample),
                       NULL, err);
}

/* Reads the sample once for the columns collected so far. */
static firn_status
flush(value_check *k, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer    sql = {0};
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

    if (k->column_count == 0) return FIRN_OK;
    firn_buffer_init(&sql, SQL_BYTES_MAX);
    FIRN_TRY(firn_buffer_add_text(&sql, "SELECT count(*)", err));
    for (unsigned i = 0; i < k->column_count; i++) {
        FIRN_TRY(add_expressions(&k->columns[i], &sql, err));
    }
    FIRN_TRY(firn_buffer_printf(&sql, err, " FROM %s", k->from));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    FIRN_TRY(postgres_query(k->s->catalog, (const char *) sql.data, NULL, 0, "reading a sample", &row, err));
    const char *sample = sample_text(k, postgres_cell_i64(row, 0, 0));
    if (!sample) return firn_fail_memory(err, "the findings");
    for (unsigned i = 0; i < k->column_count; i++) {
        FIRN_TRY(report_column(k, &k->columns[i], row, 1 + (int) (i * EXPRESSIONS), sample, err));
    }
    k->column_count = 0;
    return FIRN_OK;
}

/* Whether the rules leave the column in, and by which policy. */
static bool
is_included(const table_rules *rules, const char *name, value_policy *ret_policy)
{
    bool included = true;

    *ret_policy = rules->policy;
    for (unsigned i = 0; i < rules->column_count; i++) {
        if (strcmp(rules->columns[i].column, name) != 0) continue;
        if (rules->columns[i].has_policy) *ret_policy = rules->columns[i].policy;
        included = included && !rules->columns[i].excluded;
    }
    return included && *ret_policy != POLICY_TEXT; /* text holds everything */
}

/* numeric's typmod is ((precision << 16) | scale) + 4; -1 where there is none. */
static bool
is_bounded(int64_t typmod)
{
    return typmod >= 4 && ((typmod - 4) >> 16) <= NUMERIC_DIGITS_MAX;
}

firn_status
postgres_check_values(postgres_source *s, const source_table *table, const table_rules *rules, finding_list *list,
                      firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char                                *parameters[] = {s->settings.schema, table->name};
    value_check                                k = {.s = s, .table = table, .rules = rules, .list = list};

    FIRN_TRY(choose_sample(&k, err));
    FIRN_TRY(postgres_query(s->catalog, columns_sql, parameters, 2, "looking at the columns", &rows, err));
    for (int i = 0; i < PQntuples(rows); i++) {
        checked_column column = {.name = firn_arena_strdup(list->arena, PQgetvalue(rows, i, 0)),
                                 .quoted = firn_arena_strdup(list->arena, PQgetvalue(rows, i, 1)),
                                 .type = firn_arena_strdup(list->arena, PQgetvalue(rows, i, 5)),
                                 .kind = kind_of(postgres_cell_oid(rows, i, 2), *PQgetvalue(rows, i, 4)),
                                 .bounded = is_bounded(postgres_cell_i64(rows, i, 3))};
        if (!column.name || !column.quoted || !column.type) return firn_fail_memory(err, "the findings");
        if (!is_included(rules, column.name, &column.policy)) continue;
        k.columns[k.column_count++] = column;
        if (k.column_count == COLUMNS_AT_ONCE) FIRN_TRY(flush(&k, err));
    }
    return flush(&k, err);
}
