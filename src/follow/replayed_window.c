#include "follow/replayed_window.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "change/change_stream.h"
#include "follow/followed_table.h"

firn_status
replayed_windows_find(const table_metadata *table, uint64_t position, firn_arena *arena, replayed_window **ret_windows,
                      unsigned *ret_count, firn_error *err)
{
    const snapshot  *s = table_metadata_current_snapshot(table);
    unsigned         most = table->snapshot_count < REPLAYED_WINDOWS_MAX ? table->snapshot_count : REPLAYED_WINDOWS_MAX;
    replayed_window *windows;
    unsigned         first = most;

    *ret_count = 0;
    *ret_windows = NULL;
    if (!most) return FIRN_OK;
    windows = firn_arena_array(arena, most, sizeof *windows);
    if (!windows) return firn_fail_memory(err, "the windows of a table");
    for (unsigned looked = 0; s && looked < most; looked++, s = table_metadata_snapshot_by_id(table, s->parent_id)) {
        const char     *end = snapshot_summary(s, PROPERTY_POSITION);
        replayed_window window;

        if (!end || !change_position_parse(end, &window.position)) continue; /* a compaction, another writer */
        /* A load, a resync: what it has is not what windows have brought. */
        if (!text_parse_hash(snapshot_summary(s, SUMMARY_WINDOW_HASH), &window.hash)) break;
        if (window.position <= position) break;
        windows[--first] = window;
    }
    *ret_windows = windows + first;
    *ret_count = most - first;
    return FIRN_OK;
}
