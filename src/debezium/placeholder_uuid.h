/*
 * What stands in arrays of uuid for a value that Debezium did not have: the version 3 UUID of the placeholder's bytes, without a
 * namespace (java.util.UUID.nameUUIDFromBytes).
 *
 * Spec:   RFC 9562, 5.3; MD5: RFC 1321
 * Limits: a placeholder of at most PLACEHOLDER_SIZE_MAX bytes
 */
#ifndef FIRN_DEBEZIUM_PLACEHOLDER_UUID_H
#define FIRN_DEBEZIUM_PLACEHOLDER_UUID_H

#include "base/uuid.h"

#define PLACEHOLDER_SIZE_MAX 128

void placeholder_uuid(firn_slice placeholder, char out[UUID_TEXT_SIZE]);

#endif
