#include "scan/scan_where.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const data_type    type_int = {.kind = TYPE_INT}, type_text = {.kind = TYPE_STRING},
                          type_decimal = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
                          type_date = {.kind = TYPE_DATE}, type_boolean = {.kind = TYPE_BOOLEAN};
static const schema_field inner[] = {{.id = 7, .name = "b", .type = &type_int}};
static const data_type    type_struct = {.kind = TYPE_STRUCT, .field_count = 1, .fields = inner};
static const schema_field fields[] = {
    {.id = 1, .name = "number", .type = &type_int},   {.id = 2, .name = "name", .type = &type_text},
    {.id = 3, .name = "price", .type = &type_decimal}, {.id = 4, .name = "day", .type = &type_date},
    {.id = 5, .name = "flag", .type = &type_boolean},  {.id = 6, .name = "a", .type = &type_struct},
    {.id = 8, .name = "and so", .type = &type_int},
};

/* The predicate as text: ids, operators as their bits' signs, values in the machine's form. */
static void
describe(const scan_predicate *p, char *out, size_t size)
{
    static const char *const signs[] = {"", "<", "=", "<=", ">", "<>", ">="};
    char                     part[512] = "";

    switch (p->kind) {
    case PREDICATE_AND:
    case PREDICATE_OR:
        strncat(out, "(", size - strlen(out) - 1);
        for (unsigned i = 0; i < p->child_count; i++) {
            if (i > 0) strncat(out, p->kind == PREDICATE_AND ? " & " : " | ", size - strlen(out) - 1);
            describe(p->children[i], out, size);
        }
        strncat(out, ")", size - strlen(out) - 1);
        return;
    case PREDICATE_NEVER:
        snprintf(part, sizeof part, "never");
        break;
    case PREDICATE_IS_NULL:
        snprintf(part, sizeof part, "%d null", p->column.field->id);
        break;
    case PREDICATE_NOT_NULL:
        snprintf(part, sizeof part, "%d there", p->column.field->id);
        break;
    case PREDICATE_IN:
    case PREDICATE_NOT_IN:
    case PREDICATE_COMPARE:
        snprintf(part, sizeof part, "%d%s", p->column.field->id,
                 p->kind == PREDICATE_COMPARE ? signs[p->op] : p->kind == PREDICATE_IN ? " in" : " not in");
        for (unsigned i = 0; i < p->value_count; i++) {
            const single_value *v = &p->values[i];
            size_t              at = strlen(part);
            if (v->bytes.data)
                snprintf(part + at, sizeof part - at, " '%.*s'", (int) v->bytes.size, (const char *) v->bytes.data);
            else
                snprintf(part + at, sizeof part - at, " %lld", (long long) (v->integer + (int64_t) v->decimal));
        }
        break;
    }
    strncat(out, part, size - strlen(out) - 1);
}

static void
expect(const char *text, const char *described)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena  arena = {0};
    const scan_predicate                  *where = NULL;
    firn_error                             err = {0};
    char                                   out[1024] = "";

    assert_int_equal(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err), 0);
    if (scan_where_parse(text, schema, &arena, &where, &err) != FIRN_OK) fail_msg("%s: %s", text, err.cause);
    describe(where, out, sizeof out);
    assert_string_equal(out, described);
}

static void
expect_error(const char *text, const char *told)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena  arena = {0};
    const scan_predicate                  *where = NULL;
    firn_error                             err = {0};

    assert_int_equal(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err), 0);
    assert_int_equal(scan_where_parse(text, schema, &arena, &where, &err), FIRN_USAGE);
    if (!strstr(err.cause, told)) fail_msg("'%s' is not in '%s'", told, err.cause);
}

static void
and_binds_closer_than_or(void **state FIRN_UNUSED)
{
    expect("number = 1", "1= 1");
    expect("number = 1 OR number = 2 and name='x' or flag", "(1= 1 | (1= 2 & 2= 'x') | 5= 1)");
    expect("(number = 1 OR number = 2) AND name <> 'it''s'", "((1= 1 | 1= 2) & 2<> 'it's')");
    expect("a.b >= 3 AND \"and so\" IS NULL", "(7>= 3 & 8 null)");
    expect("number = 1 and number = 2 and number = 3 and number = 4 and number = 5",
           "(1= 1 & 1= 2 & 1= 3 & 1= 4 & 1= 5)");
}

static void
not_becomes_the_opposite(void **state FIRN_UNUSED)
{
    expect("NOT number < 1", "1>= 1");
    expect("NOT (number = 1 AND (name IS NULL OR NOT flag))", "(1<> 1 | (2 there & 5= 1))");
    expect("NOT NOT flag", "5= 1");
    expect("number NOT BETWEEN 1 AND 3", "(1< 1 | 1> 3)");
    expect("NOT number NOT IN (3, 1, 3)", "1 in 1 3");
}

static void
null_makes_unknown(void **state FIRN_UNUSED)
{
    expect("number = NULL", "never");
    expect("NOT number = NULL", "never");
    expect("number IN (1, NULL)", "1 in 1");
    expect("number NOT IN (1, NULL)", "never");
}

static void
numbers_that_do_not_fit_still_compare(void **state FIRN_UNUSED)
{
    expect("number > 10.5", "1> 10");
    expect("number >= 10.5", "1> 10");
    expect("number < 10.5", "1<= 10");
    expect("number <= -10.5", "1<= -11");
    expect("number = 10.5", "never");
    expect("NOT number = 10.5", "1 there");
    expect("number = 1.00e1", "1= 10");
    expect("number < 99999999999999999999", "1 there");
    expect("number > 99999999999999999999", "never");
    expect("number > -1e400", "1 there");
    expect("number IN (1.5, 2)", "1 in 2");
    expect("price = 12.5", "3= 1250");
    expect("price >= 12.501", "3> 1250");
    expect("day = '1970-01-02'", "4= 1");
    expect("day < DATE '1970-01-02'", "4< 1");
}

static void
errors_say_where(void **state FIRN_UNUSED)
{
    expect_error("nmae = 'x'", "did you mean 'name'");
    expect_error("number = 1 AND a.c = 2", "at character 18");
    expect_error("name = x", "a value was expected at character 8");
    expect_error("number = 'abc'", "no value of the column's type at character 10");
    expect_error("name = 5", "no value of the column's type");
    expect_error("number = 1 name", "AND, OR or the end was expected at character 12");
    expect_error("number", "a comparison was expected");
    expect_error("(number = 1", "')' was expected at its end");
    expect_error("name = 'x", "a text without end");
    expect_error("number = 1 ; drop", "means nothing here at character 12");
    expect_error("a = 1", "nested type");
    expect_error("", "a column was expected at its end");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(and_binds_closer_than_or),
        cmocka_unit_test(not_becomes_the_opposite),
        cmocka_unit_test(null_makes_unknown),
        cmocka_unit_test(numbers_that_do_not_fit_still_compare),
        cmocka_unit_test(errors_say_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
