/*
 * The changes of one table in one window, coalesced: what is left of each key, as raw tuples.
 *
 * Keyed:     per key the row as it is at the end, or none. A key that an update changed is the old key without a row and
 *            the new key with one. Nothing is decoded; a key is the bytes of its columns, which the source sends alike
 *            for one stored row.
 * Whole row: tables without a key under REPLICA IDENTITY FULL: per row (all its bytes) how many more or fewer there are
 * Holes:     values that an update leaves out (unchanged TOAST) are filled from the row's earlier version, where the
 *            window has one. Otherwise the entry says which key its version in the lake has, as of the window's beginning.
 * Truncate:  what was there is gone; `truncated` says that the table in the lake is to be emptied first
 * Memory:    table_changes_memory_bytes, replaced versions included; the caller decides when it is enough
 * Threads:   one
 */
#ifndef FIRN_FOLLOW_TABLE_CHANGES_H
#define FIRN_FOLLOW_TABLE_CHANGES_H

#include "base/error.h"
#include "change/change.h"

typedef struct row_entry {
    uint64_t       hash;
    const uint8_t *key;      /* the key columns' values one after the other, framed as in a tuple */
    const uint8_t *row;      /* tuple; NULL: no row at the end. Whole row: the same as `key` */
    const uint8_t *lake_key; /* the row has holes: the key that the lake's version has; NULL: no holes */
    uint32_t       key_size, row_size, lake_key_size;
    int32_t        count;    /* whole row only */
    bool           may_exist;    /* instead: it was a row that a snapshot has read */
    bool           expects_none; /* the window's first change of this key was an insert: the lake has no such row */
    uint16_t       shape;        /* of the row: as given with the change */
    uint32_t       origin_part;  /* of its last change, as change.origin */
    uint64_t       origin;
} row_entry;

typedef struct table_changes table_changes;

/* `key_columns` by number in the relation, in the lake's order; copied. None: whole rows. */
FIRN_MUST_USE firn_status table_changes_new(const unsigned key_columns[], unsigned key_column_count,
                                            table_changes **ret_changes, firn_error *err);
void                      table_changes_free(table_changes *t);
FIRN_DEFINE_FREEP(table_changes, table_changes_free)

/* Takes one change over; what it points to is copied. FIRN_CORRUPT (FOLLOW_ROW): an old row that does not have the key. */
FIRN_MUST_USE firn_status table_changes_add(table_changes *t, const change *event, uint16_t shape, firn_error *err);

bool             table_changes_truncated(const table_changes *t);
uint64_t         table_changes_event_count(const table_changes *t);
uint32_t         table_changes_entry_count(const table_changes *t);
const row_entry *table_changes_entry(const table_changes *t, uint32_t index);
size_t           table_changes_memory_bytes(const table_changes *t);

#endif
