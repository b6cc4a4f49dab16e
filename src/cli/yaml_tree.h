/*
 * A YAML file as a tree that remembers its lines, over libyaml (seen only here).
 *
 * Shape:   one document; scalars keep their text and the type that YAML 1.2's core schema gives a plain one
 * Limits:  4 MiB, 100,000 nodes, 10,000 in one list or map, depth 12, 100 aliases; an anchored node may not hold an
 *          alias itself, so that the tree cannot grow beyond what the file holds times that
 * Refused: duplicate keys, keys that are not scalars, tags, merge keys, several documents
 * Errors:  CONFIG_SYNTAX, each with file and line
 */
#ifndef FIRN_CLI_YAML_TREE_H
#define FIRN_CLI_YAML_TREE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

typedef enum yaml_kind { YAML_NULL, YAML_BOOL, YAML_INTEGER, YAML_REAL, YAML_TEXT, YAML_LIST, YAML_MAP } yaml_kind;

typedef struct yaml_node yaml_node;

typedef struct yaml_member {
    const char      *key; /* NULL in a list */
    unsigned         key_line;
    const yaml_node *value;
} yaml_member;

struct yaml_node {
    yaml_kind          kind;
    unsigned           line; /* 1-based */
    const char        *text; /* scalars */
    unsigned           count;
    const yaml_member *members;
};

/* `name` is for messages and must live as long as the arena. An empty document is a YAML_NULL. */
FIRN_MUST_USE firn_status yaml_tree_parse(firn_slice text, const char *name, firn_arena *arena,
                                          const yaml_node **ret_root, firn_error *err);

/* The member's value, or NULL: absent, or not a map. */
const yaml_node   *yaml_get(const yaml_node *map, const char *key);
/* The same with its member, for the key's line. */
const yaml_member *yaml_get_member(const yaml_node *map, const char *key);
bool               yaml_is_scalar(const yaml_node *node);
/* "a map", "a list", "a whole number", …: for messages. */
const char        *yaml_kind_name(yaml_kind kind);

#endif
