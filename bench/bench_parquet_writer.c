/*
 * Writes a dumped table (bench/dump_columns.py) with parquet_writer and says what it cost.
 *
 * bench_parquet_writer FOLDER OUT_PREFIX [file_count=4] [level=1] [page_size=…] [page_rows=…]
 *                      [group_size=…] [dictionary=…] [batch_rows=…] [repeat=1] [columns=0,3]
 *
 * OUT_PREFIX "-" throws the bytes away. Prints CPU nanoseconds per row, bytes, and bytes per column.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "parquet/file_writer.h"

enum { COLUMN_MAX = 128 };

typedef struct dumped {
    schema_field      fields[COLUMN_MAX];
    data_type         types[COLUMN_MAX];
    const void       *buffers[COLUMN_MAX][3];
    unsigned          column_count;
    int64_t           row_count;
    struct ArrowArray arrays[COLUMN_MAX], *children[COLUMN_MAX], rows;
} dumped;

static dumped table;

static void
die(const char *what, const firn_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->cause : "");
    exit(1);
}

static const void *
map_file(const char *folder, unsigned index, const char *suffix)
{
    char        path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%u.%s", folder, index, suffix);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return NULL;
    if (fstat(fd, &info) || info.st_size == 0) {
        close(fd);
        return NULL;
    }
    void *bytes = mmap(NULL, (size_t) info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static type_kind
kind_of(const char *text)
{
    static const char *const names[] = {[TYPE_BOOLEAN] = "boolean",     [TYPE_INT] = "int",
                                        [TYPE_LONG] = "long",           [TYPE_FLOAT] = "float",
                                        [TYPE_DOUBLE] = "double",       [TYPE_DECIMAL] = "decimal",
                                        [TYPE_DATE] = "date",           [TYPE_TIME] = "time",
                                        [TYPE_TIMESTAMP] = "timestamp", [TYPE_TIMESTAMPTZ] = "timestamptz",
                                        [TYPE_STRING] = "string"};
    for (unsigned i = 0; i < FIRN_COUNT(names); i++) {
        if (!strcmp(names[i], text)) return (type_kind) i;
    }
    die(text, NULL);
    return TYPE_STRING;
}

static void
load_table(const char *folder, const char *only)
{
    char  path[4096], kind[32], name[256];
    FILE *file;
    int   required;

    snprintf(path, sizeof path, "%s/schema.txt", folder);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%ld", &table.row_count) != 1) die(path, NULL);
    unsigned n = 0, precision, scale;
    for (unsigned i = 0; fscanf(file, "%31s %u %u %d %255[^\n]", kind, &precision, &scale, &required, name) == 5; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, ",%u,", i);
        if (only && !strstr(only, wanted)) continue;
        table.types[n] = (data_type){.kind = kind_of(kind), .precision = precision, .scale = scale};
        table.fields[n] =
            (schema_field){.id = (int32_t) i + 1, .name = strdup(name), .required = required, .type = &table.types[n]};
        const void *offsets = map_file(folder, i, "offsets");
        table.buffers[n][0] = map_file(folder, i, "valid");
        table.buffers[n][1] = offsets ? offsets : map_file(folder, i, "values");
        table.buffers[n][2] = offsets ? map_file(folder, i, "values") : NULL;
        table.arrays[n] = (struct ArrowArray){.length = table.row_count,
                                              .null_count = table.buffers[n][0] ? -1 : 0,
                                              .n_buffers = offsets ? 3 : 2,
                                              .buffers = table.buffers[n]};
        table.children[n] = &table.arrays[n];
        n++;
    }
    table.column_count = n;
    fclose(file);
    table.rows = (struct ArrowArray){.n_children = n, .children = table.children};
}

/* A sink of a file, or of nothing. */
typedef struct file_sink {
    firn_sink base;
    int       fd;
} file_sink;

static firn_status
file_sink_write(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    (void) err;
    int fd = ((file_sink *) sink)->fd;
    if (fd >= 0 && write(fd, bytes, size) != (ssize_t) size) die("write", NULL);
    return FIRN_OK;
}

static firn_status
file_sink_finish(firn_sink *sink, firn_error *err)
{
    (void) sink, (void) err;
    return FIRN_OK;
}

static void
file_sink_abort(firn_sink *sink)
{
    (void) sink;
}

static void
file_sink_free(firn_sink *sink)
{
    if (((file_sink *) sink)->fd >= 0) close(((file_sink *) sink)->fd);
    free(sink);
}

static const firn_sink_ops file_sink_ops = {file_sink_write, file_sink_finish, file_sink_abort, file_sink_free};

static size_t
option(int argc, char **argv, const char *name, size_t value)
{
    for (int i = 3; i < argc; i++) {
        size_t length = strlen(name);
        if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return strtoul(argv[i] + length + 1, NULL, 0);
    }
    return value;
}

int
main(int argc, char **argv)
{
    parquet_options options = parquet_options_default;
    firn_error      err = {0};
    table_schema   *schema = NULL;
    const char     *only = NULL;
    char            list[256];

    if (argc < 3) return fprintf(stderr, "usage: bench_parquet_writer FOLDER OUT_PREFIX [name=value …]\n"), 64;
    for (int i = 3; i < argc; i++) {
        if (!strncmp(argv[i], "columns=", 8)) {
            snprintf(list, sizeof list, ",%s,", argv[i] + 8);
            only = list;
        }
    }
    load_table(argv[1], only);
    size_t codec = option(argc, argv, "codec", options.codec);
    options.codec = (parquet_codec) codec;
    options.compression_level = (int) (ssize_t) option(argc, argv, "level", (size_t) options.compression_level);
    options.page_size_bytes = option(argc, argv, "page_size", options.page_size_bytes);
    options.page_rows_max = option(argc, argv, "page_rows", options.page_rows_max);
    options.row_group_size_bytes = option(argc, argv, "group_size", options.row_group_size_bytes);
    options.dictionary_size_bytes = option(argc, argv, "dictionary", options.dictionary_size_bytes);
    int64_t  batch_rows = (int64_t) option(argc, argv, "batch_rows", 16384);
    int64_t  file_count = (int64_t) option(argc, argv, "file_count", 4);
    size_t   repeat = option(argc, argv, "repeat", 1), memory_max = 0;
    uint64_t bytes = 0, best = UINT64_MAX;
    unsigned group_count = 0;
    uint64_t column_bytes[COLUMN_MAX];

    if (schema_new(0, table.fields, table.column_count, NULL, 0, false, &schema, &err)) die("schema", &err);
    for (size_t turn = 0; turn < repeat; turn++) {
        int64_t before = firn_clock_cpu_us();
        bytes = group_count = 0;
        memset(column_bytes, 0, sizeof column_bytes);
        for (int64_t f = 0; f < file_count; f++) {
            parquet_writer   *writer = NULL;
            parquet_file_info info = {0};
            file_sink        *sink = calloc(1, sizeof *sink);
            char              path[4096];
            snprintf(path, sizeof path, "%s-%ld.parquet", argv[2], f);
            *sink = (file_sink){{&file_sink_ops, 0},
                                strcmp(argv[2], "-") ? open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644) : -1};
            if (parquet_writer_open(schema, &options, &sink->base, &writer, &err)) die("open", &err);
            int64_t end = table.row_count * (f + 1) / file_count;
            for (int64_t at = table.row_count * f / file_count; at < end; at += batch_rows) {
                table.rows.offset = at;
                table.rows.length = end - at < batch_rows ? end - at : batch_rows;
                if (parquet_writer_add(writer, &table.rows, &err)) die("add", &err);
                size_t memory = parquet_writer_memory_bytes(writer);
                if (memory > memory_max) memory_max = memory;
            }
            if (parquet_writer_close(writer, &info, &err)) die("close", &err);
            bytes += info.size_bytes;
            group_count += info.row_group_count;
            for (unsigned i = 0; i < info.column_count; i++)
                column_bytes[i] += info.columns[i].compressed_bytes;
            parquet_file_info_done(&info);
            parquet_writer_free(writer);
        }
        uint64_t used = (uint64_t) (firn_clock_cpu_us() - before);
        if (used < best) best = used;
    }
    printf("%.1f ns/row  %.2f MB  %u row groups  memory %.1f MiB\n", (double) best * 1000 / (double) table.row_count,
           (double) bytes / 1e6, group_count, (double) memory_max / 1048576);
    for (unsigned i = 0; i < table.column_count && option(argc, argv, "detail", 0); i++)
        printf("  %-20s %8.3f MB  %.2f B/row\n", table.fields[i].name, (double) column_bytes[i] / 1e6,
               (double) column_bytes[i] / (double) table.row_count);
    schema_unref(schema);
    return 0;
}
