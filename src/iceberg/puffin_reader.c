#include "iceberg/puffin_reader.h"

#include "base/bytes.h"
#include "codec/json_reader.h"
#include "codec/lz4_frame.h"
#include "storage/storage.h"

#define FLAG_COMPRESSED 1u

static firn_status
copy_text(firn_arena *arena, const char *text, const char **ret_copy, firn_error *err)
{
    *ret_copy = firn_arena_strdup(arena, text);
    return *ret_copy ? FIRN_OK : firn_fail_memory(err, "a Puffin file's footer");
}

static firn_status
parse_properties(const jvalue *object, firn_arena *arena, puffin_blob *blob, firn_error *err)
{
    size_t          count = jkind_of(object) == JOBJECT ? jcount(object) : 0;
    table_property *properties = firn_arena_array(arena, count + 1, sizeof *properties);

    if (!properties) return firn_fail_memory(err, "a Puffin file's footer");
    for (size_t i = 0; i < count; i++) {
        const char *value = jtext(jvalue_at(object, i));

        if (!value)
            return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a property of a Puffin blob is not a text");
        FIRN_TRY(copy_text(arena, jkey_at(object, i), &properties[i].key, err));
        FIRN_TRY(copy_text(arena, value, &properties[i].value, err));
    }
    blob->properties = properties;
    blob->property_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
parse_fields(const jvalue *array, firn_arena *arena, puffin_blob *blob, firn_error *err)
{
    size_t   count = jcount(array);
    int32_t *fields = firn_arena_array(arena, count + 1, sizeof *fields);

    if (!fields) return firn_fail_memory(err, "a Puffin file's footer");
    for (size_t i = 0; i < count; i++) {
        int64_t id;

        if (!jinteger(jat(array, i), &id) || id < INT32_MIN || id > INT32_MAX)
            return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a field id of a Puffin blob is not a 32-bit integer");
        fields[i] = (int32_t) id;
    }
    blob->fields = fields;
    blob->field_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
parse_blob(const jdoc *doc, const jvalue *object, uint64_t footer_offset, firn_arena *arena, puffin_blob *ret_blob,
           firn_error *err)
{
    puffin_blob   blob = {0};
    const char   *text;
    const jvalue *fields;

    FIRN_TRY(jneed_text(doc, object, "type", &text, err));
    FIRN_TRY(copy_text(arena, text, &blob.type, err));
    FIRN_TRY(jneed_array(doc, object, "fields", &fields, err));
    FIRN_TRY(parse_fields(fields, arena, &blob, err));
    FIRN_TRY(jneed_integer(doc, object, "snapshot-id", &blob.snapshot_id, err));
    FIRN_TRY(jneed_integer(doc, object, "sequence-number", &blob.sequence_number, err));
    FIRN_TRY(jneed_integer(doc, object, "offset", &blob.offset, err));
    FIRN_TRY(jneed_integer(doc, object, "length", &blob.size_bytes, err));
    if (blob.offset < PUFFIN_MAGIC_SIZE || (uint64_t) blob.offset > footer_offset || blob.size_bytes < 0 ||
        (uint64_t) blob.size_bytes > footer_offset - (uint64_t) blob.offset)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a Puffin blob lies outside of its file");
    text = jtext(jget(object, "compression-codec"));
    if (text) FIRN_TRY(copy_text(arena, text, &blob.codec, err));
    FIRN_TRY(parse_properties(jget(object, "properties"), arena, &blob, err));
    *ret_blob = blob;
    return FIRN_OK;
}

firn_status
puffin_payload_parse(firn_slice json, uint64_t footer_offset, firn_arena *arena, const puffin_blob **ret_blobs,
                     size_t *ret_count, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    const jvalue *array;
    puffin_blob  *blobs;

    FIRN_TRY(jdoc_parse(json, "Puffin footer", &doc, err));
    FIRN_TRY(jneed_array(doc, jdoc_root(doc), "blobs", &array, err));
    blobs = firn_arena_array(arena, jcount(array) + 1, sizeof *blobs);
    if (!blobs) return firn_fail_memory(err, "a Puffin file's footer");
    for (size_t i = 0; i < jcount(array); i++)
        FIRN_TRY(parse_blob(doc, jat(array, i), footer_offset, arena, &blobs[i], err));
    *ret_blobs = blobs;
    *ret_count = jcount(array);
    return FIRN_OK;
}

firn_status
puffin_payload_unpack(firn_slice payload, uint32_t flags, firn_buffer *room, firn_slice *ret_json, firn_error *err)
{
    *ret_json = payload;
    if (!(flags & FLAG_COMPRESSED)) return FIRN_OK;
    firn_buffer_init(room, PUFFIN_FOOTER_SIZE_MAX);
    FIRN_TRY(lz4_frame_unpack(payload, room, err));
    *ret_json = firn_buffer_slice(room);
    return FIRN_OK;
}

static firn_status
read_blobs(struct storage *files, const char *location, uint64_t size_bytes, firn_arena *arena,
           const puffin_blob **ret_blobs, size_t *ret_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer unpacked = {0};
    uint64_t   payload_size, footer_size;
    uint32_t   flags;
    firn_slice json;

    firn_buffer_init(&bytes, PUFFIN_FOOTER_SIZE_MAX);
    if (size_bytes < 2 * PUFFIN_MAGIC_SIZE + PUFFIN_TAIL_SIZE)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a Puffin file is too short");
    FIRN_TRY(files->ops->read_range(files, location, size_bytes - PUFFIN_TAIL_SIZE, PUFFIN_TAIL_SIZE, &bytes, err));
    if (memcmp(bytes.data + PUFFIN_TAIL_SIZE - PUFFIN_MAGIC_SIZE, PUFFIN_MAGIC, PUFFIN_MAGIC_SIZE) != 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a Puffin file does not end with its magic bytes");
    flags = load_le32(bytes.data + 4);
    payload_size = load_le32(bytes.data);
    footer_size = payload_size + PUFFIN_MAGIC_SIZE + PUFFIN_TAIL_SIZE;
    if (payload_size > PUFFIN_FOOTER_SIZE_MAX - PUFFIN_MAGIC_SIZE || footer_size > size_bytes - PUFFIN_MAGIC_SIZE)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "the footer of a Puffin file is larger than the file, or too large");
    firn_buffer_reset(&bytes);
    FIRN_TRY(files->ops->read_range(files, location, size_bytes - footer_size,
                                    (size_t) payload_size + PUFFIN_MAGIC_SIZE, &bytes, err));
    if (memcmp(bytes.data, PUFFIN_MAGIC, PUFFIN_MAGIC_SIZE) != 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "the footer of a Puffin file does not begin with its magic bytes");
    FIRN_TRY(puffin_payload_unpack(firn_slice_of(bytes.data + PUFFIN_MAGIC_SIZE, (size_t) payload_size), flags, &unpacked,
                                   &json, err));
    return puffin_payload_parse(json, size_bytes - footer_size, arena, ret_blobs, ret_count, err);
}

firn_status
puffin_read_blobs(struct storage *files, const char *location, uint64_t size_bytes, firn_arena *arena,
                  const puffin_blob **ret_blobs, size_t *ret_count, firn_error *err)
{
    if (read_blobs(files, location, size_bytes, arena, ret_blobs, ret_count, err))
        return firn_while(err, "reading the footer of '%s'", location);
    return FIRN_OK;
}
