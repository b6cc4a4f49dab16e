#include "parquet/page_copy.h"

#include "parquet/page_index_reader.h"

#define INDEX_SIZE_MAX ((size_t) 16 << 20)

void
page_copy_init(page_copy *p, const parquet_leaf *leaf, const parquet_chunk *chunk)
{
    *p = (page_copy){.leaf = leaf, .chunk = chunk};
    firn_arena_init(&p->arena, INDEX_SIZE_MAX);
    firn_buffer_init(&p->offset_bytes, INDEX_SIZE_MAX);
    firn_buffer_init(&p->column_bytes, INDEX_SIZE_MAX);
}

void
page_copy_done(page_copy *p)
{
    firn_arena_done(&p->arena);
    firn_buffer_done(&p->offset_bytes);
    firn_buffer_done(&p->column_bytes);
}

/* By the footer alone. A page's NaN are in no index: only where there are none in the chunk. */
static bool
chunk_fits(const page_copy *p, const parquet_options *options, uint64_t row_count)
{
    const parquet_chunk      *chunk = p->chunk;
    const parquet_statistics *s = &chunk->statistics;
    const parquet_page_count *pages = &chunk->page_counts[0];
    int64_t                   rows_min = (int64_t) options->page_rows_max;

    if (rows_min > PAGE_COPY_ROWS_MIN) rows_min = PAGE_COPY_ROWS_MIN;
    if (p->leaf->depth != 1 || parquet_leaf_is_repeated(p->leaf) || !chunk_copy_fits(p->leaf, options->codec, chunk)) return false;
    if (chunk->dictionary_page_offset != 0 || s->nan_count > 0 || (uint64_t) chunk->value_count != row_count) return false;
    if (chunk->page_count_count != 1 || pages->type != PARQUET_DATA_PAGE || pages->encoding != PARQUET_PLAIN) return false;
    if (pages->count <= 0 || chunk->offset_index_size <= 0 || chunk->column_index_size <= 0) return false;
    if (s->null_count < chunk->value_count && (!chunk_bound_fits(p->leaf, s->min) || !chunk_bound_fits(p->leaf, s->max)))
        return false;
    return (int64_t) row_count / pages->count >= rows_min || chunk->compressed_size_bytes / pages->count >= PAGE_COPY_BYTES_MIN;
}

/* Page by page what the footer says of the whole: no byte, row or null is missing. */
static bool
index_fits(const page_copy *p, uint64_t row_count)
{
    const parquet_page_index *index = &p->index;
    uint64_t                  at = (uint64_t) p->chunk->data_page_offset;
    int64_t                   null_count = 0;

    if (index->page_count != (unsigned) p->chunk->page_counts[0].count || !index->is_null_page || !index->min || !index->max ||
        !index->null_counts)
        return false;
    for (unsigned i = 0; i < index->page_count; i++) {
        const parquet_page_location *place = &index->locations[i];
        uint64_t end = i + 1 < index->page_count ? index->locations[i + 1].first_row : row_count;

        if (place->offset != at || place->first_row >= end || index->null_counts[i] < 0) return false;
        if (index->is_null_page[i] != ((uint64_t) index->null_counts[i] == end - place->first_row)) return false;
        if ((uint64_t) index->null_counts[i] > end - place->first_row) return false;
        if (!index->is_null_page[i] &&
            (!chunk_bound_fits(p->leaf, index->min[i]) || !chunk_bound_fits(p->leaf, index->max[i])))
            return false;
        null_count += index->null_counts[i];
        at += place->size_bytes;
    }
    return null_count == p->chunk->statistics.null_count &&
           at - (uint64_t) p->chunk->data_page_offset == (uint64_t) p->chunk->compressed_size_bytes;
}

firn_status
page_copy_plan(page_copy *p, const parquet_options *options, uint64_t row_count, const parquet_source *source, firn_error *err)
{
    const parquet_chunk *chunk = p->chunk;

    p->fits = false;
    if (!chunk_fits(p, options, row_count)) return FIRN_OK;
    FIRN_TRY(chunk_index_read(source, chunk->offset_index_offset, chunk->offset_index_size, &p->offset_bytes, err));
    FIRN_TRY(chunk_index_read(source, chunk->column_index_offset, chunk->column_index_size, &p->column_bytes, err));
    if (!p->offset_bytes.size || !p->column_bytes.size) return FIRN_OK;
    FIRN_TRY(page_index_read(source->name, firn_buffer_slice(&p->offset_bytes), firn_buffer_slice(&p->column_bytes), &p->arena,
                             &p->index, err));
    p->fits = index_fits(p, row_count);
    return FIRN_OK;
}

static firn_status
add_entries(const page_copy *p, column_writer *c, uint64_t start, firn_error *err)
{
    for (unsigned i = 0; i < p->index.page_count; i++) {
        const parquet_page_location *place = &p->index.locations[i];
        value_stats stats = {.null_count = (uint64_t) p->index.null_counts[i]};
        page_entry  entry = {.offset = start + (place->offset - (uint64_t) p->chunk->data_page_offset),
                             .size_bytes = place->size_bytes,
                             .is_null_page = p->index.is_null_page[i],
                             .first_row = c->chunk_row_count + place->first_row,
                             .null_count = stats.null_count};

        if (!entry.is_null_page) chunk_bounds_add(&stats, p->leaf, p->index.min[i], p->index.max[i]);
        value_stats_bounds(&stats, p->leaf, &entry.min, &entry.max);
        FIRN_TRY(firn_buffer_add(&c->entries, &entry, sizeof entry, err));
    }
    return FIRN_OK;
}

firn_status
page_copy_add(const page_copy *p, uint64_t row_count, const parquet_source *source, column_writer *c, firn_error *err)
{
    const parquet_chunk      *chunk = p->chunk;
    const parquet_statistics *s = &chunk->statistics;
    size_t                    start = c->pages.size, size = (size_t) chunk->compressed_size_bytes;
    value_stats               stats = {.null_count = (uint64_t) s->null_count};

    assert(p->fits && c->page_slot_count == 0 && !c->is_dictionary_open);
    FIRN_TRY(source->read(source->state, (uint64_t) chunk->data_page_offset, size, &c->pages, err));
    if (c->pages.size - start != size)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is shorter than its footer says", source->name);
    FIRN_TRY(add_entries(p, c, start, err));
    if (s->null_count < chunk->value_count) {
        chunk_bounds_add(&stats, p->leaf, s->min, s->max);
        c->chunk_min_is_cut = c->chunk_min_is_cut || !s->min_is_exact;
        c->chunk_max_is_cut = c->chunk_max_is_cut || !s->max_is_exact;
    }
    value_stats_merge(&c->chunk_stats, p->leaf, &stats);
    c->chunk.plain_page_count += p->index.page_count;
    c->chunk.uncompressed_bytes += (uint64_t) chunk->uncompressed_size_bytes;
    c->chunk.value_count += (uint64_t) chunk->value_count;
    c->chunk_row_count += row_count;
    return FIRN_OK;
}
