/*
 * What PostgreSQL's change stream hands out, as JSON lines: for comparing with what was done.
 *
 *   pg_dump_changes HOST PORT DATABASE USER SCHEMA SLOT PUBLICATION [SETTING=VALUE …]
 *
 * Ends at the first COMMIT or IDLE at or behind `until` (a position), or with an error. Settings: until=LSN,
 * position=LSN, acknowledged=LSN, identity=TEXT, format=text|binary, streaming=off, memory=BYTES, queue=BYTES, spill=FOLDER,
 * table=NAME (must be published; repeated), ack=1 (acknowledge each commit and idle point), trust=1, silence=MS, reconnect=MS,
 * pause=COUNT,MS (after so many items do nothing for so long), heartbeat=MS, password=TEXT,
 * values=raw (default) | decoded (new rows by the decoder; those with holes are left out) | count (no items; counts and CPU at the end),
 * policy=error|null|clamp|round|text, numeric=string
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "postgres/postgres_feed.h"
#include "print_batch.h"

#define TABLES_MAX 64
#define WAIT_MS 60000

typedef enum value_mode { VALUES_RAW, VALUES_DECODED, VALUES_COUNT } value_mode;

static struct {
    postgres_settings      server;
    postgres_feed_settings feed;
    const char            *tables[TABLES_MAX];
    table_rules            rules;
    value_mode             values;
    uint64_t               until, pause_after, pause_ms;
    bool                   acknowledges;
} o;

/* One shape of one table, with its decoder; small programs forget nothing. */
typedef struct shape {
    struct shape       *next;
    change_relation    *relation;
    source_description *description;
    row_decoder        *decoder;
} shape;

static shape     *shapes;
static firn_arena arena;

static void
die(const firn_error *err)
{
    fflush(stdout);
    fprintf(stderr, "FIRN-%d %s\n", (int) err->code, err->cause);
    for (unsigned i = 0; i < err->frame_count; i++) fprintf(stderr, "  while %s\n", err->frame[i]);
    if (err->hint[0]) fprintf(stderr, "  hint: %s\n", err->hint);
    exit(firn_status_exit_code(err->status));
}

static void
tell(void *state, bool is_warning, const char *message)
{
    (void) state;
    fprintf(stderr, "%s: %s\n", is_warning ? "warning" : "note", message);
}

static uint64_t
position_of(const char *text)
{
    uint64_t position;
    if (!change_position_parse(text, &position)) exit(64);
    return position;
}

static value_policy
policy_named(const char *name)
{
    static const char *const names[] = {"error", "null", "clamp", "round", "text"};
    for (unsigned i = 0; i < FIRN_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return (value_policy) i;
    exit(64);
}

static void
read_number_option(const char *name, char *value)
{
    static const struct {
        const char *name;
        uint64_t   *to;
    } numbers[] = {{"silence", &o.feed.silence_ms_max}, {"reconnect", &o.feed.reconnect_ms_max}, {"heartbeat", &o.feed.heartbeat_ms}};
    uint64_t number = strtoumax(value, &value, 10);
    for (size_t i = 0; i < FIRN_COUNT(numbers); i++)
        if (strcmp(name, numbers[i].name) == 0) *numbers[i].to = number;
    if (strcmp(name, "memory") == 0) o.feed.memory_bytes_max = number;
    if (strcmp(name, "queue") == 0) o.feed.queue_bytes_max = number;
    if (strcmp(name, "ack") == 0) o.acknowledges = true;
    if (strcmp(name, "trust") == 0) o.feed.trust_slot = true;
    if (strcmp(name, "pause") == 0) {
        o.pause_after = number;
        o.pause_ms = *value ? strtoumax(value + 1, NULL, 10) : 0;
    }
}

static void
read_option(char *text)
{
    char *value = strchr(text, '=');
    if (!value) exit(64);
    *value++ = 0;
    if (strcmp(text, "until") == 0) o.until = position_of(value);
    if (strcmp(text, "position") == 0) o.feed.position = position_of(value);
    if (strcmp(text, "acknowledged") == 0) o.feed.acknowledged = position_of(value);
    if (strcmp(text, "identity") == 0) o.feed.identity = value;
    if (strcmp(text, "format") == 0) o.feed.format = strcmp(value, "text") == 0 ? FEED_TEXT : FEED_BINARY;
    if (strcmp(text, "streaming") == 0) o.feed.no_streaming = true;
    if (strcmp(text, "spill") == 0) o.feed.spill_folder = value;
    if (strcmp(text, "password") == 0) o.server.password = firn_secret_new(value);
    if (strcmp(text, "policy") == 0) o.rules.policy = policy_named(value);
    if (strcmp(text, "numeric") == 0) o.rules.unbounded_numeric = UNBOUNDED_STRING;
    if (strcmp(text, "table") == 0 && o.feed.table_count < TABLES_MAX) o.tables[o.feed.table_count++] = value;
    if (strcmp(text, "values") == 0)
        o.values = strcmp(value, "decoded") == 0 ? VALUES_DECODED : strcmp(value, "count") == 0 ? VALUES_COUNT : VALUES_RAW;
    read_number_option(text, value);
}

/* ---- items ---- */

static void
print_position(const char *name, uint64_t position)
{
    char text[CHANGE_POSITION_TEXT_MAX];
    change_position_format(position, text);
    printf(", \"%s\": \"%s\"", name, text);
}

static void
print_tuple(const char *name, const change_tuple *tuple)
{
    const uint8_t *at = tuple->bytes.data;
    if (!at) return;
    printf(", \"%s\": [", name);
    for (unsigned i = 0; i < tuple->column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        if (i) printf(", ");
        if (value.kind == TUPLE_TEXT) {
            print_json_text(value.bytes.data, value.bytes.size);
        } else if (value.kind == TUPLE_BINARY) {
            printf("{\"b\": \"");
            for (size_t j = 0; j < value.bytes.size; j++) printf("%02x", value.bytes.data[j]);
            printf("\"}");
        } else {
            printf(value.kind == TUPLE_NULL ? "null" : "{\"unchanged\": true}");
        }
    }
    printf("]");
}

static shape *
shape_of(change_stream *stream, change_relation *relation)
{
    firn_error err = {0};
    for (shape *known = shapes; known; known = known->next)
        if (known->relation == relation) return known;
    shape *made = calloc(1, sizeof *made);
    if (!made) exit(71);
    made->relation = change_relation_ref(relation);
    if (stream->ops->describe(stream, relation, NULL, &o.rules, &arena, &made->description, NULL, &err)) die(&err);
    if (stream->ops->open_decoder(stream, relation, made->description, &made->decoder, &err)) die(&err);
    made->next = shapes;
    return shapes = made;
}

static void
print_decoded(change_stream *stream, const change *c)
{
    shape     *s = shape_of(stream, c->relation);
    firn_error err = {0};
    batch      b;
    if (!c->new.bytes.data || c->new.has_unchanged) return;
    printf("%s\t", c->relation->name);
    if (row_decoder_append(s->decoder, &c->new, &err)) die(&err);
    if (row_decoder_take(s->decoder, &b, &err)) die(&err);
    print_batch(&b);
    batch_done(&b);
}

static void
print_change(change_stream *stream, const change *c)
{
    static const char *const ops[] = {"insert", "update", "delete", "truncate"};
    if (o.values == VALUES_DECODED) {
        print_decoded(stream, c);
        return;
    }
    printf("{\"kind\": \"%s\", \"table\": \"%s\"", ops[c->op], c->relation->name);
    if (c->op == CHANGE_TRUNCATE) printf(", \"cascade\": %d, \"restart\": %d", c->truncate_cascade, c->truncate_restart);
    print_tuple(c->old_is_key ? "key" : "old", &c->old);
    print_tuple("new", &c->new);
    printf("}\n");
}

static void
print_relation(change_stream *stream, change_relation *relation)
{
    printf("{\"kind\": \"relation\", \"table\": \"%s\", \"schema\": \"%s\", \"identity\": \"%c\", \"columns\": [", relation->name,
           relation->schema, (char) relation->identity);
    for (unsigned i = 0; i < relation->column_count; i++)
        printf("%s\"%s%s\"", i ? ", " : "", relation->columns[i].name, relation->columns[i].is_key ? "*" : "");
    source_description *description;
    const int          *places;
    firn_error          err = {0};
    if (stream->ops->describe(stream, relation, NULL, &o.rules, &arena, &description, &places, &err)) die(&err);
    printf("], \"places\": [");
    for (unsigned i = 0; i < description->schema->field_count; i++) printf("%s%d", i ? ", " : "", places[i]);
    printf("], \"required\": [");
    for (unsigned i = 0; i < description->schema->field_count; i++)
        printf("%s%d", i ? ", " : "", description->schema->fields[i].required);
    printf("]}\n");
    schema_unref(description->schema);
}

static void
print_transaction(const char *kind, const change_item *item)
{
    printf("{\"kind\": \"%s\", \"xid\": %u", kind, item->transaction.xid);
    print_position("commit", item->transaction.commit_position);
    print_position("end", item->transaction.end_position);
    printf("}\n");
}

static void
print_item(change_stream *stream, const change_item *item)
{
    switch (item->kind) {
    case ITEM_BEGIN:
        print_transaction("begin", item);
        return;
    case ITEM_COMMIT:
        print_transaction("commit", item);
        return;
    case ITEM_RELATION:
        print_relation(stream, item->relation);
        return;
    case ITEM_CHANGE:
        print_change(stream, &item->change);
        return;
    case ITEM_MESSAGE:
        printf("{\"kind\": \"message\", \"transactional\": %d, \"prefix\": ", item->message.is_transactional);
        print_json_text(item->message.prefix.data, item->message.prefix.size);
        printf(", \"content\": ");
        print_json_text(item->message.content.data, item->message.content.size);
        printf("}\n");
        return;
    case ITEM_IDLE:
        printf("{\"kind\": \"idle\"");
        print_position("position", item->position);
        printf("}\n");
        return;
    case ITEM_RESTART:
        printf("{\"kind\": \"restart\"}\n");
        return;
    case ITEM_NOTHING:
    case ITEM_DAMAGED:
    case ITEM_REASSIGN:
    case ITEM_END:
        return;
    }
}

static void
print_counts(change_stream *stream, uint64_t change_count, uint64_t started_us)
{
    change_stream_counts counts;
    int64_t              cpu_us = firn_clock_cpu_us();
    double               wall_s = (double) (firn_clock_monotonic_us() - started_us) / 1e6, cpu_s = (double) cpu_us / 1e6;
    stream->ops->counts(stream, &counts);
    printf("{\"kind\": \"counts\", \"changes\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"spilled\": %" PRIu64
           ", \"restarts\": %" PRIu64 ", \"wall_s\": %.3f, \"cpu_s\": %.3f, \"cpu_us_per_change\": %.3f}\n",
           change_count, counts.message_count, counts.received_bytes, counts.spilled_bytes, counts.restart_count, wall_s, cpu_s,
           change_count ? cpu_s * 1e6 / (double) change_count : 0.0);
}

/* In `decoded` rows of values too: what of a change costs most. */
static uint64_t
follow(change_stream *stream)
{
    uint64_t    item_count = 0, change_count = 0, position = 0;
    change_item item;
    firn_error  err = {0};
    do {
        if (change_stream_next(stream, WAIT_MS, &item, &err)) die(&err);
        if (item.kind == ITEM_NOTHING) exit(75);
        if (item.kind == ITEM_CHANGE) change_count++;
        if (o.values == VALUES_RAW || (o.values == VALUES_DECODED && item.kind == ITEM_CHANGE)) print_item(stream, &item);
        if (item.kind == ITEM_COMMIT || item.kind == ITEM_IDLE) {
            position = item.position;
            if (o.acknowledges) stream->ops->acknowledge(stream, position);
        }
        if (++item_count == o.pause_after) {
            fflush(stdout);
            task_cancel *never = task_cancel_new();
            (void) task_cancel_wait(never, o.pause_ms);
            task_cancel_free(never);
        }
    } while (position < o.until);
    return change_count;
}

int
main(int argc, char **argv)
{
    static const source_teller teller = {.tell = tell};
    change_stream             *stream;
    firn_error                 err = {0};

    if (argc < 8) return 64;
    o.server = (postgres_settings){.host = argv[1], .port = (unsigned) strtoul(argv[2], NULL, 10), .database = argv[3],
                                   .username = argv[4], .schema = argv[5], .slot_name = argv[6], .publication_name = argv[7],
                                   .sslmode = getenv("DUMP_SSLMODE")};
    o.feed = (postgres_feed_settings){.server = &o.server, .tables = o.tables, .format = FEED_TEXT, .spill_folder = ".", .teller = &teller};
    o.rules = (table_rules){.time_as_string = true, .config_file = "config/sources.yaml", .source_name = "shop"};
    for (int i = 8; i < argc; i++) read_option(argv[i]);
    if (postgres_feed_open(&o.feed, NULL, &stream, &err)) die(&err);
    uint64_t started_us = firn_clock_monotonic_us();
    if (o.values == VALUES_RAW) printf("{\"kind\": \"identity\", \"identity\": \"%s\"}\n", stream->identity.text);
    fflush(stdout);
    uint64_t change_count = follow(stream);
    print_counts(stream, change_count, started_us);
    while (shapes) {
        shape *next = shapes->next;
        row_decoder_free(shapes->decoder);
        schema_unref(shapes->description->schema);
        change_relation_unref(shapes->relation);
        free(shapes);
        shapes = next;
    }
    change_stream_free(stream);
    firn_arena_done(&arena);
    firn_secret_free((firn_secret *) (uintptr_t) o.server.password);
    return 0;
}
