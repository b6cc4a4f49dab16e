/*
 * Tuples of Debezium's rows → batches: the row_decoder of Kafka. The columns' Iceberg types decide what a value becomes, the
 * forms of the relation, the source's declared types and the connector's modes how its bytes are read; values, policies,
 * counts and messages are those of the load.
 *
 * Damaged: what Debezium has lost (NaN as null, two-dimensional arrays, intervals as numbers, a null that a default stands
 *          for, …) is never taken for true: noted where the owner collects_damage (row_decoder.h), who can read the row again from
 *          the source; else the column's `unrepresentable` policy is asked, and FIRN_E_VALUE_DAMAGED names column and key.
 * Unclear: a value that could be read in two ways fails (FIRN_E_DEBEZIUM_FORM) and says what to configure
 * Threads: one decoder, one thread
 */
#ifndef FIRN_DEBEZIUM_DECODER_H
#define FIRN_DEBEZIUM_DECODER_H

#include "change/row_decoder.h"
#include "debezium/form.h"
#include "debezium/relation.h"
#include "source/source.h"

/* decimal.handling.mode, time.precision.mode, binary.handling.mode, … of the connector. Zero is what firn's own connector
 * has. */
typedef enum dbz_decimals { DBZ_DECIMALS_STRING, DBZ_DECIMALS_PRECISE, DBZ_DECIMALS_DOUBLE } dbz_decimals;
typedef enum dbz_times {
    DBZ_TIMES_MICROSECONDS,
    DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS,
    DBZ_TIMES_ADAPTIVE,
    DBZ_TIMES_CONNECT,
    DBZ_TIMES_ISOSTRING,
    DBZ_TIMES_NANOSECONDS,
} dbz_times;
typedef enum dbz_binary { DBZ_BINARY_BYTES, DBZ_BINARY_BASE64, DBZ_BINARY_BASE64_URL, DBZ_BINARY_HEX } dbz_binary;
typedef enum dbz_intervals { DBZ_INTERVALS_STRING, DBZ_INTERVALS_NUMERIC } dbz_intervals;

typedef struct dbz_modes {
    dbz_decimals  decimals;
    dbz_times     times;
    dbz_binary    binary;
    dbz_intervals intervals;
    bool          hstore_map;           /* hstore.handling.mode=map; both are recognised, for Avro */
    bool          nulls_become_defaults; /* value.converter.replace.null.with.default is not false */
    bool          nulls_stay_nulls;      /* of Avro, too (ignore.default.for.nullables): converters do not, unless they are told */
    bool          texts_are_values;     /* the table was made from these events: a string is what it is, no other reading */
    bool          trust_null_numbers;   /* decimals PRECISE, arrays of numeric: a null is null, not NaN */
    bool          excludes_unknown;     /* include.unknown.datatypes is not true: such columns are missing or null */
} dbz_modes;

typedef struct dbz_decoding {
    const table_rules *rules;
    dbz_modes          modes;
    /* Per column of the description: the type in the source, "timestamp(3) without time zone", "NUMBER(10,2)"; NULL: not
     * known. NULL: none is. Copied. */
    const char *const *declared;
    dbz_connector      connector; /* of events that do not say (flattened rows without `__source_…` members) */
} dbz_decoding;

/* Borrows `description` and decoding->rules, keeps a reference to the relation. A column of the description that the relation
 * lacks is damaged in every row. */
FIRN_MUST_USE firn_status dbz_decoder_new(const source_description *description, change_relation *relation,
                                          const dbz_decoding *decoding, row_decoder **ret_decoder, firn_error *err);

/* Whether some value of a column of this type, whose messages say `form` (UNKNOWN: nothing), is unclear just because nobody knows its type in
 * the source. */
bool dbz_wants_declared(const dbz_form *form, const data_type *type, const dbz_modes *modes);

#endif
