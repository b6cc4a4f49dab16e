#include "iceberg/roaring_check.h"

#include "base/reader.h"

#define COOKIE_WITHOUT_RUNS 12346
#define COOKIE_WITH_RUNS 12347 /* in the lower half; the upper one is the number of containers less 1 */
#define CONTAINERS_MAX 65536
#define ARRAY_MAX 4096         /* numbers of an array container; more are a bitset */
#define BITSET_WORDS 1024
#define WITHOUT_OFFSETS_MAX 3  /* containers of a bitmap with runs that has no offsets */

static bool
check_array(firn_reader *in, uint32_t count)
{
    int last = -1;

    for (uint32_t i = 0; i < count; i++) {
        int value = firn_reader_le16(in);

        if (in->failed || value <= last) return false;
        last = value;
    }
    return true;
}

static bool
check_bitset(firn_reader *in, uint32_t count)
{
    uint32_t found = 0;

    for (int i = 0; i < BITSET_WORDS; i++) found += (uint32_t) __builtin_popcountll(firn_reader_le64(in));
    return !in->failed && found == count;
}

static bool
check_runs(firn_reader *in, uint32_t count)
{
    uint32_t run_count = firn_reader_le16(in), next = 0, found = 0;

    for (uint32_t i = 0; i < run_count; i++) {
        uint32_t first = firn_reader_le16(in);
        uint32_t more = firn_reader_le16(in);

        if (in->failed || first < next || first + more > UINT16_MAX) return false;
        next = first + more + 1;
        found += more + 1;
    }
    return !in->failed && found == count;
}

static bool
is_run(const uint8_t *runs, uint32_t container)
{
    return runs && (runs[container / 8] >> (container % 8) & 1);
}

bool
roaring_check(firn_slice bytes, size_t *ret_size_bytes)
{
    firn_reader    in = firn_reader_of(bytes), facts;
    uint32_t       cookie = firn_reader_le32(&in), container_count;
    const uint8_t *runs = NULL, *descriptions;
    int            last_key = -1;

    if ((cookie & 0xffff) == COOKIE_WITH_RUNS) {
        container_count = (cookie >> 16) + 1;
        runs = firn_reader_take(&in, (container_count + 7) / 8);
    } else {
        container_count = firn_reader_le32(&in);
        if (cookie != COOKIE_WITHOUT_RUNS || container_count > CONTAINERS_MAX) return false;
    }
    descriptions = firn_reader_take(&in, (size_t) container_count * 4);
    // Where each container begins: they lie one behind the other, so that nobody needs to believe it.
    if (!runs || container_count > WITHOUT_OFFSETS_MAX) (void) firn_reader_take(&in, (size_t) container_count * 4);
    if (in.failed) return false;

    facts = firn_reader_of(firn_slice_of(descriptions, (size_t) container_count * 4));
    for (uint32_t i = 0; i < container_count; i++) {
        int      key = firn_reader_le16(&facts);
        uint32_t count = (uint32_t) firn_reader_le16(&facts) + 1;

        if (key <= last_key) return false;
        last_key = key;
        if (is_run(runs, i) ? !check_runs(&in, count) : count > ARRAY_MAX ? !check_bitset(&in, count)
                                                                          : !check_array(&in, count))
            return false;
    }
    *ret_size_bytes = firn_reader_offset(&in);
    return true;
}
