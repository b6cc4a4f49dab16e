#include "storage/faulty.h"

#include <stdatomic.h>

#include "base/alloc.h"

typedef struct faulty_storage {
    storage          base;
    storage         *inner;
    _Atomic uint64_t call_count;
    uint64_t         nth;
    faulty_effect    effect;
    firn_code        code;
    bool             for_ever;
    faulty_hook      hook;
    void            *hook_state;
} faulty_storage;

typedef struct faulty_sink {
    firn_sink       base;
    faulty_storage *owner;
    firn_sink      *inner;
    char           *location;
} faulty_sink;

static faulty_effect
count_call(faulty_storage *f, const char *call, const char *location)
{
    uint64_t nth = atomic_fetch_add(&f->call_count, 1) + 1;

    if (f->hook) f->hook(f->hook_state, nth, call, location);
    return f->nth != 0 && (nth == f->nth || (f->for_ever && nth > f->nth)) ? f->effect : FAULTY_NEVER;
}

static firn_status
fail_call(const faulty_storage *f, const char *call, const char *location, firn_error *err)
{
    return firn_fail(err, f->code, "injected failure of %s on '%s'", call, location);
}

/* `done` is what the inner storage does, evaluated only where the fault lets it. */
#define PASS_ON(f, call, location, err, done)                                             \
    do {                                                                                  \
        faulty_effect effect_ = count_call(f, call, location);                            \
        if (effect_ == FAULTY_BEFORE || effect_ == FAULTY_CUT) return fail_call(f, call, location, err); \
        FIRN_TRY(done);                                                                   \
        if (effect_ == FAULTY_AFTER) return fail_call(f, call, location, err);            \
        return FIRN_OK;                                                                   \
    } while (0)

static firn_status
write_sink(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    faulty_sink  *s = (faulty_sink *) sink;
    faulty_effect effect = count_call(s->owner, "write", s->location);

    if (effect == FAULTY_BEFORE) return fail_call(s->owner, "write", s->location, err);
    FIRN_TRY(firn_sink_write(s->inner, bytes, effect == FAULTY_CUT ? size / 2 : size, err));
    return effect == FAULTY_NEVER ? FIRN_OK : fail_call(s->owner, "write", s->location, err);
}

static firn_status
finish_sink(firn_sink *sink, firn_error *err)
{
    faulty_sink *s = (faulty_sink *) sink;

    PASS_ON(s->owner, "finish", s->location, err, firn_sink_finish(s->inner, err));
}

static void
abort_sink(firn_sink *sink)
{
    firn_sink_abort(((faulty_sink *) sink)->inner);
}

static void
free_sink(firn_sink *sink)
{
    faulty_sink *s = (faulty_sink *) sink;

    firn_sink_free(s->inner);
    firn_free(s->location);
    firn_free(s);
}

static const firn_sink_ops faulty_sink_ops = {write_sink, finish_sink, abort_sink, free_sink};

static firn_status
open_sink(storage *s, const char *location, firn_sink **ret_sink, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;
    FIRN_AUTO(firn_sink_freep) firn_sink *inner = NULL;

    if (count_call(f, "open_sink", location) != FAULTY_NEVER) return fail_call(f, "open_sink", location, err);
    FIRN_TRY(f->inner->ops->open_sink(f->inner, location, &inner, err));

    faulty_sink *sink = firn_calloc(1, sizeof *sink);
    char        *copy = firn_strdup(location);

    if (!sink || !copy) {
        firn_free(sink);
        firn_free(copy);
        return firn_fail_memory(err, "a sink");
    }
    *sink = (faulty_sink){{&faulty_sink_ops, 0}, f, FIRN_STEAL(inner), copy};
    *ret_sink = &sink->base;
    return FIRN_OK;
}

static firn_status
read_range(storage *s, const char *location, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;
    faulty_effect   effect = count_call(f, "read_range", location);

    if (effect == FAULTY_BEFORE) return fail_call(f, "read_range", location, err);
    FIRN_TRY(f->inner->ops->read_range(f->inner, location, offset, effect == FAULTY_CUT ? size / 2 : size, out, err));
    return effect == FAULTY_NEVER ? FIRN_OK : fail_call(f, "read_range", location, err);
}

static firn_status
stat_object(storage *s, const char *location, storage_object *ret_object, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "stat", location, err, f->inner->ops->stat(f->inner, location, ret_object, err));
}

static firn_status
list(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "list", prefix, err, f->inner->ops->list(f->inner, prefix, visit, state, err));
}

static firn_status
list_folders(storage *s, const char *prefix, storage_visit visit, void *state, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "list_folders", prefix, err, f->inner->ops->list_folders(f->inner, prefix, visit, state, err));
}

static firn_status
put_new(storage *s, const char *location, firn_slice bytes, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "put_new", location, err, f->inner->ops->put_new(f->inner, location, bytes, err));
}

static firn_status
put(storage *s, const char *location, firn_slice bytes, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "put", location, err, f->inner->ops->put(f->inner, location, bytes, err));
}

static firn_status
remove_object(storage *s, const char *location, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "remove", location, err, f->inner->ops->remove(f->inner, location, err));
}

static firn_status
remove_tree(storage *s, const char *prefix, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "remove_tree", prefix, err, f->inner->ops->remove_tree(f->inner, prefix, err));
}

static firn_status
adopt(storage *s, const char *location, uint64_t size_bytes, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "adopt", location, err, f->inner->ops->adopt(f->inner, location, size_bytes, err));
}

static firn_status
sync_storage(storage *s, firn_error *err)
{
    faulty_storage *f = (faulty_storage *) s;

    PASS_ON(f, "sync", "", err, storage_sync(f->inner, err));
}

static void
free_storage(storage *s)
{
    firn_free(s);
}

static const storage_ops faulty_ops = {
    .kind = "faulty",
    .open_sink = open_sink,
    .read_range = read_range,
    .stat = stat_object,
    .list = list,
    .list_folders = list_folders,
    .put_new = put_new,
    .put = put,
    .remove = remove_object,
    .remove_tree = remove_tree,
    .sync = sync_storage,
    .adopt = adopt,
    .free = free_storage,
};

firn_status
storage_faulty_new(storage *inner, storage **ret_storage, firn_error *err)
{
    faulty_storage *f = firn_calloc(1, sizeof *f);

    if (!f) return firn_fail_memory(err, "a storage");
    f->base.ops = &faulty_ops;
    f->inner = inner;
    *ret_storage = &f->base;
    return FIRN_OK;
}

void
storage_faulty_arm(storage *s, uint64_t nth, faulty_effect effect, firn_code code, bool for_ever)
{
    faulty_storage *f = (faulty_storage *) s;

    atomic_store(&f->call_count, 0);
    f->nth = nth;
    f->effect = effect;
    f->code = code;
    f->for_ever = for_ever;
}

void
storage_faulty_hook(storage *s, faulty_hook hook, void *state)
{
    ((faulty_storage *) s)->hook = hook;
    ((faulty_storage *) s)->hook_state = state;
}

uint64_t
storage_faulty_calls(const storage *s)
{
    return atomic_load(&((const faulty_storage *) s)->call_count);
}
