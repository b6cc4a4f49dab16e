#include "change/relation_cache.h"

#include "base/alloc.h"
#include "base/hash.h"

#define CAPACITY_FIRST 64

void
relation_cache_done(relation_cache *cache)
{
    for (uint32_t i = 0; i < cache->capacity; i++) change_relation_unref(cache->entries[i].newest);
    firn_free(cache->entries);
    *cache = (relation_cache){0};
}

/* The entry of `id`, or the free place for it. */
static relation_entry *
place_of(const relation_cache *cache, uint32_t id)
{
    uint32_t mask = cache->capacity - 1;
    uint32_t at = (uint32_t) firn_hash_u64(id) & mask;
    while (cache->entries[at].newest && cache->entries[at].newest->id != id) at = (at + 1) & mask;
    return &cache->entries[at];
}

relation_entry *
relation_cache_search(relation_cache *cache, uint32_t id)
{
    if (!cache->capacity) return NULL;
    relation_entry *entry = place_of(cache, id);
    if (!entry->newest) return NULL;
    return cache->last = entry;
}

static firn_status
make_room(relation_cache *cache, firn_error *err)
{
    if (2 * (cache->count + 1) <= cache->capacity) return FIRN_OK;
    if (cache->count >= RELATION_CACHE_COUNT_MAX)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the stream describes more than %u tables", RELATION_CACHE_COUNT_MAX);
    relation_cache grown = {.capacity = cache->capacity ? 2 * cache->capacity : CAPACITY_FIRST, .count = cache->count};
    grown.entries = firn_calloc(grown.capacity, sizeof *grown.entries);
    if (!grown.entries) return firn_fail_memory(err, "the tables of a stream");
    for (uint32_t i = 0; i < cache->capacity; i++)
        if (cache->entries[i].newest) *place_of(&grown, cache->entries[i].newest->id) = cache->entries[i];
    firn_free(cache->entries);
    *cache = grown;
    return FIRN_OK;
}

static const char *
copy_text(char **at, firn_slice text)
{
    char *start = *at;
    if (text.size) memcpy(start, text.data, text.size);
    start[text.size] = 0;
    *at += text.size + 1;
    return start;
}

/* One allocation: the struct, its columns, their names. */
static firn_status
make_relation(const pgoutput_relation *source, change_relation **ret_relation, firn_error *err)
{
    firn_slice schema = source->schema.size ? source->schema : firn_slice_text("pg_catalog");
    /* A name takes less than what it and its column took in the message. */
    size_t size = sizeof(change_relation) + source->column_count * sizeof(change_column) + source->columns.size +
                  schema.size + source->name.size + 2;
    change_relation *relation = firn_calloc(1, size);
    if (!relation) return firn_fail_memory(err, "a table's description");

    change_column *columns = (change_column *) (void *) (relation + 1);
    char          *text = (char *) (columns + source->column_count);
    relation->ref_count = 1;
    relation->id = source->id;
    relation->identity = source->identity;
    relation->schema = copy_text(&text, schema);
    relation->name = copy_text(&text, source->name);
    firn_slice      rest = source->columns;
    pgoutput_column column;
    for (unsigned i = 0; i < source->column_count && pgoutput_column_next(&rest, &column); i++) {
        columns[i] = (change_column){copy_text(&text, column.name), column.type_oid, column.typmod, column.is_key};
        relation->key_count += column.is_key;
        relation->column_count++;
    }
    relation->columns = columns;
    *ret_relation = relation;
    return FIRN_OK;
}

static bool
is_same(const change_relation *a, const change_relation *b)
{
    if (strcmp(a->schema, b->schema) != 0 || strcmp(a->name, b->name) != 0 || a->identity != b->identity ||
        a->column_count != b->column_count)
        return false;
    for (unsigned i = 0; i < a->column_count; i++) {
        const change_column *x = &a->columns[i], *y = &b->columns[i];
        if (strcmp(x->name, y->name) != 0 || x->type_oid != y->type_oid || x->typmod != y->typmod || x->is_key != y->is_key)
            return false;
    }
    return true;
}

firn_status
relation_cache_put(relation_cache *cache, const pgoutput_relation *relation, firn_error *err)
{
    change_relation *made;
    cache->last = NULL;
    FIRN_TRY(make_room(cache, err));
    FIRN_TRY(make_relation(relation, &made, err));
    relation_entry *entry = place_of(cache, relation->id);
    if (entry->newest && is_same(entry->newest, made)) {
        change_relation_unref(made);
        entry->newest->repeat_count++;
        return FIRN_OK;
    }
    if (!entry->newest) cache->count++;
    change_relation_unref(entry->newest);
    *entry = (relation_entry){.newest = made};
    return FIRN_OK;
}
