#include "validate/table_pair.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "batch/row_checksum.h"
#include "validate/key_ranges.h"

#define SOURCE_BATCH_ROWS 50000
#define SOURCE_BATCH_BYTES ((size_t) 1 << 20)
#define CONNECTION_BYTES ((size_t) 6 << 20)
#define LAKE_BATCH_ROWS 16384

/* ---- columns ---- */

/* Whether the lake's type holds the described values as they are (row_checksum.h: by what they mean). */
static bool
holds(const data_type *lake, const data_type *described)
{
    if (data_type_equal(lake, described)) return true;
    if (described->kind == TYPE_INT) return lake->kind == TYPE_LONG;
    if (described->kind == TYPE_FLOAT) return lake->kind == TYPE_DOUBLE;
    return described->kind == TYPE_DECIMAL && lake->kind == TYPE_DECIMAL && lake->scale == described->scale &&
           lake->precision > described->precision;
}

static firn_status
add_difference(table_pair *pair, const char *text, firn_error *err)
{
    if (!text) return firn_fail_memory(err, "a difference");
    pair->differences[pair->difference_count++] = text;
    return FIRN_OK;
}

static firn_status
add_type_difference(table_pair *pair, const schema_field *lake, const schema_field *described, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, 1 << 20);
    FIRN_TRY(firn_buffer_printf(&text, err, "column '%s' is ", described->name));
    FIRN_TRY(data_type_format(lake->type, &text, err));
    FIRN_TRY(firn_buffer_add_text(&text, " in the lake, ", err));
    FIRN_TRY(data_type_format(described->type, &text, err));
    FIRN_TRY(firn_buffer_add_text(&text, " in the source", err));
    return add_difference(pair, firn_arena_text(pair->arena, firn_buffer_slice(&text)), err);
}

static firn_status
match_column(table_pair *pair, unsigned column, schema_field fields[], unsigned places[], firn_error *err)
{
    const table_schema *lake = table_metadata_schema(pair->table);
    const schema_field *described = &pair->described->schema->fields[column];
    int                 index = schema_column_index(lake, described->name);

    if (index < 0)
        return add_difference(pair, firn_arena_printf(pair->arena, "column '%s' is not in the lake", described->name), err);
    if (!holds(lake->fields[index].type, described->type))
        return add_type_difference(pair, &lake->fields[index], described, err);
    fields[pair->column_count] = lake->fields[index];
    places[pair->column_count++] = column;
    return FIRN_OK;
}

/* The key's columns among those that are compared; one that is not makes the row its own key. */
static firn_status
match_key(table_pair *pair, firn_error *err)
{
    const table_schema *described = pair->described->schema;
    unsigned           *source_key = firn_arena_array(pair->arena, described->key_count + 1, sizeof *source_key);
    unsigned           *lake_key = firn_arena_array(pair->arena, described->key_count + 1, sizeof *lake_key);

    if (!source_key || !lake_key) return firn_fail_memory(err, "a key");
    for (unsigned k = 0; k < described->key_count; k++) {
        for (unsigned i = 0; i < pair->column_count; i++) {
            if (described->fields[pair->source_columns[i]].id != described->key_ids[k]) continue;
            source_key[pair->key_count] = pair->source_columns[i];
            lake_key[pair->key_count++] = i;
        }
    }
    if (pair->key_count != described->key_count) pair->key_count = 0;
    pair->source_key = source_key;
    pair->lake_key = lake_key;
    return FIRN_OK;
}

static firn_status
find_extra_columns(table_pair *pair, firn_error *err)
{
    const table_schema *lake = table_metadata_schema(pair->table);

    for (unsigned i = 0; i < lake->field_count; i++) {
        if (schema_column_index(pair->described->schema, lake->fields[i].name) >= 0) continue;
        FIRN_TRY(add_difference(
            pair, firn_arena_printf(pair->arena, "column '%s' is in the lake only", lake->fields[i].name), err));
    }
    return FIRN_OK;
}

firn_status
table_pair_match(table_pair *pair, firn_arena *arena, firn_error *err)
{
    const table_schema *described = pair->described->schema;
    unsigned            room = described->field_count + table_metadata_schema(pair->table)->field_count + 1;
    schema_field       *fields = firn_arena_array(arena, room, sizeof *fields);
    unsigned           *places = firn_arena_array(arena, room, sizeof *places);
    unsigned           *identity = firn_arena_array(arena, room, sizeof *identity);

    pair->arena = arena;
    pair->differences = firn_arena_array(arena, room, sizeof *pair->differences);
    if (!fields || !places || !identity || !pair->differences) return firn_fail_memory(err, "the columns of a table");
    for (unsigned i = 0; i < described->field_count; i++) FIRN_TRY(match_column(pair, i, fields, places, err));
    for (unsigned i = 0; i < room; i++) identity[i] = i;
    pair->source_columns = places;
    pair->lake_columns = identity;
    FIRN_TRY(find_extra_columns(pair, err));
    FIRN_TRY(match_key(pair, err));
    FIRN_TRY(schema_new(0, fields, pair->column_count, NULL, 0, false, &pair->lake_schema, err));
    pair->has_order = pair->key_count && key_order_is_there(pair->lake_schema->fields[pair->lake_key[0]].type);
    return FIRN_OK;
}

void
table_pair_done(table_pair *pair)
{
    schema_unref(pair->lake_schema);
    pair->lake_schema = NULL;
}

/* ---- reading ---- */

typedef struct worker {
    pair_pass  *pass;
    unsigned    index;
    bool        is_source;
    uint64_t    row_count;
    uint64_t   *key_hashes, *row_hashes;
    size_t      capacity;
    firn_arena  arena; /* of the tasks */
} worker;

struct pair_pass {
    const table_pair *pair;
    pair_visit        visit;
    void             *state;
    firn_arena        arena;
    source_split     *splits;
    unsigned          split_count, source_worker_count, worker_count;
    _Atomic unsigned  next_split;
    scan_settings     scan;
    scan_plan        *plan;
    task_lock        *plan_lock;
    task_cancel      *stop; /* requested when a worker fails */
    worker           *workers;
};

static unsigned
lake_worker_count(void)
{
    return task_cpu_count() < 4 ? task_cpu_count() : 4;
}

static unsigned
source_worker_count(const table_pair *pair)
{
    size_t   room = pair->memory_bytes / 2 / CONNECTION_BYTES;
    unsigned count = pair->connection_count < room ? pair->connection_count : (unsigned) room;

    return count ? count : 1;
}

unsigned
table_pair_worker_count(const table_pair *pair)
{
    return source_worker_count(pair) + lake_worker_count();
}

static firn_status
check_stop(const worker *w, firn_error *err)
{
    if (!task_cancel_requested(w->pass->stop) && !task_cancel_requested(w->pass->pair->cancel)) return FIRN_OK;
    return firn_fail(err, FIRN_E_CANCELLED, "stopped while comparing a table");
}

static firn_status
reserve_hashes(worker *w, size_t count, firn_error *err)
{
    if (count <= w->capacity) return FIRN_OK;
    firn_free(w->key_hashes);
    firn_free(w->row_hashes);
    w->key_hashes = firn_calloc(count, sizeof *w->key_hashes);
    w->row_hashes = firn_calloc(count, sizeof *w->row_hashes);
    w->capacity = w->key_hashes && w->row_hashes ? count : 0;
    return w->capacity ? FIRN_OK : firn_fail_memory(err, "the checksums of a batch");
}

static firn_status
visit_batch(worker *w, const batch *b, const scan_task *task, const uint64_t *positions, firn_error *err)
{
    const table_pair *pair = w->pass->pair;
    pair_rows rows = {.worker = w->index,
                      .is_source = w->is_source,
                      .schema = w->is_source ? pair->described->schema : pair->lake_schema,
                      .rows = &b->array,
                      .columns = w->is_source ? pair->source_columns : pair->lake_columns,
                      .key = w->is_source ? pair->source_key : pair->lake_key,
                      .task = task,
                      .positions = positions};

    FIRN_TRY(reserve_hashes(w, (size_t) b->array.length, err));
    row_hashes(rows.schema, &b->array, rows.columns, pair->column_count, w->row_hashes);
    if (pair->key_count) row_hashes(rows.schema, &b->array, rows.key, pair->key_count, w->key_hashes);
    rows.row_hashes = w->row_hashes;
    rows.key_hashes = pair->key_count ? w->key_hashes : w->row_hashes;
    w->row_count += (uint64_t) b->array.length;
    return w->pass->visit(w->pass->state, &rows, err);
}

static firn_status
read_batches(worker *w, batch_reader *reader, const scan_task *task, uint64_t *ret_row_count, firn_error *err)
{
    for (*ret_row_count = 0;;) {
        FIRN_AUTO(batch_done) batch b = {0};

        FIRN_TRY(check_stop(w, err));
        FIRN_TRY(batch_reader_next(reader, &b, err));
        if (!batch_row_count(&b)) return FIRN_OK;
        *ret_row_count += (uint64_t) batch_row_count(&b);
        FIRN_TRY(visit_batch(w, &b, task, task ? scan_reader_positions(reader) : NULL, err));
    }
}

static firn_status
read_source(worker *w, firn_error *err)
{
    pair_pass        *pass = w->pass;
    const table_pair *pair = pass->pair;

    for (;;) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        split_outcome outcome = {0};
        uint64_t      row_count;
        unsigned      index = atomic_fetch_add(&pass->next_split, 1);

        if (index >= pass->split_count) return FIRN_OK;
        FIRN_TRY(pair->src->ops->open_split(pair->src, &pass->splits[index], SOURCE_BATCH_ROWS, SOURCE_BATCH_BYTES,
                                            &outcome, &reader, err));
        FIRN_TRY(read_batches(w, reader, NULL, &row_count, err));
        if (outcome.server_count != row_count)
            return firn_fail(err, FIRN_E_LOAD_ROW_COUNT, "a part of the table gave %llu rows, the server counted %llu",
                             (unsigned long long) row_count, (unsigned long long) outcome.server_count);
    }
}

static firn_status
read_lake(worker *w, firn_error *err)
{
    pair_pass *pass = w->pass;

    for (;;) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        scan_task *task = firn_arena_alloc(&w->arena, sizeof *task);
        bool       more = false;
        uint64_t   row_count;

        if (!task) return firn_fail_memory(err, "a scan");
        task_lock_hold(pass->plan_lock);
        firn_status status = scan_plan_next(pass->plan, &w->arena, task, &more, err);
        task_lock_release(pass->plan_lock);
        if (status || !more) return status;
        FIRN_TRY(scan_task_open(&pass->scan, task, &reader, err));
        FIRN_TRY(read_batches(w, reader, task, &row_count, err));
    }
}

static firn_status
work(void *state, firn_error *err)
{
    worker     *w = state;
    firn_status status = w->is_source ? read_source(w, err) : read_lake(w, err);

    if (status) task_cancel_request(w->pass->stop);
    return status;
}

static firn_status
prepare(pair_pass *pass, firn_error *err)
{
    const table_pair *pair = pass->pair;
    unsigned          lake_count = lake_worker_count();

    pass->source_worker_count = source_worker_count(pair);
    pass->worker_count = pass->source_worker_count + lake_count;
    pass->scan = (scan_settings){.files = pair->files,
                                 .table = pair->table,
                                 .snap = pair->snap,
                                 .columns = pair->lake_schema,
                                 .batch_rows = LAKE_BATCH_ROWS,
                                 .memory_bytes_max = pair->memory_bytes / 2 / lake_count,
                                 .cancel = pair->cancel};
    pass->plan_lock = task_lock_new();
    pass->stop = task_cancel_new();
    pass->workers = firn_calloc(pass->worker_count, sizeof *pass->workers);
    if (!pass->plan_lock || !pass->stop || !pass->workers) return firn_fail_memory(err, "the readers of a table");
    FIRN_TRY(pair->src->ops->plan(pair->src, pair->described, pass->source_worker_count * 4, pair->large_table_rows,
                                  &pass->arena, &pass->splits, &pass->split_count, err));
    return scan_plan_open(&pass->scan, &pass->plan, err);
}

static firn_status
run(pair_pass *pass, firn_error *err)
{
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_status status = FIRN_OK;

    if (!group) return firn_fail_memory(err, "the readers of a table");
    for (unsigned i = 0; i < pass->worker_count && !status; i++) {
        worker *w = &pass->workers[i];
        char    name[16];

        *w = (worker){.pass = pass, .index = i, .is_source = i < pass->source_worker_count};
        if (w->is_source && i >= pass->split_count) continue;
        (void) snprintf(name, sizeof name, "firn:%s-%u", w->is_source ? "source" : "lake", i % 100);
        status = task_group_spawn(group, name, work, w, err);
    }
    if (status) {
        firn_error ignored = {0};

        task_cancel_request(pass->stop);
        (void) !task_group_join(group, &ignored);
        return status;
    }
    return task_group_join(group, err);
}

firn_status
pair_pass_run(const table_pair *pair, pair_visit visit, void *state, pair_pass **ret_pass, firn_error *err)
{
    FIRN_AUTO(pair_pass_freep) pair_pass *pass = firn_calloc(1, sizeof *pass);

    if (!pass) return firn_fail_memory(err, "a pass over a table");
    *pass = (pair_pass){.pair = pair, .visit = visit, .state = state};
    FIRN_TRY(prepare(pass, err));
    FIRN_TRY(run(pass, err));
    *ret_pass = FIRN_STEAL(pass);
    return FIRN_OK;
}

void
pair_pass_free(pair_pass *pass)
{
    if (!pass) return;
    for (unsigned i = 0; pass->workers && i < pass->worker_count; i++) {
        firn_free(pass->workers[i].key_hashes);
        firn_free(pass->workers[i].row_hashes);
        firn_arena_done(&pass->workers[i].arena);
    }
    firn_free(pass->workers);
    scan_plan_free(pass->plan);
    task_lock_free(pass->plan_lock);
    task_cancel_free(pass->stop);
    firn_arena_done(&pass->arena);
    firn_free(pass);
}

unsigned
pair_pass_source_worker_count(const pair_pass *pass)
{
    return pass->source_worker_count;
}

uint64_t
pair_pass_row_count(const pair_pass *pass, bool of_source)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < pass->worker_count; i++) {
        if (pass->workers[i].is_source == of_source) sum += pass->workers[i].row_count;
    }
    return sum;
}
