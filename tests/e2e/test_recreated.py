"""Tables that are dropped, made anew under their name, or taken out of the publication while the source is followed."""
import signal
import time

import pytest

from conftest import LOADER
from test_follow import CRASH_BINARY, assert_all_equal, follow, followed  # noqa: F401 (a fixture)
from test_follow_load import properties, write_until

TABLES = ("CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE other (id int PRIMARY KEY);"
          "INSERT INTO t SELECT g, 'old' FROM generate_series(1, 100) g")
ANEW = "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT g, 'new' FROM generate_series(50, 60) g"
WIDER = "DROP TABLE t; CREATE TABLE t (n numeric(9,2), id bigint PRIMARY KEY, b bytea); INSERT INTO t SELECT g, g, NULL FROM generate_series(1, 7) g"


def recorded(project):
    return [(row["kind"], row["action"]) for row in project.run("schema-changes", "--source", "n", "--format", "json").expect(0).json["changes"]]


@pytest.mark.parametrize("publication", ("all", "listed"))
@pytest.mark.parametrize("sql", (ANEW, WIDER))
def test_made_anew_stops_that_table_alone(project, followed, duck, publication, sql):  # noqa: F811
    """The same columns, too: the lake has the rows of the old one, of which no event tells."""
    c = followed(TABLES + ("; CREATE PUBLICATION firn_n FOR ALL TABLES" if publication == "all" else ""))
    follow(project)
    c.execute("UPDATE t SET a = 'last' WHERE id = 1")
    c.execute(sql)
    c.execute("INSERT INTO other VALUES (1)")
    result = follow(project, code=1)
    assert "recreate_table" in result.err and "was made anew" in result.err and "1 stopped" in result.err, result.err
    assert "--no-resume --table-filter 't'" in result.err
    assert_all_equal(project, duck, ("other",))
    assert recorded(project) == [("recreate_table", "reload")]
    c.execute("INSERT INTO other VALUES (2)")
    follow(project, code=1)
    assert_all_equal(project, duck, ("other",))
    project.load("n", "--no-resume", "--table-filter", "t")
    c.execute("UPDATE t SET id = id + 1000; INSERT INTO other VALUES (3)")
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))


@pytest.mark.parametrize("publication", ("all", "listed"))
def test_made_anew_while_it_runs_is_loaded(project, followed, duck, publication):  # noqa: F811
    c = followed(TABLES + ("; CREATE PUBLICATION firn_n FOR ALL TABLES" if publication == "all" else ""))
    process = project.start("follow", "--source", "n", "--load")
    made = 0

    def write(step):
        c.execute(f"INSERT INTO other VALUES ({made * 100000 + step}); UPDATE t SET id = id WHERE id = 3")
        time.sleep(0.02)
    for sql in (ANEW, WIDER, ANEW):
        before = properties(project, "t").get("firn.load-position")
        c.execute(sql)
        made += 1
        write_until(process, lambda before=before: properties(project, "t").get("firn.load-position") != before, write)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))
    assert recorded(project) and set(recorded(project)) == {("recreate_table", "reload")}


def test_dropped_stops_that_table_alone(project, followed, duck):  # noqa: F811
    c = followed(TABLES)
    c.execute("UPDATE t SET a = 'last'; DROP TABLE t; INSERT INTO other VALUES (1)")
    result = follow(project, code=1)
    assert "drop_table" in result.err and "its rows stay in the lake" in result.err, result.err
    assert set(project.lake.static_table("bronze.n", "t").scan().to_arrow()["a"].to_pylist()) == {"last"}, "what came before the end is there"
    c.execute("INSERT INTO other VALUES (2)")
    follow(project, code=1)
    assert_all_equal(project, duck, ("other",))
    assert recorded(project) == [("drop_table", "stopped")]


def test_taken_out_of_the_publication(project, followed, duck):  # noqa: F811
    c = followed(TABLES)
    c.execute("INSERT INTO other VALUES (1); ALTER PUBLICATION firn_n DROP TABLE t; UPDATE t SET a = 'unseen'; INSERT INTO other VALUES (2)")
    result = follow(project, code=1)
    assert "not in the publication any more" in result.err and "1 stopped" in result.err, result.err
    assert_all_equal(project, duck, ("other",))
    c.execute("UPDATE t SET a = a || '!'")
    follow(project, "--load")
    c.execute("UPDATE t SET a = a || '?'")
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))


@pytest.mark.parametrize("running", (False, True))
def test_out_of_the_publication_for_a_while(project, followed, duck, running):  # noqa: F811
    """What changed meanwhile did not come, and nothing in the stream tells: the table stops, and a load mends it."""
    c = followed(TABLES)
    follow(project)
    process = project.start("follow", "--source", "n") if running else None
    c.execute("ALTER PUBLICATION firn_n DROP TABLE t")
    c.execute("UPDATE t SET a = 'unseen'")
    c.execute("ALTER PUBLICATION firn_n ADD TABLE t")
    c.execute("UPDATE t SET a = a || '!' WHERE id = 1; INSERT INTO other VALUES (1)")
    if running:
        write_until(process, lambda: properties(project, "t").get("firn.follow-state") == "reload", lambda step: c.execute(f"INSERT INTO other VALUES ({step + 2})"))
        process.send_signal(signal.SIGINT)
        assert "after it was loaded" in process.communicate(timeout=60)[1]
        follow(project, code=1)
    else:
        result = follow(project, code=1)
        assert "was put into the publication after it was loaded" in result.err and "--no-resume --table-filter 't'" in result.err, result.err
    assert_all_equal(project, duck, ("other",))
    c.execute("UPDATE t SET a = a || '?'")
    follow(project, "--load")
    assert_all_equal(project, duck, ("t", "other"))
    c.execute("UPDATE t SET a = a || '.'")
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))


def test_published_by_hand_after_the_load(project, followed, duck):  # noqa: F811
    """The load's role may not add a table to the publication, and says so; its owner does it later: what changed in between did not come."""
    c = followed(TABLES + "; CREATE PUBLICATION firn_n FOR TABLE other", load=False)
    owner = dict(project.sources["n"]["database_connection"])
    project.sources["n"]["database_connection"].update(username=LOADER, password="${FIRN_TEST_PASSWORD}")
    project.write_config()
    assert "lacks tables of this load" in project.load("n").err
    c.execute("UPDATE t SET a = 'unseen' WHERE id = 1; INSERT INTO other VALUES (1)")
    c.execute("ALTER PUBLICATION firn_n ADD TABLE t")
    c.execute("UPDATE t SET a = 'seen' WHERE id = 2")
    process = project.start("follow", "--source", "n", "--until-caught-up", env={"FIRN_CRASH_POINT": "reload.after-adopt:2"}, executable=CRASH_BINARY)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "killed between taking the tables over and stopping one"
    result = follow(project, code=1)
    assert "was put into the publication after it was loaded" in result.err and "1 stopped" in result.err, result.err
    assert_all_equal(project, duck, ("other",))
    project.load("n", "--no-resume", "--table-filter", "t")
    c.execute("UPDATE t SET a = a || '!'; INSERT INTO other VALUES (2)")
    project.sources["n"]["database_connection"] = owner
    project.write_config()
    follow(project)
    assert_all_equal(project, duck, ("t", "other"))
