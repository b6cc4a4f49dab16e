#include "scan/stored_file.h"

#include "base/text.h"

static firn_status
read_stored(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const stored_file *stored = state;

    return stored->files->ops->read_range(stored->files, stored->location, offset, size, out, err);
}

firn_status
stored_file_open(stored_file *stored, storage *files, const data_file *entry, size_t memory_bytes_max, firn_error *err)
{
    *stored = (stored_file){.files = files, .location = entry->path};
    if (!text_equal_nocase(entry->format, "PARQUET")) {
        (void) firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "'%s' is a file in the format %s; firn reads Parquet",
                         entry->path, entry->format);
        firn_hint(err, "rewrite the table's files as Parquet: set write.format.default=parquet, then rewrite_data_files");
        return err->status;
    }
    stored->source = (parquet_source){
        .name = entry->path, .size_bytes = (uint64_t) entry->size_bytes, .read = read_stored, .state = stored};
    return parquet_file_open(&stored->source, memory_bytes_max, &stored->file, err);
}

void
stored_file_done(stored_file *stored)
{
    parquet_file_free(stored->file);
    *stored = (stored_file){0};
}
