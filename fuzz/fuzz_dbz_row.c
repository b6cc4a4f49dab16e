/* debezium/relation.h, debezium/decoder.h: the first two bytes choose the connector's modes and the type that the source is
 * said to have for the column `v`; then a key, a newline, an envelope. Tuples are framed soundly and fit their room; a row
 * that fails leaves nothing behind in the batch. */
#include "debezium/decoder.h"
#include "debezium/row_shape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const data_type    text_type = {.kind = TYPE_STRING}, int_type = {.kind = TYPE_INT};
static const schema_field element_field = {.name = "element", .type = &int_type};
static const schema_field pair_fields[2] = {{.name = "key", .type = &text_type, .required = true}, {.name = "value", .type = &text_type}};

static const struct {
    const char *declared;
    data_type   type;
} columns[] = {
    {"text", {.kind = TYPE_STRING}},
    {"numeric(38,10)", {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10}},
    {"numeric", {.kind = TYPE_STRING}},
    {"timestamp(3) without time zone", {.kind = TYPE_TIMESTAMP}},
    {"timestamp with time zone", {.kind = TYPE_TIMESTAMPTZ}},
    {"timestamp without time zone", {.kind = TYPE_STRING}},
    {"date", {.kind = TYPE_DATE}},
    {"time without time zone", {.kind = TYPE_STRING}},
    {"interval", {.kind = TYPE_STRING}},
    {"bytea", {.kind = TYPE_BINARY}},
    {"bit(12)", {.kind = TYPE_STRING}},
    {"point", {.kind = TYPE_STRING}},
    {"geometry", {.kind = TYPE_BINARY}},
    {"uuid", {.kind = TYPE_UUID}},
    {"double precision", {.kind = TYPE_DOUBLE}},
    {"real", {.kind = TYPE_FLOAT}},
    {"bigint", {.kind = TYPE_LONG}},
    {"vector", {.kind = TYPE_STRING}},
    {"integer[]", {.kind = TYPE_LIST, .field_count = 1, .fields = &element_field}},
    {"hstore", {.kind = TYPE_MAP, .field_count = 2, .fields = pair_fields}},
    {NULL, {.kind = TYPE_STRING}},
    {"money", {.kind = TYPE_DECIMAL, .precision = 19, .scale = 2}},
};

/* Walks a tuple as its readers do. */
static void
check_framing(const change_tuple *tuple)
{
    const uint8_t *at = tuple->bytes.data;
    if (!at) return;
    for (unsigned i = 0; i < tuple->column_count; i++) at = tuple_value_skip(at);
    if (at != tuple->bytes.data + tuple->bytes.size) abort();
}

static void
decode(const uint8_t *choice, change *c)
{
    FIRN_AUTO(row_decoder_freep) row_decoder *decoder = NULL;
    firn_error         err = {0};
    unsigned           column = choice[1] % (sizeof columns / sizeof columns[0]);
    const char        *declared = columns[column].declared;
    schema_field       field = {.name = "v", .type = &columns[column].type};
    source_description description = {0};
    table_rules        rules = {.policy = (value_policy) (choice[0] % 5)};
    dbz_decoding       decoding = {.rules = &rules, .declared = &declared};
    batch              rows = {0};
    decoding.modes.decimals = (dbz_decimals) (choice[0] / 2 % 3);
    decoding.modes.times = (dbz_times) (choice[0] / 6 % 6);
    decoding.modes.binary = (dbz_binary) (choice[0] / 36 % 4);
    if (schema_new(0, &field, 1, NULL, 0, true, &description.schema, &err)) abort();
    if (dbz_decoder_new(&description, c->relation, &decoding, &decoder, &err) == FIRN_OK) {
        size_t count = 0;
        decoder->collects_damage = choice[0] & 1;
        for (int i = 0; i < 2; i++) {
            firn_error_reset(&err);
            if (row_decoder_append(decoder, &c->new, &err) == FIRN_OK) count++;
        }
        firn_error_reset(&err);
        if (row_decoder_take(decoder, &rows, &err)) abort();
        for (size_t i = 0; i < decoder->damage_count; i++)
            if (decoder->damage[i].row >= count || decoder->damage[i].column || !decoder->damage[i].loss) abort();
        if (rows.array.release ? (size_t) rows.array.length != count : count != 0) abort();
        if (rows.array.release && (size_t) rows.array.children[0]->length != count) abort();
        batch_done(&rows);
    }
    schema_unref(description.schema);
}

static bool
is_same(const change_tuple *a, const change_tuple *b)
{
    return (a->bytes.data != NULL) == (b->bytes.data != NULL) && firn_slice_equal(a->bytes, b->bytes) && a->has_unchanged == b->has_unchanged;
}

/* Made again by what the table has learnt. */
static void
check_shape(dbz_table *table, const dbz_event *event, const change *made)
{
    firn_error     err = {0};
    dbz_row_shape *shape;
    change         c;
    if (dbz_table_shape(table, &shape, &err)) abort();
    if (!shape) return;
    uint8_t *room = malloc(dbz_row_shape_room(shape, event));
    if (!room) abort();
    if (dbz_row_shape_change(shape, event, room, &c) &&
        (c.op != made->op || c.relation != made->relation || c.old_is_key != made->old_is_key || !is_same(&c.old, &made->old) || !is_same(&c.new, &made->new)))
        abort();
    free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    dbz_table_settings settings = {.schema = "s", .name = "t"};
    firn_error         err = {0};
    if (size < 3) return 0;
    const uint8_t *newline = memchr(data + 2, '\n', size - 2);
    dbz_record     record = {0};
    if (!newline || newline + 1 == data + size) return 0;
    if (newline > data + 2) record.key = firn_slice_of(data + 2, (size_t) (newline - data - 2));
    record.value = firn_slice_of(newline + 1, (size_t) (data + size - newline - 1));
    if (dbz_table_new(&settings, &table, &err)) abort();
    for (int i = 0; i < 2; i++) {
        dbz_event event;
        change    c;
        record.known_value_schema = dbz_table_value_schema(table);
        firn_error_reset(&err);
        if (dbz_event_read(&record, &event, &err) || event.kind > DBZ_TRUNCATE) break;
        size_t   room_size = dbz_table_room(table, &event);
        uint8_t *room = malloc(room_size);
        if (!room) abort();
        bool is_change = dbz_table_change(table, &event, room, &c, &err) == FIRN_OK;
        if (is_change) {
            check_framing(&c.old);
            check_framing(&c.new);
            if (c.old.bytes.size + c.new.bytes.size > room_size) abort();
            if (c.new.bytes.data) decode(data, &c);
            check_shape(table, &event, &c);
        }
        free(room);
        if (!is_change) break;
    }
    return 0;
}
