#include "catalog/hadoop_catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "catalog/commit.h"
#include "codec/compressor.h"
#include "iceberg/live_files.h"
#include "storage/faulty.h"
#include "storage/local.h"
#include "storage/location.h"

static const data_type type_long = {.kind = TYPE_LONG}, type_text = {.kind = TYPE_STRING};

/* A warehouse in a folder of its own. */
typedef struct world {
    char        folder[200], warehouse[220];
    storage    *local, *files; /* files: the faulty double over local */
    catalog    *c;
    firn_arena  arena;
    const char *levels[2];
    table_ident ident;
    firn_error  err;
} world;

static int
set_up(void **state)
{
    world      *w = calloc(1, sizeof *w);
    const char *temporary = firn_environment("TMPDIR");

    snprintf(w->folder, sizeof w->folder, "%s/firn-catalog-XXXXXX", temporary ? temporary : P_tmpdir);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->warehouse, sizeof w->warehouse, "file://%s/lake", w->folder);
    assert_int_equal(storage_local_new(&w->local, &w->err), FIRN_OK);
    assert_int_equal(storage_faulty_new(w->local, &w->files, &w->err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->files, &w->c, &w->err), FIRN_OK);
    w->levels[0] = "bronze";
    w->levels[1] = "shop";
    w->ident = (table_ident){w->levels, 2, "ORDERS"};
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    catalog_free(w->c);
    assert_int_equal(w->local->ops->remove_tree(w->local, w->folder, &err), FIRN_OK);
    storage_free(w->files);
    storage_free(w->local);
    firn_arena_done(&w->arena);
    free(w);
    return 0;
}

static table_schema *
make_schema(bool with_note)
{
    const schema_field fields[] = {
        {.id = 1, .name = "ID", .required = true, .type = &type_long},
        {.id = 2, .name = "NAME", .type = &type_text},
        {.id = 3, .name = "NOTE", .type = &type_text},
    };
    const int32_t key = 1;
    firn_error    err = {0};
    table_schema *schema;

    assert_int_equal(schema_new(0, fields, with_note ? 3 : 2, &key, 1, false, &schema, &err), FIRN_OK);
    return schema;
}

static data_file
make_file(world *w, const char *name, int64_t record_count)
{
    return (data_file){
        .path = firn_arena_printf(&w->arena, "%s/bronze/shop/ORDERS/data/%s", w->warehouse, name),
        .format = "PARQUET",
        .record_count = record_count,
        .size_bytes = 1000,
        .sort_order_id = 0,
        .content_offset = -1,
        .content_size_bytes = -1,
        .first_row_id = -1,
    };
}

static void
create(world *w, int format_version, table_metadata **ret_metadata)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema(false);
    data_file    file = make_file(w, "first.parquet", 10);
    table_change change = {.schema = schema, .format_version = format_version, .operation = "append", .added = &file,
                           .added_count = 1};

    assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &change, NULL, ret_metadata, &w->err), FIRN_OK);
}

static void
append(world *w, const table_metadata *base, const char *name, table_metadata **ret_metadata)
{
    data_file    file = make_file(w, name, 1);
    table_change change = {.operation = "append", .added = &file, .added_count = 1};

    assert_int_equal(catalog_commit_change(w->c, &w->ident, base, &change, NULL, ret_metadata, &w->err), FIRN_OK);
}

static table_metadata *
load(world *w)
{
    table_metadata *m = NULL;
    firn_status     status = w->c->ops->load(w->c, &w->ident, &m, &w->err);

    if (status != FIRN_OK) print_message("load: %s\n", w->err.cause);
    assert_int_equal(status, FIRN_OK);
    return m;
}

static const char *
metadata_path(world *w, const char *name)
{
    return firn_arena_printf(&w->arena, "%s/lake/bronze/shop/ORDERS/metadata/%s", w->folder, name);
}

static void
put_text(world *w, const char *name, const char *text)
{
    firn_error err = {0};

    assert_int_equal(file_write_atomic(metadata_path(w, name), firn_slice_text(text), 0644, &err), FIRN_OK);
}

static size_t
count_live(world *w, const table_metadata *m)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live;
    firn_error err = {0};

    assert_int_equal(live_files_read(m, m->current_snapshot, w->local, &arena, &live, &err), FIRN_OK);
    return live.data_count;
}

/* ---- creation ---- */

static void
a_table_is_made_with_its_rows_in_one_version(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *read = NULL;

    create(w, 2, &made);
    assert_int_equal(made->version, 1);
    read = load(w);
    assert_int_equal(read->version, 1);
    assert_string_equal(table_metadata_uuid(read), table_metadata_uuid(made));
    assert_int_equal(read->format_version, 2);
    assert_int_equal(read->snapshot_count, 1);
    assert_int_equal(read->last_partition_id, 999);
    assert_int_equal(read->last_column_id, 2);
    assert_int_equal(read->current_snapshot->sequence_number, 1);
    assert_int_equal(read->current_snapshot->parent_id, -1);
    assert_string_equal(snapshot_summary(read->current_snapshot, "added-data-files"), "1");
    assert_string_equal(snapshot_summary(read->current_snapshot, "added-records"), "10");
    assert_string_equal(snapshot_summary(read->current_snapshot, "total-records"), "10");
    assert_string_equal(snapshot_summary(read->current_snapshot, "total-files-size"), "1000");
    assert_string_equal(snapshot_summary(read->current_snapshot, "total-delete-files"), "0");
    assert_string_equal(snapshot_summary(read->current_snapshot, "changed-partition-count"), "1");
    assert_string_equal(snapshot_summary(read->current_snapshot, TABLE_COMMIT_ID_KEY),
                        table_metadata_property(read, TABLE_COMMIT_ID_KEY));
    assert_string_equal(table_metadata_property(read, "write.delete.mode"), "merge-on-read");
    assert_int_equal(table_metadata_record_count(read), 10);
    assert_int_equal(read->ref_count, 1);
    assert_string_equal(read->refs[0].name, "main");
    assert_int_equal(count_live(w, read), 1);
    assert_true(file_exists(metadata_path(w, "v1.metadata.json")));
    assert_false(file_exists(metadata_path(w, "v2.metadata.json")));
}

static void
a_table_is_made_once(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema(false);
    table_change change = {.schema = schema};

    create(w, 0, &made);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &change, NULL, NULL, &w->err), FIRN_CONFLICT);
    assert_int_equal(w->err.code, FIRN_E_CATALOG_EXISTS);
    firn_error_reset(&w->err);
}

static void
a_missing_table_is_not_found(void **state)
{
    world          *w = *state;
    table_metadata *m = NULL;

    assert_int_equal(w->c->ops->load(w->c, &w->ident, &m, &w->err), FIRN_NOT_FOUND);
    assert_int_equal(w->err.code, FIRN_E_CATALOG_TABLE_NOT_FOUND);
    firn_error_reset(&w->err);
    assert_int_equal(w->c->ops->drop(w->c, &w->ident, &w->err), FIRN_NOT_FOUND);
    firn_error_reset(&w->err);
}

static void
another_catalogs_table_is_left_alone(void **state)
{
    world *w = *state;
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema(false);
    table_change change = {.schema = schema};

    assert_int_equal(file_make_folders(firn_arena_printf(&w->arena, "%s/lake/bronze/shop/ORDERS/metadata", w->folder),
                                       0755, &w->err),
                     FIRN_OK);
    put_text(w, "00003-8a1b2c3d-0000-4000-8000-000000000000.metadata.json", "{}");
    assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &change, NULL, NULL, &w->err), FIRN_UNSUPPORTED);
    firn_error_reset(&w->err);
}

/* ---- changes ---- */

static void
version_three_gives_row_ids(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *next = NULL;

    create(w, 3, &made);
    assert_int_equal(made->next_row_id, 10);
    assert_int_equal(made->current_snapshot->first_row_id, 0);
    assert_int_equal(made->current_snapshot->added_rows, 10);
    append(w, made, "b.parquet", &next);
    assert_int_equal(next->next_row_id, 11);
    assert_int_equal(next->current_snapshot->first_row_id, 10);
    assert_int_equal(next->current_snapshot->added_rows, 1);
}

static void
files_are_replaced_and_removed(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *two = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *three = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *four = NULL;
    data_file    file = make_file(w, "third.parquet", 5);
    const char  *gone = make_file(w, "first.parquet", 10).path;
    table_change removal = {.operation = "overwrite", .removed_paths = &gone, .removed_path_count = 1, .added = &file,
                            .added_count = 1};
    data_file    all = make_file(w, "fourth.parquet", 7);
    table_change replacement = {.operation = "overwrite", .replace_all = true, .added = &all, .added_count = 1};

    create(w, 2, &made);
    append(w, made, "second.parquet", &two);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, two, &removal, NULL, &three, &w->err), FIRN_OK);
    assert_int_equal(count_live(w, three), 2);
    assert_string_equal(snapshot_summary(three->current_snapshot, "deleted-data-files"), "1");
    assert_string_equal(snapshot_summary(three->current_snapshot, "deleted-records"), "10");
    assert_string_equal(snapshot_summary(three->current_snapshot, "total-records"), "6");
    // The same again: the file is gone, and no retry can find it.
    assert_int_equal(catalog_commit_change(w->c, &w->ident, three, &removal, NULL, NULL, &w->err), FIRN_CONFLICT);
    assert_int_equal(w->err.code, FIRN_E_CATALOG_FILE_GONE);
    firn_error_reset(&w->err);

    assert_int_equal(catalog_commit_change(w->c, &w->ident, three, &replacement, NULL, &four, &w->err), FIRN_OK);
    assert_int_equal(count_live(w, four), 1);
    assert_string_equal(snapshot_summary(four->current_snapshot, "total-records"), "7");
    assert_string_equal(snapshot_summary(four->current_snapshot, "total-data-files"), "1");
    assert_int_equal(four->snapshot_count, 4);
    assert_int_equal(four->snapshot_log_count, 4);
    assert_int_equal(four->metadata_log_count, 3);
}

static void
schemas_and_properties_change_without_a_snapshot(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *two = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *three = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *wider = make_schema(true), *narrow = make_schema(false);
    const table_property set[] = {{"firn.position", "0/16B3748"}, {"note", "x \"y\""}};
    const char          *removed[] = {"note", "write.merge.mode", "never there"};
    table_change         evolution = {.schema = wider, .properties = set, .property_count = 2};
    table_change         back = {.schema = narrow, .removed_properties = removed, .removed_property_count = 3};

    create(w, 2, &made);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, made, &evolution, NULL, &two, &w->err), FIRN_OK);
    assert_int_equal(two->schema->schema_id, 1);
    assert_int_equal(two->schema_count, 2);
    assert_int_equal(two->last_column_id, 3);
    assert_int_equal(two->snapshot_count, 1);
    assert_string_equal(table_metadata_property(two, "note"), "x \"y\"");
    assert_int_equal(catalog_commit_change(w->c, &w->ident, two, &back, NULL, &three, &w->err), FIRN_OK);
    assert_int_equal(three->schema->schema_id, 0); // the table had it before
    assert_int_equal(three->schema_count, 2);
    assert_int_equal(three->last_column_id, 3);
    assert_null(table_metadata_property(three, "note"));
    assert_null(table_metadata_property(three, "write.merge.mode"));
    assert_string_equal(table_metadata_property(three, "firn.position"), "0/16B3748");
}

static void
a_partition_column_cannot_go(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *wider = make_schema(true), *narrow = make_schema(false);
    const char  *by[] = {"NOTE"};
    table_change creation = {.schema = wider, .partition_by = by, .partition_by_count = 1};
    table_change shrink = {.schema = narrow};

    assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &creation, NULL, &made, &w->err), FIRN_OK);
    assert_int_equal(made->last_partition_id, 1000);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, made, &shrink, NULL, NULL, &w->err), FIRN_USAGE);
    firn_error_reset(&w->err);
}

static void
logs_of_metadata_are_bounded(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    const table_property few = {"write.metadata.previous-versions-max", "3"};
    table_change         change = {.properties = &few, .property_count = 1};

    create(w, 2, &m);
    for (int i = 0; i < 6; i++) {
        table_metadata *next = NULL;

        assert_int_equal(catalog_commit_change(w->c, &w->ident, m, &change, NULL, &next, &w->err), FIRN_OK);
        table_metadata_unref(m);
        m = next;
    }
    assert_int_equal(m->version, 7);
    assert_int_equal(m->metadata_log_count, 3);
    assert_non_null(strstr(m->metadata_log[2].metadata_file, "/v6.metadata.json"));
    assert_non_null(strstr(m->metadata_log[0].metadata_file, "/v4.metadata.json"));
    assert_true(file_exists(metadata_path(w, "v1.metadata.json"))); // nothing is deleted
}

/* ---- the hint ---- */

static void
the_hint_may_lag_lie_or_be_missing(void **state)
{
    static const char *const hints[] = {"1", "2\n", "3", "99", "rubbish", "", "-1", "18446744073709551617", "0"};
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *one = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *two = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *three = NULL;

    create(w, 2, &one);
    append(w, one, "b.parquet", &two);
    append(w, two, "c.parquet", &three);
    for (size_t i = 0; i < FIRN_COUNT(hints); i++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;

        put_text(w, "version-hint.text", hints[i]);
        m = load(w);
        assert_int_equal(m->version, 3);
    }
    assert_int_equal(unlink(metadata_path(w, "version-hint.text")), 0);
    {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);

        assert_int_equal(m->version, 3);
    }
    // Old versions trimmed away, and the hint still names one of them.
    put_text(w, "version-hint.text", "1");
    assert_int_equal(unlink(metadata_path(w, "v1.metadata.json")), 0);
    {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *m = load(w);

        assert_int_equal(m->version, 3);
    }
}

static void
gzip_metadata_is_read_and_written(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *two = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *read = NULL;
    const table_property gzip = {"write.metadata.compression-codec", "gzip"};
    table_change         change = {.properties = &gzip, .property_count = 1};

    create(w, 2, &made);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, made, &change, NULL, &two, &w->err), FIRN_OK);
    assert_true(file_exists(metadata_path(w, "v2.gz.metadata.json")));
    assert_int_equal(rename(metadata_path(w, "v2.gz.metadata.json"), metadata_path(w, "v2.metadata.json.gz")), 0);
    read = load(w);
    assert_int_equal(read->version, 2);
    assert_int_equal(read->snapshot_count, 1);
}

static void
a_copied_table_is_read_but_not_written(void **state)
{
    world *w = *state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *copy = NULL;
    const char  *base = firn_arena_printf(&w->arena, "%s/lake/bronze/shop", w->folder);
    table_change change = {.removed_properties = NULL};

    create(w, 2, &made);
    assert_int_equal(
        rename(firn_arena_printf(&w->arena, "%s/ORDERS", base), firn_arena_printf(&w->arena, "%s/MOVED", base)), 0);
    w->ident.name = "MOVED";
    copy = load(w);
    assert_int_equal(copy->snapshot_count, 1);
    assert_int_equal(catalog_commit_change(w->c, &w->ident, copy, &change, NULL, NULL, &w->err), FIRN_USAGE);
    assert_int_equal(w->err.code, FIRN_E_STORAGE_LOCATION);
    firn_error_reset(&w->err);
}

/* ---- names, drop, list ---- */

typedef struct names {
    char     text[1000];
    unsigned count;
} names;

static firn_status
visit_name(void *state, const char *table_name, firn_error *err)
{
    names *n = state;

    (void) err;
    n->count++;
    snprintf(n->text + strlen(n->text), sizeof n->text - strlen(n->text), "%s|", table_name);
    return FIRN_OK;
}

static void
tables_are_listed_and_dropped(void **state)
{
    static const char *const odd[] = {"../../escape", ".", "a/b", "_cdc_status", "Kunden \xc3\xa4", "metadata"};
    world *w = *state;
    names  found = {0};

    for (size_t i = 0; i < FIRN_COUNT(odd); i++) {
        FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema(false);
        table_change change = {.schema = schema, .operation = "append"};
        const char  *location;

        w->ident.name = odd[i];
        assert_int_equal(w->c->ops->location(w->c, &w->ident, &w->arena, &location, &w->err), FIRN_OK);
        assert_true(strncmp(location, w->warehouse, strlen(w->warehouse)) == 0);
        assert_null(strstr(location, "/../"));
        assert_int_equal(catalog_commit_change(w->c, &w->ident, NULL, &change, NULL, NULL, &w->err), FIRN_OK);
    }
    assert_int_equal(w->c->ops->list(w->c, &w->ident, visit_name, &found, &w->err), FIRN_OK);
    assert_int_equal(found.count, FIRN_COUNT(odd));
    for (size_t i = 0; i < FIRN_COUNT(odd); i++) {
        assert_non_null(strstr(found.text, odd[i]));
        w->ident.name = odd[i];
        assert_int_equal(w->c->ops->drop(w->c, &w->ident, &w->err), FIRN_OK);
    }
    found = (names){0};
    assert_int_equal(w->c->ops->list(w->c, &w->ident, visit_name, &found, &w->err), FIRN_OK);
    assert_int_equal(found.count, 0);
}

/* A writer died, or is about to publish the first version. */
static void
a_table_without_a_version_is_not_listed(void **state)
{
    world      *w = *state;
    names       found = {0};
    const char *location;

    assert_int_equal(w->c->ops->location(w->c, &w->ident, &w->arena, &location, &w->err), FIRN_OK);
    location = location_join(&w->arena, location, "metadata/snap-1.avro");
    assert_int_equal(w->files->ops->put_new(w->files, location, (firn_slice){(const uint8_t *) "x", 1}, &w->err), FIRN_OK);
    assert_int_equal(w->c->ops->list(w->c, &w->ident, visit_name, &found, &w->err), FIRN_OK);
    assert_int_equal(found.count, 0);
}

static void
a_drop_spares_tables_below(void **state)
{
    world      *w = *state;
    const char *deeper[] = {"bronze", "shop", "ORDERS"};
    table_ident below = {deeper, 3, "LINES"};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *still = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = make_schema(false);
    table_change change = {.schema = schema};

    create(w, 2, &made);
    assert_int_equal(catalog_commit_change(w->c, &below, NULL, &change, NULL, NULL, &w->err), FIRN_OK);
    assert_int_equal(w->c->ops->drop(w->c, &w->ident, &w->err), FIRN_OK);
    assert_int_equal(w->c->ops->load(w->c, &below, &still, &w->err), FIRN_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_made_with_its_rows_in_one_version),
        TEST(a_table_is_made_once),
        TEST(a_missing_table_is_not_found),
        TEST(another_catalogs_table_is_left_alone),
        TEST(version_three_gives_row_ids),
        TEST(files_are_replaced_and_removed),
        TEST(schemas_and_properties_change_without_a_snapshot),
        TEST(a_partition_column_cannot_go),
        TEST(logs_of_metadata_are_bounded),
        TEST(the_hint_may_lag_lie_or_be_missing),
        TEST(gzip_metadata_is_read_and_written),
        TEST(a_copied_table_is_read_but_not_written),
        TEST(tables_are_listed_and_dropped),
        TEST(a_table_without_a_version_is_not_listed),
        TEST(a_drop_spares_tables_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
