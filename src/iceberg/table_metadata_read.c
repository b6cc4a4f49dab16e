#include "iceberg/table_metadata_read.h"

#include "base/alloc.h"
#include "base/text.h"
#include "codec/compressor.h"
#include "iceberg/schema_json.h"
#include "storage/storage.h"

/* Far above what tables have, far below what would exhaust memory. */
#define SCHEMAS_MAX 100000
#define SNAPSHOTS_MAX 10000000
#define PROPERTIES_MAX 1000000

typedef struct parse {
    const jdoc     *doc;
    const jvalue   *root;
    table_metadata *m;
    firn_error     *err;
} parse;

static firn_status
no_memory(parse *p)
{
    return firn_fail_memory(p->err, "table metadata");
}

static firn_status
keep_text(parse *p, const char *text, const char **ret_text)
{
    *ret_text = firn_arena_strdup(&p->m->arena, text);
    return *ret_text ? FIRN_OK : no_memory(p);
}

static firn_status
keep_json(parse *p, const jvalue *value, const char **ret_text)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(jvalue_add_text(value, &text, p->err));
    *ret_text = firn_arena_text(&p->m->arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : no_memory(p);
}

static bool
has(parse *p, const char *key)
{
    return jkind_of(jget(p->root, key)) != JNULL;
}

/* A member in 0..max. */
static firn_status
need_count(parse *p, const jvalue *object, const char *key, int64_t max, int64_t *ret_value)
{
    FIRN_TRY(jneed_integer(p->doc, object, key, ret_value, p->err));
    if (*ret_value >= 0 && *ret_value <= max) return FIRN_OK;
    return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "'%s' is out of range: %lld", key, (long long) *ret_value);
}

static firn_status
need_i32(parse *p, const char *key, int32_t *ret_value)
{
    int64_t value;

    FIRN_TRY(need_count(p, p->root, key, INT32_MAX, &value));
    *ret_value = (int32_t) value;
    return FIRN_OK;
}

/* An array with room for its members; `size` is that of a member of ours. */
static firn_status
need_list(parse *p, const char *key, size_t max, size_t size, const jvalue **ret_array, void **ret_members)
{
    FIRN_TRY(jneed_array(p->doc, p->root, key, ret_array, p->err));
    if (jcount(*ret_array) > max)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "'%s' has more than %zu members", key, max);
    *ret_members = firn_arena_array(&p->m->arena, jcount(*ret_array) + 1, size);
    return *ret_members ? FIRN_OK : no_memory(p);
}

/* ---- the parts ---- */

static firn_status
read_head(parse *p)
{
    table_metadata *m = p->m;
    const char     *text;
    int64_t         version;

    FIRN_TRY(jneed_integer(p->doc, p->root, "format-version", &version, p->err));
    if (version < 1) return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "format-version is %lld", (long long) version);
    if (version > 3) {
        (void) firn_fail(p->err, FIRN_E_ICEBERG_UNSUPPORTED, "the table has format version %lld", (long long) version);
        firn_hint(p->err, "firn reads versions 1 to 3 and writes 2 and 3");
        return p->err->status;
    }
    m->format_version = (int) version;
    if (has(p, "table-uuid") || version > 1) {
        FIRN_TRY(jneed_text(p->doc, p->root, "table-uuid", &text, p->err));
        FIRN_TRY(keep_text(p, text, &m->uuid));
    }
    FIRN_TRY(jneed_text(p->doc, p->root, "location", &text, p->err));
    FIRN_TRY(keep_text(p, text, &m->location));
    if (version > 1) FIRN_TRY(need_count(p, p->root, "last-sequence-number", INT64_MAX / 2, &m->last_sequence_number));
    FIRN_TRY(need_count(p, p->root, "last-updated-ms", INT64_MAX, &m->last_updated_ms));
    FIRN_TRY(need_i32(p, "last-column-id", &m->last_column_id));
    if (version > 2) FIRN_TRY(need_count(p, p->root, "next-row-id", INT64_MAX / 2, &m->next_row_id));
    return FIRN_OK;
}

/* A schema that is not the current one may have types that firn does not know: its text is kept. */
static firn_status
read_schema(parse *p, const jvalue *value, int64_t current_id, metadata_schema *ret_schema)
{
    firn_error      local = {0};
    metadata_schema s = {0};
    int64_t         id = 0;

    if (jget(value, "schema-id")) FIRN_TRY(need_count(p, value, "schema-id", INT32_MAX, &id));
    s.schema_id = (int32_t) id;
    FIRN_TRY(keep_json(p, value, &s.raw));
    if (schema_from_json(p->doc, value, &s.schema, &local) != FIRN_OK &&
        (local.status != FIRN_UNSUPPORTED || id == current_id)) {
        *p->err = local;
        return firn_while(p->err, "reading schema %lld", (long long) id);
    }
    *ret_schema = s;
    return FIRN_OK;
}

static firn_status
read_schemas(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *array, *old = jget(p->root, "schema");
    int64_t         current_id = 0;
    void           *room;

    if (!has(p, "schemas") && m->format_version == 1 && old) {
        m->schemas = firn_arena_array(&m->arena, 1, sizeof *m->schemas);
        if (!m->schemas) return no_memory(p);
        FIRN_TRY(read_schema(p, old, 0, (metadata_schema *) (uintptr_t) m->schemas));
        m->schema_count = 1;
        m->schema = m->schemas[0].schema;
        if (!m->schema) return firn_fail(p->err, FIRN_E_ICEBERG_UNSUPPORTED, "the schema has types that firn has not");
        return FIRN_OK;
    }
    FIRN_TRY(need_count(p, p->root, "current-schema-id", INT32_MAX, &current_id));
    FIRN_TRY(need_list(p, "schemas", SCHEMAS_MAX, sizeof *m->schemas, &array, &room));
    m->schemas = room;
    for (size_t i = 0; i < jcount(array); i++) {
        metadata_schema *s = (metadata_schema *) room + i;

        FIRN_TRY(read_schema(p, jat(array, i), current_id, s));
        m->schema_count++; // one by one: what was made is released when a later one fails
        if (s->schema_id == current_id) m->schema = s->schema;
    }
    if (!m->schema)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "current-schema-id %lld is not among the schemas",
                         (long long) current_id);
    return FIRN_OK;
}

static firn_status
read_specs(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *array;
    partition_spec *specs;
    int64_t         default_id = 0;
    void           *room;

    if (!has(p, "partition-specs") && m->format_version == 1) {
        specs = firn_arena_array(&m->arena, 1, sizeof *specs);
        if (!specs) return no_memory(p);
        FIRN_TRY(jneed_array(p->doc, p->root, "partition-spec", &array, p->err));
        FIRN_TRY(partition_fields_read(p->doc, array, &m->arena, specs, p->err));
        m->spec_count = 1;
    } else {
        FIRN_TRY(need_count(p, p->root, "default-spec-id", INT32_MAX, &default_id));
        FIRN_TRY(need_list(p, "partition-specs", SCHEMAS_MAX, sizeof *specs, &array, &room));
        specs = room;
        m->spec_count = (unsigned) jcount(array);
        for (unsigned i = 0; i < m->spec_count; i++)
            FIRN_TRY(partition_spec_read(p->doc, jat(array, i), &m->arena, &specs[i], p->err));
    }
    m->specs = specs;
    m->default_spec = table_metadata_spec_by_id(m, (int32_t) default_id);
    if (!m->default_spec)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "default-spec-id %lld is not among the partition specs",
                         (long long) default_id);
    m->last_partition_id = PARTITION_ID_NONE;
    for (unsigned i = 0; i < m->spec_count; i++) {
        for (unsigned k = 0; k < specs[i].field_count; k++) {
            if (specs[i].fields[k].field_id > m->last_partition_id)
                m->last_partition_id = specs[i].fields[k].field_id;
        }
    }
    return has(p, "last-partition-id") || m->format_version > 1
               ? need_i32(p, "last-partition-id", &m->last_partition_id)
               : FIRN_OK;
}

static firn_status
read_sort_orders(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *array;
    sort_order     *orders;
    int64_t         default_id = 0;
    void           *room;

    if (!has(p, "sort-orders") && m->format_version == 1) {
        orders = firn_arena_array(&m->arena, 1, sizeof *orders); // order 0: unsorted
        if (!orders) return no_memory(p);
        m->sort_order_count = 1;
    } else {
        FIRN_TRY(need_count(p, p->root, "default-sort-order-id", INT32_MAX, &default_id));
        FIRN_TRY(need_list(p, "sort-orders", SCHEMAS_MAX, sizeof *orders, &array, &room));
        orders = room;
        m->sort_order_count = (unsigned) jcount(array);
        for (unsigned i = 0; i < m->sort_order_count; i++)
            FIRN_TRY(sort_order_read(p->doc, jat(array, i), &m->arena, &orders[i], p->err));
    }
    m->sort_orders = orders;
    for (unsigned i = 0; i < m->sort_order_count; i++) {
        if (orders[i].order_id == default_id) m->default_sort_order = &orders[i];
    }
    if (m->default_sort_order) return FIRN_OK;
    return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "default-sort-order-id %lld is not among the sort orders",
                     (long long) default_id);
}

static firn_status
read_properties(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *map;
    table_property *properties;

    if (!has(p, "properties")) return FIRN_OK;
    FIRN_TRY(jneed_object(p->doc, p->root, "properties", &map, p->err));
    if (jcount(map) > PROPERTIES_MAX)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "there are too many properties");
    properties = firn_arena_array(&m->arena, jcount(map) + 1, sizeof *properties);
    if (!properties) return no_memory(p);
    for (size_t i = 0; i < jcount(map); i++) {
        const char *text = jtext(jvalue_at(map, i));

        if (!text)
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "property '%.60s' is not a text", jkey_at(map, i));
        FIRN_TRY(keep_text(p, jkey_at(map, i), &properties[i].key));
        FIRN_TRY(keep_text(p, text, &properties[i].value));
    }
    m->properties = properties;
    m->property_count = (unsigned) jcount(map);
    return FIRN_OK;
}

static firn_status
read_snapshots(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *array;
    snapshot       *snapshots;
    int64_t         current_id = -1;
    void           *room;

    if (has(p, "snapshots")) {
        FIRN_TRY(need_list(p, "snapshots", SNAPSHOTS_MAX, sizeof *snapshots, &array, &room));
        snapshots = room;
        m->snapshots = snapshots;
        m->snapshot_count = (unsigned) jcount(array);
        for (unsigned i = 0; i < m->snapshot_count; i++) {
            if (snapshot_read(p->doc, jat(array, i), m->format_version, &m->arena, &snapshots[i], p->err))
                return firn_while(p->err, "reading $.snapshots[%u]", i);
        }
    }
    if (has(p, "current-snapshot-id"))
        FIRN_TRY(jneed_integer(p->doc, p->root, "current-snapshot-id", &current_id, p->err));
    if (current_id == -1) return FIRN_OK; // as the reference implementation writes "none" in v1 and v2
    m->current_snapshot = table_metadata_snapshot_by_id(m, current_id);
    if (m->current_snapshot) return FIRN_OK;
    return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "current-snapshot-id %lld is not among the snapshots",
                     (long long) current_id);
}

static firn_status
read_refs(parse *p)
{
    table_metadata *m = p->m;
    const jvalue   *map = jget(p->root, "refs");
    size_t          count = jkind_of(map) == JOBJECT ? jcount(map) : 0;
    snapshot_ref   *refs;
    bool            has_main = false;

    if (count > SCHEMAS_MAX) return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "there are too many refs");
    refs = firn_arena_array(&m->arena, count + 1, sizeof *refs);
    if (!refs) return no_memory(p);
    for (size_t i = 0; i < count; i++) {
        if (snapshot_ref_read(p->doc, jkey_at(map, i), jvalue_at(map, i), &m->arena, &refs[i], p->err))
            return firn_while(p->err, "reading $.refs");
        if (strcmp(refs[i].name, "main") != 0) continue;
        has_main = true;
        if (!m->current_snapshot || m->current_snapshot->snapshot_id != refs[i].snapshot_id)
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA,
                             "the branch main and current-snapshot-id name different snapshots");
    }
    if (!has_main && m->current_snapshot)
        refs[count++] = (snapshot_ref){"main", m->current_snapshot->snapshot_id, true, -1, -1, -1};
    m->refs = refs;
    m->ref_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
read_logs(parse *p)
{
    table_metadata     *m = p->m;
    const jvalue       *array;
    snapshot_log_entry *snapshots;
    metadata_log_entry *files;
    const char         *text;
    void               *room;

    if (has(p, "snapshot-log")) {
        FIRN_TRY(need_list(p, "snapshot-log", SNAPSHOTS_MAX, sizeof *snapshots, &array, &room));
        snapshots = room;
        for (size_t i = 0; i < jcount(array); i++) {
            FIRN_TRY(jneed_integer(p->doc, jat(array, i), "timestamp-ms", &snapshots[i].timestamp_ms, p->err));
            FIRN_TRY(jneed_integer(p->doc, jat(array, i), "snapshot-id", &snapshots[i].snapshot_id, p->err));
        }
        m->snapshot_log = snapshots;
        m->snapshot_log_count = (unsigned) jcount(array);
    }
    if (has(p, "metadata-log")) {
        FIRN_TRY(need_list(p, "metadata-log", SNAPSHOTS_MAX, sizeof *files, &array, &room));
        files = room;
        for (size_t i = 0; i < jcount(array); i++) {
            FIRN_TRY(jneed_integer(p->doc, jat(array, i), "timestamp-ms", &files[i].timestamp_ms, p->err));
            FIRN_TRY(jneed_text(p->doc, jat(array, i), "metadata-file", &text, p->err));
            FIRN_TRY(keep_text(p, text, &files[i].metadata_file));
        }
        m->metadata_log = files;
        m->metadata_log_count = (unsigned) jcount(array);
    }
    return FIRN_OK;
}

/* What firn writes from its own model; all else is carried through as text. */
static bool
is_modelled(const char *key)
{
    static const char *const keys[] = {
        "format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id",
        "schema", "schemas", "current-schema-id", "partition-spec", "partition-specs", "default-spec-id",
        "last-partition-id", "properties", "current-snapshot-id", "snapshots", "snapshot-log", "metadata-log",
        "sort-orders", "default-sort-order-id", "refs", "next-row-id",
    };

    for (unsigned i = 0; i < FIRN_COUNT(keys); i++) {
        if (strcmp(keys[i], key) == 0) return true;
    }
    return false;
}

static firn_status
read_members(parse *p)
{
    table_metadata  *m = p->m;
    size_t           count = jcount(p->root);
    metadata_member *members = firn_arena_array(&m->arena, count + 1, sizeof *members);

    if (!members) return no_memory(p);
    for (size_t i = 0; i < count; i++) {
        const char *key = jkey_at(p->root, i);

        if (is_modelled(key)) continue;
        FIRN_TRY(keep_text(p, key, &members[m->member_count].key));
        FIRN_TRY(keep_json(p, jvalue_at(p->root, i), &members[m->member_count].raw));
        m->member_count++;
    }
    m->members = members;
    return FIRN_OK;
}

static firn_status
read_all(parse *p)
{
    if (jkind_of(p->root) != JOBJECT)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "table metadata is not a JSON object");
    FIRN_TRY(read_head(p));
    FIRN_TRY(read_schemas(p));
    FIRN_TRY(read_specs(p));
    FIRN_TRY(read_sort_orders(p));
    FIRN_TRY(read_properties(p));
    FIRN_TRY(read_snapshots(p));
    FIRN_TRY(read_refs(p));
    FIRN_TRY(read_logs(p));
    return read_members(p);
}

firn_status
table_metadata_read(firn_slice json, const char *location, table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    parse p;

    FIRN_TRY(jdoc_parse(json, location ? location : "table metadata", &doc, err));
    m = firn_calloc(1, sizeof *m);
    if (!m) return firn_fail_memory(err, "table metadata");
    m->reference_count = 1;
    // The parts are copies of what the text says; the kept texts double it, small members cost their structs.
    firn_arena_init(&m->arena, json.size * 64 + (1 << 20));
    p = (parse){doc, jdoc_root(doc), m, err};
    if (read_all(&p)) return firn_while(err, "reading the table metadata '%s'", location ? location : "");
    if (location) FIRN_TRY(keep_text(&p, location, &m->metadata_location));
    *ret_metadata = FIRN_STEAL(m);
    return FIRN_OK;
}

firn_status
table_metadata_load(storage *files, const char *location, table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer plain = {0};
    FIRN_AUTO(decompressor_freep) decompressor *gzip = NULL;

    firn_buffer_init(&bytes, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(storage_read_all(files, location, &bytes, err));
    if (!text_ends_with(location, ".gz.metadata.json") && !text_ends_with(location, ".metadata.json.gz"))
        return table_metadata_read(firn_buffer_slice(&bytes), location, ret_metadata, err);

    firn_buffer_init(&plain, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(decompressor_new(CODEC_GZIP, &gzip, err));
    if (decompressor_decompress_all(gzip, firn_buffer_slice(&bytes), &plain, err))
        return firn_while(err, "reading the table metadata '%s'", location);
    return table_metadata_read(firn_buffer_slice(&plain), location, ret_metadata, err);
}
