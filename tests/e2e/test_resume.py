"""Killed by kill -9 and started again: finished splits are kept, under the same snapshot, and the money is all there."""
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from conftest import connect
from firn import BINARY, LOADER
from test_point_in_time import ACCOUNTS, BANK, Movers, assert_balanced, totals

CRASH = os.path.join(os.path.dirname(BINARY), "firn-crash")
# Small pages of work, so that there is something to keep: a checkpoint after each batch of a connection.
OFTEN = {"parallel_workers": 2, "parallel_tables": 2, "large_table_threshold": 1000, "batch_size": 2000, "checkpoint_interval": 1,
         "retry_backoff": 0}
POINTS = ["slot.after-create", "snapshot.after-export", "snapshot.after-keep", "table.after-create", "split.after-start",
          "split.after-start:5", "split.mid:30", "split.after-file:2", "split.after-ledger", "split.after-ledger:4", "load.after-offer", "load.after-commit", "load.after-status", "handoff.before-follow"]


@pytest.fixture(scope="module")
def template(server):
    """A bank whose left table has many pages: splits are cut at 32 MiB of them."""
    server.sql("CREATE DATABASE bank_template")
    server.sql(BANK.replace("repeat('x', 100)", "repeat(md5(g::text), 60)"), database="bank_template")
    yield "bank_template"
    server.sql("DROP DATABASE bank_template")


@pytest.fixture
def bank(project, server, template):
    project.database = f"bank_{time.monotonic_ns()}"
    server.sql(f"CREATE DATABASE {project.database} TEMPLATE {template} STRATEGY file_copy")
    project.connection = connect(server, project.database)
    project.connection.execute("RESET search_path")
    project.source("bank", project.database, "public", bulk_load=OFTEN)
    yield project
    end_holder(project)
    project.connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                               "WHERE slot_name = 'firn_bank' AND NOT active")
    project.connection.close()
    server.sql(f"DROP DATABASE {project.database} WITH (FORCE)")


def checkpoints(project):
    return project.folder / "checkpoints" / "firn_bank"


def held(project):
    """What holder.json says, where somebody still reads the FIFO."""
    try:
        os.close(os.open(checkpoints(project) / "holder", os.O_WRONLY | os.O_NONBLOCK))
        return json.loads((checkpoints(project) / "holder.json").read_text())
    except (OSError, ValueError):
        return None


def holders(project):
    """Backends that hold a snapshot although no load runs."""
    return project.connection.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s AND state = 'idle in transaction' AND "
                                      "datname = current_database()", (LOADER,)).fetchall()


def wait_until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def end_holder(project):
    try:
        fifo = os.open(checkpoints(project) / "holder", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    os.write(fifo, b"E")
    os.close(fifo)


def noted(project):
    path = checkpoints(project) / "splits.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines(True) if line.endswith("\n")] if path.exists() else []
    return [line for line in lines if line["type"] == "group"]


def crash(project, point, *arguments):
    """A run that kills itself at that point."""
    environment = project.full_environment({"FIRN_CRASH_POINT": point})
    process = subprocess.run([CRASH, "load", "--source", "bank", *arguments], cwd=project.folder, env=environment, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert process.returncode == -signal.SIGKILL, f"{point} was not met: {process.returncode}\n{process.stderr}"


def again(project, *arguments):
    """The same command with the same program."""
    environment = project.full_environment()
    process = subprocess.run([CRASH, "load", "--source", "bank", *arguments], cwd=project.folder, env=environment, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return process.stderr


def assert_tidy(project, history=False):
    """Nobody holds anything, and no file is left that no table has."""
    wait_until(lambda: not holders(project), "a holder was left")
    left = {path.name for path in checkpoints(project).iterdir()}
    # A commit that was offered when the run died, and not applied: nobody can tell for sure, so its files stay.
    unsettled = {name for name in left if name.startswith("unsettled-")}
    assert left <= {"lock"} | unsettled, left
    stay = {json.loads(line).get("file", "").rsplit("/", 1)[-1] for name in unsettled
            for line in (checkpoints(project) / name).read_text().splitlines()}
    for table in () if history else ("left_account", "right_account"):
        folder = project.warehouse / "bronze" / "bank" / table / "data"
        known = {task.file.file_path.rsplit("/", 1)[1] for task in project.lake.static_table("bronze.bank", table).scan().plan_files()}
        assert {path.name for path in folder.rglob("*") if path.is_file()} - stay == known - stay, table


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_and_run_again(bank, server, duck, point):
    with Movers(server, bank.database, count=2):
        crash(bank, point)
        before = noted(bank)
        error = again(bank)
    assert_balanced(bank, duck)
    assert_tidy(bank)
    kept = sum(int(count) for count in re.findall(r"goes on: (\d+) of its", error))
    if before and "load." not in point and "handoff" not in point:
        assert kept, f"{len(before)} groups were noted and none was kept\n{error}"
    assert server.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'firn_load_%'") == "0"


def test_small_tables_are_of_one_point(bank, server, duck):
    """None of them is worth a list of splits, but the first is in the lake when the run dies."""
    bank.source("bank", bank.database, "public", bulk_load={"parallel_workers": 1, "parallel_tables": 1})
    with Movers(server, bank.database, count=2) as movers:
        crash(bank, "load.after-commit")
        first, moves = held(bank), movers.moves
        assert first and not noted(bank)
        wait_until(lambda: movers.moves > moves + 100, "nothing moves")
        again(bank)
    assert bank.run_json()["point"]["position"] == first["position"]
    assert_balanced(bank, duck)
    assert_tidy(bank)


def test_the_slot_of_a_killed_run_is_used(bank, server, duck):
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    bank.source("bank", bank.database, "public", bulk_load={**OFTEN, "create_slot": True})
    crash(bank, "slot.after-create")
    with Movers(server, bank.database, count=1):
        again(bank)
    assert_balanced(bank, duck)
    assert bank.run_json()["point"]["exact"] is True


def test_the_same_snapshot_and_only_the_rest(bank, server, duck):
    """Rows of the dead run and of the next are of one point, although money moved in between."""
    with Movers(server, bank.database, count=2) as movers:
        crash(bank, "split.after-ledger:4")
        first = held(bank)
        assert first and first["exact"] is True
        files = {path: path.stat().st_ino for path in bank.warehouse.rglob("*.parquet")}
        moves = movers.moves
        wait_until(lambda: movers.moves > moves + 100, "nothing moves")
        error = again(bank)
    assert f"as of {first['position']}" in error
    assert bank.run_json()["point"]["position"] == first["position"]
    assert_balanced(bank, duck)
    kept = [path for path, inode in files.items() if path.exists() and path.stat().st_ino == inode]
    assert len(kept) >= 3, "finished files were written again"
    assert_tidy(bank)


def test_killed_again_and_again(bank, server, duck):
    chance = random.Random(4)
    with Movers(server, bank.database, count=2):
        positions = set()
        for _ in range(5):
            process = bank.start("load", "--source", "bank")
            time.sleep(chance.uniform(0.15, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
            found = held(bank)
            positions |= {found["position"]} if found else set()
        bank.load("bank")
    assert_balanced(bank, duck)
    assert_tidy(bank)
    assert len(positions) <= 1, f"more than one point was held: {positions}"


def test_without_its_holder_everything_begins_anew(bank, server, duck):
    """Each table has its own point then: what the dead run has committed stays as of its."""
    with Movers(server, bank.database, count=2):
        crash(bank, "split.after-ledger:3")
        first = held(bank)
        end_holder(bank)
        wait_until(lambda: not holders(bank), "the holder did not end when told")
    error = again(bank)
    assert "goes on" not in error
    assert bank.run_json()["point"]["position"] != first["position"]
    rows = bank.connection.execute("SELECT count(*), count(DISTINCT id), sum(amount)::bigint FROM left_account").fetchone()
    assert totals(bank, duck)["left_account"] == tuple(int(value) for value in rows)
    assert_tidy(bank)


@pytest.mark.parametrize("arguments", [("--no-resume",), ("--fresh-start", "--yes")])
@pytest.mark.parametrize("point", ["split.after-ledger:3", "load.after-offer:2", "load.after-commit:2"])
def test_starting_over_ends_the_holder(bank, duck, arguments, point):
    """The second table's commit: of one table in the lake, and of one that is not."""
    crash(bank, point)
    first = held(bank)
    assert "goes on" not in again(bank, *arguments)
    assert bank.run_json()["point"]["position"] != first["position"]
    assert_balanced(bank, duck)
    assert_tidy(bank, history="--no-resume" in arguments)  # what was replaced stays in the table's history


def test_the_holder_does_not_stay(bank):
    """Its time limit, and the end of its connection."""
    bank.source("bank", bank.database, "public", bulk_load={**OFTEN, "checkpoint_hold": "1s"})
    crash(bank, "split.after-ledger")
    wait_until(lambda: not held(bank) and not holders(bank), "it is still there after its time")
    bank.source("bank", bank.database, "public", bulk_load={**OFTEN, "checkpoint_hold": "0s"})
    crash(bank, "split.after-start:3")
    wait_until(lambda: not held(bank) and not holders(bank), "somebody holds what was not to be held")
    bank.source("bank", bank.database, "public", bulk_load=OFTEN)
    crash(bank, "split.after-ledger")
    assert held(bank)
    bank.connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND "
                            "state = 'idle in transaction' AND datname = current_database()", (LOADER,))
    wait_until(lambda: not held(bank), "it did not notice that its connection is gone")
    again(bank)
    assert_tidy(bank)


def test_other_settings_begin_a_table_anew(bank, duck):
    crash(bank, "split.after-ledger:3")
    first = held(bank)
    bank.source("bank", bank.database, "public", bulk_load=OFTEN,
                tables={"left_account": {"exclude_columns": ["padding"]}, "right_account": {"exclude_columns": ["padding"]}})
    error = again(bank)
    assert "begins anew" in error and bank.run_json()["point"]["position"] == first["position"]
    assert_balanced(bank, duck)
    assert_tidy(bank)


def test_another_program_takes_nothing_over(bank, duck):
    """Rows of one table are made by one program: firn and firn-crash are two."""
    crash(bank, "split.after-ledger:3")
    error = bank.load("bank").err
    assert "goes on" not in error
    assert_balanced(bank, duck)
    assert_tidy(bank)


def test_without_checkpoints_nothing_is_held(bank, duck):
    bank.source("bank", bank.database, "public", bulk_load={**OFTEN, "checkpoint_enabled": False})
    crash(bank, "split.after-start:5")
    wait_until(lambda: not holders(bank), "somebody holds what was not to be held")
    assert not held(bank) and not noted(bank)
    again(bank)
    assert_balanced(bank, duck)
    assert_tidy(bank, history=True)


def test_a_table_rewritten_meanwhile_is_not_mixed(bank, duck):
    """TRUNCATE would show it empty under the old snapshot: that run fails, the next takes a new one."""
    crash(bank, "split.after-ledger:3")
    bank.connection.execute("TRUNCATE left_account; INSERT INTO left_account SELECT g, 1000 FROM generate_series(1, 60000) g;"
                            "UPDATE right_account SET amount = 1000")
    environment = bank.full_environment()
    failed = subprocess.run([CRASH, "load", "--source", "bank"], cwd=bank.folder, env=environment, text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert failed.returncode == 1 and "rewritten" in failed.stderr, failed.stderr
    again(bank)
    found = totals(bank, duck)
    assert found["left_account"] == (ACCOUNTS, ACCOUNTS, ACCOUNTS * 1000)
    wait_until(lambda: not holders(bank), "a holder was left")
