#include "follow/table_apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/sort_u64.h"
#include "batch/array.h"
#include "catalog/commit.h"
#include "follow/index_opening.h"
#include "follow/new_rows.h"
#include "follow/row_deletes.h"
#include "iceberg/file_names.h"

#define BATCH_ROWS 8192u
#define BATCH_BYTES ((size_t) 2 << 20)
#define KEY_SCRATCH_MAX ((size_t) 1 << 30)
#define SHARED_COMMIT_ROUNDS 10u

/* A whole row of which fewer are wanted. */
typedef struct row_removal {
    key_hash key;
    uint32_t count, found;
} row_removal;

typedef struct apply {
    followed_table             *table;
    const follow_context       *ctx;
    const table_apply_settings *settings;
    const table_shape          *shape;
    table_schema               *schema; /* the lake's; borrowed */
    bool                        whole_rows;
    firn_arena                  arena;
    const char                 *data_location;
    firn_uuid                   commit_id;
    char                        commit_text[UUID_TEXT_SIZE];
    const char                 *removed_properties[1]; /* of the change that is decided */
    const char                 *position; /* as the commit's properties say it */
    uint32_t                    entry_count;
    uint64_t                    generation; /* of the index that the hashes are for */
    key_hash                   *hashes; /* per entry */
    uint64_t                   *places; /* per entry: where its row lies now, or KEY_PLACE_NONE. Keyed */
    row_removal                *removals; /* whole rows, by key, ascending */
    size_t                      removal_count;
    uint64_t                   *gone;    /* places of all rows that go; ascending */
    size_t                      gone_count, gone_capacity;
    key_change                 *changes; /* of the index */
    size_t                      change_count, change_capacity;
    new_rows                    rows;
    delete_files                deletes;
    unsigned                    delete_number;
    uint64_t                    excused_count, coerced_before;
    bool                        offered;
} apply;

static void
apply_done(apply *a)
{
    if (!a->offered) {
        data_file_list_discard(&a->rows.files, a->ctx->lake->files);
        data_file_list_discard(&a->deletes.added, a->ctx->lake->files);
    }
    new_rows_done(&a->rows);
    delete_files_done(&a->deletes);
    firn_free(a->hashes);
    firn_free(a->places);
    firn_free(a->removals);
    firn_free(a->gone);
    firn_free(a->changes);
    firn_arena_done(&a->arena);
}

/* Room for one more. */
static firn_status
grow(void *slot, size_t item_size, size_t count, size_t *capacity, firn_error *err)
{
    void **typed = slot;

    if (count < *capacity) return FIRN_OK;
    size_t wanted = *capacity ? *capacity * 2 : 256;
    void  *memory = firn_realloc(*typed, wanted * item_size);
    if (!memory) return firn_fail_memory(err, "a window's rows");
    *typed = memory;
    *capacity = wanted;
    return FIRN_OK;
}

/* ---- the table and its index ---- */

/* The table at what the window's parts so far have made of it; checked that nobody else has changed main meanwhile. */
static firn_status
view_stage(const apply *a, table_metadata *now, table_metadata **ret_view, firn_error *err)
{
    const followed_table *table = a->table;
    const snapshot       *current = table_metadata_current_snapshot(now);
    const snapshot       *head = table_metadata_ref_snapshot(now, STAGE_BRANCH);

    /* Processes that share a table have one branch: what another has put there, or has dropped of ours, is not to be gone on from. */
    bool is_ours = table->is_staged ? head && head->snapshot_id == table->staged_head : !a->settings->is_part || !head;
    if (!is_ours || (table->is_staged && (current ? current->snapshot_id : 0) != table->staged_on))
        return firn_fail(err, FIRN_E_FOLLOW_UNDERCUT, "another writer has changed table '%s' while a large window was applied to it",
                         table->name);
    *ret_view = table->is_staged ? table_metadata_at_branch(now, STAGE_BRANCH) : table_metadata_ref(now);
    return *ret_view ? FIRN_OK : firn_fail_memory(err, "a table's metadata");
}

/* The table as it is now, and the index with it. */
static firn_status
look(apply *a, firn_error *err)
{
    followed_table *table = a->table;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *now = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *view = NULL;

    FIRN_TRY(a->ctx->lake->ops->load(a->ctx->lake, &table->ident, &now, err));
    FIRN_TRY(followed_table_check_fence(table, now, err));
    FIRN_TRY(view_stage(a, now, &view, err));
    table_metadata *before = table->base;
    table->base = FIRN_STEAL(view);
    table_metadata_unref(before);
    a->schema = table_metadata_schema(table->base);
    return index_opening_end(table, a->ctx, err);
}

/* ---- keys ---- */

static firn_status
hash_batch(apply *a, batch *keys, uint32_t from, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray array = {0};

    if (a->whole_rows) FIRN_TRY(table_shape_arrange(a->shape, a->schema, keys, &array, err));
    else
        FIRN_TRY(table_shape_arrange_keys(a->shape, keys, &array, err));
    return table_index_hash(a->table->index, a->whole_rows ? a->schema : a->shape->key_schema, &array, a->hashes + from, err);
}

static firn_status
entry_key_tuple(const apply *a, const row_entry *entry, firn_buffer *scratch, change_tuple *ret_tuple, firn_error *err)
{
    firn_slice key = firn_slice_of(entry->key, entry->key_size);

    if (!a->whole_rows) return table_shape_key_tuple(a->shape, key, scratch, ret_tuple, err);
    *ret_tuple = (change_tuple){.bytes = key, .column_count = a->shape->relation->column_count};
    return FIRN_OK;
}

/* Which message it was. */
static firn_status
fail_entry(const apply *a, uint32_t index, firn_error *err)
{
    const row_entry *entry = table_changes_entry(a->table->changes, index);

    followed_table_say_origin(a->settings->stream, entry->origin_part, entry->origin, err);
    return err->status;
}

static firn_status
hash_keys(apply *a, firn_error *err)
{
    a->generation = table_index_generation(a->table->index);
    row_decoder *decoder = a->whole_rows ? a->shape->rows : a->shape->keys;
    FIRN_AUTO(firn_buffer_done) firn_buffer scratch = {0};
    uint32_t from = 0;

    firn_buffer_init(&scratch, KEY_SCRATCH_MAX);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        change_tuple tuple;

        FIRN_TRY(entry_key_tuple(a, table_changes_entry(a->table->changes, i), &scratch, &tuple, err));
        if (row_decoder_append(decoder, &tuple, err)) return fail_entry(a, i, err);
        if (i + 1 < a->entry_count && decoder->row_count < BATCH_ROWS && decoder->size_bytes < BATCH_BYTES) continue;
        FIRN_AUTO(batch_done) batch keys = {0};
        FIRN_TRY(row_decoder_take(decoder, &keys, err));
        FIRN_TRY(hash_batch(a, &keys, from, err));
        from = i + 1;
    }
    return FIRN_OK;
}

/* ---- old rows ---- */

static int
compare_removals(const void *x, const void *y)
{
    const row_removal *a = x, *b = y;

    return key_hash_compare(a->key, b->key);
}

/* Equal rows that came in different bytes are one removal. */
static firn_status
make_removals(apply *a, firn_error *err)
{
    size_t capacity = 0, count = 0;

    firn_free(a->removals);
    a->removals = NULL;
    a->removal_count = 0;
    for (uint32_t i = 0; i < a->entry_count; i++) {
        int32_t by = table_changes_entry(a->table->changes, i)->count;

        if (by >= 0) continue;
        FIRN_TRY(grow(&a->removals, sizeof *a->removals, a->removal_count, &capacity, err));
        a->removals[a->removal_count++] = (row_removal){.key = a->hashes[i], .count = (uint32_t) -by};
    }
    if (a->removal_count) qsort(a->removals, a->removal_count, sizeof *a->removals, compare_removals);
    for (size_t i = 0; i < a->removal_count; i++) {
        if (count && key_hash_equal(a->removals[count - 1].key, a->removals[i].key))
            a->removals[count - 1].count += a->removals[i].count;
        else
            a->removals[count++] = a->removals[i];
    }
    a->removal_count = count;
    return FIRN_OK;
}

static firn_status
add_gone(apply *a, uint64_t place, firn_error *err)
{
    FIRN_TRY(grow(&a->gone, sizeof *a->gone, a->gone_count, &a->gone_capacity, err));
    a->gone[a->gone_count++] = place;
    return FIRN_OK;
}

static firn_status
sort_gone(apply *a, firn_error *err)
{
    FIRN_AUTO(firn_freep) uint64_t *scratch = firn_alloc((a->gone_count + 1) * sizeof *scratch);

    if (!scratch) return firn_fail_memory(err, "a window's rows");
    sort_u64(a->gone, scratch, a->gone_count);
    return FIRN_OK;
}

static firn_status
find_copies(apply *a, uint64_t *ret_missing, firn_error *err)
{
    for (size_t i = 0; i < a->removal_count; i++) {
        row_removal *r = &a->removals[i];
        FIRN_AUTO(firn_freep) uint64_t *places = firn_calloc(r->count, sizeof *places);

        if (!places) return firn_fail_memory(err, "a window's rows");
        r->found = (uint32_t) table_index_find_copies(a->table->index, r->key, r->count, places);
        *ret_missing += r->count - r->found;
        for (uint32_t k = 0; k < r->found; k++) FIRN_TRY(add_gone(a, places[k], err));
    }
    return FIRN_OK;
}

typedef struct doubled_row {
    uint64_t place;
    uint32_t entry;
} doubled_row;

static int
compare_doubled(const void *x, const void *y)
{
    const doubled_row *a = x, *b = y;

    return a->place < b->place ? -1 : a->place > b->place;
}

/* An index that has caught up with commits that it did not make (another process's; our own, killed before it was told) still has the keys of
 * rows that those deleted (index_rebuild.h): such rows are not there. `ret_count`: the others. */
static firn_status
drop_stale(apply *a, const table_metadata *base, doubled_row doubled[], size_t count, uint64_t *ret_count, firn_error *err)
{
    uint64_t *places = firn_arena_array(&a->arena, count + 1, sizeof *places);
    bool     *deleted = firn_arena_array(&a->arena, count + 1, sizeof *deleted);

    *ret_count = 0;
    if (!count) return FIRN_OK;
    if (!places || !deleted) return firn_fail_memory(err, "a window's rows");
    qsort(doubled, count, sizeof *doubled, compare_doubled);
    for (size_t i = 0; i < count; i++) places[i] = doubled[i].place;
    FIRN_TRY(row_deletes_look(a->ctx->lake->files, base, a->table->index, places, count, deleted, err));
    for (size_t i = 0; i < count; i++) {
        if (deleted[i]) a->places[doubled[i].entry] = KEY_PLACE_NONE;
        *ret_count += !deleted[i] && table_changes_entry(a->table->changes, doubled[i].entry)->expects_none;
    }
    return FIRN_OK;
}

/* The places of the entries' keys. */
static firn_status
find_keys(apply *a, const table_metadata *base, uint64_t *ret_missing, uint64_t *ret_doubled, firn_error *err)
{
    FIRN_AUTO(firn_freep) doubled_row *doubled = NULL;
    size_t count = 0, capacity = 0;

    table_index_find(a->table->index, a->hashes, a->entry_count, a->places);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        const row_entry *entry = table_changes_entry(a->table->changes, i);

        *ret_missing += a->places[i] == KEY_PLACE_NONE && !entry->expects_none && !entry->may_exist;
        if (a->places[i] == KEY_PLACE_NONE || !(entry->expects_none || entry->may_exist)) continue;
        FIRN_TRY(grow(&doubled, sizeof *doubled, count, &capacity, err));
        doubled[count++] = (doubled_row){a->places[i], i};
    }
    FIRN_TRY(drop_stale(a, base, doubled, count, ret_doubled, err));
    for (uint32_t i = 0; i < a->entry_count; i++) {
        if (a->places[i] != KEY_PLACE_NONE) FIRN_TRY(add_gone(a, a->places[i], err));
    }
    return FIRN_OK;
}

/* Where the rows lie that go, as the index has them; told where that is not what the source's changes say. */
static firn_status
find_old_rows(apply *a, const table_metadata *base, firn_error *err)
{
    uint64_t missing = 0, doubled = 0;
    char     message[FIRN_ERROR_TEXT_MAX];

    a->gone_count = 0;
    if (table_changes_truncated(a->table->changes)) {
        for (uint32_t i = 0; !a->whole_rows && i < a->entry_count; i++) a->places[i] = KEY_PLACE_NONE;
        return FIRN_OK;
    }
    if (a->whole_rows) {
        FIRN_TRY(make_removals(a, err));
        FIRN_TRY(find_copies(a, &missing, err));
    } else {
        FIRN_TRY(find_keys(a, base, &missing, &doubled, err));
    }
    FIRN_TRY(sort_gone(a, err));
    /* Rows that were left out before, and are deleted or come back now. */
    a->excused_count = missing < a->table->left_out_count ? missing : a->table->left_out_count;
    missing -= a->excused_count;
    if (!missing && !doubled) return FIRN_OK;
    (void) snprintf(message, sizeof message,
                    "%" PRIu64 " changed or deleted rows were not in the lake, %" PRIu64 " inserted rows were there already: compare "
                    "the table with its source",
                    missing, doubled);
    follow_tell(a->ctx, FOLLOW_EVENT_WARNING, a->table->name, message, NULL);
    return FIRN_OK;
}

static firn_status
write_deletes(apply *a, const table_metadata *base, firn_error *err)
{
    delete_writer_settings settings = {.files = a->ctx->lake->files,
                                       .table = base,
                                       .data_location = a->data_location,
                                       .prefix = a->commit_text,
                                       .first_number = a->delete_number,
                                       .pending = a->ctx->pending,
                                       .table_name = a->table->name,
                                       .memory_bytes_max = a->ctx->settings->memory_bytes / 8};

    FIRN_TRY(row_deletes_write(&settings, a->table->index, a->gone, a->gone_count, &a->deletes, err));
    a->delete_number += a->deletes.added.count;
    firn_crash_point("delete.after-write");
    return FIRN_OK;
}

/* ---- the commit ---- */

#define PROPERTIES_MAX 8

static const char *
position_text(firn_arena *arena, uint64_t position)
{
    char text[CHANGE_POSITION_TEXT_MAX];

    change_position_format(position, text);
    return firn_arena_strdup(arena, text);
}

/* Ordinals mean nothing to the next run: each table's own position says where it is. */
static bool
says_consistent(const apply *a)
{
    return a->settings->consistent && !change_stream_has_places(a->settings->stream);
}

/* What the commit says of itself, in the properties and in the summary. */
static firn_status
describe_commit(apply *a, const table_metadata *base, table_change *change, firn_error *err)
{
    firn_arena     *arena = &a->arena;
    table_property *properties = firn_arena_array(arena, PROPERTIES_MAX, sizeof *properties);
    table_property *summary = firn_arena_array(arena, PROPERTIES_MAX, sizeof *summary);
    int64_t         events = table_metadata_property_i64(base, PROPERTY_EVENTS_APPLIED, 0);
    unsigned        p = 0, s = 0;

    if (!properties || !summary) return firn_fail_memory(err, "a commit");
    if (a->settings->is_part) return FIRN_OK;
    FIRN_TRY(followed_table_position(a->table, a->settings->stream, a->settings->position, base, arena, &a->position, err));
    events += (int64_t) (a->table->staged_event_count + table_changes_event_count(a->table->changes));
    properties[p++] = (table_property){PROPERTY_POSITION, a->position};
    if (says_consistent(a))
        properties[p++] = (table_property){PROPERTY_CONSISTENT, position_text(arena, a->settings->consistent)};
    if (a->table->applied) {
        properties[p] = (table_property){PROPERTY_APPLIED, NULL};
        FIRN_TRY(applied_transactions_text(a->table->applied, base, a->position, arena, &properties[p++].value, err));
    }
    properties[p++] = (table_property){PROPERTY_EVENTS_APPLIED, firn_arena_printf(arena, "%" PRId64, events)};
    properties[p++] = (table_property){PROPERTY_LAST_EVENT, firn_arena_printf(arena, "%" PRId64, a->table->last_event_us)};
    summary[s++] = (table_property){PROPERTY_POSITION, properties[0].value};
    if (says_consistent(a)) summary[s++] = (table_property){PROPERTY_CONSISTENT, properties[1].value};
    summary[s++] = (table_property){SUMMARY_WINDOW_HASH, firn_arena_printf(arena, "%016" PRIx64, a->table->window_hash)};
    summary[s++] = properties[p - 2]; /* events applied so far: rates come of it */
    summary[s++] = (table_property){
        "firn.coerced-values", firn_arena_printf(arena, "%" PRIu64, a->shape->rows->coerced_count - a->coerced_before + a->rows.coerced_count)};
    if (a->ctx->settings->correlation_id)
        summary[s++] = (table_property){"firn.correlation-id", a->ctx->settings->correlation_id};
    for (unsigned i = 0; i < p; i++)
        if (!properties[i].value) return firn_fail_memory(err, "a commit");
    for (unsigned i = 0; i < s; i++)
        if (!summary[i].value) return firn_fail_memory(err, "a commit");
    change->properties = properties;
    change->property_count = p;
    change->summary = summary;
    change->summary_count = s;
    change->removed_properties = a->removed_properties;
    change->removed_property_count = table_metadata_property(base, PROPERTY_SHAPE_BEFORE) != NULL;
    a->removed_properties[0] = PROPERTY_SHAPE_BEFORE;
    return FIRN_OK;
}

/* All files that the commit adds: data, then deletes. */
static firn_status
list_added(apply *a, table_change *change, firn_error *err)
{
    unsigned   count = a->rows.files.count + a->deletes.added.count;
    data_file *added = firn_arena_array(&a->arena, count + 1, sizeof *added);

    if (!added) return firn_fail_memory(err, "a commit");
    if (a->rows.files.count) memcpy(added, a->rows.files.files, a->rows.files.count * sizeof *added);
    if (a->deletes.added.count)
        memcpy(added + a->rows.files.count, a->deletes.added.files, a->deletes.added.count * sizeof *added);
    change->added = added;
    change->added_count = count;
    return FIRN_OK;
}

static firn_status
offer_pending(apply *a, firn_error *err)
{
    if (a->offered || !a->ctx->pending) return FIRN_OK;
    return pending_files_offer(a->ctx->pending, a->commit_text, err);
}

/* Of a status that is not tried again. */
static firn_status
join_rows(apply *a, firn_error *err)
{
    return new_rows_join(&a->rows) ? FIRN_OK : firn_fail(err, FIRN_E_CANCELLED, "the rows of '%s' could not be written", a->table->name);
}

static firn_status
decide_on(apply *a, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    bool            truncated = table_changes_truncated(a->table->changes);
    const snapshot *current;

    /* Made for an earlier base, of which they were offered or not: what is not in the table is an orphan. */
    delete_files_done(&a->deletes);
    if (!table_index_is_at(a->table->index, base)) FIRN_TRY(join_rows(a, err));
    FIRN_TRY(table_index_catch_up(a->table->index, base, err));
    if (a->generation != table_index_generation(a->table->index)) FIRN_TRY(hash_keys(a, err));
    FIRN_TRY(find_old_rows(a, base, err));
    if (a->gone_count) FIRN_TRY(write_deletes(a, base, err));
    FIRN_TRY(join_rows(a, err));
    current = table_metadata_current_snapshot(base);
    *ret_change = (table_change){.commit_id = a->commit_id,
                                 .replace_all = truncated && current,
                                 .removed_paths = a->deletes.removed_paths,
                                 .removed_path_count = a->deletes.removed_path_count,
                                 .removed_vectors = a->deletes.removed_vectors,
                                 .removed_vector_count = a->deletes.removed_vector_count,
                                 .required_paths = a->deletes.required_paths,
                                 .required_path_count = a->deletes.required_path_count,
                                 .required_at = current ? current->snapshot_id : 0,
                                 .branch = a->settings->is_part ? STAGE_BRANCH : NULL,
                                 .merged_branch = !a->settings->is_part && a->table->is_staged ? STAGE_BRANCH : NULL};
    FIRN_TRY(list_added(a, ret_change, err));
    FIRN_TRY(describe_commit(a, base, ret_change, err));
    if (ret_change->added_count || ret_change->replace_all)
        ret_change->operation =
            table_change_operation(a->rows.files.count > 0, a->deletes.added.count > 0, ret_change->replace_all);
    FIRN_TRY(offer_pending(a, err));
    a->offered = true;
    firn_crash_point("commit.before-send");
    return FIRN_OK;
}

static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    apply *a = state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *view = NULL;

    if (!base)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "table '%s' is not in the lake any more", a->table->name);
    FIRN_TRY(followed_table_check_fence(a->table, base, err));
    /* Referenced, not changed. */
    FIRN_TRY(view_stage(a, (table_metadata *) (uintptr_t) base, &view, err));
    return decide_on(a, view, ret_change, err);
}

/* ---- the index afterwards ---- */

static firn_status
add_change(apply *a, key_hash key, uint64_t place, firn_error *err)
{
    FIRN_TRY(grow(&a->changes, sizeof *a->changes, a->change_count, &a->change_capacity, err));
    a->changes[a->change_count++] = (key_change){key, place};
    return FIRN_OK;
}

static uint64_t
place_of(uint32_t first_file, uint32_t file, uint64_t row)
{
    return key_place(first_file + file, row);
}

/* Whether the window leaves a row of this entry in the lake. */
static bool
has_row(const apply *a, uint32_t entry)
{
    return table_changes_entry(a->table->changes, entry)->row && !a->rows.left_out[entry];
}

static firn_status
list_changes(apply *a, firn_error *err)
{
    uint32_t first = table_index_next_file(a->table->index);

    /* What goes stands before what comes: of two keys with one hash the one with a row counts. */
    for (size_t i = 0; i < a->removal_count; i++)
        for (uint32_t k = 0; k < a->removals[i].found; k++) FIRN_TRY(add_change(a, a->removals[i].key, KEY_PLACE_NONE, err));
    for (size_t i = 0; i < a->rows.copy_count; i++) {
        const new_copy *row = &a->rows.copies[i];
        FIRN_TRY(add_change(a, a->hashes[row->entry], place_of(first, row->place.file, row->place.row), err));
    }
    if (a->whole_rows) return FIRN_OK;
    for (uint32_t i = 0; i < a->entry_count; i++) {
        if (!has_row(a, i) && a->places[i] != KEY_PLACE_NONE)
            FIRN_TRY(add_change(a, a->hashes[i], KEY_PLACE_NONE, err));
    }
    for (uint32_t i = 0; i < a->entry_count; i++) {
        if (has_row(a, i))
            FIRN_TRY(add_change(a, a->hashes[i], place_of(first, a->rows.places[i].file, a->rows.places[i].row), err));
    }
    return FIRN_OK;
}

static firn_status
update_index(apply *a, const table_metadata *now, firn_error *err)
{
    const char       **paths = firn_arena_array(&a->arena, a->rows.files.count + 1, sizeof *paths);
    table_index_commit commit = {.table = now,
                                 .added_files = paths,
                                 .added_file_count = a->rows.files.count,
                                 .truncated = table_changes_truncated(a->table->changes)};

    if (!paths) return firn_fail_memory(err, "the key index");
    for (unsigned i = 0; i < a->rows.files.count; i++) paths[i] = a->rows.files.files[i].path;
    FIRN_TRY(list_changes(a, err));
    commit.changes = a->changes;
    commit.change_count = a->change_count;
    return table_index_apply(a->table->index, &commit, err);
}

/* ---- all of it ---- */

static firn_status
make_room(apply *a, firn_error *err)
{
    a->hashes = firn_calloc(a->entry_count + 1u, sizeof *a->hashes);
    if (!a->whole_rows) a->places = firn_calloc(a->entry_count + 1u, sizeof *a->places);
    a->data_location = file_name_data_folder(&a->arena, table_metadata_location(a->table->base));
    if (!a->hashes || !a->data_location || (!a->whole_rows && !a->places)) return firn_fail_memory(err, "a window's rows");
    return FIRN_OK;
}

static uint64_t
size_of(const data_file_list *files)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < files->count; i++) bytes += (uint64_t) files->files[i].size_bytes;
    return bytes;
}

static void
tell_progress(const apply *a, uint64_t elapsed_us)
{
    const followed_table *table = a->table;
    table_commit_progress commit = {.position = a->settings->position,
                                    .row_count = a->rows.row_count,
                                    .deleted_row_count = a->gone_count,
                                    .data_file_count = a->rows.files.count,
                                    .delete_file_count = a->deletes.added.count,
                                    .data_bytes = size_of(&a->rows.files),
                                    .delete_bytes = size_of(&a->deletes.added),
                                    .elapsed_us = elapsed_us,
                                    .oldest_event_us = table->oldest_event_us,
                                    .last_event_us = table->last_event_us,
                                    .totals = snapshot_totals_of(table_metadata_current_snapshot(table->base))};

    memcpy(commit.changes, table->window_ops, sizeof commit.changes);
    follow_progress_committed(a->ctx->settings->progress, table->number, &commit);
}

static void
tell_committed(const apply *a, const table_metadata *now, uint64_t started_us)
{
    const snapshot *current = table_metadata_current_snapshot(now);
    follow_event    event = {.kind = FOLLOW_EVENT_COMMITTED,
                             .table = a->table->name,
                             .change_count = a->table->staged_event_count + table_changes_event_count(a->table->changes),
                             .row_count = a->rows.row_count,
                             .delete_count = a->gone_count,
                             .file_count = a->rows.files.count + a->deletes.added.count,
                             .snapshot_id = current ? current->snapshot_id : 0,
                             .elapsed_ms = (firn_clock_monotonic_us() - started_us) / 1000,
                             .position = a->position};

    tell_progress(a, firn_clock_monotonic_us() - started_us);
    if (a->ctx->events) a->ctx->events->emit(a->ctx->events->state, &event);
}

/* From now on the window's parts are looked for on the branch. */
static firn_status
commit_part(apply *a, table_metadata *take_now, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *now = take_now;
    followed_table *table = a->table;
    const snapshot *current = table_metadata_current_snapshot(now);

    if (!table->is_staged) table->staged_on = current ? current->snapshot_id : 0;
    table->is_staged = true;
    table->staged_event_count += table_changes_event_count(table->changes);
    table->row_count += a->rows.row_count;
    table->delete_count += a->gone_count;
    table_metadata *view = table_metadata_at_branch(now, STAGE_BRANCH);
    if (!view) return firn_fail_memory(err, "a table's metadata");
    table->staged_head = table_metadata_current_snapshot(view) ? table_metadata_current_snapshot(view)->snapshot_id : 0;
    table_metadata_unref(table->base);
    table->base = view;
    return FIRN_OK;
}

/* Processes that share a table commit to it all the time: they wait for each other for longer than other writers do. */
static firn_status
commit_decided(apply *a, table_metadata **ret_now, firn_error *err)
{
    unsigned more = a->table->stream ? SHARED_COMMIT_ROUNDS : 0;

    for (;;) {
        firn_status status = catalog_commit_decided(a->ctx->lake, &a->table->ident, decide, a, NULL, ret_now, err);
        if (status != FIRN_CONFLICT || !more--) return status;
        firn_error_reset(err);
    }
}

static firn_status
commit(apply *a, uint64_t started_us, firn_error *err)
{
    followed_table *table = a->table;
    table_metadata *now = NULL;
    firn_error      ignored = {0};

    FIRN_TRY(commit_decided(a, &now, err));
    table->left_out_count += a->rows.left_out_count - a->excused_count;
    firn_crash_point(a->settings->is_part ? "stage.after-response" : "commit.after-response");
    if (a->ctx->pending) (void) !pending_files_end(a->ctx->pending, a->commit_text, &ignored);
    if (a->settings->is_part) return commit_part(a, now, err);
    table_metadata_unref(table->base);
    table->base = now;
    table->position = a->settings->position;
    table->change_count += table->staged_event_count + table_changes_event_count(table->changes);
    table->row_count += a->rows.row_count;
    table->delete_count += a->gone_count;
    table->commit_count++;
    table->last_commit_us = firn_clock_now_us();
    tell_committed(a, now, started_us);
    return FIRN_OK;
}

/* The commit stands; an index that could not follow is opened anew, and takes the commit in then. */
static void
follow_index(apply *a)
{
    firn_error failed = {0};

    if (update_index(a, a->table->base, &failed)) {
        follow_tell(a->ctx, FOLLOW_EVENT_WARNING, a->table->name, "the key index could not be changed and is opened anew", &failed);
        table_index_free(a->table->index);
        a->table->index = NULL;
    }
    firn_crash_point("index.after-update");
}

/* Rows that cannot be written end the commit, and are why there is none; before that the keys. */
static firn_status
write_and_commit(apply *a, uint64_t started_us, bool *ret_of_table, firn_error *err)
{
    a->rows = (new_rows){.table = a->table,
                         .ctx = a->ctx,
                         .stream = a->settings->stream,
                         .schema = a->schema,
                         .hashes = a->hashes,
                         .data_location = a->data_location,
                         .commit_id = a->commit_text};
    FIRN_TRY(new_rows_begin(&a->rows, err));
    if (hash_keys(a, err)) {
        (void) !new_rows_join(&a->rows);
        *ret_of_table = true;
        return err->status;
    }
    firn_status status = new_rows_go_on(&a->rows, err);
    if (!status) status = commit(a, started_us, err);
    if (!new_rows_join(&a->rows)) *err = a->rows.failed;
    *ret_of_table = a->rows.of_table;
    return err->status;
}

firn_status
table_apply(followed_table *table, const follow_context *ctx, const table_apply_settings *settings, bool *ret_of_table,
            firn_error *err)
{
    FIRN_AUTO(apply_done) apply a = {.table = table,
                                     .ctx = ctx,
                                     .settings = settings,
                                     .shape = table->shape,
                                     .commit_id = uuid_v7(),
                                     .whole_rows = table->shape->key_count == 0,
                                     .entry_count = table_changes_entry_count(table->changes),
                                     .coerced_before = table->shape->rows->coerced_count};
    uint64_t    started_us = firn_clock_monotonic_us();

    *ret_of_table = false;
    uuid_format(a.commit_id, a.commit_text);
    FIRN_TRY(look(&a, err));
    FIRN_TRY(make_room(&a, err));
    if (write_and_commit(&a, started_us, ret_of_table, err)) return firn_while(err, "applying changes of '%s'", table->name);
    follow_index(&a);
    return FIRN_OK;
}
