#include "cli/dry_run.h"

#include <string.h>

#include "base/text.h"
#include "cli/connect.h"
#include "codec/json_writer.h"
#include "source/source_names.h"

typedef struct dry_run {
    session    *s;
    source     *src;
    const char *schema_name;
    jwriter    *json; /* NULL: text */
    unsigned    table_count;
    uint64_t    row_count, byte_count;
} dry_run;

static const char *
key_words(key_origin origin)
{
    switch (origin) {
    case KEY_NONE:
        break;
    case KEY_PRIMARY:
        return "primary key";
    case KEY_UNIQUE_NOT_NULL:
        return "unique index";
    case KEY_CONFIGURED:
        return "primary_keys of the configuration";
    }
    return "no key";
}

static bool
is_key(const table_schema *schema, int32_t id)
{
    for (unsigned i = 0; i < schema->key_count; i++) {
        if (schema->key_ids[i] == id) return true;
    }
    return false;
}

static firn_status
add_column_text(firn_buffer *out, const table_schema *schema, const schema_field *field, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "    %-30s ", field->name));
    FIRN_TRY(data_type_format(field->type, out, err));
    return firn_buffer_printf(out, err, "%s%s\n", field->required ? " not null" : "",
                              is_key(schema, field->id) ? " key" : "");
}

/* What is worth knowing before the load: values that need a policy, missing keys and privileges. A sample is read. */
static firn_status
find_losses(dry_run *d, const load_preview *preview, source_findings *ret_findings, firn_error *err)
{
    return postgres_source_check_table(d->src, preview->description->table, &preview->config->rules, &d->s->arena,
                                       ret_findings, err);
}

/* "public.orders.amount" → "amount"; the table's own: "". */
static const char *
column_of(const dry_run *d, const source_table *table, const source_finding *finding)
{
    size_t size = strlen(d->schema_name) + 1 + strlen(table->name);

    return strlen(finding->subject) > size ? finding->subject + size + 1 : "";
}

static firn_status
add_losses_text(dry_run *d, const load_preview *preview, firn_error *err)
{
    source_findings findings = {0};

    FIRN_TRY(find_losses(d, preview, &findings, err));
    for (unsigned i = 0; i < findings.count; i++) {
        const source_finding *finding = &findings.findings[i];
        const char           *column = column_of(d, preview->description->table, finding);
        if (finding->level == FINDING_OK) continue;
        FIRN_TRY(firn_buffer_printf(&d->s->result, err, "  %s %s%s%s\n", finding->level == FINDING_NOTE ? "-" : "!",
                                    column, *column ? ": " : "", finding->text));
    }
    return FIRN_OK;
}

static firn_status
add_losses_json(dry_run *d, const load_preview *preview, firn_error *err)
{
    source_findings findings = {0};
    jwriter        *w = d->json;

    FIRN_TRY(find_losses(d, preview, &findings, err));
    jwrite_key(w, "findings");
    jwrite_array(w);
    for (unsigned i = 0; i < findings.count; i++) {
        const source_finding *finding = &findings.findings[i];
        const char           *column = column_of(d, preview->description->table, finding);
        if (finding->level == FINDING_OK) continue;
        jwrite_object(w);
        jwrite_member_text(w, "column", *column ? column : NULL);
        jwrite_member_text(w, "text", finding->text);
        jwrite_member_text(w, "remedy", finding->remedy);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    return FIRN_OK;
}

static firn_status
add_table_text(dry_run *d, const load_preview *preview, firn_error *err)
{
    firn_buffer        *out = &d->s->result;
    const source_table *table = preview->description->table;
    const table_schema *schema = preview->description->schema;
    char                bytes[32];

    text_format_bytes(table->size_bytes, bytes);
    FIRN_TRY(firn_buffer_printf(out, err, "%s: about ", table->name));
    FIRN_TRY(text_add_grouped(out, table->row_estimate, err));
    FIRN_TRY(firn_buffer_printf(out, err, " rows, %s, %u split%s, %s\n", bytes, preview->split_count,
                                preview->split_count == 1 ? "" : "s", key_words(preview->description->key_origin)));
    for (unsigned i = 0; i < schema->field_count; i++) {
        FIRN_TRY(add_column_text(out, schema, &schema->fields[i], err));
    }
    return add_losses_text(d, preview, err);
}

static firn_status
add_table_json(dry_run *d, const load_preview *preview, firn_error *err)
{
    const source_table *table = preview->description->table;
    const table_schema *schema = preview->description->schema;
    jwriter            *w = d->json;

    jwrite_object(w);
    jwrite_member_text(w, "table", table->name);
    jwrite_member_i64(w, "rows_estimated", (int64_t) table->row_estimate);
    jwrite_member_i64(w, "bytes_estimated", (int64_t) table->size_bytes);
    jwrite_member_i64(w, "splits", preview->split_count);
    jwrite_member_text(w, "key_origin", key_words(preview->description->key_origin));
    jwrite_key(w, "columns");
    jwrite_array(w);
    for (unsigned i = 0; i < schema->field_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer type = {0};
        firn_buffer_init(&type, (size_t) 1 << 20);
        FIRN_TRY(data_type_format(schema->fields[i].type, &type, err));
        jwrite_object(w);
        jwrite_member_text(w, "column", schema->fields[i].name);
        jwrite_key(w, "type");
        jwrite_text_slice(w, firn_buffer_slice(&type));
        jwrite_member_bool(w, "required", schema->fields[i].required);
        jwrite_member_bool(w, "key", is_key(schema, schema->fields[i].id));
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    FIRN_TRY(add_losses_json(d, preview, err));
    jwrite_object_end(w);
    return FIRN_OK;
}

static firn_status
visit(void *state, const load_preview *preview, firn_error *err)
{
    dry_run *d = state;

    d->table_count++;
    d->row_count += preview->description->table->row_estimate;
    d->byte_count += preview->description->table->size_bytes;
    return d->json ? add_table_json(d, preview, err) : add_table_text(d, preview, err);
}

static firn_status
finish_text(dry_run *d, const source_point *point, firn_error *err)
{
    firn_buffer *out = &d->s->result;
    char         bytes[32], slot[SOURCE_NAME_SIZE];

    text_format_bytes(d->byte_count, bytes);
    FIRN_TRY(firn_buffer_printf(out, err, "\n%u table%s, about ", d->table_count, d->table_count == 1 ? "" : "s"));
    FIRN_TRY(text_add_grouped(out, d->row_count, err));
    FIRN_TRY(firn_buffer_printf(out, err, " rows, %s, from %s\n", bytes, point->version));
    if (!connect_creates_slot(d->s)) return FIRN_OK;
    source_slot_name(settings_text(&d->s->values, OPTION_SOURCE), slot);
    return firn_buffer_printf(
        out, err,
        "The slot '%s' fixes the point in time: from then on it holds the server's WAL until changes "
        "are followed.\n",
        slot);
}

firn_status
dry_run_print(session *s, const load_settings *settings, source *src, firn_error *err)
{
    dry_run      d = {.s = s, .src = src, .schema_name = settings->schema_name};
    source_point point = {0};
    jwriter      w;

    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") != 0) {
        FIRN_TRY(load_dry_run(settings, src, &point, visit, &d, err));
        return finish_text(&d, &point, err);
    }
    d.json = &w;
    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings->source_name);
    jwrite_key(&w, "tables");
    jwrite_array(&w);
    firn_status status = load_dry_run(settings, src, &point, visit, &d, err);
    if (status != FIRN_OK) {
        firn_buffer_reset(&s->result); /* half a document is worse than none */
        return status;
    }
    jwrite_array_end(&w);
    jwrite_member_i64(&w, "rows_estimated", (int64_t) d.row_count);
    jwrite_member_i64(&w, "bytes_estimated", (int64_t) d.byte_count);
    jwrite_member_text(&w, "version", point.version);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}
