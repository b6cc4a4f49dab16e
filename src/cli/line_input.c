#include "cli/line_input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t) 64 << 10)

void
line_input_init(line_input *in, int fd, size_t line_size_bytes_max)
{
    *in = (line_input){.fd = fd};
    firn_buffer_init(&in->bytes, line_size_bytes_max + READ_BYTES);
}

void
line_input_done(line_input *in)
{
    firn_buffer_done(&in->bytes);
}

static firn_status
wait_for_bytes(const line_input *in, task_cancel *cancel, firn_error *err)
{
    struct pollfd watched[] = {{in->fd, POLLIN, 0}, {cancel ? task_cancel_fd(cancel) : -1, POLLIN, 0}};

    while (poll(watched, FIRN_COUNT(watched), -1) < 0) {
        if (errno != EINTR) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot wait for input");
    }
    return task_cancel_requested(cancel) ? firn_fail(err, FIRN_E_CANCELLED, "stopped while reading input") : FIRN_OK;
}

/* What has been handed out goes, and more comes in. */
static firn_status
fill(line_input *in, task_cancel *cancel, firn_error *err)
{
    ssize_t size;

    if (in->at) {
        memmove(in->bytes.data, in->bytes.data + in->at, in->bytes.size - in->at);
        in->bytes.size -= in->at;
        in->scanned -= in->at;
        in->at = 0;
    }
    if (firn_buffer_reserve(&in->bytes, READ_BYTES, err))
        return firn_while(err, "reading line %llu", (unsigned long long) in->line_count + 1);
    do {
        FIRN_TRY(wait_for_bytes(in, cancel, err));
        size = read(in->fd, in->bytes.data + in->bytes.size, READ_BYTES);
    } while (size < 0 && (errno == EINTR || errno == EAGAIN));
    if (size < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot read the input");
    if (size == 0) in->ended = true;
    in->bytes.size += (size_t) size;
    return FIRN_OK;
}

/* The line that begins at `at`; false: its end is not there yet. */
static bool
take_line(line_input *in, firn_slice *ret_line)
{
    const uint8_t *from = in->bytes.data + in->at;
    const uint8_t *newline =
        in->bytes.size > in->scanned ? memchr(in->bytes.data + in->scanned, '\n', in->bytes.size - in->scanned) : NULL;

    in->scanned = in->bytes.size;
    if (!newline && (!in->ended || in->at == in->bytes.size)) return false;
    *ret_line = firn_slice_of(from, newline ? (size_t) (newline - from) : in->bytes.size - in->at);
    in->at += ret_line->size + (newline ? 1 : 0);
    in->scanned = in->at;
    if (ret_line->size && ret_line->data[ret_line->size - 1] == '\r') ret_line->size--;
    return true;
}

firn_status
line_input_next(line_input *in, task_cancel *cancel, firn_slice *ret_line, bool *ret_any, firn_error *err)
{
    for (;;) {
        *ret_any = take_line(in, ret_line);
        if (*ret_any && ret_line->size) {
            in->line_count++;
            return FIRN_OK;
        }
        if (*ret_any) continue;
        if (in->ended) return FIRN_OK;
        FIRN_TRY(fill(in, cancel, err));
    }
}
