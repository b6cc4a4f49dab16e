#include "codec/bitpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* Encodings.md, "Run Length Encoding / Bit-Packing Hybrid", note 1. */
static void
example_of_the_specification_packs(void **state)
{
    (void) state;
    const uint32_t values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const uint8_t  golden[] = {0x88, 0xc6, 0xfa};
    uint8_t        packed[sizeof golden];

    bitpack_pack(values, 8, 3, packed);

    assert_memory_equal(packed, golden, sizeof golden);
}

static void
last_group_is_filled_with_zeros(void **state)
{
    (void) state;
    const uint32_t values[] = {1, 1, 1};
    const uint8_t  golden[] = {0x49, 0x00, 0x00, 0xee};
    uint8_t        packed[sizeof golden];

    memset(packed, 0xee, sizeof packed);
    bitpack_pack(values, 3, 3, packed);

    assert_memory_equal(packed, golden, sizeof golden);
}

static bool
bit_at(const uint8_t *bytes, size_t index)
{
    return bytes[index / 8] >> (index % 8) & 1;
}

/* Bit k of value i is bit i * width + k, for every width and count; nothing is written behind. */
static void
every_width_packs_every_count(void **state)
{
    (void) state;
    enum { COUNT_MAX = 100 };
    uint32_t values[COUNT_MAX];
    uint8_t  packed[COUNT_MAX * 4 + 64];

    for (unsigned width = 0; width <= BITPACK_WIDTH_MAX; width++) {
        for (size_t count = 0; count <= COUNT_MAX; count++) {
            for (size_t i = 0; i < count; i++)
                values[i] = width ? (uint32_t) firn_hash_u64(i + 1) >> (32 - width) : 0;
            memset(packed, 0xee, sizeof packed);

            bitpack_pack(values, count, width, packed);

            size_t size = bitpack_size_bytes(count, width);
            for (size_t i = 0; i < count; i++) {
                for (unsigned k = 0; k < width; k++)
                    assert_int_equal(bit_at(packed, i * width + k), values[i] >> k & 1);
            }
            for (size_t bit = count * width; bit < size * 8; bit++)
                assert_false(bit_at(packed, bit));
            assert_int_equal(packed[size], 0xee);
        }
    }
}

static void
width_is_that_of_the_largest_value(void **state)
{
    (void) state;

    assert_int_equal(bitpack_width(0), 0);
    assert_int_equal(bitpack_width(1), 1);
    assert_int_equal(bitpack_width(255), 8);
    assert_int_equal(bitpack_width(256), 9);
    assert_int_equal(bitpack_width(UINT32_MAX), 32);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_specification_packs),
        cmocka_unit_test(last_group_is_filled_with_zeros),
        cmocka_unit_test(every_width_packs_every_count),
        cmocka_unit_test(width_is_that_of_the_largest_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
