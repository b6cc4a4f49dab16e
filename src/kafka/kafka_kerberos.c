#include "kafka/kafka_kerberos.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define KEYTAB_SIZE_MAX ((size_t) 4 << 20)
#define KEYTAB_FIRST 5
#define SERVICE_SIZE_MAX 64

static void
wiped_buffer_done(firn_buffer *buffer)
{
    if (buffer->data) explicit_bzero(buffer->data, buffer->size);
    firn_buffer_done(buffer);
}

/* Kerberos itself would only say that it has no credentials. */
static firn_status
check_keytab(const kafka_cluster *cluster, firn_error *err)
{
    FIRN_AUTO(wiped_buffer_done) firn_buffer bytes = {0};
    firn_error  found = {0};
    const char *reason = NULL;

    firn_buffer_init(&bytes, KEYTAB_SIZE_MAX);
    if (file_read(cluster->keytab, &bytes, &found))
        reason = found.cause;
    else if (bytes.size < 2 || bytes.data[0] != KEYTAB_FIRST)
        reason = "it is no keytab";
    if (!reason) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "kerberos_keytab '%s' of cluster '%s' cannot be used: %.300s", cluster->keytab, cluster->name, reason);
    firn_hint(err, "it must be a keytab (ktutil, kadmin's ktadd, or ktpass make them) that this account can read; its first principal logs in");
    return err->status;
}

static firn_status
set_variable(const char *name, const char *value, firn_error *err)
{
    return setenv(name, value, 1) ? firn_fail_memory(err, "Kerberos's settings") : FIRN_OK;
}

firn_status
kafka_kerberos_prepare(const kafka_cluster *cluster, firn_error *err)
{
    char place[4096 + 8];

    if (!cluster->keytab || !cluster->mechanism || strcmp(cluster->mechanism, "GSSAPI") != 0) return FIRN_OK;
    FIRN_TRY(check_keytab(cluster, err));
    /* With the kind in front, colons of the path mean nothing. */
    if ((size_t) snprintf(place, sizeof place, "FILE:%s", cluster->keytab) >= sizeof place)
        return firn_fail(err, FIRN_E_KAFKA_PROPERTY, "kerberos_keytab of cluster '%s' is too long", cluster->name);
    FIRN_TRY(set_variable("KRB5_CLIENT_KTNAME", place, err));
    return set_variable("KRB5CCNAME", "MEMORY:firn", err);
}

bool
kafka_kerberos_is_service(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return *name && *name != '-' && strlen(name) <= SERVICE_SIZE_MAX && strspn(name, letters) == strlen(name);
}
