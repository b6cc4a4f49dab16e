#include "debezium/avro_event.h"

#include "avro/avro_walk.h"
#include "debezium/source_block.h"

typedef struct event_reader {
    firn_reader  in;
    dbz_event   *event;
    source_extra extra;
    bool         has_op, is_deleted, has_status, has_changes;
} event_reader;

/* A slice of no bytes, which is not the same as none. */
static const uint8_t nothing[1];

static firn_slice
walk(event_reader *r, const avro_schema *type)
{
    const uint8_t *start = r->in.at;

    if (!avro_skip(type, &r->in)) return (firn_slice){0};
    return firn_slice_of(start ? start : nothing, (size_t) (r->in.at - start));
}

static jtoken
read_text(event_reader *r)
{
    return (jtoken){.kind = JTOKEN_STRING, .text = avro_read_bytes(&r->in)};
}

static jtoken
read_flag(event_reader *r, const avro_schema *type)
{
    if (type->kind == AVRO_STRING) return read_text(r);
    return (jtoken){.kind = firn_reader_u8(&r->in) ? JTOKEN_TRUE : JTOKEN_FALSE};
}

static bool
read_op(event_reader *r)
{
    firn_slice op = avro_read_bytes(&r->in);

    if (op.size != 1) return false;
    for (unsigned i = 0; i < 6; i++) {
        static const struct {
            char           letter;
            dbz_event_kind kind;
        } ops[] = {{'c', DBZ_CREATE}, {'u', DBZ_UPDATE}, {'d', DBZ_DELETE}, {'r', DBZ_READ}, {'t', DBZ_TRUNCATE}, {'m', DBZ_MESSAGE}};
        if (op.data[0] != ops[i].letter) continue;
        r->event->kind = ops[i].kind;
        r->has_op = true;
        return true;
    }
    return false;
}

static void
read_status(event_reader *r)
{
    jtoken status = read_text(r);
    bool   is_end = DBZ_IS(&status, "END");

    r->has_status = is_end || DBZ_IS(&status, "BEGIN");
    r->event->kind = is_end ? DBZ_TRANSACTION_END : DBZ_TRANSACTION_BEGIN;
}

/* Milliseconds stand before what is more exact. */
static void
set_time_ms(int64_t value, int64_t *time_us)
{
    if (*time_us == 0 && value > INT64_MIN / 1000 && value < INT64_MAX / 1000) *time_us = value * 1000;
}

static void
read_number(event_reader *r, dbz_avro_step_kind kind)
{
    dbz_event     *e = r->event;
    dbz_source    *source = &e->source;
    const uint8_t *start = r->in.at;
    int64_t        value = avro_read_long(&r->in);

    // -Wswitch-enum: each number by itself, the others are not read here
    if (kind == AVRO_STEP_LSN) {
        r->extra.has_lsn = true;
        source->lsn = (uint64_t) value;
    } else if (kind == AVRO_STEP_TRANSACTION_NUMBER) {
        source->transaction_number = value > 0 ? (uint64_t) value : 0;
        source->transaction = (jtoken){.kind = JTOKEN_NUMBER, .text = firn_slice_of(start, (size_t) (r->in.at - start))};
    } else if (kind == AVRO_STEP_SOURCE_TIME_MS) {
        set_time_ms(value, &source->time_us);
    } else if (kind == AVRO_STEP_SOURCE_TIME_US) {
        source->time_us = value;
        r->extra.has_exact_time = true;
    } else if (kind == AVRO_STEP_SOURCE_TIME_NS) {
        if (source->time_us % 1000 == 0 && source->time_us / 1000 == value / 1000000) source->time_us = value / 1000;
        r->extra.has_exact_time = true;
    } else if (kind == AVRO_STEP_TIME_MS) {
        set_time_ms(value, &e->time_us);
    } else if (kind == AVRO_STEP_TIME_US) {
        e->time_us = value;
    } else if (kind == AVRO_STEP_TIME_NS) {
        if (e->time_us % 1000 == 0 && e->time_us / 1000 == value / 1000000) e->time_us = value / 1000;
    } else if (kind == AVRO_STEP_TOTAL_ORDER) {
        e->transaction.total_order = (uint64_t) value;
    } else if (kind == AVRO_STEP_COLLECTION_ORDER) {
        e->transaction.collection_order = (uint64_t) value;
    } else if (kind == AVRO_STEP_EVENT_COUNT) {
        e->transaction.event_count = (uint64_t) value;
    } else if (kind == AVRO_STEP_SCN) {
        r->extra.has_scn = true;
        source->scn = (uint64_t) value;
    } else if (kind == AVRO_STEP_COMMIT_SCN) {
        source->commit_scn = (uint64_t) value;
    } else if (kind == AVRO_STEP_SSN) {
        r->extra.ssn = (uint64_t) value;
    } else if (kind == AVRO_STEP_BINLOG_POS) {
        r->extra.binlog_pos = (uint64_t) value;
    } else if (kind == AVRO_STEP_BINLOG_ROW) {
        r->extra.binlog_row = (uint64_t) value;
    }
}

static bool run_steps(event_reader *r, const dbz_avro_step *steps, unsigned count);

/* False: the bytes are not what Debezium writes. */
static bool
run_step(event_reader *r, const dbz_avro_step *step)
{
    dbz_event *e = r->event;
    jtoken     value;

    switch (step->kind) {
    case AVRO_STEP_SKIP:
        return avro_skip(step->type, &r->in);
    case AVRO_STEP_BEFORE:
        e->before = walk(r, step->type);
        break;
    case AVRO_STEP_AFTER:
        e->after = walk(r, step->type);
        break;
    case AVRO_STEP_SOURCE:
        if (!run_steps(r, step->inner, step->inner_count)) return false;
        source_order(&e->source, &r->extra, &e->order);
        break;
    case AVRO_STEP_TRANSACTION:
    case AVRO_STEP_MESSAGE:
        return run_steps(r, step->inner, step->inner_count);
    case AVRO_STEP_TEXT:
        value = read_flag(r, step->type);
        (void) source_member(&step->name, &value, &e->source, &r->extra);
        break;
    case AVRO_STEP_OP:
        return read_op(r);
    case AVRO_STEP_DELETED:
        value = read_flag(r, step->type);
        e->says_deleted = true;
        r->is_deleted = value.kind == JTOKEN_TRUE || DBZ_IS(&value, "true");
        break;
    case AVRO_STEP_STATUS:
        read_status(r);
        break;
    case AVRO_STEP_TRANSACTION_ID:
        e->transaction.id = read_text(r);
        break;
    case AVRO_STEP_MESSAGE_PREFIX:
        e->message_prefix = read_text(r);
        break;
    case AVRO_STEP_MESSAGE_CONTENT:
        e->message_content = read_text(r);
        break;
    case AVRO_STEP_DDL:
        e->ddl = read_text(r);
        r->has_changes = true;
        break;
    case AVRO_STEP_COLLECTIONS:
        e->transaction.collections = walk(r, step->type);
        break;
    case AVRO_STEP_TABLE_CHANGES:
        e->table_changes = walk(r, step->type);
        r->has_changes = true;
        break;
    case AVRO_STEP_LSN:
    case AVRO_STEP_TRANSACTION_NUMBER:
    case AVRO_STEP_SCN:
    case AVRO_STEP_COMMIT_SCN:
    case AVRO_STEP_SSN:
    case AVRO_STEP_BINLOG_POS:
    case AVRO_STEP_BINLOG_ROW:
    case AVRO_STEP_SOURCE_TIME_MS:
    case AVRO_STEP_SOURCE_TIME_US:
    case AVRO_STEP_SOURCE_TIME_NS:
    case AVRO_STEP_TIME_MS:
    case AVRO_STEP_TIME_US:
    case AVRO_STEP_TIME_NS:
    case AVRO_STEP_TOTAL_ORDER:
    case AVRO_STEP_COLLECTION_ORDER:
    case AVRO_STEP_EVENT_COUNT:
        read_number(r, step->kind);
        break;
    }
    return !r->in.failed;
}

static bool
run_steps(event_reader *r, const dbz_avro_step *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (steps[i].is_optional) {
            int64_t branch = avro_read_long(&r->in);
            if (branch == steps[i].null_branch) continue;
            if (branch != 1 - steps[i].null_branch) return false;
        }
        if (!run_step(r, &steps[i])) return false;
    }
    return !r->in.failed;
}

/* What is wrong with an event whose bytes were read to their end; NULL: nothing. */
static const char *
finish_rows(event_reader *r, const dbz_avro_plan *plan)
{
    dbz_event *e = r->event;

    if (plan->shape == AVRO_SHAPE_ENVELOPE) {
        if (!r->has_op) return "no `op`";
    } else {
        e->is_flattened = true;
        source_order(&e->source, &r->extra, &e->order);
        e->says_op = r->has_op;
        if (!r->has_op) e->kind = DBZ_UPDATE;
        if (r->is_deleted) e->kind = DBZ_DELETE;
        *(e->kind == DBZ_DELETE ? &e->before : &e->after) = firn_slice_of(r->in.start, (size_t) (r->in.at - r->in.start));
    }
    if ((e->kind == DBZ_CREATE || e->kind == DBZ_UPDATE || e->kind == DBZ_READ) && !e->after.data)
        return "a row that is written has no `after`";
    if (e->kind == DBZ_DELETE && !e->before.data && !e->key.data) return "a row that is deleted has neither `before` nor a key";
    return NULL;
}

static const char *
finish(event_reader *r, const dbz_avro_plan *plan)
{
    dbz_event *e = r->event;

    switch (plan->role) {
    case DBZ_ROLE_ROWS:
        return finish_rows(r, plan);
    case DBZ_ROLE_HEARTBEAT:
        e->kind = DBZ_HEARTBEAT;
        break;
    case DBZ_ROLE_TRANSACTION:
        return r->has_status && e->transaction.id.kind == JTOKEN_STRING ? NULL : "no status or id of a transaction";
    case DBZ_ROLE_SCHEMA_CHANGES:
        e->kind = DBZ_SCHEMA_CHANGE;
        return r->has_changes ? NULL : "neither ddl nor tableChanges of a schema change";
    }
    return NULL;
}

firn_status
dbz_avro_event_read(const dbz_avro_record *record, dbz_event *ret_event, firn_error *err)
{
    event_reader r = {.in = firn_reader_of(record->value), .event = ret_event};
    const char  *wrong;

    *ret_event = (dbz_event){.kind = DBZ_TOMBSTONE, .key = record->key, .avro_key = record->key_plan, .avro_value = record->plan};
    if (!record->value.data) return FIRN_OK;
    if (!run_steps(&r, record->plan->steps, record->plan->step_count) || firn_reader_left(&r.in) > 0)
        wrong = r.in.failed ? "it is cut short or damaged" : "it does not end with its schema's last field";
    else
        wrong = finish(&r, record->plan);
    if (!wrong) return FIRN_OK;
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "the value of a record is not what Debezium writes in Avro: %s, at byte %zu of %zu",
                     wrong, firn_reader_offset(&r.in), record->value.size);
}
