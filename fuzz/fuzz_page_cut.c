/*
 * parquet/page_cut.h and what it reads (dense_page.h): flat columns of whole files, less some of their rows, into a column
 * writer. What comes out is read again: it has as many rows as were kept.
 */
#include "parquet/page_cut.h"

#include <stdlib.h>

#include "parquet/file_reader.h"
#include "parquet/parquet_schema.h"

enum { MEMORY_MAX = 8 << 20, STRETCH = 50, ROWS_MAX = 5000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const firn_slice *file = state;
    if (offset > file->size || size > file->size - offset) abort();
    return firn_buffer_add(out, file->data + offset, size, err);
}

/* Rows 1..3, 5, and from 20 on of each stretch stay; of every third stretch all. */
static size_t
runs_of(unsigned stretch, size_t count, row_run runs[3])
{
    const row_run some[] = {{1, 3}, {5, 1}, {20, STRETCH - 20}};
    size_t               n = 0;

    if (stretch % 3 == 0) {
        runs[0] = (row_run){0, (uint32_t) count};
        return 1;
    }
    for (size_t i = 0; i < 3 && some[i].first < count; i++) {
        runs[n] = some[i];
        if (some[i].first + some[i].count > count) runs[n].count = (uint32_t) count - some[i].first;
        n++;
    }
    return n;
}

static firn_status
cut_chunk(page_cut *p, uint64_t row_count, column_writer *c, page_writer *pages, firn_buffer *body, uint64_t *ret_kept,
          firn_error *err)
{
    FIRN_AUTO(page_cut_scratch_done) page_cut_scratch scratch;
    uint64_t kept = 0;

    page_cut_scratch_init(&scratch);
    FIRN_TRY(page_cut_start(p, err));
    for (uint64_t at = 0; at < row_count; at += STRETCH) {
        size_t  count = row_count - at < STRETCH ? (size_t) (row_count - at) : STRETCH;
        row_run runs[3];
        size_t  run_count = runs_of((unsigned) (at / STRETCH), count, runs);

        FIRN_TRY(page_cut_rows(p, &scratch, runs, run_count, count, c, pages, body, err));
        for (size_t i = 0; i < run_count; i++) kept += runs[i].count;
    }
    *ret_kept = kept;
    return FIRN_OK;
}

static void
run_chunk(const parquet_source *source, const parquet_leaf *leaf, const parquet_chunk *chunk, uint64_t row_count,
          size_t dictionary_size)
{
    static firn_error err;
    read_context      context = {.source = source, .data_end = source->size_bytes - PARQUET_TAIL_SIZE,
                                 .budget = {.max_bytes = MEMORY_MAX}, .read_ahead_bytes = 1 << 12};
    parquet_options   options = parquet_options_default;
    column_writer     column;
    page_writer       pages;
    page_cut          cut;
    firn_buffer       body, columns, offsets, out;
    firn_sink        *sink;
    chunk_info        info;
    uint64_t          kept = 0;

    firn_error_reset(&err);
    options.page_rows_max = 30;
    options.page_size_bytes = 4096;
    options.dictionary_size_bytes = dictionary_size;
    firn_buffer_init(&body, 1 << 26);
    firn_buffer_init(&columns, 1 << 24);
    firn_buffer_init(&offsets, 1 << 24);
    firn_buffer_init(&out, 1 << 28);
    column_writer_init(&column, leaf, &options, 1000);
    page_cut_init(&cut, leaf, chunk, &context);
    page_cut_plan(&cut, column.use, row_count);
    if (cut.fits && page_writer_init(&pages, PARQUET_UNCOMPRESSED, 1, &err) == FIRN_OK) {
        sink = firn_sink_memory_new(&out);
        if (cut_chunk(&cut, row_count, &column, &pages, &body, &kept, &err) == FIRN_OK &&
            column_writer_end_chunk(&column, &pages, &body, sink, &columns, &offsets, &info, &err) == FIRN_OK &&
            (info.value_count != kept || info.null_count > kept))
            abort();
        firn_sink_abort(sink);
        firn_sink_free(sink);
        page_writer_done(&pages);
    }
    page_cut_done(&cut);
    column_writer_done(&column);
    read_context_done(&context);
    firn_buffer_done(&body);
    firn_buffer_done(&columns);
    firn_buffer_done(&offsets);
    firn_buffer_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static firn_error err;
    firn_slice        bytes = firn_slice_of(data, size);
    parquet_source    source = {"fuzz", size, read_bytes, &bytes};
    parquet_file     *file = NULL;
    table_schema     *schema = NULL;
    parquet_schema    leaves = {0};

    firn_error_reset(&err);
    if (parquet_file_open(&source, MEMORY_MAX, &file, &err)) return 0;
    const parquet_metadata *m = parquet_file_metadata(file);
    if (parquet_file_schema(file, &schema, &err) == FIRN_OK && parquet_schema_init(&leaves, schema, &err) == FIRN_OK) {
        for (unsigned g = 0; g < m->row_group_count && g < 3; g++) {
            const parquet_row_group *group = &m->row_groups[g];

            for (unsigned i = 0; i < m->leaf_count && i < leaves.leaf_count && i < 64 && group->row_count <= ROWS_MAX; i++) {
                run_chunk(&source, &leaves.leaves[i], &group->chunks[i], group->row_count, 1 << 16);
                run_chunk(&source, &leaves.leaves[i], &group->chunks[i], group->row_count, 40);
            }
        }
    }
    parquet_schema_done(&leaves);
    schema_unref(schema);
    parquet_file_free(file);
    return 0;
}
