#include "state/schema_changes_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "catalog/commit.h"
#include "state/own_table.h"

enum change_column {
    COLUMN_CHANGED_AT,
    COLUMN_TABLE_NAME,
    COLUMN_COLUMN_NAME,
    COLUMN_FIELD_ID,
    COLUMN_KIND,
    COLUMN_BEFORE,
    COLUMN_AFTER,
    COLUMN_ACTION,
    COLUMN_NOTE,
    COLUMN_POSITION,
    COLUMN_CORRELATION_ID,
    COLUMN_RECORDED_AT,
    COLUMN_COUNT,
};

static firn_status
changes_schema_new(table_schema **ret_schema, firn_error *err)
{
    static const data_type    text = {.kind = TYPE_STRING};
    static const data_type    number = {.kind = TYPE_INT};
    static const data_type    time = {.kind = TYPE_TIMESTAMPTZ};
    static const schema_field fields[COLUMN_COUNT] = {
        [COLUMN_CHANGED_AT] = {.name = "changed_at", .required = true, .type = &time, .doc = "commit time in the source"},
        [COLUMN_TABLE_NAME] = {.name = "table_name", .required = true, .type = &text},
        [COLUMN_COLUMN_NAME] = {.name = "column_name", .type = &text, .doc = "null: the key, or the table as a whole"},
        [COLUMN_FIELD_ID] = {.name = "field_id", .type = &number, .doc = "of the column in the lake"},
        [COLUMN_KIND] = {.name = "kind", .required = true, .type = &text},
        [COLUMN_BEFORE] = {.name = "before", .type = &text},
        [COLUMN_AFTER] = {.name = "after", .type = &text},
        [COLUMN_ACTION] = {.name = "action", .required = true, .type = &text, .doc = "what firn did about it"},
        [COLUMN_NOTE] = {.name = "note", .type = &text, .doc = "why it was not simply applied"},
        [COLUMN_POSITION] = {.name = "position", .type = &text, .doc = "in the source's log"},
        [COLUMN_CORRELATION_ID] = {.name = "correlation_id", .type = &text},
        [COLUMN_RECORDED_AT] = {.name = "recorded_at", .required = true, .type = &time},
    };

    return schema_new(0, fields, COLUMN_COUNT, NULL, 0, true, ret_schema, err);
}

/* ---- reading ---- */

typedef struct row_list {
    schema_change_row *rows;
    size_t             count, capacity;
    firn_arena        *arena; /* where the texts of read rows go */
} row_list;

static void
row_list_done(row_list *list)
{
    firn_free(list->rows);
}

static firn_status
row_list_add(row_list *list, const schema_change_row *row, firn_error *err)
{
    if (list->count == list->capacity) {
        size_t             capacity = list->capacity ? list->capacity * 2 : 64;
        schema_change_row *rows = firn_realloc(list->rows, capacity * sizeof *rows);
        if (!rows) return firn_fail_memory(err, "the changes of schemas");
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->count++] = *row;
    return FIRN_OK;
}

static firn_status
add_row_read(void *state, const struct ArrowArray *rows, int64_t row, firn_error *err)
{
    row_list                 *list = state;
    struct ArrowArray *const *column = rows->children;
    schema_change_row         out = {.changed_at_us = own_long_at(column[COLUMN_CHANGED_AT], row),
                                     .field_id = own_int_at(column[COLUMN_FIELD_ID], row),
                                     .recorded_at_us = own_long_at(column[COLUMN_RECORDED_AT], row)};
    const struct {
        unsigned     column;
        const char **text;
    } texts[] = {
        {COLUMN_TABLE_NAME, &out.table_name}, {COLUMN_COLUMN_NAME, &out.column_name},
        {COLUMN_KIND, &out.kind},             {COLUMN_BEFORE, &out.before},
        {COLUMN_AFTER, &out.after},           {COLUMN_ACTION, &out.action},
        {COLUMN_NOTE, &out.note},             {COLUMN_POSITION, &out.position},
        {COLUMN_CORRELATION_ID, &out.correlation_id},
    };

    for (unsigned i = 0; i < FIRN_COUNT(texts); i++)
        FIRN_TRY(own_text_at(column[texts[i].column], row, list->arena, texts[i].text, err));
    /* Rows that another writer made up do not count. */
    if (!out.table_name || !out.kind || !out.action) return FIRN_OK;
    return row_list_add(list, &out, err);
}

static firn_status
read_rows(const table_metadata *table, storage *files, table_schema *schema, row_list *list, firn_error *err)
{
    if (own_table_read(table, files, schema, list->arena, add_row_read, list, err))
        return firn_while(err, "reading '%s'", table->location);
    return FIRN_OK;
}

/* Insertion, which is stable: they nearly always are in order. */
static void
sort_by_time(schema_change_row rows[], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        schema_change_row row = rows[i];
        size_t            at = i;

        for (; at > 0 && rows[at - 1].changed_at_us > row.changed_at_us; at--) rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

firn_status
schema_changes_table_read(catalog *lake, const char *const *levels, unsigned level_count, firn_arena *arena,
                          schema_change_rows *ret_rows, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(row_list_done) row_list list = {.arena = arena};
    table_ident ident = {.namespace_levels = levels, .level_count = level_count, .name = SCHEMA_CHANGES_TABLE_NAME};
    schema_change_row *rows;

    FIRN_TRY(lake->ops->load(lake, &ident, &table, err));
    FIRN_TRY(changes_schema_new(&schema, err));
    FIRN_TRY(read_rows(table, lake->files, schema, &list, err));
    rows = firn_arena_array(arena, list.count + 1, sizeof *rows);
    if (!rows) return firn_fail_memory(err, "the changes of schemas");
    if (list.count) memcpy(rows, list.rows, list.count * sizeof *rows);
    sort_by_time(rows, list.count);
    *ret_rows = (schema_change_rows){.count = list.count, .rows = rows};
    return FIRN_OK;
}

/* ---- writing ---- */

typedef struct append {
    catalog                 *lake;
    const table_ident        ident;
    const schema_change_row *rows;
    size_t                   count;
    pending_files           *pending; /* or NULL */
    firn_uuid                commit_id;
    char                     commit_text[UUID_TEXT_SIZE];
    table_schema            *schema;
    firn_arena               arena;
    data_file_list           added;
    size_t                   added_count;
    unsigned                 attempt;
} append;

static void
append_done(append *a)
{
    schema_unref(a->schema);
    data_file_list_done(&a->added);
    firn_arena_done(&a->arena);
}

static bool
same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
list_has(const row_list *list, const schema_change_row *row)
{
    for (size_t i = 0; i < list->count; i++) {
        const schema_change_row *there = &list->rows[i];
        if (same_text(there->table_name, row->table_name) && same_text(there->position, row->position) &&
            same_text(there->column_name, row->column_name) && same_text(there->kind, row->kind) &&
            same_text(there->action, row->action))
            return true;
    }
    return false;
}

static firn_status
add_optional(column_builder *b, int64_t value, firn_error *err)
{
    return value ? column_add_i64(b, value, err) : column_add_null(b, err);
}

static firn_status
build_row(column_builder *const column[], const schema_change_row *row, firn_error *err)
{
    FIRN_TRY(column_add_i64(column[COLUMN_CHANGED_AT], row->changed_at_us, err));
    FIRN_TRY(column_add_text(column[COLUMN_TABLE_NAME], row->table_name, err));
    FIRN_TRY(column_add_text(column[COLUMN_COLUMN_NAME], row->column_name, err));
    FIRN_TRY(add_optional(column[COLUMN_FIELD_ID], row->field_id, err));
    FIRN_TRY(column_add_text(column[COLUMN_KIND], row->kind, err));
    FIRN_TRY(column_add_text(column[COLUMN_BEFORE], row->before, err));
    FIRN_TRY(column_add_text(column[COLUMN_AFTER], row->after, err));
    FIRN_TRY(column_add_text(column[COLUMN_ACTION], row->action, err));
    FIRN_TRY(column_add_text(column[COLUMN_NOTE], row->note, err));
    FIRN_TRY(column_add_text(column[COLUMN_POSITION], row->position, err));
    FIRN_TRY(column_add_text(column[COLUMN_CORRELATION_ID], row->correlation_id, err));
    return column_add_i64(column[COLUMN_RECORDED_AT], row->recorded_at_us, err);
}

static void
free_builders(column_builder *(*columns)[COLUMN_COUNT])
{
    for (unsigned i = 0; i < COLUMN_COUNT; i++) column_builder_free((*columns)[i]);
}

/* The rows from `first` on. */
static firn_status
rows_to_batch(table_schema *schema, const row_list *list, size_t first, batch *ret_batch, firn_error *err)
{
    FIRN_AUTO(free_builders) column_builder *columns[COLUMN_COUNT] = {0};

    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        FIRN_TRY(column_builder_new(schema->fields[i].type, OWN_FILE_SIZE_MAX, &columns[i], err));
    for (size_t i = first; i < list->count; i++) FIRN_TRY(build_row(columns, &list->rows[i], err));
    return batch_from_builders(schema, columns, ret_batch, err);
}

/* Reads what is there into `list` and adds what is not; *ret_known counts the former. */
static firn_status
merge(append *a, const table_metadata *base, row_list *list, size_t *ret_known, firn_error *err)
{
    int64_t now_us = firn_clock_now_us();

    if (base) FIRN_TRY(read_rows(base, a->lake->files, a->schema, list, err));
    *ret_known = list->count;
    for (size_t i = 0; i < a->count; i++) {
        schema_change_row row = a->rows[i];

        if (list_has(list, &row)) continue;
        row.recorded_at_us = now_us;
        if (!row.changed_at_us) row.changed_at_us = now_us;
        FIRN_TRY(row_list_add(list, &row, err));
    }
    a->added_count = list->count - *ret_known;
    return FIRN_OK;
}

static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    append *a = state;
    FIRN_AUTO(row_list_done) row_list list = {.arena = &a->arena};
    FIRN_AUTO(batch_done) batch b = {0};
    own_file file = {
        .lake = a->lake, .table = SCHEMA_CHANGES_TABLE_NAME, .commit_id = a->commit_text, .pending = a->pending};
    size_t known = 0;

    FIRN_TRY(merge(a, base, &list, &known, err));
    *ret_change = (table_change){.commit_id = a->commit_id, .schema = base ? NULL : a->schema};
    if (!a->added_count) return FIRN_OK; /* only where another writer was quicker */
    if (base) file.location = base->location;
    else
        FIRN_TRY(a->lake->ops->location(a->lake, &a->ident, &a->arena, &file.location, err));
    file.attempt = a->attempt++;
    FIRN_TRY(rows_to_batch(a->schema, &list, known, &b, err));
    FIRN_TRY(own_file_write(&file, a->schema, &b, &a->added, err));
    ret_change->operation = "append";
    ret_change->added = a->added.files;
    ret_change->added_count = a->added.count;
    return FIRN_OK;
}

/* Whether all rows are there, so that nothing is to be committed. */
static firn_status
nothing_new(append *a, bool *ret_nothing, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    FIRN_AUTO(row_list_done) row_list list = {.arena = &a->arena};
    size_t known = 0;

    firn_status status = a->lake->ops->load(a->lake, &a->ident, &table, err);
    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        *ret_nothing = a->count == 0;
        return FIRN_OK;
    }
    FIRN_TRY(status);
    FIRN_TRY(merge(a, table, &list, &known, err));
    *ret_nothing = a->added_count == 0;
    return FIRN_OK;
}

firn_status
schema_changes_table_append(catalog *lake, const char *const *levels, unsigned level_count,
                            const schema_change_row rows[], size_t count, pending_files *pending, task_cancel *cancel,
                            size_t *ret_added, firn_error *err)
{
    FIRN_AUTO(append_done) append a = {
        .lake = lake,
        .ident = {.namespace_levels = levels, .level_count = level_count, .name = SCHEMA_CHANGES_TABLE_NAME},
        .rows = rows,
        .count = count,
        .pending = pending,
        .commit_id = uuid_v7(),
    };
    bool nothing = false;

    uuid_format(a.commit_id, a.commit_text);
    FIRN_TRY(changes_schema_new(&a.schema, err));
    FIRN_TRY(nothing_new(&a, &nothing, err));
    if (!nothing && catalog_commit_decided(lake, &a.ident, decide, &a, cancel, NULL, err))
        return firn_while(err, "recording changes in '%s'", SCHEMA_CHANGES_TABLE_NAME);
    if (ret_added) *ret_added = nothing ? 0 : a.added_count;
    return pending && a.attempt ? pending_files_end(pending, a.commit_text, err) : FIRN_OK;
}

/* ---- as JSON ---- */

void
schema_change_write_members(const schema_change_row *row, jwriter *w)
{
    jwrite_member_text(w, "table_name", row->table_name);
    jwrite_member_text(w, "column_name", row->column_name);
    jwrite_key(w, "field_id");
    if (row->field_id) jwrite_i64(w, row->field_id);
    else
        jwrite_null(w);
    jwrite_member_text(w, "kind", row->kind);
    jwrite_member_text(w, "before", row->before);
    jwrite_member_text(w, "after", row->after);
    jwrite_member_text(w, "action", row->action);
    jwrite_member_text(w, "note", row->note);
}
