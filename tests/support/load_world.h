/*
 * A fake source, a Hadoop catalog in a temporary folder and a load's settings: what the tests of load/ work in. Tables
 * are read back by firn's own readers; runs can be made to die as by kill -9.
 */
#ifndef FIRN_TESTS_SUPPORT_LOAD_WORLD_H
#define FIRN_TESTS_SUPPORT_LOAD_WORLD_H

#include "load/load_job.h"

#include "fake_source.h"

typedef struct world {
    char           folder[64], warehouse[96];
    storage       *files;
    catalog       *lake;
    task_cancel   *cancel;
    fake_source    src;
    load_settings  settings;
    load_result    result;
    firn_error     err;
    load_events    events;
    char           state[96]; /* a folder: where settings.state_folder points when a test wants it */
    int            die_at_batch;
    _Atomic int    warnings, retries;
    char           last_warning[512];
} world;

/* orders 5000 rows, items 1234, empty, and a view. */
extern const fake_table world_shop[4];

/* cmocka's, of *state = the world. */
int world_set_up(void **state);
int world_tear_down(void **state);

firn_status world_run(world *w);
/* In another process, which dies at that batch of it (-1: at none), or in what the caller has set up to kill it. */
void world_run_and_die(world *w, int at_batch);
/* As by kill -9. */
void world_die(void);

table_metadata          *world_table(world *w, const char *name);
const load_table_result *world_result(const world *w, const char *name);
/* Whether the lake has each row 0 … row_count - 1 of a fake table once. */
void world_assert_has(world *w, const char *name, int64_t row_count);
void world_assert_has_sum(world *w, const char *name, int64_t row_count, row_checksum *ret_checksum);
/* Files on the disk below the table's data folder, hidden ones too, that the table does not have. */
unsigned world_count_strays(world *w, const char *name);

#endif
