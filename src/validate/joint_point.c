#include "validate/joint_point.h"

#include "change/change_stream.h"
#include "state/table_properties.h"

static bool
parse(const char *text, uint64_t *ret_position)
{
    return text && change_position_parse(text, ret_position);
}

/* Parts of a large window are in the history and never were the table. */
static bool
was_current(const table_metadata *table, int64_t snapshot_id)
{
    for (unsigned i = 0; i < table->snapshot_log_count; i++) {
        if (table->snapshot_log[i].snapshot_id == snapshot_id) return true;
    }
    return false;
}

/* Commits that only rewrite files, and those of others, say no position: theirs is that of the one before. */
static bool
find_in_history(const table_metadata *table, uint64_t wanted, const snapshot **ret_snapshot)
{
    const snapshot *silent = NULL;

    for (const snapshot *s = table_metadata_current_snapshot(table); s; s = table_metadata_snapshot_by_id(table, s->parent_id)) {
        uint64_t position;

        if (!parse(snapshot_summary(s, PROPERTY_POSITION), &position)) {
            if (!silent && was_current(table, s->snapshot_id)) silent = s;
        } else if (position > wanted) {
            silent = NULL;
        } else {
            *ret_snapshot = silent ? silent : s;
            return true;
        }
        if (s->parent_id < 0) {
            *ret_snapshot = NULL;
            return parse(snapshot_summary(s, PROPERTY_POSITION), &position);
        }
    }
    return false;
}

bool
joint_point_find(const table_metadata *table, const char *position, const snapshot **ret_snapshot)
{
    const snapshot *current = table_metadata_current_snapshot(table), *found = NULL;
    uint64_t        wanted, now;

    if (!parse(position, &wanted) || !parse(table_metadata_property(table, PROPERTY_POSITION), &now)) return false;
    if (now <= wanted) {
        *ret_snapshot = current;
        return true;
    }
    if (!find_in_history(table, wanted, &found)) return false;
    if (found && found->schema_id >= 0 && table_metadata_schema_by_id(table, found->schema_id) != table_metadata_schema(table))
        return false;
    *ret_snapshot = found;
    return true;
}
