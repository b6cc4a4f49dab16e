#include "follow/table_create.h"

#include "catalog/commit.h"
#include "follow/source_wait.h"

/* Nothing of it was loaded: every change counts. */
#define NO_LOAD "0/0"

static firn_status
create(const follow_context *ctx, const table_ident *ident, const follow_table_config *config, const source_description *described,
       const char *identity, firn_arena *arena, firn_error *err)
{
    const follow_settings *s = ctx->settings;
    const char            *origin = firn_arena_printf(arena, "%s.%s", s->schema_name, ident->name);
    const table_property   properties[] = {{PROPERTY_SOURCE_TABLE, origin},
                                           {PROPERTY_SOURCE_IDENTITY, identity},
                                           {PROPERTY_LOAD_POSITION, NO_LOAD},
                                           {PROPERTY_POSITION_EXACT, "true"},
                                           {PROPERTY_FOLLOWED_LOAD, NO_LOAD},
                                           {PROPERTY_FOLLOW_STATE, FOLLOW_STATE_FOLLOWING}};
    table_change           change = {.schema = described->schema,
                                     .format_version = config->format_version,
                                     .partition_by = config->partition_by,
                                     .partition_by_count = config->partition_by_count,
                                     .sort_by = config->sort_by,
                                     .sort_by_count = config->sort_by_count,
                                     .properties = properties,
                                     .property_count = FIRN_COUNT(properties)};

    if (!origin) return firn_fail_memory(err, "a table");
    return catalog_commit_change(ctx->lake, ident, NULL, &change, ctx->cancel, NULL, err);
}

firn_status
table_create(const follow_context *ctx, change_stream *stream, change_relation *relation, firn_error *err)
{
    const follow_settings     *s = ctx->settings;
    const follow_table_config *config = follow_config_of(s, relation->name);
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    source_description        *described = NULL;
    table_ident ident = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count, .name = relation->name};

    source_wait wait = source_wait_of(ctx, relation->name);
    firn_status status;
    do {
        status = stream->ops->describe(stream, relation, NULL, &config->rules, &arena, &described, NULL, err);
    } while (source_wait_again(&wait, err));
    if (!status) status = create(ctx, &ident, config, described, stream->identity.text, &arena, err);
    if (described) schema_unref(described->schema);
    if (status) return firn_while(err, "making table '%s', whose first change has come", relation->name);
    follow_tell(ctx, FOLLOW_EVENT_NOTE, relation->name, "was made from its first change in Kafka: it was never loaded", NULL);
    return FIRN_OK;
}
