#include <stdlib.h>

#include "base/text.h"
#include "debezium/decoding.h"
#include "debezium/real_text.h"

/* Step 1 for JSON: a token → a dbz_value, or the walk of a nested one. Tokens were checked when the record was read. */

#define VECTOR_ENTRIES_MAX 16384

/* ---- bytes in texts ---- */

/* 0..63; 64: padding; 65: none. */
static unsigned
base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - (unsigned) 'A';
    if (c >= 'a' && c <= 'z') return c - (unsigned) 'a' + 26;
    if (c >= '0' && c <= '9') return c - (unsigned) '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return c == '=' ? 64 : 65;
}

/* Both alphabets, with padding or without. */
static firn_status
decode_base64(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    while (text.size && text.data[text.size - 1] == '=') text.size--;
    *ret_valid = text.size % 4 != 1;
    FIRN_TRY(firn_buffer_reserve(out, text.size / 4 * 3 + 3, err));
    uint8_t *to = out->data + out->size;
    uint32_t bits = 0;
    unsigned bad = 0;
    size_t   i = 0;
    for (; i + 4 <= text.size; i += 4) {
        unsigned a = base64_value(text.data[i]), b = base64_value(text.data[i + 1]);
        unsigned c = base64_value(text.data[i + 2]), d = base64_value(text.data[i + 3]);
        bad |= a | b | c | d;
        bits = a << 18 | b << 12 | c << 6 | d;
        *to++ = (uint8_t) (bits >> 16);
        *to++ = (uint8_t) (bits >> 8);
        *to++ = (uint8_t) bits;
    }
    bits = 0;
    for (size_t left = i; left < text.size; left++) {
        unsigned v = base64_value(text.data[left]);
        bad |= v;
        bits = bits << 6 | v;
    }
    if (text.size - i == 2) *to++ = (uint8_t) (bits >> 4);
    if (text.size - i == 3) {
        *to++ = (uint8_t) (bits >> 10);
        *to++ = (uint8_t) (bits >> 2);
    }
    if (bad >= 64) *ret_valid = false;
    out->size = (size_t) (to - out->data);
    return FIRN_OK;
}

static firn_status
decode_hex(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    *ret_valid = text.size % 2 == 0;
    FIRN_TRY(firn_buffer_reserve(out, text.size / 2 + 1, err));
    for (size_t i = 0; i + 1 < text.size && *ret_valid; i += 2) {
        unsigned byte = 0;
        for (size_t j = i; j < i + 2; j++) {
            unsigned c = text.data[j], lower = c | 0x20;
            if (c - '0' <= 9)
                byte = byte << 4 | (c - '0');
            else if (lower - 'a' <= 5)
                byte = byte << 4 | (lower - 'a' + 10);
            else
                *ret_valid = false;
        }
        FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) byte, err));
    }
    return FIRN_OK;
}

/* What the column's strings hold bytes in; false: nothing says so. */
static bool
encoding_of(const dbz_row *row, const dbz_cell *cell, dbz_encoding *ret_encoding)
{
    *ret_encoding = DBZ_BASE64;
    if (cell->form.kind == DBZ_FORM_BYTES_TEXT) {
        *ret_encoding = cell->form.encoding;
        return true;
    }
    /* A string in the schema block: of the three modes that give one, only the settings tell which. */
    if (cell->form.kind == DBZ_FORM_TEXT && row->modes.binary == DBZ_BINARY_BYTES) return false;
    if (row->modes.binary == DBZ_BINARY_HEX && cell->form.kind != DBZ_FORM_BYTES) *ret_encoding = DBZ_HEX;
    return true;
}

static firn_status
add_bytes(dbz_row *row, dbz_cell *cell, firn_slice text, dbz_value_kind kind, dbz_encoding encoding, firn_error *err)
{
    bool       valid;
    dbz_value  value = {.kind = kind, .scale = cell->form.scale}, shown = {.kind = DBZ_VALUE_TEXT, .text = text};
    firn_buffer *out = &row->scratch;
    /* `text` may be what an unescaped string left there: bytes are fewer, and go behind it. */
    size_t start = out->size && text.data == out->data ? out->size : 0;
    if (!start) firn_buffer_reset(out);
    if (start) FIRN_TRY(firn_buffer_reserve(out, text.size + 4, err)); /* as much as the decoders take: it does not move again */
    if (start) text.data = shown.text.data = out->data;
    if (encoding == DBZ_HEX)
        FIRN_TRY(decode_hex(text, out, &valid, err));
    else
        FIRN_TRY(decode_base64(text, out, &valid, err));
    if (!valid) return dbz_fail_corrupt(row, cell, &shown, err);
    value.text = firn_slice_of(out->data + start, out->size - start);
    return dbz_value_add(row, cell, &value, err);
}

/* ---- strings ---- */

static firn_status add_map_text(dbz_row *row, dbz_cell *cell, firn_slice text, firn_error *err);

firn_status
dbz_text_add(dbz_row *row, dbz_cell *cell, firn_slice text, firn_error *err)
{
    dbz_value    value = {.kind = DBZ_VALUE_TEXT, .text = text};
    dbz_encoding encoding;
    type_kind    kind = cell->type->kind;
    if (kind == TYPE_LIST) return dbz_add_damaged(row, cell, "the elements of an array that arrives as a text", err);
    if (kind == TYPE_STRUCT) return dbz_add_damaged(row, cell, "the fields of a composite value, which arrives as a text", err);
    if (kind == TYPE_MAP) return add_map_text(row, cell, text, err);
    if (kind == TYPE_BINARY || kind == TYPE_FIXED) {
        if (!encoding_of(row, cell, &encoding)) return dbz_fail_unclear(row, cell, "bytes in base64, base64-url-safe or hex", err);
        return add_bytes(row, cell, text, DBZ_VALUE_BYTES, encoding, err);
    }
    if (cell->form.kind == DBZ_FORM_BYTES || cell->form.kind == DBZ_FORM_BITS)
        return add_bytes(row, cell, text, DBZ_VALUE_BYTES, DBZ_BASE64, err);
    if (cell->form.kind == DBZ_FORM_TEXT_BYTES)
        return add_bytes(row, cell, text, DBZ_VALUE_BYTES, row->modes.binary == DBZ_BINARY_HEX ? DBZ_HEX : DBZ_BASE64, err);
    if (cell->form.kind == DBZ_FORM_DECIMAL) return add_bytes(row, cell, text, DBZ_VALUE_DECIMAL, DBZ_BASE64, err);
    if (cell->form.kind == DBZ_FORM_UNKNOWN && kind == TYPE_DECIMAL && row->modes.decimals == DBZ_DECIMALS_PRECISE)
        return dbz_fail_unclear(row, cell, "a decimal's bytes, whose scale is not known", err);
    return dbz_value_add(row, cell, &value, err);
}

static firn_status
add_string(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    jtoken string = {JTOKEN_STRING, false, firn_slice_of(token.data + 1, token.size - 2)};
    if (FIRN_UNLIKELY(memchr(string.text.data, '\\', string.text.size) != NULL)) {
        string.has_escape = true;
        firn_buffer_reset(&row->scratch);
        FIRN_TRY(jtoken_add_string(&string, &row->scratch, err));
        string.text = firn_buffer_slice(&row->scratch);
    }
    return dbz_text_add(row, cell, string.text, err);
}

/* ---- numbers ---- */

static firn_status
add_number(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_INTEGER, .text = token};
    if (!text_parse_i64(token, &value.integer)) value.kind = DBZ_VALUE_NUMBER;
    return dbz_value_add(row, cell, &value, err);
}

/* ---- arrays ---- */

static firn_slice
whole_token(const jtoken *token)
{
    if (token->kind != JTOKEN_STRING) return token->text;
    return firn_slice_of(token->text.data - 1, token->text.size + 2);
}

static firn_status
add_list(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    jscan   s = jscan_of(token);
    jtoken  element;
    size_t  count = 0, null_count = 0;
    bool    is_lost;
    int64_t first = column_builder_count(cell->children[0].builder);
    if (!jscan_enter(&s, JTOKEN_ARRAY)) return dbz_fail_unclear(row, cell, "no array", err);
    while (jscan_element(&s) && jscan_value(&s, &element)) {
        FIRN_TRY(json_value_add(row, &cell->children[0], whole_token(&element), err));
        count++;
        null_count += element.kind == JTOKEN_NULL;
    }
    FIRN_TRY(dbz_list_end(row, cell, count, null_count, &is_lost, err));
    if (!is_lost) return column_end(cell->builder, err);
    column_rewind(cell->children[0].builder, first);
    return dbz_add_damaged(row, cell, "the elements of an array of more than one dimension arrive as nulls", err);
}

/* pgvector's text: [1,2.5]; its elements are floats. */
static firn_status
add_vector(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    jscan        s = jscan_of(token);
    jtoken       element;
    firn_buffer *out = &row->scratch2;
    dbz_value    value = {.kind = DBZ_VALUE_BYTES, .text = token};
    firn_buffer_reset(out);
    if (!jscan_enter(&s, JTOKEN_ARRAY)) return dbz_fail_corrupt(row, cell, &value, err);
    while (jscan_element(&s) && jscan_value(&s, &element)) {
        char text[REAL_TEXT_SIZE_MAX], number[64];
        if (element.kind != JTOKEN_NUMBER || element.text.size >= sizeof number) return dbz_fail_corrupt(row, cell, &value, err);
        memcpy(number, element.text.data, element.text.size);
        number[element.text.size] = 0;
        FIRN_TRY(firn_buffer_add_byte(out, out->size ? ',' : '[', err));
        size_t size = real_text_float((float) strtod(number, NULL), text);
        FIRN_TRY(firn_buffer_add(out, text, size, err));
    }
    if (!out->size) FIRN_TRY(firn_buffer_add_byte(out, '[', err));
    FIRN_TRY(firn_buffer_add_byte(out, ']', err));
    return column_add_bytes(cell->builder, firn_buffer_slice(out), err);
}

static firn_status
add_array(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_BYTES, .text = token};
    if (cell->type->kind == TYPE_LIST) return add_list(row, cell, token, err);
    if (cell->type->kind != TYPE_STRING) return dbz_fail_corrupt(row, cell, &value, err);
    if (cell->form.is_vector) return add_vector(row, cell, token, err);
    if (cell->form.kind == DBZ_FORM_UNKNOWN) return dbz_fail_unclear(row, cell, "an array or a vector in a column of texts", err);
    return dbz_add_damaged(row, cell, "the text of an array, whose dimensions and bounds do not arrive", err);
}

/* ---- objects ---- */

/* hstore: pairs as hstore_send orders them, by length, then by bytes. */
typedef struct map_entry {
    firn_slice key;   /* without escapes */
    firn_slice value; /* token */
} map_entry;

static int
compare_entries(const void *a, const void *b)
{
    const map_entry *x = a, *y = b;
    if (x->key.size != y->key.size) return x->key.size < y->key.size ? -1 : 1;
    return x->key.size ? memcmp(x->key.data, y->key.data, x->key.size) : 0;
}

static firn_status
collect_entries(firn_slice object, firn_buffer *names, firn_buffer *entries, firn_error *err)
{
    jscan  s = jscan_of(object);
    jtoken name, value;
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return FIRN_OK;
    FIRN_TRY(firn_buffer_reserve(names, object.size, err)); /* names do not move while they are collected */
    while (jscan_member(&s, &name) && jscan_value(&s, &value)) {
        size_t start = names->size;
        FIRN_TRY(jtoken_add_string(&name, names, err));
        map_entry entry = {firn_slice_of(names->data + start, names->size - start), whole_token(&value)};
        FIRN_TRY(firn_buffer_add(entries, &entry, sizeof entry, err));
    }
    return FIRN_OK;
}

static firn_status
add_map(dbz_row *row, dbz_cell *cell, firn_slice object, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0}, list = {0};
    firn_buffer_init(&names, object.size + 1);
    firn_buffer_init(&list, (object.size + 1) * sizeof(map_entry));
    FIRN_TRY(collect_entries(object, &names, &list, err));
    map_entry *entries = (map_entry *) (void *) list.data;
    size_t     count = list.size / sizeof *entries;
    if (count > 1) qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t i = 0; i < count; i++) {
        dbz_value key = {.kind = DBZ_VALUE_TEXT, .text = entries[i].key};
        FIRN_TRY(dbz_value_add(row, &cell->children[0], &key, err));
        FIRN_TRY(json_value_add(row, &cell->children[1], entries[i].value, err));
    }
    return column_end(cell->builder, err);
}

/* hstore.handling.mode=json: an object within a string; a copy, since its values use the scratch. */
static firn_status
add_map_text(dbz_row *row, dbz_cell *cell, firn_slice text, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer copy = {0};
    dbz_value shown = {.kind = DBZ_VALUE_TEXT, .text = text};
    jtoken    object;
    firn_buffer_init(&copy, text.size + 1);
    FIRN_TRY(firn_buffer_add(&copy, text.data, text.size, err));
    jscan s = jscan_of(firn_buffer_slice(&copy));
    if (!jscan_value(&s, &object) || !jscan_end(&s) || object.kind != JTOKEN_OBJECT) return dbz_fail_corrupt(row, cell, &shown, err);
    return add_map(row, cell, object.text, err);
}

static firn_status
add_struct(dbz_row *row, dbz_cell *cell, firn_slice object, firn_error *err)
{
    for (unsigned i = 0; i < cell->child_count; i++) {
        jscan      s = jscan_of(object);
        jtoken     name, value;
        firn_slice found = firn_slice_text("null");
        if (!jscan_enter(&s, JTOKEN_OBJECT)) break;
        while (jscan_member(&s, &name) && jscan_value(&s, &value))
            if (jtoken_is(&name, cell->children[i].name)) found = whole_token(&value);
        FIRN_TRY(json_value_add(row, &cell->children[i], found, err));
    }
    return column_end(cell->builder, err);
}

/* The members of Debezium's own structs. */
typedef struct struct_parts {
    jtoken scale, value, x, y, wkb, srid, dimensions, vector;
} struct_parts;

static void
take_parts(firn_slice object, struct_parts *ret_parts)
{
    jscan  s = jscan_of(object);
    jtoken name, value;
    *ret_parts = (struct_parts){0};
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return;
    while (jscan_member(&s, &name) && jscan_value(&s, &value)) {
        if (jtoken_is(&name, "scale")) ret_parts->scale = value;
        if (jtoken_is(&name, "value")) ret_parts->value = value;
        if (jtoken_is(&name, "x")) ret_parts->x = value;
        if (jtoken_is(&name, "y")) ret_parts->y = value;
        if (jtoken_is(&name, "wkb")) ret_parts->wkb = value;
        if (jtoken_is(&name, "srid")) ret_parts->srid = value;
        if (jtoken_is(&name, "dimensions")) ret_parts->dimensions = value;
        if (jtoken_is(&name, "vector")) ret_parts->vector = value;
    }
}

static bool
real_of(const jtoken *token, double *ret_value)
{
    char number[64];
    if (jtoken_is(token, "NaN") || jtoken_is(token, "Infinity") || jtoken_is(token, "-Infinity")) {
        *ret_value = strtod(token->text.data[0] == 'N' ? "nan" : token->text.data[0] == '-' ? "-inf" : "inf", NULL);
        return true;
    }
    if (token->kind != JTOKEN_NUMBER || token->text.size >= sizeof number) return false;
    memcpy(number, token->text.data, token->text.size);
    number[token->text.size] = 0;
    *ret_value = strtod(number, NULL);
    return true;
}

static firn_status
add_variable_decimal(dbz_row *row, dbz_cell *cell, const struct_parts *p, firn_slice object, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_DECIMAL}, shown = {.kind = DBZ_VALUE_BYTES, .text = object};
    int64_t   scale;
    bool      valid = false;
    if (text_parse_i64(p->scale.text, &scale) && scale >= INT16_MIN && scale <= INT16_MAX) {
        value.scale = (int32_t) scale;
        firn_buffer_reset(&row->scratch);
        FIRN_TRY(decode_base64(p->value.text, &row->scratch, &valid, err));
        value.text = firn_buffer_slice(&row->scratch);
    }
    if (!valid || value.text.size == 0) return dbz_fail_corrupt(row, cell, &shown, err);
    return dbz_value_add(row, cell, &value, err);
}

static firn_status
add_geometry(dbz_row *row, dbz_cell *cell, const struct_parts *p, firn_slice object, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_GEOMETRY}, shown = {.kind = DBZ_VALUE_BYTES, .text = object};
    int64_t   srid = 0;
    bool      valid;
    if (cell->type->kind == TYPE_STRING && p->x.kind != JTOKEN_ABSENT) {
        value.kind = DBZ_VALUE_POINT;
        if (!real_of(&p->x, &value.real) || !real_of(&p->y, &value.y)) return dbz_fail_corrupt(row, cell, &shown, err);
        return dbz_value_add(row, cell, &value, err);
    }
    firn_buffer_reset(&row->scratch);
    FIRN_TRY(decode_base64(p->wkb.text, &row->scratch, &valid, err));
    if (!valid) return dbz_fail_corrupt(row, cell, &shown, err);
    value.has_srid = p->srid.kind == JTOKEN_NUMBER && text_parse_i64(p->srid.text, &srid) && srid >= INT32_MIN && srid <= INT32_MAX;
    value.srid = (int32_t) srid;
    value.text = firn_buffer_slice(&row->scratch);
    return dbz_value_add(row, cell, &value, err);
}

static firn_status
add_object(dbz_row *row, dbz_cell *cell, firn_slice object, firn_error *err)
{
    dbz_value    shown = {.kind = DBZ_VALUE_BYTES, .text = object};
    struct_parts p;
    if (cell->type->kind == TYPE_MAP) return add_map(row, cell, object, err);
    if (cell->type->kind == TYPE_STRUCT) return add_struct(row, cell, object, err);
    take_parts(object, &p);
    if (p.scale.kind == JTOKEN_NUMBER && p.value.kind == JTOKEN_STRING) return add_variable_decimal(row, cell, &p, object, err);
    if (p.wkb.kind == JTOKEN_STRING || p.x.kind != JTOKEN_ABSENT) return add_geometry(row, cell, &p, object, err);
    if (p.dimensions.kind != JTOKEN_ABSENT && cell->type->kind == TYPE_STRING)
        return dbz_add_damaged(row, cell, "the text of a sparse vector", err);
    return dbz_fail_corrupt(row, cell, &shown, err);
}

/* ---- all ---- */

firn_status
json_value_add(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err)
{
    dbz_value value = {.kind = DBZ_VALUE_BOOLEAN};
    switch (token.size ? token.data[0] : 0) {
    case '"':
        return add_string(row, cell, token, err);
    case 'n':
        return dbz_value_add_null(row, cell, err);
    case 't':
    case 'f':
        value.truth = token.data[0] == 't';
        return dbz_value_add(row, cell, &value, err);
    case '[':
        return add_array(row, cell, token, err);
    case '{':
        return add_object(row, cell, token, err);
    default:
        return add_number(row, cell, token, err);
    }
}
