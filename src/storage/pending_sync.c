#include "storage/pending_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/slice.h"
#include "task/task.h"

/* Open descriptors; beyond that, a file is synced at once. */
#define FILES_MAX 64
#define SMALL_FILE_BYTES ((uint64_t) 1 << 20)
#define PATH_SIZE_MAX 4096
#define FILE_SYSTEMS_MAX 8
#define TOGETHER_MIN 3
#define SYNC_EXPECTED_US 20000
#define SYNC_LONG_US 200000
#define FLUSHES_WITHOUT 20

typedef struct pending_files {
    unsigned count;
    int      fd[FILES_MAX];
} pending_files;

struct pending_sync {
    task_lock    *lock; /* guards all below */
    pending_files files;
    firn_map     *folders; /* path → non-NULL; NULL: none */
    bool          flushing;
    unsigned      patience; /* flushes left that sync one by one */
    firn_error    failure;  /* the first, which stays */
};

/* What one flush has to do. */
typedef struct sync_set {
    pending_files files;
    firn_map     *folders;
    size_t        folder_count;
    int           own_fd; /* of the caller; -1: none */
} sync_set;

pending_sync *
pending_sync_new(void)
{
    FIRN_AUTO(pending_sync_freep) pending_sync *p = firn_calloc(1, sizeof *p);

    if (!p) return NULL;
    p->lock = task_lock_new();
    if (!p->lock) return NULL;
    return FIRN_STEAL(p);
}

static void
close_files(pending_files *files)
{
    for (unsigned i = 0; i < files->count; i++) close(files->fd[i]);
    files->count = 0;
}

static void
sync_set_done(sync_set *set)
{
    close_files(&set->files);
    firn_map_free(set->folders);
}

void
pending_sync_free(pending_sync *p)
{
    if (!p) return;
    close_files(&p->files);
    firn_map_free(p->folders);
    task_lock_free(p->lock);
    firn_free(p);
}

/* Some network and memory file systems have nothing to sync and say so. */
static bool
is_nothing(int failed)
{
    return failed == 0 || failed == EINVAL || failed == ENOTSUP || failed == EROFS;
}

firn_status
pending_sync_file(pending_sync *p, int take_fd, uint64_t size_bytes, const char *path, firn_error *err)
{
    bool taken = false;

    if (size_bytes <= SMALL_FILE_BYTES) {
        task_lock_hold(p->lock);
        taken = p->files.count < FILES_MAX;
        if (taken) p->files.fd[p->files.count++] = take_fd;
        task_lock_release(p->lock);
    }
    if (taken) return FIRN_OK;

    int failed = fdatasync(take_fd) < 0 ? errno : 0;

    close(take_fd);
    if (is_nothing(failed)) return FIRN_OK;
    return firn_fail_errno(err, FIRN_E_STORAGE_IO, failed, "cannot write '%s' to the disk", path);
}

firn_status
pending_sync_folder(pending_sync *p, const char *path, firn_error *err)
{
    firn_status status;

    task_lock_hold(p->lock);
    if (!p->folders) p->folders = firn_map_new();
    status = p->folders ? firn_map_put(p->folders, firn_slice_text(path), p, err)
                        : firn_fail_memory(err, "a folder's name");
    task_lock_release(p->lock);
    return status;
}

/* A folder's descriptor, or -1: gone, so that it has nothing to lose, or not ours to list. */
static int
open_folder(const firn_map *folders, size_t index)
{
    char       path[PATH_SIZE_MAX];
    firn_slice key = firn_map_key(folders, index);

    if (key.size >= sizeof path) return -1; // longer than the system takes: was never made
    memcpy(path, key.data, key.size);
    path[key.size] = '\0';
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static firn_status
sync_one(int fd, const char *what, firn_error *err)
{
    int failed = fsync(fd) < 0 ? errno : 0;

    if (is_nothing(failed)) return FIRN_OK;
    return firn_fail_errno(err, FIRN_E_STORAGE_IO, failed, "cannot write %s to the disk", what);
}

static firn_status
sync_each(const sync_set *set, firn_error *err)
{
    // only a wish, so that the waits below overlap
    for (unsigned i = 0; i < set->files.count; i++) (void) sync_file_range(set->files.fd[i], 0, 0, SYNC_FILE_RANGE_WRITE);
    for (unsigned i = 0; i < set->files.count; i++) FIRN_TRY(sync_one(set->files.fd[i], "a new file", err));
    if (set->own_fd >= 0) FIRN_TRY(sync_one(set->own_fd, "a new file", err));
    for (size_t i = 0; i < set->folder_count; i++) {
        int fd = open_folder(set->folders, i);
        if (fd < 0) continue;
        firn_status status = sync_one(fd, "a folder's entries", err);
        close(fd);
        FIRN_TRY(status);
    }
    return FIRN_OK;
}

/* One call for each file system; `seen` are those that are done. */
static firn_status
sync_file_system(int fd, dev_t seen[], unsigned *seen_count, firn_error *err)
{
    struct stat facts;

    if (fstat(fd, &facts) < 0) return sync_one(fd, "a new file", err);
    for (unsigned i = 0; i < *seen_count; i++) {
        if (seen[i] == facts.st_dev) return FIRN_OK;
    }
    if (syncfs(fd) < 0 && !is_nothing(errno)) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot write new files to the disk");
    }
    if (*seen_count < FILE_SYSTEMS_MAX) seen[(*seen_count)++] = facts.st_dev; // beyond: done again, no harm
    return FIRN_OK;
}

static firn_status
sync_together(const sync_set *set, firn_error *err)
{
    dev_t    seen[FILE_SYSTEMS_MAX];
    unsigned seen_count = 0;

    for (unsigned i = 0; i < set->files.count; i++) {
        FIRN_TRY(sync_file_system(set->files.fd[i], seen, &seen_count, err));
    }
    if (set->own_fd >= 0) FIRN_TRY(sync_file_system(set->own_fd, seen, &seen_count, err));
    for (size_t i = 0; i < set->folder_count; i++) {
        int fd = open_folder(set->folders, i);
        if (fd < 0) continue;
        firn_status status = sync_file_system(fd, seen, &seen_count, err);
        close(fd);
        FIRN_TRY(status);
    }
    return FIRN_OK;
}

/* Each sync of one file costs the disk a flush, and syncfs costs one for all: a third of the time for a small table's
 * commit. But it also waits for what others have written. Where that took long, it's left alone for a while. */
static firn_status
sync_set_now(const sync_set *set, unsigned *patience, firn_error *err)
{
    size_t   count = set->files.count + set->folder_count + (set->own_fd >= 0);
    uint64_t started;

    if (count < TOGETHER_MIN || *patience > 0) {
        if (*patience > 0) (*patience)--;
        return sync_each(set, err);
    }
    started = firn_clock_monotonic_us();
    FIRN_TRY(sync_together(set, err));
    if (firn_clock_monotonic_us() - started > count * SYNC_EXPECTED_US + SYNC_LONG_US) *patience = FLUSHES_WITHOUT;
    return FIRN_OK;
}

firn_status
pending_sync_flush(pending_sync *p, int own_fd, firn_error *err)
{
    FIRN_AUTO(sync_set_done) sync_set set = {.own_fd = own_fd};
    firn_error failure = {0};

    task_lock_hold(p->lock);
    while (p->flushing) (void) task_lock_wait(p->lock, 0);
    set.folders = FIRN_STEAL(p->folders);
    set.folder_count = set.folders ? firn_map_count(set.folders) : 0;
    set.files = p->files;
    p->files.count = 0;
    p->flushing = true;
    failure = p->failure;
    task_lock_release(p->lock);

    // `patience` belongs to the one that flushes
    if (failure.status == FIRN_OK && sync_set_now(&set, &p->patience, &failure)) {
        firn_while(&failure, "making sure of the files that a commit is about");
    }

    task_lock_hold(p->lock);
    p->flushing = false;
    p->failure = failure;
    task_lock_wake_all(p->lock);
    task_lock_release(p->lock);
    if (failure.status != FIRN_OK) *err = failure;
    return failure.status;
}
