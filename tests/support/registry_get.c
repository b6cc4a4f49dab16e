/*
 * What a schema registry has under ids, as firn reads it.
 *
 *   registry_get URL [SETTING=VALUE …] ID …
 *
 * A line per id: the schema as firn writes it, or "FIRN-nnnn status: cause | doing | hint"; last, the number of questions that went to
 * the server. Settings: username=, password=, token=, ca=, attempts=, kept=, plain=1
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro/avro_schema_text.h"
#include "base/secret.h"
#include "base/text.h"
#include "registry/schema_registry.h"

static bool
take_setting(registry_settings *s, char *text)
{
    char    *value = strchr(text, '=');
    uint64_t number = 0;

    if (!value) return false;
    *value++ = '\0';
    if (!text_parse_u64(firn_slice_text(value), &number)) number = 0;
    if (strcmp(text, "username") == 0) s->username = value;
    if (strcmp(text, "password") == 0) s->password = firn_secret_new(value);
    if (strcmp(text, "token") == 0) s->token = firn_secret_new(value);
    if (strcmp(text, "ca") == 0) s->ca_file = value;
    if (strcmp(text, "attempts") == 0) s->attempt_max = (unsigned) number;
    if (strcmp(text, "kept") == 0) s->schema_count_max = (unsigned) number;
    if (strcmp(text, "plain") == 0) s->plain_allowed = true;
    return true;
}

static void
print_error(const firn_error *err)
{
    printf("FIRN-%d %s: %s | %s | %s\n", (int) err->code, firn_status_name(err->status), err->cause, err->frame_count ? err->frame[0] : "", err->hint);
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(schema_registry_freep) schema_registry *registry = NULL;
    registry_settings settings = {0};
    firn_error        err = {0};
    int               at = 2;

    if (argc < 3) return 64;
    settings.url = argv[1];
    while (at < argc && take_setting(&settings, argv[at])) at++;
    if (schema_registry_new(&settings, &registry, &err)) {
        print_error(&err);
        return 1;
    }
    for (; at < argc; at++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        registry_schema *schema = NULL;
        uint64_t         id = 0;
        firn_error_reset(&err);
        firn_buffer_init(&text, 1 << 20);
        if (!text_parse_u64(firn_slice_text(argv[at]), &id)) return 64;
        if (schema_registry_get(registry, (uint32_t) id, NULL, &schema, &err) || avro_schema_add_text(schema->type, &text, &err))
            print_error(&err);
        else
            printf("%.*s\n", (int) text.size, (const char *) text.data);
        registry_schema_unref(schema);
    }
    printf("%" PRIu64 "\n", schema_registry_requests(registry));
    firn_secret_free((firn_secret *) (uintptr_t) settings.password);
    firn_secret_free((firn_secret *) (uintptr_t) settings.token);
    return 0;
}
