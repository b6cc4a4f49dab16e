/*
 * A source's configuration and tables → the settings of its connector.
 */
#ifndef FIRN_CLI_CONNECTOR_BUILD_H
#define FIRN_CLI_CONNECTOR_BUILD_H

#include "cli/connector_json.h"
#include "cli/session.h"
#include "load/load_job.h"

/* Texts live in the session's arena. Warns where something of the configuration cannot be had in Kafka Connect. */
FIRN_MUST_USE firn_status connector_build(session *s, const load_settings *settings, source *src, connector_settings *ret_settings,
                                          firn_error *err);

#endif
