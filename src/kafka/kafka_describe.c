/*
 * A relation of Debezium's → the columns that its table in the lake is to have.
 *
 * Type of a column, the first that is known: the source's own now (where it can be asked); that of the lake, widened where the
 * form says that it has become wider; what the form stands for; what its first value is (schemas off, nobody to ask).
 *
 * Away: a source that does not answer now is waited for (FIRN_UNAVAILABLE), where messages do not say how a column's values are to be read,
 *       or what type its column in a new table should have. One that refuses is done without: a value that is unclear then stops the table.
 */
#include "kafka/stream_state.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "batch/schema.h"
#include "debezium/form_avro.h"
#include "debezium/form_json.h"

/* description->detail */
typedef struct kafka_detail {
    table_rules        rules;
    const char *const *declared; /* by column; NULL: nothing is known of any */
} kafka_detail;

typedef struct draft {
    kafka_stream             *s;
    const change_relation    *relation;
    const dbz_relation       *forms;
    const table_schema       *lake; /* NULL: none */
    const table_rules        *rules;
    firn_arena               *arena;
    const source_description *source; /* NULL: not to be had */
    const int                *source_places;
    const char *const        *source_declared;
    firn_error                away; /* why the source does not say anything; OK: it does, or nobody can be asked */
    bool                      was_told;
    unsigned                  count;
    schema_field             *fields;
    column_origin            *origins;
    int                      *places;
    const char              **declared;
} draft;

static bool
is_excluded(const table_rules *rules, const char *name)
{
    bool excluded = false;

    for (unsigned i = 0; i < rules->column_count; i++)
        if (strcmp(rules->columns[i].column, name) == 0) excluded = rules->columns[i].excluded || excluded;
    return excluded;
}

/* ---- types ---- */

static const data_type *
plain(type_kind kind)
{
    static const data_type types[] = {
        {.kind = TYPE_BOOLEAN}, {.kind = TYPE_INT},    {.kind = TYPE_LONG},      {.kind = TYPE_FLOAT},       {.kind = TYPE_DOUBLE}, {.kind = TYPE_DATE},
        {.kind = TYPE_TIME},    {.kind = TYPE_STRING}, {.kind = TYPE_TIMESTAMP}, {.kind = TYPE_TIMESTAMPTZ}, {.kind = TYPE_BINARY}, {.kind = TYPE_UUID},
    };
    for (size_t i = 0; i < FIRN_COUNT(types); i++)
        if (types[i].kind == kind) return &types[i];
    return &types[7];
}

static const data_type *
decimal_type(firn_arena *arena, unsigned precision, unsigned scale)
{
    data_type *type = firn_arena_alloc(arena, sizeof *type);

    if (type) *type = (data_type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
    return type;
}

static const data_type *
unbounded_type(const draft *d)
{
    switch (d->rules->unbounded_numeric) {
    case UNBOUNDED_STRING:
        return plain(TYPE_STRING);
    case UNBOUNDED_DOUBLE:
        return plain(TYPE_DOUBLE);
    case UNBOUNDED_DECIMAL:
        break;
    }
    return decimal_type(d->arena, d->rules->unbounded_precision, d->rules->unbounded_scale);
}

static const data_type *type_of_form(const draft *d, const dbz_form *form);

static const data_type *
list_type(const draft *d, const dbz_form *form)
{
    data_type    *type = firn_arena_alloc(d->arena, sizeof *type);
    schema_field *element = firn_arena_alloc(d->arena, sizeof *element);

    if (!type || !element || form->child_count != 1) return type && element ? plain(TYPE_STRING) : NULL;
    *element = (schema_field){.name = "element", .type = type_of_form(d, &form->children[0])};
    *type = (data_type){.kind = TYPE_LIST, .field_count = 1, .fields = element};
    return element->type ? type : NULL;
}

static const data_type *
map_type(const draft *d)
{
    data_type    *type = firn_arena_alloc(d->arena, sizeof *type);
    schema_field *fields = firn_arena_array(d->arena, 2, sizeof *fields);

    if (!type || !fields) return NULL;
    fields[0] = (schema_field){.name = "key", .required = true, .type = plain(TYPE_STRING)};
    fields[1] = (schema_field){.name = "value", .type = plain(TYPE_STRING)};
    *type = (data_type){.kind = TYPE_MAP, .field_count = 2, .fields = fields};
    return type;
}

/* NULL: no memory, or the form says nothing. */
static const data_type *
type_of_form(const draft *d, const dbz_form *form)
{
    switch (form->kind) {
    case DBZ_FORM_UNKNOWN:
        return NULL;
    case DBZ_FORM_BOOLEAN:
        return plain(TYPE_BOOLEAN);
    case DBZ_FORM_INTEGER:
        return plain(form->length && form->length <= 32 ? TYPE_INT : TYPE_LONG);
    case DBZ_FORM_YEAR:
        return plain(TYPE_INT);
    case DBZ_FORM_FLOAT:
        return plain(TYPE_FLOAT);
    case DBZ_FORM_DOUBLE:
    case DBZ_FORM_DECIMAL_DOUBLE:
        return plain(TYPE_DOUBLE);
    case DBZ_FORM_DECIMAL:
        return form->scale >= 0 && form->scale <= 38 ? decimal_type(d->arena, 38, (unsigned) form->scale) : unbounded_type(d);
    case DBZ_FORM_VARIABLE_DECIMAL:
    case DBZ_FORM_DECIMAL_TEXT:
        return unbounded_type(d);
    case DBZ_FORM_DATE:
    case DBZ_FORM_DATE_TEXT:
        return plain(TYPE_DATE);
    case DBZ_FORM_TIME:
    case DBZ_FORM_TIME_TEXT:
        return plain(d->rules->time_as_string ? TYPE_STRING : TYPE_TIME);
    case DBZ_FORM_TIMESTAMP:
    case DBZ_FORM_TIMESTAMP_TEXT:
        return plain(TYPE_TIMESTAMP);
    case DBZ_FORM_ZONED_TIMESTAMP:
        return plain(TYPE_TIMESTAMPTZ);
    case DBZ_FORM_BYTES:
    case DBZ_FORM_BYTES_TEXT:
    case DBZ_FORM_GEOMETRY:
        return plain(TYPE_BINARY);
    case DBZ_FORM_UUID:
        return plain(TYPE_UUID);
    case DBZ_FORM_ARRAY:
        return list_type(d, form);
    case DBZ_FORM_MAP:
    case DBZ_FORM_MAP_TEXT:
        return map_type(d);
    case DBZ_FORM_TEXT:
    case DBZ_FORM_ZONED_TIME:
    case DBZ_FORM_INTERVAL_TEXT:
    case DBZ_FORM_INTERVAL_NUMBER:
    case DBZ_FORM_BITS:
    case DBZ_FORM_TEXT_BYTES:
    case DBZ_FORM_POINT:
    case DBZ_FORM_SPARSE_VECTOR:
    case DBZ_FORM_STRUCT:
        break;
    }
    return plain(TYPE_STRING);
}

/* Schemas are off and nobody can be asked: what the value at hand is. */
static const data_type *
type_of_value(const draft *d, unsigned column)
{
    const change *change = d->s->pending_table ? &d->s->pending : &d->s->last_change;

    if (change->relation != d->relation || !change->new.bytes.data || column >= change->new.column_count) return plain(TYPE_STRING);
    tuple_value value = tuple_value_at(&change->new, column);
    if (value.kind != TUPLE_TEXT || !value.bytes.size) return plain(TYPE_STRING);
    switch (value.bytes.data[0]) {
    case 't':
    case 'f':
        return plain(TYPE_BOOLEAN);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        for (size_t i = 0; i < value.bytes.size; i++)
            if (strchr(".eE", value.bytes.data[i])) return plain(TYPE_DOUBLE);
        return plain(TYPE_LONG);
    default:
        return plain(TYPE_STRING);
    }
}

/* A form of the same kind of value that holds more than the lake's type. */
static const data_type *
widened(const data_type *lake, const data_type *form)
{
    if (!form) return lake;
    if (lake->kind == TYPE_INT && form->kind == TYPE_LONG) return lake; /* a form without its width */
    if (lake->kind == TYPE_FLOAT && form->kind == TYPE_DOUBLE) return form;
    return lake;
}

/* ---- columns ---- */

static firn_status
read_form(const draft *d, firn_slice schema, dbz_form *ret_form, firn_error *err)
{
    const avro_schema *type = NULL;

    if (!schema.size) return FIRN_OK;
    if (!d->forms->is_avro) return form_json_read(schema, d->arena, ret_form, err);
    FIRN_TRY(avro_schema_parse(schema, "a column", d->arena, &type, err));
    return form_avro_read(type, d->arena, ret_form, err);
}

static int
column_of(const table_schema *schema, const char *name)
{
    return schema ? schema_column_index(schema, name) : -1;
}

/* Guessed types stay: a table is not made of them because of a moment without its source. */
static bool
wants_source(const draft *d, const dbz_form *form, const data_type *type)
{
    if (!d->lake && form->kind == DBZ_FORM_UNKNOWN) return true;
    return dbz_wants_declared(form, type, &d->s->settings.modes);
}

/* A refusal stays: it is told, since a value that is unclear will stop the table. */
static firn_status
go_without(draft *d, const char *column, firn_error *err)
{
    const source_teller *teller = d->s->settings.teller;
    char                 text[FIRN_ERROR_TEXT_MAX + 256];

    if (d->away.status != FIRN_UNAVAILABLE) {
        (void) snprintf(text, sizeof text, "table '%s' is described without its source: %s", d->relation->name, d->away.cause);
        if (teller && !d->was_told) teller->tell(teller->state, true, text);
        d->was_told = true;
        return FIRN_OK;
    }
    *err = d->away;
    firn_hint(err, "or set value.converter.schemas.enable=true in the connector");
    return firn_while(err, "asking for the type of column '%s' of '%s.%s', whose messages do not say how its values are to be read", column,
                      d->relation->schema, d->relation->name);
}

static firn_status
add_column(draft *d, unsigned column, firn_error *err)
{
    const char     *name = d->relation->columns[column].name;
    firn_slice      schema = d->forms->columns[column].schema;
    dbz_form        form = {0};
    int             in_source = d->source ? column_of(d->source->schema, name) : -1, in_lake = column_of(d->lake, name);
    schema_field   *field = &d->fields[d->count];

    if (is_excluded(d->rules, name)) return FIRN_OK;
    FIRN_TRY(read_form(d, schema, &form, err));
    *field = (schema_field){.name = firn_arena_strdup(d->arena, name), .required = d->relation->columns[column].is_key};
    if (in_source >= 0) {
        const schema_field *known = &d->source->schema->fields[in_source];
        field->type = known->type;
        field->required = known->required;
        field->doc = known->doc;
        if (d->source->origins) d->origins[d->count] = d->source->origins[in_source];
        if (d->source_places) d->places[d->count] = d->source_places[in_source];
        if (d->source_declared) d->declared[d->count] = d->source_declared[in_source];
    } else if (in_lake >= 0) {
        const schema_field *known = &d->lake->fields[in_lake];
        field->type = widened(known->type, type_of_form(d, &form));
        field->required = known->required;
        field->doc = known->doc;
    } else {
        field->type = type_of_form(d, &form);
        if (!field->type) field->type = type_of_value(d, column);
    }
    if (!field->name || !field->type) return firn_fail_memory(err, "a table's columns");
    if (d->away.status && wants_source(d, &form, field->type)) FIRN_TRY(go_without(d, name, err));
    d->count++;
    return FIRN_OK;
}

/* ---- the key ---- */

static bool
add_key_column(const draft *d, const char *name, int32_t ids[], unsigned *count)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (strcmp(d->fields[i].name, name) != 0) continue;
        ids[(*count)++] = (int32_t) i;
        return true;
    }
    return false;
}

/* Configured; else the source's, else the lake's, else the record's. */
static unsigned
choose_key(const draft *d, int32_t ids[])
{
    const table_schema *known = d->source && d->source->schema->key_count ? d->source->schema : d->lake && d->lake->key_count ? d->lake : NULL;
    unsigned            count = 0;

    for (unsigned k = 0; k < d->rules->key_count; k++)
        if (!add_key_column(d, d->rules->key[k], ids, &count)) return 0;
    if (count) return count;
    if (known) {
        for (unsigned k = 0; k < known->key_count; k++)
            if (!add_key_column(d, schema_field_by_id(known, known->key_ids[k])->name, ids, &count)) return 0;
        return count;
    }
    if (d->source || d->lake) return 0; /* it has none */
    for (unsigned c = 0; c < d->relation->column_count; c++)
        if (d->relation->columns[c].is_key) (void) !add_key_column(d, d->relation->columns[c].name, ids, &count);
    return count;
}

/* A table that is made from events must have something to find its rows by. */
static firn_status
take_first_column(const draft *d, int32_t ids[], unsigned *ret_count, firn_error *err)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (!d->count) return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "table '%s.%s' has no columns to read", d->relation->schema, d->relation->name);
    ids[0] = 0;
    *ret_count = 1;
    (void) snprintf(text, sizeof text,
                    "table '%s': no primary key metadata found: its first column '%s' is taken for the key; if it is not unique, set primary_keys: { %s: [COLUMN, …] } of the source and load the table again",
                    d->relation->name, d->fields[0].name, d->relation->name);
    if (d->s->settings.teller) d->s->settings.teller->tell(d->s->settings.teller->state, true, text);
    return FIRN_OK;
}

/* ---- together ---- */

static firn_status
ask_source(draft *d, firn_error *err)
{
    const kafka_describer *describer = d->s->settings.describer;

    if (!describer) return FIRN_OK;
    source_description *found = NULL;
    firn_status         status = describer->describe(describer->state, d->relation->name, d->rules, d->arena, &found, &d->source_places, &d->source_declared, err);

    d->source = found;
    if (!status) return FIRN_OK;
    d->source = NULL;
    if (status == FIRN_CANCELLED || status == FIRN_NO_MEMORY) return status;
    /* What the source cannot say now, the lake and the events do. */
    log_debug("kafka: table '%s' is described without its source: %s", d->relation->name, err->cause);
    d->away = *err;
    firn_error_reset(err);
    return FIRN_OK;
}

static firn_status
finish(draft *d, source_description **ret_description, const int **ret_places, firn_error *err)
{
    source_description *description = firn_arena_alloc(d->arena, sizeof *description);
    source_table       *table = firn_arena_alloc(d->arena, sizeof *table);
    kafka_detail       *detail = firn_arena_alloc(d->arena, sizeof *detail);
    int32_t            *ids = firn_arena_array(d->arena, d->count + d->rules->key_count + d->relation->column_count + 1u, sizeof *ids);
    unsigned            key_count;

    if (!description || !table || !detail || !ids) return firn_fail_memory(err, "a table's description");
    key_count = choose_key(d, ids);
    if (!key_count && !d->lake && !d->source) FIRN_TRY(take_first_column(d, ids, &key_count, err));
    for (unsigned k = 0; k < key_count; k++) d->fields[ids[k]].required = true;
    *table = (source_table){.name = firn_arena_strdup(d->arena, d->relation->name), .kind = TABLE_ORDINARY, .readable = true};
    *detail = (kafka_detail){.rules = *d->rules, .declared = d->source_declared ? d->declared : NULL};
    *description = (source_description){.table = table, .detail = detail, .key_origin = key_count ? KEY_PRIMARY : KEY_NONE, .origins = d->source ? d->origins : NULL};
    FIRN_TRY(schema_new(0, d->fields, d->count, ids, key_count, true, &description->schema, err));
    *ret_description = description;
    if (ret_places) *ret_places = d->source_places ? d->places : NULL;
    return FIRN_OK;
}

static firn_status
fill(draft *d, source_description **ret_description, const int **ret_places, firn_error *err)
{
    unsigned room = d->relation->column_count + 1u;

    d->fields = firn_arena_array(d->arena, room, sizeof *d->fields);
    d->origins = firn_arena_array(d->arena, room, sizeof *d->origins);
    d->places = firn_arena_array(d->arena, room, sizeof *d->places);
    d->declared = firn_arena_array(d->arena, room, sizeof *d->declared);
    if (!d->fields || !d->origins || !d->places || !d->declared) return firn_fail_memory(err, "a table's description");
    for (unsigned c = 0; c < d->relation->column_count; c++) FIRN_TRY(add_column(d, c, err));
    return finish(d, ret_description, ret_places, err);
}

firn_status
stream_describe(change_stream *stream, change_relation *relation, const table_schema *lake, const table_rules *rules,
                firn_arena *arena, source_description **ret_description, const int **ret_places, firn_error *err)
{
    draft d = {.s = (kafka_stream *) stream, .relation = relation, .forms = dbz_relation_of(relation), .lake = lake, .rules = rules, .arena = arena};

    FIRN_TRY(ask_source(&d, err));
    firn_status status = fill(&d, ret_description, ret_places, err);
    if (d.source) schema_unref(d.source->schema); /* its texts and types are the arena's and ours; see kafka_describer */
    return status;
}

firn_status
stream_open_decoder(change_stream *stream, change_relation *relation, const source_description *description,
                    row_decoder **ret_decoder, firn_error *err)
{
    const kafka_stream *s = (const kafka_stream *) stream;
    const kafka_detail *detail = description->detail;
    dbz_decoding        decoding = {.rules = &detail->rules, .modes = s->settings.modes, .declared = detail->declared};

    return dbz_decoder_new(description, relation, &decoding, ret_decoder, err);
}
