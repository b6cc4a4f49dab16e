#include "parquet/group_cut.h"

#include "base/alloc.h"
#include "parquet/chunk_copy.h"
#include "parquet/page_copy.h"
#include "parquet/page_cut.h"
#include "parquet/writer_parts.h"

/* Rows that go column by column at once. */
#define STRETCH_ROWS ((size_t) 32768)

#define READ_AHEAD_MAX ((size_t) 1 << 20)
#define READ_AHEAD_MIN ((size_t) 16 << 10)
/* What a page of a chunk and the work on it mostly take at most. */
#define PAGE_MEMORY_BYTES ((uint64_t) 3 << 20)

struct parquet_cut {
    uint64_t            first_row, row_count; /* of its row group */
    read_context        context;
    const parquet_deleted *deleted;
    uint64_t            size_bytes; /* of the row group */
    unsigned            leaf_count, copied_count;
    page_copy          *copies; /* by leaf; none fits where rows are deleted */
    page_cut           *cuts;   /* by leaf, of those that are not copied */
    bool               *takes;  /* by column of the schema */
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
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        page_copy_done(&cut->copies[i]);
        page_cut_done(&cut->cuts[i]);
    }
    firn_free(cut->copies);
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

/* Pages go over as they are only where all of them do, into one row group. */
static firn_status
plan_copies(parquet_cut *cut, const parquet_writer *w, unsigned column_count, firn_error *err)
{
    if (cut->deleted || cut->row_count > w->options.row_group_rows_max || cut->size_bytes > w->options.row_group_size_bytes)
        return FIRN_OK;
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        page_copy *copy = &cut->copies[i];

        // Where a dictionary has proved its worth the values are to go through it.
        if (copy->leaf->column_index >= column_count || w->columns[i].use == DICTIONARY_PAYS) continue;
        FIRN_TRY(page_copy_plan(copy, &w->options, cut->row_count, cut->context.source, err));
        cut->copied_count += copy->fits;
    }
    return FIRN_OK;
}

/* Columns from `first` on, one and all. */
static void
cut_all_or_none(parquet_cut *cut, unsigned first)
{
    bool all = true;

    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].in.leaf->column_index >= first && !cut->cuts[i].fits) all = false;
    }
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].in.leaf->column_index >= first && !all) cut->cuts[i].fits = false;
    }
}

/* No more than memory allows: else none. */
static void
plan_cuts(parquet_cut *cut, const parquet_writer *w, unsigned column_count)
{
    unsigned count = 0;
    uint64_t memory = 0;

    for (unsigned i = 0; i < cut->leaf_count; i++) {
        const parquet_chunk *chunk = cut->cuts[i].in.chunk;
        bool may_cut = cut->row_count >= GROUP_CUT_ROWS_MIN && !cut->copies[i].fits;

        if (may_cut && (w->schema.leaves[i].column_index < column_count || chunk->statistics.null_count == 0))
            page_cut_plan(&cut->cuts[i], w->columns[i].use, cut->row_count);
    }
    cut_all_or_none(cut, column_count);
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        int64_t size = cut->cuts[i].in.chunk->uncompressed_size_bytes;

        if (!cut->cuts[i].fits) continue;
        count++;
        memory += size > 0 && (uint64_t) size < PAGE_MEMORY_BYTES ? (uint64_t) size : PAGE_MEMORY_BYTES;
    }
    if (!count) return;
    for (unsigned i = 0; i < cut->leaf_count && memory > cut->context.budget.max_bytes; i++) cut->cuts[i].fits = false;
    cut->context.read_ahead_bytes = cut->context.budget.max_bytes / 8 / count;
    if (cut->context.read_ahead_bytes > READ_AHEAD_MAX) cut->context.read_ahead_bytes = READ_AHEAD_MAX;
    if (cut->context.read_ahead_bytes < READ_AHEAD_MIN) cut->context.read_ahead_bytes = READ_AHEAD_MIN;
}

static bool
is_taken(const parquet_cut *cut, unsigned leaf)
{
    return leaf < cut->leaf_count && (cut->copies[leaf].fits || cut->cuts[leaf].fits);
}

firn_status
parquet_cut_new(const parquet_writer *w, const parquet_file *file, unsigned row_group, unsigned extra_count,
                unsigned column_count, const parquet_deleted *deleted, size_t memory_bytes_max, parquet_cut **ret_cut,
                firn_error *err)
{
    const parquet_metadata  *m = parquet_file_metadata(file);
    const parquet_source    *source = parquet_file_source(file);
    const parquet_row_group *from = &m->row_groups[row_group];
    bool                     takes_some = false;

    *ret_cut = NULL;
    if (!chunk_copy_schema_fits(&w->schema, extra_count, m) || from->row_count == 0) return FIRN_OK;

    FIRN_AUTO(parquet_cut_freep) parquet_cut *cut = firn_calloc(1, sizeof *cut);

    if (!cut) return firn_fail_memory(err, "the pages of a Parquet file");
    cut->deleted = deleted;
    cut->first_row = from->first_row;
    cut->row_count = from->row_count;
    cut->context = (read_context){.source = source,
                                  .data_end = source->size_bytes - PARQUET_TAIL_SIZE,
                                  .budget = {.max_bytes = memory_bytes_max},
                                  .verify_checksums = true};
    page_cut_scratch_init(&cut->scratch);
    cut->copies = firn_calloc(m->leaf_count, sizeof *cut->copies);
    cut->cuts = firn_calloc(m->leaf_count, sizeof *cut->cuts);
    cut->takes = firn_calloc(w->table->field_count, sizeof *cut->takes);
    if (!cut->copies || !cut->cuts || !cut->takes) return firn_fail_memory(err, "the pages of a Parquet file");
    for (unsigned i = 0; i < m->leaf_count; i++, cut->leaf_count++) {
        page_copy_init(&cut->copies[i], &w->schema.leaves[i], &from->chunks[i]);
        page_cut_init(&cut->cuts[i], &w->schema.leaves[i], &from->chunks[i], &cut->context);
        cut->size_bytes += (uint64_t) from->chunks[i].compressed_size_bytes;
    }
    FIRN_TRY(plan_copies(cut, w, column_count, err));
    plan_cuts(cut, w, column_count);
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (!is_taken(cut, i)) continue;
        cut->takes[w->schema.leaves[i].column_index] = true;
        takes_some = true;
    }
    if (takes_some) *ret_cut = FIRN_STEAL(cut);
    return FIRN_OK;
}

/* The rows that stay of [first, first + count), from the row group's beginning on. */
static firn_status
find_runs(parquet_cut *cut, uint64_t first, size_t count, size_t *ret_run_count, size_t *ret_row_count, firn_error *err)
{
    size_t gone_count = 0, run_count = 0, row_count = 0, at = 0;

    if (cut->deleted)
        FIRN_TRY(cut->deleted->read(cut->deleted->state, cut->first_row + first, cut->gone, count, &gone_count, err));
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
            if (is_taken(cut, i)) continue;
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
add_copies(parquet_writer *w, const parquet_cut *cut, firn_error *err)
{
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (!cut->copies[i].fits) continue;
        FIRN_TRY(column_writer_end_page(&w->columns[i], &w->pages, &w->body, err));
        FIRN_TRY(page_copy_add(&cut->copies[i], cut->row_count, cut->context.source, &w->columns[i], err));
    }
    return FIRN_OK;
}

static firn_status
cut_stretch(parquet_writer *w, parquet_cut *cut, batch_reader *rest, struct ArrowArray **children, uint64_t first, size_t count,
            size_t *ret_rows, firn_error *err)
{
    size_t run_count;

    FIRN_TRY(find_runs(cut, first, count, &run_count, ret_rows, err));
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (!cut->cuts[i].fits) continue;
        FIRN_TRY(page_cut_rows(&cut->cuts[i], &cut->scratch, cut->runs, run_count, count, &w->columns[i], &w->pages, &w->body, err));
    }
    return rest ? add_rest(w, cut, rest, children, *ret_rows, err) : FIRN_OK;
}

/* With copied columns the row group ends nowhere within. */
static firn_status
cut_rows(parquet_writer *w, parquet_cut *cut, batch_reader *rest, uint64_t *ret_rows, firn_error *err)
{
    FIRN_AUTO(firn_freep) struct ArrowArray **children = firn_calloc(w->table->field_count, sizeof *children);
    uint64_t rows = 0;

    if (!children) return firn_fail_memory(err, "the columns of a Parquet file");
    for (uint64_t at = 0; at < cut->row_count;) {
        uint64_t step = cut->row_count - at, room = w->options.row_group_rows_max - w->group_row_count;
        size_t   kept;

        if (step > STRETCH_ROWS) step = STRETCH_ROWS;
        if (step > w->options.page_rows_max) step = w->options.page_rows_max;
        if (step > room && !cut->copied_count) step = room;
        FIRN_TRY(cut_stretch(w, cut, rest, children, at, (size_t) step, &kept, err));
        if (!cut->copied_count) FIRN_TRY(parquet_writer_count_rows(w, kept, err));
        at += step;
        rows += kept;
    }
    if (cut->copied_count) FIRN_TRY(parquet_writer_count_rows(w, rows, err));
    *ret_rows = rows;
    return check_end(cut, rest, err);
}

firn_status
parquet_writer_cut(parquet_writer *w, parquet_cut *cut, batch_reader *rest, uint64_t *ret_rows, firn_error *err)
{
    assert(!w->is_closed && !w->is_broken);
    w->is_broken = true; /* until all is well */
    if (cut->copied_count > 0) {
        if (w->group_row_count + cut->row_count > w->options.row_group_rows_max ||
            w->group_size_bytes + cut->size_bytes > w->options.row_group_size_bytes)
            FIRN_TRY(parquet_writer_close_group(w, err));
        FIRN_TRY(add_copies(w, cut, err));
    }
    for (unsigned i = 0; i < cut->leaf_count; i++) {
        if (cut->cuts[i].fits) FIRN_TRY(page_cut_start(&cut->cuts[i], err));
    }
    FIRN_TRY(cut_rows(w, cut, rest, ret_rows, err));
    w->is_broken = false;
    return FIRN_OK;
}
