#include "parquet/group_cut.h"

#include "base/alloc.h"
#include "parquet/chunk_copy.h"
#include "parquet/page_cut.h"
#include "parquet/writer_parts.h"

/* Rows that go column by column at once. */
#define STRETCH_ROWS ((size_t) 32768)

#define READ_AHEAD_MAX ((size_t) 1 << 20)
#define READ_AHEAD_MIN ((size_t) 16 << 10)
/* What a page of a chunk and the work on it mostly take at most. */
#define PAGE_MEMORY_BYTES ((uint64_t) 3 << 20)

struct parquet_cut {
    const parquet_file *file;
    uint64_t            first_row, row_count; /* of its row group */
    read_context        context;
    unsigned            leaf_count;
    page_cut           *cuts;  /* by leaf */
    bool               *takes; /* by column of the schema */
    page_cut_scratch    scratch;
    uint64_t            gone[STRETCH_ROWS];
    row_run             runs[STRETCH_ROWS / 2 + 1];
    batch               rest; /* of the columns that come as rows */
    size_t              rest_at;
};

void
parquet_cut_free(parquet_cut *cut)
{
    if (!cut) return;
    for (unsigned i = 0; cut->cuts && i < cut->leaf_count; i++) page_cut_done(&cut->cuts[i]);
    firn_free(cut->cuts);
    firn_free(cut->takes);
    page_cut_scratch_done(&cut->scratch);
    read_context_done(&cut->context);
    batch_done(&cut->rest);
    firn_free(cut);
}

bool
parquet_cut_takes(const parquet_cut *cut, unsigned column_index)
{
    return cut->takes[column_index];
}

/* Columns from `first` on, one and all. */
static void
take_all_or_none(parquet_cut *cut, unsigned first)
{
    bool all = true;

    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].in.leaf->column_index >= first && !cut->cuts[i].fits) all = false;
    }
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].in.leaf->column_index >= first && !all) cut->cuts[i].fits = false;
    }
}

/* Which columns can be taken. 0: none, or their pages would take too much memory. */
static unsigned
plan(parquet_cut *cut, const parquet_writer *w, const parquet_row_group *from, unsigned column_count)
{
    unsigned taken = 0;
    uint64_t memory = 0;

    for (unsigned i = 0; i < cut->leaf_count; i++) {
        const parquet_leaf *leaf = &w->schema.leaves[i];

        page_cut_init(&cut->cuts[i], leaf, &from->chunks[i], &cut->context);
        if (leaf->column_index < column_count || from->chunks[i].statistics.null_count == 0)
            page_cut_plan(&cut->cuts[i], w->columns[i].use, from->row_count);
    }
    take_all_or_none(cut, column_count);
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        int64_t size = from->chunks[i].uncompressed_size_bytes;

        if (!cut->cuts[i].fits) continue;
        taken++;
        cut->takes[w->schema.leaves[i].column_index] = true;
        memory += size > 0 && (uint64_t) size < PAGE_MEMORY_BYTES ? (uint64_t) size : PAGE_MEMORY_BYTES;
    }
    cut->context.read_ahead_bytes = taken ? cut->context.budget.max_bytes / 8 / taken : 0;
    if (cut->context.read_ahead_bytes > READ_AHEAD_MAX) cut->context.read_ahead_bytes = READ_AHEAD_MAX;
    if (cut->context.read_ahead_bytes < READ_AHEAD_MIN) cut->context.read_ahead_bytes = READ_AHEAD_MIN;
    return memory <= cut->context.budget.max_bytes ? taken : 0;
}

firn_status
parquet_cut_new(const parquet_writer *w, const parquet_file *file, unsigned row_group, unsigned extra_count,
                unsigned column_count, size_t memory_bytes_max, parquet_cut **ret_cut, firn_error *err)
{
    const parquet_metadata  *m = parquet_file_metadata(file);
    const parquet_source    *source = parquet_file_source(file);
    const parquet_row_group *from = &m->row_groups[row_group];

    *ret_cut = NULL;
    if (!chunk_copy_schema_fits(&w->schema, extra_count, m) || from->row_count < GROUP_CUT_ROWS_MIN) return FIRN_OK;

    FIRN_AUTO(parquet_cut_freep) parquet_cut *cut = firn_calloc(1, sizeof *cut);

    if (!cut) return firn_fail_memory(err, "the pages of a Parquet file");
    cut->file = file;
    cut->first_row = from->first_row;
    cut->row_count = from->row_count;
    cut->context = (read_context){.source = source,
                                  .data_end = source->size_bytes - PARQUET_TAIL_SIZE,
                                  .budget = {.max_bytes = memory_bytes_max},
                                  .verify_checksums = true};
    page_cut_scratch_init(&cut->scratch);
    cut->cuts = firn_calloc(m->leaf_count, sizeof *cut->cuts);
    cut->takes = firn_calloc(w->table->field_count, sizeof *cut->takes);
    if (!cut->cuts || !cut->takes) return firn_fail_memory(err, "the pages of a Parquet file");
    cut->leaf_count = m->leaf_count;
    if (plan(cut, w, from, column_count) > 0) *ret_cut = FIRN_STEAL(cut);
    return FIRN_OK;
}

/* The rows that stay of [first, first + count), from the row group's beginning on. */
static firn_status
find_runs(parquet_cut *cut, const parquet_deleted *deleted, uint64_t first, size_t count, size_t *ret_run_count,
          size_t *ret_row_count, firn_error *err)
{
    size_t gone_count, run_count = 0, row_count = 0, at = 0;

    FIRN_TRY(deleted->read(deleted->state, cut->first_row + first, cut->gone, count, &gone_count, err));
    for (size_t i = 0; at < count; i++) {
        uint64_t row = i < gone_count ? cut->gone[i] - cut->first_row - first : count;

        if (row > count) row = count;
        if (row > at) cut->runs[run_count++] = (row_run){(uint32_t) at, (uint32_t) (row - at)};
        row_count += row > at ? row - at : 0;
        at = row + 1;
    }
    *ret_run_count = run_count;
    *ret_row_count = row_count;
    return FIRN_OK;
}

static firn_status
rows_differ(const parquet_cut *cut, firn_error *err)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "'%s' has other rows in some columns than in others", cut->context.source->name);
}

/* The next rows of the columns that are not taken; seen with the others' places empty. */
static firn_status
add_rest(parquet_writer *w, parquet_cut *cut, batch_reader *rest, struct ArrowArray **children, size_t row_count, firn_error *err)
{
    while (row_count > 0) {
        struct ArrowArray view;
        size_t            count;
        int64_t           next = 0;

        if (cut->rest_at == (size_t) batch_row_count(&cut->rest)) {
            batch_done(&cut->rest);
            cut->rest = (batch){0};
            cut->rest_at = 0;
            FIRN_TRY(batch_reader_next(rest, &cut->rest, err));
            if (!batch_row_count(&cut->rest)) return rows_differ(cut, err);
        }
        count = (size_t) batch_row_count(&cut->rest) - cut->rest_at;
        if (count > row_count) count = row_count;
        view = cut->rest.array;
        for (unsigned i = 0; i < w->table->field_count; i++)
            children[i] = parquet_cut_takes(cut, i) ? NULL : cut->rest.array.children[next++];
        assert(next == cut->rest.array.n_children);
        view.children = children;
        for (unsigned i = 0; i < w->schema.leaf_count; i++) {
            if (i < cut->leaf_count && cut->cuts[i].fits) continue;
            FIRN_TRY(parquet_writer_add_to_column(w, &w->columns[i], &view, cut->rest_at, count, err));
        }
        cut->rest_at += count;
        row_count -= count;
    }
    return FIRN_OK;
}

static firn_status
check_end(parquet_cut *cut, batch_reader *rest, firn_error *err)
{
    if (!rest) return FIRN_OK;
    if (cut->rest_at < (size_t) batch_row_count(&cut->rest)) return rows_differ(cut, err);
    batch_done(&cut->rest);
    cut->rest = (batch){0};
    cut->rest_at = 0;
    FIRN_TRY(batch_reader_next(rest, &cut->rest, err));
    return batch_row_count(&cut->rest) ? rows_differ(cut, err) : FIRN_OK;
}

static firn_status
cut_stretch(parquet_writer *w, parquet_cut *cut, const parquet_deleted *deleted, batch_reader *rest,
            struct ArrowArray **children, uint64_t first, size_t count, uint64_t *add_rows, firn_error *err)
{
    size_t run_count, row_count;

    FIRN_TRY(find_runs(cut, deleted, first, count, &run_count, &row_count, err));
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (!cut->cuts[i].fits) continue;
        FIRN_TRY(page_cut_rows(&cut->cuts[i], &cut->scratch, cut->runs, run_count, count, &w->columns[i], &w->pages, &w->body, err));
    }
    if (rest) FIRN_TRY(add_rest(w, cut, rest, children, row_count, err));
    *add_rows += row_count;
    return parquet_writer_count_rows(w, row_count, err);
}

firn_status
parquet_writer_cut(parquet_writer *w, parquet_cut *cut, const parquet_deleted *deleted, batch_reader *rest, uint64_t *ret_rows,
                   firn_error *err)
{
    FIRN_AUTO(firn_freep) struct ArrowArray **children = firn_calloc(w->table->field_count, sizeof *children);
    uint64_t rows = 0;

    assert(!w->is_closed && !w->is_broken);
    if (!children) return firn_fail_memory(err, "the columns of a Parquet file");
    w->is_broken = true; /* until all is well */
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].fits) FIRN_TRY(page_cut_start(&cut->cuts[i], err));
    }
    for (uint64_t at = 0; at < cut->row_count;) {
        uint64_t step = cut->row_count - at, room = w->options.row_group_rows_max - w->group_row_count;

        if (step > STRETCH_ROWS) step = STRETCH_ROWS;
        if (step > w->options.page_rows_max) step = w->options.page_rows_max;
        if (step > room) step = room;
        FIRN_TRY(cut_stretch(w, cut, deleted, rest, children, at, (size_t) step, &rows, err));
        at += step;
    }
    FIRN_TRY(check_end(cut, rest, err));
    *ret_rows = rows;
    w->is_broken = false;
    return FIRN_OK;
}
