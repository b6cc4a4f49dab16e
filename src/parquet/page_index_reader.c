#include "parquet/page_index_reader.h"

#include <stdint.h>

#include "codec/thrift_reader.h"

static void
read_location(thrift_reader *r, const thrift_struct *element, parquet_page_location *location)
{
    int64_t       offset = -1, size_bytes = -1, first_row = -1;
    thrift_struct s = thrift_struct_enter(r, element);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            offset = thrift_i64(r, &s);
            break;
        case 2:
            size_bytes = thrift_i32(r, &s);
            break;
        case 3:
            first_row = thrift_i64(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (offset < 0 || size_bytes < 0 || first_row < 0) thrift_fail(r);
    if (thrift_failed(r)) return;
    *location = (parquet_page_location){(uint64_t) offset, (uint64_t) first_row, (uint32_t) size_bytes};
}

static void
read_offset_index(thrift_reader *r, firn_arena *arena, parquet_page_index *index, bool *no_memory)
{
    parquet_page_location *locations = NULL;
    thrift_struct          s = thrift_struct_begin(r);
    while (thrift_struct_next(r, &s)) {
        if (s.id != 1) {
            thrift_skip(r, &s);
            continue;
        }
        thrift_list list = thrift_list_begin(r, &s);
        locations = thrift_list_elements(r, arena, &list, sizeof *locations, no_memory);
        for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++) {
            read_location(r, &list.element, &locations[i]);
            if (thrift_failed(r)) break;
            if (i == 0 ? locations[i].first_row != 0 : locations[i].first_row <= locations[i - 1].first_row)
                thrift_fail(r);
        }
        index->page_count = list.count;
        index->locations = locations;
    }
}

static const bool *
read_bools(thrift_reader *r, const thrift_struct *field, firn_arena *arena, unsigned count, bool *no_memory)
{
    thrift_list list = thrift_list_begin(r, field);
    bool       *out = thrift_list_elements(r, arena, &list, sizeof *out, no_memory);
    if (list.count != count || list.element.type != THRIFT_TRUE) thrift_fail(r);
    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
        out[i] = firn_reader_u8(&r->in) == 1;
    return out;
}

static const firn_slice *
read_slices(thrift_reader *r, const thrift_struct *field, firn_arena *arena, unsigned count, bool *no_memory)
{
    thrift_list list = thrift_list_begin(r, field);
    firn_slice *out = thrift_list_elements(r, arena, &list, sizeof *out, no_memory);
    if (list.count != count) thrift_fail(r);
    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
        out[i] = thrift_binary(r, &list.element);
    return out;
}

static const int64_t *
read_longs(thrift_reader *r, const thrift_struct *field, firn_arena *arena, unsigned count, bool *no_memory)
{
    thrift_list list = thrift_list_begin(r, field);
    int64_t    *out = thrift_list_elements(r, arena, &list, sizeof *out, no_memory);
    if (list.count != count) thrift_fail(r);
    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
        out[i] = thrift_i64(r, &list.element);
    return out;
}

static void
read_column_index(thrift_reader *r, firn_arena *arena, parquet_page_index *index, bool *no_memory)
{
    int32_t       order = -1;
    thrift_struct s = thrift_struct_begin(r);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            index->is_null_page = read_bools(r, &s, arena, index->page_count, no_memory);
            break;
        case 2:
            index->min = read_slices(r, &s, arena, index->page_count, no_memory);
            break;
        case 3:
            index->max = read_slices(r, &s, arena, index->page_count, no_memory);
            break;
        case 4:
            order = thrift_i32(r, &s);
            break;
        case 5:
            index->null_counts = read_longs(r, &s, arena, index->page_count, no_memory);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (order < 0 || order > PARQUET_DESCENDING || !index->is_null_page || !index->min || !index->max) thrift_fail(r);
    index->order = thrift_failed(r) ? PARQUET_UNORDERED : (parquet_boundary_order) order;
}

firn_status
page_index_read(const char *name, firn_slice offset_index, firn_slice column_index, firn_arena *arena,
                parquet_page_index *ret_index, firn_error *err)
{
    parquet_page_index index = {0};
    bool               no_memory = false;
    thrift_reader      r = thrift_reader_of(offset_index);

    read_offset_index(&r, arena, &index, &no_memory);
    if (!thrift_failed(&r) && column_index.size > 0 && index.page_count > 0) {
        r = thrift_reader_of(column_index);
        read_column_index(&r, arena, &index, &no_memory);
    }
    if (no_memory) return firn_fail(err, FIRN_E_NO_MEMORY, "the page index of '%s' is beyond the memory limit", name);
    if (thrift_failed(&r)) return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "the page index of '%s' is damaged", name);
    *ret_index = index;
    return FIRN_OK;
}
