#include "load/split_line.h"

#include "base/hash.h"
#include "iceberg/schema_json.h"
#include "storage/location.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 4096
#define TABLE_COUNT_MAX 1000000u

void
split_line_done(split_line *line)
{
    schema_unref(line->schema);
    *line = (split_line){0};
}

/* ---- what must not differ ---- */

split_base
split_base_of(const table_metadata *base)
{
    const snapshot *current = base ? table_metadata_current_snapshot(base) : NULL;
    const char     *uuid = base ? table_metadata_uuid(base) : NULL;

    if (!base) return (split_base){.snapshot_id = -1};
    return (split_base){.exists = true,
                        .uuid = uuid ? uuid : "",
                        .snapshot_id = current ? current->snapshot_id : -1,
                        .schema_id = table_metadata_schema(base)->schema_id,
                        .spec_id = table_metadata_default_spec(base)->spec_id,
                        .sort_order_id = table_metadata_default_sort_order(base)->order_id};
}

bool
split_base_equal(const split_base *a, const split_base *b)
{
    if (a->exists != b->exists) return false;
    return !a->exists ||
           (strcmp(a->uuid, b->uuid) == 0 && a->snapshot_id == b->snapshot_id && a->schema_id == b->schema_id &&
            a->spec_id == b->spec_id && a->sort_order_id == b->sort_order_id);
}

static uint64_t
mix_number(uint64_t hash, uint64_t number)
{
    return firn_hash_u64(hash * 31 + number + 1);
}

static uint64_t
mix_text(uint64_t hash, const char *text)
{
    return mix_number(hash, text ? firn_hash_bytes(text, strlen(text)) : 0);
}

static uint64_t
mix_texts(uint64_t hash, const char *const texts[], unsigned count)
{
    hash = mix_number(hash, count);
    for (unsigned i = 0; i < count; i++)
        hash = mix_text(hash, texts[i]);
    return hash;
}

void
split_settings_fingerprint(const load_settings *settings, const load_table_config *config, char out[17])
{
    const table_rules *rules = &config->rules;
    uint64_t           hash = mix_text(1, settings->schema_name);

    hash = mix_texts(hash, settings->namespace_levels, settings->namespace_level_count);
    hash = mix_number(hash, rules->policy);
    hash = mix_number(hash, rules->unbounded_numeric);
    hash = mix_number(hash, rules->unbounded_precision);
    hash = mix_number(hash, rules->unbounded_scale);
    hash = mix_number(hash, rules->time_as_string);
    hash = mix_number(hash, rules->column_count);
    for (unsigned i = 0; i < rules->column_count; i++) {
        hash = mix_text(hash, rules->columns[i].column);
        hash = mix_number(hash, rules->columns[i].excluded);
        hash = mix_number(hash, rules->columns[i].has_policy ? 1u + rules->columns[i].policy : 0);
    }
    hash = mix_texts(hash, rules->key, rules->key_count);
    hash = mix_texts(hash, config->partition_by, config->partition_by_count);
    hash = mix_texts(hash, config->sort_by, config->sort_by_count);
    hash = mix_number(hash, (uint64_t) config->format_version);
    (void) snprintf(out, 17, "%016llx", (unsigned long long) hash);
}

static firn_status
add_schema(const table_schema *schema, firn_buffer *out, firn_error *err)
{
    jwriter w;

    firn_buffer_init(out, SPLIT_LINE_BYTES_MAX);
    jwrite_begin(&w, out, false, err);
    schema_to_json(schema, &w);
    return jwrite_end(&w);
}

firn_status
split_line_same_table(const split_line *a, const split_line *b, bool *ret_same, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer schema_a = {0}, schema_b = {0};

    FIRN_TRY(add_schema(a->schema, &schema_a, err));
    FIRN_TRY(add_schema(b->schema, &schema_b, err));
    *ret_same = strcmp(a->table, b->table) == 0 && strcmp(a->settings, b->settings) == 0 &&
                split_base_equal(&a->base, &b->base) && location_equal(a->data_location, b->data_location) &&
                firn_slice_equal(firn_buffer_slice(&schema_a), firn_buffer_slice(&schema_b));
    return FIRN_OK;
}

/* ---- out ---- */

static void
write_base(const split_base *base, jwriter *w)
{
    jwrite_key(w, "base");
    if (!base->exists) {
        jwrite_null(w);
        return;
    }
    jwrite_object(w);
    jwrite_member_text(w, "uuid", base->uuid);
    jwrite_member_i64(w, "snapshot", base->snapshot_id);
    jwrite_member_i64(w, "schema", base->schema_id);
    jwrite_member_i64(w, "spec", base->spec_id);
    jwrite_member_i64(w, "sort", base->sort_order_id);
    jwrite_object_end(w);
}

void
split_line_write_task(const split_line *line, jwriter *w)
{
    char commit[UUID_TEXT_SIZE];

    uuid_format(line->commit_id, commit);
    jwrite_member_text(w, "plan", line->plan);
    jwrite_member_text(w, "source", line->source);
    jwrite_member_text(w, "schema_name", line->schema_name);
    jwrite_member_text(w, "identity", line->point.identity);
    jwrite_member_text(w, "position", line->point.position);
    jwrite_member_bool(w, "exact", line->point.exact);
    jwrite_member_text(w, "snapshot", line->point.snapshot);
    if (line->point.visible[0]) jwrite_member_text(w, "visible", line->point.visible);
    jwrite_member_text(w, "table", line->table);
    jwrite_member_text(w, "comment", line->comment);
    jwrite_member_text(w, "commit", commit);
    jwrite_member_text(w, "settings", line->settings);
    write_base(&line->base, w);
    jwrite_member_bool(w, "replace", line->replace);
    jwrite_member_text(w, "data_location", line->data_location);
    jwrite_key(w, "schema");
    schema_to_json(line->schema, w);
    jwrite_member_text(w, "places", line->places);
    jwrite_member_i64(w, "relation", line->relation_id);
    jwrite_member_i64(w, "split", line->index);
    jwrite_member_i64(w, "of", line->count);
}

/* The object that was begun, its end and a newline. */
static firn_status
end_line(jwriter *w, firn_buffer *out, firn_error *err)
{
    jwrite_object_end(w);
    FIRN_TRY(jwrite_end(w));
    return firn_buffer_add_byte(out, '\n', err);
}

firn_status
split_line_add(const split_line *line, firn_buffer *out, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "type", "split");
    jwrite_member_i64(&w, "v", SPLIT_LINE_VERSION);
    split_line_write_task(line, &w);
    jwrite_member_i64(&w, "rows_estimate", (int64_t) line->row_estimate);
    jwrite_member_i64(&w, "bytes_estimate", (int64_t) line->size_bytes_estimate);
    jwrite_member_text(&w, "piece", line->piece);
    return end_line(&w, out, err);
}

firn_status
plan_end_add(const plan_end *end, firn_buffer *out, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "type", "plan_end");
    jwrite_member_i64(&w, "v", SPLIT_LINE_VERSION);
    jwrite_member_text(&w, "plan", end->plan);
    jwrite_member_text(&w, "source", end->source);
    jwrite_member_i64(&w, "splits", (int64_t) end->split_count);
    jwrite_key(&w, "tables");
    jwrite_array(&w);
    for (unsigned i = 0; i < end->table_count; i++) {
        jwrite_object(&w);
        jwrite_member_text(&w, "table", end->tables[i].table);
        jwrite_member_i64(&w, "splits", end->tables[i].split_count);
        jwrite_object_end(&w);
    }
    jwrite_array_end(&w);
    return end_line(&w, out, err);
}

/* ---- in ---- */

typedef struct line_parse {
    const jdoc *doc;
    firn_arena *arena;
    firn_error *err;
} line_parse;

static firn_status
fail_member(const line_parse *p, const char *key)
{
    return firn_fail(p->err, FIRN_E_JSON_CORRUPT, "'%s' of a line of a plan is not in its range", key);
}

static firn_status
take_text(const line_parse *p, const jvalue *object, const char *key, size_t size_max, const char **ret_text)
{
    const char *text = NULL;

    FIRN_TRY(jneed_text(p->doc, object, key, &text, p->err));
    if (strlen(text) > size_max) return fail_member(p, key);
    *ret_text = firn_arena_strdup(p->arena, text);
    return *ret_text ? FIRN_OK : firn_fail_memory(p->err, "a line of a plan");
}

/* null and absent: NULL. */
static firn_status
take_optional(const line_parse *p, const jvalue *object, const char *key, const char **ret_text)
{
    const jvalue *value = jget(object, key);

    *ret_text = NULL;
    if (!value || jkind_of(value) == JNULL) return FIRN_OK;
    return take_text(p, object, key, SPLIT_LINE_BYTES_MAX, ret_text);
}

static firn_status
take_number(const line_parse *p, const jvalue *object, const char *key, int64_t least, int64_t most, int64_t *ret_value)
{
    FIRN_TRY(jneed_integer(p->doc, object, key, ret_value, p->err));
    return *ret_value < least || *ret_value > most ? fail_member(p, key) : FIRN_OK;
}

static firn_status
take_bool(const line_parse *p, const jvalue *object, const char *key, bool *ret_value)
{
    return jbool(jget(object, key), ret_value) ? FIRN_OK : fail_member(p, key);
}

/* Into an array of a struct: a text that does not fit is none of ours. */
static firn_status
take_small(const line_parse *p, const jvalue *object, const char *key, char out[], size_t size)
{
    const char *text = NULL;

    FIRN_TRY(take_text(p, object, key, size - 1, &text));
    (void) snprintf(out, size, "%s", text);
    return FIRN_OK;
}

/* Ids become parts of file names. */
static firn_status
take_uuid(const line_parse *p, const jvalue *object, const char *key, const char **ret_text, firn_uuid *ret_uuid)
{
    FIRN_TRY(take_text(p, object, key, UUID_TEXT_SIZE, ret_text));
    return uuid_parse(firn_slice_text(*ret_text), ret_uuid) ? FIRN_OK : fail_member(p, key);
}

static firn_status
take_base(const line_parse *p, const jvalue *root, split_base *ret_base)
{
    const jvalue *value = jget(root, "base");
    int64_t       schema = 0, spec = 0, sort = 0;

    *ret_base = (split_base){.snapshot_id = -1};
    if (!value) return fail_member(p, "base");
    if (jkind_of(value) == JNULL) return FIRN_OK;
    ret_base->exists = true;
    FIRN_TRY(take_text(p, value, "uuid", NAME_BYTES_MAX, &ret_base->uuid));
    FIRN_TRY(take_number(p, value, "snapshot", -1, INT64_MAX, &ret_base->snapshot_id));
    FIRN_TRY(take_number(p, value, "schema", INT32_MIN, INT32_MAX, &schema));
    FIRN_TRY(take_number(p, value, "spec", INT32_MIN, INT32_MAX, &spec));
    FIRN_TRY(take_number(p, value, "sort", INT32_MIN, INT32_MAX, &sort));
    ret_base->schema_id = (int32_t) schema;
    ret_base->spec_id = (int32_t) spec;
    ret_base->sort_order_id = (int32_t) sort;
    return FIRN_OK;
}

static firn_status
take_names(const line_parse *p, const jvalue *root, split_line *line)
{
    const char *commit = NULL, *visible = NULL;
    firn_uuid   plan_id;

    FIRN_TRY(take_uuid(p, root, "plan", &line->plan, &plan_id));
    FIRN_TRY(take_uuid(p, root, "commit", &commit, &line->commit_id));
    FIRN_TRY(take_text(p, root, "source", NAME_BYTES_MAX, &line->source));
    FIRN_TRY(take_text(p, root, "schema_name", NAME_BYTES_MAX, &line->schema_name));
    FIRN_TRY(take_text(p, root, "table", NAME_BYTES_MAX, &line->table));
    FIRN_TRY(take_optional(p, root, "comment", &line->comment));
    FIRN_TRY(take_optional(p, root, "places", &line->places));
    FIRN_TRY(take_text(p, root, "settings", 16, &line->settings));
    FIRN_TRY(take_text(p, root, "data_location", NAME_BYTES_MAX, &line->data_location));
    FIRN_TRY(take_small(p, root, "identity", line->point.identity, sizeof line->point.identity));
    FIRN_TRY(take_small(p, root, "position", line->point.position, sizeof line->point.position));
    FIRN_TRY(take_small(p, root, "snapshot", line->point.snapshot, sizeof line->point.snapshot));
    FIRN_TRY(take_optional(p, root, "visible", &visible));
    if (visible && strlen(visible) < sizeof line->point.visible)
        (void) snprintf(line->point.visible, sizeof line->point.visible, "%s", visible);
    return take_bool(p, root, "exact", &line->point.exact);
}

firn_status
split_line_read_task(const jdoc *doc, firn_arena *arena, split_line *ret_line, firn_error *err)
{
    FIRN_AUTO(split_line_done) split_line line = {0};
    const line_parse                      p = {doc, arena, err};
    const jvalue                         *root = jdoc_root(doc), *schema = NULL;
    int64_t                               index = 0, count = 0, relation = 0;

    FIRN_TRY(take_names(&p, root, &line));
    FIRN_TRY(take_base(&p, root, &line.base));
    FIRN_TRY(take_bool(&p, root, "replace", &line.replace));
    if (jget(root, "relation")) FIRN_TRY(take_number(&p, root, "relation", 0, UINT32_MAX, &relation));
    FIRN_TRY(take_number(&p, root, "of", 1, SPLIT_LINE_COUNT_MAX, &count));
    FIRN_TRY(take_number(&p, root, "split", 0, count - 1, &index));
    FIRN_TRY(jneed_object(doc, root, "schema", &schema, err));
    FIRN_TRY(schema_from_json(doc, schema, &line.schema, err));
    line.relation_id = (uint32_t) relation;
    line.index = (unsigned) index;
    line.count = (unsigned) count;
    *ret_line = line;
    line = (split_line){0};
    return FIRN_OK;
}

firn_status
split_line_read(const jdoc *doc, firn_arena *arena, split_line *ret_line, firn_error *err)
{
    FIRN_AUTO(split_line_done) split_line line = {0};
    const line_parse                      p = {doc, arena, err};
    const jvalue                         *root = jdoc_root(doc);
    int64_t                               rows = 0, bytes = 0;

    FIRN_TRY(split_line_read_task(doc, arena, &line, err));
    FIRN_TRY(take_number(&p, root, "rows_estimate", 0, INT64_MAX, &rows));
    FIRN_TRY(take_number(&p, root, "bytes_estimate", 0, INT64_MAX, &bytes));
    FIRN_TRY(take_optional(&p, root, "piece", &line.piece));
    line.row_estimate = (uint64_t) rows;
    line.size_bytes_estimate = (uint64_t) bytes;
    *ret_line = line;
    line = (split_line){0};
    return FIRN_OK;
}

firn_status
plan_end_read(const jdoc *doc, firn_arena *arena, plan_end *ret_end, firn_error *err)
{
    const line_parse p = {doc, arena, err};
    const jvalue    *root = jdoc_root(doc), *tables = NULL;
    plan_end         end = {0};
    firn_uuid        plan_id;
    int64_t          count = 0;
    uint64_t         sum = 0;

    FIRN_TRY(take_uuid(&p, root, "plan", &end.plan, &plan_id));
    FIRN_TRY(take_text(&p, root, "source", NAME_BYTES_MAX, &end.source));
    FIRN_TRY(jneed_array(doc, root, "tables", &tables, err));
    if (jcount(tables) > TABLE_COUNT_MAX) return fail_member(&p, "tables");
    end.table_count = (unsigned) jcount(tables);
    end.tables = firn_arena_array(arena, end.table_count + 1, sizeof *end.tables);
    if (!end.tables) return firn_fail_memory(err, "the end of a plan");
    for (unsigned i = 0; i < end.table_count; i++) {
        FIRN_TRY(take_text(&p, jat(tables, i), "table", NAME_BYTES_MAX, &end.tables[i].table));
        FIRN_TRY(take_number(&p, jat(tables, i), "splits", 1, SPLIT_LINE_COUNT_MAX, &count));
        end.tables[i].split_count = (unsigned) count;
        sum += (uint64_t) count;
    }
    FIRN_TRY(take_number(&p, root, "splits", 0, INT64_MAX, &count));
    if (sum != (uint64_t) count) return fail_member(&p, "splits");
    end.split_count = sum;
    *ret_end = end;
    return FIRN_OK;
}

firn_status
split_line_parse(firn_slice text, uint64_t number, jdoc **ret_doc, line_kind *ret_kind, firn_error *err)
{
    static const char *const names[] = {
        [LINE_SPLIT] = "split", [LINE_PLAN_END] = "plan_end", [LINE_RESULT] = "result", [LINE_FAILED] = "failed"};
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    const char                 *type = NULL;
    char                        name[48];
    int64_t                     version = 0;

    (void) snprintf(name, sizeof name, "line %llu", (unsigned long long) number);
    FIRN_TRY(jdoc_parse(text, name, &doc, err));
    FIRN_TRY(jneed_text(doc, jdoc_root(doc), "type", &type, err));
    FIRN_TRY(jneed_integer(doc, jdoc_root(doc), "v", &version, err));
    if (version != SPLIT_LINE_VERSION) {
        (void) firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "%s is of version %lld of the plan's form, this firn knows %d",
                         name, (long long) version, SPLIT_LINE_VERSION);
        firn_hint(err, "use the same version of firn for plan, load-split and commit");
        return err->status;
    }
    for (unsigned i = 0; i < FIRN_COUNT(names); i++) {
        if (strcmp(type, names[i]) != 0) continue;
        *ret_kind = (line_kind) i;
        *ret_doc = FIRN_STEAL(doc);
        return FIRN_OK;
    }
    return firn_fail(err, FIRN_E_JSON_CORRUPT, "%s is of type '%.40s', which is no part of a plan or its results", name,
                     type);
}
