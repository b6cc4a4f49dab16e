/*
 * UUIDs as 16 bytes in network order.
 */
#ifndef FIRN_BASE_UUID_H
#define FIRN_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

#define UUID_TEXT_SIZE 37 /* with NUL */

typedef struct firn_uuid {
    uint8_t bytes[16];
} firn_uuid;

firn_uuid uuid_v4(void);
firn_uuid uuid_v7(void); /* ordered by time, also within one millisecond of one process */
void      uuid_format(firn_uuid uuid, char out[UUID_TEXT_SIZE]);
FIRN_MUST_USE bool uuid_parse(firn_slice text, firn_uuid *ret_uuid);

#endif
