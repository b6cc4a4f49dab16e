#include "base/file_lock.h"

#include "base/alloc.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define HOLDER_TEXT_MAX 384
#define HOST_TEXT_MAX 128
#define HOLDER_READS_MAX 20
#define HOLDER_READ_PAUSE_MS 10

struct file_lock {
    int  fd;
    bool held;
};

/* Whether the text is of a process that is no more, as one that was killed leaves it. Of one on another host (a
 * shared file system) nothing can be said. */
static bool
is_of_the_dead(const char *text)
{
    static const char before[] = ", process ", between[] = " on ";
    const char       *number = strstr(text, before), *end = number ? strstr(number, between) : NULL;
    char              host[HOST_TEXT_MAX] = "";
    uint64_t          pid;

    if (!end) return false;
    number += strlen(before);
    (void) gethostname(host, sizeof host - 1);
    if (!text_starts_with(end + strlen(between), host)) return false;
    if (!text_parse_u64(firn_slice_of(number, (size_t) (end - number)), &pid) || pid > INT32_MAX) return false;
    return kill((pid_t) pid, 0) != 0 && errno == ESRCH;
}

/* What the holder wrote, on one line. It may have taken the lock this very moment and not have written yet. */
static void
read_holder(int fd, char out[HOLDER_TEXT_MAX])
{
    for (int attempt = 0; attempt < HOLDER_READS_MAX; attempt++) {
        ssize_t size = pread(fd, out, HOLDER_TEXT_MAX - 1, 0);

        out[size > 0 ? size : 0] = 0;
        if (strchr(out, '\n') && !is_of_the_dead(out)) {
            out[strcspn(out, "\r\n")] = 0;
            return;
        }
        (void) poll(NULL, 0, HOLDER_READ_PAUSE_MS);
    }
    (void) snprintf(out, HOLDER_TEXT_MAX, "another process");
}

static firn_status
write_holder(int fd, const char *path, const char *what, firn_error *err)
{
    char text[HOLDER_TEXT_MAX], host[HOST_TEXT_MAX] = "?", since[CALENDAR_TEXT_MAX];
    int  size;

    (void) gethostname(host, sizeof host - 1);
    (void) calendar_format_timestamp(firn_clock_now_us() / 1000000 * 1000000, true, since);
    size = snprintf(text, sizeof text, "%s, process %ld on %s, since %s\n", what, (long) getpid(), host, since);
    if ((size_t) size >= sizeof text) {
        size = (int) sizeof text - 1;
        text[size - 1] = '\n';
    }
    if (ftruncate(fd, 0) != 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot empty the lock file '%s'", path);
    return file_write_all(fd, text, (size_t) size, path, err);
}

static firn_status
make_parent(const char *path, firn_error *err)
{
    const char *slash = strrchr(path, '/');
    char        folder[4096];

    if (!slash || slash == path || (size_t) (slash - path) >= sizeof folder) return FIRN_OK;
    memcpy(folder, path, (size_t) (slash - path));
    folder[slash - path] = 0;
    return file_make_folders(folder, 0700, err);
}

firn_status
file_lock_take(const char *path, const char *what, file_lock **ret_lock, firn_error *err)
{
    FIRN_AUTO(file_lock_freep) file_lock *lock = firn_calloc(1, sizeof *lock);
    char holder[HOLDER_TEXT_MAX];

    if (!lock) return firn_fail_memory(err, "a lock");
    lock->fd = -1;
    FIRN_TRY(make_parent(path, err));
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock->fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot open the lock file '%s'", path);
    if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot lock '%s'", path);
        read_holder(lock->fd, holder);
        (void) firn_fail(err, FIRN_E_LOAD_RUNNING, "another firn works on this source: %s", holder);
        firn_hint(err, "wait for it, or stop it; the lock is '%s' and goes with its process", path);
        return err->status;
    }
    lock->held = true;
    FIRN_TRY(write_holder(lock->fd, path, what, err));
    *ret_lock = FIRN_STEAL(lock);
    return FIRN_OK;
}

void
file_lock_free(file_lock *lock)
{
    if (!lock) return;
    if (lock->fd >= 0) {
        if (lock->held) (void) !ftruncate(lock->fd, 0); /* nobody shall be named who has gone */
        (void) close(lock->fd);
    }
    firn_free(lock);
}
