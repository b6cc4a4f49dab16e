#include "parquet/statistics.h"

#include "base/decimal.h"

static bool
is_real(const parquet_leaf *leaf)
{
    return leaf->physical == PARQUET_FLOAT || leaf->physical == PARQUET_DOUBLE;
}

/* Whole numbers: four independent chains, so that the loop is not bound by one compare after another. */
#define DEFINE_RANGE(name, type)                                                                                       \
    static void name(const type *restrict values, size_t count, int64_t *ret_min, int64_t *ret_max)                    \
    {                                                                                                                  \
        type   min[4] = {values[0], values[0], values[0], values[0]}, max[4] = {min[0], min[0], min[0], min[0]};       \
        size_t i = 0;                                                                                                  \
        for (; i + 4 <= count; i += 4) {                                                                               \
            for (unsigned k = 0; k < 4; k++) {                                                                         \
                type v = values[i + k];                                                                                \
                min[k] = v < min[k] ? v : min[k];                                                                      \
                max[k] = v > max[k] ? v : max[k];                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (; i < count; i++) {                                                                                       \
            min[0] = values[i] < min[0] ? values[i] : min[0];                                                          \
            max[0] = values[i] > max[0] ? values[i] : max[0];                                                          \
        }                                                                                                              \
        for (unsigned k = 1; k < 4; k++) {                                                                             \
            min[0] = min[k] < min[0] ? min[k] : min[0];                                                                \
            max[0] = max[k] > max[0] ? max[k] : max[0];                                                                \
        }                                                                                                              \
        *ret_min = (int64_t) min[0];                                                                                   \
        *ret_max = (int64_t) max[0];                                                                                   \
    }
DEFINE_RANGE(range_of_8, uint8_t)
DEFINE_RANGE(range_of_32, int32_t)
DEFINE_RANGE(range_of_64, int64_t)

static void
widen_whole(value_stats *stats, int64_t min, int64_t max)
{
    if (!stats->has_bounds || min < stats->whole.min) stats->whole.min = min;
    if (!stats->has_bounds || max > stats->whole.max) stats->whole.max = max;
    stats->has_bounds = true;
}

static void
widen_wide(value_stats *stats, int128 min, int128 max)
{
    if (!stats->has_bounds || min < stats->wide.min) stats->wide.min = min;
    if (!stats->has_bounds || max > stats->wide.max) stats->wide.max = max;
    stats->has_bounds = true;
}

static void
widen_real(value_stats *stats, double min, double max)
{
    if (!stats->has_bounds || min < stats->real.min) stats->real.min = min;
    if (!stats->has_bounds || max > stats->real.max) stats->real.max = max;
    stats->has_bounds = true;
}

/* Comparisons with NaN are false: it never becomes a bound, once there is a first real number. */
#define DEFINE_ADD_REALS(name, type)                                                                                   \
    static void name(value_stats *stats, const type *restrict values, size_t count)                                    \
    {                                                                                                                  \
        size_t nan_count = 0, first = 0;                                                                               \
        while (first < count && __builtin_isnan(values[first]))                                                        \
            first++;                                                                                                   \
        stats->nan_count += first;                                                                                     \
        if (first == count) return;                                                                                    \
        type min = values[first], max = min;                                                                           \
        for (size_t i = first; i < count; i++) {                                                                       \
            type v = values[i];                                                                                        \
            min = v < min ? v : min;                                                                                   \
            max = v > max ? v : max;                                                                                   \
            nan_count += __builtin_isnan(v) != 0;                                                                      \
        }                                                                                                              \
        stats->nan_count += nan_count;                                                                                 \
        widen_real(stats, (double) min, (double) max);                                                                 \
    }
DEFINE_ADD_REALS(add_floats, float)
DEFINE_ADD_REALS(add_doubles, double)

static void
add_wides(value_stats *stats, const int128 *restrict values, size_t count)
{
    int128 min = values[0], max = min;
    for (size_t i = 1; i < count; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    widen_wide(stats, min, max);
}

static int
compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    if (order) return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

static void
set_prefix(value_prefix *prefix, const uint8_t *bytes, size_t size)
{
    prefix->size = (uint8_t) (size < VALUE_PREFIX_MAX ? size : VALUE_PREFIX_MAX);
    if (prefix->size) memcpy(prefix->bytes, bytes, prefix->size);
}

void
value_stats_add_bytes(value_stats *stats, const uint8_t *bytes, size_t size)
{
    static const uint8_t nothing[1];
    if (size == 0) bytes = nothing;
    if (size > VALUE_PREFIX_MAX) size = VALUE_PREFIX_MAX;
    if (!stats->has_bounds || compare_bytes(bytes, size, stats->text.min.bytes, stats->text.min.size) < 0)
        set_prefix(&stats->text.min, bytes, size);
    if (!stats->has_bounds || compare_bytes(bytes, size, stats->text.max.bytes, stats->text.max.size) > 0)
        set_prefix(&stats->text.max, bytes, size);
    stats->has_bounds = true;
}

static uint64_t
order_of_prefix(const value_prefix *prefix)
{
    return __builtin_bswap64(load_upto8(prefix->bytes, prefix->size, prefix->bytes + sizeof prefix->bytes));
}

/* The first 8 bytes decide nearly always; only values within the bounds' own first 8 bytes are looked at. */
static void
add_texts(value_stats *stats, const value_view *values)
{
    const uint8_t *bytes = values->bytes;
    const uint8_t *end = bytes + values->ends[values->count - 1];
    size_t         i = 0;

    if (!stats->has_bounds) {
        value_stats_add_bytes(stats, bytes + values->starts[0], (size_t) (values->ends[0] - values->starts[0]));
        i = 1;
    }
    uint64_t min = order_of_prefix(&stats->text.min), max = order_of_prefix(&stats->text.max);
    for (; i < values->count; i++) {
        const uint8_t *value = bytes + values->starts[i];
        size_t         size = (size_t) (values->ends[i] - values->starts[i]);
        uint64_t       order = __builtin_bswap64(load_upto8(value, size, end));
        if (FIRN_LIKELY(order > min && order < max)) continue;
        value_stats_add_bytes(stats, value, size);
        min = order_of_prefix(&stats->text.min);
        max = order_of_prefix(&stats->text.max);
    }
}

void
value_stats_add(value_stats *stats, const parquet_leaf *leaf, const value_view *values)
{
    int64_t min = 0, max = 0;
    if (values->count == 0) return;
    switch (leaf->lane) {
    case LANE_BOOL:
        range_of_8(values->fixed, values->count, &min, &max);
        widen_whole(stats, min, max);
        break;
    case LANE_32:
        if (is_real(leaf)) {
            add_floats(stats, values->fixed, values->count);
            break;
        }
        range_of_32(values->fixed, values->count, &min, &max);
        widen_whole(stats, min, max);
        break;
    case LANE_64:
        if (is_real(leaf)) {
            add_doubles(stats, values->fixed, values->count);
            break;
        }
        range_of_64(values->fixed, values->count, &min, &max);
        widen_whole(stats, min, max);
        break;
    case LANE_128:
        add_wides(stats, values->fixed, values->count);
        break;
    case LANE_BYTES:
        add_texts(stats, values);
        break;
    }
}

void
value_stats_merge(value_stats *stats, const parquet_leaf *leaf, const value_stats *other)
{
    stats->null_count += other->null_count;
    stats->nan_count += other->nan_count;
    if (!other->has_bounds) return;
    if (leaf->lane == LANE_BYTES) {
        value_stats_add_bytes(stats, other->text.min.bytes, other->text.min.size);
        value_stats_add_bytes(stats, other->text.max.bytes, other->text.max.size);
    } else if (leaf->lane == LANE_128) {
        widen_wide(stats, other->wide.min, other->wide.max);
    } else if (is_real(leaf)) {
        widen_real(stats, other->real.min, other->real.max);
    } else {
        widen_whole(stats, other->whole.min, other->whole.max);
    }
}

static void
store_whole(const parquet_leaf *leaf, int64_t value, parquet_bound *ret_bound)
{
    ret_bound->is_present = ret_bound->is_exact = true;
    if (leaf->lane == LANE_BOOL) {
        ret_bound->size = 1;
        ret_bound->bytes[0] = (uint8_t) value;
    } else if (leaf->lane == LANE_32) {
        ret_bound->size = 4;
        store_le32(ret_bound->bytes, (uint32_t) value);
    } else {
        ret_bound->size = 8;
        store_le64(ret_bound->bytes, (uint64_t) value);
    }
}

static void
store_real(const parquet_leaf *leaf, double value, parquet_bound *ret_bound)
{
    ret_bound->is_present = ret_bound->is_exact = true;
    if (leaf->physical == PARQUET_FLOAT) {
        ret_bound->size = 4;
        store_le32(ret_bound->bytes, bits_of_float((float) value));
    } else {
        ret_bound->size = 8;
        store_le64(ret_bound->bytes, bits_of_double(value));
    }
}

static void
store_wide(const parquet_leaf *leaf, int128 value, parquet_bound *ret_bound)
{
    ret_bound->is_present = ret_bound->is_exact = true;
    ret_bound->size = (uint8_t) leaf->type_length;
    decimal_store_be(value, ret_bound->bytes, leaf->type_length);
}

/* Where the last character that begins within [0, size) begins. */
static size_t
character_start(const uint8_t *bytes, size_t size)
{
    size_t at = size - 1;
    while (at > 0 && (bytes[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t
character_size(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The longest prefix of at most PARQUET_BOUND_MAX bytes that ends with a whole character. */
static size_t
whole_characters(const uint8_t *bytes)
{
    size_t at = character_start(bytes, PARQUET_BOUND_MAX);
    return at + character_size(bytes[at]) <= PARQUET_BOUND_MAX ? PARQUET_BOUND_MAX : at;
}

static uint32_t
decode_character(const uint8_t *bytes, size_t size)
{
    uint32_t code = size == 1 ? bytes[0] : bytes[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    return code;
}

static size_t
encode_character(uint32_t code, uint8_t out[4])
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; code >>= 6)
        out[i] = (uint8_t) (0x80 | (code & 0x3f));
    out[0] = (uint8_t) (size == 1 ? code : (0xf00u >> size) | code);
    return size;
}

/* The text with its last possible character raised by one and the rest cut: above all that begin with it. */
static size_t
raise_text(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t at = character_start(bytes, size);
        if (character_size(bytes[at]) != size - at) return 0; /* not UTF-8: no bound rather than a wrong one */
        uint32_t code = decode_character(bytes + at, size - at) + 1;
        uint8_t  raised[4];
        if (code == 0xd800) code = 0xe000; /* surrogates are no characters */
        if (code <= 0x10ffff) {
            size_t raised_size = encode_character(code, raised);
            if (at + raised_size <= PARQUET_BOUND_MAX) {
                memcpy(bytes + at, raised, raised_size);
                return at + raised_size;
            }
        }
        size = at;
    }
    return 0;
}

static size_t
raise_binary(uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0xff)
        size--;
    if (size > 0) bytes[size - 1]++;
    return size;
}

static void
store_prefix(const parquet_leaf *leaf, const value_prefix *prefix, bool is_max, parquet_bound *ret_bound)
{
    bool is_text = leaf->field->type->kind == TYPE_STRING;

    ret_bound->is_exact = prefix->size <= PARQUET_BOUND_MAX;
    ret_bound->is_present = true;
    ret_bound->size = prefix->size;
    if (ret_bound->is_exact) {
        memcpy(ret_bound->bytes, prefix->bytes, prefix->size);
        return;
    }
    /* A cut fixed value would not be one of its type any more. */
    ret_bound->is_present = leaf->physical == PARQUET_BYTE_ARRAY;
    size_t size = is_text ? whole_characters(prefix->bytes) : PARQUET_BOUND_MAX;
    memcpy(ret_bound->bytes, prefix->bytes, size);
    if (is_max) {
        size = is_text ? raise_text(ret_bound->bytes, size) : raise_binary(ret_bound->bytes, size);
        if (size == 0) ret_bound->is_present = false;
    }
    ret_bound->size = (uint8_t) size;
}

void
value_stats_bounds(const value_stats *stats, const parquet_leaf *leaf, parquet_bound *ret_min, parquet_bound *ret_max)
{
    *ret_min = *ret_max = (parquet_bound){0};
    if (!stats->has_bounds) return;
    /* Java orders UUIDs by signed halves and compares them with raw bytes (Iceberg 1.4.2 and 1.10.0): bounds would
     * make Spark skip rows that are there, or fail. Without them it reads and finds. */
    if (leaf->field->type->kind == TYPE_UUID) return;
    if (leaf->lane == LANE_BYTES) {
        store_prefix(leaf, &stats->text.min, false, ret_min);
        store_prefix(leaf, &stats->text.max, true, ret_max);
    } else if (leaf->lane == LANE_128) {
        store_wide(leaf, stats->wide.min, ret_min);
        store_wide(leaf, stats->wide.max, ret_max);
    } else if (is_real(leaf)) {
        /* Adding zero leaves all but -0.0 as it is; both zeros lie within [-0.0, +0.0]. */
        double max = stats->real.max + 0.0;
        double min = -(-stats->real.min + 0.0);
        store_real(leaf, min, ret_min);
        store_real(leaf, max, ret_max);
    } else {
        store_whole(leaf, stats->whole.min, ret_min);
        store_whole(leaf, stats->whole.max, ret_max);
    }
}

bool
value_stats_fit(const value_stats *stats, const parquet_leaf *leaf)
{
    const data_type *type = leaf->field->type;
    if (type->kind != TYPE_DECIMAL || !stats->has_bounds) return true;
    if (leaf->lane == LANE_128)
        return decimal_fits(stats->wide.min, type->precision) && decimal_fits(stats->wide.max, type->precision);
    return decimal_fits(stats->whole.min, type->precision) && decimal_fits(stats->whole.max, type->precision);
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

int
parquet_bound_compare(const parquet_leaf *leaf, const parquet_bound *a, const parquet_bound *b)
{
    switch (leaf->physical) {
    case PARQUET_BOOLEAN:
        return COMPARE(a->bytes[0], b->bytes[0]);
    case PARQUET_INT32:
        return COMPARE((int32_t) load_le32(a->bytes), (int32_t) load_le32(b->bytes));
    case PARQUET_INT64:
        return COMPARE((int64_t) load_le64(a->bytes), (int64_t) load_le64(b->bytes));
    case PARQUET_FLOAT:
        return COMPARE(float_of_bits(load_le32(a->bytes)), float_of_bits(load_le32(b->bytes)));
    case PARQUET_DOUBLE:
        return COMPARE(double_of_bits(load_le64(a->bytes)), double_of_bits(load_le64(b->bytes)));
    case PARQUET_INT96:
    case PARQUET_BYTE_ARRAY:
    case PARQUET_FIXED_LEN_BYTE_ARRAY:
        break;
    }
    if (leaf->lane == LANE_128) return COMPARE(decimal_load_be(a->bytes, a->size), decimal_load_be(b->bytes, b->size));
    return compare_bytes(a->bytes, a->size, b->bytes, b->size);
}
