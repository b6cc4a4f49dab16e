#include "iceberg/sort_order.h"

#include <stdio.h>

#include "base/text.h"
#include "iceberg/partition.h"

/* ---- settings ---- */

/* Cuts `word` off the end of `text`, where it stands alone there; any case. */
static bool
cut_last_word(char *text, const char *word)
{
    size_t size = strlen(text), word_size = strlen(word);

    while (size > 0 && text[size - 1] == ' ') size--;
    if (size <= word_size || text[size - word_size - 1] != ' ') return false;
    text[size] = '\0';
    if (!text_equal_nocase(text + size - word_size, word)) return false;
    text[size - word_size - 1] = '\0';
    return true;
}

static firn_status
parse_field(const char *setting, const table_schema *schema, firn_arena *arena, sort_field *ret_field, firn_error *err)
{
    char               *text = firn_arena_strdup(arena, setting);
    bool                said_nulls = false;
    sort_field          field = {0};
    const schema_field *source;

    if (!text) return firn_fail_memory(err, "a sort order");
    if (schema_column_index(schema, setting) < 0) { // a column may be named "x desc"
        char *before_nulls = firn_arena_strdup(arena, setting);

        if (!before_nulls) return firn_fail_memory(err, "a sort order");
        if (cut_last_word(before_nulls, "first") && cut_last_word(before_nulls, "nulls")) {
            said_nulls = true;
            text = before_nulls;
        } else {
            memcpy(before_nulls, setting, strlen(setting) + 1);
            if (cut_last_word(before_nulls, "last") && cut_last_word(before_nulls, "nulls")) {
                said_nulls = true;
                field.nulls_last = true;
                text = before_nulls;
            }
        }
        if (cut_last_word(text, "desc"))
            field.descending = true;
        else
            (void) cut_last_word(text, "asc");
    }
    if (!said_nulls) field.nulls_last = field.descending;
    FIRN_TRY(partition_parse_setting(text, "sort_by", schema, &field.transform, &source, err));
    field.source_id = source->id;
    *ret_field = field;
    return FIRN_OK;
}

firn_status
sort_order_of_settings(const char *const settings[], unsigned setting_count, const table_schema *schema,
                       firn_arena *arena, sort_order *ret_order, firn_error *err)
{
    sort_field *fields;

    if (setting_count > SORT_FIELDS_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "sort_by has more than %d entries", SORT_FIELDS_MAX);
    fields = firn_arena_array(arena, setting_count + 1u, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "a sort order");
    for (unsigned i = 0; i < setting_count; i++) FIRN_TRY(parse_field(settings[i], schema, arena, &fields[i], err));
    *ret_order = (sort_order){.order_id = setting_count > 0, .field_count = setting_count, .fields = fields};
    return FIRN_OK;
}

/* ---- JSON ---- */

static firn_status
read_field(const jdoc *doc, const jvalue *value, sort_field *ret_field, firn_error *err)
{
    const char *direction, *null_order;
    sort_field  field = {0};

    FIRN_TRY(partition_read_term(doc, value, &field.source_id, &field.transform, err));
    FIRN_TRY(jneed_text(doc, value, "direction", &direction, err));
    FIRN_TRY(jneed_text(doc, value, "null-order", &null_order, err));
    field.descending = text_equal_nocase(direction, "desc");
    field.nulls_last = text_equal_nocase(null_order, "nulls-last");
    if (!field.descending && !text_equal_nocase(direction, "asc"))
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a sort field's direction is '%.40s'", direction);
    if (!field.nulls_last && !text_equal_nocase(null_order, "nulls-first"))
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a sort field's null-order is '%.40s'", null_order);
    *ret_field = field;
    return FIRN_OK;
}

firn_status
sort_order_read(const jdoc *doc, const jvalue *value, firn_arena *arena, sort_order *ret_order, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer raw = {0};
    const jvalue *array;
    sort_field   *fields;
    sort_order    order = {0};
    int64_t       order_id;
    size_t        count;

    FIRN_TRY(jneed_integer(doc, value, "order-id", &order_id, err));
    FIRN_TRY(jneed_array(doc, value, "fields", &array, err));
    count = jcount(array);
    if (order_id < 0 || order_id > INT32_MAX || count > SORT_FIELDS_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a sort order's id or number of fields is out of range");
    fields = firn_arena_array(arena, count + 1, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "a sort order");
    for (size_t i = 0; i < count; i++) FIRN_TRY(read_field(doc, jat(array, i), &fields[i], err));

    firn_buffer_init(&raw, 16 << 20);
    FIRN_TRY(jvalue_add_text(value, &raw, err));
    order = (sort_order){(int32_t) order_id, (unsigned) count, fields, firn_arena_text(arena, firn_buffer_slice(&raw))};
    if (!order.raw) return firn_fail_memory(err, "a sort order");
    *ret_order = order;
    return FIRN_OK;
}

void
sort_order_write(const sort_order *order, jwriter *w)
{
    char text[TRANSFORM_TEXT_MAX];

    if (order->raw) {
        jwrite_raw(w, order->raw);
        return;
    }
    jwrite_object(w);
    jwrite_member_i64(w, "order-id", order->order_id);
    jwrite_key(w, "fields");
    jwrite_array(w);
    for (unsigned i = 0; i < order->field_count; i++) {
        const sort_field *field = &order->fields[i];

        transform_format(field->transform, text);
        jwrite_object(w);
        jwrite_member_text(w, "transform", text);
        jwrite_member_i64(w, "source-id", field->source_id);
        jwrite_member_text(w, "direction", field->descending ? "desc" : "asc");
        jwrite_member_text(w, "null-order", field->nulls_last ? "nulls-last" : "nulls-first");
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    jwrite_object_end(w);
}
