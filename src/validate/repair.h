/*
 * Rows of differing keys are taken out of the lake and written as the source has them, in one commit.
 *
 * Deletes: by position: position delete files, or deletion vectors, as the table's version has them
 * Commit:  a data file that went meanwhile, or a vector that another writer changed, is a conflict and nothing happens
 */
#ifndef FIRN_VALIDATE_REPAIR_H
#define FIRN_VALIDATE_REPAIR_H

#include "validate/row_detail.h"
#include "state/table_resync.h"
#include "write/roll_writer.h"

typedef struct repair repair;

/* All is borrowed until the repair is freed. FIRN_UNSUPPORTED: the columns differ. */
FIRN_MUST_USE firn_status repair_new(const table_pair *pair, const validate_settings *settings, catalog *lake,
                                     const table_ident *ident, repair **ret_repair, firn_error *err);
void                      repair_free(repair *r);
FIRN_DEFINE_FREEP(repair, repair_free)

/* row_detail_visit: a row of a key that differs. */
FIRN_MUST_USE firn_status repair_visit(void *state, const pair_rows *rows, int64_t row, firn_error *err);
/* Before the pass that gave the rows is freed. `resync`: with it the table is at that point; NULL: its position stays. */
FIRN_MUST_USE firn_status repair_commit(repair *r, uint64_t key_count, const resync_point *resync, firn_error *err);

#endif
