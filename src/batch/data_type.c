#include <stdio.h>

#include "batch/schema.h"

/* Names as in the Iceberg spec, "Appendix C: JSON serialization"; formats as in Arrow's C data interface. */
static const struct {
    const char *name, *arrow;
    unsigned    value_size;
} kinds[] = {
    [TYPE_BOOLEAN] = {"boolean", "b", 0},
    [TYPE_INT] = {"int", "i", 4},
    [TYPE_LONG] = {"long", "l", 8},
    [TYPE_FLOAT] = {"float", "f", 4},
    [TYPE_DOUBLE] = {"double", "g", 8},
    [TYPE_DECIMAL] = {"decimal", "d", 0},
    [TYPE_DATE] = {"date", "tdD", 4},
    [TYPE_TIME] = {"time", "ttu", 8},
    [TYPE_TIMESTAMP] = {"timestamp", "tsu:", 8},
    [TYPE_TIMESTAMPTZ] = {"timestamptz", "tsu:UTC", 8},
    [TYPE_STRING] = {"string", "u", 0},
    [TYPE_UUID] = {"uuid", "w:16", 16},
    [TYPE_FIXED] = {"fixed", "w", 0},
    [TYPE_BINARY] = {"binary", "z", 0},
    [TYPE_STRUCT] = {"struct", "+s", 0},
    [TYPE_LIST] = {"list", "+l", 0},
    [TYPE_MAP] = {"map", "+m", 0},
};

bool
type_is_nested(type_kind kind)
{
    return kind == TYPE_STRUCT || kind == TYPE_LIST || kind == TYPE_MAP;
}

firn_status
data_type_format(const data_type *type, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, kinds[type->kind].name, err));
    if (type->kind == TYPE_DECIMAL) return firn_buffer_printf(out, err, "(%u, %u)", type->precision, type->scale);
    if (type->kind == TYPE_FIXED) return firn_buffer_printf(out, err, "[%u]", type->size_bytes);
    if (!type_is_nested(type->kind)) return FIRN_OK;

    FIRN_TRY(firn_buffer_add_byte(out, '<', err));
    for (unsigned i = 0; i < type->field_count; i++) {
        if (i > 0) FIRN_TRY(firn_buffer_add_text(out, ", ", err));
        if (type->kind == TYPE_STRUCT) {
            FIRN_TRY(firn_buffer_add_text(out, type->fields[i].name, err));
            FIRN_TRY(firn_buffer_add_text(out, ": ", err));
        }
        FIRN_TRY(data_type_format(type->fields[i].type, out, err));
    }
    return firn_buffer_add_byte(out, '>', err);
}

void
data_type_arrow_format(const data_type *type, char out[32])
{
    if (type->kind == TYPE_FIXED) {
        snprintf(out, 32, "w:%u", type->size_bytes);
    } else if (type->kind == TYPE_DECIMAL) {
        const char *width = type->precision <= 9 ? ",32" : type->precision <= 18 ? ",64" : "";
        snprintf(out, 32, "d:%u,%u%s", type->precision % 100, type->scale % 100, width);
    } else {
        snprintf(out, 32, "%s", kinds[type->kind].arrow);
    }
}

unsigned
data_type_value_size(const data_type *type)
{
    if (type->kind == TYPE_FIXED) return type->size_bytes;
    if (type->kind == TYPE_DECIMAL) return type->precision <= 9 ? 4 : type->precision <= 18 ? 8 : 16;
    return kinds[type->kind].value_size;
}
