/*
 * Makes and changes tables by commands on stdin, one a line, for test_tables.py:
 *
 *   create TABLE FORMAT_VERSION PARTITION_BY|- SORT_BY|- [FILE…]   PARTITION_BY and SORT_BY: settings separated by ;
 *   append TABLE FILE…
 *   replace TABLE FILE…
 *   remove TABLE PATH
 *   delete TABLE PATH ROWS [PATH ROWS…]   ROWS: numbers of rows in the data file, separated by commas
 *   deleted TABLE               one line of JSON: by data file, how many rows are deleted and which, up to 10
 *   widen TABLE                 adds the column NOTE
 *   set TABLE KEY VALUE
 *   show TABLE                  one line of JSON: what firn reads
 *   drop TABLE
 *   many COUNT                  creates that many tables and prints the milliseconds
 *
 * A FILE is PATH,SIZE,ROWS or PATH,SIZE,ROWS,MONTH (of the first partition field; - is null). All tables lie in the
 * namespace peers.db and have the columns ID, NAME, CREATED, TAGS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "catalog/commit.h"
#include "catalog/hadoop_catalog.h"
#include "iceberg/live_files.h"
#include "storage/local.h"
#include "table_deletes.h"

#define WORDS_MAX 200

static const data_type type_long = {.kind = TYPE_LONG}, type_text = {.kind = TYPE_STRING},
                       type_timestamp = {.kind = TYPE_TIMESTAMP};
static const schema_field element = {.id = 5, .name = "element", .type = &type_text};
static const data_type    type_list = {.kind = TYPE_LIST, .field_count = 1, .fields = &element};

typedef struct maker {
    storage    *files;
    catalog    *c;
    firn_arena  arena;
    firn_error *err;
    char       *words[WORDS_MAX];
    unsigned    word_count;
} maker;

static const char *const levels[] = {"peers", "db"};

static firn_status
make_schema(bool with_note, table_schema **ret_schema, firn_error *err)
{
    const schema_field fields[] = {
        {.id = 1, .name = "ID", .required = true, .doc = "the key", .type = &type_long},
        {.id = 2, .name = "NAME", .type = &type_text},
        {.id = 3, .name = "CREATED", .type = &type_timestamp},
        {.id = 4, .name = "TAGS", .type = &type_list},
        {.id = 6, .name = "NOTE", .type = &type_text},
    };
    const int32_t key = 1;

    return schema_new(0, fields, with_note ? 5 : 4, &key, 1, false, ret_schema, err);
}

/* "a;b" → {"a", "b"}; "-" → none */
static unsigned
cut(char *text, const char *parts[])
{
    unsigned count = 0;
    char    *rest = text;

    if (strcmp(text, "-") == 0) return 0;
    for (char *part; (part = strsep(&rest, ";"));) parts[count++] = part;
    return count;
}

static data_file
read_file(maker *m, char *text, unsigned partition_count)
{
    data_file   file = {.format = "PARQUET", .content_offset = -1, .content_size_bytes = -1, .first_row_id = -1};
    firn_slice *values = firn_arena_array(&m->arena, partition_count + 1, sizeof *values);
    char       *month;

    file.path = strsep(&text, ",");
    file.size_bytes = atoll(strsep(&text, ","));
    file.record_count = atoll(strsep(&text, ","));
    file.partition = values;
    file.partition_count = partition_count;
    month = strsep(&text, ",");
    if (month && strcmp(month, "-") != 0 && partition_count > 0) {
        int32_t *value = firn_arena_alloc(&m->arena, sizeof *value);

        *value = atoi(month);
        values[0] = firn_slice_of(value, sizeof *value);
    }
    return file;
}

static void
add_files(maker *m, unsigned first_word, unsigned partition_count, table_change *change)
{
    data_file *files = firn_arena_array(&m->arena, WORDS_MAX, sizeof *files);

    for (unsigned i = first_word; i < m->word_count; i++)
        files[change->added_count++] = read_file(m, m->words[i], partition_count);
    change->added = files;
}

static firn_status
create(maker *m, const table_ident *ident)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    const char  *partition_by[WORDS_MAX], *sort_by[WORDS_MAX];
    table_change change = {.operation = "append", .format_version = atoi(m->words[2])};

    FIRN_TRY(make_schema(false, &schema, m->err));
    change.schema = schema;
    change.partition_by = partition_by;
    change.partition_by_count = cut(m->words[3], partition_by);
    change.sort_by = sort_by;
    change.sort_by_count = cut(m->words[4], sort_by);
    add_files(m, 5, change.partition_by_count, &change);
    return catalog_commit_change(m->c, ident, NULL, &change, NULL, NULL, m->err);
}

static firn_status
change_table(maker *m, const table_ident *ident)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    table_change   change = {0};
    table_property property;

    FIRN_TRY(m->c->ops->load(m->c, ident, &base, m->err));
    if (strcmp(m->words[0], "append") == 0 || strcmp(m->words[0], "replace") == 0) {
        change.replace_all = m->words[0][0] == 'r';
        change.operation = change.replace_all ? "overwrite" : "append";
        add_files(m, 2, base->default_spec->field_count, &change);
    } else if (strcmp(m->words[0], "remove") == 0) {
        change.operation = "delete";
        change.removed_paths = (const char *const *) &m->words[2];
        change.removed_path_count = 1;
    } else if (strcmp(m->words[0], "widen") == 0) {
        FIRN_TRY(make_schema(true, &schema, m->err));
        change.schema = schema;
    } else {
        property = (table_property){m->words[2], m->words[3]};
        change.properties = &property;
        change.property_count = 1;
    }
    return catalog_commit_change(m->c, ident, base, &change, NULL, NULL, m->err);
}

static firn_status
show(maker *m, const table_ident *ident)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *t = NULL;
    live_files live;

    FIRN_TRY(m->c->ops->load(m->c, ident, &t, m->err));
    FIRN_TRY(live_files_read(t, t->current_snapshot, m->files, &m->arena, &live, m->err));
    printf("{\"version\":%" PRId64 ",\"records\":%" PRId64
           ",\"snapshots\":%u,\"columns\":%u,\"data\":%zu,\"deletes\":%zu,"
           "\"next_row_id\":%" PRId64 "}\n",
           t->version, table_metadata_record_count(t), t->snapshot_count, t->schema->field_count, live.data_count,
           live.delete_count, t->next_row_id);
    return FIRN_OK;
}

static firn_status
many(maker *m)
{
    uint64_t start_us = firn_clock_monotonic_us();

    for (int i = 0; i < atoi(m->words[1]); i++) {
        FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
        char         name[20];
        table_ident  ident = {levels, 2, name};
        data_file    file = {.path = "/nowhere", .format = "PARQUET", .content_offset = -1, .content_size_bytes = -1,
                             .first_row_id = -1};
        table_change change = {.operation = "append", .added = &file, .added_count = 1};

        snprintf(name, sizeof name, "MANY_%d", i);
        FIRN_TRY(make_schema(false, &schema, m->err));
        change.schema = schema;
        FIRN_TRY(catalog_commit_change(m->c, &ident, NULL, &change, NULL, NULL, m->err));
    }
    printf("%" PRIu64 "\n", (firn_clock_monotonic_us() - start_us) / 1000);
    return FIRN_OK;
}

static firn_status
run_line(maker *m, char *line)
{
    table_ident ident = {levels, 2, NULL};

    line[strcspn(line, "\n")] = '\0';
    m->word_count = 0;
    for (char *word; m->word_count < WORDS_MAX && (word = strsep(&line, "\t"));) m->words[m->word_count++] = word;
    if (m->word_count < 2) return FIRN_OK;
    ident.name = m->words[1];
    if (strcmp(m->words[0], "create") == 0) return create(m, &ident);
    if (strcmp(m->words[0], "show") == 0) return show(m, &ident);
    if (strcmp(m->words[0], "many") == 0) return many(m);
    if (strcmp(m->words[0], "delete") == 0)
        return table_deletes_add(m->c, m->files, &ident, m->words + 2, m->word_count - 2, m->err);
    if (strcmp(m->words[0], "deleted") == 0) return table_deletes_print(m->c, m->files, &ident, m->err);
    if (strcmp(m->words[0], "drop") == 0) return m->c->ops->drop(m->c, &ident, m->err);
    return change_table(m, &ident);
}

int
main(int argc, char **argv)
{
    firn_error err = {0};
    maker      m = {.err = &err};
    char      *line = NULL;
    size_t     capacity = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: table_maker WAREHOUSE < COMMANDS (words separated by tabs)\n");
        return 64;
    }
    if (storage_local_new(&m.files, &err) == FIRN_OK && hadoop_catalog_new(argv[1], m.files, &m.c, &err) == FIRN_OK) {
        while (getline(&line, &capacity, stdin) > 0) {
            if (run_line(&m, line) != FIRN_OK) break;
            fflush(stdout);
        }
    }
    free(line);
    catalog_free(m.c);
    storage_free(m.files);
    firn_arena_done(&m.arena);
    if (err.status != FIRN_OK) fprintf(stderr, "%s\n", err.cause);
    for (unsigned i = 0; i < err.frame_count; i++) fprintf(stderr, "  while %s\n", err.frame[i]);
    return firn_status_exit_code(err.status);
}
