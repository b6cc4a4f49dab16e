/*
 * Lines from a descriptor, as they come; a cancel ends the wait.
 */
#ifndef FIRN_CLI_LINE_INPUT_H
#define FIRN_CLI_LINE_INPUT_H

#include "base/buffer.h"
#include "task/task.h"

typedef struct line_input {
    int         fd; /* borrowed */
    firn_buffer bytes;
    size_t      at, scanned; /* of the next line; without a newline up to here */
    bool        ended;
    uint64_t    line_count; /* handed out so far */
} line_input;

void                      line_input_init(line_input *in, int fd, size_t line_size_bytes_max);
void                      line_input_done(line_input *in);
/* The next line without its newline, empty ones left out; a view until the next call. *ret_any false: the end. A last
 * line without a newline is one, too. `cancel` may be NULL. */
FIRN_MUST_USE firn_status line_input_next(line_input *in, task_cancel *cancel, firn_slice *ret_line, bool *ret_any,
                                          firn_error *err);

#endif
