"""Killed at any moment and started again, the lake equals the source."""
import contextlib
import random
import signal
import time

import pytest

import expected
from conftest import connect
from firn import LOADER
from judges import assert_equal, read_pyiceberg

TABLES = """
CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE c (id int PRIMARY KEY, v text); CREATE TABLE k (v text);
INSERT INTO a SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 80000) g;
INSERT INTO b SELECT g, repeat(md5(g::text), 5) FROM generate_series(1, 40000) g;
INSERT INTO c SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
INSERT INTO k SELECT md5((g % 100)::text) FROM generate_series(1, 5000) g;
"""


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def assert_all_equal(project, connection):
    for name in ("a", "b", "c", "k"):
        assert_equal(expected.read(connection, "public", name), read_pyiceberg(project.lake, "bronze.n", name), "PyIceberg")


@pytest.mark.parametrize("seed", range(6))
def test_killed_in_the_middle_and_run_again(project, new_database, seed):
    name, connection = new_database(TABLES)
    project.source("n", name, "public")
    process = project.start("load", "--source", "n")
    time.sleep(random.Random(seed).uniform(0.05, 0.15 + 0.15 * seed))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    for table in set(project.lake.tables("bronze.n")) & {"a", "b", "c", "k"}:
        # What a reader sees after the crash is all or nothing.
        rows = project.lake.static_table("bronze.n", table).scan().count()
        assert rows in (0, len(expected.read(connection, "public", table).rows))

    project.load("n")

    assert_all_equal(project, connection)


@contextlib.contextmanager
def reading_and_waiting(project, new_database):
    """A load that has rows of three tables in its hands and waits for a lock on the fourth."""
    name, connection = new_database(TABLES)
    project.source("n", name, "public", bulk_load={"parallel_workers": 4})
    with connect(project.server, name) as blocker:
        blocker.execute("BEGIN; LOCK TABLE public.k")
        process = project.start("load", "--source", "n")
        try:
            wait_until(lambda: waiting(connection), "the load does not wait for the lock")
            yield process, connection
        finally:
            process.kill()
            process.communicate(timeout=30)


def waiting(connection):
    """Backends of firn that wait for a lock: such a one does not see that its client has gone."""
    return connection.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = current_database() "
                              "AND wait_event_type = 'Lock'", (LOADER,)).fetchall()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_load(project, new_database, number):
    with reading_and_waiting(project, new_database) as (process, connection):
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130, f"{process.returncode}\n{err}"
        assert "FIRN-9003" in err
        wait_until(lambda: not waiting(connection), "the server still works for a load that is gone", seconds=5)
    record = project.run_json()
    assert record["exit_code"] == 130
    assert {table["status"] for table in record["tables"]} <= {"completed", "pending"}
    # This was no crash: nobody holds its snapshot, and it has removed its files itself.
    assert [path.name for path in (project.folder / "checkpoints" / "firn_n").iterdir()] == ["lock"]

    project.load("n")

    assert_all_equal(project, connection)


def test_a_second_signal_stops_a_load_at_once(project, new_database):
    with reading_and_waiting(project, new_database) as (process, connection):
        # Both are there before it can do anything about the first.
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130, f"{process.returncode}\n{err}"
        assert "stopped at once" in err

    project.load("n")

    assert_all_equal(project, connection)


def test_leftovers_of_a_crash_hurt_nobody(project, new_database):
    """Half-written files beside the table, and a version hint that lags or lies."""
    name, connection = new_database(TABLES)
    project.source("n", name, "public")
    project.load("n")
    folder = project.warehouse / "bronze" / "n" / "a"
    (folder / "metadata" / "v99.metadata.json.tmp").write_text("{")
    (folder / "data" / "half.parquet").write_bytes(b"PAR1")
    (folder / "metadata" / "version-hint.text").write_text("1")
    connection.execute("DELETE FROM a WHERE id % 2 = 0")

    project.load("n", "--no-resume")

    assert_all_equal(project, connection)
