/*
 * What `firn check` finds in a PostgreSQL server: postgres_source_check and postgres_source_check_table of
 * postgres_source.h, in two files. Nothing is changed in the server; remedies are texts.
 *
 * Remedies: SQL starts with a keyword in capitals and ends with a semicolon; anything else is a setting in words
 */
#ifndef FIRN_POSTGRES_POSTGRES_CHECK_H
#define FIRN_POSTGRES_POSTGRES_CHECK_H

#include "postgres/postgres_source_internal.h"

/* Findings while they are collected. */
typedef struct finding_list {
    firn_arena     *arena; /* borrowed */
    unsigned        count, capacity;
    source_finding *findings;
} finding_list;

/* Adds one; the texts are borrowed and must live in the arena or for ever. */
FIRN_MUST_USE firn_status finding_add(finding_list *list, finding_level level, const char *subject, const char *text,
                                      const char *remedy, firn_error *err);
/* printf into the list's arena; NULL: no memory, which finding_add reports. */
const char               *finding_text(finding_list *list, const char *format, ...) FIRN_PRINTF(2, 3);
/* A quoted identifier in the arena; "schema"."name" with a schema. */
FIRN_MUST_USE firn_status finding_identifier(finding_list *list, const char *schema, const char *name,
                                             const char **ret_text, firn_error *err);

/* Columns whose values may need a policy: a sample of the table is read. */
FIRN_MUST_USE firn_status postgres_check_values(postgres_source *s, const source_table *table, const table_rules *rules,
                                                finding_list *list, firn_error *err);

#endif
