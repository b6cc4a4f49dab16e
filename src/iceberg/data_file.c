#include "iceberg/data_file.h"

#include "iceberg/manifest_file.h"

/* A copier that remembers the first failure, so that each field is one line. */
typedef struct arena_copier {
    firn_arena *arena;
    bool        failed;
} arena_copier;

static const char *
copy_text(arena_copier *c, const char *text)
{
    const char *copy = text ? firn_arena_strdup(c->arena, text) : NULL;

    if (text && !copy) c->failed = true;
    return copy;
}

static const void *
copy_array(arena_copier *c, const void *items, size_t count, size_t size)
{
    void *copy = count ? firn_arena_array(c->arena, count, size) : NULL;

    if (count && !copy) c->failed = true;
    if (copy) memcpy(copy, items, count * size);
    return copy;
}

/* NULL stays NULL; an empty value stays a value. */
static firn_slice
copy_slice(arena_copier *c, firn_slice bytes)
{
    uint8_t *copy = bytes.data ? firn_arena_alloc(c->arena, bytes.size ? bytes.size : 1) : NULL;

    if (bytes.data && !copy) c->failed = true;
    if (!copy) return firn_slice_of(NULL, 0);
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    return firn_slice_of(copy, bytes.size);
}

static const firn_slice *
copy_slices(arena_copier *c, const firn_slice *slices, size_t count)
{
    firn_slice *copy = count ? firn_arena_array(c->arena, count, sizeof *copy) : NULL;

    if (count && !copy) c->failed = true;
    for (size_t i = 0; copy && i < count; i++) copy[i] = copy_slice(c, slices[i]);
    return copy;
}

static const data_file_column *
copy_columns(arena_copier *c, const data_file_column *columns, size_t count)
{
    data_file_column *copy = count ? firn_arena_array(c->arena, count, sizeof *copy) : NULL;

    if (count && !copy) c->failed = true;
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = columns[i];
        copy[i].lower = copy_slice(c, columns[i].lower);
        copy[i].upper = copy_slice(c, columns[i].upper);
    }
    return copy;
}

firn_status
data_file_copy(const data_file *file, firn_arena *arena, data_file *ret_copy, firn_error *err)
{
    arena_copier c = {arena, false};
    data_file    copy = *file;

    copy.path = copy_text(&c, file->path);
    copy.format = copy_text(&c, file->format);
    copy.partition = copy_slices(&c, file->partition, file->partition_count);
    copy.columns = copy_columns(&c, file->columns, file->column_count);
    copy.split_offsets = copy_array(&c, file->split_offsets, file->split_offset_count, sizeof *file->split_offsets);
    copy.equality_ids = copy_array(&c, file->equality_ids, file->equality_id_count, sizeof *file->equality_ids);
    copy.referenced_data_file = copy_text(&c, file->referenced_data_file);
    copy.key_metadata = copy_slice(&c, file->key_metadata);
    if (c.failed) return firn_fail_memory(err, "a data file's description");
    *ret_copy = copy;
    return FIRN_OK;
}

firn_status
manifest_file_copy(const manifest_file *file, firn_arena *arena, manifest_file *ret_copy, firn_error *err)
{
    arena_copier       c = {arena, false};
    manifest_file      copy = *file;
    partition_summary *summaries = NULL;

    copy.path = copy_text(&c, file->path);
    copy.key_metadata = copy_slice(&c, file->key_metadata);
    if (file->partitions) {
        size_t count = file->partition_count;
        summaries = firn_arena_array(arena, count ? count : 1, sizeof *summaries);
        if (!summaries) return firn_fail_memory(err, "a manifest's description");
        for (size_t i = 0; i < count; i++) {
            summaries[i] = file->partitions[i];
            summaries[i].lower = copy_slice(&c, file->partitions[i].lower);
            summaries[i].upper = copy_slice(&c, file->partitions[i].upper);
        }
    }
    copy.partitions = summaries;
    if (c.failed) return firn_fail_memory(err, "a manifest's description");
    *ret_copy = copy;
    return FIRN_OK;
}

int
data_file_compare_partitions(const data_file *a, const data_file *b)
{
    if (a->spec_id != b->spec_id) return a->spec_id < b->spec_id ? -1 : 1;
    for (unsigned i = 0; i < a->partition_count && i < b->partition_count; i++) {
        firn_slice x = a->partition[i], y = b->partition[i];
        size_t     size = x.size < y.size ? x.size : y.size;
        int        order;

        if (!x.data != !y.data) return x.data ? 1 : -1;
        order = size ? memcmp(x.data, y.data, size) : 0;
        if (order == 0 && x.size != y.size) order = x.size < y.size ? -1 : 1;
        if (order != 0) return order;
    }
    return 0;
}
