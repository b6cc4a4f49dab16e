#include "registry/registry_answer.h"

#include "base/bytes.h"
#include "codec/json_reader.h"

#define FRAME_SIZE 5

static firn_status
parse_references(const jdoc *doc, const jvalue *list, const char *name, firn_arena *arena, registry_answer *answer,
                 firn_error *err)
{
    size_t              count = jcount(list);
    registry_reference *out = firn_arena_array(arena, count + 1, sizeof *out);

    if (!out) return firn_fail_memory(err, "a schema's references");
    if (count > REGISTRY_REFERENCES_MAX)
        return firn_fail(err, FIRN_E_REGISTRY_ANSWER, "%s has %zu references, firn follows %d", name, count, REGISTRY_REFERENCES_MAX);
    for (size_t i = 0; i < count; i++) {
        const jvalue *reference = jat(list, i);
        const char   *subject;

        FIRN_TRY(jneed_text(doc, reference, "subject", &subject, err));
        FIRN_TRY(jneed_integer(doc, reference, "version", &out[i].version, err));
        if (!(out[i].subject = firn_arena_strdup(arena, subject))) return firn_fail_memory(err, "a schema's references");
    }
    answer->reference_count = (unsigned) count;
    answer->references = out;
    return FIRN_OK;
}

firn_status
registry_answer_parse(firn_slice json, const char *name, firn_arena *arena, registry_answer *ret_answer, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    registry_answer answer = {0};
    const char     *schema;

    FIRN_TRY(jdoc_parse(json, name, &doc, err));

    const jvalue *root = jdoc_root(doc);
    const char   *type = jtext(jget(root, "schemaType")); // left out where it is AVRO
    const jvalue *references = jget(root, "references");

    if (type && strcmp(type, "AVRO") != 0) {
        (void) firn_fail(err, FIRN_E_REGISTRY_UNSUPPORTED, "%s is of the type '%.40s', not AVRO", name, type);
        firn_hint(err, "let the connector's converter write Avro, or JSON without a registry");
        return err->status;
    }
    if (!(schema = jtext(jget(root, "schema"))))
        return firn_fail(err, FIRN_E_REGISTRY_ANSWER, "%s comes without the member 'schema'", name);
    if (jkind_of(references) == JARRAY) FIRN_TRY(parse_references(doc, references, name, arena, &answer, err));

    const char *text = firn_arena_strdup(arena, schema);

    if (!text) return firn_fail_memory(err, "a schema");
    answer.schema = firn_slice_text(text);
    *ret_answer = answer;
    return FIRN_OK;
}

int64_t
registry_error_code(firn_slice body)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error err = {0};
    int64_t    code;

    if (jdoc_parse(body, "an answer", &doc, &err)) return 0;
    return jinteger(jget(jdoc_root(doc), "error_code"), &code) ? code : 0;
}

firn_status
registry_message_split(firn_slice message, const char *what, uint32_t *ret_id, firn_slice *ret_payload, firn_error *err)
{
    if (message.size < FRAME_SIZE || message.data[0] != 0) {
        bool is_json = message.size > 0 && (message.data[0] == '{' || message.data[0] == '"');

        if (message.size == 0)
            (void) firn_fail(err, FIRN_E_REGISTRY_FRAMING, "the %s is empty", what);
        else if (message.size < FRAME_SIZE)
            (void) firn_fail(err, FIRN_E_REGISTRY_FRAMING, "the %s has %zu bytes, too few for a schema's id", what, message.size);
        else
            (void) firn_fail(err, FIRN_E_REGISTRY_FRAMING, "the %s begins with the byte 0x%02x, not with 0 and a schema's id",
                             what, message.data[0]);
        firn_hint(err, is_json ? "it looks like JSON: the topic has records of another converter"
                               : "the converter has to write Confluent's framing, ids of 4 bytes in the message itself");
        return err->status;
    }
    *ret_id = load_be32(message.data + 1);
    *ret_payload = firn_slice_of(message.data + FRAME_SIZE, message.size - FRAME_SIZE);
    return FIRN_OK;
}
