#include "debezium/avro_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "avro/avro_encoder.h"
#include "avro/avro_schema_text.h"
#include "debezium/avro_event.h"
#include "debezium/form_avro.h"

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define OPTIONAL(type) "[\"null\"," type "]"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define ENVELOPE(fields) \
    RECORD("s.t.Envelope", FIELD("before", OPTIONAL(RECORD("Value", fields))) "," FIELD("after", OPTIONAL("\"Value\"")) "," \
           FIELD("source", RECORD("Source", FIELD("connector", "\"string\"") "," FIELD("lsn", "\"long\""))) "," FIELD("op", "\"string\""))
#define DECIMAL \
    "{\"type\":\"bytes\",\"scale\":2,\"precision\":10,\"logicalType\":\"decimal\",\"connect.name\":\"org.apache.kafka.connect.data.Decimal\"," \
    "\"connect.parameters\":{\"scale\":\"2\"}}"

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

static dbz_avro_plan *
plan_of(const char *json)
{
    dbz_avro_plan *plan = NULL;
    firn_error     err = {0};

    if (dbz_avro_plan_new(DBZ_ROLE_ROWS, parse(json), &plan, &err)) fail_msg("%s", err.cause);
    return plan;
}

static const char *
text_of(const avro_schema *schema)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error err = {0};

    firn_buffer_init(&text, 1 << 20);
    if (avro_schema_add_text(schema, &text, &err)) fail_msg("%s", err.cause);
    return firn_arena_text(&arena, firn_buffer_slice(&text));
}

static void
a_schemas_text_says_the_same_again(void **state)
{
    const char *json = RECORD("a.r", FIELD("d", OPTIONAL(DECIMAL)) "," FIELD("e", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"x\"]}") ","
                              FIELD("f", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}") "," FIELD("m", "{\"type\":\"map\",\"values\":\"e\"}") ","
                              FIELD("l", "{\"type\":\"array\",\"items\":[\"null\",\"r\"]}") ","
                              FIELD("n", "{\"type\":\"int\",\"connect.default\":7}"));
    const char *once = text_of(parse(json)), *twice = text_of(parse(once));

    (void) state;
    assert_string_equal(once, twice);
    assert_non_null(strstr(once, "\"connect.default\":7"));
    assert_non_null(strstr(once, "\"values\":\"a.e\""));
    // a part of it is whole by itself
    assert_non_null(strstr(text_of(parse(json)->fields[3].type), "\"symbols\":[\"x\"]"));
}

static void
types_of_types_have_a_limit(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0}, json = {0};
    firn_error err = {0};

    (void) state;
    firn_buffer_init(&text, 1 << 20);
    firn_buffer_init(&json, 1 << 20);
    // side by side in the schema, each of the one before: within each other in the text of the last
    assert_int_equal(firn_buffer_add_text(&json, "[\"null\"", &err), FIRN_OK);
    for (int i = 0; i < 100; i++) {
        char before[16] = "int";
        if (i) (void) snprintf(before, sizeof before, "r%d", i - 1);
        assert_int_equal(firn_buffer_printf(&json, &err, ",{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"a\",\"type\":\"%s\"}]}", i,
                                            before), FIRN_OK);
    }
    assert_int_equal(firn_buffer_add(&json, "]", 2, &err), FIRN_OK);

    const avro_schema *schema = parse((const char *) json.data);

    assert_int_equal(avro_schema_add_text(schema->branches[100], &text, &err), FIRN_CORRUPT);
}

static dbz_form
form_of(const char *json)
{
    dbz_form   form;
    firn_error err = {0};

    if (form_avro_read(parse(json), &arena, &form, &err)) fail_msg("%s", err.cause);
    return form;
}

static void
forms_of_types(void **state)
{
    dbz_form form = form_of(OPTIONAL(DECIMAL));

    (void) state;
    assert_int_equal(form.kind, DBZ_FORM_DECIMAL);
    assert_int_equal(form.scale, 2);
    assert_true(form.is_optional);
    form = form_of("{\"type\":\"long\",\"connect.name\":\"io.debezium.time.MicroTimestamp\"}");
    assert_int_equal(form.kind, DBZ_FORM_TIMESTAMP);
    assert_int_equal(form.unit_ns, 1000);
    form = form_of("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"); // no metadata of Connect
    assert_int_equal(form.kind, DBZ_FORM_TIMESTAMP);
    assert_int_equal(form.unit_ns, 1000000);
    form = form_of("{\"type\":\"bytes\",\"connect.name\":\"io.debezium.data.Bits\",\"connect.parameters\":{\"length\":\"12\"}}");
    assert_int_equal(form.length, 12);
    form = form_of("{\"type\":\"array\",\"items\":" OPTIONAL("\"string\"") "}");
    assert_int_equal(form.kind, DBZ_FORM_ARRAY);
    assert_int_equal(form.children[0].kind, DBZ_FORM_TEXT);
    form = form_of("{\"type\":\"map\",\"values\":" OPTIONAL("\"string\"") "}");
    assert_int_equal(form.kind, DBZ_FORM_MAP);
    assert_int_equal(form.child_count, 2);
}

static void
defaults_that_a_null_may_be(void **state)
{
    static const struct {
        const char *type, *bytes;
        size_t      size;
    } defaults[] = {
        {"[{\"type\":\"int\",\"connect.default\":7},\"null\"]", "\x0e", 1},
        {"[{\"type\":\"string\",\"connect.default\":\"x\"},\"null\"]", "x", 1},
        {"[{\"type\":\"boolean\",\"connect.default\":true},\"null\"]", "\x01", 1},
        {"[{\"type\":\"bytes\",\"connect.default\":\"\\u0001\\u00ff\"},\"null\"]", "\x01\xff", 2},
        {"[{\"type\":\"double\",\"connect.default\":1.5},\"null\"]", "\0\0\0\0\0\0\xf8\x3f", 8},
    };

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(defaults); i++) {
        dbz_form form = form_of(defaults[i].type);
        assert_true(form.replaces_null);
        assert_true(firn_slice_equal(form.default_value, firn_slice_of(defaults[i].bytes, defaults[i].size)));
    }
    assert_false(form_of("{\"type\":\"int\",\"connect.default\":7}").replaces_null); // is never null
}

/* ---- tables ---- */

static change
change_of(dbz_table *table, const dbz_avro_record *record)
{
    dbz_event  event;
    change     made;
    firn_error err = {0};

    if (dbz_avro_event_read(record, &event, &err)) fail_msg("%s", err.cause);
    uint8_t *room = firn_arena_alloc(&arena, dbz_table_room(table, &event));
    if (dbz_table_change(table, &event, room, &made, &err)) fail_msg("%s", err.cause);
    return made;
}

static firn_slice
insert_of(int id, const char *v)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error   err = {0};
    avro_encoder e = avro_encoder_of(&bytes, &err);

    firn_buffer_init(&bytes, 1 << 10);
    avro_put_optional(&e, false);
    avro_put_optional(&e, true);
    avro_put_long(&e, id);
    avro_put_optional(&e, true);
    avro_put_text(&e, v);
    avro_put_text(&e, "postgresql");
    avro_put_long(&e, 100);
    avro_put_text(&e, "c");
    return firn_slice_of(firn_arena_text(&arena, firn_buffer_slice(&bytes)), bytes.size);
}

#define COLUMNS FIELD("id", "\"int\"") "," FIELD("v", OPTIONAL("\"string\""))

static void
an_equal_schema_is_the_same_relation(void **state)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *key = plan_of(RECORD("Key", FIELD("id", "\"int\"")));
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *one = plan_of(ENVELOPE(COLUMNS));
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *same = plan_of(ENVELOPE(COLUMNS));
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *other = plan_of(ENVELOPE(FIELD("id", "\"int\"") "," FIELD("v", OPTIONAL("{\"type\":\"string\",\"connect.name\":\"io.debezium.data.Json\"}"))));
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    firn_error               err = {0};
    const dbz_table_settings settings = {.schema = "s", .name = "t"};
    dbz_avro_record          record = {key, one, firn_slice_of("\x0e", 1), insert_of(7, "x")};
    change                   made;

    (void) state;
    assert_int_equal(dbz_table_new(&settings, &table, &err), FIRN_OK);
    made = change_of(table, &record);
    change_relation *first = change_relation_ref(made.relation);
    assert_int_equal(first->column_count, 2);
    assert_string_equal(first->columns[1].name, "v");
    assert_true(first->columns[0].is_key && !first->columns[1].is_key);
    assert_true(dbz_relation_of(first)->is_avro);
    record.plan = same; // another id of the registry for the same columns
    made = change_of(table, &record);
    assert_ptr_equal(made.relation, first);
    assert_true(firn_slice_equal(tuple_value_at(&made.new, 1).bytes, firn_slice_text("x")));
    record.plan = other; // the same bytes, but of another meaning
    made = change_of(table, &record);
    assert_ptr_not_equal(made.relation, first);
    change_relation_unref(first);
}

static void
a_delete_may_have_its_key_only(void **state)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *key = plan_of(RECORD("Key", FIELD("id", "\"int\"")));
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *value = plan_of(ENVELOPE(COLUMNS));
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    firn_error               err = {0};
    const dbz_table_settings settings = {.schema = "s", .name = "t"};
    const dbz_avro_record    removed = {key, value, firn_slice_of("\x0e", 1), firn_slice_of("\0\0\x14postgresql\x02\x02" "d", 16)};
    const dbz_avro_record    added = {key, value, firn_slice_of("\x0e", 1), insert_of(7, "x")};
    change                   made;

    (void) state;
    assert_int_equal(dbz_table_new(&settings, &table, &err), FIRN_OK);
    made = change_of(table, &removed); // also before any row was seen: the schema says the columns
    assert_int_equal(made.op, CHANGE_DELETE);
    assert_true(made.old_is_key);
    firn_slice id = tuple_value_at(&made.old, 0).bytes;
    assert_int_equal(tuple_value_at(&made.old, 1).kind, TUPLE_NULL);
    made = change_of(table, &added);
    assert_true(firn_slice_equal(tuple_value_at(&made.new, 0).bytes, id));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schemas_text_says_the_same_again),
        cmocka_unit_test(types_of_types_have_a_limit),
        cmocka_unit_test(forms_of_types),
        cmocka_unit_test(defaults_that_a_null_may_be),
        cmocka_unit_test(an_equal_schema_is_the_same_relation),
        cmocka_unit_test(a_delete_may_have_its_key_only),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
