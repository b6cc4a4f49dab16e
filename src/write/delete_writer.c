#include "write/delete_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/position_delete.h"
#include "iceberg/puffin_writer.h"

#define ROW_POSITION_ID 2147483645 /* reserved: _pos, of which a deletion vector is made */

typedef struct write_job {
    const delete_writer_settings *settings;
    const delete_target         **targets; /* by spec, partition and path; or by path alone */
    size_t                        count;
    delete_files                  out;
    data_file                    *added; /* in out.arena; copied to out.added when all is written */
    unsigned                      added_count;
    const char                  **begun; /* the files' names */
    unsigned                      begun_count;
    firn_error                   *err;
} write_job;

void
delete_files_done(delete_files *d)
{
    data_file_list_done(&d->added);
    firn_arena_done(&d->arena);
    *d = (delete_files){0};
}

static void
job_done(write_job *job)
{
    delete_files_done(&job->out);
    firn_free(job->targets);
}

/* ---- order ---- */

static int
compare_targets(const void *a, const void *b)
{
    const delete_target *x = *(const delete_target *const *) a, *y = *(const delete_target *const *) b;
    int                  order = data_file_compare_partitions(x->file, y->file);

    return order ? order : strcmp(x->file->path, y->file->path);
}

static firn_status
job_init(write_job *job, const delete_target targets[], size_t count)
{
    firn_arena *arena = &job->out.arena;
    size_t      delete_count = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t last;

        if (!roaring64_max(targets[i].rows, &last) || last >= (uint64_t) targets[i].file->record_count)
            return firn_fail(job->err, FIRN_E_BUG, "rows of '%s' shall go that it does not have",
                             targets[i].file->path);
        delete_count += targets[i].delete_count;
    }
    job->count = count;
    job->targets = firn_calloc(count + 1, sizeof(const delete_target *));
    job->added = firn_arena_array(arena, count + 1, sizeof *job->added);
    job->begun = firn_arena_array(arena, count + 1, sizeof(const char *));
    job->out.removed_vectors = firn_arena_array(arena, delete_count + 1, sizeof *job->out.removed_vectors);
    job->out.removed_paths = firn_arena_array(arena, delete_count + 1, sizeof(const char *));
    job->out.required_paths = firn_arena_array(arena, count + 1, sizeof(const char *));
    if (!job->targets || !job->added || !job->begun || !job->out.removed_vectors || !job->out.removed_paths ||
        !job->out.required_paths)
        return firn_fail_memory(job->err, "deleted rows");
    for (size_t i = 0; i < count; i++) {
        const char *path = firn_arena_strdup(arena, targets[i].file->path);

        if (!path) return firn_fail_memory(job->err, "deleted rows");
        job->targets[i] = &targets[i];
        job->out.required_paths[job->out.required_path_count++] = path;
    }
    qsort(job->targets, count, sizeof(const delete_target *), compare_targets);
    for (size_t i = 1; i < count; i++) assert(compare_targets(&job->targets[i - 1], &job->targets[i]) < 0);
    return FIRN_OK;
}

/* A name for the next file, noted; in the arena. */
static firn_status
begin_file(write_job *job, const char *suffix, const char **ret_path)
{
    const delete_writer_settings *s = job->settings;
    const char *path = firn_arena_printf(&job->out.arena, "%s/%s-deletes-%05u.%s", s->data_location, s->prefix,
                                         s->first_number + job->begun_count, suffix);

    if (!path) return firn_fail_memory(job->err, "a delete file's name");
    if (s->pending)
        FIRN_TRY(pending_files_add(s->pending, s->table_name, s->data_location, s->prefix, path, job->err));
    job->begun[job->begun_count++] = path;
    *ret_path = path;
    return FIRN_OK;
}

static void
add_file(write_job *job, data_file file, const data_file *of)
{
    file.spec_id = of->spec_id;
    file.partition_count = of->partition_count;
    file.partition = of->partition;
    job->added[job->added_count++] = file;
}

/* ---- version 2 ---- */

static firn_status
write_positions(write_job *job, const delete_target *const targets[], size_t count)
{
    FIRN_AUTO(firn_freep) position_delete *deletes = firn_calloc(count, sizeof *deletes);
    const char *path;
    data_file   file;

    if (!deletes) return firn_fail_memory(job->err, "deleted rows");
    for (size_t i = 0; i < count; i++) deletes[i] = (position_delete){targets[i]->file->path, targets[i]->rows};
    FIRN_TRY(begin_file(job, "parquet", &path));
    FIRN_TRY(position_delete_write(job->settings->files, path, deletes, count, &job->out.arena, &file, job->err));
    add_file(job, file, targets[0]->file);
    return FIRN_OK;
}

static firn_status
write_version_2(write_job *job)
{
    const char *granularity = table_metadata_property(job->settings->table, "write.delete.granularity");
    bool        by_partition = granularity && strcmp(granularity, "partition") == 0;

    for (size_t i = 0, next; i < job->count; i = next) {
        for (next = i + 1; by_partition && next < job->count; next++) {
            if (data_file_compare_partitions(job->targets[i]->file, job->targets[next]->file) != 0) break;
        }
        FIRN_TRY(write_positions(job, job->targets + i, next - i));
    }
    return FIRN_OK;
}

/* ---- version 3 ---- */

/* What was deleted before, and which of these files are not needed any more. */
static firn_status
add_deleted_before(write_job *job, const delete_target *target, roaring64 *rows)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = NULL;
    const roaring64 *positions;
    storage         *files = job->settings->files;

    for (unsigned i = 0; i < target->delete_count; i++) {
        FIRN_AUTO(roaring64_freep) roaring64 *vector = NULL;
        const data_file *file = &target->deletes[i]->file;
        data_file        copy;

        if (file->content != DATA_FILE_POSITION_DELETES) continue; // by value: they go on applying
        FIRN_TRY(data_file_copy(file, &job->out.arena, &copy, job->err));
        if (data_file_is_vector(file)) {
            FIRN_TRY(deletion_vector_read(files, file, &vector, job->err));
            FIRN_TRY(roaring64_add_all(rows, vector, job->err));
            job->out.removed_vectors[job->out.removed_vector_count++] = copy;
            continue;
        }
        if (!set) set = position_delete_set_new(job->settings->memory_bytes_max);
        if (!set) return firn_fail_memory(job->err, "deleted rows");
        FIRN_TRY(position_delete_set_read(set, files, file, target->file->path, job->err));
        if (delete_file_target(file).data) job->out.removed_paths[job->out.removed_path_count++] = copy.path;
    }
    positions = set ? position_delete_set_get(set, target->file->path) : NULL;
    return positions ? roaring64_add_all(rows, positions, job->err) : FIRN_OK;
}

static firn_status
write_vector(write_job *job, const delete_target *target, puffin_writer *puffin, const char *path)
{
    static const int32_t field = ROW_POSITION_ID;
    FIRN_AUTO(roaring64_freep) roaring64 *rows = roaring64_new();
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    char           cardinality[24];
    table_property properties[] = {{PUFFIN_REFERENCED_FILE, target->file->path}, {PUFFIN_CARDINALITY, cardinality}};
    puffin_blob    blob = {.type = PUFFIN_DELETION_VECTOR, .field_count = 1, .fields = &field, .snapshot_id = -1,
                           .sequence_number = -1, .property_count = FIRN_COUNT(properties), .properties = properties};
    data_file      file = {.content = DATA_FILE_POSITION_DELETES, .path = path, .format = "PUFFIN",
                           .sort_order_id = -1, .first_row_id = -1};

    if (!rows) return firn_fail_memory(job->err, "deleted rows");
    FIRN_TRY(roaring64_add_all(rows, target->rows, job->err));
    FIRN_TRY(add_deleted_before(job, target, rows));
    file.record_count = (int64_t) roaring64_count(rows);
    (void) snprintf(cardinality, sizeof cardinality, "%" PRId64, file.record_count);
    firn_buffer_init(&bytes, DELETION_VECTOR_SIZE_MAX);
    FIRN_TRY(deletion_vector_encode(rows, &bytes, job->err));
    FIRN_TRY(puffin_writer_add(puffin, &blob, firn_buffer_slice(&bytes), &file.content_offset, job->err));
    file.content_size_bytes = (int64_t) bytes.size;
    file.referenced_data_file = target->file->path;
    add_file(job, file, target->file);
    return FIRN_OK;
}

static firn_status
write_version_3(write_job *job)
{
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;
    FIRN_AUTO(puffin_writer_freep) puffin_writer *puffin = NULL;
    storage    *files = job->settings->files;
    const char *path;
    uint64_t    size_bytes;

    FIRN_TRY(begin_file(job, "puffin", &path));
    FIRN_TRY(files->ops->open_sink(files, path, &sink, job->err));
    FIRN_TRY(puffin_writer_open(FIRN_STEAL(sink), &puffin, job->err));
    for (size_t i = 0; i < job->count; i++) {
        if (write_vector(job, job->targets[i], puffin, path))
            return firn_while(job->err, "deleting rows of '%s'", job->targets[i]->file->path);
    }
    FIRN_TRY(puffin_writer_close(puffin, &size_bytes, job->err));
    for (unsigned i = 0; i < job->added_count; i++) job->added[i].size_bytes = (int64_t) size_bytes;
    return FIRN_OK;
}

/* ---- the whole ---- */

static firn_status
write_all(write_job *job, const delete_target targets[], size_t count)
{
    data_file_list written = {.files = NULL};

    FIRN_TRY(job_init(job, targets, count));
    if (job->settings->table->format_version >= 3)
        FIRN_TRY(write_version_3(job));
    else
        FIRN_TRY(write_version_2(job));
    written.files = job->added;
    written.count = job->added_count;
    return data_file_list_append(&job->out.added, &written, job->err);
}

/* A file that could not be finished may have its name already; unless the name was another's. */
static void
discard(const write_job *job)
{
    storage *files = job->settings->files;

    for (unsigned i = 0; i < job->begun_count; i++) {
        firn_error ignored = {0};

        if (i + 1 == job->begun_count && job->err->status == FIRN_CONFLICT) break;
        (void) !files->ops->remove(files, job->begun[i], &ignored);
    }
}

firn_status
delete_writer_write(const delete_writer_settings *settings, const delete_target targets[], size_t count,
                    delete_files *ret_files, firn_error *err)
{
    FIRN_AUTO(job_done) write_job job = {.settings = settings, .err = err};

    if (count > 0 && write_all(&job, targets, count)) {
        discard(&job);
        return err->status;
    }
    *ret_files = job.out;
    job.out = (delete_files){0};
    return FIRN_OK;
}
