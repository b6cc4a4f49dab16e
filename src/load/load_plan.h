/*
 * Which tables a job takes, and in which order: biggest first.
 */
#ifndef FIRN_LOAD_LOAD_PLAN_H
#define FIRN_LOAD_LOAD_PLAN_H

#include "load/load_table.h"

typedef struct load_plan {
    unsigned             table_count;
    const source_table **tables;
} load_plan;

/* Lists the source's tables and keeps those that a filter names (all without one). Views, foreign tables and
 * other kinds are left out, and said so where a filter named them. FIRN_NOT_FOUND (LOAD_NOTHING_MATCHES). */
FIRN_MUST_USE firn_status load_plan_make(const load_context *ctx, firn_arena *arena, load_plan *ret_plan,
                                         firn_error *err);

bool load_filter_matches(const load_settings *settings, const char *table_name);

#endif
