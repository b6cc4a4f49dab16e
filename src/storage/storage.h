/*
 * Objects by location: local files now, S3 later. Locations are whole URIs (file:///…) or absolute
 * paths; what a storage wrote can be read back under the same text. Thread-safe.
 *
 * Nothing is visible before a sink's finish; it is visible after it, and durable at the latest when a later put_new
 * (a commit is one) or storage_sync returns. Objects are immutable: nothing is ever overwritten, except by put.
 */
#ifndef FIRN_STORAGE_STORAGE_H
#define FIRN_STORAGE_STORAGE_H

#include "base/sink.h"

typedef struct storage storage;

typedef struct storage_object {
    const char *location;
    uint64_t    size_bytes;
    int64_t     modified_us;
} storage_object;

/* Called for each object found; not FIRN_OK ends the walk with that status. */
typedef firn_status (*storage_visit)(void *state, const storage_object *object, firn_error *err);

typedef struct storage_ops {
    const char *kind; /* "local", "s3" */
    /* A new object; missing folders are made. finish answers FIRN_CONFLICT where it exists. The storage must
     * live longer than the sink. */
    firn_status (*open_sink)(storage *s, const char *location, firn_sink **ret_sink, firn_error *err);
    /* Exactly `size` bytes from `offset` appended to `out`; less is FIRN_CORRUPT. */
    firn_status (*read_range)(storage *s, const char *location, uint64_t offset, size_t size, firn_buffer *out,
                              firn_error *err);
    /* FIRN_NOT_FOUND where it is missing (without a message worth printing). */
    firn_status (*stat)(storage *s, const char *location, storage_object *ret_object, firn_error *err);
    /* All objects below the prefix, recursively, in no order. A missing prefix is empty. */
    firn_status (*list)(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err);
    /* The names of the direct sub-folders of a prefix; visit gets them as locations. */
    firn_status (*list_folders)(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err);
    /* Durable; FIRN_CONFLICT where the object exists already, which is left as it is. FIRN_UNKNOWN: it is there,
     * but may not survive a crash. */
    firn_status (*put_new)(storage *s, const char *location, firn_slice bytes, firn_error *err);
    /* Replaces, at once for readers; not durable: after a crash the old or no object may be there (version-hint.text
     * only, which may lag). */
    firn_status (*put)(storage *s, const char *location, firn_slice bytes, firn_error *err);
    /* No error where it is missing; then what writers that died, or still write, have of it goes. */
    firn_status (*remove)(storage *s, const char *location, firn_error *err);
    /* All below the prefix and the folders themselves. */
    firn_status (*remove_tree)(storage *s, const char *prefix, firn_error *err);
    /* All finished sinks' objects are durable afterwards. May be NULL: they are by themselves. */
    firn_status (*sync)(storage *s, firn_error *err);
    /* Makes an object that another process has finished one of ours to sync: a commit may then refer to it. Fails as
     * stat does; FIRN_CORRUPT where it has another size. */
    firn_status (*adopt)(storage *s, const char *location, uint64_t size_bytes, firn_error *err);
    void (*free)(storage *s);
} storage_ops;

struct storage {
    const storage_ops *ops;
};

/* Appends the whole object; it may have at most size_bytes_max of `out`. */
FIRN_MUST_USE firn_status storage_read_all(storage *s, const char *location, firn_buffer *out, firn_error *err);
FIRN_MUST_USE static inline firn_status
storage_sync(storage *s, firn_error *err)
{
    return s->ops->sync ? s->ops->sync(s, err) : FIRN_OK;
}

static inline void
storage_free(storage *s)
{
    if (s) s->ops->free(s);
}
FIRN_DEFINE_FREEP(storage, storage_free)

#endif
