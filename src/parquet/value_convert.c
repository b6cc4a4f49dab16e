#include "parquet/value_convert.h"

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/decimal.h"
#include "parquet/file_schema.h"

/* Julian day number of 1970-01-01. */
#define JULIAN_EPOCH_DAYS INT64_C(2440588)

static const char does_not_fit[] = "a value does not fit its type";
static const char is_too_fine[] = "a time is finer than microseconds";

static bool
i32_to_i64(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, (uint64_t) (int64_t) (int32_t) load_le32(in + 4 * i));
    return true;
}

static bool
u32_to_i64(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, load_le32(in + 4 * i));
    return true;
}

static bool
i64_to_i32(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    uint64_t beyond = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t value = (int64_t) load_le64(in + 8 * i);
        beyond |= (uint64_t) (value ^ (int64_t) (int32_t) value);
        store_le32(out + 4 * i, (uint32_t) value);
    }
    *ret_problem = does_not_fit;
    return beyond == 0;
}

static inline void
store_i128(uint8_t *out, int128 value)
{
    memcpy(out, &value, sizeof value);
}

static bool
i32_to_i128(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_i128(out + 16 * i, (int32_t) load_le32(in + 4 * i));
    return true;
}

static bool
i64_to_i128(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_i128(out + 16 * i, (int64_t) load_le64(in + 8 * i));
    return true;
}

static bool
u64_to_i128(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_i128(out + 16 * i, (int128) load_le64(in + 8 * i));
    return true;
}

static bool
f32_to_f64(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, bits_of_double((double) float_of_bits(load_le32(in + 4 * i))));
    return true;
}

/* IEEE binary16; every value is exact in binary32. */
static float
float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t) (half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1f;
    uint32_t fraction = half & 0x3ff;

    if (exponent == 0x1f) return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        float magnitude = (float) fraction * 0x1p-24f;
        return float_of_bits(sign | bits_of_float(magnitude));
    }
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static bool
f16_to_f32(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_le32(out + 4 * i, bits_of_float(float_of_half(load_le16(in + 2 * i))));
    return true;
}

static bool
f16_to_f64(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    (void) c;
    (void) ret_problem;
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, bits_of_double((double) float_of_half(load_le16(in + 2 * i))));
    return true;
}

/* INT32 × factor: times of day in milliseconds, dates as timestamps. */
static bool
i32_times(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;
        fits &= !__builtin_mul_overflow((int64_t) (int32_t) load_le32(in + 4 * i), c->factor, &value);
        store_le64(out + 8 * i, (uint64_t) value);
    }
    *ret_problem = does_not_fit;
    return fits;
}

static bool
i64_times(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;
        fits &= !__builtin_mul_overflow((int64_t) load_le64(in + 8 * i), c->factor, &value);
        store_le64(out + 8 * i, (uint64_t) value);
    }
    *ret_problem = does_not_fit;
    return fits;
}

static inline int64_t
floor_thousandth(int64_t value, int64_t *add_rest)
{
    int64_t quotient = value / 1000, rest = value % 1000;
    *add_rest |= rest;
    return quotient - (rest < 0);
}

static bool
i64_nanos(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    int64_t rest = 0;
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, (uint64_t) floor_thousandth((int64_t) load_le64(in + 8 * i), &rest));
    *ret_problem = is_too_fine;
    return rest == 0 || c->truncates;
}

/* Nanoseconds of the day, then the Julian day, both little-endian. */
static bool
int96_to_i64(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out, const char **ret_problem)
{
    int64_t rest = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t nanos = (int64_t) load_le64(in + 12 * i);
        int64_t days = (int64_t) (int32_t) load_le32(in + 12 * i + 8) - JULIAN_EPOCH_DAYS;
        int64_t us = 0;
        if (__builtin_mul_overflow(days, CALENDAR_US_PER_DAY, &us) ||
            __builtin_add_overflow(us, floor_thousandth(nanos, &rest), &us)) {
            *ret_problem = does_not_fit;
            return false;
        }
        store_le64(out + 8 * i, (uint64_t) us);
    }
    *ret_problem = is_too_fine;
    return rest == 0 || c->truncates;
}

/* Big-endian two's complement of any size; false beyond 128 bits. */
static inline bool
load_decimal(const uint8_t *in, size_t size, int128 *ret_value)
{
    if (size > 8 && size <= 16) {
        int64_t  high = (int64_t) load_be64(in) >> (8 * (16 - size));
        uint64_t low = load_be64(in + size - 8);
        *ret_value = (int128) ((uint128) (int128) high << 64 | low);
        return true;
    }
    if (size > 0 && size <= 8) {
        uint64_t value = (in[0] & 0x80) ? UINT64_MAX : 0;
        for (size_t i = 0; i < size; i++)
            value = value << 8 | in[i];
        *ret_value = (int64_t) value;
        return true;
    }
    if (size == 0) {
        *ret_value = 0;
        return true;
    }
    uint8_t sign = (in[size - 16] & 0x80) ? 0xff : 0;
    for (size_t i = 0; i < size - 16; i++)
        if (in[i] != sign) return false;
    return load_decimal(in + size - 16, 16, ret_value);
}

static inline bool
store_decimal(int128 value, uint32_t out_size, uint8_t *out)
{
    if (out_size == 4) {
        store_le32(out, (uint32_t) value);
        return value == (int32_t) value;
    }
    if (out_size == 8) {
        store_le64(out, (uint64_t) value);
        return value == (int64_t) value;
    }
    store_i128(out, value);
    return true;
}

#define DEFINE_DECIMAL(bits)                                                                                           \
    static bool decimal_to_i##bits(const value_conversion *c, const uint8_t *in, size_t count, uint8_t *out,           \
                                   const char **ret_problem)                                                           \
    {                                                                                                                  \
        bool fits = true;                                                                                              \
        for (size_t i = 0; i < count; i++) {                                                                           \
            int128 value = 0;                                                                                          \
            fits &= load_decimal(in + (size_t) c->in_size * i, c->in_size, &value);                                    \
            fits &= store_decimal(value, (bits) / 8, out + (size_t) (bits) / 8 * i);                                   \
        }                                                                                                              \
        *ret_problem = does_not_fit;                                                                                   \
        return fits;                                                                                                   \
    }                                                                                                                  \
    static bool decimal_bytes_to_i##bits(const uint8_t *in, size_t size, uint8_t *out)                                 \
    {                                                                                                                  \
        int128 value = 0;                                                                                              \
        return load_decimal(in, size, &value) && store_decimal(value, (bits) / 8, out);                                \
    }

DEFINE_DECIMAL(32)
DEFINE_DECIMAL(64)
DEFINE_DECIMAL(128)

static uint32_t
physical_size(const parquet_element *e)
{
    switch (e->type) {
    case PARQUET_BOOLEAN:
        return 1;
    case PARQUET_INT32:
    case PARQUET_FLOAT:
        return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE:
        return 8;
    case PARQUET_INT96:
        return 12;
    case PARQUET_BYTE_ARRAY:
        return 0;
    case PARQUET_FIXED_LEN_BYTE_ARRAY:
        return e->size_bytes;
    }
    return 0;
}

static bool
choose_decimal(const parquet_element *e, const data_type *file, const data_type *wanted, value_conversion *c)
{
    bool is_u64 =
        e->type == PARQUET_INT64 && e->logical != PARQUET_LOGICAL_DECIMAL && e->converted != PARQUET_CONVERTED_DECIMAL;
    if (file->kind != TYPE_DECIMAL || file->scale != wanted->scale || file->precision > wanted->precision) return false;
    c->out_size = wanted->precision <= 9 ? 4 : wanted->precision <= 18 ? 8 : 16;
    switch (e->type) {
    case PARQUET_INT32:
        c->convert = c->out_size == 4 ? NULL : c->out_size == 8 ? i32_to_i64 : i32_to_i128;
        return true;
    case PARQUET_INT64:
        c->convert = is_u64 ? u64_to_i128 : c->out_size == 4 ? i64_to_i32 : c->out_size == 8 ? NULL : i64_to_i128;
        return true;
    case PARQUET_FIXED_LEN_BYTE_ARRAY:
        c->convert = c->out_size == 4 ? decimal_to_i32 : c->out_size == 8 ? decimal_to_i64 : decimal_to_i128;
        return true;
    case PARQUET_BYTE_ARRAY:
        c->convert_bytes = c->out_size == 4   ? decimal_bytes_to_i32
                           : c->out_size == 8 ? decimal_bytes_to_i64
                                              : decimal_bytes_to_i128;
        return true;
    case PARQUET_BOOLEAN:
    case PARQUET_INT96:
    case PARQUET_FLOAT:
    case PARQUET_DOUBLE:
        break;
    }
    return false;
}

static parquet_time_unit
unit_of(const parquet_element *e)
{
    if (e->unit != PARQUET_UNIT_NONE) return e->unit;
    if (e->converted == PARQUET_CONVERTED_TIME_MILLIS || e->converted == PARQUET_CONVERTED_TIMESTAMP_MILLIS)
        return PARQUET_UNIT_MILLIS;
    return PARQUET_UNIT_MICROS;
}

static bool
choose_time(const parquet_element *e, const data_type *file, const data_type *wanted, value_conversion *c)
{
    bool is_time = wanted->kind == TYPE_TIME;
    c->out_size = 8;
    if (!is_time && e->type == PARQUET_INT96) {
        c->convert = int96_to_i64;
        return true;
    }
    if (!is_time && file->kind == TYPE_DATE) {
        c->convert = i32_times;
        c->factor = CALENDAR_US_PER_DAY;
        return wanted->kind == TYPE_TIMESTAMP;
    }
    bool file_is_stamp = file->kind == TYPE_TIMESTAMP || file->kind == TYPE_TIMESTAMPTZ;
    bool is_plain = e->type == PARQUET_INT64 && file->kind == TYPE_LONG; /* not annotated: microseconds */
    if (!is_plain && (is_time ? file->kind != TYPE_TIME : !file_is_stamp)) return false;
    switch (is_plain ? PARQUET_UNIT_MICROS : unit_of(e)) {
    case PARQUET_UNIT_MILLIS:
        c->factor = 1000;
        c->convert = e->type == PARQUET_INT32 ? i32_times : i64_times;
        return true;
    case PARQUET_UNIT_NANOS:
        c->convert = i64_nanos;
        return true;
    case PARQUET_UNIT_MICROS:
    case PARQUET_UNIT_NONE:
        break;
    }
    return e->type == PARQUET_INT64;
}

static bool
choose_float(const parquet_element *e, const data_type *file, const data_type *wanted, value_conversion *c)
{
    bool is_half = file->kind == TYPE_FLOAT && e->type == PARQUET_FIXED_LEN_BYTE_ARRAY;
    c->out_size = wanted->kind == TYPE_FLOAT ? 4 : 8;
    if (wanted->kind == TYPE_FLOAT) {
        c->convert = is_half ? f16_to_f32 : NULL;
        return file->kind == TYPE_FLOAT;
    }
    c->convert = is_half ? f16_to_f64 : file->kind == TYPE_FLOAT ? f32_to_f64 : NULL;
    return file->kind == TYPE_FLOAT || file->kind == TYPE_DOUBLE;
}

static bool
choose(const parquet_element *e, const data_type *file, const data_type *wanted, value_conversion *c)
{
    switch (wanted->kind) {
    case TYPE_BOOLEAN:
        c->out_size = 1;
        return file->kind == TYPE_BOOLEAN;
    case TYPE_INT:
        c->out_size = 4;
        return file->kind == TYPE_INT;
    case TYPE_LONG:
        c->out_size = 8;
        if (e->type == PARQUET_INT32) c->convert = file->kind == TYPE_INT ? i32_to_i64 : u32_to_i64;
        return file->kind == TYPE_INT || file->kind == TYPE_LONG;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return choose_float(e, file, wanted, c);
    case TYPE_DECIMAL:
        return choose_decimal(e, file, wanted, c);
    case TYPE_DATE:
        c->out_size = 4;
        return e->type == PARQUET_INT32 && (file->kind == TYPE_DATE || file->kind == TYPE_INT);
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return choose_time(e, file, wanted, c);
    case TYPE_STRING:
        return e->type == PARQUET_BYTE_ARRAY && file->kind != TYPE_DECIMAL;
    case TYPE_BINARY:
        return e->type == PARQUET_BYTE_ARRAY || e->type == PARQUET_FIXED_LEN_BYTE_ARRAY;
    case TYPE_UUID:
        c->out_size = 16;
        return e->type == PARQUET_FIXED_LEN_BYTE_ARRAY && e->size_bytes == 16;
    case TYPE_FIXED:
        c->out_size = wanted->size_bytes;
        return e->type == PARQUET_FIXED_LEN_BYTE_ARRAY && e->size_bytes == wanted->size_bytes;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

firn_status
value_conversion_init(const char *file, const parquet_element *element, const data_type *wanted, bool truncate_nanos,
                      value_conversion *ret_conversion, firn_error *err)
{
    data_type        file_type;
    value_conversion c = {.in_size = physical_size(element), .truncates = truncate_nanos};

    if (!file_schema_leaf_type(element, &file_type) || !choose(element, &file_type, wanted, &c)) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        firn_buffer_init(&text, 256);
        FIRN_TRY(data_type_format(wanted, &text, err));
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "column '%s' of '%s' cannot be read as %.*s", element->name,
                         file, (int) text.size, (const char *) text.data);
    }
    *ret_conversion = c;
    return FIRN_OK;
}
