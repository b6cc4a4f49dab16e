#include "source/column_places.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Names that stand in another order than their places are not those that the relation means. */
static void
mark_disordered(int places[], unsigned count)
{
    int most = 0, least = INT_MAX;

    for (unsigned i = 0; i < count; i++) {
        bool is_behind = places[i] && places[i] <= most;
        if (places[i] > most) most = places[i];
        if (is_behind) places[i] = -places[i]; /* the others of its pair still have to see it */
    }
    for (unsigned i = count; i-- > 0;) {
        int place = abs(places[i]);
        if (!place) continue;
        if (places[i] < 0 || place >= least) places[i] = COLUMN_PLACE_UNCLEAR;
        if (place < least) least = place;
    }
}

/* Columns without a place between two that have one; `most`: INT_MAX behind the last one. False: they cannot stand there, or another one
 * should, so that some name is not that of the column that has it now. */
static bool
place_run(int run[], unsigned count, int least, int most, const int unclaimed[], unsigned unclaimed_count)
{
    unsigned first = 0, found = 0;
    bool     is_last = most == INT_MAX, is_clear = !is_last;

    while (first < unclaimed_count && unclaimed[first] <= least) first++;
    while (first + found < unclaimed_count && unclaimed[first + found] < most) found++;
    if (!is_last && (found > count || count > (unsigned) (most - least - 1))) return false;
    if (!found) return true; /* all are gone */
    for (unsigned i = 0; i < count; i++) is_clear = is_clear && run[i] == 0;
    is_clear = is_clear && found == count;
    for (unsigned i = 0; i < count; i++) run[i] = is_clear ? unclaimed[first + i] : COLUMN_PLACE_UNCLEAR;
    return true;
}

void
column_places_infer(int places[], unsigned count, const int unclaimed[], unsigned unclaimed_count)
{
    int  least = 0;
    bool fits = true;

    mark_disordered(places, count);
    for (unsigned from = 0, to; from < count; from = to + 1) {
        for (to = from; to < count && places[to] <= 0; to++) {}
        fits = fits && place_run(&places[from], to - from, least, to < count ? places[to] : INT_MAX, unclaimed, unclaimed_count);
        if (to < count) least = places[to];
    }
    for (unsigned i = 0; !fits && i < count; i++) places[i] = COLUMN_PLACE_UNCLEAR;
}

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
