#include "storage/storage.h"

firn_status
storage_read_all(storage *s, const char *location, firn_buffer *out, firn_error *err)
{
    storage_object object;

    FIRN_TRY(s->ops->stat(s, location, &object, err));
    if (object.size_bytes > out->size_bytes_max - out->size) {
        return firn_fail(err, FIRN_E_STORAGE_TOO_LARGE, "'%s' has %llu bytes, more than the %zu that are allowed here",
                         location, (unsigned long long) object.size_bytes, out->size_bytes_max - out->size);
    }
    return s->ops->read_range(s, location, 0, (size_t) object.size_bytes, out, err);
}
