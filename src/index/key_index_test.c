#include "index/key_index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "index/key_base.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)

enum { KEYS = 60000 };

typedef struct world {
    char               folder[120];
    key_index_settings settings;
    key_index         *index;
    uint64_t           model[KEYS]; /* of key i: its place */
    uint32_t           file_count;
    unsigned           seed;
    int64_t            step;
    firn_error         err;
} world;

static int
set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    char   made[32] = "key_index_test.XXXXXX";
    char  *here;

    assert_non_null(mkdtemp(made));
    here = realpath(made, NULL);
    snprintf(w->folder, sizeof w->folder, "%s", here);
    free(here);
    w->settings = (key_index_settings){.folder = w->folder, .memory_bytes_max = 1 << 20};
    w->seed = (unsigned) firn_random_u64();
    memset(w->model, 0xff, sizeof w->model);
    print_message("seed %u\n", w->seed);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world     *w = *state;
    storage   *files;
    firn_error err = {0};

    key_index_free(w->index);
    OK(storage_local_new(&files, &err)); // a killed writer leaves more than an index has
    OK(files->ops->remove_tree(files, w->folder, &err));
    storage_free(files);
    free(w);
    return 0;
}

static key_hash
hash_of(const key_seed *seed, uint64_t key)
{
    return key_hash_of(seed, firn_slice_of(&key, sizeof key));
}

static index_state
state_of(int64_t step)
{
    index_state state = {.snapshot_id = step, .key_shape = 7, .position = "0/16B3748"};

    return state;
}

static void
build(world *w, uint64_t key_count)
{
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = NULL;
    index_state state = state_of(0);
    uint32_t    file;

    OK(key_index_builder_new(&w->settings, &b, &w->err));
    OK(key_index_builder_add_file(b, "file-0", &file, &w->err));
    w->file_count = file + 1;
    for (uint64_t i = 0; i < key_count; i++) {
        key_change twice[2] = {{hash_of(key_index_builder_seed(b), i), key_place(file, i + 1)}};

        twice[1] = twice[0];
        twice[1].place = w->model[i] = key_place(file, i);
        OK(key_index_builder_add(b, twice, 2, &w->err));
    }
    key_index_free(w->index);
    w->index = NULL;
    OK(key_index_builder_finish(b, &state, &w->index, &w->err));
    w->step = 0;
}

static void
expect_model(world *w)
{
    key_hash *keys = malloc(KEYS * sizeof *keys);
    uint64_t *places = malloc(KEYS * sizeof *places);

    for (uint64_t i = 0; i < KEYS; i++) keys[i] = hash_of(key_index_seed(w->index), i);
    key_index_find(w->index, keys, KEYS, places);
    for (uint64_t i = 0; i < KEYS; i++) assert_int_equal(places[i], w->model[i]);
    assert_int_equal(key_index_state(w->index)->snapshot_id, w->step);
    assert_string_equal(key_index_state(w->index)->position, "0/16B3748");
    free(keys);
    free(places);
}

/* A window by chance on the model; `index` NULL: only the model. One file comes, and now and then one goes. */
static firn_status
window(world *w, size_t count)
{
    key_change *changes = malloc((count + 1) * sizeof *changes);
    char        name[32];
    const char *names[] = {name};
    uint32_t    gone = w->file_count > 3 ? w->file_count - 3 : 0;
    index_state state = state_of(++w->step);
    firn_status status = FIRN_OK;
    key_index_window window = {&state, names, 1, &gone, w->file_count > 3 && w->step % 5 == 0, changes, count};

    snprintf(name, sizeof name, "file-%u", w->file_count);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = (uint64_t) rand_r(&w->seed) % KEYS;

        changes[i].place = rand_r(&w->seed) % 5 ? key_place(w->file_count, i) : KEY_PLACE_NONE;
        w->model[key] = changes[i].place;
        if (w->index) changes[i].key = hash_of(key_index_seed(w->index), key);
    }
    for (size_t i = 0; window.removed_file_count && i < KEYS; i++) {
        if (w->model[i] != KEY_PLACE_NONE && key_place_file(w->model[i]) == gone) w->model[i] = KEY_PLACE_NONE;
    }
    w->file_count++;
    if (w->index) status = key_index_apply(w->index, &window, &w->err);
    free(changes);
    return status;
}

static void
reopen(world *w)
{
    key_index_free(w->index);
    w->index = NULL;
    OK(key_index_open(&w->settings, &w->index, &w->err));
}

static void
random_windows_are_as_a_map(void **state)
{
    world *w = *state;

    build(w, KEYS / 2);
    expect_model(w);
    for (int i = 0; i < 60; i++) {
        size_t count = (size_t) (rand_r(&w->seed) % 4000);

        if (i % 17 == 16) count = 40000; // more than the memory takes: straight into a base
        OK(window(w, count));
        if (i % 7 == 0) reopen(w);
        if (i % 3 == 0) expect_model(w);
        assert_int_equal(file_registry_next(key_index_files(w->index)), w->file_count);
    }
    assert_true(key_index_count_max(w->index) >= KEYS / 4);
}

static void
an_empty_table_begins_without_keys(void **state)
{
    world *w = *state;

    build(w, 0);
    expect_model(w);
    OK(window(w, 100));
    reopen(w);
    expect_model(w);
}

static void
a_missing_index_is_told(void **state)
{
    world *w = *state;

    assert_int_equal(key_index_open(&w->settings, &w->index, &w->err), FIRN_NOT_FOUND);
    assert_int_equal(w->err.code, FIRN_E_INDEX_MISSING);
    firn_error_reset(&w->err);
    build(w, 10);
    key_index_free(w->index);
    w->index = NULL;
    w->settings.copies = true;
    assert_int_equal(key_index_open(&w->settings, &w->index, &w->err), FIRN_CORRUPT);
}

static void
copies_come_and_go_one_by_one(void **state)
{
    world *w = *state;
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = NULL;
    index_state now = state_of(0);
    uint32_t    file;
    static uint64_t places[5000];
    key_hash    one, other;
    static key_change changes[2003];

    w->settings.copies = true;
    OK(key_index_builder_new(&w->settings, &b, &w->err));
    OK(key_index_builder_add_file(b, "file-0", &file, &w->err));
    one = hash_of(key_index_builder_seed(b), 1);
    one.low |= 0x80000000; // which is masked
    other = hash_of(key_index_builder_seed(b), 2);
    for (uint64_t i = 0; i < 1000; i++) {
        key_change both[] = {{one, key_place(file, 2 * i)}, {other, key_place(file, 2 * i + 1)}};

        OK(key_index_builder_add(b, both, i < 3 ? 2 : 1, &w->err));
    }
    OK(key_index_builder_finish(b, &now, &w->index, &w->err));
    assert_int_equal(key_index_find_copies(w->index, one, 5000, places), 1000);
    assert_int_equal(places[0], key_place(file, 1998));
    assert_int_equal(places[999], key_place(file, 0));
    assert_int_equal(key_index_find_copies(w->index, other, 2, places), 2);
    assert_int_equal(places[1], key_place(file, 3));

    // Two of `other` go and 1 comes; 2000 of `one` come.
    changes[0] = changes[1] = (key_change){other, KEY_PLACE_NONE};
    changes[2] = (key_change){other, key_place(file, 70000)};
    for (size_t i = 3; i < 2003; i++) changes[i] = (key_change){one, key_place(file, 80000 + i)};
    OK(key_index_apply(w->index, &(key_index_window){.state = &now, .changes = changes, .change_count = 2003}, &w->err));
    reopen(w);
    assert_int_equal(key_index_find_copies(w->index, other, 5, places), 2);
    assert_int_equal(places[0], key_place(file, 70000));
    assert_int_equal(places[1], key_place(file, 1));
    assert_int_equal(key_index_find_copies(w->index, one, 5000, places), 3000);
    assert_int_equal(places[0], key_place(file, 82002));

    // One too many is refused.
    for (size_t i = 0; i < 3; i++) changes[i] = (key_change){other, KEY_PLACE_NONE};
    assert_int_equal(
        key_index_apply(w->index, &(key_index_window){.state = &now, .changes = changes, .change_count = 3}, &w->err),
        FIRN_BUG);
}

/* A table that is emptied and filled in one window: its rows are counted anew. */
static void
copies_of_a_truncated_table_begin_anew(void **state)
{
    world *w = *state;
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = NULL;
    index_state now = state_of(0);
    const char *names[] = {"file-1"};
    uint32_t    file;
    uint64_t    places[5];
    key_hash    row;
    key_change  changes[2];

    w->settings.copies = true;
    OK(key_index_builder_new(&w->settings, &b, &w->err));
    OK(key_index_builder_add_file(b, "file-0", &file, &w->err));
    row = hash_of(key_index_builder_seed(b), 1);
    for (uint64_t i = 0; i < 3; i++) OK(key_index_builder_add(b, &(key_change){row, key_place(file, i)}, 1, &w->err));
    OK(key_index_builder_finish(b, &now, &w->index, &w->err));

    for (uint64_t i = 0; i < 2; i++) changes[i] = (key_change){row, key_place(file + 1, i)};
    OK(key_index_apply(w->index,
                       &(key_index_window){&now, names, 1, &file, 1, changes, FIRN_COUNT(changes)}, &w->err));

    assert_int_equal(key_index_find_copies(w->index, row, 5, places), 2);
    assert_int_equal(places[0], key_place(file + 1, 1));
    reopen(w);
    assert_int_equal(key_index_find_copies(w->index, row, 5, places), 2);
    changes[0].place = KEY_PLACE_NONE;
    OK(key_index_apply(w->index, &(key_index_window){.state = &now, .changes = changes, .change_count = 1}, &w->err));
    assert_int_equal(key_index_find_copies(w->index, row, 5, places), 1);
    assert_int_equal(places[0], key_place(file + 1, 0));
}

/* ---- crashes ---- */

/* Windows until it is killed; the parent knows them by their seed. */
static void
run_child(world *w)
{
    for (;;) {
        if (window(w, (size_t) (w->step % 3 ? 700 : 5000))) _exit(1);
    }
}

static void
killed_at_any_moment_it_is_as_of_one_window(void **state)
{
    world *w = *state;

    build(w, KEYS / 2);
    for (int round = 0; round < 25; round++) {
        pid_t    child = fork();
        int      ended;
        uint64_t until = firn_clock_monotonic_us() + 1000 + (uint64_t) (rand_r(&w->seed) % 20000);
        int64_t  reached;

        assert_true(child >= 0);
        if (child == 0) run_child(w);
        while (firn_clock_monotonic_us() < until) {}
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFSIGNALED(ended));

        key_index_free(w->index);
        w->index = NULL;
        OK(key_index_open(&w->settings, &w->index, &w->err));
        reached = key_index_state(w->index)->snapshot_id;
        assert_true(reached >= w->step);
        key_index *opened = FIRN_STEAL(w->index); // the model alone goes on to where the child came
        while (w->step < reached) OK(window(w, (size_t) (w->step % 3 ? 700 : 5000)));
        w->index = opened;
        expect_model(w);
    }
}

static void
copy_file(const char *from, const char *to, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error err = {0};

    firn_buffer_init(&bytes, SIZE_MAX);
    OK(file_read(from, &bytes, &err));
    bytes.size = bytes.size < size ? bytes.size : size;
    OK(file_write_atomic(to, firn_buffer_slice(&bytes), 0600, &err));
}

static void
flip(const char *path, off_t at)
{
    int     fd = open(path, O_RDWR);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* A window whose record is cut anywhere, or damaged anywhere, is not there; the one before is. */
static void
a_torn_record_is_not_there(void **state)
{
    world      *w = *state;
    char        log[160], whole[160];
    struct stat before, after;

    build(w, 1000);
    OK(window(w, 50));
    snprintf(log, sizeof log, "%s/log-1", w->folder);
    snprintf(whole, sizeof whole, "%s/log-1999", w->folder);
    assert_int_equal(stat(log, &before), 0);
    uint64_t *model = malloc(sizeof w->model);
    memcpy(model, w->model, sizeof w->model);
    OK(window(w, 40));
    assert_int_equal(stat(log, &after), 0);
    copy_file(log, "whole", SIZE_MAX);
    memcpy(w->model, model, sizeof w->model);
    w->step = 1;
    for (off_t size = before.st_size; size < after.st_size; size += 13) {
        copy_file("whole", log, (size_t) size);
        reopen(w);
        if (size % 3 == 0) expect_model(w);
        assert_int_equal(key_index_state(w->index)->snapshot_id, 1);
        copy_file("whole", log, SIZE_MAX);
        flip(log, size);
        reopen(w);
        assert_int_equal(key_index_state(w->index)->snapshot_id, 1);
    }
    copy_file("whole", log, SIZE_MAX);
    reopen(w);
    assert_int_equal(key_index_state(w->index)->snapshot_id, 2);
    (void) unlink("whole");
    free(model);
}

static void
a_damaged_base_is_not_taken(void **state)
{
    world      *w = *state;
    char        base[160];
    struct stat facts;

    build(w, 3000);
    snprintf(base, sizeof base, "%s/base-1", w->folder);
    assert_int_equal(stat(base, &facts), 0);
    key_index_free(w->index);
    w->index = NULL;
    for (int i = 0; i < 300; i++) {
        off_t at = i < 88 ? i : 4096 + rand_r(&w->seed) % (facts.st_size - 4096);

        flip(base, at);
        assert_int_equal(key_index_open(&w->settings, &w->index, &w->err), FIRN_CORRUPT);
        assert_int_equal(w->err.code, FIRN_E_INDEX_DAMAGED);
        firn_error_reset(&w->err);
        flip(base, at);
    }
    OK(key_index_open(&w->settings, &w->index, &w->err));
    expect_model(w);
    // Built again over the damage, it is good again.
    key_index_free(w->index);
    w->index = NULL;
    flip(base, 5000);
    build(w, 2000);
    for (uint64_t i = 2000; i < KEYS; i++) w->model[i] = KEY_PLACE_NONE;
    reopen(w);
    expect_model(w);
}

static void
no_memory_is_an_error(void **state)
{
    world *w = *state;
    bool   done = false;

    for (uint64_t nth = 1; !done; nth++) {
        uint64_t *model = malloc(sizeof w->model);
        int64_t   step = 0;
        uint32_t  file_count;

        memset(w->model, 0xff, sizeof w->model);
        build(w, 2000);
        file_count = w->file_count;
        key_index_free(w->index);
        w->index = NULL;
        memcpy(model, w->model, sizeof w->model);
        firn_alloc_fail_at(nth, 0);
        done = key_index_open(&w->settings, &w->index, &w->err) == FIRN_OK &&
               window(w, nth % 4 ? 100 : 20000) == FIRN_OK;
        firn_alloc_fail_at(0, 0);
        assert_true(done || w->err.status == FIRN_NO_MEMORY);
        firn_error_reset(&w->err);
        reopen(w);
        if (key_index_state(w->index)->snapshot_id == step) { // as before
            memcpy(w->model, model, sizeof w->model);
            w->step = step;
            w->file_count = file_count;
        }
        expect_model(w);
        key_index_free(w->index);
        w->index = NULL;
        free(model);
    }
}

static void
the_hash_is_siphash(void **state)
{
    const key_seed seed = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    const uint8_t  bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

    // vectors_sip128 of the reference implementation
    (void) state;
    assert_int_equal(key_hash_of(&seed, firn_slice_of("", 0)).high, UINT64_C(0xe6a825ba047f81a3));
    assert_int_equal(key_hash_of(&seed, firn_slice_of("", 0)).low, 0x1472f66d);
    assert_int_equal(key_hash_of(&seed, firn_slice_of(bytes, 1)).high, UINT64_C(0x44af996bd8c187da));
    assert_int_equal(key_hash_of(&seed, firn_slice_of(bytes, 1)).low, 0x11597634);
}

/* Side by side as one by one, whatever their size and however many are left over. */
static void
keys_together_hash_as_each_alone(void **state)
{
    key_seed seed = {firn_random_u64(), firn_random_u64()};
    uint8_t  bytes[9 * 40];
    key_hash hashes[9];

    (void) state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t) (firn_random_u64() >> 7);
    for (size_t size = 0; size <= 40; size++) {
        for (size_t count = 0; count <= 9; count++) {
            key_hash_each(&seed, bytes, size, count, hashes);
            for (size_t i = 0; i < count; i++)
                assert_true(key_hash_equal(hashes[i], key_hash_of(&seed, firn_slice_of(bytes + i * size, size))));
        }
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_siphash),
        cmocka_unit_test(keys_together_hash_as_each_alone),
        TEST(random_windows_are_as_a_map),
        TEST(an_empty_table_begins_without_keys),
        TEST(a_missing_index_is_told),
        TEST(copies_come_and_go_one_by_one),
        TEST(copies_of_a_truncated_table_begin_anew),
        TEST(killed_at_any_moment_it_is_as_of_one_window),
        TEST(a_torn_record_is_not_there),
        TEST(a_damaged_base_is_not_taken),
        TEST(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
