"""Killed at any moment and started again, the lake equals the source."""
import random
import signal
import time

import pytest

import expected
from judges import assert_equal, read_pyiceberg

TABLES = """
CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE c (id int PRIMARY KEY, v text); CREATE TABLE k (v text);
INSERT INTO a SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 80000) g;
INSERT INTO b SELECT g, repeat(md5(g::text), 5) FROM generate_series(1, 40000) g;
INSERT INTO c SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
INSERT INTO k SELECT md5((g % 100)::text) FROM generate_series(1, 5000) g;
"""


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


def test_interrupted_by_a_signal(project, new_database):
    name, connection = new_database(TABLES + "INSERT INTO a SELECT g, repeat(md5(g::text), 10) FROM generate_series(80001, 400000) g")
    project.source("n", name, "public", bulk_load={"parallel_workers": 1})
    process = project.start("load", "--source", "n")
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, f"{process.returncode}\n{err}"
    assert "FIRN-9003" in err or "stopped" in err
    assert project.run_json()

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
