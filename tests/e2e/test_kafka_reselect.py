"""Values that Debezium loses, read again from the source: in the end the lake equals the source, column by column."""
import json
import pathlib
import re
import subprocess
import threading
import time
import urllib.request

import pytest

import expected
from conftest import connect
from expected import Kind, Settings
from firn import LOADER, LOADER_PASSWORD
from judges import assert_equal, read_pyiceberg
from servers.postgres import PostgresServer
from servers.process import free_port
from test_kafka import Chain, kafka_connect  # noqa: F401 (fixture)

# Unbounded numerics are texts, so that NaN and infinities can be told; infinite dates follow the policy.
LOSSY = """CREATE TABLE lossy (a int, b text, n numeric, m numeric(10,2), ns numeric[], day date, at timestamp, zoned timestamptz,
    clock timetz, bits bit varying(20), grid int[][], flat int[], texts text[][], money money, kept text, PRIMARY KEY (a, b));
    ALTER TABLE lossy ALTER kept SET STORAGE EXTERNAL"""
ROWS = """INSERT INTO lossy VALUES
    (1, 'x''y\\', 'NaN', 1.5, '{1,NaN}', 'infinity', 'infinity', '-infinity', '10:00+05', B'101', '{{1,2},{3,4}}', '{NULL}', '{{a,b}}', 12.5, repeat('k', 5000)),
    (2, 'ä€', 'Infinity', NULL, '{NULL}', '-infinity', '-infinity', 'infinity', '23:59:59.123456-11:30', B'', '{}', '{1,NULL}', '{{NULL},{NULL}}', -1, 'small'),
    (3, '', NULL, 7, NULL, NULL, '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00.123456+02', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, E'tab\\there', '-Infinity', -0.01, '{}', '0044-03-15 BC', '4713-01-01 BC', '290000-01-01', '00:00+00', B'1', '{{{7}}}', '{}', '{}', 0, repeat('z', 9000))"""
MODES = {
    "firn": ({}, {}),
    "precise": ({"decimal.handling.mode": "precise", "time.precision.mode": "adaptive", "value.converter.schemas.enable": "true"},
                {"decimals": "precise", "times": "adaptive"}),
    "double": ({"decimal.handling.mode": "double", "time.precision.mode": "connect", "interval.handling.mode": "numeric"},
               {"decimals": "double", "times": "connect", "intervals": "numeric"}),
}
SETTINGS = Settings(unbounded=Kind("string"))


@pytest.fixture
def chain(project, new_database, kafka_connect, request):  # noqa: F811
    name = re.sub(r"[^a-z]", "", request.node.name.removeprefix("test_"))[:24]
    made = Chain(project, new_database, kafka_connect, name)
    yield made
    made.clean()


def register_with(chain, changed):
    """As somebody else has set the connector up."""
    chain.register()
    if not changed:
        return
    name = f"firn_{chain.name}"
    config = chain.connect.request("GET", f"/connectors/{name}/config")
    chain.connect.request("PUT", f"/connectors/{name}/config", {**config, **changed})
    chain.connect.wait_running(name)


def same(chain, duck, name="lossy", **keywords):
    source = expected.read(chain.connection, "public", name, SETTINGS, **keywords)
    assert_equal(source, read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", name), "PyIceberg")
    assert_equal(source, duck.read(chain.project.lake, f"bronze.{chain.name}", name), "DuckDB")


def assert_alike(ours, loaded):
    order = [("a", "ascending"), ("b", "ascending")]
    ours, loaded = ours.sort_by(order), loaded.sort_by(order)
    assert ours.column_names == loaded.column_names
    for name in ours.column_names:
        assert ours[name].equals(loaded[name]), f"{name}: {ours[name]} {loaded[name]}"


@pytest.mark.parametrize("mode", MODES)
def test_equal_in_every_mode(chain, duck, mode):
    connector, modes = MODES[mode]
    tables = {"lossy": {"types": {"at": "null", "zoned": "null", "day": "null"}}}
    follow = {"reselect": True, **({"debezium": modes} if modes else {})}
    c = chain.make(LOSSY, follow=follow, types={"unbounded_numeric": "string"}, tables=tables).connection
    register_with(chain, connector)
    c.execute(ROWS)
    chain.wait()
    result = chain.follow("--log-level", "debug")
    assert "read again from the source" in result.err, result.err
    loaded = chain.project
    rows = read_pyiceberg(loaded.lake, f"bronze.{chain.name}", "lossy")
    assert rows.num_rows == 4
    # What a load makes of the same rows.
    loaded.source("again", chain.database, "public", types={"unbounded_numeric": "string"}, tables=tables)
    loaded.load("again")
    assert_alike(rows, read_pyiceberg(loaded.lake, "bronze.again", "lossy"))
    c.execute("UPDATE lossy SET clock = '01:02:03-04', grid = '{{9}}', n = 'NaN', m = m + 1 WHERE a IN (1, 3); UPDATE lossy SET ns = '{NaN}' WHERE a = 2;"
              "UPDATE lossy SET b = 'other' WHERE a = 4; DELETE FROM lossy WHERE a = 3")
    chain.wait()
    chain.follow()
    loaded.load("again", "--no-resume")
    assert_alike(read_pyiceberg(loaded.lake, f"bronze.{chain.name}", "lossy"), read_pyiceberg(loaded.lake, "bronze.again", "lossy"))


def test_rows_that_change_or_go_in_between(chain, duck):
    """Each event is applied by itself, while the source is already at the end: rows that are gone by then are left out."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY, c timetz NOT NULL, big text, v int); ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
                   follow={"reselect": True, "batch_size": 1}).connection
    chain.register()
    for sql in ("INSERT INTO t VALUES (1, '10:00+05', repeat('a', 9000), 1), (2, '10:00+05', repeat('b', 9000), 1), (3, '10:00+05', repeat('c', 9000), 1)",
                "UPDATE t SET v = 2", "UPDATE t SET id = 20 WHERE id = 2", "UPDATE t SET v = 3 WHERE id = 20", "UPDATE t SET c = '11:00-03'",
                "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (1, '12:00+01', 'new', 9)", "UPDATE t SET id = 30 WHERE id = 3", "DELETE FROM t WHERE id = 30",
                "INSERT INTO t VALUES (4, '12:00+01', 'gone', 9)", "UPDATE t SET v = v + 1 WHERE id = 4", "TRUNCATE t", "INSERT INTO t VALUES (5, '12:00+01', repeat('e', 9000), 9)",
                "INSERT INTO t VALUES (1, '09:00+09', repeat('f', 9000), 1)", "UPDATE t SET v = 7", "UPDATE t SET id = 50 WHERE id = 5", "UPDATE t SET v = 8"):
        c.execute(sql)
    chain.wait()
    result = chain.follow("--log-level", "debug")
    assert re.search(r"[1-9][0-9]* of them are gone there", result.err), result.err
    assert "were not in the lake" not in result.err
    assert chain.table("t").metadata.current_snapshot() and len(chain.table("t").metadata.snapshots) > 5
    same(chain, duck, "t")


def test_source_that_cannot_be_asked(chain, duck):
    """The policy decides: null and counted, or the table stops and says why."""
    c = chain.make("CREATE TABLE nullable (id int PRIMARY KEY, c timetz); CREATE TABLE strict (id int PRIMARY KEY, c timetz)", follow={"reselect": True},
                   tables={"nullable": {"types": {"c": "null"}}}).connection
    register_with(chain, {"value.converter.schemas.enable": "true"})  # else only the source knows the types
    c.execute("INSERT INTO nullable VALUES (1, '10:00+05'); INSERT INTO strict VALUES (1, '10:00+05')")
    chain.wait()
    source = chain.project.sources[chain.name]["database_connection"]
    host = source["port"]
    source["port"] = 1
    chain.project.write_config()
    result = chain.follow(code=1)
    assert "could not be read again from the source" in result.err and "column 'c'" in result.err and "1 values became null by policy" in result.err
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "nullable").to_pylist() == [{"id": 1, "c": None}]
    assert chain.property("strict", "firn.follow-state") == "stopped" and chain.property("strict", "firn.follow-reason").startswith("FIRN-2104")
    source["port"] = host
    chain.project.write_config()
    chain.project.load(chain.name, "--table-filter", "strict", "--no-resume")
    c.execute("UPDATE nullable SET id = 2; UPDATE strict SET id = 2")
    chain.wait()
    chain.follow()
    same(chain, duck, "nullable")
    same(chain, duck, "strict")


def test_tables_without_a_key(chain):
    """Nothing says which row it was: the policy, as without reselect."""
    c = chain.make("CREATE TABLE keyless (id int, c timetz); ALTER TABLE keyless REPLICA IDENTITY FULL", follow={"reselect": True},
                   tables={"keyless": {"types": {"c": "null"}}}).connection
    chain.register()
    c.execute("INSERT INTO keyless VALUES (1, '10:00+05')")
    chain.wait()
    chain.follow()
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "keyless").to_pylist() == [{"id": 1, "c": None}]


def test_commits_that_wait_for_a_standby(chain, duck):
    """With synchronous replication, changes come before the source's own sessions see them: rows are not read again before that."""
    c = chain.make("CREATE TABLE t (id int PRIMARY KEY, c timetz); INSERT INTO t VALUES (1, '01:00+01'), (2, '02:00+01')", follow={"reselect": True}).connection
    chain.register()
    writer = connect(chain.project.server, chain.database)
    writer.execute("RESET search_path; SET synchronous_commit = on")
    c.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    c.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)
    waiting = threading.Thread(target=writer.execute, args=("UPDATE t SET c = '12:34:56-03' WHERE id = 1; INSERT INTO t VALUES (3, '03:00+09')",))
    waiting.start()
    try:
        chain.wait()
        port = free_port()
        process = chain.project.start("follow", "--source", chain.name, "--http", f"127.0.0.1:{port}")
        time.sleep(4)
        assert waiting.is_alive() and process.poll() is None
        assert c.execute("SELECT count(*) FROM t WHERE c = '12:34:56-03' OR id = 3").fetchone()[0] in (0, "0")
        assert "public.t" not in chain.property("t", "firn.position")
    finally:
        c.execute("ALTER SYSTEM RESET synchronous_standby_names")
        c.execute("SELECT pg_reload_conf()")
        waiting.join()
    try:
        for _ in range(100):
            if "public.t" in chain.property("t", "firn.position"):
                break
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert f'firn_reselected_rows_total{{source="{chain.name}"}} 2' in answer.read().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status") as answer:
            assert json.load(answer)["reselected_rows"] == 2
    finally:
        process.terminate()
        print(process.communicate()[1])
    writer.close()
    same(chain, duck, "t")


def test_a_standby_is_not_asked(chain):
    """It may be behind the events, and nothing would mend what it says."""
    table = "CREATE TABLE t (id int PRIMARY KEY, c timetz)"
    c = chain.make(table, follow={"reselect": True}, tables={"t": {"types": {"c": "null"}}}).connection
    chain.register()
    c.execute("INSERT INTO t VALUES (1, '10:00+05')")
    chain.wait()
    with PostgresServer(shared_buffers="32MB") as standby:
        standby.sql(f"CREATE ROLE {LOADER} LOGIN PASSWORD '{LOADER_PASSWORD}'")
        standby.sql(f"CREATE DATABASE {chain.database}")
        standby.sql(f"{table}; INSERT INTO t VALUES (1, '11:11+11'); GRANT SELECT ON t TO {LOADER}", chain.database)
        standby.sql("CHECKPOINT")
        standby.stop()
        mark = pathlib.Path(standby.data) / "standby.signal"
        mark.touch()
        subprocess.run(["chown", "--reference", standby.data, mark], check=True)
        standby.start()
        chain.project.sources[chain.name]["database_connection"]["port"] = standby.port
        chain.project.write_config()
        result = chain.follow()
    assert "is a standby" in result.err and "1 values became null by policy" in result.err, result.err
    assert read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", "t").to_pylist() == [{"id": 1, "c": None}]
