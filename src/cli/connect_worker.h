/*
 * How firn logs in to a Kafka Connect worker: FIRN_CONNECT_LOGIN (environment or .env; never on a command line, where others would
 * see it), else `connect:` of the source's Kafka cluster, where that has the same address.
 */
#ifndef FIRN_CLI_CONNECT_WORKER_H
#define FIRN_CLI_CONNECT_WORKER_H

#include "base/secret.h"
#include "cli/session.h"

typedef struct connect_worker_login {
    firn_secret *login;   /* "user:password"; NULL: none */
    const char  *ca_file; /* NULL: the system's */
} connect_worker_login;

/* The URL in `connect:` of the source's Kafka cluster; NULL: it has none. FIRN_NOT_FOUND (CONFIG_NOT_FOUND): no such cluster. */
FIRN_MUST_USE firn_status connect_worker_url(session *s, const char **ret_url, firn_error *err);
FIRN_MUST_USE firn_status connect_worker_login_find(session *s, const char *url, connect_worker_login *ret_login, firn_error *err);
void                      connect_worker_login_done(connect_worker_login *login);
/* The text for the call that needs it; NULL for NULL. */
static inline const char *
firn_secret_text(const firn_secret *secret)
{
    return secret ? firn_secret_reveal(secret) : NULL;
}

#endif
