/*
 * JSON in, over jansson (seen only here). Typed getters; errors carry the path ($.snapshots[3].manifest-list).
 * A document owns its values; values are borrowed views.
 */
#ifndef FIRN_CODEC_JSON_READER_H
#define FIRN_CODEC_JSON_READER_H

#include "base/buffer.h"

typedef struct jdoc   jdoc;
typedef struct jvalue jvalue; /* opaque, borrowed from its document */

/* `name` is for messages. Depth and duplicate keys are limited/refused. */
FIRN_MUST_USE firn_status jdoc_parse(firn_slice text, const char *name, jdoc **ret_doc, firn_error *err);
void          jdoc_free(jdoc *doc);
const jvalue *jdoc_root(const jdoc *doc);
FIRN_DEFINE_FREEP(jdoc, jdoc_free)

typedef enum jkind { JNULL, JBOOL, JINTEGER, JREAL, JTEXT, JARRAY, JOBJECT } jkind;
jkind         jkind_of(const jvalue *v); /* JNULL for NULL */
const jvalue *jget(const jvalue *object, const char *key); /* NULL: absent or not an object */
size_t        jcount(const jvalue *array_or_object);
const jvalue *jat(const jvalue *array, size_t index);
/* Members of an object in document order. */
const char   *jkey_at(const jvalue *object, size_t index);
const jvalue *jvalue_at(const jvalue *object, size_t index);
/* NULL / false where it is not of that kind. */
const char *jtext(const jvalue *v);
bool        jinteger(const jvalue *v, int64_t *ret_value);
bool        jreal(const jvalue *v, double *ret_value); /* integers too */
bool        jbool(const jvalue *v, bool *ret_value);
/* Required members: FIRN_CORRUPT (code JSON_CORRUPT) with document name and path where absent or of another kind. */
FIRN_MUST_USE firn_status jneed_text(const jdoc *doc, const jvalue *object, const char *key, const char **ret_text, firn_error *err);
FIRN_MUST_USE firn_status jneed_integer(const jdoc *doc, const jvalue *object, const char *key, int64_t *ret_value, firn_error *err);
FIRN_MUST_USE firn_status jneed_array(const jdoc *doc, const jvalue *object, const char *key, const jvalue **ret_array, firn_error *err);
FIRN_MUST_USE firn_status jneed_object(const jdoc *doc, const jvalue *object, const char *key, const jvalue **ret_object, firn_error *err);
/* Compact JSON text of any value, appended. */
FIRN_MUST_USE firn_status jvalue_add_text(const jvalue *v, firn_buffer *out, firn_error *err);

#endif
