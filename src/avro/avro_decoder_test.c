#include "avro/avro_decoder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "avro/avro_encoder.h"
#include "base/alloc.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"r\",\"fields\":[" fields "]}"

typedef struct fixture {
    firn_arena  arena;
    firn_buffer bytes;
    firn_error  err;
} fixture;

static int
set_up(void **state)
{
    static fixture f;

    f = (fixture){0};
    firn_buffer_init(&f.bytes, 1 << 20);
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture *f = *state;

    firn_arena_done(&f->arena);
    firn_buffer_done(&f->bytes);
    return 0;
}

static const avro_schema *
parse(fixture *f, const char *json)
{
    const avro_schema *schema = NULL;

    if (avro_schema_parse(firn_slice_text(json), "s", &f->arena, &schema, &f->err)) fail_msg("%s", f->err.cause);
    return schema;
}

static avro_value
decode(fixture *f, const char *json, const void *bytes, size_t size)
{
    firn_reader in = firn_reader_of(firn_slice_of(bytes, size));
    avro_value  value = {0};

    if (avro_decode(parse(f, json), &in, &f->arena, &value, &f->err)) fail_msg("%s", f->err.cause);
    assert_int_equal(firn_reader_left(&in), 0);
    return value;
}

static void
refuse(fixture *f, const char *json, const void *bytes, size_t size)
{
    firn_reader in = firn_reader_of(firn_slice_of(bytes, size));
    avro_value  value;

    assert_int_equal(avro_decode(parse(f, json), &in, &f->arena, &value, &f->err), FIRN_CORRUPT);
    assert_int_equal(f->err.code, FIRN_E_AVRO_CORRUPT);
    firn_error_reset(&f->err);
}

static void
refuse_schema(fixture *f, const char *json)
{
    const avro_schema *schema = NULL;

    if (avro_schema_parse(firn_slice_text(json), "s", &f->arena, &schema, &f->err) != FIRN_CORRUPT) fail_msg("took %s", json);
    firn_error_reset(&f->err);
}

/* Examples of the specification, "Binary Encoding". */
static void
encoder_gives_the_specifications_bytes(void **state)
{
    fixture     *f = *state;
    avro_encoder e = avro_encoder_of(&f->bytes, &f->err);
    static const uint8_t expected[] = "\x00\x01\x02\x03\x7f\x80\x01" "\x06" "foo" "\x01\x00"
                                      "\x00\x00\xc0\x3f" "\x00\x00\x00\x00\x00\x00\x04\xc0"
                                      "\x04\x06\x36\x00" "\x00" "\x02\x02x" "\x00";

    avro_put_long(&e, 0);
    avro_put_long(&e, -1);
    avro_put_long(&e, 1);
    avro_put_long(&e, -2);
    avro_put_long(&e, -64);
    avro_put_long(&e, 64);
    avro_put_text(&e, "foo");
    avro_put_boolean(&e, true);
    avro_put_boolean(&e, false);
    avro_put_float(&e, 1.5f);
    avro_put_double(&e, -2.5);
    avro_put_block(&e, 2); // array of 3, 27
    avro_put_long(&e, 3);
    avro_put_long(&e, 27);
    avro_put_end(&e);
    avro_put_optional(&e, false);
    avro_put_optional(&e, true);
    avro_put_text(&e, "x");
    avro_put_block(&e, 0);
    avro_put_end(&e);

    assert_int_equal(e.status, FIRN_OK);
    assert_int_equal(f->bytes.size, sizeof expected - 1);
    assert_memory_equal(f->bytes.data, expected, sizeof expected - 1);
}

static void
longs_come_back_whole(void **state)
{
    fixture             *f = *state;
    static const int64_t values[] = {0, -1, 1, 63, -64, 64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < FIRN_COUNT(values); i++) {
        avro_encoder e = avro_encoder_of(&f->bytes, &f->err);
        int64_t      integer;
        firn_buffer_reset(&f->bytes);
        avro_put_long(&e, values[i]);
        avro_value v = decode(f, "\"long\"", f->bytes.data, f->bytes.size);
        assert_true(avro_integer(&v, &integer));
        assert_true(integer == values[i]);
    }
}

static void
every_kind_is_decoded(void **state)
{
    fixture   *f = *state;
    avro_value v = decode(f,
                          RECORD("{\"name\":\"n\",\"type\":\"null\"},{\"name\":\"b\",\"type\":\"boolean\",\"field-id\":1},"
                                 "{\"name\":\"i\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"},\"field-id\":2},"
                                 "{\"name\":\"f\",\"type\":\"float\",\"field-id\":3},"
                                 "{\"name\":\"d\",\"type\":\"double\",\"field-id\":4},"
                                 "{\"name\":\"y\",\"type\":\"bytes\",\"field-id\":5},"
                                 "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"a.x\",\"size\":2},\"field-id\":6},"
                                 "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]},\"field-id\":7},"
                                 "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"a.x\"},\"field-id\":8},"
                                 "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"int\"]},\"field-id\":9},"
                                 "{\"name\":\"u\",\"type\":[\"null\",\"long\",\"string\"],\"field-id\":10}"),
                          "\x01\x03\x00\x00\xc0\x3f\x00\x00\x00\x00\x00\x00\x04\xc0\x02y\x10\x20\x02"
                          "\x02pq\x03\x04rs" "tu\x00"
                          "\x02\x02k\x02\x0e\x00"
                          "\x04\x04hi",
                          39);
    firn_slice        bytes;
    size_t            count;
    const avro_value *items;
    int64_t           integer;
    bool              truth;

    assert_null(avro_field_by_id(&v, 99, "b"));
    assert_true(avro_boolean(avro_field_by_id(&v, 1, ""), &truth) && truth);
    assert_true(avro_integer(avro_field_by_id(&v, 2, ""), &integer) && integer == -2);
    assert_int_equal(avro_field_by_id(&v, 2, "")->type->logical, AVRO_DATE);
    assert_true(fabs(avro_field_by_id(&v, 3, "")->of.real - 1.5) < 1e-9);
    assert_true(fabs(avro_field_by_id(&v, 4, "")->of.real + 2.5) < 1e-9);
    assert_true(avro_bytes(avro_field_by_id(&v, 5, ""), &bytes) && bytes.size == 1 && bytes.data[0] == 'y');
    assert_true(avro_bytes(avro_field_by_id(&v, 6, ""), &bytes) && bytes.size == 2 && bytes.data[1] == 0x20);
    assert_int_equal(avro_field_by_id(&v, 7, "")->of.integer, 1);
    assert_true(avro_list(avro_field_by_id(&v, 8, ""), &count, &items));
    assert_int_equal(count, 3); // a block with its size and one without
    assert_memory_equal(items[2].of.bytes.data, "tu", 2);
    assert_int_equal(avro_field_by_id(&v, 9, "")->of.list.count, 2);
    assert_int_equal(avro_field_by_id(&v, 9, "")->of.list.items[1].of.integer, 7);
    assert_true(avro_bytes(avro_field_by_id(&v, 10, ""), &bytes) && bytes.size == 2);
}

static void
fields_without_ids_go_by_name(void **state)
{
    fixture   *f = *state;
    avro_value v = decode(f, RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":[\"null\",\"int\"]}"), "\x04\x00", 2);
    int64_t    integer;

    assert_true(avro_integer(avro_field_by_id(&v, 5, "a"), &integer) && integer == 2);
    assert_null(avro_field_by_id(&v, 5, "b")); // null
    assert_null(avro_field_by_id(&v, 5, "c"));
    assert_null(avro_field_by_id(NULL, 5, "c"));
}

static void
hostile_bytes_are_refused(void **state)
{
    fixture *f = *state;

    refuse(f, "\"long\"", "", 0);
    refuse(f, "\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    refuse(f, "\"long\"", "\x80", 1);
    refuse(f, "\"int\"", "\x80\x80\x80\x80\x10", 5);
    refuse(f, "\"boolean\"", "\x02", 1);
    refuse(f, "\"string\"", "\x0a" "abc", 4);
    refuse(f, "\"string\"", "\x01" "abc", 4);
    refuse(f, "\"float\"", "\x01\x01\x01", 3);
    refuse(f, "[\"null\",\"int\"]", "\x04\x01", 2);
    refuse(f, "[\"null\",\"int\"]", "\x01\x01", 2);
    refuse(f, "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}", "\x02", 1);
    refuse(f, "{\"type\":\"array\",\"items\":\"int\"}", "\xfe\xff\xff\xff\x0f\x02", 6);
    refuse(f, "{\"type\":\"array\",\"items\":\"int\"}", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10); // the least long
    refuse(f, "{\"type\":\"array\",\"items\":\"int\"}", "\x02\x02", 2); // no end
    refuse(f, "{\"type\":\"array\",\"items\":\"null\"}", "\xfe\xff\xff\xff\x0f\x00", 6); // many items of no bytes
    refuse(f, "{\"type\":\"map\",\"values\":\"null\"}", "\xfe\xff\xff\xff\x0f\x00", 6);
    refuse(f, "{\"type\":\"fixed\",\"name\":\"x\",\"size\":2000000000}", "abc", 3);
}

static void
recursion_ends(void **state)
{
    fixture    *f = *state;
    const char *list = RECORD("{\"name\":\"next\",\"type\":[\"null\",\"r\"]}");
    uint8_t     bytes[1000];
    firn_reader in;
    avro_value  value;

    memset(bytes, 2, sizeof bytes);
    refuse(f, list, bytes, sizeof bytes);
    bytes[5] = 0;
    in = firn_reader_of(firn_slice_of(bytes, sizeof bytes));
    assert_int_equal(avro_decode(parse(f, list), &in, &f->arena, &value, &f->err), FIRN_OK);
    refuse(f, RECORD("{\"name\":\"self\",\"type\":\"r\"}"), bytes, sizeof bytes);
}

static void
bad_schemas_are_refused(void **state)
{
    fixture *f = *state;
    char     deep[4000] = "";
    size_t   used = 0;

    refuse_schema(f, "");
    refuse_schema(f, "5");
    refuse_schema(f, "\"strange\"");
    refuse_schema(f, "{}");
    refuse_schema(f, "{\"type\":\"array\"}");
    refuse_schema(f, "{\"type\":\"record\",\"name\":\"r\"}");
    refuse_schema(f, "{\"type\":\"record\",\"fields\":[]}");
    refuse_schema(f, "{\"type\":\"fixed\",\"name\":\"x\",\"size\":-1}");
    refuse_schema(f, "{\"type\":\"fixed\",\"name\":\"x\"}");
    refuse_schema(f, "[{\"type\":\"fixed\",\"name\":\"x\",\"size\":1},{\"type\":\"fixed\",\"name\":\"x\",\"size\":1}]");
    refuse_schema(f, RECORD("{\"name\":\"a\"}"));
    refuse_schema(f, RECORD("{\"type\":\"int\"}"));
    refuse_schema(f, "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[1]}");
    for (int i = 0; i < 100; i++) used += (size_t) snprintf(deep + used, sizeof deep - used, "{\"type\":\"array\",\"items\":");
    refuse_schema(f, deep);
    used += (size_t) snprintf(deep + used, sizeof deep - used, "\"int\"");
    memset(deep + used, '}', 100);
    deep[used + 100] = '\0';
    refuse_schema(f, deep);
}

static void
each_allocation_can_fail(void **state)
{
    fixture *f = *state;

    for (uint64_t n = 1;; n++) {
        firn_arena         arena = {0};
        const avro_schema *schema = NULL;
        avro_value         value;
        firn_reader        in = firn_reader_of(firn_slice_text("\x02\x02k\x02\x0e"));
        firn_status        status;

        firn_alloc_fail_at(n, 0);
        status = avro_schema_parse(firn_slice_text(RECORD("{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"int\"}}")), "s",
                                   &arena, &schema, &f->err);
        if (status == FIRN_OK) status = avro_decode(schema, &in, &arena, &value, &f->err);
        firn_alloc_fail_at(0, 0);
        firn_arena_done(&arena);
        firn_error_reset(&f->err);
        if (status == FIRN_CORRUPT) break; // the bytes lack an end, so this is as far as it goes
        assert_int_equal(status, FIRN_NO_MEMORY);
        assert_true(n < 100);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(encoder_gives_the_specifications_bytes),
        TEST(longs_come_back_whole),
        TEST(every_kind_is_decoded),
        TEST(fields_without_ids_go_by_name),
        TEST(hostile_bytes_are_refused),
        TEST(recursion_ends),
        TEST(bad_schemas_are_refused),
        TEST(each_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
