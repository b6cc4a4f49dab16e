#include "iceberg/manifest_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "avro/ocf_reader.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/uuid.h"
#include "iceberg/manifest_schema.h"
#include "storage/storage.h"

#define MANIFEST_SIZE_MAX ((size_t) 1 << 30)
#define DECIMAL_BYTES_MAX 16
#define COLUMNS_MAX 1000000

struct manifest_reader {
    char       *location;
    int32_t     spec_id;
    int64_t     sequence_number, snapshot_id;
    bool        is_data;
    bool        ordered; /* partition values go by partition_ids */
    unsigned    partition_count;
    int32_t    *partition_ids;
    int64_t     next_row_id; /* -1: none are given */
    firn_buffer bytes;
    ocf_reader *file;
    firn_arena  scratch; /* of one entry's Avro values */
};

/* One entry on its way. */
typedef struct entry_job {
    const manifest_reader *reader;
    const avro_value      *file; /* the data_file record */
    firn_arena            *arena;
    firn_error            *err;
} entry_job;

static firn_status
fail_entry(const entry_job *job, const char *what)
{
    return firn_fail(job->err, FIRN_E_ICEBERG_METADATA, "manifest '%s' has an entry with %s", job->reader->location, what);
}

static firn_status
fail_memory(const entry_job *job)
{
    return firn_fail_memory(job->err, "a manifest's entry");
}

/* ---- open ---- */

static firn_status
keep_spec(manifest_reader *r, const partition_spec *spec, firn_error *err)
{
    if (!spec) return FIRN_OK;
    r->ordered = true;
    r->partition_count = spec->field_count;
    r->partition_ids = firn_calloc(spec->field_count ? spec->field_count : 1, sizeof *r->partition_ids);
    if (!r->partition_ids) return firn_fail_memory(err, "a manifest");
    for (unsigned i = 0; i < spec->field_count; i++) r->partition_ids[i] = spec->fields[i].field_id;
    return FIRN_OK;
}

firn_status
manifest_reader_open(storage *files, const manifest_file *manifest, const partition_spec *spec,
                     manifest_reader **ret_reader, firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "a manifest");
    r->location = firn_strdup(manifest->path);
    if (!r->location) return firn_fail_memory(err, "a manifest");
    r->spec_id = manifest->spec_id;
    r->sequence_number = manifest->sequence_number;
    r->snapshot_id = manifest->added_snapshot_id;
    r->is_data = manifest->content == MANIFEST_DATA;
    r->next_row_id = r->is_data ? manifest->first_row_id : -1;
    FIRN_TRY(keep_spec(r, spec, err));
    firn_buffer_init(&r->bytes, MANIFEST_SIZE_MAX);
    FIRN_TRY(storage_read_all(files, manifest->path, &r->bytes, err));
    FIRN_TRY(ocf_reader_open(firn_buffer_slice(&r->bytes), manifest->path, &r->file, err));
    *ret_reader = FIRN_STEAL(r);
    return FIRN_OK;
}

/* ---- partition values ---- */

static firn_status
copy_bytes(const entry_job *job, const void *bytes, size_t size, firn_slice *ret_copy)
{
    uint8_t *copy = firn_arena_alloc(job->arena, size ? size : 1);

    if (!copy) return fail_memory(job);
    if (size > 0) memcpy(copy, bytes, size);
    *ret_copy = firn_slice_of(copy, size);
    return FIRN_OK;
}

static firn_status
copy_decimal(const entry_job *job, firn_slice bytes, firn_slice *ret_value)
{
    uint8_t out[DECIMAL_BYTES_MAX];

    if (bytes.size == 0 || bytes.size > DECIMAL_BYTES_MAX) return fail_entry(job, "a decimal of a bad size");

    int128   value = decimal_load_be(bytes.data, bytes.size);
    unsigned size = decimal_size_min(value);

    decimal_store_be(value, out, size);
    return copy_bytes(job, out, size, ret_value);
}

/* Avro's value → single value (spec, appendix D). */
static firn_status
copy_value(const entry_job *job, const avro_value *v, firn_slice *ret_value)
{
    uint8_t   bytes[8];
    firn_uuid uuid;

    *ret_value = firn_slice_of(NULL, 0);
    if (!v) return FIRN_OK;
    switch (v->type->kind) {
    case AVRO_NULL:
        return FIRN_OK;
    case AVRO_BOOLEAN:
        bytes[0] = v->of.integer != 0;
        return copy_bytes(job, bytes, 1, ret_value);
    case AVRO_INT:
        store_le32(bytes, (uint32_t) v->of.integer);
        return copy_bytes(job, bytes, 4, ret_value);
    case AVRO_LONG:
        store_le64(bytes, (uint64_t) v->of.integer);
        return copy_bytes(job, bytes, 8, ret_value);
    case AVRO_FLOAT:
        store_le32(bytes, bits_of_float((float) v->of.real));
        return copy_bytes(job, bytes, 4, ret_value);
    case AVRO_DOUBLE:
        store_le64(bytes, bits_of_double(v->of.real));
        return copy_bytes(job, bytes, 8, ret_value);
    case AVRO_STRING:
        if (v->type->logical == AVRO_UUID && uuid_parse(v->of.bytes, &uuid)) {
            return copy_bytes(job, uuid.bytes, sizeof uuid.bytes, ret_value);
        }
        return copy_bytes(job, v->of.bytes.data, v->of.bytes.size, ret_value);
    case AVRO_BYTES:
    case AVRO_FIXED:
        if (v->type->logical == AVRO_DECIMAL) return copy_decimal(job, v->of.bytes, ret_value);
        return copy_bytes(job, v->of.bytes.data, v->of.bytes.size, ret_value);
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
        break;
    }
    return fail_entry(job, "a partition value that is none");
}

static firn_status
read_partition(const entry_job *job, data_file *out)
{
    const manifest_reader *r = job->reader;
    const avro_value      *record = avro_field_by_id(job->file, FILE_PARTITION, "partition");
    bool                   has_record = record && record->type->kind == AVRO_RECORD;

    if (!has_record && r->partition_count > 0) return fail_entry(job, "no partition");

    unsigned    count = r->ordered ? r->partition_count : has_record ? (unsigned) record->of.list.count : 0;
    firn_slice *values = firn_arena_array(job->arena, count ? count : 1, sizeof *values);

    if (!values) return fail_memory(job);
    for (unsigned i = 0; i < count; i++) {
        const avro_value *value;
        if (r->ordered)
            value = avro_field_by_id(record, r->partition_ids[i], "");
        else
            value = &record->of.list.items[i];
        FIRN_TRY(copy_value(job, value, &values[i]));
    }
    out->partition = values;
    out->partition_count = count;
    return FIRN_OK;
}

/* ---- columns ---- */

static int
compare_columns(const void *a, const void *b)
{
    int32_t id_a = ((const data_file_column *) a)->field_id;
    int32_t id_b = ((const data_file_column *) b)->field_id;

    return (id_a > id_b) - (id_a < id_b);
}

/* It is there: all ids were gathered. */
static data_file_column *
find_column(data_file_column *columns, size_t count, int32_t field_id)
{
    size_t low = 0, high = count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (columns[middle].field_id <= field_id)
            low = middle;
        else
            high = middle;
    }
    assert(low < count && columns[low].field_id == field_id);
    return &columns[low];
}

static const struct {
    int32_t     id;
    const char *name;
} column_maps[] = {
    {FILE_COLUMN_SIZES, "column_sizes"}, {FILE_VALUE_COUNTS, "value_counts"},  {FILE_NULL_COUNTS, "null_value_counts"},
    {FILE_NAN_COUNTS, "nan_value_counts"}, {FILE_LOWER_BOUNDS, "lower_bounds"}, {FILE_UPPER_BOUNDS, "upper_bounds"},
};

/* A pair of one of the maps: a record of key and value. False: it is no such thing. */
static bool
read_pair(const avro_value *pair, int32_t *ret_field_id, const avro_value **ret_value)
{
    int64_t id;

    if (pair->type->kind != AVRO_RECORD || pair->of.list.count != 2) return false;
    if (!avro_integer(&pair->of.list.items[0], &id) || id < INT32_MIN || id > INT32_MAX) return false;
    *ret_field_id = (int32_t) id;
    *ret_value = &pair->of.list.items[1];
    return true;
}

static firn_status
set_fact(const entry_job *job, data_file_column *column, int32_t map_id, const avro_value *value)
{
    int64_t    number;
    firn_slice bytes;

    if (map_id == FILE_LOWER_BOUNDS || map_id == FILE_UPPER_BOUNDS) {
        if (!avro_bytes(value, &bytes)) return FIRN_OK;
        return copy_bytes(job, bytes.data, bytes.size, map_id == FILE_LOWER_BOUNDS ? &column->lower : &column->upper);
    }
    if (!avro_integer(value, &number) || number < 0) return FIRN_OK;
    if (map_id == FILE_COLUMN_SIZES)
        column->size_bytes = number;
    else if (map_id == FILE_VALUE_COUNTS)
        column->value_count = number;
    else if (map_id == FILE_NULL_COUNTS)
        column->null_count = number;
    else
        column->nan_count = number;
    return FIRN_OK;
}

/* The ids of all maps together, sorted, each once. */
static firn_status
gather_columns(const entry_job *job, data_file_column **ret_columns, size_t *ret_count)
{
    size_t            total = 0, used = 0, unique = 0, count;
    const avro_value *items;

    for (size_t m = 0; m < FIRN_COUNT(column_maps); m++) {
        if (avro_list(avro_field_by_id(job->file, column_maps[m].id, column_maps[m].name), &count, &items)) total += count;
    }
    if (total > COLUMNS_MAX) return fail_entry(job, "too many columns");

    data_file_column *columns = firn_arena_array(job->arena, total ? total : 1, sizeof *columns);

    if (!columns) return fail_memory(job);
    for (size_t m = 0; m < FIRN_COUNT(column_maps); m++) {
        if (!avro_list(avro_field_by_id(job->file, column_maps[m].id, column_maps[m].name), &count, &items)) continue;
        for (size_t i = 0; i < count; i++) {
            const avro_value *value;
            if (!read_pair(&items[i], &columns[used].field_id, &value)) return fail_entry(job, "a bad column map");
            columns[used].size_bytes = columns[used].value_count = -1;
            columns[used].null_count = columns[used].nan_count = -1;
            used++;
        }
    }
    qsort(columns, used, sizeof *columns, compare_columns);
    for (size_t i = 0; i < used; i++) {
        if (unique == 0 || columns[unique - 1].field_id != columns[i].field_id) columns[unique++] = columns[i];
    }
    *ret_columns = columns;
    *ret_count = unique;
    return FIRN_OK;
}

static firn_status
read_columns(const entry_job *job, data_file *out)
{
    data_file_column *columns;
    size_t            column_count, count;
    const avro_value *items;

    FIRN_TRY(gather_columns(job, &columns, &column_count));
    for (size_t m = 0; m < FIRN_COUNT(column_maps); m++) {
        if (!avro_list(avro_field_by_id(job->file, column_maps[m].id, column_maps[m].name), &count, &items)) continue;
        for (size_t i = 0; i < count; i++) {
            const avro_value *value;
            int32_t           field_id;
            if (!read_pair(&items[i], &field_id, &value)) return fail_entry(job, "a bad column map");
            FIRN_TRY(set_fact(job, find_column(columns, column_count, field_id), column_maps[m].id, value));
        }
    }
    out->columns = columns;
    out->column_count = (unsigned) column_count;
    return FIRN_OK;
}

/* ---- the rest of a file ---- */

static firn_status
read_numbers(const entry_job *job, data_file *out)
{
    size_t            count;
    const avro_value *items;

    if (avro_list(avro_field_by_id(job->file, FILE_SPLIT_OFFSETS, "split_offsets"), &count, &items) && count > 0) {
        int64_t *offsets = firn_arena_array(job->arena, count, sizeof *offsets);
        if (!offsets) return fail_memory(job);
        for (size_t i = 0; i < count; i++) {
            if (!avro_integer(&items[i], &offsets[i])) return fail_entry(job, "a bad split offset");
        }
        out->split_offsets = offsets;
        out->split_offset_count = (unsigned) count;
    }
    if (avro_list(avro_field_by_id(job->file, FILE_EQUALITY_IDS, "equality_ids"), &count, &items) && count > 0) {
        int32_t *ids = firn_arena_array(job->arena, count, sizeof *ids);
        int64_t  id;
        if (!ids) return fail_memory(job);
        for (size_t i = 0; i < count; i++) {
            if (!avro_integer(&items[i], &id) || id < 0 || id > INT32_MAX) return fail_entry(job, "a bad equality id");
            ids[i] = (int32_t) id;
        }
        out->equality_ids = ids;
        out->equality_id_count = (unsigned) count;
    }
    return FIRN_OK;
}

static int64_t
number_or(const avro_value *record, int32_t id, const char *name, int64_t otherwise)
{
    int64_t value;

    return avro_integer(avro_field_by_id(record, id, name), &value) ? value : otherwise;
}

static firn_status
copy_text(const entry_job *job, int32_t id, const char *name, const char **ret_text)
{
    firn_slice bytes;

    *ret_text = NULL;
    if (!avro_bytes(avro_field_by_id(job->file, id, name), &bytes)) return FIRN_OK;
    *ret_text = firn_arena_text(job->arena, bytes);
    return *ret_text ? FIRN_OK : fail_memory(job);
}

static firn_status
read_data_file(const entry_job *job, data_file *out)
{
    int64_t    content = number_or(job->file, FILE_CONTENT, "content", 0);
    int64_t    sort_order_id = number_or(job->file, FILE_SORT_ORDER_ID, "sort_order_id", -1);
    firn_slice bytes;

    if (content < 0 || content > 2) return fail_entry(job, "content of an unknown kind");
    if (sort_order_id < -1 || sort_order_id > INT32_MAX) return fail_entry(job, "a bad sort order");
    *out = (data_file){.content = (data_file_content) content, .spec_id = job->reader->spec_id,
                       .sort_order_id = (int32_t) sort_order_id};
    FIRN_TRY(copy_text(job, FILE_PATH, "file_path", &out->path));
    FIRN_TRY(copy_text(job, FILE_FORMAT, "file_format", &out->format));
    FIRN_TRY(copy_text(job, FILE_REFERENCED_DATA_FILE, "referenced_data_file", &out->referenced_data_file));
    out->record_count = number_or(job->file, FILE_RECORD_COUNT, "record_count", -1);
    out->size_bytes = number_or(job->file, FILE_SIZE_BYTES, "file_size_in_bytes", -1);
    out->content_offset = number_or(job->file, FILE_CONTENT_OFFSET, "content_offset", -1);
    out->content_size_bytes = number_or(job->file, FILE_CONTENT_SIZE, "content_size_in_bytes", -1);
    out->first_row_id = number_or(job->file, FILE_FIRST_ROW_ID, "first_row_id", -1);
    if (!out->path || !out->format) return fail_entry(job, "no path or format");
    if (out->record_count < 0 || out->size_bytes < 0) return fail_entry(job, "no record count or size");
    if (avro_bytes(avro_field_by_id(job->file, FILE_KEY_METADATA, "key_metadata"), &bytes)) {
        FIRN_TRY(copy_bytes(job, bytes.data, bytes.size, &out->key_metadata));
    }
    FIRN_TRY(read_partition(job, out));
    FIRN_TRY(read_columns(job, out));
    return read_numbers(job, out);
}

/* ---- entries ---- */

/* Only added files inherit, but for manifests of v1, where all is 0. */
static int64_t
inherit_sequence(const manifest_reader *r, manifest_entry_status status, int64_t own)
{
    if (own >= 0) return own;
    return status == ENTRY_ADDED || r->sequence_number == 0 ? r->sequence_number : -1;
}

/* In the order of the manifest: files that are live and have none take as many ids as they have rows. */
static firn_status
inherit_row_id(manifest_reader *r, const entry_job *job, manifest_entry_status status, data_file *file)
{
    if (!r->is_data || r->next_row_id < 0) {
        // before the table had row ids, or of a delete file
        if (!r->is_data || r->sequence_number >= 0) file->first_row_id = -1;
        return FIRN_OK;
    }
    if (file->first_row_id >= 0 || status == ENTRY_DELETED) return FIRN_OK;
    file->first_row_id = r->next_row_id;
    if (__builtin_add_overflow(r->next_row_id, file->record_count, &r->next_row_id)) {
        return fail_entry(job, "more rows than there are row ids");
    }
    return FIRN_OK;
}

static firn_status
read_entry(manifest_reader *r, const avro_value *record, entry_job *job, manifest_entry *out)
{
    int64_t status = number_or(record, ENTRY_STATUS, "status", -1);

    if (status < 0 || status > 2) return fail_entry(job, "an unknown status");
    job->file = avro_field_by_id(record, ENTRY_DATA_FILE, "data_file");
    if (!job->file) return fail_entry(job, "no data_file");
    out->status = (manifest_entry_status) status;
    out->snapshot_id = number_or(record, ENTRY_SNAPSHOT_ID, "snapshot_id", r->snapshot_id);
    out->sequence_number =
        inherit_sequence(r, out->status, number_or(record, ENTRY_SEQUENCE_NUMBER, "sequence_number", -1));
    out->file_sequence_number =
        inherit_sequence(r, out->status, number_or(record, ENTRY_FILE_SEQUENCE_NUMBER, "file_sequence_number", -1));
    FIRN_TRY(read_data_file(job, &out->file));
    if (out->sequence_number < 0 && r->sequence_number >= 0) {
        return fail_entry(job, "no sequence number, though the file was not added here");
    }
    if ((out->file.content == DATA_FILE_DATA) != r->is_data) return fail_entry(job, "a file of the wrong content");
    return inherit_row_id(r, job, out->status, &out->file);
}

firn_status
manifest_reader_next(manifest_reader *reader, firn_arena *arena, manifest_entry *ret_entry, bool *ret_more,
                     firn_error *err)
{
    avro_value     record;
    manifest_entry entry;
    entry_job      job = {reader, NULL, arena, err};

    firn_arena_reset(&reader->scratch);
    FIRN_TRY(ocf_reader_next(reader->file, &reader->scratch, &record, ret_more, err));
    if (!*ret_more) return FIRN_OK;
    FIRN_TRY(read_entry(reader, &record, &job, &entry));
    *ret_entry = entry;
    return FIRN_OK;
}

void
manifest_reader_free(manifest_reader *reader)
{
    if (!reader) return;
    ocf_reader_free(reader->file);
    firn_arena_done(&reader->scratch);
    firn_buffer_done(&reader->bytes);
    firn_free(reader->partition_ids);
    firn_free(reader->location);
    firn_free(reader);
}
