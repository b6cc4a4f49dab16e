/*
 * The rows that stay of another file's column chunk, into the open pages of a column: pages are decompressed, but values are
 * not decoded. PLAIN bytes go over as they are, dictionary indices as numbers of the new dictionary, which gets those
 * entries only that rows still have.
 *
 * Takes:   what dense_page.h reads, whatever the codec and the size of the pages
 * Calls:   init, plan, start, then rows for one stretch of the chunk after the other, to its end
 * Trusts:  nothing; bounds and counts are made anew
 * Memory:  dense_page.h's, and 8 bytes for each entry of the dictionary; within the context's budget
 * Errors:  FIRN_CORRUPT, FIRN_UNSUPPORTED with column and offset
 */
#ifndef FIRN_PARQUET_PAGE_CUT_H
#define FIRN_PARQUET_PAGE_CUT_H

#include "parquet/column_writer.h"
#include "parquet/dense_page.h"

/* Rows that stay: `first` counts from the beginning of the stretch; ascending, not empty. */
typedef struct row_run {
    uint32_t first, count;
} row_run;

/* Of one step; all columns of a writer can share it. */
typedef struct page_cut_scratch {
    firn_buffer runs;  /* row_run, but of values within the page */
    firn_buffer valid; /* bits of the rows that stay */
    firn_buffer starts, ends, wides;
} page_cut_scratch;

typedef struct page_cut {
    bool         fits;
    dense_reader in;
    size_t       row_at, value_at; /* of the page: behind us */
    firn_buffer  marks;            /* of the dictionary's entries */
    size_t       entry_size_max;
    uint32_t     chunk_serial; /* of the column: the marks' numbers are its dictionary's */
} page_cut;

void page_cut_scratch_init(page_cut_scratch *s);
void page_cut_scratch_done(page_cut_scratch *s);

/* `context` may be given later, before start. */
void page_cut_init(page_cut *p, const parquet_leaf *leaf, const parquet_chunk *chunk, read_context *context);
void page_cut_done(page_cut *p);
/* Sets p->fits, by the footer alone. `use`: of the column that the rows go to. */
void page_cut_plan(page_cut *p, dictionary_use use, uint64_t row_count);
FIRN_MUST_USE firn_status page_cut_start(page_cut *p, firn_error *err);
/* The chunk's next `row_count` rows: those of `runs` go to the column. */
FIRN_MUST_USE firn_status page_cut_rows(page_cut *p, page_cut_scratch *s, const row_run runs[], size_t run_count,
                                        size_t row_count, column_writer *c, page_writer *pages, firn_buffer *body,
                                        firn_error *err);

#endif
