/* registry/registry_answer.h: any answer gives a schema's text or a status; what is a schema is parsed, and walks any bytes. */
#include "registry/registry_answer.h"

#include "avro/avro_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error         err = {0};
    registry_answer    answer;
    const avro_schema *schema;
    uint32_t           id;
    firn_slice         payload;

    firn_arena_init(&arena, (size_t) 64 << 20);
    if (registry_message_split(firn_slice_of(data, size), "value", &id, &payload, &err)) firn_error_reset(&err);
    if (registry_answer_parse(firn_slice_of(data, size), "fuzz", &arena, &answer, &err)) return 0;
    if (avro_schema_parse(answer.schema, "fuzz", &arena, &schema, &err)) return 0;

    firn_reader in = firn_reader_of(firn_slice_of(data, size));

    (void) avro_skip(schema, &in);
    return 0;
}
