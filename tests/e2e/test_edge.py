"""Every type at its edges, odd names and odd tables: each reader sees exactly the source's rows."""
import functools
import os
import urllib.parse

import pytest

import expected
from firn import Project
from judges import assert_equal, differences, iceberg_type, read_pyiceberg
import scanned
from servers.process import scratch_folder

TABLES = [
    "100%_of{it}[x]:y;z,w=v#u?t&s+r@q!p$o^n(m)", "1digit", "CamelCase", "Twins", "child", "column_twins", "composite_key",
    "dotted.name", "dropped_columns", "empty_parts", "empty_table", "hashed", "many_rows", "measurement", "metadata",
    "nested_names", "no_key", "parent", "partial_unique", "quo\"te'd", "select",
    "sixty_three_bytes_is_the_longest_name_that_postgresql_keeps_who", "slash/ed", "t_array", "t_array_text", "t_bit", "t_bytea",
    "t_composite", "t_date", "t_document", "t_domain", "t_extension", "t_float", "t_float_nan", "t_generated", "t_geometric",
    "t_hstore", "t_integer", "t_ltree", "t_money", "t_network", "t_numeric", "t_numeric_unbounded", "t_postgis", "t_range",
    "t_search", "t_system", "t_text", "t_text_big", "t_text_bounds", "t_time", "t_time_far", "t_time_midnight", "t_timestamp",
    "t_uuid", "toasted", "twins", "unique_key", "unlogged_table", "wide_1600", "wide_500", "with space",
    "ünïcödé 日本 🐘",
]
# Iceberg has no table without columns.
NOT_TABLES = {"no_columns"}


class Loaded:
    """The edge database in a lake, and what it must be equal to."""

    def __init__(self, server, connection, version):
        self.connection = connection
        self.namespace = f"bronze.edge{version}"
        self.project = Project(scratch_folder(f"edge{version}"), server)
        tables = {name: {"format_version": 3} for name in TABLES} if version == 3 else {}
        self.project.source("edge", "edge", "edge", namespace=self.namespace, **({"tables": tables} if tables else {}))
        self.result = self.project.run("load", "--source", "edge", timeout=600)
        self.lake = self.project.lake

    @functools.cache
    def expected(self, name):
        return expected.read(self.connection, "edge", name)

    def folder(self, name):
        return self.lake.folder(self.namespace, name)


@pytest.fixture(scope="session")
def v2(server, edge):
    return Loaded(server, edge, 2)


@pytest.fixture(scope="session")
def v3(server, edge):
    return Loaded(server, edge, 3)


def read_spark(spark, loaded, name):
    """By name from the catalog. A Hadoop catalog's names are its folders': with the characters escaped that those cannot have."""
    return spark.read(loaded.project.warehouse, loaded.namespace, os.path.basename(loaded.folder(name)))


def test_no_table_is_forgotten_here(edge):
    assert set(expected.table_names(edge, "edge")) == set(TABLES) | NOT_TABLES


def test_load_says_what_it_did(v2):
    v2.result.expect(0)
    assert v2.result.summary()["failed"] == 0
    assert v2.result.summary()["done"] == len(TABLES)


def test_what_is_no_table_is_left_out_and_said_so(v2):
    for name in ("a_view", "a_matview", "a_foreign_table", "no_columns"):
        assert name in v2.result.err, f"nothing said about {name}"
    assert set(v2.lake.tables(v2.namespace)) == set(TABLES) | {"_cdc_status"}


@pytest.mark.parametrize("name", TABLES)
def test_pyiceberg(v2, name):
    assert_equal(v2.expected(name), read_pyiceberg(v2.lake, v2.namespace, name), "PyIceberg")


@pytest.mark.parametrize("name", TABLES)
def test_duckdb(v2, duck, name):
    assert_equal(v2.expected(name), duck.read(v2.lake, v2.namespace, name), "DuckDB")


@pytest.mark.parametrize("name", TABLES)
def test_spark_with_iceberg_1_4_2(v2, spark_old, name):
    assert_equal(v2.expected(name), read_spark(spark_old, v2, name), "Spark with Iceberg 1.4.2")


@pytest.mark.parametrize("name", TABLES)
def test_spark_with_iceberg_1_10_0(v2, spark_new, name):
    assert_equal(v2.expected(name), read_spark(spark_new, v2, name), "Spark with Iceberg 1.10.0")


@pytest.mark.parametrize("name", TABLES)
def test_spark_with_iceberg_1_10_0_on_version_3(v3, spark_new, name):
    assert v3.lake.metadata(v3.namespace, name)["format-version"] == 3
    assert_equal(v3.expected(name), read_spark(spark_new, v3, name), "Spark with Iceberg 1.10.0 on version 3")


@pytest.mark.parametrize("name", TABLES)
def test_pyiceberg_on_version_3(v3, name):
    assert_equal(v3.expected(name), read_pyiceberg(v3.lake, v3.namespace, name), "PyIceberg on version 3")


def read_firn(loaded, name, form):
    quoted = name.replace('"', '""')
    path = loaded.project.folder / f"scanned.{form}"
    with open(path, "wb") as out:  # not through a pipe of texts, which would change the ends of lines
        loaded.project.run("scan", f'{loaded.namespace}."{quoted}"', "--format", form, stdout=out).expect()
    text = path.read_bytes().decode()
    path.unlink()
    return getattr(scanned, f"{form}_rows")(text, loaded.expected(name).columns)


@pytest.mark.parametrize("name", TABLES)
def test_firn_scan(v2, name):
    for form in ("json", "csv"):
        assert not differences(v2.expected(name), read_firn(v2, name, form)), form


def test_firn_scan_finds_names_with_dots_without_quotes(v2):
    assert v2.project.run("scan", f"{v2.namespace}.dotted.name", "--count").expect().out == \
        f"{len(v2.expected('dotted.name').rows)}\n"


@pytest.mark.parametrize("name", TABLES)
def test_firn_scan_on_version_3(v3, name):
    assert not differences(v3.expected(name), read_firn(v3, name, "json"))


@pytest.mark.parametrize("name", TABLES)
def test_schema(v2, name):
    """Names, types, identifier fields, docs: as documented, not merely readable."""
    want = v2.expected(name)
    schema = v2.lake.static_table(v2.namespace, name).schema()
    assert [(field.name, iceberg_type(field.field_type)) for field in schema.fields] == \
        [(column, kind.iceberg()) for column, kind in want.columns]
    assert sorted(schema.find_field(number).name for number in schema.identifier_field_ids) == sorted(want.key)
    assert {field.name: field.doc for field in schema.fields if field.doc} == want.column_comments
    if want.comment:
        assert v2.lake.metadata(v2.namespace, name)["properties"]["comment"] == want.comment


@pytest.mark.parametrize("name", TABLES)
def test_properties_name_the_source(v2, name):
    properties = v2.lake.metadata(v2.namespace, name)["properties"]
    assert properties["firn.source-table"] in (name, f"edge.{name}", f'edge."{name}"')
    assert properties["firn.commit-id"] and properties["firn.load-position"] and properties["firn.source-identity"]


def test_spark_sees_all_tables_of_the_namespace(v2, spark_old):
    catalog = spark_old.catalog(v2.project.warehouse)
    shown = {row[1] for row in spark_old.sql(f"SHOW TABLES IN {catalog}.bronze.edge2")}
    assert {urllib.parse.unquote(name) for name in shown} == set(TABLES) | {"_cdc_status"}


def test_status_table_for_spark(v2, spark_old):
    """The columns of the contract, a row per table."""
    table = spark_old.table(v2.project.warehouse, v2.namespace, "_cdc_status")
    columns = {row[0]: row[1] for row in spark_old.sql(f"DESCRIBE TABLE {table}") if row[0] and not row[0].startswith("#")}
    assert columns == {
        "table_name": "string", "load_status": "string", "record_count": "bigint", "primary_keys": "array<string>",
        "initial_load_start": "timestamp", "initial_load_end": "timestamp", "load_position": "string",
        "cdc_position": "string", "last_event_at": "timestamp", "last_commit_at": "timestamp", "events_applied": "bigint",
        "error_message": "string", "correlation_id": "string", "updated_at": "timestamp"}
    rows = {row[0]: row[1:] for row in spark_old.sql(
        f"SELECT table_name, load_status, record_count, array_join(primary_keys, ',') FROM {table}")}
    for name in TABLES:
        want = v2.expected(name)
        assert rows[name] == ["completed", str(len(want.rows)), ",".join(want.key)], name


def test_filters_by_bounds_find_the_rows(v2, duck, spark_old):
    """Statistics must never hide a row: each key is asked for by equality, with pruning at work."""
    for name in ("t_text_bounds", "t_numeric", "t_timestamp", "t_uuid", "composite_key", "t_date", "t_float"):
        want = v2.expected(name)
        table = v2.lake.static_table(v2.namespace, name)
        key = want.key[0]
        for value in sorted({row[[column for column, _ in want.columns].index(key)] for row in want.rows}):
            literal = f"'{value}'" if isinstance(value, str) else value
            count = sum(1 for row in want.rows if row[[column for column, _ in want.columns].index(key)] == value)
            assert len(table.scan(row_filter=f"{key} = {literal}").to_arrow()) == count, (name, value)


BOUND_QUERIES = [
    ("t_text_bounds", "highest = concat(repeat('\U0010ffff', 20), '3')", 1), ("t_text_bounds", "long_prefix > concat(repeat('prefix ', 20), '4')", 1),
    ("t_float", "twice > 1e308", 3), ("t_float", "single < 0", 2), ("t_float_nan", "isnan(only_nan)", 2),
    ("t_numeric", "n38 > 1", 3), ("t_numeric", "n38_38 < 0", 2), ("t_date", "day < date'0002-01-01'", 1),
    ("t_timestamp", "zoned > timestamp'9999-01-01 00:00:00'", 1), ("t_text", "free = ''", 1), ("t_text", "free > '\U0001d518'", 1),
    ("t_integer", "big = -9223372036854775808", 1), ("t_bytea", "data = X''", 1),
]


@pytest.mark.parametrize("name,condition,count", BOUND_QUERIES)
def test_spark_filters(v2, spark_old, name, condition, count):
    table = spark_old.table(v2.project.warehouse, v2.namespace, name)
    assert spark_old.sql(f"SELECT count(*) FROM {table} WHERE {condition}") == [[str(count)]]


@pytest.mark.parametrize("version", (2, 3))
def test_validate_finds_no_difference(request, version):
    loaded = request.getfixturevalue(f"v{version}")
    result = loaded.project.run("validate", "--source", "edge", "--deep", "--format", "json", timeout=600).expect(0)
    states = {table["table"]: table["state"] for table in result.json["tables"]}
    assert states == dict.fromkeys(TABLES, "equal")
