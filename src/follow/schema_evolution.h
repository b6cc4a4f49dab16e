/*
 * What the new shape of a source table makes of its table in the lake. Pure.
 *
 * Match:   columns are matched by their place in the source, which a rename does not change; those of the lake's fields are
 *          in the table's property COLUMN_PLACES_PROPERTY (column_places.h). Without it, by name.
 * Applied: what Iceberg can say of the rows that are there (spec, "Schema Evolution"): a column more that is null in old
 *          rows (or has one value there: format version 3), a column less, another name, int → long, float → double,
 *          a decimal with more digits, a column that may be null, another comment, another key of required columns
 * Reload:  what changes values of rows that no event tells of: another type, a default in old rows (format version 2), a
 *          key of columns that may be null in the lake. The table is loaded anew; its events before that are skipped.
 * Policy:  SCHEMA_ADDITIVE lets dropped columns stay (null from now on) and stops the table at renames, types and keys
 *          that are not additive; SCHEMA_STOP stops it at everything but comments
 */
#ifndef FIRN_FOLLOW_SCHEMA_EVOLUTION_H
#define FIRN_FOLLOW_SCHEMA_EVOLUTION_H

#include "iceberg/table_metadata.h"
#include "source/column_places.h"

typedef enum schema_policy { SCHEMA_APPLY, SCHEMA_ADDITIVE, SCHEMA_STOP } schema_policy;

typedef enum schema_change_kind {
    SCHEMA_ADD_COLUMN,
    SCHEMA_DROP_COLUMN,
    SCHEMA_RENAME_COLUMN,
    SCHEMA_CHANGE_TYPE,
    SCHEMA_CHANGE_NULLABILITY,
    SCHEMA_CHANGE_KEY,
    SCHEMA_CHANGE_COMMENT,
    SCHEMA_RECREATE_TABLE, /* dropped, or renamed, and another one made under its name: none of its columns */
    SCHEMA_DROP_TABLE,     /* likewise, and none made */
} schema_change_kind;

typedef enum schema_change_action {
    SCHEMA_APPLIED, /* the lake's schema says it now */
    SCHEMA_KEPT,    /* the lake stays as it is, on purpose: see `note` */
    SCHEMA_RELOAD,  /* the table is to be loaded anew */
    SCHEMA_STOPPED, /* the table stops: as configured, or because there is no other way */
} schema_change_action;

typedef struct schema_change {
    schema_change_kind   kind;
    schema_change_action action;
    const char          *column;        /* the name now; the one it had for a dropped column; "" for a key */
    int32_t              field_id;      /* 0: none (a key) */
    const char          *before, *after; /* types, names, "null", "not null", comments, "(a, b)"; NULL: none */
    const char          *note;          /* why it was not simply applied; NULL */
} schema_change;

typedef struct schema_evolution {
    unsigned             change_count;
    const schema_change *changes;
    schema_change_action verdict; /* APPLIED (also where nothing changed), RELOAD or STOPPED */
    bool                 key_changed;
    table_schema        *schema;          /* with field ids, a reference; NULL: the lake's stays */
    const int           *column_of_field; /* per field of the schema then: its column in the source, -1: null */
    const char          *places;          /* the property's new text; NULL: as it is */
} schema_evolution;

/* `described`: the columns as a load would make them, with origins[field_count]. Texts live in `arena`, `table` and
 * `described`; `schema` is unreferenced by schema_evolution_done. */
FIRN_MUST_USE firn_status schema_evolution_plan(const table_metadata *table, const table_schema *described,
                                                const column_origin origins[], schema_policy policy, firn_arena *arena,
                                                schema_evolution *ret_evolution, firn_error *err);
void                      schema_evolution_done(schema_evolution *evolution);

/* "add_column", …; "applied", …: as in _schema_changes. */
const char *schema_change_kind_name(schema_change_kind kind);
const char *schema_change_action_name(schema_change_action action);

#endif
