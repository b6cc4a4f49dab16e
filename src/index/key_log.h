/*
 * What became of keys since a base was written: one record for each window, appended in one go.
 *
 * File:    magic, base id | records: sizes of head and changes, head, changes (20 bytes each), checksum
 *          The checksum goes on from that of the record before, the first from the base's id: a record counts only
 *          behind those it was written behind.
 * Crash:   a record that was not written to its end is not there; nor is what a power cut left without one of them.
 *          What is there is always a beginning of what was written, and opening cuts the rest off.
 * Threads: one thread
 */
#ifndef FIRN_INDEX_KEY_LOG_H
#define FIRN_INDEX_KEY_LOG_H

#include "base/buffer.h"
#include "index/key_hash.h"

#define KEY_LOG_HEAD_MAX ((size_t) 64 << 20)

typedef struct key_log key_log;

/* One record: `head` is the owner's, changes are `count` times 20 bytes (key_log_change). */
typedef firn_status (*key_log_visit)(void *state, firn_slice head, const uint8_t *changes, size_t count,
                                     firn_error *err);

/* A new, empty log; replaces what has this name. */
FIRN_MUST_USE firn_status key_log_create(const char *path, uint64_t base_id, key_log **ret_log, firn_error *err);
/* Visits the records and cuts off what is behind them. FIRN_NOT_FOUND where there is no log, or not one of this base. */
FIRN_MUST_USE firn_status key_log_open(const char *path, uint64_t base_id, key_log_visit visit, void *state,
                                       key_log **ret_log, firn_error *err);
void                      key_log_close(key_log *log);
FIRN_DEFINE_FREEP(key_log, key_log_close)

/* All or nothing for whoever opens it later; a log that failed takes no more records. */
FIRN_MUST_USE firn_status key_log_append(key_log *log, firn_slice head, const key_change changes[], size_t count,
                                         firn_error *err);
uint64_t                  key_log_size_bytes(const key_log *log);

key_change key_log_change(const uint8_t *changes, size_t index);
/* The records of bytes in memory; *ret_size: how many of the bytes they take. False: not a log of this base. */
FIRN_MUST_USE firn_status key_log_parse(firn_slice bytes, uint64_t base_id, key_log_visit visit, void *state,
                                        bool *ret_valid, size_t *ret_size, uint64_t *ret_checksum, firn_error *err);

#endif
