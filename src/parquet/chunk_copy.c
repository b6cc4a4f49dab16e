#include "parquet/chunk_copy.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "parquet/page_index_reader.h"

#define PIECE_SIZE ((size_t) 1 << 20)
#define INDEX_ARENA_MAX ((size_t) 64 << 20)

/* ---- whether it fits ---- */

static bool
is_text_equal(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool
has_time_unit(parquet_logical logical)
{
    return logical == PARQUET_LOGICAL_TIME || logical == PARQUET_LOGICAL_TIMESTAMP;
}

static bool
element_fits(const parquet_node *node, const parquet_element *element)
{
    int32_t field_id = element->field_id >= 0 ? element->field_id : 0;

    if (node->is_group != element->is_group || node->field_id != field_id || node->repetition != element->repetition ||
        !is_text_equal(node->name, element->name) || (int) node->logical != element->logical)
        return false;
    if (node->is_group) return node->child_count == element->child_count;
    if (node->physical != element->type) return false;
    if (node->physical == PARQUET_FIXED_LEN_BYTE_ARRAY && node->type_length != element->size_bytes) return false;
    if (node->logical == PARQUET_LOGICAL_DECIMAL &&
        ((int32_t) node->precision != element->precision || (int32_t) node->scale != element->scale))
        return false;
    return !has_time_unit(node->logical) ||
           (element->unit == PARQUET_UNIT_MICROS && element->adjusted_to_utc == node->is_utc);
}

bool
chunk_copy_schema_fits(const parquet_schema *schema, unsigned extra_count, const parquet_metadata *file)
{
    unsigned count = schema->node_count - extra_count;

    if (schema->leaf_count <= extra_count || file->element_count != count ||
        file->elements[0].child_count != schema->nodes[0].child_count - extra_count)
        return false;
    for (unsigned i = 1; i < count; i++) {
        if (!element_fits(&schema->nodes[i], &file->elements[i])) return false;
    }
    return true;
}

static bool
is_real(const parquet_leaf *leaf)
{
    return leaf->physical == PARQUET_FLOAT || leaf->physical == PARQUET_DOUBLE;
}

bool
chunk_bound_fits(const parquet_leaf *leaf, firn_slice bound)
{
    if (!bound.data) return false;
    switch (leaf->lane) {
    case LANE_BOOL:
        return bound.size == 1;
    case LANE_32:
        return bound.size == 4;
    case LANE_64:
        return bound.size == 8;
    case LANE_128:
        return bound.size == leaf->type_length;
    case LANE_BYTES:
        break;
    }
    return leaf->type_length == 0 || bound.size == leaf->type_length;
}

bool
chunk_copy_fits(const parquet_leaf *leaf, parquet_codec codec, const parquet_chunk *chunk)
{
    const parquet_statistics *s = &chunk->statistics;

    if (chunk->is_encrypted || chunk->is_external || chunk->codec != (int) codec || chunk->type != leaf->physical) return false;
    if (chunk->data_page_offset <= 0 || chunk->dictionary_page_offset < 0 || !chunk->encodings) return false;
    if (chunk->dictionary_page_offset > chunk->data_page_offset) return false;
    if (chunk->uncompressed_size_bytes < 0 || s->null_count < 0 || s->null_count > chunk->value_count) return false;
    return !is_real(leaf) || s->nan_count >= 0;
}

/* ---- statistics ---- */

static int128
load_be128(firn_slice bytes)
{
    uint128 value = bytes.data[0] & 0x80 ? ~(uint128) 0 : 0;

    for (size_t i = 0; i < bytes.size; i++) value = value << 8 | bytes.data[i];
    return (int128) value;
}

void
chunk_bounds_add(value_stats *stats, const parquet_leaf *leaf, firn_slice min, firn_slice max)
{
    uint8_t    bools[2];
    int32_t    words[2];
    int64_t    longs[2];
    int128     wides[2];
    value_view view = {.count = 2};

    switch (leaf->lane) {
    case LANE_BOOL:
        bools[0] = min.data[0] != 0;
        bools[1] = max.data[0] != 0;
        view.fixed = bools;
        break;
    case LANE_32:
        words[0] = (int32_t) load_le32(min.data);
        words[1] = (int32_t) load_le32(max.data);
        view.fixed = words;
        break;
    case LANE_64:
        longs[0] = (int64_t) load_le64(min.data);
        longs[1] = (int64_t) load_le64(max.data);
        view.fixed = longs;
        break;
    case LANE_128:
        wides[0] = load_be128(min);
        wides[1] = load_be128(max);
        view.fixed = wides;
        break;
    case LANE_BYTES:
        value_stats_add_bytes(stats, min.data, min.size);
        value_stats_add_bytes(stats, max.data, max.size);
        return;
    }
    value_stats_add(stats, leaf, &view);
}

static void
take_statistics(const parquet_leaf *leaf, const parquet_chunk *from, chunk_info *chunk, value_stats *stats)
{
    const parquet_statistics *s = &from->statistics;
    int64_t                   nan_count = s->nan_count > 0 ? s->nan_count : 0;
    value_stats               own = {.null_count = (uint64_t) s->null_count,
                                     .nan_count = (uint64_t) nan_count};

    if (chunk_bound_fits(leaf, s->min) && chunk_bound_fits(leaf, s->max)) chunk_bounds_add(&own, leaf, s->min, s->max);
    chunk->lacks_bounds = !own.has_bounds && s->null_count + nan_count < from->value_count;
    chunk->null_count = own.null_count;
    chunk->nan_count = own.nan_count;
    value_stats_bounds(&own, leaf, &chunk->min, &chunk->max);
    chunk->min.is_exact = chunk->min.is_exact && s->min_is_exact;
    chunk->max.is_exact = chunk->max.is_exact && s->max_is_exact;
    value_stats_merge(stats, leaf, &own);
}

/* ---- bytes ---- */

static firn_status
copy_bytes(const parquet_source *source, uint64_t from, uint64_t size, firn_sink *sink, firn_buffer *scratch,
           firn_error *err)
{
    while (size > 0) {
        size_t piece = size < PIECE_SIZE ? (size_t) size : PIECE_SIZE;

        firn_buffer_reset(scratch);
        FIRN_TRY(source->read(source->state, from, piece, scratch, err));
        if (scratch->size != piece)
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is shorter than its footer says", source->name);
        FIRN_TRY(firn_sink_write(sink, scratch->data, piece, err));
        from += piece;
        size -= piece;
    }
    return FIRN_OK;
}

firn_status
chunk_index_read(const parquet_source *source, int64_t offset, int32_t size, firn_buffer *out, firn_error *err)
{
    firn_buffer_reset(out);
    if (offset <= 0 || size <= 0) return FIRN_OK;
    FIRN_TRY(source->read(source->state, (uint64_t) offset, (size_t) size, out, err));
    if (out->size != (size_t) size)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is shorter than its footer says", source->name);
    return FIRN_OK;
}

/* The offset index with the pages' new places; the column index as it is. Without an offset index there is neither. */
static firn_status
copy_page_index(const parquet_chunk *from, const parquet_source *source, firn_buffer *columns, firn_buffer *offsets,
                chunk_info *chunk, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer offset_bytes = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer column_bytes = {0};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    parquet_page_index index = {0};
    page_entry        *entries;

    firn_arena_init(&arena, INDEX_ARENA_MAX);
    firn_buffer_init(&offset_bytes, INDEX_ARENA_MAX);
    firn_buffer_init(&column_bytes, INDEX_ARENA_MAX);
    FIRN_TRY(chunk_index_read(source, from->offset_index_offset, from->offset_index_size, &offset_bytes, err));
    if (!offset_bytes.size) return FIRN_OK;
    FIRN_TRY(chunk_index_read(source, from->column_index_offset, from->column_index_size, &column_bytes, err));
    FIRN_TRY(page_index_read(source->name, firn_buffer_slice(&offset_bytes), firn_buffer_slice(&column_bytes), &arena,
                             &index, err));
    entries = firn_arena_array(&arena, index.page_count + 1, sizeof *entries);
    if (!entries) return firn_fail_memory(err, "a page index");
    for (unsigned i = 0; i < index.page_count; i++) {
        const parquet_page_location *location = &index.locations[i];

        if (location->offset < (uint64_t) from->data_page_offset)
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' has a page index that points before its chunk", source->name);
        entries[i] = (page_entry){.offset = location->offset - (uint64_t) from->data_page_offset,
                                  .size_bytes = location->size_bytes,
                                  .first_row = location->first_row};
    }
    chunk->column_index_offset = columns->size;
    FIRN_TRY(firn_buffer_add(columns, column_bytes.data, column_bytes.size, err));
    chunk->column_index_size = (uint32_t) column_bytes.size;
    chunk->offset_index_offset = offsets->size;
    FIRN_TRY(page_index_add_offsets(entries, index.page_count, chunk->data_page_offset, offsets, err));
    chunk->offset_index_size = (uint32_t) (offsets->size - chunk->offset_index_offset);
    return FIRN_OK;
}

firn_status
chunk_copy(const parquet_leaf *leaf, const parquet_chunk *from, const parquet_source *source, firn_sink *sink,
           firn_buffer *scratch, firn_buffer *columns, firn_buffer *offsets, chunk_info *ret_chunk, value_stats *stats,
           firn_error *err)
{
    bool       has_dictionary = from->dictionary_page_offset > 0 && from->dictionary_page_offset < from->data_page_offset;
    uint64_t   start = (uint64_t) (has_dictionary ? from->dictionary_page_offset : from->data_page_offset);
    uint64_t   to = sink->written_bytes;
    chunk_info chunk = {.is_copied = true,
                        .encodings = from->encodings,
                        .page_count_count = from->page_count_count,
                        .value_count = (uint64_t) from->value_count,
                        .uncompressed_bytes = (uint64_t) from->uncompressed_size_bytes,
                        .compressed_bytes = (uint64_t) from->compressed_size_bytes,
                        .data_page_offset = to + ((uint64_t) from->data_page_offset - start),
                        .dictionary_page_offset = has_dictionary ? to : 0};

    memcpy(chunk.page_counts, from->page_counts, sizeof chunk.page_counts);
    take_statistics(leaf, from, &chunk, stats);
    FIRN_TRY(copy_bytes(source, start, (uint64_t) from->compressed_size_bytes, sink, scratch, err));
    FIRN_TRY(copy_page_index(from, source, columns, offsets, &chunk, err));
    *ret_chunk = chunk;
    return FIRN_OK;
}
