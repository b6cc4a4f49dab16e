/* With files of the reference implementation's own tests (apache/iceberg, core/src/test/resources): argv[1]. */
#include "iceberg/puffin_reader.h"
#include "iceberg/puffin_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "storage/local.h"

#define OK(call) assert_int_equal(call, FIRN_OK)

static firn_error  err;
static const char *folder;

/* Blobs of bytes that lie in memory; what a storage does is tested elsewhere. */
typedef struct memory_storage {
    storage    base;
    firn_slice bytes;
} memory_storage;

static firn_status
read_memory(storage *s, const char *location, uint64_t offset, size_t size, firn_buffer *out, firn_error *e)
{
    const memory_storage *m = (const memory_storage *) s;

    (void) location;
    if (offset > m->bytes.size || size > m->bytes.size - offset) return firn_fail(e, FIRN_E_STORAGE_SHORT, "short");
    return firn_buffer_add(out, m->bytes.data + offset, size, e);
}

static const storage_ops memory_ops = {.kind = "memory", .read_range = read_memory};

static firn_status
read_blobs(firn_slice file, firn_arena *arena, const puffin_blob **ret_blobs, size_t *ret_count)
{
    memory_storage m = {{&memory_ops}, file};

    return puffin_read_blobs(&m.base, "test.puffin", file.size, arena, ret_blobs, ret_count, &err);
}

static void
read_file(const char *name, firn_buffer *out)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    firn_buffer_init(out, 1 << 20);
    OK(file_read(path, out, &err));
}

static void
footers_of_java_are_read(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer file = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer empty = {0};
    const puffin_blob *blobs;
    size_t             count;

    (void) state;
    read_file("iceberg-empty", &empty);
    OK(read_blobs(firn_buffer_slice(&empty), &arena, &blobs, &count));
    assert_int_equal(count, 0);
    read_file("iceberg-sample-metric-data", &file);
    OK(read_blobs(firn_buffer_slice(&file), &arena, &blobs, &count));
    assert_int_equal(count, 2);
    assert_string_equal(blobs[1].type, "some-other-blob");
    assert_int_equal(blobs[1].field_count, 1);
    assert_int_equal(blobs[1].fields[0], 2);
    assert_int_equal(blobs[1].snapshot_id, 2);
    assert_int_equal(blobs[1].sequence_number, 1);
    assert_int_equal(blobs[1].offset, 13);
    assert_int_equal(blobs[1].size_bytes, 83);
    assert_null(blobs[1].codec);
}

/* No writer of Puffin files does that yet; the footer's frame is of the lz4 program (fuzz/README.md). */
static void
compressed_footers_are_read(void **state)
{
    static const char *const damaged[] = {"lz4-footer-cut", "lz4-footer-without-size"};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer file = {0};
    const puffin_blob *blobs;
    size_t             count;

    (void) state;
    read_file("lz4-footer", &file);
    OK(read_blobs(firn_buffer_slice(&file), &arena, &blobs, &count));
    assert_int_equal(count, 2);
    assert_string_equal(blobs[0].type, "apache-datasketches-theta-v1");
    assert_int_equal(blobs[1].offset, 9);
    assert_int_equal(blobs[1].size_bytes, 4);
    assert_string_equal(blobs[1].properties[0].value, "4");
    for (size_t i = 0; i < FIRN_COUNT(damaged); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer other = {0};

        read_file(damaged[i], &other);
        assert_int_equal(read_blobs(firn_buffer_slice(&other), &arena, &blobs, &count), FIRN_CORRUPT);
        firn_error_reset(&err);
    }
}

static firn_status
write_sample(firn_buffer *out)
{
    static const int32_t        field = 2147483645;
    static const table_property properties[] = {{PUFFIN_REFERENCED_FILE, "file:///t/a\".parquet"}, {PUFFIN_CARDINALITY, "1"}};
    FIRN_AUTO(puffin_writer_freep) puffin_writer *w = NULL;
    puffin_blob blob = {.type = PUFFIN_DELETION_VECTOR, .field_count = 1, .fields = &field, .snapshot_id = -1,
                        .sequence_number = -1, .property_count = 2, .properties = properties};
    firn_sink  *sink = firn_sink_memory_new(out);
    int64_t     offset;
    uint64_t    size;

    if (!sink) return firn_fail_memory(&err, "a sink");
    FIRN_TRY(puffin_writer_open(sink, &w, &err));
    FIRN_TRY(puffin_writer_add(w, &blob, firn_slice_text("abc"), &offset, &err));
    assert_int_equal(offset, 4);
    blob.property_count = 0;
    FIRN_TRY(puffin_writer_add(w, &blob, firn_slice_text("defg"), &offset, &err));
    assert_int_equal(offset, 7);
    FIRN_TRY(puffin_writer_close(w, &size, &err));
    assert_int_equal(size, out->size);
    return FIRN_OK;
}

static void
a_file_is_as_the_spec_has_it(void **state)
{
    static const char expected[] =
        "PFA1abcdefgPFA1{\"blobs\":[{\"type\":\"deletion-vector-v1\",\"fields\":[2147483645],\"snapshot-id\":-1,"
        "\"sequence-number\":-1,\"offset\":4,\"length\":3,\"properties\":{\"referenced-data-file\":\"file:///t/a\\\".parquet\","
        "\"cardinality\":\"1\"}},{\"type\":\"deletion-vector-v1\",\"fields\":[2147483645],\"snapshot-id\":-1,"
        "\"sequence-number\":-1,\"offset\":7,\"length\":4}],\"properties\":{\"created-by\":\"firn\"}}"
        "\x5e\1\0\0\0\0\0\0PFA1";
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer file = {0};
    const puffin_blob *blobs;
    size_t             count;

    (void) state;
    firn_buffer_init(&file, 1 << 20);
    OK(write_sample(&file));
    assert_int_equal(file.size, sizeof expected - 1);
    assert_memory_equal(file.data, expected, file.size);
    OK(read_blobs(firn_buffer_slice(&file), &arena, &blobs, &count));
    assert_int_equal(count, 2);
    assert_string_equal(blobs[0].properties[0].value, "file:///t/a\".parquet");
    assert_int_equal(blobs[1].offset, 7);
}

static void
expect_refused(const char *bytes, size_t size, firn_status status)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const puffin_blob *blobs;
    size_t             count;

    assert_int_equal(read_blobs(firn_slice_of(bytes, size), &arena, &blobs, &count), status);
    firn_error_reset(&err);
}

#define ONE_BLOB(length) \
    "PFA1PFA1{\"blobs\":[{\"type\":\"a\",\"fields\":[1],\"snapshot-id\":1,\"sequence-number\":1,\"offset\":4," \
    "\"length\":" length "}]}\x5f\0\0\0\0\0\0\0PFA1"
#define REFUSED(text, status) expect_refused(text, sizeof(text) - 1, status)

static void
footers_that_lie_are_refused(void **state)
{
    (void) state;
    REFUSED("PFA1PFA1{\"blobs\":[]}\x0c\0\0\0\0\0\0\0PFA1", FIRN_OK);
    REFUSED("PFA1PFA1{\"blobs\":[]}\x0c\0\0\0\1\0\0\0PFA1", FIRN_CORRUPT);
    REFUSED("PFA1PFA1{\"blobs\":[]}\x0c\0\0\0\0\0\0\0PFA2", FIRN_CORRUPT);
    REFUSED("PFA1PFA1{\"blobs\":[]}\x0d\0\0\0\0\0\0\0PFA1", FIRN_CORRUPT);
    REFUSED("PFA1PFA1{\"blobs\":[]}\xff\xff\xff\xff\0\0\0\0PFA1", FIRN_CORRUPT);
    REFUSED("PFA1PFA1{\"blobs\":0}\x0b\0\0\0\0\0\0\0PFA1", FIRN_CORRUPT);
    REFUSED("PFA1", FIRN_CORRUPT);
    REFUSED(ONE_BLOB("0"), FIRN_OK);
    REFUSED(ONE_BLOB("1"), FIRN_CORRUPT); // the footer begins there
}

static void
no_memory_is_an_error(void **state)
{
    (void) state;
    for (uint64_t nth = 1;; nth++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer file = {0};
        const puffin_blob *blobs;
        size_t             count;
        firn_status        status;

        firn_buffer_init(&file, 1 << 20);
        firn_alloc_fail_at(nth, 0);
        status = write_sample(&file);
        if (status == FIRN_OK) status = read_blobs(firn_buffer_slice(&file), &arena, &blobs, &count);
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&err);
        if (status == FIRN_OK) break;
        assert_true(status == FIRN_NO_MEMORY);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(footers_of_java_are_read),
        cmocka_unit_test(compressed_footers_are_read),
        cmocka_unit_test(a_file_is_as_the_spec_has_it),
        cmocka_unit_test(footers_that_lie_are_refused),
        cmocka_unit_test(no_memory_is_an_error),
    };

    if (argc != 2) return 64;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
