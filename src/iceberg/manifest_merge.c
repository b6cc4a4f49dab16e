#include "iceberg/manifest_merge.h"

#include "base/alloc.h"
#include "iceberg/file_names.h"
#include "iceberg/manifest_reader.h"
#include "iceberg/manifest_writer.h"

#include <stdlib.h>

#define SPECS_MAX 1000

/* Manifests that can become one: they have the spec and the content in common. */
typedef struct merge_kind {
    manifest_content content;
    int32_t          spec_id;
    size_t           count, result_count;
    int64_t          size_bytes;
} merge_kind;

/* One entry, and what it is sorted by. */
typedef struct merge_entry {
    manifest_entry      entry;
    const single_value *values; /* of the partition, in the spec's order */
} merge_entry;

static bool
is_small(const manifest_merge_settings *settings, const manifest_file *m)
{
    return m->size_bytes < settings->target_size_bytes / 4 * 3;
}

static bool
is_of_kind(const merge_kind *kind, const manifest_file *m)
{
    return m->content == kind->content && m->spec_id == kind->spec_id;
}

/* False: nothing to gain. */
static bool
measure_kind(const manifest_merge_settings *settings, const manifest_file manifests[], size_t count,
             const manifest_file *first, merge_kind *ret_kind)
{
    merge_kind kind = {.content = first->content, .spec_id = first->spec_id};

    for (size_t i = 0; i < count; i++) {
        if (!is_of_kind(&kind, &manifests[i]) || !is_small(settings, &manifests[i])) continue;
        kind.count++;
        kind.size_bytes += manifests[i].size_bytes;
    }
    kind.result_count = (size_t) (kind.size_bytes / settings->target_size_bytes) + 1;
    *ret_kind = kind;
    return kind.count >= settings->count_min && kind.count >= 2 && kind.result_count < kind.count;
}

static bool
is_first_of_kind(const manifest_file manifests[], size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (manifests[i].content == manifests[index].content && manifests[i].spec_id == manifests[index].spec_id)
            return false;
    }
    return true;
}

size_t
manifest_merge_count(const manifest_merge_settings *settings, const manifest_file manifests[], size_t count,
                     size_t *ret_result_count)
{
    size_t merged = 0, results = 0;

    for (size_t i = 0; i < count; i++) {
        merge_kind kind;

        if (!is_first_of_kind(manifests, i)) continue;
        if (!measure_kind(settings, manifests, count, &manifests[i], &kind)) continue;
        merged += kind.count;
        results += kind.result_count;
    }
    *ret_result_count = results;
    return merged;
}

/* ---- entries in order ---- */

typedef struct merge_list {
    firn_arena            arena;
    merge_entry          *entries;
    size_t                count, capacity;
    const partition_spec *spec;
    const data_type      *types; /* of the spec's fields; NULL where one is gone: not sorted */
} merge_list;

static void
merge_list_done(merge_list *list)
{
    firn_free(list->entries);
    firn_arena_done(&list->arena);
}

static firn_status
find_types(merge_list *list, const table_schema *schema, firn_error *err)
{
    data_type *types = firn_arena_array(&list->arena, list->spec->field_count + 1, sizeof *types);

    if (!types) return firn_fail_memory(err, "manifests");
    for (unsigned i = 0; i < list->spec->field_count; i++) {
        if (!partition_field_type(list->spec, i, schema, &types[i])) return FIRN_OK;
    }
    list->types = types;
    return FIRN_OK;
}

static firn_status
add_entry(merge_list *list, const manifest_entry *entry, firn_error *err)
{
    unsigned      field_count = list->spec->field_count;
    single_value *values = firn_arena_array(&list->arena, field_count + 1, sizeof *values);

    if (list->count == list->capacity) {
        size_t       capacity = list->capacity ? list->capacity * 2 : 256;
        merge_entry *entries = firn_realloc(list->entries, capacity * sizeof *entries);

        if (!entries) return firn_fail_memory(err, "manifests");
        list->entries = entries;
        list->capacity = capacity;
    }
    if (!values) return firn_fail_memory(err, "manifests");
    for (unsigned i = 0; list->types && i < field_count && i < entry->file.partition_count; i++)
        FIRN_TRY(single_value_decode(&list->types[i], entry->file.partition[i], &values[i], err));
    list->entries[list->count++] = (merge_entry){*entry, values};
    return FIRN_OK;
}

static firn_status
read_manifest(snapshot_files *s, const manifest_file *manifest, merge_list *list, firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;

    FIRN_TRY(manifest_reader_open(s->files, manifest, list->spec, &reader, err));
    for (;;) {
        manifest_entry entry;
        bool           more = false;

        FIRN_TRY(manifest_reader_next(reader, &list->arena, &entry, &more, err));
        if (!more) return FIRN_OK;
        if (entry.status != ENTRY_DELETED) FIRN_TRY(add_entry(list, &entry, err));
    }
}

/* By partition, nulls first; then by age, so that what was written together stays together. */
static int
compare_entries(const void *a, const void *b, void *state)
{
    const merge_entry *x = a, *y = b;
    const merge_list  *list = state;

    for (unsigned i = 0; list->types && i < list->spec->field_count; i++) {
        const single_value *v = &x->values[i], *w = &y->values[i];
        int order = v->is_null || w->is_null ? w->is_null - v->is_null : single_value_compare(&list->types[i], v, w);

        if (order) return order;
    }
    if (x->entry.sequence_number != y->entry.sequence_number)
        return x->entry.sequence_number < y->entry.sequence_number ? -1 : 1;
    return strcmp(x->entry.file.path, y->entry.file.path);
}

/* ---- writing ---- */

static firn_status
add_manifest(snapshot_files *s, manifest_file merged[], size_t *count, manifest_writer *writer, firn_error *err)
{
    FIRN_TRY(manifest_writer_close(writer, s->arena, &merged[*count], err));
    (*count)++;
    s->merge_result_count++;
    return FIRN_OK;
}

/* The entries as `result_count` manifests of equal numbers of entries. */
static firn_status
write_entries(snapshot_files *s, const merge_kind *kind, const merge_list *list, manifest_file merged[], size_t *count,
              firn_error *err)
{
    size_t           per_manifest = list->count / kind->result_count + 1;
    manifest_options options = {s->table->format_version, kind->content, s->table->schema, list->spec, s->snapshot_id};

    for (size_t at = 0; at < list->count;) {
        FIRN_AUTO(manifest_writer_freep) manifest_writer *writer = NULL;
        const char *location = file_name_manifest(s->arena, s->table->location, s->attempt, s->file_number++);
        size_t      end = list->count - at < per_manifest ? list->count : at + per_manifest;

        if (!location) return firn_fail_memory(err, "a manifest's name");
        FIRN_TRY(manifest_writer_open(s->files, location, &options, &writer, err));
        for (; at < end; at++) FIRN_TRY(manifest_writer_add_existing(writer, &list->entries[at].entry, err));
        FIRN_TRY(add_manifest(s, merged, count, writer, err));
    }
    s->merged_entry_count += (int64_t) list->count;
    return FIRN_OK;
}

static firn_status
merge_one_kind(snapshot_files *s, const merge_kind *kind, manifest_file merged[], size_t *count, firn_error *err)
{
    FIRN_AUTO(merge_list_done) merge_list list = {.spec = table_metadata_spec_by_id(s->table, kind->spec_id)};

    if (!list.spec)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a manifest has the partition spec %d, which the table has not",
                         kind->spec_id);
    FIRN_TRY(find_types(&list, s->table->schema, err));
    for (size_t i = 0; i < s->manifest_count; i++) {
        const manifest_file *m = &s->manifests[i];

        if (!is_of_kind(kind, m) || !is_small(&s->change->manifest_merge, m)) continue;
        if (read_manifest(s, m, &list, err)) return firn_while(err, "merging manifest '%s'", m->path);
        s->merged_manifest_count++;
    }
    if (list.count)
        qsort_r(list.entries, list.count, sizeof *list.entries, compare_entries, &list);
    return write_entries(s, kind, &list, merged, count, err);
}

firn_status
manifest_merge(snapshot_files *s, firn_error *err)
{
    const manifest_merge_settings *settings = &s->change->manifest_merge;
    manifest_file                 *merged = firn_arena_array(s->arena, s->manifest_count + 1, sizeof *merged);
    size_t                         count = 0;

    if (!merged) return firn_fail_memory(err, "a list of manifests");
    for (size_t i = 0; i < s->manifest_count; i++) {
        const manifest_file *m = &s->manifests[i];
        merge_kind           kind;
        bool                 merges = measure_kind(settings, s->manifests, s->manifest_count, m, &kind);

        if (!merges || !is_small(settings, m)) merged[count++] = *m;
        if (merges && is_first_of_kind(s->manifests, i)) FIRN_TRY(merge_one_kind(s, &kind, merged, &count, err));
    }
    s->manifests = merged;
    s->manifest_count = s->manifest_capacity = count;
    return FIRN_OK;
}
