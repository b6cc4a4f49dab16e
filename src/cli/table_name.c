#include "cli/table_name.h"

#include <string.h>

#include "base/text.h"

#define PARTS_MAX 2000
#define LEVELS_MAX 32
#define TABLES_MAX 10000

/* One part: in double quotes, or up to the separator. NULL: not well-formed. */
static const char *
take_part(const char **cursor, char separator, char *copy)
{
    const char *p = *cursor;
    char       *to = copy;

    if (*p != '"') {
        while (*p && *p != separator) *to++ = *p++;
    } else {
        for (p++;; p++) {
            if (!*p) return NULL;
            if (*p == '"' && *++p != '"') break;
            *to++ = *p;
        }
        if (*p && *p != separator) return NULL;
    }
    *to = '\0';
    *cursor = p;
    return *copy ? copy : NULL;
}

firn_status
table_name_split(firn_arena *arena, const char *text, char separator, const char ***ret_parts, unsigned *ret_count,
                 firn_error *err)
{
    const char **parts = firn_arena_array(arena, PARTS_MAX, sizeof *parts);
    char        *copy = firn_arena_alloc(arena, strlen(text) + PARTS_MAX + 1);
    const char  *cursor = text;
    unsigned     count = 0;

    if (!parts || !copy) return firn_fail_memory(err, "a list of names");
    for (;; cursor++) {
        while (separator == ',' && *cursor == ' ') cursor++;
        if (count == PARTS_MAX || !(parts[count] = take_part(&cursor, separator, copy)))
            return firn_fail(err, FIRN_E_OPTION_VALUE, "'%s' is no list of names separated by '%c'", text, separator);
        copy += strlen(parts[count++]) + 1;
        if (!*cursor) break;
    }
    *ret_parts = parts;
    *ret_count = count;
    return FIRN_OK;
}

/* ---- what is there ---- */

typedef struct table_list {
    firn_arena *arena;
    const char *names[TABLES_MAX];
    size_t      count;
} table_list;

static firn_status
add_name(void *state, const char *table_name, firn_error *err)
{
    table_list *list = state;

    if (list->count == TABLES_MAX) return FIRN_OK;
    list->names[list->count] = firn_arena_strdup(list->arena, table_name);
    if (!list->names[list->count]) return firn_fail_memory(err, "a list of tables");
    list->count++;
    return FIRN_OK;
}

static firn_status
fail_not_found(session *s, const lake_connection *lake, const char *text, const table_ident *ident, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    firn_error                              ignored = {0};
    table_list                             *list = firn_arena_alloc(&s->arena, sizeof *list);
    const char                             *nearest;

    if (!list) return firn_fail_memory(err, "a list of tables");
    list->arena = &s->arena;
    firn_buffer_init(&names, FIRN_ERROR_TEXT_MAX - 64);
    if (lake->lake->ops->list(lake->lake, ident, add_name, list, &ignored) != FIRN_OK) firn_error_reset(&ignored);
    nearest = text_nearest(ident->name, list->names, list->count);
    (void) firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "there is no table '%s' in '%s'%s%s%s", text, lake->warehouse,
                     nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    for (size_t i = 0; i < list->count; i++) {
        if (firn_buffer_printf(&names, &ignored, "%s%s", i ? ", " : "", list->names[i]) != FIRN_OK) break;
    }
    if (list->count > 0)
        firn_hint(err, "tables there: %.*s", (int) names.size, (const char *) names.data);
    else
        firn_hint(err, "the namespace has no tables; give NAMESPACE.TABLE, and --warehouse-path or --catalog-name where "
                       "it is another warehouse");
    return err->status;
}

/* The last `name_parts` parts are the table's name. */
static firn_status
make_ident(session *s, const char *const parts[], unsigned count, unsigned name_parts, table_ident *ret_ident,
           firn_error *err)
{
    const char *name = parts[count - name_parts];

    for (unsigned i = count - name_parts + 1; i < count && name; i++)
        name = firn_arena_printf(&s->arena, "%s.%s", name, parts[i]);
    if (!name) return firn_fail_memory(err, "a table's name");
    *ret_ident = (table_ident){parts, count - name_parts, name};
    return FIRN_OK;
}

firn_status
table_name_load(session *s, const lake_connection *lake, const char *text, table_ident *ret_ident,
                table_metadata **ret_table, firn_error *err)
{
    const char **parts = NULL;
    unsigned     count = 0;

    FIRN_TRY(table_name_split(&s->arena, text, '.', &parts, &count, err));
    if (count < 2 || count > LEVELS_MAX) {
        (void) firn_fail(err, FIRN_E_OPTION_VALUE, "'%s' is not NAMESPACE.TABLE", text);
        firn_hint(err, "the namespace is the source's iceberg_namespace: bronze.shop.orders");
        return err->status;
    }
    for (unsigned name_parts = 1; name_parts < count; name_parts++) {
        FIRN_TRY(make_ident(s, parts, count, name_parts, ret_ident, err));
        firn_status status = lake->lake->ops->load(lake->lake, ret_ident, ret_table, err);
        if (status != FIRN_NOT_FOUND) return status;
        firn_error_reset(err);
    }
    FIRN_TRY(make_ident(s, parts, count, 1, ret_ident, err));
    return fail_not_found(s, lake, text, ret_ident, err);
}
