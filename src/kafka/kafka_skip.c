#include "kafka/kafka_skip.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "change/change_stream.h"

/* How far behind an inexact load position a transaction may still be in the load. */
#define INEXACT_BYTES ((uint64_t) 1 << 30)
#define RUNNING_MAX 1000000u
/* A connector that was started again needs longer than this; the rows of one WAL record come together. */
#define RESTART_US ((int64_t) 1000000)

/* ---- the load ---- */

static int
compare_numbers(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *) x, b = *(const uint64_t *) y;

    return a < b ? -1 : a > b;
}

/* The number up to `end`, which is stepped over. */
static bool
take_number(const char **at, char end, uint64_t *ret_number)
{
    size_t size = strcspn(*at, ":,");

    if (!text_parse_u64(firn_slice_of(*at, size), ret_number)) return false;
    *at += size;
    if (**at != end) return false;
    if (end) (*at)++;
    return true;
}

static firn_status
parse_running(const char *at, firn_arena *arena, load_point *point, bool *ret_valid, firn_error *err)
{
    unsigned  count = *at ? 1 : 0;
    uint64_t *running;

    for (const char *p = at; *p; p++) count += *p == ',';
    *ret_valid = count <= RUNNING_MAX;
    if (!*ret_valid || !count) return FIRN_OK;
    if (!(running = firn_arena_array(arena, count, sizeof *running))) return firn_fail_memory(err, "a load's snapshot");
    for (unsigned i = 0; i < count && *ret_valid; i++) *ret_valid = take_number(&at, i + 1 < count ? ',' : 0, &running[i]);
    qsort(running, count, sizeof *running, compare_numbers);
    point->running = running;
    point->running_count = count;
    return FIRN_OK;
}

firn_status
load_point_parse(const char *position, const char *snapshot, bool is_exact, const char *table, firn_arena *arena,
                 load_point *ret_point, firn_error *err)
{
    bool        valid = true;
    const char *at = snapshot;

    *ret_point = (load_point){.is_exact = is_exact};
    if (!position || !*position) return FIRN_OK;
    if (!change_position_parse(position, &ret_point->position) &&
        !text_parse_u64(firn_slice_text(position), &ret_point->position))
        return firn_fail(err, FIRN_E_FOLLOW_POSITION, "the position of table '%s' in the lake is '%.100s', which is none", table, position);
    ret_point->is_known = true;
    if (!snapshot || !*snapshot) return FIRN_OK;
    valid = take_number(&at, ':', &ret_point->xmin) && take_number(&at, ':', &ret_point->xmax);
    if (valid) FIRN_TRY(parse_running(at, arena, ret_point, &valid, err));
    ret_point->has_snapshot = valid;
    return valid ? FIRN_OK
                 : firn_fail(err, FIRN_E_FOLLOW_POSITION, "the property firn.load-snapshot of table '%s' in the lake is '%.100s', which is none",
                             table, snapshot);
}

/* Events have the number without its epoch: the one nearest to the snapshot is meant. */
static uint64_t
with_epoch(uint64_t xid, uint64_t near)
{
    return near + (uint64_t) (int64_t) (int32_t) ((uint32_t) xid - (uint32_t) near);
}

static bool
is_seen(const load_point *point, uint64_t transaction)
{
    uint64_t xid = with_epoch(transaction, point->xmax);

    if (xid < point->xmin) return true;
    if (xid >= point->xmax) return false;
    return !bsearch(&xid, point->running, point->running_count, sizeof xid, compare_numbers);
}

static load_verdict
judge_postgres(const load_point *point, const dbz_source *source)
{
    uint64_t behind = source->last_commit_lsn > source->lsn ? source->last_commit_lsn : source->lsn;

    if (!behind) return LOAD_UNCLEAR;
    if (behind >= point->position && (point->is_exact || behind - point->position > INEXACT_BYTES)) return LOAD_LACKS;
    if (!point->has_snapshot || !source->transaction_number) return behind >= point->position ? LOAD_LACKS : LOAD_UNCLEAR;
    if (is_seen(point, source->transaction_number)) return LOAD_HAS;
    return point->was_followed ? LOAD_UNCLEAR : LOAD_LACKS;
}

load_verdict
load_point_judge(const load_point *point, const dbz_event *event)
{
    if (!point->is_known) return LOAD_LACKS;
    /* Rows of a snapshot that Debezium read before the load say less than the load. */
    if (event->kind == DBZ_READ && event->source.lsn && event->source.lsn < point->position) return LOAD_HAS;
    if (event->source.lsn || event->source.last_commit_lsn) return judge_postgres(point, &event->source);
    uint64_t scn = event->source.commit_scn ? event->source.commit_scn : event->source.scn;
    if (scn) return scn <= point->position ? LOAD_HAS : LOAD_LACKS;
    return LOAD_UNCLEAR;
}

/* ---- duplicates ---- */

static int
compare_orders(const dbz_event *event, const event_order *seen)
{
    const dbz_order *a = &event->order, *b = &seen->order;
    int64_t          time_us = event->source.time_us;

    if ((!a->major || !b->major) && time_us && seen->commit_us && time_us != seen->commit_us) return time_us > seen->commit_us ? 1 : -1;
    return dbz_order_compare(a, b);
}

static void
begin_order(event_order *seen, const dbz_event *event, uint64_t hash)
{
    seen->has_order = true;
    seen->order = event->order;
    seen->commit_us = event->source.time_us;
    seen->count = 1;
    seen->first_hash = hash;
    seen->first_time_us = event->time_us;
    seen->in_repeat = false;
    seen->repeat_count = 0;
}

/* The first event of its order again, later than its fellows could come. */
static bool
begins_repeat(const event_order *seen, const dbz_event *event, uint64_t hash)
{
    if (seen->first_hash != hash) return false;
    return !seen->first_time_us || !event->time_us || event->time_us - seen->first_time_us >= RESTART_US;
}

bool
event_order_repeats(event_order *seen, const dbz_event *event, uint64_t hash)
{
    if (!event->order.is_known || event->kind == DBZ_READ) return false;
    int way = seen->has_order ? compare_orders(event, seen) : 1;
    if (way > 0) {
        begin_order(seen, event, hash);
        return false;
    }
    if (way < 0) {
        seen->in_repeat = true;
        seen->repeat_count = 0;
        return true;
    }
    if (!seen->in_repeat && begins_repeat(seen, event, hash)) {
        seen->in_repeat = true;
        seen->repeat_count = 0;
    }
    if (seen->in_repeat && seen->repeat_count < seen->count) {
        seen->repeat_count++;
        return true;
    }
    seen->in_repeat = false;
    seen->count++;
    return false;
}
