/*
 * Old versions of a table's metadata file (Hadoop catalog): those before the current one that have left its log.
 */
#ifndef FIRN_MAINTAIN_METADATA_FILES_H
#define FIRN_MAINTAIN_METADATA_FILES_H

#include "maintain/maintain_task.h"

/* Removes them where the table asks for it (write.metadata.delete-after-commit.enabled), or is one of firn's own. Else
 * they are orphans once they are old enough. */
FIRN_MUST_USE firn_status metadata_files_trim(maintain_task *t, firn_error *err);

#endif
