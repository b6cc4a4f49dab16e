#include "debezium/decoder.h"

#include "base/alloc.h"
#include "batch/array.h"
#include "debezium/decoding.h"
#include "debezium/form_avro.h"
#include "debezium/form_json.h"

#define COLUMN_SIZE_MAX ((size_t) 1 << 31)
#define SCRATCH_SIZE_MAX ((size_t) 1 << 30)
#define SCRATCH_SIZE_KEPT ((size_t) 1 << 20)
#define FORMS_SIZE_MAX ((size_t) 1 << 28)
#define DAMAGE_SIZE_MAX ((size_t) 1 << 28)

/* One column of the relation: where its values go. */
typedef struct column_place {
    dbz_cell *cell;          /* NULL: passed over */
    bool      replaces_null; /* every value may stand for a null */
} column_place;

typedef struct dbz_decoder {
    row_decoder      base;
    dbz_row          row;
    firn_arena       arena;
    dbz_cell        *cells; /* per column of the batch */
    unsigned         cell_count;
    column_builder **builders;
    column_place    *places; /* per column of the relation */
    unsigned         absent_count;
    dbz_cell       **absent; /* columns that the relation does not have */
    bool             has_unchanged;
    bool             was_taken; /* the damage that is noted is of the batch before */
} dbz_decoder;

static void
decoder_free(row_decoder *decoder)
{
    dbz_decoder *d = (dbz_decoder *) decoder;
    if (d->builders)
        for (unsigned i = 0; i < d->cell_count; i++) column_builder_free(d->builders[i]);
    firn_arena_done(&d->arena);
    firn_buffer_done(&d->row.scratch);
    firn_buffer_done(&d->row.scratch2);
    firn_buffer_done(&d->row.damage);
    schema_unref(d->base.schema);
    if (d->row.relation) change_relation_unref(d->row.relation);
    firn_free(d);
}

/* ---- rows ---- */

static firn_status
add_default(dbz_decoder *d, dbz_cell *cell, firn_error *err)
{
    return dbz_add_damaged(&d->row, cell, "null becomes the column's default; value.converter.replace.null.with.default=false keeps it", err);
}

static firn_status
add_token(dbz_decoder *d, const column_place *place, firn_slice token, firn_error *err)
{
    dbz_cell *cell = place->cell;
    if (FIRN_UNLIKELY(place->replaces_null)) return add_default(d, cell, err);
    bool may_be_null = cell->avro ? !d->row.modes.nulls_stay_nulls : d->row.modes.nulls_become_defaults;
    if (FIRN_UNLIKELY(cell->form.replaces_null && may_be_null && firn_slice_equal(token, cell->form.default_value)))
        return add_default(d, cell, err);
    return cell->avro ? avro_value_add(&d->row, cell, cell->avro, token, err) : json_value_add(&d->row, cell, token, err);
}

static firn_status
add_value(dbz_decoder *d, const column_place *place, const tuple_value *value, firn_error *err)
{
    dbz_cell *cell = place->cell;
    switch (value->kind) {
    case TUPLE_TEXT:
        return add_token(d, place, value->bytes, err);
    case TUPLE_NULL:
        return dbz_value_add_null(&d->row, cell, err);
    case TUPLE_UNCHANGED:
        if (d->has_unchanged) return column_add_null(cell->builder, err);
        break;
    case TUPLE_BINARY:
        if (cell->avro) return add_token(d, place, value->bytes, err);
        break;
    }
    return firn_fail(err, FIRN_E_BUG, "column '%s' of '%s.%s' is to be decoded without its value", cell->column, d->row.relation->schema,
                     d->row.relation->name);
}

static firn_status
add_row(dbz_decoder *d, const change_tuple *tuple, firn_error *err)
{
    const uint8_t *at = tuple->bytes.data;
    for (unsigned i = 0; i < tuple->column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        if (d->places[i].cell) FIRN_TRY(add_value(d, &d->places[i], &value, err));
    }
    for (unsigned i = 0; i < d->absent_count; i++)
        FIRN_TRY(dbz_add_damaged(&d->row, d->absent[i], "the column is missing from the events", err));
    return FIRN_OK;
}

static void
show_damage(dbz_decoder *d)
{
    d->base.damage = (const row_damage *) (const void *) d->row.damage.data;
    d->base.damage_count = d->row.damage.size / sizeof(row_damage);
}

static firn_status
decoder_append(row_decoder *decoder, const change_tuple *tuple, firn_error *err)
{
    dbz_decoder *d = (dbz_decoder *) decoder;
    uint64_t     coerced_before = d->row.coerced_count;
    if (d->was_taken) firn_buffer_reset(&d->row.damage);
    d->was_taken = false;
    size_t damage_before = d->row.damage.size;
    if (FIRN_UNLIKELY(tuple->column_count != d->row.relation->column_count))
        return firn_fail(err, FIRN_E_BUG, "a row of '%s.%s' has %u columns where %u are decoded", d->row.relation->schema,
                         d->row.relation->name, tuple->column_count, d->row.relation->column_count);
    d->has_unchanged = tuple->has_unchanged;
    d->row.tuple = tuple;
    d->row.number = (uint32_t) d->base.row_count;
    d->row.collects_damage = decoder->collects_damage;
    firn_status status = add_row(d, tuple, err);
    d->row.tuple = NULL;
    if (FIRN_UNLIKELY(status != FIRN_OK)) {
        for (unsigned i = 0; i < d->cell_count; i++) column_rewind(d->builders[i], (int64_t) d->base.row_count);
        d->row.coerced_count = coerced_before;
        d->row.damage.size = damage_before;
        show_damage(d);
        return status;
    }
    d->base.row_count++;
    d->base.size_bytes += tuple->bytes.size;
    d->base.coerced_count = d->row.coerced_count;
    show_damage(d);
    if (FIRN_UNLIKELY(d->row.scratch.capacity > SCRATCH_SIZE_KEPT)) {
        firn_buffer_done(&d->row.scratch);
        firn_buffer_init(&d->row.scratch, SCRATCH_SIZE_MAX);
    }
    return FIRN_OK;
}

/* As batch_from_builders, but holes of required columns are the caller's to fill. */
static firn_status
decoder_take(row_decoder *decoder, batch *ret_batch, firn_error *err)
{
    dbz_decoder *d = (dbz_decoder *) decoder;
    FIRN_AUTO(array_done) struct ArrowArray array = {0};
    *ret_batch = (batch){0};
    if (d->base.row_count == 0) return FIRN_OK;
    if (!array_init(&array, 1, d->cell_count)) return firn_fail_memory(err, "a batch");
    array.length = (int64_t) d->base.row_count;
    for (unsigned i = 0; i < d->cell_count; i++) FIRN_TRY(column_builder_finish(d->builders[i], array.children[i], err));
    batch_init(ret_batch, d->base.schema, &array);
    d->base.row_count = d->base.size_bytes = 0;
    d->was_taken = true;
    return FIRN_OK;
}

static const row_decoder_ops dbz_decoder_ops = {
    .append = decoder_append,
    .take = decoder_take,
    .free = decoder_free,
};

/* ---- making one ---- */

/* The form of a nested type's child, where the form around it has one. */
static dbz_form
child_form(const dbz_form *form, const data_type *type, unsigned child)
{
    if (type->kind == TYPE_STRUCT) {
        for (unsigned i = 0; form->names && i < form->child_count; i++)
            if (firn_slice_equal(form->names[i], firn_slice_text(type->fields[child].name))) return form->children[i];
    } else if (child < form->child_count) {
        return form->children[child];
    }
    dbz_form unknown = {.is_declared = form->is_declared};
    /* hstore's keys and values are texts. */
    if (type->kind == TYPE_MAP) unknown.kind = DBZ_FORM_TEXT;
    return unknown;
}

static firn_status
init_cell(dbz_decoder *d, dbz_cell *cell, unsigned number, column_builder *builder, const schema_field *field, const dbz_form *form, const dbz_cell *parent,
          firn_error *err)
{
    const data_type *type = field->type;
    cell->column = parent ? parent->column : field->name;
    cell->number = number;
    cell->name = field->name;
    cell->type = type;
    cell->form = *form;
    cell->policy = parent ? parent->policy : unfit_value_policy(d->row.rules, field->name);
    cell->is_required = field->required;
    cell->is_nested = parent != NULL;
    cell->builder = builder;
    if (parent && form->kind != DBZ_FORM_UNKNOWN) FIRN_TRY(dbz_form_declare(NULL, type, &d->row.modes, d->row.connector, &d->arena, &cell->form, err));
    if (!type_is_nested(type->kind)) return FIRN_OK;
    cell->child_count = type->field_count;
    cell->children = firn_arena_array(&d->arena, type->field_count, sizeof *cell->children);
    if (!cell->children) return firn_fail_memory(err, "a decoder of events");
    for (unsigned i = 0; i < type->field_count; i++) {
        dbz_form child = child_form(&cell->form, type, i);
        FIRN_TRY(init_cell(d, &cell->children[i], number, column_child(builder, i), &type->fields[i], &child, cell, err));
    }
    return FIRN_OK;
}

static firn_status
find_form(dbz_decoder *d, const dbz_decoding *decoding, unsigned column, const dbz_column *member, dbz_form *ret_form,
          const avro_schema **ret_avro, firn_error *err)
{
    const char *declared = decoding->declared ? decoding->declared[column] : NULL;
    *ret_form = (dbz_form){0};
    *ret_avro = NULL;
    if (member && dbz_relation_of(d->row.relation)->is_avro) {
        const avro_schema *schema;
        FIRN_TRY(avro_schema_parse(member->schema, "a column", &d->arena, &schema, err));
        FIRN_TRY(form_avro_read(schema, &d->arena, ret_form, err));
        *ret_avro = avro_schema_value(schema) ? avro_schema_value(schema) : schema;
    } else if (member && member->schema.size) FIRN_TRY(form_json_read(member->schema, &d->arena, ret_form, err));
    return dbz_form_declare(declared, d->base.schema->fields[column].type, &d->row.modes, d->row.connector, &d->arena, ret_form, err);
}

static firn_status
init_column(dbz_decoder *d, const dbz_decoding *decoding, unsigned column, firn_error *err)
{
    const schema_field *field = &d->base.schema->fields[column];
    const dbz_relation *relation = dbz_relation_of(d->row.relation);
    int                 place = change_relation_column(d->row.relation, field->name);
    dbz_form            form;
    const avro_schema  *avro;
    FIRN_TRY(column_builder_new(field->type, COLUMN_SIZE_MAX, &d->builders[column], err));
    d->cell_count = column + 1;
    FIRN_TRY(find_form(d, decoding, column, place >= 0 ? &relation->columns[place] : NULL, &form, &avro, err));
    FIRN_TRY(init_cell(d, &d->cells[column], column, d->builders[column], field, &form, NULL, err));
    if (place < 0) {
        d->absent[d->absent_count++] = &d->cells[column];
        return FIRN_OK;
    }
    d->cells[column].avro = avro;
    d->places[place].cell = &d->cells[column];
    const column_origin *origin = d->row.description->origins ? &d->row.description->origins[column] : NULL;
    d->places[place].replaces_null = d->row.modes.nulls_become_defaults && origin && origin->has_default && !field->required &&
                                     relation->columns[place].schema.size == 0;
    return FIRN_OK;
}

firn_status
dbz_decoder_new(const source_description *description, change_relation *relation, const dbz_decoding *decoding, row_decoder **ret_decoder,
                firn_error *err)
{
    dbz_decoder *d = firn_calloc(1, sizeof *d);
    unsigned     count = description->schema->field_count;
    if (!d) return firn_fail_memory(err, "a decoder of events");
    d->base.ops = &dbz_decoder_ops;
    d->base.schema = schema_ref(description->schema);
    FIRN_AUTO(row_decoder_freep) row_decoder *owned = &d->base;
    firn_arena_init(&d->arena, FORMS_SIZE_MAX);
    firn_buffer_init(&d->row.scratch, SCRATCH_SIZE_MAX);
    firn_buffer_init(&d->row.scratch2, SCRATCH_SIZE_MAX);
    firn_buffer_init(&d->row.damage, DAMAGE_SIZE_MAX);
    d->row.description = description;
    d->row.rules = decoding->rules;
    d->row.relation = change_relation_ref(relation);
    d->row.modes = decoding->modes;
    d->row.connector = dbz_relation_of(relation)->connector;
    if (d->row.connector == DBZ_OTHER) d->row.connector = decoding->connector;
    d->cells = firn_arena_array(&d->arena, count ? count : 1, sizeof *d->cells);
    d->builders = firn_arena_array(&d->arena, count ? count : 1, sizeof(column_builder *));
    d->absent = firn_arena_array(&d->arena, count ? count : 1, sizeof(dbz_cell *));
    d->places = firn_arena_array(&d->arena, relation->column_count + 1, sizeof *d->places);
    if (!d->cells || !d->builders || !d->absent || !d->places) return firn_fail_memory(err, "a decoder of events");
    for (unsigned i = 0; i < count; i++) FIRN_TRY(init_column(d, decoding, i, err));
    *ret_decoder = FIRN_STEAL(owned);
    return FIRN_OK;
}
