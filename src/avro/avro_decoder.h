/*
 * Avro's binary encoding, in: records of any writer's schema as trees of values. Untrusted.
 *
 * A union's value is that of its branch. Fields are looked up by Iceberg's field id, or by name where the
 * writer left no ids, so that order, missing and further fields of other writers don't matter.
 * Limits: nesting; counts against the bytes that are left; memory by the arena's limit
 */
#ifndef FIRN_AVRO_DECODER_H
#define FIRN_AVRO_DECODER_H

#include "avro/avro_schema.h"
#include "base/reader.h"

typedef struct avro_value avro_value;

struct avro_value {
    const avro_schema *type; /* never a union */
    union {
        int64_t    integer; /* boolean, int, long, enum (index) */
        double     real;    /* float (exactly), double */
        firn_slice bytes;   /* bytes, string, fixed, enum has none; a view of the input */
        struct {
            size_t            count; /* record: fields; array: items; map: keys and values by turns */
            const avro_value *items;
        } list;
    } of;
};

/* One value; its parts live in `arena`, its bytes in the reader's input. FIRN_CORRUPT (AVRO_CORRUPT) without a
 * subject: the caller adds the file. */
FIRN_MUST_USE firn_status avro_decode(const avro_schema *schema, firn_reader *in, firn_arena *arena,
                                      avro_value *ret_value, firn_error *err);

/* A field of a record; NULL where there is none, it is null, or `record` is NULL or none. */
const avro_value *avro_field_by_id(const avro_value *record, int32_t field_id, const char *name);
/* False: NULL or of another kind. */
bool avro_integer(const avro_value *v, int64_t *ret_value); /* int, long */
bool avro_boolean(const avro_value *v, bool *ret_value);
bool avro_bytes(const avro_value *v, firn_slice *ret_bytes); /* bytes, string, fixed */
bool avro_list(const avro_value *v, size_t *ret_count, const avro_value **ret_items); /* array only */

#endif
