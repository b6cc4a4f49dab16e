/*
 * How records of one Avro schema are read as Debezium's: for each field of the record, in its order, what becomes of it.
 * Made once per schema, so that a message is read in one pass without a look at a name.
 *
 * Shapes: the envelope, flattened rows, the records of Debezium's own topics (debezium/event.h), a key
 * Memory: a plan borrows the schema: whoever has the plan keeps the schema
 */
#ifndef FIRN_DEBEZIUM_AVRO_PLAN_H
#define FIRN_DEBEZIUM_AVRO_PLAN_H

#include "avro/avro_schema.h"
#include "base/arena.h"
#include "debezium/event.h"

typedef enum dbz_avro_step_kind {
    AVRO_STEP_SKIP,
    AVRO_STEP_BEFORE,
    AVRO_STEP_AFTER,
    AVRO_STEP_SOURCE,      /* inner */
    AVRO_STEP_TRANSACTION, /* inner */
    AVRO_STEP_MESSAGE,     /* inner */
    AVRO_STEP_TEXT,        /* of a source block: a string, taken by its name */
    /* numbers */
    AVRO_STEP_LSN,
    AVRO_STEP_TRANSACTION_NUMBER,
    AVRO_STEP_SCN,
    AVRO_STEP_COMMIT_SCN,
    AVRO_STEP_SSN,
    AVRO_STEP_BINLOG_POS,
    AVRO_STEP_BINLOG_ROW,
    AVRO_STEP_SOURCE_TIME_MS,
    AVRO_STEP_SOURCE_TIME_US,
    AVRO_STEP_SOURCE_TIME_NS,
    AVRO_STEP_TIME_MS,
    AVRO_STEP_TIME_US,
    AVRO_STEP_TIME_NS,
    AVRO_STEP_TOTAL_ORDER,
    AVRO_STEP_COLLECTION_ORDER,
    AVRO_STEP_EVENT_COUNT,
    /* texts */
    AVRO_STEP_OP,
    AVRO_STEP_DELETED, /* a string or a boolean */
    AVRO_STEP_STATUS,
    AVRO_STEP_TRANSACTION_ID,
    AVRO_STEP_MESSAGE_PREFIX,
    AVRO_STEP_MESSAGE_CONTENT,
    AVRO_STEP_DDL,
    /* arrays, as they stand */
    AVRO_STEP_COLLECTIONS,
    AVRO_STEP_TABLE_CHANGES,
} dbz_avro_step_kind;

typedef struct dbz_avro_step dbz_avro_step;
struct dbz_avro_step {
    dbz_avro_step_kind   kind;
    bool                 is_optional; /* a union of null (branch `null_branch`) and `type` */
    uint8_t              null_branch;
    const avro_schema   *type;  /* SKIP: of the whole field; else of the value, never a union */
    jtoken               name;  /* TEXT */
    unsigned             inner_count;
    const dbz_avro_step *inner;
};

typedef enum dbz_avro_shape { AVRO_SHAPE_ENVELOPE, AVRO_SHAPE_FLATTENED, AVRO_SHAPE_OTHER } dbz_avro_shape;

struct dbz_avro_plan {
    uint64_t             serial; /* of no other plan of this process */
    dbz_role             role;
    dbz_avro_shape       shape;
    const avro_schema   *type; /* the record */
    const avro_schema   *row;  /* of before and after; FLATTENED: `type`; NULL: there is none */
    unsigned             step_count;
    const dbz_avro_step *steps;
    firn_arena           arena;
};

/* For values of a topic with this role; for keys of any topic with ROWS. DEBEZIUM_EVENT: a schema that is no record, or not one that Debezium writes. */
FIRN_MUST_USE firn_status dbz_avro_plan_new(dbz_role role, const avro_schema *schema, dbz_avro_plan **ret_plan,
                                            firn_error *err);
void                      dbz_avro_plan_free(dbz_avro_plan *plan);
FIRN_DEFINE_FREEP(dbz_avro_plan, dbz_avro_plan_free)

#endif
