#include "base/uuid.h"

#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

/* RFC 9562, sections 4.1 and 4.2. */
static void
set_version(firn_uuid *uuid, unsigned version)
{
    uuid->bytes[6] = (uint8_t) ((uuid->bytes[6] & 0x0F) | version << 4);
    uuid->bytes[8] = (uint8_t) ((uuid->bytes[8] & 0x3F) | 0x80);
}

firn_uuid
uuid_v4(void)
{
    firn_uuid uuid;

    firn_random_bytes(uuid.bytes, sizeof uuid.bytes);
    set_version(&uuid, 4);
    return uuid;
}

/* RFC 9562, section 6.2, method 3: the 12 bits behind the milliseconds are the fraction of one, in
 * units of 1/4096; a tick that was already given out counts up. */
firn_uuid
uuid_v7(void)
{
    static atomic_uint_fast64_t last_tick;
    uint64_t                    us = (uint64_t) firn_clock_now_us();
    uint64_t                    tick = us / 1000 << 12 | us % 1000 * 4096 / 1000;
    uint64_t                    last = atomic_load(&last_tick);
    firn_uuid                   uuid;

    do {
        if (tick <= last) {
            tick = last + 1;
        }
    } while (!atomic_compare_exchange_weak(&last_tick, &last, tick));

    firn_random_bytes(uuid.bytes, sizeof uuid.bytes);
    store_be64(uuid.bytes, tick >> 12 << 16 | (tick & 0xFFF));
    set_version(&uuid, 7);
    return uuid;
}

static bool
is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void
uuid_format(firn_uuid uuid, char out[UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    size_t            at = 0;

    for (size_t i = 0; i < sizeof uuid.bytes; i++) {
        if (is_dash(at)) {
            out[at++] = '-';
        }
        out[at++] = hex[uuid.bytes[i] >> 4];
        out[at++] = hex[uuid.bytes[i] & 15];
    }
    out[at] = '\0';
}

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool
uuid_parse(firn_slice text, firn_uuid *ret_uuid)
{
    firn_uuid uuid;
    size_t    at = 0;

    if (text.size != UUID_TEXT_SIZE - 1) return false;
    for (size_t i = 0; i < sizeof uuid.bytes; i++, at += 2) {
        int high, low;
        if (is_dash(at) && text.data[at++] != '-') return false;
        high = hex_value(text.data[at]);
        low = hex_value(text.data[at + 1]);
        if (high < 0 || low < 0) return false;
        uuid.bytes[i] = (uint8_t) (high << 4 | low);
    }
    *ret_uuid = uuid;
    return true;
}
