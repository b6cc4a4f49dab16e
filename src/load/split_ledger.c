#include "load/split_ledger.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "load/split_result.h"
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "splits.jsonl"
#define PATH_BYTES_MAX 4096
#define LEDGER_BYTES_MAX ((size_t) 4 << 30)

struct split_ledger {
    task_lock    *guard; /* of fd, size_bytes and failure: a line is written as a whole */
    int           fd;
    uint64_t      size_bytes;
    firn_error    failure; /* the first */
    firn_arena    arena;   /* of the tables below */
    ledger_table *tables;  /* what an earlier run has done */
};

static bool
make_path(const char *folder, char out[PATH_BYTES_MAX])
{
    return snprintf(out, PATH_BYTES_MAX, "%s/" FILE_NAME, folder) < PATH_BYTES_MAX;
}

void
split_ledger_remove(const char *folder)
{
    char path[PATH_BYTES_MAX];

    if (make_path(folder, path)) (void) unlink(path);
}

void
split_ledger_free(split_ledger *ledger)
{
    if (!ledger) return;
    for (ledger_table *table = ledger->tables; table; table = table->next) {
        split_line_done(&table->line);
        data_file_list_done(&table->files);
    }
    if (ledger->fd >= 0) (void) close(ledger->fd);
    task_lock_free(ledger->guard);
    firn_arena_done(&ledger->arena);
    firn_free(ledger);
}

/* ---- writing ---- */

/* Half a line must not be left for the next one to be glued to. */
static void
append(split_ledger *l, firn_slice line)
{
    firn_error failed = {0};

    task_lock_hold(l->guard);
    if (!l->failure.status && file_write_all(l->fd, line.data, line.size, FILE_NAME, &failed)) {
        (void) !ftruncate(l->fd, (off_t) l->size_bytes);
        l->failure = failed;
    }
    if (!l->failure.status) l->size_bytes += line.size;
    task_lock_release(l->guard);
}

static void
keep_failure(split_ledger *l, const firn_error *failure)
{
    task_lock_hold(l->guard);
    if (!l->failure.status) l->failure = *failure;
    task_lock_release(l->guard);
}

bool
split_ledger_failed(split_ledger *l, firn_error *ret_failure)
{
    bool failed;

    task_lock_hold(l->guard);
    failed = l->failure.status != FIRN_OK;
    if (failed && ret_failure) *ret_failure = l->failure;
    task_lock_release(l->guard);
    return failed;
}

static void
begin_line(jwriter *w, firn_buffer *out, const char *type, firn_error *err)
{
    firn_buffer_init(out, SPLIT_LINE_BYTES_MAX);
    jwrite_begin(w, out, false, err);
    jwrite_object(w);
    jwrite_member_text(w, "type", type);
}

static void
end_line(split_ledger *l, jwriter *w, firn_buffer *out, firn_error *err)
{
    jwrite_object_end(w);
    if (jwrite_end(w) || firn_buffer_add_byte(out, '\n', err)) keep_failure(l, err);
    else append(l, firn_buffer_slice(out));
}

void
split_ledger_begin(split_ledger *l, const split_line *line, const source_split splits[])
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              failed = {0};
    jwriter                                 w;

    begin_line(&w, &text, "table", &failed);
    split_line_write_task(line, &w);
    jwrite_key(&w, "pieces");
    jwrite_array(&w);
    for (unsigned i = 0; i < line->count; i++) {
        jwrite_object(&w);
        jwrite_member_text(&w, "text", splits[i].text);
        jwrite_member_i64(&w, "rows", (int64_t) splits[i].row_estimate);
        jwrite_member_i64(&w, "bytes", (int64_t) splits[i].size_bytes_estimate);
        jwrite_object_end(&w);
    }
    jwrite_array_end(&w);
    end_line(l, &w, &text, &failed);
}

void
split_ledger_note(split_ledger *l, const char *commit, const load_group *group)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              failed = {0};
    split_result                            facts = {.outcome = group->outcome, .checksum = group->checksum};
    jwriter                                 w;

    /* Borrowed: only looked at. */
    facts.files.files = (data_file *) (uintptr_t) group->files;
    facts.files.count = group->file_count;
    begin_line(&w, &text, "group", &failed);
    jwrite_member_text(&w, "commit", commit);
    jwrite_key(&w, "splits");
    jwrite_array(&w);
    for (unsigned i = 0; i < group->split_count; i++) jwrite_i64(&w, group->splits[i].index);
    jwrite_array_end(&w);
    split_facts_write(&facts, &w);
    end_line(l, &w, &text, &failed);
}

void
split_ledger_drop(split_ledger *l, const char *commit)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              failed = {0};
    jwriter                                 w;

    begin_line(&w, &text, "drop", &failed);
    jwrite_member_text(&w, "commit", commit);
    end_line(l, &w, &text, &failed);
}

/* ---- opening ---- */

static firn_status
open_file(const char *folder, int flags, split_ledger **ret_ledger, firn_error *err)
{
    FIRN_AUTO(split_ledger_freep) split_ledger *l = firn_calloc(1, sizeof *l);
    char                                        path[PATH_BYTES_MAX];

    if (!l) return firn_fail_memory(err, "a list of splits");
    l->fd = -1;
    l->guard = task_lock_new();
    if (!l->guard) return firn_fail_memory(err, "a list of splits");
    if (!make_path(folder, path)) return firn_fail(err, FIRN_E_SYSTEM, "the path of '%s' is too long", folder);
    l->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600);
    if (l->fd < 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot write '%s'", path);
    *ret_ledger = FIRN_STEAL(l);
    return FIRN_OK;
}

firn_status
split_ledger_new(const char *folder, const char *plan, split_ledger **ret_ledger, firn_error *err)
{
    FIRN_AUTO(split_ledger_freep) split_ledger *l = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer     text = {0};
    jwriter                                     w;

    FIRN_TRY(file_make_folders(folder, 0700, err));
    FIRN_TRY(open_file(folder, O_CREAT | O_TRUNC, &l, err));
    begin_line(&w, &text, "ledger", err);
    jwrite_member_i64(&w, "v", SPLIT_LINE_VERSION);
    jwrite_member_text(&w, "plan", plan);
    end_line(l, &w, &text, err);
    if (split_ledger_failed(l, err)) return err->status;
    *ret_ledger = FIRN_STEAL(l);
    return FIRN_OK;
}

/* ---- reading ---- */

typedef struct ledger_parse {
    split_ledger  *ledger;
    ledger_table **end; /* where the next table is hung on */
    const char    *plan;
    storage       *files;
    bool           begun; /* the first line was read */
    firn_error    *err;
} ledger_parse;

static firn_status
fail_line(const ledger_parse *p, const char *what)
{
    return firn_fail(p->err, FIRN_E_JSON_CORRUPT, "a line of the list of splits %s", what);
}

static ledger_table *
find_commit(const split_ledger *l, const char *commit)
{
    for (ledger_table *table = l->tables; table; table = table->next) {
        if (strcmp(table->commit, commit) == 0) return table;
    }
    return NULL;
}

static firn_status
take_pieces(const ledger_parse *p, const jdoc *doc, ledger_table *table)
{
    firn_arena   *arena = &p->ledger->arena;
    const jvalue *array = NULL;

    FIRN_TRY(jneed_array(doc, jdoc_root(doc), "pieces", &array, p->err));
    if (jcount(array) != table->line.count) return fail_line(p, "has not as many pieces as it says");
    table->piece_count = table->line.count;
    table->pieces = firn_arena_array(arena, table->piece_count, sizeof *table->pieces);
    table->done = firn_arena_array(arena, table->piece_count, sizeof *table->done);
    if (!table->pieces || !table->done) return firn_fail_memory(p->err, "a list of splits");
    for (unsigned i = 0; i < table->piece_count; i++) {
        const jvalue *piece = jat(array, i);
        source_split *split = &table->pieces[i];
        int64_t       rows = 0, bytes = 0;

        if (!jinteger(jget(piece, "rows"), &rows) || !jinteger(jget(piece, "bytes"), &bytes) || rows < 0 || bytes < 0 ||
            !jtext(jget(piece, "text")))
            return fail_line(p, "has a piece that is none");
        *split = (source_split){.index = i, .row_estimate = (uint64_t) rows, .size_bytes_estimate = (uint64_t) bytes};
        split->text = firn_arena_strdup(arena, jtext(jget(piece, "text")));
        if (!split->text) return firn_fail_memory(p->err, "a list of splits");
    }
    return FIRN_OK;
}

static firn_status
take_table(ledger_parse *p, const jdoc *doc)
{
    ledger_table *table = firn_arena_alloc(&p->ledger->arena, sizeof *table);

    if (!table) return firn_fail_memory(p->err, "a list of splits");
    *table = (ledger_table){0};
    FIRN_TRY(split_line_read_task(doc, &p->ledger->arena, &table->line, p->err));
    *p->end = table;
    p->end = &table->next;
    uuid_format(table->line.commit_id, table->commit);
    return take_pieces(p, doc, table);
}

/* *ret_all: each file is there as it was noted, and a commit will make it durable. */
static firn_status
adopt_files(const ledger_parse *p, const data_file_list *files, bool *ret_all)
{
    *ret_all = true;
    for (unsigned i = 0; i < files->count && *ret_all; i++) {
        firn_error  failed = {0};
        firn_status status =
            p->files->ops->adopt(p->files, files->files[i].path, (uint64_t) files->files[i].size_bytes, &failed);

        if (status == FIRN_NOT_FOUND || status == FIRN_CORRUPT) *ret_all = false;
        else if (status) {
            *p->err = failed;
            return status;
        }
    }
    return FIRN_OK;
}

static firn_status
mark_splits(const ledger_parse *p, const jdoc *doc, ledger_table *table)
{
    const jvalue *array = NULL;

    FIRN_TRY(jneed_array(doc, jdoc_root(doc), "splits", &array, p->err));
    for (size_t i = 0; i < jcount(array); i++) {
        int64_t index = -1;

        if (!jinteger(jat(array, i), &index) || index < 0 || index >= table->piece_count || table->done[index])
            return fail_line(p, "names a split that is not there, or twice");
        table->done[index] = true;
        table->done_count++;
    }
    return FIRN_OK;
}

static firn_status
take_group(const ledger_parse *p, const jdoc *doc)
{
    FIRN_AUTO(split_result_done) split_result group = {0};
    const char                               *commit = NULL;
    ledger_table                             *table;
    bool                                      all = false;

    FIRN_TRY(jneed_text(doc, jdoc_root(doc), "commit", &commit, p->err));
    table = find_commit(p->ledger, commit);
    if (!table) return fail_line(p, "is of a table that was not begun");
    group.line.table = table->line.table;
    FIRN_TRY(split_facts_read(doc, &group, p->err));
    group.line.table = NULL;
    if (table->dropped) return FIRN_OK;
    FIRN_TRY(adopt_files(p, &group.files, &all));
    if (!all) return FIRN_OK; /* its splits are read again */
    FIRN_TRY(mark_splits(p, doc, table));
    FIRN_TRY(data_file_list_append(&table->files, &group.files, p->err));
    table->outcome.row_count += group.outcome.row_count;
    table->outcome.server_count += group.outcome.server_count;
    table->outcome.byte_count += group.outcome.byte_count;
    table->outcome.coerced_count += group.outcome.coerced_count;
    row_checksum_merge(&table->checksum, &group.checksum);
    return FIRN_OK;
}

static firn_status
take_line(ledger_parse *p, const jdoc *doc)
{
    const jvalue *root = jdoc_root(doc);
    const char   *type = jtext(jget(root, "type")), *text = NULL;
    int64_t       version = 0;

    if (!type) return fail_line(p, "has no type");
    if (!p->begun) {
        text = jtext(jget(root, "plan"));
        if (strcmp(type, "ledger") != 0 || !jinteger(jget(root, "v"), &version) || version != SPLIT_LINE_VERSION ||
            !text || strcmp(text, p->plan) != 0)
            return fail_line(p, "is of another plan");
        p->begun = true;
        return FIRN_OK;
    }
    if (strcmp(type, "table") == 0) return take_table(p, doc);
    if (strcmp(type, "group") == 0) return take_group(p, doc);
    if (strcmp(type, "drop") != 0) return fail_line(p, "is of no known type");
    FIRN_TRY(jneed_text(doc, root, "commit", &text, p->err));
    ledger_table *table = find_commit(p->ledger, text);
    if (table) table->dropped = true;
    return FIRN_OK;
}

/* *ret_size: of the whole lines. */
static firn_status
take_lines(ledger_parse *p, firn_slice text, size_t *ret_size)
{
    const uint8_t *at = text.data, *end = text.data + text.size;

    for (const uint8_t *newline; at < end && (newline = memchr(at, '\n', (size_t) (end - at))); at = newline + 1) {
        FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

        FIRN_TRY(jdoc_parse(firn_slice_of(at, (size_t) (newline - at)), "a list of splits", &doc, p->err));
        FIRN_TRY(take_line(p, doc));
    }
    *ret_size = (size_t) (at - text.data);
    return p->begun ? FIRN_OK : fail_line(p, "is missing");
}

firn_status
split_ledger_resume(const char *folder, const char *plan, storage *files, split_ledger **ret_ledger, firn_error *err)
{
    FIRN_AUTO(split_ledger_freep) split_ledger *l = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer     text = {0};
    char                                        path[PATH_BYTES_MAX];
    size_t                                      size = 0;

    if (!files->ops->adopt) return firn_fail(err, FIRN_E_STORAGE_NOT_FOUND, "this storage keeps nothing of a crash");
    if (!make_path(folder, path)) return firn_fail(err, FIRN_E_SYSTEM, "the path of '%s' is too long", folder);
    firn_buffer_init(&text, LEDGER_BYTES_MAX);
    FIRN_TRY(file_read(path, &text, err));
    FIRN_TRY(open_file(folder, 0, &l, err));
    ledger_parse p = {.ledger = l, .end = &l->tables, .plan = plan, .files = files, .err = err};
    FIRN_TRY(take_lines(&p, firn_buffer_slice(&text), &size));
    if (ftruncate(l->fd, (off_t) size) != 0) return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot cut '%s'", path);
    l->size_bytes = size;
    *ret_ledger = FIRN_STEAL(l);
    return FIRN_OK;
}

/* ---- what was done ---- */

const ledger_table *
split_ledger_first(const split_ledger *l)
{
    return l->tables;
}

/* A table that was begun twice: the last counts. */
ledger_table *
split_ledger_find(split_ledger *l, const char *name)
{
    ledger_table *found = NULL;

    for (ledger_table *table = l->tables; table; table = table->next) {
        if (strcmp(table->line.table, name) == 0) found = table->dropped ? NULL : table;
    }
    return found;
}

ledger_table *
split_ledger_find_commit(split_ledger *l, const char *commit)
{
    ledger_table *table = find_commit(l, commit);

    return table && !table->dropped ? table : NULL;
}

bool
split_ledger_has_file(const split_ledger *l, const char *commit, const char *path)
{
    const ledger_table *table = find_commit(l, commit);

    if (!table || table->dropped) return false;
    for (unsigned i = 0; i < table->files.count; i++) {
        if (strcmp(table->files.files[i].path, path) == 0) return true;
    }
    return false;
}
