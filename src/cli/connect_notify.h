/*
 * Configuration → who is told of what happens while changes are followed (sources.yaml, follow: notify:).
 */
#ifndef FIRN_CLI_CONNECT_NOTIFY_H
#define FIRN_CLI_CONNECT_NOTIFY_H

#include "cli/session.h"
#include "follow/follow_job.h"
#include "follow/notify.h"

/* NULL where nobody is to be told. Of the source that session_open_source has opened with its secrets; texts are borrowed of
 * the session. CONFIG_VALUE for a kind of event that there is not, HTTP_URL for a URL that is none. */
FIRN_MUST_USE firn_status connect_notify(session *s, notifier **ret_notifier, firn_error *err);

/* What is sent of an event of the job; of most of them nothing. */
void notify_of_event(notifier *n, const follow_event *event);
/* The changes since the lake's position are lost: `slot_lost`, where it was the slot. */
void notify_of_loss(notifier *n, const firn_error *err);
/* The job's end; tables that were stopped were told before. Waits a while for what is still to be sent. */
void notify_of_end(notifier *take_notifier, const firn_error *err);

#endif
