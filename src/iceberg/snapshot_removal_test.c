#include "iceberg/snapshot_removal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "iceberg/live_files.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_merge.h"
#include "iceberg/snapshot_producer.h"
#include "iceberg/table_metadata_read.h"
#include "storage/local.h"

static const data_type type_long = {.kind = TYPE_LONG};

typedef struct world {
    char            folder[200], location[220];
    storage        *files;
    table_schema   *schema;
    table_metadata *table;
    firn_error      err;
} world;

/* The change on the table as it is, which then is the table. */
static firn_status
step(world *w, const table_change *change)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    table_metadata *made = NULL;

    firn_buffer_init(&text, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(snapshot_produce(change, w->table, w->location, w->files, &text, &w->err));
    FIRN_TRY(table_metadata_read(firn_buffer_slice(&text), NULL, &made, &w->err));
    table_metadata_unref(w->table);
    w->table = made;
    return FIRN_OK;
}

static void
append(world *w, const char *path, firn_slice *partition)
{
    data_file    file = {.path = path, .format = "PARQUET", .record_count = 1, .size_bytes = 10, .content_offset = -1,
                         .content_size_bytes = -1, .first_row_id = -1, .partition_count = partition ? 1 : 0,
                         .partition = partition};
    table_change change = {.operation = "append", .added = &file, .added_count = 1};

    assert_int_equal(step(w, &change), FIRN_OK);
}

static int
set_up(void **state)
{
    const schema_field field = {.id = 1, .name = "ID", .required = true, .type = &type_long};
    world             *w = calloc(1, sizeof *w);
    const char        *temporary = firn_environment("TMPDIR");

    snprintf(w->folder, sizeof w->folder, "%s/firn-removal-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->location, sizeof w->location, "file://%s", w->folder);
    assert_int_equal(storage_local_new(&w->files, &w->err), FIRN_OK);
    assert_int_equal(schema_new(0, &field, 1, NULL, 0, false, &w->schema, &w->err), FIRN_OK);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    table_metadata_unref(w->table);
    schema_unref(w->schema);
    assert_int_equal(w->files->ops->remove_tree(w->files, w->folder, &err), FIRN_OK);
    storage_free(w->files);
    free(w);
    return 0;
}

static void
create(world *w, int format_version, const char *const *partition_by)
{
    table_change change = {.schema = w->schema, .format_version = format_version, .partition_by = partition_by,
                           .partition_by_count = partition_by ? 1 : 0};

    assert_int_equal(step(w, &change), FIRN_OK);
}

static void
test_snapshots_go_and_history_begins_behind_them(void **state)
{
    world       *w = *state;
    int64_t      ids[2];
    table_change change = {.removed_snapshots = ids, .removed_snapshot_count = 2};

    create(w, 2, NULL);
    for (int i = 0; i < 4; i++) append(w, i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : "d", NULL);
    ids[0] = w->table->snapshots[0].snapshot_id;
    ids[1] = w->table->snapshots[2].snapshot_id;
    int64_t kept = w->table->snapshots[1].snapshot_id, current = w->table->current_snapshot->snapshot_id;

    assert_int_equal(step(w, &change), FIRN_OK);

    assert_int_equal(w->table->snapshot_count, 2);
    assert_non_null(table_metadata_snapshot_by_id(w->table, kept));
    assert_int_equal(w->table->current_snapshot->snapshot_id, current);
    // Behind the gap only the current one can be told by time.
    assert_int_equal(w->table->snapshot_log_count, 1);
    assert_int_equal(w->table->snapshot_log[0].snapshot_id, current);
    // The ids are gone: saying it again changes nothing.
    assert_int_equal(step(w, &change), FIRN_OK);
    assert_int_equal(w->table->snapshot_count, 2);
}

static void
test_the_current_snapshot_and_what_refs_name_stay(void **state)
{
    world             *w = *state;
    int64_t            id;
    const char *const  main_ref[] = {"main"};
    table_change       change = {.removed_snapshots = &id, .removed_snapshot_count = 1};

    create(w, 3, NULL);
    append(w, "a", NULL);
    id = w->table->current_snapshot->snapshot_id;

    assert_int_equal(step(w, &change), FIRN_CONFLICT);
    firn_error_reset(&w->err);
    change.removed_refs = main_ref;
    change.removed_ref_count = 1;
    assert_int_equal(step(w, &change), FIRN_CONFLICT);
    firn_error_reset(&w->err);
    assert_int_equal(w->table->snapshot_count, 1);
}

/* A branch grows beside main, and main goes over to it at once. */
static void
test_a_branch_is_merged(void **state)
{
    world       *w = *state;
    data_file    file = {.path = "b", .format = "PARQUET", .record_count = 1, .size_bytes = 10, .content_offset = -1,
                         .content_size_bytes = -1, .first_row_id = -1};
    table_change on_branch = {.operation = "append", .added = &file, .added_count = 1, .branch = "work"};
    table_change merge = {.merged_branch = "work"};

    create(w, 3, NULL);
    assert_int_equal(step(w, &merge), FIRN_CONFLICT); // no such branch
    firn_error_reset(&w->err);
    append(w, "a", NULL);
    int64_t first = w->table->current_snapshot->snapshot_id;
    for (int part = 0; part < 2; part++) {
        file.path = part ? "c" : "b";
        assert_int_equal(step(w, &on_branch), FIRN_OK);
        FIRN_AUTO(table_metadata_unrefp) table_metadata *view = table_metadata_at_branch(w->table, "work");
        assert_int_equal(w->table->current_snapshot->snapshot_id, first);
        assert_int_equal(w->table->snapshot_log_count, 1);
        assert_int_equal(table_metadata_record_count(view), 2 + part);
        assert_true(table_metadata_descends_from(view, view->current_snapshot, first));
    }

    // A writer on main in between: the branch does not have its rows.
    FIRN_AUTO(table_metadata_unrefp) table_metadata *before = table_metadata_ref(w->table);
    append(w, "other", NULL);
    assert_int_equal(step(w, &merge), FIRN_CONFLICT);
    firn_error_reset(&w->err);

    // Without a snapshot of its own, and with one.
    for (int more = 0; more < 2; more++) {
        table_metadata_unref(w->table);
        w->table = table_metadata_ref(before);
        file.path = "d";
        if (more) merge = (table_change){.operation = "append", .added = &file, .added_count = 1, .merged_branch = "work"};
        assert_int_equal(step(w, &merge), FIRN_OK);
        assert_int_equal(table_metadata_record_count(w->table), 3 + more);
        assert_int_equal(w->table->ref_count, 1);
        assert_int_equal(w->table->snapshot_log_count, 2);
        assert_int_equal(w->table->snapshot_log[1].snapshot_id, w->table->current_snapshot->snapshot_id);
        assert_true(table_metadata_descends_from(w->table, w->table->current_snapshot, first));
    }
}

static void
test_statistics_go_with_their_snapshot(void **state)
{
    world          *w = *state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char            raw[256];
    table_metadata  draft;
    metadata_member member = {"statistics", raw};
    int64_t         id;
    table_change    change = {.removed_snapshots = &id, .removed_snapshot_count = 1};

    create(w, 2, NULL);
    append(w, "a", NULL);
    append(w, "b", NULL);
    id = w->table->snapshots[0].snapshot_id;
    snprintf(raw, sizeof raw, "[{\"snapshot-id\":%lld,\"statistics-path\":\"x\"},{\"snapshot-id\":%lld,\"statistics-path\":\"y\"}]",
             (long long) id, (long long) w->table->snapshots[1].snapshot_id);
    draft = *w->table;
    draft.members = &member;
    draft.member_count = 1;

    assert_int_equal(snapshot_removal_apply(&change, &draft, &arena, &w->err), FIRN_OK);

    assert_null(strstr(draft.members[0].raw, "\"x\""));
    assert_non_null(strstr(draft.members[0].raw, "\"y\""));
}

/* ---- manifests put together, sequence numbers of rows ---- */

static size_t
manifest_count(world *w, firn_arena *arena, const manifest_file **ret_manifests)
{
    size_t count = 0;

    assert_int_equal(manifest_list_read(w->files, w->table->current_snapshot->manifest_list, arena, ret_manifests,
                                        &count, &w->err), FIRN_OK);
    return count;
}

static void
test_manifests_are_merged_in_the_order_of_partitions(void **state)
{
    static const char *const by_id[] = {"ID"};
    static const char *const paths[] = {"p3", "p1", "p2", "p0", "p5", "p4"};
    world               *w = *state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const manifest_file *manifests;
    live_files           before, after;
    table_change         change = {.operation = "replace", .manifest_merge = {8 << 20, 3}};

    for (int version = 2; version <= 3; version++) {
        table_metadata_unref(w->table);
        w->table = NULL;
        create(w, version, by_id);
        for (int i = 0; i < 6; i++) {
            int64_t    id = paths[i][1] - '0';
            firn_slice value = firn_slice_of(&id, sizeof id);

            append(w, paths[i], &value);
        }
        assert_int_equal(live_files_read(w->table, w->table->current_snapshot, w->files, &arena, &before, &w->err), FIRN_OK);
        assert_int_equal(manifest_count(w, &arena, &manifests), 6);

        assert_int_equal(step(w, &change), FIRN_OK);

        assert_int_equal(manifest_count(w, &arena, &manifests), 1);
        assert_int_equal(manifests[0].existing_file_count, 6);
        assert_int_equal(manifests[0].min_sequence_number, 1);
        assert_int_equal(live_files_read(w->table, w->table->current_snapshot, w->files, &arena, &after, &w->err), FIRN_OK);
        assert_int_equal(after.data_count, 6);
        for (size_t i = 0; i < 6; i++) {
            const manifest_entry *entry = &after.data[i];
            size_t                b = 0;

            assert_int_equal(entry->file.path[1], '0' + (int) i);
            while (strcmp(before.data[b].file.path, entry->file.path) != 0) b++;
            assert_int_equal(entry->sequence_number, before.data[b].sequence_number);
            assert_int_equal(entry->file_sequence_number, before.data[b].file_sequence_number);
            assert_int_equal(entry->snapshot_id, before.data[b].snapshot_id);
            assert_int_equal(entry->file.first_row_id, before.data[b].file.first_row_id);
        }
        assert_string_equal(snapshot_summary(w->table->current_snapshot, "manifests-replaced"), "6");
        assert_string_equal(snapshot_summary(w->table->current_snapshot, "total-data-files"), "6");
    }
}

static void
test_few_or_large_manifests_stay(void **state)
{
    manifest_file           m[3] = {{.size_bytes = 100}, {.size_bytes = 100}, {.size_bytes = 900}};
    manifest_merge_settings settings = {1000, 3};
    size_t                  results;

    (void) state;
    assert_int_equal(manifest_merge_count(&settings, m, 3, &results), 0);
    settings.count_min = 2;
    assert_int_equal(manifest_merge_count(&settings, m, 3, &results), 2);
    assert_int_equal(results, 1);
    m[1].content = MANIFEST_DELETES;
    assert_int_equal(manifest_merge_count(&settings, m, 3, &results), 0);
}

static void
test_rewritten_rows_keep_their_sequence_number(void **state)
{
    world            *w = *state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file         file = {.path = "ab", .format = "PARQUET", .record_count = 2, .size_bytes = 10, .content_offset = -1,
                              .content_size_bytes = -1, .first_row_id = -1};
    const char *const gone[] = {"a", "b"};
    live_files        live;
    table_change      change = {.operation = "replace", .added = &file, .added_count = 1, .added_sequence_number = 2,
                                .removed_paths = gone, .removed_path_count = 2};

    create(w, 2, NULL);
    append(w, "a", NULL);
    append(w, "b", NULL);
    append(w, "c", NULL);

    assert_int_equal(step(w, &change), FIRN_OK);

    assert_int_equal(live_files_read(w->table, w->table->current_snapshot, w->files, &arena, &live, &w->err), FIRN_OK);
    assert_int_equal(live.data_count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool is_new = strcmp(live.data[i].file.path, "ab") == 0;

        assert_int_equal(live.data[i].sequence_number, is_new ? 2 : 3);
        assert_int_equal(live.data[i].file_sequence_number, is_new ? 4 : 3);
    }
    assert_string_equal(snapshot_summary(w->table->current_snapshot, "total-records"), "3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_snapshots_go_and_history_begins_behind_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_current_snapshot_and_what_refs_name_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_branch_is_merged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_statistics_go_with_their_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manifests_are_merged_in_the_order_of_partitions, set_up, tear_down),
        cmocka_unit_test(test_few_or_large_manifests_stay),
        cmocka_unit_test_setup_teardown(test_rewritten_rows_keep_their_sequence_number, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
