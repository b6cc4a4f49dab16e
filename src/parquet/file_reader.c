#include "parquet/file_reader.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "batch/array.h"
#include "parquet/footer_reader.h"
#include "parquet/page_index_reader.h"
#include "parquet/read_plan.h"
#include "parquet/record_assembler.h"

#define BATCH_ROWS_DEFAULT 65536
#define TAIL_READ_SIZE ((size_t) 64 << 10)
#define READ_AHEAD_MAX ((size_t) 1 << 20)
#define READ_AHEAD_MIN ((size_t) 16 << 10)

struct parquet_file {
    parquet_source      source;
    uint64_t            data_end;
    size_t              memory_bytes_max;
    firn_buffer         footer;
    firn_arena          arena;
    parquet_metadata    metadata;
    const parquet_node *root;
};

typedef struct file_reader {
    batch_reader         base;       /* first */
    parquet_file        *owned_file; /* NULL: borrowed */
    const parquet_file  *file;
    parquet_read_options options;
    firn_arena           arena;
    read_plan            plan;
    read_context         context;
    column_reader       *columns;
    size_t               batch_rows;
    unsigned             row_group; /* the columns are started for it; row_group_count: none */
    uint64_t             row;       /* next, in the file */
    size_t               range_at;
} file_reader;

static firn_status
read_tail(parquet_file *file, firn_error *err)
{
    const parquet_source *s = &file->source;
    size_t                size = s->size_bytes < TAIL_READ_SIZE ? (size_t) s->size_bytes : TAIL_READ_SIZE;

    if (s->size_bytes < PARQUET_MAGIC_SIZE + PARQUET_TAIL_SIZE)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is too short for a Parquet file: %" PRIu64 " bytes",
                         s->name, s->size_bytes);
    FIRN_TRY(s->read(s->state, s->size_bytes - size, size, &file->footer, err));
    if (file->footer.size != size)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is shorter than it was", s->name);

    const uint8_t *tail = file->footer.data + size - PARQUET_TAIL_SIZE;
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "'%s' is encrypted", s->name);
    if (memcmp(tail + 4, PARQUET_MAGIC, PARQUET_MAGIC_SIZE) != 0)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is not a Parquet file: it does not end with %s", s->name,
                         PARQUET_MAGIC);
    size_t footer_size = load_le32(tail);
    if (footer_size > s->size_bytes - PARQUET_TAIL_SIZE - PARQUET_MAGIC_SIZE)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "the footer of '%s' is longer than the file", s->name);
    file->data_end = s->size_bytes - PARQUET_TAIL_SIZE - footer_size;
    if (footer_size + PARQUET_TAIL_SIZE <= size) {
        memmove(file->footer.data, tail - footer_size, footer_size);
        file->footer.size = footer_size;
        return FIRN_OK;
    }
    if (footer_size > file->memory_bytes_max)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "the footer of '%s' has %zu bytes", s->name, footer_size);
    firn_buffer_reset(&file->footer);
    FIRN_TRY(s->read(s->state, file->data_end, footer_size, &file->footer, err));
    if (file->footer.size != footer_size)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' is shorter than it was", s->name);
    return FIRN_OK;
}

firn_status
parquet_file_open(const parquet_source *source, size_t memory_bytes_max, parquet_file **ret_file, firn_error *err)
{
    FIRN_AUTO(parquet_file_freep) parquet_file *file = firn_calloc(1, sizeof *file);
    if (!file) return firn_fail_memory(err, "a Parquet file");

    file->source = *source;
    file->memory_bytes_max = memory_bytes_max ? memory_bytes_max : PARQUET_MEMORY_BYTES_DEFAULT;
    firn_buffer_init(&file->footer, file->memory_bytes_max + TAIL_READ_SIZE);
    firn_arena_init(&file->arena, file->memory_bytes_max);
    FIRN_TRY(read_tail(file, err));
    FIRN_TRY(footer_read(source->name, firn_buffer_slice(&file->footer), &file->arena, &file->metadata, err));
    FIRN_TRY(file_schema_read(source->name, &file->metadata, &file->arena, &file->root, err));
    *ret_file = FIRN_STEAL(file);
    return FIRN_OK;
}

void
parquet_file_free(parquet_file *file)
{
    if (!file) return;
    firn_buffer_done(&file->footer);
    firn_arena_done(&file->arena);
    firn_free(file);
}

const parquet_metadata *
parquet_file_metadata(const parquet_file *file)
{
    return &file->metadata;
}

const parquet_source *
parquet_file_source(const parquet_file *file)
{
    return &file->source;
}

uint64_t
parquet_file_row_count(const parquet_file *file)
{
    return file->metadata.row_count;
}

unsigned
parquet_file_row_group_count(const parquet_file *file)
{
    return file->metadata.row_group_count;
}

void
parquet_file_row_group(const parquet_file *file, unsigned row_group, uint64_t *ret_first_row, uint64_t *ret_row_count)
{
    assert(row_group < file->metadata.row_group_count);
    *ret_first_row = file->metadata.row_groups[row_group].first_row;
    *ret_row_count = file->metadata.row_groups[row_group].row_count;
}

firn_status
parquet_file_schema(const parquet_file *file, table_schema **ret_schema, firn_error *err)
{
    return file_schema_table(file->source.name, file->root, ret_schema, err);
}

const char *
parquet_file_created_by(const parquet_file *file)
{
    return file->metadata.created_by;
}

static const parquet_node *
leaf_by_id(const parquet_node *node, int32_t field_id)
{
    if (node->kind == NODE_LEAF) return node->field_id == field_id ? node : NULL;
    for (unsigned i = 0; i < node->child_count; i++) {
        const parquet_node *leaf = leaf_by_id(&node->children[i], field_id);
        if (leaf) return leaf;
    }
    return NULL;
}

bool
parquet_file_has_column(const parquet_file *file, int32_t field_id, const char *name)
{
    bool by_id = file_schema_has_ids(file->root);

    for (unsigned i = 0; i < file->root->child_count; i++) {
        const parquet_node *child = &file->root->children[i];
        if (by_id ? child->field_id == field_id : strcmp(child->name, name) == 0) return true;
    }
    return false;
}

static bool
is_micros(const parquet_element *e)
{
    if (e->unit != PARQUET_UNIT_NONE) return e->unit == PARQUET_UNIT_MICROS;
    return e->converted == PARQUET_CONVERTED_TIME_MICROS || e->converted == PARQUET_CONVERTED_TIMESTAMP_MICROS;
}

static bool
is_nan(parquet_type type, firn_slice value)
{
    if (type == PARQUET_FLOAT && value.size == 4) return __builtin_isnan(float_of_bits(load_le32(value.data)));
    if (type == PARQUET_DOUBLE && value.size == 8) return __builtin_isnan(double_of_bits(load_le64(value.data)));
    return false;
}

/* Bytes of a bound; 0: any number. */
static size_t
bound_size(const parquet_element *e)
{
    switch (e->type) {
    case PARQUET_BOOLEAN:
        return 1;
    case PARQUET_INT32:
    case PARQUET_FLOAT:
        return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE:
        return 8;
    case PARQUET_FIXED_LEN_BYTE_ARRAY:
        return 0; /* may be truncated */
    case PARQUET_INT96:
    case PARQUET_BYTE_ARRAY:
        return 0;
    }
    return 0;
}

/* Drops what cannot be trusted: wrong sizes, NaN, INT96, orders that do not fit the type. */
static void
check_bounds(const parquet_element *e, bool is_signed_order, parquet_column_range *range)
{
    data_type type = {.kind = TYPE_BINARY};
    size_t    size = bound_size(e);
    bool      is_number = size > 1 || e->type == PARQUET_BOOLEAN;
    bool      is_unsigned = file_schema_leaf_type(e, &type) &&
                       ((e->type == PARQUET_INT32 && type.kind == TYPE_LONG) ||
                        (e->type == PARQUET_INT64 && type.kind == TYPE_DECIMAL && e->precision == 0));
    bool is_decimal_bytes = !is_number && type.kind == TYPE_DECIMAL;
    bool is_time = type.kind == TYPE_TIME || type.kind == TYPE_TIMESTAMP || type.kind == TYPE_TIMESTAMPTZ;

    range->scale = e->scale;
    if (e->type == PARQUET_INT96 || is_unsigned || is_decimal_bytes || (is_time && !is_micros(e)) || (is_signed_order && !is_number) ||
        (size > 0 && (range->min.size != size || range->max.size != size)) || is_nan(e->type, range->min) ||
        is_nan(e->type, range->max))
        range->min = range->max = (firn_slice){0};
}

bool
parquet_file_column_range(const parquet_file *file, unsigned row_group, int32_t field_id,
                          parquet_column_range *ret_range)
{
    const parquet_node *leaf = leaf_by_id(file->root, field_id);
    if (!leaf || row_group >= file->metadata.row_group_count) return false;

    const parquet_chunk *chunk = &file->metadata.row_groups[row_group].chunks[leaf->leaf_first];
    if (chunk->is_encrypted || chunk->type != leaf->element->type) return false;
    *ret_range = (parquet_column_range){.physical_type = (unsigned) leaf->element->type,
                                        .min = chunk->statistics.min,
                                        .max = chunk->statistics.max,
                                        .value_count = chunk->value_count,
                                        .null_count = chunk->statistics.null_count};
    check_bounds(leaf->element, chunk->statistics.is_signed_order, ret_range);
    return true;
}

static firn_status
read_index_bytes(const parquet_file *file, int64_t offset, int32_t size, firn_buffer *out, firn_error *err)
{
    uint64_t end = file->source.size_bytes;
    if (offset <= 0 || size <= 0 || (uint64_t) offset > end || (uint64_t) size > end - (uint64_t) offset)
        return FIRN_OK;
    return file->source.read(file->source.state, (uint64_t) offset, (size_t) size, out, err);
}

firn_status
parquet_file_page_ranges(const parquet_file *file, unsigned row_group, int32_t field_id,
                         parquet_page_ranges *ret_ranges, firn_error *err)
{
    const parquet_node *leaf = leaf_by_id(file->root, field_id);
    parquet_page_ranges ranges = {0};
    parquet_page_index  index = {0};

    firn_arena_init(&ranges.arena, file->memory_bytes_max);
    firn_buffer_init(&ranges.bytes, file->memory_bytes_max);
    *ret_ranges = ranges;
    if (!leaf || row_group >= file->metadata.row_group_count) return FIRN_OK;
    const parquet_row_group *group = &file->metadata.row_groups[row_group];
    const parquet_chunk     *chunk = &group->chunks[leaf->leaf_first];
    FIRN_TRY(read_index_bytes(file, chunk->offset_index_offset, chunk->offset_index_size, &ret_ranges->bytes, err));
    size_t offset_size = ret_ranges->bytes.size;
    if (offset_size == 0) return FIRN_OK;
    FIRN_TRY(read_index_bytes(file, chunk->column_index_offset, chunk->column_index_size, &ret_ranges->bytes, err));
    const uint8_t *bytes = ret_ranges->bytes.data;
    FIRN_TRY(page_index_read(file->source.name, firn_slice_of(bytes, offset_size),
                             firn_slice_of(bytes + offset_size, ret_ranges->bytes.size - offset_size),
                             &ret_ranges->arena, &index, err));
    ret_ranges->pages = firn_arena_array(&ret_ranges->arena, index.page_count + 1, sizeof *ret_ranges->pages);
    if (!ret_ranges->pages) return firn_fail_memory(err, "a page index");
    for (unsigned i = 0; i < index.page_count; i++) {
        uint64_t first = index.locations[i].first_row;
        uint64_t end = i + 1 < index.page_count ? index.locations[i + 1].first_row : group->row_count;
        if (first >= group->row_count || end > group->row_count || end <= first) return FIRN_OK; /* of no use */
        parquet_page_range *page = &ret_ranges->pages[i];
        *page = (parquet_page_range){
            group->first_row + first,
            end - first,
            {.physical_type = (unsigned) leaf->element->type, .value_count = -1, .null_count = -1}};
        if (!index.min) continue;
        if (index.null_counts) page->range.null_count = index.null_counts[i];
        if (leaf->repetition == 0) page->range.value_count = (int64_t) page->row_count;
        if (index.is_null_page[i]) continue;
        page->range.min = index.min[i];
        page->range.max = index.max[i];
        check_bounds(leaf->element, false, &page->range);
    }
    ret_ranges->page_count = index.page_count;
    return FIRN_OK;
}

void
parquet_page_ranges_done(parquet_page_ranges *ranges)
{
    firn_arena_done(&ranges->arena);
    firn_buffer_done(&ranges->bytes);
    *ranges = (parquet_page_ranges){0};
}

/* ---- the reader ---- */

static void
file_reader_free(batch_reader *base)
{
    file_reader *reader = (file_reader *) base;
    for (unsigned i = 0; reader->columns && i < reader->plan.column_count; i++)
        column_reader_done(&reader->columns[i]);
    firn_free(reader->columns);
    read_context_done(&reader->context);
    firn_arena_done(&reader->arena);
    schema_unref(reader->base.schema);
    parquet_file_free(reader->owned_file);
    firn_free(reader);
}

/* The next wanted row at or behind `row`, and how many are wanted from there on; false: none. */
static bool
next_wanted(file_reader *reader, uint64_t row, uint64_t *ret_row, uint64_t *ret_count)
{
    uint64_t total = reader->file->metadata.row_count;
    if (!reader->options.ranges) {
        if (row >= total) return false;
        *ret_row = row;
        *ret_count = total - row;
        return true;
    }
    for (; reader->range_at < reader->options.range_count; reader->range_at++) {
        const parquet_row_range *range = &reader->options.ranges[reader->range_at];
        if (range->first_row >= total) return false;
        uint64_t end = range->row_count < total - range->first_row ? range->first_row + range->row_count : total;
        if (row >= end) continue;
        *ret_row = row > range->first_row ? row : range->first_row;
        *ret_count = end - *ret_row;
        return true;
    }
    return false;
}

static unsigned
group_of_row(const parquet_metadata *metadata, uint64_t row)
{
    unsigned low = 0, high = metadata->row_group_count;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (metadata->row_groups[middle].first_row <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    /* Empty groups begin where the next one does. */
    while (metadata->row_groups[low].row_count == 0 && low > 0)
        low--;
    return low;
}

static firn_status
start_group(file_reader *reader, unsigned row_group, firn_error *err)
{
    if (reader->row_group == row_group) return FIRN_OK;
    reader->row_group = reader->file->metadata.row_group_count; /* none, should it fail half-way */
    for (unsigned i = 0; i < reader->plan.column_count; i++)
        FIRN_TRY(column_reader_start(&reader->columns[i], &reader->file->metadata.row_groups[row_group], err));
    reader->row_group = row_group;
    return FIRN_OK;
}

static firn_status
make_batch(file_reader *reader, uint64_t first_row, size_t row_count, batch *ret_batch, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray rows = {0};

    for (unsigned i = 0; i < reader->plan.column_count; i++)
        FIRN_TRY(column_reader_read(&reader->columns[i], first_row, row_count, err));
    if (!array_init(&rows, 1, (int64_t) reader->plan.node_count)) return firn_fail_memory(err, "a batch");
    rows.length = (int64_t) row_count;
    for (unsigned i = 0; i < reader->plan.node_count; i++) {
        if (record_assemble(&reader->plan.nodes[i], reader->columns, (int64_t) row_count, &reader->context.budget,
                            rows.children[i], err))
            return firn_while(err, "reading '%s'", reader->file->source.name);
    }
    struct ArrowArray done;
    array_move(&rows, &done);
    batch_init(ret_batch, reader->base.schema, &done);
    return FIRN_OK;
}

static void
drop_columns(file_reader *reader)
{
    for (unsigned i = 0; i < reader->plan.column_count; i++)
        column_reader_drop(&reader->columns[i]);
}

static firn_status
file_reader_next(batch_reader *base, batch *ret_batch, firn_error *err)
{
    file_reader            *reader = (file_reader *) base;
    const parquet_metadata *metadata = &reader->file->metadata;
    uint64_t                row, wanted;

    if (!next_wanted(reader, reader->row, &row, &wanted)) {
        reader->row = metadata->row_count;
        *ret_batch = (batch){0};
        return FIRN_OK;
    }
    unsigned                 row_group = group_of_row(metadata, row);
    const parquet_row_group *group = &metadata->row_groups[row_group];
    uint64_t                 in_group = row - group->first_row;
    uint64_t                 left = group->row_count - in_group;

    FIRN_TRY(start_group(reader, row_group, err));
    if (left > wanted) left = wanted;
    for (;;) {
        size_t      count = left < reader->batch_rows ? (size_t) left : reader->batch_rows;
        firn_status status = make_batch(reader, in_group, count, ret_batch, err);
        drop_columns(reader);
        if (status == FIRN_OK) {
            reader->row = row + count;
            return FIRN_OK;
        }
        /* Too large for the memory allowed: fewer rows at a time from now on. */
        if (err->code != FIRN_E_PARQUET_LIMIT || count == 1) return status;
        firn_error_reset(err);
        reader->batch_rows = count / 4 ? count / 4 : 1;
    }
}

static const batch_reader_ops file_reader_ops = {file_reader_next, file_reader_free};

static firn_status
make_columns(file_reader *reader, firn_error *err)
{
    const read_plan *plan = &reader->plan;

    reader->columns = firn_calloc(plan->column_count ? plan->column_count : 1, sizeof *reader->columns);
    if (!reader->columns) return firn_fail_memory(err, "the columns of a Parquet file");
    for (unsigned i = 0; i < plan->column_count; i++) {
        const plan_column *c = &plan->columns[i];
        column_reader_init(&reader->columns[i], &reader->context, c->leaf, &c->conversion, c->is_flat, c->levels_only);
    }
    size_t ahead = reader->context.budget.max_bytes / 8 / (plan->column_count ? plan->column_count : 1);
    reader->context.read_ahead_bytes = ahead > READ_AHEAD_MAX   ? READ_AHEAD_MAX
                                       : ahead < READ_AHEAD_MIN ? READ_AHEAD_MIN
                                                                : ahead;
    return FIRN_OK;
}

firn_status
parquet_file_read(const parquet_file *file, table_schema *wanted, const parquet_read_options *options,
                  batch_reader **ret_reader, firn_error *err)
{
    file_reader *reader = firn_calloc(1, sizeof *reader);
    if (!reader) return firn_fail_memory(err, "a Parquet reader");
    FIRN_AUTO(batch_reader_freep) batch_reader *owned = &reader->base;

    reader->base = (batch_reader){&file_reader_ops, schema_ref(wanted)};
    reader->file = file;
    reader->options = *options;
    reader->context = (read_context){
        .source = &file->source,
        .data_end = file->data_end,
        .budget = {0, options->memory_bytes_max ? options->memory_bytes_max : PARQUET_MEMORY_BYTES_DEFAULT},
        .verify_checksums = !options->ignore_checksums,
    };
    firn_arena_init(&reader->arena, reader->context.budget.max_bytes);
    reader->batch_rows = options->batch_rows ? options->batch_rows : BATCH_ROWS_DEFAULT;
    reader->row_group = file->metadata.row_group_count;
    FIRN_TRY(read_plan_make(file->source.name, file->root, wanted, options->name_mapping, options->truncate_nanos,
                            &reader->arena, &reader->plan, err));
    FIRN_TRY(make_columns(reader, err));
    *ret_reader = FIRN_STEAL(owned);
    return FIRN_OK;
}

firn_status
parquet_reader_open(const parquet_source *source, table_schema *wanted, size_t batch_rows, size_t memory_bytes_max,
                    batch_reader **ret_reader, firn_error *err)
{
    FIRN_AUTO(parquet_file_freep) parquet_file *file = NULL;
    parquet_read_options options = {.batch_rows = batch_rows, .memory_bytes_max = memory_bytes_max};

    FIRN_TRY(parquet_file_open(source, memory_bytes_max, &file, err));
    FIRN_TRY(parquet_file_read(file, wanted, &options, ret_reader, err));
    ((file_reader *) *ret_reader)->owned_file = FIRN_STEAL(file);
    return FIRN_OK;
}

static file_reader *
reader_of(const batch_reader *base)
{
    assert(base->ops == &file_reader_ops);
    return (file_reader *) (uintptr_t) base;
}

uint64_t
parquet_reader_row(const batch_reader *base)
{
    file_reader *reader = reader_of(base);
    uint64_t     row, count;
    return next_wanted(reader, reader->row, &row, &count) ? row : reader->file->metadata.row_count;
}

firn_status
parquet_reader_seek(batch_reader *base, uint64_t row, firn_error *err)
{
    file_reader *reader = reader_of(base);
    if (row > reader->file->metadata.row_count)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "row %" PRIu64 " is beyond the %" PRIu64 " rows of '%s'", row,
                         reader->file->metadata.row_count, reader->file->source.name);
    reader->row = row;
    reader->range_at = 0;
    return FIRN_OK;
}

void
parquet_reader_limit(batch_reader *base, size_t batch_rows)
{
    reader_of(base)->batch_rows = batch_rows ? batch_rows : 1;
}
