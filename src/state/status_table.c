#include "state/status_table.h"

#include "base/alloc.h"
#include "base/uuid.h"
#include "catalog/commit.h"
#include "state/own_table.h"

#include <stdlib.h>
#include <string.h>

enum status_column {
    COLUMN_TABLE_NAME,
    COLUMN_LOAD_STATUS,
    COLUMN_RECORD_COUNT,
    COLUMN_PRIMARY_KEYS,
    COLUMN_LOAD_START,
    COLUMN_LOAD_END,
    COLUMN_LOAD_POSITION,
    COLUMN_CDC_POSITION,
    COLUMN_LAST_EVENT_AT,
    COLUMN_LAST_COMMIT_AT,
    COLUMN_EVENTS_APPLIED,
    COLUMN_ERROR_MESSAGE,
    COLUMN_CORRELATION_ID,
    COLUMN_UPDATED_AT,
    COLUMN_COUNT,
};

static firn_status
status_schema_new(table_schema **ret_schema, firn_error *err)
{
    static const data_type    text = {.kind = TYPE_STRING};
    static const data_type    number = {.kind = TYPE_LONG};
    static const data_type    time = {.kind = TYPE_TIMESTAMPTZ};
    static const schema_field element = {.name = "element", .type = &text};
    static const data_type    texts = {.kind = TYPE_LIST, .field_count = 1, .fields = &element};
    static const schema_field fields[COLUMN_COUNT] = {
        [COLUMN_TABLE_NAME] = {.name = "table_name", .required = true, .type = &text},
        [COLUMN_LOAD_STATUS] = {.name = "load_status", .type = &text,
                                .doc = "pending, in_progress, completed, failed, skipped"},
        [COLUMN_RECORD_COUNT] = {.name = "record_count", .type = &number, .doc = "rows at the load position"},
        [COLUMN_PRIMARY_KEYS] = {.name = "primary_keys", .type = &texts},
        [COLUMN_LOAD_START] = {.name = "initial_load_start", .type = &time},
        [COLUMN_LOAD_END] = {.name = "initial_load_end", .type = &time},
        [COLUMN_LOAD_POSITION] = {.name = "load_position", .type = &text,
                                  .doc = "where in the source's log the loaded rows stand"},
        [COLUMN_CDC_POSITION] = {.name = "cdc_position", .type = &text},
        [COLUMN_LAST_EVENT_AT] = {.name = "last_event_at", .type = &time},
        [COLUMN_LAST_COMMIT_AT] = {.name = "last_commit_at", .type = &time},
        [COLUMN_EVENTS_APPLIED] = {.name = "events_applied", .type = &number},
        [COLUMN_ERROR_MESSAGE] = {.name = "error_message", .type = &text},
        [COLUMN_CORRELATION_ID] = {.name = "correlation_id", .type = &text},
        [COLUMN_UPDATED_AT] = {.name = "updated_at", .type = &time},
    };
    static const int32_t key[] = {COLUMN_TABLE_NAME};

    return schema_new(0, fields, COLUMN_COUNT, key, 1, true, ret_schema, err);
}

/* ---- reading ---- */

typedef struct row_list {
    status_row *rows;
    size_t      count, capacity;
} row_list;

static void
row_list_done(row_list *list)
{
    firn_free(list->rows);
}

static firn_status
row_list_add(row_list *list, const status_row *row, firn_error *err)
{
    if (list->count == list->capacity) {
        size_t      capacity = list->capacity ? list->capacity * 2 : 64;
        status_row *rows = firn_realloc(list->rows, capacity * sizeof *rows);
        if (!rows) return firn_fail_memory(err, "the status of the tables");
        list->rows = rows;
        list->capacity = capacity;
    }
    list->rows[list->count++] = *row;
    return FIRN_OK;
}

static firn_status
texts_at(const struct ArrowArray *column, int64_t row, firn_arena *arena, status_row *out, firn_error *err)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + column->offset;
    const char   **texts;
    unsigned       count;

    if (own_is_null(column, row)) return FIRN_OK;
    count = (unsigned) (offsets[row + 1] - offsets[row]);
    texts = firn_arena_array(arena, count + 1, sizeof *texts);
    if (!texts) return firn_fail_memory(err, "the status of the tables");
    for (unsigned i = 0; i < count; i++)
        FIRN_TRY(own_text_at(column->children[0], offsets[row] + (int64_t) i, arena, &texts[i], err));
    out->primary_keys = texts;
    out->primary_key_count = count;
    return FIRN_OK;
}

/* What own_table_read brings, and where it goes. */
typedef struct reading {
    row_list   *list;
    firn_arena *arena;
} reading;

static firn_status
add_row_read(void *state, const struct ArrowArray *rows, int64_t row, firn_error *err)
{
    const reading            *r = state;
    struct ArrowArray *const *column = rows->children;
    status_row                out = {
                       .record_count = own_long_at(column[COLUMN_RECORD_COUNT], row),
                       .initial_load_start_us = own_long_at(column[COLUMN_LOAD_START], row),
                       .initial_load_end_us = own_long_at(column[COLUMN_LOAD_END], row),
                       .last_event_at_us = own_long_at(column[COLUMN_LAST_EVENT_AT], row),
                       .last_commit_at_us = own_long_at(column[COLUMN_LAST_COMMIT_AT], row),
                       .events_applied = own_long_at(column[COLUMN_EVENTS_APPLIED], row),
                       .updated_at_us = own_long_at(column[COLUMN_UPDATED_AT], row),
    };

    FIRN_TRY(own_text_at(column[COLUMN_TABLE_NAME], row, r->arena, &out.table_name, err));
    FIRN_TRY(own_text_at(column[COLUMN_LOAD_STATUS], row, r->arena, &out.load_status, err));
    FIRN_TRY(own_text_at(column[COLUMN_LOAD_POSITION], row, r->arena, &out.load_position, err));
    FIRN_TRY(own_text_at(column[COLUMN_CDC_POSITION], row, r->arena, &out.cdc_position, err));
    FIRN_TRY(own_text_at(column[COLUMN_ERROR_MESSAGE], row, r->arena, &out.error_message, err));
    FIRN_TRY(own_text_at(column[COLUMN_CORRELATION_ID], row, r->arena, &out.correlation_id, err));
    FIRN_TRY(texts_at(column[COLUMN_PRIMARY_KEYS], row, r->arena, &out, err));
    return out.table_name ? row_list_add(r->list, &out, err) : FIRN_OK;
}

static int
compare_rows(const void *a, const void *b)
{
    return strcmp(((const status_row *) a)->table_name, ((const status_row *) b)->table_name);
}

static firn_status
read_rows(const table_metadata *table, storage *files, firn_arena *arena, row_list *list, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    reading r = {.list = list, .arena = arena};

    FIRN_TRY(status_schema_new(&schema, err));
    FIRN_TRY(own_table_read(table, files, schema, arena, add_row_read, &r, err));
    if (list->count) qsort(list->rows, list->count, sizeof *list->rows, compare_rows);
    return FIRN_OK;
}

firn_status
status_table_read(catalog *lake, const char *const *levels, unsigned level_count, firn_arena *arena,
                  status_rows *ret_rows, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    FIRN_AUTO(row_list_done) row_list list = {0};
    table_ident ident = {.namespace_levels = levels, .level_count = level_count, .name = STATUS_TABLE_NAME};
    status_row *rows;

    FIRN_TRY(lake->ops->load(lake, &ident, &table, err));
    if (read_rows(table, lake->files, arena, &list, err)) return firn_while(err, "reading '%s'", table->location);
    rows = firn_arena_array(arena, list.count + 1, sizeof *rows);
    if (!rows) return firn_fail_memory(err, "the status of the tables");
    if (list.count) memcpy(rows, list.rows, list.count * sizeof *rows);
    *ret_rows = (status_rows){.count = (unsigned) list.count, .rows = rows};
    return FIRN_OK;
}

/* ---- writing ---- */

static firn_status
add_time(column_builder *b, int64_t us, firn_error *err)
{
    return us ? column_add_i64(b, us, err) : column_add_null(b, err);
}

static firn_status
add_row(column_builder *const column[], const status_row *row, firn_error *err)
{
    column_builder *keys = column[COLUMN_PRIMARY_KEYS];

    FIRN_TRY(column_add_text(column[COLUMN_TABLE_NAME], row->table_name, err));
    FIRN_TRY(column_add_text(column[COLUMN_LOAD_STATUS], row->load_status, err));
    FIRN_TRY(column_add_i64(column[COLUMN_RECORD_COUNT], row->record_count, err));
    for (unsigned i = 0; i < row->primary_key_count; i++)
        FIRN_TRY(column_add_text(column_child(keys, 0), row->primary_keys[i], err));
    FIRN_TRY(column_end(keys, err));
    FIRN_TRY(add_time(column[COLUMN_LOAD_START], row->initial_load_start_us, err));
    FIRN_TRY(add_time(column[COLUMN_LOAD_END], row->initial_load_end_us, err));
    FIRN_TRY(column_add_text(column[COLUMN_LOAD_POSITION], row->load_position, err));
    FIRN_TRY(column_add_text(column[COLUMN_CDC_POSITION], row->cdc_position, err));
    FIRN_TRY(add_time(column[COLUMN_LAST_EVENT_AT], row->last_event_at_us, err));
    FIRN_TRY(add_time(column[COLUMN_LAST_COMMIT_AT], row->last_commit_at_us, err));
    FIRN_TRY(column_add_i64(column[COLUMN_EVENTS_APPLIED], row->events_applied, err));
    FIRN_TRY(column_add_text(column[COLUMN_ERROR_MESSAGE], row->error_message, err));
    FIRN_TRY(column_add_text(column[COLUMN_CORRELATION_ID], row->correlation_id, err));
    return add_time(column[COLUMN_UPDATED_AT], row->updated_at_us, err);
}

static void
free_builders(column_builder *(*columns)[COLUMN_COUNT])
{
    for (unsigned i = 0; i < COLUMN_COUNT; i++) column_builder_free((*columns)[i]);
}

static firn_status
rows_to_batch(table_schema *schema, const row_list *list, batch *ret_batch, firn_error *err)
{
    FIRN_AUTO(free_builders) column_builder *columns[COLUMN_COUNT] = {0};

    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        FIRN_TRY(column_builder_new(schema->fields[i].type, OWN_FILE_SIZE_MAX, &columns[i], err));
    for (size_t i = 0; i < list->count; i++) FIRN_TRY(add_row(columns, &list->rows[i], err));
    return batch_from_builders(schema, columns, ret_batch, err);
}

typedef struct update {
    catalog          *lake;
    const table_ident ident;
    const status_row *rows;
    unsigned          count;
    bool              of_follow; /* what the load has written stays */
    pending_files    *pending;   /* or NULL */
    firn_uuid         commit_id;
    char              commit_text[UUID_TEXT_SIZE];
    table_schema     *schema;
    firn_arena        arena;
    data_file_list    added;
    unsigned          attempt;
} update;

static void
update_done(update *u)
{
    schema_unref(u->schema);
    data_file_list_done(&u->added);
    firn_arena_done(&u->arena);
}

static void
follow_row(status_row *row, const status_row *given)
{
    bool load_failed = row->load_status && strcmp(row->load_status, "failed") == 0;

    row->cdc_position = given->cdc_position;
    if (given->last_event_at_us) row->last_event_at_us = given->last_event_at_us;
    if (given->last_commit_at_us) row->last_commit_at_us = given->last_commit_at_us;
    row->events_applied = given->events_applied;
    if (given->error_message || !load_failed) row->error_message = given->error_message;
    row->correlation_id = given->correlation_id;
    row->updated_at_us = given->updated_at_us;
}

static firn_status
merge_rows(row_list *list, const status_row rows[], unsigned count, bool of_follow, firn_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        size_t at = 0;
        while (at < list->count && strcmp(list->rows[at].table_name, rows[i].table_name) != 0) at++;
        if (at < list->count && of_follow) follow_row(&list->rows[at], &rows[i]);
        else if (at < list->count)
            list->rows[at] = rows[i];
        else
            FIRN_TRY(row_list_add(list, &rows[i], err));
    }
    if (list->count) qsort(list->rows, list->count, sizeof *list->rows, compare_rows);
    return FIRN_OK;
}

static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    update *u = state;
    FIRN_AUTO(row_list_done) row_list list = {0};
    FIRN_AUTO(batch_done) batch b = {0};
    own_file file = {.lake = u->lake, .table = STATUS_TABLE_NAME, .commit_id = u->commit_text, .pending = u->pending};

    if (base) {
        file.location = base->location;
        FIRN_TRY(read_rows(base, u->lake->files, &u->arena, &list, err));
    } else {
        FIRN_TRY(u->lake->ops->location(u->lake, &u->ident, &u->arena, &file.location, err));
    }
    FIRN_TRY(merge_rows(&list, u->rows, u->count, u->of_follow, err));
    file.attempt = u->attempt++;
    FIRN_TRY(rows_to_batch(u->schema, &list, &b, err));
    FIRN_TRY(own_file_write(&file, u->schema, &b, &u->added, err));
    *ret_change = (table_change){.commit_id = u->commit_id,
                                 .schema = base ? NULL : u->schema,
                                 .operation = base ? "overwrite" : "append",
                                 .added = u->added.files,
                                 .added_count = u->added.count,
                                 .replace_all = base != NULL};
    return FIRN_OK;
}

static firn_status
commit_rows(catalog *lake, const char *const *levels, unsigned level_count, const status_row rows[], unsigned count,
            bool of_follow, pending_files *pending, task_cancel *cancel, firn_error *err)
{
    FIRN_AUTO(update_done) update u = {
        .lake = lake,
        .ident = {.namespace_levels = levels, .level_count = level_count, .name = STATUS_TABLE_NAME},
        .rows = rows,
        .count = count,
        .of_follow = of_follow,
        .pending = pending,
        .commit_id = uuid_v7(),
    };

    uuid_format(u.commit_id, u.commit_text);
    FIRN_TRY(status_schema_new(&u.schema, err));
    if (catalog_commit_decided(lake, &u.ident, decide, &u, cancel, NULL, err))
        return firn_while(err, "updating the status table '%s'", STATUS_TABLE_NAME);
    return pending ? pending_files_end(pending, u.commit_text, err) : FIRN_OK;
}

firn_status
status_table_update(catalog *lake, const char *const *levels, unsigned level_count, const status_row rows[],
                    unsigned count, pending_files *pending, task_cancel *cancel, firn_error *err)
{
    return commit_rows(lake, levels, level_count, rows, count, false, pending, cancel, err);
}

firn_status
status_table_follow(catalog *lake, const char *const *levels, unsigned level_count, const status_row rows[],
                    unsigned count, pending_files *pending, firn_error *err)
{
    return commit_rows(lake, levels, level_count, rows, count, true, pending, NULL, err);
}
