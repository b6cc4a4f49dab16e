/*
 * Batches → one Parquet file, with what Iceberg wants to know about it.
 *
 * Spec:    parquet-format (README.md, Encodings.md, LogicalTypes.md, PageIndex.md, parquet.thrift)
 * Shape:   v1 data pages, PLAIN or dictionary (RLE_DICTIONARY indices), zstd; field ids on every
 *          level; statistics, column index and offset index. Iceberg's vectorised Spark reader up
 *          to 1.4.2 refuses DELTA_* and v2 pages, hence no others by default.
 * Calls:   open, add*, close (or free without close = abandon: aborts the sink)
 * Memory:  the compressed pages of the open row group + one page per column + dictionaries: mostly twice
 *          row_group_size_bytes, about three times at worst, for any number of columns (pages and dictionaries are
 *          made smaller for many); beyond that only single huge values
 * Threads: one thread per writer
 */
#ifndef FIRN_PARQUET_FILE_WRITER_H
#define FIRN_PARQUET_FILE_WRITER_H

#include "base/sink.h"
#include "batch/batch.h"

typedef enum parquet_codec {
    PARQUET_UNCOMPRESSED = 0,
    PARQUET_SNAPPY = 1,
    PARQUET_GZIP = 2,
    PARQUET_ZSTD = 6,
    PARQUET_LZ4_RAW = 7,
} parquet_codec;

typedef struct parquet_options {
    parquet_codec codec;
    int           compression_level;
    size_t        page_size_bytes;      /* uncompressed values of a data page */
    size_t        page_rows_max;        /* rows of a data page */
    size_t        row_group_size_bytes; /* compressed so far + estimate of open pages */
    uint64_t      row_group_rows_max;
    size_t        dictionary_size_bytes; /* a column gives up its dictionary past this */
} parquet_options;
extern const parquet_options parquet_options_default;

/* Bounds as Parquet's PLAIN bytes of the physical type; strings and binaries whole up to the limit,
 * else truncated (max rounded up at a character boundary; has_max false where that is impossible). */
#define PARQUET_BOUND_MAX 64
typedef struct parquet_column_info {
    int32_t  field_id;         /* of the leaf */
    uint64_t compressed_bytes; /* with page headers, dictionary included */
    uint64_t value_count;      /* nulls and empty lists' placeholders included */
    uint64_t null_count;
    uint64_t nan_count;                      /* float and double */
    bool     has_bounds_min, has_bounds_max; /* false below a list or map */
    uint8_t  min_size, max_size;
    uint8_t  min[PARQUET_BOUND_MAX], max[PARQUET_BOUND_MAX];
} parquet_column_info;

typedef struct parquet_file_info {
    uint64_t             size_bytes, row_count;
    unsigned             row_group_count;
    int64_t             *row_group_offset; /* start of each: Iceberg's split_offsets */
    unsigned             column_count;     /* leaves */
    parquet_column_info *columns;
} parquet_file_info;
void parquet_file_info_done(parquet_file_info *info);

typedef struct parquet_writer parquet_writer;

/* References the schema, owns the sink whatever the result. */
FIRN_MUST_USE firn_status parquet_writer_open(table_schema *schema, const parquet_options *options,
                                              firn_sink *take_sink, parquet_writer **ret_writer, firn_error *err);
/* `rows`: a struct array with the schema's columns; borrowed. Its `offset` and its children's are honoured. */
FIRN_MUST_USE firn_status parquet_writer_add(parquet_writer *writer, const struct ArrowArray *rows, firn_error *err);
/* Whether row groups of this file can be taken over as they are: the same columns and codec, and everything known that
 * would be counted here. With `extra_count`, the last so many columns of the schema are ones that the file has not. */
struct parquet_file;
bool                      parquet_writer_can_copy(const parquet_writer *writer, const struct parquet_file *file,
                                                  unsigned extra_count);
/* Appends a row group of such a file byte for byte, as a row group. `extra`: a struct array with the values of the
 * further columns, a row each; NULL: there are none. */
FIRN_MUST_USE firn_status parquet_writer_copy(parquet_writer *writer, const struct parquet_file *file,
                                              unsigned row_group, const struct ArrowArray *extra, firn_error *err);
/* Bytes written and buffered: what the file would have if it were closed now, about. */
uint64_t                  parquet_writer_size_bytes(const parquet_writer *writer);
/* Memory held now, for the budget. */
size_t                    parquet_writer_memory_bytes(const parquet_writer *writer);
/* Footer, sink finished: the file is there. The writer is only good for free afterwards. */
FIRN_MUST_USE firn_status parquet_writer_close(parquet_writer *writer, parquet_file_info *ret_info, firn_error *err);
void                      parquet_writer_free(parquet_writer *writer);
FIRN_DEFINE_FREEP(parquet_writer, parquet_writer_free)

#endif
