#include "cli/follow_resync.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "catalog/table_names.h"
#include "maintain/maintain_folder.h"
#include "state/table_resync.h"
#include "validate/validate_job.h"

#define IN_USE_ATTEMPTS 20u
#define IN_USE_WAIT_MS 250u

typedef struct resync {
    session             *session;
    const load_settings *load;
    catalog             *lake;
    source              *src;
    firn_arena           arena;
    table_names          ours;    /* all tables of the source */
    table_names          wanted;  /* without those that are stopped */
    const char          *identity; /* of their positions; NULL: none says it */
    unsigned             stopped_count;
} resync;

static void
resync_done(resync *r)
{
    firn_arena_done(&r->arena);
}

bool
follow_resync_helps(const firn_error *err)
{
    return err->code == FIRN_E_POSTGRES_SLOT_LOST || err->code == FIRN_E_POSTGRES_IDENTITY ||
           err->code == FIRN_E_POSTGRES_POSITION || err->code == FIRN_E_FOLLOW_RESYNC_UNFINISHED ||
           err->code == FIRN_E_FOLLOW_FROM_KAFKA;
}

static table_ident
ident_of(const resync *r, const char *name)
{
    return (table_ident){r->load->namespace_levels, r->load->namespace_level_count, name};
}

static bool
has_name(const table_names *names, const char *name)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) return true;
    }
    return false;
}

/* ---- which tables ---- */

static firn_status
look_at(resync *r, const char *name, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = ident_of(r, name);

    FIRN_TRY(r->lake->ops->load(r->lake, &ident, &table, err));
    if (!table_is_loaded_from(table, r->load->schema_name, name)) return FIRN_OK;
    FIRN_TRY(table_names_add(&r->ours, name, err));
    if (table_follow_is_stopped(table_follow_state_of(table))) return FIRN_OK;
    const char *identity = table_metadata_property(table, PROPERTY_SOURCE_IDENTITY);
    if (identity && !r->identity && !(r->identity = firn_arena_strdup(&r->arena, identity)))
        return firn_fail_memory(err, "a source's identity");
    return table_names_add(&r->wanted, name, err);
}

static firn_status
find_tables(resync *r, firn_error *err)
{
    table_names all = {.arena = &r->arena};
    table_ident place = ident_of(r, NULL);

    r->ours = r->wanted = (table_names){.arena = &r->arena};
    FIRN_TRY(r->lake->ops->list(r->lake, &place, table_names_add, &all, err));
    for (unsigned i = 0; i < all.count; i++) FIRN_TRY(look_at(r, all.names[i], err));
    return FIRN_OK;
}

/* ---- whose tables ---- */

/* "postgres:7423…:1" without the timeline: a restored backup and a promoted standby are the same system. */
static size_t
system_size(const char *identity)
{
    const char *colon = strrchr(identity, ':');

    return colon ? (size_t) (colon - identity) : strlen(identity);
}

/* Before anything is changed: a repair makes the tables equal to whatever the source is. */
static firn_status
check_system(resync *r, firn_error *err)
{
    source_point point;
    source      *src = r->src;

    if (src->ops->freeze(src, &point, err)) return firn_while(err, "asking the source who it is");
    src->ops->thaw(src);
    size_t size = system_size(point.identity);
    if (!r->identity || settings_flag(&r->session->values, OPTION_YES) ||
        (size == system_size(r->identity) && memcmp(point.identity, r->identity, size) == 0))
        return FIRN_OK;
    (void) firn_fail(err, FIRN_E_POSTGRES_IDENTITY, "the source is '%s', another database system than '%s', from which the tables came",
                     point.identity, r->identity);
    firn_hint(err, "where that is as it should be, --resync --yes makes the tables equal to this source; rows that it does not have are deleted");
    firn_state(err, "nothing was changed");
    return err->status;
}

/* ---- the slot ---- */

static firn_status
look_whether_free(source *src, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer kept = {0};

    firn_buffer_init(&kept, FIRN_ERROR_TEXT_MAX);
    return src->ops->list_kept(src, &kept, err);
}

/* Who read it a moment ago, ourselves too, may still be there. */
static firn_status
when_free(resync *r, firn_status (*step)(source *src, firn_error *err), firn_error *err)
{
    for (unsigned attempt = 0;; attempt++) {
        firn_status status = step(r->src, err);

        if (status != FIRN_CONFLICT || attempt == IN_USE_ATTEMPTS) return status;
        if (task_cancel_wait(r->session->cancel, IN_USE_WAIT_MS)) return status;
        firn_error_reset(err);
    }
}

static firn_status
mark_and_drop(resync *r, firn_error *err)
{
    /* A connector that goes on reading it: not found out behind the marks. */
    if (when_free(r, look_whether_free, err)) {
        firn_state(err, "nothing was changed");
        return firn_while(err, "looking at the replication slot");
    }
    for (unsigned i = 0; i < r->ours.count; i++) {
        table_ident ident = ident_of(r, r->ours.names[i]);

        FIRN_TRY(table_resync_mark(r->lake, &ident, r->session->cancel, err));
        firn_crash_point("resync.after-mark");
    }
    if (when_free(r, r->src->ops->drop_kept, err)) return firn_while(err, "dropping the replication slot");
    firn_crash_point("resync.after-drop");
    return FIRN_OK;
}

static void
tell(void *state, bool is_warning, const char *message)
{
    (void) state;
    log_line(is_warning ? LOG_WARNING : LOG_INFO, NULL, 0, "%s", message);
}

/* ---- the tables ---- */

static bool
is_wanted(const void *state, const char *table)
{
    return has_name(&((const resync *) state)->wanted, table);
}

static const table_rules *
rules_of(const void *state, const char *table)
{
    return &connect_table_config(((const resync *) state)->load, table)->rules;
}

static void
tell_of_table(void *state, const validate_table_result *table)
{
    const log_field fields[] = {{"table", table->name, 0},
                                {"keys", NULL, (int64_t) table->repaired_keys},
                                {"rows", NULL, (int64_t) table->source_rows},
                                {"elapsed_ms", NULL, table->elapsed_ms}};

    (void) state;
    if (table->state == VALIDATE_EQUAL || table->state == VALIDATE_REPAIRED)
        log_line(LOG_INFO, fields, FIRN_COUNT(fields), "resynced");
}

static firn_status
compare(resync *r, validate_result *result, firn_error *err)
{
    const session       *s = r->session;
    const load_settings *load = r->load;
    const source_teller  teller = {.tell = tell};
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    firn_error           failed = {0};
    validate_settings    settings = {.schema_name = load->schema_name,
                                     .namespace_levels = load->namespace_levels,
                                     .namespace_level_count = load->namespace_level_count,
                                     .wants = is_wanted,
                                     .rules_of = rules_of,
                                     .state = r,
                                     .deep = true,
                                     .repair = true,
                                     .resync = &teller,
                                     .table_worker_count = load->parallel_workers,
                                     .connection_count = load->parallel_tables,
                                     .large_table_rows = load->large_table_rows,
                                     .memory_bytes = load->memory_bytes,
                                     .correlation_id = s->correlation_id,
                                     .tell = tell_of_table};

    FIRN_TRY(maintain_folder_open(load->state_folder, s->run_id, r->lake, load->namespace_levels, load->namespace_level_count,
                                  &folder, err));
    settings.pending = folder.pending;
    firn_status status = validate_run(&settings, r->src, r->lake, s->cancel, result, err);
    if (maintain_folder_close(&folder, &failed)) log_warning("%s", failed.cause);
    /* Each table says for itself how it went. */
    if (err->code != FIRN_E_VALIDATE_TABLES_FAILED && err->code != FIRN_E_VALIDATE_DIFFERS) return status;
    firn_error_reset(err);
    return FIRN_OK;
}

static firn_status
give_up(resync *r, const char *name, const firn_error *why, firn_error *err)
{
    char        reason[FIRN_ERROR_TEXT_MAX];
    table_ident ident = ident_of(r, name);

    (void) snprintf(reason, sizeof reason, "FIRN-%04u %.480s", (unsigned) why->code % 10000, why->cause);
    log_line(LOG_ERROR, &(log_field){"table", name, 0}, 1, "cannot be resynced and is not followed any more: %s; %s", why->cause, why->hint);
    r->stopped_count++;
    return table_resync_give_up(r->lake, &ident, reason, r->session->cancel, err);
}

/* A table that differs in a way that no repair mends is stopped; any other failure ends the resync, which is not over then. */
static firn_status
settle(resync *r, const char *name, const validate_result *result, firn_error *err)
{
    firn_error gone = {0};

    for (unsigned i = 0; i < result->table_count; i++) {
        const validate_table_result *table = &result->tables[i];

        if (strcmp(table->name, name) != 0) continue;
        if (table->state == VALIDATE_EQUAL || table->state == VALIDATE_REPAIRED) return FIRN_OK;
        if (table->error && table->error->code == FIRN_E_VALIDATE_CANNOT_REPAIR) return give_up(r, name, table->error, err);
        if (table->error) *err = *table->error;
        else
            (void) firn_fail(err, FIRN_E_FOLLOW_RESYNC_UNFINISHED, "table '%s' is not equal to the source after its resync", name);
        return firn_while(err, "resyncing '%s'", name);
    }
    (void) firn_fail(&gone, FIRN_E_FOLLOW_SHAPE, "the source does not have the table any more");
    firn_hint(&gone, "drop it in the lake, too, where it is not needed");
    return give_up(r, name, &gone, err);
}

/* A stopped table is mended by a load only, and that makes a slot, too. */
static firn_status
fail_all_stopped(const resync *r, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_FOLLOW_TABLES_STOPPED, "all %u tables of source '%s' are stopped: there is none to resync", r->ours.count,
                     r->load->source_name);
    firn_hint(err, "`firn status` says why; firn load --source %s --no-resume loads them again, and they are followed from there",
              r->load->source_name);
    firn_state(err, "nothing was changed");
    return err->status;
}

static firn_status
run(resync *r, firn_error *err)
{
    FIRN_AUTO(validate_result_done) validate_result result = {0};
    uint64_t keys = 0;

    FIRN_TRY(find_tables(r, err));
    if (!r->wanted.count) return fail_all_stopped(r, err);
    FIRN_TRY(check_system(r, err));
    FIRN_TRY(mark_and_drop(r, err));
    FIRN_TRY(compare(r, &result, err));
    for (unsigned i = 0; i < r->wanted.count; i++) FIRN_TRY(settle(r, r->wanted.names[i], &result, err));
    for (unsigned i = 0; i < result.table_count; i++) keys += result.tables[i].repaired_keys;
    log_info("resync: %u tables, %u stopped; %" PRIu64 " keys differed and were written; position %s", r->wanted.count,
             r->stopped_count, keys, result.point.position);
    return FIRN_OK;
}

firn_status
follow_resync_release(session *s, const load_settings *load, catalog *lake, firn_error *err)
{
    FIRN_AUTO(connect_source_freep) source *src = NULL;

    FIRN_TRY(connect_source_with_slot(s, &src, err));
    FIRN_AUTO(resync_done) resync r = {.session = s, .load = load, .lake = lake, .src = src};
    if (find_tables(&r, err) || mark_and_drop(&r, err)) return firn_while(err, "giving up the slot of source '%s'", load->source_name);
    return FIRN_OK;
}

firn_status
follow_resync_run(session *s, const load_settings *load, catalog *lake, firn_error *err)
{
    FIRN_AUTO(connect_source_freep) source *src = NULL;

    FIRN_TRY(connect_source_with_slot(s, &src, err));
    FIRN_AUTO(resync_done) resync r = {.session = s, .load = load, .lake = lake, .src = src};
    if (run(&r, err)) return firn_while(err, "resyncing source '%s'", load->source_name);
    return FIRN_OK;
}
