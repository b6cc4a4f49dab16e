/*
 * Nanoseconds per row of the COPY decoder, without socket and server: a recorded stream, decoded again and
 * again.
 *
 *   bench_copy_decode HOST PORT DATABASE USER PASSWORD SCHEMA TABLE [ROWS [ROUNDS]]
 *
 * Records up to ROWS rows (200000) of the table in memory, decodes them ROUNDS times (20), prints the best
 * round. Budget: 150 ns for TPC-H lineitem.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "postgres/copy_decode.h"
#include "postgres/copy_stream.h"
#include "postgres/postgres_describe.h"

typedef struct recording {
    firn_buffer bytes;
    size_t     *sizes; /* of the messages */
    size_t      count, count_max;
} recording;

static void
die(const firn_error *err)
{
    fprintf(stderr, "%s\n%s\n", err->cause, err->hint);
    exit(1);
}

static void
record(postgres_connection *c, const postgres_table *table, recording *r, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    copy_stream stream;
    firn_slice  message;
    firn_buffer_init(&sql, 1 << 20);
    firn_buffer_init(&r->bytes, (size_t) 4 << 30);
    r->sizes = firn_calloc(r->count_max + 2, sizeof *r->sizes);
    if (firn_buffer_printf(&sql, err, "COPY (SELECT %s FROM %s LIMIT %zu) TO STDOUT (FORMAT binary)", table->select_list,
                           table->relations[0].qualified, r->count_max) ||
        firn_buffer_add_byte(&sql, 0, err))
        die(err);
    copy_stream_init(&stream, c, "recording");
    if (copy_stream_start(&stream, (const char *) sql.data, err)) die(err);
    for (;;) {
        if (copy_stream_next(&stream, &message, err)) die(err);
        if (!message.data) break;
        if (firn_buffer_add(&r->bytes, message.data, message.size, err)) die(err);
        r->sizes[r->count++] = message.size;
    }
    copy_stream_done(&stream);
}

static int64_t
decode(const postgres_table *table, const recording *r, uint64_t *ret_rows, uint64_t *ret_batches)
{
    firn_error     err = {0};
    copy_decoder  *d;
    const uint8_t *at = r->bytes.data;
    int64_t        start_us = firn_clock_cpu_us();
    *ret_batches = 0;
    if (copy_decoder_new(&table->layout, 0, 0, &d, &err)) die(&err);
    for (size_t i = 0; i < r->count; i++) {
        if (copy_decoder_add(d, at, r->sizes[i], &err)) die(&err);
        at += r->sizes[i];
        if (copy_decoder_full(d) || i + 1 == r->count) {
            batch b = {0};
            if (copy_decoder_take(d, &b, &err)) die(&err);
            if (b.array.release) batch_done(&b);
            ++*ret_batches;
        }
    }
    *ret_rows = copy_decoder_row_count(d);
    copy_decoder_free(d);
    return firn_clock_cpu_us() - start_us;
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error            err = {0};
    postgres_connection  *c;
    postgres_type_catalog types;
    source_description   *description;
    recording             r = {.count_max = 200000};
    unsigned              rounds = 20;
    int64_t               best_us = INT64_MAX;
    uint64_t              rows = 0, batches = 0;
    task_cancel          *cancels[2] = {NULL, NULL};

    if (argc < 8) return 64;
    if (argc > 8) r.count_max = strtoul(argv[8], NULL, 10);
    if (argc > 9) rounds = (unsigned) strtoul(argv[9], NULL, 10);
    postgres_settings settings = {.host = argv[1], .port = (unsigned) strtoul(argv[2], NULL, 10), .database = argv[3], .username = argv[4],
                                  .password = firn_secret_new(argv[5])};
    table_rules  rules = {.time_as_string = true};
    source_table table = {.name = argv[7], .readable = true};
    if (postgres_connection_new(&settings, cancels, false, &c, &err)) die(&err);
    postgres_type_catalog_init(&types, c, false);
    if (postgres_describe_table(&types, argv[6], &table, &rules, &arena, &description, &err)) die(&err);
    record(c, description->detail, &r, &err);
    for (unsigned i = 0; i < rounds; i++) {
        int64_t us = decode(description->detail, &r, &rows, &batches);
        if (us < best_us) best_us = us;
    }
    printf("%s: %" PRIu64 " rows, %.0f bytes a row, %" PRIu64 " batches, %.1f ns a row, %.0f MB/s\n", argv[7], rows,
           (double) r.bytes.size / (double) rows, batches, (double) best_us * 1000 / (double) rows,
           (double) r.bytes.size / (double) best_us);
    schema_unref(description->schema);
    firn_buffer_done(&r.bytes);
    firn_free(r.sizes);
    postgres_type_catalog_done(&types);
    postgres_connection_free(c);
    firn_secret_free((firn_secret *) (uintptr_t) settings.password);
    return 0;
}
