/*
 * Which column of the source each field of a table in the lake is, in a table property: "field id:place" separated by
 * commas, with a '!' behind those that are NOT NULL in the source: "1:1!,2:2,7:4". A place (pg_attribute.attnum) stays
 * with a column that is renamed.
 */
#ifndef FIRN_SOURCE_COLUMN_PLACES_H
#define FIRN_SOURCE_COLUMN_PLACES_H

#include "source/source.h"

#define COLUMN_PLACES_PROPERTY "firn.column-places"

typedef struct column_place {
    int32_t field_id, place;
    bool    required; /* in the source */
} column_place;

/* `before` with one more; a column without a place is left out. In the arena; NULL: no memory. */
const char *column_places_add(firn_arena *arena, const char *before, const column_place *place);
/* All columns of a table that lies in the lake as the source has it. */
const char *column_places_of(const table_schema *schema, const column_origin origins[], firn_arena *arena);
/* What is not of the form is left out. */
FIRN_MUST_USE firn_status column_places_read(const char *text, firn_arena *arena, column_place **ret_places,
                                             unsigned *ret_count, firn_error *err);

#endif
