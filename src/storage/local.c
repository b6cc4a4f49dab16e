#include "storage/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "storage/local_sink.h"
#include "storage/local_walk.h"
#include "storage/location.h"
#include "storage/pending_sync.h"

typedef struct local_storage {
    storage       base;
    pending_sync *pending;
} local_storage;

static firn_status
open_sink(storage *s, const char *location, firn_sink **ret_sink, firn_error *err)
{
    const char *path;

    FIRN_TRY(location_path(location, &path, err));
    return local_sink_open(path, ((local_storage *) s)->pending, ret_sink, err);
}

static void
closep(const int *fd)
{
    if (*fd >= 0) close(*fd);
}

static firn_status
read_range(storage *s, const char *location, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const char *path;
    size_t      done = 0;

    (void) s;
    FIRN_TRY(location_path(location, &path, err));
    FIRN_TRY(firn_buffer_reserve(out, size, err));

    FIRN_AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open '%s'", location);
    while (done < size) {
        ssize_t got = pread(fd, out->data + out->size + done, size - done, (off_t) (offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot read '%s'", location);
        if (got == 0) {
            return firn_fail(err, FIRN_E_STORAGE_SHORT, "'%s' ends at byte %llu, before the %zu bytes from %llu",
                             location, (unsigned long long) (offset + done), size, (unsigned long long) offset);
        }
        done += (size_t) got;
    }
    out->size += size;
    return FIRN_OK;
}

static firn_status
stat_object(storage *s, const char *location, storage_object *ret_object, firn_error *err)
{
    const char *path;
    struct stat facts;

    (void) s;
    FIRN_TRY(location_path(location, &path, err));
    if (stat(path, &facts) < 0) {
        // a file where a folder should be hides nothing either
        int failed = errno == ENOTDIR ? ENOENT : errno;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, failed, "cannot open '%s'", location);
    }
    if (!S_ISREG(facts.st_mode)) {
        return firn_fail(err, FIRN_E_STORAGE_NOT_FOUND, "'%s' is not a file", location);
    }
    *ret_object = (storage_object){location, (uint64_t) facts.st_size,
                                   (int64_t) facts.st_mtim.tv_sec * 1000000 + facts.st_mtim.tv_nsec / 1000};
    return FIRN_OK;
}

static firn_status
list(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err)
{
    const char *path;

    (void) s;
    FIRN_TRY(location_path(prefix, &path, err));
    return local_walk_files(prefix, path, visit, state, err);
}

static firn_status
list_folders(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err)
{
    const char *path;

    (void) s;
    FIRN_TRY(location_path(prefix, &path, err));
    return local_walk_folders(prefix, path, visit, state, err);
}

/* Hadoop's checksum of a file's former bytes, as Spark leaves it. */
static firn_status
remove_checksum(const char *path, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *name = location_name(path);
    char       *checksum = firn_arena_printf(&arena, "%.*s.%s.crc", (int) (name - path), path, name);

    if (!checksum) return firn_fail_memory(err, "a file's name");
    if (unlink(checksum) < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s'", checksum);
    }
    return FIRN_OK;
}

static firn_status
put_new(storage *s, const char *location, firn_slice bytes, firn_error *err)
{
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;
    local_storage *l = (local_storage *) s;
    const char    *path;

    FIRN_TRY(location_path(location, &path, err));
    if (access(path, F_OK) == 0) {
        return firn_fail(err, FIRN_E_STORAGE_EXISTS, "'%s' exists already", location);
    }
    FIRN_TRY(local_sink_open(path, l->pending, &sink, err));
    FIRN_TRY(firn_sink_write(sink, bytes.data, bytes.size, err));
    FIRN_TRY(local_sink_sync(sink, err)); // and all that these bytes may refer to
    FIRN_TRY(remove_checksum(path, err));
    FIRN_TRY(firn_sink_finish(sink, err));

    firn_error late = {0};

    if (pending_sync_flush(l->pending, -1, &late)) {
        return firn_fail(err, FIRN_E_STORAGE_UNKNOWN, "'%s' is written, but %s", location, late.cause);
    }
    return FIRN_OK;
}

static firn_status
put(storage *s, const char *location, firn_slice bytes, firn_error *err)
{
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;
    local_storage *l = (local_storage *) s;
    const char    *path;

    FIRN_TRY(location_path(location, &path, err));
    FIRN_TRY(local_sink_open(path, l->pending, &sink, err));
    FIRN_TRY(firn_sink_write(sink, bytes.data, bytes.size, err));
    FIRN_TRY(remove_checksum(path, err));
    return local_sink_replace(sink, err);
}

static firn_status
remove_object(storage *s, const char *location, firn_error *err)
{
    const char *path;

    (void) s;
    FIRN_TRY(location_path(location, &path, err));
    if (unlink(path) < 0) {
        // a folder's whole list is read only for what is not there under its own name
        if (errno == ENOENT) return local_sink_remove_unfinished(path, err);
        if (errno == ENOTDIR) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s'", location);
    }
    return remove_checksum(path, err);
}

static firn_status
remove_tree(storage *s, const char *prefix, firn_error *err)
{
    const char *path;

    (void) s;
    FIRN_TRY(location_path(prefix, &path, err));
    if (strspn(path, "/.") == strlen(path)) {
        return firn_fail(err, FIRN_E_STORAGE_LOCATION, "'%s' is the root of all files and is not removed", prefix);
    }
    return local_walk_remove(path, err);
}

static firn_status
sync_storage(storage *s, firn_error *err)
{
    return pending_sync_flush(((local_storage *) s)->pending, -1, err);
}

static firn_status
adopt(storage *s, const char *location, uint64_t size_bytes, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *folder = NULL;
    local_storage  *l = (local_storage *) s;
    storage_object  object;
    const char     *path;
    int             fd;

    FIRN_TRY(stat_object(s, location, &object, err));
    if (object.size_bytes != size_bytes)
        return firn_fail(err, FIRN_E_STORAGE_SHORT, "'%s' has %llu bytes, not %llu", location,
                         (unsigned long long) object.size_bytes, (unsigned long long) size_bytes);
    FIRN_TRY(location_path(location, &path, err));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open '%s'", location);
    FIRN_TRY(pending_sync_file(l->pending, fd, size_bytes, path, err));
    folder = firn_strndup(path, (size_t) (location_name(path) - path));
    if (!folder) return firn_fail_memory(err, "a folder's name");
    return pending_sync_folder(l->pending, folder, err);
}

static void
free_storage(storage *s)
{
    pending_sync_free(((local_storage *) s)->pending);
    firn_free(s);
}

static const storage_ops local_ops = {
    .kind = "local",
    .open_sink = open_sink,
    .read_range = read_range,
    .stat = stat_object,
    .list = list,
    .list_folders = list_folders,
    .put_new = put_new,
    .put = put,
    .remove = remove_object,
    .remove_tree = remove_tree,
    .sync = sync_storage,
    .adopt = adopt,
    .free = free_storage,
};

firn_status
storage_local_new(storage **ret_storage, firn_error *err)
{
    local_storage *l = firn_calloc(1, sizeof *l);

    if (!l) return firn_fail_memory(err, "the storage");
    l->base.ops = &local_ops;
    l->pending = pending_sync_new();
    if (!l->pending) {
        firn_free(l);
        return firn_fail_memory(err, "the storage");
    }
    *ret_storage = &l->base;
    return FIRN_OK;
}
