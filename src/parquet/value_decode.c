#include "parquet/value_decode.h"

#include "base/bitmap.h"
#include "base/bytes.h"

static firn_status
damaged(firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a data page ends before its last value");
}

static firn_status
bad_value(const char *problem, firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "%s", problem);
}

void
leaf_values_done(leaf_values *values, read_budget *budget)
{
    budget_release(budget, &values->data);
    budget_release(budget, &values->offsets);
    values->count = 0;
}

firn_status
leaf_values_reserve(leaf_values *values, const value_conversion *c, size_t count, read_budget *budget, firn_error *err)
{
    if (c->out_size > 0) return budget_reserve(budget, &values->data, count * (size_t) c->out_size + VALUE_SLACK, err);
    bool is_first = values->offsets.size == 0;
    FIRN_TRY(budget_reserve(budget, &values->offsets, (count + is_first) * sizeof(int32_t), err));
    if (is_first) {
        store_le32(values->offsets.data, 0);
        values->offsets.size = sizeof(int32_t);
    }
    return FIRN_OK;
}

void
value_decoder_init(value_decoder *d, const value_conversion *conversion, const value_dictionary *dictionary,
                   parquet_type type, read_budget *budget)
{
    *d = (value_decoder){.conversion = conversion, .dictionary = dictionary, .type = type, .budget = budget};
}

void
value_decoder_done(value_decoder *d)
{
    if (!d->budget) return;
    budget_release(d->budget, &d->lengths);
    budget_release(d->budget, &d->prefixes);
    budget_release(d->budget, &d->previous);
    leaf_values_done(&d->piece, d->budget);
}

/* All lengths of a page; their number comes from the stream and is checked against the page's. */
static firn_status
read_lengths(value_decoder *d, firn_slice bytes, firn_buffer *lengths, firn_slice *ret_rest, firn_error *err)
{
    if (!delta_decoder_init(&d->delta, bytes, 32)) return damaged(err);
    uint64_t count = d->delta.left;
    if (count > d->value_max) return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a data page has more lengths than values");
    lengths->size = 0;
    FIRN_TRY(budget_reserve(d->budget, lengths, (size_t) count * sizeof(int32_t) + 1, err));
    int32_t *out = (int32_t *) (void *) lengths->data;
    if (!delta_decode_i32(&d->delta, (size_t) count, out)) return damaged(err);
    int32_t signs = 0;
    for (size_t i = 0; i < count; i++)
        signs |= out[i];
    if (signs < 0) return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a data page has a negative length");
    d->length_count = (size_t) count;
    if (!delta_decoder_finish(&d->delta, ret_rest)) return damaged(err);
    return FIRN_OK;
}

static firn_status
begin_byte_arrays(value_decoder *d, firn_error *err)
{
    firn_slice rest = d->page;
    if (d->encoding == PARQUET_DELTA_BYTE_ARRAY) {
        FIRN_TRY(read_lengths(d, rest, &d->prefixes, &rest, err));
        size_t prefix_count = d->length_count;
        FIRN_TRY(read_lengths(d, rest, &d->lengths, &rest, err));
        if (prefix_count != d->length_count)
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a data page has %zu prefixes for %zu suffixes", prefix_count,
                             d->length_count);
        d->previous.size = 0;
    } else {
        FIRN_TRY(read_lengths(d, rest, &d->lengths, &rest, err));
    }
    d->at = rest.data;
    return FIRN_OK;
}

static firn_status
begin_indices(value_decoder *d, firn_error *err)
{
    if (d->page.size == 0) {
        /* All values are null; there may be no dictionary either. */
        rle_decoder_init(&d->rle, d->page, 0);
        return FIRN_OK;
    }
    if (d->page.data[0] > 32)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "dictionary indices have %u bits", d->page.data[0]);
    rle_decoder_init(&d->rle, firn_slice_of(d->page.data + 1, d->page.size - 1), d->page.data[0]);
    return FIRN_OK;
}

static firn_status
unsupported(const value_decoder *d, firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "encoding %d is not known for its type", d->encoding);
}

static bool
is_allowed(parquet_type type, int encoding)
{
    bool is_integer = type == PARQUET_INT32 || type == PARQUET_INT64;
    switch (encoding) {
    case PARQUET_PLAIN:
    case PARQUET_RLE_DICTIONARY:
        return true;
    case PARQUET_RLE:
        return type == PARQUET_BOOLEAN;
    case PARQUET_DELTA_BINARY_PACKED:
        return is_integer;
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return type == PARQUET_BYTE_ARRAY;
    case PARQUET_DELTA_BYTE_ARRAY:
        return type == PARQUET_BYTE_ARRAY || type == PARQUET_FIXED_LEN_BYTE_ARRAY;
    case PARQUET_BYTE_STREAM_SPLIT:
        return is_integer || type == PARQUET_FLOAT || type == PARQUET_DOUBLE || type == PARQUET_FIXED_LEN_BYTE_ARRAY;
    default:
        return false;
    }
}

firn_status
value_decoder_page(value_decoder *d, int encoding, firn_slice page, size_t value_max, firn_error *err)
{
    d->encoding = encoding == PARQUET_PLAIN_DICTIONARY ? PARQUET_RLE_DICTIONARY : encoding;
    d->page = page;
    d->value_max = value_max;
    d->at = page.data;
    d->end = page.data + page.size;
    d->next = 0;
    if (!is_allowed(d->type, d->encoding)) return unsupported(d, err);
    switch (d->encoding) {
    case PARQUET_RLE_DICTIONARY:
        return begin_indices(d, err);
    case PARQUET_RLE:
        if (page.size == 0) {
            rle_decoder_init(&d->rle, page, 1);
            return FIRN_OK;
        }
        if (page.size < 4 || load_le32(page.data) > page.size - 4) return damaged(err);
        rle_decoder_init(&d->rle, firn_slice_of(page.data + 4, load_le32(page.data)), 1);
        return FIRN_OK;
    case PARQUET_DELTA_BINARY_PACKED:
        d->delta.left = 0;
        if (page.size == 0) return FIRN_OK;
        return delta_decoder_init(&d->delta, page, d->type == PARQUET_INT64 ? 64 : 32) ? FIRN_OK : damaged(err);
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
    case PARQUET_DELTA_BYTE_ARRAY:
        d->length_count = 0;
        return page.size == 0 ? FIRN_OK : begin_byte_arrays(d, err);
    case PARQUET_BYTE_STREAM_SPLIT:
        return page.size % d->conversion->in_size == 0 ? FIRN_OK : damaged(err);
    default:
        return FIRN_OK;
    }
}

/* Dictionary gathers: the index check is one comparison a piece, the loops have nothing else in them. */

static inline uint32_t
largest(const uint32_t *indices, size_t count)
{
    uint32_t max = 0;
    for (size_t i = 0; i < count; i++)
        max = indices[i] > max ? indices[i] : max;
    return max;
}

static void
gather_4(const uint32_t *restrict indices, size_t count, const uint8_t *restrict dictionary, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        store_le32(out + 4 * i, load_le32(dictionary + 4 * (size_t) indices[i]));
}

static void
gather_8(const uint32_t *restrict indices, size_t count, const uint8_t *restrict dictionary, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        store_le64(out + 8 * i, load_le64(dictionary + 8 * (size_t) indices[i]));
}

static void
gather_any(const uint32_t *restrict indices, size_t count, const uint8_t *restrict dictionary, size_t size,
           uint8_t *restrict out)
{
    if (size == 16) {
        for (size_t i = 0; i < count; i++)
            memcpy(out + 16 * i, dictionary + 16 * (size_t) indices[i], 16);
        return;
    }
    for (size_t i = 0; i < count; i++)
        memcpy(out + size * i, dictionary + size * indices[i], size);
}

static void
gather(const uint32_t *indices, size_t count, const uint8_t *dictionary, size_t size, uint8_t *out)
{
    if (size == 4) {
        gather_4(indices, count, dictionary, out);
    } else if (size == 8) {
        gather_8(indices, count, dictionary, out);
    } else if (size == 1) {
        for (size_t i = 0; i < count; i++)
            out[i] = dictionary[indices[i]];
    } else {
        gather_any(indices, count, dictionary, size, out);
    }
}

static firn_status
bad_index(const value_decoder *d, uint32_t index, firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "index %u is beyond a dictionary of %zu values", index,
                     d->dictionary->count);
}

static firn_status
decode_indices_fixed(value_decoder *d, size_t count, uint8_t *out, firn_error *err)
{
    uint32_t    indices[RLE_SEGMENT_MAX];
    rle_segment segment;
    size_t      size = d->conversion->out_size;

    while (count > 0) {
        if (!rle_next(&d->rle, count, indices, &segment)) return damaged(err);
        uint32_t max = segment.is_run ? segment.value : largest(indices, segment.count);
        if (max >= d->dictionary->count) return bad_index(d, max, err);
        if (segment.is_run) {
            /* A run is a gather of one index over and over. */
            size_t piece = segment.count < RLE_SEGMENT_MAX ? segment.count : RLE_SEGMENT_MAX;
            for (size_t i = 0; i < piece; i++)
                indices[i] = segment.value;
            for (size_t done = 0; done < segment.count; done += piece) {
                if (piece > segment.count - done) piece = segment.count - done;
                gather(indices, piece, d->dictionary->fixed.data, size, out + done * size);
            }
        } else {
            gather(indices, segment.count, d->dictionary->fixed.data, size, out);
        }
        out += segment.count * size;
        count -= segment.count;
    }
    return FIRN_OK;
}

/* The last offset so far. */
static inline uint32_t
bytes_end(const leaf_values *out)
{
    return load_le32(out->offsets.data + out->offsets.size - sizeof(int32_t));
}

/* Room for `extra` more bytes of variable size, within what an int32 offset can say. */
static firn_status
reserve_bytes(value_decoder *d, leaf_values *out, uint64_t extra, firn_error *err)
{
    if (extra > (uint64_t) INT32_MAX - out->data.size)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "a batch of strings would have more than 2 GiB");
    return budget_reserve(d->budget, &out->data, (size_t) extra + VALUE_SLACK, err);
}

/* Both sides have VALUE_SLACK bytes behind them: most strings are short. */
static inline void
copy_short(uint8_t *to, const uint8_t *from, size_t size)
{
    memcpy(to, from, VALUE_SLACK);
    if (FIRN_UNLIKELY(size > VALUE_SLACK)) memcpy(to + VALUE_SLACK, from + VALUE_SLACK, size - VALUE_SLACK);
}

static void
append_entries(const uint32_t *restrict indices, size_t count, const dictionary_entry *restrict entries,
               const uint8_t *restrict bytes, uint8_t *restrict data, uint32_t end, uint8_t *restrict offsets)
{
    for (size_t i = 0; i < count; i++) {
        dictionary_entry entry = entries[indices[i]];
        copy_short(data + end, bytes + entry.offset, entry.size);
        end += entry.size;
        store_le32(offsets + 4 * i, end);
    }
}

static firn_status
decode_indices_bytes(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    uint32_t                indices[RLE_SEGMENT_MAX];
    rle_segment             segment;
    const dictionary_entry *entries = (const dictionary_entry *) (const void *) d->dictionary->entries.data;

    while (count > 0) {
        size_t limit = count < RLE_SEGMENT_MAX ? count : RLE_SEGMENT_MAX;
        if (!rle_next(&d->rle, limit, indices, &segment)) return damaged(err);
        uint32_t max = segment.is_run ? segment.value : largest(indices, segment.count);
        if (max >= d->dictionary->count) return bad_index(d, max, err);
        if (segment.is_run)
            for (size_t i = 0; i < segment.count; i++)
                indices[i] = segment.value;
        uint64_t size = (uint64_t) segment.count * d->dictionary->longest;
        if (size > 4096) {
            size = 0;
            for (size_t i = 0; i < segment.count; i++)
                size += entries[indices[i]].size;
        }
        FIRN_TRY(reserve_bytes(d, out, size, err));
        append_entries(indices, segment.count, entries, d->dictionary->bytes.data, out->data.data, bytes_end(out),
                       out->offsets.data + out->offsets.size);
        out->offsets.size += segment.count * sizeof(int32_t);
        out->data.size = bytes_end(out);
        count -= segment.count;
    }
    return FIRN_OK;
}

/* PLAIN byte arrays: sizes first, so that memory is asked for once. */
static firn_status
decode_plain_bytes(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    uint64_t       total = 0;
    const uint8_t *at = d->at;
    for (size_t i = 0; i < count; i++) {
        if (d->end - at < 4) return damaged(err);
        uint32_t size = load_le32(at);
        at += 4;
        if ((size_t) (d->end - at) < size) return damaged(err);
        at += size;
        total += size;
    }
    FIRN_TRY(reserve_bytes(d, out, total, err));

    uint8_t *data = out->data.data;
    uint8_t *offsets = out->offsets.data + out->offsets.size;
    uint32_t end = bytes_end(out);
    at = d->at;
    size_t i = 0;
    for (; i < count; i++) {
        uint32_t size = load_le32(at);
        at += 4;
        if (FIRN_UNLIKELY(d->end - at < VALUE_SLACK)) {
            if (size > 0) memcpy(data + end, at, size);
        } else {
            copy_short(data + end, at, size);
        }
        at += size;
        end += size;
        store_le32(offsets + 4 * i, end);
    }
    d->at = at;
    out->offsets.size += count * sizeof(int32_t);
    out->data.size = end;
    return FIRN_OK;
}

static firn_status
decode_delta_lengths(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    if (count > d->length_count - d->next) return damaged(err);
    const uint8_t *lengths = d->lengths.data + d->next * sizeof(int32_t);
    uint64_t       total = 0;
    for (size_t i = 0; i < count; i++)
        total += load_le32(lengths + 4 * i);
    if (total > (size_t) (d->end - d->at)) return damaged(err);
    FIRN_TRY(reserve_bytes(d, out, total, err));

    uint32_t end = bytes_end(out);
    uint8_t *offsets = out->offsets.data + out->offsets.size;
    if (total > 0) memcpy(out->data.data + end, d->at, (size_t) total);
    for (size_t i = 0; i < count; i++) {
        end += load_le32(lengths + 4 * i);
        store_le32(offsets + 4 * i, end);
    }
    d->at += total;
    d->next += count;
    out->offsets.size += count * sizeof(int32_t);
    out->data.size = end;
    return FIRN_OK;
}

/* Suffixes must be there before memory is taken for them. */
static firn_status
decode_delta_strings(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    if (count > d->length_count - d->next) return damaged(err);
    const uint8_t *prefixes = d->prefixes.data + d->next * sizeof(int32_t);
    const uint8_t *suffixes = d->lengths.data + d->next * sizeof(int32_t);
    uint64_t       total = 0, read = 0, last = d->previous.size;
    for (size_t i = 0; i < count; i++) {
        uint32_t prefix = load_le32(prefixes + 4 * i), suffix = load_le32(suffixes + 4 * i);
        if (prefix > last) return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a prefix is longer than the value before");
        last = (uint64_t) prefix + suffix;
        total += last;
        read += suffix;
    }
    if (read > (size_t) (d->end - d->at)) return damaged(err);
    FIRN_TRY(reserve_bytes(d, out, total, err));
    if (count == 0) return FIRN_OK;
    d->previous.size = d->previous.size < last ? d->previous.size : (size_t) last;
    FIRN_TRY(budget_reserve(d->budget, &d->previous, (size_t) last + 1, err));

    uint32_t       end = bytes_end(out);
    uint8_t       *data = out->data.data;
    uint8_t       *offsets = out->offsets.data + out->offsets.size;
    const uint8_t *before = d->previous.data;
    for (size_t i = 0; i < count; i++) {
        uint32_t prefix = load_le32(prefixes + 4 * i), suffix = load_le32(suffixes + 4 * i);
        if (prefix > 0) memcpy(data + end, before, prefix);
        if (suffix > 0) memcpy(data + end + prefix, d->at, suffix);
        d->at += suffix;
        before = data + end;
        end += prefix + suffix;
        store_le32(offsets + 4 * i, end);
    }
    if (last > 0) memcpy(d->previous.data, before, (size_t) last);
    d->previous.size = (size_t) last;
    d->next += count;
    out->offsets.size += count * sizeof(int32_t);
    out->data.size = end;
    return FIRN_OK;
}

/* Byte arrays of a page as offsets and bytes, whatever the column wants them to become. */
static firn_status
decode_bytes(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    switch (d->encoding) {
    case PARQUET_PLAIN:
        return decode_plain_bytes(d, count, out, err);
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return decode_delta_lengths(d, count, out, err);
    case PARQUET_DELTA_BYTE_ARRAY:
        return decode_delta_strings(d, count, out, err);
    default:
        return unsupported(d, err);
    }
}

static firn_status
decode_booleans(value_decoder *d, size_t count, uint8_t *out, firn_error *err)
{
    if (d->encoding == PARQUET_RLE) return rle_decode_u8(&d->rle, count, out) ? FIRN_OK : damaged(err);
    if (d->encoding != PARQUET_PLAIN) return unsupported(d, err);
    if (count > d->page.size * 8 - d->next) return damaged(err);
    for (size_t i = 0; i < count; i++)
        out[i] = bitmap_get(d->page.data, d->next + i);
    d->next += count;
    return FIRN_OK;
}

static void
join_streams(const uint8_t *in, size_t stride, size_t size, size_t count, uint8_t *out)
{
    for (size_t k = 0; k < size; k++) {
        const uint8_t *stream = in + k * stride;
        for (size_t i = 0; i < count; i++)
            out[i * size + k] = stream[i];
    }
}

/* Physical values of a fixed size into `out`, which has room for them. */
static firn_status
decode_physical(value_decoder *d, size_t count, uint8_t *out, firn_error *err)
{
    size_t size = d->conversion->in_size;
    switch (d->encoding) {
    case PARQUET_PLAIN:
        if (count > (size_t) (d->end - d->at) / size) return damaged(err);
        if (count > 0) memcpy(out, d->at, count * size);
        d->at += count * size;
        return FIRN_OK;
    case PARQUET_BYTE_STREAM_SPLIT: {
        size_t stride = d->page.size / size;
        if (count > stride - d->next) return damaged(err);
        join_streams(d->page.data + d->next, stride, size, count, out);
        d->next += count;
        return FIRN_OK;
    }
    case PARQUET_DELTA_BINARY_PACKED: {
        bool ok = size == 8   ? delta_decode_i64(&d->delta, count, (int64_t *) (void *) out)
                  : size == 4 ? delta_decode_i32(&d->delta, count, (int32_t *) (void *) out)
                              : false;
        return ok ? FIRN_OK : damaged(err);
    }
    case PARQUET_DELTA_BYTE_ARRAY: {
        leaf_values *piece = &d->piece;
        piece->data.size = piece->offsets.size = 0;
        FIRN_TRY(leaf_values_reserve(piece, &(value_conversion){0}, count, d->budget, err));
        FIRN_TRY(decode_delta_strings(d, count, piece, err));
        for (size_t i = 0; i <= count; i++)
            if (load_le32(piece->offsets.data + 4 * i) != i * size)
                return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a value has not its %zu bytes", size);
        if (count > 0) memcpy(out, piece->data.data, count * size);
        return FIRN_OK;
    }
    default:
        return unsupported(d, err);
    }
}

static firn_status
decode_fixed(value_decoder *d, size_t count, uint8_t *out, firn_error *err)
{
    const value_conversion *c = d->conversion;
    const char             *problem = "";

    if (d->encoding == PARQUET_RLE_DICTIONARY) return decode_indices_fixed(d, count, out, err);
    if (d->type == PARQUET_BOOLEAN) return decode_booleans(d, count, out, err);
    if (!c->convert) return decode_physical(d, count, out, err);
    if (d->encoding == PARQUET_PLAIN) {
        if (count > (size_t) (d->end - d->at) / c->in_size) return damaged(err);
        if (!c->convert(c, d->at, count, out, &problem)) return bad_value(problem, err);
        d->at += count * c->in_size;
        return FIRN_OK;
    }
    FIRN_AUTO(firn_buffer_done) firn_buffer raw = {0};
    firn_buffer_init(&raw, (size_t) VALUE_PIECE * c->in_size);
    FIRN_TRY(firn_buffer_reserve(&raw, (size_t) VALUE_PIECE * c->in_size, err));
    while (count > 0) {
        size_t piece = count < VALUE_PIECE ? count : VALUE_PIECE;
        FIRN_TRY(decode_physical(d, piece, raw.data, err));
        if (!c->convert(c, raw.data, piece, out, &problem)) return bad_value(problem, err);
        out += piece * c->out_size;
        count -= piece;
    }
    return FIRN_OK;
}

/* Decimals kept as byte arrays. */
static firn_status
decode_decimals(value_decoder *d, size_t count, uint8_t *out, firn_error *err)
{
    const value_conversion *c = d->conversion;
    leaf_values            *piece = &d->piece;

    while (count > 0) {
        size_t n = count < VALUE_PIECE ? count : VALUE_PIECE;
        piece->data.size = piece->offsets.size = 0;
        FIRN_TRY(leaf_values_reserve(piece, &(value_conversion){0}, n, d->budget, err));
        FIRN_TRY(decode_bytes(d, n, piece, err));
        for (size_t i = 0; i < n; i++) {
            uint32_t from = load_le32(piece->offsets.data + 4 * i), to = load_le32(piece->offsets.data + 4 * i + 4);
            if (!c->convert_bytes(piece->data.data + from, to - from, out + i * c->out_size))
                return bad_value("a value does not fit its type", err);
        }
        out += n * c->out_size;
        count -= n;
    }
    return FIRN_OK;
}

/* Values of a fixed size that become byte arrays: FIXED_LEN_BYTE_ARRAY read as binary. */
static firn_status
decode_fixed_as_bytes(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    size_t size = d->conversion->in_size;
    FIRN_TRY(reserve_bytes(d, out, (uint64_t) count * size, err));
    uint32_t end = bytes_end(out);
    FIRN_TRY(decode_physical(d, count, out->data.data + end, err));
    for (size_t i = 0; i < count; i++) {
        end += (uint32_t) size;
        store_le32(out->offsets.data + out->offsets.size + 4 * i, end);
    }
    out->offsets.size += count * sizeof(int32_t);
    out->data.size = end;
    return FIRN_OK;
}

firn_status
value_decode(value_decoder *d, size_t count, leaf_values *out, firn_error *err)
{
    const value_conversion *c = d->conversion;

    FIRN_TRY(leaf_values_reserve(out, c, count, d->budget, err));
    if (count == 0) return FIRN_OK; /* a page of nulls may have no bytes at all */
    if (c->out_size == 0) {
        if (d->encoding == PARQUET_RLE_DICTIONARY) {
            FIRN_TRY(decode_indices_bytes(d, count, out, err));
        } else if (c->in_size > 0) {
            FIRN_TRY(decode_fixed_as_bytes(d, count, out, err));
        } else {
            FIRN_TRY(decode_bytes(d, count, out, err));
        }
    } else {
        uint8_t *to = out->data.data + out->data.size;
        if (c->convert_bytes && d->encoding != PARQUET_RLE_DICTIONARY) {
            FIRN_TRY(decode_decimals(d, count, to, err));
        } else {
            FIRN_TRY(decode_fixed(d, count, to, err));
        }
        out->data.size += count * c->out_size;
    }
    out->count += count;
    return FIRN_OK;
}

firn_status
value_skip(value_decoder *d, size_t count, firn_error *err)
{
    size_t size = d->conversion->in_size;

    if (d->encoding == PARQUET_RLE_DICTIONARY) return rle_skip(&d->rle, count) ? FIRN_OK : damaged(err);
    if (d->encoding == PARQUET_PLAIN && size > 0 && d->type != PARQUET_BOOLEAN) {
        if (count > (size_t) (d->end - d->at) / size) return damaged(err);
        d->at += count * size;
        return FIRN_OK;
    }
    if (d->encoding == PARQUET_PLAIN && size == 0) {
        for (; count > 0; count--) {
            if (d->end - d->at < 4) return damaged(err);
            uint32_t bytes = load_le32(d->at);
            if ((size_t) (d->end - d->at) - 4 < bytes) return damaged(err);
            d->at += 4 + (size_t) bytes;
        }
        return FIRN_OK;
    }
    leaf_values dropped = {0};
    firn_status status = FIRN_OK;
    while (count > 0 && status == FIRN_OK) {
        size_t piece = count < VALUE_PIECE ? count : VALUE_PIECE;
        dropped.data.size = 0;
        dropped.offsets.size = 0;
        status = value_decode(d, piece, &dropped, err);
        count -= piece;
    }
    leaf_values_done(&dropped, d->budget);
    return status;
}
