/* group, cancel, lock, budget and retry. */
#include "task/group.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "task/budget.h"
#include "task/lock.h"
#include "task/retry.h"

typedef struct worker_case {
    task_cancel *cancel;
    firn_code    code;
    bool         waits; /* until cancelled */
} worker_case;

static firn_status
work(void *state, firn_error *err)
{
    worker_case *w = state;

    if (w->waits && !task_cancel_wait(w->cancel, 60000)) return firn_fail(err, FIRN_E_BUG, "not cancelled in time");
    return w->code == FIRN_E_NONE ? FIRN_OK : firn_fail(err, w->code, "worker failed");
}

static void
first_real_error_wins_and_cancels_the_others(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    FIRN_AUTO(task_group_freep) task_group   *group = task_group_new(cancel);
    worker_case                               waiting = {cancel, FIRN_E_CANCELLED, true};
    worker_case                               failing = {cancel, FIRN_E_STORAGE_FULL, false};
    firn_error                                err = {0};
    (void) state;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(task_group_spawn(group, "a name longer than 15", work, &waiting, &err), FIRN_OK);
    }
    assert_false(task_cancel_requested(cancel));
    assert_int_equal(task_group_spawn(group, "failing", work, &failing, &err), FIRN_OK);

    assert_int_equal(task_group_join(group, &err), FIRN_IO);
    assert_int_equal(err.code, FIRN_E_STORAGE_FULL);
    assert_string_equal(err.cause, "worker failed");
    assert_true(task_cancel_requested(cancel));

    firn_error_reset(&err);
    assert_int_equal(task_group_join(group, &err), FIRN_OK); /* empty again */
}

static void
cancelled_workers_make_a_cancelled_group(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    FIRN_AUTO(task_group_freep) task_group   *group = task_group_new(cancel);
    worker_case waiting = {cancel, FIRN_E_CANCELLED, true}, fine = {cancel, FIRN_E_NONE, true};
    firn_error  err = {0};
    (void) state;

    assert_int_equal(task_group_spawn(group, "one", work, &waiting, &err), FIRN_OK);
    assert_int_equal(task_group_spawn(group, "two", work, &fine, &err), FIRN_OK);
    task_cancel_request(cancel);
    assert_int_equal(task_group_join(group, &err), FIRN_CANCELLED);
}

static void
cancel_is_seen_by_poll_and_ends_a_sleep(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    struct pollfd                             wait = {.fd = task_cancel_fd(cancel), .events = POLLIN};
    uint64_t                                  start_us = firn_clock_monotonic_us();
    (void) state;

    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_false(task_cancel_wait(cancel, 20));
    assert_true(firn_clock_monotonic_us() - start_us >= 20000);
    assert_false(task_cancel_wait(NULL, 1));
    assert_false(task_cancel_requested(NULL));

    task_cancel_request(cancel);
    task_cancel_request(cancel);
    assert_int_equal(poll(&wait, 1, 0), 1);
    assert_true(task_cancel_wait(cancel, 60000));
    assert_int_equal(poll(&wait, 1, 0), 1); /* still */
}

typedef struct budget_case {
    task_budget         *budget;
    task_cancel         *cancel;
    atomic_uint_fast64_t most, turns;
} budget_case;

static firn_status
spend(void *state, firn_error *err)
{
    budget_case *c = state;

    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t bytes = i % 40 + 1, used;
        if (!task_budget_take(c->budget, bytes, c->cancel)) return firn_fail(err, FIRN_E_CANCELLED, "cancelled");
        used = task_budget_used(c->budget);
        if (used > atomic_load(&c->most)) atomic_store(&c->most, used);
        atomic_fetch_add(&c->turns, 1);
        task_budget_give(c->budget, bytes);
    }
    return FIRN_OK;
}

static void
budget_is_never_passed(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    FIRN_AUTO(task_group_freep) task_group   *group = task_group_new(cancel);
    FIRN_AUTO(task_budget_freep) task_budget *budget = task_budget_new(64);
    budget_case                               c = {.budget = budget, .cancel = cancel};
    firn_error                                err = {0};
    (void) state;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(task_group_spawn(group, "spender", spend, &c, &err), FIRN_OK);
    }
    assert_int_equal(task_group_join(group, &err), FIRN_OK);
    assert_true(c.most <= 64);
    assert_int_equal(c.turns, 4 * 2000);
    assert_int_equal(task_budget_used(budget), 0);
}

static void
more_than_the_limit_waits_for_an_empty_budget(void **state)
{
    FIRN_AUTO(task_budget_freep) task_budget *budget = task_budget_new(10);
    (void) state;

    assert_true(task_budget_take(budget, 100, NULL));
    assert_int_equal(task_budget_used(budget), 100);
    task_budget_give(budget, 100);
    assert_true(task_budget_take(budget, UINT64_MAX, NULL));
    task_budget_give(budget, UINT64_MAX);
}

static firn_status
take_too_much(void *state, firn_error *err)
{
    budget_case *c = state;

    if (!task_budget_take(c->budget, 100, c->cancel)) return firn_fail(err, FIRN_E_CANCELLED, "cancelled");
    task_budget_give(c->budget, 100);
    return FIRN_OK;
}

static void
cancel_wakes_those_who_wait_for_bytes(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    FIRN_AUTO(task_group_freep) task_group   *group = task_group_new(NULL);
    FIRN_AUTO(task_budget_freep) task_budget *budget = task_budget_new(10);
    budget_case                               c = {.budget = budget, .cancel = cancel};
    firn_error                                err = {0};
    (void) state;

    assert_true(task_budget_take(budget, 5, NULL));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(task_group_spawn(group, "taker", take_too_much, &c, &err), FIRN_OK);
    }
    task_cancel_wait(NULL, 5);
    task_cancel_request(cancel);
    assert_int_equal(task_group_join(group, &err), FIRN_CANCELLED);
    assert_int_equal(task_budget_used(budget), 5);
    assert_false(task_budget_take(budget, 1, cancel));
}

typedef struct lock_case {
    task_lock *lock;
    int        turn, count;
} lock_case;

static firn_status
take_turns(void *state, firn_error *err)
{
    lock_case *c = state;
    (void) err;

    for (int i = 0; i < 500; i++) {
        task_lock_hold(c->lock);
        int mine = c->turn;
        while (c->turn == mine && c->count < 999) {
            c->count++;
            c->turn = !mine;
            task_lock_wake_all(c->lock);
            task_lock_wait(c->lock, 1);
        }
        task_lock_release(c->lock);
    }
    return FIRN_OK;
}

static void
lock_guards_and_wakes(void **state)
{
    FIRN_AUTO(task_lock_freep) task_lock   *lock = task_lock_new();
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    lock_case                               c = {.lock = lock};
    firn_error                              err = {0};
    (void) state;

    task_lock_hold(lock);
    assert_false(task_lock_wait(lock, 5));
    task_lock_release(lock);
    assert_int_equal(task_group_spawn(group, "left", take_turns, &c, &err), FIRN_OK);
    assert_int_equal(task_group_spawn(group, "right", take_turns, &c, &err), FIRN_OK);
    assert_int_equal(task_group_join(group, &err), FIRN_OK);
    assert_int_equal(c.count, 999);
}

static void
retries_grow_and_end(void **state)
{
    task_retry retry = {.attempt_max = 5, .backoff_ms = 1, .backoff_max_ms = 4};
    uint64_t   delay_ms, delays = 0;
    (void) state;
    firn_random_seed(3);

    assert_false(task_retry_again(&retry, FIRN_DENIED, NULL, NULL));
    assert_false(task_retry_again(&retry, FIRN_UNKNOWN, NULL, NULL));
    for (unsigned i = 0; i < 5; i++) {
        assert_true(task_retry_again(&retry, i % 2 ? FIRN_CONFLICT : FIRN_UNAVAILABLE, NULL, &delay_ms));
        assert_true(delay_ms <= (i == 0 ? 1 : i == 1 ? 2 : 4));
        delays += delay_ms;
    }
    assert_true(delays > 0);
    assert_int_equal(retry.attempt, 5);
    assert_false(task_retry_again(&retry, FIRN_UNAVAILABLE, NULL, NULL));
    firn_random_seed(0);
}

static void
cancel_ends_retries(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    task_retry                                retry = {.attempt_max = 5, .backoff_ms = 60000, .backoff_max_ms = 60000};
    (void) state;

    task_cancel_request(cancel);
    assert_false(task_retry_again(&retry, FIRN_UNAVAILABLE, cancel, NULL));
    assert_int_equal(retry.attempt, 0);
}

enum { LOGGERS = 4, LINES = 300 };

static unsigned line_count, bad_count; /* changed without a lock: calls of an output do not overlap */

static void
check_line(void *state, log_level level, const char *line, size_t size)
{
    (void) state;
    (void) level;
    line_count++;
    bad_count += memchr(line, '\n', size) != line + size - 1 || memmem(line, size, "open-sesame", 11) != NULL ||
                 memmem(line, size, "said ***", 8) == NULL;
}

static firn_status
log_and_keep_secrets(void *state, firn_error *err)
{
    (void) state;
    for (int i = 0; i < LINES; i++) {
        FIRN_AUTO(firn_secret_freep) firn_secret *other = firn_secret_new("another one");
        if (!other) return firn_fail_memory(err, "a secret");
        log_info("somebody said %s", "open-sesame");
    }
    return FIRN_OK;
}

static void
log_lines_of_many_threads_do_not_mix(void **state)
{
    FIRN_AUTO(firn_secret_freep) firn_secret *secret = firn_secret_new("open-sesame");
    FIRN_AUTO(task_group_freep) task_group   *group = task_group_new(NULL);
    firn_error                                err = {0};
    (void) state;

    assert_non_null(secret);
    log_add_output(LOG_TEXT, LOG_INFO, false, check_line, NULL);
    for (int i = 0; i < LOGGERS; i++) {
        assert_int_equal(task_group_spawn(group, "logger", log_and_keep_secrets, NULL, &err), FIRN_OK);
    }
    assert_int_equal(task_group_join(group, &err), FIRN_OK);
    log_reset_outputs();
    assert_int_equal(line_count, LOGGERS * LINES);
    assert_int_equal(bad_count, 0);
}

static void
no_memory_is_reported_or_null(void **state)
{
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_error                              err = {0};
    (void) state;

    firn_alloc_fail_at(1, 1);
    assert_null(task_cancel_new());
    assert_null(task_group_new(NULL));
    assert_null(task_lock_new());
    assert_null(task_budget_new(1));
    assert_int_equal(task_group_spawn(group, "x", work, NULL, &err), FIRN_NO_MEMORY);
    firn_alloc_fail_at(0, 0);
    assert_true(task_cpu_count() >= 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_real_error_wins_and_cancels_the_others),
        cmocka_unit_test(cancelled_workers_make_a_cancelled_group),
        cmocka_unit_test(cancel_is_seen_by_poll_and_ends_a_sleep),
        cmocka_unit_test(budget_is_never_passed),
        cmocka_unit_test(more_than_the_limit_waits_for_an_empty_budget),
        cmocka_unit_test(cancel_wakes_those_who_wait_for_bytes),
        cmocka_unit_test(lock_guards_and_wakes),
        cmocka_unit_test(retries_grow_and_end),
        cmocka_unit_test(cancel_ends_retries),
        cmocka_unit_test(log_lines_of_many_threads_do_not_mix),
        cmocka_unit_test(no_memory_is_reported_or_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
