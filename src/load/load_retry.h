/*
 * What a table's load tries again by itself: what the storage may have mended meanwhile.
 */
#ifndef FIRN_LOAD_LOAD_RETRY_H
#define FIRN_LOAD_LOAD_RETRY_H

#include "load/load_table.h"

task_retry load_retry_begin(const load_context *ctx);
/* Waits and tells where another try may help: a full disk can be emptied, a storage comes back. `err` is reset
 * then. False: it is for the caller to fail. */
bool load_retry_again(task_retry *retry, const load_context *ctx, const char *table, firn_error *err);

#endif
