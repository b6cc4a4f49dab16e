/*
 * A data file's facts as one compact JSON object: a line of a split's results, of a ledger of finished splits.
 *
 *   {"content":0,"path":"…","format":"PARQUET","spec":0,"partition":["0a000000",null],"records":10,"bytes":812,
 *    "columns":[[1,40,10,0,-1,"01000000","0a000000"],[2,90,10,3,-1,null,null]],"splits":[4],"sort":1}
 *
 * Bytes are in hex; a column is [field id, bytes, values, nulls, NaN, lower, upper]. Members that say nothing
 * are left out. What is read may have been changed by anyone: sizes and ranges are checked, and a member that
 * is not known is refused, as it might change what the file means.
 */
#ifndef FIRN_ICEBERG_DATA_FILE_JSON_H
#define FIRN_ICEBERG_DATA_FILE_JSON_H

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "iceberg/data_file.h"

/* A failure is the writer's, told by jwrite_end. */
void data_file_to_json(const data_file *file, jwriter *w);
/* All texts and arrays are copied to the arena. FIRN_CORRUPT. */
FIRN_MUST_USE firn_status data_file_of_json(const jdoc *doc, const jvalue *value, firn_arena *arena, data_file *ret_file,
                                            firn_error *err);

#endif
