#include "validate/joint_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Positions as texts "3F/9A01C2D8"; change/, which has the type, is no business of this layer. */
static bool
parse(const char *text, uint64_t *ret_position)
{
    uint32_t high, low;
    char     more;

    if (!text || strspn(text, "0123456789ABCDEFabcdef/") != strlen(text)) return false;
    if (sscanf(text, "%8" SCNx32 "/%8" SCNx32 "%c", &high, &low, &more) != 2) return false;
    *ret_position = (uint64_t) high << 32 | low;
    return true;
}

bool
joint_point_is_followed(const table_metadata *table)
{
    const char *load = table_metadata_property(table, "firn.load-position");
    const char *followed = table_metadata_property(table, "firn.followed-load");
    const char *state = table_metadata_property(table, "firn.follow-state");

    return load && followed && strcmp(load, followed) == 0 && !(state && strcmp(state, "stopped") == 0);
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

        if (!parse(snapshot_summary(s, "firn.position"), &position)) {
            if (!silent && was_current(table, s->snapshot_id)) silent = s;
        } else if (position > wanted) {
            silent = NULL;
        } else {
            *ret_snapshot = silent ? silent : s;
            return true;
        }
        if (s->parent_id < 0) {
            *ret_snapshot = NULL;
            return parse(snapshot_summary(s, "firn.position"), &position);
        }
    }
    return false;
}

bool
joint_point_find(const table_metadata *table, const char *position, const snapshot **ret_snapshot)
{
    const snapshot *current = table_metadata_current_snapshot(table), *found = NULL;
    uint64_t        wanted, now;

    if (!parse(position, &wanted) || !parse(table_metadata_property(table, "firn.position"), &now)) return false;
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
