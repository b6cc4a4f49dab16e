#include <string.h>

#include "base/text.h"
#include "cli/connect.h"
#include "cli/maintain_print.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "maintain/maintain_folder.h"
#include "maintain/maintain_job.h"

/* Other writers say nowhere what they are about to commit: their files are only known to be young. */
#define ORPHAN_AGE_MIN_MS (INT64_C(24) * 3600 * 1000)

/* "compact,expire": the pattern of --only has checked the words. */
static unsigned
steps_of(const char *text)
{
    static const struct {
        const char   *word;
        maintain_step step;
    } words[] = {{"compact", MAINTAIN_COMPACT}, {"deletes", MAINTAIN_DELETES}, {"manifests", MAINTAIN_MANIFESTS}, {"expire", MAINTAIN_EXPIRE}, {"orphans", MAINTAIN_ORPHANS}};
    unsigned steps = 0;

    if (!text) return MAINTAIN_ALL;
    for (size_t i = 0; i < FIRN_COUNT(words); i++) {
        if (strstr(text, words[i].word)) steps |= words[i].step;
    }
    return steps;
}

/* A run of only the orphans takes the age as it is given; beside other steps it is for snapshots, and orphans stay for
 * three days at least. */
static firn_status
set_ages(const session *s, maintain_settings *out, firn_error *err)
{
    int64_t age_ms;

    out->snapshot_age_ms = -1;
    out->orphan_age_ms = MAINTAIN_ORPHAN_AGE_MS;
    if (!settings_has(&s->values, OPTION_OLDER_THAN)) return FIRN_OK;
    age_ms = (int64_t) settings_duration_ms(&s->values, OPTION_OLDER_THAN);
    out->snapshot_age_ms = age_ms;
    if (out->steps != MAINTAIN_ORPHANS) {
        if (age_ms > out->orphan_age_ms) out->orphan_age_ms = age_ms;
        return FIRN_OK;
    }
    out->orphan_age_ms = age_ms;
    if (age_ms >= ORPHAN_AGE_MIN_MS) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_OPTION_VALUE, "orphans younger than a day may belong to a commit of a writer that runs");
    firn_hint(err, "give --older-than 1d or more");
    return err->status;
}

static bool
is_wanted(const void *state, const char *table)
{
    const session *s = state;
    const setting *filter = &s->values.values[OPTION_TABLE_FILTER];

    for (unsigned i = 0; i < filter->item_count; i++) {
        if (text_like(table, filter->items[i])) return true;
    }
    return filter->item_count == 0;
}

static void
tell(void *state, const maintain_table_line *line)
{
    const maintain_result *r = &line->result;
    const log_field        fields[] = {{"table", line->name, 0},
                                       {"files_rewritten", NULL, r->rewritten_file_count},
                                       {"snapshots_expired", NULL, r->expired_snapshot_count},
                                       {"files_removed", NULL, r->removed_file_count + r->orphan_file_count},
                                       {"elapsed_ms", NULL, line->elapsed_ms}};

    (void) state;
    if (line->error) log_line(LOG_WARNING, fields, 1, "not maintained: %s", line->error->cause);
    else log_line(LOG_DEBUG, fields, FIRN_COUNT(fields), "maintained");
}

static firn_status
run_job(session *s, maintain_settings *settings, const lake_connection *lake, maintain_summary *summary, firn_error *err)
{
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    const char                                     *own_folder = NULL;
    firn_error                                      failed = {0};
    maintain_job job = {.settings = settings, .lake = lake->lake, .wants = is_wanted, .state = s, .tell = tell};

    FIRN_TRY(connect_namespace(s, &job.namespace_levels, &job.level_count, err));
    FIRN_TRY(session_path(s, "checkpoints", &settings->pending_root, err));
    FIRN_TRY(session_state_folder(s, &own_folder, err));
    if (!settings->dry_run) {
        FIRN_TRY(maintain_folder_open(own_folder, s->run_id, lake->lake, job.namespace_levels, job.level_count, &folder, err));
        if (folder.removed_file_count)
            log_warning("removed %zu data files that an earlier run left behind when it died", folder.removed_file_count);
    }
    settings->pending = folder.pending;
    FIRN_TRY(session_catch_signals(s, err));
    firn_status status = maintain_job_run(&job, s->cancel, summary, err);
    if (maintain_folder_close(&folder, &failed)) log_warning("%s", failed.cause);
    return status;
}

static firn_status
run(session *s, maintain_summary *summary, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    const settings                                 *v = &s->values;
    maintain_settings                               settings = {
                                      .steps = steps_of(settings_text(v, OPTION_ONLY)),
                                      .dry_run = settings_flag(v, OPTION_DRY_RUN),
                                      .memory_bytes = settings_size(v, OPTION_MEMORY),
                                      .worker_count = task_cpu_count(),
                                      .correlation_id = s->correlation_id,
    };

    if (settings_has(v, OPTION_DELETE_RATIO)) settings.delete_ratio_percent = (unsigned) settings_number(v, OPTION_DELETE_RATIO);
    if (settings_has(v, OPTION_RETAIN_LAST)) settings.retain_last = settings_number(v, OPTION_RETAIN_LAST);
    FIRN_TRY(set_ages(s, &settings, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    return run_job(s, &settings, &lake, summary, err);
}

firn_status
cmd_maintain_run(session *s, firn_error *err)
{
    FIRN_AUTO(maintain_summary_done) maintain_summary summary = {0};
    const yaml_node                                  *entry = NULL;
    const char                                       *log_path;
    firn_error                                        record_error = {0};
    bool                                              dry = settings_flag(&s->values, OPTION_DRY_RUN);

    FIRN_TRY(session_open_source(s, false, &entry, err));
    if (!dry) {
        FIRN_TRY(session_path(s, "logs/maintain.log", &log_path, err));
        FIRN_TRY(report_open_log(s->out, log_path, err));
    }
    firn_status status = run(s, &summary, err);
    /* What went wrong at the end must not hide how the job ended. */
    if (!dry && run_record_write_job(s, maintain_print_record, &summary, err, &record_error) != FIRN_OK)
        log_warning("the record of this run could not be written: %s", record_error.cause);
    firn_error_reset(&record_error);
    if (maintain_print(s, &summary, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
