/*
 * What the decoder of Debezium's events makes of a recording, column by column: for comparing with what a load reads.
 *
 *   dbz_dump_rows HOST PORT DATABASE USER SCHEMA TABLE RECORDING [SETTING=VALUE …]
 *
 * A line for each column of each row that is written: offset, op, column, then the value as JSON, or the error's code and
 * cause, or "unchanged"; tabs between. The columns and their Iceberg types are those of a load of the table as it is.
 * Settings: policy=, numeric=, time= as pg_dump_batches; decimals=string|precise|double,
 * times=adaptive|microseconds_of_day|connect|isostring|microseconds|nanoseconds, binary=bytes|base64|url|hex,
 * intervals=string|numeric, declared=FILE (lines of column, tab, type), defaults=1, nulls=1, excludes=1, report=1
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro_records.h"
#include "base/file.h"
#include "debezium/avro_event.h"
#include "debezium/decoder.h"
#include "debezium_records.h"
#include "postgres/postgres_source.h"
#include "print_batch.h"

#define COLUMNS_MAX 256

static struct {
    table_rules  rules;
    dbz_decoding decoding;
    firn_buffer  declared;
    bool         report; /* damage, whatever the policy */
    const char  *recording, *table;
} o;

static void
die(const firn_error *err)
{
    fprintf(stderr, "FIRN-%d %s\n", (int) err->code, err->cause);
    exit(1);
}

static unsigned
index_of(const char *value, const char *const names[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(value, names[i]) == 0) return i;
    fprintf(stderr, "no such value: %s\n", value);
    exit(64);
}

static void
read_setting(char *text)
{
    static const char *const policies[] = {"error", "null", "clamp", "round", "text"};
    static const char *const decimals[] = {"string", "precise", "double"};
    static const char *const times[] = {"microseconds", "microseconds_of_day", "adaptive", "connect", "isostring", "nanoseconds"};
    static const char *const binary[] = {"bytes", "base64", "url", "hex"};
    static const char *const intervals[] = {"string", "numeric"};
    dbz_modes *modes = &o.decoding.modes;
    firn_error err = {0};
    char      *value = strchr(text, '=');
    unsigned   number;
    if (!value) exit(64);
    *value++ = 0;
    if (strcmp(text, "policy") == 0) number = index_of(value, policies, 5), o.rules.policy = (value_policy) number;
    if (strcmp(text, "decimals") == 0) number = index_of(value, decimals, 3), modes->decimals = (dbz_decimals) number;
    if (strcmp(text, "times") == 0) number = index_of(value, times, 6), modes->times = (dbz_times) number;
    if (strcmp(text, "binary") == 0) number = index_of(value, binary, 4), modes->binary = (dbz_binary) number;
    if (strcmp(text, "intervals") == 0) number = index_of(value, intervals, 2), modes->intervals = (dbz_intervals) number;
    if (strcmp(text, "defaults") == 0) modes->nulls_become_defaults = true;
    if (strcmp(text, "nulls") == 0) modes->nulls_stay_nulls = true;
    if (strcmp(text, "excludes") == 0) modes->excludes_unknown = true;
    if (strcmp(text, "trust") == 0) modes->trust_null_numbers = true;
    if (strcmp(text, "report") == 0) o.report = true;
    if (strcmp(text, "time") == 0) o.rules.time_as_string = false;
    if (strcmp(text, "numeric") == 0) o.rules.unbounded_numeric = strcmp(value, "string") == 0 ? UNBOUNDED_STRING : UNBOUNDED_DOUBLE;
    if (strcmp(text, "declared") == 0) {
        firn_buffer_init(&o.declared, 1 << 20);
        if (file_read(value, &o.declared, &err) || firn_buffer_add_byte(&o.declared, 0, &err)) die(&err);
    }
}

/* The type that the file of declared types has for a column; NULL: none. */
static const char *
declared_type(const char *column)
{
    static char type[256];
    size_t      size = strlen(column);
    for (const char *line = (const char *) o.declared.data; line && *line;) {
        const char *end = strchr(line, '\n');
        if (!end) break;
        if (strncmp(line, column, size) == 0 && line[size] == '\t') {
            snprintf(type, sizeof type, "%.*s", (int) (end - line - (ptrdiff_t) size - 1), line + size + 1);
            return type;
        }
        line = end + 1;
    }
    return NULL;
}

/* ---- columns ---- */

typedef struct column_decoder {
    source_description description;
    row_decoder       *decoder;
} column_decoder;

static column_decoder columns[COLUMNS_MAX];
static change_relation *decoded; /* of the decoders */

static void
open_decoders(const source_description *table, change_relation *relation)
{
    firn_error err = {0};
    if (decoded == relation) return;
    if (decoded) change_relation_unref(decoded);
    decoded = change_relation_ref(relation);
    for (unsigned i = 0; i < table->schema->field_count; i++) {
        column_decoder     *c = &columns[i];
        const schema_field *field = &table->schema->fields[i];
        const char         *type = declared_type(field->name);
        dbz_decoding        decoding = o.decoding;
        row_decoder_free(c->decoder);
        if (c->description.schema) schema_unref(c->description.schema);
        c->description = *table;
        c->description.origins = table->origins ? table->origins + i : NULL;
        if (schema_new(0, field, 1, NULL, 0, true, &c->description.schema, &err)) die(&err);
        decoding.declared = &type;
        if (dbz_decoder_new(&c->description, relation, &decoding, &c->decoder, &err)) die(&err);
    }
}

static void
dump_column(column_decoder *c, const change *change, uint64_t offset, const char *op)
{
    const char *name = c->description.schema->fields[0].name;
    int         place = change_relation_column(change->relation, name);
    firn_error  err = {0};
    batch       rows = {0};
    printf("%" PRIu64 "\t%s\t%s\t", offset, op, name);
    if (place >= 0 && tuple_value_at(&change->new, (unsigned) place).kind == TUPLE_UNCHANGED) {
        printf("unchanged\n");
        return;
    }
    c->decoder->collects_damage = o.report;
    if (row_decoder_append(c->decoder, &change->new, &err)) {
        printf("FIRN-%d %s\n", (int) err.code, err.cause);
        return;
    }
    if (row_decoder_take(c->decoder, &rows, &err)) die(&err);
    if (c->decoder->damage_count) printf("FIRN-%d %s\n", (int) FIRN_E_VALUE_DAMAGED, c->decoder->damage->loss);
    else
        print_batch(&rows);
    batch_done(&rows);
}

/* ---- records ---- */

static void
dump_event(const source_description *table, dbz_table *events, const dbz_event *event, uint64_t offset)
{
    firn_error err = {0};
    change     c;
    if (event->kind > DBZ_TRUNCATE) return;
    uint8_t *room = malloc(dbz_table_room(events, event));
    if (dbz_table_change(events, event, room, &c, &err)) die(&err);
    if (c.new.bytes.data) {
        open_decoders(table, c.relation);
        for (unsigned i = 0; i < table->schema->field_count; i++) dump_column(&columns[i], &c, offset, event->kind == DBZ_CREATE ? "c" : "u");
    }
    free(room);
}

static void
dump_json(const source_description *table, dbz_table *events)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error      err = {0};
    recorded_record record;
    firn_buffer_init(&text, (size_t) 1 << 26);
    if (file_read(o.recording, &text, &err)) die(&err);
    for (firn_slice rest = firn_buffer_slice(&text); recorded_record_next(&rest, &record);) {
        dbz_record given = {.key = record.key, .value = record.value};
        dbz_event  event;
        if (!firn_slice_equal(recorded_table(record.topic), firn_slice_text(o.table))) continue;
        given.known_key_schema = dbz_table_key_schema(events);
        given.known_value_schema = dbz_table_value_schema(events);
        if (dbz_event_read(&given, &event, &err)) die(&err);
        dump_event(table, events, &event, record.offset);
    }
}

/* A plan for each record: tables must not see that they differ. */
static void
dump_avro(const source_description *table, dbz_table *events)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    avro_recording recording;
    avro_recording_read(o.recording, &arena, &recording);
    for (size_t i = 0; i < recording.count; i++) {
        FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *key = NULL;
        FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *value = NULL;
        const avro_recorded *record = &recording.records[i];
        firn_error           err = {0};
        dbz_event            event;
        if (!firn_slice_equal(recorded_table(record->topic), firn_slice_text(o.table))) continue;
        if (record->key_schema && dbz_avro_plan_new(DBZ_ROLE_ROWS, record->key_schema, &key, &err)) die(&err);
        if (record->value_schema && dbz_avro_plan_new(DBZ_ROLE_ROWS, record->value_schema, &value, &err)) die(&err);
        const dbz_avro_record given = {key, value, record->key, record->value};
        if (dbz_avro_event_read(&given, &event, &err)) die(&err);
        dump_event(table, events, &event, record->offset);
    }
}

static void
dump_recording(const source_description *table)
{
    FIRN_AUTO(dbz_table_freep) dbz_table *events = NULL;
    firn_error         err = {0};
    dbz_table_settings settings = {.schema = "public", .name = o.table};
    if (dbz_table_new(&settings, &events, &err)) die(&err);
    if (strstr(o.recording, "_avro.jsonl"))
        dump_avro(table, events);
    else
        dump_json(table, events);
}

int
main(int argc, char **argv)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    static firn_error   err;
    source             *src;
    source_point        point;
    source_tables       tables;
    source_description *description;
    if (argc < 8) return 64;
    postgres_settings settings = {.host = argv[1], .port = (unsigned) atoi(argv[2]), .database = argv[3], .username = argv[4], .schema = argv[5]};
    o.table = argv[6];
    o.recording = argv[7];
    o.rules = (table_rules){.time_as_string = true, .config_file = "config/sources.yaml", .source_name = "shop", .unbounded_precision = 38, .unbounded_scale = 10};
    o.decoding.rules = &o.rules;
    for (int i = 8; i < argc; i++) read_setting(argv[i]);
    if (postgres_source_new(&settings, NULL, &src, &err) || src->ops->freeze(src, &point, &err) || src->ops->list(src, &arena, &tables, &err))
        die(&err);
    for (unsigned i = 0; i < tables.count; i++) {
        if (strcmp(tables.tables[i].name, o.table) != 0) continue;
        if (src->ops->describe(src, &tables.tables[i], &o.rules, &arena, &description, &err)) die(&err);
        if (description->schema->field_count > COLUMNS_MAX) return 64;
        dump_recording(description);
        schema_unref(description->schema);
    }
    for (unsigned i = 0; i < COLUMNS_MAX; i++) {
        row_decoder_free(columns[i].decoder);
        if (columns[i].description.schema) schema_unref(columns[i].description.schema);
    }
    if (decoded) change_relation_unref(decoded);
    firn_buffer_done(&o.declared);
    src->ops->thaw(src);
    src->ops->free(src);
    return 0;
}
