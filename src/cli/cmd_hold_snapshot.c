#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "cli/snapshot_keeper.h"

#define TEXT_BYTES_MAX ((size_t) 64 << 10)
#define CONNECTION_LOOK_MS 3000
#define LOAD_LOOK_MS 300

typedef struct hold {
    int      fifo;
    uint64_t limit_ms; /* without a load */
    uint64_t looked_us, alone_since_us;
    bool     alone; /* no load has the FIFO open */
} hold;

static void
hold_done(hold *h)
{
    if (h->fifo >= 0) (void) close(h->fifo);
}

/* Whether a load says that this is not needed any more. */
static bool
is_told_to_end(int fifo)
{
    char bytes[16];

    return read(fifo, bytes, sizeof bytes) > 0;
}

/* While a load lives its end wakes us; without one, an end of file would wake us all the time. */
static bool
wait_for_end(hold *h)
{
    struct pollfd watched = {h->fifo, POLLIN, 0};

    if (h->alone) (void) poll(NULL, 0, LOAD_LOOK_MS);
    if (poll(&watched, 1, h->alone ? 0 : CONNECTION_LOOK_MS) < 0 && errno != EINTR) return true;
    if ((watched.revents & POLLIN) && is_told_to_end(h->fifo)) return true;
    if (!(watched.revents & POLLHUP)) {
        h->alone = false;
        return false;
    }
    if (!h->alone) h->alone_since_us = firn_clock_monotonic_us();
    h->alone = true;
    return (firn_clock_monotonic_us() - h->alone_since_us) / 1000 >= h->limit_ms;
}

static firn_status
hold_until_end(hold *h, source *src, firn_error *err)
{
    h->looked_us = firn_clock_monotonic_us();
    while (!wait_for_end(h)) {
        if ((firn_clock_monotonic_us() - h->looked_us) / 1000 < CONNECTION_LOOK_MS) continue;
        FIRN_TRY(src->ops->check_held(src, err));
        h->looked_us = firn_clock_monotonic_us();
    }
    return FIRN_OK;
}

static firn_status
read_input(session *s, const load_settings *settings, kept_point *ret_kept, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    char                                    bytes[1024];
    ssize_t                                 size;

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    while ((size = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) FIRN_TRY(firn_buffer_add(&text, bytes, (size_t) size, err));
    return kept_point_read(s, settings, firn_buffer_slice(&text), ret_kept, err);
}

static firn_status
tell_held(session *s, const load_settings *settings, const kept_point *held, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    const char                             *path;

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    FIRN_TRY(kept_point_add(s, settings, held, &text, err));
    path = firn_arena_printf(&s->arena, "%s/" SNAPSHOT_KEEPER_FILE, settings->state_folder);
    if (!path) return firn_fail_memory(err, "a path");
    return file_write_atomic(path, firn_buffer_slice(&text), 0600, err);
}

firn_status
cmd_hold_snapshot_run(session *s, firn_error *err)
{
    FIRN_AUTO(connect_source_freep) source *src = NULL;
    FIRN_AUTO(hold_done) hold               h = {.fifo = -1};
    const yaml_node                        *entry = NULL;
    load_settings                           settings;
    kept_point                              kept = {0};
    const char                             *fifo;

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    fifo = firn_arena_printf(&s->arena, "%s/" SNAPSHOT_KEEPER_FIFO, settings.state_folder);
    if (!fifo) return firn_fail_memory(err, "a path");
    h.limit_ms = settings_duration_ms(&s->values, OPTION_CHECKPOINT_HOLD);
    h.fifo = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (h.fifo < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot open '%s'", fifo);
    FIRN_TRY(read_input(s, &settings, &kept, err));
    FIRN_TRY(connect_source(s, &src, err));
    if (!src->ops->take_over || !src->ops->check_held)
        return firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED, "a %s source has no snapshot that can be held", src->ops->kind);
    FIRN_TRY(src->ops->take_over(src, &kept.point, &kept.point, err));
    FIRN_TRY(tell_held(s, &settings, &kept, err));
    return hold_until_end(&h, src, err);
}
