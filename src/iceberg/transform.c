#include "iceberg/transform.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/calendar.h"
#include "base/text.h"
#include "iceberg/single_value.h"

/* Index = transform_kind; those without a parameter. */
static const char *const names[] = {
    [TRANSFORM_IDENTITY] = "identity", [TRANSFORM_BUCKET] = "bucket", [TRANSFORM_TRUNCATE] = "truncate",
    [TRANSFORM_YEAR] = "year",         [TRANSFORM_MONTH] = "month",   [TRANSFORM_DAY] = "day",
    [TRANSFORM_HOUR] = "hour",         [TRANSFORM_VOID] = "void",
};

static bool
takes_parameter(transform_kind kind)
{
    return kind == TRANSFORM_BUCKET || kind == TRANSFORM_TRUNCATE;
}

static firn_slice
trim(firn_slice text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ') text.size--;
    return text;
}

static bool
find_kind(firn_slice word, bool any_case, transform_kind *ret_kind)
{
    char name[16];

    if (word.size >= sizeof name) return false;
    memcpy(name, word.data, word.size);
    name[word.size] = '\0';
    for (unsigned i = 0; i < FIRN_COUNT(names); i++) {
        if (any_case ? text_equal_nocase(names[i], name) : strcmp(names[i], name) == 0) {
            *ret_kind = (transform_kind) i;
            return true;
        }
    }
    return false;
}

static bool
parse_parameter(firn_slice text, uint32_t *ret_parameter)
{
    uint64_t value;

    if (!text_parse_u64(trim(text), &value) || value < 1 || value > INT32_MAX) return false;
    *ret_parameter = (uint32_t) value;
    return true;
}

bool
transform_parse(firn_slice text, transform *ret_transform)
{
    const uint8_t *open = memchr(text.data, '[', text.size);
    firn_slice     word = open ? firn_slice_of(text.data, (size_t) (open - text.data)) : text;
    transform      t = {0};

    if (!find_kind(word, true, &t.kind) || (open != NULL) != takes_parameter(t.kind)) {
        if (open && find_kind(word, true, &t.kind)) return false;
        *ret_transform = (transform){TRANSFORM_UNKNOWN, 0};
        return true;
    }
    if (open) {
        firn_slice inside = {open + 1, text.size - word.size - 1};

        if (inside.size == 0 || inside.data[inside.size - 1] != ']') return false;
        inside.size--;
        if (!parse_parameter(inside, &t.parameter)) return false;
    }
    *ret_transform = t;
    return true;
}

void
transform_format(transform t, char out[TRANSFORM_TEXT_MAX])
{
    assert(t.kind < TRANSFORM_UNKNOWN);
    if (takes_parameter(t.kind))
        snprintf(out, TRANSFORM_TEXT_MAX, "%s[%" PRIu32 "]", names[t.kind], t.parameter);
    else
        snprintf(out, TRANSFORM_TEXT_MAX, "%s", names[t.kind]);
}

/* A column's name: as it is, or within double quotes where it has blanks, commas or brackets. */
static bool
parse_column(firn_slice text, firn_slice *ret_column)
{
    text = trim(text);
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        text.data++;
        text.size -= 2;
    }
    *ret_column = text;
    return text.size > 0;
}

bool
transform_parse_setting(const char *text, transform *ret_transform, firn_slice *ret_column)
{
    firn_slice     all = trim(firn_slice_text(text));
    const uint8_t *open = all.size ? memchr(all.data, '(', all.size) : NULL;
    transform      t = {0};
    firn_slice     inside;

    if (!open || all.data[0] == '"' || all.data[all.size - 1] != ')' ||
        !find_kind(trim(firn_slice_of(all.data, (size_t) (open - all.data))), true, &t.kind)) {
        *ret_transform = (transform){TRANSFORM_IDENTITY, 0};
        return parse_column(all, ret_column);
    }
    inside = firn_slice_of(open + 1, all.size - (size_t) (open - all.data) - 2);
    if (takes_parameter(t.kind)) {
        const uint8_t *comma = inside.size ? memchr(inside.data, ',', inside.size) : NULL;
        size_t         before;

        if (!comma) return false;
        before = (size_t) (comma - inside.data);
        if (!parse_parameter(firn_slice_of(inside.data, before), &t.parameter)) return false;
        inside = firn_slice_of(comma + 1, inside.size - before - 1);
    }
    *ret_transform = t;
    return parse_column(inside, ret_column);
}

static bool
truncates(type_kind kind)
{
    return kind == TYPE_INT || kind == TYPE_LONG || kind == TYPE_DECIMAL || kind == TYPE_STRING || kind == TYPE_BINARY;
}

static bool
buckets(type_kind kind)
{
    return !type_is_nested(kind) && kind != TYPE_BOOLEAN && kind != TYPE_FLOAT && kind != TYPE_DOUBLE;
}

bool
transform_result_type(transform t, const data_type *source, data_type *ret_type)
{
    bool is_timestamp = source->kind == TYPE_TIMESTAMP || source->kind == TYPE_TIMESTAMPTZ;
    bool has_days = is_timestamp || source->kind == TYPE_DATE;
    bool fits = false;

    *ret_type = (data_type){.kind = TYPE_INT};
    switch (t.kind) {
    case TRANSFORM_IDENTITY: fits = !type_is_nested(source->kind); break;
    case TRANSFORM_BUCKET: return buckets(source->kind);
    case TRANSFORM_TRUNCATE: fits = truncates(source->kind); break;
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH: return has_days;
    case TRANSFORM_DAY: ret_type->kind = TYPE_DATE; return has_days; // the same bytes as the spec's older int
    case TRANSFORM_HOUR: return is_timestamp;
    case TRANSFORM_VOID: fits = !type_is_nested(source->kind); break;
    case TRANSFORM_UNKNOWN: return false;
    }
    if (fits) *ret_type = *source;
    return fits;
}

/* ---- for people ---- */

static firn_status
add_base64(firn_buffer *out, firn_slice bytes, firn_error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t   left = bytes.size - i;
        uint32_t word = (uint32_t) bytes.data[i] << 16;
        char     text[4];

        if (left > 1) word |= (uint32_t) bytes.data[i + 1] << 8;
        if (left > 2) word |= bytes.data[i + 2];
        text[0] = digits[word >> 18];
        text[1] = digits[word >> 12 & 63];
        text[2] = left > 1 ? digits[word >> 6 & 63] : '=';
        text[3] = left > 2 ? digits[word & 63] : '=';
        FIRN_TRY(firn_buffer_add(out, text, sizeof text, err));
    }
    return FIRN_OK;
}

static firn_status
add_value(const data_type *type, const single_value *value, firn_buffer *out, firn_error *err)
{
    char text[CALENDAR_TEXT_MAX];

    if (type->kind == TYPE_FIXED || type->kind == TYPE_BINARY) return add_base64(out, value->bytes, err);
    if (type->kind == TYPE_TIMESTAMPTZ) {
        calendar_format_timestamp(value->integer, false, text);
        return firn_buffer_printf(out, err, "%s+00:00", text);
    }
    return single_value_format(type, value, out, err);
}

static int64_t
floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

firn_status
transform_add_human(transform t, const data_type *source, firn_slice value, firn_buffer *out, firn_error *err)
{
    data_type     result;
    single_value  decoded;
    calendar_date date;
    int64_t       number;

    if (!value.data) return firn_buffer_add_text(out, "null", err);
    if (!transform_result_type(t, source, &result))
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition field's transform does not take its type");
    FIRN_TRY(single_value_decode(&result, value, &decoded, err));

    number = decoded.integer;
    switch (t.kind) {
    case TRANSFORM_YEAR: return firn_buffer_printf(out, err, "%04" PRId64, 1970 + number);
    case TRANSFORM_MONTH:
        return firn_buffer_printf(out, err, "%04" PRId64 "-%02" PRId64, 1970 + floor_divide(number, 12),
                                  1 + number - floor_divide(number, 12) * 12);
    case TRANSFORM_DAY:
        date = calendar_date_of_days(number);
        return firn_buffer_printf(out, err, "%04" PRId64 "-%02d-%02d", date.year, date.month, date.day);
    case TRANSFORM_HOUR:
        date = calendar_date_of_days(floor_divide(number, 24));
        return firn_buffer_printf(out, err, "%04" PRId64 "-%02d-%02d-%02" PRId64, date.year, date.month, date.day,
                                  number - floor_divide(number, 24) * 24);
    case TRANSFORM_IDENTITY:
    case TRANSFORM_BUCKET:
    case TRANSFORM_TRUNCATE:
    case TRANSFORM_VOID:
    case TRANSFORM_UNKNOWN: break;
    }
    return add_value(&result, &decoded, out, err);
}
