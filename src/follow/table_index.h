/*
 * The key index of one followed table: opened, brought up to the table as it is (index/), looked up by batches of keys,
 * and changed after each commit (index_rebuild.h: missing or damaged, it is built anew; after other writers' commits caught up).
 *
 * Threads: whoever changes it is alone with it; until then several may read (what takes a const index)
 */
#ifndef FIRN_FOLLOW_TABLE_INDEX_H
#define FIRN_FOLLOW_TABLE_INDEX_H

#include "iceberg/table_metadata.h"
#include "index/key_index.h"
#include "storage/storage.h"
#include "batch/batch.h"
#include "task/task.h"

typedef struct table_index table_index;

typedef struct table_index_settings {
    storage       *files;
    const char    *folder; /* of this index alone */
    const int32_t *key_field_ids; /* none: all columns, and rows may be equal */
    unsigned       key_count;
    size_t         memory_bytes_max;
    task_cancel   *cancel;
    /* Told when the index has to be built anew, and why; may be NULL. */
    void (*tell)(void *state, const char *message);
    /* Told often while it is built; may be NULL. Live rows read, and rows that there are in the table, about. */
    void (*progress)(void *state, uint64_t rows_done, uint64_t rows_all);
    void *tell_state;
} table_index_settings;

/* Copies what it needs of the settings, but for files and cancel. Stands for `table` at its current snapshot then. */
FIRN_MUST_USE firn_status table_index_open(const table_index_settings *settings, const table_metadata *table,
                                           table_index **ret_index, firn_error *err);
void                      table_index_free(table_index *index);
FIRN_DEFINE_FREEP(table_index, table_index_free)

/* Whether it was opened with this key. */
bool table_index_is_of(const table_index *index, const int32_t key_field_ids[], unsigned key_count);
/* Another number after the index was built anew: hashes of before are worth nothing then. */
uint64_t table_index_generation(const table_index *index);

/* Whether it stands for this version of the table: to catch up changes nothing then. */
bool table_index_is_at(const table_index *index, const table_metadata *table);
/* Stands for this version of the table afterwards: other writers' commits are taken in. */
FIRN_MUST_USE firn_status table_index_catch_up(table_index *index, const table_metadata *table, firn_error *err);

/* The hashes of rows' keys. `rows`: a struct array with the columns of `schema`, of which the key's are taken by field id. */
FIRN_MUST_USE firn_status table_index_hash(const table_index *index, table_schema *schema,
                                           const struct ArrowArray *rows, key_hash ret_hashes[], firn_error *err);
void        table_index_find(const table_index *index, const key_hash keys[], size_t count, uint64_t ret_places[]);
size_t      table_index_find_copies(const table_index *index, key_hash key, size_t wanted, uint64_t ret_places[]);
const char *table_index_path(const table_index *index, uint64_t place);
/* The number that the first data file of the next commit will get. */
uint32_t    table_index_next_file(const table_index *index);

/* Our own commit, after the catalog accepted it. `table` is as the commit made it. */
typedef struct table_index_commit {
    const table_metadata *table;
    const char *const    *added_files;
    unsigned              added_file_count;
    bool                  truncated; /* all files that were there went */
    const key_change     *changes;
    size_t                change_count;
} table_index_commit;
FIRN_MUST_USE firn_status table_index_apply(table_index *index, const table_index_commit *commit, firn_error *err);

#endif
