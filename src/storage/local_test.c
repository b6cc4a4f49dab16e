#include "storage/local.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "storage/faulty.h"
#include "task/task.h"

typedef struct fixture {
    storage   *files;
    char       folder[64];
    firn_error err;
    char       text[256]; /* of the last location made */
    char       long_text[NAME_MAX + 96];
} fixture;

static int
set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    snprintf(f->folder, sizeof f->folder, P_tmpdir "/firn-local-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(storage_local_new(&f->files, &f->err), FIRN_OK);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture   *f = *state;
    firn_error err = {0};

    assert_int_equal(f->files->ops->remove_tree(f->files, f->folder, &err), FIRN_OK);
    assert_int_not_equal(access(f->folder, F_OK), 0);
    storage_free(f->files);
    free(f);
    return 0;
}

static const char *
at(fixture *f, const char *name)
{
    snprintf(f->text, sizeof f->text, "file://%s/%s", f->folder, name);
    return f->text;
}

static void
expect_content(fixture *f, const char *name, const char *content)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};

    firn_buffer_init(&bytes, 1 << 24);
    assert_int_equal(storage_read_all(f->files, at(f, name), &bytes, &f->err), FIRN_OK);
    assert_int_equal(bytes.size, strlen(content));
    assert_memory_equal(bytes.data ? (const char *) bytes.data : "", content, bytes.size);
}

static firn_status
count_object(void *state, const storage_object *object, firn_error *err)
{
    (void) object;
    (void) err;
    ++*(unsigned *) state;
    return FIRN_OK;
}

static unsigned
count(fixture *f)
{
    unsigned found = 0;

    assert_int_equal(f->files->ops->list(f->files, f->folder, count_object, &found, &f->err), FIRN_OK);
    return found;
}

/* Also what list hides. */
static unsigned
count_on_disk(const fixture *f)
{
    char     command[128];
    unsigned found = 0;

    snprintf(command, sizeof command, "find %s -type f | wc -l", f->folder);
    FILE *pipe = popen(command, "r");
    assert_int_equal(fscanf(pipe, "%u", &found), 1);
    pclose(pipe);
    return found;
}

static void
sink_shows_nothing_before_finish(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;

    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "a/b/c.txt"), &sink, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "hel", 3, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "lo", 2, &f->err), FIRN_OK);
    assert_int_equal(count(f), 0);
    assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_OK);
    assert_int_equal(sink->written_bytes, 5);
    firn_sink_free(sink);

    assert_int_equal(count(f), 1);
    assert_int_equal(count_on_disk(f), 1);
    expect_content(f, "a/b/c.txt", "hello");
}

static void
abandoned_sink_leaves_nothing(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;

    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "x"), &sink, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "a", 1, &f->err), FIRN_OK);
    firn_sink_abort(sink);
    firn_sink_free(sink);
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "x"), &sink, &f->err), FIRN_OK);
    firn_sink_free(sink);

    assert_int_equal(count_on_disk(f), 0);
}

/* As a process that was killed while it wrote leaves it. */
static void
removing_takes_what_is_unfinished_of_this_object_only(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL, *other = NULL;

    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "x"), &sink, &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "x.y"), &other, &f->err), FIRN_OK);
    assert_int_equal(count_on_disk(f), 2);

    assert_int_equal(f->files->ops->remove(f->files, at(f, "x"), &f->err), FIRN_OK);

    assert_int_equal(count_on_disk(f), 1);
    assert_int_equal(firn_sink_finish(other, &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove(f->files, at(f, "none/x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove(f->files, at(f, "x.y/z"), &f->err), FIRN_OK);
    assert_int_equal(count_on_disk(f), 1);
    firn_sink_free(sink);
    firn_sink_free(other);
}

static void
the_longest_names_can_be_written(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;
    char       name[NAME_MAX + 1];

    for (size_t size = 200; size <= NAME_MAX; size++) {
        memset(name, 'n', size);
        name[size] = '\0';
        snprintf(f->long_text, sizeof f->long_text, "%s/%s", f->folder, name);
        assert_int_equal(f->files->ops->open_sink(f->files, f->long_text, &sink, &f->err), FIRN_OK);
        assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_OK);
        firn_sink_free(sink);
    }
    assert_int_equal(count_on_disk(f), NAME_MAX - 199);
}

static void
large_and_small_writes_keep_their_order(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;
    size_t     total = 0;
    uint8_t   *bytes = malloc(300000);
    FIRN_AUTO(firn_buffer_done) firn_buffer read = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer written = {0};

    firn_buffer_init(&read, 1 << 26);
    firn_buffer_init(&written, 1 << 26);
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "big"), &sink, &f->err), FIRN_OK);
    for (unsigned i = 0; i < 150; i++) {
        size_t size = (i * 7919u) % (i % 10 == 0 ? 300000 : 3000);
        for (size_t k = 0; k < size; k++) bytes[k] = (uint8_t) (total + k * 31);
        assert_int_equal(firn_sink_write(sink, bytes, size, &f->err), FIRN_OK);
        assert_int_equal(firn_buffer_add(&written, bytes, size, &f->err), FIRN_OK);
        total += size;
    }
    assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_OK);
    firn_sink_free(sink);

    assert_int_equal(storage_read_all(f->files, at(f, "big"), &read, &f->err), FIRN_OK);
    assert_true(firn_slice_equal(firn_buffer_slice(&read), firn_buffer_slice(&written)));
    free(bytes);
}

static void
nothing_is_overwritten(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;

    assert_int_equal(f->files->ops->put_new(f->files, at(f, "v1"), firn_slice_text("first"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "v1"), firn_slice_text("second"), &f->err), FIRN_CONFLICT);
    firn_error_reset(&f->err);
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "v1"), &sink, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "third", 5, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_CONFLICT);
    firn_sink_free(sink);
    firn_error_reset(&f->err);

    expect_content(f, "v1", "first");
    assert_int_equal(count_on_disk(f), 1);
}

static void
put_replaces_and_drops_the_old_checksum(void **state)
{
    fixture *f = *state;

    assert_int_equal(f->files->ops->put(f->files, at(f, "version-hint.text"), firn_slice_text("1"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put(f->files, at(f, ".version-hint.text.crc"), firn_slice_text("crc"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put(f->files, at(f, "version-hint.text"), firn_slice_text("22"), &f->err), FIRN_OK);

    expect_content(f, "version-hint.text", "22");
    assert_int_equal(count_on_disk(f), 1);
}

typedef struct race {
    storage    *files;
    const char *location;
    _Atomic int won, lost;
} race;

static firn_status
put_in_race(void *state, firn_error *err)
{
    race       *r = state;
    firn_status status = r->files->ops->put_new(r->files, r->location, firn_slice_text("mine"), err);

    if (status == FIRN_OK) atomic_fetch_add(&r->won, 1);
    if (status == FIRN_CONFLICT) atomic_fetch_add(&r->lost, 1);
    firn_error_reset(err);
    return FIRN_OK;
}

static void
one_of_many_writers_wins_each_version(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 20; round++) {
        char        location[128];
        race        r = {.files = f->files, .location = location};
        task_group *group = task_group_new(NULL);
        snprintf(location, sizeof location, "%s/new/v%d", f->folder, round);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(task_group_spawn(group, "racer", put_in_race, &r, &f->err), FIRN_OK);
        }
        assert_int_equal(task_group_join(group, &f->err), FIRN_OK);
        task_group_free(group);
        assert_int_equal(r.won, 1);
        assert_int_equal(r.lost, 3);
    }
    assert_int_equal(count_on_disk(f), 20);
}

static void
ranges_are_exact(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};

    firn_buffer_init(&bytes, 100);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "r"), firn_slice_text("0123456789"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->read_range(f->files, at(f, "r"), 3, 4, &bytes, &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->read_range(f->files, at(f, "r"), 9, 1, &bytes, &f->err), FIRN_OK);
    assert_true(firn_slice_equal(firn_buffer_slice(&bytes), firn_slice_text("34569")));
    assert_int_equal(f->files->ops->read_range(f->files, at(f, "r"), 8, 3, &bytes, &f->err), FIRN_CORRUPT);
    assert_int_equal(f->err.code, FIRN_E_STORAGE_SHORT);
    assert_int_equal(bytes.size, 5);
    firn_error_reset(&f->err);
    bytes.size_bytes_max = 8;
    assert_int_equal(storage_read_all(f->files, at(f, "r"), &bytes, &f->err), FIRN_CORRUPT);
    assert_int_equal(f->err.code, FIRN_E_STORAGE_TOO_LARGE);
    firn_error_reset(&f->err);
    assert_int_equal(storage_read_all(f->files, at(f, "none"), &bytes, &f->err), FIRN_NOT_FOUND);
    firn_error_reset(&f->err);
    assert_int_equal(storage_read_all(f->files, at(f, "r/none"), &bytes, &f->err), FIRN_NOT_FOUND);
    firn_error_reset(&f->err);
    assert_int_equal(storage_read_all(f->files, f->folder, &bytes, &f->err), FIRN_NOT_FOUND);
    firn_error_reset(&f->err);
}

static firn_status
stop_walk(void *state, const storage_object *object, firn_error *err)
{
    (void) object;
    ++*(unsigned *) state;
    return firn_fail(err, FIRN_E_CANCELLED, "enough");
}

static firn_status
check_folder(void *state, const storage_object *object, firn_error *err)
{
    fixture *f = state;

    (void) err;
    assert_string_equal(object->location, at(f, "a"));
    return FIRN_OK;
}

static void
walks_see_all_objects_and_only_them(void **state)
{
    fixture *f = *state;
    unsigned found = 0;

    assert_int_equal(count(f), 0);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "a/1"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "a/b/2"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "3"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put(f->files, at(f, ".x.tmp"), firn_slice_text("x"), &f->err), FIRN_OK);

    assert_int_equal(count(f), 3);
    assert_int_equal(f->files->ops->list_folders(f->files, at(f, ""), check_folder, f, &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->list(f->files, f->folder, stop_walk, &found, &f->err), FIRN_CANCELLED);
    assert_int_equal(found, 1);
    firn_error_reset(&f->err);
    assert_int_equal(f->files->ops->list(f->files, at(f, "none"), stop_walk, &found, &f->err), FIRN_OK);
}

static void
removing_does_not_follow_symlinks(void **state)
{
    fixture *f = *state;
    char     target[128], link[128];

    assert_int_equal(f->files->ops->put_new(f->files, at(f, "kept/1"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "gone/deep/2"), firn_slice_text("x"), &f->err), FIRN_OK);
    snprintf(target, sizeof target, "%s/kept", f->folder);
    snprintf(link, sizeof link, "%s/gone/link", f->folder);
    assert_int_equal(symlink(target, link), 0);

    assert_int_equal(f->files->ops->remove_tree(f->files, at(f, "gone"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove_tree(f->files, at(f, "gone"), &f->err), FIRN_OK);
    assert_int_equal(count(f), 1);
    assert_int_equal(f->files->ops->remove(f->files, at(f, "kept/1"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove(f->files, at(f, "kept/1"), &f->err), FIRN_OK);
    assert_int_equal(count(f), 0);
    assert_int_equal(f->files->ops->remove_tree(f->files, "file:///", &f->err), FIRN_USAGE);
    firn_error_reset(&f->err);
}

static void
folder_that_vanishes_is_made_again(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;

    assert_int_equal(f->files->ops->put_new(f->files, at(f, "t/1"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove_tree(f->files, at(f, "t"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->put_new(f->files, at(f, "t/2"), firn_slice_text("x"), &f->err), FIRN_OK);
    expect_content(f, "t/2", "x");

    // while a file is written, its folder goes: nothing can be finished, and nothing crashes
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "t/3"), &sink, &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->remove_tree(f->files, at(f, "t"), &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "x", 1, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_NOT_FOUND);
    firn_sink_free(sink);
    firn_error_reset(&f->err);
    assert_int_equal(count_on_disk(f), 0);
}

static void
file_in_the_way_of_a_folder_is_an_error(void **state)
{
    fixture   *f = *state;
    firn_sink *sink = NULL;

    assert_int_equal(f->files->ops->put_new(f->files, at(f, "t"), firn_slice_text("x"), &f->err), FIRN_OK);
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "t/a/1"), &sink, &f->err), FIRN_IO);
    firn_error_reset(&f->err);
}

/* A limit of the process stands for a full disk: the write stops in the middle. */
static void
file_that_cannot_grow_leaves_nothing(void **state)
{
    fixture      *f = *state;
    firn_sink    *sink = NULL;
    struct rlimit old, small;
    char          bytes[4096] = {0};
    firn_status   status = FIRN_OK;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    assert_int_equal(f->files->ops->open_sink(f->files, at(f, "full"), &sink, &f->err), FIRN_OK);
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 200 && status == FIRN_OK; i++) status = firn_sink_write(sink, bytes, sizeof bytes, &f->err);
    setrlimit(RLIMIT_FSIZE, &old);
    firn_sink_abort(sink);
    firn_sink_free(sink);

    assert_int_equal(status, FIRN_IO);
    firn_error_reset(&f->err);
    assert_int_equal(count_on_disk(f), 0);
}

static void
each_allocation_can_fail(void **state)
{
    fixture *f = *state;

    for (uint64_t n = 1;; n++) {
        firn_error  err = {0};
        storage    *files = NULL;
        firn_status status;
        char        location[128];

        snprintf(location, sizeof location, "%s/m/%u", f->folder, (unsigned) n);
        firn_alloc_fail_at(n, 0);
        status = storage_local_new(&files, &err);
        if (status == FIRN_OK) status = files->ops->put_new(files, location, firn_slice_text("x"), &err);
        firn_alloc_fail_at(0, 0);
        storage_free(files);
        if (status == FIRN_OK) break;
        assert_true(status == FIRN_NO_MEMORY || status == FIRN_UNKNOWN);
        assert_true(n < 100);
    }
}

static void
faults_come_at_the_nth_call(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(storage_freep) storage *faulty = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_sink *sink = NULL;

    firn_buffer_init(&bytes, 100);
    assert_int_equal(storage_faulty_new(f->files, &faulty, &f->err), FIRN_OK);
    storage_faulty_arm(faulty, 2, FAULTY_AFTER, FIRN_E_STORAGE_IO, false);
    assert_int_equal(faulty->ops->put_new(faulty, at(f, "1"), firn_slice_text("one"), &f->err), FIRN_OK);
    assert_int_equal(faulty->ops->put_new(faulty, at(f, "2"), firn_slice_text("two"), &f->err), FIRN_IO);
    firn_error_reset(&f->err);
    assert_int_equal(storage_faulty_calls(faulty), 2);
    expect_content(f, "2", "two");

    storage_faulty_arm(faulty, 1, FAULTY_BEFORE, FIRN_E_STORAGE_FULL, true);
    assert_int_equal(faulty->ops->put_new(faulty, at(f, "3"), firn_slice_text("x"), &f->err), FIRN_IO);
    firn_error_reset(&f->err);
    assert_int_equal(faulty->ops->put_new(faulty, at(f, "4"), firn_slice_text("x"), &f->err), FIRN_IO);
    firn_error_reset(&f->err);
    assert_int_equal(count(f), 2);

    storage_faulty_arm(faulty, 1, FAULTY_CUT, FIRN_E_STORAGE_SHORT, false);
    assert_int_equal(faulty->ops->read_range(faulty, at(f, "2"), 0, 3, &bytes, &f->err), FIRN_CORRUPT);
    firn_error_reset(&f->err);
    assert_int_equal(bytes.size, 1);

    storage_faulty_arm(faulty, 3, FAULTY_BEFORE, FIRN_E_STORAGE_IO, false);
    assert_int_equal(faulty->ops->open_sink(faulty, at(f, "5"), &sink, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_write(sink, "x", 1, &f->err), FIRN_OK);
    assert_int_equal(firn_sink_finish(sink, &f->err), FIRN_IO);
    firn_error_reset(&f->err);
    firn_sink_free(sink);
    assert_int_equal(count_on_disk(f), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sink_shows_nothing_before_finish),
        TEST(abandoned_sink_leaves_nothing),
        TEST(removing_takes_what_is_unfinished_of_this_object_only),
        TEST(the_longest_names_can_be_written),
        TEST(large_and_small_writes_keep_their_order),
        TEST(nothing_is_overwritten),
        TEST(put_replaces_and_drops_the_old_checksum),
        TEST(one_of_many_writers_wins_each_version),
        TEST(ranges_are_exact),
        TEST(walks_see_all_objects_and_only_them),
        TEST(removing_does_not_follow_symlinks),
        TEST(folder_that_vanishes_is_made_again),
        TEST(file_in_the_way_of_a_folder_is_an_error),
        TEST(file_that_cannot_grow_leaves_nothing),
        TEST(each_allocation_can_fail),
        TEST(faults_come_at_the_nth_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
