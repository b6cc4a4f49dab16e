#include "iceberg/position_delete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)
#define LONG_NAME "/a/long/name/that/bounds/would/be/cut/in/bounds/would/be/cut/in/bounds/would/be/cut/in"

typedef struct world {
    char       folder[96], location[160];
    storage   *files;
    roaring64 *few, *many;
    firn_error err;
} world;

static int
set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    char   made[40] = "position_delete_test.XXXXXX";
    char  *here;

    assert_non_null(mkdtemp(made));
    here = realpath(made, NULL);
    snprintf(w->folder, sizeof w->folder, "%s", here);
    snprintf(w->location, sizeof w->location, "file://%s/d.parquet", here);
    free(here);
    OK(storage_local_new(&w->files, &w->err));
    w->few = roaring64_new();
    w->many = roaring64_new();
    OK(roaring64_add(w->few, 7, &w->err));
    OK(roaring64_add(w->few, UINT64_C(5) << 32, &w->err));
    for (uint64_t i = 0; i < 100000; i++) OK(roaring64_add(w->many, 3 * i, &w->err));
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    OK(w->files->ops->remove_tree(w->files, w->folder, &err));
    storage_free(w->files);
    roaring64_free(w->few);
    roaring64_free(w->many);
    free(w);
    return 0;
}

static data_file_column
column_of(const data_file *file, int32_t id)
{
    unsigned i = 0;

    while (i < file->column_count && file->columns[i].field_id != id) i++;
    assert_true(i < file->column_count);
    return file->columns[i];
}

static void
deletes_of_several_files_come_back(void **state)
{
    world                *w = *state;
    const position_delete deletes[] = {{LONG_NAME "/1", w->many}, {LONG_NAME "/2", w->few}};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(16 << 20);
    FIRN_AUTO(position_delete_set_freep) position_delete_set *one = position_delete_set_new(16 << 20);
    data_file file;

    OK(position_delete_write(w->files, w->location, deletes, 2, &arena, &file, &w->err));
    assert_int_equal(file.content, DATA_FILE_POSITION_DELETES);
    assert_int_equal(file.record_count, 100002);
    assert_null(file.referenced_data_file);
    assert_null(delete_file_target(&file).data);
    assert_true(firn_slice_equal(column_of(&file, DELETE_PATH_ID).lower, firn_slice_text(LONG_NAME "/1")));
    assert_true(firn_slice_equal(column_of(&file, DELETE_PATH_ID).upper, firn_slice_text(LONG_NAME "/2")));
    assert_memory_equal(column_of(&file, DELETE_POSITION_ID).upper.data, "\0\0\0\0\5\0\0\0", 8);

    OK(position_delete_set_read(set, w->files, &file, NULL, &w->err));
    assert_int_equal(position_delete_set_count(set), 2);
    assert_true(roaring64_equal(position_delete_set_get(set, LONG_NAME "/1"), w->many));
    assert_true(roaring64_equal(position_delete_set_get(set, LONG_NAME "/2"), w->few));
    assert_null(position_delete_set_get(set, "elsewhere"));
    OK(position_delete_set_read(one, w->files, &file, LONG_NAME "/2", &w->err));
    assert_int_equal(position_delete_set_count(one), 1);
    assert_true(roaring64_equal(position_delete_set_get(one, LONG_NAME "/2"), w->few));
}

static void
deletes_of_one_file_name_it(void **state)
{
    world                *w = *state;
    const position_delete deletes[] = {{LONG_NAME "/1", w->few}};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file file;

    OK(position_delete_write(w->files, w->location, deletes, 1, &arena, &file, &w->err));
    assert_string_equal(file.referenced_data_file, LONG_NAME "/1");
    file.referenced_data_file = NULL; // as older writers leave it
    assert_true(firn_slice_equal(delete_file_target(&file), firn_slice_text(LONG_NAME "/1")));
    file.content = DATA_FILE_DATA;
    assert_null(delete_file_target(&file).data);
}

static void
limits_hold(void **state)
{
    world                *w = *state;
    const position_delete deletes[] = {{"a", w->many}};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(700000);
    data_file file;

    OK(position_delete_write(w->files, w->location, deletes, 1, &arena, &file, &w->err));
    assert_int_equal(position_delete_set_read(set, w->files, &file, NULL, &w->err), FIRN_UNSUPPORTED);
    assert_int_equal(w->err.code, FIRN_E_PARQUET_LIMIT);
    firn_error_reset(&w->err);
    file.format = "AVRO";
    assert_int_equal(position_delete_set_read(set, w->files, &file, NULL, &w->err), FIRN_UNSUPPORTED);
    assert_int_equal(w->err.code, FIRN_E_ICEBERG_UNSUPPORTED);
}

static void
no_memory_is_an_error_and_leaves_no_file(void **state)
{
    world                *w = *state;
    const position_delete deletes[] = {{"a", w->few}, {"b", w->few}};

    for (uint64_t nth = 1;; nth++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        FIRN_AUTO(position_delete_set_freep) position_delete_set *set = NULL;
        data_file      file = {0};
        storage_object object;
        firn_status    status;

        firn_alloc_fail_at(nth, 0);
        status = position_delete_write(w->files, w->location, deletes, 2, &arena, &file, &w->err);
        if (status == FIRN_OK) {
            set = position_delete_set_new(1 << 20);
            status = set ? position_delete_set_read(set, w->files, &file, NULL, &w->err) : FIRN_NO_MEMORY;
        }
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&w->err);
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
        if (!file.path && w->files->ops->stat(w->files, w->location, &object, &w->err) == FIRN_NOT_FOUND)
            firn_error_reset(&w->err);
        OK(w->files->ops->remove(w->files, w->location, &w->err));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deletes_of_several_files_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deletes_of_one_file_name_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_an_error_and_leaves_no_file, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
