#include "storage/location.h"

/* The size of a leading "scheme:", or 0. A letter alone is no scheme. */
static size_t
scheme_size(const char *location)
{
    size_t size = strspn(location, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return size > 1 && location[size] == ':' ? size + 1 : 0;
}

/* The path of any accepted spelling, or NULL. */
static const char *
path_of(const char *location)
{
    if (strncmp(location, "file:", 5) == 0) {
        location += 5;
        if (strncmp(location, "//localhost/", 12) == 0)
            location += 11;
        else if (strncmp(location, "///", 3) == 0)
            location += 2;
    } else if (scheme_size(location) > 0) {
        return NULL;
    }
    if (location[0] != '/') return NULL;
    while (location[1] == '/') location++; // "//a" would be a host in a URI and nothing special on a disk
    return location;
}

static bool
has_parent_step(const char *path)
{
    for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3) {
        if (at[3] == '/' || at[3] == '\0') return true;
    }
    return false;
}

bool
location_is_remote(const char *location)
{
    return scheme_size(location) > 0 && strncmp(location, "file:", 5) != 0;
}

firn_status
location_path(const char *location, const char **ret_path, firn_error *err)
{
    const char *path = path_of(location);
    bool        host = strncmp(location, "file://", 7) == 0 && location[7] != '/';

    if (location_is_remote(location)) {
        return firn_fail(err, FIRN_E_STORAGE_LOCATION, "'%s' is not a local file", location);
    }
    if (!path || (host && strncmp(location + 7, "localhost/", 10) != 0)) {
        return firn_fail(err, FIRN_E_STORAGE_LOCATION, "'%s' is not an absolute path", location);
    }
    if (has_parent_step(path)) {
        return firn_fail(err, FIRN_E_STORAGE_LOCATION, "'%s' has a '..' in its path", location);
    }
    *ret_path = path;
    return FIRN_OK;
}

/* Without the slashes at the end, but for a root's own. */
static size_t
trimmed_size(const char *location)
{
    size_t size = strlen(location);
    size_t root = scheme_size(location) + 1;

    while (size > root && location[size - 1] == '/') size--;
    return size;
}

char *
location_join(firn_arena *arena, const char *base, const char *name)
{
    size_t size = trimmed_size(base);
    bool   slash = size > 0 && base[size - 1] == '/';

    return firn_arena_printf(arena, "%.*s%s%s", (int) size, base, slash ? "" : "/", name);
}

const char *
location_name(const char *location)
{
    const char *slash = strrchr(location, '/');

    return slash ? slash + 1 : location;
}

char *
location_parent(firn_arena *arena, const char *location)
{
    size_t size = trimmed_size(location);
    size_t root = scheme_size(location) + 1;

    while (size > root && location[size - 1] != '/') size--;
    while (size > root && location[size - 1] == '/') size--;
    return firn_arena_text(arena, firn_slice_of(location, size));
}

bool
location_equal(const char *a, const char *b)
{
    const char *path_a = path_of(a);
    const char *path_b = path_of(b);

    if (!path_a || !path_b) return strcmp(a, b) == 0;
    return strcmp(path_a, path_b) == 0;
}

bool
location_is_below(const char *location, const char *prefix)
{
    const char *path = path_of(location);
    const char *folder = path_of(prefix);

    if (!path || !folder) {
        path = location;
        folder = prefix;
    }

    size_t size = trimmed_size(folder);

    if (strncmp(path, folder, size) != 0) return false;
    if (size > 0 && folder[size - 1] == '/') return path[size] != '\0';
    return path[size] == '/' && path[size + 1] != '\0';
}
