#include "source/transaction_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define RUNNING_MAX 1000000u

static int
compare_numbers(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *) x, b = *(const uint64_t *) y;

    return a < b ? -1 : a > b;
}

/* The number up to `end`, which is stepped over. */
static bool
take_number(const char **at, char end, uint64_t *ret_number)
{
    size_t size = strcspn(*at, ":,");

    if (!text_parse_u64(firn_slice_of(*at, size), ret_number)) return false;
    *at += size;
    if (**at != end) return false;
    if (end) (*at)++;
    return true;
}

firn_status
transaction_list_parse(const char *text, firn_arena *arena, const uint64_t **ret_xids, unsigned *ret_count, bool *ret_valid,
                       firn_error *err)
{
    unsigned  count = *text ? 1 : 0;
    uint64_t *numbers;

    for (const char *p = text; *p; p++) count += *p == ',';
    *ret_valid = count <= RUNNING_MAX;
    if (!*ret_valid || !count) return FIRN_OK;
    if (!(numbers = firn_arena_array(arena, count, sizeof *numbers))) return firn_fail_memory(err, "a list of transactions");
    for (unsigned i = 0; i < count && *ret_valid; i++) *ret_valid = take_number(&text, i + 1 < count ? ',' : 0, &numbers[i]);
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    *ret_xids = numbers;
    *ret_count = count;
    return FIRN_OK;
}

bool
transaction_list_has(const uint64_t *xids, unsigned count, uint64_t xid)
{
    return count && bsearch(&xid, xids, count, sizeof xid, compare_numbers);
}

firn_status
transaction_snapshot_parse(const char *text, firn_arena *arena, transaction_snapshot *ret_snapshot, bool *ret_valid, firn_error *err)
{
    transaction_snapshot snapshot = {0};

    *ret_valid = take_number(&text, ':', &snapshot.xmin) && take_number(&text, ':', &snapshot.xmax);
    if (*ret_valid)
        FIRN_TRY(transaction_list_parse(text, arena, &snapshot.running, &snapshot.running_count, ret_valid, err));
    *ret_snapshot = snapshot;
    return FIRN_OK;
}

bool
transaction_snapshot_sees(const transaction_snapshot *s, uint64_t xid)
{
    if (xid < s->xmin) return true;
    return xid < s->xmax && !transaction_list_has(s->running, s->running_count, xid);
}

uint64_t
transaction_snapshot_near(const transaction_snapshot *s, uint32_t xid)
{
    return s->xmax + (uint64_t) (int64_t) (int32_t) (xid - (uint32_t) s->xmax);
}

firn_status
transaction_snapshot_lacks(const char *text, uint64_t xid, bool *ret_lacks, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    transaction_snapshot snapshot;
    bool                 is_valid;

    *ret_lacks = false;
    if (!text || !*text) return FIRN_OK;
    FIRN_TRY(transaction_snapshot_parse(text, &arena, &snapshot, &is_valid, err));
    *ret_lacks = is_valid && !transaction_snapshot_sees(&snapshot, xid);
    return FIRN_OK;
}
