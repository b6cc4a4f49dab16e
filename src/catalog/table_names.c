#include "catalog/table_names.h"

#include <string.h>

firn_status
table_names_add(void *state, const char *table_name, firn_error *err)
{
    table_names *list = state;

    if (list->count == list->capacity) {
        unsigned     capacity = list->capacity ? list->capacity * 2 : 64;
        const char **names = firn_arena_array(list->arena, capacity, sizeof *names);

        if (!names) return firn_fail_memory(err, "a list of tables");
        if (list->count) memcpy(names, list->names, list->count * sizeof *names);
        list->names = names;
        list->capacity = capacity;
    }
    list->names[list->count] = firn_arena_strdup(list->arena, table_name);
    return list->names[list->count++] ? FIRN_OK : firn_fail_memory(err, "a list of tables");
}
