/*
 * The `source` block of an event, and the order that it gives in the source's log.
 */
#ifndef FIRN_DEBEZIUM_SOURCE_BLOCK_H
#define FIRN_DEBEZIUM_SOURCE_BLOCK_H

#include "base/text.h"
#include "debezium/event.h"

/* Whether a name token is exactly this literal; names that matter have no escapes. */
#define DBZ_IS(name, literal) \
    ((name)->text.size == sizeof(literal) - 1 && memcmp((name)->text.data, literal, sizeof(literal) - 1) == 0)

/* One moment in up to three units, of which the most exact is read, once. */
typedef struct time_tokens {
    jtoken ms, us, ns;
} time_tokens;

/* ts_ms, ts_us, ts_ns. False: another member. */
bool time_tokens_take(time_tokens *times, const jtoken *name, const jtoken *value);
/* 0: none of them. */
int64_t time_tokens_us(const time_tokens *times);

/* What a block says besides what an event keeps. */
typedef struct source_extra {
    time_tokens times;
    bool     has_lsn, has_scn, has_file, has_sequence, has_exact_time; /* exact: better than milliseconds */
    uint64_t binlog_file, binlog_pos, binlog_row, redo_sequence, redo_block, redo_offset, ssn;
} source_extra;

/* The block's object, which is next in the scan. False: the scan failed. */
FIRN_MUST_USE bool source_block_read(jscan *s, dbz_source *ret_source, dbz_order *ret_order);
/* One member; for flattened rows, which have them beside the columns. False: no member of a source block. */
bool source_member(const jtoken *name, const jtoken *value, dbz_source *source, source_extra *extra);
/* Once all members are read. */
void source_order(dbz_source *source, const source_extra *extra, dbz_order *ret_order);

#endif
