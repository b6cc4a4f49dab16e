/*
 * One table as the database has it at this moment, outside of any load: for whoever has rows of it from elsewhere.
 */
#ifndef FIRN_POSTGRES_POSTGRES_DESCRIBE_NOW_H
#define FIRN_POSTGRES_POSTGRES_DESCRIBE_NOW_H

#include "postgres/postgres_source.h"
#include "task/task.h"

/* Connects, asks, and leaves. `ret_places` and `ret_declared` are per column of the description: pg_attribute.attnum, and the type as
 * PostgreSQL writes it. All in `arena`, but for the schema, which is the caller's reference. FIRN_NOT_FOUND: there is no such table. */
FIRN_MUST_USE firn_status postgres_describe_now(const postgres_settings *settings, task_cancel *cancel, const char *table,
                                                const table_rules *rules, firn_arena *arena,
                                                source_description **ret_description, const int **ret_places,
                                                const char *const **ret_declared, firn_error *err);

#endif
