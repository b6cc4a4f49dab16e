/*
 * What a Puffin file's footer says of one blob. Spec: puffin-spec.md, "BlobMetadata".
 */
#ifndef FIRN_ICEBERG_PUFFIN_BLOB_H
#define FIRN_ICEBERG_PUFFIN_BLOB_H

#include <stdint.h>

#include "iceberg/table_property.h"

#define PUFFIN_MAGIC "PFA1"
#define PUFFIN_MAGIC_SIZE 4
#define PUFFIN_TAIL_SIZE 12          /* payload size, flags, magic */
#define PUFFIN_FOOTER_SIZE_MAX ((size_t) 64 << 20)

#define PUFFIN_DELETION_VECTOR "deletion-vector-v1"
#define PUFFIN_REFERENCED_FILE "referenced-data-file"
#define PUFFIN_CARDINALITY "cardinality"

typedef struct puffin_blob {
    const char           *type;
    unsigned              field_count;
    const int32_t        *fields;      /* field ids */
    int64_t               snapshot_id, sequence_number; /* -1: not known when it was written */
    int64_t               offset, size_bytes;           /* the writer sets them */
    const char           *codec;       /* NULL: not compressed */
    unsigned              property_count;
    const table_property *properties;
} puffin_blob;

#endif
