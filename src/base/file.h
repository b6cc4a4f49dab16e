/*
 * Files of our own (state, logs, configuration): whole reads and durable writes. Lake files go
 * through storage/.
 */
#ifndef FIRN_BASE_FILE_H
#define FIRN_BASE_FILE_H

#include <stdbool.h>

#include "base/buffer.h"

/* Appends the whole file to `out`, as far as its limit allows. FIRN_NOT_FOUND where it is missing. */
FIRN_MUST_USE firn_status file_read(const char *path, firn_buffer *out, firn_error *err);
/* Writes beside it, syncs, renames into place, syncs the folder. mode e.g. 0600. */
FIRN_MUST_USE firn_status file_write_atomic(const char *path, firn_slice bytes, unsigned mode, firn_error *err);
/* All missing folders of the path. */
FIRN_MUST_USE firn_status file_make_folders(const char *path, unsigned mode, firn_error *err);
bool file_exists(const char *path);
/* Permission bits, or -1. */
int file_mode(const char *path);
/* A file without a name in `folder`, read and written by this process only and gone with its descriptor. The caller
 * closes it. */
FIRN_MUST_USE firn_status file_open_nameless(const char *folder, int *ret_fd, firn_error *err);
/* Full write to a descriptor, EINTR and short writes handled. */
FIRN_MUST_USE firn_status file_write_all(int fd, const void *bytes, size_t size, const char *name, firn_error *err);

#endif
