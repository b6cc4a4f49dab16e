/*
 * Locations of local objects as text: file:///a/b, file:/a/b, file://localhost/a/b or /a/b. All four are
 * found in tables (Hadoop, Spark and PyIceberg differ), and all name the same file.
 *
 * Nothing is percent-decoded: Hadoop and PyIceberg take the path as it stands, so a '%20' in a location is
 * those three characters on the disk.
 */
#ifndef FIRN_STORAGE_LOCATION_H
#define FIRN_STORAGE_LOCATION_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

/* The path within `location`, a view into it. FIRN_USAGE (STORAGE_LOCATION) for another scheme or host, a
 * relative path, or one with a ".." in it (a table must not point out of its folder). */
FIRN_MUST_USE firn_status location_path(const char *location, const char **ret_path, firn_error *err);
/* Whether it has the form scheme:… of something that is not a local file ("s3://…"). */
bool location_is_remote(const char *location);
/* "base/name" with one slash between them; NULL: no memory. */
FIRN_MUST_USE char *location_join(firn_arena *arena, const char *base, const char *name);
/* What is behind the last slash; a view. */
const char *location_name(const char *location);
/* All before the last slash, without trailing ones; NULL: no memory. "/" and schemes stay. */
FIRN_MUST_USE char *location_parent(firn_arena *arena, const char *location);
/* Whether both name the same object, however they spell it. */
bool location_equal(const char *a, const char *b);
/* Whether `location` lies below the folder `prefix`, however they are spelled; not the folder itself. */
bool location_is_below(const char *location, const char *prefix);

#endif
