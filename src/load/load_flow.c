#include "load/load_flow.h"

#include "base/alloc.h"
#include "base/crash_point.h"

#include <stdio.h>

#define LANE_QUEUE_BATCHES 2
#define RETRY_BACKOFF_MS_MAX 60000

typedef enum group_state {
    GROUP_NONE,    /* the next reader takes a group for this lane */
    GROUP_READING, /* its splits are handed out or being read */
    GROUP_ENDING,  /* all are read; the end is being put into the queue */
} group_state;

/* Splits that share files. Guarded by flow->guard until its last split is delivered. */
typedef struct group {
    unsigned      first_split, end_split;
    split_outcome outcome; /* of the splits that are delivered */
    struct group *next;    /* of the same lane, or NULL */
} group;

typedef struct lane {
    struct flow *flow;
    task_queue  *queue; /* of batch, an empty one ends a group; NULL: the reader writes by itself */
    roll_writer *writer;
    row_checksum checksum;       /* of the rows that the writer got, of all groups that have ended */
    row_checksum group_checksum; /* and of the one that is being written */
    unsigned     noted_file_count; /* of the groups that have ended */
    char         name[16];
    /* Below: guarded by flow->guard. */
    group_state state;
    group      *written; /* the oldest group whose end has not been written */
    group      *reading; /* the newest, whose splits are handed out */
    unsigned    next_split, in_flight;
} lane;

typedef struct flow {
    const load_flow_settings *settings;
    lane                     *lanes;
    struct reader            *readers;
    group                    *groups;
    unsigned                  group_count;
    task_lock                *guard; /* of next_group, the lanes' groups and all below */
    unsigned                  next_group;
    unsigned                  readers_left, helper_count;
    firn_error                helper_error; /* the first of those who helped */
    _Atomic bool              stopped; /* someone failed: no new split, no new batch */
} flow;

typedef struct reader {
    flow    *flow;
    unsigned index;
    lane    *lane; /* of the split at work */
    char     name[16];
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

/* The lane's oldest group is written and its files are closed. */
static void
lane_end_group(lane *l)
{
    const load_flow_settings *s = l->flow->settings;
    const data_file_list     *files = roll_writer_closed(l->writer);
    const group              *ended;

    task_lock_hold(l->flow->guard);
    ended = l->written;
    l->written = ended->next;
    task_lock_release(l->flow->guard);

    load_group done = {.split_count = ended->end_split - ended->first_split,
                       .splits = s->splits + ended->first_split,
                       .outcome = ended->outcome,
                       .checksum = l->group_checksum,
                       .file_count = files->count - l->noted_file_count,
                       .files = files->files + l->noted_file_count};
    if (s->group_done) s->group_done(s->group_state, &done);
    l->noted_file_count = files->count;
    row_checksum_merge(&l->checksum, &l->group_checksum);
    l->group_checksum = (row_checksum){0};
}

static firn_status
lane_write(lane *l, batch *take_batch, firn_error *err)
{
    const load_flow_settings *s = l->flow->settings;
    firn_status               status;

    if (take_batch->array.release) {
        row_checksum_add(&l->group_checksum, s->writer.schema, &take_batch->array);
        status = roll_writer_add(l->writer, &take_batch->array, err);
    } else {
        /* An empty batch ends a group, and so its files. */
        status = roll_writer_roll(l->writer, err);
        if (!status) lane_end_group(l);
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
    return FIRN_OK;
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
    firn_crash_point("split.after-start");
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
        firn_crash_point("split.mid");
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
read_split(reader *r, const source_split *split, split_outcome *ret_outcome, firn_error *err)
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
            *ret_outcome = outcome;
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
    flow  *f = l->flow;
    group *taken = f->next_group < f->group_count ? &f->groups[f->next_group] : NULL;

    if (!taken) return false;
    f->next_group++;
    if (l->reading) l->reading->next = taken;
    if (!l->written) l->written = taken;
    l->reading = taken;
    l->next_split = taken->first_split;
    l->state = GROUP_READING;
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

        if (l->state == GROUP_NONE && !lane_take_group(l)) continue;
        if (l->state != GROUP_READING || l->next_split == l->reading->end_split) continue;
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
    return f->next_group < f->group_count;
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

static void
add_outcome(split_outcome *sum, const split_outcome *part)
{
    sum->row_count += part->row_count;
    sum->server_count += part->server_count;
    sum->byte_count += part->byte_count;
    sum->coerced_count += part->coerced_count;
}

/* The split is delivered. Whoever delivers the last of a group ends it. */
static firn_status
give_split_back(reader *r, const split_outcome *outcome, firn_error *err)
{
    lane       *l = r->lane;
    batch       end = {0};
    bool        last, open;
    firn_status status = FIRN_OK;

    task_lock_hold(r->flow->guard);
    add_outcome(&l->reading->outcome, outcome);
    last = --l->in_flight == 0 && l->next_split == l->reading->end_split;
    if (last) l->state = GROUP_ENDING;
    task_lock_release(r->flow->guard);
    if (!last) return FIRN_OK;

    status = lane_put(l, &end, &open, err);
    task_lock_hold(r->flow->guard);
    l->state = GROUP_NONE;
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
        split_outcome outcome = {0};

        FIRN_TRY(read_split(r, &s->splits[index], &outcome, err));
        FIRN_TRY(give_split_back(r, &outcome, err));
        atomic_fetch_add_explicit(&s->progress->split_done_count, 1, memory_order_relaxed);
    }
    return FIRN_OK;
}

/* The last one out closes the lanes: they write what they have and end. */
static void
leave(flow *f)
{
    bool last;

    task_lock_hold(f->guard);
    last = --f->readers_left == 0;
    task_lock_release(f->guard);
    if (!last) return;
    for (unsigned i = 0; i < f->settings->lane_count; i++) {
        if (f->lanes[i].queue) task_queue_close(f->lanes[i].queue);
    }
}

static firn_status
reader_work(void *state, firn_error *err)
{
    reader     *r = state;
    firn_status status = read_splits(r, err);

    if (status) flow_stop(r->flow);
    leave(r->flow);
    return status;
}

/* ---- those who help ---- */

static bool
has_split_left(const flow *f)
{
    if (more_may_come(f)) return true;
    for (unsigned i = 0; i < f->settings->lane_count; i++) {
        const lane *l = &f->lanes[i];

        if (l->state == GROUP_READING && l->next_split < l->reading->end_split) return true;
    }
    return false;
}

/* Not when the last reader is out: the lanes are being closed. */
static bool
join_flow(void *state)
{
    flow *f = state;
    bool  joined;

    task_lock_hold(f->guard);
    joined = f->readers_left && !atomic_load(&f->stopped) && has_split_left(f);
    if (joined) f->readers_left++;
    task_lock_release(f->guard);
    return joined;
}

static void
help_flow(void *state)
{
    flow      *f = state;
    reader     r = {.flow = f};
    firn_error err = {0};

    task_lock_hold(f->guard);
    r.index = f->settings->reader_count + f->helper_count++;
    task_lock_release(f->guard);
    if (read_splits(&r, &err)) {
        task_lock_hold(f->guard);
        if (!f->helper_error.status || f->helper_error.status == FIRN_CANCELLED) f->helper_error = err;
        task_lock_release(f->guard);
        flow_stop(f);
    }
    leave(f);
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
    firn_free(f->groups);
    task_lock_free(f->guard);
}

static firn_status
make_groups(flow *f, firn_error *err)
{
    const load_flow_settings *s = f->settings;
    const unsigned            size = s->group_split_count;

    f->group_count = (s->split_count + size - 1) / size;
    f->groups = firn_calloc(f->group_count + 1, sizeof *f->groups);
    if (!f->groups) return firn_fail_memory(err, "the splits of a load");
    for (unsigned i = 0; i < f->group_count; i++) {
        unsigned left = s->split_count - i * size;

        f->groups[i].first_split = i * size;
        f->groups[i].end_split = i * size + (left < size ? left : size);
    }
    return FIRN_OK;
}

static firn_status
flow_begin(flow *f, bool threaded, firn_error *err)
{
    const load_flow_settings *s = f->settings;

    FIRN_TRY(make_groups(f, err));
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
    f->readers_left = s->reader_count;
    return FIRN_OK;
}

static firn_status
run_threads(flow *f, firn_error *err)
{
    const load_flow_settings *s = f->settings;
    FIRN_AUTO(task_group_freep) task_group *threads = task_group_new(NULL);
    firn_status status = FIRN_OK;
    unsigned    spawned = 0;

    if (!threads) return firn_fail_memory(err, "the threads of a load");
    for (unsigned i = 0; i < s->lane_count && !status; i++)
        status = task_group_spawn(threads, f->lanes[i].name, lane_work, &f->lanes[i], err);
    for (; spawned < s->reader_count && !status; spawned++)
        status = task_group_spawn(threads, f->readers[spawned].name, reader_work, &f->readers[spawned], err);
    if (status) {
        firn_error ignored = {0};
        flow_stop(f);
        (void) !task_group_join(threads, &ignored);
        return status;
    }
    return task_group_join(threads, err);
}

/* An error of somebody who helped is the flow's, unless its own threads have one that is no mere cancelling. */
static firn_status
run_with_crew(flow *f, firn_error *err)
{
    crew_work   work = {.join = join_flow, .work = help_flow, .state = f};
    firn_status status;

    load_crew_put_up(f->settings->crew, &work);
    status = run_threads(f, err);
    load_crew_take_down(f->settings->crew, &work);
    if (!f->helper_error.status || (status && status != FIRN_CANCELLED)) return status;
    *err = f->helper_error;
    return err->status;
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
    FIRN_TRY(threaded ? run_with_crew(&f, err) : reader_work(&f.readers[0], err));
    FIRN_TRY(flow_collect(&f, &files, err));
    for (unsigned i = 0; i < f.group_count; i++) add_outcome(&total, &f.groups[i].outcome);
    for (unsigned i = 0; i < settings->lane_count; i++) row_checksum_merge(&checksum, &f.lanes[i].checksum);
    FIRN_TRY(check_counts(settings, &total, &checksum, &files, err));
    *ret_total = total;
    *ret_checksum = checksum;
    *ret_files = files;
    files = (data_file_list){0};
    return FIRN_OK;
}
