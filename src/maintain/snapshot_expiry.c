#include "maintain/snapshot_expiry.h"

#include "base/map.h"

#define MAX_AGE_DEFAULT_MS (INT64_C(5) * 24 * 3600 * 1000)

/* What becomes of a snapshot: values of the map. */
static char referenced, retained;

typedef struct expiry {
    const table_metadata *table;
    int64_t               now_ms, max_age_ms, keep_min, max_ref_age_ms;
    firn_map             *states; /* by snapshot id: reached by a ref (`referenced`), and kept for it (`retained`) */
} expiry;

static void
expiry_done(expiry *e)
{
    firn_map_free(e->states);
}

static firn_status
mark(expiry *e, int64_t id, char *state, firn_error *err)
{
    firn_slice key = firn_slice_of(&id, sizeof id);

    if (firn_map_get(e->states, key) == &retained) return FIRN_OK;
    return firn_map_put(e->states, key, state, err);
}

/* A clock that went back makes an age negative: young. */
static bool
is_older(const expiry *e, const snapshot *s, int64_t max_age_ms)
{
    int64_t age_ms;

    return !__builtin_sub_overflow(e->now_ms, s->timestamp_ms, &age_ms) && age_ms > max_age_ms;
}

static bool
ref_expires(const expiry *e, const snapshot_ref *ref, const snapshot *s)
{
    if (strcmp(ref->name, "main") == 0) return false;
    return is_older(e, s, ref->max_ref_age_ms >= 0 ? ref->max_ref_age_ms : e->max_ref_age_ms);
}

static firn_status
mark_branch(expiry *e, const snapshot_ref *ref, const snapshot *head, firn_error *err)
{
    int64_t  max_age_ms = ref->max_snapshot_age_ms >= 0 ? ref->max_snapshot_age_ms : e->max_age_ms;
    int64_t  keep_min = ref->min_snapshots_to_keep > 0 ? ref->min_snapshots_to_keep : e->keep_min;
    bool     keep = true;
    unsigned steps = 0;

    // A parent chain in a ring would be damage; it ends here all the same.
    for (const snapshot *s = head; s && steps <= e->table->snapshot_count; steps++) {
        keep = keep && (s == head || (int64_t) steps < keep_min || !is_older(e, s, max_age_ms));
        FIRN_TRY(mark(e, s->snapshot_id, keep ? &retained : &referenced, err));
        s = s->parent_id >= 0 ? table_metadata_snapshot_by_id(e->table, s->parent_id) : NULL;
    }
    return FIRN_OK;
}

static firn_status
mark_refs(expiry *e, snapshot_expiry *out, firn_error *err)
{
    for (unsigned i = 0; i < e->table->ref_count; i++) {
        const snapshot_ref *ref = &e->table->refs[i];
        const snapshot     *s = table_metadata_snapshot_by_id(e->table, ref->snapshot_id);

        if (!s) continue; // damage that is not ours to mend
        if (ref_expires(e, ref, s))
            out->refs[out->ref_count++] = ref->name;
        else if (ref->is_branch)
            FIRN_TRY(mark_branch(e, ref, s, err));
        else
            FIRN_TRY(mark(e, s->snapshot_id, &retained, err));
    }
    // Old tables may have no ref for what is current.
    return e->table->current_snapshot ? mark(e, e->table->current_snapshot->snapshot_id, &retained, err) : FIRN_OK;
}

firn_status
snapshot_expiry_decide(const table_metadata *table, int64_t max_age_ms, int64_t keep_min, int64_t now_ms,
                       firn_arena *arena, snapshot_expiry *ret_expiry, firn_error *err)
{
    FIRN_AUTO(expiry_done) expiry e = {.table = table, .now_ms = now_ms, .states = firn_map_new()};
    snapshot_expiry out = {.snapshots = firn_arena_array(arena, (size_t) table->snapshot_count + 1, sizeof(int64_t)),
                           .refs = firn_arena_array(arena, (size_t) table->ref_count + 1, sizeof(char *))};

    if (!e.states || !out.snapshots || !out.refs) return firn_fail_memory(err, "a list of snapshots");
    e.max_age_ms = max_age_ms >= 0 ? max_age_ms
                                   : table_metadata_property_i64(table, "history.expire.max-snapshot-age-ms",
                                                                 MAX_AGE_DEFAULT_MS);
    e.keep_min = keep_min > 0 ? keep_min : table_metadata_property_i64(table, "history.expire.min-snapshots-to-keep", 1);
    e.max_ref_age_ms = table_metadata_property_i64(table, "history.expire.max-ref-age-ms", INT64_MAX);
    FIRN_TRY(mark_refs(&e, &out, err));
    for (unsigned i = 0; i < table->snapshot_count; i++) {
        const snapshot *s = &table->snapshots[i];
        const void     *state = firn_map_get(e.states, firn_slice_of(&s->snapshot_id, sizeof s->snapshot_id));

        if (state == &retained || (!state && !is_older(&e, s, e.max_age_ms))) continue;
        out.snapshots[out.snapshot_count++] = s->snapshot_id;
    }
    *ret_expiry = out;
    return FIRN_OK;
}
