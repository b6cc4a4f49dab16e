#include "debezium/event_memo.h"

#include "base/alloc.h"
#include "base/digits.h"

#define VALUE_COUNT_MAX 32u
/* How much longer or shorter than the one before it an envelope's end is looked for: digits of its numbers. */
#define LENGTH_SPREAD 8
/* A topic whose envelopes never fit is not learnt with each. */
#define MISS_COUNT_MAX 16u
#define MISS_PERIOD 1024u

typedef enum value_kind { VALUE_NUMBER, VALUE_DIGITS /* a string in which only digits differ */, VALUE_LETTER } value_kind;
typedef enum value_scope { SCOPE_TOP, SCOPE_SOURCE, SCOPE_TRANSACTION } value_scope;

/* A value that may differ, and the bytes before it, which may not. */
typedef struct memo_value {
    uint32_t    literal_at, literal_size;
    value_kind  kind;
    value_scope scope;
    jtoken      name, value; /* in the memo's text */
} memo_value;

/* A token that does not differ: where it stands behind the beginning of a literal. */
typedef struct memo_token {
    bool     is_there;
    uint32_t literal, offset;
} memo_token;

#define TOKEN_COUNT 7u

struct dbz_event_memo {
    bool         is_known;
    unsigned     misses;
    size_t       distance; /* of the end of `after` from the message's end, the last time */
    uint32_t     size;
    unsigned     count;
    uint32_t     rest_at; /* the literal behind the last value */
    memo_value   values[VALUE_COUNT_MAX];
    memo_token   tokens[TOKEN_COUNT]; /* as token_of numbers them */
    /* What the members gave that do not differ; tokens are in `text`. */
    dbz_source      source;
    source_extra    extra;
    dbz_transaction transaction;
    envelope_tail   tail;
    uint8_t         text[EVENT_MEMO_SIZE_MAX];
};

dbz_event_memo *
dbz_event_memo_new(void)
{
    return firn_calloc(1, sizeof(dbz_event_memo));
}

void
dbz_event_memo_free(dbz_event_memo *memo)
{
    firn_free(memo);
}

/* ---- learning ---- */

static bool
all_digits(firn_slice text)
{
    return text.size > 0 && digits_skip(text.data, text.data + text.size) == text.data + text.size;
}

static bool
differs(value_scope scope, const jtoken *name, const jtoken *value, value_kind *ret_kind)
{
    if (value->kind == JTOKEN_NUMBER) return *ret_kind = VALUE_NUMBER, all_digits(value->text);
    if (value->kind != JTOKEN_STRING) return false;
    *ret_kind = VALUE_DIGITS;
    if (scope == SCOPE_SOURCE ? !DBZ_IS(name, "sequence") : scope != SCOPE_TRANSACTION || !DBZ_IS(name, "id")) return false;
    return value->text.size && !memchr(value->text.data, 'u', value->text.size); /* no \u0030, whose digits are none */
}

static bool
note(dbz_event_memo *memo, value_scope scope, value_kind kind, const jtoken *name, const jtoken *value)
{
    if (memo->count == VALUE_COUNT_MAX) return false;
    uint32_t at = (uint32_t) (value->text.data - memo->text);
    memo->values[memo->count++] = (memo_value){memo->rest_at, at - memo->rest_at, kind, scope, *name, *value};
    memo->rest_at = at + (uint32_t) value->text.size;
    return true;
}

static void
take_member(value_scope scope, const jtoken *name, const jtoken *value, dbz_source *source, source_extra *extra, dbz_transaction *transaction,
            envelope_tail *tail)
{
    switch (scope) {
    case SCOPE_TOP:
        if (DBZ_IS(name, "op")) tail->has_op = dbz_op_kind(value, &tail->kind);
        else
            (void) time_tokens_take(&tail->times, name, value);
        return;
    case SCOPE_SOURCE:
        (void) source_member(name, value, source, extra);
        return;
    case SCOPE_TRANSACTION:
        dbz_transaction_member(name, value, transaction);
        return;
    }
}

/* Of members that say the same, the last one counts, which is no longer known once they are told apart. */
static bool
says_again(const dbz_event_memo *memo, value_scope scope, const jtoken *name)
{
    if (scope == SCOPE_SOURCE && DBZ_IS(name, "gtid")) return true; /* as txId */
    for (unsigned i = 0; i < memo->count; i++)
        if (memo->values[i].scope == scope && firn_slice_equal(memo->values[i].name.text, name->text)) return true;
    return false;
}

static bool
learn_value(dbz_event_memo *memo, jscan *s, value_scope scope, const jtoken *name)
{
    jtoken     value;
    value_kind kind = VALUE_LETTER;
    if (!jscan_value(s, &value) || says_again(memo, scope, name)) return false;
    bool is_op = scope == SCOPE_TOP && DBZ_IS(name, "op");
    if (is_op && (value.kind != JTOKEN_STRING || value.has_escape || value.text.size != 1)) return false;
    if (is_op || differs(scope, name, &value, &kind)) return note(memo, scope, kind, name, &value);
    take_member(scope, name, &value, &memo->source, &memo->extra, &memo->transaction, &memo->tail);
    return true;
}

static bool
learn_object(dbz_event_memo *memo, jscan *s, value_scope scope)
{
    jtoken name;
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name))
        if (!learn_value(memo, s, scope, &name)) return false;
    return !s->failure;
}

static jtoken *
token_of(dbz_source *source, dbz_transaction *transaction, unsigned number)
{
    jtoken *tokens[TOKEN_COUNT] = {&source->connector_name, &source->name, &source->db, &source->schema, &source->table, &source->transaction, &transaction->id};
    return tokens[number];
}

static void
place_tokens(dbz_event_memo *memo)
{
    for (unsigned number = 0; number < TOKEN_COUNT; number++) {
        const jtoken *token = token_of(&memo->source, &memo->transaction, number);
        memo_token   *t = &memo->tokens[number];
        *t = (memo_token){.is_there = token->kind != JTOKEN_ABSENT};
        if (!t->is_there) continue;
        uint32_t at = (uint32_t) (token->text.data - memo->text);
        while (t->literal < memo->count && memo->values[t->literal].literal_at + memo->values[t->literal].literal_size <= at) t->literal++;
        t->offset = at - (t->literal < memo->count ? memo->values[t->literal].literal_at : memo->rest_at);
    }
}

static bool
learn_members(dbz_event_memo *memo)
{
    jscan  s = jscan_of(firn_slice_of(memo->text, memo->size));
    jtoken name;
    bool   has_source = false, is_fine = true;
    s.depth = 1; /* within the envelope, behind a member */
    while (is_fine && jscan_member(&s, &name)) {
        if (name.has_escape || DBZ_IS(&name, "before") || DBZ_IS(&name, "after") || DBZ_IS(&name, "message")) return false;
        if (DBZ_IS(&name, "source")) {
            if (has_source) return false;
            has_source = true;
            is_fine = learn_object(memo, &s, SCOPE_SOURCE);
        } else if (DBZ_IS(&name, "transaction") && jscan_peek(&s) == JTOKEN_OBJECT) {
            is_fine = learn_object(memo, &s, SCOPE_TRANSACTION);
        } else {
            is_fine = learn_value(memo, &s, SCOPE_TOP, &name);
        }
    }
    return is_fine && !s.failure && has_source && memo->source.connector_name.kind == JTOKEN_STRING;
}

void
event_memo_learn(dbz_event_memo *memo, firn_slice tail, size_t left)
{
    if (memo->misses++ >= MISS_COUNT_MAX && memo->misses % MISS_PERIOD) return;
    memo->is_known = false;
    if (tail.size > EVENT_MEMO_SIZE_MAX) return;
    memcpy(memo->text, tail.data, tail.size);
    memo->size = (uint32_t) tail.size;
    memo->count = 0;
    memo->rest_at = 0;
    memo->distance = tail.size + left;
    memo->source = (dbz_source){0};
    memo->extra = (source_extra){0};
    memo->transaction = (dbz_transaction){0};
    memo->tail = (envelope_tail){0};
    memo->is_known = learn_members(memo);
    if (memo->is_known) place_tokens(memo);
}

/* ---- comparing ---- */

static bool
fit_literal(const uint8_t **at, const uint8_t *end, const uint8_t *literal, size_t size)
{
    if ((size_t) (end - *at) < size || memcmp(*at, literal, size) != 0) return false;
    *at += size;
    return true;
}

/* Digits of a JSON number: no zero before others. */
static bool
fit_number(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *start = *at;
    *at = digits_skip(start, end);
    return *at > start && (*start != '0' || *at - start == 1);
}

/* Runs of digits may have others, in any number but none; all else is the same. */
static bool
fit_digits(const uint8_t **at, const uint8_t *end, firn_slice like)
{
    for (size_t i = 0; i < like.size;) {
        if (*at == end) return false;
        if (!digit_is(like.data[i])) {
            if (*(*at)++ != like.data[i++]) return false;
            continue;
        }
        if (!digit_is(**at)) return false;
        while (i < like.size && digit_is(like.data[i])) i++;
        *at = digits_skip(*at, end);
    }
    return true;
}

static bool
fit_letter(const uint8_t **at, const uint8_t *end)
{
    if (*at == end || **at < 'a' || **at > 'z') return false;
    ++*at;
    return true;
}

typedef struct fitting {
    const uint8_t *starts[VALUE_COUNT_MAX + 1]; /* of the literals */
    jtoken         values[VALUE_COUNT_MAX];
} fitting;

/* Up to the closing brace. */
static bool
fit(const dbz_event_memo *memo, const uint8_t **at, const uint8_t *end, fitting *f)
{
    for (unsigned i = 0; i < memo->count; i++) {
        const memo_value *v = &memo->values[i];
        f->starts[i] = *at;
        if (!fit_literal(at, end, memo->text + v->literal_at, v->literal_size)) return false;
        const uint8_t *start = *at;
        bool fits = v->kind == VALUE_NUMBER ? fit_number(at, end) : v->kind == VALUE_DIGITS ? fit_digits(at, end, v->value.text) : fit_letter(at, end);
        if (!fits) return false;
        f->values[i] = (jtoken){v->value.kind, v->value.has_escape, firn_slice_of(start, (size_t) (*at - start))};
    }
    f->starts[memo->count] = *at;
    return fit_literal(at, end, memo->text + memo->rest_at, memo->size - memo->rest_at) && (--*at, true);
}

static void
take(const dbz_event_memo *memo, const fitting *f, dbz_event *event, envelope_tail *ret_tail)
{
    dbz_source  *source = &event->source;
    source_extra extra = memo->extra;
    *source = memo->source;
    event->transaction = memo->transaction;
    *ret_tail = memo->tail;
    for (unsigned i = 0; i < TOKEN_COUNT; i++) {
        const memo_token *t = &memo->tokens[i];
        if (t->is_there) token_of(source, &event->transaction, i)->text.data = f->starts[t->literal] + t->offset;
    }
    for (unsigned i = 0; i < memo->count; i++)
        take_member(memo->values[i].scope, &memo->values[i].name, &f->values[i], source, &extra, &event->transaction, ret_tail);
    source_order(source, &extra, &event->order);
}

static bool
take_at(dbz_event_memo *memo, const uint8_t *at, jscan *s, dbz_event *event, envelope_tail *ret_tail)
{
    fitting        f;
    const uint8_t *start = at;
    if (!fit(memo, &at, s->end, &f)) return false;
    take(memo, &f, event, ret_tail);
    memo->distance = (size_t) (s->end - start);
    memo->misses = 0;
    s->at = at;
    return true;
}

bool
event_memo_take(dbz_event_memo *memo, jscan *s, dbz_event *event, envelope_tail *ret_tail)
{
    return memo->is_known && !s->failure && take_at(memo, s->at, s, event, ret_tail);
}

bool
event_memo_take_row(dbz_event_memo *memo, jscan *s, dbz_event *event, envelope_tail *ret_tail)
{
    const uint8_t *row = s->at;
    size_t         left = (size_t) (s->end - row);
    if (!memo->is_known || s->failure || left < sizeof "{}," - 1 || *row != '{') return false;
    for (int i = 0; i <= 2 * LENGTH_SPREAD; i++) {
        size_t distance = memo->distance + (size_t) (i % 2 ? -(i + 1) / 2 : i / 2);
        if (!distance || distance > left - 2) continue;
        const uint8_t *at = s->end - distance;
        if (at[-1] != '}' || *at != ',' || !take_at(memo, at, s, event, ret_tail)) continue;
        event->after = firn_slice_of(row, (size_t) (at - row));
        return true;
    }
    return false;
}
