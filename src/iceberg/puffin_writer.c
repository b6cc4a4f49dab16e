#include "iceberg/puffin_writer.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "codec/json_writer.h"

typedef struct blob_list {
    puffin_blob *blobs;
    size_t       count, capacity;
} blob_list;

struct puffin_writer {
    firn_sink *sink;
    blob_list  list;
    firn_arena arena; /* texts of the blobs */
    bool       closed;
};

firn_status
puffin_writer_open(firn_sink *take_sink, puffin_writer **ret_writer, firn_error *err)
{
    FIRN_AUTO(firn_sink_freep) firn_sink *sink = take_sink;
    FIRN_AUTO(puffin_writer_freep) puffin_writer *w = firn_calloc(1, sizeof *w);

    if (!w) {
        firn_sink_abort(sink);
        return firn_fail_memory(err, "a Puffin file");
    }
    w->sink = FIRN_STEAL(sink);
    firn_arena_init(&w->arena, PUFFIN_FOOTER_SIZE_MAX);
    FIRN_TRY(firn_sink_write(w->sink, PUFFIN_MAGIC, PUFFIN_MAGIC_SIZE, err));
    *ret_writer = FIRN_STEAL(w);
    return FIRN_OK;
}

void
puffin_writer_free(puffin_writer *w)
{
    if (!w) return;
    if (!w->closed) firn_sink_abort(w->sink);
    firn_sink_free(w->sink);
    firn_free(w->list.blobs);
    firn_arena_done(&w->arena);
    firn_free(w);
}

static firn_status
keep_blob(puffin_writer *w, const puffin_blob *blob, firn_error *err)
{
    blob_list      *list = &w->list;
    table_property *properties = firn_arena_array(&w->arena, blob->property_count + 1, sizeof *properties);
    int32_t        *fields = firn_arena_array(&w->arena, blob->field_count + 1, sizeof *fields);
    puffin_blob     copy = *blob;

    if (list->count == list->capacity) {
        size_t       capacity = list->capacity ? list->capacity * 2 : 16;
        puffin_blob *blobs = firn_realloc(list->blobs, capacity * sizeof *blobs);

        if (!blobs) return firn_fail_memory(err, "a Puffin file");
        list->blobs = blobs;
        list->capacity = capacity;
    }
    copy.type = firn_arena_strdup(&w->arena, blob->type);
    copy.codec = blob->codec ? firn_arena_strdup(&w->arena, blob->codec) : NULL;
    if (!properties || !fields || !copy.type || (blob->codec && !copy.codec))
        return firn_fail_memory(err, "a Puffin file");
    if (blob->field_count) memcpy(fields, blob->fields, blob->field_count * sizeof *fields);
    for (unsigned i = 0; i < blob->property_count; i++) {
        properties[i].key = firn_arena_strdup(&w->arena, blob->properties[i].key);
        properties[i].value = firn_arena_strdup(&w->arena, blob->properties[i].value);
        if (!properties[i].key || !properties[i].value) return firn_fail_memory(err, "a Puffin file");
    }
    copy.fields = fields;
    copy.properties = properties;
    list->blobs[list->count++] = copy;
    return FIRN_OK;
}

firn_status
puffin_writer_add(puffin_writer *w, const puffin_blob *blob, firn_slice bytes, int64_t *ret_offset, firn_error *err)
{
    puffin_blob *kept;

    FIRN_TRY(keep_blob(w, blob, err));
    kept = &w->list.blobs[w->list.count - 1];
    kept->offset = (int64_t) w->sink->written_bytes;
    kept->size_bytes = (int64_t) bytes.size;
    FIRN_TRY(firn_sink_write(w->sink, bytes.data, bytes.size, err));
    *ret_offset = kept->offset;
    return FIRN_OK;
}

static void
write_properties(jwriter *j, const table_property *properties, unsigned count)
{
    if (count == 0) return;
    jwrite_key(j, "properties");
    jwrite_object(j);
    for (unsigned i = 0; i < count; i++) jwrite_member_text(j, properties[i].key, properties[i].value);
    jwrite_object_end(j);
}

static void
write_blob(jwriter *j, const puffin_blob *blob)
{
    jwrite_object(j);
    jwrite_member_text(j, "type", blob->type);
    jwrite_key(j, "fields");
    jwrite_array(j);
    for (unsigned i = 0; i < blob->field_count; i++) jwrite_i64(j, blob->fields[i]);
    jwrite_array_end(j);
    jwrite_member_i64(j, "snapshot-id", blob->snapshot_id);
    jwrite_member_i64(j, "sequence-number", blob->sequence_number);
    jwrite_member_i64(j, "offset", blob->offset);
    jwrite_member_i64(j, "length", blob->size_bytes);
    if (blob->codec) jwrite_member_text(j, "compression-codec", blob->codec);
    write_properties(j, blob->properties, blob->property_count);
    jwrite_object_end(j);
}

static firn_status
write_footer(puffin_writer *w, firn_buffer *out, firn_error *err)
{
    static const table_property by = {"created-by", "firn"};
    jwriter  j;
    uint8_t  tail[PUFFIN_TAIL_SIZE] = {0};

    firn_buffer_init(out, PUFFIN_FOOTER_SIZE_MAX);
    FIRN_TRY(firn_buffer_add(out, PUFFIN_MAGIC, PUFFIN_MAGIC_SIZE, err));
    jwrite_begin(&j, out, false, err);
    jwrite_object(&j);
    jwrite_key(&j, "blobs");
    jwrite_array(&j);
    for (size_t i = 0; i < w->list.count; i++) write_blob(&j, &w->list.blobs[i]);
    jwrite_array_end(&j);
    write_properties(&j, &by, 1);
    jwrite_object_end(&j);
    FIRN_TRY(jwrite_end(&j));
    store_le32(tail, (uint32_t) (out->size - PUFFIN_MAGIC_SIZE));
    memcpy(tail + sizeof tail - PUFFIN_MAGIC_SIZE, PUFFIN_MAGIC, PUFFIN_MAGIC_SIZE);
    return firn_buffer_add(out, tail, sizeof tail, err);
}

firn_status
puffin_writer_close(puffin_writer *w, uint64_t *ret_size_bytes, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer footer = {0};

    FIRN_TRY(write_footer(w, &footer, err));
    FIRN_TRY(firn_sink_write(w->sink, footer.data, footer.size, err));
    FIRN_TRY(firn_sink_finish(w->sink, err));
    w->closed = true;
    *ret_size_bytes = w->sink->written_bytes;
    return FIRN_OK;
}
