/*
 * For test_manifests.py: writes manifests with every partition type and every field, and prints what firn reads
 * in those of others.
 *
 *   manifest_sample write FOLDER VERSION    manifests and a list; the list's location on stdout
 *   manifest_sample read LIST [FOLDER]      a JSON line for each manifest and each entry; with FOLDER, the manifests
 *                                           are there under their own names
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/schema.h"
#include "codec/json_writer.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"
#include "iceberg/manifest_writer.h"
#include "iceberg/partition.h"
#include "iceberg/single_value.h"
#include "storage/local.h"
#include "storage/location.h"

#define SNAPSHOT_ID INT64_C(8877665544332211)
#define SEQUENCE_NUMBER 7
#define NEXT_ROW_ID 1000

static const data_type types[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_DECIMAL, .precision = 12, .scale = 3},
    {.kind = TYPE_DATE},
    {.kind = TYPE_TIME},
    {.kind = TYPE_TIMESTAMP},
    {.kind = TYPE_TIMESTAMPTZ},
    {.kind = TYPE_STRING},
    {.kind = TYPE_UUID},
    {.kind = TYPE_FIXED, .size_bytes = 5},
    {.kind = TYPE_BINARY},
    {.kind = TYPE_DECIMAL, .precision = 38, .scale = 0},
};

#define TYPE_COUNT FIRN_COUNT(types)
#define FIELD_COUNT (TYPE_COUNT + 2)

static const char *const names[TYPE_COUNT] = {
    "flag", "number", "long number", "2real", "dou.ble", "déc", "day", "time", "ts", "tstz", "text", "uuid", "fix", "bin", "wide",
};

static table_schema *
make_schema(firn_error *err)
{
    schema_field  fields[TYPE_COUNT] = {0};
    table_schema *schema = NULL;

    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        fields[i] = (schema_field){.id = (int32_t) i + 1, .name = names[i], .type = &types[i]};
    }
    if (schema_new(3, fields, TYPE_COUNT, NULL, 0, false, &schema, err)) return NULL;
    return schema;
}

static void
make_spec(partition_field fields[FIELD_COUNT], partition_spec *ret_spec)
{
    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        fields[i] = (partition_field){(int32_t) i + 1, 1000 + (int32_t) i, names[i], {TRANSFORM_IDENTITY, 0}};
    }
    fields[TYPE_COUNT] = (partition_field){3, 1000 + (int32_t) TYPE_COUNT, "id_bucket", {TRANSFORM_BUCKET, 16}};
    fields[TYPE_COUNT + 1] = (partition_field){9, 1001 + (int32_t) TYPE_COUNT, "ts_month", {TRANSFORM_MONTH, 0}};
    *ret_spec = (partition_spec){.spec_id = 4, .field_count = FIELD_COUNT, .fields = fields};
}

static firn_status
make_values(bool least, const partition_spec *spec, const table_schema *schema, firn_arena *arena,
            firn_slice out[FIELD_COUNT], firn_error *err)
{
    static const uint8_t bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                      0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        data_type    type;
        single_value value = {.integer = least ? -5 : 54321, .real = least ? -1.5 : 2.25};
        if (!partition_field_type(spec, i, schema, &type)) abort();
        if (type.kind == TYPE_BOOLEAN) value.integer = !least;
        if (type.kind == TYPE_TIME) value.integer = least ? 0 : 54321;
        value.decimal = least ? -1 : 1234567;
        if (type.kind == TYPE_DECIMAL && type.precision == 38 && !least) value.decimal = (int128) decimal_power_of_ten[37];
        value.bytes = firn_slice_of(bytes, type.kind == TYPE_UUID ? 16 : type.kind == TYPE_FIXED ? 5 : 3);
        if (type.kind == TYPE_STRING) value.bytes = firn_slice_text(least ? "" : "zürich");
        FIRN_TRY(single_value_new(&type, &value, arena, &out[i], err));
    }
    return FIRN_OK;
}

static data_file
make_file(unsigned number, const firn_slice *partition, firn_arena *arena)
{
    static const int64_t    offsets[] = {4, 1000};
    static data_file_column columns[] = {
        {1, 11, 100, 3, -1, {NULL, 0}, {NULL, 0}},
        {2, 12, 100, 0, -1, {(const uint8_t *) "\x01\x00\x00\x00", 4}, {(const uint8_t *) "\xff\x00\x00\x00", 4}},
        {4, 13, 100, 0, 2, {(const uint8_t *) "\x00\x00\x00\x80", 4}, {(const uint8_t *) "\x00\x00\x80\x3f", 4}},
        {11, 14, 100, 1, -1, {(const uint8_t *) "", 0}, {(const uint8_t *) "zz", 2}},
        {99, 15, -1, -1, -1, {NULL, 0}, {NULL, 0}},
    };

    return (data_file){.path = firn_arena_printf(arena, "file:///lake/t/data/%u.parquet", number),
                       .format = "PARQUET",
                       .spec_id = 4,
                       .partition_count = FIELD_COUNT,
                       .partition = partition,
                       .record_count = 100,
                       .size_bytes = 2000 + number,
                       .column_count = FIRN_COUNT(columns),
                       .columns = columns,
                       .split_offset_count = 2,
                       .split_offsets = offsets,
                       .sort_order_id = 1,
                       .content_offset = -1,
                       .content_size_bytes = -1,
                       .first_row_id = -1};
}

typedef struct sample {
    storage         *files;
    const char      *folder;
    int              version;
    table_schema    *schema;
    partition_field  fields[FIELD_COUNT];
    partition_spec   spec;
    firn_slice       least[FIELD_COUNT], most[FIELD_COUNT], nulls[FIELD_COUNT];
    firn_arena       arena;
    firn_error      *err;
} sample;

static firn_status
write_data_manifest(sample *s, manifest_file *ret_manifest)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *writer = NULL;
    manifest_options options = {s->version, MANIFEST_DATA, s->schema, &s->spec, SNAPSHOT_ID};
    data_file        file = make_file(1, s->least, &s->arena);
    manifest_entry   old = {ENTRY_ADDED, 1234, 3, 2, make_file(3, s->most, &s->arena)};

    FIRN_TRY(manifest_writer_open(s->files, location_join(&s->arena, s->folder, "data.avro"), &options, &writer, s->err));
    FIRN_TRY(manifest_writer_add_new(writer, &file, s->err));
    file = make_file(2, s->nulls, &s->arena);
    FIRN_TRY(manifest_writer_add_new(writer, &file, s->err));
    if (s->version >= 3) old.file.first_row_id = 500;
    FIRN_TRY(manifest_writer_add_existing(writer, &old, s->err));
    old.file.path = "file:///lake/t/data/4.parquet";
    FIRN_TRY(manifest_writer_add_deleted(writer, &old, s->err));
    return manifest_writer_close(writer, &s->arena, ret_manifest, s->err);
}

static firn_status
write_delete_manifest(sample *s, manifest_file *ret_manifest)
{
    FIRN_AUTO(manifest_writer_freep) manifest_writer *writer = NULL;
    manifest_options options = {s->version, MANIFEST_DELETES, s->schema, &s->spec, SNAPSHOT_ID};
    data_file        file = make_file(5, s->most, &s->arena);

    file.content = DATA_FILE_POSITION_DELETES;
    file.sort_order_id = -1;
    file.referenced_data_file = "file:///lake/t/data/3.parquet";
    if (s->version >= 3) {
        file.format = "PUFFIN";
        file.content_offset = 4;
        file.content_size_bytes = 44;
    }
    FIRN_TRY(manifest_writer_open(s->files, location_join(&s->arena, s->folder, "deletes.avro"), &options, &writer, s->err));
    FIRN_TRY(manifest_writer_add_new(writer, &file, s->err));
    return manifest_writer_close(writer, &s->arena, ret_manifest, s->err);
}

static firn_status
write_sample(sample *s)
{
    manifest_file         manifests[2];
    manifest_list_options options = {s->version, SNAPSHOT_ID, 1234, SEQUENCE_NUMBER, s->version >= 3 ? NEXT_ROW_ID : -1};
    const char           *list = location_join(&s->arena, s->folder, "list.avro");
    int64_t               next = -1;

    s->schema = make_schema(s->err);
    if (!s->schema) return s->err->status;
    make_spec(s->fields, &s->spec);
    FIRN_TRY(make_values(true, &s->spec, s->schema, &s->arena, s->least, s->err));
    FIRN_TRY(make_values(false, &s->spec, s->schema, &s->arena, s->most, s->err));
    FIRN_TRY(write_data_manifest(s, &manifests[0]));
    FIRN_TRY(write_delete_manifest(s, &manifests[1]));
    FIRN_TRY(manifest_list_write(s->files, list, &options, manifests, 2, &next, s->err));
    printf("%s\n%" PRId64 "\n", list, next);
    return FIRN_OK;
}

static void
write_hex(jwriter *j, firn_slice bytes)
{
    char text[2 * 1024 + 1];

    if (!bytes.data) {
        jwrite_null(j);
        return;
    }
    for (size_t i = 0; i < bytes.size && i < 1024; i++) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    text[2 * (bytes.size < 1024 ? bytes.size : 1024)] = '\0';
    jwrite_text(j, text);
}

static void
write_manifest(jwriter *j, const manifest_file *m)
{
    jwrite_object(j);
    jwrite_member_text(j, "manifest", m->path);
    jwrite_member_i64(j, "size", m->size_bytes);
    jwrite_member_i64(j, "spec", m->spec_id);
    jwrite_member_i64(j, "content", m->content);
    jwrite_member_i64(j, "sequence", m->sequence_number);
    jwrite_member_i64(j, "min_sequence", m->min_sequence_number);
    jwrite_member_i64(j, "snapshot", m->added_snapshot_id);
    jwrite_key(j, "counts");
    jwrite_array(j);
    jwrite_i64(j, m->added_file_count);
    jwrite_i64(j, m->existing_file_count);
    jwrite_i64(j, m->deleted_file_count);
    jwrite_i64(j, m->added_row_count);
    jwrite_i64(j, m->existing_row_count);
    jwrite_i64(j, m->deleted_row_count);
    jwrite_array_end(j);
    jwrite_member_i64(j, "first_row_id", m->first_row_id);
    jwrite_key(j, "partitions");
    jwrite_array(j);
    for (unsigned i = 0; i < m->partition_count; i++) {
        jwrite_array(j);
        jwrite_bool(j, m->partitions[i].contains_null);
        jwrite_i64(j, m->partitions[i].contains_nan);
        write_hex(j, m->partitions[i].lower);
        write_hex(j, m->partitions[i].upper);
        jwrite_array_end(j);
    }
    jwrite_array_end(j);
    jwrite_object_end(j);
}

static void
write_columns(jwriter *j, const data_file *file)
{
    jwrite_key(j, "columns");
    jwrite_array(j);
    for (unsigned i = 0; i < file->column_count; i++) {
        const data_file_column *c = &file->columns[i];
        jwrite_array(j);
        jwrite_i64(j, c->field_id);
        jwrite_i64(j, c->size_bytes);
        jwrite_i64(j, c->value_count);
        jwrite_i64(j, c->null_count);
        jwrite_i64(j, c->nan_count);
        write_hex(j, c->lower);
        write_hex(j, c->upper);
        jwrite_array_end(j);
    }
    jwrite_array_end(j);
}

static void
write_entry(jwriter *j, const manifest_entry *e)
{
    const data_file *file = &e->file;

    jwrite_object(j);
    jwrite_member_text(j, "path", file->path);
    jwrite_member_i64(j, "status", e->status);
    jwrite_member_i64(j, "snapshot", e->snapshot_id);
    jwrite_member_i64(j, "sequence", e->sequence_number);
    jwrite_member_i64(j, "file_sequence", e->file_sequence_number);
    jwrite_member_i64(j, "content", file->content);
    jwrite_member_text(j, "format", file->format);
    jwrite_member_i64(j, "records", file->record_count);
    jwrite_member_i64(j, "size", file->size_bytes);
    jwrite_member_i64(j, "sort_order", file->sort_order_id);
    jwrite_member_i64(j, "first_row_id", file->first_row_id);
    jwrite_member_text(j, "referenced", file->referenced_data_file);
    jwrite_member_i64(j, "content_offset", file->content_offset);
    jwrite_member_i64(j, "content_size", file->content_size_bytes);
    jwrite_key(j, "partition");
    jwrite_array(j);
    for (unsigned i = 0; i < file->partition_count; i++) write_hex(j, file->partition[i]);
    jwrite_array_end(j);
    jwrite_key(j, "split_offsets");
    jwrite_array(j);
    for (unsigned i = 0; i < file->split_offset_count; i++) jwrite_i64(j, file->split_offsets[i]);
    jwrite_array_end(j);
    write_columns(j, file);
    jwrite_object_end(j);
}

static firn_status
print_line(firn_buffer *line, jwriter *j)
{
    FIRN_TRY(jwrite_end(j));
    fwrite(line->data, 1, line->size, stdout);
    putchar('\n');
    firn_buffer_reset(line);
    return FIRN_OK;
}

static firn_status
print_manifest(storage *files, const manifest_file *m, const char *folder, firn_buffer *line, firn_arena *arena,
               firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;
    manifest_entry entry;
    bool           more;
    jwriter        j;

    jwrite_begin(&j, line, false, err);
    write_manifest(&j, m);
    FIRN_TRY(print_line(line, &j));

    manifest_file here = *m;

    if (folder) here.path = location_join(arena, folder, location_name(m->path));
    FIRN_TRY(manifest_reader_open(files, &here, NULL, &reader, err));
    for (;;) {
        FIRN_TRY(manifest_reader_next(reader, arena, &entry, &more, err));
        if (!more) return FIRN_OK;
        jwrite_begin(&j, line, false, err);
        write_entry(&j, &entry);
        FIRN_TRY(print_line(line, &j));
    }
}

static firn_status
read_sample(storage *files, const char *list, const char *folder, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer line = {0};
    const manifest_file *manifests;
    size_t               count;

    firn_buffer_init(&line, (size_t) 64 << 20);
    FIRN_TRY(manifest_list_read(files, list, &arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) FIRN_TRY(print_manifest(files, &manifests[i], folder, &line, &arena, err));
    return FIRN_OK;
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(storage_freep) storage *files = NULL;
    firn_error  err = {0};
    firn_status status = storage_local_new(&files, &err);
    sample      s = {.err = &err};

    if (status == FIRN_OK && argc == 4 && strcmp(argv[1], "write") == 0) {
        s.files = files;
        s.folder = argv[2];
        s.version = argv[3][0] - '0';
        status = write_sample(&s);
        schema_unref(s.schema);
        firn_arena_done(&s.arena);
    } else if (status == FIRN_OK && argc >= 3 && strcmp(argv[1], "read") == 0) {
        status = read_sample(files, argv[2], argc > 3 ? argv[3] : NULL, &err);
    } else {
        fprintf(stderr, "usage: manifest_sample write FOLDER VERSION | read LIST [FOLDER]\n");
        return 64;
    }
    if (status == FIRN_OK) return 0;
    fprintf(stderr, "%s\n", err.cause);
    for (unsigned i = 0; i < err.frame_count; i++) fprintf(stderr, "  while %s\n", err.frame[i]);
    return firn_status_exit_code(status);
}
