#include "iceberg/data_file_json.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), FIRN_OK)
#define BYTES(text) {(const uint8_t *) (text), sizeof(text) - 1}

static const data_file plain = {.content = DATA_FILE_DATA,
                                .path = "file:///lake/a/b.parquet",
                                .format = "PARQUET",
                                .record_count = 10,
                                .size_bytes = 812,
                                .sort_order_id = -1,
                                .content_offset = -1,
                                .content_size_bytes = -1,
                                .first_row_id = -1};

#define PLAIN_JSON \
    "{\"content\":0,\"path\":\"file:///lake/a/b.parquet\",\"format\":\"PARQUET\",\"spec\":0,\"records\":10,\"bytes\":812}"

static const firn_slice       full_partition[] = {BYTES("\x0a\x00\x00\x00"), {NULL, 0}, BYTES("")};
static const data_file_column full_columns[] = {
    {.field_id = 1, .size_bytes = 40, .value_count = 10, .null_count = 0, .nan_count = -1, .lower = BYTES("\x01\xff"),
     .upper = BYTES("\x00")},
    {.field_id = 2147483546, .size_bytes = -1, .value_count = INT64_MAX, .null_count = -1, .nan_count = 2,
     .lower = BYTES("")}};
static const int64_t   full_splits[] = {4, 1000000000000};
static const int32_t   full_ids[] = {1, -5};
static const data_file full = {.content = DATA_FILE_EQUALITY_DELETES,
                               .path = "s3://b/\xc3\xa9 \"x\"\\.puffin",
                               .format = "PUFFIN",
                               .spec_id = 7,
                               .partition_count = 3,
                               .partition = full_partition,
                               .record_count = 0,
                               .size_bytes = INT64_MAX,
                               .column_count = 2,
                               .columns = full_columns,
                               .split_offset_count = 2,
                               .split_offsets = full_splits,
                               .sort_order_id = 0,
                               .equality_id_count = 2,
                               .equality_ids = full_ids,
                               .referenced_data_file = "file:///lake/a/c.parquet",
                               .content_offset = 0,
                               .content_size_bytes = 99,
                               .first_row_id = 0,
                               .key_metadata = BYTES("\x00k")};

#define FULL_JSON                                                                                                    \
    "{\"content\":2,\"path\":\"s3://b/\xc3\xa9 \\\"x\\\"\\\\.puffin\",\"format\":\"PUFFIN\",\"spec\":7,\"records\":0," \
    "\"bytes\":9223372036854775807,\"partition\":[\"0a000000\",null,\"\"],"                                            \
    "\"columns\":[[1,40,10,0,-1,\"01ff\",\"00\"],[2147483546,-1,9223372036854775807,-1,2,\"\",null]],"                 \
    "\"splits\":[4,1000000000000],\"equality\":[1,-5],\"sort\":0,\"referenced\":\"file:///lake/a/c.parquet\","         \
    "\"content-offset\":0,\"content-bytes\":99,\"first-row\":0,\"key-metadata\":\"006b\"}"

static void
assert_text(const data_file *file, const char *wanted)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error err = {0};
    jwriter    w;

    firn_buffer_init(&out, 1 << 20);
    jwrite_begin(&w, &out, false, &err);
    data_file_to_json(file, &w);
    OK(jwrite_end(&w));
    OK(firn_buffer_add_byte(&out, 0, &err));
    assert_string_equal((const char *) out.data, wanted);
}

static void
assert_slice(firn_slice got, firn_slice wanted)
{
    assert_int_equal(got.size, wanted.size);
    assert_int_equal(got.data == NULL, wanted.data == NULL);
    assert_true(firn_slice_equal(got, wanted));
}

static firn_status
read_text(const char *text, firn_arena *arena, data_file *ret_file, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    FIRN_TRY(jdoc_parse(firn_slice_text(text), "a result", &doc, err));
    return data_file_of_json(doc, jdoc_root(doc), arena, ret_file, err);
}

static void
files_have_their_golden_text(void **state)
{
    (void) state;

    assert_text(&plain, PLAIN_JSON);
    assert_text(&full, FULL_JSON);
}

static void
all_members_come_back(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file  got;
    firn_error err = {0};
    (void) state;

    OK(read_text(FULL_JSON, &arena, &got, &err));

    assert_text(&got, FULL_JSON);
    assert_string_equal(got.path, full.path);
    assert_string_equal(got.format, full.format);
    assert_int_equal(got.content, full.content);
    assert_int_equal(got.spec_id, 7);
    assert_int_equal(got.partition_count, 3);
    for (unsigned i = 0; i < 3; i++) assert_slice(got.partition[i], full_partition[i]);
    assert_int_equal(got.column_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(got.columns[i].field_id, full_columns[i].field_id);
        assert_slice(got.columns[i].lower, full_columns[i].lower);
        assert_slice(got.columns[i].upper, full_columns[i].upper);
    }
    assert_slice(got.key_metadata, full.key_metadata);
    assert_int_equal(got.sort_order_id, 0);
    assert_int_equal(got.first_row_id, 0);
}

static void
what_is_left_out_is_not_there(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file  got;
    firn_error err = {0};
    (void) state;

    OK(read_text(PLAIN_JSON, &arena, &got, &err));

    assert_text(&got, PLAIN_JSON);
    assert_int_equal(got.sort_order_id, -1);
    assert_int_equal(got.content_offset, -1);
    assert_int_equal(got.content_size_bytes, -1);
    assert_int_equal(got.first_row_id, -1);
    assert_null(got.key_metadata.data);
    assert_null(got.referenced_data_file);
    assert_int_equal(got.partition_count + got.column_count + got.split_offset_count + got.equality_id_count, 0);
}

/* A valid text with one member changed or added: "content" → "content":3. */
static void
assert_refused(const char *member, const char *value)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    static const char *const needed[][2] = {{"content", "0"}, {"path", "\"a\""},  {"format", "\"AVRO\""},
                                            {"spec", "0"},    {"records", "1"},   {"bytes", "1"}};
    char       text[1024] = "{";
    size_t     size = 1;
    bool       seen = false;
    data_file  got;
    firn_error err = {0};

    for (size_t i = 0; i < FIRN_COUNT(needed); i++) {
        bool        same = strcmp(needed[i][0], member) == 0;
        const char *now = same ? value : needed[i][1];
        seen = seen || same;
        if (now) size += (size_t) snprintf(text + size, sizeof text - size, "\"%s\":%s,", needed[i][0], now);
    }
    if (!seen) size += (size_t) snprintf(text + size, sizeof text - size, "\"%s\":%s,", member, value);
    text[size - 1] = '}';
    assert_int_equal(read_text(text, &arena, &got, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.cause, member));
}

static void
what_no_writer_writes_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"content", "3"},       {"content", "-1"},       {"content", "\"0\""},        {"content", NULL},
        {"path", "\"\""},       {"path", "null"},        {"path", "7"},               {"path", NULL},
        {"format", "\"CSV\""},  {"format", NULL},        {"spec", "-1"},              {"spec", "2147483648"},
        {"spec", NULL},         {"records", "-1"},       {"records", "1.5"},          {"records", NULL},
        {"bytes", "-1"},        {"bytes", NULL},         {"sort", "-1"},              {"splits", "{}"},
        {"splits", "[-1]"},     {"splits", "[null]"},    {"equality", "[2147483648]"}, {"partition", "[\"0\"]"},
        {"partition", "[\"0G\"]"}, {"partition", "[1]"}, {"partition", "\"00\""},     {"columns", "[1]"},
        {"columns", "[[]]"},    {"columns", "[[1,1,1,1,1,null]]"},                    {"columns", "[[1,-2,1,1,1,null,null]]"},
        {"columns", "[[null,1,1,1,1,null,null]]"},       {"columns", "[[1,1,1,1,1,null,null,null]]"},
        {"content-offset", "-1"}, {"first-row", "-7"},   {"key-metadata", "\"0\""},   {"key-metadata", "[]"},
        {"referenced", "\"\""}, {"surprise", "1"},
    };
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(wrong); i++) assert_refused(wrong[i][0], wrong[i][1]);
}

static void
what_is_no_object_is_refused(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    static const char *const texts[] = {"[]", "[1]"};
    data_file got;
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(texts); i++) {
        firn_error err = {0};
        assert_int_equal(read_text(texts[i], &arena, &got, &err), FIRN_CORRUPT);
    }
}

static void
every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;
    (void) state;

    while (status == FIRN_NO_MEMORY) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        data_file  got;
        firn_error err = {0};
        jwriter    w;

        firn_buffer_init(&out, 1 << 20);
        firn_alloc_fail_at(++nth, 0);
        status = read_text(FULL_JSON, &arena, &got, &err);
        if (status) continue;
        jwrite_begin(&w, &out, false, &err);
        data_file_to_json(&got, &w);
        status = jwrite_end(&w);
    }
    firn_alloc_fail_at(0, 0);
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_their_golden_text),
        cmocka_unit_test(all_members_come_back),
        cmocka_unit_test(what_is_left_out_is_not_there),
        cmocka_unit_test(what_no_writer_writes_is_refused),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
