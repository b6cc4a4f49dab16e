#include "postgres/postgres_plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

#define TID_RANGE_SCAN_VERSION 140000
#define SPLIT_TEXT_SIZE_MAX ((size_t) 16 << 20)
#define PIECES_MAX 1000000
/* Below this a split costs more than it gives. */
#define SPLIT_BLOCKS_MIN 128

/* ---- cutting ---- */

typedef struct plan_draft {
    const postgres_table *table;
    firn_arena           *arena;
    unsigned              split_count_max, split_count;
    source_split         *splits;
    firn_buffer           text; /* of the split at hand */
    uint64_t              rows, blocks;
} plan_draft;

static firn_status
add_end(firn_buffer *out, bool has, int64_t value, firn_error *err)
{
    return has ? firn_buffer_printf(out, err, ", %" PRId64, value) : firn_buffer_add_text(out, ", null", err);
}

static firn_status
add_piece(plan_draft *d, const postgres_piece *piece, uint64_t rows, uint64_t blocks, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(&d->text, err, "%s[%d, %" PRIu32, d->text.size ? ", " : "[", (int) piece->kind,
                                piece->relation_oid));
    FIRN_TRY(add_end(&d->text, piece->has_from, piece->from, err));
    FIRN_TRY(add_end(&d->text, piece->has_to, piece->to, err));
    FIRN_TRY(firn_buffer_add_byte(&d->text, ']', err));
    d->rows += rows;
    d->blocks += blocks;
    return FIRN_OK;
}

static firn_status
end_split(plan_draft *d, const source_description *description, firn_error *err)
{
    if (d->text.size == 0) return FIRN_OK;
    assert(d->split_count < d->split_count_max);
    FIRN_TRY(firn_buffer_add_byte(&d->text, ']', err));
    const char *text = firn_arena_text(d->arena, firn_buffer_slice(&d->text));
    if (!text) return firn_fail_memory(err, "a split");
    d->splits[d->split_count] = (source_split){
        .description = description,
        .index = d->split_count,
        .row_estimate = d->rows,
        .size_bytes_estimate = d->blocks * 8192,
        .text = text,
    };
    d->split_count++;
    d->rows = d->blocks = 0;
    firn_buffer_reset(&d->text);
    return FIRN_OK;
}

/* Cuts where the line of all blocks passes a multiple of `target`. */
static firn_status
cut_blocks(plan_draft *d, const source_description *description, uint64_t target, firn_error *err)
{
    uint64_t filled = 0; /* blocks in the split at hand */
    for (unsigned i = 0; i < d->table->relation_count; i++) {
        const postgres_relation *relation = &d->table->relations[i];
        uint64_t                 from = 0, left = relation->block_count;
        for (;;) {
            bool     last_split = d->split_count + 1 == d->split_count_max;
            bool     is_last = last_split || relation->with_descendants || left <= target - filled;
            uint64_t take = is_last ? left : target - filled;
            postgres_piece piece = {
                .kind = is_last && from == 0 ? PIECE_WHOLE : PIECE_BLOCKS,
                .relation_oid = relation->oid,
                .has_from = from > 0,
                .has_to = !is_last,
                .from = (int64_t) from,
                .to = (int64_t) (from + take),
            };
            uint64_t rows = relation->block_count ? relation->row_estimate * take / relation->block_count : 0;
            FIRN_TRY(add_piece(d, &piece, rows, take, err));
            from += take;
            left -= take;
            filled += take;
            if (filled >= target && !last_split) {
                FIRN_TRY(end_split(d, description, err));
                filled = 0;
            }
            if (is_last) break;
        }
    }
    return end_split(d, description, err);
}

/* Ranges of an integer key: the first has no beginning, the last no end. */
static firn_status
cut_keys(plan_draft *d, postgres_connection *c, const source_description *description, unsigned range_count,
         firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    const postgres_relation *relation = &d->table->relations[0];
    const char              *key = d->table->range_column;

    firn_buffer_init(&sql, SPLIT_TEXT_SIZE_MAX);
    FIRN_TRY(firn_buffer_printf(&sql, err, "SELECT min(%s)::int8, max(%s)::int8 FROM ONLY %s", key, key,
                                relation->qualified));
    FIRN_TRY(firn_buffer_add_byte(&sql, 0, err));
    FIRN_TRY(postgres_query(c, (const char *) sql.data, NULL, 0, "reading the range of the key", &row, err));
    int64_t  low = postgres_cell_i64(row, 0, 0), high = postgres_cell_i64(row, 0, 1);
    uint64_t width = high > low ? ((uint64_t) high - (uint64_t) low) / range_count + 1 : 1;
    for (unsigned i = 0; i < range_count; i++) {
        postgres_piece piece = {.kind = PIECE_KEYS, .relation_oid = relation->oid};
        piece.from = (int64_t) ((uint64_t) low + width * i);
        piece.has_from = i > 0;
        piece.to = (int64_t) ((uint64_t) piece.from + width);
        piece.has_to = i + 1 < range_count && piece.to > piece.from && piece.to <= high;
        FIRN_TRY(add_piece(d, &piece, relation->row_estimate / range_count, relation->block_count / range_count, err));
        FIRN_TRY(end_split(d, description, err));
        if (!piece.has_to) break;
    }
    return FIRN_OK;
}

static firn_status
cut(plan_draft *d, postgres_connection *c, const source_description *description, uint64_t large_table_rows,
    firn_error *err)
{
    uint64_t blocks = 0, rows = 0;
    bool     by_blocks = c->server_version >= TID_RANGE_SCAN_VERSION;
    for (unsigned i = 0; i < d->table->relation_count; i++) {
        blocks += d->table->relations[i].block_count;
        rows += d->table->relations[i].row_estimate;
        if (d->table->relations[i].with_descendants) by_blocks = false;
    }
    uint64_t wanted = blocks / SPLIT_BLOCKS_MIN + 1;
    if (wanted > d->split_count_max || d->split_count_max == 0) wanted = d->split_count_max;
    if (rows < large_table_rows || wanted == 0) wanted = 1;

    if (by_blocks || wanted == 1 || d->table->relation_count > 1) {
        /* Without block ranges, partitions are still apart, each whole: the target is then never inside one. */
        d->split_count_max = (unsigned) wanted;
        if (by_blocks || wanted == 1) return cut_blocks(d, description, blocks / wanted + 1, err);
        for (unsigned i = 0; i < d->table->relation_count; i++) {
            const postgres_relation *relation = &d->table->relations[i];
            postgres_piece           piece = {.kind = PIECE_WHOLE, .relation_oid = relation->oid};
            FIRN_TRY(add_piece(d, &piece, relation->row_estimate, relation->block_count, err));
            if (d->blocks >= blocks / wanted + 1 && d->split_count + 1 < d->split_count_max)
                FIRN_TRY(end_split(d, description, err));
        }
        return end_split(d, description, err);
    }
    if (d->table->range_column && !d->table->relations[0].with_descendants)
        return cut_keys(d, c, description, (unsigned) wanted, err);
    d->split_count_max = 1;
    return cut_blocks(d, description, blocks + 1, err);
}

firn_status
postgres_plan_splits(postgres_connection *c, const source_description *description, unsigned split_count_max,
                     uint64_t large_table_rows, firn_arena *arena, source_split **ret_splits,
                     unsigned *ret_split_count, firn_error *err)
{
    plan_draft draft = {
        .table = description->detail,
        .arena = arena,
        .split_count_max = split_count_max ? split_count_max : 1,
    };
    draft.splits = firn_arena_array(arena, draft.split_count_max, sizeof *draft.splits);
    if (!draft.splits) return firn_fail_memory(err, "the splits");
    firn_buffer_init(&draft.text, SPLIT_TEXT_SIZE_MAX);
    firn_status status = cut(&draft, c, description, large_table_rows, err);
    firn_buffer_done(&draft.text);
    if (status) return firn_while(err, "planning table '%s'", draft.table->layout.qualified_name);
    *ret_splits = draft.splits;
    *ret_split_count = draft.split_count;
    return FIRN_OK;
}

/* ---- text → pieces ---- */

static void
skip_blanks(const char **at)
{
    while (**at == ' ' || **at == ',') (*at)++;
}

static bool
parse_end(const char **at, bool *ret_has, int64_t *ret_value)
{
    skip_blanks(at);
    if (text_starts_with(*at, "null")) {
        *at += 4;
        *ret_has = false;
        return true;
    }
    size_t size = strspn(*at, "-0123456789");
    *ret_has = true;
    if (!text_parse_i64(firn_slice_of(*at, size), ret_value)) return false;
    *at += size;
    return true;
}

static bool
parse_piece(const char **at, postgres_piece *ret_piece)
{
    bool    has_kind, has_oid;
    int64_t kind, oid;
    if (**at != '[') return false;
    (*at)++;
    if (!parse_end(at, &has_kind, &kind) || !has_kind || kind < PIECE_WHOLE || kind > PIECE_KEYS) return false;
    if (!parse_end(at, &has_oid, &oid) || !has_oid || oid <= 0 || oid > UINT32_MAX) return false;
    *ret_piece = (postgres_piece){.kind = (piece_kind) kind, .relation_oid = (uint32_t) oid};
    if (!parse_end(at, &ret_piece->has_from, &ret_piece->from)) return false;
    if (!parse_end(at, &ret_piece->has_to, &ret_piece->to)) return false;
    if (ret_piece->kind == PIECE_BLOCKS && ((ret_piece->has_from && (ret_piece->from < 0 || ret_piece->from > UINT32_MAX)) ||
                                            (ret_piece->has_to && (ret_piece->to < 0 || ret_piece->to > UINT32_MAX))))
        return false;
    if (**at != ']') return false;
    (*at)++;
    skip_blanks(at);
    return true;
}

firn_status
postgres_pieces_parse(const char *text, firn_arena *arena, postgres_piece **ret_pieces, unsigned *ret_piece_count,
                      firn_error *err)
{
    size_t      count_max = 0;
    unsigned    count = 0;
    const char *at = text;
    for (const char *p = text; *p; p++) count_max += *p == '[';
    if (count_max < 2 || count_max > PIECES_MAX || *at++ != '[')
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a split's text is not a list of pieces: '%.80s'", text);
    postgres_piece *pieces = firn_arena_array(arena, count_max, sizeof *pieces);
    if (!pieces) return firn_fail_memory(err, "a split");
    while (*at == '[' && count < count_max && parse_piece(&at, &pieces[count])) count++;
    if (count == 0 || strcmp(at, "]") != 0)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a split's text is not a list of pieces: '%.80s'", text);
    *ret_pieces = pieces;
    *ret_piece_count = count;
    return FIRN_OK;
}

/* ---- pieces → statements ---- */

unsigned
postgres_statement_count(const postgres_table *table, unsigned piece_count)
{
    return table->order_by ? 1 : piece_count;
}

static firn_status
find_relation(const postgres_table *table, uint32_t oid, const postgres_relation **ret_relation, firn_error *err)
{
    for (unsigned i = 0; i < table->relation_count; i++)
        if (table->relations[i].oid == oid) {
            *ret_relation = &table->relations[i];
            return FIRN_OK;
        }
    return firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "a split of '%s' names a partition that is not there any more",
                     table->layout.qualified_name);
}

static firn_status
add_from(const postgres_table *table, const postgres_piece *piece, firn_buffer *out, firn_error *err)
{
    const postgres_relation *relation = NULL;
    FIRN_TRY(find_relation(table, piece->relation_oid, &relation, err));
    FIRN_TRY(firn_buffer_printf(out, err, " FROM %s%s", relation->with_descendants ? "" : "ONLY ", relation->qualified));
    const char *word = " WHERE";
    if (piece->kind == PIECE_KEYS && !table->range_column)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a split of '%s' needs an integer key", table->layout.qualified_name);
    if (piece->kind == PIECE_WHOLE) return FIRN_OK;
    for (int end = 0; end < 2; end++) {
        if (end ? !piece->has_to : !piece->has_from) continue;
        int64_t     value = end ? piece->to : piece->from;
        const char *comparison = end ? "<" : ">=";
        if (piece->kind == PIECE_BLOCKS)
            FIRN_TRY(firn_buffer_printf(out, err, "%s ctid %s '(%" PRId64 ",0)'::tid", word, comparison, value));
        else
            FIRN_TRY(firn_buffer_printf(out, err, "%s %s %s %" PRId64, word, table->range_column, comparison, value));
        word = " AND";
    }
    return FIRN_OK;
}

static firn_status
add_names(const postgres_table *table, firn_buffer *out, firn_error *err)
{
    for (unsigned i = 0; i < table->layout.field_count; i++) {
        if (i) FIRN_TRY(firn_buffer_add_text(out, ", ", err));
        FIRN_TRY(postgres_add_identifier(out, table->layout.fields[i].name, err));
    }
    return FIRN_OK;
}

/* All pieces in one statement, so that one order holds over them. */
static firn_status
add_ordered(const postgres_table *table, const postgres_piece pieces[], unsigned piece_count, firn_buffer *out,
            firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "COPY (SELECT %s", table->select_list));
    if (piece_count == 1) {
        FIRN_TRY(add_from(table, &pieces[0], out, err));
    } else {
        for (unsigned i = 0; i < piece_count; i++) {
            FIRN_TRY(firn_buffer_add_text(out, i ? " UNION ALL SELECT " : " FROM (SELECT ", err));
            FIRN_TRY(add_names(table, out, err));
            FIRN_TRY(add_from(table, &pieces[i], out, err));
        }
        FIRN_TRY(firn_buffer_add_text(out, ") AS pieces", err));
    }
    return firn_buffer_printf(out, err, " ORDER BY %s) TO STDOUT (FORMAT binary)", table->order_by);
}

firn_status
postgres_add_statement(const postgres_table *table, const postgres_piece pieces[], unsigned piece_count, unsigned index,
                       firn_buffer *out, firn_error *err)
{
    const postgres_piece    *piece = &pieces[index];
    const postgres_relation *relation = NULL;
    if (table->order_by) {
        FIRN_TRY(add_ordered(table, pieces, piece_count, out, err));
        return firn_buffer_add_byte(out, 0, err);
    }
    FIRN_TRY(find_relation(table, piece->relation_oid, &relation, err));
    if (piece->kind == PIECE_WHOLE && table->plain_columns && !relation->with_descendants) {
        /* Past the executor: the server saves some per cent of its work. */
        FIRN_TRY(firn_buffer_printf(out, err, "COPY %s (%s) TO STDOUT (FORMAT binary)", relation->qualified,
                                    table->select_list));
        return firn_buffer_add_byte(out, 0, err);
    }
    FIRN_TRY(firn_buffer_printf(out, err, "COPY (SELECT %s", table->select_list));
    FIRN_TRY(add_from(table, piece, out, err));
    FIRN_TRY(firn_buffer_add_text(out, ") TO STDOUT (FORMAT binary)", err));
    return firn_buffer_add_byte(out, 0, err);
}
