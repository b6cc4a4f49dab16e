#include "maintain/compact_copy.h"

#include "base/alloc.h"
#include "maintain/row_lineage.h"
#include "parquet/file_metadata.h"
#include "parquet/group_cut.h"
#include "scan/scan_reader.h"

static bool
may_copy(const compact_round *r, const compact_file *file)
{
    const data_file *data = &file->data->file;

    for (unsigned i = 0; i < file->delete_count; i++) {
        if (file->deletes[i]->file.content != DATA_FILE_POSITION_DELETES) return false;
    }
    return data->spec_id == r->table->default_spec->spec_id && (!r->has_lineage || data->first_row_id >= 0);
}

static int64_t
group_size_bytes(const parquet_metadata *m, unsigned g)
{
    int64_t bytes = 0;

    for (unsigned i = 0; i < m->leaf_count; i++) bytes += m->row_groups[g].chunks[i].compressed_size_bytes;
    return bytes;
}

/* The last row group may be a small rest. */
static bool
group_is_large(const parquet_metadata *m, unsigned g)
{
    bool is_rest = g > 0 && g + 1 == m->row_group_count;

    return is_rest || m->row_groups[g].row_count >= COMPACT_COPY_ROWS_MIN || group_size_bytes(m, g) >= COMPACT_COPY_BYTES_MIN;
}

/* Whether the file's last columns are the lineage, without a null: one that is null would be inherited anew. */
static bool
has_whole_lineage(const parquet_metadata *m)
{
    if (m->leaf_count < ROW_LINEAGE_COLUMNS + 1 || m->elements[m->element_count - 1].field_id != ROW_LINEAGE_UPDATED_ID)
        return false;
    for (unsigned g = 0; g < m->row_group_count; g++) {
        for (unsigned i = m->leaf_count - ROW_LINEAGE_COLUMNS; i < m->leaf_count; i++) {
            if (m->row_groups[g].chunks[i].statistics.null_count != 0) return false;
        }
    }
    return true;
}

static bool
has_lineage_column(const parquet_metadata *m)
{
    for (unsigned i = 1; i < m->element_count; i++) {
        if (m->elements[i].field_id == ROW_LINEAGE_ROW_ID || m->elements[i].field_id == ROW_LINEAGE_UPDATED_ID) return true;
    }
    return false;
}

/* ---- the columns that are decoded ---- */

typedef struct rest_reader {
    batch_reader        base; /* first */
    const compact_copy *copy;
    scan_settings       settings; /* the round's, with fewer columns */
    batch_reader       *rows;
    bool                has_lineage; /* among its columns */
} rest_reader;

static firn_status
rest_reader_next(batch_reader *base, batch *ret_batch, firn_error *err)
{
    rest_reader         *rest = (rest_reader *) base;
    const compact_round *r = rest->copy->r;

    FIRN_TRY(maintain_task_check(r->t, err));
    FIRN_TRY(batch_reader_next(rest->rows, ret_batch, err));
    if (!rest->has_lineage || !batch_row_count(ret_batch)) return FIRN_OK;
    return row_lineage_fill(ret_batch, rest->copy->file->data, scan_reader_positions(rest->rows), err);
}

static void
rest_reader_free(batch_reader *base)
{
    rest_reader *rest = (rest_reader *) base;

    batch_reader_free(rest->rows);
    schema_unref(rest->base.schema);
    firn_free(rest);
}

static const batch_reader_ops rest_reader_ops = {rest_reader_next, rest_reader_free};

static firn_status
open_rest(void *state, table_schema *columns, uint64_t first_row, uint64_t row_count, batch_reader **ret_reader,
          firn_error *err)
{
    const compact_copy *c = state;
    rest_reader        *rest = firn_calloc(1, sizeof *rest);

    if (!rest) return firn_fail_memory(err, "a reader of columns");

    FIRN_AUTO(batch_reader_freep) batch_reader *owned = &rest->base;

    rest->base = (batch_reader){&rest_reader_ops, schema_ref(columns)};
    rest->copy = c;
    rest->has_lineage = c->r->has_lineage && columns->fields[columns->field_count - 1].id == ROW_LINEAGE_UPDATED_ID;
    rest->settings = c->r->scan;
    rest->settings.columns = columns;
    FIRN_TRY(scan_task_open_range(&rest->settings, &c->r->tasks[c->file - c->r->files], first_row, row_count, &rest->rows, err));
    *ret_reader = FIRN_STEAL(owned);
    return FIRN_OK;
}

/* ---- the whole ---- */

static firn_status
make_lineage(void *state, uint64_t first_row, uint64_t row_count, struct ArrowArray *ret_rows, firn_error *err)
{
    const compact_copy *c = state;

    return row_lineage_make(c->file->data, first_row, row_count, ret_rows, err);
}

void
compact_copy_done(compact_copy *c)
{
    stored_file_done(&c->stored);
    roaring64_free(c->deleted);
    *c = (compact_copy){0};
}

firn_status
compact_copy_open(compact_copy *c, const compact_round *r, const compact_file *file, roll_writer *writer, size_t memory_bytes,
                  firn_error *err)
{
    const parquet_metadata *m;

    *c = (compact_copy){.r = r, .file = file, .writer = writer, .memory_bytes = memory_bytes};
    if (!may_copy(r, file)) return FIRN_OK;
    if (file->delete_count > 0) FIRN_TRY(scan_task_deleted(&r->scan, &r->tasks[file - r->files], &c->deleted, err));
    FIRN_TRY(stored_file_open(&c->stored, r->t->lake->files, &file->data->file, memory_bytes, err));
    m = parquet_file_metadata(c->stored.file);
    if ((int64_t) m->row_count == file->data->file.record_count) c->group_count = m->row_group_count;
    return FIRN_OK;
}

static uint64_t
count_deleted(const compact_copy *c, const parquet_row_group *group)
{
    return c->deleted ? roaring64_count_range(c->deleted, group->first_row, group->row_count) : 0;
}

bool
compact_copy_may_group(const compact_copy *c, unsigned row_group)
{
    const parquet_metadata  *m = parquet_file_metadata(c->stored.file);
    const parquet_row_group *group = &m->row_groups[row_group];

    if (group->row_count == 0) return false;
    // One that is a file of its own is too large: nothing could come of it but the same file.
    return count_deleted(c, group) > 0 || group_size_bytes(m, row_group) <= compact_target_size(c->r->table);
}

static firn_status
read_deleted(void *state, uint64_t from, uint64_t ret_rows[], size_t capacity, size_t *ret_count, firn_error *err)
{
    const compact_copy *c = state;

    FIRN_TRY(maintain_task_check(c->r->t, err));
    *ret_count = roaring64_read(c->deleted, from, ret_rows, capacity);
    return FIRN_OK;
}

firn_status
compact_copy_group(compact_copy *c, unsigned row_group, bool *ret_copied, uint64_t *ret_rows, firn_error *err)
{
    const parquet_metadata *m = parquet_file_metadata(c->stored.file);
    parquet_deleted         deleted = {.read = read_deleted, .state = c};
    bool                    is_deleted = count_deleted(c, &m->row_groups[row_group]) > 0;
    bool                    adds_lineage = c->r->has_lineage && !has_lineage_column(m);
    roll_copy               copy = {.file = c->stored.file,
                                     .row_group = row_group,
                                     .partition = c->file->data->file.partition,
                                     .extra_count = adds_lineage ? ROW_LINEAGE_COLUMNS : 0,
                                     .make_extra = make_lineage,
                                     .column_count = c->r->table->schema->field_count,
                                     .open_rest = open_rest,
                                     .deleted = is_deleted ? &deleted : NULL,
                                     .memory_bytes_max = c->memory_bytes,
                                     .state = c};

    *ret_copied = false;
    *ret_rows = m->row_groups[row_group].row_count;
    if (!is_deleted && group_is_large(m, row_group) && (!c->r->has_lineage || adds_lineage || has_whole_lineage(m)))
        FIRN_TRY(roll_writer_copy(c->writer, &copy, ret_copied, err));
    return *ret_copied ? FIRN_OK : roll_writer_cut(c->writer, &copy, ret_copied, ret_rows, err);
}
