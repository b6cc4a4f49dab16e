/*
 * Murmur3, x86 variant, 32 bits, seed 0: the hash under Iceberg's bucket transform (spec, appendix B).
 */
#ifndef FIRN_ICEBERG_MURMUR3_H
#define FIRN_ICEBERG_MURMUR3_H

#include <stddef.h>
#include <stdint.h>

uint32_t murmur3_hash(const void *bytes, size_t size);

#endif
