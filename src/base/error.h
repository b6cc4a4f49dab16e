/*
 * What failed, on what, in what state the world is, and what to do.
 *
 * A firn_error has a fixed size and no allocation: one lives in each job or worker and travels by
 * value through queues. Library code fills it and returns; only cli/ prints it.
 *
 *   code   one of FIRN_E_… (error_code.def); it fixes the status, and `firn explain` explains it
 *   cause  what failed and on what, in one line: cannot open 'x': permission denied
 *   frame  what we were doing, from inside to outside; only where it adds a subject
 *   hint   what the user can do; the first hint stays, it is nearest to the cause
 *   state  what the lake looks like now; the last one stays, the outermost knows best
 *
 * Texts: lower case, no full stop, failure first, subject in single quotes, never a secret.
 */
#ifndef FIRN_BASE_ERROR_H
#define FIRN_BASE_ERROR_H

#include "base/attrs.h"

#include <stdbool.h>

#define FIRN_ERROR_TEXT_MAX 512
#define FIRN_ERROR_FRAMES_MAX 6

/* What the caller can do; the exit code follows from it (firn_status_exit_code). */
typedef enum firn_status {
    FIRN_OK = 0,
    FIRN_CANCELLED,   /* stop quietly: 130 */
    FIRN_USAGE,       /* the user must change an option or the configuration: 64 */
    FIRN_NOT_FOUND,   /* the user must create or rename; some callers expect it: 66 */
    FIRN_DENIED,      /* the user must grant: 77 */
    FIRN_CONFLICT,    /* reload and redo the commit: 75 */
    FIRN_UNAVAILABLE, /* retry with backoff: 75 */
    FIRN_UNKNOWN,     /* a commit whose outcome is not known: read the table; 75 */
    FIRN_CORRUPT,     /* bytes are not what the format says: 65 */
    FIRN_UNSUPPORTED, /* valid, but firn does not do it: 69 */
    FIRN_NO_MEMORY,   /* 71 */
    FIRN_IO,          /* 74 */
    FIRN_FAILED,      /* the job ran and something is wrong or was left undone: 1 */
    FIRN_BUG,         /* report: 70 */
} firn_status;

typedef enum firn_code {
    FIRN_E_NONE = 0,
#define FIRN_CODE(number, name, status, title, remedy) FIRN_E_##name = number,
#include "base/error_code.def"
#undef FIRN_CODE
} firn_code;

typedef struct firn_error {
    firn_status status;
    firn_code   code;
    int         sys_errno;
    bool        retried; /* a retry policy gave up on it */
    unsigned    frame_count;
    char        cause[FIRN_ERROR_TEXT_MAX];
    char        hint[FIRN_ERROR_TEXT_MAX];
    char        state[FIRN_ERROR_TEXT_MAX];
    char        frame[FIRN_ERROR_FRAMES_MAX][FIRN_ERROR_TEXT_MAX];
} firn_error;

/* Starts an error and returns its status. Asserts that no earlier error is dropped. */
firn_status firn_fail(firn_error *err, firn_code code, const char *cause, ...) FIRN_PRINTF(3, 4);

/* The same with ": <text of sys_errno>" behind the cause; ENOSPC, EACCES, ENOENT, ENOMEM choose a
 * more exact code than `code`, with its hint. */
firn_status firn_fail_errno(firn_error *err, firn_code code, int sys_errno, const char *cause, ...)
    FIRN_PRINTF(4, 5);

/* The one error for exhausted memory. `what`: "a Parquet page". */
firn_status firn_fail_memory(firn_error *err, const char *what);

/* Adds what we were doing, from inside to outside. Returns err->status. */
firn_status firn_while(firn_error *err, const char *doing, ...) FIRN_PRINTF(2, 3);

/* Says what the user can do. The first hint stays. */
void firn_hint(firn_error *err, const char *advice, ...) FIRN_PRINTF(2, 3);

/* Says what state the lake is in. The last one stays. */
void firn_state(firn_error *err, const char *state, ...) FIRN_PRINTF(2, 3);

/* Forgets the error, so that the object can be used again. */
void firn_error_reset(firn_error *err);

/* "usage", "not found", …: as in log fields. */
const char *firn_status_name(firn_status status);
int         firn_status_exit_code(firn_status status);

typedef struct firn_code_info {
    firn_code   code;
    const char *name;
    firn_status status;
    const char *title;  /* one line: what it means */
    const char *remedy; /* what to do, a few sentences */
} firn_code_info;

/* All codes, ascending. NULL for an unknown one. */
const firn_code_info *firn_code_find(unsigned number);
const firn_code_info *firn_code_table(unsigned *ret_count);

#define FIRN_TRY(call)                                \
    do {                                              \
        firn_status try_status_ = (call);             \
        if (try_status_ != FIRN_OK) return try_status_; \
    } while (0)

#endif
