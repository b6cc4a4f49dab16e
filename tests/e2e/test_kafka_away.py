"""What firn follow needs beside the broker is away for a while: nothing is lost, and nothing is stopped that would go on by itself."""
import subprocess

import pytest

from judges import read_pyiceberg
from servers.process import free_port
from test_kafka import chain, kafka_connect  # noqa: F401 (fixtures)
from test_observe import Cable, get, wait_for

TABLES = "CREATE TABLE texts (id int PRIMARY KEY, v text, at timestamp); CREATE TABLE numbers (id int PRIMARY KEY, n bigint)"


@pytest.fixture
def cable(chain):  # noqa: F811
    made = Cable(chain.project.server.host, chain.project.server.port)
    yield made
    made.listener.close()


def through(chain, cable):  # noqa: F811
    chain.project.sources[chain.name]["database_connection"].update(host="127.0.0.1", port=cable.port)
    chain.project.write_config()


def rows(chain, name):  # noqa: F811
    return sorted(tuple(row.values()) for row in read_pyiceberg(chain.project.lake, f"bronze.{chain.name}", name).to_pylist())


def test_the_source_while_a_table_is_described(chain, cable, duck):  # noqa: F811
    """JSON without schemas: only the source knows what a text stands for, so it is waited for; a table made from its events, too."""
    c = chain.make(f"{TABLES}; CREATE TABLE late (id int PRIMARY KEY, n numeric(9,3))", load=False, tables={"texts": {"format_version": 3}}).connection
    chain.project.load(chain.name, "--table-filter", "texts", "--table-filter", "numbers")
    chain.register()
    c.execute("INSERT INTO texts VALUES (1, 'one', '2024-01-01 10:00'); INSERT INTO numbers VALUES (1, 1)")
    c.execute("INSERT INTO late VALUES (1, 1.5)")
    chain.wait()
    through(chain, cable)
    cable.cut = True
    port, log = free_port(), chain.project.folder / "follow.log"
    with open(log, "w") as out:
        process = chain.project.start("follow", "--source", chain.name, "--http", f"127.0.0.1:{port}", stdout=subprocess.DEVNULL, stderr=out)
    try:
        wait_for(lambda: "its columns cannot be looked up now" in log.read_text())
        refused = cable.refused
        wait_for(lambda: cable.refused > refused)  # again and again
        assert get(port, "/readyz")[0] == 503
        assert chain.property("texts", "firn.follow-state") != "stopped" and process.poll() is None
        cable.cut = False
        wait_for(lambda: len(rows(chain, "texts")) == 1 and len(rows(chain, "numbers")) == 1)
        wait_for(lambda: get(port, "/readyz")[0] == 200)
        # In a new shape, seen while the source is away.
        cable.break_now()
        c.execute("ALTER TABLE texts ADD COLUMN more varchar(20); INSERT INTO texts VALUES (2, 'two', NULL, 'more'); UPDATE numbers SET n = 2")
        chain.wait()
        wait_for(lambda: get(port, "/readyz")[0] == 503)
        cable.cut = False
        wait_for(lambda: len(rows(chain, "texts")) == 2)
    finally:
        process.terminate()
        process.wait(60)
        print(log.read_text())
    assert "not followed any more" not in log.read_text()
    chain.follow()
    assert chain.table("late").schema().find_field("n").field_type.scale == 3
    chain.assert_equal(duck, ["texts", "numbers", "late"])


def test_a_source_that_refuses(chain):  # noqa: F811
    """No right to connect: that is no matter of time. Tables whose values can be read without it go on, the other one stops."""
    c = chain.make(TABLES).connection
    chain.register()
    c.execute("INSERT INTO texts VALUES (1, 'one', NULL); INSERT INTO numbers VALUES (1, 1)")
    chain.wait()
    chain.project.sources[chain.name]["database_connection"]["password"] = "another"
    chain.project.write_config()
    result = chain.follow(code=1)
    assert "table 'texts' is described without its source: " in result.err and "cannot be looked up now" not in result.err
    assert chain.property("texts", "firn.follow-state") == "stopped" and chain.property("texts", "firn.follow-reason").startswith("FIRN-4011")
    assert rows(chain, "numbers") == [(1, 1)]


def test_a_source_that_is_away_and_not_needed(chain, cable):  # noqa: F811
    c = chain.make("CREATE TABLE numbers (id int PRIMARY KEY, n bigint)").connection
    chain.register()
    c.execute("INSERT INTO numbers VALUES (1, 1)")
    chain.wait()
    through(chain, cable)
    cable.cut = True
    assert "cannot be looked up now" not in chain.follow().err
    assert rows(chain, "numbers") == [(1, 1)]
