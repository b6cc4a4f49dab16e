#include "index/index_rebuild.h"

#include <stdio.h>

#include "base/alloc.h"
#include "index/key_codec.h"
#include "scan/scan_reader.h"

#define POSITION_KEY "firn.position"
#define COMMIT_KEY "firn.commit-id"
#define BATCH_ROWS 16384

typedef struct reading {
    const index_rebuild_settings *settings;
    table_schema                 *columns; /* those of the key */
    key_codec                    *codec;
    scan_settings                 scan;
    scan_plan                    *plan;
    key_hash                     *hashes;
    key_change                   *changes;
    uint64_t                      rows_done, rows_all;
    firn_error                   *err;
} reading;

static void
reading_done(reading *r)
{
    scan_plan_free(r->plan);
    key_codec_free(r->codec);
    schema_unref(r->columns);
    firn_free(r->hashes);
    firn_free(r->changes);
}

/* The key's columns alone, so that nothing else is read. */
static firn_status
make_codec(reading *r)
{
    const index_rebuild_settings *s = r->settings;
    table_schema                 *schema = s->table->schema;
    FIRN_AUTO(firn_freep) schema_field *fields = firn_calloc((size_t) s->key_count + 1, sizeof *fields);

    if (!fields) return firn_fail_memory(r->err, "the key index");
    if (s->key_count == 0) {
        r->columns = schema_ref(schema);
        return key_codec_new(r->columns, NULL, 0, &r->codec, r->err);
    }
    for (unsigned i = 0; i < s->key_count; i++) {
        unsigned column = 0;

        while (column < schema->field_count && schema->fields[column].id != s->key_ids[i]) column++;
        if (column == schema->field_count)
            return firn_fail(r->err, FIRN_E_ICEBERG_UNSUPPORTED, "'%s' has no column with the field id %d of its key",
                             s->table->location, s->key_ids[i]);
        fields[i] = schema->fields[column];
    }
    FIRN_TRY(schema_new(0, fields, s->key_count, NULL, 0, false, &r->columns, r->err));
    return key_codec_new(r->columns, s->key_ids, s->key_count, &r->codec, r->err);
}

static firn_status
reading_init(reading *r)
{
    const index_rebuild_settings *s = r->settings;
    int64_t                       row_count = table_metadata_record_count(s->table);

    FIRN_TRY(make_codec(r));
    r->scan = (scan_settings){.files = s->files, .table = s->table, .snap = s->table->current_snapshot,
                              .columns = r->columns, .batch_rows = BATCH_ROWS, .memory_bytes_max = s->memory_bytes_max,
                              .cancel = s->cancel};
    r->rows_all = row_count > 0 ? (uint64_t) row_count : 0;
    r->hashes = firn_alloc(BATCH_ROWS * sizeof *r->hashes);
    r->changes = firn_alloc(BATCH_ROWS * sizeof *r->changes);
    if (!r->hashes || !r->changes) return firn_fail_memory(r->err, "the key index");
    return scan_plan_open(&r->scan, &r->plan, r->err);
}

static firn_status
fill_state(const reading *r, index_state *ret_state)
{
    const table_metadata *t = r->settings->table;
    const char           *position = table_metadata_property(t, POSITION_KEY);
    const char           *commit = table_metadata_property(t, COMMIT_KEY);
    index_state           state = {.snapshot_id = t->current_snapshot ? t->current_snapshot->snapshot_id : -1,
                                   .key_shape = key_codec_shape(r->codec)};

    if (!uuid_parse(firn_slice_text(t->uuid), &state.table_uuid))
        return firn_fail(r->err, FIRN_E_ICEBERG_METADATA, "the table '%s' has no valid UUID", t->location);
    if (!commit || !uuid_parse(firn_slice_text(commit), &state.commit_id)) state.commit_id = (firn_uuid){{0}};
    if (position && strlen(position) < sizeof state.position)
        (void) snprintf(state.position, sizeof state.position, "%s", position);
    *ret_state = state;
    return FIRN_OK;
}

firn_status
index_state_of_table(const index_rebuild_settings *settings, index_state *ret_state, firn_error *err)
{
    FIRN_AUTO(reading_done) reading r = {.settings = settings, .err = err};

    FIRN_TRY(make_codec(&r));
    return fill_state(&r, ret_state);
}

typedef firn_status (*take_changes)(void *state, const key_change changes[], size_t count, firn_error *err);

/* The keys of one data file's live rows, by batches. */
static firn_status
read_task(reading *r, const scan_task *task, const key_seed *seed, uint32_t file, take_changes take, void *state)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *rows = NULL;

    if ((uint64_t) task->data->file.record_count > KEY_PLACE_ROW_MAX)
        return firn_fail(r->err, FIRN_E_INDEX_LIMIT, "'%s' has more rows than a key index can number",
                         task->data->file.path);
    FIRN_TRY(scan_task_open(&r->scan, task, &rows, r->err));
    for (;;) {
        FIRN_AUTO(batch_done) batch b = {0};
        const uint64_t *positions;
        int64_t         count;

        FIRN_TRY(batch_reader_next(rows, &b, r->err));
        count = batch_row_count(&b);
        if (!b.array.release) break;
        assert(count <= BATCH_ROWS);
        positions = scan_reader_positions(rows);
        FIRN_TRY(key_codec_hash(r->codec, seed, &b.array, r->hashes, r->err));
        for (int64_t i = 0; i < count; i++)
            r->changes[i] = (key_change){r->hashes[i], key_place(file, positions[i])};
        FIRN_TRY(take(state, r->changes, (size_t) count, r->err));
        r->rows_done += (uint64_t) count;
        if (r->settings->progress) r->settings->progress(r->settings->progress_state, r->rows_done, r->rows_all);
    }
    return FIRN_OK;
}

/* ---- anew ---- */

static firn_status
take_into_builder(void *state, const key_change changes[], size_t count, firn_error *err)
{
    return key_index_builder_add(state, changes, count, err);
}

static firn_status
rebuild(reading *r, key_index_builder *b)
{
    for (;;) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        scan_task task;
        uint32_t  file;
        bool      more;

        FIRN_TRY(scan_plan_next(r->plan, &arena, &task, &more, r->err));
        if (!more) return FIRN_OK;
        FIRN_TRY(key_index_builder_add_file(b, task.data->file.path, &file, r->err));
        FIRN_TRY(read_task(r, &task, key_index_builder_seed(b), file, take_into_builder, b));
    }
}

static key_index_settings
index_settings(const index_rebuild_settings *settings)
{
    key_index_settings s = settings->index;

    s.copies = settings->key_count == 0;
    return s;
}

firn_status
index_rebuild(const index_rebuild_settings *settings, key_index **ret_index, firn_error *err)
{
    FIRN_AUTO(reading_done) reading r = {.settings = settings, .err = err};
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = NULL;
    key_index_settings index = index_settings(settings);
    index_state        state;

    if (reading_init(&r) || fill_state(&r, &state) || key_index_builder_new(&index, &b, err) || rebuild(&r, b) ||
        key_index_builder_finish(b, &state, ret_index, err))
        return firn_while(err, "building the key index of '%s'", settings->table->location);
    return FIRN_OK;
}

/* ---- catching up ---- */

/* The new data files of one window with their rows' keys. */
typedef struct new_files {
    key_index   *index;
    const char **paths;
    unsigned     count, capacity;
    key_change  *changes;
    size_t       change_count, change_capacity;
} new_files;

static void
new_files_done(new_files *n)
{
    firn_free(n->paths);
    firn_free(n->changes);
}

static firn_status
take_into_window(void *state, const key_change changes[], size_t count, firn_error *err)
{
    new_files *n = state;

    if (n->change_capacity - n->change_count < count) {
        size_t      capacity = n->change_capacity + n->change_capacity / 2 + count + BATCH_ROWS;
        key_change *room = firn_realloc(n->changes, capacity * sizeof *room);

        if (!room) return firn_fail_memory(err, "the key index");
        n->changes = room;
        n->change_capacity = capacity;
    }
    memcpy(n->changes + n->change_count, changes, count * sizeof *changes);
    n->change_count += count;
    return FIRN_OK;
}

static firn_status
add_path(new_files *n, const char *path, firn_error *err)
{
    if (n->count == n->capacity) {
        unsigned     capacity = n->capacity ? n->capacity * 2 : 64;
        const char **paths = firn_realloc(n->paths, capacity * sizeof(const char *));

        if (!paths) return firn_fail_memory(err, "the key index");
        n->paths = paths;
        n->capacity = capacity;
    }
    n->paths[n->count++] = path;
    return FIRN_OK;
}

/* Whole files only, still under the old snapshot: a crash in between leaves an index that goes on from there. */
static firn_status
apply_new(new_files *n, firn_error *err)
{
    index_state      state = *key_index_state(n->index);
    key_index_window window = {.state = &state, .added_files = n->paths, .added_file_count = n->count,
                               .changes = n->changes, .change_count = n->change_count};

    if (n->count == 0) return FIRN_OK;
    FIRN_TRY(key_index_apply(n->index, &window, err));
    n->count = 0;
    n->change_count = 0;
    return FIRN_OK;
}

static firn_status
add_new_files(reading *r, const scan_task tasks[], size_t count, new_files *n)
{
    size_t   change_count_max = r->settings->memory_bytes_max / sizeof(key_change) / 2;
    uint32_t file;

    for (size_t i = 0; i < count; i++) {
        const char *path = tasks[i].data->file.path;

        if (file_registry_find(key_index_files(n->index), path, &file)) continue;
        if (n->change_count > 0 && n->change_count + (size_t) tasks[i].data->file.record_count > change_count_max)
            FIRN_TRY(apply_new(n, r->err));
        file = file_registry_next(key_index_files(n->index)) + n->count;
        FIRN_TRY(read_task(r, &tasks[i], key_index_seed(n->index), file, take_into_window, n));
        FIRN_TRY(add_path(n, path, r->err));
    }
    return apply_new(n, r->err);
}

/* What is left in the registry, but not in the table, goes; with that the index stands for the snapshot. */
static firn_status
remove_gone(reading *r, const scan_task tasks[], size_t count, const index_state *state, key_index *index)
{
    const file_registry *files = key_index_files(index);
    uint32_t             first = 0, number, span, gone_count = 0;
    FIRN_AUTO(firn_freep) uint32_t *gone = firn_calloc(file_registry_count(files) + 1, sizeof *gone);
    FIRN_AUTO(firn_freep) bool     *stays = NULL;
    key_index_window window = {.state = state, .removed_files = gone};

    (void) file_registry_from(files, 0, &first);
    span = file_registry_next(files) - first;
    stays = firn_calloc((size_t) span + 1, sizeof *stays);
    if (!gone || !stays) return firn_fail_memory(r->err, "the key index");
    for (size_t i = 0; i < count; i++) {
        if (file_registry_find(files, tasks[i].data->file.path, &number)) stays[number - first] = true;
    }
    for (uint32_t at = first; file_registry_from(files, at, &number); at = number + 1) {
        if (!stays[number - first]) gone[gone_count++] = number;
    }
    window.removed_file_count = gone_count;
    return key_index_apply(index, &window, r->err);
}

static firn_status
catch_up(reading *r, key_index *index, bool *ret_done)
{
    const index_state *is = key_index_state(index);
    index_state        wanted;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(new_files_done) new_files n = {.index = index};
    const scan_task *tasks;
    size_t           count;

    FIRN_TRY(make_codec(r));
    FIRN_TRY(fill_state(r, &wanted));
    *ret_done = false;
    if (memcmp(&is->table_uuid, &wanted.table_uuid, sizeof wanted.table_uuid) != 0) return FIRN_OK;
    if (is->key_shape != wanted.key_shape) return FIRN_OK;
    *ret_done = true;
    if (is->snapshot_id == wanted.snapshot_id) return FIRN_OK;
    /* Rows that a rollback brought back are in files that the index knows already: it cannot see them. */
    *ret_done = r->settings->key_count > 0 &&
                (is->snapshot_id == -1 ||
                 table_metadata_descends_from(r->settings->table, r->settings->table->current_snapshot, is->snapshot_id));
    if (!*ret_done) return FIRN_OK;
    key_codec_free(FIRN_STEAL(r->codec));
    schema_unref(FIRN_STEAL(r->columns));
    FIRN_TRY(reading_init(r));
    FIRN_TRY(scan_plan_rest(r->plan, &arena, &tasks, &count, r->err));
    FIRN_TRY(add_new_files(r, tasks, count, &n));
    return remove_gone(r, tasks, count, &wanted, index);
}

firn_status
index_catch_up(const index_rebuild_settings *settings, key_index *index, bool *ret_done, firn_error *err)
{
    FIRN_AUTO(reading_done) reading r = {.settings = settings, .err = err};

    if (catch_up(&r, index, ret_done))
        return firn_while(err, "bringing the key index of '%s' up to its current snapshot", settings->table->location);
    return FIRN_OK;
}

firn_status
index_open_current(const index_rebuild_settings *settings, key_index **ret_index, bool *ret_rebuilt, firn_error *err)
{
    FIRN_AUTO(key_index_freep) key_index *index = NULL;
    key_index_settings of_index = index_settings(settings);
    firn_status        status = key_index_open(&of_index, &index, err);
    bool               done = false;

    *ret_rebuilt = false;
    if (status == FIRN_OK) status = index_catch_up(settings, index, &done, err);
    if (done && status == FIRN_OK) {
        *ret_index = FIRN_STEAL(index);
        return FIRN_OK;
    }
    if (status != FIRN_OK && err->code != FIRN_E_INDEX_MISSING && err->code != FIRN_E_INDEX_DAMAGED &&
        err->code != FIRN_E_INDEX_LIMIT)
        return status;
    if (settings->building)
        settings->building(settings->building_state,
                           status == FIRN_OK                    ? "the table has changed beside us: building the key index anew"
                           : err->code == FIRN_E_INDEX_MISSING ? "building the key index"
                                                               : "the key index is damaged: building it anew");
    firn_error_reset(err);
    key_index_free(FIRN_STEAL(index));
    *ret_rebuilt = true;
    return index_rebuild(settings, ret_index, err);
}
