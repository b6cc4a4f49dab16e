#include "scan/scan_deletes.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/position_delete.h"
#include "scan/partition_key.h"
#include "scan/stored_file.h"
#include "task/lock.h"

#define KEY_BYTES_MAX ((size_t) 16 << 20)
#define DELETE_BATCH_ROWS 16384
/* What is reckoned for a position that is kept: its bits, and its share of the set around it. */
#define POSITION_BYTES 8

/* A delete file in the list of its data file, or of its partition. */
typedef struct delete_node delete_node;
struct delete_node {
    manifest_entry       entry;
    delete_node         *next;
    struct equality_group *group;    /* equality deletes */
    position_delete_set *positions;  /* kept; under the lock */
};

/* Equality delete files with the same columns in the same partition (or in all). */
typedef struct equality_group {
    delete_node   *first;
    unsigned       id_count;
    const int32_t *ids;
    equality_set  *set; /* NULL: not read yet; under the lock */
} equality_group;

struct scan_deletes {
    storage              *files;
    const table_metadata *table;
    size_t                memory_bytes_max, kept_bytes; /* kept_bytes under the lock */
    size_t                count;
    firn_arena            arena;
    firn_map             *by_path;      /* data file → delete_node: vectors and position deletes of that file alone */
    firn_map             *by_partition; /* partition_key → delete_node: other position deletes */
    firn_map             *equality;     /* "" or partition_key → group_list */
    firn_map             *groups;       /* the same and the ids → equality_group */
    firn_buffer           key;
    task_lock            *lock;
};

typedef struct group_list {
    equality_group    *group;
    struct group_list *next;
} group_list;

firn_status
scan_deletes_new(storage *files, const table_metadata *table, size_t memory_bytes_max, scan_deletes **ret_deletes,
                 firn_error *err)
{
    FIRN_AUTO(scan_deletes_freep) scan_deletes *d = firn_calloc(1, sizeof *d);

    if (!d) return firn_fail_memory(err, "a table's deletes");
    d->files = files;
    d->table = table;
    d->memory_bytes_max = memory_bytes_max ? memory_bytes_max : SCAN_MEMORY_BYTES_DEFAULT;
    firn_arena_init(&d->arena, FIRN_ARENA_SIZE_MAX_DEFAULT);
    firn_buffer_init(&d->key, KEY_BYTES_MAX);
    d->by_path = firn_map_new();
    d->by_partition = firn_map_new();
    d->equality = firn_map_new();
    d->groups = firn_map_new();
    d->lock = task_lock_new();
    if (!d->by_path || !d->by_partition || !d->equality || !d->groups || !d->lock)
        return firn_fail_memory(err, "a table's deletes");
    *ret_deletes = FIRN_STEAL(d);
    return FIRN_OK;
}

static void
free_lists(const firn_map *map)
{
    for (size_t i = 0; map && i < firn_map_count(map); i++) {
        for (delete_node *node = firn_map_value(map, i); node; node = node->next)
            position_delete_set_free(node->positions);
    }
}

void
scan_deletes_free(scan_deletes *d)
{
    if (!d) return;
    free_lists(d->by_path);
    free_lists(d->by_partition);
    for (size_t i = 0; d->groups && i < firn_map_count(d->groups); i++)
        equality_set_free(((equality_group *) firn_map_value(d->groups, i))->set);
    firn_map_free(d->by_path);
    firn_map_free(d->by_partition);
    firn_map_free(d->equality);
    firn_map_free(d->groups);
    firn_buffer_done(&d->key);
    firn_arena_done(&d->arena);
    task_lock_free(d->lock);
    firn_free(d);
}

size_t
scan_deletes_count(const scan_deletes *deletes)
{
    return deletes->count;
}

/* ---- adding ---- */

static firn_status
push(firn_map *map, firn_slice key, delete_node *node, firn_error *err)
{
    node->next = firn_map_get(map, key);
    return firn_map_put(map, key, node, err);
}

static int
compare_ids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *) a, right = *(const int32_t *) b;

    return (left > right) - (left < right);
}

/* The group of the ids under the partition in d->key. */
static firn_status
find_group(scan_deletes *d, const data_file *file, equality_group **ret_group, firn_error *err)
{
    size_t          partition_size = d->key.size;
    int32_t        *ids = firn_arena_array(&d->arena, file->equality_id_count + 1, sizeof *ids);
    equality_group *group;

    if (!ids) return firn_fail_memory(err, "a table's deletes");
    if (file->equality_id_count == 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "the equality delete file '%s' names no columns", file->path);
    memcpy(ids, file->equality_ids, file->equality_id_count * sizeof *ids);
    qsort(ids, file->equality_id_count, sizeof *ids, compare_ids);
    FIRN_TRY(firn_buffer_add(&d->key, ids, file->equality_id_count * sizeof *ids, err));
    *ret_group = firn_map_get(d->groups, firn_buffer_slice(&d->key));
    if (*ret_group) return FIRN_OK;

    group_list *item = firn_arena_alloc(&d->arena, sizeof *item);
    group = firn_arena_alloc(&d->arena, sizeof *group);
    if (!group || !item) return firn_fail_memory(err, "a table's deletes");
    group->ids = ids;
    group->id_count = file->equality_id_count;
    FIRN_TRY(firn_map_put(d->groups, firn_buffer_slice(&d->key), group, err));

    firn_slice partition = firn_slice_of(d->key.data, partition_size);
    *item = (group_list){group, firn_map_get(d->equality, partition)};
    FIRN_TRY(firn_map_put(d->equality, partition, item, err));
    *ret_group = group;
    return FIRN_OK;
}

static firn_status
add_equality(scan_deletes *d, delete_node *node, firn_error *err)
{
    const partition_spec *spec = table_metadata_spec_by_id(d->table, node->entry.file.spec_id);
    bool                  is_global = spec && spec->field_count == 0;

    firn_buffer_reset(&d->key);
    if (!is_global) FIRN_TRY(partition_key_add(d->table, &node->entry.file, &d->key, err));
    FIRN_TRY(find_group(d, &node->entry.file, &node->group, err));
    node->next = node->group->first;
    node->group->first = node;
    return FIRN_OK;
}

firn_status
scan_deletes_add(scan_deletes *d, const manifest_entry *entry, firn_error *err)
{
    delete_node *node = firn_arena_alloc(&d->arena, sizeof *node);

    if (!node) return firn_fail_memory(err, "a table's deletes");
    node->entry = *entry;
    FIRN_TRY(data_file_copy(&entry->file, &d->arena, &node->entry.file, err));
    d->count++;
    if (entry->file.content == DATA_FILE_EQUALITY_DELETES) return add_equality(d, node, err);

    firn_slice target = delete_file_target(&node->entry.file);
    if (target.data) return push(d->by_path, target, node, err);
    if (data_file_is_vector(&entry->file))
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a deletion vector in '%s' does not say of which data file it is",
                         entry->file.path);
    firn_buffer_reset(&d->key);
    FIRN_TRY(partition_key_add(d->table, &node->entry.file, &d->key, err));
    return push(d->by_partition, firn_buffer_slice(&d->key), node, err);
}

/* ---- finding ---- */

typedef struct finder {
    const manifest_entry **found;
    unsigned               count, capacity;
} finder;

static void
finder_done(finder *f)
{
    firn_free(f->found);
}

static firn_status
found(finder *f, const delete_node *node, firn_error *err)
{
    if (f->count == f->capacity) {
        unsigned               capacity = f->capacity ? f->capacity * 2 : 16;
        const manifest_entry **grown = firn_realloc(f->found, capacity * sizeof(const manifest_entry *));
        if (!grown) return firn_fail_memory(err, "a data file's deletes");
        f->found = grown;
        f->capacity = capacity;
    }
    f->found[f->count++] = &node->entry;
    return FIRN_OK;
}

/* A vector stands for all position deletes of its file. */
static firn_status
find_positions(const scan_deletes *d, const manifest_entry *data, firn_slice partition, finder *f, firn_error *err)
{
    const delete_node *own = firn_map_get(d->by_path, firn_slice_text(data->file.path));

    for (const delete_node *node = own; node; node = node->next) {
        if (data_file_is_vector(&node->entry.file) && node->entry.sequence_number >= data->sequence_number)
            return found(f, node, err);
    }
    for (const delete_node *node = own; node; node = node->next) {
        if (!data_file_is_vector(&node->entry.file) && node->entry.sequence_number >= data->sequence_number)
            FIRN_TRY(found(f, node, err));
    }
    for (const delete_node *node = firn_map_get(d->by_partition, partition); node; node = node->next) {
        if (node->entry.sequence_number >= data->sequence_number) FIRN_TRY(found(f, node, err));
    }
    return FIRN_OK;
}

static firn_status
find_equality(const group_list *list, const manifest_entry *data, finder *f, firn_error *err)
{
    for (; list; list = list->next) {
        for (const delete_node *node = list->group->first; node; node = node->next) {
            if (node->entry.sequence_number > data->sequence_number) FIRN_TRY(found(f, node, err));
        }
    }
    return FIRN_OK;
}

firn_status
scan_deletes_find(const scan_deletes *d, const manifest_entry *data, firn_arena *arena, scan_task *ret_task,
                  firn_error *err)
{
    FIRN_AUTO(finder_done) finder           f = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer partition = {0};
    const manifest_entry                  **deletes = NULL;

    if (d->count > 0) {
        firn_buffer_init(&partition, KEY_BYTES_MAX);
        FIRN_TRY(partition_key_add(d->table, &data->file, &partition, err));
        firn_slice key = firn_buffer_slice(&partition);
        FIRN_TRY(find_positions(d, data, key, &f, err));
        FIRN_TRY(find_equality(firn_map_get(d->equality, firn_slice_of("", 0)), data, &f, err));
        FIRN_TRY(find_equality(firn_map_get(d->equality, key), data, &f, err));
    }
    if (f.count > 0) {
        deletes = firn_arena_array(arena, f.count, sizeof(const manifest_entry *));
        if (!deletes) return firn_fail_memory(err, "a data file's deletes");
        memcpy(deletes, f.found, f.count * sizeof(const manifest_entry *));
    }
    *ret_task = (scan_task){data, f.count, deletes, NULL};
    return FIRN_OK;
}

/* ---- positions ---- */

static delete_node *
node_of(const manifest_entry *entry)
{
    return (delete_node *) (uintptr_t) entry; /* its first member; ours, since scan_deletes_find gave it out */
}

/* A file for many data files is kept where there is room. NULL: there is none. */
static firn_status
keep_positions(scan_deletes *d, delete_node *node, firn_error *err)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = NULL;
    uint64_t reckoned = (uint64_t) node->entry.file.record_count * POSITION_BYTES + 4096;

    if (node->positions || reckoned > (d->memory_bytes_max - d->kept_bytes) / 2) return FIRN_OK;
    set = position_delete_set_new(d->memory_bytes_max);
    if (!set) return firn_fail_memory(err, "position deletes");
    FIRN_TRY(position_delete_set_read(set, d->files, &node->entry.file, NULL, err));
    d->kept_bytes += (size_t) reckoned;
    node->positions = FIRN_STEAL(set);
    return FIRN_OK;
}

static firn_status
add_positions(scan_deletes *d, delete_node *node, const char *path, roaring64 *deleted, firn_error *err)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *own = NULL;
    const position_delete_set                                *set = NULL;

    if (data_file_is_vector(&node->entry.file)) {
        FIRN_AUTO(roaring64_freep) roaring64 *vector = NULL;
        FIRN_TRY(deletion_vector_read(d->files, &node->entry.file, &vector, err));
        return roaring64_add_all(deleted, vector, err);
    }
    if (!delete_file_target(&node->entry.file).data) {
        task_lock_hold(d->lock);
        firn_status status = keep_positions(d, node, err);
        set = node->positions;
        task_lock_release(d->lock);
        FIRN_TRY(status);
    }
    if (!set) {
        own = position_delete_set_new(d->memory_bytes_max);
        if (!own) return firn_fail_memory(err, "position deletes");
        FIRN_TRY(position_delete_set_read(own, d->files, &node->entry.file, path, err));
        set = own;
    }
    const roaring64 *rows = position_delete_set_get(set, path);
    return rows ? roaring64_add_all(deleted, rows, err) : FIRN_OK;
}

firn_status
scan_deletes_positions(scan_deletes *d, const scan_task *task, roaring64 **ret_deleted, firn_error *err)
{
    FIRN_AUTO(roaring64_freep) roaring64 *deleted = NULL;

    for (unsigned i = 0; i < task->delete_count; i++) {
        const manifest_entry *entry = task->deletes[i];
        if (entry->file.content != DATA_FILE_POSITION_DELETES) continue;
        if (!deleted) deleted = roaring64_new();
        if (!deleted) return firn_fail_memory(err, "deleted rows");
        if (add_positions(d, node_of(entry), task->data->file.path, deleted, err))
            return firn_while(err, "reading the deletes in '%s'", entry->file.path);
    }
    *ret_deleted = FIRN_STEAL(deleted);
    return FIRN_OK;
}

/* ---- equality ---- */

/* Columns that were dropped still delete: the newest schema that has one tells its type. */
static firn_status
find_column(const table_metadata *table, int32_t id, firn_arena *arena, column_path *ret_path,
            const schema_field **ret_top, firn_error *err)
{
    bool is_there = false;

    for (unsigned i = 0; i <= table->schema_count && !is_there; i++) {
        const table_schema *schema = i == 0 ? table->schema : table->schemas[table->schema_count - i].schema;
        if (!schema) continue;
        FIRN_TRY(column_path_find(schema, id, arena, ret_path, &is_there, err));
        for (unsigned k = 0; is_there && k < schema->field_count; k++) {
            if (schema->fields[k].id == ret_path->ids[0]) *ret_top = &schema->fields[k];
        }
    }
    if (!is_there || type_is_nested(ret_path->field->type->kind))
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "an equality delete names column %d, which the table never had",
                         (int) id);
    return FIRN_OK;
}

static firn_status
read_equality_file(const scan_deletes *d, const delete_node *node, table_schema *schema, equality_set *set,
                   firn_error *err)
{
    FIRN_AUTO(stored_file_done) stored_file     file = {0};
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    parquet_read_options                        options = {.batch_rows = DELETE_BATCH_ROWS,
                                                           .memory_bytes_max = d->memory_bytes_max,
                                                           .truncate_nanos = true,
                                                           .name_mapping =
                                                               table_metadata_property(d->table, "schema.name-mapping.default")};

    FIRN_TRY(stored_file_open(&file, d->files, &node->entry.file, d->memory_bytes_max, err));
    FIRN_TRY(parquet_file_read(file.file, schema, &options, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) return FIRN_OK;
        FIRN_TRY(equality_set_add(set, schema, &rows.array, node->entry.sequence_number, err));
    }
}

/* A column of the delete file as it is read: what it lacks is null, whatever the table asks for. */
static schema_field
as_optional(const schema_field *field)
{
    schema_field optional = *field;

    optional.required = false;
    return optional;
}

static firn_status
read_group(scan_deletes *d, equality_group *group, firn_error *err)
{
    FIRN_AUTO(equality_set_freep) equality_set *set = NULL;
    FIRN_AUTO(schema_unrefp) table_schema      *schema = NULL;
    column_path  *columns = firn_arena_array(&d->arena, group->id_count, sizeof *columns);
    schema_field *fields = firn_arena_array(&d->arena, group->id_count, sizeof *fields);

    if (!columns || !fields) return firn_fail_memory(err, "equality deletes");
    for (unsigned i = 0; i < group->id_count; i++) {
        const schema_field *top = NULL;
        FIRN_TRY(find_column(d->table, group->ids[i], &d->arena, &columns[i], &top, err));
        fields[i] = as_optional(top);
    }
    FIRN_TRY(schema_new(0, fields, group->id_count, NULL, 0, false, &schema, err));
    FIRN_TRY(equality_set_new(columns, group->id_count, d->memory_bytes_max, &set, err));
    for (const delete_node *node = group->first; node; node = node->next) {
        if (read_equality_file(d, node, schema, set, err))
            return firn_while(err, "reading the equality deletes in '%s'", node->entry.file.path);
    }
    group->set = FIRN_STEAL(set);
    return FIRN_OK;
}

firn_status
scan_deletes_equality(scan_deletes *d, const scan_task *task, firn_arena *arena, const equality_set *const **ret_sets,
                      unsigned *ret_count, firn_error *err)
{
    const equality_set **sets = firn_arena_array(arena, task->delete_count + 1, sizeof(const equality_set *));
    unsigned             count = 0;

    if (!sets) return firn_fail_memory(err, "equality deletes");
    for (unsigned i = 0; i < task->delete_count; i++) {
        equality_group *group = node_of(task->deletes[i])->group;
        firn_status     status = FIRN_OK;
        bool            is_new = true;

        if (!group) continue;
        task_lock_hold(d->lock);
        if (!group->set) status = read_group(d, group, err);
        task_lock_release(d->lock);
        FIRN_TRY(status);
        for (unsigned k = 0; k < count; k++) is_new &= sets[k] != group->set;
        if (is_new) sets[count++] = group->set;
    }
    *ret_sets = sets;
    *ret_count = count;
    return FIRN_OK;
}
