#include "parquet/page_cut.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"

#define SCRATCH_SIZE_MAX ((size_t) 1 << 30)
#define SLACK 16

/* What is known of an entry of the old dictionary. */
typedef struct entry_mark {
    uint32_t page_serial; /* the column's page whose bounds have it */
    uint32_t number;      /* in the new dictionary; NUMBER_NONE */
} entry_mark;
#define NUMBER_NONE UINT32_MAX

/* One step: rows within a page that go to a page. */
typedef struct cut_step {
    size_t passed;                 /* rows, with those that go */
    size_t row_count, value_count; /* that stay */
    size_t value_end;              /* of the page: behind the step */
} cut_step;

void
page_cut_scratch_init(page_cut_scratch *s)
{
    *s = (page_cut_scratch){0};
    firn_buffer_init(&s->runs, SCRATCH_SIZE_MAX);
    firn_buffer_init(&s->valid, SCRATCH_SIZE_MAX);
    firn_buffer_init(&s->starts, SCRATCH_SIZE_MAX);
    firn_buffer_init(&s->ends, SCRATCH_SIZE_MAX);
    firn_buffer_init(&s->wides, SCRATCH_SIZE_MAX);
}

void
page_cut_scratch_done(page_cut_scratch *s)
{
    firn_buffer_done(&s->runs);
    firn_buffer_done(&s->valid);
    firn_buffer_done(&s->starts);
    firn_buffer_done(&s->ends);
    firn_buffer_done(&s->wides);
}

void
page_cut_init(page_cut *p, const parquet_leaf *leaf, const parquet_chunk *chunk, read_context *context)
{
    *p = (page_cut){0};
    dense_reader_init(&p->in, leaf, chunk, context);
}

void
page_cut_done(page_cut *p)
{
    if (p->in.pages.context) budget_release(&p->in.pages.context->budget, &p->marks);
    dense_reader_done(&p->in);
}

void
page_cut_plan(page_cut *p, dictionary_use use, uint64_t row_count)
{
    // Where a dictionary has proved its worth the values are to go through it.
    p->fits = dense_reader_fits(&p->in, row_count) &&
              (use != DICTIONARY_PAYS || p->in.chunk->dictionary_page_offset > 0);
}

firn_status
page_cut_start(page_cut *p, firn_error *err)
{
    p->row_at = p->value_at = 0;
    p->entry_size_max = 0;
    p->chunk_serial = 0;
    p->marks.size = 0;
    return dense_reader_start(&p->in, err);
}

/* ---- which rows ---- */

/* Values among the page's rows [first, first + count). */
static inline size_t
count_values(const dense_reader *in, size_t first, size_t count)
{
    if (in->value_count == in->row_count) return count;
    if (count > 56) return bitmap_count(in->valid.data, first, count);
    uint64_t bits = load_le64(in->valid.data + first / 8) >> (first % 8);
    return (size_t) __builtin_popcountll(bits & (((uint64_t) 1 << count) - 1));
}

/* PLAIN bytes of values that stay, at most. */
static inline size_t
size_of_values(const page_cut *p, const column_writer *c, size_t first, size_t count)
{
    switch (p->in.form) {
    case DENSE_FIXED:
        return count * p->in.value_size;
    case DENSE_BYTES:
        return dense_numbers(&p->in)[first + count] - dense_numbers(&p->in)[first];
    case DENSE_BOOLS:
        return count;
    case DENSE_ENTRIES:
        break;
    }
    return c->is_dictionary_open ? 0 : count * p->entry_size_max;
}

/* Bits of rows [first, first + count) behind those that are there. */
static firn_status
keep_bits(page_cut_scratch *s, const uint8_t *valid, size_t first, size_t count, size_t at, firn_error *err)
{
    size_t size = bitmap_size_bytes(at + count);

    if (size + SLACK > s->valid.size) {
        FIRN_TRY(firn_buffer_reserve(&s->valid, size + SLACK - s->valid.size, err));
        memset(s->valid.data + s->valid.size, 0, size + SLACK - s->valid.size);
        s->valid.size = size + SLACK;
    }
    while (count > 0) {
        size_t   step = count < 56 ? count : 56;
        uint64_t bits = load_le64(valid + first / 8) >> (first % 8) & (((uint64_t) 1 << step) - 1);
        uint8_t *to = s->valid.data + at / 8;

        store_le64(to, load_le64(to) | bits << (at % 8));
        first += step;
        at += step;
        count -= step;
    }
    return FIRN_OK;
}

/* So many of the run's rows as fit: all, or cut in halves until they do. */
static size_t
fit_rows(const page_cut *p, const column_writer *c, size_t row, size_t rank, size_t count, size_t room)
{
    size_t low = 0, high = count; // low fit, high don't

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (size_of_values(p, c, rank, count_values(&p->in, row, middle)) <= room) low = middle;
        else high = middle;
    }
    return low;
}

/* Numbers of a dictionary, or values of one size without nulls, take the same room each. 0: they don't. */
static size_t
rows_of_same_size(const page_cut *p, const column_writer *c, size_t size_room, size_t row_room)
{
    const dense_reader *in = &p->in;

    if (in->value_count < in->row_count) return 0;
    if (in->form == DENSE_ENTRIES && c->is_dictionary_open) return row_room;
    if (in->form != DENSE_FIXED && in->form != DENSE_BOOLS) return 0;
    return size_room / in->value_size < row_room ? size_room / in->value_size : row_room;
}

/* The same as choose, for such pages: runs of values are those of rows. */
static void
choose_by_count(const page_cut *p, page_cut_scratch *s, const row_run **runs, const row_run *runs_end, size_t at, size_t span,
                size_t room, cut_step *ret_step)
{
    size_t   row = at, end = at + span, kept = 0;
    row_run *out = (row_run *) (void *) s->runs.data;

    while (*runs < runs_end && (*runs)->first < end) {
        size_t first = (*runs)->first > row ? (*runs)->first : row, run_end = (*runs)->first + (*runs)->count;
        size_t count = (run_end < end ? run_end : end) - first;

        if (count > room - kept) count = room - kept;
        if (count == 0) break;
        *out++ = (row_run){(uint32_t) (p->row_at + (first - at)), (uint32_t) count};
        kept += count;
        row = first + count;
        if (row < run_end) break; // the page is full, or the span ends
        ++*runs;
    }
    // Rows behind the last run go.
    if (*runs == runs_end || (*runs)->first >= end) row = end;
    s->runs.size = (size_t) ((uint8_t *) out - s->runs.data);
    *ret_step = (cut_step){.passed = row - at, .row_count = kept, .value_count = kept, .value_end = p->value_at + (row - at)};
}

/* Runs of rows from `at` on, within the page, as many as fit into the column's page. row_count 0 with rows not passed: it is full. */
static firn_status
choose(const page_cut *p, page_cut_scratch *s, const row_run **runs, const row_run *runs_end, size_t at, size_t span,
       const column_writer *c, cut_step *ret_step, firn_error *err)
{
    const dense_reader *in = &p->in;
    bool                has_nulls = in->value_count < in->row_count;
    size_t              row_room = c->options->page_rows_max - c->page_row_count, row = at, end = at + span, rank = p->value_at;
    size_t size_room = c->values.size < c->options->page_size_bytes ? c->options->page_size_bytes - c->values.size : 0, size = 0;
    size_t in_page = p->row_at; // of `row`
    cut_step            step = {0};

    s->runs.size = 0;
    s->valid.size = 0;
    FIRN_TRY(firn_buffer_reserve(&s->runs, (size_t) (runs_end - *runs + 1) * sizeof(row_run), err));
    size_t count_room = rows_of_same_size(p, c, size_room, row_room);
    if (count_room > 0) {
        choose_by_count(p, s, runs, runs_end, at, span, count_room, ret_step);
        return FIRN_OK;
    }
    row_run *out = (row_run *) (void *) s->runs.data;
    while (*runs < runs_end && (*runs)->first < end) {
        size_t first = (*runs)->first > row ? (*runs)->first : row, run_end = (*runs)->first + (*runs)->count;
        size_t count = (run_end < end ? run_end : end) - first, values, more;

        if (count > row_room) count = row_room;
        rank += count_values(in, in_page, first - row);
        in_page += first - row;
        row = first;
        values = count_values(in, in_page, count);
        more = size_of_values(p, c, rank, values);
        if (more > size_room - size) {
            count = fit_rows(p, c, in_page, rank, count, size_room - size);
            if (count == 0 && step.row_count == 0 && c->page_slot_count == 0) count = 1;
            values = count_values(in, in_page, count);
            more = size_of_values(p, c, rank, values);
        }
        if (count == 0) break;
        if (has_nulls) FIRN_TRY(keep_bits(s, in->valid.data, in_page, count, step.row_count, err));
        if (values) *out++ = (row_run){(uint32_t) rank, (uint32_t) values};
        step.row_count += count;
        step.value_count += values;
        row_room -= count;
        size += more;
        rank += values;
        in_page += count;
        row += count;
        if (row < run_end) break; // the page is full, or the span ends
        ++*runs;
        if (size >= size_room) break;
    }
    // Rows behind the last run go.
    if (row < end && (*runs == runs_end || (*runs)->first >= end)) {
        rank += count_values(in, in_page, end - row);
        row = end;
    }
    s->runs.size = (size_t) ((uint8_t *) out - s->runs.data);
    step.passed = row - at;
    step.value_end = rank;
    *ret_step = step;
    return FIRN_OK;
}

/* ---- their values ---- */

static const row_run *
step_runs(const page_cut_scratch *s)
{
    return (const row_run *) (const void *) s->runs.data;
}

static size_t
step_run_count(const page_cut_scratch *s)
{
    return s->runs.size / sizeof(row_run);
}

/* Runs are short: copied by words, over their end where both sides have room for it (SLACK bytes behind `to`). */
static inline void
copy_run(uint8_t *to, const uint8_t *from, size_t size, const uint8_t *readable_end)
{
    if (size > 256 || (size_t) (readable_end - from) < size + SLACK) {
        memcpy(to, from, size);
        return;
    }
    for (size_t i = 0; i < size; i += SLACK) memcpy(to + i, from + i, SLACK);
}

static firn_status
reserve_places(page_cut_scratch *s, size_t count, firn_error *err)
{
    s->starts.size = s->ends.size = 0;
    FIRN_TRY(firn_buffer_reserve(&s->starts, count * sizeof(int32_t), err));
    return firn_buffer_reserve(&s->ends, count * sizeof(int32_t), err);
}

/* Bounds of `count` values of one size that lie end to end. */
static firn_status
count_fixed(page_cut_scratch *s, const parquet_leaf *leaf, unsigned size, const uint8_t *bytes, size_t count,
            value_stats *stats, firn_error *err)
{
    value_view view = {.count = count, .fixed = bytes};

    if (leaf->lane == LANE_128) {
        s->wides.size = 0;
        FIRN_TRY(firn_buffer_reserve(&s->wides, count * sizeof(int128), err));
        int128 *wides = (int128 *) (void *) s->wides.data;
        for (size_t i = 0; i < count; i++) wides[i] = decimal_load_be(bytes + i * size, size);
        view.fixed = wides;
    } else if (leaf->lane == LANE_BYTES) {
        FIRN_TRY(reserve_places(s, count, err));
        int32_t *starts = (int32_t *) (void *) s->starts.data, *ends = (int32_t *) (void *) s->ends.data;
        for (size_t i = 0; i < count; i++) {
            starts[i] = (int32_t) (i * size);
            ends[i] = (int32_t) ((i + 1) * size);
        }
        view = (value_view){.count = count, .bytes = bytes, .starts = starts, .ends = ends};
    }
    value_stats_add(stats, leaf, &view);
    return FIRN_OK;
}

static firn_status
take_fixed(const page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, firn_error *err)
{
    const dense_reader *in = &p->in;
    size_t              size = in->value_size, start = c->values.size;

    FIRN_TRY(firn_buffer_reserve(&c->values, value_count * size + SLACK, err));
    uint8_t *to = c->values.data + start;
    for (size_t i = 0; i < step_run_count(s); i++) {
        const row_run *run = &step_runs(s)[i];

        copy_run(to, in->values + run->first * size, run->count * size, in->readable_end);
        to += run->count * size;
    }
    c->values.size = start + value_count * size;
    return count_fixed(s, in->leaf, in->value_size, c->values.data + start, value_count, &c->page_stats, err);
}

static firn_status
take_bytes(const page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, firn_error *err)
{
    const dense_reader *in = &p->in;
    const uint32_t     *places = dense_numbers(in);
    size_t              n = 0, size = 0;

    FIRN_TRY(reserve_places(s, value_count, err));
    int32_t *starts = (int32_t *) (void *) s->starts.data, *ends = (int32_t *) (void *) s->ends.data;
    for (size_t i = 0; i < step_run_count(s); i++) {
        const row_run *run = &step_runs(s)[i];

        size += places[run->first + run->count] - places[run->first];
        for (size_t k = run->first; k < run->first + run->count; k++) {
            starts[n] = (int32_t) (places[k] + 4);
            ends[n++] = (int32_t) places[k + 1];
        }
    }
    FIRN_TRY(firn_buffer_reserve(&c->values, size + SLACK, err));
    uint8_t *to = c->values.data + c->values.size;
    for (size_t i = 0; i < step_run_count(s); i++) {
        const row_run *run = &step_runs(s)[i];
        size_t         run_size = places[run->first + run->count] - places[run->first];

        copy_run(to, in->values + places[run->first], run_size, in->readable_end);
        to += run_size;
    }
    c->values.size += size;
    value_view view = {.count = n, .bytes = in->values, .starts = starts, .ends = ends};
    value_stats_add(&c->page_stats, in->leaf, &view);
    return FIRN_OK;
}

static bool
is_nan(const parquet_leaf *leaf, const uint8_t *value)
{
    if (leaf->physical == PARQUET_FLOAT) return (load_le32(value) & 0x7fffffffu) > 0x7f800000u;
    return leaf->physical == PARQUET_DOUBLE && (load_le64(value) & (UINT64_MAX >> 1)) > UINT64_C(0x7ff) << 52;
}

/* An entry's first value in a page: it is counted in, and has a number from then on. *ret_is_full: the dictionary takes no more. */
static firn_status
meet_entry(const page_cut *p, size_t entry, column_writer *c, bool *ret_is_full, firn_error *err)
{
    const dense_reader *in = &p->in;
    const parquet_leaf *leaf = in->leaf;
    entry_mark         *mark = &((entry_mark *) (void *) p->marks.data)[entry];
    const uint8_t      *value = in->entries.data + dense_entry_place(in, entry);
    size_t              taken = 1;
    int32_t             start = 0, end = (int32_t) in->value_size;
    union {
        uint32_t of_32;
        uint64_t of_64;
        int128   of_128;
    } fixed = {0};
    value_view view = {.count = 1, .fixed = &fixed};

    switch (leaf->lane) {
    case LANE_32:
        fixed.of_32 = load_le32(value);
        break;
    case LANE_64:
        fixed.of_64 = load_le64(value);
        break;
    case LANE_128:
        fixed.of_128 = decimal_load_be(value, in->value_size);
        break;
    case LANE_BYTES:
        if (!in->value_size) {
            value += 4;
            end = (int32_t) load_le32(value - 4);
        }
        view = (value_view){.count = 1, .bytes = value, .starts = &start, .ends = &end};
        break;
    case LANE_BOOL:
        assert(!"booleans have no dictionary");
    }
    if (mark->number == NUMBER_NONE) FIRN_TRY(dictionary_add(&c->dict, &view, &mark->number, &taken, err));
    *ret_is_full = taken == 0;
    if (taken == 0) return FIRN_OK;
    value_stats_add(&c->page_stats, leaf, &view);
    // Each NaN is counted.
    if (!is_nan(leaf, value)) mark->page_serial = c->page_serial;
    return FIRN_OK;
}

static firn_status
take_numbers(const page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, bool *ret_is_full, firn_error *err)
{
    const entry_mark *marks = (const entry_mark *) (const void *) p->marks.data;
    const row_run    *run = step_runs(s), *runs_end = run + step_run_count(s);
    const uint32_t    serial = c->page_serial, *numbers = dense_numbers(&p->in);

    c->numbers.size = c->page_number_count * sizeof(uint32_t);
    FIRN_TRY(firn_buffer_reserve(&c->numbers, value_count * sizeof(uint32_t), err));
    uint32_t *to = (uint32_t *) (void *) (c->numbers.data + c->numbers.size);
    for (; run < runs_end; run++) {
        const uint32_t *from = numbers + run->first, *end = from + run->count;

        for (; from < end; from++) {
            entry_mark mark = marks[*from];

            if (FIRN_UNLIKELY(mark.page_serial != serial)) {
                FIRN_TRY(meet_entry(p, *from, c, ret_is_full, err));
                if (*ret_is_full) return FIRN_OK;
                mark = marks[*from];
            }
            *to++ = mark.number;
        }
    }
    if (c->page_counted == c->page_number_count) c->page_counted += value_count;
    c->page_number_count += value_count;
    return FIRN_OK;
}

#define DEFINE_GATHER(type)                                                                                            \
    static uint8_t *gather_##type(const dense_reader *in, const row_run *run, uint8_t *to)                             \
    {                                                                                                                  \
        const type     *entries = (const type *) (const void *) in->entries.data;                                      \
        const uint32_t *from = dense_numbers(in) + run->first;                                                         \
        for (size_t i = 0; i < run->count; i++) memcpy(to + i * sizeof(type), &entries[from[i]], sizeof(type));        \
        return to + run->count * sizeof(type);                                                                         \
    }
DEFINE_GATHER(uint32_t)
DEFINE_GATHER(uint64_t)

/* Entries of one size as PLAIN values, where the column has no dictionary or a full one. */
static firn_status
expand_fixed(const page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, firn_error *err)
{
    const dense_reader *in = &p->in;
    size_t              size = in->value_size, start = c->values.size;

    FIRN_TRY(firn_buffer_reserve(&c->values, value_count * size, err));
    uint8_t *to = c->values.data + start;
    for (size_t i = 0; i < step_run_count(s); i++) {
        const row_run  *run = &step_runs(s)[i];
        const uint32_t *from = dense_numbers(in) + run->first;

        if (size == sizeof(uint32_t)) to = gather_uint32_t(in, run, to);
        else if (size == sizeof(uint64_t)) to = gather_uint64_t(in, run, to);
        else
            for (size_t k = 0; k < run->count; k++, to += size) memcpy(to, in->entries.data + from[k] * size, size);
    }
    c->values.size = start + value_count * size;
    return count_fixed(s, in->leaf, in->value_size, c->values.data + start, value_count, &c->page_stats, err);
}

static firn_status
expand_bytes(const page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, firn_error *err)
{
    const dense_reader *in = &p->in;
    size_t              n = 0;

    FIRN_TRY(reserve_places(s, value_count, err));
    int32_t *starts = (int32_t *) (void *) s->starts.data, *ends = (int32_t *) (void *) s->ends.data;
    for (size_t i = 0; i < step_run_count(s); i++) {
        const row_run  *run = &step_runs(s)[i];
        const uint32_t *from = dense_numbers(in) + run->first;

        for (size_t k = 0; k < run->count; k++) {
            size_t place = dense_entry_place(in, from[k]), size = dense_entry_place(in, (size_t) from[k] + 1) - place;

            starts[n] = (int32_t) (c->values.size + 4);
            FIRN_TRY(firn_buffer_add(&c->values, in->entries.data + place, size, err));
            ends[n++] = (int32_t) c->values.size;
        }
    }
    value_view view = {.count = n, .bytes = c->values.data, .starts = starts, .ends = ends};
    value_stats_add(&c->page_stats, in->leaf, &view);
    return FIRN_OK;
}

/* The marks' numbers are of one chunk of the column. */
static void
forget_numbers(page_cut *p, const column_writer *c)
{
    if (p->chunk_serial == c->chunk_serial) return;
    if (p->marks.size) memset(p->marks.data, 0xff, p->marks.size);
    p->chunk_serial = c->chunk_serial;
}

/* *ret_is_full: nothing was taken, since the dictionary is full. */
static firn_status
take_values(page_cut *p, page_cut_scratch *s, size_t value_count, column_writer *c, bool *ret_is_full, firn_error *err)
{
    value_stats before;

    *ret_is_full = false;
    if (value_count == 0) return FIRN_OK;
    switch (p->in.form) {
    case DENSE_FIXED:
    case DENSE_BOOLS:
        FIRN_TRY(take_fixed(p, s, value_count, c, err));
        break;
    case DENSE_BYTES:
        FIRN_TRY(take_bytes(p, s, value_count, c, err));
        break;
    case DENSE_ENTRIES:
        forget_numbers(p, c);
        before = c->page_stats;
        if (c->is_dictionary_open) {
            FIRN_TRY(take_numbers(p, s, value_count, c, ret_is_full, err));
        } else if (p->in.value_size) {
            FIRN_TRY(expand_fixed(p, s, value_count, c, err));
        } else {
            FIRN_TRY(expand_bytes(p, s, value_count, c, err));
        }
        if (*ret_is_full) c->page_stats = before;
    }
    if (!value_stats_fit(&c->page_stats, p->in.leaf))
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "a value has more digits than its type");
    return FIRN_OK;
}

/* ---- page by page ---- */

static firn_status
next_page(page_cut *p, firn_error *err)
{
    dense_reader *in = &p->in;
    bool          had_dictionary = in->has_dictionary;

    FIRN_TRY(dense_reader_next(in, err));
    p->row_at = p->value_at = 0;
    if (had_dictionary || !in->has_dictionary) return FIRN_OK;
    p->marks.size = 0;
    FIRN_TRY(budget_reserve(&in->pages.context->budget, &p->marks, in->entry_count * sizeof(entry_mark) + 1, err));
    p->marks.size = in->entry_count * sizeof(entry_mark);
    p->chunk_serial = 0;
    p->entry_size_max = in->value_size;
    for (size_t i = 0; i < in->entry_count && !in->value_size; i++) {
        size_t size = dense_entry_place(in, i + 1) - dense_entry_place(in, i);

        if (size > p->entry_size_max) p->entry_size_max = size;
    }
    return FIRN_OK;
}

firn_status
page_cut_rows(page_cut *p, page_cut_scratch *s, const row_run runs[], size_t run_count, size_t row_count, column_writer *c,
              page_writer *pages, firn_buffer *body, firn_error *err)
{
    const row_run *runs_end = runs + run_count;
    dense_reader  *in = &p->in;

    for (size_t at = 0; at < row_count;) {
        const row_run *run = runs;
        cut_step       step;
        bool           is_full;

        if (p->row_at == in->row_count) {
            FIRN_TRY(next_page(p, err));
            continue;
        }
        if (in->form != DENSE_ENTRIES && in->value_count > 0 && c->is_dictionary_open)
            FIRN_TRY(column_writer_end_page(c, pages, body, err));
        if (column_writer_page_is_full(c)) FIRN_TRY(column_writer_close_page(c, pages, body, err));

        size_t span = row_count - at < in->row_count - p->row_at ? row_count - at : in->row_count - p->row_at;
        FIRN_TRY(choose(p, s, &run, runs_end, at, span, c, &step, err));
        if (step.passed == 0) {
            FIRN_TRY(column_writer_close_page(c, pages, body, err));
            continue;
        }
        if (take_values(p, s, step.value_count, c, &is_full, err)) return page_reader_while(&in->pages, err);
        if (is_full) {
            FIRN_TRY(column_writer_end_page(c, pages, body, err));
            continue;
        }
        leaf_rows rows = {.row_count = step.row_count,
                          .slot_count = step.row_count,
                          .null_count = step.row_count - step.value_count,
                          .valid = s->valid.data};
        if (rows.row_count) FIRN_TRY(column_writer_add_levels(c, &rows, err));
        runs = run;
        at += step.passed;
        p->row_at += step.passed;
        p->value_at = step.value_end;
    }
    return column_writer_page_is_full(c) ? column_writer_close_page(c, pages, body, err) : FIRN_OK;
}
