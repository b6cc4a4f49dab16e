#include "follow/table_index.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "scan/array_value.h"
#include "scan/scan_reader.h"

#define KEY_BYTES_MAX ((size_t) 1 << 30)
#define REBUILD_BATCH 8192u

struct table_index {
    table_index_settings settings;
    firn_arena           arena;
    int32_t             *key_ids;
    key_index           *index;
    uint64_t             generation, shape;
};

void
table_index_free(table_index *index)
{
    if (!index) return;
    key_index_free(index->index);
    firn_arena_done(&index->arena);
    firn_free(index);
}

bool
table_index_is_of(const table_index *index, const int32_t key_field_ids[], unsigned key_count)
{
    if (index->settings.key_count != key_count) return false;
    for (unsigned k = 0; k < key_count; k++) {
        if (index->key_ids[k] != key_field_ids[k]) return false;
    }
    return true;
}

uint64_t
table_index_generation(const table_index *index)
{
    return index->generation;
}

/* ---- keys as bytes ---- */

static firn_status
add_value(firn_buffer *out, const data_type *type, const struct ArrowArray *array, int64_t row, firn_error *err);

static firn_status
add_nested(firn_buffer *out, const data_type *type, const struct ArrowArray *array, int64_t row, firn_error *err)
{
    int64_t        at = array->offset + row;
    const int32_t *offsets = type->kind == TYPE_STRUCT ? NULL : array->buffers[1];
    int64_t        from = offsets ? offsets[at] : at, to = offsets ? offsets[at + 1] : at + 1;
    int64_t        count = to - from;
    bool           is_map = type->kind == TYPE_MAP;

    FIRN_TRY(firn_buffer_add(out, &count, sizeof count, err));
    for (int64_t i = from; i < to; i++) {
        for (unsigned f = 0; f < type->field_count; f++) {
            const struct ArrowArray *child = is_map ? array->children[0]->children[f] : array->children[f];
            FIRN_TRY(add_value(out, type->fields[f].type, child, i + (is_map ? array->children[0]->offset : 0), err));
        }
    }
    return FIRN_OK;
}

/* Typed, but so that a value that was widened (int → long) has the bytes that it had. */
static firn_status
add_value(firn_buffer *out, const data_type *type, const struct ArrowArray *array, int64_t row, firn_error *err)
{
    single_value value;

    if (array_is_null(array, row)) return firn_buffer_add_byte(out, 0, err);
    FIRN_TRY(firn_buffer_add_byte(out, 1, err));
    if (type_is_nested(type->kind)) return add_nested(out, type, array, row, err);
    value = array_value(type, array, row);
    switch (type->kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return firn_buffer_add(out, &value.real, sizeof value.real, err);
    case TYPE_DECIMAL:
        return firn_buffer_add(out, &value.decimal, sizeof value.decimal, err);
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_UUID:
    case TYPE_FIXED:
        FIRN_TRY(firn_buffer_add(out, &value.bytes.size, sizeof value.bytes.size, err));
        return value.bytes.size ? firn_buffer_add(out, value.bytes.data, value.bytes.size, err) : FIRN_OK;
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return firn_buffer_add(out, &value.integer, sizeof value.integer, err);
}

static firn_status
find_columns(const int32_t ids[], unsigned id_count, const table_schema *schema, unsigned columns[], unsigned *ret_count,
             firn_error *err)
{
    *ret_count = id_count ? id_count : schema->field_count;
    for (unsigned k = 0; k < *ret_count; k++) {
        columns[k] = UINT_MAX;
        for (unsigned f = 0; f < schema->field_count; f++) {
            if (id_count ? schema->fields[f].id == ids[k] : f == k) columns[k] = f;
        }
        if (columns[k] == UINT_MAX) return firn_fail(err, FIRN_E_BUG, "a key column is not among those read");
    }
    return FIRN_OK;
}

static firn_status
hash_rows(const key_seed *seed, const int32_t ids[], unsigned id_count, const table_schema *schema,
          const struct ArrowArray *rows, key_hash ret_hashes[], firn_error *err)
{
    FIRN_AUTO(firn_freep) unsigned         *columns = firn_calloc(schema->field_count + id_count + 1, sizeof *columns);
    FIRN_AUTO(firn_buffer_done) firn_buffer key = {0};
    unsigned                                count = 0;

    if (!columns) return firn_fail_memory(err, "keys");
    firn_buffer_init(&key, KEY_BYTES_MAX);
    FIRN_TRY(find_columns(ids, id_count, schema, columns, &count, err));
    for (int64_t row = 0; row < rows->length; row++) {
        firn_buffer_reset(&key);
        for (unsigned k = 0; k < count; k++)
            FIRN_TRY(add_value(&key, schema->fields[columns[k]].type, rows->children[columns[k]], rows->offset + row, err));
        ret_hashes[row] = key_hash_of(seed, firn_buffer_slice(&key));
        if (!id_count) ret_hashes[row].low &= INT32_MAX;
    }
    return FIRN_OK;
}

firn_status
table_index_hash(const table_index *index, const table_schema *schema, const struct ArrowArray *rows, key_hash ret_hashes[],
                 firn_error *err)
{
    return hash_rows(key_index_seed(index->index), index->key_ids, index->settings.key_count, schema, rows, ret_hashes, err);
}

/* ---- what it stands for ---- */

static uint64_t
shape_of(const table_index *index, const table_metadata *table)
{
    const table_schema *schema = table_metadata_schema(table);
    uint64_t            shape = firn_hash_bytes(index->key_ids, index->settings.key_count * sizeof *index->key_ids);

    for (unsigned f = 0; !index->settings.key_count && f < schema->field_count; f++)
        shape = firn_hash_fold(shape ^ FIRN_HASH_KEY_A, (uint64_t) schema->fields[f].id ^ FIRN_HASH_KEY_B);
    return shape;
}

static index_state
state_of(const table_index *index, const table_metadata *table)
{
    const snapshot *current = table_metadata_current_snapshot(table);
    const char     *uuid = table_metadata_uuid(table);
    index_state     state = {.snapshot_id = current ? current->snapshot_id : -1, .key_shape = shape_of(index, table)};

    if (uuid && !uuid_parse(firn_slice_text(uuid), &state.table_uuid)) state.table_uuid = (firn_uuid){0};
    return state;
}

static bool
stands_for(const table_index *index, const table_metadata *table)
{
    const index_state *is = key_index_state(index->index);
    index_state        wanted = state_of(index, table);

    return is->snapshot_id == wanted.snapshot_id && is->key_shape == wanted.key_shape &&
           memcmp(&is->table_uuid, &wanted.table_uuid, sizeof wanted.table_uuid) == 0;
}

/* ---- building ---- */

static firn_status
make_key_schema(const table_index *index, const table_schema *schema, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(firn_freep) schema_field *fields = firn_calloc(index->settings.key_count + 1, sizeof *fields);

    if (!index->settings.key_count) {
        *ret_schema = schema_ref((table_schema *) (uintptr_t) schema);
        return FIRN_OK;
    }
    if (!fields) return firn_fail_memory(err, "keys");
    for (unsigned k = 0; k < index->settings.key_count; k++) {
        const schema_field *field = schema_field_by_id(schema, index->key_ids[k]);
        if (!field) return firn_fail(err, FIRN_E_BUG, "a key column is not in the table");
        fields[k] = *field;
    }
    return schema_new(0, fields, index->settings.key_count, NULL, 0, false, ret_schema, err);
}

static firn_status
add_task(const table_index *index, key_index_builder *builder, const scan_settings *scan, const scan_task *task,
         firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    uint32_t number;

    FIRN_TRY(key_index_builder_add_file(builder, task->data->file.path, &number, err));
    FIRN_TRY(scan_task_open(scan, task, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch        rows = {0};
        FIRN_AUTO(firn_freep) key_hash   *hashes = NULL;
        FIRN_AUTO(firn_freep) key_change *changes = NULL;

        FIRN_TRY(batch_reader_next(reader, &rows, err));
        int64_t count = batch_row_count(&rows);
        if (!count) return FIRN_OK;
        const uint64_t *positions = scan_reader_positions(reader);
        hashes = firn_calloc((size_t) count, sizeof *hashes);
        changes = firn_calloc((size_t) count, sizeof *changes);
        if (!hashes || !changes) return firn_fail_memory(err, "keys");
        FIRN_TRY(hash_rows(key_index_builder_seed(builder), index->key_ids, index->settings.key_count, scan->columns,
                           &rows.array, hashes, err));
        for (int64_t i = 0; i < count; i++) changes[i] = (key_change){hashes[i], key_place(number, positions[i])};
        FIRN_TRY(key_index_builder_add(builder, changes, (size_t) count, err));
    }
}

static firn_status
build(table_index *index, const table_metadata *table, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena      arena = {0};
    FIRN_AUTO(schema_unrefp) table_schema     *columns = NULL;
    FIRN_AUTO(scan_plan_freep) scan_plan      *plan = NULL;
    FIRN_AUTO(key_index_builder_freep) key_index_builder *builder = NULL;
    key_index_settings settings = {.folder = index->settings.folder,
                                   .copies = !index->settings.key_count,
                                   .memory_bytes_max = index->settings.memory_bytes_max};
    index_state        state = state_of(index, table);
    scan_task          task;
    bool               more = true;

    FIRN_TRY(make_key_schema(index, table_metadata_schema(table), &columns, err));
    scan_settings scan = {.files = index->settings.files,
                          .table = table,
                          .snap = table_metadata_current_snapshot(table),
                          .columns = columns,
                          .batch_rows = REBUILD_BATCH,
                          .memory_bytes_max = index->settings.memory_bytes_max,
                          .cancel = index->settings.cancel};
    FIRN_TRY(key_index_builder_new(&settings, &builder, err));
    FIRN_TRY(scan_plan_open(&scan, &plan, err));
    for (;;) {
        FIRN_TRY(scan_plan_next(plan, &arena, &task, &more, err));
        if (!more) break;
        FIRN_TRY(add_task(index, builder, &scan, &task, err));
    }
    index->generation++;
    return key_index_builder_finish(builder, &state, &index->index, err);
}

static firn_status
build_anew(table_index *index, const table_metadata *table, const char *why, firn_error *err)
{
    if (index->settings.tell) index->settings.tell(index->settings.tell_state, why);
    key_index_free(index->index);
    index->index = NULL;
    if (build(index, table, err)) return firn_while(err, "building a key index");
    return FIRN_OK;
}

/* ---- life ---- */

firn_status
table_index_open(const table_index_settings *settings, const table_metadata *table, table_index **ret_index, firn_error *err)
{
    FIRN_AUTO(table_index_freep) table_index *index = firn_calloc(1, sizeof *index);
    key_index_settings key_settings = {.folder = settings->folder,
                                       .copies = !settings->key_count,
                                       .memory_bytes_max = settings->memory_bytes_max};

    if (!index) return firn_fail_memory(err, "a key index");
    index->settings = *settings;
    index->settings.folder = firn_arena_strdup(&index->arena, settings->folder);
    index->key_ids = firn_arena_array(&index->arena, settings->key_count + 1, sizeof *index->key_ids);
    if (!index->settings.folder || !index->key_ids) return firn_fail_memory(err, "a key index");
    for (unsigned k = 0; k < settings->key_count; k++) index->key_ids[k] = settings->key_field_ids[k];
    index->settings.key_field_ids = index->key_ids;
    firn_status status = key_index_open(&key_settings, &index->index, err);
    if (status == FIRN_NOT_FOUND || status == FIRN_CORRUPT) {
        firn_error_reset(err);
        FIRN_TRY(build_anew(index, table, status == FIRN_NOT_FOUND ? "building the key index" : "the key index is damaged: building it anew", err));
    } else if (status) {
        return status;
    }
    FIRN_TRY(table_index_catch_up(index, table, err));
    index->settings.tell = NULL; /* its state need not outlive this call */
    *ret_index = FIRN_STEAL(index);
    return FIRN_OK;
}

firn_status
table_index_catch_up(table_index *index, const table_metadata *table, firn_error *err)
{
    if (stands_for(index, table)) return FIRN_OK;
    return build_anew(index, table, "the table has changed beside us: building the key index anew", err);
}

/* ---- use ---- */

void
table_index_find(const table_index *index, const key_hash keys[], size_t count, uint64_t ret_places[])
{
    key_index_find(index->index, keys, count, ret_places);
}

size_t
table_index_find_copies(const table_index *index, key_hash key, size_t wanted, uint64_t ret_places[])
{
    return key_index_find_copies(index->index, key, wanted, ret_places);
}

const char *
table_index_path(const table_index *index, uint64_t place)
{
    return file_registry_path(key_index_files(index->index), key_place_file(place));
}

uint32_t
table_index_next_file(const table_index *index)
{
    return file_registry_next(key_index_files(index->index));
}

/* The numbers of all files that are there. */
static firn_status
list_files(const file_registry *files, uint32_t **ret_numbers, unsigned *ret_count, firn_error *err)
{
    uint32_t *numbers = firn_calloc(file_registry_count(files) + 1, sizeof *numbers);
    uint32_t  number = 0;
    unsigned  count = 0;

    if (!numbers) return firn_fail_memory(err, "the key index");
    for (uint32_t from = 0; file_registry_from(files, from, &number); from = number + 1) numbers[count++] = number;
    *ret_numbers = numbers;
    *ret_count = count;
    return FIRN_OK;
}

firn_status
table_index_apply(table_index *index, const table_index_commit *commit, firn_error *err)
{
    FIRN_AUTO(firn_freep) uint32_t *removed = NULL;
    index_state      state = state_of(index, commit->table);
    key_index_window window = {.state = &state,
                               .added_files = commit->added_files,
                               .added_file_count = commit->added_file_count,
                               .changes = commit->changes,
                               .change_count = commit->change_count};

    if (commit->truncated) FIRN_TRY(list_files(key_index_files(index->index), &removed, &window.removed_file_count, err));
    window.removed_files = removed;
    return key_index_apply(index->index, &window, err);
}
