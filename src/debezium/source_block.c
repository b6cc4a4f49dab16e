#include "debezium/source_block.h"

/* A number, or digits in a string (Oracle's SCNs); else 0. */
static uint64_t
u64_of(const jtoken *value)
{
    uint64_t number = 0;
    if (value->kind != JTOKEN_NUMBER && value->kind != JTOKEN_STRING) return 0;
    return text_parse_u64(value->text, &number) ? number : 0;
}

static dbz_connector
connector_of(const jtoken *name)
{
    if (DBZ_IS(name, "postgresql")) return DBZ_POSTGRES;
    if (DBZ_IS(name, "oracle")) return DBZ_ORACLE;
    if (DBZ_IS(name, "mysql") || DBZ_IS(name, "mariadb")) return DBZ_MYSQL;
    return DBZ_OTHER;
}

static dbz_snapshot
snapshot_of(const jtoken *value)
{
    if (value->kind == JTOKEN_TRUE) return DBZ_SNAPSHOT_INITIAL;
    if (value->kind != JTOKEN_STRING || DBZ_IS(value, "false")) return DBZ_SNAPSHOT_NONE;
    if (DBZ_IS(value, "last")) return DBZ_SNAPSHOT_LAST;
    if (DBZ_IS(value, "incremental")) return DBZ_SNAPSHOT_INCREMENTAL;
    return DBZ_SNAPSHOT_INITIAL;
}

/* The first of `[null,"123"]`, `["122","123"]`, whose quotes are escaped in the message. */
static uint64_t
sequence_first(firn_slice text)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size && text.data[i] != ','; i++) {
        unsigned digit = text.data[i] - (unsigned) '0';
        if (digit > 9) continue;
        if (number > (UINT64_MAX - digit) / 10) return 0;
        number = 10 * number + digit;
    }
    return number;
}

/* "mysql-bin.000003": the digits at the end. */
static uint64_t
file_number(firn_slice name)
{
    size_t   start = name.size;
    uint64_t number = 0;
    while (start > 0 && name.data[start - 1] >= '0' && name.data[start - 1] <= '9') start--;
    return text_parse_u64(firn_slice_of(name.data + start, name.size - start), &number) ? number : 0;
}

/* " 0x0000a1.00001f2b.0010 ": sequence, block and offset of the redo log, in hexadecimal. */
static void
read_rs_id(firn_slice text, source_extra *extra)
{
    uint64_t *parts[] = {&extra->redo_sequence, &extra->redo_block, &extra->redo_offset};
    unsigned  part = 0;
    size_t    i = 0;
    while (i < text.size && text.data[i] == ' ') i++;
    if (text.size - i > 2 && text.data[i] == '0' && (text.data[i + 1] | 0x20) == 'x') i += 2;
    for (; i < text.size && part < 3; i++) {
        unsigned c = text.data[i], lower = c | 0x20;
        if (c == '.') {
            part++;
        } else if (c >= '0' && c <= '9') {
            *parts[part] = *parts[part] << 4 | (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            *parts[part] = *parts[part] << 4 | (lower - 'a' + 10);
        }
    }
}

bool
time_tokens_take(time_tokens *times, const jtoken *name, const jtoken *value)
{
    if (name->text.size != 5 || memcmp(name->text.data, "ts_", 3) != 0 || name->text.data[4] != 's') return false;
    switch (name->text.data[3]) {
    case 'm':
        times->ms = *value;
        return true;
    case 'u':
        times->us = *value;
        return true;
    case 'n':
        times->ns = *value;
        return true;
    default:
        return false;
    }
}

int64_t
time_tokens_us(const time_tokens *times)
{
    uint64_t us = u64_of(&times->us), ns, ms;
    if (us) return us <= INT64_MAX ? (int64_t) us : 0;
    if ((ns = u64_of(&times->ns)) != 0) return (int64_t) (ns / 1000);
    ms = u64_of(&times->ms);
    return ms <= INT64_MAX / 1000 ? (int64_t) ms * 1000 : 0;
}

bool
source_member(const jtoken *name, const jtoken *value, dbz_source *source, source_extra *extra)
{
    if (name->has_escape) return false;
    switch (name->text.size) {
    case 2:
        if (DBZ_IS(name, "db")) return source->db = *value, true;
        return false;
    case 3:
        if (DBZ_IS(name, "lsn")) return extra->has_lsn = value->kind != JTOKEN_NULL, source->lsn = u64_of(value), true;
        if (DBZ_IS(name, "scn")) return extra->has_scn = value->kind != JTOKEN_NULL, source->scn = u64_of(value), true;
        if (DBZ_IS(name, "pos")) return extra->binlog_pos = u64_of(value), true;
        if (DBZ_IS(name, "row")) return extra->binlog_row = u64_of(value), true;
        if (DBZ_IS(name, "ssn")) return extra->ssn = u64_of(value), true;
        return false;
    case 4:
        if (DBZ_IS(name, "name")) return source->name = *value, true;
        if (DBZ_IS(name, "txId")) {
            source->transaction = *value;
            source->transaction_number = value->kind == JTOKEN_NUMBER ? u64_of(value) : 0;
            return true;
        }
        if (DBZ_IS(name, "file")) {
            extra->has_file = value->kind == JTOKEN_STRING;
            extra->binlog_file = extra->has_file ? file_number(value->text) : 0;
            return true;
        }
        if (DBZ_IS(name, "gtid")) {
            if (value->kind == JTOKEN_STRING) source->transaction = *value;
            return true;
        }
        return DBZ_IS(name, "xmin");
    case 5:
        if (DBZ_IS(name, "table")) return source->table = *value, true;
        if (DBZ_IS(name, "rs_id")) {
            if (value->kind == JTOKEN_STRING) read_rs_id(value->text, extra);
            return true;
        }
        if (DBZ_IS(name, "query")) return true;
        return time_tokens_take(&extra->times, name, value);
    case 6:
        if (DBZ_IS(name, "schema")) return source->schema = *value, true;
        return DBZ_IS(name, "thread") || DBZ_IS(name, "row_id");
    case 8:
        if (DBZ_IS(name, "snapshot")) return source->snapshot = snapshot_of(value), true;
        if (DBZ_IS(name, "sequence")) {
            extra->has_sequence = value->kind == JTOKEN_STRING;
            if (value->kind == JTOKEN_STRING) source->last_commit_lsn = sequence_first(value->text);
            return true;
        }
        return DBZ_IS(name, "redo_sql");
    case 9:
        if (DBZ_IS(name, "connector")) {
            source->connector_name = *value;
            source->connector = connector_of(value);
            return true;
        }
        return DBZ_IS(name, "server_id") || DBZ_IS(name, "user_name");
    case 10:
        if (DBZ_IS(name, "commit_scn")) return source->commit_scn = u64_of(value), true;
        return DBZ_IS(name, "commit_lsn") || DBZ_IS(name, "change_lsn");
    default:
        return DBZ_IS(name, "version") || DBZ_IS(name, "redo_thread") || DBZ_IS(name, "lcr_position") ||
               DBZ_IS(name, "event_serial_no") || DBZ_IS(name, "commit_ts_ms") || DBZ_IS(name, "start_scn") ||
               DBZ_IS(name, "start_ts_ms") || DBZ_IS(name, "txSeq");
    }
}

void
source_order(dbz_source *source, const source_extra *extra, dbz_order *ret_order)
{
    dbz_order order = {0};
    int64_t   time_us = time_tokens_us(&extra->times);
    bool      has_exact_time = extra->has_exact_time || extra->times.us.kind == JTOKEN_NUMBER || extra->times.ns.kind == JTOKEN_NUMBER;
    if (time_us) source->time_us = time_us;
    if (source->connector_name.kind == JTOKEN_ABSENT)
        source->connector = extra->has_lsn ? DBZ_POSTGRES : extra->has_scn ? DBZ_ORACLE : extra->has_file ? DBZ_MYSQL : DBZ_OTHER;
    switch (source->connector) {
    case DBZ_POSTGRES:
        order = (dbz_order){.is_known = extra->has_lsn && source->lsn,
                            .is_whole = extra->has_sequence && has_exact_time,
                            .major = source->last_commit_lsn,
                            .minor = source->lsn};
        break;
    case DBZ_ORACLE:
        order = (dbz_order){
            .is_known = source->scn || source->commit_scn,
            .is_whole = source->commit_scn != 0,
            .major = source->commit_scn ? source->commit_scn : source->scn,
            .minor = source->scn,
            .third = extra->redo_sequence << 32 | (extra->redo_block & UINT32_MAX),
            .fourth = extra->redo_offset << 32 | (extra->ssn & UINT32_MAX),
        };
        break;
    case DBZ_MYSQL:
        order = (dbz_order){
            .is_known = extra->has_file,
            .is_whole = extra->has_file && extra->binlog_pos,
            .major = extra->binlog_file,
            .minor = extra->binlog_pos,
            .third = extra->binlog_row,
        };
        break;
    case DBZ_OTHER:
        break;
    }
    *ret_order = order;
}

bool
source_block_read(jscan *s, dbz_source *ret_source, dbz_order *ret_order)
{
    jtoken       name, value;
    source_extra extra = {0};
    if (!jscan_enter(s, JTOKEN_OBJECT)) return false;
    while (jscan_member(s, &name)) {
        if (!jscan_value(s, &value)) return false;
        (void) source_member(&name, &value, ret_source, &extra);
    }
    source_order(ret_source, &extra, ret_order);
    return !s->failure;
}

int
dbz_order_compare(const dbz_order *a, const dbz_order *b)
{
    const uint64_t left[] = {a->major, a->minor, a->third, a->fourth};
    const uint64_t right[] = {b->major, b->minor, b->third, b->fourth};
    /* PostgreSQL's last commit is not known for a connector's first events. */
    for (unsigned i = a->major && b->major ? 0 : 1; i < 4; i++)
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    return 0;
}
