/*
 * `firn follow --resync`: tables whose changes in between are lost are brought to a new slot's point.
 *
 *   mark all tables ─▶ drop the old slot ─▶ make a new one ─▶ per table: compare as of its snapshot, write what differs,
 *   with the position
 *
 * Dying:  at any moment leaves marked tables, which nobody follows (FOLLOW_RESYNC_UNFINISHED); a new run does it all again
 * Shape:  a table whose shape has changed meanwhile, or that is gone, is stopped; the others go on
 */
#ifndef FIRN_CLI_FOLLOW_RESYNC_H
#define FIRN_CLI_FOLLOW_RESYNC_H

#include "cli/connect.h"

/* Whether following has failed with something that this mends. */
bool follow_resync_helps(const firn_error *err);

/* The source's lock is the caller's; no maintenance of this process runs. FIRN_FAILED (POSTGRES_IDENTITY): the source is
 * another database system, and --yes was not given. */
FIRN_MUST_USE firn_status follow_resync_run(session *s, const load_settings *load, catalog *lake, firn_error *err);

/* Its first half alone: the tables are marked, then the slot goes. Nobody follows them before a resync has come to its end. */
FIRN_MUST_USE firn_status follow_resync_release(session *s, const load_settings *load, catalog *lake, firn_error *err);

#endif
