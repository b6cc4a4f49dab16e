/*
 * The texts that `firn init` writes. A test loads each YAML template, as it stands and with its comments opened.
 */
#ifndef FIRN_CLI_INIT_TEMPLATE_H
#define FIRN_CLI_INIT_TEMPLATE_H

typedef struct init_template {
    const char *path; /* below the project */
    unsigned    mode;
    const char *text;
} init_template;

/* Ends with a NULL path. */
const init_template *init_template_table(void);
/* The block of .gitignore, between its marks. */
const char          *init_template_gitignore(void);
#define INIT_GITIGNORE_BEGIN "# >>> firn"
#define INIT_GITIGNORE_END "# <<< firn"

#endif
