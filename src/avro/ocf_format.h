/* What writer and reader of container files share (Avro specification, "Object Container Files"). */
#ifndef FIRN_AVRO_OCF_FORMAT_H
#define FIRN_AVRO_OCF_FORMAT_H

#define OCF_MAGIC "Obj\x01"
#define OCF_MAGIC_SIZE 4
#define OCF_SYNC_SIZE 16
/* Uncompressed bytes of one block. */
#define OCF_BLOCK_SIZE_MAX ((size_t) 256 << 20)
#define OCF_SCHEMA_KEY "avro.schema"
#define OCF_CODEC_KEY "avro.codec"

#endif
