#include "validate/repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "batch/batch_take.h"
#include "catalog/commit.h"
#include "iceberg/file_names.h"
#include "write/delete_writer.h"

/* A data file that loses rows. */
typedef struct loser {
    const scan_task *task;
    roaring64       *rows;
    struct loser    *next;
} loser;

struct repair {
    const table_pair        *pair;
    const validate_settings *settings;
    catalog                 *lake;
    const table_ident       *ident;
    firn_arena               arena;
    firn_uuid                commit_id;
    char                     commit_text[UUID_TEXT_SIZE];
    const char              *data_location;
    unsigned                *column_of_field; /* per field of the table: the source's column */
    struct ArrowArray      **children;        /* of the row at work, in the table's order */
    roll_writer             *writer;
    uint64_t                 added_rows, deleted_rows;
    loser                   *first;
    unsigned                 loser_count;
    data_file_list           added;
    bool                     offered;
};

/* ---- set-up ---- */

/* The source's columns must be the table's, in whatever order. */
static firn_status
match_fields(repair *r, firn_error *err)
{
    const table_schema *table = table_metadata_schema(r->pair->table), *described = r->pair->described->schema;

    r->column_of_field = firn_arena_array(&r->arena, table->field_count + 1, sizeof *r->column_of_field);
    r->children = firn_arena_array(&r->arena, table->field_count + 1, sizeof(struct ArrowArray *));
    if (!r->column_of_field || !r->children) return firn_fail_memory(err, "a table's columns");
    for (unsigned i = 0; i < table->field_count; i++) {
        int column = schema_column_index(described, table->fields[i].name);

        if (column >= 0 && data_type_equal(described->fields[column].type, table->fields[i].type)) {
            r->column_of_field[i] = (unsigned) column;
            continue;
        }
        (void) firn_fail(err, FIRN_E_VALIDATE_CANNOT_REPAIR, "rows of '%s' cannot be repaired: column '%s' differs in type",
                         r->ident->name, table->fields[i].name);
        firn_hint(err, "load the table again: firn load --no-resume --table-filter '%s'", r->ident->name);
        return err->status;
    }
    if (described->field_count == table->field_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_VALIDATE_CANNOT_REPAIR, "rows of '%s' cannot be repaired: the source has other columns",
                     r->ident->name);
    firn_hint(err, "load the table again: firn load --no-resume --table-filter '%s'", r->ident->name);
    return err->status;
}

static firn_status
open_writer(repair *r, firn_error *err)
{
    const table_metadata *table = r->pair->table;
    roll_writer_settings  settings = {
        .files = r->lake->files,
        .data_location = r->data_location,
        .prefix = r->commit_text,
        .pending = r->settings->pending,
        .table = r->ident->name,
        .schema = table_metadata_schema(table),
        .spec = table_metadata_default_spec(table),
        .options = parquet_options_default,
        .target_file_size_bytes = (uint64_t) table_metadata_property_i64(table, "write.target-file-size-bytes", 512 << 20),
        .memory_bytes_max = r->pair->memory_bytes / 4};

    return roll_writer_new(&settings, &r->writer, err);
}

firn_status
repair_new(const table_pair *pair, const validate_settings *settings, catalog *lake, const table_ident *ident,
           repair **ret_repair, firn_error *err)
{
    FIRN_AUTO(repair_freep) repair *r = firn_calloc(1, sizeof *r);
    const char                     *location = table_metadata_property(pair->table, "write.data.path");

    if (!r) return firn_fail_memory(err, "a repair");
    *r = (repair){.pair = pair, .settings = settings, .lake = lake, .ident = ident, .commit_id = uuid_v7()};
    uuid_format(r->commit_id, r->commit_text);
    r->data_location = location ? location : file_name_data_folder(&r->arena, pair->table->location);
    if (!r->data_location) return firn_fail_memory(err, "a location");
    FIRN_TRY(match_fields(r, err));
    FIRN_TRY(open_writer(r, err));
    *ret_repair = FIRN_STEAL(r);
    return FIRN_OK;
}

void
repair_free(repair *r)
{
    if (!r) return;
    roll_writer_free(r->writer);
    if (!r->offered) data_file_list_discard(&r->added, r->lake->files);
    for (const loser *l = r->first; l; l = l->next) roaring64_free(l->rows);
    data_file_list_done(&r->added);
    firn_arena_done(&r->arena);
    firn_free(r);
}

/* ---- rows ---- */

/* One row as the table has its columns. */
static firn_status
add_row(repair *r, const pair_rows *rows, int64_t row, firn_error *err)
{
    unsigned          field_count = table_metadata_schema(r->pair->table)->field_count;
    uint32_t          index = (uint32_t) row;
    struct ArrowArray taken = {0}, view;

    FIRN_TRY(batch_take(r->pair->described->schema, rows->rows, &index, 1, &taken, err));
    view = taken;
    view.n_children = field_count;
    view.children = r->children;
    view.release = NULL;
    for (unsigned i = 0; i < field_count; i++) r->children[i] = taken.children[r->column_of_field[i]];
    firn_status status = roll_writer_add(r->writer, &view, err);
    taken.release(&taken);
    r->added_rows++;
    return status;
}

static firn_status
delete_row(repair *r, const pair_rows *rows, int64_t row, firn_error *err)
{
    loser *l = r->first;

    while (l && l->task != rows->task) l = l->next;
    if (!l) {
        l = firn_arena_alloc(&r->arena, sizeof *l);
        if (!l || !(l->rows = roaring64_new())) return firn_fail_memory(err, "rows that go");
        l->task = rows->task;
        l->next = r->first;
        r->first = l;
        r->loser_count++;
    }
    r->deleted_rows++;
    return roaring64_add(l->rows, rows->positions[row], err);
}

firn_status
repair_visit(void *state, const pair_rows *rows, int64_t row, firn_error *err)
{
    repair *r = state;

    return rows->is_source ? add_row(r, rows, row, err) : delete_row(r, rows, row, err);
}

/* ---- the commit ---- */

static firn_status
write_deletes(repair *r, delete_files *ret_deletes, firn_error *err)
{
    delete_writer_settings settings = {.files = r->lake->files,
                                       .table = r->pair->table,
                                       .data_location = r->data_location,
                                       .prefix = r->commit_text,
                                       .pending = r->settings->pending,
                                       .table_name = r->ident->name,
                                       .memory_bytes_max = r->pair->memory_bytes / 4};
    delete_target         *targets = firn_arena_array(&r->arena, r->loser_count + 1, sizeof *targets);
    size_t                 count = 0;

    if (!targets) return firn_fail_memory(err, "rows that go");
    for (const loser *l = r->first; l; l = l->next)
        targets[count++] = (delete_target){.file = &l->task->data->file,
                                           .rows = l->rows,
                                           .delete_count = l->task->delete_count,
                                           .deletes = l->task->deletes};
    return delete_writer_write(&settings, targets, count, ret_deletes, err);
}

typedef struct fenced_change {
    const repair       *repair;
    const table_change *change;
} fenced_change;

/* Rows were compared as of the table's position: another firn that has moved it, on another machine, has written some of them. */
static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    const fenced_change *f = state;

    if (!base || !table_position_is_same(f->repair->pair->table, base)) {
        (void) firn_fail(err, FIRN_E_FOLLOW_FENCED, "somebody else has moved the position of table '%s' while it was compared",
                         f->repair->ident->name);
        firn_hint(err, "look for another `firn follow`, `firn load` or repair of this source, on another machine too");
        firn_state(err, "nothing was written to this table");
        return err->status;
    }
    *ret_change = *f->change;
    return FIRN_OK;
}

static firn_status
offer(repair *r, const delete_files *deletes, uint64_t key_count, const resync_point *resync, firn_error *err)
{
    char           keys[24];
    table_property summary[3] = {{"firn.repaired-keys", keys}};
    unsigned       summary_count = 1;
    resync_end     end;
    table_change   change = {.commit_id = r->commit_id,
                             .operation = !r->deleted_rows ? "append" : r->added_rows ? "overwrite" : "delete",
                             .added = r->added.files,
                             .added_count = r->added.count,
                             .removed_vectors = deletes->removed_vectors,
                             .removed_vector_count = deletes->removed_vector_count,
                             .removed_paths = deletes->removed_paths,
                             .removed_path_count = deletes->removed_path_count,
                             .required_paths = deletes->required_paths,
                             .required_path_count = deletes->required_path_count,
                             .summary = summary};

    if (r->settings->correlation_id)
        summary[summary_count++] = (table_property){"firn.correlation-id", r->settings->correlation_id};
    if (resync) {
        summary[summary_count++] = (table_property){PROPERTY_POSITION, resync->position};
        table_resync_fill(r->pair->table, resync, &end, &change);
    }
    change.summary_count = summary_count;
    (void) snprintf(keys, sizeof keys, "%" PRIu64, key_count);
    if (r->settings->pending) FIRN_TRY(pending_files_offer(r->settings->pending, r->commit_text, err));
    r->offered = true;
    fenced_change fenced = {r, &change};
    FIRN_TRY(catalog_commit_decided(r->lake, r->ident, decide, &fenced, r->pair->cancel, NULL, err));
    return r->settings->pending ? pending_files_end(r->settings->pending, r->commit_text, err) : FIRN_OK;
}

firn_status
repair_commit(repair *r, uint64_t key_count, const resync_point *resync, firn_error *err)
{
    FIRN_AUTO(delete_files_done) delete_files deletes = {0};

    FIRN_TRY(roll_writer_finish(r->writer, &r->added, err));
    FIRN_TRY(write_deletes(r, &deletes, err));
    FIRN_TRY(data_file_list_append(&r->added, &deletes.added, err));
    if (offer(r, &deletes, key_count, resync, err)) {
        firn_while(err, "repairing '%s'", r->ident->name);
        return err->status;
    }
    return FIRN_OK;
}
