#include "follow/applied_transactions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "change/change_stream.h"
#include "state/table_properties.h"

#define TEXT_BYTES_MAX ((size_t) 64 << 10)

void
applied_transactions_add(applied_transactions *a, uint32_t xid, uint64_t commit_position)
{
    unsigned at = (unsigned) (a->count++ % APPLIED_MAX);

    if (a->count > APPLIED_MAX) a->dropped_until = a->commits[at];
    a->xids[at] = xid;
    a->commits[at] = commit_position;
}

/* ---- what the table said before ---- */

typedef struct applied_before {
    char        since[CHANGE_POSITION_TEXT_MAX];
    const char *xids; /* borrowed; "": none */
    unsigned    count;
} applied_before;

static bool
same_position(const char *x, const char *y)
{
    uint64_t a, b;

    return x && y && change_position_parse(x, &a) && change_position_parse(y, &b) && a == b;
}

/* What it says is of another position: nothing is known but that the table has all up to its own. */
static applied_before
read_before(const table_metadata *base)
{
    const char    *text = table_metadata_property(base, PROPERTY_APPLIED), *position = table_metadata_property(base, PROPERTY_POSITION);
    const char    *load = table_metadata_property(base, PROPERTY_LOAD_POSITION);
    applied_before before = {.xids = ""};
    char           of[CHANGE_POSITION_TEXT_MAX];
    int            used = 0;

    if (text && sscanf(text, "%23s %23s %n", of, before.since, &used) == 2 && used && same_position(of, position)) {
        before.xids = text + used;
        before.count = *before.xids != 0;
        for (const char *p = before.xids; *p; p++) before.count += *p == ',';
        return before;
    }
    (void) snprintf(before.since, sizeof before.since, "%s", !position || same_position(position, load) ? "0/0" : position);
    return before;
}

firn_status
applied_transactions_text(const applied_transactions *a, const table_metadata *base, const char *position, firn_arena *arena,
                          const char **ret_text, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    applied_before before = read_before(base);
    uint64_t       kept = a->count < APPLIED_MAX ? a->count : APPLIED_MAX;
    const char    *comma = "";

    if (a->dropped_until) change_position_format(a->dropped_until, before.since);
    else if (before.count + kept > APPLIED_MAX) /* all that the table had, it had at its position */
        (void) snprintf(before.since, sizeof before.since, "%s", table_metadata_property(base, PROPERTY_POSITION));
    bool drops = a->dropped_until || before.count + kept > APPLIED_MAX;
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    FIRN_TRY(firn_buffer_printf(&text, err, "%s %s ", position, before.since));
    if (!drops && before.count) {
        FIRN_TRY(firn_buffer_add_text(&text, before.xids, err));
        comma = ",";
    }
    for (uint64_t i = a->count - kept; i < a->count; i++) {
        FIRN_TRY(firn_buffer_printf(&text, err, "%s%" PRIu32, comma, a->xids[i % APPLIED_MAX]));
        comma = ",";
    }
    *ret_text = firn_arena_text(arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a table's transactions");
}
