/*
 * What the PostgreSQL source reads, as JSON lines: for comparing types with the server itself.
 *
 *   pg_dump_batches HOST PORT DATABASE USER SCHEMA TABLE [SETTING=VALUE …]
 *
 * First line: the Iceberg schema; then a line per row; last line: counts. Settings: policy=error|null|
 * clamp|round|text, column.NAME=<policy>, numeric=string|double|P,S, time=time, splits=N, order=COLUMN, password=TEXT, count=1 (no rows),
 * pause=1 (after the snapshot, until a line comes).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/postgres_source.h"
#include "print_batch.h"

#define COLUMN_RULES_MAX 64

typedef struct dump_options {
    table_rules       rules;
    column_rule       columns[COLUMN_RULES_MAX];
    postgres_settings settings;
    unsigned          split_count;
    bool              count_only, pause;
    const char       *order;
} dump_options;

static void
die(const firn_error *err)
{
    fprintf(stderr, "FIRN-%d %s\n", (int) err->code, err->cause);
    for (unsigned i = 0; i < err->frame_count; i++) fprintf(stderr, "  while %s\n", err->frame[i]);
    if (err->hint[0]) fprintf(stderr, "  hint: %s\n", err->hint);
    exit(firn_status_exit_code(err->status));
}

static void
print_schema(const source_description *description)
{
    const table_schema *schema = description->schema;
    printf("{\"key_origin\": %d, \"key\": [", (int) description->key_origin);
    for (unsigned i = 0; i < schema->key_count; i++)
        printf("%s\"%s\"", i ? ", " : "", schema_field_by_id(schema, schema->key_ids[i])->name);
    printf("], \"schema\": {");
    for (unsigned i = 0; i < schema->field_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        firn_error err = {0};
        firn_buffer_init(&text, 1 << 20);
        if (data_type_format(schema->fields[i].type, &text, &err)) die(&err);
        printf("%s", i ? ", " : "");
        print_json_text((const uint8_t *) schema->fields[i].name, strlen(schema->fields[i].name));
        printf(": \"%.*s%s\"", (int) text.size, (const char *) text.data, schema->fields[i].required ? " required" : "");
    }
    printf("}}\n");
}

static value_policy
policy_named(const char *name)
{
    static const char *const names[] = {"error", "null", "clamp", "round", "text"};
    for (unsigned i = 0; i < FIRN_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return (value_policy) i;
    fprintf(stderr, "no such policy: %s\n", name);
    exit(64);
}

static void
read_option(dump_options *o, char *text)
{
    char *value = strchr(text, '=');
    if (!value) exit(64);
    *value++ = 0;
    if (strcmp(text, "policy") == 0) o->rules.policy = policy_named(value);
    if (strcmp(text, "time") == 0) o->rules.time_as_string = false;
    if (strcmp(text, "splits") == 0) o->split_count = (unsigned) atoi(value);
    if (strcmp(text, "count") == 0) o->count_only = true;
    if (strcmp(text, "order") == 0) o->order = value;
    if (strcmp(text, "pause") == 0) o->pause = true;
    if (strcmp(text, "slot") == 0) o->settings.slot_name = value;
    if (strcmp(text, "sslmode") == 0) o->settings.sslmode = value;
    if (strcmp(text, "password") == 0) o->settings.password = firn_secret_new(value);
    if (strncmp(text, "column.", 7) == 0 && o->rules.column_count < COLUMN_RULES_MAX)
        o->columns[o->rules.column_count++] = (column_rule){.column = text + 7, .has_policy = true, .policy = policy_named(value)};
    if (strcmp(text, "numeric") == 0) {
        if (strcmp(value, "string") == 0)
            o->rules.unbounded_numeric = UNBOUNDED_STRING;
        else if (strcmp(value, "double") == 0)
            o->rules.unbounded_numeric = UNBOUNDED_DOUBLE;
        else if (sscanf(value, "%u,%u", &o->rules.unbounded_precision, &o->rules.unbounded_scale) != 2)
            exit(64);
    }
}

static void
read_split(source *src, const source_split *split, const dump_options *o, split_outcome *total)
{
    firn_error    err = {0};
    split_outcome outcome = {0};
    batch_reader *reader = NULL;
    if (src->ops->open_split(src, split, 0, 0, &outcome, &reader, &err)) die(&err);
    for (;;) {
        batch b = {0};
        if (batch_reader_next(reader, &b, &err)) die(&err);
        if (!b.array.release) break;
        if (!o->count_only) print_batch(&b);
        batch_done(&b);
    }
    batch_reader_free(reader);
    total->row_count += outcome.row_count;
    total->server_count += outcome.server_count;
    total->byte_count += outcome.byte_count;
    total->coerced_count += outcome.coerced_count;
}

static void
dump_table(source *src, const source_table *table, const dump_options *o)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error          err = {0};
    source_description *description;
    source_split       *splits;
    unsigned            split_count;
    split_outcome       total = {0};

    if (src->ops->describe(src, table, &o->rules, &arena, &description, &err)) die(&err);
    print_schema(description);
    order_term term = {.column = o->order};
    if (o->order && src->ops->set_order(src, description, &term, 1, &err)) die(&err);
    if (src->ops->plan(src, description, o->split_count, 0, &arena, &splits, &split_count, &err)) die(&err);
    for (unsigned i = 0; i < split_count; i++) {
        if (getenv("DUMP_SPLITS")) fprintf(stderr, "split %u: %s\n", i, splits[i].text);
        read_split(src, &splits[i], o, &total);
    }
    printf("{\"rows\": %" PRIu64 ", \"server_rows\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"coerced\": %" PRIu64 "}\n",
           total.row_count, total.server_count, total.byte_count, total.coerced_count);
    schema_unref(description->schema);
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    static firn_error err;
    source           *src;
    source_point      point;
    source_tables     tables;
    static dump_options o = {.split_count = 1};

    if (argc < 7) return 64;
    o.rules = (table_rules){.time_as_string = true, .columns = o.columns, .config_file = "config/sources.yaml", .source_name = "shop"};
    o.settings = (postgres_settings){.host = argv[1], .port = (unsigned) atoi(argv[2]), .database = argv[3], .username = argv[4], .schema = argv[5]};
    for (int i = 7; i < argc; i++) read_option(&o, argv[i]);
    if (postgres_source_new(&o.settings, NULL, &src, &err)) die(&err);
    if (src->ops->freeze(src, &point, &err)) die(&err);
    if (src->ops->list(src, &arena, &tables, &err)) die(&err);
    if (o.pause) {
        printf("paused\n");
        fflush(stdout);
        (void) getchar();
    }
    if (strcmp(argv[6], "--list") == 0) {
        printf("%s %s %s exact=%d\n", point.identity, point.position, point.version, point.exact);
        for (unsigned i = 0; i < tables.count; i++)
            printf("%s kind=%d rows=%" PRIu64 " bytes=%" PRIu64 " readable=%d comment=%s\n", tables.tables[i].name,
                   (int) tables.tables[i].kind, tables.tables[i].row_estimate, tables.tables[i].size_bytes,
                   tables.tables[i].readable, tables.tables[i].comment ? tables.tables[i].comment : "-");
    }
    for (unsigned i = 0; i < tables.count; i++)
        if (strcmp(tables.tables[i].name, argv[6]) == 0) dump_table(src, &tables.tables[i], &o);
    src->ops->thaw(src);
    src->ops->free(src);
    firn_secret_free((firn_secret *) (uintptr_t) o.settings.password);
    return 0;
}
