/*
 * Nanoseconds per record of the Avro event reader, and of the tuples behind it, without Kafka and registry: recorded
 * records, read again and again.
 *
 *   bench_avro_event FILE.jsonl [TOPIC_SUFFIX [ROUNDS]]
 *
 * Records of the topics that end in TOPIC_SUFFIX (all), ROUNDS times (20000); prints the best of five. Budget: 600 ns for a row of
 * 16 columns, of 4 µs for all of `firn follow`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../tests/support/avro_records.h"
#include "base/clock.h"
#include "base/text.h"
#include "debezium/avro_event.h"
#include "debezium/avro_row.h"

#define RECORDS_MAX 1000

typedef struct bench_record {
    dbz_avro_record given;
    avro_row       *row;
} bench_record;

static void
die(const firn_error *err)
{
    fprintf(stderr, "%s\n", err->cause);
    exit(1);
}

static bool
ends_with(firn_slice text, const char *end)
{
    size_t size = strlen(end);

    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

static size_t
take_records(const avro_recording *all, const char *suffix, bench_record *out)
{
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        const avro_recorded *from = &all->records[i];
        dbz_avro_plan       *plan = NULL;
        firn_error           err = {0};
        if (!from->value.data || !ends_with(from->topic, suffix)) continue;
        if (count > 0 && out[count - 1].given.plan->type == avro_schema_value(from->value_schema)) {
            out[count] = out[count - 1];
        } else {
            if (dbz_avro_plan_new(DBZ_ROLE_ROWS, from->value_schema, &plan, &err)) die(&err);
            if (!plan->row) continue;
            out[count].given.plan = plan; // for the life of the program
            if (avro_row_new(plan->row, false, "__debezium_unavailable_value", &out[count].row, &err)) die(&err);
        }
        out[count].given.key = from->key;
        out[count].given.value = from->value;
        count++;
    }
    return count;
}

static size_t
run(const bench_record *records, size_t count, bool with_tuples, uint8_t *room, firn_error *err)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        dbz_event    event;
        change_tuple tuple;
        size_t       size = 0;

        if (dbz_avro_event_read(&records[i].given, &event, err)) die(err);
        sum += event.after.size;
        if (!with_tuples) continue;
        if (event.after.data && avro_row_tuple(records[i].row, event.after, false, false, room, &tuple, &size, err)) die(err);
        sum += size;
        if (event.before.data && avro_row_tuple(records[i].row, event.before, true, false, room, &tuple, &size, err)) die(err);
        sum += size;
    }
    return sum;
}

int
main(int argc, char **argv)
{
    firn_arena          arena = {0};
    avro_recording      all;
    static bench_record records[RECORDS_MAX];
    static uint8_t      room[4 << 20];
    uint64_t            rounds = 20000, bytes = 0;
    firn_error          err = {0};
    size_t              sum = 0;

    if (argc < 2) {
        fprintf(stderr, "bench_avro_event FILE.jsonl [TOPIC_SUFFIX [ROUNDS]]\n");
        return 64;
    }
    if (argc > 3 && !text_parse_u64(firn_slice_text(argv[3]), &rounds)) return 64;
    avro_recording_read(argv[1], &arena, &all);

    size_t count = take_records(&all, argc > 2 ? argv[2] : "", records);

    for (size_t i = 0; i < count; i++) bytes += records[i].given.value.size;
    for (int with_tuples = 0; with_tuples < 2 && count > 0; with_tuples++) {
        uint64_t best_ns = UINT64_MAX;
        for (int try = 0; try < 5; try++) {
            uint64_t start_ns = (uint64_t) firn_clock_cpu_us() * 1000;
            for (uint64_t r = 0; r < rounds; r++) sum += run(records, count, with_tuples, room, &err);
            uint64_t ns = (uint64_t) firn_clock_cpu_us() * 1000 - start_ns;
            if (ns < best_ns) best_ns = ns;
        }
        printf("%-28s %7.0f ns/record (%zu records of %" PRIu64 " bytes)\n", with_tuples ? "event and tuples" : "event",
               (double) best_ns / (double) (rounds * count), count, bytes / count);
    }
    return sum == 0;
}
