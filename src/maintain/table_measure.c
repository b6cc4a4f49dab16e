#include "maintain/table_measure.h"

#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"

static void
add_file(table_figures *f, const data_file *file)
{
    bool is_vector = file->content_offset >= 0 && file->content_size_bytes >= 0;

    if (file->content == DATA_FILE_DATA) {
        f->data_file_count++;
        f->data_bytes += file->size_bytes;
        f->row_count += file->record_count;
        return;
    }
    f->delete_file_count++;
    f->delete_bytes += is_vector ? file->content_size_bytes : file->size_bytes;
    f->deleted_row_count += file->record_count;
}

static firn_status
add_manifest(const table_metadata *table, const manifest_file *manifest, storage *files, table_figures *f,
             firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};

    FIRN_TRY(manifest_reader_open(files, manifest, table_metadata_spec_by_id(table, manifest->spec_id), &reader, err));
    for (;;) {
        manifest_entry entry;
        bool           more = false;

        firn_arena_reset(&arena);
        FIRN_TRY(manifest_reader_next(reader, &arena, &entry, &more, err));
        if (!more) return FIRN_OK;
        if (entry.status != ENTRY_DELETED) add_file(f, &entry.file);
    }
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
    for (size_t i = 0; i < count; i++) FIRN_TRY(add_manifest(table, &manifests[i], files, &f, err));
    *ret_figures = f;
    return FIRN_OK;
}
