/*
 * Where bytes go: a file in a storage, or memory. Call order: write* then finish | abort, then free.
 * Nothing is visible to readers before finish. A failed write leaves the sink only abort and free.
 */
#ifndef FIRN_BASE_SINK_H
#define FIRN_BASE_SINK_H

#include "base/buffer.h"

typedef struct firn_sink firn_sink;

typedef struct firn_sink_ops {
    firn_status (*write)(firn_sink *sink, const void *bytes, size_t size, firn_error *err);
    /* Durable and visible afterwards. */
    firn_status (*finish)(firn_sink *sink, firn_error *err);
    /* Leaves nothing behind. */
    void (*abort)(firn_sink *sink);
    void (*free)(firn_sink *sink);
} firn_sink_ops;

struct firn_sink {
    const firn_sink_ops *ops;
    uint64_t             written_bytes; /* kept by firn_sink_write */
};

FIRN_MUST_USE static inline firn_status
firn_sink_write(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    FIRN_TRY(sink->ops->write(sink, bytes, size, err));
    sink->written_bytes += size;
    return FIRN_OK;
}

FIRN_MUST_USE static inline firn_status
firn_sink_finish(firn_sink *sink, firn_error *err)
{
    return sink->ops->finish(sink, err);
}

static inline void
firn_sink_abort(firn_sink *sink)
{
    sink->ops->abort(sink);
}

static inline void
firn_sink_free(firn_sink *sink)
{
    if (sink) sink->ops->free(sink);
}

/* A sink into a buffer that the caller owns. NULL: no memory. */
FIRN_MUST_USE firn_sink *firn_sink_memory_new(firn_buffer *out);
FIRN_DEFINE_FREEP(firn_sink, firn_sink_free)

#endif
