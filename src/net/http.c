#include "net/http.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

#define TIMEOUT_MS_DEFAULT UINT64_C(30000)
#define CONNECT_TIMEOUT_MS UINT64_C(10000)
#define RESPONSE_BYTES_DEFAULT ((size_t) 1 << 20)
#define RESPONSE_HEADER_BYTES_MAX ((size_t) 64 << 10)
#define RETRY_AFTER_S_MAX 3600
#define SHOWN_ANSWER_BYTES 160
#define POLL_MS_MAX 1000

struct http_client {
    CURLM *multi;
    CURL  *easy;
};

/* What the callbacks of one request see. */
typedef struct transfer {
    http_response *response;
    size_t         header_bytes;
    bool           header_too_large;
    firn_status    body_status;
    firn_error     body_error;
} transfer;

/* ---- URLs ---- */

static void
url_free(CURLU **slot)
{
    curl_url_cleanup(*slot);
}

static void
part_free(char **slot)
{
    curl_free(*slot);
}

static char *
part_of(CURLU *url, CURLUPart part)
{
    char *text = NULL;

    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

void
http_url_origin(const char *text, char out[HTTP_ORIGIN_MAX])
{
    FIRN_AUTO(url_free) CURLU *url = curl_url();
    FIRN_AUTO(part_free) char *scheme = NULL;
    FIRN_AUTO(part_free) char *host = NULL;
    FIRN_AUTO(part_free) char *port = NULL;

    snprintf(out, HTTP_ORIGIN_MAX, "a URL");
    if (!url || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) return;
    scheme = part_of(url, CURLUPART_SCHEME);
    host = part_of(url, CURLUPART_HOST);
    port = part_of(url, CURLUPART_PORT);
    if (scheme && host) snprintf(out, HTTP_ORIGIN_MAX, "%s://%.200s%s%s", scheme, host, port ? ":" : "", port ? port : "");
}

static bool
is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

firn_status
http_url_check(const char *text, bool plain_allowed, const char *subject, firn_error *err)
{
    FIRN_AUTO(url_free) CURLU *url = curl_url();
    FIRN_AUTO(part_free) char *scheme = NULL;
    FIRN_AUTO(part_free) char *host = NULL;
    FIRN_AUTO(part_free) char *user = NULL;
    FIRN_AUTO(part_free) char *password = NULL;

    if (!url) return firn_fail_memory(err, "a URL");
    /* The text itself may be a secret, or hold one. */
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return firn_fail(err, FIRN_E_HTTP_URL, "%s is no URL", subject);
    scheme = part_of(url, CURLUPART_SCHEME);
    host = part_of(url, CURLUPART_HOST);
    user = part_of(url, CURLUPART_USER);
    password = part_of(url, CURLUPART_PASSWORD);
    if (!scheme || !host || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        return firn_fail(err, FIRN_E_HTTP_URL, "%s is not a URL that begins with https:// or http://", subject);
    if (user || password) {
        (void) firn_fail(err, FIRN_E_HTTP_URL, "%s holds a user name or password", subject);
        firn_hint(err, "give it as a header or token, by reference");
        return err->status;
    }
    if (strcmp(scheme, "http") == 0 && !plain_allowed && !is_loopback(host)) {
        (void) firn_fail(err, FIRN_E_HTTP_URL, "%s sends to %.200s without encryption", subject, host);
        firn_hint(err, "use https://");
        return err->status;
    }
    return FIRN_OK;
}

/* ---- the client ---- */

void
http_response_done(http_response *response)
{
    firn_buffer_done(&response->body);
}

firn_status
http_client_new(http_client **ret_client, firn_error *err)
{
    FIRN_AUTO(http_client_freep) http_client *client = firn_calloc(1, sizeof *client);

    if (!client) return firn_fail_memory(err, "an HTTP client");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return firn_fail_memory(err, "an HTTP client");
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    if (!client->multi || !client->easy) return firn_fail_memory(err, "an HTTP client");
    *ret_client = FIRN_STEAL(client);
    return FIRN_OK;
}

void
http_client_free(http_client *client)
{
    if (!client) return;
    if (client->easy) curl_easy_cleanup(client->easy);
    if (client->multi) (void) curl_multi_cleanup(client->multi);
    firn_free(client);
}

static size_t
take_body(char *bytes, size_t one, size_t size, void *state)
{
    transfer *t = state;

    (void) one; /* always 1 */
    t->body_status = firn_buffer_add(&t->response->body, bytes, size, &t->body_error);
    return t->body_status == FIRN_OK ? size : 0;
}

/* The value behind "name:", without blanks around it; false: another header. */
static bool
header_value(firn_slice line, const char *name, firn_slice *ret_value)
{
    size_t size = strlen(name);

    if (line.size <= size || line.data[size] != ':' || strncasecmp((const char *) line.data, name, size) != 0)
        return false;
    const uint8_t *start = line.data + size + 1, *end = line.data + line.size;
    while (start < end && isspace(*start)) start++;
    while (end > start && isspace(end[-1])) end--;
    *ret_value = firn_slice_of(start, (size_t) (end - start));
    return true;
}

static size_t
take_header(char *bytes, size_t one, size_t size, void *state)
{
    transfer  *t = state;
    firn_slice line = firn_slice_of((const uint8_t *) bytes, size), value;
    uint64_t   seconds = 0;

    (void) one;
    t->header_bytes += size;
    if (t->header_bytes > RESPONSE_HEADER_BYTES_MAX) {
        t->header_too_large = true;
        return 0;
    }
    if (header_value(line, "content-type", &value) && value.size < sizeof t->response->content_type) {
        memcpy(t->response->content_type, value.data, value.size);
        t->response->content_type[value.size] = '\0';
    } else if (header_value(line, "retry-after", &value) && text_parse_u64(value, &seconds)) {
        t->response->retry_after_ms = (seconds < RETRY_AFTER_S_MAX ? seconds : RETRY_AFTER_S_MAX) * 1000;
    }
    return size;
}

/* curl_slist_free_all has to be called with what the last append returned. */
static void
list_free(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static firn_status
add_header(struct curl_slist **list, const char *line, firn_error *err)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer) return firn_fail_memory(err, "a request's headers");
    *list = longer;
    return FIRN_OK;
}

static firn_status
make_headers(const http_request *request, struct curl_slist **list, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer line = {0};

    firn_buffer_init(&line, 64 << 10);
    FIRN_TRY(add_header(list, "Expect:", err)); /* no wait for a 100 */
    for (unsigned i = 0; i < request->header_count; i++) {
        const http_header *header = &request->headers[i];

        if (!*header->name || strpbrk(header->name, ": \t\r\n") || strpbrk(header->value, "\r\n"))
            return firn_fail(err, FIRN_E_HTTP_URL, "the header '%.60s' has a name or value that HTTP does not allow",
                             header->name);
        firn_buffer_reset(&line);
        /* "name:" alone would remove it; "name;" sends it empty. */
        FIRN_TRY(firn_buffer_printf(&line, err, *header->value ? "%s: %s" : "%s;%s", header->name, header->value));
        FIRN_TRY(firn_buffer_add_byte(&line, '\0', err));
        FIRN_TRY(add_header(list, (const char *) line.data, err));
        explicit_bzero(line.data, line.size);
    }
    return FIRN_OK;
}

#define SET(option, value) (failed |= curl_easy_setopt(easy, (option), (value)) != CURLE_OK)

static bool
set_safety(CURL *easy)
{
    bool failed = false;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https"); /* none is followed */
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_USERAGENT, "firn");
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    return !failed;
}

static bool
set_request(CURL *easy, const http_request *request, struct curl_slist *headers, transfer *t)
{
    uint64_t timeout_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS_DEFAULT;
    bool     failed = false;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_TIMEOUT_MS, (long) timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long) (timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS));
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    SET(CURLOPT_FORBID_REUSE, request->fresh_connection ? 1L : 0L);
    if (request->ca_file) SET(CURLOPT_CAINFO, request->ca_file);
    if (request->login) {
        SET(CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
        SET(CURLOPT_USERPWD, request->login);
    }
    if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (request->body.data || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, request->body.data ? (const char *) request->body.data : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body.size);
    }
    SET(CURLOPT_CUSTOMREQUEST, strcmp(request->method, "HEAD") == 0 ? NULL : request->method);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, t);
    return !failed;
}
#undef SET

/* Runs what was added to the multi handle to its end; *ret_result is curl's word on it. */
static firn_status
run(http_client *client, task_cancel *cancel, CURLcode *ret_result, firn_error *err)
{
    struct curl_waitfd cancelled = {.fd = cancel ? task_cancel_fd(cancel) : -1, .events = CURL_WAIT_POLLIN};
    int                running = 1, left = 0;

    for (;;) {
        if (task_cancel_requested(cancel)) return firn_fail(err, FIRN_E_CANCELLED, "a request was cancelled");
        if (curl_multi_perform(client->multi, &running) != CURLM_OK)
            return firn_fail(err, FIRN_E_BUG, "libcurl refused to go on with a request");
        if (!running) break;
        if (curl_multi_poll(client->multi, &cancelled, cancel ? 1 : 0, POLL_MS_MAX, NULL) != CURLM_OK)
            return firn_fail(err, FIRN_E_BUG, "libcurl refused to wait for a request");
    }
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        if (message->msg == CURLMSG_DONE) *ret_result = message->data.result;
    }
    return FIRN_OK;
}

static firn_code
code_of(CURLcode result)
{
    static const struct {
        CURLcode  result;
        firn_code code;
    } codes[] = {
        {CURLE_PEER_FAILED_VERIFICATION, FIRN_E_HTTP_TLS}, {CURLE_SSL_CONNECT_ERROR, FIRN_E_HTTP_TLS},
        {CURLE_SSL_CACERT_BADFILE, FIRN_E_HTTP_TLS},       {CURLE_SSL_CERTPROBLEM, FIRN_E_HTTP_TLS},
        {CURLE_SSL_CIPHER, FIRN_E_HTTP_TLS},               {CURLE_SSL_ISSUER_ERROR, FIRN_E_HTTP_TLS},
        {CURLE_UNSUPPORTED_PROTOCOL, FIRN_E_HTTP_PROTOCOL}, {CURLE_WEIRD_SERVER_REPLY, FIRN_E_HTTP_PROTOCOL},
        {CURLE_OUT_OF_MEMORY, FIRN_E_NO_MEMORY},
    };

    for (unsigned i = 0; i < FIRN_COUNT(codes); i++) {
        if (codes[i].result == result) return codes[i].code;
    }
    return FIRN_E_HTTP_UNAVAILABLE;
}

static firn_status
fail_transfer(const http_request *request, const transfer *t, CURLcode result, const char *curls_words, firn_error *err)
{
    char origin[HTTP_ORIGIN_MAX];

    http_url_origin(request->url, origin);
    if (t->header_too_large || t->body_status != FIRN_OK) {
        if (t->body_status == FIRN_NO_MEMORY && t->response->body.size < t->response->body.size_bytes_max / 2)
            return firn_fail_memory(err, "an answer");
        return firn_fail(err, FIRN_E_HTTP_PROTOCOL, "%s answers with more than firn takes", origin);
    }
    /* curl's own words name host and reason; a secret in them would come from the URL, and those are redacted. */
    return firn_fail(err, code_of(result), "cannot %s to %s: %s", request->method, origin,
                     *curls_words ? curls_words : curl_easy_strerror(result));
}

firn_status
http_send(http_client *client, const http_request *request, task_cancel *cancel, http_response *response,
          firn_error *err)
{
    FIRN_AUTO(list_free) struct curl_slist *headers = NULL;
    char     words[CURL_ERROR_SIZE] = "";
    transfer t = {.response = response};
    CURLcode result = CURLE_OK;
    long     status = 0;

    FIRN_TRY(http_url_check(request->url, request->plain_allowed, "the address", err));
    FIRN_TRY(make_headers(request, &headers, err));
    response->body.size_bytes_max = request->response_bytes_max ? request->response_bytes_max : RESPONSE_BYTES_DEFAULT;
    firn_buffer_reset(&response->body);
    response->content_type[0] = '\0';
    response->retry_after_ms = 0;
    response->status = 0;
    curl_easy_reset(client->easy);
    (void) curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, words);
    if (!set_safety(client->easy) || !set_request(client->easy, request, headers, &t))
        return firn_fail(err, FIRN_E_BUG, "this libcurl does not take an option that firn needs");
    if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK)
        return firn_fail(err, FIRN_E_BUG, "libcurl refused a request");
    firn_status sent = run(client, cancel, &result, err);
    (void) curl_multi_remove_handle(client->multi, client->easy);
    (void) curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, NULL);
    FIRN_TRY(sent);
    firn_secret_redact(words);
    if (result != CURLE_OK) return fail_transfer(request, &t, result, words, err);
    response->status = (unsigned) status;
    return FIRN_OK;
}

/* The first words of an answer that is text, on one line. */
static void
answer_words(const http_response *response, char out[SHOWN_ANSWER_BYTES + 1])
{
    size_t size = response->body.size < SHOWN_ANSWER_BYTES ? response->body.size : SHOWN_ANSWER_BYTES;

    out[0] = '\0';
    if (!size || !text_is_utf8(response->body.data, response->body.size)) return;
    if (text_starts_with(response->content_type, "text/html")) {
        snprintf(out, SHOWN_ANSWER_BYTES, "an HTML page");
        return;
    }
    size = text_utf8_prefix(response->body.data, size, size);
    for (size_t i = 0; i < size; i++) {
        out[i] = response->body.data[i] < ' ' || response->body.data[i] == 0x7f ? ' ' : (char) response->body.data[i];
    }
    out[size] = '\0';
    firn_secret_redact(out);
}

firn_status
http_response_check(const http_response *response, const char *url, firn_error *err)
{
    char      origin[HTTP_ORIGIN_MAX], words[SHOWN_ANSWER_BYTES + 1];
    unsigned  status = response->status;
    firn_code code = FIRN_E_HTTP_REFUSED;

    if (status >= 200 && status < 300) return FIRN_OK;
    if (status == 401 || status == 403 || status == 407) code = FIRN_E_HTTP_DENIED;
    else if (status == 408 || status == 425 || status == 429 || status >= 500)
        code = FIRN_E_HTTP_UNAVAILABLE;
    http_url_origin(url, origin);
    answer_words(response, words);
    (void) firn_fail(err, code, "%s answers %u%s%s", origin, status, *words ? ": " : "", words);
    if (status >= 300 && status < 400) firn_hint(err, "firn does not follow redirects: give the final address");
    return err->status;
}
