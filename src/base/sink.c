#include "base/sink.h"

#include "base/alloc.h"

typedef struct memory_sink {
    firn_sink    sink;
    firn_buffer *out;         /* borrowed */
    size_t       size_before; /* what abort goes back to */
} memory_sink;

static firn_status
memory_write(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    return firn_buffer_add(((memory_sink *) sink)->out, bytes, size, err);
}

static firn_status
memory_finish(firn_sink *sink, firn_error *err)
{
    (void) sink;
    (void) err;
    return FIRN_OK;
}

static void
memory_abort(firn_sink *sink)
{
    ((memory_sink *) sink)->out->size = ((memory_sink *) sink)->size_before;
}

static void
memory_free(firn_sink *sink)
{
    firn_free(sink);
}

firn_sink *
firn_sink_memory_new(firn_buffer *out)
{
    static const firn_sink_ops ops = {memory_write, memory_finish, memory_abort, memory_free};
    memory_sink               *memory = firn_calloc(1, sizeof *memory);

    if (!memory) return NULL;
    memory->sink.ops = &ops;
    memory->out = out;
    memory->size_before = out->size;
    return &memory->sink;
}
