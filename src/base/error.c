#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"

static const firn_code_info code_table[] = {
#define FIRN_CODE(number, name, status, title, remedy) {FIRN_E_##name, #name, status, title, remedy},
#include "base/error_code.def"
#undef FIRN_CODE
};

static const struct {
    const char *name;
    int         exit_code;
} status_table[] = {
    [FIRN_OK] = {"ok", 0},
    [FIRN_CANCELLED] = {"cancelled", 130},
    [FIRN_USAGE] = {"usage", 64},
    [FIRN_NOT_FOUND] = {"not found", 66},
    [FIRN_DENIED] = {"denied", 77},
    [FIRN_CONFLICT] = {"conflict", 75},
    [FIRN_UNAVAILABLE] = {"unavailable", 75},
    [FIRN_UNKNOWN] = {"unknown outcome", 75},
    [FIRN_CORRUPT] = {"corrupt", 65},
    [FIRN_UNSUPPORTED] = {"unsupported", 69},
    [FIRN_NO_MEMORY] = {"no memory", 71},
    [FIRN_IO] = {"io", 74},
    [FIRN_FAILED] = {"failed", 1},
    [FIRN_BUG] = {"bug", 70},
};

/* Room for a text before secrets are taken out: one that is cut off first would leave its beginning. */
enum { SCRATCH_SIZE = 2048 };

static void set_text(char text[FIRN_ERROR_TEXT_MAX], const char *format, va_list arguments) FIRN_PRINTF(2, 0);

/* A secret can reach a message through a server's own words, so every text is looked through. A text
 * that is too long ends in "...", no UTF-8 character cut in half. */
static void
set_text(char text[FIRN_ERROR_TEXT_MAX], const char *format, va_list arguments)
{
    static const char mark[] = "...";
    char              scratch[SCRATCH_SIZE];
    size_t            size;

    if (vsnprintf(scratch, sizeof scratch, format, arguments) < 0) {
        scratch[0] = '\0';
    }
    firn_secret_redact(scratch);
    size = strlen(scratch);
    if (size >= FIRN_ERROR_TEXT_MAX) {
        size = FIRN_ERROR_TEXT_MAX - sizeof mark;
        while (size > 0 && ((unsigned char) scratch[size] & 0xC0) == 0x80) {
            size--;
        }
        memcpy(scratch + size, mark, sizeof mark);
        size += sizeof mark - 1;
    }
    memcpy(text, scratch, size + 1);
}

static firn_status
start(firn_error *err, firn_code code)
{
    const firn_code_info *info = firn_code_find((unsigned) code);

    assert(err->status == FIRN_OK); /* an earlier error would be lost */
    assert(info);
    firn_error_reset(err);
    err->code = code;
    err->status = info->status;
    return err->status;
}

firn_status
firn_fail(firn_error *err, firn_code code, const char *cause, ...)
{
    va_list arguments;

    start(err, code);
    va_start(arguments, cause);
    set_text(err->cause, cause, arguments);
    va_end(arguments);
    return err->status;
}

/* Only the two general codes give way to a more exact one; any other was chosen knowingly. */
static firn_code
code_of_errno(firn_code code, int sys_errno)
{
    bool general = code == FIRN_E_STORAGE_IO || code == FIRN_E_SYSTEM;

    switch (sys_errno) {
    case ENOMEM:
        return FIRN_E_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return general ? FIRN_E_STORAGE_FULL : code;
    case EACCES:
    case EPERM:
    case EROFS:
        return general ? FIRN_E_STORAGE_DENIED : code;
    case ENOENT:
    case ENOTDIR:
        return general ? FIRN_E_STORAGE_NOT_FOUND : code;
    default:
        return code;
    }
}

static void
hint_of_errno(firn_error *err, int sys_errno)
{
    switch (sys_errno) {
    case ENOMEM:
        firn_hint(err, "raise the memory limit of the process, or lower --memory");
        break;
    case ENOSPC:
    case EDQUOT:
        firn_hint(err, "make room on the disk and run the same command again");
        break;
    case EACCES:
    case EPERM:
        firn_hint(err, "give the user that runs firn the right to it");
        break;
    case EROFS:
        firn_hint(err, "the file system is mounted read-only");
        break;
    case EMFILE:
        firn_hint(err, "raise the limit of open files (ulimit -n)");
        break;
    default:
        break;
    }
}

firn_status
firn_fail_errno(firn_error *err, firn_code code, int sys_errno, const char *cause, ...)
{
    char        scratch[128];
    const char *reason = strerror_r(sys_errno, scratch, sizeof scratch);
    va_list     arguments;
    size_t      size;

    start(err, code_of_errno(code, sys_errno));
    err->sys_errno = sys_errno;
    va_start(arguments, cause);
    set_text(err->cause, cause, arguments);
    va_end(arguments);

    size = strlen(err->cause);
    snprintf(err->cause + size, FIRN_ERROR_TEXT_MAX - size, ": %s", reason);
    /* The C library writes "No such file", our texts are in lower case; "I/O error" stays. */
    if (size + 3 < FIRN_ERROR_TEXT_MAX && err->cause[size + 2] >= 'A' && err->cause[size + 2] <= 'Z' &&
        err->cause[size + 3] >= 'a') {
        err->cause[size + 2] = (char) (err->cause[size + 2] - 'A' + 'a');
    }
    hint_of_errno(err, sys_errno);
    return err->status;
}

firn_status
firn_fail_memory(firn_error *err, const char *what)
{
    return firn_fail(err, FIRN_E_NO_MEMORY, "no memory for %s", what);
}

firn_status
firn_while(firn_error *err, const char *doing, ...)
{
    va_list  arguments;
    unsigned index = err->frame_count;

    assert(err->status != FIRN_OK);
    /* With all places taken the newest replaces the last: the outermost frame names the job. */
    if (index == FIRN_ERROR_FRAMES_MAX) {
        index--;
    } else {
        err->frame_count++;
    }
    va_start(arguments, doing);
    set_text(err->frame[index], doing, arguments);
    va_end(arguments);
    return err->status;
}

void
firn_hint(firn_error *err, const char *advice, ...)
{
    va_list arguments;

    if (err->hint[0] != '\0') return;
    va_start(arguments, advice);
    set_text(err->hint, advice, arguments);
    va_end(arguments);
}

void
firn_state(firn_error *err, const char *state, ...)
{
    va_list arguments;

    va_start(arguments, state);
    set_text(err->state, state, arguments);
    va_end(arguments);
}

void
firn_error_reset(firn_error *err)
{
    err->status = FIRN_OK;
    err->code = FIRN_E_NONE;
    err->sys_errno = 0;
    err->retried = false;
    err->frame_count = 0;
    err->cause[0] = err->hint[0] = err->state[0] = '\0';
}

const char *
firn_status_name(firn_status status)
{
    return (unsigned) status < FIRN_COUNT(status_table) ? status_table[status].name : "unknown";
}

int
firn_status_exit_code(firn_status status)
{
    return (unsigned) status < FIRN_COUNT(status_table) ? status_table[status].exit_code : 70;
}

const firn_code_info *
firn_code_find(unsigned number)
{
    for (unsigned i = 0; i < FIRN_COUNT(code_table); i++) {
        if ((unsigned) code_table[i].code == number) return &code_table[i];
    }
    return NULL;
}

const firn_code_info *
firn_code_table(unsigned *ret_count)
{
    *ret_count = FIRN_COUNT(code_table);
    return code_table;
}
