/*
 * Text that must never be printed: wiped on free, "***" when shown.
 */
#ifndef FIRN_BASE_SECRET_H
#define FIRN_BASE_SECRET_H

#include <stddef.h>

#include "base/attrs.h"

typedef struct firn_secret firn_secret;

FIRN_MUST_USE firn_secret *firn_secret_new(const char *text); /* NULL: no memory */
void                       firn_secret_free(firn_secret *secret);
/* For the call that needs it, never for printing. "" for NULL. */
const char *firn_secret_reveal(const firn_secret *secret);
/* Replaces each occurrence of any living secret (4 or more bytes) in `text` by ***, in place.
 * Server messages and log lines pass through it. */
void firn_secret_redact(char *text);
FIRN_DEFINE_FREEP(firn_secret, firn_secret_free)

#endif
