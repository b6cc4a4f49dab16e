/*
 * How one source table will lie in the lake: its place, what is there already, schema, partitions and order.
 */
#ifndef FIRN_LOAD_LOAD_LAYOUT_H
#define FIRN_LOAD_LOAD_LAYOUT_H

#include "load/load_table.h"

typedef struct load_layout {
    const load_table_config *config;
    table_ident              ident;
    firn_arena               arena; /* of the description and all below */
    const char              *location;
    table_metadata          *base; /* NULL: a new table */
    source_description      *description;
    table_schema            *schema; /* as it will be in the lake */
    uint32_t                 relation_id; /* of the source's table; 0: not known */
    const char              *places; /* of its columns in the source (column_places.h); NULL: not known */
    bool                     schema_changes;
    partition_spec           spec;
    sort_order               order;
} load_layout;

/* Everything else is for the two below to find. `table_name` is borrowed. */
load_layout load_layout_begin(const load_settings *settings, const char *table_name);
/* Also of one that was never begun. */
void load_layout_done(load_layout *layout);

/* What the lake has: base and location. A table that is not this source's is refused (load_check_owner). */
FIRN_MUST_USE firn_status load_layout_look(load_layout *layout, const load_context *ctx, firn_error *err);
/* The place of a table that is not there yet. */
FIRN_MUST_USE firn_status load_layout_place(load_layout *layout, const load_context *ctx, firn_error *err);
/* Whether the base has a load's rows. */
bool load_layout_is_loaded(const load_layout *layout);

/* Describes the table as the source has it and lays it over the base, or over the settings of a new one. The source
 * will give its rows in the order that the table declares. */
FIRN_MUST_USE firn_status load_layout_describe(load_layout *layout, const load_context *ctx, const source_table *table,
                                               firn_error *err);

#endif
