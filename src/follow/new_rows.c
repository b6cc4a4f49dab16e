#include "follow/new_rows.h"

#include <string.h>

#include "base/alloc.h"
#include "base/crash_point.h"
#include "batch/array.h"
#include "batch/batch_take.h"
#include "follow/row_holes.h"
#include "follow/row_reselect.h"

#define BATCH_ROWS 8192u
#define BATCH_BYTES ((size_t) 2 << 20)
#define FILE_SIZE_TARGET ((uint64_t) 512 << 20)
#define ROW_GROUP_BYTES ((size_t) 16 << 20)
#define THREAD_ENTRIES_MIN 1000u

/* The entries whose rows are in the decoder; whole rows that come several times stand several times. */
typedef struct row_run {
    roll_writer *writer;
    uint32_t     entries[BATCH_ROWS];
    uint32_t     count;
    bool         has_holes;
    roll_place   places[BATCH_ROWS];
} row_run;

void
new_rows_done(new_rows *n)
{
    task_group_free(n->thread);
    task_lock_free(n->guard);
    data_file_list_done(&n->files);
    firn_free(n->places);
    firn_free(n->left_out);
    firn_free(n->copies);
}

/* How many rows an entry brings. */
static uint32_t
times_of(const new_rows *n, const row_entry *entry)
{
    if (n->table->shape->key_count) return entry->row != NULL;
    return entry->count > 0 ? (uint32_t) entry->count : 0;
}

/* ---- values that did not come with the changes ---- */

static void
tell_keys(new_rows *n, bool are_hashed)
{
    if (!n->guard) return;
    task_lock_hold(n->guard);
    if (n->keys == KEYS_AWAITED) n->keys = are_hashed ? KEYS_HASHED : KEYS_MISSING;
    task_lock_wake_all(n->guard);
    task_lock_release(n->guard);
}

static firn_status
await_keys(new_rows *n, firn_error *err)
{
    if (!n->guard) return FIRN_OK;
    task_lock_hold(n->guard);
    while (n->keys == KEYS_AWAITED) (void) task_lock_wait(n->guard, 0);
    bool are_hashed = n->keys == KEYS_HASHED;
    task_lock_release(n->guard);
    return are_hashed ? FIRN_OK : firn_fail(err, FIRN_E_CANCELLED, "the keys of '%s' are not hashed", n->table->name);
}

/* What the decoder has noted, and the holes of rows that the lake does not have. */
static firn_status
list_damage(new_rows *n, const row_run *run, const uint32_t missing[], uint32_t missing_count, firn_arena *arena, reselect_work *work,
            firn_error *err)
{
    const row_decoder *decoder = n->table->shape->rows;
    unsigned           columns = n->table->shape->description->schema->field_count;
    row_damage        *list = firn_arena_array(arena, decoder->damage_count + (size_t) missing_count * columns + 1, sizeof *list);

    if (!list) return firn_fail_memory(err, "a window's rows");
    if (decoder->damage_count) memcpy(list, decoder->damage, decoder->damage_count * sizeof *list);
    work->damage_count = decoder->damage_count;
    for (uint32_t i = 0; i < missing_count; i++) {
        for (unsigned c = 0; c < columns; c++) {
            if (row_holes_has(n->table, table_changes_entry(n->table->changes, run->entries[missing[i]]), c))
                list[work->damage_count++] = (row_damage){.row = missing[i], .column = c};
        }
    }
    work->damage = list;
    return FIRN_OK;
}

/* Without the rows that are gone. */
static firn_status
leave_out(new_rows *n, row_run *run, const bool gone[], struct ArrowArray *array, firn_error *err)
{
    FIRN_AUTO(firn_freep) uint32_t *kept = firn_calloc(run->count + 1u, sizeof *kept);
    struct ArrowArray taken = {0};
    uint32_t          count = 0;

    if (!kept) return firn_fail_memory(err, "a window's rows");
    for (uint32_t i = 0; i < run->count; i++) {
        if (gone[i]) {
            n->left_out[run->entries[i]] = true;
            continue;
        }
        run->entries[count] = run->entries[i];
        kept[count++] = i;
    }
    n->left_out_count += run->count - count;
    if (count == run->count) return FIRN_OK;
    run->count = count;
    if (!count) return FIRN_OK;
    FIRN_TRY(batch_take(n->schema, array, kept, count, &taken, err));
    array_done(array);
    array_move(&taken, array);
    return FIRN_OK;
}

/* Values that did not come with the changes: from the lake, and from the source. */
static firn_status
complete_rows(new_rows *n, row_run *run, struct ArrowArray *array, firn_error *err)
{
    const row_decoder *decoder = n->table->shape->rows;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    uint32_t     *missing = n->reselects ? firn_arena_array(&arena, run->count, sizeof *missing) : NULL, missing_count = 0;
    bool         *gone = firn_arena_array(&arena, run->count, sizeof *gone);
    reselect_work work = {.table = n->table, .ctx = n->ctx, .stream = n->stream, .schema = n->schema, .rows = array, .entries = run->entries, .hashes = n->hashes};

    if (!run->has_holes && !decoder->damage_count) return FIRN_OK;
    if (!gone || (n->reselects && !missing)) return firn_fail_memory(err, "a window's rows");
    FIRN_TRY(await_keys(n, err));
    FIRN_TRY(row_holes_fill(n->table, n->ctx, n->schema, run->entries, run->count, array, missing, &missing_count, &n->of_table, err));
    if (!n->reselects || (!missing_count && !decoder->damage_count)) return FIRN_OK;
    FIRN_TRY(list_damage(n, run, missing, missing_count, &arena, &work, err));
    FIRN_TRY(row_reselect_fill(&work, gone, &n->coerced_count, &n->of_table, err));
    return leave_out(n, run, gone, array, err);
}

/* ---- writing ---- */

static firn_status
flush_rows(new_rows *n, row_run *run, firn_error *err)
{
    FIRN_AUTO(batch_done) batch rows = {0};
    FIRN_AUTO(array_done) struct ArrowArray array = {0};

    if (!run->count) return FIRN_OK;
    FIRN_TRY(row_decoder_take(n->table->shape->rows, &rows, err));
    FIRN_TRY(table_shape_arrange(n->table->shape, n->schema, &rows, &array, err));
    FIRN_TRY(complete_rows(n, run, &array, err));
    run->has_holes = false;
    if (!run->count) return FIRN_OK;
    FIRN_TRY(roll_writer_add_placed(run->writer, &array, run->places, err));
    for (uint32_t i = 0; i < run->count; i++) {
        if (n->places) n->places[run->entries[i]] = run->places[i];
        else
            n->copies[n->copy_count++] = (new_copy){run->entries[i], run->places[i]};
    }
    n->row_count += run->count;
    run->count = 0;
    return FIRN_OK;
}

static firn_status
write_entry(new_rows *n, row_run *run, uint32_t index, firn_error *err)
{
    const row_entry *entry = table_changes_entry(n->table->changes, index);
    row_decoder     *decoder = n->table->shape->rows;
    uint32_t         times = times_of(n, entry);
    change_tuple     tuple = {.bytes = firn_slice_of(entry->row, entry->row_size),
                              .column_count = n->table->shape->relation->column_count,
                              .has_unchanged = entry->lake_key != NULL};

    for (uint32_t t = 0; t < times; t++) {
        if (row_decoder_append(decoder, &tuple, err)) {
            n->of_table = true;
            followed_table_say_origin(n->stream, entry->origin_part, entry->origin, err);
            return err->status;
        }
        run->entries[run->count++] = index;
        run->has_holes |= tuple.has_unchanged;
        if (run->count == BATCH_ROWS || decoder->size_bytes >= BATCH_BYTES || (n->reselects && decoder->damage_count >= RESELECT_ROWS_MAX))
            FIRN_TRY(flush_rows(n, run, err));
    }
    return FIRN_OK;
}

static firn_status
write_rows(void *state, firn_error *err)
{
    new_rows *n = state;
    uint32_t  entry_count = table_changes_entry_count(n->table->changes);
    FIRN_AUTO(roll_writer_freep) roll_writer *writer = NULL;
    FIRN_AUTO(firn_freep) row_run            *run = firn_calloc(1, sizeof *run);
    roll_writer_settings settings = {.files = n->ctx->lake->files,
                                     .data_location = n->data_location,
                                     .prefix = n->commit_id,
                                     .pending = n->ctx->pending,
                                     .table = n->table->name,
                                     .schema = n->schema,
                                     .spec = table_metadata_default_spec(n->table->base),
                                     .options = parquet_options_default,
                                     .target_file_size_bytes = FILE_SIZE_TARGET,
                                     .memory_bytes_max = 2 * ROW_GROUP_BYTES};

    if (!run) return firn_fail_memory(err, "a window's rows");
    settings.options.row_group_size_bytes = ROW_GROUP_BYTES;
    FIRN_TRY(roll_writer_new(&settings, &writer, err));
    run->writer = writer;
    for (uint32_t i = 0; i < entry_count; i++) FIRN_TRY(write_entry(n, run, i, err));
    FIRN_TRY(flush_rows(n, run, err));
    FIRN_TRY(roll_writer_finish(writer, &n->files, err));
    firn_crash_point("data.after-footer");
    return FIRN_OK;
}

/* ---- all of it ---- */

static firn_status
make_room(new_rows *n, firn_error *err)
{
    uint32_t entry_count = table_changes_entry_count(n->table->changes);
    size_t   copy_count = 0;

    if (n->table->shape->key_count) {
        n->places = firn_calloc(entry_count + 1u, sizeof *n->places);
        n->left_out = firn_calloc(entry_count + 1u, sizeof *n->left_out);
        return n->places && n->left_out ? FIRN_OK : firn_fail_memory(err, "a window's rows");
    }
    for (uint32_t i = 0; i < entry_count; i++) copy_count += times_of(n, table_changes_entry(n->table->changes, i));
    n->copies = firn_calloc(copy_count + 1, sizeof *n->copies);
    return n->copies ? FIRN_OK : firn_fail_memory(err, "a window's rows");
}

/* Few are done before a thread is there; without one they are written when the keys are hashed. */
static void
start_thread(new_rows *n)
{
    firn_error failed = {0};

    if (table_changes_entry_count(n->table->changes) < THREAD_ENTRIES_MIN) return;
    if (!n->guard) n->guard = task_lock_new();
    n->thread = n->guard ? task_group_new(NULL) : NULL;
    if (!n->thread || task_group_spawn(n->thread, "rows", write_rows, n, &failed) == FIRN_OK) return;
    task_group_free(n->thread);
    n->thread = NULL;
}

firn_status
new_rows_begin(new_rows *n, firn_error *err)
{
    n->reselects = row_reselect_is_on(n->table, n->ctx, n->stream);
    n->table->shape->rows->collects_damage = n->reselects;
    FIRN_TRY(make_room(n, err));
    /* Without a key the decoder of rows is that of keys. */
    if (n->table->shape->key_count) start_thread(n);
    return FIRN_OK;
}

firn_status
new_rows_go_on(new_rows *n, firn_error *err)
{
    if (!n->thread) start_thread(n);
    tell_keys(n, true);
    return n->thread ? FIRN_OK : write_rows(n, err);
}

bool
new_rows_join(new_rows *n)
{
    tell_keys(n, false);
    if (n->thread && !n->failed.status) (void) !task_group_join(n->thread, &n->failed);
    return n->failed.status == FIRN_OK;
}
