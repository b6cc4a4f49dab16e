#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/config_schema.h"
#include "cli/init_template.h"
#include "cli/session.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"

#define GITIGNORE_BYTES_MAX ((size_t) 1 << 20)
#define FILES_MAX 16

typedef struct written_file {
    const char *path;
    const char *what; /* "written", "kept", "updated" */
} written_file;

typedef struct init_job {
    session     *s;
    const char  *folder;
    written_file files[FILES_MAX];
    unsigned     file_count;
} init_job;

static firn_status
write_file(init_job *job, const char *path, unsigned mode, firn_slice text, bool replace, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer before = {0};
    const char                             *full = firn_arena_printf(&job->s->arena, "%s/%s", job->folder, path);
    const char                             *what = "written";

    if (!full) return firn_fail_memory(err, "a path");
    if (file_exists(full)) {
        firn_buffer_init(&before, GITIGNORE_BYTES_MAX);
        FIRN_TRY(file_read(full, &before, err));
        if (!replace || firn_slice_equal(firn_buffer_slice(&before), text)) {
            what = "kept";
        } else {
            what = "updated";
        }
    }
    if (strcmp(what, "kept") != 0) FIRN_TRY(file_write_atomic(full, text, mode, err));
    assert(job->file_count < FILES_MAX);
    job->files[job->file_count++] = (written_file){path, what};
    return FIRN_OK;
}

static firn_status
make_folder(const init_job *job, const char *name, firn_error *err)
{
    const char *path = firn_arena_printf(&job->s->arena, "%s/%s", job->folder, name);

    if (!path) return firn_fail_memory(err, "a path");
    return file_make_folders(path, 0755, err);
}

/* Schemas follow the program's version, so they are always written anew. */
static firn_status
write_schemas(init_job *job, firn_error *err)
{
    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        const char *path = firn_arena_printf(&job->s->arena, "config/.firn/%s.schema.json", config_kind_name(kind));
        if (!path) return firn_fail_memory(err, "a path");
        firn_buffer_init(&text, GITIGNORE_BYTES_MAX);
        FIRN_TRY(config_schema_add(kind, &text, err));
        FIRN_TRY(write_file(job, path, 0644, firn_buffer_slice(&text), true, err));
    }
    return FIRN_OK;
}

/* Replaces the block between the marks, or adds it; the rest of the file is the user's. */
static firn_status
write_gitignore(init_job *job, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer before = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer after = {0};
    const char                             *path = firn_arena_printf(&job->s->arena, "%s/.gitignore", job->folder);

    if (!path) return firn_fail_memory(err, "a path");
    firn_buffer_init(&before, GITIGNORE_BYTES_MAX);
    firn_buffer_init(&after, GITIGNORE_BYTES_MAX * 2);
    if (file_exists(path)) FIRN_TRY(file_read(path, &before, err));
    FIRN_TRY(firn_buffer_add_byte(&before, 0, err));
    const char *text = (const char *) before.data, *begin = strstr(text, INIT_GITIGNORE_BEGIN);
    const char *end = begin ? strstr(begin, INIT_GITIGNORE_END) : NULL;
    if (begin && end) {
        end += strlen(INIT_GITIGNORE_END);
        if (*end == '\n') end++;
    } else {
        begin = end = text + strlen(text);
    }
    FIRN_TRY(firn_buffer_add(&after, text, (size_t) (begin - text), err));
    if (after.size && after.data[after.size - 1] != '\n') FIRN_TRY(firn_buffer_add_byte(&after, '\n', err));
    FIRN_TRY(firn_buffer_add_text(&after, init_template_gitignore(), err));
    FIRN_TRY(firn_buffer_add_text(&after, end, err));
    return write_file(job, ".gitignore", 0644, firn_buffer_slice(&after), true, err);
}

static firn_status
show(const init_job *job, firn_error *err)
{
    session           *s = job->s;
    static const char *headers[] = {"file", ""};
    const char        *format = settings_text(&s->values, OPTION_FORMAT);
    table_print        table;
    jwriter            w;

    if (format && strcmp(format, "json") == 0) {
        jwrite_begin(&w, &s->result, true, err);
        jwrite_array(&w);
        for (unsigned i = 0; i < job->file_count; i++) {
            jwrite_object(&w);
            jwrite_member_text(&w, "file", job->files[i].path);
            jwrite_member_text(&w, "result", job->files[i].what);
            jwrite_object_end(&w);
        }
        jwrite_array_end(&w);
        FIRN_TRY(jwrite_end(&w));
        return firn_buffer_add_byte(&s->result, '\n', err);
    }
    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    for (unsigned i = 0; i < job->file_count; i++) {
        const char *cells[] = {job->files[i].path, job->files[i].what};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    FIRN_TRY(table_print_write(&table, &s->result, err));
    return firn_buffer_printf(&s->result, err,
                              "\nNext: copy config/sources.yaml.template to config/sources.yaml, fill it in, and run\n"
                              "      firn check --source shop\n");
}

firn_status
cmd_init_run(session *s, firn_error *err)
{
    init_job job = {.s = s, .folder = s->project_root};
    bool     force = settings_flag(&s->values, OPTION_FORCE);

    if (s->line.operand_count) FIRN_TRY(session_path(s, s->line.operands[0], &job.folder, err));
    FIRN_TRY(make_folder(&job, "config/.firn", err));
    for (const init_template *t = init_template_table(); t->path; t++) {
        FIRN_TRY(write_file(&job, t->path, t->mode, firn_slice_text(t->text), force, err));
    }
    FIRN_TRY(write_schemas(&job, err));
    FIRN_TRY(write_gitignore(&job, err));
    return show(&job, err);
}
