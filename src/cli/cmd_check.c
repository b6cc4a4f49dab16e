#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/uuid.h"
#include "cli/check_connect.h"
#include "cli/connect.h"
#include "cli/option_help.h"
#include "cli/session.h"
#include "codec/json_writer.h"
#include "storage/location.h"

#define WIDTH 120
#define SUBJECT_COLUMNS 34

/* All findings, in the order in which they are shown. */
typedef struct check_job {
    session        *s;
    unsigned        count, capacity;
    source_finding *findings;
    unsigned        error_count, warning_count;
} check_job;

static firn_status
add_finding(check_job *job, source_finding finding, firn_error *err)
{
    if (!finding.subject || !finding.text) return firn_fail_memory(err, "the findings");
    if (job->count == job->capacity) {
        unsigned        capacity = job->capacity ? job->capacity * 2 : 64;
        source_finding *grown = firn_arena_array(&job->s->arena, capacity, sizeof *grown);
        if (!grown) return firn_fail_memory(err, "the findings");
        if (job->count) memcpy(grown, job->findings, job->count * sizeof *grown);
        job->findings = grown;
        job->capacity = capacity;
    }
    job->error_count += finding.level == FINDING_ERROR;
    job->warning_count += finding.level == FINDING_WARNING;
    job->findings[job->count++] = finding;
    return FIRN_OK;
}

static firn_status
add_findings(check_job *job, const source_findings *findings, firn_error *err)
{
    for (unsigned i = 0; i < findings->count; i++) {
        FIRN_TRY(add_finding(job, findings->findings[i], err));
    }
    return FIRN_OK;
}

/* ---- the configuration ---- */

static firn_status
check_files(check_job *job, firn_error *err)
{
    session *s = job->s;

    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        const config_file *file = &s->files[kind];
        const char        *path = firn_arena_printf(&s->arena, "%s/%s.yaml", s->config_dir, config_kind_name(kind));
        if (!path) return firn_fail_memory(err, "the findings");
        FIRN_TRY(add_finding(job,
                             (source_finding){file->root ? FINDING_OK : FINDING_NOTE, "configuration",
                                              firn_arena_printf(&s->arena, file->root ? "%s" : "%s is not there", path),
                                              NULL},
                             err));
        if (file->literal_secret)
            FIRN_TRY(
                add_finding(job,
                            (source_finding){FINDING_WARNING, "secret",
                                             firn_arena_printf(&s->arena, "%s:%u: '%s' is written in clear", file->path,
                                                               file->literal_secret_line, file->literal_secret),
                                             "put it into .env or a file, and write ${NAME} or ${file:/path} instead"},
                            err));
    }
    if (s->environment.loose)
        FIRN_TRY(
            add_finding(job,
                        (source_finding){FINDING_WARNING, "secret",
                                         firn_arena_printf(&s->arena, "%s is readable by others", s->environment.path),
                                         firn_arena_printf(&s->arena, "chmod 600 %s", s->environment.path)},
                        err));
    return FIRN_OK;
}

/* ---- the warehouse ---- */

/* Writes, reads and removes one object. */
static firn_status
probe(const lake_connection *lake, const char *location, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer back = {0};
    static const char                       text[] = "firn check: this object can be removed\n";

    firn_buffer_init(&back, sizeof text);
    FIRN_TRY(lake->files->ops->put_new(lake->files, location, firn_slice_text(text), err));
    firn_status status = storage_read_all(lake->files, location, &back, err);
    if (status == FIRN_OK && !firn_slice_equal(firn_buffer_slice(&back), firn_slice_text(text)))
        status = firn_fail(err, FIRN_E_STORAGE_IO, "'%s' reads back differently", location);
    if (status != FIRN_OK) {
        firn_error ignored = {0};
        if (lake->files->ops->remove(lake->files, location, &ignored) != FIRN_OK) firn_error_reset(&ignored);
        return status;
    }
    return lake->files->ops->remove(lake->files, location, err);
}

static firn_status
check_warehouse(check_job *job, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    session                                        *s = job->s;
    char                                            id[UUID_TEXT_SIZE];
    firn_error                                      found = {0};
    const char *catalog_name = settings_text(&s->values, OPTION_CATALOG_NAME), *path = NULL;

    FIRN_TRY(connect_lake(s, &lake, err));
    bool existed = location_path(lake.warehouse, &path, err) == FIRN_OK && file_exists(path);
    FIRN_TRY(err->status);
    uuid_format(uuid_v7(), id);
    const char *location = firn_arena_printf(&s->arena, "%s/.firn-check-%s", lake.warehouse, id);
    if (!location) return firn_fail_memory(err, "the findings");
    if (probe(&lake, location, &found) == FIRN_OK) {
        /* A check leaves nothing behind, not even an empty folder. */
        if (!existed && lake.files->ops->remove_tree(lake.files, lake.warehouse, &found) != FIRN_OK)
            firn_error_reset(&found);
        return add_finding(
            job,
            (source_finding){FINDING_OK, "warehouse",
                             firn_arena_printf(&s->arena, "catalog '%s' at %s: written, read and removed a probe",
                                               catalog_name, lake.warehouse),
                             NULL},
            err);
    }
    return add_finding(job,
                       (source_finding){FINDING_ERROR, "warehouse",
                                        firn_arena_printf(&s->arena, "catalog '%s' at %s: %s", catalog_name,
                                                          lake.warehouse, found.cause),
                                        found.hint[0] ? firn_arena_strdup(&s->arena, found.hint)
                                                      : "give the user that runs firn the right to write there"},
                       err);
}

/* ---- the source ---- */

static firn_status
check_tables(check_job *job, source *src, const load_settings *settings, firn_error *err)
{
    session      *s = job->s;
    source_tables tables = {0};
    unsigned      taken = 0;

    FIRN_TRY(src->ops->list(src, &s->arena, &tables, err));
    for (unsigned i = 0; i < tables.count; i++) {
        const source_table *table = &tables.tables[i];
        source_findings     findings = {0};
        if (!connect_filter_matches(settings, table->name)) continue;
        taken++;
        FIRN_TRY(postgres_source_check_table(src, table, &connect_table_config(settings, table->name)->rules, &s->arena,
                                             &findings, err));
        FIRN_TRY(add_findings(job, &findings, err));
    }
    if (taken) return FIRN_OK;
    return add_finding(job,
                       (source_finding){FINDING_ERROR, "tables",
                                        firn_arena_printf(&s->arena, "none of %u tables of schema '%s' is taken",
                                                          tables.count, settings->schema_name),
                                        "look at schema: and --table-filter"},
                       err);
}

/* A key of `tables:` or `primary_keys:` that names no table is a typing error that nothing else would show. */
static firn_status
check_names(check_job *job, source *src, const load_settings *settings, firn_error *err)
{
    session      *s = job->s;
    source_tables tables = {0};

    FIRN_TRY(src->ops->list(src, &s->arena, &tables, err));
    for (unsigned i = 0; i < settings->table_config_count; i++) {
        const char *name = settings->tables[i].name;
        bool        found = false;
        for (unsigned t = 0; t < tables.count && !found; t++) {
            found = strcmp(tables.tables[t].name, name) == 0;
        }
        if (!found)
            FIRN_TRY(add_finding(
                job,
                (source_finding){FINDING_WARNING, "configuration",
                                 firn_arena_printf(&s->arena,
                                                   "%s has settings for '%s', which is no table of schema '%s'",
                                                   s->files[CONFIG_SOURCES].path, name, settings->schema_name),
                                 "check the spelling; PostgreSQL's names are case-sensitive here"},
                err));
    }
    return FIRN_OK;
}

/* ---- output ---- */

static bool
is_sql(const char *remedy)
{
    size_t size = remedy ? strlen(remedy) : 0;

    return size && remedy[0] >= 'A' && remedy[0] <= 'Z' && remedy[size - 1] == ';';
}

static bool
is_asked_for(const source_finding *finding)
{
    return finding->level != FINDING_OK && finding->level != FINDING_NOTE;
}

static const char *
level_name(finding_level level)
{
    static const char *const names[] = {"ok", "note", "warning", "error"};
    return names[level];
}

/* A comment may not leave its line, whatever a table is called. */
static firn_status
add_comment(firn_buffer *out, const source_finding *finding, firn_error *err)
{
    size_t start = out->size;

    FIRN_TRY(firn_buffer_printf(out, err, "-- %s: %s", finding->subject, finding->text));
    for (size_t i = start; i < out->size; i++) {
        if (out->data[i] < 0x20) out->data[i] = ' ';
    }
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
print_sql(const check_job *job, firn_error *err)
{
    firn_buffer *out = &job->s->result;

    for (unsigned i = 0; i < job->count; i++) {
        const source_finding *finding = &job->findings[i];
        bool                  repeated = false;
        if (!is_asked_for(finding) || !is_sql(finding->remedy)) continue;
        for (unsigned j = 0; j < i && !repeated; j++) {
            repeated = job->findings[j].remedy && strcmp(job->findings[j].remedy, finding->remedy) == 0;
        }
        if (repeated) continue;
        FIRN_TRY(add_comment(out, finding, err));
        FIRN_TRY(firn_buffer_printf(out, err, "%s\n", finding->remedy));
    }
    return FIRN_OK;
}

static firn_status
print_json(const check_job *job, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &job->s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings_text(&job->s->values, OPTION_SOURCE));
    jwrite_member_i64(&w, "errors", job->error_count);
    jwrite_member_i64(&w, "warnings", job->warning_count);
    jwrite_key(&w, "findings");
    jwrite_array(&w);
    for (unsigned i = 0; i < job->count; i++) {
        const source_finding *finding = &job->findings[i];
        jwrite_object(&w);
        jwrite_member_text(&w, "level", level_name(finding->level));
        jwrite_member_text(&w, "subject", finding->subject);
        jwrite_member_text(&w, "text", finding->text);
        jwrite_member_text(&w, "remedy", finding->remedy);
        jwrite_member_bool(&w, "sql", is_sql(finding->remedy));
        jwrite_object_end(&w);
    }
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&job->s->result, '\n', err);
}

static firn_status
print_finding(const source_finding *finding, firn_buffer *out, firn_error *err)
{
    static const char *const                marks[] = {"✓", "-", "!", "✗"};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    size_t                                  columns = 0;

    firn_buffer_init(&text, (size_t) 16 << 20);
    for (const char *p = finding->subject; *p; p++) {
        columns += ((unsigned char) *p & 0xc0) != 0x80;
    }
    FIRN_TRY(firn_buffer_printf(out, err, "%s %s", marks[finding->level], finding->subject));
    if (columns + 1 > SUBJECT_COLUMNS) {
        FIRN_TRY(firn_buffer_printf(out, err, "\n%*s", SUBJECT_COLUMNS + 2, ""));
    } else {
        FIRN_TRY(firn_buffer_printf(out, err, "%*s", (int) (SUBJECT_COLUMNS - columns), ""));
    }
    FIRN_TRY(option_help_wrap(finding->text, SUBJECT_COLUMNS + 2, WIDTH, out, err));
    if (!finding->remedy || finding->level == FINDING_OK) return FIRN_OK;
    FIRN_TRY(firn_buffer_printf(out, err, "%*s", SUBJECT_COLUMNS + 2, ""));
    FIRN_TRY(firn_buffer_printf(&text, err, "→ %s", finding->remedy));
    FIRN_TRY(firn_buffer_add_byte(&text, 0, err));
    return option_help_wrap((const char *) text.data, SUBJECT_COLUMNS + 2, WIDTH, out, err);
}

static firn_status
print_table(const check_job *job, firn_error *err)
{
    firn_buffer *out = &job->s->result;

    for (unsigned i = 0; i < job->count; i++) {
        FIRN_TRY(print_finding(&job->findings[i], out, err));
    }
    return firn_buffer_printf(out, err, "\n%u error%s, %u warning%s\n", job->error_count,
                              job->error_count == 1 ? "" : "s", job->warning_count, job->warning_count == 1 ? "" : "s");
}

firn_status
cmd_check_run(session *s, firn_error *err)
{
    FIRN_AUTO(connect_source_freep) source *src = NULL;
    check_job                               job = {.s = s};
    const yaml_node                        *entry = NULL;
    load_settings                           settings;
    source_findings                         findings = {0};

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(connect_source(s, &src, err));
    FIRN_TRY(check_files(&job, err));
    FIRN_TRY(postgres_source_check(src, &s->arena, &findings, err));
    FIRN_TRY(add_findings(&job, &findings, err));
    FIRN_TRY(check_connect(s, &settings, src, &findings, err));
    FIRN_TRY(add_findings(&job, &findings, err));
    FIRN_TRY(check_warehouse(&job, err));
    FIRN_TRY(check_names(&job, src, &settings, err));
    FIRN_TRY(check_tables(&job, src, &settings, err));
    if (settings_flag(&s->values, OPTION_SQL)) {
        FIRN_TRY(print_sql(&job, err));
    } else if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) {
        FIRN_TRY(print_json(&job, err));
    } else {
        FIRN_TRY(print_table(&job, err));
    }
    if (job.error_count == 0) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_CHECK_FOUND, "%u thing%s must be mended before '%s' can be loaded", job.error_count,
                     job.error_count == 1 ? "" : "s", settings.source_name);
    firn_state(err, "nothing was changed");
    return err->status;
}
