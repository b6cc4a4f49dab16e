"""Records Debezium's events in Avro: PostgreSQL, Debezium, Connect with an Avro converter, a schema registry, Kafka.

    .cache/venv/bin/python tests/data/debezium/record_avro.py SQL_FOLDER

SQL_FOLDER holds types.sql and types_changes.sql (their text is in ORIGIN.md's neighbour). Writes types_<mode>_avro.jsonl
beside this file: a line {"id", "schema"} per schema that a message names, then a line {"topic", "offset", "key", "value"}
per record, in base64.
"""
import base64
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from servers import kafka
from servers.postgres import PostgresServer
from servers.registry import PLUGINS, Registry

MODES = {
    "precise": {},
    "string": {"decimal.handling.mode": "string"},
    "firn": {"decimal.handling.mode": "string", "interval.handling.mode": "string", "time.precision.mode": "microseconds",
             "hstore.handling.mode": "json", "include.unknown.datatypes": "true", "binary.handling.mode": "bytes",
             "provide.transaction.metadata": "true", "heartbeat.interval.ms": "500"},
}
MARK = bytes.fromhex("f5") + b"\x01firn-mark\x02"  # no text, and no length, begins with this


def topics(broker):
    out = subprocess.run(kafka._java("256m", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", f"127.0.0.1:{broker.port}",
                                     "--list"), stdout=subprocess.PIPE, check=True, text=True).stdout
    return sorted(out.split())


def raw_records(broker, topic):
    """(offset, key, value) as bytes, None where the record has none."""
    mark = MARK.decode("latin-1")
    name = os.path.join(broker.folder, "formatter.properties")
    with open(name, "w", encoding="latin-1") as file:
        for key, text in {"key.separator": mark, "line.separator": mark + mark, "null.literal": "<null>" + mark[1:]}.items():
            file.write(key + "=" + "".join(f"\\u{ord(c):04x}" for c in text) + "\n")
        file.write("print.key=true\nprint.offset=true\n")
    out = subprocess.run(kafka._java("256m", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                                     f"127.0.0.1:{broker.port}", "--topic", topic, "--from-beginning", "--timeout-ms", "3000",
                                     "--formatter-config", name), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    between, null = mark.encode(), ("<null>" + mark[1:]).encode()
    for line in out.split(between + between)[:-1]:
        offset, key, value = line.split(between)
        yield int(offset.split(b":")[1]), None if key == null else key, None if value == null else value


def main(folder):
    server = PostgresServer()
    server.sql("CREATE DATABASE bench")
    server.sql_file(os.path.join(folder, "types.sql"), "bench")
    registry = Registry()
    broker = kafka.Broker()
    connect = kafka.Connect(broker, {}, [PLUGINS])
    for mode, settings in MODES.items():
        connect.request("POST", "/connectors", {"name": mode, "config": {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "plugin.name": "pgoutput",
            "slot.name": mode, "publication.name": "types_pub", "publication.autocreate.mode": "disabled",
            "database.hostname": server.host, "database.port": str(server.port), "database.user": "postgres",
            "database.password": server.password, "database.dbname": "bench", "topic.prefix": mode, "snapshot.mode": "no_data",
            "skipped.operations": "none", **registry.converters(), **settings}})
        connect.wait_running(mode)
    time.sleep(3)
    server.sql_file(os.path.join(folder, "types_changes.sql"), "bench")
    time.sleep(15)
    found = topics(broker)
    for mode in MODES:
        records, ids = [], set()
        for topic in found:
            if not topic.startswith(mode + ".") and topic != "__debezium-heartbeat." + mode:
                continue
            for offset, key, value in raw_records(broker, topic):
                if topic.startswith("__") and offset > 1:
                    continue
                ids |= {int.from_bytes(part[1:5], "big") for part in (key, value) if part}
                records.append({"topic": topic, "offset": offset,
                                **{name: part and base64.b64encode(part).decode() for name, part in (("key", key), ("value", value))}})
        with open(os.path.join(HERE, f"types_{mode}_avro.jsonl"), "w", encoding="utf-8") as file:
            for number in sorted(ids):
                file.write(json.dumps({"id": number, "schema": registry.request(f"/schemas/ids/{number}")["schema"]}, ensure_ascii=False) + "\n")
            for record in records:
                file.write(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n")
        print(mode, len(records), "records", len(ids), "schemas")
    for what in (connect, broker, registry, server):
        what.stop()


if __name__ == "__main__":
    main(sys.argv[1])
