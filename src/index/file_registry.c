#include "index/file_registry.h"

#include "base/alloc.h"
#include "base/map.h"
#include "index/key_hash.h"

struct file_registry {
    char    **paths; /* of the numbers first … next - 1; NULL: removed */
    uint32_t  first, next;
    size_t    capacity, live_count;
    firn_map *number_by_path; /* value: the number plus 1, as a pointer; NULL: removed */
};

file_registry *
file_registry_new(void)
{
    FIRN_AUTO(file_registry_freep) file_registry *r = firn_calloc(1, sizeof *r);

    if (!r) return NULL;
    r->number_by_path = firn_map_new();
    return r->number_by_path ? FIRN_STEAL(r) : NULL;
}

void
file_registry_free(file_registry *registry)
{
    if (!registry) return;
    for (uint32_t i = 0; i < registry->next - registry->first; i++) firn_free(registry->paths[i]);
    firn_free(registry->paths);
    firn_map_free(registry->number_by_path);
    firn_free(registry);
}

uint32_t
file_registry_next(const file_registry *registry)
{
    return registry->next;
}

static firn_status
reserve(file_registry *r, firn_error *err)
{
    size_t capacity = r->capacity ? r->capacity * 2 : 64;
    char **paths;

    if (r->next - r->first < r->capacity) return FIRN_OK;
    paths = firn_realloc(r->paths, capacity * sizeof *paths);
    if (!paths) return firn_fail_memory(err, "a list of data files");
    r->paths = paths;
    r->capacity = capacity;
    return FIRN_OK;
}

firn_status
file_registry_add(file_registry *r, firn_slice path, uint32_t *ret_number, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *copy = NULL;

    if (r->next >= KEY_PLACE_FILE_MAX || r->next - r->first >= FILE_REGISTRY_SPAN_MAX)
        return firn_fail(err, FIRN_E_INDEX_LIMIT, "the key index has no number left for a data file");
    FIRN_TRY(reserve(r, err));
    copy = firn_strndup((const char *) path.data, path.size);
    if (!copy) return firn_fail_memory(err, "a list of data files");
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number, not an address
    FIRN_TRY(firn_map_put(r->number_by_path, path, (void *) ((uintptr_t) r->next + 1), err));
    r->paths[r->next - r->first] = FIRN_STEAL(copy);
    r->live_count++;
    *ret_number = r->next++;
    return FIRN_OK;
}

void
file_registry_remove(file_registry *r, uint32_t number)
{
    firn_error  unused = {0};
    firn_status status;
    uint32_t    is;
    char       *path;

    if (!file_registry_path(r, number)) return;
    path = r->paths[number - r->first];
    if (file_registry_find(r, path, &is) && is == number) {
        // The key is there, so that this cannot need memory.
        status = firn_map_put(r->number_by_path, firn_slice_text(path), NULL, &unused);
        assert(status == FIRN_OK);
    }
    firn_free(path);
    r->paths[number - r->first] = NULL;
    r->live_count--;
}

const char *
file_registry_path(const file_registry *r, uint32_t number)
{
    return number >= r->first && number < r->next ? r->paths[number - r->first] : NULL;
}

bool
file_registry_find(const file_registry *r, const char *path, uint32_t *ret_number)
{
    const void *value = firn_map_get(r->number_by_path, firn_slice_text(path));

    if (value) *ret_number = (uint32_t) ((uintptr_t) value - 1);
    return value != NULL;
}

size_t
file_registry_count(const file_registry *r)
{
    return r->live_count;
}

bool
file_registry_from(const file_registry *r, uint32_t from, uint32_t *ret_number)
{
    for (uint32_t number = from > r->first ? from : r->first; number < r->next; number++) {
        if (!r->paths[number - r->first]) continue;
        *ret_number = number;
        return true;
    }
    return false;
}

firn_status
file_registry_write(const file_registry *r, firn_buffer *out, firn_error *err)
{
    uint8_t numbers[8];

    store_le32(numbers, r->next);
    store_le32(numbers + 4, (uint32_t) r->live_count);
    FIRN_TRY(firn_buffer_add(out, numbers, sizeof numbers, err));
    for (uint32_t number = r->first; file_registry_from(r, number, &number); number++) {
        const char *path = r->paths[number - r->first];

        store_le32(numbers, number);
        store_le32(numbers + 4, (uint32_t) strlen(path));
        FIRN_TRY(firn_buffer_add(out, numbers, sizeof numbers, err));
        FIRN_TRY(firn_buffer_add_text(out, path, err));
    }
    return FIRN_OK;
}

firn_status
file_registry_read(file_registry *r, firn_reader *in, bool *ret_valid, firn_error *err)
{
    uint32_t next = firn_reader_le32(in), count = firn_reader_le32(in);

    *ret_valid = false;
    if (in->failed || count > firn_reader_left(in) / 8) return FIRN_OK;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t       number = firn_reader_le32(in), size = firn_reader_le32(in), got;
        const uint8_t *path = firn_reader_take(in, size);

        if (!path || number >= next || number < r->next || memchr(path, 0, size)) return FIRN_OK;
        if (i == 0) r->first = r->next = number;
        if (next - r->first > FILE_REGISTRY_SPAN_MAX) return FIRN_OK;
        while (r->next < number) {
            FIRN_TRY(reserve(r, err));
            r->paths[r->next++ - r->first] = NULL;
        }
        FIRN_TRY(file_registry_add(r, firn_slice_of(path, size), &got, err));
    }
    if (next > KEY_PLACE_FILE_MAX) return FIRN_OK;
    if (count == 0) r->first = r->next = next;
    while (r->next < next) {
        FIRN_TRY(reserve(r, err));
        r->paths[r->next++ - r->first] = NULL;
    }
    *ret_valid = true;
    return FIRN_OK;
}
