#include "batch/batch_take.h"

#include "base/alloc.h"

#include "../../tests/support/sample_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), FIRN_OK)
#define ROWS 400

typedef struct sample {
    table_schema *schema;
    batch         rows;
    firn_buffer   wanted, got;
} sample;

static int
set_up(void **state)
{
    sample *s = calloc(1, sizeof *s);

    s->schema = sample_schema();
    sample_rows(s->schema, ROWS, 11, &s->rows);
    firn_buffer_init(&s->wanted, 1 << 20);
    firn_buffer_init(&s->got, 1 << 20);
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    sample *s = *state;

    firn_buffer_done(&s->wanted);
    firn_buffer_done(&s->got);
    batch_done(&s->rows);
    schema_unref(s->schema);
    free(s);
    return 0;
}

static void
assert_taken(sample *s, const struct ArrowArray *rows, const uint32_t indexes[], size_t count)
{
    struct ArrowArray taken = {0};
    firn_error        err = {0};

    OK(batch_take(s->schema, rows, indexes, count, &taken, &err));
    assert_int_equal(taken.length, count);
    assert_int_equal(taken.offset, 0);
    for (size_t i = 0; i < count; i++) {
        sample_row_text(s->schema, rows, indexes[i], &s->wanted);
        sample_row_text(s->schema, &taken, (int64_t) i, &s->got);
        assert_string_equal((const char *) s->got.data, (const char *) s->wanted.data);
    }
    taken.release(&taken);
    assert_null(taken.release);
}

static void
rows_come_in_the_order_asked_for(void **state)
{
    sample  *s = *state;
    uint32_t indexes[ROWS];

    for (uint32_t i = 0; i < ROWS; i++) indexes[i] = (i * 37 + 11) % ROWS;
    assert_taken(s, &s->rows.array, indexes, ROWS);
}

static void
rows_may_come_twice_or_not_at_all(void **state)
{
    sample        *s = *state;
    const uint32_t indexes[] = {399, 0, 0, 7, 399, 7, 7};

    assert_taken(s, &s->rows.array, indexes, FIRN_COUNT(indexes));
    assert_taken(s, &s->rows.array, indexes, 1);
    assert_taken(s, &s->rows.array, indexes, 0);
}

/* A slice has its offset at the top; a batch of another maker may have one at each level. */
static void
offsets_are_honoured(void **state)
{
    sample           *s = *state;
    struct ArrowArray slice = s->rows.array, shifted;
    struct ArrowArray children[64], *pointers[64];
    uint32_t          indexes[100];

    for (uint32_t i = 0; i < 100; i++) indexes[i] = (i * 7) % 100;
    slice.offset = 123;
    slice.length = 100;
    assert_taken(s, &slice, indexes, 100);

    shifted = slice;
    for (int64_t c = 0; c < slice.n_children; c++) {
        children[c] = *slice.children[c];
        children[c].offset = 13;
        children[c].length -= 13;
        pointers[c] = &children[c];
    }
    shifted.children = pointers;
    assert_taken(s, &shifted, indexes, 100);
    /* And they mean what they say: row 0 of the shifted one is row 136 of the whole. */
    sample_row_text(s->schema, &shifted, 0, &s->got);
    sample_row_text(s->schema, &s->rows.array, 136, &s->wanted);
    assert_string_equal((const char *) s->got.data, (const char *) s->wanted.data);
}

static void
columns_without_nulls_stay_so(void **state)
{
    static const data_type    number = {.kind = TYPE_LONG};
    static const schema_field field = {.name = "a", .required = true, .type = &number};
    const uint32_t            indexes[] = {2, 1};
    table_schema             *schema = NULL;
    batch                     rows = {0};
    struct ArrowArray         taken = {0};
    firn_error                err = {0};
    (void) state;

    OK(schema_new(0, &field, 1, NULL, 0, true, &schema, &err));
    sample_rows(schema, 3, 1, &rows);
    OK(batch_take(schema, &rows.array, indexes, 2, &taken, &err));

    assert_null(taken.children[0]->buffers[0]);
    assert_int_equal(taken.children[0]->null_count, 0);
    assert_int_equal((uintptr_t) taken.children[0]->buffers[1] % FIRN_CACHE_LINE, 0);
    taken.release(&taken);
    batch_done(&rows);
    schema_unref(schema);
}

static void
nulls_are_counted(void **state)
{
    sample           *s = *state;
    struct ArrowArray taken = {0};
    firn_error        err = {0};
    uint32_t          indexes[ROWS];
    int64_t           nulls = 0;

    for (uint32_t i = 0; i < ROWS; i++) indexes[i] = i;
    OK(batch_take(s->schema, &s->rows.array, indexes, ROWS, &taken, &err));
    for (int64_t c = 0; c < taken.n_children; c++) {
        assert_int_equal(taken.children[c]->null_count, s->rows.array.children[c]->null_count);
        nulls += taken.children[c]->null_count;
    }
    assert_true(nulls > 0);
    taken.release(&taken);
}

/* 2 GiB of text by taking one long value often enough. */
static void
a_column_beyond_two_gib_is_refused(void **state)
{
    static const data_type    text = {.kind = TYPE_STRING};
    static const schema_field field = {.name = "a", .type = &text};
    int32_t                   offsets[] = {0, 1 << 30};
    uint8_t                   byte = 0; /* never reached: the offsets are added up first */
    const void               *buffers[] = {NULL, offsets, &byte}, *no_buffers[] = {NULL};
    struct ArrowArray         column = {.length = 1, .n_buffers = 3, .buffers = buffers}, *columns[] = {&column};
    struct ArrowArray rows = {.length = 1, .n_buffers = 1, .buffers = no_buffers, .n_children = 1, .children = columns};
    struct ArrowArray         taken = {0};
    const uint32_t            indexes[] = {0, 0};
    table_schema             *schema = NULL;
    firn_error                err = {0};
    (void) state;

    OK(schema_new(0, &field, 1, NULL, 0, true, &schema, &err));
    assert_int_equal(batch_take(schema, &rows, indexes, 2, &taken, &err), FIRN_UNSUPPORTED);
    assert_null(taken.release);
    schema_unref(schema);
}

static void
every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    sample     *s = *state;
    uint32_t    indexes[] = {1, 2, 3};
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;

    while (status == FIRN_NO_MEMORY) {
        struct ArrowArray taken = {0};
        firn_error        err = {0};
        firn_alloc_fail_at(++nth, 0);
        status = batch_take(s->schema, &s->rows.array, indexes, 3, &taken, &err);
        if (taken.release) taken.release(&taken);
    }
    firn_alloc_fail_at(0, 0);
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 50);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(rows_come_in_the_order_asked_for),
        CASE(rows_may_come_twice_or_not_at_all),
        CASE(offsets_are_honoured),
        CASE(columns_without_nulls_stay_so),
        CASE(nulls_are_counted),
        CASE(a_column_beyond_two_gib_is_refused),
        CASE(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
