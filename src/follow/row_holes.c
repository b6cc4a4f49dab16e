#include "follow/row_holes.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "batch/array.h"
#include "batch/column_copy.h"
#include "scan/stored_file.h"

#define KEY_SCRATCH_MAX ((size_t) 1 << 30)
#define COLUMN_BYTES_MAX ((size_t) 1 << 31)

/* A row with holes. */
typedef struct holed_row {
    uint32_t row;     /* in the batch */
    uint64_t place;   /* of its version in the lake */
    size_t   fetched; /* its number among the rows that were read */
} holed_row;

typedef struct filling {
    const followed_table *table;
    const follow_context *ctx;
    const table_schema   *schema;
    const uint32_t       *entries;
    struct ArrowArray    *rows;
    holed_row            *holed;
    uint32_t              count;
    uint32_t             *missing; /* rows that the lake does not have; NULL: an error */
    uint32_t              missing_count;
    unsigned              column_count; /* those with holes */
    unsigned             *columns;      /* by number in the schema */
    table_schema         *wanted;       /* these columns */
    column_builder      **fetched;      /* per column: the values read, in order of place */
    size_t                fetched_count;
    firn_arena            arena;
} filling;

static void
filling_done(filling *f)
{
    for (unsigned c = 0; f->fetched && c < f->column_count; c++) column_builder_free(f->fetched[c]);
    schema_unref(f->wanted);
    firn_arena_done(&f->arena);
}

static const row_entry *
entry_of(const filling *f, const holed_row *holed)
{
    return table_changes_entry(f->table->changes, f->entries[holed->row]);
}

/* ---- which rows, which columns ---- */

/* The relation's column that field `field` is made of; -1: none. */
static int
column_in_relation(const filling *f, unsigned field)
{
    const table_shape *shape = f->table->shape;
    int                column = shape->evolution.column_of_field[field];

    return column < 0 ? -1 : change_relation_column(shape->relation, shape->description->schema->fields[column].name);
}

static bool
has_hole(const row_entry *entry, unsigned column_count, int column)
{
    change_tuple tuple = {.bytes = firn_slice_of(entry->row, entry->row_size), .column_count = column_count};

    return entry->lake_key && tuple_value_at(&tuple, (unsigned) column).kind == TUPLE_UNCHANGED;
}

static firn_status
find_columns(filling *f, firn_error *err)
{
    schema_field *fields = firn_arena_array(&f->arena, f->schema->field_count + 1, sizeof *fields);
    unsigned      relation_columns = f->table->shape->relation->column_count;

    f->columns = firn_arena_array(&f->arena, f->schema->field_count + 1, sizeof *f->columns);
    if (!fields || !f->columns) return firn_fail_memory(err, "rows with unchanged values");
    for (unsigned i = 0; i < f->schema->field_count; i++) {
        int  column = column_in_relation(f, i);
        bool found = false;

        for (uint32_t k = 0; column >= 0 && k < f->count && !found; k++)
            found = has_hole(entry_of(f, &f->holed[k]), relation_columns, column);
        if (!found) continue;
        fields[f->column_count] = f->schema->fields[i];
        f->columns[f->column_count++] = i;
    }
    f->fetched = firn_arena_array(&f->arena, f->column_count + 1, sizeof(column_builder *));
    if (!f->fetched) return firn_fail_memory(err, "rows with unchanged values");
    for (unsigned c = 0; c < f->column_count; c++)
        FIRN_TRY(column_builder_new(fields[c].type, COLUMN_BYTES_MAX, &f->fetched[c], err));
    return schema_new(0, fields, f->column_count, NULL, 0, false, &f->wanted, err);
}

/* ---- where they lie ---- */

static int
compare_places(const void *x, const void *y)
{
    const holed_row *a = x, *b = y;

    return a->place < b->place ? -1 : a->place > b->place;
}

static firn_status
find_places(filling *f, bool *ret_of_table, firn_error *err)
{
    const table_shape *shape = f->table->shape;
    key_hash          *hashes = firn_arena_array(&f->arena, f->count, sizeof *hashes);
    uint64_t          *places = firn_arena_array(&f->arena, f->count, sizeof *places);
    FIRN_AUTO(firn_buffer_done) firn_buffer scratch = {0};
    FIRN_AUTO(batch_done) batch             keys = {0};
    FIRN_AUTO(array_done) struct ArrowArray array = {0};

    if (!hashes || !places) return firn_fail_memory(err, "rows with unchanged values");
    firn_buffer_init(&scratch, KEY_SCRATCH_MAX);
    for (uint32_t i = 0; i < f->count; i++) {
        const row_entry *entry = entry_of(f, &f->holed[i]);
        change_tuple     tuple;

        FIRN_TRY(table_shape_key_tuple(shape, firn_slice_of(entry->lake_key, entry->lake_key_size), &scratch, &tuple, err));
        FIRN_TRY(row_decoder_append(shape->keys, &tuple, err));
    }
    FIRN_TRY(row_decoder_take(shape->keys, &keys, err));
    FIRN_TRY(table_shape_arrange_keys(shape, &keys, &array, err));
    FIRN_TRY(table_index_hash(f->table->index, shape->key_schema, &array, hashes, err));
    table_index_find(f->table->index, hashes, f->count, places);
    uint32_t found = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        if (places[i] == KEY_PLACE_NONE && f->missing) {
            f->missing[f->missing_count++] = f->holed[i].row;
            continue;
        }
        if (places[i] == KEY_PLACE_NONE) {
            *ret_of_table = true;
            (void) firn_fail(err, FIRN_E_FOLLOW_ROW_GONE,
                             "an update of '%s' leaves out large values that did not change, and the lake does not have the row",
                             f->table->name);
            firn_hint(err, "the table in the lake is not what firn has made of it: load it again");
            return err->status;
        }
        f->holed[found] = f->holed[i];
        f->holed[found++].place = places[i];
    }
    f->count = found;
    if (found) qsort(f->holed, f->count, sizeof *f->holed, compare_places);
    return FIRN_OK;
}

/* ---- reading ---- */

/* The rows holed[from..to) of one file, whose row numbers ascend and may repeat. */
static firn_status
read_rows(filling *f, const parquet_file *file, uint32_t from, uint32_t to, firn_error *err)
{
    parquet_row_range   *ranges = firn_arena_array(&f->arena, to - from, sizeof *ranges);
    parquet_read_options options = {.ranges = ranges, .memory_bytes_max = f->ctx->settings->memory_bytes / 4};
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;

    if (!ranges) return firn_fail_memory(err, "rows with unchanged values");
    for (uint32_t i = from; i < to; i++) {
        uint64_t           row = key_place_row(f->holed[i].place);
        parquet_row_range *last = options.range_count ? &ranges[options.range_count - 1] : NULL;

        if (!last || row > last->first_row + last->row_count) ranges[options.range_count++] = (parquet_row_range){row, 1};
        else if (row == last->first_row + last->row_count)
            last->row_count++;
        f->holed[i].fetched = f->fetched_count;
        if (i + 1 == to || f->holed[i + 1].place != f->holed[i].place) f->fetched_count++;
    }
    FIRN_TRY(parquet_file_read(file, f->wanted, &options, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};

        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!batch_row_count(&rows)) return FIRN_OK;
        for (unsigned c = 0; c < f->column_count; c++)
            for (int64_t r = 0; r < rows.array.length; r++)
                FIRN_TRY(column_add_from(f->fetched[c], f->wanted->fields[c].type, rows.array.children[c],
                                         rows.array.offset + r, err));
    }
}

static firn_status
read_files(filling *f, firn_error *err)
{
    for (uint32_t from = 0, to; from < f->count; from = to) {
        FIRN_AUTO(stored_file_done) stored_file stored = {0};
        const char *path = table_index_path(f->table->index, f->holed[from].place);
        data_file   entry = {.path = path, .format = "PARQUET"};
        storage_object object = {0};

        for (to = from; to < f->count && key_place_file(f->holed[to].place) == key_place_file(f->holed[from].place);) to++;
        if (!path) return firn_fail(err, FIRN_E_BUG, "the key index of '%s' has lost a data file", f->table->name);
        FIRN_TRY(f->ctx->lake->files->ops->stat(f->ctx->lake->files, path, &object, err));
        entry.size_bytes = (int64_t) object.size_bytes;
        FIRN_TRY(stored_file_open(&stored, f->ctx->lake->files, &entry, 0, err));
        FIRN_TRY(read_rows(f, stored.file, from, to, err));
    }
    return FIRN_OK;
}

/* ---- putting in ---- */

/* One column anew: its own values, and those that were read where it has holes. */
static firn_status
fill_column(filling *f, unsigned c, const holed_row *const by_row[], firn_error *err)
{
    const data_type *type = f->wanted->fields[c].type;
    struct ArrowArray *column = f->rows->children[f->columns[c]];
    unsigned           relation_columns = f->table->shape->relation->column_count;
    int                place = column_in_relation(f, f->columns[c]);
    FIRN_AUTO(column_builder_freep) column_builder *builder = NULL;
    FIRN_AUTO(array_done) struct ArrowArray fetched = {0};
    struct ArrowArray made = {0};

    FIRN_TRY(column_builder_finish(f->fetched[c], &fetched, err));
    FIRN_TRY(column_builder_new(type, COLUMN_BYTES_MAX, &builder, err));
    for (int64_t row = 0; row < f->rows->length; row++) {
        const holed_row *holed = by_row[row];

        if (holed && has_hole(entry_of(f, holed), relation_columns, place))
            FIRN_TRY(column_add_from(builder, type, &fetched, (int64_t) holed->fetched, err));
        else
            FIRN_TRY(column_add_from(builder, type, column, row, err));
    }
    FIRN_TRY(column_builder_finish(builder, &made, err));
    array_done(column);
    array_move(&made, column);
    return FIRN_OK;
}

static firn_status
fill(filling *f, uint32_t row_count, bool *ret_of_table, firn_error *err)
{
    const holed_row **by_row = firn_arena_array(&f->arena, row_count + 1, sizeof *by_row);

    if (!by_row) return firn_fail_memory(err, "rows with unchanged values");
    FIRN_TRY(find_columns(f, err));
    FIRN_TRY(find_places(f, ret_of_table, err));
    FIRN_TRY(read_files(f, err));
    for (uint32_t i = 0; i < f->count; i++) by_row[f->holed[i].row] = &f->holed[i];
    for (unsigned c = 0; c < f->column_count; c++) FIRN_TRY(fill_column(f, c, by_row, err));
    return FIRN_OK;
}

firn_status
row_holes_fill(const followed_table *table, const follow_context *ctx, const table_schema *schema, const uint32_t entries[],
               uint32_t count, struct ArrowArray *rows, uint32_t missing[], uint32_t *ret_missing, bool *ret_of_table, firn_error *err)
{
    FIRN_AUTO(filling_done) filling f = {.table = table, .ctx = ctx, .schema = schema, .entries = entries, .rows = rows, .missing = missing};

    for (uint32_t i = 0; i < count; i++) f.count += table_changes_entry(table->changes, entries[i])->lake_key != NULL;
    if (!f.count) return FIRN_OK;
    f.holed = firn_arena_array(&f.arena, f.count, sizeof *f.holed);
    if (!f.holed) return firn_fail_memory(err, "rows with unchanged values");
    f.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (table_changes_entry(table->changes, entries[i])->lake_key) f.holed[f.count++] = (holed_row){.row = i};
    }
    if (fill(&f, count, ret_of_table, err)) return firn_while(err, "reading unchanged values of '%s'", table->name);
    *ret_missing = f.missing_count;
    return FIRN_OK;
}

bool
row_holes_has(const followed_table *table, const row_entry *entry, unsigned column)
{
    const change_relation *relation = table->shape->relation;
    int                    place = change_relation_column(relation, table->shape->description->schema->fields[column].name);

    return place >= 0 && has_hole(entry, relation->column_count, place);
}
