#include "maintain/orphan_step.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "iceberg/file_names.h"
#include "maintain/metadata_files.h"
#include "maintain/reachable_files.h"
#include "storage/location.h"

typedef struct orphan_item {
    const char *location;
    int64_t     size_bytes;
} orphan_item;

typedef struct orphan_job {
    maintain_task *t;
    firn_arena     arena;
    int64_t        older_than_us;
    orphan_item   *items; /* old enough */
    size_t         count, capacity;
    bool           has_tables; /* another table lies below the folder */
    file_set       pending;
} orphan_job;

static void
orphan_job_done(orphan_job *job)
{
    firn_free(job->items);
    file_set_done(&job->pending);
    firn_arena_done(&job->arena);
}

/* ---- what is there ---- */

static firn_status
add_item(orphan_job *job, const storage_object *object, firn_error *err)
{
    const char *location;

    if (job->count == job->capacity) {
        size_t       capacity = job->capacity ? job->capacity * 2 : 256;
        orphan_item *items = firn_realloc(job->items, capacity * sizeof *items);

        if (!items) return firn_fail_memory(err, "a list of files");
        job->items = items;
        job->capacity = capacity;
    }
    location = firn_arena_strdup(&job->arena, object->location);
    if (!location) return firn_fail_memory(err, "a list of files");
    job->items[job->count++] = (orphan_item){location, (int64_t) object->size_bytes};
    return FIRN_OK;
}

static firn_status
visit_data(void *state, const storage_object *object, firn_error *err)
{
    orphan_job *job = state;

    // A namespace may have the table's name, and a level of it that of this folder: other tables lie here then.
    if (text_ends_with(object->location, ".metadata.json") || text_ends_with(object->location, "/version-hint.text"))
        job->has_tables = true;
    return object->modified_us < job->older_than_us ? add_item(job, object, err) : FIRN_OK;
}

static firn_status
visit_metadata(void *state, const storage_object *object, firn_error *err)
{
    orphan_job *job = state;
    const char *name = location_name(object->location);

    if (strcmp(name, "version-hint.text") == 0 || strcmp(name, ".version-hint.text.crc") == 0) return FIRN_OK;
    return object->modified_us < job->older_than_us ? add_item(job, object, err) : FIRN_OK;
}

static firn_status
visit_pending(void *state, const char *path, firn_error *err)
{
    return file_set_add(state, path, err);
}

static firn_status
find(orphan_job *job, firn_error *err)
{
    const maintain_settings *s = job->t->settings;
    storage                 *files = job->t->lake->files;
    const char              *location = job->t->table->location;
    const char              *data = file_name_data_folder(&job->arena, location);
    const char              *metadata = file_name_metadata_folder(&job->arena, location);
    int64_t                  age_ms = s->orphan_age_ms > 0 ? s->orphan_age_ms : MAINTAIN_ORPHAN_AGE_MS;

    if (!data || !metadata) return firn_fail_memory(err, "a location");
    job->older_than_us = firn_clock_now_us() - age_ms * 1000;
    FIRN_TRY(files->ops->list(files, data, visit_data, job, err));
    FIRN_TRY(files->ops->list(files, metadata, visit_metadata, job, err));
    FIRN_TRY(file_set_init(&job->pending, err));
    if (!s->pending_root) return FIRN_OK;
    return pending_files_each(s->pending_root, visit_pending, &job->pending, err);
}

/* ---- what of it is needed ---- */

/* Hadoop keeps checksums beside a file: ".name.crc" is needed as long as the file. */
static const char *
subject_of(const char *location, firn_arena *arena)
{
    const char *name = location_name(location), *folder;
    size_t      size = strlen(name);

    if (name[0] != '.' || !text_ends_with(name, ".crc") || size < 6) return location;
    folder = location_parent(arena, location);
    return folder ? firn_arena_printf(arena, "%s/%.*s", folder, (int) (size - 5), name + 1) : NULL;
}

static firn_status
is_needed(const orphan_job *job, const reachable_files *reachable, const char *location, bool *ret_needed,
          firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *subject = subject_of(location, &arena);
    int64_t     version;

    if (!subject) return firn_fail_memory(err, "a location");
    *ret_needed = file_set_has(&reachable->set, subject) || file_set_has(&job->pending, subject) ||
                  (file_name_metadata_version(location_name(subject), &version) && version >= reachable->table->version);
    return FIRN_OK;
}

/* Keeps of the items those that the table, as it is now, does not need. */
static firn_status
sieve(orphan_job *job, firn_error *err)
{
    FIRN_AUTO(reachable_files_done) reachable_files reachable = {0};
    size_t kept = 0;

    FIRN_TRY(reachable_files_init(&reachable, job->t->table, job->t->lake->files, err));
    FIRN_TRY(reachable_files_add_table(&reachable, err));
    for (size_t i = 0; i < job->count; i++) {
        bool needed = false;

        FIRN_TRY(is_needed(job, &reachable, job->items[i].location, &needed, err));
        if (!needed) job->items[kept++] = job->items[i];
    }
    job->count = kept;
    return FIRN_OK;
}

/* The table may have moved on while its manifests were read: until it stands still for a look. */
static firn_status
sieve_until_quiet(orphan_job *job, firn_error *err)
{
    maintain_task *t = job->t;

    for (bool quiet = false; job->count && !quiet;) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *looked_at = NULL;

        FIRN_TRY(maintain_task_check(t, err));
        FIRN_TRY(maintain_task_reload(t, err));
        looked_at = table_metadata_ref(t->table);
        FIRN_TRY(sieve(job, err));
        FIRN_TRY(maintain_task_reload(t, err));
        quiet = strcmp(t->table->metadata_location, looked_at->metadata_location) == 0;
    }
    return FIRN_OK;
}

static firn_status
remove_items(const orphan_job *job, firn_error *err)
{
    maintain_task *t = job->t;

    for (size_t i = 0; i < job->count; i++) {
        const orphan_item *item = &job->items[i];

        FIRN_TRY(maintain_task_check(t, err));
        if (i > 0) firn_crash_point("orphans.mid-delete");
        if (!t->settings->dry_run) FIRN_TRY(t->lake->files->ops->remove(t->lake->files, item->location, err));
        log_debug("%s the orphan '%s'", t->settings->dry_run ? "would remove" : "removed", item->location);
        t->result->orphan_file_count++;
        t->result->orphan_bytes += item->size_bytes;
    }
    return FIRN_OK;
}

firn_status
orphan_step_run(maintain_task *t, firn_error *err)
{
    FIRN_AUTO(orphan_job_done) orphan_job job = {.t = t};

    if (!maintain_property_is(t->table, "gc.enabled", true)) {
        maintain_result_note(t->result, "gc.enabled is false: orphans stay");
        return FIRN_OK;
    }
    if (find(&job, err)) return firn_while(err, "looking for orphans of '%s'", t->ident->name);
    if (job.has_tables) {
        maintain_result_note(t->result, "other tables lie in its data folder: orphans stay");
        return FIRN_OK;
    }
    if (sieve_until_quiet(&job, err)) return firn_while(err, "looking for orphans of '%s'", t->ident->name);
    return remove_items(&job, err);
}
