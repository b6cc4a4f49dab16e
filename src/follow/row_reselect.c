#include "follow/row_reselect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "batch/array.h"
#include "batch/column_copy.h"
#include "scan/array_value.h"
#include "scan/row_text.h"
#include "source/unfit_value.h"

#define COLUMN_BYTES_MAX ((size_t) 1 << 31)
#define KEY_BYTES_MAX ((size_t) 256 << 20)

/* A row that came back. */
typedef struct found_row {
    key_hash key;
    int64_t  row; /* in the answer */
} found_row;

typedef struct reselection {
    const reselect_work *work;
    const table_shape   *shape;
    firn_arena           arena;
    /* What is asked for. */
    unsigned            *columns; /* of the description: those of the key, then the damaged ones */
    unsigned             column_count;
    table_schema        *wanted;
    uint32_t            *rows; /* of the batch; ascending */
    size_t               row_count;
    /* What came. */
    bool                *known; /* per wanted column */
    batch                answer;
    found_row           *found; /* by key */
    firn_error           unavailable; /* why nothing came */
    uint64_t             gone_count, coerced_count;
} reselection;

static void
reselection_done(reselection *s)
{
    batch_done(&s->answer);
    schema_unref(s->wanted);
    firn_arena_done(&s->arena);
}

/* ---- what is asked for ---- */

static const schema_field *
field_of(const reselection *s, unsigned column)
{
    return &s->shape->description->schema->fields[column];
}

static int
lake_field(const reselection *s, unsigned column)
{
    for (unsigned f = 0; f < s->work->schema->field_count; f++)
        if (s->shape->evolution.column_of_field[f] == (int) column) return (int) f;
    return -1;
}

static int
lake_field_by_id(const reselection *s, int32_t id)
{
    for (unsigned f = 0; f < s->work->schema->field_count; f++)
        if (s->work->schema->fields[f].id == id) return (int) f;
    return -1;
}

static int
wanted_place(const reselection *s, unsigned column)
{
    for (unsigned c = 0; c < s->column_count; c++)
        if (s->columns[c] == column) return (int) c;
    return -1;
}

static firn_status
choose_columns(reselection *s, firn_error *err)
{
    const table_shape *shape = s->shape;
    unsigned           room = shape->description->schema->field_count + shape->key_count + 1u;
    schema_field      *fields = firn_arena_array(&s->arena, room, sizeof *fields);

    s->columns = firn_arena_array(&s->arena, room, sizeof *s->columns);
    s->known = firn_arena_array(&s->arena, room, sizeof *s->known);
    if (!fields || !s->columns || !s->known) return firn_fail_memory(err, "rows that are read again");
    for (unsigned k = 0; k < shape->key_count; k++) {
        int column = schema_column_index(shape->description->schema, shape->relation->columns[shape->key_columns[k]].name);

        if (column < 0) return firn_fail(err, FIRN_E_BUG, "the key of '%s' lacks a column", shape->relation->name);
        s->columns[s->column_count++] = (unsigned) column;
    }
    for (size_t i = 0; i < s->work->damage_count; i++)
        if (wanted_place(s, s->work->damage[i].column) < 0) s->columns[s->column_count++] = s->work->damage[i].column;
    for (unsigned c = 0; c < s->column_count; c++) fields[c] = *field_of(s, s->columns[c]);
    return schema_new(0, fields, s->column_count, NULL, 0, false, &s->wanted, err);
}

static int
compare_rows(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *) x, b = *(const uint32_t *) y;

    return a < b ? -1 : a > b;
}

static firn_status
choose_rows(reselection *s, firn_error *err)
{
    size_t count = 0;

    s->rows = firn_arena_array(&s->arena, s->work->damage_count + 1, sizeof *s->rows);
    if (!s->rows) return firn_fail_memory(err, "rows that are read again");
    for (size_t i = 0; i < s->work->damage_count; i++) s->rows[i] = s->work->damage[i].row;
    qsort(s->rows, s->work->damage_count, sizeof *s->rows, compare_rows);
    for (size_t i = 0; i < s->work->damage_count; i++)
        if (!count || s->rows[count - 1] != s->rows[i]) s->rows[count++] = s->rows[i];
    s->row_count = count;
    return FIRN_OK;
}

/* The keys as the source can read them. */
static firn_status
write_keys(reselection *s, const char ***ret_keys, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    unsigned     key_count = s->shape->key_count;
    const char **keys = firn_arena_array(&s->arena, s->row_count * key_count + 1, sizeof *keys);

    if (!keys) return firn_fail_memory(err, "rows that are read again");
    firn_buffer_init(&text, KEY_BYTES_MAX);
    for (size_t i = 0; i < s->row_count; i++) {
        for (unsigned k = 0; k < key_count; k++) {
            int  field = lake_field_by_id(s, s->shape->key_field_ids[k]);
            bool is_null = true;

            firn_buffer_reset(&text);
            if (field >= 0)
                FIRN_TRY(row_text_add(s->work->schema->fields[field].type, s->work->rows->children[field],
                                      s->work->rows->offset + s->rows[i], &text, &is_null, err));
            if (is_null) return firn_fail(err, FIRN_E_BUG, "a row of '%s' has no key", s->work->table->name);
            keys[i * key_count + k] = firn_arena_text(&s->arena, firn_buffer_slice(&text));
            if (!keys[i * key_count + k]) return firn_fail_memory(err, "rows that are read again");
        }
    }
    *ret_keys = keys;
    return FIRN_OK;
}

/* ---- what came ---- */

static int
compare_found(const void *x, const void *y)
{
    const found_row *a = x, *b = y;

    return key_hash_compare(a->key, b->key);
}

/* The answer's keys are compared as those of the window are: what the source takes for equal may not be. */
static firn_status
sort_answer(reselection *s, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray keys = {0};
    int64_t   count = batch_row_count(&s->answer);
    unsigned  key_count = s->shape->key_count;
    key_hash *hashes = firn_arena_array(&s->arena, (size_t) count + 1, sizeof *hashes);

    s->found = firn_arena_array(&s->arena, (size_t) count + 1, sizeof *s->found);
    if (!hashes || !s->found || !array_init(&keys, 1, key_count)) return firn_fail_memory(err, "rows that are read again");
    if (!count) return FIRN_OK;
    keys.length = count;
    for (unsigned k = 0; k < key_count; k++) array_move(s->answer.array.children[k], keys.children[k]);
    FIRN_TRY(table_index_hash(s->work->table->index, s->shape->key_schema, &keys, hashes, err));
    for (int64_t i = 0; i < count; i++) s->found[i] = (found_row){hashes[i], i};
    qsort(s->found, (size_t) count, sizeof *s->found, compare_found);
    return FIRN_OK;
}

/* -1: it is not there. */
static int64_t
find_row(const reselection *s, uint32_t row)
{
    const found_row wanted = {.key = s->work->hashes[s->work->entries[row]]};
    size_t          count = (size_t) batch_row_count(&s->answer);
    const found_row *found = count ? bsearch(&wanted, s->found, count, sizeof wanted, compare_found) : NULL;

    return found ? found->row : -1;
}

/* ---- asking ---- */

/* Whether it says that rows cannot be asked for, and not that one of them is no good. */
static bool
means_unavailable(const firn_error *err)
{
    return err->status != FIRN_NO_MEMORY && err->status != FIRN_CANCELLED && err->code != FIRN_E_BUG &&
           err->code != FIRN_E_VALUE_UNREPRESENTABLE && err->code != FIRN_E_VALUE_CORRUPT && err->code != FIRN_E_TYPE_UNSUPPORTED;
}

static firn_status
ask(reselection *s, bool *ret_of_table, firn_error *err)
{
    const char     **keys = NULL;
    reselect_request request = {.table = s->shape->relation->name, .rules = &s->work->table->config->rules, .schema = s->wanted, .key_count = s->shape->key_count};

    FIRN_TRY(write_keys(s, &keys, err));
    request.keys = keys;
    request.row_count = s->row_count;
    firn_status status = s->work->stream->ops->reselect(s->work->stream, &request, s->known, &s->answer, err);
    if (!status) return sort_answer(s, err);
    *ret_of_table = status != FIRN_NO_MEMORY && status != FIRN_CANCELLED && err->code != FIRN_E_BUG;
    if (!means_unavailable(err)) return status;
    *ret_of_table = false;
    s->unavailable = *err;
    firn_error_reset(err);
    return FIRN_OK;
}

/* ---- putting in ---- */

static void
row_key_text(const reselection *s, uint32_t row, char *out, size_t size)
{
    size_t used = 0;

    for (unsigned k = 0; k < s->shape->key_count && used < size; k++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        firn_error ignored = {0};
        bool       is_null;
        int        field = lake_field_by_id(s, s->shape->key_field_ids[k]), length;

        firn_buffer_init(&text, KEY_BYTES_MAX);
        if (field < 0 || row_text_add(s->work->schema->fields[field].type, s->work->rows->children[field], s->work->rows->offset + row, &text, &is_null, &ignored)) return;
        length = snprintf(out + used, size - used, "%s%s=%.*s", k ? ", " : "", s->work->schema->fields[field].name,
                          (int) (text.size < 60 ? text.size : 60), (const char *) text.data);
        used += length > 0 ? (size_t) length : 0;
    }
}

static firn_status
say_origin(const reselection *s, const row_damage *damage, firn_error *err)
{
    const row_entry *entry = table_changes_entry(s->work->table->changes, s->work->entries[damage->row]);

    followed_table_say_origin(s->work->stream, entry->origin_part, entry->origin, err);
    return err->status;
}

static firn_status
fail_lost(const reselection *s, const row_damage *damage, firn_error *err)
{
    char        key[200] = "", why[260];
    const char *column = field_of(s, damage->column)->name;

    row_key_text(s, damage->row, key, sizeof key);
    if (s->unavailable.status) (void) snprintf(why, sizeof why, "%.255s", s->unavailable.cause);
    else
        (void) snprintf(why, sizeof why, "the source does not have the column in the type of the change any more");
    if (!damage->loss) {
        (void) firn_fail(err, FIRN_E_FOLLOW_ROW_GONE, "an update of '%s' leaves out column '%s' of row (%s), the lake does not have the row, and it could not be read again: %s",
                         s->work->table->name, column, key, why);
        firn_hint(err, "load the table again, with the source in reach");
        return say_origin(s, damage, err);
    }
    (void) firn_fail(err, FIRN_E_VALUE_DAMAGED, "Debezium has lost what stands in column '%s' of '%s', row (%s): %s; it could not be read again from the source: %s",
                     column, s->work->table->name, key, damage->loss, why);
    firn_hint(err, "load the table again, with the source in reach; or in %s: tables.%s.types: {%s: null}",
              s->work->table->config->rules.config_file ? s->work->table->config->rules.config_file : "sources.yaml", s->work->table->name, column);
    return say_origin(s, damage, err);
}

static firn_status
add_lost(reselection *s, const row_damage *damage, column_builder *builder, bool *ret_of_table, firn_error *err)
{
    const schema_field *field = field_of(s, damage->column);

    if (!damage->loss || field->required || unfit_value_policy(&s->work->table->config->rules, field->name) != POLICY_NULL) {
        *ret_of_table = true;
        return fail_lost(s, damage, err);
    }
    s->coerced_count++;
    return column_add_null(builder, err);
}

static firn_status
add_found(reselection *s, const row_damage *damage, unsigned place, int64_t row, column_builder *builder, bool *ret_of_table, firn_error *err)
{
    const struct ArrowArray *values = s->answer.array.children[place];

    if (field_of(s, damage->column)->required && array_is_null(values, row)) {
        *ret_of_table = true;
        return firn_fail(err, FIRN_E_VALUE_UNREPRESENTABLE, "column '%s' of '%s' is required, and a row of the source has a null there now",
                         field_of(s, damage->column)->name, s->work->table->name);
    }
    return column_add_from(builder, s->wanted->fields[place].type, values, row, err);
}

/* One column anew. `by_row`: what is damaged of it. */
static firn_status
fill_column(reselection *s, unsigned place, const row_damage *const by_row[], bool gone[], bool *ret_of_table, firn_error *err)
{
    const reselect_work *work = s->work;
    int                  field = lake_field(s, s->columns[place]);
    FIRN_AUTO(column_builder_freep) column_builder *builder = NULL;
    struct ArrowArray    made = {0};

    if (field < 0) return FIRN_OK;
    const data_type   *type = work->schema->fields[field].type;
    struct ArrowArray *column = work->rows->children[field];

    FIRN_TRY(column_builder_new(type, COLUMN_BYTES_MAX, &builder, err));
    for (int64_t row = 0; row < work->rows->length; row++) {
        int64_t from = by_row[row] && !gone[row] && !s->unavailable.status ? find_row(s, (uint32_t) row) : -1;

        if (!by_row[row]) FIRN_TRY(column_add_from(builder, type, column, work->rows->offset + row, err));
        else if (gone[row])
            FIRN_TRY(column_add_null(builder, err));
        else if (from < 0 || !s->known[place])
            FIRN_TRY(add_lost(s, by_row[row], builder, ret_of_table, err));
        else
            FIRN_TRY(add_found(s, by_row[row], place, from, builder, ret_of_table, err));
    }
    FIRN_TRY(column_builder_finish(builder, &made, err));
    array_done(column);
    array_move(&made, column);
    return FIRN_OK;
}

static firn_status
put_in(reselection *s, bool gone[], bool *ret_of_table, firn_error *err)
{
    const row_damage **by_row = firn_arena_array(&s->arena, (size_t) s->work->rows->length + 1, sizeof *by_row);

    if (!by_row) return firn_fail_memory(err, "rows that are read again");
    for (size_t i = 0; i < s->row_count && !s->unavailable.status; i++) {
        gone[s->rows[i]] = find_row(s, s->rows[i]) < 0;
        s->gone_count += gone[s->rows[i]];
    }
    for (unsigned c = s->shape->key_count; c < s->column_count; c++) {
        memset((void *) by_row, 0, (size_t) s->work->rows->length * sizeof *by_row);
        for (size_t i = 0; i < s->work->damage_count; i++)
            if (s->work->damage[i].column == s->columns[c]) by_row[s->work->damage[i].row] = &s->work->damage[i];
        FIRN_TRY(fill_column(s, c, by_row, gone, ret_of_table, err));
    }
    return FIRN_OK;
}

/* ---- all of it ---- */

static firn_status
reselect(reselection *s, bool gone[], bool *ret_of_table, firn_error *err)
{
    FIRN_TRY(choose_columns(s, err));
    FIRN_TRY(choose_rows(s, err));
    FIRN_TRY(ask(s, ret_of_table, err));
    FIRN_TRY(put_in(s, gone, ret_of_table, err));
    if (s->unavailable.status) {
        char text[FIRN_ERROR_TEXT_MAX];

        (void) snprintf(text, sizeof text, "%zu rows with lost values could not be read again, %" PRIu64 " values became null by policy", s->row_count, s->coerced_count);
        follow_tell(s->work->ctx, FOLLOW_EVENT_WARNING, s->work->table->name, text, &s->unavailable);
        return FIRN_OK;
    }
    log_debug("table '%s': %zu rows read again from the source, %" PRIu64 " of them are gone there", s->work->table->name, s->row_count, s->gone_count);
    follow_progress_reselected(s->work->ctx->settings->progress, s->row_count);
    return FIRN_OK;
}

bool
row_reselect_is_on(const followed_table *table, const follow_context *ctx, const change_stream *stream)
{
    return ctx->settings->reselect && table->shape->key_count && stream->ops->reselect;
}

firn_status
row_reselect_fill(const reselect_work *work, bool gone[], uint64_t *ret_coerced, bool *ret_of_table, firn_error *err)
{
    FIRN_AUTO(reselection_done) reselection s = {.work = work, .shape = work->table->shape};

    if (!work->damage_count) return FIRN_OK;
    if (reselect(&s, gone, ret_of_table, err)) return firn_while(err, "reading rows of '%s' again from the source", work->table->name);
    *ret_coerced += s.coerced_count;
    return FIRN_OK;
}
