/* load/split_line.h and load/split_result.h: any text gives a checked line or a status, and what was read is written so
 * that it reads as the same. */
#include "load/split_result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static firn_status
write_again(const jdoc *doc, line_kind kind, firn_arena *arena, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(split_line_done) split_line     line = {0};
    FIRN_AUTO(split_result_done) split_result result = {0};
    firn_error                                failure = {0};
    plan_end                                  end = {0};

    switch (kind) {
    case LINE_SPLIT:
        FIRN_TRY(split_line_read(doc, arena, &line, err));
        return split_line_add(&line, out, err);
    case LINE_RESULT:
        FIRN_TRY(split_result_read(doc, arena, &result, err));
        return split_result_add(&result, out, err);
    case LINE_FAILED:
        FIRN_TRY(split_failure_read(doc, arena, &line, &failure, err));
        return split_failure_add(&line, &failure, out, err);
    case LINE_PLAN_END:
        break;
    }
    FIRN_TRY(plan_end_read(doc, arena, &end, err));
    return plan_end_add(&end, out, err);
}

static firn_status
round_trip(firn_slice text, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(jdoc_freep) jdoc           *doc = NULL;
    line_kind                             kind = LINE_SPLIT;

    firn_arena_init(&arena, (size_t) 64 << 20);
    firn_buffer_init(out, (size_t) 64 << 20);
    FIRN_TRY(split_line_parse(text, 1, &doc, &kind, err));
    return write_again(doc, kind, &arena, out, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer first = {0}, second = {0};
    firn_error                              err = {0};

    if (round_trip(firn_slice_of(data, size), &first, &err)) return 0;
    if (round_trip(firn_buffer_slice(&first), &second, &err)) __builtin_trap();
    if (!firn_slice_equal(firn_buffer_slice(&first), firn_buffer_slice(&second))) __builtin_trap();
    return 0;
}
