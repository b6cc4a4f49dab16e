/*
 * Type numbers of Thrift's compact protocol, for its writer and its reader.
 *
 * Spec: apache/thrift, doc/specs/thrift-compact-protocol.md, "Struct encoding" and "List and Set"
 */
#ifndef FIRN_CODEC_THRIFT_TYPE_H
#define FIRN_CODEC_THRIFT_TYPE_H

typedef enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1, /* a boolean field carries its value in the type; as list element: a byte 1 or 2 (0) */
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
} thrift_type;

#endif
