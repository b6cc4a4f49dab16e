#include "parquet/default_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "batch/array.h"

enum { COUNT = 11 };

static firn_status
make(const data_type *type, const char *json, struct ArrowArray *array, firn_error *err)
{
    const schema_field field  = {.id = 1, .name = "c", .type = type, .initial_default = json};
    read_budget        budget = {0, 1 << 20};
    *array                    = (struct ArrowArray){0};
    return default_array(&field, COUNT, &budget, array, err);
}

/* Iceberg spec, appendix D, "JSON single-value serialization". */
static void
each_type_has_its_json_form(void **state)
{
    (void) state;
    static const struct {
        data_type   type;
        const char *json;
        uint8_t     bytes[16];
    } cases[] = {
        {{.kind = TYPE_INT}, "34", {34}},
        {{.kind = TYPE_LONG}, "-2", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {{.kind = TYPE_FLOAT}, "1.0", {0, 0, 0x80, 0x3f}},
        {{.kind = TYPE_DOUBLE}, "-0.0", {0, 0, 0, 0, 0, 0, 0, 0x80}},
        {{.kind = TYPE_DECIMAL, .precision = 9, .scale = 2}, "\"14.20\"", {0x8c, 0x05}},
        {{.kind = TYPE_DECIMAL, .precision = 38, .scale = 0}, "\"-1\"", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {{.kind = TYPE_DATE}, "\"1970-01-03\"", {2}},
        {{.kind = TYPE_DATE}, "\"1969-12-31\"", {0xff, 0xff, 0xff, 0xff}},
        {{.kind = TYPE_TIME}, "\"00:00:00.000258\"", {2, 1}},
        {{.kind = TYPE_TIMESTAMP}, "\"1970-01-01T00:00:00.000001\"", {1}},
        {{.kind = TYPE_TIMESTAMPTZ}, "\"1970-01-01T00:00:00.000003+00:00\"", {3}},
        {{.kind = TYPE_UUID}, "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"", {0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd, 0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7}},
        {{.kind = TYPE_FIXED, .size_bytes = 4}, "\"00010aFF\"", {0x00, 0x01, 0x0a, 0xff}},
    };
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(array_done) struct ArrowArray array;
        firn_error err  = {0};
        size_t     size = data_type_value_size(&cases[i].type);
        assert_int_equal(make(&cases[i].type, cases[i].json, &array, &err), FIRN_OK);
        assert_int_equal(array.length, COUNT);
        assert_int_equal(array.null_count, 0);
        for (size_t k = 0; k < COUNT; k++)
            assert_memory_equal((const uint8_t *) array.buffers[1] + k * size, cases[i].bytes, size);
    }
}

static void
texts_bytes_and_booleans_are_repeated(void **state)
{
    (void) state;
    FIRN_AUTO(array_done) struct ArrowArray text, bytes, truth;
    firn_error err = {0};

    assert_int_equal(make(&(data_type){.kind = TYPE_STRING}, "\"ice\"", &text, &err), FIRN_OK);
    assert_int_equal(load_le32((const uint8_t *) text.buffers[1] + 4 * COUNT), 3 * COUNT);
    assert_memory_equal((const uint8_t *) text.buffers[2] + 3 * (COUNT - 1), "ice", 3);
    assert_int_equal(make(&(data_type){.kind = TYPE_BINARY}, "\"ff\"", &bytes, &err), FIRN_OK);
    assert_int_equal(((const uint8_t *) bytes.buffers[2])[COUNT - 1], 0xff);
    assert_int_equal(make(&(data_type){.kind = TYPE_BOOLEAN}, "true", &truth, &err), FIRN_OK);
    assert_int_equal(((const uint8_t *) truth.buffers[1])[1] & 7, 7);
}

static void
without_a_default_every_type_is_null(void **state)
{
    (void) state;
    static const data_type    text = {.kind = TYPE_STRING}, number = {.kind = TYPE_INT};
    static const schema_field pair[] = {{.name = "key", .type = &text, .required = true}, {.name = "value", .type = &number}};
    static const data_type types[] = {{.kind = TYPE_BOOLEAN}, {.kind = TYPE_STRING}, {.kind = TYPE_LONG},
                                      {.kind = TYPE_STRUCT, .field_count = 2, .fields = pair},
                                      {.kind = TYPE_LIST, .field_count = 1, .fields = pair},
                                      {.kind = TYPE_MAP, .field_count = 2, .fields = pair}};
    for (size_t i = 0; i < FIRN_COUNT(types); i++) {
        FIRN_AUTO(array_done) struct ArrowArray array;
        firn_error err = {0};
        assert_int_equal(make(&types[i], NULL, &array, &err), FIRN_OK);
        assert_int_equal(array.length, COUNT);
        assert_int_equal(array.null_count, COUNT);
        assert_int_equal(((const uint8_t *) array.buffers[0])[0], 0);
        if (types[i].kind == TYPE_STRUCT) assert_int_equal(array.children[1]->length, COUNT);
        if (types[i].kind == TYPE_LIST) assert_int_equal(array.children[0]->length, 0);
        if (types[i].kind == TYPE_MAP) assert_int_equal(array.children[0]->children[1]->length, 0);
    }
}

static void
what_is_no_value_of_the_type_is_refused(void **state)
{
    (void) state;
    static const struct {
        data_type   type;
        const char *json;
    } cases[] = {{{.kind = TYPE_INT}, "2147483648"}, {{.kind = TYPE_INT}, "\"1\""}, {{.kind = TYPE_DATE}, "\"yesterday\""},
                 {{.kind = TYPE_DECIMAL, .precision = 3, .scale = 1}, "\"100.0\""}, {{.kind = TYPE_FIXED, .size_bytes = 2}, "\"00\""},
                 {{.kind = TYPE_BINARY}, "\"0\""}, {{.kind = TYPE_BINARY}, "\"zz\""}, {{.kind = TYPE_UUID}, "\"x\""}};
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(array_done) struct ArrowArray array;
        firn_error err = {0};
        assert_int_equal(make(&cases[i].type, cases[i].json, &array, &err), FIRN_UNSUPPORTED);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_json_form),
        cmocka_unit_test(texts_bytes_and_booleans_are_repeated),
        cmocka_unit_test(without_a_default_every_type_is_null),
        cmocka_unit_test(what_is_no_value_of_the_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
