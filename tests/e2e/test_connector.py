"""The generated connector is what the real Debezium takes, and is registered with the real Kafka Connect."""
import json
import time

import jsonschema
import pytest

from servers.front import Front
from servers.kafka import Broker, Connect, topic_records
from servers.process import free_port
from firn import LOADER_PASSWORD, ROOT

SCHEMA = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))

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


# ------------------------------------------------------------------ registering

REGISTERED = """
CREATE TABLE plain (id int PRIMARY KEY, v text, d int DEFAULT 7); INSERT INTO plain VALUES (1, 'loaded');
CREATE TABLE other (id int PRIMARY KEY, v text);
"""


class Shop:
    """A source of its own, with its connector's name; the connector and the slot are removed at the end."""

    def __init__(self, project, new_database, connect, name):
        self.project, self.connect, self.name, self.slot = project, connect, name, f"firn_{name}"
        project.database, self.connection = new_database(REGISTERED)
        project.source(name, project.database, "public", kafka_topic_prefix=f"dev.{name}")
        self.url = f"http://127.0.0.1:{connect.port}"

    def load(self):
        self.connection.execute(self.project.run("check", "--source", self.name, "--sql").out)  # the publication: firn's role may not
        self.project.load(self.name)
        return self

    def register(self, *arguments, url=None, **keywords):
        done = self.project.run("connector", "--source", self.name, "--register", url or self.url, "--format", "json", *arguments, **keywords)
        if done.out:
            jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/connector"}).validate(done.json)
        return done

    def checked(self, variable, value):
        """Subject → level, of what firn check says of Kafka Connect."""
        findings = self.project.run("check", "--source", self.name, "--format", "json", env={variable: value}).json["findings"]
        return {found["subject"]: found["level"] for found in findings if found["subject"] in ("kafka connect", "connector")}

    def config(self):
        return self.connect.request("GET", f"/connectors/{self.slot}/config")

    def clean(self):
        if self.slot in self.connect.request("GET", "/connectors"):
            self.connect.request("DELETE", f"/connectors/{self.slot}")
        if self.connection.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (self.slot,)).fetchone():
            _drop_slot(self.connection, self.slot)


@pytest.fixture
def shop(project, new_database, kafka_connect, request):
    made = Shop(project, new_database, kafka_connect, request.node.name.removeprefix("test_register_"))
    yield made
    made.clean()


def test_register_anew(shop, kafka_connect):
    """Created, unchanged, set back; nothing of what was written between load and connector is missing."""
    shop.load()
    shop.connection.execute("INSERT INTO plain VALUES (2, 'between load and connector', NULL)")
    shop.register("--dry-run").expect(0)
    assert shop.slot not in kafka_connect.request("GET", "/connectors")
    made = shop.register().expect(0).json
    assert made["action"] == "created" and made["slot_is_read"] and made["kept"] == []
    assert made["connector"]["state"] == "RUNNING" and [task["state"] for task in made["tasks"]] == ["RUNNING"]
    assert made["plugin_version"].startswith("3.") and made["kafka_cluster_id"]
    records = topic_records(kafka_connect.broker, "dev.anew.public.plain", 1, timeout_s=30)
    assert [json.loads(value)["after"] for _, value in records] == [{"id": 2, "v": "between load and connector", "d": None}]
    same = shop.register().expect(0).json
    assert same["action"] == "unchanged" and same["changes"] == [] and same["slot_is_read"]
    # Somebody changes a setting of ours and adds some of their own.
    config = {**shop.config(), "time.precision.mode": "adaptive", "max.batch.size": "4096", "database.password": LOADER_PASSWORD}
    kafka_connect.request("PUT", f"/connectors/{shop.slot}/config", config)
    planned = shop.register("--dry-run").expect(0).json
    assert planned["action"] == "updated" and planned["dry_run"] and shop.config()["time.precision.mode"] == "adaptive"
    changed = shop.register().expect(0)
    assert changed.json["action"] == "updated" and changed.json["kept"] == ["max.batch.size"]
    assert {change["setting"]: (change["before"], change["after"]) for change in changed.json["changes"]} == {
        "time.precision.mode": ("adaptive", "microseconds"), "database.password": ("***", "${env:FIRN_TEST_PASSWORD}")}
    assert "time.precision.mode" in changed.err and "old form" in changed.err
    assert shop.config()["max.batch.size"] == "4096" and shop.config()["time.precision.mode"] == "microseconds"
    text = shop.project.run("connector", "--source", shop.name, "--register", shop.url).expect(0).out
    assert "unchanged" in text and "max.batch.size" in text and "is being read" in text
    assert "after it was loaded" not in changed.err
    shop.connection.execute(f"ALTER PUBLICATION {shop.slot} DROP TABLE plain")
    shop.connection.execute(f"ALTER PUBLICATION {shop.slot} ADD TABLE plain")
    assert "'plain' was put into the publication after it was loaded" in shop.register().expect(0).err


def test_register_failed(shop, kafka_connect):
    """A task that fails: its trace is shown. One that tries in vain says RUNNING. Mended, the same command starts it again."""
    shop.load()
    shop.register().expect(0)
    kafka_connect.request("PUT", f"/connectors/{shop.slot}/config", {**shop.config(), "producer.override.acks": "banana"})
    failed = shop.register().expect(1)
    assert "FIRN-6026" in failed.err and "banana" in failed.err and "task 0" in failed.err
    assert "banana" in failed.json["tasks"][0]["trace"] and failed.json["kept"] == ["producer.override.acks"]
    config = {**shop.config(), "slot.stream.params": "bogus=1"}
    del config["producer.override.acks"]
    kafka_connect.request("PUT", f"/connectors/{shop.slot}/config", config)
    waited = shop.register("--wait", "4s").expect(75)
    assert "FIRN-6027" in waited.err and "nobody reads" in waited.err
    del config["slot.stream.params"]
    kafka_connect.request("PUT", f"/connectors/{shop.slot}/config", config)
    assert shop.register().expect(0).json["slot_is_read"]
    kafka_connect.request("PUT", f"/connectors/{shop.slot}/stop")
    assert "FIRN-6028" in shop.register().expect(1).err


def test_register_again(shop, kafka_connect):
    """A slot that was made anew: what is lost is said; where all was loaded again, the connector goes on from the new slot."""
    shop.load()
    shop.register().expect(0)
    shop.connection.execute("INSERT INTO plain VALUES (2, 'x')")
    topic_records(kafka_connect.broker, "dev.again.public.plain", 1, timeout_s=30)
    _wait(lambda: kafka_connect.request("GET", f"/connectors/{shop.slot}/offsets")["offsets"])
    kafka_connect.request("DELETE", f"/connectors/{shop.slot}")
    _drop_slot(shop.connection, shop.slot)
    shop.connection.execute("INSERT INTO plain VALUES (3, 'lost')")
    shop.connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (shop.slot,))
    lost = shop.register().expect(1)
    assert "FIRN-2008" in lost.err and "changes are lost" in lost.err
    kafka_connect.request("DELETE", f"/connectors/{shop.slot}")
    shop.project.load(shop.name, "--fresh-start", "--yes")
    shop.connection.execute("INSERT INTO plain VALUES (4, 'after the new load')")
    front = Front(kafka_connect.port)
    stopped = []  # what a worker says of it until it has come to the resume

    def resumed(answer):
        front.answers[("GET", f"/connectors/{shop.slot}/status")] = [lambda _: stopped[-1]] * 2
        return answer

    def noted(answer):
        stopped.append(answer)
        return answer
    front.answers = {("PUT", f"/connectors/{shop.slot}/resume"): [resumed], ("GET", f"/connectors/{shop.slot}/status"): [noted] * 20}
    again = shop.register(url=f"http://127.0.0.1:{front.port}").expect(0).json
    front.stop()
    assert b"STOPPED" in stopped[-1]
    assert again["offset_was_forgotten"] and again["slot_is_read"]
    records = topic_records(kafka_connect.broker, "dev.again.public.plain", 2, timeout_s=30)
    assert [json.loads(value)["after"]["id"] for _, value in records] == [2, 4]


def test_register_refused(shop, kafka_connect):
    """What must not be put: without slot, with a password that the worker has wrong, over somebody else's connector."""
    unloaded = shop.register().expect(66)
    assert "FIRN-6024" in unloaded.err and "load first" in unloaded.err
    shop.load()
    shop.connection.execute("ALTER TABLE other RENAME TO later")  # and one that is not published
    wrong = shop.register(env={"FIRN_TEST_PASSWORD": LOADER_PASSWORD}).expect(0)
    kafka_connect.request("DELETE", f"/connectors/{shop.slot}")
    assert wrong.json["action"] == "created"
    shop.project.sources[shop.name]["database_connection"]["password"] = "${FIRN_OTHER_PASSWORD}"
    shop.project.write_config()
    wrong = shop.register(env={"FIRN_OTHER_PASSWORD": LOADER_PASSWORD}).expect(64)
    assert "FIRN-6023" in wrong.err and "password authentication failed" in wrong.err and "as the worker sees" in wrong.err
    assert wrong.json["refused"][0]["setting"] == "database.hostname" and wrong.json["action"] == "none"
    assert shop.slot not in kafka_connect.request("GET", "/connectors")
    shop.project.sources[shop.name]["database_connection"]["password"] = "${FIRN_TEST_PASSWORD}"
    shop.project.sources[shop.name]["kafka_topic_prefix"] = "mine"
    shop.project.write_config()
    shop.register("--wait", "0s").expect(0)
    shop.project.sources[shop.name]["kafka_topic_prefix"] = "theirs"
    shop.project.write_config()
    other = shop.register().expect(64)
    assert "FIRN-6025" in other.err and shop.config()["topic.prefix"] == "mine"


def test_register_elsewhere(shop, kafka_connect, tmp_path):
    """Logins, workers that are not there, that are none, that lack the plugin, that are busy; a slot that somebody reads."""
    shop.load()
    front = Front(kafka_connect.port, "firn:canary-8d1f-login")
    plain = Connect(kafka_connect.broker, {}, plugins=str(tmp_path))
    shop.project.secrets.add("canary-8d1f-login")
    url = f"http://127.0.0.1:{front.port}"
    try:
        assert "FIRN-6001" in shop.register(url=f"http://127.0.0.1:{free_port()}").expect(75).err
        assert "FIRN-6020" in shop.register(url=f"{shop.url}/no/such").expect(64).err
        assert "FIRN-6004" in shop.register(url=f"http://firn:x@127.0.0.1:{front.port}").expect(64).err
        refused = shop.register(url=url).expect(77)
        assert "FIRN-6002" in refused.err and "FIRN_CONNECT_LOGIN" in refused.err
        assert "FIRN-6002" in shop.register(url=url, env={"FIRN_CONNECT_LOGIN": "firn:wrong-one"}).expect(77).err
        lacking = shop.register(url=f"http://127.0.0.1:{plain.port}").expect(66)
        assert "FIRN-6022" in lacking.err and "PostgresConnector" in lacking.err and "plugin.path" in lacking.err
        reader = shop.project.start("follow", "--source", shop.name)
        try:
            _wait(lambda: shop.connection.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active_pid IS NOT NULL",
                                                  (shop.slot,)).fetchone())
            assert "FIRN-2007" in shop.register().expect(75).err
        finally:
            reader.terminate()
            reader.wait(30)
        assert shop.slot not in kafka_connect.request("GET", "/connectors")
        front.answers[("PUT", f"/connectors/{shop.slot}/config")] = [409, 500, 409]
        busy = shop.register(url=url, env={"FIRN_CONNECT_LOGIN": "firn:canary-8d1f-login"}).expect(0)
        assert busy.json["action"] == "created" and front.seen.count(("PUT", f"/connectors/{shop.slot}/config")) == 4
        # The login of the cluster's settings, for its own address only.
        shop.project.sources[shop.name]["follow"] = {"from": "postgres", "kafka_cluster": "primary"}
        shop.project.write_config()
        (shop.project.folder / "config" / "kafka_clusters.yaml").write_text(json.dumps({"kafka_clusters": {"primary": {
            "bootstrap_servers": "127.0.0.1:1", "connect": {"url": url, "username": "firn", "password": "${CONNECT_PW}"}}}}), encoding="utf-8")
        assert shop.register(url=url, env={"CONNECT_PW": "canary-8d1f-login"}).expect(0).json["action"] == "unchanged"
        assert shop.register(env={"CONNECT_PW": "canary-8d1f-login"}).expect(0).json["action"] == "unchanged"
        # What firn check says of all that.
        shop.project.sources[shop.name]["follow"]["from"] = "kafka"
        shop.project.write_config()
        assert shop.checked("CONNECT_PW", "canary-8d1f-login") == {"kafka connect": "ok", "connector": "ok"}
        assert shop.checked("CONNECT_PW", "wrong-one") == {"kafka connect": "error"}
        kafka_connect.request("PUT", f"/connectors/{shop.slot}/config", {**shop.config(), "decimal.handling.mode": "double"})
        kafka_connect.request("PUT", f"/connectors/{shop.slot}/stop")
        assert shop.checked("CONNECT_PW", "canary-8d1f-login") == {"kafka connect": "ok", "connector": "warning"}
        kafka_connect.request("DELETE", f"/connectors/{shop.slot}")
        assert shop.checked("CONNECT_PW", "canary-8d1f-login") == {"kafka connect": "ok", "connector": "warning"}
    finally:
        front.stop()
        plain.stop()


def _wait(reached, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)


def _drop_slot(connection, name):
    _wait(lambda: connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone()[0] in ("f", False))
    connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
