#include "cli/init_template.h"

#include <stddef.h>

static const char sources_text[] =
    "# yaml-language-server: $schema=./.firn/sources.schema.json\n"
    "#\n"
    "# Copy this file to sources.yaml and fill it in. `firn check --source shop` says what is still missing.\n"
    "# Values may be references: ${NAME} (environment, else .env), ${file:/run/secrets/x}, ${command:pass show x}.\n"
    "# Secrets belong here by reference only.\n"
    "sources:\n"
    "  shop:                                # a name of your choice: firn load --source shop\n"
    "    database_type: postgres\n"
    "    iceberg_namespace: bronze.shop     # levels separated by dots: warehouse/bronze/shop/<table>/\n"
    "    database_connection:\n"
    "      host: localhost\n"
    "      port: 5432\n"
    "      database: shop\n"
    "      username: firn\n"
    "      password: ${SHOP_PASSWORD}\n"
    "      schema: public\n"
    "      # verify-full is the default for any host but loopback and sockets\n"
    "      #sslmode: verify-full\n"
    "      #sslrootcert: /etc/ssl/certs/ca-certificates.crt\n"
    "      #sslcert: /etc/firn/client.crt\n"
    "      #sslkey: /etc/firn/client.key\n"
    "      #silence_timeout: 60s\n"
    "    # the connector's topics start with this; by default the source's name\n"
    "    #kafka_topic_prefix: dev.shop\n"
    "    bulk_load:\n"
    "      #parallel_tables: 8              # connections (splits) per table\n"
    "      #parallel_workers: 4             # tables at the same time\n"
    "      #batch_size: 50000               # rows per batch\n"
    "      #memory: 512M                    # the ceiling of firn's memory\n"
    "      #skip_empty_tables: false\n"
    "      #checkpoint_enabled: true        # go on where an earlier run stopped\n"
    "      #checkpoint_interval: 50         # batches of a connection until files are closed and noted\n"
    "      #checkpoint_hold: 10m            # how long a dead load's snapshot is held for the next one\n"
    "      #max_retries: 3\n"
    "      #retry_backoff: 2                # seconds before the first retry\n"
    "      #large_table_threshold: 100000   # rows from which a table is split\n"
    "      #create_slot: true               # PostgreSQL: make the slot that following goes on from; it holds WAL until read\n"
    "      #handle_long_columns: exclude    # Oracle: exclude | skip_table | error | include\n"
    "    follow:\n"
    "      #from: postgres                  # kafka | postgres\n"
    "      #kafka_cluster: primary\n"
    "      #dead_letter_topic: dev.shop.firn-rejected   # Kafka: keeps what cannot be applied, instead of stopping the table\n"
    "      #reselect: true                  # Kafka: reads values that Debezium has lost again from the source, by key\n"
    "      #debezium: {decimals: precise}   # Kafka: modes of a connector that firn did not write: decimals, times, binary, "
    "intervals, nulls, hstore, placeholder\n"
    "      #commit_interval: 10s\n"
    "      #schema_changes: apply        # apply | additive | stop\n"
    "      #maintain: auto               # auto | off: compaction and expiry beside the changes\n"
    "      #maintain_interval: 1m\n"
    "      #slot_retention_limit: 0         # how much of PostgreSQL's log the slot may hold; 0: no limit\n"
    "      #slot_retention_action: warn     # warn | stop | drop: what happens when it stays above\n"
    "      #batch_size: 0                   # most messages in one commit; 0: no such limit\n"
    "      #notify:                         # who is told of changed shapes, stopped tables and failed runs\n"
    "        #command: [/usr/local/bin/on-firn-event]\n"
    "        #webhook: {url: \"https://chat.example/hook\", token: \"${HOOK_TOKEN}\"}\n"
    "        #events: [schema_change, table_failed, follow_failed]\n"
    "    # key columns where the database's own key is missing or not the one to use\n"
    "    primary_keys:\n"
    "      #MY_TABLE: [UNIQUE_ID]\n"
    "    # settings by table\n"
    "    tables:\n"
    "      #orders:\n"
    "      #  partition_by: [\"month(created_at)\"]   # identity: the column; year month day hour bucket(16, c) "
    "truncate(8, c)\n"
    "      #  sort_by: [id]\n"
    "      #  format_version: 3\n"
    "      #  exclude_columns: [note]\n"
    "      #  types: {amount: round}        # as types.unrepresentable, for this column\n"
    "    types:\n"
    "      #unbounded_numeric: decimal(38,10)   # decimal(p,s) | string | double\n"
    "      #unrepresentable: error          # error | null | clamp | round | text; counted unless error\n"
    "      #time: string                    # string | time: Spark can't open a table that has an Iceberg time "
    "column\n";

static const char kafka_text[] =
    "# yaml-language-server: $schema=./.firn/kafka_clusters.schema.json\n"
    "#\n"
    "# Copy this file to kafka_clusters.yaml. Needed only where changes come from Kafka.\n"
    "kafka_clusters:\n"
    "  primary:\n"
    "    bootstrap_servers: localhost:9092\n"
    "    consumer_group_prefix: firn\n"
    "    auto_offset_reset: earliest        # earliest | latest\n"
    "    security:\n"
    "      #protocol: sasl_ssl              # plaintext | ssl | sasl_plaintext | sasl_ssl\n"
    "      #sasl_mechanism: SCRAM-SHA-512   # PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512 | GSSAPI | OAUTHBEARER\n"
    "      #sasl_username: firn\n"
    "      #sasl_password: ${KAFKA_PASSWORD}\n"
    "      #ssl_ca: /etc/ssl/certs/ca-certificates.crt\n"
    "    # handed to librdkafka; only properties that cannot load code or print secrets\n"
    "    librdkafka:\n"
    "      #fetch.wait.max.ms: 100\n"
    "    #schema_registry:\n"
    "    #  url: https://registry.example.com\n"
    "    #  username: firn\n"
    "    #  password: ${REGISTRY_PASSWORD}\n"
    "    #  #token: ${REGISTRY_TOKEN}       # instead of the login\n"
    "    #  #ssl_ca: /etc/ssl/certs/ca-certificates.crt\n"
    "    # Kafka Connect's REST API, for firn check and firn connector --register\n"
    "    #connect:\n"
    "    #  url: https://connect.example.com:8083\n"
    "    #  username: firn\n"
    "    #  password: ${CONNECT_PASSWORD}\n"
    "    #  ssl_ca: /etc/ssl/certs/ca-certificates.crt\n";

static const char catalogs_text[] =
    "# yaml-language-server: $schema=./.firn/catalogs.schema.json\n"
    "#\n"
    "# Optional. Without catalogs.yaml, 'local' is a Hadoop catalog at WAREHOUSE_PATH.\n"
    "# CATALOG_NAME (or --catalog-name) chooses the entry. Property names are those of PyIceberg.\n"
    "catalogs:\n"
    "  local:\n"
    "    type: hadoop\n"
    "    warehouse: file:///srv/warehouse\n"
    "  #lakekeeper:\n"
    "  #  type: rest\n"
    "  #  uri: https://catalog.example.com/catalog\n"
    "  #  warehouse: main\n"
    "  #  credential: ${CATALOG_CREDENTIAL}\n"
    "  #  oauth2-server-uri: https://login.example.com/token\n"
    "  #  scope: lakekeeper\n"
    "  #  s3.endpoint: https://s3.example.com\n"
    "  #  s3.region: eu-central-1\n"
    "  #  s3.access-key-id: ${S3_KEY_ID}\n"
    "  #  s3.secret-access-key: ${S3_SECRET}\n"
    "  #  s3.path-style-access: true\n";

static const char dotenv_text[] = "# Copy this file to .env and run: chmod 600 .env\n"
                                  "# Read from the project's folder; the environment wins over it.\n"
                                  "#CONFIG_DIR=config\n"
                                  "#CATALOG_NAME=local\n"
                                  "#WAREHOUSE_PATH=file:///srv/warehouse\n"
                                  "#SHOP_PASSWORD=\n"
                                  "# Any option, by one rule: --parallel-workers is FIRN_PARALLEL_WORKERS\n"
                                  "#FIRN_PARALLEL_WORKERS=4\n";

static const init_template templates[] = {
    {"config/sources.yaml.template", 0644, sources_text},
    {"config/kafka_clusters.yaml.template", 0644, kafka_text},
    {"config/catalogs.yaml.template", 0644, catalogs_text},
    {".env.template", 0600, dotenv_text},
    {NULL, 0, NULL},
};

const init_template *
init_template_table(void)
{
    return templates;
}

const char *
init_template_gitignore(void)
{
    return INIT_GITIGNORE_BEGIN "\n"
                                ".env\n"
                                "config/sources.yaml\n"
                                "config/kafka_clusters.yaml\n"
                                "config/catalogs.yaml\n"
                                "warehouse/\n"
                                "logs/\n"
                                "checkpoints/\n" INIT_GITIGNORE_END "\n";
}
