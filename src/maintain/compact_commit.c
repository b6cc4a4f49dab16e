#include "maintain/compact_commit.h"

#include "base/crash_point.h"
#include "base/map.h"
#include "catalog/commit.h"
#include "iceberg/live_files.h"
#include "iceberg/position_delete.h"

/* Values of the maps: only their addresses count. */
static char present;

typedef struct commit_state {
    compact_round *r;
    firn_arena     arena; /* of the last decision */
    table_property summary[MAINTAIN_SUMMARY_MAX];
    bool           nothing_left;
} commit_state;

static void
commit_state_done(commit_state *s)
{
    firn_arena_done(&s->arena);
}

/* ---- what the base has ---- */

/* A delete file, or one vector of a file that holds many. */
static firn_status
delete_key(const data_file *file, firn_buffer *out, firn_error *err)
{
    firn_buffer_reset(out);
    return firn_buffer_printf(out, err, "%lld:%s", (long long) file->content_offset, file->path);
}

typedef struct base_view {
    firn_map             *data;    /* paths of live data files */
    firn_map             *deletes; /* keys of live deletes */
    const manifest_entry *added;   /* deletes that were not planned with */
    size_t                added_count;
    firn_buffer           key;
} base_view;

static void
base_view_done(base_view *v)
{
    firn_map_free(v->data);
    firn_map_free(v->deletes);
    firn_buffer_done(&v->key);
}

/* Keys of all deletes that the plan knew: of its tasks, and of the whole snapshot. */
static firn_status
planned_deletes(const compact_round *r, firn_arena *arena, firn_map *ret_keys, firn_buffer *key, firn_error *err)
{
    live_files live;

    FIRN_TRY(live_files_read(r->table, r->table->current_snapshot, r->t->lake->files, arena, &live, err));
    for (size_t i = 0; i < live.delete_count; i++) {
        FIRN_TRY(delete_key(&live.deletes[i].file, key, err));
        FIRN_TRY(firn_map_put(ret_keys, firn_buffer_slice(key), &present, err));
    }
    return FIRN_OK;
}

static firn_status
view_base(const compact_round *r, const table_metadata *base, firn_arena *arena, base_view *v, firn_error *err)
{
    FIRN_AUTO(firn_map_freep) firn_map *planned = firn_map_new();
    live_files      live;
    manifest_entry *added;

    v->data = firn_map_new();
    v->deletes = firn_map_new();
    firn_buffer_init(&v->key, 1 << 20);
    if (!planned || !v->data || !v->deletes) return firn_fail_memory(err, "a list of files");
    FIRN_TRY(planned_deletes(r, arena, planned, &v->key, err));
    FIRN_TRY(live_files_read(base, base->current_snapshot, r->t->lake->files, arena, &live, err));
    added = firn_arena_array(arena, live.delete_count + 1, sizeof *added);
    if (!added) return firn_fail_memory(err, "a list of files");
    for (size_t i = 0; i < live.data_count; i++)
        FIRN_TRY(firn_map_put(v->data, firn_slice_text(live.data[i].file.path), &present, err));
    for (size_t i = 0; i < live.delete_count; i++) {
        FIRN_TRY(delete_key(&live.deletes[i].file, &v->key, err));
        FIRN_TRY(firn_map_put(v->deletes, firn_buffer_slice(&v->key), &present, err));
        if (!firn_map_get(planned, firn_buffer_slice(&v->key))) added[v->added_count++] = live.deletes[i];
    }
    v->added = added;
    return FIRN_OK;
}

/* ---- whether a group stands on it ---- */

static bool
same_partition(const data_file *a, const data_file *b)
{
    if (a->spec_id != b->spec_id || a->partition_count != b->partition_count) return false;
    for (unsigned i = 0; i < a->partition_count; i++) {
        if (!a->partition[i].data != !b->partition[i].data || !firn_slice_equal(a->partition[i], b->partition[i])) return false;
    }
    return true;
}

/*
 * Whether a delete that the plan did not know may be of rows that were rewritten. Equality deletes go on applying, since
 * the new files are no newer than what was planned on; but a sequence number of 0 cannot be said in a commit.
 */
static bool
may_touch(const compact_round *r, const manifest_entry *added, const data_file *data)
{
    firn_slice target;

    if (added->file.content == DATA_FILE_EQUALITY_DELETES) return r->table->current_snapshot->sequence_number == 0;
    target = delete_file_target(&added->file);
    if (target.data) return firn_slice_equal(target, firn_slice_text(data->path));
    return same_partition(&added->file, data);
}

static firn_status
stands(const compact_round *r, const compact_group *group, base_view *v, bool *ret_stands, firn_error *err)
{
    *ret_stands = false;
    for (unsigned i = 0; i < group->file_count; i++) {
        const compact_file *file = group->files[i];

        if (!firn_map_get(v->data, firn_slice_text(file->data->file.path))) return FIRN_OK;
        for (unsigned k = 0; k < file->delete_count; k++) {
            FIRN_TRY(delete_key(&file->deletes[k]->file, &v->key, err));
            if (!firn_map_get(v->deletes, firn_buffer_slice(&v->key))) return FIRN_OK;
        }
        for (size_t k = 0; k < v->added_count; k++) {
            if (may_touch(r, &v->added[k], &file->data->file)) return FIRN_OK;
        }
    }
    *ret_stands = true;
    return FIRN_OK;
}

static firn_status
look_at(commit_state *s, const table_metadata *base, firn_error *err)
{
    compact_round *r = s->r;
    FIRN_AUTO(base_view_done) base_view v = {0};
    bool same = base->current_snapshot && base->current_snapshot->snapshot_id == r->table->current_snapshot->snapshot_id;

    if (!base->uuid || !r->table->uuid || strcmp(base->uuid, r->table->uuid) != 0)
        return firn_fail(err, FIRN_E_CATALOG_FILE_GONE, "the table '%s' was dropped and made again meanwhile",
                         r->t->ident->name);
    if (!same) FIRN_TRY(view_base(r, base, &s->arena, &v, err));
    for (size_t i = 0; i < r->end - r->begin; i++) {
        bool good = true;

        if (!same) FIRN_TRY(stands(r, r->outputs[i].group, &v, &good, err));
        r->outputs[i].is_dropped = !good;
    }
    return FIRN_OK;
}

/* ---- the change ---- */

static firn_status
make_change(commit_state *s, table_change *change, firn_error *err)
{
    compact_round *r = s->r;
    size_t         group_count = 0, added_capacity = 0, removed_capacity = 0;
    data_file     *added;
    const char   **removed;

    for (size_t i = 0; i < r->end - r->begin; i++) {
        added_capacity += r->outputs[i].files.count;
        removed_capacity += r->outputs[i].group->file_count;
    }
    added = firn_arena_array(&s->arena, added_capacity + 1, sizeof *added);
    removed = firn_arena_array(&s->arena, removed_capacity + 1, sizeof *removed);
    if (!added || !removed) return firn_fail_memory(err, "a commit");
    *change = (table_change){.commit_id = r->commit_id,
                             .operation = "replace",
                             .added = added,
                             .added_sequence_number = r->table->current_snapshot->sequence_number,
                             .removed_paths = removed};
    for (size_t i = 0; i < r->end - r->begin; i++) {
        const compact_output *o = &r->outputs[i];

        if (o->is_dropped) continue;
        group_count++;
        for (unsigned k = 0; k < o->files.count; k++) added[change->added_count++] = o->files.files[k];
        for (unsigned k = 0; k < o->group->file_count; k++)
            removed[change->removed_path_count++] = o->group->files[k]->data->file.path;
    }
    change->summary = s->summary;
    change->summary_count = maintain_task_summary(r->t, "compact", s->summary);
    r->committed_group_count = (int64_t) group_count;
    s->nothing_left = group_count == 0;
    return FIRN_OK;
}

static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    commit_state *s = state;

    if (!base)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table '%s' was dropped meanwhile",
                         s->r->t->ident->name);
    firn_arena_reset(&s->arena);
    FIRN_TRY(look_at(s, base, err));
    FIRN_TRY(make_change(s, ret_change, err));
    if (s->nothing_left) // not a conflict: another attempt would not help
        return firn_fail(err, FIRN_E_RESULTS_INCOMPLETE, "other writers have changed all the files that were rewritten");
    return FIRN_OK;
}

firn_status
compact_commit(compact_round *r, firn_error *err)
{
    FIRN_AUTO(commit_state_done) commit_state s = {.r = r};
    table_metadata *now = NULL;
    pending_files  *pending = r->t->settings->pending;
    char            commit_id[UUID_TEXT_SIZE];
    firn_status     status;

    uuid_format(r->commit_id, commit_id);
    firn_crash_point("compact.after-files");
    if (pending) FIRN_TRY(pending_files_offer(pending, commit_id, err));
    status = catalog_commit_decided(r->t->lake, r->t->ident, decide, &s, r->t->cancel, &now, err);
    if (status && s.nothing_left) {
        firn_error_reset(err);
        r->committed_group_count = 0;
        return maintain_task_reload(r->t, err);
    }
    FIRN_TRY(status);
    firn_crash_point("compact.after-commit");
    maintain_task_take(r->t, now);
    return pending ? pending_files_end(pending, commit_id, err) : FIRN_OK;
}
