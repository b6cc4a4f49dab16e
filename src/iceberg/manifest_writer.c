#include "iceberg/manifest_writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "avro/ocf_writer.h"
#include "base/alloc.h"
#include "base/text.h"
#include "iceberg/manifest_schema.h"
#include "iceberg/schema_json.h"
#include "iceberg/single_value.h"
#include "storage/storage.h"

#define HEADER_TEXT_MAX ((size_t) 256 << 20)
#define SUMMARY_BYTES_MAX ((size_t) 64 << 20)

/* Least and greatest value so far; bytes of texts are owned. */
typedef struct field_summary {
    bool         contains_null, contains_nan, has_bounds;
    single_value lower, upper;
    firn_buffer  lower_bytes, upper_bytes;
} field_summary;

struct manifest_writer {
    manifest_options options;
    ocf_writer      *file;
    char            *location;
    data_type       *types;     /* of the partition values */
    bool            *gone;      /* a field whose column is not in the schema any more: no values */
    field_summary   *summaries;
    manifest_file    facts;     /* counts so far */
    int64_t          least_sequence_number; /* of live entries that carry one; -1: none yet */
};

/* ---- names ---- */

static bool
is_name_start(unsigned char c)
{
    return c < 0x80 && (isalpha(c) || c == '_');
}

static bool
is_name_part(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || c == '_');
}

/* The reference implementation counts in UTF-16, so a character beyond the first plane becomes two escapes. */
static firn_status
add_escape(uint32_t c, firn_buffer *out, firn_error *err)
{
    if (c >= 0x10000) {
        FIRN_TRY(firn_buffer_printf(out, err, "_x%X", (unsigned) (0xd800 + ((c - 0x10000) >> 10))));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    return firn_buffer_printf(out, err, "_x%X", (unsigned) c);
}

/* The character at `at`, which is advanced; the text is UTF-8 (checked). */
static uint32_t
next_character(const uint8_t **at)
{
    const uint8_t *p = *at;
    unsigned       more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
    uint32_t       c = more == 0 ? p[0] : p[0] & (0x3fu >> more);

    for (unsigned i = 1; i <= more; i++) c = (c << 6) | (p[i] & 0x3f);
    *at = p + more + 1;
    return c;
}

firn_status
manifest_avro_name(const char *name, firn_buffer *out, firn_error *err)
{
    const uint8_t *at = (const uint8_t *) name;
    const uint8_t *end = at + strlen(name);

    if (at == end) return firn_buffer_add_text(out, "_", err);
    if (!text_is_utf8(at, (size_t) (end - at))) return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a name is not UTF-8");
    for (bool first = true; at < end; first = false) {
        const uint8_t *from = at;
        uint32_t       c = next_character(&at);
        if (first ? is_name_start(*from) : is_name_part(*from)) {
            FIRN_TRY(firn_buffer_add(out, from, (size_t) (at - from), err));
        } else if (first && c >= '0' && c <= '9') {
            FIRN_TRY(firn_buffer_printf(out, err, "_%c", (char) c));
        } else {
            FIRN_TRY(add_escape(c, out, err));
        }
    }
    return FIRN_OK;
}

/* ---- open ---- */

static firn_status
find_types(manifest_writer *w, firn_error *err)
{
    const partition_spec *spec = w->options.spec;
    size_t                count = spec->field_count ? spec->field_count : 1;

    w->types = firn_calloc(count, sizeof *w->types);
    w->gone = firn_calloc(count, sizeof *w->gone);
    w->summaries = firn_calloc(count, sizeof *w->summaries);
    if (!w->types || !w->gone || !w->summaries) return firn_fail_memory(err, "a manifest");
    for (unsigned i = 0; i < spec->field_count; i++) {
        firn_buffer_init(&w->summaries[i].lower_bytes, SUMMARY_BYTES_MAX);
        firn_buffer_init(&w->summaries[i].upper_bytes, SUMMARY_BYTES_MAX);
        if (partition_field_type(spec, i, w->options.schema, &w->types[i])) continue;
        w->types[i] = (data_type){.kind = TYPE_INT};
        w->gone[i] = true;
    }
    return FIRN_OK;
}

/* The header's JSON texts, each with a NUL behind it. */
static firn_status
write_header_texts(const manifest_writer *w, firn_buffer *avro, firn_buffer *schema, firn_buffer *spec, firn_error *err)
{
    jwriter j;

    firn_buffer_init(avro, HEADER_TEXT_MAX);
    firn_buffer_init(schema, HEADER_TEXT_MAX);
    firn_buffer_init(spec, HEADER_TEXT_MAX);
    FIRN_TRY(manifest_entry_schema(w->options.format_version, w->options.spec, w->types, avro, err));
    FIRN_TRY(firn_buffer_add_byte(avro, 0, err));
    jwrite_begin(&j, schema, false, err);
    schema_to_json(w->options.schema, &j);
    FIRN_TRY(jwrite_end(&j));
    jwrite_begin(&j, spec, false, err);
    partition_fields_write(w->options.spec, &j);
    return jwrite_end(&j);
}

static firn_status
open_file(manifest_writer *w, storage *files, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer avro = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer schema = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer spec = {0};
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = NULL;
    char schema_id[16], spec_id[16], version[16];

    FIRN_TRY(write_header_texts(w, &avro, &schema, &spec, err));
    snprintf(schema_id, sizeof schema_id, "%d", (int) w->options.schema->schema_id);
    snprintf(spec_id, sizeof spec_id, "%d", (int) w->options.spec->spec_id);
    snprintf(version, sizeof version, "%d", w->options.format_version);

    ocf_property properties[] = {
        {"schema", firn_buffer_slice(&schema)},
        {"schema-id", firn_slice_text(schema_id)},
        {"partition-spec", firn_buffer_slice(&spec)},
        {"partition-spec-id", firn_slice_text(spec_id)},
        {"format-version", firn_slice_text(version)},
        {"content", firn_slice_text(w->options.content == MANIFEST_DATA ? "data" : "deletes")},
    };
    ocf_options options = {(const char *) avro.data, OCF_DEFLATE, FIRN_COUNT(properties), properties};

    FIRN_TRY(files->ops->open_sink(files, w->location, &sink, err));
    return ocf_writer_open(&options, FIRN_STEAL(sink), &w->file, err);
}

firn_status
manifest_writer_open(storage *files, const char *location, const manifest_options *options,
                     manifest_writer **ret_writer, firn_error *err)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *w = firn_calloc(1, sizeof *w);

    assert(options->format_version == 2 || options->format_version == 3);
    if (!w) return firn_fail_memory(err, "a manifest");
    w->options = *options;
    w->least_sequence_number = -1;
    w->location = firn_strdup(location);
    if (!w->location) return firn_fail_memory(err, "a manifest");
    FIRN_TRY(find_types(w, err));
    if (open_file(w, files, err)) return firn_while(err, "writing manifest '%s'", location);
    *ret_writer = FIRN_STEAL(w);
    return FIRN_OK;
}

/* ---- summaries ---- */

static firn_status
keep_bound(single_value *bound, firn_buffer *owned, const single_value *value, firn_error *err)
{
    *bound = *value;
    firn_buffer_reset(owned);
    if (!value->bytes.data) return FIRN_OK;
    FIRN_TRY(firn_buffer_add(owned, value->bytes.data, value->bytes.size, err));
    bound->bytes = firn_buffer_slice(owned);
    return FIRN_OK;
}

static firn_status
summarize(const data_type *type, field_summary *s, const single_value *value, firn_error *err)
{
    bool is_real = type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;

    if (value->is_null) {
        s->contains_null = true;
        return FIRN_OK;
    }
    if (is_real && isnan(value->real)) {
        s->contains_nan = true;
        return FIRN_OK;
    }
    if (!s->has_bounds || single_value_compare(type, value, &s->lower) < 0) {
        FIRN_TRY(keep_bound(&s->lower, &s->lower_bytes, value, err));
    }
    if (!s->has_bounds || single_value_compare(type, value, &s->upper) > 0) {
        FIRN_TRY(keep_bound(&s->upper, &s->upper_bytes, value, err));
    }
    s->has_bounds = true;
    return FIRN_OK;
}

/* ---- entries ---- */

static firn_status
put_value(avro_encoder *e, const data_type *type, const single_value *value, firn_error *err)
{
    uint8_t  bytes[16];
    unsigned size;

    avro_put_optional(e, !value->is_null);
    if (value->is_null) return FIRN_OK;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        avro_put_boolean(e, value->integer != 0);
        return FIRN_OK;
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        avro_put_long(e, value->integer);
        return FIRN_OK;
    case TYPE_FLOAT:
        avro_put_float(e, (float) value->real);
        return FIRN_OK;
    case TYPE_DOUBLE:
        avro_put_double(e, value->real);
        return FIRN_OK;
    case TYPE_DECIMAL:
        size = decimal_size_of_precision(type->precision);
        if (decimal_size_min(value->decimal) > size) break;
        decimal_store_be(value->decimal, bytes, size);
        avro_put_fixed(e, firn_slice_of(bytes, size));
        return FIRN_OK;
    case TYPE_STRING:
    case TYPE_BINARY:
        avro_put_bytes(e, value->bytes);
        return FIRN_OK;
    case TYPE_UUID:
    case TYPE_FIXED:
        if (value->bytes.size != (type->kind == TYPE_UUID ? 16 : type->size_bytes)) break;
        avro_put_fixed(e, value->bytes);
        return FIRN_OK;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition value does not fit its type");
}

static firn_status
put_partition(manifest_writer *w, avro_encoder *e, const data_file *file, firn_error *err)
{
    for (unsigned i = 0; i < w->options.spec->field_count; i++) {
        single_value value = {.is_null = true};
        if (!w->gone[i]) FIRN_TRY(single_value_decode(&w->types[i], file->partition[i], &value, err));
        FIRN_TRY(summarize(&w->types[i], &w->summaries[i], &value, err));
        FIRN_TRY(put_value(e, &w->types[i], &value, err));
    }
    return FIRN_OK;
}

typedef enum column_fact { FACT_SIZE, FACT_VALUES, FACT_NULLS, FACT_NANS } column_fact;

static int64_t
fact_of(const data_file_column *column, column_fact fact)
{
    switch (fact) {
    case FACT_SIZE:
        return column->size_bytes;
    case FACT_VALUES:
        return column->value_count;
    case FACT_NULLS:
        return column->null_count;
    case FACT_NANS:
        return column->nan_count;
    }
    return -1;
}

static void
put_counts(avro_encoder *e, const data_file *file, column_fact fact)
{
    size_t count = 0;

    for (unsigned i = 0; i < file->column_count; i++) count += fact_of(&file->columns[i], fact) >= 0;
    avro_put_optional(e, count > 0);
    if (count == 0) return;
    avro_put_block(e, count);
    for (unsigned i = 0; i < file->column_count; i++) {
        int64_t value = fact_of(&file->columns[i], fact);
        if (value < 0) continue;
        avro_put_long(e, file->columns[i].field_id);
        avro_put_long(e, value);
    }
    avro_put_end(e);
}

static void
put_bounds(avro_encoder *e, const data_file *file, bool upper)
{
    size_t count = 0;

    for (unsigned i = 0; i < file->column_count; i++) {
        count += (upper ? file->columns[i].upper.data : file->columns[i].lower.data) != NULL;
    }
    avro_put_optional(e, count > 0);
    if (count == 0) return;
    avro_put_block(e, count);
    for (unsigned i = 0; i < file->column_count; i++) {
        firn_slice bound = upper ? file->columns[i].upper : file->columns[i].lower;
        if (!bound.data) continue;
        avro_put_long(e, file->columns[i].field_id);
        avro_put_bytes(e, bound);
    }
    avro_put_end(e);
}

static void
put_optional_long(avro_encoder *e, int64_t value)
{
    avro_put_optional(e, value >= 0);
    if (value >= 0) avro_put_long(e, value);
}

static void
put_lists(avro_encoder *e, const data_file *file)
{
    avro_put_optional(e, file->key_metadata.data != NULL);
    if (file->key_metadata.data) avro_put_bytes(e, file->key_metadata);
    avro_put_optional(e, file->split_offset_count > 0);
    if (file->split_offset_count > 0) {
        avro_put_block(e, file->split_offset_count);
        for (unsigned i = 0; i < file->split_offset_count; i++) avro_put_long(e, file->split_offsets[i]);
        avro_put_end(e);
    }
    avro_put_optional(e, file->equality_id_count > 0);
    if (file->equality_id_count > 0) {
        avro_put_block(e, file->equality_id_count);
        for (unsigned i = 0; i < file->equality_id_count; i++) avro_put_long(e, file->equality_ids[i]);
        avro_put_end(e);
    }
}

/* In the order of manifest_schema.c. */
static firn_status
put_data_file(manifest_writer *w, avro_encoder *e, const data_file *file, int64_t first_row_id, firn_error *err)
{
    avro_put_long(e, file->content);
    avro_put_text(e, file->path);
    avro_put_text(e, file->format);
    FIRN_TRY(put_partition(w, e, file, err));
    avro_put_long(e, file->record_count);
    avro_put_long(e, file->size_bytes);
    put_counts(e, file, FACT_SIZE);
    put_counts(e, file, FACT_VALUES);
    put_counts(e, file, FACT_NULLS);
    put_counts(e, file, FACT_NANS);
    put_bounds(e, file, false);
    put_bounds(e, file, true);
    put_lists(e, file);
    put_optional_long(e, file->sort_order_id);
    if (w->options.format_version >= 3) put_optional_long(e, first_row_id);
    avro_put_optional(e, file->referenced_data_file != NULL);
    if (file->referenced_data_file) avro_put_text(e, file->referenced_data_file);
    if (w->options.format_version >= 3) {
        put_optional_long(e, file->content_offset);
        put_optional_long(e, file->content_size_bytes);
    }
    return FIRN_OK;
}

static firn_status
check_file(const manifest_writer *w, const data_file *file, firn_error *err)
{
    if ((file->content == DATA_FILE_DATA) != (w->options.content == MANIFEST_DATA)) {
        return firn_fail(err, FIRN_E_BUG, "'%s' is in the wrong kind of manifest", file->path);
    }
    if (file->partition_count != w->options.spec->field_count) {
        return firn_fail(err, FIRN_E_BUG, "'%s' has %u partition values for %u fields", file->path,
                         file->partition_count, w->options.spec->field_count);
    }
    return FIRN_OK;
}

static void
count_entry(manifest_writer *w, manifest_entry_status status, int64_t record_count, int64_t sequence_number)
{
    manifest_file *facts = &w->facts;

    switch (status) {
    case ENTRY_ADDED:
        facts->added_file_count++;
        facts->added_row_count += record_count;
        break;
    case ENTRY_EXISTING:
        facts->existing_file_count++;
        facts->existing_row_count += record_count;
        break;
    case ENTRY_DELETED:
        facts->deleted_file_count++;
        facts->deleted_row_count += record_count;
        return; // not live: does not count for the least sequence number
    }
    if (sequence_number < 0) return; // takes the commit's, which is above all others
    if (w->least_sequence_number < 0 || sequence_number < w->least_sequence_number) {
        w->least_sequence_number = sequence_number;
    }
}

static firn_status
add_entry(manifest_writer *w, const manifest_entry *entry, firn_error *err)
{
    const data_file *file = &entry->file;
    int64_t          first_row_id = entry->status == ENTRY_ADDED || file->content != DATA_FILE_DATA ? -1 : file->first_row_id;

    FIRN_TRY(check_file(w, file, err));

    avro_encoder *e = ocf_writer_begin(w->file, err);

    avro_put_long(e, entry->status);
    put_optional_long(e, entry->snapshot_id);
    put_optional_long(e, entry->sequence_number);
    put_optional_long(e, entry->file_sequence_number);
    if (put_data_file(w, e, file, first_row_id, err)) return firn_while(err, "describing '%s'", file->path);
    FIRN_TRY(ocf_writer_end(w->file, err));
    count_entry(w, entry->status, file->record_count, entry->sequence_number);
    return FIRN_OK;
}

firn_status
manifest_writer_add_new(manifest_writer *writer, const data_file *file, firn_error *err)
{
    manifest_entry entry = {ENTRY_ADDED, writer->options.snapshot_id, -1, -1, *file};

    return add_entry(writer, &entry, err);
}

firn_status
manifest_writer_add_older(manifest_writer *writer, const data_file *file, int64_t sequence_number, firn_error *err)
{
    manifest_entry entry = {ENTRY_ADDED, writer->options.snapshot_id, sequence_number, -1, *file};

    assert(sequence_number >= 0);
    return add_entry(writer, &entry, err);
}

firn_status
manifest_writer_add_existing(manifest_writer *writer, const manifest_entry *entry, firn_error *err)
{
    manifest_entry copy = *entry;

    assert(entry->snapshot_id >= 0 && entry->sequence_number >= 0);
    copy.status = ENTRY_EXISTING;
    return add_entry(writer, &copy, err);
}

firn_status
manifest_writer_add_deleted(manifest_writer *writer, const manifest_entry *entry, firn_error *err)
{
    manifest_entry copy = *entry;

    assert(entry->sequence_number >= 0);
    copy.status = ENTRY_DELETED;
    copy.snapshot_id = writer->options.snapshot_id;
    return add_entry(writer, &copy, err);
}

/* ---- close ---- */

static firn_status
take_summaries(const manifest_writer *w, firn_arena *arena, manifest_file *out, firn_error *err)
{
    unsigned           count = w->options.spec->field_count;
    partition_summary *summaries = firn_arena_array(arena, count ? count : 1, sizeof *summaries);

    if (!summaries) return firn_fail_memory(err, "a manifest");
    for (unsigned i = 0; i < count; i++) {
        const field_summary *s = &w->summaries[i];
        summaries[i].contains_null = s->contains_null;
        summaries[i].contains_nan = s->contains_nan;
        if (!s->has_bounds) continue;
        FIRN_TRY(single_value_new(&w->types[i], &s->lower, arena, &summaries[i].lower, err));
        FIRN_TRY(single_value_new(&w->types[i], &s->upper, arena, &summaries[i].upper, err));
    }
    out->partition_count = count;
    out->partitions = summaries;
    return FIRN_OK;
}

firn_status
manifest_writer_close(manifest_writer *writer, firn_arena *arena, manifest_file *ret_file, firn_error *err)
{
    manifest_file out = writer->facts;
    uint64_t      size_bytes;

    out.path = firn_arena_strdup(arena, writer->location);
    if (!out.path) return firn_fail_memory(err, "a manifest");
    FIRN_TRY(take_summaries(writer, arena, &out, err));
    if (ocf_writer_close(writer->file, &size_bytes, err)) return firn_while(err, "writing manifest '%s'", writer->location);
    out.size_bytes = (int64_t) size_bytes;
    out.spec_id = writer->options.spec->spec_id;
    out.content = writer->options.content;
    out.sequence_number = MANIFEST_UNASSIGNED;
    out.min_sequence_number = writer->least_sequence_number >= 0 ? writer->least_sequence_number : MANIFEST_UNASSIGNED;
    out.added_snapshot_id = writer->options.snapshot_id;
    out.first_row_id = -1;
    *ret_file = out;
    return FIRN_OK;
}

void
manifest_writer_free(manifest_writer *writer)
{
    if (!writer) return;
    ocf_writer_free(writer->file);
    for (unsigned i = 0; writer->summaries && i < writer->options.spec->field_count; i++) {
        firn_buffer_done(&writer->summaries[i].lower_bytes);
        firn_buffer_done(&writer->summaries[i].upper_bytes);
    }
    firn_free(writer->summaries);
    firn_free(writer->types);
    firn_free(writer->gone);
    firn_free(writer->location);
    firn_free(writer);
}
