"""Values that the Iceberg type cannot hold: refused with directions, or treated as declared and counted."""
import pytest

import expected
from judges import read_pyiceberg


def load(project, table, policy=None, column_policies=None, code=0, **types):
    settings = {}
    if policy:
        settings["types"] = {"unrepresentable": policy, **types}
    if column_policies:
        settings["tables"] = {table: {"types": column_policies}}
    project.source("p", "edge", "policy", **settings)
    return project.load("p", "--table-filter", table, code=code)


def values(project, table, column="v"):
    rows = read_pyiceberg(project.lake, "bronze.p", table)
    assert rows["id"].to_pylist() == sorted(rows["id"].to_pylist())
    return rows[column]


def coerced(project, table):
    return int(project.lake.current_snapshot("bronze.p", table)["summary"].get("firn.coerced-values", "0"))


@pytest.mark.parametrize("table,column,key", [
    ("numeric_nan", "v", "2"), ("numeric_infinity", "v", "2"), ("numeric_scale", "v", "2"), ("numeric_range", "v", "2"),
    ("date_infinity", "v", "2"), ("timestamp_infinity", "v", "2"), ("timestamp_far", "v", "2"), ("array_matrix", "v", "2")])
def test_error_is_the_default_and_says_what_to_write(edge, project, table, column, key):
    result = load(project, table, code=1)
    assert "FIRN-2101" in result.err
    message = next(line for line in result.err.splitlines() if "FIRN-2101" in line)
    for part in (table, f"'{column}'", f"id={key}", "sources.yaml", f"sources.p.tables.{table}.types"):
        assert part in message, f"{part!r} is not in the message\n{result}"
    assert project.lake.tables("bronze.p") in ([], ["_cdc_status"]), "a failed table must not be visible"


@pytest.mark.parametrize("table,wanted", [
    ("numeric_nan", ["1.50", None, None]), ("numeric_infinity", ["1.5000000000", None, None]),
    ("numeric_scale", ["1.5000000000", None, None, None]), ("numeric_range", ["1.5000000000", None, None]),
    ("date_infinity", ["2026-01-01", None, None]), ("array_matrix", ["[1, 2]", None])])
def test_null(edge, project, table, wanted):
    load(project, table, "null")
    assert [None if value is None else str(value) for value in values(project, table).to_pylist()] == wanted
    nulls_before = 1 if table == "numeric_nan" else 0
    assert coerced(project, table) == wanted.count(None) - nulls_before


def test_null_of_time_stamps(edge, project):
    load(project, "timestamp_infinity", "null")
    assert [value is None for value in values(project, "timestamp_infinity").to_pylist()] == [False, True, True]
    assert [value is None for value in values(project, "timestamp_infinity", "z").to_pylist()] == [False, True, True]
    assert coerced(project, "timestamp_infinity") == 4


def test_round(edge, project):
    load(project, "numeric_scale", "round")
    assert [str(value) for value in values(project, "numeric_scale").to_pylist()] == \
        ["1.5000000000", "0.1234567891", "-1E-10", "0E-10"]
    assert coerced(project, "numeric_scale") == 3


def test_round_does_not_help_what_is_too_large(edge, project):
    result = load(project, "numeric_range", "round", code=1)
    assert "FIRN-2101" in result.err


def test_clamp(edge, project):
    load(project, "numeric_range", "clamp")
    most = "9" * 28 + "." + "9" * 10
    assert [str(value) for value in values(project, "numeric_range").to_pylist()] == ["1.5000000000", most, f"-{most}"]
    assert coerced(project, "numeric_range") == 2


def test_clamp_of_infinity(edge, project):
    import pyarrow as pa
    load(project, "date_infinity", "clamp")
    days = values(project, "date_infinity").cast(pa.int32()).to_pylist()
    assert days[1:] == [expected.parse_days("9999-12-31"), expected.parse_days("0001-01-01")]
    assert coerced(project, "date_infinity") == 2


@pytest.mark.parametrize("table,wanted", [
    ("numeric_nan", ["1.50", "NaN", None]), ("numeric_infinity", ["1.5", "Infinity", "-Infinity"]),
    ("numeric_range", ["1.5", "1" + "0" * 28, "-1" + "0" * 40]), ("date_infinity", ["2026-01-01", "infinity", "-infinity"]),
    ("array_matrix", ["{1,2}", "{{1,2},{3,4}}"])])
def test_text_makes_the_column_a_string(edge, project, table, wanted):
    load(project, table, column_policies={"v": "text"})
    assert values(project, table).to_pylist() == wanted
    assert str(project.lake.static_table("bronze.p", table).schema().find_field("v").field_type) == "string"


def test_column_over_source(edge, project):
    project.source("p", "edge", "policy", types={"unrepresentable": "null"}, tables={"timestamp_infinity": {"types": {"z": "text"}}})
    project.load("p", "--table-filter", "timestamp_infinity")
    assert [value is None for value in values(project, "timestamp_infinity").to_pylist()] == [False, True, True]
    assert values(project, "timestamp_infinity", "z").to_pylist()[1:] == ["infinity", "-infinity"]


def test_a_failed_table_does_not_stop_the_others(edge, project):
    project.source("p", "edge", "policy")
    result = project.load("p", code=1)
    assert result.summary()["failed"] == 8 and result.summary()["done"] == 0
    result = project.load("p", "--table-filter", "%", code=1)
    assert result.summary()["failed"] == 8


def test_coerced_values_are_told(edge, project):
    result = load(project, "numeric_nan", "null")
    assert "1" in next(line for line in result.err.splitlines() if "coerced" in line or "unrepresentable" in line or "null" in line)
    table = next(item for item in project.run_json()["tables"] if item.get("name", item.get("table")) == "numeric_nan")
    assert 1 in table.values()
