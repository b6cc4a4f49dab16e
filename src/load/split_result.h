/*
 * What became of a split: one JSON object a line, with the split's own members and
 *
 *   {"type":"result","v":1,…,"rows":…,"server_rows":…,"bytes":…,"coerced":…,"checksum":"1:…","started":us,"ended":us,
 *    "files":[{…},…]}                                         the files are durable (iceberg/data_file_json.h)
 *   {"type":"failed","v":1,…,"code":"FIRN-nnnn","message":…,"hint":…}   for good: another try of the same split fails alike
 */
#ifndef FIRN_LOAD_SPLIT_RESULT_H
#define FIRN_LOAD_SPLIT_RESULT_H

#include "load/split_line.h"
#include "write/roll_writer.h"

typedef struct split_result {
    split_line     line;
    split_outcome  outcome;
    row_checksum   checksum;
    int64_t        started_us, ended_us;
    data_file_list files;
} split_result;
void split_result_done(split_result *result);

/* The members of a result that are not its split's: rows … checksum, files. */
void                      split_facts_write(const split_result *result, jwriter *w);
/* Reads them; counts that do not agree with each other are FIRN_CORRUPT. `result->line` names the split in messages. */
FIRN_MUST_USE firn_status split_facts_read(const jdoc *doc, split_result *result, firn_error *err);

FIRN_MUST_USE firn_status split_result_add(const split_result *result, firn_buffer *out, firn_error *err);
/* Reads a LINE_RESULT; the line's texts go to `arena`, the files to the result. Counts that do not agree with each
 * other are FIRN_CORRUPT (JSON_CORRUPT). */
FIRN_MUST_USE firn_status split_result_read(const jdoc *doc, firn_arena *arena, split_result *ret_result,
                                            firn_error *err);

FIRN_MUST_USE firn_status split_failure_add(const split_line *line, const firn_error *failure, firn_buffer *out,
                                            firn_error *err);
/* Reads a LINE_FAILED; `ret_failure` has the code's status, cause and hint. */
FIRN_MUST_USE firn_status split_failure_read(const jdoc *doc, firn_arena *arena, split_line *ret_line,
                                             firn_error *ret_failure, firn_error *err);

#endif
