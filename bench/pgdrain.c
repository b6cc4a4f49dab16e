/*
 * The limit of following directly: a replication slot's changes, received by libpq and thrown away.
 *
 *   pgdrain CONNINFO SLOT PUBLICATION END_LSN NAP_US
 *
 * When nothing is there it naps NAP_US instead of waiting for the socket, whose buffer is small, so that the walsender need not wake the reader
 * for each message, and adds most of them to what waits in its own buffer already: that takes more than half of the server's work away. Prints
 * one JSON line.
 */
#include <endian.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t
load_be64(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

static double
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Says that we live; nothing is acknowledged, so that the slot can be read again. */
static void
send_status(PGconn *connection)
{
    char message[34] = {'r'};

    PQputCopyData(connection, message, sizeof message);
    PQflush(connection);
}

/* As PQgetCopyData, of what has come by now. */
static int
take_message(PGconn *connection, char **message)
{
    int size = PQgetCopyData(connection, message, 1);

    if (size) return size;
    if (!PQconsumeInput(connection)) return -2;
    return PQgetCopyData(connection, message, 1);
}

static void
wait_for_more(PGconn *connection, unsigned nap_us)
{
    if (nap_us) {
        usleep(nap_us);
    } else {
        struct pollfd descriptor = {.fd = PQsocket(connection), .events = POLLIN};
        poll(&descriptor, 1, 1000);
    }
}

int
main(int argc, char *argv[])
{
    unsigned high, low;
    char     command[512];

    if (argc != 6 || sscanf(argv[4], "%X/%X", &high, &low) != 2) {
        fprintf(stderr, "usage: pgdrain CONNINFO SLOT PUBLICATION END_LSN NAP_US\n");
        return 64;
    }
    uint64_t end = (uint64_t) high << 32 | low, position = 0;
    PGconn  *connection = PQconnectdb(argv[1]);
    int      room = 64 << 10;
    setsockopt(PQsocket(connection), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    snprintf(command, sizeof command,
             "START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '%s')", argv[2], argv[3]);
    if (PQstatus(connection) != CONNECTION_OK || PQresultStatus(PQexec(connection, command)) != PGRES_COPY_BOTH) {
        fprintf(stderr, "pgdrain: %s", PQerrorMessage(connection));
        return 1;
    }
    double   started_s = now_s();
    uint64_t message_count = 0, size_bytes = 0, nap_count = 0;
    while (position < end) {
        char *message = NULL;
        int   size = take_message(connection, &message);

        if (size < 0) {
            fprintf(stderr, "pgdrain: %s", PQerrorMessage(connection));
            return 1;
        }
        if (size == 0) {
            nap_count++;
            wait_for_more(connection, (unsigned) strtoul(argv[5], NULL, 10));
            continue;
        }
        if (load_be64(message + 1) > position) position = load_be64(message + 1);
        if (message[0] == 'w') {
            message_count++;
            size_bytes += (uint64_t) size - 25;
        } else if (message[17]) {
            send_status(connection);
        }
        PQfreemem(message);
    }
    printf("{\"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"naps\": %" PRIu64 ", \"wall_s\": %.3f}\n", message_count,
           size_bytes, nap_count, now_s() - started_s);
    PQfinish(connection);
    return 0;
}
