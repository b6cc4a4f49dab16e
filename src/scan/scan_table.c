#include "base/alloc.h"
#include "scan/scan_deletes.h"
#include "scan/scan_reader.h"

typedef struct table_reader {
    batch_reader         base; /* first */
    const scan_settings *settings;
    scan_plan           *plan;
    firn_arena           arena; /* of the task at hand */
    scan_task            task;
    batch_reader        *rows; /* of the task; NULL: none is open */
} table_reader;

static void
table_reader_free(batch_reader *base)
{
    table_reader *r = (table_reader *) base;

    batch_reader_free(r->rows);
    firn_arena_done(&r->arena);
    scan_plan_free(r->plan);
    schema_unref(r->base.schema);
    firn_free(r);
}

/* Opens the next task; r->rows stays NULL at the end. */
static firn_status
next_task(table_reader *r, firn_error *err)
{
    bool more = false;

    firn_arena_reset(&r->arena);
    FIRN_TRY(scan_plan_next(r->plan, &r->arena, &r->task, &more, err));
    return more ? scan_task_open(r->settings, &r->task, &r->rows, err) : FIRN_OK;
}

static firn_status
table_reader_next(batch_reader *base, batch *ret_batch, firn_error *err)
{
    table_reader *r = (table_reader *) base;

    for (;;) {
        if (!r->rows) FIRN_TRY(next_task(r, err));
        if (!r->rows) {
            *ret_batch = (batch){0};
            return FIRN_OK;
        }
        FIRN_TRY(batch_reader_next(r->rows, ret_batch, err));
        if (ret_batch->array.release) return FIRN_OK;
        batch_reader_free(FIRN_STEAL(r->rows));
    }
}

static const batch_reader_ops table_reader_ops = {table_reader_next, table_reader_free};

firn_status
scan_table_open(const scan_settings *settings, batch_reader **ret_reader, firn_error *err)
{
    table_reader *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "a scan");

    FIRN_AUTO(batch_reader_freep) batch_reader *owned = &r->base;

    r->base = (batch_reader){&table_reader_ops, schema_ref(settings->columns)};
    r->settings = settings;
    firn_arena_init(&r->arena, FIRN_ARENA_SIZE_MAX_DEFAULT);
    FIRN_TRY(scan_plan_open(settings, &r->plan, err));
    *ret_reader = FIRN_STEAL(owned);
    return FIRN_OK;
}

scan_plan_stats
scan_table_stats(const batch_reader *base)
{
    assert(base->ops == &table_reader_ops);
    return scan_plan_get_stats(((const table_reader *) base)->plan);
}

/* ---- counting ---- */

static firn_status
count_rows(const scan_settings *settings, const scan_task *task, uint64_t *ret_count, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;

    *ret_count = 0;
    FIRN_TRY(scan_task_open(settings, task, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) return FIRN_OK;
        *ret_count += (uint64_t) rows.array.length;
    }
}

static firn_status
count_task(const scan_settings *settings, const scan_task *task, uint64_t *ret_count, firn_error *err)
{
    FIRN_AUTO(roaring64_freep) roaring64 *deleted = NULL;
    uint64_t                              total = (uint64_t) task->data->file.record_count;

    for (unsigned i = 0; i < task->delete_count; i++) {
        if (task->deletes[i]->file.content == DATA_FILE_EQUALITY_DELETES)
            return count_rows(settings, task, ret_count, err);
    }
    if (settings->where) return count_rows(settings, task, ret_count, err);
    FIRN_TRY(scan_task_deleted(settings, task, &deleted, err));
    *ret_count = total - (deleted ? roaring64_count_range(deleted, 0, total) : 0);
    return FIRN_OK;
}

firn_status
scan_table_count(const scan_settings *settings, uint64_t *ret_row_count, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena    arena = {0};
    FIRN_AUTO(scan_plan_freep) scan_plan    *plan = NULL;
    FIRN_AUTO(schema_unrefp) table_schema   *none = NULL;
    scan_settings                            plain = *settings;
    uint64_t                                 total = 0;

    FIRN_TRY(schema_new(0, NULL, 0, NULL, 0, false, &none, err));
    plain.columns = none;
    FIRN_TRY(scan_plan_open(&plain, &plan, err));
    if (scan_plan_row_count(plan, ret_row_count)) return FIRN_OK;
    for (;;) {
        scan_task task;
        uint64_t  count = 0;
        bool      more = false;

        firn_arena_reset(&arena);
        FIRN_TRY(scan_plan_next(plan, &arena, &task, &more, err));
        if (!more) break;
        FIRN_TRY(count_task(&plain, &task, &count, err));
        total += count;
    }
    *ret_row_count = total;
    return FIRN_OK;
}
