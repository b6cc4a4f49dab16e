#include "parquet/page_index.h"

#include "codec/thrift_writer.h"

bool
page_index_has_bounds(const page_entry pages[], size_t page_count)
{
    for (size_t i = 0; i < page_count; i++) {
        if (!pages[i].is_null_page && !(pages[i].min.is_present && pages[i].max.is_present)) return false;
    }
    return true;
}

/* Pages of nulls only do not count; a single page is in ascending order. */
static parquet_boundary_order
boundary_order(const parquet_leaf *leaf, const page_entry pages[], size_t page_count)
{
    const page_entry *before = NULL;
    bool              ascending = true, descending = true;
    for (size_t i = 0; i < page_count; i++) {
        if (pages[i].is_null_page) continue;
        if (before) {
            int min = parquet_bound_compare(leaf, &before->min, &pages[i].min);
            int max = parquet_bound_compare(leaf, &before->max, &pages[i].max);
            ascending = ascending && min <= 0 && max <= 0;
            descending = descending && min >= 0 && max >= 0;
        }
        before = &pages[i];
    }
    return ascending ? PARQUET_ASCENDING : descending ? PARQUET_DESCENDING : PARQUET_UNORDERED;
}

static void
write_bounds(thrift_writer *w, int16_t id, const page_entry pages[], size_t page_count, bool is_max)
{
    thrift_write_list(w, id, THRIFT_BINARY, page_count);
    for (size_t i = 0; i < page_count; i++) {
        const parquet_bound *bound = is_max ? &pages[i].max : &pages[i].min;
        thrift_element_binary(w, firn_slice_of(bound->bytes, pages[i].is_null_page ? 0 : bound->size));
    }
}

firn_status
page_index_add_columns(const parquet_leaf *leaf, const page_entry pages[], size_t page_count, firn_buffer *out,
                       firn_error *err)
{
    const parquet_boundary_order order = boundary_order(leaf, pages, page_count);
    thrift_writer                w;
    thrift_write_begin(&w, out, err);
    thrift_write_list(&w, 1, THRIFT_FALSE, page_count);
    for (size_t i = 0; i < page_count; i++)
        thrift_element_bool(&w, pages[i].is_null_page);
    write_bounds(&w, 2, pages, page_count, false);
    write_bounds(&w, 3, pages, page_count, true);
    thrift_write_i32(&w, 4, (int32_t) order);
    thrift_write_list(&w, 5, THRIFT_I64, page_count);
    for (size_t i = 0; i < page_count; i++)
        thrift_element_i64(&w, (int64_t) pages[i].null_count);
    if (leaf->physical == PARQUET_FLOAT || leaf->physical == PARQUET_DOUBLE) {
        thrift_write_list(&w, 8, THRIFT_I64, page_count);
        for (size_t i = 0; i < page_count; i++)
            thrift_element_i64(&w, (int64_t) pages[i].nan_count);
    }
    return thrift_write_end(&w);
}

firn_status
page_index_add_offsets(const page_entry pages[], size_t page_count, uint64_t file_offset, firn_buffer *out,
                       firn_error *err)
{
    thrift_writer w;
    thrift_write_begin(&w, out, err);
    thrift_write_list(&w, 1, THRIFT_STRUCT, page_count);
    for (size_t i = 0; i < page_count; i++) {
        thrift_element_struct(&w);
        thrift_write_i64(&w, 1, (int64_t) (file_offset + pages[i].offset));
        thrift_write_i32(&w, 2, (int32_t) pages[i].size_bytes);
        thrift_write_i64(&w, 3, (int64_t) pages[i].first_row);
        thrift_write_struct_end(&w);
    }
    return thrift_write_end(&w);
}
