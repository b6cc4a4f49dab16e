#include "iceberg/snapshot_files.h"

#include "base/alloc.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/file_names.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_merge.h"
#include "iceberg/manifest_reader.h"
#include "iceberg/manifest_writer.h"

/* A manifest with more files than this is slow to read for one file; readers plan manifests in parallel. */
#define MANIFEST_FILES_MAX 4000

static char touched; /* value of the map of partitions: only its address counts */

void
snapshot_files_done(snapshot_files *s)
{
    firn_map_free(s->partitions);
    removed_files_done(&s->removed);
}

static firn_status
add_manifest(snapshot_files *s, const manifest_file *manifest, firn_error *err)
{
    if (s->manifest_count == s->manifest_capacity) {
        size_t         capacity = s->manifest_capacity ? s->manifest_capacity * 2 : 16;
        manifest_file *room = firn_arena_array(s->arena, capacity, sizeof *room);

        if (!room) return firn_fail_memory(err, "a list of manifests");
        if (s->manifest_count) memcpy(room, s->manifests, s->manifest_count * sizeof *room);
        s->manifests = room;
        s->manifest_capacity = capacity;
    }
    s->manifests[s->manifest_count++] = *manifest;
    return FIRN_OK;
}

static firn_status
open_manifest(snapshot_files *s, manifest_content content, const partition_spec *spec, manifest_writer **ret_writer,
              firn_error *err)
{
    manifest_options options = {s->table->format_version, content, s->table->schema, spec, s->snapshot_id};
    const char      *location = file_name_manifest(s->arena, s->table->location, s->attempt, s->file_number++);

    if (!location) return firn_fail_memory(err, "a manifest's name");
    return manifest_writer_open(s->files, location, &options, ret_writer, err);
}

static firn_status
close_manifest(snapshot_files *s, manifest_writer **writer, firn_error *err)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *w = FIRN_STEAL(*writer);
    manifest_file manifest;

    FIRN_TRY(manifest_writer_close(w, s->arena, &manifest, err));
    return add_manifest(s, &manifest, err);
}

static firn_status
count_file(snapshot_files *s, summary_counts_side *side, const data_file *file, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer path = {0};
    const partition_spec *spec = table_metadata_spec_by_id(s->table, file->spec_id);

    summary_counts_add(side, file);
    firn_buffer_init(&path, 1 << 20);
    FIRN_TRY(firn_buffer_printf(&path, err, "%d:", file->spec_id));
    if (spec && spec->field_count == file->partition_count)
        FIRN_TRY(partition_add_path(spec, s->table->schema, file->partition, &path, err));
    return firn_map_put(s->partitions, firn_buffer_slice(&path), &touched, err);
}

/* ---- what was there ---- */

static bool
has_live_files(const manifest_file *manifest)
{
    return manifest->added_file_count != 0 || manifest->existing_file_count != 0; // -1: not known
}

/* Reads the manifest's live entries into the arena of this step. */
static firn_status
read_entries(snapshot_files *s, const manifest_file *manifest, const partition_spec *spec, firn_arena *arena,
             manifest_entry **ret_entries, size_t *ret_count, firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;
    manifest_entry *entries = NULL;
    size_t          count = 0, capacity = 0;

    FIRN_TRY(manifest_reader_open(s->files, manifest, spec, &reader, err));
    for (;;) {
        manifest_entry entry;
        bool           more = false;

        FIRN_TRY(manifest_reader_next(reader, arena, &entry, &more, err));
        if (!more) break;
        if (entry.status == ENTRY_DELETED) continue;
        if (count == capacity) {
            manifest_entry *room = firn_arena_array(arena, capacity ? capacity * 2 : 64, sizeof *room);

            if (!room) return firn_fail_memory(err, "a manifest's entries");
            if (count) memcpy(room, entries, count * sizeof *room);
            entries = room;
            capacity = capacity ? capacity * 2 : 64;
        }
        entries[count++] = entry;
    }
    *ret_entries = entries;
    *ret_count = count;
    return FIRN_OK;
}

static firn_status
carry_manifest(snapshot_files *s, const manifest_file *manifest, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(manifest_writer_freep) manifest_writer *writer = NULL;
    const partition_spec *spec = table_metadata_spec_by_id(s->table, manifest->spec_id);
    manifest_entry       *entries;
    size_t                count, leaving = 0;
    bool                 *goes;

    if (!has_live_files(manifest)) return FIRN_OK;
    if (!removed_files_reads(&s->removed, manifest->content)) return add_manifest(s, manifest, err);
    if (!spec)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA,
                         "manifest '%s' has the partition spec %d, which the table has not", manifest->path,
                         manifest->spec_id);
    FIRN_TRY(read_entries(s, manifest, spec, &arena, &entries, &count, err));
    goes = firn_arena_array(&arena, count + 1, sizeof *goes);
    if (!goes) return firn_fail_memory(err, "a manifest's entries");
    for (size_t i = 0; i < count; i++) leaving += goes[i] = removed_files_has(&s->removed, &entries[i].file);
    if (leaving == 0) return count > 0 ? add_manifest(s, manifest, err) : FIRN_OK;

    FIRN_TRY(open_manifest(s, manifest->content, spec, &writer, err));
    for (size_t i = 0; i < count; i++) {
        if (!goes[i]) {
            FIRN_TRY(manifest_writer_add_existing(writer, &entries[i], err));
            continue;
        }
        FIRN_TRY(manifest_writer_add_deleted(writer, &entries[i], err));
        FIRN_TRY(count_file(s, &s->counts.removed, &entries[i].file, err));
    }
    return close_manifest(s, &writer, err);
}

static firn_status
carry_parent(snapshot_files *s, firn_error *err)
{
    const manifest_file *manifests = NULL;
    size_t               count = 0;

    if (s->parent) FIRN_TRY(manifest_list_read(s->files, s->parent->manifest_list, s->arena, &manifests, &count, err));
    // Data before deletes: deletes go with the data file they belong to.
    for (int content = MANIFEST_DATA; content <= MANIFEST_DELETES; content++) {
        for (size_t i = 0; i < count; i++) {
            if (manifests[i].content == (manifest_content) content) FIRN_TRY(carry_manifest(s, &manifests[i], err));
        }
    }
    return removed_files_check(&s->removed, err);
}

/* ---- what is new ---- */

/* Version 3 has deletion vectors only, version 2 none. */
static firn_status
check_delete_kind(const snapshot_files *s, const data_file *file, firn_error *err)
{
    bool is_v3 = s->table->format_version >= 3;

    if (file->content != DATA_FILE_POSITION_DELETES || data_file_is_vector(file) == is_v3) return FIRN_OK;
    if (is_v3)
        return firn_fail(err, FIRN_E_CATALOG_FILE_GONE,
                         "the table has come to format version 3, which takes no position deletes as in '%s'",
                         file->path);
    return firn_fail(err, FIRN_E_BUG, "a deletion vector, '%s', was written for a table of format version 2",
                     file->path);
}

static firn_status
check_new_file(const data_file *file, const partition_spec *spec, firn_error *err)
{
    if (!spec || spec->field_count != file->partition_count)
        return firn_fail(err, FIRN_E_BUG, "file '%s' was written for another partition spec than the table's",
                         file->path);
    for (unsigned i = 0; i < spec->field_count; i++) {
        if (spec->fields[i].transform.kind == TRANSFORM_UNKNOWN)
            return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                             "the partition field '%s' has a transform that firn does not know", spec->fields[i].name);
    }
    return FIRN_OK;
}

/* New files of one spec and content, in as many manifests as they need. */
static firn_status
add_new_files(snapshot_files *s, const partition_spec *spec, manifest_content content, firn_error *err)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *writer = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < s->change->added_count; i++) {
        const data_file *file = &s->change->added[i];

        if (file->spec_id != spec->spec_id || (file->content == DATA_FILE_DATA) != (content == MANIFEST_DATA)) continue;
        if (!writer) FIRN_TRY(open_manifest(s, content, spec, &writer, err));
        if (content == MANIFEST_DATA && s->change->added_sequence_number > 0)
            FIRN_TRY(manifest_writer_add_older(writer, file, s->change->added_sequence_number, err));
        else
            FIRN_TRY(manifest_writer_add_new(writer, file, err));
        FIRN_TRY(count_file(s, &s->counts.added, file, err));
        if (++count % MANIFEST_FILES_MAX == 0) FIRN_TRY(close_manifest(s, &writer, err));
    }
    return writer ? close_manifest(s, &writer, err) : FIRN_OK;
}

static firn_status
add_files(snapshot_files *s, firn_error *err)
{
    for (unsigned i = 0; i < s->change->added_count; i++) {
        const data_file *file = &s->change->added[i];

        FIRN_TRY(check_new_file(file, table_metadata_spec_by_id(s->table, file->spec_id), err));
        FIRN_TRY(check_delete_kind(s, file, err));
    }
    for (unsigned i = 0; i < s->table->spec_count; i++) {
        FIRN_TRY(add_new_files(s, &s->table->specs[i], MANIFEST_DATA, err));
        FIRN_TRY(add_new_files(s, &s->table->specs[i], MANIFEST_DELETES, err));
    }
    return FIRN_OK;
}

firn_status
snapshot_files_make(snapshot_files *s, firn_error *err)
{
    s->partitions = firn_map_new();
    if (!s->partitions) return firn_fail_memory(err, "a snapshot");
    FIRN_TRY(removed_files_init(&s->removed, s->change, s->parent, err));
    FIRN_TRY(add_files(s, err));
    FIRN_TRY(carry_parent(s, err));
    if (s->change->manifest_merge.target_size_bytes > 0) FIRN_TRY(manifest_merge(s, err));
    s->counts.changed_partition_count = (int64_t) firn_map_count(s->partitions);
    return FIRN_OK;
}
