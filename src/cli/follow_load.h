/*
 * Tables that `firn follow` loads while it runs: those that are new in the source, and those that must be loaded again.
 *
 * With --load: a thread looks at the source's tables now and then, and at once when changes of an unknown table come; the
 *              load itself is a load_step in the job's thread, with names instead of all tables
 * Without:     an unknown table is told of, once
 * A table that failed is not tried again in this run; a load that could not begin is, a minute later.
 */
#ifndef FIRN_CLI_FOLLOW_LOAD_H
#define FIRN_CLI_FOLLOW_LOAD_H

#include "cli/session.h"
#include "follow/follow_job.h"
#include "load/load_job.h"

typedef struct follow_load follow_load;

/* `settings` and `lake` are borrowed. */
FIRN_MUST_USE firn_status follow_load_new(session *s, const load_settings *settings, catalog *lake, follow_load **ret_load,
                                          firn_error *err);
void                      follow_load_free(follow_load *load);
FIRN_DEFINE_FREEP(follow_load, follow_load_free)

/* The load that --load begins with. Tables that fail are said in `ret_failed`: those that are there are followed. */
FIRN_MUST_USE firn_status follow_load_first(follow_load *load, firn_error *ret_failed, firn_error *err);
/* Begins to look for new tables, where the first load was asked for. */
FIRN_MUST_USE firn_status follow_load_watch(follow_load *load, firn_error *err);
const follow_loader      *follow_load_ops(const follow_load *load);

#endif
