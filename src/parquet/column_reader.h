/*
 * Rows [first, first + count) of one leaf column of a row group: levels and dense values, page by page.
 * Untrusted input.
 *
 * Shape:  a leaf at the top of the schema that is required or optional gives validity bits and its values
 *         spread to their rows at once (is_flat); any other gives its levels and dense values, which
 *         record_assembler.c puts together
 * Calls:  open, then for each row group start, then read as often as wanted, in any order of rows (forward is
 *         cheap; pages are passed undecoded where they tell their rows)
 * Memory: one page, one dictionary, what was read; all within the context's budget
 */
#ifndef FIRN_PARQUET_COLUMN_READER_H
#define FIRN_PARQUET_COLUMN_READER_H

#include "parquet/file_schema.h"
#include "parquet/level_decode.h"
#include "parquet/page_reader.h"
#include "parquet/value_decode.h"

#define LEVEL_BLOCK 2048

typedef struct column_reader {
    read_context       *context;
    const parquet_node *leaf;
    value_conversion    conversion;
    bool                is_flat;     /* see above */
    bool                levels_only; /* only wanted for what its ancestors are */
    page_reader         pages;
    value_dictionary    dictionary;
    value_decoder       values;

    /* the chunk */
    const parquet_row_group *group;
    const parquet_chunk     *chunk;
    uint64_t                 row_at;              /* rows of the group that are behind us */
    uint64_t                 entries_left;        /* of the chunk, behind the current page */
    bool                     has_index, by_index; /* index was looked for; we navigate by it */
    firn_arena               index_arena;
    firn_buffer              index_bytes;
    parquet_page_index       index;
    unsigned                 index_next; /* number of the page that comes next */

    /* the page */
    uint64_t      page_left; /* entries not yet read from its levels */
    level_decoder repetition, definition;
    uint8_t       block_definition[LEVEL_BLOCK], block_repetition[LEVEL_BLOCK];
    size_t        block_at, block_count;

    /* what was read */
    uint64_t    row_count;
    uint64_t    entry_count, null_count;
    firn_buffer valid;                    /* bits, is_flat and optional */
    firn_buffer definitions, repetitions; /* bytes, one per entry; repetitions only where there are any */
    leaf_values out;
} column_reader;

void                      column_reader_init(column_reader *c, read_context *context, const parquet_node *leaf,
                                             const value_conversion *conversion, bool is_flat, bool levels_only);
void                      column_reader_done(column_reader *c);
FIRN_MUST_USE firn_status column_reader_start(column_reader *c, const parquet_row_group *group, firn_error *err);
/* Reads rows of the group; drops what was read before. */
FIRN_MUST_USE firn_status column_reader_read(column_reader *c, uint64_t first_row, size_t row_count, firn_error *err);
/* Drops what was read. */
void                      column_reader_drop(column_reader *c);

#endif
