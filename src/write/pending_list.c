#include "write/pending_list.h"

#include "base/map.h"
#include "base/text.h"
#include "base/uuid.h"
#include "codec/json_reader.h"
#include "storage/location.h"

typedef struct list_parse {
    const char     *run_id;
    firn_arena     *arena;
    firn_map       *entry_by_commit;
    pending_list   *list;
    pending_entry **end; /* where the next entry is hung on */
    firn_error     *err;
} list_parse;

static firn_status
no_memory(list_parse *p)
{
    return firn_fail_memory(p->err, "a list of pending files");
}

static firn_status
entry_of_commit(list_parse *p, const char *commit_id, pending_entry **ret_entry)
{
    firn_slice     key = firn_slice_text(commit_id);
    pending_entry *entry = firn_map_get(p->entry_by_commit, key);

    if (!entry) {
        entry = firn_arena_alloc(p->arena, sizeof *entry);
        if (!entry) return no_memory(p);
        entry->commit = (pending_commit){.run_id = p->run_id, .commit_id = firn_arena_strdup(p->arena, commit_id)};
        if (!entry->commit.commit_id) return no_memory(p);
        FIRN_TRY(firn_map_put(p->entry_by_commit, key, entry, p->err));
        *p->end = entry;
        p->end = &entry->next;
    }
    *ret_entry = entry;
    return FIRN_OK;
}

/* Whether firn can have announced this file. */
static bool
is_file_of(const char *path, const char *data_location, const char *commit_id)
{
    return location_is_below(path, data_location) && !strstr(path, "/..") &&
           text_starts_with(location_name(path), commit_id);
}

static firn_status
read_file_line(list_parse *p, const jvalue *line, const char *commit_id, const char *path)
{
    const char    *table = jtext(jget(line, "table")), *location = jtext(jget(line, "location"));
    pending_entry *entry = NULL;
    pending_path  *item;

    if (!table || !location || !is_file_of(path, location, commit_id)) {
        p->list->damaged = true;
        return FIRN_OK;
    }
    FIRN_TRY(entry_of_commit(p, commit_id, &entry));
    if (!entry->commit.table) {
        entry->commit.table = firn_arena_strdup(p->arena, table);
        entry->commit.data_location = firn_arena_strdup(p->arena, location);
        if (!entry->commit.table || !entry->commit.data_location) return no_memory(p);
    }
    if (strcmp(entry->commit.table, table) != 0 || strcmp(entry->commit.data_location, location) != 0) {
        p->list->damaged = true;
        return FIRN_OK;
    }
    item = firn_arena_alloc(p->arena, sizeof *item);
    if (!item || !(item->path = firn_arena_strdup(p->arena, path))) return no_memory(p);
    item->next = entry->paths;
    entry->paths = item;
    entry->commit.file_count++;
    return FIRN_OK;
}

static firn_status
read_line(list_parse *p, const jvalue *line)
{
    const char    *commit_id = jtext(jget(line, "commit")), *path = jtext(jget(line, "file"));
    pending_entry *entry = NULL;
    bool           offered = false, done = false;
    firn_uuid      id;

    if (!commit_id || !uuid_parse(firn_slice_text(commit_id), &id)) {
        p->list->damaged = true;
        return FIRN_OK;
    }
    if (path) return read_file_line(p, line, commit_id, path);
    if (!(jbool(jget(line, "offered"), &offered) && offered) && !(jbool(jget(line, "done"), &done) && done)) {
        p->list->damaged = true;
        return FIRN_OK;
    }
    FIRN_TRY(entry_of_commit(p, commit_id, &entry));
    entry->commit.offered = entry->commit.offered || offered;
    entry->done = entry->done || done;
    return FIRN_OK;
}

static firn_status
read_lines(list_parse *p, firn_slice text)
{
    const uint8_t *at = text.data, *end = at + text.size;

    /* What is behind the last newline was being written. */
    for (const uint8_t *newline; at < end && (newline = memchr(at, '\n', (size_t) (end - at))); at = newline + 1) {
        FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;

        if (jdoc_parse(firn_slice_of(at, (size_t) (newline - at)), "a list of pending files", &doc, p->err)) {
            if (p->err->status == FIRN_NO_MEMORY) return p->err->status;
            firn_error_reset(p->err);
            p->list->damaged = true;
            continue;
        }
        FIRN_TRY(read_line(p, jdoc_root(doc)));
    }
    return FIRN_OK;
}

firn_status
pending_list_read(firn_slice text, const char *run_id, firn_arena *arena, pending_list *ret_list, firn_error *err)
{
    FIRN_AUTO(firn_map_freep) firn_map *entry_by_commit = firn_map_new();
    pending_list list = {0};
    list_parse   p = {.run_id = run_id,
                      .arena = arena,
                      .entry_by_commit = entry_by_commit,
                      .list = &list,
                      .end = &list.entries,
                      .err = err};

    if (!entry_by_commit) return no_memory(&p);
    FIRN_TRY(read_lines(&p, text));
    for (pending_entry *entry = list.entries; entry; entry = entry->next)
        entry->commit.offered = entry->commit.offered || list.damaged;
    *ret_list = list;
    return FIRN_OK;
}
