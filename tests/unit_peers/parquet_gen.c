/*
 * Random rows of every type and nesting, written as Parquet, and the same values as JSON in the form of
 * parquet_cat: for test_parquet_writer.py.
 *
 * parquet_gen SEED OUT.parquet OUT.json [plain]     plain: without the types that Spark's own reader refuses
 *
 * The seed also chooses row counts, options, and how the values of each column repeat.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "batch/column_builder.h"
#include "codec/json_writer.h"
#include "parquet/file_writer.h"

enum { ROWS_MAX = 400, COLUMN_MAX = 64, BATCH_MAX = 4, COLUMN_BYTES_MAX = 256 << 20, JSON_BYTES_MAX = 512 << 20 };

/* How the values of a column repeat. */
typedef enum pattern { CONSTANT, FEW, MANY, UNIQUE, RISING, MOSTLY_NULL, ALL_NULL, LONG_TEXTS } pattern;
enum { PATTERN_COUNT = LONG_TEXTS + 1 };

static const data_type of_int = {.kind = TYPE_INT}, of_text = {.kind = TYPE_STRING}, of_long = {.kind = TYPE_LONG},
                       of_double = {.kind = TYPE_DOUBLE},
                       of_decimal = {.kind = TYPE_DECIMAL, .precision = 22, .scale = 7};
static const schema_field pair_fields[] = {{.name = "x", .type = &of_int},
                                           {.name = "y", .required = true, .type = &of_text}};
static const data_type    of_pair = {.kind = TYPE_STRUCT, .field_count = 2, .fields = pair_fields};
static const schema_field texts_fields[] = {{.name = "element", .type = &of_text}};
static const data_type    of_texts = {.kind = TYPE_LIST, .field_count = 1, .fields = texts_fields};
static const schema_field longs_fields[] = {{.name = "element", .required = true, .type = &of_long}};
static const data_type    of_longs = {.kind = TYPE_LIST, .field_count = 1, .fields = longs_fields};
static const schema_field lists_fields[] = {{.name = "element", .type = &of_longs}};
static const data_type    of_lists = {.kind = TYPE_LIST, .field_count = 1, .fields = lists_fields};
static const schema_field pairs_fields[] = {{.name = "element", .type = &of_pair}};
static const data_type    of_pairs = {.kind = TYPE_LIST, .field_count = 1, .fields = pairs_fields};
static const schema_field map_fields[] = {{.name = "key", .required = true, .type = &of_text},
                                          {.name = "value", .type = &of_texts}};
static const data_type    of_map = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields};
static const schema_field plain_map_fields[] = {{.name = "key", .required = true, .type = &of_int},
                                                {.name = "value", .required = true, .type = &of_double}};
static const data_type    of_plain_map = {.kind = TYPE_MAP, .field_count = 2, .fields = plain_map_fields};
static const schema_field deep_fields[] = {{.name = "list", .required = true, .type = &of_lists},
                                           {.name = "map", .type = &of_map},
                                           {.name = "amount", .type = &of_decimal},
                                           {.name = "pair", .type = &of_pair}};
static const data_type    of_deep = {.kind = TYPE_STRUCT, .field_count = 4, .fields = deep_fields};

static const data_type types[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_DECIMAL, .precision = 1},
    {.kind = TYPE_DECIMAL, .precision = 9, .scale = 9},
    {.kind = TYPE_DECIMAL, .precision = 18, .scale = 2},
    {.kind = TYPE_DECIMAL, .precision = 19, .scale = 0},
    {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10},
    {.kind = TYPE_DATE},
    {.kind = TYPE_TIMESTAMP},
    {.kind = TYPE_TIMESTAMPTZ},
    {.kind = TYPE_STRING},
    {.kind = TYPE_BINARY},
    {.kind = TYPE_TIME},
    {.kind = TYPE_UUID},
    {.kind = TYPE_FIXED, .size_bytes = 7},
    {.kind = TYPE_FIXED, .size_bytes = 100},
};
enum { PLAIN_TYPE_COUNT = 15 };
static const data_type *const nested[] = {&of_pair, &of_texts, &of_lists, &of_pairs, &of_map, &of_plain_map, &of_deep};

static uint64_t   seed;
static uint64_t   rising;
static firn_error err;

static void
must(firn_status status)
{
    if (status == FIRN_OK) return;
    (void) fprintf(stderr, "parquet_gen: %s\n", err.cause);
    exit(1);
}

static uint64_t
draw(uint64_t below)
{
    return firn_hash_u64(seed += UINT64_C(0x9e3779b97f4a7c15)) % below;
}

/* Equal tokens make equal values; small ones are edges. */
static uint64_t
draw_token(pattern p)
{
    if (p == CONSTANT) return 1000;
    if (p == FEW) return 1000 + draw(7);
    if (p == MANY) return 1000 + draw(500);
    if (p == RISING) return 1000 + rising / 3;
    return draw(25) == 0 ? draw(12) : 1000 + draw(UINT64_C(1) << 60);
}

static int128
power_of_ten(unsigned exponent)
{
    return (int128) decimal_power_of_ten[exponent];
}

static int64_t
whole_of(uint64_t token, pattern p, int64_t min, int64_t max)
{
    uint64_t span = (uint64_t) max - (uint64_t) min;
    if (token == 0) return min;
    if (token == 1) return max;
    if (token == 2) return 0;
    if (token == 3) return -1;
    uint64_t random = p == RISING ? token : firn_hash_u64(token);
    return (int64_t) ((uint64_t) min + (span == UINT64_MAX ? random : random % (span + 1)));
}

static double
real_of(uint64_t token, bool is_float)
{
    static const double edges[] = {__builtin_nan(""), 0.0, -0.0, __builtin_inf(), -__builtin_inf(), 1e-40, -1.5};
    if (token < FIRN_COUNT(edges)) return edges[token];
    int64_t random = (int64_t) firn_hash_u64(token);
    return is_float ? (double) ((float) random / 1024.0f) : (double) random / 1024.0;
}

/* Characters of one to four bytes; sizes around the bounds' limit of 64 bytes. */
static size_t
text_of(uint64_t token, pattern p, bool is_text, char *out)
{
    static const char *const letters[] = {"a", "é", "€", "𝄞", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "z", "\x7f"};
    uint64_t                 random = firn_hash_u64(token);
    size_t                   size = 0, count = p == LONG_TEXTS ? random % 400 : random % 30;
    if (token == 0) return 0;
    if (token == 1) count = 64;
    for (size_t i = 0; i < count; i++) {
        random = firn_hash_u64(random);
        if (is_text) {
            const char *letter = p == LONG_TEXTS && i < 30 ? letters[i % 5] : letters[random % FIRN_COUNT(letters)];
            size_t      letter_size = strlen(letter);
            memcpy(out + size, letter, letter_size);
            size += letter_size;
        } else {
            out[size++] = token == 2 || (p == LONG_TEXTS && i < 70) ? '\xff' : (char) random;
        }
    }
    return size;
}

static void
add_hex(jwriter *w, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    static char       hex[8192];
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[((const uint8_t *) bytes)[i] >> 4];
        hex[2 * i + 1] = digits[((const uint8_t *) bytes)[i] & 15];
    }
    hex[2 * size] = 0;
    jwrite_text(w, hex);
}

static void
add_real(column_builder *b, const data_type *type, uint64_t token, jwriter *w)
{
    double value = real_of(token, type->kind == TYPE_FLOAT);
    must(column_add_double(b, value, &err));
    float narrow = (float) value;
    if (type->kind == TYPE_FLOAT)
        add_hex(w, &narrow, sizeof narrow);
    else
        add_hex(w, &value, sizeof value);
}

static void
add_decimal(column_builder *b, const data_type *type, uint64_t token, pattern p, jwriter *w)
{
    int128 limit = power_of_ten(type->precision), value;
    char   text[DECIMAL_TEXT_MAX + 64];
    if (token < 2)
        value = token ? limit - 1 : 1 - limit;
    else
        value = (int128) whole_of(token, p, INT64_MIN, INT64_MAX) * (type->precision > 18 ? 1000003 : 1) % limit;
    must(column_add_decimal(b, value, &err));
    (void) decimal_format(value, (int) type->scale, text);
    jwrite_text(w, text);
}

static void
add_bytes(column_builder *b, const data_type *type, uint64_t token, pattern p, jwriter *w)
{
    char   bytes[4096];
    size_t size = data_type_value_size(type);
    if (size && type->kind != TYPE_STRING && type->kind != TYPE_BINARY) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char) firn_hash_u64(token + i);
        if (token == 0) memset(bytes, 0xff, size);
    } else {
        size = text_of(token, p, type->kind == TYPE_STRING, bytes);
    }
    must(column_add_bytes(b, firn_slice_of(bytes, size), &err));
    add_hex(w, bytes, size);
}

static void add_value(column_builder *b, const schema_field *field, pattern p, jwriter *w);

static void
add_nested(column_builder *b, const data_type *type, pattern p, jwriter *w)
{
    uint64_t count = draw(10) == 0 ? draw(40) : draw(4);
    if (type->kind == TYPE_STRUCT) count = 1;
    jwrite_array(w);
    for (uint64_t i = 0; i < count; i++) {
        if (type->kind == TYPE_MAP) jwrite_array(w);
        for (unsigned f = 0; f < type->field_count; f++)
            add_value(column_child(b, f), &type->fields[f], p, w);
        if (type->kind == TYPE_MAP) jwrite_array_end(w);
    }
    jwrite_array_end(w);
    must(column_end(b, &err));
}

static void
add_value(column_builder *b, const schema_field *field, pattern p, jwriter *w)
{
    const data_type *type = field->type;
    uint64_t         token = draw_token(p);
    bool             is_null = p == ALL_NULL || draw(p == MOSTLY_NULL ? 40 : 6) != 0;
    if (p != ALL_NULL && p != MOSTLY_NULL) is_null = !is_null;
    if (!field->required && is_null) {
        must(column_add_null(b, &err));
        jwrite_null(w);
    } else if (type_is_nested(type->kind)) {
        add_nested(b, type, p, w);
    } else if (type->kind == TYPE_BOOLEAN) {
        must(column_add_bool(b, token & 1, &err));
        jwrite_bool(w, token & 1);
    } else if (type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE) {
        add_real(b, type, token, w);
    } else if (type->kind == TYPE_DECIMAL) {
        add_decimal(b, type, token, p, w);
    } else if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY || type->kind == TYPE_UUID ||
               type->kind == TYPE_FIXED) {
        add_bytes(b, type, token, p, w);
    } else {
        int64_t value = type->kind == TYPE_INT    ? whole_of(token, p, INT32_MIN, INT32_MAX)
                        : type->kind == TYPE_DATE ? whole_of(token, p, -700000, 2900000)
                        : type->kind == TYPE_TIME ? whole_of(token, p, 0, INT64_C(86399999999))
                        : type->kind == TYPE_LONG
                            ? whole_of(token, p, INT64_MIN, INT64_MAX)
                            : whole_of(token, p, INT64_C(-62135596800000000), INT64_C(253402300799999999));
        must(column_add_i64(b, value, &err));
        jwrite_i64(w, value);
    }
}

static table_schema *
make_schema(bool plain)
{
    static schema_field fields[COLUMN_MAX];
    static char         names[COLUMN_MAX][32];
    unsigned            count = 0, type_count = plain ? PLAIN_TYPE_COUNT : FIRN_COUNT(types);
    table_schema       *schema = NULL;
    for (unsigned required = 0; required < 2; required++) {
        for (unsigned i = 0; i < type_count + FIRN_COUNT(nested); i++, count++) {
            (void) snprintf(names[count], sizeof names[count], "%s %u", required ? "required" : "Optional é", i);
            fields[count] = (schema_field){.name = names[count],
                                           .required = required,
                                           .type = i < type_count ? &types[i] : nested[i - type_count]};
        }
    }
    must(schema_new(0, fields, count, NULL, 0, true, &schema, &err));
    return schema;
}

static parquet_options
draw_options(void)
{
    static const parquet_codec codecs[] = {PARQUET_UNCOMPRESSED, PARQUET_SNAPPY, PARQUET_GZIP, PARQUET_ZSTD,
                                           PARQUET_LZ4_RAW};
    parquet_options            options = parquet_options_default;
    options.codec = codecs[draw(FIRN_COUNT(codecs))];
    options.page_rows_max = draw(3) ? 5 + draw(150) : options.page_rows_max;
    options.page_size_bytes = draw(3) ? 64 + draw(20000) : options.page_size_bytes;
    options.row_group_rows_max = draw(2) ? 20 + draw(1000) : options.row_group_rows_max;
    options.dictionary_size_bytes = draw(3) ? draw(5000) : options.dictionary_size_bytes;
    return options;
}

static void
add_bounds(jwriter *w, const parquet_column_info *info)
{
    jwrite_object(w);
    jwrite_member_i64(w, "field_id", info->field_id);
    jwrite_member_i64(w, "compressed_bytes", (int64_t) info->compressed_bytes);
    jwrite_member_i64(w, "value_count", (int64_t) info->value_count);
    jwrite_member_i64(w, "null_count", (int64_t) info->null_count);
    jwrite_member_i64(w, "nan_count", (int64_t) info->nan_count);
    if (info->has_bounds_min) {
        jwrite_key(w, "min");
        add_hex(w, info->min, info->min_size);
    }
    if (info->has_bounds_max) {
        jwrite_key(w, "max");
        add_hex(w, info->max, info->max_size);
    }
    jwrite_object_end(w);
}

static void
add_info(jwriter *w, const parquet_file_info *info)
{
    jwrite_key(w, "info");
    jwrite_object(w);
    jwrite_member_i64(w, "size_bytes", (int64_t) info->size_bytes);
    jwrite_member_i64(w, "row_count", (int64_t) info->row_count);
    jwrite_key(w, "row_group_offset");
    jwrite_array(w);
    for (unsigned i = 0; i < info->row_group_count; i++)
        jwrite_i64(w, info->row_group_offset[i]);
    jwrite_array_end(w);
    jwrite_key(w, "columns");
    jwrite_array(w);
    for (unsigned i = 0; i < info->column_count; i++)
        add_bounds(w, &info->columns[i]);
    jwrite_array_end(w);
    jwrite_object_end(w);
}

/* Some rows before and behind that do not belong to the batch: offsets must be honoured. */
static void
hide_rows(struct ArrowArray *rows, int64_t before, int64_t behind)
{
    if (draw(2)) {
        rows->offset = before;
    } else {
        for (int64_t i = 0; i < rows->n_children; i++) {
            rows->children[i]->offset = before;
            rows->children[i]->length -= before;
        }
    }
    rows->length -= before + behind;
}

int
main(int argc, char **argv)
{
    static firn_buffer json, parquet, hidden;
    static jwriter     w, nowhere;
    table_schema      *schema;
    parquet_writer    *writer = NULL;
    parquet_file_info  info;
    uint64_t           number;

    if (argc < 4 || !text_parse_u64(firn_slice_text(argv[1]), &number))
        return (void) fprintf(stderr, "usage: parquet_gen SEED OUT.parquet OUT.json [plain]\n"), 64;
    seed = firn_hash_u64(number + 1);
    firn_buffer_init(&json, JSON_BYTES_MAX);
    firn_buffer_init(&parquet, JSON_BYTES_MAX);
    firn_buffer_init(&hidden, JSON_BYTES_MAX);
    schema = make_schema(argc > 4);
    parquet_options options = draw_options();
    must(parquet_writer_open(schema, &options, firn_sink_memory_new(&parquet), &writer, &err));

    /* Batches hold columns, the JSON too: a list of values per column and batch. */
    jwrite_begin(&w, &json, false, &err);
    jwrite_object(&w);
    jwrite_key(&w, "batches");
    jwrite_array(&w);
    static const pattern all_patterns[] = {CONSTANT, FEW, MANY, UNIQUE, RISING, MOSTLY_NULL, ALL_NULL, LONG_TEXTS};
    pattern              patterns[COLUMN_MAX];
    for (unsigned c = 0; c < schema->field_count; c++)
        patterns[c] = all_patterns[draw(PATTERN_COUNT)];
    for (uint64_t batch_count = draw(BATCH_MAX + 1), i = 0; i < batch_count; i++) {
        int64_t row_count = draw(8) ? (int64_t) draw(ROWS_MAX) : 0, before = (int64_t) draw(70),
                behind = (int64_t) draw(3);
        column_builder *builders[COLUMN_MAX];
        batch           rows = {0};
        jwrite_array(&w);
        for (unsigned c = 0; c < schema->field_count; c++) {
            must(column_builder_new(schema->fields[c].type, COLUMN_BYTES_MAX, &builders[c], &err));
            jwrite_array(&w);
            for (int64_t r = -before; r < row_count + behind; r++) {
                bool is_hidden = r < 0 || r >= row_count;
                if (is_hidden) {
                    firn_buffer_reset(&hidden);
                    jwrite_begin(&nowhere, &hidden, false, &err);
                }
                rising = (uint64_t) (r + before) + i * ROWS_MAX;
                add_value(builders[c], &schema->fields[c], patterns[c], is_hidden ? &nowhere : &w);
            }
            jwrite_array_end(&w);
        }
        jwrite_array_end(&w);
        must(batch_from_builders(schema, builders, &rows, &err));
        hide_rows(&rows.array, before, behind);
        must(parquet_writer_add(writer, &rows.array, &err));
        batch_done(&rows);
        for (unsigned c = 0; c < schema->field_count; c++)
            column_builder_free(builders[c]);
    }
    jwrite_array_end(&w);
    must(parquet_writer_close(writer, &info, &err));
    add_info(&w, &info);
    jwrite_object_end(&w);
    must(jwrite_end(&w));
    must(file_write_atomic(argv[2], firn_buffer_slice(&parquet), 0644, &err));
    must(file_write_atomic(argv[3], firn_buffer_slice(&json), 0644, &err));

    parquet_file_info_done(&info);
    parquet_writer_free(writer);
    schema_unref(schema);
    firn_buffer_done(&json);
    firn_buffer_done(&parquet);
    firn_buffer_done(&hidden);
    return 0;
}
