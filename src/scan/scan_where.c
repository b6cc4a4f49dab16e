#include "scan/scan_where.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "scan/where_value.h"

#define NAMES_MAX 2000
#define NAME_MAX_BYTES 512

typedef enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN } token_kind;

typedef struct token {
    token_kind  kind;
    size_t      at;   /* in the text */
    firn_slice  text; /* without quotes, doubled ones made single; a sign: "<=", "(" */
} token;

typedef struct where_parser {
    const char         *text;
    size_t              at;
    token               next; /* not taken yet */
    unsigned            depth;
    const table_schema *schema;
    firn_arena         *arena;
    firn_error         *err;
} where_parser;

static firn_status
no_memory(const where_parser *p)
{
    return firn_fail_memory(p->err, "a condition");
}

/* `what` behind the place, from which some characters are shown. */
static firn_status
fail_at(const where_parser *p, const token *t, const char *what)
{
    size_t left = strlen(p->text + t->at);
    size_t shown = text_utf8_prefix((const uint8_t *) p->text + t->at, left, 20);

    if (t->kind == TOKEN_END) return firn_fail(p->err, FIRN_E_SCAN_CONDITION, "--where: %s at its end", what);
    return firn_fail(p->err, FIRN_E_SCAN_CONDITION, "--where: %s at character %zu, before '%.*s%s'", what, t->at + 1,
                     (int) shown, p->text + t->at, shown < left ? "…" : "");
}

/* ---- tokens ---- */

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char) c >= 0x80;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 'text' or "name": a doubled quote is one. */
static firn_status
read_quoted(where_parser *p, char quote, token *t)
{
    char  *copy = firn_arena_alloc(p->arena, strlen(p->text + p->at) + 1);
    size_t size = 0;

    if (!copy) return no_memory(p);
    for (p->at++;; p->at++) {
        char c = p->text[p->at];
        if (!c) return fail_at(p, t, quote == '\'' ? "a text without end" : "a quoted name without end");
        if (c == quote && p->text[++p->at] != quote) break;
        copy[size++] = c;
    }
    t->kind = quote == '\'' ? TOKEN_TEXT : TOKEN_QUOTED;
    t->text = firn_slice_of(copy, size);
    return FIRN_OK;
}

static void
read_number(where_parser *p)
{
    const char *s = p->text;

    if (s[p->at] == '-' || s[p->at] == '+') p->at++;
    while (is_digit(s[p->at]) || s[p->at] == '.') p->at++;
    if ((s[p->at] | 0x20) == 'e') {
        size_t after = p->at + 1 + (s[p->at + 1] == '-' || s[p->at + 1] == '+');
        if (is_digit(s[after])) {
            for (p->at = after; is_digit(s[p->at]);) p->at++;
        }
    }
}

static firn_status
read_sign(where_parser *p, token *t)
{
    static const char *const signs[] = {"<=", ">=", "<>", "!=", "==", "<", ">", "=", "(", ")", ",", "."};

    t->kind = TOKEN_SIGN;
    for (size_t i = 0; i < FIRN_COUNT(signs); i++) {
        if (!text_starts_with(p->text + p->at, signs[i])) continue;
        p->at += strlen(signs[i]);
        t->text = firn_slice_text(signs[i]);
        return FIRN_OK;
    }
    return fail_at(p, t, "a character that means nothing here");
}

static firn_status
advance(where_parser *p)
{
    token t = {.kind = TOKEN_END};

    while (p->text[p->at] && strchr(" \t\r\n", p->text[p->at])) p->at++;
    t.at = p->at;
    char c = p->text[p->at], following = c ? p->text[p->at + 1] : '\0';
    t.kind = c ? TOKEN_SIGN : TOKEN_END; /* until it is known */
    if (c == '\'' || c == '"') {
        FIRN_TRY(read_quoted(p, c, &t));
    } else if (is_letter(c)) {
        while (is_letter(p->text[p->at]) || is_digit(p->text[p->at]) || p->text[p->at] == '$') p->at++;
        t.kind = TOKEN_WORD;
    } else if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && (is_digit(following) || following == '.'))) {
        read_number(p);
        t.kind = TOKEN_NUMBER;
    } else if (c) {
        FIRN_TRY(read_sign(p, &t));
    }
    if (t.kind == TOKEN_WORD || t.kind == TOKEN_NUMBER) t.text = firn_slice_of(p->text + t.at, p->at - t.at);
    p->next = t;
    return FIRN_OK;
}

static bool
is_word(const token *t, const char *word)
{
    if (t->kind != TOKEN_WORD || t->text.size != strlen(word)) return false;
    for (size_t i = 0; i < t->text.size; i++) {
        if ((t->text.data[i] & ~0x20) != (uint8_t) word[i]) return false;
    }
    return true;
}

static bool
is_sign(const token *t, const char *sign)
{
    return t->kind == TOKEN_SIGN && firn_slice_equal(t->text, firn_slice_text(sign));
}

/* Takes the word where it is next. */
static firn_status
take_word(where_parser *p, const char *word, bool *ret_taken)
{
    *ret_taken = is_word(&p->next, word);
    return *ret_taken ? advance(p) : FIRN_OK;
}

static firn_status
expect_sign(where_parser *p, const char *sign, const char *what)
{
    if (!is_sign(&p->next, sign)) return fail_at(p, &p->next, what);
    return advance(p);
}

/* ---- columns ---- */

static firn_status
fail_column(const where_parser *p, const token *at, const char *name, const data_type *below)
{
    const char  *names[NAMES_MAX];
    size_t       count = 0;
    unsigned     field_count = below ? below->field_count : p->schema->field_count;
    const schema_field *fields = below ? below->fields : p->schema->fields;

    for (unsigned i = 0; i < field_count && count < NAMES_MAX; i++) names[count++] = fields[i].name;
    const char *nearest = text_nearest(name, names, count);
    (void) firn_fail(p->err, FIRN_E_SCAN_CONDITION, "--where: there is no column '%s' (at character %zu)%s%s%s", name,
                     at->at + 1, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    firn_hint(p->err, "names are as the table has them, capitals too; \"a name\" in double quotes may have any character");
    return p->err->status;
}

static const schema_field *
find_name(const schema_field fields[], unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) return &fields[i];
    }
    return NULL;
}

static firn_status
take_name(where_parser *p, const char **ret_name)
{
    if (p->next.kind != TOKEN_WORD && p->next.kind != TOKEN_QUOTED) return fail_at(p, &p->next, "a column was expected");
    *ret_name = firn_arena_text(p->arena, p->next.text);
    return *ret_name ? advance(p) : no_memory(p);
}

/* name or name.name… */
static firn_status
parse_column(where_parser *p, column_path *ret_column)
{
    token               first = p->next, at = p->next;
    const char         *name = NULL;
    const schema_field *field;
    bool                found = false;

    FIRN_TRY(take_name(p, &name));
    field = find_name(p->schema->fields, p->schema->field_count, name);
    if (!field) return fail_column(p, &first, name, NULL);
    while (is_sign(&p->next, ".")) {
        const data_type *type = field->type;
        FIRN_TRY(advance(p));
        at = p->next;
        FIRN_TRY(take_name(p, &name));
        field = type->kind == TYPE_STRUCT ? find_name(type->fields, type->field_count, name) : NULL;
        if (!field) return fail_column(p, &at, name, type);
    }
    FIRN_TRY(column_path_find(p->schema, field->id, p->arena, ret_column, &found, p->err));
    if (!found) return fail_at(p, &first, "a column that lies too deep");
    return FIRN_OK;
}

/* ---- leaves ---- */

static scan_predicate *
new_node(const where_parser *p, predicate_kind kind)
{
    scan_predicate *node = firn_arena_alloc(p->arena, sizeof *node);

    if (node) node->kind = kind;
    return node;
}

/* A value as written: null, or a value of the column's type. */
static firn_status
parse_value(where_parser *p, const data_type *type, single_value *ret_value, value_fit *ret_fit)
{
    static const char *const type_words[] = {"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "UUID"};
    token                    t = p->next;
    bool                     is_truth;

    for (size_t i = 0; i < FIRN_COUNT(type_words); i++) {
        if (!is_word(&t, type_words[i])) continue;
        FIRN_TRY(advance(p));
        t = p->next;
        if (t.kind != TOKEN_TEXT) return fail_at(p, &t, "a text in single quotes was expected");
        break;
    }
    *ret_value = (single_value){.is_null = is_word(&t, "NULL")};
    *ret_fit = VALUE_EXACT;
    if (ret_value->is_null) return advance(p);
    is_truth = is_word(&t, "TRUE") || is_word(&t, "FALSE");
    if (t.kind != TOKEN_TEXT && t.kind != TOKEN_NUMBER && !is_truth) {
        (void) fail_at(p, &t, "a value was expected");
        if (t.kind == TOKEN_WORD || t.kind == TOKEN_QUOTED)
            firn_hint(p->err, "texts stand in single quotes: 'text'; columns cannot be compared with each other");
        return p->err->status;
    }
    if (is_truth && type->kind != TYPE_BOOLEAN) return fail_at(p, &t, "true or false for a column that is no boolean");
    if (!where_value_read(type, t.text, t.kind == TOKEN_NUMBER, p->arena, ret_value, ret_fit)) {
        (void) fail_at(p, &t, "no value of the column's type");
        firn_hint(p->err, "such a column is compared with %s", where_value_example(type));
        return p->err->status;
    }
    return advance(p);
}

static compare_op
opposite(compare_op op)
{
    return (compare_op) (7u ^ (unsigned) op);
}

/* The comparison with a value that the type may not hold. */
static firn_status
make_compare(where_parser *p, const column_path *column, compare_op op, const single_value *value, value_fit fit,
             scan_predicate **ret_node)
{
    scan_predicate *node = new_node(p, PREDICATE_COMPARE);
    single_value   *copy = firn_arena_alloc(p->arena, sizeof *copy);

    if (!node || !copy) return no_memory(p);
    *copy = *value;
    node->column = *column;
    node->op = op;
    node->values = copy;
    node->value_count = 1;
    *ret_node = node;
    if (fit == VALUE_BETWEEN && (op == COMPARE_LESS || op == COMPARE_LESS_EQUAL)) node->op = COMPARE_LESS_EQUAL;
    if (fit == VALUE_BETWEEN && (op == COMPARE_GREATER || op == COMPARE_GREATER_EQUAL)) node->op = COMPARE_GREATER;
    if (fit == VALUE_EXACT || (fit == VALUE_BETWEEN && op != COMPARE_EQUAL && op != COMPARE_NOT_EQUAL)) return FIRN_OK;

    bool is_less = op == COMPARE_LESS || op == COMPARE_LESS_EQUAL;
    bool is_greater = op == COMPARE_GREATER || op == COMPARE_GREATER_EQUAL;
    bool all = op == COMPARE_NOT_EQUAL || (fit == VALUE_ABOVE && is_less) || (fit == VALUE_BELOW && is_greater);
    node->kind = all ? PREDICATE_NOT_NULL : PREDICATE_NEVER;
    return FIRN_OK;
}

static firn_status
parse_compare(where_parser *p, const column_path *column, compare_op op, bool negated, scan_predicate **ret_node)
{
    single_value value;
    value_fit    fit;

    FIRN_TRY(parse_value(p, column->field->type, &value, &fit));
    if (value.is_null) {
        *ret_node = new_node(p, PREDICATE_NEVER);
        return *ret_node ? FIRN_OK : no_memory(p);
    }
    return make_compare(p, column, negated ? opposite(op) : op, &value, fit, ret_node);
}

static int
compare_values(const void *a, const void *b, void *type)
{
    return predicate_compare(type, a, b);
}

static firn_status
parse_in(where_parser *p, const column_path *column, bool negated, scan_predicate **ret_node)
{
    const data_type *type = column->field->type;
    single_value    *values = NULL;
    unsigned         count = 0, capacity = 0, unique = 0;
    bool             has_null = false;

    FIRN_TRY(expect_sign(p, "(", "'(' was expected"));
    for (;;) {
        single_value value;
        value_fit    fit;

        FIRN_TRY(parse_value(p, type, &value, &fit));
        has_null |= value.is_null;
        if (count == capacity) {
            single_value *grown = firn_arena_array(p->arena, capacity * 2 + 16, sizeof *grown);
            if (!grown) return no_memory(p);
            if (count > 0) memcpy(grown, values, count * sizeof *grown);
            values = grown;
            capacity = capacity * 2 + 16;
        }
        if (!value.is_null && fit == VALUE_EXACT) values[count++] = value; /* others equal nothing */
        if (!is_sign(&p->next, ",")) break;
        FIRN_TRY(advance(p));
    }
    FIRN_TRY(expect_sign(p, ")", "',' or ')' was expected"));
    if (count > 0) qsort_r(values, count, sizeof *values, compare_values, (void *) (uintptr_t) type);
    for (unsigned i = 0; i < count; i++) {
        if (unique == 0 || predicate_compare(type, &values[unique - 1], &values[i]) != 0) values[unique++] = values[i];
    }
    /* x NOT IN (…, null) is never true */
    scan_predicate *node = new_node(p, negated ? has_null ? PREDICATE_NEVER : PREDICATE_NOT_IN : PREDICATE_IN);
    if (!node) return no_memory(p);
    node->column = *column;
    node->values = values;
    node->value_count = unique;
    *ret_node = node;
    return FIRN_OK;
}

static firn_status
join(where_parser *p, predicate_kind kind, scan_predicate *left, scan_predicate *right, scan_predicate **ret_node)
{
    scan_predicate  *node = new_node(p, kind);
    scan_predicate **children;

    /* a AND b AND c is one node: children go on in an array that doubles */
    if (left->kind == kind && left->child_count > 0) {
        unsigned count = left->child_count;
        children = left->children;
        if (count >= 2 && (count & (count - 1)) == 0) {
            children = firn_arena_array(p->arena, count * 2, sizeof(scan_predicate *));
            if (!children) return no_memory(p);
            memcpy(children, left->children, count * sizeof(scan_predicate *));
        }
        children[count] = right;
        left->children = children;
        left->child_count++;
        *ret_node = left;
        return FIRN_OK;
    }
    children = firn_arena_array(p->arena, 2, sizeof(scan_predicate *));
    if (!node || !children) return no_memory(p);
    children[0] = left;
    children[1] = right;
    node->children = children;
    node->child_count = 2;
    *ret_node = node;
    return FIRN_OK;
}

static firn_status
parse_between(where_parser *p, const column_path *column, bool negated, scan_predicate **ret_node)
{
    scan_predicate *low = NULL, *high = NULL;
    bool            taken = false;

    FIRN_TRY(parse_compare(p, column, COMPARE_GREATER_EQUAL, negated, &low));
    FIRN_TRY(take_word(p, "AND", &taken));
    if (!taken) return fail_at(p, &p->next, "AND was expected");
    FIRN_TRY(parse_compare(p, column, COMPARE_LESS_EQUAL, negated, &high));
    return join(p, negated ? PREDICATE_OR : PREDICATE_AND, low, high, ret_node);
}

static firn_status
parse_is(where_parser *p, const column_path *column, bool negated, scan_predicate **ret_node)
{
    bool is_not = false, is_null = false;

    FIRN_TRY(take_word(p, "NOT", &is_not));
    FIRN_TRY(take_word(p, "NULL", &is_null));
    if (!is_null) return fail_at(p, &p->next, "NULL was expected");
    *ret_node = new_node(p, is_not != negated ? PREDICATE_NOT_NULL : PREDICATE_IS_NULL);
    if (!*ret_node) return no_memory(p);
    (*ret_node)->column = *column;
    return FIRN_OK;
}

static bool
find_op(const token *t, compare_op *ret_op)
{
    static const struct {
        const char *sign;
        compare_op  op;
    } ops[] = {{"=", COMPARE_EQUAL},       {"==", COMPARE_EQUAL}, {"<>", COMPARE_NOT_EQUAL},
               {"!=", COMPARE_NOT_EQUAL},  {"<", COMPARE_LESS},   {"<=", COMPARE_LESS_EQUAL},
               {">", COMPARE_GREATER},     {">=", COMPARE_GREATER_EQUAL}};

    for (size_t i = 0; i < FIRN_COUNT(ops); i++) {
        *ret_op = ops[i].op;
        if (is_sign(t, ops[i].sign)) return true;
    }
    return false;
}

/* A column that stands alone: true or not. */
static firn_status
make_truth(where_parser *p, const column_path *column, bool negated, scan_predicate **ret_node)
{
    const single_value value = {.integer = !negated};

    return make_compare(p, column, COMPARE_EQUAL, &value, VALUE_EXACT, ret_node);
}

static firn_status
parse_comparison(where_parser *p, bool negated, scan_predicate **ret_node)
{
    token       first = p->next;
    column_path column;
    compare_op  op;
    bool        taken = false;

    FIRN_TRY(parse_column(p, &column));
    FIRN_TRY(take_word(p, "IS", &taken));
    if (type_is_nested(column.field->type->kind))
        return fail_at(p, &first, "a column of a nested type, which cannot be compared");
    if (taken) return parse_is(p, &column, negated, ret_node);
    if (find_op(&p->next, &op)) {
        FIRN_TRY(advance(p));
        return parse_compare(p, &column, op, negated, ret_node);
    }
    FIRN_TRY(take_word(p, "NOT", &taken));
    if (taken) negated = !negated;
    if (is_word(&p->next, "IN") || is_word(&p->next, "BETWEEN")) {
        bool is_in = is_word(&p->next, "IN");
        FIRN_TRY(advance(p));
        return is_in ? parse_in(p, &column, negated, ret_node) : parse_between(p, &column, negated, ret_node);
    }
    if (!taken && column.field->type->kind == TYPE_BOOLEAN) return make_truth(p, &column, negated, ret_node);
    return fail_at(p, &p->next, "a comparison was expected (=, <>, <, <=, >, >=, IS NULL, IN, BETWEEN)");
}

/* ---- AND, OR, NOT ---- */

static firn_status parse_or(where_parser *p, bool negated, scan_predicate **ret_node);

static firn_status
parse_term(where_parser *p, bool negated, scan_predicate **ret_node)
{
    bool taken = true;

    for (;;) {
        FIRN_TRY(take_word(p, "NOT", &taken));
        if (!taken) break;
        negated = !negated;
    }
    if (!is_sign(&p->next, "(")) return parse_comparison(p, negated, ret_node);
    if (++p->depth > PREDICATE_DEPTH_MAX / 2) return fail_at(p, &p->next, "too many parentheses within each other");
    FIRN_TRY(advance(p));
    FIRN_TRY(parse_or(p, negated, ret_node));
    p->depth--;
    return expect_sign(p, ")", "')' was expected");
}

static firn_status
parse_and(where_parser *p, bool negated, scan_predicate **ret_node)
{
    bool taken = false;

    FIRN_TRY(parse_term(p, negated, ret_node));
    for (;;) {
        scan_predicate *right = NULL;
        FIRN_TRY(take_word(p, "AND", &taken));
        if (!taken) return FIRN_OK;
        FIRN_TRY(parse_term(p, negated, &right));
        FIRN_TRY(join(p, negated ? PREDICATE_OR : PREDICATE_AND, *ret_node, right, ret_node));
    }
}

static firn_status
parse_or(where_parser *p, bool negated, scan_predicate **ret_node)
{
    bool taken = false;

    FIRN_TRY(parse_and(p, negated, ret_node));
    for (;;) {
        scan_predicate *right = NULL;
        FIRN_TRY(take_word(p, "OR", &taken));
        if (!taken) return FIRN_OK;
        FIRN_TRY(parse_and(p, negated, &right));
        FIRN_TRY(join(p, negated ? PREDICATE_AND : PREDICATE_OR, *ret_node, right, ret_node));
    }
}

firn_status
scan_where_parse(const char *text, const table_schema *schema, firn_arena *arena, const scan_predicate **ret_where,
                 firn_error *err)
{
    where_parser    p = {.text = text, .schema = schema, .arena = arena, .err = err};
    scan_predicate *where = NULL;

    if (strlen(text) > WHERE_TEXT_MAX)
        return firn_fail(err, FIRN_E_SCAN_CONDITION, "--where: more than %zu bytes", WHERE_TEXT_MAX);
    if (!text_is_utf8((const uint8_t *) text, strlen(text)))
        return firn_fail(err, FIRN_E_SCAN_CONDITION, "--where: not UTF-8");
    FIRN_TRY(advance(&p));
    FIRN_TRY(parse_or(&p, false, &where));
    if (p.next.kind != TOKEN_END) return fail_at(&p, &p.next, "AND, OR or the end was expected");
    *ret_where = where;
    return FIRN_OK;
}
