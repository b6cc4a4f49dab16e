"""From Kafka to the slot itself and back: whatever is written before, between and behind the switches is in the lake once."""
import json
import random
import threading
import time

from conftest import connect
from test_kafka import chain, kafka_connect  # noqa: F401
from workload import NAMES, TABLES, Workload


class WithoutTruncate:
    """Debezium does not say of a TRUNCATE in which order it came to other tables' changes, and a resync waits for it."""

    def __init__(self, connection):
        self.connection = connection

    def execute(self, sql):
        return None if sql.startswith("TRUNCATE") else self.connection.execute(sql)


def way(chain, name):
    chain.project.sources[chain.name]["follow"]["from"] = name
    chain.project.write_config()


def remove_connector(chain):
    chain.connect.request("DELETE", f"/connectors/firn_{chain.name}")
    for _ in range(600):  # Connect waits for a task at work, and PostgreSQL's process for its connection to end
        if chain.connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (f"firn_{chain.name}",)).fetchone()[0] in (False, "f"):
            return
        time.sleep(0.1)
    raise AssertionError("the connector does not let go of the slot")


def test_there_and_back(chain, duck):  # noqa: F811
    """Topics keep what the direct way has overtaken: nothing of it comes again when they are read from their beginning."""
    c = chain.make(TABLES).connection
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    work = Workload(WithoutTruncate(c), seed)
    chain.register()
    work.run(10)
    c.execute("INSERT INTO keyed (id, amount, name) VALUES (-7, 1, 'kafka'), (-8, 1, 'goes'); INSERT INTO plain VALUES ('both', 1)")
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)

    # What is in the topics, and not read from there.
    c.execute("UPDATE keyed SET name = 'unread' WHERE id = -7; DELETE FROM plain WHERE v = 'both'; INSERT INTO plain VALUES ('unread', 1)")
    chain.wait()
    remove_connector(chain)
    c.execute("UPDATE keyed SET name = 'between' WHERE id = -7; DELETE FROM keyed WHERE id = -8; INSERT INTO plain VALUES ('between', 1)")
    way(chain, "postgres")
    refused = chain.follow(code=1)
    assert "FIRN-5045" in refused.err and "--resync" in refused.err
    resynced = chain.follow("--resync")
    assert "resync: 3 tables, 0 stopped" in resynced.err
    chain.assert_equal(duck)
    work.run(10)
    c.execute("UPDATE keyed SET name = 'direct' WHERE id = -7; DELETE FROM plain WHERE v = 'unread'")
    chain.follow()
    assert not chain.property("keyed", "firn.position").startswith("{")
    chain.assert_equal(duck)

    # And back; a transaction is open over the switch.
    slow = connect(chain.project.server, chain.database)
    slow.execute("SET search_path = public; BEGIN; INSERT INTO keyed (id, amount, name) VALUES (-9, 1, 'slow'); INSERT INTO pair VALUES (-9, 'slow', 1)")
    c.execute("INSERT INTO plain VALUES ('last of the direct way', 1)")
    chain.follow()
    c.execute("UPDATE keyed SET amount = 77 WHERE id = -7")
    way(chain, "kafka")
    chain.register()
    slow.execute("COMMIT")
    slow.close()
    work.run(10)
    chain.wait()
    result = chain.follow()
    chain.assert_equal(duck)
    assert chain.property("keyed", "firn.position").startswith("{") and '"since"' in chain.property("keyed", "firn.position")
    assert "not in the lake" not in result.err
    work.run(10)
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)

    # A second time: offsets, orders and snapshots of the first are of no more use.
    remove_connector(chain)
    work.run(5)
    way(chain, "postgres")
    chain.follow("--resync")
    work.run(5)
    chain.follow()
    chain.assert_equal(duck)
    way(chain, "kafka")
    chain.register()
    work.run(5)
    chain.wait()
    chain.follow()
    chain.assert_equal(duck)


def test_what_a_table_without_a_key_has(chain, duck):  # noqa: F811
    """Debezium does not say of the first transaction that it sends what was committed before: one that began while the slot was followed, and one
    that was followed and not confirmed, look the same."""
    c = chain.make(TABLES, follow={"from": "postgres"}).connection
    over = connect(chain.project.server, chain.database)
    said = "SELECT txid_current(), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    sent = []

    def begin(connection, value):
        connection.execute(f"SET search_path = public; BEGIN; INSERT INTO plain VALUES ('{value}', 1)")
        transaction, lsn = (int(x) for x in connection.execute(said).fetchone())
        source = {"connector": "postgresql", "name": f"dev.{chain.name}", "ts_ms": time.time_ns() // 1000000, "snapshot": "false", "schema": "public", "table": "plain",
                  "sequence": json.dumps([None, str(lsn)]), "txId": transaction, "lsn": lsn}
        sent.append(json.dumps({"before": None, "after": {"v": value, "w": 1}, "source": source, "op": "c", "ts_ms": source["ts_ms"] + 5000}))
        time.sleep(0.01)
    begin(c, "direct")
    begin(over, "over")
    c.execute("COMMIT; INSERT INTO plain VALUES ('last', 1)")
    chain.follow()
    over.execute("COMMIT")
    over.close()
    way(chain, "kafka")
    chain.broker.tool("org.apache.kafka.tools.ConsoleProducer", "--topic", f"dev.{chain.name}.public.plain", stdin="\n".join(sent) + "\n")
    chain.follow()
    chain.assert_equal(duck, NAMES)


def test_from_the_slot_while_a_writer_runs(chain, duck):  # noqa: F811
    """Loaded, followed from the slot, then from Kafka, back again: transactions run all the time."""
    chain.make(TABLES, follow={"from": "postgres"})
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    writer = connect(chain.project.server, chain.database)
    writer.execute("SET search_path = public")
    stop, failed = threading.Event(), []

    def write():
        try:
            work = Workload(WithoutTruncate(writer), seed)
            while not stop.is_set():
                work.transaction()
                time.sleep(0.02)
        except Exception as error:  # shown by the test
            failed.append(error)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        chain.follow()
        way(chain, "kafka")
        chain.register()
        time.sleep(2)
        print(chain.follow())
        remove_connector(chain)
        way(chain, "postgres")
        print(chain.follow("--resync"))
        way(chain, "kafka")
        chain.register()
        time.sleep(2)
    finally:
        stop.set()
        thread.join()
        writer.close()
    assert not failed, failed
    chain.wait()
    print(chain.follow())
    chain.assert_equal(duck, NAMES)


def test_a_connector_that_still_reads(chain):  # noqa: F811
    """The resync does not begin: tables stay as they are, and Kafka goes on."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY)").connection
    chain.register()
    c.execute("INSERT INTO t VALUES (1)")
    chain.wait()
    chain.follow()
    way(chain, "postgres")
    refused = chain.follow("--resync", code=75)
    assert "FIRN-2007" in refused.err and "nothing was changed" in refused.err
    assert chain.property("t", "firn.resync") is None
    way(chain, "kafka")
    c.execute("INSERT INTO t VALUES (2)")
    chain.wait()
    chain.follow()
