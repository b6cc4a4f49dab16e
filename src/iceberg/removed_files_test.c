#include "iceberg/removed_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "iceberg/live_files.h"
#include "iceberg/position_delete.h"
#include "iceberg/snapshot_producer.h"
#include "iceberg/table_metadata_read.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)
#define NOTHING .content_offset = -1, .content_size_bytes = -1, .first_row_id = -1, .sort_order_id = -1

static const data_type type_long = {.kind = TYPE_LONG};

typedef struct world {
    char            folder[120], location[140];
    storage        *files;
    table_schema   *schema;
    table_metadata *table;
    firn_error      err;
} world;

static int
set_up(void **state)
{
    const schema_field field = {.id = 1, .name = "ID", .required = true, .type = &type_long};
    world             *w = calloc(1, sizeof *w);
    char               made[40] = "removed_files_test.XXXXXX";
    char              *here;

    assert_non_null(mkdtemp(made));
    here = realpath(made, NULL);
    snprintf(w->folder, sizeof w->folder, "%s", here);
    snprintf(w->location, sizeof w->location, "file://%s", here);
    free(here);
    OK(storage_local_new(&w->files, &w->err));
    OK(schema_new(0, &field, 1, NULL, 0, false, &w->schema, &w->err));
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
    OK(w->files->ops->remove_tree(w->files, w->folder, &err));
    storage_free(w->files);
    free(w);
    return 0;
}

/* The change on the table as it is, which then is the table. */
static firn_status
step(world *w, table_change change)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    table_metadata *made = NULL;

    firn_buffer_init(&text, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(snapshot_produce(&change, w->table, w->location, w->files, &text, &w->err));
    FIRN_TRY(table_metadata_read(firn_buffer_slice(&text), NULL, &made, &w->err));
    table_metadata_unref(w->table);
    w->table = made;
    return FIRN_OK;
}

static void
refuse(world *w, table_change change, const char *cause)
{
    assert_int_equal(step(w, change), FIRN_CONFLICT);
    assert_int_equal(w->err.code, FIRN_E_CATALOG_FILE_GONE);
    assert_non_null(strstr(w->err.cause, cause));
    firn_error_reset(&w->err);
}

static data_file
data(const char *path)
{
    return (data_file){.path = path, .format = "PARQUET", .record_count = 100, .size_bytes = 10, NOTHING};
}

/* All vectors of a test lie in one Puffin file. */
static data_file
vector(const char *target, int64_t offset, int64_t rows)
{
    return (data_file){.content = DATA_FILE_POSITION_DELETES, .path = "dv.puffin", .format = "PUFFIN",
                       .record_count = rows, .size_bytes = 1000, .referenced_data_file = target,
                       .content_offset = offset, .content_size_bytes = 50, .first_row_id = -1, .sort_order_id = -1};
}

static data_file
positions(const char *path, const char *target)
{
    data_file file = data(path);

    file.content = DATA_FILE_POSITION_DELETES;
    file.referenced_data_file = target;
    return file;
}

/* A table with the data files a and b, and vectors of both. */
static void
create_with_vectors(world *w)
{
    const data_file files[] = {data("a"), data("b")}, vectors[] = {vector("a", 4, 3), vector("b", 54, 5)};

    OK(step(w, (table_change){.schema = w->schema, .format_version = 3, .operation = "append", .added = files,
                            .added_count = 2}));
    OK(step(w, (table_change){.operation = "delete", .added = vectors, .added_count = 2}));
}

static void
expect_summary(world *w, const char *key, const char *value)
{
    const char *is = snapshot_summary(w->table->current_snapshot, key);

    if (!value)
        assert_null(is);
    else
        assert_string_equal(is ? is : "(none)", value);
}

static unsigned
count_deletes(world *w, const char *target)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live;
    unsigned   count = 0;

    OK(live_files_read(w->table, w->table->current_snapshot, w->files, &arena, &live, &w->err));
    for (size_t i = 0; i < live.delete_count; i++) {
        const char *is = live.deletes[i].file.referenced_data_file;

        count += is ? strcmp(is, target) == 0 : target[0] == '\0';
    }
    return count;
}

static void
a_vector_takes_the_place_of_one(void **state)
{
    world          *w = *state;
    const data_file old = vector("a", 4, 3), new = vector("a", 200, 9);

    create_with_vectors(w);
    expect_summary(w, "added-dvs", "2");
    expect_summary(w, "added-delete-files", "2");
    expect_summary(w, "added-position-deletes", "8");
    expect_summary(w, "added-position-delete-files", NULL);
    expect_summary(w, "added-files-size", "100");

    OK(step(w, (table_change){.operation = "delete", .added = &new, .added_count = 1, .removed_vectors = &old,
                            .removed_vector_count = 1}));

    assert_int_equal(count_deletes(w, "a"), 1);
    assert_int_equal(count_deletes(w, "b"), 1); // of the same Puffin file
    expect_summary(w, "added-dvs", "1");
    expect_summary(w, "removed-dvs", "1");
    expect_summary(w, "removed-position-deletes", "3");
    expect_summary(w, "total-position-deletes", "14");
    expect_summary(w, "total-delete-files", "2");
}

static void
a_second_vector_is_a_conflict(void **state)
{
    world          *w = *state;
    const data_file other = vector("a", 300, 1), new = vector("a", 200, 9);

    create_with_vectors(w);

    refuse(w, (table_change){.operation = "delete", .added = &new, .added_count = 1},
           "has got a deletion vector meanwhile");
    refuse(w, (table_change){.operation = "delete", .added = &new, .added_count = 1, .removed_vectors = &other,
                             .removed_vector_count = 1},
           "no longer has the deletion vector");
    assert_int_equal(w->table->snapshot_count, 2);
}

static void
a_file_that_goes_takes_its_vector(void **state)
{
    world            *w = *state;
    const char *const path = "a";

    create_with_vectors(w);
    OK(step(w, (table_change){.operation = "delete", .removed_paths = &path, .removed_path_count = 1}));
    assert_int_equal(count_deletes(w, "a"), 0);
    assert_int_equal(count_deletes(w, "b"), 1);
    expect_summary(w, "removed-dvs", "1");
    expect_summary(w, "deleted-data-files", "1");
}

static void
a_vector_never_goes_by_path(void **state)
{
    world            *w = *state;
    const char *const path = "dv.puffin";

    create_with_vectors(w);
    refuse(w, (table_change){.operation = "delete", .removed_paths = &path, .removed_path_count = 1},
           "is no longer in the table");
}

static void
required_files_must_be_there(void **state)
{
    world            *w = *state;
    const char *const paths[] = {"a", "gone"};
    table_change      change = {.operation = "append", .required_paths = paths, .required_path_count = 2};

    create_with_vectors(w);
    refuse(w, change, "'gone' is no longer in the table");
    change.required_path_count = 1;
    OK(step(w, change));
    // Nothing is read where the caller knows the snapshot.
    change.required_path_count = 2;
    change.required_at = w->table->current_snapshot->snapshot_id;
    OK(step(w, change));
    change.required_at = w->table->current_snapshot->parent_id;
    refuse(w, change, "'gone' is no longer in the table");
}

static void
position_deletes_go_with_their_file(void **state)
{
    world            *w = *state;
    data_file_column  bounds = {DELETE_PATH_ID, -1, -1, -1, -1, {(const uint8_t *) "a", 1}, {(const uint8_t *) "a", 1}};
    data_file         deletes[] = {positions("d1", "a"), positions("d2", "b"), positions("d3", NULL),
                                   positions("d4", NULL)};
    const data_file   files[] = {data("a"), data("b")};
    const char *const path = "a";

    deletes[2].columns = &bounds; // as older writers say it
    deletes[2].column_count = 1;
    OK(step(w, (table_change){.schema = w->schema, .operation = "append", .added = files,
                            .added_count = 2}));
    OK(step(w, (table_change){.operation = "delete", .added = deletes, .added_count = 4}));
    expect_summary(w, "added-position-delete-files", "4");
    expect_summary(w, "added-dvs", NULL);

    OK(step(w, (table_change){.operation = "delete", .removed_paths = &path, .removed_path_count = 1}));

    assert_int_equal(count_deletes(w, "a"), 0);
    assert_int_equal(count_deletes(w, "b"), 1);
    assert_int_equal(count_deletes(w, ""), 1); // of several data files
    expect_summary(w, "removed-position-delete-files", "2");
}

static void
each_version_has_its_kind_of_deletes(void **state)
{
    world          *w = *state;
    const data_file file = data("a"), deletes = positions("d", "a"), dv = vector("a", 4, 1);

    OK(step(w, (table_change){.schema = w->schema, .operation = "append", .added = &file, .added_count = 1}));
    assert_int_equal(step(w, (table_change){.operation = "delete", .added = &dv, .added_count = 1}), FIRN_BUG);
    firn_error_reset(&w->err);
    table_metadata_unref(w->table);
    w->table = NULL;
    create_with_vectors(w);
    refuse(w, (table_change){.operation = "delete", .added = &deletes, .added_count = 1}, "format version 3");
}

static void
no_memory_is_an_error(void **state)
{
    world            *w = *state;
    const data_file   old = vector("a", 4, 3), new = vector("a", 200, 9);
    const char *const path = "b";

    create_with_vectors(w);
    for (uint64_t nth = 1;; nth++) {
        firn_status status;

        firn_alloc_fail_at(nth, 0);
        status = step(w, (table_change){.operation = "overwrite", .added = &new, .added_count = 1,
                                        .removed_vectors = &old,
                                        .removed_vector_count = 1, .removed_paths = &path, .removed_path_count = 1});
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&w->err);
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
    }
    assert_int_equal(count_deletes(w, "a"), 1);
    assert_int_equal(count_deletes(w, "b"), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_vector_takes_the_place_of_one),     TEST(a_second_vector_is_a_conflict),
        TEST(a_file_that_goes_takes_its_vector),   TEST(a_vector_never_goes_by_path),
        TEST(required_files_must_be_there),        TEST(position_deletes_go_with_their_file),
        TEST(each_version_has_its_kind_of_deletes), TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
