#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/uuid.h"
#include "debezium/decoding.h"

/* ---- messages ---- */

static void
show_slice(firn_slice text, char *out, size_t size)
{
    size_t shown = text.size < size - 1 ? text_utf8_prefix(text.data, text.size < size - 1 ? text.size : size - 1, size) : size - 4;
    if (text.size >= size - 1)
        while (shown > 0 && (text.data[shown] & 0xC0) == 0x80) shown--;
    snprintf(out, size, "%.*s%s", (int) shown, (const char *) text.data, text.size > shown ? "..." : "");
}

void
dbz_value_show(const dbz_value *value, char *out, size_t size)
{
    switch (value->kind) {
    case DBZ_VALUE_BOOLEAN:
        snprintf(out, size, "%s", value->truth ? "true" : "false");
        return;
    case DBZ_VALUE_INTEGER:
        snprintf(out, size, "%lld", (long long) value->integer);
        return;
    case DBZ_VALUE_NUMBER:
    case DBZ_VALUE_TEXT:
        if (text_is_utf8(value->text.data, value->text.size)) {
            show_slice(value->text, out, size);
            return;
        }
        break;
    case DBZ_VALUE_REAL:
        snprintf(out, size, "%.17g", value->real);
        return;
    case DBZ_VALUE_DECIMAL:
        if (value->text.size && value->text.size <= 16) {
            char text[DECIMAL_TEXT_MAX + 64];
            if (value->scale >= 0 && value->scale <= DECIMAL_PRECISION_MAX) {
                decimal_format(decimal_load_be(value->text.data, value->text.size), value->scale, text);
                snprintf(out, size, "%s", text);
                return;
            }
        }
        break;
    case DBZ_VALUE_BYTES:
    case DBZ_VALUE_POINT:
    case DBZ_VALUE_GEOMETRY:
        break;
    }
    snprintf(out, size, "(%zu bytes)", value->text.size);
}

/* A token for people: strings without quotes. */
static void
show_token(firn_slice token, char *out, size_t size)
{
    if (token.size >= 2 && token.data[0] == '"') token = firn_slice_of(token.data + 1, token.size - 2);
    show_slice(token, out, size);
}

void
dbz_row_key(const dbz_row *row, char *out, size_t size)
{
    const table_schema *schema = row->description->schema;
    size_t              used = 0;
    if (schema->key_count == 0 || !row->tuple) {
        snprintf(out, size, "(no key)");
        return;
    }
    for (unsigned i = 0; i < schema->key_count; i++) {
        const schema_field *field = schema_field_by_id(schema, schema->key_ids[i]);
        int                 place = field ? change_relation_column(row->relation, field->name) : -1;
        char                text[128] = "null";
        tuple_value         value = {.kind = TUPLE_NULL};
        if (place >= 0) value = tuple_value_at(row->tuple, (unsigned) place);
        if (value.kind == TUPLE_TEXT) show_token(value.bytes, text, sizeof text);
        if (value.kind == TUPLE_BINARY) snprintf(text, sizeof text, "(%zu bytes)", value.bytes.size);
        int length = snprintf(out + used, size - used, "%s%s=%s", i ? ", " : "(", field ? field->name : "?", text);
        if (length < 0 || (size_t) length >= size - used) return;
        used += (size_t) length;
    }
    if (used + 2 <= size) memcpy(out + used, ")", 2);
}

static void
name_table(const dbz_row *row, char out[300])
{
    snprintf(out, 300, "%s.%s", row->relation->schema, row->relation->name);
}

static unfit_place
place_of(const dbz_row *row, const dbz_cell *cell, const char *qualified_name)
{
    return (unfit_place){
        .column = cell->column,
        .qualified_name = qualified_name,
        .table_name = row->relation->name,
        .config_file = row->rules ? row->rules->config_file : NULL,
        .source_name = row->rules ? row->rules->source_name : NULL,
    };
}

/* ---- what goes wrong ---- */

firn_status
dbz_settle(dbz_row *row, const dbz_cell *cell, unfit_remedy possible, const char *value, const char *problem, bool *ret_null,
           firn_error *err)
{
    char         key[200], table[300];
    unfit_answer answer = unfit_value_answer(cell->policy, cell->is_required, possible);
    *ret_null = answer == UNFIT_NULL;
    if (answer != UNFIT_FAILS) {
        row->coerced_count++;
        return FIRN_OK;
    }
    dbz_row_key(row, key, sizeof key);
    name_table(row, table);
    unfit_place place = place_of(row, cell, table);
    return unfit_value_fail(&place, value, key, problem, possible, cell->type->kind == TYPE_STRING, err);
}

/* Once for a column, however much of it is damaged. */
static firn_status
note_damage(dbz_row *row, const dbz_cell *cell, const char *loss, firn_error *err)
{
    const row_damage note = {row->number, cell->number, loss};
    const row_damage *last = row->damage.size ? (const row_damage *) (const void *) (row->damage.data + row->damage.size - sizeof note) : NULL;

    if (last && last->row == note.row && last->column == note.column) return FIRN_OK;
    return firn_buffer_add(&row->damage, &note, sizeof note, err);
}

firn_status
dbz_add_damaged(dbz_row *row, dbz_cell *cell, const char *loss, firn_error *err)
{
    char key[200];
    if (row->collects_damage) {
        FIRN_TRY(note_damage(row, cell, loss, err));
        return column_add_null(cell->builder, err);
    }
    if (cell->policy == POLICY_NULL && !cell->is_required) {
        row->coerced_count++;
        return column_add_null(cell->builder, err);
    }
    dbz_row_key(row, key, sizeof key);
    firn_fail(err, FIRN_E_VALUE_DAMAGED, "Debezium has lost what stands in column '%s' of '%s.%s', row %s: %s", cell->column,
              row->relation->schema, row->relation->name, key, loss);
    firn_hint(err, "in %s: tables.%s.types: {%s: null}, or exclude the column; follow: {reselect: true} reads it again from the source, follow: {from: postgres} has it",
              row->rules && row->rules->config_file ? row->rules->config_file : "sources.yaml", row->relation->name, cell->column);
    return err->status;
}

firn_status
dbz_fail_corrupt(const dbz_row *row, const dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    char shown[96], key[200];
    FIRN_AUTO(firn_buffer_done) firn_buffer type = {.size_bytes_max = 256};
    dbz_value_show(value, shown, sizeof shown);
    dbz_row_key(row, key, sizeof key);
    FIRN_TRY(data_type_format(cell->type, &type, err));
    return firn_fail(err, FIRN_E_VALUE_CORRUPT, "column '%s' of '%s.%s', row %s, has the value '%s', which is none of a column of type %.*s",
                     cell->column, row->relation->schema, row->relation->name, key, shown, (int) type.size, (const char *) type.data);
}

firn_status
dbz_fail_unclear(const dbz_row *row, const dbz_cell *cell, const char *readings, firn_error *err)
{
    firn_fail(err, FIRN_E_DEBEZIUM_FORM, "column '%s' of '%s.%s' has values that nothing says how to read: %s", cell->column,
              row->relation->schema, row->relation->name, readings);
    firn_hint(err, "make the source reachable, so that its types decide, or set value.converter.schemas.enable=true in the connector");
    return err->status;
}

/* ---- nulls ---- */

static bool
is_numeric(const dbz_form *form)
{
    return form->kind == DBZ_FORM_DECIMAL || form->kind == DBZ_FORM_VARIABLE_DECIMAL;
}

/* What else than a null arrives as one; NULL: nothing. */
static const char *
lost_by_null(const dbz_row *row, const dbz_cell *cell)
{
    const dbz_form *form = &cell->form;
    if (row->connector == DBZ_MYSQL && form->kind == DBZ_FORM_TIME && (form->is_connect || row->modes.times == DBZ_TIMES_CONNECT))
        return "a time beyond a day is null, too; time.precision.mode=microseconds keeps it";
    if (row->connector != DBZ_POSTGRES || cell->is_nested) return NULL;
    if (form->is_lost_null) return "a value of a type that include.unknown.datatypes=true would bring";
    if (cell->type->kind == TYPE_BINARY && (form->kind == DBZ_FORM_BYTES_TEXT || form->kind == DBZ_FORM_TEXT))
        return "a TOASTed value that an update left as it was is null, too; binary.handling.mode=bytes tells them apart";
    if (row->modes.trust_null_numbers) return NULL;
    if (is_numeric(form) && !form->is_money) return "NaN and infinity are null, too; decimal.handling.mode=string keeps them";
    if (form->is_of_numerics || (cell->type->kind == TYPE_LIST && cell->children[0].type->kind == TYPE_DECIMAL))
        return "an array of numeric with a NaN in it is null, too";
    return NULL;
}

firn_status
dbz_value_add_null(dbz_row *row, dbz_cell *cell, firn_error *err)
{
    const char *loss = lost_by_null(row, cell);
    if (FIRN_UNLIKELY(loss != NULL)) return dbz_add_damaged(row, cell, loss, err);
    if (FIRN_UNLIKELY(cell->is_required)) {
        char key[200], table[300];
        dbz_row_key(row, key, sizeof key);
        name_table(row, table);
        unfit_place place = place_of(row, cell, table);
        return unfit_null_fail(&place, key, err);
    }
    return column_add_null(cell->builder, err);
}

firn_status
dbz_list_end(dbz_row *row, dbz_cell *cell, size_t count, size_t null_count, bool *ret_lost, firn_error *err)
{
    (void) cell;
    (void) err;
    *ret_lost = row->connector == DBZ_POSTGRES && count > 0 && null_count == count;
    return FIRN_OK;
}

/* ---- the other types ---- */

static firn_status
add_boolean(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (value->kind == DBZ_VALUE_BOOLEAN) return column_add_bool(cell->builder, value->truth, err);
    if (value->kind == DBZ_VALUE_INTEGER && (value->integer == 0 || value->integer == 1))
        return column_add_bool(cell->builder, value->integer == 1, err);
    return dbz_fail_corrupt(row, cell, value, err);
}

static firn_status
add_uuid(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    firn_uuid uuid;
    if (value->kind == DBZ_VALUE_BYTES && value->text.size == 16) return column_add_bytes(cell->builder, value->text, err);
    if (value->kind != DBZ_VALUE_TEXT || !uuid_parse(value->text, &uuid)) return dbz_fail_corrupt(row, cell, value, err);
    return column_add_bytes(cell->builder, firn_slice_of(uuid.bytes, 16), err);
}

/* WKB and SRID → EWKB, as PostGIS sends it: the SRID's flag in the type, the SRID behind it. */
static firn_status
add_geometry(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    firn_slice wkb = value->text;
    if (wkb.size < 5 || wkb.data[0] > 1) return dbz_fail_corrupt(row, cell, value, err);
    bool     is_little = wkb.data[0] == 1;
    uint32_t type = is_little ? load_le32(wkb.data + 1) : load_be32(wkb.data + 1);
    if (!value->has_srid || type & UINT32_C(0x20000000)) return column_add_bytes(cell->builder, wkb, err);
    uint8_t head[9] = {wkb.data[0]};
    type |= UINT32_C(0x20000000);
    if (is_little) {
        store_le32(head + 1, type);
        store_le32(head + 5, (uint32_t) value->srid);
    } else {
        store_be32(head + 1, type);
        store_be32(head + 5, (uint32_t) value->srid);
    }
    firn_buffer_reset(&row->scratch2);
    FIRN_TRY(firn_buffer_add(&row->scratch2, head, sizeof head, err));
    FIRN_TRY(firn_buffer_add(&row->scratch2, wkb.data + 5, wkb.size - 5, err));
    return column_add_bytes(cell->builder, firn_buffer_slice(&row->scratch2), err);
}

static firn_status
add_binary(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (value->kind == DBZ_VALUE_GEOMETRY) return add_geometry(row, cell, value, err);
    if (value->kind != DBZ_VALUE_BYTES) return dbz_fail_corrupt(row, cell, value, err);
    if (cell->type->kind == TYPE_FIXED && value->text.size != cell->type->size_bytes) return dbz_fail_corrupt(row, cell, value, err);
    return column_add_bytes(cell->builder, value->text, err);
}

/* A number from 2^63 on came as a negative one, and is known again: the column has none. */
static firn_status
add_unsigned(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    char      digits[24];
    dbz_value number = {.kind = DBZ_VALUE_NUMBER};
    if (cell->type->kind != TYPE_DECIMAL)
        return dbz_add_damaged(row, cell, "an unsigned number from 2^63 on; bigint.unsigned.handling.mode=precise keeps it", err);
    (void) snprintf(digits, sizeof digits, "%" PRIu64, (uint64_t) value->integer);
    number.text = firn_slice_text(digits);
    return dbz_add_decimal(row, cell, &number, err);
}

firn_status
dbz_value_add(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (FIRN_UNLIKELY(cell->form.is_unsigned && value->kind == DBZ_VALUE_INTEGER && value->integer < 0)) return add_unsigned(row, cell, value, err);
    switch (cell->type->kind) {
    case TYPE_BOOLEAN:
        return add_boolean(row, cell, value, err);
    case TYPE_INT:
    case TYPE_LONG:
        return dbz_add_integer(row, cell, value, err);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return dbz_add_real(row, cell, value, err);
    case TYPE_DECIMAL:
        return dbz_add_decimal(row, cell, value, err);
    case TYPE_DATE:
        return dbz_add_date(row, cell, value, err);
    case TYPE_TIME:
        return dbz_add_time(row, cell, value, err);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return dbz_add_timestamp(row, cell, value, err);
    case TYPE_STRING:
        return dbz_value_add_as_text(row, cell, value, err);
    case TYPE_UUID:
        return add_uuid(row, cell, value, err);
    case TYPE_FIXED:
    case TYPE_BINARY:
        return add_binary(row, cell, value, err);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return dbz_fail_corrupt(row, cell, value, err);
}
