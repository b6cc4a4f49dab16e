#include "iceberg/partition.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "iceberg/sort_order.h"

static const data_type type_long = {.kind = TYPE_LONG}, type_text = {.kind = TYPE_STRING},
                       type_timestamp = {.kind = TYPE_TIMESTAMP}, type_double = {.kind = TYPE_DOUBLE};

static table_schema *
make_schema(void)
{
    const schema_field fields[] = {
        {.id = 1, .name = "ID", .required = true, .type = &type_long},
        {.id = 2, .name = "NAME", .type = &type_text},
        {.id = 3, .name = "CREATED", .type = &type_timestamp},
        {.id = 4, .name = "NAME_trunc", .type = &type_text},
        {.id = 5, .name = "x desc", .type = &type_text},
        {.id = 6, .name = "month(x)", .type = &type_double},
    };
    firn_error    err = {0};
    table_schema *schema;

    assert_int_equal(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err), FIRN_OK);
    return schema;
}

static void
write_spec(const partition_spec *spec, char text[1000])
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error err = {0};
    jwriter    w;

    firn_buffer_init(&out, 1000);
    jwrite_begin(&w, &out, false, &err);
    partition_spec_write(spec, &w);
    assert_int_equal(jwrite_end(&w), FIRN_OK);
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
}

static void
settings_become_a_spec(void **state)
{
    static const char *const settings[] = {"month(CREATED)", "bucket(16, ID)", "truncate(4, NAME)", "NAME", "month(x)"};
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema();
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error     err = {0};
    partition_spec spec;
    char           text[1000];

    (void) state;
    assert_int_equal(partition_spec_of_settings(settings, 5, schema, &arena, &spec, &err), FIRN_OK);
    write_spec(&spec, text);
    assert_string_equal(
        text, "{\"spec-id\":0,\"fields\":["
              "{\"name\":\"CREATED_month\",\"transform\":\"month\",\"source-id\":3,\"field-id\":1000},"
              "{\"name\":\"ID_bucket\",\"transform\":\"bucket[16]\",\"source-id\":1,\"field-id\":1001},"
              "{\"name\":\"NAME_trunc_2\",\"transform\":\"truncate[4]\",\"source-id\":2,\"field-id\":1002},"
              "{\"name\":\"NAME\",\"transform\":\"identity\",\"source-id\":2,\"field-id\":1003},"
              "{\"name\":\"month(x)\",\"transform\":\"identity\",\"source-id\":6,\"field-id\":1004}]}");
}

static void
bad_settings_say_what_is_wrong(void **state)
{
    static const struct {
        const char *settings[2], *cause, *hint;
    } cases[] = {
        {{"month(CRATED)"}, "names no column", "CREATED"},
        {{"month(NAME)"}, "does not fit", ""},
        {{"bucket(ID)"}, "cannot be read", "bucket(16, C)"},
        {{"day(CREATED)", "month(CREATED)"}, "says again", ""},
        {{"void(ID)"}, "does not fit", ""},
    };
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema();

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        firn_error     err = {0};
        partition_spec spec;

        assert_int_equal(
            partition_spec_of_settings(cases[i].settings, cases[i].settings[1] ? 2 : 1, schema, &arena, &spec, &err),
            FIRN_USAGE);
        assert_int_equal(err.code, FIRN_E_ICEBERG_SCHEMA);
        assert_non_null(strstr(err.cause, cases[i].cause));
        assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

static void
read_text(const char *json, partition_spec *spec, firn_arena *arena, firn_status expected)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error err = {0};

    assert_int_equal(jdoc_parse(firn_slice_text(json), "test", &doc, &err), FIRN_OK);
    assert_int_equal(partition_spec_read(doc, jdoc_root(doc), arena, spec, &err), expected);
}

static void
specs_of_others_are_kept(void **state)
{
    static const char json[] =
        "{\"spec-id\":7,\"fields\":[{\"name\":\"a\",\"transform\":\"zorder[2]\",\"source-ids\":[1,2],"
        "\"field-id\":1009,\"note\":1},{\"name\":\"b\",\"transform\":\"void\",\"source-id\":2}]}";
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    partition_spec spec;
    char           text[1000];

    (void) state;
    read_text(json, &spec, &arena, FIRN_OK);
    assert_int_equal(spec.spec_id, 7);
    assert_int_equal(spec.fields[0].transform.kind, TRANSFORM_UNKNOWN);
    assert_int_equal(spec.fields[0].field_id, 1009);
    assert_int_equal(spec.fields[1].transform.kind, TRANSFORM_VOID);
    assert_int_equal(spec.fields[1].field_id, 1001); // by position, as in version 1
    write_spec(&spec, text);
    assert_string_equal(text, json);

    read_text("{\"spec-id\":-1,\"fields\":[]}", &spec, &arena, FIRN_CORRUPT);
    read_text("{\"spec-id\":0}", &spec, &arena, FIRN_CORRUPT);
    read_text("{\"spec-id\":0,\"fields\":[{\"name\":\"b\",\"transform\":\"bucket[0]\",\"source-id\":2}]}", &spec,
              &arena, FIRN_CORRUPT);
    read_text("{\"spec-id\":0,\"fields\":[{\"name\":\"b\",\"transform\":\"void\",\"source-id\":99999999999}]}", &spec,
              &arena, FIRN_CORRUPT);
}

static void
paths_are_encoded(void **state)
{
    static const char *const settings[] = {"month(CREATED)", "NAME"};
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema();
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error     err = {0};
    partition_spec spec;
    int32_t        month = 648;
    firn_slice     values[2] = {firn_slice_of(&month, 4), firn_slice_text("a/b c=\xc3\xa4*")};
    char           long_text[600];

    (void) state;
    firn_buffer_init(&out, 10000);
    assert_int_equal(partition_spec_of_settings(settings, 2, schema, &arena, &spec, &err), FIRN_OK);
    assert_int_equal(partition_add_path(&spec, schema, values, &out, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out.data, "CREATED_month=2024-01/NAME=a%2Fb+c%3D%C3%A4*");

    // Too long for a folder: cut, and two texts with the same start stay apart.
    memset(long_text, 0xc3, sizeof long_text);
    values[0] = (firn_slice){0};
    values[1] = firn_slice_of(long_text, sizeof long_text);
    firn_buffer_reset(&out);
    assert_int_equal(partition_add_path(&spec, schema, values, &out, &err), FIRN_OK);
    assert_true(out.size < 200);
    assert_memory_equal(out.data, "CREATED_month=null/NAME=%C3%C3", 30);
}

static void
sort_settings_become_an_order(void **state)
{
    static const char *const settings[] = {
        "ID", "NAME desc", "month(CREATED) DESC nulls first", "CREATED asc Nulls Last", "x desc", "\"x desc\" desc"};
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema();
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error err = {0};
    sort_order order, back;
    jwriter    w;
    bool descending[] = {false, true, true, false, false, true}, nulls_last[] = {false, true, false, true, false, true};

    (void) state;
    assert_int_equal(sort_order_of_settings(settings, 6, schema, &arena, &order, &err), FIRN_OK);
    firn_buffer_init(&out, 10000);
    jwrite_begin(&w, &out, false, &err);
    sort_order_write(&order, &w);
    assert_int_equal(jwrite_end(&w), FIRN_OK);
    assert_int_equal(jdoc_parse(firn_buffer_slice(&out), "test", &doc, &err), FIRN_OK);
    assert_int_equal(sort_order_read(doc, jdoc_root(doc), &arena, &back, &err), FIRN_OK);
    assert_int_equal(back.order_id, 1);
    assert_int_equal(back.field_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(back.fields[i].source_id, order.fields[i].source_id);
        assert_int_equal(back.fields[i].transform.kind, order.fields[i].transform.kind);
        assert_int_equal(back.fields[i].descending, descending[i]);
        assert_int_equal(back.fields[i].nulls_last, nulls_last[i]);
    }
    assert_int_equal(back.fields[2].transform.kind, TRANSFORM_MONTH);
    assert_int_equal(back.fields[4].source_id, 5);
    assert_int_equal(sort_order_of_settings((const char *const[]){"NOPE desc"}, 1, schema, &arena, &order, &err),
                     FIRN_USAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_become_a_spec),  cmocka_unit_test(bad_settings_say_what_is_wrong),
        cmocka_unit_test(specs_of_others_are_kept), cmocka_unit_test(paths_are_encoded),
        cmocka_unit_test(sort_settings_become_an_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
