/*
 * JSON read in place: tokens are views of the message's bytes, there is no tree and nothing is copied.
 *
 * Spec:    RFC 8259, strictly: no comments, no trailing commas, no NaN, no lone surrogates, UTF-8 checked; numbers keep
 *          the text they had
 * Use:     jscan_of, then jscan_value for a whole value, or jscan_enter and jscan_member / jscan_element to walk a
 *          container; jscan_end behind the last value
 * Failure: sticky, as in base/reader.h: `failure` says what was wrong at `at`; all calls after it return false
 * Limits:  JSCAN_DEPTH_MAX containers within each other
 * Threads: no state besides the scan's
 */
#ifndef FIRN_CODEC_JSON_SCAN_H
#define FIRN_CODEC_JSON_SCAN_H

#include "base/buffer.h"

#define JSCAN_DEPTH_MAX 64

typedef enum jtoken_kind {
    JTOKEN_ABSENT, /* of a zeroed token */
    JTOKEN_NULL,
    JTOKEN_FALSE,
    JTOKEN_TRUE,
    JTOKEN_NUMBER,
    JTOKEN_STRING,
    JTOKEN_ARRAY,
    JTOKEN_OBJECT,
} jtoken_kind;

typedef struct jtoken {
    jtoken_kind kind;
    bool        has_escape; /* STRING: jtoken_add_string takes the backslashes off */
    firn_slice  text;       /* STRING: what stands between the quotes; else the value's whole text, checked */
} jtoken;

typedef struct jscan {
    const uint8_t *start, *at, *end;
    const char    *failure; /* NULL: none */
    unsigned       depth;
    bool           is_first; /* of the container that was entered last */
} jscan;

static inline jscan
jscan_of(firn_slice text)
{
    return (jscan){.start = text.data, .at = text.data, .end = text.size ? text.data + text.size : text.data};
}

/* The next value, whole; a container is walked and checked to its end. False: failed. */
FIRN_MUST_USE bool jscan_value(jscan *s, jtoken *ret_value);
/* What comes next, without taking it; ABSENT at the end or where no value begins. */
jtoken_kind jscan_peek(jscan *s);
/* Takes '{' or '['. False: failed, or something else stands there. */
FIRN_MUST_USE bool jscan_enter(jscan *s, jtoken_kind container);
/* The next member's name, its value is next; false: the object has ended, and is left, or failed. */
FIRN_MUST_USE bool jscan_member(jscan *s, jtoken *ret_name);
/* Whether an element is next; false: the array has ended, and is left, or failed. */
FIRN_MUST_USE bool jscan_element(jscan *s);
/* Nothing but white space is left. */
FIRN_MUST_USE bool jscan_end(jscan *s);

/* Appends the string's bytes in UTF-8. Fails for memory and the buffer's limit only: the token was checked. */
FIRN_MUST_USE firn_status jtoken_add_string(const jtoken *string, firn_buffer *out, firn_error *err);

static inline bool
jtoken_is(const jtoken *string, const char *text)
{
    return string->kind == JTOKEN_STRING && !string->has_escape && firn_slice_equal(string->text, firn_slice_text(text));
}

/* A string that is not empty. */
static inline bool
jtoken_has_text(const jtoken *token)
{
    return token->kind == JTOKEN_STRING && token->text.size;
}

#endif
