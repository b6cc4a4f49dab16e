/*
 * One change of one row, and the relation that it is of, as they came: values are not decoded.
 *
 * Tuple:    the framing of pgoutput's TupleData without its count of columns. Per column of the relation, in order, one
 *           kind byte; behind 'b' and 't' an int32 (big-endian) length and that many bytes. Debezium's rows are put into
 *           the same framing. A tuple that change/ hands out has been walked once: its framing is sound.
 * Memory:   tuples and messages are borrowed from a change_block; see change_stream.h for how long they live
 * Position: a 64-bit place in the source's log (PostgreSQL: the LSN). A position P stands for all transactions whose
 *           commit record begins before P: `commit_position < P` is contained, `>= P` is not. A COMMIT's `end_position`
 *           is such a P, as are a slot's confirmed position and the position of a load.
 * Times:    microseconds since 1970 UTC
 */
#ifndef FIRN_CHANGE_CHANGE_H
#define FIRN_CHANGE_CHANGE_H

#include "base/bytes.h"
#include "base/slice.h"

/* PostgreSQL's limit is 1600 columns; the framing of the protocol could say 65535. */
#define CHANGE_COLUMNS_MAX 4096

/* ---- tuples ---- */

typedef enum tuple_value_kind {
    TUPLE_NULL = 'n',
    TUPLE_UNCHANGED = 'u', /* of an update's new row: a TOASTed value that stays as it was, not sent */
    TUPLE_BINARY = 'b',    /* the type's binary form (its send function) */
    TUPLE_TEXT = 't',      /* the type's text (its output function) */
} tuple_value_kind;

typedef struct change_tuple {
    firn_slice bytes; /* data NULL: no such tuple */
    unsigned   column_count;
    bool       has_unchanged; /* some column is TUPLE_UNCHANGED */
} change_tuple;

typedef struct tuple_value {
    tuple_value_kind kind;
    firn_slice       bytes; /* BINARY and TEXT */
} tuple_value;

/* Takes the next column's value at `at` of a tuple whose framing is sound; returns the place of the one behind it. */
static inline const uint8_t *
tuple_value_next(const uint8_t *at, tuple_value *ret_value)
{
    ret_value->kind = (tuple_value_kind) *at++;
    ret_value->bytes = (firn_slice){0};
    if (ret_value->kind == TUPLE_BINARY || ret_value->kind == TUPLE_TEXT) {
        uint32_t size = load_be32(at);
        ret_value->bytes = firn_slice_of(at + 4, size);
        at += 4 + (size_t) size;
    }
    return at;
}

/* Only the place behind the value, for passing over columns. */
static inline const uint8_t *
tuple_value_skip(const uint8_t *at)
{
    uint8_t kind = *at++;
    return kind == TUPLE_BINARY || kind == TUPLE_TEXT ? at + 4 + (size_t) load_be32(at) : at;
}

/* The value of one column. */
static inline tuple_value
tuple_value_at(const change_tuple *tuple, unsigned column_index)
{
    tuple_value    value;
    const uint8_t *at = tuple->bytes.data;
    for (unsigned i = 0; i < column_index; i++) at = tuple_value_skip(at);
    (void) tuple_value_next(at, &value);
    return value;
}

/* ---- relations ---- */

typedef enum replica_identity {
    IDENTITY_DEFAULT = 'd', /* the primary key, where there is one */
    IDENTITY_NOTHING = 'n', /* updates and deletes are not sent */
    IDENTITY_FULL = 'f',    /* old rows come whole */
    IDENTITY_INDEX = 'i',   /* the columns of a unique index */
} replica_identity;

typedef struct change_column {
    const char *name;
    uint32_t    type_oid;
    int32_t     typmod; /* -1: none */
    bool        is_key; /* in the replica identity */
} change_column;

/* A table as it was when the changes behind it were made. Immutable and referenced: an equal description keeps the
 * same object, so another pointer means another shape. Its parts live in the object. */
typedef struct change_relation {
    uint32_t             id; /* of the source: pg_class.oid */
    const char          *schema, *name;
    replica_identity     identity;
    unsigned             column_count, key_count;
    const change_column *columns;
    uint32_t             repeat_count; /* times that the stream has described it again in the same words, which may mean other columns */
    uint32_t             ref_count; /* atomic */
} change_relation;

change_relation *change_relation_ref(change_relation *relation);
void             change_relation_unref(change_relation *relation);
/* -1: not there. */
int change_relation_column(const change_relation *relation, const char *name);

/* ---- changes ---- */

typedef enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_TRUNCATE } change_op;

typedef struct change {
    change_op        op;
    bool             old_is_key;                          /* `old` has the key columns, the others are null there */
    bool             may_exist;                           /* INSERT: a row that was read while changes went on; the table may have it */
    bool             truncate_cascade, truncate_restart;  /* TRUNCATE: what was said beside the name */
    change_relation *relation;                            /* borrowed as the tuples are */
    /* INSERT: new. UPDATE: new, and old where the key changed or the identity is FULL (else the key is that of new).
     * DELETE: old. */
    change_tuple old, new;
    /* What comes next of the same relation, if that is known: only for asking its place of the memory beforehand; NULL: not known. */
    const struct change *following;
    /* Where its message lies, as the stream numbers it (ops->say_origin); 0: it does not. */
    uint64_t origin;
    uint32_t origin_part;
} change;

#endif
