/*
 * Recorded records in Avro, tests/data/debezium/types_*_avro.jsonl: writers' schemas by id, then records.
 */
#ifndef FIRN_TESTS_SUPPORT_AVRO_RECORDS_H
#define FIRN_TESTS_SUPPORT_AVRO_RECORDS_H

#include "avro/avro_schema.h"

typedef struct avro_recorded {
    firn_slice         topic;
    uint64_t           offset;
    const avro_schema *key_schema, *value_schema; /* NULL where the record has no key or value */
    firn_slice         key, value;                /* behind magic byte and id; data NULL: none */
} avro_recorded;

typedef struct avro_recording {
    size_t               count;
    const avro_recorded *records;
} avro_recording;

/* All lives in `arena`. A broken file ends the program. */
void avro_recording_read(const char *path, firn_arena *arena, avro_recording *ret_recording);

#endif
