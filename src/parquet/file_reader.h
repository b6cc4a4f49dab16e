/*
 * Parquet bytes → batches of chosen columns, matched by Iceberg field id. Untrusted input.
 *
 * Spec:    as file_writer.h
 * Reads:   every physical and logical type that has a counterpart in Iceberg; any nesting, legacy lists and
 *          maps included; pages v1 and v2; all encodings of Encodings.md but ALP; uncompressed, snappy, gzip,
 *          zstd, lz4_raw and the old lz4. Encrypted files, LZO and Brotli are FIRN_UNSUPPORTED.
 * Errors:  FIRN_CORRUPT, FIRN_UNSUPPORTED with file, column and offset
 * Threads: one thread per reader; a parquet_file is immutable and may be shared once open, as far as its
 *          source may be
 * Limits:  memory_bytes_max bounds the footer, pages, dictionaries and the batch that is made; a batch gets
 *          fewer rows where it would pass it, a single row that does is FIRN_UNSUPPORTED
 */
#ifndef FIRN_PARQUET_FILE_READER_H
#define FIRN_PARQUET_FILE_READER_H

#include "batch/batch.h"

#define PARQUET_MEMORY_BYTES_DEFAULT ((size_t) 256 << 20)

/* Where the bytes come from. `name` is for messages. */
typedef struct parquet_source {
    const char *name;
    uint64_t    size_bytes;
    firn_status (*read)(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err);
    void *state;
} parquet_source;

/* A batch_reader over the whole file in the columns of `wanted` (by field id, widened as Iceberg allows:
 * int → long, float → double, decimal precision, date → timestamp; missing columns are their initial default
 * or null). Borrows what `source` points at until freed. memory_bytes_max bounds pages and dictionaries;
 * 0: the default. */
FIRN_MUST_USE firn_status parquet_reader_open(const parquet_source *source, table_schema *wanted, size_t batch_rows,
                                              size_t memory_bytes_max, batch_reader **ret_reader, firn_error *err);

/* The same in two steps, for whoever looks at the footer first. */
typedef struct parquet_file parquet_file;
FIRN_MUST_USE firn_status   parquet_file_open(const parquet_source *source, size_t memory_bytes_max,
                                              parquet_file **ret_file, firn_error *err);
void                        parquet_file_free(parquet_file *file);
uint64_t                    parquet_file_row_count(const parquet_file *file);
unsigned                    parquet_file_row_group_count(const parquet_file *file);
/* First row and number of rows of a row group. */
void                      parquet_file_row_group(const parquet_file *file, unsigned row_group, uint64_t *ret_first_row,
                                                 uint64_t *ret_row_count);
/* What the file holds, as Iceberg types: with its own field ids, or new ones where it has none. */
FIRN_MUST_USE firn_status parquet_file_schema(const parquet_file *file, table_schema **ret_schema, firn_error *err);
/* "parquet-mr version 1.13.1 (build …)"; NULL: not told. */
const char               *parquet_file_created_by(const parquet_file *file);

/* Whether a top-level column of the file has this id; in a file without ids, this name. */
bool parquet_file_has_column(const parquet_file *file, int32_t field_id, const char *name);

/* What the footer says, and where the bytes are: for copying chunks (chunk_copy.h). */
struct parquet_metadata;
const struct parquet_metadata *parquet_file_metadata(const parquet_file *file);
const parquet_source          *parquet_file_source(const parquet_file *file);

/* Bounds are PLAIN bytes of the physical type (data == NULL: none), in the order of the type; a float's never
 * NaN, a time's in microseconds. Counts are -1 where they are not known. */
typedef struct parquet_column_range {
    unsigned   physical_type; /* parquet_type of format.h */
    int32_t    scale;         /* of a decimal */
    firn_slice min, max;
    int64_t    value_count, null_count; /* rows of the group, for a column at the top */
} parquet_column_range;
/* False: no leaf has that id, or nothing is known of it. */
bool parquet_file_column_range(const parquet_file *file, unsigned row_group, int32_t field_id,
                               parquet_column_range *ret_range);

/* The pages of one column of a row group, for pruning; an entry per page. The caller owns it. */
typedef struct parquet_page_range {
    uint64_t             first_row, row_count; /* in the file */
    parquet_column_range range;
} parquet_page_range;
typedef struct parquet_page_ranges {
    unsigned            page_count; /* 0: the file has no page index for it */
    parquet_page_range *pages;
    firn_arena          arena;
    firn_buffer         bytes;
} parquet_page_ranges;
FIRN_MUST_USE firn_status parquet_file_page_ranges(const parquet_file *file, unsigned row_group, int32_t field_id,
                                                   parquet_page_ranges *ret_ranges, firn_error *err);
void                      parquet_page_ranges_done(parquet_page_ranges *ranges);

typedef struct parquet_row_range {
    uint64_t first_row, row_count;
} parquet_row_range;

typedef struct parquet_read_options {
    size_t                   batch_rows;       /* at most; 0: 65536 */
    size_t                   memory_bytes_max; /* 0: the default */
    /* JSON text of schema.name-mapping.default: gives the ids of files that have none. NULL: such files are
     * matched by name. */
    const char              *name_mapping;
    /* Only these rows, ascending and disjoint; whole row groups and pages outside are not read. NULL: all. */
    const parquet_row_range *ranges;
    size_t                   range_count;
    bool                     truncate_nanos;   /* cut times finer than microseconds instead of FIRN_UNSUPPORTED */
    bool                     ignore_checksums; /* page checksums are verified where they are there */
} parquet_read_options;
/* Borrows `file` and the options' texts and ranges until the reader is freed. */
FIRN_MUST_USE firn_status parquet_file_read(const parquet_file *file, table_schema *wanted,
                                            const parquet_read_options *options, batch_reader **ret_reader,
                                            firn_error *err);

/* For readers made by the functions above. */
/* The row of the file (0 = first) that the next batch begins with; with ranges, the next one wanted. At the
 * end: the number of rows. A batch never spans a gap: its rows are consecutive in the file. */
uint64_t                  parquet_reader_row(const batch_reader *reader);
/* The next batch begins at this row, or at the first wanted one behind it. Backward is allowed. */
FIRN_MUST_USE firn_status parquet_reader_seek(batch_reader *reader, uint64_t row, firn_error *err);
/* At most this many rows in the batches that follow. */
void                      parquet_reader_limit(batch_reader *reader, size_t batch_rows);

FIRN_DEFINE_FREEP(parquet_file, parquet_file_free)

#endif
