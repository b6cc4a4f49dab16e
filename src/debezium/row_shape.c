#include "debezium/row_shape.h"

#include "base/alloc.h"

/* ---- life ---- */

static firn_slice
copy(uint8_t **at, firn_slice text)
{
    uint8_t *start = *at;

    if (text.size) memcpy(start, text.data, text.size);
    *at += text.size;
    return firn_slice_of(start, text.size);
}

/* One allocation. */
firn_status
dbz_row_shape_new(const dbz_row_shape *like, dbz_relation *relation, const unavailable_forms *unavailable, dbz_row_shape **ret_shape,
                  firn_error *err)
{
    static uint64_t last_id;
    dbz_row_shape  *shape = firn_alloc(sizeof *shape + like->key_schema.size + like->value_schema.size + like->key_members.size);

    if (!shape) return firn_fail_memory(err, "a table's description");
    uint8_t *at = (uint8_t *) (shape + 1);
    *shape = *like;
    shape->unavailable = *unavailable;
    shape->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    shape->ref_count = 1;
    shape->relation = relation;
    (void) change_relation_ref(&relation->base);
    for (unsigned i = 0; i < unavailable->count; i++) /* its texts lie in itself */
        shape->unavailable.texts[i].data = shape->unavailable.memory + (unavailable->texts[i].data - unavailable->memory);
    shape->key_schema = copy(&at, like->key_schema);
    shape->value_schema = copy(&at, like->value_schema);
    shape->key_members = copy(&at, like->key_members);
    *ret_shape = shape;
    return FIRN_OK;
}

dbz_row_shape *
dbz_row_shape_ref(dbz_row_shape *shape)
{
    __atomic_add_fetch(&shape->ref_count, 1, __ATOMIC_RELAXED);
    return shape;
}

void
dbz_row_shape_unref(dbz_row_shape *shape)
{
    if (!shape || __atomic_sub_fetch(&shape->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    change_relation_unref(&shape->relation->base);
    firn_free(shape);
}

/* ---- keys ---- */

bool
dbz_key_has_members(firn_slice key, firn_slice members)
{
    jscan          s = jscan_of(key);
    jtoken         name, value;
    const uint8_t *at = members.data, *end;

    if (!key.data || !members.size) return !key.data && !members.size;
    end = at + members.size;
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return false;
    while (jscan_member(&s, &name)) {
        if (!jscan_value(&s, &value)) return false;
        if (dbz_is_routed_member(name.text)) continue;
        size_t size = name.text.size;
        if (name.has_escape || (size_t) (end - at) <= size || memcmp(at, name.text.data, size) != 0 || at[size]) return false;
        at += size + 1;
    }
    return at == end;
}

/* ---- changes ---- */

static bool
write_row(const dbz_row_shape *shape, const dbz_event *event, firn_slice row, bool keys_only, uint8_t **at, change_tuple *ret_tuple)
{
    const tuple_writing w = {.relation = shape->relation,
                             .unavailable = event->kind == DBZ_READ ? NULL : &shape->unavailable,
                             .is_flattened = event->is_flattened,
                             .keys_only = keys_only};

    return tuple_write(&w, row, at, ret_tuple) == TUPLE_FITS;
}

static bool
write_old(const dbz_row_shape *shape, const dbz_event *event, bool is_keyed, uint8_t **at, change *c)
{
    const tuple_writing key = {.relation = shape->relation};

    c->old_is_key = is_keyed || !event->before.data;
    if (event->before.data) return write_row(shape, event, event->before, is_keyed, at, &c->old);
    return tuple_write_key(&key, event->key, at, &c->old) == TUPLE_FITS;
}

/* What is rare is left to the table. */
static bool
write_tuples(const dbz_row_shape *shape, const dbz_event *event, uint8_t *at, change *c)
{
    bool is_keyed = shape->has_key_setting || event->key.data;

    if (event->kind == DBZ_DELETE) {
        c->op = CHANGE_DELETE;
        return write_old(shape, event, is_keyed, &at, c);
    }
    if (event->kind != DBZ_CREATE && event->kind != DBZ_READ && event->kind != DBZ_UPDATE) return false;
    c->op = event->kind == DBZ_UPDATE ? CHANGE_UPDATE : CHANGE_INSERT;
    c->may_exist = event->kind == DBZ_READ;
    if (!write_row(shape, event, event->after, false, &at, &c->new)) return false;
    return event->kind != DBZ_UPDATE || is_keyed || !event->before.data || write_old(shape, event, is_keyed, &at, c);
}

size_t
dbz_row_shape_room(const dbz_row_shape *shape, const dbz_event *event)
{
    return dbz_event_room(event, shape->relation->base.column_count);
}

bool
dbz_row_shape_change(const dbz_row_shape *shape, const dbz_event *event, uint8_t *room, change *ret_change)
{
    *ret_change = (change){.relation = &shape->relation->base};
    if (event->avro_value || !firn_slice_equal(event->value_schema, shape->value_schema)) return false;
    if (event->key_schema.data && !firn_slice_equal(event->key_schema, shape->key_schema)) return false;
    if (!shape->has_key_setting && !dbz_key_has_members(event->key, shape->key_members)) return false;
    return write_tuples(shape, event, room, ret_change);
}
