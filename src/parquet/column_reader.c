#include "parquet/column_reader.h"

#include <inttypes.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "parquet/page_index_reader.h"

#define PAGE_INDEX_SIZE_MAX ((size_t) 16 << 20)

static bool
is_repeated(const column_reader *c)
{
    return c->leaf->repetition > 0;
}

static firn_status
corrupt(firn_error *err, const char *what)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "%s", what);
}

void
column_reader_init(column_reader *c, read_context *context, const parquet_node *leaf,
                   const value_conversion *conversion, bool is_flat, bool levels_only)
{
    c->context = context;
    c->leaf = leaf;
    c->conversion = *conversion;
    c->is_flat = is_flat;
    c->levels_only = levels_only;
    page_reader_init(&c->pages, context, leaf->name);
    value_decoder_init(&c->values, &c->conversion, &c->dictionary, leaf->element->type, &context->budget);
    firn_arena_init(&c->index_arena, PAGE_INDEX_SIZE_MAX);
    firn_buffer_init(&c->index_bytes, PAGE_INDEX_SIZE_MAX);
}

void
column_reader_drop(column_reader *c)
{
    read_budget *budget = &c->context->budget;
    budget_release(budget, &c->valid);
    budget_release(budget, &c->definitions);
    budget_release(budget, &c->repetitions);
    leaf_values_done(&c->out, budget);
    c->row_count = c->entry_count = c->null_count = 0;
}

void
column_reader_done(column_reader *c)
{
    if (!c->context) return;
    column_reader_drop(c);
    value_decoder_done(&c->values);
    value_dictionary_done(&c->dictionary, &c->context->budget);
    page_reader_done(&c->pages);
    firn_arena_done(&c->index_arena);
    firn_buffer_done(&c->index_bytes);
    c->context = NULL;
}

/* To the first page of the chunk; a dictionary that is loaded stays. */
static firn_status
rewind_chunk(column_reader *c, firn_error *err)
{
    c->row_at = 0;
    c->entries_left = (uint64_t) c->chunk->value_count;
    c->page_left = 0;
    c->block_at = c->block_count = 0;
    c->by_index = false;
    return page_reader_start(&c->pages, c->chunk, err);
}

firn_status
column_reader_start(column_reader *c, const parquet_row_group *group, firn_error *err)
{
    c->group = group;
    c->chunk = &group->chunks[c->leaf->leaf_first];
    c->dictionary.is_loaded = false;
    c->dictionary.count = 0;
    c->has_index = false;
    c->index = (parquet_page_index){0};
    firn_arena_reset(&c->index_arena);
    firn_buffer_reset(&c->index_bytes);
    if (!c->chunk->is_encrypted) {
        if (c->chunk->type != c->leaf->element->type)
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT,
                             "column '%s' of '%s' has type %d in the schema, %d in a row group", c->leaf->name,
                             c->context->source->name, (int) c->leaf->element->type, (int) c->chunk->type);
        if (!is_repeated(c) && (uint64_t) c->chunk->value_count != group->row_count)
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT,
                             "column '%s' of '%s' has %" PRId64 " values for %" PRIu64 " rows", c->leaf->name,
                             c->context->source->name, c->chunk->value_count, group->row_count);
    }
    return rewind_chunk(c, err);
}

static firn_status
load_dictionary(column_reader *c, const parquet_page_header *header, firn_error *err)
{
    page_body body;
    if (c->dictionary.is_loaded || c->levels_only) {
        page_reader_skip(&c->pages, header);
        return FIRN_OK;
    }
    if (header->encoding != PARQUET_PLAIN && header->encoding != PARQUET_PLAIN_DICTIONARY)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "a dictionary in encoding %d is not known", header->encoding);
    FIRN_TRY(page_reader_load(&c->pages, header, &body, err));
    return value_dictionary_load(&c->dictionary, &c->conversion, c->values.type == PARQUET_BOOLEAN, body.values,
                                 header->value_count, &c->pages.page, &c->context->budget, err);
}

/* Splits the body of a data page and makes its decoders ready. */
static firn_status
begin_page(column_reader *c, const parquet_page_header *header, firn_error *err)
{
    page_body body;
    unsigned  definition_max = c->leaf->definition, repetition_max = c->leaf->repetition;

    FIRN_TRY(page_reader_load(&c->pages, header, &body, err));
    if (header->type == PARQUET_DATA_PAGE_V2) {
        level_decoder_init(&c->repetition, body.repetition, repetition_max);
        level_decoder_init(&c->definition, body.definition, definition_max);
    } else {
        if (repetition_max > 0 && !level_decoder_cut(&c->repetition, header->repetition_encoding, repetition_max,
                                                     header->value_count, &body.values))
            return corrupt(err, "the repetition levels of a page are damaged");
        if (definition_max > 0 && !level_decoder_cut(&c->definition, header->definition_encoding, definition_max,
                                                     header->value_count, &body.values))
            return corrupt(err, "the definition levels of a page are damaged");
    }
    c->page_left = header->value_count;
    if (c->levels_only) return FIRN_OK;
    return value_decoder_page(&c->values, header->encoding, body.values, header->value_count, err);
}

/* Rows of the page, where it tells them. */
static bool
page_rows(const column_reader *c, const parquet_page_header *header, uint64_t *ret_rows)
{
    if (!is_repeated(c)) {
        *ret_rows = header->value_count;
        return true;
    }
    *ret_rows = header->row_count;
    return header->type == PARQUET_DATA_PAGE_V2;
}

static uint64_t
index_rows(const column_reader *c, unsigned page)
{
    uint64_t end = page + 1 < c->index.page_count ? c->index.locations[page + 1].first_row : c->group->row_count;
    return end - c->index.locations[page].first_row;
}

/* The next data page: passed whole where its rows are among *skip, else made ready (page_left > 0). Neither
 * happens at the end of the chunk: *ret_is_end. */
static firn_status
next_page(column_reader *c, uint64_t *skip, bool *ret_is_end, firn_error *err)
{
    parquet_page_header header;

    *ret_is_end = false;
    for (;;) {
        if (c->by_index ? c->index_next >= c->index.page_count : c->entries_left == 0) {
            *ret_is_end = true;
            return FIRN_OK;
        }
        if (c->by_index) {
            const parquet_page_location *place = &c->index.locations[c->index_next];
            page_reader_seek(&c->pages, place->offset, place->offset + place->size_bytes);
        }
        FIRN_TRY(page_reader_next(&c->pages, &header, err));
        if (header.type == PARQUET_INDEX_PAGE) {
            if (c->by_index) return corrupt(err, "the page index names a page without data");
            page_reader_skip(&c->pages, &header);
        } else if (header.type == PARQUET_DICTIONARY_PAGE) {
            if (c->by_index) return corrupt(err, "the page index names a page without data");
            FIRN_TRY(load_dictionary(c, &header, err));
        } else {
            break;
        }
    }
    if (c->by_index) {
        if (!is_repeated(c) && header.value_count != index_rows(c, c->index_next))
            return corrupt(err, "a page has other rows than the page index says");
        c->index_next++;
    } else {
        if (header.value_count > c->entries_left) return corrupt(err, "the pages of a column have more values than it");
        c->entries_left -= header.value_count;
    }
    uint64_t rows = 0;
    if (page_rows(c, &header, &rows) && rows <= *skip) {
        page_reader_skip(&c->pages, &header);
        *skip -= rows;
        c->row_at += rows;
        return FIRN_OK;
    }
    return begin_page(c, &header, err);
}

/* Up to `limit` levels of the page into the block. */
static firn_status
fill_block(column_reader *c, uint64_t limit, firn_error *err)
{
    size_t  count = c->page_left < LEVEL_BLOCK ? (size_t) c->page_left : LEVEL_BLOCK;
    uint8_t definition_max = 0, repetition_max = 0;

    if (limit < count) count = (size_t) limit;
    if (c->leaf->definition > 0) {
        if (!level_decode_u8(&c->definition, count, c->block_definition))
            return corrupt(err, "the definition levels of a page end early");
        for (size_t i = 0; i < count; i++)
            definition_max = c->block_definition[i] > definition_max ? c->block_definition[i] : definition_max;
    } else {
        memset(c->block_definition, 0, count);
    }
    if (is_repeated(c)) {
        if (!level_decode_u8(&c->repetition, count, c->block_repetition))
            return corrupt(err, "the repetition levels of a page end early");
        for (size_t i = 0; i < count; i++)
            repetition_max = c->block_repetition[i] > repetition_max ? c->block_repetition[i] : repetition_max;
    }
    if (definition_max > c->leaf->definition || repetition_max > c->leaf->repetition)
        return corrupt(err, "a page has a level beyond the schema's");
    c->page_left -= count;
    c->block_at = 0;
    c->block_count = count;
    return FIRN_OK;
}

static size_t
count_equal(const uint8_t *levels, size_t count, uint8_t level)
{
    size_t equal = 0;
    for (size_t i = 0; i < count; i++)
        equal += levels[i] == level;
    return equal;
}

/* Entries [block_at, block_at + count) are kept or passed. */
static firn_status
use_block(column_reader *c, size_t count, bool keep, firn_error *err)
{
    const uint8_t *definition = c->block_definition + c->block_at;
    size_t         values = count_equal(definition, count, c->leaf->definition);

    if (!keep) {
        c->block_at += count;
        return c->levels_only ? FIRN_OK : value_skip(&c->values, values, err);
    }
    FIRN_TRY(budget_reserve(&c->context->budget, &c->definitions, count, err));
    memcpy(c->definitions.data + c->definitions.size, definition, count);
    c->definitions.size += count;
    if (is_repeated(c)) {
        FIRN_TRY(budget_reserve(&c->context->budget, &c->repetitions, count, err));
        memcpy(c->repetitions.data + c->repetitions.size, c->block_repetition + c->block_at, count);
        c->repetitions.size += count;
    }
    c->entry_count += count;
    c->block_at += count;
    return c->levels_only ? FIRN_OK : value_decode(&c->values, values, &c->out, err);
}

/* Entries of the block that belong to the open row and `rows` further ones, which are counted down. */
static size_t
entries_of_rows(const column_reader *c, uint64_t *rows)
{
    size_t at = c->block_at;
    if (!is_repeated(c)) {
        uint64_t take = c->block_count - at;
        if (take > *rows) take = *rows;
        *rows -= take;
        return (size_t) take;
    }
    uint64_t left = *rows;
    for (; at < c->block_count; at++) {
        if (c->block_repetition[at] == 0) {
            if (left == 0) break;
            left--;
        }
    }
    *rows = left;
    return at - c->block_at;
}

/* Levels and dense values of the next rows, or past them. */
static firn_status
take_rows(column_reader *c, uint64_t row_count, bool keep, firn_error *err)
{
    uint64_t rows = row_count, none = 0;
    bool     is_open = false; /* a row of ours has begun: entries that go on belong to it */

    for (;;) {
        if (c->block_at == c->block_count) {
            if (rows == 0 && !is_repeated(c)) break;
            if (c->page_left == 0) {
                bool      is_end;
                uint64_t  before = rows;
                /* Whole pages can be passed only where no row is open at their border. */
                uint64_t *skip = keep ? &none : &rows;
                FIRN_TRY(next_page(c, skip, &is_end, err));
                if (is_end) {
                    if (rows > 0) return corrupt(err, "a column has fewer rows than its row group");
                    break;
                }
                c->row_at -= before - rows; /* counted at the end */
                continue;
            }
            FIRN_TRY(fill_block(c, is_repeated(c) ? LEVEL_BLOCK : rows, err));
        }
        if (is_repeated(c) && !is_open && c->block_repetition[c->block_at] != 0)
            return corrupt(err, "a column begins within a row");
        size_t count = entries_of_rows(c, &rows);
        if (count > 0) {
            is_open = true;
            FIRN_TRY(use_block(c, count, keep, err));
        }
        if (c->block_at < c->block_count) break;
    }
    c->row_at += row_count;
    if (keep) c->row_count += row_count;
    return FIRN_OK;
}

/* Values at [0, value_count) of `at` go to the rows whose bits are set, the last first. */
#define DEFINE_SPREAD(bits_)                                                                                           \
    static void spread_##bits_(uint8_t *at, const uint8_t *valid, size_t first, size_t row_count, size_t value_count)  \
    {                                                                                                                  \
        size_t row = row_count, value = value_count;                                                                   \
        while (value > 0 && row > value) {                                                                             \
            row--;                                                                                                     \
            memcpy(at + row * ((bits_) / 8), at + (value - 1) * ((bits_) / 8), (bits_) / 8);                           \
            value -= bitmap_get(valid, first + row);                                                                   \
        }                                                                                                              \
        if (value == 0) memset(at, 0, row *((bits_) / 8));                                                             \
    }

DEFINE_SPREAD(8)
DEFINE_SPREAD(32)
DEFINE_SPREAD(64)
DEFINE_SPREAD(128)

static void
spread_any(uint8_t *at, size_t size, const uint8_t *valid, size_t first, size_t row_count, size_t value_count)
{
    size_t row = row_count, value = value_count;
    while (value > 0 && row > value) {
        row--;
        memmove(at + row * size, at + (value - 1) * size, size);
        value -= bitmap_get(valid, first + row);
    }
    if (value == 0) memset(at, 0, row * size);
}

/* Ends of values: a null ends where the value before it ends. */
static void
spread_offsets(uint8_t *ends, uint32_t start, const uint8_t *valid, size_t first, size_t row_count, size_t value_count)
{
    size_t row = row_count, value = value_count;
    while (value > 0 && row > value) {
        row--;
        store_le32(ends + row * 4, load_le32(ends + (value - 1) * 4));
        value -= bitmap_get(valid, first + row);
    }
    if (value == 0)
        for (size_t i = 0; i < row; i++)
            store_le32(ends + i * 4, start);
}

/* The last value_count values of c->out become row_count rows by the bits from `first` on. */
static void
spread(column_reader *c, size_t first, size_t row_count, size_t value_count)
{
    size_t         size = c->conversion.out_size;
    const uint8_t *valid = c->valid.data;

    if (row_count == value_count) return;
    if (size == 0) {
        uint8_t *ends = c->out.offsets.data + c->out.offsets.size - value_count * 4;
        spread_offsets(ends, load_le32(ends - 4), valid, first, row_count, value_count);
        c->out.offsets.size += (row_count - value_count) * 4;
    } else {
        uint8_t *at = c->out.data.data + c->out.data.size - value_count * size;
        switch (size) {
        case 1:
            spread_8(at, valid, first, row_count, value_count);
            break;
        case 4:
            spread_32(at, valid, first, row_count, value_count);
            break;
        case 8:
            spread_64(at, valid, first, row_count, value_count);
            break;
        case 16:
            spread_128(at, valid, first, row_count, value_count);
            break;
        default:
            spread_any(at, size, valid, first, row_count, value_count);
        }
        c->out.data.size += (row_count - value_count) * size;
    }
    c->out.count += row_count - value_count;
}

static firn_status
read_flat(column_reader *c, size_t row_count, firn_error *err)
{
    read_budget *budget = &c->context->budget;
    bool         is_optional = c->leaf->definition > 0;

    FIRN_TRY(leaf_values_reserve(&c->out, &c->conversion, row_count, budget, err));
    if (is_optional) FIRN_TRY(budget_reserve(budget, &c->valid, bitmap_size_bytes(row_count) + 8, err));
    while (c->row_count < row_count) {
        size_t rows = row_count - (size_t) c->row_count, take, values;
        bool   is_end = false;
        if (c->page_left == 0) {
            uint64_t none = 0;
            FIRN_TRY(next_page(c, &none, &is_end, err));
            if (is_end) return corrupt(err, "a column has fewer rows than its row group");
            continue;
        }
        take = values = c->page_left < rows ? (size_t) c->page_left : rows;
        if (is_optional) {
            values = 0;
            if (!level_decode_bits(&c->definition, take, c->valid.data, (size_t) c->row_count, &values))
                return corrupt(err, "the definition levels of a page end early");
        }
        FIRN_TRY(value_decode(&c->values, values, &c->out, err));
        spread(c, (size_t) c->row_count, take, values);
        c->null_count += take - values;
        c->page_left -= take;
        c->row_count += take;
        c->row_at += take;
    }
    if (is_optional) c->valid.size = bitmap_size_bytes(row_count);
    return FIRN_OK;
}

/* An index that cannot be used is as none: the data say all. */
static firn_status
find_index(column_reader *c, firn_error *err)
{
    const parquet_chunk *chunk = c->chunk;
    uint64_t             end = c->context->source->size_bytes;

    if (c->has_index) return FIRN_OK;
    c->has_index = true;
    if (chunk->offset_index_offset <= 0 || chunk->offset_index_size <= 0 ||
        (size_t) chunk->offset_index_size > PAGE_INDEX_SIZE_MAX || (uint64_t) chunk->offset_index_offset > end ||
        (uint64_t) chunk->offset_index_size > end - (uint64_t) chunk->offset_index_offset)
        return FIRN_OK;
    FIRN_TRY(c->context->source->read(c->context->source->state, (uint64_t) chunk->offset_index_offset,
                                      (size_t) chunk->offset_index_size, &c->index_bytes, err));
    firn_error ignored = {0};
    if (page_index_read(c->context->source->name, firn_buffer_slice(&c->index_bytes), (firn_slice){0}, &c->index_arena,
                        &c->index, &ignored))
        c->index = (parquet_page_index){0};
    for (unsigned i = 0; i < c->index.page_count; i++) {
        if (c->index.locations[i].offset >= c->context->data_end ||
            c->index.locations[i].size_bytes > c->context->data_end - c->index.locations[i].offset ||
            c->index.locations[i].first_row >= c->group->row_count)
            c->index.page_count = 0;
    }
    return FIRN_OK;
}

/* A jump over the first pages must not miss the dictionary among them. */
static firn_status
need_dictionary(column_reader *c, firn_error *err)
{
    parquet_page_header header;
    if (c->dictionary.is_loaded || c->levels_only) return FIRN_OK;
    FIRN_TRY(page_reader_start(&c->pages, c->chunk, err));
    FIRN_TRY(page_reader_next(&c->pages, &header, err));
    return header.type == PARQUET_DICTIONARY_PAGE ? load_dictionary(c, &header, err) : FIRN_OK;
}

static unsigned
page_of_row(const column_reader *c, uint64_t row)
{
    unsigned low = 0, high = c->index.page_count;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (c->index.locations[middle].first_row <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static firn_status
seek_row(column_reader *c, uint64_t row, firn_error *err)
{
    bool is_in_page =
        row >= c->row_at && !is_repeated(c) && row - c->row_at < c->page_left + (c->block_count - c->block_at);
    if (!is_in_page) {
        FIRN_TRY(find_index(c, err));
        if (c->index.page_count > 0) {
            unsigned page = page_of_row(c, row);
            uint64_t first = c->index.locations[page].first_row;
            if (row < c->row_at || first > c->row_at) {
                FIRN_TRY(need_dictionary(c, err));
                c->by_index = true;
                c->index_next = page;
                c->page_left = 0;
                c->block_at = c->block_count = 0;
                c->row_at = first;
            }
        } else if (row < c->row_at) {
            FIRN_TRY(rewind_chunk(c, err));
        }
    }
    return row > c->row_at ? take_rows(c, row - c->row_at, false, err) : FIRN_OK;
}

firn_status
column_reader_read(column_reader *c, uint64_t first_row, size_t row_count, firn_error *err)
{
    column_reader_drop(c);
    firn_status status = c->row_at != first_row ? seek_row(c, first_row, err) : FIRN_OK;
    if (status == FIRN_OK) status = c->is_flat ? read_flat(c, row_count, err) : take_rows(c, row_count, true, err);
    if (status == FIRN_OK) return FIRN_OK;
    /* Nobody knows how far it got: the next read goes back. */
    c->row_at = UINT64_MAX;
    c->page_left = 0;
    c->block_at = c->block_count = 0;
    column_reader_drop(c);
    return page_reader_while(&c->pages, err);
}
