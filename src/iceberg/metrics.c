#include "iceberg/metrics.h"

#include <math.h>

#include "base/bytes.h"
#include "base/text.h"
#include "iceberg/single_value.h"
#include "parquet/file_writer.h"

#define LEAF_DEPTH_MAX 128

typedef struct metrics_job {
    const parquet_file_info *info;
    firn_arena              *arena;
    data_file_column        *columns;
    unsigned                 column_count; /* done */
    unsigned                 next; /* where the next leaf's facts should be */
    firn_error              *err;
} metrics_job;

/* Leaves come in the schema's order, so the first look hits. */
static const parquet_column_info *
find_column(metrics_job *job, int32_t field_id)
{
    for (unsigned i = 0; i < job->info->column_count; i++) {
        unsigned at = (job->next + i) % job->info->column_count;
        if (job->info->columns[at].field_id != field_id) continue;
        job->next = at + 1;
        return &job->info->columns[at];
    }
    return NULL;
}

static size_t
put_character(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t) c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t) (0xc0 | (c >> 6));
        out[1] = (uint8_t) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t) (0xe0 | (c >> 12));
        out[1] = (uint8_t) (0x80 | ((c >> 6) & 0x3f));
        out[2] = (uint8_t) (0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t) (0xf0 | (c >> 18));
    out[1] = (uint8_t) (0x80 | ((c >> 12) & 0x3f));
    out[2] = (uint8_t) (0x80 | ((c >> 6) & 0x3f));
    out[3] = (uint8_t) (0x80 | (c & 0x3f));
    return 4;
}

/* The last character of well-formed text and where it starts. */
static uint32_t
last_character(const uint8_t *bytes, size_t size, size_t *ret_start)
{
    size_t start = size - 1;

    while (start > 0 && (bytes[start] & 0xc0) == 0x80) start--;

    uint32_t c = bytes[start];

    if (c >= 0xf0)
        c &= 0x07;
    else if (c >= 0xe0)
        c &= 0x0f;
    else if (c >= 0xc0)
        c &= 0x1f;
    for (size_t i = start + 1; i < size; i++) c = (c << 6) | (bytes[i] & 0x3f);
    *ret_start = start;
    return c;
}

/* The least text of at most `size` bytes' characters that is above all that start with it; 0: there is none.
 * Surrogates are no characters and are stepped over. */
static size_t
round_up_text(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t   start;
        uint32_t next = last_character(bytes, size, &start) + 1;
        if (next >= 0xd800 && next <= 0xdfff) next = 0xe000;
        // UTF-8 sorts as code points do, so a longer encoding of a larger one is fine
        if (next <= 0x10ffff) return start + put_character(next, bytes + start);
        size = start;
    }
    return 0;
}

static size_t
round_up_bytes(uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0xff) size--;
    if (size > 0) bytes[size - 1]++;
    return size;
}

/* Bounds of texts and binaries, cut. False: none. */
static bool
cut_bound(bool is_text, bool is_upper, uint8_t *bytes, size_t *size)
{
    if (is_text && !text_is_utf8(bytes, *size)) return false;

    size_t kept = *size;

    if (is_text)
        kept = text_utf8_prefix(bytes, *size, METRICS_TEXT_CHARACTERS);
    else if (kept > METRICS_BINARY_BYTES)
        kept = METRICS_BINARY_BYTES;
    if (kept == *size) return true;
    *size = kept;
    if (!is_upper) return true;
    *size = is_text ? round_up_text(bytes, kept) : round_up_bytes(bytes, kept);
    return *size > 0;
}

/* A zero may stand for either sign: Parquet's minimum of {-0.0, 0.0} is any of the two. */
static double
safe_zero(double value, bool is_upper)
{
    if (value < 0.0 || value > 0.0 || isnan(value)) return value;
    return is_upper ? 0.0 : -0.0;
}

/* Parquet's bytes of a physical value → the value. False: not what the type's bytes look like. */
static bool
load_physical(const data_type *type, bool is_upper, const uint8_t *bytes, size_t size, single_value *out)
{
    switch (type->kind) {
    case TYPE_BOOLEAN:
        out->integer = size == 1 && bytes[0];
        return size == 1;
    case TYPE_INT:
    case TYPE_DATE:
        out->integer = size == 4 ? (int32_t) load_le32(bytes) : 0;
        return size == 4;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        out->integer = size == 8 ? (int64_t) load_le64(bytes) : 0;
        return size == 8;
    case TYPE_FLOAT:
        out->real = size == 4 ? safe_zero((double) float_of_bits(load_le32(bytes)), is_upper) : (double) NAN;
        return !isnan(out->real);
    case TYPE_DOUBLE:
        out->real = size == 8 ? safe_zero(double_of_bits(load_le64(bytes)), is_upper) : (double) NAN;
        return !isnan(out->real);
    case TYPE_DECIMAL:
        if (type->precision <= 18) {
            size_t wanted = type->precision <= 9 ? 4 : 8;
            if (size != wanted) return false;
            out->decimal = wanted == 4 ? (int32_t) load_le32(bytes) : (int64_t) load_le64(bytes);
            return true;
        }
        if (size == 0 || size > 16) return false;
        out->decimal = decimal_load_be(bytes, size);
        return true;
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
        out->bytes = firn_slice_of(bytes, size);
        return true;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

static firn_status
make_bound(metrics_job *job, const data_type *type, bool is_upper, const uint8_t *from, size_t size, firn_slice *ret_bound)
{
    uint8_t      bytes[PARQUET_BOUND_MAX + 4]; // a character can get longer when it is rounded up
    single_value value = {0};
    bool         is_text = type->kind == TYPE_STRING;

    memcpy(bytes, from, size);
    if (is_text || type->kind == TYPE_BINARY || type->kind == TYPE_FIXED) {
        if (!cut_bound(is_text, is_upper, bytes, &size)) return FIRN_OK;
    }
    if (!load_physical(type, is_upper, bytes, size, &value)) return FIRN_OK;
    return single_value_new(type, &value, job->arena, ret_bound, job->err);
}

static firn_status
add_leaf(metrics_job *job, const schema_field *field, bool repeated)
{
    const parquet_column_info *facts = find_column(job, field->id);

    if (!facts || job->column_count == job->info->column_count) return FIRN_OK;

    data_file_column *out = &job->columns[job->column_count++];
    bool              is_real = field->type->kind == TYPE_FLOAT || field->type->kind == TYPE_DOUBLE;

    *out = (data_file_column){field->id, (int64_t) facts->compressed_bytes, -1, -1, -1, {NULL, 0}, {NULL, 0}};
    if (repeated) return FIRN_OK;
    out->value_count = (int64_t) facts->value_count;
    out->null_count = (int64_t) facts->null_count;
    if (is_real) out->nan_count = (int64_t) facts->nan_count;
    if (facts->has_bounds_min) {
        FIRN_TRY(make_bound(job, field->type, false, facts->min, facts->min_size, &out->lower));
    }
    if (facts->has_bounds_max) {
        FIRN_TRY(make_bound(job, field->type, true, facts->max, facts->max_size, &out->upper));
    }
    return FIRN_OK;
}

static firn_status
add_fields(metrics_job *job, const schema_field *fields, unsigned field_count, bool repeated, unsigned depth)
{
    if (depth > LEAF_DEPTH_MAX) return firn_fail(job->err, FIRN_E_BUG, "a schema is nested too deep");
    for (unsigned i = 0; i < field_count; i++) {
        const data_type *type = fields[i].type;
        if (!type_is_nested(type->kind)) {
            FIRN_TRY(add_leaf(job, &fields[i], repeated));
            continue;
        }
        FIRN_TRY(add_fields(job, type->fields, type->field_count, repeated || type->kind != TYPE_STRUCT, depth + 1));
    }
    return FIRN_OK;
}

firn_status
metrics_of_parquet(const parquet_file_info *info, const table_schema *schema, const char *location, firn_arena *arena,
                   data_file *ret_file, firn_error *err)
{
    size_t            count = info->column_count;
    size_t            group_count = info->row_group_count;
    data_file_column *columns = count ? firn_arena_array(arena, count, sizeof *columns) : NULL;
    int64_t          *offsets = group_count ? firn_arena_array(arena, group_count, sizeof *offsets) : NULL;
    const char       *path = firn_arena_strdup(arena, location);
    metrics_job       job = {info, arena, columns, 0, 0, err};

    if (!path || (count && !columns) || (group_count && !offsets)) return firn_fail_memory(err, "a data file's metrics");
    FIRN_TRY(add_fields(&job, schema->fields, schema->field_count, false, 0));
    if (group_count) memcpy(offsets, info->row_group_offset, group_count * sizeof *offsets);
    *ret_file = (data_file){
        .content = DATA_FILE_DATA,
        .path = path,
        .format = "PARQUET",
        .record_count = (int64_t) info->row_count,
        .size_bytes = (int64_t) info->size_bytes,
        .column_count = job.column_count,
        .columns = columns,
        .split_offset_count = info->row_group_count,
        .split_offsets = offsets,
        .sort_order_id = -1,
        .content_offset = -1,
        .content_size_bytes = -1,
        .first_row_id = -1,
    };
    return FIRN_OK;
}
