/* iceberg/manifest_list.h and manifest_reader.h: any bytes, taken as a list and as a manifest, give entries or a status. */
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"
#include "storage/storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A storage of one object. */
typedef struct one_object {
    storage    base;
    firn_slice bytes;
} one_object;

static firn_status
read_range(storage *s, const char *location, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    (void) location;
    return firn_buffer_add(out, ((one_object *) s)->bytes.data + offset, size, err);
}

static firn_status
stat_object(storage *s, const char *location, storage_object *ret_object, firn_error *err)
{
    (void) err;
    *ret_object = (storage_object){location, ((one_object *) s)->bytes.size, 0};
    return FIRN_OK;
}

static const storage_ops ops = {.kind = "one", .read_range = read_range, .stat = stat_object};

static void
read_list(storage *files)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const manifest_file *manifests;
    size_t               count;
    firn_error           err = {0};
    manifest_file        copy;

    if (manifest_list_read(files, "list", &arena, &manifests, &count, &err)) return;
    for (size_t i = 0; i < count; i++) {
        if (manifest_file_copy(&manifests[i], &arena, &copy, &err)) return;
    }
}

static void
read_manifest(storage *files, manifest_content content)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    manifest_file  manifest = {.path = "manifest", .content = content, .sequence_number = 5, .first_row_id = 100};
    manifest_entry entry;
    data_file      copy;
    firn_error     err = {0};
    bool           more;

    if (manifest_reader_open(files, &manifest, NULL, &reader, &err)) return;
    while (manifest_reader_next(reader, &arena, &entry, &more, &err) == FIRN_OK && more) {
        if (data_file_copy(&entry.file, &arena, &copy, &err)) return;
        firn_arena_reset(&arena);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    one_object files = {{&ops}, firn_slice_of(data, size)};

    read_list(&files.base);
    read_manifest(&files.base, MANIFEST_DATA);
    read_manifest(&files.base, MANIFEST_DELETES);
    return 0;
}
