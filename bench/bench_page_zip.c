/*
 * What the codec alone costs of files that are written anew: every page of them is decompressed, and compressed again.
 *
 * bench_page_zip [level=1] [columns=1] FILE...
 *
 * Prints a line of JSON: megabytes (10^6) of Parquet, of pages before compression, and of them compressed again, and the
 * CPU seconds of both ways; with columns=1 the same for each column of all files first. Files from outside are trusted: a bench.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "codec/compressor.h"
#include "parquet/file_reader.h"
#include "parquet/page_reader.h"

enum { COLUMN_MAX = 1024 };

typedef struct figures {
    char     name[64];
    uint64_t file_bytes, plain_bytes, zipped_bytes;
    int64_t  unzip_us, zip_us;
} figures;

static figures columns[COLUMN_MAX];

static void
check(firn_status status, const firn_error *err)
{
    if (status == FIRN_OK) return;
    (void) fprintf(stderr, "bench_page_zip: %s\n", err->cause);
    exit(1);
}

static firn_status
read_file(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_reserve(out, size, err));
    ssize_t got = pread(*(int *) state, out->data + out->size, size, (off_t) offset);
    if (got > 0) out->size += (size_t) got;
    return FIRN_OK;
}

static void
run_chunk(read_context *context, compressor *zip, const parquet_chunk *chunk, figures *f)
{
    firn_error          err = {0};
    page_reader         pages;
    parquet_page_header header;
    page_body           body;
    firn_buffer         out;
    int64_t             left = chunk->compressed_size_bytes;

    firn_buffer_init(&out, (size_t) 1 << 31);
    page_reader_init(&pages, context, f->name);
    check(page_reader_start(&pages, chunk, &err), &err);
    f->file_bytes += (uint64_t) left;
    while (left > 0) {
        uint64_t before = pages.at;

        check(page_reader_next(&pages, &header, &err), &err);
        int64_t begun = firn_clock_cpu_us();
        check(page_reader_load(&pages, &header, &body, &err), &err);
        int64_t loaded = firn_clock_cpu_us();
        firn_buffer_reset(&out);
        check(compressor_compress(zip, body.values, &out, &err), &err);
        f->zip_us += firn_clock_cpu_us() - loaded;
        f->unzip_us += loaded - begun;
        f->plain_bytes += body.values.size;
        f->zipped_bytes += out.size;
        left -= (int64_t) (pages.at - before);
    }
    page_reader_done(&pages);
    firn_buffer_done(&out);
}

static void
run_file(const char *path, compressor *zip)
{
    firn_error     err = {0};
    parquet_file  *file = NULL;
    int            fd = open(path, O_RDONLY | O_CLOEXEC);
    parquet_source source = {.name = path, .size_bytes = (uint64_t) lseek(fd, 0, SEEK_END), .read = read_file, .state = &fd};
    read_context   context = {.source = &source, .data_end = source.size_bytes, .read_ahead_bytes = (size_t) 1 << 20};

    context.budget = (read_budget){.max_bytes = (size_t) 1 << 31};
    check(parquet_file_open(&source, 0, &file, &err), &err);

    const parquet_metadata *m = parquet_file_metadata(file);
    for (unsigned g = 0; g < m->row_group_count; g++) {
        unsigned leaf = 0;

        for (unsigned i = 1; i < m->element_count && leaf < COLUMN_MAX; i++) {
            if (m->elements[i].is_group) continue;
            (void) snprintf(columns[leaf].name, sizeof columns[leaf].name, "%s", m->elements[i].name);
            run_chunk(&context, zip, &m->row_groups[g].chunks[leaf], &columns[leaf]);
            leaf++;
        }
    }
    read_context_done(&context);
    parquet_file_free(file);
    (void) close(fd);
}

static void
print_line(const figures *f)
{
    printf("{\"name\": \"%s\", \"file_mb\": %.2f, \"plain_mb\": %.2f, \"zipped_mb\": %.2f, \"unzip_s\": %.4f, \"zip_s\": %.4f}\n", f->name,
           (double) f->file_bytes / 1e6, (double) f->plain_bytes / 1e6, (double) f->zipped_bytes / 1e6, (double) f->unzip_us / 1e6,
           (double) f->zip_us / 1e6);
}

int
main(int argc, char **argv)
{
    firn_error  err = {0};
    compressor *zip = NULL;
    figures     sum = {.name = "all"};
    int         level = 1, per_column = 0, first = 1;

    while (first < argc && (sscanf(argv[first], "level=%d", &level) == 1 || sscanf(argv[first], "columns=%d", &per_column) == 1)) first++;
    check(compressor_new(CODEC_ZSTD, level, &zip, &err), &err);
    for (int i = first; i < argc; i++) run_file(argv[i], zip);
    for (unsigned i = 0; i < COLUMN_MAX && columns[i].name[0]; i++) {
        if (per_column) print_line(&columns[i]);
        sum.file_bytes += columns[i].file_bytes;
        sum.plain_bytes += columns[i].plain_bytes;
        sum.zipped_bytes += columns[i].zipped_bytes;
        sum.unzip_us += columns[i].unzip_us;
        sum.zip_us += columns[i].zip_us;
    }
    print_line(&sum);
    compressor_free(zip);
    return 0;
}
