#include "maintain/reachable_files.h"

#include "codec/json_reader.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"

firn_status
reachable_files_init(reachable_files *r, const table_metadata *table, struct storage *files, firn_error *err)
{
    *r = (reachable_files){.files = files, .table = table, .manifests = firn_map_new()};
    if (!r->manifests) return firn_fail_memory(err, "a set of files");
    return file_set_init(&r->set, err);
}

void
reachable_files_done(reachable_files *r)
{
    firn_map_free(r->manifests);
    file_set_done(&r->set);
    *r = (reachable_files){0};
}

firn_status
reachable_files_of_manifest(struct storage *files, const table_metadata *table, const manifest_file *manifest,
                            manifest_visit visit, void *state, firn_error *err)
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
        if (entry.status != ENTRY_DELETED) FIRN_TRY(visit(state, &entry.file, err));
    }
}

static firn_status
add_path(void *state, const data_file *file, firn_error *err)
{
    return file_set_add(state, file->path, err);
}

static firn_status
add_snapshot(reachable_files *r, const snapshot *s, bool with_files, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const manifest_file *manifests = NULL;
    size_t               count = 0;

    if (!s->manifest_list)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                         "snapshot %lld of '%s' lists its manifests inline (an old version 1 form)",
                         (long long) s->snapshot_id, r->table->location);
    FIRN_TRY(file_set_add(&r->set, s->manifest_list, err));
    FIRN_TRY(manifest_list_read(r->files, s->manifest_list, &arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) {
        firn_slice path = firn_slice_text(manifests[i].path);

        if (firn_map_get(r->manifests, path)) continue;
        FIRN_TRY(firn_map_put(r->manifests, path, r, err));
        FIRN_TRY(file_set_add(&r->set, manifests[i].path, err));
        if (with_files && reachable_files_of_manifest(r->files, r->table, &manifests[i], add_path, &r->set, err))
            return firn_while(err, "reading the files of snapshot %lld", (long long) s->snapshot_id);
    }
    return FIRN_OK;
}

firn_status
reachable_files_add_manifests(reachable_files *r, const snapshot *s, firn_error *err)
{
    return add_snapshot(r, s, false, err);
}

firn_status
reachable_files_add_snapshot(reachable_files *r, const snapshot *s, firn_error *err)
{
    return add_snapshot(r, s, true, err);
}

/* "statistics", "partition-statistics": arrays of objects with a "statistics-path". */
static firn_status
add_statistics(reachable_files *r, const metadata_member *member, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    const jvalue *array;

    FIRN_TRY(jdoc_parse(firn_slice_text(member->raw), member->key, &doc, err));
    array = jdoc_root(doc);
    for (size_t i = 0; jkind_of(array) == JARRAY && i < jcount(array); i++) {
        const char *path = jtext(jget(jat(array, i), "statistics-path"));

        if (path) FIRN_TRY(file_set_add(&r->set, path, err));
    }
    return FIRN_OK;
}

firn_status
reachable_files_add_table(reachable_files *r, firn_error *err)
{
    const table_metadata *m = r->table;

    if (m->metadata_location) FIRN_TRY(file_set_add(&r->set, m->metadata_location, err));
    for (unsigned i = 0; i < m->metadata_log_count; i++)
        FIRN_TRY(file_set_add(&r->set, m->metadata_log[i].metadata_file, err));
    for (unsigned i = 0; i < m->member_count; i++) {
        if (strcmp(m->members[i].key, "statistics") == 0 || strcmp(m->members[i].key, "partition-statistics") == 0)
            FIRN_TRY(add_statistics(r, &m->members[i], err));
    }
    for (unsigned i = 0; i < m->snapshot_count; i++) FIRN_TRY(reachable_files_add_snapshot(r, &m->snapshots[i], err));
    return FIRN_OK;
}
