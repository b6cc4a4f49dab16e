#include "cli/yaml_tree.h"

#include <string.h>

#include <yaml.h>

#define FILE_BYTES_MAX ((size_t) 4 << 20)
#define NODES_MAX 100000
#define DEPTH_MAX 12
#define MEMBERS_MAX 10000 /* of one collection: keys are compared with each other */
#define ALIASES_MAX 100
#define ANCHORS_MAX 100

typedef struct anchor {
    const char      *name;
    const yaml_node *node;
} anchor;

typedef struct tree_parser {
    yaml_parser_t yaml;
    yaml_event_t  event; /* the current one; owned */
    bool          event_held;
    const char   *name;
    firn_arena   *arena;
    firn_error   *err;
    unsigned      node_count, alias_count, anchor_count;
    anchor        anchors[ANCHORS_MAX];
} tree_parser;

/* Members while a collection is being read: blocks in the arena, copied to one array at its end. */
typedef struct member_chain {
    yaml_member          member;
    struct member_chain *next;
} member_chain;

static void
parser_done(tree_parser *p)
{
    if (p->event_held) yaml_event_delete(&p->event);
    yaml_parser_delete(&p->yaml);
}

static unsigned
event_line(const tree_parser *p)
{
    return (unsigned) p->event.start_mark.line + 1;
}

static firn_status
parser_next(tree_parser *p)
{
    if (p->event_held) yaml_event_delete(&p->event);
    p->event_held = false;
    if (!yaml_parser_parse(&p->yaml, &p->event)) {
        if (p->yaml.error == YAML_MEMORY_ERROR) return firn_fail_memory(p->err, "a configuration file");
        const char *what = p->yaml.problem ? p->yaml.problem : "not valid YAML";
        size_t      line = p->yaml.error == YAML_READER_ERROR ? p->yaml.mark.line : p->yaml.problem_mark.line;
        (void) firn_fail(p->err, FIRN_E_CONFIG_SYNTAX, "%s:%zu: %s%s%s", p->name, line + 1, what,
                         p->yaml.context ? " " : "", p->yaml.context ? p->yaml.context : "");
        if (strstr(what, "cannot start any token"))
            firn_hint(p->err,
                      "tabs are not allowed for indentation, and values that begin with %%, @ or ` need quotes");
        return p->err->status;
    }
    p->event_held = true;
    return FIRN_OK;
}

static firn_status
fail_here(tree_parser *p, const char *what)
{
    return firn_fail(p->err, FIRN_E_CONFIG_SYNTAX, "%s:%u: %s", p->name, event_line(p), what);
}

static bool
one_of(const char *text, const char *const words[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) return true;
    }
    return false;
}

/* YAML 1.2, core schema (10.3.2): what a plain scalar is. */
static yaml_kind
plain_kind(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    static const char *const reals[] = {".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN", ".NAN"};
    const char              *p = text;
    size_t                   digits, fraction = 0;

    if (one_of(text, nulls, FIRN_COUNT(nulls))) return YAML_NULL;
    if (one_of(text, bools, FIRN_COUNT(bools))) return YAML_BOOL;
    if (one_of(text, reals, FIRN_COUNT(reals))) return YAML_REAL;
    if (p[0] == '0' && (p[1] == 'o' || p[1] == 'x')) {
        const char *digit_set = p[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        return p[2] && p[2 + strspn(p + 2, digit_set)] == '\0' ? YAML_INTEGER : YAML_TEXT;
    }
    if (*p == '+' || *p == '-') p++;
    digits = strspn(p, "0123456789");
    p += digits;
    if (digits && !*p) return YAML_INTEGER;
    if (*p == '.') {
        p++;
        fraction = strspn(p, "0123456789");
        p += fraction;
    }
    if (digits + fraction == 0) return YAML_TEXT;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') p++;
        size_t exponent = strspn(p, "0123456789");
        if (exponent == 0) return YAML_TEXT;
        p += exponent;
    }
    return *p ? YAML_TEXT : YAML_REAL;
}

static firn_status
new_node(tree_parser *p, yaml_kind kind, yaml_node **ret_node)
{
    if (++p->node_count > NODES_MAX) return fail_here(p, "too many values in one file");
    yaml_node *node = firn_arena_alloc(p->arena, sizeof *node);
    if (!node) return firn_fail_memory(p->err, "a configuration file");
    node->kind = kind;
    node->line = event_line(p);
    *ret_node = node;
    return FIRN_OK;
}

static firn_status
add_anchor(tree_parser *p, const char *name, const yaml_node *node)
{
    if (!name) return FIRN_OK;
    if (p->anchor_count == ANCHORS_MAX) return fail_here(p, "too many anchors in one file");
    p->anchors[p->anchor_count++] = (anchor){name, node};
    return FIRN_OK;
}

static firn_status read_node(tree_parser *p, unsigned depth, const yaml_node **ret_node);

static firn_status
read_alias(tree_parser *p, const yaml_node **ret_node)
{
    const char *name = (const char *) p->event.data.alias.anchor;

    if (++p->alias_count > ALIASES_MAX) return fail_here(p, "too many aliases in one file");
    for (unsigned i = p->anchor_count; i > 0; i--) {
        if (strcmp(p->anchors[i - 1].name, name) == 0) {
            *ret_node = p->anchors[i - 1].node;
            return FIRN_OK;
        }
    }
    return firn_fail(p->err, FIRN_E_CONFIG_SYNTAX, "%s:%u: the alias *%s has no anchor before it", p->name,
                     event_line(p), name);
}

static firn_status
read_scalar(tree_parser *p, const yaml_node **ret_node)
{
    const char *text = (const char *) p->event.data.scalar.value;
    size_t      size = p->event.data.scalar.length;
    bool        plain = p->event.data.scalar.plain_implicit;
    yaml_node  *node = NULL;

    if (p->event.data.scalar.tag) return fail_here(p, "tags (!…) are not allowed");
    if (memchr(text, '\0', size)) return fail_here(p, "a NUL byte is not allowed");
    FIRN_TRY(new_node(p, plain ? plain_kind(text) : YAML_TEXT, &node));
    node->text = firn_arena_text(p->arena, firn_slice_of(text, size));
    if (!node->text) return firn_fail_memory(p->err, "a configuration file");
    *ret_node = node;
    return FIRN_OK;
}

static firn_status
read_key(tree_parser *p, const member_chain *earlier, yaml_member *ret_member)
{
    if (p->event.type != YAML_SCALAR_EVENT) return fail_here(p, "a key must be a plain text");
    const yaml_node *key = NULL;

    FIRN_TRY(read_scalar(p, &key));
    if (strcmp(key->text, "<<") == 0)
        return fail_here(p, "merge keys (<<) are not supported; write an alias for a whole value instead");
    if (!*key->text) return fail_here(p, "a key must not be empty");
    for (; earlier; earlier = earlier->next) {
        if (strcmp(earlier->member.key, key->text) == 0)
            return firn_fail(p->err, FIRN_E_CONFIG_SYNTAX, "%s:%u: the key '%s' is there already, in line %u", p->name,
                             key->line, key->text, earlier->member.key_line);
    }
    ret_member->key = key->text;
    ret_member->key_line = key->line;
    return parser_next(p);
}

/* From the start event to the end event; the members come in the file's order. */
static firn_status
read_collection(tree_parser *p, unsigned depth, const yaml_node **ret_node)
{
    bool              map = p->event.type == YAML_MAPPING_START_EVENT;
    yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    member_chain     *last_first = NULL; /* newest member first */
    yaml_node        *node = NULL;

    if (depth >= DEPTH_MAX) return fail_here(p, "nested too deeply");
    FIRN_TRY(new_node(p, map ? YAML_MAP : YAML_LIST, &node));
    FIRN_TRY(parser_next(p));
    while (p->event.type != end) {
        if (node->count == MEMBERS_MAX) return fail_here(p, "too many values in one list or map");
        member_chain *link = firn_arena_alloc(p->arena, sizeof *link);
        if (!link) return firn_fail_memory(p->err, "a configuration file");
        link->member.key_line = event_line(p);
        if (map) FIRN_TRY(read_key(p, last_first, &link->member));
        FIRN_TRY(read_node(p, depth + 1, &link->member.value));
        link->next = last_first;
        last_first = link;
        node->count++;
        FIRN_TRY(parser_next(p));
    }
    yaml_member *members = firn_arena_array(p->arena, node->count ? node->count : 1, sizeof *members);
    if (!members) return firn_fail_memory(p->err, "a configuration file");
    unsigned at = node->count;
    for (; last_first; last_first = last_first->next) {
        members[--at] = last_first->member;
    }
    node->members = members;
    *ret_node = node;
    return FIRN_OK;
}

/* Reads the node that the current event starts; the current event is its last one afterwards. */
static firn_status
read_node(tree_parser *p, unsigned depth, const yaml_node **ret_node)
{
    bool             scalar = p->event.type == YAML_SCALAR_EVENT;
    const char      *anchor_name = NULL, *tag = NULL;
    const yaml_node *node = NULL;
    unsigned         alias_count = p->alias_count;

    if (p->event.type == YAML_ALIAS_EVENT) return read_alias(p, ret_node);
    if (scalar) anchor_name = (const char *) p->event.data.scalar.anchor;
    if (p->event.type == YAML_SEQUENCE_START_EVENT) {
        anchor_name = (const char *) p->event.data.sequence_start.anchor;
        tag = (const char *) p->event.data.sequence_start.tag;
    } else if (p->event.type == YAML_MAPPING_START_EVENT) {
        anchor_name = (const char *) p->event.data.mapping_start.anchor;
        tag = (const char *) p->event.data.mapping_start.tag;
    } else if (!scalar) {
        return fail_here(p, "a value is missing");
    }
    if (tag) return fail_here(p, "tags (!…) are not allowed");
    if (anchor_name) {
        anchor_name = firn_arena_strdup(p->arena, anchor_name);
        if (!anchor_name) return firn_fail_memory(p->err, "a configuration file");
    }
    if (scalar) {
        FIRN_TRY(read_scalar(p, &node));
    } else {
        FIRN_TRY(read_collection(p, depth, &node));
    }
    if (anchor_name && p->alias_count != alias_count) return fail_here(p, "an anchored value may not hold an alias");
    FIRN_TRY(add_anchor(p, anchor_name, node));
    *ret_node = node;
    return FIRN_OK;
}

static firn_status
read_document(tree_parser *p, const yaml_node **ret_root)
{
    yaml_node *empty = NULL;

    FIRN_TRY(parser_next(p)); /* stream start */
    FIRN_TRY(parser_next(p));
    if (p->event.type == YAML_STREAM_END_EVENT) {
        FIRN_TRY(new_node(p, YAML_NULL, &empty));
        empty->text = "";
        *ret_root = empty;
        return FIRN_OK;
    }
    FIRN_TRY(parser_next(p)); /* document start */
    FIRN_TRY(read_node(p, 0, ret_root));
    FIRN_TRY(parser_next(p)); /* document end */
    FIRN_TRY(parser_next(p));
    if (p->event.type != YAML_STREAM_END_EVENT) return fail_here(p, "only one document (---) is allowed in a file");
    return FIRN_OK;
}

firn_status
yaml_tree_parse(firn_slice text, const char *name, firn_arena *arena, const yaml_node **ret_root, firn_error *err)
{
    FIRN_AUTO(parser_done) tree_parser p = {.name = name, .arena = arena, .err = err};

    if (!yaml_parser_initialize(&p.yaml)) return firn_fail_memory(err, "a YAML parser");
    if (text.size > FILE_BYTES_MAX)
        return firn_fail(err, FIRN_E_CONFIG_SYNTAX, "%s: larger than %zu bytes", name, FILE_BYTES_MAX);
    yaml_parser_set_input_string(&p.yaml, text.data, text.size);
    yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
    return read_document(&p, ret_root);
}

const yaml_member *
yaml_get_member(const yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP) return NULL;
    for (unsigned i = 0; i < map->count; i++) {
        if (strcmp(map->members[i].key, key) == 0) return &map->members[i];
    }
    return NULL;
}

const yaml_node *
yaml_get(const yaml_node *map, const char *key)
{
    const yaml_member *member = yaml_get_member(map, key);
    return member ? member->value : NULL;
}

bool
yaml_is_scalar(const yaml_node *node)
{
    return node->kind != YAML_LIST && node->kind != YAML_MAP;
}

const char *
yaml_kind_name(yaml_kind kind)
{
    static const char *const names[] = {
        [YAML_NULL] = "nothing",  [YAML_BOOL] = "true or false", [YAML_INTEGER] = "a whole number",
        [YAML_REAL] = "a number", [YAML_TEXT] = "a text",        [YAML_LIST] = "a list",
        [YAML_MAP] = "a map"};
    return names[kind];
}
