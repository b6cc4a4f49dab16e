/* debezium/avro_event.h, avro_row.h: a schema's line, then a record's bytes: an event or a status; its rows become tuples
 * that fit into their room and can be walked. */
#include <stdlib.h>

#include "debezium/avro_event.h"
#include "debezium/avro_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_tuple(avro_row *row, firn_slice bytes, firn_arena *arena)
{
    uint8_t     *room = firn_arena_alloc(arena, avro_row_room(row, bytes) + 1);
    change_tuple tuple;
    size_t       used;
    firn_error   err = {0};

    if (!room || avro_row_tuple(row, bytes, false, room, &tuple, &used, &err)) return;
    if (used > avro_row_room(row, bytes)) abort();
    const uint8_t *at = tuple.bytes.data;
    for (unsigned i = 0; i < tuple.column_count; i++) at = tuple_value_skip(at);
    if (at != tuple.bytes.data + used) abort();
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
        FIRN_AUTO(avro_row_freep) avro_row *row = NULL;
        dbz_event event;
        firn_error_reset(&err);
        if (dbz_avro_plan_new((dbz_role) role, schema, &plan, &err)) continue;
        const dbz_avro_record record = {plan, {0}, bytes};
        if (dbz_avro_event_read(&record, &event, &err) || !plan->row) continue;
        if (avro_row_new(plan->row, event.is_flattened, "__debezium_unavailable_value", &row, &err)) continue;
        if (event.before.data) make_tuple(row, event.before, &arena);
        if (event.after.data) make_tuple(row, event.after, &arena);
    }
    return 0;
}
