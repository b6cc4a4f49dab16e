#include "iceberg/partition.h"

#include <stdio.h>

#include "base/text.h"
#include "iceberg/murmur3.h"

/* A folder name of at most 255 bytes is what file systems take; this leaves room for the field's name. */
#define PATH_VALUE_SIZE_MAX 120

bool
partition_field_type(const partition_spec *spec, unsigned index, const table_schema *schema, data_type *ret_type)
{
    const schema_field *source = schema_field_by_id(schema, spec->fields[index].source_id);

    return source && transform_result_type(spec->fields[index].transform, source->type, ret_type);
}

/* ---- settings ---- */

static const schema_field *
find_column(const table_schema *schema, firn_slice name)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (firn_slice_equal(firn_slice_text(schema->fields[i].name), name)) return &schema->fields[i];
    }
    return NULL;
}

firn_status
partition_parse_setting(const char *setting, const char *what, const table_schema *schema, transform *ret_transform,
                        const schema_field **ret_source, firn_error *err)
{
    firn_slice          column;
    data_type           result;
    const schema_field *source;
    char                name[128];

    if (!transform_parse_setting(setting, ret_transform, &column)) {
        (void) firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "%s '%s' cannot be read", what, setting);
        firn_hint(err, "write a column, or year(C), month(C), day(C), hour(C), bucket(16, C), truncate(4, C)");
        return err->status;
    }
    source = find_column(schema, firn_slice_text(setting)); // a column whose name looks like a call
    if (source) {
        *ret_transform = (transform){TRANSFORM_IDENTITY, 0};
    } else {
        source = find_column(schema, column);
    }
    if (!source) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        const char **names = firn_arena_array(&arena, schema->field_count + 1, sizeof *names);
        const char  *nearest = NULL;

        snprintf(name, sizeof name, "%.*s", (int) (column.size < 100 ? column.size : 100), (const char *) column.data);
        for (unsigned i = 0; names && i < schema->field_count; i++) names[i] = schema->fields[i].name;
        if (names) nearest = text_nearest(name, names, schema->field_count);
        (void) firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "%s '%s' names no column of the table: '%s'", what, setting, name);
        if (nearest) firn_hint(err, "the nearest column is '%s'", nearest);
        return err->status;
    }
    if (!transform_result_type(*ret_transform, source->type, &result) || ret_transform->kind == TRANSFORM_VOID)
        return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "%s '%s' does not fit the type of column '%s'", what, setting,
                         source->name);
    *ret_source = source;
    return FIRN_OK;
}

/* Java's default names. A name must not be that of another column or of an earlier field. */
static const char *
field_name(transform t, const schema_field *source, const table_schema *schema, const partition_field fields[],
           unsigned field_count, firn_arena *arena)
{
    static const char *const suffixes[] = {
        [TRANSFORM_BUCKET] = "_bucket", [TRANSFORM_TRUNCATE] = "_trunc", [TRANSFORM_YEAR] = "_year",
        [TRANSFORM_MONTH] = "_month",   [TRANSFORM_DAY] = "_day",        [TRANSFORM_HOUR] = "_hour",
    };
    if (t.kind == TRANSFORM_IDENTITY) return firn_arena_strdup(arena, source->name);

    for (unsigned attempt = 1;; attempt++) {
        const char *name = attempt == 1 ? firn_arena_printf(arena, "%s%s", source->name, suffixes[t.kind])
                                        : firn_arena_printf(arena, "%s%s_%u", source->name, suffixes[t.kind], attempt);
        bool        taken = false;

        if (!name) return NULL;
        taken = find_column(schema, firn_slice_text(name)) != NULL;
        for (unsigned i = 0; i < field_count; i++) taken = taken || strcmp(fields[i].name, name) == 0;
        if (!taken) return name;
    }
}

static bool
is_time_unit(transform_kind kind)
{
    return kind == TRANSFORM_YEAR || kind == TRANSFORM_MONTH || kind == TRANSFORM_DAY || kind == TRANSFORM_HOUR;
}

/* The reference implementation refuses the same transform of a column twice, and two units of time of one. */
static bool
is_redundant(const partition_field *a, const partition_field *b)
{
    if (a->source_id != b->source_id) return false;
    if (is_time_unit(a->transform.kind) && is_time_unit(b->transform.kind)) return true;
    return a->transform.kind == b->transform.kind && a->transform.parameter == b->transform.parameter;
}

firn_status
partition_spec_of_settings(const char *const settings[], unsigned setting_count, const table_schema *schema,
                           firn_arena *arena, partition_spec *ret_spec, firn_error *err)
{
    partition_field *fields;

    if (setting_count > PARTITION_FIELDS_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "partition_by has more than %d entries", PARTITION_FIELDS_MAX);
    fields = firn_arena_array(arena, setting_count + 1u, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "a partition spec");
    for (unsigned i = 0; i < setting_count; i++) {
        const schema_field *source;
        transform           t;

        FIRN_TRY(partition_parse_setting(settings[i], "partition_by", schema, &t, &source, err));
        fields[i] = (partition_field){source->id, PARTITION_ID_NONE + 1 + (int32_t) i, NULL, t};
        for (unsigned k = 0; k < i; k++) {
            if (is_redundant(&fields[i], &fields[k]))
                return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "partition_by '%s' says again what '%s' says", settings[i],
                                 settings[k]);
        }
        fields[i].name = field_name(t, source, schema, fields, i, arena);
        if (!fields[i].name) return firn_fail_memory(err, "a partition spec");
    }
    *ret_spec = (partition_spec){.field_count = setting_count, .fields = fields};
    return FIRN_OK;
}

/* ---- JSON ---- */

/* A field with several sources (v3) has "source-ids"; firn knows no transform that takes them. */
static firn_status
read_source_id(const jdoc *doc, const jvalue *value, int32_t *ret_id, transform *t, firn_error *err)
{
    const jvalue *many = jget(value, "source-ids");
    int64_t       id;

    if (many && !jget(value, "source-id")) {
        if (jkind_of(many) != JARRAY || !jinteger(jat(many, 0), &id))
            return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition or sort field's source-ids are no field ids");
        if (jcount(many) > 1) *t = (transform){TRANSFORM_UNKNOWN, 0};
    } else {
        FIRN_TRY(jneed_integer(doc, value, "source-id", &id, err));
    }
    if (id < 1 || id > INT32_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition or sort field's source-id is no field id");
    *ret_id = (int32_t) id;
    return FIRN_OK;
}

firn_status
partition_read_term(const jdoc *doc, const jvalue *value, int32_t *ret_source_id, transform *ret_transform,
                    firn_error *err)
{
    const char *text;

    FIRN_TRY(jneed_text(doc, value, "transform", &text, err));
    if (!transform_parse(firn_slice_text(text), ret_transform))
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "'%.60s' is not a transform", text);
    return read_source_id(doc, value, ret_source_id, ret_transform, err);
}

firn_status
partition_fields_read(const jdoc *doc, const jvalue *array, firn_arena *arena, partition_spec *ret_spec,
                      firn_error *err)
{
    size_t           count = jcount(array);
    partition_field *fields;

    if (jkind_of(array) != JARRAY || count > PARTITION_FIELDS_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition spec has no list of at most %d fields",
                         PARTITION_FIELDS_MAX);
    fields = firn_arena_array(arena, count + 1, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "a partition spec");
    for (size_t i = 0; i < count; i++) {
        const jvalue *value = jat(array, i);
        const char   *name;
        int64_t       field_id = PARTITION_ID_NONE + 1 + (int64_t) i; // v1 had none: given by position

        FIRN_TRY(partition_read_term(doc, value, &fields[i].source_id, &fields[i].transform, err));
        FIRN_TRY(jneed_text(doc, value, "name", &name, err));
        if (jget(value, "field-id")) FIRN_TRY(jneed_integer(doc, value, "field-id", &field_id, err));
        if (field_id < 1 || field_id > INT32_MAX)
            return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a partition field's field-id is no field id");
        fields[i].field_id = (int32_t) field_id;
        fields[i].name = firn_arena_strdup(arena, name);
        if (!fields[i].name) return firn_fail_memory(err, "a partition spec");
    }
    *ret_spec = (partition_spec){.field_count = (unsigned) count, .fields = fields};
    return FIRN_OK;
}

firn_status
partition_spec_read(const jdoc *doc, const jvalue *value, firn_arena *arena, partition_spec *ret_spec, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer raw = {0};
    const jvalue  *array;
    partition_spec spec;
    int64_t        spec_id;

    FIRN_TRY(jneed_integer(doc, value, "spec-id", &spec_id, err));
    if (spec_id < 0 || spec_id > INT32_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a spec-id is out of range");
    FIRN_TRY(jneed_array(doc, value, "fields", &array, err));
    FIRN_TRY(partition_fields_read(doc, array, arena, &spec, err));
    spec.spec_id = (int32_t) spec_id;
    firn_buffer_init(&raw, 16 << 20);
    FIRN_TRY(jvalue_add_text(value, &raw, err));
    spec.raw = firn_arena_text(arena, firn_buffer_slice(&raw));
    if (!spec.raw) return firn_fail_memory(err, "a partition spec");
    *ret_spec = spec;
    return FIRN_OK;
}

void
partition_fields_write(const partition_spec *spec, jwriter *w)
{
    char text[TRANSFORM_TEXT_MAX];

    jwrite_array(w);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const partition_field *field = &spec->fields[i];

        jwrite_object(w);
        jwrite_member_text(w, "name", field->name);
        if (field->transform.kind == TRANSFORM_UNKNOWN)
            snprintf(text, sizeof text, "void"); // no file is written for such a spec; its own JSON is `raw`
        else
            transform_format(field->transform, text);
        jwrite_member_text(w, "transform", text);
        jwrite_member_i64(w, "source-id", field->source_id);
        jwrite_member_i64(w, "field-id", field->field_id);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
}

void
partition_spec_write(const partition_spec *spec, jwriter *w)
{
    if (spec->raw) {
        jwrite_raw(w, spec->raw);
        return;
    }
    jwrite_object(w);
    jwrite_member_i64(w, "spec-id", spec->spec_id);
    jwrite_key(w, "fields");
    partition_fields_write(spec, w);
    jwrite_object_end(w);
}

/* ---- paths ---- */

/* application/x-www-form-urlencoded, as Java's URLEncoder: blank is +, and * stays. */
static firn_status
add_form_encoded(firn_buffer *out, firn_slice text, firn_error *err)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        char    escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool    plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                     c == '-' || c == '*' || c == '_';

        if (c == ' ')
            FIRN_TRY(firn_buffer_add_byte(out, '+', err));
        else if (plain)
            FIRN_TRY(firn_buffer_add_byte(out, c, err));
        else
            FIRN_TRY(firn_buffer_add(out, escape, 3, err));
    }
    return FIRN_OK;
}

/* A path says nothing to a reader, so a text too long for a folder's name is cut, with its hash behind it. */
static firn_status
add_path_part(firn_buffer *out, firn_slice text, firn_error *err)
{
    size_t start = out->size;

    FIRN_TRY(add_form_encoded(out, text, err));
    if (out->size - start <= PATH_VALUE_SIZE_MAX) return FIRN_OK;
    out->size = start + PATH_VALUE_SIZE_MAX - 16;
    for (unsigned k = 1; k <= 2; k++) { // not within an escape
        if (out->data[out->size - k] == '%') out->size -= k;
    }
    return firn_buffer_printf(out, err, "~%08x", murmur3_hash(text.data, text.size));
}

firn_status
partition_add_path(const partition_spec *spec, const table_schema *schema, const firn_slice values[], firn_buffer *out,
                   firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, SIZE_MAX / 2);
    for (unsigned i = 0; i < spec->field_count; i++) {
        const partition_field *field = &spec->fields[i];
        const schema_field    *source = schema_field_by_id(schema, field->source_id);

        firn_buffer_reset(&text);
        if (!source || field->transform.kind == TRANSFORM_UNKNOWN)
            FIRN_TRY(firn_buffer_add_text(&text, "null", err));
        else
            FIRN_TRY(transform_add_human(field->transform, source->type, values[i], &text, err));
        if (i > 0) FIRN_TRY(firn_buffer_add_byte(out, '/', err));
        FIRN_TRY(add_path_part(out, firn_slice_text(field->name), err));
        FIRN_TRY(firn_buffer_add_byte(out, '=', err));
        FIRN_TRY(add_path_part(out, firn_buffer_slice(&text), err));
    }
    return FIRN_OK;
}
