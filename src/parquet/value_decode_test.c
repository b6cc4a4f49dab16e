#include "parquet/value_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/decimal.h"

#define BYTES(...) firn_slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define OK(call) assert_int_equal((call), FIRN_OK)

static const value_conversion to_bytes = {.in_size = 0}, to_i32 = {.in_size = 4, .out_size = 4},
                              to_i64 = {.in_size = 8, .out_size = 8}, to_bool = {.in_size = 1, .out_size = 1};

typedef struct fixture {
    read_budget      budget;
    value_dictionary dictionary;
    value_decoder    decoder;
    leaf_values      out;
    firn_error       err;
} fixture;

static void
open_fixture(fixture *f, const value_conversion *conversion, parquet_type type)
{
    *f = (fixture){.budget = {0, 1 << 20}};
    value_decoder_init(&f->decoder, conversion, &f->dictionary, type, &f->budget);
}

static void
close_fixture(fixture *f)
{
    value_decoder_done(&f->decoder);
    value_dictionary_done(&f->dictionary, &f->budget);
    leaf_values_done(&f->out, &f->budget);
    assert_int_equal(f->budget.used_bytes, 0);
}

static firn_status
decode(fixture *f, int encoding, firn_slice page, size_t count)
{
    firn_error_reset(&f->err);
    FIRN_TRY(value_decoder_page(&f->decoder, encoding, page, count, &f->err));
    return value_decode(&f->decoder, count, &f->out, &f->err);
}

static void
assert_texts(const fixture *f, size_t count, const char *const texts[])
{
    for (size_t i = 0; i < count; i++) {
        uint32_t from = load_le32(f->out.offsets.data + 4 * i), to = load_le32(f->out.offsets.data + 4 * i + 4);
        assert_int_equal(to - from, strlen(texts[i]));
        assert_memory_equal(f->out.data.data + from, texts[i], to - from);
    }
}

static void
plain_strings_are_cut(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    OK(decode(&f, PARQUET_PLAIN, BYTES(1, 0, 0, 0, 'a', 0, 0, 0, 0, 2, 0, 0, 0, 'b', 'c'), 3));
    assert_texts(&f, 3, (const char *const[]){"a", "", "bc"});
    close_fixture(&f);
}

/* Encodings.md, "Delta-length byte array": "Hello", "World", "Foobar", "ABCDEF". */
static const uint8_t delta_length_page[] = {0x80, 0x01, 0x04, 0x04, 0x0a, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
                                            'H', 'e', 'l', 'l', 'o', 'W', 'o', 'r', 'l', 'd', 'F', 'o', 'o', 'b',
                                            'a', 'r', 'A', 'B', 'C', 'D', 'E', 'F'};

static void
the_delta_length_example_of_the_specification_decodes(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    OK(decode(&f, PARQUET_DELTA_LENGTH_BYTE_ARRAY, firn_slice_of(delta_length_page, sizeof delta_length_page), 4));
    assert_texts(&f, 4, (const char *const[]){"Hello", "World", "Foobar", "ABCDEF"});

    /* One byte less is damage. */
    assert_int_equal(decode(&f, PARQUET_DELTA_LENGTH_BYTE_ARRAY,
                            firn_slice_of(delta_length_page, sizeof delta_length_page - 1), 4), FIRN_CORRUPT);
    close_fixture(&f);
}

/* Encodings.md, "Delta Strings": "axis", "axle", "babble", "babyhood". */
static void
the_delta_string_example_of_the_specification_decodes(void **state)
{
    (void) state;
    fixture f;
    /* prefixes 0 2 0 3 (deltas 2 -2 3, min -2: 4 0 5 in 3 bits), suffixes 4 2 6 5 (deltas -2 4 -1, min -2: 0 6 1) */
    firn_slice page = BYTES(0x80, 0x01, 0x04, 0x04, 0x00, 0x03, 0x03, 0, 0, 0, 0x44, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                            0x80, 0x01, 0x04, 0x04, 0x08, 0x03, 0x03, 0, 0, 0, 0x70, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                            'a', 'x', 'i', 's', 'l', 'e', 'b', 'a', 'b', 'b', 'l', 'e', 'y', 'h', 'o', 'o', 'd');
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    OK(value_decoder_page(&f.decoder, PARQUET_DELTA_BYTE_ARRAY, page, 4, &f.err));
    OK(value_decode(&f.decoder, 1, &f.out, &f.err));
    OK(value_decode(&f.decoder, 3, &f.out, &f.err)); /* the value before is in another call */
    assert_texts(&f, 4, (const char *const[]){"axis", "axle", "babble", "babyhood"});
    assert_int_equal(value_decode(&f.decoder, 1, &f.out, &f.err), FIRN_CORRUPT);
    close_fixture(&f);
}

static void
a_prefix_longer_than_the_value_before_is_damage(void **state)
{
    (void) state;
    fixture f;
    /* one value with prefix 1, suffix 1 */
    firn_slice page = BYTES(0x80, 0x01, 0x04, 0x01, 0x02, 0x80, 0x01, 0x04, 0x01, 0x02, 'x');
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    assert_int_equal(decode(&f, PARQUET_DELTA_BYTE_ARRAY, page, 1), FIRN_CORRUPT);
    close_fixture(&f);
}

/* Encodings.md, "Delta Encoding", example 2: 7 5 3 1 2 3 4 5; with a legal block size. */
static void
the_delta_example_of_the_specification_decodes(void **state)
{
    (void) state;
    static const int64_t wanted[] = {7, 5, 3, 1, 2, 3, 4, 5};
    fixture f;
    /* deltas -2 -2 -2 1 1 1 1, min -2: 0 0 0 3 3 3 3 in 2 bits */
    firn_slice page = BYTES(0x80, 0x01, 0x04, 0x08, 0x0e, 0x03, 0x02, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0);
    open_fixture(&f, &to_i64, PARQUET_INT64);
    OK(decode(&f, PARQUET_DELTA_BINARY_PACKED, page, 8));
    for (size_t i = 0; i < 8; i++) assert_int_equal((int64_t) load_le64(f.out.data.data + 8 * i), wanted[i]);
    close_fixture(&f);
}

static void
delta_values_wrap_around(void **state)
{
    (void) state;
    fixture f;
    /* INT64_MAX, then + 1 (min delta 1, no bits): INT64_MIN */
    firn_slice page = BYTES(0x80, 0x01, 0x04, 0x02, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02, 0, 0, 0, 0);
    open_fixture(&f, &to_i64, PARQUET_INT64);
    OK(decode(&f, PARQUET_DELTA_BINARY_PACKED, page, 2));
    assert_true((int64_t) load_le64(f.out.data.data) == INT64_MAX);
    assert_true((int64_t) load_le64(f.out.data.data + 8) == INT64_MIN);
    close_fixture(&f);
}

static void
delta_headers_that_cannot_be_are_refused(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_i32, PARQUET_INT32);
    assert_int_equal(decode(&f, PARQUET_DELTA_BINARY_PACKED, BYTES(0x80, 0x01, 0x00, 0x02, 0x00), 2), FIRN_CORRUPT);
    assert_int_equal(decode(&f, PARQUET_DELTA_BINARY_PACKED, BYTES(0x80, 0x01, 0x03, 0x02, 0x00), 2), FIRN_CORRUPT);
    assert_int_equal(decode(&f, PARQUET_DELTA_BINARY_PACKED, BYTES(0x08, 0x01, 0x02, 0x00, 0x02, 0x00), 2), FIRN_CORRUPT);
    /* 33 bits for an INT32 */
    assert_int_equal(decode(&f, PARQUET_DELTA_BINARY_PACKED, BYTES(0x80, 0x01, 0x04, 0x02, 0x00, 0x02, 33, 0, 0, 0), 2), FIRN_CORRUPT);
    /* 2^31 lengths in a page of 3 values */
    close_fixture(&f);
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    assert_int_equal(decode(&f, PARQUET_DELTA_LENGTH_BYTE_ARRAY, BYTES(0x80, 0x01, 0x04, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00), 3), FIRN_CORRUPT);
    close_fixture(&f);
}

/* Encodings.md, "Byte Stream Split". */
static void
the_stream_split_example_of_the_specification_decodes(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_i32, PARQUET_INT32);
    OK(decode(&f, PARQUET_BYTE_STREAM_SPLIT, BYTES(0xAA, 0x00, 0xA3, 0xBB, 0x11, 0xB4, 0xCC, 0x22, 0xC5, 0xDD, 0x33, 0xD6), 3));
    assert_memory_equal(f.out.data.data, ((uint8_t[]){0xAA, 0xBB, 0xCC, 0xDD, 0x00, 0x11, 0x22, 0x33, 0xA3, 0xB4, 0xC5, 0xD6}), 12);
    assert_int_equal(decode(&f, PARQUET_BYTE_STREAM_SPLIT, BYTES(1, 2, 3), 1), FIRN_CORRUPT);
    close_fixture(&f);
}

static void
encodings_of_other_types_are_refused(void **state)
{
    (void) state;
    static const struct {
        parquet_type type;
        int          encoding;
    } pairs[] = {{PARQUET_INT64, PARQUET_RLE}, {PARQUET_DOUBLE, PARQUET_DELTA_BINARY_PACKED}, {PARQUET_INT64, PARQUET_DELTA_BYTE_ARRAY},
                 {PARQUET_INT64, PARQUET_DELTA_LENGTH_BYTE_ARRAY}, {PARQUET_BOOLEAN, PARQUET_BYTE_STREAM_SPLIT},
                 {PARQUET_INT64, PARQUET_BIT_PACKED}, {PARQUET_DOUBLE, 10}};
    for (size_t i = 0; i < FIRN_COUNT(pairs); i++) {
        fixture f;
        open_fixture(&f, pairs[i].type == PARQUET_BOOLEAN ? &to_bool : &to_i64, pairs[i].type);
        assert_int_equal(decode(&f, pairs[i].encoding, BYTES(0, 0, 0, 0, 0, 0, 0, 0), 1), FIRN_UNSUPPORTED);
        close_fixture(&f);
    }
}

static void
booleans_come_as_bytes(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_bool, PARQUET_BOOLEAN);
    OK(decode(&f, PARQUET_PLAIN, BYTES(0x05), 3));
    OK(decode(&f, PARQUET_RLE, BYTES(2, 0, 0, 0, 0x06, 0x01), 3));
    assert_memory_equal(f.out.data.data, ((uint8_t[]){1, 0, 1, 1, 1, 1}), 6);
    assert_int_equal(decode(&f, PARQUET_PLAIN, BYTES(0x05), 9), FIRN_CORRUPT);
    assert_int_equal(decode(&f, PARQUET_RLE, BYTES(9, 0, 0, 0, 0x06, 0x01), 3), FIRN_CORRUPT);
    close_fixture(&f);
}

static void
dictionary_indices_give_their_values(void **state)
{
    (void) state;
    fixture     f;
    firn_buffer none = {0};
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    OK(value_dictionary_load(&f.dictionary, &to_bytes, false,
                             BYTES(1, 0, 0, 0, 'a', 17, 0, 0, 0, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '1', '2',
                                   '3', '4', '5', '6', '7'), 2, &none, &f.budget, &f.err));
    /* 2 bits: three times 1, then packed 0 1 0 … */
    OK(decode(&f, PARQUET_RLE_DICTIONARY, BYTES(1, 0x06, 0x01, 0x03, 0x02), 6));
    assert_texts(&f, 6, (const char *const[]){"12345678901234567", "12345678901234567", "12345678901234567", "a",
                                              "12345678901234567", "a"});
    assert_int_equal(decode(&f, PARQUET_RLE_DICTIONARY, BYTES(2, 0x06, 0x02), 3), FIRN_CORRUPT); /* beyond the last */
    assert_int_equal(decode(&f, PARQUET_RLE_DICTIONARY, BYTES(33, 0x06, 0x02), 3), FIRN_CORRUPT);
    firn_error_reset(&f.err);
    assert_int_equal(value_dictionary_load(&f.dictionary, &to_bytes, false, BYTES(9, 0, 0, 0, 'a'), 1, &none, &f.budget, &f.err), FIRN_CORRUPT);
    firn_error_reset(&f.err);
    assert_int_equal(value_dictionary_load(&f.dictionary, &to_i32, false, BYTES(9, 0, 0, 0), INT32_MAX, &none, &f.budget, &f.err), FIRN_CORRUPT);
    close_fixture(&f);
}

static void
skipped_values_are_passed_in_every_encoding(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_bytes, PARQUET_BYTE_ARRAY);
    OK(value_decoder_page(&f.decoder, PARQUET_DELTA_LENGTH_BYTE_ARRAY, firn_slice_of(delta_length_page, sizeof delta_length_page), 4, &f.err));
    OK(value_skip(&f.decoder, 2, &f.err));
    OK(value_decode(&f.decoder, 2, &f.out, &f.err));
    assert_texts(&f, 2, (const char *const[]){"Foobar", "ABCDEF"});
    f.out.data.size = f.out.offsets.size = 0;
    OK(value_decoder_page(&f.decoder, PARQUET_PLAIN, BYTES(1, 0, 0, 0, 'a', 2, 0, 0, 0, 'b', 'c'), 2, &f.err));
    OK(value_skip(&f.decoder, 1, &f.err));
    OK(value_decode(&f.decoder, 1, &f.out, &f.err));
    assert_texts(&f, 1, (const char *const[]){"bc"});
    close_fixture(&f);
}

static void
more_than_the_budget_is_refused(void **state)
{
    (void) state;
    fixture f;
    open_fixture(&f, &to_i64, PARQUET_INT64);
    f.budget.max_bytes = 1000;
    OK(value_decoder_page(&f.decoder, PARQUET_PLAIN, BYTES(0), 1 << 20, &f.err));
    assert_int_equal(value_decode(&f.decoder, 1 << 20, &f.out, &f.err), FIRN_UNSUPPORTED);
    assert_int_equal(f.err.code, FIRN_E_PARQUET_LIMIT);
    close_fixture(&f);
}

/* ---- conversions ---- */

static bool
convert(const parquet_element *element, const data_type *wanted, firn_slice in, void *out, size_t out_size)
{
    value_conversion c;
    firn_error       err     = {0};
    const char      *problem = NULL;
    OK(value_conversion_init("f", element, wanted, false, &c, &err));
    assert_int_equal(c.out_size, out_size);
    if (c.convert_bytes) return c.convert_bytes(in.data, in.size, out);
    if (!c.convert) {
        memcpy(out, in.data, in.size);
        return true;
    }
    return c.convert(&c, in.data, in.size / c.in_size, out, &problem);
}

static void
int96_becomes_microseconds(void **state)
{
    (void) state;
    const parquet_element e    = {.name = "t", .type = PARQUET_INT96, .converted = -1};
    const data_type       type = {.kind = TYPE_TIMESTAMPTZ};
    int64_t               us   = 0;
    uint8_t               raw[12] = {0};

    store_le32(raw + 8, 2440589); /* 1970-01-02 */
    store_le64(raw, 1500000);
    assert_true(convert(&e, &type, firn_slice_of(raw, 12), &us, 8));
    assert_int_equal(us, CALENDAR_US_PER_DAY + 1500);
    store_le64(raw, 1500001); /* a nanosecond that would be lost */
    assert_false(convert(&e, &type, firn_slice_of(raw, 12), &us, 8));
    store_le64(raw, 0);
    store_le32(raw + 8, 0x7fffffff);
    assert_false(convert(&e, &type, firn_slice_of(raw, 12), &us, 8));
}

static void
decimals_of_every_storage_are_exact(void **state)
{
    (void) state;
    parquet_element e = {.name = "d", .type = PARQUET_FIXED_LEN_BYTE_ARRAY, .size_bytes = 3, .converted = PARQUET_CONVERTED_DECIMAL,
                         .precision = 5, .scale = 2};
    data_type       type = {.kind = TYPE_DECIMAL, .precision = 5, .scale = 2};
    int32_t         narrow;
    int128          wide;

    assert_true(convert(&e, &type, BYTES(0xff, 0xff, 0xfe), &narrow, 4));
    assert_int_equal(narrow, -2);
    type.precision = 38;
    assert_true(convert(&e, &type, BYTES(0x80, 0x00, 0x00), &wide, 16));
    assert_true(wide == -8388608);
    e.size_bytes = 16;
    e.precision  = 38;
    assert_true(convert(&e, &type, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 5), &wide, 16));
    assert_true(wide == (int128) -2 * ((int128) 1 << 64) + 5);
    /* longer than 16 bytes: only where the rest is sign */
    e.size_bytes = 18;
    assert_true(convert(&e, &type, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd), &wide, 16));
    assert_true(wide == -3);
    assert_false(convert(&e, &type, BYTES(0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), &wide, 16));
    /* BYTE_ARRAY, and what does not fit int32 */
    e.type         = PARQUET_BYTE_ARRAY;
    e.precision    = 5;
    type.precision = 5;
    assert_true(convert(&e, &type, BYTES(0x04, 0xd2), &narrow, 4));
    assert_int_equal(narrow, 1234);
    assert_false(convert(&e, &type, BYTES(0x01, 0, 0, 0, 0), &narrow, 4));
}

static void
half_floats_are_exact(void **state)
{
    (void) state;
    static const struct {
        uint16_t half;
        uint32_t bits;
    } pairs[] = {{0x3c00, 0x3f800000}, {0x8000, 0x80000000}, {0x0001, 0x33800000}, {0x83ff, 0xb87fc000},
                 {0x7bff, 0x477fe000}, {0x7c00, 0x7f800000}, {0xfc00, 0xff800000}, {0x7e00, 0x7fc00000}};
    const parquet_element e = {.name = "h", .type = PARQUET_FIXED_LEN_BYTE_ARRAY, .size_bytes = 2, .converted = -1,
                               .logical = PARQUET_LOGICAL_FLOAT16};
    for (size_t i = 0; i < FIRN_COUNT(pairs); i++) {
        uint8_t  raw[2];
        uint32_t bits = 0;
        store_le16(raw, pairs[i].half);
        assert_true(convert(&e, &(data_type){.kind = TYPE_FLOAT}, firn_slice_of(raw, 2), &bits, 4));
        assert_int_equal(bits, pairs[i].bits);
    }
}

static void
types_that_do_not_go_together_are_refused(void **state)
{
    (void) state;
    const parquet_element i64 = {.name = "x", .type = PARQUET_INT64, .converted = -1},
                          f64 = {.name = "x", .type = PARQUET_DOUBLE, .converted = -1},
                          dec = {.name = "x", .type = PARQUET_INT32, .converted = PARQUET_CONVERTED_DECIMAL, .precision = 9, .scale = 2};
    static const struct {
        int       element;
        data_type type;
    } pairs[] = {{0, {.kind = TYPE_INT}}, {0, {.kind = TYPE_STRING}}, {0, {.kind = TYPE_DATE}}, {1, {.kind = TYPE_FLOAT}},
                 {1, {.kind = TYPE_LONG}}, {2, {.kind = TYPE_DECIMAL, .precision = 8, .scale = 2}},
                 {2, {.kind = TYPE_DECIMAL, .precision = 12, .scale = 3}}, {2, {.kind = TYPE_INT}}};
    for (size_t i = 0; i < FIRN_COUNT(pairs); i++) {
        value_conversion c;
        firn_error       err = {0};
        const parquet_element *e = pairs[i].element == 0 ? &i64 : pairs[i].element == 1 ? &f64 : &dec;
        assert_int_equal(value_conversion_init("f", e, &pairs[i].type, false, &c, &err), FIRN_UNSUPPORTED);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_strings_are_cut),
        cmocka_unit_test(the_delta_length_example_of_the_specification_decodes),
        cmocka_unit_test(the_delta_string_example_of_the_specification_decodes),
        cmocka_unit_test(a_prefix_longer_than_the_value_before_is_damage),
        cmocka_unit_test(the_delta_example_of_the_specification_decodes),
        cmocka_unit_test(delta_values_wrap_around),
        cmocka_unit_test(delta_headers_that_cannot_be_are_refused),
        cmocka_unit_test(the_stream_split_example_of_the_specification_decodes),
        cmocka_unit_test(encodings_of_other_types_are_refused),
        cmocka_unit_test(booleans_come_as_bytes),
        cmocka_unit_test(dictionary_indices_give_their_values),
        cmocka_unit_test(skipped_values_are_passed_in_every_encoding),
        cmocka_unit_test(more_than_the_budget_is_refused),
        cmocka_unit_test(int96_becomes_microseconds),
        cmocka_unit_test(decimals_of_every_storage_are_exact),
        cmocka_unit_test(half_floats_are_exact),
        cmocka_unit_test(types_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
