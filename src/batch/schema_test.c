#include "batch/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"

static const data_type int_type = {.kind = TYPE_INT}, string_type = {.kind = TYPE_STRING};
static const data_type decimal_type = {.kind = TYPE_DECIMAL, .precision = 15, .scale = 2};
static const data_type fixed_type = {.kind = TYPE_FIXED, .size_bytes = 7};

static const schema_field point_fields[] = {{.name = "x", .required = true, .type = &int_type},
                                            {.name = "y", .type = &decimal_type, .doc = "upwards"}};
static const data_type    point = {.kind = TYPE_STRUCT, .field_count = 2, .fields = point_fields};
static const schema_field list_fields[] = {{.type = &point}};
static const data_type    points = {.kind = TYPE_LIST, .field_count = 1, .fields = list_fields};
static const schema_field map_fields[] = {{.required = true, .type = &string_type}, {.type = &points}};
static const data_type    map = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields};

static const schema_field columns[] = {
    {.name = "id", .required = true, .type = &int_type, .doc = "the key"},
    {.name = "shapes", .type = &map},
    {.name = "where", .type = &point},
    {.name = "code", .type = &fixed_type, .initial_default = "\"00\""},
};

static table_schema *
new_schema(void)
{
    static const int32_t key[] = {0};
    table_schema        *schema = NULL;
    firn_error           err = {0};

    assert_int_equal(schema_new(3, columns, FIRN_COUNT(columns), key, 1, true, &schema, &err), FIRN_OK);
    return schema;
}

/* As Iceberg's reference implementation gives ids to a new table. */
static void
ids_go_level_by_level_below_each_field(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = new_schema();
    const schema_field                    *f = schema->fields;
    (void) state;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(f[i].id, i + 1);
    }
    const data_type *shapes = f[1].type;
    assert_int_equal(shapes->fields[0].id, 5);                                 /* key */
    assert_int_equal(shapes->fields[1].id, 6);                                 /* value */
    assert_int_equal(shapes->fields[1].type->fields[0].id, 7);                 /* element */
    assert_int_equal(shapes->fields[1].type->fields[0].type->fields[0].id, 8); /* x */
    assert_int_equal(shapes->fields[1].type->fields[0].type->fields[1].id, 9);
    assert_int_equal(f[2].type->fields[0].id, 10);
    assert_int_equal(f[2].type->fields[1].id, 11);
    assert_int_equal(schema->last_field_id, 11);
    assert_int_equal(schema->key_count, 1);
    assert_int_equal(schema->key_ids[0], 1);
    assert_int_equal(schema->schema_id, 3);
}

static void
everything_is_copied_and_found(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = new_schema(), *again = NULL;
    firn_error                             err = {0};
    (void) state;

    assert_ptr_not_equal(schema->fields[0].name, columns[0].name);
    assert_string_equal(schema->fields[0].doc, "the key");
    assert_string_equal(schema->fields[3].initial_default, "\"00\"");
    assert_string_equal(schema_field_by_id(schema, 7)->name, "element");
    assert_string_equal(schema_field_by_id(schema, 5)->name, "key");
    assert_string_equal(schema_field_by_id(schema, 11)->doc, "upwards");
    assert_null(schema_field_by_id(schema, 12));
    assert_int_equal(schema_column_index(schema, "where"), 2);
    assert_int_equal(schema_column_index(schema, "Where"), -1);
    assert_int_equal(schema_column_index(schema, "x"), -1);

    /* Without new ids they stay, and the first schema is not needed any more. */
    assert_int_equal(
        schema_new(4, schema->fields, schema->field_count, schema->key_ids, schema->key_count, false, &again, &err),
        FIRN_OK);
    schema_unref(FIRN_STEAL(schema));
    assert_int_equal(again->last_field_id, 11);
    assert_int_equal(again->key_ids[0], 1);
    assert_true(data_type_equal(again->fields[1].type, &map));
    assert_false(data_type_equal(again->fields[1].type, again->fields[2].type));
    assert_false(data_type_equal(&decimal_type, &(data_type){.kind = TYPE_DECIMAL, .precision = 15, .scale = 3}));
}

static void
impossible_types_are_refused(void **state)
{
    static const data_type bad[] = {
        {.kind = TYPE_DECIMAL, .precision = 39},
        {.kind = TYPE_DECIMAL},
        {.kind = TYPE_DECIMAL, .precision = 3, .scale = 4},
        {.kind = TYPE_FIXED},
        {.kind = TYPE_LIST},
        {.kind = TYPE_MAP, .field_count = 1, .fields = list_fields},
        {.kind = TYPE_INT, .field_count = 1, .fields = list_fields},
    };
    firn_error    err = {0};
    table_schema *schema = NULL;
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        schema_field field = {.name = "bad", .type = &bad[i]};
        assert_int_equal(schema_new(0, &field, 1, NULL, 0, true, &schema, &err), FIRN_UNSUPPORTED);
        assert_null(schema);
        firn_error_reset(&err);
    }
}

static void
endless_nesting_is_refused(void **state)
{
    static data_type    lists[100];
    static schema_field elements[100];
    firn_error          err = {0};
    table_schema       *schema = NULL;
    (void) state;

    for (int i = 0; i < 100; i++) {
        elements[i] = (schema_field){.type = i == 0 ? &int_type : &lists[i - 1]};
        lists[i] = (data_type){.kind = TYPE_LIST, .field_count = 1, .fields = &elements[i]};
    }
    assert_int_equal(schema_new(0, &elements[99], 1, NULL, 0, true, &schema, &err), FIRN_UNSUPPORTED);
}

static void
types_have_names_formats_and_sizes(void **state)
{
    static const struct {
        data_type   type;
        const char *name, *arrow;
        unsigned    size;
    } cases[] = {
        {{.kind = TYPE_BOOLEAN}, "boolean", "b", 0},
        {{.kind = TYPE_INT}, "int", "i", 4},
        {{.kind = TYPE_LONG}, "long", "l", 8},
        {{.kind = TYPE_FLOAT}, "float", "f", 4},
        {{.kind = TYPE_DOUBLE}, "double", "g", 8},
        {{.kind = TYPE_DECIMAL, .precision = 9, .scale = 2}, "decimal(9, 2)", "d:9,2,32", 4},
        {{.kind = TYPE_DECIMAL, .precision = 18}, "decimal(18, 0)", "d:18,0,64", 8},
        {{.kind = TYPE_DECIMAL, .precision = 38, .scale = 38}, "decimal(38, 38)", "d:38,38", 16},
        {{.kind = TYPE_DATE}, "date", "tdD", 4},
        {{.kind = TYPE_TIME}, "time", "ttu", 8},
        {{.kind = TYPE_TIMESTAMP}, "timestamp", "tsu:", 8},
        {{.kind = TYPE_TIMESTAMPTZ}, "timestamptz", "tsu:UTC", 8},
        {{.kind = TYPE_STRING}, "string", "u", 0},
        {{.kind = TYPE_UUID}, "uuid", "w:16", 16},
        {{.kind = TYPE_FIXED, .size_bytes = 7}, "fixed[7]", "w:7", 7},
        {{.kind = TYPE_BINARY}, "binary", "z", 0},
    };
    firn_error err = {0};
    char       format[32];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 100};
        assert_int_equal(data_type_format(&cases[i].type, &out, &err), FIRN_OK);
        assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
        assert_string_equal((const char *) out.data, cases[i].name);
        data_type_arrow_format(&cases[i].type, format);
        assert_string_equal(format, cases[i].arrow);
        assert_int_equal(data_type_value_size(&cases[i].type), cases[i].size);
        assert_false(type_is_nested(cases[i].type.kind));
    }
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 100};
    assert_int_equal(data_type_format(&map, &out, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out.data, "map<string, list<struct<x: int, y: decimal(15, 2)>>>");
}

static void
exported_schema_has_field_ids_and_movable_children(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = new_schema();
    struct ArrowSchema                     arrow, moved;
    firn_error                             err = {0};
    (void) state;

    assert_int_equal(schema_export(schema, &arrow, &err), FIRN_OK);

    assert_string_equal(arrow.format, "+s");
    assert_int_equal(arrow.n_children, 4);
    assert_string_equal(arrow.children[0]->name, "id");
    assert_int_equal(arrow.children[0]->flags, 0);
    assert_memory_equal(arrow.children[0]->metadata,
                        "\1\0\0\0\x10\0\0\0PARQUET:field_id\1\0\0\0"
                        "1",
                        29);
    const struct ArrowSchema *shapes = arrow.children[1];
    assert_string_equal(shapes->format, "+m");
    assert_int_equal(shapes->flags, ARROW_FLAG_NULLABLE);
    assert_int_equal(shapes->n_children, 1);
    assert_string_equal(shapes->children[0]->name, "key_value");
    assert_string_equal(shapes->children[0]->format, "+s");
    assert_int_equal(shapes->children[0]->children[0]->flags, 0);
    assert_string_equal(shapes->children[0]->children[1]->children[0]->name, "element");

    moved = *arrow.children[1];
    arrow.children[1]->release = NULL;
    arrow.release(&arrow);
    assert_null(arrow.release);
    assert_string_equal(moved.name, "shapes");
    assert_string_equal(moved.children[0]->children[0]->name, "key");
    moved.release(&moved);
}

static firn_status
make_and_export(firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    struct ArrowSchema                     arrow;

    FIRN_TRY(schema_new(1, columns, FIRN_COUNT(columns), (const int32_t[]){0}, 1, true, &schema, err));
    FIRN_TRY(schema_export(schema, &arrow, err));
    arrow.release(&arrow);
    return FIRN_OK;
}

static void
every_failing_allocation_is_reported(void **state)
{
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;
    firn_error  err = {0};
    (void) state;

    while (status == FIRN_NO_MEMORY) {
        firn_error_reset(&err);
        firn_alloc_fail_at(++nth, 0);
        status = make_and_export(&err);
    }
    firn_alloc_fail_at(0, 0);
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_go_level_by_level_below_each_field),
        cmocka_unit_test(everything_is_copied_and_found),
        cmocka_unit_test(impossible_types_are_refused),
        cmocka_unit_test(endless_nesting_is_refused),
        cmocka_unit_test(types_have_names_formats_and_sizes),
        cmocka_unit_test(exported_schema_has_field_ids_and_movable_children),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
