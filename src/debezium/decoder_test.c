#include "debezium/decoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tests/support/debezium_records.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/file.h"
#include "base/uuid.h"
#include "debezium/form_json.h"

/* One column `v`: a token in, the value's text out; or "FIRN-nnnn". */

typedef struct one_column {
    data_type   type;
    const char *declared;
    const char *connector; /* NULL: postgresql */
    dbz_modes   modes;
    table_rules rules;
    bool        collects_damage, has_default;
    const char *schema; /* of the column, or NULL */
    const char *name;   /* NULL: v */
    uint64_t    coerced_count;
    dbz_connector fallback;
} one_column;

static char        shown[8192];
static const char *data_folder;

static const char *
show(const struct ArrowArray *array, const data_type *type)
{
    const uint8_t *validity = array->buffers[0], *values = array->n_buffers > 1 ? array->buffers[1] : NULL;
    size_t         size = 0;
    assert_int_equal(array->length, 1);
    if (validity && !bitmap_get(validity, 0)) return "null";
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return bitmap_get(values, 0) ? "true" : "false";
    case TYPE_INT:
    case TYPE_DATE:
        snprintf(shown, sizeof shown, "%d", (int32_t) load_le32(values));
        return shown;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        snprintf(shown, sizeof shown, "%lld", (long long) load_le64(values));
        return shown;
    case TYPE_FLOAT:
        snprintf(shown, sizeof shown, "%.9g", (double) float_of_bits(load_le32(values)));
        return shown;
    case TYPE_DOUBLE:
        snprintf(shown, sizeof shown, "%.17g", double_of_bits(load_le64(values)));
        return shown;
    case TYPE_DECIMAL: {
        int128 value = 0;
        char   text[DECIMAL_TEXT_MAX + 64];
        if (type->precision <= 9)
            value = (int32_t) load_le32(values);
        else if (type->precision <= 18)
            value = (int64_t) load_le64(values);
        else
            memcpy(&value, values, 16);
        decimal_format(value, (int) type->scale, text);
        snprintf(shown, sizeof shown, "%s", text);
        return shown;
    }
    case TYPE_STRING:
        size = load_le32(values + 4);
        snprintf(shown, sizeof shown, "%.*s", (int) size, (const char *) array->buffers[2]);
        return shown;
    case TYPE_BINARY:
        size = load_le32(values + 4);
        for (size_t i = 0; i < size; i++) snprintf(shown + 2 * i, 3, "%02x", ((const uint8_t *) array->buffers[2])[i]);
        shown[2 * size] = 0;
        return shown;
    case TYPE_UUID: {
        firn_uuid uuid;
        char      text[UUID_TEXT_SIZE];
        memcpy(uuid.bytes, values, 16);
        uuid_format(uuid, text);
        snprintf(shown, sizeof shown, "%s", text);
        return shown;
    }
    case TYPE_LIST:
    case TYPE_MAP:
        snprintf(shown, sizeof shown, "%u elements", load_le32(values + 4));
        return shown;
    case TYPE_FIXED:
    case TYPE_STRUCT:
        break;
    }
    return "?";
}

/* What the source's type would make clear is known before any value has come. */
static void
assert_is_foreseen(const one_column *c, const change_relation *relation)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    dbz_form   form = {0};
    firn_error err = {0};
    firn_slice schema = dbz_relation_of(relation)->columns[0].schema;

    if (schema.size) assert_int_equal(form_json_read(schema, &arena, &form, &err), FIRN_OK);
    if (form.kind == DBZ_FORM_TEXT && c->type.kind == TYPE_BINARY) return; /* the connector's mode is wrong */
    assert_null(c->declared);
    if (!dbz_wants_declared(&form, &c->type, &c->modes)) fail_msg("%s is not foreseen to be unclear", c->schema ? c->schema : "no schema");
}

static const char *
decode_message(one_column *c, const char *message)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    FIRN_AUTO(row_decoder_freep) row_decoder *decoder = NULL;
    static uint8_t     room[32768];
    firn_error         err = {0};
    dbz_table_settings settings = {.schema = "public", .name = "t"};
    dbz_record         record = {.value = firn_slice_text(message)};
    dbz_event          event;
    change             row;
    schema_field       field = {.name = c->name ? c->name : "v", .type = &c->type};
    column_origin      origin = {.has_default = c->has_default};
    source_description description = {.origins = &origin};
    dbz_decoding       decoding = {.rules = &c->rules, .modes = c->modes, .declared = &c->declared, .connector = c->fallback};
    batch              rows = {0};
    assert_int_equal(schema_new(0, &field, 1, NULL, 0, true, &description.schema, &err), FIRN_OK);
    if (dbz_table_new(&settings, &table, &err) || dbz_event_read(&record, &event, &err)) fail_msg("%s", err.cause);
    assert_true(dbz_table_room(table, &event) < sizeof room);
    if (dbz_table_change(table, &event, room, &row, &err)) fail_msg("%s", err.cause);
    if (dbz_decoder_new(&description, row.relation, &decoding, &decoder, &err)) fail_msg("%s", err.cause);
    decoder->collects_damage = c->collects_damage;
    if (row_decoder_append(decoder, &row.new, &err)) {
        snprintf(shown, sizeof shown, "FIRN-%d", (int) err.code);
        if (err.code == FIRN_E_DEBEZIUM_FORM) assert_is_foreseen(c, row.relation);
        /* What failed is not in the batch, and does not disturb what comes. */
        assert_int_equal(decoder->row_count, 0);
        assert_int_equal(row_decoder_take(decoder, &rows, &err), FIRN_OK);
        assert_null(rows.array.release);
    } else {
        assert_int_equal(row_decoder_take(decoder, &rows, &err), FIRN_OK);
        const char *text = show(rows.array.children[0], &c->type);
        if (text != shown) snprintf(shown, sizeof shown, "%s", text);
        if (decoder->damage_count) {
            assert_int_equal(decoder->damage_count, 1);
            assert_int_equal(decoder->damage[0].row, 0);
            assert_int_equal(decoder->damage[0].column, 0);
            assert_non_null(decoder->damage[0].loss);
            snprintf(shown, sizeof shown, "noted");
        }
        batch_done(&rows);
    }
    c->coerced_count = decoder->coerced_count;
    schema_unref(description.schema);
    return shown;
}

static const char *
decode(one_column *c, const char *token)
{
    char        message[8192];
    const char *connector = c->connector ? c->connector : "postgresql";
    const char *source = "\"op\":\"c\",\"source\":{\"connector\":\"";
    if (c->schema)
        snprintf(message, sizeof message,
                 "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"field\":\"after\",\"fields\":[%s]}]},"
                 "\"payload\":{\"after\":{\"v\":%s},%s%s\"}}}",
                 c->schema, token, source, connector);
    else
        snprintf(message, sizeof message, "{\"after\":{\"v\":%s},%s%s\"}}", token, source, connector);
    return decode_message(c, message);
}

typedef struct value_case {
    const char *token, *wanted;
} value_case;

static void
check(one_column *c, const value_case cases[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = decode(c, cases[i].token);
        if (strcmp(got, cases[i].wanted) != 0)
            fail_msg("%s in %s gives %s instead of %s", cases[i].token, c->declared ? c->declared : c->schema, got, cases[i].wanted);
    }
}

#define CHECK(column, ...)                                        \
    do {                                                          \
        const value_case cases_[] = {__VA_ARGS__};                \
        check(column, cases_, sizeof cases_ / sizeof cases_[0]);  \
    } while (0)

#define UNFIT "FIRN-2101"
#define CORRUPT "FIRN-2102"
#define DAMAGED "FIRN-2104"
#define UNCLEAR "FIRN-4011"

/* ---- numbers ---- */

static void
test_decimals(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2}, .declared = "numeric(10,2)"};
    CHECK(&c, {"\"12345678.90\"", "12345678.90"}, {"\"-0.01\"", "-0.01"}, {"\"0\"", "0.00"}, {"\"1.234\"", UNFIT}, {"\"123456789\"", UNFIT},
          {"\"NAN\"", UNFIT}, {"\"POSITIVE_INFINITY\"", UNFIT}, {"null", "null"}, {"\"x\"", CORRUPT}, {"\"\"", CORRUPT}, {"true", CORRUPT},
          {"\"1e3\"", "1000.00"}, {"\"1E-2\"", "0.01"}, {"\"99999999.99\"", "99999999.99"}, {"\"100000000\"", UNFIT});
    c.rules.policy = POLICY_ROUND;
    CHECK(&c, {"\"1.235\"", "1.24"}, {"\"-1.235\"", "-1.24"}, {"\"1.2349\"", "1.23"}, {"\"99999999.995\"", UNFIT}, {"\"NAN\"", UNFIT});
    c.rules.policy = POLICY_CLAMP;
    CHECK(&c, {"\"123456789\"", "99999999.99"}, {"\"NEGATIVE_INFINITY\"", "-99999999.99"}, {"\"NAN\"", UNFIT});
    assert_int_equal(c.coerced_count, 0);
    (void) decode(&c, "\"1.239\"");
    assert_int_equal(c.coerced_count, 1);
    c.rules.policy = POLICY_NULL;
    CHECK(&c, {"\"NAN\"", "null"}, {"\"1.239\"", "null"});
    assert_int_equal(c.coerced_count, 1);

    c = (one_column){.type = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2}, .declared = "numeric(10,2)", .modes.decimals = DBZ_DECIMALS_PRECISE};
    CHECK(&c, {"\"SZYC0g==\"", "12345678.90"}, {"\"/w==\"", "-0.01"}, {"\"AA==\"", "0.00"}, {"null", DAMAGED}, {"\"\"", CORRUPT}, {"\"*\"", CORRUPT},
          {"\"////////////////////////\"", "-0.01"}, {"\"f///////////////////////\"", UNFIT});
    c.connector = "oracle";
    c.declared = "NUMBER(10,2)";
    CHECK(&c, {"\"SZYC0g==\"", "12345678.90"}, {"null", "null"});

    c = (one_column){.type = {.kind = TYPE_DECIMAL, .precision = 5}, .declared = "numeric(3,-2)"};
    CHECK(&c, {"\"12300.000000000000000000000000000000000000000000000000\"", "12300"});

    c = (one_column){.type = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10}, .declared = "numeric", .modes.decimals = DBZ_DECIMALS_PRECISE};
    CHECK(&c, {"{\"scale\":9,\"value\":\"J+QbMka+ybFuOYEV\"}", "12345678901234567890.1234567890"}, {"{\"scale\":30,\"value\":\"AQ==\"}", UNFIT},
          {"{\"scale\":-3,\"value\":\"AQ==\"}", "1000.0000000000"}, {"{\"scale\":0,\"value\":\"\"}", CORRUPT}, {"{\"scale\":1e9,\"value\":\"AQ==\"}", CORRUPT},
          {"{\"scale\":-30000,\"value\":\"AQ==\"}", UNFIT});

    c = (one_column){.type = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10}, .declared = "numeric(38,10)", .modes.decimals = DBZ_DECIMALS_DOUBLE};
    CHECK(&c, {"1.5", "1.5000000000"}, {"99999.9999999999", "99999.9999999999"}, {"999999.9999999999", DAMAGED}, {"1e28", DAMAGED}, {"\"NaN\"", UNFIT});
    c.declared = "numeric";
    CHECK(&c, {"1.5", DAMAGED});
    c.declared = NULL;
    CHECK(&c, {"1.5", DAMAGED});

    c = (one_column){.type = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2}, .modes.decimals = DBZ_DECIMALS_PRECISE};
    CHECK(&c, {"\"AQ==\"", UNCLEAR}); /* whose scale nobody says */
}

static void
test_numbers_as_texts(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "numeric", .modes.decimals = DBZ_DECIMALS_PRECISE};
    CHECK(&c, {"{\"scale\":2,\"value\":\"AJY=\"}", "1.50"}, {"{\"scale\":0,\"value\":\"AA==\"}", "0"}, {"{\"scale\":3,\"value\":\"/w==\"}", "-0.001"},
          {"{\"scale\":-2,\"value\":\"gA==\"}", "-12800"}, {"{\"scale\":0,\"value\":\"gAAAAA==\"}", "-2147483648"},
          {"{\"scale\":0,\"value\":\"AP//////////\"}", "18446744073709551615"}, {"{\"scale\":0,\"value\":\"gAAAAAAAAAAAAAAAAAAAAAA=\"}", "-43556142965880123323311949751266331066368"},
          {"{\"scale\":2,\"value\":\"AA==\"}", "0.00"});
    c.modes.decimals = DBZ_DECIMALS_STRING;
    CHECK(&c, {"\"1.50\"", "1.50"}, {"\"NAN\"", "NaN"}, {"\"NEGATIVE_INFINITY\"", "-Infinity"});
    c.modes.decimals = DBZ_DECIMALS_DOUBLE;
    CHECK(&c, {"1.5", DAMAGED});
}

static void
test_integers_and_reals(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_INT}, .declared = "integer"};
    CHECK(&c, {"5", "5"}, {"-2147483648", "-2147483648"}, {"2147483648", UNFIT}, {"1.5", UNFIT}, {"\"7\"", "7"}, {"[]", CORRUPT}, {"{}", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_LONG}, .declared = "bigint"};
    CHECK(&c, {"9223372036854775807", "9223372036854775807"}, {"9223372036854775808", UNFIT});
    c = (one_column){.type = {.kind = TYPE_DOUBLE}, .declared = "double precision"};
    CHECK(&c, {"1.5", "1.5"}, {"\"NaN\"", "nan"}, {"\"-Infinity\"", "-inf"}, {"5e-324", "4.9406564584124654e-324"}, {"1e999", UNFIT}, {"\"0x1\"", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_FLOAT}, .declared = "real"};
    CHECK(&c, {"1.4e-45", "1.40129846e-45"}, {"3.4028235e38", "3.40282347e+38"});
    c = (one_column){.type = {.kind = TYPE_BOOLEAN}, .declared = "boolean"};
    CHECK(&c, {"true", "true"}, {"0", "false"}, {"2", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_INT}, .connector = "mysql", .schema = "{\"type\":\"int32\",\"name\":\"io.debezium.time.Year\",\"field\":\"v\"}"};
    CHECK(&c, {"2024", "2024"});
}

/* ---- dates and times ---- */

static void
test_dates(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_DATE}, .declared = "date"};
    CHECK(&c, {"19782", "19782"}, {"-735160", "-735160"}, {"2145042905", "2145042905"}, {"-2147472692", UNFIT}, {"-2147472691", UNFIT},
          {"-2147472690", DAMAGED}, {"-2440589", DAMAGED}, {"\"2024-02-29\"", "19782"});
    c.rules.policy = POLICY_CLAMP;
    CHECK(&c, {"-2147472692", "2932896"}, {"-2147472691", "-719162"});
    c = (one_column){.type = {.kind = TYPE_DATE}, .declared = "date", .modes.times = DBZ_TIMES_ISOSTRING};
    CHECK(&c, {"\"2024-02-29\"", "19782"}, {"\"2024-02-29Z\"", "19782"}, {"\"-0043-03-15\"", "-735160"}, {"\"x\"", CORRUPT}, {"\"2024-13-01\"", CORRUPT});
}

static void
test_timestamps(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_TIMESTAMP}, .declared = "timestamp without time zone", .modes.times = DBZ_TIMES_ADAPTIVE};
    CHECK(&c, {"1709210096123456", "1709210096123456"}, {"-1", "-1"}, {"9223372036825200000", UNFIT}, {"-9223372036832400000", UNFIT},
          {"-9223372036853775810", UNFIT}, {"-210866803200000000", "-210866803200000000"}, {"-210866803200000001", DAMAGED});
    c.declared = "timestamp(3) without time zone";
    CHECK(&c, {"1709210096789", "1709210096789000"}, {"-1", "-1000"}, {"-9223372036832400", UNFIT});
    c.rules.policy = POLICY_CLAMP;
    CHECK(&c, {"-9223372036832400", "-62135596800000000"}, {"9224318015999999", "9223372036854775807"});
    c = (one_column){.type = {.kind = TYPE_TIMESTAMP}, .declared = "timestamp(6) without time zone", .modes.times = DBZ_TIMES_CONNECT};
    CHECK(&c, {"1709210096123", DAMAGED});
    c.declared = "timestamp(3) without time zone";
    CHECK(&c, {"1709210096123", "1709210096123000"});
    c = (one_column){.type = {.kind = TYPE_TIMESTAMP}, .declared = "timestamp without time zone", .modes.times = DBZ_TIMES_NANOSECONDS};
    CHECK(&c, {"1709210096123456000", "1709210096123456"}, {"-1000", "-1"}, {"1001", UNFIT});
    c.rules.policy = POLICY_ROUND;
    CHECK(&c, {"1500", "2"}, {"1499", "1"});
    c = (one_column){.type = {.kind = TYPE_TIMESTAMP}, .declared = "timestamp without time zone", .modes.times = DBZ_TIMES_ISOSTRING};
    CHECK(&c, {"\"2024-02-29T12:34:56.123456Z\"", "1709210096123456"}, {"\"+294276-12-31T23:59:59.999999Z\"", UNFIT});
    c = (one_column){.type = {.kind = TYPE_TIMESTAMP}};
    CHECK(&c, {"1709210096123456", "1709210096123456"}); /* as firn's own connector has it */
    c.modes.times = DBZ_TIMES_ADAPTIVE;
    CHECK(&c, {"1709210096123456", UNCLEAR}); /* in what unit? */
    c.schema = "{\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTimestamp\",\"field\":\"v\"}";
    CHECK(&c, {"1709210096123456", "1709210096123456"});
    c.schema = "{\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"field\":\"v\"}";
    CHECK(&c, {"1709210096123", DAMAGED});
    c.connector = "mysql";
    c.schema = "{\"type\":\"int64\",\"name\":\"io.debezium.time.Timestamp\",\"field\":\"v\"}";
    CHECK(&c, {"1709210096123", "1709210096123000"});
    c = (one_column){.type = {.kind = TYPE_TIMESTAMP}, .connector = "oracle", .declared = "DATE", .modes.times = DBZ_TIMES_ADAPTIVE};
    CHECK(&c, {"1709210096000", "1709210096000000"});
    c.declared = "TIMESTAMP(9)";
    CHECK(&c, {"1709210096123456789", UNFIT}, {"1709210096123456000", "1709210096123456"});
}

static void
test_moments_with_zones(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_TIMESTAMPTZ}, .declared = "timestamp with time zone"};
    CHECK(&c, {"\"2024-02-29T09:34:56.123456Z\"", "1709199296123456"}, {"\"2024-02-29T12:34:56.123456+03:00\"", "1709199296123456"},
          {"\"-4712-01-01T00:00:00.000000Z\"", "-210863520000000000"}, {"\"infinity\"", UNFIT}, {"\"+294276-12-31T23:59:59.999999Z\"", UNFIT},
          {"\"2024-02-29T09:34:56\"", CORRUPT}, {"\"\"", CORRUPT}, {"\"1969-12-31T23:59:59.999Z\"", "-1000"});
    c = (one_column){.type = {.kind = TYPE_STRING}, .declared = "time with time zone"};
    CHECK(&c, {"\"07:04:56.789123Z\"", DAMAGED}, {"null", "null"});
}

static void
test_times(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "time without time zone"};
    CHECK(&c, {"86399999999", "23:59:59.999999"}, {"86400000000", "24:00:00"}, {"0", "00:00:00"}, {"49830500000", "13:50:30.5"}, {"86400000001", CORRUPT},
          {"-1", CORRUPT});
    c.declared = "time(3) without time zone";
    CHECK(&c, {"45296789000", "12:34:56.789"});
    c.modes.times = DBZ_TIMES_ADAPTIVE;
    CHECK(&c, {"45296789", "12:34:56.789"});
    c = (one_column){.type = {.kind = TYPE_TIME}, .declared = "time without time zone"};
    CHECK(&c, {"86400000000", UNFIT}, {"5", "5"}, {"\"12:34:56.5Z\"", "45296500000"});
    c.rules.policy = POLICY_CLAMP;
    CHECK(&c, {"86400000000", "86399999999"});
    c = (one_column){.type = {.kind = TYPE_STRING}, .connector = "mysql", .schema = "{\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTime\",\"field\":\"v\"}"};
    CHECK(&c, {"-3020399000000", "-838:59:59"});
}

static void
test_intervals(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "interval"};
    CHECK(&c, {"\"P1Y2M3DT4H5M6.789S\"", "P1Y2M3DT4H5M6.789S"}, {"\"P-1Y0M-2DT-3H-4M-5.000006S\"", "P-1Y-2DT-3H-4M-5.000006S"},
          {"\"P178000000Y0M0DT0H0M0S\"", "P178000000Y"}, {"\"P0Y0M0DT0H0M0S\"", "PT0S"}, {"\"P0Y0M0DT0H0M0.5S\"", "PT0.5S"},
          {"\"P0Y0M1DT0H0M10S\"", "P1DT10S"}, {"\"P\"", CORRUPT}, {"\"x\"", CORRUPT}, {"37091106789000", DAMAGED});
    c.modes.intervals = DBZ_INTERVALS_NUMERIC;
    CHECK(&c, {"0", DAMAGED});
}

/* ---- texts, bytes, bits ---- */

static void
test_texts_and_bytes(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "text"};
    CHECK(&c, {"\"a\\\"b\\u00e9\\ud83d\\ude00\"", "a\"b\xc3\xa9\xf0\x9f\x98\x80"}, {"\"\"", ""}, {"null", "null"});
    c.declared = "tsvector";
    CHECK(&c, {"\"J2EnICdjYXQnICdmYXQn\"", "'a' 'cat' 'fat'"}, {"\"'a'\"", CORRUPT}, {"\"/w==\"", CORRUPT});
    c.declared = NULL;
    CHECK(&c, {"\"abcd\"", UNCLEAR});
    c.modes.texts_are_values = true;
    CHECK(&c, {"\"abcd\"", "abcd"});
    c = (one_column){.type = {.kind = TYPE_BINARY}, .declared = "bytea"};
    CHECK(&c, {"\"AP8Q3q2+7w==\"", "00ff10deadbeef"}, {"\"\\u0041P8\\u003d\"", "00ff"}, {"\"\\/w==\"", "ff"}, {"\"\"", ""}, {"\"A\"", CORRUPT}, {"null", "null"});
    c.modes.binary = DBZ_BINARY_HEX;
    CHECK(&c, {"\"00ff\"", "00ff"}, {"\"0\"", CORRUPT}, {"\"0g\"", CORRUPT}, {"null", DAMAGED});
    c.modes.binary = DBZ_BINARY_BASE64_URL;
    CHECK(&c, {"\"-_8\"", "fbff"});
    c = (one_column){.type = {.kind = TYPE_BINARY}, .schema = "{\"type\":\"string\",\"field\":\"v\"}"};
    CHECK(&c, {"\"00ff\"", UNCLEAR});
    c = (one_column){.type = {.kind = TYPE_UUID}, .declared = "uuid"};
    CHECK(&c, {"\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {"\"x\"", CORRUPT});
}

static void
test_bits(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "bit(8)"};
    CHECK(&c, {"\"qg==\"", "10101010"}, {"\"AQ==\"", "00000001"}, {"\"\"", "00000000"});
    c.declared = "bit(10)";
    CHECK(&c, {"\"AQI=\"", "1000000001"}, {"\"AQIDBA==\"", CORRUPT});
    c.declared = "bit(1)";
    CHECK(&c, {"true", "1"}, {"false", "0"});
    c.declared = "bit varying(12)";
    CHECK(&c, {"\"BQ==\"", DAMAGED});
    c = (one_column){.type = {.kind = TYPE_STRING}, .schema = "{\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":\"8\"},\"field\":\"v\"}"};
    CHECK(&c, {"\"qg==\"", UNCLEAR});
    c.connector = "mysql";
    CHECK(&c, {"\"qg==\"", "10101010"});
}

static void
test_geometry_and_vectors(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "point"};
    CHECK(&c, {"{\"x\":1.5,\"y\":-2.0,\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}", "(1.5,-2)"},
          {"{\"x\":1.0E15,\"y\":1.0E-5,\"wkb\":\"\",\"srid\":null}", "(1e+15,1e-05)"}, {"{\"x\":\"NaN\",\"y\":0.1,\"wkb\":\"\"}", "(NaN,0.1)"},
          {"{\"x\":123456789.25,\"y\":0.0001,\"wkb\":\"\"}", "(123456789.25,0.0001)"});
    c = (one_column){.type = {.kind = TYPE_BINARY}, .declared = "geometry"};
    CHECK(&c, {"{\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":4326}", "0101000020e6100000000000000000f83f00000000000000c0"},
          {"{\"wkb\":\"AQEAAAAAAAAAAAD4PwAAAAAAAADA\",\"srid\":null}", "0101000000000000000000f83f00000000000000c0"}, {"{\"wkb\":\"AQ==\"}", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_STRING}, .declared = "vector(3)"};
    CHECK(&c, {"[1.0,2.5,0.10000000149011612]", "[1,2.5,0.1]"}, {"[]", "[]"}, {"[1e7]", "[1e+07]"});
}

static void
test_lists_and_maps(void **state)
{
    (void) state;
    static const data_type    integer = {.kind = TYPE_INT}, text = {.kind = TYPE_STRING};
    static const schema_field element = {.name = "element", .type = &integer};
    static const schema_field pair[2] = {{.name = "key", .type = &text, .required = true}, {.name = "value", .type = &text}};
    one_column c = {.type = {.kind = TYPE_LIST, .field_count = 1, .fields = &element}, .declared = "integer[]"};
    CHECK(&c, {"[1,2,null]", "3 elements"}, {"[]", "0 elements"}, {"[null,null]", DAMAGED}, {"[1,\"x\"]", CORRUPT}, {"\"{1}\"", DAMAGED}, {"null", "null"},
          {"[[1],[2]]", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_MAP, .field_count = 2, .fields = pair}, .declared = "hstore"};
    CHECK(&c, {"\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":null}\"", "2 elements"}, {"{\"a\":\"1\"}", "1 elements"}, {"\"{}\"", "0 elements"}, {"\"[1]\"", CORRUPT},
          {"\"{\\\"a\\\":\"", CORRUPT});
    c = (one_column){.type = {.kind = TYPE_STRING}, .declared = "integer[]"};
    CHECK(&c, {"[1,2]", DAMAGED});
}

/* ---- what is lost ---- */

static void
test_damage_follows_the_policy_unless_it_is_collected(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_STRING}, .declared = "time with time zone", .rules.policy = POLICY_NULL};
    CHECK(&c, {"\"07:04:56Z\"", "null"});
    assert_int_equal(c.coerced_count, 1);
    c.collects_damage = true;
    CHECK(&c, {"\"07:04:56Z\"", "noted"}, {"null", "null"});
    assert_int_equal(c.coerced_count, 0);
    data_type element = {.kind = TYPE_INT};
    c = (one_column){.type = {.kind = TYPE_LIST}, .declared = "integer[]", .collects_damage = true};
    schema_field field = {.name = "element", .type = &element};
    c.type.fields = &field;
    c.type.field_count = 1;
    CHECK(&c, {"[null,null]", "noted"}, {"[1,null]", "2 elements"});
}

static void
test_nulls_that_became_defaults(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_INT}, .declared = "integer", .has_default = true};
    CHECK(&c, {"7", "7"});
    c.modes.nulls_become_defaults = true;
    CHECK(&c, {"7", DAMAGED}, {"8", DAMAGED});
    c.schema = "{\"type\":\"int32\",\"optional\":true,\"default\":7,\"field\":\"v\"}";
    CHECK(&c, {"7", DAMAGED}, {"8", "8"});
    c.schema = "{\"type\":\"int32\",\"optional\":false,\"default\":7,\"field\":\"v\"}";
    CHECK(&c, {"7", "7"});
}

static void
test_rows_that_do_not_say_their_source(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_DATE}, .declared = "date"};
    /* PostgreSQL's infinity, as long as nothing else is said. */
    assert_string_equal(decode_message(&c, "{\"v\":-2147472692,\"__op\":\"c\"}"), UNFIT);
    c.fallback = DBZ_MYSQL;
    assert_string_equal(decode_message(&c, "{\"v\":-2147472692,\"__op\":\"c\"}"), "-2147472692");
}

static void
test_unsigned_numbers(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_LONG}, .connector = "mysql", .declared = "bigint unsigned"};
    CHECK(&c, {"9223372036854775807", "9223372036854775807"}, {"-1", DAMAGED});
    c.declared = "bigint";
    CHECK(&c, {"-1", "-1"});
}

static void
test_missing_columns(void **state)
{
    (void) state;
    one_column c = {.type = {.kind = TYPE_INT}, .declared = "integer"};
    const char *message = "{\"after\":{\"w\":1},\"op\":\"c\",\"source\":{\"connector\":\"postgresql\"}}";
    assert_string_equal(decode_message(&c, message), DAMAGED);
    c.rules.policy = POLICY_NULL;
    assert_string_equal(decode_message(&c, message), "null");
    c = (one_column){.type = {.kind = TYPE_STRING}, .declared = "name", .modes.excludes_unknown = true};
    CHECK(&c, {"null", DAMAGED}, {"\"x\"", "x"});
}

/* ---- recorded rows of MariaDB ---- */

typedef struct mariadb_column {
    const char *name;
    data_type   type;
    const char *declared;
    const char *first, *third; /* of the rows 1 and 3; row 2 has nulls */
    const char *first_double, *third_double; /* by decimal.handling.mode=double, time.precision.mode=connect; NULL: the same */
} mariadb_column;

static const mariadb_column mariadb_columns[] = {
    {"ti", {.kind = TYPE_INT}, "tinyint", "-128", "127", NULL, NULL},
    {"tiu", {.kind = TYPE_INT}, "tinyint unsigned", "255", "0", NULL, NULL},
    {"si", {.kind = TYPE_INT}, "smallint", "-32768", "32767", NULL, NULL},
    {"siu", {.kind = TYPE_INT}, "smallint unsigned", "65535", "0", NULL, NULL},
    {"mi", {.kind = TYPE_INT}, "mediumint", "-8388608", "8388607", NULL, NULL},
    {"miu", {.kind = TYPE_INT}, "mediumint unsigned", "16777215", "0", NULL, NULL},
    {"iu", {.kind = TYPE_LONG}, "int unsigned", "4294967295", "0", NULL, NULL},
    {"bi", {.kind = TYPE_LONG}, "bigint", "-9223372036854775808", "9223372036854775807", NULL, NULL},
    {"biu", {.kind = TYPE_DECIMAL, .precision = 20}, "bigint unsigned", "18446744073709551615", "9223372036854775808", NULL, NULL},
    {"de", {.kind = TYPE_DECIMAL, .precision = 20, .scale = 4}, "decimal(20,4)", "-1234567890123456.7891", "0.0001", DAMAGED, NULL},
    {"de0", {.kind = TYPE_DECIMAL, .precision = 18}, "decimal(18,0)", "-999999999999999999", "0", DAMAGED, NULL},
    {"deu", {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10}, "decimal(38,10) unsigned", "1234567890123456789012345678.0123456789", "0.0000000000", DAMAGED, NULL},
    {"f", {.kind = TYPE_FLOAT}, "float", "1.5", "-3.39999995e+38", NULL, NULL},
    {"d", {.kind = TYPE_DOUBLE}, "double", "2.5e-300", "-0.10000000000000001", NULL, NULL},
    {"bo", {.kind = TYPE_INT}, "tinyint(1)", "1", "0", NULL, NULL},
    {"bit1", {.kind = TYPE_BOOLEAN}, "bit(1)", "true", "false", NULL, NULL},
    {"bit10", {.kind = TYPE_STRING}, "bit(10)", "1000000001", "0000000000", NULL, NULL},
    {"bit64", {.kind = TYPE_STRING}, "bit(64)", "1000000000000000000000000000000000000000000000000000000000000001",
     "0000000000000000000000000000000000000000000000000000000000000000", NULL, NULL},
    {"y", {.kind = TYPE_INT}, "year", "2155", "1901", NULL, NULL},
    {"da", {.kind = TYPE_DATE}, "date", "2932896", "-354285", NULL, NULL},
    {"t0", {.kind = TYPE_STRING}, "time", "-838:59:59", "838:59:59", DAMAGED, DAMAGED},
    {"t3", {.kind = TYPE_STRING}, "time(3)", "12:34:56.789", "-00:00:00.001", NULL, DAMAGED},
    {"t6", {.kind = TYPE_STRING}, "time(6)", "23:59:59.999999", "-12:00:00.000001", DAMAGED, DAMAGED},
    {"dt0", {.kind = TYPE_TIMESTAMP}, "datetime", "1709210096000000", "-30610224000000000", NULL, NULL},
    {"dt3", {.kind = TYPE_TIMESTAMP}, "datetime(3)", "1709210096789000", "253402300799999000", NULL, NULL},
    {"dt6", {.kind = TYPE_TIMESTAMP}, "datetime(6)", "-1", "253402300799999999", DAMAGED, DAMAGED},
    {"ts0", {.kind = TYPE_TIMESTAMPTZ}, "timestamp", "2147483647000000", "1000000", NULL, NULL},
    {"ts6", {.kind = TYPE_TIMESTAMPTZ}, "timestamp(6)", "1709210096123456", "1000001", NULL, NULL},
    {"ch", {.kind = TYPE_STRING}, "char(5)", "ab", "", NULL, NULL},
    {"vc", {.kind = TYPE_STRING}, "varchar(50)", "ä€😀", "", NULL, NULL},
    {"tx", {.kind = TYPE_STRING}, "text", "text", "", NULL, NULL},
    {"bin", {.kind = TYPE_BINARY}, "binary(4)", "01020000", "00000000", NULL, NULL},
    {"vb", {.kind = TYPE_BINARY}, "varbinary(20)", "00ff", "", NULL, NULL},
    {"bl", {.kind = TYPE_BINARY}, "blob", "deadbeef", "", NULL, NULL},
    {"js", {.kind = TYPE_STRING}, "json", "{\"a\": [1, 2.50, null]}", "[]", NULL, NULL},
    {"en", {.kind = TYPE_STRING}, "enum('a','b','ü')", "ü", "a", NULL, NULL},
    {"se", {.kind = TYPE_STRING}, "set('x','y','z')", "x,z", "", NULL, NULL},
    {"g", {.kind = TYPE_BINARY}, "geometry", "01020000000200000000000000000000000000000000000000000000000000f03f000000000000f03f", "010100000000000000000000000000000000000000", NULL, NULL},
    {"p", {.kind = TYPE_BINARY}, "point", "0101000000000000000000f83f00000000000000c0", "010100000000000000000000000000000000000000", NULL, NULL},
};

static void
check_mariadb(const char *mode, dbz_modes modes, bool is_double)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    static char     path[4096], message[20000];
    firn_error      err = {0};
    recorded_record record;
    unsigned        number = 0;
    (void) snprintf(path, sizeof path, "%s-mariadb/alltypes_%s.jsonl", data_folder, mode);
    firn_buffer_init(&text, (size_t) 1 << 20);
    assert_int_equal(file_read(path, &text, &err), FIRN_OK);
    for (firn_slice rest = firn_buffer_slice(&text); number < 3 && recorded_record_next(&rest, &record); number++) {
        (void) snprintf(message, sizeof message, "%.*s", (int) record.value.size, (const char *) record.value.data);
        for (size_t i = 0; i < FIRN_COUNT(mariadb_columns); i++) {
            const mariadb_column *column = &mariadb_columns[i];
            one_column  c = {.type = column->type, .declared = column->declared, .name = column->name, .modes = modes};
            const char *wanted = number == 1 ? "null" : number == 0 ? column->first : column->third;
            bool        is_time = strncmp(column->declared, "time", 4) == 0 && strncmp(column->declared, "timestamp", 9) != 0;
            const char *by_double = number == 1 ? (is_time ? DAMAGED : NULL) : number == 0 ? column->first_double : column->third_double;
            const char *got = decode_message(&c, message);
            if (is_double && by_double) wanted = by_double;
            if (strcmp(got, wanted) != 0) fail_msg("%s, row %u: %s %s is %s, not %s", mode, number + 1, column->name, column->declared, got, wanted);
        }
    }
    assert_int_equal(number, 3);
}

static void
test_recorded_rows_of_mariadb(void **state)
{
    (void) state;
    check_mariadb("string", (dbz_modes){.nulls_stay_nulls = true}, false);
    check_mariadb("precise", (dbz_modes){.decimals = DBZ_DECIMALS_PRECISE, .times = DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS}, false);
    check_mariadb("double", (dbz_modes){.decimals = DBZ_DECIMALS_DOUBLE, .times = DBZ_TIMES_CONNECT}, true);
}

int
main(int argc, char **argv)
{
    data_folder = argc > 1 ? argv[1] : "tests/data/debezium";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_rows_of_mariadb),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_numbers_as_texts),
        cmocka_unit_test(test_integers_and_reals),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_moments_with_zones),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_texts_and_bytes),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_geometry_and_vectors),
        cmocka_unit_test(test_lists_and_maps),
        cmocka_unit_test(test_damage_follows_the_policy_unless_it_is_collected),
        cmocka_unit_test(test_nulls_that_became_defaults),
        cmocka_unit_test(test_rows_that_do_not_say_their_source),
        cmocka_unit_test(test_unsigned_numbers),
        cmocka_unit_test(test_missing_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
