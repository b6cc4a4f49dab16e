/*
 * What the files of the decoder share: one column's cell, a value on its way from the wire to the column, and how a value
 * that does not fit, is damaged or unclear is treated.
 *
 * Two steps: the wire's reader (json_value.c; one for Avro beside it) makes a dbz_value of what stands in the tuple and walks
 * nested ones; value_add.c puts a dbz_value into the column by form and Iceberg type.
 */
#ifndef FIRN_DEBEZIUM_DECODING_H
#define FIRN_DEBEZIUM_DECODING_H

#include "base/decimal.h"
#include "batch/column_builder.h"
#include "debezium/decoder.h"
#include "debezium/form.h"
#include "source/unfit_value.h"

/* The row at hand, for messages; and what was counted. */
typedef struct dbz_row {
    const source_description *description;
    const table_rules        *rules;
    change_relation          *relation;
    const change_tuple       *tuple;
    dbz_modes                 modes;
    dbz_connector             connector;
    uint64_t                  coerced_count;
    bool                      collects_damage;
    firn_buffer               damage; /* row_damage, of the batch */
    uint32_t                  number; /* of the row in the batch */
    firn_buffer               scratch;  /* texts without escapes, decoded bytes: valid until the next value */
    firn_buffer               scratch2; /* rendered texts */
} dbz_row;

/* One column, or an element, field, key or value below one. */
typedef struct dbz_cell dbz_cell;
struct dbz_cell {
    const char      *column; /* at the top level */
    unsigned         number; /* of that in the batch */
    const data_type *type;
    dbz_form         form;
    const struct avro_schema *avro; /* at the top level of a record in Avro: of the value */
    value_policy     policy;
    bool             is_required, is_nested;
    column_builder  *builder;
    unsigned         child_count; /* of nested types */
    dbz_cell        *children;
    const char      *name; /* of a struct's field */
};

typedef enum dbz_value_kind {
    DBZ_VALUE_BOOLEAN,
    DBZ_VALUE_INTEGER,
    DBZ_VALUE_NUMBER,  /* `text`: a JSON number with point or exponent, or beyond int64 */
    DBZ_VALUE_REAL,    /* Avro's float and double */
    DBZ_VALUE_TEXT,    /* UTF-8 */
    DBZ_VALUE_BYTES,
    DBZ_VALUE_DECIMAL, /* `text`: big-endian two's complement; `scale` */
    DBZ_VALUE_POINT,   /* x, y */
    DBZ_VALUE_GEOMETRY, /* `text`: WKB; has_srid, srid */
} dbz_value_kind;

typedef struct dbz_value {
    dbz_value_kind kind;
    bool           truth, has_srid;
    int32_t        scale, srid;
    int64_t        integer;
    double         real, y;
    firn_slice     text;
} dbz_value;

/* ---- step 2: value_add.c, value_text.c, value_time.c ---- */

FIRN_MUST_USE firn_status dbz_value_add(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
FIRN_MUST_USE firn_status dbz_value_add_null(dbz_row *row, dbz_cell *cell, firn_error *err);
/* Nested values come by the wire's reader; this looks at what it has put into a list. All null: of PostgreSQL's, lost. */
FIRN_MUST_USE firn_status dbz_list_end(dbz_row *row, dbz_cell *cell, size_t count, size_t null_count, bool *ret_lost, firn_error *err);

/* A text of the value as PostgreSQL's output functions write it, into row->scratch2: for columns that are string. */
FIRN_MUST_USE firn_status dbz_value_add_as_text(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);

/* ---- what goes wrong ---- */

/* The policy's answer for a value that does not fit; *ret_null: take null, else the remedy's value. `value`: for people. */
FIRN_MUST_USE firn_status dbz_settle(dbz_row *row, const dbz_cell *cell, unfit_remedy possible, const char *value,
                                     const char *problem, bool *ret_null, firn_error *err);
/* The value was lost on its way: noted, where that is wanted; a null where the policy says so; else VALUE_DAMAGED. `loss`: what and
 * which setting would keep it; static. */
FIRN_MUST_USE firn_status dbz_add_damaged(dbz_row *row, dbz_cell *cell, const char *loss, firn_error *err);
/* Not one of the column's form and type. */
FIRN_MUST_USE firn_status dbz_fail_corrupt(const dbz_row *row, const dbz_cell *cell, const dbz_value *value, firn_error *err);
/* It could be read in more than one way. */
FIRN_MUST_USE firn_status dbz_fail_unclear(const dbz_row *row, const dbz_cell *cell, const char *readings, firn_error *err);
/* "(id=5, code=abc)" of the row at hand. */
void dbz_row_key(const dbz_row *row, char *out, size_t size);
void dbz_value_show(const dbz_value *value, char *out, size_t size);

/* ---- times: value_time.c ---- */

/* ISO 8601 and PostgreSQL's own: years with sign, blanks or T, fractions to nanoseconds, offsets, " BC". */
typedef struct dbz_instant {
    int64_t days;       /* since 1970 */
    int64_t nanoseconds; /* of the day; of a time */
    bool    has_date, has_time, has_offset;
    int     infinity; /* -1, 1 */
} dbz_instant;

FIRN_MUST_USE bool        dbz_parse_instant(firn_slice text, dbz_instant *ret_instant);
FIRN_MUST_USE firn_status dbz_add_date(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
FIRN_MUST_USE firn_status dbz_add_time(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
FIRN_MUST_USE firn_status dbz_add_timestamp(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
/* "P1Y2M3DT4H5M6.7S" with all zero parts, as Debezium writes it → without them, as PostgreSQL does. */
FIRN_MUST_USE firn_status dbz_add_interval(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);

/* ---- numbers: value_number.c ---- */

typedef enum decimal_outcome { DECIMAL_EXACT, DECIMAL_INEXACT, DECIMAL_TOO_LARGE, DECIMAL_NO_NUMBER } decimal_outcome;

/* Digits with sign, point and exponent → value × 10^scale; INEXACT: rounded half away from zero; TOO_LARGE: the nearest that
 * fits. */
decimal_outcome dbz_decimal_of_text(firn_slice text, unsigned precision, unsigned scale, int128 *ret_value);
/* Big-endian two's complement of any size → its digits with point, appended. False: more bytes than any number has. */
FIRN_MUST_USE firn_status dbz_decimal_text_of_bytes(firn_slice bytes, int32_t scale, firn_buffer *out, bool *ret_valid, firn_error *err);
FIRN_MUST_USE firn_status dbz_add_decimal(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
FIRN_MUST_USE firn_status dbz_add_real(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);
FIRN_MUST_USE firn_status dbz_add_integer(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err);

/* ---- step 1 for JSON: json_value.c ---- */

FIRN_MUST_USE firn_status json_value_add(dbz_row *row, dbz_cell *cell, firn_slice token, firn_error *err);

/* A string's text, without escapes; Avro's, too. */
FIRN_MUST_USE firn_status dbz_text_add(dbz_row *row, dbz_cell *cell, firn_slice text, firn_error *err);

/* ---- step 1 for Avro: avro_value.c ---- */

/* `type` is no union; `bytes` as avro_row.h has them. */
FIRN_MUST_USE firn_status avro_value_add(dbz_row *row, dbz_cell *cell, const struct avro_schema *type, firn_slice bytes, firn_error *err);

/* ---- forms: form_declared.c ---- */

/* What the type in the source ("timestamp(3) without time zone"; NULL: not known) and the modes make of a column of this
 * Iceberg type: refines the form of the schema, or is the form. What stays unclear is told when a value needs it. */
FIRN_MUST_USE firn_status dbz_form_declare(const char *declared, const data_type *type, const dbz_modes *modes, dbz_connector connector,
                                           firn_arena *arena, dbz_form *form, firn_error *err);

#endif
