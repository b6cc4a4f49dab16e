#include "maintain/table_measure.h"

#include "iceberg/manifest_list.h"
#include "maintain/compact_plan.h"
#include "maintain/reachable_files.h"

typedef struct measuring {
    table_figures figures;
    int64_t       small_max;
} measuring;

static firn_status
add_file(void *state, const data_file *file, firn_error *err FIRN_UNUSED)
{
    measuring     *m = state;
    table_figures *f = &m->figures;
    bool           is_vector = file->content_offset >= 0 && file->content_size_bytes >= 0;

    if (file->content == DATA_FILE_DATA) {
        f->data_file_count++;
        f->small_file_count += file->size_bytes < m->small_max;
        f->data_bytes += file->size_bytes;
        f->row_count += file->record_count;
        return FIRN_OK;
    }
    f->delete_file_count++;
    f->delete_bytes += is_vector ? file->content_size_bytes : file->size_bytes;
    f->deleted_row_count += file->record_count;
    return FIRN_OK;
}

firn_status
table_measure(const table_metadata *table, storage *files, table_figures *ret_figures, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const snapshot      *s = table->current_snapshot;
    const manifest_file *manifests = NULL;
    size_t               count = 0;
    measuring            m = {.figures = {.snapshot_count = table->snapshot_count}, .small_max = compact_small_size(table)};

    if (s && !s->manifest_list)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                         "snapshot %lld of '%s' lists its manifests inline (an old version 1 form)",
                         (long long) s->snapshot_id, table->location);
    if (s) FIRN_TRY(manifest_list_read(files, s->manifest_list, &arena, &manifests, &count, err));
    m.figures.manifest_count = (int64_t) count;
    for (size_t i = 0; i < count; i++) FIRN_TRY(reachable_files_of_manifest(files, table, &manifests[i], add_file, &m, err));
    *ret_figures = m.figures;
    return FIRN_OK;
}
