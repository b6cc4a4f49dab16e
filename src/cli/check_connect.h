/*
 * What `firn check` says of the way through Kafka Connect, where the source's changes come from Kafka: the brokers, the worker, its plugin,
 * whether both are of one cluster, the connector and its settings, and whether it reads the slot. Nothing is changed.
 */
#ifndef FIRN_CLI_CHECK_CONNECT_H
#define FIRN_CLI_CHECK_CONNECT_H

#include "cli/session.h"
#include "load/load_job.h"
#include "postgres/postgres_source.h"

/* Nothing where the source's changes don't come from Kafka. */
FIRN_MUST_USE firn_status check_connect(session *s, const load_settings *settings, source *src, source_findings *ret_findings,
                                        firn_error *err);

#endif
