/* debezium/avro_event.h, avro_row.h, avro_value.c: a schema's line, then a record's bytes: an event or a status; its rows
 * become tuples that fit into their room and can be walked, and their values go into columns of every type or fail. */
#include <stdlib.h>

#include "debezium/avro_event.h"
#include "debezium/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS_DECODED 12

static const data_type    text_type = {.kind = TYPE_STRING}, int_type = {.kind = TYPE_INT};
static const schema_field element_field = {.name = "element", .type = &int_type};
static const schema_field pair_fields[2] = {{.name = "key", .type = &text_type, .required = true}, {.name = "value", .type = &text_type}};
static const schema_field struct_fields[2] = {{.name = "x", .type = &int_type}, {.name = "value", .type = &text_type}};

static const data_type types[] = {
    {.kind = TYPE_STRING},
    {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10},
    {.kind = TYPE_TIMESTAMPTZ},
    {.kind = TYPE_DATE},
    {.kind = TYPE_BINARY},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_LONG},
    {.kind = TYPE_LIST, .field_count = 1, .fields = &element_field},
    {.kind = TYPE_MAP, .field_count = 2, .fields = pair_fields},
    {.kind = TYPE_STRUCT, .field_count = 2, .fields = struct_fields},
};

static void
check_framing(const change_tuple *tuple, const uint8_t *room, size_t size)
{
    const uint8_t *at = tuple->bytes.data;

    if (!at) return;
    for (unsigned i = 0; i < tuple->column_count; i++) at = tuple_value_skip(at);
    if (at != tuple->bytes.data + tuple->bytes.size || at > room + size) abort();
}

static void
decode(const change *c, unsigned column, const data_type *type)
{
    FIRN_AUTO(row_decoder_freep) row_decoder *decoder = NULL;
    schema_field       field = {.name = c->relation->columns[column].name, .type = type};
    source_description description = {0};
    table_rules        rules = {.policy = POLICY_NULL};
    dbz_decoding       decoding = {.rules = &rules, .modes.nulls_become_defaults = true};
    batch              rows = {0};
    firn_error         err = {0};

    if (schema_new(0, &field, 1, NULL, 0, true, &description.schema, &err)) return; // two columns of a name, an odd one
    if (dbz_decoder_new(&description, c->relation, &decoding, &decoder, &err) == FIRN_OK) {
        bool is_there = row_decoder_append(decoder, &c->new, &err) == FIRN_OK;
        firn_error_reset(&err);
        if (row_decoder_take(decoder, &rows, &err)) abort();
        if ((rows.array.release != NULL) != is_there) abort();
        batch_done(&rows);
    }
    schema_unref(description.schema);
}

static void
change_rows(const dbz_event *event, size_t input_size)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    const dbz_table_settings settings = {.schema = "s", .name = "t"};
    firn_error               err = {0};
    change                   c;

    if (dbz_table_new(&settings, &table, &err)) abort();

    size_t   room_size = dbz_table_room(table, event);
    uint8_t *room = malloc(room_size ? room_size : 1);

    if (room && dbz_table_change(table, event, room, &c, &err) == FIRN_OK) {
        check_framing(&c.old, room, room_size);
        check_framing(&c.new, room, room_size);
        for (unsigned i = 0; c.new.bytes.data && i < c.relation->column_count && i < COLUMNS_DECODED; i++)
            decode(&c, i, &types[(input_size + i) % FIRN_COUNT(types)]);
    }
    free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const uint8_t     *line_end = size ? memchr(data, '\n', size) : NULL;
    const avro_schema *schema;
    firn_error         err = {0};

    if (!line_end) return 0;
    firn_arena_init(&arena, (size_t) 64 << 20);
    if (avro_schema_parse(firn_slice_of(data, (size_t) (line_end - data)), "fuzz", &arena, &schema, &err)) return 0;

    firn_slice bytes = firn_slice_of(line_end + 1, (size_t) (data + size - line_end) - 1);

    for (int role = DBZ_ROLE_ROWS; role <= DBZ_ROLE_SCHEMA_CHANGES; role++) {
        FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = NULL;
        dbz_event event;
        firn_error_reset(&err);
        if (dbz_avro_plan_new((dbz_role) role, schema, &plan, &err)) continue;
        const dbz_avro_record record = {NULL, plan, {0}, bytes};
        if (dbz_avro_event_read(&record, &event, &err) == FIRN_OK && event.kind <= DBZ_TRUNCATE) change_rows(&event, size);
    }
    return 0;
}
