"""The generated connector is what the real Debezium takes."""
import json

import pytest

from servers.kafka import Broker, Connect, topic_records
from firn import LOADER_PASSWORD

TABLES = """
CREATE TABLE plain (id int PRIMARY KEY, v text);
CREATE TABLE "Odd.na me$[x]" (id int PRIMARY KEY, v text);
CREATE TABLE keyless (a int NOT NULL, v text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
"""


@pytest.fixture(scope="module")
def kafka_connect():
    broker = Broker()
    connect = Connect(broker, {"FIRN_TEST_PASSWORD": LOADER_PASSWORD})
    connect.broker = broker
    yield connect
    connect.stop()
    broker.stop()


@pytest.fixture
def source(project, new_database):
    project.database, project.connection = new_database(TABLES)
    return project.source("shop", project.database, "public", kafka_topic_prefix="dev.shop", primary_keys={"keyless": ["a"]})


def generated(project):
    project.run("connector", "--source", "shop").expect(0)
    text = (project.folder / "config" / "debezium_shop_cdc.json").read_text(encoding="utf-8")
    assert LOADER_PASSWORD not in text
    return json.loads(text)


def test_file(source):
    document = generated(source)
    config = document["config"]
    assert config["topic.prefix"] == "dev.shop" and config["plugin.name"] == "pgoutput"
    assert config["database.dbname"] == source.database and config["snapshot.mode"] == "no_data"
    assert config["slot.name"] and config["publication.name"]
    assert "keyless" in config["message.key.columns"]
    assert "${" in config["database.password"]


def test_it_runs_in_kafka_connect(source, kafka_connect):
    document = generated(source)
    config = document["config"]
    check = source.run("check", "--source", "shop", "--sql")
    source.connection.execute(f"CREATE PUBLICATION {config['publication.name']} FOR ALL TABLES")
    source.connection.execute(f"SELECT pg_create_logical_replication_slot('{config['slot.name']}', 'pgoutput')")
    assert "CREATE PUBLICATION" in check.out and config["publication.name"] in check.out
    kafka_connect.request("POST", "/connectors", document)
    try:
        kafka_connect.wait_running(document["name"])
        source.connection.execute("INSERT INTO plain VALUES (1, 'a'); INSERT INTO \"Odd.na me$[x]\" VALUES (2, 'b'); "
                                  "INSERT INTO keyless VALUES (3, 'c')")
        records = topic_records(kafka_connect.broker, "dev.shop.public.plain", 1)
        assert records and '"v":"a"' in records[0][1] and '"id":1' in records[0][0]
        keyless = topic_records(kafka_connect.broker, "dev.shop.public.keyless", 1)
        assert keyless and '"a":3' in keyless[0][0]
        odd = topic_records(kafka_connect.broker, "dev.shop.public.Odd.na_me__x_", 1, timeout_s=30)
        assert odd and '"v":"b"' in odd[0][1]
    finally:
        kafka_connect.request("DELETE", f"/connectors/{document['name']}")
        _drop_slot(source.connection, config["slot.name"])


def _drop_slot(connection, name):
    import time
    for _ in range(100):
        if connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone()[0] in ("f", False):
            break
        time.sleep(0.1)
    connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
