#include "postgres/copy_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"

/* ---- a table with a bit of everything ---- */

static const data_type type_int = {.kind = TYPE_INT}, type_bool = {.kind = TYPE_BOOLEAN}, type_text = {.kind = TYPE_STRING},
                       type_date = {.kind = TYPE_DATE}, type_tz = {.kind = TYPE_TIMESTAMPTZ},
                       type_uuid = {.kind = TYPE_UUID},
                       type_decimal = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2};
static const schema_field element_int[] = {{.name = "element", .type = &type_int}};
static const data_type    type_list = {.kind = TYPE_LIST, .field_count = 1, .fields = element_int};
static const schema_field struct_fields[] = {{.name = "a", .type = &type_int}, {.name = "b", .type = &type_text}};
static const data_type    type_struct = {.kind = TYPE_STRUCT, .field_count = 2, .fields = struct_fields};
static const schema_field map_fields[] = {{.name = "key", .type = &type_text, .required = true},
                                          {.name = "value", .type = &type_text}};
static const data_type    type_map = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields};

static const copy_field list_children[] = {{.name = "element", .op = COPY_INT32, .type = &type_int}};
static const copy_field struct_children[] = {{.name = "a", .op = COPY_INT32, .type = &type_int},
                                             {.name = "b", .op = COPY_TEXT, .type = &type_text}};
static const copy_field map_children[] = {{.name = "key", .op = COPY_TEXT, .type = &type_text, .required = true},
                                          {.name = "value", .op = COPY_TEXT, .type = &type_text}};

enum { FIELD_COUNT = 13 };
static copy_field   fields[FIELD_COUNT];
static schema_field columns[FIELD_COUNT];

/* COPY (SELECT i, b, n, t, d, ts, u, a, c, h, j, tm, ip …) of PostgreSQL 15: 7, true, -12.34, 'äb', 2024-02-29,
 * 2024-02-29 12:34:56.789+00, 00112233-…, {1,NULL,3}, (5,x), k=>v n=>NULL, {"a":1}, 13:45:30.5, 10.0.0.0/8;
 * then a row of nulls. */
static const char golden[] =
    "5047434f50590aff0d0a000000000000000000000d000000040000000700000001010000000c0002000040000002000c0d4800000003c3"
    "a4620000000400002279000000080002b583417286080000001000112233445566778899aabbccddeeff00000028000000010000000100"
    "00001700000003000000010000000400000001ffffffff0000000400000003000000190000000200000017000000040000000500000019"
    "00000001780000001700000002000000016b0000000176000000016effffffff00000009017b2261223a20317d000000080000000b883f"
    "73a000000008020800040a000000000dffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffff";
#define GOLDEN_HEADER_SIZE 19
#define GOLDEN_FIRST_ROW_END 234

static uint8_t
nibble(char c)
{
    return (uint8_t) (c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t
hex_decode(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t) (nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return size;
}

static void
set_field(unsigned i, const char *name, copy_op op, const data_type *type, const copy_field *children, unsigned count)
{
    fields[i] = (copy_field){.name = name, .op = op, .type = type, .children = children, .child_count = count};
    columns[i] = (schema_field){.name = name, .type = type};
}

static void
layout_init(copy_layout *layout)
{
    static const unsigned key[] = {0};
    firn_error            err = {0};
    set_field(0, "i", COPY_INT32, &type_int, NULL, 0);
    set_field(1, "b", COPY_BOOL, &type_bool, NULL, 0);
    set_field(2, "n", COPY_DECIMAL64, &type_decimal, NULL, 0);
    set_field(3, "t", COPY_TEXT, &type_text, NULL, 0);
    set_field(4, "d", COPY_DATE, &type_date, NULL, 0);
    set_field(5, "ts", COPY_TIMESTAMP, &type_tz, NULL, 0);
    set_field(6, "u", COPY_UUID, &type_uuid, NULL, 0);
    set_field(7, "a", COPY_LIST, &type_list, list_children, 1);
    set_field(8, "c", COPY_STRUCT, &type_struct, struct_children, 2);
    set_field(9, "h", COPY_HSTORE, &type_map, map_children, 2);
    set_field(10, "j", COPY_JSONB, &type_text, NULL, 0);
    set_field(11, "tm", COPY_TIME_TEXT, &type_text, NULL, 0);
    set_field(12, "ip", COPY_INET, &type_text, NULL, 0);
    *layout = (copy_layout){
        .fields = fields,
        .field_count = FIELD_COUNT,
        .key_columns = key,
        .key_count = 1,
        .qualified_name = "s.t",
        .table_name = "t",
        .config_file = "config/sources.yaml",
        .source_name = "dev",
    };
    assert_int_equal(schema_new(0, columns, FIELD_COUNT, NULL, 0, true, &layout->schema, &err), FIRN_OK);
}

/* Decodes messages of exactly their size on the heap, so that a sanitizer sees each byte too far. */
static firn_status
add(copy_decoder *d, const uint8_t *bytes, size_t size, firn_error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    firn_status status = copy_decoder_add(d, copy, size, err);
    free(copy);
    return status;
}

static void
assert_text(const struct ArrowArray *array, int64_t row, const char *wanted)
{
    const uint8_t *offsets = array->buffers[1];
    uint32_t       from = load_le32(offsets + 4 * row), to = load_le32(offsets + 4 * (row + 1));
    assert_int_equal(to - from, strlen(wanted));
    assert_memory_equal((const uint8_t *) array->buffers[2] + from, wanted, to - from);
}

static int64_t
i64_at(const struct ArrowArray *array, int64_t row)
{
    return (int64_t) load_le64((const uint8_t *) array->buffers[1] + 8 * row);
}

static int32_t
i32_at(const struct ArrowArray *array, int64_t row)
{
    return (int32_t) load_le32((const uint8_t *) array->buffers[1] + 4 * row);
}

static bool
is_null(const struct ArrowArray *array, int64_t row)
{
    return array->buffers[0] && !bitmap_get(array->buffers[0], (size_t) row);
}

/* ---- tests ---- */

static void
golden_stream_becomes_columns(void **state)
{
    (void) state;
    copy_layout   layout;
    copy_decoder *d;
    firn_error    err = {0};
    batch         b = {0};
    uint8_t       bytes[sizeof golden / 2];
    size_t        size = hex_decode(golden, bytes);
    static const uint8_t end[] = {0xff, 0xff};
    layout_init(&layout);
    assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);

    assert_int_equal(add(d, bytes, GOLDEN_FIRST_ROW_END, &err), FIRN_OK);
    assert_int_equal(add(d, bytes + GOLDEN_FIRST_ROW_END, size - GOLDEN_FIRST_ROW_END, &err), FIRN_OK);
    assert_false(copy_decoder_ended(d));
    assert_int_equal(add(d, end, sizeof end, &err), FIRN_OK);
    assert_true(copy_decoder_ended(d));
    assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);

    struct ArrowArray **c = b.array.children;
    static const uint8_t uuid[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    assert_int_equal(b.array.length, 2);
    assert_int_equal(b.array.n_children, FIELD_COUNT);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        assert_int_equal(c[i]->length, 2);
        assert_int_equal(c[i]->null_count, 1);
        assert_false(is_null(c[i], 0));
        assert_true(is_null(c[i], 1));
    }
    assert_int_equal(i32_at(c[0], 0), 7);
    assert_true(bitmap_get(c[1]->buffers[1], 0));
    assert_int_equal(i64_at(c[2], 0), -1234);
    assert_text(c[3], 0, "äb");
    assert_int_equal(i32_at(c[4], 0), 19782);
    assert_int_equal(i64_at(c[5], 0), INT64_C(1709210096789000));
    assert_memory_equal(c[6]->buffers[1], uuid, 16);
    assert_int_equal(i32_at(c[7], 1), 3); /* the offset after the first row */
    assert_int_equal(i32_at(c[7], 2), 3);
    assert_int_equal(c[7]->children[0]->length, 3);
    assert_int_equal(i32_at(c[7]->children[0], 2), 3);
    assert_true(is_null(c[7]->children[0], 1));
    assert_int_equal(i32_at(c[8]->children[0], 0), 5);
    assert_text(c[8]->children[1], 0, "x");
    assert_true(is_null(c[8]->children[0], 1));
    assert_int_equal(c[9]->children[0]->n_children, 2);
    assert_text(c[9]->children[0]->children[0], 1, "n");
    assert_text(c[9]->children[0]->children[1], 0, "v");
    assert_true(is_null(c[9]->children[0]->children[1], 1));
    assert_text(c[10], 0, "{\"a\": 1}");
    assert_text(c[11], 0, "13:45:30.5");
    assert_text(c[12], 0, "10.0.0.0/8");
    assert_int_equal(copy_decoder_row_count(d), 2);
    batch_done(&b);
    copy_decoder_free(d);
    schema_unref(layout.schema);
}

static void
columns_without_nulls_have_no_bitmap(void **state)
{
    (void) state;
    copy_layout   layout;
    copy_decoder *d;
    firn_error    err = {0};
    batch         b = {0};
    uint8_t       bytes[sizeof golden / 2];
    hex_decode(golden, bytes);
    layout_init(&layout);
    assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);
    assert_int_equal(add(d, bytes, GOLDEN_FIRST_ROW_END, &err), FIRN_OK);

    assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);

    for (unsigned i = 0; i < FIELD_COUNT; i++) assert_null(b.array.children[i]->buffers[0]);
    batch_done(&b);
    assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);
    assert_null(b.array.release);
    copy_decoder_free(d);
    schema_unref(layout.schema);
}

static void
batches_end_at_their_row_limit_and_go_on(void **state)
{
    (void) state;
    copy_layout   layout;
    copy_decoder *d;
    firn_error    err = {0};
    uint8_t       bytes[sizeof golden / 2];
    uint64_t      total = 0;
    size_t        size = hex_decode(golden, bytes);
    layout_init(&layout);
    assert_int_equal(copy_decoder_new(&layout, 100, 0, &d, &err), FIRN_OK);
    assert_int_equal(add(d, bytes, GOLDEN_HEADER_SIZE, &err), FIRN_OK);
    for (unsigned i = 0; i < 250; i++) {
        bool nulls = i % 3 == 0;
        if (nulls)
            assert_int_equal(add(d, bytes + GOLDEN_FIRST_ROW_END, size - GOLDEN_FIRST_ROW_END, &err), FIRN_OK);
        else
            assert_int_equal(add(d, bytes + GOLDEN_HEADER_SIZE, GOLDEN_FIRST_ROW_END - GOLDEN_HEADER_SIZE, &err), FIRN_OK);
        if (!copy_decoder_full(d) && i != 249) continue;
        batch b = {0};
        assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);
        for (int64_t row = 0; row < b.array.length; row++) {
            bool row_is_null = (total + (uint64_t) row) % 3 == 0;
            assert_int_equal(is_null(b.array.children[3], row), row_is_null);
            assert_int_equal(is_null(b.array.children[8], row), row_is_null);
            if (!row_is_null) assert_text(b.array.children[3], row, "äb");
        }
        total += (uint64_t) b.array.length;
        batch_done(&b);
    }
    assert_int_equal(total, 250);
    copy_decoder_free(d);
    schema_unref(layout.schema);
}

/* Every beginning of a valid message is refused, and nothing is read behind it. */
static void
truncated_rows_are_refused(void **state)
{
    (void) state;
    copy_layout layout;
    uint8_t     bytes[sizeof golden / 2];
    hex_decode(golden, bytes);
    layout_init(&layout);
    for (size_t size = 1; size < GOLDEN_FIRST_ROW_END; size++) {
        copy_decoder *d;
        firn_error    err = {0};
        if (size == GOLDEN_HEADER_SIZE) continue; /* a header alone is fine */
        assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);

        firn_status status = add(d, bytes, size, &err);

        assert_int_equal(status, FIRN_CORRUPT);
        copy_decoder_free(d);
    }
    schema_unref(layout.schema);
}

static void
changed_bytes_never_crash(void **state)
{
    (void) state;
    copy_layout layout;
    uint8_t     bytes[sizeof golden / 2];
    size_t      size = hex_decode(golden, bytes);
    static const uint8_t changes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    layout_init(&layout);
    for (size_t at = 0; at < size; at++)
        for (size_t i = 0; i < sizeof changes; i++) {
            copy_decoder *d;
            firn_error    err = {0};
            batch         b = {0};
            uint8_t       kept = bytes[at];
            bytes[at] = changes[i];
            assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);
            if (add(d, bytes, size, &err) == FIRN_OK) {
                assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);
                if (b.array.release) batch_done(&b);
            }
            copy_decoder_free(d);
            bytes[at] = kept;
        }
    schema_unref(layout.schema);
}

static void
exhausted_memory_is_reported_wherever_it_happens(void **state)
{
    (void) state;
    copy_layout layout;
    uint8_t     bytes[sizeof golden / 2];
    size_t      size = hex_decode(golden, bytes);
    bool        done = false;
    layout_init(&layout);
    for (uint64_t nth = 1; !done; nth++) {
        copy_decoder *d = NULL;
        firn_error    err = {0};
        batch         b = {0};
        firn_alloc_fail_at(nth, 0);
        firn_status status = copy_decoder_new(&layout, 0, 0, &d, &err);
        if (!status) status = add(d, bytes, size, &err);
        if (!status) status = copy_decoder_take(d, &b, &err);
        firn_alloc_fail_at(0, 0);
        done = status == FIRN_OK;
        if (!done) assert_int_equal(status, FIRN_NO_MEMORY);
        if (b.array.release) batch_done(&b);
        copy_decoder_free(d);
        assert_true(nth < 1000);
    }
    schema_unref(layout.schema);
}

/* ---- values that do not fit ---- */

typedef struct policy_case {
    copy_op          op;
    const data_type *type;
    const char      *hex; /* of the value */
} policy_case;

static const policy_case misfits[] = {
    {COPY_DATE, &type_date, "7fffffff"},
    {COPY_TIMESTAMP, &type_tz, "8000000000000000"},
    {COPY_TIMESTAMP, &type_tz, "7ffffffffffffffe"},
    {COPY_DECIMAL64, &type_decimal, "00000000d0000020"},
    {COPY_DECIMAL64, &type_decimal, "00010003000000000001"},
    {COPY_TEXT_VERIFY, &type_text, "61ff62"},
};

/* One column under a policy; the value as its only row. */
static firn_status
decode_one(const policy_case *c, value_policy policy, bool required, batch *ret_batch, uint64_t *ret_coerced, firn_error *err)
{
    copy_field    field = {.name = "v", .op = c->op, .type = c->type, .policy = policy, .required = required};
    schema_field  column = {.name = "v", .type = c->type, .required = required};
    copy_layout   layout = {.fields = &field, .field_count = 1, .qualified_name = "s.t", .table_name = "t",
                            .config_file = "config/sources.yaml", .source_name = "dev"};
    copy_decoder *d;
    uint8_t       bytes[128] = "PGCOPY\n\377\r\n";
    size_t        size = hex_decode(c->hex, bytes + 25);
    bytes[20] = 1;
    store_be32(bytes + 21, (uint32_t) size);
    assert_int_equal(schema_new(0, &column, 1, NULL, 0, true, &layout.schema, err), FIRN_OK);
    assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, err), FIRN_OK);
    firn_status status = add(d, bytes, 25 + size, err);
    if (!status) assert_int_equal(copy_decoder_take(d, ret_batch, err), FIRN_OK);
    *ret_coerced = copy_decoder_coerced_count(d);
    copy_decoder_free(d);
    schema_unref(layout.schema);
    return status;
}

static void
misfits_fail_by_default_and_say_what_to_do(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(misfits); i++) {
        firn_error err = {0};
        batch      b = {0};
        uint64_t   coerced;
        assert_int_equal(decode_one(&misfits[i], POLICY_ERROR, false, &b, &coerced, &err), FIRN_FAILED);
        assert_int_equal(err.code, FIRN_E_VALUE_UNREPRESENTABLE);
        assert_non_null(strstr(err.cause, "column 'v' of table 's.t'"));
        assert_non_null(strstr(err.hint, "in config/sources.yaml: sources.dev.tables.t.types: {v: null}"));
    }
}

static void
misfits_become_null_and_are_counted(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(misfits); i++) {
        firn_error err = {0};
        batch      b = {0};
        uint64_t   coerced;
        assert_int_equal(decode_one(&misfits[i], POLICY_NULL, false, &b, &coerced, &err), FIRN_OK);
        assert_true(is_null(b.array.children[0], 0));
        assert_int_equal(coerced, 1);
        batch_done(&b);
        assert_int_equal(decode_one(&misfits[i], POLICY_NULL, true, &b, &coerced, &err), FIRN_FAILED);
    }
}

static void
misfits_are_clamped_to_the_nearest(void **state)
{
    (void) state;
    static const int64_t wanted[] = {2932896, INT64_C(-62135596800000000), INT64_MAX, 9999999999, 9999999999};
    for (size_t i = 0; i < FIRN_COUNT(misfits); i++) {
        firn_error err = {0};
        batch      b = {0};
        uint64_t   coerced;
        assert_int_equal(decode_one(&misfits[i], POLICY_CLAMP, false, &b, &coerced, &err), FIRN_OK);
        const struct ArrowArray *column = b.array.children[0];
        if (misfits[i].op == COPY_TEXT_VERIFY)
            assert_text(column, 0, "a\xef\xbf\xbd" "b");
        else
            assert_int_equal(misfits[i].op == COPY_DATE ? i32_at(column, 0) : i64_at(column, 0), wanted[i]);
        assert_int_equal(coerced, 1);
        batch_done(&b);
    }
}

static void
rounding_mends_digits_only(void **state)
{
    (void) state;
    static const policy_case digits = {COPY_DECIMAL64, &type_decimal, "000200000000000300010032"}; /* 1.005 */
    firn_error err = {0}, refused = {0};
    batch      b = {0};
    uint64_t   coerced;

    assert_int_equal(decode_one(&digits, POLICY_ROUND, false, &b, &coerced, &err), FIRN_OK);
    assert_int_equal(i64_at(b.array.children[0], 0), 101);
    assert_int_equal(coerced, 1);
    batch_done(&b);
    assert_int_equal(decode_one(&misfits[3], POLICY_ROUND, false, &b, &coerced, &refused), FIRN_FAILED);
}

static void
arrays_of_two_dimensions_do_not_fit_a_list(void **state)
{
    (void) state;
    copy_layout   layout;
    copy_decoder *d;
    firn_error    err = {0};
    batch         b = {0};
    uint8_t       bytes[256] = "PGCOPY\n\377\r\n";
    size_t        size = hex_decode("0001" "00000024" "00000002000000000000001700000001000000010000000100000001" "0000000400000009", bytes + 19);
    layout_init(&layout);
    layout.fields = &fields[7];
    layout.field_count = 1;
    layout.key_count = 0;

    assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);
    assert_int_equal(add(d, bytes, 19 + size, &err), FIRN_FAILED);
    copy_decoder_free(d);

    firn_error_reset(&err);
    fields[7].policy = POLICY_NULL;
    assert_int_equal(copy_decoder_new(&layout, 0, 0, &d, &err), FIRN_OK);
    assert_int_equal(add(d, bytes, 19 + size, &err), FIRN_OK);
    assert_int_equal(copy_decoder_coerced_count(d), 1);
    assert_int_equal(copy_decoder_take(d, &b, &err), FIRN_OK);
    assert_true(is_null(b.array.children[0], 0));
    batch_done(&b);
    copy_decoder_free(d);
    schema_unref(layout.schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_stream_becomes_columns),
        cmocka_unit_test(columns_without_nulls_have_no_bitmap),
        cmocka_unit_test(batches_end_at_their_row_limit_and_go_on),
        cmocka_unit_test(truncated_rows_are_refused),
        cmocka_unit_test(changed_bytes_never_crash),
        cmocka_unit_test(exhausted_memory_is_reported_wherever_it_happens),
        cmocka_unit_test(misfits_fail_by_default_and_say_what_to_do),
        cmocka_unit_test(misfits_become_null_and_are_counted),
        cmocka_unit_test(misfits_are_clamped_to_the_nearest),
        cmocka_unit_test(rounding_mends_digits_only),
        cmocka_unit_test(arrays_of_two_dimensions_do_not_fit_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
