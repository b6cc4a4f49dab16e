/*
 * Debezium's events → batches, in memory: ns of CPU an event for reading the envelope, for the tuple, and for the values.
 *
 *   bench_debezium RECORDING [EVENTS] [string|precise]
 *
 * RECORDING: tests/data/debezium/cdc_orders_*.jsonl. Its records are read again and again; tombstones count as events.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../tests/support/debezium_records.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "debezium/decoder.h"

#define RECORDS_MAX 4096
#define BATCH_ROWS 8192

static const data_type type_long = {.kind = TYPE_LONG}, type_int = {.kind = TYPE_INT}, type_text = {.kind = TYPE_STRING},
                       type_amount = {.kind = TYPE_DECIMAL, .precision = 12, .scale = 2}, type_time = {.kind = TYPE_TIMESTAMPTZ};
static const schema_field fields[] = {
    {.name = "id", .type = &type_long, .required = true}, {.name = "customer", .type = &type_int}, {.name = "status", .type = &type_text},
    {.name = "amount", .type = &type_amount},             {.name = "note", .type = &type_text},    {.name = "updated_at", .type = &type_time},
};
static const char *const declared[] = {"bigint", "integer", "text", "numeric(12,2)", "text", "timestamp with time zone"};

static recorded_record records[RECORDS_MAX];
static size_t          record_count;
static firn_error      err;

static void
check(firn_status status)
{
    if (!status) return;
    fprintf(stderr, "FIRN-%d %s\n", (int) err.code, err.cause);
    exit(1);
}

typedef enum bench_depth { DEPTH_EVENT, DEPTH_TUPLE, DEPTH_VALUES } bench_depth;

static double
run(bench_depth depth, uint64_t events, dbz_decimals decimals)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *table = NULL;
    FIRN_AUTO(row_decoder_freep) row_decoder *decoder = NULL;
    static uint8_t     room[1 << 16];
    dbz_table_settings settings = {.schema = "public", .name = "cdc_orders"};
    table_rules        rules = {.policy = POLICY_ERROR};
    dbz_decoding       decoding = {.rules = &rules, .declared = declared, .modes = {.decimals = decimals, .trust_null_numbers = true}};
    source_description description = {0};
    batch              rows;
    check(dbz_table_new(&settings, &table, &err));
    check(schema_new(0, fields, 6, (const int32_t[]){0}, 1, true, &description.schema, &err));
    int64_t start = firn_clock_cpu_us();
    for (uint64_t i = 0; i < events; i++) {
        const recorded_record *record = &records[i % record_count];
        dbz_record             given = {.key = record->key, .value = record->value};
        dbz_event              event;
        change                 c;
        given.known_key_schema = dbz_table_key_schema(table);
        given.known_value_schema = dbz_table_value_schema(table);
        check(dbz_event_read(&given, &event, &err));
        if (depth == DEPTH_EVENT && event.value_schema.data && !given.known_value_schema.size) check(dbz_table_change(table, &event, room, &c, &err));
        if (depth == DEPTH_EVENT || event.kind > DBZ_TRUNCATE) continue;
        if (dbz_table_room(table, &event) > sizeof room) abort();
        check(dbz_table_change(table, &event, room, &c, &err));
        if (depth == DEPTH_TUPLE || !c.new.bytes.data) continue;
        if (!decoder) check(dbz_decoder_new(&description, c.relation, &decoding, &decoder, &err));
        check(row_decoder_append(decoder, &c.new, &err));
        if (decoder->row_count < BATCH_ROWS) continue;
        check(row_decoder_take(decoder, &rows, &err));
        batch_done(&rows);
    }
    double ns = 1000.0 * (double) (firn_clock_cpu_us() - start) / (double) events;
    schema_unref(description.schema);
    return ns;
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    uint64_t events = 2000000, bytes = 0;
    if (argc < 2 || (argc > 2 && !text_parse_u64(firn_slice_text(argv[2]), &events))) return 64;
    dbz_decimals decimals = argc > 3 && argv[3][0] == 's' ? DBZ_DECIMALS_STRING : DBZ_DECIMALS_PRECISE;
    firn_buffer_init(&text, (size_t) 1 << 28);
    check(file_read(argv[1], &text, &err));
    for (firn_slice rest = firn_buffer_slice(&text); record_count < RECORDS_MAX && recorded_record_next(&rest, &records[record_count]); record_count++)
        bytes += records[record_count].value.size;
    double read = run(DEPTH_EVENT, events, decimals), tuple = run(DEPTH_TUPLE, events, decimals), all = run(DEPTH_VALUES, events, decimals);
    printf("%s: %zu records, %.0f bytes each; ns an event: %.0f all = %.0f envelope + %.0f tuple + %.0f values\n", argv[1], record_count,
           (double) bytes / (double) record_count, all, read, tuple - read, all - tuple);
    return 0;
}
