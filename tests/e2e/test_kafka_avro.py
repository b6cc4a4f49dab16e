"""The chain of test_kafka.py with events in Avro: Debezium, an Avro converter, a schema registry, Kafka, firn follow."""
import json
import time

import pytest

from servers.kafka import Broker, Connect
from servers.registry import PLUGINS, Registry
from firn import LOADER_PASSWORD
from test_kafka_forms import FormChain, PLACE, UNWRAP, Writers
from workload import TABLES as WORKLOAD

TABLES = """
CREATE TABLE plain (id int PRIMARY KEY, v text, amount numeric(12,2), at timestamptz, n numeric, f double precision, tags text[], big text);
ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
CREATE TABLE wide (a int, b text, d date, j jsonb, u uuid, y bytea, PRIMARY KEY (b, a));
CREATE TABLE bare (a int, v text);
ALTER TABLE bare REPLICA IDENTITY FULL;
"""


@pytest.fixture(scope="module")
def kafka_connect():
    broker, registry = Broker(), Registry()
    connect = Connect(broker, {"FIRN_TEST_PASSWORD": LOADER_PASSWORD}, PLUGINS)
    connect.broker, connect.registry = broker, registry
    yield connect
    connect.stop()
    registry.stop()
    broker.stop()


@pytest.fixture
def chain(project, new_database, kafka_connect, request):
    made = FormChain(project, new_database, kafka_connect, request.node.name.removeprefix("test_").replace("_", ""))
    yield made
    made.clean()


def use_registry(chain, url=None):
    chain.project.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{chain.broker.port}",
                                schema_registry={"url": url or chain.connect.registry.url})


def register_avro(chain):
    """The connector that firn writes, with converters of its user's choice, which registering keeps."""
    chain.project.run("connector", "--source", chain.name).expect(0)
    document = json.loads((chain.project.folder / "config" / f"debezium_{chain.name}_cdc.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in document["config"].items() if ".converter" not in name}
    chain.connect.request("PUT", f"/connectors/{document['name']}/config", {**config, **chain.connect.registry.converters()})
    chain.register()


def test_every_kind_of_change(chain, duck):
    chain.make(TABLES + "INSERT INTO plain VALUES (1, 'loaded', 1.5, now(), 1e20, 'NaN', '{a}', repeat('x', 9000)); INSERT INTO wide VALUES (1, 'k')")
    use_registry(chain)
    register_avro(chain)
    run = chain.connection.execute
    run("INSERT INTO plain SELECT g, 'v' || g, g / 7.0, now() - g * interval '1 day', g * 1e20, g / 3.0, ARRAY['t' || g, NULL], repeat('y', 5000) FROM generate_series(2, 500) g")
    run("UPDATE plain SET v = 'changed' WHERE id % 7 = 0")           # big stays as it was
    run("UPDATE plain SET id = id + 10000 WHERE id % 100 = 1")       # keys change, big comes along
    run("DELETE FROM plain WHERE id % 11 = 0")
    run("INSERT INTO wide SELECT g, 'k' || g, '2024-02-29', '{\"a\": 1}', gen_random_uuid(), '\\x00ff' FROM generate_series(2, 50) g")
    run("UPDATE wide SET d = NULL, b = b || 'é' WHERE a % 5 = 0")
    run("INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (NULL, NULL)")
    run("DELETE FROM bare WHERE ctid = (SELECT min(ctid) FROM bare)")
    run("ALTER TABLE plain ADD COLUMN later int")
    run("INSERT INTO plain (id, later) VALUES (20000, 7)")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck, ("plain", "wide", "bare"))


def test_the_registry_is_away(chain, duck):
    chain.make(TABLES)
    register_avro(chain)
    chain.connection.execute("INSERT INTO plain (id) VALUES (1)")
    chain.wait()
    use_registry(chain, "http://127.0.0.1:9")
    assert "schema registry" in chain.follow(code=75).err
    use_registry(chain)
    chain.follow()
    chain.assert_equal(duck, ("plain", "wide", "bare"))


def test_flattened_rows(chain, duck):
    """ExtractNewRecordState before the Avro converter, while transactions lie in each other, Debezium sends again and firn is killed."""
    chain.make(WORKLOAD)
    use_registry(chain)
    register_avro(chain)
    chain.set(transforms="unwrap", transforms_unwrap_type=UNWRAP, transforms_unwrap_delete_tombstone_handling_mode="rewrite",
              transforms_unwrap_add_fields=PLACE)
    with Writers(chain, ("TRUNCATE", "UPDATE plain")):
        time.sleep(1)
        process = chain.project.start("follow", "--source", chain.name)
        time.sleep(2)
        process.kill()
        process.communicate()
        chain.restart()
        time.sleep(2)
    chain.connection.execute("UPDATE keyed SET id = -id WHERE id BETWEEN 1 AND 40; ALTER TABLE pair ADD COLUMN more int; UPDATE pair SET more = a, b = b || 'x' WHERE a % 5 = 3")
    chain.assert_followed(duck)
