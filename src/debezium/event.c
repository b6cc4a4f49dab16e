#include "debezium/event.h"

#include "base/text.h"
#include "debezium/event_memo.h"

#define HEARTBEAT_PREFIX "__debezium-heartbeat"

/* ---- failures ---- */

static firn_status
fail_event(const jscan *s, const char *part, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "%s of a record is not what Debezium writes: %s near byte %zu", part,
                     s->failure ? s->failure : what, (size_t) (s->at - s->start));
}

/* ---- parts ---- */

static uint64_t
number_of(const jtoken *value)
{
    uint64_t number = 0;
    return value->kind == JTOKEN_NUMBER && text_parse_u64(value->text, &number) ? number : 0;
}

void
dbz_transaction_member(const jtoken *name, const jtoken *value, dbz_transaction *transaction)
{
    if (DBZ_IS(name, "id")) transaction->id = *value;
    if (DBZ_IS(name, "total_order")) transaction->total_order = number_of(value);
    if (DBZ_IS(name, "data_collection_order")) transaction->collection_order = number_of(value);
}

/* Of a row: {"id": …, "total_order": 1, "data_collection_order": 1}; null is next, too. */
static bool
read_transaction(jscan *s, dbz_transaction *transaction)
{
    jtoken name, value;
    if (jscan_peek(s) != JTOKEN_OBJECT) return jscan_value(s, &value);
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        dbz_transaction_member(&name, &value, transaction);
    }
    return !s->failure;
}

static bool
read_message(jscan *s, dbz_event *event)
{
    jtoken name, value;
    if (jscan_peek(s) != JTOKEN_OBJECT) return jscan_value(s, &value);
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        if (DBZ_IS(&name, "prefix")) event->message_prefix = value;
        if (DBZ_IS(&name, "content")) event->message_content = value;
    }
    return !s->failure;
}

bool
dbz_op_kind(const jtoken *op, dbz_event_kind *ret_kind)
{
    if (op->kind != JTOKEN_STRING || op->text.size != 1) return false;
    switch (op->text.data[0]) {
    case 'c':
        *ret_kind = DBZ_CREATE;
        return true;
    case 'u':
        *ret_kind = DBZ_UPDATE;
        return true;
    case 'd':
        *ret_kind = DBZ_DELETE;
        return true;
    case 'r':
        *ret_kind = DBZ_READ;
        return true;
    case 't':
        *ret_kind = DBZ_TRUNCATE;
        return true;
    case 'm':
        *ret_kind = DBZ_MESSAGE;
        return true;
    default:
        return false;
    }
}

/* ---- envelopes ---- */

typedef struct envelope_marks {
    time_tokens times;
    bool        has_op, has_source, has_before, has_after, is_odd; /* odd: a member of another kind than an envelope has */
} envelope_marks;

/* Which of two would count is not for us to say. */
static bool
comes_once(jscan *s, bool *has_come)
{
    if (*has_come && !s->failure) s->failure = "a member comes twice";
    *has_come = true;
    return !s->failure;
}

/* A row: an object, or null. */
static bool
read_row(jscan *s, firn_slice *ret_row, bool *has_come, envelope_marks *marks)
{
    jtoken value;
    if (!comes_once(s, has_come) || !jscan_value(s, &value)) return false;
    if (value.kind == JTOKEN_OBJECT)
        *ret_row = value.text;
    else if (value.kind != JTOKEN_NULL)
        marks->is_odd = true;
    return true;
}

static bool
read_member(jscan *s, const jtoken *name, dbz_event *event, envelope_marks *marks)
{
    jtoken value;
    if (DBZ_IS(name, "before")) return read_row(s, &event->before, &marks->has_before, marks);
    if (DBZ_IS(name, "after")) return read_row(s, &event->after, &marks->has_after, marks);
    if (DBZ_IS(name, "source")) {
        if (jscan_peek(s) != JTOKEN_OBJECT) return marks->is_odd = true, jscan_value(s, &value);
        if (!comes_once(s, &marks->has_source)) return false;
        return source_block_read(s, &event->source, &event->order);
    }
    if (DBZ_IS(name, "transaction")) return read_transaction(s, &event->transaction);
    if (DBZ_IS(name, "message")) return read_message(s, event);
    if (!jscan_value(s, &value)) return false;
    if (DBZ_IS(name, "op"))
        marks->has_op = dbz_op_kind(&value, &event->kind);
    else
        (void) time_tokens_take(&marks->times, name, &value);
    return true;
}

/* `after`, and all behind it where it is as in the envelope before. */
static bool
read_after(jscan *s, dbz_event_memo *memo, dbz_event *event, envelope_marks *marks, bool *ret_knows_rest)
{
    envelope_tail tail;
    *ret_knows_rest = event_memo_take_row(memo, s, event, &tail);
    if (!*ret_knows_rest) {
        if (!read_row(s, &event->after, &marks->has_after, marks)) return false;
        *ret_knows_rest = event_memo_take(memo, s, event, &tail);
    }
    if (!*ret_knows_rest) return true;
    marks->has_source = marks->has_after = true;
    marks->has_op = tail.has_op;
    marks->times = tail.times;
    if (tail.has_op) event->kind = tail.kind;
    return true;
}

/* The object that is next; *ret_is_envelope: it is one, and not a row that has its columns there. `memo`: NULL: none. */
static bool
read_envelope(jscan *s, dbz_event_memo *memo, dbz_event *event, bool *ret_is_envelope)
{
    jtoken         name;
    envelope_marks marks = {0};
    const uint8_t *rest = NULL; /* behind `after` */
    bool           knows_rest = false, is_plain = memo != NULL;
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (is_plain && !rest && DBZ_IS(&name, "after")) {
            if (!read_after(s, memo, event, &marks, &knows_rest)) return false;
            rest = s->at;
            continue;
        }
        is_plain = is_plain && (rest || DBZ_IS(&name, "before"));
        if (!read_member(s, &name, event, &marks)) return false;
    }
    event->time_us = time_tokens_us(&marks.times);
    *ret_is_envelope =
        marks.has_op && marks.has_source && !marks.is_odd && event->source.connector_name.kind == JTOKEN_STRING;
    if (rest && !knows_rest && *ret_is_envelope && !s->failure)
        event_memo_learn(memo, firn_slice_of(rest, (size_t) (s->at - rest)), (size_t) (s->end - s->at));
    return !s->failure;
}

/* ---- flattened rows ---- */

/* What stands behind "__" and "__source_"; size 0: a column. */
static jtoken
flattened_name(const jtoken *name, bool *ret_is_source)
{
    jtoken rest = *name;
    *ret_is_source = false;
    if (name->has_escape || name->text.size < 4 || memcmp(name->text.data, "__", 2) != 0) return (jtoken){0};
    rest.text = firn_slice_of(name->text.data + 2, name->text.size - 2);
    if (rest.text.size > 7 && memcmp(rest.text.data, "source_", 7) == 0) {
        rest.text = firn_slice_of(rest.text.data + 7, rest.text.size - 7);
        *ret_is_source = true;
    }
    return rest;
}

bool
dbz_is_flattened_member(const jtoken *name)
{
    bool         is_source;
    jtoken       rest = flattened_name(name, &is_source), none = {.kind = JTOKEN_NULL};
    dbz_source   source = {0};
    source_extra extra = {0};
    if (rest.text.size == 0) return false;
    return is_source || DBZ_IS(&rest, "op") || DBZ_IS(&rest, "deleted") || DBZ_IS(&rest, "ts_ms") || DBZ_IS(&rest, "ts_us") ||
           DBZ_IS(&rest, "ts_ns") || DBZ_IS(&rest, "transaction_id") || DBZ_IS(&rest, "transaction_total_order") ||
           DBZ_IS(&rest, "transaction_data_collection_order") || source_member(&rest, &none, &source, &extra);
}

typedef struct flattened_marks {
    time_tokens  times;
    bool         is_deleted;
    source_extra extra;
} flattened_marks;

static void
take_flattened(const jtoken *name, const jtoken *value, dbz_event *event, flattened_marks *marks)
{
    bool   is_source;
    jtoken rest = flattened_name(name, &is_source);
    if (rest.text.size == 0) return;
    if (is_source) {
        (void) source_member(&rest, value, &event->source, &marks->extra);
    } else if (DBZ_IS(&rest, "op")) {
        event->says_op = dbz_op_kind(value, &event->kind);
    } else if (DBZ_IS(&rest, "deleted")) {
        event->says_deleted = value->kind != JTOKEN_NULL;
        marks->is_deleted = value->kind == JTOKEN_TRUE || (value->kind == JTOKEN_STRING && DBZ_IS(value, "true"));
    } else if (time_tokens_take(&marks->times, &rest, value)) {
        return;
    } else if (DBZ_IS(&rest, "transaction_id")) {
        event->transaction.id = *value;
    } else if (DBZ_IS(&rest, "transaction_total_order")) {
        event->transaction.total_order = number_of(value);
    } else if (DBZ_IS(&rest, "transaction_data_collection_order")) {
        event->transaction.collection_order = number_of(value);
    } else {
        (void) source_member(&rest, value, &event->source, &marks->extra);
    }
}

static bool
read_flattened(jscan *s, dbz_event *event)
{
    jtoken          name, value;
    flattened_marks marks = {0};
    const uint8_t  *start;
    if (jscan_peek(s) != JTOKEN_OBJECT || !jscan_enter(s, JTOKEN_OBJECT)) return false;
    start = s->at - 1;
    event->kind = DBZ_UPDATE;
    event->is_flattened = true;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        take_flattened(&name, &value, event, &marks);
    }
    if (s->failure) return false;
    event->time_us = time_tokens_us(&marks.times);
    source_order(&event->source, &marks.extra, &event->order);
    if (marks.is_deleted) event->kind = DBZ_DELETE;
    firn_slice row = firn_slice_of(start, (size_t) (s->at - start));
    if (event->kind == DBZ_DELETE)
        event->before = row;
    else
        event->after = row;
    return true;
}

/* ---- heartbeats and transactions in topics with names of their own ---- */

static bool
has_only(firn_slice object, const char *wanted)
{
    jscan    s = jscan_of(object);
    jtoken   name, value;
    unsigned count = 0;
    bool     fits = object.data && jscan_enter(&s, JTOKEN_OBJECT);
    while (fits && jscan_member(&s, &name)) {
        if (!jscan_value(&s, &value)) return false;
        fits = jtoken_is(&name, wanted) && ++count == 1;
    }
    return fits && count == 1;
}

/* {"status": "BEGIN", "id": …, "event_count": …, "data_collections": …, "ts_ms": …} */
static bool
is_boundary(firn_slice object)
{
    jscan    s = jscan_of(object);
    jtoken   name, value;
    unsigned count = 0;
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return false;
    for (; jscan_member(&s, &name); count++) {
        if (!jscan_value(&s, &value)) return false;
        bool is_status = DBZ_IS(&name, "status");
        if (!is_status && !DBZ_IS(&name, "id") && !DBZ_IS(&name, "event_count") && !DBZ_IS(&name, "data_collections") && !DBZ_IS(&name, "ts_ms")) return false;
        if (is_status && !DBZ_IS(&value, "BEGIN") && !DBZ_IS(&value, "END")) return false;
    }
    return count == 5 && !s.failure;
}

/* What looks like a row of which nothing is told (topic.heartbeat.prefix, topic.transaction): no key of a row has members that the row lacks. */
static void
recognise_others(dbz_event *event)
{
    firn_slice row = event->after;
    if (event->says_op || event->says_deleted || !row.data) return;
    bool is_heartbeat = has_only(event->key, "serverName") && has_only(row, "ts_ms");
    if (!is_heartbeat && !(has_only(event->key, "id") && is_boundary(row))) return;
    *event = (dbz_event){.kind = is_heartbeat ? DBZ_HEARTBEAT : DBZ_TRANSACTION_END, .key = event->key, .key_schema = event->key_schema, .value_schema = event->value_schema};
}

/* ---- {"schema": …, "payload": …} ---- */

/* A schema's text begins with its kind: {"type":"struct", … */
static bool
is_schema(const jtoken *value)
{
    jscan  s = jscan_of(value->text);
    jtoken name, kind;
    if (value->kind == JTOKEN_NULL) return true;
    if (value->kind != JTOKEN_OBJECT || !jscan_enter(&s, JTOKEN_OBJECT)) return false;
    while (jscan_member(&s, &name)) {
        if (!jscan_value(&s, &kind)) return false;
        if (DBZ_IS(&name, "type")) return kind.kind == JTOKEN_STRING;
    }
    return false;
}

/* The schema block is next. The same as before costs only its comparison. */
static bool
take_schema(jscan *s, firn_slice known, firn_slice *ret_schema, bool *ret_is_schema)
{
    jtoken value;
    (void) jscan_peek(s); /* passes blanks over */
    if (known.data && (size_t) (s->end - s->at) > known.size && memcmp(s->at, known.data, known.size) == 0) {
        *ret_schema = firn_slice_of(s->at, known.size);
        *ret_is_schema = true;
        s->at += known.size;
        return true;
    }
    if (!jscan_value(s, &value)) return false;
    *ret_is_schema = is_schema(&value);
    *ret_schema = value.kind == JTOKEN_OBJECT ? value.text : (firn_slice){0};
    return true;
}

/* Stands before the payload of a document that has a schema block, and gives its text; the scan of a plain document begins
 * anew. *ret_is_wrapped: leave_payload is to follow. */
static bool
enter_payload(jscan *s, firn_slice known, firn_slice *ret_schema, bool *ret_is_wrapped)
{
    jscan  plain = *s;
    jtoken name;
    bool   is_schema_block = false;
    *ret_is_wrapped = false;
    *ret_schema = (firn_slice){0};
    if (jscan_peek(s) != JTOKEN_OBJECT || !jscan_enter(s, JTOKEN_OBJECT) || !jscan_member(s, &name) || !DBZ_IS(&name, "schema")) {
        *s = plain;
        return true;
    }
    if (!take_schema(s, known, ret_schema, &is_schema_block)) return false;
    if (is_schema_block && jscan_member(s, &name) && DBZ_IS(&name, "payload")) {
        *ret_is_wrapped = true;
        return true;
    }
    *ret_schema = (firn_slice){0};
    *s = plain;
    return true;
}

static bool
leave_payload(jscan *s, bool is_wrapped)
{
    jtoken name;
    if (is_wrapped && jscan_member(s, &name)) {
        s->failure = "a member behind schema and payload";
        return false;
    }
    return jscan_end(s);
}

/* ---- the other topics ---- */

static bool
read_heartbeat(jscan *s, dbz_event *event)
{
    jtoken      name, value;
    time_tokens times = {0};
    event->kind = DBZ_HEARTBEAT;
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        (void) time_tokens_take(&times, &name, &value);
    }
    event->time_us = time_tokens_us(&times);
    return !s->failure;
}

static bool
read_boundary(jscan *s, dbz_event *event)
{
    jtoken      name, value;
    time_tokens times = {0};
    bool        has_status = false;
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        if (DBZ_IS(&name, "status")) {
            has_status = value.kind == JTOKEN_STRING && (DBZ_IS(&value, "BEGIN") || DBZ_IS(&value, "END"));
            event->kind = has_status && DBZ_IS(&value, "END") ? DBZ_TRANSACTION_END : DBZ_TRANSACTION_BEGIN;
        } else if (DBZ_IS(&name, "id")) {
            event->transaction.id = value;
        } else if (DBZ_IS(&name, "event_count")) {
            event->transaction.event_count = number_of(&value);
        } else if (DBZ_IS(&name, "data_collections")) {
            if (value.kind == JTOKEN_ARRAY) event->transaction.collections = value.text;
        } else {
            (void) time_tokens_take(&times, &name, &value);
        }
    }
    event->time_us = time_tokens_us(&times);
    if (!s->failure && (!has_status || event->transaction.id.kind != JTOKEN_STRING)) s->failure = "no status or id of a transaction";
    return !s->failure;
}

static bool
read_schema_change(jscan *s, dbz_event *event)
{
    jtoken      name, value;
    time_tokens times = {0};
    bool        has_changes = false;
    event->kind = DBZ_SCHEMA_CHANGE;
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (DBZ_IS(&name, "source") && jscan_peek(s) == JTOKEN_OBJECT) {
            if (!source_block_read(s, &event->source, &event->order)) return false;
            continue;
        }
        if (!jscan_value(s, &value)) return false;
        if (DBZ_IS(&name, "ddl")) {
            event->ddl = value;
            has_changes = true;
        } else if (DBZ_IS(&name, "tableChanges")) {
            if (value.kind == JTOKEN_ARRAY) event->table_changes = value.text;
            has_changes = true;
        } else {
            (void) time_tokens_take(&times, &name, &value);
        }
    }
    event->time_us = time_tokens_us(&times);
    if (!s->failure && !has_changes) s->failure = "neither ddl nor tableChanges of a schema change";
    return !s->failure;
}

/* ---- records ---- */

static firn_status
read_key(const dbz_record *record, dbz_event *event, firn_error *err)
{
    jscan  s = jscan_of(record->key);
    jtoken value = {0};
    bool   is_wrapped;
    if (!record->key.data) return FIRN_OK;
    if (!enter_payload(&s, record->known_key_schema, &event->key_schema, &is_wrapped) || !jscan_value(&s, &value) ||
        !leave_payload(&s, is_wrapped) || (value.kind != JTOKEN_OBJECT && value.kind != JTOKEN_NULL)) {
        fail_event(&s, "the key", "neither an object nor null", err);
        firn_hint(err, "the connector's key.converter must be JsonConverter, or the format of the keys be configured");
        return err->status;
    }
    if (value.kind == JTOKEN_OBJECT) event->key = value.text;
    return FIRN_OK;
}

static bool
read_payload(jscan *s, const dbz_record *record, dbz_event *event)
{
    jscan start = *s;
    bool  is_envelope = false;
    switch (record->role) {
    case DBZ_ROLE_HEARTBEAT:
        return read_heartbeat(s, event);
    case DBZ_ROLE_TRANSACTION:
        return read_boundary(s, event);
    case DBZ_ROLE_SCHEMA_CHANGES:
        return read_schema_change(s, event);
    case DBZ_ROLE_ROWS:
        break;
    }
    if (!read_envelope(s, record->memo, event, &is_envelope)) return false;
    if (is_envelope) return true;
    *s = start;
    *event = (dbz_event){.key = event->key, .key_schema = event->key_schema, .value_schema = event->value_schema};
    if (!read_flattened(s, event)) return false;
    recognise_others(event);
    return true;
}

/* What each kind must have. */
static const char *
find_missing(const dbz_event *event)
{
    switch (event->kind) {
    case DBZ_CREATE:
    case DBZ_UPDATE:
    case DBZ_READ:
        return event->after.data ? NULL : "a row that is written has no `after`";
    case DBZ_DELETE:
        return event->before.data || event->key.data ? NULL : "a row that is deleted has neither `before` nor a key";
    case DBZ_TRUNCATE:
    case DBZ_MESSAGE:
    case DBZ_TOMBSTONE:
    case DBZ_HEARTBEAT:
    case DBZ_TRANSACTION_BEGIN:
    case DBZ_TRANSACTION_END:
    case DBZ_SCHEMA_CHANGE:
        break;
    }
    return NULL;
}

firn_status
dbz_event_read(const dbz_record *record, dbz_event *ret_event, firn_error *err)
{
    jscan       s = jscan_of(record->value);
    jtoken      null;
    bool        is_wrapped;
    const char *missing;
    *ret_event = (dbz_event){.kind = DBZ_TOMBSTONE};
    FIRN_TRY(read_key(record, ret_event, err));
    if (!record->value.data) return FIRN_OK;
    if (!enter_payload(&s, record->known_value_schema, &ret_event->value_schema, &is_wrapped))
        return fail_event(&s, "the value", "", err);
    if (jscan_peek(&s) == JTOKEN_NULL) {
        if (jscan_value(&s, &null) && leave_payload(&s, is_wrapped)) return FIRN_OK;
    } else if (read_payload(&s, record, ret_event) && leave_payload(&s, is_wrapped)) {
        missing = find_missing(ret_event);
        return missing ? fail_event(&s, "the value", missing, err) : FIRN_OK;
    }
    return fail_event(&s, "the value", "neither an object nor null", err);
}

/* ---- names ---- */

static bool
slice_begins(firn_slice text, firn_slice with)
{
    return text.size >= with.size && memcmp(text.data, with.data, with.size) == 0;
}

dbz_role
dbz_role_of_topic(firn_slice topic, firn_slice prefix, const char *heartbeat_prefix)
{
    firn_slice heartbeat = firn_slice_text(heartbeat_prefix ? heartbeat_prefix : HEARTBEAT_PREFIX);
    if (slice_begins(topic, heartbeat) && topic.size > heartbeat.size && topic.data[heartbeat.size] == '.') return DBZ_ROLE_HEARTBEAT;
    if (!slice_begins(topic, prefix)) return DBZ_ROLE_ROWS;
    firn_slice rest = firn_slice_of(topic.data + prefix.size, topic.size - prefix.size);
    if (rest.size == 0) return DBZ_ROLE_SCHEMA_CHANGES;
    return firn_slice_equal(rest, firn_slice_text(".transaction")) ? DBZ_ROLE_TRANSACTION : DBZ_ROLE_ROWS;
}

bool
dbz_is_routed_member(firn_slice name)
{
    return firn_slice_equal(name, firn_slice_text("__dbz__physicalTableIdentifier"));
}

/* U+FFxx, three bytes of UTF-8, for a byte above 127; or 0. */
static uint8_t
widened_byte(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 3 || at[0] != 0xEF || at[1] < 0xBC) return 0;
    unsigned code = 0xF000u | (at[1] & 63u) << 6 | (at[2] & 63u);
    return code >= 0xFF80 ? (uint8_t) code : 0;
}

/* In place; what does not become valid UTF-8 was no such name and stays. */
static void
mend_widened(firn_buffer *out, size_t start)
{
    const uint8_t *at = out->data + start, *end = out->data + out->size;
    uint8_t        mended[3 * 256];
    size_t         size = 0;
    bool           is_widened = false;
    while (at < end && size < sizeof mended) {
        uint8_t byte = widened_byte(at, end);
        is_widened |= byte != 0;
        mended[size++] = byte ? byte : *at;
        at += byte ? 3 : 1;
    }
    if (!is_widened || at < end || !text_is_utf8(mended, size)) return;
    memcpy(out->data + start, mended, size);
    out->size = start + size;
}

firn_status
dbz_name_add(const jtoken *name, firn_buffer *out, firn_error *err)
{
    size_t start = out->size;
    FIRN_TRY(jtoken_add_string(name, out, err));
    if (out->size > start) mend_widened(out, start);
    return FIRN_OK;
}
