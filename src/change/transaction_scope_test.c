#include "change/transaction_scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tests/support/pgoutput_maker.h"
#include "base/alloc.h"
#include "change/recorded_stream.h"

/* ---- what a stream hands out, as text ---- */

static pgoutput_maker maker;
static firn_buffer    seen;

static int
set_up(void **state)
{
    (void) state;
    pgoutput_maker_init(&maker);
    firn_buffer_init(&seen, (size_t) 1 << 26);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    pgoutput_maker_done(&maker);
    firn_buffer_done(&seen);
    return 0;
}

static void
add_tuple(const change_tuple *tuple, const char *name)
{
    firn_error     err = {0};
    const uint8_t *at = tuple->bytes.data;
    if (!at) return;
    assert_int_equal(firn_buffer_printf(&seen, &err, " %s(", name), FIRN_OK);
    for (unsigned i = 0; i < tuple->column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        if (value.kind == TUPLE_TEXT)
            assert_int_equal(firn_buffer_printf(&seen, &err, "%s%.*s", i ? "," : "", (int) value.bytes.size,
                                                (const char *) value.bytes.data), FIRN_OK);
        else
            assert_int_equal(firn_buffer_printf(&seen, &err, "%s%s", i ? "," : "", value.kind == TUPLE_NULL ? "-" : "~"), FIRN_OK);
    }
    assert_int_equal(firn_buffer_add_text(&seen, ")", &err), FIRN_OK);
    assert_ptr_equal(at, tuple->bytes.data + tuple->bytes.size);
}

static void
add_item(const change_item *item)
{
    firn_error err = {0};
    switch (item->kind) {
    case ITEM_BEGIN:
        assert_int_equal(firn_buffer_printf(&seen, &err, "begin %u %lx; ", item->transaction.xid,
                                            (unsigned long) item->transaction.commit_position), FIRN_OK);
        return;
    case ITEM_COMMIT:
        assert_int_equal(firn_buffer_printf(&seen, &err, "commit %lx; ", (unsigned long) item->transaction.end_position), FIRN_OK);
        return;
    case ITEM_RELATION:
        assert_int_equal(firn_buffer_printf(&seen, &err, "relation %s/%u; ", item->relation->name, item->relation->column_count),
                         FIRN_OK);
        return;
    case ITEM_CHANGE:
        assert_int_equal(firn_buffer_printf(&seen, &err, "%c %s", "IUDT"[item->change.op], item->change.relation->name), FIRN_OK);
        if (item->change.op == CHANGE_TRUNCATE)
            assert_int_equal(firn_buffer_printf(&seen, &err, " %d%d", item->change.truncate_cascade, item->change.truncate_restart),
                             FIRN_OK);
        add_tuple(&item->change.old, item->change.old_is_key ? "key" : "old");
        add_tuple(&item->change.new, "new");
        assert_int_equal(firn_buffer_add_text(&seen, "; ", &err), FIRN_OK);
        return;
    case ITEM_MESSAGE:
        assert_int_equal(firn_buffer_printf(&seen, &err, "message %.*s=%.*s; ", (int) item->message.prefix.size,
                                            (const char *) item->message.prefix.data, (int) item->message.content.size,
                                            (const char *) item->message.content.data), FIRN_OK);
        return;
    case ITEM_IDLE:
        assert_int_equal(firn_buffer_printf(&seen, &err, "idle %lx; ", (unsigned long) item->position), FIRN_OK);
        return;
    case ITEM_RESTART:
        assert_int_equal(firn_buffer_add_text(&seen, "restart; ", &err), FIRN_OK);
        return;
    case ITEM_NOTHING:
    case ITEM_DAMAGED:
    case ITEM_REASSIGN:
    case ITEM_END:
        return;
    }
}

static const char *
read_all(uint64_t position, size_t memory_bytes_max, uint64_t *ret_spilled_bytes)
{
    const char              *base = getenv("TMPDIR");
    recorded_stream_settings settings = {.scope = {.position = position, .memory_bytes_max = memory_bytes_max,
                                                   .spill_folder = base ? base : P_tmpdir}};
    FIRN_AUTO(change_stream_freep) change_stream *stream = NULL;
    firn_error           err = {0};
    change_item          item;
    change_stream_counts counts;

    firn_buffer_reset(&seen);
    assert_int_equal(recorded_stream_new(firn_buffer_slice(&maker.records), &settings, &stream, &err), FIRN_OK);
    do {
        if (change_stream_next(stream, 0, &item, &err)) {
            firn_error text_err = {0};
            assert_int_equal(firn_buffer_printf(&seen, &text_err, "failed: %s", err.cause), FIRN_OK);
            break;
        }
        add_item(&item);
    } while (item.kind != ITEM_END);
    stream->ops->counts(stream, &counts);
    if (ret_spilled_bytes) *ret_spilled_bytes = counts.spilled_bytes;
    firn_error end_err = {0};
    assert_int_equal(firn_buffer_add_byte(&seen, 0, &end_err), FIRN_OK);
    return (const char *) seen.data;
}

static const make_column two_columns[] = {{"id", 20, true}, {"note", 25, false}};
static const make_column three_columns[] = {{"id", 20, true}, {"note", 25, false}, {"more", 25, false}};

static void
insert(const char *id, const char *note)
{
    make_row(&maker, 'I', 1, 0, NULL, (const char *[]){id, note}, 2);
}

/* ---- tests ---- */

static void
plain_transactions_come_as_they_are(void **state)
{
    (void) state;
    make_begin(&maker, 0x100, 7);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_row(&maker, 'U', 1, 'K', (const char *[]){"1", NULL}, (const char *[]){"2", "\1"}, 2);
    make_row(&maker, 'U', 1, 0, NULL, (const char *[]){"2", "two"}, 2);
    make_message(&maker, true, "p", "inside");
    make_row(&maker, 'D', 1, 'K', (const char *[]){"2", NULL}, NULL, 2);
    make_commit(&maker, 0x100, 0x110);
    make_message(&maker, false, "p", "between");
    make_begin(&maker, 0x120, 8);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2); // said again, no news
    make_relation(&maker, 2, "shop", "u", 'f', two_columns, 2);
    make_truncate(&maker, (const uint32_t[]){1, 2}, 2, 3);
    insert("3", NULL);
    make_commit(&maker, 0x120, 0x130);
    make_idle(&maker, 0x140);
    assert_string_equal(read_all(0, 0, NULL),
                        "begin 7 100; relation t/2; I t new(1,one); U t key(1,-) new(2,~); U t new(2,two); message p=inside; "
                        "D t key(2,-); commit 110; message p=between; "
                        "begin 8 120; T t 11; relation u/2; T u 11; I t new(3,-); commit 130; idle 140; ");
}

static void
transactions_that_the_position_holds_are_passed_over(void **state)
{
    (void) state;
    make_begin(&maker, 0x100, 7);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_commit(&maker, 0x100, 0x110);
    make_begin(&maker, 0x110, 8); // begins where the other ends
    insert("2", "two");
    make_commit(&maker, 0x110, 0x120);
    assert_string_equal(read_all(0x110, 0, NULL), "begin 8 110; relation t/2; I t new(2,two); commit 120; ");
}

static void
empty_transactions_only_move_the_position(void **state)
{
    (void) state;
    make_begin(&maker, 0x100, 7);
    make_commit(&maker, 0x100, 0x110);
    assert_string_equal(read_all(0, 0, NULL), "idle 110; ");
}

static void
streamed_transactions_come_at_their_commit(void **state)
{
    (void) state;
    make_stream_start(&maker, 50, true);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "first of 50");
    maker.xid = 51;
    insert("2", "savepoint, rolled back");
    maker.xid = 52;
    insert("3", "savepoint, kept");
    make_stream_stop(&maker);
    make_idle(&maker, 0x90); // other transactions may be done, 50 comes later
    make_stream_start(&maker, 60, true);
    make_relation(&maker, 1, "shop", "t", 'd', three_columns, 3);
    make_row(&maker, 'I', 1, 0, NULL, (const char *[]){"9", "of 60", "x"}, 3);
    make_stream_stop(&maker);
    make_begin(&maker, 0x100, 7);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("4", "plain");
    make_commit(&maker, 0x100, 0x110);
    make_stream_abort(&maker, 50, 51);
    make_stream_start(&maker, 50, false);
    insert("5", "last of 50");
    make_stream_stop(&maker);
    make_stream_commit(&maker, 60, 0x120, 0x130);
    make_stream_start(&maker, 70, true);
    insert("6", "of 70");
    make_stream_stop(&maker);
    make_stream_abort(&maker, 70, 70);
    make_stream_commit(&maker, 50, 0x140, 0x150);
    assert_string_equal(read_all(0, 0, NULL),
                        "idle 90; begin 7 100; relation t/2; I t new(4,plain); commit 110; "
                        "begin 60 120; relation t/3; I t new(9,of 60,x); commit 130; "
                        "begin 50 140; relation t/2; I t new(1,first of 50); I t new(3,savepoint, kept); I t new(5,last of 50); commit 150; ");
}

static void
only_rolled_back_savepoints_are_an_empty_transaction(void **state)
{
    (void) state;
    make_stream_start(&maker, 50, true);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    maker.xid = 51;
    insert("1", "gone");
    make_stream_stop(&maker);
    make_stream_abort(&maker, 50, 51);
    make_stream_commit(&maker, 50, 0x140, 0x150);
    assert_string_equal(read_all(0, 0, NULL), "idle 150; ");
}

/* Two big interleaved transactions, in memory and through files: the same. */
static void
memory_limit_changes_nothing_but_memory(void **state)
{
    uint64_t spilled;
    (void) state;
    for (unsigned part = 0; part < 40; part++) {
        uint32_t xid = part % 2 ? 50 : 60;
        make_stream_start(&maker, xid, part < 2);
        if (part < 2) make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
        for (unsigned i = 0; i < 200; i++) {
            char id[32], note[400];
            snprintf(id, sizeof id, "%u", part * 1000 + i);
            snprintf(note, sizeof note, "%0*u", (int) (i % 300 + 1), i);
            maker.xid = i % 10 == 9 ? xid + 1 : xid;
            insert(id, note);
        }
        make_stream_stop(&maker);
    }
    make_stream_abort(&maker, 50, 51);
    make_stream_commit(&maker, 60, 0x100, 0x110);
    make_stream_commit(&maker, 50, 0x120, 0x130);
    char *in_memory = strdup(read_all(0, (size_t) 1 << 30, &spilled));
    assert_int_equal(spilled, 0);
    assert_string_equal(read_all(0, 50000, &spilled), in_memory);
    assert_true(spilled > 1000000);
    assert_non_null(strstr(in_memory, "commit 110; begin 50"));
    free(in_memory);
}

static void
prepared_transactions_wait_for_their_decision(void **state)
{
    (void) state;
    make_prepared(&maker, 'b', 50, 0x100, 0x108, "one");
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_prepared(&maker, 'P', 50, 0x100, 0x108, "one");
    make_stream_start(&maker, 60, true);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("2", "two");
    make_stream_stop(&maker);
    make_prepared(&maker, 'p', 60, 0x110, 0x118, "two");
    make_prepared(&maker, 'b', 70, 0x120, 0x128, "three");
    insert("3", "three");
    make_prepared(&maker, 'P', 70, 0x120, 0x128, "three");
    make_prepared(&maker, 'r', 50, 0x108, 0x130, "one");
    make_prepared(&maker, 'K', 70, 0x140, 0x148, "three");
    make_prepared(&maker, 'K', 60, 0x150, 0x158, "two");
    assert_string_equal(read_all(0, 0, NULL), "begin 70 140; relation t/2; I t new(3,three); commit 148; "
                                              "begin 60 150; I t new(2,two); commit 158; ");
}

/* The source sends a prepared transaction's changes once: they must not be acknowledged before its commit is durable. */
static void
acknowledging_stops_before_an_undecided_prepare(void **state)
{
    recorded_stream_settings settings = {.scope = {.spill_folder = "."}};
    FIRN_AUTO(change_stream_freep) change_stream *stream = NULL;
    firn_error           err = {0};
    change_item          item;
    change_stream_counts counts;
    (void) state;

    make_prepared(&maker, 'b', 50, 0x100, 0x108, "one");
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_prepared(&maker, 'P', 50, 0x100, 0x108, "one");
    make_idle(&maker, 0x120);
    make_prepared(&maker, 'K', 50, 0x130, 0x138, "one");
    assert_int_equal(recorded_stream_new(firn_buffer_slice(&maker.records), &settings, &stream, &err), FIRN_OK);
    assert_int_equal(change_stream_next(stream, 0, &item, &err), FIRN_OK);
    assert_int_equal(item.kind, ITEM_IDLE);
    stream->ops->acknowledge(stream, 0x120);
    stream->ops->counts(stream, &counts);
    assert_int_equal(counts.acknowledged_position, 0x100);
    do assert_int_equal(change_stream_next(stream, 0, &item, &err), FIRN_OK);
    while (item.kind != ITEM_COMMIT);
    stream->ops->acknowledge(stream, 0x130); // handed out, not durable
    stream->ops->counts(stream, &counts);
    assert_int_equal(counts.acknowledged_position, 0x100);
    stream->ops->acknowledge(stream, 0x138);
    stream->ops->counts(stream, &counts);
    assert_int_equal(counts.acknowledged_position, 0x138);
}

static void
lost_connection_takes_back_the_open_transaction_only(void **state)
{
    (void) state;
    make_begin(&maker, 0x100, 7);
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_commit(&maker, 0x100, 0x110);
    make_stream_start(&maker, 50, true);
    insert("2", "streamed");
    make_stream_stop(&maker);
    make_begin(&maker, 0x120, 8);
    insert("3", "half");
    make_restart(&maker);
    make_begin(&maker, 0x100, 7); // delivered before
    make_relation(&maker, 1, "shop", "t", 'd', two_columns, 2);
    insert("1", "one");
    make_commit(&maker, 0x100, 0x110);
    make_begin(&maker, 0x120, 8);
    insert("3", "half");
    insert("4", "whole");
    make_commit(&maker, 0x120, 0x130);
    assert_string_equal(read_all(0, 0, NULL),
                        "begin 7 100; relation t/2; I t new(1,one); commit 110; begin 8 120; I t new(3,half); restart; "
                        "begin 8 120; I t new(3,half); I t new(4,whole); commit 130; ");
}

static void
impossible_orders_are_refused(void **state)
{
    (void) state;
    insert("1", "one");
    assert_non_null(strstr(read_all(0, 0, NULL), "failed: "));
    firn_buffer_reset(&maker.records);
    make_begin(&maker, 0x100, 7);
    insert("1", "never described");
    assert_non_null(strstr(read_all(0, 0, NULL), "failed: a change of table number 1 came before its description"));
    firn_buffer_reset(&maker.records);
    make_begin(&maker, 0x100, 7);
    make_relation(&maker, 1, "shop", "t", 'd', three_columns, 3);
    insert("1", "too short");
    assert_non_null(strstr(read_all(0, 0, NULL), "failed: a row of 'shop.t' has 2 columns where 3 were announced"));
    firn_buffer_reset(&maker.records);
    make_begin(&maker, 0x100, 7);
    make_commit(&maker, 0x101, 0x110);
    assert_non_null(strstr(read_all(0, 0, NULL), "failed: "));
    firn_buffer_reset(&maker.records);
    make_prepared(&maker, 'K', 50, 0x130, 0x138, "one");
    assert_non_null(strstr(read_all(0, 0, NULL), "failed: transaction 50 ('one') was committed, but"));
    assert_string_equal(read_all(0x138, 0, NULL), ""); // contained already
}

static void
each_failing_allocation_is_reported(void **state)
{
    (void) state;
    for (unsigned i = 0; i < 50; i++) {
        make_stream_start(&maker, 50 + i, true);
        make_relation(&maker, i, "shop", "t", 'd', two_columns, 2);
        maker.xid = 1000 + i;
        make_row(&maker, 'I', i, 0, NULL, (const char *[]){"1", "x"}, 2);
        make_stream_stop(&maker);
        make_stream_abort(&maker, 50 + i, 2000 + i);
    }
    for (unsigned i = 0; i < 50; i++) make_stream_commit(&maker, 50 + i, 0x100 + 16 * i, 0x108 + 16 * i);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        recorded_stream_settings settings = {.scope = {.spill_folder = "."}};
        FIRN_AUTO(change_stream_freep) change_stream *stream = NULL;
        firn_error  err = {0};
        change_item item = {0};
        firn_alloc_fail_at(n, 0);
        firn_status status = recorded_stream_new(firn_buffer_slice(&maker.records), &settings, &stream, &err);
        while (!status && item.kind != ITEM_END) status = change_stream_next(stream, 0, &item, &err);
        firn_alloc_fail_at(0, 0);
        failed = status != FIRN_OK;
        if (failed) assert_int_equal(err.code, FIRN_E_NO_MEMORY);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_transactions_come_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_that_the_position_holds_are_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_transactions_only_move_the_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(streamed_transactions_come_at_their_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_rolled_back_savepoints_are_an_empty_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_limit_changes_nothing_but_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(prepared_transactions_wait_for_their_decision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(acknowledging_stops_before_an_undecided_prepare, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_connection_takes_back_the_open_transaction_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(impossible_orders_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_failing_allocation_is_reported, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
