#include "postgres/copy_decode.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "postgres/copy_batch.h"
#include "postgres/copy_fast.h"

/*
 * Budget: decoding takes at most 0.15 µs of CPU for a row of 16 columns (TPC-H lineitem), that is 10 ns a
 * field; bench/bench_copy_decode.c measures it. So: one pass over a row, a switch per field whose jumps
 * repeat from row to row, plain stores into buffers of a batch that stays in the cache.
 */
#define COPY_BATCH_ROWS_DEFAULT 16384
#define COPY_BATCH_ROWS_MIN 64
#define COPY_BATCH_BYTES_DEFAULT ((size_t) 2 << 20)

static const uint8_t copy_signature[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0};

typedef enum copy_phase { COPY_PHASE_HEADER, COPY_PHASE_ROWS, COPY_PHASE_ENDED } copy_phase;

struct copy_decoder {
    copy_row     row;
    copy_phase   phase;
    unsigned     column_count;
    copy_column *columns;
    size_t       batch_rows, batch_bytes;
    size_t       row_index, byte_count; /* in this batch */
    bool         begun;
    uint64_t     row_count;
};

firn_status
copy_decoder_new(const copy_layout *layout, size_t batch_rows, size_t batch_bytes, copy_decoder **ret_decoder,
                 firn_error *err)
{
    FIRN_AUTO(copy_decoder_freep) copy_decoder *d = firn_calloc(1, sizeof *d);
    if (!d) return firn_fail_memory(err, "a COPY decoder");
    d->row.layout = layout;
    d->columns = firn_calloc(layout->field_count, sizeof *d->columns);
    if (!d->columns) return firn_fail_memory(err, "a COPY decoder");
    d->column_count = layout->field_count;

    size_t row_size = 0;
    for (unsigned i = 0; i < layout->field_count; i++) {
        FIRN_TRY(copy_column_init(&d->columns[i], &layout->fields[i], 0, err));
        row_size += copy_column_row_size(&d->columns[i]);
    }
    d->batch_bytes = batch_bytes ? batch_bytes : COPY_BATCH_BYTES_DEFAULT;
    d->batch_rows = batch_rows ? batch_rows : COPY_BATCH_ROWS_DEFAULT;
    /* Wide rows: fewer of them, so that the batch keeps its size. */
    size_t fitting = row_size ? d->batch_bytes / row_size : d->batch_rows;
    if (fitting < COPY_BATCH_ROWS_MIN) fitting = COPY_BATCH_ROWS_MIN;
    if (fitting < d->batch_rows) d->batch_rows = fitting;
    *ret_decoder = FIRN_STEAL(d);
    return FIRN_OK;
}

void
copy_decoder_free(copy_decoder *d)
{
    if (!d) return;
    for (unsigned i = 0; i < d->column_count; i++) copy_column_done(&d->columns[i]);
    firn_free(d->columns);
    firn_free(d);
}

static firn_status
fail_truncated(const copy_decoder *d, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the COPY stream of '%s' breaks off in %s after row %" PRIu64,
                     d->row.layout->qualified_name, what, d->row_count);
}

/* Fields of one row from `at`; the new place, or NULL with `err`. */
static const uint8_t *
add_row(copy_decoder *d, const uint8_t *at, const uint8_t *end, firn_error *err)
{
    size_t index = d->row_index;
    d->row.tuple = firn_slice_of(at, (size_t) (end - at));
    for (copy_column *column = d->columns, *stop = column + d->column_count; column < stop; column++) {
        if (FIRN_UNLIKELY(end - at < 4)) return fail_truncated(d, "a row", err), NULL;
        uint32_t size = load_be32(at);
        at += 4;
        if (size == UINT32_MAX) {
            if (FIRN_LIKELY(add_null_fast(column, index))) continue;
            d->row.column = column->field;
            if (copy_value_add_null(&d->row, column, index, err)) return NULL;
            continue;
        }
        if (FIRN_UNLIKELY(size > (size_t) (end - at))) return fail_truncated(d, "a value", err), NULL;
        const uint8_t *value = at;
        at += size;
        if (column->op == COPY_TEXT) {
            if (FIRN_UNLIKELY(add_text_fast(column, index, value, size, (size_t) (end - value), err))) return NULL;
        } else if (FIRN_UNLIKELY(!add_fast(column, index, value, size))) {
            d->row.column = column->field;
            if (copy_value_add(&d->row, column, index, firn_slice_of(value, size), err)) return NULL;
        }
    }
    d->row_index++;
    return at;
}

static firn_status
begin_batch(copy_decoder *d, firn_error *err)
{
    for (unsigned i = 0; i < d->column_count; i++)
        FIRN_TRY(copy_column_begin(&d->columns[i], d->batch_rows, err));
    d->begun = true;
    return FIRN_OK;
}

/* The new place behind signature, flags and extension, or NULL with `err`. */
static const uint8_t *
read_header(copy_decoder *d, const uint8_t *at, const uint8_t *end, firn_error *err)
{
    const size_t fixed = sizeof copy_signature + 8;
    if ((size_t) (end - at) < fixed) return fail_truncated(d, "its header", err), NULL;
    uint32_t flags = load_be32(at + sizeof copy_signature), extension = load_be32(at + sizeof copy_signature + 4);
    /* The lower 16 flags are notes, the upper 16 change the format. */
    if (memcmp(at, copy_signature, sizeof copy_signature) != 0 || flags >> 16 != 0 ||
        extension > (size_t) (end - at) - fixed) {
        firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the COPY stream of '%s' has an unknown header",
                  d->row.layout->qualified_name);
        return NULL;
    }
    d->phase = COPY_PHASE_ROWS;
    return at + fixed + extension;
}

firn_status
copy_decoder_add(copy_decoder *d, const uint8_t *bytes, size_t size, firn_error *err)
{
    const uint8_t *at = bytes, *end = bytes + size;

    if (FIRN_UNLIKELY(d->phase != COPY_PHASE_ROWS)) {
        if (d->phase == COPY_PHASE_ENDED) return fail_truncated(d, "bytes behind its end", err);
        at = read_header(d, at, end, err);
        if (!at) return err->status;
    }
    while (at < end) {
        if (end - at < 2) return fail_truncated(d, "a field count", err);
        unsigned field_count = load_be16(at);
        at += 2;
        if (FIRN_UNLIKELY(field_count != d->column_count)) {
            if (field_count != 0xffff || at != end)
                return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a row of '%s' has %u fields where %u were asked for",
                                 d->row.layout->qualified_name, field_count, d->column_count);
            d->phase = COPY_PHASE_ENDED;
            return FIRN_OK;
        }
        if (FIRN_UNLIKELY(!d->begun)) FIRN_TRY(begin_batch(d, err));
        /* A message holds one row; a second one in it must find room as well. */
        if (FIRN_UNLIKELY(d->row_index >= d->batch_rows))
            return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a message of '%s' holds too many rows",
                             d->row.layout->qualified_name);
        at = add_row(d, at, end, err);
        if (FIRN_UNLIKELY(!at)) return err->status;
        d->row_count++;
    }
    d->byte_count += size;
    return FIRN_OK;
}

bool
copy_decoder_full(const copy_decoder *d)
{
    return d->row_index >= d->batch_rows || d->byte_count >= d->batch_bytes;
}

bool
copy_decoder_ended(const copy_decoder *d)
{
    return d->phase == COPY_PHASE_ENDED;
}

void
copy_decoder_restart(copy_decoder *d)
{
    d->phase = COPY_PHASE_HEADER;
}

firn_status
copy_decoder_take(copy_decoder *d, batch *ret_batch, firn_error *err)
{
    FIRN_TRY(copy_batch_take(d->columns, d->column_count, d->row_index, d->row.layout->schema, ret_batch, err));
    if (d->row_index) d->begun = false;
    d->row_index = d->byte_count = 0;
    return FIRN_OK;
}

uint64_t
copy_decoder_row_count(const copy_decoder *d)
{
    return d->row_count;
}

uint64_t
copy_decoder_coerced_count(const copy_decoder *d)
{
    return d->row.coerced_count;
}
