#include "iceberg/table_metadata.h"

#include "base/alloc.h"
#include "base/text.h"

table_metadata *
table_metadata_ref(table_metadata *m)
{
    __atomic_add_fetch(&m->reference_count, 1, __ATOMIC_RELAXED);
    return m;
}

void
table_metadata_unref(table_metadata *m)
{
    if (!m || __atomic_sub_fetch(&m->reference_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    if (m->viewed) {
        table_metadata_unref(m->viewed);
        firn_free(m);
        return;
    }
    for (unsigned i = 0; i < m->schema_count; i++) schema_unref(m->schemas[i].schema);
    firn_arena_done(&m->arena);
    firn_free(m);
}

int
table_metadata_format_version(const table_metadata *m)
{
    return m->format_version;
}

const char *
table_metadata_uuid(const table_metadata *m)
{
    return m->uuid;
}

const char *
table_metadata_location(const table_metadata *m)
{
    return m->location;
}

table_schema *
table_metadata_schema(const table_metadata *m)
{
    return m->schema;
}

table_schema *
table_metadata_schema_by_id(const table_metadata *m, int32_t schema_id)
{
    for (unsigned i = 0; i < m->schema_count; i++) {
        if (m->schemas[i].schema_id == schema_id) return m->schemas[i].schema;
    }
    return NULL;
}

const partition_spec *
table_metadata_default_spec(const table_metadata *m)
{
    return m->default_spec;
}

const partition_spec *
table_metadata_spec_by_id(const table_metadata *m, int32_t spec_id)
{
    for (unsigned i = 0; i < m->spec_count; i++) {
        if (m->specs[i].spec_id == spec_id) return &m->specs[i];
    }
    return NULL;
}

const sort_order *
table_metadata_default_sort_order(const table_metadata *m)
{
    return m->default_sort_order;
}

const char *
table_metadata_property(const table_metadata *m, const char *key)
{
    for (unsigned i = 0; i < m->property_count; i++) {
        if (strcmp(m->properties[i].key, key) == 0) return m->properties[i].value;
    }
    return NULL;
}

int64_t
table_metadata_property_i64(const table_metadata *m, const char *key, int64_t otherwise)
{
    const char *text = table_metadata_property(m, key);
    int64_t     value;

    return text && text_parse_i64(firn_slice_text(text), &value) ? value : otherwise;
}

const snapshot *
table_metadata_current_snapshot(const table_metadata *m)
{
    return m->current_snapshot;
}

const snapshot *
table_metadata_snapshot_by_id(const table_metadata *m, int64_t snapshot_id)
{
    for (unsigned i = m->snapshot_count; i > 0; i--) { // the newest are asked for most
        if (m->snapshots[i - 1].snapshot_id == snapshot_id) return &m->snapshots[i - 1];
    }
    return NULL;
}

const snapshot *
table_metadata_snapshot_as_of(const table_metadata *m, int64_t timestamp_ms)
{
    for (unsigned i = m->snapshot_log_count; i > 0; i--) {
        if (m->snapshot_log[i - 1].timestamp_ms <= timestamp_ms)
            return table_metadata_snapshot_by_id(m, m->snapshot_log[i - 1].snapshot_id);
    }
    return NULL;
}

const snapshot *
table_metadata_ref_snapshot(const table_metadata *m, const char *ref_name)
{
    for (unsigned i = 0; i < m->ref_count; i++) {
        if (strcmp(m->refs[i].name, ref_name) == 0) return table_metadata_snapshot_by_id(m, m->refs[i].snapshot_id);
    }
    return NULL;
}

bool
table_metadata_descends_from(const table_metadata *m, const snapshot *s, int64_t ancestor_id)
{
    /* Bounded: what another writer wrote may go in circles. */
    for (unsigned i = 0; s && i <= m->snapshot_count; i++) {
        if (s->snapshot_id == ancestor_id) return true;
        s = table_metadata_snapshot_by_id(m, s->parent_id);
    }
    return false;
}

table_metadata *
table_metadata_at_branch(table_metadata *m, const char *branch)
{
    const snapshot *head = table_metadata_ref_snapshot(m, branch);
    table_metadata *view;

    if (!head) return table_metadata_ref(m);
    if (!(view = firn_alloc(sizeof *view))) return NULL;
    *view = *m;
    view->arena = (firn_arena){0};
    view->viewed = table_metadata_ref(m);
    view->reference_count = 1;
    view->current_snapshot = head;
    return view;
}

int64_t
table_metadata_record_count(const table_metadata *m)
{
    return snapshot_totals_of(m->current_snapshot).records;
}
