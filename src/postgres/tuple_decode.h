/*
 * Tuples of a change stream → batches: the row_decoder of PostgreSQL.
 *
 * Values:  binary ones as in copy_decode.h; texts by tuple_text.h. Both give what COPY gives for the same row.
 * Columns: the relation's find their fields by name; a field that the relation lacks is an error when the decoder is made,
 *          a column without a field (excluded) is passed over
 * Limits:  a batch holds what was appended since take; int32 offsets bound it to 2 GiB of bytes a column
 * Threads: one decoder, one thread
 */
#ifndef FIRN_POSTGRES_TUPLE_DECODE_H
#define FIRN_POSTGRES_TUPLE_DECODE_H

#include "change/row_decoder.h"
#include "postgres/copy_layout.h"

/* Borrows `layout`, keeps a reference to the relation. */
FIRN_MUST_USE firn_status tuple_decoder_new(const copy_layout *layout, change_relation *relation, row_decoder **ret_decoder,
                                            firn_error *err);

#endif
