#include "cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"

#define EXIT_CANCELLED 130

struct signals {
    task_cancel *cancel; /* borrowed */
    report      *out;    /* borrowed */
    task_cancel *stop;
    task_group  *waiter;
    int          fd;
};

static void
handle(signals *s, uint32_t number)
{
    if (number == SIGUSR1) {
        report_print_now(s->out);
        return;
    }
    if (task_cancel_requested(s->cancel)) {
        static const char text[] = "\nfirn: stopped at once; the next run goes on from what was committed\n";
        ssize_t           written = write(STDERR_FILENO, text, sizeof text - 1);
        (void) written; /* leaving anyway */
        _exit(EXIT_CANCELLED);
    }
    log_warning("stopping: finishing what cannot be left half done; a second signal leaves at once");
    task_cancel_request(s->cancel);
}

static firn_status
wait_for_signals(void *state, firn_error *err FIRN_UNUSED)
{
    signals      *s = state;
    struct pollfd watched[] = {{s->fd, POLLIN, 0}, {task_cancel_fd(s->stop), POLLIN, 0}};

    for (;;) {
        struct signalfd_siginfo info;
        if (poll(watched, FIRN_COUNT(watched), -1) < 0 && errno != EINTR) return FIRN_OK;
        if (task_cancel_requested(s->stop)) return FIRN_OK;
        if (read(s->fd, &info, sizeof info) == (ssize_t) sizeof info) handle(s, info.ssi_signo);
    }
}

void
signals_free(signals *s)
{
    if (!s) return;
    if (s->stop) task_cancel_request(s->stop);
    task_group_free(s->waiter);
    task_cancel_free(s->stop);
    if (s->fd >= 0) close(s->fd);
    firn_free(s);
}

firn_status
signals_start(task_cancel *cancel, report *out, signals **ret_signals, firn_error *err)
{
    FIRN_AUTO(signals_freep) signals *s = firn_calloc(1, sizeof *s);
    sigset_t                          set;

    if (!s) return firn_fail_memory(err, "the signals");
    s->fd = -1;
    s->cancel = cancel;
    s->out = out;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot block signals");
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot wait for signals");
    s->stop = task_cancel_new();
    s->waiter = s->stop ? task_group_new(NULL) : NULL;
    if (!s->waiter) return firn_fail_memory(err, "the signals");
    FIRN_TRY(task_group_spawn(s->waiter, "firn:signals", wait_for_signals, s, err));
    *ret_signals = FIRN_STEAL(s);
    return FIRN_OK;
}
