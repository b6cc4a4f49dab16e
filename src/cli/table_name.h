/*
 * NAMESPACE.TABLE as a person writes it → the table. Levels are separated by dots, a part in double quotes may hold
 * dots itself: bronze.shop."a.b". Without quotes a table whose own name has dots is found, too, where nothing else has
 * that name.
 */
#ifndef FIRN_CLI_TABLE_NAME_H
#define FIRN_CLI_TABLE_NAME_H

#include "cli/connect.h"

/* FIRN_NOT_FOUND (CATALOG_TABLE_NOT_FOUND) names the nearest tables. *ret_ident lives in the session's arena. */
FIRN_MUST_USE firn_status table_name_load(session *s, const lake_connection *lake, const char *text,
                                          table_ident *ret_ident, table_metadata **ret_table, firn_error *err);
/* "a, b" or "\"a,b\"": names separated by commas. Texts live in the arena. */
FIRN_MUST_USE firn_status table_name_split(firn_arena *arena, const char *text, char separator,
                                           const char ***ret_parts, unsigned *ret_count, firn_error *err);

#endif
