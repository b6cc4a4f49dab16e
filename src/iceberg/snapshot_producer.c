#include "iceberg/snapshot_producer.h"

#include "base/clock.h"
#include "iceberg/file_names.h"
#include "iceberg/manifest_list.h"
#include "iceberg/schema_json.h"
#include "iceberg/snapshot_files.h"
#include "iceberg/snapshot_removal.h"
#include "iceberg/table_metadata_write.h"

/*
 * The draft of the new version: its parts are the base's and new ones in the arena; only written, never given
 * away (what the caller gets is read back from the text, so that our own output passes the reader's checks).
 */
typedef struct producer {
    const table_change   *change;
    const table_metadata *base; /* NULL: a new table */
    struct storage       *files;
    firn_arena            arena;
    table_metadata        draft;
    table_schema         *schema; /* ours: a copy of the change's with its id, or NULL */
    const snapshot       *branch_head; /* what a new snapshot goes on from; NULL: nothing */
    firn_uuid             attempt;
    int64_t               now_ms;
} producer;

static void
producer_done(producer *p)
{
    schema_unref(p->schema);
    firn_arena_done(&p->arena);
}

/* A copy of `count` members with room for one more. */
static void *
copy_with_room(producer *p, const void *members, unsigned count, size_t size, firn_error *err)
{
    void *room = firn_arena_array(&p->arena, (size_t) count + 1, size);

    if (!room)
        (void) firn_fail_memory(err, "table metadata");
    else if (count)
        memcpy(room, members, count * size);
    return room;
}

/* ---- schema ---- */

static firn_status
schema_text(const table_schema *schema, firn_buffer *out, firn_error *err)
{
    jwriter w;

    firn_buffer_init(out, TABLE_METADATA_SIZE_MAX);
    jwrite_begin(&w, out, false, err);
    schema_to_json(schema, &w);
    return jwrite_end(&w);
}

/* Whether `a` with `b`'s id is `b`: then the table has it already. */
static firn_status
schema_is(const table_schema *a, const table_schema *b, bool *ret_same, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text_a = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text_b = {0};
    FIRN_AUTO(schema_unrefp) table_schema *renumbered = NULL;

    FIRN_TRY(schema_new(b->schema_id, a->fields, a->field_count, a->key_ids, a->key_count, false, &renumbered, err));
    FIRN_TRY(schema_text(renumbered, &text_a, err));
    FIRN_TRY(schema_text(b, &text_b, err));
    *ret_same = firn_slice_equal(firn_buffer_slice(&text_a), firn_buffer_slice(&text_b));
    return FIRN_OK;
}

static firn_status
set_schema(producer *p, firn_error *err)
{
    table_schema    *wanted = p->change->schema;
    table_metadata  *draft = &p->draft;
    metadata_schema *schemas;
    int32_t          next_id = 0;

    if (!wanted) {
        if (p->base) return FIRN_OK;
        return firn_fail(err, FIRN_E_BUG, "a new table was given no schema");
    }
    for (unsigned i = 0; i < draft->schema_count; i++) {
        bool same = false;

        if (draft->schemas[i].schema) FIRN_TRY(schema_is(wanted, draft->schemas[i].schema, &same, err));
        if (same) {
            draft->schema = draft->schemas[i].schema;
            return FIRN_OK;
        }
        if (draft->schemas[i].schema_id >= next_id) next_id = draft->schemas[i].schema_id + 1;
    }
    schemas = copy_with_room(p, draft->schemas, draft->schema_count, sizeof *schemas, err);
    if (!schemas) return err->status;
    FIRN_TRY(schema_new(next_id, wanted->fields, wanted->field_count, wanted->key_ids, wanted->key_count, false,
                        &p->schema, err));
    schemas[draft->schema_count++] = (metadata_schema){next_id, p->schema, NULL};
    draft->schemas = schemas;
    draft->schema = p->schema;
    if (p->schema->last_field_id > draft->last_column_id) draft->last_column_id = p->schema->last_field_id;
    return FIRN_OK;
}

/* Readers refuse a table whose partition fields or sort order refer to a column that is gone. */
static firn_status
check_sources(const table_metadata *draft, firn_error *err)
{
    const partition_spec *spec = draft->default_spec;
    const sort_order     *order = draft->default_sort_order;
    data_type             type;

    for (unsigned i = 0; i < spec->field_count; i++) {
        transform_kind kind = spec->fields[i].transform.kind;

        if (kind == TRANSFORM_VOID || kind == TRANSFORM_UNKNOWN) continue;
        if (!partition_field_type(spec, i, draft->schema, &type))
            return firn_fail(err, FIRN_E_ICEBERG_SCHEMA,
                             "the table is partitioned by '%s', whose column would go or change its type",
                             spec->fields[i].name);
    }
    for (unsigned i = 0; i < order->field_count; i++) {
        if (order->fields[i].transform.kind == TRANSFORM_UNKNOWN) continue;
        if (!schema_field_by_id(draft->schema, order->fields[i].source_id))
            return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "the table is sorted by a column (field id %d) that would go",
                             order->fields[i].source_id);
    }
    return FIRN_OK;
}

/* ---- a new table ---- */

static firn_status
begin_new(producer *p, const char *location, firn_error *err)
{
    table_metadata *draft = &p->draft;
    char           *uuid = firn_arena_alloc(&p->arena, UUID_TEXT_SIZE);

    if (!uuid) return firn_fail_memory(err, "table metadata");
    uuid_format(uuid_v4(), uuid);
    *draft = (table_metadata){.format_version = p->change->format_version ? p->change->format_version : 2};
    if (draft->format_version != 2 && draft->format_version != 3) {
        (void) firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "format_version %d cannot be written", draft->format_version);
        firn_hint(err, "use 2 or 3");
        return err->status;
    }
    draft->uuid = uuid;
    draft->location = location;
    return FIRN_OK;
}

static firn_status
set_layout(producer *p, firn_error *err)
{
    const table_change *change = p->change;
    table_metadata     *draft = &p->draft;
    partition_spec     *spec;
    sort_order         *order;

    if (p->base) return FIRN_OK;
    spec = firn_arena_alloc(&p->arena, sizeof *spec);
    order = firn_arena_alloc(&p->arena, sizeof *order);
    if (!spec || !order) return firn_fail_memory(err, "table metadata");
    FIRN_TRY(partition_spec_of_settings(change->partition_by, change->partition_by_count, draft->schema, &p->arena,
                                        spec, err));
    FIRN_TRY(sort_order_of_settings(change->sort_by, change->sort_by_count, draft->schema, &p->arena, order, err));
    draft->specs = draft->default_spec = spec;
    draft->spec_count = 1;
    draft->last_partition_id = PARTITION_ID_NONE + (int32_t) spec->field_count;
    draft->sort_orders = draft->default_sort_order = order;
    draft->sort_order_count = 1;
    return FIRN_OK;
}

/* ---- properties ---- */

static void
put_property(table_property properties[], unsigned *count, const char *key, const char *value)
{
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(properties[i].key, key) == 0) {
            properties[i].value = value;
            return;
        }
    }
    properties[(*count)++] = (table_property){key, value};
}

static void
remove_property(table_property properties[], unsigned *count, const char *key)
{
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(properties[i].key, key) != 0) continue;
        memmove(&properties[i], &properties[i + 1], (*count - i - 1) * sizeof *properties);
        (*count)--;
        return;
    }
}

static firn_status
set_properties(producer *p, firn_error *err)
{
    /* Row-level changes by other writers should not rewrite files either; the rest are others' defaults, said. */
    static const table_property defaults[] = {
        {"write.parquet.compression-codec", "zstd"}, {"write.metadata.previous-versions-max", "100"},
        {"write.delete.mode", "merge-on-read"},      {"write.update.mode", "merge-on-read"},
        {"write.merge.mode", "merge-on-read"},
    };
    const table_change *change = p->change;
    table_metadata     *draft = &p->draft;
    unsigned            count = draft->property_count;
    table_property     *properties = firn_arena_array(
            &p->arena, (size_t) count + change->property_count + FIRN_COUNT(defaults) + 1, sizeof *properties);
    char *id = firn_arena_alloc(&p->arena, UUID_TEXT_SIZE);

    if (!properties || !id) return firn_fail_memory(err, "table properties");
    if (count) memcpy(properties, draft->properties, count * sizeof *properties);
    for (size_t i = 0; !p->base && i < FIRN_COUNT(defaults); i++)
        put_property(properties, &count, defaults[i].key, defaults[i].value);
    for (unsigned i = 0; i < change->property_count; i++)
        put_property(properties, &count, change->properties[i].key, change->properties[i].value);
    for (unsigned i = 0; i < change->removed_property_count; i++)
        remove_property(properties, &count, change->removed_properties[i]);
    uuid_format(change->commit_id, id);
    put_property(properties, &count, TABLE_COMMIT_ID_KEY, id);
    draft->properties = properties;
    draft->property_count = count;
    return FIRN_OK;
}

/* ---- snapshot ---- */

static int64_t
new_snapshot_id(const table_metadata *draft)
{
    for (;;) {
        int64_t id = (int64_t) (firn_random_u64() & INT64_MAX);

        if (id > 0 && !table_metadata_snapshot_by_id(draft, id)) return id;
    }
}

/* As the reference implementation's rewriting of manifests tells it. */
#define MERGE_COUNTS 4
static firn_status
put_merge_counts(producer *p, const snapshot_files *made, table_property summary[], unsigned *count, firn_error *err)
{
    const struct {
        const char *key;
        int64_t     value;
    } facts[MERGE_COUNTS] = {{"manifests-created", made->merge_result_count},
                             {"manifests-kept", (int64_t) made->manifest_count - made->merge_result_count},
                             {"manifests-replaced", made->merged_manifest_count},
                             {"entries-processed", made->merged_entry_count}};

    for (unsigned i = 0; i < MERGE_COUNTS; i++) {
        const char *text = firn_arena_printf(&p->arena, "%lld", (long long) facts[i].value);

        if (!text) return firn_fail_memory(err, "a snapshot's summary");
        put_property(summary, count, facts[i].key, text);
    }
    return FIRN_OK;
}

static firn_status
set_summary(producer *p, const snapshot_files *made, snapshot *s, firn_error *err)
{
    const table_change *change = p->change;
    table_property      counts[SUMMARY_COUNTS_ENTRIES_MAX];
    unsigned            count_of_counts, count = 0;
    table_property     *summary;

    FIRN_TRY(summary_counts_entries(&made->counts, made->parent, &p->arena, counts, &count_of_counts, err));
    summary = firn_arena_array(&p->arena, (size_t) change->summary_count + count_of_counts + 2 + MERGE_COUNTS, sizeof *summary);
    if (!summary) return firn_fail_memory(err, "a snapshot's summary");
    put_property(summary, &count, TABLE_COMMIT_ID_KEY, table_metadata_property(&p->draft, TABLE_COMMIT_ID_KEY));
    put_property(summary, &count, "engine-name", "firn");
    for (unsigned i = 0; i < change->summary_count; i++)
        put_property(summary, &count, change->summary[i].key, change->summary[i].value);
    for (unsigned i = 0; i < count_of_counts; i++) put_property(summary, &count, counts[i].key, counts[i].value);
    if (made->merged_manifest_count) FIRN_TRY(put_merge_counts(p, made, summary, &count, err));
    remove_property(summary, &count, "operation"); // has a place of its own
    s->summary = summary;
    s->summary_count = count;
    return FIRN_OK;
}

static firn_status
set_ref(producer *p, const char *name, int64_t snapshot_id, firn_error *err)
{
    table_metadata *draft = &p->draft;
    snapshot_ref   *refs = copy_with_room(p, draft->refs, draft->ref_count, sizeof *refs, err);
    unsigned        at = 0;

    if (!refs) return err->status;
    while (at < draft->ref_count && strcmp(refs[at].name, name) != 0) at++;
    if (at == draft->ref_count) {
        refs[at] = (snapshot_ref){name, 0, true, -1, -1, -1};
        draft->ref_count++;
    }
    refs[at].snapshot_id = snapshot_id;
    draft->refs = refs;
    return FIRN_OK;
}

/* main, and with it the table, stands at one of the draft's snapshots from now on. */
static firn_status
set_current(producer *p, const snapshot *s, firn_error *err)
{
    table_metadata     *draft = &p->draft;
    snapshot_log_entry *log = copy_with_room(p, draft->snapshot_log, draft->snapshot_log_count, sizeof *log, err);

    if (!log) return err->status;
    draft->current_snapshot = s;
    log[draft->snapshot_log_count++] = (snapshot_log_entry){p->now_ms, s->snapshot_id};
    draft->snapshot_log = log;
    return set_ref(p, "main", s->snapshot_id, err);
}

/* The new snapshot becomes a branch's head. */
static firn_status
put_snapshot(producer *p, const snapshot *s, firn_error *err)
{
    table_metadata *draft = &p->draft;
    snapshot       *snapshots = copy_with_room(p, draft->snapshots, draft->snapshot_count, sizeof *snapshots, err);
    int64_t         current_id = draft->current_snapshot ? draft->current_snapshot->snapshot_id : -1;

    if (!snapshots) return err->status;
    snapshots[draft->snapshot_count++] = *s;
    draft->snapshots = snapshots;
    draft->current_snapshot = table_metadata_snapshot_by_id(draft, current_id);
    draft->last_sequence_number = s->sequence_number;
    if (p->change->branch) return set_ref(p, p->change->branch, s->snapshot_id, err);
    return set_current(p, &snapshots[draft->snapshot_count - 1], err);
}

static firn_status
write_snapshot(producer *p, snapshot_files *made, firn_error *err)
{
    table_metadata       *draft = &p->draft;
    int64_t               next_row_id = draft->next_row_id;
    manifest_list_options list;
    snapshot              s;

    s = (snapshot){
        .snapshot_id = made->snapshot_id,
        .parent_id = made->parent ? made->parent->snapshot_id : -1,
        .sequence_number = draft->last_sequence_number + 1,
        .timestamp_ms = p->now_ms,
        .operation = p->change->operation,
        .schema_id = draft->schema->schema_id,
        .first_row_id = -1,
        .added_rows = -1,
    };
    FIRN_TRY(snapshot_files_make(made, err));
    s.manifest_list = file_name_manifest_list(&p->arena, draft->location, s.snapshot_id, p->attempt);
    if (!s.manifest_list) return firn_fail_memory(err, "a manifest list's name");
    if (draft->format_version >= 3) s.first_row_id = draft->next_row_id;
    list =
        (manifest_list_options){draft->format_version, s.snapshot_id, s.parent_id, s.sequence_number, s.first_row_id};
    FIRN_TRY(manifest_list_write(p->files, s.manifest_list, &list, made->manifests, made->manifest_count, &next_row_id,
                                 err));
    if (draft->format_version >= 3) {
        s.added_rows = next_row_id - draft->next_row_id;
        draft->next_row_id = next_row_id;
    }
    FIRN_TRY(set_summary(p, made, &s, err));
    return put_snapshot(p, &s, err);
}

/* Where a new snapshot goes on from. A merged branch is main from here on; it says so in the log only where no snapshot
 * of this commit's follows. */
static firn_status
find_branch_head(producer *p, firn_error *err)
{
    const table_change *change = p->change;
    table_metadata     *draft = &p->draft;
    const snapshot     *head;

    if (change->merged_branch) {
        head = table_metadata_ref_snapshot(draft, change->merged_branch);
        if (!head || (draft->current_snapshot &&
                      !table_metadata_descends_from(draft, head, draft->current_snapshot->snapshot_id)))
            return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "branch '%s' %s", change->merged_branch,
                             head ? "does not go on from the table's current snapshot" : "is not there");
        if (change->operation) draft->current_snapshot = head;
        else
            FIRN_TRY(set_current(p, head, err));
        p->branch_head = head;
        return FIRN_OK;
    }
    head = change->branch ? table_metadata_ref_snapshot(draft, change->branch) : NULL;
    p->branch_head = head ? head : draft->current_snapshot;
    return FIRN_OK;
}

static firn_status
add_snapshot(producer *p, firn_error *err)
{
    FIRN_AUTO(snapshot_files_done) snapshot_files made = {
        .files = p->files,
        .change = p->change,
        .table = &p->draft,
        .parent = p->branch_head,
        .attempt = p->attempt,
        .arena = &p->arena,
    };

    if (!p->change->operation) return FIRN_OK;
    made.snapshot_id = new_snapshot_id(&p->draft);
    return write_snapshot(p, &made, err);
}

/* ---- the whole ---- */

/* The log of older metadata files; "delete-after-commit" asks for files to be deleted, which only `maintain` does. */
static firn_status
log_base(producer *p, firn_error *err)
{
    table_metadata     *draft = &p->draft;
    metadata_log_entry *log;
    int64_t             max = table_metadata_property_i64(draft, "write.metadata.previous-versions-max", 100);

    if (!p->base || !p->base->metadata_location) return FIRN_OK;
    log = copy_with_room(p, draft->metadata_log, draft->metadata_log_count, sizeof *log, err);
    if (!log) return err->status;
    log[draft->metadata_log_count++] = (metadata_log_entry){p->base->last_updated_ms, p->base->metadata_location};
    if (max < 1) max = 1;
    if (draft->metadata_log_count > max) {
        log += draft->metadata_log_count - max;
        draft->metadata_log_count = (unsigned) max;
    }
    draft->metadata_log = log;
    return FIRN_OK;
}

static int64_t
not_before(int64_t now_ms, int64_t earlier_ms)
{
    return now_ms > earlier_ms || earlier_ms == INT64_MAX ? now_ms : earlier_ms + 1;
}

/* Readers refuse logs that go back in time, and time travel cannot tell two snapshots of one millisecond apart. */
static void
set_time(producer *p)
{
    const table_metadata *m = p->base;
    int64_t               now_ms = firn_clock_now_us() / 1000;

    if (m && now_ms < m->last_updated_ms) now_ms = m->last_updated_ms;
    if (m && m->snapshot_log_count > 0)
        now_ms = not_before(now_ms, m->snapshot_log[m->snapshot_log_count - 1].timestamp_ms);
    if (m && m->current_snapshot) now_ms = not_before(now_ms, m->current_snapshot->timestamp_ms);
    p->now_ms = now_ms;
}

static firn_status
begin_on_base(producer *p, firn_error *err)
{
    if (p->base->format_version < 2) {
        (void) firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "the table '%s' has format version 1", p->base->location);
        firn_hint(err, "upgrade it: ALTER TABLE … SET TBLPROPERTIES ('format-version'='2')");
        return err->status;
    }
    p->draft = *p->base;
    p->draft.arena = (firn_arena){0};
    return FIRN_OK;
}

firn_status
snapshot_produce(const table_change *change, const table_metadata *base, const char *location, struct storage *files,
                 firn_buffer *out, firn_error *err)
{
    if (base && base->viewed) base = base->viewed;
    FIRN_AUTO(producer_done) producer p = {.change = change, .base = base, .files = files, .attempt = uuid_v4()};

    FIRN_TRY(base ? begin_on_base(&p, err) : begin_new(&p, location, err));
    set_time(&p);
    FIRN_TRY(set_schema(&p, err));
    FIRN_TRY(set_layout(&p, err));
    FIRN_TRY(check_sources(&p.draft, err));
    FIRN_TRY(set_properties(&p, err));
    FIRN_TRY(log_base(&p, err));
    FIRN_TRY(find_branch_head(&p, err));
    FIRN_TRY(add_snapshot(&p, err));
    if (change->removed_snapshot_count || change->removed_ref_count || change->merged_branch)
        FIRN_TRY(snapshot_removal_apply(change, &p.draft, &p.arena, err));
    p.draft.last_updated_ms = p.now_ms;
    return table_metadata_write(&p.draft, out, err);
}
