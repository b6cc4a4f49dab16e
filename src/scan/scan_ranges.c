#include "scan/scan_ranges.h"

#include "base/bytes.h"
#include "parquet/format.h"

typedef struct range_list {
    parquet_row_range *ranges;
    size_t             count, capacity;
} range_list;

typedef struct ranger {
    const parquet_file *file;
    firn_arena         *arena;
    unsigned            row_group;
    parquet_row_range   group; /* its rows */
    firn_error         *err;
} ranger;

/* ---- statistics ---- */

/* The bound as a value of the column's type; false: of no use. */
static bool
decode_bound(const data_type *type, const parquet_column_range *range, firn_slice bytes, single_value *ret_value)
{
    bool is_32 = range->physical_type == PARQUET_INT32, is_64 = range->physical_type == PARQUET_INT64;

    if (!bytes.data) return false;
    *ret_value = (single_value){0};
    switch (type->kind) {
    case TYPE_BOOLEAN:
        ret_value->integer = bytes.data[0] != 0;
        return range->physical_type == PARQUET_BOOLEAN;
    case TYPE_INT:
    case TYPE_DATE:
        if (!is_32) return false;
        ret_value->integer = (int32_t) load_le32(bytes.data);
        return true;
    case TYPE_LONG:
        if (!is_32 && !is_64) return false;
        ret_value->integer = is_32 ? (int32_t) load_le32(bytes.data) : (int64_t) load_le64(bytes.data);
        return true;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        if (!is_64) return false; /* a date of before a promotion */
        ret_value->integer = (int64_t) load_le64(bytes.data);
        return true;
    case TYPE_FLOAT:
        if (range->physical_type != PARQUET_FLOAT) return false;
        ret_value->real = (double) float_of_bits(load_le32(bytes.data));
        return true;
    case TYPE_DOUBLE:
        if (range->physical_type != PARQUET_FLOAT && range->physical_type != PARQUET_DOUBLE) return false;
        ret_value->real = range->physical_type == PARQUET_FLOAT ? (double) float_of_bits(load_le32(bytes.data))
                                                                : double_of_bits(load_le64(bytes.data));
        return true;
    case TYPE_DECIMAL:
        if ((!is_32 && !is_64) || range->scale != (int32_t) type->scale) return false;
        ret_value->decimal = is_32 ? (int32_t) load_le32(bytes.data) : (int64_t) load_le64(bytes.data);
        return true;
    case TYPE_STRING:
    case TYPE_BINARY:
        ret_value->bytes = bytes;
        return range->physical_type == PARQUET_BYTE_ARRAY;
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

static void
facts_of_range(const data_type *type, const parquet_column_range *range, column_facts *ret_facts)
{
    ret_facts->value_count = range->value_count;
    ret_facts->null_count = range->null_count;
    ret_facts->has_lower = decode_bound(type, range, range->min, &ret_facts->lower);
    ret_facts->has_upper = decode_bound(type, range, range->max, &ret_facts->upper);
}

static void
find_group_facts(void *state, const schema_field *column, column_facts *ret_facts)
{
    const ranger        *r = state;
    parquet_column_range range;

    if (parquet_file_column_range(r->file, r->row_group, column->id, &range))
        facts_of_range(column->type, &range, ret_facts);
}

/* ---- lists of ranges ---- */

static firn_status
add_range(const ranger *r, range_list *list, parquet_row_range range)
{
    parquet_row_range *last = list->count > 0 ? &list->ranges[list->count - 1] : NULL;

    if (range.row_count == 0) return FIRN_OK;
    if (last && last->first_row + last->row_count == range.first_row) {
        last->row_count += range.row_count;
        return FIRN_OK;
    }
    if (list->count == list->capacity) {
        size_t             capacity = list->capacity ? list->capacity * 2 : 16;
        parquet_row_range *grown = firn_arena_array(r->arena, capacity, sizeof *grown);
        if (!grown) return firn_fail_memory(r->err, "the wanted rows of a file");
        if (list->count > 0) memcpy(grown, list->ranges, list->count * sizeof *grown);
        list->ranges = grown;
        list->capacity = capacity;
    }
    list->ranges[list->count++] = range;
    return FIRN_OK;
}

static uint64_t
end_of(parquet_row_range range)
{
    return range.first_row + range.row_count;
}

static firn_status
intersect(const ranger *r, const range_list *a, const range_list *b, range_list *ret)
{
    *ret = (range_list){0};
    for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
        uint64_t end_a = end_of(a->ranges[i]), end_b = end_of(b->ranges[k]);
        uint64_t first = a->ranges[i].first_row > b->ranges[k].first_row ? a->ranges[i].first_row : b->ranges[k].first_row;
        uint64_t end = end_a < end_b ? end_a : end_b;

        if (first < end) FIRN_TRY(add_range(r, ret, (parquet_row_range){first, end - first}));
        if (end_a < end_b)
            i++;
        else
            k++;
    }
    return FIRN_OK;
}

static firn_status
unite(const ranger *r, const range_list *a, const range_list *b, range_list *ret)
{
    size_t   i = 0, k = 0;
    uint64_t reached = 0;

    *ret = (range_list){0};
    while (i < a->count || k < b->count) {
        bool from_a = k == b->count || (i < a->count && a->ranges[i].first_row <= b->ranges[k].first_row);
        parquet_row_range next = from_a ? a->ranges[i++] : b->ranges[k++];
        uint64_t          first = next.first_row > reached ? next.first_row : reached;

        if (end_of(next) <= first) continue;
        FIRN_TRY(add_range(r, ret, (parquet_row_range){first, end_of(next) - first}));
        reached = end_of(next);
    }
    return FIRN_OK;
}

/* ---- pages ---- */

static firn_status
ranges_of_pages(const ranger *r, const scan_predicate *leaf, const parquet_page_ranges *pages, range_list *ret)
{
    *ret = (range_list){0};
    if (pages->page_count == 0) return add_range(r, ret, r->group);
    for (unsigned i = 0; i < pages->page_count; i++) {
        const parquet_page_range *page = &pages->pages[i];
        column_facts              facts = {.value_count = -1, .null_count = -1, .nan_count = -1};

        facts_of_range(leaf->column.field->type, &page->range, &facts);
        if (predicate_leaf_may_match(leaf, &facts))
            FIRN_TRY(add_range(r, ret, (parquet_row_range){page->first_row, page->row_count}));
    }
    return FIRN_OK;
}

static firn_status
ranges_of_leaf(const ranger *r, const scan_predicate *leaf, range_list *ret)
{
    parquet_page_ranges pages;
    firn_status         status;

    *ret = (range_list){0};
    if (leaf->kind == PREDICATE_NEVER) return FIRN_OK;
    status = parquet_file_page_ranges(r->file, r->row_group, leaf->column.field->id, &pages, r->err);
    if (status == FIRN_OK) status = ranges_of_pages(r, leaf, &pages, ret);
    parquet_page_ranges_done(&pages);
    return status;
}

static firn_status
ranges_of(const ranger *r, const scan_predicate *where, range_list *ret)
{
    range_list all = {0}, next, joined;
    bool       is_and = where->kind == PREDICATE_AND;

    if (!is_and && where->kind != PREDICATE_OR) return ranges_of_leaf(r, where, ret);
    if (is_and) FIRN_TRY(add_range(r, &all, r->group));
    for (unsigned i = 0; i < where->child_count; i++) {
        FIRN_TRY(ranges_of(r, where->children[i], &next));
        FIRN_TRY(is_and ? intersect(r, &all, &next, &joined) : unite(r, &all, &next, &joined));
        all = joined;
    }
    *ret = all;
    return FIRN_OK;
}

firn_status
scan_ranges_make(const parquet_file *file, const scan_predicate *where, firn_arena *arena,
                 const parquet_row_range **ret_ranges, size_t *ret_count, firn_error *err)
{
    ranger     r = {.file = file, .arena = arena, .err = err};
    range_list all = {0}, rows;

    for (r.row_group = 0; r.row_group < parquet_file_row_group_count(file); r.row_group++) {
        parquet_file_row_group(file, r.row_group, &r.group.first_row, &r.group.row_count);
        if (r.group.row_count == 0 || !scan_predicate_may_match(where, find_group_facts, &r)) continue;
        FIRN_TRY(ranges_of(&r, where, &rows));
        for (size_t i = 0; i < rows.count; i++) FIRN_TRY(add_range(&r, &all, rows.ranges[i]));
    }
    *ret_count = all.count;
    *ret_ranges = all.ranges;
    if (all.count == 0) { /* nothing, which NULL would not say */
        *ret_ranges = firn_arena_alloc(arena, sizeof **ret_ranges);
        return *ret_ranges ? FIRN_OK : firn_fail_memory(err, "the wanted rows of a file");
    }
    if (all.count == 1 && all.ranges[0].row_count == parquet_file_row_count(file)) *ret_ranges = NULL;
    return FIRN_OK;
}
