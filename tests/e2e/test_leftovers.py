"""What a killed load left behind is removed by the next one: its own files, and nobody else's."""
import signal
import time

import expected
from judges import assert_equal, read_pyiceberg

TABLES = """
CREATE TABLE big (id int PRIMARY KEY, v text); CREATE TABLE small (id int PRIMARY KEY, v text);
INSERT INTO big SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 600000) g;
INSERT INTO small SELECT g, md5(g::text) FROM generate_series(1, 1000) g;
"""


def data_files(project, table):
    folder = project.warehouse / "bronze" / "n" / table / "data"
    return {path.name for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()


def wait_for_files(project, table, process):
    deadline = time.monotonic() + 60
    while not data_files(project, table):
        assert process.poll() is None, "the load ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_load_leaves_nothing_for_long(project, new_database):
    name, connection = new_database(TABLES)
    project.source("n", name, "public", bulk_load={"parallel_workers": 1})
    process = project.start("load", "--source", "n")
    wait_for_files(project, "big", process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = data_files(project, "big")
    assert left
    foreign = project.warehouse / "bronze" / "n" / "big" / "data" / "of-another-writer.parquet"
    foreign.write_bytes(b"PAR1")

    project.load("n")

    assert not left & data_files(project, "big")
    assert foreign.exists()
    foreign.unlink()
    for table in ("big", "small"):
        assert_equal(expected.read(connection, "public", table), read_pyiceberg(project.lake, "bronze.n", table), "PyIceberg")
        known = {task.file.file_path.rsplit("/", 1)[1] for task in project.lake.static_table("bronze.n", table).scan().plan_files()}
        assert data_files(project, table) == known


def test_the_second_load_says_who_is_running(project, new_database):
    name, connection = new_database(TABLES)
    project.source("n", name, "public", bulk_load={"parallel_workers": 1})
    process = project.start("load", "--source", "n")
    wait_for_files(project, "big", process)

    second = project.run("load", "--source", "n")

    process.communicate(timeout=120)
    assert process.returncode == 0
    assert second.code == 75, second
    assert f"process {process.pid} on " in second.err
