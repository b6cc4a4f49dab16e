#include "debezium/avro_plan.h"

#include "base/alloc.h"
#include "base/text.h"
#include "debezium/source_block.h"

/* What a field must be for its step. */
typedef enum step_type { TYPE_ROW, TYPE_RECORD, TYPE_NUMBER, TYPE_TEXT, TYPE_FLAG, TYPE_BYTES, TYPE_ARRAY } step_type;

typedef struct step_name {
    const char        *name;
    dbz_avro_step_kind kind;
    step_type          type;
} step_name;

static const step_name envelope_names[] = {
    {"before", AVRO_STEP_BEFORE, TYPE_ROW},         {"after", AVRO_STEP_AFTER, TYPE_ROW},
    {"source", AVRO_STEP_SOURCE, TYPE_RECORD},      {"transaction", AVRO_STEP_TRANSACTION, TYPE_RECORD},
    {"message", AVRO_STEP_MESSAGE, TYPE_RECORD},    {"op", AVRO_STEP_OP, TYPE_TEXT},
    {"ts_ms", AVRO_STEP_TIME_MS, TYPE_NUMBER},      {"ts_us", AVRO_STEP_TIME_US, TYPE_NUMBER},
    {"ts_ns", AVRO_STEP_TIME_NS, TYPE_NUMBER},
};

static const step_name source_names[] = {
    {"lsn", AVRO_STEP_LSN, TYPE_NUMBER},
    {"txId", AVRO_STEP_TRANSACTION_NUMBER, TYPE_NUMBER},
    {"scn", AVRO_STEP_SCN, TYPE_NUMBER},
    {"commit_scn", AVRO_STEP_COMMIT_SCN, TYPE_NUMBER},
    {"ssn", AVRO_STEP_SSN, TYPE_NUMBER},
    {"pos", AVRO_STEP_BINLOG_POS, TYPE_NUMBER},
    {"row", AVRO_STEP_BINLOG_ROW, TYPE_NUMBER},
    {"ts_ms", AVRO_STEP_SOURCE_TIME_MS, TYPE_NUMBER},
    {"ts_us", AVRO_STEP_SOURCE_TIME_US, TYPE_NUMBER},
    {"ts_ns", AVRO_STEP_SOURCE_TIME_NS, TYPE_NUMBER},
};

static const step_name transaction_names[] = {
    {"id", AVRO_STEP_TRANSACTION_ID, TYPE_TEXT},
    {"total_order", AVRO_STEP_TOTAL_ORDER, TYPE_NUMBER},
    {"data_collection_order", AVRO_STEP_COLLECTION_ORDER, TYPE_NUMBER},
};

static const step_name message_names[] = {
    {"prefix", AVRO_STEP_MESSAGE_PREFIX, TYPE_TEXT},
    {"content", AVRO_STEP_MESSAGE_CONTENT, TYPE_BYTES},
};

static const step_name boundary_names[] = {
    {"status", AVRO_STEP_STATUS, TYPE_TEXT},
    {"id", AVRO_STEP_TRANSACTION_ID, TYPE_TEXT},
    {"event_count", AVRO_STEP_EVENT_COUNT, TYPE_NUMBER},
    {"data_collections", AVRO_STEP_COLLECTIONS, TYPE_ARRAY},
    {"ts_ms", AVRO_STEP_TIME_MS, TYPE_NUMBER},
};

static const step_name schema_change_names[] = {
    {"source", AVRO_STEP_SOURCE, TYPE_RECORD},     {"ddl", AVRO_STEP_DDL, TYPE_TEXT},
    {"tableChanges", AVRO_STEP_TABLE_CHANGES, TYPE_ARRAY}, {"ts_ms", AVRO_STEP_TIME_MS, TYPE_NUMBER},
};

static const step_name heartbeat_names[] = {{"ts_ms", AVRO_STEP_TIME_MS, TYPE_NUMBER}};

/* ExtractNewRecordState's members, without "__". */
static const step_name flattened_names[] = {
    {"op", AVRO_STEP_OP, TYPE_TEXT},
    {"deleted", AVRO_STEP_DELETED, TYPE_FLAG},
    {"ts_ms", AVRO_STEP_TIME_MS, TYPE_NUMBER},
    {"ts_us", AVRO_STEP_TIME_US, TYPE_NUMBER},
    {"ts_ns", AVRO_STEP_TIME_NS, TYPE_NUMBER},
    {"transaction_id", AVRO_STEP_TRANSACTION_ID, TYPE_TEXT},
    {"transaction_total_order", AVRO_STEP_TOTAL_ORDER, TYPE_NUMBER},
    {"transaction_data_collection_order", AVRO_STEP_COLLECTION_ORDER, TYPE_NUMBER},
};

typedef struct step_list {
    const step_name *names;
    size_t           count;
} step_list;

#define LIST(names) ((step_list){names, FIRN_COUNT(names)})

static const step_name *
find_step(step_list list, const char *name)
{
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.names[i].name, name) == 0) return &list.names[i];
    }
    return NULL;
}

static bool
fits(const avro_schema *type, step_type wanted)
{
    switch (wanted) {
    case TYPE_ROW:
    case TYPE_RECORD:
        return type->kind == AVRO_RECORD;
    case TYPE_NUMBER:
        return type->kind == AVRO_INT || type->kind == AVRO_LONG;
    case TYPE_TEXT:
        return type->kind == AVRO_STRING;
    case TYPE_FLAG:
        return type->kind == AVRO_STRING || type->kind == AVRO_BOOLEAN;
    case TYPE_BYTES:
        return type->kind == AVRO_BYTES || type->kind == AVRO_STRING;
    case TYPE_ARRAY:
        return type->kind == AVRO_ARRAY;
    }
    return false;
}

/* A step that reads the value of the field, or passes it over where its type is another one. */
static void
set_step(const avro_schema *field, const avro_schema *value, dbz_avro_step_kind kind, dbz_avro_step *step)
{
    *step = (dbz_avro_step){.kind = kind, .type = value};
    if (field->kind != AVRO_UNION) return;
    // [null, T] and [T, null]; other unions of one value and several nulls do not exist
    step->is_optional = field->field_count == 2;
    step->null_branch = field->branches[0]->kind == AVRO_NULL ? 0 : 1;
    if (field->field_count != 2) *step = (dbz_avro_step){.kind = AVRO_STEP_SKIP, .type = field};
}

static firn_status compile(dbz_avro_plan *plan, const avro_schema *record, step_list list, bool is_source,
                           const dbz_avro_step **ret_steps, firn_error *err);

/* "__source_lsn", "__lsn" → "lsn"; NULL: a column. */
static const char *
flattened_rest(const char *name, bool *ret_is_source)
{
    if (strncmp(name, "__", 2) != 0) return NULL;
    name += 2;
    *ret_is_source = text_starts_with(name, "source_");
    return *ret_is_source ? name + strlen("source_") : name;
}

static void
compile_source_field(const char *name, const avro_schema *field, const avro_schema *value, dbz_avro_step *step)
{
    const step_name *known = find_step(LIST(source_names), name);

    if (known && fits(value, known->type)) {
        set_step(field, value, known->kind, step);
    } else if (value->kind == AVRO_STRING || value->kind == AVRO_BOOLEAN) {
        set_step(field, value, AVRO_STEP_TEXT, step);
        step->name = (jtoken){.kind = JTOKEN_STRING, .text = firn_slice_text(name)};
    }
}

static firn_status
compile_inner(dbz_avro_plan *plan, dbz_avro_step *step, firn_error *err)
{
    step_list list = step->kind == AVRO_STEP_TRANSACTION ? LIST(transaction_names) : LIST(message_names);

    step->inner_count = step->type->field_count;
    return compile(plan, step->type, list, step->kind == AVRO_STEP_SOURCE, &step->inner, err);
}

static firn_status
compile_field(dbz_avro_plan *plan, const avro_field *field, step_list list, bool is_source, dbz_avro_step *step,
              firn_error *err)
{
    const avro_schema *value = avro_schema_value(field->type);
    const step_name   *known = NULL;
    const char        *name = field->name;
    bool               in_source = is_source;

    *step = (dbz_avro_step){.kind = AVRO_STEP_SKIP, .type = field->type};
    if (!value) return FIRN_OK;
    if (plan->shape == AVRO_SHAPE_FLATTENED && !(name = flattened_rest(name, &in_source))) return FIRN_OK;
    if (!in_source) known = find_step(list, name);
    if (known && fits(value, known->type)) {
        set_step(field->type, value, known->kind, step);
        if (known->type == TYPE_RECORD) return compile_inner(plan, step, err);
        if (known->type == TYPE_ROW && !plan->row) plan->row = value;
        // before and after of different types: none of Debezium's
        if (known->type == TYPE_ROW && plan->row != value)
            return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "an Avro schema has rows of two types: '%s', '%s'", plan->row->name, value->name);
    } else if (in_source || (plan->shape == AVRO_SHAPE_FLATTENED && !known)) {
        compile_source_field(name, field->type, value, step);
    }
    return FIRN_OK;
}

static firn_status
compile(dbz_avro_plan *plan, const avro_schema *record, step_list list, bool is_source, const dbz_avro_step **ret_steps,
        firn_error *err)
{
    dbz_avro_step *steps = firn_arena_array(&plan->arena, record->field_count + 1, sizeof *steps);

    if (!steps) return firn_fail_memory(err, "an Avro schema");
    for (unsigned i = 0; i < record->field_count; i++)
        FIRN_TRY(compile_field(plan, &record->fields[i], list, is_source, &steps[i], err));
    *ret_steps = steps;
    return FIRN_OK;
}

static bool
has_fields(const avro_schema *record, const char *a, const char *b)
{
    bool has_a = false, has_b = false;

    for (unsigned i = 0; i < record->field_count; i++) {
        has_a |= strcmp(record->fields[i].name, a) == 0;
        has_b |= strcmp(record->fields[i].name, b) == 0;
    }
    return has_a && has_b;
}

static step_list
list_of(dbz_avro_plan *plan)
{
    switch (plan->role) {
    case DBZ_ROLE_HEARTBEAT:
        return LIST(heartbeat_names);
    case DBZ_ROLE_TRANSACTION:
        return LIST(boundary_names);
    case DBZ_ROLE_SCHEMA_CHANGES:
        return LIST(schema_change_names);
    case DBZ_ROLE_ROWS:
        break;
    }
    if (has_fields(plan->type, "op", "source")) {
        plan->shape = AVRO_SHAPE_ENVELOPE;
        return LIST(envelope_names);
    }
    plan->shape = AVRO_SHAPE_FLATTENED;
    plan->row = plan->type;
    return LIST(flattened_names);
}

static uint64_t last_serial; /* atomic */

firn_status
dbz_avro_plan_new(dbz_role role, const avro_schema *schema, dbz_avro_plan **ret_plan, firn_error *err)
{
    FIRN_AUTO(dbz_avro_plan_freep) dbz_avro_plan *plan = NULL;
    const avro_schema *type = avro_schema_value(schema); // a tombstone's value may be a null of the schema

    if (!type || type->kind != AVRO_RECORD)
        return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "an Avro schema is no record, so not one of Debezium's");
    if (!(plan = firn_calloc(1, sizeof *plan))) return firn_fail_memory(err, "an Avro schema");
    plan->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
    plan->role = role;
    plan->shape = AVRO_SHAPE_OTHER;
    plan->type = type;

    step_list list = list_of(plan);

    plan->step_count = type->field_count;
    FIRN_TRY(compile(plan, type, list, false, &plan->steps, err));
    *ret_plan = FIRN_STEAL(plan);
    return FIRN_OK;
}

void
dbz_avro_plan_free(dbz_avro_plan *plan)
{
    if (!plan) return;
    firn_arena_done(&plan->arena);
    firn_free(plan);
}
