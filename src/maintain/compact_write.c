#include "maintain/compact_write.h"

#include "base/text.h"
#include "iceberg/file_names.h"
#include "maintain/compact_copy.h"
#include "maintain/row_lineage.h"
#include "scan/scan_reader.h"

/* Names of write.parquet.compression-codec; another one is written as zstd. */
static parquet_codec
codec_of(const table_metadata *table)
{
    static const struct {
        const char   *name;
        parquet_codec codec;
    } codecs[] = {{"snappy", PARQUET_SNAPPY}, {"gzip", PARQUET_GZIP}, {"uncompressed", PARQUET_UNCOMPRESSED},
                  {"lz4_raw", PARQUET_LZ4_RAW}};
    const char *name = table_metadata_property(table, "write.parquet.compression-codec");

    for (size_t i = 0; name && i < FIRN_COUNT(codecs); i++) {
        if (text_equal_nocase(name, codecs[i].name)) return codecs[i].codec;
    }
    return PARQUET_ZSTD;
}

/* The writer holds up to three times a row group. */
static parquet_options
options_of(const table_metadata *table, size_t memory_bytes)
{
    parquet_options options = parquet_options_default;
    int64_t         wanted = table_metadata_property_i64(table, "write.parquet.row-group-size-bytes", 0);
    int64_t         level = table_metadata_property_i64(table, "write.parquet.compression-level", 0);

    options.codec = codec_of(table);
    // zstd's negative levels are its fast ones.
    if ((level > 0 && level <= 19) || (level < 0 && level >= -100 && options.codec == PARQUET_ZSTD))
        options.compression_level = (int) level;
    if (wanted > 0) options.row_group_size_bytes = (size_t) wanted;
    if (options.row_group_size_bytes > memory_bytes / 6) options.row_group_size_bytes = memory_bytes / 6;
    return options;
}

static firn_status
write_batches(const compact_round *r, const compact_file *file, batch_reader *reader, roll_writer *writer, int64_t *rows,
              firn_error *err)
{
    for (;;) {
        FIRN_AUTO(batch_done) batch b = {0};

        FIRN_TRY(maintain_task_check(r->t, err));
        FIRN_TRY(batch_reader_next(reader, &b, err));
        if (!batch_row_count(&b)) return FIRN_OK;
        if (r->has_lineage) FIRN_TRY(row_lineage_fill(&b, file->data, scan_reader_positions(reader), err));
        FIRN_TRY(roll_writer_add(writer, &b.array, err));
        *rows += batch_row_count(&b);
    }
}

/* The live ones of `count` rows from `first` on, decoded. */
static firn_status
write_range(const compact_round *r, const compact_file *file, uint64_t first, uint64_t count, roll_writer *writer,
            int64_t *rows, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;

    if (count == 0) return FIRN_OK;
    FIRN_TRY(scan_task_open_range(&r->scan, &r->tasks[file - r->files], first, count, &reader, err));
    return write_batches(r, file, reader, writer, rows, err);
}

/* The file's live rows, as they are or decoded: consecutive row groups that must be are read at once. */
static firn_status
write_file(const compact_round *r, const compact_file *file, roll_writer *writer, size_t memory_bytes, int64_t *rows,
           firn_error *err)
{
    FIRN_AUTO(compact_copy_done) compact_copy copy = {0};
    uint64_t first = 0, row = 0;

    if (file->data->file.record_count == 0) return FIRN_OK;
    FIRN_TRY(maintain_task_check(r->t, err));
    FIRN_TRY(compact_copy_open(&copy, r, file, writer, memory_bytes / 3, err));
    for (unsigned g = 0; g < copy.group_count; g++) {
        uint64_t count, live = 0;
        bool     copied = false;

        parquet_file_row_group(copy.stored.file, g, &row, &count);
        if (!compact_copy_may_group(&copy, g)) continue;
        // Rows keep their order: those before it first.
        FIRN_TRY(write_range(r, file, first, row - first, writer, rows, err));
        FIRN_TRY(compact_copy_group(&copy, g, &copied, &live, err));
        first = copied ? row + count : row;
        if (copied) *rows += (int64_t) live;
    }
    return write_range(r, file, first, (uint64_t) file->data->file.record_count - first, writer, rows, err);
}

/* What was read must be what the new files say they hold. */
static firn_status
check_rows(const compact_round *r, const data_file_list *files, int64_t row_count, firn_error *err)
{
    int64_t written = 0;

    for (unsigned i = 0; i < files->count; i++) written += files->files[i].record_count;
    if (written == row_count) return FIRN_OK;
    return firn_fail(err, FIRN_E_BUG, "%lld rows of '%s' were read and %lld written", (long long) row_count,
                     r->t->ident->name, (long long) written);
}

/* A file alone keeps its order; of several nobody knows. */
static int32_t
sort_order_of(const compact_round *r, const compact_group *group)
{
    const data_file *file = &group->files[0]->data->file;

    return group->file_count == 1 && file->sort_order_id > 0 && file->spec_id == r->table->default_spec->spec_id
               ? file->sort_order_id
               : 0;
}

firn_status
compact_write_group(const compact_round *r, const compact_group *group, unsigned lane, size_t memory_bytes,
                    data_file_list *ret_files, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(roll_writer_freep) roll_writer *writer = NULL;
    char                 commit_id[UUID_TEXT_SIZE];
    int64_t              row_count = 0;
    roll_writer_settings settings = {
        .files = r->t->lake->files,
        .data_location = file_name_data_folder(&arena, r->table->location),
        .prefix = commit_id,
        .pending = r->t->settings->pending,
        .table = r->t->ident->name,
        .lane = lane,
        .schema = r->columns,
        .spec = r->table->default_spec,
        .sort_order_id = sort_order_of(r, group),
        .options = options_of(r->table, memory_bytes),
        .target_file_size_bytes = (uint64_t) compact_file_size(r->table) / 4 * 5, // a group's size is an estimate
        .memory_bytes_max = memory_bytes / 2,
    };

    uuid_format(r->commit_id, commit_id);
    if (!settings.data_location) return firn_fail_memory(err, "a location");
    FIRN_TRY(roll_writer_new(&settings, &writer, err));
    for (unsigned i = 0; i < group->file_count; i++) {
        if (write_file(r, group->files[i], writer, memory_bytes, &row_count, err))
            return firn_while(err, "rewriting '%s'", group->files[i]->data->file.path);
    }
    FIRN_TRY(roll_writer_finish(writer, ret_files, err));
    for (unsigned i = 0; r->has_lineage && i < ret_files->count; i++) row_lineage_strip(&ret_files->files[i]);
    return check_rows(r, ret_files, row_count, err);
}
