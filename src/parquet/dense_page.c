#include "parquet/dense_page.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "parquet/bit_unpack.h"
#include "parquet/level_decode.h"

/* Behind bits and bytes: whoever reads or writes them by words may go over their end. */
#define SLACK 16

static firn_status
corrupt(firn_error *err, const char *what)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "%s", what);
}

static unsigned
size_of(const parquet_leaf *leaf)
{
    switch (leaf->lane) {
    case LANE_BOOL:
        return 1;
    case LANE_32:
        return 4;
    case LANE_64:
        return 8;
    case LANE_128:
    case LANE_BYTES:
        break;
    }
    return leaf->type_length;
}

void
dense_reader_init(dense_reader *r, const parquet_leaf *leaf, const parquet_chunk *chunk, read_context *context)
{
    *r = (dense_reader){.leaf = leaf, .chunk = chunk, .value_size = size_of(leaf)};
    page_reader_init(&r->pages, context, leaf->path[0]);
}

void
dense_reader_done(dense_reader *r)
{
    if (!r->pages.context) return;
    read_budget *budget = &r->pages.context->budget;

    page_reader_done(&r->pages);
    budget_release(budget, &r->valid);
    budget_release(budget, &r->number_bytes);
    budget_release(budget, &r->bools);
    budget_release(budget, &r->entries);
    budget_release(budget, &r->place_bytes);
    *r = (dense_reader){0};
}

bool
dense_reader_fits(const dense_reader *r, uint64_t row_count)
{
    const parquet_chunk *chunk = r->chunk;
    const uint32_t       known = 1u << PARQUET_PLAIN | 1u << PARQUET_PLAIN_DICTIONARY | 1u << PARQUET_RLE |
                                 1u << PARQUET_BIT_PACKED | 1u << PARQUET_RLE_DICTIONARY;

    if (r->leaf->depth != 1 || parquet_leaf_is_repeated(r->leaf) || chunk->type != r->leaf->physical) return false;
    if (chunk->is_encrypted || chunk->is_external || chunk->codec < 0 || chunk->codec >= PAGE_CODEC_COUNT ||
        chunk->codec == PARQUET_CODEC_LZO || chunk->codec == PARQUET_CODEC_BROTLI)
        return false;
    if (r->leaf->lane == LANE_BOOL && chunk->dictionary_page_offset != 0) return false;
    return (uint64_t) chunk->value_count == row_count && chunk->encodings != 0 && (chunk->encodings & ~known) == 0;
}

firn_status
dense_reader_start(dense_reader *r, firn_error *err)
{
    r->entries_left = (uint64_t) r->chunk->value_count;
    r->row_count = r->value_count = 0;
    r->has_dictionary = false;
    return page_reader_start(&r->pages, r->chunk, err);
}

/* `count` values of a length and bytes each: where they begin, and the last one ends. */
static firn_status
find_places(const dense_reader *r, firn_slice bytes, size_t count, firn_buffer *out, firn_error *err)
{
    size_t at = 0;

    if (bytes.size / 4 < count) return corrupt(err, "a page has fewer bytes than values");
    out->size = 0;
    FIRN_TRY(budget_reserve(&r->pages.context->budget, out, (count + 1) * sizeof(uint32_t), err));
    uint32_t *places = (uint32_t *) (void *) out->data;
    for (size_t i = 0; i < count; i++) {
        if (bytes.size - at < 4) return corrupt(err, "a page ends before its last value");
        size_t size = load_le32(bytes.data + at);

        if (size > bytes.size - at - 4) return corrupt(err, "a value goes over the end of its page");
        places[i] = (uint32_t) at;
        at += 4 + size;
    }
    places[count] = (uint32_t) at;
    out->size = (count + 1) * sizeof *places;
    return FIRN_OK;
}

static firn_status
load_dictionary(dense_reader *r, const parquet_page_header *header, firn_error *err)
{
    page_body body;
    size_t    count = header->value_count;

    if (r->has_dictionary || r->leaf->lane == LANE_BOOL) {
        page_reader_skip(&r->pages, header);
        return FIRN_OK;
    }
    if (header->encoding != PARQUET_PLAIN && header->encoding != PARQUET_PLAIN_DICTIONARY)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "a dictionary in encoding %d is not known", header->encoding);
    FIRN_TRY(page_reader_load(&r->pages, header, &body, err));
    if (r->value_size) {
        if (body.values.size / r->value_size < count) return corrupt(err, "a dictionary has fewer bytes than values");
    } else {
        FIRN_TRY(find_places(r, body.values, count, &r->place_bytes, err));
    }
    r->entries.size = 0;
    FIRN_TRY(budget_reserve(&r->pages.context->budget, &r->entries, body.values.size + SLACK, err));
    if (body.values.size) memcpy(r->entries.data, body.values.data, body.values.size);
    memset(r->entries.data + body.values.size, 0, SLACK);
    r->entries.size = body.values.size;
    r->entry_count = count;
    r->has_dictionary = true;
    return FIRN_OK;
}

static uint32_t
largest(const uint32_t *numbers, size_t count)
{
    uint32_t max = 0;
    for (size_t i = 0; i < count; i++) max = numbers[i] > max ? numbers[i] : max;
    return max;
}

static firn_status
load_indices(dense_reader *r, firn_slice bytes, firn_error *err)
{
    rle_decoder rle;
    rle_segment segment;
    size_t      count = r->value_count;

    if (!r->has_dictionary) return corrupt(err, "a page refers to a dictionary that is not there");
    if (bytes.size < 1 || bytes.data[0] > 32) return corrupt(err, "the indices of a page are damaged");
    rle_decoder_init(&rle, firn_slice_of(bytes.data + 1, bytes.size - 1), bytes.data[0]);
    r->number_bytes.size = 0;
    FIRN_TRY(budget_reserve(&r->pages.context->budget, &r->number_bytes, (count + RLE_SEGMENT_MAX) * sizeof(uint32_t), err));
    uint32_t *numbers = (uint32_t *) (void *) r->number_bytes.data;
    for (size_t at = 0; at < count; at += segment.count) {
        if (!rle_next(&rle, count - at, numbers + at, &segment)) return corrupt(err, "the indices of a page end early");
        if (segment.is_run)
            for (size_t i = 0; i < segment.count; i++) numbers[at + i] = segment.value;
        if ((segment.is_run ? segment.value : largest(numbers + at, segment.count)) >= r->entry_count)
            return corrupt(err, "an index goes over the end of its dictionary");
    }
    r->number_bytes.size = count * sizeof *numbers;
    r->form = DENSE_ENTRIES;
    return FIRN_OK;
}

static firn_status
load_bools(dense_reader *r, int encoding, firn_slice bytes, firn_error *err)
{
    size_t count = r->value_count;

    r->bools.size = 0;
    FIRN_TRY(budget_reserve(&r->pages.context->budget, &r->bools, count + SLACK, err));
    if (encoding == PARQUET_PLAIN) {
        if (bytes.size < bitmap_size_bytes(count)) return corrupt(err, "a page has fewer bits than values");
        bit_unpack_u8(bytes.data, bytes.data + bytes.size, 1, 0, count, r->bools.data);
    } else {
        rle_decoder rle;

        if (bytes.size < 4 || load_le32(bytes.data) > bytes.size - 4) return corrupt(err, "the values of a page are damaged");
        rle_decoder_init(&rle, firn_slice_of(bytes.data + 4, load_le32(bytes.data)), 1);
        if (!rle_decode_u8(&rle, count, r->bools.data)) return corrupt(err, "the values of a page end early");
    }
    r->values = r->bools.data;
    r->readable_end = r->bools.data + count + SLACK;
    r->form = DENSE_BOOLS;
    return FIRN_OK;
}

/* Bytes of a page lie in the buffer that it was decompressed to, or in the file's window. */
static const uint8_t *
end_of_memory(const page_reader *pages, firn_slice bytes)
{
    const firn_buffer *page = &pages->page;
    bool is_page = page->data && bytes.data >= page->data && bytes.data <= page->data + page->capacity;

    return is_page ? page->data + page->capacity : bytes.data + bytes.size;
}

static firn_status
load_values(dense_reader *r, int encoding, firn_slice bytes, firn_error *err)
{
    r->form = DENSE_FIXED;
    r->values = bytes.data;
    r->readable_end = bytes.data == NULL ? NULL : end_of_memory(&r->pages, bytes);
    if (r->value_count == 0) return FIRN_OK;
    if (encoding == PARQUET_RLE_DICTIONARY || encoding == PARQUET_PLAIN_DICTIONARY) return load_indices(r, bytes, err);
    if (r->leaf->lane == LANE_BOOL && (encoding == PARQUET_PLAIN || encoding == PARQUET_RLE))
        return load_bools(r, encoding, bytes, err);
    if (encoding != PARQUET_PLAIN)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "a page is in encoding %d, which the footer does not name", encoding);
    if (r->value_size)
        return bytes.size / r->value_size < r->value_count ? corrupt(err, "a page has fewer bytes than values") : FIRN_OK;
    r->form = DENSE_BYTES;
    return find_places(r, bytes, r->value_count, &r->number_bytes, err);
}

/* Which rows have a value. */
static firn_status
load_levels(dense_reader *r, const parquet_page_header *header, page_body *body, firn_error *err)
{
    level_decoder levels;
    size_t        ones = 0;

    r->value_count = r->row_count;
    if (r->leaf->definition_max == 0) return FIRN_OK;
    if (header->type == PARQUET_DATA_PAGE_V2) {
        level_decoder_init(&levels, body->definition, 1);
    } else if (!level_decoder_cut(&levels, header->definition_encoding, 1, r->row_count, &body->values)) {
        return corrupt(err, "the definition levels of a page are damaged");
    }
    r->valid.size = 0;
    FIRN_TRY(budget_reserve(&r->pages.context->budget, &r->valid, bitmap_size_bytes(r->row_count) + SLACK, err));
    if (!level_decode_bits(&levels, r->row_count, r->valid.data, 0, &ones))
        return corrupt(err, "the definition levels of a page end early");
    r->valid.size = bitmap_size_bytes(r->row_count);
    memset(r->valid.data + r->valid.size, 0, SLACK);
    r->value_count = ones;
    return FIRN_OK;
}

static firn_status
read_page(dense_reader *r, firn_error *err)
{
    parquet_page_header header;
    page_body           body;

    for (;;) {
        if (r->entries_left == 0) return corrupt(err, "a column has fewer rows than its row group");
        FIRN_TRY(page_reader_next(&r->pages, &header, err));
        if (header.type == PARQUET_DICTIONARY_PAGE) {
            FIRN_TRY(load_dictionary(r, &header, err));
            continue;
        }
        if (header.type != PARQUET_INDEX_PAGE && header.value_count > 0) break;
        page_reader_skip(&r->pages, &header);
    }
    if (header.value_count > r->entries_left) return corrupt(err, "the pages of a column have more values than it");
    FIRN_TRY(page_reader_load(&r->pages, &header, &body, err));
    r->row_count = header.value_count;
    FIRN_TRY(load_levels(r, &header, &body, err));
    FIRN_TRY(load_values(r, header.encoding, body.values, err));
    r->entries_left -= header.value_count;
    return FIRN_OK;
}

firn_status
dense_reader_next(dense_reader *r, firn_error *err)
{
    if (read_page(r, err) == FIRN_OK) return FIRN_OK;
    r->row_count = r->value_count = 0;
    return page_reader_while(&r->pages, err);
}
