#include "storage/local_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "storage/local_sink.h"
#include "storage/location.h"

#define DEPTH_MAX 64

static void
closedirp(DIR **slot)
{
    if (*slot) closedir(*slot);
}

static int64_t
modified_us(const struct stat *facts)
{
    return (int64_t) facts->st_mtim.tv_sec * 1000000 + facts->st_mtim.tv_nsec / 1000;
}

/* NULL with errno; ENOENT and ENOTDIR are for the caller to forgive. */
static DIR *
open_folder(int at, const char *name, bool follow)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));

    if (fd < 0) return NULL;

    DIR *folder = fdopendir(fd);

    if (!folder) close(fd);
    return folder;
}

/* NULL at the end; errno tells an error from it. */
static const struct dirent *
next_name(DIR *folder)
{
    const struct dirent *found;

    do {
        errno = 0;
        found = readdir(folder); // one stream belongs to one thread
    } while (found && (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0));
    return found;
}

static bool
is_gone(int failed)
{
    return failed == ENOENT || failed == ENOTDIR || failed == ELOOP; // ELOOP: a symlink now, which is not followed
}

static firn_status
visit_file(const char *prefix, const char *name, const struct stat *facts, storage_visit visit, void *state,
           firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    storage_object object = {location_join(&arena, prefix, name), (uint64_t) facts->st_size, modified_us(facts)};

    if (!object.location) return firn_fail_memory(err, "a location");
    return visit(state, &object, err);
}

static firn_status walk_files(const char *prefix, DIR *folder, unsigned depth, storage_visit visit, void *state,
                              firn_error *err);

static firn_status
walk_subfolder(const char *prefix, DIR *folder, const char *name, unsigned depth, storage_visit visit, void *state,
               firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(closedirp) DIR *below = open_folder(dirfd(folder), name, false);
    const char *location = location_join(&arena, prefix, name);

    if (!location) return firn_fail_memory(err, "a location");
    if (!below) {
        if (is_gone(errno)) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", location);
    }
    return walk_files(location, below, depth + 1, visit, state, err);
}

static firn_status
walk_files(const char *prefix, DIR *folder, unsigned depth, storage_visit visit, void *state, firn_error *err)
{
    const struct dirent *found;
    struct stat          facts;

    if (depth > DEPTH_MAX) {
        return firn_fail(err, FIRN_E_STORAGE_IO, "'%s' is nested deeper than %d folders", prefix, DEPTH_MAX);
    }
    while ((found = next_name(folder)) != NULL) {
        const char *name = found->d_name;
        if (local_sink_is_temporary(name)) continue;
        if (fstatat(dirfd(folder), name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
            if (is_gone(errno)) continue;
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot look at '%s/%s'", prefix, name);
        }
        if (S_ISDIR(facts.st_mode)) {
            FIRN_TRY(walk_subfolder(prefix, folder, name, depth, visit, state, err));
        } else if (S_ISREG(facts.st_mode)) {
            FIRN_TRY(visit_file(prefix, name, &facts, visit, state, err));
        }
    }
    if (errno) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", prefix);
    return FIRN_OK;
}

firn_status
local_walk_files(const char *prefix, const char *path, storage_visit visit, void *state, firn_error *err)
{
    FIRN_AUTO(closedirp) DIR *folder = open_folder(AT_FDCWD, path, true);

    if (!folder) {
        if (is_gone(errno)) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", prefix);
    }
    return walk_files(prefix, folder, 0, visit, state, err);
}

firn_status
local_walk_folders(const char *prefix, const char *path, storage_visit visit, void *state, firn_error *err)
{
    FIRN_AUTO(closedirp) DIR *folder = open_folder(AT_FDCWD, path, true);
    const struct dirent *found;
    struct stat          facts;

    if (!folder) {
        if (is_gone(errno)) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", prefix);
    }
    while ((found = next_name(folder)) != NULL) {
        if (fstatat(dirfd(folder), found->d_name, &facts, 0) < 0) {
            if (is_gone(errno)) continue; // also a symlink to nowhere
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot look at '%s/%s'", prefix, found->d_name);
        }
        if (S_ISDIR(facts.st_mode)) FIRN_TRY(visit_file(prefix, found->d_name, &facts, visit, state, err));
    }
    if (errno) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", prefix);
    return FIRN_OK;
}

static firn_status
remove_below(const char *path, DIR *folder, unsigned depth, firn_error *err)
{
    const struct dirent *found;

    if (depth > DEPTH_MAX) {
        return firn_fail(err, FIRN_E_STORAGE_IO, "'%s' is nested deeper than %d folders", path, DEPTH_MAX);
    }
    while ((found = next_name(folder)) != NULL) {
        const char *name = found->d_name;
        if (unlinkat(dirfd(folder), name, 0) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s' in '%s'", name, path);
        }

        FIRN_AUTO(closedirp) DIR *below = open_folder(dirfd(folder), name, false);

        if (!below && errno == ENOENT) continue;
        if (!below) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s' in '%s'", name, path);
        FIRN_TRY(remove_below(path, below, depth + 1, err));
        if (unlinkat(dirfd(folder), name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove '%s' in '%s'", name, path);
        }
    }
    if (errno) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", path);
    return FIRN_OK;
}

firn_status
local_walk_remove(const char *path, firn_error *err)
{
    FIRN_AUTO(closedirp) DIR *folder = open_folder(AT_FDCWD, path, true);

    if (!folder) {
        if (is_gone(errno)) return FIRN_OK;
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot list '%s'", path);
    }
    FIRN_TRY(remove_below(path, folder, 0, err));
    if (rmdir(path) == 0 || errno == ENOENT) return FIRN_OK;
    if (errno == ENOTDIR && unlink(path) == 0) return FIRN_OK; // the path was a symlink to the folder
    return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot remove the folder '%s'", path);
}
