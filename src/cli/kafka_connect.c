#include "cli/kafka_connect.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

#define PATH_BYTES_MAX ((size_t) 64 << 10)
#define ANSWER_BYTES_MAX ((size_t) 16 << 20)
#define TIMEOUT_MS UINT64_C(95000) /* Connect itself gives up after 90 s */
#define BACKOFF_MS_FIRST UINT64_C(250)
#define BACKOFF_MS_MAX UINT64_C(4000)
#define WORDS_MAX 300
#define TASKS_MAX 10000

firn_status
kafka_connect_open(kafka_connect *connect, const char *url, const char *login, const char *ca_file, const char *subject,
                   firn_arena *arena, task_cancel *cancel, firn_error *err)
{
    size_t size = strlen(url);

    /* A connector's settings hold references, no secrets; a login is one. */
    FIRN_TRY(http_url_check(url, login == NULL, subject, err));
    if (strpbrk(url, "?#")) return firn_fail(err, FIRN_E_HTTP_URL, "%s has more than an address and a path", subject);
    while (size && url[size - 1] == '/') size--;
    *connect = (kafka_connect){.login = login, .ca_file = ca_file, .cancel = cancel};
    connect->url = firn_arena_text(arena, firn_slice_of((const uint8_t *) url, size));
    if (!connect->url) return firn_fail_memory(err, "an address");
    return http_client_new(&connect->client, err);
}

void
kafka_connect_done(kafka_connect *connect)
{
    http_client_free(connect->client);
    http_response_done(&connect->response);
    *connect = (kafka_connect){0};
}

/* ---- requests ---- */

static firn_status
send_once(kafka_connect *connect, const char *method, const char *url, firn_slice body, firn_error *err)
{
    static const http_header headers[] = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
    const http_request       request = {.method = method,
                                        .url = url,
                                        .headers = headers,
                                        /* Of a PUT without content, libcurl would say that it is a form. */
                                        .header_count = strcmp(method, "GET") == 0 ? 1 : 2,
                                        .body = body,
                                        .timeout_ms = TIMEOUT_MS,
                                        .response_bytes_max = ANSWER_BYTES_MAX,
                                        .plain_allowed = connect->login == NULL,
                                        .login = connect->login,
                                        .ca_file = connect->ca_file};

    return http_send(connect->client, &request, connect->cancel, &connect->response, err);
}

/* Connect's "message", on one line; "" where the answer has none. */
static void
answer_message(const kafka_connect *connect, char out[WORDS_MAX + 1])
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error                  ignored = {0};
    const char                 *text = NULL;

    out[0] = '\0';
    if (connect->response.body.size && jdoc_parse(firn_buffer_slice(&connect->response.body), "an answer", &doc, &ignored) == FIRN_OK)
        text = jtext(jget(jdoc_root(doc), "message"));
    if (!text) return;
    size_t size = text_utf8_prefix((const uint8_t *) text, strlen(text), WORDS_MAX);
    if (size > WORDS_MAX) size = text_utf8_prefix((const uint8_t *) text, size, WORDS_MAX / 4);
    memcpy(out, text, size);
    out[size] = '\0';
    for (char *p = out; *p; p++) {
        if ((unsigned char) *p < ' ' || *p == 0x7f) *p = ' ';
    }
    firn_secret_redact(out);
}

static firn_status
check_answer(const kafka_connect *connect, firn_error *err)
{
    unsigned status = connect->response.status;
    char     origin[HTTP_ORIGIN_MAX], words[WORDS_MAX + 1];

    if (status >= 200 && status < 300) return FIRN_OK;
    http_url_origin(connect->url, origin);
    answer_message(connect, words);
    if (status == 409) {
        (void) firn_fail(err, FIRN_E_CONNECT_BUSY, "Kafka Connect at %s answers 409%s%s", origin, *words ? ": " : "", words);
    } else if (*words && status != 401 && status != 403 && status != 407) {
        (void) firn_fail(err, status >= 500 ? FIRN_E_HTTP_UNAVAILABLE : FIRN_E_HTTP_REFUSED, "Kafka Connect at %s answers %u: %s",
                         origin, status, words);
    } else if (http_response_check(&connect->response, connect->url, err) == FIRN_OK) {
        return FIRN_OK;
    }
    if (err->code == FIRN_E_HTTP_DENIED)
        firn_hint(err, connect->login ? "check the login: FIRN_CONNECT_LOGIN (user:password), or connect: of the Kafka cluster"
                                      : "give a login: FIRN_CONNECT_LOGIN=user:password in the environment or .env");
    return err->status;
}

/* A 404 is an answer: the caller looks at the response's status. */
static firn_status
request(kafka_connect *connect, const char *method, const char *path, firn_slice body, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer url = {0};
    uint64_t                                backoff_ms = BACKOFF_MS_FIRST;

    firn_buffer_init(&url, PATH_BYTES_MAX);
    FIRN_TRY(firn_buffer_printf(&url, err, "%s%s", connect->url, path));
    FIRN_TRY(firn_buffer_add_byte(&url, '\0', err));
    for (;;) {
        firn_status status = send_once(connect, method, (const char *) url.data, body, err);
        if (status == FIRN_OK && connect->response.status != 404) status = check_answer(connect, err);
        if (status != FIRN_UNAVAILABLE || firn_clock_monotonic_us() + backoff_ms * 1000 >= connect->retry_until_us) return status;
        if (task_cancel_wait(connect->cancel, backoff_ms)) return status;
        firn_error_reset(err);
        backoff_ms = backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
    }
}

static firn_status
fail_foreign(const kafka_connect *connect, const char *why, firn_error *err)
{
    char origin[HTTP_ORIGIN_MAX];

    http_url_origin(connect->url, origin);
    (void) firn_fail(err, FIRN_E_CONNECT_FOREIGN, "what answers at %s is no Kafka Connect: %s", origin, why);
    firn_hint(err, "give the address of a worker's REST API, often http://HOST:8083; one that is just starting answers 404, too");
    return err->status;
}

/* The answer as JSON, which every request but those without content gives. */
static firn_status
parse_answer(const kafka_connect *connect, jdoc **ret_doc, firn_error *err)
{
    if (jdoc_parse(firn_buffer_slice(&connect->response.body), "an answer of Kafka Connect", ret_doc, err) == FIRN_OK)
        return FIRN_OK;
    if (err->status == FIRN_NO_MEMORY) return err->status;
    firn_error_reset(err);
    return fail_foreign(connect, "its answer is not JSON", err);
}

/* "/connectors/NAME/…", in the arena of nobody: `out` is a buffer. */
static firn_status
connector_path(const char *name, const char *rest, firn_buffer *out, firn_error *err)
{
    firn_buffer_init(out, PATH_BYTES_MAX);
    FIRN_TRY(firn_buffer_add_text(out, "/connectors/", err));
    FIRN_TRY(text_add_percent_encoded(out, firn_slice_text(name), "", err));
    FIRN_TRY(firn_buffer_add_text(out, rest, err));
    return firn_buffer_add_byte(out, '\0', err);
}

static firn_status
request_connector(kafka_connect *connect, const char *method, const char *name, const char *rest, firn_slice body,
                  firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer path = {0};

    FIRN_TRY(connector_path(name, rest, &path, err));
    return request(connect, method, (const char *) path.data, body, err);
}

static firn_status
copy_text(firn_arena *arena, const jvalue *v, const char **ret_text, firn_error *err)
{
    const char *text = jtext(v);

    *ret_text = firn_arena_strdup(arena, text ? text : "");
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "an answer");
}

/* ---- the worker ---- */

firn_status
kafka_connect_look(kafka_connect *connect, firn_arena *arena, connect_worker *ret_worker, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    FIRN_TRY(request(connect, "GET", "/", (firn_slice){0}, err));
    if (connect->response.status == 404) return fail_foreign(connect, "it answers 404", err);
    FIRN_TRY(parse_answer(connect, &doc, err));
    if (!jtext(jget(jdoc_root(doc), "version")) || !jtext(jget(jdoc_root(doc), "kafka_cluster_id")))
        return fail_foreign(connect, "its answer has neither version nor Kafka cluster", err);
    FIRN_TRY(copy_text(arena, jget(jdoc_root(doc), "version"), &ret_worker->version, err));
    return copy_text(arena, jget(jdoc_root(doc), "kafka_cluster_id"), &ret_worker->cluster_id, err);
}

firn_status
kafka_connect_plugin(kafka_connect *connect, const char *class_name, firn_arena *arena, const char **ret_version,
                     const char **ret_others, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc             *doc = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer others = {0};

    *ret_version = *ret_others = NULL;
    firn_buffer_init(&others, FIRN_ERROR_TEXT_MAX / 2);
    FIRN_TRY(request(connect, "GET", "/connector-plugins", (firn_slice){0}, err));
    FIRN_TRY(parse_answer(connect, &doc, err));
    const jvalue *list = jdoc_root(doc);
    if (jkind_of(list) != JARRAY) return fail_foreign(connect, "it has no list of plugins", err);
    for (size_t i = 0; i < jcount(list); i++) {
        const char *found = jtext(jget(jat(list, i), "class")), *type = jtext(jget(jat(list, i), "type"));
        if (!found) continue;
        if (strcmp(found, class_name) == 0) return copy_text(arena, jget(jat(list, i), "version"), ret_version, err);
        if (type && strcmp(type, "source") != 0) continue;
        firn_error full = {0};
        if (firn_buffer_printf(&others, &full, "%s%s", others.size ? ", " : "", found) != FIRN_OK) break;
    }
    *ret_others = firn_arena_text(arena, firn_buffer_slice(&others));
    return *ret_others ? FIRN_OK : firn_fail_memory(err, "an answer");
}

/* ---- a connector's settings ---- */

firn_status
kafka_connect_config(kafka_connect *connect, const char *name, jdoc **ret_config, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    *ret_config = NULL;
    FIRN_TRY(request_connector(connect, "GET", name, "/config", (firn_slice){0}, err));
    if (connect->response.status == 404) return FIRN_OK;
    FIRN_TRY(parse_answer(connect, &doc, err));
    if (jkind_of(jdoc_root(doc)) != JOBJECT) return fail_foreign(connect, "a connector's settings are no object", err);
    *ret_config = FIRN_STEAL(doc);
    return FIRN_OK;
}

static firn_status
take_complaints(const jvalue *configs, firn_arena *arena, connect_complaint *out, unsigned *count, firn_error *err)
{
    for (size_t i = 0; i < jcount(configs); i++) {
        const jvalue *value = jget(jat(configs, i), "value"), *errors = jget(value, "errors");
        for (size_t e = 0; e < jcount(errors); e++) {
            if (out) {
                FIRN_TRY(copy_text(arena, jget(value, "name"), &out[*count].setting, err));
                FIRN_TRY(copy_text(arena, jat(errors, e), &out[*count].text, err));
            }
            ++*count;
        }
    }
    return FIRN_OK;
}

firn_status
kafka_connect_validate(kafka_connect *connect, const char *class_name, firn_slice config, firn_arena *arena,
                       connect_complaint **ret_complaints, unsigned *ret_count, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc             *doc = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer path = {0};
    unsigned                                count = 0;

    firn_buffer_init(&path, PATH_BYTES_MAX);
    FIRN_TRY(firn_buffer_printf(&path, err, "/connector-plugins/%s/config/validate", class_name));
    FIRN_TRY(firn_buffer_add_byte(&path, '\0', err));
    FIRN_TRY(request(connect, "PUT", (const char *) path.data, config, err));
    if (connect->response.status == 404) return fail_foreign(connect, "it cannot check settings", err);
    FIRN_TRY(parse_answer(connect, &doc, err));
    const jvalue *configs = jget(jdoc_root(doc), "configs");
    if (jkind_of(configs) != JARRAY) return fail_foreign(connect, "it has checked no settings", err);
    FIRN_TRY(take_complaints(configs, arena, NULL, &count, err));
    *ret_complaints = firn_arena_array(arena, count ? count : 1, sizeof **ret_complaints);
    if (!*ret_complaints) return firn_fail_memory(err, "an answer");
    *ret_count = 0;
    return take_complaints(configs, arena, *ret_complaints, ret_count, err);
}

firn_status
kafka_connect_put(kafka_connect *connect, const char *name, firn_slice config, firn_error *err)
{
    FIRN_TRY(request_connector(connect, "PUT", name, "/config", config, err));
    return connect->response.status == 404 ? check_answer(connect, err) : FIRN_OK;
}

static firn_status
command(kafka_connect *connect, const char *method, const char *name, const char *rest, firn_error *err)
{
    FIRN_TRY(request_connector(connect, method, name, rest, (firn_slice){0}, err));
    return connect->response.status == 404 ? check_answer(connect, err) : FIRN_OK;
}

firn_status
kafka_connect_restart(kafka_connect *connect, const char *name, firn_error *err)
{
    return command(connect, "POST", name, "/restart?includeTasks=true&onlyFailed=true", err);
}

firn_status
kafka_connect_stop(kafka_connect *connect, const char *name, firn_error *err)
{
    return command(connect, "PUT", name, "/stop", err);
}

firn_status
kafka_connect_resume(kafka_connect *connect, const char *name, firn_error *err)
{
    return command(connect, "PUT", name, "/resume", err);
}

firn_status
kafka_connect_forget_offset(kafka_connect *connect, const char *name, firn_error *err)
{
    return command(connect, "DELETE", name, "/offsets", err);
}

firn_status
kafka_connect_offset(kafka_connect *connect, const char *name, uint64_t *ret_position, firn_error *err)
{
    static const char *const    keys[] = {"lsn", "lsn_proc", "lsn_commit"};
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    *ret_position = 0;
    FIRN_TRY(request_connector(connect, "GET", name, "/offsets", (firn_slice){0}, err));
    if (connect->response.status == 404) return FIRN_OK;
    FIRN_TRY(parse_answer(connect, &doc, err));
    const jvalue *offsets = jget(jdoc_root(doc), "offsets");
    for (size_t i = 0; i < jcount(offsets); i++) {
        const jvalue *offset = jget(jat(offsets, i), "offset");
        for (size_t k = 0; k < FIRN_COUNT(keys); k++) {
            int64_t lsn = 0;
            if (jinteger(jget(offset, keys[k]), &lsn) && (uint64_t) lsn > *ret_position) *ret_position = (uint64_t) lsn;
        }
    }
    return FIRN_OK;
}

/* ---- its state ---- */

static firn_status
read_part(const jvalue *v, firn_arena *arena, connect_part *part, firn_error *err)
{
    part->id = -1;
    (void) jinteger(jget(v, "id"), &part->id);
    FIRN_TRY(copy_text(arena, jget(v, "state"), &part->state, err));
    FIRN_TRY(copy_text(arena, jget(v, "worker_id"), &part->worker, err));
    FIRN_TRY(copy_text(arena, jget(v, "trace"), &part->trace, err));
    firn_secret_redact((char *) (uintptr_t) part->trace);
    return FIRN_OK;
}

firn_status
kafka_connect_status(kafka_connect *connect, const char *name, firn_arena *arena, connect_status *ret_status, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

    *ret_status = (connect_status){.connector = {-1, "", "", ""}};
    FIRN_TRY(request_connector(connect, "GET", name, "/status", (firn_slice){0}, err));
    if (connect->response.status == 404) return FIRN_OK; /* not everywhere yet */
    FIRN_TRY(parse_answer(connect, &doc, err));
    const jvalue *tasks = jget(jdoc_root(doc), "tasks");
    size_t        count = jcount(tasks);
    if (count > TASKS_MAX) return fail_foreign(connect, "a connector has too many tasks", err);
    FIRN_TRY(read_part(jget(jdoc_root(doc), "connector"), arena, &ret_status->connector, err));
    ret_status->tasks = firn_arena_array(arena, count ? count : 1, sizeof *ret_status->tasks);
    if (!ret_status->tasks) return firn_fail_memory(err, "an answer");
    for (; ret_status->task_count < count; ret_status->task_count++)
        FIRN_TRY(read_part(jat(tasks, ret_status->task_count), arena, &ret_status->tasks[ret_status->task_count], err));
    return FIRN_OK;
}

const connect_part *
connect_status_failed(const connect_status *status)
{
    for (unsigned i = 0; i < status->task_count; i++) {
        if (strcmp(status->tasks[i].state, "FAILED") == 0) return &status->tasks[i];
    }
    return strcmp(status->connector.state, "FAILED") == 0 ? &status->connector : NULL;
}

bool
connect_status_runs(const connect_status *status)
{
    for (unsigned i = 0; i < status->task_count; i++) {
        if (strcmp(status->tasks[i].state, "RUNNING") != 0) return false;
    }
    return status->task_count && strcmp(status->connector.state, "RUNNING") == 0;
}

/* ---- traces ---- */

firn_status
connect_trace_lines(const char *trace, unsigned line_max, firn_arena *arena, const char ***ret_lines, unsigned *ret_count,
                    firn_error *err)
{
    const char **lines = firn_arena_array(arena, line_max, sizeof *lines);
    unsigned     count = 0;

    if (!lines) return firn_fail_memory(err, "a trace");
    for (const char *p = trace; *p;) {
        size_t size = strcspn(p, "\r\n");
        /* The first line and the causes; the frames between say nothing to a user. */
        if (size && (count == 0 || strncmp(p, "Caused by:", 10) == 0)) {
            const char *line = firn_arena_text(arena, firn_slice_of((const uint8_t *) p, size));
            if (!line) return firn_fail_memory(err, "a trace");
            if (count == line_max) count--; /* the innermost is the one that counts */
            lines[count++] = line;
        }
        p += size;
        p += strspn(p, "\r\n");
    }
    *ret_lines = lines;
    *ret_count = count;
    return FIRN_OK;
}
