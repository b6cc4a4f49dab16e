#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "debezium/decoding.h"

/* A type as the source names it: "timestamp(3) without time zone[]" → name "timestamp without time zone", 3, an array. */
typedef struct declared_type {
    char     name[64]; /* lower case */
    unsigned number_count;
    int      numbers[2];
    bool     is_array;
    bool     is_unsigned; /* MySQL; not in the name */
} declared_type;

/* The word at the name's end, with the blank before it. */
static bool
cut_word(char *name, const char *word)
{
    size_t size = strlen(name), length = strlen(word);
    if (size <= length || strcmp(name + size - length, word) != 0) return false;
    name[size - length] = 0;
    return true;
}

static bool
take_declared(const char *text, declared_type *ret_type)
{
    declared_type type = {0};
    size_t        size = 0, length = strlen(text);
    if (length > 2 && strcmp(text + length - 2, "[]") == 0) {
        type.is_array = true;
        length -= 2;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '(') {
            for (i++; i < length && text[i] != ')'; i++) {
                bool is_negative = text[i] == '-';
                int  number = 0;
                for (i += is_negative; i < length && isdigit((unsigned char) text[i]) && number < 100000; i++) number = 10 * number + (text[i] - '0');
                if (type.number_count < 2) type.numbers[type.number_count++] = is_negative ? -number : number;
                if (i < length && text[i] == ')') break;
            }
            continue;
        }
        if (size + 1 >= sizeof type.name) return false;
        type.name[size++] = (char) tolower((unsigned char) text[i]);
    }
    while (size && type.name[size - 1] == ' ') size--;
    type.name[size] = 0;
    (void) cut_word(type.name, " zerofill");
    type.is_unsigned = cut_word(type.name, " unsigned");
    /* An extension's type with its schema: public.citext */
    const char *dot = strrchr(type.name, '.');
    if (dot) memmove(type.name, dot + 1, strlen(dot));
    *ret_type = type;
    return true;
}

static bool
is_one_of(const char *name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof(list)[0])

/* Types whose text arrives as it is. */
static const char *const text_types[] = {
    "text", "character varying", "varchar", "character", "bpchar", "char", "\"char\"", "name", "citext", "json", "jsonb", "xml", "inet",
    "cidr", "macaddr", "macaddr8", "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "ltree", "isbn", "enum",
    /* Oracle and MySQL */
    "varchar2", "nvarchar2", "nchar", "clob", "nclob", "xmltype", "rowid", "set", "tinytext", "mediumtext", "longtext",
};
static const char *const integer_types[] = {"smallint", "integer", "bigint", "oid", "int", "tinyint", "mediumint", "year"};
static const char *const bytes_types[] = {"bytea", "blob", "raw", "binary", "varbinary", "tinyblob", "mediumblob", "longblob"};

/* ---- by type ---- */

/* Which unit the connector's mode gives times of so many digits. */
static void
set_time_unit(const dbz_modes *modes, bool is_time, unsigned digits, dbz_form *form)
{
    form->has_fraction_digits = true;
    form->fraction_digits = digits;
    switch (modes->times) {
    case DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS:
        form->unit_ns = is_time || digits > 3 ? (digits > 6 && !is_time ? 1 : 1000) : 1000000;
        break;
    case DBZ_TIMES_ADAPTIVE:
        form->unit_ns = digits <= 3 ? 1000000 : digits <= 6 ? 1000 : 1;
        break;
    case DBZ_TIMES_CONNECT:
        form->unit_ns = 1000000;
        break;
    case DBZ_TIMES_ISOSTRING:
        form->kind = is_time ? DBZ_FORM_TIME_TEXT : DBZ_FORM_TIMESTAMP_TEXT;
        break;
    case DBZ_TIMES_MICROSECONDS:
        form->unit_ns = 1000;
        break;
    case DBZ_TIMES_NANOSECONDS:
        form->unit_ns = 1;
        break;
    }
}

static void
declare_number(const declared_type *type, const dbz_modes *modes, dbz_form *form)
{
    bool is_money = strcmp(type->name, "money") == 0;
    form->is_unbounded = !is_money && type->number_count == 0;
    form->scale = is_money ? 2 : type->number_count > 1 ? type->numbers[1] : 0;
    if (form->scale < 0) form->scale += 2048; /* eleven bits of the type's modifier */
    form->kind = modes->decimals == DBZ_DECIMALS_STRING   ? DBZ_FORM_DECIMAL_TEXT
                 : modes->decimals == DBZ_DECIMALS_DOUBLE ? DBZ_FORM_DECIMAL_DOUBLE
                 : form->is_unbounded                     ? DBZ_FORM_VARIABLE_DECIMAL
                                                          : DBZ_FORM_DECIMAL;
}

/* Oracle's numbers without decimals are integers up to 18 digits, whatever the mode. */
static void
declare_oracle_number(const declared_type *type, const dbz_modes *modes, dbz_form *form)
{
    bool is_whole = type->number_count == 1 || (type->number_count == 2 && type->numbers[1] <= 0);
    int  digits = type->number_count ? type->numbers[0] - (type->number_count > 1 && type->numbers[1] < 0 ? type->numbers[1] : 0) : 0;
    declare_number(type, modes, form);
    if (type->number_count > 1 && type->numbers[1] < 0) form->scale = type->numbers[1];
    if (is_whole && digits < 19) form->kind = DBZ_FORM_INTEGER;
}

static void
declare_bits(const declared_type *type, bool is_varying, dbz_form *form)
{
    form->kind = DBZ_FORM_BITS;
    form->is_varying = is_varying;
    form->length = type->number_count ? (uint32_t) type->numbers[0] : is_varying ? 0 : 1;
}

static void
declare_bytes(const dbz_modes *modes, dbz_form *form)
{
    form->kind = modes->binary == DBZ_BINARY_BYTES ? DBZ_FORM_BYTES : DBZ_FORM_BYTES_TEXT;
    form->encoding = modes->binary == DBZ_BINARY_HEX ? DBZ_HEX : modes->binary == DBZ_BINARY_BASE64_URL ? DBZ_BASE64_URL : DBZ_BASE64;
}

/* Of a moment's fraction. */
static unsigned
digits_of(const declared_type *type, dbz_connector connector)
{
    return type->number_count ? (unsigned) type->numbers[0] : connector == DBZ_MYSQL ? 0 : 6;
}

static void
declare_moment(const declared_type *type, const dbz_modes *modes, dbz_connector connector, dbz_form *form)
{
    unsigned digits = digits_of(type, connector);
    if (strcmp(type->name, "date") == 0 && connector != DBZ_ORACLE) {
        form->kind = modes->times == DBZ_TIMES_ISOSTRING ? DBZ_FORM_DATE_TEXT : DBZ_FORM_DATE;
        return;
    }
    bool is_zoned = strstr(type->name, "with time zone") || strstr(type->name, "with local time zone");
    bool is_time = strncmp(type->name, "timestamp", 9) != 0 && strncmp(type->name, "time", 4) == 0;
    if (connector == DBZ_MYSQL && strcmp(type->name, "timestamp") == 0) is_zoned = true;
    if (strcmp(type->name, "date") == 0) digits = 0; /* Oracle's has seconds */
    form->kind = is_zoned ? (is_time ? DBZ_FORM_ZONED_TIME : DBZ_FORM_ZONED_TIMESTAMP) : is_time ? DBZ_FORM_TIME : DBZ_FORM_TIMESTAMP;
    if (!is_zoned) set_time_unit(modes, is_time, digits, form);
}

static bool
is_moment(const char *name)
{
    return strcmp(name, "date") == 0 || strcmp(name, "datetime") == 0 || strncmp(name, "time", 4) == 0;
}

/* False: no type that is known by name. */
static bool
declare_scalar(const declared_type *type, const dbz_modes *modes, dbz_connector connector, dbz_form *form)
{
    const char *name = type->name;
    if (strcmp(name, "boolean") == 0)
        form->kind = DBZ_FORM_BOOLEAN;
    else if (IS_ONE_OF(name, integer_types))
        form->kind = DBZ_FORM_INTEGER;
    else if (strcmp(name, "real") == 0 || strcmp(name, "binary_float") == 0)
        form->kind = DBZ_FORM_FLOAT;
    else if (strcmp(name, "double precision") == 0 || strcmp(name, "binary_double") == 0 || strcmp(name, "double") == 0)
        form->kind = DBZ_FORM_DOUBLE;
    else if (strcmp(name, "number") == 0)
        declare_oracle_number(type, modes, form);
    else if (strcmp(name, "numeric") == 0 || strcmp(name, "decimal") == 0 || strcmp(name, "money") == 0)
        declare_number(type, modes, form);
    else if (IS_ONE_OF(name, text_types))
        form->kind = DBZ_FORM_TEXT;
    else if (strcmp(name, "uuid") == 0)
        form->kind = DBZ_FORM_UUID;
    else if (is_moment(name))
        declare_moment(type, modes, connector, form);
    else if (strncmp(name, "interval", 8) == 0)
        form->kind = modes->intervals == DBZ_INTERVALS_STRING ? DBZ_FORM_INTERVAL_TEXT : DBZ_FORM_INTERVAL_NUMBER;
    else if (strcmp(name, "bit") == 0 || strcmp(name, "bit varying") == 0)
        declare_bits(type, name[3] != 0, form);
    else if (IS_ONE_OF(name, bytes_types))
        declare_bytes(modes, form);
    else if (strcmp(name, "point") == 0)
        form->kind = DBZ_FORM_POINT;
    else if (strcmp(name, "geometry") == 0 || strcmp(name, "geography") == 0)
        form->kind = DBZ_FORM_GEOMETRY;
    else if (strcmp(name, "hstore") == 0)
        form->kind = DBZ_FORM_MAP_TEXT;
    else if (strcmp(name, "vector") == 0 || strcmp(name, "halfvec") == 0)
        form->kind = DBZ_FORM_ARRAY, form->is_vector = true;
    else
        return false;
    return true;
}

/* ---- what a schema block does not say ---- */

static void
refine(const declared_type *type, dbz_connector connector, dbz_form *form)
{
    form->is_declared = true;
    if (form->kind == DBZ_FORM_BOOLEAN && strncmp(type->name, "bit", 3) == 0) form->kind = DBZ_FORM_BITS;
    if (form->kind == DBZ_FORM_BITS) declare_bits(type, strcmp(type->name, "bit varying") == 0, form);
    if (form->kind == DBZ_FORM_TIME || form->kind == DBZ_FORM_TIMESTAMP) {
        form->has_fraction_digits = true;
        form->fraction_digits = digits_of(type, connector);
    }
    if (strcmp(type->name, "numeric") == 0) {
        form->is_unbounded = type->number_count == 0;
        if (form->kind == DBZ_FORM_TEXT) form->kind = DBZ_FORM_DECIMAL_TEXT;
        if (form->kind == DBZ_FORM_DOUBLE) form->kind = DBZ_FORM_DECIMAL_DOUBLE;
    }
    if (strcmp(type->name, "money") == 0 && form->kind == DBZ_FORM_DOUBLE) form->kind = DBZ_FORM_DECIMAL_DOUBLE;
    if (strcmp(type->name, "vector") == 0 || strcmp(type->name, "halfvec") == 0) form->is_vector = true;
}

/* Doubles in a column of decimals are those of decimal.handling.mode=double; how many digits they had, only the type says. */
static void
refine_by_type(const data_type *type, dbz_form *form)
{
    if (type->kind == TYPE_DECIMAL && (form->kind == DBZ_FORM_DOUBLE || form->kind == DBZ_FORM_FLOAT)) {
        form->kind = DBZ_FORM_DECIMAL_DOUBLE;
        form->is_unbounded = !form->is_declared;
    }
}

/* What the modes alone say of a column whose type in the source is not known. */
static void
guess_by_type(const data_type *type, const dbz_modes *modes, dbz_form *form)
{
    bool is_number_mode = modes->times == DBZ_TIMES_MICROSECONDS || modes->times == DBZ_TIMES_NANOSECONDS || modes->times == DBZ_TIMES_CONNECT;
    if (type->kind == TYPE_TIME || type->kind == TYPE_TIMESTAMP) {
        form->kind = type->kind == TYPE_TIME ? DBZ_FORM_TIME : DBZ_FORM_TIMESTAMP;
        if (type->kind == TYPE_TIME && modes->times == DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS) form->unit_ns = 1000;
        if (is_number_mode) form->unit_ns = modes->times == DBZ_TIMES_MICROSECONDS ? 1000 : modes->times == DBZ_TIMES_NANOSECONDS ? 1 : 1000000;
        form->is_connect = modes->times == DBZ_TIMES_CONNECT;
    } else if (type->kind == TYPE_DECIMAL) {
        form->is_unbounded = true;
        if (modes->decimals == DBZ_DECIMALS_DOUBLE) form->kind = DBZ_FORM_DECIMAL_DOUBLE;
    } else if (type->kind == TYPE_BINARY || type->kind == TYPE_FIXED) {
        declare_bytes(modes, form);
    }
}

/* ---- what nobody but the source says ---- */

static bool
wants_unit(const data_type *type, const dbz_modes *modes)
{
    return modes->times == DBZ_TIMES_ADAPTIVE || (modes->times == DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS && type->kind == TYPE_TIMESTAMP);
}

static bool
wants_nested(const dbz_form *form, const data_type *type, const dbz_modes *modes)
{
    static const dbz_form unknown = {0};

    if (type->kind == TYPE_MAP) return false; /* texts */
    for (unsigned i = 0; i < type->field_count; i++) {
        const dbz_form *child = type->kind == TYPE_LIST && form->kind == DBZ_FORM_ARRAY && i < form->child_count ? &form->children[i] : &unknown;
        if (form->kind != DBZ_FORM_STRUCT && dbz_wants_declared(child, type->fields[i].type, modes)) return true;
    }
    return false;
}

bool
dbz_wants_declared(const dbz_form *form, const data_type *type, const dbz_modes *modes)
{
    if (type_is_nested(type->kind)) return wants_nested(form, type, modes);
    if (form->kind == DBZ_FORM_BITS || form->kind == DBZ_FORM_BOOLEAN) return type->kind == TYPE_STRING;
    if (form->kind != DBZ_FORM_UNKNOWN) return false;
    switch (type->kind) {
    case TYPE_STRING:
        return !modes->texts_are_values;
    case TYPE_DECIMAL:
        return modes->decimals == DBZ_DECIMALS_PRECISE;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        return wants_unit(type, modes);
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DATE:
    case TYPE_TIMESTAMPTZ:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

/* ---- all ---- */

firn_status
dbz_form_declare(const char *declared, const data_type *type, const dbz_modes *modes, dbz_connector connector, firn_arena *arena,
                 dbz_form *form, firn_error *err)
{
    declared_type known;
    bool          has_schema = form->kind != DBZ_FORM_UNKNOWN;
    bool          is_known = declared && take_declared(declared, &known);
    if (is_known) {
        bool is_numeric = strcmp(known.name, "numeric") == 0;
        form->is_money = strcmp(known.name, "money") == 0 && !known.is_array;
        form->is_of_numerics = is_numeric && known.is_array;
        form->is_unsigned = known.is_unsigned && strcmp(known.name, "bigint") == 0;
    }
    if (has_schema && is_known && !known.is_array) refine(&known, connector, form);
    if (has_schema) {
        if (type->kind == TYPE_MAP && form->kind == DBZ_FORM_TEXT) form->kind = DBZ_FORM_MAP_TEXT;
        refine_by_type(type, form);
    } else if (is_known && known.is_array) {
        dbz_form *element = firn_arena_alloc(arena, sizeof *element);
        if (!element) return firn_fail_memory(err, "a column's form");
        form->kind = DBZ_FORM_ARRAY;
        form->is_declared = true;
        form->child_count = 1;
        form->children = element;
        known.is_array = false;
        element->is_declared = true;
        if (!declare_scalar(&known, modes, connector, element)) element->kind = DBZ_FORM_TEXT_BYTES;
    } else if (is_known) {
        form->is_declared = true;
        /* What Debezium does not know comes as the bytes of its text. */
        if (!declare_scalar(&known, modes, connector, form)) form->kind = DBZ_FORM_TEXT_BYTES;
    } else {
        guess_by_type(type, modes, form);
    }
    if (is_known && modes->excludes_unknown && !known.is_array)
        form->is_lost_null = form->kind == DBZ_FORM_TEXT_BYTES || strcmp(known.name, "name") == 0;
    return FIRN_OK;
}
