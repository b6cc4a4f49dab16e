#include "cli/lake_guide.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/connect_feed.h"
#include "cli/source_lock.h"
#include "follow/position_cut.h"

#define LOOK_MS 50u

void
lake_guide_done(lake_guide *guide)
{
    if (guide->asked) position_cut_remove(guide->load->state_folder);
    guide->asked = false;
    file_lock_free(guide->lock);
    guide->lock = NULL;
}

/* ---- a job that runs ---- */

/* Until the file says `step`; false: the time is over, or the job has given up. */
static firn_status
wait_for(lake_guide *g, cut_step asked, cut_step step, bool *ret_there, firn_error *err)
{
    uint64_t started_us = firn_clock_monotonic_us(), position;

    for (*ret_there = false;;) {
        cut_step now = position_cut_read(g->load->state_folder, &position);

        if (now == step) *ret_there = true;
        if (now != asked || firn_clock_monotonic_us() - started_us >= g->wait_ms * 1000) return FIRN_OK;
        if (task_cancel_wait(g->session->cancel, LOOK_MS)) return firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
    }
}

static firn_status
ask(lake_guide *g, cut_step ask, uint64_t position, cut_step answer, bool *ret_there, firn_error *err)
{
    g->asked = true;
    FIRN_TRY(position_cut_write(g->load->state_folder, ask, position, err));
    FIRN_TRY(wait_for(g, ask, answer, ret_there, err));
    if (!*ret_there || answer == CUT_DONE) lake_guide_done(g);
    return FIRN_OK;
}

/* ---- no job runs ---- */

static void
emit(void *state, const follow_event *event)
{
    (void) state;
    if (event->kind == FOLLOW_EVENT_COMMITTED || event->kind == FOLLOW_EVENT_NOTE) return;
    log_warning("%s%s%s%s%s", event->table ? event->table : "", event->table ? ": " : "",
                event->message ? event->message : "is not followed any more", event->error ? ": " : "",
                event->error ? event->error->cause : "");
}

static firn_status
follow_to(lake_guide *g, uint64_t position, bool *ret_there, firn_error *err)
{
    FIRN_AUTO(follow_result_done) follow_result result = {0};
    follow_settings settings = {0};
    FIRN_AUTO(feed_connection_done) feed_connection connection = {0};
    follow_events   events = {.emit = emit};
    firn_error      failed = {0};

    *ret_there = false;
    if (connect_is_kafka(g->session)) return FIRN_OK; /* a position of the source's log is no place in a topic */
    FIRN_TRY(connect_follow_settings(g->session, g->load, &settings, err));
    FIRN_TRY(connect_feed(g->session, g->load, &settings, &connection, err));
    settings.until_position = position;
    follow_feed feed = connect_feed_of(&connection);
    if (follow_run(&settings, &feed, g->lake, &events, g->session->cancel, &result, &failed) &&
        failed.code != FIRN_E_FOLLOW_TABLES_STOPPED)
        log_warning("the lake could not be brought to the position of the source's snapshot: %s", failed.cause);
    if (task_cancel_requested(g->session->cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
    *ret_there = result.caught_up;
    file_lock_free(g->lock);
    g->lock = NULL;
    return FIRN_OK;
}

/* ---- either way ---- */

static firn_status
begin(void *state, bool *ret_ready, firn_error *err)
{
    lake_guide *g = state;
    firn_error  refused = {0};

    *ret_ready = true;
    if (g->has_lock || source_lock_take(g->session, "firn validate", &g->lock, &refused) == FIRN_OK) return FIRN_OK;
    if (refused.code != FIRN_E_LOAD_RUNNING) {
        *err = refused;
        return err->status;
    }
    FIRN_TRY(ask(g, CUT_HOLD, 0, CUT_HELD, ret_ready, err));
    if (!*ret_ready)
        log_warning("%s, and was not at a point between two transactions within --wait: the lake is compared as it is", refused.cause);
    return FIRN_OK;
}

static firn_status
bring(void *state, const char *position, bool *ret_there, firn_error *err)
{
    lake_guide *g = state;
    uint64_t    number;

    *ret_there = false;
    if (!change_position_parse(position, &number)) return firn_fail(err, FIRN_E_BUG, "'%s' is no position", position);
    if (!g->asked) return follow_to(g, number, ret_there, err);
    FIRN_TRY(ask(g, CUT_AT, number, CUT_DONE, ret_there, err));
    if (!*ret_there) log_warning("the job that follows did not come to %s within --wait: the lake is compared as it is", position);
    return FIRN_OK;
}

static void
tell(void *state, bool is_warning, const char *message)
{
    (void) state;
    log_line(is_warning ? LOG_WARNING : LOG_INFO, NULL, 0, "%s", message);
}

static void
end(void *state)
{
    lake_guide_done(state);
}

validate_guide
lake_guide_of(lake_guide *guide)
{
    return (validate_guide){.begin = begin, .bring = bring, .end = end, .state = guide, .teller = {.tell = tell}};
}
