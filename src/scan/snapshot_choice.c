#include "scan/snapshot_choice.h"

#include <inttypes.h>
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"

#define SHOWN_MAX 8
#define REFS_MAX 1000

static const char *
time_of(int64_t ms, char out[CALENDAR_TEXT_MAX])
{
    (void) calendar_format_timestamp(ms * 1000, true, out);
    return out;
}

/* The newest ones, for whoever mistyped. */
static void
hint_snapshots(const table_metadata *table, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              full = {0};
    char                                    time[CALENDAR_TEXT_MAX];

    firn_buffer_init(&text, FIRN_ERROR_TEXT_MAX - 32);
    for (unsigned i = 0; i < table->snapshot_count && i < SHOWN_MAX; i++) {
        const snapshot *snap = &table->snapshots[table->snapshot_count - 1 - i];
        if (firn_buffer_printf(&text, &full, "%s%" PRId64 " (%s)", i ? ", " : "", snap->snapshot_id,
                               time_of(snap->timestamp_ms, time)) != FIRN_OK)
            break;
    }
    firn_hint(err, "snapshots, newest first: %.*s", (int) text.size, (const char *) text.data);
}

static firn_status
fail_ref(const table_metadata *table, const char *name, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              full = {0};
    const char                             *names[REFS_MAX];
    unsigned                                count = 0;

    firn_buffer_init(&text, FIRN_ERROR_TEXT_MAX - 32);
    for (; count < table->ref_count && count < REFS_MAX; count++) {
        names[count] = table->refs[count].name;
        if (full.status == FIRN_OK && firn_buffer_printf(&text, &full, "%s%s", count ? ", " : "", names[count]) != FIRN_OK)
            continue;
    }
    const char *nearest = text_nearest(name, names, count);
    (void) firn_fail(err, FIRN_E_SCAN_SNAPSHOT, "'%s' has no branch or tag '%s'%s%s%s", table->location, name,
                     nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    if (count > 0) firn_hint(err, "branches and tags: %.*s", (int) text.size, (const char *) text.data);
    return err->status;
}

static firn_status
choose_ref(const table_metadata *table, const char *name, const snapshot **ret_snap, bool *ret_own_schema,
           firn_error *err)
{
    for (unsigned i = 0; i < table->ref_count; i++) {
        if (strcmp(table->refs[i].name, name) != 0) continue;
        *ret_snap = table_metadata_snapshot_by_id(table, table->refs[i].snapshot_id);
        *ret_own_schema = !table->refs[i].is_branch;
        if (*ret_snap) return FIRN_OK;
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "'%s' of '%s' names a snapshot that is not there", name,
                         table->location);
    }
    *ret_snap = table->current_snapshot; /* `main` may go without saying */
    return strcmp(name, "main") == 0 ? FIRN_OK : fail_ref(table, name, err);
}

static firn_status
choose(const table_metadata *table, const snapshot_choice *choice, const snapshot **ret_snap, bool *ret_own_schema,
       firn_error *err)
{
    char time[CALENDAR_TEXT_MAX];

    *ret_own_schema = choice->by_id || choice->by_time;
    if (choice->ref) return choose_ref(table, choice->ref, ret_snap, ret_own_schema, err);
    *ret_snap = choice->by_id     ? table_metadata_snapshot_by_id(table, choice->snapshot_id)
                : choice->by_time ? table_metadata_snapshot_as_of(table, choice->as_of_ms)
                                  : table->current_snapshot;
    if (*ret_snap || !*ret_own_schema) return FIRN_OK;
    if (choice->by_id)
        (void) firn_fail(err, FIRN_E_SCAN_SNAPSHOT, "'%s' has no snapshot %" PRId64, table->location,
                         choice->snapshot_id);
    else
        (void) firn_fail(err, FIRN_E_SCAN_SNAPSHOT, "'%s' has no snapshot from %s or before", table->location,
                         time_of(choice->as_of_ms, time));
    hint_snapshots(table, err);
    return err->status;
}

firn_status
snapshot_choose(const table_metadata *table, const snapshot_choice *choice, const snapshot **ret_snap,
                table_schema **ret_schema, firn_error *err)
{
    bool own_schema = false;

    FIRN_TRY(choose(table, choice, ret_snap, &own_schema, err));
    *ret_schema = table->schema;
    if (!own_schema || !*ret_snap || (*ret_snap)->schema_id < 0) return FIRN_OK;
    for (unsigned i = 0; i < table->schema_count; i++) {
        if (table->schemas[i].schema_id != (*ret_snap)->schema_id) continue;
        *ret_schema = table->schemas[i].schema;
        if (*ret_schema) return FIRN_OK;
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "schema %d of '%s' has types that firn does not know",
                         (int) (*ret_snap)->schema_id, table->location);
    }
    return FIRN_OK;
}
