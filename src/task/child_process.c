#include "task/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

#define GRACE_MS 2000
#define ENVIRONMENT_MAX 32
#define ENVIRONMENT_BYTES_MAX ((size_t) 64 << 10)
#define LAST_LINE_BYTES 160

typedef struct running_child {
    pid_t       pid;
    int         pid_fd, output_fd;
    firn_buffer output;
    int         wait_status;
} running_child;

static void
close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

static void
running_child_done(running_child *r)
{
    close_fd(&r->pid_fd);
    close_fd(&r->output_fd);
    firn_buffer_done(&r->output);
}

/* The bytes as an unnamed file, at its start. */
static firn_status
input_file(firn_slice input, int *ret_fd, firn_error *err)
{
    FIRN_AUTO(close_fd) int fd = memfd_create("firn-input", MFD_CLOEXEC);

    if (fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot hold the input of a program");
    for (size_t at = 0; at < input.size;) {
        ssize_t written = write(fd, input.data + at, input.size - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot hold the input of a program");
        at += (size_t) written;
    }
    if (lseek(fd, 0, SEEK_SET) != 0)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot hold the input of a program");
    *ret_fd = fd;
    fd = -1;
    return FIRN_OK;
}

/* Fills `list` with what goes to the child; texts lie in `bytes`, which is reserved so that they stay where they are. */
static firn_status
make_environment(const char *const given[], firn_buffer *bytes, char *list[ENVIRONMENT_MAX], firn_error *err)
{
    static const char *const passed[] = {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"};
    unsigned                 count = 0;

    firn_buffer_init(bytes, ENVIRONMENT_BYTES_MAX);
    FIRN_TRY(firn_buffer_reserve(bytes, ENVIRONMENT_BYTES_MAX, err));
    for (unsigned i = 0; i < FIRN_COUNT(passed); i++) {
        const char *value = firn_environment(passed[i]);
        if (!value) continue;
        list[count++] = (char *) bytes->data + bytes->size;
        FIRN_TRY(firn_buffer_printf(bytes, err, "%s=%s", passed[i], value));
        FIRN_TRY(firn_buffer_add_byte(bytes, '\0', err));
    }
    for (; given && *given && count + 1 < ENVIRONMENT_MAX; given++) {
        list[count++] = (char *) bytes->data + bytes->size;
        FIRN_TRY(firn_buffer_add_text(bytes, *given, err));
        FIRN_TRY(firn_buffer_add_byte(bytes, '\0', err));
    }
    list[count] = NULL;
    return FIRN_OK;
}

typedef struct spawn_plan {
    posix_spawnattr_t          attributes;
    posix_spawn_file_actions_t actions;
} spawn_plan;

static void
spawn_plan_done(spawn_plan *plan)
{
    posix_spawnattr_destroy(&plan->attributes);
    posix_spawn_file_actions_destroy(&plan->actions);
}

/* Signals as a program expects them, a group of its own, no descriptors of ours. Returns an errno. */
static int
spawn_plan_set(spawn_plan *plan, int input_fd, int output_fd)
{
    sigset_t none, standard;
    int      failed = 0;

    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    sigaddset(&standard, SIGINT);
    sigaddset(&standard, SIGTERM);
    failed |= posix_spawnattr_setsigmask(&plan->attributes, &none);
    failed |= posix_spawnattr_setsigdefault(&plan->attributes, &standard);
    failed |= posix_spawnattr_setpgroup(&plan->attributes, 0);
    failed |= posix_spawnattr_setflags(&plan->attributes,
                                       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    failed |= posix_spawn_file_actions_adddup2(&plan->actions, input_fd, STDIN_FILENO);
    failed |= posix_spawn_file_actions_adddup2(&plan->actions, output_fd, STDOUT_FILENO);
    failed |= posix_spawn_file_actions_adddup2(&plan->actions, output_fd, STDERR_FILENO);
    failed |= posix_spawn_file_actions_addclosefrom_np(&plan->actions, STDERR_FILENO + 1);
    return failed;
}

static firn_status
start(const child_process *child, running_child *r, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    FIRN_AUTO(close_fd) int input = -1;
    FIRN_AUTO(close_fd) int output = -1;
    char *environment[ENVIRONMENT_MAX];
    int   ends[2], failed;

    FIRN_TRY(input_file(child->input, &input, err));
    FIRN_TRY(make_environment(child->environment, &bytes, environment, err));
    if (pipe2(ends, O_CLOEXEC) != 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot make a pipe");
    r->output_fd = ends[0];
    output = ends[1];
    if (fcntl(r->output_fd, F_SETFL, O_NONBLOCK) != 0)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot make a pipe");

    FIRN_AUTO(spawn_plan_done) spawn_plan plan;
    posix_spawnattr_init(&plan.attributes);
    posix_spawn_file_actions_init(&plan.actions);
    failed = spawn_plan_set(&plan, input, output);
    if (!failed)
        failed = posix_spawnp(&r->pid, child->argv[0], &plan.actions, &plan.attributes,
                              (char *const *) (uintptr_t) child->argv, environment);
    if (failed) return firn_fail_errno(err, FIRN_E_SYSTEM, failed, "cannot run '%s'", child->argv[0]);
    r->pid_fd = (int) syscall(SYS_pidfd_open, r->pid, 0);
    if (r->pid_fd < 0) {
        failed = errno;
        (void) kill(-r->pid, SIGKILL);
        (void) waitpid(r->pid, &r->wait_status, 0);
        return firn_fail_errno(err, FIRN_E_SYSTEM, failed, "cannot watch '%s'", child->argv[0]);
    }
    return FIRN_OK;
}

/* Takes what the pipe holds now; past the limit it is dropped. False: no more will come. */
static bool
drain(running_child *r)
{
    uint8_t bytes[4096];

    for (;;) {
        ssize_t size = read(r->output_fd, bytes, sizeof bytes);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return errno == EAGAIN;
        if (size == 0) return false;
        size_t     room = r->output.size_bytes_max - r->output.size;
        firn_error ignored = {0};
        if (firn_buffer_add(&r->output, bytes, (size_t) size < room ? (size_t) size : room, &ignored) != FIRN_OK)
            return false;
    }
}

/* Until it has ended or the deadline has come; false: the latter, or cancelled. */
static bool
wait_until(running_child *r, uint64_t deadline_us, task_cancel *cancel)
{
    struct pollfd watched[] = {{r->pid_fd, POLLIN, 0},
                               {r->output_fd, POLLIN, 0},
                               {cancel ? task_cancel_fd(cancel) : -1, POLLIN, 0}};

    for (;;) {
        uint64_t now_us = firn_clock_monotonic_us();
        uint64_t left_ms = deadline_us > now_us ? (deadline_us - now_us) / 1000 + 1 : 0;

        if (task_cancel_requested(cancel)) return false;
        if (poll(watched, FIRN_COUNT(watched), (int) (left_ms < 60000 ? left_ms : 60000)) < 0 && errno != EINTR)
            return false;
        if (watched[1].revents && !drain(r)) watched[1].fd = -1;
        if (watched[0].revents) {
            (void) drain(r);
            while (waitpid(r->pid, &r->wait_status, 0) < 0 && errno == EINTR) {}
            return true;
        }
        if (firn_clock_monotonic_us() >= deadline_us) return false;
    }
}

static void
end(running_child *r)
{
    (void) kill(-r->pid, SIGTERM);
    if (wait_until(r, firn_clock_monotonic_us() + GRACE_MS * UINT64_C(1000), NULL)) return;
    (void) kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &r->wait_status, 0) < 0 && errno == EINTR) {}
}

/* What it said last, printable and without secrets. */
static void
last_line(const firn_buffer *output, char out[LAST_LINE_BYTES + 1])
{
    size_t end_at = output->size, start_at;

    while (end_at > 0 && output->data[end_at - 1] <= ' ') end_at--;
    for (start_at = end_at; start_at > 0 && output->data[start_at - 1] != '\n'; start_at--) {}
    if (end_at - start_at > LAST_LINE_BYTES) end_at = start_at + LAST_LINE_BYTES;
    for (size_t i = start_at; i < end_at; i++) {
        uint8_t byte = output->data[i];
        out[i - start_at] = byte < ' ' || byte >= 0x7f ? '?' : (char) byte;
    }
    out[end_at - start_at] = '\0';
    firn_secret_redact(out);
}

static firn_status
judge(const child_process *child, const running_child *r, firn_error *err)
{
    char said[LAST_LINE_BYTES + 1];
    int  status = r->wait_status;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return FIRN_OK;
    last_line(&r->output, said);
    return firn_fail(err, FIRN_E_CHILD_FAILED, "'%s' ended %s %d%s%s", child->argv[0],
                     WIFEXITED(status) ? "with exit code" : "by signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), *said ? ": " : "", said);
}

firn_status
child_process_run(const child_process *child, task_cancel *cancel, firn_buffer *output, firn_error *err)
{
    FIRN_AUTO(running_child_done) running_child r = {.pid_fd = -1, .output_fd = -1};

    firn_buffer_init(&r.output, child->output_bytes_max ? child->output_bytes_max : 4096);
    FIRN_TRY(start(child, &r, err));
    if (!wait_until(&r, firn_clock_monotonic_us() + child->timeout_ms * 1000, cancel)) {
        end(&r);
        if (task_cancel_requested(cancel)) return firn_fail(err, FIRN_E_CANCELLED, "'%s' was stopped", child->argv[0]);
        return firn_fail(err, FIRN_E_CHILD_FAILED, "'%s' was stopped after %llu ms", child->argv[0],
                         (unsigned long long) child->timeout_ms);
    }
    if (output) FIRN_TRY(firn_buffer_add(output, r.output.data, r.output.size, err));
    return judge(child, &r, err);
}
