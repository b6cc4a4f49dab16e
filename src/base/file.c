#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { READ_SIZE = 64 * 1024 };

static void
close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static firn_status
read_all(int fd, const char *path, firn_buffer *out, firn_error *err)
{
    struct stat info;
    size_t      expected = READ_SIZE;

    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0) {
        expected = (size_t) info.st_size + 1; /* one more, so that the end is seen in the same read */
    }
    for (;;) {
        ssize_t count;
        uint8_t last_byte; /* beyond the limit: is there more? */
        size_t  room = out->size_bytes_max - out->size;
        if (room > expected) room = expected;
        if (room > 0) FIRN_TRY(firn_buffer_reserve(out, room, err));
        count = room > 0 ? read(fd, out->data + out->size, room) : read(fd, &last_byte, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot read '%s'", path);
        if (count == 0) return FIRN_OK;
        if (room == 0) {
            return firn_fail(err, FIRN_E_STORAGE_IO, "cannot read '%s': it is larger than %zu bytes", path,
                             out->size_bytes_max);
        }
        out->size += (size_t) count;
        expected = READ_SIZE;
    }
}

firn_status
file_read(const char *path, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open '%s'", path);
    return read_all(fd, path, out, err);
}

firn_status
file_write_all(int fd, const void *bytes, size_t size, const char *name, firn_error *err)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t count = write(fd, at, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot write '%s'", name);
        at += count;
        size -= (size_t) count;
    }
    return FIRN_OK;
}

firn_status
file_open_nameless(const char *folder, int *ret_fd, firn_error *err)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    /* Not every file system can; a kernel that does not know the flag takes it for a wish to write a folder. */
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOSYS)) {
        size_t                     size = strlen(folder) + 32;
        FIRN_AUTO(firn_freep) char *path = firn_alloc(size);
        if (!path) return firn_fail_memory(err, "a path");
        snprintf(path, size, "%s/.%016lx.tmp", folder, (unsigned long) firn_random_u64());
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) unlink(path);
    }
    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make a temporary file in '%s'", folder);
    *ret_fd = fd;
    return FIRN_OK;
}

/* The folder of a path: what is before the last slash, "." without one, "/" at the root. */
static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash) return firn_strdup(".");
    return slash == path ? firn_strdup("/") : firn_strndup(path, (size_t) (slash - path));
}

static firn_status
sync_folder(const char *path, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *folder = folder_of(path);
    FIRN_AUTO(close_fd) int     fd = -1;

    if (!folder) return firn_fail_memory(err, "a path");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some network file systems cannot sync a folder and say EINVAL. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot sync the folder '%s'", folder);
    }
    return FIRN_OK;
}

static firn_status
write_and_rename(const char *path, const char *temporary, firn_slice bytes, unsigned mode, firn_error *err)
{
    FIRN_AUTO(close_fd) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot create '%s'", temporary);
    FIRN_TRY(file_write_all(fd, bytes.data, bytes.size, temporary, err));
    if (fchmod(fd, (mode_t) mode) != 0 || fsync(fd) != 0) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot write '%s'", temporary);
    }
    if (rename(temporary, path) != 0) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot rename '%s' to '%s'", temporary, path);
    }
    return FIRN_OK;
}

firn_status
file_write_atomic(const char *path, firn_slice bytes, unsigned mode, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *temporary = firn_alloc(strlen(path) + 32);

    if (!temporary) return firn_fail_memory(err, "a path");
    snprintf(temporary, strlen(path) + 32, "%s.%08x.tmp", path, (unsigned) firn_random_u64());
    if (write_and_rename(path, temporary, bytes, mode, err) != FIRN_OK) {
        unlink(temporary);
        return err->status;
    }
    return sync_folder(path, err);
}

firn_status
file_make_folders(const char *path, unsigned mode, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *part = firn_strdup(path);
    struct stat                 info;

    if (!part) return firn_fail_memory(err, "a path");
    for (char *slash = part; slash; *slash = '/') {
        slash += strspn(slash, "/");
        slash = strchr(slash, '/');
        if (slash) {
            *slash = '\0';
        }
        if (part[0] != '\0' && mkdir(part, (mode_t) mode) != 0 && errno != EEXIST) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make the folder '%s'", part);
        }
        if (!slash) break;
    }
    if (stat(path, &info) != 0) {
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot look at the folder '%s'", path);
    }
    if (!S_ISDIR(info.st_mode)) return firn_fail(err, FIRN_E_STORAGE_IO, "'%s' is not a folder", path);
    return FIRN_OK;
}

bool
file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int
file_mode(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (int) (info.st_mode & 07777) : -1;
}
