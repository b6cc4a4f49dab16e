#include "load/load_flow.h"

#include "base/alloc.h"

#include <stdio.h>

#define LANE_QUEUE_BATCHES 2
#define RETRY_BACKOFF_MS_MAX 60000

typedef enum group_state {
    GROUP_NONE,    /* the next reader takes a group for this lane */
    GROUP_READING, /* its splits are handed out or being read */
    GROUP_ENDING,  /* all are read; the end is being put into the queue */
} group_state;

typedef struct lane {
    struct flow *flow;
    task_queue  *queue; /* of batch, an empty one ends a group; NULL: the reader writes by itself */
    roll_writer *writer;
    row_checksum checksum; /* of the rows that the writer got */
    char         name[16];
    /* Below: guarded by flow->guard. */
    group_state group;
    unsigned    next_split, end_split, in_flight;
} lane;

typedef struct flow {
    const load_flow_settings *settings;
    lane                     *lanes;
    struct reader            *readers;
    task_lock                *guard;      /* of next_split and the lanes' groups */
    unsigned                  next_split; /* the first of the next group */
    _Atomic bool              stopped;    /* someone failed: no new split, no new batch */
    _Atomic unsigned          readers_left;
} flow;

typedef struct reader {
    flow         *flow;
    unsigned      index;
    lane         *lane; /* of the split at work */
    split_outcome total;
    char          name[16];
} reader;

static void
drop_batch(void *item)
{
    batch_done(item);
}

static void
flow_stop(flow *f)
{
    atomic_store(&f->stopped, true);
    task_lock_hold(f->guard);
    task_lock_wake_all(f->guard);
    task_lock_release(f->guard);
    for (unsigned i = 0; i < f->settings->lane_count; i++) {
        if (f->lanes[i].queue) task_queue_close(f->lanes[i].queue);
    }
}

/* ---- lanes ---- */

static firn_status
lane_write(lane *l, batch *take_batch, firn_error *err)
{
    const load_flow_settings *s = l->flow->settings;
    firn_status               status;

    if (take_batch->array.release) {
        row_checksum_add(&l->checksum, s->writer.schema, &take_batch->array);
        status = roll_writer_add(l->writer, &take_batch->array, err);
    } else {
        /* An empty batch ends a group, and so its files. */
        status = roll_writer_roll(l->writer, err);
    }
    batch_done(take_batch);
    if (s->lane_count == 1)
        atomic_store_explicit(&s->progress->file_bytes, roll_writer_file_bytes(l->writer), memory_order_relaxed);
    return status;
}

static firn_status
lane_work(void *state, firn_error *err)
{
    lane *l = state;
    batch b;

    while (task_queue_pop(l->queue, &b)) {
        if (lane_write(l, &b, err)) {
            flow_stop(l->flow);
            return err->status;
        }
    }
    /* Here, not in load_flow_run: the last row groups of the lanes are encoded side by side. */
    return atomic_load(&l->flow->stopped) ? FIRN_OK : roll_writer_roll(l->writer, err);
}

/* False: the lane is closed, someone failed; the batch is gone. */
static firn_status
lane_put(lane *l, batch *take_batch, bool *ret_open, firn_error *err)
{
    *ret_open = true;
    if (!l->queue) return lane_write(l, take_batch, err);
    *ret_open = task_queue_push(l->queue, take_batch);
    return FIRN_OK;
}

/* ---- readers ---- */

/* Takes `count` rows off the front. */
static void
batch_skip(batch *b, int64_t count)
{
    b->array.offset += count;
    b->array.length -= count;
}

static void
count_progress(load_table_progress *p, uint64_t rows, uint64_t bytes)
{
    atomic_fetch_add_explicit(&p->row_count, rows, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->byte_count, bytes, memory_order_relaxed);
}

/* One try at a split. `delivered` rows went to the lane in earlier tries. */
static firn_status
read_split_once(reader *r, const source_split *split, uint64_t *delivered, split_outcome *ret_outcome, firn_error *err)
{
    const load_flow_settings *s = r->flow->settings;
    FIRN_AUTO(batch_reader_freep) batch_reader *rows = NULL;
    uint64_t seen = 0;

    FIRN_TRY(s->src->ops->open_split(s->src, split, s->batch_rows, s->batch_bytes, ret_outcome, &rows, err));
    for (;;) {
        batch    b = {0};
        uint64_t row_count;
        bool     open;

        if (task_cancel_requested(s->cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped while reading '%s'", s->table);
        FIRN_TRY(batch_reader_next(rows, &b, err));
        row_count = (uint64_t) batch_row_count(&b);
        if (!row_count) break;
        seen += row_count;
        if (seen <= *delivered) {
            batch_done(&b);
            continue;
        }
        if (seen - row_count < *delivered) batch_skip(&b, (int64_t) (*delivered - (seen - row_count)));
        count_progress(s->progress, seen - *delivered, batch_size_bytes(&b));
        *delivered = seen;
        FIRN_TRY(lane_put(r->lane, &b, &open, err));
        if (!open || atomic_load(&r->flow->stopped)) return FIRN_OK;
    }
    if (seen < *delivered || ret_outcome->row_count != seen || ret_outcome->server_count != seen)
        return firn_fail(err, FIRN_E_LOAD_ROW_COUNT,
                         "split %u of '%s' gave %llu rows, the server counted %llu, and %llu had been delivered",
                         split->index, s->table, (unsigned long long) seen,
                         (unsigned long long) ret_outcome->server_count, (unsigned long long) *delivered);
    return FIRN_OK;
}

static void
tell_retry(const load_flow_settings *s, const firn_error *err, unsigned attempt, uint64_t delay_ms)
{
    load_event event = {
        .kind = LOAD_EVENT_TABLE_RETRY, .table = s->table, .error = err, .attempt = attempt, .delay_ms = delay_ms};

    if (s->events) s->events->emit(s->events->state, &event);
}

static firn_status
read_split(reader *r, const source_split *split, firn_error *err)
{
    const load_flow_settings *s = r->flow->settings;
    task_retry retry = {.attempt_max = s->retry_max,
                        .backoff_ms = s->retry_backoff_ms,
                        .backoff_max_ms = RETRY_BACKOFF_MS_MAX};
    uint64_t delivered = 0, delay_ms = 0;

    for (;;) {
        split_outcome outcome = {0};
        firn_status   status = read_split_once(r, split, &delivered, &outcome, err);

        if (!status) {
            r->total.row_count += outcome.row_count;
            r->total.server_count += outcome.server_count;
            r->total.byte_count += outcome.byte_count;
            r->total.coerced_count += outcome.coerced_count;
            return FIRN_OK;
        }
        /* A failed lane is not mended by reading again. */
        if (atomic_load(&r->flow->stopped) || status != FIRN_UNAVAILABLE) break;
        firn_error cause = *err;
        if (!task_retry_again(&retry, status, s->cancel, &delay_ms)) break;
        tell_retry(s, &cause, retry.attempt, delay_ms);
        firn_error_reset(err);
    }
    return firn_while(err, "loading '%s', split %u of %u", s->table, split->index + 1, s->split_count);
}

/* ---- handing out splits ---- */

/* Gives the lane the next group. The guard is held. */
static bool
lane_take_group(lane *l)
{
    flow    *f = l->flow;
    unsigned left = f->settings->split_count - f->next_split;
    unsigned size = f->settings->group_split_count < left ? f->settings->group_split_count : left;

    if (!left) return false;
    l->next_split = f->next_split;
    l->end_split = f->next_split += size;
    l->group = GROUP_READING;
    return true;
}

/* A split of the reader's first choice of lanes, or of any other. The guard is held. */
static bool
take_split_now(reader *r, unsigned *ret_split)
{
    flow    *f = r->flow;
    unsigned count = f->settings->lane_count;

    for (unsigned i = 0; i < count; i++) {
        lane *l = &f->lanes[(r->index + i) % count];

        if (l->group == GROUP_NONE && !lane_take_group(l)) continue;
        if (l->group != GROUP_READING || l->next_split == l->end_split) continue;
        *ret_split = l->next_split++;
        l->in_flight++;
        r->lane = l;
        return true;
    }
    return false;
}

/* Whether a lane may still get work when its group has ended. The guard is held. */
static bool
more_may_come(const flow *f)
{
    return f->next_split < f->settings->split_count;
}

/* False: nothing is left for this reader. */
static bool
take_split(reader *r, unsigned *ret_split)
{
    flow *f = r->flow;
    bool  taken = false;

    task_lock_hold(f->guard);
    while (!atomic_load(&f->stopped) && !(taken = take_split_now(r, ret_split)) && more_may_come(f))
        (void) task_lock_wait(f->guard, 0);
    task_lock_release(f->guard);
    return taken;
}

/* The split is delivered. Whoever delivers the last of a group ends it. */
static firn_status
give_split_back(reader *r, firn_error *err)
{
    lane       *l = r->lane;
    batch       end = {0};
    bool        last, open;
    firn_status status = FIRN_OK;

    task_lock_hold(r->flow->guard);
    last = --l->in_flight == 0 && l->next_split == l->end_split;
    if (last) l->group = GROUP_ENDING;
    task_lock_release(r->flow->guard);
    if (!last) return FIRN_OK;

    status = lane_put(l, &end, &open, err);
    task_lock_hold(r->flow->guard);
    l->group = GROUP_NONE;
    task_lock_wake_all(r->flow->guard);
    task_lock_release(r->flow->guard);
    return status;
}

static firn_status
read_splits(reader *r, firn_error *err)
{
    const load_flow_settings *s = r->flow->settings;
    unsigned                  index;

    while (take_split(r, &index)) {
        FIRN_TRY(read_split(r, &s->splits[index], err));
        FIRN_TRY(give_split_back(r, err));
        atomic_fetch_add_explicit(&s->progress->split_done_count, 1, memory_order_relaxed);
    }
    return FIRN_OK;
}

static firn_status
reader_work(void *state, firn_error *err)
{
    reader     *r = state;
    firn_status status = read_splits(r, err);

    if (status) flow_stop(r->flow);
    /* The last one out closes the lanes: they write what they have and end. */
    if (atomic_fetch_sub(&r->flow->readers_left, 1) == 1) {
        for (unsigned i = 0; i < r->flow->settings->lane_count; i++) {
            if (r->flow->lanes[i].queue) task_queue_close(r->flow->lanes[i].queue);
        }
    }
    return status;
}

/* ---- the whole ---- */

static void
flow_done(flow *f)
{
    for (unsigned i = 0; f->lanes && i < f->settings->lane_count; i++) {
        task_queue_free(f->lanes[i].queue);
        roll_writer_free(f->lanes[i].writer);
    }
    firn_free(f->lanes);
    firn_free(f->readers);
    task_lock_free(f->guard);
}

static firn_status
flow_begin(flow *f, bool threaded, firn_error *err)
{
    const load_flow_settings *s = f->settings;

    f->lanes = firn_calloc(s->lane_count, sizeof *f->lanes);
    f->readers = firn_calloc(s->reader_count, sizeof *f->readers);
    f->guard = task_lock_new();
    if (!f->lanes || !f->readers || !f->guard) return firn_fail_memory(err, "the lanes of a load");
    for (unsigned i = 0; i < s->lane_count; i++) {
        lane                *l = &f->lanes[i];
        roll_writer_settings writer = s->writer;

        l->flow = f;
        writer.lane = i;
        (void) snprintf(l->name, sizeof l->name, "firn:encode-%u", i % 1000);
        FIRN_TRY(roll_writer_new(&writer, &l->writer, err));
        if (!threaded) continue;
        l->queue = task_queue_new(sizeof(batch), LANE_QUEUE_BATCHES, drop_batch);
        if (!l->queue) return firn_fail_memory(err, "the lanes of a load");
    }
    for (unsigned i = 0; i < s->reader_count; i++) {
        f->readers[i].flow = f;
        f->readers[i].index = i;
        (void) snprintf(f->readers[i].name, sizeof f->readers[i].name, "firn:read-%u", i % 1000);
    }
    atomic_store(&f->readers_left, s->reader_count);
    return FIRN_OK;
}

static firn_status
run_threads(flow *f, firn_error *err)
{
    const load_flow_settings *s = f->settings;
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_status status = FIRN_OK;
    unsigned    spawned = 0;

    if (!group) return firn_fail_memory(err, "the threads of a load");
    for (unsigned i = 0; i < s->lane_count && !status; i++)
        status = task_group_spawn(group, f->lanes[i].name, lane_work, &f->lanes[i], err);
    for (; spawned < s->reader_count && !status; spawned++)
        status = task_group_spawn(group, f->readers[spawned].name, reader_work, &f->readers[spawned], err);
    if (status) {
        firn_error ignored = {0};
        flow_stop(f);
        (void) !task_group_join(group, &ignored);
        return status;
    }
    return task_group_join(group, err);
}

static firn_status
flow_collect(flow *f, data_file_list *files, firn_error *err)
{
    for (unsigned i = 0; i < f->settings->lane_count; i++) {
        FIRN_AUTO(data_file_list_done) data_file_list part = {0};

        firn_status status = roll_writer_finish(f->lanes[i].writer, &part, err);
        if (!status) status = data_file_list_append(files, &part, err);
        if (status) {
            data_file_list_discard(&part, f->settings->writer.files);
            data_file_list_discard(files, f->settings->writer.files);
            return status;
        }
    }
    return FIRN_OK;
}

/* What was read, what the lanes got and what the files say must be one number. */
static firn_status
check_counts(const load_flow_settings *s, const split_outcome *total, const row_checksum *checksum,
             const data_file_list *files, firn_error *err)
{
    uint64_t written = 0;

    for (unsigned i = 0; i < files->count; i++) written += (uint64_t) files->files[i].record_count;
    if (total->row_count == checksum->row_count && total->row_count == written) return FIRN_OK;
    data_file_list_discard(files, s->writer.files);
    return firn_fail(err, FIRN_E_LOAD_ROW_COUNT, "%llu rows of '%s' were read, %llu reached the writers, the files have %llu",
                     (unsigned long long) total->row_count, s->table, (unsigned long long) checksum->row_count,
                     (unsigned long long) written);
}

firn_status
load_flow_run(const load_flow_settings *settings, data_file_list *ret_files, split_outcome *ret_total,
              row_checksum *ret_checksum, firn_error *err)
{
    FIRN_AUTO(flow_done) flow f = {.settings = settings};
    FIRN_AUTO(data_file_list_done) data_file_list files = {0};
    bool          threaded = settings->reader_count > 1 || settings->lane_count > 1 ||
                    settings->splits[0].size_bytes_estimate > LOAD_FLOW_INLINE_BYTES_MAX;
    split_outcome total = {0};
    row_checksum  checksum = {0};

    FIRN_TRY(flow_begin(&f, threaded, err));
    FIRN_TRY(threaded ? run_threads(&f, err) : reader_work(&f.readers[0], err));
    FIRN_TRY(flow_collect(&f, &files, err));
    for (unsigned i = 0; i < settings->reader_count; i++) {
        total.row_count += f.readers[i].total.row_count;
        total.server_count += f.readers[i].total.server_count;
        total.byte_count += f.readers[i].total.byte_count;
        total.coerced_count += f.readers[i].total.coerced_count;
    }
    for (unsigned i = 0; i < settings->lane_count; i++) row_checksum_merge(&checksum, &f.lanes[i].checksum);
    FIRN_TRY(check_counts(settings, &total, &checksum, &files, err));
    *ret_total = total;
    *ret_checksum = checksum;
    *ret_files = files;
    files = (data_file_list){0};
    return FIRN_OK;
}
