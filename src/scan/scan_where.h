/*
 * The text of a condition → a predicate.
 *
 *   a >= 10 AND (name = 'x' OR NOT d IS NULL) AND k IN (1, 2) AND t BETWEEN DATE '2024-01-01' AND '2024-01-31'
 *
 * Columns:  a name, "quoted" where it has other characters or is a word of the language; a.b is field b of struct a
 * Values:   numbers, 'texts' ('' for a quote), true, false, null; every value may be written as a text, and is read as a
 *           value of the column's type: '2024-01-31', '2024-01-31 10:00:00+02', 'NaN', a uuid, hexadecimal digits for
 *           binary. A time without zone is UTC where the column has one. A number for a float column is rounded to a float.
 * Meaning:  SQL's, nulls included. Numbers are compared exactly: `n > 10.5` on a whole number is `n >= 11`.
 * Errors:   FIRN_USAGE (SCAN_CONDITION) with the place in the text and the nearest column
 */
#ifndef FIRN_SCAN_SCAN_WHERE_H
#define FIRN_SCAN_SCAN_WHERE_H

#include "scan/scan_predicate.h"

#define WHERE_TEXT_MAX ((size_t) 64 << 10)

/* Lives in the arena and borrows the schema. */
FIRN_MUST_USE firn_status scan_where_parse(const char *text, const table_schema *schema, firn_arena *arena,
                                           const scan_predicate **ret_where, firn_error *err);

#endif
