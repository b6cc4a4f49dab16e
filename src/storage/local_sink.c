#include "storage/local_sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "base/uuid.h"

/* Small writes are gathered; what is at least as large goes to the system as it is. */
#define GATHER_BYTES ((size_t) 64 << 10)
/* The disk starts to write after so many bytes, so that the sync at the end finds little left. */
#define WRITE_BEHIND_BYTES ((uint64_t) 8 << 20)
#define TEMPORARY_SUFFIX ".tmp"
/* Two dots, the id and the suffix. */
#define TEMPORARY_EXTRA (2 + (size_t) (UUID_TEXT_SIZE - 1) + (sizeof TEMPORARY_SUFFIX - 1))

typedef struct local_sink {
    firn_sink    base;
    pending_sync *pending;
    int          fd;        /* -1: closed */
    bool         is_placed; /* has its own name */
    bool         is_synced;
    char        *path, *temporary, *folder;
    size_t       gathered_bytes;
    uint64_t     passed_bytes, started_bytes; /* given to the system; of these, on their way to the disk */
    uint8_t      gathered[GATHER_BYTES];
} local_sink;

bool
local_sink_is_temporary(const char *name)
{
    return name[0] == '.' && text_ends_with(name, TEMPORARY_SUFFIX);
}

static firn_status
pass(local_sink *s, const void *bytes, size_t size, firn_error *err)
{
    FIRN_TRY(file_write_all(s->fd, bytes, size, s->path, err));
    s->passed_bytes += size;
    if (s->passed_bytes - s->started_bytes >= WRITE_BEHIND_BYTES) {
        // only a wish: errors show at the sync
        (void) sync_file_range(s->fd, (off_t) s->started_bytes, (off_t) (s->passed_bytes - s->started_bytes),
                               SYNC_FILE_RANGE_WRITE);
        s->started_bytes = s->passed_bytes;
    }
    return FIRN_OK;
}

static firn_status
pass_gathered(local_sink *s, firn_error *err)
{
    size_t size = s->gathered_bytes;

    s->gathered_bytes = 0;
    return size ? pass(s, s->gathered, size, err) : FIRN_OK;
}

static firn_status
write_sink(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    local_sink *s = (local_sink *) sink;

    if (size > GATHER_BYTES - s->gathered_bytes) FIRN_TRY(pass_gathered(s, err));
    if (size >= GATHER_BYTES) return pass(s, bytes, size, err);
    if (size > 0) memcpy(s->gathered + s->gathered_bytes, bytes, size);
    s->gathered_bytes += size;
    return FIRN_OK;
}

static void
abort_sink(firn_sink *sink)
{
    local_sink *s = (local_sink *) sink;

    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    if (!s->is_placed && s->temporary) (void) unlink(s->temporary);
}

static void
free_sink(firn_sink *sink)
{
    local_sink *s = (local_sink *) sink;

    abort_sink(sink);
    firn_free(s->path);
    firn_free(s->temporary);
    firn_free(s->folder);
    firn_free(s);
}

static void
free_sinkp(local_sink **slot)
{
    if (*slot) free_sink(&(*slot)->base);
}

/* For file systems without a rename that spares what is there. Over NFS a link that was made can be reported
 * as refused, when the answer was lost and the request sent again: the link count knows. */
static int
link_into_place(local_sink *s)
{
    struct stat facts;

    if (link(s->temporary, s->path) < 0) {
        int failed = errno;
        if (stat(s->temporary, &facts) < 0 || facts.st_nlink != 2) return failed;
    }
    (void) unlink(s->temporary);
    return 0;
}

static int
rename_into_place(local_sink *s)
{
    if (renameat2(AT_FDCWD, s->temporary, AT_FDCWD, s->path, RENAME_NOREPLACE) == 0) return 0;
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return link_into_place(s);
    return errno;
}

firn_status
local_sink_sync(firn_sink *sink, firn_error *err)
{
    local_sink *s = (local_sink *) sink;

    FIRN_TRY(pass_gathered(s, err));
    FIRN_TRY(pending_sync_flush(s->pending, s->fd, err));
    s->is_synced = true;
    return FIRN_OK;
}

static firn_status
hand_over_bytes(local_sink *s, firn_error *err)
{
    int fd = s->fd;

    s->fd = -1;
    if (!s->is_synced) return pending_sync_file(s->pending, fd, s->passed_bytes, s->path, err);
    close(fd);
    return FIRN_OK;
}

static firn_status
finish_sink(firn_sink *sink, firn_error *err)
{
    local_sink *s = (local_sink *) sink;

    FIRN_TRY(pass_gathered(s, err));
    FIRN_TRY(hand_over_bytes(s, err));

    int failed = rename_into_place(s);

    if (failed == EEXIST) return firn_fail(err, FIRN_E_STORAGE_EXISTS, "'%s' exists already", s->path);
    if (failed) return firn_fail_errno(err, FIRN_E_STORAGE_IO, failed, "cannot give '%s' its name", s->path);
    s->is_placed = true;
    return pending_sync_folder(s->pending, s->folder, err);
}

firn_status
local_sink_replace(firn_sink *sink, firn_error *err)
{
    local_sink *s = (local_sink *) sink;

    FIRN_TRY(pass_gathered(s, err));
    if (rename(s->temporary, s->path) < 0) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot give '%s' its name", s->path);
    }
    s->is_placed = true;
    return FIRN_OK;
}

static const firn_sink_ops local_sink_ops = {write_sink, finish_sink, abort_sink, free_sink};

/* Each new folder's parent has a new entry to be synced. */
static firn_status
make_folders(char *path, pending_sync *pending, firn_error *err)
{
    char *slash = strrchr(path, '/');

    if (mkdir(path, 0777) < 0) {
        if (errno == EEXIST) return FIRN_OK; // where it is no folder, the open says so
        if (errno != ENOENT || !slash || slash == path) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make the folder '%s'", path);
        }
        *slash = '\0';
        firn_status status = make_folders(path, pending, err);
        *slash = '/';
        FIRN_TRY(status);
        if (mkdir(path, 0777) < 0 && errno != EEXIST) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make the folder '%s'", path);
        }
    }
    if (!slash || slash == path) return FIRN_OK;
    *slash = '\0';
    firn_status status = pending_sync_folder(pending, path, err);
    *slash = '/';
    return status;
}

/* ".<name>.<uuid>.tmp": what a process that died left of a file can be told from what others write beside it.
 * A name that would become too long is left out. */
static firn_status
name_files(local_sink *s, const char *path, firn_error *err)
{
    const char *name = strrchr(path, '/') + 1;
    char        id[UUID_TEXT_SIZE];
    size_t      folder_size = (size_t) (name - 1 - path);
    size_t      name_size = strlen(name);
    size_t      size;

    uuid_format(uuid_v4(), id);
    if (name_size + TEMPORARY_EXTRA > NAME_MAX) name_size = 0;
    if (!firn_add_size(folder_size, 2 + name_size + TEMPORARY_EXTRA, &size)) return firn_fail_memory(err, "a file's name");
    s->path = firn_strdup(path);
    s->folder = folder_size ? firn_strndup(path, folder_size) : firn_strdup("/");
    s->temporary = firn_alloc(size);
    if (!s->path || !s->folder || !s->temporary) return firn_fail_memory(err, "a file's name");
    snprintf(s->temporary, size, "%.*s/.%.*s%s%s" TEMPORARY_SUFFIX, (int) folder_size, path, (int) name_size, name,
             name_size ? "." : "", id);
    return FIRN_OK;
}

/* Whether `temporary` is one that name_files made for `name`. */
static bool
is_temporary_of(const char *temporary, const char *name)
{
    size_t    name_size = strlen(name);
    firn_uuid id;

    return strlen(temporary) == name_size + TEMPORARY_EXTRA && local_sink_is_temporary(temporary) &&
           strncmp(temporary + 1, name, name_size) == 0 && temporary[1 + name_size] == '.' &&
           uuid_parse(firn_slice_of(temporary + 2 + name_size, UUID_TEXT_SIZE - 1), &id);
}

static void
close_folder(DIR **slot)
{
    if (*slot) (void) closedir(*slot);
}

firn_status
local_sink_remove_unfinished(const char *path, firn_error *err)
{
    const char *name = strrchr(path, '/') + 1;
    FIRN_AUTO(firn_freep) char *folder_path = firn_strndup(path, (size_t) (name - path));
    FIRN_AUTO(close_folder) DIR *folder = NULL;
    const struct dirent *found;

    if (!folder_path) return firn_fail_memory(err, "a file's name");
    folder = opendir(folder_path);
    if (!folder) {
        if (errno == ENOENT || errno == ENOTDIR) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", folder_path);
    }
    while ((errno = 0, found = readdir(folder))) {
        if (!is_temporary_of(found->d_name, name)) continue;
        if (unlinkat(dirfd(folder), found->d_name, 0) < 0 && errno != ENOENT)
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s' in '%s'", found->d_name, folder_path);
    }
    if (errno) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", folder_path);
    return FIRN_OK;
}

firn_status
local_sink_open(const char *path, pending_sync *pending, firn_sink **ret_sink, firn_error *err)
{
    FIRN_AUTO(free_sinkp) local_sink *s = firn_calloc(1, sizeof *s);

    if (!s) return firn_fail_memory(err, "a file that is written");
    s->base.ops = &local_sink_ops;
    s->pending = pending;
    s->fd = -1;
    s->is_placed = true; // nothing to remove yet
    FIRN_TRY(name_files(s, path, err));
    // A folder can vanish between its making and the open, when another writer drops a table: once more.
    for (unsigned attempt = 0;; attempt++) {
        s->fd = open(s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (s->fd >= 0) break;
        if (errno == ENOTDIR) {
            return firn_fail(err, FIRN_E_STORAGE_IO, "cannot create '%s': a file stands where a folder should be", path);
        }
        if (errno != ENOENT || attempt == 3) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot create a file beside '%s'", path);
        }
        FIRN_TRY(make_folders(s->folder, pending, err));
    }
    s->is_placed = false;
    *ret_sink = &FIRN_STEAL(s)->base;
    return FIRN_OK;
}
