#include "write/pending_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "base/text.h"
#include "codec/json_writer.h"
#include "task/lock.h"
#include "write/pending_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t) 64 << 10)
#define LIST_BYTES_MAX ((size_t) 1 << 30)
#define NAME_PREFIX "pending-"
#define NAME_SUFFIX ".jsonl"
#define UNSETTLED_PREFIX "unsettled-"

struct pending_files {
    char      *path;
    task_lock *guard; /* of all below: a line is written as a whole */
    int        fd;
    uint64_t   size_bytes; /* the lines that are whole */
    uint64_t   synced_bytes;
    bool       syncing; /* someone does, with the guard released */
    bool       broken;  /* half a line could not be taken back, or a sync failed */
    firn_map  *commits; /* by id: not NULL while it has not ended */
};

/* ---- a run's own list ---- */

static bool
is_run_id(const char *id)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return id[0] && strspn(id, allowed) == strlen(id);
}

static char *
join_path(const char *folder, const char *prefix, const char *id)
{
    size_t size = strlen(folder) + strlen(prefix) + strlen(id) + sizeof NAME_SUFFIX + 1;
    char  *path = firn_alloc(size);

    if (path) (void) snprintf(path, size, "%s/%s%s" NAME_SUFFIX, folder, prefix, id);
    return path;
}

static void
close_fd(const int *fd)
{
    if (*fd >= 0) (void) close(*fd);
}

static firn_status
sync_folder(const char *path, firn_error *err)
{
    FIRN_AUTO(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot sync the folder '%s'", path);
    return FIRN_OK;
}

firn_status
pending_files_open(const char *folder, const char *run_id, pending_files **ret_pending, firn_error *err)
{
    FIRN_AUTO(pending_files_freep) pending_files *p = firn_calloc(1, sizeof *p);

    if (!p) return firn_fail_memory(err, "a list of pending files");
    p->fd = -1;
    if (!is_run_id(run_id)) return firn_fail(err, FIRN_E_BUG, "'%s' cannot be part of a file's name", run_id);
    p->path = join_path(folder, NAME_PREFIX, run_id);
    p->guard = task_lock_new();
    p->commits = firn_map_new();
    if (!p->path || !p->guard || !p->commits) return firn_fail_memory(err, "a list of pending files");
    FIRN_TRY(file_make_folders(folder, 0700, err));
    p->fd = open(p->path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (p->fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot create '%s'", p->path);
    FIRN_TRY(sync_folder(folder, err));
    *ret_pending = FIRN_STEAL(p);
    return FIRN_OK;
}

void
pending_files_free(pending_files *p)
{
    if (!p) return;
    close_fd(&p->fd);
    task_lock_free(p->guard);
    firn_map_free(p->commits);
    firn_free(p->path);
    firn_free(p);
}

static bool
has_open_commit(pending_files *p)
{
    bool open = false;

    task_lock_hold(p->guard);
    for (size_t i = 0; i < firn_map_count(p->commits); i++) open = open || firn_map_value(p->commits, i);
    task_lock_release(p->guard);
    return open;
}

firn_status
pending_files_close(pending_files *p, firn_error *err)
{
    if (has_open_commit(p)) return FIRN_OK;
    if (unlink(p->path) != 0 && errno != ENOENT)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot remove '%s'", p->path);
    return FIRN_OK;
}

/* The guard is held, across the write too: it is what the guard is for. */
static firn_status
append_guarded(pending_files *p, const firn_buffer *line, firn_error *err)
{
    if (p->broken) return firn_fail(err, FIRN_E_SYSTEM, "cannot write '%s': an earlier write failed", p->path);
    if (file_write_all(p->fd, line->data, line->size, p->path, err)) {
        /* A full disk takes half a line; the next one must not be glued to it. */
        if (ftruncate(p->fd, (off_t) p->size_bytes) != 0) p->broken = true;
        return err->status;
    }
    p->size_bytes += line->size;
    return FIRN_OK;
}

/* The guard is held, and released meanwhile: lines go on, and those who wait share the next sync. */
static firn_status
sync_guarded(pending_files *p, firn_error *err)
{
    const uint64_t wanted_bytes = p->size_bytes;

    while (p->synced_bytes < wanted_bytes) {
        uint64_t written_bytes = p->size_bytes;
        int      failed;

        if (p->broken) return firn_fail(err, FIRN_E_SYSTEM, "cannot write '%s' to the disk", p->path);
        if (p->syncing) {
            (void) task_lock_wait(p->guard, 0);
            continue;
        }
        p->syncing = true;
        task_lock_release(p->guard);
        failed = fdatasync(p->fd) == 0 ? 0 : errno;
        task_lock_hold(p->guard);
        p->syncing = false;
        task_lock_wake_all(p->guard);
        if (failed && failed != EINVAL) {
            p->broken = true;
            return firn_fail_errno(err, FIRN_E_SYSTEM, failed, "cannot write '%s' to the disk", p->path);
        }
        if (p->synced_bytes < written_bytes) p->synced_bytes = written_bytes;
    }
    return FIRN_OK;
}

/* What a line says of its commit. */
typedef enum line_kind { LINE_FILE, LINE_OFFERED, LINE_DONE } line_kind;

static firn_status
append_line(pending_files *p, const char *commit_id, line_kind kind, const firn_buffer *line, firn_error *err)
{
    firn_status status;

    task_lock_hold(p->guard);
    status = append_guarded(p, line, err);
    if (!status) status = firn_map_put(p->commits, firn_slice_text(commit_id), kind == LINE_DONE ? NULL : p, err);
    if (!status && kind == LINE_OFFERED) status = sync_guarded(p, err);
    task_lock_release(p->guard);
    return status;
}

firn_status
pending_files_add(pending_files *p, const char *table, const char *data_location, const char *commit_id,
                  const char *path, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer line = {0};
    jwriter w;

    firn_buffer_init(&line, LINE_BYTES_MAX);
    jwrite_begin(&w, &line, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "table", table);
    jwrite_member_text(&w, "location", data_location);
    jwrite_member_text(&w, "commit", commit_id);
    jwrite_member_text(&w, "file", path);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    FIRN_TRY(firn_buffer_add_byte(&line, '\n', err));
    return append_line(p, commit_id, LINE_FILE, &line, err);
}

static firn_status
append_mark(pending_files *p, const char *commit_id, line_kind kind, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer line = {0};

    firn_buffer_init(&line, LINE_BYTES_MAX);
    FIRN_TRY(firn_buffer_printf(&line, err, "{\"commit\":\"%s\",\"%s\":true}\n", commit_id,
                                kind == LINE_DONE ? "done" : "offered"));
    return append_line(p, commit_id, kind, &line, err);
}

firn_status
pending_files_offer(pending_files *p, const char *commit_id, firn_error *err)
{
    return append_mark(p, commit_id, LINE_OFFERED, err);
}

firn_status
pending_files_end(pending_files *p, const char *commit_id, firn_error *err)
{
    return append_mark(p, commit_id, LINE_DONE, err);
}

/* ---- what other runs left ---- */

typedef struct recovery {
    const char       *folder;
    storage          *files;
    pending_decide    decide;
    void             *state;
    const pending_except *except; /* or NULL */
    pending_recovery *counts;
} recovery;

/* A file that is not there may have been removed by the run itself, or not have got its name: it is not counted. */
static firn_status
remove_file(recovery *r, const char *path, firn_error *err)
{
    storage_object object;
    firn_status    status = r->files->ops->stat(r->files, path, &object, err);

    if (status && status != FIRN_NOT_FOUND) return status;
    firn_error_reset(err);
    FIRN_TRY(r->files->ops->remove(r->files, path, err));
    r->counts->removed_file_count += status == FIRN_OK;
    return FIRN_OK;
}

static firn_status
settle(recovery *r, const pending_entry *entry, bool *ret_left, firn_error *err)
{
    pending_verdict verdict = PENDING_LEAVE;

    FIRN_TRY(r->decide(r->state, &entry->commit, &verdict, err));
    switch (verdict) {
    case PENDING_KEEP:
        r->counts->kept_commit_count++;
        break;
    case PENDING_LEAVE:
        r->counts->left_commit_count++;
        *ret_left = true;
        break;
    case PENDING_REMOVE:
        for (const pending_path *item = entry->paths; item; item = item->next) {
            if (r->except && r->except->keeps(r->except->state, entry->commit.commit_id, item->path)) continue;
            FIRN_TRY(remove_file(r, item->path, err));
        }
        break;
    }
    return FIRN_OK;
}

static firn_status
end_list(const char *path, const char *unsettled_path, bool left, firn_error *err)
{
    int failed = left ? rename(path, unsettled_path) : unlink(path);

    if (failed) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot put '%s' away", path);
    return FIRN_OK;
}

static firn_status
recover_run(recovery *r, const char *run_id, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    FIRN_AUTO(firn_freep) char *path = join_path(r->folder, NAME_PREFIX, run_id);
    FIRN_AUTO(firn_freep) char *unsettled_path = join_path(r->folder, UNSETTLED_PREFIX, run_id);
    pending_list list;
    bool         left = false;

    if (!path || !unsettled_path) return firn_fail_memory(err, "a list of pending files");
    firn_buffer_init(&text, LIST_BYTES_MAX);
    FIRN_TRY(file_read(path, &text, err));
    FIRN_TRY(pending_list_read(firn_buffer_slice(&text), run_id, &arena, &list, err));
    for (const pending_entry *entry = list.entries; entry; entry = entry->next) {
        if (entry->done || !entry->paths) continue;
        if (settle(r, entry, &left, err))
            return firn_while(err, "looking after files of '%s' that run %s left", entry->commit.table, run_id);
    }
    r->counts->run_count++;
    return end_list(path, unsettled_path, left, err);
}

static void
close_folder(DIR **slot)
{
    if (*slot) (void) closedir(*slot);
}

static bool
is_list_name(const char *name)
{
    return strlen(name) > strlen(NAME_PREFIX NAME_SUFFIX) && text_starts_with(name, NAME_PREFIX) &&
           text_ends_with(name, NAME_SUFFIX);
}

static firn_status
recover_list(recovery *r, const char *name, firn_error *err)
{
    size_t size = strlen(name) - strlen(NAME_PREFIX NAME_SUFFIX);
    FIRN_AUTO(firn_freep) char *run_id = firn_strndup(name + strlen(NAME_PREFIX), size);

    if (!run_id) return firn_fail_memory(err, "a list of pending files");
    if (r->except && strcmp(run_id, r->except->run_id) == 0) return FIRN_OK;
    return recover_run(r, run_id, err);
}

firn_status
pending_files_recover(const char *folder, storage *files, pending_decide decide, void *state,
                      pending_recovery *ret_recovery, firn_error *err)
{
    return pending_files_recover_except(folder, files, decide, state, NULL, ret_recovery, err);
}

firn_status
pending_files_recover_except(const char *folder, storage *files, pending_decide decide, void *state,
                             const pending_except *except, pending_recovery *ret_recovery, firn_error *err)
{
    FIRN_AUTO(close_folder) DIR *opened = opendir(folder);
    const struct dirent *found;
    recovery             r = {folder, files, decide, state, except, ret_recovery};

    *ret_recovery = (pending_recovery){0};
    if (!opened && errno == ENOENT) return FIRN_OK;
    if (!opened) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot list '%s'", folder);
    while ((errno = 0, found = readdir(opened))) {
        firn_error failed = {0};

        if (is_list_name(found->d_name) && recover_list(&r, found->d_name, &failed) && !err->status) *err = failed;
    }
    if (errno && !err->status) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot list '%s'", folder);
    return err->status;
}

/* ---- what any run has begun ---- */

typedef struct pending_walk {
    pending_visit visit;
    void         *state;
} pending_walk;

static firn_status
visit_list(const pending_walk *walk, const char *path, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    pending_list list = {0};
    firn_status  status;

    firn_buffer_init(&text, LIST_BYTES_MAX);
    status = file_read(path, &text, err);
    if (status == FIRN_NOT_FOUND) { // its run has ended meanwhile
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    FIRN_TRY(pending_list_read(firn_buffer_slice(&text), "", &arena, &list, err));
    if (list.damaged) {
        (void) firn_fail(err, FIRN_E_PENDING_LIST, "the list of pending files '%s' is damaged", path);
        firn_hint(err, "where no firn of that source runs, `firn load` reads it and sets it aside");
        return err->status;
    }
    for (const pending_entry *entry = list.entries; entry; entry = entry->next) {
        for (const pending_path *item = entry->done ? NULL : entry->paths; item; item = item->next)
            FIRN_TRY(walk->visit(walk->state, item->path, err));
    }
    return FIRN_OK;
}

#define WALK_DEPTH_MAX 4

static firn_status
walk_folder(const pending_walk *walk, const char *folder, unsigned depth, firn_error *err)
{
    FIRN_AUTO(close_folder) DIR *opened = opendir(folder);
    const struct dirent *found;

    if (!opened && (errno == ENOENT || errno == ENOTDIR)) return FIRN_OK;
    if (!opened) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot list '%s'", folder);
    while ((errno = 0, found = readdir(opened))) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        const char *path;

        if (found->d_name[0] == '.') continue;
        path = firn_arena_printf(&arena, "%s/%s", folder, found->d_name);
        if (!path) return firn_fail_memory(err, "a list of pending files");
        if (is_list_name(found->d_name)) FIRN_TRY(visit_list(walk, path, err));
        else if (depth < WALK_DEPTH_MAX && found->d_type != DT_REG)
            FIRN_TRY(walk_folder(walk, path, depth + 1, err));
    }
    if (errno) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot list '%s'", folder);
    return FIRN_OK;
}

firn_status
pending_files_each(const char *folder, pending_visit visit, void *state, firn_error *err)
{
    const pending_walk walk = {visit, state};

    return walk_folder(&walk, folder, 0, err);
}
