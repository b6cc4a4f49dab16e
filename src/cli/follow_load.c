#include "cli/follow_load.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/connect.h"
#include "cli/load_step.h"
#include "cli/load_summary.h"
#include "state/schema_changes_table.h"
#include "state/status_table.h"
#include "task/lock.h"

#define NAMES_MAX 100000u
#define LOOK_MS 10000u
#define LOOK_MIN_MS 1000u
#define PAUSE_AFTER_FAILURE_MS 60000u

typedef struct known_table {
    const char *name;
    bool        is_empty; /* left out of the load because it had no rows */
    struct known_table *next;
} known_table;

struct follow_load {
    session             *s;
    const load_settings *settings;
    catalog             *lake;
    follow_loader        ops;
    postgres_settings    server;
    uint64_t             look_ms;
    task_cancel         *cancel;
    task_group          *thread;
    task_lock           *lock; /* of what follows */
    firn_arena           arena;
    known_table         *known;
    unsigned             known_count;
    bool                 is_woken, has_new, ends;
    uint64_t             pause_ms; /* before the next look */
    const char         **found;    /* new tables; in `arena` */
    unsigned             found_count;
};

/* ---- what is known; the lock is held ---- */

static known_table *
find_known(const follow_load *load, const char *name)
{
    for (known_table *t = load->known; t; t = t->next) {
        if (strcmp(t->name, name) == 0) return t;
    }
    return NULL;
}

static firn_status
add_known(follow_load *load, const char *name, bool is_empty, firn_error *err)
{
    known_table *table = find_known(load, name);

    if (!table) {
        table = load->known_count < NAMES_MAX ? firn_arena_alloc(&load->arena, sizeof *table) : NULL;
        if (!table) return firn_fail_memory(err, "the names of tables");
        *table = (known_table){.name = firn_arena_strdup(&load->arena, name), .next = load->known};
        if (!table->name) return firn_fail_memory(err, "the names of tables");
        load->known = table;
        load->known_count++;
    }
    table->is_empty = is_empty;
    return FIRN_OK;
}

static firn_status
add_result(follow_load *load, const load_result *result, bool skips_empty, firn_error *err)
{
    firn_status status = FIRN_OK;

    task_lock_hold(load->lock);
    for (unsigned i = 0; i < result->table_count && !status; i++)
        status = add_known(load, result->tables[i].name, skips_empty && result->tables[i].state == LOAD_SKIPPED, err);
    task_lock_release(load->lock);
    return status;
}

/* ---- loading ---- */

static firn_status
run_load(follow_load *load, load_settings *settings, firn_error *err)
{
    FIRN_AUTO(connect_source_freep) source *src = NULL;
    FIRN_AUTO(load_result_done) load_result result = {0};
    firn_error shown = {0};
    session   *s = load->s;

    FIRN_TRY(connect_source(s, &src, err));
    firn_status status = load_step_run(s, settings, src, load->lake, &result, err);
    if (load_summary_show(s, &result, &shown) != FIRN_OK) log_warning("%s", shown.cause);
    if (s->last_line) log_line(LOG_INFO, NULL, 0, "%s", s->last_line);
    s->last_line = NULL;
    if (add_result(load, &result, settings->skip_empty_tables, &shown)) log_warning("%s", shown.cause);
    return status;
}

firn_status
follow_load_first(follow_load *load, firn_error *ret_failed, firn_error *err)
{
    load_settings settings = *load->settings;
    firn_status   status = run_load(load, &settings, err);

    if (err->code != FIRN_E_LOAD_TABLES_FAILED) return status;
    log_line(LOG_ERROR, NULL, 0, "%s", err->cause);
    *ret_failed = *err;
    firn_error_reset(err);
    return FIRN_OK;
}

/* The new tables and those to load again. */
static firn_status
take_names(follow_load *load, const char *const again[], unsigned again_count, firn_arena *arena, load_settings *settings,
           firn_error *err)
{
    firn_status status = FIRN_OK;

    task_lock_hold(load->lock);
    const char **names = firn_arena_array(arena, load->found_count + again_count + 1, sizeof *names);
    unsigned     count = 0;
    if (!names) status = firn_fail_memory(err, "the names of tables");
    for (unsigned i = 0; i < again_count && !status; i++) names[count++] = again[i];
    for (unsigned i = 0; i < load->found_count && !status; i++) {
        names[count] = firn_arena_strdup(arena, load->found[i]);
        if (!names[count++]) status = firn_fail_memory(err, "the names of tables");
    }
    load->found_count = 0;
    load->has_new = false;
    task_lock_release(load->lock);
    settings->table_names = names;
    settings->table_name_count = count;
    return status;
}

static void
pause_looking(follow_load *load)
{
    task_lock_hold(load->lock);
    load->pause_ms = PAUSE_AFTER_FAILURE_MS;
    task_lock_release(load->lock);
}

static firn_status
load_now(void *state, const char *const again[], unsigned again_count, firn_error *err)
{
    follow_load  *load = state;
    load_settings settings = *load->settings;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};

    /* A table that was empty is wanted by now, and what is there of these tables is to be replaced. */
    settings.resume = settings.fresh_start = settings.schema_only = settings.skip_empty_tables = false;
    settings.run_id = NULL;
    FIRN_TRY(take_names(load, again, again_count, &arena, &settings, err));
    if (!settings.table_name_count) return FIRN_OK;
    log_info("loading %u tables while the others wait: %s%s", settings.table_name_count, settings.table_names[0],
             settings.table_name_count > 1 ? ", …" : "");
    firn_status status = run_load(load, &settings, err);
    if (!status || status == FIRN_CANCELLED || task_cancel_requested(load->s->cancel)) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    log_line(LOG_ERROR, NULL, 0, "%s%s%s; the others are followed on", err->cause, err->hint[0] ? "; " : "", err->hint);
    if (err->code != FIRN_E_LOAD_TABLES_FAILED) pause_looking(load);
    firn_error_reset(err);
    return FIRN_OK;
}

/* ---- looking ---- */

static bool
is_wanted(const follow_load *load, const source_table *table)
{
    return (table->kind == TABLE_ORDINARY || table->kind == TABLE_PARTITIONED) &&
           connect_filter_matches(load->settings, table->name) && strcmp(table->name, STATUS_TABLE_NAME) != 0 &&
           strcmp(table->name, SCHEMA_CHANGES_TABLE_NAME) != 0;
}

/* The lock is held. */
static firn_status
keep_found(follow_load *load, const source_tables *all, firn_error *err)
{
    const char **names = NULL;
    unsigned     count = 0;

    for (unsigned i = 0; i < all->count; i++) {
        if (!is_wanted(load, &all->tables[i]) || find_known(load, all->tables[i].name)) continue;
        if (!names) names = firn_arena_array(&load->arena, all->count, sizeof *names);
        if (!names || !(names[count++] = firn_arena_strdup(&load->arena, all->tables[i].name)))
            return firn_fail_memory(err, "the names of tables");
    }
    load->found = names;
    load->found_count = count;
    load->has_new = count > 0;
    return FIRN_OK;
}

static firn_status
look(follow_load *load, source **src, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    source_tables all = {0};

    if (!*src) FIRN_TRY(postgres_source_new(&load->server, load->cancel, src, err));
    FIRN_TRY((*src)->ops->list(*src, &arena, &all, err));
    task_lock_hold(load->lock);
    firn_status status = keep_found(load, &all, err);
    task_lock_release(load->lock);
    return status;
}

/* Whether it is time; false: it ends. */
static bool
wait_for_look(follow_load *load)
{
    task_lock_hold(load->lock);
    /* What was found goes first; nothing is asked for meanwhile. */
    do {
        uint64_t pause_ms = load->pause_ms;
        while (!load->ends && (pause_ms || !load->is_woken) && task_lock_wait(load->lock, pause_ms ? pause_ms : load->look_ms)) {
        }
        load->pause_ms = 0;
        load->is_woken = false;
    } while (!load->ends && load->has_new);
    bool goes_on = !load->ends;
    task_lock_release(load->lock);
    return goes_on;
}

/* A source that cannot be asked now is the stream's matter. */
static firn_status
work(void *state, firn_error *err)
{
    follow_load *load = state;
    FIRN_AUTO(connect_source_freep) source *src = NULL;

    (void) err;
    while (wait_for_look(load)) {
        firn_error failed = {0};

        if (!look(load, &src, &failed)) continue;
        log_line(LOG_DEBUG, NULL, 0, "new tables were not looked for: %s", failed.cause);
        firn_error_reset(&failed);
        if (src) src->ops->free(src);
        src = NULL;
    }
    return FIRN_OK;
}

/* ---- what the job tells and asks ---- */

static void
met(void *state, const char *name)
{
    follow_load *load = state;
    firn_error   ignored = {0};
    bool         is_first = false;

    if (!connect_filter_matches(load->settings, name)) return;
    task_lock_hold(load->lock);
    known_table *table = find_known(load, name);
    if (load->thread) {
        /* It has rows now. Looked at once; a table that failed is not loaded again and again. */
        if (table && table->is_empty) table->name = "";
        load->is_woken = load->is_woken || !table || table->is_empty;
        task_lock_wake_all(load->lock);
    } else {
        is_first = !table && !add_known(load, name, false, &ignored);
    }
    task_lock_release(load->lock);
    if (!is_first) return;
    const log_field fields[] = {{"table", name, 0}};
    log_line(LOG_WARNING, fields, 1, "is not in the lake, and its changes are passed over; `firn follow --load` loads it and follows it from there");
}

static bool
has_new(void *state)
{
    follow_load *load = state;

    task_lock_hold(load->lock);
    bool found = load->has_new;
    task_lock_release(load->lock);
    return found;
}

const follow_loader *
follow_load_ops(const follow_load *load)
{
    return &load->ops;
}

/* ---- its life ---- */

firn_status
follow_load_new(session *s, const load_settings *settings, catalog *lake, follow_load **ret_load, firn_error *err)
{
    FIRN_AUTO(follow_load_freep) follow_load *load = firn_calloc(1, sizeof *load);

    if (!load) return firn_fail_memory(err, "what loads tables");
    *load = (follow_load){.s = s, .settings = settings, .lake = lake, .ops = {.state = load, .met = met, .has_new = has_new}};
    load->look_ms = 10 * settings_duration_ms(&s->values, OPTION_FOLLOW_COMMIT_INTERVAL);
    if (load->look_ms > LOOK_MS) load->look_ms = LOOK_MS;
    if (load->look_ms < LOOK_MIN_MS) load->look_ms = LOOK_MIN_MS;
    load->lock = task_lock_new();
    load->cancel = task_cancel_new();
    if (!load->lock || !load->cancel) return firn_fail_memory(err, "what loads tables");
    *ret_load = FIRN_STEAL(load);
    return FIRN_OK;
}

firn_status
follow_load_watch(follow_load *load, firn_error *err)
{
    if (!settings_flag(&load->s->values, OPTION_LOAD_FIRST)) return FIRN_OK;
    FIRN_TRY(connect_postgres_settings(load->s, &load->server, err));
    load->ops.load = load_now;
    task_group *thread = task_group_new(load->cancel);
    if (!thread) return firn_fail_memory(err, "what looks for new tables");
    load->thread = thread;
    return task_group_spawn(thread, "newcomers", work, load, err);
}

void
follow_load_free(follow_load *load)
{
    firn_error ignored = {0};

    if (!load) return;
    if (load->lock) {
        task_lock_hold(load->lock);
        load->ends = true;
        task_lock_wake_all(load->lock);
        task_lock_release(load->lock);
    }
    if (load->cancel) task_cancel_request(load->cancel);
    if (load->thread) (void) !task_group_join(load->thread, &ignored);
    task_group_free(load->thread);
    task_cancel_free(load->cancel);
    task_lock_free(load->lock);
    firn_arena_done(&load->arena);
    firn_free(load);
}
