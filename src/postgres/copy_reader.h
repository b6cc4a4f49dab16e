/*
 * batch_reader over the pieces of one split: one COPY after the other on one connection.
 */
#ifndef FIRN_POSTGRES_COPY_READER_H
#define FIRN_POSTGRES_COPY_READER_H

#include "batch/batch.h"
#include "postgres/postgres_connection.h"
#include "postgres/postgres_plan.h"

/* Where a connection goes when its reader is done with it; takes it in every case. */
typedef struct connection_return {
    void (*give_back)(void *state, postgres_connection *take_connection);
    void *state;
} connection_return;

/* Takes the connection in every case. Borrows `split` with its description, and the settings, until the reader is freed. */
FIRN_MUST_USE firn_status copy_reader_new(postgres_connection *take_connection, connection_return home,
                                          const postgres_settings *server, const source_split *split, size_t batch_rows, size_t batch_bytes,
                                          split_outcome *ret_outcome, batch_reader **ret_reader, firn_error *err);

#endif
