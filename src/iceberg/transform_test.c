#include "iceberg/transform.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/uuid.h"
#include "iceberg/murmur3.h"

static int32_t
hash_of(type_kind kind, single_value value)
{
    data_type type = {.kind = kind, .precision = 9, .scale = 2, .size_bytes = 4};

    return transform_hash(&type, &value);
}

static single_value
bytes_value(const void *bytes, size_t size)
{
    return (single_value){.bytes = firn_slice_of(bytes, size)};
}

/* The values of the spec's appendix B. */
static void
hashes_are_those_of_the_spec(void **state)
{
    firn_uuid uuid;
    int64_t   us;

    (void) state;
    assert_int_equal(hash_of(TYPE_INT, (single_value){.integer = 34}), 2017239379);
    assert_int_equal(hash_of(TYPE_LONG, (single_value){.integer = 34}), 2017239379);
    assert_int_equal(hash_of(TYPE_DECIMAL, (single_value){.decimal = 1420}), -500754589);
    assert_int_equal(
        hash_of(TYPE_DATE, (single_value){.integer = calendar_days_of_date((calendar_date){2017, 11, 16})}),
        -653330422);
    assert_int_equal(hash_of(TYPE_TIME, (single_value){.integer = INT64_C(81068000000)}), -662762989);
    assert_true(calendar_parse_timestamp(firn_slice_text("2017-11-16T22:31:08"), &us));
    assert_int_equal(hash_of(TYPE_TIMESTAMP, (single_value){.integer = us}), -2047944441);
    assert_int_equal(hash_of(TYPE_TIMESTAMPTZ, (single_value){.integer = us + 1}), -1207196810);
    assert_int_equal(hash_of(TYPE_STRING, bytes_value("iceberg", 7)), 1210000089);
    assert_true(uuid_parse(firn_slice_text("f79c3e09-677c-4bbd-a479-3f349cb785e7"), &uuid));
    assert_int_equal(hash_of(TYPE_UUID, bytes_value(uuid.bytes, 16)), 1488055340);
    assert_int_equal(hash_of(TYPE_FIXED, bytes_value("\0\1\2\3", 4)), -188683207);
    assert_int_equal(hash_of(TYPE_BINARY, bytes_value("\0\1\2\3", 4)), -188683207);
    assert_int_equal(hash_of(TYPE_FLOAT, (single_value){.real = 1.0}), -142385009);
    assert_int_equal(hash_of(TYPE_DOUBLE, (single_value){.real = 0.0}), 1669671676);
    assert_int_equal(hash_of(TYPE_DOUBLE, (single_value){.real = -0.0}), 1669671676);
}

static void
texts_are_parsed_and_formatted(void **state)
{
    static const char *const good[] = {"identity", "bucket[16]", "truncate[4]", "year", "month", "day", "hour", "void"};
    static const char *const bad[] = {"bucket[0]",  "bucket[-1]", "bucket[x]",
                                      "truncate[]", "bucket[16",  "bucket[99999999999]"};
    transform                t;
    char                     text[TRANSFORM_TEXT_MAX];

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(good); i++) {
        assert_true(transform_parse(firn_slice_text(good[i]), &t));
        assert_int_not_equal(t.kind, TRANSFORM_UNKNOWN);
        transform_format(t, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) assert_false(transform_parse(firn_slice_text(bad[i]), &t));
    assert_true(transform_parse(firn_slice_text("zorder[3]"), &t));
    assert_int_equal(t.kind, TRANSFORM_UNKNOWN);
    assert_true(transform_parse(firn_slice_text("bucket"), &t));
    assert_int_equal(t.kind, TRANSFORM_UNKNOWN);
}

static void
check_setting(const char *text, transform_kind kind, uint32_t parameter, const char *column)
{
    transform  t;
    firn_slice name;

    assert_true(transform_parse_setting(text, &t, &name));
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.parameter, parameter);
    assert_true(firn_slice_equal(name, firn_slice_text(column)));
}

static void
settings_are_parsed(void **state)
{
    transform  t;
    firn_slice name;

    (void) state;
    check_setting("month(CREATED)", TRANSFORM_MONTH, 0, "CREATED");
    check_setting(" Month ( CREATED ) ", TRANSFORM_MONTH, 0, "CREATED");
    check_setting("bucket(16, ID)", TRANSFORM_BUCKET, 16, "ID");
    check_setting("truncate(4,NAME)", TRANSFORM_TRUNCATE, 4, "NAME");
    check_setting("ID", TRANSFORM_IDENTITY, 0, "ID");
    check_setting("\"a (b)\"", TRANSFORM_IDENTITY, 0, "a (b)");
    check_setting("bucket(3, \"a, b\")", TRANSFORM_BUCKET, 3, "a, b");
    check_setting("total (net)", TRANSFORM_IDENTITY, 0, "total (net)");
    assert_false(transform_parse_setting("", &t, &name));
    assert_false(transform_parse_setting("bucket(ID)", &t, &name));
    assert_false(transform_parse_setting("bucket(0, ID)", &t, &name));
    assert_false(transform_parse_setting("month()", &t, &name));
}

/* Applies to an integer-like value and gives its human form. */
static void
check_apply(transform t, data_type type, single_value in, const char *expected)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer encoded = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error err = {0};
    bool       is_null;

    firn_buffer_init(&encoded, 1000);
    firn_buffer_init(&out, 1000);
    firn_buffer_init(&text, 1000);
    assert_int_equal(single_value_encode(&type, &in, &encoded, &err), FIRN_OK);
    if (!in.is_null && encoded.size == 0) assert_int_equal(firn_buffer_reserve(&encoded, 1, &err), FIRN_OK);
    assert_int_equal(transform_apply_value(t, &type, in.is_null ? (firn_slice){0} : firn_buffer_slice(&encoded), &out,
                                           &is_null, &err),
                     FIRN_OK);
    if (!is_null) assert_int_equal(firn_buffer_reserve(&out, 1, &err), FIRN_OK); // even an empty text is not null
    assert_int_equal(transform_add_human(t, &type, is_null ? (firn_slice){0} : firn_buffer_slice(&out), &text, &err),
                     FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&text, 0, &err), FIRN_OK);
    assert_string_equal((const char *) text.data, expected);
}

static void
values_are_transformed(void **state)
{
    const data_type is_int = {.kind = TYPE_INT}, is_long = {.kind = TYPE_LONG}, date = {.kind = TYPE_DATE},
                    timestamp = {.kind = TYPE_TIMESTAMP}, timestamptz = {.kind = TYPE_TIMESTAMPTZ},
                    text = {.kind = TYPE_STRING}, binary = {.kind = TYPE_BINARY},
                    decimal = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2};
    const transform truncate10 = {TRANSFORM_TRUNCATE, 10}, truncate50 = {TRANSFORM_TRUNCATE, 50},
                    truncate3 = {TRANSFORM_TRUNCATE, 3}, identity = {TRANSFORM_IDENTITY, 0},
                    year = {TRANSFORM_YEAR, 0}, month = {TRANSFORM_MONTH, 0}, day = {TRANSFORM_DAY, 0},
                    hour = {TRANSFORM_HOUR, 0}, bucket = {TRANSFORM_BUCKET, 16}, nothing = {TRANSFORM_VOID, 0};
    int64_t us, early;

    (void) state;
    assert_true(calendar_parse_timestamp(firn_slice_text("2017-12-01T10:12:55.038194"), &us));
    assert_true(calendar_parse_timestamp(firn_slice_text("1969-12-31T22:59:59.999999"), &early));
    check_apply(truncate10, is_int, (single_value){.integer = 1}, "0");
    check_apply(truncate10, is_int, (single_value){.integer = -1}, "-10");
    check_apply(truncate10, is_long, (single_value){.integer = -11}, "-20");
    check_apply(truncate50, decimal, (single_value){.decimal = 1065}, "10.50");
    check_apply(truncate50, decimal, (single_value){.decimal = -1}, "-0.50");
    check_apply(truncate3, text, bytes_value("iceberg", 7), "ice");
    check_apply(truncate3, text, bytes_value("a\xc3\xa4\xf0\x9f\x98\x80z", 8), "a\xc3\xa4\xf0\x9f\x98\x80");
    check_apply(truncate3, text, bytes_value("", 0), "");
    check_apply(truncate3, binary, bytes_value("\1\2\3\4\5", 5), "AQID");
    check_apply(identity, binary, bytes_value("\1\2", 2), "AQI=");
    check_apply(identity, timestamptz, (single_value){.integer = us}, "2017-12-01T10:12:55.038194+00:00");
    check_apply(identity, is_long, (single_value){.is_null = true}, "null");
    check_apply(year, timestamp, (single_value){.integer = us}, "2017");
    check_apply(month, timestamp, (single_value){.integer = us}, "2017-12");
    check_apply(day, timestamptz, (single_value){.integer = us}, "2017-12-01");
    check_apply(hour, timestamp, (single_value){.integer = us}, "2017-12-01-10");
    check_apply(year, timestamp, (single_value){.integer = early}, "1969");
    check_apply(month, timestamp, (single_value){.integer = early}, "1969-12");
    check_apply(day, timestamp, (single_value){.integer = early}, "1969-12-31");
    check_apply(hour, timestamp, (single_value){.integer = early}, "1969-12-31-22");
    check_apply(month, date, (single_value){.integer = -1}, "1969-12");
    check_apply(day, date, (single_value){.integer = 17501}, "2017-12-01");
    check_apply(bucket, is_int, (single_value){.integer = 34}, "3"); // 2017239379 % 16
    check_apply(bucket, text, bytes_value("iceberg", 7), "9");       // 1210000089 % 16
    check_apply(nothing, text, bytes_value("x", 1), "null");
}

static void
types_that_do_not_fit_are_refused(void **state)
{
    data_type text = {.kind = TYPE_STRING}, real = {.kind = TYPE_DOUBLE}, date = {.kind = TYPE_DATE},
              list = {.kind = TYPE_LIST}, result;

    (void) state;
    assert_false(transform_result_type((transform){TRANSFORM_MONTH, 0}, &text, &result));
    assert_false(transform_result_type((transform){TRANSFORM_BUCKET, 4}, &real, &result));
    assert_false(transform_result_type((transform){TRANSFORM_HOUR, 0}, &date, &result));
    assert_false(transform_result_type((transform){TRANSFORM_IDENTITY, 0}, &list, &result));
    assert_false(transform_result_type((transform){TRANSFORM_TRUNCATE, 4}, &date, &result));
    assert_true(transform_result_type((transform){TRANSFORM_DAY, 0}, &date, &result));
    assert_int_equal(result.kind, TYPE_DATE);
    assert_true(transform_result_type((transform){TRANSFORM_BUCKET, 4}, &text, &result));
    assert_int_equal(result.kind, TYPE_INT);
}

/* Each layout of batch/schema.h, with an offset and a null. */
static void
rows_of_columns_are_transformed(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error        err = {0};
    uint8_t           valid = 0x0b; // rows 0, 1, 3
    int32_t           offsets[] = {0, 1, 4, 4, 6};
    const void       *buffers[] = {&valid, offsets, "abcdef"};
    struct ArrowArray text = {.length = 3, .offset = 1, .n_buffers = 3, .buffers = buffers};
    data_type         type = {.kind = TYPE_STRING};
    int32_t           small[] = {5, -1065};
    const void       *small_buffers[] = {NULL, small};
    struct ArrowArray column = {.length = 2, .n_buffers = 2, .buffers = small_buffers};
    data_type         decimal = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2};
    bool              is_null;

    (void) state;
    firn_buffer_init(&out, 100);
    assert_int_equal(transform_apply((transform){TRANSFORM_TRUNCATE, 2}, &type, &text, 0, &out, &is_null, &err),
                     FIRN_OK);
    assert_false(is_null);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.data, "bc", 2);
    assert_int_equal(transform_apply((transform){TRANSFORM_TRUNCATE, 2}, &type, &text, 1, &out, &is_null, &err),
                     FIRN_OK);
    assert_true(is_null);
    firn_buffer_reset(&out);
    assert_int_equal(transform_apply((transform){TRANSFORM_IDENTITY, 0}, &decimal, &column, 1, &out, &is_null, &err),
                     FIRN_OK);
    assert_int_equal(out.size, 2); // the least number of bytes
    assert_memory_equal(out.data, "\xfb\xd7", 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_spec),      cmocka_unit_test(texts_are_parsed_and_formatted),
        cmocka_unit_test(settings_are_parsed),               cmocka_unit_test(values_are_transformed),
        cmocka_unit_test(types_that_do_not_fit_are_refused), cmocka_unit_test(rows_of_columns_are_transformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
