"""`firn validate`: what it finds, what it shows, and what --repair makes of it."""
import contextlib
import signal
import threading
import time

import psycopg
import pytest

import expected
from judges import assert_equal, read_pyiceberg
from servers.postgres import SUPERUSER
from test_json_schema import valid
from workload import NAMES, TABLES, Workload

SHOP = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric(12,2), note text, paid boolean, at timestamptz, day date,
                     tags text[], doc jsonb, code uuid, rate float8, raw bytea, feel mood);
INSERT INTO orders SELECT g, g % 7, g * 1.25, 'note ' || g, g % 2 = 0, '2026-01-01 00:00+00'::timestamptz + g * interval '1 min',
       '2026-01-01'::date + g % 300, ARRAY['a', 'b' || g], jsonb_build_object('n', g), md5(g::text)::uuid, g / 3.0,
       decode(md5(g::text), 'hex'), 'ok' FROM generate_series(1, 3000) g;
CREATE TABLE lines (order_id int, line int, sku text, PRIMARY KEY (order_id, line));
INSERT INTO lines SELECT g, l, 'sku' || g FROM generate_series(1, 500) g, generate_series(1, 3) l;
CREATE TABLE journal (what text, n int);
INSERT INTO journal SELECT 'x' || g % 50, g % 5 FROM generate_series(1, 1000) g;
CREATE TABLE nothing (id int PRIMARY KEY);
"""
# A change of each type, and what is shown of it.
CHANGES = [("customer", "99", "99"), ("amount", "amount + 0.01", None), ("note", "NULL", None), ("paid", "NOT paid", None),
           ("at", "at + interval '1 microsecond'", None), ("day", "'1999-12-31'", "1999-12-31"), ("tags", "tags || 'x'::text", None),
           ("doc", "doc || '{\"m\": 1}'", None), ("code", "gen_random_uuid()", None), ("rate", "'NaN'", "NaN"), ("raw", "''", ""),
           ("feel", "'sad'", "sad")]


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(SHOP)
    project.source("shop", project.database, "public")
    return project


@pytest.fixture(params=(2, 3))
def loaded(request, shop):
    if request.param == 3:
        shop.source("shop", shop.database, "public", tables={name: {"format_version": 3} for name in ("orders", "lines", "journal")})
    shop.load("shop")
    return shop


def validate(project, *arguments, code=0, **keywords):
    result = project.run("validate", "--source", "shop", "--format", "json", *arguments, **keywords).expect(code)
    document = valid(result.json, "validate")
    return {table["table"]: table for table in document["tables"]}


def assert_like_source(project, *names):
    for name in names:
        assert_equal(expected.read(project.connection, "public", name), read_pyiceberg(project.lake, "bronze.shop", name), "PyIceberg")


def test_equal(loaded):
    for arguments in ((), ("--deep",)):
        tables = validate(loaded, *arguments)
        assert {table["state"] for table in tables.values()} == {"equal"} and len(tables) == 4
        assert (tables["orders"]["source_rows"], tables["orders"]["lake_rows"]) == (3000, 3000)
    assert "nothing" not in validate(loaded, "--hide-empty")
    result = loaded.run("validate_iceberg_tables", "--source", "shop").expect(0)
    assert "4 tables equal, 0 different" in result.err.splitlines()[-1]
    assert loaded.run_json()["exit_code"] == 0


def test_a_change_of_each_type_is_found_and_shown(shop):
    shop.load("shop")
    for number, (column, value, _) in enumerate(CHANGES, 1):
        shop.server.sql(f"UPDATE orders SET {column} = {value} WHERE id = {number}", shop.database)
    assert validate(shop)["orders"]["state"] == "equal", "counts do not see it"
    table = validate(shop, "--deep", code=1)["orders"]
    assert (table["different"], table["only_in_source"], table["only_in_lake"]) == (len(CHANGES), 0, 0)
    assert table["columns"] == [column for column, _, _ in CHANGES], "all of them, also of the rows that are not shown"
    assert table["ranges"] == [{"first": "id=1", "last": "id=12", "keys": 12, "source_rows": 12, "lake_rows": 12}]
    assert len(table["differences"]) == 10
    for difference in table["differences"]:
        number = int(difference["key"].removeprefix("id="))
        column, _, shown = CHANGES[number - 1]
        assert [value["column"] for value in difference["values"]] == [column]
        assert difference["values"][0]["source"] != difference["values"][0]["lake"]
        if shown is not None:
            assert difference["values"][0]["source"] == shown


def test_rows_that_are_missing_extra_and_doubled(loaded):
    loaded.server.sql("DELETE FROM orders WHERE id IN (7, 8); INSERT INTO orders (id, note) VALUES (9000, 'new');"
                      "INSERT INTO journal VALUES ('x1', 1), ('x1', 1), ('fresh', 0); DELETE FROM journal WHERE what = 'x2' AND n = 2;"
                      "UPDATE lines SET line = 10 WHERE order_id = 3 AND line = 1", loaded.database)
    tables = validate(loaded, "--deep", code=1)
    orders, journal, lines = (tables[name] for name in ("orders", "journal", "lines"))
    assert (orders["only_in_source"], orders["only_in_lake"], orders["different"]) == (1, 2, 0)
    assert {(d["kind"], d["key"]) for d in orders["differences"]} == {
        ("only_in_lake", "id=7"), ("only_in_lake", "id=8"), ("only_in_source", "id=9000")}
    assert (journal["only_in_source"], journal["only_in_lake"]) == (3, 20)
    assert {d["key"] for d in lines["differences"]} == {"order_id=3, line=1", "order_id=3, line=10"}
    assert tables["nothing"]["state"] == "equal" and (tables["nothing"]["columns"], tables["nothing"]["ranges"]) == ([], [])
    assert orders["columns"] == [] and orders["ranges"] == [
        {"first": "id=7", "last": "id=8", "keys": 2, "source_rows": 0, "lake_rows": 2},
        {"first": "id=9000", "last": "id=9000", "keys": 1, "source_rows": 1, "lake_rows": 0}]
    assert [(r["keys"], r["source_rows"], r["lake_rows"]) for r in lines["ranges"]] == [(2, 3, 3)] and journal["ranges"] == []

    repaired = validate(loaded, "--repair", "--yes")

    assert {name: table["state"] for name, table in repaired.items()} == {
        "orders": "repaired", "journal": "repaired", "lines": "repaired", "nothing": "equal"}
    assert {table["state"] for table in validate(loaded, "--deep").values()} == {"equal"}
    assert_like_source(loaded, "orders", "journal", "lines")
    snapshots = len(loaded.lake.metadata("bronze.shop", "orders")["snapshots"])
    assert snapshots == 2, "one commit"
    validate(loaded, "--repair", "--yes")
    assert len(loaded.lake.metadata("bronze.shop", "orders")["snapshots"]) == snapshots, "nothing to repair, no commit"


def test_repair_is_read_by_duckdb(loaded, duck):
    loaded.server.sql("UPDATE orders SET note = 'again' WHERE id % 3 = 0", loaded.database)
    validate(loaded, "--repair", "--yes", "--table-filter", "orders")
    metadata = loaded.lake.metadata_path("bronze.shop", "orders")
    if loaded.lake.metadata("bronze.shop", "orders")["format-version"] == 2:
        rows = duck.query(f"SELECT count(*) AS n, count(*) FILTER (note = 'again') AS again FROM iceberg_scan('{metadata}')")
        assert rows.fetchall() == [(3000, 1000)]
    assert_like_source(loaded, "orders")


def test_repair_is_read_by_spark(loaded, spark_new):
    loaded.server.sql("DELETE FROM lines WHERE order_id < 100; UPDATE lines SET sku = 'z' WHERE order_id = 200", loaded.database)
    validate(loaded, "--repair", "--yes", "--table-filter", "lines")
    assert_equal(expected.read(loaded.connection, "public", "lines"),
                 spark_new.read(loaded.warehouse, "bronze.shop", "lines"), "Spark")


def test_missing_and_extra_tables(shop):
    shop.load("shop")
    shop.server.sql("CREATE TABLE later (id int); DROP TABLE journal", shop.database)
    tables = validate(shop, code=1)
    assert (tables["later"]["state"], tables["journal"]["state"]) == ("missing", "extra")
    tables = validate(shop, "--no-check-missing")
    assert not {"later", "journal"} & set(tables)


def test_a_table_whose_file_is_gone_is_not_missing(shop):
    shop.load("shop")
    for path in shop.warehouse.glob("bronze/shop/lines/data/*.parquet"):
        path.unlink()
    tables = validate(shop, "--deep", code=1)
    assert (tables["lines"]["state"], tables["lines"]["error"]) == ("failed", "FIRN-3004") and ".parquet" in tables["lines"]["message"]
    assert tables["orders"]["state"] == "equal"


def test_columns_that_differ(shop):
    shop.load("shop")
    shop.server.sql("ALTER TABLE orders ALTER customer TYPE text, DROP COLUMN paid, ADD COLUMN more int", shop.database)
    table = validate(shop, "--deep", code=1)["orders"]
    assert sorted(table["type_differences"]) == ["column 'customer' is int in the lake, string in the source",
                                                 "column 'more' is not in the lake", "column 'paid' is in the lake only"]
    assert table["different"] == 0, "the others are compared"
    shop.server.sql("UPDATE orders SET note = 'x' WHERE id = 1", shop.database)
    table = validate(shop, "--repair", "--yes", "--table-filter", "orders", code=1)["orders"]
    assert (table["state"], table["error"]) == ("failed", "FIRN-5042")


def test_keys_that_are_there_twice_or_null(shop):
    shop.server.sql("CREATE TABLE loose (id int, v text); INSERT INTO loose SELECT g, 'v' FROM generate_series(1, 1000) g;"
                    "INSERT INTO loose VALUES (5, 'again'), (5, 'and again'), (9, 'v'), (NULL, 'no key')", shop.database)
    shop.source("shop", shop.database, "public", primary_keys={})
    shop.load("shop", "--table-filter", "loose")
    shop.server.sql("DELETE FROM loose WHERE v LIKE '%again' OR id IS NULL; DELETE FROM loose WHERE id = 9;"
                    "INSERT INTO loose VALUES (9, 'v'); ALTER TABLE loose ADD PRIMARY KEY (id)", shop.database)
    table = validate(shop, "--table-filter", "loose", code=1)["loose"]
    assert (table["null_keys"], table["duplicate_keys"]) == (1, 3)
    validate(shop, "--repair", "--yes", "--table-filter", "loose")
    assert validate(shop, "--table-filter", "loose")["loose"]["state"] == "equal"
    assert_like_source(shop, "loose")


def test_many_differences_are_counted_and_some_shown(shop):
    shop.load("shop")
    shop.server.sql("UPDATE orders SET note = note || '!'", shop.database)
    table = validate(shop, "--deep", "--table-filter", "orders", code=1)["orders"]
    assert table["different"] == 3000 and len(table["differences"]) == 10
    text = shop.run("validate", "--source", "shop", "--deep", "--table-filter", "orders").expect(1)
    assert "3000 rows different" in text.out and "… 3000 in all" in text.out
    assert "  columns with other values: note\n  from id=1 to id=3000: 3000 keys differ, 3000 rows in the source, 3000 in the lake\n" in text.out


def test_refusals(shop):
    shop.load("shop")
    result = shop.run("validate", "--source", "shop", "--repair").expect(64)
    assert "--yes" in result.err and "nothing was changed" in result.err
    shop.run("validate", "--source", "shop", "--table-filter", "nobody").expect(66)
    result = shop.run("validate", "--source", "shop", "--depp").expect(64)
    assert "--deep" in result.err
    shop.server.sql("REVOKE pg_read_all_data FROM firn_loader; GRANT USAGE ON SCHEMA public TO firn_loader;"
                    "GRANT SELECT ON lines TO firn_loader", shop.database)
    try:
        tables = validate(shop, code=1)
    finally:
        shop.server.sql("GRANT pg_read_all_data TO firn_loader")
    assert tables["lines"]["state"] == "equal" and tables["orders"]["state"] == "failed"
    assert tables["orders"]["error"] == "FIRN-2002"


@contextlib.contextmanager
def reader(project, *tables):
    """The source as a role that may do nothing but SELECT, from these tables."""
    project.secrets.add("reader-secret")
    project.environment["READER_PASSWORD"] = "reader-secret"
    grants = "".join(f"GRANT SELECT ON {name} TO firn_reader;" for name in tables)
    project.server.sql(f"CREATE ROLE firn_reader LOGIN PASSWORD 'reader-secret'; GRANT USAGE ON SCHEMA public TO firn_reader; {grants}", project.database)
    before = project.sources["shop"]["database_connection"]
    project.sources["shop"]["database_connection"] = {**before, "username": "firn_reader", "password": "${READER_PASSWORD}"}
    project.write_config()
    try:
        yield
    finally:
        project.sources["shop"]["database_connection"] = before
        project.write_config()
        project.server.sql("DROP OWNED BY firn_reader; DROP ROLE firn_reader", project.database)


@pytest.mark.parametrize("deep", ((), ("--deep",)))
def test_who_may_only_select(shop, deep):
    """Neither REPLICATION nor anything to own: everything is compared; what may not be read is told, table by table."""
    shop.load("shop")
    with reader(shop, "orders", "lines", "nothing"):
        result = shop.run("validate", "--source", "shop", "--format", "json", *deep).expect(1)
        tables = {table["table"]: table for table in valid(result.json, "validate")["tables"]}
        assert {name: table["state"] for name, table in tables.items()} == {
            "orders": "equal", "lines": "equal", "nothing": "equal", "journal": "failed"}
        failed = tables["journal"]
        assert failed["error"] == "FIRN-2002" and "journal" in failed["message"], failed
        assert failed["hint"] == "GRANT SELECT ON public.journal TO firn_reader" and tables["orders"]["hint"] is None
        text = shop.run("validate", "--source", "shop", *deep).expect(1)
        assert "journal\n  hint: GRANT SELECT ON public.journal TO firn_reader\n" in text.out, text
        shop.server.sql("UPDATE orders SET note = 'else' WHERE id = 7; DELETE FROM lines WHERE order_id = 3", shop.database)
        if deep:
            tables = validate(shop, *deep, code=1)
            assert (tables["orders"]["different"], tables["lines"]["only_in_lake"]) == (1, 3)
            repaired = validate(shop, "--repair", "--yes", code=1)
            assert {name: table["state"] for name, table in repaired.items()} == {
                "orders": "repaired", "lines": "repaired", "nothing": "equal", "journal": "failed"}
            assert_like_source(shop, "orders", "lines")
        else:
            assert validate(shop, code=1)["lines"]["state"] == "different"
            assert validate(shop, "--table-filter", "orders")["orders"]["state"] == "equal"


def test_a_followed_table_and_who_may_only_select(followed):
    """Without REPLICATION the snapshot has no exact position: tables are compared as they are, and that is told."""
    with reader(followed, *NAMES, "idle"):
        result = followed.run("validate", "--source", "shop", "--deep", "--format", "json").expect(0)
        document = valid(result.json, "validate")
        assert {table["state"] for table in document["tables"]} == {"equal"} and not document["at_one_position"]
        assert {table["compared_at"] for table in document["tables"]} == {None}
        assert "not exact" in result.err and "REPLICATION" in result.err, result
        followed.server.sql("INSERT INTO idle VALUES (77)", followed.database)
        result = followed.run("validate", "--source", "shop", "--deep", "--table-filter", "idle").expect(1)
        assert "changes since the lake's position are differences, too" in result.err


def test_a_repair_that_is_killed_leaves_the_table_before_or_after(shop):
    shop.load("shop")
    before = expected.read(shop.connection, "public", "orders")
    for delay_ms in (20, 60, 100, 150, 220):
        shop.server.sql(f"UPDATE orders SET note = 'round {delay_ms}' WHERE id % 2 = 0", shop.database)
        after = expected.read(shop.connection, "public", "orders")
        process = shop.start("validate", "--source", "shop", "--repair", "--yes", "--table-filter", "orders")
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = read_pyiceberg(shop.lake, "bronze.shop", "orders")
        try:
            assert_equal(before, found, "PyIceberg")
        except AssertionError:
            assert_equal(after, found, "PyIceberg")
        validate(shop, "--repair", "--yes", "--table-filter", "orders")
        assert_like_source(shop, "orders")
        before = after


@pytest.fixture
def followed(project, new_database):
    """Tables that have been loaded and followed, with a connection that changes them."""
    project.database, project.connection = new_database(TABLES + "CREATE TABLE idle (id int PRIMARY KEY); INSERT INTO idle VALUES (1)")
    project.environment["SUPER_PASSWORD"] = project.server.password
    project.source("shop", project.database, "public", follow={"from": "postgres", "commit_interval": "300ms"},
                   connection={"username": SUPERUSER, "password": "${SUPER_PASSWORD}"}, tables={"pair": {"format_version": 3}})
    project.load("shop")
    project.run("follow", "--source", "shop", "--until-caught-up").expect(0)
    yield project
    project.server.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'firn_shop'")


@contextlib.contextmanager
def writers(project, seed):
    """Changes that never cease."""
    stop = threading.Event()

    def work():
        with psycopg.connect(project.connection.info.dsn, password=project.server.password, autocommit=True) as connection:
            work = Workload(connection, seed)
            while not stop.is_set():
                with contextlib.suppress(psycopg.errors.UniqueViolation):
                    connection.execute(work.statement())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def following(project):
    process = project.start("follow", "--source", "shop")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def assert_joint(project, tables):
    """All were compared, at one position."""
    assert {name: table["state"] for name, table in tables.items()} == dict.fromkeys((*NAMES, "idle"), "equal")
    assert len({table["compared_at"] for table in tables.values()}) == 1 and tables["keyed"]["compared_at"]


def wait_for_follow(project, name="keyed"):
    events = lambda: int(project.lake.static_table("bronze.shop", name).metadata.properties.get("firn.events-applied", 0))
    before, deadline = events(), time.monotonic() + 60
    while events() == before and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_followed_table_is_brought_to_the_position_of_the_source(followed):
    """While others write, and nobody follows: nothing differs, nothing of later is in the lake."""
    with writers(followed, 11):
        for _ in range(2):
            time.sleep(0.3)
            assert_joint(followed, validate(followed, "--deep"))
    lake = validate(followed, "--deep", "--wait", "0s", code=1)
    assert {table["compared_at"] for table in lake.values()} == {None}, "as it is: behind the source"
    result = followed.run("validate", "--source", "shop", "--deep").expect(0)
    assert "source and followed tables at" in result.err.splitlines()[-1]


def test_a_table_is_compared_while_it_is_followed(followed):
    with following(followed):
        with writers(followed, 12):
            wait_for_follow(followed)
            for _ in range(2):
                assert_joint(followed, validate(followed, "--deep"))
        assert_joint(followed, validate(followed, "--deep"))
    assert not list((followed.folder / "checkpoints").rglob("cut"))


def test_a_followed_table_is_repaired_at_the_position_of_the_source(followed):
    """What the stream of changes did not have is mended; what the source changes meanwhile is no difference, and comes once."""
    followed.server.sql("ALTER PUBLICATION firn_shop SET (publish = 'update, delete'); INSERT INTO idle VALUES (7);"
                        "ALTER PUBLICATION firn_shop SET (publish = 'insert, update, delete, truncate'); INSERT INTO idle VALUES (2)", followed.database)
    with writers(followed, 13):
        tables = validate(followed, "--repair", "--yes")
    assert {name: table["state"] for name, table in tables.items()} == {**dict.fromkeys(NAMES, "equal"), "idle": "repaired"}
    assert tables["idle"]["repaired_keys"] == 1
    assert_joint(followed, validate(followed, "--deep"))
    assert_like_source(followed, *NAMES, "idle")


def test_a_lock_of_another_job_is_not_waited_for_longer_than_asked(followed):
    import fcntl
    with open(next((followed.folder / "checkpoints").rglob("lock")), "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = followed.run("validate", "--source", "shop", "--deep", "--wait", "200ms", "--format", "json").expect(0)
    assert {table["compared_at"] for table in result.json["tables"]} == {None} and not result.json["at_one_position"]
    assert "the lake is compared as it is" in result.err
