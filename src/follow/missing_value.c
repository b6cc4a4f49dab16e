#include "follow/missing_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/text.h"
#include "base/uuid.h"
#include "codec/json_writer.h"

static bool
add_integer(const data_type *type, const char *text, jwriter *w)
{
    int64_t value;

    if (!text_parse_i64(firn_slice_text(text), &value)) return false;
    if (type->kind == TYPE_INT && (value < INT32_MIN || value > INT32_MAX)) return false;
    jwrite_i64(w, value);
    return true;
}

static bool
add_real(const data_type *type, const char *text, jwriter *w)
{
    char  *end;
    double value = strtod(text, &end);

    if (!*text || *end || !isfinite(value)) return false;
    jwrite_double(w, type->kind == TYPE_FLOAT ? (double) (float) value : value);
    return true;
}

static bool
add_decimal(const data_type *type, const char *text, jwriter *w)
{
    int128 value;
    char   out[DECIMAL_TEXT_MAX + 64];

    if (!decimal_parse(firn_slice_text(text), (int) type->scale, &value)) return false;
    if (!decimal_fits(value, type->precision)) return false;
    (void) decimal_format(value, (int) type->scale, out);
    jwrite_text(w, out);
    return true;
}

/* PostgreSQL's and Iceberg's forms differ in the blank and the zone. */
static bool
add_time(const data_type *type, const char *text, jwriter *w)
{
    int64_t us;
    char    out[CALENDAR_TEXT_MAX];

    if (strstr(text, "BC") || !calendar_parse_timestamp(firn_slice_text(text), &us)) return false;
    size_t size = calendar_format_timestamp(us, false, out);
    if (type->kind == TYPE_TIMESTAMPTZ) memcpy(out + size, "+00:00", sizeof "+00:00");
    jwrite_text(w, out);
    return true;
}

static bool
add_date(const char *text, jwriter *w)
{
    char    midnight[CALENDAR_TEXT_MAX], out[CALENDAR_TEXT_MAX];
    int64_t us;

    if (strlen(text) > 20 || strchr(text, ' ')) return false;
    (void) stpcpy(stpcpy(midnight, text), "T00:00:00");
    if (!calendar_parse_timestamp(firn_slice_text(midnight), &us)) return false;
    (void) calendar_format_date(us / CALENDAR_US_PER_DAY - (us % CALENDAR_US_PER_DAY < 0), out);
    jwrite_text(w, out);
    return true;
}

static bool
add_uuid(const char *text, jwriter *w)
{
    firn_uuid value;

    if (!uuid_parse(firn_slice_text(text), &value)) return false;
    jwrite_text(w, text);
    return true;
}

static bool
add_value(const data_type *type, const char *text, jwriter *w)
{
    switch (type->kind) {
    case TYPE_BOOLEAN:
        if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0) return false;
        jwrite_bool(w, *text == 't');
        return true;
    case TYPE_INT:
    case TYPE_LONG:
        return add_integer(type, text, w);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return add_real(type, text, w);
    case TYPE_DECIMAL:
        return add_decimal(type, text, w);
    case TYPE_DATE:
        return add_date(text, w);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return add_time(type, text, w);
    case TYPE_STRING:
        jwrite_text(w, text);
        return true;
    case TYPE_UUID:
        return add_uuid(text, w);
    case TYPE_TIME:
    case TYPE_FIXED:
    case TYPE_BINARY:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

firn_status
missing_value_to_json(const data_type *type, const char *text, firn_arena *arena, const char **ret_json,
                      firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    jwriter                                 w;

    *ret_json = NULL;
    firn_buffer_init(&json, (size_t) 16 << 20);
    jwrite_begin(&w, &json, false, err);
    if (!add_value(type, text, &w)) return FIRN_OK;
    FIRN_TRY(jwrite_end(&w));
    *ret_json = firn_arena_text(arena, firn_buffer_slice(&json));
    return *ret_json ? FIRN_OK : firn_fail_memory(err, "a column's default");
}
