#include "fake_source.h"

#include "base/alloc.h"
#include "batch/column_builder.h"

#include <stdio.h>
#include <string.h>

#define BATCH_LIMIT ((size_t) 64 << 20)

typedef struct fake_reader {
    batch_reader   base;
    fake_source   *source;
    int64_t        next, end, first;
    size_t         batch_rows;
    split_outcome *outcome;
} fake_reader;

static firn_status
fake_freeze(source *src, source_point *ret_point, firn_error *err)
{
    fake_source *f = (fake_source *) src;

    if (f->freeze_code) return firn_fail(err, f->freeze_code, "the fake source takes no snapshot");
    *ret_point = (source_point){.exact = true};
    (void) snprintf(ret_point->identity, sizeof ret_point->identity, "%s", f->identity);
    (void) snprintf(ret_point->position, sizeof ret_point->position, "%s", f->position);
    (void) snprintf(ret_point->snapshot, sizeof ret_point->snapshot, "%s", f->snapshot);
    return FIRN_OK;
}

static firn_status
fake_attach(source *src, const source_point *point, firn_error *err)
{
    const fake_source *f = (fake_source *) src;

    if (strcmp(point->identity, f->identity) != 0) return firn_fail(err, FIRN_E_PLAN_MISMATCH, "another fake");
    if (strcmp(point->snapshot, f->snapshot) == 0) return FIRN_OK;
    return firn_fail(err, FIRN_E_SNAPSHOT_GONE, "the snapshot '%s' is gone", point->snapshot);
}

static firn_status
fake_take_over(source *src, const source_point *point, source_point *ret_point, firn_error *err)
{
    FIRN_TRY(fake_attach(src, point, err));
    *ret_point = *point;
    return FIRN_OK;
}

static void
fake_thaw(source *src)
{
    (void) src;
}

static firn_status
fake_list(source *src, firn_arena *arena, source_tables *ret_tables, firn_error *err)
{
    fake_source  *f = (fake_source *) src;
    source_table *tables = firn_arena_array(arena, f->table_count + 1, sizeof *tables);

    if (!tables) return firn_fail_memory(err, "fake tables");
    for (unsigned i = 0; i < f->table_count; i++) {
        tables[i] = (source_table){.name = f->tables[i].name,
                                   .kind = f->tables[i].kind,
                                   .comment = "a fake",
                                   .row_estimate = (uint64_t) f->tables[i].row_count,
                                   .size_bytes = (uint64_t) f->tables[i].row_count * f->row_bytes,
                                   .readable = true};
    }
    *ret_tables = (source_tables){.count = f->table_count, .tables = tables};
    return FIRN_OK;
}

static firn_status
fake_describe(source *src, const source_table *table, const table_rules *rules, firn_arena *arena,
              source_description **ret_description, firn_error *err)
{
    static const data_type    number = {.kind = TYPE_LONG}, text = {.kind = TYPE_STRING};
    static const schema_field fields[] = {{.name = "id", .required = true, .type = &number},
                                          {.name = "text", .type = &text, .doc = "a text"}};
    static const int32_t      key[] = {0};
    source_description       *d = firn_arena_alloc(arena, sizeof *d);

    (void) src;
    (void) rules;
    if (!d) return firn_fail_memory(err, "a fake table");
    d->table = table;
    d->key_origin = KEY_PRIMARY;
    FIRN_TRY(schema_new(0, fields, 2, key, 1, true, &d->schema, err));
    *ret_description = d;
    return FIRN_OK;
}

static firn_status
fake_plan(source *src, const source_description *table, unsigned split_count_max, uint64_t large_table_rows,
          firn_arena *arena, source_split **ret_splits, unsigned *ret_split_count, firn_error *err)
{
    fake_source  *f = (fake_source *) src;
    unsigned      count = f->splits_per_table < split_count_max ? f->splits_per_table : split_count_max;
    source_split *splits = firn_arena_array(arena, count, sizeof *splits);

    (void) large_table_rows;
    if (!splits) return firn_fail_memory(err, "fake splits");
    for (unsigned i = 0; i < count; i++) {
        int64_t rows = (int64_t) table->table->row_estimate;
        splits[i] = (source_split){.description = table,
                                   .index = i,
                                   .row_estimate = (uint64_t) (rows / count),
                                   .size_bytes_estimate = table->table->size_bytes / count,
                                   .text = firn_arena_printf(arena, "%lld %lld", (long long) (rows * i / count),
                                                             (long long) (rows * (i + 1) / count))};
    }
    *ret_splits = splits;
    *ret_split_count = count;
    return FIRN_OK;
}

static firn_status
fake_next(batch_reader *reader, batch *ret_batch, firn_error *err)
{
    fake_reader *r = (fake_reader *) reader;
    FIRN_AUTO(column_builder_freep) column_builder *id = NULL;
    FIRN_AUTO(column_builder_freep) column_builder *text = NULL;
    int number = atomic_fetch_add(&r->source->batches, 1) + 1;

    *ret_batch = (batch){0};
    if (r->source->at_batch) r->source->at_batch(r->source->at_batch_state, number);
    if (number == atomic_load(&r->source->break_at_batch))
        return firn_fail(err, r->source->break_code, "the fake connection broke");
    if (r->next == r->end) {
        r->outcome->row_count = (uint64_t) (r->end - r->first);
        r->outcome->server_count = (uint64_t) (r->end - r->first + r->source->miscount);
        r->outcome->byte_count = r->outcome->row_count * 10;
        return FIRN_OK;
    }
    FIRN_TRY(column_builder_new(reader->schema->fields[0].type, BATCH_LIMIT, &id, err));
    FIRN_TRY(column_builder_new(reader->schema->fields[1].type, BATCH_LIMIT, &text, err));
    for (size_t i = 0; i < r->batch_rows && r->next < r->end; i++, r->next++) {
        char value[32];
        if (r->next >= r->source->altered_from && r->next < r->source->altered_to)
            (void) snprintf(value, sizeof value, "altered");
        else
            (void) snprintf(value, sizeof value, "text %lld", (long long) r->next);
        FIRN_TRY(column_add_i64(id, r->next, err));
        FIRN_TRY(r->next % 7 == 0 ? column_add_null(text, err) : column_add_text(text, value, err));
    }
    return batch_from_builders(reader->schema, (column_builder *const[]){id, text}, ret_batch, err);
}

static void
fake_reader_free(batch_reader *reader)
{
    schema_unref(reader->schema);
    firn_free(reader);
}

static firn_status
fake_open_split(source *src, const source_split *split, size_t batch_rows, size_t batch_bytes,
                split_outcome *ret_outcome, batch_reader **ret_reader, firn_error *err)
{
    static const batch_reader_ops ops = {.next = fake_next, .free = fake_reader_free};
    fake_reader *r = firn_calloc(1, sizeof *r);
    long long    from = 0, to = 0;

    (void) batch_bytes;
    if (!r) return firn_fail_memory(err, "a fake reader");
    (void) sscanf(split->text, "%lld %lld", &from, &to);
    *r = (fake_reader){.base = {.ops = &ops, .schema = schema_ref(split->description->schema)},
                       .source = (fake_source *) src,
                       .next = from,
                       .first = from,
                       .end = to,
                       .batch_rows = batch_rows,
                       .outcome = ret_outcome};
    atomic_fetch_add(&r->source->opens, 1);
    *ret_reader = &r->base;
    return FIRN_OK;
}

static void
fake_free(source *src)
{
    (void) src;
}

void
fake_source_init(fake_source *f, const fake_table tables[], unsigned table_count)
{
    static const source_ops ops = {.kind = "fake",
                                   .freeze = fake_freeze,
                                   .attach = fake_attach,
                                   .take_over = fake_take_over,
                                   .thaw = fake_thaw,
                                   .list = fake_list,
                                   .describe = fake_describe,
                                   .plan = fake_plan,
                                   .open_split = fake_open_split,
                                   .cancel = fake_thaw,
                                   .free = fake_free};

    *f = (fake_source){.base = {.ops = &ops},
                       .snapshot = "00000003-1",
                       .tables = tables,
                       .table_count = table_count,
                       .splits_per_table = 1,
                       .row_bytes = 4096,
                       .identity = "fake:1:1",
                       .position = "0/1000",
                       .break_code = FIRN_E_POSTGRES_UNAVAILABLE};
}
