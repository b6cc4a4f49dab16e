/*
 * The names that firn gives to things in the source database: one function, so that load, the connector's
 * configuration and `firn check` cannot disagree.
 */
#ifndef FIRN_SOURCE_SOURCE_NAMES_H
#define FIRN_SOURCE_SOURCE_NAMES_H

#include "base/attrs.h"

#define SOURCE_NAME_SIZE 64 /* PostgreSQL's NAMEDATALEN, with NUL */

/* Slot and publication of a source: firn_<source>, ASCII letters made small, anything but [a-z0-9_] made '_'. A name
 * that had to be cut, or in which something other than case was replaced, ends in _ and 8 hexadecimal digits of the
 * source's name, so that two sources never share a slot. */
void source_slot_name(const char *source, char out[SOURCE_NAME_SIZE]);
void source_publication_name(const char *source, char out[SOURCE_NAME_SIZE]);

#endif
