#include "kafka/kafka_skip.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "change/change_stream.h"

/* How far behind an inexact load position a transaction may still be in the load. */
#define INEXACT_BYTES ((uint64_t) 1 << 30)
/* A connector that was started again needs longer than this; the rows of one WAL record come together. */
#define RESTART_US ((int64_t) 1000000)
/* Of two transactions the one that commits first may have the later time by so much: it takes its time before its place in the log. Not
 * more is likely, but for clocks that are set back. */
#define INVERSION_US ((int64_t) 1000000)
#define INVERSION_US_USUAL ((int64_t) 10000)

/* ---- the load ---- */

firn_status
load_point_parse(const char *position, const char *snapshot, bool is_exact, const char *table, firn_arena *arena,
                 load_point *ret_point, firn_error *err)
{
    bool valid = true;

    *ret_point = (load_point){.is_exact = is_exact};
    if (!position || !*position) return FIRN_OK;
    if (!change_position_parse(position, &ret_point->position) &&
        !text_parse_u64(firn_slice_text(position), &ret_point->position))
        return firn_fail(err, FIRN_E_FOLLOW_POSITION, "the position of table '%s' in the lake is '%.100s', which is none", table, position);
    ret_point->is_known = true;
    if (!snapshot || !*snapshot) return FIRN_OK;
    FIRN_TRY(transaction_snapshot_parse(snapshot, arena, &ret_point->snapshot, &valid, err));
    ret_point->has_snapshot = valid;
    return valid ? FIRN_OK
                 : firn_fail(err, FIRN_E_FOLLOW_POSITION, "the property firn.load-snapshot of table '%s' in the lake is '%.100s', which is none",
                             table, snapshot);
}

/* A position up to the next space, which is stepped over. */
static bool
take_position(const char **at, uint64_t *ret_position)
{
    char   text[CHANGE_POSITION_TEXT_MAX];
    size_t size = strcspn(*at, " ");

    if (size >= sizeof text || (*at)[size] != ' ') return false;
    memcpy(text, *at, size);
    text[size] = 0;
    *at += size + 1;
    return change_position_parse(text, ret_position);
}

firn_status
load_point_follow(load_point *point, const char *load_position, const char *applied, firn_arena *arena, firn_error *err)
{
    uint64_t load = 0, of = 0;

    point->was_followed = true;
    if (load_position && change_position_parse(load_position, &load) && load == point->position) {
        point->knows_applied = true; /* no change since */
        return FIRN_OK;
    }
    /* Of another position it says nothing. */
    if (!applied || !take_position(&applied, &of) || of != point->position || !take_position(&applied, &point->applied_since)) return FIRN_OK;
    return transaction_list_parse(applied, arena, &point->applied, &point->applied_count, &point->knows_applied, err);
}

static bool
is_applied(const load_point *point, uint64_t transaction)
{
    return point->knows_applied && transaction_list_has(point->applied, point->applied_count, (uint32_t) transaction);
}

static load_verdict
judge_postgres(const load_point *point, const dbz_source *source)
{
    uint64_t behind = source->last_commit_lsn > source->lsn ? source->last_commit_lsn : source->lsn;

    if (!behind) return LOAD_UNCLEAR;
    if (behind >= point->position && (point->is_exact || behind - point->position > INEXACT_BYTES)) return LOAD_LACKS;
    if (source->transaction_number && is_applied(point, source->transaction_number)) return LOAD_HAS;
    if (!point->has_snapshot || !source->transaction_number) return behind >= point->position ? LOAD_LACKS : LOAD_UNCLEAR;
    if (transaction_snapshot_sees(&point->snapshot, transaction_snapshot_near(&point->snapshot, (uint32_t) source->transaction_number))) return LOAD_HAS;
    if (!point->was_followed) return LOAD_LACKS;
    return point->knows_applied && behind >= point->applied_since ? LOAD_LACKS : LOAD_UNCLEAR;
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

/* A flattened row says when Debezium made it, and its number in what was sent of its transaction. */
static uint64_t
hash_of_row(const dbz_event *e, firn_slice row)
{
    jscan    s = jscan_of(row);
    jtoken   name, value;
    uint64_t hash = 0;

    if (!e->is_flattened || e->avro_value || !row.data || !jscan_enter(&s, JTOKEN_OBJECT)) return firn_hash_bytes(row.data, row.size);
    while (jscan_member(&s, &name) && jscan_value(&s, &value)) {
        bool is_of_sending = (name.text.size > 5 && memcmp(name.text.data, "__ts_", 5) == 0) || (name.text.size > 14 && memcmp(name.text.data, "__transaction_", 14) == 0);
        if (!is_of_sending) hash = firn_hash_fold(hash ^ firn_hash_bytes(value.text.data, value.text.size), FIRN_HASH_KEY_B);
    }
    return hash;
}

uint64_t
event_content_hash(const dbz_event *e)
{
    return hash_of_row(e, e->after) ^ firn_hash_fold(hash_of_row(e, e->before), FIRN_HASH_KEY_A) ^
           firn_hash_fold(firn_hash_bytes(e->key.data, e->key.size) + (uint64_t) e->kind, FIRN_HASH_KEY_C);
}

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

void
event_order_begin_again(event_order *seen)
{
    seen->in_repeat = true;
    seen->repeat_count = 0;
}

bool
event_goes_back(const dbz_event *event, const dbz_event *last)
{
    event_order seen = {0};

    if (!event->order.is_known || !last->order.is_known) return false;
    begin_order(&seen, last, 0);
    int way = compare_orders(event, &seen);
    return way < 0 || (way == 0 && event->kind == last->kind);
}

/* By its time the event is older, but that is not sure: its place in the log is behind, or the times are hardly apart. */
static bool
may_be_new(const event_order *seen, const dbz_event *event, bool is_keyed)
{
    const dbz_order *a = &event->order, *b = &seen->order;
    int64_t          behind_us = seen->commit_us - event->source.time_us;

    if ((a->major && b->major) || !event->source.time_us || !seen->commit_us || behind_us <= 0) return false;
    return is_keyed ? a->minor > b->minor || behind_us <= INVERSION_US_USUAL : a->minor > b->minor && behind_us <= INVERSION_US;
}

event_novelty
event_order_judge(event_order *seen, const dbz_event *event, uint64_t hash, bool is_keyed)
{
    if (!event->order.is_known || event->kind == DBZ_READ) return EVENT_NEW;
    if (event->is_flattened && !event->order.is_whole) return EVENT_NEW; /* a lower LSN may be one of a transaction that began before */
    int way = seen->has_order ? compare_orders(event, seen) : 1;
    if (way < 0 && may_be_new(seen, event, is_keyed)) {
        if (!is_keyed) return EVENT_UNCLEAR;
        way = 1;
    }
    if (way > 0) {
        begin_order(seen, event, hash);
        return EVENT_NEW;
    }
    if (way < 0) {
        event_order_begin_again(seen);
        return EVENT_REPEATS;
    }
    if (!seen->in_repeat && begins_repeat(seen, event, hash)) event_order_begin_again(seen);
    if (seen->in_repeat && seen->repeat_count < seen->count) {
        seen->repeat_count++;
        return EVENT_REPEATS;
    }
    seen->in_repeat = false;
    seen->count++;
    return EVENT_NEW;
}
