#include "iceberg/manifest_schema.h"

#include <stdio.h>

#include "base/decimal.h"
#include "codec/json_writer.h"
#include "iceberg/manifest_writer.h"

typedef enum shape {
    SHAPE_INT,
    SHAPE_LONG,
    SHAPE_STRING,
    SHAPE_BYTES,
    SHAPE_BOOLEAN,
    SHAPE_INT_LIST,
    SHAPE_LONG_LIST,
    SHAPE_LONG_MAP, /* of column ids */
    SHAPE_BYTES_MAP,
    SHAPE_PARTITION,
    SHAPE_SUMMARIES,
} shape;

/* One field of an Avro record; inner ids are those of a list's element, or of a map's key and value. */
typedef struct field_shape {
    int32_t     id;
    const char *name;
    shape       shape;
    bool        required;
    int         version_min;
    int32_t     inner_id, value_id;
} field_shape;

/* In the order in which the reference implementation has them: some readers count. */
static const field_shape data_file_fields[] = {
    {FILE_CONTENT, "content", SHAPE_INT, true, 2, 0, 0},
    {FILE_PATH, "file_path", SHAPE_STRING, true, 2, 0, 0},
    {FILE_FORMAT, "file_format", SHAPE_STRING, true, 2, 0, 0},
    {FILE_PARTITION, "partition", SHAPE_PARTITION, true, 2, 0, 0},
    {FILE_RECORD_COUNT, "record_count", SHAPE_LONG, true, 2, 0, 0},
    {FILE_SIZE_BYTES, "file_size_in_bytes", SHAPE_LONG, true, 2, 0, 0},
    {FILE_COLUMN_SIZES, "column_sizes", SHAPE_LONG_MAP, false, 2, 117, 118},
    {FILE_VALUE_COUNTS, "value_counts", SHAPE_LONG_MAP, false, 2, 119, 120},
    {FILE_NULL_COUNTS, "null_value_counts", SHAPE_LONG_MAP, false, 2, 121, 122},
    {FILE_NAN_COUNTS, "nan_value_counts", SHAPE_LONG_MAP, false, 2, 138, 139},
    {FILE_LOWER_BOUNDS, "lower_bounds", SHAPE_BYTES_MAP, false, 2, 126, 127},
    {FILE_UPPER_BOUNDS, "upper_bounds", SHAPE_BYTES_MAP, false, 2, 129, 130},
    {FILE_KEY_METADATA, "key_metadata", SHAPE_BYTES, false, 2, 0, 0},
    {FILE_SPLIT_OFFSETS, "split_offsets", SHAPE_LONG_LIST, false, 2, 133, 0},
    {FILE_EQUALITY_IDS, "equality_ids", SHAPE_INT_LIST, false, 2, 136, 0},
    {FILE_SORT_ORDER_ID, "sort_order_id", SHAPE_INT, false, 2, 0, 0},
    {FILE_FIRST_ROW_ID, "first_row_id", SHAPE_LONG, false, 3, 0, 0},
    {FILE_REFERENCED_DATA_FILE, "referenced_data_file", SHAPE_STRING, false, 2, 0, 0},
    {FILE_CONTENT_OFFSET, "content_offset", SHAPE_LONG, false, 3, 0, 0},
    {FILE_CONTENT_SIZE, "content_size_in_bytes", SHAPE_LONG, false, 3, 0, 0},
};

static const field_shape entry_fields[] = {
    {ENTRY_STATUS, "status", SHAPE_INT, true, 2, 0, 0},
    {ENTRY_SNAPSHOT_ID, "snapshot_id", SHAPE_LONG, false, 2, 0, 0},
    {ENTRY_SEQUENCE_NUMBER, "sequence_number", SHAPE_LONG, false, 2, 0, 0},
    {ENTRY_FILE_SEQUENCE_NUMBER, "file_sequence_number", SHAPE_LONG, false, 2, 0, 0},
};

static const field_shape list_fields[] = {
    {LIST_PATH, "manifest_path", SHAPE_STRING, true, 2, 0, 0},
    {LIST_SIZE_BYTES, "manifest_length", SHAPE_LONG, true, 2, 0, 0},
    {LIST_SPEC_ID, "partition_spec_id", SHAPE_INT, true, 2, 0, 0},
    {LIST_CONTENT, "content", SHAPE_INT, true, 2, 0, 0},
    {LIST_SEQUENCE_NUMBER, "sequence_number", SHAPE_LONG, true, 2, 0, 0},
    {LIST_MIN_SEQUENCE_NUMBER, "min_sequence_number", SHAPE_LONG, true, 2, 0, 0},
    {LIST_ADDED_SNAPSHOT_ID, "added_snapshot_id", SHAPE_LONG, true, 2, 0, 0},
    {LIST_ADDED_FILES, "added_files_count", SHAPE_INT, true, 2, 0, 0},
    {LIST_EXISTING_FILES, "existing_files_count", SHAPE_INT, true, 2, 0, 0},
    {LIST_DELETED_FILES, "deleted_files_count", SHAPE_INT, true, 2, 0, 0},
    {LIST_ADDED_ROWS, "added_rows_count", SHAPE_LONG, true, 2, 0, 0},
    {LIST_EXISTING_ROWS, "existing_rows_count", SHAPE_LONG, true, 2, 0, 0},
    {LIST_DELETED_ROWS, "deleted_rows_count", SHAPE_LONG, true, 2, 0, 0},
    {LIST_PARTITIONS, "partitions", SHAPE_SUMMARIES, false, 2, 508, 0},
    {LIST_KEY_METADATA, "key_metadata", SHAPE_BYTES, false, 2, 0, 0},
    {LIST_FIRST_ROW_ID, "first_row_id", SHAPE_LONG, false, 3, 0, 0},
};

static const field_shape summary_fields[] = {
    {LIST_CONTAINS_NULL, "contains_null", SHAPE_BOOLEAN, true, 2, 0, 0},
    {LIST_CONTAINS_NAN, "contains_nan", SHAPE_BOOLEAN, false, 2, 0, 0},
    {LIST_LOWER, "lower_bound", SHAPE_BYTES, false, 2, 0, 0},
    {LIST_UPPER, "upper_bound", SHAPE_BYTES, false, 2, 0, 0},
};

typedef struct schema_writer {
    jwriter               json;
    int                   format_version;
    const partition_spec *spec;
    const data_type      *types;
    firn_error           *err;
} schema_writer;

static void write_fields(schema_writer *w, const field_shape *fields, size_t field_count);

/* A record's head, up to its fields. */
static void
begin_record(jwriter *j, const char *name)
{
    jwrite_object(j);
    jwrite_member_text(j, "type", "record");
    jwrite_member_text(j, "name", name);
    jwrite_key(j, "fields");
    jwrite_array(j);
}

static void
end_record(jwriter *j)
{
    jwrite_array_end(j);
    jwrite_object_end(j);
}

static void
write_key_or_value(jwriter *j, const char *name, const char *type, int32_t id)
{
    jwrite_object(j);
    jwrite_member_text(j, "name", name);
    jwrite_member_text(j, "type", type);
    jwrite_member_i64(j, "field-id", id);
    jwrite_object_end(j);
}

/* Avro's own maps have text keys only: an array of pairs. */
static void
write_map(jwriter *j, const field_shape *field, const char *value_type)
{
    char name[40];

    snprintf(name, sizeof name, "k%d_v%d", (int) field->inner_id, (int) field->value_id);
    jwrite_object(j);
    jwrite_member_text(j, "type", "array");
    jwrite_key(j, "items");
    begin_record(j, name);
    write_key_or_value(j, "key", "int", field->inner_id);
    write_key_or_value(j, "value", value_type, field->value_id);
    end_record(j);
    jwrite_member_text(j, "logicalType", "map");
    jwrite_object_end(j);
}

static void
write_list(jwriter *j, const field_shape *field, const char *item_type)
{
    jwrite_object(j);
    jwrite_member_text(j, "type", "array");
    jwrite_member_text(j, "items", item_type);
    jwrite_member_i64(j, "element-id", field->inner_id);
    jwrite_object_end(j);
}

static void
write_logical(jwriter *j, const char *type, const char *logical)
{
    jwrite_object(j);
    jwrite_member_text(j, "type", type);
    jwrite_member_text(j, "logicalType", logical);
}

/* A named type may be declared only once in a schema, so the field's id makes its name its own. */
static void
begin_fixed(jwriter *j, const char *name, int32_t field_id, unsigned size)
{
    char text[80];

    snprintf(text, sizeof text, "%s_f%d", name, (int) field_id);
    jwrite_object(j);
    jwrite_member_text(j, "type", "fixed");
    jwrite_member_text(j, "name", text);
    jwrite_member_i64(j, "size", (int64_t) size);
}

static void
write_value_type(jwriter *j, const data_type *type, int32_t field_id)
{
    static const char *const plain[] = {
        [TYPE_BOOLEAN] = "boolean", [TYPE_INT] = "int",       [TYPE_LONG] = "long",
        [TYPE_FLOAT] = "float",     [TYPE_DOUBLE] = "double", [TYPE_STRING] = "string",
        [TYPE_BINARY] = "bytes",    [TYPE_MAP] = NULL,
    };
    char name[40];

    if (plain[type->kind]) {
        jwrite_text(j, plain[type->kind]);
        return;
    }
    if (type->kind == TYPE_DATE) {
        write_logical(j, "int", "date");
    } else if (type->kind == TYPE_TIME) {
        write_logical(j, "long", "time-micros");
    } else if (type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMPTZ) {
        write_logical(j, "long", "timestamp-micros");
        jwrite_member_bool(j, "adjust-to-utc", type->kind == TYPE_TIMESTAMPTZ);
    } else if (type->kind == TYPE_DECIMAL) {
        snprintf(name, sizeof name, "decimal_%u_%u", type->precision, type->scale);
        begin_fixed(j, name, field_id, decimal_size_of_precision(type->precision));
        jwrite_member_text(j, "logicalType", "decimal");
        jwrite_member_i64(j, "precision", type->precision);
        jwrite_member_i64(j, "scale", type->scale);
    } else if (type->kind == TYPE_UUID) {
        begin_fixed(j, "uuid_fixed", field_id, 16);
        jwrite_member_text(j, "logicalType", "uuid");
    } else {
        assert(type->kind == TYPE_FIXED); // a partition field's type is never nested
        snprintf(name, sizeof name, "fixed_%u", type->size_bytes);
        begin_fixed(j, name, field_id, type->size_bytes);
    }
    jwrite_object_end(j);
}

/* Two names that are equal once made safe: the later one gets its id behind it. */
static bool
is_taken(const schema_writer *w, unsigned index, const firn_buffer *name)
{
    firn_buffer earlier;
    bool        taken = false;

    firn_buffer_init(&earlier, (size_t) 1 << 20);
    for (unsigned i = 0; i < index && !taken; i++) {
        firn_error unused = {0};
        firn_buffer_reset(&earlier);
        if (manifest_avro_name(w->spec->fields[i].name, &earlier, &unused)) break;
        taken = firn_slice_equal(firn_buffer_slice(&earlier), firn_buffer_slice(name));
    }
    firn_buffer_done(&earlier);
    return taken;
}

static firn_status
write_partition_field(schema_writer *w, unsigned index)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
    const partition_field *field = &w->spec->fields[index];
    jwriter               *j = &w->json;

    firn_buffer_init(&name, (size_t) 1 << 20);
    FIRN_TRY(manifest_avro_name(field->name, &name, w->err));
    if (is_taken(w, index, &name)) FIRN_TRY(firn_buffer_printf(&name, w->err, "_%d", (int) field->field_id));
    jwrite_object(j);
    jwrite_key(j, "name");
    jwrite_text_slice(j, firn_buffer_slice(&name));
    jwrite_key(j, "type");
    jwrite_array(j);
    jwrite_text(j, "null");
    write_value_type(j, &w->types[index], field->field_id);
    jwrite_array_end(j);
    jwrite_key(j, "default");
    jwrite_null(j);
    jwrite_member_i64(j, "field-id", field->field_id);
    if (!firn_slice_equal(firn_buffer_slice(&name), firn_slice_text(field->name))) {
        jwrite_member_text(j, "iceberg-field-name", field->name);
    }
    jwrite_object_end(j);
    return FIRN_OK;
}

static void
write_partition(schema_writer *w)
{
    begin_record(&w->json, "r102");
    for (unsigned i = 0; i < w->spec->field_count; i++) {
        firn_status status = write_partition_field(w, i);
        if (status != FIRN_OK && w->json.status == FIRN_OK) w->json.status = status;
    }
    end_record(&w->json);
}

static void
write_summaries(schema_writer *w, const field_shape *field)
{
    jwriter *j = &w->json;

    jwrite_object(j);
    jwrite_member_text(j, "type", "array");
    jwrite_key(j, "items");
    begin_record(j, "r508");
    write_fields(w, summary_fields, FIRN_COUNT(summary_fields));
    end_record(j);
    jwrite_member_i64(j, "element-id", field->inner_id);
    jwrite_object_end(j);
}

static void
write_shape(schema_writer *w, const field_shape *field)
{
    switch (field->shape) {
    case SHAPE_INT:
        jwrite_text(&w->json, "int");
        break;
    case SHAPE_LONG:
        jwrite_text(&w->json, "long");
        break;
    case SHAPE_STRING:
        jwrite_text(&w->json, "string");
        break;
    case SHAPE_BYTES:
        jwrite_text(&w->json, "bytes");
        break;
    case SHAPE_BOOLEAN:
        jwrite_text(&w->json, "boolean");
        break;
    case SHAPE_INT_LIST:
        write_list(&w->json, field, "int");
        break;
    case SHAPE_LONG_LIST:
        write_list(&w->json, field, "long");
        break;
    case SHAPE_LONG_MAP:
        write_map(&w->json, field, "long");
        break;
    case SHAPE_BYTES_MAP:
        write_map(&w->json, field, "bytes");
        break;
    case SHAPE_PARTITION:
        write_partition(w);
        break;
    case SHAPE_SUMMARIES:
        write_summaries(w, field);
        break;
    }
}

static void
write_fields(schema_writer *w, const field_shape *fields, size_t field_count)
{
    jwriter *j = &w->json;

    for (size_t i = 0; i < field_count; i++) {
        if (fields[i].version_min > w->format_version) continue;
        jwrite_object(j);
        jwrite_member_text(j, "name", fields[i].name);
        jwrite_key(j, "type");
        if (fields[i].required) {
            write_shape(w, &fields[i]);
        } else {
            jwrite_array(j);
            jwrite_text(j, "null");
            write_shape(w, &fields[i]);
            jwrite_array_end(j);
            jwrite_key(j, "default");
            jwrite_null(j);
        }
        jwrite_member_i64(j, "field-id", fields[i].id);
        jwrite_object_end(j);
    }
}

firn_status
manifest_entry_schema(int format_version, const partition_spec *spec, const data_type types[], firn_buffer *out,
                      firn_error *err)
{
    schema_writer w = {.format_version = format_version, .spec = spec, .types = types, .err = err};
    jwriter      *j = &w.json;

    jwrite_begin(j, out, false, err);
    begin_record(j, "manifest_entry");
    write_fields(&w, entry_fields, FIRN_COUNT(entry_fields));
    jwrite_object(j);
    jwrite_member_text(j, "name", "data_file");
    jwrite_key(j, "type");
    begin_record(j, "r2");
    write_fields(&w, data_file_fields, FIRN_COUNT(data_file_fields));
    end_record(j);
    jwrite_member_i64(j, "field-id", ENTRY_DATA_FILE);
    jwrite_object_end(j);
    end_record(j);
    return jwrite_end(j);
}

firn_status
manifest_list_schema(int format_version, firn_buffer *out, firn_error *err)
{
    schema_writer w = {.format_version = format_version, .err = err};

    jwrite_begin(&w.json, out, false, err);
    begin_record(&w.json, "manifest_file");
    write_fields(&w, list_fields, FIRN_COUNT(list_fields));
    end_record(&w.json);
    return jwrite_end(&w.json);
}
