#include "iceberg/data_file_json.h"

#include <limits.h>
#include <string.h>

/* Longer bounds or keys than these come from no sane writer. */
#define BYTES_MAX ((size_t) 1 << 20)
#define COLUMN_ITEMS 7

/* ---- out ---- */

static void
write_bytes(jwriter *w, firn_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    FIRN_AUTO(firn_buffer_done) firn_buffer hex = {0};

    firn_buffer_init(&hex, SIZE_MAX);
    if (bytes.data && w->status == FIRN_OK) w->status = firn_buffer_reserve(&hex, bytes.size * 2 + 1, w->err);
    if (!bytes.data || w->status != FIRN_OK) {
        jwrite_null(w);
        return;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        hex.data[hex.size++] = (uint8_t) digits[bytes.data[i] >> 4];
        hex.data[hex.size++] = (uint8_t) digits[bytes.data[i] & 15];
    }
    jwrite_text_slice(w, firn_buffer_slice(&hex));
}

static void
write_columns(jwriter *w, const data_file *file)
{
    jwrite_key(w, "columns");
    jwrite_array(w);
    for (unsigned i = 0; i < file->column_count; i++) {
        const data_file_column *c = &file->columns[i];

        jwrite_array(w);
        jwrite_i64(w, c->field_id);
        jwrite_i64(w, c->size_bytes);
        jwrite_i64(w, c->value_count);
        jwrite_i64(w, c->null_count);
        jwrite_i64(w, c->nan_count);
        write_bytes(w, c->lower);
        write_bytes(w, c->upper);
        jwrite_array_end(w);
    }
    jwrite_array_end(w);
}

static void
write_lists(jwriter *w, const data_file *file)
{
    if (file->partition_count) {
        jwrite_key(w, "partition");
        jwrite_array(w);
        for (unsigned i = 0; i < file->partition_count; i++) write_bytes(w, file->partition[i]);
        jwrite_array_end(w);
    }
    if (file->column_count) write_columns(w, file);
    if (file->split_offset_count) {
        jwrite_key(w, "splits");
        jwrite_array(w);
        for (unsigned i = 0; i < file->split_offset_count; i++) jwrite_i64(w, file->split_offsets[i]);
        jwrite_array_end(w);
    }
    if (file->equality_id_count) {
        jwrite_key(w, "equality");
        jwrite_array(w);
        for (unsigned i = 0; i < file->equality_id_count; i++) jwrite_i64(w, file->equality_ids[i]);
        jwrite_array_end(w);
    }
}

void
data_file_to_json(const data_file *file, jwriter *w)
{
    jwrite_object(w);
    jwrite_member_i64(w, "content", (int64_t) file->content);
    jwrite_member_text(w, "path", file->path);
    jwrite_member_text(w, "format", file->format);
    jwrite_member_i64(w, "spec", file->spec_id);
    jwrite_member_i64(w, "records", file->record_count);
    jwrite_member_i64(w, "bytes", file->size_bytes);
    write_lists(w, file);
    if (file->sort_order_id >= 0) jwrite_member_i64(w, "sort", file->sort_order_id);
    if (file->referenced_data_file) jwrite_member_text(w, "referenced", file->referenced_data_file);
    if (file->content_offset >= 0) jwrite_member_i64(w, "content-offset", file->content_offset);
    if (file->content_size_bytes >= 0) jwrite_member_i64(w, "content-bytes", file->content_size_bytes);
    if (file->first_row_id >= 0) jwrite_member_i64(w, "first-row", file->first_row_id);
    if (file->key_metadata.data) {
        jwrite_key(w, "key-metadata");
        write_bytes(w, file->key_metadata);
    }
    jwrite_object_end(w);
}

/* ---- in ---- */

typedef struct file_parse {
    firn_arena *arena;
    data_file  *out;
    firn_error *err;
} file_parse;

static firn_status
fail_member(file_parse *p, const char *key, const char *what)
{
    return firn_fail(p->err, FIRN_E_JSON_CORRUPT, "a data file's '%s' %s", key, what);
}

static firn_status
read_integer(file_parse *p, const char *key, const jvalue *v, int64_t least, int64_t most, int64_t *ret_value)
{
    int64_t value;

    if (!jinteger(v, &value) || value < least || value > most) return fail_member(p, key, "is not a number in its range");
    *ret_value = value;
    return FIRN_OK;
}

static firn_status
read_i32(file_parse *p, const char *key, const jvalue *v, int32_t least, int32_t *ret_value)
{
    int64_t value = 0;

    FIRN_TRY(read_integer(p, key, v, least, INT32_MAX, &value));
    *ret_value = (int32_t) value;
    return FIRN_OK;
}

static firn_status
read_text(file_parse *p, const char *key, const jvalue *v, const char **ret_text)
{
    const char *text = jtext(v);

    if (!text || !text[0]) return fail_member(p, key, "is not a text");
    *ret_text = firn_arena_strdup(p->arena, text);
    return *ret_text ? FIRN_OK : firn_fail_memory(p->err, "a data file's facts");
}

static int
digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* null: no bytes, which is not the same as an empty value. */
static firn_status
read_bytes(file_parse *p, const char *key, const jvalue *v, firn_slice *ret_bytes)
{
    const char *text = jtext(v);
    size_t      size = text ? strlen(text) : 0;
    uint8_t    *bytes;

    *ret_bytes = firn_slice_of(NULL, 0);
    if (v && jkind_of(v) == JNULL) return FIRN_OK;
    if (!text || size % 2 || size / 2 > BYTES_MAX) return fail_member(p, key, "is not bytes in hex");
    bytes = firn_arena_alloc(p->arena, size / 2 + 1);
    if (!bytes) return firn_fail_memory(p->err, "a data file's facts");
    for (size_t i = 0; i < size / 2; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0) return fail_member(p, key, "is not bytes in hex");
        bytes[i] = (uint8_t) (high << 4 | low);
    }
    *ret_bytes = firn_slice_of(bytes, size / 2);
    return FIRN_OK;
}

/* An array's room, as many items as it has. Items are read from a parsed document, so their number is bounded by its text. */
static firn_status
read_array(file_parse *p, const char *key, const jvalue *v, size_t item_size, unsigned *ret_count, void **ret_items)
{
    size_t count = jcount(v);

    if (jkind_of(v) != JARRAY || count > INT_MAX) return fail_member(p, key, "is not an array");
    *ret_items = firn_arena_array(p->arena, count + 1, item_size);
    if (!*ret_items) return firn_fail_memory(p->err, "a data file's facts");
    *ret_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
read_partition(file_parse *p, const char *key, const jvalue *v)
{
    void       *room = NULL;
    firn_slice *values;

    FIRN_TRY(read_array(p, key, v, sizeof *values, &p->out->partition_count, &room));
    values = room;
    p->out->partition = values;
    for (unsigned i = 0; i < p->out->partition_count; i++) FIRN_TRY(read_bytes(p, key, jat(v, i), &values[i]));
    return FIRN_OK;
}

static firn_status
read_columns(file_parse *p, const char *key, const jvalue *v)
{
    void             *room = NULL;
    data_file_column *columns;

    FIRN_TRY(read_array(p, key, v, sizeof *columns, &p->out->column_count, &room));
    columns = room;
    p->out->columns = columns;
    for (unsigned i = 0; i < p->out->column_count; i++) {
        const jvalue     *item = jat(v, i);
        data_file_column *c = &columns[i];

        if (jkind_of(item) != JARRAY || jcount(item) != COLUMN_ITEMS) return fail_member(p, key, "has an item of another form");
        FIRN_TRY(read_i32(p, key, jat(item, 0), INT32_MIN, &c->field_id));
        FIRN_TRY(read_integer(p, key, jat(item, 1), -1, INT64_MAX, &c->size_bytes));
        FIRN_TRY(read_integer(p, key, jat(item, 2), -1, INT64_MAX, &c->value_count));
        FIRN_TRY(read_integer(p, key, jat(item, 3), -1, INT64_MAX, &c->null_count));
        FIRN_TRY(read_integer(p, key, jat(item, 4), -1, INT64_MAX, &c->nan_count));
        FIRN_TRY(read_bytes(p, key, jat(item, 5), &c->lower));
        FIRN_TRY(read_bytes(p, key, jat(item, 6), &c->upper));
    }
    return FIRN_OK;
}

static firn_status
read_splits(file_parse *p, const char *key, const jvalue *v)
{
    void    *room = NULL;
    int64_t *offsets;

    FIRN_TRY(read_array(p, key, v, sizeof *offsets, &p->out->split_offset_count, &room));
    offsets = room;
    p->out->split_offsets = offsets;
    for (unsigned i = 0; i < p->out->split_offset_count; i++)
        FIRN_TRY(read_integer(p, key, jat(v, i), 0, INT64_MAX, &offsets[i]));
    return FIRN_OK;
}

static firn_status
read_equality(file_parse *p, const char *key, const jvalue *v)
{
    void    *room = NULL;
    int32_t *ids;

    FIRN_TRY(read_array(p, key, v, sizeof *ids, &p->out->equality_id_count, &room));
    ids = room;
    p->out->equality_ids = ids;
    for (unsigned i = 0; i < p->out->equality_id_count; i++) FIRN_TRY(read_i32(p, key, jat(v, i), INT32_MIN, &ids[i]));
    return FIRN_OK;
}

static firn_status
read_content(file_parse *p, const char *key, const jvalue *v)
{
    int64_t content = 0;

    FIRN_TRY(read_integer(p, key, v, DATA_FILE_DATA, DATA_FILE_EQUALITY_DELETES, &content));
    p->out->content = (data_file_content) content;
    return FIRN_OK;
}

static firn_status
read_format(file_parse *p, const char *key, const jvalue *v)
{
    static const char *const formats[] = {"PARQUET", "AVRO", "ORC", "PUFFIN"};
    const char              *text = jtext(v);

    for (unsigned i = 0; text && i < FIRN_COUNT(formats); i++) {
        if (strcmp(text, formats[i]) == 0) p->out->format = formats[i];
    }
    return p->out->format ? FIRN_OK : fail_member(p, key, "is not known");
}

static firn_status
read_member(file_parse *p, const char *key, const jvalue *v)
{
    data_file *f = p->out;

    if (strcmp(key, "content") == 0) return read_content(p, key, v);
    if (strcmp(key, "path") == 0) return read_text(p, key, v, &f->path);
    if (strcmp(key, "format") == 0) return read_format(p, key, v);
    if (strcmp(key, "spec") == 0) return read_i32(p, key, v, 0, &f->spec_id);
    if (strcmp(key, "partition") == 0) return read_partition(p, key, v);
    if (strcmp(key, "records") == 0) return read_integer(p, key, v, 0, INT64_MAX, &f->record_count);
    if (strcmp(key, "bytes") == 0) return read_integer(p, key, v, 0, INT64_MAX, &f->size_bytes);
    if (strcmp(key, "columns") == 0) return read_columns(p, key, v);
    if (strcmp(key, "splits") == 0) return read_splits(p, key, v);
    if (strcmp(key, "sort") == 0) return read_i32(p, key, v, 0, &f->sort_order_id);
    if (strcmp(key, "equality") == 0) return read_equality(p, key, v);
    if (strcmp(key, "referenced") == 0) return read_text(p, key, v, &f->referenced_data_file);
    if (strcmp(key, "content-offset") == 0) return read_integer(p, key, v, 0, INT64_MAX, &f->content_offset);
    if (strcmp(key, "content-bytes") == 0) return read_integer(p, key, v, 0, INT64_MAX, &f->content_size_bytes);
    if (strcmp(key, "first-row") == 0) return read_integer(p, key, v, 0, INT64_MAX, &f->first_row_id);
    if (strcmp(key, "key-metadata") == 0) return read_bytes(p, key, v, &f->key_metadata);
    return fail_member(p, key, "is not known to this version of firn");
}

/* Each as a name in the document, so that the error says where. */
static firn_status
need_members(const jdoc *doc, const jvalue *value, firn_error *err)
{
    static const char *const numbers[] = {"content", "spec", "records", "bytes"};
    static const char *const texts[] = {"path", "format"};
    const char              *text;
    int64_t                  number;

    for (unsigned i = 0; i < FIRN_COUNT(numbers); i++) FIRN_TRY(jneed_integer(doc, value, numbers[i], &number, err));
    for (unsigned i = 0; i < FIRN_COUNT(texts); i++) FIRN_TRY(jneed_text(doc, value, texts[i], &text, err));
    return FIRN_OK;
}

firn_status
data_file_of_json(const jdoc *doc, const jvalue *value, firn_arena *arena, data_file *ret_file, firn_error *err)
{
    data_file  file = {.sort_order_id = -1, .content_offset = -1, .content_size_bytes = -1, .first_row_id = -1};
    file_parse p = {.arena = arena, .out = &file, .err = err};

    FIRN_TRY(need_members(doc, value, err));
    for (size_t i = 0; i < jcount(value); i++) FIRN_TRY(read_member(&p, jkey_at(value, i), jvalue_at(value, i)));
    *ret_file = file;
    return FIRN_OK;
}
