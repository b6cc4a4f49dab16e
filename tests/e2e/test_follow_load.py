"""Tables that come, or must be loaded again, while the source is followed."""
import signal
import time

import pytest

from test_follow import CRASH_BINARY, assert_all_equal, follow, followed  # noqa: F401 (a fixture)


def properties(project, table):
    return project.lake.static_table("bronze.n", table).metadata.properties


def write_until(process, what, write, seconds=60):
    """Changes go on while it is waited for."""
    deadline, step = time.monotonic() + seconds, 0
    while not what():
        assert time.monotonic() < deadline and process.poll() is None, what.__doc__
        write(step)
        step += 1


def is_followed(project, table):
    """the table is in the lake, and changes behind its load are"""
    return bool(project.lake.versions("bronze.n", table)) and int(properties(project, table).get("firn.events-applied", 0)) > 0


def test_tables_that_are_made_while_it_runs(project, followed, duck):
    """No gap and nothing twice: the new one has no key, so that a row that came twice would show."""
    c = followed("CREATE TABLE t (id int PRIMARY KEY, n int)", load=False)
    process = project.start("follow", "--source", "n", "--load")

    def write(step):
        c.execute(f"INSERT INTO t VALUES ({step + 10}, 0); UPDATE t SET n = n + 1 WHERE id = {step}")

    def write_all(step):
        c.execute(f"BEGIN; INSERT INTO later VALUES ({step}, 'x'); UPDATE later SET b = 'y' WHERE a = {step - 3}; COMMIT")
        write(1000000 + step)
    write_until(process, lambda: is_followed(project, "t"), write)
    c.execute("CREATE TABLE later (a int, b text); ALTER TABLE later REPLICA IDENTITY FULL; INSERT INTO later SELECT 1, 'same' FROM generate_series(1, 500)")
    write_until(process, lambda: is_followed(project, "later"), write_all)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "firn follow: 2 tables, 0 stopped" in err, err
    follow(project)
    assert_all_equal(project, duck, ("t", "later"))


def test_a_table_that_must_be_loaded_again_is_while_the_others_go_on(project, followed, duck):
    c = followed("CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE other (id int PRIMARY KEY); "
                 "INSERT INTO t SELECT g, g::text FROM generate_series(1, 10) g")
    c.execute("ALTER TABLE t ALTER a TYPE int USING a::int; UPDATE t SET a = 7; INSERT INTO other VALUES (1)")
    result = follow(project, "--load")
    assert "is to be loaded again" in result.err and "2 tables, 0 stopped" in result.err, result.err
    assert_all_equal(project, duck, ("t", "other"))
    recorded = project.run("schema-changes", "--source", "n", "--format", "json").expect(0).json["changes"]
    assert [(row["kind"], row["action"]) for row in recorded] == [("change_type", "reload")]
    # Stopped by a run that was not to load; one that is mends it at its start.
    c.execute("ALTER TABLE t ALTER a TYPE text; UPDATE t SET a = 'x' WHERE id = 1; INSERT INTO other VALUES (2)")
    follow(project, code=1)
    assert properties(project, "t")["firn.follow-state"] == "reload"
    c.execute("UPDATE t SET a = 'y' WHERE id = 2")
    follow(project, "--load")
    c.execute("UPDATE t SET a = a || 'z'; INSERT INTO other VALUES (3)")
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))


def test_without_load_an_unknown_table_is_told_of_once(project, followed, duck):
    c = followed("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION firn_n FOR ALL TABLES")
    c.execute("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1); INSERT INTO t VALUES (1); INSERT INTO later VALUES (2)")
    assert follow(project).err.count("is not in the lake") == 1
    assert_all_equal(project, duck, ("t",))
    # With it, the changes themselves tell of the table. What lies behind its load comes once.
    c.execute("CREATE TABLE third (id int PRIMARY KEY); INSERT INTO third VALUES (1)")
    follow(project, "--load")
    c.execute("INSERT INTO later VALUES (3); DELETE FROM third")
    follow(project)
    assert_all_equal(project, duck, ("t", "later", "third"))


POINTS = ("schema.after-record", "stop.after-commit", "reload.before-load", "table.after-create", "split.mid", "load.after-offer",
          "load.after-commit", "load.after-commit:2", "load.after-status", "reload.after-load", "reload.after-adopt", "commit.after-response:2")


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_it_loads(project, followed, duck, point):
    """A table that is new and one that must be loaded again, between stop, load and takeover: no gap and nothing twice."""
    c = followed("CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE other (id int PRIMARY KEY, n int);"
                 "INSERT INTO t SELECT g, g::text FROM generate_series(1, 3000) g")
    follow(project)
    process = project.start("follow", "--source", "n", "--load", env={"FIRN_CRASH_POINT": point}, executable=CRASH_BINARY)
    c.execute("INSERT INTO other VALUES (0, 0)")
    c.execute("BEGIN; CREATE TABLE later (a int, b text); ALTER TABLE later REPLICA IDENTITY FULL;"
              "INSERT INTO later SELECT 1, 'same' FROM generate_series(1, 500); COMMIT")
    c.execute("ALTER TABLE t ALTER a TYPE int USING a::int; UPDATE t SET a = a + 1 WHERE id < 10")
    deadline, step = time.monotonic() + 60, 0
    while process.poll() is None:
        assert time.monotonic() < deadline, "it was not killed"
        step += 1
        c.execute(f"BEGIN; INSERT INTO later VALUES (1, 'same'), ({step}, 'x'); DELETE FROM later WHERE a = {step - 3} AND b = 'x';"
                  f"UPDATE t SET a = a + 1 WHERE id = {step}; INSERT INTO other VALUES ({step}, 0); UPDATE other SET n = n + 1; COMMIT")
        time.sleep(0.02)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    c.execute("UPDATE t SET a = -a WHERE id > 2990; INSERT INTO later VALUES (7, 'behind'), (7, 'behind'); UPDATE other SET n = n + 1")
    follow(project, "--load")
    c.execute("DELETE FROM t WHERE id % 7 = 0; DELETE FROM later WHERE a = 7; UPDATE other SET n = n + 1")
    follow(project)
    assert_all_equal(project, duck, ("t", "other", "later"))
