#include "validate/row_compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "validate/bucket_sums.h"
#include "validate/key_ranges.h"

/* A row of a bucket that differs. */
typedef struct row_mark {
    uint64_t key_hash, row_hash, order;
    bool     is_source;
} row_mark;

typedef struct mark_list {
    size_t    count, capacity;
    row_mark *marks;
} mark_list;

typedef struct comparison {
    const table_pair *pair;
    unsigned          worker_count;
    unsigned          source_worker_count;
    bucket_sum      **sums;  /* per worker; NULL until it has rows */
    mark_list        *marks; /* the same */
    uint8_t          *wanted; /* bits of buckets that are looked into */
    bool              is_partial;
} comparison;

static void
comparison_done(comparison *c)
{
    for (unsigned i = 0; c->sums && i < c->worker_count; i++) firn_free(c->sums[i]);
    for (unsigned i = 0; c->marks && i < c->worker_count; i++) firn_free(c->marks[i].marks);
    firn_free(c->sums);
    firn_free(c->marks);
    firn_free(c->wanted);
}

void
row_compare_done(row_compare *compare)
{
    firn_free(compare->differences);
    *compare = (row_compare){0};
}

/* ---- the first pass: sums ---- */

static firn_status
visit_sums(void *state, const pair_rows *rows, firn_error *err)
{
    comparison  *c = state;
    bucket_sum **sums = &c->sums[rows->worker];

    if (!*sums) *sums = firn_calloc(BUCKET_COUNT, sizeof **sums);
    if (!*sums) return firn_fail_memory(err, "checksums");
    bucket_sums_add(*sums, rows->key_hashes, rows->row_hashes, (size_t) rows->rows->length);
    return FIRN_OK;
}

static firn_status
sum_both_sides(comparison *c, row_compare *out, firn_error *err)
{
    FIRN_AUTO(pair_pass_freep) pair_pass *pass = NULL;

    FIRN_TRY(pair_pass_run(c->pair, visit_sums, c, &pass, err));
    out->source_rows = pair_pass_row_count(pass, true);
    out->lake_rows = pair_pass_row_count(pass, false);
    c->source_worker_count = pair_pass_source_worker_count(pass);
    return FIRN_OK;
}

/* The buckets that differ, as many as the memory has room for. False: none does. */
static firn_status
choose_buckets(comparison *c, size_t memory_bytes, bool *ret_any, firn_error *err)
{
    bucket_sum *total = firn_calloc(2 * (size_t) BUCKET_COUNT, sizeof *total);
    uint64_t    room = memory_bytes / 2 / sizeof(row_mark), taken = 0;

    *ret_any = false;
    if (!total) return firn_fail_memory(err, "checksums");
    for (unsigned i = 0; i < c->worker_count; i++) {
        if (c->sums[i]) bucket_sums_merge(total + (i < c->source_worker_count ? 0 : BUCKET_COUNT), c->sums[i]);
    }
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        const bucket_sum *source = &total[i], *lake = &total[BUCKET_COUNT + i];

        if (source->row_count == lake->row_count && source->sum == lake->sum) continue;
        taken += source->row_count + lake->row_count;
        // One bucket is looked into however large it is.
        if (*ret_any && taken > room) c->is_partial = true;
        else
            bitmap_set(c->wanted, i);
        *ret_any = true;
    }
    firn_free(total);
    return FIRN_OK;
}

uint64_t
row_compare_order(const table_pair *pair, const pair_rows *rows, int64_t row)
{
    if (!pair->has_order) return 0;
    return key_order(rows->schema->fields[rows->key[0]].type, rows->rows->children[rows->key[0]], rows->rows->offset + row);
}

/* ---- the second pass: rows of these buckets ---- */

static firn_status
add_mark(mark_list *list, const row_mark *mark, firn_error *err)
{
    if (list->count == list->capacity) {
        size_t    capacity = list->capacity ? list->capacity * 2 : 1024;
        row_mark *room = firn_realloc(list->marks, capacity * sizeof *room);

        if (!room) return firn_fail_memory(err, "rows that differ");
        list->marks = room;
        list->capacity = capacity;
    }
    list->marks[list->count++] = *mark;
    return FIRN_OK;
}

static firn_status
visit_marks(void *state, const pair_rows *rows, firn_error *err)
{
    comparison *c = state;

    for (int64_t i = 0; i < rows->rows->length; i++) {
        row_mark mark = {rows->key_hashes[i], rows->row_hashes[i], 0, rows->is_source};

        if (!bitmap_get(c->wanted, bucket_of_key(mark.key_hash))) continue;
        mark.order = row_compare_order(c->pair, rows, i);
        FIRN_TRY(add_mark(&c->marks[rows->worker], &mark, err));
    }
    return FIRN_OK;
}

static int
by_key_and_row(const void *a, const void *b)
{
    const row_mark *x = a, *y = b;

    if (x->key_hash != y->key_hash) return x->key_hash < y->key_hash ? -1 : 1;
    if (x->row_hash != y->row_hash) return x->row_hash < y->row_hash ? -1 : 1;
    return 0;
}

static firn_status
join_marks(comparison *c, mark_list *ret_all, firn_error *err)
{
    size_t count = 0;

    for (unsigned i = 0; i < c->worker_count; i++) count += c->marks[i].count;
    ret_all->marks = firn_calloc(count + 1, sizeof *ret_all->marks);
    if (!ret_all->marks) return firn_fail_memory(err, "rows that differ");
    for (unsigned i = 0; i < c->worker_count; i++) {
        if (c->marks[i].count)
            memcpy(ret_all->marks + ret_all->count, c->marks[i].marks, c->marks[i].count * sizeof *ret_all->marks);
        ret_all->count += c->marks[i].count;
        firn_free(c->marks[i].marks);
        c->marks[i] = (mark_list){0};
    }
    if (count) qsort(ret_all->marks, count, sizeof *ret_all->marks, by_key_and_row);
    return FIRN_OK;
}

/* The rows of one key: equal rows of both sides cancel. Returns where the next key begins. */
static size_t
diff_key(const mark_list *all, size_t from, key_difference *out)
{
    size_t at = from;

    *out = (key_difference){.key_hash = all->marks[from].key_hash, .order = all->marks[from].order};
    while (at < all->count && all->marks[at].key_hash == out->key_hash) {
        uint64_t row_hash = all->marks[at].row_hash, source = 0, lake = 0;

        for (; at < all->count && all->marks[at].key_hash == out->key_hash && all->marks[at].row_hash == row_hash; at++) {
            if (all->marks[at].is_source) source++;
            else
                lake++;
        }
        if (source > lake) out->only_source += source - lake;
        if (lake > source) out->only_lake += lake - source;
    }
    return at;
}

static firn_status
find_differences(const mark_list *all, row_compare *out, firn_error *err)
{
    key_difference one;
    size_t         count = 0;

    for (size_t at = 0; at < all->count;) {
        at = diff_key(all, at, &one);
        count += one.only_source || one.only_lake;
    }
    out->differences = firn_calloc(count + 1, sizeof *out->differences);
    if (!out->differences) return firn_fail_memory(err, "keys that differ");
    for (size_t at = 0; at < all->count;) {
        at = diff_key(all, at, &one);
        if (one.only_source || one.only_lake) out->differences[out->count++] = one;
    }
    return FIRN_OK;
}

static void
mark_list_done(mark_list *list)
{
    firn_free(list->marks);
}

firn_status
row_compare_run(const table_pair *pair, size_t memory_bytes, row_compare *ret_compare, firn_error *err)
{
    FIRN_AUTO(comparison_done) comparison      c = {.pair = pair, .worker_count = table_pair_worker_count(pair)};
    FIRN_AUTO(pair_pass_freep) pair_pass      *pass = NULL;
    FIRN_AUTO(mark_list_done) mark_list        all = {0};
    FIRN_AUTO(row_compare_done) row_compare    out = {0};
    bool                                       any = false;

    c.sums = firn_calloc(c.worker_count, sizeof *c.sums);
    c.marks = firn_calloc(c.worker_count, sizeof *c.marks);
    c.wanted = firn_calloc(bitmap_size_bytes(BUCKET_COUNT), 1);
    if (!c.sums || !c.marks || !c.wanted) return firn_fail_memory(err, "checksums");
    FIRN_TRY(sum_both_sides(&c, &out, err));
    FIRN_TRY(choose_buckets(&c, memory_bytes, &any, err));
    if (any) {
        FIRN_TRY(pair_pass_run(pair, visit_marks, &c, &pass, err));
        FIRN_TRY(join_marks(&c, &all, err));
        FIRN_TRY(find_differences(&all, &out, err));
    }
    out.is_partial = c.is_partial;
    *ret_compare = out;
    out = (row_compare){0};
    return FIRN_OK;
}

const key_difference *
row_compare_find(const row_compare *compare, uint64_t key_hash)
{
    size_t low = 0, high = compare->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare->differences[middle].key_hash < key_hash) low = middle + 1;
        else
            high = middle;
    }
    return low < compare->count && compare->differences[low].key_hash == key_hash ? &compare->differences[low] : NULL;
}
