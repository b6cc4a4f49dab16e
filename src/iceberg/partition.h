/*
 * Partition specs: how rows are cut into partitions (spec, "Partitioning").
 *
 * A spec's field ids start at 1000 and are never used again for another field; a table without
 * partition fields has 999 as its last partition id.
 */
#ifndef FIRN_ICEBERG_PARTITION_H
#define FIRN_ICEBERG_PARTITION_H

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "iceberg/transform.h"

#define PARTITION_ID_NONE 999
#define PARTITION_FIELDS_MAX 1000

typedef struct partition_field {
    int32_t     source_id, field_id;
    const char *name;
    transform   transform;
} partition_field;

typedef struct partition_spec {
    int32_t                spec_id;
    unsigned               field_count;
    const partition_field *fields;
    const char            *raw; /* the JSON as another writer wrote it; NULL: made here */
} partition_spec;

/* The type of field `index`'s values. A column that is gone from the schema has none: false. */
FIRN_MUST_USE bool partition_field_type(const partition_spec *spec, unsigned index, const table_schema *schema,
                                        data_type *ret_type);

/* The spec of settings as in sources.yaml, for a new table; names as Java gives them (ID, ID_bucket,
 * CREATED_month). Parts live in the arena. FIRN_USAGE (ICEBERG_SCHEMA): an unknown column (with the nearest
 * name), a transform that does not take the type, the same twice. */
FIRN_MUST_USE firn_status partition_spec_of_settings(const char *const settings[], unsigned setting_count,
                                                     const table_schema *schema, firn_arena *arena,
                                                     partition_spec *ret_spec, firn_error *err);

/* One setting: its transform and column. `what` is for messages: "partition_by", "sort_by". */
FIRN_MUST_USE firn_status partition_parse_setting(const char *setting, const char *what, const table_schema *schema,
                                                  transform *ret_transform, const schema_field **ret_source,
                                                  firn_error *err);

/* "transform" and "source-id" (or v3's "source-ids") of a partition or sort field. */
FIRN_MUST_USE firn_status partition_read_term(const jdoc *doc, const jvalue *value, int32_t *ret_source_id,
                                              transform *ret_transform, firn_error *err);
/* A member of "partition-specs"; `value` is the object. */
FIRN_MUST_USE firn_status partition_spec_read(const jdoc *doc, const jvalue *value, firn_arena *arena,
                                              partition_spec *ret_spec, firn_error *err);
/* Only the fields (v1's "partition-spec", the manifest's "partition-spec" metadata). */
FIRN_MUST_USE firn_status partition_fields_read(const jdoc *doc, const jvalue *array, firn_arena *arena,
                                                partition_spec *ret_spec, firn_error *err);
void partition_spec_write(const partition_spec *spec, jwriter *w);
/* Only the array of fields: the manifest's "partition-spec" metadata. */
void partition_fields_write(const partition_spec *spec, jwriter *w);

/* "CREATED_month=2024-01/ID_bucket=3", encoded as Java does; nothing for a spec without fields.
 * values[i].data == NULL: null. */
FIRN_MUST_USE firn_status partition_add_path(const partition_spec *spec, const table_schema *schema,
                                             const firn_slice values[], firn_buffer *out, firn_error *err);

#endif
