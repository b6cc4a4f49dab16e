/*
 * Delete files: those that apply to nothing go, and in format version 2 many small position delete files of a data file
 * become one. In version 3 a data file has one deletion vector anyway; position delete files that a table still has from
 * before it was upgraded become vectors.
 *
 * Rows: none changes. Merged deletes are newer than the old ones, which means nothing: a path is one data file for ever.
 * Conflict: where another writer took a data file or a delete file meanwhile, it is planned again, some times
 */
#ifndef FIRN_MAINTAIN_DELETE_STEP_H
#define FIRN_MAINTAIN_DELETE_STEP_H

#include "maintain/maintain_task.h"

FIRN_MUST_USE firn_status delete_step_run(maintain_task *t, firn_error *err);

#endif
