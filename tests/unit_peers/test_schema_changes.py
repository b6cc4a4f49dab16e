"""`firn schema-changes` and other readers see what was recorded, each change once."""
import json
import os
import pathlib
import subprocess

import duckdb
import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FIRN_BUILD_DIR", ROOT / "build"))
FIRN = os.environ.get("FIRN_BIN", str(BUILD / "firn"))
SOURCES = """sources:
  shop:
    database_type: postgres
    iceberg_namespace: shop
    database_connection: {host: localhost, database: shop, username: u, password: "${P}", schema: public}
"""
DAY_US = 86_400_000_000
ROWS = [
    {"changed_at_us": 20000 * DAY_US, "table_name": "orders", "column_name": "note", "field_id": 4, "kind": "add_column",
     "after": "string", "action": "applied", "position": "0/10"},
    {"changed_at_us": 20001 * DAY_US, "table_name": "lines", "column_name": "qty", "field_id": 2, "kind": "change_type",
     "before": "int", "after": "string", "action": "reload", "note": "another type", "position": "0/20"},
    {"changed_at_us": 20002 * DAY_US, "table_name": "orders", "column_name": "note", "field_id": 4, "kind": "drop_column",
     "before": "string", "action": "stopped", "position": "0/30"},
]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "sources.yaml").write_text(SOURCES)
    return tmp_path


def record(project, rows):
    done = subprocess.run([BUILD / "tests" / "unit_peers" / "change_recorder", f"file://{project}/warehouse", "shop"], text=True,
                          capture_output=True, input="".join(json.dumps(row) + "\n" for row in rows))
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def firn(project, *arguments, command="schema-changes", code=0):
    done = subprocess.run([FIRN, command, "--source", "shop", *arguments], cwd=project, text=True, capture_output=True,
                          env={"PATH": os.environ["PATH"]})
    assert done.returncode == code, done.stderr
    return done


def changes(project, *arguments):
    document = json.loads(firn(project, "--format", "json", *arguments).stdout)
    schema = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/schema_changes"}).validate(document)
    return document["changes"]


def test_nothing_recorded_is_an_empty_list(project):
    assert changes(project) == []
    assert "no change of a table has been recorded" in firn(project).stderr


def test_filters(project):
    assert record(project, ROWS[:2]) == 2 and record(project, ROWS) == 1 and record(project, ROWS) == 0
    found = changes(project)
    assert [change["kind"] for change in found] == ["add_column", "change_type", "drop_column"]
    assert found[0]["changed_at"] == "2024-10-04T00:00:00Z" and found[0]["before"] is None and found[0]["field_id"] == 4
    assert [change["table_name"] for change in changes(project, "--table-filter", "li%")] == ["lines"]
    assert [change["kind"] for change in changes(project, "--kind", "%_column")] == ["add_column", "drop_column"]
    assert len(changes(project, "--since", "2024-10-05")) == 2 and len(changes(project, "--since", "2024-10-05T00:00:01Z")) == 1
    assert changes(project, "--since", "1h") == [] and len(changes(project, "--since", "36500d")) == 3
    assert [change["position"] for change in changes(project, "--limit", "1")] == ["0/30"]
    text = firn(project, command="query_schema_changes").stdout
    assert "another type" in text and len(text.splitlines()) == 4
    assert "--since" in firn(project, "--since", "yesterday", code=64).stderr


def test_other_readers(project):
    record(project, ROWS)
    metadata = max((project / "warehouse" / "shop" / "_schema_changes" / "metadata").glob("v*.metadata.json"))
    from pyiceberg.table import StaticTable
    table = StaticTable.from_metadata(str(metadata))
    rows = table.scan().to_arrow().sort_by("changed_at").to_pylist()
    assert [(row["table_name"], row["kind"], row["action"], row["field_id"]) for row in rows] == [
        ("orders", "add_column", "applied", 4), ("lines", "change_type", "reload", 2), ("orders", "drop_column", "stopped", 4)]
    files = [file.file.file_path for file in table.scan().plan_files()]
    assert duckdb.sql(f"SELECT count(*), min(changed_at)::DATE::VARCHAR FROM read_parquet({files})").fetchone() == (3, "2024-10-04")
