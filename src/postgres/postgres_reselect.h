/*
 * Rows of tables by their keys, as the database has them now: the row_reselector of PostgreSQL (change/row_reselector.h).
 *
 * Values:   by COPY and its decoder, so those of a load, policies included
 * State:    one transaction sees all of a statement's rows, and the transactions that the request names. Those may take a moment: a
 *           change is sent once its commit is in the log, and with synchronous replication it is seen later than that
 * Standby:  refused; it may be behind the changes that the rows are read for, and nothing would mend what it says
 * Limits:   RESELECT_KEYS_MAX keys in a statement; waits have limits, so that a database that is away is known to be after some seconds
 * Threads:  one
 */
#ifndef FIRN_POSTGRES_POSTGRES_RESELECT_H
#define FIRN_POSTGRES_POSTGRES_RESELECT_H

#include "change/row_reselector.h"
#include "postgres/postgres_source.h"

#define RESELECT_KEYS_MAX 1000u

typedef struct postgres_reselect postgres_reselect;

/* Connects with the first rows that are asked for. Borrows the settings' texts and `cancel`. */
FIRN_MUST_USE firn_status postgres_reselect_new(const postgres_settings *settings, task_cancel *cancel,
                                                postgres_reselect **ret_reselect, firn_error *err);
void                      postgres_reselect_free(postgres_reselect *reselect);
FIRN_DEFINE_FREEP(postgres_reselect, postgres_reselect_free)

/* row_reselector.read; `state` is a postgres_reselect. */
FIRN_MUST_USE firn_status postgres_reselect_read(void *state, const reselect_request *request, bool known[], batch *ret_rows,
                                                 firn_error *err);

#endif
