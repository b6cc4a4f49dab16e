#include "iceberg/snapshot_removal.h"

#include "base/map.h"

typedef struct removal {
    const table_change *change;
    table_metadata     *draft;
    firn_arena         *arena;
    firn_map           *ids; /* of the snapshots that go, as 8 bytes */
} removal;

static void
removal_done(removal *r)
{
    firn_map_free(r->ids);
}

static bool
goes(const removal *r, int64_t snapshot_id)
{
    return firn_map_get(r->ids, firn_slice_of(&snapshot_id, sizeof snapshot_id)) != NULL;
}

static bool
ref_goes(const removal *r, const char *name)
{
    for (unsigned i = 0; i < r->change->removed_ref_count; i++) {
        if (strcmp(r->change->removed_refs[i], name) == 0) return true;
    }
    return r->change->merged_branch && strcmp(r->change->merged_branch, name) == 0;
}

static firn_status
no_memory(firn_error *err)
{
    return firn_fail_memory(err, "table metadata");
}

static firn_status
remove_refs(removal *r, firn_error *err)
{
    table_metadata *draft = r->draft;
    snapshot_ref   *refs = firn_arena_array(r->arena, (size_t) draft->ref_count + 1, sizeof *refs);
    unsigned        count = 0;

    if (!refs) return no_memory(err);
    for (unsigned i = 0; i < draft->ref_count; i++) {
        const snapshot_ref *ref = &draft->refs[i];

        if (ref_goes(r, ref->name)) continue;
        if (goes(r, ref->snapshot_id))
            return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "snapshot %lld cannot expire: '%s' names it",
                             (long long) ref->snapshot_id, ref->name);
        refs[count++] = *ref;
    }
    draft->refs = refs;
    draft->ref_count = count;
    return FIRN_OK;
}

static firn_status
remove_snapshots(removal *r, firn_error *err)
{
    table_metadata     *draft = r->draft;
    int64_t             current_id = draft->current_snapshot ? draft->current_snapshot->snapshot_id : -1;
    snapshot           *snapshots = firn_arena_array(r->arena, (size_t) draft->snapshot_count + 1, sizeof *snapshots);
    snapshot_log_entry *log = firn_arena_array(r->arena, (size_t) draft->snapshot_log_count + 1, sizeof *log);
    unsigned            count = 0, log_count = 0;

    if (!snapshots || !log) return no_memory(err);
    if (goes(r, current_id))
        return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "snapshot %lld cannot expire: it is the current one",
                         (long long) current_id);
    for (unsigned i = 0; i < draft->snapshot_count; i++) {
        if (!goes(r, draft->snapshots[i].snapshot_id)) snapshots[count++] = draft->snapshots[i];
    }
    for (unsigned i = 0; i < draft->snapshot_log_count; i++) {
        log[log_count++] = draft->snapshot_log[i];
        if (goes(r, draft->snapshot_log[i].snapshot_id)) log_count = 0;
    }
    draft->snapshots = snapshots;
    draft->snapshot_count = count;
    draft->snapshot_log = log;
    draft->snapshot_log_count = log_count;
    for (unsigned i = 0; i < count; i++) {
        if (snapshots[i].snapshot_id == current_id) draft->current_snapshot = &snapshots[i];
    }
    return FIRN_OK;
}

/* "statistics", "partition-statistics": arrays of objects with a "snapshot-id". */
static firn_status
filter_member(removal *r, metadata_member *member, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer item = {0};
    const jvalue *array;
    jwriter       w;

    FIRN_TRY(jdoc_parse(firn_slice_text(member->raw), member->key, &doc, err));
    array = jdoc_root(doc);
    if (jkind_of(array) != JARRAY) return FIRN_OK;
    firn_buffer_init(&out, TABLE_METADATA_SIZE_MAX);
    firn_buffer_init(&item, TABLE_METADATA_SIZE_MAX);
    jwrite_begin(&w, &out, false, err);
    jwrite_array(&w);
    for (size_t i = 0; i < jcount(array); i++) {
        int64_t id;

        if (jinteger(jget(jat(array, i), "snapshot-id"), &id) && goes(r, id)) continue;
        firn_buffer_reset(&item);
        FIRN_TRY(jvalue_add_text(jat(array, i), &item, err));
        FIRN_TRY(firn_buffer_add_byte(&item, 0, err));
        jwrite_raw(&w, (const char *) item.data);
    }
    jwrite_array_end(&w);
    FIRN_TRY(jwrite_end(&w));
    member->raw = firn_arena_text(r->arena, firn_buffer_slice(&out));
    return member->raw ? FIRN_OK : no_memory(err);
}

static firn_status
remove_statistics(removal *r, firn_error *err)
{
    table_metadata  *draft = r->draft;
    metadata_member *members = firn_arena_array(r->arena, (size_t) draft->member_count + 1, sizeof *members);

    if (!members) return no_memory(err);
    for (unsigned i = 0; i < draft->member_count; i++) {
        members[i] = draft->members[i];
        if (strcmp(members[i].key, "statistics") == 0 || strcmp(members[i].key, "partition-statistics") == 0)
            FIRN_TRY(filter_member(r, &members[i], err));
    }
    draft->members = members;
    return FIRN_OK;
}

firn_status
snapshot_removal_apply(const table_change *change, table_metadata *draft, firn_arena *arena, firn_error *err)
{
    FIRN_AUTO(removal_done) removal r = {.change = change, .draft = draft, .arena = arena, .ids = firn_map_new()};

    if (!r.ids) return no_memory(err);
    for (unsigned i = 0; i < change->removed_snapshot_count; i++)
        FIRN_TRY(firn_map_put(r.ids, firn_slice_of(&change->removed_snapshots[i], sizeof(int64_t)), &r, err));
    FIRN_TRY(remove_refs(&r, err));
    FIRN_TRY(remove_snapshots(&r, err));
    return remove_statistics(&r, err);
}
