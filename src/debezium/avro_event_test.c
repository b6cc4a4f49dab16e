#include "debezium/avro_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tests/support/avro_records.h"
#include "../../tests/support/debezium_records.h"
#include "avro/avro_encoder.h"
#include "base/alloc.h"
#include "base/file.h"

static const char *data_folder;
static firn_arena  arena;

static int
tear_down(void **state)
{
    (void) state;
    firn_arena_done(&arena);
    return 0;
}

static dbz_role
role_of(firn_slice topic)
{
    const uint8_t *dot = memchr(topic.data, '.', topic.size);

    if (dot && topic.size > 2 && memcmp(topic.data, "__", 2) == 0) return DBZ_ROLE_HEARTBEAT;
    assert_non_null(dot);
    return dbz_role_of_topic(topic, firn_slice_of(topic.data, (size_t) (dot - topic.data)), NULL);
}

static dbz_avro_plan *
plan_of(dbz_role role, const avro_schema *schema)
{
    firn_error     err = {0};
    dbz_avro_plan *plan = NULL;

    if (dbz_avro_plan_new(role, schema, &plan, &err)) fail_msg("%s", err.cause);
    return plan;
}

/* The event is good for the life of the arena. */
static dbz_event
read_recorded(const avro_recorded *record)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = record->value_schema ? plan_of(role_of(record->topic), record->value_schema) : NULL;
    firn_error            err = {0};
    dbz_event             event;
    const dbz_avro_record given = {NULL, plan, record->key, record->value};

    if (dbz_avro_event_read(&given, &event, &err)) fail_msg("%s", err.cause);
    return event;
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

/* ---- recorded events ---- */

static void
recorded_events_are_of_every_kind(void **state)
{
    static const char *const names[] = {"types_precise_avro", "types_string_avro", "types_firn_avro"};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        avro_recording all = recording(names[i]);
        unsigned       counts[DBZ_SCHEMA_CHANGE + 1] = {0};
        for (size_t r = 0; r < all.count; r++) counts[read_recorded(&all.records[r]).kind]++;
        assert_int_equal(counts[DBZ_CREATE], 32);
        assert_int_equal(counts[DBZ_UPDATE], 10);
        assert_int_equal(counts[DBZ_DELETE], 12);
        assert_int_equal(counts[DBZ_TOMBSTONE], 12);
        assert_int_equal(counts[DBZ_TRUNCATE], 1);
        assert_int_equal(counts[DBZ_MESSAGE], 1);
        assert_int_equal(counts[DBZ_TRANSACTION_BEGIN], i == 2 ? 41 : 0);
        assert_int_equal(counts[DBZ_TRANSACTION_END], i == 2 ? 41 : 0);
        assert_int_equal(counts[DBZ_HEARTBEAT], i == 2 ? 2 : 0);
    }
}

static firn_slice
behind_prefix(firn_slice topic)
{
    const uint8_t *dot = memchr(topic.data, '.', topic.size);

    return firn_slice_of(dot, (size_t) (topic.data + topic.size - dot));
}

static const avro_recorded *
twin_of(const avro_recording *all, const recorded_record *record)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->records[i].offset == record->offset &&
            firn_slice_equal(behind_prefix(all->records[i].topic), behind_prefix(record->topic)))
            return &all->records[i];
    }
    return NULL;
}

static void
assert_same(const dbz_event *a, const dbz_event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->key.data != NULL, b->key.data != NULL);
    assert_int_equal(a->before.data != NULL, b->before.data != NULL);
    assert_int_equal(a->after.data != NULL, b->after.data != NULL);
    assert_int_equal(a->source.connector, b->source.connector);
    assert_int_equal(a->source.snapshot, b->source.snapshot);
    assert_true(firn_slice_equal(a->source.connector_name.text, b->source.connector_name.text));
    assert_true(firn_slice_equal(a->source.schema.text, b->source.schema.text));
    assert_true(firn_slice_equal(a->source.table.text, b->source.table.text));
    assert_int_equal(a->order.is_known, b->order.is_known);
    assert_int_equal(a->source.transaction_number != 0, b->source.transaction_number != 0);
    assert_int_equal(a->source.time_us != 0, b->source.time_us != 0);
    assert_int_equal(a->time_us != 0, b->time_us != 0);
}

/* Another run of the same statements: all but times and places is the same. */
static void
events_are_those_of_json(void **state)
{
    static const char *const names[][2] = {{"types_precise_avro", "types_precise"}, {"types_string_avro", "types_string"}};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        avro_recording  all = recording(names[i][0]);
        char            path[500];
        firn_error      err = {0};
        recorded_record record;
        size_t          count = 0;

        firn_buffer_init(&text, 64 << 20);
        (void) snprintf(path, sizeof path, "%s/%s.jsonl", data_folder, names[i][1]);
        assert_int_equal(file_read(path, &text, &err), FIRN_OK);
        for (firn_slice rest = firn_buffer_slice(&text); recorded_record_next(&rest, &record); count++) {
            const dbz_record     given = {.role = role_of(record.topic), .key = record.key, .value = record.value};
            const avro_recorded *twin = twin_of(&all, &record);
            dbz_event            json, avro;
            if (!twin) fail_msg("no twin of %.*s", (int) record.topic.size, (const char *) record.topic.data);
            assert_int_equal(dbz_event_read(&given, &json, &err), FIRN_OK);
            avro = read_recorded(twin);
            assert_same(&avro, &json);
        }
        assert_int_equal(count, all.count);
    }
}

static void
places_and_times_are_exact(void **state)
{
    avro_recording all = recording("types_firn_avro");
    dbz_order      last = {0};
    unsigned       row_count = 0;

    (void) state;
    for (size_t i = 0; i < all.count; i++) {
        dbz_event event = read_recorded(&all.records[i]);
        if (event.kind > DBZ_TRUNCATE) continue;
        row_count++;
        assert_true(event.source.lsn > 0);
        assert_true(event.source.last_commit_lsn <= event.source.lsn); // 0 at the connector's first
        assert_int_equal(event.order.major, event.source.last_commit_lsn);
        assert_int_equal(event.order.minor, event.source.lsn);
        assert_true(event.source.transaction_number > 0);
        // 2026: microseconds, not milliseconds or nanoseconds
        assert_in_range(event.source.time_us, 1700000000000000, 2000000000000000);
        assert_in_range(event.time_us, 1700000000000000, 2000000000000000);
        // "txId:lsn"
        assert_true(event.transaction.id.text.size > 3 && event.transaction.total_order > 0 && event.transaction.collection_order > 0);
        if (i > 0 && firn_slice_equal(all.records[i].topic, all.records[i - 1].topic)) assert_true(dbz_order_compare(&last, &event.order) <= 0);
        last = event.order;
    }
    assert_int_equal(row_count, 55);
}

static void
what_is_cut_short_is_refused(void **state)
{
    avro_recording all = recording("types_precise_avro");

    (void) state;
    for (size_t i = 0; i < all.count; i += 3) {
        const avro_recorded *record = &all.records[i];
        if (!record->value.data) continue;
        FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = plan_of(role_of(record->topic), record->value_schema);
        for (size_t size = 0; size < record->value.size; size += size < 200 ? 1 : 97) {
            // a copy of its own, so that a sanitizer sees what is read behind it
            uint8_t              *copy = malloc(size + 1);
            const dbz_avro_record given = {NULL, plan, record->key, firn_slice_of(copy, size)};
            firn_error            err = {0};
            dbz_event             event;
            memcpy(copy, record->value.data, size);
            assert_int_equal(dbz_avro_event_read(&given, &event, &err), FIRN_CORRUPT);
            assert_int_equal(err.code, FIRN_E_DEBEZIUM_EVENT);
            free(copy);
        }
    }
}

/* ---- made by hand ---- */

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define OPTIONAL(type) "[\"null\"," type "]"

static const avro_schema *
parse(const char *json)
{
    const avro_schema *schema = NULL;
    firn_error         err = {0};

    if (avro_schema_parse(firn_slice_text(json), "s", &arena, &schema, &err)) fail_msg("%s", err.cause);
    return schema;
}

static void
flattened_rows(void **state)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = plan_of(
        DBZ_ROLE_ROWS, parse("{\"type\":\"record\",\"name\":\"r\",\"fields\":[" FIELD("id", "\"int\"") "," FIELD("v", OPTIONAL("\"string\""))
                             "," FIELD("__op", OPTIONAL("\"string\"")) "," FIELD("__source_lsn", OPTIONAL("\"long\"")) ","
                             FIELD("__source_connector", "\"string\"") "," FIELD("__deleted", OPTIONAL("\"string\"")) "]}"));
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error            err = {0};
    dbz_event             event;

    (void) state;
    firn_buffer_init(&bytes, 1 << 10);
    avro_encoder e = avro_encoder_of(&bytes, &err);
    avro_put_long(&e, 7);
    avro_put_optional(&e, false);
    avro_put_optional(&e, true);
    avro_put_text(&e, "d");
    avro_put_optional(&e, true);
    avro_put_long(&e, 123456);
    avro_put_text(&e, "postgresql");
    avro_put_optional(&e, true);
    avro_put_text(&e, "true");

    const dbz_avro_record record = {NULL, plan, firn_slice_text("k"), firn_buffer_slice(&bytes)};

    assert_int_equal(dbz_avro_event_read(&record, &event, &err), FIRN_OK);
    assert_true(event.is_flattened);
    assert_int_equal(event.kind, DBZ_DELETE);
    assert_int_equal(event.source.lsn, 123456);
    assert_int_equal(event.source.connector, DBZ_POSTGRES);
    assert_int_equal(event.before.size, bytes.size);
    assert_null(event.after.data);
}

static void
oracle_has_its_numbers_as_text(void **state)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = plan_of(
        DBZ_ROLE_ROWS, parse("{\"type\":\"record\",\"name\":\"e\",\"fields\":[" FIELD("source", "{\"type\":\"record\",\"name\":\"s\",\"fields\":["
                             FIELD("connector", "\"string\"") "," FIELD("txId", OPTIONAL("\"string\"")) "," FIELD("scn", OPTIONAL("\"string\"")) ","
                             FIELD("commit_scn", OPTIONAL("\"string\"")) "," FIELD("ssn", OPTIONAL("\"long\"")) "]}") "," FIELD("op", "\"string\"") "]}"));
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error            err = {0};
    dbz_event             event;

    (void) state;
    firn_buffer_init(&bytes, 1 << 10);
    avro_encoder e = avro_encoder_of(&bytes, &err);
    avro_put_text(&e, "oracle");
    avro_put_optional(&e, true);
    avro_put_text(&e, "0a00");
    avro_put_optional(&e, true);
    avro_put_text(&e, "5000");
    avro_put_optional(&e, true);
    avro_put_text(&e, "5001");
    avro_put_optional(&e, true);
    avro_put_long(&e, 3);
    avro_put_text(&e, "t");

    const dbz_avro_record record = {NULL, plan, {0}, firn_buffer_slice(&bytes)};

    assert_int_equal(dbz_avro_event_read(&record, &event, &err), FIRN_OK);
    assert_int_equal(event.kind, DBZ_TRUNCATE);
    assert_int_equal(event.order.major, 5001);
    assert_int_equal(event.order.minor, 5000);
    assert_int_equal(event.order.fourth, 3);
    assert_true(firn_slice_equal(event.source.transaction.text, firn_slice_text("0a00")));
}

static void
schemas_that_are_none_of_debeziums(void **state)
{
    static const char *const bad[] = {
        "\"string\"",
        "{\"type\":\"array\",\"items\":\"int\"}",
        "{\"type\":\"record\",\"name\":\"e\",\"fields\":[" FIELD("before", "{\"type\":\"record\",\"name\":\"a\",\"fields\":[]}") ","
            FIELD("after", "{\"type\":\"record\",\"name\":\"b\",\"fields\":[]}") "," FIELD("op", "\"string\"") "," FIELD("source", "\"string\"") "]}",
    };

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        dbz_avro_plan *plan = NULL;
        firn_error     err = {0};
        assert_int_equal(dbz_avro_plan_new(DBZ_ROLE_ROWS, parse(bad[i]), &plan, &err), FIRN_CORRUPT);
        assert_int_equal(err.code, FIRN_E_DEBEZIUM_EVENT);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_events_are_of_every_kind),
        cmocka_unit_test(events_are_those_of_json),
        cmocka_unit_test(places_and_times_are_exact),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(flattened_rows),
        cmocka_unit_test(oracle_has_its_numbers_as_text),
        cmocka_unit_test(schemas_that_are_none_of_debeziums),
    };

    data_folder = argc > 1 ? argv[1] : "tests/data/debezium";
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
