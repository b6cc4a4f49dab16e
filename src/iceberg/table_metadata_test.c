#include "iceberg/table_metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "iceberg/table_metadata_read.h"
#include "iceberg/table_metadata_write.h"

/* Tables of Spark 3.5 with Iceberg 1.4.2 and 1.10.0, and of PyIceberg 0.12; see fuzz/README.md. */
static const char *fixture_folder;

static char *
read_fixture(const char *name)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error err = {0};
    char       path[1000];

    snprintf(path, sizeof path, "%s/%s", fixture_folder, name);
    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, &err), FIRN_OK);
    return firn_strndup((const char *) text.data, text.size);
}

static firn_status
read_text(const char *text, table_metadata **ret_metadata, firn_error *err)
{
    return table_metadata_read(firn_slice_text(text), "test.metadata.json", ret_metadata, err);
}

static void
write_text(const table_metadata *m, firn_buffer *out)
{
    firn_error err = {0};

    firn_buffer_init(out, 1 << 20);
    assert_int_equal(table_metadata_write(m, out, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(out, 0, &err), FIRN_OK);
}

/* `text` with the first `find` replaced. */
static char *
replace(const char *text, const char *find, const char *by)
{
    const char *at = strstr(text, find);
    size_t      size = strlen(text) + strlen(by) + 1;
    char       *out = malloc(size);

    if (!at) fail_msg("the fixture has no %s", find);
    snprintf(out, size, "%.*s%s%s", (int) (at - text), text, by, at + strlen(find));
    return out;
}

static void
a_table_of_spark_is_understood(void **state)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    FIRN_AUTO(firn_freep) char *text = read_fixture("spark-1.4-v2.json");
    firn_error      err = {0};
    const snapshot *s;

    (void) state;
    assert_int_equal(read_text(text, &m, &err), FIRN_OK);
    assert_int_equal(table_metadata_format_version(m), 2);
    assert_string_equal(table_metadata_location(m), "file:///lake/db/t");
    assert_int_equal(m->last_sequence_number, 3);
    assert_int_equal(m->schema_count, 4);
    assert_int_equal(m->schema->schema_id, 3);
    assert_int_equal(schema_column_index(m->schema, "full_name"), 1);
    assert_int_equal(schema_column_index(table_metadata_schema_by_id(m, 0), "name"), 1);
    assert_int_equal(m->schema->key_ids[0], 1);
    assert_string_equal(m->schema->fields[0].doc, "the key");
    assert_int_equal(m->default_spec->field_count, 3);
    assert_int_equal(m->default_spec->fields[1].transform.kind, TRANSFORM_BUCKET);
    assert_int_equal(m->default_spec->fields[1].transform.parameter, 16);
    assert_int_equal(m->last_partition_id, 1002);
    assert_int_equal(m->default_sort_order->field_count, 2);
    assert_true(m->default_sort_order->fields[0].descending && m->default_sort_order->fields[0].nulls_last);
    assert_int_equal(table_metadata_property_i64(m, "write.metadata.previous-versions-max", 100), 3);
    assert_int_equal(table_metadata_property_i64(m, "owner", 7), 7); // no number
    assert_int_equal(m->ref_count, 3);
    assert_int_equal(table_metadata_record_count(m), 1);
    s = table_metadata_current_snapshot(m);
    assert_string_equal(s->operation, "delete");
    assert_int_equal(s->sequence_number, 3);
    assert_string_equal(snapshot_summary(s, "deleted-records"), "1");
    assert_null(snapshot_summary(s, "operation"));
    assert_ptr_equal(table_metadata_snapshot_by_id(m, s->parent_id), &m->snapshots[1]);
    assert_ptr_equal(table_metadata_snapshot_as_of(m, m->snapshot_log[1].timestamp_ms), &m->snapshots[1]);
    assert_ptr_equal(table_metadata_snapshot_as_of(m, m->snapshot_log[2].timestamp_ms - 1), &m->snapshots[1]);
    assert_ptr_equal(table_metadata_snapshot_as_of(m, INT64_MAX), s);
    assert_null(table_metadata_snapshot_as_of(m, m->snapshot_log[0].timestamp_ms - 1));
}

static void
older_and_newer_versions_are_understood(void **state)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *one = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *three = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *oldest = NULL;
    FIRN_AUTO(firn_freep) char *text1 = read_fixture("spark-1.10-v1.json");
    FIRN_AUTO(firn_freep) char *text3 = read_fixture("spark-1.10-v3.json");
    firn_error err = {0};

    (void) state;
    assert_int_equal(read_text(text1, &one, &err), FIRN_OK);
    assert_int_equal(one->format_version, 1);
    assert_int_equal(one->current_snapshot->sequence_number, 0);
    assert_int_equal(read_text(text3, &three, &err), FIRN_OK);
    assert_int_equal(three->next_row_id, 2);
    assert_int_equal(three->snapshots[1].first_row_id, 1);
    assert_int_equal(three->member_count, 2); // statistics, partition-statistics
    // As the first writers of version 1 had it: one schema, one spec, no ids.
    assert_int_equal(read_text("{\"format-version\":1,\"location\":\"/t\",\"last-updated-ms\":1,\"last-column-id\":1,"
                               "\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,"
                               "\"type\":\"int\"}]},\"partition-spec\":[{\"name\":\"a\",\"transform\":\"identity\","
                               "\"source-id\":1}],\"current-snapshot-id\":-1,\"snapshots\":[]}",
                               &oldest, &err),
                     FIRN_OK);
    assert_null(table_metadata_uuid(oldest));
    assert_null(table_metadata_current_snapshot(oldest));
    assert_int_equal(oldest->last_partition_id, 1000);
    assert_int_equal(oldest->default_sort_order->field_count, 0);
    assert_int_equal(table_metadata_record_count(oldest), 0);
}

/* Each member of what another writer wrote is there again, as it was. */
static void
a_rewrite_keeps_what_others_wrote(void **state)
{
    static const char *const names[] = {"spark-1.4-v2.json", "spark-1.10-v3.json"};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
        FIRN_AUTO(firn_freep) char *text = read_fixture(names[i]);
        FIRN_AUTO(firn_freep)
        char *strange = replace(text, "{", "{\"from-the-future\":{\"a\":[1,null,2.5,\"\xc3\xa4\"]},");
        FIRN_AUTO(firn_buffer_done) firn_buffer again = {0};
        FIRN_AUTO(jdoc_freep) jdoc *before = NULL;
        FIRN_AUTO(jdoc_freep) jdoc *after = NULL;
        firn_error err = {0};

        assert_int_equal(read_text(strange, &m, &err), FIRN_OK);
        write_text(m, &again);
        assert_int_equal(jdoc_parse(firn_slice_text(strange), "before", &before, &err), FIRN_OK);
        assert_int_equal(jdoc_parse(firn_slice_text((const char *) again.data), "after", &after, &err), FIRN_OK);
        assert_int_equal(jcount(jdoc_root(before)), jcount(jdoc_root(after)));
        for (size_t k = 0; k < jcount(jdoc_root(before)); k++) {
            FIRN_AUTO(firn_buffer_done) firn_buffer a = {0};
            FIRN_AUTO(firn_buffer_done) firn_buffer b = {0};
            const char *key = jkey_at(jdoc_root(before), k);

            firn_buffer_init(&a, 1 << 20);
            firn_buffer_init(&b, 1 << 20);
            assert_int_equal(jvalue_add_text(jvalue_at(jdoc_root(before), k), &a, &err), FIRN_OK);
            assert_int_equal(jvalue_add_text(jget(jdoc_root(after), key), &b, &err), FIRN_OK);
            if (!firn_slice_equal(firn_buffer_slice(&a), firn_buffer_slice(&b)))
                fail_msg("%s: %s became\n%.*s\n%.*s", names[i], key, (int) a.size, (char *) a.data, (int) b.size,
                         (char *) b.data);
        }
    }
}

static void
an_empty_table_makes_a_round_trip(void **state)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *back = NULL;
    FIRN_AUTO(firn_freep) char *text = read_fixture("pyiceberg-v2.json");
    FIRN_AUTO(firn_buffer_done) firn_buffer first = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer second = {0};
    firn_error err = {0};

    (void) state;
    assert_int_equal(read_text(text, &m, &err), FIRN_OK);
    write_text(m, &first);
    assert_non_null(strstr((const char *) first.data, "\"current-snapshot-id\":-1"));
    assert_int_equal(read_text((const char *) first.data, &back, &err), FIRN_OK);
    write_text(back, &second);
    assert_string_equal((const char *) first.data, (const char *) second.data);
}

static void
damage_is_named(void **state)
{
    static const struct {
        const char *find, *by;
        firn_status status;
    } cases[] = {
        {"\"format-version\":2", "\"format-version\":4", FIRN_UNSUPPORTED},
        {"\"format-version\":2", "\"format-version\":0", FIRN_CORRUPT},
        {"\"format-version\":2", "\"format-version\":\"2\"", FIRN_CORRUPT},
        {"\"format-version\":2", "\"other\":2", FIRN_CORRUPT},
        {"\"table-uuid\"", "\"x\"", FIRN_CORRUPT},
        {"\"location\"", "\"x\"", FIRN_CORRUPT},
        {"\"last-sequence-number\":3", "\"last-sequence-number\":-1", FIRN_CORRUPT},
        {"\"last-sequence-number\":3", "\"last-sequence-number\":9223372036854775807", FIRN_CORRUPT},
        {"\"last-column-id\":15", "\"last-column-id\":4294967296", FIRN_CORRUPT},
        {"\"current-schema-id\":3", "\"current-schema-id\":9", FIRN_CORRUPT},
        {"\"default-spec-id\":0", "\"default-spec-id\":1", FIRN_CORRUPT},
        {"\"default-sort-order-id\":1", "\"default-sort-order-id\":2", FIRN_CORRUPT},
        {"\"schemas\":[", "\"schemas\":[7,", FIRN_CORRUPT},
        {"\"partition-specs\"", "\"x\"", FIRN_CORRUPT},
        {"\"transform\":\"bucket[16]\"", "\"transform\":\"bucket[0]\"", FIRN_CORRUPT},
        {"\"owner\":\"root\"", "\"owner\":null", FIRN_CORRUPT},
        {"\"snapshots\":[", "\"snapshots\":[{},", FIRN_CORRUPT},
        {"\"snapshots\":[", "\"snapshots\":{},\"x\":[", FIRN_CORRUPT},
        {"\"snapshot-log\":[", "\"snapshot-log\":[{\"timestamp-ms\":1},", FIRN_CORRUPT},
        {"\"metadata-file\"", "\"x\"", FIRN_CORRUPT},
        {"\"type\":\"branch\"", "\"type\":\"twig\"", FIRN_CORRUPT},
        {"\"current-snapshot-id\":", "\"current-snapshot-id\":1,\"x\":", FIRN_CORRUPT},
        {"\"current-snapshot-id\":", "\"current-snapshot-id\":null,\"x\":", FIRN_CORRUPT}, // main says otherwise
        {"\"manifest-list\"", "\"x\"", FIRN_CORRUPT},
        {"\"format-version\":2", "\"format-version\":2,\"format-version\":2", FIRN_CORRUPT},
        {"\"type\":\"decimal(12, 2)\"", "\"type\":\"variant\"", FIRN_OK}, // an old schema
    };
    FIRN_AUTO(firn_freep) char *text = read_fixture("spark-1.4-v2.json");

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        char           *bad = replace(text, cases[i].find, cases[i].by);
        table_metadata *m = NULL;
        firn_error      err = {0};
        firn_status     status = read_text(bad, &m, &err);

        if (status != cases[i].status)
            fail_msg("%s → %s: %s (%s)", cases[i].find, cases[i].by, firn_status_name(status), err.cause);
        if (status != FIRN_OK && err.code == FIRN_E_ICEBERG_METADATA)
            assert_non_null(strstr(err.frame[err.frame_count - 1], "test.metadata.json"));
        table_metadata_unref(m);
        free(bad);
    }
}

static void
a_current_type_that_is_not_known_is_unsupported(void **state)
{
    FIRN_AUTO(firn_freep) char *text = read_fixture("spark-1.10-v1.json");
    FIRN_AUTO(firn_freep) char *bad = NULL;
    table_metadata *m = NULL;
    firn_error      err = {0};
    char           *first = replace(text, "\"type\":\"int\"", "\"type\":\"geometry(srid:4326)\"");

    (void) state;
    bad = replace(first, "\"type\":\"int\"", "\"type\":\"geometry(srid:4326)\""); // "schema" and "schemas"
    free(first);
    assert_int_equal(read_text(bad, &m, &err), FIRN_UNSUPPORTED);
    assert_non_null(strstr(err.cause, "geometry"));
}

/* The n-th allocation fails: an error, no leak. */
static void
exhausted_memory_is_an_error(void **state)
{
    FIRN_AUTO(firn_freep) char *text = read_fixture("spark-1.10-v3.json");

    (void) state;
    for (uint64_t nth = 1;; nth++) {
        table_metadata *m = NULL;
        firn_error      err = {0};
        firn_status     status;

        firn_alloc_fail_at(nth, 0);
        status = read_text(text, &m, &err);
        firn_alloc_fail_at(0, 0);
        table_metadata_unref(m);
        if (status == FIRN_OK) {
            assert_true(nth > 5);
            return;
        }
        assert_int_equal(status, FIRN_NO_MEMORY);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_spark_is_understood),
        cmocka_unit_test(older_and_newer_versions_are_understood),
        cmocka_unit_test(a_rewrite_keeps_what_others_wrote),
        cmocka_unit_test(an_empty_table_makes_a_round_trip),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_current_type_that_is_not_known_is_unsupported),
        cmocka_unit_test(exhausted_memory_is_an_error),
    };

    if (argc != 2) return 64;
    fixture_folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
