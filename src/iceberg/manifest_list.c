#include "iceberg/manifest_list.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "avro/ocf_reader.h"
#include "avro/ocf_writer.h"
#include "iceberg/manifest_schema.h"
#include "storage/storage.h"

#define LIST_SIZE_MAX ((size_t) 1 << 30)
#define NUMBER_TEXT_SIZE 24

/* ---- write ---- */

static firn_status
check_manifest(const manifest_list_options *options, const manifest_file *m, firn_error *err)
{
    bool unassigned = m->sequence_number == MANIFEST_UNASSIGNED || m->min_sequence_number == MANIFEST_UNASSIGNED;

    if (unassigned && m->added_snapshot_id != options->snapshot_id) {
        return firn_fail(err, FIRN_E_BUG, "manifest '%s' of snapshot %" PRId64 " has no sequence number", m->path,
                         m->added_snapshot_id);
    }
    if (m->added_file_count < 0 || m->existing_file_count < 0 || m->deleted_file_count < 0 || m->added_row_count < 0 ||
        m->existing_row_count < 0 || m->deleted_row_count < 0) {
        firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "manifest '%s' was listed without its counts", m->path);
        firn_hint(err, "let Spark rewrite it: CALL system.rewrite_manifests('…')");
        return err->status;
    }
    return FIRN_OK;
}

static void
put_optional_bytes(avro_encoder *e, firn_slice bytes)
{
    avro_put_optional(e, bytes.data != NULL);
    if (bytes.data) avro_put_bytes(e, bytes);
}

static void
put_summaries(avro_encoder *e, const manifest_file *m)
{
    avro_put_optional(e, m->partitions != NULL);
    if (!m->partitions) return;
    avro_put_block(e, m->partition_count);
    for (unsigned i = 0; i < m->partition_count; i++) {
        const partition_summary *s = &m->partitions[i];
        avro_put_boolean(e, s->contains_null);
        avro_put_optional(e, s->contains_nan >= 0);
        if (s->contains_nan >= 0) avro_put_boolean(e, s->contains_nan > 0);
        put_optional_bytes(e, s->lower);
        put_optional_bytes(e, s->upper);
    }
    avro_put_end(e);
}

static void
put_manifest(avro_encoder *e, const manifest_list_options *options, const manifest_file *m, int64_t first_row_id)
{
    int64_t assigned = options->sequence_number;

    avro_put_text(e, m->path);
    avro_put_long(e, m->size_bytes);
    avro_put_long(e, m->spec_id);
    avro_put_long(e, m->content);
    avro_put_long(e, m->sequence_number == MANIFEST_UNASSIGNED ? assigned : m->sequence_number);
    avro_put_long(e, m->min_sequence_number == MANIFEST_UNASSIGNED ? assigned : m->min_sequence_number);
    avro_put_long(e, m->added_snapshot_id);
    avro_put_long(e, m->added_file_count);
    avro_put_long(e, m->existing_file_count);
    avro_put_long(e, m->deleted_file_count);
    avro_put_long(e, m->added_row_count);
    avro_put_long(e, m->existing_row_count);
    avro_put_long(e, m->deleted_row_count);
    put_summaries(e, m);
    put_optional_bytes(e, m->key_metadata);
    if (options->format_version >= 3) {
        avro_put_optional(e, first_row_id >= 0);
        if (first_row_id >= 0) avro_put_long(e, first_row_id);
    }
}

/* The id to write, and where the next goes on: a manifest takes room for all files that may lack one. */
static firn_status
assign_row_ids(const manifest_list_options *options, const manifest_file *m, int64_t *next, int64_t *ret_first,
               firn_error *err)
{
    int64_t rows;

    *ret_first = m->content == MANIFEST_DATA ? m->first_row_id : -1;
    if (options->format_version < 3 || m->content != MANIFEST_DATA || m->first_row_id >= 0) return FIRN_OK;
    *ret_first = *next;
    if (__builtin_add_overflow(m->added_row_count, m->existing_row_count, &rows) ||
        __builtin_add_overflow(*next, rows, next)) {
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "manifest '%s' has impossible row counts", m->path);
    }
    return FIRN_OK;
}

static firn_status
open_writer(storage *files, const char *location, const manifest_list_options *options, ocf_writer **ret_writer,
            firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer schema = {0};
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;
    char         text[5][NUMBER_TEXT_SIZE];
    ocf_property properties[5];

    snprintf(text[0], NUMBER_TEXT_SIZE, "%" PRId64, options->snapshot_id);
    snprintf(text[1], NUMBER_TEXT_SIZE, "%" PRId64, options->parent_snapshot_id);
    snprintf(text[2], NUMBER_TEXT_SIZE, "%" PRId64, options->sequence_number);
    snprintf(text[3], NUMBER_TEXT_SIZE, "%d", options->format_version);
    snprintf(text[4], NUMBER_TEXT_SIZE, "%" PRId64, options->first_row_id);
    properties[0] = (ocf_property){"snapshot-id", firn_slice_text(text[0])};
    properties[1] = (ocf_property){"parent-snapshot-id",
                                   firn_slice_text(options->parent_snapshot_id < 0 ? "null" : text[1])};
    properties[2] = (ocf_property){"sequence-number", firn_slice_text(text[2])};
    properties[3] = (ocf_property){"format-version", firn_slice_text(text[3])};
    properties[4] = (ocf_property){"first-row-id", firn_slice_text(text[4])};

    firn_buffer_init(&schema, LIST_SIZE_MAX);
    FIRN_TRY(manifest_list_schema(options->format_version, &schema, err));
    FIRN_TRY(firn_buffer_add_byte(&schema, 0, err));
    FIRN_TRY(files->ops->open_sink(files, location, &sink, err));

    ocf_options ocf = {(const char *) schema.data, OCF_DEFLATE, options->format_version >= 3 ? 5 : 4, properties};

    return ocf_writer_open(&ocf, FIRN_STEAL(sink), ret_writer, err);
}

firn_status
manifest_list_write(storage *files, const char *location, const manifest_list_options *options,
                    const manifest_file manifests[], size_t manifest_count, int64_t *ret_next_row_id, firn_error *err)
{
    FIRN_AUTO(ocf_writer_freep) ocf_writer *writer = NULL;
    int64_t next_row_id = options->first_row_id;

    assert(options->format_version == 2 || (options->format_version == 3 && options->first_row_id >= 0));
    FIRN_TRY(open_writer(files, location, options, &writer, err));
    for (size_t i = 0; i < manifest_count; i++) {
        int64_t first_row_id;
        FIRN_TRY(check_manifest(options, &manifests[i], err));
        FIRN_TRY(assign_row_ids(options, &manifests[i], &next_row_id, &first_row_id, err));
        put_manifest(ocf_writer_begin(writer, err), options, &manifests[i], first_row_id);
        FIRN_TRY(ocf_writer_end(writer, err));
    }
    FIRN_TRY(ocf_writer_close(writer, NULL, err));
    if (ret_next_row_id && options->format_version >= 3) *ret_next_row_id = next_row_id;
    return FIRN_OK;
}

/* ---- read ---- */

typedef struct list_line {
    const avro_value *record;
    const char       *location; /* of the list */
    firn_arena       *arena;
    firn_error       *err;
} list_line;

static firn_status
need_number(const list_line *l, int32_t id, const char *name, int64_t *ret_value)
{
    if (avro_integer(avro_field_by_id(l->record, id, name), ret_value) && *ret_value >= 0) return FIRN_OK;
    return firn_fail(l->err, FIRN_E_ICEBERG_METADATA, "manifest list '%s' has an entry without %s", l->location, name);
}

/* Counts that v1 writers may leave out; the second name is what they were called before the spec settled. */
static int64_t
number_or(const list_line *l, int32_t id, const char *name, int64_t otherwise)
{
    int64_t value;

    return avro_integer(avro_field_by_id(l->record, id, name), &value) && value >= 0 ? value : otherwise;
}

static firn_status
copy_bytes(const list_line *l, const avro_value *from, firn_slice *ret_bytes)
{
    firn_slice bytes;

    *ret_bytes = firn_slice_of(NULL, 0);
    if (!avro_bytes(from, &bytes)) return FIRN_OK;

    uint8_t *copy = firn_arena_alloc(l->arena, bytes.size ? bytes.size : 1);

    if (!copy) return firn_fail_memory(l->err, "a manifest list");
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    *ret_bytes = firn_slice_of(copy, bytes.size);
    return FIRN_OK;
}

static firn_status
read_summaries(const list_line *l, manifest_file *m)
{
    size_t            count;
    const avro_value *items;

    if (!avro_list(avro_field_by_id(l->record, LIST_PARTITIONS, "partitions"), &count, &items)) return FIRN_OK;

    partition_summary *summaries = firn_arena_array(l->arena, count ? count : 1, sizeof *summaries);

    if (!summaries) return firn_fail_memory(l->err, "a manifest list");
    for (size_t i = 0; i < count; i++) {
        bool nan;
        if (!avro_boolean(avro_field_by_id(&items[i], LIST_CONTAINS_NULL, "contains_null"), &summaries[i].contains_null)) {
            return firn_fail(l->err, FIRN_E_ICEBERG_METADATA, "manifest list '%s' has a summary without contains_null",
                             l->location);
        }
        summaries[i].contains_nan = -1;
        if (avro_boolean(avro_field_by_id(&items[i], LIST_CONTAINS_NAN, "contains_nan"), &nan)) {
            summaries[i].contains_nan = nan;
        }
        FIRN_TRY(copy_bytes(l, avro_field_by_id(&items[i], LIST_LOWER, "lower_bound"), &summaries[i].lower));
        FIRN_TRY(copy_bytes(l, avro_field_by_id(&items[i], LIST_UPPER, "upper_bound"), &summaries[i].upper));
    }
    m->partitions = summaries;
    m->partition_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
read_line(const list_line *l, manifest_file *m)
{
    firn_slice path;
    int64_t    spec_id;
    int64_t    content = number_or(l, LIST_CONTENT, "content", 0);

    if (!avro_bytes(avro_field_by_id(l->record, LIST_PATH, "manifest_path"), &path)) {
        return firn_fail(l->err, FIRN_E_ICEBERG_METADATA, "manifest list '%s' has an entry without manifest_path",
                         l->location);
    }
    m->path = firn_arena_text(l->arena, path);
    if (!m->path) return firn_fail_memory(l->err, "a manifest list");
    FIRN_TRY(need_number(l, LIST_SIZE_BYTES, "manifest_length", &m->size_bytes));
    FIRN_TRY(need_number(l, LIST_SPEC_ID, "partition_spec_id", &spec_id));
    if (spec_id > INT32_MAX || content > 1) {
        return firn_fail(l->err, FIRN_E_ICEBERG_UNSUPPORTED, "manifest list '%s' has a manifest of content %" PRId64
                         ", spec %" PRId64, l->location, content, spec_id);
    }
    m->spec_id = (int32_t) spec_id;
    m->content = content == 0 ? MANIFEST_DATA : MANIFEST_DELETES;
    m->sequence_number = number_or(l, LIST_SEQUENCE_NUMBER, "sequence_number", 0);
    m->min_sequence_number = number_or(l, LIST_MIN_SEQUENCE_NUMBER, "min_sequence_number", 0);
    m->added_snapshot_id = number_or(l, LIST_ADDED_SNAPSHOT_ID, "added_snapshot_id", -1);
    m->added_file_count = number_or(l, LIST_ADDED_FILES, "added_files_count", -1);
    m->existing_file_count = number_or(l, LIST_EXISTING_FILES, "existing_files_count", -1);
    m->deleted_file_count = number_or(l, LIST_DELETED_FILES, "deleted_files_count", -1);
    m->added_row_count = number_or(l, LIST_ADDED_ROWS, "added_rows_count", -1);
    m->existing_row_count = number_or(l, LIST_EXISTING_ROWS, "existing_rows_count", -1);
    m->deleted_row_count = number_or(l, LIST_DELETED_ROWS, "deleted_rows_count", -1);
    m->first_row_id = number_or(l, LIST_FIRST_ROW_ID, "first_row_id", -1);
    FIRN_TRY(copy_bytes(l, avro_field_by_id(l->record, LIST_KEY_METADATA, "key_metadata"), &m->key_metadata));
    return read_summaries(l, m);
}

static firn_status
read_lines(ocf_reader *reader, const char *location, firn_arena *arena, const manifest_file **ret_manifests,
           size_t *ret_count, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena scratch = {0};
    manifest_file *manifests = NULL;
    size_t         count = 0, capacity = 0;
    avro_value     record;
    bool           more;

    for (;;) {
        firn_arena_reset(&scratch);
        FIRN_TRY(ocf_reader_next(reader, &scratch, &record, &more, err));
        if (!more) break;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            manifest_file *larger = firn_arena_array(arena, capacity, sizeof *larger);
            if (!larger) return firn_fail_memory(err, "a manifest list");
            if (count > 0) memcpy(larger, manifests, count * sizeof *larger);
            manifests = larger;
        }
        list_line line = {&record, location, arena, err};
        FIRN_TRY(read_line(&line, &manifests[count]));
        count++;
    }
    *ret_manifests = manifests;
    *ret_count = count;
    return FIRN_OK;
}

firn_status
manifest_list_read(storage *files, const char *location, firn_arena *arena, const manifest_file **ret_manifests,
                   size_t *ret_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    FIRN_AUTO(ocf_reader_freep) ocf_reader *reader = NULL;

    firn_buffer_init(&bytes, LIST_SIZE_MAX);
    FIRN_TRY(storage_read_all(files, location, &bytes, err));
    FIRN_TRY(ocf_reader_open(firn_buffer_slice(&bytes), location, &reader, err));
    return read_lines(reader, location, arena, ret_manifests, ret_count, err);
}
