#include "parquet/footer_writer.h"

#include "codec/thrift_writer.h"

/* Readers look for "application version number" here, to work around bugs of known writers. */
#define CREATED_BY "firn version " FIRN_VERSION

enum { FORMAT_VERSION = 1 };

static void
write_time_unit(thrift_writer *w, bool is_utc)
{
    thrift_write_bool(w, 1, is_utc);
    thrift_write_struct(w, 2);
    thrift_write_struct(w, PARQUET_UNIT_MICROS);
    thrift_write_struct_end(w);
    thrift_write_struct_end(w);
}

static void
write_logical_type(thrift_writer *w, const parquet_node *node)
{
    if (node->logical == PARQUET_LOGICAL_NONE) return;
    thrift_write_struct(w, 10);
    thrift_write_struct(w, (int16_t) node->logical);
    if (node->logical == PARQUET_LOGICAL_DECIMAL) {
        thrift_write_i32(w, 1, (int32_t) node->scale);
        thrift_write_i32(w, 2, (int32_t) node->precision);
    } else if (node->logical == PARQUET_LOGICAL_TIME || node->logical == PARQUET_LOGICAL_TIMESTAMP) {
        write_time_unit(w, node->is_utc);
    }
    thrift_write_struct_end(w);
    thrift_write_struct_end(w);
}

static void
write_node(thrift_writer *w, const parquet_node *node, bool is_root)
{
    thrift_element_struct(w);
    if (!node->is_group) thrift_write_i32(w, 1, (int32_t) node->physical);
    if (node->type_length) thrift_write_i32(w, 2, (int32_t) node->type_length);
    if (!is_root) thrift_write_i32(w, 3, (int32_t) node->repetition);
    thrift_write_text(w, 4, node->name);
    if (node->is_group) thrift_write_i32(w, 5, (int32_t) node->child_count);
    if (node->converted != PARQUET_CONVERTED_NONE) thrift_write_i32(w, 6, (int32_t) node->converted);
    if (node->converted == PARQUET_CONVERTED_DECIMAL) {
        thrift_write_i32(w, 7, (int32_t) node->scale);
        thrift_write_i32(w, 8, (int32_t) node->precision);
    }
    if (node->field_id) thrift_write_i32(w, 9, node->field_id);
    write_logical_type(w, node);
    thrift_write_struct_end(w);
}

static void
write_statistics(thrift_writer *w, const parquet_leaf *leaf, const chunk_info *chunk)
{
    thrift_write_struct(w, 12);
    thrift_write_i64(w, 3, (int64_t) chunk->null_count);
    if (chunk->max.is_present) thrift_write_binary(w, 5, firn_slice_of(chunk->max.bytes, chunk->max.size));
    if (chunk->min.is_present) thrift_write_binary(w, 6, firn_slice_of(chunk->min.bytes, chunk->min.size));
    if (chunk->max.is_present) thrift_write_bool(w, 7, chunk->max.is_exact);
    if (chunk->min.is_present) thrift_write_bool(w, 8, chunk->min.is_exact);
    if (leaf->physical == PARQUET_FLOAT || leaf->physical == PARQUET_DOUBLE)
        thrift_write_i64(w, 9, (int64_t) chunk->nan_count);
    thrift_write_struct_end(w);
}

static void
write_page_count(thrift_writer *w, parquet_page_type type, parquet_encoding encoding, uint32_t count)
{
    thrift_element_struct(w);
    thrift_write_i32(w, 1, (int32_t) type);
    thrift_write_i32(w, 2, (int32_t) encoding);
    thrift_write_i32(w, 3, (int32_t) count);
    thrift_write_struct_end(w);
}

static void
write_copied_encodings(thrift_writer *w, const chunk_info *chunk)
{
    thrift_write_list(w, 2, THRIFT_I32, (unsigned) __builtin_popcount(chunk->encodings));
    for (int32_t i = 0; i < 32; i++) {
        if (chunk->encodings >> i & 1) thrift_element_i32(w, i);
    }
}

static void
write_encodings(thrift_writer *w, const chunk_info *chunk)
{
    if (chunk->is_copied) {
        write_copied_encodings(w, chunk);
        return;
    }
    bool has_dictionary = chunk->dictionary_coded_page_count > 0;
    thrift_write_list(w, 2, THRIFT_I32, has_dictionary ? 3 : 2);
    thrift_element_i32(w, PARQUET_PLAIN);
    thrift_element_i32(w, PARQUET_RLE);
    if (has_dictionary) thrift_element_i32(w, PARQUET_RLE_DICTIONARY);
}

static void
write_copied_page_counts(thrift_writer *w, const chunk_info *chunk)
{
    if (!chunk->page_count_count) return;
    thrift_write_list(w, 13, THRIFT_STRUCT, chunk->page_count_count);
    for (unsigned i = 0; i < chunk->page_count_count; i++) {
        thrift_element_struct(w);
        thrift_write_i32(w, 1, chunk->page_counts[i].type);
        thrift_write_i32(w, 2, chunk->page_counts[i].encoding);
        thrift_write_i32(w, 3, chunk->page_counts[i].count);
        thrift_write_struct_end(w);
    }
}

static void
write_page_counts(thrift_writer *w, const chunk_info *chunk)
{
    if (chunk->is_copied) {
        write_copied_page_counts(w, chunk);
        return;
    }
    bool has_dictionary = chunk->dictionary_coded_page_count > 0;
    thrift_write_list(w, 13, THRIFT_STRUCT, (has_dictionary ? 2u : 0u) + (chunk->plain_page_count ? 1u : 0u));
    if (has_dictionary) {
        write_page_count(w, PARQUET_DICTIONARY_PAGE, PARQUET_PLAIN, 1);
        write_page_count(w, PARQUET_DATA_PAGE, PARQUET_RLE_DICTIONARY, chunk->dictionary_coded_page_count);
    }
    if (chunk->plain_page_count) write_page_count(w, PARQUET_DATA_PAGE, PARQUET_PLAIN, chunk->plain_page_count);
}

static void
write_chunk(thrift_writer *w, const footer_input *input, const parquet_leaf *leaf, const chunk_info *chunk)
{
    thrift_element_struct(w);
    thrift_write_i64(w, 2, 0);
    thrift_write_struct(w, 3);
    thrift_write_i32(w, 1, (int32_t) leaf->physical);
    write_encodings(w, chunk);
    thrift_write_list(w, 3, THRIFT_BINARY, leaf->path_count);
    for (unsigned i = 0; i < leaf->path_count; i++)
        thrift_element_binary(w, firn_slice_text(leaf->path[i]));
    thrift_write_i32(w, 4, (int32_t) input->codec);
    thrift_write_i64(w, 5, (int64_t) chunk->value_count);
    thrift_write_i64(w, 6, (int64_t) chunk->uncompressed_bytes);
    thrift_write_i64(w, 7, (int64_t) chunk->compressed_bytes);
    thrift_write_i64(w, 9, (int64_t) chunk->data_page_offset);
    if (chunk->dictionary_page_offset) thrift_write_i64(w, 11, (int64_t) chunk->dictionary_page_offset);
    write_statistics(w, leaf, chunk);
    write_page_counts(w, chunk);
    thrift_write_struct_end(w);
    if (chunk->offset_index_size) {
        thrift_write_i64(w, 4, (int64_t) (input->offset_index_offset + chunk->offset_index_offset));
        thrift_write_i32(w, 5, (int32_t) chunk->offset_index_size);
    }
    if (chunk->column_index_size) {
        thrift_write_i64(w, 6, (int64_t) (input->column_index_offset + chunk->column_index_offset));
        thrift_write_i32(w, 7, (int32_t) chunk->column_index_size);
    }
    thrift_write_struct_end(w);
}

static void
write_row_group(thrift_writer *w, const footer_input *input, unsigned index)
{
    const row_group_info *group = &input->row_groups[index];
    uint64_t              uncompressed = 0, compressed = 0;

    thrift_element_struct(w);
    thrift_write_list(w, 1, THRIFT_STRUCT, input->schema->leaf_count);
    for (unsigned i = 0; i < input->schema->leaf_count; i++) {
        write_chunk(w, input, &input->schema->leaves[i], &group->chunks[i]);
        uncompressed += group->chunks[i].uncompressed_bytes;
        compressed += group->chunks[i].compressed_bytes;
    }
    thrift_write_i64(w, 2, (int64_t) uncompressed);
    thrift_write_i64(w, 3, (int64_t) group->row_count);
    thrift_write_i64(w, 5, (int64_t) group->offset);
    thrift_write_i64(w, 6, (int64_t) compressed);
    if (index <= INT16_MAX) thrift_write_i16(w, 7, (int16_t) index);
    thrift_write_struct_end(w);
}

firn_status
footer_write(const footer_input *input, firn_buffer *out, firn_error *err)
{
    const parquet_schema *schema = input->schema;
    thrift_writer         w;

    thrift_write_begin(&w, out, err);
    thrift_write_i32(&w, 1, FORMAT_VERSION);
    thrift_write_list(&w, 2, THRIFT_STRUCT, schema->node_count);
    for (unsigned i = 0; i < schema->node_count; i++)
        write_node(&w, &schema->nodes[i], i == 0);
    thrift_write_i64(&w, 3, (int64_t) input->row_count);
    thrift_write_list(&w, 4, THRIFT_STRUCT, input->row_group_count);
    for (unsigned i = 0; i < input->row_group_count; i++)
        write_row_group(&w, input, i);
    thrift_write_text(&w, 6, CREATED_BY);
    thrift_write_list(&w, 7, THRIFT_STRUCT, schema->leaf_count);
    for (unsigned i = 0; i < schema->leaf_count; i++) {
        thrift_element_struct(&w);
        thrift_write_struct(&w, 1); /* TYPE_ORDER */
        thrift_write_struct_end(&w);
        thrift_write_struct_end(&w);
    }
    return thrift_write_end(&w);
}
