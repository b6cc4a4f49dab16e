#include "task/cancel.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

struct task_cancel {
    atomic_bool     requested;
    int             fd; /* an eventfd that is written once and never read */
    pthread_mutex_t wakers_lock;
    task_waker     *wakers;
};

task_cancel *
task_cancel_new(void)
{
    task_cancel *cancel = firn_calloc(1, sizeof *cancel);

    if (!cancel) return NULL;
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cancel->fd < 0) {
        firn_free(cancel);
        return NULL;
    }
    pthread_mutex_init(&cancel->wakers_lock, NULL);
    return cancel;
}

void
task_cancel_free(task_cancel *cancel)
{
    if (!cancel) return;
    assert(!cancel->wakers);
    pthread_mutex_destroy(&cancel->wakers_lock);
    close(cancel->fd);
    firn_free(cancel);
}

void
task_cancel_request(task_cancel *cancel)
{
    const uint64_t one = 1;
    ssize_t        written;

    if (atomic_exchange(&cancel->requested, true)) return;
    written = write(cancel->fd, &one, sizeof one);
    assert(written == sizeof one); /* the counter of an eventfd has room for far more */
    (void) written;
    pthread_mutex_lock(&cancel->wakers_lock);
    for (task_waker *waker = cancel->wakers; waker; waker = waker->next) {
        waker->wake(waker->state);
    }
    pthread_mutex_unlock(&cancel->wakers_lock);
}

bool
task_cancel_requested(const task_cancel *cancel)
{
    return cancel && atomic_load(&cancel->requested);
}

int
task_cancel_fd(const task_cancel *cancel)
{
    return cancel->fd;
}

bool
task_cancel_wait(task_cancel *cancel, uint64_t timeout_ms)
{
    struct pollfd wait = {.fd = cancel ? cancel->fd : -1, .events = POLLIN};
    uint64_t      start_us = firn_clock_monotonic_us(), waited_ms = 0;

    /* Again after a signal, and after the longest time that poll can wait. */
    while (!task_cancel_requested(cancel) && waited_ms < timeout_ms) {
        uint64_t left_ms = timeout_ms - waited_ms;
        int      ready = poll(&wait, 1, left_ms < 60000 ? (int) left_ms : 60000);
        uint64_t now_us = firn_clock_monotonic_us();
        if (ready == 0 && left_ms < 60000) break; /* also where a replaced clock stands still */
        waited_ms = (now_us - start_us) / 1000;
    }
    return task_cancel_requested(cancel);
}

void
task_cancel_attach(task_cancel *cancel, task_waker *waker)
{
    pthread_mutex_lock(&cancel->wakers_lock);
    waker->previous = NULL;
    waker->next = cancel->wakers;
    if (waker->next) {
        waker->next->previous = waker;
    }
    cancel->wakers = waker;
    if (atomic_load(&cancel->requested)) {
        waker->wake(waker->state);
    }
    pthread_mutex_unlock(&cancel->wakers_lock);
}

void
task_cancel_detach(task_cancel *cancel, task_waker *waker)
{
    pthread_mutex_lock(&cancel->wakers_lock);
    if (waker->previous) {
        waker->previous->next = waker->next;
    } else {
        cancel->wakers = waker->next;
    }
    if (waker->next) {
        waker->next->previous = waker->previous;
    }
    pthread_mutex_unlock(&cancel->wakers_lock);
}
