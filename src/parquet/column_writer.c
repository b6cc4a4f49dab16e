#include "parquet/column_writer.h"

#include "base/bitmap.h"
#include "codec/bitpack.h"
#include "parquet/plain_encode.h"
#include "parquet/rle_encode.h"

#define CHUNK_SIZE_MAX ((size_t) 1 << 34)
#define PAGE_BUFFER_MAX ((size_t) 1 << 31)

/* An open page holds this many slots at most, except one row's: nested rows may have any number. */
#define PAGE_SLOT_COUNT_MAX(options) ((options)->page_rows_max * 4)

/* A dictionary with so few entries for its values needs no trial. */
enum { VALUES_PER_ENTRY_SURE = 16, ENTRY_COUNT_MAX = 1 << 20 };

/* What a dictionary must save to be worth its work, here and in readers. */
static const double SAVING_MIN = 0.98;

/* Memory that a chunk keeps for the next one. */
enum { PAGES_SIZE_KEPT = 64 << 10, SCRATCH_SIZE_KEPT = 4 << 20 };

void
column_writer_init(column_writer *c, const parquet_leaf *leaf, const parquet_options *options, size_t rows_expected)
{
    *c = (column_writer){.leaf = leaf, .options = options, .rows_expected = rows_expected, .page_serial = 1, .chunk_serial = 1};
    /* Spark's filter looks a UUID up in the dictionary by its raw bytes and fails (Iceberg 1.4.2 and 1.10.0). */
    bool no_dictionary = leaf->lane == LANE_BOOL || leaf->field->type->kind == TYPE_UUID;
    c->use = no_dictionary || options->dictionary_size_bytes == 0 ? DICTIONARY_OFF : DICTIONARY_UNDECIDED;
    c->is_dictionary_open = c->use != DICTIONARY_OFF;
    dictionary_init(&c->dict, leaf, options->dictionary_size_bytes, ENTRY_COUNT_MAX);
    firn_buffer_init(&c->numbers, PAGE_BUFFER_MAX);
    firn_buffer_init(&c->values, PAGE_BUFFER_MAX);
    firn_buffer_init(&c->definition, PAGE_BUFFER_MAX);
    firn_buffer_init(&c->repetition, PAGE_BUFFER_MAX);
    firn_buffer_init(&c->pages, CHUNK_SIZE_MAX);
    firn_buffer_init(&c->entries, CHUNK_SIZE_MAX);
}

void
column_writer_done(column_writer *c)
{
    dictionary_done(&c->dict);
    firn_buffer_done(&c->numbers);
    firn_buffer_done(&c->values);
    firn_buffer_done(&c->definition);
    firn_buffer_done(&c->repetition);
    firn_buffer_done(&c->pages);
    firn_buffer_done(&c->entries);
}

size_t
column_writer_fit(const column_writer *c, const struct ArrowArray *rows, size_t from, size_t row_count)
{
    const parquet_options *options = c->options;
    size_t                 row_room = options->page_rows_max - c->page_row_count;
    size_t                 slot_max = PAGE_SLOT_COUNT_MAX(options);
    size_t                 slot_room = slot_max > c->page_slot_count ? slot_max - c->page_slot_count : 0;
    size_t                 size_max = options->page_size_bytes;
    size_t                 size_room = size_max > c->values.size ? size_max - c->values.size : 0;

    if (row_count > row_room) row_count = row_room;
    size_t fits = row_shredder_fit(c->leaf, rows, from, row_count, slot_room, size_room);
    return fits || c->page_slot_count ? fits : 1;
}

bool
column_writer_page_is_full(const column_writer *c)
{
    return c->page_row_count >= c->options->page_rows_max || c->values.size >= c->options->page_size_bytes;
}

static bool
has_level_bytes(const parquet_leaf *leaf)
{
    return leaf->depth > 1 && leaf->definition_max > 0;
}

/* Appends bits to `to`, which holds `to_count` of them and zeros behind. */
static firn_status
add_bits(firn_buffer *to, size_t to_count, const uint8_t *bits, size_t from, size_t count, firn_error *err)
{
    size_t size = bitmap_size_bytes(to_count + count);
    FIRN_TRY(firn_buffer_reserve(to, size - to->size + 16, err));
    memset(to->data + to->size, 0, size - to->size + 16);
    for (size_t i = 0; i < count;) {
        size_t   at = to_count + i, source = from + i, step = 8 - source % 8;
        unsigned byte = (unsigned) bits[source / 8] >> (source % 8);
        if (step > count - i) step = count - i;
        byte &= 0xffu >> (8 - step);
        unsigned shifted = byte << (at % 8);
        to->data[at / 8] |= (uint8_t) shifted;
        to->data[at / 8 + 1] |= (uint8_t) (shifted >> 8);
        i += step;
    }
    to->size = size;
    return FIRN_OK;
}

static firn_status
add_ones(firn_buffer *to, size_t to_count, size_t count, firn_error *err)
{
    static const uint8_t ones[64] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    while (count) {
        size_t step = count < sizeof ones * 8 ? count : sizeof ones * 8;
        FIRN_TRY(add_bits(to, to_count, ones, 0, step, err));
        to_count += step;
        count -= step;
    }
    return FIRN_OK;
}

static firn_status
add_levels(column_writer *c, const leaf_rows *rows, firn_error *err)
{
    if (c->leaf->definition_max == 0) return FIRN_OK;
    if (has_level_bytes(c->leaf)) {
        FIRN_TRY(firn_buffer_add(&c->definition, rows->definition, rows->slot_count, err));
        if (rows->repetition) FIRN_TRY(firn_buffer_add(&c->repetition, rows->repetition, rows->slot_count, err));
        return FIRN_OK;
    }
    /* No bits are kept until there is a null. */
    if (rows->null_count && !c->page_null_count) FIRN_TRY(add_ones(&c->definition, 0, c->page_slot_count, err));
    if (rows->null_count)
        return add_bits(&c->definition, c->page_slot_count, rows->valid, rows->valid_offset, rows->slot_count, err);
    if (c->page_null_count) return add_ones(&c->definition, c->page_slot_count, rows->slot_count, err);
    return FIRN_OK;
}

static uint32_t *
page_numbers(const column_writer *c)
{
    return (uint32_t *) (void *) c->numbers.data;
}

static value_view
view_from(const column_writer *c, const value_view *values, size_t from)
{
    static const size_t sizes[] = {[LANE_BOOL] = 1, [LANE_32] = 4, [LANE_64] = 8, [LANE_128] = 16, [LANE_BYTES] = 0};
    value_view          rest = *values;
    rest.count -= from;
    if (rest.fixed) rest.fixed = (const uint8_t *) rest.fixed + from * sizes[c->leaf->lane];
    if (rest.starts) {
        rest.starts += from;
        rest.ends += from;
    }
    return rest;
}

/* Texts are looked at once per entry. */
static void
add_number_stats(column_writer *c)
{
    if (c->leaf->lane != LANE_BYTES || c->page_counted >= c->page_number_count) return;
    dictionary_stats(&c->dict, page_numbers(c) + c->page_counted, c->page_number_count - c->page_counted, &c->page_stats);
    c->page_counted = c->page_number_count;
}

/* The open page becomes PLAIN, and so do all that follow in this chunk. */
static firn_status
leave_dictionary(column_writer *c, firn_error *err)
{
    FIRN_TRY(dictionary_decode(&c->dict, page_numbers(c), c->page_number_count, &c->values, err));
    add_number_stats(c);
    if (c->chunk.dictionary_coded_page_count == 0) dictionary_release(&c->dict);
    firn_buffer_done(&c->numbers);
    c->page_number_count = c->page_counted = 0;
    c->is_dictionary_open = false;
    return FIRN_OK;
}

static firn_status
add_plain(column_writer *c, const value_view *values, firn_error *err)
{
    value_stats_add(&c->page_stats, c->leaf, values);
    return plain_encode(c->leaf, values, &c->values, err);
}

static firn_status
add_numbers(column_writer *c, const value_view *values, firn_error *err)
{
    size_t taken = 0;
    c->numbers.size = c->page_number_count * sizeof(uint32_t);
    FIRN_TRY(firn_buffer_reserve(&c->numbers, values->count * sizeof(uint32_t), err));
    FIRN_TRY(dictionary_add(&c->dict, values, page_numbers(c) + c->page_number_count, &taken, err));
    c->page_number_count += taken;
    if (taken < values->count) {
        value_view rest = view_from(c, values, taken), head = *values;
        head.count = taken;
        if (c->leaf->lane != LANE_BYTES) value_stats_add(&c->page_stats, c->leaf, &head);
        FIRN_TRY(leave_dictionary(c, err));
        return add_plain(c, &rest, err);
    }
    /* Texts are looked at once per entry, when the page closes. */
    if (c->leaf->lane != LANE_BYTES) value_stats_add(&c->page_stats, c->leaf, values);
    return FIRN_OK;
}

firn_status
column_writer_add_levels(column_writer *c, const leaf_rows *rows, firn_error *err)
{
    FIRN_TRY(add_levels(c, rows, err));
    c->page_row_count += rows->row_count;
    c->page_slot_count += rows->slot_count;
    c->page_null_count += rows->null_count;
    return FIRN_OK;
}

firn_status
column_writer_add(column_writer *c, const leaf_rows *rows, firn_error *err)
{
    FIRN_TRY(column_writer_add_levels(c, rows, err));
    if (!rows->values.count) return FIRN_OK;
    return c->is_dictionary_open ? add_numbers(c, &rows->values, err) : add_plain(c, &rows->values, err);
}

/* A length, then the levels. */
static firn_status
begin_levels(firn_buffer *body, size_t *ret_start, firn_error *err)
{
    *ret_start = body->size;
    FIRN_TRY(firn_buffer_reserve(body, 4, err));
    body->size += 4;
    return FIRN_OK;
}

static void
end_levels(firn_buffer *body, size_t start)
{
    store_le32(body->data + start, (uint32_t) (body->size - start - 4));
}

static firn_status
put_level_bytes(const firn_buffer *levels, unsigned level_max, firn_buffer *body, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer wide = {0};
    size_t                                  start;

    firn_buffer_init(&wide, PAGE_BUFFER_MAX * 2);
    FIRN_TRY(firn_buffer_reserve(&wide, levels->size * sizeof(uint32_t), err));
    uint32_t *values = (uint32_t *) (void *) wide.data;
    for (size_t i = 0; i < levels->size; i++)
        values[i] = levels->data[i];
    FIRN_TRY(begin_levels(body, &start, err));
    FIRN_TRY(rle_encode(values, levels->size, bitpack_width(level_max), body, err));
    end_levels(body, start);
    return FIRN_OK;
}

static firn_status
put_levels(const column_writer *c, firn_buffer *body, firn_error *err)
{
    const parquet_leaf *leaf = c->leaf;
    if (leaf->repetition_max) FIRN_TRY(put_level_bytes(&c->repetition, leaf->repetition_max, body, err));
    if (leaf->definition_max == 0) return FIRN_OK;
    if (has_level_bytes(leaf)) return put_level_bytes(&c->definition, leaf->definition_max, body, err);

    size_t start;
    FIRN_TRY(begin_levels(body, &start, err));
    if (c->page_null_count == 0 || c->page_null_count == c->page_slot_count) {
        FIRN_TRY(rle_encode_run(c->page_null_count == 0, c->page_slot_count, 1, body, err));
    } else {
        FIRN_TRY(rle_encode_bits(c->definition.data, c->page_slot_count, body, err));
    }
    end_levels(body, start);
    return FIRN_OK;
}

static firn_status
put_numbers(const column_writer *c, firn_buffer *body, firn_error *err)
{
    unsigned width = bitpack_width(c->dict.entry_count ? c->dict.entry_count - 1 : 0);
    FIRN_TRY(firn_buffer_add_byte(body, (uint8_t) width, err));
    return rle_encode(page_numbers(c), c->page_number_count, width, body, err);
}

/* base^exponent for base in [0, 1]. */
static double
power(double base, size_t exponent)
{
    double result = 1;
    for (; exponent; exponent >>= 1, base *= base) {
        if (exponent & 1) result *= base;
    }
    return result;
}

/* The dictionary's entries after `row_count` rows. Values drawn from a fixed set bring new ones at a rate
 * that falls from each half page to the next by the same factor; a rising key brings them for ever. */
static double
expect_entries(const column_writer *c, double value_count)
{
    const uint32_t *numbers = page_numbers(c);
    uint32_t        half_max = 0; /* numbers are given in order of appearance */
    for (size_t i = 0; i < c->page_number_count / 2; i++)
        half_max = numbers[i] > half_max ? numbers[i] : half_max;

    double first = (double) half_max + 1, second = (double) c->dict.entry_count - first;
    double halves = value_count / ((double) c->page_number_count / 2);
    double factor = second / first;
    if (factor > 0.999) return (first + second) / 2 * halves;
    return first * (1 - power(factor, (size_t) halves)) / (1 - factor);
}

/* Encodes the page both ways and sees which would be smaller over the whole chunk. A dictionary that would
 * become too large on the way is none: its first pages would not be worth its page. */
static firn_status
judge_dictionary(column_writer *c, page_writer *pages, firn_buffer *body, bool is_last, firn_error *err)
{
    size_t value_count = c->page_number_count, entry_count = c->dict.entry_count, plain_size, entries_size,
           numbers_size;
    c->use = DICTIONARY_PAYS;
    if (entry_count * VALUES_PER_ENTRY_SURE <= value_count) return FIRN_OK;

    firn_buffer_reset(body);
    FIRN_TRY(dictionary_decode(&c->dict, page_numbers(c), value_count, body, err));
    FIRN_TRY(page_writer_measure(pages, firn_buffer_slice(body), &plain_size, err));
    firn_buffer_reset(body);
    FIRN_TRY(dictionary_encode(&c->dict, body, err));
    FIRN_TRY(page_writer_measure(pages, firn_buffer_slice(body), &entries_size, err));
    firn_buffer_reset(body);
    FIRN_TRY(put_numbers(c, body, err));
    FIRN_TRY(page_writer_measure(pages, firn_buffer_slice(body), &numbers_size, err));

    bool   has_more = !is_last && c->rows_expected > c->page_row_count;
    double scale = has_more ? (double) c->rows_expected / (double) c->page_row_count : 1;
    double entries = has_more ? expect_entries(c, (double) value_count * scale) : (double) entry_count;
    double bits_now = bitpack_width((uint32_t) entry_count), bits_then = bitpack_width((uint32_t) entries);
    double with =
        (double) entries_size / (double) entry_count * entries + (double) numbers_size * scale * bits_then / bits_now;
    double without = (double) plain_size * scale;
    size_t size = dictionary_size_bytes(&c->dict);
    bool   has_room = (double) size / (double) entry_count * entries < (double) c->options->dictionary_size_bytes;
    if (has_room && with < without * SAVING_MIN) return FIRN_OK;
    c->use = DICTIONARY_OFF;
    return leave_dictionary(c, err);
}

static firn_status
put_values(column_writer *c, firn_buffer *body, parquet_encoding *ret_encoding, firn_error *err)
{
    /* A page of nulls only is PLAIN, so that no dictionary is ever empty. */
    *ret_encoding = c->page_number_count ? PARQUET_RLE_DICTIONARY : PARQUET_PLAIN;
    if (c->page_number_count) {
        c->chunk.dictionary_coded_page_count++;
        return put_numbers(c, body, err);
    }
    c->chunk.plain_page_count++;
    if (c->leaf->lane == LANE_BOOL) return plain_pack_bools(firn_buffer_slice(&c->values), body, err);
    return firn_buffer_add(body, c->values.data, c->values.size, err);
}

static firn_status
add_entry(column_writer *c, const page_sizes *sizes, size_t offset, firn_error *err)
{
    page_entry entry = {.offset = offset,
                        .size_bytes = (uint32_t) (sizes->header_bytes + sizes->compressed_bytes),
                        .is_null_page = c->page_null_count == c->page_slot_count,
                        .first_row = c->chunk_row_count,
                        .null_count = c->page_null_count,
                        .nan_count = c->page_stats.nan_count};
    if (!value_stats_fit(&c->page_stats, c->leaf))
        return firn_fail(err, FIRN_E_BUG, "a value of column '%s' has more digits than its type", c->leaf->path[0]);
    c->page_stats.null_count = c->page_null_count;
    value_stats_bounds(&c->page_stats, c->leaf, &entry.min, &entry.max);
    value_stats_merge(&c->chunk_stats, c->leaf, &c->page_stats);
    c->chunk.uncompressed_bytes += sizes->header_bytes + sizes->body_bytes;
    c->chunk.value_count += c->page_slot_count;
    return firn_buffer_add(&c->entries, &entry, sizeof entry, err);
}

/* Empties it; what one huge row made of it is given back. */
static void
reset_scratch(firn_buffer *buffer)
{
    if (buffer->capacity > SCRATCH_SIZE_KEPT) firn_buffer_done(buffer);
    firn_buffer_reset(buffer);
}

static void
reset_page(column_writer *c)
{
    c->chunk_row_count += c->page_row_count;
    c->page_row_count = c->page_slot_count = c->page_null_count = c->page_number_count = c->page_counted = 0;
    c->page_serial++;
    reset_scratch(&c->values);
    reset_scratch(&c->definition);
    reset_scratch(&c->repetition);
    c->page_stats.null_count = c->page_stats.nan_count = 0;
    c->page_stats.has_bounds = false;
}

static firn_status
close_page(column_writer *c, page_writer *pages, firn_buffer *body, bool is_last, firn_error *err)
{
    page_sizes       sizes;
    parquet_encoding encoding;

    if (c->page_slot_count == 0) return FIRN_OK;
    if (c->page_number_count && c->use == DICTIONARY_UNDECIDED)
        FIRN_TRY(judge_dictionary(c, pages, body, is_last, err));
    add_number_stats(c);

    firn_buffer_reset(body);
    FIRN_TRY(put_levels(c, body, err));
    firn_slice page = firn_slice_of(c->values.data, c->values.size);
    if (body->size || c->page_number_count || c->leaf->lane == LANE_BOOL || c->values.size == 0) {
        FIRN_TRY(put_values(c, body, &encoding, err));
        page = firn_buffer_slice(body);
    } else {
        encoding = PARQUET_PLAIN;
        c->chunk.plain_page_count++;
    }
    size_t offset = c->pages.size;
    FIRN_TRY(page_writer_add_data(pages, page, c->page_slot_count, encoding, &c->pages, &sizes, err));
    FIRN_TRY(add_entry(c, &sizes, offset, err));
    reset_page(c);
    reset_scratch(body);
    return FIRN_OK;
}

firn_status
column_writer_close_page(column_writer *c, page_writer *pages, firn_buffer *body, firn_error *err)
{
    return close_page(c, pages, body, false, err);
}

firn_status
column_writer_end_page(column_writer *c, page_writer *pages, firn_buffer *body, firn_error *err)
{
    FIRN_TRY(close_page(c, pages, body, false, err));
    return c->is_dictionary_open ? leave_dictionary(c, err) : FIRN_OK;
}

static firn_status
write_dictionary(column_writer *c, page_writer *pages, firn_buffer *body, firn_sink *sink, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer page = {0};
    page_sizes                              sizes;

    firn_buffer_init(&page, PAGE_BUFFER_MAX);
    firn_buffer_reset(body);
    FIRN_TRY(dictionary_encode(&c->dict, body, err));
    FIRN_TRY(page_writer_add_dictionary(pages, firn_buffer_slice(body), c->dict.entry_count, &page, &sizes, err));
    c->chunk.dictionary_page_offset = sink->written_bytes;
    c->chunk.uncompressed_bytes += sizes.header_bytes + sizes.body_bytes;
    c->chunk.compressed_bytes += page.size;
    return firn_sink_write(sink, page.data, page.size, err);
}

static firn_status
add_indexes(column_writer *c, firn_buffer *columns, firn_buffer *offsets, firn_error *err)
{
    const page_entry *entries = (const page_entry *) (const void *) c->entries.data;
    size_t            page_count = c->entries.size / sizeof *entries;

    c->chunk.column_index_offset = columns->size;
    if (page_index_has_bounds(entries, page_count))
        FIRN_TRY(page_index_add_columns(c->leaf, entries, page_count, columns, err));
    c->chunk.column_index_size = (uint32_t) (columns->size - c->chunk.column_index_offset);
    c->chunk.offset_index_offset = offsets->size;
    FIRN_TRY(page_index_add_offsets(entries, page_count, c->chunk.data_page_offset, offsets, err));
    c->chunk.offset_index_size = (uint32_t) (offsets->size - c->chunk.offset_index_offset);
    return FIRN_OK;
}

static void
reset_chunk(column_writer *c)
{
    c->chunk = (chunk_info){0};
    c->chunk_stats = (value_stats){0};
    c->chunk_row_count = 0;
    c->chunk_serial++;
    c->chunk_min_is_cut = c->chunk_max_is_cut = false;
    if (c->pages.capacity > PAGES_SIZE_KEPT) firn_buffer_done(&c->pages);
    firn_buffer_reset(&c->pages);
    firn_buffer_reset(&c->entries);
    dictionary_reset(&c->dict);
    c->is_dictionary_open = c->use != DICTIONARY_OFF;
}

firn_status
column_writer_end_chunk(column_writer *c, page_writer *pages, firn_buffer *body, firn_sink *sink, firn_buffer *columns,
                        firn_buffer *offsets, chunk_info *ret_chunk, firn_error *err)
{
    FIRN_TRY(close_page(c, pages, body, true, err));
    if (c->chunk.dictionary_coded_page_count) FIRN_TRY(write_dictionary(c, pages, body, sink, err));
    c->chunk.data_page_offset = sink->written_bytes;
    c->chunk.compressed_bytes += c->pages.size;
    FIRN_TRY(firn_sink_write(sink, c->pages.data, c->pages.size, err));
    FIRN_TRY(add_indexes(c, columns, offsets, err));
    c->chunk.null_count = c->chunk_stats.null_count;
    c->chunk.nan_count = c->chunk_stats.nan_count;
    value_stats_bounds(&c->chunk_stats, c->leaf, &c->chunk.min, &c->chunk.max);
    c->chunk.min.is_exact = c->chunk.min.is_exact && !c->chunk_min_is_cut;
    c->chunk.max.is_exact = c->chunk.max.is_exact && !c->chunk_max_is_cut;
    value_stats_merge(&c->file_stats, c->leaf, &c->chunk_stats);
    c->file_compressed_bytes += c->chunk.compressed_bytes;
    c->file_value_count += c->chunk.value_count;
    *ret_chunk = c->chunk;
    reset_chunk(c);
    return FIRN_OK;
}

/* Open pages shrink too when they are compressed; texts mostly to less than half. */
size_t
column_writer_size_bytes(const column_writer *c)
{
    unsigned width = bitpack_width(c->dict.entry_count);
    return c->pages.size + dictionary_size_bytes(&c->dict) / 2 + c->values.size / 2 + c->page_number_count * width / 8 +
           c->definition.size / 8;
}

size_t
column_writer_memory_bytes(const column_writer *c)
{
    /* The pages grow for long: what lies behind their end was never touched. */
    return dictionary_memory_bytes(&c->dict) + c->numbers.capacity + c->values.capacity + c->definition.capacity +
           c->repetition.capacity + c->pages.size + c->entries.capacity;
}
