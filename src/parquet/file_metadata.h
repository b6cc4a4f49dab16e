/*
 * What a Parquet footer, a page header and a page index say, as read from a file: nothing here is trusted
 * beyond what footer_reader.c checked (named below). Everything lives in the arena that it was read into
 * and in the bytes that it was read from.
 *
 * Spec: parquet-format, src/main/thrift/parquet.thrift
 */
#ifndef FIRN_PARQUET_FILE_METADATA_H
#define FIRN_PARQUET_FILE_METADATA_H

#include "base/slice.h"
#include "parquet/format.h"

/* Codecs as the file numbers them; parquet_codec (file_writer.h) has those that firn writes. */
enum {
    PARQUET_CODEC_UNCOMPRESSED = 0,
    PARQUET_CODEC_SNAPPY = 1,
    PARQUET_CODEC_GZIP = 2,
    PARQUET_CODEC_LZO = 3,
    PARQUET_CODEC_BROTLI = 4,
    PARQUET_CODEC_LZ4_HADOOP = 5, /* deprecated, with or without Hadoop's frame */
    PARQUET_CODEC_ZSTD = 6,
    PARQUET_CODEC_LZ4_RAW = 7,
};

typedef struct parquet_element {
    const char        *name;
    bool               is_group;
    parquet_type       type;        /* checked; leaves only */
    uint32_t           size_bytes;  /* of FIXED_LEN_BYTE_ARRAY; checked > 0 */
    parquet_repetition repetition;  /* checked */
    uint32_t           child_count; /* checked against the elements that follow */
    int                converted;   /* parquet_converted, or a number that we do not know */
    int                logical;     /* parquet_logical, or a number that we do not know */
    int32_t            scale, precision;
    int32_t            field_id; /* -1: none */
    parquet_time_unit  unit;
    bool               adjusted_to_utc;
    int                bit_width; /* of logical INTEGER */
    bool               is_signed;
} parquet_element;

typedef struct parquet_statistics {
    firn_slice min, max;   /* PLAIN bytes in the column's order; data == NULL: none */
    int64_t    null_count; /* -1: not known */
    int64_t    nan_count;  /* -1: not known */
    bool       min_is_exact, max_is_exact;
    bool       is_signed_order; /* from the deprecated fields: only for columns that are signed numbers */
} parquet_statistics;

/* How many pages of a chunk have a type and an encoding; as the file numbers them. */
typedef struct parquet_page_count {
    int32_t type, encoding, count;
} parquet_page_count;
#define PARQUET_PAGE_COUNTS_MAX 4

typedef struct parquet_chunk {
    parquet_type       type;
    int                codec;
    uint32_t           encodings;        /* bit N: encoding N occurs */
    unsigned           page_count_count; /* 0: not told, or more kinds of pages than are kept */
    parquet_page_count page_counts[PARQUET_PAGE_COUNTS_MAX];
    bool               is_encrypted, is_external;
    int64_t            value_count;                              /* checked >= 0 */
    int64_t            data_page_offset;                         /* not checked */
    int64_t            dictionary_page_offset;                   /* 0: none; not checked */
    int64_t            compressed_size_bytes;                    /* checked >= 0 */
    int64_t            uncompressed_size_bytes;                  /* not checked */
    int64_t            offset_index_offset, column_index_offset; /* 0: none; not checked */
    int32_t            offset_index_size, column_index_size;
    parquet_statistics statistics;
} parquet_chunk;

typedef struct parquet_row_group {
    uint64_t             first_row, row_count; /* checked: the sum fits */
    int64_t              size_bytes;           /* uncompressed; not checked */
    const parquet_chunk *chunks;               /* one per leaf, checked */
} parquet_row_group;

typedef struct parquet_metadata {
    unsigned                 element_count; /* >= 1; the first is the root */
    const parquet_element   *elements;
    unsigned                 leaf_count;
    unsigned                 row_group_count;
    const parquet_row_group *row_groups;
    uint64_t                 row_count; /* sum of the row groups */
    const char              *created_by;
} parquet_metadata;

typedef struct parquet_page_header {
    parquet_page_type type;
    uint32_t          compressed_size_bytes, uncompressed_size_bytes;
    bool              has_crc;
    uint32_t          crc;
    uint32_t          value_count; /* nulls included */
    int               encoding;
    /* v1 */
    int               definition_encoding, repetition_encoding;
    /* v2 */
    uint32_t          null_count, row_count;
    uint32_t          definition_size_bytes, repetition_size_bytes; /* checked: fit both sizes */
    bool              is_compressed;
} parquet_page_header;

typedef struct parquet_page_location {
    uint64_t offset;    /* of the header, in the file */
    uint64_t first_row; /* in the row group; strictly ascending, the first is 0 (checked) */
    uint32_t size_bytes;
} parquet_page_location;

/* An entry per data page; NULL arrays where the file has none. */
typedef struct parquet_page_index {
    unsigned                     page_count;
    const parquet_page_location *locations;
    const bool                  *is_null_page;
    const firn_slice            *min, *max;
    const int64_t               *null_counts;
    parquet_boundary_order       order;
} parquet_page_index;

#endif
