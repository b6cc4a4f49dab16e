#include "load/load_checkpoint.h"

#include "base/alloc.h"
#include "base/crash_point.h"

#include <stdio.h>
#include <string.h>

struct load_checkpoint {
    const load_settings *settings;
    task_lock           *guard;  /* of all below */
    split_ledger        *ledger; /* NULL: nothing is noted yet */
    char                 plan[UUID_TEXT_SIZE];
    bool                 kept;   /* there is a keeper */
    bool                 failed; /* the point cannot be kept: it is not tried again */
    bool                 taken;  /* the point is an earlier run's, and so are the ledger's tables */
};

void
load_checkpoint_free(load_checkpoint *c)
{
    if (!c) return;
    split_ledger_free(c->ledger);
    task_lock_free(c->guard);
    firn_free(c);
}

/* Files that the list names are in the list of pending files, too: the next run looks after them. */
static void
forget(const load_settings *s)
{
    if (s->keeper) s->keeper->end(s->keeper->state);
    if (s->state_folder) split_ledger_remove(s->state_folder);
}

/* Whether this run wants what an earlier one has done. */
static bool
goes_on(const load_settings *s)
{
    return s->keeper && s->state_folder && s->resume && !s->fresh_start && !s->schema_only;
}

static void
tell_point(const load_context *ctx)
{
    char text[FIRN_ERROR_TEXT_MAX];

    (void) snprintf(text, sizeof text, "goes on under the snapshot of a run that died, as of %s", ctx->point.position);
    load_tell(ctx, LOAD_EVENT_NOTE, NULL, text, NULL);
}

/* The point that is still kept, and what was noted under it. */
static firn_status
take_over(load_checkpoint *c, load_context *ctx, firn_error *err)
{
    const load_settings *s = c->settings;
    const source_ops    *ops = ctx->src->ops;
    kept_point           found = {0};
    firn_error           failed = {0};

    if (!ops->take_over || !s->keeper->find(s->keeper->state, &found)) return FIRN_OK;
    if (ops->take_over(ctx->src, &found.point, &ctx->point, &failed)) {
        if (failed.status == FIRN_CANCELLED) {
            *err = failed;
            return err->status;
        }
        load_tell(ctx, LOAD_EVENT_NOTE, NULL, "the snapshot of a run that died cannot be taken over", &failed);
        return FIRN_OK;
    }
    c->taken = c->kept = true;
    (void) snprintf(c->plan, sizeof c->plan, "%s", found.plan);
    tell_point(ctx);
    if (split_ledger_resume(s->state_folder, c->plan, ctx->lake->files, &c->ledger, &failed))
        load_tell(ctx, LOAD_EVENT_NOTE, NULL, "what that run had done is not known: its tables begin anew", &failed);
    return FIRN_OK;
}

firn_status
load_checkpoint_open(load_context *ctx, load_checkpoint **ret_checkpoint, bool *ret_taken, firn_error *err)
{
    const load_settings                              *s = ctx->settings;
    FIRN_AUTO(load_checkpoint_freep) load_checkpoint *c = NULL;

    *ret_taken = false;
    if (!goes_on(s)) {
        forget(s);
        return FIRN_OK;
    }
    c = firn_calloc(1, sizeof *c);
    if (!c) return firn_fail_memory(err, "a load's checkpoint");
    c->settings = s;
    c->guard = task_lock_new();
    if (!c->guard) return firn_fail_memory(err, "a load's checkpoint");
    FIRN_TRY(take_over(c, ctx, err));
    if (!c->taken) forget(s);
    if (!c->plan[0]) uuid_format(uuid_v7(), c->plan);
    *ret_taken = c->taken;
    *ret_checkpoint = FIRN_STEAL(c);
    return FIRN_OK;
}

void
load_checkpoint_end(load_checkpoint *c)
{
    if (c) forget(c->settings);
}

split_ledger *
load_checkpoint_kept(const load_checkpoint *c)
{
    return c && c->taken ? c->ledger : NULL;
}

/* A load without a safety net is still a load. The guard is held. */
static void
prepare(load_checkpoint *c, const load_context *ctx)
{
    const load_settings *s = c->settings;
    firn_error           failed = {0};

    if (!c->kept) {
        kept_point point = {.point = ctx->point};

        (void) snprintf(point.plan, sizeof point.plan, "%s", c->plan);
        if (!ctx->point.snapshot[0]) c->failed = true;
        else if (s->keeper->keep(s->keeper->state, &point, &failed)) c->failed = true;
        else c->kept = true;
        firn_crash_point("snapshot.after-keep");
    }
    if (!c->failed && !c->ledger && split_ledger_new(s->state_folder, c->plan, &c->ledger, &failed)) c->failed = true;
    if (c->failed && failed.status)
        load_tell(ctx, LOAD_EVENT_WARNING, NULL, "finished splits are not kept, should this run die", &failed);
}

static bool
is_prepared(load_checkpoint *c, const load_context *ctx)
{
    bool ready;

    if (!c) return false;
    task_lock_hold(c->guard);
    if (!c->failed) prepare(c, ctx);
    ready = !c->failed;
    task_lock_release(c->guard);
    return ready;
}

void
load_checkpoint_keep(load_checkpoint *c, const load_context *ctx)
{
    (void) is_prepared(c, ctx);
}

split_ledger *
load_checkpoint_begin(load_checkpoint *c, const load_context *ctx, split_line *line, const source_split splits[])
{
    if (!is_prepared(c, ctx)) return NULL;
    line->plan = c->plan;
    line->source = c->settings->source_name;
    line->schema_name = c->settings->schema_name;
    line->point = ctx->point;
    if (splits) split_ledger_begin(c->ledger, line, splits);
    return c->ledger;
}
