/*
 * Data files by number, so that a place fits into a word. A number is never given again.
 */
#ifndef FIRN_INDEX_FILE_REGISTRY_H
#define FIRN_INDEX_FILE_REGISTRY_H

#include "base/buffer.h"
#include "base/reader.h"

typedef struct file_registry file_registry;

FIRN_MUST_USE file_registry *file_registry_new(void); /* NULL: no memory */
void                         file_registry_free(file_registry *registry);
FIRN_DEFINE_FREEP(file_registry, file_registry_free)

/* From the first live number to the next free one: a rebuilt index begins at 0 again. */
#define FILE_REGISTRY_SPAN_MAX (UINT32_C(1) << 24)

/* The number that the next file gets. */
uint32_t file_registry_next(const file_registry *registry);
/* `path` is copied. FIRN_CONFLICT (INDEX_LIMIT) where numbers are exhausted: the index must be built anew. */
FIRN_MUST_USE firn_status file_registry_add(file_registry *registry, firn_slice path, uint32_t *ret_number,
                                            firn_error *err);
/* From now on the number is nobody's; keys that point there are keys without a row. */
void                      file_registry_remove(file_registry *registry, uint32_t number);
/* NULL: no such file, or removed. */
const char               *file_registry_path(const file_registry *registry, uint32_t number);
/* False: not there, or removed. */
bool                      file_registry_find(const file_registry *registry, const char *path, uint32_t *ret_number);
size_t                    file_registry_count(const file_registry *registry);
/* The next number from `from` on that has a file; false: none. */
bool                      file_registry_from(const file_registry *registry, uint32_t from, uint32_t *ret_number);

FIRN_MUST_USE firn_status file_registry_write(const file_registry *registry, firn_buffer *out, firn_error *err);
/* Into an empty one. False as the value of *ret_valid: not a registry. */
FIRN_MUST_USE firn_status file_registry_read(file_registry *registry, firn_reader *in, bool *ret_valid, firn_error *err);

#endif
