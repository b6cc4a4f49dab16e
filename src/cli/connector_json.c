#include "cli/connector_json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "codec/json_writer.h"

#define LIST_BYTES_MAX ((size_t) 16 << 20)

/* Adds a name as a Java regular expression that matches it alone. What Debezium's own list grammar cannot have in an
 * entry (separators and white space) is written by its code. */
static firn_status
add_name_pattern(firn_buffer *out, const char *name, firn_error *err)
{
    for (const unsigned char *p = (const unsigned char *) name; *p; p++) {
        if (isalnum(*p) || *p == '_' || *p >= 0x80) {
            FIRN_TRY(firn_buffer_add_byte(out, *p, err));
        } else if (*p <= ' ' || *p == 0x7f || strchr(",;:", *p)) {
            FIRN_TRY(firn_buffer_printf(out, err, "\\x%02x", *p));
        } else {
            FIRN_TRY(firn_buffer_printf(out, err, "\\%c", *p));
        }
    }
    return FIRN_OK;
}

static firn_status
add_table_pattern(firn_buffer *out, const char *schema, const char *table, firn_error *err)
{
    FIRN_TRY(add_name_pattern(out, schema, err));
    FIRN_TRY(firn_buffer_add_text(out, "\\.", err));
    return add_name_pattern(out, table, err);
}

static firn_status
add_tables(const connector_settings *s, firn_buffer *out, firn_error *err)
{
    if (s->table_count == 0) {
        FIRN_TRY(add_name_pattern(out, s->schema, err));
        return firn_buffer_add_text(out, "\\..*", err);
    }
    for (unsigned i = 0; i < s->table_count; i++) {
        if (i) FIRN_TRY(firn_buffer_add_byte(out, ',', err));
        FIRN_TRY(add_table_pattern(out, s->schema, s->tables[i], err));
    }
    return FIRN_OK;
}

static firn_status
add_key(const connector_settings *s, const connector_key *key, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(add_table_pattern(out, s->schema, key->table, err));
    for (unsigned i = 0; i < key->column_count; i++) {
        if (strpbrk(key->columns[i], ",;: \t\r\n"))
            return firn_fail(err, FIRN_E_CONFIG_VALUE,
                             "primary_keys of '%s': Debezium's message.key.columns cannot hold the column name '%s'",
                             key->table, key->columns[i]);
        FIRN_TRY(firn_buffer_add_byte(out, i ? ',' : ':', err));
        FIRN_TRY(firn_buffer_add_text(out, key->columns[i], err));
    }
    return FIRN_OK;
}

static firn_status
add_keys(const connector_settings *s, firn_buffer *out, firn_error *err)
{
    for (unsigned i = 0; i < s->key_count; i++) {
        if (i) FIRN_TRY(firn_buffer_add_byte(out, ';', err));
        FIRN_TRY(add_key(s, &s->keys[i], out, err));
    }
    return FIRN_OK;
}

/* firn's reference → that of Kafka's own providers: EnvVarConfigProvider and DirectoryConfigProvider (a file's whole
 * content; FileConfigProvider reads properties files only). */
static firn_status
add_password(const connector_settings *s, firn_buffer *out, firn_error *err)
{
    const char *inside = s->password + 2;
    size_t      size = strlen(s->password);

    if (!text_starts_with(s->password, "${") || s->password[size - 1] != '}' || text_starts_with(inside, "command:"))
        return firn_fail(err, FIRN_E_CONFIG_VALUE, "the password is no reference that Kafka Connect can resolve");
    if (!text_starts_with(inside, "file:")) return firn_buffer_printf(out, err, "${env:%s", inside);
    const char *path = inside + 5, *slash = strrchr(path, '/');
    if (!slash) return firn_fail(err, FIRN_E_CONFIG_VALUE, "the password's file must be an absolute path");
    return firn_buffer_printf(out, err, "${directory:%.*s:%s", (int) (slash == path ? 1 : slash - path), path,
                              slash + 1);
}

static void
write_database(jwriter *w, const connector_settings *s)
{
    char port[16];

    snprintf(port, sizeof port, "%u", s->port);
    jwrite_member_text(w, "database.hostname", s->host);
    jwrite_member_text(w, "database.port", port);
    jwrite_member_text(w, "database.dbname", s->database);
    jwrite_member_text(w, "database.user", s->username);
    if (s->sslmode) jwrite_member_text(w, "database.sslmode", s->sslmode);
    if (s->sslrootcert) jwrite_member_text(w, "database.sslrootcert", s->sslrootcert);
    if (s->sslcert) jwrite_member_text(w, "database.sslcert", s->sslcert);
    if (s->sslkey) jwrite_member_text(w, "database.sslkey", s->sslkey);
    /* Java's JDBC driver looks for ~/.postgresql/root.crt unless it is told to use Java's own trust store. */
    if (s->sslmode && text_starts_with(s->sslmode, "verify") && !s->sslrootcert)
        jwrite_member_text(w, "database.sslfactory", "org.postgresql.ssl.DefaultJavaSSLFactory");
}

/* What every source has: values as exact as Debezium can give them, nothing left out, no snapshot of its own; docs/KAFKA.md
 * has the reason of each. Microseconds: without schemas a timestamp(0..3) of the adaptive modes is in milliseconds, and
 * nothing in the message tells. The topics: one partition keeps the order of a table without key, and a compacted topic
 * would lose the value that an unchanged TOAST column refers to. */
static void
write_constants(jwriter *w)
{
    static const char *const constants[][2] = {
        {"publication.autocreate.mode", "disabled"},
        {"snapshot.mode", "no_data"},
        {"slot.drop.on.stop", "false"},
        {"decimal.handling.mode", "string"},
        {"interval.handling.mode", "string"},
        {"time.precision.mode", "microseconds"},
        {"binary.handling.mode", "bytes"},
        {"hstore.handling.mode", "json"},
        {"include.unknown.datatypes", "true"},
        {"unavailable.value.placeholder", "__debezium_unavailable_value"},
        {"skipped.operations", "none"},
        {"tombstones.on.delete", "true"},
        {"provide.transaction.metadata", "true"},
        {"heartbeat.interval.ms", "10000"},
        {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"key.converter.schemas.enable", "false"},
        {"key.converter.replace.null.with.default", "false"},
        {"value.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"value.converter.schemas.enable", "false"},
        {"value.converter.replace.null.with.default", "false"},
        {"topic.creation.default.replication.factor", "-1"},
        {"topic.creation.default.partitions", "1"},
        {"topic.creation.default.cleanup.policy", "delete"},
    };

    for (size_t i = 0; i < FIRN_COUNT(constants); i++) {
        jwrite_member_text(w, constants[i][0], constants[i][1]);
    }
}

firn_status
connector_json_add(const connector_settings *s, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer tables = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer keys = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer password = {0};
    jwriter                                 w;

    firn_buffer_init(&tables, LIST_BYTES_MAX);
    firn_buffer_init(&keys, LIST_BYTES_MAX);
    firn_buffer_init(&password, FIRN_ERROR_TEXT_MAX);
    FIRN_TRY(add_tables(s, &tables, err));
    FIRN_TRY(add_keys(s, &keys, err));
    if (s->password) FIRN_TRY(add_password(s, &password, err));
    jwrite_begin(&w, out, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "name", s->slot_name);
    jwrite_key(&w, "config");
    jwrite_object(&w);
    jwrite_member_text(&w, "connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    jwrite_member_text(&w, "tasks.max", "1");
    jwrite_member_text(&w, "plugin.name", "pgoutput");
    jwrite_member_text(&w, "slot.name", s->slot_name);
    jwrite_member_text(&w, "publication.name", s->publication_name);
    jwrite_member_text(&w, "topic.prefix", s->topic_prefix);
    write_database(&w, s);
    if (s->password) {
        jwrite_key(&w, "database.password");
        jwrite_text_slice(&w, firn_buffer_slice(&password));
    }
    jwrite_key(&w, "table.include.list");
    jwrite_text_slice(&w, firn_buffer_slice(&tables));
    if (s->key_count) {
        jwrite_key(&w, "message.key.columns");
        jwrite_text_slice(&w, firn_buffer_slice(&keys));
    }
    write_constants(&w);
    /* While the published tables are idle, heartbeats alone don't move the slot, which then holds the WAL of everything else
     * on the server. */
    if (s->writes_heartbeats)
        jwrite_member_text(&w, "heartbeat.action.query", "SELECT pg_logical_emit_message(false, 'firn', 'heartbeat')");
    jwrite_object_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}
