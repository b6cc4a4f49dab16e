/*
 * One configuration file: read, checked against its shape, ready to be asked.
 *
 * Values that hold a reference (${…}) are checked for form only; they are expanded when their entry is used,
 * so a variable that belongs to another source need not be set.
 */
#ifndef FIRN_CLI_CONFIG_FILE_H
#define FIRN_CLI_CONFIG_FILE_H

#include "cli/config_shape.h"
#include "cli/yaml_tree.h"

typedef struct config_file {
    const char      *path;           /* as shown to the user */
    const yaml_node *root;           /* NULL: the file is not there */
    bool             loose;          /* others than the owner can read it */
    const char      *literal_secret; /* path of a secret that is not a reference, or NULL */
    unsigned         literal_secret_line;
} config_file;

/* `shown` is the path for messages. FIRN_NOT_FOUND is not an error here: root is NULL then. */
FIRN_MUST_USE firn_status config_file_read(config_kind kind, const char *path, const char *shown, firn_arena *arena,
                                           config_file *ret_file, firn_error *err);
FIRN_MUST_USE firn_status config_file_parse(config_kind kind, firn_slice text, const char *shown, firn_arena *arena,
                                            config_file *ret_file, firn_error *err);

/* The entry of this name below the file's top key, or NULL. */
const yaml_node          *config_file_entry(const config_file *file, config_kind kind, const char *name);
/* The names of all entries, comma-separated; "" where there is none. */
FIRN_MUST_USE firn_status config_file_add_names(const config_file *file, config_kind kind, firn_buffer *out,
                                                firn_error *err);
/* The entry's name nearest to `name`, or NULL. */
const char               *config_file_nearest(const config_file *file, config_kind kind, const char *name);

#endif
