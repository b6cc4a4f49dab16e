/*
 * `firn load --dry-run`: what a load would do, as text or JSON, without writing anything. Of each table a sample is
 * read.
 */
#ifndef FIRN_CLI_DRY_RUN_H
#define FIRN_CLI_DRY_RUN_H

#include "cli/session.h"
#include "load/load_job.h"

FIRN_MUST_USE firn_status dry_run_print(session *s, const load_settings *settings, source *src, firn_error *err);

#endif
