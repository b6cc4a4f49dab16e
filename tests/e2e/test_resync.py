"""`firn follow --resync`: the slot is lost, and the tables come back without being loaded anew."""
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import connect
from servers.postgres import SUPERUSER, PostgresServer
from test_follow import CRASH_BINARY, assert_all_equal, follow, followed  # noqa: F401
from workload import NAMES, TABLES, Workload

SLOT = "SELECT pg_drop_replication_slot('firn_n')"
POINTS = ("resync.after-mark", "resync.after-mark:3", "resync.after-drop", "slot.after-create", "resync.after-table",
          "resync.after-table:3")


def properties(project, table):
    return project.lake.static_table("bronze.n", table).metadata.properties


def last_summary(project, table):
    snapshots = project.lake.metadata("bronze.n", table)["snapshots"]
    return max(snapshots, key=lambda s: s["sequence-number"])["summary"]


def snapshot_counts(project):
    return {name: len(project.lake.metadata("bronze.n", name)["snapshots"]) for name in NAMES}


def lose(connection):
    """Changes that no slot has: a few rows of each table, one of the three as it was."""
    connection.execute(SLOT)
    connection.execute("UPDATE keyed SET amount = amount + 1 WHERE id IN (5, 6, 7); DELETE FROM keyed WHERE id = 8;"
                       "INSERT INTO keyed (id, amount) VALUES (5000, 1)")
    connection.execute("DELETE FROM plain WHERE ctid = (SELECT min(ctid) FROM plain); INSERT INTO plain VALUES ('twin', 1), ('twin', 1)")


@pytest.mark.parametrize("version", (2, 3))
def test_only_rows_that_differ_are_written(project, followed, duck, version):  # noqa: F811
    c = followed(TABLES, follow_more={"maintain": "off"}, tables={name: {"format_version": version} for name in NAMES})
    follow(project)
    lose(c)
    lost = project.run("follow", "--source", "n", "--until-caught-up").expect(1)
    assert "FIRN-2008" in lost.err and "--resync" in lost.err
    before = snapshot_counts(project)

    result = follow(project, "--resync")

    assert "resync: 3 tables, 0 stopped; 7 keys differed and were written" in result.err, "five, and two different rows without key"
    assert_all_equal(project, duck)
    after = snapshot_counts(project)
    assert {name: after[name] - before[name] for name in NAMES} == {"keyed": 1, "pair": 0, "plain": 1}
    keyed, plain = last_summary(project, "keyed"), last_summary(project, "plain")
    assert (keyed["added-records"], keyed["firn.repaired-keys"]) == ("4", "5")
    assert int(plain["added-records"]) <= 20
    positions = {properties(project, name)["firn.position"] for name in NAMES}
    assert len(positions) == 1 and "firn.resync" not in properties(project, "pair")
    Workload(c, 3).run(20)
    assert "differed" not in follow(project, "--resync").err, "nothing is lost: it only follows"
    assert_all_equal(project, duck)


@pytest.mark.parametrize("point", POINTS)
def test_killed_in_the_middle(project, followed, duck, point):  # noqa: F811
    """Whatever is left of a resync, a plain run never takes a table for one that has everything."""
    c = followed(TABLES)
    Workload(c, 11).run(10)
    follow(project)
    lose(c)
    process = project.start("follow", "--source", "n", "--until-caught-up", "--resync", env={"FIRN_CRASH_POINT": point},
                            executable=CRASH_BINARY)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    c.execute("UPDATE keyed SET amount = amount + 1 WHERE id IN (15, 16); UPDATE pair SET v = 0 WHERE a = 3")
    plain = project.run("follow", "--source", "n", "--until-caught-up")
    if plain.code == 0:
        assert point == POINTS[-1], "all tables were there, and only then"
    else:
        assert plain.code == 1 and ("FIRN-5039" in plain.err or "FIRN-2008" in plain.err), plain.err
        follow(project, "--resync")
    assert_all_equal(project, duck)
    Workload(c, 12).run(10)
    follow(project)
    assert_all_equal(project, duck)


def test_invalidated_by_size_while_rows_change(project, followed, duck):  # noqa: F811
    c = followed(TABLES)
    c.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    try:
        c.execute("SELECT pg_reload_conf()")
        work = Workload(c, 21)
        for _ in range(3):
            work.run(5)
            c.execute("SELECT pg_switch_wal()")
        c.execute("CHECKPOINT")
        assert c.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'firn_n'").fetchone() == ("lost",)
    finally:
        c.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        c.execute("SELECT pg_reload_conf()")
    lost = project.run("follow", "--source", "n", "--until-caught-up").expect(1)
    assert "FIRN-2008" in lost.err and "invalidated" in lost.err
    process = project.start("follow", "--source", "n", "--until-caught-up", "--resync")
    work.run(30)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    follow(project)
    assert_all_equal(project, duck)


def test_another_shape_stops_that_table_only(project, followed, duck):  # noqa: F811
    c = followed(TABLES)
    follow(project)
    lose(c)
    c.execute("ALTER TABLE pair ADD more int; UPDATE pair SET more = 1")
    result = follow(project, "--resync", code=1)
    assert "FIRN-5031" in result.err and "--no-resume --table-filter 'pair'" in result.err
    assert_all_equal(project, duck, ("keyed", "plain"))
    project.load("n", "--no-resume", "--table-filter", "pair")
    follow(project)
    assert_all_equal(project, duck)


def point_to(project, server):
    project.server = server
    project.connection = connect(server, "postgres")
    project.connection.execute("RESET search_path")
    project.source("n", "postgres", "public", follow={"from": "postgres", "commit_interval": "100ms"},
                   connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"})
    return project.connection


def test_restored_backup_and_another_system(project, duck):
    """The log goes back: the same system, so --resync mends it. Another system is taken for the source only with --yes."""
    project.environment["SUPER_PASSWORD"] = project.server.password
    with PostgresServer(shared_buffers="32MB") as own:
        c = point_to(project, own)
        c.execute(TABLES)
        project.load("n")
        follow(project)
        backup = pathlib.Path(own.data).with_name("backup")
        c.close()
        own.stop()
        subprocess.run(["cp", "-a", own.data, backup], check=True)
        own.start()
        c = point_to(project, own)
        Workload(c, 31).run(30)
        c.execute("INSERT INTO pair SELECT g, 'bulk', g FROM generate_series(1, 20000) g")
        follow(project)
        c.close()
        own.stop()
        shutil.rmtree(own.data)
        backup.rename(own.data)
        own.start()
        c = point_to(project, own)
        Workload(c, 32).run(5)
        assert "FIRN-2011" in project.run("follow", "--source", "n", "--until-caught-up").expect(1).err
        follow(project, "--resync")
        assert_all_equal(project, duck)
        Workload(c, 33).run(10)
        follow(project)
        assert_all_equal(project, duck)
        c.close()
    with PostgresServer(shared_buffers="32MB") as other:
        c = point_to(project, other)
        c.execute(TABLES)
        refused = project.run("follow", "--source", "n", "--until-caught-up", "--resync").expect(1)
        assert "another database system" in refused.err and "firn.resync" not in properties(project, "keyed")
        follow(project, "--resync", "--yes")
        assert_all_equal(project, duck)
        c.close()
