#include "follow/table_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>

#include <cmocka.h>

/* Two columns: a key and a value, as texts; "~": unchanged, NULL: null. */
static change_column   columns[] = {{.name = "k", .is_key = true}, {.name = "v"}};
static change_relation relation = {
    .schema = "s", .name = "t", .identity = IDENTITY_DEFAULT, .column_count = 2, .key_count = 1, .columns = columns};

typedef struct tuple_bytes {
    uint8_t bytes[64];
} tuple_bytes;

static size_t
put_value(uint8_t *at, const char *text)
{
    if (!text || text[0] == '~') {
        *at = text ? TUPLE_UNCHANGED : TUPLE_NULL;
        return 1;
    }
    *at = TUPLE_TEXT;
    store_be32(at + 1, (uint32_t) strlen(text));
    memcpy(at + 5, text, strlen(text));
    return 5 + strlen(text);
}

static change_tuple
tuple(tuple_bytes *room, const char *key, const char *value)
{
    size_t size = put_value(room->bytes, key);

    size += put_value(room->bytes + size, value);
    return (change_tuple){
        .bytes = firn_slice_of(room->bytes, size), .column_count = 2, .has_unchanged = value && value[0] == '~'};
}

static void
add(table_changes *t, change_op op, const char *old_key, const char *old_value, const char *key, const char *value)
{
    tuple_bytes old_room, new_room;
    firn_error  err = {0};
    change      event = {.op = op, .relation = &relation, .old_is_key = !old_value};

    if (old_key) event.old = tuple(&old_room, old_key, old_value);
    if (key) event.new = tuple(&new_room, key, value);
    assert_int_equal(table_changes_add(t, &event, 0, &err), FIRN_OK);
}

static const row_entry *
find(const table_changes *t, const char *key)
{
    for (uint32_t i = 0; i < table_changes_entry_count(t); i++) {
        const row_entry *entry = table_changes_entry(t, i);
        if (entry->key_size == 5 + strlen(key) && memcmp(entry->key + 5, key, strlen(key)) == 0) return entry;
    }
    return NULL;
}

static const char *
value_of(const row_entry *entry, char out[64])
{
    change_tuple row = {.bytes = firn_slice_of(entry->row, entry->row_size), .column_count = 2};
    tuple_value  value = tuple_value_at(&row, 1);

    if (value.kind == TUPLE_UNCHANGED) return "~";
    memcpy(out, value.bytes.data, value.bytes.size);
    out[value.bytes.size] = '\0';
    return out;
}

static table_changes *
new_keyed(void)
{
    static const unsigned key[] = {0};
    table_changes        *t = NULL;
    firn_error            err = {0};

    assert_int_equal(table_changes_new(key, 1, &t, &err), FIRN_OK);
    return t;
}

/* Neither is warned of: that the lake has it, and that it does not. */
static void
a_row_of_a_snapshot_may_be_there(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    tuple_bytes room;
    firn_error  err = {0};
    change      event = {.op = CHANGE_INSERT, .relation = &relation, .may_exist = true, .new = tuple(&room, "1", "a")};
    (void) state;

    assert_int_equal(table_changes_add(t, &event, 0, &err), FIRN_OK);
    assert_true(find(t, "1")->may_exist);
    assert_false(find(t, "1")->expects_none);
}

static void
the_last_version_of_a_key_stays(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    char                                          text[64];
    (void) state;

    add(t, CHANGE_INSERT, NULL, NULL, "1", "a");
    add(t, CHANGE_UPDATE, NULL, NULL, "1", "b");
    add(t, CHANGE_UPDATE, NULL, NULL, "2", "c");
    add(t, CHANGE_DELETE, "2", NULL, NULL, NULL);
    add(t, CHANGE_DELETE, "3", NULL, NULL, NULL);
    add(t, CHANGE_INSERT, NULL, NULL, "3", "again");

    assert_int_equal(table_changes_entry_count(t), 3);
    assert_int_equal(table_changes_event_count(t), 6);
    assert_string_equal(value_of(find(t, "1"), text), "b");
    assert_true(find(t, "1")->expects_none);
    assert_null(find(t, "2")->row);
    assert_false(find(t, "2")->expects_none);
    assert_string_equal(value_of(find(t, "3"), text), "again");
    assert_false(find(t, "3")->expects_none);
}

static void
a_changed_key_takes_the_row_along(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    char                                          text[64];
    (void) state;

    add(t, CHANGE_UPDATE, "1", NULL, "2", "moved");
    add(t, CHANGE_UPDATE, "2", NULL, "3", "~");

    assert_null(find(t, "1")->row);
    assert_null(find(t, "2")->row);
    assert_string_equal(value_of(find(t, "3"), text), "moved");
    assert_null(find(t, "3")->lake_key);
}

static void
a_hole_names_the_key_that_the_lake_has(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    char                                          text[64];
    (void) state;

    add(t, CHANGE_UPDATE, "1", NULL, "2", "~");
    add(t, CHANGE_UPDATE, "2", NULL, "3", "~");
    add(t, CHANGE_INSERT, NULL, NULL, "1", "another");
    add(t, CHANGE_UPDATE, NULL, NULL, "4", "~");
    add(t, CHANGE_UPDATE, NULL, NULL, "4", "filled");

    const row_entry *moved = find(t, "3");
    assert_string_equal(value_of(moved, text), "~");
    assert_memory_equal(moved->lake_key + 5, "1", 1);
    assert_null(find(t, "1")->lake_key);
    assert_null(find(t, "4")->lake_key);
    assert_string_equal(value_of(find(t, "4"), text), "filled");
}

static void
truncate_forgets_what_came_before(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    (void) state;

    for (unsigned i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        add(t, CHANGE_INSERT, NULL, NULL, key, "x");
    }
    add(t, CHANGE_TRUNCATE, NULL, NULL, NULL, NULL);
    add(t, CHANGE_INSERT, NULL, NULL, "7", "y");

    assert_true(table_changes_truncated(t));
    assert_int_equal(table_changes_entry_count(t), 1);
    assert_int_equal(table_changes_event_count(t), 5002);
}

static void
whole_rows_are_counted(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = NULL;
    firn_error                                    err = {0};
    (void) state;

    assert_int_equal(table_changes_new(NULL, 0, &t, &err), FIRN_OK);
    add(t, CHANGE_INSERT, NULL, NULL, "a", "1");
    add(t, CHANGE_INSERT, NULL, NULL, "a", "1");
    add(t, CHANGE_DELETE, "b", "1", NULL, NULL);
    add(t, CHANGE_UPDATE, "a", "1", "a", "2");
    add(t, CHANGE_UPDATE, "c", "9", "d", "~");

    int32_t found[5];
    assert_int_equal(table_changes_entry_count(t), 5);
    for (uint32_t i = 0; i < 5; i++) found[i] = table_changes_entry(t, i)->count;
    const int32_t wanted[] = {1, -1, 1, -1, 1};
    assert_memory_equal(found, wanted, sizeof wanted);
}

static void
a_change_without_its_key_is_refused(void **state)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = new_keyed();
    tuple_bytes                                   room;
    firn_error                                    err = {0};
    change event = {.op = CHANGE_INSERT, .relation = &relation, .new = tuple(&room, NULL, "x")};
    (void) state;

    assert_int_equal(table_changes_add(t, &event, 0, &err), FIRN_FAILED);
    assert_int_equal(err.code, FIRN_E_FOLLOW_ROW);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_snapshot_may_be_there), cmocka_unit_test(the_last_version_of_a_key_stays),   cmocka_unit_test(a_changed_key_takes_the_row_along),
        cmocka_unit_test(a_hole_names_the_key_that_the_lake_has), cmocka_unit_test(truncate_forgets_what_came_before),
        cmocka_unit_test(whole_rows_are_counted),            cmocka_unit_test(a_change_without_its_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
