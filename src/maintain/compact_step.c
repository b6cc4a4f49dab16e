#include "maintain/compact_step.h"

#include "maintain/compact_round.h"

/* Of one commit: what a conflict or a crash costs at most. */
#define ROUND_BYTES_MAX (UINT64_C(8) << 30)
/* How often groups are planned again that other writers got in the way of. */
#define REPLANS_MAX 3

static void
foresee(maintain_result *result, const compact_plan *plan)
{
    result->rewritten_file_count = plan->file_count;
    result->rewritten_bytes = plan->size_bytes;
    result->written_file_count = plan->result_count;
    result->after.data_file_count += plan->result_count - plan->file_count;
}

firn_status
compact_step_run(maintain_task *t, firn_error *err)
{
    const uint64_t limit = t->budget.input_bytes_max;
    uint64_t       used = 0;
    unsigned       replans = 0;

    for (;;) {
        FIRN_AUTO(compact_round_done) compact_round round = {0};
        int64_t  before_bytes = t->result->rewritten_bytes, before_dropped = t->result->dropped_group_count;
        uint64_t room = ROUND_BYTES_MAX;

        FIRN_TRY(maintain_task_check(t, err));
        if (compact_round_plan(&round, t, err)) return firn_while(err, "planning the compaction of '%s'", t->ident->name);
        if (!round.plan.group_count) return FIRN_OK;
        if (t->settings->dry_run) {
            foresee(t->result, &round.plan);
            return FIRN_OK;
        }
        if (limit && used >= limit) {
            t->result->more = true;
            return FIRN_OK;
        }
        if (limit && limit - used < room) room = limit - used;
        if (compact_round_run(&round, room, err)) return firn_while(err, "compacting '%s'", t->ident->name);
        used += (uint64_t) (t->result->rewritten_bytes - before_bytes);
        bool dropped = t->result->dropped_group_count > before_dropped, all_done = round.end == round.plan.group_count;
        if (dropped && ++replans > REPLANS_MAX) {
            maintain_result_note(t->result, "other writers were faster at some files: run again");
            return FIRN_OK;
        }
        // Files that came meanwhile are for the next run: this one would never end beside a busy writer.
        if (all_done && !dropped) return FIRN_OK;
    }
}
