#include "load_world.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/live_files.h"
#include "parquet/file_reader.h"
#include "storage/local.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const fake_table world_shop[4] = {
    {"orders", 5000, TABLE_ORDINARY}, {"items", 1234, TABLE_PARTITIONED}, {"empty", 0, TABLE_ORDINARY}, {"a_view", 5, TABLE_VIEW}};

static const char *const levels[] = {"bronze", "shop"};

static void
note_event(void *state, const load_event *event)
{
    world *w = state;

    if (event->kind == LOAD_EVENT_TABLE_RETRY) atomic_fetch_add(&w->retries, 1);
    if (event->kind != LOAD_EVENT_WARNING && event->kind != LOAD_EVENT_TABLE_WARNING) return;
    atomic_fetch_add(&w->warnings, 1);
    (void) snprintf(w->last_warning, sizeof w->last_warning, "%s", event->message);
}

int
world_set_up(void **state)
{
    world     *w = calloc(1, sizeof *w);
    firn_error err = {0};

    assert_non_null(w);
    (void) snprintf(w->folder, sizeof w->folder, "load_world.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    char *here = realpath(w->folder, NULL);
    (void) snprintf(w->warehouse, sizeof w->warehouse, "file://%s", here);
    (void) snprintf(w->state, sizeof w->state, "%s/.state", here);
    free(here);
    w->events = (load_events){note_event, w};
    assert_int_equal(storage_local_new(&w->files, &err), FIRN_OK);
    assert_int_equal(hadoop_catalog_new(w->warehouse, w->files, &w->lake, &err), FIRN_OK);
    w->cancel = task_cancel_new();
    fake_source_init(&w->src, world_shop, 4);
    w->settings = (load_settings){.source_name = "shop",
                                  .schema_name = "public",
                                  .namespace_levels = levels,
                                  .namespace_level_count = 2,
                                  .parallel_workers = 2,
                                  .parallel_tables = 3,
                                  .batch_rows = 100,
                                  .memory_bytes = (uint64_t) 512 << 20,
                                  .retry_max = 3,
                                  .retry_backoff_ms = 1,
                                  .resume = true,
                                  .correlation_id = "test"};
    *state = w;
    return 0;
}

int
world_tear_down(void **state)
{
    world     *w = *state;
    firn_error err = {0};

    load_result_done(&w->result);
    assert_int_equal(w->files->ops->remove_tree(w->files, w->warehouse, &err), FIRN_OK);
    catalog_free(w->lake);
    storage_free(w->files);
    task_cancel_free(w->cancel);
    free(w);
    return 0;
}

firn_status
world_run(world *w)
{
    load_result_done(&w->result);
    firn_error_reset(&w->err);
    return load_run(&w->settings, &w->src.base, w->lake, &w->events, w->cancel, &w->result, &w->err);
}

table_metadata *
world_table(world *w, const char *name)
{
    table_metadata *table = NULL;
    table_ident     ident = {.namespace_levels = levels, .level_count = 2, .name = name};
    firn_error      err = {0};

    assert_int_equal(w->lake->ops->load(w->lake, &ident, &table, &err), FIRN_OK);
    return table;
}

typedef struct file_bytes {
    firn_buffer buffer;
} file_bytes;

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    file_bytes *bytes = state;

    assert_true(offset + size <= bytes->buffer.size);
    return firn_buffer_add(out, bytes->buffer.data + offset, size, err);
}

/* Marks each id in `seen`; a row that comes twice, or whose text is not its id's, fails. */
static void
mark_rows(const struct ArrowArray *rows, uint8_t *seen, int64_t row_count)
{
    const struct ArrowArray *id = rows->children[0], *text = rows->children[1];
    const int32_t           *offsets = text->buffers[1];

    for (int64_t i = 0; i < rows->length; i++) {
        int64_t value = ((const int64_t *) id->buffers[1])[i];
        bool    null = text->buffers[0] && !bitmap_get(text->buffers[0], (size_t) i);
        char    wanted[32];

        assert_in_range(value, 0, row_count - 1);
        assert_int_equal(seen[value], 0);
        seen[value] = 1;
        assert_int_equal(null, value % 7 == 0);
        (void) snprintf(wanted, sizeof wanted, "text %lld", (long long) value);
        if (!null) {
            assert_int_equal((size_t) (offsets[i + 1] - offsets[i]), strlen(wanted));
            assert_memory_equal((const char *) text->buffers[2] + offsets[i], wanted, strlen(wanted));
        }
    }
}

/* Reads all rows of a table; *ret_checksum of them. */
void
world_assert_has_sum(world *w, const char *name, int64_t row_count, row_checksum *ret_checksum)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, name);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    uint8_t   *seen = calloc((size_t) row_count + 1, 1);
    live_files live = {0};
    firn_error err = {0};
    int64_t    count = 0;

    assert_int_equal(live_files_read(table, table_metadata_current_snapshot(table), w->files, &arena, &live, &err), FIRN_OK);
    for (size_t i = 0; i < live.data_count; i++) {
        file_bytes     bytes = {0};
        parquet_source source = {.name = live.data[i].file.path, .read = read_bytes, .state = &bytes};
        batch_reader  *reader = NULL;

        firn_buffer_init(&bytes.buffer, (size_t) 1 << 30);
        assert_int_equal(storage_read_all(w->files, live.data[i].file.path, &bytes.buffer, &err), FIRN_OK);
        assert_int_equal(live.data[i].file.size_bytes, bytes.buffer.size);
        source.size_bytes = bytes.buffer.size;
        assert_int_equal(parquet_reader_open(&source, table_metadata_schema(table), 1000, (size_t) 1 << 30, &reader, &err), FIRN_OK);
        for (;;) {
            batch b = {0};
            assert_int_equal(batch_reader_next(reader, &b, &err), FIRN_OK);
            if (!batch_row_count(&b)) break;
            mark_rows(&b.array, seen, row_count);
            row_checksum_add(ret_checksum, table_metadata_schema(table), &b.array);
            count += b.array.length;
            batch_done(&b);
        }
        batch_reader_free(reader);
        firn_buffer_done(&bytes.buffer);
    }
    assert_int_equal(count, row_count);
    assert_int_equal(table_metadata_record_count(table), row_count);
    free(seen);
}

void
world_assert_has(world *w, const char *name, int64_t row_count)
{
    row_checksum sum = {0};

    world_assert_has_sum(w, name, row_count, &sum);
}

const load_table_result *
world_result(const world *w, const char *name)
{
    for (unsigned i = 0; i < w->result.table_count; i++) {
        if (strcmp(w->result.tables[i].name, name) == 0) return &w->result.tables[i];
    }
    fail_msg("no result of '%s'", name);
    return NULL;
}

/* Files on the disk below the table's data folder, hidden ones too, that the table does not have. */
unsigned
world_count_strays(world *w, const char *name)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_ident ident = {.namespace_levels = levels, .level_count = 2, .name = name};
    live_files  live = {0};
    char        folder[256];
    unsigned    strays = 0;
    firn_error  err = {0};

    if (w->lake->ops->load(w->lake, &ident, &table, &err)) firn_error_reset(&err);
    else
        assert_int_equal(live_files_read(table, table->current_snapshot, w->files, &arena, &live, &err), FIRN_OK);
    (void) snprintf(folder, sizeof folder, "%s/bronze/shop/%s/data", w->warehouse + strlen("file://"), name);
    DIR *opened = opendir(folder);
    for (struct dirent *found; opened && (found = readdir(opened));) {
        bool known = strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0;
        for (size_t i = 0; i < live.data_count; i++) known = known || strstr(live.data[i].file.path, found->d_name);
        strays += !known;
    }
    if (opened) (void) closedir(opened);
    return strays;
}

/* As by kill -9. */
void
world_die(void)
{
    (void) kill(getpid(), SIGKILL);
    for (;;) (void) pause();
}

static void
die_at_batch(void *state, int number)
{
    world *w = state;

    if (number == w->die_at_batch) world_die();
}

/* The same run in another process, which dies at that batch, or in what `work` set up. */
void
world_run_and_die(world *w, int at_batch)
{
    int   status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        w->die_at_batch = at_batch;
        atomic_store(&w->src.batches, 0);
        w->src.at_batch = die_at_batch;
        w->src.at_batch_state = w;
        (void) world_run(w);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* and did not come to its end */
}
