#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/lake_guide.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/source_lock.h"
#include "cli/validate_print.h"
#include "maintain/maintain_folder.h"

#define ANSWER_BYTES_MAX 64

static bool
is_wanted(const void *state, const char *table)
{
    return connect_filter_matches(state, table);
}

static const table_rules *
rules_of(const void *state, const char *table)
{
    return &connect_table_config(state, table)->rules;
}

/* Nothing is lost by a repair that the source does not have, but rows that only the lake has are. */
static firn_status
confirm(session *s, firn_error *err)
{
    char answer[ANSWER_BYTES_MAX] = "";

    if (settings_flag(&s->values, OPTION_YES)) return FIRN_OK;
    if (isatty(STDIN_FILENO) == 1) {
        fprintf(stderr, "--repair makes the tables equal to the source: rows that differ are replaced, rows that only the "
                        "lake has are deleted.\nType 'repair' to go on: ");
        fflush(stderr);
        if (fgets(answer, sizeof answer, stdin)) answer[strcspn(answer, "\r\n")] = '\0';
        if (strcmp(answer, "repair") == 0) return FIRN_OK;
        (void) firn_fail(err, FIRN_E_CONFIRMATION_MISSING, "--repair was not confirmed");
    } else {
        (void) firn_fail(err, FIRN_E_CONFIRMATION_MISSING, "--repair would change tables and nobody can be asked");
        firn_hint(err, "give --yes to repair; without --repair, --deep shows what differs");
    }
    firn_state(err, "nothing was changed");
    return err->status;
}

/* What a repair writes is noted, as a load's files are. */
static firn_status
run_repair(session *s, validate_settings *settings, const load_settings *load, lake_guide *guide, source *src,
           validate_result *result, firn_error *err)
{
    FIRN_AUTO(file_lock_freep) file_lock           *lock = NULL;
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    firn_error                                      failed = {0};

    FIRN_TRY(source_lock_take(s, "firn validate --repair", &lock, err));
    FIRN_TRY(maintain_folder_open(load->state_folder, s->run_id, guide->lake, load->namespace_levels,
                                  load->namespace_level_count, &folder, err));
    settings->pending = folder.pending;
    guide->has_lock = true;
    firn_status status = validate_run(settings, src, guide->lake, s->cancel, result, err);
    if (maintain_folder_close(&folder, &failed)) log_warning("%s", failed.cause);
    return status;
}

static firn_status
run(session *s, const yaml_node *entry, validate_result *result, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(connect_source_freep) source         *src = NULL;
    load_settings                                   load = {0};

    FIRN_TRY(connect_load_settings(s, entry, &load, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    validate_settings settings = {
        .schema_name = load.schema_name,
        .namespace_levels = load.namespace_levels,
        .namespace_level_count = load.namespace_level_count,
        .wants = is_wanted,
        .rules_of = rules_of,
        .state = &load,
        .check_missing = !settings_flag(&s->values, OPTION_NO_CHECK_MISSING),
        .deep = settings_flag(&s->values, OPTION_DEEP),
        .repair = settings_flag(&s->values, OPTION_REPAIR),
        .table_worker_count = load.parallel_workers,
        .connection_count = load.parallel_tables,
        .large_table_rows = load.large_table_rows,
        .memory_bytes = load.memory_bytes,
        .correlation_id = s->correlation_id,
    };
    FIRN_AUTO(lake_guide_done) lake_guide guide = {
        .session = s, .load = &load, .lake = lake.lake, .wait_ms = settings_duration_ms(&s->values, OPTION_VALIDATE_WAIT)};
    validate_guide brings = lake_guide_of(&guide);

    if (guide.wait_ms) settings.guide = &brings;
    if (settings.repair) FIRN_TRY(confirm(s, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(connect_source_to_read(s, &src, err));
    if (settings.repair) return run_repair(s, &settings, &load, &guide, src, result, err);
    return validate_run(&settings, src, lake.lake, s->cancel, result, err);
}

firn_status
cmd_validate_run(session *s, firn_error *err)
{
    FIRN_AUTO(validate_result_done) validate_result result = {0};
    const yaml_node                                *entry = NULL;
    firn_error                                      record_error = {0};

    FIRN_TRY(session_open_source(s, true, &entry, err));
    firn_status status = run(s, entry, &result, err);
    /* What went wrong at the end must not hide how the job ended. */
    if (run_record_write_job(s, validate_print_record, &result, err, &record_error) != FIRN_OK)
        log_warning("the record of this run could not be written: %s", record_error.cause);
    firn_error_reset(&record_error);
    if (validate_print(s, &result, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
