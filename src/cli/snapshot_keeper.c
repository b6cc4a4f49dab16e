#include "cli/snapshot_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "task/task.h"

#define SELF "/proc/self/exe"
#define TEXT_BYTES_MAX ((size_t) 64 << 10)
#define PROGRAM_TEXT_MAX 128
/* One that was begun just before the load died may still be connecting. */
#define READY_TRIES 60
#define READY_PAUSE_MS 50
/* One that we have begun: it starts, connects and takes the snapshot over. */
#define HELD_TRIES 3000
#define HELD_PAUSE_MS 5

struct snapshot_keeper {
    session             *s;
    const load_settings *settings;
    load_keeper          ops;
    const char          *fifo, *file; /* paths */
    task_lock           *guard;       /* of those below */
    int                  fd;          /* of the FIFO; -1: none is held */
    pid_t                child;       /* 0: it is not ours */
};

/* ---- what is said ---- */

/* Version and build: rows must be made by the same code. */
static void
describe_program(char out[PROGRAM_TEXT_MAX])
{
    struct stat facts = {0};

    (void) stat(SELF, &facts);
    (void) snprintf(out, PROGRAM_TEXT_MAX, "firn %s, %lld bytes of %lld.%09ld", FIRN_VERSION, (long long) facts.st_size,
                    (long long) facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

firn_status
kept_point_add(const session *s, const load_settings *settings, const kept_point *kept, firn_buffer *out,
               firn_error *err)
{
    char    program[PROGRAM_TEXT_MAX];
    jwriter w;

    describe_program(program);
    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "program", program);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    jwrite_member_text(&w, "schema_name", settings->schema_name);
    jwrite_member_text(&w, "plan", kept->plan);
    jwrite_member_text(&w, "identity", kept->point.identity);
    jwrite_member_text(&w, "position", kept->point.position);
    jwrite_member_text(&w, "version", kept->point.version);
    jwrite_member_text(&w, "snapshot", kept->point.snapshot);
    jwrite_member_text(&w, "visible", kept->point.visible);
    jwrite_member_bool(&w, "exact", kept->point.exact);
    jwrite_member_bool(&w, "slot_created", kept->point.slot_created);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
check_same(const jdoc *doc, const char *key, const char *wanted, firn_error *err)
{
    const char *text = NULL;

    FIRN_TRY(jneed_text(doc, jdoc_root(doc), key, &text, err));
    if (strcmp(text, wanted) == 0) return FIRN_OK;
    return firn_fail(err, FIRN_E_PLAN_MISMATCH, "the snapshot is held for another %s: '%.100s', not '%.100s'", key, text,
                     wanted);
}

static firn_status
take_text(const jdoc *doc, const char *key, char out[], size_t size, firn_error *err)
{
    const char *text = NULL;

    FIRN_TRY(jneed_text(doc, jdoc_root(doc), key, &text, err));
    if (strlen(text) >= size) return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' of a held snapshot is too long", key);
    (void) snprintf(out, size, "%s", text);
    return FIRN_OK;
}

firn_status
kept_point_read(const session *s, const load_settings *settings, firn_slice text, kept_point *ret_kept, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    kept_point                  kept = {0};
    source_point               *point = &kept.point;
    char                        program[PROGRAM_TEXT_MAX];

    describe_program(program);
    FIRN_TRY(jdoc_parse(text, "a held snapshot", &doc, err));
    FIRN_TRY(check_same(doc, "program", program, err));
    FIRN_TRY(check_same(doc, "source", settings_text(&s->values, OPTION_SOURCE), err));
    FIRN_TRY(check_same(doc, "schema_name", settings->schema_name, err));
    FIRN_TRY(take_text(doc, "plan", kept.plan, sizeof kept.plan, err));
    FIRN_TRY(take_text(doc, "identity", point->identity, sizeof point->identity, err));
    FIRN_TRY(take_text(doc, "position", point->position, sizeof point->position, err));
    FIRN_TRY(take_text(doc, "version", point->version, sizeof point->version, err));
    FIRN_TRY(take_text(doc, "snapshot", point->snapshot, sizeof point->snapshot, err));
    FIRN_TRY(take_text(doc, "visible", point->visible, sizeof point->visible, err));
    if (!jbool(jget(jdoc_root(doc), "exact"), &point->exact) ||
        !jbool(jget(jdoc_root(doc), "slot_created"), &point->slot_created))
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "a held snapshot has no whole description");
    *ret_kept = kept;
    return FIRN_OK;
}

/* ---- finding one ---- */

static firn_status
read_kept(const snapshot_keeper *k, kept_point *ret_kept, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    FIRN_TRY(file_read(k->file, &text, err));
    return kept_point_read(k->s, k->settings, firn_buffer_slice(&text), ret_kept, err);
}

/* Whether the FIFO still has its reader. */
static bool
is_read(int fd)
{
    struct pollfd watched = {fd, POLLOUT, 0};

    return poll(&watched, 1, 0) >= 0 && !(watched.revents & POLLERR);
}

/* Opens it for writing only where somebody reads. The guard is held. */
static bool
find_holder(snapshot_keeper *k)
{
    if (k->fd < 0) k->fd = open(k->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    return k->fd >= 0;
}

static void
close_holder(snapshot_keeper *k)
{
    if (k->fd >= 0) (void) close(k->fd);
    k->fd = -1;
}

static bool
find(void *state, kept_point *ret_kept)
{
    snapshot_keeper *k = state;
    bool             found = false;

    task_lock_hold(k->guard);
    for (int i = 0; find_holder(k) && is_read(k->fd) && i < READY_TRIES; i++) {
        firn_error  err = {0};
        firn_status status = read_kept(k, ret_kept, &err);

        found = status == FIRN_OK;
        if (status != FIRN_NOT_FOUND) break;
        (void) poll(NULL, 0, READY_PAUSE_MS);
    }
    if (!found) close_holder(k);
    task_lock_release(k->guard);
    return found;
}

/* ---- ending it ---- */

/* One that we have started can be ended and waited for, whatever it does; another is told. The guard is held. */
static void
end_holder(snapshot_keeper *k)
{
    static const char message = SNAPSHOT_KEEPER_END;

    if (k->child > 0) {
        (void) kill(k->child, SIGTERM);
        (void) waitpid(k->child, NULL, 0);
        k->child = 0;
    } else if (find_holder(k)) {
        (void) !write(k->fd, &message, 1);
    }
    close_holder(k);
    (void) unlink(k->fifo);
    (void) unlink(k->file);
}

static void
end(void *state)
{
    snapshot_keeper *k = state;

    task_lock_hold(k->guard);
    end_holder(k);
    task_lock_release(k->guard);
}

/* ---- starting one ---- */

static void
close_end(const int *fd)
{
    if (*fd >= 0) (void) close(*fd);
}

static void
actions_done(posix_spawn_file_actions_t *actions)
{
    (void) posix_spawn_file_actions_destroy(actions);
}

static void
attributes_done(posix_spawnattr_t *attributes)
{
    (void) posix_spawnattr_destroy(attributes);
}

/* In a session of its own, so that Ctrl-C does not reach it, and with nothing of ours open. */
static int
spawn(snapshot_keeper *k, int input)
{
    FIRN_AUTO(actions_done) posix_spawn_file_actions_t actions;
    FIRN_AUTO(attributes_done) posix_spawnattr_t       attributes;
    sigset_t                                           none;
    const char *const arguments[] = {"firn",
                                     "hold-snapshot",
                                     "--source",
                                     settings_text(&k->s->values, OPTION_SOURCE),
                                     "--project-root",
                                     k->s->project_root,
                                     "--config-dir",
                                     k->s->config_dir,
                                     NULL};

    (void) posix_spawn_file_actions_init(&actions);
    (void) posix_spawnattr_init(&attributes);
    (void) sigemptyset(&none);
    (void) posix_spawnattr_setsigmask(&attributes, &none);
    (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    (void) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void) posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void) posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    return posix_spawn(&k->child, SELF, &actions, &attributes, (char *const *) (uintptr_t) arguments, environ);
}

/* The FIFO is opened for both, so that opening does not wait; the reader that counts is the holder. */
static firn_status
begin_holder(snapshot_keeper *k, const kept_point *kept, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    FIRN_AUTO(close_end) int                input = -1;
    FIRN_AUTO(close_end) int                output = -1;
    int                                     ends[2], failed;

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    FIRN_TRY(kept_point_add(k->s, k->settings, kept, &text, err));
    FIRN_TRY(file_make_folders(k->settings->state_folder, 0700, err));
    if (mkfifo(k->fifo, 0600) != 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot make '%s'", k->fifo);
    k->fd = open(k->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (k->fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot open '%s'", k->fifo);
    if (pipe2(ends, O_CLOEXEC) != 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot make a pipe");
    input = ends[0];
    output = ends[1];
    /* Less than a pipe holds: this never waits. */
    FIRN_TRY(file_write_all(output, text.data, text.size, "a pipe", err));
    failed = spawn(k, input);
    if (!failed) return FIRN_OK;
    k->child = 0;
    return firn_fail_errno(err, FIRN_E_SYSTEM, failed, "cannot start the process that holds the snapshot");
}

/* Only what is held is worth noting: who dies before has kept nothing. The file is the holder's word (end_holder has
 * removed any other). The guard is held. */
static firn_status
wait_until_held(snapshot_keeper *k, firn_error *err)
{
    int status = 0;

    for (int i = 0; i < HELD_TRIES; i++) {
        if (file_exists(k->file)) return FIRN_OK;
        if (waitpid(k->child, &status, WNOHANG) == k->child) {
            k->child = 0;
            return firn_fail(err, FIRN_E_SYSTEM, "the process that holds the snapshot ended with %s %d",
                             WIFEXITED(status) ? "exit code" : "signal",
                             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        }
        (void) poll(NULL, 0, HELD_PAUSE_MS);
    }
    return firn_fail(err, FIRN_E_SYSTEM, "the process that holds the snapshot does not get hold of it");
}

static firn_status
keep(void *state, const kept_point *kept, firn_error *err)
{
    snapshot_keeper *k = state;

    task_lock_hold(k->guard);
    end_holder(k);
    if (begin_holder(k, kept, err) || wait_until_held(k, err)) end_holder(k);
    task_lock_release(k->guard);
    return err->status;
}

/* ---- making one ---- */

firn_status
snapshot_keeper_new(session *s, const load_settings *settings, snapshot_keeper **ret_keeper, firn_error *err)
{
    FIRN_AUTO(snapshot_keeper_freep) snapshot_keeper *k = firn_calloc(1, sizeof *k);

    if (!k) return firn_fail_memory(err, "the keeper of a snapshot");
    k->s = s;
    k->settings = settings;
    k->fd = -1;
    k->ops = (load_keeper){.state = k, .find = find, .keep = keep, .end = end};
    k->fifo = firn_arena_printf(&s->arena, "%s/" SNAPSHOT_KEEPER_FIFO, settings->state_folder);
    k->file = firn_arena_printf(&s->arena, "%s/" SNAPSHOT_KEEPER_FILE, settings->state_folder);
    k->guard = task_lock_new();
    if (!k->fifo || !k->file || !k->guard) return firn_fail_memory(err, "the keeper of a snapshot");
    *ret_keeper = FIRN_STEAL(k);
    return FIRN_OK;
}

void
snapshot_keeper_free(snapshot_keeper *k)
{
    if (!k) return;
    close_holder(k);
    task_lock_free(k->guard);
    firn_free(k);
}

const load_keeper *
snapshot_keeper_ops(const snapshot_keeper *k)
{
    return &k->ops;
}
