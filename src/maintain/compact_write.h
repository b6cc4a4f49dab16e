/*
 * One group of files → its new files.
 */
#ifndef FIRN_MAINTAIN_COMPACT_WRITE_H
#define FIRN_MAINTAIN_COMPACT_WRITE_H

#include "maintain/compact_round.h"

/* `lane` keeps the names of the workers' files apart; `output` gets the files. */
FIRN_MUST_USE firn_status compact_write_group(const compact_round *r, const compact_group *group, unsigned lane,
                                              size_t memory_bytes, data_file_list *ret_files, firn_error *err);
/* The least memory that a worker gets along with. */
#define COMPACT_WORKER_MEMORY_MIN ((size_t) 96 << 20)

#endif
