/*
 * Which column of the source each field of a table in the lake is, in a table property: "field id:place" separated by
 * commas, with a '!' behind those that are NOT NULL in the source: "1:1!,2:2,7:4". A place (pg_attribute.attnum) stays
 * with a column that is renamed.
 */
#ifndef FIRN_SOURCE_COLUMN_PLACES_H
#define FIRN_SOURCE_COLUMN_PLACES_H

#include "source/source.h"

#define COLUMN_PLACES_PROPERTY "firn.column-places"
/* Which column it is cannot be told: it has another name now, or another one has its name. 0: it is not there any more. */
#define COLUMN_PLACE_UNCLEAR (-1)

typedef struct column_place {
    int32_t field_id, place;
    bool    required; /* in the source */
} column_place;

/* A relation's columns, which come in the order of their places, each with the place of the column that has its name now; 0: none has. Those that are
 * there under another name are found by the order: `unclaimed` are the places, ascending, whose names the relation does not have. Behind the last column
 * that is known, places may be those of columns that came later: nothing is told there. */
void column_places_infer(int places[], unsigned count, const int unclaimed[], unsigned unclaimed_count);

/* `before` with one more; a column without a place is left out. In the arena; NULL: no memory. */
const char *column_places_add(firn_arena *arena, const char *before, const column_place *place);
/* All columns of a table that lies in the lake as the source has it. */
const char *column_places_of(const table_schema *schema, const column_origin origins[], firn_arena *arena);
/* What is not of the form is left out. */
FIRN_MUST_USE firn_status column_places_read(const char *text, firn_arena *arena, column_place **ret_places,
                                             unsigned *ret_count, firn_error *err);

#endif
