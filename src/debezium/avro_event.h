/*
 * One Avro record of a Debezium topic, read in place into the same event as JSON (debezium/event.h).
 *
 * Differences: key, before, after and lists are Avro bytes; tokens of texts hold the text itself, without escapes; MESSAGE's
 *              content is its bytes, not base64; source.transaction of PostgreSQL is the number's Avro bytes (the same for
 *              the same number), source.transaction_number the number
 * Memory:      an event points into the record's bytes
 * Errors:      DEBEZIUM_EVENT
 * Threads:     no state
 */
#ifndef FIRN_DEBEZIUM_AVRO_EVENT_H
#define FIRN_DEBEZIUM_AVRO_EVENT_H

#include "debezium/avro_plan.h"

typedef struct dbz_avro_record {
    const dbz_avro_plan *key_plan; /* NULL: no key */
    const dbz_avro_plan *plan;     /* of the value; NULL: no value */
    firn_slice           key;   /* behind magic byte and schema id; data NULL: none */
    firn_slice           value; /* the same; data NULL: a tombstone */
} dbz_avro_record;

FIRN_MUST_USE firn_status dbz_avro_event_read(const dbz_avro_record *record, dbz_event *ret_event, firn_error *err);

#endif
