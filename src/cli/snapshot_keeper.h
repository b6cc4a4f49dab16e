/*
 * The load_keeper of the program: another process of it (`firn hold-snapshot`, in no help) that takes the snapshot over
 * and holds it for some minutes after the load has died.
 *
 *   checkpoints/<source>/holder       a FIFO: the holder reads, the load that lives has it open for writing. So the
 *                                     holder sees the load's end, however it comes, and a load whether there is a holder.
 *                                     A byte says that the holder is not needed any more.
 *   checkpoints/<source>/holder.json  what is held, for the next load; written when it is held
 *
 * Both belong to whoever has the source's lock; the holder removes nothing. It ends when it is told, at its time limit
 * without a load, and when its connection is lost.
 */
#ifndef FIRN_CLI_SNAPSHOT_KEEPER_H
#define FIRN_CLI_SNAPSHOT_KEEPER_H

#include "cli/session.h"
#include "load/load_job.h"

#define SNAPSHOT_KEEPER_FIFO "holder"
#define SNAPSHOT_KEEPER_FILE "holder.json"
/* Told to a holder that is not needed any more. */
#define SNAPSHOT_KEEPER_END 'E'

typedef struct snapshot_keeper snapshot_keeper;

/* The session is borrowed. Nothing is started before it is asked for. */
FIRN_MUST_USE firn_status snapshot_keeper_new(session *s, const load_settings *settings, snapshot_keeper **ret_keeper,
                                              firn_error *err);
/* What it holds stays held: as after a crash. */
void                      snapshot_keeper_free(snapshot_keeper *k);
FIRN_DEFINE_FREEP(snapshot_keeper, snapshot_keeper_free)

const load_keeper *snapshot_keeper_ops(const snapshot_keeper *k);

/* ---- what the two processes tell each other ---- */

/* One JSON object and a newline. */
FIRN_MUST_USE firn_status kept_point_add(const session *s, const load_settings *settings, const kept_point *kept,
                                         firn_buffer *out, firn_error *err);
/* FIRN_USAGE (PLAN_MISMATCH): of another program, source or schema. */
FIRN_MUST_USE firn_status kept_point_read(const session *s, const load_settings *settings, firn_slice text,
                                          kept_point *ret_kept, firn_error *err);

#endif
