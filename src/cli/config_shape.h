/*
 * What a configuration file may hold, as a tree: the YAML paths of the option table, grouped.
 * Validation, the JSON Schemas and the documentation walk it, so they cannot disagree.
 */
#ifndef FIRN_CLI_CONFIG_SHAPE_H
#define FIRN_CLI_CONFIG_SHAPE_H

#include "base/arena.h"
#include "cli/option.h"

typedef struct config_shape config_shape;
struct config_shape {
    const char         *key;    /* "*": any name of the user's; then the only child */
    const option_info  *option; /* NULL at the root only */
    const config_shape *parent;
    config_shape       *first_child, *next; /* in the table's order */
};

typedef enum config_kind { CONFIG_SOURCES, CONFIG_KAFKA_CLUSTERS, CONFIG_CATALOGS, CONFIG_KIND_COUNT } config_kind;

/* "sources", "kafka_clusters", "catalogs": the file's name without .yaml, and its only top-level key. */
const char *config_kind_name(config_kind kind);

/* The shape of one file; its root has one child, the top-level key. */
FIRN_MUST_USE firn_status config_shape_build(config_kind kind, firn_arena *arena, const config_shape **ret_root,
                                             firn_error *err);
/* The child for a key, also by "*"; NULL: the key is not known. */
const config_shape       *config_shape_child(const config_shape *shape, const char *key);
/* Whether the section may be left empty: nothing in it is required, nor it itself. */
bool                      config_shape_may_be_empty(const config_shape *shape);
/* The known key nearest to `key`, or NULL. */
const char               *config_shape_nearest(const config_shape *shape, const char *key);

#endif
