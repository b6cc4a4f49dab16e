#include "scan/partition_key.h"

#include <math.h>

#include "base/bytes.h"

static firn_status
add_value(const partition_spec *spec, unsigned index, const table_schema *schema, firn_slice value, firn_buffer *out,
          firn_error *err)
{
    data_type    type;
    single_value v;
    uint8_t      size[4];
    size_t       at;

    if (!value.data) return firn_buffer_add(out, "\xff\xff\xff\xff", 4, err);
    FIRN_TRY(firn_buffer_add(out, size, 4, err));
    at = out->size;
    if (partition_field_type(spec, index, schema, &type)) {
        FIRN_TRY(single_value_decode(&type, value, &v, err));
        if (isnan(v.real)) v.real = (double) NAN;
        FIRN_TRY(single_value_encode(&type, &v, out, err));
    } else { /* of a column that is gone, or of a transform that nobody knows */
        FIRN_TRY(firn_buffer_add(out, value.data, value.size, err));
    }
    store_le32(out->data + at - 4, (uint32_t) (out->size - at));
    return FIRN_OK;
}

firn_status
partition_key_add(const table_metadata *table, const data_file *file, firn_buffer *out, firn_error *err)
{
    const partition_spec *spec = table_metadata_spec_by_id(table, file->spec_id);
    uint8_t               id[4];

    if (!spec || spec->field_count != file->partition_count)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "'%s' belongs to partition spec %d, which the table has not",
                         file->path, (int) file->spec_id);
    store_le32(id, (uint32_t) file->spec_id);
    FIRN_TRY(firn_buffer_add(out, id, sizeof id, err));
    for (unsigned i = 0; i < spec->field_count; i++)
        FIRN_TRY(add_value(spec, i, table->schema, file->partition[i], out, err));
    return FIRN_OK;
}
