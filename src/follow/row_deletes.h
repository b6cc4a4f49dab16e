/*
 * Rows that go, by their places in the key index → delete files for one commit, put together with those that apply to the
 * same data files already.
 */
#ifndef FIRN_FOLLOW_ROW_DELETES_H
#define FIRN_FOLLOW_ROW_DELETES_H

#include "follow/table_index.h"
#include "write/delete_writer.h"

/* `gone`: places, ascending; the index stands for settings->table. FIRN_BUG: a place in a file that the table does not have. */
FIRN_MUST_USE firn_status row_deletes_write(const delete_writer_settings *settings, const table_index *index,
                                            const uint64_t gone[], size_t gone_count, delete_files *ret_files, firn_error *err);

/* Which of these rows (ascending) the table does not have any more. */
FIRN_MUST_USE firn_status row_deletes_look(storage *files, const table_metadata *table, const table_index *index,
                                           const uint64_t places[], size_t count, bool ret_deleted[], firn_error *err);

#endif
