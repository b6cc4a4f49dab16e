/*
 * Debezium's events in Kafka as a stream of changes (change/change_stream.h).
 *
 * Positions:    ordinals of this stream: each run of events is a transaction with the next number. What a table keeps is a
 *               text (kafka_place.h), from ops->place: per topic and partition where it goes on
 * Transactions: events of one transaction that follow each other in a partition. A run ends with another transaction, or for the
 *               time being where the partition has no more: may_cut says whether a window would cut one in two there
 * Skipped:      what a table has already (its offsets, its load, what Debezium has sent twice), tombstones, heartbeats, transaction metadata, events of
 *               other connectors whose topics begin alike
 * Refused:      a topic that was made anew or rewound (KAFKA_REWOUND), lost its messages (KAFKA_OFFSET_LOST), another cluster
 *               (KAFKA_IDENTITY): the stream ends, and nothing was skipped
 * Damaged:      a message that is no event: kept aside in the dead-letter topic where there is one, else ITEM_DAMAGED stops its table. Of one
 *               whose values cannot be decoded the caller says so (set_aside) where there is one; else it stops the table itself
 * Groups:       when partitions come or go, ITEM_REASSIGN asks the caller to commit what it has, and to say where tables are now (resume)
 * Memory:       memory_bytes for messages that were received and not asked for
 */
#ifndef FIRN_KAFKA_KAFKA_STREAM_H
#define FIRN_KAFKA_KAFKA_STREAM_H

#include "change/change_stream.h"
#include "debezium/decoder.h"
#include "kafka/kafka_cluster.h"
#include "registry/schema_registry.h"

/* Key columns of a table as configured (`primary_keys:`). */
typedef struct kafka_table_key {
    const char        *table;
    const char *const *columns;
    unsigned           column_count;
} kafka_table_key;

/* A table as the source database has it now. FIRN_NOT_FOUND: it is not there any more. `ret_declared`: per column its type's name there; it and
 * ret_places may be set to NULL. */
typedef struct kafka_describer {
    firn_status (*describe)(void *state, const char *table, const table_rules *rules, firn_arena *arena,
                            source_description **ret_description, const int **ret_places,
                            const char *const **ret_declared, firn_error *err);
    void *state;
} kafka_describer;

typedef struct kafka_stream_settings {
    const kafka_cluster      *cluster;
    const char               *group_id, *instance_id; /* NULL: no member that may come back */
    const char               *topic_prefix, *schema;
    const change_table_start *tables;
    unsigned                  table_count;
    const kafka_table_key    *keys;
    unsigned                  key_count;
    size_t                    memory_bytes;
    dbz_modes                 modes;
    const char               *placeholder;       /* unavailable.value.placeholder; NULL: Debezium's default */
    const char               *dead_letter_topic; /* NULL: none */
    const registry_settings  *registry;          /* of Avro's schemas; NULL: none */
    const kafka_describer    *describer;         /* NULL: the source cannot be asked */
    const row_reselector     *reselector;        /* likewise */
    const source_teller      *teller;
} kafka_stream_settings;

/* Borrows the settings' texts, cluster, keys, describer, reselector and teller; tables are copied. */
FIRN_MUST_USE firn_status kafka_stream_open(const kafka_stream_settings *settings, task_cancel *cancel,
                                            change_stream **ret_stream, firn_error *err);

#endif
