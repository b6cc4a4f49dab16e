"""Records Debezium's events in Avro: PostgreSQL, Debezium, Connect with an Avro converter, a schema registry, Kafka.

    .cache/venv/bin/python tests/data/debezium/record_avro.py SQL_FOLDER

SQL_FOLDER holds types.sql and types_changes.sql (their text is in ORIGIN.md's neighbour). Writes types_<mode>_avro.jsonl
beside this file: a line {"id", "schema"} per schema that a message names, then a line {"topic", "offset", "key", "value"}
per record, in base64.
"""
import base64
import glob
import json
import os
import struct
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


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _field(data, at):
    size, at = _varint(data, at)
    return (None, at) if size < 0 else (data[at:at + size], at + size)


def records(broker, topic):
    """(offset, key, value) as bytes, None where the record has none: the broker's log itself, nothing decodes in between."""
    out = []
    for name in sorted(glob.glob(os.path.join(broker.folder, "data", glob.escape(topic) + "-0", "*.log"))):
        with open(name, "rb") as file:
            data = file.read()
        at = 0
        while at + 61 <= len(data):
            base, size = struct.unpack_from(">qi", data, at)
            if size <= 0:
                break  # preallocated
            attributes, count = struct.unpack_from(">h", data, at + 21)[0], struct.unpack_from(">i", data, at + 57)[0]
            assert attributes & 7 == 0, "a compressed batch"
            place = at + 61
            for _ in range(count if not attributes & 32 else 0):
                length, place = _varint(data, place)
                end = place + length
                _, inner = _varint(data, place + 1)
                delta, inner = _varint(data, inner)
                key, inner = _field(data, inner)
                value, inner = _field(data, inner)
                out.append((base + delta, key, value))
                place = end
            at += 12 + size
    return out


def settled(broker, prefix):
    """The connector's topics with their records, once the last change has come and nothing more does."""
    before = None
    while True:
        names = sorted({os.path.basename(path)[:-2] for path in glob.glob(os.path.join(broker.folder, "data", "*-0"))})
        found = {name: records(broker, name) for name in names
                 if name.startswith(prefix + ".") or name == "__debezium-heartbeat." + prefix}
        count = sum(len(rows) for name, rows in found.items() if not name.startswith("__"))
        if prefix + ".message" in found and count == before:
            return found
        before = count
        time.sleep(5)


def main(folder):
    server = PostgresServer()
    server.sql("CREATE DATABASE bench")
    server.sql_file(os.path.join(folder, "types.sql"), "bench")
    registry = Registry()
    broker = kafka.Broker()
    connect = kafka.Connect(broker, {}, PLUGINS)
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
    for mode in MODES:
        lines, ids = [], set()
        for topic, rows in settled(broker, mode).items():
            for offset, key, value in rows[:2] if topic.startswith("__") else rows:
                ids |= {int.from_bytes(part[1:5], "big") for part in (key, value) if part}
                lines.append({"topic": topic, "offset": offset,
                              **{name: part and base64.b64encode(part).decode() for name, part in (("key", key), ("value", value))}})
        print(mode, len(lines), "records, schemas", sorted(ids), lines[0], flush=True)
        with open(os.path.join(HERE, f"types_{mode}_avro.jsonl"), "w", encoding="utf-8") as file:
            for number in sorted(ids):
                file.write(json.dumps({"id": number, "schema": registry.request(f"/schemas/ids/{number}")["schema"]}, ensure_ascii=False) + "\n")
            for line in lines:
                file.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")
    for what in (connect, broker, registry, server):
        what.stop()


if __name__ == "__main__":
    main(sys.argv[1])
