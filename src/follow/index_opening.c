#include "follow/index_opening.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"

#define INDEX_MEMORY ((size_t) 64 << 20)
#define PROGRESS_US ((uint64_t) 5000000)

struct index_opening {
    const follow_context *ctx;
    const char           *table_name; /* in the job's arena */
    table_metadata       *table;
    firn_arena            arena;
    table_index_settings  settings;
    task_group           *thread; /* NULL: opened by whoever waits */
    table_index          *index;
    uint64_t              told_us; /* when its progress was told */
    bool                  is_done; /* atomic */
};

static void
tell(void *state, const char *message)
{
    const index_opening *o = state;

    follow_tell(o->ctx, FOLLOW_EVENT_NOTE, o->table_name, message, NULL);
}

static void
tell_progress(void *state, uint64_t rows_done, uint64_t rows_all)
{
    index_opening *o = state;
    uint64_t       now_us = firn_clock_monotonic_us();
    char           message[128];

    if (now_us - o->told_us < PROGRESS_US) return;
    o->told_us = now_us;
    (void) snprintf(message, sizeof message, "building the key index: %" PRIu64 " of %" PRIu64 " rows", rows_done, rows_all);
    follow_tell(o->ctx, FOLLOW_EVENT_NOTE, o->table_name, message, NULL);
}

static firn_status
open_index(void *state, firn_error *err)
{
    index_opening *o = state;

    (void) !table_index_open(&o->settings, o->table, &o->index, err);
    __atomic_store_n(&o->is_done, true, __ATOMIC_RELAXED);
    return err->status;
}

static firn_status
set_up(index_opening *o, const followed_table *table, firn_error *err)
{
    const table_shape *shape = table->shape;
    int32_t           *ids = firn_arena_array(&o->arena, shape->key_count + 1, sizeof *ids);
    const char        *folder = firn_arena_printf(&o->arena, "%s/index/%s", o->ctx->settings->state_folder,
                                                  table_metadata_uuid(table->base));

    if (!ids || !folder) return firn_fail_memory(err, "a key index");
    for (unsigned k = 0; k < shape->key_count; k++) ids[k] = shape->key_field_ids[k];
    o->settings = (table_index_settings){.files = o->ctx->lake->files,
                                         .folder = folder,
                                         .key_field_ids = ids,
                                         .key_count = shape->key_count,
                                         .memory_bytes_max = INDEX_MEMORY,
                                         .cancel = o->ctx->cancel,
                                         .tell = tell,
                                         .progress = tell_progress,
                                         .tell_state = o};
    return FIRN_OK;
}

static firn_status
opening_new(const followed_table *table, const follow_context *ctx, index_opening **ret_opening, firn_error *err)
{
    FIRN_AUTO(index_opening_freep) index_opening *o = firn_calloc(1, sizeof *o);

    if (!o) return firn_fail_memory(err, "a key index");
    o->ctx = ctx;
    o->table_name = table->name;
    o->told_us = firn_clock_monotonic_us();
    o->table = table_metadata_ref(table->base);
    FIRN_TRY(set_up(o, table, err));
    *ret_opening = FIRN_STEAL(o);
    return FIRN_OK;
}

bool
index_opening_is_at_work(const index_opening *o)
{
    return o && !__atomic_load_n(&o->is_done, __ATOMIC_RELAXED);
}

void
index_opening_free(index_opening *o)
{
    if (!o) return;
    task_group_free(o->thread);
    table_index_free(o->index);
    table_metadata_unref(o->table);
    firn_arena_done(&o->arena);
    firn_free(o);
}

void
index_opening_begin(followed_table *table, const follow_context *ctx)
{
    FIRN_AUTO(index_opening_freep) index_opening *o = NULL;
    firn_error ignored = {0};

    if (opening_new(table, ctx, &o, &ignored) == FIRN_OK && (o->thread = task_group_new(NULL)) &&
        task_group_spawn(o->thread, "index", open_index, o, &ignored) == FIRN_OK)
        table->opening = FIRN_STEAL(o);
    firn_error_reset(&ignored);
}

/* What was opened ahead, where it is of the key that the table has by now. */
static firn_status
take_opened(followed_table *table, firn_error *err)
{
    FIRN_AUTO(index_opening_freep) index_opening *o = FIRN_STEAL(table->opening);

    FIRN_TRY(task_group_join(o->thread, err));
    if (table_index_is_of(o->index, table->shape->key_field_ids, table->shape->key_count)) table->index = FIRN_STEAL(o->index);
    return FIRN_OK;
}

firn_status
index_opening_end(followed_table *table, const follow_context *ctx, firn_error *err)
{
    FIRN_AUTO(index_opening_freep) index_opening *o = NULL;

    if (table->opening) FIRN_TRY(take_opened(table, err));
    if (table->index) return table_index_catch_up(table->index, table->base, err);
    FIRN_TRY(opening_new(table, ctx, &o, err));
    FIRN_TRY(open_index(o, err));
    table->index = FIRN_STEAL(o->index);
    return FIRN_OK;
}
