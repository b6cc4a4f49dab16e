#include "postgres/replication_lag.h"

#include <stdio.h>

#include "change/change_stream.h"
#include "postgres/postgres_connection.h"

#define CONNECT_TIMEOUT_S 5u
#define ANSWER_TIMEOUT_MS 10000u

firn_status
replication_lag_ask(const postgres_settings *settings, task_cancel *cancel, replication_lag *ret_lag, firn_error *err)
{
    FIRN_AUTO(postgres_connection_freep) postgres_connection *c = NULL;
    FIRN_AUTO(postgres_result_freep) PGresult                *row = NULL;
    task_cancel *const cancels[2] = {cancel, NULL};
    postgres_settings  s = *settings;
    const char        *parameters[] = {settings->slot_name}, *end;

    s.connect_timeout_s = CONNECT_TIMEOUT_S;
    s.answer_timeout_ms = ANSWER_TIMEOUT_MS;
    FIRN_TRY(postgres_connection_new(&s, cancels, false, &c, err));
    /* flush_lag is null where nothing was confirmed lately, and where everything is. */
    FIRN_TRY(postgres_query(c,
                            "SELECT e.lsn, s.slot_name IS NOT NULL, coalesce(s.active, false), "
                            "(extract(epoch FROM r.flush_lag) * 1000000)::bigint, "
                            "pg_wal_lsn_diff(e.lsn, s.restart_lsn)::bigint, to_jsonb(s) ->> 'safe_wal_size', "
                            "pg_wal_lsn_diff(e.lsn, s.confirmed_flush_lsn)::bigint, to_jsonb(s) ->> 'wal_status' "
                            "FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END "
                            "AS lsn) e LEFT JOIN pg_replication_slots s ON s.slot_name = $1 "
                            "LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid",
                            parameters, 1, "asking how far the source is ahead", &row, err));
    *ret_lag = (replication_lag){.confirmed_us = -1, .safe_bytes = -1};
    end = PQntuples(row) == 1 ? postgres_cell(row, 0, 0) : NULL;
    if (!end || !change_position_parse(end, &ret_lag->server_position))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the server does not say where its log ends");
    ret_lag->slot_exists = postgres_cell_true(row, 0, 1);
    ret_lag->is_followed = postgres_cell_true(row, 0, 2);
    if (postgres_cell(row, 0, 3)) ret_lag->confirmed_us = postgres_cell_i64(row, 0, 3);
    ret_lag->retained_bytes = postgres_cell_i64(row, 0, 4);
    if (postgres_cell(row, 0, 5)) ret_lag->safe_bytes = postgres_cell_i64(row, 0, 5);
    ret_lag->behind_bytes = postgres_cell_i64(row, 0, 6);
    (void) snprintf(ret_lag->status, sizeof ret_lag->status, "%s", postgres_cell(row, 0, 7) ? postgres_cell(row, 0, 7) : "");
    return FIRN_OK;
}
