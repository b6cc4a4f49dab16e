#include "load/load_layout.h"

#include "load/load_schema.h"
#include "source/column_places.h"

load_layout
load_layout_begin(const load_settings *settings, const char *table_name)
{
    return (load_layout){.config = load_config_of(settings, table_name),
                         .ident = {.namespace_levels = settings->namespace_levels,
                                   .level_count = settings->namespace_level_count,
                                   .name = table_name}};
}

void
load_layout_done(load_layout *layout)
{
    if (layout->description) schema_unref(layout->description->schema);
    table_metadata_unref(layout->base);
    schema_unref(layout->schema);
    firn_arena_done(&layout->arena);
    *layout = (load_layout){0};
}

firn_status
load_layout_place(load_layout *layout, const load_context *ctx, firn_error *err)
{
    return ctx->lake->ops->location(ctx->lake, &layout->ident, &layout->arena, &layout->location, err);
}

firn_status
load_layout_look(load_layout *layout, const load_context *ctx, firn_error *err)
{
    firn_status status = ctx->lake->ops->load(ctx->lake, &layout->ident, &layout->base, err);

    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return load_layout_place(layout, ctx, err);
    }
    if (status) return firn_while(err, "looking for '%s' in the lake", layout->ident.name);
    layout->location = layout->base->location;
    return load_check_owner(ctx, layout->ident.name, layout->base, err);
}

bool
load_layout_is_loaded(const load_layout *layout)
{
    return layout->base && table_metadata_property(layout->base, PROPERTY_LOAD_POSITION);
}

/* sort_by → the order in which the source shall give the rows. */
static firn_status
plan_order(load_layout *layout, source *src, firn_error *err)
{
    order_term *terms = firn_arena_array(&layout->arena, layout->order.field_count + 1, sizeof *terms);

    if (!layout->order.field_count) return FIRN_OK;
    if (!terms) return firn_fail_memory(err, "a sort order");
    for (unsigned i = 0; i < layout->order.field_count; i++) {
        const sort_field *field = &layout->order.fields[i];

        if (field->transform.kind != TRANSFORM_IDENTITY) {
            (void) firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "cannot sort by a transform of a column");
            firn_hint(err, "name plain columns in sort_by, as in sort_by: [CREATED, \"ID desc\"]");
            return err->status;
        }
        terms[i] = (order_term){.column = schema_field_by_id(layout->schema, field->source_id)->name,
                                .descending = field->descending,
                                .nulls_last = field->nulls_last};
    }
    if (!src->ops->set_order)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a %s source cannot give its rows in order", src->ops->kind);
    return src->ops->set_order(src, layout->description, terms, layout->order.field_count, err);
}

static firn_status
plan_layout(load_layout *layout, source *src, firn_error *err)
{
    if (layout->base) {
        bool same = false;

        FIRN_TRY(load_schema_adopt(layout->base, layout->description->schema, &layout->schema, &same, err));
        layout->schema_changes = !same;
        layout->spec = *table_metadata_default_spec(layout->base);
        layout->order = *table_metadata_default_sort_order(layout->base);
    } else {
        layout->schema = schema_ref(layout->description->schema);
        FIRN_TRY(partition_spec_of_settings(layout->config->partition_by, layout->config->partition_by_count,
                                            layout->schema, &layout->arena, &layout->spec, err));
        FIRN_TRY(sort_order_of_settings(layout->config->sort_by, layout->config->sort_by_count, layout->schema,
                                        &layout->arena, &layout->order, err));
    }
    return plan_order(layout, src, err);
}

firn_status
load_layout_describe(load_layout *layout, const load_context *ctx, const source_table *table, firn_error *err)
{
    source *src = ctx->src;

    FIRN_TRY(src->ops->describe(src, table, &layout->config->rules, &layout->arena, &layout->description, err));
    FIRN_TRY(plan_layout(layout, src, err));
    if (!layout->description->origins) return FIRN_OK;
    layout->relation_id = layout->description->relation_id;
    layout->places = column_places_of(layout->schema, layout->description->origins, &layout->arena);
    return layout->places ? FIRN_OK : firn_fail_memory(err, "a table's columns");
}
