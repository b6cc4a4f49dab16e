#include "codec/json_reader.h"

#include <jansson.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/text.h"
#include "codec/json_writer.h"

/* Enough for any schema: each nested Iceberg type costs two levels or three. */
#define DEPTH_MAX 500
/* Memory of a parsed document: a text of the size of the largest we accept, blown up. */
#define TREE_BYTES_MAX ((size_t) 4 << 30)

/*
 * jansson's tree is turned into our own at once and dropped: members by index in constant time,
 * and nothing of jansson's to be seen outside.
 */
struct jvalue {
    jkind kind;
    bool  truth;
    union {
        int64_t     integer;
        double      real;
        const char *text;
        size_t      count; /* of array or object */
    };
    const jvalue      *items; /* children, side by side */
    const char *const *keys;  /* of an object */
};

struct jdoc {
    firn_arena arena;
    char      *name;
    jvalue     root;
};

static bool convert(jdoc *doc, json_t *from, jvalue *to);

static bool
convert_array(jdoc *doc, json_t *from, jvalue *to)
{
    size_t  count = json_array_size(from);
    jvalue *items = count ? firn_arena_array(&doc->arena, count, sizeof *items) : NULL;

    if (count && !items) return false;
    for (size_t i = 0; i < count; i++) {
        if (!convert(doc, json_array_get(from, i), &items[i])) return false;
    }
    to->kind = JARRAY;
    to->count = count;
    to->items = items;
    return true;
}

static bool
convert_object(jdoc *doc, json_t *from, jvalue *to)
{
    size_t       count = json_object_size(from);
    jvalue      *items = count ? firn_arena_array(&doc->arena, count, sizeof *items) : NULL;
    const char **keys = count ? firn_arena_array(&doc->arena, count, sizeof *keys) : NULL;
    size_t       i = 0;
    const char  *key;
    json_t      *value;

    if (count && (!items || !keys)) return false;
    json_object_foreach(from, key, value)
    {
        assert(i < count);
        keys[i] = firn_arena_strdup(&doc->arena, key);
        if (!keys[i] || !convert(doc, value, &items[i])) return false;
        i++;
    }
    to->kind = JOBJECT;
    to->count = count;
    to->items = items;
    to->keys = keys;
    return true;
}

/* False: no memory. Recursion is bounded by the depth that jdoc_parse let through. */
static bool
convert(jdoc *doc, json_t *from, jvalue *to)
{
    switch (json_typeof(from)) {
    case JSON_OBJECT:
        return convert_object(doc, from, to);
    case JSON_ARRAY:
        return convert_array(doc, from, to);
    case JSON_STRING:
        to->kind = JTEXT;
        to->text = firn_arena_strdup(&doc->arena, json_string_value(from));
        return to->text != NULL;
    case JSON_INTEGER:
        to->kind = JINTEGER;
        to->integer = json_integer_value(from);
        return true;
    case JSON_REAL:
        to->kind = JREAL;
        to->real = json_real_value(from);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        to->kind = JBOOL;
        to->truth = json_is_true(from);
        return true;
    case JSON_NULL:
        break;
    }
    to->kind = JNULL;
    return true;
}

/* jansson's own depth limit is fixed at build time and larger than our stack wants. */
static bool
too_deep(firn_slice text)
{
    size_t depth = 0;
    bool   inside = false;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '[' || c == '{') {
            if (++depth > DEPTH_MAX) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

firn_status
jdoc_parse(firn_slice text, const char *name, jdoc **ret_doc, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = firn_calloc(1, sizeof *doc);
    FIRN_AUTO(json_decrefp) json_t *tree = NULL;
    json_error_t at;

    if (!doc) return firn_fail_memory(err, "a JSON document");
    firn_arena_init(&doc->arena, TREE_BYTES_MAX);
    doc->name = firn_strdup(name);
    if (!doc->name) return firn_fail_memory(err, "a JSON document");
    if (too_deep(text)) {
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' is nested deeper than %d levels", name, DEPTH_MAX);
    }
    tree = json_loadb((const char *) text.data, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (!tree) {
        if (json_error_code(&at) == json_error_out_of_memory) return firn_fail_memory(err, "a JSON document");
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' is not JSON: %s at line %d, column %d", name, at.text, at.line,
                         at.column);
    }
    if (!convert(doc, tree, &doc->root)) return firn_fail_memory(err, "a JSON document");
    *ret_doc = FIRN_STEAL(doc);
    return FIRN_OK;
}

void
jdoc_free(jdoc *doc)
{
    if (!doc) return;
    firn_arena_done(&doc->arena);
    firn_free(doc->name);
    firn_free(doc);
}

const jvalue *
jdoc_root(const jdoc *doc)
{
    return &doc->root;
}

jkind
jkind_of(const jvalue *v)
{
    return v ? v->kind : JNULL;
}

const jvalue *
jget(const jvalue *object, const char *key)
{
    if (jkind_of(object) != JOBJECT) return NULL;
    for (size_t i = 0; i < object->count; i++) {
        if (strcmp(object->keys[i], key) == 0) return &object->items[i];
    }
    return NULL;
}

size_t
jcount(const jvalue *array_or_object)
{
    jkind kind = jkind_of(array_or_object);

    return kind == JARRAY || kind == JOBJECT ? array_or_object->count : 0;
}

const jvalue *
jat(const jvalue *array, size_t index)
{
    return jkind_of(array) == JARRAY && index < array->count ? &array->items[index] : NULL;
}

const char *
jkey_at(const jvalue *object, size_t index)
{
    return jkind_of(object) == JOBJECT && index < object->count ? object->keys[index] : NULL;
}

const jvalue *
jvalue_at(const jvalue *object, size_t index)
{
    return jkind_of(object) == JOBJECT && index < object->count ? &object->items[index] : NULL;
}

const char *
jtext(const jvalue *v)
{
    return jkind_of(v) == JTEXT ? v->text : NULL;
}

bool
jinteger(const jvalue *v, int64_t *ret_value)
{
    if (jkind_of(v) != JINTEGER) return false;
    *ret_value = v->integer;
    return true;
}

bool
jreal(const jvalue *v, double *ret_value)
{
    jkind kind = jkind_of(v);

    if (kind != JREAL && kind != JINTEGER) return false;
    *ret_value = kind == JREAL ? v->real : (double) v->integer;
    return true;
}

bool
jbool(const jvalue *v, bool *ret_value)
{
    if (jkind_of(v) != JBOOL) return false;
    *ret_value = v->truth;
    return true;
}

/* Adds the path from `from` down to `wanted`; false where it isn't below. Only for messages, so a search is fine. */
static bool
add_path(const jvalue *from, const jvalue *wanted, char *out, size_t size, size_t used)
{
    if (from == wanted) return true;
    for (size_t i = 0; i < jcount(from); i++) {
        int written = from->kind == JOBJECT ? snprintf(out + used, size - used, ".%s", from->keys[i])
                                            : snprintf(out + used, size - used, "[%zu]", i);
        size_t next = used + (size_t) written;
        if (add_path(&from->items[i], wanted, out, size, next < size ? next : size - 1)) return true;
        out[used] = '\0';
    }
    return false;
}

static const char *
kind_name(jkind kind)
{
    static const char *const names[] = {"null", "a boolean", "an integer", "a number", "a text", "an array", "an object"};

    return names[kind];
}

static firn_status
fail_member(const jdoc *doc, const jvalue *object, const char *key, jkind wanted, firn_error *err)
{
    const jvalue *found = jget(object, key);
    char          path[200] = "$";

    if (!object || !add_path(&doc->root, object, path, sizeof path, 1)) snprintf(path, sizeof path, "$…");
    if (!found) return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' has no %s.%s", doc->name, path, key);
    return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' has %s as %s.%s, not %s", doc->name, kind_name(found->kind), path,
                     key, kind_name(wanted));
}

firn_status
jneed_text(const jdoc *doc, const jvalue *object, const char *key, const char **ret_text, firn_error *err)
{
    const char *text = jtext(jget(object, key));

    if (!text) return fail_member(doc, object, key, JTEXT, err);
    *ret_text = text;
    return FIRN_OK;
}

firn_status
jneed_integer(const jdoc *doc, const jvalue *object, const char *key, int64_t *ret_value, firn_error *err)
{
    if (!jinteger(jget(object, key), ret_value)) return fail_member(doc, object, key, JINTEGER, err);
    return FIRN_OK;
}

static firn_status
need_kind(const jdoc *doc, const jvalue *object, const char *key, jkind kind, const jvalue **ret_value, firn_error *err)
{
    const jvalue *value = jget(object, key);

    if (jkind_of(value) != kind) return fail_member(doc, object, key, kind, err);
    *ret_value = value;
    return FIRN_OK;
}

firn_status
jneed_array(const jdoc *doc, const jvalue *object, const char *key, const jvalue **ret_array, firn_error *err)
{
    return need_kind(doc, object, key, JARRAY, ret_array, err);
}

firn_status
jneed_object(const jdoc *doc, const jvalue *object, const char *key, const jvalue **ret_object, firn_error *err)
{
    return need_kind(doc, object, key, JOBJECT, ret_object, err);
}

static void
write_value(jwriter *w, const jvalue *v)
{
    switch (jkind_of(v)) {
    case JNULL:
        jwrite_null(w);
        break;
    case JBOOL:
        jwrite_bool(w, v->truth);
        break;
    case JINTEGER:
        jwrite_i64(w, v->integer);
        break;
    case JREAL:
        jwrite_double(w, v->real);
        break;
    case JTEXT:
        jwrite_text(w, v->text);
        break;
    case JARRAY:
        jwrite_array(w);
        for (size_t i = 0; i < v->count; i++) write_value(w, &v->items[i]);
        jwrite_array_end(w);
        break;
    case JOBJECT:
        jwrite_object(w);
        for (size_t i = 0; i < v->count; i++) {
            jwrite_key(w, v->keys[i]);
            write_value(w, &v->items[i]);
        }
        jwrite_object_end(w);
        break;
    }
}

firn_status
jvalue_add_text(const jvalue *v, firn_buffer *out, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, out, false, err);
    write_value(&w, v);
    return jwrite_end(&w);
}
