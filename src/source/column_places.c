#include "source/column_places.h"

#include <string.h>

#include "base/text.h"

const char *
column_places_add(firn_arena *arena, const char *before, const column_place *place)
{
    if (place->place <= 0) return before;
    return firn_arena_printf(arena, "%s%s%d:%d%s", before, *before ? "," : "", (int) place->field_id,
                             (int) place->place, place->required ? "!" : "");
}

const char *
column_places_of(const table_schema *schema, const column_origin origins[], firn_arena *arena)
{
    const char *text = "";

    for (unsigned i = 0; i < schema->field_count && text; i++) {
        const column_place place = {schema->fields[i].id, origins[i].place, schema->fields[i].required};

        text = column_places_add(arena, text, &place);
    }
    return text;
}

/* "12:3!" */
static bool
parse(firn_slice item, column_place *ret_place)
{
    const uint8_t *colon = memchr(item.data, ':', item.size);
    int64_t        id, place;

    if (!colon) return false;
    ret_place->required = item.data[item.size - 1] == '!';
    firn_slice left = firn_slice_of(item.data, (size_t) (colon - item.data));
    firn_slice right = firn_slice_of(colon + 1, item.size - left.size - 1);
    if (right.size && ret_place->required) right.size--;
    if (!text_parse_i64(left, &id) || !text_parse_i64(right, &place)) return false;
    if (id <= 0 || id > INT32_MAX || place <= 0 || place > INT32_MAX) return false;
    ret_place->field_id = (int32_t) id;
    ret_place->place = (int32_t) place;
    return true;
}

firn_status
column_places_read(const char *text, firn_arena *arena, column_place **ret_places, unsigned *ret_count, firn_error *err)
{
    size_t room = 1;

    for (const char *at = text; *at; at++) room += *at == ',';
    *ret_count = 0;
    *ret_places = firn_arena_array(arena, room, sizeof **ret_places);
    if (!*ret_places) return firn_fail_memory(err, "a table's columns");
    while (*text) {
        size_t size = strcspn(text, ",");

        if (size && parse(firn_slice_of(text, size), &(*ret_places)[*ret_count])) (*ret_count)++;
        text += size + (text[size] == ',');
    }
    return FIRN_OK;
}
