/*
 * The messages of one transaction that is not committed yet: in blocks of memory, and before those, where memory was
 * short, in a file without a name.
 *
 * Record: uint32 size, uint64 position (both as in memory), then the message; a record never spans two blocks
 * File:   uint64 size of a block, then the block, and so on; it is gone with its descriptor
 */
#ifndef FIRN_CHANGE_KEPT_TRANSACTION_H
#define FIRN_CHANGE_KEPT_TRANSACTION_H

#include "change/change_block.h"
#include "change/pgoutput.h"

#define KEPT_GID_SIZE PGOUTPUT_GID_SIZE_MAX

typedef struct kept_transaction {
    struct kept_transaction *next;
    uint32_t                 xid;
    bool                     has_xids;    /* it came while it ran: messages begin with the (sub)transaction's id */
    bool                     is_prepared; /* its PREPARE has come: gid and prepare_position are set */
    char                     gid[KEPT_GID_SIZE];
    uint64_t                 prepare_position;
    change_block           **blocks;
    size_t                   block_count, block_capacity;
    size_t                   memory_bytes; /* of blocks */
    int                      file;         /* -1: none */
    uint64_t                 file_bytes;
    uint32_t                *aborted; /* hash set of subtransactions, 0 is free */
    uint32_t                 aborted_count, aborted_capacity;
} kept_transaction;

FIRN_MUST_USE firn_status kept_transaction_new(uint32_t xid, bool has_xids, kept_transaction **ret_kept, firn_error *err);
void                      kept_transaction_free(kept_transaction *kept);

FIRN_MUST_USE firn_status kept_transaction_add(kept_transaction *kept, firn_slice message, uint64_t position, firn_error *err);
/* Moves the blocks into the file, which is made in `folder`. */
FIRN_MUST_USE firn_status kept_transaction_spill(kept_transaction *kept, const char *folder, firn_error *err);
FIRN_MUST_USE firn_status kept_transaction_abort(kept_transaction *kept, uint32_t subxid, firn_error *err);
bool                      kept_transaction_is_aborted(const kept_transaction *kept, uint32_t xid);

/* Reads the records in the order in which they came; {0} is at the start. */
typedef struct kept_reader {
    uint64_t      file_at;
    size_t        block_at; /* the next one of memory */
    change_block *block;    /* the one at work; owned */
    size_t        at;
} kept_reader;

/* The next record; block NULL at the end. `ret_block` is borrowed from the reader until the next call. */
FIRN_MUST_USE firn_status kept_reader_next(kept_reader *reader, kept_transaction *kept, change_block **ret_block,
                                           firn_slice *ret_message, uint64_t *ret_position, firn_error *err);
void                      kept_reader_done(kept_reader *reader);

#endif
