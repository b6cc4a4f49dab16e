#include "follow/follow_loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/hash.h"
#include "follow/follow_status.h"
#include "follow/index_opening.h"
#include "follow/row_reselect.h"
#include "follow/source_look.h"
#include "follow/source_wait.h"
#include "follow/table_apply.h"
#include "follow/table_create.h"
#include "follow/table_evolve.h"

#define WAIT_MS 100u
#define IN_USE_ATTEMPTS 20u
#define IN_USE_WAIT_MS 250u
#define UNDERCUT_MAX 20u
/* How long a transaction may still come when the job is to end. */
#define DRAIN_US ((uint64_t) 5000000)
/* How often others are told how far it has come: each row of _cdc_status is part of a commit. */
#define STATUS_US ((uint64_t) 30000000)
#define PUBLISH_US ((uint64_t) 100000)
#define LAGS_US ((uint64_t) 1000000)
/* How often the group is told of what is durable, and others' positions are looked at. */
#define GROUP_US ((uint64_t) 1000000)
#define OTHERS_US ((uint64_t) 1000000)
/* Messages that were passed over for a table, before its position says so without a change of its own. */
#define PASSED_MIN 10000u

/* ---- stream ---- */

static void
close_stream(follow_loop *loop)
{
    change_stream_counts counts;

    if (!loop->stream) return;
    loop->stream->ops->counts(loop->stream, &counts);
    loop->received_bytes += counts.received_bytes;
    loop->set_aside += counts.set_aside;
    loop->restart_count += counts.restart_count;
    /* Decoders are the stream's. */
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table_end_window(&loop->tables[i]);
        follow_progress_pending(loop->ctx->settings->progress, loop->tables[i].number, 0);
        table_shape_free(loop->tables[i].shape);
        loop->tables[i].shape = NULL;
        loop->tables[i].stream = NULL;
    }
    change_stream_free(loop->stream);
    loop->stream = NULL;
}

/* A run that was killed a moment ago may still have the source's ear. A source that was there before is waited for. */
static firn_status
open_surely(follow_loop *loop, const follow_start *start, firn_error *err)
{
    source_wait wait = source_wait_of(loop->ctx, NULL);
    unsigned    in_use_count = 0;

    for (;;) {
        (void) !loop->feed->open(loop->feed->state, start, loop->stream_cancel, &loop->stream, err);
        if (loop->ctx->was_open && source_wait_again(&wait, err)) continue;
        firn_status status = err->status;
        if (!status && wait.was_told) loop->restart_count++;
        if (status != FIRN_CONFLICT || in_use_count++ == IN_USE_ATTEMPTS) return status;
        if (task_cancel_wait(loop->ctx->cancel, IN_USE_WAIT_MS)) return status;
        firn_error_reset(err);
    }
}

/* What a run that was killed, or a stream that broke off, left of an unfinished window. */
static firn_status
drop_stages(follow_loop *loop, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++)
        FIRN_TRY(followed_table_drop_stage(&loop->tables[i], loop->ctx, err));
    loop->is_staged = false;
    return FIRN_OK;
}

firn_status
follow_loop_open(follow_loop *loop, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char **names = firn_arena_array(&arena, loop->table_count + 1, sizeof *names);
    change_table_start *starts = firn_arena_array(&arena, loop->table_count + 1, sizeof *starts);
    follow_start start = {.identity = loop->identity,
                          .position = loop->start_position,
                          .acknowledged = loop->consistent,
                          .tables = names,
                          .starts = starts,
                          .as_text = loop->as_text};

    if (!names || !starts) return firn_fail_memory(err, "the tables' names");
    close_stream(loop);
    FIRN_TRY(drop_stages(loop, err));
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (loop->feed->by_ordinals) loop->tables[i].position = CHANGE_ORDINAL_FIRST;
        if (loop->tables[i].is_stopped) continue;
        starts[start.table_count] = followed_table_start(&loop->tables[i]);
        names[start.table_count++] = loop->tables[i].name;
    }
    if (loop->feed->by_ordinals) loop->consistent = loop->start_position = CHANGE_ORDINAL_FIRST;
    loop->in_transaction = loop->transaction_has_changes = false;
    loop->window_changes = loop->window_began_us = 0;
    loop->window_bytes = 0;
    loop->window_end = loop->start_position;
    if (!loop->stream_cancel) loop->stream_cancel = task_cancel_new();
    if (!loop->stream_cancel) return firn_fail_memory(err, "a stream of changes");
    FIRN_TRY(open_surely(loop, &start, err));
    for (unsigned i = 0; i < loop->table_count; i++)
        if (change_stream_has_places(loop->stream)) loop->tables[i].stream = loop->stream;
    return FIRN_OK;
}

void
follow_loop_done(follow_loop *loop)
{
    close_stream(loop);
    firn_arena_done(&loop->arena);
    task_cancel_free(loop->stream_cancel);
    loop->stream_cancel = NULL;
}

/* ---- tables ---- */

firn_status
follow_loop_stop_table(follow_loop *loop, followed_table *table, uint64_t consistent, const firn_error *why, firn_error *err)
{
    char           position[CHANGE_POSITION_TEXT_MAX], reason[FIRN_ERROR_TEXT_MAX];
    const char    *state = table->wants_reload ? FOLLOW_STATE_RELOAD : FOLLOW_STATE_STOPPED;
    table_property properties[3] = {{PROPERTY_FOLLOW_STATE, state}, {PROPERTY_FOLLOW_REASON, reason}};
    unsigned       count = 2;

    (void) snprintf(reason, sizeof reason, "FIRN-%04u %.480s", (unsigned) why->code % 10000, why->cause);
    if (loop->feed->by_ordinals && loop->stream) loop->stream->ops->stop_table(loop->stream, table->name);
    if (consistent && !loop->feed->by_ordinals) {
        change_position_format(consistent, position);
        properties[count++] = (table_property){PROPERTY_CONSISTENT, position};
    }
    if (followed_table_set(table, loop->ctx, properties, count, err)) return firn_while(err, "stopping '%s'", table->name);
    firn_crash_point("stop.after-commit");
    (void) snprintf(table->reason, sizeof table->reason, "%s", reason);
    table->is_stopped = true;
    followed_table_end_window(table);
    loop->status_is_old = true;
    follow_progress_stopped(loop->ctx->settings->progress, table->number, table->reason);
    FIRN_TRY(followed_table_drop_stage(table, loop->ctx, err));
    if (table->wants_reload && follow_loader_loads(loop->ctx->settings->loader))
        follow_tell(loop->ctx, FOLLOW_EVENT_WARNING, table->name, "is to be loaded again", why);
    else
        follow_tell(loop->ctx, FOLLOW_EVENT_TABLE_STOPPED, table->name, NULL, why);
    return FIRN_OK;
}

static followed_table *
find_table(const follow_loop *loop, const change_relation *relation)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];
        if (table->shape && table->shape->relation == relation) return table;
    }
    if (strcmp(relation->schema, loop->ctx->settings->schema_name) != 0) return NULL;
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (strcmp(loop->tables[i].name, relation->name) == 0) return &loop->tables[i];
    }
    return NULL;
}

/* ---- windows ---- */

static bool
has_part(const followed_table *table)
{
    return table->changes && table_changes_event_count(table->changes) > 0;
}

static bool
has_changes(const followed_table *table)
{
    return has_part(table) || table->is_staged;
}

/* Of a table's own failure: it is stopped. */
static firn_status
stop_or_fail(follow_loop *loop, followed_table *table, uint64_t consistent, bool of_table, firn_error *err)
{
    firn_error why = *err;

    if (!of_table) return err->status;
    firn_error_reset(err);
    return follow_loop_stop_table(loop, table, consistent, &why, err);
}

static firn_status
make_changes(followed_table *table, firn_error *err)
{
    if (table->changes) return FIRN_OK;
    return table_changes_new(table->shape->key_columns, table->shape->key_count, &table->changes, err);
}

/* Up to where everything of a table was read. */
static uint64_t
reached(const follow_loop *loop)
{
    return loop->in_transaction && loop->commit_position > loop->window_end ? loop->commit_position : loop->window_end;
}

/* Whether the window was applied before somebody set the position back; it is none of those to come then. */
static bool
take_replayed(const follow_loop *loop, followed_table *table)
{
    bool found = false;

    while (table->replayed_count && table->replayed[0].position <= reached(loop)) {
        found = found || (table->replayed[0].hash == table->window_hash && !table->is_staged);
        table->replayed++;
        table->replayed_count--;
    }
    return found;
}

/* Windows that may have been applied before are cut where they were cut then. */
static bool
is_in_replay(const follow_loop *loop)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        const followed_table *t = &loop->tables[i];
        if (!t->is_stopped && t->replayed_count && t->replayed[t->replayed_count - 1].position > loop->window_end) return true;
    }
    return false;
}

static firn_status
pass_over(follow_loop *loop, followed_table *table, uint64_t consistent, firn_error *err)
{
    char           position[CHANGE_POSITION_TEXT_MAX], all[CHANGE_POSITION_TEXT_MAX], message[FIRN_ERROR_TEXT_MAX];
    table_property properties[] = {{PROPERTY_POSITION, position}, {PROPERTY_CONSISTENT, all}};

    change_position_format(loop->window_end, position);
    change_position_format(consistent, all);
    FIRN_TRY(followed_table_set(table, loop->ctx, properties, consistent ? 2 : 1, err));
    (void) snprintf(message, sizeof message,
                    "%" PRIu64 " changes up to %s were applied before, as a snapshot says: only the position is moved",
                    table_changes_event_count(table->changes), position);
    follow_tell(loop->ctx, FOLLOW_EVENT_WARNING, table->name, message, NULL);
    loop->skipped[SKIP_REPLAYED] += table_changes_event_count(table->changes);
    table->position = loop->window_end;
    followed_table_end_window(table);
    loop->status_is_old = true;
    follow_progress_pending(loop->ctx->settings->progress, table->number, 0);
    return FIRN_OK;
}

static size_t
window_memory(const follow_loop *loop)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < loop->table_count; i++) {
        if (loop->tables[i].changes) bytes += table_changes_memory_bytes(loop->tables[i].changes);
    }
    return bytes;
}

static firn_status
apply_table(follow_loop *loop, followed_table *table, uint64_t consistent, firn_error *err)
{
    table_apply_settings settings = {.stream = loop->stream, .position = loop->window_end, .consistent = consistent};
    bool                 of_table = false;

    FIRN_TRY(make_changes(table, err));
    if (take_replayed(loop, table)) return pass_over(loop, table, consistent, err);
    if (table_apply(table, loop->ctx, &settings, &of_table, err))
        return stop_or_fail(loop, table, consistent, of_table, err);
    loop->commit_count++;
    loop->change_count += table->staged_event_count + table_changes_event_count(table->changes);
    followed_table_end_window(table);
    loop->status_is_old = true;
    return FIRN_OK;
}

/* Beside the window's other tables. */
static firn_status
apply_alone(follow_loop *loop, followed_table *table, firn_error *err)
{
    FIRN_TRY(apply_table(loop, table, 0, err));
    loop->window_bytes = window_memory(loop);
    return FIRN_OK;
}

/* What the memory has of a window that goes on becomes a part of it in the lake, which nobody sees on main yet. */
static firn_status
stage_table(follow_loop *loop, followed_table *table, firn_error *err)
{
    table_apply_settings settings = {.stream = loop->stream, .is_part = true};
    bool                 of_table = false;

    loop->is_staged = true;
    if (table_apply(table, loop->ctx, &settings, &of_table, err)) return stop_or_fail(loop, table, 0, of_table, err);
    followed_table_end_part(table);
    return FIRN_OK;
}

static firn_status
stage_window(follow_loop *loop, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (has_part(&loop->tables[i])) FIRN_TRY(stage_table(loop, &loop->tables[i], err));
    }
    loop->window_bytes = window_memory(loop);
    return FIRN_OK;
}

static void
acknowledge(follow_loop *loop, uint64_t position)
{
    loop->consistent = position;
    firn_crash_point("ack.before-send");
    loop->stream->ops->acknowledge(loop->stream, position);
    firn_crash_point("ack.after-send");
}

/* Commits whole transactions; none may be open. */
static firn_status
commit_window(follow_loop *loop, firn_error *err)
{
    unsigned left = 0;

    for (unsigned i = 0; i < loop->table_count; i++) left += has_changes(&loop->tables[i]);
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (!has_changes(&loop->tables[i])) continue;
        left--;
        /* The last one says it of all of them. */
        FIRN_TRY(apply_table(loop, &loop->tables[i], left ? 0 : loop->window_end, err));
        if (!left) acknowledge(loop, loop->window_end);
    }
    loop->window_changes = 0;
    loop->window_began_us = 0;
    loop->window_bytes = window_memory(loop);
    loop->is_staged = false;
    return FIRN_OK;
}

/* So much that what is there becomes a part of the window, though its last transaction goes on. */
static bool
window_is_full(const follow_loop *loop)
{
    return loop->window_bytes >= loop->ctx->settings->memory_bytes / 4;
}

static bool
an_index_opens(const follow_loop *loop)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (index_opening_is_at_work(loop->tables[i].opening)) return true;
    }
    return false;
}

/* Between transactions, sooner: a part costs a commit of its own, and while a window is applied the server goes on. Not while it would only
 * wait for an index. */
static bool
window_is_large(const follow_loop *loop)
{
    return loop->window_bytes >= loop->ctx->settings->memory_bytes / 8 && (window_is_full(loop) || !an_index_opens(loop));
}

static bool
window_is_due(const follow_loop *loop, uint64_t now_us)
{
    const follow_settings *s = loop->ctx->settings;

    if (!loop->window_began_us) return false;
    if (loop->is_staged) return true;
    if (is_in_replay(loop)) return window_is_large(loop);
    if (now_us - loop->window_began_us >= s->commit_interval_ms * 1000) return true;
    if (s->batch_changes && loop->window_changes >= s->batch_changes) return true;
    return window_is_large(loop);
}

/* ---- an idle source ---- */

/* What was passed over (older than a load, tombstones, changes of others in the same topic) is not to be read again and again, and may be
 * removed from the topic: noted when there is much of it. A partition that a table's position does not name counts for much. */
static firn_status
note_places(followed_table *table, const follow_loop *loop, firn_error *err)
{
    const char    *durable = table_metadata_property(table->base, PROPERTY_POSITION);
    table_property property = {PROPERTY_POSITION, NULL};

    if (table->is_stopped || has_changes(table) || loop->stream->ops->passed(loop->stream, table->name, durable) < PASSED_MIN) return FIRN_OK;
    return followed_table_set_place(table, loop->ctx, &property, 1, err);
}

static firn_status
note_all_places(follow_loop *loop, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++) FIRN_TRY(note_places(&loop->tables[i], loop, err));
    acknowledge(loop, loop->window_end);
    loop->noted_us = firn_clock_monotonic_us();
    return FIRN_OK;
}

/* Nothing is pending, and the source's log has gone on: the lake is told, then the source may forget it. */
static firn_status
note_idle(follow_loop *loop, firn_error *err)
{
    char           text[CHANGE_POSITION_TEXT_MAX];
    table_property property = {PROPERTY_CONSISTENT, text};

    if (loop->feed->by_ordinals) return note_all_places(loop, err);
    change_position_format(loop->window_end, text);
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (loop->tables[i].is_stopped) continue;
        FIRN_TRY(followed_table_set(&loop->tables[i], loop->ctx, &property, 1, err));
        acknowledge(loop, loop->window_end);
        loop->status_is_old = true;
        break;
    }
    loop->noted_us = firn_clock_monotonic_us();
    return FIRN_OK;
}

/* With nothing pending, all that was read is durable, or nobody's: what others who share the source can wait for. */
static void
tell_group(follow_loop *loop, uint64_t now_us)
{
    if (!loop->feed->by_ordinals || loop->window_began_us || loop->in_transaction || now_us - loop->told_us < GROUP_US) return;
    loop->told_us = now_us;
    loop->stream->ops->acknowledge(loop->stream, loop->window_end);
}

static bool
idle_is_due(const follow_loop *loop, uint64_t now_us)
{
    if (loop->window_began_us || loop->in_transaction) return false;
    if (loop->feed->by_ordinals) return now_us - loop->noted_us >= FOLLOW_IDLE_US;
    if (loop->window_end <= loop->consistent) return false;
    return loop->window_end - loop->consistent >= FOLLOW_IDLE_BYTES && now_us - loop->noted_us >= FOLLOW_IDLE_US;
}

/* ---- exact positions ---- */

/* What is read may not pass this without a commit that ends just here. */
static uint64_t
boundary(const follow_loop *loop)
{
    uint64_t until = loop->ctx->settings->until_position, cut = loop->cut.position;

    if (!until || !cut) return until | cut ? until | cut : UINT64_MAX;
    return until < cut ? until : cut;
}

static void
pass_to(follow_loop *loop, uint64_t position)
{
    if (position > boundary(loop)) position = boundary(loop);
    if (position > loop->window_end) loop->window_end = position;
}

/* All before the cut is in the window or in the lake, and no transaction is open: the lake is told of it. */
static firn_status
make_cut(follow_loop *loop, firn_error *err)
{
    FIRN_TRY(commit_window(loop, err));
    if (loop->consistent < loop->window_end) FIRN_TRY(note_idle(loop, err));
    position_cut_answer(&loop->cut);
    return FIRN_OK;
}

static firn_status
begin_transaction(follow_loop *loop, const change_transaction *transaction, firn_error *err)
{
    uint64_t until = loop->ctx->settings->until_position;

    if (transaction->commit_position >= boundary(loop)) {
        pass_to(loop, UINT64_MAX);
        if (loop->cut.position && loop->window_end >= loop->cut.position) FIRN_TRY(make_cut(loop, err));
        if (until && transaction->commit_position >= until) return FIRN_OK;
    }
    loop->in_transaction = true;
    loop->commit_position = transaction->commit_position;
    loop->commit_time_us = transaction->commit_time_us;
    loop->xid = transaction->xid;
    return FIRN_OK;
}

/* ---- items ---- */

/* Where the table has no shape yet, or where the stream has described it anew. */
static firn_status
change_shape(follow_loop *loop, followed_table *table, change_relation *relation, firn_error *err)
{
    table_evolve_settings settings = {
        .position = loop->commit_position, .changed_at_us = loop->commit_time_us, .stream = loop->stream, .relation = relation};
    bool                  of_table = false, is_same = false;

    if (table->shape && table->shape->relation == relation) {
        if (table_evolve_look_again(table, loop->ctx, &settings, &is_same, &of_table, err)) return stop_or_fail(loop, table, 0, of_table, err);
        if (is_same) return FIRN_OK;
    }
    /* What came before in the old shape is applied by itself; within this transaction, where nobody sees it yet. */
    if (has_changes(table)) {
        if (!table->changed_in_transaction) FIRN_TRY(apply_alone(loop, table, err));
        else if (has_part(table))
            FIRN_TRY(stage_table(loop, table, err));
        if (table->is_stopped) return FIRN_OK;
    }
    if (table_evolve(table, loop->ctx, &settings, &of_table, err))
        return stop_or_fail(loop, table, 0, of_table && err->code != FIRN_E_FEED_NEEDS_TEXT, err);
    followed_table_end_part(table);
    return make_changes(table, err);
}

static void
hash_change(followed_table *table, const change *event)
{
    uint64_t hash = firn_hash_bytes(event->new.bytes.data, event->new.bytes.size) ^
                    firn_hash_fold(firn_hash_bytes(event->old.bytes.data, event->old.bytes.size), FIRN_HASH_KEY_A);

    table->window_hash = firn_hash_fold(table->window_hash ^ hash, FIRN_HASH_KEY_B ^ (uint64_t) event->op);
}

/* The index that the window's commit will want; one at a time, for the memory's sake. */
static void
open_ahead(const follow_loop *loop, followed_table *table)
{
    bool is_free = !table->index;

    for (unsigned i = 0; is_free && i < loop->table_count; i++) is_free = !loop->tables[i].opening;
    if (is_free) index_opening_begin(table, loop->ctx);
}

/* A change that cannot be decoded goes to where the stream keeps such: *event is what is left of it, or NULL. */
static firn_status
set_bad_aside(follow_loop *loop, const followed_table *table, change *rest, const change **event, firn_error *err)
{
    firn_error why;

    FIRN_TRY(table_shape_check(table->shape, *event, row_reselect_is_on(table, loop->ctx, loop->stream), &why, err));
    if (!why.status) return FIRN_OK;
    FIRN_TRY(loop->stream->ops->set_aside(loop->stream, &why, rest, err));
    *event = rest->relation ? rest : NULL;
    return FIRN_OK;
}

/* Of its first change in a transaction. */
static firn_status
note_transaction(const follow_loop *loop, followed_table *table, firn_error *err)
{
    if (loop->feed->by_ordinals || table->shape->key_count || table->changed_in_transaction) return FIRN_OK;
    if (!table->applied && !(table->applied = firn_calloc(1, sizeof *table->applied))) return firn_fail_memory(err, "a table's transactions");
    applied_transactions_add(table->applied, loop->xid, loop->commit_position);
    return FIRN_OK;
}

static firn_status
take_change(follow_loop *loop, const change *event, firn_error *err)
{
    followed_table *table = find_table(loop, event->relation);
    change          rest = {0};

    if (!table || table->is_stopped || loop->commit_position < table->position) {
        loop->skipped[!table ? SKIP_NOT_FOLLOWED : table->is_stopped ? SKIP_TABLE_STOPPED : SKIP_BEFORE_POSITION]++;
        return FIRN_OK;
    }
    if (!table->shape || table->shape->relation != event->relation || table->shape->repeat_count != event->relation->repeat_count) {
        FIRN_TRY(change_shape(loop, table, event->relation, err));
        if (table->is_stopped) return FIRN_OK;
    }
    if (table->replayed_count && table->replayed[0].position <= loop->commit_position && has_changes(table) &&
        !table->changed_in_transaction) {
        FIRN_TRY(apply_alone(loop, table, err));
        if (table->is_stopped) return FIRN_OK;
    }
    if (loop->stream->keeps_aside) FIRN_TRY(set_bad_aside(loop, table, &rest, &event, err));
    if (!event) return FIRN_OK;
    FIRN_TRY(make_changes(table, err));
    size_t bytes = table_changes_memory_bytes(table->changes);
    if (table_changes_add(table->changes, event, 0, err)) {
        loop->window_bytes = window_memory(loop);
        followed_table_say_origin(loop->stream, event->origin_part, event->origin, err);
        return stop_or_fail(loop, table, 0, err->code == FIRN_E_FOLLOW_ROW, err);
    }
    loop->window_bytes += table_changes_memory_bytes(table->changes) - bytes;
    hash_change(table, event);
    FIRN_TRY(note_transaction(loop, table, err));
    table->changed_in_transaction = true;
    table->last_event_us = loop->commit_time_us;
    table->window_ops[event->op]++;
    if (!table->oldest_event_us) {
        table->oldest_event_us = loop->commit_time_us;
        follow_progress_pending(loop->ctx->settings->progress, table->number, loop->commit_time_us);
        open_ahead(loop, table);
    }
    loop->transaction_has_changes = true;
    loop->window_changes++;
    if (!loop->window_began_us) loop->window_began_us = firn_clock_monotonic_us();
    return window_is_full(loop) ? stage_window(loop, err) : FIRN_OK;
}

static void
end_transaction(follow_loop *loop, uint64_t end_position)
{
    loop->in_transaction = loop->transaction_has_changes = false;
    if (end_position > loop->window_end) loop->window_end = end_position;
    loop->transaction_count++;
    for (unsigned i = 0; i < loop->table_count; i++) loop->tables[i].changed_in_transaction = false;
}

/* Whether the lake has it, of this source. */
static bool
is_made(const follow_loop *loop, const char *name)
{
    const follow_settings *s = loop->ctx->settings;
    table_ident ident = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count, .name = name};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *now = NULL;
    firn_error ignored = {0};

    return loop->ctx->lake->ops->load(loop->ctx->lake, &ident, &now, &ignored) == FIRN_OK && table_is_loaded_from(now, s->schema_name, name);
}

/* A table that nobody has loaded: told to whoever loads; where events are all there is of it, it is made of them. */
static firn_status
meet(follow_loop *loop, change_relation *relation, firn_error *err)
{
    const follow_settings *s = loop->ctx->settings;

    if (strcmp(relation->schema, s->schema_name) != 0 || find_table(loop, relation)) return FIRN_OK;
    if (!loop->feed->by_ordinals || follow_loader_loads(s->loader)) {
        if (s->loader) s->loader->met(s->loader->state, relation->name);
        return FIRN_OK;
    }
    if (table_create(loop->ctx, loop->stream, relation, err)) {
        /* Of processes that share a source, another one may have met it first. */
        if (err->code != FIRN_E_CATALOG_EXISTS || !is_made(loop, relation->name)) return err->status;
        firn_error_reset(err);
    }
    loop->wants_round = true; /* which begins with the first of its events */
    return FIRN_OK;
}

static firn_status
take_damage(follow_loop *loop, const change_damage *damaged, firn_error *err)
{
    for (unsigned i = 0; i < loop->table_count; i++) {
        followed_table *table = &loop->tables[i];
        if (table->is_stopped || strcmp(table->name, damaged->table) != 0) continue;
        return follow_loop_stop_table(loop, table, 0, damaged->why, err);
    }
    follow_tell(loop->ctx, FOLLOW_EVENT_WARNING, NULL, "a table that is not followed", damaged->why);
    return FIRN_OK;
}

/* *ret_start is where the table is now; its name NULL: it is stopped. What we read of it must be where we left it. */
static firn_status
look_anew(follow_loop *loop, followed_table *table, change_table_start *ret_start, firn_error *err)
{
    table_metadata *now = NULL;

    *ret_start = (change_table_start){0};
    FIRN_TRY(loop->ctx->lake->ops->load(loop->ctx->lake, &table->ident, &now, err));
    firn_status status = table->is_stopped ? FIRN_OK : followed_table_check_fence(table, now, err);
    if (status) {
        table_metadata_unref(now);
        return status;
    }
    table_metadata_unref(table->base);
    table->base = now;
    /* One that was stopped, and that somebody has loaded again. */
    if (table->is_stopped) loop->wants_round = loop->wants_round || !table_follow_is_stopped(table_follow_state_of(now));
    else
        *ret_start = followed_table_start(table);
    return FIRN_OK;
}

/* The group hands partitions over: what we have is committed, then all tables are looked at anew, since others may have moved them. */
static firn_status
reassign(follow_loop *loop, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    change_table_start *starts = firn_arena_array(&arena, loop->table_count + 1, sizeof *starts);
    unsigned            count = 0;

    if (!starts) return firn_fail_memory(err, "the tables");
    FIRN_TRY(commit_window(loop, err));
    for (unsigned i = 0; i < loop->table_count; i++) {
        FIRN_TRY(look_anew(loop, &loop->tables[i], &starts[count], err));
        count += starts[count].name != NULL;
    }
    return loop->stream->ops->resume(loop->stream, starts, count, err);
}

static firn_status
take_item(follow_loop *loop, const change_item *item, firn_error *err)
{
    switch (item->kind) {
    case ITEM_BEGIN:
        return begin_transaction(loop, &item->transaction, err);
    case ITEM_CHANGE:
        return take_change(loop, &item->change, err);
    case ITEM_COMMIT:
        end_transaction(loop, item->transaction.end_position);
        return FIRN_OK;
    case ITEM_IDLE:
        if (!loop->in_transaction) pass_to(loop, item->position);
        return FIRN_OK;
    case ITEM_RESTART:
        /* What the window has of the open transaction cannot be taken out of it: it is read again as a whole. */
        if (!loop->transaction_has_changes) {
            loop->in_transaction = false;
            return FIRN_OK;
        }
        loop->start_position = loop->consistent;
        return follow_loop_open(loop, err);
    case ITEM_RELATION: /* of a table that is followed: seen with the first change */
        return meet(loop, item->relation, err);
    case ITEM_DAMAGED:
        return take_damage(loop, &item->damaged, err);
    case ITEM_REASSIGN:
        return reassign(loop, err);
    case ITEM_NOTHING:
    case ITEM_MESSAGE:
    case ITEM_END:
        break;
    }
    return FIRN_OK;
}

/* ---- what others are told ---- */

void
follow_loop_keep_status(follow_loop *loop)
{
    follow_status_settings settings = {.by_ordinals = loop->feed->by_ordinals, .tables = loop->tables, .table_count = loop->table_count, .consistent = loop->consistent};

    loop->status_us = firn_clock_monotonic_us();
    if (!loop->status_is_old) return;
    loop->status_is_old = false;
    follow_status_write(&settings, loop->ctx);
}

static void
publish_lags(follow_loop *loop, uint64_t now_us)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error  ignored = {0};
    change_lag *lags = NULL;
    unsigned    count = 0;

    loop->lags_us = now_us;
    if (loop->stream->ops->lags(loop->stream, &arena, &lags, &count, &ignored) == FIRN_OK)
        follow_progress_lags(loop->ctx->settings->progress, lags, count);
}

static void
publish(follow_loop *loop, uint64_t now_us)
{
    change_stream_counts counts = {0};
    follow_progress     *progress = loop->ctx->settings->progress;

    loop->published_us = now_us;
    if (!progress) return;
    loop->stream->ops->counts(loop->stream, &counts);
    stream_progress shown = {.is_open = counts.is_connected,
                                   .by_ordinals = loop->feed->by_ordinals,
                                   .set_aside = loop->set_aside + counts.set_aside,
                                   .consistent = loop->consistent,
                                   .read_position = loop->window_end,
                                   .server_position = counts.server_position,
                                   .server_time_us = counts.server_time_us,
                                   .transaction_us = loop->commit_time_us,
                                   .received_bytes = loop->received_bytes + counts.received_bytes,
                                   .spilled_bytes = counts.spilled_bytes,
                                   .restart_count = loop->restart_count + counts.restart_count,
                                   .transaction_count = loop->transaction_count,
                                   .memory_bytes = window_memory(loop) + counts.buffered_bytes};

    memcpy(shown.skipped, loop->skipped, sizeof shown.skipped);
    follow_progress_stream(progress, &shown);
    if (loop->feed->by_ordinals && now_us - loop->lags_us >= LAGS_US) publish_lags(loop, now_us);
}

static void
tell(follow_loop *loop, uint64_t now_us)
{
    if (now_us - loop->published_us >= PUBLISH_US) publish(loop, now_us);
    if (loop->status_is_old && !loop->in_transaction && now_us - loop->status_us >= STATUS_US) follow_loop_keep_status(loop);
}

/* ---- the loop ---- */

/* Whether a window may end here: no transaction of the source would be cut in two. */
static bool
may_cut(const follow_loop *loop)
{
    return !loop->stream->ops->may_cut || loop->stream->ops->may_cut(loop->stream);
}

static uint64_t
wait_ms(const follow_loop *loop, uint64_t now_us)
{
    uint64_t interval_us = loop->ctx->settings->commit_interval_ms * 1000, waited_us;

    if (!loop->window_began_us) return WAIT_MS;
    waited_us = now_us - loop->window_began_us;
    if (waited_us >= interval_us) return loop->in_transaction ? WAIT_MS : 0;
    return (interval_us - waited_us) / 1000 < WAIT_MS ? (interval_us - waited_us) / 1000 : WAIT_MS;
}

/* Partitions that others read, or that still belong to somebody who died: looked after in the lake, now and then. */
static firn_status
look_at_others(follow_loop *loop, bool *ret_reached, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    change_table_start *starts = firn_arena_array(&arena, loop->table_count + 1, sizeof *starts);
    table_metadata    **now = firn_arena_array(&arena, loop->table_count + 1, sizeof(table_metadata *));
    unsigned            count = 0, loaded = 0;
    firn_status         status = FIRN_OK;

    if (!starts || !now) return firn_fail_memory(err, "the tables");
    for (unsigned i = 0; i < loop->table_count && !status; i++) {
        const followed_table *table = &loop->tables[i];

        if (table->is_stopped) continue;
        if ((status = loop->ctx->lake->ops->load(loop->ctx->lake, &table->ident, &now[loaded], err))) break;
        if (!table_follow_is_stopped(table_follow_state_of(now[loaded])))
            starts[count++] = (change_table_start){.name = table->name, .position = table_metadata_property(now[loaded], PROPERTY_POSITION)};
        loaded++;
    }
    if (!status) status = loop->stream->ops->others_reached(loop->stream, starts, count, ret_reached, err);
    while (loaded) table_metadata_unref(now[--loaded]);
    return status;
}

/* Our own part is at its end: the others'. */
static firn_status
is_everywhere_caught_up(follow_loop *loop, uint64_t now_us, bool *ret_reached, firn_error *err)
{
    change_stream_counts counts = {0};

    loop->stream->ops->counts(loop->stream, &counts);
    if (!counts.has_reached_end || !may_cut(loop) || (loop->others_us && now_us - loop->others_us < OTHERS_US)) return FIRN_OK;
    FIRN_TRY(look_at_others(loop, ret_reached, err));
    loop->others_us = firn_clock_monotonic_us();
    return FIRN_OK;
}

static firn_status
is_caught_up(follow_loop *loop, uint64_t now_us, bool *ret_caught_up, firn_error *err)
{
    *ret_caught_up = false;
    if (!loop->target || loop->in_transaction) return FIRN_OK;
    if (loop->feed->by_ordinals) return is_everywhere_caught_up(loop, now_us, ret_caught_up, err);
    *ret_caught_up = loop->window_end >= loop->target;
    return FIRN_OK;
}

/* What is whole is committed, and the source told of it. */
static firn_status
end(follow_loop *loop, firn_error *err)
{
    if (loop->in_transaction && loop->transaction_has_changes) {
        follow_tell(loop->ctx, FOLLOW_EVENT_NOTE, NULL,
                    "a transaction that has not come to its end is left to the next run, and the window with it", NULL);
        return drop_stages(loop, err);
    }
    FIRN_TRY(commit_window(loop, err));
    if (loop->feed->by_ordinals) return note_all_places(loop, err);
    return loop->window_end - loop->consistent >= FOLLOW_IDLE_BYTES && loop->window_end > loop->consistent ? note_idle(loop, err) : FIRN_OK;
}

static bool
wants_load(const follow_loop *loop)
{
    const follow_loader *loader = loop->ctx->settings->loader;

    if (!follow_loader_loads(loader)) return false;
    for (unsigned i = 0; i < loop->table_count; i++) {
        if (loop->tables[i].wants_reload) return true;
    }
    return loader->has_new(loader->state);
}

/* Somebody ends the job: what is whole is committed first. */
static firn_status
heed_guard(follow_loop *loop, firn_error *err)
{
    const follow_guard *guard = loop->ctx->settings->guard;
    firn_error          why = {0};

    if (!guard || !guard->check(guard->state, &why)) return FIRN_OK;
    FIRN_TRY(end(loop, err));
    *err = why;
    return err->status;
}

/* Between two items. *ret_ended: the job has come to its end. */
static firn_status
turn(follow_loop *loop, uint64_t now_us, uint64_t *cancelled_us, bool *ret_ended, firn_error *err)
{
    tell(loop, now_us);
    if (task_cancel_requested(loop->ctx->cancel)) {
        if (!*cancelled_us) *cancelled_us = now_us;
        *ret_ended = !loop->in_transaction || !loop->transaction_has_changes || now_us - *cancelled_us > DRAIN_US;
        return *ret_ended ? end(loop, err) : FIRN_OK;
    }
    if (loop->in_transaction) return FIRN_OK;
    FIRN_TRY(heed_guard(loop, err));
    FIRN_TRY(source_look_ask(loop, now_us, err));
    if (source_look_found(loop)) {
        FIRN_TRY(commit_window(loop, err));
        FIRN_TRY(source_look_stop(loop, err));
    }
    if (wants_load(loop)) {
        loop->wants_load = *ret_ended = true;
        return end(loop, err);
    }
    if (loop->wants_round) {
        *ret_ended = true;
        return end(loop, err);
    }
    FIRN_TRY(is_caught_up(loop, now_us, ret_ended, err));
    if (*ret_ended) {
        loop->caught_up = true;
        return end(loop, err);
    }
    tell_group(loop, now_us);
    if (!loop->feed->by_ordinals) position_cut_look(&loop->cut, loop->window_end, now_us);
    if (loop->cut.position && loop->window_end >= loop->cut.position) FIRN_TRY(make_cut(loop, err));
    if (window_is_due(loop, now_us)) return may_cut(loop) ? commit_window(loop, err) : FIRN_OK;
    return idle_is_due(loop, now_us) ? note_idle(loop, err) : FIRN_OK;
}

/*
 * What was not committed is read again: values must come as texts from now on, or somebody else has changed a table of
 * which the parts of a large window had been staged.
 */
static firn_status
begin_again(follow_loop *loop, firn_error *err)
{
    if (err->code == FIRN_E_FEED_NEEDS_TEXT && !loop->as_text) {
        loop->as_text = true;
    } else if (err->code == FIRN_E_FOLLOW_UNDERCUT && loop->undercut_count++ < UNDERCUT_MAX) {
        follow_tell(loop->ctx, FOLLOW_EVENT_WARNING, NULL, "the window is read again", err);
    } else {
        return err->status;
    }
    firn_error_reset(err);
    loop->start_position = loop->consistent;
    return follow_loop_open(loop, err);
}

firn_status
follow_loop_run(follow_loop *loop, firn_error *err)
{
    uint64_t cancelled_us = 0;
    bool     ended = false;

    for (;;) {
        change_item item = {.kind = ITEM_NOTHING};
        uint64_t    now_us = firn_clock_monotonic_us();

        if (turn(loop, now_us, &cancelled_us, &ended, err)) {
            FIRN_TRY(begin_again(loop, err));
            ended = loop->caught_up = loop->wants_load = loop->wants_round = false; /* the end is met again when what is read again is in the lake */
            continue;
        }
        if (ended) return FIRN_OK;
        if (loop->cut.is_held) {
            (void) task_cancel_wait(loop->ctx->cancel, WAIT_MS);
            continue;
        }
        FIRN_TRY(change_stream_next(loop->stream, wait_ms(loop, now_us), &item, err));
        if (item.kind == ITEM_END) return end(loop, err);
        if (take_item(loop, &item, err)) FIRN_TRY(begin_again(loop, err));
    }
}
