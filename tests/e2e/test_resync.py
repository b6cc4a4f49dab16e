"""`firn follow --resync`: the slot is lost, and the tables come back without being loaded anew."""
import pathlib
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import connect
from firn import Project
from servers.postgres import SUPERUSER, PostgresServer
from servers.process import scratch_folder
from test_follow import CRASH_BINARY, assert_all_equal, follow, followed  # noqa: F401
from test_observe import Cable, wait_for
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
    c.execute("DROP PUBLICATION firn_n; CREATE PUBLICATION firn_n FOR TABLE keyed, pair, plain")  # what came of it does not matter any more

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


def test_all_tables_stopped(project, followed, duck):  # noqa: F811
    """There is nothing to compare: it says what helps, and that does."""
    c = followed(TABLES)
    follow(project)
    c.execute("ALTER TABLE keyed ALTER name TYPE int USING 1; UPDATE keyed SET name = 2; ALTER TABLE pair ALTER v TYPE text; UPDATE pair SET v = 'x';"
              "ALTER TABLE plain ALTER w TYPE text; UPDATE plain SET w = 'x'")
    follow(project, code=1)
    c.execute(SLOT)
    result = follow(project, "--resync", code=1)
    assert "all 3 tables of source 'n' are stopped" in result.err and "firn load --source n --no-resume" in result.err, result.err
    project.load("n", "--no-resume")
    c.execute("UPDATE keyed SET amount = amount + 1; UPDATE plain SET w = 'y'")
    follow(project)
    assert_all_equal(project, duck)


def test_resync_and_load_together(project, followed, duck):  # noqa: F811
    """One table must be loaded again, one is new, the rest is compared: one run does it."""
    c = followed(TABLES)
    follow(project)
    c.execute("ALTER TABLE pair ALTER v TYPE text; UPDATE pair SET v = 'x'")
    follow(project, code=1)
    lose(c)
    c.execute("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh SELECT generate_series(1, 10)")
    result = follow(project, "--resync", "--load")
    assert "resync:" in result.err, result.err
    assert_all_equal(project, duck, (*NAMES, "fresh"))
    c.execute("UPDATE pair SET v = 'y'; DELETE FROM fresh WHERE id < 3; UPDATE keyed SET amount = 0; DELETE FROM plain WHERE w = 1")
    follow(project)
    assert_all_equal(project, duck, (*NAMES, "fresh"))


def test_more_differences_than_the_memory_holds(project, followed, duck):  # noqa: F811
    """Compared and written in several passes, of which only the last one moves the position."""
    c = followed("CREATE TABLE keyed (id bigint PRIMARY KEY, v text); INSERT INTO keyed SELECT g, md5(g::text) FROM generate_series(1, 600000) g")
    follow(project)
    c.execute(SLOT)
    c.execute("UPDATE keyed SET v = md5(v)")
    result = follow(project, "--resync", "--memory", "64M")
    assert "600000 keys differed" in result.err, result.err
    assert_all_equal(project, duck, ("keyed",))
    c.execute("DELETE FROM keyed WHERE id % 3 = 0")
    follow(project)
    assert_all_equal(project, duck, ("keyed",))


def test_another_machine_that_moves_a_position_meanwhile(project, followed, duck):  # noqa: F811
    """Its rows would come twice: the repair is not committed, and what the other one said stays."""
    c = followed("CREATE TABLE keyed (id int PRIMARY KEY, v text); INSERT INTO keyed SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 5000) g")
    follow(project)
    c.execute(SLOT)
    c.execute("UPDATE keyed SET v = 'other' WHERE id < 100")
    cable = Cable(project.server.host, project.server.port)
    project.sources["n"]["database_connection"].update(host="127.0.0.1", port=cable.port)
    project.write_config()
    elsewhere = Project(scratch_folder("elsewhere"), project.server)
    elsewhere.sources = project.sources
    elsewhere.write_config()
    elsewhere.environment = {**project.environment, "WAREHOUSE_PATH": f"file://{project.warehouse}"}
    cable.pace = 0.05
    process = project.start("follow", "--source", "n", "--until-caught-up", "--resync")
    lines = []
    threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True).start()
    wait_for(lambda: "firn.resync" in properties(project, "keyed"))
    wait_for(lambda: c.execute("SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'COPY%' AND state = 'active'").fetchone()[0])
    elsewhere.run("state", "set", "keyed", "0/99", "--source", "n", "--yes").expect(0)
    cable.pace = 0
    assert process.wait(timeout=120) == 1
    assert "somebody else has moved the position" in "".join(lines), "".join(lines)
    assert properties(project, "keyed")["firn.position"] == "0/99" and "firn.resync" in properties(project, "keyed")
    cable.listener.close()
    project.sources["n"]["database_connection"].update(host=project.server.host, port=project.server.port)
    project.write_config()
    follow(project, "--resync")
    assert_all_equal(project, duck, ("keyed",))


def test_a_promoted_standby(project, duck):  # noqa: F811
    """The standby had not received everything, and has no slot: the same system on another timeline is resynced, and followed."""
    project.environment["SUPER_PASSWORD"] = project.server.password
    with PostgresServer(shared_buffers="32MB") as own:
        c = point_to(project, own)
        c.execute(TABLES)
        project.load("n")
        follow(project)
        copy = pathlib.Path(own.data).with_name("copy")
        c.execute("CHECKPOINT")
        c.close()
        own.stop()
        subprocess.run(["cp", "-a", own.data, copy], check=True)
        own.start()
        c = point_to(project, own)
        Workload(c, 41).run(20)
        follow(project)
        c.close()
        own.stop()
        shutil.rmtree(own.data)
        copy.rename(own.data)
        (pathlib.Path(own.data) / "standby.signal").touch()
        shutil.rmtree(pathlib.Path(own.data) / "pg_replslot")
        (pathlib.Path(own.data) / "pg_replslot").mkdir(mode=0o700)
        subprocess.run(["chown", "--reference", own.data, pathlib.Path(own.data) / "standby.signal", pathlib.Path(own.data) / "pg_replslot"], check=True)
        own.start()
        c = point_to(project, own)
        c.execute("SELECT pg_promote()")
        wait_for(lambda: not c.execute("SELECT pg_is_in_recovery()").fetchone()[0])
        Workload(c, 42).run(20)
        lost = project.run("follow", "--source", "n", "--until-caught-up").expect(1)
        assert "FIRN-2010" in lost.err and "timeline" in lost.err, lost.err
        follow(project, "--resync")
        assert_all_equal(project, duck)
        assert properties(project, "keyed")["firn.source-identity"].endswith(":2")
        Workload(c, 43).run(10)
        follow(project)
        assert_all_equal(project, duck)
        c.close()
