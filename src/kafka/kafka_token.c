#include "kafka/kafka_token.h"

#include <string.h>

#include "base/text.h"
#include "codec/json_reader.h"
#include "net/http.h"

#define ASK_MS 8000
#define ANSWER_BYTES_MAX ((size_t) 256 << 10)
#define FORM_BYTES_MAX ((size_t) 64 << 10)
/* RFC 6749 leaves it open what a token is good for whose end is not told. */
#define LIFE_S_DEFAULT 300
#define LIFE_S_MAX ((int64_t) 30 * 86400)
#define UNRESERVED "-._~"

void
kafka_token_done(kafka_token *token)
{
    firn_secret_free(token->text);
    token->text = NULL;
}

/* ---- the question ---- */

static firn_status
add_form_value(firn_buffer *out, const char *value, firn_error *err)
{
    return text_add_percent_encoded(out, firn_slice_text(value ? value : ""), UNRESERVED, err);
}

static firn_status
add_login(const kafka_cluster *cluster, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(add_form_value(out, cluster->username, err));
    FIRN_TRY(firn_buffer_add_byte(out, ':', err));
    FIRN_TRY(add_form_value(out, firn_secret_reveal(cluster->password), err));
    return firn_buffer_add_byte(out, '\0', err);
}

static firn_status
add_form(const kafka_cluster *cluster, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "grant_type=client_credentials"));
    if (!cluster->token_scope) return FIRN_OK;
    FIRN_TRY(firn_buffer_printf(out, err, "&scope="));
    return add_form_value(out, cluster->token_scope, err);
}

static void
wiped_buffer_done(firn_buffer *buffer)
{
    if (buffer->data) explicit_bzero(buffer->data, buffer->size);
    firn_buffer_done(buffer);
}

static void
wiped_response_done(http_response *response)
{
    if (response->body.data) explicit_bzero(response->body.data, response->body.size);
    http_response_done(response);
}

static firn_status
ask(const kafka_cluster *cluster, task_cancel *cancel, http_response *response, firn_error *err)
{
    FIRN_AUTO(wiped_buffer_done) firn_buffer login = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer form = {0};
    FIRN_AUTO(http_client_freep) http_client *client = NULL;
    const http_header headers[] = {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};

    firn_buffer_init(&login, FORM_BYTES_MAX);
    firn_buffer_init(&form, FORM_BYTES_MAX);
    FIRN_TRY(add_login(cluster, &login, err));
    FIRN_TRY(add_form(cluster, &form, err));
    FIRN_TRY(http_client_new(&client, err));

    const http_request request = {.method = "POST",
                                  .url = cluster->token_url,
                                  .headers = headers,
                                  .header_count = FIRN_COUNT(headers),
                                  .body = firn_buffer_slice(&form),
                                  .timeout_ms = ASK_MS,
                                  .response_bytes_max = ANSWER_BYTES_MAX,
                                  .login = (const char *) login.data,
                                  .ca_file = cluster->token_ca};
    return http_send(client, &request, cancel, response, err);
}

/* ---- the answer ---- */

firn_status
kafka_token_parse(firn_slice json, const char *endpoint, kafka_token *ret_token, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    int64_t life_s = LIFE_S_DEFAULT;

    FIRN_TRY(jdoc_parse(json, "the answer with a token", &doc, err));

    const jvalue *root = jdoc_root(doc);
    const char   *text = jtext(jget(root, "access_token"));

    if (!text || !*text) return firn_fail(err, FIRN_E_KAFKA_DENIED, "the answer of the token endpoint %s has no access_token", endpoint);
    if (jinteger(jget(root, "expires_in"), &life_s) && life_s <= 0)
        return firn_fail(err, FIRN_E_KAFKA_DENIED, "the token endpoint %s gives tokens that have run out", endpoint);
    *ret_token = (kafka_token){.text = firn_secret_new(text), .life_s = life_s < LIFE_S_MAX ? life_s : LIFE_S_MAX};
    return ret_token->text ? FIRN_OK : firn_fail_memory(err, "a token");
}

/* RFC 6749, 5.2: {"error": "invalid_client", "error_description": …}; both are for people. */
static void
said_by(firn_slice body, char out[128])
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error  ignored = {0};
    const char *error = jdoc_parse(body, "an answer", &doc, &ignored) ? NULL : jtext(jget(jdoc_root(doc), "error"));
    size_t      size = 0;

    /* names of the standard only: no control characters into the terminal */
    for (; error && error[size] && size < 100; size++) out[size] = error[size] >= ' ' && error[size] <= '~' ? error[size] : '?';
    out[size] = 0;
}

static firn_status
fail_answer(const kafka_cluster *cluster, const http_response *response, const char *endpoint, firn_error *err)
{
    char said[128];

    if (response->status >= 500 || response->status == 429 || response->status == 408)
        return firn_fail(err, FIRN_E_KAFKA_UNAVAILABLE, "the token endpoint %s answers %u", endpoint, response->status);
    said_by(firn_buffer_slice(&response->body), said);
    (void) firn_fail(err, FIRN_E_KAFKA_DENIED, "the token endpoint %s gives no token: it answers %u%s%s", endpoint, response->status, *said ? ", " : "", said);
    firn_hint(err, "look at oauth_token_url, oauth_scope, sasl_username (the client's id) and sasl_password (its secret) of '%s' in kafka_clusters.yaml", cluster->name);
    return err->status;
}

firn_status
kafka_token_fetch(const kafka_cluster *cluster, task_cancel *cancel, kafka_token *ret_token, firn_error *err)
{
    FIRN_AUTO(wiped_response_done) http_response response = {0};
    char endpoint[HTTP_ORIGIN_MAX];

    http_url_origin(cluster->token_url, endpoint);
    if (ask(cluster, cancel, &response, err)) {
        if (err->code == FIRN_E_HTTP_TLS) firn_hint(err, "oauth_ca of '%s' in kafka_clusters.yaml must be a file with the certificate that signed the token endpoint's", cluster->name);
        return err->status;
    }
    if (response.status / 100 != 2) return fail_answer(cluster, &response, endpoint, err);
    return kafka_token_parse(firn_buffer_slice(&response.body), endpoint, ret_token, err);
}

/* ---- extensions ---- */

static bool
is_extension(const char *name, size_t name_size, const char *value, size_t value_size)
{
    for (size_t i = 0; i < name_size; i++)
        if (!((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z')) return false;
    for (size_t i = 0; i < value_size; i++)
        if (value[i] < ' ' || value[i] > '~') return false;
    return name_size > 0 && !(name_size == 4 && memcmp(name, "auth", 4) == 0);
}

firn_status
kafka_token_extensions(const char *text, firn_arena *arena, const char *ret_extensions[2 * KAFKA_TOKEN_EXTENSIONS_MAX], size_t *ret_count,
                       firn_error *err)
{
    *ret_count = 0;
    for (const char *p = text ? text : ""; *p;) {
        size_t      size = strcspn(p, ",");
        const char *equals = memchr(p, '=', size);
        size_t      name_size = equals ? (size_t) (equals - p) : 0;

        if (!equals || *ret_count == (size_t) 2 * KAFKA_TOKEN_EXTENSIONS_MAX || !is_extension(p, name_size, equals + 1, size - name_size - 1)) {
            (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "oauth_extensions cannot have '%.*s'", (int) size, p);
            firn_hint(err, "write name=value,name=value: names of letters, at most %d, and none is 'auth'", KAFKA_TOKEN_EXTENSIONS_MAX);
            return err->status;
        }
        const char *name = firn_arena_text(arena, firn_slice_of(p, name_size));
        const char *value = firn_arena_text(arena, firn_slice_of(equals + 1, size - name_size - 1));
        if (!name || !value) return firn_fail_memory(err, "a token's extensions");
        ret_extensions[(*ret_count)++] = name;
        ret_extensions[(*ret_count)++] = value;
        p += size + (p[size] == ',');
    }
    return FIRN_OK;
}
