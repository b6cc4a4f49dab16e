"""Other forms that Debezium's events have in Kafka, from the real connector: flattened rows, several tables in one topic, keys that differ by
table, incremental snapshots. What cannot be applied exactly is refused."""
import os
import random
import re
import threading
import time

import pytest

from conftest import connect
from firn import LOADER
from test_kafka import Chain, kafka_connect  # noqa: F401 (fixture)
from workload import NAMES, TABLES, Workload

UNWRAP = "io.debezium.transforms.ExtractNewRecordState"
PLACE = "op,ts_ms,schema,table,lsn,sequence,txId,source.ts_us"  # as docs/KAFKA.md has it


class FormChain(Chain):
    def set(self, **settings):
        """As the connector's owner has set it up, beside what firn writes. In names, _ stands for a point, __ for _."""
        name = f"firn_{self.name}"
        config = self.connect.request("GET", f"/connectors/{name}/config")
        changed = {"slot.retry.delay.ms": "500"} | {key.replace("__", "\0").replace("_", ".").replace("\0", "_"): value for key, value in settings.items()}
        self.connect.request("PUT", f"/connectors/{name}/config", {**config, **changed})
        for _ in range(5):  # Debezium 3.2.0 may fail where a task begins while the one before it ends
            try:
                return self.connect.wait_running(name)
            except RuntimeError as error:
                if "OpenLineageEmitter not initialized" not in str(error):
                    raise
            self.connect.request("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true", {})
            time.sleep(1)
        raise AssertionError(f"{name} does not run")

    def restart(self):
        """From the offsets that Connect has noted last: what is behind them comes again."""
        self.connect.request("POST", f"/connectors/firn_{self.name}/restart?includeTasks=true", {})

    def assert_followed(self, duck):
        """To the end: nothing was missed on the way, and all is as in the source."""
        self.wait()
        result = self.follow()
        print(result)
        assert "were not in the lake" not in result.err
        self.assert_equal(duck)

    def reason(self, table):
        return self.property(table, "firn.follow-reason") if self.property(table, "firn.follow-state") == "stopped" else None


@pytest.fixture
def chain(project, new_database, kafka_connect, request):  # noqa: F811
    made = FormChain(project, new_database, kafka_connect, request.node.name.removeprefix("test_").replace("_", "")[:20])
    yield made
    made.clean()


# Debezium that is restarted between the two messages of one loses the second: test_a_changed_key_that_debezium_loses.
KEY_CHANGES = ("UPDATE keyed SET id", "UPDATE pair SET v = v * 2, b")


class Writers:
    """Two at a time, whose transactions lie in each other's, without changes of keys; `leaves_out`: more statements, that begin so."""

    def __init__(self, chain, leaves_out=()):
        self.seed = int(os.environ.get("FIRN_TEST_SEED", random.randrange(1 << 30)))
        print(f"FIRN_TEST_SEED={self.seed}")
        self.leaves_out, self.stop, self.failed = KEY_CHANGES + tuple(leaves_out), threading.Event(), []
        self.connections = [connect(chain.project.server, chain.database) for _ in range(2)]
        self.threads = [threading.Thread(target=self.write, args=(connection, self.seed + i)) for i, connection in enumerate(self.connections)]

    def write(self, connection, seed):
        writers = self

        class Filter:
            def execute(self, sql):
                return None if sql.startswith(writers.leaves_out) else connection.execute(sql)
        connection.execute("RESET search_path; SET lock_timeout = '5s'; SET deadlock_timeout = '100ms'")
        work = Workload(Filter(), seed)
        while not self.stop.is_set():
            try:
                work.transaction()
            except Exception as error:  # shown by the test, but for those that two writers make
                if "deadlock" not in str(error) and "lock timeout" not in str(error):
                    self.failed.append(error)
                    return
                connection.execute("ROLLBACK")
            time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread, connection in zip(self.threads, self.connections):
            thread.join()
            connection.close()
        assert not self.failed, self.failed


def test_flattened_rows(chain, duck):
    """ExtractNewRecordState with all that firn needs, in JSON without and with schemas, while transactions lie in each other, Debezium sends again and
    firn is killed. Of tables without a key rows are inserted and deleted."""
    chain.make(TABLES)
    chain.register()
    chain.set(transforms="unwrap", transforms_unwrap_type=UNWRAP, transforms_unwrap_delete_tombstone_handling_mode="rewrite",
              transforms_unwrap_add_fields=PLACE)
    with Writers(chain, ("TRUNCATE", "UPDATE plain")):
        time.sleep(1)
        chain.restart()
        process = chain.project.start("follow", "--source", chain.name)
        time.sleep(2)
        process.kill()
        process.communicate()
        chain.set(transforms_unwrap_delete_tombstone_handling_mode="rewrite-with-tombstone", value_converter_schemas_enable="true",
                  key_converter_schemas_enable="true")
        time.sleep(1)
        print(chain.follow())
        chain.restart()
        time.sleep(1)
    chain.connection.execute("UPDATE keyed SET id = -id WHERE id BETWEEN 1 AND 40; UPDATE pair SET v = v * 2, b = b || 'x' WHERE a % 5 = 3")
    chain.assert_followed(duck)


def test_a_changed_key_that_debezium_loses(chain, duck):
    """Restarted between the delete and the row with the new key, it goes on behind both (3.2.0): that is seen, and the table not taken for whole."""
    chain.make("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 300) g")
    chain.register()
    chain.set(max_batch_size="1", max_queue_size="2", poll_interval_ms="1", offset_flush_interval_ms="5")
    stop, writer = threading.Event(), connect(chain.project.server, chain.database)

    def write():
        while not stop.wait(0.2):
            writer.execute("UPDATE public.t SET id = -id")
    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(6):
        time.sleep(1)
        chain.restart()
    stop.set()
    thread.join()
    writer.close()
    chain.wait()
    result = chain.project.run("follow", "--source", chain.name, "--until-caught-up", timeout=120)
    print(result)
    if result.code:
        assert "the row with the new key does not come behind it" in chain.reason("t"), result.err
    else:
        chain.assert_equal(duck, ("t",))


def test_flattened_rows_that_say_too_little(chain, duck):
    """Each table by its own transform. `few` has the least that is enough for a table with a key."""
    forms = {
        "few": {"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,lsn"},
        "plain": {"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,lsn"},
        "updated": {"delete.tombstone.handling.mode": "rewrite", "add.fields": PLACE},
        "unplaced": {"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,source.ts_ms,table"},
        "unsaid": {"delete.tombstone.handling.mode": "rewrite", "add.fields": "lsn"},
        "tombstones": {"delete.tombstone.handling.mode": "tombstone", "add.fields": PLACE},
        "deletes": {"delete.tombstone.handling.mode": "delete-to-tombstone", "add.fields": PLACE},
        "dropped": {"delete.tombstone.handling.mode": "drop", "add.fields": PLACE},
    }
    reasons = {"plain": "does not tell its whole place", "updated": "does not have the row before it", "unplaced": "__lsn", "unsaid": "__op",
               "tombstones": "__deleted", "deletes": "it is a tombstone", "dropped": "__deleted"}
    settings = {"transforms": ",".join(forms), "predicates": ",".join(forms)}
    for name, form in forms.items():
        settings |= {f"transforms.{name}.type": UNWRAP, f"transforms.{name}.predicate": name,
                     f"predicates.{name}.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
                     f"predicates.{name}.pattern": rf".*\.public\.{name}"}
        settings |= {f"transforms.{name}.{key}": value for key, value in form.items()}
    keyless = ("plain", "updated")
    c = chain.make(";".join(f"CREATE TABLE {name} (id int {'' if name in keyless else 'PRIMARY KEY'}, v int); INSERT INTO {name} VALUES (1, 1), (2, 2), (3, 3)"
                            for name in forms) + ";" + ";".join(f"ALTER TABLE {name} REPLICA IDENTITY FULL" for name in keyless)).connection
    chain.register()
    chain.set(**{key.replace("_", "__").replace(".", "_"): value for key, value in settings.items()})
    other = connect(chain.project.server, chain.database)
    for name in forms:
        c.execute(f"DELETE FROM {name} WHERE id = 1")
        if name == "deletes":
            continue
        other.execute(f"BEGIN; INSERT INTO public.{name} VALUES (4, 4)")  # begins before and commits behind the next one
        c.execute(f"INSERT INTO {name} VALUES (5, 5)")
        other.execute("COMMIT")
        c.execute(f"UPDATE {name} SET v = v + 1 WHERE id = 4")
    other.close()
    chain.wait()
    result = chain.follow(code=1)
    chain.assert_equal(duck, ["few"])
    assert chain.reason("few") is None
    for name, reason in reasons.items():
        assert chain.reason(name).startswith("FIRN-2309") and reason in chain.reason(name), (name, chain.reason(name))
    assert "delete.tombstone.handling.mode=rewrite" in result.err and "add.fields=op" in result.err, result.err


SHARDS = TABLES + """
CREATE TABLE orders_1 (id int PRIMARY KEY, v text);
CREATE TABLE orders_2 (id int, part text, v numeric(10,2), PRIMARY KEY (part, id));
CREATE TABLE orders_3 (v text);
ALTER TABLE orders_3 REPLICA IDENTITY FULL;
INSERT INTO orders_1 SELECT g, 'a' FROM generate_series(1, 100) g;
INSERT INTO orders_2 SELECT g, 'p' || g % 3, g FROM generate_series(1, 100) g;
INSERT INTO orders_3 SELECT 'o' || g FROM generate_series(1, 100) g"""
SHARD_NAMES = NAMES + ("orders_1", "orders_2", "orders_3")


def write_shards(c, number):
    c.execute(f"INSERT INTO orders_1 SELECT g, 'n' FROM generate_series({number * 1000 + 1000}, {number * 1000 + 1050}) g; UPDATE orders_1 SET v = v || '{number}' WHERE id % 3 = 0;"
              f"DELETE FROM orders_1 WHERE id % 7 = {number % 7}; UPDATE orders_1 SET id = -id WHERE id % 10 = {number % 10}")
    c.execute(f"BEGIN; INSERT INTO orders_2 SELECT g, 'n', 1 FROM generate_series({number * 1000 + 1000}, {number * 1000 + 1050}) g; UPDATE orders_2 SET v = v + 1;"
              f"UPDATE orders_2 SET part = part || 'x' WHERE id % 5 = {number % 5}; DELETE FROM orders_1 WHERE id % 11 = 0; COMMIT")
    c.execute(f"INSERT INTO orders_3 SELECT 'o' || g % 9 FROM generate_series(1, 30) g; UPDATE orders_3 SET v = v || 'y' WHERE v = 'o{number % 9}';"
              f"DELETE FROM orders_3 WHERE ctid IN (SELECT ctid FROM orders_3 LIMIT 5)")


def test_several_tables_in_a_topic(chain, duck):
    """By ByLogicalTableRouter, whose topic is named like a table of the schema and has several partitions, and by RegexRouter; schemas change in the
    middle. Firn is killed while it reads, and Debezium sends again."""
    c = chain.make(SHARDS).connection
    chain.broker.topics("--create", "--topic", f"dev.{chain.name}.public.orders_all", "--partitions", "3")
    chain.register()
    chain.set(transforms="orders,rest", transforms_orders_type="io.debezium.transforms.ByLogicalTableRouter",
              transforms_orders_topic_regex=r"(.*)\.orders_[12]", transforms_orders_topic_replacement="$1.orders_all",
              transforms_rest_type="org.apache.kafka.connect.transforms.RegexRouter",
              transforms_rest_regex=r"(.*)\.public\.(keyed|pair|plain|orders_3)", transforms_rest_replacement="$1.rest")
    process = None
    with Writers(chain):
        for number in range(5):
            write_shards(c, number)
            if number == 1:
                process = chain.project.start("follow", "--source", chain.name)
            time.sleep(0.7)
            if number == 2:
                chain.restart()
            if number == 3:
                c.execute("ALTER TABLE orders_2 ADD COLUMN more int; ALTER TABLE orders_1 ADD COLUMN more text")
            if number == 4:
                process.kill()
                print(process.communicate()[1])
    chain.wait()
    result = chain.follow()
    print(result, [line for line in chain.broker.tool("org.apache.kafka.tools.GetOffsetShell").split() if chain.name in line])
    chain.assert_equal(duck, SHARD_NAMES)
    assert "were not in the lake" not in result.err
    assert f"dev.{chain.name}.public.orders_all" in chain.property("orders_1", "firn.position")
    before = [chain.table(name).metadata.current_snapshot_id for name in SHARD_NAMES]
    chain.follow()
    assert before == [chain.table(name).metadata.current_snapshot_id for name in SHARD_NAMES], "a run that found nothing committed something"


def test_a_topic_of_another_table(chain, duck):
    """Changes in the topic of a table that is followed are refused: what that table has read could be passed over for the others."""
    c = chain.make("CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY)").connection
    chain.register()
    chain.set(transforms="route", transforms_route_type="org.apache.kafka.connect.transforms.RegexRouter",
              transforms_route_regex=r"(.*)\.two", transforms_route_replacement="$1.one")
    c.execute("INSERT INTO one VALUES (1); INSERT INTO two VALUES (2)")
    chain.wait()
    assert "FIRN-2310" in chain.follow(code=69).err


def signal(c, number, kind, data):
    c.execute("INSERT INTO signals VALUES (%s, %s, %s)", (f"s{number}", kind, data))


def test_incremental_snapshot(chain, duck):
    """Asked for by the signal table while writers run: also of a table that nobody has loaded. Heartbeats and transaction metadata are in topics under
    the prefix, and Debezium is started again in the middle."""
    c = chain.make(TABLES + "CREATE TABLE signals (id text PRIMARY KEY, type text, data text)").connection
    chain.register()
    c.execute(f"GRANT INSERT ON signals TO {LOADER}; CREATE TABLE late (a int, b text, v text, PRIMARY KEY (a, b));"
              "INSERT INTO late SELECT g, 'b' || g % 7, repeat('b', 400) FROM generate_series(1, 500) g; UPDATE late SET b = b || 'u' WHERE a % 3 = 0;"
              f"GRANT SELECT ON late TO {LOADER}; ALTER PUBLICATION firn_{chain.name} ADD TABLE late")
    chain.register()
    chain.set(signal_data_collection="public.signals", incremental_snapshot_chunk_size="256", topic_transaction="marks",
              topic_heartbeat_prefix=f"dev.{chain.name}.beat", heartbeat_interval_ms="300")
    process = chain.project.start("follow", "--source", chain.name)
    with Writers(chain):
        signal(c, 1, "execute-snapshot", '{"type": "incremental", "data-collections": ["public.late", "public.keyed", "public.pair"]}')
        for number in range(8):
            c.execute(f"UPDATE late SET b = b || 'x' WHERE a % 9 = {number}; INSERT INTO late VALUES ({1000 + number}, 'n', 'new'); DELETE FROM late WHERE a % 50 = {number}")
            time.sleep(0.5)
            if number == 3:
                chain.restart()
            if number == 5:
                process.kill()
                print(process.communicate()[1])
    for _ in range(300):  # the connector's offsets say how far a snapshot is that has not ended
        chain.wait()
        if not any("snapshot" in key for key in chain.connect.request("GET", f"/connectors/firn_{chain.name}/offsets")["offsets"][0]["offset"]):
            break
        time.sleep(0.2)
    else:
        raise AssertionError("the incremental snapshot does not end")
    result = chain.follow()
    print(result)
    assert not re.search(r"[1-9]\d* inserted rows were there already", result.err), "rows that a snapshot has read may be there"
    topics = [line for line in chain.broker.topics("--list").split() if chain.name in line]
    assert f"dev.{chain.name}.marks" in topics and f"dev.{chain.name}.beat.dev.{chain.name}" in topics, topics
    chain.assert_equal(duck, NAMES + ("late",))
