#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/connect.h"
#include "cli/line_input.h"
#include "cli/session.h"
#include "load/split_worker.h"

/* Everything of one run; what needs the configuration is made when the first line has named the source. */
typedef struct split_run {
    session        *s;
    line_input      in;
    load_settings   settings;
    load_events     events;
    lake_connection lake;
    source         *src;
    split_worker    worker;
    bool            opened;
    uint64_t        seen_count, done_count, failed_count, row_count;
    bool            has_end;          /* the plan's end was seen */
    uint64_t        plan_split_count; /* as it says */
} split_run;

static void
forget_source(split_run *r)
{
    split_worker_done(&r->worker);
    connect_source_freep(&r->src);
}

static void
split_run_done(split_run *r)
{
    forget_source(r);
    lake_connection_done(&r->lake);
    line_input_done(&r->in);
}

static firn_status
put(const firn_buffer *text, firn_error *err)
{
    return file_write_all(STDOUT_FILENO, text->data, text->size, "stdout", err);
}

/* The source is the one that the lines name, unless --source says which it must be. */
static firn_status
open_run(split_run *r, const char *source_name, firn_error *err)
{
    session         *s = r->s;
    const yaml_node *entry = NULL;

    if (r->opened) return FIRN_OK;
    if (!settings_has(&s->values, OPTION_SOURCE))
        FIRN_TRY(
            settings_set_option(&s->values, option_get(OPTION_SOURCE), firn_arena_strdup(&s->arena, source_name), err));
    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &r->settings, err));
    FIRN_TRY(connect_lake(s, &r->lake, err));
    FIRN_TRY(session_catch_signals(s, err));
    r->events = report_load_events(s->out);
    r->opened = true;
    return FIRN_OK;
}

static void
tell_done(const split_line *line, const split_result *result)
{
    const log_field fields[] = {
        {"table", line->table, 0}, {"split", NULL, line->index}, {"rows", NULL, (int64_t) result->outcome.row_count}};

    log_line(LOG_INFO, fields, FIRN_COUNT(fields), "split %u of %u loaded", line->index + 1, line->count);
}

/* For good: told as a line and in the log, and the next split is tried. */
static firn_status
put_failure(split_run *r, const split_line *line, const firn_error *failure, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    r->failed_count++;
    log_line(LOG_ERROR, &(log_field){"table", line->table, 0}, 1, "split %u of %u failed: FIRN-%04u %s",
             line->index + 1, line->count, (unsigned) failure->code % 10000, failure->cause);
    firn_buffer_init(&text, SPLIT_LINE_BYTES_MAX);
    FIRN_TRY(split_failure_add(line, failure, &text, err));
    return put(&text, err);
}

static firn_status
load_split(split_run *r, split_line *line, split_result *result, firn_error *err)
{
    if (!r->src) FIRN_TRY(connect_source(r->s, &r->src, err));
    r->worker.ctx = (load_context){.settings = &r->settings,
                                   .src = r->src,
                                   .lake = r->lake.lake,
                                   .events = &r->events,
                                   .cancel = r->s->cancel,
                                   .point = r->worker.ctx.point};
    return split_worker_load(&r->worker, line, result, err);
}

static firn_status
work_on(split_run *r, const jdoc *doc, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena     texts = {0};
    FIRN_AUTO(split_line_done) split_line     line = {0};
    FIRN_AUTO(split_result_done) split_result result = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer   text = {0};

    FIRN_TRY(split_line_read(doc, &texts, &line, err));
    FIRN_TRY(open_run(r, line.source, err));
    r->seen_count++;
    if (load_split(r, &line, &result, err)) {
        bool       final = r->src && split_failure_is_final(err);
        firn_error failure;
        /* The failure may have ended the transaction that sees the snapshot. */
        forget_source(r);
        if (!final) return firn_while(err, "loading '%s', split %u of %u", line.table, line.index + 1, line.count);
        failure = *err;
        firn_error_reset(err);
        return put_failure(r, &line, &failure, err);
    }
    firn_buffer_init(&text, SPLIT_LINE_BYTES_MAX);
    FIRN_TRY(split_result_add(&result, &text, err));
    FIRN_TRY(put(&text, err));
    tell_done(&result.line, &result);
    r->done_count++;
    r->row_count += result.outcome.row_count;
    return FIRN_OK;
}

/* The plan's end goes on to the commit, which must know what the whole was. */
static firn_status
pass_on(split_run *r, const jdoc *doc, firn_slice line, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena   texts = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    plan_end                                end = {0};

    FIRN_TRY(plan_end_read(doc, &texts, &end, err));
    r->has_end = true;
    r->plan_split_count = end.split_count;
    firn_buffer_init(&text, SPLIT_LINE_BYTES_MAX);
    FIRN_TRY(firn_buffer_add(&text, line.data, line.size, err));
    FIRN_TRY(firn_buffer_add_byte(&text, '\n', err));
    return put(&text, err);
}

/* *ret_all: the whole plan has been seen, nothing more can come. A plan that we are the reader of waits for our end. */
static firn_status
take_line(split_run *r, firn_slice text, bool *ret_all, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    line_kind                   kind = LINE_SPLIT;

    FIRN_TRY(split_line_parse(text, r->in.line_count, &doc, &kind, err));
    if (kind == LINE_RESULT || kind == LINE_FAILED)
        return firn_fail(err, FIRN_E_RESULTS_MIXED, "line %llu is a result, not a split of a plan",
                         (unsigned long long) r->in.line_count);
    FIRN_TRY(kind == LINE_SPLIT ? work_on(r, doc, err) : pass_on(r, doc, text, err));
    *ret_all = r->has_end && r->plan_split_count == r->seen_count;
    return FIRN_OK;
}

static firn_status
run_lines(split_run *r, firn_error *err)
{
    bool any = true, all = false;

    while (!all) {
        firn_slice text;
        FIRN_TRY(line_input_next(&r->in, r->s->cancel, &text, &any, err));
        if (!any) return FIRN_OK;
        FIRN_TRY(take_line(r, text, &all, err));
    }
    return FIRN_OK;
}

firn_status
cmd_load_split_run(session *s, firn_error *err)
{
    FIRN_AUTO(split_run_done) split_run r = {.s = s};
    firn_status                         status;

    line_input_init(&r.in, STDIN_FILENO, SPLIT_LINE_BYTES_MAX);
    status = run_lines(&r, err);
    s->last_line = firn_arena_printf(&s->arena, "firn load-split: %llu splits done, %llu failed; %llu rows",
                                     (unsigned long long) r.done_count, (unsigned long long) r.failed_count,
                                     (unsigned long long) r.row_count);
    if (status) {
        firn_state(err, "the lines that were printed are good; nothing of the split at work was left behind");
        return status;
    }
    if (!s->last_line) return firn_fail_memory(err, "the summary");
    if (!r.failed_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_SPLIT_FAILED, "%llu of %llu splits could not be loaded",
                     (unsigned long long) r.failed_count, (unsigned long long) r.seen_count);
    firn_state(err, "the results of the others are printed; no table was changed");
    return err->status;
}
