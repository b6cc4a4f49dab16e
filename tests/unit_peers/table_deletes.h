/*
 * For table_maker: rows deleted by their numbers, as firn does it, and what firn reads of others' deletes.
 */
#ifndef FIRN_TESTS_TABLE_DELETES_H
#define FIRN_TESTS_TABLE_DELETES_H

#include "catalog/catalog.h"
#include "storage/storage.h"

/* words: PATH ROWS pairs; commits. */
FIRN_MUST_USE firn_status table_deletes_add(catalog *c, storage *files, const table_ident *ident, char *const words[],
                                            unsigned word_count, firn_error *err);
FIRN_MUST_USE firn_status table_deletes_print(catalog *c, storage *files, const table_ident *ident, firn_error *err);

#endif
