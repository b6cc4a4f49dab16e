#include "kafka/flattened_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OP ",\"__op\":\"c\",\"__deleted\":\"false\""
#define PLACE ",\"__lsn\":7,\"__sequence\":\"[null,\\\"7\\\"]\",\"__txId\":3,\"__source_ts_us\":5000001"

static dbz_event
event_of(const char *members)
{
    static char text[512];
    dbz_event   event;
    firn_error  err = {0};

    (void) snprintf(text, sizeof text, "{\"id\":1%s}", members);
    const dbz_record record = {.role = DBZ_ROLE_ROWS, .value = firn_slice_text(text)};
    assert_int_equal(dbz_event_read(&record, &event, &err), FIRN_OK);
    return event;
}

/* NULL: it is applied. */
static const char *
refused(const char *members, bool is_keyed, bool is_loaded)
{
    static firn_error err;
    dbz_event         event = event_of(members);
    load_point        load = {.is_known = is_loaded, .position = 5, .is_exact = true};

    err = (firn_error){0};
    if (!flattened_row_check(&event, is_keyed, &load, "t", &err)) return NULL;
    assert_int_equal(err.code, FIRN_E_KAFKA_MESSAGE);
    return err.cause;
}

static void
a_row_says_what_it_takes(void **state FIRN_UNUSED)
{
    assert_null(refused(OP ",\"__lsn\":7", true, true));
    assert_null(refused(OP PLACE, true, true));
    assert_null(refused(OP PLACE ",\"__ts_ms\":6000", false, true));
    assert_null(refused(OP, true, false)); /* nothing to compare with: merged by the key */
    assert_non_null(strstr(refused("", true, true), "__deleted"));
    assert_non_null(strstr(refused(",\"__deleted\":null", true, true), "__deleted"));
    assert_non_null(strstr(refused(",\"__op\":\"c\",\"__lsn\":7", true, true), "__deleted"));
    assert_non_null(strstr(refused(",\"__deleted\":\"false\",\"__lsn\":7", true, true), "__op"));
    assert_non_null(strstr(refused(OP, true, true), "__lsn"));
    assert_non_null(strstr(refused(OP ",\"__source_ts_us\":5,\"__sequence\":\"[null,\\\"7\\\"]\"", true, true), "__lsn"));
}

static void
without_a_key_it_says_more(void **state FIRN_UNUSED)
{
    assert_non_null(strstr(refused(OP PLACE, false, true), "whole place")); /* when Debezium made it */
    assert_non_null(strstr(refused(OP ",\"__lsn\":7,\"__ts_ms\":6,\"__txId\":3", false, true), "whole place"));
    assert_non_null(strstr(refused(OP ",\"__lsn\":7,\"__ts_ms\":6,\"__txId\":3,\"__source_ts_ms\":5,\"__sequence\":\"[null,\\\"7\\\"]\"", false, true), "whole place"));
    assert_non_null(strstr(refused(OP, false, false), "whole place"));
    assert_non_null(strstr(refused(OP ",\"__lsn\":7,\"__ts_ms\":6,\"__source_ts_us\":5,\"__sequence\":\"[null,\\\"7\\\"]\"", false, true), "__txId"));
    assert_non_null(strstr(refused(",\"__op\":\"u\",\"__deleted\":\"false\",\"__ts_ms\":6" PLACE, false, true), "the row before"));
    assert_null(refused(",\"__op\":\"d\",\"__deleted\":\"true\",\"__ts_ms\":6" PLACE, false, true));
}

/* Without `sequence` an LSN that is lower may be of a transaction that began before: it is never left out. */
static void
repeats_are_told_by_whole_places_only(void **state FIRN_UNUSED)
{
    event_order seen = {0};
    dbz_event   bare = event_of(OP ",\"__lsn\":7"), whole = event_of(OP PLACE ",\"__ts_ms\":6000");

    assert_false(event_order_judge(&seen, &bare, 1, true) == EVENT_REPEATS);
    assert_false(event_order_judge(&seen, &bare, 1, true) == EVENT_REPEATS);
    assert_false(seen.has_order);
    assert_false(event_order_judge(&seen, &whole, 1, true) == EVENT_REPEATS);
    whole.order.minor = 6;
    assert_true(event_order_judge(&seen, &whole, 2, true) == EVENT_REPEATS);
}

static void
tombstones(void **state FIRN_UNUSED)
{
    firn_error err = {0};
    dbz_event  bare = event_of(",\"__op\":\"c\",\"__lsn\":7"), whole = event_of(OP), envelope = {.kind = DBZ_CREATE};

    assert_int_equal(row_form_of(&bare), ROW_FORM_BARE);
    assert_int_equal(row_form_of(&whole), ROW_FORM_WHOLE);
    assert_int_equal(row_form_of(&envelope), ROW_FORM_WHOLE);
    assert_int_equal(tombstone_check(ROW_FORM_WHOLE, 0, &err), FIRN_OK);
    assert_int_equal(tombstone_check(ROW_FORM_UNKNOWN, 1, &err), FIRN_OK);
    assert_int_not_equal(tombstone_check(ROW_FORM_UNKNOWN, 0, &err), FIRN_OK);
    err = (firn_error){0};
    assert_int_not_equal(tombstone_check(ROW_FORM_BARE, 9, &err), FIRN_OK);
    assert_int_equal(err.code, FIRN_E_KAFKA_MESSAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_says_what_it_takes),
        cmocka_unit_test(without_a_key_it_says_more),
        cmocka_unit_test(repeats_are_told_by_whole_places_only),
        cmocka_unit_test(tombstones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
