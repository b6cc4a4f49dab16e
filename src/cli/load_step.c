#include "cli/load_step.h"

#include "cli/report.h"
#include "cli/snapshot_keeper.h"

firn_status
load_step_run(session *s, load_settings *settings, source *src, catalog *lake, load_result *result, firn_error *err)
{
    FIRN_AUTO(snapshot_keeper_freep) snapshot_keeper *keeper = NULL;
    load_events events = report_load_events(s->out);
    firn_status status;

    FIRN_TRY(snapshot_keeper_new(s, settings, &keeper, err));
    settings->keeper = snapshot_keeper_ops(keeper);
    if (!settings_duration_ms(&s->values, OPTION_CHECKPOINT_HOLD)) {
        settings->keeper->end(settings->keeper->state); /* of a run that had another opinion */
        settings->keeper = NULL;
    }
    status = load_run(settings, src, lake, &events, s->cancel, result, err);
    settings->keeper = NULL;
    return status;
}
