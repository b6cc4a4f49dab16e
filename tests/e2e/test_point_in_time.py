"""One point in time: writers move money while a load runs, and its position is the slot's."""
import json
import os
import random
import signal
import threading
import time

import psycopg
import pytest

import expected
from firn import LOADER
from judges import assert_equal, read_pyiceberg
from servers.postgres import SUPERUSER
from servers.process import Process

SLOT = PUBLICATION = "firn_bank"
ACCOUNTS = 60000
BANK = f"""
    CREATE TABLE left_account (id int PRIMARY KEY, amount bigint NOT NULL, padding text);
    INSERT INTO left_account SELECT g, 1000, repeat('x', 100) FROM generate_series(1, {ACCOUNTS}) g;
    CREATE TABLE right_account (id int PRIMARY KEY, amount bigint NOT NULL, padding text);
    INSERT INTO right_account SELECT g, 1000, repeat('y', 100) FROM generate_series(1, {ACCOUNTS}) g;
    ANALYZE
"""
TOTAL = 2 * ACCOUNTS * 1000


@pytest.fixture
def bank(project, new_database):
    project.database, project.connection = new_database(BANK)
    project.bulk_load = {"parallel_workers": 2, "parallel_tables": 4, "large_table_threshold": 1000, "retry_backoff": 0}
    configure(project)
    yield project
    project.connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                               "WHERE slot_name = 'firn_bank' AND NOT active")


def configure(project, connection=None, **bulk_load):
    project.source("bank", project.database, "public", connection=connection, bulk_load={**project.bulk_load, **bulk_load})


class Movers:
    """Move money between the two tables, and between pages of one, until told to stop."""

    def __init__(self, server, database, count=3):
        self.place = f"host={server.folder} port={server.port} user={SUPERUSER} dbname={database}"
        self.stop = threading.Event()
        self.moves = 0
        self.failure = None
        self.threads = [threading.Thread(target=self.move, args=(seed,)) for seed in range(count)]

    def move(self, seed):
        chance = random.Random(seed)
        tables = ("left_account", "right_account")
        try:
            with psycopg.connect(self.place, autocommit=True) as connection:
                while not self.stop.is_set():
                    amount = chance.randrange(1, 500)
                    with connection.transaction():
                        # Always in the same order of tables and keys: no deadlocks.
                        steps = sorted([(chance.choice(tables), chance.randrange(1, ACCOUNTS + 1), -amount),
                                        (chance.choice(tables), chance.randrange(1, ACCOUNTS + 1), amount)])
                        for table, account, change in steps:
                            connection.execute(f"UPDATE {table} SET amount = amount + %s WHERE id = %s", (change, account))
                    self.moves += 1
        except Exception as failure:  # told by __exit__, in the test's own thread
            self.failure = failure

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        while self.moves < 20 and not self.failure:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.failure, self.failure


def scan(project, duck, table):
    return duck.scan(project.lake.metadata_path("bronze.bank", table))


def totals(project, duck):
    """Of each table: rows, distinct ids, money."""
    return {table: duck.query(f"SELECT count(*), count(DISTINCT id), sum(amount)::BIGINT FROM "
                              f"{scan(project, duck, table)}").fetchall()[0]
            for table in ("left_account", "right_account")}


def assert_balanced(project, duck):
    found = totals(project, duck)
    for table, (rows, ids, _) in found.items():
        assert (rows, ids) == (ACCOUNTS, ACCOUNTS), table
    assert sum(money for _, _, money in found.values()) == TOTAL, found


def slot(project):
    rows = project.connection.execute("SELECT confirmed_flush_lsn::text, active, plugin, temporary FROM pg_replication_slots "
                                      "WHERE slot_name = %s", (SLOT,)).fetchall()
    return rows[0] if rows else None


def test_sums_are_right_while_money_moves(bank, server, duck):
    for _ in range(4):
        with Movers(server, bank.database) as movers:
            before = movers.moves
            bank.load("bank", "--no-resume")
            assert movers.moves > before, "nothing was moved during the load"
        assert_balanced(bank, duck)
        assert bank.run_json()["point"]["exact"] is True
        assert slot(bank) is None, "a slot was left although none was asked for"
        assert server.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'firn_load_%'") == "0"


def test_position_is_the_slots(bank, server, duck):
    configure(bank, connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"}, create_slot=True)
    bank.environment["SUPER_PASSWORD"] = server.password
    with Movers(server, bank.database):
        result = bank.load("bank")
    assert_balanced(bank, duck)
    confirmed, active, plugin, temporary = slot(bank)
    assert (plugin, str(active)[0].lower(), str(temporary)[0].lower()) == ("pgoutput", "f", "f")
    assert bank.run_json()["point"]["position"] == confirmed and f"position {confirmed}\n" in result.err
    assert "pg_drop_replication_slot" in result.err, "nothing said what the slot costs"
    published = bank.connection.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1",
                                        (PUBLICATION,)).fetchall()
    assert [row[0] for row in published] == ["left_account", "right_account"]
    # What came before the position is in the load, what comes after is in the slot: together everything.
    replay(bank, duck)

    # A second load keeps the slot and has an exact point of its own.
    with Movers(server, bank.database):
        second = bank.load("bank", "--no-resume", "--table-filter", "%account")
    assert_balanced(bank, duck)
    assert slot(bank)[0] == confirmed
    assert bank.run_json()["point"]["position"] != confirmed and bank.run_json()["point"]["exact"] is True
    assert "is there already" in second.err


def replay(project, duck):
    """The slot's changes, from its start, laid over the lake's rows give the database's rows."""
    amounts = {table: dict(duck.query(f"SELECT id, amount FROM {scan(project, duck, table)}").fetchall())
               for table in ("left_account", "right_account")}
    # Decoding sees what is flushed; the test server commits without waiting for that, this one commit does.
    project.connection.execute("BEGIN; SET LOCAL synchronous_commit = on; CREATE TABLE flushed (); COMMIT")
    project.connection.execute("SELECT pg_copy_logical_replication_slot('firn_bank', 'replayed', true, 'test_decoding')")
    changes = project.connection.execute("SELECT data FROM pg_logical_slot_get_changes('replayed', NULL, NULL)").fetchall()
    project.connection.execute("SELECT pg_drop_replication_slot('replayed')")
    for (text,) in changes:
        if not text.startswith("table public."):
            continue
        table = text.split(".")[1].split(":")[0]
        words = dict(part.split(":", 1) for part in text.replace("[integer]", "").replace("[bigint]", "").split() if ":" in part)
        amounts[table][int(words["id"])] = int(words["amount"])
    for table, found in amounts.items():
        wanted = project.connection.execute(f"SELECT id, amount FROM {table}").fetchall()
        assert {int(key): int(value) for key, value in wanted} == found, table


def test_role_without_replication(bank, server, duck):
    server.sql("CREATE ROLE reader LOGIN PASSWORD 'canary-reader'")
    server.sql("GRANT pg_read_all_data TO reader")
    bank.secrets.add("canary-reader")
    bank.environment["READER_PASSWORD"] = "canary-reader"
    configure(bank, connection={"username": "reader", "password": "${READER_PASSWORD}"}, create_slot=True)
    try:
        with Movers(server, bank.database):
            result = bank.load("bank")
        assert_balanced(bank, duck)
        assert bank.run_json()["point"]["exact"] is False
        assert "REPLICATION" in result.err and "not exact" in result.err
        assert "CREATE PUBLICATION" in result.err
        assert slot(bank) is None
    finally:
        server.sql("DROP ROLE reader")


def test_no_slot_without_a_publication(bank, duck):
    """The role may replicate but does not own the tables: a slot would be useless, and would hold WAL."""
    configure(bank, create_slot=True)
    result = bank.load("bank")
    assert "CREATE PUBLICATION" in result.err and "publish_via_partition_root" in result.err
    assert bank.run_json()["point"]["exact"] is True
    assert slot(bank) is None
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    bank.load("bank", "--no-resume")
    assert slot(bank) is not None
    assert_balanced(bank, duck)


def test_a_slot_waits_for_running_transactions(bank, server):
    """A slot that is to stay waits as long as it takes, and says for whom; a passing one gives up, the load goes on."""
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    with psycopg.connect(f"host={server.folder} port={server.port} user={SUPERUSER} dbname={bank.database}") as other:
        other.execute("UPDATE left_account SET amount = amount WHERE id = 1")
        holder = other.info.backend_pid
        result = bank.load("bank", "--schema-only")
        assert bank.run_json()["point"]["exact"] is False and "not exact" in result.err

        configure(bank, create_slot=True)
        process = bank.start("load", "--source", "bank", "--no-resume")
        seen = ""
        while f"process {holder} " not in seen:
            line = process.stderr.readline()
            assert line, f"it ended without waiting: {seen}"
            seen += line
        process.terminate()
        assert process.wait(timeout=20) == 130
        process.communicate()
        deadline = time.monotonic() + 20
        while slot(bank):
            assert time.monotonic() < deadline, "the slot that was not ready is still there"
            time.sleep(0.1)

        process = bank.start("load", "--source", "bank", "--no-resume")
        while f"process {holder} " not in process.stderr.readline():
            assert process.poll() is None
        other.commit()
        process.communicate(timeout=100)
        assert process.returncode == 0
    assert slot(bank)[0] == bank.run_json()["point"]["position"]


def test_tables_older_than_the_slot_are_told(bank):
    bank.load("bank")
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    configure(bank, create_slot=True)
    assert "2 tables were loaded before the replication slot was made" in bank.load("bank").err
    assert "loaded before the replication slot" not in bank.load("bank", "--no-resume").err


def test_a_dry_run_makes_nothing(bank):
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    configure(bank, create_slot=True)
    assert "firn_bank" in bank.load("bank", "--dry-run").out
    assert slot(bank) is None


def test_a_foreign_slot_is_told_and_left(bank):
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    bank.connection.execute("SELECT pg_create_logical_replication_slot('firn_bank', 'test_decoding')")
    configure(bank, create_slot=True)
    result = bank.load("bank")
    assert "belongs to something else" in result.err and bank.run_json()["point"]["exact"] is True
    assert slot(bank)[2] == "test_decoding"
    refused = bank.run("load", "--source", "bank", "--fresh-start")
    assert refused.code == 64 and "replication slot" not in refused.err
    bank.load("bank", "--fresh-start", "--yes", "--schema-only")
    assert slot(bank)[2] == "test_decoding", "somebody else's slot was dropped"


def test_an_invalidated_slot_is_told(bank, server):
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    configure(bank, create_slot=True)
    bank.load("bank", "--schema-only")
    try:
        server.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        server.sql("SELECT pg_reload_conf()")
        for _ in range(4):
            bank.connection.execute("UPDATE right_account SET amount = amount WHERE id < 100")
            server.sql("SELECT pg_switch_wal()")
        server.sql("CHECKPOINT")
        assert "invalidated" in bank.load("bank", "--no-resume").err
        assert bank.run_json()["point"]["exact"] is True
        check = bank.run("check", "--source", "bank")
        assert "invalidated" in check.out + check.err and check.code == 1
        lost = slot(bank)[0]
        bank.load("bank", "--fresh-start", "--yes", "--schema-only")
        assert slot(bank)[0] not in (None, lost)
    finally:
        server.sql("ALTER SYSTEM RESET max_slot_wal_keep_size")
        server.sql("SELECT pg_reload_conf()")


def test_partitions_are_published_as_their_root(bank, server, duck):
    """A publication made by firn shows partitions as their root."""
    bank.connection.execute("CREATE TABLE ledger (id int, day int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
                            "CREATE TABLE ledger_1 PARTITION OF ledger FOR VALUES FROM (0) TO (10);"
                            "CREATE TABLE ledger_2 PARTITION OF ledger FOR VALUES FROM (10) TO (20);"
                            "INSERT INTO ledger SELECT g, g % 20 FROM generate_series(1, 100) g")
    configure(bank, connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"}, create_slot=True)
    bank.environment["SUPER_PASSWORD"] = server.password
    bank.load("bank", "--table-filter", "left%")
    bank.load("bank")
    published = bank.connection.execute("SELECT tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1",
                                        (PUBLICATION,)).fetchall()
    assert [row[0] for row in published] == ["ledger", "left_account", "right_account"]
    assert duck.query(f"SELECT count(*) FROM {scan(bank, duck, 'ledger')}").fetchall() == [(100,)]


def test_a_table_without_identity_is_not_published(bank, server):
    """In a publication, the application's own updates of it would fail."""
    bank.connection.execute("CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)")
    configure(bank, connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"}, create_slot=True)
    bank.environment["SUPER_PASSWORD"] = server.password
    result = bank.load("bank")
    assert "keyless" in result.err and "REPLICA IDENTITY" in result.err
    bank.connection.execute("UPDATE keyless SET a = 2")
    assert slot(bank) is not None


def test_fresh_start_drops_the_slot(bank, server):
    configure(bank, create_slot=True)
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account, right_account")
    bank.load("bank")
    first = slot(bank)[0]
    refused = bank.run("load", "--source", "bank", "--fresh-start")
    assert refused.code == 64 and "replication slot firn_bank" in refused.err
    assert slot(bank)[0] == first
    bank.load("bank", "--fresh-start", "--yes", "--schema-only")
    assert slot(bank)[0] != first

    reader = Process("pg_recvlogical",
                     [os.path.join(server.bin, "pg_recvlogical"), "-h", server.folder, "-p", str(server.port), "-U", SUPERUSER,
                      "-d", bank.database, "--slot", SLOT, "--start", "-f", "/dev/null", "-o", "proto_version=1", "-o",
                      "publication_names=firn_bank"], os.path.join(server.folder, "recvlogical.log"))
    try:
        deadline = time.monotonic() + 20
        while str(slot(bank)[1])[0].lower() != "t":
            assert time.monotonic() < deadline, "the slot is not read"
            time.sleep(0.1)
        result = bank.run("load", "--source", "bank", "--fresh-start", "--yes")
        assert result.code == 75 and "FIRN-2007" in result.err and "process" in result.err
        assert (bank.warehouse / "bronze" / "bank" / "left_account").is_dir(), "tables were dropped although the slot is in use"
    finally:
        reader.stop()


def test_check_tells_of_the_slot(bank):
    configure(bank, create_slot=True)
    before = bank.run("check", "--source", "bank", "--sql")
    assert "CREATE PUBLICATION" in before.out
    bank.connection.execute("SELECT pg_create_logical_replication_slot('firn_bank', 'pgoutput')")
    bank.connection.execute("CREATE PUBLICATION firn_bank FOR TABLE left_account")
    younger = bank.run("check", "--source", "bank")
    assert "older than its publication" in younger.out + younger.err
    assert "ADD TABLE" in bank.run("check", "--source", "bank", "--sql").out
    bank.connection.execute("SELECT pg_drop_replication_slot('firn_bank')")
    bank.connection.execute("SELECT pg_create_logical_replication_slot('firn_bank', 'pgoutput')")
    assert "holds" in bank.run("check", "--source", "bank").out


def test_lost_connections_are_made_again(bank, server, duck):
    """Readers' backends are ended again and again: the same rows, once each."""
    bank.connection.execute("UPDATE left_account SET padding = repeat(md5(id::text), 200)")
    configure(bank, max_retries=50)
    ended = 0
    with Movers(server, bank.database, count=1):
        process = bank.start("load", "--source", "bank")
        while process.poll() is None:
            found = server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '" + LOADER + "' "
                               "AND application_name = 'firn' AND query LIKE 'COPY%'")
            ended += int(found)
            time.sleep(0.05)
            if ended > 20:
                break
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert ended > 0, "no reader was met"
    assert_balanced(bank, duck)


# ------------------------------------------------------------------ tables that change shape behind the snapshot

def held_at_first(project, first, *arguments):
    """A run that has its snapshot and stands still in the COPY of its first, largest table."""
    process = project.start(*arguments)
    copying = ("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%%' AND query LIKE %s AND state = 'active' AND datname = %s")
    while project.connection.execute(copying, (f"%{first}%", project.database)).fetchone() == (0,):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGSTOP)
    locked = project.connection.execute("SELECT relation::regclass::text FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE "
                                        "datname = current_database()) AND relation IS NOT NULL AND pid <> pg_backend_pid()").fetchall()
    assert not {name for name, in locked} & {"emptied", "dropped", "anew", "widened"}, "too late to see it"
    return process


def test_tables_that_are_truncated_or_dropped_behind_the_snapshot(project, new_database, duck):
    """TRUNCATE is not MVCC-safe: an older snapshot sees an empty table. It is not loaded as one."""
    project.database, project.connection = new_database(
        "CREATE TABLE large (id int PRIMARY KEY, v text); INSERT INTO large SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 120000) g;"
        + "".join(f"CREATE TABLE {name} (id int PRIMARY KEY, v text); INSERT INTO {name} SELECT g, 'v' || g FROM generate_series(1, 100) g;"
                  for name in ("emptied", "dropped", "anew", "widened", "quiet"))
        + "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part_0 PARTITION OF parts FOR VALUES FROM (0) TO (50);"
          "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (50) TO (200); INSERT INTO parts SELECT generate_series(0, 99)")
    project.source("s", project.database, "public", bulk_load={"parallel_workers": 1, "parallel_tables": 1})
    behind = ("TRUNCATE emptied; INSERT INTO emptied VALUES (7, 'later'); DROP TABLE dropped; DROP TABLE anew; CREATE TABLE anew (id int PRIMARY KEY, v text);"
              "INSERT INTO anew VALUES (1, 'new'); ALTER TABLE widened ALTER id TYPE bigint; UPDATE quiet SET v = 'later'; DELETE FROM quiet WHERE id > 50;"
              "TRUNCATE part_1")
    process = held_at_first(project, "large", "load", "--source", "s")
    try:
        project.connection.execute(behind)
    finally:
        process.send_signal(signal.SIGCONT)
    _, error = process.communicate(timeout=120)

    assert process.returncode == 1, error
    for name, what in (("emptied", "truncated"), ("dropped", "dropped or renamed"), ("anew", "made anew"), ("widened", "rewritten"), ("parts", "truncated")):
        line = next(line for line in error.splitlines() if f"table '{name}' was" in line)
        assert what in line and "FIRN-2014" in line, error
    assert "takes a new snapshot" in error
    assert project.lake.tables("bronze.s") == ["_cdc_status", "large", "quiet"]
    rows = read_pyiceberg(project.lake, "bronze.s", "quiet")
    assert rows.num_rows == 100 and set(rows["v"].to_pylist()) == {f"v{number}" for number in range(1, 101)}, "as of the snapshot"

    project.load("s")

    for name in ("emptied", "anew", "widened", "parts", "large"):
        want = expected.read(project.connection, "public", name)
        assert_equal(want, read_pyiceberg(project.lake, "bronze.s", name), "PyIceberg")
    # The same for a comparison of all values.
    project.connection.execute("CREATE TABLE dropped (id int PRIMARY KEY, v text)")
    project.load("s", "--no-resume")
    process = held_at_first(project, "large", "validate", "--source", "s", "--deep", "--format", "json")
    try:
        project.connection.execute("TRUNCATE emptied; DROP TABLE dropped; UPDATE quiet SET v = 'much later'")
    finally:
        process.send_signal(signal.SIGCONT)
    out, error = process.communicate(timeout=120)
    tables = {table["table"]: (table["state"], table["error"]) for table in json.loads(out)["tables"]}
    assert process.returncode == 1
    assert tables == {"large": ("equal", None), "quiet": ("equal", None), "anew": ("equal", None), "widened": ("equal", None), "parts": ("equal", None),
                      "emptied": ("failed", "FIRN-2014"), "dropped": ("failed", "FIRN-2014")}, error
