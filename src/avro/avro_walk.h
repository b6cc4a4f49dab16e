/*
 * Avro's binary encoding read in place: numbers and views of bytes one by one, and whatever is not asked for passed over.
 * No values are made, no memory is taken. Untrusted.
 *
 * Failure: sticky, as in base/reader.h
 * Limits:  AVRO_WALK_DEPTH_MAX types within each other; items of arrays against the bytes that are left
 */
#ifndef FIRN_AVRO_WALK_H
#define FIRN_AVRO_WALK_H

#include "avro/avro_schema.h"
#include "base/reader.h"
#include "codec/varint.h"

#define AVRO_WALK_DEPTH_MAX 64

/* int, long; 0 where it failed. */
static inline int64_t
avro_read_long(firn_reader *in)
{
    uint64_t value = 0;

    if (FIRN_LIKELY(in->at < in->end && *in->at < 0x80)) return zigzag_decode(*in->at++);

    size_t size = in->failed ? 0 : varint_decode(in->at, in->end, &value);

    if (size == 0) {
        in->failed = true;
        in->at = in->end;
        return 0;
    }
    in->at += size;
    return zigzag_decode(value);
}

/* bytes, string; data NULL where it failed. */
static inline firn_slice
avro_read_bytes(firn_reader *in)
{
    int64_t size = avro_read_long(in);

    if (FIRN_UNLIKELY(in->failed || size < 0 || (uint64_t) size > firn_reader_left(in))) {
        in->failed = true;
        in->at = in->end;
        return firn_slice_of(NULL, 0);
    }
    in->at += size;
    return firn_slice_of(in->at - size, (size_t) size);
}

/* A value of any type. False: failed. */
bool avro_skip(const avro_schema *type, firn_reader *in);
/* The branch that is next of a union, or the type itself; NULL: failed. */
static inline const avro_schema *
avro_enter(const avro_schema *type, firn_reader *in)
{
    if (type->kind != AVRO_UNION) return type;

    int64_t branch = avro_read_long(in);

    if (FIRN_UNLIKELY(in->failed || branch < 0 || branch >= type->field_count)) {
        in->failed = true;
        return NULL;
    }
    return type->branches[branch];
}
/* Of an array or map: the next block's count, 0 behind the last one, or failed. `item` NULL: a map. */
size_t avro_read_count(const avro_schema *item, firn_reader *in);

#endif
