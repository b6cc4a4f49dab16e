#include "validate/row_detail.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/text.h"
#include "batch/row_checksum.h"
#include "scan/row_text.h"
#include "validate/key_ranges.h"

#define VALUE_BYTES_MAX ((size_t) 64 << 20)

/* One side's row of a key that is shown. */
typedef struct shown_row {
    bool         is_there;
    const char  *key;
    const char **values; /* NULL: null */
    uint64_t    *hashes;
} shown_row;

/* What one worker, and so one side, counts by itself. */
typedef struct side_counts {
    bool      is_source;
    uint64_t  range_rows[KEY_RANGES_MAX];
    uint64_t *column_sums; /* of rows whose key is on both sides; NULL: none yet */
} side_counts;

typedef struct detail {
    const table_pair      *pair;
    const row_compare     *compare;
    row_detail_visit       visit;
    void                  *state;
    task_lock             *guard; /* of all below, and of `visit` */
    firn_arena            *arena;
    unsigned               worker_count;
    side_counts           *counts; /* per worker */
    unsigned               range_count;
    key_range              ranges[KEY_RANGES_MAX];
    range_difference      *range_results;
    unsigned               shown_count;
    const key_difference  *shown[VALIDATE_SHOWN_ROWS_MAX];
    shown_row              rows[VALIDATE_SHOWN_ROWS_MAX][2]; /* source, lake */
} detail;

static void
detail_done(detail *d)
{
    for (unsigned i = 0; d->counts && i < d->worker_count; i++) firn_free(d->counts[i].column_sums);
    firn_free(d->counts);
    task_lock_free(d->guard);
}

/* ---- texts ---- */

/* Cut at a letter's end, with what was left out said. */
static const char *
short_text(firn_arena *arena, const firn_buffer *text)
{
    size_t size = text->size;

    if (size <= VALIDATE_TEXT_MAX) return firn_arena_text(arena, firn_buffer_slice(text));
    for (size = VALIDATE_TEXT_MAX; size > 0 && (text->data[size] & 0xc0) == 0x80;) size--;
    return firn_arena_printf(arena, "%.*s… (%zu bytes)", (int) size, (const char *) text->data, text->size);
}

static firn_status
value_text(const detail *d, const pair_rows *rows, unsigned column, int64_t row, const char **ret_text, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    bool                                    is_null = false;

    firn_buffer_init(&text, VALUE_BYTES_MAX);
    FIRN_TRY(row_text_add(rows->schema->fields[column].type, rows->rows->children[column], rows->rows->offset + row,
                          &text, &is_null, err));
    *ret_text = NULL;
    if (is_null) return FIRN_OK;
    *ret_text = short_text(d->arena, &text);
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a value's text");
}

static firn_status
key_text(const detail *d, const pair_rows *rows, int64_t row, const char **ret_text, firn_error *err)
{
    // Without a key the row itself says which one it is.
    unsigned        count = d->pair->key_count ? d->pair->key_count : d->pair->column_count;
    const unsigned *columns = d->pair->key_count ? rows->key : rows->columns;
    const char     *text = "";

    for (unsigned k = 0; k < count && text; k++) {
        unsigned    column = columns[k];
        const char *value = NULL;

        FIRN_TRY(value_text(d, rows, column, row, &value, err));
        text = firn_arena_printf(d->arena, "%s%s%s=%s", text, *text ? ", " : "", rows->schema->fields[column].name,
                                 value ? value : "null");
    }
    *ret_text = text;
    return text ? FIRN_OK : firn_fail_memory(err, "a key's text");
}

/* ---- columns and ranges ---- */

static firn_status
make_ranges(detail *d, firn_error *err)
{
    uint64_t *orders;

    if (!d->pair->has_order) return FIRN_OK;
    orders = firn_calloc(d->compare->count + 1, sizeof *orders);
    if (!orders) return firn_fail_memory(err, "keys that differ");
    for (size_t i = 0; i < d->compare->count; i++) orders[i] = d->compare->differences[i].order;
    d->range_count = key_ranges_make(orders, d->compare->count, d->ranges);
    firn_free(orders);
    d->range_results = firn_arena_array(d->arena, KEY_RANGES_MAX, sizeof *d->range_results);
    return d->range_results ? FIRN_OK : firn_fail_memory(err, "ranges of keys");
}

/* Sums over the rows do not depend on their order; the key stands in each, so that swapped values are seen. */
static firn_status
add_columns(detail *d, side_counts *counts, const pair_rows *rows, int64_t row, firn_error *err)
{
    struct ArrowArray one = *rows->rows;

    if (!counts->column_sums) counts->column_sums = firn_calloc(d->pair->column_count + 1, sizeof *counts->column_sums);
    if (!counts->column_sums) return firn_fail_memory(err, "sums of columns");
    one.offset += row;
    one.length = 1;
    for (unsigned i = 0; i < d->pair->column_count; i++) {
        uint64_t hash;

        row_hashes(rows->schema, &one, &rows->columns[i], 1, &hash);
        counts->column_sums[i] += firn_hash_fold(hash ^ rows->key_hashes[row], FIRN_HASH_KEY_A);
    }
    return FIRN_OK;
}

/* The texts of the keys at the ends of a range. */
static firn_status
name_range(detail *d, const pair_rows *rows, int64_t row, const key_difference *difference, firn_error *err)
{
    unsigned index = key_ranges_find(d->ranges, d->range_count, difference->order);

    if (index == d->range_count) return FIRN_OK;
    range_difference *range = &d->range_results[index];
    if (difference->order == d->ranges[index].first && !range->first) FIRN_TRY(key_text(d, rows, row, &range->first, err));
    if (difference->order == d->ranges[index].last && !range->last) FIRN_TRY(key_text(d, rows, row, &range->last, err));
    return FIRN_OK;
}

static uint64_t
column_sum(const detail *d, unsigned column, bool of_source)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < d->worker_count; i++) {
        if (d->counts[i].column_sums && d->counts[i].is_source == of_source) sum += d->counts[i].column_sums[column];
    }
    return sum;
}

/* Those of this pass alone: a repair in several passes looks again. */
static firn_status
tell_columns(const detail *d, validate_table_result *result, firn_error *err)
{
    const char **names = firn_arena_array(d->arena, d->pair->column_count + 1, sizeof *names);

    if (!names) return firn_fail_memory(err, "columns that differ");
    result->column_difference_count = 0;
    for (unsigned i = 0; i < d->pair->column_count; i++) {
        if (column_sum(d, i, true) == column_sum(d, i, false)) continue;
        names[result->column_difference_count] = firn_arena_strdup(d->arena, d->pair->lake_schema->fields[i].name);
        if (!names[result->column_difference_count++]) return firn_fail_memory(err, "columns that differ");
    }
    result->column_differences = names;
    return FIRN_OK;
}

static void
tell_ranges(const detail *d, validate_table_result *result)
{
    for (unsigned r = 0; r < d->range_count; r++) {
        range_difference *range = &d->range_results[r];

        range->key_count = d->ranges[r].key_count;
        for (unsigned i = 0; i < d->worker_count; i++)
            *(d->counts[i].is_source ? &range->source_rows : &range->lake_rows) += d->counts[i].range_rows[r];
    }
    result->ranges = d->range_results;
    result->range_count = d->range_count;
}

/* ---- a row ---- */

static firn_status
keep_row(detail *d, const pair_rows *rows, int64_t row, shown_row *out, firn_error *err)
{
    unsigned          count = d->pair->column_count;
    struct ArrowArray one = *rows->rows;

    out->is_there = true;
    out->values = firn_arena_array(d->arena, count + 1, sizeof *out->values);
    out->hashes = firn_arena_array(d->arena, count + 1, sizeof *out->hashes);
    if (!out->values || !out->hashes) return firn_fail_memory(err, "a row that differs");
    FIRN_TRY(key_text(d, rows, row, &out->key, err));
    one.offset += row;
    one.length = 1;
    for (unsigned i = 0; i < count; i++) {
        FIRN_TRY(value_text(d, rows, rows->columns[i], row, &out->values[i], err));
        row_hashes(rows->schema, &one, &rows->columns[i], 1, &out->hashes[i]);
    }
    return FIRN_OK;
}

static firn_status
visit_row(detail *d, const pair_rows *rows, int64_t row, const key_difference *difference, firn_error *err)
{
    for (unsigned s = 0; s < d->shown_count; s++) {
        shown_row *shown = &d->rows[s][rows->is_source ? 0 : 1];

        if (d->shown[s] == difference && !shown->is_there) FIRN_TRY(keep_row(d, rows, row, shown, err));
    }
    FIRN_TRY(name_range(d, rows, row, difference, err));
    return d->visit ? d->visit(d->state, rows, row, err) : FIRN_OK;
}

static firn_status
visit(void *state, const pair_rows *rows, firn_error *err)
{
    detail      *d = state;
    side_counts *counts = &d->counts[rows->worker];

    counts->is_source = rows->is_source;
    for (int64_t i = 0; i < rows->rows->length; i++) {
        const key_difference *difference = row_compare_find(d->compare, rows->key_hashes[i]);
        unsigned range = d->range_count ? key_ranges_find(d->ranges, d->range_count, row_compare_order(d->pair, rows, i)) : 0;

        if (range < d->range_count) counts->range_rows[range]++;
        if (!difference) continue;
        if (difference->only_source && difference->only_lake) FIRN_TRY(add_columns(d, counts, rows, i, err));
        task_lock_hold(d->guard);
        firn_status status = visit_row(d, rows, i, difference, err);
        task_lock_release(d->guard);
        FIRN_TRY(status);
    }
    return FIRN_OK;
}

/* ---- the result ---- */

static firn_status
compare_values(const detail *d, unsigned index, row_difference *out, firn_error *err)
{
    const shown_row  *source = &d->rows[index][0], *lake = &d->rows[index][1];
    value_difference *values = firn_arena_array(d->arena, d->pair->column_count + 1, sizeof *values);

    if (!values) return firn_fail_memory(err, "values that differ");
    for (unsigned i = 0; i < d->pair->column_count; i++) {
        if (source->hashes[i] == lake->hashes[i]) continue;
        // The result outlives the pair's schemas.
        const char *name = firn_arena_strdup(d->arena, d->pair->lake_schema->fields[i].name);
        if (!name) return firn_fail_memory(err, "values that differ");
        values[out->value_count++] = (value_difference){name, source->values[i], lake->values[i]};
    }
    out->values = values;
    return FIRN_OK;
}

static firn_status
show(const detail *d, validate_table_result *result, firn_error *err)
{
    row_difference *shown = firn_arena_array(d->arena, VALIDATE_SHOWN_ROWS_MAX, sizeof *shown);

    if (!shown) return firn_fail_memory(err, "rows that differ");
    result->shown_count = 0;
    for (unsigned i = 0; i < d->shown_count; i++) {
        const shown_row *source = &d->rows[i][0], *lake = &d->rows[i][1];
        row_difference  *out = &shown[result->shown_count++];

        *out = (row_difference){.key = source->is_there ? source->key : lake->key,
                                .kind = !d->shown[i]->only_source ? DIFFERENCE_ONLY_LAKE
                                        : !d->shown[i]->only_lake ? DIFFERENCE_ONLY_SOURCE
                                                                  : DIFFERENCE_VALUES};
        if (!out->key) out->key = "?";
        if (out->kind == DIFFERENCE_VALUES && source->is_there && lake->is_there)
            FIRN_TRY(compare_values(d, i, out, err));
    }
    result->shown = shown;
    return FIRN_OK;
}

firn_status
row_detail_run(const table_pair *pair, const row_compare *compare, row_detail_visit visit_each, void *state,
               validate_table_result *result, pair_pass **ret_pass, firn_error *err)
{
    FIRN_AUTO(detail_done) detail d = {.pair = pair,
                                       .compare = compare,
                                       .visit = visit_each,
                                       .state = state,
                                       .worker_count = table_pair_worker_count(pair),
                                       .guard = task_lock_new(),
                                       .arena = &result->arena};

    d.counts = firn_calloc(d.worker_count, sizeof *d.counts);
    if (!d.guard || !d.counts) return firn_fail_memory(err, "rows that differ");
    FIRN_TRY(make_ranges(&d, err));
    while (d.shown_count < VALIDATE_SHOWN_ROWS_MAX && d.shown_count < compare->count) {
        d.shown[d.shown_count] = &compare->differences[d.shown_count];
        d.shown_count++;
    }
    FIRN_TRY(pair_pass_run(pair, visit, &d, ret_pass, err));
    FIRN_TRY(tell_columns(&d, result, err));
    tell_ranges(&d, result);
    return show(&d, result, err);
}
