#include "maintain/compact_copy.h"

#include "maintain/row_lineage.h"
#include "parquet/file_metadata.h"
#include "scan/stored_file.h"

static bool
may_copy(const compact_round *r, const compact_file *file)
{
    const data_file *data = &file->data->file;

    return file->delete_count == 0 && data->spec_id == r->table->default_spec->spec_id &&
           (!r->has_lineage || data->first_row_id >= 0);
}

/* The last row group may be a small rest. One that is a file of its own is too large: nothing could come of it but the same file. */
static bool
groups_are_large(const parquet_metadata *m, int64_t file_bytes_max)
{
    for (unsigned g = 0; g < m->row_group_count; g++) {
        bool                     is_rest = g > 0 && g + 1 == m->row_group_count;
        const parquet_row_group *group = &m->row_groups[g];
        int64_t                  bytes = 0;

        for (unsigned i = 0; i < m->leaf_count; i++) bytes += group->chunks[i].compressed_size_bytes;
        if (bytes > file_bytes_max) return false;
        if (!is_rest && group->row_count < COMPACT_COPY_ROWS_MIN && bytes < COMPACT_COPY_BYTES_MIN) return false;
    }
    return m->row_group_count > 0;
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

static firn_status
make_lineage(void *state, uint64_t first_row, uint64_t row_count, struct ArrowArray *ret_rows, firn_error *err)
{
    return row_lineage_make(state, first_row, row_count, ret_rows, err);
}

firn_status
compact_copy(const compact_round *r, const compact_file *file, roll_writer *writer, size_t memory_bytes,
             bool *ret_copied, firn_error *err)
{
    FIRN_AUTO(stored_file_done) stored_file stored = {0};
    const parquet_metadata *m;
    roll_copy               copy = {.partition = file->data->file.partition};

    *ret_copied = false;
    if (!may_copy(r, file)) return FIRN_OK;
    FIRN_TRY(stored_file_open(&stored, r->t->lake->files, &file->data->file, memory_bytes, err));
    m = parquet_file_metadata(stored.file);
    if (!groups_are_large(m, compact_target_size(r->table)) || (int64_t) m->row_count != file->data->file.record_count) return FIRN_OK;
    copy.file = stored.file;
    if (r->has_lineage && has_lineage_column(m)) {
        if (!has_whole_lineage(m)) return FIRN_OK;
    } else if (r->has_lineage) {
        copy.extra_count = ROW_LINEAGE_COLUMNS;
        copy.make_extra = make_lineage;
        copy.state = (manifest_entry *) (uintptr_t) file->data; // only read
    }
    return roll_writer_copy(writer, &copy, ret_copied, err);
}
