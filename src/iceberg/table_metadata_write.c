#include "iceberg/table_metadata_write.h"

#include "iceberg/schema_json.h"

static void
write_schemas(const table_metadata *m, jwriter *w)
{
    jwrite_member_i64(w, "current-schema-id", m->schema->schema_id);
    jwrite_key(w, "schemas");
    jwrite_array(w);
    for (unsigned i = 0; i < m->schema_count; i++) {
        if (m->schemas[i].raw)
            jwrite_raw(w, m->schemas[i].raw);
        else
            schema_to_json(m->schemas[i].schema, w);
    }
    jwrite_array_end(w);
}

static void
write_specs_and_orders(const table_metadata *m, jwriter *w)
{
    jwrite_member_i64(w, "default-spec-id", m->default_spec->spec_id);
    jwrite_key(w, "partition-specs");
    jwrite_array(w);
    for (unsigned i = 0; i < m->spec_count; i++) partition_spec_write(&m->specs[i], w);
    jwrite_array_end(w);
    jwrite_member_i64(w, "last-partition-id", m->last_partition_id);

    jwrite_member_i64(w, "default-sort-order-id", m->default_sort_order->order_id);
    jwrite_key(w, "sort-orders");
    jwrite_array(w);
    for (unsigned i = 0; i < m->sort_order_count; i++) sort_order_write(&m->sort_orders[i], w);
    jwrite_array_end(w);
}

static void
write_snapshots(const table_metadata *m, jwriter *w)
{
    if (m->current_snapshot) {
        jwrite_member_i64(w, "current-snapshot-id", m->current_snapshot->snapshot_id);
    } else if (m->format_version >= 3) {
        jwrite_key(w, "current-snapshot-id");
        jwrite_null(w);
    } else {
        jwrite_member_i64(w, "current-snapshot-id", -1); // older readers know no null here
    }
    if (m->format_version >= 3) jwrite_member_i64(w, "next-row-id", m->next_row_id);

    jwrite_key(w, "refs");
    jwrite_object(w);
    for (unsigned i = 0; i < m->ref_count; i++) {
        jwrite_key(w, m->refs[i].name);
        snapshot_ref_write(&m->refs[i], w);
    }
    jwrite_object_end(w);

    jwrite_key(w, "snapshots");
    jwrite_array(w);
    for (unsigned i = 0; i < m->snapshot_count; i++) snapshot_write(&m->snapshots[i], m->format_version, w);
    jwrite_array_end(w);
}

static void
write_logs(const table_metadata *m, jwriter *w)
{
    jwrite_key(w, "snapshot-log");
    jwrite_array(w);
    for (unsigned i = 0; i < m->snapshot_log_count; i++) {
        jwrite_object(w);
        jwrite_member_i64(w, "timestamp-ms", m->snapshot_log[i].timestamp_ms);
        jwrite_member_i64(w, "snapshot-id", m->snapshot_log[i].snapshot_id);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);

    jwrite_key(w, "metadata-log");
    jwrite_array(w);
    for (unsigned i = 0; i < m->metadata_log_count; i++) {
        jwrite_object(w);
        jwrite_member_i64(w, "timestamp-ms", m->metadata_log[i].timestamp_ms);
        jwrite_member_text(w, "metadata-file", m->metadata_log[i].metadata_file);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
}

firn_status
table_metadata_write(const table_metadata *m, firn_buffer *out, firn_error *err)
{
    jwriter w;

    assert(m->format_version >= 2);
    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_i64(&w, "format-version", m->format_version);
    jwrite_member_text(&w, "table-uuid", m->uuid);
    jwrite_member_text(&w, "location", m->location);
    jwrite_member_i64(&w, "last-sequence-number", m->last_sequence_number);
    jwrite_member_i64(&w, "last-updated-ms", m->last_updated_ms);
    jwrite_member_i64(&w, "last-column-id", m->last_column_id);
    write_schemas(m, &w);
    write_specs_and_orders(m, &w);
    jwrite_key(&w, "properties");
    jwrite_object(&w);
    for (unsigned i = 0; i < m->property_count; i++)
        jwrite_member_text(&w, m->properties[i].key, m->properties[i].value);
    jwrite_object_end(&w);
    write_snapshots(m, &w);
    write_logs(m, &w);
    for (unsigned i = 0; i < m->member_count; i++) {
        jwrite_key(&w, m->members[i].key);
        jwrite_raw(&w, m->members[i].raw);
    }
    jwrite_object_end(&w);
    return jwrite_end(&w);
}
