#include "maintain/table_measure.h"

#include "iceberg/manifest_list.h"
#include "maintain/reachable_files.h"

static firn_status
add_file(void *state, const data_file *file, firn_error *err FIRN_UNUSED)
{
    table_figures *f = state;
    bool           is_vector = file->content_offset >= 0 && file->content_size_bytes >= 0;

    if (file->content == DATA_FILE_DATA) {
        f->data_file_count++;
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
    table_figures        f = {.snapshot_count = table->snapshot_count};

    if (s && !s->manifest_list)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                         "snapshot %lld of '%s' lists its manifests inline (an old version 1 form)",
                         (long long) s->snapshot_id, table->location);
    if (s) FIRN_TRY(manifest_list_read(files, s->manifest_list, &arena, &manifests, &count, err));
    f.manifest_count = (int64_t) count;
    for (size_t i = 0; i < count; i++) FIRN_TRY(reachable_files_of_manifest(files, table, &manifests[i], add_file, &f, err));
    *ret_figures = f;
    return FIRN_OK;
}
