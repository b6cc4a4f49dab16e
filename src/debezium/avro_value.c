#include <stdlib.h>

#include "avro/avro_walk.h"
#include "debezium/decoding.h"
#include "debezium/real_text.h"

/* Step 1 for Avro: the bytes of a tuple's value (avro_row.h) → a dbz_value, or the walk of a nested one. */

#define NEST_DEPTH_MAX 32

static firn_status add_next(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, unsigned depth, firn_error *err);

static firn_status
fail_bytes(const dbz_row *row, const dbz_cell *cell, const firn_reader *in, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_BYTES, .text = firn_slice_of(in->start, (size_t) (in->end - in->start))};

    return dbz_fail_corrupt(row, cell, &value, err);
}

/* ---- texts and bytes ---- */

static firn_status
add_bytes(dbz_row *row, dbz_cell *cell, firn_slice bytes, firn_error *err)
{
    dbz_value value = {.kind = cell->form.kind == DBZ_FORM_DECIMAL ? DBZ_VALUE_DECIMAL : DBZ_VALUE_BYTES,
                       .scale = cell->form.scale,
                       .text = bytes};

    // types that the connector does not know, with include.unknown.datatypes: their text, as bytes
    if (cell->type->kind == TYPE_STRUCT) return dbz_add_damaged(row, cell, "the fields of a composite value, which arrives as a text", err);
    if (cell->type->kind == TYPE_LIST) return dbz_add_damaged(row, cell, "the elements of an array that arrives as a text", err);
    if (value.kind == DBZ_VALUE_DECIMAL && bytes.size == 0) return dbz_fail_corrupt(row, cell, &value, err);
    return dbz_value_add(row, cell, &value, err);
}

/* ---- arrays and maps ---- */

static firn_status
add_list(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, unsigned depth, firn_error *err)
{
    size_t  count, total = 0, null_count = 0;
    bool    is_lost;
    int64_t first = column_builder_count(cell->children[0].builder);

    while ((count = avro_read_count(type->items, in)) > 0) {
        for (size_t i = 0; i < count; i++) {
            // a union's branch, where it is null, is all that there is of the element
            const uint8_t     *start = in->at;
            const avro_schema *item = avro_enter(type->items, in);
            if (!item) return fail_bytes(row, cell, in, err);
            null_count += item->kind == AVRO_NULL;
            in->at = start;
            FIRN_TRY(add_next(row, &cell->children[0], type->items, in, depth + 1, err));
        }
        total += count;
    }
    if (in->failed) return fail_bytes(row, cell, in, err);
    FIRN_TRY(dbz_list_end(row, cell, total, null_count, &is_lost, err));
    if (!is_lost) return column_end(cell->builder, err);
    column_rewind(cell->children[0].builder, first);
    return dbz_add_damaged(row, cell, "the elements of an array of more than one dimension arrive as nulls", err);
}

/* pgvector's text: [1,2.5]; its elements are floats. */
static firn_status
add_vector(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, firn_error *err)
{
    firn_buffer *out = &row->scratch2;
    size_t       count;

    firn_buffer_reset(out);
    while ((count = avro_read_count(type->items, in)) > 0) {
        for (size_t i = 0; i < count; i++) {
            const avro_schema *item = avro_enter(type->items, in);
            char               text[REAL_TEXT_SIZE_MAX];
            float              real;
            if (!item || (item->kind != AVRO_FLOAT && item->kind != AVRO_DOUBLE)) return fail_bytes(row, cell, in, err);
            real = item->kind == AVRO_FLOAT ? float_of_bits(firn_reader_le32(in)) : (float) double_of_bits(firn_reader_le64(in));
            if (in->failed) return fail_bytes(row, cell, in, err);
            FIRN_TRY(firn_buffer_add_byte(out, out->size ? ',' : '[', err));
            FIRN_TRY(firn_buffer_add(out, text, real_text_float(real, text), err));
        }
    }
    if (in->failed) return fail_bytes(row, cell, in, err);
    if (!out->size) FIRN_TRY(firn_buffer_add_byte(out, '[', err));
    FIRN_TRY(firn_buffer_add_byte(out, ']', err));
    return column_add_bytes(cell->builder, firn_buffer_slice(out), err);
}

static firn_status
add_array(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, unsigned depth, firn_error *err)
{
    if (cell->type->kind == TYPE_LIST) return add_list(row, cell, type, in, depth, err);
    if (cell->type->kind == TYPE_STRING && cell->form.is_vector) return add_vector(row, cell, type, in, err);
    if (!avro_skip(type, in) || cell->type->kind != TYPE_STRING) return fail_bytes(row, cell, in, err);
    return dbz_add_damaged(row, cell, "the text of an array, whose dimensions and bounds do not arrive", err);
}

typedef struct map_entry {
    firn_slice key;
    firn_slice value; /* with its union's branch */
} map_entry;

/* As hstore_send orders them: by length, then by bytes. */
static int
compare_entries(const void *a, const void *b)
{
    const map_entry *x = a, *y = b;

    if (x->key.size != y->key.size) return x->key.size < y->key.size ? -1 : 1;
    return x->key.size ? memcmp(x->key.data, y->key.data, x->key.size) : 0;
}

static firn_status
add_map(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, unsigned depth, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer list = {0};
    size_t count;

    firn_buffer_init(&list, (firn_reader_left(in) + 1) * sizeof(map_entry));
    while ((count = avro_read_count(NULL, in)) > 0) {
        for (size_t i = 0; i < count; i++) {
            map_entry      entry = {.key = avro_read_bytes(in)};
            const uint8_t *start = in->at;
            if (!avro_skip(type->items, in)) return fail_bytes(row, cell, in, err);
            entry.value = firn_slice_of(start, (size_t) (in->at - start));
            FIRN_TRY(firn_buffer_add(&list, &entry, sizeof entry, err));
        }
    }
    if (in->failed || cell->type->kind != TYPE_MAP) return fail_bytes(row, cell, in, err);

    map_entry *entries = (map_entry *) (void *) list.data;
    size_t     entry_count = list.size / sizeof *entries;

    if (entry_count > 1) qsort(entries, entry_count, sizeof *entries, compare_entries);
    for (size_t i = 0; i < entry_count; i++) {
        dbz_value   key = {.kind = DBZ_VALUE_TEXT, .text = entries[i].key};
        firn_reader value = firn_reader_of(entries[i].value);
        FIRN_TRY(dbz_value_add(row, &cell->children[0], &key, err));
        FIRN_TRY(add_next(row, &cell->children[1], type->items, &value, depth + 1, err));
    }
    return column_end(cell->builder, err);
}

/* ---- records ---- */

/* The fields of a record by name, those that Debezium's own structs have. */
typedef struct record_parts {
    bool       has_scale, has_value, has_x, has_y, has_wkb, has_srid, has_dimensions;
    int64_t    scale, srid;
    double     x, y;
    firn_slice value, wkb;
} record_parts;

static bool
take_integer(const avro_schema *type, firn_reader *in, int64_t *ret_value)
{
    if (type->kind != AVRO_INT && type->kind != AVRO_LONG) return avro_skip(type, in) && false;
    *ret_value = avro_read_long(in);
    return !in->failed;
}

static bool
take_double(const avro_schema *type, firn_reader *in, double *ret_value)
{
    if (type->kind != AVRO_DOUBLE) return avro_skip(type, in) && false;
    *ret_value = double_of_bits(firn_reader_le64(in));
    return !in->failed;
}

static bool
take_bytes(const avro_schema *type, firn_reader *in, firn_slice *ret_value)
{
    if (type->kind != AVRO_BYTES) return avro_skip(type, in) && false;
    *ret_value = avro_read_bytes(in);
    return !in->failed;
}

static bool
take_parts(const avro_schema *record, firn_reader *in, record_parts *ret_parts)
{
    record_parts p = {0};

    for (unsigned i = 0; i < record->field_count; i++) {
        const char        *name = record->fields[i].name;
        const avro_schema *type = avro_enter(record->fields[i].type, in);
        if (!type) return false;
        if (strcmp(name, "scale") == 0)
            p.has_scale = take_integer(type, in, &p.scale);
        else if (strcmp(name, "value") == 0)
            p.has_value = take_bytes(type, in, &p.value);
        else if (strcmp(name, "x") == 0)
            p.has_x = take_double(type, in, &p.x);
        else if (strcmp(name, "y") == 0)
            p.has_y = take_double(type, in, &p.y);
        else if (strcmp(name, "wkb") == 0)
            p.has_wkb = take_bytes(type, in, &p.wkb);
        else if (strcmp(name, "srid") == 0)
            p.has_srid = take_integer(type, in, &p.srid);
        else
            p.has_dimensions |= strcmp(name, "dimensions") == 0 && type->kind != AVRO_NULL, (void) avro_skip(type, in);
        if (in->failed) return false;
    }
    *ret_parts = p;
    return true;
}

/* The fields that the Iceberg struct has; each is found by its name. */
static firn_status
add_struct(dbz_row *row, dbz_cell *cell, const avro_schema *record, firn_reader *in, unsigned depth, firn_error *err)
{
    const uint8_t *start = in->at;

    if (!avro_skip(record, in)) return fail_bytes(row, cell, in, err);
    for (unsigned c = 0; c < cell->child_count; c++) {
        firn_reader again = firn_reader_of(firn_slice_of(start, (size_t) (in->at - start)));
        bool        is_found = false;
        for (unsigned i = 0; i < record->field_count && !is_found; i++) {
            is_found = strcmp(record->fields[i].name, cell->children[c].name) == 0;
            if (is_found)
                FIRN_TRY(add_next(row, &cell->children[c], record->fields[i].type, &again, depth + 1, err));
            else if (!avro_skip(record->fields[i].type, &again))
                return fail_bytes(row, cell, in, err);
        }
        if (!is_found) FIRN_TRY(dbz_value_add_null(row, &cell->children[c], err));
    }
    return column_end(cell->builder, err);
}

static firn_status
add_record(dbz_row *row, dbz_cell *cell, const avro_schema *record, firn_reader *in, unsigned depth, firn_error *err)
{
    dbz_value    value = {0};
    record_parts p;

    if (cell->type->kind == TYPE_STRUCT) return add_struct(row, cell, record, in, depth, err);
    if (!take_parts(record, in, &p)) return fail_bytes(row, cell, in, err);
    if (p.has_scale && p.has_value && p.value.size > 0 && p.scale >= INT16_MIN && p.scale <= INT16_MAX) {
        value = (dbz_value){.kind = DBZ_VALUE_DECIMAL, .scale = (int32_t) p.scale, .text = p.value};
    } else if (p.has_x && p.has_y && cell->type->kind == TYPE_STRING) {
        value = (dbz_value){.kind = DBZ_VALUE_POINT, .real = p.x, .y = p.y};
    } else if (p.has_wkb) {
        value = (dbz_value){.kind = DBZ_VALUE_GEOMETRY, .text = p.wkb};
        value.has_srid = p.has_srid && p.srid >= INT32_MIN && p.srid <= INT32_MAX;
        if (value.has_srid) value.srid = (int32_t) p.srid;
    } else if (p.has_dimensions && cell->type->kind == TYPE_STRING) {
        return dbz_add_damaged(row, cell, "the text of a sparse vector", err);
    } else {
        return fail_bytes(row, cell, in, err);
    }
    return dbz_value_add(row, cell, &value, err);
}

/* ---- all ---- */

static firn_status
add_symbol(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, firn_error *err)
{
    int64_t   symbol = avro_read_long(in);
    dbz_value value = {.kind = DBZ_VALUE_TEXT};

    if (in->failed || symbol < 0 || symbol >= type->field_count) return fail_bytes(row, cell, in, err);
    value.text = firn_slice_text(type->fields[symbol].name);
    return dbz_value_add(row, cell, &value, err);
}

static firn_status
add_scalar(dbz_row *row, dbz_cell *cell, avro_kind kind, firn_reader *in, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_INTEGER};

    if (kind == AVRO_BOOLEAN) {
        value.kind = DBZ_VALUE_BOOLEAN;
        value.truth = firn_reader_u8(in) != 0;
    } else if (kind == AVRO_FLOAT) {
        value.kind = DBZ_VALUE_REAL;
        value.real = (double) float_of_bits(firn_reader_le32(in));
    } else if (kind == AVRO_DOUBLE) {
        value.kind = DBZ_VALUE_REAL;
        value.real = double_of_bits(firn_reader_le64(in));
    } else {
        value.integer = avro_read_long(in);
    }
    return in->failed ? fail_bytes(row, cell, in, err) : dbz_value_add(row, cell, &value, err);
}

/* What is next, in Avro's own encoding. */
static firn_status
add_next(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_reader *in, unsigned depth, firn_error *err)
{
    firn_slice bytes;

    if (depth > NEST_DEPTH_MAX || !(type = avro_enter(type, in))) return fail_bytes(row, cell, in, err);
    switch (type->kind) {
    case AVRO_NULL:
        return dbz_value_add_null(row, cell, err);
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return add_scalar(row, cell, type->kind, in, err);
    case AVRO_STRING:
    case AVRO_BYTES:
        bytes = avro_read_bytes(in);
        if (in->failed) return fail_bytes(row, cell, in, err);
        return type->kind == AVRO_STRING ? dbz_text_add(row, cell, bytes, err) : add_bytes(row, cell, bytes, err);
    case AVRO_FIXED:
        bytes = firn_slice_of(firn_reader_take(in, type->size_bytes), type->size_bytes);
        return in->failed ? fail_bytes(row, cell, in, err) : add_bytes(row, cell, bytes, err);
    case AVRO_ENUM:
        return add_symbol(row, cell, type, in, err);
    case AVRO_ARRAY:
        return add_array(row, cell, type, in, depth, err);
    case AVRO_MAP:
        return add_map(row, cell, type, in, depth, err);
    case AVRO_RECORD:
        return add_record(row, cell, type, in, depth, err);
    case AVRO_UNION:
        break;
    }
    return fail_bytes(row, cell, in, err);
}

firn_status
avro_value_add(dbz_row *row, dbz_cell *cell, const avro_schema *type, firn_slice bytes, firn_error *err)
{
    firn_reader in = firn_reader_of(bytes);

    if (type->kind == AVRO_STRING) return dbz_text_add(row, cell, bytes, err);
    if (type->kind == AVRO_BYTES) return add_bytes(row, cell, bytes, err);
    FIRN_TRY(add_next(row, cell, type, &in, 0, err));
    return firn_reader_left(&in) == 0 ? FIRN_OK : firn_fail(err, FIRN_E_BUG, "a value in Avro of column '%s' was not read to its end", cell->column);
}
