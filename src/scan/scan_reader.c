#include "scan/scan_reader.h"

#include "base/alloc.h"
#include "batch/array.h"
#include "batch/batch_take.h"
#include "scan/read_columns.h"
#include "scan/scan_deletes.h"
#include "scan/scan_ranges.h"
#include "scan/stored_file.h"

#define FIRST_BATCH_ROWS 1024
#define NAME_MAPPING "schema.name-mapping.default"

typedef struct task_reader {
    batch_reader               base; /* first */
    const scan_settings       *settings;
    const scan_task           *task;
    const parquet_row_range   *range; /* NULL: the whole file */
    firn_arena                 arena;
    stored_file                file;
    table_schema              *read; /* the scan's columns, then what only the filters need */
    batch_reader              *rows; /* of the file */
    size_t                     batch_rows, batch_rows_max;
    roaring64                 *deleted; /* NULL: none */
    const equality_set *const *sets;
    unsigned                   set_count;
    firn_buffer                key;
    size_t                     capacity; /* of the arrays below, in rows */
    uint8_t                   *keep;
    uint8_t                   *matches;
    uint32_t                  *indexes;
    uint64_t                  *positions; /* of the rows of the batch last returned */
} task_reader;

static void
task_reader_free(batch_reader *base)
{
    task_reader *r = (task_reader *) base;

    batch_reader_free(r->rows);
    stored_file_done(&r->file);
    roaring64_free(r->deleted);
    schema_unref(r->read);
    schema_unref(r->base.schema);
    firn_buffer_done(&r->key);
    firn_arena_done(&r->arena);
    firn_free(r->keep);
    firn_free(r->matches);
    firn_free(r->indexes);
    firn_free(r->positions);
    firn_free(r);
}

static firn_status
reserve_rows(task_reader *r, size_t count, firn_error *err)
{
    if (count <= r->capacity) return FIRN_OK;
    firn_free(r->keep);
    firn_free(r->matches);
    firn_free(r->indexes);
    firn_free(r->positions);
    r->capacity = 0;
    r->keep = firn_alloc(count);
    r->matches = firn_alloc(count);
    r->indexes = firn_alloc(count * sizeof *r->indexes);
    r->positions = firn_alloc(count * sizeof *r->positions);
    if (!r->keep || !r->matches || !r->indexes || !r->positions) return firn_fail_memory(err, "a scan's rows");
    r->capacity = count;
    return FIRN_OK;
}

/* r->positions serves as scratch: they are set afterwards. */
static void
drop_deleted(task_reader *r, uint64_t first_row, size_t count)
{
    uint64_t from = first_row, end = first_row + count;

    while (r->deleted && from < end) {
        size_t found = roaring64_read(r->deleted, from, r->positions, r->capacity);
        for (size_t i = 0; i < found && r->positions[i] < end; i++) r->keep[r->positions[i] - first_row] = 0;
        if (found < r->capacity) return;
        from = r->positions[found - 1] + 1;
    }
}

/* Marks the rows to keep, and lists them. */
static firn_status
choose_rows(task_reader *r, const struct ArrowArray *rows, uint64_t first_row, size_t *ret_count, firn_error *err)
{
    size_t count = (size_t) rows->length, kept = 0;

    FIRN_TRY(reserve_rows(r, count, err));
    memset(r->keep, 1, count);
    drop_deleted(r, first_row, count);
    for (unsigned i = 0; i < r->set_count; i++)
        FIRN_TRY(equality_set_apply(r->sets[i], r->read, rows, r->task->data->sequence_number, &r->key, r->keep, err));
    if (r->settings->where) {
        FIRN_TRY(scan_predicate_rows(r->settings->where, r->read, rows, r->matches, err));
        for (size_t i = 0; i < count; i++) r->keep[i] &= r->matches[i];
    }
    for (size_t i = 0; i < count; i++) {
        r->indexes[kept] = (uint32_t) i;
        r->positions[kept] = first_row + i;
        kept += r->keep[i];
    }
    *ret_count = kept;
    return FIRN_OK;
}

/* All rows, without the columns that only the filters needed. */
static firn_status
move_columns(const table_schema *wanted, struct ArrowArray *rows, struct ArrowArray *ret_array, firn_error *err)
{
    if (!array_init(ret_array, 1, (int64_t) wanted->field_count)) return firn_fail_memory(err, "a batch");
    ret_array->length = rows->length;
    for (unsigned i = 0; i < wanted->field_count; i++) array_move(rows->children[i], ret_array->children[i]);
    return FIRN_OK;
}

static firn_status
take_rows(task_reader *r, batch *rows, size_t count, batch *ret_batch, firn_error *err)
{
    struct ArrowArray taken = {0};

    if (count == (size_t) rows->array.length)
        FIRN_TRY(move_columns(r->base.schema, &rows->array, &taken, err));
    else
        FIRN_TRY(batch_take(r->base.schema, &rows->array, r->indexes, count, &taken, err));
    batch_init(ret_batch, r->base.schema, &taken);
    return FIRN_OK;
}

/* The first rows come soon, the others in large batches. */
static void
grow_batches(task_reader *r)
{
    if (r->batch_rows == r->batch_rows_max) return;
    r->batch_rows = r->batch_rows * 8 < r->batch_rows_max ? r->batch_rows * 8 : r->batch_rows_max;
    parquet_reader_limit(r->rows, r->batch_rows);
}

static firn_status
task_reader_next(batch_reader *base, batch *ret_batch, firn_error *err)
{
    task_reader *r = (task_reader *) base;

    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        uint64_t                    first_row = parquet_reader_row(r->rows);
        size_t                      kept = 0;

        if (task_cancel_requested(r->settings->cancel)) return firn_fail(err, FIRN_E_CANCELLED, "the scan was stopped");
        FIRN_TRY(batch_reader_next(r->rows, &rows, err));
        if (!rows.array.release) {
            *ret_batch = (batch){0};
            return FIRN_OK;
        }
        FIRN_TRY(choose_rows(r, &rows.array, first_row, &kept, err));
        grow_batches(r);
        if (kept > 0) return take_rows(r, &rows, kept, ret_batch, err);
    }
}

static const batch_reader_ops task_reader_ops = {task_reader_next, task_reader_free};

const uint64_t *
scan_reader_positions(const batch_reader *base)
{
    assert(base->ops == &task_reader_ops);
    return ((const task_reader *) base)->positions;
}

firn_status
scan_task_deleted(const scan_settings *settings, const scan_task *task, roaring64 **ret_deleted, firn_error *err)
{
    (void) settings;
    return scan_deletes_positions(task->shared, task, ret_deleted, err);
}

static firn_status
open_rows(task_reader *r, firn_error *err)
{
    const scan_settings *settings = r->settings;
    const data_file     *data = &r->task->data->file;
    size_t memory_bytes = settings->memory_bytes_max ? settings->memory_bytes_max : SCAN_MEMORY_BYTES_DEFAULT;

    /* Half for what is read, half for the rows that are kept of it. */
    parquet_read_options options = {.memory_bytes_max = memory_bytes / 2,
                                    .name_mapping = table_metadata_property(settings->table, NAME_MAPPING)};

    FIRN_TRY(stored_file_open(&r->file, settings->files, data, memory_bytes / 2, err));
    FIRN_TRY(scan_deletes_positions(r->task->shared, r->task, &r->deleted, err));
    FIRN_TRY(scan_deletes_equality(r->task->shared, r->task, &r->arena, &r->sets, &r->set_count, err));
    FIRN_TRY(read_columns_make(settings, data, r->file.file, r->sets, r->set_count, &r->arena, &r->read, err));
    if (settings->where)
        FIRN_TRY(scan_ranges_make(r->file.file, settings->where, &r->arena, &options.ranges, &options.range_count, err));
    if (r->range) {
        options.ranges = r->range;
        options.range_count = 1;
    }
    r->batch_rows_max = settings->batch_rows ? settings->batch_rows : SCAN_BATCH_ROWS_DEFAULT;
    r->batch_rows = r->batch_rows_max < FIRST_BATCH_ROWS ? r->batch_rows_max : FIRST_BATCH_ROWS;
    options.batch_rows = r->batch_rows;
    return parquet_file_read(r->file.file, r->read, &options, &r->rows, err);
}

static firn_status
open_task(const scan_settings *settings, const scan_task *task, const parquet_row_range *range, batch_reader **ret_reader,
          firn_error *err)
{
    task_reader *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "a scan's data file");

    FIRN_AUTO(batch_reader_freep) batch_reader *owned = &r->base;

    r->base = (batch_reader){&task_reader_ops, schema_ref(settings->columns)};
    r->settings = settings;
    r->task = task;
    firn_arena_init(&r->arena, FIRN_ARENA_SIZE_MAX_DEFAULT);
    firn_buffer_init(&r->key, (size_t) 256 << 20);
    if (range) {
        parquet_row_range *copy = firn_arena_alloc(&r->arena, sizeof *copy);

        if (!copy) return firn_fail_memory(err, "a scan's data file");
        *copy = *range;
        r->range = copy;
    }
    if (open_rows(r, err)) return firn_while(err, "scanning '%s'", task->data->file.path);
    *ret_reader = FIRN_STEAL(owned);
    return FIRN_OK;
}

firn_status
scan_task_open(const scan_settings *settings, const scan_task *task, batch_reader **ret_reader, firn_error *err)
{
    return open_task(settings, task, NULL, ret_reader, err);
}

firn_status
scan_task_open_range(const scan_settings *settings, const scan_task *task, uint64_t first_row, uint64_t row_count,
                     batch_reader **ret_reader, firn_error *err)
{
    parquet_row_range range = {first_row, row_count};

    assert(!settings->where && row_count > 0);
    return open_task(settings, task, &range, ret_reader, err);
}
