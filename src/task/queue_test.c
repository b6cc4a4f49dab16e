#include "task/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "task/group.h"

static atomic_int dropped;

static void
drop_box(void *item)
{
    firn_free(*(int **) item);
    atomic_fetch_add(&dropped, 1);
}

static int *
box(int value)
{
    int *boxed = firn_alloc(sizeof *boxed);

    assert_non_null(boxed);
    *boxed = value;
    return boxed;
}

static void
items_come_out_in_order_and_the_rest_after_close(void **state)
{
    FIRN_AUTO(task_queue_freep) task_queue *queue = task_queue_new(sizeof(int), 3, NULL);
    int                                     out;
    (void) state;

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++) {
            assert_true(task_queue_push(queue, &i));
        }
        if (round == 9) break;
        for (int i = 0; i < 3; i++) {
            assert_true(task_queue_pop(queue, &out));
            assert_int_equal(out, i);
        }
    }
    task_queue_close(queue);
    assert_false(task_queue_push(queue, &(int){9}));
    for (int i = 0; i < 3; i++) {
        assert_true(task_queue_pop(queue, &out) && out == i);
    }
    assert_false(task_queue_pop(queue, &out));
}

static void
undelivered_items_are_dropped(void **state)
{
    task_queue *queue = task_queue_new(sizeof(int *), 4, drop_box);
    int        *item = box(1), *out;
    (void) state;
    atomic_store(&dropped, 0);

    assert_true(task_queue_push(queue, &item));
    item = box(2);
    assert_true(task_queue_push(queue, &item));
    assert_true(task_queue_pop(queue, &out));
    assert_int_equal(*out, 1);
    firn_free(out);
    task_queue_close(queue);
    item = box(3);
    assert_false(task_queue_push(queue, &item));
    assert_int_equal(atomic_load(&dropped), 1);
    task_queue_free(queue);
    assert_int_equal(atomic_load(&dropped), 2);
    task_queue_free(NULL);
}

enum { PRODUCERS = 4, CONSUMERS = 3, ITEMS = 5000 };

typedef struct traffic {
    task_queue          *queue;
    atomic_uint_fast64_t sum, popped;
} traffic;

static firn_status
produce(void *state, firn_error *err)
{
    traffic *t = state;
    (void) err;

    for (int i = 1; i <= ITEMS; i++) {
        int *item = firn_alloc(sizeof *item);
        if (!item) return firn_fail_memory(err, "an item");
        *item = i;
        task_queue_push(t->queue, &item);
    }
    return FIRN_OK;
}

static firn_status
consume(void *state, firn_error *err)
{
    traffic *t = state;
    int     *item;
    (void) err;

    while (task_queue_pop(t->queue, &item)) {
        atomic_fetch_add(&t->sum, (uint64_t) *item);
        atomic_fetch_add(&t->popped, 1);
        firn_free(item);
    }
    return FIRN_OK;
}

static void
every_item_arrives_once_under_contention(void **state)
{
    traffic                                 t = {.queue = task_queue_new(sizeof(int *), 5, drop_box)};
    FIRN_AUTO(task_group_freep) task_group *producers = task_group_new(NULL), *consumers = task_group_new(NULL);
    firn_error                              err = {0};
    (void) state;

    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(task_group_spawn(consumers, "consumer", consume, &t, &err), FIRN_OK);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(task_group_spawn(producers, "producer", produce, &t, &err), FIRN_OK);
    }
    assert_int_equal(task_group_join(producers, &err), FIRN_OK);
    task_queue_close(t.queue);
    assert_int_equal(task_group_join(consumers, &err), FIRN_OK);

    assert_int_equal(t.popped, PRODUCERS * ITEMS);
    assert_true(t.sum == (uint64_t) PRODUCERS * ITEMS * (ITEMS + 1) / 2);
    task_queue_free(t.queue);
}

static void
close_wakes_blocked_threads(void **state)
{
    traffic                                 t = {.queue = task_queue_new(sizeof(int *), 1, drop_box)};
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_error                              err = {0};
    (void) state;
    atomic_store(&dropped, 0);

    assert_int_equal(task_group_spawn(group, "producer", produce, &t, &err), FIRN_OK);
    task_queue_close(t.queue);
    assert_int_equal(task_group_join(group, &err), FIRN_OK);
    task_queue_free(t.queue);
    assert_int_equal(atomic_load(&dropped), ITEMS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order_and_the_rest_after_close),
        cmocka_unit_test(undelivered_items_are_dropped),
        cmocka_unit_test(every_item_arrives_once_under_contention),
        cmocka_unit_test(close_wakes_blocked_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
