#include "debezium/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../tests/support/debezium_records.h"
#include "base/file.h"
#include "debezium/event_memo.h"

static const char *data_folder;

static dbz_event
read_value(dbz_role role, const char *key, const char *value)
{
    firn_error err = {0};
    dbz_event  event;
    dbz_record record = {.role = role};
    if (key) record.key = firn_slice_text(key);
    if (value) record.value = firn_slice_text(value);
    if (dbz_event_read(&record, &event, &err)) fail_msg("%s", err.cause);
    return event;
}

static bool
is_refused(dbz_role role, const char *key, const char *value)
{
    firn_error err = {0};
    dbz_event  event;
    dbz_record record = {.role = role, .value = firn_slice_text(value)};
    if (key) record.key = firn_slice_text(key);
    return dbz_event_read(&record, &event, &err) == FIRN_CORRUPT && err.code == FIRN_E_DEBEZIUM_EVENT;
}

static void
assert_text(firn_slice is, const char *wanted)
{
    if (!firn_slice_equal(is, firn_slice_text(wanted))) fail_msg("'%.*s' is not '%s'", (int) is.size, (const char *) is.data, wanted);
}

/* ---- recorded events ---- */

typedef struct kind_counts {
    unsigned of[DBZ_SCHEMA_CHANGE + 1];
} kind_counts;

static void
check_row(const recorded_record *record, const dbz_event *event)
{
    firn_slice table = event->source.table.text;
    if (event->kind == DBZ_TOMBSTONE) {
        assert_null(event->before.data);
        assert_null(event->after.data);
        return;
    }
    if (event->kind > DBZ_MESSAGE) return;
    assert_int_equal(event->source.connector, DBZ_POSTGRES);
    assert_int_equal(event->source.snapshot, DBZ_SNAPSHOT_NONE);
    assert_text(event->source.db.text, "bench");
    assert_true(event->order.is_known);
    assert_true(event->source.lsn > UINT64_C(3000000000));
    assert_true(event->source.last_commit_lsn <= event->source.lsn);
    assert_true(event->source.transaction_number > 1000);
    assert_int_equal(event->source.time_us / 1000000000000, 1795);
    assert_true(event->time_us > event->source.time_us);
    if (event->kind == DBZ_MESSAGE) {
        assert_text(event->message_prefix.text, "bench");
        assert_text(event->message_content.text, "aW4gYSB0cmFuc2FjdGlvbg==");
        return;
    }
    assert_true(firn_slice_equal(table, recorded_table(record->topic)));
    if (event->kind != DBZ_TRUNCATE) assert_int_equal(event->key.data != NULL, !firn_slice_equal(table, firn_slice_text("nokey")));
    assert_int_equal(event->after.data != NULL, event->kind == DBZ_CREATE || event->kind == DBZ_UPDATE);
    if (event->kind == DBZ_DELETE) assert_non_null(event->before.data);
}

static void
read_recording(const char *name, kind_counts *ret_counts)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error      err = {0};
    char            path[4096];
    recorded_record record;
    dbz_record      given = {0};
    firn_slice      topic = {0};
    dbz_order       last = {0};
    dbz_event_memo *memo = dbz_event_memo_new(), *lasting = dbz_event_memo_new();
    assert_true(memo && lasting);
    *ret_counts = (kind_counts){0};
    snprintf(path, sizeof path, "%s/%s.jsonl", data_folder, name);
    firn_buffer_init(&text, (size_t) 1 << 24);
    assert_int_equal(file_read(path, &text, &err), FIRN_OK);
    for (firn_slice rest = firn_buffer_slice(&text); recorded_record_next(&rest, &record);) {
        dbz_event  event, fresh;
        firn_slice prefix = record.topic;
        for (size_t i = 0; i < record.topic.size; i++)
            if (record.topic.data[i] == '.') {
                prefix.size = i;
                break;
            }
        given.role = dbz_role_of_topic(record.topic, prefix, NULL);
        given.key = record.key;
        given.value = record.value;
        if (!firn_slice_equal(topic, record.topic)) {
            last = (dbz_order){0};
            given.known_key_schema = given.known_value_schema = (firn_slice){0};
            dbz_event_memo_free(memo);
            memo = dbz_event_memo_new();
            assert_non_null(memo);
        }
        topic = record.topic;
        if (dbz_event_read(&given, &event, &err)) fail_msg("%s: %s", name, err.cause);
        dbz_record unknown = {.role = given.role, .key = given.key, .value = given.value};
        assert_int_equal(dbz_event_read(&unknown, &fresh, &err), FIRN_OK);
        assert_memory_equal(&fresh, &event, sizeof event); /* with the schema known, and without */
        /* With what was learnt of the topic's record before, of any topic's, and of this very one. */
        for (unsigned i = 0; i < 4; i++) {
            given.memo = i % 2 ? lasting : memo;
            assert_int_equal(dbz_event_read(&given, &event, &err), FIRN_OK);
            assert_memory_equal(&fresh, &event, sizeof event);
        }
        given.memo = NULL;
        if (event.key_schema.data) given.known_key_schema = event.key_schema;
        if (event.value_schema.data) given.known_value_schema = event.value_schema;
        check_row(&record, &event);
        if (event.order.is_known) {
            assert_true(dbz_order_compare(&last, &event.order) <= 0);
            last = event.order;
        }
        ret_counts->of[event.kind]++;
    }
    dbz_event_memo_free(memo);
    dbz_event_memo_free(lasting);
}

static void
test_recorded_types(void **state)
{
    (void) state;
    const char *names[] = {"types_precise", "types_string", "types_double", "types_options", "types_precise_schemas"};
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        kind_counts counts;
        read_recording(names[i], &counts);
        assert_int_equal(counts.of[DBZ_CREATE], 32);
        assert_int_equal(counts.of[DBZ_UPDATE], 10);
        assert_int_equal(counts.of[DBZ_DELETE], 12);
        assert_int_equal(counts.of[DBZ_TOMBSTONE], 12);
        assert_int_equal(counts.of[DBZ_TRUNCATE], 1);
        assert_int_equal(counts.of[DBZ_MESSAGE], 1);
        assert_int_equal(counts.of[DBZ_TRANSACTION_BEGIN], i == 3 ? 41 : 0);
        assert_int_equal(counts.of[DBZ_TRANSACTION_END], i == 3 ? 41 : 0);
    }
}

static void
test_recorded_orders(void **state)
{
    (void) state;
    kind_counts counts;
    read_recording("cdc_orders_string", &counts);
    assert_int_equal(counts.of[DBZ_UPDATE], 190);
    assert_int_equal(counts.of[DBZ_TOMBSTONE], 28);
    read_recording("cdc_orders_precise", &counts);
    assert_int_equal(counts.of[DBZ_CREATE], 36);
    read_recording("cdc_orders_precise_schemas", &counts);
    assert_int_equal(counts.of[DBZ_DELETE], 6);
}

/* ---- sources ---- */

static void
test_oracle_is_ordered_by_its_commits(void **state)
{
    (void) state;
    struct {
        const char *snapshot, *scn, *commit, *rs_id;
        int         ssn;
    } cases[] = {
        {"last", "2000", "null", "", 0},
        {"false", "2100", "\"2122\"", " 0x0000a1.00001f2b.0010 ", 0},
        {"false", "2100", "\"2122\"", " 0x0000a1.00001f2b.0010 ", 1},
        {"false", "2100", "\"2122\"", " 0x0000a1.00001f2b.0011 ", 0},
        {"false", "2100", "\"2122\"", " 0x0000a2.00000000.0000 ", 0},
        {"false", "2101", "\"2122\"", " 0x000001.00000000.0000 ", 0},
        {"false", "2099", "\"2123\"", " 0x000001.00000000.0000 ", 0},
    };
    dbz_order last = {0};
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"before\":null,\"after\":{\"ID\":1},\"source\":{\"version\":\"3.2.0.Final\",\"connector\":\"oracle\",\"name\":"
                 "\"ora\",\"ts_ms\":1700000000123,\"snapshot\":\"%s\",\"db\":\"ORCL\",\"sequence\":null,\"schema\":\"S\","
                 "\"table\":\"T\",\"txId\":\"09001e00d4020000\",\"scn\":\"%s\",\"commit_scn\":%s,\"lcr_position\":null,"
                 "\"rs_id\":\"%s\",\"ssn\":%d,\"redo_thread\":1},\"op\":\"c\",\"ts_ms\":1700000001000}",
                 cases[i].snapshot, cases[i].scn, cases[i].commit, cases[i].rs_id, cases[i].ssn);
        dbz_event event = read_value(DBZ_ROLE_ROWS, NULL, text);
        assert_int_equal(event.source.connector, DBZ_ORACLE);
        assert_int_equal(event.source.snapshot, i ? DBZ_SNAPSHOT_NONE : DBZ_SNAPSHOT_LAST);
        assert_int_equal(event.source.time_us, INT64_C(1700000000123000));
        assert_text(event.source.transaction.text, "09001e00d4020000");
        assert_true(event.order.is_known);
        if (i) assert_true(dbz_order_compare(&last, &event.order) < 0);
        last = event.order;
    }
}

static void
test_mysql_is_ordered_by_its_binlog(void **state)
{
    (void) state;
    dbz_event event = read_value(DBZ_ROLE_ROWS, "{\"id\":1}",
                                 "{\"op\":\"u\",\"before\":{\"id\":1},\"after\":{\"id\":1},\"source\":{\"connector\":\"mysql\",\"file\":"
                                 "\"mysql-bin.000012\",\"pos\":484,\"row\":3,\"gtid\":\"u:5\",\"ts_us\":5,\"snapshot\":\"incremental\"}}");
    assert_int_equal(event.source.connector, DBZ_MYSQL);
    assert_int_equal(event.source.snapshot, DBZ_SNAPSHOT_INCREMENTAL);
    assert_int_equal(event.order.major, 12);
    assert_int_equal(event.order.minor, 484);
    assert_int_equal(event.order.third, 3);
    assert_text(event.source.transaction.text, "u:5");
}

/* ---- flattened ---- */

static void
test_flattened_rows(void **state)
{
    (void) state;
    dbz_event event = read_value(DBZ_ROLE_ROWS, "{\"id\":1}",
                                 "{\"id\":1,\"op\":\"x\",\"__op\":\"c\",\"__source_lsn\":77,\"__source_txId\":9,\"__source_ts_ms\":5,"
                                 "\"__deleted\":\"false\",\"__table\":\"t\"}");
    assert_true(event.is_flattened);
    assert_int_equal(event.kind, DBZ_CREATE);
    assert_int_equal(event.source.lsn, 77);
    assert_int_equal(event.source.connector, DBZ_POSTGRES);
    assert_int_equal(event.source.transaction_number, 9);
    assert_int_equal(event.source.time_us, 5000);
    assert_text(event.source.table.text, "t");
    assert_true(event.order.is_known);
    assert_true(event.after.size > 0 && event.after.data[0] == '{');

    event = read_value(DBZ_ROLE_ROWS, "{\"id\":1}", "{\"id\":1,\"__deleted\":\"true\"}");
    assert_int_equal(event.kind, DBZ_DELETE);
    assert_null(event.after.data);
    assert_non_null(event.before.data);
    event = read_value(DBZ_ROLE_ROWS, NULL, "{\"schema\":\"s\",\"payload\":{\"x\":1}}");
    assert_int_equal(event.kind, DBZ_UPDATE);
    assert_false(event.order.is_known);

    jtoken name = {.kind = JTOKEN_STRING};
    const char *members[] = {"__op", "__deleted", "__lsn", "__source_anything", "__ts_ms", "__transaction_id"};
    const char *columns[] = {"op", "__", "__x", "_op", "__opx", "__debezium"};
    for (size_t i = 0; i < FIRN_COUNT(members); i++) {
        name.text = firn_slice_text(members[i]);
        assert_true(dbz_is_flattened_member(&name));
        name.text = firn_slice_text(columns[i]);
        assert_false(dbz_is_flattened_member(&name));
    }
}

/* topic.heartbeat.prefix and topic.transaction may name other topics. */
static void
test_heartbeats_and_transactions_among_rows(void **state)
{
    (void) state;
    dbz_event event = read_value(DBZ_ROLE_ROWS, "{\"serverName\":\"dev\"}", "{\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_HEARTBEAT);
    event = read_value(DBZ_ROLE_ROWS, "{\"ts_ms\":5}", "{\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_UPDATE);
    event = read_value(DBZ_ROLE_ROWS, "{\"serverName\":\"dev\"}", "{\"serverName\":\"dev\",\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_UPDATE);
    event = read_value(DBZ_ROLE_ROWS, "{\"id\":\"7:9\"}", "{\"status\":\"BEGIN\",\"id\":\"7:9\",\"event_count\":null,\"data_collections\":null,\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_TRANSACTION_END);
    event = read_value(DBZ_ROLE_ROWS, "{\"id\":\"7:9\"}", "{\"status\":\"new\",\"id\":\"7:9\",\"event_count\":null,\"data_collections\":null,\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_UPDATE);
    event = read_value(DBZ_ROLE_ROWS, "{\"id\":\"7:9\"}", "{\"status\":\"END\",\"id\":\"7:9\",\"event_count\":1,\"more\":null,\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_UPDATE);
}

/* A row whose columns are named as the members of an envelope. */
static void
test_a_row_that_looks_like_an_envelope(void **state)
{
    (void) state;
    dbz_event event = read_value(DBZ_ROLE_ROWS, NULL, "{\"op\":\"c\",\"source\":\"x\",\"after\":5,\"before\":null,\"ts_ms\":1}");
    assert_true(event.is_flattened);
    assert_int_equal(event.kind, DBZ_UPDATE);
    assert_int_equal(event.time_us, 0);
}

/* ---- other topics ---- */

static void
test_heartbeats_and_transactions(void **state)
{
    (void) state;
    dbz_event event = read_value(DBZ_ROLE_HEARTBEAT, "{\"serverName\":\"tp\"}", "{\"ts_ms\":1700000000123}");
    assert_int_equal(event.kind, DBZ_HEARTBEAT);
    assert_int_equal(event.time_us, INT64_C(1700000000123000));

    event = read_value(DBZ_ROLE_TRANSACTION, "{\"id\":\"571:53195829\"}",
                       "{\"status\":\"END\",\"id\":\"571:53195829\",\"event_count\":2,\"data_collections\":[{\"data_collection\":\"s.t\","
                       "\"event_count\":2}],\"ts_ms\":5}");
    assert_int_equal(event.kind, DBZ_TRANSACTION_END);
    assert_int_equal(event.transaction.event_count, 2);
    assert_text(event.transaction.id.text, "571:53195829");
    assert_true(event.transaction.collections.size > 0);

    event = read_value(DBZ_ROLE_SCHEMA_CHANGES, NULL,
                       "{\"source\":{\"connector\":\"oracle\",\"scn\":\"5\"},\"ts_ms\":1,\"databaseName\":\"O\",\"schemaName\":\"S\","
                       "\"ddl\":\"CREATE TABLE T\",\"tableChanges\":[{\"type\":\"CREATE\"}]}");
    assert_int_equal(event.kind, DBZ_SCHEMA_CHANGE);
    assert_text(event.ddl.text, "CREATE TABLE T");
    assert_text(event.table_changes, "[{\"type\":\"CREATE\"}]");
}

static void
test_roles(void **state)
{
    (void) state;
    firn_slice prefix = firn_slice_text("dev.siebel");
    assert_int_equal(dbz_role_of_topic(firn_slice_text("dev.siebel"), prefix, NULL), DBZ_ROLE_SCHEMA_CHANGES);
    assert_int_equal(dbz_role_of_topic(firn_slice_text("dev.siebel.transaction"), prefix, NULL), DBZ_ROLE_TRANSACTION);
    assert_int_equal(dbz_role_of_topic(firn_slice_text("dev.siebel.S.transaction"), prefix, NULL), DBZ_ROLE_ROWS);
    assert_int_equal(dbz_role_of_topic(firn_slice_text("__debezium-heartbeat.dev.siebel"), prefix, NULL), DBZ_ROLE_HEARTBEAT);
    assert_int_equal(dbz_role_of_topic(firn_slice_text("hb.dev.siebel"), prefix, "hb"), DBZ_ROLE_HEARTBEAT);
}

/* ---- hostile ---- */

static void
test_what_is_refused(void **state)
{
    (void) state;
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, ""));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "5"));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "{\"a\":1}x"));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "{\"a\":1"));
    assert_true(is_refused(DBZ_ROLE_ROWS, "Struct{id=1}", "{\"a\":1}"));
    assert_true(is_refused(DBZ_ROLE_ROWS, "1", "{\"a\":1}"));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"a\":1},\"more\":1}"));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "{\"op\":\"c\",\"after\":null,\"source\":{\"connector\":\"mysql\"}}"));
    assert_true(is_refused(DBZ_ROLE_ROWS, NULL, "{\"op\":\"d\",\"before\":null,\"source\":{\"connector\":\"mysql\"}}"));
    assert_true(is_refused(DBZ_ROLE_TRANSACTION, NULL, "{\"status\":\"MAYBE\",\"id\":\"5\"}"));
    assert_true(is_refused(DBZ_ROLE_SCHEMA_CHANGES, NULL, "{\"ts_ms\":1}"));
    dbz_event event = read_value(DBZ_ROLE_ROWS, "null", "{\"schema\":null,\"payload\":null}");
    assert_int_equal(event.kind, DBZ_TOMBSTONE);
}

static void
test_widened_names_are_mended(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error  err = {0};
    const char *names[][2] = {
        {"plain", "plain"},
        {"q\\\"uote", "q\"uote"},
        {"\xef\xbf\x90\xef\xbe\xba\xef\xbf\x90\xef\xbe\xb8" "1", "\xd0\xba\xd0\xb8" "1"},
        {"\\uffd0\\uffba", "\xd0\xba"},
        {"\xef\xbe\x80\xef\xbe\x81", "\xef\xbe\x80\xef\xbe\x81"}, /* halfwidth katakana: no UTF-8 when narrowed */
        {"\xd0\xba", "\xd0\xba"},
    };
    firn_buffer_init(&out, 4096);
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        jtoken name = {JTOKEN_STRING, strchr(names[i][0], '\\') != NULL, firn_slice_text(names[i][0])};
        firn_buffer_reset(&out);
        assert_int_equal(dbz_name_add(&name, &out, &err), FIRN_OK);
        assert_text(firn_buffer_slice(&out), names[i][1]);
    }
}

/* ---- what envelopes have in common ---- */

#define TAIL(lsn, sequence, op, us) \
    ",\"source\":{\"version\":\"3.2.0.Final\",\"connector\":\"postgresql\",\"name\":\"dev9\",\"snapshot\":\"false\",\"db\":\"d\",\"sequence\":" sequence \
    ",\"ts_us\":" us ",\"schema\":\"public\",\"table\":\"t1\",\"txId\":771,\"lsn\":" lsn ",\"xmin\":null}," \
    "\"transaction\":{\"id\":\"771:" lsn "\",\"total_order\":1,\"data_collection_order\":1},\"op\":\"" op "\",\"ts_ms\":1764360000000}"
#define SEQUENCE "\"[\\\"23088\\\",\\\"23104\\\"]\""
#define ENVELOPE(after, tail) "{\"before\":null,\"after\":" after tail

static void
test_a_memo_gives_what_reading_gives(void **state)
{
    (void) state;
    static const char *const values[] = {
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "1764360000000000")),
        ENVELOPE("{\"id\":12345678}", TAIL("9", SEQUENCE, "u", "1")),
        ENVELOPE("{\"id\":1,\"v\":\"},\\\"source\\\":{\"}", TAIL("23104000", SEQUENCE, "u", "1764360000000000")),
        ENVELOPE("{\"id\":{\"a\":1},\"source\":{\"version\":\"3.2.0.Final\"}}", TAIL("23104", SEQUENCE, "r", "1764360000000000")),
        ENVELOPE("null", TAIL("23104", SEQUENCE, "d", "1764360000000000")),
        ENVELOPE("{\"id\":1}", TAIL("23104", "\"[null,\\\"23104\\\"]\"", "c", "1764360000000000")),
        ENVELOPE("{\"id\":1}", TAIL("18446744073709551615", "null", "t", "null")),
        ENVELOPE("{\"id\":1}", TAIL("184467440737095516159", "\"[,]\"", "m", "-1")),
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "x", "1764360000000000")),
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "1.5e3")),
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "\"1764360000000000\"")),
        "{\"after\":{\"id\":1},\"before\":null" TAIL("23104", SEQUENCE, "c", "1764360000000000"),
        "{\"before\":{\"id\":1,\"v\":2},\"after\":null" TAIL("23104", SEQUENCE, "d", "1764360000000000"),
    };
    size_t count = FIRN_COUNT(values);
    for (size_t i = 0; i < count * count; i++) {
        firn_error      err = {0};
        dbz_event       plain, event;
        dbz_event_memo *memo = dbz_event_memo_new();
        dbz_record      first = {.value = firn_slice_text(values[i / count]), .memo = memo};
        dbz_record      record = {.key = firn_slice_text("{\"id\":1}"), .value = firn_slice_text(values[i % count])};
        assert_non_null(memo);
        (void) !dbz_event_read(&first, &event, &err);
        firn_status wanted = dbz_event_read(&record, &plain, &err);
        record.memo = memo;
        if (dbz_event_read(&record, &event, &err) != wanted) fail_msg("%s after %s", values[i % count], values[i / count]);
        if (!wanted) assert_memory_equal(&plain, &event, sizeof event);
        dbz_event_memo_free(memo);
    }
}

static void
test_a_memo_refuses_what_reading_refuses(void **state)
{
    (void) state;
    dbz_event_memo *memo = dbz_event_memo_new();
    dbz_event       event;
    firn_error      err = {0};
    static const char *const broken[] = {
        ENVELOPE("{\"id\":1}", TAIL("023104", SEQUENCE, "c", "1764360000000000")),
        ENVELOPE("{\"id\":1}", TAIL("", SEQUENCE, "c", "1764360000000000")),
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "1764360000000000") "}"),
        ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "1764360000000000") ","),
        ENVELOPE("{\"id\":1}", ",\"op\":\"c\"" TAIL("23104", SEQUENCE, "c", "1764360000000000")) "x",
    };
    dbz_record good = {.value = firn_slice_text(ENVELOPE("{\"id\":1}", TAIL("23104", SEQUENCE, "c", "1764360000000000"))), .memo = memo};
    assert_non_null(memo);
    for (size_t i = 0; i < FIRN_COUNT(broken); i++) {
        dbz_record record = {.value = firn_slice_text(broken[i]), .memo = memo};
        assert_int_equal(dbz_event_read(&good, &event, &err), FIRN_OK);
        assert_int_equal(dbz_event_read(&record, &event, &err), FIRN_CORRUPT);
        firn_error_reset(&err);
    }
    dbz_event_memo_free(memo);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_types),
        cmocka_unit_test(test_recorded_orders),
        cmocka_unit_test(test_oracle_is_ordered_by_its_commits),
        cmocka_unit_test(test_mysql_is_ordered_by_its_binlog),
        cmocka_unit_test(test_flattened_rows),
        cmocka_unit_test(test_heartbeats_and_transactions_among_rows),
        cmocka_unit_test(test_a_row_that_looks_like_an_envelope),
        cmocka_unit_test(test_heartbeats_and_transactions),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_widened_names_are_mended),
        cmocka_unit_test(test_a_memo_gives_what_reading_gives),
        cmocka_unit_test(test_a_memo_refuses_what_reading_refuses),
    };
    data_folder = argc > 1 ? argv[1] : "tests/data/debezium";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
