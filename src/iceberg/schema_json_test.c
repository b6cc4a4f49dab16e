#include "iceberg/schema_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char all_types[] =
    "{\"type\":\"struct\",\"schema-id\":3,\"identifier-field-ids\":[1],\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\",\"doc\":\"the key\"},"
    "{\"id\":2,\"name\":\"b\",\"required\":false,\"type\":\"boolean\"},"
    "{\"id\":3,\"name\":\"i\",\"required\":false,\"type\":\"int\",\"initial-default\":34,\"write-default\":35},"
    "{\"id\":4,\"name\":\"f\",\"required\":false,\"type\":\"float\"},"
    "{\"id\":5,\"name\":\"d\",\"required\":false,\"type\":\"double\"},"
    "{\"id\":6,\"name\":\"n\",\"required\":false,\"type\":\"decimal(38, 2)\",\"write-default\":\"14.20\"},"
    "{\"id\":7,\"name\":\"da\",\"required\":false,\"type\":\"date\"},"
    "{\"id\":8,\"name\":\"ti\",\"required\":false,\"type\":\"time\"},"
    "{\"id\":9,\"name\":\"ts\",\"required\":false,\"type\":\"timestamp\"},"
    "{\"id\":10,\"name\":\"tz\",\"required\":false,\"type\":\"timestamptz\"},"
    "{\"id\":11,\"name\":\"s\",\"required\":false,\"type\":\"string\"},"
    "{\"id\":12,\"name\":\"u\",\"required\":false,\"type\":\"uuid\"},"
    "{\"id\":13,\"name\":\"x\",\"required\":false,\"type\":\"fixed[7]\"},"
    "{\"id\":14,\"name\":\"bi\",\"required\":false,\"type\":\"binary\"},"
    "{\"id\":15,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":18,\"element\":\"int\","
    "\"element-required\":true}},"
    "{\"id\":16,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":19,\"key\":\"string\",\"value-"
    "id\":20,"
    "\"value\":{\"type\":\"struct\",\"fields\":[{\"id\":21,\"name\":\"\xc3\xa4 "
    "\\\"q\\\"\",\"required\":false,\"type\":\"int\"}]},"
    "\"value-required\":false}},"
    "{\"id\":17,\"name\":\"st\",\"required\":true,\"type\":{\"type\":\"struct\",\"fields\":[]}}]}";

static firn_status
read(const char *json, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    assert_int_equal(jdoc_parse(firn_slice_text(json), "test", &doc, err), FIRN_OK);
    return schema_from_json(doc, jdoc_root(doc), ret_schema, err);
}

static void
write(const table_schema *schema, firn_buffer *out)
{
    firn_error err = {0};
    jwriter    w;

    firn_buffer_init(out, 1 << 20);
    jwrite_begin(&w, out, false, &err);
    schema_to_json(schema, &w);
    assert_int_equal(jwrite_end(&w), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(out, 0, &err), FIRN_OK);
}

static void
all_types_make_a_round_trip(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL, *again = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer first = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer second = {0};
    firn_error err = {0};

    (void) state;
    assert_int_equal(read(all_types, &schema, &err), FIRN_OK);
    assert_int_equal(schema->schema_id, 3);
    assert_int_equal(schema->last_field_id, 21);
    assert_int_equal(schema->key_ids[0], 1);
    assert_int_equal(schema->fields[5].type->precision, 38);
    assert_string_equal(schema->fields[2].initial_default, "34");
    assert_string_equal(schema->fields[5].write_default, "\"14.20\"");
    assert_string_equal(schema_field_by_id(schema, 21)->name, "\xc3\xa4 \"q\"");
    write(schema, &first);
    assert_int_equal(read((const char *) first.data, &again, &err), FIRN_OK);
    write(again, &second);
    assert_string_equal((const char *) first.data, (const char *) second.data);
    assert_string_equal((const char *) first.data, all_types);
}

static void
blanks_in_types_are_fine(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    firn_error err = {0};

    (void) state;
    assert_int_equal(read("{\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"decimal( 9 ,2 )\"},"
                          "{\"id\":2,\"name\":\"b\",\"required\":true,\"type\":\"fixed[ 3 ]\"}]}",
                          &schema, &err),
                     FIRN_OK);
    assert_int_equal(schema->schema_id, 0);
    assert_int_equal(schema->fields[0].type->precision, 9);
    assert_int_equal(schema->fields[1].type->size_bytes, 3);
}

static void
what_is_no_schema_is_refused(void **state)
{
    static const struct {
        const char *type;
        firn_status status;
    } cases[] = {
        {"\"decimal(39, 2)\"", FIRN_CORRUPT},
        {"\"decimal(9)\"", FIRN_CORRUPT},
        {"\"decimal(4, 5)\"", FIRN_CORRUPT},
        {"\"fixed[0]\"", FIRN_CORRUPT},
        {"\"fixed[9999999999]\"", FIRN_CORRUPT},
        {"\"variant\"", FIRN_UNSUPPORTED},
        {"\"timestamp_ns\"", FIRN_UNSUPPORTED},
        {"7", FIRN_CORRUPT},
        {"{\"type\":\"list\"}", FIRN_CORRUPT},
        {"{\"type\":\"list\",\"element-id\":1,\"element\":\"int\",\"element-required\":true}",
         FIRN_CORRUPT}, // id twice
    };
    char json[1000];

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        table_schema *schema = NULL;
        firn_error    err = {0};

        snprintf(json, sizeof json, "{\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":%s}]}",
                 cases[i].type);
        assert_int_equal(read(json, &schema, &err), cases[i].status);
        assert_null(schema);
    }
}

static void
depth_is_limited(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    table_schema *schema = NULL;
    firn_error    err = {0};

    (void) state;
    firn_buffer_init(&json, 1 << 20);
    assert_int_equal(
        firn_buffer_add_text(&json, "{\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":", &err),
        FIRN_OK);
    for (int i = 0; i < 70; i++)
        assert_int_equal(
            firn_buffer_printf(&json, &err,
                               "{\"type\":\"list\",\"element-id\":%d,\"element-required\":true,\"element\":", i + 2),
            FIRN_OK);
    assert_int_equal(firn_buffer_add_text(&json, "\"int\"", &err), FIRN_OK);
    for (int i = 0; i < 70; i++) assert_int_equal(firn_buffer_add_byte(&json, '}', &err), FIRN_OK);
    assert_int_equal(firn_buffer_add(&json, "}]}", 4, &err), FIRN_OK);
    assert_int_equal(read((const char *) json.data, &schema, &err), FIRN_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_make_a_round_trip),
        cmocka_unit_test(blanks_in_types_are_fine),
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(depth_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
