/*
 * A row's object → a tuple in the framing of change/change.h, member by member against a relation.
 *
 * The row's text was checked when its event was read. A tuple takes no more bytes than the row's text has, and one for each
 * column that it does not have.
 */
#ifndef FIRN_DEBEZIUM_TUPLE_WRITE_H
#define FIRN_DEBEZIUM_TUPLE_WRITE_H

#include "debezium/relation.h"

/* The texts of `__debezium_unavailable_value`, as tokens of JSON. */
#define UNAVAILABLE_FORMS_MAX 10

typedef struct unavailable_forms {
    unsigned   count;
    firn_slice texts[UNAVAILABLE_FORMS_MAX];
    uint64_t   sizes[8]; /* a bit per size below 512 */
    uint8_t    memory[4096];
} unavailable_forms;

/* FIRN_USAGE: a placeholder that is too long. */
FIRN_MUST_USE firn_status unavailable_forms_init(unavailable_forms *forms, const char *placeholder, firn_error *err);

typedef struct tuple_writing {
    const dbz_relation      *relation;
    const unavailable_forms *unavailable; /* NULL: every value is one */
    bool                     is_flattened, keys_only;
} tuple_writing;

typedef enum tuple_fit { TUPLE_FITS, TUPLE_OTHER_SHAPE, TUPLE_BROKEN } tuple_fit;

/* Writes at *at, which moves behind the tuple. OTHER_SHAPE: the row's members are not the relation's columns. */
FIRN_MUST_USE tuple_fit tuple_write(const tuple_writing *w, firn_slice row, uint8_t **at, change_tuple *ret_tuple);
/* From a record's key, whose members may be in any order. */
FIRN_MUST_USE tuple_fit tuple_write_key(const tuple_writing *w, firn_slice key, uint8_t **at, change_tuple *ret_tuple);

#endif
