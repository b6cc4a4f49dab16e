#include <unistd.h>

#include "cli/connect.h"
#include "cli/line_input.h"
#include "cli/load_summary.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/source_lock.h"
#include "load/commit_job.h"

static firn_status
add_lines(session *s, commit_job *job, firn_error *err)
{
    FIRN_AUTO(line_input_done) line_input in = {0};
    firn_slice                            line;
    bool                                  any = true;

    line_input_init(&in, STDIN_FILENO, SPLIT_LINE_BYTES_MAX);
    for (;;) {
        FIRN_TRY(line_input_next(&in, s->cancel, &line, &any, err));
        if (!any) break;
        FIRN_TRY(commit_job_add(job, line, in.line_count, err));
    }
    if (in.line_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_RESULTS_INCOMPLETE, "there are no results: stdin is empty");
    firn_hint(err, "firn commit --source S < results.jsonl");
    return err->status;
}

static firn_status
run(session *s, const yaml_node *entry, load_result *result, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(file_lock_freep) file_lock           *lock = NULL;
    FIRN_AUTO(commit_job_freep) commit_job         *job = NULL;
    load_settings                                   settings;
    load_events                                     events = report_load_events(s->out);

    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(commit_job_new(&settings, lake.lake, &events, s->cancel, &job, err));
    if (add_lines(s, job, err)) {
        firn_state(err, "nothing was committed");
        return err->status;
    }
    /* Not before the results are in: in a pipeline they come when the load is through. */
    FIRN_TRY(source_lock_take(s, "firn commit", &lock, err));
    FIRN_TRY(commit_job_run(job, result, err));
    s->unchanged = result->done_count == result->unchanged_count;
    return FIRN_OK;
}

firn_status
cmd_commit_run(session *s, firn_error *err)
{
    FIRN_AUTO(load_result_done) load_result result = {0};
    const yaml_node                        *entry = NULL;
    const char                             *log_path;
    firn_error                              record_error = {0};

    FIRN_TRY(session_open_source(s, false, &entry, err));
    FIRN_TRY(session_path(s, "logs/direct_load.log", &log_path, err));
    FIRN_TRY(report_open_log(s->out, log_path, err));
    firn_status status = run(s, entry, &result, err);
    /* What went wrong at the end must not hide how the job ended. */
    if (run_record_write(s, &result, err, &record_error) != FIRN_OK)
        log_warning("the record of this run could not be written: %s", record_error.cause);
    firn_error_reset(&record_error);
    if (load_summary_show(s, &result, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
