/* With the blobs of the reference implementation's own tests (apache/iceberg, core/src/test/resources): argv[1]. */
#include "iceberg/deletion_vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/file.h"
#include "codec/checksum.h"

static firn_error  err;
static const char *folder;

#define OK(call) assert_int_equal(call, FIRN_OK)

/* What firn writes of the set is the file's bytes, and what it reads of the file is the set. `choice`: CRoaring packs runs
 * where Java leaves an array that is no longer. */
static void
expect_file(const char *name, roaring64 *set, bool choice)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer theirs = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer ours = {0};
    FIRN_AUTO(roaring64_freep) roaring64 *back = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/iceberg-%s-position-index", folder, name);
    firn_buffer_init(&theirs, 1 << 20);
    firn_buffer_init(&ours, 1 << 20);
    OK(file_read(path, &theirs, &err));
    OK(deletion_vector_encode(set, &ours, &err));
    assert_true(choice ? ours.size < theirs.size : ours.size == theirs.size);
    if (!choice) assert_memory_equal(ours.data, theirs.data, ours.size);
    OK(deletion_vector_decode(firn_buffer_slice(&theirs), &back, &err));
    assert_true(roaring64_equal(back, set));
}

static void
the_empty_vector_is_as_java_writes_it(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();

    (void) state;
    expect_file("empty", set, false);
}

static void
few_positions_are_as_java_writes_them(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();
    const uint64_t odd[] = {9, 1, 3, 5, 7};

    (void) state;
    OK(roaring64_add_many(set, odd, FIRN_COUNT(odd), &err));
    expect_file("small-alternating-values", set, false);
}

static void
far_positions_are_as_java_writes_them(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();

    (void) state;
    OK(roaring64_add_range(set, 100, 2, &err));
    OK(roaring64_add_range(set, INT32_MAX + UINT64_C(100), 2, &err));
    expect_file("small-and-large-values", set, true);
}

static void
every_container_is_as_java_writes_it(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();

    (void) state;
    for (uint64_t part = 0; part < 2; part++) {
        uint64_t base = part << 32;

        OK(roaring64_add(set, base + (part ? 10 : 5), &err));
        OK(roaring64_add(set, base + (part ? 20 : 7), &err));
        OK(roaring64_add_range(set, base + 65536 + (part ? 10 : 1), part ? 490 : 999, &err));
        OK(roaring64_add_range(set, base + 2 * 65536 + 1, 65534, &err));
    }
    expect_file("all-container-types", set, false);
}

/* The vector {5} with one byte changed; where `mend`, the checksum is made right again. */
static void
expect_corrupt(size_t at, uint8_t byte, bool mend)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();
    FIRN_AUTO(roaring64_freep) roaring64 *back = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer blob = {0};

    firn_buffer_init(&blob, 1000);
    OK(roaring64_add(set, 5, &err));
    OK(deletion_vector_encode(set, &blob, &err));
    assert_true(at < blob.size && blob.data[at] != byte);
    blob.data[at] = byte;
    if (mend) store_be32(blob.data + blob.size - 4, checksum_crc32(firn_slice_of(blob.data + 4, blob.size - 8)));
    assert_int_equal(deletion_vector_decode(firn_buffer_slice(&blob), &back, &err), FIRN_CORRUPT);
    assert_null(back);
    firn_error_reset(&err);
}

static void
damage_is_noticed(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *back = NULL;

    (void) state;
    expect_corrupt(3, 0xff, false);  // length
    expect_corrupt(4, 0xd2, true);   // magic
    expect_corrupt(36, 6, false);    // the position: the checksum is wrong
    expect_corrupt(8, 2, true);      // number of bitmaps
    assert_int_equal(deletion_vector_decode(firn_slice_of("\0\0\0\4", 4), &back, &err), FIRN_CORRUPT);
    firn_error_reset(&err);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_vector_is_as_java_writes_it), cmocka_unit_test(few_positions_are_as_java_writes_them),
        cmocka_unit_test(far_positions_are_as_java_writes_them), cmocka_unit_test(every_container_is_as_java_writes_it),
        cmocka_unit_test(damage_is_noticed),
    };

    if (argc != 2) return 64;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
