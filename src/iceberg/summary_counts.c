#include "iceberg/summary_counts.h"

#include <inttypes.h>

#include "base/text.h"

void
summary_counts_add(summary_counts_side *side, const data_file *file)
{
    bool is_vector = file->content_offset >= 0 && file->content_size_bytes >= 0;

    side->size_bytes += is_vector ? file->content_size_bytes : file->size_bytes;
    switch (file->content) {
    case DATA_FILE_DATA:
        side->data_files++;
        side->records += file->record_count;
        break;
    case DATA_FILE_POSITION_DELETES:
        side->delete_files++;
        side->vectors += is_vector;
        side->position_delete_files += !is_vector;
        side->position_deletes += file->record_count;
        break;
    case DATA_FILE_EQUALITY_DELETES:
        side->delete_files++;
        side->equality_delete_files++;
        side->equality_deletes += file->record_count;
        break;
    }
}

typedef struct entry_list {
    firn_arena     *arena;
    table_property *entries;
    unsigned        count;
    bool            failed;
} entry_list;

static void
add_number(entry_list *list, const char *key, int64_t value)
{
    const char *text = firn_arena_printf(list->arena, "%" PRId64, value);

    assert(list->count < SUMMARY_COUNTS_ENTRIES_MAX);
    if (!text) list->failed = true;
    list->entries[list->count++] = (table_property){key, text};
}

static void
add_if(entry_list *list, const char *key, int64_t value)
{
    if (value > 0) add_number(list, key, value);
}

/* A total goes on from the previous snapshot's; where that does not say it, or says rubbish, nobody knows it. */
static void
add_total(entry_list *list, const char *key, const snapshot *previous, int64_t added, int64_t removed)
{
    const char *text = previous ? snapshot_summary(previous, key) : "0";
    int64_t     total;

    if (!text || !text_parse_i64(firn_slice_text(text), &total) || total < 0) return;
    if (__builtin_add_overflow(total, added - removed, &total) || total < 0) return;
    add_number(list, key, total);
}

firn_status
summary_counts_entries(const summary_counts *counts, const snapshot *previous, firn_arena *arena,
                       table_property ret_entries[], unsigned *ret_count, firn_error *err)
{
    const summary_counts_side *a = &counts->added, *r = &counts->removed;
    entry_list                 list = {.arena = arena, .entries = ret_entries};

    add_if(&list, "added-data-files", a->data_files);
    add_if(&list, "deleted-data-files", r->data_files);
    add_if(&list, "added-equality-delete-files", a->equality_delete_files);
    add_if(&list, "removed-equality-delete-files", r->equality_delete_files);
    add_if(&list, "added-position-delete-files", a->position_delete_files);
    add_if(&list, "removed-position-delete-files", r->position_delete_files);
    add_if(&list, "added-delete-files", a->delete_files);
    add_if(&list, "removed-delete-files", r->delete_files);
    add_if(&list, "added-dvs", a->vectors);
    add_if(&list, "removed-dvs", r->vectors);
    add_if(&list, "added-records", a->records);
    add_if(&list, "deleted-records", r->records);
    add_if(&list, "added-files-size", a->size_bytes);
    add_if(&list, "removed-files-size", r->size_bytes);
    add_if(&list, "added-position-deletes", a->position_deletes);
    add_if(&list, "removed-position-deletes", r->position_deletes);
    add_if(&list, "added-equality-deletes", a->equality_deletes);
    add_if(&list, "removed-equality-deletes", r->equality_deletes);
    add_number(&list, "changed-partition-count", counts->changed_partition_count);
    add_total(&list, "total-records", previous, a->records, r->records);
    add_total(&list, "total-files-size", previous, a->size_bytes, r->size_bytes);
    add_total(&list, "total-data-files", previous, a->data_files, r->data_files);
    add_total(&list, "total-delete-files", previous, a->delete_files, r->delete_files);
    add_total(&list, "total-position-deletes", previous, a->position_deletes, r->position_deletes);
    add_total(&list, "total-equality-deletes", previous, a->equality_deletes, r->equality_deletes);
    *ret_count = list.count;
    return list.failed ? firn_fail_memory(err, "a snapshot's summary") : FIRN_OK;
}
