/*
 * Whole loads from a fake source into a Hadoop catalog in a temporary folder, read back by firn's own
 * readers. What other programs think of such tables is asked in tests/e2e.
 */
#include "load/load_job.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/live_files.h"
#include "load/status_table.h"
#include "parquet/file_reader.h"
#include "storage/local.h"

#include "../../tests/support/fake_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const levels[] = {"bronze", "shop"};

typedef struct world {
    char           folder[64], warehouse[96];
    storage       *files;
    catalog       *lake;
    task_cancel   *cancel;
    fake_source    src;
    load_settings  settings;
    load_result    result;
    firn_error     err;
} world;

static const fake_table shop[] = {
    {"orders", 5000, TABLE_ORDINARY}, {"items", 1234, TABLE_PARTITIONED}, {"empty", 0, TABLE_ORDINARY}, {"a_view", 5, TABLE_VIEW}};

static int
set_up(void **state)
{
    world     *w = calloc(1, sizeof *w);
    firn_error err = {0};

    assert_non_null(w);
    (void) snprintf(w->folder, sizeof w->folder, "load_job_test.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    char *here = realpath(w->folder, NULL);
    (void) snprintf(w->warehouse, sizeof w->warehouse, "file://%s", here);
    free(here);
    assert_int_equal(storage_local_new(&w->files, &err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->files, &w->lake, &err), FIRN_OK);
    w->cancel = task_cancel_new();
    fake_source_init(&w->src, shop, 4);
    w->settings = (load_settings){.source_name = "shop",
                                  .schema_name = "public",
                                  .namespace_levels = levels,
                                  .namespace_level_count = 2,
                                  .parallel_workers = 2,
                                  .parallel_tables = 3,
                                  .batch_rows = 100,
                                  .memory_bytes = (uint64_t) 512 << 20,
                                  .retry_max = 3,
                                  .retry_backoff_ms = 1,
                                  .resume = true,
                                  .correlation_id = "test"};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    load_result_done(&w->result);
    assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &err), FIRN_OK);
    catalog_free(w->lake);
    storage_free(w->files);
    task_cancel_free(w->cancel);
    free(w);
    return 0;
}

static firn_status
run(world *w)
{
    load_result_done(&w->result);
    firn_error_reset(&w->err);
    return load_run(&w->settings, &w->src.base, w->lake, NULL, w->cancel, &w->result, &w->err);
}

static table_metadata *
load_lake_table(world *w, const char *name)
{
    table_metadata *table = NULL;
    table_ident     ident = {.namespace_levels = levels, .level_count = 2, .name = name};
    firn_error      err = {0};

    assert_int_equal(w->lake->ops->load(w->lake, &ident, &table, &err), FIRN_OK);
    return table;
}

typedef struct file_bytes {
    firn_buffer buffer;
} file_bytes;

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    file_bytes *bytes = state;

    assert_true(offset + size <= bytes->buffer.size);
    return firn_buffer_add(out, bytes->buffer.data + offset, size, err);
}

/* Marks each id in `seen`; a row that comes twice, or whose text is not its id's, fails. */
static void
mark_rows(const struct ArrowArray *rows, uint8_t *seen, int64_t row_count)
{
    const struct ArrowArray *id = rows->children[0], *text = rows->children[1];
    const int32_t           *offsets = text->buffers[1];

    for (int64_t i = 0; i < rows->length; i++) {
        int64_t value = ((const int64_t *) id->buffers[1])[i];
        bool    null = text->buffers[0] && !bitmap_get(text->buffers[0], (size_t) i);
        char    wanted[32];

        assert_in_range(value, 0, row_count - 1);
        assert_int_equal(seen[value], 0);
        seen[value] = 1;
        assert_int_equal(null, value % 7 == 0);
        (void) snprintf(wanted, sizeof wanted, "text %lld", (long long) value);
        if (!null) {
            assert_int_equal((size_t) (offsets[i + 1] - offsets[i]), strlen(wanted));
            assert_memory_equal((const char *) text->buffers[2] + offsets[i], wanted, strlen(wanted));
        }
    }
}

static void
assert_lake_has(world *w, const char *name, int64_t row_count)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = load_lake_table(w, name);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    uint8_t   *seen = calloc((size_t) row_count + 1, 1);
    live_files live = {0};
    firn_error err = {0};
    int64_t    count = 0;

    assert_int_equal(live_files_read(table, table_metadata_current_snapshot(table), w->files, &arena, &live, &err), FIRN_OK);
    for (size_t i = 0; i < live.data_count; i++) {
        file_bytes     bytes = {0};
        parquet_source source = {.name = live.data[i].file.path, .read = read_bytes, .state = &bytes};
        batch_reader  *reader = NULL;

        firn_buffer_init(&bytes.buffer, (size_t) 1 << 30);
        assert_int_equal(storage_read_all(w->files, live.data[i].file.path, &bytes.buffer, &err), FIRN_OK);
        assert_int_equal(live.data[i].file.size_bytes, bytes.buffer.size);
        source.size_bytes = bytes.buffer.size;
        assert_int_equal(parquet_reader_open(&source, table_metadata_schema(table), 1000, (size_t) 1 << 30, &reader, &err), FIRN_OK);
        for (;;) {
            batch b = {0};
            assert_int_equal(batch_reader_next(reader, &b, &err), FIRN_OK);
            if (!batch_row_count(&b)) break;
            mark_rows(&b.array, seen, row_count);
            count += b.array.length;
            batch_done(&b);
        }
        batch_reader_free(reader);
        firn_buffer_done(&bytes.buffer);
    }
    assert_int_equal(count, row_count);
    assert_int_equal(table_metadata_record_count(table), row_count);
    free(seen);
}

static const load_table_result *
result_of(const world *w, const char *name)
{
    for (unsigned i = 0; i < w->result.table_count; i++) {
        if (strcmp(w->result.tables[i].name, name) == 0) return &w->result.tables[i];
    }
    fail_msg("no result of '%s'", name);
    return NULL;
}

static void
each_table_arrives_whole_and_views_do_not(void **state)
{
    world *w = *state;
    w->src.splits_per_table = 7;

    assert_int_equal(run(w), FIRN_OK);

    assert_int_equal(w->result.table_count, 3);
    assert_int_equal(w->result.done_count, 3);
    assert_int_equal(w->result.row_count, 6234);
    assert_lake_has(w, "orders", 5000);
    assert_lake_has(w, "items", 1234);
    assert_lake_has(w, "empty", 0);
}

static void
a_new_table_is_one_version_with_position_and_origin(void **state)
{
    world *w = *state;

    assert_int_equal(run(w), FIRN_OK);

    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = load_lake_table(w, "orders");
    assert_int_equal(table->version, 1);
    assert_int_equal(table->snapshot_count, 1);
    assert_string_equal(table_metadata_property(table, "firn.load-position"), "0/1000");
    assert_string_equal(table_metadata_property(table, "firn.source-identity"), "fake:1:1");
    assert_string_equal(table_metadata_property(table, "firn.source-table"), "public.orders");
    assert_string_equal(table_metadata_property(table, "comment"), "a fake");
    assert_non_null(table_metadata_property(table, "firn.commit-id"));
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.position"), "0/1000");
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.coerced-values"), "0");
    assert_string_equal(snapshot_summary(table->current_snapshot, "firn.correlation-id"), "test");
    assert_int_equal(table_metadata_schema(table)->key_count, 1);
}

/* Wherever the connection breaks, before the first batch, between any two, or at the end. */
static void
a_broken_connection_leaves_each_row_once(void **state)
{
    world *w = *state;
    w->src.tables = (const fake_table[]){{"orders", 900, TABLE_ORDINARY}};
    w->src.table_count = 1;
    w->settings.resume = false;

    for (int at = 1; at <= 10; at++) {
        atomic_store(&w->src.batches, 0);
        atomic_store(&w->src.opens, 0);
        atomic_store(&w->src.break_at_batch, at);
        assert_int_equal(run(w), FIRN_OK);
        assert_int_equal(atomic_load(&w->src.opens), 2);
        assert_lake_has(w, "orders", 900);
    }
}

static void
parallel_splits_with_broken_connections_leave_each_row_once(void **state)
{
    world *w = *state;
    w->src.tables = (const fake_table[]){{"orders", 20000, TABLE_ORDINARY}};
    w->src.table_count = 1;
    w->src.splits_per_table = 16;
    w->settings.resume = false;

    for (int at = 5; at <= 200; at += 39) {
        atomic_store(&w->src.batches, 0);
        atomic_store(&w->src.break_at_batch, at);
        assert_int_equal(run(w), FIRN_OK);
        assert_lake_has(w, "orders", 20000);
    }
}

static void
a_failure_that_is_not_of_the_connection_fails_only_its_table(void **state)
{
    world *w = *state;
    w->settings.parallel_workers = 1;
    w->src.break_code = FIRN_E_VALUE_UNREPRESENTABLE;
    atomic_store(&w->src.break_at_batch, 3); /* of the biggest table, which comes first */

    assert_int_equal(run(w), FIRN_FAILED);

    assert_int_equal(w->err.code, FIRN_E_LOAD_TABLES_FAILED);
    assert_int_equal(result_of(w, "orders")->state, LOAD_FAILED);
    assert_int_equal(result_of(w, "orders")->error->code, FIRN_E_VALUE_UNREPRESENTABLE);
    assert_int_equal(w->result.done_count, 2);
    assert_lake_has(w, "items", 1234);
    table_metadata *none = NULL;
    table_ident     ident = {.namespace_levels = levels, .level_count = 2, .name = "orders"};
    firn_error      err = {0};
    assert_int_equal(w->lake->ops->load(w->lake, &ident, &none, &err), FIRN_NOT_FOUND);

    /* And the next run mends it, and it alone. */
    assert_int_equal(run(w), FIRN_OK);
    assert_int_equal(w->result.unchanged_count, 2);
    assert_lake_has(w, "orders", 5000);
}

static void
a_wrong_row_count_of_the_server_commits_nothing(void **state)
{
    world *w = *state;
    w->src.miscount = 1;
    w->settings.table_filters = (const char *const[]){"orders"};
    w->settings.table_filter_count = 1;

    assert_int_equal(run(w), FIRN_FAILED);

    assert_int_equal(result_of(w, "orders")->error->code, FIRN_E_LOAD_ROW_COUNT);
}

static void
a_second_run_reads_nothing(void **state)
{
    world *w = *state;
    assert_int_equal(run(w), FIRN_OK);
    int opens = atomic_load(&w->src.opens);
    w->src.position = "0/2000";

    assert_int_equal(run(w), FIRN_OK);

    assert_int_equal(atomic_load(&w->src.opens), opens);
    assert_int_equal(w->result.unchanged_count, 3);
    assert_string_equal(result_of(w, "orders")->position, "0/1000");
    assert_lake_has(w, "orders", 5000);
}

static void
without_resume_the_rows_are_replaced(void **state)
{
    world *w = *state;
    assert_int_equal(run(w), FIRN_OK);
    w->settings.resume = false;
    w->src.position = "0/2000";
    w->src.tables = (const fake_table[]){{"orders", 77, TABLE_ORDINARY}};
    w->src.table_count = 1;

    assert_int_equal(run(w), FIRN_OK);

    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = load_lake_table(w, "orders");
    assert_int_equal(table->snapshot_count, 2);
    assert_string_equal(table_metadata_property(table, "firn.load-position"), "0/2000");
    assert_lake_has(w, "orders", 77);
}

static void
a_table_of_another_schema_or_system_is_refused(void **state)
{
    world *w = *state;
    assert_int_equal(run(w), FIRN_OK);

    w->settings.schema_name = "other";
    assert_int_equal(run(w), FIRN_FAILED);
    assert_int_equal(result_of(w, "orders")->error->code, FIRN_E_CATALOG_FOREIGN_TABLE);

    w->settings.schema_name = "public";
    w->src.identity = "fake:2:1";
    assert_int_equal(run(w), FIRN_FAILED);
    assert_int_equal(result_of(w, "orders")->error->code, FIRN_E_CATALOG_FOREIGN_TABLE);

    w->src.identity = "fake:1:2"; /* promoted: the same system on another timeline */
    assert_int_equal(run(w), FIRN_OK);
    assert_lake_has(w, "orders", 5000);
}

static void
the_status_table_has_a_row_per_table(void **state)
{
    world      *w = *state;
    firn_arena  arena = {0};
    status_rows rows = {0};
    firn_error  err = {0};
    w->src.break_code = FIRN_E_VALUE_UNREPRESENTABLE;
    w->settings.parallel_workers = 1;
    atomic_store(&w->src.break_at_batch, 1);
    assert_int_equal(run(w), FIRN_FAILED);

    assert_int_equal(status_table_read(w->lake, levels, 2, &arena, &rows, &err), FIRN_OK);

    assert_int_equal(rows.count, 3);
    assert_string_equal(rows.rows[0].table_name, "empty");
    assert_string_equal(rows.rows[1].table_name, "items");
    assert_string_equal(rows.rows[1].load_status, "completed");
    assert_int_equal(rows.rows[1].record_count, 1234);
    assert_string_equal(rows.rows[1].load_position, "0/1000");
    assert_int_equal(rows.rows[1].primary_key_count, 1);
    assert_string_equal(rows.rows[1].primary_keys[0], "id");
    assert_string_equal(rows.rows[2].load_status, "failed");
    assert_non_null(strstr(rows.rows[2].error_message, "FIRN-2101"));
    firn_arena_done(&arena);
}

static void
empty_tables_are_left_out_where_asked(void **state)
{
    world *w = *state;
    w->settings.skip_empty_tables = true;

    assert_int_equal(run(w), FIRN_OK);

    assert_int_equal(result_of(w, "empty")->state, LOAD_SKIPPED);
    assert_int_equal(w->result.done_count, 2);
}

static void
filters_are_like_patterns_and_say_when_nothing_matches(void **state)
{
    world *w = *state;
    w->settings.table_filters = (const char *const[]){"ord%", "nothing"};
    w->settings.table_filter_count = 2;
    assert_int_equal(run(w), FIRN_OK);
    assert_int_equal(w->result.table_count, 1);

    w->settings.table_filters = (const char *const[]){"Orders"};
    w->settings.table_filter_count = 1;
    assert_int_equal(run(w), FIRN_NOT_FOUND);
    assert_non_null(strstr(w->err.hint, "orders"));
}

static void
fresh_start_drops_what_firn_made_from_this_schema(void **state)
{
    world      *w = *state;
    firn_buffer names = {0};
    firn_error  err = {0};
    assert_int_equal(run(w), FIRN_OK);

    firn_buffer_init(&names, 4096);
    assert_int_equal(load_fresh_start_list(&w->settings, w->lake, &names, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&names, 0, &err), FIRN_OK);
    assert_non_null(strstr((const char *) names.data, "orders\n"));
    assert_non_null(strstr((const char *) names.data, "_cdc_status\n"));
    firn_buffer_done(&names);

    w->settings.fresh_start = true;
    w->src.identity = "fake:9:1";
    assert_int_equal(run(w), FIRN_OK);
    assert_int_equal(w->result.unchanged_count, 0);
    assert_lake_has(w, "orders", 5000);
}

static void
partitions_get_files_of_their_own(void **state)
{
    world            *w = *state;
    const char *const by[] = {"bucket(4, id)"};
    w->settings.defaults.partition_by = by;
    w->settings.defaults.partition_by_count = 1;
    w->src.splits_per_table = 3;

    assert_int_equal(run(w), FIRN_OK);

    assert_lake_has(w, "orders", 5000);
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = load_lake_table(w, "orders");
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live = {0};
    assert_int_equal(live_files_read(table, table->current_snapshot, w->files, &arena, &live, &w->err), FIRN_OK);
    assert_true(live.data_count >= 4);
    for (size_t i = 0; i < live.data_count; i++) {
        assert_int_equal(live.data[i].file.partition_count, 1);
        assert_non_null(strstr(live.data[i].file.path, "id_bucket"));
    }
}

static void
a_cancelled_job_says_so(void **state)
{
    world *w = *state;
    task_cancel_request(w->cancel);

    assert_int_equal(run(w), FIRN_CANCELLED);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_table_arrives_whole_and_views_do_not),
        CASE(a_new_table_is_one_version_with_position_and_origin),
        CASE(a_broken_connection_leaves_each_row_once),
        CASE(parallel_splits_with_broken_connections_leave_each_row_once),
        CASE(a_failure_that_is_not_of_the_connection_fails_only_its_table),
        CASE(a_wrong_row_count_of_the_server_commits_nothing),
        CASE(a_second_run_reads_nothing),
        CASE(without_resume_the_rows_are_replaced),
        CASE(a_table_of_another_schema_or_system_is_refused),
        CASE(the_status_table_has_a_row_per_table),
        CASE(empty_tables_are_left_out_where_asked),
        CASE(filters_are_like_patterns_and_say_when_nothing_matches),
        CASE(fresh_start_drops_what_firn_made_from_this_schema),
        CASE(partitions_get_files_of_their_own),
        CASE(a_cancelled_job_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
