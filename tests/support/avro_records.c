#include "avro_records.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/file.h"
#include "codec/json_reader.h"

#define SCHEMAS_MAX 64
#define RECORDS_MAX 1000
#define FRAME_SIZE 5

typedef struct numbered_schema {
    int64_t            id;
    const avro_schema *type;
} numbered_schema;

static void
broken(const char *path, const char *what)
{
    fprintf(stderr, "%s is broken: %s\n", path, what);
    exit(1);
}

static int
digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char       *found = c ? strchr(digits, c) : NULL;

    return found ? (int) (found - digits) : -1;
}

static firn_slice
base64(const char *text, firn_arena *arena)
{
    size_t   size = 0, length = strlen(text);
    uint8_t *out = firn_arena_alloc(arena, length + 1);
    uint32_t bits = 0;
    unsigned bit_count = 0;

    if (!out) abort();
    for (size_t i = 0; i < length; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0) break;
        bits = bits << 6 | (uint32_t) digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[size++] = (uint8_t) (bits >> bit_count);
        }
    }
    return firn_slice_of(out, size);
}

static firn_slice
unframe(const char *path, const char *text, const numbered_schema *schemas, unsigned count, firn_arena *arena,
        const avro_schema **ret_schema)
{
    if (!text) return (firn_slice){0};

    firn_slice message = base64(text, arena);

    if (message.size < FRAME_SIZE || message.data[0] != 0) broken(path, "a message without a schema's id");
    for (unsigned i = 0; i < count; i++) {
        if (schemas[i].id == load_be32(message.data + 1)) *ret_schema = schemas[i].type;
    }
    if (!*ret_schema) broken(path, "a message of an unknown schema");
    return firn_slice_of(message.data + FRAME_SIZE, message.size - FRAME_SIZE);
}

static void
read_line(const char *path, firn_slice line, numbered_schema *schemas, unsigned *schema_count, avro_recorded *records,
          size_t *record_count, firn_arena *arena)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error err = {0};

    if (jdoc_parse(line, path, &doc, &err)) broken(path, err.cause);

    const jvalue *root = jdoc_root(doc);
    const char   *schema = jtext(jget(root, "schema"));
    int64_t       number;

    if (schema && *schema_count < SCHEMAS_MAX) {
        numbered_schema *added = &schemas[(*schema_count)++];
        if (!jinteger(jget(root, "id"), &added->id) || avro_schema_parse(firn_slice_text(schema), path, arena, &added->type, &err))
            broken(path, err.cause);
    } else if (*record_count < RECORDS_MAX && jinteger(jget(root, "offset"), &number)) {
        avro_recorded *added = &records[(*record_count)++];
        added->offset = (uint64_t) number;
        added->topic = firn_slice_text(firn_arena_strdup(arena, jtext(jget(root, "topic"))));
        added->key = unframe(path, jtext(jget(root, "key")), schemas, *schema_count, arena, &added->key_schema);
        added->value = unframe(path, jtext(jget(root, "value")), schemas, *schema_count, arena, &added->value_schema);
    } else {
        broken(path, "a line of another kind");
    }
}

void
avro_recording_read(const char *path, firn_arena *arena, avro_recording *ret_recording)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    numbered_schema schemas[SCHEMAS_MAX];
    unsigned        schema_count = 0;
    size_t          record_count = 0;
    avro_recorded  *records = firn_arena_array(arena, RECORDS_MAX, sizeof *records);
    firn_error      err = {0};

    firn_buffer_init(&text, 64 << 20);
    if (!records || file_read(path, &text, &err)) broken(path, err.cause);
    for (size_t at = 0; at < text.size;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        size_t         size = end ? (size_t) (end - text.data) - at : text.size - at;
        read_line(path, firn_slice_of(text.data + at, size), schemas, &schema_count, records, &record_count, arena);
        at += size + 1;
    }
    *ret_recording = (avro_recording){record_count, records};
}
