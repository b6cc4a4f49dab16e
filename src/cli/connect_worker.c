#include "cli/connect_worker.h"

#include <string.h>

#include "net/http.h"

/* `connect:` of the cluster that the source names; secrets of the cluster's other parts are not looked at. */
static firn_status
open_cluster(session *s, const yaml_node **ret_entry, firn_error *err)
{
    const char        *name = settings_text(&s->values, OPTION_FOLLOW_KAFKA_CLUSTER);
    const config_file *file = &s->files[CONFIG_KAFKA_CLUSTERS];

    *ret_entry = name ? config_file_entry(file, CONFIG_KAFKA_CLUSTERS, name) : NULL;
    if (!*ret_entry) return FIRN_OK;
    return settings_apply_entry(&s->values, CONFIG_KAFKA_CLUSTERS, file, *ret_entry, &s->environment, false, err);
}

firn_status
connect_worker_url(session *s, const char **ret_url, firn_error *err)
{
    const char      *name = settings_text(&s->values, OPTION_FOLLOW_KAFKA_CLUSTER);
    const yaml_node *entry = NULL;

    *ret_url = NULL;
    FIRN_TRY(open_cluster(s, &entry, err));
    if (name && !entry) {
        (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "%s has no cluster '%s'", s->files[CONFIG_KAFKA_CLUSTERS].path, name);
        firn_hint(err, "%s names it", s->values.values[OPTION_FOLLOW_KAFKA_CLUSTER].where);
        return err->status;
    }
    *ret_url = entry ? settings_text(&s->values, OPTION_CONNECT_URL) : NULL;
    return FIRN_OK;
}

static firn_status
take_configured(session *s, const yaml_node *entry, connect_worker_login *login, firn_error *err)
{
    const settings *v = &s->values;
    const char     *user = settings_text(v, OPTION_CONNECT_USERNAME);

    if (!user) return FIRN_OK;
    FIRN_TRY(settings_reveal(&s->values, OPTION_CONNECT_PASSWORD, &s->files[CONFIG_KAFKA_CLUSTERS], entry, &s->environment, err));
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_buffer_init(&text, 64 << 10);
    FIRN_TRY(firn_buffer_printf(&text, err, "%s:%s", user, firn_secret_reveal(v->values[OPTION_CONNECT_PASSWORD].secret)));
    FIRN_TRY(firn_buffer_add_byte(&text, '\0', err));
    login->login = firn_secret_new((const char *) text.data);
    explicit_bzero(text.data, text.size);
    return login->login ? FIRN_OK : firn_fail_memory(err, "a login");
}

firn_status
connect_worker_login_find(session *s, const char *url, connect_worker_login *ret_login, firn_error *err)
{
    bool             from_file;
    const char      *variable = dotenv_get(&s->environment, SESSION_CONNECT_LOGIN, &from_file), *configured;
    const yaml_node *entry = NULL;
    char             here[HTTP_ORIGIN_MAX], there[HTTP_ORIGIN_MAX];

    FIRN_TRY(open_cluster(s, &entry, err));
    configured = entry ? settings_text(&s->values, OPTION_CONNECT_URL) : NULL;
    http_url_origin(url, here);
    http_url_origin(configured ? configured : "", there);
    if (configured && strcmp(here, there) == 0) {
        ret_login->ca_file = settings_text(&s->values, OPTION_CONNECT_CA);
        if (!variable) return take_configured(s, entry, ret_login, err);
    }
    if (!variable || !*variable) return FIRN_OK;
    if (!strchr(variable, ':')) {
        (void) firn_fail(err, FIRN_E_OPTION_VALUE, "%s is not user:password", SESSION_CONNECT_LOGIN);
        return err->status;
    }
    ret_login->login = firn_secret_new(variable);
    return ret_login->login ? FIRN_OK : firn_fail_memory(err, "a login");
}

void
connect_worker_login_done(connect_worker_login *login)
{
    firn_secret_free(login->login);
    *login = (connect_worker_login){0};
}
