/*
 * Messages that cannot be applied, kept whole in a topic of their own: key, value and headers as they came, and in further headers
 * where they stood and why. A message is in the topic when send returns.
 */
#ifndef FIRN_KAFKA_DEAD_LETTER_H
#define FIRN_KAFKA_DEAD_LETTER_H

#include "kafka/kafka_cluster.h"

typedef struct dead_letter dead_letter;

/* Opens *letters where it is NULL. */
FIRN_MUST_USE firn_status dead_letter_send(dead_letter **letters, const kafka_cluster *cluster, const char *topic,
                                           const rd_kafka_message_t *message, const char *reason, firn_error *err);
void                      dead_letter_free(dead_letter *letters);

#endif
