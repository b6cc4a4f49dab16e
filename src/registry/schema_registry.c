#include "registry/schema_registry.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/text.h"
#include "net/http.h"
#include "registry/registry_answer.h"
#include "task/retry.h"

#define ATTEMPT_MAX_DEFAULT 5
#define SCHEMA_COUNT_DEFAULT 1000
#define BACKOFF_MS 200
#define BACKOFF_MS_MAX 10000
#define ANSWER_BYTES_MAX ((size_t) 16 << 20)
#define SCHEMA_MEMORY_MAX ((size_t) 64 << 20)
/* References of references. */
#define REFERENCE_DEPTH_MAX 32
/* A registry of several servers hands an id out before each of them knows it. */
#define UNKNOWN_ATTEMPT_MAX 3

typedef struct kept_schema {
    registry_schema *schema;
    uint64_t         used; /* the clock of questions when it was last asked for */
} kept_schema;

struct schema_registry {
    registry_settings settings;
    firn_arena        arena; /* of the settings' texts */
    char              origin[HTTP_ORIGIN_MAX];
    char             *secret; /* login or header; wiped */
    http_client      *client;
    http_response     response;
    kept_schema      *kept; /* by id */
    unsigned          kept_count;
    uint64_t          clock, request_count;
};

/* A schema as it is put together: the texts of those that it refers to, in order, each once. */
typedef struct schema_parts {
    firn_arena arena;
    firn_map  *seen; /* "subject version" */
    firn_slice known[REGISTRY_REFERENCES_MAX];
    unsigned   known_count;
} schema_parts;

static void
schema_parts_done(schema_parts *parts)
{
    firn_map_free(parts->seen);
    firn_arena_done(&parts->arena);
}

/* ---- schemas ---- */

registry_schema *
registry_schema_ref(registry_schema *schema)
{
    __atomic_add_fetch(&schema->ref_count, 1, __ATOMIC_RELAXED);
    return schema;
}

void
registry_schema_unref(registry_schema *schema)
{
    if (!schema || __atomic_sub_fetch(&schema->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    firn_arena_done(&schema->arena);
    firn_free(schema);
}

/* The place of this id, or where it belongs. */
static unsigned
place_of(const schema_registry *r, uint32_t id)
{
    unsigned low = 0, high = r->kept_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (r->kept[middle].schema->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
drop_oldest(schema_registry *r)
{
    unsigned oldest = 0;

    for (unsigned i = 1; i < r->kept_count; i++) {
        if (r->kept[i].used < r->kept[oldest].used) oldest = i;
    }
    registry_schema_unref(r->kept[oldest].schema);
    memmove(&r->kept[oldest], &r->kept[oldest + 1], (r->kept_count - oldest - 1) * sizeof *r->kept);
    r->kept_count--;
}

static void
keep(schema_registry *r, registry_schema *schema)
{
    if (r->kept_count == r->settings.schema_count_max) drop_oldest(r);

    unsigned place = place_of(r, schema->id);

    memmove(&r->kept[place + 1], &r->kept[place], (r->kept_count - place) * sizeof *r->kept);
    r->kept[place] = (kept_schema){registry_schema_ref(schema), r->clock};
    r->kept_count++;
}

/* ---- the registry ---- */

static firn_status
copy_text(schema_registry *r, const char *text, const char **ret_copy, firn_error *err)
{
    *ret_copy = text ? firn_arena_strdup(&r->arena, text) : NULL;
    return text && !*ret_copy ? firn_fail_memory(err, "a schema registry's settings") : FIRN_OK;
}

static firn_status
set_up(schema_registry *r, const registry_settings *settings, firn_error *err)
{
    size_t size = strlen(settings->url);

    r->settings = *settings;
    if (!r->settings.attempt_max) r->settings.attempt_max = ATTEMPT_MAX_DEFAULT;
    if (!r->settings.schema_count_max) r->settings.schema_count_max = SCHEMA_COUNT_DEFAULT;
    while (size > 0 && settings->url[size - 1] == '/') size--;
    if (!(r->settings.url = firn_arena_text(&r->arena, firn_slice_of(settings->url, size))))
        return firn_fail_memory(err, "a schema registry's settings");
    FIRN_TRY(copy_text(r, settings->ca_file, &r->settings.ca_file, err));
    http_url_origin(r->settings.url, r->origin);
    if (settings->token)
        r->secret = firn_arena_printf(&r->arena, "Bearer %s", firn_secret_reveal(settings->token));
    else if (settings->username)
        r->secret = firn_arena_printf(&r->arena, "%s:%s", settings->username, firn_secret_reveal(settings->password));
    if ((settings->token || settings->username) && !r->secret) return firn_fail_memory(err, "a schema registry's settings");
    r->kept = firn_calloc(r->settings.schema_count_max, sizeof *r->kept);
    if (!r->kept) return firn_fail_memory(err, "a schema registry");
    return http_client_new(&r->client, err);
}

firn_status
schema_registry_new(const registry_settings *settings, schema_registry **ret_registry, firn_error *err)
{
    FIRN_AUTO(schema_registry_freep) schema_registry *r = NULL;

    FIRN_TRY(http_url_check(settings->url, settings->plain_allowed, "the schema registry's url", err));
    if (!(r = firn_calloc(1, sizeof *r))) return firn_fail_memory(err, "a schema registry");
    FIRN_TRY(set_up(r, settings, err));
    *ret_registry = FIRN_STEAL(r);
    return FIRN_OK;
}

void
schema_registry_free(schema_registry *r)
{
    if (!r) return;
    for (unsigned i = 0; i < r->kept_count; i++) registry_schema_unref(r->kept[i].schema);
    if (r->secret) explicit_bzero(r->secret, strlen(r->secret));
    http_response_done(&r->response);
    http_client_free(r->client);
    firn_free(r->kept);
    firn_arena_done(&r->arena);
    firn_free(r);
}

uint64_t
schema_registry_requests(const schema_registry *r)
{
    return r->request_count;
}

/* ---- questions ---- */

static firn_status
ask_once(schema_registry *r, const char *url, task_cancel *cancel, firn_error *err)
{
    const registry_settings *s = &r->settings;
    const http_header        headers[] = {
        {"Accept", "application/vnd.schemaregistry.v1+json, application/json"},
        {"Authorization", s->token ? r->secret : ""},
    };
    const http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = s->token ? 2 : 1,
        .login = s->token ? NULL : r->secret,
        .response_bytes_max = ANSWER_BYTES_MAX,
        .plain_allowed = s->plain_allowed,
        .ca_file = s->ca_file,
    };

    r->request_count++;
    return http_send(r->client, &request, cancel, &r->response, err);
}

static firn_status
fail_answer(const schema_registry *r, const char *what, firn_error *err)
{
    unsigned status = r->response.status;

    if (status == 404 && registry_error_code(firn_buffer_slice(&r->response.body)) > 0)
        return firn_fail(err, FIRN_E_REGISTRY_SCHEMA, "the schema registry at %s does not have %s", r->origin, what);
    if (status == 404) {
        (void) firn_fail(err, FIRN_E_REGISTRY_ANSWER, "there is no schema registry at %s under the path of its url", r->origin);
        firn_hint(err, "schema_registry: url is what /schemas/ids/… stands behind; Apicurio's ends in /apis/ccompat/v7");
        return err->status;
    }
    if (http_response_check(&r->response, r->settings.url, err) == FIRN_DENIED)
        firn_hint(err, "check username and password, or token, of schema_registry in kafka_clusters.yaml, and its rights to read");
    return firn_while(err, "asking the schema registry for %s", what);
}

/* An answer with 2xx is in r->response. */
static firn_status
ask(schema_registry *r, const char *url, const char *what, task_cancel *cancel, firn_error *err)
{
    task_retry retry = {.attempt_max = r->settings.attempt_max, .backoff_ms = BACKOFF_MS, .backoff_max_ms = BACKOFF_MS_MAX};
    unsigned   unknown = 0;

    for (;;) {
        firn_status status = ask_once(r, url, cancel, err);

        if (status == FIRN_OK && r->response.status / 100 == 2) return FIRN_OK;
        status = status ? firn_while(err, "asking the schema registry for %s", what) : fail_answer(r, what, err);

        bool is_late = err->code == FIRN_E_REGISTRY_SCHEMA && unknown++ < UNKNOWN_ATTEMPT_MAX;

        if (!task_retry_again(&retry, is_late ? FIRN_UNAVAILABLE : status, cancel, NULL)) {
            err->retried = retry.attempt > 0;
            if (status == FIRN_UNAVAILABLE) firn_hint(err, "check whether the schema registry at %s runs and can be reached", r->origin);
            return status;
        }
        firn_error_reset(err);
    }
}

static firn_status
answer_of(schema_registry *r, const char *url, const char *what, firn_arena *arena, task_cancel *cancel,
          registry_answer *ret_answer, firn_error *err)
{
    FIRN_TRY(ask(r, url, what, cancel, err));
    if (registry_answer_parse(firn_buffer_slice(&r->response.body), what, arena, ret_answer, err) == FIRN_OK) return FIRN_OK;
    return firn_while(err, "reading the answer of the schema registry at %s", r->origin);
}

static firn_status
add_references(schema_registry *r, const registry_answer *answer, unsigned depth, schema_parts *parts, task_cancel *cancel,
               firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer url = {0};

    firn_buffer_init(&url, 64 << 10);
    if (depth > REFERENCE_DEPTH_MAX)
        return firn_fail(err, FIRN_E_REGISTRY_ANSWER, "schemas refer to each other more than %d deep", REFERENCE_DEPTH_MAX);
    for (unsigned i = 0; i < answer->reference_count; i++) {
        const registry_reference *ref = &answer->references[i];
        const char *what = firn_arena_printf(&parts->arena, "version %lld of '%.200s'", (long long) ref->version, ref->subject);
        registry_answer inner;

        if (!what) return firn_fail_memory(err, "a schema's references");
        if (firn_map_get(parts->seen, firn_slice_text(what))) continue;
        firn_buffer_reset(&url);
        FIRN_TRY(firn_buffer_printf(&url, err, "%s/subjects/", r->settings.url));
        FIRN_TRY(text_add_percent_encoded(&url, firn_slice_text(ref->subject), "", err));
        FIRN_TRY(firn_buffer_printf(&url, err, "/versions/%lld", (long long) ref->version));
        FIRN_TRY(firn_buffer_add_byte(&url, '\0', err));
        FIRN_TRY(answer_of(r, (const char *) url.data, what, &parts->arena, cancel, &inner, err));
        FIRN_TRY(firn_map_put(parts->seen, firn_slice_text(what), parts, err));
        FIRN_TRY(add_references(r, &inner, depth + 1, parts, cancel, err));
        if (parts->known_count == REGISTRY_REFERENCES_MAX)
            return firn_fail(err, FIRN_E_REGISTRY_ANSWER, "a schema uses more than %d others", REGISTRY_REFERENCES_MAX);
        parts->known[parts->known_count++] = inner.schema;
    }
    return FIRN_OK;
}

static firn_status
fetch(schema_registry *r, uint32_t id, task_cancel *cancel, registry_schema *schema, firn_error *err)
{
    FIRN_AUTO(schema_parts_done) schema_parts parts = {0};
    registry_answer answer;
    char            what[32];
    const char     *url = firn_arena_printf(&parts.arena, "%s/schemas/ids/%u", r->settings.url, id);

    (void) snprintf(what, sizeof what, "schema %u", id);
    if (!url || !(parts.seen = firn_map_new())) return firn_fail_memory(err, "a schema");
    FIRN_TRY(answer_of(r, url, what, &parts.arena, cancel, &answer, err));
    if (answer.reference_count > 0 && add_references(r, &answer, 0, &parts, cancel, err))
        return firn_while(err, "reading what schema %u refers to", id);
    return avro_schema_parse_behind(parts.known, parts.known_count, answer.schema, what, &schema->arena, &schema->type, err);
}

firn_status
schema_registry_get(schema_registry *r, uint32_t id, task_cancel *cancel, registry_schema **ret_schema, firn_error *err)
{
    unsigned place = place_of(r, id);

    r->clock++;
    if (place < r->kept_count && r->kept[place].schema->id == id) {
        r->kept[place].used = r->clock;
        *ret_schema = registry_schema_ref(r->kept[place].schema);
        return FIRN_OK;
    }

    registry_schema *schema = firn_calloc(1, sizeof *schema);

    if (!schema) return firn_fail_memory(err, "a schema");
    schema->id = id;
    schema->ref_count = 1;
    firn_arena_init(&schema->arena, SCHEMA_MEMORY_MAX);

    firn_status status = fetch(r, id, cancel, schema, err);

    if (status) {
        registry_schema_unref(schema);
        return status;
    }
    keep(r, schema);
    *ret_schema = schema;
    return FIRN_OK;
}

firn_status
schema_registry_check(schema_registry *r, task_cancel *cancel, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *url = firn_arena_printf(&arena, "%s/subjects", r->settings.url);

    if (!url) return firn_fail_memory(err, "a request");
    return ask(r, url, "its subjects", cancel, err);
}
