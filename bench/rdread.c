/*
 * rdread BROKER TOPIC COUNT [FILE]: reads so many messages of a topic's partition 0 by librdkafka and throws them away: what following
 * it can cost at least. Prints wall and CPU seconds. FILE: the values go there, one a line.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 1000

static double
seconds(struct timeval t)
{
    return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}

int
main(int count, char **arguments)
{
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_conf_t    *conf = rd_kafka_conf_new();
    char                text[512];
    struct timespec     from, to;
    struct rusage       used;
    long                wanted, got = 0, bytes = 0;

    if (count != 4 && count != 5) return 64;
    FILE *out = count == 5 ? fopen(arguments[4], "w") : NULL;
    if (count == 5 && !out) return 73;
    wanted = strtol(arguments[3], NULL, 10);
    rd_kafka_conf_set(conf, "bootstrap.servers", arguments[1], text, sizeof text);
    rd_kafka_conf_set(conf, "group.id", "rdread", text, sizeof text);
    clock_gettime(CLOCK_MONOTONIC, &from);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!client) return 69;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, arguments[2], NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_consume_start_queue(topic, 0, RD_KAFKA_OFFSET_BEGINNING, queue);
    while (got < wanted) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 1000, messages, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            if (!messages[i]->err) {
                got++;
                bytes += (long) (messages[i]->len + messages[i]->key_len);
                if (out && messages[i]->payload) {
                    fwrite(messages[i]->payload, 1, messages[i]->len, out);
                    fputc('\n', out);
                }
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    if (out && fclose(out)) return 73;
    clock_gettime(CLOCK_MONOTONIC, &to);
    getrusage(RUSAGE_SELF, &used);
    printf("{\"messages\": %ld, \"bytes\": %ld, \"wall_s\": %.3f, \"cpu_s\": %.3f}\n", got, bytes,
           (double) (to.tv_sec - from.tv_sec) + (double) (to.tv_nsec - from.tv_nsec) / 1e9, seconds(used.ru_utime) + seconds(used.ru_stime));
    return 0;
}
