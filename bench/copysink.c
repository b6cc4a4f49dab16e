/*
 * COPY into nowhere: what reading costs when nothing is done with the rows. The limit that a load is measured against.
 *
 *   copysink CONNINFO SQL...      one connection (a child process) per SQL, all at the same time
 *
 * Prints {"rows": …, "bytes": …} summed over the connections.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct counts {
    _Atomic unsigned long long rows, bytes;
};

static int
refuse(PGconn *connection)
{
    fprintf(stderr, "copysink: %s", PQerrorMessage(connection));
    PQfinish(connection);
    return 1;
}

static int
drain(const char *conninfo, const char *sql, struct counts *ret_counts)
{
    PGconn            *connection = PQconnectdb(conninfo);
    unsigned long long byte_count = 0;
    char              *row = NULL;
    int                size;

    if (PQstatus(connection) != CONNECTION_OK) return refuse(connection);
    PGresult *answer = PQexec(connection, sql);
    if (PQresultStatus(answer) != PGRES_COPY_OUT) return refuse(connection);
    PQclear(answer);
    while ((size = PQgetCopyData(connection, &row, 0)) > 0) {
        byte_count += (unsigned long long)size;
        PQfreemem(row);
    }
    if (size != -1) return refuse(connection);
    answer = PQgetResult(connection);
    if (PQresultStatus(answer) != PGRES_COMMAND_OK) return refuse(connection);
    ret_counts->rows += strtoull(PQcmdTuples(answer), NULL, 10);
    PQclear(answer);
    PQfinish(connection);
    ret_counts->bytes += byte_count;
    return 0;
}

int
main(int argc, char **argv)
{
    struct counts *counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int            failed = 0, status;

    if (argc < 3 || counts == MAP_FAILED) {
        fprintf(stderr, "usage: copysink CONNINFO SQL...\n");
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        pid_t child = fork();
        if (child < 0) return 71;
        if (child == 0) _exit(drain(argv[1], argv[i], counts));
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    printf("{\"rows\": %llu, \"bytes\": %llu}\n", counts->rows, counts->bytes);
    return failed != 0;
}
