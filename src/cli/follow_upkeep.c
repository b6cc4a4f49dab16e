#include "cli/follow_upkeep.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/connect.h"
#include "follow/followed_table.h"
#include "maintain/maintain_folder.h"
#include "maintain/maintain_job.h"
#include "task/task.h"

#define PAUSE_FACTOR 4u
#define MEMORY_DIVISOR 4u

struct follow_upkeep {
    lake_connection    lake;
    follow_progress   *progress; /* borrowed */
    const char *const *levels; /* in the session's arena, as the texts below */
    unsigned           level_count;
    const char        *pending_root, *own_folder;
    maintain_settings  settings;
    task_cancel       *cancel;
    task_group        *thread;
    uint64_t           pause_min_ms;
};

/* Tables that are followed, and not being applied to in parts. */
static bool
is_wanted(const void *state, const char *name)
{
    const follow_upkeep *u = state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {.namespace_levels = u->levels, .level_count = u->level_count, .name = name};
    firn_error  ignored = {0};

    if (u->lake.lake->ops->load(u->lake.lake, &ident, &table, &ignored)) {
        firn_error_reset(&ignored);
        return false;
    }
    return table_metadata_property(table, PROPERTY_FOLLOWED_LOAD) && !table_metadata_ref_snapshot(table, STAGE_BRANCH);
}

static void
tell(void *state, const maintain_table_line *line)
{
    const follow_upkeep   *u = state;
    const maintain_result *r = &line->result;
    const log_field        fields[] = {{"table", line->name, 0},
                                       {"files_rewritten", NULL, r->rewritten_file_count},
                                       {"snapshots_expired", NULL, r->expired_snapshot_count},
                                       {"files_removed", NULL, r->removed_file_count},
                                       {"data_files", NULL, r->after.data_file_count},
                                       {"delete_files", NULL, r->after.delete_file_count},
                                       {"elapsed_ms", NULL, line->elapsed_ms}};
    bool                   changed = r->rewritten_file_count || r->expired_snapshot_count || r->removed_file_count;

    if (!line->error) follow_progress_small_files(u->progress, line->name, r->after.small_file_count, r->after.data_file_count);
    if (line->error) log_line(LOG_WARNING, fields, 1, "not maintained: %s", line->error->cause);
    else log_line(changed ? LOG_INFO : LOG_DEBUG, fields, FIRN_COUNT(fields), "maintained");
}

static firn_status
run_round(follow_upkeep *u, task_cancel *cancel, firn_error *err)
{
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    FIRN_AUTO(maintain_summary_done) maintain_summary summary = {0};
    firn_error   failed = {0};
    char         run_id[UUID_TEXT_SIZE];
    maintain_job job = {.settings = &u->settings,
                        .lake = u->lake.lake,
                        .namespace_levels = u->levels,
                        .level_count = u->level_count,
                        .wants = is_wanted,
                        .state = u,
                        .tell = tell,
                        .tell_state = u};

    uuid_format(uuid_v7(), run_id);
    FIRN_TRY(maintain_folder_open(u->own_folder, run_id, u->lake.lake, u->levels, u->level_count, &folder, err));
    u->settings.pending = folder.pending;
    firn_status status = maintain_job_run(&job, cancel, &summary, err);
    if (maintain_folder_close(&folder, &failed)) log_warning("%s", failed.cause);
    return status;
}

/* What fails here fails no change: it is told, and tried again. */
static void
try_round(follow_upkeep *u, task_cancel *cancel)
{
    firn_error  failed = {0};
    firn_status status = run_round(u, cancel, &failed);

    if (status && status != FIRN_NOT_FOUND && status != FIRN_CANCELLED && failed.code != FIRN_E_MAINTAIN_TABLES_FAILED)
        log_line(LOG_DEBUG, NULL, 0, "no maintenance this time: %s", failed.cause);
    firn_error_reset(&failed);
}

static firn_status
work(void *state, firn_error *err)
{
    follow_upkeep *u = state;
    uint64_t       pause_ms = u->pause_min_ms;

    (void) err;
    while (!task_cancel_wait(u->cancel, pause_ms)) {
        uint64_t started_us = firn_clock_monotonic_us();

        try_round(u, u->cancel);
        pause_ms = PAUSE_FACTOR * (firn_clock_monotonic_us() - started_us) / 1000;
        if (pause_ms < u->pause_min_ms) pause_ms = u->pause_min_ms;
    }
    return FIRN_OK;
}

static firn_status
take_settings(session *s, follow_upkeep *u, firn_error *err)
{
    u->settings = (maintain_settings){.steps = MAINTAIN_ALL & ~(unsigned) MAINTAIN_ORPHANS,
                                      .snapshot_age_ms = -1,
                                      .memory_bytes = settings_size(&s->values, OPTION_MEMORY) / MEMORY_DIVISOR,
                                      .worker_count = 1,
                                      .correlation_id = s->correlation_id};
    u->pause_min_ms = settings_duration_ms(&s->values, OPTION_FOLLOW_MAINTAIN_INTERVAL);
    FIRN_TRY(session_path(s, "checkpoints", &u->settings.pending_root, err));
    FIRN_TRY(session_state_folder(s, &u->own_folder, err));
    FIRN_TRY(connect_namespace(s, &u->levels, &u->level_count, err));
    return connect_lake(s, &u->lake, err);
}

firn_status
follow_upkeep_start(session *s, follow_progress *progress, follow_upkeep **ret_upkeep, firn_error *err)
{
    FIRN_AUTO(follow_upkeep_stopp) follow_upkeep *u = NULL;

    *ret_upkeep = NULL;
    if (strcmp(settings_text(&s->values, OPTION_FOLLOW_MAINTAIN), "auto") != 0) return FIRN_OK;
    if (!(u = firn_calloc(1, sizeof *u))) return firn_fail_memory(err, "maintenance");
    u->progress = progress;
    FIRN_TRY(take_settings(s, u, err));
    if (!(u->cancel = task_cancel_new())) return firn_fail_memory(err, "maintenance");
    if (!(u->thread = task_group_new(u->cancel))) return firn_fail_memory(err, "maintenance");
    FIRN_TRY(task_group_spawn(u->thread, "upkeep", work, u, err));
    *ret_upkeep = FIRN_STEAL(u);
    return FIRN_OK;
}

/* The thread is at an end then. */
static void
end_thread(follow_upkeep *u)
{
    firn_error ignored = {0};

    if (u->cancel) task_cancel_request(u->cancel);
    if (u->thread) (void) !task_group_join(u->thread, &ignored);
    firn_error_reset(&ignored);
}

void
follow_upkeep_finish(follow_upkeep *u, task_cancel *cancel)
{
    if (!u) return;
    end_thread(u);
    u->settings.memory_bytes *= MEMORY_DIVISOR; /* nothing else is at work any more */
    try_round(u, cancel);
}

void
follow_upkeep_stop(follow_upkeep *u)
{
    if (!u) return;
    end_thread(u);
    task_group_free(u->thread);
    task_cancel_free(u->cancel);
    lake_connection_done(&u->lake);
    firn_free(u);
}
