#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/text.h"
#include "cli/connect.h"
#include "cli/row_print.h"
#include "cli/session.h"
#include "cli/table_name.h"
#include "scan/scan_reader.h"
#include "scan/scan_where.h"
#include "scan/snapshot_choice.h"

static row_format
format_of(const session *s)
{
    const char *format = settings_text(&s->values, OPTION_ROW_FORMAT);

    if (strcmp(format, "csv") == 0) return ROW_FORMAT_CSV;
    if (strcmp(format, "none") == 0) return ROW_FORMAT_NONE;
    return strcmp(format, "table") == 0 ? ROW_FORMAT_TABLE : ROW_FORMAT_JSON;
}

static firn_status
read_time(const char *text, int64_t *ret_ms, firn_error *err)
{
    char    whole[CALENDAR_TEXT_MAX * 2];
    int64_t us = 0;

    snprintf(whole, sizeof whole, "%.60s%s", text, strchr(text, ':') ? "" : "T00:00:00");
    if (!calendar_parse_timestamp(firn_slice_text(whole), &us)) {
        (void) firn_fail(err, FIRN_E_OPTION_VALUE, "--as-of: '%s' is no time", text);
        firn_hint(err, "such as 2024-01-31, 2024-01-31T13:45:30Z or '2024-01-31 14:45:30+01'; without zone it is UTC");
        return err->status;
    }
    *ret_ms = us / 1000;
    return FIRN_OK;
}

static firn_status
choose_snapshot(session *s, const table_metadata *table, const snapshot **ret_snap, table_schema **ret_schema,
                firn_error *err)
{
    const settings *v = &s->values;
    snapshot_choice choice = {.by_id = settings_has(v, OPTION_SNAPSHOT), .by_time = settings_has(v, OPTION_AS_OF),
                              .ref = settings_text(v, OPTION_REF)};

    if (choice.by_id + choice.by_time + (choice.ref != NULL) > 1)
        return firn_fail(err, FIRN_E_OPTION_VALUE, "--snapshot, --as-of and --ref each name a snapshot: give one of them");
    if (choice.by_id) choice.snapshot_id = settings_number(v, OPTION_SNAPSHOT);
    if (choice.by_time) FIRN_TRY(read_time(settings_text(v, OPTION_AS_OF), &choice.as_of_ms, err));
    return snapshot_choose(table, &choice, ret_snap, ret_schema, err);
}

static firn_status
fail_column(const table_schema *schema, const char *name, firn_arena *arena, firn_error *err)
{
    const char **names = firn_arena_array(arena, schema->field_count + 1, sizeof *names);
    const char  *nearest = NULL;

    for (unsigned i = 0; names && i < schema->field_count; i++) names[i] = schema->fields[i].name;
    if (names) nearest = text_nearest(name, names, schema->field_count);
    return firn_fail(err, FIRN_E_OPTION_VALUE, "--columns: there is no column '%s'%s%s%s", name,
                     nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* The columns of --columns, else all. */
static firn_status
choose_columns(session *s, table_schema *schema, table_schema **ret_columns, firn_error *err)
{
    const char   *text = settings_text(&s->values, OPTION_COLUMNS);
    const char  **names = NULL;
    unsigned      count = 0;
    schema_field *fields;

    if (!text) {
        *ret_columns = schema_ref(schema);
        return FIRN_OK;
    }
    FIRN_TRY(table_name_split(&s->arena, text, ',', &names, &count, err));
    fields = firn_arena_array(&s->arena, count, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "the columns of a scan");
    for (unsigned i = 0; i < count; i++) {
        int index = schema_column_index(schema, names[i]);
        if (index < 0) return fail_column(schema, names[i], &s->arena, err);
        fields[i] = schema->fields[index];
    }
    return schema_new(schema->schema_id, fields, count, NULL, 0, false, ret_columns, err);
}

static firn_status
print_rows(session *s, scan_settings *settings, uint64_t limit, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_AUTO(row_print_done) row_print         print = {0};

    FIRN_TRY(row_print_init(&print, format_of(s), STDOUT_FILENO, settings->columns, err));
    FIRN_TRY(scan_table_open(settings, &reader, err));
    while (limit > 0) {
        FIRN_AUTO(batch_done) batch rows = {0};

        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) break;
        uint64_t count = (uint64_t) rows.array.length < limit ? (uint64_t) rows.array.length : limit;
        FIRN_TRY(row_print_add(&print, &rows, (int64_t) count, err));
        limit -= count;
    }
    FIRN_TRY(row_print_finish(&print, err));

    scan_plan_stats stats = scan_table_stats(reader);
    log_debug("files: %" PRIu64 " looked at, %" PRIu64 " passed over; manifests: %" PRIu64 " and %" PRIu64,
              stats.file_count, stats.file_skipped_count, stats.manifest_count, stats.manifest_skipped_count);
    return FIRN_OK;
}

static firn_status
print_count(session *s, const scan_settings *settings, uint64_t limit, firn_error *err)
{
    uint64_t count = 0;

    FIRN_TRY(scan_table_count(settings, &count, err));
    if (count > limit) count = limit;
    switch (format_of(s)) {
    case ROW_FORMAT_CSV:
        return firn_buffer_printf(&s->result, err, "count\n%" PRIu64 "\n", count);
    case ROW_FORMAT_JSON:
        return firn_buffer_printf(&s->result, err, "{\"count\":%" PRIu64 "}\n", count);
    case ROW_FORMAT_TABLE:
    case ROW_FORMAT_NONE:
        break;
    }
    return firn_buffer_printf(&s->result, err, "%" PRIu64 "\n", count);
}

static firn_status
scan_table(session *s, storage *files, const table_metadata *table, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *columns = NULL;
    table_schema                          *schema = NULL;
    const settings                        *v = &s->values;
    const char                            *where = settings_text(v, OPTION_WHERE);
    uint64_t limit = (uint64_t) settings_number(v, OPTION_LIMIT);

    /* half for the open file, half for shared deletes */
    scan_settings settings = {.files = files, .table = table, .cancel = s->cancel,
                              .memory_bytes_max = (size_t) settings_size(v, OPTION_MEMORY) / 2};

    if (limit == 0) limit = UINT64_MAX;
    FIRN_TRY(choose_snapshot(s, table, &settings.snap, &schema, err));
    FIRN_TRY(choose_columns(s, schema, &columns, err));
    if (where) FIRN_TRY(scan_where_parse(where, schema, &s->arena, &settings.where, err));
    settings.columns = columns;
    if (limit < SCAN_BATCH_ROWS_DEFAULT && !where) settings.batch_rows = (size_t) limit;
    if (settings_flag(v, OPTION_COUNT)) return print_count(s, &settings, limit, err);
    return print_rows(s, &settings, limit, err);
}

firn_status
cmd_scan_run(session *s, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident                                      ident;

    FIRN_TRY(settings_apply_defaults(&s->values, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(table_name_load(s, &lake, s->line.operands[0], &ident, &table, err));
    firn_status status = scan_table(s, lake.files, table, err);
    if (status == FIRN_IO && err->sys_errno == EPIPE) firn_error_reset(err); /* whoever reads has had enough */
    if (err->status != FIRN_OK) {
        (void) firn_while(err, "scanning '%s'", s->line.operands[0]);
        firn_state(err, "nothing was changed");
    }
    return err->status;
}
