/* parquet/footer_reader.h and file_schema.h: footers, page headers and page indexes. */
#include "parquet/footer_reader.h"

#include <stdlib.h>

#include "parquet/file_schema.h"
#include "parquet/page_index_reader.h"

enum { MEMORY_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_node(const parquet_node *node, unsigned leaf_count)
{
    if (node->leaf_first + node->leaf_count > leaf_count || node->definition < node->slot_definition) abort();
    for (unsigned i = 0; i < node->child_count; i++)
        check_node(&node->children[i], leaf_count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static firn_error   err;
    firn_slice          bytes = firn_slice_of(data, size);
    firn_arena          arena = {0};
    parquet_metadata    metadata;
    parquet_page_header header;
    parquet_page_index  index;
    const parquet_node *root = NULL;
    table_schema       *schema = NULL;
    size_t              header_size;

    firn_arena_init(&arena, MEMORY_MAX);
    if (footer_read("fuzz", bytes, &arena, &metadata, &err) == FIRN_OK &&
        file_schema_read("fuzz", &metadata, &arena, &root, &err) == FIRN_OK) {
        check_node(root, metadata.leaf_count);
        if (file_schema_table("fuzz", root, &schema, &err) == FIRN_OK) schema_unref(schema);
    }
    firn_error_reset(&err);
    if (page_header_read(bytes, &header, &header_size) == PAGE_HEADER_OK && header_size > size) abort();
    if (page_index_read("fuzz", bytes, (firn_slice){0}, &arena, &index, &err) == FIRN_OK && index.page_count > size)
        abort();
    firn_error_reset(&err);
    if (size > 0 &&
        page_index_read("fuzz", firn_slice_of(data + 1, data[0] % size), bytes, &arena, &index, &err) == FIRN_OK &&
        index.page_count > 0 && index.min)
        for (unsigned i = 0; i < index.page_count; i++)
            if (index.min[i].size > size) abort();
    firn_error_reset(&err);
    firn_arena_done(&arena);
    return 0;
}
