/*
 * A table → splits, and a split → COPY statements.
 *
 * All relations of a table (one, or the leaf partitions) lie on one line of blocks, which is cut into
 * equal parts. A part is one or more pieces: block ranges of a relation, whole small partitions. The last
 * range of each relation has no end: it also holds what grew after it was measured.
 * Before version 14 there are no TID range scans: ranges of an integer key, else one piece per relation.
 */
#ifndef FIRN_POSTGRES_POSTGRES_PLAN_H
#define FIRN_POSTGRES_POSTGRES_PLAN_H

#include "postgres/postgres_describe.h"

typedef enum piece_kind { PIECE_WHOLE, PIECE_BLOCKS, PIECE_KEYS } piece_kind;

/* [from, to) of blocks or keys; the ends may be open. */
typedef struct postgres_piece {
    piece_kind kind;
    uint32_t   relation_oid;
    bool       has_from, has_to;
    int64_t    from, to;
} postgres_piece;

FIRN_MUST_USE firn_status postgres_plan_splits(postgres_connection *c, const source_description *description,
                                               unsigned split_count_max, uint64_t large_table_rows, firn_arena *arena,
                                               source_split **ret_splits, unsigned *ret_split_count, firn_error *err);

/* A split's text ⇄ pieces: [[kind, relation oid, from, to], …], null for an open end. */
FIRN_MUST_USE firn_status postgres_pieces_parse(const char *text, firn_arena *arena, postgres_piece **ret_pieces,
                                                unsigned *ret_piece_count, firn_error *err);

/* How many statements read the pieces: one where an order is asked for, else one per piece. */
unsigned postgres_statement_count(const postgres_table *table, unsigned piece_count);
/* Statement `index` of them; appended, NUL-terminated. */
FIRN_MUST_USE firn_status postgres_add_statement(const postgres_table *table, const postgres_piece pieces[],
                                                 unsigned piece_count, unsigned index, firn_buffer *out,
                                                 firn_error *err);

#endif
