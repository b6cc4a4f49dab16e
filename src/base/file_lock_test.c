#include "base/file_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

typedef struct place {
    char folder[64], path[96];
} place;

static int
set_up(void **state)
{
    place *p = calloc(1, sizeof *p);

    (void) snprintf(p->folder, sizeof p->folder, "file_lock_test.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void) snprintf(p->path, sizeof p->path, "%s/state/lock", p->folder);
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    place *p = *state;
    char   folder[96];

    (void) snprintf(folder, sizeof folder, "%s/state", p->folder);
    (void) unlink(p->path);
    (void) rmdir(folder);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

/* Another process that holds the lock until it is killed. */
static pid_t
start_holder(const char *path)
{
    int   ready[2];
    char  byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        file_lock *lock = NULL;
        firn_error err = {0};
        byte = file_lock_take(path, "firn load --source shop", &lock, &err) == FIRN_OK ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) (void) pause();
    }
    (void) close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void) close(ready[0]);
    assert_int_equal(byte, 'y');
    return pid;
}

static void
end_holder(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void
the_second_process_is_told_who_holds_the_lock(void **state)
{
    place     *p = *state;
    file_lock *lock = NULL;
    firn_error err = {0};
    char       process[32];
    pid_t      holder = start_holder(p->path);

    assert_int_equal(file_lock_take(p->path, "firn load", &lock, &err), FIRN_UNAVAILABLE);

    end_holder(holder);
    assert_null(lock);
    assert_int_equal(err.code, FIRN_E_LOAD_RUNNING);
    (void) snprintf(process, sizeof process, "process %ld on ", (long) holder);
    assert_non_null(strstr(err.cause, "firn load --source shop, "));
    assert_non_null(strstr(err.cause, process));
    assert_non_null(strstr(err.cause, ", since 20"));
    assert_non_null(strstr(err.hint, p->path));
}

static void
the_lock_goes_with_a_killed_process(void **state)
{
    place     *p = *state;
    file_lock *lock = NULL;
    firn_error err = {0};

    end_holder(start_holder(p->path));

    assert_int_equal(file_lock_take(p->path, "firn load", &lock, &err), FIRN_OK);
    file_lock_free(lock);
}

static void
a_lock_that_was_given_back_can_be_taken_again(void **state)
{
    place      *p = *state;
    file_lock  *lock = NULL;
    firn_buffer text = {0};
    firn_error  err = {0};
    char        process[32];

    for (int i = 0; i < 3; i++) {
        assert_int_equal(file_lock_take(p->path, "firn load", &lock, &err), FIRN_OK);
        file_lock_free(lock);
    }
    /* The longer text of an earlier holder leaves nothing behind the newer one's. */
    end_holder(start_holder(p->path));
    assert_int_equal(file_lock_take(p->path, "a", &lock, &err), FIRN_OK);
    firn_buffer_init(&text, 4096);
    assert_int_equal(file_read(p->path, &text, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&text, 0, &err), FIRN_OK);
    (void) snprintf(process, sizeof process, "a, process %ld on", (long) getpid());
    assert_int_equal(strncmp((const char *) text.data, process, strlen(process)), 0);
    assert_ptr_equal(strchr((const char *) text.data, '\n'), text.data + text.size - 2);
    file_lock_free(lock);
    firn_buffer_reset(&text);
    assert_int_equal(file_read(p->path, &text, &err), FIRN_OK);
    assert_int_equal(text.size, 0); /* nobody holds it, and nobody is named */
    firn_buffer_done(&text);
}

/* A holder that has not written its name yet: a killed one's may be there still. */
static void
a_dead_holder_is_not_named(void **state)
{
    place     *p = *state;
    file_lock *lock = NULL;
    firn_error err = {0};
    char       dead[32];
    pid_t      killed = start_holder(p->path), silent;
    int        ready[2];
    char       byte;

    end_holder(killed);
    assert_int_equal(pipe(ready), 0);
    silent = fork();
    assert_true(silent >= 0);
    if (silent == 0) {
        int fd = open(p->path, O_RDWR);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(ready[1], "r", 1) != 1) _exit(1);
        for (;;) (void) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void) close(ready[0]);
    (void) close(ready[1]);

    assert_int_equal(file_lock_take(p->path, "firn load", &lock, &err), FIRN_UNAVAILABLE);

    end_holder(silent);
    (void) snprintf(dead, sizeof dead, "process %ld", (long) killed);
    assert_null(strstr(err.cause, dead));
    assert_non_null(strstr(err.cause, "another process"));
}

/* The file's descriptor is not handed to programs that a holder starts, or these would hold the lock on. */
static void
a_child_that_runs_another_program_does_not_keep_the_lock(void **state)
{
    place     *p = *state;
    file_lock *lock = NULL, *again = NULL;
    firn_error err = {0};
    int        status;
    pid_t      child;

    assert_int_equal(file_lock_take(p->path, "firn load", &lock, &err), FIRN_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void) execl("/bin/sleep", "sleep", "60", (char *) NULL);
        _exit(127);
    }
    /* Until the program runs, the child has the descriptor. */
    for (int i = 0; i < 1000; i++) {
        char name[64], target[256];
        (void) snprintf(name, sizeof name, "/proc/%ld/exe", (long) child);
        ssize_t size = readlink(name, target, sizeof target - 1);
        if (size > 0 && (target[size] = 0, !strstr(target, "file_lock_test"))) break;
        (void) poll(NULL, 0, 5);
    }
    file_lock_free(lock);

    assert_int_equal(file_lock_take(p->path, "firn load", &again, &err), FIRN_OK);
    file_lock_free(again);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void
an_unwritable_place_is_an_error_with_its_path(void **state)
{
    file_lock *lock = NULL;
    firn_error err = {0};
    (void) state;

    assert_int_not_equal(file_lock_take("/proc/no-such-folder/lock", "firn load", &lock, &err), FIRN_OK);
    assert_null(lock);
    assert_non_null(strstr(err.cause, "/proc/no-such-folder"));
    file_lock_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_process_is_told_who_holds_the_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_lock_goes_with_a_killed_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_that_was_given_back_can_be_taken_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dead_holder_is_not_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_that_runs_another_program_does_not_keep_the_lock, set_up, tear_down),
        cmocka_unit_test(an_unwritable_place_is_an_error_with_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
