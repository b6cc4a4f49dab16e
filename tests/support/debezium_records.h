/*
 * The recorded records in tests/data/debezium: one JSON line each, {"topic", "partition", "offset", "ts", "key", "value"}.
 */
#ifndef FIRN_TESTS_SUPPORT_DEBEZIUM_RECORDS_H
#define FIRN_TESTS_SUPPORT_DEBEZIUM_RECORDS_H

#include "base/error.h"
#include "base/slice.h"

typedef struct recorded_record {
    firn_slice topic, key, value; /* key and value: data NULL where the record has none */
    uint64_t   offset;
} recorded_record;

/* Takes the next line; false: none is left. A line that is no such record ends the program. */
bool recorded_record_next(firn_slice *rest, recorded_record *ret_record);
/* "types_string" of topic "ts.public.keychange": "keychange". */
firn_slice recorded_table(firn_slice topic);

#endif
