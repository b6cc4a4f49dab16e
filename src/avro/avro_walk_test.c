#include "avro/avro_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avro/avro_decoder.h"
#include "avro/avro_encoder.h"

#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"

static firn_arena arena;

static int
tear_down(void **state)
{
    (void) state;
    firn_arena_done(&arena);
    return 0;
}

static const avro_schema *
parse(const char *json)
{
    const avro_schema *schema = NULL;
    firn_error         err = {0};

    if (avro_schema_parse(firn_slice_text(json), "s", &arena, &schema, &err)) fail_msg("%s", err.cause);
    return schema;
}

/* Both ways through the same bytes end at the same place, and every shorter input fails in both. */
static void
walks_as_decoded(const char *json, const void *bytes, size_t size)
{
    const avro_schema *schema = parse(json);

    for (size_t part = 0; part <= size; part++) {
        firn_reader in = firn_reader_of(firn_slice_of(bytes, part)), walked = in;
        avro_value  value;
        firn_error  err = {0};
        bool        whole = part == size;

        assert_int_equal(avro_skip(schema, &walked), whole);
        assert_int_equal(avro_decode(schema, &in, &arena, &value, &err) == FIRN_OK, whole);
        if (whole) {
            assert_ptr_equal(in.at, walked.at);
            assert_ptr_equal(in.at, in.end);
        }
    }
}

#define WALKS(json, bytes) walks_as_decoded(json, bytes, sizeof(bytes) - 1)

static void
every_type_is_passed_over(void **state)
{
    (void) state;
    WALKS("\"boolean\"", "\x01");
    WALKS("\"int\"", "\xfe\xff\xff\xff\x0f");
    WALKS("\"long\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    WALKS("\"float\"", "\0\0\0\0");
    WALKS("\"double\"", "\0\0\0\0\0\0\0\0");
    WALKS("\"string\"", "\x06" "abc");
    WALKS("{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}", "abc");
    WALKS("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"a\",\"b\"]}", "\x02");
    WALKS("{\"type\":\"array\",\"items\":\"int\"}", "\x04\x02\x02\x01\x02\x04\x00"); // a block by count, one by size
    WALKS("{\"type\":\"map\",\"values\":[\"null\",\"string\"]}", "\x04\x02" "a\x00\x02" "b\x02\x02" "c\x00");
    WALKS(RECORD("r", "{\"name\":\"a\",\"type\":[\"null\",\"r\"]},{\"name\":\"b\",\"type\":\"int\"}"), "\x02\x02\x00\x02\x04\x06");
}

static void
what_is_hostile_fails(void **state)
{
    static const struct {
        const char *json, *bytes;
        size_t      size;
    } bad[] = {
        {"[\"null\",\"int\"]", "\x04", 1},                                                    // no such branch
        {"[\"null\",\"int\"]", "\x01", 1},                                                    // branch -1
        {"\"string\"", "\x01", 1},                                                            // size -1
        {"\"string\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},                       // a size of 2^63
        {"{\"type\":\"array\",\"items\":\"null\"}", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
        {"{\"type\":\"array\",\"items\":\"int\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}, // a count of -2^63
        {"\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
    };

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        firn_reader in = firn_reader_of(firn_slice_of(bad[i].bytes, bad[i].size));
        if (avro_skip(parse(bad[i].json), &in) || !in.failed) fail_msg("%zu went through", i);
    }
}

static void
recursion_ends(void **state)
{
    const avro_schema *schema = parse(RECORD("r", "{\"name\":\"a\",\"type\":[\"null\",\"r\"]}"));
    uint8_t            deep[AVRO_WALK_DEPTH_MAX + 2];
    firn_reader        in = firn_reader_of(firn_slice_of(deep, sizeof deep));

    (void) state;
    memset(deep, 2, sizeof deep);
    deep[sizeof deep - 1] = 0;
    assert_false(avro_skip(schema, &in));
    in = firn_reader_of(firn_slice_of(deep + 4, sizeof deep - 4));
    assert_true(avro_skip(schema, &in));
}

static void
connect_attributes_are_kept(void **state)
{
    const avro_schema *schema = parse(
        "[\"null\",{\"type\":\"bytes\",\"scale\":2,\"precision\":10,\"logicalType\":\"decimal\",\"connect.version\":1,"
        "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","
        "\"connect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\"}}]");
    const avro_schema *value = avro_schema_value(schema);

    (void) state;
    assert_non_null(value);
    assert_string_equal(value->connect->name, "org.apache.kafka.connect.data.Decimal");
    assert_int_equal(value->connect->version, 1);
    assert_string_equal(avro_connect_parameter(value, "connect.decimal.precision"), "10");
    assert_null(avro_connect_parameter(value, "precision"));
    assert_null(avro_schema_value(parse("[\"int\",\"string\"]")));
    assert_null(avro_schema_value(parse("\"null\"")));
}

static void
schemas_use_types_of_those_before_them(void **state)
{
    firn_slice known[] = {firn_slice_text(RECORD("com.x.Foo", "{\"name\":\"a\",\"type\":\"int\"}")),
                          firn_slice_text(RECORD("com.x.Bar", "{\"name\":\"f\",\"type\":\"Foo\"}"))};
    firn_slice json = firn_slice_text("{\"type\":\"array\",\"items\":\"com.x.Bar\"}");
    const avro_schema *schema = NULL;
    firn_error         err = {0};

    (void) state;
    assert_int_equal(avro_schema_parse_behind(known, 2, json, "s", &arena, &schema, &err), FIRN_OK);
    assert_string_equal(schema->items->fields[0].type->name, "com.x.Foo");
    assert_int_equal(avro_schema_parse_behind(known, 1, json, "s", &arena, &schema, &err), FIRN_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_passed_over),
        cmocka_unit_test(what_is_hostile_fails),
        cmocka_unit_test(recursion_ends),
        cmocka_unit_test(connect_attributes_are_kept),
        cmocka_unit_test(schemas_use_types_of_those_before_them),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
