/* kafka/kafka_place.h: any text gives places or a status; what was read is written so that it reads as the same. */
#include <assert.h>
#include <string.h>

#include "kafka/kafka_place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(const kafka_places *places)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error   err = {0};
    kafka_places again = {0};

    firn_buffer_init(&text, (size_t) 64 << 20);
    if (kafka_places_format(places, &text, &err) || firn_buffer_add_byte(&text, 0, &err)) return;
    assert(!kafka_places_parse((const char *) text.data, "t", &arena, &again, &err));
    assert(again.count == places->count);
    for (unsigned i = 0; i < again.count; i++) {
        const kafka_place *x = &places->places[i], *y = &again.places[i];
        assert(x->partition == y->partition && x->next_offset == y->next_offset && x->mark == y->mark && x->order.major == y->order.major);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error   err = {0};
    kafka_places places;

    firn_arena_init(&arena, (size_t) 64 << 20);
    const char *text = firn_arena_text(&arena, firn_slice_of(data, size));
    if (text && !kafka_places_parse(text, "t", &arena, &places, &err)) write_again(&places);
    return 0;
}
