/*
 * A column chunk of another file, taken over byte for byte: nothing is decompressed or decoded. Only its place, its
 * statistics and its page index are looked at.
 *
 * Takes:   chunks whose leaf is the same in name, ids, type and levels, in the codec of the new file, with counts
 *          of nulls and NaN. Where one lacks bounds, so does the new file's whole column
 * Leaves:  bloom filters, which the new file then lacks
 * Trusts:  that the pages are what the footer says; readers of the new file check it as they did of the old one
 */
#ifndef FIRN_PARQUET_CHUNK_COPY_H
#define FIRN_PARQUET_CHUNK_COPY_H

#include "parquet/column_writer.h"
#include "parquet/file_metadata.h"
#include "parquet/file_reader.h"

/* Whether the file's schema is that of `schema`, less its last `extra_count` leaves at the top. */
bool chunk_copy_schema_fits(const parquet_schema *schema, unsigned extra_count, const parquet_metadata *file);
bool chunk_copy_fits(const parquet_leaf *leaf, parquet_codec codec, const parquet_chunk *chunk);
/* Appends the bytes to the sink, and the page index to `columns` and `offsets`; `scratch` is a buffer to reuse. Adds to
 * *stats what is known of the values. */
FIRN_MUST_USE firn_status chunk_copy(const parquet_leaf *leaf, const parquet_chunk *chunk, const parquet_source *source,
                                     firn_sink *sink, firn_buffer *scratch, firn_buffer *columns, firn_buffer *offsets,
                                     chunk_info *ret_chunk, value_stats *stats, firn_error *err);

/* Parts of it, for page_copy.h. Whether there is a bound and it has the size of the leaf's type. */
bool                      chunk_bound_fits(const parquet_leaf *leaf, firn_slice bound);
/* Both fit: they are added as two values, as the encoder would have seen them. */
void                      chunk_bounds_add(value_stats *stats, const parquet_leaf *leaf, firn_slice min, firn_slice max);
/* An index's bytes; none where the footer names no place. */
FIRN_MUST_USE firn_status chunk_index_read(const parquet_source *source, int64_t offset, int32_t size, firn_buffer *out,
                                           firn_error *err);

#endif
