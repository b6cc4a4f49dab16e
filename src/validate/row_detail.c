#include "validate/row_detail.h"

#include <string.h>

#include "base/text.h"
#include "batch/row_checksum.h"
#include "scan/row_text.h"

#define VALUE_BYTES_MAX ((size_t) 64 << 20)

/* One side's row of a key that is shown. */
typedef struct shown_row {
    bool         is_there;
    const char  *key;
    const char **values; /* NULL: null */
    uint64_t    *hashes;
} shown_row;

typedef struct detail {
    const table_pair      *pair;
    const row_compare     *compare;
    row_detail_visit       visit;
    void                  *state;
    task_lock             *guard; /* of all below, and of `visit` */
    firn_arena            *arena;
    unsigned               shown_count;
    const key_difference  *shown[VALIDATE_SHOWN_ROWS_MAX];
    shown_row              rows[VALIDATE_SHOWN_ROWS_MAX][2]; /* source, lake */
} detail;

static void
detail_done(detail *d)
{
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
    return d->visit ? d->visit(d->state, rows, row, err) : FIRN_OK;
}

static firn_status
visit(void *state, const pair_rows *rows, firn_error *err)
{
    detail *d = state;

    for (int64_t i = 0; i < rows->rows->length; i++) {
        const key_difference *difference = row_compare_find(d->compare, rows->key_hashes[i]);

        if (!difference) continue;
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
        values[out->value_count++] = (value_difference){d->pair->lake_schema->fields[i].name, source->values[i], lake->values[i]};
    }
    out->values = values;
    return FIRN_OK;
}

static firn_status
show(const detail *d, validate_table_result *result, firn_error *err)
{
    row_difference *shown = firn_arena_array(d->arena, VALIDATE_SHOWN_ROWS_MAX, sizeof *shown);

    if (!shown) return firn_fail_memory(err, "rows that differ");
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
                                       .guard = task_lock_new(),
                                       .arena = &result->arena};

    if (!d.guard) return firn_fail_memory(err, "rows that differ");
    while (d.shown_count < VALIDATE_SHOWN_ROWS_MAX && d.shown_count < compare->count) {
        d.shown[d.shown_count] = &compare->differences[d.shown_count];
        d.shown_count++;
    }
    FIRN_TRY(pair_pass_run(pair, visit, &d, ret_pass, err));
    return show(&d, result, err);
}
