"""PostgreSQL → Debezium in Kafka Connect → Kafka → firn follow: the lake equals the source, whatever happens on the way."""
import json
import os
import random
import re
import threading
import time

import pytest

import expected
from conftest import connect
from judges import assert_equal, read_pyiceberg
from servers.kafka import Broker, Connect, topic_records
from firn import LOADER_PASSWORD
from test_follow import CRASH_BINARY
from workload import NAMES, TABLES, Workload

CRASH_POINTS = ("data.after-footer", "commit.before-send", "commit.after-response", "index.after-update", "ack.after-send")


@pytest.fixture(scope="module")
def kafka_connect():
    broker = Broker()
    connect = Connect(broker, {"FIRN_TEST_PASSWORD": LOADER_PASSWORD})
    connect.broker = broker
    yield connect
    connect.stop()
    broker.stop()


class Chain:
    """A source with its connector; both go at the end."""

    def __init__(self, project, new_database, connect, name):
        self.project, self.connect, self.broker, self.name = project, connect, connect.broker, name
        self.new_database = new_database

    def make(self, sql, follow=None, load=True, **settings):
        self.database, self.connection = self.new_database(sql)
        self.project.connection = self.connection
        self.project.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{self.broker.port}")
        self.project.source(self.name, self.database, "public", kafka_topic_prefix=f"dev.{self.name}",
                            follow={"from": "kafka", "commit_interval": "100ms", **(follow or {})}, **settings)
        self.connection.execute(self.project.run("check", "--source", self.name, "--sql").out)
        if load:
            self.project.load(self.name)
        return self

    def register(self):
        self.project.run("connector", "--source", self.name, "--register", f"http://127.0.0.1:{self.connect.port}").expect(0)

    def wait(self):
        """Until all that the source has committed is in Kafka: Connect notes offsets of what the broker has acknowledged."""
        end = int(self.connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()[0])
        seen = None
        for attempt in range(900):  # a task that was restarted may find its slot still taken: Debezium asks again each ten seconds
            if attempt % 50 == 49 and any(task["state"] == "FAILED" for task in self.connect.request("GET", f"/connectors/firn_{self.name}/status")["tasks"]):
                self.connect.request("POST", f"/connectors/firn_{self.name}/restart?includeTasks=true&onlyFailed=true", {})
            self.connection.execute("SELECT pg_logical_emit_message(false, 'firn-test', '')")
            offsets = self.connect.request("GET", f"/connectors/firn_{self.name}/offsets")["offsets"]
            if offsets and offsets[0]["offset"].get("lsn", 0) >= end:
                return
            if attempt % 200 == 199:  # or it may say RUNNING and read nothing, for good
                if seen == offsets:
                    self.connect.request("POST", f"/connectors/firn_{self.name}/restart?includeTasks=true", {})
                seen = offsets
            time.sleep(0.2)
        raise AssertionError(f"Debezium does not come to the end of the source's log: {offsets}")

    def follow(self, *arguments, code=0, **keywords):
        return self.project.run("follow", "--source", self.name, "--until-caught-up", *arguments, timeout=120, **keywords).expect(code)

    def table(self, name):
        return self.project.lake.static_table(f"bronze.{self.name}", name)

    def property(self, table, name):
        return self.table(table).metadata.properties.get(name)

    def assert_equal(self, duck, names=NAMES):
        for name in names:
            source = expected.read(self.connection, "public", name)
            assert_equal(source, read_pyiceberg(self.project.lake, f"bronze.{self.name}", name), "PyIceberg")
            assert_equal(source, duck.read(self.project.lake, f"bronze.{self.name}", name), "DuckDB")

    def clean(self):
        slot = f"firn_{self.name}"
        if slot in self.connect.request("GET", "/connectors"):
            self.connect.request("DELETE", f"/connectors/{slot}")
        for _ in range(600):  # its task may be at work
            row = self.connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()
            if not row:
                return
            if row[0] in (False, "f"):
                self.connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
                return
            time.sleep(0.1)


@pytest.fixture
def chain(project, new_database, kafka_connect, request):
    made = Chain(project, new_database, kafka_connect, request.node.name.removeprefix("test_").replace("_", "")[:20])
    yield made
    made.clean()


def produce(chain, topic, lines):
    """Records as key TAB value, by Kafka's own console producer."""
    chain.broker.tool("org.apache.kafka.tools.ConsoleProducer", "--topic", topic, "--property", "parse.key=true", stdin="\n".join(lines) + "\n")


def test_the_whole_chain_while_writers_run(chain, duck):
    """Load with a slot, connector, follow: no gap and no duplicate although transactions run all the time, also across the load."""
    chain.make(TABLES, load=False)
    seed = int(os.environ.get("FIRN_TEST_SEED", random.randrange(1 << 30)))
    print(f"FIRN_TEST_SEED={seed}")
    stop, failed = threading.Event(), []
    writer, slow = (connect(chain.project.server, chain.database) for _ in range(2))
    for connection in (writer, slow):
        connection.execute("RESET search_path")

    class WithoutTruncate:
        """A load and a TRUNCATE of the same table wait for each other."""

        def execute(self, sql):
            return None if sql.startswith("TRUNCATE") else writer.execute(sql)

    def write():
        try:
            work = Workload(WithoutTruncate(), seed)
            while not stop.is_set():
                work.transaction()
                time.sleep(0.005)
        except Exception as error:  # shown by the test
            failed.append(error)
    # One that began before the load and commits behind it.
    slow.execute("BEGIN; INSERT INTO plain VALUES ('slow', 1); UPDATE keyed SET name = 'slow' WHERE id BETWEEN 1900 AND 1950")
    slow_end = threading.Timer(3, lambda: slow.execute("COMMIT"))
    thread = threading.Thread(target=write)
    thread.start()
    slow_end.start()
    try:
        chain.project.load(chain.name)
        chain.register()
        print(chain.follow())
        process = chain.project.start("follow", "--source", chain.name)
        time.sleep(4)
        process.kill()
        print(process.communicate()[1])
        for point in random.Random(seed).sample(CRASH_POINTS, 3):
            import subprocess
            killed = subprocess.run([CRASH_BINARY, "follow", "--source", chain.name, "--until-caught-up"], cwd=chain.project.folder,
                                    env=chain.project.full_environment({"FIRN_CRASH_POINT": point}), capture_output=True, text=True, timeout=120)
            print(point, killed.returncode, killed.stderr)
            assert killed.returncode in (0, -9), killed.stderr
    finally:
        stop.set()
        thread.join()
        slow_end.join()
    assert not failed, failed
    chain.wait()
    result = chain.follow()
    print(result, [line for line in chain.broker.tool("org.apache.kafka.tools.GetOffsetShell").split() if chain.name in line])
    chain.assert_equal(duck)
    assert "were not in the lake" not in result.err
    position = json.loads(chain.property("keyed", "firn.position"))
    assert position["kafka"] and f"dev.{chain.name}.public.keyed" in position["topics"]
    writer.close()
    slow.close()


def test_every_kind_of_change(chain, duck):
    c = chain.make(TABLES).connection
    chain.register()
    c.execute("UPDATE keyed SET name = 'new' WHERE id % 7 = 0; DELETE FROM keyed WHERE id % 11 = 0")
    c.execute("UPDATE keyed SET id = id + 100000 WHERE id < 50; UPDATE pair SET b = b || 'z' WHERE a % 2 = 0")
    c.execute("DELETE FROM plain WHERE ctid IN (SELECT ctid FROM plain WHERE w = 3 LIMIT 20); UPDATE plain SET w = w + 1 WHERE w = 1")
    c.execute("INSERT INTO plain VALUES ('q', 1), ('q', 1), (NULL, NULL)")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)
    c.execute("UPDATE keyed SET amount = amount + 1; BEGIN; TRUNCATE plain; INSERT INTO plain VALUES ('after', 1); COMMIT; TRUNCATE pair")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)
    before = [chain.table(name).metadata.current_snapshot_id for name in NAMES]
    chain.follow()
    assert before == [chain.table(name).metadata.current_snapshot_id for name in NAMES], "a run that found nothing committed something"
    c.execute("ALTER TABLE keyed ADD COLUMN more int; INSERT INTO keyed (id, amount, more) VALUES (-1, 1, 5); ALTER TABLE keyed ALTER more TYPE bigint;"
              "INSERT INTO keyed (id, amount, more) VALUES (-2, 1, 5000000000)")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)


def test_debezium_sends_again(chain, duck, kafka_connect):
    """A connector whose offsets are lost begins at the slot's confirmed place, and one that is killed at its last noted offset."""
    c = chain.make(TABLES).connection
    chain.register()
    for round_number in range(3):
        c.execute(f"INSERT INTO plain SELECT 'r{round_number}', g % 3 FROM generate_series(1, 500) g; UPDATE keyed SET amount = amount + 1")
        time.sleep(0.5)
        kafka_connect.request("POST", f"/connectors/firn_{chain.name}/restart?includeTasks=true", {})
        chain.follow()
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)


def test_topic_between_two_runs(chain, duck):
    """The group takes the second run for the first one, and gives it the topics that there were then."""
    c = chain.make("CREATE TABLE first (id int PRIMARY KEY); CREATE TABLE second (id int PRIMARY KEY)").connection
    chain.register()
    c.execute("INSERT INTO first VALUES (1)")
    chain.wait()
    chain.follow()
    c.execute("INSERT INTO second VALUES (1)")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck, ("first", "second"))


def test_a_changed_key_in_two_parts(chain, duck):
    """The delete is there, and what has the new key is not: it is waited for; a connector that died in between sends both again."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY, big text NOT NULL); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
                   "INSERT INTO t SELECT g, repeat(md5(g::text), 200) FROM generate_series(1, 9) g").connection
    chain.register()
    c.execute("UPDATE t SET id = 101 WHERE id = 1")
    c.execute("UPDATE t SET id = 102 WHERE id = 2")
    chain.wait()
    topic = f"dev.{chain.name}.public.t"
    said = chain.broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", "3",
                             "--timeout-ms", "20000", "--property", "print.headers=true", "--property", "print.value=false")
    assert ["newkey" in line for line in said.splitlines()[:3]] == [True, True, False], said
    records = topic_records(chain.broker, topic, 6)
    chain.broker.topics("--delete", "--topic", topic)
    for _ in range(50):
        try:
            chain.broker.topics("--create", "--topic", topic)
            break
        except RuntimeError:
            time.sleep(0.2)

    def send(*numbers):
        lines = [f"{'__debezium.newkey:x' if n % 3 == 0 else 'a:b'}\t{records[n][0]}\t{'NULL' if n % 3 == 1 else records[n][1]}" for n in numbers]
        chain.broker.tool("org.apache.kafka.tools.ConsoleProducer", "--topic", topic, "--property", "parse.key=true", "--property", "parse.headers=true",
                          "--property", "null.marker=NULL", stdin="\n".join(lines) + "\n")
    send(0)
    process = chain.project.start("follow", "--source", chain.name)
    time.sleep(3)
    send(1, 2, 3)
    time.sleep(2)
    send(0, 1, 2, 3, 4, 5)
    time.sleep(1)
    process.terminate()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0, err
    chain.follow()
    chain.assert_equal(duck, ["t"])


def test_topic_that_was_made_anew(chain):
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").connection
    chain.register()
    c.execute("INSERT INTO t VALUES (2)")
    chain.wait()
    chain.follow()
    topic = f"dev.{chain.name}.public.t"
    before = chain.property("t", "firn.position")
    chain.broker.topics("--delete", "--topic", topic)
    time.sleep(1)
    c.execute("INSERT INTO t VALUES (3), (4), (5)")
    chain.wait()
    result = chain.follow(code=1)
    assert "FIRN-2307" in result.err and topic in result.err and "again" in result.err
    assert chain.property("t", "firn.position") == before
    # Loaded again, it goes on.
    chain.project.load(chain.name, "--no-resume")
    chain.follow()
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "t").num_rows == 5


def test_messages_that_expired(chain):
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)").connection
    chain.register()
    c.execute("INSERT INTO t VALUES (2)")
    chain.wait()
    chain.follow()
    c.execute("INSERT INTO t SELECT generate_series(3, 10)")
    chain.wait()
    topic = f"dev.{chain.name}.public.t"
    offsets = json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 5}], "version": 1})
    path = chain.project.folder / "offsets.json"
    path.write_text(offsets)
    chain.broker.tool("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", str(path))
    result = chain.follow(code=1)
    assert "FIRN-2306" in result.err and topic in result.err and "retention" in result.err
    chain.project.load(chain.name, "--no-resume")
    chain.follow()
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "t").num_rows == 9


def test_message_that_is_none(chain, duck):
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)").connection
    chain.register()
    c.execute("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)")
    chain.wait()
    topic = f"dev.{chain.name}.public.t"
    produce(chain, topic, ['{"id":1}\tnot an event'])
    c.execute("INSERT INTO t VALUES (2); INSERT INTO u VALUES (2)")
    chain.wait()
    result = chain.follow(code=1)
    assert topic in result.err and "offset 1" in result.err and "dead_letter_topic" in result.err
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "u").num_rows == 2
    assert chain.property("t", "firn.follow-state") == "stopped" and chain.property("t", "firn.follow-reason").startswith("FIRN-2309")


def test_message_that_is_kept_aside(chain, duck):
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY)", follow={"dead_letter_topic": "rejected"}).connection
    chain.register()
    c.execute("INSERT INTO t VALUES (1)")
    chain.wait()
    produce(chain, f"dev.{chain.name}.public.t", ['{"id":1}\tnot an event'])
    c.execute("INSERT INTO t VALUES (2)")
    chain.wait()
    result = chain.follow()
    assert "rejected" in result.err
    chain.assert_equal(duck, ["t"])
    kept = chain.broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "rejected", "--from-beginning", "--max-messages", "1",
                             "--timeout-ms", "20000", "--property", "print.key=true", "--property", "print.headers=true")
    assert "not an event" in kept and "firn.offset:1" in kept


BAD_VALUES = "CREATE TABLE t (id int PRIMARY KEY, n numeric(10,2), big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;" \
             "CREATE TABLE w (id int, n numeric(10,2)); ALTER TABLE w REPLICA IDENTITY FULL"


def write_bad_values(c):
    """What numeric(10,2) can hold and decimal(10,2) cannot."""
    c.execute("INSERT INTO t SELECT g, g, repeat('b', 9000) FROM generate_series(1, 6) g; INSERT INTO w VALUES (1, 1), (2, 2)")
    c.execute("INSERT INTO t VALUES (7, 'NaN', 'x')")
    c.execute("UPDATE t SET n = 'NaN' WHERE id = 2; UPDATE t SET id = 30, n = 'NaN' WHERE id = 3; UPDATE t SET id = 40 WHERE id = 4")
    c.execute("INSERT INTO w VALUES (3, 'NaN'); UPDATE w SET n = 20 WHERE id = 2")
    c.execute("INSERT INTO t VALUES (8, 8, 'x')")


def test_bad_values_go_aside(chain, duck):
    """Each message by itself, as if it had not come; of a changed key the delete stands."""
    c = chain.make(BAD_VALUES, follow={"dead_letter_topic": "no-decimals"}).connection
    chain.register()
    write_bad_values(c)
    chain.wait()
    result = chain.follow()
    assert result.err.count("went to topic 'no-decimals'") == 4, result.err
    rows = read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "t").sort_by("id").to_pylist()
    assert [(row["id"], row["n"]) for row in rows] == [(1, 1), (2, 2), (5, 5), (6, 6), (8, 8), (40, 4)]
    assert sorted((row["id"], row["n"]) for row in read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "w").to_pylist()) == [(1, 1), (2, 20)]
    kept = chain.broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "no-decimals", "--from-beginning", "--max-messages", "4",
                             "--timeout-ms", "20000", "--property", "print.key=true", "--property", "print.headers=true")
    assert kept.count("firn.reason:value NAN in column 'n'") == 4 and kept.count(f"firn.topic:dev.{chain.name}.public.t") == 3 and "firn.offset:6" in kept, kept
    # Brought back to what fits, all is equal again; what an update leaves out of a row that was kept aside, nobody has (reselect: would read it).
    c.execute("UPDATE t SET n = 0, big = 'new' WHERE n = 'NaN'; DELETE FROM w WHERE id = 3")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck, ["t"])


def test_bad_values_stop_their_table(chain):
    c = chain.make(BAD_VALUES).connection
    chain.register()
    write_bad_values(c)
    chain.wait()
    result = chain.follow(code=1)
    for name in "tw":
        reason = chain.property(name, "firn.follow-reason")
        assert re.match(rf"FIRN-2101 offset \d+ of topic 'dev\.{chain.name}\.public\.{name}', partition 0: value NAN in column 'n'", reason), reason
    assert result.err.count("is not followed any more") >= 2


def test_another_placeholder(chain, duck):
    """Unchanged TOAST under another connector's placeholder, in all forms that it takes."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY, v int, big text, us uuid[], ts text[], ns int[], bytes bytea);"
                   "ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER us SET STORAGE EXTERNAL, ALTER ts SET STORAGE EXTERNAL, ALTER ns SET STORAGE EXTERNAL,"
                   "ALTER bytes SET STORAGE EXTERNAL;"
                   "INSERT INTO t SELECT g, 1, repeat('x', 9000), array_agg(gen_random_uuid()), array_agg(repeat('t', 9)), array_agg(i), decode(repeat('ab', 9000), 'hex')"
                   " FROM generate_series(1, 3) g, generate_series(1, 2000) i GROUP BY g", follow={"debezium": {"placeholder": "__toasted__"}}).connection
    chain.register()
    name = f"firn_{chain.name}"
    config = chain.connect.request("GET", f"/connectors/{name}/config")
    chain.connect.request("PUT", f"/connectors/{name}/config", {**config, "unavailable.value.placeholder": "__toasted__"})
    chain.connect.wait_running(name)
    c.execute("UPDATE t SET v = 2")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck, ["t"])


def test_tables_that_nobody_loaded(chain, duck):
    """Made of their events: the key is the events' key; without one the first column, with a warning."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2)); CREATE TABLE later (a int, b int, v text, PRIMARY KEY (a, b))").connection
    chain.register()
    c.execute("INSERT INTO t VALUES (1, 'a', 1.50)")
    publication = f"ALTER PUBLICATION firn_{chain.name} ADD TABLE"
    c.execute(f"CREATE TABLE fresh (x int PRIMARY KEY, y timestamptz, z numeric(12,3)); CREATE TABLE loose (x int, y text); ALTER TABLE loose REPLICA IDENTITY FULL;"
              f"{publication} fresh; {publication} loose")
    chain.register()
    c.execute("INSERT INTO fresh VALUES (1, now(), 1.125), (2, NULL, -7); UPDATE fresh SET z = 3 WHERE x = 1; INSERT INTO loose VALUES (1, 'a'), (2, 'b')")
    chain.wait()
    result = chain.follow()
    chain.assert_equal(duck, ["t", "fresh"])
    assert [f.name for f in chain.table("fresh").schema().fields if f.field_id in chain.table("fresh").schema().identifier_field_ids] == ["x"]
    chain.assert_equal(duck, ["loose"])
    del result


def test_what_others_see(chain):
    """The group has the offsets, /metrics and /api/status the lag."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY)").connection
    chain.register()
    c.execute("INSERT INTO t SELECT generate_series(1, 100)")
    chain.wait()
    chain.follow()
    group = chain.broker.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--group", f"firn-{chain.name}")
    assert any(f"dev.{chain.name}.public.t" in line and " 100 " in line for line in group.splitlines()), group


def test_check_looks_at_the_cluster(chain):
    """Brokers answer, and are those that Connect writes to."""
    chain.make("CREATE TABLE t (id int PRIMARY KEY)")
    chain.register()
    url = f"http://127.0.0.1:{chain.connect.port}"

    def findings():
        result = chain.project.run("check", "--source", chain.name, "--format", "json")
        return [found for found in json.loads(result.out)["findings"] if found["subject"] in ("kafka", "kafka connect", "connector")]

    for kafka in (True, False):
        chain.project.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{chain.broker.port if kafka else 1}", connect={"url": url})
        chain.project.sources[chain.name]["follow"]["kafka_cluster"] = "primary"
        chain.project.write_config()
        found = findings()
        assert [f["level"] for f in found if f["subject"] == "kafka"] == ["ok" if kafka else "error"], found
        assert [f["level"] for f in found if f["subject"] == "connector"] == ["ok"], found
    other = Broker()
    try:
        chain.project.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{other.port}", connect={"url": url})
        found = [f for f in findings() if f["subject"] == "kafka"]
        assert [f["level"] for f in found] == ["ok", "error"] and "would never come" in found[1]["text"], found
    finally:
        other.stop()
