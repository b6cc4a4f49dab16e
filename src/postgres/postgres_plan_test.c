#include "postgres/postgres_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const copy_field fields[] = {{.name = "id"}, {.name = "a \"b\""}};

/* Two partitions of 1000 and 500 blocks, and an empty one. */
static postgres_relation relations[] = {
    {.oid = 11, .qualified = "s.p1", .block_count = 1000, .row_estimate = 100000},
    {.oid = 12, .qualified = "s.p2", .block_count = 500, .row_estimate = 50000},
    {.oid = 13, .qualified = "s.p3"},
};
static const postgres_table partitioned = {
    .layout = {.fields = fields, .field_count = 2, .qualified_name = "s.t"},
    .select_list = "\"id\", \"a \"\"b\"\"\"",
    .plain_columns = true,
    .relation_count = 3,
    .relations = relations,
    .range_column = "\"id\"",
};

/* Cuts without a server: block ranges need none. */
static unsigned
cut(unsigned split_count_max, uint64_t large_table_rows, firn_arena *arena, source_split **ret_splits)
{
    static postgres_connection no_server = {.server_version = 150000};
    static source_description  description;
    firn_error                 err = {0};
    unsigned                   count = 0;
    description.detail = &partitioned;
    assert_int_equal(postgres_plan_splits(&no_server, &description, split_count_max, large_table_rows, arena, ret_splits,
                                          &count, &err),
                     FIRN_OK);
    return count;
}

/* Every block of every relation, and all behind its last, is in exactly one piece. */
static void
assert_covers(const source_split splits[], unsigned count)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    for (size_t r = 0; r < FIRN_COUNT(relations); r++) {
        int64_t next = 0; /* the block that must come now; -1: all done */
        for (unsigned i = 0; i < count; i++) {
            postgres_piece *pieces;
            unsigned        piece_count;
            firn_error      err = {0};
            assert_int_equal(postgres_pieces_parse(splits[i].text, &arena, &pieces, &piece_count, &err), FIRN_OK);
            for (unsigned k = 0; k < piece_count; k++) {
                if (pieces[k].relation_oid != relations[r].oid) continue;
                assert_int_not_equal(next, -1);
                assert_int_equal(pieces[k].has_from ? pieces[k].from : 0, next);
                next = pieces[k].has_to ? pieces[k].to : -1;
            }
        }
        assert_int_equal(next, -1);
    }
}

static void
splits_hold_every_block_once(void **state)
{
    (void) state;
    for (unsigned max = 1; max <= 40; max++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        source_split *splits;
        unsigned      count = cut(max, 0, &arena, &splits);
        assert_true(count >= 1 && count <= max);
        if (max >= 2 && max <= 11) assert_int_equal(count, max);
        assert_covers(splits, count);
        uint64_t rows = 0;
        for (unsigned i = 0; i < count; i++) rows += splits[i].row_estimate;
        assert_true(rows > 149900 && rows <= 150000);
    }
}

static void
small_tables_are_not_split(void **state)
{
    (void) state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    source_split *splits;
    assert_int_equal(cut(8, 150001, &arena, &splits), 1);
    assert_string_equal(splits[0].text, "[[0, 11, null, null], [0, 12, null, null], [0, 13, null, null]]");
}

static void
texts_that_are_no_pieces_are_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "", "[", "[]", "[[]]", "[[0, 11, null]]", "[[0, 11, null, null]", "[[3, 11, null, null]]", "[[0, 0, null, null]]",
        "[[0, 4294967296, null, null]]", "[[1, 11, -1, null]]", "[[1, 11, 4294967296, null]]", "[[1, 11, 0, 1]] ",
        "[[1, 11, 0x1, 2]]", "[[1, 11, 0, 1); DROP TABLE x; --]]", "[[null, 11, 0, 1]]",
    };
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        postgres_piece *pieces;
        unsigned        count;
        firn_error      err = {0};
        assert_int_equal(postgres_pieces_parse(bad[i], &arena, &pieces, &count, &err), FIRN_CORRUPT);
    }
}

static void
assert_statement(const postgres_table *table, const char *split, unsigned index, const char *wanted)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    postgres_piece *pieces;
    unsigned        count;
    firn_error      err = {0};
    firn_buffer_init(&sql, 1 << 16);
    assert_int_equal(postgres_pieces_parse(split, &arena, &pieces, &count, &err), FIRN_OK);
    assert_int_equal(postgres_add_statement(table, pieces, count, index, &sql, &err), FIRN_OK);
    assert_string_equal((const char *) sql.data, wanted);
}

static void
statements_read_the_pieces(void **state)
{
    (void) state;
    postgres_table ordered = partitioned, computed = partitioned;
    ordered.order_by = "\"id\" NULLS FIRST";
    computed.plain_columns = false;

    assert_statement(&partitioned, "[[0, 11, null, null]]", 0,
                     "COPY s.p1 (\"id\", \"a \"\"b\"\"\") TO STDOUT (FORMAT binary)");
    assert_statement(&computed, "[[0, 11, null, null]]", 0,
                     "COPY (SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p1) TO STDOUT (FORMAT binary)");
    assert_statement(&partitioned, "[[1, 11, 5, null], [1, 12, null, 7]]", 0,
                     "COPY (SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p1 WHERE ctid >= '(5,0)'::tid) TO STDOUT (FORMAT binary)");
    assert_statement(&partitioned, "[[1, 11, 5, null], [1, 12, 3, 7]]", 1,
                     "COPY (SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p2 WHERE ctid >= '(3,0)'::tid AND ctid < '(7,0)'::tid) "
                     "TO STDOUT (FORMAT binary)");
    assert_statement(&partitioned, "[[2, 11, -5, 9]]", 0,
                     "COPY (SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p1 WHERE \"id\" >= -5 AND \"id\" < 9) TO STDOUT "
                     "(FORMAT binary)");
    assert_statement(&ordered, "[[1, 11, 5, null], [0, 12, null, null]]", 0,
                     "COPY (SELECT \"id\", \"a \"\"b\"\"\" FROM (SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p1 WHERE ctid >= "
                     "'(5,0)'::tid UNION ALL SELECT \"id\", \"a \"\"b\"\"\" FROM ONLY s.p2) AS pieces ORDER BY \"id\" NULLS FIRST) "
                     "TO STDOUT (FORMAT binary)");
}

static void
a_partition_that_is_gone_is_reported(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    postgres_piece piece = {.kind = PIECE_WHOLE, .relation_oid = 99};
    firn_error     err = {0};
    firn_buffer_init(&sql, 1 << 16);
    assert_int_equal(postgres_add_statement(&partitioned, &piece, 1, 0, &sql, &err), FIRN_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_hold_every_block_once),
        cmocka_unit_test(small_tables_are_not_split),
        cmocka_unit_test(texts_that_are_no_pieces_are_refused),
        cmocka_unit_test(statements_read_the_pieces),
        cmocka_unit_test(a_partition_that_is_gone_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
