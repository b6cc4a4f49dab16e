#include "iceberg/deletion_vector.h"

#include <inttypes.h>

#include "base/reader.h"
#include "codec/checksum.h"
#include "storage/storage.h"

#define FRAME_BYTES 12 /* length, magic and checksum */
#define LENGTH_BYTES 4

static const uint8_t magic[4] = {0xd1, 0xd3, 0x39, 0x64};

firn_status
deletion_vector_encode(roaring64 *deleted, firn_buffer *out, firn_error *err)
{
    size_t  start = out->size;
    uint8_t number[4] = {0};

    FIRN_TRY(firn_buffer_add(out, number, sizeof number, err));
    FIRN_TRY(firn_buffer_add(out, magic, sizeof magic, err));
    FIRN_TRY(roaring64_serialize(deleted, out, err));
    if (out->size - start + sizeof number > DELETION_VECTOR_SIZE_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "a deletion vector is larger than %zu MiB",
                         DELETION_VECTOR_SIZE_MAX >> 20);
    store_be32(out->data + start, (uint32_t) (out->size - start - LENGTH_BYTES));
    store_be32(number, checksum_crc32(firn_slice_of(out->data + start + LENGTH_BYTES, out->size - start - LENGTH_BYTES)));
    return firn_buffer_add(out, number, sizeof number, err);
}

firn_status
deletion_vector_decode(firn_slice blob, roaring64 **ret_deleted, firn_error *err)
{
    firn_slice checked;

    if (blob.size < FRAME_BYTES || load_be32(blob.data) != blob.size - 2 * LENGTH_BYTES)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a deletion vector's length is not the one it begins with");
    checked = firn_slice_of(blob.data + LENGTH_BYTES, blob.size - 2 * LENGTH_BYTES);
    if (memcmp(checked.data, magic, sizeof magic) != 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a deletion vector does not begin with its magic bytes");
    if (checksum_crc32(checked) != load_be32(checked.data + checked.size))
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a deletion vector's checksum is wrong");
    return roaring64_deserialize(firn_slice_of(checked.data + sizeof magic, checked.size - sizeof magic), ret_deleted,
                                 err);
}

static firn_status
read_vector(struct storage *files, const data_file *vector, roaring64 **ret_deleted, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer blob = {0};
    FIRN_AUTO(roaring64_freep) roaring64 *deleted = NULL;

    if ((uint64_t) vector->content_size_bytes > DELETION_VECTOR_SIZE_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a deletion vector has %" PRId64 " bytes; firn reads up to %zu",
                         vector->content_size_bytes, DELETION_VECTOR_SIZE_MAX);
    firn_buffer_init(&blob, DELETION_VECTOR_SIZE_MAX);
    FIRN_TRY(files->ops->read_range(files, vector->path, (uint64_t) vector->content_offset,
                                    (size_t) vector->content_size_bytes, &blob, err));
    FIRN_TRY(deletion_vector_decode(firn_buffer_slice(&blob), &deleted, err));
    if (roaring64_count(deleted) != (uint64_t) vector->record_count)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES,
                         "a deletion vector deletes %" PRIu64 " rows; the manifest says %" PRId64,
                         roaring64_count(deleted), vector->record_count);
    *ret_deleted = FIRN_STEAL(deleted);
    return FIRN_OK;
}

firn_status
deletion_vector_read(struct storage *files, const data_file *vector, roaring64 **ret_deleted, firn_error *err)
{
    assert(data_file_is_vector(vector));
    if (read_vector(files, vector, ret_deleted, err))
        return firn_while(err, "reading the deletion vector at byte %" PRId64 " of '%s'", vector->content_offset,
                          vector->path);
    return FIRN_OK;
}
