/*
 * One line of a plan: a split of a table with all that a worker elsewhere needs to load it, and all that the commit
 * of its results must know. One JSON object; a plan ends with a line that counts the others, so that a torn one is
 * noticed.
 *
 *   {"type":"split","v":1,"plan":uuid,"source":…,"schema_name":…,"identity":…,"position":…,"exact":…,"snapshot":…,
 *    "table":…,"comment":…,"commit":uuid,"settings":hex,"base":null|{"uuid":…,"snapshot":…,"schema":…,"spec":…,"sort":…},
 *    "replace":…,"data_location":…,"schema":{…},"places":text|null,"relation":number,"split":i,"of":n,"rows_estimate":…,"bytes_estimate":…,"piece":text|null}
 *   {"type":"plan_end","v":1,"plan":uuid,"source":…,"splits":n,"tables":[{"table":…,"splits":n},…]}
 *
 * A table without a piece to read has one split whose piece is null. Members that a reader does not know are passed
 * over: what changes the meaning changes "v". Lines come from outside: every member is checked.
 */
#ifndef FIRN_LOAD_SPLIT_LINE_H
#define FIRN_LOAD_SPLIT_LINE_H

#include "base/uuid.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "load/load_layout.h"

#define SPLIT_LINE_VERSION 1
#define SPLIT_LINE_COUNT_MAX 1000000u /* splits of a table */
#define SPLIT_LINE_BYTES_MAX ((size_t) 64 << 20)

/* What the lake had of the table when the plan was made. */
typedef struct split_base {
    bool        exists;
    const char *uuid;        /* "" : the table has none */
    int64_t     snapshot_id; /* -1: none yet */
    int32_t     schema_id, spec_id, sort_order_id;
} split_base;

typedef struct split_line {
    const char   *plan; /* a UUID's text */
    const char   *source, *schema_name, *table;
    const char   *comment; /* of the table, or NULL */
    source_point  point;   /* identity, position, exact, snapshot */
    firn_uuid     commit_id;
    const char   *settings; /* fingerprint of what the configuration says of the table */
    split_base    base;
    bool          replace; /* rows that are there are replaced */
    const char   *data_location;
    table_schema *schema; /* as it will be in the lake; referenced */
    const char   *places; /* of its columns in the source (column_places.h), or NULL */
    uint32_t      relation_id; /* the table's in the source; 0: not known */
    unsigned      index, count;
    uint64_t      row_estimate, size_bytes_estimate;
    const char   *piece; /* the source's text; NULL: nothing to read */
} split_line;
void split_line_done(split_line *line); /* texts live in the arena they were read to */

/* The base as a line says it. */
split_base split_base_of(const table_metadata *base);
bool       split_base_equal(const split_base *a, const split_base *b);
/* 16 hex digits of everything in the configuration that shapes a table's rows and layout. */
void       split_settings_fingerprint(const load_settings *settings, const load_table_config *config, char out[17]);

/* Whether two lines are of a table whose rows become the same files at the same place: settings, base, location, schema. */
FIRN_MUST_USE firn_status split_line_same_table(const split_line *a, const split_line *b, bool *ret_same,
                                                firn_error *err);

/* Appends the line with its newline. */
FIRN_MUST_USE firn_status split_line_add(const split_line *line, firn_buffer *out, firn_error *err);
/* The members that a result has, too: all but type and version, piece and estimates. */
void                      split_line_write_task(const split_line *line, jwriter *w);
/* The same members of `root`. FIRN_CORRUPT. Texts are copied to the arena. */
FIRN_MUST_USE firn_status split_line_read_task(const jdoc *doc, firn_arena *arena, split_line *ret_line,
                                               firn_error *err);
/* The whole line. */
FIRN_MUST_USE firn_status split_line_read(const jdoc *doc, firn_arena *arena, split_line *ret_line, firn_error *err);

/* ---- the last line ---- */

typedef struct plan_end_table {
    const char *table;
    unsigned    split_count;
} plan_end_table;

typedef struct plan_end {
    const char     *plan, *source;
    uint64_t        split_count;
    unsigned        table_count;
    plan_end_table *tables;
} plan_end;

FIRN_MUST_USE firn_status plan_end_add(const plan_end *end, firn_buffer *out, firn_error *err);
FIRN_MUST_USE firn_status plan_end_read(const jdoc *doc, firn_arena *arena, plan_end *ret_end, firn_error *err);

/* ---- any line ---- */

typedef enum line_kind { LINE_SPLIT, LINE_PLAN_END, LINE_RESULT, LINE_FAILED } line_kind;

/* Parses a line and says of which kind it is. FIRN_CORRUPT, FIRN_UNSUPPORTED (another version). `number`: 1-based. */
FIRN_MUST_USE firn_status split_line_parse(firn_slice text, uint64_t number, jdoc **ret_doc, line_kind *ret_kind,
                                           firn_error *err);

#endif
