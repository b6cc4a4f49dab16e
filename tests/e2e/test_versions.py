"""Every PostgreSQL from 12 to 18: loads, and hands out its changes as they were made."""
import pathlib

import pytest

import expected
import feed
from firn import LOADER, LOADER_PASSWORD, Project
from judges import assert_equal, read_pyiceberg
from servers.postgres import SUPERUSER, PostgresServer
from servers.process import scratch_folder
from workload import NAMES, TABLES as FOLLOWED_TABLES

VERSIONS = [12, 13, 14, 15, 16, 17, 18]  # 15 is Debian's
SETTINGS = "logical_decoding_work_mem = 64kB\nmax_prepared_transactions = 5\n"
BEFORE_13 = SETTINGS.replace("logical_decoding_work_mem = 64kB\n", "")

TABLES = """
CREATE TABLE d (id int PRIMARY KEY, note text, big text);
ALTER TABLE d ALTER big SET STORAGE EXTERNAL;
CREATE TABLE i (id int NOT NULL, code text NOT NULL, x int);
CREATE UNIQUE INDEX i_code ON i (code);
ALTER TABLE i REPLICA IDENTITY USING INDEX i_code;
CREATE TABLE f (a int, b text);
ALTER TABLE f REPLICA IDENTITY FULL;
CREATE TABLE n (a int);
CREATE TABLE bulk (id int PRIMARY KEY, filler text);
CREATE PUBLICATION p FOR TABLE d, i, f, n, bulk;
ALTER TABLE n REPLICA IDENTITY NOTHING;
SELECT pg_create_logical_replication_slot('plain', 'pgoutput');
"""

CHANGES = """
INSERT INTO d VALUES (1, 'one', repeat('x', 5000));
UPDATE d SET note = 'uno';
UPDATE d SET id = 2;
BEGIN; INSERT INTO i VALUES (1, 'a', 1); UPDATE i SET x = 2; UPDATE i SET code = 'b'; DELETE FROM i; COMMIT;
BEGIN; INSERT INTO f VALUES (1, NULL); UPDATE f SET b = 'é'; DELETE FROM f; COMMIT;
INSERT INTO n VALUES (1);
TRUNCATE d, f RESTART IDENTITY CASCADE;
BEGIN; INSERT INTO d VALUES (3, NULL, ''); ALTER TABLE d ADD COLUMN extra int DEFAULT 7; INSERT INTO d VALUES (4, 'four');
ALTER TABLE d RENAME note TO remark; ALTER TABLE d DROP COLUMN big; INSERT INTO d VALUES (5, 'five'); COMMIT;
BEGIN; INSERT INTO d VALUES (6, 'gone'); ROLLBACK;
BEGIN; INSERT INTO bulk SELECT g, repeat('k', 100) FROM generate_series(1000, 2999) g; SAVEPOINT s;
INSERT INTO bulk SELECT g, repeat('l', 100) FROM generate_series(3000, 4999) g; ROLLBACK TO s;
INSERT INTO bulk SELECT g, repeat('m', 100) FROM generate_series(5000, 5999) g; COMMIT;
BEGIN; INSERT INTO bulk SELECT g, repeat('n', 100) FROM generate_series(6000, 8999) g; ROLLBACK;
BEGIN; INSERT INTO f VALUES (10, 'prepared first'); PREPARE TRANSACTION 'g1';
BEGIN; INSERT INTO f VALUES (11, 'never'); PREPARE TRANSACTION 'g2';
INSERT INTO f VALUES (12, 'between');
ROLLBACK PREPARED 'g2';
COMMIT PREPARED 'g1';
SELECT pg_replication_origin_create('elsewhere');
SELECT pg_replication_origin_session_setup('elsewhere');
INSERT INTO f VALUES (13, 'from elsewhere');
SELECT pg_replication_origin_session_reset();
"""
MESSAGES = """
BEGIN; SELECT pg_logical_emit_message(true, 'p', 'inside'); INSERT INTO f VALUES (20, NULL); COMMIT;
SELECT pg_logical_emit_message(false, 'p', 'between');
INSERT INTO f VALUES (21, NULL);
"""

EXPECTED = """
begin; relation d d id*,note,big; insert d new(1,one,xxx…5000); commit
begin; update d new(1,uno,~); commit
begin; update d key(1,-,-) new(2,uno,~); commit
begin; relation i i id,code*,x; insert i new(1,a,1); update i new(1,a,2); update i key(-,a,-) new(1,b,2); delete i key(-,b,-); commit
begin; relation f f a*,b*; insert f new(1,-); update f old(1,-) new(1,é); delete f old(1,é); commit
begin; relation n n a; insert n new(1); commit
begin; truncate d 11; truncate f 11; commit
begin; insert d new(3,-,); relation d d id*,note,big,extra; insert d new(4,four,-,7); relation d d id*,remark,extra; insert d new(5,five,7); commit
begin; relation bulk d id*,filler; bulk 3000 1000..5999; commit
begin; insert f new(12,between); commit
begin; insert f new(10,prepared first); commit
begin; insert f new(13,from elsewhere); commit
"""
EXPECTED_MESSAGES = """
begin; message 1 p=inside; insert f new(20,-); commit
message 0 p=between
begin; insert f new(21,-); commit
"""


def lines_of(text):
    return [part for line in text.strip().splitlines() for part in line.split("; ")]


@pytest.fixture(scope="module", params=VERSIONS)
def versioned(request):
    """A server of that version after the changes, the end of its log, and what must come."""
    version = request.param
    settings = SETTINGS if version >= 13 else BEFORE_13
    with PostgresServer(version=None if version == 15 else version, shared_buffers="32MB", settings=settings) as server:
        server.sql(f"CREATE ROLE {LOADER} LOGIN REPLICATION PASSWORD '{LOADER_PASSWORD}'")
        script = pathlib.Path(server.folder) / "changes.sql"
        messages = MESSAGES if version >= 14 else ""
        two_phase = "SELECT pg_create_logical_replication_slot('two', 'pgoutput', false, true);" if version >= 15 else ""
        script.write_text(TABLES + two_phase + CHANGES + messages, encoding="utf-8")
        server.sql_file(str(script))
        wanted = lines_of(EXPECTED) + (lines_of(EXPECTED_MESSAGES) if messages else [])
        yield version, server, server.sql("SELECT pg_current_wal_insert_lsn()"), wanted


def test_changes_come_as_they_were_made(versioned):
    _, server, end, wanted = versioned
    assert feed.items(feed.read(server, "postgres", "plain", f"until={end}", "table=d", "table=f")) == wanted


def test_running_transactions_are_kept_on_disk_above_the_limit(versioned):
    version, server, end, wanted = versioned
    lines = feed.read(server, "postgres", "plain", f"until={end}", "memory=20000")
    assert feed.items(lines) == wanted
    assert (feed.counts(lines)["spilled"] > 100000) == (version >= 14)


def test_changes_that_the_server_keeps_are_the_same(versioned):
    _, server, end, wanted = versioned
    assert feed.items(feed.read(server, "postgres", "plain", f"until={end}", "streaming=off")) == wanted


def test_prepared_transactions_come_at_their_commit(versioned):
    version, server, end, wanted = versioned
    if version >= 15:
        assert feed.items(feed.read(server, "postgres", "two", f"until={end}")) == wanted


def test_binary_values_are_the_same_rows(versioned):
    _, server, end, _ = versioned
    text = feed.read(server, "postgres", "plain", f"until={end}", "values=decoded", "streaming=off", "policy=null")[:-1]
    binary = feed.read(server, "postgres", "plain", f"until={end}", "values=decoded", "format=binary", "policy=null")[:-1]
    assert text == binary and len(text) > 3000


def test_load(versioned):
    version, server, _, _ = versioned
    server.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {LOADER}")
    project = Project(scratch_folder(f"version{version}"), server)
    project.source("shop", "postgres", "public", namespace="bronze.shop")
    project.load("shop")
    bulk = read_pyiceberg(project.lake, "bronze.shop", "bulk")
    assert sorted(bulk.column("id").to_pylist()) == [*range(1000, 3000), *range(5000, 6000)]
    assert read_pyiceberg(project.lake, "bronze.shop", "d").select(["id", "remark", "extra"]).to_pylist() == [
        {"id": 3, "remark": None, "extra": 7}, {"id": 4, "remark": "four", "extra": 7}, {"id": 5, "remark": "five", "extra": 7}]


# Statement by statement; the transaction in the middle is streamed where the server can do that.
FOLLOWED_CHANGES = """
INSERT INTO plain VALUES ('q', 1), ('q', 1), (NULL, NULL)
UPDATE keyed SET amount = amount + 1 WHERE id % 3 = 0
UPDATE keyed SET id = id + 100000, doc = NULL WHERE id < 50
DELETE FROM keyed WHERE id % 11 = 0
UPDATE pair SET b = b || 'z' WHERE a % 2 = 0
DELETE FROM plain WHERE ctid IN (SELECT ctid FROM plain WHERE w = 3 LIMIT 20)
BEGIN; TRUNCATE plain; INSERT INTO plain VALUES ('after', 1), ('after', 1); COMMIT
ALTER TABLE keyed ADD COLUMN extra timestamptz
ALTER TABLE keyed RENAME name TO label
BEGIN; INSERT INTO keyed (id, amount, extra) SELECT g, 1, now() FROM generate_series(200000, 210000) g; SAVEPOINT s; DELETE FROM keyed; ROLLBACK TO s; \
UPDATE keyed SET big = repeat(md5(id::text), 2), flags = '{t}' WHERE id % 2 = 0; COMMIT
BEGIN; DELETE FROM keyed; ROLLBACK
ALTER TABLE pair DROP COLUMN v
UPDATE pair SET a = -a WHERE a < 20
UPDATE plain SET w = 2
"""


def test_follow(versioned, duck):
    version, server, _, _ = versioned
    server.sql("CREATE DATABASE followed")
    connection = expected.connect(f"host={server.folder} port={server.port} user={SUPERUSER} dbname=followed")
    connection.execute("RESET search_path")
    connection.execute(FOLLOWED_TABLES)
    project = Project(scratch_folder(f"followed{version}"), server)
    project.environment["SUPER_PASSWORD"] = server.password
    project.source("n", "followed", "public", follow={"from": "postgres"}, tables={"keyed": {"format_version": 3}},
                   connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"})
    project.load("n")
    try:
        for statement in FOLLOWED_CHANGES.replace("\\\n", "").strip().splitlines():
            connection.execute(statement)
        for turn in range(2):
            project.run("follow", "--source", "n", "--until-caught-up", timeout=60).expect(0)
            for name in NAMES:
                source = expected.read(connection, "public", name)
                assert_equal(source, read_pyiceberg(project.lake, "bronze.n", name), "PyIceberg")
                assert_equal(source, duck.read(project.lake, "bronze.n", name), "DuckDB")
            connection.execute(f"UPDATE keyed SET amount = -amount WHERE id % 5 = 0; DELETE FROM plain WHERE w = 2; INSERT INTO pair VALUES (-1, 'last{turn}')")
    finally:
        connection.close()
        server.sql("SELECT pg_drop_replication_slot('firn_n')")
