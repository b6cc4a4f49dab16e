#include "validate/key_check.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "batch/row_checksum.h"
#include "scan/array_value.h"

#define KEY_COLUMNS_MAX 64 /* more than a PostgreSQL index has */
#define BATCH_ROWS 16384

typedef struct check {
    scan_settings scan;
    unsigned      column_count;
    unsigned      columns[KEY_COLUMNS_MAX];
    uint64_t     *hashes; /* of this pass's keys */
    size_t        count, capacity;
    uint64_t     *batch_hashes;
    uint64_t      null_count, duplicate_count;
} check;

static void
check_done(check *c)
{
    firn_free(c->hashes);
    firn_free(c->batch_hashes);
}

static bool
has_null(const check *c, const struct ArrowArray *rows, int64_t row)
{
    for (unsigned i = 0; i < c->column_count; i++) {
        if (array_is_null(rows->children[i], rows->offset + row)) return true;
    }
    return false;
}

static firn_status
add_hash(check *c, uint64_t hash, firn_error *err)
{
    if (c->count == c->capacity) {
        size_t    capacity = c->capacity ? c->capacity * 2 : BATCH_ROWS;
        uint64_t *room = firn_realloc(c->hashes, capacity * sizeof *room);

        if (!room) return firn_fail_memory(err, "the keys of a table");
        c->hashes = room;
        c->capacity = capacity;
    }
    c->hashes[c->count++] = hash;
    return FIRN_OK;
}

/* Keys of this pass: those whose hash falls to it. Nulls are counted in the first. */
static firn_status
read_pass(check *c, uint64_t pass, uint64_t pass_count, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;

    c->count = 0;
    FIRN_TRY(scan_table_open(&c->scan, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch b = {0};

        if (task_cancel_requested(c->scan.cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped while checking keys");
        FIRN_TRY(batch_reader_next(reader, &b, err));
        if (!batch_row_count(&b)) return FIRN_OK;
        row_hashes(c->scan.columns, &b.array, c->columns, c->column_count, c->batch_hashes);
        for (int64_t i = 0; i < b.array.length; i++) {
            uint64_t hash = c->batch_hashes[i];
            bool     is_null = has_null(c, &b.array, i);

            c->null_count += is_null && pass == 0;
            if (!is_null && (hash >> 40) % pass_count == pass) FIRN_TRY(add_hash(c, hash, err));
        }
    }
}

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}

static bool
contains(const uint64_t numbers[], size_t count, uint64_t number)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (numbers[middle] < number) low = middle + 1;
        else
            high = middle;
    }
    return low < count && numbers[low] == number;
}

/* Keeps one of each hash that is there more than once. */
static void
keep_repeated(check *c)
{
    size_t kept = 0;

    for (size_t i = 1; i < c->count; i++) {
        if (c->hashes[i] == c->hashes[i - 1] && (kept == 0 || c->hashes[kept - 1] != c->hashes[i]))
            c->hashes[kept++] = c->hashes[i];
    }
    c->count = kept;
}

/* The other hash of a key: its columns at other places. The two together decide. */
static void
hash_again(const check *c, const struct ArrowArray *rows, uint64_t *out)
{
    unsigned columns[2 * KEY_COLUMNS_MAX];

    for (unsigned i = 0; i < 2 * c->column_count; i++) columns[i] = c->columns[i % c->column_count];
    row_hashes(c->scan.columns, rows, columns, 2 * c->column_count, out);
}

/* Reads the keys again whose first hash is repeated, and counts those that are repeated by both. */
static firn_status
confirm(check *c, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    uint64_t *suspects = FIRN_STEAL(c->hashes), *second = firn_calloc(SCAN_BATCH_ROWS_DEFAULT, sizeof *second);
    size_t    suspect_count = c->count;
    firn_status status = second ? scan_table_open(&c->scan, &reader, err) : firn_fail_memory(err, "keys");

    c->count = c->capacity = 0;
    while (!status) {
        FIRN_AUTO(batch_done) batch b = {0};

        status = batch_reader_next(reader, &b, err);
        if (status || !batch_row_count(&b)) break;
        row_hashes(c->scan.columns, &b.array, c->columns, c->column_count, c->batch_hashes);
        hash_again(c, &b.array, second);
        for (int64_t i = 0; i < b.array.length && !status; i++) {
            if (contains(suspects, suspect_count, c->batch_hashes[i]) && !has_null(c, &b.array, i))
                status = add_hash(c, firn_hash_fold(c->batch_hashes[i] ^ FIRN_HASH_KEY_A, second[i]) + second[i], err);
        }
    }
    firn_free(suspects);
    firn_free(second);
    FIRN_TRY(status);
    if (c->count) qsort(c->hashes, c->count, sizeof *c->hashes, by_number);
    for (size_t i = 1; i < c->count; i++) c->duplicate_count += c->hashes[i] == c->hashes[i - 1];
    return FIRN_OK;
}

firn_status
key_check_run(storage *files, const table_metadata *table, const snapshot *snap, table_schema *key, uint64_t row_count, size_t memory_bytes,
              task_cancel *cancel, uint64_t *ret_null_count, uint64_t *ret_duplicate_count, firn_error *err)
{
    FIRN_AUTO(check_done) check c = {.scan = {.files = files,
                                              .table = table,
                                              .snap = snap,
                                              .columns = key,
                                              .batch_rows = BATCH_ROWS,
                                              .memory_bytes_max = memory_bytes / 2,
                                              .cancel = cancel},
                                     .column_count = key->field_count};
    // An array that grows is there twice for a moment.
    uint64_t pass_count = row_count * sizeof(uint64_t) / (memory_bytes / 8 + 1) + 1;

    if (key->field_count == 0 || key->field_count > KEY_COLUMNS_MAX) return FIRN_OK;
    for (unsigned i = 0; i < key->field_count; i++) c.columns[i] = i;
    c.batch_hashes = firn_calloc(SCAN_BATCH_ROWS_DEFAULT, sizeof *c.batch_hashes);
    if (!c.batch_hashes) return firn_fail_memory(err, "the keys of a table");
    for (uint64_t pass = 0; pass < pass_count; pass++) {
        FIRN_TRY(read_pass(&c, pass, pass_count, err));
        if (c.count) qsort(c.hashes, c.count, sizeof *c.hashes, by_number);
        keep_repeated(&c);
        if (c.count) FIRN_TRY(confirm(&c, err));
    }
    *ret_null_count = c.null_count;
    *ret_duplicate_count = c.duplicate_count;
    return FIRN_OK;
}
