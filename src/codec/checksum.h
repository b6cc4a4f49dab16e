/*
 * CRC-32 (IEEE 802.3), as Avro's snappy blocks, gzip, Puffin and Parquet pages use it.
 */
#ifndef FIRN_CODEC_CHECKSUM_H
#define FIRN_CODEC_CHECKSUM_H

#include "base/slice.h"

uint32_t checksum_crc32(firn_slice bytes);

#endif
