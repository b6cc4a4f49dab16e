#include "follow/schema_evolution.h"

#include <stdio.h>
#include <string.h>

#include "follow/missing_value.h"

typedef struct plan {
    const table_metadata *table;
    const table_schema   *lake, *described;
    const column_origin  *origins;
    schema_policy         policy;
    firn_arena           *arena;
    unsigned              known_count;
    column_place         *known;
    int                  *column_of; /* per field of the lake: the described column, -1: dropped */
    int                  *field_of;  /* the other way round, -1: added */
    unsigned              change_count, change_capacity;
    schema_change        *changes;
    schema_change_action  verdict;
    unsigned              field_count;
    schema_field         *fields;    /* of the schema to be */
    int                  *places_of; /* per field to be: the described column, -1 */
    int32_t               last_id;
    bool                  differs; /* the schema to be is another one */
} plan;

const char *
schema_change_kind_name(schema_change_kind kind)
{
    static const char *const names[] = {"add_column",         "drop_column", "rename_column", "change_type",
                                        "change_nullability", "change_key",  "change_comment",
                                        "recreate_table",     "drop_table"};

    return names[kind];
}

const char *
schema_change_action_name(schema_change_action action)
{
    static const char *const names[] = {"applied", "kept", "reload", "stopped"};

    return names[action];
}

void
schema_evolution_done(schema_evolution *evolution)
{
    schema_unref(evolution->schema);
    evolution->schema = NULL;
}

/* ---- places ---- */

static firn_status
read_places(plan *p, firn_error *err)
{
    const char *text = table_metadata_property(p->table, COLUMN_PLACES_PROPERTY);

    return text ? column_places_read(text, p->arena, &p->known, &p->known_count, err) : FIRN_OK;
}

static const column_place *
place_of_field(const plan *p, int32_t field_id)
{
    for (unsigned i = 0; i < p->known_count; i++) {
        if (p->known[i].field_id == field_id) return &p->known[i];
    }
    return NULL;
}

/* ---- matching ---- */

static int
match_by_place(const plan *p, int32_t place)
{
    for (unsigned f = 0; place && f < p->lake->field_count; f++) {
        const column_place *known = place_of_field(p, p->lake->fields[f].id);

        if (known && known->place == place) return (int) f;
    }
    return -1;
}

/* Whether the columns that are not clear are just the lake's that are left, by their names and in their order: then the rows are of the shape
 * that the lake has, and all that makes them unclear came later. */
static bool
are_as_in_lake(const plan *p)
{
    int32_t  last = 0;
    unsigned left_count = 0;

    for (unsigned f = 0; f < p->lake->field_count; f++) left_count += p->column_of[f] < 0 && place_of_field(p, p->lake->fields[f].id);
    for (unsigned c = 0; c < p->described->field_count; c++) {
        if (p->field_of[c] >= 0 || p->origins[c].place > 0) continue;
        int index = schema_column_index(p->lake, p->described->fields[c].name);
        const column_place *known = index >= 0 && p->column_of[index] < 0 ? place_of_field(p, p->lake->fields[index].id) : NULL;

        if (known) left_count--;
        if (known ? known->place <= last : p->origins[c].place == COLUMN_PLACE_UNCLEAR) return false;
        if (known) last = known->place;
    }
    return left_count == 0;
}

/* A field whose place is known is another column, unless this one's is not. */
static int
match_by_name(const plan *p, unsigned column, bool as_in_lake)
{
    int index = schema_column_index(p->lake, p->described->fields[column].name), place = p->origins[column].place;

    if (index < 0 || p->column_of[index] >= 0) return -1;
    bool is_other = place > 0 || (place == COLUMN_PLACE_UNCLEAR && !as_in_lake);
    return is_other && place_of_field(p, p->lake->fields[index].id) ? -1 : index;
}

static bool
is_there(const plan *p, int32_t place)
{
    for (unsigned c = 0; c < p->described->field_count; c++) {
        if (p->origins[c].place == place) return true;
    }
    return false;
}

/* A column bears a name that another one has in the lake. Whether the row may have come while it was still that one's: columns come in the order of
 * their places, and all that the lake knows and that are still there were there then, on their side of it. */
static bool
may_be_older(const plan *p, unsigned column)
{
    int                 index = schema_column_index(p->lake, p->described->fields[column].name);
    const column_place *old = index >= 0 ? place_of_field(p, p->lake->fields[index].id) : NULL;
    unsigned            below = 0, above = 0;

    if (!old || p->origins[column].place <= 0 || old->place == p->origins[column].place) return false;
    for (unsigned i = 0; i < p->known_count; i++) {
        if (p->known[i].place == old->place || !is_there(p, p->known[i].place)) continue;
        if (p->known[i].place < old->place) below++;
        else
            above++;
    }
    return below <= column && above <= p->described->field_count - 1 - column;
}

static firn_status
match_columns(plan *p, firn_error *err)
{
    p->column_of = firn_arena_array(p->arena, p->lake->field_count + 1, sizeof *p->column_of);
    p->field_of = firn_arena_array(p->arena, p->described->field_count + 1, sizeof *p->field_of);
    if (!p->column_of || !p->field_of) return firn_fail_memory(err, "a table's columns");
    for (unsigned f = 0; f < p->lake->field_count; f++) p->column_of[f] = -1;
    for (unsigned c = 0; c < p->described->field_count; c++) {
        p->field_of[c] = match_by_place(p, p->origins[c].place);
        if (p->field_of[c] >= 0) p->column_of[p->field_of[c]] = (int) c;
    }
    bool as_in_lake = are_as_in_lake(p);
    for (unsigned c = 0; c < p->described->field_count; c++) {
        if (p->field_of[c] >= 0) continue;
        p->field_of[c] = match_by_name(p, c, as_in_lake);
        if (p->field_of[c] >= 0) p->column_of[p->field_of[c]] = (int) c;
    }
    return FIRN_OK;
}

/* ---- what changed ---- */

/* Notes a change. The policy turns some actions into stops. */
static firn_status
note(plan *p, schema_change change, firn_error *err)
{
    bool additive = change.kind == SCHEMA_ADD_COLUMN || change.kind == SCHEMA_CHANGE_NULLABILITY ||
                    change.kind == SCHEMA_CHANGE_COMMENT || change.action == SCHEMA_KEPT ||
                    (change.kind == SCHEMA_CHANGE_TYPE && change.action == SCHEMA_APPLIED);

    if ((p->policy == SCHEMA_STOP && change.kind != SCHEMA_CHANGE_COMMENT) ||
        (p->policy == SCHEMA_ADDITIVE && !additive)) {
        change.action = SCHEMA_STOPPED;
        change.note = p->policy == SCHEMA_STOP ? "schema_changes: stop" : "schema_changes: additive";
    }
    if (p->change_count == p->change_capacity) {
        unsigned       capacity = p->change_capacity ? p->change_capacity * 2 : 8;
        schema_change *room = firn_arena_array(p->arena, capacity, sizeof *room);

        if (!room) return firn_fail_memory(err, "a table's changes");
        if (p->change_count) memcpy(room, p->changes, p->change_count * sizeof *room);
        p->changes = room;
        p->change_capacity = capacity;
    }
    p->changes[p->change_count++] = change;
    if (change.action > p->verdict && change.action != SCHEMA_KEPT) p->verdict = change.action;
    return FIRN_OK;
}

static firn_status
type_text(const plan *p, const data_type *type, const char **ret_text, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, 1 << 20);
    FIRN_TRY(data_type_format(type, &text, err));
    *ret_text = firn_arena_text(p->arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a type's name");
}

/* Spec, "Schema Evolution": the promotions that every reader knows. */
static bool
is_promotion(const data_type *from, const data_type *to)
{
    if (from->kind == TYPE_INT) return to->kind == TYPE_LONG;
    if (from->kind == TYPE_FLOAT) return to->kind == TYPE_DOUBLE;
    return from->kind == TYPE_DECIMAL && to->kind == TYPE_DECIMAL && from->scale == to->scale &&
           to->precision > from->precision;
}

static firn_status
compare_type(plan *p, schema_field *field, const schema_field *wanted, firn_error *err)
{
    schema_change change = {.kind = SCHEMA_CHANGE_TYPE, .column = wanted->name, .field_id = field->id};

    if (data_type_equal(field->type, wanted->type)) return FIRN_OK;
    FIRN_TRY(type_text(p, field->type, &change.before, err));
    FIRN_TRY(type_text(p, wanted->type, &change.after, err));
    if (is_promotion(field->type, wanted->type)) {
        field->type = wanted->type;
        p->differs = true;
        return note(p, change, err);
    }
    change.action = SCHEMA_RELOAD;
    change.note = "Iceberg has no such change of a type: the column is a new one";
    return note(p, change, err);
}

static firn_status
compare_nullability(plan *p, schema_field *field, const schema_field *wanted, firn_error *err)
{
    const column_place *known = place_of_field(p, field->id);
    bool               was_required = known ? known->required : field->required;
    schema_change      change = {.kind = SCHEMA_CHANGE_NULLABILITY,
                                 .column = wanted->name,
                                 .field_id = field->id,
                                 .before = was_required ? "not null" : "null",
                                 .after = wanted->required ? "not null" : "null"};

    if (field->required && !wanted->required) {
        field->required = false;
        p->differs = true;
    }
    if (was_required == wanted->required) return FIRN_OK;
    if (wanted->required) {
        change.action = SCHEMA_KEPT;
        change.note = "Iceberg cannot make a column required";
    }
    return note(p, change, err);
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static firn_status
compare_column(plan *p, unsigned field_index, unsigned column, schema_field *field, firn_error *err)
{
    const schema_field *old = &p->lake->fields[field_index], *wanted = &p->described->fields[column];

    if (strcmp(old->name, wanted->name) != 0) {
        field->name = wanted->name;
        p->differs = true;
        FIRN_TRY(note(p,
                      (schema_change){.kind = SCHEMA_RENAME_COLUMN,
                                      .column = wanted->name,
                                      .field_id = old->id,
                                      .before = old->name,
                                      .after = wanted->name},
                      err));
    }
    FIRN_TRY(compare_type(p, field, wanted, err));
    FIRN_TRY(compare_nullability(p, field, wanted, err));
    if (same_text(old->doc, wanted->doc)) return FIRN_OK;
    field->doc = wanted->doc;
    p->differs = true;
    return note(p,
                (schema_change){.kind = SCHEMA_CHANGE_COMMENT,
                                .column = wanted->name,
                                .field_id = old->id,
                                .before = old->doc,
                                .after = wanted->doc},
                err);
}

/* Partitions and sort orders may speak of a column that is gone only in the past. */
static bool
is_source_column(const plan *p, int32_t field_id)
{
    const partition_spec *spec = p->table->default_spec;
    const sort_order     *order = p->table->default_sort_order;

    for (unsigned i = 0; spec && i < spec->field_count; i++) {
        if (spec->fields[i].source_id == field_id) return true;
    }
    for (unsigned i = 0; order && i < order->field_count; i++) {
        if (order->fields[i].source_id == field_id) return true;
    }
    return false;
}

/* Whether the column leaves the lake's schema; one that stays is null from now on. */
static firn_status
drop_column(plan *p, schema_field *field, bool *ret_gone, firn_error *err)
{
    schema_change change = {.kind = SCHEMA_DROP_COLUMN, .column = field->name, .field_id = field->id};
    bool          placed = place_of_field(p, field->id) != NULL;

    *ret_gone = false;
    FIRN_TRY(type_text(p, field->type, &change.before, err));
    if (is_source_column(p, field->id)) {
        change.action = SCHEMA_KEPT;
        change.note = "the table is partitioned or sorted by it: it stays and is null from now on";
    } else if (p->policy == SCHEMA_ADDITIVE) {
        change.action = SCHEMA_KEPT;
        change.note = "schema_changes: additive: it stays and is null from now on";
    } else {
        *ret_gone = true;
    }
    p->differs |= *ret_gone || field->required;
    if (!*ret_gone) field->required = false;
    // A column that stayed earlier has no place any more: told once.
    if (!*ret_gone && p->known_count && !placed) return FIRN_OK;
    return note(p, change, err);
}

static bool
has_rows(const plan *p)
{
    return p->table->current_snapshot && table_metadata_record_count(p->table) != 0;
}

/* Iceberg's vectorised Spark reader (1.10.0) fails on a column whose Parquet type is another integer than its own type and
 * that has a default: decimals of up to 18 digits. The table would be there, and could not be read. */
static bool
is_default_readable(const data_type *type)
{
    return type->kind != TYPE_DECIMAL || type->precision > 18;
}

static firn_status
add_column(plan *p, unsigned column, schema_field *field, firn_error *err)
{
    const schema_field  *wanted = &p->described->fields[column];
    const column_origin *origin = &p->origins[column];
    schema_change        change = {.kind = SCHEMA_ADD_COLUMN, .column = wanted->name};

    FIRN_TRY(schema_field_renumber(wanted, &p->last_id, p->arena, field, err));
    change.field_id = field->id;
    FIRN_TRY(type_text(p, wanted->type, &change.after, err));
    p->differs = true;
    if (origin->place == COLUMN_PLACE_UNCLEAR) {
        change.action = SCHEMA_RELOAD;
        change.note = "columns were renamed or made again before firn came to it, and the stream does not tell which this one is";
        return note(p, change, err);
    }
    if (!has_rows(p)) return note(p, change, err);
    if (origin->missing_value && p->table->format_version >= 3 && is_default_readable(wanted->type))
        FIRN_TRY(missing_value_to_json(wanted->type, origin->missing_value, p->arena, &field->initial_default, err));
    field->write_default = field->initial_default;
    if (!field->initial_default) field->required = false;
    if ((origin->missing_value || origin->has_default) && !field->initial_default) {
        change.action = SCHEMA_RELOAD;
        change.note = p->table->format_version < 3        ? "old rows have a default, which format version 2 cannot say"
                      : is_default_readable(wanted->type) ? "old rows have values that no event tells of"
                                                          : "old rows have a default, which Spark cannot read in a decimal of up to 18 digits";
    }
    return note(p, change, err);
}

/* The stream has names only. */
static firn_status
check_places(plan *p, firn_error *err)
{
    for (unsigned c = 0; c < p->described->field_count; c++) {
        if (!may_be_older(p, c)) continue;
        FIRN_TRY(note(p,
                      (schema_change){.kind = SCHEMA_ADD_COLUMN,
                                      .action = SCHEMA_RELOAD,
                                      .column = p->described->fields[c].name,
                                      .note = "another column had this name, and the stream does not tell which one a row has"},
                      err));
    }
    return FIRN_OK;
}

static firn_status
make_fields(plan *p, firn_error *err)
{
    unsigned room = p->lake->field_count + p->described->field_count + 1;

    p->fields = firn_arena_array(p->arena, room, sizeof *p->fields);
    p->places_of = firn_arena_array(p->arena, room, sizeof *p->places_of);
    if (!p->fields || !p->places_of) return firn_fail_memory(err, "a table's columns");
    for (unsigned f = 0; f < p->lake->field_count; f++) {
        schema_field *field = &p->fields[p->field_count];
        bool          gone = false;

        *field = p->lake->fields[f];
        if (p->column_of[f] >= 0) FIRN_TRY(compare_column(p, f, (unsigned) p->column_of[f], field, err));
        else
            FIRN_TRY(drop_column(p, field, &gone, err));
        if (gone) continue;
        p->places_of[p->field_count++] = p->column_of[f];
    }
    for (unsigned c = 0; c < p->described->field_count; c++) {
        if (p->field_of[c] >= 0) continue;
        FIRN_TRY(add_column(p, c, &p->fields[p->field_count], err));
        p->places_of[p->field_count++] = (int) c;
    }
    return FIRN_OK;
}

/* A column that stays although the source has dropped it may bear the name of a new one. */
static firn_status
check_names(plan *p, firn_error *err)
{
    for (unsigned i = 0; i < p->field_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(p->fields[i].name, p->fields[k].name) != 0) continue;
            FIRN_TRY(note(p,
                          (schema_change){.kind = SCHEMA_ADD_COLUMN,
                                          .action = SCHEMA_STOPPED,
                                          .column = p->fields[i].name,
                                          .field_id = p->fields[i].id,
                                          .note = "a column that was dropped from the source stays under this name"},
                          err));
        }
    }
    return FIRN_OK;
}

/* ---- the key ---- */

static int
field_to_be(const plan *p, int column)
{
    for (unsigned i = 0; i < p->field_count; i++) {
        if (p->places_of[i] == column) return (int) i;
    }
    return -1;
}

static bool
has_id(const int32_t ids[], unsigned count, int32_t id)
{
    for (unsigned i = 0; i < count; i++) {
        if (ids[i] == id) return true;
    }
    return false;
}

static const char *
key_text(const plan *p, const schema_field fields[], unsigned field_count, const int32_t ids[], unsigned count)
{
    const char *text = "(";

    for (unsigned k = 0; k < count && text; k++) {
        for (unsigned i = 0; i < field_count && text; i++) {
            if (fields[i].id == ids[k])
                text = firn_arena_printf(p->arena, "%s%s%s", text, k ? ", " : "", fields[i].name);
        }
    }
    return text ? firn_arena_printf(p->arena, "%s)", text) : NULL;
}

/* The ids of the key to be; whether all its columns are required in the lake. */
static bool
find_key(const plan *p, int32_t ids[])
{
    bool required = true;

    for (unsigned k = 0; k < p->described->key_count; k++) {
        int column = -1, field;

        for (unsigned c = 0; c < p->described->field_count; c++) {
            if (p->described->fields[c].id == p->described->key_ids[k]) column = (int) c;
        }
        field = field_to_be(p, column);
        ids[k] = field < 0 ? 0 : p->fields[field].id;
        required = required && field >= 0 && p->fields[field].required;
    }
    return required;
}

static firn_status
compare_key(plan *p, int32_t ids[], bool *ret_changed, firn_error *err)
{
    unsigned      count = p->described->key_count;
    schema_change change = {.kind = SCHEMA_CHANGE_KEY, .column = ""};
    bool          required = find_key(p, ids), same = count == p->lake->key_count;

    for (unsigned k = 0; k < count && same; k++) same = has_id(p->lake->key_ids, count, ids[k]);
    *ret_changed = !same;
    if (same) return FIRN_OK;
    p->differs = true;
    change.before = key_text(p, p->lake->fields, p->lake->field_count, p->lake->key_ids, p->lake->key_count);
    change.after = key_text(p, p->fields, p->field_count, ids, count);
    if (!change.before || !change.after) return firn_fail_memory(err, "a key");
    if (!required) {
        change.action = SCHEMA_RELOAD;
        change.note = "a column of the new key may be null in the lake, which Iceberg cannot change";
    }
    return note(p, change, err);
}

/* ---- all of it ---- */

static firn_status
new_places(const plan *p, schema_evolution *out, firn_error *err)
{
    const char *old = table_metadata_property(p->table, COLUMN_PLACES_PROPERTY), *text = "";

    for (unsigned i = 0; i < p->field_count && text; i++) {
        if (p->places_of[i] < 0) continue;
        const column_place *known = place_of_field(p, p->fields[i].id);
        column_place        place = {p->fields[i].id, p->origins[p->places_of[i]].place,
                                     p->described->fields[p->places_of[i]].required};
        /* The source has it under another name by now, and will tell: what is known of it must not be forgotten. */
        if (place.place <= 0 && known) place = *known;
        text = column_places_add(p->arena, text, &place);
    }
    if (!text) return firn_fail_memory(err, "a table's columns");
    if (!same_text(old, text)) out->places = text;
    return FIRN_OK;
}

firn_status
schema_evolution_plan(const table_metadata *table, const table_schema *described, const column_origin origins[],
                      schema_policy policy, firn_arena *arena, schema_evolution *ret_evolution, firn_error *err)
{
    plan     p = {.table = table,
                  .lake = table_metadata_schema(table),
                  .described = described,
                  .origins = origins,
                  .policy = policy,
                  .arena = arena,
                  .last_id = table->last_column_id};
    int32_t *key_ids = firn_arena_array(arena, described->key_count + 1, sizeof *key_ids);

    *ret_evolution = (schema_evolution){0};
    if (!key_ids) return firn_fail_memory(err, "a key");
    FIRN_TRY(read_places(&p, err));
    FIRN_TRY(match_columns(&p, err));
    FIRN_TRY(make_fields(&p, err));
    FIRN_TRY(check_places(&p, err));
    FIRN_TRY(check_names(&p, err));
    FIRN_TRY(compare_key(&p, key_ids, &ret_evolution->key_changed, err));
    ret_evolution->change_count = p.change_count;
    ret_evolution->changes = p.changes;
    ret_evolution->verdict = p.verdict;
    ret_evolution->column_of_field = p.places_of;
    FIRN_TRY(new_places(&p, ret_evolution, err));
    if (!p.differs || p.verdict != SCHEMA_APPLIED) return FIRN_OK;
    return schema_new(p.lake->schema_id, p.fields, p.field_count, key_ids, described->key_count, false,
                      &ret_evolution->schema, err);
}
