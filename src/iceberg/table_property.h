/*
 * A key and its value, as in table properties and snapshot summaries.
 */
#ifndef FIRN_ICEBERG_TABLE_PROPERTY_H
#define FIRN_ICEBERG_TABLE_PROPERTY_H

typedef struct table_property {
    const char *key, *value;
} table_property;

#endif
