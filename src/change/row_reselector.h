/*
 * Interface: rows of a table as its source has them at this moment, by key, for values that were lost on their way here.
 *
 * A row that is read again is its state now, which may be later than the change that it is read for: what happened to it in between
 * comes in the stream yet, and brings the row to where it belongs.
 */
#ifndef FIRN_CHANGE_ROW_RESELECTOR_H
#define FIRN_CHANGE_ROW_RESELECTOR_H

#include "batch/batch.h"
#include "source/source.h"

typedef struct reselect_request {
    const char         *table;
    const table_rules  *rules;
    table_schema       *schema;    /* the columns that are wanted, with the types that they are to have; first those of the key */
    unsigned            key_count;
    const char *const  *keys;      /* texts as scan/row_text.h writes them, key_count for each row */
    size_t              row_count;
    const uint32_t     *transactions; /* whose changes must be seen: the low 32 bits of the source's numbers */
    unsigned            transaction_count;
} reselect_request;

typedef struct row_reselector {
    /* The rows that are there, in any order, as batch of request->schema. known[c]: whether the source has the column in this type;
     * others are null in all rows. FIRN_UNAVAILABLE, FIRN_DENIED, FIRN_NOT_FOUND, FIRN_UNSUPPORTED: they cannot be asked for; other
     * errors are the rows' own, as in a load. */
    firn_status (*read)(void *state, const reselect_request *request, bool known[], batch *ret_rows, firn_error *err);
    void *state;
} row_reselector;

#endif
