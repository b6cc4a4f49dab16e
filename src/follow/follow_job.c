#include "follow/follow_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/text.h"
#include "follow/follow_loop.h"
#include "follow/source_look.h"
#include "state/dead_commit.h"
#include "state/table_resync.h"

#define TABLES_MAX 100000u
/* How often one after the other the tables are looked at anew because others have moved them. */
#define FENCED_MAX 20u
#define FENCED_WAIT_MS 250u

void
follow_result_done(follow_result *result)
{
    firn_arena_done(&result->arena);
    *result = (follow_result){0};
}

/* ---- what dead runs left ---- */

static void
look_after_dead_runs(follow_context *ctx)
{
    const follow_settings *s = ctx->settings;
    dead_commit_lake       lake = {ctx->lake, s->namespace_levels, s->namespace_level_count};
    pending_recovery       counts = {0};
    firn_error             failed = {0};
    char                   message[FIRN_ERROR_TEXT_MAX];

    if (pending_files_recover(s->state_folder, ctx->lake->files, dead_commit_settle, &lake, &counts, &failed))
        follow_tell(ctx, FOLLOW_EVENT_WARNING, NULL, "files of an earlier run that died could not be looked after", &failed);
    if (!counts.removed_file_count) return;
    (void) snprintf(message, sizeof message, "removed %zu files that an earlier run left behind when it died",
                    counts.removed_file_count);
    follow_tell(ctx, FOLLOW_EVENT_NOTE, NULL, message, NULL);
}

/* ---- tables ---- */

typedef struct table_list {
    const follow_context *ctx;
    firn_arena           *arena;
    followed_table       *tables;
    unsigned              count, capacity;
    bool                  by_ordinals;
} table_list;

static firn_status
add_name(void *state, const char *table_name, firn_error *err)
{
    table_list *list = state;

    if (list->count == list->capacity) {
        unsigned        capacity = list->capacity ? list->capacity * 2 : 64;
        followed_table *tables = firn_arena_array(list->arena, capacity, sizeof *tables);
        if (!tables || capacity > TABLES_MAX) return firn_fail_memory(err, "the tables");
        if (list->count) memcpy(tables, list->tables, list->count * sizeof *tables);
        list->tables = tables;
        list->capacity = capacity;
    }
    const char *name = firn_arena_strdup(list->arena, table_name);
    if (!name) return firn_fail_memory(err, "the tables");
    list->tables[list->count++] = (followed_table){.name = name};
    return FIRN_OK;
}

const follow_table_config *
follow_config_of(const follow_settings *settings, const char *name)
{
    for (unsigned i = 0; i < settings->table_config_count; i++) {
        if (strcmp(settings->tables[i].name, name) == 0) return &settings->tables[i];
    }
    return &settings->defaults;
}

static firn_status
fail_unfinished(const follow_settings *s, const char *table, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_FOLLOW_RESYNC_UNFINISHED, "table '%s' has not been compared with the source since the changes in between were lost",
                     table);
    firn_hint(err, "a resync was begun and not ended: firn follow --source %s --resync", s->source_name);
    firn_state(err, "nothing was changed");
    return err->status;
}

static firn_status
look_at_tables(table_list *list, firn_error *err)
{
    const follow_settings *s = list->ctx->settings;
    table_ident            place = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count};
    unsigned               kept = 0;
    firn_status            status = list->ctx->lake->ops->list(list->ctx->lake, &place, add_name, list, err);

    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    for (unsigned i = 0; i < list->count; i++) {
        followed_table *table = &list->tables[i];

        table->ident = place;
        table->ident.name = table->name;
        table->config = follow_config_of(s, table->name);
        FIRN_TRY(list->ctx->lake->ops->load(list->ctx->lake, &table->ident, &table->base, err));
        if (!table_is_loaded_from(table->base, s->schema_name, table->name)) {
            followed_table_done(table);
            continue;
        }
        if (table_resync_is_unfinished(table->base)) return fail_unfinished(s, table->name, err);
        FIRN_TRY(followed_table_look(table, list->by_ordinals, err));
        if (table->is_adopted && !list->by_ordinals)
            FIRN_TRY(replayed_windows_find(table->base, table->position, list->arena, &table->replayed, &table->replayed_count, err));
        if (kept != i) {
            list->tables[kept] = *table;
            *table = (followed_table){0};
        }
        kept++;
    }
    list->count = kept;
    return FIRN_OK;
}

static firn_status
fail_not_loaded(const follow_settings *s, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_FOLLOW_NOT_LOADED, "nothing of source '%s' is in the lake yet", s->source_name);
    firn_hint(err, "firn follow --source %s --load loads it first; or firn load --source %s, which makes the replication slot that is followed then",
              s->source_name, s->source_name);
    firn_state(err, "nothing was changed");
    return err->status;
}

/* ---- the start ---- */

/* Up to where every followed table is complete; where the stream begins; whose positions they are. */
static firn_status
find_start(follow_loop *loop, firn_error *err)
{
    uint64_t lowest = UINT64_MAX;

    if (loop->feed->by_ordinals) loop->consistent = CHANGE_ORDINAL_FIRST;
    for (unsigned i = 0; i < loop->table_count && !loop->feed->by_ordinals; i++) {
        uint64_t said;
        FIRN_TRY(followed_table_consistent(&loop->tables[i], &said, err));
        if (said > loop->consistent) loop->consistent = said;
    }
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];
        const char     *identity = table_metadata_property(table->base, PROPERTY_SOURCE_IDENTITY);

        if (table->is_stopped) continue;
        if (table->is_adopted && table->position < loop->consistent) table->position = loop->consistent;
        if (table->position < lowest) lowest = table->position;
        if (loop->identity || !identity) continue;
        if (!(loop->identity = firn_arena_strdup(&loop->arena, identity))) return firn_fail_memory(err, "a source's identity");
    }
    if (lowest == UINT64_MAX) lowest = loop->consistent;
    loop->start_position = lowest;
    if (loop->consistent < lowest) loop->consistent = lowest;
    return FIRN_OK;
}

static firn_status
adopt(followed_table *table, follow_loop *loop, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char           published_by[16];
    table_property properties[] = {{PROPERTY_POSITION, NULL},
                                   {PROPERTY_FOLLOWED_LOAD, table_metadata_property(table->base, PROPERTY_LOAD_POSITION)},
                                   {PROPERTY_FOLLOW_STATE, FOLLOW_STATE_FOLLOWING},
                                   {PROPERTY_PUBLISHED_BY, published_by}}; /* the last: only PostgreSQL's stream knows it */

    (void) snprintf(published_by, sizeof published_by, "%" PRIu32, table->published_by);
    if (table->stream) return followed_table_set_place(table, loop->ctx, properties, FIRN_COUNT(properties) - 1, err);
    FIRN_TRY(followed_table_position(table, loop->stream, table->position, table->base, &arena, &properties[0].value, err));
    return followed_table_set(table, loop->ctx, properties, FIRN_COUNT(properties), err);
}

/* Another process of those that share the source was faster: what it has made of the table counts. */
static firn_status
look_again(followed_table *table, follow_loop *loop, firn_error *err)
{
    table_metadata *now = NULL;

    FIRN_TRY(loop->ctx->lake->ops->load(loop->ctx->lake, &table->ident, &now, err));
    table_metadata_unref(table->base);
    table->base = now;
    return followed_table_look(table, loop->feed->by_ordinals, err);
}

/* Tables that were loaded and not followed yet are taken over, before anything of them can be passed over. */
static firn_status
adopt_tables(follow_loop *loop, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];

        while (!table->is_adopted) {
            if (adopt(table, loop, err)) {
                if (err->code != FIRN_E_FOLLOW_FENCED || !loop->feed->by_ordinals) return err->status;
                firn_error_reset(err);
                FIRN_TRY(look_again(table, loop, err));
                continue;
            }
            firn_crash_point("reload.after-adopt");
            table->is_adopted = true;
            loop->status_is_old = true;
        }
    }
    return FIRN_OK;
}

static firn_status
show_tables(follow_loop *loop, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_progress *tables = firn_arena_array(&arena, loop->table_count + 1, sizeof *tables);

    if (!tables) return firn_fail_memory(err, "the progress");
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];

        table->number = i;
        tables[i] = (table_progress){.name = table->name,
                                     .is_stopped = table->is_stopped,
                                     .position = table->position,
                                     .totals = snapshot_totals_of(table_metadata_current_snapshot(table->base)),
                                     .last_event_us = table_metadata_property_i64(table->base, PROPERTY_LAST_EVENT, 0),
                                     .events_applied = table_metadata_property_i64(table->base, PROPERTY_EVENTS_APPLIED, 0)};
        (void) snprintf(tables[i].reason, sizeof tables[i].reason, "%s", table->is_stopped ? table->reason : "");
    }
    return follow_progress_begin(loop->ctx->settings->progress, tables, loop->table_count, err);
}

static firn_status
begin(follow_loop *loop, firn_error *err)
{
    change_stream_counts counts = {0};
    char                 message[FIRN_ERROR_TEXT_MAX], position[CHANGE_POSITION_TEXT_MAX];
    unsigned             stopped = 0;

    FIRN_TRY(find_start(loop, err));
    for (unsigned i = 0; i < loop->table_count; i++) {
        stopped += loop->tables[i].is_stopped;
        if (loop->tables[i].is_stopped)
            follow_tell(loop->ctx, FOLLOW_EVENT_WARNING, loop->tables[i].name, loop->tables[i].reason, NULL);
    }
    FIRN_TRY(show_tables(loop, err));
    FIRN_TRY(follow_loop_open(loop, err));
    loop->stream->ops->counts(loop->stream, &counts);
    if (loop->ctx->settings->until_caught_up) loop->target = loop->feed->by_ordinals ? CHANGE_ORDINAL_FIRST : counts.server_position;
    if (loop->ctx->settings->until_position) loop->target = loop->ctx->settings->until_position;
    FIRN_TRY(source_look_ask(loop, firn_clock_monotonic_us(), err));
    FIRN_TRY(adopt_tables(loop, err));
    loop->cut.folder = loop->ctx->settings->state_folder;
    change_position_format(loop->start_position, position);
    if (loop->feed->by_ordinals) (void) snprintf(message, sizeof message, "following %u tables from their offsets", loop->table_count - stopped);
    else
        (void) snprintf(message, sizeof message, "following %u tables from %s", loop->table_count - stopped, position);
    follow_tell(loop->ctx, FOLLOW_EVENT_NOTE, NULL, message, NULL);
    return FIRN_OK;
}

/* ---- the end ---- */

/* What an earlier round of this run did. */
static void
take_counts(follow_loop *loop, const follow_result *before)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        for (unsigned k = 0; k < before->table_count; k++) {
            const follow_table_result *r = &before->tables[k];
            if (strcmp(r->name, loop->tables[i].name) != 0) continue;
            loop->tables[i].change_count = r->change_count;
            loop->tables[i].row_count = r->row_count;
            loop->tables[i].delete_count = r->delete_count;
            loop->tables[i].commit_count = r->commit_count;
        }
    }
    loop->change_count = before->change_count;
    loop->commit_count = before->commit_count;
    loop->transaction_count = before->transaction_count;
    loop->received_bytes = before->received_bytes;
    loop->restart_count = before->restart_count;
    memcpy(loop->skipped, before->skipped, sizeof loop->skipped);
}

static firn_status
fill_result(const follow_loop *loop, follow_result *result, firn_error *err)
{
    result->tables = firn_arena_array(&result->arena, loop->table_count + 1, sizeof *result->tables);
    if (!result->tables) return firn_fail_memory(err, "the result");
    result->table_count = loop->table_count;
    result->stopped_count = 0;
    for (unsigned i = 0; i < loop->table_count; i++) {
        const followed_table *table = &loop->tables[i];
        follow_table_result  *r = &result->tables[i];

        r->name = firn_arena_strdup(&result->arena, table->name);
        r->reason = table->is_stopped ? firn_arena_strdup(&result->arena, table->reason) : NULL;
        if (!r->name || (table->is_stopped && !r->reason)) return firn_fail_memory(err, "the result");
        r->is_stopped = table->is_stopped;
        r->change_count = table->change_count;
        r->row_count = table->row_count;
        r->delete_count = table->delete_count;
        r->commit_count = table->commit_count;
        if (!loop->feed->by_ordinals) change_position_format(table->position, r->position);
        result->stopped_count += table->is_stopped;
    }
    result->change_count = loop->change_count;
    result->commit_count = loop->commit_count;
    result->transaction_count = loop->transaction_count;
    result->received_bytes = loop->received_bytes;
    result->restart_count = loop->restart_count;
    memcpy(result->skipped, loop->skipped, sizeof result->skipped);
    result->caught_up = loop->caught_up;
    result->by_ordinals = loop->feed->by_ordinals;
    if (!result->by_ordinals) change_position_format(loop->consistent, result->position);
    return FIRN_OK;
}

static firn_status
fail_stopped(const follow_result *result, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_FOLLOW_TABLES_STOPPED, "%u of %u tables are not followed any more", result->stopped_count,
                     result->table_count);
    firn_state(err, result->by_ordinals ? "the others are complete up to their positions%s" : "the others are complete up to %s", result->position);
    return err->status;
}

/* Of several that share a source, one that was fenced has lost nothing: its window is somebody else's, or is read again by the next round. */
static firn_status
heed_fence(follow_context *ctx, const follow_feed *feed, firn_error *err)
{
    if (!feed->by_ordinals || err->code != FIRN_E_FOLLOW_FENCED) return err->status;
    if (!task_cancel_requested(ctx->cancel)) {
        if (ctx->fenced_count++ >= FENCED_MAX) {
            firn_error why = *err;

            firn_error_reset(err);
            (void) firn_fail(err, FIRN_E_FOLLOW_CONTESTED, "%s, %u times one after the other", why.cause, FENCED_MAX);
            firn_state(err, "nothing is lost: each commit has its rows and its position");
            return err->status;
        }
        follow_tell(ctx, FOLLOW_EVENT_NOTE, NULL, "the tables are looked at anew, since others have moved what was read here", NULL);
        follow_tell(ctx, FOLLOW_EVENT_NOTE, NULL, err->cause, NULL);
        (void) task_cancel_wait(ctx->cancel, FENCED_WAIT_MS * ctx->fenced_count);
    }
    firn_error_reset(err);
    return FIRN_OK;
}

static firn_status
run_with_tables(follow_context *ctx, const follow_feed *feed, table_list *list, bool *ret_wants_load, bool *ret_wants_round,
                follow_result *result, firn_error *err)
{
    FIRN_AUTO(follow_loop_done) follow_loop loop = {
        .ctx = ctx, .feed = feed, .tables = list->tables, .table_count = list->count};
    firn_error  ignored = {0};
    take_counts(&loop, result);
    firn_status status = begin(&loop, err);

    ctx->was_open = ctx->was_open || loop.stream;
    if (!status) status = follow_loop_run(&loop, err);
    if (status == FIRN_CANCELLED && task_cancel_requested(ctx->cancel)) {
        firn_error_reset(err);
        status = FIRN_OK;
    }
    if (loop.commit_count > result->commit_count) ctx->fenced_count = 0;
    bool was_fenced = status && !heed_fence(ctx, feed, err);
    status = err->status;
    if (!status) follow_loop_keep_status(&loop);
    follow_progress_stream(ctx->settings->progress, &(stream_progress){.consistent = loop.consistent});
    follow_loop_done(&loop);
    if (fill_result(&loop, result, status ? &ignored : err)) return err->status;
    if (status) return status;
    *ret_wants_load = loop.wants_load;
    *ret_wants_round = loop.wants_round || was_fenced;
    if (loop.wants_load || *ret_wants_round) return FIRN_OK;
    return result->stopped_count ? fail_stopped(result, err) : FIRN_OK;
}

/* ---- rounds ---- */

/* Between two rounds, tables are loaded. */
typedef struct follow_rounds {
    follow_context    *ctx;
    const follow_feed *feed;
    firn_arena         arena;
    unsigned           number;
    const char *const *again; /* loaded again before this round; in the arena */
    unsigned           again_count;
    bool               wants_load; /* the round ended for it */
    bool               wants_round; /* it ended for the next one */
} follow_rounds;

/* The tables that only a load would mend. Where it did not, they stay stopped. */
static firn_status
note_again(follow_rounds *r, const table_list *list, firn_error *err)
{
    const char **names = firn_arena_array(&r->arena, list->count + 1, sizeof *names);
    unsigned     count = 0;

    if (!names) return firn_fail_memory(err, "the tables");
    for (unsigned i = 0; i < list->count; i++) {
        if (!list->tables[i].wants_reload) continue;
        names[count] = firn_arena_strdup(&r->arena, list->tables[i].name);
        if (!names[count++]) return firn_fail_memory(err, "the tables");
    }
    r->again = names;
    r->again_count = count;
    return FIRN_OK;
}

static void
pass_over_failed(const follow_rounds *r, const table_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        for (unsigned k = 0; k < r->again_count; k++) {
            if (strcmp(list->tables[i].name, r->again[k]) == 0) list->tables[i].wants_reload = false;
        }
    }
}

static firn_status
follow_tables(follow_rounds *r, table_list *list, follow_result *result, firn_error *err)
{
    const follow_settings *s = r->ctx->settings;

    FIRN_TRY(look_at_tables(list, err));
    /* Of a stream of ordinals tables can be made. */
    if (!list->count && !list->by_ordinals) return fail_not_loaded(s, err);
    pass_over_failed(r, list);
    FIRN_TRY(note_again(r, list, err));
    if (r->again_count && follow_loader_loads(s->loader)) {
        r->wants_load = true;
        return FIRN_OK;
    }
    firn_status status = run_with_tables(r->ctx, r->feed, list, &r->wants_load, &r->wants_round, result, err);
    return r->wants_load ? note_again(r, list, err) : status;
}

/* A round has a list of pending files of its own: what a load finds of others, a dead run has left. */
static firn_status
run_round(follow_rounds *r, follow_result *result, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(pending_files_freep) pending_files *pending = NULL;
    table_list  list = {.ctx = r->ctx, .arena = &arena, .by_ordinals = r->feed->by_ordinals};
    const char *run_id = firn_arena_printf(&arena, "%s.%u", r->ctx->settings->run_id, r->number++);
    firn_error  ignored = {0};

    if (!run_id) return firn_fail_memory(err, "a round");
    r->wants_load = r->wants_round = false;
    FIRN_TRY(pending_files_open(r->ctx->settings->state_folder, run_id, &pending, err));
    r->ctx->pending = pending;
    firn_status status = follow_tables(r, &list, result, err);
    for (unsigned i = 0; i < list.count; i++) followed_table_done(&list.tables[i]);
    r->ctx->pending = NULL;
    if (pending_files_close(pending, status ? &ignored : err) && !status) return err->status;
    return status;
}

static firn_status
run_rounds(follow_rounds *r, follow_result *result, firn_error *err)
{
    const follow_loader *loader = r->ctx->settings->loader;

    for (;;) {
        FIRN_TRY(run_round(r, result, err));
        if (task_cancel_requested(r->ctx->cancel)) return FIRN_OK;
        if (r->wants_round) continue;
        if (!r->wants_load) return FIRN_OK;
        firn_crash_point("reload.before-load");
        FIRN_TRY(loader->load(loader->state, r->again, r->again_count, err));
        firn_crash_point("reload.after-load");
        if (task_cancel_requested(r->ctx->cancel)) return FIRN_OK;
    }
}

static void
rounds_done(follow_rounds *r)
{
    firn_arena_done(&r->arena);
}

firn_status
follow_run(const follow_settings *settings, const follow_feed *feed, catalog *lake, const follow_events *events,
           task_cancel *cancel, follow_result *ret_result, firn_error *err)
{
    follow_context ctx = {.settings = settings, .lake = lake, .events = events, .cancel = cancel};
    FIRN_AUTO(rounds_done) follow_rounds rounds = {.ctx = &ctx, .feed = feed};
    uint64_t       started_us = firn_clock_monotonic_us();

    *ret_result = (follow_result){0};
    look_after_dead_runs(&ctx);
    firn_status status = run_rounds(&rounds, ret_result, err);
    ret_result->elapsed_ms = (firn_clock_monotonic_us() - started_us) / 1000;
    return status;
}
