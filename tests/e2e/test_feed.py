"""The stream of changes: values as in a load, starts that are refused, connections that are lost."""
import json
import pathlib
import signal
import time

import pytest

import feed
from conftest import EDGE_FILES
from servers.postgres import PostgresServer, SUPERUSER

HERE = pathlib.Path(__file__).resolve().parent

TYPES = [
    "t_array", "t_array_text", "t_bit", "t_bytea", "t_composite", "t_date", "t_document", "t_domain", "t_extension", "t_float",
    "t_float_nan", "t_geometric", "t_hstore", "t_integer", "t_ltree", "t_money", "t_network", "t_numeric", "t_numeric_unbounded",
    "t_postgis", "t_range", "t_search", "t_system", "t_text", "t_text_big", "t_text_bounds", "t_time", "t_time_far",
    "t_time_midnight", "t_timestamp", "t_uuid",
]
# Whose binary form is what a load reads.
NATIVE = ["t_bytea", "t_composite", "t_date", "t_float", "t_float_nan", "t_hstore", "t_integer", "t_numeric", "t_numeric_unbounded",
          "t_postgis", "t_text", "t_text_big", "t_text_bounds", "t_time_far", "t_timestamp", "t_uuid"]


@pytest.fixture(scope="module")
def streamed():
    """The edge types as changes: all of them in publication p, the native ones in publication native."""
    with PostgresServer(shared_buffers="64MB") as server:
        server.sql("CREATE PUBLICATION p FOR ALL TABLES")
        server.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        server.sql_file(str(HERE / "edge" / EDGE_FILES[0]))
        end = server.sql("SELECT pg_current_wal_insert_lsn()")
        yield server, end


def copied(server, table):
    """The rows as a load reads them."""
    lines = feed.read(server, "postgres", table, "policy=null", schema="edge", publication="splits=1", program=feed.BATCHES)
    return lines[1:-1]


def by_table(lines):
    rows = {}
    for line in lines:
        name, row = line.split("\t", 1)
        rows.setdefault(name, []).append(row)
    return rows


def test_texts_are_the_values_of_a_load(streamed):
    server, end = streamed
    rows = by_table(feed.read(server, "postgres", "s", f"until={end}", "values=decoded", "policy=null", schema="edge")[:-1])
    for table in TYPES:
        assert sorted(rows[table]) == sorted(copied(server, table)), table


def test_binaries_are_the_values_of_a_load(streamed):
    server, end = streamed
    # A slot sees publications as they were: this one needs a later slot, and the rows once more.
    names = ", ".join(f"edge.{name}" for name in NATIVE)
    server.sql(f"CREATE PUBLICATION native FOR TABLE {names}")
    server.sql("SELECT pg_create_logical_replication_slot('n', 'pgoutput')")
    for name in NATIVE:
        server.sql(f"CREATE TEMP TABLE copy AS SELECT * FROM edge.{name}; TRUNCATE edge.{name}; INSERT INTO edge.{name} SELECT * FROM copy")
    end = server.sql("SELECT pg_current_wal_insert_lsn()")
    raw = feed.read(server, "postgres", "n", f"until={end}", "format=binary", schema="edge", publication="native")
    assert any('{"b": "' in line for line in raw)
    rows = by_table(feed.read(server, "postgres", "n", f"until={end}", "values=decoded", "policy=null", "format=binary",
                              schema="edge", publication="native")[:-1])
    for table in NATIVE:
        assert sorted(rows[table]) == sorted(copied(server, table)), table


# ------------------------------------------------------------------ starts

@pytest.fixture
def shop(server, new_database):
    """A database with a published table t, a slot of its own, and its name."""
    name, connection = new_database("CREATE TABLE t (id int PRIMARY KEY, note text); CREATE PUBLICATION p FOR TABLE t")
    connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
    yield name, connection
    connection.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active", (name,))
    connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (name,))


def end_of(connection):
    return connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()[0]


def confirmed(connection, slot):
    return connection.execute("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchone()[0]


def wait_for(condition, what, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("settings, code, message", [
    (["identity=postgres:1:1"], 1, "FIRN-2010"),
    (["position=FFFFFF/0"], 1, "FIRN-2011"),
    (["position=0/100"], 1, "FIRN-2008"),
    (["table=unpublished"], 66, "FIRN-2012"),
], ids=["other system", "restored backup", "slot is ahead", "table not published"])
def test_what_would_lose_changes_is_refused(server, shop, settings, code, message):
    name, connection = shop
    connection.execute("CREATE TABLE unpublished (id int)")
    said = feed.read(server, name, name, f"until={end_of(connection)}", *settings, code=code)
    assert message in said and "hint: " in said, said


def test_slots_that_are_gone_or_foreign_and_publications_that_are_missing(server, shop):
    name, connection = shop
    connection.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (f"{name}_x",))
    end = end_of(connection)
    try:
        assert "FIRN-2008" in feed.read(server, name, "never_made", f"until={end}", code=1)
        assert "FIRN-2009" in feed.read(server, name, f"{name}_x", f"until={end}", code=64)
        assert "FIRN-2012" in feed.read(server, name, name, f"until={end}", code=66, publication="never_made")
    finally:
        connection.execute("SELECT pg_drop_replication_slot(%s)", (f"{name}_x",))


def test_a_position_of_an_earlier_timeline_and_a_trusted_slot_are_fine(server, shop):
    name, connection = shop
    connection.execute("INSERT INTO t VALUES (1, 'one')")
    system = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0]
    lines = feed.read(server, name, name, f"until={end_of(connection)}", "position=0/100", "trust=1", f"identity=postgres:{system}:1")
    assert "insert t new(1,one)" in feed.items(lines)
    assert "FIRN-2010" in feed.read(server, name, name, "until=0/1", "position=0/100", "trust=1", f"identity=postgres:{system}:2", code=1)


# ------------------------------------------------------------------ while it runs

def test_only_what_is_acknowledged_moves_the_slot(server, shop):
    name, connection = shop
    before = confirmed(connection, name)
    connection.execute("INSERT INTO t VALUES (1, 'one')")
    wanted = ["begin", "relation t d id*,note", "insert t new(1,one)", "commit"]
    for _ in range(2):
        assert feed.items(feed.read(server, name, name, f"until={end_of(connection)}")) == wanted
        assert confirmed(connection, name) == before
    end = end_of(connection)
    feed.read(server, name, name, f"until={end}", "ack=1")
    assert confirmed(connection, name) >= end
    # Other tables only: idle points move it too.
    connection.execute("CREATE TABLE other AS SELECT generate_series(1, 100)")
    end = end_of(connection)
    assert feed.items(feed.read(server, name, name, f"until={end}", "ack=1")) == []
    assert confirmed(connection, name) >= end


def test_keepalives_are_answered_while_the_caller_is_busy(server, shop):
    name, connection = shop
    connection.execute("INSERT INTO t SELECT g, repeat('x', 2000) FROM generate_series(1, 3000) g")
    connection.execute(f"ALTER ROLE {SUPERUSER} IN DATABASE {name} SET wal_sender_timeout = '1s'")
    lines = feed.read(server, name, name, f"until={end_of(connection)}", "pause=10,4000", "queue=100000")
    assert feed.counts(lines)["restarts"] == 0 and feed.counts(lines)["changes"] == 3000


def test_a_lost_connection_gives_each_change_once(server, shop):
    name, connection = shop
    connection.execute("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 2000) g")
    connection.execute("INSERT INTO t VALUES (9001, 'last')")
    process = feed.start(server, name, name, f"until={end_of(connection)}", "pause=500,2000", "queue=50000")
    wait_for(lambda: connection.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active",
                                        (name,)).fetchone(), "a reader of the slot")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert "restart" in kinds and "connecting again" in err
    committed, begun = [], 0
    for kind in kinds:
        if kind in ("begin", "restart"):
            begun = 0
        begun += kind == "insert"
        if kind == "commit":
            committed.append(begun)
    assert committed == [2000, 1]


def test_a_slot_in_use_is_named(server, shop):
    name, connection = shop
    process = feed.start(server, name, name, "until=FFFFFF/0")
    try:
        wait_for(lambda: connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (name,)).fetchone()[0],
                 "a reader of the slot")
        said = feed.read(server, name, name, "until=FFFFFF/0", code=75)
        assert "FIRN-2007" in said and "is being read by process" in said
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_heartbeats_come_as_messages(server, shop):
    name, connection = shop
    process = feed.start(server, name, name, "until=FFFFFF/0", "heartbeat=100", "ack=1")
    try:
        before = confirmed(connection, name)
        wait_for(lambda: confirmed(connection, name) > before, "the slot to move")
    finally:
        process.kill()
        process.communicate()
