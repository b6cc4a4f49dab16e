"""Options of `firn load`: what is taken, what is left out, what a second run does."""
import pytest

import expected
from judges import assert_equal, read_pyiceberg

SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric(10,2), note text);
INSERT INTO orders SELECT g, g % 7, g * 1.5, 'n' || g FROM generate_series(1, 1000) g;
CREATE TABLE order_items (order_id int, line int, sku text, PRIMARY KEY (order_id, line));
INSERT INTO order_items SELECT g, 1, 'sku' || g FROM generate_series(1, 500) g;
CREATE TABLE customers (id int PRIMARY KEY, name text);
INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob');
CREATE TABLE nothing (id int PRIMARY KEY);
CREATE TABLE journal (at timestamptz, what text);
INSERT INTO journal VALUES ('2026-01-01+00', 'x'), ('2026-01-01+00', 'x');
"""
ALL = {"orders", "order_items", "customers", "nothing", "journal"}


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(SHOP)
    project.source("shop", project.database, "public")
    return project


def tables(project):
    return set(project.lake.tables("bronze.shop")) - {"_cdc_status"}


def assert_table(project, name, **keywords):
    assert_equal(expected.read(project.connection, "public", name, **keywords),
                 read_pyiceberg(project.lake, "bronze.shop", name), "PyIceberg")


def test_all_tables(shop):
    result = shop.load("shop")
    assert tables(shop) == ALL
    summary = result.summary()
    assert (summary["done"], summary["failed"], summary["skipped"], summary["rows"]) == (5, 0, 0, 1504)
    assert summary["position"]
    for name in ALL:
        assert_table(shop, name)


def test_alias(shop):
    shop.run("direct_bulk_load", "--source", "shop", "--table-filter", "customers").expect(0)
    assert tables(shop) == {"customers"}


@pytest.mark.parametrize("patterns,wanted", [
    (["order%"], {"orders", "order_items"}), (["order_"], {"orders"}), (["customers", "journal"], {"customers", "journal"}),
    ([r"order\_%"], {"order_items"}), (["%"], ALL)])
def test_table_filter_is_sql_like(shop, patterns, wanted):
    shop.load("shop", *[word for pattern in patterns for word in ("--table-filter", pattern)])
    assert tables(shop) == wanted


def test_filter_that_matches_nothing(shop):
    result = shop.load("shop", "--table-filter", "ORDERS", code=66)
    assert "FIRN-5002" in result.err and "ORDERS" in result.err


def test_skip_empty_tables(shop):
    shop.source("shop", shop.database, "public", bulk_load={"skip_empty_tables": True})
    result = shop.load("shop")
    assert tables(shop) == ALL - {"nothing"}
    assert result.summary()["skipped"] == 1
    assert "nothing" in result.err


def test_table_without_key_warns_and_names_the_setting(shop):
    result = shop.load("shop", "--table-filter", "journal")
    warning = next(line for line in result.err.splitlines() if "journal" in line and "primary_keys" in line)
    assert "primary key" in warning
    assert_table(shop, "journal")


def test_configured_primary_key(shop):
    shop.source("shop", shop.database, "public", primary_keys={"journal": ["what"]})
    result = shop.load("shop", "--table-filter", "journal")
    schema = shop.lake.static_table("bronze.shop", "journal").schema()
    assert [schema.find_field(number).name for number in schema.identifier_field_ids] == ["what"]
    assert "primary_keys" not in result.err


def test_configured_key_of_an_unknown_column(shop):
    shop.source("shop", shop.database, "public", primary_keys={"journal": ["wath"]})
    result = shop.run("load", "--source", "shop", "--table-filter", "journal")
    assert result.code in (1, 64) and "wath" in result.err and "sources.shop.primary_keys.journal" in result.err


def test_exclude_columns(shop):
    shop.source("shop", shop.database, "public", tables={"orders": {"exclude_columns": ["note"]}})
    shop.load("shop", "--table-filter", "orders")
    assert_table(shop, "orders", excluded=("note",))


def test_second_run_reads_nothing_again(shop):
    shop.load("shop")
    before = {name: shop.lake.current_snapshot("bronze.shop", name) for name in ALL}
    shop.connection.execute("INSERT INTO customers VALUES (3, 'Late')")

    result = shop.load("shop", "--exit-unchanged", "99", code=99)

    assert {name: shop.lake.current_snapshot("bronze.shop", name) for name in ALL} == before
    assert result.summary()["failed"] == 0
    shop.load("shop")


def test_no_resume_loads_again(shop):
    shop.load("shop")
    shop.connection.execute("INSERT INTO customers VALUES (3, 'Late'); DELETE FROM orders WHERE id > 10")

    shop.load("shop", "--no-resume")

    for name in ALL:
        assert_table(shop, name)


def test_fresh_start_needs_a_yes(shop):
    shop.load("shop")
    before = shop.lake.files()
    result = shop.load("shop", "--fresh-start", code=64)
    assert "FIRN-1020" in result.err and "--yes" in result.err
    assert {name: size for name, size in shop.lake.files().items()} == before


def test_fresh_start(shop):
    shop.load("shop")
    shop.connection.execute("DROP TABLE customers; ALTER TABLE orders DROP COLUMN note; CREATE TABLE added (id int PRIMARY KEY)")
    result = shop.load("shop", "--fresh-start", "--yes")
    assert "orders" in result.err
    assert_table(shop, "orders")
    assert_table(shop, "added")


def test_fresh_start_drops_nothing_when_the_source_cannot_be_read(shop):
    shop.load("shop")
    before = shop.lake.files()
    result = shop.run("load", "--source", "shop", "--fresh-start", "--yes", env={"FIRN_TEST_PASSWORD": "wrong"})
    assert result.code == 77
    assert shop.lake.files() == before


def test_fresh_start_leaves_other_sources_alone(shop):
    shop.source("second", shop.database, "public", namespace="bronze.second")
    shop.load("shop")
    shop.load("second")
    before = {name: size for name, size in shop.lake.files().items() if "second" in name}
    shop.load("shop", "--fresh-start", "--yes")
    assert {name: size for name, size in shop.lake.files().items() if "second" in name} == before


def test_dry_run_writes_nothing(shop):
    result = shop.load("shop", "--dry-run")
    assert not shop.warehouse.exists() or shop.lake.files() == {}
    for name in ALL:
        assert name in result.out
    assert "decimal(10,2)" in result.out.replace(" ", "")


def test_schema_only(shop):
    shop.load("shop", "--schema-only")
    for name in ALL:
        assert shop.lake.static_table("bronze.shop", name).scan().count() == 0
    shop.load("shop")
    for name in ALL:
        assert_table(shop, name)


def test_two_schemas_with_the_same_tables(server, edge, project):
    for schema in ("edge", "other"):
        project.source(schema, "edge", schema)
        project.load(schema, "--table-filter", "twins")
    for schema in ("edge", "other"):
        assert_equal(expected.read(edge, schema, "twins"), read_pyiceberg(project.lake, f"bronze.{schema}", "twins"), "PyIceberg")


def test_two_sources_cannot_share_a_table(server, edge, project):
    project.source("edge", "edge", "edge", namespace="bronze.both")
    project.source("other", "edge", "other", namespace="bronze.both")
    project.load("edge", "--table-filter", "twins")
    before = project.lake.metadata("bronze.both", "twins")
    result = project.load("other", "--table-filter", "twins", code=1)
    assert "FIRN-3105" in result.err
    assert project.lake.metadata("bronze.both", "twins") == before


@pytest.mark.parametrize("setting,kind", [
    ("decimal(38,20)", expected.Kind("decimal", 38, 20)), ("string", expected.STRING), ("double", expected.Kind("double"))])
def test_unbounded_numeric(project, new_database, setting, kind):
    name, connection = new_database("CREATE TABLE n (id int PRIMARY KEY, v numeric, w numeric(45,2), l numeric[]); "
                                    "INSERT INTO n VALUES (1, 1.50, 2.25, '{0.125,NULL}'), (2, -123456789.000001, 0, '{}')")
    project.source("n", name, "public", types={"unbounded_numeric": setting})
    project.load("n")
    assert_equal(expected.read(connection, "public", "n", expected.Settings(unbounded=kind)),
                 read_pyiceberg(project.lake, "bronze.n", "n"), "PyIceberg")


def test_numeric_as_string_keeps_every_digit(project, new_database):
    name, connection = new_database("CREATE TABLE n (id int PRIMARY KEY, v numeric); "
                                    "INSERT INTO n VALUES (1, 'NaN'), (2, 'Infinity'), (3, 1e100), (4, 1.10), (5, 1e-100)")
    project.source("n", name, "public", types={"unbounded_numeric": "string"})
    project.load("n")
    assert_equal(expected.read(connection, "public", "n", expected.Settings(unbounded=expected.STRING)),
                 read_pyiceberg(project.lake, "bronze.n", "n"), "PyIceberg")


def test_time_as_time(project, new_database, duck):
    name, connection = new_database("CREATE TABLE n (id int PRIMARY KEY, t time, l time[]); "
                                    "INSERT INTO n VALUES (1, '00:00', '{}'), (2, '23:59:59.999999', '{12:00,NULL}'), (3, NULL, NULL)")
    project.source("n", name, "public", types={"time": "time"})
    project.load("n")
    want = expected.read(connection, "public", "n", expected.Settings(time_as_string=False))
    assert_equal(want, read_pyiceberg(project.lake, "bronze.n", "n"), "PyIceberg")
    assert_equal(want, duck.read(project.lake, "bronze.n", "n"), "DuckDB")


def test_comments_become_docs(edge, project):
    project.source("edge", "edge", "edge")
    project.load("edge", "--table-filter", "many%")
    schema = project.lake.static_table("bronze.edge", "many_rows").schema()
    assert schema.find_field("w").doc == "weight in kg"
    assert project.lake.metadata("bronze.edge", "many_rows")["properties"]["comment"] == 'Many rows, with a "quoted" comment: é 🐘'


def test_parallel_splits_hold_every_row_once(edge, project):
    project.source("edge", "edge", "edge", bulk_load={"large_table_threshold": 100, "parallel_tables": 4, "batch_size": 64})
    for table in ("many_rows", "measurement", "toasted", "no_key"):
        project.load("edge", "--table-filter", table)
        assert_equal(expected.read(edge, "edge", table), read_pyiceberg(project.lake, "bronze.edge", table), "PyIceberg")


def test_one_point_in_time(project, new_database):
    """Rows that are written while the load runs are in no table, or in all."""
    name, connection = new_database(
        "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);"
        "INSERT INTO a SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 60000) g; INSERT INTO b SELECT * FROM a")
    project.source("n", name, "public", bulk_load={"parallel_workers": 1, "large_table_threshold": 1000})
    process = project.start("load", "--source", "n")
    place = 60000
    while process.poll() is None:
        place += 1
        connection.execute(f"INSERT INTO a VALUES ({place}, 'x'); INSERT INTO b VALUES ({place}, 'x')")
    assert process.returncode == 0, process.stderr.read()
    read = [set(read_pyiceberg(project.lake, "bronze.n", table)["id"].to_pylist()) for table in ("a", "b")]
    assert read[0] == read[1] and len(read[0]) >= 60000
    assert max(read[0]) < place


def test_columns_keep_their_place_in_the_source(shop):
    """What tells a rename from another column later on."""
    shop.server.sql("ALTER TABLE orders DROP COLUMN customer; ALTER TABLE orders ADD COLUMN place int NOT NULL DEFAULT 7", shop.database)
    shop.load("shop")
    properties = shop.lake.metadata("bronze.shop", "orders")["properties"]
    assert properties["firn.column-places"] == "1:1!,2:3,3:4,4:5!"
