#include "iceberg/removed_files.h"

#include "base/alloc.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/position_delete.h"

/* Values of the maps: only their addresses count. */
static char wanted, found;

static firn_status
put_wanted(firn_map *map, const char *const texts[], unsigned count, firn_error *err)
{
    for (unsigned i = 0; i < count; i++) FIRN_TRY(firn_map_put(map, firn_slice_text(texts[i]), &wanted, err));
    return FIRN_OK;
}

static firn_status
fill_maps(removed_files *r, const table_change *change, firn_error *err)
{
    FIRN_TRY(put_wanted(r->paths, change->removed_paths, change->removed_path_count, err));
    for (unsigned i = 0; i < change->removed_vector_count; i++) {
        data_file *vector = &r->vectors_wanted[i];

        *vector = change->removed_vectors[i];
        assert(data_file_is_vector(vector) && vector->referenced_data_file);
        FIRN_TRY(firn_map_put(r->vectors, firn_slice_text(vector->referenced_data_file), vector, err));
    }
    for (unsigned i = 0; i < change->added_count; i++) {
        const data_file *file = &change->added[i];

        if (data_file_is_vector(file))
            FIRN_TRY(firn_map_put(r->targets, firn_slice_text(file->referenced_data_file), &wanted, err));
    }
    return FIRN_OK;
}

firn_status
removed_files_init(removed_files *r, const table_change *change, const snapshot *parent, firn_error *err)
{
    bool known = change->required_at != 0 && parent && parent->snapshot_id == change->required_at;

    *r = (removed_files){.change = change};
    r->paths = firn_map_new();
    r->vectors = firn_map_new();
    r->required = firn_map_new();
    r->targets = firn_map_new();
    r->vectors_wanted = firn_calloc((size_t) change->removed_vector_count + 1, sizeof *r->vectors_wanted);
    if (!r->vectors_wanted || !r->paths || !r->vectors || !r->required || !r->targets)
        return firn_fail_memory(err, "a snapshot");
    FIRN_TRY(fill_maps(r, change, err));
    if (!known) FIRN_TRY(put_wanted(r->required, change->required_paths, change->required_path_count, err));
    r->reads_data = change->removed_path_count > 0 || firn_map_count(r->required) > 0;
    return FIRN_OK;
}

void
removed_files_done(removed_files *r)
{
    firn_free(r->vectors_wanted);
    firn_map_free(r->paths);
    firn_map_free(r->vectors);
    firn_map_free(r->required);
    firn_map_free(r->targets);
}

bool
removed_files_reads(const removed_files *r, manifest_content content)
{
    if (r->change->replace_all) return true;
    if (content == MANIFEST_DATA) return r->reads_data;
    return r->change->removed_path_count > 0 || firn_map_count(r->vectors) > 0 || firn_map_count(r->targets) > 0;
}

/* Whether the key is wanted; then it counts as found. */
static bool
take(firn_map *map, firn_slice key)
{
    // The key is in the map already, so that this cannot need memory.
    firn_error  unused = {0};
    firn_status status;

    if (!firn_map_get(map, key)) return false;
    status = firn_map_put(map, key, &found, &unused);
    assert(status == FIRN_OK);
    return true;
}

static bool
has_vector(removed_files *r, const data_file *file)
{
    firn_slice       target = firn_slice_text(file->referenced_data_file);
    const data_file *vector;

    if (!target.data) return false;
    vector = firn_map_get(r->vectors, target);
    if (vector && (const void *) vector != &found && vector->content_offset == file->content_offset &&
        strcmp(vector->path, file->path) == 0)
        return take(r->vectors, target);
    if (firn_map_get(r->paths, target)) return true;
    (void) take(r->targets, target); // stays beside the one that comes: see the check
    return false;
}

bool
removed_files_has(removed_files *r, const data_file *file)
{
    firn_slice target;

    if (r->change->replace_all) return true;
    if (data_file_is_vector(file)) return has_vector(r, file);
    if (file->content == DATA_FILE_DATA) (void) take(r->required, firn_slice_text(file->path));
    if (take(r->paths, firn_slice_text(file->path))) return true;
    target = delete_file_target(file);
    return target.data && firn_map_get(r->paths, target) != NULL;
}

/* The first key whose value is (or is not) that it was found. */
static bool
first_key(const firn_map *map, bool is_found, firn_slice *ret_key)
{
    for (size_t i = 0; i < firn_map_count(map); i++) {
        if ((firn_map_value(map, i) == &found) != is_found) continue;
        *ret_key = firn_map_key(map, i);
        return true;
    }
    return false;
}

static firn_status
fail_gone(firn_slice path, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_CATALOG_FILE_GONE, "file '%.*s' %s", (int) path.size, (const char *) path.data, what);
}

firn_status
removed_files_check(const removed_files *r, firn_error *err)
{
    firn_slice path;

    if (!r->change->replace_all) {
        if (first_key(r->paths, false, &path) || first_key(r->required, false, &path))
            return fail_gone(path, "is no longer in the table", err);
        if (first_key(r->vectors, false, &path))
            return fail_gone(path, "no longer has the deletion vector that it had", err);
    }
    if (first_key(r->targets, true, &path)) return fail_gone(path, "has got a deletion vector meanwhile", err);
    return FIRN_OK;
}
