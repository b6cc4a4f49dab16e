/* Tables maintained beside other writers and failing storages: whatever happens, the rows are the same. */
#include "maintain/maintain_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "batch/column_builder.h"
#include "catalog/commit.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/file_names.h"
#include "scan/scan_reader.h"
#include "storage/faulty.h"
#include "storage/local.h"
#include "write/delete_writer.h"
#include "write/roll_writer.h"

#define OK(call) assert_int_equal((call), FIRN_OK)

enum { IDS = 4000 };

static const data_type type_long = {.kind = TYPE_LONG};

typedef struct world {
    char          folder[200], warehouse[220];
    storage      *local, *files; /* files: the faulty double over local */
    catalog      *c, *other;     /* other: without faults */
    table_schema *schema, *key;
    const char   *levels[1];
    table_ident   ident;
    firn_error    err;
    int64_t       count;     /* ids so far: 0 … count - 1 were appended */
    uint8_t       live[IDS]; /* how often each is to be there */
    void (*meanwhile)(struct world *w); /* done once, when maintain begins its first data file */
    uint64_t fired;
} world;

static int
set_up(void **state)
{
    const schema_field fields[] = {{.id = 1, .name = "ID", .required = true, .type = &type_long},
                                   {.id = 2, .name = "V", .type = &type_long}};
    world             *w = calloc(1, sizeof *w);
    const char        *temporary = firn_environment("TMPDIR");

    snprintf(w->folder, sizeof w->folder, "%s/firn-maintain-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->warehouse, sizeof w->warehouse, "file://%s", w->folder);
    OK(storage_local_new(&w->local, &w->err));
    OK(storage_faulty_new(w->local, &w->files, &w->err));
    OK(hadoop_catalog_new(w->warehouse, w->files, &w->c, &w->err));
    OK(hadoop_catalog_new(w->warehouse, w->local, &w->other, &w->err));
    OK(schema_new(0, fields, 2, NULL, 0, false, &w->schema, &w->err));
    OK(schema_new(0, fields, 1, NULL, 0, false, &w->key, &w->err));
    w->levels[0] = "ns";
    w->ident = (table_ident){w->levels, 1, "T"};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    catalog_free(w->c);
    catalog_free(w->other);
    schema_unref(w->schema);
    schema_unref(w->key);
    OK(w->local->ops->remove_tree(w->local, w->folder, &err));
    storage_free(w->files);
    storage_free(w->local);
    free(w);
    return 0;
}

/* ---- another writer ---- */

static void
commit(world *w, const table_change *change)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = NULL;

    if (w->other->ops->load(w->other, &w->ident, &base, &w->err)) firn_error_reset(&w->err);
    OK(catalog_commit_change(w->other, &w->ident, base, change, NULL, NULL, &w->err));
}

static table_metadata *
load(world *w)
{
    table_metadata *m = NULL;

    OK(w->other->ops->load(w->other, &w->ident, &m, &w->err));
    return m;
}

static void
create(world *w, int version)
{
    static const table_property patient[] = {{"commit.retry.min-wait-ms", "1"}, {"commit.retry.max-wait-ms", "5"}};
    table_change change = {.schema = w->schema, .format_version = version, .properties = patient, .property_count = 2};

    commit(w, &change);
}

static void
make_rows(table_schema *schema, int64_t first, int64_t count, batch *ret_rows)
{
    firn_error      err = {0};
    column_builder *columns[2] = {0};

    for (unsigned c = 0; c < schema->field_count; c++) {
        OK(column_builder_new(&type_long, 1 << 24, &columns[c], &err));
        for (int64_t i = 0; i < count; i++) OK(column_add_i64(columns[c], first + i, &err));
    }
    OK(batch_from_builders(schema, columns, ret_rows, &err));
    for (unsigned c = 0; c < schema->field_count; c++) column_builder_free(columns[c]);
}

/* One data file of new ids. */
static void
append(world *w, int64_t count)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(data_file_list_done) data_file_list files = {0};
    char                 prefix[UUID_TEXT_SIZE];
    roll_writer         *writer = NULL;
    batch                rows;
    roll_writer_settings settings = {.files = w->local,
                                     .data_location = file_name_data_folder(&arena, m->location),
                                     .prefix = prefix,
                                     .schema = w->schema,
                                     .spec = m->default_spec,
                                     .options = parquet_options_default,
                                     .target_file_size_bytes = 1 << 30,
                                     .memory_bytes_max = 1 << 26};

    assert_true(w->count + count <= IDS);
    uuid_format(uuid_v7(), prefix);
    make_rows(w->schema, w->count, count, &rows);
    OK(roll_writer_new(&settings, &writer, &w->err));
    OK(roll_writer_add(writer, &rows.array, &w->err));
    OK(roll_writer_finish(writer, &files, &w->err));
    roll_writer_free(writer);
    batch_done(&rows);
    table_change change = {.operation = "append", .added = files.files, .added_count = files.count};
    commit(w, &change);
    for (int64_t i = 0; i < count; i++) w->live[w->count++] = 1;
}

/* As Flink does it: a file of keys. */
static void
delete_equal(world *w, int64_t first, int64_t count)
{
    static const int32_t key_id[] = {1};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char             id[UUID_TEXT_SIZE];
    firn_sink       *sink = NULL;
    parquet_writer  *writer = NULL;
    parquet_file_info info;
    batch            rows;

    uuid_format(uuid_v7(), id);
    const char *path = firn_arena_printf(&arena, "%s/data/%s-eq.parquet", m->location, id);
    make_rows(w->key, first, count, &rows);
    OK(w->local->ops->open_sink(w->local, path, &sink, &w->err));
    OK(parquet_writer_open(w->key, &parquet_options_default, sink, &writer, &w->err));
    OK(parquet_writer_add(writer, &rows.array, &w->err));
    OK(parquet_writer_close(writer, &info, &w->err));
    parquet_writer_free(writer);
    batch_done(&rows);
    data_file    file = {.content = DATA_FILE_EQUALITY_DELETES, .path = path, .format = "PARQUET", .record_count = count,
                         .size_bytes = (int64_t) info.size_bytes, .sort_order_id = -1, .equality_id_count = 1,
                         .equality_ids = key_id, .content_offset = -1, .content_size_bytes = -1, .first_row_id = -1};
    table_change change = {.operation = "delete", .added = &file, .added_count = 1};
    commit(w, &change);
    parquet_file_info_done(&info);
    for (int64_t i = first; i < first + count; i++) w->live[i] = 0;
}

/* The first live row of each data file. */
static void
delete_positions(world *w)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(scan_plan_freep) scan_plan *plan = NULL;
    FIRN_AUTO(delete_files_done) delete_files made = {0};
    scan_settings    scan = {.files = w->local, .table = m, .snap = m->current_snapshot, .columns = w->schema};
    const scan_task *tasks;
    size_t           count, target_count = 0;
    char             prefix[UUID_TEXT_SIZE];
    delete_target    targets[64];

    uuid_format(uuid_v7(), prefix);
    OK(scan_plan_open(&scan, &plan, &w->err));
    OK(scan_plan_rest(plan, &arena, &tasks, &count, &w->err));
    assert_true(count > 0 && count <= 64);
    for (size_t i = 0; i < count; i++) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        batch      rows = {0};
        roaring64 *set = roaring64_new();

        OK(scan_task_open(&scan, &tasks[i], &reader, &w->err));
        OK(batch_reader_next(reader, &rows, &w->err));
        if (!batch_row_count(&rows)) { // all of it is deleted
            roaring64_free(set);
            continue;
        }
        OK(roaring64_add(set, scan_reader_positions(reader)[0], &w->err));
        w->live[((const int64_t *) rows.array.children[0]->buffers[1])[rows.array.children[0]->offset]] = 0;
        batch_done(&rows);
        targets[target_count++] = (delete_target){&tasks[i].data->file, set, tasks[i].delete_count, tasks[i].deletes};
    }
    delete_writer_settings settings = {.files = w->local, .table = m, .prefix = prefix, .memory_bytes_max = 1 << 26,
                                       .data_location = file_name_data_folder(&arena, m->location)};
    OK(delete_writer_write(&settings, targets, target_count, &made, &w->err));
    table_change change = {.operation = "delete",
                           .added = made.added.files,
                           .added_count = made.added.count,
                           .removed_vectors = made.removed_vectors,
                           .removed_vector_count = made.removed_vector_count,
                           .removed_paths = made.removed_paths,
                           .removed_path_count = made.removed_path_count,
                           .required_paths = made.required_paths,
                           .required_path_count = made.required_path_count};
    commit(w, &change);
    for (size_t i = 0; i < target_count; i++) roaring64_free((roaring64 *) (uintptr_t) targets[i].rows);
}

/* As Spark's ALTER TABLE: the next metadata file says version 3. */
static void
upgrade(world *w)
{
    static const char version[] = "\"format-version\":2,";
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0}, next = {0}, path = {0};
    const char    *name = strrchr(m->metadata_location, '/') + 1, *at;
    storage       *s = w->local;
    storage_object object;
    int64_t        number;

    firn_buffer_init(&text, 1 << 20);
    firn_buffer_init(&next, 1 << 20);
    firn_buffer_init(&path, 1 << 12);
    OK(s->ops->stat(s, m->metadata_location, &object, &w->err));
    OK(s->ops->read_range(s, m->metadata_location, 0, object.size_bytes, &text, &w->err));
    OK(firn_buffer_add(&text, "", 1, &w->err));
    at = strstr((const char *) text.data, version);
    assert_non_null(at);
    OK(firn_buffer_printf(&next, &w->err, "%.*s\"format-version\":3,\"next-row-id\":0,%s",
                          (int) (at - (const char *) text.data), (const char *) text.data, at + strlen(version)));
    assert_true(text_parse_i64(firn_slice_of(name + 1, strcspn(name, ".") - 1), &number));
    OK(firn_buffer_printf(&path, &w->err, "%.*sv%lld.metadata.json", (int) (name - m->metadata_location),
                          m->metadata_location, (long long) number + 1));
    OK(firn_buffer_add(&path, "", 1, &w->err));
    OK(s->ops->put_new(s, (const char *) path.data, firn_buffer_slice(&next), &w->err));
}

/* ---- what is there ---- */

static void
assert_rows(world *w)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    scan_settings scan = {.files = w->local, .table = m, .snap = m->current_snapshot, .columns = w->schema};
    uint8_t       seen[IDS] = {0};

    OK(scan_table_open(&scan, &reader, &w->err));
    for (;;) {
        batch rows = {0};

        OK(batch_reader_next(reader, &rows, &w->err));
        if (!batch_row_count(&rows)) break;
        for (int64_t i = 0; i < batch_row_count(&rows); i++) {
            const struct ArrowArray *ids = rows.array.children[0], *values = rows.array.children[1];
            int64_t                  id = ((const int64_t *) ids->buffers[1])[ids->offset + i];

            assert_true(id >= 0 && id < w->count);
            assert_int_equal(((const int64_t *) values->buffers[1])[values->offset + i], id);
            seen[id]++;
        }
        batch_done(&rows);
    }
    assert_memory_equal(seen, w->live, sizeof seen);
}

static firn_status
maintain(world *w, unsigned steps, maintain_result *ret_result, firn_error *err)
{
    maintain_settings settings = {.steps = steps, .snapshot_age_ms = -1, .delete_ratio_percent = 1,
                                  .memory_bytes = (size_t) 192 << 20, .worker_count = 2};

    return maintain_table(&settings, (maintain_budget){0}, w->c, &w->ident, NULL, ret_result, err);
}

/* ---- tests ---- */

static void
equality_deletes_vanish(void **state)
{
    world          *w = *state;
    maintain_result result;

    for (int version = 2; version <= 3; version++) {
        w->count = 0;
        memset(w->live, 0, sizeof w->live);
        create(w, version);
        append(w, 50);
        append(w, 50);
        delete_equal(w, 10, 60);
        append(w, 50); // younger than the deletes
        assert_rows(w);

        OK(maintain(w, MAINTAIN_COMPACT | MAINTAIN_DELETES, &result, &w->err));

        assert_int_equal(result.before.delete_file_count, 1);
        assert_int_equal(result.after.delete_file_count, 0);
        assert_int_equal(result.after.row_count, 90);
        assert_rows(w);
        delete_equal(w, 100, 5); // also of compacted rows
        delete_equal(w, 0, 5);
        assert_rows(w);
        OK(w->other->ops->drop(w->other, &w->ident, &w->err));
    }
}

static void
fire(void *state, uint64_t nth, const char *call, const char *location)
{
    world *w = state;

    (void) nth;
    if (strcmp(call, "open_sink") != 0 || !strstr(location, "/data/") || w->fired) return;
    w->fired = 1;
    w->meanwhile(w);
}

static void
append_meanwhile(world *w)
{
    append(w, 7);
}

static void
delete_equal_meanwhile(world *w)
{
    delete_equal(w, 20, 100);
}

static void
delete_all_kinds_meanwhile(world *w)
{
    delete_positions(w);
    delete_equal(w, 40, 10);
    append(w, 3);
}

static void
compact_meanwhile(world *w)
{
    maintain_result   result;
    maintain_settings settings = {.steps = MAINTAIN_COMPACT, .memory_bytes = (size_t) 128 << 20, .worker_count = 1};

    OK(maintain_table(&settings, (maintain_budget){0}, w->other, &w->ident, NULL, &result, &w->err));
}

static void
nothing_is_lost_beside_another_writer(void **state)
{
    void (*const others[])(world *) = {append_meanwhile, delete_equal_meanwhile, delete_positions, delete_all_kinds_meanwhile,
                                       compact_meanwhile};
    world          *w = *state;
    maintain_result result;

    for (int version = 2; version <= 3; version++) {
        for (size_t i = 0; i < FIRN_COUNT(others); i++) {
            w->count = 0;
            memset(w->live, 0, sizeof w->live);
            create(w, version);
            for (int k = 0; k < 6; k++) append(w, 30);
            delete_positions(w);
            w->meanwhile = others[i];
            w->fired = 0;
            storage_faulty_hook(w->files, fire, w);

            OK(maintain(w, MAINTAIN_COMPACT | MAINTAIN_DELETES, &result, &w->err));

            storage_faulty_hook(w->files, NULL, NULL);
            assert_int_equal(w->fired, 1);
            assert_rows(w);
            if (others[i] == delete_positions) assert_true(result.dropped_group_count > 0);
            OK(maintain(w, MAINTAIN_ALL, &result, &w->err));
            assert_rows(w);
            assert_int_equal(result.after.delete_file_count, 0);
            OK(w->other->ops->drop(w->other, &w->ident, &w->err));
        }
    }
}

/* What an upgraded table has of position delete files becomes vectors, whoever else puts vectors there. */
static void
position_deletes_of_an_upgraded_table_become_vectors(void **state)
{
    void (*const others[])(world *) = {NULL, append_meanwhile, delete_equal_meanwhile, delete_positions,
                                       delete_all_kinds_meanwhile, compact_meanwhile};
    world          *w = *state;
    maintain_result result;

    for (size_t i = 0; i < FIRN_COUNT(others); i++) {
        w->count = 0;
        memset(w->live, 0, sizeof w->live);
        create(w, 2);
        for (int k = 0; k < 6; k++) append(w, 30);
        for (int k = 0; k < 2; k++) delete_positions(w);
        upgrade(w);
        append(w, 30);
        assert_rows(w);
        w->meanwhile = others[i];
        w->fired = 0;
        if (w->meanwhile) storage_faulty_hook(w->files, fire, w);

        OK(maintain(w, MAINTAIN_DELETES, &result, &w->err));

        storage_faulty_hook(w->files, NULL, NULL);
        assert_int_equal(w->fired, w->meanwhile != NULL);
        assert_int_equal(result.before.delete_file_count, 12);
        if (!w->meanwhile) assert_int_equal(result.after.delete_file_count, 6);
        assert_rows(w);
        delete_positions(w);
        assert_rows(w);
        OK(maintain(w, MAINTAIN_ALL, &result, &w->err));
        assert_rows(w);
        assert_int_equal(result.after.delete_file_count, 0);
        OK(w->other->ops->drop(w->other, &w->ident, &w->err));
    }
}

/* Calls all over the run fail, before or after their effect, or half done; each run another one. */
enum { FAILURES = 24 };

static void
every_failure_leaves_the_table_whole(void **state)
{
    static const faulty_effect effects[] = {FAULTY_BEFORE, FAULTY_AFTER, FAULTY_CUT};
    world          *w = *state;
    maintain_result result;
    uint64_t        calls = 0;
    unsigned        failed = 0;

    create(w, 2);
    for (int k = 0; k < 6; k++) append(w, 4);
    storage_faulty_arm(w->files, 0, FAULTY_NEVER, FIRN_E_STORAGE_IO, false);
    OK(maintain(w, MAINTAIN_ALL, &result, &w->err));
    calls = storage_faulty_calls(w->files);
    for (uint64_t i = 0; i < FAILURES; i++) {
        uint64_t   nth = 1 + i * calls / FAILURES;
        firn_error err = {0};

        for (int k = 0; k < 5; k++) append(w, 2);
        delete_positions(w);
        storage_faulty_arm(w->files, nth, effects[i % FIRN_COUNT(effects)], FIRN_E_STORAGE_IO, false);
        failed += maintain(w, MAINTAIN_ALL, &result, &err) != FIRN_OK;
        storage_faulty_arm(w->files, 0, FAULTY_NEVER, FIRN_E_STORAGE_IO, false);
        assert_rows(w);
        if (i % 8 == 0) OK(maintain(w, MAINTAIN_ALL, &result, &w->err));
    }
    assert_true(failed > FAILURES / 3);
    OK(maintain(w, MAINTAIN_ALL, &result, &w->err));
    assert_int_equal(result.after.delete_file_count, 0);
    assert_rows(w);
}

static void
a_budget_leaves_the_rest_for_the_next_call(void **state)
{
    static const table_property small[] = {{"write.target-file-size-bytes", "4096"}};
    world            *w = *state;
    table_change      change = {.properties = small, .property_count = 1};
    maintain_settings settings = {.steps = MAINTAIN_COMPACT, .memory_bytes = (size_t) 128 << 20, .worker_count = 1};
    maintain_result   result = {.more = true};
    unsigned          calls = 0;

    create(w, 2);
    commit(w, &change);
    for (int k = 0; k < 24; k++) append(w, 20);
    for (; result.more && calls < 20; calls++) {
        OK(maintain_table(&settings, (maintain_budget){.input_bytes_max = 1}, w->c, &w->ident, NULL, &result, &w->err));
        assert_rows(w);
    }
    assert_in_range(calls, 2, 19);
    assert_true(result.after.data_file_count < 12);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equality_deletes_vanish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_beside_another_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(position_deletes_of_an_upgraded_table_become_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_failure_leaves_the_table_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_leaves_the_rest_for_the_next_call, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
