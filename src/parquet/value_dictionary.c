#include "parquet/value_decode.h"

#include "base/bitmap.h"
#include "base/bytes.h"

static firn_status
damaged(firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a dictionary page ends before its last value");
}

static firn_status
load_entries(value_dictionary *dictionary, const value_conversion *c, firn_slice page, size_t count,
             firn_buffer *page_buffer, read_budget *budget, firn_error *err)
{
    if (page.size > UINT32_MAX) return firn_fail(err, FIRN_E_PARQUET_LIMIT, "a dictionary has more than 4 GiB");
    FIRN_TRY(budget_reserve(budget, &dictionary->entries, count * sizeof(dictionary_entry) + 1, err));
    dictionary_entry *entries = (dictionary_entry *) (void *) dictionary->entries.data;
    size_t            at = 0;

    dictionary->longest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t size = c->in_size;
        if (c->in_size == 0) {
            if (page.size - at < 4) return damaged(err);
            size = load_le32(page.data + at);
            at += 4;
        }
        if (page.size - at < size) return damaged(err);
        entries[i] = (dictionary_entry){(uint32_t) at, size};
        if (size > dictionary->longest) dictionary->longest = size;
        at += size;
    }
    dictionary->entries.size = count * sizeof(dictionary_entry);
    if (page.data == page_buffer->data && page_buffer->capacity - page.size >= VALUE_SLACK) {
        firn_buffer emptied = dictionary->bytes;
        dictionary->bytes = *page_buffer;
        *page_buffer = emptied;
    } else {
        FIRN_TRY(budget_reserve(budget, &dictionary->bytes, page.size + VALUE_SLACK, err));
        if (page.size > 0) memcpy(dictionary->bytes.data, page.data, page.size);
    }
    memset(dictionary->bytes.data + page.size, 0, VALUE_SLACK);
    dictionary->bytes.size = page.size;
    return FIRN_OK;
}

static firn_status
load_decimals(value_dictionary *dictionary, const value_conversion *c, firn_slice page, size_t count, firn_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (page.size - at < 4) return damaged(err);
        uint32_t size = load_le32(page.data + at);
        at += 4;
        if (page.size - at < size) return damaged(err);
        if (!c->convert_bytes(page.data + at, size, dictionary->fixed.data + i * c->out_size))
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a value does not fit its type");
        at += size;
    }
    return FIRN_OK;
}

static firn_status
load_fixed(value_dictionary *dictionary, const value_conversion *c, bool is_boolean, firn_slice page, size_t count,
           firn_error *err)
{
    uint8_t    *out = dictionary->fixed.data;
    const char *problem = "";

    if (is_boolean) {
        if (page.size < bitmap_size_bytes(count)) return damaged(err);
        for (size_t i = 0; i < count; i++)
            out[i] = bitmap_get(page.data, i);
        return FIRN_OK;
    }
    if (page.size / c->in_size < count) return damaged(err);
    if (c->convert) {
        if (!c->convert(c, page.data, count, out, &problem))
            return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "%s", problem);
    } else if (count > 0) {
        memcpy(out, page.data, count * c->in_size);
    }
    return FIRN_OK;
}

firn_status
value_dictionary_load(value_dictionary *dictionary, const value_conversion *c, bool is_boolean, firn_slice page,
                      size_t count, firn_buffer *page_buffer, read_budget *budget, firn_error *err)
{
    /* The least that `count` values can take, before anything is sized by it. */
    size_t least = is_boolean ? bitmap_size_bytes(count) : count * (size_t) (c->in_size ? c->in_size : 4);
    if (least > page.size) return damaged(err);

    dictionary->fixed.size = dictionary->entries.size = dictionary->bytes.size = 0;
    if (c->out_size == 0) {
        FIRN_TRY(load_entries(dictionary, c, page, count, page_buffer, budget, err));
    } else {
        FIRN_TRY(budget_reserve(budget, &dictionary->fixed, count * c->out_size + VALUE_SLACK, err));
        if (c->convert_bytes) {
            FIRN_TRY(load_decimals(dictionary, c, page, count, err));
        } else {
            FIRN_TRY(load_fixed(dictionary, c, is_boolean, page, count, err));
        }
        dictionary->fixed.size = count * c->out_size;
    }
    dictionary->count = count;
    dictionary->is_loaded = true;
    return FIRN_OK;
}

void
value_dictionary_done(value_dictionary *dictionary, read_budget *budget)
{
    budget_release(budget, &dictionary->fixed);
    budget_release(budget, &dictionary->entries);
    budget_release(budget, &dictionary->bytes);
    *dictionary = (value_dictionary){0};
}
