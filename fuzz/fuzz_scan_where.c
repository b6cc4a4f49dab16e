/* scan/scan_where.h: any text is a predicate that rows can be asked by, or an error that says where. */
#include "scan/scan_where.h"

#include <stdlib.h>

#include "batch/column_builder.h"

#define MEMORY_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const data_type    types[] = {{.kind = TYPE_LONG},      {.kind = TYPE_STRING}, {.kind = TYPE_DOUBLE},
                                     {.kind = TYPE_DECIMAL, .precision = 38, .scale = 4}, {.kind = TYPE_BOOLEAN},
                                     {.kind = TYPE_DATE},      {.kind = TYPE_TIMESTAMPTZ}, {.kind = TYPE_UUID},
                                     {.kind = TYPE_BINARY},    {.kind = TYPE_INT}};
static const char *const  names[] = {"l", "s", "d", "n", "b", "day", "t", "u", "x", "i"};
static const schema_field inner = {.id = 100, .name = "a", .type = &types[0]};
static const data_type    nested = {.kind = TYPE_STRUCT, .field_count = 1, .fields = &inner};

static table_schema *
make_schema(void)
{
    schema_field  fields[FIRN_COUNT(types) + 1];
    table_schema *schema = NULL;
    firn_error    err = {0};

    for (unsigned i = 0; i < FIRN_COUNT(types); i++)
        fields[i] = (schema_field){.id = (int32_t) i + 1, .name = names[i], .type = &types[i]};
    fields[FIRN_COUNT(types)] = (schema_field){.id = 99, .name = "st", .type = &nested};
    if (schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err)) abort();
    return schema;
}

/* One row of nulls: only IS NULL can hold, and no evaluation may stumble. */
static void
ask_nulls(const scan_predicate *where, table_schema *schema)
{
    column_builder             *columns[FIRN_COUNT(types) + 1];
    FIRN_AUTO(batch_done) batch rows = {0};
    firn_error                  err = {0};
    uint8_t                     keep[1];

    for (unsigned i = 0; i < schema->field_count; i++) {
        if (column_builder_new(schema->fields[i].type, 1 << 16, &columns[i], &err)) abort();
        if (column_add_null(columns[i], &err)) abort();
    }
    if (batch_from_builders(schema, columns, &rows, &err)) abort();
    for (unsigned i = 0; i < schema->field_count; i++) column_builder_free(columns[i]);
    if (scan_predicate_rows(where, schema, &rows.array, keep, &err)) abort();
    if (keep[0] > 1) abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema();
    FIRN_AUTO(firn_arena_done) firn_arena  arena;
    const scan_predicate                  *where = NULL;
    firn_error                             err = {0};

    firn_arena_init(&arena, MEMORY_MAX);
    char *text = firn_arena_text(&arena, firn_slice_of(data, size));
    if (text && scan_where_parse(text, schema, &arena, &where, &err) == FIRN_OK) ask_nulls(where, schema);
    return 0;
}
