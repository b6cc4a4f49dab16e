"""What commands print as JSON about a real database is what docs/output.schema.json says."""
import json
import pathlib
import shutil

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = """
CREATE TABLE a (id int PRIMARY KEY, n numeric); INSERT INTO a SELECT g, g FROM generate_series(1, 1000) g; INSERT INTO a VALUES (0, 'NaN');
CREATE TABLE b (v text); CREATE VIEW w AS SELECT 1;
"""


def valid(document, kind):
    schema = json.loads((ROOT / "docs" / "output.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).validate(document)
    return document


@pytest.fixture
def shop(project, new_database):
    project.database, project.connection = new_database(TABLES)
    return project.source("shop", project.database, "public")


def test_check(shop):
    document = valid(json.loads(shop.run("check", "--source", "shop", "--format", "json").out), "check")
    subjects = {finding["subject"]: finding for finding in document["findings"]}
    assert subjects["public.a.n"]["level"] == "warning" and "NaN" in subjects["public.a.n"]["text"]
    assert subjects["public.b"]["level"] == "warning" and subjects["public.w"]["level"] == "note"


def test_dry_run_reads_nothing_and_writes_nothing(shop):
    document = valid(shop.run("load", "--source", "shop", "--dry-run", "--format", "json").expect(0).json, "dry_run")
    table = next(table for table in document["tables"] if table["table"] == "a")
    assert table["columns"][0] == {"column": "id", "type": "int", "required": True, "key": True}
    assert any(finding["column"] == "n" for finding in table["findings"])
    assert not shop.warehouse.exists() and not (shop.folder / "logs").exists()


def test_load_lines_record_and_status(shop):
    result = shop.run("load", "--source", "shop", "--log-format", "json", "--progress-interval", "100ms").expect(1)
    lines = [json.loads(line) for line in result.err.splitlines()]
    for line in lines[:-1]:
        valid(line, {"progress": "progress_line", "summary": "summary_line"}.get(line.get("type"), "log_line"))
    assert valid(lines[-1], "exit_line")["error"] == "FIRN-5001"
    summary = next(line for line in lines if line.get("type") == "summary")
    record = valid(shop.run_json(), "run_record")
    assert record["exit_code"] == 1 and record["tables_failed"] == summary["tables_failed"] == 1
    assert {table["table"]: table["status"] for table in record["tables"]} == {"a": "failed", "b": "completed"}
    status = valid(shop.run("status", "--source", "shop", "--format", "json").expect(0).json, "status")
    assert {table["table_name"]: table["load_status"] for table in status["tables"]} == {"a": "failed", "b": "completed"}


def test_status_gives_the_checksum_of_the_current_snapshot(shop):
    shop.connection.execute("DELETE FROM a WHERE n = 'NaN'")

    def checksums():
        document = valid(shop.run("status", "--source", "shop", "--format", "json").expect(0).json, "status")
        return {table["table_name"]: table["rows_checksum"] for table in document["tables"]}

    shop.load("shop")
    first = checksums()
    of_run = {table["table"]: table["rows_checksum"] for table in shop.run_json()["tables"]}
    assert first == of_run and all(first.values())

    # The same rows in another order, and one row that is another.
    shop.connection.execute("DELETE FROM a; INSERT INTO a SELECT g, g FROM generate_series(1000, 1, -1) g")
    shop.connection.execute("INSERT INTO b VALUES ('x')")
    shop.load("shop", "--no-resume")
    assert checksums()["a"] == first["a"] and checksums()["b"] != first["b"]

    # A table that is gone hides nothing of the others.
    shutil.rmtree(shop.warehouse / "bronze" / "shop" / "b")
    assert checksums() == {"a": first["a"], "b": None}
