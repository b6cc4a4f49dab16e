#include "debezium/relation.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "debezium/avro_shape.h"
#include "debezium/form_json.h"
#include "debezium/row_shape.h"

#define NAMES_SIZE_MAX ((size_t) 1 << 24)
#define SCHEMA_SIZE_MAX ((size_t) 1 << 26)
#define SCHEMA_ARENA_SIZE_MAX ((size_t) 1 << 28)
#define ROOM_SLACK 64

struct dbz_table {
    char             *schema, *name;
    uint32_t          id;
    char            **key; /* NULL: the record's */
    unsigned          key_count;
    unavailable_forms unavailable;
    avro_shape       *avro; /* of the newest schemas; NULL: JSON */
    char             *unavailable_text;
    dbz_relation     *relation; /* the newest */
    dbz_row_shape    *row_shape; /* NULL: to be made of what is known now */
    firn_buffer       key_schema, value_schema;
    firn_buffer       key_members; /* of the record's key when the relation was made: names with a NUL behind each */
};

/* ---- life ---- */

firn_status
dbz_table_new(const dbz_table_settings *settings, dbz_table **ret_table, firn_error *err)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *t = firn_calloc(1, sizeof *t);
    if (!t) return firn_fail_memory(err, "a table of events");
    firn_buffer_init(&t->key_schema, SCHEMA_SIZE_MAX);
    firn_buffer_init(&t->value_schema, SCHEMA_SIZE_MAX);
    firn_buffer_init(&t->key_members, NAMES_SIZE_MAX);
    t->id = settings->id;
    t->schema = firn_strdup(settings->schema);
    t->name = firn_strdup(settings->name);
    t->key = settings->key_count ? firn_calloc(settings->key_count, sizeof *t->key) : NULL;
    if (!t->schema || !t->name || (settings->key_count && !t->key)) return firn_fail_memory(err, "a table of events");
    for (; t->key_count < settings->key_count; t->key_count++) {
        t->key[t->key_count] = firn_strdup(settings->key[t->key_count]);
        if (!t->key[t->key_count]) return firn_fail_memory(err, "a table of events");
    }
    FIRN_TRY(unavailable_forms_init(&t->unavailable, settings->unavailable, err));
    t->unavailable_text = firn_strdup(settings->unavailable ? settings->unavailable : "__debezium_unavailable_value");
    if (!t->unavailable_text) return firn_fail_memory(err, "a table of events");
    *ret_table = FIRN_STEAL(t);
    return FIRN_OK;
}

void
dbz_table_free(dbz_table *t)
{
    if (!t) return;
    if (t->relation) change_relation_unref(&t->relation->base);
    dbz_row_shape_unref(t->row_shape);
    for (unsigned i = 0; i < t->key_count; i++) firn_free(t->key[i]);
    firn_free(t->key);
    firn_free(t->schema);
    firn_free(t->name);
    firn_free(t->unavailable_text);
    avro_shape_free(t->avro);
    firn_buffer_done(&t->key_schema);
    firn_buffer_done(&t->value_schema);
    firn_buffer_done(&t->key_members);
    firn_free(t);
}

dbz_relation *
dbz_table_relation(const dbz_table *table)
{
    return table->relation;
}

firn_slice
dbz_table_key_schema(const dbz_table *table)
{
    return firn_buffer_slice(&table->key_schema);
}

firn_slice
dbz_table_value_schema(const dbz_table *table)
{
    return firn_buffer_slice(&table->value_schema);
}

firn_status
dbz_table_shape(dbz_table *t, dbz_row_shape **ret_shape, firn_error *err)
{
    *ret_shape = t->row_shape;
    if (t->row_shape || !t->relation || t->relation->is_avro) return FIRN_OK;
    const dbz_row_shape like = {.has_key_setting = t->key != NULL,
                                .key_schema = firn_buffer_slice(&t->key_schema),
                                .value_schema = firn_buffer_slice(&t->value_schema),
                                .key_members = firn_buffer_slice(&t->key_members)};
    FIRN_TRY(dbz_row_shape_new(&like, t->relation, &t->unavailable, &t->row_shape, err));
    *ret_shape = t->row_shape;
    return FIRN_OK;
}

uint64_t
dbz_table_shape_id(const dbz_table *table)
{
    return table->row_shape ? table->row_shape->id : 0;
}

/* ---- shapes ---- */

/* What a relation is made of: raw names one after the other in `members`, mended ones with NULs in `names`. */
typedef struct shape {
    firn_arena     arena;
    firn_buffer    names;
    unsigned       count;
    schema_column *columns; /* text: size 0 where schemas are off */
} shape;

static void
shape_done(shape *s)
{
    firn_arena_done(&s->arena);
    firn_buffer_done(&s->names);
}

static firn_status
fail_row(const dbz_table *t, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "a row of '%s.%s' %s", t->schema, t->name, what);
}

static firn_status
shape_from_row(const dbz_table *t, firn_slice row, bool is_flattened, shape *s, firn_error *err)
{
    unsigned count = 0;
    for (int pass = 0; pass < 2; pass++) {
        jscan  scan = jscan_of(row);
        jtoken name, value;
        if (pass) {
            if (count > CHANGE_COLUMNS_MAX) return fail_row(t, "has more columns than any table", err);
            s->columns = firn_arena_array(&s->arena, count ? count : 1, sizeof *s->columns);
            if (!s->columns) return firn_fail_memory(err, "a table's columns");
            s->count = count;
            count = 0;
        }
        if (!jscan_enter(&scan, JTOKEN_OBJECT)) return fail_row(t, "is no object", err);
        while (jscan_member(&scan, &name)) {
            if (!jscan_value(&scan, &value)) return fail_row(t, "is broken", err);
            if (is_flattened && dbz_is_flattened_member(&name)) continue;
            if (pass) s->columns[count].name = name;
            count++;
        }
    }
    return FIRN_OK;
}

static firn_status
add_names(const dbz_table *t, shape *s, firn_error *err)
{
    firn_buffer_init(&s->names, NAMES_SIZE_MAX);
    for (unsigned i = 0; i < s->count; i++) {
        size_t start = s->names.size;
        FIRN_TRY(dbz_name_add(&s->columns[i].name, &s->names, err));
        if (s->names.size > start && memchr(s->names.data + start, 0, s->names.size - start))
            return fail_row(t, "has a column whose name has a zero byte", err);
        FIRN_TRY(firn_buffer_add_byte(&s->names, 0, err));
    }
    return FIRN_OK;
}

/* Whether a column is in the key: by the configured names, else by the members of the record's key. */
static bool
is_key_name(const dbz_table *t, const char *name)
{
    const char *at = (const char *) t->key_members.data, *end = at ? at + t->key_members.size : at;
    if (t->key) {
        for (unsigned i = 0; i < t->key_count; i++)
            if (strcmp(t->key[i], name) == 0) return true;
        return false;
    }
    for (; at < end; at += strlen(at) + 1)
        if (strcmp(at, name) == 0) return true;
    return false;
}

/* One allocation: the relation, both kinds of columns, their texts. */
static firn_status
make_relation(const dbz_table *t, const dbz_event *event, const shape *s, dbz_relation **ret_relation, firn_error *err)
{
    size_t size = sizeof(dbz_relation) + s->count * (sizeof(change_column) + sizeof(dbz_column)) + s->names.size +
                  strlen(t->schema) + strlen(t->name) + 2;
    for (unsigned i = 0; i < s->count; i++) size += s->columns[i].name.text.size + s->columns[i].text.size;
    dbz_relation *made = firn_calloc(1, size);
    if (!made) return firn_fail_memory(err, "a table's description");

    change_column *columns = (change_column *) (void *) (made + 1);
    dbz_column    *members = (dbz_column *) (void *) (columns + s->count);
    char          *text = (char *) (members + s->count);
    const char    *name = (const char *) s->names.data;
    bool           has_key = t->key_count || t->key_members.size;
    made->connector = event->source.connector;
    made->is_avro = event->avro_value != NULL;
    made->columns = members;
    made->base = (change_relation){.id = t->id, .ref_count = 1, .columns = columns, .column_count = s->count};
    made->base.identity = has_key ? IDENTITY_DEFAULT : IDENTITY_FULL;
    made->base.schema = text;
    text = (char *) memcpy(text, t->schema, strlen(t->schema) + 1) + strlen(t->schema) + 1;
    made->base.name = text;
    text = (char *) memcpy(text, t->name, strlen(t->name) + 1) + strlen(t->name) + 1;
    for (unsigned i = 0; i < s->count; i++) {
        size_t     name_size = strlen(name);
        firn_slice raw = s->columns[i].name.text, schema = s->columns[i].text;
        uint64_t   hash = schema.size ? firn_hash_bytes(schema.data, schema.size) : 0;
        memcpy(text, name, name_size + 1);
        columns[i] = (change_column){text, (uint32_t) hash, (int32_t) (hash >> 32), !has_key || is_key_name(t, name)};
        text += name_size + 1;
        if (raw.size) memcpy(text, raw.data, raw.size);
        members[i].member = firn_slice_of(text, raw.size);
        text += raw.size;
        if (schema.size) memcpy(text, schema.data, schema.size);
        members[i].schema = firn_slice_of(text, schema.size);
        text += schema.size;
        made->base.key_count += columns[i].is_key;
        name += name_size + 1;
    }
    *ret_relation = made;
    return FIRN_OK;
}

static bool
is_same(const dbz_relation *a, const dbz_relation *b)
{
    if (a->base.identity != b->base.identity || a->base.column_count != b->base.column_count || a->connector != b->connector || a->is_avro != b->is_avro) return false;
    for (unsigned i = 0; i < a->base.column_count; i++) {
        const change_column *x = &a->base.columns[i], *y = &b->base.columns[i];
        if (strcmp(x->name, y->name) != 0 || x->is_key != y->is_key || !firn_slice_equal(a->columns[i].schema, b->columns[i].schema) ||
            !firn_slice_equal(a->columns[i].member, b->columns[i].member))
            return false;
    }
    return true;
}

static void
forget_shape(dbz_table *t)
{
    dbz_row_shape_unref(t->row_shape);
    t->row_shape = NULL;
}

static firn_status
replace_schema(dbz_table *t, firn_buffer *buffer, firn_slice text, firn_error *err)
{
    forget_shape(t);
    firn_buffer_reset(buffer);
    return text.size ? firn_buffer_add(buffer, text.data, text.size, err) : FIRN_OK;
}

/* ---- keys ---- */

static firn_status
list_key(firn_slice key, firn_buffer *out, firn_error *err)
{
    jscan  s = jscan_of(key);
    jtoken name, value;
    firn_buffer_reset(out);
    if (!key.data || !jscan_enter(&s, JTOKEN_OBJECT)) return FIRN_OK;
    while (jscan_member(&s, &name)) {
        if (!jscan_value(&s, &value)) break;
        if (dbz_is_routed_member(name.text)) continue;
        FIRN_TRY(dbz_name_add(&name, out, err));
        FIRN_TRY(firn_buffer_add_byte(out, 0, err));
    }
    return FIRN_OK;
}

/* Whether the record's key still has the members that the relation was made with; names with escapes are listed anew. */
static bool
is_known_key(const dbz_table *t, firn_slice key)
{
    return t->key || dbz_key_has_members(key, firn_buffer_slice(&t->key_members));
}

firn_status
dbz_key_columns(const dbz_event *event, firn_arena *arena, const char *const **ret_names, unsigned *ret_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer list = {0};
    unsigned count = 0;
    firn_buffer_init(&list, NAMES_SIZE_MAX);
    FIRN_TRY(event->avro_key ? avro_key_names(event->avro_key, &list, err) : list_key(event->key, &list, err));
    for (size_t i = 0; i < list.size; i++) count += list.data[i] == 0;
    const char **names = firn_arena_array(arena, count ? count : 1, sizeof *names);
    char        *text = firn_arena_alloc(arena, list.size + 1);
    if (!names || !text) return firn_fail_memory(err, "the names of a key");
    if (list.size) memcpy(text, list.data, list.size);
    for (unsigned i = 0; i < count; i++, text += strlen(text) + 1) names[i] = text;
    *ret_names = names;
    *ret_count = count;
    return FIRN_OK;
}

/* ---- the newest shape ---- */

static firn_status
fill_shape(dbz_table *t, const dbz_event *event, firn_slice row, shape *s, firn_error *err)
{
    if (event->avro_value)
        FIRN_TRY(avro_shape_columns(event->avro_value, &s->arena, &s->columns, &s->count, err));
    else if (event->value_schema.data)
        FIRN_TRY(form_json_columns(event->value_schema, event->is_flattened, &s->arena, &s->columns, &s->count, err));
    else
        FIRN_TRY(shape_from_row(t, row, event->is_flattened, s, err));
    FIRN_TRY(add_names(t, s, err));
    return event->avro_key ? avro_key_names(event->avro_key, &t->key_members, err) : list_key(event->key, &t->key_members, err);
}

static firn_status
check_key(const dbz_table *t, const dbz_relation *made, firn_error *err)
{
    unsigned wanted = t->key_count;
    for (size_t i = 0; !t->key && i < t->key_members.size; i++) wanted += t->key_members.data[i] == 0;
    if (!wanted || made->base.key_count == wanted) return FIRN_OK;
    return fail_row(t, "lacks columns of its key", err);
}

static firn_status
renew_relation(dbz_table *t, const dbz_event *event, firn_slice row, firn_error *err)
{
    FIRN_AUTO(shape_done) shape s = {0};
    dbz_relation *made;
    forget_shape(t);
    firn_arena_init(&s.arena, SCHEMA_ARENA_SIZE_MAX);
    FIRN_TRY(fill_shape(t, event, row, &s, err));
    FIRN_TRY(make_relation(t, event, &s, &made, err));
    if (check_key(t, made, err)) {
        change_relation_unref(&made->base);
        return err->status;
    }
    if (event->avro_value && avro_shape_renew(&t->avro, event, &made->base, t->unavailable_text, err)) {
        change_relation_unref(&made->base);
        return err->status;
    }
    if (t->relation && is_same(t->relation, made)) {
        change_relation_unref(&made->base);
        return FIRN_OK;
    }
    if (t->relation) change_relation_unref(&t->relation->base);
    t->relation = made;
    return FIRN_OK;
}

/* A schema block that is not the one before may describe the same columns. */
static firn_status
take_schemas(dbz_table *t, const dbz_event *event, bool *ret_is_known, firn_error *err)
{
    if (event->key_schema.data && !firn_slice_equal(event->key_schema, firn_buffer_slice(&t->key_schema)))
        FIRN_TRY(replace_schema(t, &t->key_schema, event->key_schema, err));
    *ret_is_known = firn_slice_equal(event->value_schema, firn_buffer_slice(&t->value_schema));
    return *ret_is_known ? FIRN_OK : replace_schema(t, &t->value_schema, event->value_schema, err);
}

/* ---- changes ---- */

size_t
dbz_event_room(const dbz_event *event, unsigned column_count)
{
    return event->before.size + event->after.size + event->key.size + 2 * column_count + ROOM_SLACK;
}

size_t
dbz_table_room(const dbz_table *table, const dbz_event *event)
{
    return event->avro_value ? avro_shape_room(event) : dbz_event_room(event, table->relation ? table->relation->base.column_count : 0);
}

static firn_status
write_row(dbz_table *t, const dbz_event *event, firn_slice row, bool keys_only, uint8_t **at, change_tuple *ret_tuple, firn_error *err)
{
    tuple_writing w = {
        .unavailable = event->kind == DBZ_READ ? NULL : &t->unavailable,
        .is_flattened = event->is_flattened,
        .keys_only = keys_only,
    };
    if (event->avro_value) {
        if (!avro_shape_fits(t->avro, event)) FIRN_TRY(renew_relation(t, event, row, err));
        return avro_shape_row(t->avro, event, row, keys_only, at, ret_tuple, err);
    }
    for (int attempt = 0; attempt < 2; attempt++) {
        w.relation = t->relation;
        tuple_fit fit = t->relation ? tuple_write(&w, row, at, ret_tuple) : TUPLE_OTHER_SHAPE;
        if (FIRN_LIKELY(fit == TUPLE_FITS)) return FIRN_OK;
        if (fit == TUPLE_BROKEN) return fail_row(t, "is broken", err);
        FIRN_TRY(renew_relation(t, event, row, err));
    }
    return fail_row(t, "does not have the columns of its schema block", err);
}

static firn_status
write_key(dbz_table *t, const dbz_event *event, uint8_t **at, change_tuple *ret_tuple, firn_error *err)
{
    tuple_writing w = {.relation = t->relation};
    if (event->avro_value) {
        if (!avro_shape_fits(t->avro, event)) FIRN_TRY(renew_relation(t, event, (firn_slice){0}, err));
        return avro_shape_key(t->avro, event, at, ret_tuple, err);
    }
    if (!t->relation && event->value_schema.data) FIRN_TRY(renew_relation(t, event, (firn_slice){0}, err));
    w.relation = t->relation;
    if (!w.relation) return fail_row(t, "was deleted before any row has shown the columns", err);
    if (tuple_write_key(&w, event->key, at, ret_tuple) != TUPLE_FITS) return fail_row(t, "was deleted by a key of other columns", err);
    return FIRN_OK;
}

static firn_status
write_old(dbz_table *t, const dbz_event *event, uint8_t **at, change *c, firn_error *err)
{
    if (!event->before.data) {
        c->old_is_key = true;
        return write_key(t, event, at, &c->old, err);
    }
    c->old_is_key = t->key_count || event->key.data;
    return write_row(t, event, event->before, c->old_is_key, at, &c->old, err);
}

static firn_status
write_tuples(dbz_table *t, const dbz_event *event, uint8_t *at, change *c, firn_error *err)
{
    switch (event->kind) {
    case DBZ_CREATE:
    case DBZ_READ:
        c->op = CHANGE_INSERT;
        c->may_exist = event->kind == DBZ_READ;
        return write_row(t, event, event->after, false, &at, &c->new, err);
    case DBZ_UPDATE:
        c->op = CHANGE_UPDATE;
        FIRN_TRY(write_row(t, event, event->after, false, &at, &c->new, err));
        if (t->key_count || event->key.data || !event->before.data) return FIRN_OK;
        return write_old(t, event, &at, c, err);
    case DBZ_DELETE:
        c->op = CHANGE_DELETE;
        return write_old(t, event, &at, c, err);
    case DBZ_TRUNCATE:
        c->op = CHANGE_TRUNCATE;
        if (t->relation || (!event->value_schema.data && !event->avro_value)) return FIRN_OK;
        return renew_relation(t, event, (firn_slice){0}, err);
    case DBZ_MESSAGE:
    case DBZ_TOMBSTONE:
    case DBZ_HEARTBEAT:
    case DBZ_TRANSACTION_BEGIN:
    case DBZ_TRANSACTION_END:
    case DBZ_SCHEMA_CHANGE:
        break;
    }
    return firn_fail(err, FIRN_E_BUG, "an event of '%s.%s' is no change of a row", t->schema, t->name);
}

firn_status
dbz_table_change(dbz_table *table, const dbz_event *event, uint8_t *room, change *ret_change, firn_error *err)
{
    bool       is_known;
    firn_slice row = event->after.data ? event->after : event->before;
    *ret_change = (change){0};
    if (event->avro_value) { /* schemas are known by their plans */
        FIRN_TRY(write_tuples(table, event, room, ret_change, err));
        ret_change->relation = table->relation ? &table->relation->base : NULL;
        return FIRN_OK;
    }
    FIRN_TRY(take_schemas(table, event, &is_known, err));
    /* A truncate has no key, which says nothing of the table's. */
    if (row.data && table->relation && FIRN_UNLIKELY(!is_known || !is_known_key(table, event->key)))
        FIRN_TRY(renew_relation(table, event, row, err));
    FIRN_TRY(write_tuples(table, event, room, ret_change, err));
    if (ret_change->old.bytes.data && ret_change->new.bytes.data && ret_change->old.column_count != ret_change->new.column_count)
        return fail_row(table, "has other columns before than after", err);
    ret_change->relation = table->relation ? &table->relation->base : NULL;
    return FIRN_OK;
}
