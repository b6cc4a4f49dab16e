/*
 * GSSAPI without kinit: MIT's library takes a keytab as its client keytab, gets tickets by it and renews them, all inside this process.
 * So no shell and no command line sees a file's or a principal's name (librdkafka's sasl.kerberos.kinit.cmd does, and stays off), and no
 * ticket lies in a file.
 *
 * Errors:    KAFKA_PROPERTY
 * Threads:   before there are others: it sets environment variables, which is where Kerberos looks
 */
#ifndef FIRN_KAFKA_KAFKA_KERBEROS_H
#define FIRN_KAFKA_KAFKA_KERBEROS_H

#include "kafka/kafka_cluster.h"

/* Where the cluster logs in by GSSAPI with a keytab; else it changes nothing. The keytab's first principal is who we are. */
FIRN_MUST_USE firn_status kafka_kerberos_prepare(const kafka_cluster *cluster, firn_error *err);

/* Of a principal "service/host@REALM": a name that means the same to Kerberos, to librdkafka, and to any shell. */
bool kafka_kerberos_is_service(const char *name);

#endif
