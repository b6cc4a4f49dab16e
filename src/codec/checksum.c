#include "codec/checksum.h"

#define ZLIB_CONST
#include <zlib.h>

uint32_t
checksum_crc32(firn_slice bytes)
{
    return (uint32_t) crc32_z(0, bytes.data, bytes.size);
}
