/*
 * How a load survives its own death: somebody else keeps its point for a while (load_keeper), and a list says which
 * splits are done (split_ledger). The next run of the same source takes the point over and reads only the rest; without
 * a keeper that is still alive it begins under a point of its own, as if there had been no list.
 *
 * The keeper is asked only when that turns out to be worth it: for a table whose files are closed several times, and before
 * the first of several tables is in the lake, so that the others come to be of the same point, whatever happens.
 * Threads: all, but for open, end and free
 */
#ifndef FIRN_LOAD_LOAD_CHECKPOINT_H
#define FIRN_LOAD_LOAD_CHECKPOINT_H

#include "load/split_ledger.h"

typedef struct load_checkpoint load_checkpoint;

/* Ends what is kept unless this run may go on with it; where it may, and the point can be had, the source sees it and
 * ctx->point is set: *ret_taken. *ret_checkpoint NULL: the settings want no checkpoints. */
FIRN_MUST_USE firn_status load_checkpoint_open(load_context *ctx, load_checkpoint **ret_checkpoint, bool *ret_taken,
                                               firn_error *err);
/* The run is over, however it went: nothing is kept any more. */
void load_checkpoint_end(load_checkpoint *c);
/* Without end: as after a crash. */
void load_checkpoint_free(load_checkpoint *c);
FIRN_DEFINE_FREEP(load_checkpoint, load_checkpoint_free)

/* The list of what an earlier run has done; NULL: nothing, or no checkpoint. */
split_ledger *load_checkpoint_kept(const load_checkpoint *c);
/* Before the first split of a table is read: has the point kept, and the table noted. Returns where its groups are noted;
 * NULL where that is not worth it, or cannot be had. Its plan, source and point are set here. */
split_ledger *load_checkpoint_begin(load_checkpoint *c, const load_context *ctx, split_line *line,
                                    const source_split splits[]);
/* Before a table is committed that is not the only one: has the point kept, where that can be had. */
void load_checkpoint_keep(load_checkpoint *c, const load_context *ctx);

#endif
