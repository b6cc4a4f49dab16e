#include "maintain/row_lineage.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "batch/array.h"

static const data_type type_long = {.kind = TYPE_LONG};

firn_status
row_lineage_schema(const table_schema *table, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    unsigned      count = table->field_count + ROW_LINEAGE_COLUMNS;
    schema_field *fields = firn_arena_array(&arena, count, sizeof *fields);

    if (!fields) return firn_fail_memory(err, "a schema");
    memcpy(fields, table->fields, table->field_count * sizeof *fields);
    fields[count - 2] = (schema_field){.id = ROW_LINEAGE_ROW_ID, .name = "_row_id", .type = &type_long};
    fields[count - 1] = (schema_field){.id = ROW_LINEAGE_UPDATED_ID, .name = "_last_updated_sequence_number", .type = &type_long};
    return schema_new(table->schema_id, fields, count, table->key_ids, table->key_count, false, ret_schema, err);
}

/* `first` plus the row's position (or `first` alone) where the value is null; `first` -1: null stays. */
static firn_status
fill_column(struct ArrowArray *column, int64_t first, const uint64_t positions[], firn_error *err)
{
    const uint8_t    *valid = column->null_count != 0 ? column->buffers[0] : NULL;
    const int64_t    *old = column->buffers[1];
    int64_t           offset = column->offset, count = column->length;
    struct ArrowArray filled = {0};
    int64_t          *values;

    if (!valid || first < 0) return FIRN_OK;
    if (!array_init(&filled, 2, 0)) return firn_fail_memory(err, "a column");
    values = firn_alloc_aligned((size_t) (count ? count : 1) * sizeof *values);
    if (!values) {
        array_done(&filled);
        return firn_fail_memory(err, "a column");
    }
    for (int64_t i = 0; i < count; i++) {
        bool is_set = bitmap_get(valid, (size_t) (offset + i));

        values[i] = is_set ? old[offset + i] : first + (positions ? (int64_t) positions[i] : 0);
    }
    filled.length = count;
    filled.buffers[1] = values;
    column->release(column);
    array_move(&filled, column);
    return FIRN_OK;
}

firn_status
row_lineage_fill(batch *rows, const manifest_entry *file, const uint64_t positions[], firn_error *err)
{
    struct ArrowArray *array = &rows->array;
    int64_t            last = array->n_children - 1;

    assert(last >= 1 && rows->schema->fields[last].id == ROW_LINEAGE_UPDATED_ID);
    FIRN_TRY(fill_column(array->children[last - 1], file->file.first_row_id, positions, err));
    return fill_column(array->children[last], file->sequence_number, NULL, err);
}

static firn_status
make_column(int64_t first, bool counts_up, int64_t count, struct ArrowArray *ret_column, firn_error *err)
{
    int64_t *values = firn_alloc_aligned((size_t) (count ? count : 1) * sizeof *values);

    if (!values || !array_init(ret_column, 2, 0)) {
        firn_free(values);
        return firn_fail_memory(err, "a column");
    }
    for (int64_t i = 0; i < count; i++) values[i] = first + (counts_up ? i : 0);
    ret_column->length = count;
    ret_column->buffers[1] = values;
    return FIRN_OK;
}

firn_status
row_lineage_make(const manifest_entry *file, uint64_t first_row, uint64_t row_count, struct ArrowArray *ret_rows,
                 firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray rows = {0};
    int64_t count = (int64_t) row_count;

    assert(file->file.first_row_id >= 0);
    if (!array_init(&rows, 1, ROW_LINEAGE_COLUMNS)) return firn_fail_memory(err, "columns");
    rows.length = count;
    FIRN_TRY(make_column(file->file.first_row_id + (int64_t) first_row, true, count, rows.children[0], err));
    FIRN_TRY(make_column(file->sequence_number, false, count, rows.children[1], err));
    array_move(&rows, ret_rows);
    return FIRN_OK;
}

void
row_lineage_strip(data_file *file)
{
    // The columns are in the schema's order, and the two are the last.
    while (file->column_count && file->columns[file->column_count - 1].field_id >= ROW_LINEAGE_UPDATED_ID)
        file->column_count--;
}
