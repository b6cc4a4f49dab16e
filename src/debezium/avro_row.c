#include "debezium/avro_row.h"

#include "avro/avro_walk.h"
#include "base/alloc.h"
#include "debezium/event.h"
#include "debezium/placeholder_uuid.h"

#define NO_COLUMN UINT32_MAX

/* How a field's bytes become a tuple's. */
typedef enum value_class {
    VALUE_WALKED,  /* as they stand */
    VALUE_INTEGER, /* shortest */
    VALUE_BYTES,   /* without their length */
    VALUE_FIXED,   /* `size` bytes */
    VALUE_NULL,    /* a field of the type null */
} value_class;

typedef struct row_field {
    value_class        class;
    bool               is_optional;
    uint8_t            null_branch;
    uint32_t           column; /* NO_COLUMN: passed over */
    size_t             size;
    const avro_schema *type;
} row_field;

/* Of a key's record: where the value of a column was found. */
typedef struct row_place {
    firn_slice bytes; /* data NULL: null */
    bool       is_integer;
} row_place;

struct avro_row {
    const avro_schema *record;
    firn_slice         unavailable;
    char               unavailable_uuid[UUID_TEXT_SIZE]; /* in arrays of uuid */
    unsigned           column_count;
    avro_row_column   *columns;
    row_field         *fields;
    bool              *is_key;  /* per column */
    bool               is_sparse; /* of a key */
    row_place         *places;    /* sparse: per column */
    firn_arena         arena;
};

void
avro_row_free(avro_row *row)
{
    if (!row) return;
    firn_arena_done(&row->arena);
    firn_free(row);
}

/* ---- plans ---- */

static void
classify(row_field *field)
{
    switch (field->type->kind) {
    case AVRO_NULL:
        field->class = VALUE_NULL;
        break;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        field->class = VALUE_INTEGER;
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        field->class = VALUE_BYTES;
        break;
    case AVRO_BOOLEAN:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_FIXED:
        field->class = VALUE_FIXED;
        field->size = field->type->kind == AVRO_BOOLEAN ? 1
                      : field->type->kind == AVRO_FLOAT ? 4
                      : field->type->kind == AVRO_DOUBLE ? 8
                                                         : field->type->size_bytes;
        break;
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
        field->class = VALUE_WALKED;
        break;
    }
}

static firn_status
set_field(const avro_field *of, row_field *field, firn_error *err)
{
    const avro_schema *value = avro_schema_value(of->type);

    *field = (row_field){.type = value ? value : of->type, .column = NO_COLUMN};
    if (of->type->kind == AVRO_UNION) {
        if (!value || of->type->field_count != 2) {
            (void) firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "the field '%s' of an Avro schema is a union of several types", of->name);
            firn_hint(err, "Debezium writes unions of null and one type only");
            return err->status;
        }
        field->is_optional = true;
        field->null_branch = of->type->branches[0]->kind == AVRO_NULL ? 0 : 1;
    }
    classify(field);
    return FIRN_OK;
}

static firn_status
set_up(avro_row *row, const avro_schema *record, size_t column_count, firn_error *err)
{
    row->record = record;
    row->fields = firn_arena_array(&row->arena, record->field_count + 1, sizeof *row->fields);
    row->columns = firn_arena_array(&row->arena, column_count + 1, sizeof *row->columns);
    row->is_key = firn_arena_array(&row->arena, column_count + 1, sizeof *row->is_key);
    row->places = firn_arena_array(&row->arena, column_count + 1, sizeof *row->places);
    if (!row->fields || !row->columns || !row->is_key || !row->places) return firn_fail_memory(err, "an Avro schema");
    for (unsigned i = 0; i < record->field_count; i++) FIRN_TRY(set_field(&record->fields[i], &row->fields[i], err));
    return FIRN_OK;
}

static bool
is_added(const char *name)
{
    jtoken token = {.kind = JTOKEN_STRING, .text = firn_slice_text(name)};

    return dbz_is_flattened_member(&token);
}

firn_status
avro_row_new(const avro_schema *record, bool is_flattened, const char *unavailable, avro_row **ret_row, firn_error *err)
{
    FIRN_AUTO(avro_row_freep) avro_row *row = firn_calloc(1, sizeof *row);

    if (!row) return firn_fail_memory(err, "an Avro schema");
    if (record->field_count > CHANGE_COLUMNS_MAX)
        return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "an Avro schema has %u columns, more than %d", record->field_count, CHANGE_COLUMNS_MAX);
    FIRN_TRY(set_up(row, record, record->field_count, err));
    if (!(row->unavailable.data = (const uint8_t *) firn_arena_strdup(&row->arena, unavailable)))
        return firn_fail_memory(err, "an Avro schema");
    row->unavailable.size = strlen(unavailable);
    placeholder_uuid(row->unavailable, row->unavailable_uuid);
    for (unsigned i = 0; i < record->field_count; i++) {
        if (is_flattened && is_added(record->fields[i].name)) continue;
        row->fields[i].column = row->column_count;
        row->columns[row->column_count++] = (avro_row_column){record->fields[i].name, row->fields[i].type,
                                                              row->fields[i].is_optional || row->fields[i].class == VALUE_NULL};
    }
    *ret_row = FIRN_STEAL(row);
    return FIRN_OK;
}

firn_status
avro_row_new_of_key(const avro_schema *record, const avro_row *of, avro_row **ret_row, firn_error *err)
{
    FIRN_AUTO(avro_row_freep) avro_row *row = firn_calloc(1, sizeof *row);

    if (!row) return firn_fail_memory(err, "an Avro schema");
    FIRN_TRY(set_up(row, record, of->column_count, err));
    row->is_sparse = true;
    row->column_count = of->column_count;
    memcpy(row->columns, of->columns, of->column_count * sizeof *row->columns);
    for (unsigned i = 0; i < record->field_count; i++) {
        for (unsigned c = 0; c < of->column_count; c++) {
            if (strcmp(record->fields[i].name, of->columns[c].name) == 0) row->fields[i].column = c;
        }
    }
    *ret_row = FIRN_STEAL(row);
    return FIRN_OK;
}

const avro_row_column *
avro_row_columns(const avro_row *row, unsigned *ret_count)
{
    *ret_count = row->column_count;
    return row->columns;
}

void
avro_row_set_key(avro_row *row, unsigned column_index)
{
    row->is_key[column_index] = true;
}

/* ---- what Debezium did not have ---- */

static bool
is_placeholder(const avro_row *row, firn_slice bytes)
{
    return firn_slice_equal(bytes, row->unavailable);
}

/* An array's only text. */
static bool
is_placeholder_item(const avro_row *row, firn_slice bytes)
{
    return is_placeholder(row, bytes) || firn_slice_equal(bytes, firn_slice_text(row->unavailable_uuid));
}

/* An array of the placeholder, of its UUID, or of the numbers of its bytes; a map of the placeholder. The bytes were walked. */
static bool
is_placeholder_list(const avro_row *row, const avro_schema *type, firn_slice bytes)
{
    firn_reader        in = firn_reader_of(bytes);
    const avro_schema *item = type->kind == AVRO_MAP ? NULL : type->items;
    size_t             count = avro_read_count(item, &in);

    if (type->kind == AVRO_MAP) return count == 1 && is_placeholder(row, avro_read_bytes(&in));
    if (count != 1 && count != row->unavailable.size) return false;
    for (size_t i = 0; i < count; i++) {
        const avro_schema *value = avro_enter(item, &in);
        if (!value) return false;
        if (value->kind == AVRO_STRING || value->kind == AVRO_BYTES) return count == 1 && is_placeholder_item(row, avro_read_bytes(&in));
        if (value->kind != AVRO_INT && value->kind != AVRO_LONG) return false;
        if (count != row->unavailable.size || avro_read_long(&in) != (int8_t) row->unavailable.data[i]) return false;
    }
    return avro_read_count(item, &in) == 0;
}

static bool
is_unavailable(const avro_row *row, const row_field *field, firn_slice bytes)
{
    // most values are not as long as the placeholder, or another: one comparison each
    if (field->class == VALUE_BYTES) return FIRN_UNLIKELY(bytes.size == row->unavailable.size) && is_placeholder(row, bytes);
    if (field->class != VALUE_WALKED || (bytes.size <= row->unavailable.size && bytes.size < UUID_TEXT_SIZE)) return false;
    return (field->type->kind == AVRO_ARRAY || field->type->kind == AVRO_MAP) && is_placeholder_list(row, field->type, bytes);
}

/* ---- tuples ---- */

size_t
avro_row_room(const avro_row *row, firn_slice bytes)
{
    return bytes.size + 5 * (size_t) row->column_count;
}

static uint8_t *
put_value(uint8_t *at, firn_slice bytes)
{
    *at = TUPLE_BINARY;
    store_be32(at + 1, (uint32_t) bytes.size);
    if (bytes.size > 0) memcpy(at + 5, bytes.data, bytes.size);
    return at + 5 + bytes.size;
}

/* A varint's shortest form; nearly all are. */
static uint8_t *
put_integer(uint8_t *at, firn_slice bytes)
{
    uint8_t  shortest[VARINT_SIZE_MAX];
    uint64_t value = 0;

    if (FIRN_LIKELY(bytes.size == 1 || bytes.data[bytes.size - 1] != 0)) return put_value(at, bytes);
    (void) varint_decode(bytes.data, bytes.data + bytes.size, &value);
    return put_value(at, firn_slice_of(shortest, varint_encode(value, shortest)));
}

/* The bytes of a field's value, which is next; false: failed. */
static inline bool
take_value(const row_field *field, firn_reader *in, firn_slice *ret_bytes)
{
    const uint8_t *start = in->at;

    switch (field->class) {
    case VALUE_INTEGER:
        (void) avro_read_long(in);
        break;
    case VALUE_BYTES:
        *ret_bytes = avro_read_bytes(in);
        return !in->failed;
    case VALUE_FIXED:
        (void) firn_reader_take(in, field->size);
        break;
    case VALUE_WALKED:
        if (!avro_skip(field->type, in)) return false;
        break;
    case VALUE_NULL:
        break;
    }
    *ret_bytes = firn_slice_of(start, (size_t) (in->at - start));
    return !in->failed;
}

/* Whether a value is there; false: null, or failed. */
static inline bool
is_there(const row_field *field, firn_reader *in)
{
    if (field->class == VALUE_NULL) return false;
    if (!field->is_optional) return true;

    int64_t branch = avro_read_long(in);

    if (branch == field->null_branch) return false;
    if (branch != 1 - field->null_branch) in->failed = true;
    return !in->failed;
}

static bool
put_fields(avro_row *row, firn_reader *in, bool key_only, bool has_all, uint8_t **at, bool *ret_has_unchanged)
{
    firn_slice bytes;

    for (unsigned i = 0; i < row->record->field_count; i++) {
        const row_field *field = &row->fields[i];
        bool             is_wanted = field->column != NO_COLUMN, has_value = is_there(field, in);

        if (in->failed || (has_value && !take_value(field, in, &bytes))) return false;
        if (!is_wanted) continue;
        if (!has_value || (key_only && !row->is_key[field->column])) {
            *(*at)++ = TUPLE_NULL;
        } else if (!has_all && is_unavailable(row, field, bytes)) {
            *(*at)++ = TUPLE_UNCHANGED;
            *ret_has_unchanged = true;
        } else {
            *at = field->class == VALUE_INTEGER ? put_integer(*at, bytes) : put_value(*at, bytes);
        }
    }
    return true;
}

/* A key's fields may stand in another order than the columns. */
static bool
put_places(avro_row *row, firn_reader *in, uint8_t **at)
{
    memset(row->places, 0, row->column_count * sizeof *row->places);
    for (unsigned i = 0; i < row->record->field_count; i++) {
        const row_field *field = &row->fields[i];
        firn_slice       bytes = {0};
        bool             has_value = is_there(field, in);

        if (in->failed || (has_value && !take_value(field, in, &bytes))) return false;
        if (field->column != NO_COLUMN) row->places[field->column] = (row_place){bytes, field->class == VALUE_INTEGER};
    }
    for (unsigned i = 0; i < row->column_count; i++) {
        if (!row->places[i].bytes.data)
            *(*at)++ = TUPLE_NULL;
        else
            *at = row->places[i].is_integer ? put_integer(*at, row->places[i].bytes) : put_value(*at, row->places[i].bytes);
    }
    return true;
}

firn_status
avro_row_tuple(avro_row *row, firn_slice bytes, bool key_only, bool has_all, uint8_t *room, change_tuple *ret_tuple,
               size_t *ret_size, firn_error *err)
{
    firn_reader in = firn_reader_of(bytes);
    uint8_t    *at = room;
    bool        has_unchanged = false;
    bool        is_whole = row->is_sparse ? put_places(row, &in, &at) : put_fields(row, &in, key_only, has_all, &at, &has_unchanged);

    if (!is_whole || firn_reader_left(&in) > 0)
        return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "a row in Avro is not what its schema '%s' says, at byte %zu of %zu",
                         row->record->name ? row->record->name : "?", firn_reader_offset(&in), bytes.size);
    *ret_size = (size_t) (at - room);
    *ret_tuple = (change_tuple){.bytes = firn_slice_of(room, *ret_size), .column_count = row->column_count, .has_unchanged = has_unchanged};
    return FIRN_OK;
}
