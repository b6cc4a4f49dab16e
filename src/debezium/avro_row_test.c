#include "debezium/avro_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tests/support/avro_records.h"
#include "avro/avro_decoder.h"
#include "avro/avro_encoder.h"
#include "base/alloc.h"
#include "codec/varint.h"
#include "debezium/avro_event.h"

#define PLACEHOLDER "__debezium_unavailable_value"

static const char *data_folder;
static firn_arena  arena;

static int
tear_down(void **state)
{
    (void) state;
    firn_arena_done(&arena);
    return 0;
}

static avro_row *
row_of(const avro_schema *record)
{
    avro_row  *row = NULL;
    firn_error err = {0};

    if (avro_row_new(record, false, PLACEHOLDER, &row, &err)) fail_msg("%s", err.cause);
    return row;
}

static change_tuple
tuple_of(avro_row *row, firn_slice bytes, bool key_only)
{
    uint8_t     *room = firn_arena_alloc(&arena, avro_row_room(row, bytes));
    change_tuple tuple;
    size_t       size;
    firn_error   err = {0};

    assert_non_null(room);
    if (avro_row_tuple(row, bytes, key_only, false, room, &tuple, &size, &err)) fail_msg("%s", err.cause);
    assert_true(size <= avro_row_room(row, bytes));
    return tuple;
}

/* ---- against the tree of the other decoder ---- */

static void
assert_value(const tuple_value *is, const avro_value *wanted)
{
    uint64_t raw;

    if (wanted->type->kind == AVRO_NULL) {
        assert_int_equal(is->kind, TUPLE_NULL);
        return;
    }
    if (is->kind == TUPLE_UNCHANGED) return;
    assert_int_equal(is->kind, TUPLE_BINARY);
    if (wanted->type->kind == AVRO_STRING || wanted->type->kind == AVRO_BYTES) {
        assert_true(firn_slice_equal(is->bytes, wanted->of.bytes));
    } else if (wanted->type->kind == AVRO_INT || wanted->type->kind == AVRO_LONG) {
        assert_int_equal(varint_decode(is->bytes.data, is->bytes.data + is->bytes.size, &raw), is->bytes.size);
        assert_true(zigzag_decode(raw) == wanted->of.integer);
    } else {
        firn_reader in = firn_reader_of(is->bytes);
        avro_value  again;
        firn_error  err = {0};
        assert_int_equal(avro_decode(wanted->type, &in, &arena, &again, &err), FIRN_OK);
        assert_int_equal(firn_reader_left(&in), 0);
    }
}

static unsigned
check_row(avro_row *row, const avro_schema *record, firn_slice bytes)
{
    firn_reader    in = firn_reader_of(bytes);
    change_tuple   tuple = tuple_of(row, bytes, false);
    const uint8_t *at = tuple.bytes.data;
    avro_value     tree;
    firn_error     err = {0};
    unsigned       unchanged = 0;

    assert_int_equal(avro_decode(record, &in, &arena, &tree, &err), FIRN_OK);
    assert_int_equal(tuple.column_count, tree.of.list.count);
    for (unsigned i = 0; i < tuple.column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        assert_value(&value, &tree.of.list.items[i]);
        unchanged += value.kind == TUPLE_UNCHANGED;
    }
    assert_ptr_equal(at, tuple.bytes.data + tuple.bytes.size);
    assert_int_equal(tuple.has_unchanged, unchanged > 0);
    return unchanged;
}

static avro_recording
recording(const char *name)
{
    char           path[500];
    avro_recording all;

    (void) snprintf(path, sizeof path, "%s/%s.jsonl", data_folder, name);
    avro_recording_read(path, &arena, &all);
    return all;
}

/* The key of a message is the key of its row. */
static void
check_key(const avro_row *row, const avro_recorded *record, const change_tuple *whole)
{
    FIRN_AUTO(avro_row_freep) avro_row *of_key = NULL;
    firn_error   err = {0};
    change_tuple key;
    unsigned     key_count = 0;

    assert_int_equal(avro_row_new_of_key(record->key_schema, row, &of_key, &err), FIRN_OK);
    key = tuple_of(of_key, record->key, true);
    assert_int_equal(key.column_count, whole->column_count);
    for (unsigned i = 0; i < key.column_count; i++) {
        tuple_value a = tuple_value_at(&key, i), b = tuple_value_at(whole, i);
        if (a.kind == TUPLE_NULL) continue;
        key_count++;
        assert_int_equal(a.kind, b.kind);
        assert_true(firn_slice_equal(a.bytes, b.bytes));
    }
    assert_int_equal(key_count, record->key_schema->field_count);
}

static void
recorded_rows_become_tuples(void **state)
{
    static const char *const names[] = {"types_precise_avro", "types_string_avro", "types_firn_avro"};

    (void) state;
    for (size_t n = 0; n < FIRN_COUNT(names); n++) {
        avro_recording all = recording(names[n]);
        unsigned       row_count = 0, unchanged = 0;
        for (size_t i = 0; i < all.count; i++) {
            const avro_recorded *record = &all.records[i];
            dbz_avro_plan       *plan = NULL;
            firn_error           err = {0};
            dbz_event            event;
            if (!record->value.data || memchr(record->topic.data, ':', record->topic.size)) continue;
            if (record->topic.size > 2 && memcmp(record->topic.data, "__", 2) == 0) continue;
            assert_int_equal(dbz_avro_plan_new(DBZ_ROLE_ROWS, record->value_schema, &plan, &err), FIRN_OK);
            if (plan->shape == AVRO_SHAPE_ENVELOPE && plan->row) {
                FIRN_AUTO(avro_row_freep) avro_row *row = row_of(plan->row);
                const dbz_avro_record given = {NULL, plan, record->key, record->value};
                assert_int_equal(dbz_avro_event_read(&given, &event, &err), FIRN_OK);
                if (event.before.data) (void) check_row(row, plan->row, event.before);
                if (event.after.data) {
                    change_tuple whole = tuple_of(row, event.after, false);
                    unchanged += check_row(row, plan->row, event.after);
                    if (record->key.data) check_key(row, record, &whole);
                    row_count++;
                }
            }
            dbz_avro_plan_free(plan);
        }
        assert_int_equal(row_count, 42);
        // toasted: an update without its four large columns, one without three of them, a new key with all but `big`
        assert_int_equal(unchanged, 4 + 3 + 3);
    }
}

/* ---- made by hand ---- */

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define OPTIONAL(type) "[\"null\"," type "]"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"

static const avro_schema *
parse(const char *json)
{
    const avro_schema *schema = NULL;
    firn_error         err = {0};

    if (avro_schema_parse(firn_slice_text(json), "s", &arena, &schema, &err)) fail_msg("%s", err.cause);
    return schema;
}

static void
keys_are_equal_in_every_form(void **state)
{
    FIRN_AUTO(avro_row_freep) avro_row *row = row_of(parse(RECORD("v", FIELD("a", OPTIONAL("\"long\"")) "," FIELD("x", "\"float\"") "," FIELD("b", "[\"string\",\"null\"]"))));
    FIRN_AUTO(avro_row_freep) avro_row *key = NULL;
    firn_error   err = {0};
    change_tuple one, two, three;

    (void) state;
    avro_row_set_key(row, 0);
    avro_row_set_key(row, 2);
    // the key has its fields in another order, and neither may be null
    assert_int_equal(avro_row_new_of_key(parse(RECORD("k", FIELD("b", "\"string\"") "," FIELD("a", "\"int\""))), row, &key, &err), FIRN_OK);
    one = tuple_of(row, firn_slice_of("\x02\x0a\0\0\0\0\x00\x04zz", 10), true);
    two = tuple_of(key, firn_slice_of("\x04zz\x0a", 4), true);
    three = tuple_of(row, firn_slice_of("\x02\x8a\x80\x00\0\0\0\0\x00\x04zz", 12), true); // 5 in three bytes
    assert_true(firn_slice_equal(one.bytes, two.bytes));
    assert_true(firn_slice_equal(one.bytes, three.bytes));
    assert_int_equal(tuple_value_at(&one, 1).kind, TUPLE_NULL);
}

static void
put_placeholder_bytes(avro_encoder *e, int surplus)
{
    avro_put_block(e, strlen(PLACEHOLDER));
    for (size_t i = 0; i < strlen(PLACEHOLDER); i++) {
        avro_put_optional(e, true);
        avro_put_long(e, PLACEHOLDER[i] + (i == 3 ? surplus : 0));
    }
    avro_put_end(e);
}

static void
put_texts(avro_encoder *e, unsigned count, const char *text)
{
    avro_put_block(e, count);
    for (unsigned i = 0; i < count; i++) {
        avro_put_optional(e, true);
        avro_put_text(e, text);
    }
    avro_put_end(e);
}

static void
what_debezium_did_not_have(void **state)
{
    FIRN_AUTO(avro_row_freep) avro_row *row = row_of(parse(RECORD("v", FIELD("t", "\"string\"") "," FIELD("b", "\"bytes\"") ","
        FIELD("a", "{\"type\":\"array\",\"items\":" OPTIONAL("\"string\"") "}") ","
        FIELD("i", "{\"type\":\"array\",\"items\":" OPTIONAL("\"int\"") "}") ","
        FIELD("m", "{\"type\":\"map\",\"values\":" OPTIONAL("\"string\"") "}") ","
        FIELD("u", "{\"type\":\"array\",\"items\":" OPTIONAL("\"string\"") "}"))));

    (void) state;
    for (int is_true = 0; is_true < 2; is_true++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
        firn_error   err = {0};
        avro_encoder e = avro_encoder_of(&bytes, &err);
        const char  *text = is_true ? PLACEHOLDER : "__debezium_unavailable_valuf";
        change_tuple tuple;

        firn_buffer_init(&bytes, 1 << 12);
        avro_put_text(&e, text);
        avro_put_text(&e, text);
        put_texts(&e, is_true ? 1 : 2, PLACEHOLDER); // twice: somebody's own values
        put_placeholder_bytes(&e, is_true ? 0 : 1);
        avro_put_block(&e, 1);
        avro_put_text(&e, text);
        avro_put_optional(&e, true);
        avro_put_text(&e, text);
        avro_put_end(&e);
        put_texts(&e, 1, is_true ? "b68a35a7-17ad-35b3-af2a-ae46edb4545a" : "b68a35a7-17ad-35b3-af2a-ae46edb4545b");
        tuple = tuple_of(row, firn_buffer_slice(&bytes), false);
        assert_int_equal(tuple.has_unchanged, is_true);
        for (unsigned i = 0; i < 6; i++) assert_int_equal(tuple_value_at(&tuple, i).kind, is_true ? TUPLE_UNCHANGED : TUPLE_BINARY);
    }
}

static void
unions_of_several_types_are_refused(void **state)
{
    avro_row  *row = NULL;
    firn_error err = {0};

    (void) state;
    assert_int_equal(avro_row_new(parse(RECORD("v", FIELD("t", "[\"null\",\"string\",\"int\"]"))), false, PLACEHOLDER, &row, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.cause, "'t'"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_rows_become_tuples),
        cmocka_unit_test(keys_are_equal_in_every_form),
        cmocka_unit_test(what_debezium_did_not_have),
        cmocka_unit_test(unions_of_several_types_are_refused),
    };

    data_folder = argc > 1 ? argv[1] : "tests/data/debezium";
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
