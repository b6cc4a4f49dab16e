#include "postgres/copy_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/uuid.h"
#include "postgres/copy_value.h"
#include "postgres/postgres_numeric.h"

static char *
put_two(char *at, unsigned value)
{
    *at++ = (char) ('0' + value / 10);
    *at++ = (char) ('0' + value % 10);
    return at;
}

size_t
copy_text_time(int64_t us, char out[COPY_TEXT_TIME_SIZE_MAX])
{
    if (us < 0 || us > CALENDAR_US_PER_DAY) return 0;
    unsigned seconds = (unsigned) (us / 1000000), fraction = (unsigned) (us % 1000000);
    char    *at = put_two(out, seconds / 3600);
    *at++ = ':';
    at = put_two(at, seconds / 60 % 60);
    *at++ = ':';
    at = put_two(at, seconds % 60);
    if (fraction) {
        *at++ = '.';
        at = put_two(at, fraction / 10000);
        at = put_two(at, fraction / 100 % 100);
        at = put_two(at, fraction % 100);
        while (at[-1] == '0') at--;
    }
    return (size_t) (at - out);
}

/* network_send in the server: these are its numbers, not the platform's. */
#define PG_FAMILY_INET 2
#define PG_FAMILY_INET6 3

size_t
copy_text_inet(firn_slice bytes, char out[COPY_TEXT_INET_SIZE_MAX])
{
    if (bytes.size < 4) return 0;
    bool     is_v4 = bytes.data[0] == PG_FAMILY_INET;
    unsigned bits = bytes.data[1], bits_max = is_v4 ? 32 : 128;
    if (!is_v4 && bytes.data[0] != PG_FAMILY_INET6) return 0;
    if (bytes.data[3] != bits_max / 8 || bytes.size != 4 + bits_max / 8 || bits > bits_max) return 0;

    if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes.data + 4, out, COPY_TEXT_INET_SIZE_MAX - 5)) return 0;
    size_t size = strlen(out);
    bool   is_cidr = bytes.data[2] != 0;
    if (is_cidr || bits != bits_max) size += (size_t) snprintf(out + size, COPY_TEXT_INET_SIZE_MAX - size, "/%u", bits);
    return size;
}

size_t
copy_text_char(uint8_t byte, char out[4])
{
    if (byte == 0) return 0;
    if (byte < 0x80) {
        out[0] = (char) byte;
        return 1;
    }
    out[0] = '\\';
    out[1] = (char) ('0' + (byte >> 6));
    out[2] = (char) ('0' + (byte >> 3 & 7));
    out[3] = (char) ('0' + (byte & 7));
    return 4;
}

static void
text_hex(firn_slice value, char *out, size_t size)
{
    size_t used = 0, shown = value.size < 16 ? value.size : 16;
    if (size < 3) return;
    used += (size_t) snprintf(out, size, "\\x");
    for (size_t i = 0; i < shown && used + 3 < size; i++)
        used += (size_t) snprintf(out + used, size - used, "%02x", value.data[i]);
    if (shown < value.size && used + 4 < size) snprintf(out + used, size - used, "...");
}

static void
text_numeric(firn_slice value, char *out, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_buffer_init(&text, (size_t) 256 << 10);
    if (!numeric_format(value, &text)) {
        text_hex(value, out, size);
        return;
    }
    bool cut = text.size > 60;
    snprintf(out, size, "%.*s%s", cut ? 57 : (int) text.size, (const char *) text.data, cut ? "..." : "");
}

static void
text_string(firn_slice value, char *out, size_t size)
{
    size_t prefix = value.size < 60 ? value.size : 60;
    if (!text_is_utf8(value.data, value.size)) {
        text_hex(value, out, size);
        return;
    }
    while (prefix > 0 && prefix < value.size && (value.data[prefix] & 0xc0) == 0x80) prefix--;
    snprintf(out, size, "%.*s%s", (int) prefix, (const char *) value.data, prefix < value.size ? "..." : "");
}

static void
text_moment(const copy_field *field, firn_slice value, char *out, size_t size)
{
    char text[CALENDAR_TEXT_MAX];
    if (field->op == COPY_DATE) {
        int32_t days = (int32_t) load_be32(value.data);
        if (days == COPY_DATE_INFINITY || days == COPY_DATE_MINUS_INFINITY) {
            snprintf(out, size, "%sinfinity", days < 0 ? "-" : "");
            return;
        }
        calendar_format_date((int64_t) days + CALENDAR_PG_EPOCH_DAYS, text);
    } else {
        int64_t us = (int64_t) load_be64(value.data);
        if (us == COPY_TIMESTAMP_INFINITY || us == COPY_TIMESTAMP_MINUS_INFINITY) {
            snprintf(out, size, "%sinfinity", us < 0 ? "-" : "");
            return;
        }
        if (__builtin_add_overflow(us, CALENDAR_PG_EPOCH_US, &us)) {
            snprintf(out, size, "a time after 294247-01-10 04:00:54.775807");
            return;
        }
        calendar_format_timestamp(us, field->type->kind == TYPE_TIMESTAMPTZ, text);
    }
    snprintf(out, size, "%s", text);
}

void
copy_text_value(const copy_field *field, firn_slice value, char *out, size_t size)
{
    const uint8_t *v = value.data;
    out[0] = 0;
    switch (field->op) {
    case COPY_INT16:
        if (value.size == 2) snprintf(out, size, "%d", (int) (int16_t) load_be16(v));
        return;
    case COPY_INT32:
        if (value.size == 4) snprintf(out, size, "%" PRId32, (int32_t) load_be32(v));
        return;
    case COPY_UINT32:
        if (value.size == 4) snprintf(out, size, "%" PRIu32, load_be32(v));
        return;
    case COPY_INT64:
        if (value.size == 8) snprintf(out, size, "%" PRId64, (int64_t) load_be64(v));
        return;
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
    case COPY_NUMERIC_DOUBLE:
        text_numeric(value, out, size);
        return;
    case COPY_DATE:
    case COPY_TIMESTAMP:
        if (value.size == (field->op == COPY_DATE ? 4u : 8u)) text_moment(field, value, out, size);
        return;
    case COPY_TIME:
    case COPY_TIME_TEXT: {
        char   text[COPY_TEXT_TIME_SIZE_MAX];
        size_t length = value.size == 8 ? copy_text_time((int64_t) load_be64(v), text) : 0;
        snprintf(out, size, "%.*s", (int) length, text);
        return;
    }
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
        text_string(value, out, size);
        firn_secret_redact(out);
        return;
    case COPY_UUID:
        if (value.size == 16) {
            firn_uuid uuid;
            char      text[UUID_TEXT_SIZE];
            memcpy(uuid.bytes, v, 16);
            uuid_format(uuid, text);
            snprintf(out, size, "%s", text);
        }
        return;
    case COPY_BOOL:
    case COPY_FLOAT32:
    case COPY_FLOAT64:
    case COPY_BYTES:
    case COPY_JSONB:
    case COPY_CHAR:
    case COPY_INET:
        text_hex(value, out, size);
        return;
    case COPY_LIST:
        snprintf(out, size, "(array)");
        return;
    case COPY_STRUCT:
        snprintf(out, size, "(composite)");
        return;
    case COPY_HSTORE:
        snprintf(out, size, "(hstore)");
        return;
    }
}

/* The raw bytes of field `index` of a row; false: not there, or null. */
static bool
tuple_field(firn_slice tuple, unsigned index, firn_slice *ret_value)
{
    firn_reader reader = firn_reader_of(tuple);
    for (unsigned i = 0;; i++) {
        uint32_t size = firn_reader_be32(&reader);
        if (reader.failed) return false;
        if (size == UINT32_MAX) {
            if (i == index) return false;
            continue;
        }
        const uint8_t *bytes = firn_reader_take(&reader, size);
        if (reader.failed) return false;
        if (i == index) {
            *ret_value = firn_slice_of(bytes, size);
            return true;
        }
    }
}

void
copy_text_key(const copy_layout *layout, firn_slice tuple, char *out, size_t size)
{
    size_t used = 0;
    if (layout->key_count == 0) {
        snprintf(out, size, "(no key)");
        return;
    }
    for (unsigned i = 0; i < layout->key_count; i++) {
        const copy_field *field = &layout->fields[layout->key_columns[i]];
        firn_slice        value;
        char              text[128] = "null";
        if (tuple_field(tuple, layout->key_columns[i], &value)) copy_text_value(field, value, text, sizeof text);
        int length = snprintf(out + used, size - used, "%s%s=%s", i ? ", " : "(", field->name, text);
        if (length < 0 || (size_t) length >= size - used) return;
        used += (size_t) length;
    }
    if (used + 2 <= size) memcpy(out + used, ")", 2);
}
