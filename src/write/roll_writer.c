#include "write/roll_writer.h"

#include "base/alloc.h"
#include "base/map.h"
#include "batch/array.h"
#include "batch/batch_take.h"
#include "iceberg/metrics.h"
#include "parquet/file_reader.h"
#include "parquet/group_cut.h"

#include <string.h>

#define OPEN_FILES_MAX 256
#define PARTITION_KEY_MAX ((size_t) 1 << 20)
#define PATH_MAX_BYTES 8192

/* One partition that rows were seen of. */
typedef struct partition_slot {
    firn_slice     *values; /* by the spec's fields; in the writer's arena */
    parquet_writer *writer; /* NULL: no open file */
    const char     *path;
    size_t          open_index;       /* its place among the writer's open ones */
    size_t          memory_bytes;     /* of the open file, at its last add */
    uint64_t        file_bytes_known; /* of the open file, at its last add */
    uint64_t        file_rows;        /* of the open file, by roll_writer_add */
    unsigned        file;             /* the open file's number */
    uint32_t       *rows;             /* indexes of the batch at hand */
    size_t          row_count, row_capacity;
} partition_slot;

struct roll_writer {
    roll_writer_settings settings;
    firn_map            *slot_by_key;
    partition_slot     **slots;
    size_t               slot_count, slot_capacity;
    partition_slot      *open[OPEN_FILES_MAX + 1]; /* those with an open file, in no order: one too many for a moment */
    size_t               open_count, memory_bytes; /* the latter of all open files */
    firn_arena           arena; /* slots, values, paths */
    firn_buffer          key, value;
    data_file_list       files;
    uint64_t             closed_bytes;
    unsigned             file_number;
    unsigned            *numbers; /* of `files`, less 1; as many as that has room for */
    roll_place          *places;  /* of the batch at hand; NULL: nobody asks */
    bool                 finished, is_placed;
};

void
data_file_list_done(data_file_list *list)
{
    firn_free(list->files);
    firn_arena_done(&list->arena);
    *list = (data_file_list){0};
}

static firn_status
list_reserve(data_file_list *list, unsigned extra, firn_error *err)
{
    unsigned capacity = list->capacity ? list->capacity : 8;

    while (capacity < list->count + extra) capacity *= 2;
    if (capacity == list->capacity) return FIRN_OK;
    data_file *files = firn_realloc(list->files, capacity * sizeof *files);
    if (!files) return firn_fail_memory(err, "a list of data files");
    list->files = files;
    list->capacity = capacity;
    return FIRN_OK;
}

firn_status
data_file_list_append(data_file_list *to, const data_file_list *from, firn_error *err)
{
    FIRN_TRY(list_reserve(to, from->count, err));
    for (unsigned i = 0; i < from->count; i++) {
        FIRN_TRY(data_file_copy(&from->files[i], &to->arena, &to->files[to->count], err));
        to->count++;
    }
    return FIRN_OK;
}

void
data_file_list_discard(const data_file_list *list, storage *files)
{
    for (unsigned i = 0; i < list->count; i++) {
        firn_error ignored = {0};
        (void) !files->ops->remove(files, list->files[i].path, &ignored);
    }
}

firn_status
roll_writer_new(const roll_writer_settings *settings, roll_writer **ret_writer, firn_error *err)
{
    FIRN_AUTO(roll_writer_freep) roll_writer *w = firn_calloc(1, sizeof *w);

    if (!w) return firn_fail_memory(err, "a file writer");
    w->settings = *settings;
    schema_ref(w->settings.schema);
    firn_buffer_init(&w->key, PARTITION_KEY_MAX);
    firn_buffer_init(&w->value, PARTITION_KEY_MAX);
    w->slot_by_key = firn_map_new();
    if (!w->slot_by_key) return firn_fail_memory(err, "a file writer");
    *ret_writer = FIRN_STEAL(w);
    return FIRN_OK;
}

void
roll_writer_free(roll_writer *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->slot_count; i++) {
        parquet_writer_free(w->slots[i]->writer);
        firn_free(w->slots[i]->rows);
    }
    if (!w->finished) data_file_list_discard(&w->files, w->settings.files);
    firn_free(w->slots);
    firn_map_free(w->slot_by_key);
    firn_buffer_done(&w->key);
    firn_buffer_done(&w->value);
    data_file_list_done(&w->files);
    firn_free(w->numbers);
    schema_unref(w->settings.schema);
    firn_arena_done(&w->arena);
    firn_free(w);
}

/* ---- one partition's file ---- */

static firn_status
note_file(const roll_writer_settings *s, const char *path, firn_error *err)
{
    const char *commit_id = s->commit_id ? s->commit_id : s->prefix;

    return s->pending ? pending_files_add(s->pending, s->table, s->data_location, commit_id, path, err) : FIRN_OK;
}

static firn_status
slot_open_file(roll_writer *w, partition_slot *slot, firn_error *err)
{
    const roll_writer_settings *s = &w->settings;
    FIRN_AUTO(firn_buffer_done) firn_buffer path = {0};
    firn_sink *sink = NULL;

    firn_buffer_init(&path, PATH_MAX_BYTES);
    FIRN_TRY(firn_buffer_printf(&path, err, "%s/", s->data_location));
    if (s->spec->field_count) {
        FIRN_TRY(partition_add_path(s->spec, s->schema, slot->values, &path, err));
        FIRN_TRY(firn_buffer_add_byte(&path, '/', err));
    }
    FIRN_TRY(firn_buffer_printf(&path, err, "%s-%03u-%05u.parquet", s->prefix, s->lane, ++w->file_number));
    slot->path = firn_arena_text(&w->files.arena, firn_buffer_slice(&path));
    if (!slot->path) return firn_fail_memory(err, "a file name");
    FIRN_TRY(note_file(s, slot->path, err));

    FIRN_TRY(s->files->ops->open_sink(s->files, slot->path, &sink, err));
    if (parquet_writer_open(s->schema, &s->options, sink, &slot->writer, err))
        return firn_while(err, "opening '%s'", slot->path);
    slot->file_bytes_known = slot->file_rows = 0;
    slot->file = w->file_number - 1;
    slot->memory_bytes = 0;
    slot->open_index = w->open_count;
    w->open[w->open_count++] = slot;
    return FIRN_OK;
}

static firn_status
files_add(roll_writer *w, const partition_slot *slot, const parquet_file_info *info, firn_error *err)
{
    data_file_list *list = &w->files;
    firn_arena     *arena = &list->arena;
    unsigned        field_count = w->settings.spec->field_count;
    firn_slice     *values = firn_arena_array(arena, field_count + 1, sizeof *values);
    data_file       file;

    FIRN_TRY(list_reserve(list, 1, err));
    unsigned *numbers = firn_realloc(w->numbers, list->capacity * sizeof *numbers);
    if (!numbers) return firn_fail_memory(err, "a list of data files");
    w->numbers = numbers;
    FIRN_TRY(metrics_of_parquet(info, w->settings.schema, slot->path, arena, &file, err));
    if (!values) return firn_fail_memory(err, "a data file's facts");
    for (unsigned i = 0; i < field_count; i++) {
        if (!slot->values[i].data) continue;
        uint8_t *copy = firn_arena_alloc(arena, slot->values[i].size + 1);
        if (!copy) return firn_fail_memory(err, "a data file's facts");
        memcpy(copy, slot->values[i].data, slot->values[i].size);
        values[i] = firn_slice_of(copy, slot->values[i].size);
    }
    file.spec_id = w->settings.spec->spec_id;
    file.partition_count = field_count;
    file.partition = values;
    if (w->settings.sort_order_id > 0) file.sort_order_id = w->settings.sort_order_id;
    w->numbers[list->count] = slot->file;
    list->files[list->count++] = file;
    return FIRN_OK;
}

static firn_status
slot_close_file(roll_writer *w, partition_slot *slot, firn_error *err)
{
    FIRN_AUTO(parquet_writer_freep) parquet_writer *writer = FIRN_STEAL(slot->writer);
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};

    w->open[slot->open_index] = w->open[--w->open_count];
    w->open[slot->open_index]->open_index = slot->open_index;
    w->memory_bytes -= slot->memory_bytes;
    if (parquet_writer_close(writer, &info, err)) {
        (void) firn_while(err, "closing '%s'", slot->path);
    } else if (files_add(w, slot, &info, err) == FIRN_OK) {
        w->closed_bytes += info.size_bytes;
        return FIRN_OK;
    }
    /* It may have its name already, and nobody else will ever know of it; unless the name was another's. */
    firn_error ignored = {0};
    if (err->status != FIRN_CONFLICT) (void) !w->settings.files->ops->remove(w->settings.files, slot->path, &ignored);
    return err->status;
}

/* Closes the open file that holds the most memory, if the limits are passed. */
static firn_status
limit_open_files(roll_writer *w, const partition_slot *keep, firn_error *err)
{
    while (w->open_count > 1 &&
           (w->open_count > OPEN_FILES_MAX || w->memory_bytes > w->settings.memory_bytes_max)) {
        partition_slot *biggest = NULL;

        for (size_t i = 0; i < w->open_count; i++) {
            partition_slot *slot = w->open[i];
            if (slot != keep && (!biggest || slot->memory_bytes > biggest->memory_bytes)) biggest = slot;
        }
        FIRN_TRY(slot_close_file(w, biggest, err));
    }
    return FIRN_OK;
}

/* Takes note of the open file's size, and closes it where it is full. */
static firn_status
slot_grew(roll_writer *w, partition_slot *slot, firn_error *err)
{
    slot->file_bytes_known = parquet_writer_size_bytes(slot->writer);
    w->memory_bytes -= slot->memory_bytes;
    slot->memory_bytes = parquet_writer_memory_bytes(slot->writer);
    w->memory_bytes += slot->memory_bytes;
    return slot->file_bytes_known >= w->settings.target_file_size_bytes ? slot_close_file(w, slot, err) : FIRN_OK;
}

/* `indexes`: the rows' numbers in the batch at hand; NULL: all of it. */
static firn_status
slot_add(roll_writer *w, partition_slot *slot, const struct ArrowArray *rows, const uint32_t indexes[], firn_error *err)
{
    if (!slot->writer) FIRN_TRY(slot_open_file(w, slot, err));
    for (int64_t i = 0; w->places && i < rows->length; i++)
        w->places[indexes ? indexes[i] : i] = (roll_place){slot->file, slot->file_rows + (uint64_t) i};
    slot->file_rows += (uint64_t) rows->length;
    if (parquet_writer_add(slot->writer, rows, err)) return firn_while(err, "writing '%s'", slot->path);
    return slot_grew(w, slot, err);
}

/* ---- rows to partitions ---- */

static firn_status
slot_new(roll_writer *w, firn_slice key, partition_slot **ret_slot, firn_error *err)
{
    unsigned        field_count = w->settings.spec->field_count;
    partition_slot *slot = firn_arena_alloc(&w->arena, sizeof *slot);

    if (w->slot_count == w->slot_capacity) {
        size_t           capacity = w->slot_capacity ? w->slot_capacity * 2 : 16;
        partition_slot **slots = firn_realloc(w->slots, capacity * sizeof *slots);
        if (!slots) return firn_fail_memory(err, "a list of partitions");
        w->slots = slots;
        w->slot_capacity = capacity;
    }
    if (!slot) return firn_fail_memory(err, "a partition");
    slot->values = firn_arena_array(&w->arena, field_count + 1, sizeof *slot->values);
    uint8_t *copy = firn_arena_alloc(&w->arena, key.size + 1);
    if (!slot->values || !copy) return firn_fail_memory(err, "a partition");
    memcpy(copy, key.data, key.size);
    for (unsigned i = 0, at = 0; i < field_count; i++) {
        uint32_t size;
        memcpy(&size, copy + at, sizeof size);
        at += (unsigned) sizeof size;
        if (size == UINT32_MAX) continue;
        slot->values[i] = firn_slice_of(copy + at, size);
        at += size;
    }
    FIRN_TRY(firn_map_put(w->slot_by_key, key, slot, err));
    w->slots[w->slot_count++] = slot;
    *ret_slot = slot;
    return FIRN_OK;
}

/* The row's partition as bytes: per field a 32-bit size (UINT32_MAX: null) and the single value. */
static firn_status
row_key(roll_writer *w, const struct ArrowArray *rows, const int column_of_field[], int64_t row, firn_error *err)
{
    const partition_spec *spec = w->settings.spec;

    firn_buffer_reset(&w->key);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const schema_field *column = &w->settings.schema->fields[column_of_field[i]];
        bool                null = false;
        uint32_t            size;

        firn_buffer_reset(&w->value);
        if (spec->fields[i].transform.kind == TRANSFORM_VOID) null = true;
        else
            FIRN_TRY(transform_apply(spec->fields[i].transform, column->type, rows->children[column_of_field[i]],
                                     row + rows->offset, &w->value, &null, err));
        size = null ? UINT32_MAX : (uint32_t) w->value.size;
        FIRN_TRY(firn_buffer_add(&w->key, &size, sizeof size, err));
        if (!null) FIRN_TRY(firn_buffer_add(&w->key, w->value.data, w->value.size, err));
    }
    return FIRN_OK;
}

static firn_status
slot_add_row(partition_slot *slot, uint32_t row, firn_error *err)
{
    if (slot->row_count == slot->row_capacity) {
        size_t    capacity = slot->row_capacity ? slot->row_capacity * 2 : 64;
        uint32_t *rows = firn_realloc(slot->rows, capacity * sizeof *rows);
        if (!rows) return firn_fail_memory(err, "a partition's rows");
        slot->rows = rows;
        slot->row_capacity = capacity;
    }
    slot->rows[slot->row_count++] = row;
    return FIRN_OK;
}

static firn_status
columns_of_spec(roll_writer *w, int column_of_field[], firn_error *err)
{
    const partition_spec *spec = w->settings.spec;
    const table_schema   *schema = w->settings.schema;

    for (unsigned i = 0; i < spec->field_count; i++) {
        column_of_field[i] = -1;
        for (unsigned c = 0; c < schema->field_count; c++) {
            if (schema->fields[c].id == spec->fields[i].source_id) column_of_field[i] = (int) c;
        }
        if (column_of_field[i] < 0 && spec->fields[i].transform.kind != TRANSFORM_VOID)
            return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "the column of partition field '%s' is not among those loaded",
                             spec->fields[i].name);
        if (column_of_field[i] < 0) column_of_field[i] = 0;
    }
    return FIRN_OK;
}

static firn_status
add_partitioned(roll_writer *w, const struct ArrowArray *rows, firn_error *err)
{
    FIRN_AUTO(firn_freep) int *column_of_field = firn_calloc(w->settings.spec->field_count, sizeof(int));
    partition_slot *slot = NULL;

    if (!column_of_field) return firn_fail_memory(err, "partition columns");
    FIRN_TRY(columns_of_spec(w, column_of_field, err));
    for (int64_t row = 0; row < rows->length; row++) {
        FIRN_TRY(row_key(w, rows, column_of_field, row, err));
        firn_slice key = firn_buffer_slice(&w->key);
        slot = firn_map_get(w->slot_by_key, key);
        if (!slot) FIRN_TRY(slot_new(w, key, &slot, err));
        FIRN_TRY(slot_add_row(slot, (uint32_t) row, err));
    }
    for (size_t i = 0; i < w->slot_count; i++) {
        struct ArrowArray part = {0};

        slot = w->slots[i];
        if (!slot->row_count) continue;
        if (slot->row_count == (size_t) rows->length) {
            FIRN_TRY(slot_add(w, slot, rows, NULL, err));
        } else {
            FIRN_TRY(batch_take(w->settings.schema, rows, slot->rows, slot->row_count, &part, err));
            firn_status status = slot_add(w, slot, &part, slot->rows, err);
            part.release(&part);
            if (status) return status;
        }
        slot->row_count = 0;
        FIRN_TRY(limit_open_files(w, slot, err));
    }
    return FIRN_OK;
}

firn_status
roll_writer_add(roll_writer *w, const struct ArrowArray *rows, firn_error *err)
{
    if (rows->length == 0) return FIRN_OK;
    if (w->settings.spec->field_count) return add_partitioned(w, rows, err);
    if (!w->slot_count) {
        partition_slot *slot;
        FIRN_TRY(slot_new(w, firn_slice_of("", 0), &slot, err));
    }
    return slot_add(w, w->slots[0], rows, NULL, err);
}

firn_status
roll_writer_add_placed(roll_writer *w, const struct ArrowArray *rows, roll_place places[], firn_error *err)
{
    w->places = places;
    w->is_placed = true;
    firn_status status = roll_writer_add(w, rows, err);
    w->places = NULL;
    return status;
}

/* ---- files taken over ---- */

/* The slot of a partition that is known by its values; the key is as row_key makes it. */
static firn_status
slot_of_values(roll_writer *w, const firn_slice partition[], partition_slot **ret_slot, firn_error *err)
{
    firn_slice key;

    firn_buffer_reset(&w->key);
    for (unsigned i = 0; i < w->settings.spec->field_count; i++) {
        uint32_t size = partition[i].data ? (uint32_t) partition[i].size : UINT32_MAX;

        FIRN_TRY(firn_buffer_add(&w->key, &size, sizeof size, err));
        if (partition[i].data) FIRN_TRY(firn_buffer_add(&w->key, partition[i].data, partition[i].size, err));
    }
    key = w->key.size ? firn_buffer_slice(&w->key) : firn_slice_of("", 0);
    *ret_slot = firn_map_get(w->slot_by_key, key);
    return *ret_slot ? FIRN_OK : slot_new(w, key, ret_slot, err);
}

firn_status
roll_writer_copy(roll_writer *w, const roll_copy *copy, bool *ret_copied, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray extra = {0};
    partition_slot *slot = NULL;
    uint64_t        first_row, row_count;

    *ret_copied = false;
    FIRN_TRY(slot_of_values(w, copy->partition, &slot, err));
    if (!slot->writer) FIRN_TRY(slot_open_file(w, slot, err));
    if (!parquet_writer_can_copy(slot->writer, copy->file, copy->extra_count)) return FIRN_OK;
    parquet_file_row_group(copy->file, copy->row_group, &first_row, &row_count);
    if (copy->extra_count) FIRN_TRY(copy->make_extra(copy->state, first_row, row_count, &extra, err));
    if (parquet_writer_copy(slot->writer, copy->file, copy->row_group, copy->extra_count ? &extra : NULL, err))
        return firn_while(err, "writing '%s'", slot->path);
    *ret_copied = true;
    FIRN_TRY(slot_grew(w, slot, err));
    return limit_open_files(w, slot, err);
}

/* *ret_reader NULL: the cut takes every column. */
static firn_status
open_rest(const roll_writer *w, const roll_copy *copy, const parquet_cut *cut, batch_reader **ret_reader, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(schema_unrefp) table_schema *columns = NULL;
    const table_schema *schema = w->settings.schema;
    schema_field       *fields = firn_arena_array(&arena, schema->field_count, sizeof *fields);
    unsigned            count = 0;
    uint64_t            first_row, row_count;

    if (!fields) return firn_fail_memory(err, "columns");
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (!parquet_cut_takes(cut, i)) fields[count++] = schema->fields[i];
    }
    if (!count) return FIRN_OK;
    FIRN_TRY(schema_new(schema->schema_id, fields, count, NULL, 0, false, &columns, err));
    parquet_file_row_group(copy->file, copy->row_group, &first_row, &row_count);
    return copy->open_rest(copy->state, columns, first_row, row_count, ret_reader, err);
}

firn_status
roll_writer_cut(roll_writer *w, const roll_copy *copy, bool *ret_copied, uint64_t *ret_rows, firn_error *err)
{
    FIRN_AUTO(parquet_cut_freep) parquet_cut *cut = NULL;
    FIRN_AUTO(batch_reader_freep) batch_reader *rest = NULL;
    partition_slot *slot = NULL;

    *ret_copied = false;
    FIRN_TRY(slot_of_values(w, copy->partition, &slot, err));
    if (!slot->writer) FIRN_TRY(slot_open_file(w, slot, err));
    FIRN_TRY(parquet_cut_new(slot->writer, copy->file, copy->row_group, copy->extra_count, copy->column_count,
                             copy->deleted, copy->memory_bytes_max, &cut, err));
    if (!cut) return FIRN_OK;
    FIRN_TRY(open_rest(w, copy, cut, &rest, err));
    if (parquet_writer_cut(slot->writer, cut, rest, ret_rows, err)) return firn_while(err, "writing '%s'", slot->path);
    *ret_copied = true;
    FIRN_TRY(slot_grew(w, slot, err));
    return limit_open_files(w, slot, err);
}

firn_status
roll_writer_roll(roll_writer *w, firn_error *err)
{
    while (w->open_count) FIRN_TRY(slot_close_file(w, w->open[w->open_count - 1], err));
    return FIRN_OK;
}

uint64_t
roll_writer_file_bytes(const roll_writer *w)
{
    uint64_t bytes = w->closed_bytes;

    for (size_t i = 0; i < w->open_count; i++) bytes += w->open[i]->file_bytes_known;
    return bytes;
}

const data_file_list *
roll_writer_closed(const roll_writer *w)
{
    return &w->files;
}

/* From the order of their ends to that of their beginnings: every number has its file by now. */
static void
sort_files(roll_writer *w)
{
    for (unsigned i = 0; i < w->files.count; i++) {
        while (w->numbers[i] != i) {
            unsigned  to = w->numbers[i];
            data_file file = w->files.files[to];

            assert(to < w->files.count);
            w->files.files[to] = w->files.files[i];
            w->files.files[i] = file;
            w->numbers[i] = w->numbers[to];
            w->numbers[to] = to;
        }
    }
}

firn_status
roll_writer_finish(roll_writer *w, data_file_list *ret_files, firn_error *err)
{
    FIRN_TRY(roll_writer_roll(w, err));
    if (w->is_placed) sort_files(w);
    *ret_files = w->files;
    w->files = (data_file_list){0};
    w->finished = true;
    return FIRN_OK;
}
