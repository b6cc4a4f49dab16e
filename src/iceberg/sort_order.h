/*
 * Sort orders (spec, "Sorting"). Order id 0 is "unsorted" and has no fields.
 */
#ifndef FIRN_ICEBERG_SORT_ORDER_H
#define FIRN_ICEBERG_SORT_ORDER_H

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "iceberg/transform.h"

#define SORT_FIELDS_MAX 1000

typedef struct sort_field {
    int32_t   source_id;
    transform transform;
    bool      descending, nulls_last;
} sort_field;

typedef struct sort_order {
    int32_t           order_id;
    unsigned          field_count;
    const sort_field *fields;
    const char       *raw; /* the JSON as another writer wrote it; NULL: made here */
} sort_order;

/* The order of settings as in sources.yaml: "ID", "ID desc", "month(CREATED) asc nulls last". Without a word
 * about nulls: first when ascending, last when descending. Order id 1, or 0 where there are none. */
FIRN_MUST_USE firn_status sort_order_of_settings(const char *const settings[], unsigned setting_count,
                                                 const table_schema *schema, firn_arena *arena,
                                                 sort_order *ret_order, firn_error *err);
FIRN_MUST_USE firn_status sort_order_read(const jdoc *doc, const jvalue *value, firn_arena *arena,
                                          sort_order *ret_order, firn_error *err);
void sort_order_write(const sort_order *order, jwriter *w);

#endif
