#include "load/split_result.h"

#include "base/alloc.h"
#include "iceberg/data_file_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_COUNT_MAX 1000000u
#define TEXT_BYTES_MAX FIRN_ERROR_TEXT_MAX

void
split_result_done(split_result *result)
{
    split_line_done(&result->line);
    data_file_list_done(&result->files);
    *result = (split_result){0};
}

/* ---- out ---- */

static void
begin(jwriter *w, const char *type, const split_line *line, firn_buffer *out, firn_error *err)
{
    jwrite_begin(w, out, false, err);
    jwrite_object(w);
    jwrite_member_text(w, "type", type);
    jwrite_member_i64(w, "v", SPLIT_LINE_VERSION);
    split_line_write_task(line, w);
}

static firn_status
end(jwriter *w, firn_buffer *out, firn_error *err)
{
    jwrite_object_end(w);
    FIRN_TRY(jwrite_end(w));
    return firn_buffer_add_byte(out, '\n', err);
}

void
split_facts_write(const split_result *result, jwriter *w)
{
    char checksum[ROW_CHECKSUM_TEXT_MAX];

    row_checksum_format(&result->checksum, checksum);
    jwrite_member_i64(w, "rows", (int64_t) result->outcome.row_count);
    jwrite_member_i64(w, "server_rows", (int64_t) result->outcome.server_count);
    jwrite_member_i64(w, "bytes", (int64_t) result->outcome.byte_count);
    jwrite_member_i64(w, "coerced", (int64_t) result->outcome.coerced_count);
    jwrite_member_text(w, "checksum", checksum);
    jwrite_member_i64(w, "started", result->started_us);
    jwrite_member_i64(w, "ended", result->ended_us);
    jwrite_key(w, "files");
    jwrite_array(w);
    for (unsigned i = 0; i < result->files.count; i++)
        data_file_to_json(&result->files.files[i], w);
    jwrite_array_end(w);
}

firn_status
split_result_add(const split_result *result, firn_buffer *out, firn_error *err)
{
    jwriter w;

    begin(&w, "result", &result->line, out, err);
    split_facts_write(result, &w);
    return end(&w, out, err);
}

firn_status
split_failure_add(const split_line *line, const firn_error *failure, firn_buffer *out, firn_error *err)
{
    jwriter w;
    char    code[16];

    (void) snprintf(code, sizeof code, "FIRN-%04u", (unsigned) failure->code % 10000);
    begin(&w, "failed", line, out, err);
    jwrite_member_text(&w, "code", code);
    jwrite_member_text(&w, "message", failure->cause);
    jwrite_member_text(&w, "hint", failure->hint[0] ? failure->hint : NULL);
    return end(&w, out, err);
}

/* ---- in ---- */

static firn_status
take_count(const jdoc *doc, const char *key, uint64_t *ret_count, firn_error *err)
{
    int64_t value = 0;

    FIRN_TRY(jneed_integer(doc, jdoc_root(doc), key, &value, err));
    if (value < 0) return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' of a result is negative", key);
    *ret_count = (uint64_t) value;
    return FIRN_OK;
}

/* "1:rows:sum in hex", as row_checksum_format writes it; reading it and writing it again must give the same text. */
static firn_status
take_checksum(const jdoc *doc, row_checksum *ret_checksum, firn_error *err)
{
    const char        *text = NULL;
    char               again[ROW_CHECKSUM_TEXT_MAX];
    unsigned           version = 0;
    unsigned long long rows = 0, sum = 0;

    FIRN_TRY(jneed_text(doc, jdoc_root(doc), "checksum", &text, err));
    if (strlen(text) < sizeof again && sscanf(text, "%3u:%20llu:%16llx", &version, &rows, &sum) == 3) {
        *ret_checksum = (row_checksum){.row_count = rows, .sum = sum};
        row_checksum_format(ret_checksum, again);
        if (version == ROW_CHECKSUM_VERSION && strcmp(again, text) == 0) return FIRN_OK;
    }
    return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%.60s' of a result is no checksum of version %d", text,
                     ROW_CHECKSUM_VERSION);
}

static firn_status
take_files(const jdoc *doc, data_file_list *files, firn_error *err)
{
    const jvalue *array = NULL;

    FIRN_TRY(jneed_array(doc, jdoc_root(doc), "files", &array, err));
    if (jcount(array) > FILE_COUNT_MAX)
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "a result has %zu files", jcount(array));
    files->capacity = (unsigned) jcount(array) + 1;
    files->files = firn_calloc(files->capacity, sizeof *files->files);
    if (!files->files) return firn_fail_memory(err, "a result's files");
    for (; files->count < jcount(array); files->count++)
        FIRN_TRY(data_file_of_json(doc, jat(array, files->count), &files->arena, &files->files[files->count], err));
    return FIRN_OK;
}

/* What was read, what the server says, what was summed and what the files have: one number. */
static firn_status
check_counts(const split_result *r, firn_error *err)
{
    uint64_t written = 0;

    for (unsigned i = 0; i < r->files.count; i++) {
        if (r->files.files[i].content != DATA_FILE_DATA)
            return firn_fail(err, FIRN_E_JSON_CORRUPT, "a result's file '%s' holds no rows", r->files.files[i].path);
        written += (uint64_t) r->files.files[i].record_count;
    }
    if (r->outcome.row_count == r->outcome.server_count && r->outcome.row_count == r->checksum.row_count &&
        r->outcome.row_count == written)
        return FIRN_OK;
    return firn_fail(
        err, FIRN_E_LOAD_ROW_COUNT,
        "split %u of '%s' has %llu rows, the server counted %llu, the checksum is of %llu, its files have %llu",
        r->line.index, r->line.table, (unsigned long long) r->outcome.row_count,
        (unsigned long long) r->outcome.server_count, (unsigned long long) r->checksum.row_count,
        (unsigned long long) written);
}

firn_status
split_facts_read(const jdoc *doc, split_result *result, firn_error *err)
{
    FIRN_TRY(take_count(doc, "rows", &result->outcome.row_count, err));
    FIRN_TRY(take_count(doc, "server_rows", &result->outcome.server_count, err));
    FIRN_TRY(take_count(doc, "bytes", &result->outcome.byte_count, err));
    FIRN_TRY(take_count(doc, "coerced", &result->outcome.coerced_count, err));
    FIRN_TRY(take_checksum(doc, &result->checksum, err));
    FIRN_TRY(jneed_integer(doc, jdoc_root(doc), "started", &result->started_us, err));
    FIRN_TRY(jneed_integer(doc, jdoc_root(doc), "ended", &result->ended_us, err));
    FIRN_TRY(take_files(doc, &result->files, err));
    return check_counts(result, err);
}

firn_status
split_result_read(const jdoc *doc, firn_arena *arena, split_result *ret_result, firn_error *err)
{
    FIRN_AUTO(split_result_done) split_result r = {0};

    FIRN_TRY(split_line_read_task(doc, arena, &r.line, err));
    FIRN_TRY(split_facts_read(doc, &r, err));
    *ret_result = r;
    r = (split_result){0};
    return FIRN_OK;
}

firn_status
split_failure_read(const jdoc *doc, firn_arena *arena, split_line *ret_line, firn_error *ret_failure, firn_error *err)
{
    FIRN_AUTO(split_line_done) split_line line = {0};
    const char                           *message = NULL, *hint = jtext(jget(jdoc_root(doc), "hint"));
    const char           *code = NULL;
    unsigned              number = 0;
    const firn_code_info *known;

    FIRN_TRY(split_line_read_task(doc, arena, &line, err));
    FIRN_TRY(jneed_text(doc, jdoc_root(doc), "code", &code, err));
    FIRN_TRY(jneed_text(doc, jdoc_root(doc), "message", &message, err));
    known = sscanf(code, "FIRN-%4u", &number) == 1 ? firn_code_find(number) : NULL;
    (void) firn_fail(ret_failure, known ? known->code : FIRN_E_SPLIT_FAILED, "%.*s", (int) TEXT_BYTES_MAX, message);
    if (hint) firn_hint(ret_failure, "%.*s", (int) TEXT_BYTES_MAX, hint);
    *ret_line = line;
    line = (split_line){0};
    return FIRN_OK;
}
