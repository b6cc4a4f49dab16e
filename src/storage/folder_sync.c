#include "storage/folder_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/slice.h"
#include "task/task.h"

struct folder_sync {
    task_lock *lock; /* guards all below */
    firn_map  *noted; /* path → non-NULL; NULL: none */
    bool       flushing;
    firn_error failure; /* the first, which stays */
};

folder_sync *
folder_sync_new(void)
{
    FIRN_AUTO(folder_sync_freep) folder_sync *f = firn_calloc(1, sizeof *f);

    if (!f) return NULL;
    f->lock = task_lock_new();
    if (!f->lock) return NULL;
    return FIRN_STEAL(f);
}

void
folder_sync_free(folder_sync *f)
{
    if (!f) return;
    firn_map_free(f->noted);
    task_lock_free(f->lock);
    firn_free(f);
}

firn_status
folder_sync_note(folder_sync *f, const char *path, firn_error *err)
{
    firn_status status;

    task_lock_hold(f->lock);
    if (!f->noted) f->noted = firn_map_new();
    status = f->noted ? firn_map_put(f->noted, firn_slice_text(path), f, err) : firn_fail_memory(err, "a folder's name");
    task_lock_release(f->lock);
    return status;
}

firn_status
folder_sync_path(const char *path, firn_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open the folder '%s'", path);
    }

    int failed = fsync(fd) < 0 ? errno : 0;

    close(fd);
    // some network file systems have nothing to sync for a folder and say so
    if (failed && failed != EINVAL && failed != ENOTSUP) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, failed, "cannot sync the folder '%s'", path);
    }
    return FIRN_OK;
}

static firn_status
sync_all(const firn_map *folders, firn_error *err)
{
    char path[4096];

    for (size_t i = 0; i < firn_map_count(folders); i++) {
        firn_slice key = firn_map_key(folders, i);
        if (key.size >= sizeof path) return firn_fail(err, FIRN_E_STORAGE_LOCATION, "a folder's path is too long");
        memcpy(path, key.data, key.size);
        path[key.size] = '\0';
        FIRN_TRY(folder_sync_path(path, err));
    }
    return FIRN_OK;
}

firn_status
folder_sync_flush(folder_sync *f, firn_error *err)
{
    FIRN_AUTO(firn_map_freep) firn_map *mine = NULL;
    firn_error failure = {0};

    task_lock_hold(f->lock);
    while (f->flushing) (void) task_lock_wait(f->lock, 0);
    mine = FIRN_STEAL(f->noted);
    f->flushing = mine != NULL;
    failure = f->failure;
    task_lock_release(f->lock);

    if (mine) {
        if (failure.status == FIRN_OK && sync_all(mine, &failure)) {
            firn_while(&failure, "making sure of the names of new files");
        }
        task_lock_hold(f->lock);
        f->flushing = false;
        f->failure = failure;
        task_lock_wake_all(f->lock);
        task_lock_release(f->lock);
    }
    if (failure.status != FIRN_OK) *err = failure;
    return failure.status;
}
