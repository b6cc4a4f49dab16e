#include "load/load_record.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "state/status_table.h"

#include <string.h>

struct load_record {
    const load_context *ctx;
    load_table_result  *results;
    unsigned            count;
    task_lock          *guard;
    bool               *marked;
    firn_arena          arena;
    status_rows         known; /* as the job began */
};

firn_status
load_record_new(const load_context *ctx, load_table_result *results, unsigned count, task_lock *guard,
                load_record **ret_record, firn_error *err)
{
    FIRN_AUTO(load_record_freep) load_record *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "the status of the tables");
    *r = (load_record){.ctx = ctx, .results = results, .count = count, .guard = guard};
    r->marked = firn_calloc(count + 1, sizeof *r->marked);
    if (!r->marked) return firn_fail_memory(err, "the status of the tables");
    if (status_table_read(ctx->lake, ctx->settings->namespace_levels, ctx->settings->namespace_level_count, &r->arena,
                          &r->known, err)) {
        if (err->status != FIRN_NOT_FOUND) return firn_while(err, "reading the status table of source '%s'", ctx->settings->source_name);
        firn_error_reset(err);
    }
    *ret_record = FIRN_STEAL(r);
    return FIRN_OK;
}

void
load_record_free(load_record *record)
{
    if (!record) return;
    firn_free(record->marked);
    firn_arena_done(&record->arena);
    firn_free(record);
}

bool
load_record_is_complete(const load_record *record, unsigned table_index)
{
    for (unsigned i = 0; i < record->known.count; i++) {
        const status_row *row = &record->known.rows[i];
        if (strcmp(row->table_name, record->results[table_index].name) == 0)
            return row->load_status && strcmp(row->load_status, load_state_name(LOAD_COMPLETED)) == 0;
    }
    return false;
}

void
load_record_mark(load_record *record, unsigned table_index)
{
    record->marked[table_index] = true;
}

/* The guard is held. What a table's worker writes while it runs is not looked at before it has ended. */
static status_row
row_of(const load_record *r, const load_table_result *result, int64_t now_us)
{
    if (result->state == LOAD_IN_PROGRESS)
        return (status_row){
            .table_name = result->name,
            .load_status = load_state_name(result->state),
            .initial_load_start_us = result->started_us,
            .correlation_id = r->ctx->settings->correlation_id,
            .updated_at_us = now_us,
        };
    return (status_row){
        .table_name = result->name,
        .load_status = load_state_name(result->state),
        .record_count = (int64_t) result->row_count,
        .primary_keys = result->key_names,
        .primary_key_count = result->key_count,
        .initial_load_start_us = result->started_us,
        .initial_load_end_us = result->ended_us,
        .load_position = result->position[0] ? result->position : NULL,
        .cdc_position = result->position[0] ? result->position : NULL,
        .last_commit_at_us = result->state == LOAD_COMPLETED ? result->ended_us : 0,
        .error_message = result->reason,
        .correlation_id = r->ctx->settings->correlation_id,
        .updated_at_us = now_us,
    };
}

firn_status
load_record_flush(load_record *record, firn_error *err)
{
    const load_settings *s = record->ctx->settings;
    FIRN_AUTO(firn_freep) status_row *rows = firn_calloc(record->count + 1, sizeof *rows);
    FIRN_AUTO(firn_freep) bool *taken = firn_calloc(record->count + 1, sizeof *taken);
    unsigned    count = 0;
    int64_t     now_us = firn_clock_now_us();
    firn_status status;

    if (!rows || !taken) return firn_fail_memory(err, "the status of the tables");
    /* The texts of a result do not change any more once its state is set, so the copies may be used unguarded. */
    task_lock_hold(record->guard);
    for (unsigned i = 0; i < record->count; i++) {
        if (!record->marked[i]) continue;
        rows[count++] = row_of(record, &record->results[i], now_us);
        taken[i] = true;
        record->marked[i] = false;
    }
    task_lock_release(record->guard);
    if (!count) return FIRN_OK;

    /* Not with the job's cancel flag: a cancelled job's state shall be written, too. */
    status = status_table_update(record->ctx->lake, s->namespace_levels, s->namespace_level_count, rows, count,
                                 record->ctx->pending, NULL, err);
    if (status) {
        task_lock_hold(record->guard);
        for (unsigned i = 0; i < record->count; i++) record->marked[i] = record->marked[i] || taken[i];
        task_lock_release(record->guard);
    }
    return status;
}
