"""A transaction that changes a table's shape after its rows, and dies on the way: read again, it comes in its old shape first."""
import json
import signal
import threading

import pytest

from test_follow import CRASH_BINARY, assert_all_equal, follow, followed  # noqa: F401 (a fixture)
from test_observe import Cable, wait_for

TABLE = ("CREATE TABLE t (id int PRIMARY KEY, a int, b text, gone text, PRIMARY_TEXT text NOT NULL DEFAULT 'k');"
         "INSERT INTO t SELECT g, g, 'b' || g, 'gone', 'p' || g FROM generate_series(1, 300) g;"
         "CREATE TABLE other (id int PRIMARY KEY)")
# Each with rows before and behind it; what renames must keep the values of rows that the transaction does not touch.
CHANGES = {
    "widen": "ALTER TABLE t ALTER a TYPE bigint; UPDATE t SET a = 5000000000 WHERE id < 5",
    "rename": "ALTER TABLE t RENAME b TO c; UPDATE t SET c = 'renamed' WHERE id < 5",
    "several": "ALTER TABLE t ADD fresh int; UPDATE t SET fresh = 7 WHERE id < 9; ALTER TABLE t RENAME b TO c; ALTER TABLE t DROP gone;"
               "ALTER TABLE t ALTER a TYPE bigint; UPDATE t SET a = 6000000000, c = 'x' WHERE id BETWEEN 3 AND 7",
}
POINTS = ("stage.after-response", "schema.after-record", "schema.after-commit", "commit.before-send", "commit.after-response")


def change(c, name):
    c.execute(f"BEGIN; UPDATE t SET a = a + 1 WHERE id < 50; DELETE FROM t WHERE id = 60; INSERT INTO t VALUES (1000, 1, 'n', 'n', 'n');"
              f"{CHANGES[name]}; DELETE FROM t WHERE id = 61; COMMIT")


def properties(project):
    return project.lake.static_table("bronze.n", "t").metadata.properties


@pytest.mark.parametrize("version", (2, 3))
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("point", POINTS)
def test_killed_midway(project, followed, duck, version, name, point):  # noqa: F811
    c = followed(TABLE, tables={"t": {"format_version": version}})
    change(c, name)
    process = project.start("follow", "--source", "n", "--until-caught-up", env={"FIRN_CRASH_POINT": point}, executable=CRASH_BINARY)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    if point == "schema.after-commit":
        assert "firn.shape-before" in properties(project)
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))
    assert "firn.shape-before" not in properties(project)
    c.execute("UPDATE t SET a = a + 1; INSERT INTO other VALUES (1)")
    result = follow(project)
    assert "schema:" not in result.err, "the shape is the source's"
    assert_all_equal(project, duck, ("t", "other"))
    recorded = project.run("schema-changes", "--source", "n", "--format", "json").expect(0).json["changes"]
    assert {row["action"] for row in recorded} == {"applied"}


def test_waiting_for_a_description_ends_by_a_signal(project, followed, duck):  # noqa: F811
    """The source goes away between a change and the description of its table: Ctrl+C ends it as a success."""
    c = followed(TABLE)
    cable = Cable(project.server.host, project.server.port)
    entry = project.sources["n"]["database_connection"]
    entry.update(host="127.0.0.1", port=cable.port)
    project.write_config()
    c.execute("UPDATE t SET a = 1 WHERE id = 1")
    # What comes over the first connection goes through; what describes is a new one.
    cable.refuses_from = 3
    process = project.start("follow", "--source", "n", "--log-format", "json")
    lines = []
    threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True).start()
    wait_for(lambda: cable.refused >= 6)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0, lines
    assert json.loads(lines[-1])["code"] == 0
    cable.listener.close()
    entry.update(host=project.server.host, port=project.server.port)
    project.write_config()
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))
