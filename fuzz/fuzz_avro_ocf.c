/* avro/ocf_reader.h: any bytes give records or a status; all that a record points to can be read. */
#include "avro/ocf_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sum;

static void
touch(const avro_value *v)
{
    switch (v->type->kind) {
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_FIXED:
        for (size_t i = 0; i < v->of.bytes.size; i++) sum = sum + v->of.bytes.data[i];
        break;
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
        for (size_t i = 0; i < v->of.list.count; i++) touch(&v->of.list.items[i]);
        break;
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        sum = sum + (uint64_t) (v->type->kind == AVRO_NULL ? 0 : v->of.integer);
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_UNION:
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(ocf_reader_freep) ocf_reader *reader = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error err = {0};
    avro_value record;
    bool       more;

    firn_arena_init(&arena, (size_t) 64 << 20);
    if (ocf_reader_open(firn_slice_of(data, size), "fuzz", &reader, &err)) return 0;
    while (ocf_reader_next(reader, &arena, &record, &more, &err) == FIRN_OK && more) {
        touch(&record);
        firn_arena_reset(&arena);
    }
    return 0;
}
