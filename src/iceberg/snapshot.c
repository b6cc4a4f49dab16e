#include "iceberg/snapshot.h"

#include "base/text.h"

#define MANIFESTS_MAX 1000000
#define SUMMARY_MAX 100000

const char *
snapshot_summary(const snapshot *s, const char *key)
{
    for (unsigned i = 0; i < s->summary_count; i++) {
        if (strcmp(s->summary[i].key, key) == 0) return s->summary[i].value;
    }
    return NULL;
}

static int64_t
total(const snapshot *s, const char *key)
{
    const char *text = s ? snapshot_summary(s, key) : "0";
    int64_t     number;

    return text && text_parse_i64(firn_slice_text(text), &number) && number >= 0 ? number : -1;
}

snapshot_totals
snapshot_totals_of(const snapshot *s)
{
    return (snapshot_totals){.records = total(s, "total-records"),
                             .data_files = total(s, "total-data-files"),
                             .delete_files = total(s, "total-delete-files"),
                             .deleted_rows = total(s, "total-position-deletes"),
                             .size_bytes = total(s, "total-files-size")};
}

static firn_status
keep_text(const char *text, firn_arena *arena, const char **ret_text, firn_error *err)
{
    *ret_text = firn_arena_strdup(arena, text);
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a snapshot");
}

/* An optional whole number; -1 where it is missing or null. */
static firn_status
read_optional(const jdoc *doc, const jvalue *object, const char *key, int64_t *ret_value, firn_error *err)
{
    *ret_value = -1;
    if (jkind_of(jget(object, key)) == JNULL) return FIRN_OK;
    return jneed_integer(doc, object, key, ret_value, err);
}

static firn_status
read_summary(const jvalue *value, firn_arena *arena, snapshot *s, firn_error *err)
{
    const jvalue   *map = jget(value, "summary");
    size_t          count = jkind_of(map) == JOBJECT ? jcount(map) : 0;
    table_property *entries;

    if (count > SUMMARY_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a snapshot's summary has too many entries");
    entries = firn_arena_array(arena, count + 1, sizeof *entries);
    if (!entries) return firn_fail_memory(err, "a snapshot");
    s->summary = entries;
    for (size_t i = 0; i < count; i++) {
        const char *key = jkey_at(map, i), *text = jtext(jvalue_at(map, i));

        if (!text) return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a snapshot's summary entry '%.60s' is no text", key);
        if (strcmp(key, "operation") == 0) {
            FIRN_TRY(keep_text(text, arena, &s->operation, err));
            continue;
        }
        FIRN_TRY(keep_text(key, arena, &entries[s->summary_count].key, err));
        FIRN_TRY(keep_text(text, arena, &entries[s->summary_count].value, err));
        s->summary_count++;
    }
    // As the reference implementation reads a summary without it.
    if (count > 0 && !s->operation) s->operation = "overwrite";
    return FIRN_OK;
}

static firn_status
read_manifests(const jdoc *doc, const jvalue *value, int format_version, firn_arena *arena, snapshot *s,
               firn_error *err)
{
    const jvalue *array;
    const char   *text;
    const char  **paths;
    size_t        count;

    if (jget(value, "manifest-list") || format_version > 1) {
        FIRN_TRY(jneed_text(doc, value, "manifest-list", &text, err));
        return keep_text(text, arena, &s->manifest_list, err);
    }
    FIRN_TRY(jneed_array(doc, value, "manifests", &array, err));
    count = jcount(array);
    if (count > MANIFESTS_MAX) return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a snapshot has too many manifests");
    paths = firn_arena_array(arena, count + 1, sizeof *paths);
    if (!paths) return firn_fail_memory(err, "a snapshot");
    for (size_t i = 0; i < count; i++) {
        text = jtext(jat(array, i));
        if (!text) return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a snapshot's list of manifests has no texts");
        FIRN_TRY(keep_text(text, arena, &paths[i], err));
    }
    s->manifests = paths;
    s->manifest_count = (unsigned) count;
    return FIRN_OK;
}

firn_status
snapshot_read(const jdoc *doc, const jvalue *value, int format_version, firn_arena *arena, snapshot *ret_snapshot,
              firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer raw = {0};
    snapshot s = {0};
    int64_t  schema_id;

    FIRN_TRY(jneed_integer(doc, value, "snapshot-id", &s.snapshot_id, err));
    FIRN_TRY(read_optional(doc, value, "parent-snapshot-id", &s.parent_id, err));
    FIRN_TRY(jneed_integer(doc, value, "timestamp-ms", &s.timestamp_ms, err));
    if (jget(value, "sequence-number")) // missing is 0, also in v2: the reference implementation leaves a 0 out
        FIRN_TRY(jneed_integer(doc, value, "sequence-number", &s.sequence_number, err));
    FIRN_TRY(read_optional(doc, value, "schema-id", &schema_id, err));
    FIRN_TRY(read_optional(doc, value, "first-row-id", &s.first_row_id, err));
    FIRN_TRY(read_optional(doc, value, "added-rows", &s.added_rows, err));
    if (s.sequence_number < 0 || schema_id < -1 || schema_id > INT32_MAX || s.first_row_id < -1 || s.added_rows < -1)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "snapshot %lld has a number out of range",
                         (long long) s.snapshot_id);
    s.schema_id = (int32_t) schema_id;
    FIRN_TRY(read_manifests(doc, value, format_version, arena, &s, err));
    FIRN_TRY(read_summary(value, arena, &s, err));

    firn_buffer_init(&raw, 256 << 20);
    FIRN_TRY(jvalue_add_text(value, &raw, err));
    s.raw = firn_arena_text(arena, firn_buffer_slice(&raw));
    if (!s.raw) return firn_fail_memory(err, "a snapshot");
    *ret_snapshot = s;
    return FIRN_OK;
}

void
snapshot_write(const snapshot *s, int format_version, jwriter *w)
{
    if (s->raw) {
        jwrite_raw(w, s->raw);
        return;
    }
    assert(s->manifest_list && format_version >= 2);
    jwrite_object(w);
    jwrite_member_i64(w, "sequence-number", s->sequence_number);
    jwrite_member_i64(w, "snapshot-id", s->snapshot_id);
    if (s->parent_id != -1) jwrite_member_i64(w, "parent-snapshot-id", s->parent_id);
    jwrite_member_i64(w, "timestamp-ms", s->timestamp_ms);
    jwrite_key(w, "summary");
    jwrite_object(w);
    jwrite_member_text(w, "operation", s->operation);
    for (unsigned i = 0; i < s->summary_count; i++) jwrite_member_text(w, s->summary[i].key, s->summary[i].value);
    jwrite_object_end(w);
    jwrite_member_text(w, "manifest-list", s->manifest_list);
    if (s->schema_id >= 0) jwrite_member_i64(w, "schema-id", s->schema_id);
    if (format_version >= 3) {
        jwrite_member_i64(w, "first-row-id", s->first_row_id);
        jwrite_member_i64(w, "added-rows", s->added_rows);
    }
    jwrite_object_end(w);
}

firn_status
snapshot_ref_read(const jdoc *doc, const char *name, const jvalue *value, firn_arena *arena, snapshot_ref *ret_ref,
                  firn_error *err)
{
    snapshot_ref ref = {0};
    const char  *type;

    FIRN_TRY(jneed_integer(doc, value, "snapshot-id", &ref.snapshot_id, err));
    FIRN_TRY(jneed_text(doc, value, "type", &type, err));
    ref.is_branch = strcmp(type, "branch") == 0;
    if (!ref.is_branch && strcmp(type, "tag") != 0)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "ref '%.60s' has the type '%.40s'", name, type);
    FIRN_TRY(read_optional(doc, value, "min-snapshots-to-keep", &ref.min_snapshots_to_keep, err));
    FIRN_TRY(read_optional(doc, value, "max-snapshot-age-ms", &ref.max_snapshot_age_ms, err));
    FIRN_TRY(read_optional(doc, value, "max-ref-age-ms", &ref.max_ref_age_ms, err));
    FIRN_TRY(keep_text(name, arena, &ref.name, err));
    *ret_ref = ref;
    return FIRN_OK;
}

void
snapshot_ref_write(const snapshot_ref *ref, jwriter *w)
{
    jwrite_object(w);
    jwrite_member_i64(w, "snapshot-id", ref->snapshot_id);
    jwrite_member_text(w, "type", ref->is_branch ? "branch" : "tag");
    if (ref->min_snapshots_to_keep >= 0) jwrite_member_i64(w, "min-snapshots-to-keep", ref->min_snapshots_to_keep);
    if (ref->max_snapshot_age_ms >= 0) jwrite_member_i64(w, "max-snapshot-age-ms", ref->max_snapshot_age_ms);
    if (ref->max_ref_age_ms >= 0) jwrite_member_i64(w, "max-ref-age-ms", ref->max_ref_age_ms);
    jwrite_object_end(w);
}
