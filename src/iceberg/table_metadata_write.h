/*
 * table_metadata → JSON (spec, "Table Metadata", appendix C), format versions 2 and 3.
 */
#ifndef FIRN_ICEBERG_TABLE_METADATA_WRITE_H
#define FIRN_ICEBERG_TABLE_METADATA_WRITE_H

#include "iceberg/table_metadata.h"

FIRN_MUST_USE firn_status table_metadata_write(const table_metadata *m, firn_buffer *out, firn_error *err);

#endif
