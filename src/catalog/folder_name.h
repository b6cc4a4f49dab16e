/*
 * Names of tables and namespace levels ⇄ names of folders.
 *
 * A folder has the name itself, so that Spark and people find it under what they know. Only what a file
 * system or a reader cannot take is percent-encoded: '/', '\', control characters, a dot at the start (so "." and
 * ".." too: no name leads out of the warehouse), bytes that are not UTF-8, and a '%' that would read
 * as one of these escapes; further '"', which DuckDB 1.4.4 cannot have in a path, and '?' and '#', at which PyIceberg
 * 0.12 cuts a location as if it were a URL. A name too long for a folder keeps its start, followed by "%~" and its
 * hash; that one cannot be decoded and stands for itself.
 */
#ifndef FIRN_CATALOG_FOLDER_NAME_H
#define FIRN_CATALOG_FOLDER_NAME_H

#include "base/buffer.h"

#define FOLDER_NAME_SIZE_MAX 240

/* FIRN_USAGE (STORAGE_LOCATION): an empty name. */
FIRN_MUST_USE firn_status folder_name_add(const char *name, firn_buffer *out, firn_error *err);
/* The name that folder_name_add made it of. */
FIRN_MUST_USE firn_status folder_name_decode(const char *folder, firn_buffer *out, firn_error *err);

#endif
