/*
 * A set of locations, for "does anything refer to this file": kept by hash, so that millions take little memory. It may
 * say that a file is in it which is not (and the file then stays), never the other way round. Locations that name the
 * same file in other words (file:/a, file:///a, /a) are one.
 */
#ifndef FIRN_MAINTAIN_FILE_SET_H
#define FIRN_MAINTAIN_FILE_SET_H

#include "base/map.h"

#include <stdbool.h>

typedef struct file_set {
    firn_map *hashes;
} file_set;

FIRN_MUST_USE firn_status file_set_init(file_set *set, firn_error *err);
void                      file_set_done(file_set *set);
FIRN_MUST_USE firn_status file_set_add(file_set *set, const char *location, firn_error *err);
bool                      file_set_has(const file_set *set, const char *location);

#endif
