/*
 * One data or delete file and its facts, as a manifest entry's data_file (spec, "Manifests").
 * Column facts are by field id; bounds are Iceberg single values (spec, appendix D).
 */
#ifndef FIRN_ICEBERG_DATA_FILE_H
#define FIRN_ICEBERG_DATA_FILE_H

#include "base/arena.h"
#include "base/error.h"

typedef enum data_file_content { DATA_FILE_DATA = 0, DATA_FILE_POSITION_DELETES = 1, DATA_FILE_EQUALITY_DELETES = 2 } data_file_content;

typedef struct data_file_column {
    int32_t    field_id;
    int64_t    size_bytes, value_count, null_count, nan_count; /* -1: not known */
    firn_slice lower, upper; /* data == NULL: none */
} data_file_column;

/* One partition value: data == NULL is null, else the single value's bytes. */
typedef struct data_file {
    data_file_content       content;
    const char             *path;   /* the location, as readers will open it */
    const char             *format; /* "PARQUET", "AVRO", "ORC", "PUFFIN" */
    int32_t                 spec_id;
    unsigned                partition_count;
    const firn_slice       *partition; /* in the spec's order */
    int64_t                 record_count, size_bytes;
    unsigned                column_count;
    const data_file_column *columns;
    unsigned                split_offset_count;
    const int64_t          *split_offsets;
    int32_t                 sort_order_id;    /* -1: none */
    unsigned                equality_id_count;
    const int32_t          *equality_ids;
    const char             *referenced_data_file; /* NULL: none */
    int64_t                 content_offset, content_size_bytes; /* -1: none (v3 deletion vectors) */
    int64_t                 first_row_id; /* -1: none (v3) */
    firn_slice              key_metadata; /* carried through */
} data_file;

/* An order in which files of one spec and partition stand together: by spec, then values as bytes, null first. */
int data_file_compare_partitions(const data_file *a, const data_file *b);

/* Deep copy into an arena. */
FIRN_MUST_USE firn_status data_file_copy(const data_file *file, firn_arena *arena, data_file *ret_copy, firn_error *err);

#endif
