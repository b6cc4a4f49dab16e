#include "postgres/tuple_text_nested.h"

#include "base/bytes.h"
#include "postgres/tuple_text.h"

#define NULL_LENGTH UINT32_MAX
#define FIELD_COUNT_PLACE 4 /* bytes of a count that is filled in at the end */

/* What is being read, and where unquoted texts are put together. */
typedef struct nested_text {
    const uint8_t *at, *end;
    firn_buffer   *out;
    firn_buffer    item; /* with quotes and escapes taken off */
    firn_error    *err;
    bool           valid;
} nested_text;

static firn_status
add_be32(firn_buffer *out, uint32_t value, firn_error *err)
{
    uint8_t bytes[4];
    store_be32(bytes, value);
    return firn_buffer_add(out, bytes, sizeof bytes, err);
}

/* The item as a value of `field`: its length, then its bytes. */
static firn_status
add_item(nested_text *n, const copy_field *field)
{
    size_t place = n->out->size;
    bool   valid;
    FIRN_TRY(add_be32(n->out, 0, n->err));
    FIRN_TRY(tuple_text_convert(field, firn_buffer_slice(&n->item), n->out, &valid, n->err));
    if (!valid) n->valid = false;
    store_be32(n->out->data + place, (uint32_t) (n->out->size - place - 4));
    return FIRN_OK;
}

static bool
take(nested_text *n, uint8_t wanted)
{
    if (n->at == n->end || *n->at != wanted) return false;
    n->at++;
    return true;
}

/* Behind the opening quote, up to and with the closing one. `doubles`: "" stands for a quote. */
static firn_status
take_quoted(nested_text *n, bool doubles)
{
    while (n->at < n->end) {
        uint8_t c = *n->at++;
        if (c == '"') {
            if (!doubles || !take(n, '"')) return FIRN_OK;
        } else if (c == '\\') {
            if (n->at == n->end) break;
            c = *n->at++;
        }
        FIRN_TRY(firn_buffer_add_byte(&n->item, c, n->err));
    }
    n->valid = false; /* no closing quote */
    return FIRN_OK;
}

/* Up to `delimiter` or `closing`. Quoted parts may stand among others (composites). */
static firn_status
take_item(nested_text *n, uint8_t delimiter, uint8_t closing, bool doubles, bool *ret_quoted)
{
    firn_buffer_reset(&n->item);
    *ret_quoted = false;
    while (n->valid && n->at < n->end && *n->at != delimiter && *n->at != closing) {
        uint8_t c = *n->at++;
        if (c == '"') {
            *ret_quoted = true;
            FIRN_TRY(take_quoted(n, doubles));
            continue;
        }
        if (c == '\\') {
            if (n->at == n->end) {
                n->valid = false;
                return FIRN_OK;
            }
            c = *n->at++;
        }
        FIRN_TRY(firn_buffer_add_byte(&n->item, c, n->err));
    }
    return FIRN_OK;
}

/* ---- arrays ---- */

/* "[2:4]=" before the braces: lower bounds other than 1, which a list does not have. */
static void
skip_bounds(nested_text *n)
{
    if (n->at == n->end || *n->at != '[') return;
    const uint8_t *equals = memchr(n->at, '=', (size_t) (n->end - n->at));
    n->valid = equals != NULL;
    if (equals) n->at = equals + 1;
}

static firn_status
take_elements(nested_text *n, const copy_field *field, uint32_t *ret_count)
{
    uint8_t delimiter = field->delimiter ? (uint8_t) field->delimiter : ',';
    *ret_count = 0;
    do {
        bool quoted;
        FIRN_TRY(take_item(n, delimiter, '}', false, &quoted));
        if (!n->valid) return FIRN_OK;
        if (!quoted && n->item.size == 0) n->valid = false;
        if (!quoted && n->item.size == 4 && memcmp(n->item.data, "NULL", 4) == 0)
            FIRN_TRY(add_be32(n->out, NULL_LENGTH, n->err));
        else
            FIRN_TRY(add_item(n, &field->children[0]));
        ++*ret_count;
    } while (n->valid && take(n, delimiter));
    return FIRN_OK;
}

/* array_send: dimensions, whether there are nulls, the element's type; per dimension count and lower bound; elements. */
static firn_status
convert_array(nested_text *n, const copy_field *field)
{
    size_t place = n->out->size;
    skip_bounds(n);
    if (!n->valid || !take(n, '{')) {
        n->valid = false;
        return FIRN_OK;
    }
    for (int i = 0; i < 3; i++) FIRN_TRY(add_be32(n->out, 0, n->err));
    if (take(n, '}')) return FIRN_OK;
    if (n->at < n->end && *n->at == '{') {
        /* More dimensions are no list: the policy needs to know no more of it. */
        store_be32(n->out->data + place, 2);
        n->at = n->end;
        return FIRN_OK;
    }
    uint32_t count = 0;
    FIRN_TRY(add_be32(n->out, 0, n->err));
    FIRN_TRY(add_be32(n->out, 1, n->err));
    FIRN_TRY(take_elements(n, field, &count));
    store_be32(n->out->data + place, 1);
    store_be32(n->out->data + place + 12, count);
    if (!take(n, '}')) n->valid = false;
    return FIRN_OK;
}

/* ---- composites ---- */

/* record_send: count; per field its type, length and bytes. */
static firn_status
convert_record(nested_text *n, const copy_field *field)
{
    if (!take(n, '(')) {
        n->valid = false;
        return FIRN_OK;
    }
    FIRN_TRY(add_be32(n->out, field->child_count, n->err));
    for (unsigned i = 0; i < field->child_count && n->valid; i++) {
        bool quoted;
        if (i && !take(n, ',')) n->valid = false;
        FIRN_TRY(take_item(n, ',', ')', true, &quoted));
        FIRN_TRY(add_be32(n->out, 0, n->err));
        if (!quoted && n->item.size == 0)
            FIRN_TRY(add_be32(n->out, NULL_LENGTH, n->err));
        else
            FIRN_TRY(add_item(n, &field->children[i]));
    }
    if (!take(n, ')')) n->valid = false;
    return FIRN_OK;
}

/* ---- hstore ---- */

static bool
take_word(nested_text *n, const char *word)
{
    size_t size = strlen(word);
    if ((size_t) (n->end - n->at) < size || memcmp(n->at, word, size) != 0) return false;
    n->at += size;
    return true;
}

/* hstore_send: count; per pair the key's length and bytes, then those of the value. */
static firn_status
convert_hstore(nested_text *n, const copy_field *field)
{
    size_t   place = n->out->size;
    uint32_t count = 0;
    FIRN_TRY(add_be32(n->out, 0, n->err));
    while (n->valid && n->at < n->end) {
        if (count && !take_word(n, ", ")) n->valid = false;
        if (!take(n, '"')) n->valid = false;
        if (!n->valid) break;
        firn_buffer_reset(&n->item);
        FIRN_TRY(take_quoted(n, false));
        FIRN_TRY(add_item(n, &field->children[0]));
        if (!take_word(n, "=>")) n->valid = false;
        if (!n->valid) break;
        if (take_word(n, "NULL")) {
            FIRN_TRY(add_be32(n->out, NULL_LENGTH, n->err));
        } else {
            if (!take(n, '"')) n->valid = false;
            firn_buffer_reset(&n->item);
            FIRN_TRY(take_quoted(n, false));
            FIRN_TRY(add_item(n, &field->children[1]));
        }
        count++;
    }
    store_be32(n->out->data + place, count);
    return FIRN_OK;
}

firn_status
tuple_text_nested_convert(const copy_field *field, firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    nested_text n = {.at = text.data, .end = text.data + text.size, .out = out, .err = err, .valid = true};
    firn_buffer_init(&n.item, out->size_bytes_max);
    firn_status status = field->op == COPY_LIST     ? convert_array(&n, field)
                         : field->op == COPY_STRUCT ? convert_record(&n, field)
                                                    : convert_hstore(&n, field);
    firn_buffer_done(&n.item);
    *ret_valid = n.valid && n.at == n.end;
    return status;
}
