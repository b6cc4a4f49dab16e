/*
 * For test_schema_changes.py: change_recorder WAREHOUSE NAMESPACE reads lines of JSON, a row of _schema_changes each, and
 * appends them in one commit. Prints how many were new.
 */
#include <stdio.h>
#include <string.h>

#include "catalog/hadoop_catalog.h"
#include "codec/json_reader.h"
#include "state/schema_changes_table.h"
#include "storage/local.h"

#define ROWS_MAX 1000

static const char *
text_of(firn_arena *arena, const jvalue *row, const char *key)
{
    const char *text = jtext(jget(row, key));

    return text ? firn_arena_strdup(arena, text) : NULL;
}

static firn_status
read_row(firn_arena *arena, const char *line, schema_change_row *out, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    int64_t number = 0;

    FIRN_TRY(jdoc_parse(firn_slice_of((const uint8_t *) line, strlen(line)), "a row", &doc, err));
    const jvalue *row = jdoc_root(doc);
    *out = (schema_change_row){.table_name = text_of(arena, row, "table_name"),
                               .column_name = text_of(arena, row, "column_name"),
                               .kind = text_of(arena, row, "kind"),
                               .before = text_of(arena, row, "before"),
                               .after = text_of(arena, row, "after"),
                               .action = text_of(arena, row, "action"),
                               .note = text_of(arena, row, "note"),
                               .position = text_of(arena, row, "position")};
    if (jinteger(jget(row, "changed_at_us"), &number)) out->changed_at_us = number;
    if (jinteger(jget(row, "field_id"), &number)) out->field_id = (int32_t) number;
    return FIRN_OK;
}

static firn_status
run(const char *warehouse, const char *namespace_name, firn_error *err)
{
    static schema_change_row rows[ROWS_MAX];
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(storage_freep) storage *files = NULL;
    FIRN_AUTO(catalog_freep) catalog *lake = NULL;
    size_t count = 0, added = 0;
    char   line[4096];

    FIRN_TRY(storage_local_new(&files, err));
    FIRN_TRY(hadoop_catalog_new(warehouse, files, &lake, err));
    for (; count < ROWS_MAX && fgets(line, sizeof line, stdin); count++) FIRN_TRY(read_row(&arena, line, &rows[count], err));
    FIRN_TRY(schema_changes_table_append(lake, &namespace_name, 1, rows, count, NULL, NULL, &added, err));
    printf("%zu\n", added);
    return FIRN_OK;
}

int
main(int argc, char *argv[])
{
    firn_error err = {0};

    if (argc != 3) return 64;
    if (run(argv[1], argv[2], &err)) fprintf(stderr, "%s\n", err.cause);
    return firn_status_exit_code(err.status);
}
