#include "validate/key_ranges.h"

#include <stdlib.h>

#include "scan/array_value.h"

bool
key_order_is_there(const data_type *type)
{
    static const type_kind kinds[] = {TYPE_INT,         TYPE_LONG,   TYPE_DATE,   TYPE_TIME, TYPE_TIMESTAMP,
                                      TYPE_TIMESTAMPTZ, TYPE_STRING, TYPE_BINARY, TYPE_UUID};

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (type->kind == kinds[i]) return true;
    }
    return false;
}

uint64_t
key_order(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    bool     is_bytes = type->kind == TYPE_STRING || type->kind == TYPE_BINARY || type->kind == TYPE_UUID;
    uint64_t order = 0;

    if (array_is_null(column, row)) return 0;
    single_value value = array_value(type, column, row);
    if (!is_bytes) return (uint64_t) value.integer ^ UINT64_C(1) << 63;
    for (size_t i = 0; i < 8; i++) order = order << 8 | (i < value.bytes.size ? value.bytes.data[i] : 0);
    return order;
}

/* ---- ranges ---- */

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}

/* From which gap on two keys are parted, so that there are at most KEY_RANGES_MAX ranges. */
static uint64_t
widest_kept(const uint64_t orders[], size_t count)
{
    uint64_t gaps[KEY_RANGES_MAX] = {0}; /* the widest, descending */
    uint64_t least = count > KEY_RANGES_MAX ? 4 * ((orders[count - 1] - orders[0]) / (count - 1)) : 1;

    for (size_t i = 1; i < count; i++) {
        uint64_t gap = orders[i] - orders[i - 1];

        for (unsigned g = 0; g < KEY_RANGES_MAX; g++) {
            if (gap <= gaps[g]) continue;
            uint64_t lower = gaps[g];
            gaps[g] = gap;
            gap = lower;
        }
    }
    /* The last one of them would make a range too many. */
    uint64_t limit = gaps[KEY_RANGES_MAX - 1];
    return (limit > least ? limit : least) + 1;
}

unsigned
key_ranges_make(uint64_t orders[], size_t count, key_range ret_ranges[KEY_RANGES_MAX])
{
    unsigned range_count = 0;

    if (!count) return 0;
    qsort(orders, count, sizeof *orders, by_number);
    uint64_t parting = widest_kept(orders, count);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || orders[i] - orders[i - 1] >= parting)
            ret_ranges[range_count++] = (key_range){.first = orders[i]};
        ret_ranges[range_count - 1].last = orders[i];
        ret_ranges[range_count - 1].key_count++;
    }
    return range_count;
}

unsigned
key_ranges_find(const key_range ranges[], unsigned count, uint64_t order)
{
    for (unsigned i = 0; i < count && ranges[i].first <= order; i++) {
        if (order <= ranges[i].last) return i;
    }
    return count;
}
