#include "parquet/footer_reader.h"

#include <stdint.h>

#include "codec/thrift_reader.h"

static parquet_time_unit
read_time_unit(thrift_reader *r, const thrift_struct *field)
{
    parquet_time_unit unit = PARQUET_UNIT_NONE;
    thrift_struct     s = thrift_struct_enter(r, field);
    while (thrift_struct_next(r, &s)) {
        if (s.id >= PARQUET_UNIT_MILLIS && s.id <= PARQUET_UNIT_NANOS) unit = (parquet_time_unit) s.id;
        thrift_skip(r, &s);
    }
    return unit;
}

static void
read_logical_members(thrift_reader *r, const thrift_struct *field, parquet_element *e)
{
    thrift_struct s = thrift_struct_enter(r, field);
    while (thrift_struct_next(r, &s)) {
        if (e->logical == PARQUET_LOGICAL_DECIMAL && s.id == 1) {
            e->scale = thrift_i32(r, &s);
        } else if (e->logical == PARQUET_LOGICAL_DECIMAL && s.id == 2) {
            e->precision = thrift_i32(r, &s);
        } else if ((e->logical == PARQUET_LOGICAL_TIME || e->logical == PARQUET_LOGICAL_TIMESTAMP) && s.id == 1) {
            e->adjusted_to_utc = thrift_bool(r, &s);
        } else if ((e->logical == PARQUET_LOGICAL_TIME || e->logical == PARQUET_LOGICAL_TIMESTAMP) && s.id == 2) {
            e->unit = read_time_unit(r, &s);
        } else if (e->logical == PARQUET_LOGICAL_INTEGER && s.id == 1) {
            e->bit_width = thrift_i8(r, &s);
        } else if (e->logical == PARQUET_LOGICAL_INTEGER && s.id == 2) {
            e->is_signed = thrift_bool(r, &s);
        } else {
            thrift_skip(r, &s);
        }
    }
}

static void
read_logical(thrift_reader *r, const thrift_struct *field, parquet_element *e)
{
    thrift_struct s = thrift_struct_enter(r, field);
    while (thrift_struct_next(r, &s)) {
        e->logical = s.id;
        if (s.type == THRIFT_STRUCT) {
            read_logical_members(r, &s, e);
        } else {
            thrift_skip(r, &s);
        }
    }
}

static void
read_element(thrift_reader *r, const thrift_struct *element, firn_arena *arena, parquet_element *e, bool *no_memory)
{
    int64_t type = -1, size_bytes = 0, repetition = PARQUET_REQUIRED, child_count = -1;

    *e = (parquet_element){.converted = PARQUET_CONVERTED_NONE, .field_id = -1};
    thrift_struct s = thrift_struct_enter(r, element);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            type = thrift_i32(r, &s);
            break;
        case 2:
            size_bytes = thrift_i32(r, &s);
            break;
        case 3:
            repetition = thrift_i32(r, &s);
            break;
        case 4:
            e->name = firn_arena_text(arena, thrift_binary(r, &s));
            if (!e->name) *no_memory = true;
            break;
        case 5:
            child_count = thrift_i32(r, &s);
            break;
        case 6:
            e->converted = thrift_i32(r, &s);
            break;
        case 7:
            e->scale = thrift_i32(r, &s);
            break;
        case 8:
            e->precision = thrift_i32(r, &s);
            break;
        case 9:
            e->field_id = thrift_i32(r, &s);
            break;
        case 10:
            read_logical(r, &s, e);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (!e->name || repetition < 0 || repetition > PARQUET_REPEATED || type > PARQUET_FIXED_LEN_BYTE_ARRAY || type < -1)
        thrift_fail(r);
    e->is_group = type < 0;
    if (e->is_group && child_count < 0) thrift_fail(r);
    if (type == PARQUET_FIXED_LEN_BYTE_ARRAY && size_bytes <= 0) thrift_fail(r);
    if (thrift_failed(r)) return;
    e->type = e->is_group ? PARQUET_BOOLEAN : (parquet_type) type;
    e->size_bytes = (uint32_t) size_bytes;
    e->repetition = (parquet_repetition) repetition;
    e->child_count = e->is_group ? (uint32_t) child_count : 0;
}

static void
read_statistics(thrift_reader *r, const thrift_struct *field, parquet_statistics *statistics)
{
    firn_slice    old_min = {0}, old_max = {0};
    thrift_struct s = thrift_struct_enter(r, field);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            old_max = thrift_binary(r, &s);
            break;
        case 2:
            old_min = thrift_binary(r, &s);
            break;
        case 3:
            statistics->null_count = thrift_i64(r, &s);
            break;
        case 5:
            statistics->max = thrift_binary(r, &s);
            break;
        case 6:
            statistics->min = thrift_binary(r, &s);
            break;
        case 7:
            statistics->max_is_exact = thrift_bool(r, &s);
            break;
        case 8:
            statistics->min_is_exact = thrift_bool(r, &s);
            break;
        case 9:
            statistics->nan_count = thrift_i64(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (!statistics->min.data && !statistics->max.data && (old_min.data || old_max.data)) {
        statistics->min = old_min;
        statistics->max = old_max;
        statistics->is_signed_order = true;
    }
}

static void
read_encodings(thrift_reader *r, const thrift_struct *field, parquet_chunk *c)
{
    thrift_list list = thrift_list_begin(r, field);

    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++) {
        int32_t encoding = thrift_i32(r, &list.element);

        if (encoding >= 0 && encoding < 32) c->encodings |= UINT32_C(1) << encoding;
    }
}

static void
read_page_count(thrift_reader *r, const thrift_struct *element, parquet_page_count *ret_count)
{
    thrift_struct s = thrift_struct_enter(r, element);

    while (thrift_struct_next(r, &s)) {
        if (s.id == 1) ret_count->type = thrift_i32(r, &s);
        else if (s.id == 2)
            ret_count->encoding = thrift_i32(r, &s);
        else if (s.id == 3)
            ret_count->count = thrift_i32(r, &s);
        else
            thrift_skip(r, &s);
    }
}

static void
read_page_counts(thrift_reader *r, const thrift_struct *field, parquet_chunk *c)
{
    thrift_list list = thrift_list_begin(r, field);

    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++) {
        parquet_page_count unused = {0};

        read_page_count(r, &list.element, i < PARQUET_PAGE_COUNTS_MAX ? &c->page_counts[i] : &unused);
    }
    c->page_count_count = list.count <= PARQUET_PAGE_COUNTS_MAX ? list.count : 0;
}

static void
read_chunk_metadata(thrift_reader *r, const thrift_struct *field, parquet_chunk *c)
{
    int64_t       type = -1, codec = -1;
    bool          has_offset = false;
    thrift_struct s = thrift_struct_enter(r, field);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            type = thrift_i32(r, &s);
            break;
        case 2:
            read_encodings(r, &s, c);
            break;
        case 4:
            codec = thrift_i32(r, &s);
            break;
        case 5:
            c->value_count = thrift_i64(r, &s);
            break;
        case 6:
            c->uncompressed_size_bytes = thrift_i64(r, &s);
            break;
        case 7:
            c->compressed_size_bytes = thrift_i64(r, &s);
            break;
        case 9:
            c->data_page_offset = thrift_i64(r, &s);
            has_offset = true;
            break;
        case 11:
            c->dictionary_page_offset = thrift_i64(r, &s);
            break;
        case 12:
            read_statistics(r, &s, &c->statistics);
            break;
        case 13:
            read_page_counts(r, &s, c);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (type < 0 || type > PARQUET_FIXED_LEN_BYTE_ARRAY || codec < 0 || !has_offset || c->value_count < 0 ||
        c->compressed_size_bytes < 0)
        thrift_fail(r);
    if (thrift_failed(r)) return;
    c->type = (parquet_type) type;
    c->codec = (int) codec;
}

static void
read_chunk(thrift_reader *r, const thrift_struct *element, parquet_chunk *c)
{
    bool has_metadata = false;

    *c = (parquet_chunk){.statistics = {.null_count = -1, .nan_count = -1}};
    thrift_struct s = thrift_struct_enter(r, element);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            c->is_external = thrift_binary(r, &s).size > 0;
            break;
        case 3:
            read_chunk_metadata(r, &s, c);
            has_metadata = true;
            break;
        case 4:
            c->offset_index_offset = thrift_i64(r, &s);
            break;
        case 5:
            c->offset_index_size = thrift_i32(r, &s);
            break;
        case 6:
            c->column_index_offset = thrift_i64(r, &s);
            break;
        case 7:
            c->column_index_size = thrift_i32(r, &s);
            break;
        case 8:
        case 9:
            c->is_encrypted = true;
            thrift_skip(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (!has_metadata && !c->is_encrypted) thrift_fail(r);
}

static void
read_row_group(thrift_reader *r, const thrift_struct *element, firn_arena *arena, unsigned leaf_count,
               parquet_row_group *g, bool *no_memory)
{
    int64_t        row_count = -1;
    uint32_t       count = 0;
    parquet_chunk *chunks = NULL;
    thrift_struct  s = thrift_struct_enter(r, element);
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1: {
            thrift_list list = thrift_list_begin(r, &s);
            count = list.count;
            if (count != leaf_count) thrift_fail(r);
            chunks = thrift_list_elements(r, arena, &list, sizeof *chunks, no_memory);
            for (uint32_t i = 0; i < count && !thrift_failed(r); i++)
                read_chunk(r, &list.element, &chunks[i]);
            break;
        }
        case 2:
            g->size_bytes = thrift_i64(r, &s);
            break;
        case 3:
            row_count = thrift_i64(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (row_count < 0 || count != leaf_count) thrift_fail(r);
    g->row_count = row_count < 0 ? 0 : (uint64_t) row_count;
    g->chunks = chunks;
}

/* Whether the flattened tree is whole; counts the leaves. */
static bool
check_elements(const parquet_element elements[], unsigned element_count, unsigned *ret_leaf_count)
{
    uint64_t open = 1; /* elements that are still owed */
    unsigned leaf_count = 0;

    if (element_count == 0 || !elements[0].is_group) return false;
    for (unsigned i = 0; i < element_count; i++) {
        if (open == 0) return false;
        open += elements[i].child_count;
        open--;
        if (open > element_count) return false;
        if (!elements[i].is_group) leaf_count++;
    }
    *ret_leaf_count = leaf_count;
    return open == 0;
}

typedef struct footer_parts {
    thrift_list   groups;
    thrift_reader groups_at;
    bool          has_groups;
} footer_parts;

static void
read_schema(thrift_reader *r, const thrift_struct *field, firn_arena *arena, parquet_metadata *m, bool *no_memory)
{
    thrift_list      list = thrift_list_begin(r, field);
    parquet_element *elements = thrift_list_elements(r, arena, &list, sizeof *elements, no_memory);

    for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
        read_element(r, &list.element, arena, &elements[i], no_memory);
    if (thrift_failed(r)) return;
    m->element_count = list.count;
    m->elements = elements;
    if (!elements || !check_elements(elements, list.count, &m->leaf_count)) thrift_fail(r);
}

static void
read_row_groups(thrift_reader *r, const footer_parts *parts, firn_arena *arena, parquet_metadata *m, bool *no_memory)
{
    parquet_row_group *groups = thrift_list_elements(r, arena, &parts->groups, sizeof *groups, no_memory);
    for (uint32_t i = 0; i < parts->groups.count && !thrift_failed(r); i++) {
        groups[i] = (parquet_row_group){.first_row = m->row_count};
        read_row_group(r, &parts->groups.element, arena, m->leaf_count, &groups[i], no_memory);
        if (m->row_count + groups[i].row_count > INT64_MAX) thrift_fail(r);
        m->row_count += groups[i].row_count;
    }
    m->row_group_count = parts->groups.count;
    m->row_groups = groups;
}

firn_status
footer_read(const char *name, firn_slice footer, firn_arena *arena, parquet_metadata *ret_metadata, firn_error *err)
{
    parquet_metadata m = {0};
    footer_parts     parts = {0};
    bool             no_memory = false;
    thrift_reader    r = thrift_reader_of(footer);
    thrift_struct    s = thrift_struct_begin(&r);

    while (thrift_struct_next(&r, &s)) {
        switch (s.id) {
        case 2:
            read_schema(&r, &s, arena, &m, &no_memory);
            break;
        case 4: {
            /* Read when the schema is known, whatever the order of the fields. */
            thrift_reader at = r;
            parts.groups = thrift_list_begin(&at, &s);
            parts.groups_at = at;
            parts.has_groups = true;
            thrift_skip(&r, &s);
            break;
        }
        case 6:
            m.created_by = firn_arena_text(arena, thrift_binary(&r, &s));
            if (!m.created_by) no_memory = true;
            break;
        default:
            thrift_skip(&r, &s); /* encryption_algorithm too: each encrypted chunk says so itself */
        }
    }
    size_t offset = firn_reader_offset(&r.in);
    if (!thrift_failed(&r) && m.elements && parts.has_groups) {
        r = parts.groups_at;
        read_row_groups(&r, &parts, arena, &m, &no_memory);
        if (thrift_failed(&r)) offset = firn_reader_offset(&r.in);
    }
    if (no_memory) return firn_fail(err, FIRN_E_NO_MEMORY, "the footer of '%s' is beyond the memory limit", name);
    if (thrift_failed(&r) || !m.elements || !parts.has_groups)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "the footer of '%s' is damaged at its byte %zu", name, offset);
    *ret_metadata = m;
    return FIRN_OK;
}

static void
read_data_page(thrift_reader *r, const thrift_struct *field, parquet_page_header *h)
{
    int64_t       value_count = -1;
    thrift_struct s = thrift_struct_enter(r, field);
    h->encoding = -1;
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            value_count = thrift_i32(r, &s);
            break;
        case 2:
            h->encoding = thrift_i32(r, &s);
            break;
        case 3:
            h->definition_encoding = thrift_i32(r, &s);
            break;
        case 4:
            h->repetition_encoding = thrift_i32(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (value_count < 0 || h->encoding < 0) thrift_fail(r);
    h->value_count = value_count < 0 ? 0 : (uint32_t) value_count;
}

static void
read_dictionary_page(thrift_reader *r, const thrift_struct *field, parquet_page_header *h)
{
    int64_t       value_count = -1;
    thrift_struct s = thrift_struct_enter(r, field);
    h->encoding = -1;
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            value_count = thrift_i32(r, &s);
            break;
        case 2:
            h->encoding = thrift_i32(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (value_count < 0 || h->encoding < 0) thrift_fail(r);
    h->value_count = value_count < 0 ? 0 : (uint32_t) value_count;
}

static void
read_data_page_v2(thrift_reader *r, const thrift_struct *field, parquet_page_header *h)
{
    int64_t       value_count = -1, null_count = -1, row_count = -1, definition = -1, repetition = -1;
    thrift_struct s = thrift_struct_enter(r, field);
    h->encoding = -1;
    h->is_compressed = true;
    while (thrift_struct_next(r, &s)) {
        switch (s.id) {
        case 1:
            value_count = thrift_i32(r, &s);
            break;
        case 2:
            null_count = thrift_i32(r, &s);
            break;
        case 3:
            row_count = thrift_i32(r, &s);
            break;
        case 4:
            h->encoding = thrift_i32(r, &s);
            break;
        case 5:
            definition = thrift_i32(r, &s);
            break;
        case 6:
            repetition = thrift_i32(r, &s);
            break;
        case 7:
            h->is_compressed = thrift_bool(r, &s);
            break;
        default:
            thrift_skip(r, &s);
        }
    }
    if (value_count < 0 || null_count < 0 || null_count > value_count || row_count < 0 || definition < 0 ||
        repetition < 0 || h->encoding < 0)
        thrift_fail(r);
    if (thrift_failed(r)) return;
    h->value_count = (uint32_t) value_count;
    h->null_count = (uint32_t) null_count;
    h->row_count = (uint32_t) row_count;
    h->definition_size_bytes = (uint32_t) definition;
    h->repetition_size_bytes = (uint32_t) repetition;
}

page_header_result
page_header_read(firn_slice bytes, parquet_page_header *ret_header, size_t *ret_size)
{
    parquet_page_header h = {0};
    int64_t             type = -1, compressed = -1, uncompressed = -1;
    int                 found = -1; /* the page type whose own header is there */
    thrift_reader       r = thrift_reader_of(bytes);
    thrift_struct       s = thrift_struct_begin(&r);

    while (thrift_struct_next(&r, &s)) {
        switch (s.id) {
        case 1:
            type = thrift_i32(&r, &s);
            break;
        case 2:
            uncompressed = thrift_i32(&r, &s);
            break;
        case 3:
            compressed = thrift_i32(&r, &s);
            break;
        case 4:
            h.crc = (uint32_t) thrift_i32(&r, &s);
            h.has_crc = true;
            break;
        case 5:
            read_data_page(&r, &s, &h);
            found = PARQUET_DATA_PAGE;
            break;
        case 7:
            read_dictionary_page(&r, &s, &h);
            found = PARQUET_DICTIONARY_PAGE;
            break;
        case 8:
            read_data_page_v2(&r, &s, &h);
            found = PARQUET_DATA_PAGE_V2;
            break;
        default:
            thrift_skip(&r, &s);
        }
    }
    /* Which of the two it is cannot be told from inside; the caller adds bytes until its limit. */
    if (thrift_failed(&r)) return PAGE_HEADER_SHORT;
    if (compressed < 0 || uncompressed < 0 || type < 0) return PAGE_HEADER_CORRUPT;
    if (type != found && type <= PARQUET_DATA_PAGE_V2 && type != PARQUET_INDEX_PAGE) return PAGE_HEADER_CORRUPT;
    if (type > PARQUET_DATA_PAGE_V2) type = PARQUET_INDEX_PAGE; /* to be passed over alike */
    h.type = (parquet_page_type) type;
    h.compressed_size_bytes = (uint32_t) compressed;
    h.uncompressed_size_bytes = (uint32_t) uncompressed;
    if (h.type == PARQUET_DATA_PAGE_V2) {
        uint64_t levels = (uint64_t) h.definition_size_bytes + h.repetition_size_bytes;
        if (levels > h.compressed_size_bytes || levels > h.uncompressed_size_bytes) return PAGE_HEADER_CORRUPT;
    }
    *ret_header = h;
    *ret_size = firn_reader_offset(&r.in);
    return PAGE_HEADER_OK;
}
