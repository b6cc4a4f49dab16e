/*
 * What a dbz_table has learnt of its events, as it stands: immutable, so that another thread can make changes of events while the
 * table's own looks at those before. An event that fits gives just what dbz_table_change would have given.
 *
 * Fits:    JSON, with the schema blocks, the members of the key and the columns that the table knows
 * Threads: any; the count of references is atomic
 */
#ifndef FIRN_DEBEZIUM_ROW_SHAPE_H
#define FIRN_DEBEZIUM_ROW_SHAPE_H

#include "debezium/relation.h"
#include "debezium/tuple_write.h"

struct dbz_row_shape {
    uint64_t          id; /* no other shape of this process has it; not 0 */
    dbz_relation     *relation;
    bool              has_key_setting; /* the key's columns are configured, whatever the records' keys have */
    unavailable_forms unavailable;
    firn_slice        key_schema, value_schema, key_members; /* as in the table; owned */
    uint32_t          ref_count;
};

/* Copies what is given; the relation is referenced. `like`: of its key and its schemas. */
FIRN_MUST_USE firn_status dbz_row_shape_new(const dbz_row_shape *like, dbz_relation *relation, const unavailable_forms *unavailable,
                                            dbz_row_shape **ret_shape, firn_error *err);
dbz_row_shape            *dbz_row_shape_ref(dbz_row_shape *shape);
void                      dbz_row_shape_unref(dbz_row_shape *shape);

/* Whether the record's key has these members; names with escapes never have. */
bool dbz_key_has_members(firn_slice key, firn_slice members);
/* Bytes that dbz_row_shape_change writes at most for this event. */
size_t dbz_row_shape_room(const dbz_row_shape *shape, const dbz_event *event);
/* False: it does not fit, which says nothing against it. The bytes of `old` and `new` lie one behind the other
 * in `room`. */
bool dbz_row_shape_change(const dbz_row_shape *shape, const dbz_event *event, uint8_t *room, change *ret_change);

#endif
