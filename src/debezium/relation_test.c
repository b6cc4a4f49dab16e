#include "debezium/relation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tests/support/debezium_records.h"
#include "base/file.h"
#include "debezium/row_shape.h"

static const char *data_folder;

static dbz_table *
new_table(const char *name)
{
    firn_error         err = {0};
    dbz_table         *table;
    dbz_table_settings settings = {.schema = "public", .name = name, .id = 7};
    assert_int_equal(dbz_table_new(&settings, &table, &err), FIRN_OK);
    return table;
}

/* "insert old(…) new(…)": values as they stand in the tuples, '-' null, '~' unchanged. */
static void
add_tuple(firn_buffer *out, const char *name, const change_tuple *tuple)
{
    firn_error     err = {0};
    const uint8_t *at = tuple->bytes.data;
    if (!at) return;
    assert_int_equal(firn_buffer_printf(out, &err, " %s(", name), FIRN_OK);
    for (unsigned i = 0; i < tuple->column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        firn_slice text = value.kind == TUPLE_NULL ? firn_slice_text("-") : value.kind == TUPLE_UNCHANGED ? firn_slice_text("~") : value.bytes;
        assert_int_equal(firn_buffer_printf(out, &err, "%s%.*s", i ? "," : "", (int) (text.size < 24 ? text.size : 24), (const char *) text.data),
                         FIRN_OK);
    }
    assert_ptr_equal(at, tuple->bytes.data + tuple->bytes.size);
    assert_int_equal(firn_buffer_printf(out, &err, ")"), FIRN_OK);
}

static void
add_change(firn_buffer *out, const change *c)
{
    static const char *const ops[] = {"insert", "update", "delete", "truncate"};
    firn_error err = {0};
    assert_int_equal(firn_buffer_printf(out, &err, "%s%s", ops[c->op], c->old_is_key ? " by key" : ""), FIRN_OK);
    add_tuple(out, "old", &c->old);
    add_tuple(out, "new", &c->new);
    assert_int_equal(firn_buffer_printf(out, &err, "\n"), FIRN_OK);
}

static unsigned fitting_count;

static void
assert_same_tuple(const change_tuple *a, const change_tuple *b)
{
    assert_int_equal(a->bytes.data != NULL, b->bytes.data != NULL);
    if (!a->bytes.data) return;
    assert_int_equal(a->column_count, b->column_count);
    assert_int_equal(a->has_unchanged, b->has_unchanged);
    assert_int_equal(a->bytes.size, b->bytes.size);
    assert_memory_equal(a->bytes.data, b->bytes.data, a->bytes.size);
}

/* What the shape makes of an event that fits is what the table makes of it, and the table learns nothing from it. */
static void
check_shape(dbz_table *table, const dbz_row_shape *shape, const dbz_event *event, firn_status status, const change *made)
{
    change c;

    if (!shape) return;
    uint8_t *room = malloc(dbz_row_shape_room(shape, event));
    if (dbz_row_shape_change(shape, event, room, &c)) {
        fitting_count++;
        assert_int_equal(status, FIRN_OK);
        assert_int_equal(dbz_table_shape_id(table), shape->id);
        assert_ptr_equal(c.relation, made->relation);
        assert_true(c.op == made->op && c.old_is_key == made->old_is_key && c.may_exist == made->may_exist);
        assert_same_tuple(&c.old, &made->old);
        assert_same_tuple(&c.new, &made->new);
    }
    free(room);
}

static firn_status
take(dbz_table *table, dbz_record record, firn_buffer *out, firn_error *err)
{
    dbz_event event;
    change    c;
    record.known_key_schema = dbz_table_key_schema(table);
    record.known_value_schema = dbz_table_value_schema(table);
    FIRN_TRY(dbz_event_read(&record, &event, err));
    if (event.kind > DBZ_TRUNCATE) return FIRN_OK;
    uint8_t    *room = malloc(dbz_table_room(table, &event));
    dbz_row_shape *before;
    assert_int_equal(dbz_table_shape(table, &before, err), FIRN_OK);
    if (before) dbz_row_shape_ref(before);
    firn_status status = dbz_table_change(table, &event, room, &c, err);
    check_shape(table, before, &event, status, &c);
    dbz_row_shape_unref(before);
    if (!status) {
        /* A change of a relation that nobody has seen before is announced by its pointer. */
        assert_ptr_equal(c.relation, dbz_table_relation(table) ? &dbz_table_relation(table)->base : NULL);
        if (c.old.bytes.data) assert_int_equal(c.old.column_count, c.relation->column_count);
        if (c.new.bytes.data) assert_int_equal(c.new.column_count, c.relation->column_count);
        add_change(out, &c);
    }
    free(room);
    return status;
}

static void
read_recording(const char *name, const char *table_name, firn_buffer *out, unsigned *ret_shapes)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table(table_name);
    firn_error       err = {0};
    char             path[4096];
    recorded_record  record;
    change_relation *last = NULL;
    snprintf(path, sizeof path, "%s/%s.jsonl", data_folder, name);
    firn_buffer_init(&text, (size_t) 1 << 24);
    firn_buffer_init(out, (size_t) 1 << 20);
    assert_int_equal(file_read(path, &text, &err), FIRN_OK);
    *ret_shapes = 0;
    for (firn_slice rest = firn_buffer_slice(&text); recorded_record_next(&rest, &record);) {
        if (!firn_slice_equal(recorded_table(record.topic), firn_slice_text(table_name))) continue;
        if (take(table, (dbz_record){.key = record.key, .value = record.value}, out, &err)) fail_msg("%s", err.cause);
        change_relation *now = dbz_table_relation(table) ? &dbz_table_relation(table)->base : NULL;
        *ret_shapes += now != last;
        if (now) change_relation_ref(now); /* an address is not used again while it is compared */
        if (last) change_relation_unref(last);
        last = now;
    }
    if (last) change_relation_unref(last);
    assert_int_equal(firn_buffer_add_byte(out, 0, &err), FIRN_OK);
}

static void
assert_recording(const char *name, const char *table, unsigned shapes, const char *wanted)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    unsigned seen;
    read_recording(name, table, &out, &seen);
    assert_string_equal((const char *) out.data, wanted);
    assert_int_equal(seen, shapes);
}

static void
test_keyed_table(void **state)
{
    (void) state;
    const char *wanted = "insert new(1,\"a\",\"first\")\ninsert new(1,\"b\",\"second\")\nupdate new(1,\"a\",\"plain update\")\n"
                         "delete by key old(1,\"b\",-)\ninsert new(1,\"z\",\"second\")\ndelete by key old(1,\"z\",-)\n"
                         "insert new(2,\"z\",\"key and value\")\ndelete by key old(1,\"a\",-)\ninsert new(50,\"a\",\"plain update\")\n"
                         "delete by key old(50,\"a\",-)\ninsert new(1,\"a\",\"plain update\")\ndelete by key old(1,\"a\",-)\n"
                         "insert new(1,\"a\",\"again\")\ninsert new(10,\"kept\",-)\ninsert new(12,\"after\",\"\")\ndelete by key old(2,\"z\",-)\n";
    assert_recording("types_precise", "keychange", 1, wanted);
    assert_recording("types_precise_schemas", "keychange", 1, wanted);
}

static void
test_table_without_key(void **state)
{
    (void) state;
    const char *wanted = "insert new(1,\"x\")\ninsert new(1,\"x\")\ninsert new(-,-)\nupdate old(1,\"x\") new(1,\"y\")\n"
                         "update old(1,\"x\") new(1,\"y\")\ndelete old(-,-)\n";
    assert_recording("types_string", "nokey", 1, wanted);
    assert_recording("types_precise_schemas", "nokey", 1, wanted);
}

static void
test_unchanged_values(void **state)
{
    (void) state;
    assert_recording("types_precise", "toasted", 1,
                     "insert new(1,\"01234567890123456789012,\"{\\\"k1\\\": \\\"c4ca4238a0b9,\"AP8A/wD/AP8A/wD/AP8A/wD,[\"c4ca4238a0b923820dcc50,1)\n"
                     "update new(1,~,~,~,~,2)\nupdate new(1,\"short now\",~,~,~,2)\ndelete by key old(1,-,-,-,-,-)\n"
                     "insert new(3,\"short now\",~,~,~,2)\ndelete by key old(3,-,-,-,-,-)\n"
                     "insert new(5,\"abcdefghijabcdefghijabc,-,-,-,1)\nupdate new(5,\"abcdefghijabcdefghijabc,-,-,-,2)\n"
                     "delete by key old(5,-,-,-,-,-)\n");
}

static void
test_truncate_and_names(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    unsigned shapes;
    assert_recording("types_options", "trunc_me", 1,
                     "insert new(1,\"v1\")\ninsert new(2,\"v2\")\ninsert new(3,\"v3\")\ntruncate\ninsert new(1,\"after truncate\")\n");
    read_recording("types_options", "generated_cols", &out, &shapes);
    assert_int_equal(shapes, 1);
    FIRN_AUTO(firn_buffer_done) firn_buffer all = {0};
    read_recording("types_precise", "alltypes", &all, &shapes);
    assert_int_equal(shapes, 4); /* as made, with a new column, one renamed, and back */
    firn_buffer_done(&all);
    read_recording("types_precise_schemas", "alltypes", &all, &shapes);
    assert_int_equal(shapes, 4);
    assert_true(fitting_count > 20);
}

/* ---- made by hand ---- */

#define SOURCE ",\"source\":{\"connector\":\"postgresql\",\"lsn\":5}"

static const char *
change_text(dbz_table *table, const char *key, const char *value)
{
    static firn_buffer out;
    firn_error         err = {0};
    dbz_record         record = {.key = firn_slice_text(key), .value = firn_slice_text(value)};
    firn_buffer_done(&out);
    firn_buffer_init(&out, 4096);
    if (take(table, record, &out, &err)) {
        firn_error ignored = {0};
        assert_int_equal(firn_buffer_printf(&out, &ignored, "%s", err.cause), FIRN_OK);
    }
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    return (const char *) out.data;
}

static void
test_keys_have_one_spelling(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table("t");
    const char *key = "{\"k\":\"x\"}";
    assert_string_equal(change_text(table, key, "{\"op\":\"c\",\"after\":{\"k\":\"\\u0041\\/\\u00e9\\n\\u000a\\u0001\\\"\\u005c\",\"v\":\"\\u0041\"}" SOURCE "}"),
                        "insert new(\"A/\xc3\xa9\\n\\n\\u0001\\\"\\\\\",\"\\u0041\")\n");
    assert_string_equal(change_text(table, key, "{\"op\":\"c\",\"after\":{\"k\":\"\\ud83d\\ude00\",\"v\":null}" SOURCE "}"),
                        "insert new(\"\xf0\x9f\x98\x80\",-)\n");
    assert_string_equal(change_text(table, "{\"k\":\"\\u0041\"}", "{\"op\":\"d\",\"before\":null" SOURCE "}"), "delete by key old(\"A\",-)\n");
}

static void
test_forms_of_unavailable_values(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table("t");
    const char *forms[] = {
        "\"__debezium_unavailable_value\"",
        "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"",
        "\"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565\"",
        "[\"__debezium_unavailable_value\"]",
        "[\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"]",
        "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]",
        "{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}",
        "\"{\\\"__debezium_unavailable_value\\\":\\\"__debezium_unavailable_value\\\"}\"",
        "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]",
    };
    for (size_t i = 0; i < FIRN_COUNT(forms); i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"op\":\"u\",\"after\":{\"k\":1,\"v\":%s}" SOURCE "}", forms[i]);
        assert_string_equal(change_text(table, "{\"k\":1}", text), "update new(1,~)\n");
        snprintf(text, sizeof text, "{\"op\":\"r\",\"after\":{\"k\":1,\"v\":%s}" SOURCE "}", forms[i]);
        assert_null(strchr(change_text(table, "{\"k\":1}", text), '~')); /* a snapshot has every value */
    }
}

static void
test_forms_of_another_placeholder(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    firn_error         err = {0};
    dbz_table_settings settings = {.schema = "public", .name = "t", .id = 7, .unavailable = "__toasted__"};
    if (dbz_table_new(&settings, &table, &err)) fail_msg("%s", err.cause);
    const char *forms[] = {"\"__toasted__\"", "[\"__toasted__\"]", "[\"c04e9c05-54d7-3edc-996a-1ce7bc7fc20c\"]"};
    for (size_t i = 0; i < FIRN_COUNT(forms); i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"op\":\"u\",\"after\":{\"k\":1,\"v\":%s}" SOURCE "}", forms[i]);
        assert_string_equal(change_text(table, "{\"k\":1}", text), "update new(1,~)\n");
    }
    const char *values[] = {"\"__debezium_unavailable_value\"", "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]"};
    for (size_t i = 0; i < FIRN_COUNT(values); i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"op\":\"u\",\"after\":{\"k\":1,\"v\":%s}" SOURCE "}", values[i]);
        assert_null(strchr(change_text(table, "{\"k\":1}", text), '~'));
    }
}

static void
test_flattened_rows(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table("t");
    assert_string_equal(change_text(table, "{\"k\":1}", "{\"k\":1,\"v\":\"x\",\"__op\":\"c\",\"__deleted\":\"false\",\"__source_lsn\":5}"),
                        "insert new(1,\"x\")\n");
    assert_int_equal(dbz_table_relation(table)->base.column_count, 2);
    assert_string_equal(change_text(table, "{\"k\":1}", "{\"k\":1,\"v\":\"\",\"__op\":\"d\",\"__deleted\":\"true\",\"__source_lsn\":5}"),
                        "delete by key old(1,-)\n");
}

/* ByLogicalTableRouter puts the table's name into the key, which is none of the table's columns. */
static void
test_routed_keys(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table("t");
    const char *key = "{\"k\":1,\"__dbz__physicalTableIdentifier\":\"dev.public.t\"}";
    assert_string_equal(change_text(table, key, "{\"op\":\"c\",\"after\":{\"k\":1,\"a\":2}" SOURCE "}"), "insert new(1,2)\n");
    change_relation *first = &dbz_table_relation(table)->base;
    assert_int_equal(first->key_count, 1);
    assert_string_equal(change_text(table, key, "{\"op\":\"u\",\"after\":{\"k\":1,\"a\":3}" SOURCE "}"), "update new(1,3)\n");
    assert_string_equal(change_text(table, key, "{\"op\":\"d\",\"before\":null" SOURCE "}"), "delete by key old(1,-)\n");
    assert_ptr_equal(first, &dbz_table_relation(table)->base);
}

static void
test_shapes_that_do_not_fit(void **state)
{
    (void) state;
    FIRN_AUTO(dbz_table_freep) dbz_table *table = new_table("t");
    assert_non_null(strstr(change_text(table, "{\"k\":1}", "{\"op\":\"d\",\"before\":null" SOURCE "}"), "before any row"));
    assert_non_null(strstr(change_text(table, "{\"k\":1}", "{\"op\":\"c\",\"after\":{\"a\":1}" SOURCE "}"), "lacks columns of its key"));
    assert_string_equal(change_text(table, "{\"k\":1}", "{\"op\":\"c\",\"after\":{\"k\":1,\"a\":2}" SOURCE "}"), "insert new(1,2)\n");
    assert_non_null(strstr(change_text(table, "{\"j\":1}", "{\"op\":\"d\",\"before\":null" SOURCE "}"), "key of other columns"));
    /* Another key is another shape. */
    change_relation *first = change_relation_ref(&dbz_table_relation(table)->base);
    assert_string_equal(change_text(table, "{\"a\":2}", "{\"op\":\"c\",\"after\":{\"k\":1,\"a\":2}" SOURCE "}"), "insert new(1,2)\n");
    assert_ptr_not_equal(first, &dbz_table_relation(table)->base);
    change_relation_unref(first);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyed_table),
        cmocka_unit_test(test_table_without_key),
        cmocka_unit_test(test_unchanged_values),
        cmocka_unit_test(test_truncate_and_names),
        cmocka_unit_test(test_keys_have_one_spelling),
        cmocka_unit_test(test_forms_of_unavailable_values),
        cmocka_unit_test(test_forms_of_another_placeholder),
        cmocka_unit_test(test_flattened_rows),
        cmocka_unit_test(test_routed_keys),
        cmocka_unit_test(test_shapes_that_do_not_fit),
    };
    data_folder = argc > 1 ? argv[1] : "tests/data/debezium";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
