/*
 * The Avro schemas of manifests and manifest lists that firn writes, and the fields in them by id.
 * Spec: apache/iceberg format/spec.md, "Manifests", "Manifest Lists", appendix A "Avro".
 */
#ifndef FIRN_ICEBERG_MANIFEST_SCHEMA_H
#define FIRN_ICEBERG_MANIFEST_SCHEMA_H

#include "base/buffer.h"
#include "batch/schema.h"
#include "iceberg/partition.h"

/* Both readers look these up. */
enum {
    ENTRY_STATUS = 0,
    ENTRY_SNAPSHOT_ID = 1,
    ENTRY_DATA_FILE = 2,
    ENTRY_SEQUENCE_NUMBER = 3,
    ENTRY_FILE_SEQUENCE_NUMBER = 4,

    FILE_PATH = 100,
    FILE_FORMAT = 101,
    FILE_PARTITION = 102,
    FILE_RECORD_COUNT = 103,
    FILE_SIZE_BYTES = 104,
    FILE_COLUMN_SIZES = 108,
    FILE_VALUE_COUNTS = 109,
    FILE_NULL_COUNTS = 110,
    FILE_LOWER_BOUNDS = 125,
    FILE_UPPER_BOUNDS = 128,
    FILE_KEY_METADATA = 131,
    FILE_SPLIT_OFFSETS = 132,
    FILE_CONTENT = 134,
    FILE_EQUALITY_IDS = 135,
    FILE_NAN_COUNTS = 137,
    FILE_SORT_ORDER_ID = 140,
    FILE_FIRST_ROW_ID = 142,
    FILE_REFERENCED_DATA_FILE = 143,
    FILE_CONTENT_OFFSET = 144,
    FILE_CONTENT_SIZE = 145,

    LIST_PATH = 500,
    LIST_SIZE_BYTES = 501,
    LIST_SPEC_ID = 502,
    LIST_ADDED_SNAPSHOT_ID = 503,
    LIST_ADDED_FILES = 504,
    LIST_EXISTING_FILES = 505,
    LIST_DELETED_FILES = 506,
    LIST_PARTITIONS = 507,
    LIST_CONTAINS_NULL = 509,
    LIST_LOWER = 510,
    LIST_UPPER = 511,
    LIST_ADDED_ROWS = 512,
    LIST_EXISTING_ROWS = 513,
    LIST_DELETED_ROWS = 514,
    LIST_SEQUENCE_NUMBER = 515,
    LIST_MIN_SEQUENCE_NUMBER = 516,
    LIST_CONTENT = 517,
    LIST_CONTAINS_NAN = 518,
    LIST_KEY_METADATA = 519,
    LIST_FIRST_ROW_ID = 520,
};

/* The schema of a manifest of this spec; types[i] is the type of partition field i. */
FIRN_MUST_USE firn_status manifest_entry_schema(int format_version, const partition_spec *spec, const data_type types[],
                                                firn_buffer *out, firn_error *err);
FIRN_MUST_USE firn_status manifest_list_schema(int format_version, firn_buffer *out, firn_error *err);

#endif
